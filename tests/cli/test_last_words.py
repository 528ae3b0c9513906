"""No command ever ends with a traceback: what no command catches is one sentence, and exit code 1."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Commands
from tests.compare.samples import sample
from udpmsg.cli import app
from udpmsg.cli.output import unexpected
from udpmsg.compare.saved import dump

SCRIPTS = Path(__file__).parents[2] / "scripts"
PRINTS = (["--help"], ["--version"], ["send", "--help"], ["demo"], ["capture", "dissector"])
"""Commands that only print what is there already."""

buffered = pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])


@buffered
@pytest.mark.parametrize("arguments", PRINTS, ids=" ".join)
def test_a_full_disk_behind_what_is_printed_is_said(commands: Commands, arguments: list[str], unbuffered: str) -> None:
    with open("/dev/full", "wb") as full:
        running = commands.start(*arguments, stdout=full, env={"PYTHONUNBUFFERED": unbuffered})
    assert running.wait() == 1
    (said,) = running.err.lines
    assert "No space left on device" in said


@buffered
@pytest.mark.parametrize("arguments", [*PRINTS, ["report"]], ids=" ".join)
def test_a_reader_that_has_seen_enough_needs_no_words(
    commands: Commands, tmp_path: Path, arguments: list[str], unbuffered: str
) -> None:
    if arguments == ["report"]:
        saved = tmp_path / "run.json"
        saved.write_text(dump(sample(count=5)))
        arguments = ["report", str(saved), "--ledger"]
    reading, writing = os.pipe()
    os.close(reading)
    running = commands.start(*arguments, stdout=writing, env={"PYTHONUNBUFFERED": unbuffered})
    os.close(writing)
    assert running.wait() == 1
    assert running.err.lines == []


def limited(descriptors: int) -> Callable[[], None]:
    """What a child does before it becomes a command that may open so many files."""
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))


@pytest.mark.parametrize(
    "arguments",
    [
        ["send", "127.0.0.1", "hello"],
        ["listen", "--for", "1ms"],
        ["relay", "0", "127.0.0.1:9", "--for", "1ms"],
        ["compare", "--count", "1", "--modes", "udp"],
        ["compare", "--count", "1", "--modes", "udp", "--via", "relay"],
        ["bench", "--mode", "udp", "--size", "64", "--for", "10ms"],
    ],
    ids=lambda arguments: arguments[0],
)
@pytest.mark.parametrize("descriptors", [5, 6, 7, 8])
def test_too_few_descriptors_are_a_sentence(commands: Commands, arguments: list[str], descriptors: int) -> None:
    running = commands.start(*arguments, preexec_fn=limited(descriptors))
    code = running.wait()  # which looks for a traceback
    if descriptors == 5 or code != 0:
        assert code == 1
        assert "Too many open files" in running.err.finish()


def test_what_no_command_catches_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    for error, said in (
        (OSError(22, "Invalid argument"), "udpmsg: [Errno 22] Invalid argument\n"),
        (MemoryError(), "udpmsg: this machine has not enough memory for it\n"),
        (ZeroDivisionError("division by zero"), "udpmsg: a fault of udpmsg itself (ZeroDivisionError: division by zero; "),
    ):

        def fail(_arguments: list[str], error: Exception = error) -> int:
            raise error

        monkeypatch.setattr(app, "run", fail)
        app.main()
        assert capsys.readouterr().err.startswith(said)
    assert ended == [1, 1, 1]


def test_a_fault_of_ours_is_named_with_its_place() -> None:
    try:
        raise KeyError("nothing")
    except KeyError as error:
        said = unexpected(error)
    assert f"KeyError: 'nothing'; {__file__}, line " in said
    assert said.endswith("please report it, with what you typed")


def test_where_not_even_the_words_can_be_loaded_the_error_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "udpmsg.cli.output", None)
    assert app._fail(OSError(24, "Too many open files")) == 1
    assert capsys.readouterr().err == "udpmsg: [Errno 24] Too many open files\n"


def test_a_script_of_ours_ends_as_quietly() -> None:
    script = [sys.executable, str(SCRIPTS / "demo.py")]
    reading, writing = os.pipe()
    os.close(reading)
    gone = subprocess.run(script, stdout=writing, stderr=subprocess.PIPE, timeout=60)
    os.close(writing)
    assert (gone.returncode, gone.stderr) == (1, b"")
    with open("/dev/full", "wb") as disk:
        full = subprocess.run(script, stdout=disk, stderr=subprocess.PIPE, timeout=60)
    assert (full.returncode, full.stderr) == (1, b"demo: [Errno 28] No space left on device\n")
