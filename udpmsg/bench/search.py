"""The search for the throughput, and the two schedules. Pure: told rates, outcomes and the time; asks nobody.

Throughput is the highest rate at which nothing is lost (RFC 1242 section 3.17, RFC 2544 section 26.1). Trials while searching may
be short and the one that decides is long (RFC 2544 section 24), so a rate is found by short trials and must then pass a long one.

Software pauses now and then, at any rate, and then a little is lost. So a trial that loses little is made once more, and
only a rate that loses again has failed: binary search with loss verification (ETSI GS NFV-TST 009, clause 12.3.3).
"""

from collections.abc import Iterable
from math import inf
from typing import NamedTuple

from udpmsg.base.distribution import TAIL, Distribution
from udpmsg.base.durations import SECOND
from udpmsg.bench.values import Trial

RESOLUTION = 0.025
"""How far below the lowest rate that lost something the result may lie, as a share of it."""
MOST_TRIALS = 20
"""Halving from nothing to 2.5 % takes six; the rest is for rates that pass a short trial and no long one, and second tries."""
MOST_LONG_TRIALS = 6
"""They take long, and where several fail, chance decides."""
LITTLE = 0.01
"""Of the messages: more than this no pause of a moment loses."""
STEPS_DOWN = (0.95, 0.8, 0.5, 0.2)
"""Where a long trial fails, the network loses by chance: rates fall faster and faster, for one to pass while there is time."""
LOWEST = 0.001
"""Of the flood's rate: where even that loses something, the rate is not the reason."""
REACHED = 0.97
"""Of the offered rate: a sender that falls short of this was on trial itself."""
SHORTFALLS = 2
"""It is the limit when that happens so often: once may be chance."""
FIRST_GUESS = 0.95
"""Of what was received in the flood: a receiver that is not overrun does better, but not always."""

BURST = 250_000
"""Nanoseconds of messages that are handed over at one go: so long a sender's loop may take for one turn."""
MOST_AT_ONCE = 1024
CATCH_UP = 2_000_000
"""Nanoseconds that a sender which stood still may catch up. What it missed beyond is not sent later: a burst at full speed is a
higher rate than the one on trial."""


class Step(NamedTuple):
    """A trial to be made."""

    rate: float | None
    """Messages a second; None: as fast as they leave."""
    confirms: bool
    """A long one."""
    verifies: bool = False
    """The one before lost little: the same once more."""


class Search:
    """Which rate to try next, and which one it was. Begins with a flood, whose rate is the highest there is to try."""

    def __init__(self, *, sent: float, received: float | None, lost: bool) -> None:
        self._unpaced = not lost
        """Whether the flood itself may be the throughput: then a long one decides."""
        self._ceiling = sent
        """The lowest rate that lost something, or the highest that can be offered."""
        self._lowest = sent * LOWEST
        self._passed: list[float] = []
        """Rates that lost nothing in a short trial; none count once a long trial has failed."""
        self._confirmed: list[float] = []
        """Rates that lost nothing in a long trial."""
        self._guess: float | None = FIRST_GUESS * min(received or sent, sent)
        self._trials = self._long_trials = self._failed_long = self._shortfalls = 0
        self._next_down = 0.0
        self._again: Step | None = None
        self.failed_at = sent if lost else inf
        """The lowest rate that failed: none at or above it is the throughput."""

    def next(self) -> Step | None:
        """The trial to make now; None: the search is over."""
        if self._trials >= MOST_TRIALS or self._long_trials >= MOST_LONG_TRIALS:
            return None
        if self._again is not None:
            return self._again
        if self._unpaced:
            return None if self._confirmed else Step(None, True)
        if self._failed_long and not self._confirmed:
            return Step(self._next_down, True)
        floor = max([*self._passed, *self._confirmed], default=0.0)
        if self._ceiling - floor > RESOLUTION * self._ceiling:
            guess, self._guess = self._guess, None
            if guess is not None and floor < guess < self._ceiling:
                return Step(guess, False)
            rate = (floor + self._ceiling) / 2
            return Step(rate, bool(self._failed_long)) if rate > self._lowest else None
        return None if floor in self._confirmed else Step(floor, True)

    def note(self, step: Step, *, sent: float, lost: bool, share: float) -> None:
        """What became of a trial: the rate that the sender reached, whether it lost anything or soon would, and how much."""
        self._trials += 1
        self._long_trials += step.confirms
        self._again = None
        if lost and 0 < share <= LITTLE and not step.verifies:
            self._again = step._replace(verifies=True)
            return
        offered = sent if step.rate is None else step.rate
        if lost:
            self._lost(min(sent, offered), step.confirms)
            return
        rate = offered if sent >= REACHED * offered else sent
        if step.confirms:
            self._confirmed.append(rate)
            self._passed = [passed for passed in self._passed if passed > offered]
        else:
            self._passed.append(rate)
        if rate < offered:
            self._shortfalls += 1
            if self._shortfalls >= SHORTFALLS:
                self._ceiling = min(self._ceiling, max([*self._passed, *self._confirmed]))

    def _lost(self, rate: float, confirms: bool) -> None:
        """Nothing at this rate or above it counts any more."""
        self._unpaced = False
        self.failed_at = min(self.failed_at, rate)
        self._ceiling = min(self._ceiling, rate)
        self._passed = [passed for passed in self._passed if passed < rate]
        self._confirmed = [passed for passed in self._confirmed if passed < rate]
        if confirms:
            self._passed = []
            self._next_down = rate * STEPS_DOWN[min(self._failed_long, len(STEPS_DOWN) - 1)]
            self._failed_long += 1


