"""The sessions of one receiver, and its limits. Owns who has a place, how much of the memory each takes, and who must go.

Knows neither bytes of the wire format nor the queue to the application.
"""

from dataclasses import replace

from udpmsg.core.config import Limits
from udpmsg.core.events import Peer
from udpmsg.core.rtt import SECOND
from udpmsg.core.session import Session
from udpmsg.core.totals import Totals

ENDED_SESSION_KEPT = 2 * SECOND
"""After a goodbye nothing is retransmitted; what the network duplicates comes within a moment."""
LOOK_AGAIN = SECOND
"""How soon to ask again whether the application has taken what keeps a session: a newcomer must not cost a walk each time."""
SILENT_SESSION_KEPT = 120 * SECOND
"""Twice the default deadline of a sender: whoever has been silent for so long has given up what it sent."""


class Sessions:
    """The table of sessions. What suppresses a duplicate must outlive the duplicate, so a young session is never forgotten."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.waiting_bytes = 0
        """Bytes that the application does not have yet, over all sessions; places reserved for fragments included."""
        self.totals_ended = Totals()
        """What was counted in sessions that are forgotten, and outside of any session."""
        self._table: dict[int, Session] = {}
        self._next_eviction = 0

    def __len__(self) -> int:
        return len(self._table)

    def find(self, identity: int) -> Session | None:
        """The session with this id, if it has a place."""
        return self._table.get(identity)

    def open(self, identity: int, peer: Peer, now: int, *, acknowledged: bool) -> Session | None:
        """A place for a new session; None when all are taken."""
        if len(self._table) >= self.limits.sessions:
            self._evict(now)
        if len(self._table) >= self.limits.sessions:
            return None
        session = self._table[identity] = Session(identity, peer, self.limits.gaps, acknowledged=acknowledged)
        return session

    def disconnected(self, peer: Peer) -> None:
        """The connection is gone: its sessions say nothing more."""
        for session in self._table.values():
            if session.peer == peer:
                self.end(session)

    def end(self, session: Session) -> None:
        """It says nothing more, so its place is free soon."""
        session.ended = True
        self._next_eviction = min(self._next_eviction, session.last_seen_at + ENDED_SESSION_KEPT)

    def limit_reached(self, session: Session, size: int, now: int) -> str | None:
        """The name of the first limit that has no room for one message more, of `size` bytes; None when there is room."""
        limits = self.limits
        if self.waiting_bytes + size > limits.total_bytes:
            self._evict(now)
        checks = (
            ("max_message", size),
            ("session_messages", session.waiting_messages + 1),
            ("session_bytes", session.waiting_bytes + size),
            ("total_bytes", self.waiting_bytes + size),
        )
        return next((name for name, value in checks if value > getattr(limits, name)), None)

    def reserve(self, session: Session, size: int) -> None:
        """A message of `size` bytes takes its place until the application has it."""
        session.reserve(size)
        self.waiting_bytes += size

    def release(self, session: Session, size: int) -> None:
        """A place is free again."""
        session.release(size)
        self.waiting_bytes -= size

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
        for session in self._table.values():
            totals.add(session)
        return totals

    def _evict(self, now: int) -> None:
        """Forget the sessions that are over, except those whose messages the application does not have yet."""
        if now < self._next_eviction:
            return
        expiries = []
        for session in list(self._table.values()):
            expires = session.last_seen_at + (ENDED_SESSION_KEPT if session.ended else SILENT_SESSION_KEPT)
            if expires <= now and not session.queued_messages:
                self.waiting_bytes -= session.waiting_bytes
                self.totals_ended.add(session)
                del self._table[session.identity]
            else:
                expiries.append(expires if expires > now else now + LOOK_AGAIN)
        self._next_eviction = min(expiries, default=now)
