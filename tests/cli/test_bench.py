"""`udpmsg bench` as its users have it: a process, its output, its page, its errors, and nothing left of it."""

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.bench.test_bench_report import KEYS
from tests.cli.conftest import Commands, Running, free_port
from tests.cli.test_compare import children

QUICK = ("--for", "100ms", "--size", "200")
MODES = ["udp", "udp+ack", "tcp"]


def bench(commands: Commands, *arguments: str, code: int = 0, **options: Any) -> Running:
    """A benchmark that has ended."""
    running = commands.start("bench", *arguments, **options)
    assert running.wait() == code, running.err.finish()
    return running


def test_a_table_a_curve_and_what_they_mean(commands: Commands) -> None:
    running = bench(commands, *QUICK)
    text = "\n".join(running.out.lines)
    for word in ("throughput", "goodput", "flood sent", "round trip", "msg/s", *MODES, "Loss against the rate offered"):
        assert word in text
    assert re.search(r"\n200 B: (up to |no rate|unstable)", text)


def test_json_has_a_line_a_mode_and_size_and_the_page_has_the_same_numbers(commands: Commands, tmp_path: Path) -> None:
    file = tmp_path / "speed.html"
    running = bench(commands, "--for", "100ms", "--size", "64", "--size", "200", "--json", "--html", str(file))
    *lines, last = running.events()
    assert [(line["mode"], line["size_bytes"]) for line in lines] == [(mode, size) for mode in MODES for size in (64, 200)]
    for line in lines:
        assert list(line) == ["event", "v", "run", *KEYS]
    assert (last["event"], last["measurements"]) == ("benchmark", 6)
    assert last["command"].startswith("udpmsg bench --size 64 --size 200 --for 100ms")
    text = file.read_text(encoding="utf-8")
    for line in lines:
        if line["throughput_msgs_per_s"] is not None:
            assert f'data-key="throughput_msgs_per_s" value="{line["throughput_msgs_per_s"]!r}"' in text
        if line["rtt_s"] is not None:
            assert f'data-key="rtt_s.p50" value="{line["rtt_s"]["p50"]!r}"' in text


def test_one_mode_and_the_environment_choose_what_is_measured(commands: Commands) -> None:
    running = bench(commands, *QUICK, "--mode", "tcp", "--json", env={"UDPMSG_FOR": "50ms", "UDPMSG_OFFLOAD": "0"})
    (line,) = running.events("bench")
    assert line["mode"] == "tcp"
    assert running.events("benchmark")[0]["offload_wanted"] is False


def test_against_a_listener(commands: Commands) -> None:
    listener = commands.listen("--both", "--quiet")
    running = bench(commands, listener.address, *QUICK, "--json")
    *lines, last = running.events()
    assert [line["mode"] for line in lines] == MODES
    assert last["target"] == listener.address
    assert all(line["receiver_cpu"] is None for line in lines)


def test_nobody_there_is_exit_code_4(commands: Commands) -> None:
    port = free_port()
    running = bench(commands, f"127.0.0.1:{port}", *QUICK, code=4)
    assert f"udpmsg listen --both --quiet --host 0.0.0.0 --port {port}" in running.err.finish()
    assert running.out.lines == []


def child_of(running: Running) -> int:
    """The receiver that a benchmark has started."""
    until = time.monotonic() + 20
    while not (found := children(running.process.pid)):
        assert time.monotonic() < until
    return found[0]


def gone(process: int) -> bool:
    """Whether it has ended, or will have in a moment."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="who is whose child is told by /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_it_ends_its_receiver_ends_with_it(commands: Commands, number: signal.Signals) -> None:
    running = commands.start("bench", "--for", "60s", "--json")
    receiver = child_of(running)
    os.kill(running.process.pid, number)
    code = running.wait()
    assert gone(receiver)
    if number is not signal.SIGKILL:
        assert code == 128 + number
        assert json.loads(running.out.lines[-1])["interrupted"] is True


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="who is whose child is told by /proc")
def test_when_its_receiver_is_killed_nobody_is_asked_to_start_one(commands: Commands) -> None:
    running = commands.start("bench", "--for", "60s", "--mode", "udp+ack", "--size", "100", "--json")
    os.kill(child_of(running), signal.SIGKILL)
    assert running.wait() == 1
    assert "the receiver ended unexpectedly" in running.err.finish()


def test_a_reader_that_went_away_ends_it(commands: Commands) -> None:
    read, write = os.pipe()
    running = commands.start("bench", "--for", "100ms", "--size", "64", "--json", stdout=write)
    os.close(write)
    os.close(read)
    assert running.wait() == 1
    assert "the reader of standard output went away" in running.err.finish()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--size", "0"], "'0' is too little"),
        (["--size", "2MiB"], "messages of 2097152 bytes cannot be measured"),
        (["--size", "64", "--size", "64"], "--size 64 is given twice"),
        (["--mode", "upd"], "did you mean udp?"),
        (["--mode", "tcp", "--mode", "tcp"], "--mode tcp is given twice"),
        (["--mode", "tcp", "--window", "5"], "a window means nothing without the mode udp+ack"),
        (["--mode", "tcp", "--datagram-size", "1200"], "a datagram size means nothing to TCP"),
        (["--mode", "tcp", "--no-offload"], "--no-offload means nothing to TCP"),
        (["--datagram-size", "70000"], "70000 bytes do not make a datagram"),
        (["--for", "0s"], "'0s' is too little"),
        (["--html", "/nonexistent/page.html"], "/nonexistent/page.html: cannot be written"),
        (["127.0.0.1", "--receive-buffer", "1MiB"], "--receive-buffer and HOST mean nothing together"),
        (["127.0.0.1:99999"], "99999"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input_gets_a_sentence_before_anything_runs(commands: Commands, arguments: list[str], said: str) -> None:
    running = bench(commands, *arguments, code=2)
    assert said in running.err.finish()
    assert running.out.lines == []


def test_an_unknown_host_is_exit_code_4(commands: Commands) -> None:
    assert "does not resolve" in bench(commands, "no.such.host.invalid", *QUICK, code=4).err.finish()


def test_quiet_says_nothing(commands: Commands) -> None:
    running = bench(commands, "--for", "300ms", "--size", "64", "--quiet")
    assert running.err.finish() == ""
    assert running.out.lines


@pytest.mark.parametrize(("mode", "end"), [("udp+ack", signal.SIGKILL), ("tcp", signal.SIGSTOP)])
def test_a_listener_that_is_gone_ends_it_soon(commands: Commands, mode: str, end: signal.Signals) -> None:
    """Killed, or silent with its socket open: either way nothing is confirmed or taken any more."""
    listener = commands.listen("--both")
    running = commands.start("bench", listener.address, "--mode", mode, "--size", "100", "--for", "20s")
    listener.out.wait_for('"message"')
    listener.signal(end)
    began = time.monotonic()
    assert running.wait() == 4
    assert time.monotonic() - began < 15
    assert f"no listener answers at 127.0.0.1 over {mode[:3].upper()} port {listener.port}" in running.err.finish()
