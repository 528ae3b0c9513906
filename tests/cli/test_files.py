"""Files of every command: written whole or not at all, and `-` is standard input or output."""

import fcntl
import json
import os
import resource
import shutil
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, Commands
from tests.cli.terminal import Terminal
from tests.compare.samples import sample
from tests.conftest import needed
from udpmsg.base.errors import UsageError
from udpmsg.cli import outputs
from udpmsg.compare.saved import dump, load
from udpmsg.compare.scenario import load as load_scenario
from udpmsg.lab.lab import Lab
from udpmsg.lab.namespaces import LabUnavailable
from udpmsg.link.faults import Link

RELAYED = ["compare", "--count", "3", "--interval", "1ms", "--link", "none", "--modes", "udp", "--via", "relay"]
BENCH = ["bench", "--mode", "tcp", "--size", "64", "--for", "10ms"]
FULL = 100
"""Bytes that a process may write to a file: less than anything that is written."""


@pytest.fixture(scope="module")
def lab() -> None:
    """There can be a lab here."""
    try:
        Lab(Link(), seed=1).close()
    except LabUnavailable as error:
        needed("namespaces", str(error))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A comparison in a file."""
    file = tmp_path / "run.json"
    file.write_text(dump(sample(count=5)))
    return file


def writers(saved: Path) -> dict[str, list[str]]:
    """Every command and option that writes a file; its name is to follow."""
    return {
        "report --html": ["report", str(saved), "--html"],
        "demo --html": ["demo", "boundaries", "--html"],
        "bench --html": [*BENCH, "--html"],
        **{f"compare --{name}": [*RELAYED, f"--{name}"] for name in ("html", "keep", "save")},
    }


WRITERS = tuple(writers(Path()))
every_writer = pytest.mark.parametrize("writer", WRITERS)


def full_disk() -> None:
    """What a child does before it becomes a command: the system takes no more than a few bytes of it in a file."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (FULL, FULL))


@every_writer
def test_a_full_disk_leaves_the_old_file_and_is_named(commands: Commands, saved: Path, writer: str) -> None:
    target = saved.parent / "folder" / "target"
    target.parent.mkdir()
    target.write_bytes(b"what was there before")
    running = commands.start(*writers(saved)[writer], str(target), preexec_fn=full_disk)
    assert running.wait() == 1
    running.err.wait_for(f"udpmsg: {target}: cannot be written: File too large")
    assert target.read_bytes() == b"what was there before"
    assert os.listdir(target.parent) == ["target"]


def test_a_dissector_that_does_not_fit_is_not_installed_in_part(commands: Commands, tmp_path: Path) -> None:
    arguments = ["capture", "dissector", "--install"]
    running = commands.start(*arguments, env={"HOME": str(tmp_path)}, preexec_fn=full_disk)
    assert running.wait() == 1
    running.err.wait_for("udpmsg.lua: cannot be written: File too large; write udpmsg capture dissector > udpmsg.lua")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert commands.start(*arguments, env={"HOME": str(tmp_path)}).wait() == 0


def test_a_file_that_fails_does_not_take_the_others_with_it(commands: Commands, tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    running = commands.start(*RELAYED, "--html", "/dev/full", "--keep", str(kept))
    assert running.wait() == 1
    running.err.wait_for("udpmsg: /dev/full: cannot be written: No space left on device")
    assert len(load(kept.read_text()).runs) == 1


def test_on_a_disk_that_is_really_full_nothing_is_lost(saved: Path) -> None:
    folder = saved.parent / "disk"
    folder.mkdir()
    script = (
        'mount -t tmpfs -o size=64k none "$1" && echo before > "$1/page" && shift && '
        '{ "$@"; echo "ended with $?"; cat "${0}/page"; ls -A "${0}"; }'
    )
    page = str(folder / "page")
    report = [*COMMAND, "report", str(saved), "--html", page]
    inside = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, str(folder), str(folder), *report]
    if shutil.which("unshare") is None or subprocess.run([*inside[:4], "true"], capture_output=True).returncode:
        needed("namespaces", "no mounts of our own")
    ended = subprocess.run(inside, capture_output=True, text=True, timeout=60)
    assert f"udpmsg: {page}: cannot be written: No space left on device" in ended.stderr
    assert ended.stdout.endswith("ended with 1\nbefore\npage\n")


# "-"


def is_what_it_should_be(writer: str, content: bytes) -> bool:
    """Whether the bytes are what an option writes, and nothing else."""
    if writer.endswith("--html"):
        return content.lstrip().lower().startswith(b"<!doctype html") and content.rstrip().endswith(b"</html>")
    if writer.endswith("--save"):
        return load_scenario(content.decode()).workload.count == 3
    return load(content.decode()).workload.count == 3


@every_writer
def test_standard_output_is_the_file_and_nothing_else(commands: Commands, saved: Path, writer: str) -> None:
    running = commands.start(*writers(saved)[writer], "-")
    assert running.wait() == 0
    assert is_what_it_should_be(writer, running.out.finish().encode())
    words = running.err.finish()
    assert writer.endswith("--save") or "standard output: " in words
    assert any(word in words for word in ("delivered", "Why", "throughput"))


