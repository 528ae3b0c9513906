"""Every lesson: it runs and sees what it expects, its program does what is printed, its commands exist, it fits a projector."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from gettext import GNUTranslations
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.lessons.support import lab_or_skip, result_of, usual
from udpmsg.base import language
from udpmsg.base.language import LANGUAGES
from udpmsg.cli import app
from udpmsg.compare.ladder_text import visible
from udpmsg.lessons import printed as lesson_lines
from udpmsg.lessons import story
from udpmsg.lessons.lesson import KEYS, LINUX, MACOS, WINDOWS, Bars, Curve, Ladder, Lesson
from udpmsg.lessons.stage import Stage, Stopped
from udpmsg.lessons.table import NAMES, entry, load
from udpmsg.show.pictures import Table

WIDTH, HEIGHT = 100, 30
PATIENCE = 20.0
"""Seconds that a program may take."""

each = pytest.mark.parametrize("name", NAMES)


def lesson_of(name: str) -> Lesson[Any]:
    return load(entry(name))


def test_names_are_words_and_there_once() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) and name != "all" for name in NAMES)


@each
def test_everything_that_it_expects_is_seen(name: str) -> None:
    result, said = usual(name)
    assert result.ok, ([one.name for one in result.unseen], result.observations)
    assert said
    assert result.duration_s < 10


@pytest.fixture(params=LANGUAGES)
def spoken(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each language in turn."""
    language.choose(request.param)
    yield request.param
    language.choose(None)


def body(part: story.Part) -> list[str]:
    return list(lesson_lines.body(part, width=WIDTH, colour=True))


@each
@pytest.mark.usefixtures("spoken")
def test_its_pictures_and_parts_fit_a_projector(name: str) -> None:
    result, _said = usual(name)
    lesson = lesson_of(name)
    parts = {
        "question": [language._(lesson.title), *body(story.question(lesson))],
        "seen": body(story.seen(result)),
        "answer": [*body(story.answer(lesson)), *lesson_lines.votes(lesson.question, {"a": 30, "b": 2}, colour=False)],
        "why": body(story.why(lesson)),
        "try": body(story.try_it(lesson)),
    }
    for part, lines in parts.items():
        assert lines, part
        assert len(lines) < HEIGHT - 1, (part, len(lines))
        for line in lines:
            assert visible(line) <= WIDTH, (part, line)


