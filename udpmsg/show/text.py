"""Pictures for a terminal, line by line. Owns their layout there; `page` is the same for a browser."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from textwrap import wrap

from udpmsg.show.pictures import UNKNOWN, Cell, Group, Pairs, Picture, Prose, Row, Strip, Table
from udpmsg.show.terminal import paint, printable

GAP = 2
"""Columns between two of a table's."""
WIDEST = 22
"""Columns of a series, where there is room for them."""
NAME = 8
"""Columns of a name and what is said of it, before which there is one more."""


def lines(picture: Picture, *, width: int, colour: bool) -> Iterator[str]:
    """The picture, in lines of at most `width` columns where that is possible."""
    if isinstance(picture, Prose):
        for paragraph in picture.paragraphs:
            yield from (_painted(line, picture.purpose, colour) for line in wrap(printable(paragraph), width))
    elif isinstance(picture, Pairs):
        yield from _pairs(picture, width, colour)
    elif isinstance(picture, Strip):
        yield from _strip(picture, width, colour)
    elif any(isinstance(cell, Cell) for group in picture.groups for row in group.rows for cell in row.cells):
        yield from _Numbers(picture, width, colour).lines()
    elif picture.columns:
        yield from _words(picture, width, colour)


def _painted(text: str, purpose: str, colour: bool) -> str:
    return paint(text, purpose, colour) if purpose else text


def _pairs(picture: Pairs, width: int, colour: bool) -> Iterator[str]:
    """Each name in front of what is said of it, whose further lines stand below the first one."""
    for pair in picture.pairs:
        name = printable(pair.name)
        text = f"{name:<{NAME}} {printable(pair.text)}"
        first, *more = wrap(text, width, subsequent_indent=" " * (NAME + 1), break_long_words=False) or [name]
        yield paint(first[: len(name)], "number", colour) + first[len(name) :]
        yield from more


def _strip(strip: Strip, width: int, colour: bool) -> Iterator[str]:
    """One line of signs per series and, below them, what the signs mean."""
    each = strip.each(width - NAME - 1)
    for stretch in strip.stretches if strip.met() else ():
        runs = [(sign, small, len(list(same))) for (sign, small), same in groupby(strip.cells(stretch, each))]
        signs = "".join(
            paint(((small and sign.small) or sign.sign) * length, sign.purpose, colour) for sign, small, length in runs
        )
        yield f"{paint(stretch.name, 'number', colour)}{' ' * (NAME + 1 - len(stretch.name))}{signs}"
    meanings = [f"{sign.sign} {sign.word}".replace(" ", "\u00a0") for sign in strip.met()]
    for line in wrap("  ".join(filter(None, [strip.of, *meanings, strip.note(each)])), width - NAME - 1) if meanings else ():
        yield " " * (NAME + 1) + paint(line.replace("\u00a0", " "), "note", colour)


