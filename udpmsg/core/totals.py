"""What a receiver counted over all its sessions. Adds up; decides nothing."""

from dataclasses import dataclass

from udpmsg.core.session import Session


@dataclass
class Totals:
    """Counts over all sessions. None: what can't be known (no goodbye told how many were sent)."""

    sessions: int = 0
    messages_sent: int | None = 0
    messages_delivered: int = 0
    """What the application is done with."""
    messages_lost: int | None = 0
    messages_missing: int = 0
    """Gaps below the largest number seen: lost for certain, unless they are still on their way."""
    duplicates: int = 0
    reordered: int = 0
    malformed: int = 0
    over_limit: int = 0
    """Dropped at a limit, or come too late to be told from a duplicate."""
    raw_messages: int = 0
    acknowledged: bool = False
    payload_bytes: int = 0
    first_arrival_ns: int | None = None
    last_arrival_ns: int | None = None
    jitter_sum_us: float = 0.0
    """Each session's jitter, as often as it had messages."""
    jitter_weight: int = 0

    @property
    def jitter_ns(self) -> int | None:
        """The mean of the sessions' jitters, weighted by messages; None before one session has had two."""
        return int(self.jitter_sum_us / self.jitter_weight * 1000) if self.jitter_weight else None

    def note_arrival(self, now: int) -> None:
        """A message came."""
        if self.first_arrival_ns is None:
            self.first_arrival_ns = now
        self.last_arrival_ns = now

    def forget_sent(self) -> None:
        """Somebody sent, and nobody knows how much: a session without a goodbye, or one that was turned away."""
        self.messages_sent = self.messages_lost = None

    def add(self, session: Session) -> None:
        """Add one session. Without its goodbye nobody knows how many it sent, and so how many were lost in all."""
        arrivals = session.arrivals
        self.sessions += 1
        self.messages_delivered += session.messages_delivered
        self.messages_missing += arrivals.missing()
        self.duplicates += session.duplicates
        self.reordered += session.reordered
        self.over_limit += session.over_limit
        self.payload_bytes += session.payload_bytes
        self.acknowledged = self.acknowledged or session.acknowledged
        if session.transits > 1 and session.times_believed:
            self.jitter_sum_us += session.jitter_us * session.transits
            self.jitter_weight += session.transits
        if session.messages_sent is None or self.messages_sent is None or self.messages_lost is None:
            self.forget_sent()
        else:
            self.messages_sent += max(session.messages_sent, arrivals.unique)
            self.messages_lost += arrivals.lost(session.messages_sent)
