"""Policers, and delays and rates that change during the run: known answers, to the nanosecond."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.link.links import later, polices
from udpmsg.base.errors import UsageError
from udpmsg.compare.scenario import Scenario, dump, load
from udpmsg.link.changing import Beginning, Bottleneck, Changing
from udpmsg.link.faults import Later, Link, Path, Police
from udpmsg.link.fields import changed, read_both, text_of_both
from udpmsg.link.record import Direction, Drop, FrameKind, Identity
from udpmsg.link.way import Passage, Way
from udpmsg.link.wording import describe, options_text
from udpmsg.relay.pipe import Pipe

MS = 1_000_000
SECOND = 1000 * MS
START = 7 * SECOND
FORWARD, BACK = Direction.FORWARD, Direction.BACK
FRAME = 1250
"""Bytes: 1 ms at 10 Mbit/s."""


def way(path: Path, *, direction: Direction = FORWARD, beginning: Beginning | None = None) -> Way:
    return Way(path, direction=direction, seed=1, beginning=beginning)


def enter(link: Way, now: int, size: int = FRAME) -> Passage:
    return link.enter(Identity(FORWARD, FrameKind.DATA, 1), size, now=START + now)


def leaves(link: Way, now: int, size: int = FRAME) -> int:
    """When a frame that comes now leaves, both since the start."""
    (at,) = enter(link, now, size).leaves_at
    return at - START


# The policer -------------------------------------------------------------------------------------------------------------


def test_a_policer_lets_a_full_bucket_pass_at_once_and_drops_the_next_byte() -> None:
    link = way(Path(delay=20 * MS, police=Police(10_000_000, 4 * FRAME)))
    assert [leaves(link, 0) for _ in range(4)] == [20 * MS] * 4
    assert enter(link, 0, 60) == Passage(Drop.POLICED)


def test_it_fills_again_with_its_rate_to_the_nanosecond() -> None:
    link = way(Path(police=Police(10_000_000, 2 * FRAME)))
    assert [enter(link, 0).dropped for _ in range(3)] == [None, None, Drop.POLICED]
    assert enter(link, MS - 1).dropped is Drop.POLICED
    assert enter(link, MS).dropped is None
    assert enter(link, MS).dropped is Drop.POLICED


def test_it_holds_no_more_than_its_size_however_long_nothing_comes() -> None:
    link = way(Path(police=Police(10_000_000, 2 * FRAME)))
    assert [enter(link, 3600 * SECOND).dropped for _ in range(3)] == [None, None, Drop.POLICED]


def test_what_it_drops_takes_nothing_and_waits_for_nothing() -> None:
    """A frame too many leaves the bucket to a smaller one, and the bottleneck behind never saw it."""
    link = way(Path(police=Police(10_000_000, 2_000), rate=10_000_000, queue=0))
    assert leaves(link, 0) == MS
    assert enter(link, 0).dropped is Drop.POLICED
    assert enter(link, 0, 750).dropped is Drop.QUEUE_FULL  # it took its 750 bytes all the same
    assert enter(link, 0, 60).dropped is Drop.POLICED


@settings(deadline=None)
@given(st.integers(1, 10**7), st.integers(1_514, 5_000), st.lists(st.tuples(st.integers(0, 10 * MS), st.integers(60, 1514))))
def test_a_bucket_told_in_fractions_says_the_same(rate: int, size: int, frames: list[tuple[int, int]]) -> None:
    link = way(Path(police=Police(rate, size)))
    holds, now = Fraction(size * 8), 0
    for gap, length in frames:
        now += gap
        holds = min(Fraction(size * 8), holds + Fraction(gap * rate, SECOND))
        passes = enter(link, now, length).dropped is None
        assert passes == (holds >= length * 8)
        if passes:
            holds -= length * 8


@settings(deadline=None)
@given(polices, st.integers(0, SECOND))
def test_what_passes_is_never_more_than_the_bucket_and_what_came_into_it(police: Police, period: int) -> None:
    link = way(Path(police=police))
    passed = sum(1514 for number in range(50) if enter(link, number * period // 50, 1514).dropped is None)
    assert passed * 8 <= police.burst * 8 + police.rate * period // SECOND


# A rate that changes -----------------------------------------------------------------------------------------------------

HALVES = Path(rate=10_000_000, later_rates=(Later(2 * MS, 5_000_000), Later(6 * MS, 10_000_000)))


def test_a_rate_that_halves_and_doubles() -> None:
    """1 ms a frame, from 2 ms on 2 ms, from 6 ms on 1 ms again."""
    link = way(HALVES)
    assert [leaves(link, 0) for _ in range(6)] == [MS, 2 * MS, 4 * MS, 6 * MS, 7 * MS, 8 * MS]


def test_a_frame_in_the_bottleneck_when_the_rate_changes_takes_the_rest_at_the_new_one() -> None:
    """It enters at 1.5 ms: half of it by 2 ms, and the other half in 1 ms."""
    link = way(HALVES)
    leaves(link, 0, 60)
    assert leaves(link, MS * 3 // 2) == 3 * MS


def test_a_frame_may_meet_several_changes() -> None:
    link = way(HALVES)
    assert leaves(link, 0, FRAME * 5) == 7 * MS  # 2 of the 5 by 2 ms, 2 by 6 ms, 1 by 7 ms


def test_the_rate_of_a_time_is_that_from_its_first_nanosecond_on() -> None:
    before, at = way(HALVES), way(HALVES)
    for link in (before, at):
        leaves(link, 0, 60)
    assert leaves(before, 2 * MS - 1) == 4 * MS - 2  # its first nanosecond did what takes two from then on
    assert leaves(at, 2 * MS) == 4 * MS


@settings(deadline=None)
@given(st.integers(1, 10**10), later(st.integers(1, 10**10)), st.lists(st.integers(60, 65_549), min_size=1, max_size=20))
def test_all_bits_take_what_the_rates_give(rate: int, changes: tuple[Later, ...], sizes: list[int]) -> None:
    """What a bottleneck that never is idle has let through is the rates' sum over time, less what is rounded: 1 ns a frame."""
    bottleneck = Bottleneck(rate, changes)
    for size in sizes:
        through_at = bottleneck.through_at(size, now=START)
    values = [Later(0, rate), *changes]
    ends = [change.at for change in changes] + [through_at - START]
    given_bits = 0
    for value, end in zip(values, ends, strict=True):
        given_bits += value.value * max(0, min(end, through_at - START) - value.at)
    fastest = max(value.value for value in values)
    assert 0 <= sum(sizes) * 8 * SECOND - given_bits <= len(sizes) * fastest


