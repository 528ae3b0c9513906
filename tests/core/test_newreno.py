"""NewReno, the accounts that all controllers share, and the pacer: clause by clause of RFC 9002 section 7."""

import pytest

from tests.core.flights import MS, acknowledge, flight, leaves
from udpmsg.base.errors import UsageError
from udpmsg.core.config import SenderConfig
from udpmsg.core.congestion import CONTROLLERS, DEFAULT
from udpmsg.core.congestion.controller import Controller
from udpmsg.core.congestion.newreno import NewReno
from udpmsg.core.congestion.pacer import Pacer

EVERY = list(CONTROLLERS.values())


def test_the_table() -> None:
    assert list(CONTROLLERS) == ["newreno", "cubic", "bbr"]
    assert DEFAULT in CONTROLLERS
    with pytest.raises(UsageError, match="'reno' is not there: choose from newreno, cubic, bbr"):
        SenderConfig(acknowledged=True, congestion="reno")


@pytest.mark.parametrize("control", EVERY)
@pytest.mark.parametrize(
    ("datagram_size", "window"),
    [(128, 1280), (1200, 12_000), (1472, 14_720), (1473, 14_720), (7360, 14_720), (7361, 14_722), (65_507, 131_014)],
)
def test_the_initial_window(control: type[Controller], datagram_size: int, window: int) -> None:
    """RFC 9002 section 7.2: ten datagrams, at most the larger of 14720 bytes and two datagrams."""
    congestion = control(datagram_size)
    assert congestion.window == window
    assert congestion.minimum_window == 2 * datagram_size


@pytest.mark.parametrize("control", EVERY)
def test_the_initial_window_follows_the_datagram_size(control: type[Controller]) -> None:
    """RFC 9002 section 7.2: as long as it is that, and otherwise only the minimum does."""
    congestion = control(1200)
    congestion.set_datagram_size(1400)
    assert (congestion.window, congestion.minimum_window) == (14_000, 2800)
    congestion.set_datagram_size(1200)
    assert congestion.window == 12_000
    congestion.window = 13_000
    congestion.set_datagram_size(1400)
    assert congestion.window == 13_000
    congestion.set_datagram_size(9000)
    assert congestion.window == congestion.minimum_window == 18_000


def test_no_more_in_flight_than_the_window() -> None:
    """RFC 9002 section 7."""
    congestion = NewReno(1200)
    leaves(congestion, *[1200] * 9, now=0)
    assert congestion.bytes_in_flight == 10_800
    assert not congestion.window_was_full
    assert congestion.admit([1201], 0) == 0
    assert congestion.window_was_full
    assert congestion.admit([1, 1, 1198, 1], MS) == 3
    assert congestion.bytes_in_flight == 12_000
    assert congestion.admit([1], 2 * MS) == 0
    congestion.on_lost(flight(1200), 0)
    assert congestion.bytes_in_flight == 10_800


def test_slow_start_grows_by_what_is_acknowledged() -> None:
    """RFC 9002 section 7.3.1."""
    congestion = NewReno(1200)
    leaves(congestion, *[1200] * 10, now=0)
    acknowledge(congestion, 1200, 0)
    acknowledge(congestion, 100, 0)
    assert (congestion.window, congestion.bytes_in_flight) == (13_300, 10_700)


def test_a_window_that_held_nobody_back_does_not_grow() -> None:
    """RFC 9002 section 7.8."""
    congestion = NewReno(1200)
    leaves(congestion, 1200, now=0)
    acknowledge(congestion, 1200, 0, limited=False)
    assert (congestion.window, congestion.bytes_in_flight) == (12_000, 0)


