"""Lessons as a class sees them: each part when the class is ready for it, its votes, and how each lesson went.

Owns the pace. Knows no option.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from textwrap import wrap
from time import sleep
from typing import Any

from udpmsg.base import clock
from udpmsg.base.language import _, plural
from udpmsg.cli import showing
from udpmsg.cli.keys import ENTER, ERASE, keys
from udpmsg.cli.outputs import Writable
from udpmsg.cli.signals import Interrupts
from udpmsg.lessons import printed as lesson_lines
from udpmsg.lessons import story
from udpmsg.lessons.lesson import KEYS, Lesson
from udpmsg.lessons.running import Result, run
from udpmsg.lessons.stage import Stage, Stopped
from udpmsg.lessons.table import Entry, load
from udpmsg.show.stream import Data, columns
from udpmsg.show.terminal import paint
from udpmsg.sockets.waiting import after

LOOK = 0.05
"""Seconds after which a pause looks whether it shall stop."""


class LessonShow:
    """Lessons on this terminal, or as JSON lines."""

    def __init__(
        self, interrupts: Interrupts, outputs: Mapping[str, Writable], *, ask: bool, step: bool, slow: float, json: bool
    ) -> None:
        self.interrupts = interrupts
        self.data, self.words = showing.open_streams(outputs.values())
        self.width = width_of(self.data)
        self._ask, self._step, self._slow = ask, step, slow
        self._json = None
        if json:
            from udpmsg.lessons.jsonlines import LessonLines

            self._json = LessonLines()

    def all(self, entries: Iterable[Entry]) -> list[Result]:
        """Run them, one after the other; what ran until somebody stopped it."""
        results: list[Result] = []
        for row in entries:
            try:
                if results and self._json is None:
                    self.pace_part()
                    self.write("")
                results.append(self.one(row))
            except Stopped:
                break
            if self.stopped():
                break
        if len(results) > 1 and self._json is None:
            self.part(_("All lessons"), summary(results, colour=self.data.colour))
        return results

    def one(self, row: Entry) -> Result:
        """One lesson, whole. Raises Stopped."""
        lesson = load(row)
        if self._json is not None:
            result = run(row.name, lesson, Stage(stopped=self.stopped))
            self.data.write(self._json.result(result, sys.platform))
            return result
        for line in wrap(_(lesson.title), self.width):
            self.write(paint(line, "number", self.data.colour))
        self.show(story.question(lesson))
        votes = self.vote(lesson) if self._ask else None
        self.part(_("The run"), ())
        result = run(row.name, lesson, Stage(say=self.told, pace=self.pace, stopped=self.stopped))
        self.pace_part()
        self.show(story.seen(result))
        self.pace_part()
        self.show(story.answer(lesson, voted=votes is not None))
        if votes is not None:
            showing.put(self.data, lesson_lines.votes(lesson.question, votes, colour=self.data.colour))
        self.pace_part()
        self.show(story.why(lesson))
        self.pace_part()
        self.show(story.try_it(lesson))
        if result.unseen:
            names = ", ".join(expectation.name for expectation in result.unseen)
            self.words.hint(_("Not everything was seen: {}").format(names))
        return result

    def show(self, part: story.Part) -> None:
        """A part of a lesson, as its story has it."""
        self.part(part.heading, lesson_lines.body(part, width=self.width, colour=self.data.colour))

    def part(self, title: str, lines: Iterable[str]) -> None:
        """A part of a lesson, under its heading."""
        self.write(lesson_lines.heading(title, width=self.width, colour=self.data.colour))
        for line in lines:
            self.write(line)

    def told(self, text: str) -> None:
        """What a lesson says while it runs."""
        for line in lesson_lines.told(text, width=self.width):
            self.write(line)

    def write(self, line: str) -> None:
        """One line, spelled so that the output can have it."""
        showing.put(self.data, [line])

    def stopped(self) -> bool:
        """Whether a signal came, or nobody reads any more."""
        return self.interrupts.number is not None or self.data.broken is not None

    # The pace of a class.

    def pace(self) -> None:
        """Before a step: a key, a pause, or nothing."""
        if self._step:
            self.wait_for_key(_("any key: the next step"))
        elif self._slow:
            self.pause(self._slow)

    def pace_part(self) -> None:
        """Before a part: a key, where a class looks on, a pause, or nothing. Raises Stopped."""
        if self._step or self._ask:
            self.wait_for_key(_("any key: go on"))
        elif self._slow:
            self.pause(self._slow)
        if self.stopped():
            raise Stopped

    def wait_for_key(self, text: str) -> None:
        """Until a key is pressed, or the input ends."""
        with keys(self.stopped) as pressed:
            self.words.status(text)
            next(pressed, None)
        self.words.clear()

    def pause(self, seconds: float) -> None:
        """A while, which a signal ends."""
        until = after(seconds)
        while not self.stopped() and (left := (until - clock.now()) / 1e9) > 0:
            sleep(min(LOOK, left))

    def vote(self, lesson: Lesson[Any]) -> Counter[str]:
        """Every press of a to d is one vote; Enter ends it. Raises Stopped."""
        choices = KEYS[: len(lesson.question.answers)]
        votes: list[str] = []
        with keys(self.stopped) as pressed:
            self.words.say(_("Vote: press {} once for each raised hand; Enter begins the run.").format(", ".join(choices)))
            for key in pressed:
                if key in ENTER:
                    break
                if key in ERASE:
                    del votes[-1:]
                elif key.lower() in choices:
                    votes.append(key.lower())
                self.words.status("   ".join(f"{choice} {votes.count(choice)}" for choice in choices))
        self.words.clear()
        if self.stopped():
            raise Stopped
        return Counter(votes)


def summary(results: list[Result], *, colour: bool) -> Iterable[str]:
    """One line per lesson: whether all was seen."""
    longest = max(len(result.name) for result in results)
    for result in results:
        if result.ok:
            mark, text = paint("✓", "good", colour), ""
        elif result.error is not None:
            mark, text = paint("✗", "error", colour), _("could not be run here")
        else:
            count = len(result.unseen)
            mark, text = paint("✗", "error", colour), plural("{} thing not seen", "{} things not seen", count).format(count)
        yield f"{mark} {result.name:<{longest}}  {text}".rstrip()


def width_of(data: Data) -> int:
    """Columns that are used."""
    return min(lesson_lines.WIDEST, columns(data.stream)) if data.terminal else lesson_lines.WIDEST
