"""The receiving state machine: many senders at once. Owns the queue to the application and the acknowledgments owed.

Knows neither sockets nor the clock: it is told bytes, the time (`now`, nanoseconds) and from whom, and tells what to send to
whom. It acknowledges only what the application was given: `events` hands a message over, and only then is it delivered.

What a peer does wrong is counted, told as an event and never answered. What does not fit a limit is dropped unacknowledged.
"""

from collections import deque
from collections.abc import Sequence
from itertools import repeat
from operator import itemgetter

from udpmsg.core import runs, wire
from udpmsg.core.arrivals import Arrival
from udpmsg.core.config import Limits
from udpmsg.core.encoder import Encoder
from udpmsg.core.events import Duplicate, Event, Goodbye, LimitReached, Malformed, Message, Peer
from udpmsg.core.fragments import Reassembly
from udpmsg.core.framing import Run
from udpmsg.core.rtt import MAX_ACK_DELAY, SECOND
from udpmsg.core.runs import Messages
from udpmsg.core.session import Session
from udpmsg.core.sessions import Sessions
from udpmsg.core.totals import Totals
from udpmsg.core.wire import Datagram, Kind
from udpmsg.errors import MalformedDatagram

UNFINISHED_KEPT = 10 * SECOND
"""A fire-and-forget message whose fragments have not all come by then has lost one."""
PAYLOAD = itemgetter(Message._fields.index("payload"))
NOTICES_KEPT = 1024
"""Malformed, Duplicate and LimitReached that wait for the application; more are counted, not told."""


