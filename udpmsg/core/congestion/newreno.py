"""NewReno as QUIC has it: RFC 9002 section 7, with the names of the RFC.

Owns the window's growth and its cut after a loss. Everything that is lost in one round trip is one congestion event (7.3.2).
"""

from math import isqrt
from typing import Any, ClassVar

from udpmsg.base.durations import SECOND
from udpmsg.core.congestion.controller import Controller
from udpmsg.core.congestion.slow_start import SlowStart
from udpmsg.core.retransmission import Flight

PACING_GAIN = 1.25
"""N of RFC 9002 section 7.7."""
SLOW_START_GAIN = 1.5
"""The same until the first loss: the window doubles in a round trip, and with less it would wait for the pace."""


class NewReno(Controller):
    """Slow start, a window that grows by a datagram in a round trip, and a half of it after a loss."""

    __slots__ = ("_before", "_doubtful", "_recovery_start", "_slow_start", "_square", "_srtt")

    UNDONE: ClassVar[tuple[str, ...]] = ("window", "ssthresh", "_square", "_recovery_start")
    """What a congestion event changes, and is as before if it was none."""
    BETA: ClassVar[float] = 0.5
    """kLossReductionFactor, RFC 9002 section 7.3.2: what a loss leaves of the window."""

    def __init__(self, datagram_size: int, seed: int = 0) -> None:
        super().__init__(datagram_size, seed)
        self._slow_start = SlowStart()
        self._srtt: int | None = None
        self._recovery_start = -1
        """congestion_recovery_start_time: what left before is part of a congestion event that had its answer."""
        self._square = 0
        """In congestion avoidance the square of the window, with the fraction of a byte that the window does not have."""
        self._doubtful = 0
        """How many datagrams of the last congestion event are still taken for lost."""
        self._before: dict[str, Any] = {}
        """What was there before the last congestion event, unless that was none."""

    @property
    def pace(self) -> int | None:
        """RFC 9002 section 7.7: N windows in a round trip."""
        if self._srtt is None:
            return None
        gain = SLOW_START_GAIN if self.ssthresh is None else PACING_GAIN
        pace = int(gain * self.window * SECOND / max(self._srtt, 1))
        if self.ssthresh is None and (known := self._slow_start.pace(self.window)) is not None:
            pace = min(pace, known)
        return max(pace, 1)

    def on_round_trip(self, round_trip: int, srtt: int, now: int, held: int = 0) -> None:
        """The pace follows the smoothed one; slow start looks at each."""
        self._srtt = srtt
        if self.ssthresh is None:
            self._slow_start.on_round_trip(round_trip, held)

    def on_acknowledged(self, flight: Flight, now: int, window_was_limit: bool) -> None:
        """RFC 9002 sections 7.3.1 and 7.3.3: the window grows by what arrives, below ssthresh fast and above slowly."""
        size = sum(flight.sizes)
        self.bytes_in_flight -= size
        if flight.sent_at <= self._recovery_start:
            return None
        if self.ssthresh is None:
            self._slow_start.on_arrival(flight.sizes, flight.sent_at, now, self.bytes_in_flight + size)
            if self._slow_start.over:
                self.ssthresh = self.window = self._slow_start.left_with(self.window)
        if not window_was_limit:
            return self._pause(now)
        if self.ssthresh is None:
            self.window += self._slow_start.growth(size, self.window)
        else:
            growth = min(size, max(self.ssthresh - self.window, 0))
            self.window += growth
            if growth < size:
                self._avoid_congestion(size - growth, now)
        return None

    def settle(self, now: int) -> None:
        """Slow start looks once at each acknowledgment for the rate."""
        if self.ssthresh is None:
            self._slow_start.settle()

    def on_lost(self, flight: Flight, now: int) -> None:
        """It may only be late: it is counted until it is found."""
        super().on_lost(flight, now)
        self._doubtful += 1

    def on_late(self, flight: Flight, now: int) -> None:
        """RFC 4015 (3), RFC 9438 section 4.9: when nothing of the last congestion event is missing any more, it was none."""
        if flight.episode != self.episode or not self._before:
            return
        self._doubtful -= 1
        if not self._doubtful:
            before, self._before = self._before, {}
            if self.window < before["window"]:
                for name, value in before.items():
                    setattr(self, name, value)

    def on_congestion(self, sent_at: int, now: int) -> None:
        """RFC 9002 section 7.3.2: take from the window, once a round trip."""
        if sent_at <= self._recovery_start:
            return
        self._begin_episode(now)
        self.ssthresh = max(int(self.window * self.BETA), self.minimum_window)
        self._note_loss()
        self.window = self.ssthresh

    def on_persistent_congestion(self, now: int) -> None:
        """RFC 9002 section 7.6.2: kMinimumWindow."""
        self._begin_episode(now)
        self._note_loss()
        self.window = self.minimum_window
        self._pacer.forget()

    def _begin_episode(self, now: int) -> None:
        self.episode += 1
        self._doubtful = 0
        self._before = {name: getattr(self, name) for name in self.UNDONE}
        self._recovery_start = now

    # What CUBIC does otherwise -------------------------------------------------------------------------------------------

    def _note_loss(self) -> None:
        """The window is about to be cut."""
        self._square = 0

    def _pause(self, now: int) -> None:
        """An acknowledgment came while the window held nobody back."""

    def _avoid_congestion(self, acknowledged: int, now: int) -> None:
        """RFC 9002 section 7.3.3: each byte acknowledged lets the window grow by a datagram / window; so the square of the window
        grows by twice the datagram, however large it has become meanwhile."""
        self._square = max(self._square, self.window**2) + 2 * self.datagram_size * acknowledged
        self.window = isqrt(self._square)
