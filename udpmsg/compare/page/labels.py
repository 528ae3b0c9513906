"""What stands beside the arrows of a ladder: which messages they carry, where that has room, and so that no label covers another.

Owns the words of a label and its place. The arrows themselves are `svg`'s. Lengths are the SVG's own units; times nanoseconds.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import combinations
from math import atan, cos, degrees, hypot, sin
from typing import TypeVar

from udpmsg.base.language import _
from udpmsg.compare.ladder import Arrow
from udpmsg.compare.ladder_text import ranges
from udpmsg.link.record import Direction, Phase
from udpmsg.show import telling
from udpmsg.show.markup import safe

AXIS = 52
"""At the left, for the times."""
SENDER, RECEIVER = AXIS + 30, AXIS + 240
"""Where the hosts' lines are; deliveries have the rest."""
LABEL, LETTER = 17, 8.6
"""The height of a line of text and the width of a letter, generously: with these labels are kept apart."""
LONGEST_LABEL = int((RECEIVER - SENDER - 22) / LETTER)
LONGEST_NUMBERS = 9
"""Letters of a label, and of the numbers beside the receiver's line."""
TOGETHER = 4
"""Arrows that start, and deliveries that are, so close to each other cannot be told apart."""

Place = Callable[[int], float]
"""A time's height in the picture."""
Corners = tuple[tuple[float, float], ...]
"""Of a label, one after the other around it."""
T = TypeVar("T")


def labels(named: list[Arrow], slopes: Mapping[Direction, float], place: Place) -> Iterator[str]:
    """What the arrows carry, each text along its direction's usual slope. Every message has its label, or none has where there is
    no room for all: a label for some would make the others look like nothing. Faults and answers have theirs where there is room.

    Arrows that start together and meet one end share a label; where that is not enough, all that start within its height do.
    """
    ways = {direction: [arrow for arrow in named if arrow.direction is direction] for direction in Direction}
    slope = slopes[Direction.FORWARD]
    finely, roughly = (
        gathered(ways[Direction.FORWARD], lambda arrow: place(arrow.sent_at), TOGETHER, lambda arrow: arrow.dropped),
        gathered(ways[Direction.FORWARD], lambda arrow: place(arrow.sent_at), LABEL * hypot(1, slope)),
    )
    taken: list[Corners] = []
    one_by_one = []
    for groups in (finely, roughly):
        places = [corners(group, slope, place) for group in groups]
        if not any(collide(one, other) for one, other in combinations(places, 2)):
            taken += places
            yield from (label(group, slope, place) for group in groups)
            break
    else:
        one_by_one += [group for group in finely if group[0].faulty]
    one_by_one += gathered(ways[Direction.BACK], lambda arrow: place(arrow.sent_at), TOGETHER, lambda arrow: arrow.dropped)
    for group in sorted(one_by_one, key=lambda group: not group[0].faulty):
        slope = slopes[group[0].direction]
        where = corners(group, slope, place)
        if not any(collide(where, other) for other in taken):
            taken.append(where)
            yield label(group, slope, place)


def gathered(items: Iterable[T], height: Callable[[T], float], reach: float, kind: Callable[[T], object] = type) -> list[list[T]]:
    """Items of one kind that begin within `reach` of the first of them, together."""
    groups: list[list[T]] = []
    latest: dict[object, list[T]] = {}
    for item in items:
        group = latest.get(kind(item))
        if group is None or height(item) - height(group[0]) > reach:
            group = latest[kind(item)] = []
            groups.append(group)
        group.append(item)
    return groups


def corners(group: list[Arrow], slope: float, place: Place) -> Corners:
    """Where a label is."""
    x, y, forward = *start(group[0], slope, place), group[0].direction is Direction.FORWARD
    letters = len(wording(group))
    turn = atan(slope if forward else -slope)
    along = (cos(turn), sin(turn)) if forward else (-cos(turn), -sin(turn))
    up = (sin(turn) * LABEL, -cos(turn) * LABEL)
    end = (x + along[0] * letters * LETTER, y + along[1] * letters * LETTER)
    return (x, y), end, (end[0] + up[0], end[1] + up[1]), (x + up[0], y + up[1])


