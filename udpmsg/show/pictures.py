"""What is shown, as values: a story makes pictures, and a printer prints any of them: `text` in a terminal, `page` in a browser.

A picture knows no printer and no experiment. Its texts are translated already, and its printer escapes them. A series is
what a column, a group or a pair is about in every picture, such as a mode: a page gives it a colour and a mark.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from udpmsg.base.language import number, plural

UNKNOWN = "–"
"""Stands for a number that nobody knows."""


@dataclass(frozen=True)
class Prose:
    """Paragraphs."""

    paragraphs: tuple[str, ...]
    purpose: str = ""
    """As in `terminal.COLOURS`."""


@dataclass(frozen=True)
class Pair:
    """A name, and what is said of it."""

    name: str
    text: str
    title: str = ""
    """The name on a page; empty: the same."""
    series: str = ""


@dataclass(frozen=True)
class Pairs:
    """Names, each with what is said of it. On a page those of a series are cards, and all others a list of definitions."""

    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class Number:
    """A number, for people to read and, exact, for programs to compare."""

    key: str
    """Its name in the JSON lines; with a point, which part of it."""
    value: float
    write: Callable[[float], str]
    least: float | None = None
    """Where the value is the median of several measurements: the lowest of them, and the highest. None: there is only one."""
    most: float | None = None
    bad: bool = False
    """Stands out on a page."""


@dataclass(frozen=True)
class Cell:
    """Numbers, and how they are put together; without numbers the text says why there are none."""

    numbers: tuple[Number, ...] = ()
    text: str = UNKNOWN
    """With {} for each number."""
    purpose: str = ""
    """As in `terminal.COLOURS`."""


@dataclass(frozen=True)
class Column:
    """The head of a column."""

    word: str
    title: str = ""
    """The same on a page; empty: the word."""
    below: str = ""
    """A second line of the head."""
    series: str = ""
    rank: int = 0
    """Where a terminal has no room for all, columns of the highest rank are left out first; those of rank 0 stay."""
    names: bool = False
    """Whether its cells are what their rows are called."""


@dataclass(frozen=True)
class Row:
    """One line: what it is called in a terminal and on a page (None: not shown there), and a cell, or plain text, per column."""

    cells: tuple[Cell | str, ...]
    word: str | None = ""
    title: str | None = ""
    more: str = ""
    """A word more, on a page."""


@dataclass(frozen=True)
class Group:
    """Rows that are about the same."""

    rows: tuple[Row, ...]
    word: str = ""
    title: str = ""
    series: str = ""


@dataclass(frozen=True)
class Table:
    """Rows in groups. Columns that are series have one width, so that they can be compared."""

    columns: tuple[Column, ...]
    groups: tuple[Group, ...]
    caption: str = ""
    kind: str = "figures"
    """The class of its looks on a page."""
    corner: str = ""
    """The head above the names of the rows."""
    rooms: tuple[int, int] = (0, 0)
    """The least columns of a terminal for the words of groups and rows, so that tables of one kind begin at the same place."""
    medians: tuple[str, str] = ("", "")
    """What the numbers of several measurements are, with their spread and, where a terminal has no room for that, without it."""
    unknown: str = ""
    """Why a number is not known, for a table in which one is not."""


@dataclass(frozen=True)
class Sign:
    """What a cell of a strip can say."""

    sign: str
    """A letter."""
    word: str
    kind: str
    """The class of its looks on a page."""
    purpose: str
    """As in `terminal.COLOURS`."""
    small: str = ""
    """The letter in a cell of many messages, of which fewer than half are so; empty: the same."""


@dataclass(frozen=True)
class Stretch:
    """One line of a strip: the name of its series, and of each message, in order, which sign it has."""

    name: str
    title: str
    """The name on a page."""
    series: str
    messages: bytes
    """The places of signs."""


@dataclass(frozen=True)
class Strip:
    """One small cell per message, so that what went wrong is seen at a glance and where. Where there is no room for all, a cell
    stands for several messages and has the sign of the worst, small where that is so of fewer than half of them."""

    signs: tuple[Sign, ...]
    """From the best to the worst."""
    stretches: tuple[Stretch, ...]
    of: str = ""
    """Before the meaning of the signs: of which repetition the strip is."""

    def each(self, room: int) -> int:
        """How many messages a cell stands for where a line has room for so many cells: as many in every line."""
        return max(1, -(-max((len(one.messages) for one in self.stretches), default=0) // room))

    def cells(self, stretch: Stretch, each: int) -> Iterator[tuple[Sign, bool]]:
        """The cells of one line, and whether each is small."""
        for start in range(0, len(stretch.messages), each):
            messages = stretch.messages[start : start + each]
            worst = max(messages)
            yield self.signs[worst], 2 * messages.count(worst) < len(messages)

    def met(self) -> list[Sign]:
        """The signs that it has, which have to be explained."""
        return [self.signs[place] for place in sorted(set().union(*(one.messages for one in self.stretches)))]

    def note(self, each: int) -> str:
        """How many messages a cell is."""
        words = plural("one cell: {} message", "one cell: {} messages, the worst shown, small if fewer than half are so", each)
        return words.format(number(each))


Picture = Prose | Pairs | Table | Strip
