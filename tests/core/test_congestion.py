"""The congestion window and the pacer, clause by clause of RFC 9002 section 7."""

import pytest

from tests.core.support import MILLISECOND
from udpmsg.core.congestion import Congestion

MS = MILLISECOND


@pytest.mark.parametrize(
    ("datagram_size", "window"),
    [(128, 1280), (1200, 12_000), (1472, 14_720), (1473, 14_720), (7360, 14_720), (7361, 14_722), (65_507, 131_014)],
)
def test_the_initial_window(datagram_size: int, window: int) -> None:
    """RFC 9002 section 7.2: ten datagrams, at most the larger of 14720 bytes and two datagrams."""
    congestion = Congestion(datagram_size)
    assert congestion.window == window
    assert congestion.minimum_window == 2 * datagram_size


def sent(congestion: Congestion, datagrams: int, *, size: int = 1200, now: int = 0, srtt: int | None = None) -> None:
    assert congestion.admit([size] * datagrams, now, srtt) == datagrams


def test_no_more_in_flight_than_the_window() -> None:
    """RFC 9002 section 7."""
    congestion = Congestion(1200)
    sent(congestion, 9)
    assert congestion.bytes_in_flight == 10_800
    assert congestion.admit([1201], 0, None) == 0
    assert congestion.admit([1, 1, 1198, 1], 0, None) == 3
    assert congestion.bytes_in_flight == 12_000
    assert congestion.admit([1], 0, None) == 0
    congestion.on_lost(1200)
    assert congestion.bytes_in_flight == 10_800


def test_slow_start_grows_by_what_is_acknowledged() -> None:
    """RFC 9002 section 7.3.1."""
    congestion = Congestion(1200)
    sent(congestion, 10)
    congestion.on_acknowledged(1200, 0, True)
    congestion.on_acknowledged(100, 0, True)
    assert (congestion.window, congestion.bytes_in_flight) == (13_300, 10_700)


def test_a_window_that_held_nobody_back_does_not_grow() -> None:
    """RFC 9002 section 7.8."""
    congestion = Congestion(1200)
    sent(congestion, 1)
    congestion.on_acknowledged(1200, 0, False)
    assert (congestion.window, congestion.bytes_in_flight) == (12_000, 0)


def test_a_loss_takes_three_tenths_of_the_window_once_a_round_trip() -> None:
    """RFC 9438 section 4.6, and RFC 9002 section 7.3.2: nothing sent before the recovery period began changes the window."""
    congestion = Congestion(1200)
    sent(congestion, 10)
    congestion.on_congestion(0, 100 * MS)
    assert (congestion.window, congestion.ssthresh) == (8400, 8400)
    congestion.on_congestion(100 * MS, 150 * MS)
    congestion.on_acknowledged(1200, 100 * MS, True)
    assert congestion.window == 8400
    congestion.on_congestion(100 * MS + 1, 200 * MS)
    assert (congestion.window, congestion.ssthresh) == (5880, 5880)


def test_a_loss_never_leaves_less_than_the_minimum() -> None:
    """RFC 9002 section 7.2."""
    congestion = Congestion(1200)
    for lost in range(10):
        congestion.on_congestion(lost * MS + 1, (lost + 1) * MS)
    assert (congestion.window, congestion.ssthresh) == (2400, 2400)


