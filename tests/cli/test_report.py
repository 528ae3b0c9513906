"""`udpmsg report`: a saved comparison in every form, and a sentence for a file that is none."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.conftest import COMMAND
from tests.compare.samples import sample
from tests.compare.test_saved import nothing, places
from udpmsg.base.errors import UsageError
from udpmsg.cli import app, showing
from udpmsg.cli.outputs import Writable
from udpmsg.compare.choices import Choices
from udpmsg.compare.reading import Reading
from udpmsg.compare.saved import dump, load
from udpmsg.link.faults import Link
from udpmsg.link.faults import Path as Way
from udpmsg.link.script import parse_fault
from udpmsg.show.stream import Data, Words

WAY = Way(delay=20_000_000)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    file = tmp_path / "run.json"
    file.write_text(dump(sample(count=5, link=Link(WAY, WAY, (parse_fault("drop:data:2"),)))))
    return file


def test_the_table_and_a_sentence_a_mode_by_default(run, saved: Path) -> None:
    code, output, words = run("report", str(saved))
    assert (code, words) == (0, "")
    assert "messages  delivered                        4 of 5                5 of 5                5 of 5" in output
    assert "tcp      The handshake took 40 ms, so the first message came after 60 ms; one lost segment (message\n" in output
    assert "├" not in output


def test_the_ladder_comes_before_the_table(run, saved: Path) -> None:
    code, output, _ = run("report", str(saved), "--ladder")
    assert code == 0
    assert output.index("├─ SYN ─") < output.index("start     handshake")
    assert output.count("✗ drop:data:2") == 3


def test_the_ledger(run, saved: Path) -> None:
    code, output, _ = run("report", str(saved), "--ledger")
    assert code == 0
    assert "lost        dropped on the link (drop:data:2)" in output
    assert output.count(" ms  delivered") == 14


def test_json_lines_and_with_the_ledger_a_line_a_message(run, saved: Path) -> None:
    code, output, words = run("report", str(saved), "--json", "--ledger")
    events = [json.loads(line)["event"] for line in output.splitlines()]
    assert (code, words) == (0, "")
    assert events == (["message"] * 5 + ["mode"]) * 3 + ["comparison"]


def test_the_page_is_written_whole_and_its_size_said(run, saved: Path, tmp_path: Path) -> None:
    target = tmp_path / "run.html"
    target.write_text("what was there before")
    code, output, words = run("report", str(saved), "--html", str(target))
    assert code == 0
    assert target.read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html")
    assert f"{target}: " in words
    assert "handshake" in output
    assert sorted(os.listdir(tmp_path)) == ["run.html", "run.json"]


def test_several_repetitions_say_which_one_the_sentences_are_of(run, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text(dump(sample(count=20, repeat=3)))
    code, output, _ = run("report", str(file))
    assert code == 0
    assert "Medians of 3 repetitions" in output
    assert "Repetition 1:\nudp      No handshake" in output


def test_logs_that_disagree_are_said_to_below_the_sentences(run, tmp_path: Path) -> None:
    whole = sample(count=5, loss=0)
    del whole.runs[0].received[2]
    file = tmp_path / "run.json"
    file.write_text(dump(whole))
    code, output, _ = run("report", str(file))
    assert code == 0
    assert "udp      The logs disagree, so these figures are in doubt" in output


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no saved comparison: it is not JSON"),
        (b"{}", "this is JSON, but no saved comparison"),
        (b"\x89PNG\r\n\x1a\n\xff", "this is no text"),
        (b'{"format": "udpmsg comparison", "version": 1}', "this saved comparison is broken"),
        (b'{"format": "udpmsg comparison", "version": 7}', "saved by a newer udpmsg"),
    ],
    ids=["empty", "foreign", "binary", "broken", "newer"],
)
def test_a_file_that_is_none_of_ours_gets_one_sentence(run, tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    code, output, words = run("report", str(file))
    assert (code, output) == (2, "")
    assert words.startswith(f"udpmsg: {file}: ")
    assert said in words
    assert len(words.splitlines()) == 2


def test_a_file_that_cannot_be_read(run, tmp_path: Path) -> None:
    assert "No such file or directory" in run("report", str(tmp_path / "absent"))[2]
    code, _, words = run("report", str(tmp_path))
    assert code == 2
    assert "cannot read it: Is a directory" in words


def test_a_page_that_cannot_be_written_is_found_before_anything_is_read(run, tmp_path: Path) -> None:
    code, output, words = run("report", str(tmp_path / "absent"), "--html", str(tmp_path / "nowhere" / "run.html"))
    assert (code, output) == (2, "")
    assert "nowhere/run.html: cannot be written: No such file or directory" in words


def test_json_has_no_ladder(run, saved: Path) -> None:
    code, _, words = run("report", str(saved), "--json", "--ladder")
    assert code == 2
    assert "--json and --ladder mean nothing together: a ladder is drawn for people" in words


def test_help_shows_examples_first(run) -> None:
    code, output, _ = run("report", "--help")
    assert code == 0
    assert output.index("Examples") < output.index("--ladder")
    assert "report" in app.COMMANDS


def test_signs_that_an_output_cannot_show_are_spelled(commands, saved: Path) -> None:
    running = commands.start("report", str(saved), "--ladder", "--ledger", env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    output = running.out.finish()
    assert "|- message 2 -------------------x drop:data:2" in output
    assert "|<------" in output
    assert "> 2-5" in output
    assert output.isascii()
    assert "\\u" not in output


def test_letters_that_an_output_cannot_show_lose_their_accents(commands, saved: Path) -> None:
    ascii_alone = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    running = commands.start("report", str(saved), "--ladder", "--lang", "pt", env=ascii_alone)
    output = running.out.finish()
    assert "APLICACAO" in output
    assert "retransmissoes" in output
    assert output.isascii()
    assert "\\x" not in output


def test_a_lost_reader_ends_the_output() -> None:
    class Gone:
        encoding = "utf-8"

        def isatty(self) -> bool:
            return False

        def write(self, text: str) -> None:
            raise BrokenPipeError

    words = Words(None)
    data = Data(Gone(), words)  # type: ignore[arg-type]
    showing.show(Reading(sample(count=3)), ledger=False, ladder=False, json=False, data=data, words=words)
    assert data.broken == "the reader of standard output went away"


# Numbers that no run has.

VALUES = (
    0,
    1,
    -1,
    3,
    255,
    2**32 - 1,
    2**62,
    -(2**62),
    2**63,
    2**64 - 1,
    2**64,
    10**12,
    -(10**12),
    10**30,
    10**300,
    0.5,
    -0.5,
    1e308,
)
DAMAGED = tuple(
    dump(sample(count=6, choices=choices, link=Link(WAY, WAY, (parse_fault("drop:data:2"),))))
    for choices in (Choices(), Choices(tcp_ack=True, ordered=True))
)


class Nowhere:
    """Where output goes that nobody looks at."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return False

    def write(self, text: str) -> None:
        pass

    def flush(self) -> None:
        pass


