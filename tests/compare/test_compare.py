"""Comparisons in the lab and through the relay: known answers, one fate in every mode, a ledger that the record confirms."""

import statistics
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.conftest import needed
from udpmsg.base.errors import UsageError
from udpmsg.compare import run as comparing
from udpmsg.compare.audit import audit
from udpmsg.compare.choices import Choices, Mode, Workload
from udpmsg.compare.ledger import Cause, Ending, LedgerRow, rows
from udpmsg.compare.reading import RunReading
from udpmsg.compare.run import Progress, Request, compare
from udpmsg.compare.trace import Comparison, Trace, Where
from udpmsg.lab.namespaces import LabUnavailable
from udpmsg.link.faults import Burst, Later, Link, Path, Police
from udpmsg.link.fields import changed, read_both
from udpmsg.link.record import Direction, FrameKind
from udpmsg.link.script import parse_fault

pytestmark = pytest.mark.alone  # milliseconds of a link

MILLISECOND = 1_000_000
DELAY = Path(delay=20 * MILLISECOND)


def run(request: Request, stopped: Callable[[], bool] = lambda: False) -> Comparison:
    """The comparison, where there can be a lab."""
    states: list[Progress] = []
    try:
        comparison = compare(request, progress=states.append, stopped=stopped)
    except LabUnavailable as error:
        needed("namespaces", str(error))
    assert states
    return comparison


def request(
    link: Link,
    *,
    seed: int = 1,
    count: int = 20,
    interval: int = 20,
    size: int = 100,
    where: Where = Where.LAB,
    **choices: object,
) -> Request:
    """Messages every `interval` milliseconds."""
    workload = Workload(count=count, interval_ns=interval * MILLISECOND, size=size)
    return Request(link, seed, workload, replace(Choices(), **choices), where)  # type: ignore[arg-type]


def by_mode(comparison: Comparison) -> dict[Mode, tuple[Trace, list[LedgerRow]]]:
    return {run.mode: (run, rows(run, comparison.late_ns)) for run in comparison.runs}


def first_deliveries(link: Link) -> dict[Mode, float]:
    """Milliseconds to the first delivery, medians of three runs."""
    comparison = run(request(link, count=3, repeat=3, modes=(Mode.UDP, Mode.TCP)))
    first: dict[Mode, list[float]] = {Mode.UDP: [], Mode.TCP: []}
    for one in comparison.runs:
        assert one.error is None
        result = RunReading(one, comparison).figures
        assert result["first_delivery_s"] is not None
        first[one.mode].append(result["first_delivery_s"] * 1000)
        if one.mode is Mode.TCP:
            assert result["connect_s"] * 1000 >= 2 * link.forward.delay / MILLISECOND
        else:
            assert result["connect_s"] is None
    return {mode: statistics.median(times) for mode, times in first.items()}


def test_udp_delivers_after_half_a_round_trip_and_tcp_after_one_and_a_half() -> None:
    """20 and 60 ms, within 3 ms for each crossing of the link of what the same takes without a delay: what this machine needs for
    it is not the link's. UDP's first message crosses it once, TCP's after the SYN and its answer.
    """
    tried = []
    for _ in range(5):  # a machine that is busy with something else gets another chance
        without, delayed = first_deliveries(Link()), first_deliveries(Link(DELAY, DELAY))
        assert delayed[Mode.UDP] >= 20
        assert delayed[Mode.TCP] >= 60
        tried.append((without, delayed))
        if delayed[Mode.UDP] - without[Mode.UDP] < 23 and delayed[Mode.TCP] - without[Mode.TCP] < 69:
            return
    pytest.fail(f"more than 3 ms a crossing late in five tries: {tried}")


def test_one_dropped_frame_is_a_gap_a_retransmission_and_a_staircase() -> None:
    link = Link(DELAY, DELAY, script=(parse_fault("drop:data:4"),))
    results = by_mode(run(request(link)))

    _, udp = results[Mode.UDP]
    assert [(row.sequence, row.outcome, row.cause, row.reason) for row in udp if row.delivered_at is None] == [
        (4, Ending.LOST, Cause.DROPPED, "drop:data:4")
    ]

    acknowledged, rows_of_it = results[Mode.UDP_ACK]
    assert acknowledged.retransmissions == 1
    assert all(row.outcome is Ending.DELIVERED for row in rows_of_it)
    assert [row.sequence for row in rows_of_it if row.transmissions == 2] == [4]
    assert max(rows_of_it, key=lambda row: row.delay or 0).sequence == 4

    _, tcp = results[Mode.TCP]
    assert all(row.outcome is Ending.DELIVERED for row in tcp)
    assert tcp[3].transmissions is not None
    assert tcp[3].transmissions >= 2
    # 4 and what had arrived behind it and waited are delivered at once, so each delay is shorter than the one before
    came_at = tcp[3].delivered_at
    together = [row for row in tcp if row.delivered_at is not None and came_at is not None and row.delivered_at == came_at]
    assert [row.sequence for row in together] == list(range(4, 4 + len(together)))
    assert len(together) >= 2
    delays = [row.delay for row in together if row.delay is not None]
    assert delays == sorted(delays, reverse=True)
    assert delays[0] >= 60 * MILLISECOND  # lost, missed, sent again: three ways at least


