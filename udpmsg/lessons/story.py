"""A lesson as parts with headings, each made of pictures: what a terminal, the handout and the worksheet show of it.

Owns the words around a lesson's own texts, and puts them in the language that is spoken. Prints nothing (see `printed` and `page`).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from udpmsg.base.language import _, told
from udpmsg.lessons.lesson import KEYS, Illustration, Lesson
from udpmsg.lessons.running import Result, Verdict
from udpmsg.show.pictures import Prose


@dataclass(frozen=True)
class Answers:
    """The answers among which a class chooses."""

    answers: tuple[str, ...]


@dataclass(frozen=True)
class Check:
    """One expectation: its sentence and, where it was not seen, what that may mean."""

    sentence: str
    meaning: str | None = None


@dataclass(frozen=True)
class Failure:
    """Why a lesson could not be run here."""

    reason: str


@dataclass(frozen=True)
class Commands:
    """What is typed into one terminal."""

    commands: tuple[str, ...]
    caption: str = ""
    note: str = ""


@dataclass(frozen=True)
class Listing:
    """A program, and the lines that it prints."""

    source: str
    prints: tuple[str, ...] = ()
    caption: str = ""


LessonPicture = Prose | Answers | Check | Failure | Commands | Listing | Illustration


class Part(NamedTuple):
    """One part of a lesson."""

    heading: str
    pictures: tuple[LessonPicture, ...]


def question(lesson: Lesson[Any]) -> Part:
    """What the class is asked."""
    answers = Answers(tuple(_(answer) for answer in lesson.question.answers))
    return Part(_("Question"), (Prose((_(lesson.question.text),)), answers))


def seen(result: Result) -> Part:
    """The run's pictures, and every expectation that is one on this system."""
    if result.error is not None or result.observations is None:
        return Part(_("What was seen"), (Failure(told(result.error or "")),))
    checks = (check(verdict) for verdict in result.verdicts if verdict.seen is not None)
    return Part(_("What was seen"), (*result.lesson.shows(result.observations), *checks))


def check(verdict: Verdict) -> Check:
    """One expectation."""
    meaning = None if verdict.seen else _("Not seen here. It may mean: {}").format(_(verdict.expectation.otherwise))
    return Check(_(verdict.expectation.sentence), meaning)


def answer(lesson: Lesson[Any], *, voted: bool = False) -> Part:
    """The right answer; `voted`: the class gave its own before."""
    text = _("The answer is {}: {}").format(KEYS[lesson.question.right], _(lesson.question.answers[lesson.question.right]))
    return Part(_("Who was right") if voted else _("The answer"), (Prose((text,)),))


def why(lesson: Lesson[Any]) -> Part:
    """The explanation."""
    return Part(_("Why"), (Prose((" ".join(_(sentence) for sentence in lesson.why),)),))


def try_it(lesson: Lesson[Any]) -> Part:
    """The commands, terminal by terminal where there are several, and the program."""
    labels = [_("Terminal {}:").format(number) for number in range(1, len(lesson.by_hand) + 1)]
    typed = [
        Commands(one.commands, label if len(labels) > 1 else "", _(one.note))
        for label, one in zip(labels, lesson.by_hand, strict=True)
    ]
    source = Listing(
        lesson.program.source.strip("\n"), lesson.program.prints, _("Without udpmsg, in Python; its output is shown below:")
    )
    return Part(_("Try it yourself"), (*typed, source))
