"""The ladders of one excerpt as one SVG: the modes side by side on one axis of time, which runs downwards.

Owns coordinates and the order in which things are drawn; colours and strokes are `assets/page.css`'s. Which arrows there are is
`compare.ladder`'s, which span of time is shown `excerpts`'. Lengths are the SVG's own units; times nanoseconds.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from math import atan, degrees, hypot
from statistics import median

from udpmsg.base.language import _, number
from udpmsg.compare.ladder import Arrow, Mark, MarkKind, arrows, marks
from udpmsg.compare.page.excerpts import Excerpt, near
from udpmsg.compare.trace import Mode, Run
from udpmsg.link.record import Direction, Phase
from udpmsg.show import telling
from udpmsg.show.markup import safe
from udpmsg.show.page import css

COLUMN = 366
AXIS = 60
"""The width of a ladder, and left of them all, for the times."""
HEADING = 70
"""Above the ladders, for the modes and the two hosts."""
SENDER, RECEIVER = 30, 240
"""Where the hosts' lines are, from a ladder's left edge; deliveries have the rest."""
SLOT = 30
"""The height that a message has, of those that start one after the other."""
LOWEST, TALLEST = 340, 900
LANE = 8
"""From one message that is held back to the next."""
MOST_LANES = 6
ROOM_ABOVE, ROOM_BELOW = 20, 10
"""What of the ladder shows before its first and after its last moment: the first label stands above its arrow."""
LABEL = 14
"""The height of a line of text: labels closer than this would cover each other."""
TOGETHER = 4
"""Arrows that start, and deliveries that are, so close to each other share a label."""
MOST_ARROWS = 80
"""Of one ladder; more cannot be read."""
LOSS_AT = 0.55
"""How far a lost frame comes, of the way to the other line."""

Place = Callable[[int], float]
"""A time's height in the picture."""


def draw(excerpt: Excerpt, runs: list[Run], names: dict[Mode, str], interval: int, number: int | str) -> tuple[str, int, int]:
    """The SVG, how many frames it shows, how many it leaves out for lack of room. `number` makes its ids unique."""
    length = excerpt.end - excerpt.start
    height = min(max(length / max(interval, 1) * SLOT, LOWEST), TALLEST)

    def place(time: int) -> float:
        return HEADING + (time - excerpt.start) / length * height

    width = AXIS + COLUMN * len(runs)
    whole = HEADING + height + ROOM_BELOW
    beside = _(" beside ").join(names[run.mode] for run in runs)
    words = f"{excerpt.title}: {beside}, {span(excerpt)}"
    parts = [
        f'<svg class="of-{len(runs)}" viewBox="0 0 {width} {whole:.0f}" role="img" aria-labelledby="ladder{number}">',
        f'<title id="ladder{number}">{safe(words)}</title>',
        f'<clipPath id="clip{number}"><rect x="0" y="{HEADING - ROOM_ABOVE}" width="{width}" '
        f'height="{height + ROOM_ABOVE + ROOM_BELOW:.0f}"/></clipPath>',
        *axis(excerpt, place, width),
    ]
    shown = left_out = 0
    for at, run in enumerate(runs):
        part = near(run, excerpt)
        everyone = arrows(part)
        given = marks(part, everyone)
        seen = [
            arrow for arrow in everyone if arrow.sent_at <= excerpt.end and (arrow.arrives_at or arrow.sent_at) >= excerpt.start
        ]
        kept = most_telling(seen)
        shown, left_out = shown + len(kept), left_out + len(seen) - len(kept)
        parts += [
            f'<g class="m-{css(run.mode)}" transform="translate({AXIS + at * COLUMN} 0)">',
            *hosts(names[run.mode], place, excerpt),
            f'<g clip-path="url(#clip{number})">',
            *held([mark for mark in given if overlaps(mark, excerpt)], place),
            *frames(everyone, kept, excerpt, place),
            *deliveries([mark for mark in given if excerpt.covers(mark.at)], place),
            "</g></g>",
        ]
    parts.append("</svg>")
    return "\n".join(parts), shown, left_out