# A delay that changes ----------------------------------------------------------------------------------------------------

TEN_TIMES = Path(delay=20 * MS, later_delays=(Later(SECOND, 200 * MS), Later(3 * SECOND, 20 * MS)))


def test_a_delay_that_grows_ten_times_and_falls_again() -> None:
    link = way(TEN_TIMES)
    assert leaves(link, 0) == 20 * MS
    assert leaves(link, SECOND - 1) == SECOND - 1 + 20 * MS
    assert leaves(link, SECOND) == SECOND + 200 * MS
    assert leaves(link, 3 * SECOND - 1) == 3 * SECOND - 1 + 200 * MS
    assert leaves(link, 3 * SECOND) == 3 * SECOND - 1 + 200 * MS  # nobody overtakes what is on its way
    assert leaves(link, 4 * SECOND) == 4 * SECOND + 20 * MS


def test_the_delay_is_that_of_the_time_behind_the_bottleneck() -> None:
    link = way(Path(delay=20 * MS, later_delays=(Later(2 * MS, 200 * MS),), rate=10_000_000))
    assert [leaves(link, 0) for _ in range(3)] == [21 * MS, 202 * MS, 203 * MS]


def test_what_jitter_draws_is_the_same_at_every_delay() -> None:
    still = way(Path(delay=20 * MS, jitter=5 * MS))
    changing = way(Path(delay=20 * MS, jitter=5 * MS, later_delays=(Later(1, 200 * MS),)))
    drawn = leaves(still, 0) - 20 * MS
    leaves(changing, 0)
    assert drawn != 0
    assert leaves(changing, SECOND) - SECOND == 200 * MS + drawn


def test_both_directions_count_from_the_links_first_frame() -> None:
    """One that came back alone would count from its own first."""
    beginning = Beginning()
    forward, back = (way(TEN_TIMES, direction=direction, beginning=beginning) for direction in (FORWARD, BACK))
    leaves(forward, 0)
    assert leaves(back, SECOND) == SECOND + 200 * MS
    assert leaves(way(TEN_TIMES), SECOND) == SECOND + 20 * MS


