"""`scripts/bench distance`: rows are links, ratios are those of medians, verdicts follow, small runs come out whole."""

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))  # not a package that is installed

import bench_distance
from distance import flows, rows, summary
from distance.flows import Bulk, Measured, SideBySide
from distance.rows import ISSUE, SWEEP, Aim, Row
from distance.summary import Rounds, jain, shares

from tests.conftest import needed
from udpmsg.base.errors import UdpmsgError
from udpmsg.compare.choices import Mode, Workload
from udpmsg.compare.ends import ReceiverLog
from udpmsg.compare.trace import Received
from udpmsg.lab.lab import Lab
from udpmsg.lab.namespaces import LabUnavailable
from udpmsg.link.faults import Later, Link
from udpmsg.link.faults import Path as Faults

MS, SECOND = 1_000_000, 1_000_000_000


@pytest.fixture
def lab() -> None:
    """Skips where there can be no lab."""
    try:
        Lab(Link(), seed=1).close()
    except LabUnavailable as error:
        needed("namespaces", str(error))


# Rows --------------------------------------------------------------------------------------------------------------------


def test_every_row_has_a_name_of_its_own_and_a_link() -> None:
    every = ISSUE + SWEEP
    assert len({row.name for row in every}) == len(every)
    for row in every:
        assert row.link != Link()
        assert row.count > 0


def test_the_issues_links_are_as_it_has_them() -> None:
    by_name = {row.name: row for row in ISSUE}
    usual = Faults(delay=20 * MS, rate=50_000_000, queue=100)
    assert [by_name[name].link for name in ("1144", "1145", "4000")] == [Link(usual, usual)] * 3
    assert [by_name[name].size for name in ("1144", "1145", "4000")] == [1144, 1145, 4000]
    acknowledgments = by_name["1000-acks-40"]
    assert (acknowledgments.link.forward.loss, acknowledgments.link.back.loss) == (0, 0.4)
    assert acknowledgments.aim == Aim(retransmissions=0)
    assert by_name["1000-loss-bbr"].aim == Aim(0.8, "bbr")


