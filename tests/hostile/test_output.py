"""Where a listener's lines go may be full, or nobody may read them. What was not written was not acknowledged, and that is said.

An acknowledgment means that the line is written; so what the sender holds for delivered is counted against what can be read.
"""

import fcntl
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, Commands, Running, free_port
from udpmsg import Outcome, Sender, State, UdpmsgError

COUNT = 400
ROOM = 16
"""Blocks of 1,024 bytes that a file may have: fewer than the lines need."""
NARROW = 4096
"""Bytes that a pipe holds: fewer still."""
UNWRITTEN = re.compile(r"\d[\d,]* messages? .*\b(?:not|never) written")
"""What the last words of a listener that could not write say."""
SOON = 1.0
"""Seconds in which a signal ends a listener, whatever its output does."""


def send(port: int, transport: str, count: int = COUNT) -> tuple[set[str], int]:
    """Send so many different texts; those that were acknowledged, and how many were not."""
    acknowledged: set[str] = set()
    try:
        with Sender("127.0.0.1", port, transport=transport, acknowledged=True, deadline=2.0) as sender:
            for number in range(1, count + 1):
                sender.send(text(number))
            for outcome in sender.outcomes():
                if outcome.state is State.DELIVERED:
                    acknowledged.add(text(outcome.sequence))
            sender.close(wait=False)
    except UdpmsgError:  # it went away; what had been acknowledged before still counts
        acknowledged |= {
            text(event.sequence) for event in sender.poll(0) if isinstance(event, Outcome) and event.state is State.DELIVERED
        }
    return acknowledged, count - len(acknowledged)


def text(number: int) -> str:
    return f"message {number:06} " + "x" * 60


def pipe() -> tuple[int, int]:
    """The two ends of a pipe that is soon full."""
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, NARROW)
    return read, write


def written(lines: str) -> set[str]:
    """The texts of those lines of a listener that are whole, for people or JSON."""
    whole = lines[: lines.rfind("\n") + 1]
    return set(re.findall(r"message \d{6} x{60}(?=\W)", whole))


def listener_to(commands: Commands, output: object, transport: str, *, blocks: int | None = None) -> Running:
    """A listener, for people, whose lines go there; with `blocks`, no file that it writes may be larger."""
    port = free_port()
    limit = [] if blocks is None else ["bash", "-c", f'ulimit -f {blocks}; exec "$@"', "bash"]
    over = [] if transport == "udp" else ["--tcp"]
    arguments = ["listen", "--port", str(port), *over]
    running = commands.start(*arguments, program=[*limit, *COMMAND], port=port, stdout=output)
    running.err.wait_for("Listening on")
    return running


def assert_ends_with_a_count(listener: Running) -> None:
    """It ends by itself with 1, and its words say how many messages were not written."""
    assert listener.wait() == 1
    assert UNWRITTEN.search(listener.err.finish()), listener.err.lines


def test_a_full_disk(commands: Commands, transport: str, tmp_path: Path) -> None:
    """The file that the lines go to may not grow any more. Acknowledged is what stands in it, whole, and no other message."""
    with (tmp_path / "lines").open("wb") as file:
        listener = listener_to(commands, file, transport, blocks=ROOM)
    acknowledged, missing = send(listener.port, transport)
    there = written((tmp_path / "lines").read_text())
    assert there
    assert not acknowledged - there, f"{len(acknowledged - there)} acknowledged, and not written"
    assert missing > 0
    assert_ends_with_a_count(listener)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device is full here")
def test_a_device_that_is_full(commands: Commands, transport: str) -> None:
    """Nothing can be written from the start, so nothing is acknowledged."""
    with open("/dev/full", "wb") as full:
        listener = listener_to(commands, full, transport)
    acknowledged, _ = send(listener.port, transport, count=20)
    assert not acknowledged
    assert_ends_with_a_count(listener)


def test_a_reader_that_stalls_and_goes(commands: Commands, transport: str) -> None:
    """Nobody reads the pipe; it fills up, and what does not fit is not acknowledged. Then the reader takes what is there, and
    goes.
    """
    read, write = pipe()
    listener = listener_to(commands, write, transport)
    os.close(write)
    acknowledged, missing = send(listener.port, transport)
    lines = os.read(read, NARROW)  # all that is there; read on, and the listener may have written the rest before the end
    os.close(read)
    there = written(lines.decode())
    assert there
    assert not acknowledged - there, f"{len(acknowledged - there)} acknowledged, and not written"
    assert missing > 0
    assert_ends_with_a_count(listener)


def test_a_signal_while_the_reader_stalls(commands: Commands, transport: str) -> None:
    """Ctrl-C ends a listener that waits for its reader, soon, and it says what it leaves behind."""
    read, write = pipe()
    try:
        listener = listener_to(commands, write, transport)
        os.close(write)
        send(listener.port, transport)
        listener.signal(signal.SIGINT)
        begun = time.monotonic()
        try:
            listener.process.wait(5 * SOON)
        except subprocess.TimeoutExpired:
            pytest.fail(f"it went on {time.monotonic() - begun:.0f} s after Ctrl-C")
        assert time.monotonic() - begun <= SOON * (2 if os.environ.get("CI") == "true" else 1)
        assert UNWRITTEN.search(listener.err.finish()), listener.err.lines
    finally:
        os.close(read)


def test_json_lines_are_acknowledged_when_they_are_written(commands: Commands, transport: str, tmp_path: Path) -> None:
    """JSON lines too: each that was acknowledged is there, and is one line of JSON."""
    port = free_port()
    over = [] if transport == "udp" else ["--tcp"]
    with (tmp_path / "lines").open("wb") as file:
        program = ["bash", "-c", f'ulimit -f {ROOM}; exec "$@"', "bash", *COMMAND]
        listener = commands.start("listen", "--json", "--port", str(port), *over, program=program, port=port, stdout=file)
    while not (tmp_path / "lines").read_bytes().count(b"\n"):
        assert listener.process.poll() is None
        time.sleep(0.01)
    acknowledged, _ = send(port, transport)
    content = (tmp_path / "lines").read_text()
    events = [json.loads(line) for line in content[: content.rfind("\n") + 1].splitlines()]
    there = {event["text"] for event in events if event["event"] == "message"}
    assert there
    assert not acknowledged - there, f"{len(acknowledged - there)} acknowledged, and not written"
    assert listener.wait() == 1
