"""`scripts/bench cost`: verdicts follow from the figures, the same figures are the same plot, small runs come out whole."""

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import needed

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))  # not a package that is installed

import bench_cost
import cost_calls
import cost_growth
import cost_stages
from bench_cost import Panel, Series
from cost_growth import Point


def a_panel(*costs: float) -> Panel:
    points = [Point(10**power, cost) for power, cost in enumerate(costs, 3)]
    return Panel("A message", "messages", "µs", 1e-6, [Series("one way", points), Series("back", points[:2])])


@pytest.mark.parametrize(
    ("costs", "ratio", "verdict"),
    [((2e-6, 2e-6, 3e-6), "1.50", "flat"), ((2e-6, 2e-6, 3.1e-6), "1.55", "grows: one way (1.55)")],
)
def test_a_verdict_follows_from_the_last_and_the_first(
    capsys: pytest.CaptureFixture[str], costs: tuple[float, ...], ratio: str, verdict: str
) -> None:
    bench_cost.table(a_panel(*costs))
    lines = capsys.readouterr().out.splitlines()
    assert f"| one way | 2.00 | 2.00 | {costs[-1] * 1e6:.2f} | {ratio} |" in lines
    assert "| back | 2.00 | 2.00 | – | 1.00 |" in lines
    assert f"**{verdict}** (up to 1.5 is flat)" in lines


def test_the_same_figures_are_the_same_plot(tmp_path: Path) -> None:
    if find_spec("matplotlib") is None:
        needed("matplotlib", "it is of the extra bench, and no other test needs it")
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    for path in (first, second):
        assert bench_cost.draw([a_panel(1e-6, 2e-6), a_panel(3e-6, 4e-6)], path)
    assert first.read_bytes() == second.read_bytes()
    assert b"<dc:date>" not in first.read_bytes()


def test_without_matplotlib_the_tables_are_all_there_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert not bench_cost.draw([a_panel(1e-6, 2e-6)], tmp_path / "plot.svg")


@pytest.mark.parametrize("lossy", [False, True])
@pytest.mark.parametrize("acknowledged", [False, True])
def test_messages_from_core_to_core_all_arrive_but_the_lost(acknowledged: bool, lossy: bool) -> None:
    pair = cost_growth.Pair(acknowledged=acknowledged, lossy=lossy)
    pair.carry(1000)
    assert pair.delivered == (1000 if acknowledged or not lossy else 990)


def test_sessions_that_come_and_go_find_a_place() -> None:
    assert cost_growth.passing_sessions(2000)[1] == 0


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_receiver_of_more_sessions_than_are_usual(transport: str) -> None:
    in_turn, alone, memory = cost_growth.listener_sessions(50, 100, transport)
    assert in_turn > 0
    assert alone > 0
    assert memory > 1 << 20


@pytest.mark.parametrize("counting_only", [False, True])
@pytest.mark.parametrize("acknowledged", [False, True])
def test_every_stage_of_a_message_takes_its_time(
    acknowledged: bool, counting_only: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost_stages, "ROUNDS", 20)
    monkeypatch.setattr(cost_stages, "WARM_UP", 0)
    took = cost_stages.stages(acknowledged=acknowledged, counting_only=counting_only)
    assert list(took) == list(cost_stages.STAGES)
    assert min(took.values()) > 0


@pytest.mark.parametrize(
    ("name", "plain_calls"), [("send", 1), ("poll", 1), ("mixed", 1), ("mixed-acknowledged", 1), ("round-trip", 4), ("echo", 4)]
)
def test_the_calls_of_one_message_are_counted_beside_those_of_plain_sockets(
    name: str, plain_calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost_calls, "SENDERS", 5)
    monkeypatch.setattr(cost_calls, "REPETITIONS", 2)
    ours, plain = cost_growth.apart(cost_calls.costs, name)
    assert (plain.python_calls, plain.c_calls) == (0, plain_calls)
    assert ours.python_calls > 0
    assert ours.c_calls > plain_calls