def test_the_sweep_has_every_size_loss_round_trip_and_rate_of_the_issue() -> None:
    links = [row.link.forward for row in SWEEP]
    assert {row.size for row in SWEEP} >= {64, 1 << 20}
    assert {2 * link.delay // MS for link in links} == {5, 40, 300}
    assert {link.rate for link in links} == {1_000_000, 50_000_000, 500_000_000}
    assert {link.loss for link in links} == {0, 0.001, 0.01, 0.05}
    assert any(link.police for link in links)
    assert any(link.later_rates == (Later(SECOND, 25_000_000), Later(2 * SECOND, 50_000_000)) for link in links)


def test_a_queue_is_bandwidth_times_delay_in_full_frames() -> None:
    """250,000 bytes are 165.1 frames of 1,514; and two at least."""
    assert rows.queue_of(1.0, 50e6, 0.04) == 165
    assert rows.queue_of(4.0, 50e6, 0.04) == 661
    assert rows.queue_of(0.25, 1e6, 0.005) == 2


def test_a_command_makes_the_link_again() -> None:
    words = shlex.split(next(row for row in SWEEP if row.name == "policer").command)
    assert words[:4] == ["udpmsg", "compare", "--link", "none"]
    assert words[words.index("--police") + 1] == "20mbit:64KiB/none"
    assert "--congestion" not in words
    named = next(row for row in ISSUE if row.congestion)
    assert named.command.endswith("--congestion bbr")


def test_rows_are_chosen_by_name() -> None:
    assert [row.name for row in rows.chosen(ISSUE, "1000-acks-*")] == ["1000-acks-10", "1000-acks-40"]
    assert rows.chosen(ISSUE, None) == list(ISSUE)
    with pytest.raises(SystemExit, match="no row is like size-7; there are 1144, 1145"):
        rows.chosen(ISSUE, "size-7")


# Medians, ratios, verdicts -----------------------------------------------------------------------------------------------

ROW = Row("small", 100, 10, (("delay", "20ms"),))


def measured(mbit: float, retransmissions: int = 0, beside: tuple[float, ...] = (), **more: Any) -> Measured:
    return Measured(mbit * 1e6, 10, retransmissions, beside_s=list(beside), **more)


def rounds(row: Row = ROW, **of_flows: list[Measured]) -> Rounds:
    made = Rounds(row)
    for name, runs in of_flows.items():
        made.measured["udp+ack" if name == "ours" else name] = runs
    return made


@pytest.mark.parametrize(
    ("aim", "ours", "cubic", "verdict"),
    [
        (Aim(), (9, 500), (10, 0), "reached"),
        (Aim(), (8.9, 0), (10, 0), "**short**: 0.89 of 0.9 × cubic"),
        (Aim(retransmissions=10), (10, 10), (10, 2), "reached"),
        (Aim(retransmissions=10), (10, 11), (10, 2), "**short**: 11 retransmissions of at most 10"),
        (Aim(retransmissions_ratio=2.0), (10, 4), (10, 2), "reached"),
        (
            Aim(retransmissions_ratio=2.0),
            (1, 5),
            (10, 2),
            "**short**: 0.10 of 0.9 × cubic, 5 retransmissions of at most 4",
        ),
        (Aim(0.8, "bbr"), (10, 0), (10, 0), "not known: no bbr"),
    ],
)
def test_a_verdict_names_all_that_is_short(aim: Aim, ours: tuple[float, int], cubic: tuple[float, int], verdict: str) -> None:
    row = Row("small", 100, 10, (), aim)
    assert rounds(row, ours=[measured(*ours)], cubic=[measured(*cubic)]).verdict() == verdict


def test_a_row_has_medians_their_ratios_and_one_p99_of_all_rounds() -> None:
    """Of 100 messages beside the bulk the 99th, in whichever round that was."""
    calm, busy = tuple([0.02] * 49 + [0.03]), tuple([0.02] * 48 + [0.5, 0.04])
    made = rounds(
        ours=[measured(30, 7, calm), measured(20, 9, busy), measured(90, 0)],
        cubic=[measured(60, 1)],
        bbr=[measured(15, 100)],
    )
    assert made.p99("udp+ack") == 0.04
    assert summary.distance_table([made]).splitlines()[2:] == [
        "| small | 10 × 100 B, 20 ms each way | 30 (20–90), 60, 15 | 0.50 | 2.00 | 7, 1, 100 | 40, –, – "
        "| **short**: 0.50 of 0.9 × cubic |"
    ]
    line = summary.row_line(made)
    assert (line["ratio_cubic"], line["ratio_bbr"], line["udp+ack"]["rounds"], line["cubic"]["beside_p99_s"]) == (0.5, 2, 3, None)
    json.dumps(line)


def test_no_round_may_have_more_retransmissions_than_the_aim_says() -> None:
    row = Row("small", 100, 10, (), Aim(retransmissions=0))
    made = rounds(row, ours=[measured(10), measured(10.5), measured(10, 7)], cubic=[measured(10)])
    assert made.verdict() == "**short**: 7 retransmissions of at most 0"
    assert made.spread("udp+ack") == ""


def test_what_must_be_known_beside_the_figures_stands_below() -> None:
    made = rounds(
        ours=[measured(1), measured(2, router="the router had no room for 7 frames")],
        cubic=[measured(1, error="cannot connect"), Measured(1e6, 4, 0)],
    )
    made.failures.append("bbr, round 1: failed: the sender ended unexpectedly")
    assert summary.distance_table([made]).splitlines()[4:] == [
        "- small: bbr, round 1: failed: the sender ended unexpectedly",
        "- small: udp+ack: in 1 of 2 rounds the router had no room for 7 frames, tried 3 times",
        "- small: cubic, round 1: cannot connect",
        "- small: cubic: up to 6 of 10 messages were not delivered",
    ]


# Two flows ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rates", "index"), [((1, 1), 1.0), ((5, 0), 0.5), ((3, 1), 0.8), ((1, 1, 1, 1), 1.0), ((0, 0), 0.0)])
def test_jains_index(rates: tuple[float, ...], index: float) -> None:
    assert jain(rates) == pytest.approx(index)


def test_shares_are_of_the_seconds_that_count() -> None:
    counted = [[0, 0, 30, 30], [100, 100, 10, 10]]
    assert shares(counted).share == 60 / 280
    assert shares(counted, 2).share == 0.75
    assert shares(counted, 2).rates == (240, 80)
    assert shares([[0], [0]]).share == 0


def test_bytes_of_a_second_are_those_that_came_first_in_it() -> None:
    log = ReceiverLog([Received(1, SECOND), Received(2, 2 * SECOND - 1), Received(1, 2 * SECOND - 1, duplicate=True)])
    log.received += [Received(3, 2 * SECOND), Received(4, 3 * SECOND)]
    assert flows.per_second(log, SECOND, 2, 100) == [200, 100]


def test_a_pair_has_the_medians_of_its_rounds() -> None:
    each = [SideBySide([[10**6] * 2, [10**6] * 2], None), SideBySide([[3 * 10**6, 10**6], [10**6, 10**6]], "it was late")]
    names, unmeasured = ("udp+ack", "tcp cubic"), ("udp+ack bbr", "tcp cubic")
    assert summary.fairness_table({names: each, unmeasured: []}, 2).splitlines()[2:] == [
        "| udp+ack beside tcp cubic | 12, 8 | 58% | 0.950 | 50% | 1.000 |",
        "| udp+ack bbr beside tcp cubic | not measured | | | | |",
        "",
        "- udp+ack beside tcp cubic: in 1 of 2 rounds it was late",
    ]


# Measuring ---------------------------------------------------------------------------------------------------------------


def test_flows_take_turns_and_one_that_fails_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[tuple[str, int]] = []

    def run(bulk: Bulk, workload: Workload, link: Link, seed: int) -> Measured:
        order.append((bulk.title, seed))
        assert (workload, link) == (Workload(10, 0, 100), ROW.link)
        if bulk.congestion == "cubic" and seed == 2:
            raise UdpmsgError("the sender | ended")
        return measured(1)

    monkeypatch.setattr(bench_distance, "undisturbed", run)
    written: list[dict[str, Any]] = []
    (made,) = bench_distance.measure([ROW], 2, written.append)
    assert order == [(title, turn) for turn in (1, 2) for title in ("udp+ack", "tcp cubic", "tcp bbr")]
    assert made.failures == ["cubic, round 2: failed: the sender / ended"]
    assert [len(runs) for runs in made.measured.values()] == [2, 1, 2]
    assert [line["event"] for line in written] == ["run"] * 5 + ["row"]
    json.dumps(written)


def test_a_row_that_names_a_congestion_control_waits_until_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[Bulk] = []

    def run(bulk: Bulk, workload: Workload, link: Link, seed: int) -> Measured:
        chosen.append(bulk)
        return measured(1)

    monkeypatch.setattr(bench_distance, "undisturbed", run)
    row = Row("named", 100, 10, ROW.options, congestion="bbr")
    monkeypatch.setattr(bench_distance, "knows_congestion", lambda: False)
    (made,) = bench_distance.measure([row], 1, lambda _: None)
    assert (chosen, made.notes()) == ([], ["not measured: `udpmsg compare` has no --congestion here"])
    assert summary.distance_table([made]).splitlines()[2].endswith("| not measured |")
    monkeypatch.setattr(bench_distance, "knows_congestion", lambda: True)
    bench_distance.measure([row], 1, lambda _: None)
    assert chosen[0] == Bulk(Mode.UDP_ACK, "bbr")
    assert chosen[1:] == [Bulk(Mode.TCP, "cubic"), Bulk(Mode.TCP, "bbr")]


def test_the_kernels_congestion_control_is_tcps() -> None:
    assert flows.choices_of(Bulk(Mode.TCP, "bbr")).tcp_congestion == "bbr"
    assert flows.choices_of(Bulk(Mode.UDP_ACK)).tcp_congestion is None


@pytest.mark.parametrize(("disturbed", "runs"), [(0, 1), (2, 3), (9, 3)])
def test_a_disturbed_run_is_made_again_and_not_for_ever(monkeypatch: pytest.MonkeyPatch, disturbed: int, runs: int) -> None:
    made: list[int] = []

    def run(bulk: Bulk, workload: Workload, link: Link, seed: int) -> Measured:
        made.append(seed)
        return measured(1, router="it was late" if len(made) <= disturbed else None)

    monkeypatch.setattr(flows, "bulk_beside_messages", run)
    found = flows.undisturbed(Bulk(Mode.UDP_ACK), Workload(), Link(), 7)
    assert made == [7] * runs
    assert (found.router is None) == (disturbed < 3)


@pytest.mark.parametrize(("mode", "loss"), [(Mode.UDP_ACK, 0.0), (Mode.UDP_ACK, 1.0), (Mode.TCP, 0.0)])
def test_a_small_bulk_comes_out_whole_with_messages_beside_it(
    lab: None, monkeypatch: pytest.MonkeyPatch, mode: Mode, loss: float
) -> None:
    """Over a link that loses everything nothing comes, and the bulk ends all the same."""
    monkeypatch.setattr(flows, "LONGEST", 1)
    path = Faults(delay=20 * MS, loss=loss)
    found = flows.bulk_beside_messages(Bulk(mode), Workload(20, 0, 2_000), Link(path, Faults(delay=20 * MS)), 1)
    assert found.delivered == (0 if loss else 20)
    assert (found.goodput_bps == 0) == bool(loss)
    assert all(delay >= 0.02 for delay in found.beside_s)
    assert found.beside_lost == 0
    assert loss or found.beside_s


def test_two_small_bulks_share_a_link(lab: None) -> None:
    path = Faults(delay=5 * MS, rate=4_000_000, queue=20)
    found = flows.two_bulks((Bulk(Mode.UDP_ACK), Bulk(Mode.TCP)), Workload(400, 0, 1_000), Link(path, path), 1, 2)
    assert [len(each) for each in found.bytes_per_s] == [2, 2]
    assert all(0 < sum(each) <= 400_000 for each in found.bytes_per_s)
