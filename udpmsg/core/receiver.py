"""The receiving state machine: many senders at once. Owns the sessions, the queue to the application and the limits.

Knows neither sockets nor the clock: it is told bytes, the time (`now`, nanoseconds) and from whom, and tells what to send to
whom. It acknowledges only what the application was given: `events` hands a message over, and only then is it delivered.

What a peer does wrong is counted, told as an event and never answered. What does not fit a limit is dropped unacknowledged.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from udpmsg.core import wire
from udpmsg.core.arrivals import Arrival
from udpmsg.core.encoder import Encoder
from udpmsg.core.events import Duplicate, Event, Goodbye, LimitReached, Malformed, Message, Peer
from udpmsg.core.fragments import REASSEMBLIES, Reassembly
from udpmsg.core.rtt import MILLISECOND, SECOND
from udpmsg.core.session import Session
from udpmsg.core.wire import Datagram, Kind
from udpmsg.errors import MalformedDatagram

MAX_ACK_DELAY = 25 * MILLISECOND
"""max_ack_delay, RFC 9000 section 18.2."""
ENDED_SESSION_KEPT = 2 * SECOND
"""After a goodbye nothing is retransmitted; what the network duplicates comes within a moment."""
SILENT_SESSION_KEPT = 120 * SECOND
"""Twice the default deadline of a sender: whoever has been silent for so long has given up what it sent."""
UNFINISHED_KEPT = 10 * SECOND
"""A fire-and-forget message whose fragments have not all come by then has lost one."""
NOTICES_KEPT = 1024
"""Events other than messages that wait for the application; more are counted, not told."""


@dataclass(frozen=True)
class Limits:
    """What a receiver takes on. A limit that is reached is told (LimitReached); what is over it is not acknowledged."""

    sessions: int = 1024
    """Senders at once."""
    reassemblies: int = REASSEMBLIES
    """Unfinished fragmented messages a session."""
    session_bytes: int = 1 << 20
    """Bytes a session that the application does not have yet."""
    session_messages: int = 256
    """Messages a session that the application does not have yet."""
    total_bytes: int = 64 << 20
    """Bytes in all that the application does not have yet."""
    max_message: int = 1 << 20
    """Bytes of one message."""
    gaps: int = 4096
    """Gaps in a session's sequence numbers that are remembered."""


@dataclass
class Totals:
    """Counts over all sessions. None: what can't be known (no goodbye told how many were sent)."""

    sessions: int = 0
    messages_sent: int | None = 0
    messages_delivered: int = 0
    messages_lost: int | None = 0
    messages_missing: int = 0
    """Gaps below the largest number seen: lost for certain, unless they are still on their way."""
    duplicates: int = 0
    reordered: int = 0
    malformed: int = 0
    over_limit: int = 0
    raw_messages: int = 0
    acknowledged: bool = False
    payload_bytes: int = 0
    jitter_ns: int | None = None
    first_arrival_ns: int | None = None
    last_arrival_ns: int | None = None