@given(st.sampled_from(DAMAGED), st.data())
@settings(max_examples=100, deadline=None)
def test_whatever_number_a_file_has_it_is_refused_or_shown(text: str, data: st.DataObject) -> None:
    document = json.loads(text)
    numbers = [way for way in places(document) if type(found(document, way)) in (int, float)]
    for *way, last in data.draw(st.lists(st.sampled_from(numbers), min_size=1, max_size=3)):
        found(document, tuple(way))[last] = data.draw(st.sampled_from(VALUES))
    try:
        comparison = load(json.dumps(document))
    except UsageError:
        return
    reading = Reading(comparison)
    words = Words(None)
    nowhere = Data(Nowhere(), words)  # type: ignore[arg-type]
    for json_lines in (True, False):
        showing.show(reading, ledger=True, ladder=not json_lines, json=json_lines, data=nowhere, words=words)
    showing.write(reading, {"html": Writable(Path("/dev/null"))}, words)
    assert nowhere.broken is None


def found(document: Any, way: tuple[Any, ...]) -> Any:
    """What is at this place."""
    for key in way:
        document = document[key]
    return document


BLANK = " " * 30_000_000


def absurd(name: str) -> str:
    """A file that has, or claims, more than there can be."""
    document = json.loads(dump(sample(count=3)))
    run = document["comparison"]["runs"][0]
    if name == "blank":
        return BLANK
    if name == "rows for blanks":
        run["sent"] = nothing(20_000_000)
        document["comparison"]["workload"]["count"] = 20_000_000
        return json.dumps(document)[:-1] + BLANK + "}"
    if name == "messages before the first":
        run["frames"]["columns"]["first_sequence"] = {"all": -(10**12)}
    if name == "messages without end":
        run["frames"]["columns"]["last_sequence"] = {"all": 10**12}
    if name == "a time longer than any":
        document["comparison"]["workload"]["interval_ns"] = 10**30
    if name == "a number of 4,000 digits":
        document["comparison"]["workload"]["count"] = 10**3999
    if name == "a number of 30,000,000 digits":
        return json.dumps(document)[:-1] + ', "more": ' + "9" * 30_000_000 + "}"
    return "[" * 10_000_000 if name == "nested" else json.dumps(document)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("blank", "this is no saved comparison"),
        ("nested", "this is no saved comparison"),
        ("a number of 30,000,000 digits", "this is no saved comparison"),
        ("rows for blanks", "this saved comparison is broken (it says that there are more values than it has)"),
        ("messages before the first", "this saved comparison is broken (-1000000000000 is out of range)"),
        ("messages without end", "this saved comparison is broken (its frames carry more messages than were sent)"),
        ("a time longer than any", "this saved comparison is broken (1000000000000000000000000000000 is out of range)"),
        (
            "a number of 4,000 digits",
            "this saved comparison is broken (1000000000000000000000000000000000000000… is out of range)",
        ),
    ],
)
def test_an_absurd_file_costs_little_to_refuse(tmp_path: Path, name: str, said: str) -> None:
    file = tmp_path / "run.json"
    file.write_text(absurd(name))
    code, words, memory, cpu = measured("report", str(file))
    assert (code, words.splitlines()[0].startswith(f"udpmsg: {file}: {said}")) == (2, True), words
    assert memory < 200 << 10
    assert cpu < 5


