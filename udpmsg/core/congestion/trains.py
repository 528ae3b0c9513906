"""The rate of the bottleneck, as far as it shows while nothing waits before it: what left together comes as far apart as the
bottleneck lets it.

Owns what such trains told, which of them is believed, and what arrived since a round trip began. Told arrivals; knows no window.
Rates in bytes a second.

A train may be told too fast, because a process at either end was held up and then took several at once, or too slow, because
that or jitter spread it. One train alone is believed; of several the second fastest, but no less than three quarters of the
fastest. When more arrives in half a round trip than is believed, the fastest is. When more arrives than that, what arrived is:
such a disproof lets the window grow faster, and after some of them nothing is believed.
"""

from collections.abc import Sequence

from udpmsg.base.durations import MILLISECOND, SECOND

TRAIN = 6
"""Datagrams that a train has at least, after the first: fewer say little about a rate."""
SHORTEST_TRAIN = MILLISECOND
"""And so long it takes at least to come: who was held up for half of that reads it as fast as if there were no bottleneck."""
LEAST_OF_FASTEST = 0.75
"""This part of the fastest rate is believed whatever the others say."""
EXCESS = 16
"""Such a part more must have arrived than is believed, to disprove it."""
LEAST_EXCESS = MILLISECOND
"""And so much sooner it must have come: less may be chance."""
DISPROOFS = 5
"""How often that may happen until nothing is believed."""


class Trains:
    """What trains of datagrams told."""

    __slots__ = (
        "_before",
        "_came_at",
        "_doubts",
        "_least",
        "_round",
        "_told",
        "_train",
        "_train_rate",
        "disproved",
        "known",
        "last_round",
        "rate",
    )

    def __init__(self) -> None:
        self.known = False
        """A train has told the rate, and nothing has disproved it."""
        self.disproved = 0
        """How often more arrived than was believed."""
        self.rate = 0.0
        """What is believed, or more, if more came at least."""
        self._train = (-1, 0, 0, 0, 0)
        """When the last train left, when its first and its last arrived, and bytes and datagrams after the first."""
        self._train_rate = 0.0
        """What it tells."""
        self._before = [0.0, 0.0]
        """What the two fastest trains before it told, ascending."""
        self._told = 0.0
        """What they tell together."""
        self._doubts = True
        """The fastest of several is not believed."""
        self._round = (0, 0)
        """When the round's first arrived, and bytes since."""
        self.last_round = 0.0
        """At which rate the last round trip's came."""
        self._least = 0.0
        """At such a rate it came for half a round trip."""
        self._came_at = 0

    def begin_round(self, came_at: int) -> None:
        """What arrives now is the first of a round trip."""
        since, came = self._round
        self.last_round = came * SECOND / max(self._came_at - since, 1)
        self._came_at, self._round = came_at, (came_at, 0)

    def on_arrival(self, sizes: Sequence[int], sent_at: int, came_at: int) -> None:
        """Datagrams of so many bytes came, which left at this time. A rate is that of those that came after the first
        acknowledgment: most of what it names had been there for a while."""
        size = sum(sizes)
        self._came_at = came_at
        if came_at > self._round[0]:
            self._round = self._round[0], self._round[1] + size
        left_at, first_at, _, before, count = self._train
        if sent_at != left_at:
            if count >= TRAIN:
                self._note_train()
                _, *self._before = sorted((*self._before, self._train_rate))
                self._train_rate = 0.0
            self._train = sent_at, came_at, came_at, 0, 0
        elif came_at > first_at:
            self._train = left_at, first_at, came_at, before + size, count + len(sizes)

    def settle(self, round_trip: int) -> None:
        """Everything that one acknowledgment says was told: what is known of a rate by now is for what comes later, so many at
        once come to the same as one after the other."""
        if self._train[4] >= TRAIN:
            self._note_train()
        since, came = self._round
        is_train = since == self._train[1]  # whose rate is told when enough of it has come
        if self._came_at - since > round_trip // 2 and (self.known or not is_train):
            self._note_round(came, self._came_at - since)

    def disprove(self) -> None:
        """More comes, or may come, than is believed: what came at most is believed instead, and after a few times nothing."""
        self.disproved += 1
        self._told = self.rate
        self.known = self.disproved < DISPROOFS

    def _note_train(self) -> None:
        """It is long enough to tell something."""
        _, since, until, came, _ = self._train
        if until - since >= SHORTEST_TRAIN:
            self._train_rate = max(self._train_rate, came * SECOND / (until - since))
            self._believe()

    def _believe(self) -> None:
        _, second, fastest = sorted((*self._before, self._train_rate))
        told = max(second, LEAST_OF_FASTEST * fastest) if self._doubts and second else fastest
        self._told = max(told, self._told) if self.disproved else told
        if self._told > self.rate:
            self.rate, self.known = self._told, True
        elif self.known:
            self.rate = max(self._told, self._least)

    def _note_round(self, came: int, took: int) -> None:
        self._least = max(self._least, came * SECOND / took)
        self.rate = max(self.rate, self._least)
        if not self.known:
            return
        if came * SECOND / self._told - took < max(took / EXCESS, LEAST_EXCESS):
            return
        if self._doubts:
            self._doubts = False
            self._believe()
        else:
            self.disprove()