def span(excerpt: Excerpt) -> str:
    """0 to 220 ms."""
    return _("{} to {} ms").format(milliseconds(excerpt.start), milliseconds(excerpt.end))


def milliseconds(time: int) -> str:
    """1,234 or 0.25: as exact as a reader wants it."""
    return number(time / 1e6, ",.0f" if abs(time) >= 10_000_000 or time % 1_000_000 == 0 else ".3g")


def most_telling(seen: list[Arrow]) -> list[Arrow]:
    """Not more than can be read: faults, handshake and farewell first, and of the others every so many."""
    telling = [arrow for arrow in seen if arrow.faulty or arrow.phase in (Phase.HANDSHAKE, Phase.TEARDOWN)][:MOST_ARROWS]
    chosen = {id(arrow) for arrow in telling}
    others = [arrow for arrow in seen if id(arrow) not in chosen]
    room = MOST_ARROWS - len(telling)
    step = max(1, -(-len(others) // room)) if room else len(others) + 1
    return sorted(telling + others[::step][:room], key=lambda arrow: arrow.sent_at)


def overlaps(mark: Mark, excerpt: Excerpt) -> bool:
    """Whether any of the time in which a message was held back is in the excerpt."""
    return mark.held_since is not None and mark.held_since <= excerpt.end and mark.at >= excerpt.start


def axis(excerpt: Excerpt, place: Place, width: int) -> Iterator[str]:
    """Lines across all ladders at round times, and the times at their left."""
    length = excerpt.end - excerpt.start
    step = next(step for power in range(20) for step in (10**power, 2 * 10**power, 5 * 10**power) if length / step <= 13)
    places = max(0, 6 - len(str(step)) + 1)
    yield '<g class="axis">'
    for time in range(-(-excerpt.start // step) * step, excerpt.end + 1, step):
        y = f"{place(time):.1f}"
        at = number(time / 1e6, f",.{places}f")
        yield f'<path d="M{AXIS} {y}H{width}"/><text x="{AXIS - 8}" y="{y}" dy=".35em">{at}</text>'
    yield f'<text x="{AXIS - 20}" y="{HEADING - ROOM_ABOVE - 8}">ms</text></g>'


def hosts(name: str, place: Place, excerpt: Excerpt) -> Iterator[str]:
    """The mode's name and the two lines."""
    top, bottom = place(excerpt.start) - ROOM_ABOVE, place(excerpt.end) + ROOM_BELOW
    yield f'<text class="mode" x="{(SENDER + RECEIVER) / 2}" y="18">{safe(name)}</text>'
    for x, host in ((SENDER, _("sender")), (RECEIVER, _("receiver"))):
        yield f'<text class="host" x="{x}" y="{HEADING - ROOM_ABOVE - 8}">{safe(host)}</text>'
        yield f'<path class="host" d="M{x} {top:.1f}V{bottom:.1f}"/>'


def frames(everyone: list[Arrow], kept: list[Arrow], excerpt: Excerpt, place: Place) -> Iterator[str]:
    """Arrows, faults last so that nothing covers them, and such labels as have room."""
    delays = [arrow.arrives_at - arrow.sent_at for arrow in everyone[:1000] if arrow.arrives_at is not None]
    usual = round(median(delays)) if delays else 0
    for arrow in sorted(kept, key=lambda arrow: (arrow.faulty, arrow.sent_at)):
        yield one_frame(arrow, usual, place)
    yield from labels([arrow for arrow in kept if excerpt.covers(arrow.sent_at) and not arrow.copy], usual, place)


def labels(kept: list[Arrow], usual: int, place: Place) -> Iterator[str]:
    """One for all arrows that start together and meet one end. Where there is no room for all, faults have theirs; and on top."""
    groups: list[list[Arrow]] = []
    latest: dict[tuple[Direction, str | None], list[Arrow]] = {}
    for arrow in kept:
        group = latest.get((arrow.direction, arrow.dropped))
        if group is None or place(arrow.sent_at) - place(group[0].sent_at) > TOGETHER:
            group = latest[arrow.direction, arrow.dropped] = []
            groups.append(group)
        group.append(arrow)
    taken: dict[Direction, list[float]] = {Direction.FORWARD: [], Direction.BACK: []}
    written = []
    for group in sorted(groups, key=lambda group: (not group[0].faulty, group[0].phase is Phase.ACKNOWLEDGMENT)):
        x1, y, x2, y2 = ends(group[0], usual, place)
        others, distance = taken[group[0].direction], LABEL * hypot(1, (y2 - y) / (x2 - x1))
        if all(abs(y - other) >= distance for other in others):
            others.append(y)
            written.append(label(group, usual, place))
    yield from reversed(written)


def ends(arrow: Arrow, usual: int, place: Place) -> tuple[float, float, float, float]:
    """From where to where an arrow goes; a lost frame comes a part of the way, as fast as others."""
    start, end = (SENDER, RECEIVER) if arrow.direction is Direction.FORWARD else (RECEIVER, SENDER)
    if arrow.arrives_at is not None:
        return start, place(arrow.sent_at), end, place(arrow.arrives_at)
    return start, place(arrow.sent_at), start + (end - start) * LOSS_AT, place(arrow.sent_at + round(usual * LOSS_AT))


def one_frame(arrow: Arrow, usual: int, place: Place) -> str:
    """An arrow with its head, or with a cross where it was lost. What it was stands in its title."""
    x1, y1, x2, y2 = ends(arrow, usual, place)
    long = hypot(x2 - x1, y2 - y1) or 1.0
    along, down = (x2 - x1) / long, (y2 - y1) / long
    if arrow.arrives_at is None:
        tip = f'<path class="cross" d="M{x2 - 6:.1f} {y2 - 6:.1f}l12 12m0-12l-12 12"/>'
    else:
        back, side = 10, 4
        corners = [(x2 - back * along + turn * side * down, y2 - back * down - turn * side * along) for turn in (1, -1)]
        tip = f'<path class="head" d="M{x2:.1f} {y2:.1f}' + "".join(f"L{x:.1f} {y:.1f}" for x, y in corners) + 'z"/>'
    kind = ["frame", arrow.phase.value]
    kind += [word for word, true in (("again", arrow.transmission > 1 or arrow.copy), ("lost", bool(arrow.dropped))) if true]
    line = f'<path class="line" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>'
    return f'<g class="{" ".join(kind)}"><title>{safe(describe(arrow))}</title>{line}{tip}</g>'


def label(group: list[Arrow], usual: int, place: Place) -> str:
    """What they carry, along the line of the last and near its start."""
    arrow = group[-1]
    x1, y1, x2, y2 = ends(arrow, usual, place)
    forward = arrow.direction is Direction.FORWARD
    x, side = (SENDER + 10, "start") if forward else (RECEIVER - 12, "end")
    slope = (y2 - y1) / (x2 - x1)
    turn = f"translate({x} {y1 + slope * (x - x1) - 4:.1f}) rotate({degrees(atan(slope)):.1f})"
    kind = f"label {arrow.phase.value}{' lost' if arrow.dropped else ''}"
    return f'<text class="{kind}" text-anchor="{side}" transform="{turn}">{safe(wording(group))}</text>'


def wording(group: list[Arrow]) -> str:
    """What several frames carry: ACK, messages 1–3 – lost."""
    others = Counter(arrow.label.replace("acknowledgment", "ack") for arrow in group if not is_message(arrow))
    words = [telling.label(text) if times == 1 else f"{times} × {telling.label(text)}" for text, times in others.items()]
    messages = [arrow for arrow in group if is_message(arrow)]
    if messages:
        first = numbered([sequence for arrow in messages if arrow.transmission == 1 for sequence in carried(arrow)])
        again = numbered([sequence for arrow in messages if arrow.transmission > 1 for sequence in carried(arrow)])
        numbers = ", ".join(filter(None, [first, again and _("{} again").format(again)]))
        text = _("message {}") if (first or again).isdigit() else _("messages {}")
        words.insert(0 if is_message(group[0]) else len(words), text.format(numbers))
    dropped = group[0].dropped
    return ", ".join(words) + (f" – {_(dropped)}" if dropped else "")


def carried(arrow: Arrow) -> range:
    """The sequence numbers of the messages in it."""
    return range(arrow.first_sequence, arrow.last_sequence + 1)


def is_message(arrow: Arrow) -> bool:
    """Whether messages of ours are in it, whose numbers can stand for it."""
    return arrow.phase is Phase.DATA and arrow.first_sequence > 0


def describe(arrow: Arrow) -> str:
    """All that is known of a frame, in a line."""
    parts = [telling.label(arrow.label), _("frame {}").format(arrow.number), _("sent at {} ms").format(exactly(arrow.sent_at))]
    if arrow.transmission > 1:
        parts.append(_("transmission {}").format(arrow.transmission))
    if arrow.arrives_at is not None:
        parts.append(_("arrived at {} ms").format(exactly(arrow.arrives_at)))
    parts += [_(arrow.dropped)] if arrow.dropped else []
    parts += [_("a copy")] if arrow.copy else []
    parts += [_("corrupted")] if arrow.corrupted else []
    parts += [_("held back on purpose")] if arrow.held_back else []
    parts += [_("fault {}").format(arrow.script)] if arrow.script else []
    return ", ".join(parts)


def exactly(time: int) -> str:
    """Milliseconds with the microseconds: 1,234.567."""
    return number(time / 1e6, ",.3f")


def held(waiting: list[Mark], place: Place) -> Iterator[str]:
    """Bars beside the receiver's line: at its host, and kept from the application by a gap before it."""
    lanes: list[int] = []
    for mark in sorted(waiting, key=lambda mark: mark.held_since or 0):
        since = mark.held_since or 0
        lane = next((at for at, free_at in enumerate(lanes) if free_at < since), len(lanes))
        if lane == MOST_LANES:
            continue  # no room: those beside it tell the same
        lanes[lane : lane + 1] = [mark.at]
        x = RECEIVER + 9 + lane * LANE
        top, bottom = place(since), place(mark.at)
        title = _("message {}: arrived at {} ms, held back behind message {} for {} ms").format(
            mark.sequence, exactly(since), mark.behind, number((mark.at - since) / 1e6, ",.1f")
        )
        bar = f'<rect class="held" x="{x}" y="{top:.1f}" width="{LANE - 3}" height="{max(bottom - top, 1):.1f}" rx="2"/>'
        yield f"<g><title>{safe(title)}</title>{bar}</g>"


def deliveries(given: list[Mark], place: Place) -> Iterator[str]:
    """Dots on the receiver's line, and which messages the application got there; rings for duplicates suppressed."""
    last_label = -1e9
    for several in together(given, place):
        y, kind = place(several[0].at), several[0].kind
        numbers = numbered([mark.sequence for mark in several])
        given_at = _("message {} delivered to the application at {} ms")
        words = given_at if kind is MarkKind.DELIVERED else _("message {} came again, suppressed at {} ms")
        title = safe(words.format(numbers, exactly(several[0].at)))
        yield f'<g><title>{title}</title><circle class="{kind.value}" cx="{RECEIVER}" cy="{y:.1f}" r="4.5"/></g>'
        if y - last_label >= LABEL - 2:
            last_label = y
            waited = sum(mark.held_since is not None for mark in several)
            x = RECEIVER + 12 + min(waited, MOST_LANES) * LANE
            yield f'<text class="number" x="{x}" y="{y:.1f}" dy=".35em">{numbers}</text>'


def together(given: list[Mark], place: Place) -> list[list[Mark]]:
    """Marks that a reader cannot tell apart, and that say the same."""
    groups: list[list[Mark]] = []
    for mark in given:
        if groups and groups[-1][0].kind is mark.kind and place(mark.at) - place(groups[-1][0].at) <= TOGETHER:
            groups[-1].append(mark)
        else:
            groups.append([mark])
    return groups


def numbered(sequences: list[int]) -> str:
    """7, or 7–9, or 7–9, 12."""
    series: list[list[int]] = []
    for sequence in sorted(set(sequences)):
        if series and series[-1][1] == sequence - 1:
            series[-1][1] = sequence
        else:
            series.append([sequence, sequence])
    return ", ".join(f"{first}" if first == last else f"{first}–{last}" for first, last in series)
