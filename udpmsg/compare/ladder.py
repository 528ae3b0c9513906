"""The geometry of a ladder: which arrows it has, from when to when, and when the application was given each message.

Read from the link's record and the receiver's log, for the terminal (`ladder_text`) and the page (`page.svg`) alike. Draws
nothing. Times are nanoseconds since the run's start.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from udpmsg.base.errors import N_
from udpmsg.compare.audit import SLACK
from udpmsg.compare.choices import Mode
from udpmsg.compare.trace import Received, Trace
from udpmsg.link.record import Direction, Drop, FrameRecord

DROPS = {
    Drop.LOSS: N_("lost"),
    Drop.BURST: N_("lost in a burst"),
    Drop.SCRIPT: N_("dropped"),
    Drop.QUEUE_FULL: N_("queue full"),
    Drop.POLICED: N_("policed"),
    Drop.MTU: N_("too large"),
    Drop.MALFORMED: N_("not understood"),
}
"""Why an arrow does not arrive, in words short enough to stand at its end; translated where they are shown."""

LARGEST_FRAME = 65_535
"""Bytes: an IP packet has no more, so no frame carries more messages, whatever a saved file says."""


# Not frozen, though nobody changes one: there are hundreds of thousands, and a frozen dataclass costs four times as much.
@dataclass(slots=True)
class Arrow:
    """One copy of a frame on its way from one host to the other."""

    frame: FrameRecord
    arrives_at: int | None
    """None: dropped, or still under way when the run ended."""
    copy: bool = False
    """The link made it: the second of two."""

    @property
    def direction(self) -> Direction:
        """FORWARD: from the sender to the receiver."""
        return self.frame.identity.direction

    @property
    def sent_at(self) -> int:
        """When its host put it on the link."""
        return self.frame.arrived_at

    @property
    def dropped(self) -> str | None:
        """Why it does not arrive, in a few words."""
        return None if self.frame.dropped is None else DROPS[self.frame.dropped]

    @property
    def faulty(self) -> bool:
        """Whether anything happened to it, or it repeats what was sent before: what a reader looks for."""
        frame = self.frame
        changed = self.copy or frame.corrupted or frame.reordered
        return changed or frame.dropped is not None or frame.script is not None or frame.identity.transmission > 1


class MarkKind(StrEnum):
    """What a receiver did with a message that came."""

    DELIVERED = "delivered"
    SUPPRESSED = "suppressed"
    """It had come before."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A message at the receiver: when the application got it, or that it came again and was suppressed."""

    at: int
    sequence: int
    kind: MarkKind
    arrow: int | None = None
    """The place, in the list of arrows, of the one that carried it; None where the record has none."""
    held_since: int | None = None
    """It had arrived by then, and waited for one before it (head-of-line blocking); None: it did not wait."""
    behind: int | None = None
    """The message that it waited for."""


def arrows(run: Trace) -> list[Arrow]:
    """The arrows of a run, by when they were sent. Empty where nobody saw frames: on a real network."""
    drawn = []
    for frame in run.frames or ():
        drawn += [Arrow(frame, left_at, number > 0) for number, left_at in enumerate(frame.left_at)] or [Arrow(frame, None)]
    return sorted(drawn, key=lambda arrow: arrow.sent_at)


def marks(run: Trace, drawn: list[Arrow]) -> list[Mark]:
    """What the receiver did with each message that came, in its log's order; `drawn` are all the run's arrows, or none where
    nobody asks which arrow carried a message."""
    carriers = _carriers(drawn)
    held = waits(run)
    whole_at = _whole_at(run.frames or ())
    receptions = defaultdict(list)
    for received in run.received:
        receptions[received.sequence].append(received)
    carrier: dict[int, int] = {}  # id of a reception -> place of its arrow
    for sequence, several in receptions.items():
        places = carriers.get(sequence, [])
        if run.mode is Mode.TCP:  # the kernel took the first copy of each byte, and told nobody of the others
            places = [place for place in places if drawn[place].arrives_at == whole_at[sequence]][:1]
        for received, place in _paired(several, places, drawn):
            carrier[id(received)] = place
    drawn_marks = []
    for received in run.received:
        kind = MarkKind.SUPPRESSED if received.duplicate else MarkKind.DELIVERED
        wait = None if received.duplicate else held.get(received.sequence)
        drawn_marks.append(
            Mark(
                received.at,
                received.sequence,
                kind,
                carrier.get(id(received)),
                held_since=None if wait is None else wait.since,
                behind=None if wait is None else wait.behind,
            )
        )
    return drawn_marks


