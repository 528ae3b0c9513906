"""A ladder in the terminal: one row per frame, with the time at both its ends, and what the application got at the right.

Owns the drawing, and which rows are worth showing. What arrows there are is `ladder`'s. Rows are in the order in which frames
were sent; a slanted arrow would need many rows, and two that cross could not be told apart, so the times say the slant.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise, zip_longest
from statistics import median
from textwrap import wrap

from udpmsg.base.durations import MILLISECOND
from udpmsg.base.language import _, number, plural
from udpmsg.compare.choices import Mode
from udpmsg.compare.ladder import Arrow, Mark, MarkKind, arrows, marks
from udpmsg.compare.trace import Trace
from udpmsg.link.record import Direction, Phase
from udpmsg.show.telling import label
from udpmsg.show.terminal import COLOURS, duration, escape, paint

LIMIT = 40
"""Frames that are shown of one run, when nothing else is asked for."""
FIRST = 12
"""Of them so many from the start on."""
LONGEST_EPISODE = 24
"""Frames from a fault to its repair; of a longer one its beginning and its end are shown."""
WIDE = 150
"""Columns from which on two ladders stand beside each other."""
TIME = 9
"""Columns of a time."""
BETWEEN = 3
PROMPT = 5e6
"""A delivery within five milliseconds of its frame's arrival is not told apart from it."""

PURPOSES = {"lost": "error", "again": "warning", "waits": "warning", "delivered": "good", "quiet": "note"}


def lines(run: Trace, *, width: int, colour: bool, limit: int = LIMIT) -> Iterator[str]:
    """The ladder of one run, a line at a time, none longer than `width`, which is at least 60."""
    drawn = arrows(run)
    if not drawn:
        yield from wrap(_nobody_saw(run), width)
        return
    looks = _Looks(run, drawn, width, colour)
    yield looks.head()
    previous = -1
    idle = _idle(run)
    for place in _worth_showing(drawn, limit):
        left_out = place - previous - 1
        gap = drawn[place].sent_at - drawn[previous].sent_at if place and previous >= 0 else 0
        if left_out:
            words = plural("{} frame left out, {}", "{} frames left out, {}", left_out)
            yield looks.pause(words.format(number(left_out), duration(gap / 1e9)))
        elif gap >= idle:
            yield looks.pause(_("{} in which nothing was sent").format(duration(gap / 1e9)))
        yield looks.row(place)
        previous = place
    if previous < len(drawn) - 1:
        left_out = len(drawn) - 1 - previous
        words = plural("{} frame left out, to the end", "{} frames left out, to the end", left_out)
        yield looks.pause(words.format(number(left_out)))


def beside(runs: list[Trace], *, width: int, colour: bool, limit: int = LIMIT) -> Iterator[str]:
    """The ladders of several runs: one below the other, or two side by side where there is room for that."""
    abreast = 2 if width >= WIDE and len(runs) > 1 else 1
    each = (width - BETWEEN * (abreast - 1)) // abreast
    for start in range(0, len(runs), abreast):
        together = runs[start : start + abreast]
        columns = [[_title(run, colour), *lines(run, width=each, colour=colour, limit=limit)] for run in together]
        if start:
            yield ""
        for row in zip_longest(*columns, fillvalue=""):
            cells = [cell + " " * (each - visible(cell)) for cell in row[:-1]]
            yield (" " * BETWEEN).join([*cells, row[-1]]).rstrip()


def visible(text: str) -> int:
    """How many columns a text takes: its colours take none."""
    for code in COLOURS.values():
        text = text.replace(f"\x1b[{code}m", "")
    return len(text.replace("\x1b[0m", ""))


def _title(run: Trace, colour: bool) -> str:
    title = run.mode.value
    if run.repetition > 1:
        title = _("{}, repetition {}").format(title, run.repetition)
    return paint(title, "number", colour)


def _nobody_saw(run: Trace) -> str:
    if run.frames is None and run.mode.transport == "tcp":
        return _("No ladder: nobody saw TCP's segments here. In the lab (Linux) the link sees each of them.")
    if run.frames is None:
        return _("No ladder: nobody saw the frames, as on every real network.")
    return _("No ladder: nothing was sent.")


def _idle(run: Trace) -> float:
    """Nanoseconds without a frame that a reader is told of: clearly longer than the schedule's own."""
    intervals = [later.due_at - earlier.due_at for earlier, later in pairwise(run.sent[:100])]
    return max(50e6, 3 * median(intervals)) if intervals else 50e6