def fates(one: Trace) -> dict[int, bool]:
    """For each message, whether the link dropped the first transmission of the frame that begins with it."""
    assert one.frames is not None
    return {
        frame.identity.index: frame.dropped is not None
        for frame in one.frames
        if (frame.identity.direction, frame.identity.kind) == (Direction.FORWARD, FrameKind.DATA)
        and frame.identity.transmission == 1
        and frame.identity.part == 0
    }


def test_the_same_seed_gives_the_same_message_the_same_fate_in_every_mode_and_every_run() -> None:
    link = Link(replace(DELAY, loss=0.2), DELAY)
    first, second = (run(request(link, seed=5, count=40, interval=10)) for _ in range(2))
    expected = fates(first.runs[0])
    assert any(expected.values())
    for one in [*first.runs, *second.runs]:
        assert one.error is None
        seen = fates(one)
        assert seen == {index: fate for index, fate in expected.items() if index in seen}
        if one.mode is not Mode.TCP:  # TCP may put two messages into one segment
            assert seen.keys() == expected.keys()


FAULTS = {
    "loss": Path(delay=5 * MILLISECOND, loss=0.1),
    "bursts": Path(delay=5 * MILLISECOND, burst=Burst(0.05, 0.3)),
    "duplicates": Path(delay=5 * MILLISECOND, duplicate=0.2),
    "reordering": Path(delay=5 * MILLISECOND, reorder=0.2, reorder_by=15 * MILLISECOND),
    "corruption": Path(delay=5 * MILLISECOND, corrupt=0.1),
    "jitter": Path(delay=5 * MILLISECOND, jitter=4 * MILLISECOND),
    "bottleneck": Path(delay=5 * MILLISECOND, rate=400_000, queue=3),
    "policer": Path(delay=5 * MILLISECOND, police=Police(200_000, 1_514)),
    "changes": Path(
        delay=5 * MILLISECOND,
        later_delays=(Later(10 * MILLISECOND, 50 * MILLISECOND), Later(30 * MILLISECOND, 5 * MILLISECOND)),
        rate=2_000_000,
        later_rates=(Later(10 * MILLISECOND, 1_000_000), Later(40 * MILLISECOND, 2_000_000)),
    ),
    "small MTU": Path(delay=5 * MILLISECOND, mtu=120),
    "everything": Path(
        delay=5 * MILLISECOND, jitter=2 * MILLISECOND, loss=0.05, duplicate=0.05, reorder=0.05, corrupt=0.05, rate=2_000_000
    ),
    "nothing": Path(),
}


def disagreements(name: str, seed: int, modes: tuple[Mode, ...]) -> list[str]:
    """What the ledger and the link's record do not agree on, over one link with one seed."""
    link = Link(FAULTS[name], FAULTS[name])
    comparison = run(request(link, seed=seed, count=40, interval=1, deadline_ns=5_000_000_000, modes=modes))
    found = []
    for one in comparison.runs:
        ledger = rows(one, comparison.late_ns)
        assert len(ledger) == 40
        found += [] if one.error is None else [f"{one.mode}: {one.error}"]
        found += [f"{one.mode}: {sentence}" for sentence in audit(one, ledger, comparison)]
        if one.mode is Mode.UDP:
            found += [f"message {row.sequence}: cause unknown" for row in ledger if row.cause is Cause.UNKNOWN]
    return found


@pytest.mark.parametrize("name", FAULTS)
def test_over_udp_the_ledger_agrees_with_the_links_own_record_to_the_message(name: str) -> None:
    for seed in range(1, 31):
        assert disagreements(name, seed, (Mode.UDP,)) == [], f"seed {seed}"


@pytest.mark.parametrize("name", FAULTS)
def test_with_acknowledgments_and_over_tcp_it_agrees_too(name: str) -> None:
    for seed in range(1, 4):
        assert disagreements(name, seed, (Mode.UDP_ACK, Mode.TCP)) == [], f"seed {seed}"


