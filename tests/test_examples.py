"""The programs in examples/ do what their docstrings say, over loopback: each side is a process of its own and ends by itself."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.test_readme import free_port
from udpmsg import Sender

EXAMPLES = Path(__file__).parent.parent / "examples"
LIBRARIES = {"waves.py": ("numpy", "matplotlib.pyplot")}
"""What an example shows a library with."""
PATIENCE = 60.0
UTF_8 = {**os.environ, "PYTHONUTF8": "1", "MPLBACKEND": "Agg"}


def command(name: str, *arguments: object) -> list[str]:
    return [sys.executable, "-W", "error", str(EXAMPLES / name), *map(str, arguments)]


def run(name: str, *arguments: object) -> str:
    """One side, from its start to its end: what it printed."""
    process = subprocess.run(command(name, *arguments), capture_output=True, encoding="utf-8", env=UTF_8, timeout=PATIENCE)
    assert (process.returncode, process.stderr) == (0, "")
    return process.stdout


@contextmanager
def listening(name: str, *arguments: object) -> Iterator[list[str]]:
    """The side that waits, ready; the lines that it had printed when it ended, which is after the block."""
    printed: list[str] = []
    process = subprocess.Popen(
        command(name, *arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", env=UTF_8
    )
    try:
        assert process.stdout is not None
        printed.append(process.stdout.readline().strip())
        yield printed
        rest, _ = process.communicate(timeout=PATIENCE)
        printed += rest.splitlines()
        assert process.returncode == 0, printed
    finally:
        process.kill()
        process.communicate()


@contextmanager
def typing(name: str, *arguments: object) -> Iterator[tuple[Callable[[str], None], Callable[[], str]]]:
    """Somebody at a keyboard: what types a line, and what reads one. The block's end is that of the keyboard."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command(name, *arguments), encoding="utf-8", env=UTF_8, **pipes) as process:  # type: ignore[call-overload]
        try:
            yield lambda line: print(line, file=process.stdin, flush=True), lambda: process.stdout.readline().strip()
            process.stdin.close()
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()


def test_in_a_chat_everybody_reads_what_the_others_write() -> None:
    port = free_port()
    with listening("chat.py", "room", port) as room, Sender("127.0.0.1", port, acknowledged=True) as here:
        here.send("the test is here")
        with typing("chat.py", "join", "127.0.0.1", port, "Ana") as (ana, ana_reads):
            assert next(here.replies(PATIENCE)).payload == b"Ana is here"
            with typing("chat.py", "join", "127.0.0.1", port, "Ben") as (ben, ben_reads):
                assert ana_reads() == "Ben is here"
                ana("hello")
                assert ben_reads() == "Ana: hello"
                ben("bye")
                assert ana_reads() == "Ben: bye"
    assert room == ["The room is open"]


def test_readings_of_a_sensor_are_drawn() -> None:
    port = free_port()
    with listening("sensor.py", "plot", port) as plot:
        run("sensor.py", "measure", "127.0.0.1", port)
    assert plot[0] == "Waiting for readings"
    assert {"▁", "█"} <= set(plot[-2])
    assert plot[-1] == "80 readings came, 0 were lost"


@pytest.mark.parametrize("how", ["plot", "window"])
def test_waves_are_drawn(how: str) -> None:
    pytest.importorskip("numpy")
    if how == "window":
        pytest.importorskip("matplotlib")
    port = free_port()
    with listening("waves.py", how, port) as waves:
        run("waves.py", "play", "127.0.0.1", port)
    assert waves[0] == "Waiting for samples"
    assert {"▁", "█"} <= set("".join(waves[1:-1]))
    assert re.fullmatch(r"600 messages came in \d+ s, 0 were lost", waves[-1])


def test_the_readings_of_many_sensors_are_counted() -> None:
    port = free_port()
    with listening("sensors.py", "collect", port) as collected:
        run("sensors.py", "measure", "127.0.0.1", port, 5)
    assert collected[0] == "Waiting for readings"
    assert collected[-1] == "5 sensors, 100 readings"


def test_log_lines_are_shipped() -> None:
    port = free_port()
    with listening("logs.py", "collect", port) as collected:
        run("logs.py", "work", "127.0.0.1", port)
    assert [line.split(" ", 1)[1] for line in collected[1:]] == [f"INFO step {number} is done" for number in range(1, 6)]


def test_files_lie_in_the_folder_and_nowhere_else(tmp_path: Path) -> None:
    port = free_port()
    text, large, missing = tmp_path / "a text.txt", tmp_path / "large", tmp_path / "inbox"
    text.write_text("hello")
    large.write_bytes(os.urandom(3 << 20))
    with listening("files.py", "take", missing, port):
        assert run("files.py", "give", "127.0.0.1", port, text, large) == "a text.txt: is there\nlarge: is there\n"
    assert {path.name: path.read_bytes() for path in missing.iterdir()} == {
        "a text.txt": b"hello",
        "large": large.read_bytes(),
    }


def test_a_game_is_shown() -> None:
    port = free_port()
    with listening("game.py", "watch", port) as watched:
        run("game.py", "play", "127.0.0.1", port)
    assert {f"|{' ' * 40}●|", f"|●{' ' * 40}|"} <= set(watched)
    assert watched[-1] == "180 of 180 states were shown"


def test_round_trips_are_a_histogram() -> None:
    port = str(free_port())
    listener = subprocess.Popen(
        [sys.executable, "-m", "udpmsg", "listen", "--once", "--json", "--port", port], stdout=subprocess.PIPE, text=True
    )
    assert listener.stdout is not None
    assert "listening" in listener.stdout.readline()
    lines = run("round_trips.py", "127.0.0.1", port).splitlines()
    assert lines[0] == "100 of 100 delivered"
    assert sum(int(line.split()[-1]) for line in lines[1:]) <= 100
    assert all(line.startswith("up to ") for line in lines[1:])
    assert lines[1:]
    listener.communicate(timeout=PATIENCE)
    assert listener.returncode == 0


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_is_short_says_how_to_run_it_and_uses_the_public_library_alone(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 50
    tree = ast.parse(text)
    assert f"python examples/{path.name} " in (ast.get_docstring(tree) or "")
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    allowed = {"udpmsg", "collections.abc", *LIBRARIES.get(path.name, ())} | sys.stdlib_module_names
    assert names <= allowed
    usage = subprocess.run(command(path.name), capture_output=True, encoding="utf-8", env=UTF_8)
    assert usage.returncode == 1
    assert f"python examples/{path.name} " in usage.stderr