class Receiver:
    """One receiving session for any number of senders. Drain `events` and `data_to_send` after every other call."""

    def __init__(self, *, session: int, now: int, framed: bool = False, limits: Limits | None = None) -> None:
        self.session = session
        self.limits = limits or Limits()
        self._framed = framed
        self._encoder = Encoder(session=session, started=now, framed=framed)
        self._sessions: dict[int, Session] = {}
        self._queue: deque[tuple[Event, Session | None]] = deque()
        self._notices = 0
        self._raw_waiting = 0
        self._waiting_bytes = 0
        # acknowledgments owed: at once, or at a time; the delay is the same for all, so these stand in order of time
        self._owed_now: dict[int, Session] = {}
        self._owed_later: dict[int, tuple[int, Session]] = {}
        self._outbox: list[tuple[bytes, Peer]] = []
        self._next_eviction = 0
        self._ended = Totals()
        self._handlers = {
            Kind.MESSAGE: self._receive_message,
            Kind.GOODBYE: self._receive_goodbye,
            Kind.PROBE: self._receive_probe,
        }

    @property
    def sessions_open(self) -> int:
        """Sessions that take a place now."""
        return len(self._sessions)

    @property
    def held_bytes(self) -> int:
        """Bytes that the application does not have yet, reserved ones included."""
        return self._waiting_bytes

    # What the network tells ----------------------------------------------------------------------------------------------

    def receive(self, datagrams: Sequence[bytes], *, now: int, peer: Peer) -> None:
        """Take datagrams (or the messages of frames) that came from one peer."""
        for data in datagrams:
            if not self._framed and not wire.is_ours(data):
                self._receive_raw(data, peer, now)
                continue
            try:
                datagram = wire.decode(data, framed=self._framed)
                handler = self._handlers.get(datagram.kind)
                if handler is None:
                    raise MalformedDatagram(f"{datagram.kind.name} means nothing to a receiver")
                handler(datagram, now, peer)
            except MalformedDatagram as error:
                self._ended.malformed += 1
                self._notify(Malformed(peer, str(error), len(data)))

    def disconnected(self, peer: Peer) -> None:
        """The connection is gone: its sessions say nothing more."""
        for session in self._sessions.values():
            if session.peer == peer:
                session.ended = True

    # What the application takes ------------------------------------------------------------------------------------------

    def events(self, limit: int | None = None) -> list[Event]:
        """Hand over what has come, at most `limit` events. A message that is returned here is delivered."""
        events: list[Event] = []
        while self._queue and (limit is None or len(events) < limit):
            event, session = self._queue.popleft()
            events.append(event)
            if not isinstance(event, Message):
                self._notices -= 1
            elif session is None:
                self._raw_waiting -= 1
                self._ended.raw_messages += 1
                self._ended.messages_delivered += 1
            else:
                session.queued_messages -= 1
                self._release(session, len(event.payload))
                if session.acknowledged and event.sequence is not None:
                    session.deliver(event.sequence)
                    if session.identity not in self._owed_later:
                        self._owed_now[session.identity] = session  # it was acknowledged as arrived, not as delivered
        return events

    # What leaves, and when -----------------------------------------------------------------------------------------------

    def data_to_send(self, *, now: int) -> list[tuple[bytes, Peer]]:
        """The acknowledgments that are due, each with whom it is for."""
        self.handle_timeout(now=now)
        batch, self._outbox = self._outbox, []
        owed, self._owed_now = self._owed_now, {}
        for session in owed.values():
            self._owed_later.pop(session.identity, None)
            acknowledgment = session.acknowledgment(
                now,
                messages=self.limits.session_messages - session.waiting_messages,
                bytes_free=min(self.limits.session_bytes - session.waiting_bytes, self.limits.total_bytes - self._waiting_bytes),
            )
            data = self._encoder.encode(Kind.ACK, now=now, payload=wire.encode_acknowledgment(acknowledgment))
            batch.append((data, session.peer))
        return batch

    def flush(self, *, now: int) -> None:
        """Every acknowledgment owed is due at once: the application is about to run for nobody knows how long."""
        for identity, (_, session) in self._owed_later.items():
            self._owed_now[identity] = session

    def next_timeout(self) -> int | None:
        """When `data_to_send` is due next, in nanoseconds; None: not before something comes in."""
        if self._owed_now or self._outbox:
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
        totals = replace(self._ended)
        weights = 0
        jitter = 0.0
        for session in self._sessions.values():
            add_session(totals, session)
            jitter += session.jitter_us * session.arrivals.unique
            weights += session.arrivals.unique if session.arrivals.unique > 1 else 0
        totals.jitter_ns = int(jitter / weights * 1000) if weights else totals.jitter_ns
        return totals

    # Helpers: datagrams --------------------------------------------------------------------------------------------------

    def _receive_raw(self, data: bytes, peer: Peer, now: int) -> None:
        if self._raw_waiting >= self.limits.session_messages:
            self._ended.over_limit += 1
            return
        self._raw_waiting += 1
        self._ended.payload_bytes += len(data)
        self._note_arrival(now)
        self._queue.append((Message(data, peer), None))

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
                self._release(session, session.reassemblies.pop(datagram.sequence).total)
        elif not self._fits(session, datagram, len(datagram.payload), now):
            return
        self._acknowledge(session, datagram, now)
        if payload is None:
            return
        self._note_arrival(now)
        session.arrivals.record(datagram.sequence)
        session.payload_bytes += len(payload)
        session.reordered += arrival is Arrival.REORDERED
        if transmission == 1 and datagram.fragment is None:
            session.note_transit(datagram.sent_at, now)
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

    def _receive_goodbye(self, datagram: Datagram, now: int, peer: Peer) -> None:
        messages_sent = wire.decode_number(datagram.payload)
        session = self._session(datagram, now, peer)
        if session is None:
            return
        self._resolve_below(session, datagram.lowest)
        session.ended = True
        if session.messages_sent is None:
            session.messages_sent = messages_sent
            lost = session.arrivals.lost(messages_sent)
            self._notify(Goodbye(session.peer, session.identity, messages_sent, lost))

    def _receive_probe(self, datagram: Datagram, now: int, peer: Peer) -> None:
        if datagram.session in self._sessions:
            session = self._session(datagram, now, peer)
            assert session is not None
            self._resolve_below(session, datagram.lowest)
            self._acknowledge(session, datagram, now, at_once=True)
        else:  # a session of before this receiver's life, or one that was forgotten: say so, keep nothing
            payload = wire.NUMBER.pack(datagram.session)
            self._outbox.append((self._encoder.encode(Kind.PROBE_REPLY, now=now, payload=payload), peer))

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
        if session.note_datagram(datagram.number, now, at_once=at_once):
            self._owed_now[session.identity] = session
        elif session.identity not in self._owed_later:
            self._owed_later[session.identity] = (now + MAX_ACK_DELAY, session)

    def _resolve_below(self, session: Session, lowest: int) -> None:
        before = session.waiting_bytes
        session.resolve_below(lowest)
        self._waiting_bytes -= before - session.waiting_bytes
        self._queue_up(session, session.fill())

    # Helpers: sessions ---------------------------------------------------------------------------------------------------

    def _session(self, datagram: Datagram, now: int, peer: Peer) -> Session | None:
        """The session of a datagram, opened if there is room for it."""
        session = self._sessions.get(datagram.session)
        if session is None:
            if len(self._sessions) >= self.limits.sessions and not self._evict(now):
                self._ended.over_limit += 1
                self._notify(LimitReached(peer, datagram.session, "sessions", self.limits.sessions))
                return None
            session = Session(datagram.session, peer, self.limits.gaps, acknowledged=datagram.acknowledged)
            self._sessions[session.identity] = session
        elif session.acknowledged is not datagram.acknowledged:
            # flipped bits must not turn a checked message into an unchecked one
            raise MalformedDatagram("a session asks for acknowledgments always or never")
        session.last_seen_at = now
        session.note_peer(datagram.number, peer)
        return session

    def _evict(self, now: int) -> bool:
        """Forget sessions that are over, never young ones: what suppresses a duplicate must outlive the duplicate.

        True when there is room for a session more."""
        if now < self._next_eviction:
            return False
        oldest = None
        for session in list(self._sessions.values()):
            expires = session.last_seen_at + (ENDED_SESSION_KEPT if session.ended else SILENT_SESSION_KEPT)
            if expires <= now and not session.queued_messages:
                self._waiting_bytes -= session.waiting_bytes
                del self._sessions[session.identity]
                add_session(self._ended, session)
            elif oldest is None or expires < oldest:
                oldest = expires
        self._next_eviction = oldest or 0
        return len(self._sessions) < self.limits.sessions

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
            self._over_limit(session, "reassemblies", self.limits.reassemblies)
            return None
        total = datagram.fragment[3]
        if not self._fits(session, datagram, total, now):
            return None
        reassembly = session.reassemblies[datagram.sequence] = Reassembly(datagram.fragment, now)
        session.reserve(total)
        self._waiting_bytes += total
        return reassembly

    def _drop_unfinished(self, session: Session, now: int) -> None:
        """Without acknowledgments a lost fragment never comes again: make room for messages that may still be whole."""
        for sequence, reassembly in list(session.reassemblies.items()):
            crowded = len(session.reassemblies) >= self.limits.reassemblies
            if crowded or now - reassembly.started_at > UNFINISHED_KEPT:
                self._release(session, session.reassemblies.pop(sequence).total)
                session.over_limit += crowded

    def _fits(self, session: Session, datagram: Datagram, size: int, now: int) -> bool:
        """Whether every limit has room for one message more, of `size` bytes."""
        limits = self.limits
        if size > limits.max_message:
            return self._over_limit(session, "max_message", limits.max_message)
        if session.waiting_messages >= limits.session_messages:
            return self._over_limit(session, "session_messages", limits.session_messages)
        if session.waiting_bytes + size > limits.session_bytes:
            return self._over_limit(session, "session_bytes", limits.session_bytes)
        if self._waiting_bytes + size > limits.total_bytes:
            self._evict(now)
        if self._waiting_bytes + size > limits.total_bytes:
            return self._over_limit(session, "total_bytes", limits.total_bytes)
        if datagram.acknowledged and session.arrivals.opens_gap_over_limit(datagram.sequence):
            return self._over_limit(session, "gaps", limits.gaps)
        return True

    def _over_limit(self, session: Session, limit: str, value: int) -> bool:
        session.over_limit += 1
        if not session.limit_told:
            session.limit_told = True
            self._notify(LimitReached(session.peer, session.identity, limit, value))
        return False

    def _enqueue(self, session: Session, message: Message, *, ordered: bool) -> None:
        session.reserve(len(message.payload))
        self._waiting_bytes += len(message.payload)
        session.limit_told = False
        self._queue_up(session, session.in_order(message) if ordered else [message])

    def _queue_up(self, session: Session, messages: list[Message]) -> None:
        session.queued_messages += len(messages)
        self._queue.extend((message, session) for message in messages)

    def _release(self, session: Session, size: int) -> None:
        session.release(size)
        self._waiting_bytes -= size

    def _notify(self, event: Event) -> None:
        if self._notices < NOTICES_KEPT:
            self._notices += 1
            self._queue.append((event, None))

    def _note_arrival(self, now: int) -> None:
        if self._ended.first_arrival_ns is None:
            self._ended.first_arrival_ns = now
        self._ended.last_arrival_ns = now


def add_session(totals: Totals, session: Session) -> None:
    """Add one session's counts. One session without a goodbye makes unknown how many were sent, and so how many were lost."""
    totals.sessions += 1
    waiting = session.waiting_messages - len(session.reassemblies)
    totals.messages_delivered += session.arrivals.unique - waiting
    totals.messages_missing += session.arrivals.missing()
    totals.duplicates += session.duplicates
    totals.reordered += session.reordered
    totals.over_limit += session.over_limit
    totals.payload_bytes += session.payload_bytes
    totals.acknowledged = totals.acknowledged or session.acknowledged
    if session.messages_sent is None or totals.messages_sent is None or totals.messages_lost is None:
        totals.messages_sent = totals.messages_lost = None
    else:
        totals.messages_sent += max(session.messages_sent, session.arrivals.unique)
        totals.messages_lost += session.arrivals.lost(session.messages_sent)
