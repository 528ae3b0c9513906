"""What a lesson is, as values: its question, what is expected of its run, its pictures, and what a class can do by itself.

Texts are English; the printer translates them. Runs nothing (see `stage`), draws nothing (see `printed` and `page`).
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Generic, TypeVar

from udpmsg.compare.choices import Mode
from udpmsg.compare.trace import Trace
from udpmsg.show.pictures import Column, Group, Row, Table

KEYS = "abcd"
"""What is pressed for each answer."""
LINUX, MACOS, WINDOWS = "linux", "darwin", "win32"
"""Systems, as `sys.platform` names them."""
EVERYWHERE: tuple[str, ...] = ()


@dataclass(frozen=True)
class Observations:
    """What one run saw: typed values, None where nothing was. Each lesson has its own; field names are JSON keys, with units."""

    def told(self) -> dict[str, Any]:
        """The values for programs: texts, numbers, lists, None, and what is observed of a part as an object of its own."""
        shown = [one for one in fields(self) if one.metadata.get("told", True)]
        return {one.name: _plain(getattr(self, one.name)) for one in shown}


def for_pictures() -> Any:
    """A field of observations that only pictures are made of: it is not in the JSON line."""
    return field(metadata={"told": False})


Seen = TypeVar("Seen", bound=Observations)
Predicates = Mapping[str, Callable[[Seen], bool]]
"""Whether each expectation was seen, by its name."""


@dataclass(frozen=True)
class Quiz:
    """What the class is asked before the run."""

    text: str
    answers: tuple[str, ...]
    """Two to four; they are voted for by the keys a, b, c and d."""
    right: int
    """The place of the right one, from 0."""


@dataclass(frozen=True)
class Expectation(Generic[Seen]):
    """One observation that the run must make."""

    name: str
    """For programs, the same in every language: a few words with hyphens."""
    sentence: str
    """What is seen, as a whole sentence."""
    seen: Callable[[Seen], bool]
    otherwise: str
    """What it may mean on this system when it is not seen."""
    on: tuple[str, ...] = EVERYWHERE
    """The systems on which it is expected; it is no failure that others do something else."""

    def expected(self, system: str) -> bool:
        """Whether it is expected on a system."""
        return not self.on or system in self.on


def table(headings: tuple[str, ...], rows: tuple[tuple[str, ...], ...], caption: str = "") -> Table:
    """Rows of texts under headings, all translated already."""
    columns = tuple(Column(heading) for heading in headings)
    return Table(columns, (Group(tuple(Row(row) for row in rows)),), caption, "rows")


@dataclass(frozen=True)
class Bars:
    """One bar per row: how much of something. Texts are translated already."""

    rows: tuple[tuple[str, float, str], ...]
    """What it is of, how long its bar is, and the value in words."""
    caption: str = ""
    mode: Mode | None = None
    """Whose colour it has on the page."""
    whole: float | None = None
    """The value that fills the whole width, for pictures that are compared; None: the largest one here."""


@dataclass(frozen=True)
class Curve:
    """Something over time, from 0 on; each value holds until the next. Texts are translated already."""

    points: tuple[tuple[float, float], ...]
    """Milliseconds and value."""
    until: float
    """Milliseconds: where its time ends, the same for curves that are compared."""
    whole: float
    """The largest value that fits."""
    top: str
    """The largest value in words."""
    caption: str = ""
    mode: Mode | None = None
    """Whose colour it has on the page."""

    def at(self, moment: float) -> float:
        """The value at so many milliseconds; 0 before the first."""
        place = bisect_right(self.points, moment, key=lambda point: point[0])
        return self.points[place - 1][1] if place else 0.0


@dataclass(frozen=True)
class Ladder:
    """Frames between sender and receiver, of one run per mode, from the run's start for so many milliseconds."""

    runs: tuple[Trace, ...]
    milliseconds: float
    caption: str = ""


Illustration = Table | Bars | Curve | Ladder


@dataclass(frozen=True)
class Terminal:
    """What is typed into one terminal, by hand."""

    commands: tuple[str, ...]
    note: str = ""
    """What to look at, as a whole sentence."""


@dataclass(frozen=True)
class Program:
    """The same without udpmsg: a program of Python's `socket` alone, about ten lines, and what it prints."""

    source: str
    prints: tuple[str, ...]
    """Its lines, exactly, on Linux."""


@dataclass(frozen=True)
class Lesson(Generic[Seen]):
    """One lesson, whole."""

    title: str
    question: Quiz
    run: Callable[..., Seen]
    """`run(stage, *, …)`: the experiment. Its keyword arguments have the lesson's own values as defaults; tests break them."""
    expectations: tuple[Expectation[Seen], ...]
    shows: Callable[[Seen], tuple[Illustration, ...]]
    """What is shown of a run, with its numbers. Called with whatever was observed, also where nothing was as expected."""
    why: tuple[str, ...]
    """Three to six sentences, one of them with the RFC."""
    by_hand: tuple[Terminal, ...]
    """In the order in which they are opened, numbered from 1."""
    program: Program


def _plain(value: Any) -> Any:
    if isinstance(value, Observations):
        return value.told()
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return [_plain(one) for one in value] if isinstance(value, tuple) else value