def test_a_loss_takes_half_of_the_window_once_a_round_trip() -> None:
    """RFC 9002 section 7.3.2, kLossReductionFactor: nothing sent before the recovery period began changes the window."""
    congestion = NewReno(1200)
    leaves(congestion, *[1200] * 10, now=0)
    congestion.on_congestion(0, 100 * MS)
    assert (congestion.window, congestion.ssthresh, congestion.episode) == (6000, 6000, 1)
    congestion.on_congestion(100 * MS, 150 * MS)
    acknowledge(congestion, 1200, 100 * MS)
    assert (congestion.window, congestion.episode) == (6000, 1)
    congestion.on_congestion(100 * MS + 1, 200 * MS)
    assert (congestion.window, congestion.ssthresh, congestion.episode) == (3000, 3000, 2)


def test_a_loss_never_leaves_less_than_the_minimum() -> None:
    """RFC 9002 section 7.2."""
    congestion = NewReno(1200)
    for lost in range(10):
        congestion.on_congestion(lost * MS + 1, (lost + 1) * MS)
    assert (congestion.window, congestion.ssthresh) == (2400, 2400)


def test_after_a_loss_the_window_grows_by_a_datagram_a_window() -> None:
    """RFC 9002 section 7.3.3: at most a datagram for each window that is acknowledged, in whatever steps."""
    for step in (6000, 1200, 100, 1):
        congestion = NewReno(1200)
        leaves(congestion, *[1200] * 10, now=0)
        congestion.on_congestion(0, 100 * MS)
        for _ in range(6000 // step):
            acknowledge(congestion, step, 100 * MS + 1)
        assert congestion.window == 7099  # the square root of 6000 * 6000 + 2 * 1200 * 6000


def test_slow_start_ends_at_ssthresh() -> None:
    """RFC 9002 section 7.3.1: what is acknowledged beyond counts for congestion avoidance."""
    congestion = NewReno(1200)
    leaves(congestion, *[1200] * 10, now=0)
    congestion.on_congestion(0, 1 * MS)
    congestion.on_persistent_congestion(2 * MS)
    acknowledge(congestion, 3600, 2 * MS + 1)
    assert (congestion.window, congestion.ssthresh) == (6000, 6000)
    congestion.on_persistent_congestion(2 * MS)
    acknowledge(congestion, 3600 + 6000, 2 * MS + 1)
    assert congestion.window == 7099


def test_a_loss_takes_what_congestion_avoidance_had_gained() -> None:
    """RFC 9002 section 7.3.2: a half of the window that there was, and growth from there."""
    congestion = NewReno(1200)
    leaves(congestion, *[1200] * 10, now=0)
    congestion.on_congestion(0, 1 * MS)
    acknowledge(congestion, 6000, 2 * MS)
    congestion.on_congestion(2 * MS, 3 * MS)
    assert congestion.window == 3549
    acknowledge(congestion, 1200, 4 * MS)
    assert congestion.window == 3933  # the square root of 3549 * 3549 + 2 * 1200 * 1200, and not of what there was before


def test_after_a_loss_more_may_be_in_flight_than_the_window_has() -> None:
    """RFC 9002 section 7: then nothing may leave."""
    congestion = NewReno(1200)
    leaves(congestion, *[1200] * 10, now=0)
    congestion.on_congestion(0, 1 * MS)
    assert congestion.admit([1200] * 5, 1 * MS) == 0
    assert congestion.bytes_in_flight == 12_000


def test_persistent_congestion_begins_again_from_the_minimum() -> None:
    """RFC 9002 section 7.6.2: the minimum window, and slow start up to what ssthresh was; the pace is forgotten."""
    congestion = NewReno(1200)
    start = 1000 * MS
    congestion.on_round_trip(100 * MS, 100 * MS, start)
    leaves(congestion, *[1200] * 10, now=start)
    congestion.on_congestion(start, start + 1 * MS)
    assert congestion.window == congestion.ssthresh == 6000
    assert congestion.paced_until(start - 1) == start
    congestion.on_persistent_congestion(start + 5 * MS)
    assert (congestion.window, congestion.ssthresh) == (2400, 6000)
    assert congestion.paced_until(start - 1) is None
    acknowledge(congestion, 1200, start + 5 * MS)
    assert congestion.window == 2400
    acknowledge(congestion, 1200, start + 5 * MS + 1)
    assert congestion.window == 3600


# The pace ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("control", EVERY)
def test_before_a_round_trip_is_known_ten_full_datagrams_leave_at_once(control: type[Controller]) -> None:
    """RFC 9002 section 7.7: the initial window is the burst that should leave at most."""
    congestion = control(1200)
    leaves(congestion, *[1200] * 10, now=0)
    assert congestion.bytes_in_flight == congestion.window


@pytest.mark.parametrize("control", EVERY)
def test_of_short_ones_sixteen_and_then_four_a_millisecond(control: type[Controller]) -> None:
    """A queue of a few frames takes no burst of a hundred."""
    congestion = control(1200)
    assert congestion.pace is None
    assert congestion.admit([120] * 200, 0) == 16
    assert congestion.paced_until(0) == 250_000
    assert [congestion.admit([120] * 200, time * MS) for time in range(1, 21)] == [4] * 20
    assert not congestion.window_was_full
    assert congestion.admit([120] * 200, 21 * MS) == 4
    assert congestion.window_was_full
    assert congestion.bytes_in_flight == congestion.window


def test_the_pace_is_three_halves_of_a_window_a_round_trip_and_five_quarters_after_the_first_loss() -> None:
    """RFC 9002 section 7.7: rate = N * window / srtt."""
    congestion = NewReno(1200)
    congestion.on_round_trip(40 * MS, 100 * MS, 0)
    assert congestion.pace == 180_000
    congestion.on_congestion(0, 1 * MS)
    assert congestion.pace == 75_000
    congestion.on_round_trip(0, 0, 2 * MS)
    assert congestion.pace == 7_500_000_000_000  # a round trip of nothing counts for a nanosecond


def test_a_datagram_leaves_when_the_one_before_has_had_its_time() -> None:
    """RFC 9002 section 7.7: 150,000 bytes a second are 1200 every 8 ms, or 150 every millisecond; after a pause ten at once."""
    start = 1000 * MS
    pacer = Pacer()
    assert pacer.until(start) is None
    assert pacer.admit(5, 8 * MS, start) == 5
    assert pacer.admit(20, MS, start) == 11  # of any size a burst of ten, and the one that is due
    assert pacer.until(start) == start + 1 * MS
    assert pacer.admit(9, MS, start + 1 * MS - 1) == 0
    assert pacer.admit(9, MS, start + 3 * MS) == 3
    pacer.forget()
    assert pacer.until(start) is None


def test_on_a_short_path_a_millisecond_may_pass_at_once() -> None:
    """RFC 9002 section 7.7: 80 µs each; a burst of ten would be 0.8 ms, finer than any wait."""
    start = 1000 * MS
    pacer = Pacer()
    assert pacer.admit(20, 80_000, start) == 13  # 1000 µs / 80 µs = 12.5
    assert pacer.until(start) == start + 40_000


def test_what_passes_faster_than_any_clock_tells_takes_a_nanosecond() -> None:
    congestion = NewReno(1200)
    congestion.window = 1 << 30
    congestion.on_round_trip(0, 0, MS)
    assert congestion.admit([1] * 1_000_000, MS) == 1_000_000
    assert congestion.admit([1] * 1_000_000, MS) == 1
    assert congestion.paced_until(MS) == MS + 1


@pytest.mark.parametrize("control", EVERY)
def test_only_what_is_within_the_pace_may_leave(control: type[Controller]) -> None:
    """RFC 9002 section 7.7: a burst of ten and the one that is due, and then one by one."""
    congestion = control(1200)
    congestion.window = 48_000
    congestion.on_round_trip(100 * MS, 100 * MS, 1000 * MS)
    assert congestion.admit([1200] * 40, 1000 * MS) == 11
    assert congestion.window_was_full is False
    due = congestion.paced_until(1000 * MS)
    assert due is not None
    assert congestion.admit([1200], due - 1) == 0
    assert congestion.admit([1200], due) == 1