def test_through_the_relay_udp_meets_the_same_faults_and_tcp_none() -> None:
    link = Link(replace(DELAY, loss=0.2), DELAY)
    relayed = by_mode(run(request(link, seed=5, count=40, interval=10, where=Where.RELAY)))
    in_lab = by_mode(run(request(link, seed=5, count=40, interval=10, modes=(Mode.UDP,))))
    assert fates(relayed[Mode.UDP][0]) == fates(in_lab[Mode.UDP][0])
    lost = [[row.sequence for row in ledger if row.outcome is Ending.LOST] for _, ledger in (relayed[Mode.UDP], in_lab[Mode.UDP])]
    assert lost[0] == lost[1] != []
    assert all(row.outcome is Ending.DELIVERED for row in relayed[Mode.UDP_ACK][1])
    assert all(row.outcome is Ending.DELIVERED for row in relayed[Mode.TCP][1])


@pytest.mark.parametrize(("mtu", "fits"), [("1500", 1472), ("600", 572), ("1000:silent", 972)])
def test_the_datagram_size_follows_the_path(mtu: str, fits: int) -> None:
    """With what routers say, and without: what is sent in the end goes through whole, and every message arrives."""
    there = changed(Link(DELAY, DELAY), [read_both("mtu", mtu)])
    comparison = run(request(there, count=60, interval=30, size=4000, modes=(Mode.UDP_ACK,)))
    ((one, ledger),) = by_mode(comparison).values()
    assert one.error is None
    assert all(row.outcome is Ending.DELIVERED for row in ledger)
    assert one.datagram_size is not None
    assert fits - 32 <= one.datagram_size <= fits
    assert RunReading(one, comparison).figures["datagram_size_bytes"] == one.datagram_size


def test_a_datagram_size_that_is_given_is_kept() -> None:
    over = Link(DELAY, DELAY)
    asked = request(over, count=20, interval=2, size=4 * 932, modes=(Mode.UDP_ACK,), datagram_size=1000)
    ((one, _),) = by_mode(run(asked)).values()
    assert one.datagram_size == 1000
    assert one.frames is not None
    assert max(frame.size for frame in one.frames) == 1000 + 42  # four fragments, each as large as may be


def test_it_ends_early_when_it_is_told_to() -> None:
    asked = 0

    def stopped() -> bool:
        nonlocal asked
        asked += 1
        return asked > 5

    comparison = run(request(Link(DELAY, DELAY), count=10_000), stopped)
    (one,) = comparison.runs
    assert one.error == "interrupted"
    assert len(rows(one, comparison.late_ns)) == 10_000


def test_nobody_can_connect_through_a_link_that_drops_everything() -> None:
    link = Link(replace(DELAY, loss=1.0), DELAY)
    results = by_mode(run(request(link, count=3, deadline_ns=1_000_000_000)))
    assert [row.outcome for row in results[Mode.UDP][1]] == [Ending.LOST] * 3
    assert [row.outcome for row in results[Mode.UDP_ACK][1]] == [Ending.LOST] * 3
    tcp, ledger = results[Mode.TCP]
    assert tcp.error is not None
    assert "did not answer" in tcp.error
    assert [(row.outcome, row.cause) for row in ledger] == [(Ending.REFUSED, Cause.NOT_SENT)] * 3


def test_tcps_choices_reach_the_connection() -> None:
    comparison = run(request(Link(), count=3, interval=1, modes=(Mode.TCP,), tcp_congestion="reno", tcp_ack=True, nagle=True))
    (one,) = comparison.runs
    assert comparison.tcp_congestion == "reno"
    assert [row.state for row in one.sent] == ["delivered"] * 3


def test_a_router_that_was_too_slow_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("udpmsg.lab.router.SOCKET_BUFFER", 2048)
    comparison = run(request(Link(), count=5000, interval=0, size=1000, modes=(Mode.UDP,)))
    (one,) = comparison.runs
    assert one.error is not None
    assert "the router was too slow for" in one.error


@pytest.mark.parametrize("where", [Where.RELAY, Where.NETWORK])
def test_only_the_lab_can_be_captured(where: Where) -> None:
    asked = replace(request(Link(), seed=1, count=1, where=where), capture=True)
    with pytest.raises(UsageError, match=f"only the lab sees frames: a capture of {where.value} has none"):
        run(asked)


def test_every_place_has_someone_who_carries() -> None:
    assert set(comparing.CARRIERS) == set(Where)
