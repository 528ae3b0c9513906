"""The ladders of one excerpt: an SVG for each mode, all of one height and with one axis of time, which runs downwards.

Owns coordinates and the order in which things are drawn; colours and strokes are `assets/page.css`'s. Which arrows there are is
`compare.ladder`'s, which span of time is shown `excerpts`', what stands beside an arrow `labels`'. Lengths are the SVG's own
units; times nanoseconds.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import hypot
from statistics import median

from udpmsg.base.language import _, number
from udpmsg.compare.choices import Mode
from udpmsg.compare.ladder import Arrow, Mark, MarkKind, arrows, marks
from udpmsg.compare.page.excerpts import Excerpt, near
from udpmsg.compare.page.labels import AXIS, LABEL, RECEIVER, SENDER, TOGETHER, Place, gathered, labels, numbered
from udpmsg.compare.trace import Trace
from udpmsg.link.record import Direction, FrameRecord, Phase
from udpmsg.show import telling
from udpmsg.show.markup import safe
from udpmsg.show.page import css

WIDTH = AXIS + 350
HEADING = 70
"""Above the ladder, for the mode and the two hosts."""
SLOT = 30
"""The height that a message has, of those that start one after the other."""
LOWEST, TALLEST = 340, 900
LANE = 8
"""From one message that is held back to the next."""
MOST_LANES = 6
ROOM_ABOVE, ROOM_BELOW = 20, 10
"""What of the ladder shows before its first and after its last moment: the first label stands above its arrow."""
MOST_ARROWS = 80
"""Of one ladder; more cannot be read."""
LOSS_AT = 0.55
"""How far a lost frame comes, of the way to the other line."""


def draw(excerpt: Excerpt, runs: list[Trace], names: dict[Mode, str], interval: int, number: int | str) -> tuple[str, int, int]:
    """The pictures, how many frames they show, how many they leave out for lack of room. `number` makes their ids unique."""
    length = excerpt.end - excerpt.start
    height = min(max(length / max(interval, 1) * SLOT, LOWEST), TALLEST)

    def place(time: int) -> float:
        return HEADING + (time - excerpt.start) / length * height

    within: dict[Mode, list[str]] = {}
    lowest = HEADING + height
    shown = left_out = 0
    for run in runs:
        part = near(run, excerpt)
        frames = part.frames or []
        first = arrows(replace(part, frames=frames[:1000]))
        inside = [frame for frame in frames if frame.arrived_at <= excerpt.end and latest(frame) >= excerpt.start]
        seen = [arrow for arrow in arrows(replace(part, frames=inside)) if (arrow.arrives_at or arrow.sent_at) >= excerpt.start]
        given = marks(part, [])
        kept = most_telling(seen)
        shown, left_out = shown + len(kept), left_out + len(seen) - len(kept)
        usual = {direction: usual_delay(first, direction) for direction in Direction}
        slopes = {direction: (place(delay) - place(0)) / (RECEIVER - SENDER) for direction, delay in usual.items()}
        named = list(labels([arrow for arrow in kept if excerpt.covers(arrow.sent_at) and not arrow.copy], slopes, place))
        lowest = max([lowest, *(label.lowest for label in named)])
        clipped = f'<g clip-path="url(#clip{number}-{css(run.mode)})">'
        within[run.mode] = [
            *axis(excerpt, place),
            *hosts(names[run.mode], place, excerpt),
            clipped,
            *held([mark for mark in given if overlaps(mark, excerpt)], place),
            *frames_drawn(kept, usual, place),
            "</g>",
            *(label.picture for label in named),
            clipped,
            *deliveries([mark for mark in given if excerpt.covers(mark.at)], place),
            "</g></svg>",
        ]
    pictures = []
    for mode, parts in within.items():
        key = f"{number}-{css(mode)}"
        title = safe(f"{excerpt.title}: {names[mode]}, {span(excerpt)}")
        pictures += [
            f'<svg class="m-{css(mode)}" viewBox="0 0 {WIDTH} {lowest + ROOM_BELOW:.0f}" role="img" '
            f'aria-labelledby="ladder{key}">',
            f'<title id="ladder{key}">{title}</title>',
            f'<clipPath id="clip{key}"><rect x="0" y="{HEADING - ROOM_ABOVE}" width="{WIDTH}" '
            f'height="{height + ROOM_ABOVE + ROOM_BELOW:.0f}"/></clipPath>',
            *parts,
        ]
    return "\n".join(['<div class="modes">', *pictures, "</div>"]), shown, left_out


def latest(frame: FrameRecord) -> int:
    """When the last that was seen of it happened."""
    return max(frame.left_at, default=frame.arrived_at)


def span(excerpt: Excerpt) -> str:
    """0 to 220 ms."""
    return _("{} to {} ms").format(milliseconds(excerpt.start), milliseconds(excerpt.end))


def milliseconds(time: int) -> str:
    """1,234 or 0.25: as exact as a reader wants it."""
    return number(time / 1e6, ",.0f" if abs(time) >= 10_000_000 or time % 1_000_000 == 0 else ".3g")


def most_telling(seen: list[Arrow]) -> list[Arrow]:
    """Not more than can be read: faults, handshake and farewell first, and of the others every so many."""
    telling = [arrow for arrow in seen if arrow.faulty or arrow.frame.phase in (Phase.HANDSHAKE, Phase.TEARDOWN)][:MOST_ARROWS]
    chosen = {id(arrow) for arrow in telling}
    others = [arrow for arrow in seen if id(arrow) not in chosen]
    room = MOST_ARROWS - len(telling)
    step = max(1, -(-len(others) // room)) if room else len(others) + 1
    return sorted(telling + others[::step][:room], key=lambda arrow: arrow.sent_at)


def overlaps(mark: Mark, excerpt: Excerpt) -> bool:
    """Whether any of the time in which a message was held back is in the excerpt."""
    return mark.held_since is not None and mark.held_since <= excerpt.end and mark.at >= excerpt.start


def axis(excerpt: Excerpt, place: Place) -> Iterator[str]:
    """Lines across the ladder at round times, and the times at their left."""
    length = excerpt.end - excerpt.start
    step = next(step for power in range(20) for step in (10**power, 2 * 10**power, 5 * 10**power) if length / step <= 13)
    places = max(0, 6 - len(str(step)) + 1)
    yield '<g class="axis">'
    for time in range(-(-excerpt.start // step) * step, excerpt.end + 1, step):
        y = f"{place(time):.1f}"
        at = number(time / 1e6, f",.{places}f")
        yield f'<path d="M{AXIS} {y}H{WIDTH}"/><text x="{AXIS - 8}" y="{y}" dy=".35em">{at}</text>'
    yield f'<text x="{AXIS - 20}" y="{HEADING - ROOM_ABOVE - 8}">ms</text></g>'


def hosts(name: str, place: Place, excerpt: Excerpt) -> Iterator[str]:
    """The mode's name and the two lines."""
    top, bottom = place(excerpt.start) - ROOM_ABOVE, place(excerpt.end) + ROOM_BELOW
    yield f'<text class="mode" x="{(SENDER + RECEIVER) / 2}" y="18">{safe(name)}</text>'
    for x, host in ((SENDER, _("sender")), (RECEIVER, _("receiver"))):
        yield f'<text class="host" x="{x}" y="{HEADING - ROOM_ABOVE - 8}">{safe(host)}</text>'
        yield f'<path class="host" d="M{x} {top:.1f}V{bottom:.1f}"/>'


