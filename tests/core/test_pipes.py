"""Every congestion control against known bottlenecks: what all of them must find, and keep. `pipe` looks at each step."""

from math import sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.flights import MS, SECOND
from tests.core.pipe import SIZE, Pipe
from udpmsg.core.congestion import CONTROLLERS

RATE = 1_250_000
LOSS_BASED = ["newreno", "cubic"]


@pytest.mark.parametrize("name", CONTROLLERS)
@pytest.mark.parametrize(("rate", "delay"), [(125_000, 10 * MS), (1_250_000, 40 * MS), (1_250_000, 200 * MS)])
def test_each_fills_a_path_with_a_queue_of_its_product(name: str, rate: int, delay: int) -> None:
    """Within 10 %, once it has begun. That the round trip is found is asked of BBR alone: the others fill the queue."""
    path = Pipe(CONTROLLERS[name](SIZE, 1), rate=rate, delay=delay, queue=max(rate * delay // SECOND // SIZE, 4))
    path.run(3)
    before = path.delivered
    path.run(5)
    assert (path.delivered - before) * SIZE / 5 == pytest.approx(rate, rel=0.1)


@pytest.mark.parametrize("name", LOSS_BASED)
@pytest.mark.parametrize("share", [1 / 2, 3 / 4, 1, 4])
@pytest.mark.parametrize("delay", [20 * MS, 40 * MS, 100 * MS])
def test_slow_start_ends_before_a_queue_of_half_the_product_overflows(name: str, share: float, delay: int) -> None:
    """RFC 9406: by the letter of it 446 datagrams were dropped where now none is."""
    product = RATE * delay // SECOND // SIZE
    path = Pipe(CONTROLLERS[name](SIZE), rate=RATE, delay=delay, queue=int(product * share))
    while path.control.ssthresh is None:
        path.run(0.01)
    assert path.drops == 0
    path.run(5 * delay / SECOND)
    assert path.drops == 0
    assert path.control.window * SECOND >= 0.9 * RATE * delay


@pytest.mark.parametrize("name", LOSS_BASED)
def test_slow_start_goes_on_where_there_is_no_bottleneck(name: str) -> None:
    """Doubled in each of six round trips; what the seventh brings is just coming."""
    path = Pipe(CONTROLLERS[name](SIZE), rate=1000 * RATE, queue=100_000)
    path.run(0.04 * 7 + 0.001)
    assert path.control.ssthresh is None
    assert path.control.window >= 10_000 * 2**6


@pytest.mark.parametrize("name", LOSS_BASED)
def test_a_window_that_the_application_does_not_use_does_not_grow(name: str) -> None:
    """RFC 9002 section 7.8; and after an idle time no more than a burst leaves at once (7.7)."""
    path = Pipe(CONTROLLERS[name](SIZE), rate=10 * RATE)
    path.application = lambda now: now % (40 * MS) < MS
    path.run(1)
    window = path.control.window
    path.application = lambda now: False
    path.run(5)
    assert path.control.window <= window
    assert path.control.admit([SIZE] * 200, path.now) <= 11


def test_newreno_follows_the_law_of_mathis() -> None:
    """Mathis et al. 1997: a rate of sqrt(3/2) datagrams a round trip, divided by the root of the loss. Twenty seeds."""
    loss, delay = 0.01, 40 * MS
    law = SIZE / (delay / SECOND) * sqrt(3 / 2) / sqrt(loss)
    shares = []
    for seed in range(20):
        path = Pipe(CONTROLLERS["newreno"](SIZE), rate=100 * RATE, queue=1000, delay=delay, loss=loss, seed=seed)
        path.run(4)
        before = path.delivered
        path.run(10)
        shares.append((path.delivered - before) * SIZE / 10 / law)
    assert all(0.5 <= share <= 1.5 for share in shares), shares
    assert 0.75 <= sum(shares) / 20 <= 1.25, shares


def test_bbr_does_not_take_a_loss_by_chance_for_congestion_and_the_others_do() -> None:
    rates = {}
    for name, control in CONTROLLERS.items():
        path = Pipe(control(SIZE, 1), rate=4 * RATE, loss=0.01)
        path.run(8)
        rates[name] = path.delivered * SIZE / 8
    assert rates["bbr"] >= 0.8 * 4 * RATE
    assert max(rates["newreno"], rates["cubic"]) < 0.5 * 4 * RATE


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(sorted(CONTROLLERS)),
    rate=st.integers(20_000, 3_000_000),
    delay=st.integers(1, 300),
    queue=st.integers(1, 200),
    loss=st.sampled_from([0.0, 0.0, 0.001, 0.02, 0.2]),
    pauses=st.integers(0, 300),
    falls=st.booleans(),
)
def test_over_any_path_what_must_hold_holds(
    name: str, rate: int, delay: int, queue: int, loss: float, pauses: int, falls: bool
) -> None:
    """In flight, pace (`pipe` looks at both), a floor under the window, and something always arrives."""
    path = Pipe(CONTROLLERS[name](SIZE, rate), rate=rate, delay=delay * MS, queue=queue, loss=loss)
    if pauses:
        path.application = lambda now: now // (pauses * MS) % 2 == 0
    path.look = lambda now: None if path.control.window >= 2 * SIZE else pytest.fail("a window below its floor")
    path.run(1.5)
    if falls:
        path.rate = max(rate // 10, 10_000)
    before = path.delivered
    path.application = lambda now: True
    path.run(4)
    assert path.delivered > before