def _words(table: Table, width: int, colour: bool) -> Iterator[str]:
    """A table of texts. The widest column gives way, and its cells take several lines."""
    heads = tuple(column.word for column in table.columns)
    rows = [heads, *(tuple(map(printable, row.cells)) for group in table.groups for row in group.rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    room = width - GAP * (len(widths) - 1)
    while sum(widths) > room:
        widest = max(range(len(widths)), key=widths.__getitem__)
        widths[widest] -= 1
    for number, row in enumerate(rows):
        cells = [wrap(cell, max(1, columns)) or [""] for cell, columns in zip(row, widths, strict=True)]
        for line in range(max(map(len, cells))):
            parts = [(cell[line] if line < len(cell) else "").ljust(columns) for cell, columns in zip(cells, widths, strict=True)]
            text = (" " * GAP).join(parts).rstrip()
            yield text if number else paint(text, "note", colour)


class _Numbers:
    """A table of numbers, which stand at the right of their columns."""

    def __init__(self, table: Table, width: int, colour: bool) -> None:
        self.table, self.width, self.colour = table, width, colour
        self.rows = [(group, row) for group in table.groups for row in group.rows if row.word is not None]
        group, label = table.rooms
        self.group = max([group, *(len(one.word) + 1 for one, _row in self.rows if one.word)])
        self.label = max([label, *(len(row.word or "") + GAP for _group, row in self.rows if row.word)])
        self.shown = list(range(len(table.columns)))
        self.spreads = True
        """Whether medians have the least and the most beside them."""
        self.needed = self._fit(width)
        if self.label and self.group + self.label + sum(self.needed) > width:
            self.group = 0  # its words stand on lines of their own
        self.rooms = self._rooms(width)

    def _parts(self) -> list[list[tuple[int, int]]]:
        """The columns that stand beside each other, each with its width: all, unless they are series that have no room."""
        parts: list[list[tuple[int, int]]] = []
        left = 0
        for at, room in zip(self.shown, self.rooms, strict=True):
            left -= room
            if not parts or (left < 0 and self.table.columns[at].series):
                parts.append([])
                left = self.width - self.group - self.label - room
            parts[-1].append((at, room))
        return parts

    def _fit(self, width: int) -> list[int]:
        """What the columns need, when what there is no room for is left out: first the spreads, then columns by their rank."""
        beside = self.label or self.group
        while True:
            for self.spreads in (True, False):
                needed = [self._needed(at) for at in self.shown]
                if beside + sum(needed) <= width:
                    return needed
            last = max(self.shown, key=lambda at: self.table.columns[at].rank, default=None)
            if last is None or self.table.columns[last].rank == 0:
                return needed
            self.shown.remove(last)

    def _needed(self, at: int) -> int:
        column = self.table.columns[at]
        texts = [column.word, column.below, *(self._text(row.cells[at]) for _group, row in self.rows)]
        return max(map(len, texts)) + GAP

    def _rooms(self, width: int) -> list[int]:
        """Series have one width, if there is room for that."""
        if not self.shown or not all(self.table.columns[at].series for at in self.shown):
            return self.needed
        even, widest = (width - self.group - self.label) // len(self.shown), max(self.needed)
        return [max(widest, min(even, WIDEST))] * len(self.shown) if widest <= even else self.needed

    def _text(self, cell: Cell | str) -> str:
        """What a cell says. Of several measurements it has the first number alone: the median, and from where to where."""
        if isinstance(cell, str):
            return printable(cell)
        if not cell.numbers or cell.numbers[0].least is None:
            return cell.text.format(*(number.write(number.value) for number in cell.numbers))
        number = cell.numbers[0]
        middle, least, most = (number.write(value or 0) for value in (number.value, number.least, number.most))
        if least == most or not self.spreads:
            return middle
        (value, unit), (low, low_unit), (high, high_unit) = (text.partition(" ")[::2] for text in (middle, least, most))
        if unit == low_unit == high_unit:
            return f"{value} ({low}–{high}) {unit}".rstrip()
        return f"{middle} ({least}–{most})"

    def lines(self) -> Iterator[str]:
        """The heads, a line per row, and what the signs mean. Where not all columns fit beside each other, there are several
        tables, one below the other."""
        everything = self.shown, self.rooms
        for at, part in enumerate(self._parts()):
            self.shown, self.rooms = [column for column, _room in part], [room for _column, room in part]
            if at:
                yield ""
            yield from self._heads()
            yield from self._rows()
        self.shown, self.rooms = everything
        if any(isinstance(cell, Cell) and cell.numbers and cell.numbers[0].least is not None for cell in self._all()):
            yield from self._note(self.table.medians[0 if self.spreads else 1])
        if any(self._text(cell) == UNKNOWN for cell in self._all()):
            yield from self._note(self.table.unknown and f"{UNKNOWN} {self.table.unknown}")

    def _rows(self) -> Iterator[str]:
        previous: Group | None = None
        for group, row in self.rows:
            word, purpose = ("" if group is previous else group.word), "number" if group.series else "note"
            previous = group
            if word and not self.group:
                yield paint(word, purpose, self.colour)
            before = paint(f"{word:<{self.group}}", purpose, self.colour) if word and self.group else " " * (self.group or 1)
            label = self.label if self.group else self.label - 1
            yield f"{before}{row.word or '':<{max(label, 0)}}{self._cells(row)}"

    def _all(self) -> Iterator[Cell | str]:
        return (row.cells[at] for _group, row in self.rows for at in self.shown)

    def _heads(self) -> Iterator[str]:
        columns = [self.table.columns[at] for at in self.shown]
        before = " " * (self.group + self.label)
        for words in ([column.word for column in columns], [column.below for column in columns]):
            if any(words) and all(column.series for column in columns):
                yield before + self._line(words, ["number"] * len(words))
            elif any(words):
                yield paint((before + self._line(words, [""] * len(words))).rstrip(), "note", self.colour)

    def _cells(self, row: Row) -> str:
        cells = [row.cells[at] for at in self.shown]
        return self._line(
            [self._text(cell) for cell in cells], [cell.purpose if isinstance(cell, Cell) else "" for cell in cells]
        )

    def _line(self, texts: Sequence[str], purposes: Sequence[str]) -> str:
        """Texts, each at the right of its room."""
        return "".join(
            " " * (room - len(text)) + _painted(text, purpose, self.colour)
            for text, room, purpose in zip(texts, self.rooms, purposes, strict=True)
        )

    def _note(self, text: str) -> Iterator[str]:
        return (paint(line, "note", self.colour) for line in wrap(text, self.width))