def frames_drawn(kept: list[Arrow], usual: dict[Direction, int], place: Place) -> Iterator[str]:
    """Arrows, faults last so that nothing covers them."""
    for arrow in sorted(kept, key=lambda arrow: (arrow.faulty, arrow.sent_at)):
        yield one_frame(arrow, usual[arrow.direction], place)


def usual_delay(first: list[Arrow], direction: Direction) -> int:
    """The median of those that went this way."""
    ways = [arrow for arrow in first if arrow.direction is direction]
    delays = [arrow.arrives_at - arrow.sent_at for arrow in ways if arrow.arrives_at is not None]
    return round(median(delays)) if delays else 0


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
    kind = ["frame", arrow.frame.phase.value]
    kind += ["again"] if arrow.frame.identity.transmission > 1 or arrow.copy else []
    kind += ["lost"] if arrow.dropped else []
    line = f'<path class="line" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>'
    return f'<g class="{" ".join(kind)}"><title>{safe(describe(arrow))}</title>{line}{tip}</g>'


def describe(arrow: Arrow) -> str:
    """All that is known of a frame, in a line."""
    frame = arrow.frame
    parts = [telling.label(frame.label), _("frame {}").format(frame.number), _("sent at {} ms").format(exactly(arrow.sent_at))]
    if frame.identity.transmission > 1:
        parts.append(_("transmission {}").format(frame.identity.transmission))
    if arrow.arrives_at is not None:
        parts.append(_("arrived at {} ms").format(exactly(arrow.arrives_at)))
    parts += [_(arrow.dropped)] if arrow.dropped else []
    parts += [_("a copy")] if arrow.copy else []
    parts += [_("corrupted")] if arrow.frame.corrupted else []
    parts += [_("held back on purpose")] if arrow.frame.reordered else []
    parts += [_("fault {}").format(arrow.frame.script)] if arrow.frame.script else []
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

    def height(mark: Mark) -> float:
        return place(mark.at)

    for several in gathered(given, height, TOGETHER, lambda mark: mark.kind):
        kind = several[0].kind
        given_at = _("message {} delivered to the application at {} ms")
        words = given_at if kind is MarkKind.DELIVERED else _("message {} came again, suppressed at {} ms")
        title = safe(words.format(numbered([mark.sequence for mark in several]), exactly(several[0].at)))
        dot = f'<circle class="{kind.value}" cx="{RECEIVER}" cy="{height(several[0]):.1f}" r="4.5"/>'
        yield f"<g><title>{title}</title>{dot}</g>"
    for several in gathered(given, height, LABEL - 2):
        waited = sum(mark.held_since is not None for mark in several)
        x, y = RECEIVER + 12 + min(waited, MOST_LANES) * LANE, height(several[0])
        numbers = numbered([mark.sequence for mark in several], brief=True)
        yield f'<text class="number" x="{x}" y="{y:.1f}" dy=".35em">{numbers}</text>'
