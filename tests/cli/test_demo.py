"""`udpmsg demo` as a class has it: the list, a lesson, votes, keys, JSON, the handout, exit codes."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, Commands, Running
from udpmsg.lessons import boundaries, stage
from udpmsg.lessons.table import LESSONS, NAMES

Run = Callable[..., tuple[int, str, str]]
QUICK = "boundaries"
PARTS = ["Message boundaries", "Question", "The run", "What was seen", "The answer", "Why", "Try it yourself"]


def demo(commands: Commands, *arguments: str, code: int = 0, keys: str | None = None) -> Running:
    """A lesson that has ended."""
    running = commands.start("demo", *arguments, **({} if keys is None else {"stdin": subprocess.PIPE}))
    if keys is not None:
        running.type(keys)
        running.end_input()
    assert running.wait() == code, running.err.finish()
    return running


def test_without_a_name_every_lesson_is_listed(commands: Commands) -> None:
    lines = demo(commands).out.lines
    assert [line.split()[0] for line in lines] == list(NAMES)
    assert LESSONS[0].line in lines[0]


def test_a_lesson_has_its_parts_in_order_and_fits_the_width(commands: Commands) -> None:
    lines = demo(commands, QUICK).out.lines
    places = [next(place for place, line in enumerate(lines) if part in line) for part in PARTS]
    assert places == sorted(places)
    assert max(map(len, lines)) <= 100
    assert any("aaa | bbb | cccc" in line for line in lines)
    assert any(line.startswith("✓ UDP") for line in lines)


def test_portuguese_by_option_and_by_environment(commands: Commands) -> None:
    by_option = demo(commands, QUICK, "--lang", "pt-BR").out.lines
    by_environment = commands.start("demo", QUICK, env={"UDPMSG_LANG": "pt"})
    assert by_environment.wait() == 0
    for lines in (by_option, by_environment.out.lines):
        assert any("Fronteiras das mensagens" in line for line in lines)
        assert not any("Question" in line or "What was seen" in line for line in lines)


def test_json_is_one_line_and_the_same_in_every_language(commands: Commands) -> None:
    lines = []
    for language in ("en", "pt-BR"):
        (text,) = demo(commands, QUICK, "--json", "--lang", language).out.lines
        lines.append(json.loads(text))
    for line in lines:
        assert (line.pop("run"), line.pop("duration_s")) != (None, None)
    assert lines[0] == lines[1]
    line = lines[0]
    assert (line["event"], line["v"], line["name"], line["ok"], line["error"]) == ("lesson", 1, QUICK, True, None)
    assert line["observations"]["tcp_reads"] == ["aaabbbcccc"]
    assert {one["name"]: one["seen"] for one in line["expectations"]} == {"udp-keeps-boundaries": True, "tcp-is-a-stream": True}


def test_votes_are_counted_and_compared_with_the_answer(commands: Commands) -> None:
    lines = demo(commands, QUICK, "--ask", keys="cca x\x7fbcd\n").out.lines
    text = "\n".join(lines)
    assert "Who was right" in text
    assert "The answer is c" in text
    votes = {line.split()[0]: int(line.split()[1]) for line in lines if line.startswith("  ") and " vote" in line}
    assert votes == {"a": 0, "b": 1, "c": 3, "d": 1}


def test_nobody_votes_where_the_input_is_empty(commands: Commands) -> None:
    assert "Nobody voted." in demo(commands, QUICK, "--ask").out.lines


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        (["--ask"], 4),  # before each part but the question and the run
        (["--ask", "--step"], 2 + 4),  # and before each of the two steps
    ],
)
def test_a_class_on_a_terminal_is_waited_for(options: list[str], keys: int) -> None:
    """On a terminal of 100×30: keys need no Enter, nothing scrolls away unread, and nothing is wider than it."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update({"TERM": "xterm", "NO_COLOR": "1"})
        os.execvp(COMMAND[0], [*COMMAND, "demo", QUICK, *options])
    import fcntl
    import struct
    import termios

    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    shown = b""
    pressed, voted = 0, False
    try:
        while True:
            try:
                read = os.read(terminal, 65536)
            except OSError:
                break
            if not read:
                break
            shown += read
            if b"Enter" in shown and not voted:
                os.write(terminal, b"c\n")
                voted = True
            for _ in range(shown.count(b"any key") - pressed):
                os.write(terminal, b" ")
                pressed += 1
    finally:
        os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    text = shown.decode()
    assert pressed == keys
    assert "1 vote" in text
    lines = [line.split("\x1b[K")[-1] for line in text.replace("\r\n", "\n").split("\n")]
    assert max(map(len, lines)) <= 100


