"""The search on receivers that are not there, and the two schedules on a clock that nobody waits for."""

import random
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from udpmsg.base.durations import SECOND
from udpmsg.bench.search import CATCH_UP, MOST_LONG_TRIALS, MOST_TRIALS, RESOLUTION, Pace, RoundTrips, Search, Step, decisive
from udpmsg.bench.values import Trial

MILLISECOND = 1_000_000


def trial(
    rate: float | None,
    sent: float,
    lost: int,
    *,
    received: float | None = None,
    confirms: bool = False,
    verifies: bool = False,
) -> Trial:
    """A trial of ten thousand messages."""
    return Trial(
        offered_msgs_per_s=rate,
        sent_msgs_per_s=sent,
        received_msgs_per_s=sent if received is None else received,
        messages_sent=10_000,
        messages_lost=lost,
        messages_unconfirmed=None,
        kernel_drops=None,
        over_limit=0,
        duration_s=10_000 / sent,
        sender_cpu=None,
        receiver_cpu=None,
        offload=None,
        confirms=confirms,
        verifies=verifies,
    )


def searched(
    fastest: float, loses: Callable[[float, bool], int], received: float | None = None
) -> tuple[list[Trial], Trial | None]:
    """Every trial of a search, and the one that decided: a sender that reaches `fastest` at most, and how many messages are lost
    at a rate."""
    flood = trial(None, fastest, loses(fastest, False), received=received)
    search = Search(sent=fastest, received=received, lost=not flood.kept_up)
    trials = [flood]
    while (step := search.next()) is not None:
        sent = fastest if step.rate is None else min(step.rate, fastest)
        made = trial(step.rate, sent, loses(sent, step.confirms), confirms=step.confirms, verifies=step.verifies)
        search.note(step, sent=sent, lost=not made.kept_up, share=made.loss)
        trials.append(made)
    return trials, decisive(trials, failed_at=search.failed_at)


@given(fastest=st.floats(1e3, 1e7), share=st.floats(0.005, 0.999), guess=st.floats(0.001, 1.0))
def test_the_rate_above_which_a_receiver_loses_is_found_within_the_resolution(fastest: float, share: float, guess: float) -> None:
    capacity = share * fastest
    trials, found = searched(fastest, lambda rate, _: 500 * (rate > capacity), received=guess * fastest)
    note(f"{len(trials)} trials, {found}")
    assert found is not None
    assert capacity * (1 - 2 * RESOLUTION) <= found.sent_msgs_per_s <= capacity
    assert len(trials) <= MOST_TRIALS + 1


@given(fastest=st.floats(1e3, 1e7))
def test_where_nothing_is_ever_lost_the_sender_is_the_limit_and_two_trials_are_enough(fastest: float) -> None:
    trials, found = searched(fastest, lambda rate, _: 0)
    assert found == trials[-1]
    assert [(made.offered_msgs_per_s, made.confirms) for made in trials] == [(None, False), (None, True)]


@given(seed=st.integers(0, 2**32), chance=st.floats(0, 1), capacity=st.floats(0.01, 2), much=st.booleans())
def test_chance_never_makes_a_rate_the_throughput_at_or_above_one_that_failed(
    seed: int, chance: float, capacity: float, much: bool
) -> None:
    draw = random.Random(seed)

    def loses(rate: float, long: bool) -> int:
        return (500 if much else 5) * int(rate > capacity * 1e6 or draw.random() < chance * (0.5 + 0.5 * long))

    trials, found = searched(1e6, loses, received=0.5e6)
    assert len(trials) <= MOST_TRIALS + 1
    assert sum(made.confirms for made in trials) <= MOST_LONG_TRIALS
    if found is not None:
        assert found.confirms
        assert found.kept_up
        excused = [following.verifies and not following.messages_lost for following in [*trials[1:], trials[0]]]
        failed = [made for made, excuse in zip(trials, excused, strict=True) if made.messages_lost and not excuse]
        assert all(made.sent_msgs_per_s > found.sent_msgs_per_s for made in failed)


def begun() -> tuple[Search, Step]:
    """A search after a flood that lost much, and its first trial."""
    search = Search(sent=1e6, received=0.5e6, lost=True)
    first = search.next()
    assert first is not None
    return search, first


def test_what_loses_little_once_and_nothing_when_tried_again_has_not_failed() -> None:
    unlucky = iter([100, 0, 100])  # 1 % of the first trial at the guess, and of the one after it at a higher rate

    def loses(rate: float, long: bool) -> int:
        return 2_000 if rate > 0.6e6 else next(unlucky, 0) if rate > 0.55e6 else 0

    trials, found = searched(1e6, loses, received=0.6e6)
    assert [(made.confirms, made.verifies, made.messages_lost) for made in trials[1:3]] == [(False, False, 100), (False, True, 0)]
    assert next(unlucky, None) is None
    assert found is not None
    assert 0.57e6 <= found.sent_msgs_per_s <= 0.6e6


def test_what_loses_more_than_little_has_failed_at_once_and_what_loses_little_twice_too() -> None:
    trials, _ = searched(1e6, lambda rate, _: 101 * (rate > 0.5e6), received=0.6e6)
    assert not any(made.verifies for made in trials)
    trials, found = searched(1e6, lambda rate, _: 100 * (rate > 0.5e6), received=0.6e6)
    pairs = [(made, again) for made, again in pairwise(trials) if again.verifies]
    assert pairs
    assert all(made.offered_msgs_per_s == again.offered_msgs_per_s and again.messages_lost for made, again in pairs)
    assert found is not None
    assert 0.48e6 < found.sent_msgs_per_s <= 0.5e6


