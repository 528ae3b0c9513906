"""Leaving slow start: RFC 9406, and the brake. Round trips of 40 ms, datagrams of 1000 bytes."""

from tests.core.flights import MS, acknowledge
from udpmsg.core.congestion.newreno import NewReno
from udpmsg.core.congestion.slow_start import SlowStart

RTT = 40 * MS


def told(*round_trips: int) -> SlowStart:
    """After these samples."""
    start = SlowStart()
    for round_trip in round_trips:
        start.on_round_trip(round_trip)
    return start


def came(start: SlowStart, sizes: list[int], sent_at: int, now: int, window: int) -> None:
    """Datagrams arrive, and that is all that the acknowledgment says."""
    start.on_arrival(sizes, sent_at, now, window)
    start.settle()


def test_as_long_as_the_delay_does_not_rise_the_window_grows_by_what_is_acknowledged() -> None:
    """RFC 9406 section 4.2: 1/16 of 40 ms are 2.5 ms, and one sample below is enough."""
    start = told(RTT, *[RTT + 10 * MS] * 7)
    assert start.growth(1000, 10_000) == 1000
    start = told(RTT, *[RTT + 10 * MS] * 7, RTT + 5 * MS // 2 - 1)
    assert start.growth(1000, 10_000) == 1000


def test_the_least_of_eight_samples_tells_that_the_delay_rises() -> None:
    start = told(RTT, *[RTT + 5 * MS // 2] * 7)
    assert start.growth(1000, 10_000) == 1000
    start.on_round_trip(RTT + 5 * MS // 2)
    assert start.growth(1000, 10_000) == 125


def test_two_milliseconds_at_least_and_sixteen_at_most() -> None:
    """MIN_RTT_THRESH and MAX_RTT_THRESH."""
    assert told(MS, *[3 * MS - 1] * 8).growth(800, 10_000) == 800
    assert told(MS, *[3 * MS] * 8).growth(800, 10_000) == 100
    assert told(1000 * MS, *[1016 * MS - 1] * 8).growth(800, 10_000) == 800
    assert told(1000 * MS, *[1016 * MS] * 8).growth(800, 10_000) == 100


def test_a_delay_that_falls_again_was_no_queue() -> None:
    """RFC 9406 section 4.2: below the baseline slow start resumes."""
    start = told(RTT, *[RTT + 5 * MS] * 8)
    start.on_round_trip(RTT + 5 * MS)
    assert start.growth(800, 10_000) == 100
    start.on_round_trip(RTT + 5 * MS - 1)
    assert start.growth(800, 10_000) == 800


def test_slow_start_is_over_when_the_round_is_and_the_delay_still_there() -> None:
    """CSS_ROUNDS: a round ends when something arrives that left after its beginning."""
    start = SlowStart()
    came(start, [1000], 0, RTT, 10_000)
    for round_trip in (RTT, *[RTT + 5 * MS] * 8):
        start.on_round_trip(round_trip)
    came(start, [1000], RTT - 1, 2 * RTT, 10_000)
    assert not start.over
    came(start, [1000], RTT, 2 * RTT, 10_000)
    assert start.over


def test_growth_by_eighths_adds_up() -> None:
    many, one = told(RTT, *[RTT + 5 * MS] * 8), told(RTT, *[RTT + 5 * MS] * 8)
    assert many.growth(1001, 0) == sum(one.growth(7, 0) for _ in range(143))
    assert many.growth(7, 0) == one.growth(7, 0)


def test_a_train_that_came_in_less_than_a_millisecond_tells_nothing() -> None:
    start = told(RTT)
    for number in range(7):
        came(start, [100], 5, RTT + number * MS // 7, 10_000)
    assert start.choke is None
    came(start, [100], 5, RTT + MS, 10_000)
    assert start.choke == 28_000


def test_a_train_tells_the_rate_and_so_the_window_at_which_a_queue_begins() -> None:
    """Ten datagrams that left together come a millisecond apart: 1000 bytes a millisecond, and 40,000 in a round trip."""
    start = told(RTT)
    for number in range(7):
        assert start.choke is None
        came(start, [1000], 5, RTT + number * MS, 10_000)
    assert start.choke == 40_000
    assert start.growth(1000, 36_500) == 1000
    assert start.growth(1000, 37_100) == 400 + 600 // 16  # a sixteenth before it
    assert start.growth(800, 40_000) == 50
    came(start, [4000], 5, RTT + 7 * MS, 10_000)  # ten thousand bytes in seven milliseconds
    assert start.choke == 57_142


def test_what_the_first_acknowledgment_names_has_been_there_for_a_while() -> None:
    """Four are named at once, then one each millisecond: those that came in that time tell the rate, and six must have."""
    start = told(RTT)
    came(start, [1000] * 4, 5, RTT, 10_000)
    for number in range(1, 6):
        came(start, [1000], 5, RTT + number * MS, 10_000)
    assert start.choke is None
    came(start, [1000], 5, RTT + 6 * MS, 10_000)
    assert start.choke == 40_000


def test_a_train_that_is_slower_than_what_arrived_for_half_a_round_trip_tells_nothing() -> None:
    start = told(RTT)
    came(start, [1000], RTT, 2 * RTT, 10_000)
    came(start, [21_000], RTT + 1, 2 * RTT + 21 * MS, 10_000)
    for number in range(7):
        came(start, [1000], RTT + 5, 2 * RTT + 22 * MS + 2 * number * MS, 10_000)
    assert start.choke is None


def test_the_pace_is_the_rate_and_beyond_the_choke_a_sixteenth_more() -> None:
    start = told(RTT)
    assert start.pace(40_000) is None
    for number in range(7):
        came(start, [1000], 5, RTT + number * MS, 10_000)
    assert start.pace(39_999) == 1_000_000
    assert start.pace(40_000) == 1_062_500
    congestion = NewReno(1000)
    congestion._slow_start = start
    congestion.on_round_trip(RTT, RTT, 0)
    assert congestion.pace == 375_000  # 1.5 windows a round trip
    congestion.window = 30_000
    assert congestion.pace == 1_000_000
    congestion.window = 40_000
    assert congestion.pace == 1_062_500
    congestion.ssthresh = 80_000
    congestion.window = 80_000
    assert congestion.pace == 2_500_000


def test_on_a_short_path_the_pace_lets_so_much_more_go_that_a_queue_shows() -> None:
    """Half of 2 ms of 5 is a fifth, and a quarter more than that is a quarter."""
    start = told(5 * MS)
    for number in range(7):
        came(start, [1000], 5, 5 * MS + number * MS, 10_000)
    assert start.choke == 5000
    assert start.pace(5000) == 1_250_000


def test_what_left_at_different_times_is_no_train() -> None:
    start = told(RTT)
    for number in range(10):
        came(start, [1000], number, RTT + number * MS, 10_000)
    assert start.choke is None


def test_what_came_at_one_time_tells_no_rate() -> None:
    start = told(RTT)
    for _ in range(10):
        came(start, [1000], 5, RTT, 10_000)
    assert start.choke is None


def test_half_a_round_trip_of_arrivals_tells_the_rate_too() -> None:
    """It lets go a brake that a train set too early, and sets none."""
    start = told(RTT)
    for number in range(7):
        came(start, [1000], 5, RTT + 2 * number * MS, 10_000)
    assert start.choke == 20_000
    came(start, [20_000], RTT, RTT + 30 * MS, 10_000)
    came(start, [30_000], RTT + 1, RTT + 50 * MS, 10_000)  # within half a round trip
    assert start.choke == 20_000
    came(start, [1000], RTT + 1, RTT + 51 * MS, 10_000)  # 31,000 bytes in 21 ms, after the first
    assert start.choke == 59_047


def test_a_choke_beyond_which_no_delay_rises_is_doubted_and_then_none() -> None:
    """A round that began with what 2.5 ms more hold, and ended as it began: the window grows faster, and after five of them
    doubles again. A slower train does not bring it back."""
    start = told(RTT)
    for number in range(7):
        came(start, [1000], 5, RTT + number * MS, 10_000)
    came(start, [1000], 2 * RTT, 3 * RTT, 42_499)
    came(start, [1000], 3 * RTT, 4 * RTT, 42_500)
    for turn, grown in enumerate((50, 100, 200, 400, 400, 800), 4):
        assert start.choke == (40_000 if turn < 9 else None)
        assert start.growth(800, 40_000) == grown
        came(start, [1000], turn * RTT, (turn + 1) * RTT, 47_000)
    for number in range(8):
        came(start, [1000], 9 * RTT + 5, 10 * RTT + number * MS, 47_000)
    assert start.choke is None


def test_near_a_choke_half_the_delay_is_a_queue_and_the_window_stays() -> None:
    start = told(*[RTT] * 8)
    for number in range(7):
        came(start, [1000], 5, RTT + number * MS, 10_000)
    for _ in range(8):
        start.on_round_trip(RTT + 5 * MS // 4 - 1)
    assert start.growth(800, 40_000) == 50
    for _ in range(8):
        start.on_round_trip(RTT + 5 * MS // 4)
    assert start.growth(800, 40_000) == 0
    came(start, [1000], RTT + 7 * MS, 2 * RTT + 7 * MS, 42_500)  # a queue is there: that disproves nothing
    came(start, [1000], 2 * RTT + 7 * MS, 3 * RTT + 7 * MS, 42_500)
    assert start.choke == 40_000
    assert start.growth(800, 40_000) == 0


def test_slow_start_leaves_with_what_came_in_a_round_trip() -> None:
    """Seven eighths are kept at least, and nothing is added."""
    start = told(RTT)
    assert start.left_with(40_000) == 40_000
    for number in range(7):
        came(start, [1000], 5, RTT + number * MS, 10_000)
    came(start, [1000], RTT + 10 * MS, 2 * RTT, 40_000)
    came(start, [39_000], RTT + 11 * MS, 3 * RTT, 40_000)
    came(start, [1000], 2 * RTT, 3 * RTT, 40_000)
    assert start.left_with(42_000) == 39_000
    assert start.left_with(48_000) == 42_000
    assert start.left_with(38_000) == 38_000


def test_what_the_receiver_held_came_when_it_says() -> None:
    """The first acknowledgment of a train leaves 2 ms late, and the others in time: they came a millisecond apart."""
    start = told()
    for number, held in enumerate([2 * MS] + [0] * 6):
        start.on_round_trip(RTT, held)
        came(start, [1000], 5, RTT + (number + 2) * MS, 10_000)
    assert start.choke == 30_000  # six in 8 ms
    came(start, [1000], 5, RTT + 7 * MS, 10_000)  # it may not say that it came before the one before
    assert start.choke == 35_000


def test_before_a_round_trip_is_known_nothing_is() -> None:
    start = SlowStart()
    for number in range(10):
        came(start, [1000], 5, RTT + number * MS, 10_000)
    assert start.choke is None


def test_a_controller_leaves_with_the_window_that_it_has() -> None:
    """RFC 9406 section 4.2: ssthresh is the window then."""
    congestion = NewReno(1000)
    acknowledge(congestion, 1000, 0, RTT)
    for round_trip in (RTT, *[RTT + 5 * MS] * 8):
        congestion.on_round_trip(round_trip, round_trip, RTT)
    acknowledge(congestion, 1000, RTT - 1, RTT)
    assert (congestion.window, congestion.ssthresh) == (11_125, None)
    acknowledge(congestion, 1000, RTT, 2 * RTT)
    assert (congestion.window, congestion.ssthresh) == (11_214, 11_125)  # the square root of 11125 * 11125 + 2 * 1000 * 1000
