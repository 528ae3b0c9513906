"""Ranges and arrivals against naive sets: slow, and plainly right."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from udpmsg.core.arrivals import Arrivals, Novelty
from udpmsg.core.ranges import RangeSet

small = st.integers(1, 40)
sequences = st.lists(small | st.integers(1, 2**64 - 1), max_size=80)


def as_ranges(numbers: set[int]) -> list[tuple[int, int]]:
    """A set as ascending ranges, the slow way."""
    ranges: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


class RangesAgainstASet(RuleBasedStateMachine):
    """Every operation on a RangeSet and on a set of numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.ranges = RangeSet()
        self.numbers: set[int] = set()

    @rule(number=small)
    def add(self, number: int) -> None:
        assert self.ranges.add(number) == (number not in self.numbers)
        self.numbers.add(number)

    @rule(number=small)
    def remove(self, number: int) -> None:
        assert self.ranges.remove(number) == (number in self.numbers)
        self.numbers.discard(number)

    @rule(gap=st.integers(1, 5), length=st.integers(0, 5))
    def append(self, gap: int, length: int) -> None:
        first = max(self.numbers, default=0) + gap
        self.ranges.append(first, first + length)
        self.numbers.update(range(first, first + length + 1))

    @rule(first=small, more=st.integers(0, 12))
    def add_run(self, first: int, more: int) -> None:
        self.ranges.add_run(first, first + more)
        self.numbers |= set(range(first, first + more + 1))

    @rule(first=small, more=st.integers(0, 20))
    def take(self, first: int, more: int) -> None:
        wanted = self.numbers & set(range(first, first + more + 1))
        assert self.ranges.within(first, first + more) == as_ranges(wanted)
        assert self.ranges.take(first, first + more) == as_ranges(wanted)
        self.numbers -= wanted

    @precondition(lambda self: self.numbers)
    @rule()
    def pop_first(self) -> None:
        first, last = self.ranges.pop_first()
        assert (first, last) == as_ranges(self.numbers)[0]
        self.numbers -= set(range(first, last + 1))

    @rule(number=st.integers(0, 60))
    def discard_below(self, number: int) -> None:
        self.ranges.discard_below(number)
        self.numbers = {other for other in self.numbers if other >= number}

    @invariant()
    def agrees(self) -> None:
        assert self.ranges.ranges() == as_ranges(self.numbers)
        assert self.ranges.lowest == min(self.numbers, default=None)
        assert len(self.ranges) == len(as_ranges(self.numbers))
        assert self.ranges.count() == len(self.numbers)
        assert all((number in self.ranges) == (number in self.numbers) for number in range(62))


TestRangesAgainstASet = RangesAgainstASet.TestCase


@given(sequences)
def test_arrivals_agree_with_a_naive_set(numbers: list[int]) -> None:
    arrivals = Arrivals(gap_limit=1000)
    seen: set[int] = set()
    for number in numbers:
        if number in seen:
            expected = Novelty.DUPLICATE
        elif seen and number < max(seen):
            expected = Novelty.REORDERED
        else:
            expected = Novelty.NEW
        assert arrivals.classify(number) is expected
        if expected is not Novelty.DUPLICATE:
            arrivals.record(number)
            seen.add(number)
        assert arrivals.unique == len(seen)
        assert arrivals.highest == max(seen)
        assert arrivals.missing() == max(seen) - len(seen)
    for sent in (0, len(seen), arrivals.highest, arrivals.highest + 7):
        # Never negative; and sent = delivered + lost, for every sender that counts right.
        assert arrivals.lost(sent) >= 0
        assert arrivals.lost(sent) + arrivals.unique == max(sent, len(seen))


@given(st.lists(small, max_size=60), st.integers(1, 4))
def test_over_the_gap_limit_nothing_is_delivered_twice_and_no_count_is_negative(numbers: list[int], limit: int) -> None:
    arrivals = Arrivals(gap_limit=limit)
    given_over: set[int] = set()
    for number in numbers:
        if arrivals.classify(number) in (Novelty.NEW, Novelty.REORDERED):
            arrivals.record(number)
            assert number not in given_over
            given_over.add(number)
        assert arrivals.unique == len(given_over)
        assert arrivals.missing() >= 0
        assert arrivals.lost(40) == 40 - len(given_over)


@given(st.lists(st.tuples(small, st.booleans()), max_size=60))
def test_what_the_sender_resolved_is_stale_or_a_duplicate_but_never_new(steps: list[tuple[int, bool]]) -> None:
    arrivals = Arrivals(gap_limit=1000)
    floor = 1
    for number, resolve in steps:
        if resolve:
            arrivals.resolve_below(number)
            floor = max(floor, number)
        else:
            kind = arrivals.classify(number)
            if number < floor:
                assert kind in (Novelty.STALE, Novelty.DUPLICATE)
            if kind in (Novelty.NEW, Novelty.REORDERED):
                arrivals.record(number)
        assert arrivals.lowest == floor
        assert arrivals.missing() >= 0


@given(st.lists(small, max_size=60))
def test_a_new_gap_is_foreseen_exactly(numbers: list[int]) -> None:
    """`opens_gap` is true just when recording the number makes one gap more."""
    arrivals = Arrivals(gap_limit=1000)
    seen: set[int] = set()
    for number in numbers:
        if number in seen:
            continue
        highest = max([*seen, number])
        gaps = as_ranges(set(range(1, highest + 1)) - seen - {number})
        assert arrivals.opens_gap(number) == (len(gaps) > arrivals.gaps)
        arrivals.record(number)
        seen.add(number)
        assert arrivals.gaps == len(gaps)
