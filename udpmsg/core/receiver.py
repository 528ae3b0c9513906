"""The receiving state machine: many senders at once. Joins their sessions, what waits for the application, and what is owed.

Knows neither sockets nor the clock: it is told bytes, the time (`now`, nanoseconds) and from whom, and tells what to send to
whom. It acknowledges only what the application is done with: `events` hands a message over, `commit` says that it is done with.

What a peer does wrong is counted, told as an event and never answered. What does not fit a limit is dropped unacknowledged. Where
there are cookies, an address that has not proved itself is sent no more than came from it.
"""

from collections.abc import Callable, Hashable, Sequence, Sized
from itertools import repeat

from udpmsg.base.durations import SECOND
from udpmsg.base.errors import MalformedDatagram
from udpmsg.core import runs, wire
from udpmsg.core.allowances import Allowances
from udpmsg.core.arrivals import Novelty
from udpmsg.core.budget import MESSAGE_COST, REASSEMBLY_COST, Budget, title_cost
from udpmsg.core.config import Limits
from udpmsg.core.cookies import Cookies
from udpmsg.core.delivery import Delivery
from udpmsg.core.encoder import Encoder
from udpmsg.core.events import Duplicate, Event, Goodbye, LimitReached, Malformed, Message, Peer
from udpmsg.core.fragments import Reassembly, piece_cost
from udpmsg.core.framing import Run
from udpmsg.core.intake import Intake
from udpmsg.core.owed import Owed
from udpmsg.core.remembered import Remembered
from udpmsg.core.runs import Messages
from udpmsg.core.session import Session
from udpmsg.core.sessions import Restore, Sessions
from udpmsg.core.totals import Totals
from udpmsg.core.wire import Datagram, Kind

UNFINISHED_KEPT = 10 * SECOND
"""A fire-and-forget message whose fragments have not all come by then has lost one."""
MADE_ROOM_FOR = ("session_messages", "session_bytes", "total_bytes")
"""Limits that are not reached any more when something unfinished is dropped."""
MOST_RATE = 100
"""Messages in a microsecond: no sender is so fast, so a larger number is a false claim."""


