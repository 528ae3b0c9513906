"""How much may be in flight, and how fast it may leave: NewReno as RFC 9002 section 7 has it, and a pacer (7.7).

Owns the window, the bytes in flight and the pace; knows no datagrams and no timer. Sizes in bytes, times in nanoseconds.
"""

from udpmsg.core.rtt import MILLISECOND

LOSS_REDUCTION_FACTOR = 0.5
"""kLossReductionFactor, RFC 9002 appendix B.1."""
PACING_GAIN = 1.25
"""N of RFC 9002 section 7.7."""
PACING_QUANTUM = MILLISECOND
"""What the pacer may let pass at once, in time: waits of the operating system are no finer."""


class Congestion:
    """The congestion window of one sender."""

    __slots__ = ("_datagram_size", "_next_send_at", "_recovery_start", "bytes_in_flight", "ssthresh", "window")

    def __init__(self, datagram_size: int) -> None:
        self._datagram_size = datagram_size
        # RFC 9002 section 7.2
        self.window = min(10 * datagram_size, max(14720, 2 * datagram_size))
        self.bytes_in_flight = 0
        self.ssthresh: int | None = None
        self._recovery_start = -1
        self._next_send_at = 0

    @property
    def minimum_window(self) -> int:
        """RFC 9002 section 7.2: two datagrams."""
        return 2 * self._datagram_size

    def allows(self, size: int) -> bool:
        """Whether a datagram of this size fits the window now."""
        return self.bytes_in_flight + size <= self.window

    def paced_until(self, now: int) -> int | None:
        """When the pace allows the next datagram; None: now."""
        return self._next_send_at if self._next_send_at > now else None

    def on_sent(self, size: int, now: int, srtt: int | None) -> None:
        """A datagram left. Before the first sample there is no pace: the initial window may leave as one burst (7.7)."""
        self.bytes_in_flight += size
        if srtt is None:
            return
        interval = int(size * srtt / (PACING_GAIN * self.window))
        burst = max(10 * interval, PACING_QUANTUM)
        self._next_send_at = max(self._next_send_at, now - burst) + interval

    def on_acknowledged(self, size: int, sent_at: int, window_was_limit: bool) -> None:
        """A datagram arrived there. The window grows only if it was what held the sender back (7.8)."""
        self.bytes_in_flight -= size
        if sent_at <= self._recovery_start or not window_was_limit:
            return
        if self.ssthresh is None or self.window < self.ssthresh:
            self.window += size  # slow start (7.3.1)
        else:
            self.window += self._datagram_size * size // self.window  # congestion avoidance (7.3.3)

    def on_lost(self, size: int) -> None:
        """A datagram is deemed lost; `on_congestion` says what follows from it."""
        self.bytes_in_flight -= size

    def on_congestion(self, sent_at: int, now: int) -> None:
        """A loss of a datagram sent at `sent_at`: halve the window, once a round trip (7.3.2)."""
        if sent_at <= self._recovery_start:
            return
        self._recovery_start = now
        self.ssthresh = max(int(self.window * LOSS_REDUCTION_FACTOR), self.minimum_window)
        self.window = self.ssthresh

    def on_persistent_congestion(self, now: int) -> None:
        """Nothing came back for long enough that what was known of the path is void: begin from the minimum (7.6.2)."""
        self.window = self.minimum_window
        self._recovery_start = now
        self._next_send_at = 0
