"""`udpmsg report`: a saved comparison in every form, and a sentence for a file that is none."""

import json
import os
from pathlib import Path

import pytest

from tests.experiment.samples import sample
from udpmsg.cli import app, showing
from udpmsg.experiment.saved import dump
from udpmsg.link.faults import Link
from udpmsg.link.faults import Path as Way
from udpmsg.link.script import parse_fault
from udpmsg.report.stream import Data, Words

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
    showing.show(sample(count=3), ledger=False, ladder=False, json=False, data=data, words=words)
    assert data.broken == "the reader of standard output went away"