def test_a_receiver_that_fell_behind_has_failed_at_once() -> None:
    search, first = begun()
    search.note(first, sent=0.475e6, lost=True, share=0)
    assert search.failed_at == pytest.approx(0.475e6)
    second = search.next()
    assert second is not None
    assert not second.verifies


def test_a_network_that_always_loses_has_no_throughput_and_the_search_gives_up() -> None:
    trials, found = searched(1e6, lambda rate, _: 300, received=0.9e6)
    assert found is None
    assert len(trials) <= 12
    assert min(made.sent_msgs_per_s for made in trials) < 10_000


def test_a_network_that_always_loses_a_little_has_none_either() -> None:
    trials, found = searched(1e6, lambda rate, _: 3, received=0.9e6)
    assert found is None
    assert len(trials) <= MOST_TRIALS + 1


def test_a_rate_that_fails_its_long_trial_is_left_for_lower_ones_by_long_trials_alone() -> None:
    trials, found = searched(1e6, lambda rate, long: 500 * (rate > (0.5e6 if long else 0.7e6)), received=0.7e6)
    failed = next(at for at, made in enumerate(trials) if made.confirms)
    assert trials[failed].messages_lost
    assert all(made.confirms for made in trials[failed:])
    assert found is not None
    assert 0.25e6 < found.sent_msgs_per_s <= 0.5e6


def test_a_sender_that_falls_short_once_does_not_end_the_search_and_twice_it_is_the_limit() -> None:
    search, first = begun()
    assert first.rate == pytest.approx(0.475e6)
    search.note(first, sent=0.2e6, lost=False, share=0)  # it stood still for a while
    second = search.next()
    assert second is not None
    assert second.rate is not None
    assert second.rate > 0.5e6
    search.note(second, sent=0.55e6, lost=False, share=0)
    assert search.next() == (0.55e6, True, False)


def test_what_a_buffer_swallows_is_not_carried() -> None:
    behind = trial(100_000, 100_000, 0, received=80_000)
    assert not behind.kept_up
    assert behind.carried_msgs_per_s == 80_000
    assert trial(100_000, 100_000, 0, received=100_500).carried_msgs_per_s == 100_000


def paced(rate: float, seconds: float, cost: int, stalls: dict[int, int] | None = None) -> tuple[int, int]:
    """Messages sent and nanoseconds passed, by a sender that needs `cost` for a batch and stands still at some batches."""
    pace = Pace(rate, now=0)
    now = sent = batches = 0
    while now < seconds * SECOND:
        if pace.due(now=now):
            now += (stalls or {}).get(batches, 0)
            pace.take(pace.batch)
            sent += pace.batch
            batches += 1
            now += cost
        else:
            now = pace.next_due()
    return sent, now


@given(rate=st.floats(10, 5e6), seconds=st.floats(0.01, 0.3))
def test_a_pace_is_kept_and_never_exceeded(rate: float, seconds: float) -> None:
    sent, now = paced(rate, seconds, cost=0)
    batch = Pace(rate, now=0).batch
    assert sent <= rate * now / SECOND + batch
    assert sent >= rate * seconds - batch


@given(rate=st.floats(1_000, 2e6), stall=st.integers(0, 100), at=st.integers(0, 20))
def test_after_a_stall_a_little_is_caught_up_and_the_rest_is_never_sent(rate: float, stall: int, at: int) -> None:
    sent, now = paced(rate, 0.2, cost=100, stalls={at: stall * MILLISECOND})
    pace = Pace(rate, now=0)
    assert sent <= rate * now / SECOND + pace.batch
    kept = CATCH_UP + 2 * pace.batch * SECOND / rate
    lost_time = max(0, stall * MILLISECOND - kept)
    assert sent >= rate * (0.2 - lost_time / SECOND) * 0.99 - 3 * pace.batch - 1


def test_what_is_due_together_is_whole_runs_where_it_is_as_many() -> None:
    """A message that is left over goes by itself, and costs both sides what a run does."""
    batches = [Pace(rate, now=0, most_at_once=900, in_run=52).batch for rate in (40_000, 400_000, 2_000_000, 9_000_000)]
    assert batches == [10, 52, 9 * 52, 17 * 52]


def test_a_sender_that_is_too_slow_sends_what_it_can() -> None:
    sent, now = paced(1e6, 0.1, cost=500_000)  # 250 messages in 500 µs are half a million a second
    assert sent * SECOND / now == pytest.approx(500_000, rel=0.02)


def test_a_stall_counts_for_every_message_that_was_due_meanwhile() -> None:
    trips = RoundTrips(MILLISECOND, now=0)
    now = 0
    for number in range(1_000):
        now = max(now, trips.due_at)
        now += 10_050_000 if number == 500 else 50_000  # one takes 10 ms more
        trips.returned(now=now)
    summary = trips.summary()
    assert summary is not None
    assert summary["count"] == 1_000
    assert summary["max"] == pytest.approx(0.01005)
    assert summary["p50"] == pytest.approx(0.00005)
    # 10.05, 9.1, 8.15, … ms: eleven messages, of which a schedule that waits for answers would have seen the first alone
    assert summary["p99"] == pytest.approx(0.00055, abs=1e-9)
    assert summary["p99.9"] == pytest.approx(0.0091)
    assert summary["p99.99"] == summary["max"]
    assert list(summary) == ["count", "min", "mean", "p50", "p90", "p99", "p99.9", "p99.99", "max"]


def test_a_message_that_is_given_up_is_no_round_trip() -> None:
    trips = RoundTrips(MILLISECOND, now=0)
    assert trips.summary() is None
    trips.never_returned()
    assert (trips.lost, trips.due_at, trips.summary()) == (1, MILLISECOND, None)