class Receiver:
    """One receiving session for any number of senders. Drain `events` and `data_to_send` after every other call."""

    def __init__(
        self,
        *,
        session: int,
        now: int,
        framed: bool = False,
        limits: Limits | None = None,
        counting_only: bool = False,
        budget: Budget | None = None,
        allowances: Allowances | None = None,
        cookies: Cookies | None = None,
        origin_of: Callable[[Peer], Hashable] = lambda peer: peer,
        restore: Restore | None = None,
    ) -> None:
        """`counting_only`: messages are counted, and acknowledged as delivered, by the next `events`, which has none.

        `budget`, `allowances`: shared with everything else that keeps something for peers, or sends them something. `cookies`:
        how an address proves itself; None: there is no need to, as over connections. `origin_of`: which peers count as one
        address. `restore`: what an earlier life of this receiver knew of a session.
        """
        self.session = session
        self._counting_only = counting_only
        self.limits = limits or Limits()
        self.budget = budget or Budget(self.limits.total_bytes)
        self._framed = framed
        self._cookies = cookies
        self._allowances = allowances or Allowances(of_everybody=cookies is None)
        self._encoder = Encoder(session=session, started=now, framed=framed)
        self._sessions = Sessions(self.limits, self.budget, origin_of=origin_of, restore=restore, lossless=framed)
        self._delivery = Delivery(self._sessions)
        self._raw_limit_told = False
        self._sessions_limit_told = False
        self._owed = Owed(self._sessions, self._encoder, self._allowances, cookies)
        self.receive_mixed = Intake(
            self._sessions, self._delivery, self._owed, self._allowances, counting_only=counting_only
        ).take
        # these are asked in every turn of a loop, so nothing stands between
        self.flush, self.next_timeout, self.urgent = self._owed.flush, self._owed.next_timeout, self._owed.urgent
        self.waiting: Sized = self._delivery.waiting
        """What there is for the application."""
        self.uncommitted: Sized = self._delivery.uncommitted
        """What it has and is not done with."""
        self.kernel_drops: int | None = None
        """What the kernel has discarded at the socket so far, as the socket's owner says; None: nobody knows."""
        self._handlers = {
            Kind.MESSAGE: self._receive_message,
            Kind.GOODBYE: self._receive_goodbye,
            Kind.PROBE: self._receive_probe,
            Kind.QUERY: self._receive_query,
            Kind.COOKIE: self._receive_cookie,
        }

    @property
    def sessions_open(self) -> int:
        """Sessions that take a place now."""
        return len(self._sessions)

    @property
    def malformed(self) -> int:
        """Malformed datagrams and frames so far."""
        return self._sessions.totals_ended.malformed

    @property
    def held_bytes(self) -> int:
        """What is charged to the budget now."""
        return self.budget.used

    # What the network tells ----------------------------------------------------------------------------------------------

    def receive(self, batch: Sequence[bytes | Run], *, now: int, peer: Peer) -> None:
        """Take datagrams (or the messages of frames) and runs of them that came from one peer."""
        for data in batch:
            if not isinstance(data, Run):
                self._allowances.received(peer, len(data))
            else:
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
                self._delivery.notify(Malformed(peer, str(error), len(data)))

    def receive_run(self, messages: Messages, *, now: int, peer: Peer) -> None:
        """Take messages that came together from one peer: as a whole where they are what is expected next and there is room."""
        size, count = messages.size, len(messages.numbers)
        overhead = wire.overhead(acknowledged=messages.acknowledged, reply=False, fragment=messages.shape is not None)
        self._allowances.received(peer, (size + overhead) * count, count)
        for part in self._together(messages):
            if self._take(part, now, peer):
                continue
            for datagram in part.datagrams():
                try:
                    self._receive_message(datagram, now, peer)
                except MalformedDatagram as error:
                    self._sessions.totals_ended.malformed += 1
                    self._delivery.notify(Malformed(peer, str(error), size + overhead))
                    if self._framed:
                        return  # the connection will be closed: one is enough

    def disconnected(self, peer: Peer) -> None:
        """The connection is gone: its sessions say nothing more."""
        self._sessions.disconnected(peer)

    # What the application takes ------------------------------------------------------------------------------------------

    def events(self, limit: int | None = None) -> list[Event]:
        """Hand over what has come, at most `limit` events. A message is delivered by the `commit` that follows."""
        events = self._delivery.take(limit, hand_over=not self._counting_only)
        if self._counting_only:
            self.commit()
        return events

    def waiting_alike(self, size: int, most: int) -> int:
        """How many messages of so many bytes `events` would have next, at most so many, before anything else."""
        return self._delivery.alike(size, most)

    @property
    def undelivered(self) -> int:
        """Messages that are whole, and that the application is not done with, or has not been given."""
        return self._delivery.undelivered

    @property
    def in_hand(self) -> list[Message]:
        """The messages that were handed over, and are not committed."""
        return self._delivery.in_hand

    def commit(self) -> None:
        """The application is done with everything that it was given: that is delivered now, and acknowledged."""
        self._owed.delivered(self._delivery.commit())

    def done(self, message: Message) -> None:
        """The application is done with this message, which may be the last of those that it was given."""
        self._owed.delivered(self._delivery.done(message))

    def remembered(self) -> list[tuple[int, Remembered]]:
        """What will suppress the duplicates of what is in hand in the next life of this receiver, by session."""
        return [(session.identity, session.remembered(also)) for session, also in self._delivery.in_hand_by_session()]

    # What leaves, and when -----------------------------------------------------------------------------------------------

    def data_to_send(self, *, now: int) -> list[tuple[bytes, Peer]]:
        """The acknowledgments that are due, and answers to questions, each with the address that it is for."""
        return self._owed.data_to_send(now, self.kernel_drops)

    def challenge(self, session: int, peer: Peer, *, now: int) -> None:
        """Ask this address to prove itself, for this session, because of something that is to be sent there."""
        self._owed.challenge(session, peer, now)
        known = self._sessions.find(session)
        if known is not None and known.peer == peer:
            known.challenged_at = now
            if known.unacknowledged:  # else its sender would take it that nothing was kept, and send it again
                self._owed.acknowledgment_now(known)

    def handle_timeout(self, *, now: int) -> None:
        """Acknowledgments whose delay is over become due."""
        self._owed.handle_timeout(now)

    def totals(self) -> Totals:
        """Everything counted so far, over the sessions that are open and those that ended."""
        return self._sessions.totals()

    # Helpers: datagrams --------------------------------------------------------------------------------------------------

    def _receive_raw(self, data: bytes, peer: Peer, now: int) -> None:
        cost = len(data) + MESSAGE_COST
        limit = None
        if self._delivery.raw_waiting >= self.limits.session_messages:
            limit = "session_messages"
        elif not self.budget.charge(cost):
            limit = "total_bytes"
        if limit is not None:
            self._sessions.totals_ended.over_limit += 1
            if not self._raw_limit_told:
                self._delivery.notify(LimitReached(peer, 0, limit, getattr(self.limits, limit)))
            self._raw_limit_told = True
            return
        self._raw_limit_told = False
        self._sessions.totals_ended.note_arrival(now)
        self._delivery.put([Message(data, peer)], None, len(data))

    def _receive_message(self, datagram: Datagram, now: int, peer: Peer) -> None:
        session = self._session(datagram, now, peer)
        if session is None:
            return
        self._resolve_below(session, datagram.lowest)
        novelty = session.arrivals.classify(datagram.sequence)
        if novelty is Novelty.DUPLICATE or novelty is Novelty.STALE:
            self._suppress(session, datagram, novelty, now, peer)
            return
        payload: bytes | None = datagram.payload
        transmission, title = datagram.transmission or 1, datagram.title
        if datagram.fragment is None and datagram.sequence in session.reassemblies:  # it was sent whole before it was cut up
            datagram = datagram._replace(fragment=(0, 1, len(datagram.payload), len(datagram.payload)))
        if datagram.fragment is not None:
            reassembly = self._reassembly(session, datagram, now)
            if reassembly is None:
                return
            payload = reassembly.add(datagram.fragment, datagram.payload, transmission, title)
            transmission, title = reassembly.transmission, reassembly.title
            if payload is not None:
                self._sessions.drop(session, datagram.sequence)
        elif not self._fits(session, datagram, len(datagram.payload), now):
            return
        self._acknowledge(session, datagram, now)
        if payload is None:
            return
        if transmission == 1 and datagram.fragment is None:
            session.note_transit(datagram.sent_at, now)
        self._arrived(session, datagram, payload, transmission, title, now, reordered=novelty is Novelty.REORDERED)

    def _arrived(
        self, session: Session, datagram: Datagram, payload: bytes, transmission: int, title: str, now: int, *, reordered: bool
    ) -> None:
        """A message is whole with this datagram: it is for the application."""
        self._sessions.totals_ended.note_arrival(now)
        session.note_arrival(now)
        session.arrivals.record(datagram.sequence)
        session.reordered += reordered
        self._enqueue(
            session,
            Message(
                payload=payload,
                peer=session.peer,
                session=session.identity,
                sequence=datagram.sequence,
                reply_to=datagram.reply_to or None,
                acknowledged=session.acknowledged,
                reordered=reordered,
                transmission=transmission,
                title=title or None,
                sent_at_us=datagram.sent_at,
            ),
            now,
            ordered=datagram.ordered,
        )

    def _together(self, messages: Messages) -> list[Messages]:
        """Cut into what may be taken as a whole: fragments where a message ends; and the first message of a new session, which
        opens it, from those that find it open."""
        if messages.shape is not None:
            return messages.parts()
        return [messages] if self._sessions.find(messages.session) is not None else messages.first_and_others()

    def _take(self, part: Messages, now: int, peer: Peer) -> bool:
        """Take these as a whole, if they are what is expected next and there is room; else nothing was taken."""
        session = self._sessions.find(part.session)
        if session is None or not session.placed or not session.expects(part):
            return False
        session.last_seen_at = now  # so it is not what has to go
        if part.acknowledged:
            self._resolve_below(session, part.lowest[0])
        whole = part.shape is None or part.whole
        taken = (self._take_run if whole else self._take_fragments)(session, part, now, peer)
        if taken and part.acknowledged:
            self._resolve_below(session, max(part.lowest))
        return taken

    def _take_run(self, session: Session, part: Messages, now: int, peer: Peer) -> bool:
        """What `_receive_message` does, for all of them at once, if no limit stands in the way."""
        if not self._has_room(session, part, now):
            return False
        whole = part if part.shape is None else part.joined()
        _, acknowledged, ordered, size, numbers, sequences, sent_at, _, transmissions, payloads, *_ = whole
        count = len(sequences)
        self._note_sender(session, numbers[-1], now, peer)
        if acknowledged:
            self._owed.acknowledgment(session, now, at_once=session.note_datagrams(numbers[0], numbers[-1], now))
        self._sessions.totals_ended.note_arrival(now)
        session.note_arrival(now)
        session.arrivals.record_run(sequences[0], sequences[-1])
        if part.shape is None:
            session.note_transits(sent_at, now)
        session.limit_told = False
        if ordered:
            session.next_ordered = sequences[-1] + 1
        if self._counting_only:
            self._sessions.count_gaps(session)
            session.payload_bytes += size * count
            if acknowledged:
                session.deliver(sequences[0], sequences[-1])
            return True
        self._sessions.reserve(session, size, count)
        fields = zip(
            payloads,
            repeat(session.peer),
            repeat(session.identity),
            sequences,
            repeat(None),
            repeat(acknowledged),
            repeat(False),
            transmissions if acknowledged else repeat(1),
            repeat(None),
            sent_at,
        )
        # Message's own constructor is a function of Python's, at three times the cost
        self._delivery.put(list(map(tuple.__new__, repeat(Message), fields)), session, size * count)
        return True

    def _has_room(self, session: Session, part: Messages, now: int) -> bool:
        """Whether no limit stands in the way of taking all of these whole messages. Where they are cut up, there is room for the
        last one's fragments too: nothing is taken that would not be one by one."""
        if part.acknowledged and part.sequences[0] > session.arrivals.highest + 1:
            return False  # it opens a gap, for which there is a limit too
        if session.reassemblies and not session.reassemblies.keys().isdisjoint(part.sequences):
            return False  # something of one came before, whole or in other fragments
        if part.shape is None:
            return self._sessions.limit_reached(session, part.size, now, messages=len(part.numbers)) is None
        fragments, _, total = part.shape
        if not part.acknowledged:
            self._drop_unfinished(session, total, REASSEMBLY_COST + piece_cost(part.size), now)
        messages = len(part.numbers) // fragments
        cost = (total + MESSAGE_COST) * (messages - 1) + REASSEMBLY_COST + piece_cost(total, fragments)
        return self._sessions.limit_reached(session, total, now, messages=messages, cost=cost, unfinished=True) is None

    def _take_fragments(self, session: Session, part: Messages, now: int, peer: Peer) -> bool:
        """What `_receive_message` does, for fragments of one message that came in order, if no limit stands in the way."""
        assert part.shape is not None
        sequence, begin, (_, size, total) = part.sequences[0], part.indexes[0] * part.size, part.shape
        reassembly = session.reassemblies.get(sequence)
        brought = min(size * len(part.numbers), total - begin)
        cost = piece_cost(brought, len(part.numbers)) + REASSEMBLY_COST * (reassembly is None)
        if reassembly is None:
            if part.acknowledged and session.arrivals.opens_gap(sequence):
                return False
            if not part.acknowledged:
                self._drop_unfinished(session, total, REASSEMBLY_COST + piece_cost(min(size, total - begin)), now)
            if self._sessions.limit_reached(session, total, now, cost=cost, unfinished=True) is not None:
                return False
        elif not reassembly.lacks(part.indexes, part.shape):
            return False
        if not self._sessions.take_fragment(session, cost, now):
            return False
        if reassembly is None:
            reassembly = Reassembly(size, total, now)
            self._sessions.begin(session, sequence, reassembly)
        payload = reassembly.add_row(part.indexes, part.payloads, max(*part.transmissions, 1))
        if payload is not None:
            self._sessions.drop(session, sequence)
        self._note_sender(session, part.numbers[-1], now, peer)
        if part.acknowledged:
            self._owed.acknowledgment(session, now, at_once=session.note_datagrams(part.numbers[0], part.numbers[-1], now))
        if payload is not None:
            last = next(part.datagrams())._replace(sent_at=part.sent_at[-1])
            self._arrived(session, last, payload, reassembly.transmission, reassembly.title, now, reordered=False)
        return True

    def _receive_goodbye(self, datagram: Datagram, now: int, peer: Peer) -> None:
        messages_sent = wire.decode_number(datagram.payload)
        session = self._session(datagram, now, peer)
        if session is None:
            return
        self._resolve_below(session, datagram.lowest)
        self._sessions.end(session)
        if not self._framed:  # a stream brings it for certain
            self._acknowledge(session, datagram, now, at_once=True)
        if not session.said_goodbye:
            session.said_goodbye = True
            if messages_sent < datagram.number and messages_sent <= MOST_RATE * (datagram.sent_at + SECOND // 1000):
                session.messages_sent = messages_sent
            goodbye = Goodbye(session.peer, session.identity, session.messages_sent, session.messages_lost)
            if session.arrivals.unique:
                self._delivery.tell(goodbye)
            else:  # a peer that sends nothing else could have as many sessions as datagrams
                self._delivery.notify(goodbye)

    def _receive_probe(self, datagram: Datagram, now: int, peer: Peer) -> None:
        session = self._sessions.find(datagram.session)
        if session is not None:
            self._resolve_below(session, datagram.lowest)
        if session is None or session.reneged:
            self._owed.disclaimer(datagram, now, peer)
            return
        session = self._session(datagram, now, peer)
        if session is not None:
            session.asked = True
            self._acknowledge(session, datagram, now, at_once=True)

    def _receive_cookie(self, datagram: Datagram, now: int, peer: Peer) -> None:
        cookie = wire.decode_cookie(datagram.payload)
        if self._cookies is None or not self._cookies.proves(cookie, datagram.session, peer, now=now):
            self._sessions.totals_ended.malformed += 1  # not told: in a group the cookies of all receivers come to each of them
            return
        self._allowances.prove(peer)
        session = self._sessions.find(datagram.session)
        if session is not None:
            self._note_sender(session, datagram.number, now, peer)
            if session.acknowledged:
                self._owed.acknowledgment_now(session)

    def _receive_query(self, datagram: Datagram, now: int, peer: Peer) -> None:
        """The answer goes to where the question came from, which is not where the session's acknowledgments go: a copy of a
        QUERY with another source address must not turn them away."""
        begins_at = wire.decode_query(datagram.payload)
        session = self._sessions.find(datagram.session)
        if session is None:
            self._owed.disclaimer(datagram, now, peer)
        else:
            session.last_seen_at = now  # the peer may ask again, also after a goodbye
            self._owed.report(session, datagram.number, begins_at, peer)

    def _suppress(self, session: Session, datagram: Datagram, novelty: Novelty, now: int, peer: Peer) -> None:
        """It came before, or too late: not delivered again, but its sender must learn that it need not be sent again."""
        if novelty is Novelty.STALE:
            session.over_limit += 1
        elif datagram.fragment is None or datagram.fragment[0] == 0:  # a repeated fragment is not a repeated message
            session.duplicates += 1
            self._delivery.notify(Duplicate(peer, session.identity, datagram.sequence, datagram.transmission or 1))
        self._acknowledge(session, datagram, now, at_once=True)

    def _acknowledge(self, session: Session, datagram: Datagram, now: int, *, at_once: bool = False) -> None:
        """The datagram has a place here: owe its sender an acknowledgment, if it asked for one."""
        if not session.acknowledged:
            return
        self._owed.acknowledgment(session, now, at_once=session.note_datagram(datagram.number, now, at_once=at_once))

    def _resolve_below(self, session: Session, lowest: int) -> None:
        self._sessions.resolve_below(session, lowest)
        if session.held:
            self._delivery.put(self._sessions.fill(session), session)

    def _session(self, datagram: Datagram, now: int, peer: Peer) -> Session | None:
        """The session of a datagram, opened if there is a place for it. A known one needs none for its goodbye."""
        farewell = datagram.kind is Kind.GOODBYE
        session = self._sessions.find(datagram.session)
        proved = self._allowances.proved(peer)
        if session is None:
            session = self._sessions.open(datagram.session, peer, now, acknowledged=datagram.acknowledged, proved=proved)
            if session is None:
                self._turn_away(datagram, now, peer, proved=proved)
                return None
            self._sessions_limit_told = False
            session.kernel_drops_before = self.kernel_drops
        elif session.acknowledged is not datagram.acknowledged:
            # flipped bits must not turn a checked message into an unchecked one
            raise MalformedDatagram("a session asks for acknowledgments always or never")
        elif not (session.placed or session.ended or farewell or self._sessions.come_back(session, now, proved=proved)):
            self._turn_away(datagram, now, peer, proved=proved)
            return None
        self._note_sender(session, datagram.number, now, peer)
        return session

    def _turn_away(self, datagram: Datagram, now: int, peer: Peer, *, proved: bool) -> None:
        """There is no place for this session. A sender that can wait for an answer may prove its address; then there is one."""
        if not proved:
            self._owed.challenge(datagram.session, peer, now)
            if datagram.acknowledged:
                return
        self._sessions.totals_ended.over_limit += 1
        self._sessions.totals_ended.forget_sent()
        if not self._sessions_limit_told:
            self._delivery.notify(LimitReached(peer, datagram.session, "sessions", self.limits.sessions))
        self._sessions_limit_told = True

    def _note_sender(self, session: Session, number: int, now: int, peer: Peer) -> None:
        """A datagram with this number came from there: follow its sender to another address, if that has proved itself."""
        session.last_seen_at = now
        newest = session.is_newest(number)
        if peer == session.peer and session.proved:
            return
        if self._allowances.proved(peer):
            if newest or peer == session.peer:
                self._sessions.follow(session, peer)
        elif peer != session.peer:
            self._owed.challenge(session.identity, peer, now)

    # Helpers: limits and the queue ---------------------------------------------------------------------------------------

    def _reassembly(self, session: Session, datagram: Datagram, now: int) -> Reassembly | None:
        """The unfinished message of a fragment, if there is room for both."""
        assert datagram.fragment is not None
        reassembly = session.reassemblies.get(datagram.sequence)
        index, _, size, total = datagram.fragment
        begins = reassembly is None
        if reassembly is None:
            cost = REASSEMBLY_COST + piece_cost(min(size, total - index * size), title=datagram.title)
            if not datagram.acknowledged:
                self._drop_unfinished(session, total, cost, now)
            if not self._fits(session, datagram, total, now, cost=cost):
                return None
            reassembly = Reassembly(size, total, now)
        elif not (gaps := reassembly.missing(datagram.fragment)):
            return reassembly
        else:
            cost = piece_cost(sum(last + 1 - first for first, last in gaps), len(gaps), datagram.title)
        if not self._sessions.take_fragment(session, cost, now):
            self._over_limit(session, "total_bytes", now)
            return None
        if begins:
            self._sessions.begin(session, datagram.sequence, reassembly)
        return reassembly

    def _drop_unfinished(self, session: Session, size: int, cost: int, now: int) -> None:
        """Without acknowledgments a lost fragment never comes again: the oldest unfinished messages make room for one of `size`
        bytes, which takes `cost` now and may still be whole."""
        while session.reassemblies:
            sequence, oldest = next(iter(session.reassemblies.items()))
            crowded = self._sessions.limit_reached(session, size, now, cost=cost, unfinished=True) in MADE_ROOM_FOR
            if not crowded and now - oldest.started_at <= UNFINISHED_KEPT:
                return
            self._sessions.drop(session, sequence)
            session.over_limit += crowded

    def _fits(self, session: Session, datagram: Datagram, size: int, now: int, *, cost: int = 0) -> bool:
        """Whether every limit has room for one message more, of `size` bytes; the first that has not is told."""
        due = max(session.next_ordered, session.arrivals.lowest)  # of those in order; below nothing is waited for
        unfinished = datagram.fragment is not None or (datagram.ordered and datagram.sequence > due)
        awaited = session.held and not session.queued_messages and datagram.sequence == session.next_ordered
        limit = self._sessions.limit_reached(session, size, now, cost=cost, unfinished=unfinished, awaited=bool(awaited))
        if limit is None and session.acknowledged and self._lacks_gap(session, datagram):
            limit = "gaps"
        if limit is not None:
            self._over_limit(session, limit, now)
        return limit is None

    def _lacks_gap(self, session: Session, datagram: Datagram) -> bool:
        """Whether this message would open one gap too many. What fills a gap is always welcome; an unfinished message may
        open one when it is whole, so each of them counts."""
        opens = session.arrivals.opens_gap(datagram.sequence)
        return opens and session.arrivals.gaps + len(session.reassemblies) >= self._sessions.gaps_allowed(session)

    def _over_limit(self, session: Session, limit: str, now: int) -> None:
        session.over_limit += 1
        if limit == "total_bytes" and session.acknowledged and not session.proved:  # there is more for those that have
            self._owed.challenge(session.identity, session.peer, now)
        if not session.limit_told:
            session.limit_told = True
            self._delivery.notify(LimitReached(session.peer, session.identity, limit, getattr(self.limits, limit)))

    def _enqueue(self, session: Session, message: Message, now: int, *, ordered: bool) -> None:
        self._sessions.reserve(session, len(message.payload), titles=title_cost(message.title))
        session.limit_told = False
        if ordered:
            self._delivery.put(self._sessions.in_order(session, message, now), session)
        else:
            self._delivery.put([message], session, None if message.title else len(message.payload))