def test_values_are_those_of_the_last_change() -> None:
    changing = Changing(1, (Later(10, 2), Later(20, 3)), Beginning())
    assert [changing.at(START + since) for since in (0, 9, 10, 19, 20, SECOND)] == [1, 1, 2, 2, 3, 3]
    assert list(changing.spans(START + 12)) == [(2, START + 20), (3, None)]


# A stream through the relay ----------------------------------------------------------------------------------------------


def test_a_stream_gets_the_changes_too() -> None:
    path = Path(delay=20 * MS, later_delays=(Later(SECOND, 200 * MS),), rate=800_000, later_rates=(Later(SECOND, 400_000),))
    pipe = Pipe(path, direction=FORWARD, seed=1, bottleneck=Bottleneck(path.rate, path.later_rates))
    pipe.enter(bytes(500), now=START)
    assert pipe.next_timeout() == START + 25 * MS
    pipe.handle_timeout(now=START + 25 * MS)
    pipe.enter(bytes(500), now=START + SECOND)
    assert pipe.next_timeout() == START + SECOND + 210 * MS


# As they are written -----------------------------------------------------------------------------------------------------


def link_of(**options: str) -> Link:
    return changed(Link(), [read_both(name, text) for name, text in options.items()])


def test_they_are_written_as_they_are_read() -> None:
    written = {"delay": "20ms,200ms@1s,20ms@3s", "rate": "10mbit,5mbit@2s,10mbit@4s/none", "police": "10mbit:64KiB/none"}
    link = link_of(**written)
    assert link.forward.later_delays == link.back.later_delays == (Later(SECOND, 200 * MS), Later(3 * SECOND, 20 * MS))
    assert link.forward.later_rates == (Later(2 * SECOND, 5_000_000), Later(4 * SECOND, 10_000_000))
    assert (link.forward.police, link.back.police) == (Police(10_000_000, 65_536), None)
    assert {name: text_of_both(name, link) for name in written} == written
    assert load(dump(Scenario(link))).link == link
    assert options_text(link) == ["--link", "none", *(word for name, text in written.items() for word in (f"--{name}", text))]


def test_a_value_without_changes_takes_those_of_the_base_away() -> None:
    base = link_of(delay="20ms,200ms@1s", rate="10mbit,5mbit@2s")
    link = changed(base, [read_both("delay", "10ms"), read_both("rate", "none")])
    assert (link.forward.later_delays, link.forward.rate, link.forward.later_rates) == ((), None, ())


def test_they_are_said_in_words() -> None:
    assert describe(link_of(delay="20ms,200ms@1s,20ms@3s", rate="10mbit,5mbit@2s", police="1mbit:2000/none")) == (
        "20 ms (200 ms after 1 s, 20 ms after 3 s) each way, 10 Mbit/s (5 Mbit/s after 2 s), "
        "a policer of 1 Mbit/s with a bucket of 2000 bytes forward only"
    )


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("delay", "20ms,200ms", "'200ms' does not say from when on; write VALUE@TIME, such as 200ms@2s"),
        ("delay", "20ms@1s", "'20ms@1s' is not a duration"),
        ("delay", "20ms,200ms@0s", "'0s' is too little"),
        ("delay", "20ms,200ms@2", "'2' has no unit"),
        ("rate", "10mbit,5mbit@2s,1mbit@2s", "the times of the changes must rise"),
        ("rate", "10mbit,none@2s", "'none' is not a bit rate"),
        ("rate", "none,10mbit@2s", "'none' is not a bit rate"),
        ("police", "10mbit", "'10mbit' is not a policer: RATE:SIZE, such as 10mbit:64KiB"),
        ("police", "10mbit:1513", "a bucket of 1513 bytes would never let a full frame pass; choose 1514 or more"),
        ("police", "0bit:64KiB", "'0bit' is too little"),
    ],
)
def test_what_means_nothing_is_refused(field: str, text: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        read_both(field, text)
    assert said in str(error.value)


def test_a_jitter_is_held_against_the_shortest_delay() -> None:
    with pytest.raises(UsageError, match="a jitter of 5ms is more than the delay of 2ms"):
        link_of(delay="20ms,2ms@1s", jitter="5ms")