@pytest.mark.parametrize("arguments", [["report"], ["compare", "--scenario"]], ids=lambda arguments: arguments[0])
def test_a_device_without_end_is_not_read_to_it(arguments: list[str]) -> None:
    code, words, memory, _ = measured(*arguments, "/dev/zero")
    assert (code, "/dev/zero: " in words) == (2, True), words
    assert memory < 200 << 10


def test_a_scenario_of_one_endless_key_costs_little_to_refuse(tmp_path: Path) -> None:
    file = tmp_path / "scenario.toml"
    file.write_text("a." * 100_000 + "a = 1")
    code, words, _, cpu = measured("compare", "--scenario", str(file))
    assert (code, "something is nested too deeply" in words) == (2, True), words
    assert cpu < 5


MEASURE = """
import json, os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
print(json.dumps([os.waitstatus_to_exitcode(status), used.ru_maxrss, used.ru_utime + used.ru_stime]))
"""


def measured(*arguments: str) -> tuple[int, str, int, float]:
    """A command's exit code, its words, and what it took: memory in KiB, CPU in seconds.

    A small process starts it: Linux counts what the starting process takes as the command's, and these tests may take much."""
    ended = subprocess.run([sys.executable, "-c", MEASURE, *COMMAND, *arguments], capture_output=True, text=True, check=True)
    code, memory, cpu = json.loads(ended.stdout)
    return code, ended.stderr, memory, cpu
