"""Leaving slow start before the queue overflows: HyStart++ (RFC 9406), and a brake where the bottleneck is already known.

Owns how fast the window grows until the first congestion event, and the word that it has grown enough. Told round trips and
arrivals; knows no window but the one it is asked about.

RFC 9406 sees the queue by its delay, compared round by round. What is seen is a round trip old, and in that time the window has
doubled: with a queue of half a bandwidth x delay the drops were as many as without it. So (docs/decisions/0026 has the figures)
- the delay is the least of the last eight samples, not of a round;
- what left together comes back as far apart as the bottleneck lets it: that is a rate, and the rate times the smallest round
  trip is the window at which a queue begins, the choke. From there on the window grows by an eighth of what is acknowledged, as
  it does after the delay has risen (Conservative Slow Start), and the pace exceeds the rate by a quarter at most. When more than
  that was delivered, or a round passed beyond the choke without any delay, it was none, and the window doubles again. Linux's
  HyStart has such a rule, with the length of a train of acknowledgments in place of its rate.
"""

from collections import deque
from collections.abc import Sequence

from udpmsg.base.durations import MILLISECOND, SECOND

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
EXCESS = 0.25
"""By such a part the pace may exceed the rate of a train: with less, a rate that was told too low holds the sender for long."""
EXCESS_OF_THRESHOLD = 1.25
"""And by so much of what shows as a delay, which is a large part of a short round trip."""
TRAIN = 6
"""Datagrams that a train has at least, after the first: fewer say little about a rate."""
SHORTEST_TRAIN = MILLISECOND
"""And so long it takes at least to come: who was held up for half of that reads it as fast as if there were no bottleneck."""


class SlowStart:
    """The first slow start of a sender; a later one ends at ssthresh."""

    __slots__ = (
        "_baseline",
        "_beyond",
        "_braked",
        "_minimum",
        "_rate",
        "_recent",
        "_remainder",
        "_round_bytes",
        "_round_ends",
        "_rounds",
        "_train",
        "over",
    )

    def __init__(self) -> None:
        self.over = False
        """The window is as large as the path takes."""
        self._minimum: int | None = None
        self._recent: deque[int] = deque(maxlen=N_RTT_SAMPLE)
        """The last eight round trips."""
        self._baseline: int | None = None
        """cssBaselineMinRtt: the delay at which Conservative Slow Start began; None: it did not."""
        self._rounds = 0
        """Rounds in Conservative Slow Start."""
        self._round_ends = 0
        """What left from here on is of the next round."""
        self._round_bytes = (0, 0)
        """When the round's first arrived, and bytes since."""
        self._train = (-1, 0, 0, 0, 0)
        """When the last train left, when its first and its last arrived, and bytes and datagrams after the first."""
        self._braked = False
        """A train has told the choke."""
        self._rate = 0.0
        """Bytes a second that came back at most."""
        self._beyond = False
        """Whether so much more than the choke was in flight, when the round began, that its queue must be seen."""
        self._remainder = 0
        """Of what was acknowledged, bytes that have not made a whole one of growth."""

    def on_round_trip(self, round_trip: int) -> None:
        """RFC 9406 section 4.2: the delay rises, and is there for longer than a moment, or not."""
        if not self._minimum or round_trip < self._minimum:
            self._minimum = round_trip
        self._recent.append(round_trip)
        if len(self._recent) < N_RTT_SAMPLE:
            return
        current = min(self._recent)
        if self._baseline is None:
            if current >= self._minimum + self._threshold:
                self._baseline, self._rounds = current, 0
        elif current < self._baseline:
            self._baseline = None

    def on_arrival(self, sizes: Sequence[int], sent_at: int, now: int, in_flight: int) -> None:
        """Datagrams of so many bytes came, which left at this time; so many were in flight until now. A rate is that of those
        that came after the first acknowledgment: most of what it names had been there for a while."""
        size = sum(sizes)
        if sent_at >= self._round_ends and now > sent_at:
            self._begin_round(now, in_flight)
            self._round_bytes = now, 0
        elif now > self._round_bytes[0]:
            self._round_bytes = self._round_bytes[0], self._round_bytes[1] + size
        left_at, first_at, _, before, count = self._train
        if sent_at != left_at:
            if count >= TRAIN:
                self._note_train()
            self._train = sent_at, now, now, 0, 0
        elif now > first_at:
            self._train = left_at, first_at, now, before + size, count + len(sizes)

    def settle(self, now: int) -> None:
        """Everything that one acknowledgment says was told: what is known of a rate by now is for what comes later, so many at
        once come to the same as one after the other."""
        if self._train[4] >= TRAIN:
            self._note_train()
        since, came = self._round_bytes
        is_train = since == self._train[1]  # whose rate is told when enough of it has come
        if now - since > (self._minimum or 0) // 2 and (self._braked or not is_train):
            self._raise_rate(since, came, now)

    @property
    def choke(self) -> int | None:
        """The window at which a queue begins, as far as that is known."""
        return int(self._rate * (self._minimum or 0) / SECOND) if self._braked else None

    @property
    def pace(self) -> int | None:
        """Bytes a second at most, once a rate is known: more than that, so that a queue beyond the choke shows, and less than a
        whole window more, so that no burst fills the queue before."""
        if not self._braked or not self._minimum:
            return None
        return int(self._rate * (1 + max(EXCESS, EXCESS_OF_THRESHOLD * self._threshold / self._minimum)))

    @property
    def _threshold(self) -> int:
        """RttThresh."""
        return max(MIN_RTT_THRESH, min((self._minimum or 0) // MIN_RTT_DIVISOR, MAX_RTT_THRESH))

    def growth(self, acknowledged: int, window: int) -> int:
        """By how much the window grows for so many bytes: by as many, or beyond the choke by an eighth of them."""
        if self._baseline is not None:
            fast = 0
        elif self.choke is not None:
            fast = min(acknowledged, max(self.choke - window, 0))
        else:
            fast = acknowledged
        slow, self._remainder = divmod(self._remainder + acknowledged - fast, CSS_GROWTH_DIVISOR)
        return fast + slow

    def _begin_round(self, now: int, in_flight: int) -> None:
        self._round_ends = now
        self._rounds += 1
        self.over = self._baseline is not None and self._rounds >= CSS_ROUNDS
        if self._beyond and self._baseline is None:
            self._braked = False  # it was none, and no slower train tells of one
        self._beyond = self._braked and in_flight >= (self.choke or 0) + int(self._rate * self._threshold / SECOND)

    def _note_train(self) -> None:
        """It is long enough to tell something."""
        _, since, until, came, _ = self._train
        if until - since >= SHORTEST_TRAIN and self._raise_rate(since, came, until):
            self._braked = True

    def _raise_rate(self, since: int, size: int, now: int) -> bool:
        """Given the bytes that came since the first: whether that is faster than all before."""
        if self._minimum is None or now <= since or (rate := size * SECOND / (now - since)) <= self._rate:
            return False
        self._rate = rate
        return True
