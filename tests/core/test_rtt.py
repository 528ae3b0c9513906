"""The retransmission timeout, clause by clause of RFC 6298, with numbers worked by hand."""

from tests.core.support import MILLISECOND, SECOND
from udpmsg.core.rtt import RttEstimator

MS = MILLISECOND


def estimator(*samples: int, min_rto: int = 200 * MS) -> RttEstimator:
    """After these samples, in nanoseconds."""
    result = RttEstimator(min_rto)
    for sample in samples:
        result.sample(sample)
    return result


def state(result: RttEstimator) -> tuple[int | None, int, int]:
    return result.srtt, result.rttvar, result.rto


def test_before_any_sample_the_rto_is_one_second() -> None:
    """RFC 6298 (2.1)."""
    fresh = estimator()
    assert state(fresh) == (None, 0, SECOND)
    assert (fresh.latest, fresh.minimum, fresh.timeouts) == (None, None, 0)


def test_a_minimum_above_one_second_holds_from_the_start() -> None:
    """RFC 6298 (2.4)."""
    assert estimator(min_rto=3 * SECOND).rto == 3 * SECOND
    assert estimator(100 * MS, min_rto=3 * SECOND).rto == 3 * SECOND


def test_the_first_sample() -> None:
    """RFC 6298 (2.2): SRTT = R, RTTVAR = R/2, RTO = SRTT + max(G, K * RTTVAR)."""
    assert state(estimator(100 * MS)) == (100 * MS, 50 * MS, 300 * MS)


def test_the_next_sample_changes_rttvar_before_srtt() -> None:
    """RFC 6298 (2.3): RTTVAR = 3/4 * 50 + 1/4 * |100 - 200|, and only then SRTT = 7/8 * 100 + 1/8 * 200."""
    assert state(estimator(100 * MS, 200 * MS)) == (112_500_000, 62_500_000, 362_500_000)


def test_a_shorter_sample() -> None:
    """RFC 6298 (2.3): RTTVAR = 3/4 * 50 + 1/4 * |100 - 60|, SRTT = 7/8 * 100 + 1/8 * 60."""
    assert state(estimator(100 * MS, 60 * MS)) == (95 * MS, 47_500_000, 285 * MS)


def test_the_rto_is_at_least_the_minimum() -> None:
    """RFC 6298 (2.4)."""
    assert estimator(60 * MS).rto == 200 * MS  # 180 ms by itself
    assert estimator(60 * MS, min_rto=180 * MS).rto == 180 * MS
    assert estimator(60 * MS, min_rto=179 * MS).rto == 180 * MS


def test_the_rto_is_at_most_sixty_seconds() -> None:
    """RFC 6298 (2.5)."""
    assert estimator(20 * SECOND).rto == 60 * SECOND
    assert estimator(20 * SECOND - 1).rto < 60 * SECOND
    assert estimator(40 * SECOND).rto == 60 * SECOND


def test_a_sample_of_hours_is_one_of_a_minute() -> None:
    """Somebody slept. After a hundred round trips of 40 ms the next ones tell the truth again."""
    slept = estimator(3 * 3600 * SECOND)
    assert (slept.srtt, slept.minimum) == (60 * SECOND, 60 * SECOND)
    for _ in range(100):
        slept.sample(40 * MS)
    assert (slept.srtt or 0) < 41 * MS


def test_the_variation_counts_for_at_least_the_granularity_of_the_clock() -> None:
    """RFC 6298 (2.3), G: one millisecond."""
    assert estimator(0, min_rto=1).rto == MS
    assert estimator(400_000, min_rto=1).rto == 400_000 + MS  # K * RTTVAR would be 0.8 ms
    assert estimator(600_000, min_rto=1).rto == 1_800_000  # K * RTTVAR is 1.2 ms


def test_an_expiry_doubles_the_timeout_and_a_sample_ends_that() -> None:
    """RFC 6298 (5.5), (5.7)."""
    path = estimator(100 * MS)
    seen = []
    for _ in range(4):
        path.back_off()
        seen.append(path.rto)
    assert seen == [600 * MS, 1200 * MS, 2400 * MS, 4800 * MS]
    assert path.timeouts == 4
    path.sample(100 * MS)
    assert (path.timeouts, path.rto) == (0, 250 * MS)  # RTTVAR = 3/4 * 50


def test_the_doubled_timeout_is_at_most_sixty_seconds() -> None:
    """RFC 6298 (2.5) and (5.5): 1, 2, 4, 8, 16, 32 and then 60 seconds."""
    path = estimator()
    for _ in range(6):
        path.back_off()
    assert path.rto == 60 * SECOND
    slow = estimator(0, min_rto=1)  # 1 ms needs 16 doublings to pass 60 s
    for _ in range(15):
        slow.back_off()
    assert slow.rto == 32_768 * MS
    for _ in range(1000):
        slow.back_off()
    assert slow.rto == 60 * SECOND


def test_the_peers_delay_is_taken_off() -> None:
    """RFC 9002, section 5.3."""
    path = estimator(100 * MS)
    path.sample(150 * MS, 25 * MS)
    assert path.latest == 125 * MS
    assert path.srtt == (7 * 100 * MS + 125 * MS) // 8


def test_but_not_below_the_smallest_round_trip_seen() -> None:
    """RFC 9002, section 5.3; min_rtt is never corrected (5.2)."""
    path = estimator(100 * MS)
    path.sample(150 * MS, 50 * MS)
    assert path.latest == 100 * MS
    path.sample(150 * MS, 50 * MS + 1)
    assert path.latest == 150 * MS
    path.sample(90 * MS, 5 * MS)
    assert (path.latest, path.minimum) == (90 * MS, 90 * MS)
