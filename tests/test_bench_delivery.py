"""`scripts/bench delivery`: ratios are those of medians, verdicts follow, what failed is told, small runs come out whole."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))  # not a package that is installed

import bench_delivery
from bench_delivery import Aim, Row
from peers.running import Failed


@pytest.mark.parametrize(
    ("aim", "value", "ratio", "verdict"),
    [
        (Aim(0.85), 900.0, 0.85, "at least 0.85 ×: reached"),
        (Aim(0.85), 900.0, 0.84, "at least 0.85 ×: **short**"),
        (Aim(0.85), 900.0, None, "at least 0.85 ×: not known"),
        (Aim(1.1, most=True), 200.0, 1.2, "at most 1.1 ×: **short**"),
        (Aim(10_000, most=True, ratio=False), 9_999.0, 70.0, "at most 10,000: reached"),
    ],
)
def test_a_verdict_follows_from_the_ratio_or_the_value(aim: Aim, value: float, ratio: float | None, verdict: str) -> None:
    assert aim.verdict(value, ratio) == verdict


def test_a_row_has_the_medians_and_their_ratio() -> None:
    runs = {
        "stored": [{"rate": rate} for rate in (100.0, 400.0, 300.0)],
        "bare": [{"rate": rate} for rate in (500.0, 600.0, 700.0)],
    }
    row = Row("batches", "stored", "rate", "messages/s", ("bare", "bare"), Aim(0.3))
    fewest = Row("fewest", "stored", "rate", "messages/s", of_rounds=min)
    unknown = Row("unknown", "missing", "rate", "messages/s", ("bare", "bare"), Aim(0.3))
    alone = Row("alone", "stored", "rate", "messages/s", ("older", "missing"), Aim(0.3))
    assert bench_delivery.table([row, fewest, unknown, alone], runs).splitlines()[2:] == [
        "| batches | 300 messages/s | 100–400 | bare | 600 | 0.50 | at least 0.3 ×: reached |",
        "| fewest | 100 messages/s | 100–400 |  |  |  |  |",
        "| unknown | – | | | | | |",
        "| alone | 300 messages/s | 100–400 | older | – |  | at least 0.3 ×: not known |",
    ]


def test_every_row_has_something_that_measures_it() -> None:
    for row in bench_delivery.ROWS:
        assert row.program in bench_delivery.PROGRAMS
        assert row.peer is None or row.peer[1] in bench_delivery.PROGRAMS
    for row in bench_delivery.rows_against("older"):
        assert row.program in bench_delivery.PLAIN
        assert row.peer == ("older", bench_delivery.OLDER + row.program)


@pytest.mark.parametrize("program", ["batches-stored", "one-by-one-spooled", "durable", "echo", "disk"])
def test_a_small_run_tells_every_figure_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str
) -> None:
    monkeypatch.setattr(bench_delivery, "PINNED", ())  # taskset may be missing here
    figures = bench_delivery.measured(Path(sys.executable), program, 0.05, tmp_path)
    for row in bench_delivery.ROWS:
        if row.program == program:
            assert figures[row.figure] > 0
    assert list(tmp_path.iterdir()) == []


def test_what_failed_is_told_with_its_round_and_the_rest_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def measured(python: Path, program: str, seconds: float, directory: Path) -> dict[str, float]:
        if program == "echo" and python.name == "older":
            raise Failed("it ended with 1")
        return {"p50_us": 1.0}

    monkeypatch.setattr(bench_delivery, "measured", measured)
    runs, failures = bench_delivery.measure(2, 1.0, tmp_path, Path("older"))
    assert failures == ["older echo, round 1: it ended with 1", "older echo, round 2: it ended with 1"]
    assert len(runs["echo"]) == len(runs["older round-trip"]) == 2
    assert "round 2 of 2, older echo: failed" in capsys.readouterr().err


def test_a_checkout_that_is_not_set_up_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench_delivery.py", "--against", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        bench_delivery.main()
    assert ended.value.code == 2
    assert "is not set up; run scripts/setup in it" in capsys.readouterr().err
