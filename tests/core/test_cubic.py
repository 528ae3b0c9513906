"""CUBIC, clause by clause of RFC 9438. Datagrams of 1000 bytes, so that a segment is easily told from a byte."""

import pytest

from tests.core.flights import MS, SECOND, acknowledge
from udpmsg.core.congestion.cubic import Cubic

START = 1000 * SECOND


def after_a_loss(window: int, *, srtt: int = 100 * MS) -> Cubic:
    """A window of so many bytes was too much, at START."""
    congestion = Cubic(1000)
    congestion.window = window
    congestion.on_round_trip(srtt, srtt, START)
    congestion.on_congestion(START, START)
    return congestion


def test_a_loss_takes_three_tenths_of_the_window() -> None:
    """Section 4.6, β_cubic."""
    congestion = after_a_loss(100_000)
    assert (congestion.window, congestion.ssthresh) == (70_000, 70_000)


def test_the_window_is_where_it_was_after_k_seconds() -> None:
    """Section 4.2, figure 2: K is the cube root of (100 - 70) / 0.4, 4.217 s. Round trips are too short here to count."""
    congestion = after_a_loss(100_000, srtt=1)
    K = 4.2171633
    acknowledge(congestion, 1, START + 1, START + 1)  # the stage begins
    for share in range(1, 11):
        acknowledge(congestion, congestion.window, START + 1, START + 1 + int(share / 10 * K * SECOND))
        expected = 100_000 - 30_000 * (1 - share / 10) ** 3
        assert congestion.window == pytest.approx(expected, abs=3), share


def test_towards_the_function_a_round_trip_later_and_by_half_a_window_at_most() -> None:
    """Sections 4.2 and 4.4: a whole window acknowledged brings it to the target, a part of it as much less; 1.5 cwnd at most."""
    for srtt, target in ((3_217_163_326, 100_000), (100 * SECOND, 105_000)):
        for share in (1, 2, 10):
            congestion = after_a_loss(100_000, srtt=srtt)
            acknowledge(congestion, 1, START + 1, START + 1)  # the stage begins
            acknowledge(congestion, 70_000 // share, START + 1, START + 1 + SECOND)
            assert congestion.window == pytest.approx(70_000 + (target - 70_000) / share, abs=2)


def test_never_more_slowly_than_reno() -> None:
    """Section 4.3, figure 4: α = 9/17 of a segment for each window, up to where it was before the loss, then one."""
    congestion = after_a_loss(10_000, srtt=1)
    window, now = 7000.0, START
    acknowledge(congestion, 1, START + 1, START + 1)
    for _ in range(6):  # six round trips of 5 ms; the function itself does not move in that time
        now += 5 * MS
        acknowledge(congestion, 7000, START + 1, now)
        window += 9 / 17 * 1000 * 7000 / int(window)
        assert congestion.window == pytest.approx(window, abs=3)
    acknowledge(congestion, 100_000_000, START + 1, now + 5 * MS)
    beyond = 100_000_000 - (10_000 - window) * window / (1000 * 9 / 17)
    assert congestion.window == pytest.approx(10_000 + 1000 * beyond / window, rel=1e-3)


@pytest.mark.parametrize("step", [8400, 1200, 100, 1])
def test_many_at_once_come_to_the_same_as_one_after_the_other(step: int) -> None:
    congestion = after_a_loss(12_000)
    for now in (START + 1, START + 50 * MS):
        for _ in range(8400 // step):
            acknowledge(congestion, step, START + 1, now)
    assert congestion.window == 9427  # 8400 + 1000 * 9 / 17 = 8929.4, and 8400 / 8929 of that more


def test_fast_convergence() -> None:
    """Section 4.7: who lost below where it had been takes less than that for its plateau."""
    congestion = after_a_loss(100_000, srtt=1)
    congestion.on_congestion(START + 1, START + 2)
    assert congestion.window == 49_000
    K = ((70_000 * 0.85 - 49_000) / 400) ** (1 / 3)
    acknowledge(congestion, 1, START + 3, START + 3)
    acknowledge(congestion, 49_000, START + 3, START + 3 + int(K * SECOND))
    assert congestion.window == pytest.approx(70_000 * 0.85, abs=5)


def test_after_slow_start_without_a_loss_the_function_begins_at_its_plateau() -> None:
    """Section 4.10."""
    congestion = Cubic(1000)
    congestion.window = congestion.ssthresh = 1_000_000
    congestion.on_round_trip(1, 1, START)
    acknowledge(congestion, 1, START, START)
    acknowledge(congestion, 1_000_000, START, START + 5 * SECOND)
    assert congestion.window == pytest.approx(1_000_000 + 400 * 5**3, abs=2)


def test_while_the_application_is_the_limit_no_time_passes() -> None:
    """Section 5.8."""
    patient, busy = after_a_loss(100_000), after_a_loss(100_000)
    acknowledge(patient, 1, START + 1, START + 1, limited=False)  # before the stage began it changes nothing
    for congestion in (patient, busy):
        acknowledge(congestion, 1000, START + 1, START + 1)
    acknowledge(patient, 1000, START + 1, START + 3 * SECOND, limited=False)
    assert patient.window == busy.window
    acknowledge(patient, 20_000, START + 1, START + 4 * SECOND)
    acknowledge(busy, 20_000, START + 1, START + 1 * SECOND + 1)
    assert patient.window == busy.window


def test_persistent_congestion_begins_a_new_stage() -> None:
    """Section 4.8, and RFC 9002 section 7.6.2."""
    congestion = after_a_loss(100_000)
    acknowledge(congestion, 70_000, START + 1, START + 1)
    window = congestion.window
    congestion.on_persistent_congestion(START + 2)
    assert (congestion.window, congestion.ssthresh) == (2000, 70_000)
    acknowledge(congestion, 68_000, START + 3, START + 3)
    assert congestion.window == 70_000
    acknowledge(congestion, 1000, START + 3, START + 3 + 60 * SECOND)
    assert congestion.window > 70_000
    assert window > 70_000