def collide(one: Corners, other: Corners) -> bool:
    """Whether two rectangles cover a place together: no line along a side of theirs parts them."""
    for rectangle in (one, other):
        for (x1, y1), (x2, y2) in (rectangle[:2], rectangle[1:3]):
            mine = [(y2 - y1) * x - (x2 - x1) * y for x, y in one]
            its = [(y2 - y1) * x - (x2 - x1) * y for x, y in other]
            if max(mine) <= min(its) or max(its) <= min(mine):
                return False
    return True


def start(arrow: Arrow, slope: float, place: Place) -> tuple[float, float]:
    """Where an arrow's label begins: beside its host's line, a little above the arrow."""
    x, away = (SENDER + 10, 10) if arrow.direction is Direction.FORWARD else (RECEIVER - 12, 12)
    return x, place(arrow.sent_at) + slope * away - 4


def label(group: list[Arrow], slope: float, place: Place) -> str:
    """What they carry, beside the start of the first."""
    x, y = start(group[0], slope, place)
    forward = group[0].direction is Direction.FORWARD
    turn = f"translate({x} {y:.1f}) rotate({degrees(atan(slope if forward else -slope)):.1f})"
    kind = f"label {group[0].phase.value}{' lost' if any(arrow.dropped for arrow in group) else ''}"
    side = "start" if forward else "end"
    return f'<text class="{kind}" text-anchor="{side}" transform="{turn}">{safe(wording(group))}</text>'


def wording(group: list[Arrow]) -> str:
    """What several frames carry, and what became of it: ACK, messages 1–3; 4 – lost. Never longer than there is room for."""
    fates = dict.fromkeys(arrow.dropped for arrow in sorted(group, key=lambda arrow: arrow.dropped is not None))
    parts = [[arrow for arrow in group if arrow.dropped == dropped] for dropped in fates]
    whole = "; ".join(contents(part, brief=at > 0) for at, part in enumerate(parts))
    if len(whole) <= LONGEST_LABEL:
        return whole
    short = "; ".join(contents(part, brief=True) for part in parts)
    return short if len(short) <= LONGEST_LABEL else f"{short[: LONGEST_LABEL - 1]}…"


def contents(group: list[Arrow], *, brief: bool) -> str:
    """What several frames with one end carry. Brief: messages are their numbers alone."""
    others = Counter(arrow.label.replace("acknowledgment", "ack") for arrow in group if not is_message(arrow))
    words = [telling.label(text) if times == 1 else f"{times} × {telling.label(text)}" for text, times in others.items()]
    messages = [arrow for arrow in group if is_message(arrow)]
    if messages:
        first = numbered([sequence for arrow in messages if arrow.transmission == 1 for sequence in carried(arrow)], brief)
        again = numbered([sequence for arrow in messages if arrow.transmission > 1 for sequence in carried(arrow)], brief)
        numbers = ", ".join(filter(None, [first, again and _("{} again").format(again)]))
        text = "{}" if brief else _("message {}") if (first or again).isdigit() else _("messages {}")
        words.insert(0 if is_message(group[0]) else len(words), text.format(numbers))
    dropped = group[0].dropped
    return ", ".join(words) + (f" – {_(dropped)}" if dropped else "")


def carried(arrow: Arrow) -> range:
    """The sequence numbers of the messages in it."""
    return range(arrow.first_sequence, arrow.last_sequence + 1)


def is_message(arrow: Arrow) -> bool:
    """Whether messages of ours are in it, whose numbers can stand for it."""
    return arrow.phase is Phase.DATA and arrow.first_sequence > 0


def numbered(sequences: list[int], brief: bool = False) -> str:
    """7, or 7–9, or 7–9, 12; brief, where that is long: 7 … 12."""
    series = ranges(sorted(set(sequences)))
    return f"{min(sequences)} … {max(sequences)}" if brief and len(series) > LONGEST_NUMBERS else series
