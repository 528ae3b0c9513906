"""The sessions of one receiver, and its limits. Owns who has a place, how much of the memory each takes, and who must go.

Knows neither bytes of the wire format nor the queue to the application.
"""

from dataclasses import replace
from itertools import chain

from udpmsg.core.config import Limits
from udpmsg.core.events import Peer
from udpmsg.core.rtt import SECOND
from udpmsg.core.session import Session
from udpmsg.core.totals import Totals

ENDED_SESSION_KEPT = 2 * SECOND
"""After a goodbye nothing is retransmitted; what the network duplicates comes within a moment."""
ENDED_FOR_EACH_PLACE = 8
"""Ended sessions that are remembered for each place. With 1,024 places: 4,600 newcomers a second, and some 10 MiB."""
GAPS_OF_AN_ENDED_SESSION = 16
"""More gaps than these are too much to remember without a place: each takes some 150 bytes."""
LOOK_AGAIN = SECOND
"""How soon to ask again whether the application has taken what keeps a session: a newcomer must not cost a walk each time."""
SILENT_SESSION_KEPT = 120 * SECOND
"""Twice the default deadline of a sender: whoever has been silent for so long has given up what it sent."""


class Sessions:
    """The table of sessions. What suppresses a duplicate must outlive the duplicate, so a young session is never forgotten.

    A session that has ended leaves its place as soon as the application has everything of it, and is remembered beside the
    table, so that runs of a command that come one after the other do not keep each other out."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.waiting_bytes = 0
        """Bytes that the application does not have yet, over all sessions; places reserved for fragments included."""
        self.totals_ended = Totals()
        """What was counted in sessions that are forgotten, and outside of any session."""
        self._table: dict[int, Session] = {}
        """Those that take a place."""
        self._ended: dict[int, Session] = {}
        """Those that ended and hold nothing back, in the order in which they left their places."""
        self._gone: set[Peer] = set()
        """Whose connection is gone, and whose sessions were not looked for yet."""
        self._next_eviction = 0

    def __len__(self) -> int:
        return len(self._table)

    def find(self, identity: int) -> Session | None:
        """The session with this id, if it has a place or is remembered."""
        return self._table.get(identity) or self._ended.get(identity)

    def open(self, identity: int, peer: Peer, now: int, *, acknowledged: bool) -> Session | None:
        """A place for a new session; None when all are taken."""
        self._gone.discard(peer)  # a new connection must not end with the old one
        if not self._has_place(now):
            return None
        session = self._table[identity] = Session(identity, peer, self.limits.gaps, acknowledged=acknowledged)
        return session

    def disconnected(self, peer: Peer) -> None:
        """The connection is gone: its sessions say nothing more. They are looked for when their places are needed: a walk through
        the table for each of a thousand connections that end together would take as long as serving them did."""
        self._gone.add(peer)
        if len(self._gone) > self.limits.sessions:
            self._end_gone()

    def end(self, session: Session) -> None:
        """It says nothing more, so its place is free soon."""
        session.ended = True
        self._next_eviction = min(self._next_eviction, session.last_seen_at + ENDED_SESSION_KEPT)
        self._leave(session)

    def limit_reached(self, session: Session, size: int, now: int, *, messages: int = 1) -> str | None:
        """The name of the first limit that has no room for so many messages more, of `size` bytes each; None: there is room."""
        limits = self.limits
        total = size * messages
        if session.ended and not self._may_come_back(session, now):
            return "sessions"
        if self.waiting_bytes + total > limits.total_bytes:
            self._evict(now)
        if size > limits.max_message:
            return "max_message"
        if session.waiting_messages + messages > limits.session_messages:
            return "session_messages"
        if session.waiting_bytes + total > limits.session_bytes:
            return "session_bytes"
        return "total_bytes" if self.waiting_bytes + total > limits.total_bytes else None

    def reserve(self, session: Session, size: int, messages: int = 1) -> None:
        """Messages of `size` bytes each take their places until the application has them."""
        session.reserve(size, messages)
        self.waiting_bytes += size * messages
        if session.ended and self._ended.pop(session.identity, None) is not None:
            self._table[session.identity] = session

    def release(self, session: Session, size: int, messages: int = 1) -> None:
        """Places are free again: `size` bytes in all."""
        session.release(size, messages)
        self.waiting_bytes -= size
        if session.ended:
            self._leave(session)

    def resolve_below(self, session: Session, lowest: int) -> None:
        """The sender waits for nothing below `lowest` any more, so nothing below is kept for it."""
        before = session.waiting_bytes
        session.resolve_below(lowest)
        self.waiting_bytes -= before - session.waiting_bytes

    def credit(self, session: Session) -> tuple[int, int]:
        """What the limits leave to this session: messages, bytes."""
        limits = self.limits
        bytes_free = min(limits.session_bytes - session.waiting_bytes, limits.total_bytes - self.waiting_bytes)
        return limits.session_messages - session.waiting_messages, bytes_free

    def totals(self) -> Totals:
        """Everything counted so far."""
        totals = replace(self.totals_ended)
        for session in chain(self._table.values(), self._ended.values()):
            totals.add(session)
        return totals

    def _has_place(self, now: int) -> bool:
        """Whether there is a place for one session more; those that are over make room."""
        if len(self._table) >= self.limits.sessions and self._gone:
            self._end_gone()
        if len(self._table) >= self.limits.sessions:
            self._evict(now)
        return len(self._table) < self.limits.sessions

    def _end_gone(self) -> None:
        gone, self._gone = self._gone, set()
        for session in [session for session in self._table.values() if session.peer in gone]:
            self.end(session)

    def _leave(self, session: Session) -> None:
        """Remember an ended session without a place, unless it holds something, or too many left a moment ago."""
        if session.waiting_messages or session.identity not in self._table:
            return
        if len(session.arrivals.missing_from(1, GAPS_OF_AN_ENDED_SESSION + 1)) > GAPS_OF_AN_ENDED_SESSION:
            return
        if len(self._ended) >= ENDED_FOR_EACH_PLACE * self.limits.sessions:
            oldest = next(iter(self._ended.values()))
            if oldest.last_seen_at + ENDED_SESSION_KEPT > session.last_seen_at:
                return
            self._forget(oldest, self._ended)
        self._ended[session.identity] = self._table.pop(session.identity)

    def _may_come_back(self, session: Session, now: int) -> bool:
        """Whether an ended session has a place for a message that comes late: the goodbye overtook it on the way, say."""
        session.last_seen_at = now  # so it is not what has to go
        return session.identity in self._table or self._has_place(now)

    def _forget(self, session: Session, table: dict[int, Session]) -> None:
        self.waiting_bytes -= session.waiting_bytes
        self.totals_ended.add(session)
        del table[session.identity]

    def _evict(self, now: int) -> None:
        """Forget the sessions that are over, except those whose messages the application does not have yet."""
        if now < self._next_eviction:
            return
        expiries = []
        for session in list(self._table.values()):
            expires = session.last_seen_at + (ENDED_SESSION_KEPT if session.ended else SILENT_SESSION_KEPT)
            if expires <= now and not session.queued_messages:
                self._forget(session, self._table)
            else:
                expiries.append(expires if expires > now else now + LOOK_AGAIN)
        self._next_eviction = min(expiries, default=now)
