"""BBR against known bottlenecks, by draft-ietf-ccwg-bbr ("BBR Example Test Cases"), and its states one by one."""

import itertools

import pytest

from tests.core.flights import MS, SECOND, flight, leaves
from tests.core.pipe import SIZE, START, Pipe
from udpmsg.core.congestion.bbr import BBR, PACING_GAIN, PROBE_BW, BbrState
from udpmsg.core.congestion.delivery_rate import RateSample
from udpmsg.core.congestion.path_model import INFINITE, PathModel

RATE = 1_250_000
"""10 Mbit/s."""
PRODUCT = RATE * 40 // 1000


def pipe(**path: object) -> tuple[Pipe, BBR]:
    control = BBR(SIZE, 7)
    return Pipe(control, **{"rate": RATE, **path}), control  # type: ignore[arg-type]


def states_of(path: Pipe, control: BBR, seconds: float) -> list[tuple[BbrState, int]]:
    """Which states it goes through, and when each begins, in nanoseconds."""
    seen: list[tuple[BbrState, int]] = []

    def look(now: int) -> None:
        if not seen or seen[-1][0] is not control.state:
            seen.append((control.state, now))

    path.look = look
    path.run(seconds)
    return seen


# What it finds -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [125_000, 1_250_000])
@pytest.mark.parametrize("delay", [5 * MS, 40 * MS, 200 * MS])
def test_it_finds_the_rate_and_the_round_trip(rate: int, delay: int) -> None:
    path, control = pipe(rate=rate, delay=delay, queue=max(rate * delay // SECOND // SIZE, 10))
    path.run(4)
    assert control._model.max_bw == pytest.approx(rate, rel=0.1)
    floor = delay + SIZE * SECOND // rate
    assert control._model.min_rtt == pytest.approx(floor, rel=0.1)
    delivered = path.delivered
    path.run(4)
    assert (path.delivered - delivered) * SIZE / 4 == pytest.approx(rate, rel=0.1)


def test_startup_ends_within_three_rounds_without_growth_and_drain_empties_the_queue() -> None:
    """ "Exiting STARTUP on Bandwidth Plateau" and "Exiting DRAIN Based on Inflight"."""
    path, control = pipe(queue=1000)
    rounds: list[int] = []
    path.look = lambda now: rounds.append(control._model.round_count) if control._model.max_bw < 0.9 * RATE else None
    filled = 0
    while control.state is BbrState.STARTUP:
        assert control._full_bw_count < 3
        path.run(0.001)
        filled = filled or (control._model.max_bw >= 0.98 * RATE and control._model.round_count)
    assert control.full_bw_reached
    assert control._model.round_count <= rounds[-1] + 5  # the round in which it was found, and three that added nothing
    assert control._model.max_bw == pytest.approx(RATE, rel=0.02)
    assert control.state is BbrState.DRAIN
    assert control.pace == pytest.approx(0.5 * 0.99 * RATE, rel=0.02)
    before = path.waiting()
    while control.state is BbrState.DRAIN:
        path.run(0.001)
    assert control.bytes_in_flight <= PRODUCT * 1.05
    assert path.waiting() < before / 2


def test_it_goes_round_its_cycle() -> None:
    """DOWN, CRUISE, REFILL, UP, DOWN: probing after two to three seconds, or as often as Reno would win back a loss."""
    path, control = pipe()
    seen = states_of(path, control, 9)
    order = [state for state, _ in seen if state in PROBE_BW]
    assert {BbrState.DOWN, BbrState.CRUISE, BbrState.REFILL, BbrState.UP} <= set(order)
    follows = {
        BbrState.DOWN: {BbrState.CRUISE, BbrState.REFILL},
        BbrState.CRUISE: {BbrState.REFILL},
        BbrState.REFILL: {BbrState.UP},
        BbrState.UP: {BbrState.DOWN},
    }
    for (before, _), (after, _) in itertools.pairwise(seen):
        if {before, after} <= PROBE_BW:
            assert after in follows[before], (before, after)
    began = [at for state, at in seen if state is BbrState.REFILL]
    assert all(later - earlier < 4 * SECOND for earlier, later in itertools.pairwise(began))


def test_it_looks_for_the_smallest_round_trip_every_five_seconds() -> None:
    """ "Entering and Exiting PROBE_RTT": for 200 ms and a round, with half of the product in flight."""
    path, control = pipe()
    least = []

    def look(now: int) -> None:
        if control.state is BbrState.PROBE_RTT:
            least.append(control.bytes_in_flight)
            assert control.window <= max(PRODUCT * 0.55, 4 * SIZE)

    seen = states_of(path, control, 4)
    path.look = look
    path.run(8)
    assert BbrState.PROBE_RTT not in {state for state, _ in seen}
    assert least
    assert min(least) <= PRODUCT * 0.55
    again = states_of(path, control, 12)
    begins = [at for state, at in again if state is BbrState.PROBE_RTT]
    ends = [later[1] for earlier, later in itertools.pairwise(again) if earlier[0] is BbrState.PROBE_RTT]
    assert len(begins) >= 2
    for begin, end in zip(begins, ends, strict=False):
        assert 200 * MS <= end - begin <= 400 * MS
    after = [later[0] for earlier, later in itertools.pairwise(again) if earlier[0] is BbrState.PROBE_RTT]
    assert set(after) == {BbrState.CRUISE}


def test_a_shallow_queue_bounds_what_is_in_flight() -> None:
    """ "Handling Loss During PROBE_UP": inflight_longterm is set, and kept clear of by 15 % in CRUISE."""
    path, control = pipe(queue=5)
    path.run(6)
    longterm = control._model.inflight_longterm
    assert longterm < INFINITE
    assert longterm <= PRODUCT + 12 * SIZE

    def look(now: int) -> None:
        if control.state is BbrState.CRUISE:
            longterm = control._model.inflight_longterm
            assert control.window <= max(longterm - max(SIZE, 0.15 * longterm), 4 * SIZE) + 1

    path.look = look
    sent, drops = path.sent, path.drops
    path.run(4)
    assert path.drops - drops < 0.05 * (path.sent - sent)


def test_many_losses_end_startup() -> None:
    """ "Exiting STARTUP on Loss": more than 2 % and six ranges, though the rate still grows."""
    path, control = pipe(rate=100 * RATE, queue=100_000, loss=0.2)
    path.run(1)
    assert control.full_bw_reached
    assert control._model.inflight_longterm < INFINITE


def test_one_in_a_hundred_lost_costs_little() -> None:
    path, _control = pipe(rate=5 * RATE, loss=0.01)
    path.run(10)
    assert path.delivered * SIZE / 10 >= 0.8 * 5 * RATE


def test_a_rate_that_falls_is_followed_and_one_that_rises_is_found() -> None:
    """ "Decreasing" and "Increasing Bandwidth 10x"."""
    path, control = pipe(rate=2 * RATE, queue=80)
    path.run(2)
    path.rate = RATE // 5
    path.run(12)
    assert control._model.bw == pytest.approx(RATE // 5, rel=0.1)
    path.rate = 2 * RATE
    path.run(12)
    assert control._model.max_bw == pytest.approx(2 * RATE, rel=0.1)


def test_a_product_of_less_than_a_datagram_still_has_four_in_flight() -> None:
    """ "Correctly Managing Sub-Packet BDPs"."""
    path, control = pipe(rate=20_000, delay=MS, queue=20)
    path.run(20)
    assert control.window >= 4 * SIZE
    assert path.delivered * SIZE / 20 == pytest.approx(20_000, rel=0.1)


def test_an_application_that_is_the_limit_ends_no_startup_and_lowers_no_rate() -> None:
    """ "Never Exiting STARTUP When Application-Limited With No Loss"."""
    path, control = pipe()
    path.application = lambda now: (now - START) % (50 * MS) < MS
    path.run(3)
    assert control.state in (BbrState.STARTUP, BbrState.PROBE_RTT)
    assert not control.full_bw_reached
    path.application = lambda now: True
    path.run(3)
    rate = control._model.max_bw
    path.application = lambda now: (now - START) % (200 * MS) < 20 * MS
    path.run(1)
    assert control._model.max_bw >= 0.9 * rate


def test_an_idle_time_is_as_good_as_probing_for_the_round_trip() -> None:
    """ "Skipping PROBE_RTT Due to Application-Limited Sending", and the pace after it is the rate."""
    path, control = pipe()
    path.run(3)
    path.application = lambda now: False
    path.run(6)
    assert control.bytes_in_flight == 0
    assert control.admit([SIZE], path.now) == 1
    assert control.pace == pytest.approx(0.99 * RATE, rel=0.1)
    control.bytes_in_flight = 0
    path.application = lambda now: True
    seen = states_of(path, control, 0.3)
    assert BbrState.PROBE_RTT not in {state for state, _ in seen}


def test_probing_for_the_round_trip_in_startup_goes_back_to_startup() -> None:
    """ "Entering and Exiting PROBE_RTT During STARTUP"."""
    path, control = pipe()
    path.application = lambda now: (now - START) % (30 * MS) < MS or control.state is BbrState.PROBE_RTT
    seen = states_of(path, control, 7)
    order = [state for state, _ in seen]
    assert BbrState.PROBE_RTT in order
    assert order[order.index(BbrState.PROBE_RTT) + 1] is BbrState.STARTUP


def test_an_idle_time_while_it_probes_for_the_round_trip_ends_that() -> None:
    path, control = pipe()
    path.run(3)
    control.state = BbrState.PROBE_RTT
    control._probe_rtt_done_stamp = path.now + 200 * MS
    control._prior_cwnd = 77_000
    path.application = lambda now: False
    path.run(0.1)
    assert control.bytes_in_flight == 0
    assert control.admit([SIZE], path.now) == 1
    assert control.state is BbrState.PROBE_RTT
    control.bytes_in_flight = 0
    assert control.admit([SIZE], path.now + 200 * MS) == 1
    assert (control.state, control.window >= 77_000) == (BbrState.CRUISE, True)


def test_a_queue_that_does_not_drain_is_left_after_three_rounds() -> None:
    """ "Exiting DRAIN Based on Time": the rate was overestimated."""
    path, control = pipe(queue=10_000)
    while control.state is not BbrState.DRAIN:
        path.run(0.001)
    path.rate = RATE // 10
    while control.state is BbrState.DRAIN:
        path.run(0.001)
    assert control._model.round_count == control._drain_start_round + 4
    assert control.bytes_in_flight > control._inflight(1.0)


# Losses that were none -----------------------------------------------------------------------------------------------------


def loses_and_finds(path: Pipe, control: BBR, count: int = 1) -> None:
    """The oldest datagrams in flight are deemed lost, and arrive."""
    numbers = sorted(path._flying)[:count]
    gone = [path._flying.pop(number) for number in numbers]
    control.on_congestion(gone[-1].sent_at, path.now)
    for single in gone:
        single.episode = control.episode
        control.on_lost(single, path.now)
    for single in gone:
        control.on_late(single, path.now)


def test_a_loss_that_was_none_gives_back_what_it_took() -> None:
    """ "Handling Spurious Fast Recovery"."""
    path, control = pipe()
    path.run(2.2)
    model = control._model
    model.inflight_longterm = 80_000.0
    window = control.window
    control.on_congestion(path.now - 1, path.now)
    control.on_congestion(path.now - 2, path.now)  # of the same episode
    assert control.episode == 1
    model.bw_shortterm, model.inflight_shortterm, model.inflight_longterm, control.window = 1.0, 1.0, 1.0, 4000
    lost = flight(SIZE, sent_at=path.now - 1)
    lost.note = control._delivery.note(path.now, SIZE, alone=False)
    other = flight(SIZE, sent_at=path.now - 1)
    other.note, other.episode, lost.episode = lost.note, 0, 1
    control._doubtful = 1
    control.on_late(other, path.now)  # of an episode before
    assert control.window == 4000
    control.on_late(lost, path.now)
    assert control.window == window
    assert (model.bw_shortterm, model.inflight_shortterm, model.inflight_longterm) == (INFINITE, INFINITE, 80_000.0)


@pytest.mark.parametrize(
    ("was", "now_in", "then"),
    [
        (BbrState.STARTUP, BbrState.DRAIN, BbrState.STARTUP),
        (BbrState.STARTUP, BbrState.PROBE_RTT, BbrState.PROBE_RTT),
        (BbrState.STARTUP, BbrState.STARTUP, BbrState.STARTUP),
        (BbrState.UP, BbrState.DOWN, BbrState.REFILL),
        (BbrState.UP, BbrState.PROBE_RTT, BbrState.PROBE_RTT),
        (None, BbrState.CRUISE, BbrState.CRUISE),
    ],
)
def test_it_goes_back_to_probing(was: BbrState | None, now_in: BbrState, then: BbrState) -> None:
    path, control = pipe()
    path.run(0.5)
    control.state, control.full_bw_reached = now_in, True
    numbers = sorted(path._flying)[:2]
    control.on_congestion(path.now, path.now)
    gone = [path._flying.pop(number) for number in numbers]
    for single in gone:
        single.episode = control.episode
        control.on_lost(single, path.now)
    control._undo = (was, *control._undo[1:])
    control.state = now_in
    control.on_late(gone[0], path.now)
    assert control.state is now_in
    control.on_late(gone[1], path.now)
    assert control.state is then
    assert control.full_bw_reached is not (was is BbrState.STARTUP and now_in is not BbrState.STARTUP)


def test_persistent_congestion_leaves_two_datagrams_and_the_model() -> None:
    path, control = pipe()
    path.run(2)
    rate = control._model.max_bw
    control.on_persistent_congestion(path.now)
    assert (control.window, control._model.max_bw) == (2 * SIZE, rate)
    path.run(1)
    assert control.window > PRODUCT


# The model -------------------------------------------------------------------------------------------------------------------


def test_without_a_round_trip_the_window_is_the_initial_one() -> None:
    control = BBR(SIZE)
    assert control._inflight(1.0) == 10_000
    departed = leaves(control, *[SIZE] * 3, now=START)
    control.settle(START)  # nothing arrived
    control.on_acknowledged(departed, START, True)
    control.settle(START)  # at once: no rate can be told
    assert (control._model.max_bw, control.pace) == (0.0, None)
    assert control.window == 13_000


def test_a_cycle_without_a_sample_keeps_the_rate_of_the_one_before() -> None:
    model = PathModel()
    model._max_bw = (5.0, 0.0)
    model.advance_max_bw()
    assert model.max_bw == 5.0
    model._max_bw = (5.0, 3.0)
    model.advance_max_bw()
    assert model.max_bw == 3.0


def test_bursts_with_pauses_between_them_do_not_add_up_to_an_aggregation() -> None:
    """Each comes a little sooner than the rate makes expect; what came in the burst before is none of it."""
    model, burst, now = PathModel(), 60_000, START
    for number in range(100):
        now += SECOND
        model.restart_aggregation(now)
        now += 40 * MS - (number > 0) * MS
        sample = RateSample(burst * SECOND / (40 * MS), burst, number * burst, burst, 0, burst, False)
        model.update_round(sample, (number + 1) * burst)
        model.update_aggregation(sample, now, 10_000_000, filled=False)
    assert 0 < model.extra_acked() <= burst


def test_every_state_has_a_pace() -> None:
    assert set(PACING_GAIN) == set(BbrState)


# Precautionary probing, and what the stories above do not meet ---------------------------------------------------------------


def probing_up(path: Pipe, control: BBR) -> None:
    while control.state is not BbrState.UP:
        path.run(0.001)


def test_after_a_probe_that_went_too_high_the_next_is_brief_and_one_more_follows_it_at_once() -> None:
    """ "Precautionary Bandwidth Probing": it ends where the last one had too much in flight; without losses one more begins."""
    path, control = pipe(queue=1000)
    path.run(1)
    probing_up(path, control)
    control._prev_probe_too_high = True
    control._model.inflight_longterm = control.bytes_in_flight + 1.0
    assert not control._is_time_to_go_down()
    control._model.inflight_longterm = float(control.bytes_in_flight)
    assert control._is_time_to_go_down()
    assert control._prev_probe_precautionary
    control._prev_probe_too_high = False
    control._start_down(path.now)
    control._model.round_start = True
    assert control._adapt_long_term(path.now)
    assert (control.state, control._prev_probe_precautionary) == (BbrState.REFILL, False)


def test_nothing_delivered_ends_no_idle_time() -> None:
    control = BBR(SIZE)
    control._idle_restart = True
    control._check_probe_rtt(False, START)
    assert control._idle_restart


def test_a_probe_that_inflight_longterm_limits_goes_on_and_raises_it() -> None:
    """ProbeInflightLongtermUpward: by 1, 2, 4, … datagrams a round."""
    path, control = pipe(queue=1000)
    path.run(1)
    probing_up(path, control)
    control._model.inflight_longterm = before = 0.8 * PRODUCT
    path.run(0.5)
    assert control._model.inflight_longterm > before


def test_losses_while_the_application_is_the_limit_leave_inflight_longterm() -> None:
    """HandleInflightTooHigh."""
    control = BBR(SIZE)
    control._handle_inflight_too_high(5000.0, True, START)
    assert control._model.inflight_longterm == INFINITE
    assert control.state is BbrState.STARTUP
    control._handle_inflight_too_high(50_000.0, False, START)
    assert control._model.inflight_longterm == 50_000.0


def test_an_idle_time_in_probe_rtt_that_did_not_begin_to_count_changes_nothing() -> None:
    control = BBR(SIZE)
    control.state = BbrState.PROBE_RTT
    control._check_probe_rtt_done(START)
    assert control.state is BbrState.PROBE_RTT


def test_an_application_that_waits_for_the_window_is_not_the_limit() -> None:
    control = BBR(SIZE)
    leaves(control, *[SIZE] * 10, now=START)
    control.on_application_limited()
    assert control._delivery.app_limited == 0
