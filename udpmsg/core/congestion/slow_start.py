"""Leaving slow start before the queue overflows: HyStart++ (RFC 9406), and a brake where the bottleneck is already known.

Owns how fast the window grows until the first congestion event, and the word that it has grown enough. Told round trips and
arrivals; knows no window but the one it is asked about.

RFC 9406 sees the queue by its delay, compared round by round. What is seen is a round trip old, and in that time the window has
doubled: with a queue of half a bandwidth x delay the drops were as many as without it. So (docs/decisions/0026 has the figures)
- the delay is the least of the last eight samples, not of a round;
- the rate of the bottleneck (see `trains`) times the smallest round trip is the window at which a queue begins, the choke. From
  shortly before it on the window grows by a sixteenth of what is acknowledged. The pace is that rate, and beyond the choke a
  sixteenth more. A queue that grows so slowly is looked for with half the threshold; where it shows, the window stays. When a
  round passed beyond the choke without any delay, it was none, and the window grows twice as fast, and doubles in the end.
  Linux's HyStart has such a rule, with the length of a train of acknowledgments in place of its rate.
"""

from collections import deque
from collections.abc import Sequence

from udpmsg.base.durations import MILLISECOND, SECOND
from udpmsg.core.congestion.trains import Trains

MIN_RTT_THRESH = 2 * MILLISECOND
"""RFC 9406 section 4.2 has 4 ms, for the minimum of a round."""
MAX_RTT_THRESH = 16 * MILLISECOND
"""RFC 9406 section 4.2."""
MIN_RTT_DIVISOR = 16
"""RFC 9406 section 4.2 has 8, for the minimum of a round."""
N_RTT_SAMPLE = 8
"""RFC 9406 section 4.2."""
CSS_GROWTH_DIVISOR = 8
"""RFC 9406 section 4.2 has 4: then a queue of a quarter of bandwidth x delay overflows in the round in which it is noticed."""
CSS_ROUNDS = 1
"""RFC 9406 section 4.2 has 5: rounds that begin before the slow growth is over, in case the delay was no queue's."""
CHOKE_GROWTH_DIVISOR = 16
"""And so much near the choke: then the queue is less than an eighth of bandwidth x delay when its delay is heard of."""
LEAST_DIVISOR = 2
"""And so much when the choke was disproved often."""
NEAR = 16
"""Near is what such a part of the choke is missing to: by so much a rate is easily told too high."""
EXCESS_OF_DELAY = 1.25
"""And by so much of what shows as a delay, which is a large part of a short round trip."""
LEAST_KEPT = 8
"""All but such a part of the window is kept when slow start is over: the delay may be no queue's."""


class SlowStart:
    """The first slow start of a sender; a later one ends at ssthresh."""

    __slots__ = (
        "_baseline",
        "_beyond",
        "_came_at",
        "_held",
        "_minimum",
        "_recent",
        "_remainder",
        "_round_ends",
        "_rounds",
        "_trains",
        "over",
    )

    def __init__(self) -> None:
        self.over = False
        """The window is as large as the path takes."""
        self._trains = Trains()
        self._minimum: int | None = None
        self._recent: deque[int] = deque(maxlen=N_RTT_SAMPLE)
        """The last eight round trips."""
        self._baseline: int | None = None
        """cssBaselineMinRtt: the delay at which Conservative Slow Start began; None: it did not."""
        self._rounds = 0
        """Rounds in Conservative Slow Start."""
        self._round_ends = 0
        """What left from here on is of the next round."""
        self._beyond = False
        """Whether so much more than the choke was in flight, when the round began, that its queue must be seen."""
        self._held = 0
        """For how long the receiver had what this acknowledgment names."""
        self._came_at = 0
        """When the last datagram came there, and the way back later."""
        self._remainder = 0
        """Of what was acknowledged, bytes that have not made a whole one of growth."""

    def on_round_trip(self, round_trip: int, held: int = 0) -> None:
        """RFC 9406 section 4.2: the delay rises, and is there for longer than a moment, or not. `held`: for how long the receiver
        had what it acknowledges."""
        self._held = held
        if not self._minimum or round_trip < self._minimum:
            self._minimum = round_trip
        self._recent.append(round_trip)
        if len(self._recent) < N_RTT_SAMPLE:
            return
        current = min(self._recent)
        if self._baseline is None:
            if current >= self._minimum + (self._threshold // 2 if self._trains.known else self._threshold):
                self._baseline, self._rounds = current, 0
        elif current < self._baseline:
            self._baseline = None

    def on_arrival(self, sizes: Sequence[int], sent_at: int, now: int, in_flight: int) -> None:
        """Datagrams of so many bytes came, which left at this time; so many were in flight until now. An acknowledgment that was
        held back, or late because its receiver was busy, says when they came."""
        self._came_at = max(self._came_at, now - self._held)
        if sent_at >= self._round_ends and now > sent_at:
            self._begin_round(now, in_flight)
            self._trains.begin_round(self._came_at)
        self._trains.on_arrival(sizes, sent_at, self._came_at)

    def settle(self) -> None:
        """Everything that one acknowledgment says was told."""
        self._trains.settle(self._minimum or 0)
        self._held = 0

    @property
    def choke(self) -> int | None:
        """The window at which a queue begins, as far as that is known."""
        if self._minimum is None or not self._trains.known:
            return None
        return int(self._trains.rate * self._minimum / SECOND)

    def pace(self, window: int) -> int | None:
        """Bytes a second at most with such a window, once a rate is known: no burst fills the queue before the window does; and
        beyond the choke so much more that a queue shows."""
        choke = self.choke
        if not choke or not self._minimum:
            return None
        excess = 0.0 if window < choke else max(1 / self._divisor, EXCESS_OF_DELAY * self._threshold / 2 / self._minimum)
        return int(self._trains.rate * (1 + excess))

    @property
    def _divisor(self) -> int:
        """Near the choke the window grows by such a part of what is acknowledged."""
        return max(CHOKE_GROWTH_DIVISOR >> self._trains.disproved, LEAST_DIVISOR)

    @property
    def _threshold(self) -> int:
        """RttThresh."""
        return max(MIN_RTT_THRESH, min((self._minimum or 0) // MIN_RTT_DIVISOR, MAX_RTT_THRESH))

    def growth(self, acknowledged: int, window: int) -> int:
        """By how much the window grows for so many bytes: by as many, or by a part of them."""
        choke = self.choke
        if choke is None:
            fast, divisor = acknowledged if self._baseline is None else 0, CSS_GROWTH_DIVISOR
        elif self._baseline is None:
            fast, divisor = min(acknowledged, max(choke - choke // NEAR - window, 0)), self._divisor
        else:
            return 0
        slow, self._remainder = divmod(self._remainder + acknowledged - fast, divisor)
        return fast + slow

    def left_with(self, window: int) -> int:
        """The window when slow start is over. While a queue stands, what comes in a round trip fills the path and no queue."""
        if self._minimum is None or not self._trains.known:
            return window
        came = int(self._trains.last_round * self._minimum / SECOND)
        return min(window, max(came, window - window // LEAST_KEPT))

    def _begin_round(self, now: int, in_flight: int) -> None:
        self._round_ends = now
        self._rounds += 1
        self.over = self._baseline is not None and self._rounds >= CSS_ROUNDS
        if self._beyond and self._baseline is None and self._trains.known:
            self._trains.disprove()
        choke = self.choke
        self._beyond = choke is not None and in_flight >= choke + int(self._trains.rate * self._threshold / SECOND)