class Receiver:
    """One receiving session for any number of senders. Drain `events` and `data_to_send` after every other call."""

    def __init__(
        self, *, session: int, now: int, framed: bool = False, limits: Limits | None = None, counting_only: bool = False
    ) -> None:
        """`counting_only`: messages are counted, and acknowledged as delivered, by the next `events`, which has none."""
        self.session = session
        self._counting_only = counting_only
        self.limits = limits or Limits()
        self._framed = framed
        self._encoder = Encoder(session=session, started=now, framed=framed)
        self._sessions = Sessions(self.limits)
        self._queue: deque[tuple[list[Message] | Event, Session | None, int]] = deque()
        """For the application: messages of one session, which stand together where they came together, with their bytes; and
        events."""
        self._notices = 0
        self._raw_waiting = 0
        self._raw_limit_told = False
        self._sessions_limit_told = False
        # acknowledgments owed: at once, or at a time; the delay is the same for all, so these stand in order of time
        self._owed_now: dict[int, Session] = {}
        self._owed_later: dict[int, tuple[int, Session]] = {}
        self._probe_replies: list[tuple[bytes, Peer]] = []
        self._questions: list[tuple[Session, int, int, Peer]] = []
        """To be answered: about which session, the QUERY's datagram number, from which sequence number on, who asked."""
        self.kernel_drops: int | None = None
        """What the kernel has discarded at the socket so far, as the socket's owner says; None: nobody knows."""
        self._handlers = {
            Kind.MESSAGE: self._receive_message,
            Kind.GOODBYE: self._receive_goodbye,
            Kind.PROBE: self._receive_probe,
            Kind.QUERY: self._receive_query,
        }

    @property
    def sessions_open(self) -> int:
        """Sessions that take a place now."""
        return len(self._sessions)

    @property
    def waiting(self) -> bool:
        """Whether there is something for the application."""
        return bool(self._queue)

    @property
    def malformed(self) -> int:
        """Malformed datagrams and frames so far."""
        return self._sessions.totals_ended.malformed

    @property
    def held_bytes(self) -> int:
        """Bytes that the application does not have yet, reserved ones included."""
        return self._sessions.waiting_bytes

    # What the network tells ----------------------------------------------------------------------------------------------

    def receive(self, batch: Sequence[bytes | Run], *, now: int, peer: Peer) -> None:
        """Take datagrams (or the messages of frames) and runs of them that came from one peer."""
        for data in batch:
            if isinstance(data, Run):
                messages = runs.decode(data, payloads=not self._counting_only)
                if messages is None:
                    self.receive(data.datagrams(), now=now, peer=peer)
                else:
                    self.receive_run(messages, now=now, peer=peer)
                continue
            if not self._framed and not wire.is_ours(data):
                self._receive_raw(data, peer, now)
                continue
            try:
                datagram = wire.decode(data, framed=self._framed)
                handler = self._handlers.get(datagram.kind)
                if handler is None:
                    raise MalformedDatagram("{} means nothing to a receiver", datagram.kind.name)
                handler(datagram, now, peer)
            except MalformedDatagram as error:
                self._sessions.totals_ended.malformed += 1
                self._notify(Malformed(peer, str(error), len(data)))

    def receive_run(self, messages: Messages, *, now: int, peer: Peer) -> None:
        """Take messages that came together from one peer: as a whole where they are what is expected next and there is room."""
        session = self._sessions.find(messages.session)
        size, count = messages.size, len(messages.numbers)
        if session is not None and session.expects(messages):
            if messages.acknowledged:
                self._resolve_below(session, messages.lowest[0])
            if self._has_room(session, messages, size, count, now):
                self._take_run(session, messages, size, count, now, peer)
                if messages.acknowledged:
                    self._resolve_below(session, max(messages.lowest))
                return
        for datagram in messages.datagrams():
            try:
                self._receive_message(datagram, now, peer)
            except MalformedDatagram as error:
                self._sessions.totals_ended.malformed += 1
                length = size + wire.overhead(acknowledged=messages.acknowledged, reply=False, fragment=False)
                self._notify(Malformed(peer, str(error), length))
                if self._framed:
                    return  # the connection will be closed: one is enough

    def disconnected(self, peer: Peer) -> None:
        """The connection is gone: its sessions say nothing more."""
        self._sessions.disconnected(peer)

    # What the application takes ------------------------------------------------------------------------------------------

    def events(self, limit: int | None = None) -> list[Event]:
        """Hand over what has come, at most `limit` events. A message that is returned here is delivered."""
        events: list[Event] = []
        while self._queue and (limit is None or len(events) < limit):
            entry, session, size = self._queue.popleft()
            if isinstance(entry, list):
                room = len(entry) if limit is None or self._counting_only else limit - len(events)
                if len(entry) > room:
                    rest, entry = entry[room:], entry[:room]
                    rest_size = sum(map(len, map(PAYLOAD, rest)))
                    self._queue.appendleft((rest, session, rest_size))
                    size -= rest_size
                if not self._counting_only:
                    events += entry
                assert session is not None
                self._hand_over(session, entry, size)
                continue
            events.append(entry)
            if isinstance(entry, Message):
                self._raw_waiting -= 1
                self._take_raw(entry.payload)
            elif not isinstance(entry, Goodbye):
                self._notices -= 1
        return events

    # What leaves, and when -----------------------------------------------------------------------------------------------

    def data_to_send(self, *, now: int) -> list[tuple[bytes, Peer]]:
        """The acknowledgments that are due, and answers to who asked, each with whom it is for."""
        self.handle_timeout(now=now)
        batch, self._probe_replies = self._probe_replies, []
        questions, self._questions = self._questions, []
        for session, question, begins_at, peer in questions:
            report = session.report(question, begins_at, kernel_drops=self.kernel_drops)
            batch.append((self._encoder.encode(Kind.REPORT, now=now, payload=wire.encode_report(report)), peer))
        owed, self._owed_now = self._owed_now, {}
        for session in owed.values():
            self._owed_later.pop(session.identity, None)
            messages, bytes_free = self._sessions.credit(session)
            acknowledgment = session.acknowledgment(now, messages=messages, bytes_free=bytes_free)
            data = self._encoder.encode(Kind.ACK, now=now, payload=wire.encode_acknowledgment(acknowledgment))
            batch.append((data, session.peer))
        return batch

    def flush(self, *, now: int) -> None:
        """Every acknowledgment owed is due at once: the application is about to run for nobody knows how long."""
        for identity, (_, session) in self._owed_later.items():
            self._owed_now[identity] = session

    def next_timeout(self) -> int | None:
        """When `data_to_send` is due next, in nanoseconds; None: not before something comes in."""
        if self._owed_now or self._probe_replies or self._questions:
            return 0
        return next(iter(self._owed_later.values()))[0] if self._owed_later else None

    def handle_timeout(self, *, now: int) -> None:
        """Acknowledgments that were delayed for as long as they may be become due."""
        for identity, (due, session) in self._owed_later.items():
            if due > now:
                break
            self._owed_now[identity] = session

    def totals(self) -> Totals:
        """Everything counted so far, over the sessions that are open and those that ended."""
        return self._sessions.totals()

    # Helpers: datagrams --------------------------------------------------------------------------------------------------

    def _receive_raw(self, data: bytes, peer: Peer, now: int) -> None:
        if self._counting_only:
            self._sessions.totals_ended.note_arrival(now)
            self._take_raw(data)
            return
        if self._raw_waiting >= self.limits.session_messages:
            self._sessions.totals_ended.over_limit += 1
            if not self._raw_limit_told:
                self._notify(LimitReached(peer, 0, "session_messages", self.limits.session_messages))
            self._raw_limit_told = True
            return
        self._raw_limit_told = False
        self._raw_waiting += 1
        self._sessions.totals_ended.note_arrival(now)
        self._queue.append((Message(data, peer), None, 0))

    def _take_raw(self, data: bytes) -> None:
        totals = self._sessions.totals_ended
        totals.raw_messages += 1
        totals.messages_delivered += 1
        totals.payload_bytes += len(data)

    def _receive_message(self, datagram: Datagram, now: int, peer: Peer) -> None:
        session = self._session(datagram, now, peer)
        if session is None:
            return
        self._resolve_below(session, datagram.lowest)
        arrival = session.arrivals.classify(datagram.sequence)
        if arrival is Arrival.DUPLICATE or arrival is Arrival.STALE:
            self._suppress(session, datagram, arrival, now)
            return
        payload: bytes | None = datagram.payload
        transmission = datagram.transmission or 1
        if datagram.fragment is not None:
            reassembly = self._reassembly(session, datagram, now)
            if reassembly is None:
                return
            payload = reassembly.add(datagram.fragment, datagram.payload, transmission)
            transmission = reassembly.transmission
            if payload is not None:
                self._sessions.release(session, session.reassemblies.pop(datagram.sequence).total)
        elif not self._fits(session, datagram, len(datagram.payload), now):
            return
        self._acknowledge(session, datagram, now)
        if payload is None:
            return
        self._sessions.totals_ended.note_arrival(now)
        session.note_arrival(now)
        session.arrivals.record(datagram.sequence)
        session.reordered += arrival is Arrival.REORDERED
        if transmission == 1 and datagram.fragment is None:
            session.note_transits((datagram.sent_at,), now)
        self._enqueue(
            session,
            Message(
                payload=payload,
                peer=session.peer,
                session=session.identity,
                sequence=datagram.sequence,
                reply_to=datagram.reply_to or None,
                acknowledged=datagram.acknowledged,
                reordered=arrival is Arrival.REORDERED,
                transmission=transmission,
            ),
            ordered=datagram.ordered,
        )

    def _take_run(self, session: Session, messages: Messages, size: int, count: int, now: int, peer: Peer) -> None:
        """What `_receive_message` does, for all of them at once."""
        _, acknowledged, ordered, _, numbers, sequences, sent_at, _, transmissions, payloads, _ = messages
        session.last_seen_at = now
        session.note_peer(numbers[-1], peer)
        if acknowledged:
            self._owe(session, now, at_once=session.note_datagrams(numbers[0], numbers[-1], now))
        self._sessions.totals_ended.note_arrival(now)
        session.note_arrival(now)
        session.arrivals.record_run(sequences[0], sequences[-1])
        session.note_transits(sent_at, now)
        session.limit_told = False
        if ordered:
            session.next_ordered = sequences[-1] + 1
        if self._counting_only:
            session.payload_bytes += size * count
            if acknowledged:
                session.deliver(sequences[0], sequences[-1])
            return
        self._sessions.reserve(session, size, count)
        fields = zip(
            payloads,
            repeat(peer),
            repeat(session.identity),
            sequences,
            repeat(None),
            repeat(acknowledged),
            repeat(False),
            transmissions if acknowledged else repeat(1),
        )
        # Message's own constructor is a function of Python's, at three times the cost
        self._queue_up(session, list(map(tuple.__new__, repeat(Message), fields)), size * count)

    def _has_room(self, session: Session, messages: Messages, size: int, count: int, now: int) -> bool:
        """Whether no limit stands in the way of taking all of them."""
        if messages.acknowledged and messages.sequences[0] > session.arrivals.highest + 1:
            return False  # it opens a gap, for which there is a limit too
        return self._sessions.limit_reached(session, size, now, messages=count) is None

    def _receive_goodbye(self, datagram: Datagram, now: int, peer: Peer) -> None:
        messages_sent = wire.decode_number(datagram.payload)
        session = self._session(datagram, now, peer)
        if session is None:
            return
        self._resolve_below(session, datagram.lowest)
        self._sessions.end(session)
        if not self._framed:  # a stream brings it for certain
            self._acknowledge(session, datagram, now, at_once=True)
        if session.messages_sent is None:
            session.messages_sent = messages_sent
            lost = session.arrivals.lost(messages_sent)
            self._queue.append((Goodbye(session.peer, session.identity, messages_sent, lost), None, 0))

    def _receive_probe(self, datagram: Datagram, now: int, peer: Peer) -> None:
        if self._sessions.find(datagram.session) is not None:
            session = self._session(datagram, now, peer)
            assert session is not None
            self._resolve_below(session, datagram.lowest)
            self._acknowledge(session, datagram, now, at_once=True)
        else:
            self._disclaim(datagram.session, now, peer)

    def _receive_query(self, datagram: Datagram, now: int, peer: Peer) -> None:
        """The answer goes to where the question came from, which is not where the session's acknowledgments go: a copy of a
        QUERY with another source address must not turn them away."""
        begins_at = wire.decode_query(datagram.payload)
        session = self._sessions.find(datagram.session)
        if session is None:
            self._disclaim(datagram.session, now, peer)
        else:
            session.last_seen_at = now  # whoever asks may ask again, also after a goodbye
            self._questions.append((session, datagram.number, begins_at, peer))

    def _disclaim(self, session: int, now: int, peer: Peer) -> None:
        """A session of before this receiver's life, or one that was forgotten: say so, keep nothing."""
        data = self._encoder.encode(Kind.PROBE_REPLY, now=now, payload=wire.NUMBER.pack(session))
        self._probe_replies.append((data, peer))

    def _suppress(self, session: Session, datagram: Datagram, arrival: Arrival, now: int) -> None:
        """It came before, or too late: not delivered again, but its sender must learn that it need not be sent again."""
        if arrival is Arrival.STALE:
            session.over_limit += 1
        elif datagram.fragment is None or datagram.fragment[0] == 0:  # a repeated fragment is not a repeated message
            session.duplicates += 1
            self._notify(Duplicate(session.peer, session.identity, datagram.sequence, datagram.transmission or 1))
        self._acknowledge(session, datagram, now, at_once=True)

    def _acknowledge(self, session: Session, datagram: Datagram, now: int, *, at_once: bool = False) -> None:
        """The datagram has a place here: owe its sender an acknowledgment, if it asked for one."""
        if not datagram.acknowledged:
            return
        self._owe(session, now, at_once=session.note_datagram(datagram.number, now, at_once=at_once))

    def _owe(self, session: Session, now: int, *, at_once: bool) -> None:
        if at_once:
            self._owed_now[session.identity] = session
        else:
            self._owed_later[session.identity] = (now + MAX_ACK_DELAY, session)

    def _resolve_below(self, session: Session, lowest: int) -> None:
        self._sessions.resolve_below(session, lowest)
        if session.held:
            self._queue_up(session, session.fill())

    def _session(self, datagram: Datagram, now: int, peer: Peer) -> Session | None:
        """The session of a datagram, opened if there is room for it."""
        session = self._sessions.find(datagram.session)
        if session is None:
            session = self._sessions.open(datagram.session, peer, now, acknowledged=datagram.acknowledged)
            if session is None:
                self._sessions.totals_ended.over_limit += 1
                self._sessions.totals_ended.forget_sent()
                if not self._sessions_limit_told:
                    self._notify(LimitReached(peer, datagram.session, "sessions", self.limits.sessions))
                self._sessions_limit_told = True
                return None
            self._sessions_limit_told = False
            session.kernel_drops_before = self.kernel_drops
        elif session.acknowledged is not datagram.acknowledged:
            # flipped bits must not turn a checked message into an unchecked one
            raise MalformedDatagram("a session asks for acknowledgments always or never")
        session.last_seen_at = now
        session.note_peer(datagram.number, peer)
        return session

    # Helpers: limits and the queue ---------------------------------------------------------------------------------------

    def _reassembly(self, session: Session, datagram: Datagram, now: int) -> Reassembly | None:
        """The unfinished message of a fragment, begun if there is room for the whole of it."""
        assert datagram.fragment is not None
        reassembly = session.reassemblies.get(datagram.sequence)
        if reassembly is not None:
            return reassembly
        if not datagram.acknowledged:
            self._drop_unfinished(session, now)
        if len(session.reassemblies) >= self.limits.reassemblies:
            self._over_limit(session, "reassemblies")
            return None
        total = datagram.fragment[3]
        if not self._fits(session, datagram, total, now):
            return None
        reassembly = session.reassemblies[datagram.sequence] = Reassembly(datagram.fragment, now)
        self._sessions.reserve(session, total)
        return reassembly

    def _drop_unfinished(self, session: Session, now: int) -> None:
        """Without acknowledgments a lost fragment never comes again: make room for messages that may still be whole."""
        for sequence, reassembly in list(session.reassemblies.items()):
            crowded = len(session.reassemblies) >= self.limits.reassemblies
            if crowded or now - reassembly.started_at > UNFINISHED_KEPT:
                self._sessions.release(session, session.reassemblies.pop(sequence).total)
                session.over_limit += crowded

    def _fits(self, session: Session, datagram: Datagram, size: int, now: int) -> bool:
        """Whether every limit has room for one message more, of `size` bytes; the first that has not is told."""
        limit = self._sessions.limit_reached(session, size, now)
        if limit is None and datagram.acknowledged and self._lacks_gap(session, datagram):
            limit = "gaps"
        if limit is not None:
            self._over_limit(session, limit)
        return limit is None

    def _lacks_gap(self, session: Session, datagram: Datagram) -> bool:
        """Whether this message would open one gap too many. What fills a gap is always welcome; an unfinished message may
        open one when it is whole, so each of them counts."""
        opens = session.arrivals.opens_gap(datagram.sequence)
        return opens and session.arrivals.gaps + len(session.reassemblies) >= self.limits.gaps

    def _over_limit(self, session: Session, limit: str) -> None:
        session.over_limit += 1
        if not session.limit_told:
            session.limit_told = True
            self._notify(LimitReached(session.peer, session.identity, limit, getattr(self.limits, limit)))

    def _enqueue(self, session: Session, message: Message, *, ordered: bool) -> None:
        self._sessions.reserve(session, len(message.payload))
        session.limit_told = False
        self._queue_up(session, session.in_order(message) if ordered else [message])

    def _queue_up(self, session: Session, messages: list[Message], size: int | None = None) -> None:
        """For the application; `size`: bytes of all their payloads, where that is known."""
        if not messages:
            return
        if size is None:
            size = sum(map(len, map(PAYLOAD, messages)))
        session.queued_messages += len(messages)
        self._queue.append((messages, session, size))

    def _hand_over(self, session: Session, messages: list[Message], size: int) -> None:
        """The application has these now: their places are free, and whoever asked to be told is told."""
        session.queued_messages -= len(messages)
        session.payload_bytes += size
        self._sessions.release(session, size, len(messages))
        if session.acknowledged:
            for first, last in stretches(messages):
                session.deliver(first, last)
            if session.identity not in self._owed_later:
                self._owed_now[session.identity] = session  # it was acknowledged as arrived, not as delivered

    def _notify(self, event: Event) -> None:
        if self._notices < NOTICES_KEPT:
            self._notices += 1
            self._queue.append((event, None, 0))


def stretches(messages: list[Message]) -> list[tuple[int, int]]:
    """Which sequence numbers these have, as (first, last); they stand in ascending order, and mostly are one stretch."""
    first, last = messages[0].sequence, messages[-1].sequence
    assert first is not None
    assert last is not None
    if last - first == len(messages) - 1:
        return [(first, last)]
    numbers = [message.sequence for message in messages if message.sequence is not None]
    return list(zip(numbers, numbers, strict=True))