def test_below_where_it_was_the_window_wins_back_nine_seventeenths_of_a_datagram_a_window() -> None:
    """RFC 9438 section 4.3, figure 4: 8400 bytes acknowledged, in whatever steps, make 1200 * 9 / 17 more, or less."""
    for step in (8400, 1200, 100, 1):
        congestion = Congestion(1200)
        sent(congestion, 10)
        congestion.on_congestion(0, 100 * MS)
        for _ in range(8400 // step):
            congestion.on_acknowledged(step, 100 * MS + 1, True)
        assert congestion.window == 9012  # the square root of 8400 * 8400 + 2 * 1200 * 8400 * 9 / 17


def test_where_it_was_before_the_loss_the_window_grows_by_a_datagram_a_window() -> None:
    """RFC 9438 section 4.3: α is 1 from cwnd_prior on. RFC 9002 section 7.3.3: at most a datagram a window."""
    for step in (69_360 + 12_000, 1):
        congestion = Congestion(1200)
        sent(congestion, 10)
        congestion.on_congestion(0, 100 * MS)
        # 12000 * 12000 - 8400 * 8400, divided by 2 * 1200 * 9 / 17: so much must be acknowledged to be at 12000 again
        needed = -(-(12_000**2 - 8400**2) * 17 // (2 * 1200 * 9))
        for _ in range(needed // step):
            congestion.on_acknowledged(step, 100 * MS + 1, True)
        congestion.on_acknowledged(needed % step, 100 * MS + 1, True)
        assert congestion.window == 12_000
        congestion.on_acknowledged(12_000, 100 * MS + 1, True)
        assert congestion.window == 13_145  # the square root of 12000 * 12000 + 2 * 1200 * 12000, and a little


def test_slow_start_ends_at_ssthresh() -> None:
    """RFC 9002 section 7.3.1: what is acknowledged beyond counts for congestion avoidance."""
    congestion = Congestion(1200)
    sent(congestion, 10)
    congestion.on_congestion(0, 1 * MS)
    congestion.on_persistent_congestion(2 * MS)
    congestion.on_acknowledged(6000, 2 * MS + 1, True)
    assert (congestion.window, congestion.ssthresh) == (8400, 8400)
    congestion.on_persistent_congestion(2 * MS)
    congestion.on_acknowledged(6000 + 8400, 2 * MS + 1, True)
    assert congestion.window == 9012


def test_a_loss_takes_what_congestion_avoidance_had_gained() -> None:
    """RFC 9002 section 7.3.2: a share of the window that there was, and growth from there."""
    congestion = Congestion(1200)
    sent(congestion, 10)
    congestion.on_congestion(0, 1 * MS)
    congestion.on_acknowledged(8400, 2 * MS, True)
    congestion.on_congestion(2 * MS, 3 * MS)
    assert congestion.window == 6308  # seven tenths of 9012
    congestion.on_acknowledged(1200, 4 * MS, True)
    assert congestion.window == 6427  # the square root of 6308 * 6308 + 2 * 1200 * 1200 * 9 / 17


def test_after_a_loss_more_may_be_in_flight_than_the_window_has() -> None:
    """RFC 9002 section 7: then nothing may leave."""
    congestion = Congestion(1200)
    sent(congestion, 10)
    congestion.on_congestion(0, 1 * MS)
    assert congestion.admit([1200] * 5, 1 * MS, None) == 0
    assert congestion.bytes_in_flight == 12_000


def test_only_what_is_within_the_pace_may_leave() -> None:
    """RFC 9002 section 7.7: 100 ms * 1200 / (1.25 * 12000) = 8 ms for 1200 bytes, and for 150 bytes 1 ms."""
    start, srtt = 1000 * MS, 100 * MS
    congestion = Congestion(1200)
    assert congestion.admit([1200] * 5 + [150] * 20, start, srtt) == 5 + 11  # of any size a burst of ten, and the one that is due
    assert congestion.paced_until(start) == start + 1 * MS
    assert congestion.admit([150] * 9, start + 1 * MS - 1, srtt) == 0
    assert congestion.admit([150] * 9, start + 3 * MS, srtt) == 3
    assert congestion.bytes_in_flight == 5 * 1200 + 14 * 150


def test_persistent_congestion_begins_again_from_the_minimum() -> None:
    """RFC 9002 section 7.6.2: the minimum window, and slow start up to what ssthresh was."""
    congestion = Congestion(1200)
    start = 1000 * MS
    sent(congestion, 10, now=start, srtt=100 * MS)
    congestion.on_lost(1200)
    sent(congestion, 1, now=start, srtt=100 * MS)
    assert congestion.paced_until(start) == start + 8 * MS
    congestion.on_congestion(start, start + 1 * MS)
    congestion.on_persistent_congestion(start + 5 * MS)
    assert (congestion.window, congestion.ssthresh) == (2400, 8400)
    assert congestion.paced_until(start + 5 * MS) is None
    congestion.on_acknowledged(1200, start + 5 * MS, True)
    assert congestion.window == 2400
    congestion.on_acknowledged(1200, start + 5 * MS + 1, True)
    assert congestion.window == 3600


def test_before_a_round_trip_is_known_there_is_no_pace() -> None:
    """RFC 9002 section 7.7: the initial window may leave as one burst."""
    congestion = Congestion(1200)
    sent(congestion, 10)
    assert congestion.paced_until(0) is None


def test_the_pace_is_five_quarters_of_a_window_a_round_trip() -> None:
    """RFC 9002 section 7.7: interval = srtt * size / (N * window) = 100 ms * 1200 / (1.25 * 12000) = 8 ms, a burst of ten."""
    congestion = Congestion(1200)
    start = 1000 * MS
    sent(congestion, 10, now=start, srtt=100 * MS)
    congestion.on_lost(12_000)  # the window is not what is looked at here
    assert congestion.paced_until(start) is None
    sent(congestion, 1, now=start, srtt=100 * MS)
    assert congestion.paced_until(start) == start + 8 * MS
    assert congestion.paced_until(start + 8 * MS - 1) == start + 8 * MS
    assert congestion.paced_until(start + 8 * MS) is None
    sent(congestion, 1, now=start + 8 * MS, srtt=100 * MS)
    assert congestion.paced_until(start + 8 * MS) == start + 16 * MS


def test_on_a_short_path_a_millisecond_may_pass_at_once() -> None:
    """RFC 9002 section 7.7: 1 ms * 1200 / (1.25 * 12000) = 80 µs; a burst of ten would be 0.8 ms, finer than any wait."""
    congestion = Congestion(1200)
    start = 1000 * MS
    sent(congestion, 10, now=start, srtt=MS)
    congestion.on_lost(12_000)
    sent(congestion, 2, now=start, srtt=MS)  # 1000 µs / 80 µs = 12.5
    assert congestion.paced_until(start) is None
    sent(congestion, 1, now=start, srtt=MS)
    assert congestion.paced_until(start) == start + 40_000


def test_a_larger_datagram_needs_a_window_of_two() -> None:
    """Else none of that size would ever leave; and the window grows and falls by it from then on."""
    congestion = Congestion(1200)
    assert congestion.admit([65_507], 0, None) == 0
    congestion.set_datagram_size(65_507)
    assert (congestion.window, congestion.minimum_window) == (131_014, 131_014)
    assert congestion.admit([65_507] * 3, 0, None) == 2
    congestion.set_datagram_size(548)
    assert (congestion.window, congestion.minimum_window) == (131_014, 1096)
