"""What stands beside the arrows of a ladder: which messages they carry, where that has room, and so that no label covers another.

Owns the words of a label and its place. The arrows themselves are `svg`'s. Lengths are the SVG's own units; times nanoseconds.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import combinations
from math import atan, cos, degrees, hypot, sin
from typing import NamedTuple, TypeVar

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
LABEL = 17
"""The height of a line of text."""
NARROW, LETTER, WIDE = 5.2, 8.8, 14.0
"""The widths of letters, generously: with these labels are kept apart."""
ARE_NARROW, ARE_WIDE = frozenset(" ,;.:'()ijlI"), frozenset("mwMW×…")
ROOM = RECEIVER - SENDER - 20
"""How long a label may be, measured across the picture."""
LONGEST_NUMBERS = 9
"""Letters of the numbers of several messages."""
TOGETHER = 4
"""Arrows that start, and deliveries that are, so close to each other cannot be told apart."""

Place = Callable[[int], float]
"""A time's height in the picture."""
Corners = tuple[tuple[float, float], ...]
"""Of a label, one after the other around it."""
T = TypeVar("T")


class Label(NamedTuple):
    """What stands beside some arrows."""

    picture: str
    lowest: float
    """How far down it reaches."""


def labels(named: list[Arrow], slopes: Mapping[Direction, float], place: Place) -> Iterator[Label]:
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
    length = sum(width(text) for text, _lost in wording(group, slope))
    turn = atan(slope if forward else -slope)
    along = (cos(turn), sin(turn)) if forward else (-cos(turn), -sin(turn))
    up = (sin(turn) * LABEL, -cos(turn) * LABEL)
    end = (x + along[0] * length, y + along[1] * length)
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


def label(group: list[Arrow], slope: float, place: Place) -> Label:
    """What they carry, beside the start of the first. Of several, only what was lost looks lost."""
    x, y = start(group[0], slope, place)
    forward = group[0].direction is Direction.FORWARD
    turn = f"translate({x} {y:.1f}) rotate({degrees(atan(slope if forward else -slope)):.1f})"
    side = "start" if forward else "end"
    parts = "".join(f'<tspan class="lost">{safe(text)}</tspan>' if lost else safe(text) for text, lost in wording(group, slope))
    picture = f'<text class="label {group[0].frame.phase.value}" text-anchor="{side}" transform="{turn}">{parts}</text>'
    return Label(picture, max(y for _x, y in corners(group, slope, place)))


def wording(group: list[Arrow], slope: float) -> list[tuple[str, bool]]:
    """What several frames carry, and what became of it: ACK, messages 1–3; 4 – lost. In parts, each with whether it was lost, and
    together never longer than there is room for, which is more along a steep arrow."""
    fates = dict.fromkeys(arrow.dropped for arrow in sorted(group, key=lambda arrow: arrow.dropped is not None))
    parts = [[arrow for arrow in group if arrow.dropped == dropped] for dropped in fates]
    ends = [f" – {_(dropped)}" if dropped else "" for dropped in fates]
    ends[:-1] = [f"{end}; " for end in ends[:-1]]
    room = ROOM * hypot(1, slope) - sum(map(width, ends))
    for briefly in (1, 0):
        texts = [contents(part, brief=at >= briefly) for at, part in enumerate(parts)]
        if sum(map(width, texts)) <= room:
            break
    else:
        texts = cut(texts, room)
    return [(text + end, dropped is not None) for text, end, dropped in zip(texts, ends, fates, strict=True)]


def width(text: str) -> float:
    """How wide a text is at most."""
    return sum(NARROW if letter in ARE_NARROW else WIDE if letter in ARE_WIDE else LETTER for letter in text)


def cut(texts: list[str], room: float) -> list[str]:
    """As much of them as there is room for: the longest gives way."""
    while sum(map(width, texts)) > room and max(map(len, texts)) > 1:
        longest = max(range(len(texts)), key=lambda at: len(texts[at]))
        texts[longest] = texts[longest].removesuffix("…")[:-1].rstrip(" ,") + "…"
    return texts


def contents(group: list[Arrow], *, brief: bool) -> str:
    """What several frames carry. Brief: messages are their numbers alone."""
    others = Counter(arrow.frame.label.replace("acknowledgment", "ack") for arrow in group if not is_message(arrow))
    words = [telling.label(text) if times == 1 else f"{times} × {telling.label(text)}" for text, times in others.items()]
    messages = [arrow for arrow in group if is_message(arrow)]
    if messages:
        first = numbered(
            [sequence for arrow in messages if arrow.frame.identity.transmission == 1 for sequence in carried(arrow)], brief
        )
        again = numbered(
            [sequence for arrow in messages if arrow.frame.identity.transmission > 1 for sequence in carried(arrow)], brief
        )
        numbers = ", ".join(filter(None, [first, again and _("{} again").format(again)]))
        text = "{}" if brief else _("message {}") if (first or again).isdigit() else _("messages {}")
        words.insert(0 if is_message(group[0]) else len(words), text.format(numbers))
    return ", ".join(words)


def carried(arrow: Arrow) -> range:
    """The sequence numbers of the messages in it."""
    return range(arrow.frame.first_sequence, arrow.frame.last_sequence + 1)


def is_message(arrow: Arrow) -> bool:
    """Whether messages of ours are in it, whose numbers can stand for it."""
    return arrow.frame.phase is Phase.DATA and arrow.frame.first_sequence > 0


def numbered(sequences: list[int], brief: bool = False) -> str:
    """7, or 7–9, or 7–9, 12; brief, where that is long: 7 … 12."""
    series = ranges(sorted(set(sequences)))
    return f"{min(sequences)} … {max(sequences)}" if brief and len(series) > LONGEST_NUMBERS else series