@each
def test_what_it_tells_is_translated(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a language that puts everything in brackets: what has none was not given to `_`. And every constant is in the catalogue.

    Whether each text has its translation: tests/test_language.py.
    """

    class Brackets:
        def gettext(self, text: str) -> str:
            return f"⟦{text}⟧"

        def ngettext(self, one: str, many: str, number: int) -> str:
            return f"⟦{one if number == 1 else many}⟧"

    language.choose("pt-BR")
    monkeypatch.setattr(language._speaker, "catalogue", Brackets())
    monkeypatch.setattr(language._speaker, "read", True)
    said: list[str] = []
    result = result_of(name, said=said)
    assert result.observations is not None
    steps = [line for line in said if not line.startswith(" ")]
    assert all("⟦" in line for line in steps), steps
    for picture in result.lesson.shows(result.observations):
        assert not picture.caption or "⟦" in picture.caption, picture.caption
        if isinstance(picture, Table):
            words = [column.word for column in picture.columns if len(column.word) > 3]
            assert all("⟦" in word for word in words), words
    language.choose(None)
    known = {text for texts in catalogue_ids() for text in texts}
    lesson = lesson_of(name)
    told = [lesson.title, lesson.question.text, *lesson.question.answers, *lesson.why, entry(name).line]
    told += [text for one in lesson.expectations for text in (one.sentence, one.otherwise)]
    told += [one.note for one in lesson.by_hand if one.note]
    assert not [text for text in told if text not in known]


@cache
def catalogue_ids() -> tuple[tuple[str, ...], ...]:
    """Every text that the catalogue of Brazilian Portuguese has."""
    file = Path(language.__file__).parent / "locale" / "pt_BR" / "LC_MESSAGES" / "udpmsg.mo"
    with file.open("rb") as opened:
        keys = list(GNUTranslations(opened)._catalog)  # type: ignore[attr-defined]
    return tuple((key,) if isinstance(key, str) else (key[0],) for key in keys)


@each
def test_it_is_told_in_full(name: str) -> None:
    lesson = lesson_of(name)
    assert 2 <= len(lesson.question.answers) <= len(KEYS)
    assert 0 <= lesson.question.right < len(lesson.question.answers)
    whole = " ".join(lesson.why)
    assert "RFC " in whole
    assert 3 <= len(lesson.why) <= 6
    assert all(sentence.rstrip().endswith(".") for sentence in lesson.why)
    names = [expectation.name for expectation in lesson.expectations]
    assert len(set(names)) == len(names)
    for expectation in lesson.expectations:
        assert expectation.sentence.endswith((".", "!")), expectation.name
        assert expectation.otherwise, expectation.name
        assert set(expectation.on) <= {LINUX, MACOS, WINDOWS}
    assert all(any(one.expected(system) for one in lesson.expectations) for system in (LINUX, MACOS, WINDOWS))
    assert lesson.by_hand


@each
def test_every_expectation_is_both_told_and_judged(name: str) -> None:
    """Its sentence is in the lesson's file of texts, its predicate in the module."""
    module = import_module(f"udpmsg.lessons.{name.replace('-', '_')}")
    assert [expectation.name for expectation in lesson_of(name).expectations] == list(module.EXPECTED)


@each
@pytest.mark.skipif(sys.platform != "linux", reason="what the programs print is written down for Linux")
def test_the_program_does_as_it_is_printed(name: str) -> None:
    program = lesson_of(name).program
    source = program.source.strip("\n")
    assert "udpmsg" not in source
    assert "import socket" in source
    assert len([line for line in source.split("\n") if line and not line.startswith("import ")]) <= 14
    assert all(len(line) <= WIDTH - 2 for line in (*source.split("\n"), *program.prints))
    command = [sys.executable, "-I", "-W", "ignore::ResourceWarning", "-c", source + "\n"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ended.returncode == 0, ended.stderr
    assert tuple(ended.stdout.splitlines()) == program.prints


@each
def test_the_commands_exist_with_their_options(name: str) -> None:
    """Parsed as the shell does, up to a pipe; options must be in the command's own parameters."""
    for terminal in lesson_of(name).by_hand:
        for command in terminal.commands:
            for part in command.split(" | "):
                words = shlex.split(part)
                if words[0] != "udpmsg":
                    continue
                program = app._program(words[1])
                known = {option for parameter in program.params for option in (*parameter.opts, *parameter.secondary_opts)}
                unknown = [word for word in words[2:] if word.startswith("--") and word.partition("=")[0] not in known]
                assert not unknown, (command, unknown)


@each
@pytest.mark.parametrize("width", [80, WIDTH])
def test_what_is_shown_can_be_typed_as_it_stands(name: str, width: int) -> None:
    """A command that takes several lines is joined again by the shell that they are pasted into."""
    typed = [one for one in story.try_it(lesson_of(name)).pictures if isinstance(one, story.Commands)]
    assert [one.commands for one in typed] == [one.commands for one in lesson_of(name).by_hand]
    for number, terminal in enumerate(typed, 1):
        assert (str(number) in terminal.caption) == (len(typed) > 1), "only where there are several"
        lines = lesson_lines.drawn(replace(terminal, note="", caption=""), width=width, colour=False)
        joined = "\n".join(lines).replace("\\\n", "").split("\n")  # as a shell does before it looks for words
        assert [words_of(line) for line in joined] == [words_of(command) for command in terminal.commands]


def words_of(command: str) -> list[str]:
    """As the shell takes them; how many blanks there are within one does not matter here."""
    return [" ".join(word.split()) for word in shlex.split(command)]


@each
def test_pictures_are_of_this_run(name: str) -> None:
    result, _said = usual(name)
    assert result.observations is not None
    pictures = result.lesson.shows(result.observations)
    assert pictures
    for picture in pictures:
        assert isinstance(picture, Table | Bars | Curve | Ladder)
        if isinstance(picture, Table):
            assert all(len(row.cells) == len(picture.columns) for group in picture.groups for row in group.rows)
    assert result.observations.told()


@each
def test_ctrl_c_ends_it_at_its_next_step(name: str) -> None:
    lab_or_skip(name)
    with Stage(stopped=lambda: True) as stage, pytest.raises(Stopped):
        lesson_of(name).run(stage)
