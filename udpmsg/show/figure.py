"""A figure is one row: its name for programs, how it is found, its words for people, which way is better, and when it is shown.

Every printer goes through such a table, so a new figure is a new row. The unit is in the name, and so is how it is written. Knows
no experiment: what is measured has a table of its own.
"""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from udpmsg.base.language import N_, number
from udpmsg.show.terminal import bit_rate, byte_count, duration

Figures = dict[str, Any]
"""What was found, by the names of its figures. A distribution is a dictionary in it; None: can't be known."""


class Better(Enum):
    """Which values of a figure are better, where that can be said of it alone."""

    LOW = "low"
    HIGH = "high"
    NEITHER = "neither"


class When(Enum):
    """When people are shown a figure."""

    ALWAYS = "always"
    IF_ANY = "if any"
    """Where it is more than 0 anywhere."""
    REPEATED = "repeated"
    """For several repetitions."""


@dataclass(frozen=True)
class Topic:
    """What several figures are about: in a word for a terminal, and as a heading of a page."""

    word: str
    title: str


@dataclass(frozen=True)
class Figure:
    """One row. Words are marked by N_, and translated where they are shown."""

    key: str
    """Its name in the JSON lines. With a point: which part of the figure whose name stands before it."""
    of: Callable[[Any], Any] | None = None
    """Finds it in what is known; None for a part, which comes with the whole."""
    topic: Topic | None = None
    """None: for programs alone."""
    word: str | None = None
    """What it is called in a terminal; None: not shown there."""
    title: str | None = None
    """And on a page."""
    more: str = ""
    """A word more, on a page."""
    better: Better = Better.LOW
    shown: When = When.ALWAYS
    bad: bool = False
    """Whether anything but 0 stands out."""
    beside: str = ""
    """The name of another figure that is written after it."""
    between: str = N_("{} of {}")
    """How the two are written."""
    instead_of: str = ""
    """The name of a figure that it stands in for: it is left out where that one is known."""


def found(table: Iterable[Figure], known: Any) -> Figures:
    """Every figure of a table."""
    return {figure.key: figure.of(known) for figure in table if figure.of is not None}


def value(figures: Mapping[str, Any], key: str) -> float | None:
    """One number of them; None: it can't be known."""
    name, _, part = key.partition(".")
    whole = figures.get(name)
    if part:
        whole = whole.get(part) if isinstance(whole, dict) else None
    return whole if isinstance(whole, int | float) else None


def spread(repetitions: Sequence[Mapping[str, Any]], key: str) -> tuple[float, float, float] | None:
    """Median, lowest and highest of one number over repetitions. None where no repetition knows it."""
    values = [known for figures in repetitions if (known := value(figures, key)) is not None]
    return (middle(values), min(values), max(values)) if values else None


def middle(values: Sequence[float]) -> float:
    """The median; of an even number of whole counts the lower of the middle two, which is a count."""
    whole = all(isinstance(value, int) for value in values)
    return statistics.median_low(values) if whole else statistics.median(values)


def written(key: str) -> Callable[[float], str]:
    """How a number is written, by the unit in its name."""
    name = key.partition(".")[0]
    if name.endswith("_s"):
        return duration
    if name.endswith("_bps"):
        return bit_rate
    return _size if key.endswith("bytes") else counted


def counted(count: float) -> str:
    """1,234, or 1,234.5 for a median."""
    return number(count, ",.0f" if count == int(count) else ",.1f")


def _size(size: float) -> str:
    return byte_count(round(size))
