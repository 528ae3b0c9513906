"""How much may be in flight, and how fast it may leave: the window of RFC 9002 section 7, and a pacer (7.7).

How much a loss takes and how it is won back are as RFC 9438 has them where CUBIC is to be as fast as Reno (section 4.3): three
tenths are taken instead of a half, and the window grows more slowly until it is where it was (docs/decisions/0015).

Owns the window, the bytes in flight and the pace; knows no datagrams and no timer. Sizes in bytes, times in nanoseconds.

Everything here adds up: to ask, charge or acknowledge for many datagrams at once comes to the same, to the byte and the
nanosecond, as one after the other.
"""

from collections.abc import Sequence
from itertools import groupby
from math import isqrt

from udpmsg.core.rtt import MILLISECOND

BETA = 0.7
"""β_cubic, RFC 9438 section 4.6: what is left of the window after a loss."""
ALPHA = 9, 17
"""α_cubic, RFC 9438 section 4.3, as a fraction: 3 (1 - β) / (1 + β). So much of a datagram is won back in a round trip."""
INITIAL_DATAGRAMS = 10
"""RFC 9002 section 7.2: so many are the initial window, and by 7.7 the most that should leave in one burst."""
PACING_GAIN = 1.25
"""N of RFC 9002 section 7.7."""
PACING_QUANTUM = MILLISECOND
"""What the pacer may let pass at once, in time: waits of the operating system are no finer."""


class Congestion:
    """The congestion window of one sender."""

    __slots__ = (
        "_datagram_size",
        "_next_send_at",
        "_prior",
        "_recovery_start",
        "_square",
        "bytes_in_flight",
        "ssthresh",
        "window",
    )

    def __init__(self, datagram_size: int) -> None:
        self._datagram_size = datagram_size
        # RFC 9002 section 7.2
        self.window = min(INITIAL_DATAGRAMS * datagram_size, max(14720, 2 * datagram_size))
        self.bytes_in_flight = 0
        self.ssthresh: int | None = None
        self._prior = 0
        """cwnd_prior, RFC 9438: the window before the last loss."""
        self._square = 0
        """In congestion avoidance the window's square, 17 times: with the fraction of a byte that the window does not have."""
        self._recovery_start = -1
        self._next_send_at = 0

    @property
    def minimum_window(self) -> int:
        """RFC 9002 section 7.2: two datagrams."""
        return 2 * self._datagram_size

    def set_datagram_size(self, size: int) -> None:
        """Datagrams have at most so many bytes from now on. A window too small for two of them would let nothing leave."""
        self._datagram_size = size
        self.window = max(self.window, self.minimum_window)

    def admit(self, sizes: Sequence[int], now: int, srtt: int | None) -> int:
        """How many of these datagrams may leave now, in this order. They leave: the window and the pace are charged for them."""
        admitted = 0
        for size, group in groupby(sizes):
            count = len(list(group))
            allowed = min(count, max(self.window - self.bytes_in_flight, 0) // size)
            if srtt is not None:  # without a sample there is no pace: the initial window may leave as one burst (7.7)
                allowed = self._admit_to_pace(allowed, now, int(size * srtt / (PACING_GAIN * self.window)) or 1)
            self.bytes_in_flight += allowed * size
            admitted += allowed
            if allowed < count:
                break
        return admitted

    def paced_until(self, now: int) -> int | None:
        """When the pace allows the next datagram; None: now."""
        return self._next_send_at if self._next_send_at > now else None

    def on_acknowledged(self, size: int, sent_at: int, window_was_limit: bool) -> None:
        """Datagrams that left at one time arrived. The window grows only if it was what held the sender back (7.8)."""
        self.bytes_in_flight -= size
        if sent_at <= self._recovery_start or not window_was_limit:
            return
        # slow start (7.3.1), up to ssthresh where that is known
        growth = size if self.ssthresh is None else min(size, max(self.ssthresh - self.window, 0))
        self.window += growth
        if growth < size:
            self._avoid_congestion(size - growth)

    def on_lost(self, size: int) -> None:
        """A datagram is deemed lost; `on_congestion` says what follows from it."""
        self.bytes_in_flight -= size

    def on_congestion(self, sent_at: int, now: int) -> None:
        """A loss of a datagram sent at `sent_at`: take from the window, once a round trip (7.3.2)."""
        if sent_at <= self._recovery_start:
            return
        self._recovery_start = now
        self._square = 0
        self._prior = self.window
        self.ssthresh = max(int(self.window * BETA), self.minimum_window)
        self.window = self.ssthresh

    def on_persistent_congestion(self, now: int) -> None:
        """Nothing came back for long enough that what was known of the path is void: begin from the minimum (7.6.2)."""
        self.window = self.minimum_window
        self._square = 0
        self._recovery_start = now
        self._next_send_at = 0

    def _avoid_congestion(self, acknowledged: int) -> None:
        """A byte acknowledged lets the window grow by a datagram / window (RFC 9002, 7.3.3), and by α of that below where it was
        before the loss (RFC 9438, figure 4); so its square grows by twice the datagram, however large it has become meanwhile."""
        part, whole = ALPHA
        slow, fast = 2 * self._datagram_size * part, 2 * self._datagram_size * whole
        square = max(self._square, whole * self.window**2)
        slowly = min(acknowledged, max(-((square - whole * self._prior**2) // slow), 0))
        self._square = square + slow * slowly + fast * (acknowledged - slowly)
        self.window = isqrt(self._square // whole)

    def _admit_to_pace(self, count: int, now: int, interval: int) -> int:
        """How many of so many datagrams the pace lets go now: the one that is due, and those for whose intervals it is late.

        It is never so late that more than ten may leave in one burst, or more than the quantum lets pass."""
        due = max(self._next_send_at, now - max(INITIAL_DATAGRAMS * interval, PACING_QUANTUM))
        admitted = min(count, max((now - due) // interval + 1, 0))
        if admitted:
            self._next_send_at = due + admitted * interval
        return admitted
