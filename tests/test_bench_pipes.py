"""`scripts/bench pipes`: every row has something that measures it, and small runs come out whole."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))  # not a package that is installed

import bench_pipes
from bench_pipes import SENDERS, SHOWERS


def test_every_row_has_something_that_measures_it() -> None:
    for row in bench_pipes.ROWS:
        assert row.program in {*SENDERS, *SHOWERS}
        assert row.peer is not None
        assert row.peer[1] in {*SENDERS, *SHOWERS}


def test_lines_are_the_same_in_each_run() -> None:
    assert bench_pipes.stream_of(3, text=False) == b"1\n2\n3\n"
    text = bench_pipes.stream_of(50, text=True)
    assert text == bench_pipes.stream_of(50, text=True)
    assert text.count(b"\n") == 50
    assert len({*map(len, text.splitlines())}) > 10


@pytest.mark.parametrize("program", ["plain-send", "send-text", "ack-json", "plain-receive", "listen", "listen-json"])
def test_a_small_run_tells_every_figure(program: str) -> None:
    figures = bench_pipes.measured(program, 1000)
    assert figures["rate"] > 0
    assert figures.get("shown", 1) >= 1


def test_what_fails_is_told() -> None:
    with pytest.raises(bench_pipes.Failed, match="it ended with 2"):
        bench_pipes.sent(bench_pipes.Sending((*bench_pipes.UDPMSG, "send"), bench_pipes.SINK, ("--no-such-option",)), 9, b"")
