"""Runs a lesson and judges it: which of its expectations were seen.

Owns what counts as seen, as not seen, and as a lesson that could not be run here. Knows no lesson and shows nothing.
"""

from dataclasses import dataclass
from typing import Any

from udpmsg.base import clock
from udpmsg.base.durations import SECOND
from udpmsg.base.errors import UdpmsgError
from udpmsg.lessons.lesson import Expectation, Lesson, Observations
from udpmsg.lessons.stage import Stage


@dataclass(frozen=True)
class Verdict:
    """One expectation, and whether it was seen."""

    expectation: Expectation[Any]
    seen: bool | None
    """None: on this system something else is expected."""


@dataclass(frozen=True)
class Result:
    """One run of a lesson."""

    name: str
    lesson: Lesson[Any]
    observations: Observations | None
    """None: it could not be run here."""
    verdicts: tuple[Verdict, ...]
    error: str | None
    """Why it could not be run, and what helps, in English; where udpmsg says it, a Phrase, which can be told in the user's
    language."""
    duration_s: float

    @property
    def unseen(self) -> tuple[Expectation[Any], ...]:
        """What was expected and not seen."""
        return tuple(verdict.expectation for verdict in self.verdicts if verdict.seen is False)

    @property
    def ok(self) -> bool:
        """Whether it ran, and everything expected was seen."""
        return self.error is None and not self.unseen


def run(name: str, lesson: Lesson[Any], stage: Stage, **parameters: Any) -> Result:
    """Run it once, with its own parameters or with others. Raises Stopped; what the system refuses is in the result."""
    begun = clock.now()
    observations, error = None, None
    try:
        with stage:
            observations = lesson.run(stage, **parameters)
    except (UdpmsgError, OSError) as failure:
        error = str(failure) or type(failure).__name__
    verdicts = () if observations is None else judged(lesson, observations, stage.system)
    return Result(name, lesson, observations, verdicts, error, (clock.now() - begun) / SECOND)


def judged(lesson: Lesson[Any], observations: Observations, system: str) -> tuple[Verdict, ...]:
    """Every expectation beside what was observed."""
    return tuple(Verdict(one, one.seen(observations) if one.expected(system) else None) for one in lesson.expectations)
