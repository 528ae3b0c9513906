"""When the next datagram may leave, so that a window does not leave at once: RFC 9002 section 7.7.

Owns the time at which the next one is due; knows no window and no path. Adds up: to ask for many datagrams at once comes to the
same, to the nanosecond, as one after the other.
"""

from udpmsg.base.durations import MILLISECOND
from udpmsg.core.rtt import NEVER

BURST = 10
"""Datagrams that may leave at once after a pause: RFC 9002 section 7.7 has the initial window as the most that should."""
QUANTUM = MILLISECOND
"""What may pass at once, in time: waits of the operating system are no finer."""
LONG_AGO = -NEVER


class Pacer:
    """Spreads datagrams over time."""

    __slots__ = ("_next_send_at",)

    def __init__(self) -> None:
        self._next_send_at = LONG_AGO

    def admit(self, count: int, interval: int, now: int, burst: int = BURST) -> int:
        """How many of so many datagrams may leave now, with an interval in nanoseconds after each: the one that is due, and those
        for whose intervals it is late. It is never so late that more than a burst may leave, or more than a quantum lets
        pass."""
        due = max(self._next_send_at, now - max(burst * interval, QUANTUM))
        admitted = min(count, max((now - due) // interval + 1, 0))
        if admitted:
            self._next_send_at = due + admitted * interval
        return admitted

    def until(self, now: int) -> int | None:
        """When the next datagram may leave; None: now."""
        return self._next_send_at if self._next_send_at > now else None

    def forget(self) -> None:
        """What was sent before counts no more."""
        self._next_send_at = LONG_AGO