def decisive(trials: Iterable[Trial], *, failed_at: float) -> Trial | None:
    """The long trial of the highest rate that passed, below the lowest that failed; None: there is none."""
    passed = [trial for trial in trials if trial.confirms and trial.kept_up and trial.sent_msgs_per_s < failed_at]
    return max(passed, key=lambda trial: trial.sent_msgs_per_s, default=None)


class Pace:
    """When messages are due at a rate: by absolute time, so that a late one delays none after it, and in small batches."""

    def __init__(self, rate: float, *, now: int, most_at_once: int = MOST_AT_ONCE, in_run: int = 1) -> None:
        self.rate = rate
        batch = max(1, min(most_at_once, int(rate * BURST / SECOND)))
        self.batch = batch - batch % in_run or batch
        """Messages that are due together, at the time of the first of them: runs of `in_run`, where they are as many."""
        self._begin = now
        self._taken = 0
        self._most_late = max(CATCH_UP, int(2 * self.batch * SECOND / rate))

    def due(self, *, now: int) -> int:
        """How many messages to send now: 0 or a batch."""
        late = now - self.next_due()
        if late < 0:
            return 0
        if late > self._most_late:
            self._begin += late - self._most_late
        return self.batch

    def take(self, count: int) -> None:
        """Note how many were sent."""
        self._taken += count

    def next_due(self) -> int:
        """When the next batch is due, in nanoseconds of the same clock."""
        return self._begin + int(self._taken * SECOND / self.rate)


class RoundTrips:
    """One message at a time, each due a fixed interval after the one before, whatever became of that.

    Its time counts from when it was due. So a stall of ten intervals is ten messages that waited, and not a single one, as it
    would seem where a message is sent when the one before has come back ("coordinated omission").
    """

    def __init__(self, interval: int, *, now: int) -> None:
        self.due_at = now
        """When the next message is to leave; one that is due while another is under way leaves right after that."""
        self.lost = 0
        self.interval = interval
        self._times = Distribution()

    def returned(self, *, now: int) -> None:
        """Its acknowledgment is here."""
        self._times.add((now - self.due_at) / SECOND)
        self.due_at += self.interval

    def never_returned(self) -> None:
        """It was given up."""
        self.lost += 1
        self.due_at += self.interval

    def summary(self) -> dict[str, float] | None:
        """Seconds: count, min, mean, p50 to p99.99, max; None where none returned."""
        return self._times.summary(TAIL)