@pytest.mark.usefixtures("lab")
def test_a_capture_goes_through_a_pipe_into_tshark(commands: Commands) -> None:
    if shutil.which("tshark") is None:
        needed("tshark", "it is not installed (Debian, Ubuntu: apt install tshark)")
    compare = [*COMMAND, "compare", "--count", "3", "--interval", "1ms", "--modes", "udp", "--pcap", "-"]
    pipe = ["sh", "-c", '"$@" | tshark -r - -Y udp', "sh", *compare]
    read = subprocess.run(pipe, capture_output=True, text=True, timeout=60)
    assert read.returncode == 0, read.stderr
    assert read.stdout.count(" UDP ") >= 6
    assert "delivered" in read.stderr


def test_a_capture_is_no_text_for_a_terminal(terminal: type[Terminal]) -> None:
    shown = terminal("compare", "--pcap", "-")
    assert shown.wait() == 2
    assert "a capture is no text for a terminal; write udpmsg compare --pcap - | wireshark -k -i -" in shown.screen


def test_two_files_of_one_run_are_not_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("page")
    for files, json_lines, said in (
        ({"html": "-", "keep": "-"}, False, "--html and --keep would both be written to standard output"),
        ({"html": "-"}, True, "--json and --html would both be written to standard output"),
        ({"html": tmp_path / "page", "keep": tmp_path / "link"}, False, "--html and --keep would both be written to "),
    ):
        with pytest.raises(UsageError, match=said):
            outputs.open_outputs({option: Path(path) for option, path in files.items()}, json=json_lines)
    assert set(outputs.open_outputs({"html": Path("-"), "keep": None}, json=False)) == {"html"}
    nowhere = dict.fromkeys(("html", "keep"), Path("/dev/null"))
    assert set(outputs.open_outputs(nowhere, json=True)) == {"html", "keep"}


@pytest.mark.parametrize("option", ["--html", "--keep", "--save", "--pcap"])
def test_json_lines_and_a_file_do_not_share_standard_output(run, option: str) -> None:
    code, output, words = run("compare", option, "-", "--json")
    assert (code, output) == (2, "")
    assert "would both be written to standard output; name another file" in words


def test_a_closed_standard_output_is_no_file(commands: Commands, saved: Path) -> None:
    shell = ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND]
    running = commands.start("report", str(saved), "--html", "-", program=shell)
    assert running.wait() == 2
    running.err.wait_for("standard output is closed; name a file")


def test_a_reader_of_the_file_that_goes_away_is_an_error(commands: Commands, saved: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    running = commands.start("report", str(saved), "--html", "-", stdout=writing)
    os.close(writing)
    assert running.wait() == 1
    running.err.wait_for("udpmsg: standard output: cannot be written: Broken pipe")


def test_a_comparison_is_read_from_standard_input(commands: Commands, saved: Path) -> None:
    with saved.open("rb") as content:
        running = commands.start("report", "-", "--json", stdin=content)
    assert running.wait() == 0
    assert json.loads(running.out.lines[-1])["event"] == "comparison"


def test_a_scenario_is_read_from_standard_input(commands: Commands) -> None:
    running = commands.start(*RELAYED[:1], *RELAYED[5:], "--scenario", "-", "--json", stdin=subprocess.PIPE)
    running.type("seed = 7\n[workload]\ncount = 2\ninterval = '1ms'\n")
    running.end_input()
    assert running.wait() == 0
    assert json.loads(running.out.lines[0])["messages_sent"] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["report", "-"], "standard input: this is no saved comparison: it is not JSON"),
        ([*RELAYED, "--scenario", "-"], "standard input: line 1, column 6: invalid value"),
    ],
    ids=["report", "scenario"],
)
def test_what_comes_from_standard_input_is_named_so(commands: Commands, arguments: list[str], said: str) -> None:
    running = commands.start(*arguments, stdin=subprocess.PIPE)
    running.type("no = = such\n")
    running.end_input()
    assert running.wait() == 2
    running.err.wait_for(said)


def test_ctrl_c_ends_who_waits_for_a_scenario(commands: Commands) -> None:
    running = commands.start(*RELAYED, "--scenario", "-", stdin=subprocess.PIPE)
    running.type("count")  # no end: it waits for more
    assert running.process.stdin is not None
    while int.from_bytes(fcntl.ioctl(running.process.stdin, termios.FIONREAD, bytes(4)), sys.byteorder):
        os.sched_yield()  # until it has read that
    running.signal()
    assert running.wait() == 130
    assert running.err.lines == ["udpmsg: Interrupted"]


# What a relay can't see.


def test_a_capture_of_a_relay_is_refused(run, tmp_path: Path) -> None:
    code, _, words = run("compare", "--via", "relay", "--pcap", str(tmp_path / "y.pcapng"))
    assert code == 2
    assert "--pcap and --via relay mean nothing together: a relay has datagrams and streams, and sees no frames" in words
    assert os.listdir(tmp_path) == []