# What is worth showing.


def _worth_showing(drawn: list[Arrow], limit: int) -> list[int]:
    """Places of the rows to show, ascending: the first, then from each fault until what it broke is whole again."""
    if len(drawn) <= limit:
        return list(range(len(drawn)))
    chosen = set(range(min(FIRST, limit)))
    again = defaultdict(list)
    for place, arrow in enumerate(drawn):
        if arrow.frame.phase is Phase.DATA:
            again[_carried(arrow)].append(place)
    for place, arrow in enumerate(drawn):
        if len(chosen) >= limit:
            break
        if arrow.faulty:
            same = again[_carried(arrow)] if arrow.frame.phase is Phase.DATA else []
            after = same[bisect_right(same, place) :]
            end = after[0] if arrow.dropped is not None and after else place
            episode = list(range(max(0, place - 1), min(end + 2, len(drawn))))
            if len(episode) > LONGEST_EPISODE:
                episode = episode[: LONGEST_EPISODE // 2] + episode[-LONGEST_EPISODE // 2 :]
            chosen.update(new for new in [one for one in episode if one not in chosen][: limit - len(chosen)])
    # A pause in place of one frame would take the same room.
    chosen.update(place + 1 for place in list(chosen) if place + 2 in chosen)
    return sorted(chosen)


def _carried(arrow: Arrow) -> tuple[Direction, int, int]:
    """What its bytes are, whichever transmission it is."""
    identity = arrow.frame.identity
    return identity.direction, identity.index, identity.part


# Drawing.


class _Looks:
    """Draws the rows of one run, all of one width."""

    def __init__(self, run: Trace, drawn: list[Arrow], width: int, colour: bool) -> None:
        self.drawn = drawn
        self.colour = colour
        self.tcp = run.mode is Mode.TCP
        self.way = max(26, min(54, width - 2 * TIME - 26))
        """Columns from one host to the other, both lines included."""
        self.notes = max(8, width - 2 * TIME - self.way - 4)
        self.said = self._said(marks(run, drawn))
        """What the application did when the arrow at this place came: text and purpose."""

    def head(self) -> str:
        """The hosts' names above their lines."""
        sender, receiver, application = (word.upper() for word in (_("sender"), _("receiver"), _("application")))
        names = sender + receiver.rjust(self.way - len(sender))
        return paint(f"{'ms':>{TIME}} {names} {'ms':>{TIME}}  {application}".rstrip(), "note", self.colour)

    def pause(self, words: str) -> str:
        """A break in the two lines of time."""
        return paint(f"{'':{TIME}} ⋮ {words[: self.way - 4]:<{self.way - 4}} ⋮", "note", self.colour)

    def row(self, place: int) -> str:
        """One frame."""
        arrow = self.drawn[place]
        forward = arrow.direction is Direction.FORWARD
        left, right = (arrow.sent_at, arrow.arrives_at) if forward else (arrow.arrives_at, arrow.sent_at)
        note, purpose = self.said.get(place, ("", "quiet"))
        way = self._way(arrow)
        way = way[0] + paint(way[1:-1], *self._colour(arrow)) + way[-1]
        text = paint(note[: self.notes], PURPOSES[purpose], self.colour) if note else ""
        return f"{_time(left)} {way} {_time(right)}  {text}".rstrip()

    def _colour(self, arrow: Arrow) -> tuple[str, bool]:
        if arrow.dropped is not None or arrow.frame.corrupted:
            return PURPOSES["lost"], self.colour
        if arrow.frame.identity.transmission > 1 or arrow.copy or arrow.frame.reordered:
            return PURPOSES["again"], self.colour
        return PURPOSES["quiet"], self.colour and arrow.frame.phase is not Phase.DATA and arrow.frame.phase is not Phase.HANDSHAKE

    def _way(self, arrow: Arrow) -> str:
        """From line to line: `├─ message 4 ──────▶│`."""
        inner = self.way - 2
        forward = arrow.direction is Direction.FORWARD
        words = f" {_label(arrow)} "[:inner]
        stroke = "┄" if arrow.copy else "─"
        if arrow.dropped is not None:
            reason = f"✗ {arrow.frame.script or _(arrow.dropped)}"
            reason = escape(reason.encode("utf-8", "backslashreplace"))[: max(1, inner - len(words) - 2)]
            shaft = stroke * max(1, inner * 3 // 5 - len(words) - 1)
            ending = f"{shaft}{reason}" if forward else f"{reason[2:]} ✗{shaft}"
            space = " " * (inner - 1 - len(words) - len(ending))
            text = f"├{stroke}{words}{ending}{space}│" if forward else f"│{space}{ending}{words}{stroke}┤"
        else:
            head = "▶" if forward else "◀"
            shaft = ("≈" if arrow.frame.corrupted else stroke) * (inner - 2 - len(words))
            if arrow.arrives_at is None:
                head = stroke
            text = f"├{stroke}{words}{shaft}{head}│" if forward else f"│{head}{shaft}{words}{stroke}┤"
        return text

    def _said(self, drawn_marks: list[Mark]) -> dict[int, tuple[str, str]]:
        """For each arrow that told the application something, or should have: the words, and what they are for."""
        delivered: dict[int, list[Mark]] = defaultdict(list)
        suppressed: dict[int, list[int]] = defaultdict(list)
        waiting: dict[int, list[Mark]] = defaultdict(list)
        carrier = {mark.sequence: mark.arrow for mark in drawn_marks if mark.kind is MarkKind.DELIVERED}
        for mark in drawn_marks:
            if mark.arrow is None:
                continue
            if mark.kind is MarkKind.SUPPRESSED:
                suppressed[mark.arrow].append(mark.sequence)
            elif mark.behind is None:
                delivered[mark.arrow].append(mark)
            else:
                waiting[mark.arrow].append(mark)
                released_by = carrier.get(mark.behind)
                if released_by is not None:
                    delivered[released_by].append(mark)
        said = {}
        for place, arrow in enumerate(self.drawn):
            if place in delivered:
                said[place] = (self._delivered(delivered[place], arrow), "delivered")
            elif place in waiting:
                numbers = [mark.sequence for mark in waiting[place]]
                text = plural("{} waits for {}", "{} wait for {}", len(numbers))
                said[place] = (text.format(ranges(numbers), waiting[place][0].behind), "waits")
            elif place in suppressed:
                said[place] = (_("{} again: suppressed").format(ranges(suppressed[place])), "again")
            elif arrow.frame.first_sequence and arrow.arrives_at is not None and arrow.direction is Direction.FORWARD:
                said[place] = self._nothing_came_of(arrow, in_vain=arrow.frame.first_sequence not in carrier)
        return said

    def _delivered(self, told: list[Mark], arrow: Arrow) -> str:
        text = f"▸ {ranges(sorted(mark.sequence for mark in told))}"
        at = told[0].at
        if arrow.arrives_at is not None and at - arrow.arrives_at > PROMPT:
            return _("{} at {}").format(text, number(at / MILLISECOND, ",.1f"))
        return text

    def _nothing_came_of(self, arrow: Arrow, *, in_vain: bool) -> tuple[str, str]:
        """An arrow with messages reached the host, and the application got none of them from it; `in_vain`: nor from another."""
        if arrow.frame.corrupted:
            return _("corrupted: discarded"), "lost"
        if self.tcp:
            return (_("had it: discarded"), "again") if arrow.frame.identity.transmission > 1 or arrow.copy else ("", "quiet")
        if arrow.frame.identity.part or not in_vain:
            return "", "quiet"  # of several fragments one has the word
        return _("{} not delivered").format(arrow.frame.first_sequence), "lost"


def ranges(numbers: list[int]) -> str:
    """4, 5–7, 9: ascending numbers, neighbours together."""
    return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in neighbours(numbers))


def neighbours(numbers: Iterable[int]) -> list[list[int]]:
    """Ascending numbers as the first and the last of each unbroken series."""
    series: list[list[int]] = []
    for one in numbers:
        if series and one == series[-1][1] + 1:
            series[-1][1] = one
        else:
            series.append([one, one])
    return series


def _label(arrow: Arrow) -> str:
    parts = [escape(label(arrow.frame.label).encode("utf-8", "backslashreplace"))]
    if arrow.frame.identity.transmission == 2 and arrow.frame.phase is Phase.DATA:
        parts.append(_("again"))
    elif arrow.frame.identity.transmission > 2 and arrow.frame.phase is Phase.DATA:
        parts.append(_("transmission {}").format(arrow.frame.identity.transmission))
    parts += [_("the link's copy")] if arrow.copy else []
    parts += [_("held back")] if arrow.frame.reordered else []
    return ", ".join(parts)


def _time(time: int | None) -> str:
    return " " * TIME if time is None else f"{number(time / MILLISECOND, ',.1f'):>{TIME}}"
