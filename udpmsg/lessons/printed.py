"""A lesson for a terminal: the lines of each picture (see `story`) and of votes, and the list of lessons.

Owns the looks; every line fits the width that it is given. Waits for nobody.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from textwrap import wrap

from udpmsg.base import language
from udpmsg.base.durations import MILLISECOND
from udpmsg.base.language import _, plural
from udpmsg.compare import ladder_text as ladder_lines
from udpmsg.compare.trace import Trace
from udpmsg.lessons.lesson import KEYS, Bars, Curve, Illustration, Ladder, Quiz
from udpmsg.lessons.story import Answers, Check, Commands, Failure, LessonPicture, Listing, Part
from udpmsg.lessons.table import Entry
from udpmsg.show import text
from udpmsg.show.pictures import Prose, Table
from udpmsg.show.terminal import paint, printable

WIDEST = 100
"""Columns that are used of a wider terminal: longer lines are hard to read."""
NARROWEST_LADDER = 60
FRAMES = 16
"""Of one ladder: two of them, and what is said of them, are seen at once on a terminal of thirty rows."""
BAR = 36
"""Columns of the longest bar."""
CURVE, BLOCKS = 6, " ▁▂▃▄▅▆▇█"
"""Lines of a curve, and what fills a part of one."""
NO_BREAK = "\N{NO-BREAK SPACE}"


def listing(entries: tuple[Entry, ...], *, width: int, colour: bool) -> Iterator[str]:
    """Every lesson with its line."""
    longest = max(len(entry.name) for entry in entries)
    for entry in entries:
        first, *more = wrap(_(entry.line), width - longest - 4) or [""]
        yield f"  {paint(entry.name, 'number', colour)}{' ' * (longest - len(entry.name))}  {first}"
        yield from (" " * (longest + 4) + line for line in more)


def heading(text: str, *, width: int, colour: bool) -> str:
    """The head of a part."""
    return paint(f"── {text} {'─' * max(0, width - len(text) - 4)}", "note", colour)


def told(text: str, *, width: int) -> Iterator[str]:
    """What a lesson says while it runs: a step, or, indented, what was seen."""
    indent = text[: len(text) - len(text.lstrip())]
    yield from _hanging(indent, text.lstrip(), width)


def body(part: Part, *, width: int, colour: bool) -> Iterator[str]:
    """The lines of a part's pictures, without its heading. An empty line follows each picture of the run."""
    for picture in part.pictures:
        yield from drawn(picture, width=width, colour=colour)
        if isinstance(picture, Illustration):
            yield ""


def drawn(picture: LessonPicture, *, width: int, colour: bool) -> Iterator[str]:
    """One picture, under its caption."""
    caption = getattr(picture, "caption", "")
    yield from (paint(line, "note", colour) for line in wrap(caption, width))
    match picture:
        case Prose() | Table():
            yield from text.lines(picture, width=width, colour=colour)
        case Answers():
            for key, answer in zip(KEYS, picture.answers, strict=False):
                yield from _hanging(f"  {key}  ", answer, width)
        case Check():
            mark = paint("✗", "error", colour) if picture.meaning else paint("✓", "good", colour)
            yield from _hanging(f"{mark} ", picture.sentence, width)
            yield from _hanging("  ", picture.meaning, width) if picture.meaning else ()
        case Failure():
            yield from _hanging(f"{paint('✗', 'error', colour)} ", printable(picture.reason), width)
        case Commands():
            yield from (f"  {line}" for command in picture.commands for line in typed(command, width - 2))
            yield from wrap(picture.note, width, initial_indent="  ", subsequent_indent="  ")
        case Listing():
            yield from (f"  {line}".rstrip() for line in picture.source.split("\n"))
            yield from (paint(f"  -> {line}", "good", colour) for line in picture.prints)
        case Bars():
            yield from _bars(picture, width)
        case Curve():
            yield from _curve(picture, width)
        case Ladder():
            yield from _ladder(picture, width, colour)


def votes(question: Quiz, counts: Mapping[str, int], *, colour: bool) -> Iterator[str]:
    """How the class voted."""
    total = sum(counts.values())
    if not total:
        yield _("Nobody voted.")
        return
    for place, key in enumerate(KEYS[: len(question.answers)]):
        count = counts.get(key, 0)
        bar = paint("█" * round(BAR * count / total), "good" if place == question.right else "note", colour)
        said = plural("{} vote", "{} votes", count).format(count)
        yield f"  {key}  {said:<10} {bar}".rstrip()


def typed(command: str, width: int) -> Iterator[str]:
    """A command in lines that can be copied, or typed from paper, as they stand: a shell joins them. Where it goes, an option and
    its value share a line."""
    together = re.sub(" (?!--)", NO_BREAK, command)
    if max(map(len, together.split(" "))) > width - 6:
        together = command
    *lines, last = wrap(together, width - 2, subsequent_indent="    ", break_on_hyphens=False)
    yield from (f"{line} \\".replace(NO_BREAK, " ") for line in lines)
    yield last.replace(NO_BREAK, " ")


def _ladder(picture: Ladder, width: int, colour: bool) -> Iterator[str]:
    if width < NARROWEST_LADDER:
        yield _("The ladder needs {} columns.").format(NARROWEST_LADDER)
        return
    cut = [shortened(run, picture.milliseconds) for run in picture.runs]
    yield from ladder_lines.beside(cut, width=width, colour=colour, limit=FRAMES)


def shortened(run: Trace, milliseconds: float) -> Trace:
    """The run up to a moment."""
    until = milliseconds * MILLISECOND
    frames = [frame for frame in run.frames or () if frame.arrived_at <= until]
    return replace(run, frames=frames)


def _bars(bars: Bars, width: int) -> Iterator[str]:
    if not bars.rows:
        return
    named = max(len(name) for name, _length, _value in bars.rows)
    room = max(4, min(BAR, width - named - 4 - max(len(value) for _name, _length, value in bars.rows)))
    longest = bars.whole or max(length for _name, length, _value in bars.rows) or 1.0
    for name, length, value in bars.rows:
        yield f"{name:>{named}}  {'█' * round(room * length / longest)} {value}".rstrip()


def _curve(curve: Curve, width: int) -> Iterator[str]:
    """A column for each moment, and below it from when to when."""
    end = f"{language.number(curve.until, ',.0f')} ms"
    room = max(len(end) + 2, width - len(curve.top) - 1)
    steps = len(BLOCKS) - 1
    heights = [round(CURVE * steps * curve.at(curve.until * column / room) / curve.whole) for column in range(room)]
    for line in range(CURVE - 1, -1, -1):
        name = curve.top if line == CURVE - 1 else "0" if line == 0 else ""
        yield f"{name:>{len(curve.top)}} {''.join(BLOCKS[min(max(tall - line * steps, 0), steps)] for tall in heights)}".rstrip()
    yield f"{'':>{len(curve.top)}} 0{end:>{room - 1}}"


def _hanging(start: str, text: str, width: int) -> Iterator[str]:
    """The text after a start, its further lines below its own first one."""
    indent = ladder_lines.visible(start)
    lines = wrap(text, width - indent) or [""]
    yield start + lines[0]
    yield from (" " * indent + line for line in lines[1:])