def _paired(several: list[Received], places: list[int], drawn: list[Arrow]) -> Iterator[tuple[Received, int]]:
    """Each reception of one message with the arrow that brought it. Where more arrived than were received (the kernel dropped
    some), a reception came with the last arrival before it."""
    if len(several) == len(places):
        yield from zip(several, places, strict=True)
        return
    remaining = list(places)
    for received in reversed(several):
        place = bisect_right(remaining, received.at, key=lambda place: drawn[place].arrives_at or 0)
        if not place:
            place = min(1, bisect_right(remaining, received.at + SLACK, key=lambda place: drawn[place].arrives_at or 0))
        if place:
            yield received, remaining[place - 1]
            del remaining[place - 1 :]


@dataclass(frozen=True, slots=True)
class Wait:
    """A message that was at the receiver's host and waited for one before it."""

    sequence: int
    since: int
    until: int
    behind: int


def waits(run: Trace) -> dict[int, Wait]:
    """Head-of-line blocking, by message: it was whole at the receiver's host, one before it was not, and it was delivered only
    after that one had come.

    The one that it waited for is, of those before it, the last to arrive. Where order is not kept, the message that arrived first
    was delivered first too, so nothing waited.
    """
    delivered: dict[int, tuple[int, int]] = {}
    for place, received in enumerate(run.received):
        if not received.duplicate:
            delivered.setdefault(received.sequence, (place, received.at))
    waiting = {}
    latest, behind = 0, 0
    for sequence, arrived in sorted(_whole_at(run.frames or ()).items()):
        if sequence not in delivered:
            continue
        place, at = delivered[sequence]
        if behind and arrived < latest <= at + SLACK and delivered[behind][0] < place:
            waiting[sequence] = Wait(sequence, arrived, at, behind)
        if arrived > latest or not behind:
            latest, behind = arrived, sequence
    return waiting


def _carriers(drawn: list[Arrow]) -> dict[int, list[int]]:
    """Places of the arrows that brought a message's last byte unharmed, by sequence number and in order of arrival."""
    carriers = defaultdict(list)
    arrived = [
        (arrow.arrives_at, place)
        for place, arrow in enumerate(drawn)
        if arrow.arrives_at is not None
        and arrow.frame.first_sequence
        and arrow.direction is Direction.FORWARD
        and not arrow.frame.corrupted
    ]
    for _, place in sorted(arrived):
        arrow = drawn[place]
        last = min(arrow.frame.last_sequence, arrow.frame.first_sequence + LARGEST_FRAME)
        for sequence in range(arrow.frame.first_sequence, last + 1):
            carriers[sequence].append(place)
    return carriers


def _whole_at(frames: Iterable[FrameRecord]) -> dict[int, int]:
    """When each message was whole at the receiver's host, as far as the record tells: when the last of its parts came, unharmed
    and for the first time."""
    parts: dict[tuple[int, int, int], int] = {}
    for frame in frames:
        identity, first = frame.identity, frame.first_sequence
        if first and frame.left_at and identity.direction is Direction.FORWARD and not frame.corrupted:
            at = min(frame.left_at)
            for sequence in range(first, min(frame.last_sequence, first + LARGEST_FRAME) + 1):
                part = (sequence, identity.index, identity.part)
                parts[part] = min(at, parts.get(part, at))
    whole: dict[int, int] = {}
    for (sequence, _, _), at in parts.items():
        whole[sequence] = max(at, whole.get(sequence, at))
    return whole