def test_slow_takes_its_time_between_steps_and_parts(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from udpmsg.cli import demo as command

    pauses: list[float] = []
    monkeypatch.setattr(command.LessonShow, "pause", lambda self, seconds: pauses.append(seconds))
    code, _output, _words = run("demo", QUICK, "--slow", "1s")
    assert code == 0
    assert pauses == [1.0] * (2 + 4)


def test_what_was_not_seen_is_named_with_what_it_may_mean(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = boundaries.over_tcp
    monkeypatch.setattr(boundaries, "over_tcp", lambda on, sends, _read_at_once: usual(on, sends, True))
    code, output, words = run("demo", QUICK)
    assert code == 3
    assert "✗ TCP" in output
    assert "Not seen here. It may mean: the receiver read before everything had come" in " ".join(output.split())
    assert "tcp-is-a-stream" in words
    code, output, _words = run("demo", QUICK, "--json")
    assert code == 3
    line = json.loads(output)
    assert line["ok"] is False
    assert [one["seen"] for one in line["expectations"]] == [True, False]
    assert line["expectations"][1]["otherwise"]


def test_where_there_is_no_lab_its_lessons_say_why_and_the_others_run(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from udpmsg.compare import run as compare
    from udpmsg.lab.namespaces import LabUnavailable

    def no_lab(*arguments: object, **options: object) -> None:
        raise LabUnavailable("no namespaces here; allow them")

    monkeypatch.setattr(compare, "Lab", no_lab)
    monkeypatch.setattr("udpmsg.lab.lab.Lab", no_lab)
    code, output, _words = run("demo", "all", "--json")
    assert code == 1
    results = {line["name"]: line for line in map(json.loads, output.splitlines())}
    assert list(results) == list(NAMES)
    for row in LESSONS:
        line = results[row.name]
        assert line["ok"] is not row.lab
        if row.lab:
            assert "no namespaces here; allow them" in line["error"]
            assert line["observations"] is None


def test_a_system_that_refuses_a_socket_is_an_error_with_its_words(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_socket(_stage: stage.Stage) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(stage.Stage, "udp", no_socket)
    code, output, _words = run("demo", QUICK)
    assert code == 1
    assert "Operation not permitted" in output


def test_the_handout_is_one_page_in_the_language_that_is_spoken(commands: Commands, tmp_path: Path) -> None:
    file = tmp_path / "handout.html"
    for language, title in (("en", "Message boundaries"), ("pt-BR", "Fronteiras das mensagens")):
        demo(commands, QUICK, "--html", str(file), "--lang", language)
        text = file.read_text(encoding="utf-8")
        assert f'<html lang="{language}">' in text
        assert f"<h1>{title}</h1>" in text
        assert "<script" not in text
        assert "for message in b&quot;aaa&quot;" in text


def test_worksheets_are_written_without_a_run(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from udpmsg.cli import in_class

    monkeypatch.setattr(in_class, "run", lambda *_arguments, **_options: pytest.fail("it ran"))
    file = tmp_path / "sheets.html"
    code, output, words = run("demo", "all", "--worksheet", str(file))
    assert (code, output) == (0, "")
    assert str(file) in words
    assert file.read_text(encoding="utf-8").count('<section class="lesson sheet"') == len(LESSONS)
    code, output, _words = run("demo", QUICK, "--worksheet", "-")
    assert code == 0
    assert output.startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nobodi"], "'nobodi' is no lesson; did you mean nobody?"),
        (["--json"], "--json means nothing without a lesson"),
        (["--ask"], "--ask means nothing without a lesson"),
        (["--worksheet", "w.html"], "--worksheet means nothing without a lesson"),
        ([QUICK, "--worksheet", "w.html", "--step"], "a worksheet is written without a run"),
        ([QUICK, "--json", "--ask"], "--json and --ask mean nothing together"),
        ([QUICK, "--step", "--slow", "300ms"], "--step and --slow mean nothing together"),
        ([QUICK, "--lang", "xx"], "'xx' is not a language that is spoken here"),
        ([QUICK, "--slow", "x"], "'x'"),
        ([QUICK, "--slow", "10"], "'--slow': '10' has no unit; write 10ms or 10s"),
        ([QUICK, "--html", "/nowhere/at/all.html"], "cannot be written"),
    ],
)
def test_what_means_nothing_is_a_usage_error(run: Run, arguments: list[str], sentence: str) -> None:
    code, output, words = run("demo", *arguments)
    assert code == 2
    assert not output
    assert sentence in words


def test_ctrl_c_ends_it_in_order(commands: Commands) -> None:
    running = commands.start("demo", QUICK, "--slow", "100s")
    running.out.wait_for("The run")
    running.signal(signal.SIGINT)
    assert running.wait() == 130
    assert "Interrupted" in running.err.finish()


def test_lessons_are_loaded_only_when_they_are_run() -> None:
    program = (
        "import sys; from udpmsg.cli.app import run; run(['demo']); print([n for n in sys.modules if 'udpmsg.lessons' in n])"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.splitlines()[-1]
    assert "udpmsg.lessons.table" in output
    assert "boundaries" not in output
