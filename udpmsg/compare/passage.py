"""What the link's record says about each message: which frames carried it, and which whole datagrams reached the other host.

Reads frames alone, never the ends' logs: this is the witness that the ledger and the audit ask. Times are as in the records.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from udpmsg.link.record import Direction, FrameKind, FrameRecord

FRAGMENT_SHIFT = 13
"""Over UDP the part of an identity is our fragment's index * 8192, plus the offset of an IP fragment (see `link.frames`)."""

Carriers = dict[int, list[FrameRecord]]
"""Sequence number -> the frames that carry anything of that message, in the order in which the link saw them."""


class Arrival(NamedTuple):
    """One message over UDP, as the link let it out."""

    at: int
    """When its last missing datagram left for the receiver."""
    number: int
    """Of that datagram's last frame: of what leaves at one time, the smaller number leaves first."""
    repeats: int
    """How often it came again, whole: a copy, or a transmission that was not needed."""


class Whole(NamedTuple):
    """A whole datagram that left for the receiver."""

    at: int
    number: int
    fragment: int
    """Which fragment of its message it carries; 0 where it carries all of it."""


def carriers(frames: Iterable[FrameRecord]) -> Carriers:
    """Which frames carry each message on its way to the receiver."""
    found: Carriers = defaultdict(list)
    for frame in frames:
        identity = frame.identity
        if frame.first_sequence and identity.kind is FrameKind.DATA and identity.direction is Direction.FORWARD:
            if frame.first_sequence == frame.last_sequence:
                found[frame.first_sequence].append(frame)
            else:
                for sequence in range(frame.first_sequence, frame.last_sequence + 1):
                    found[sequence].append(frame)
    return dict(found)


def transmissions(frames: Iterable[FrameRecord], sequence: int) -> int:
    """How often a message was sent, by the frames that carry anything of it: those with its first byte."""
    return sum([frame.identity.part == 0 or sequence > frame.first_sequence for frame in frames])


def passed(frame: FrameRecord) -> bool:
    """Whether a frame reached the other host as it was."""
    return bool(frame.left_at) and not frame.corrupted


def fragments(found: Carriers) -> int:
    """Into how many datagrams the messages of a run over UDP were cut: they all have one size."""
    highest = max((frame.identity.part for frames in found.values() for frame in frames), default=0)
    return (highest >> FRAGMENT_SHIFT) + 1


def datagrams(frames: list[FrameRecord]) -> list[Whole]:
    """The whole datagrams of one message that reached the receiver's host over UDP, in the order in which they did.

    A frame that is too large for the link's MTU travels in several IP fragments, which that host puts together again
    (RFC 791, 3.2); a copy of one that it has already is thrown away, and a flipped bit in one spoils the datagram.
    """
    if all(frame.identity.part == 0 for frame in frames):
        whole = [Whole(at, frame.number, 0) for frame in frames if not frame.corrupted for at in frame.left_at]
        return sorted(whole) if len(whole) > 1 else whole
    pieces: dict[tuple[int, int], list[FrameRecord]] = defaultdict(list)
    for frame in frames:
        pieces[frame.identity.part >> FRAGMENT_SHIFT, frame.identity.transmission].append(frame)
    whole = []
    for (fragment, _), parts in pieces.items():
        needed = {part.identity.part for part in parts}
        have: dict[int, bool] = {}
        came = sorted((at, piece.number, piece.identity.part, piece.corrupted) for piece in parts for at in piece.left_at)
        for at, number, part, corrupted in came:
            have.setdefault(part, corrupted)
            if have.keys() == needed:
                if not any(have.values()):
                    whole.append(Whole(at, number, fragment))
                have.clear()
    return sorted(whole)


def arrival(frames: list[FrameRecord], fragment_count: int) -> Arrival | None:
    """When a message was whole at the receiver's host over UDP; None: it never was."""
    if fragment_count == 1 and len(frames) == 1:  # nearly every message
        frame = frames[0]
        return Arrival(min(frame.left_at), frame.number, len(frame.left_at) - 1) if passed(frame) else None
    have = set()
    came = datagrams(frames)
    for index, datagram in enumerate(came):
        have.add(datagram.fragment)
        if len(have) == fragment_count:
            repeats = sum(later.fragment == 0 for later in came[index + 1 :])
            return Arrival(datagram.at, datagram.number, repeats)
    return None


def spoiled(frames: Iterable[FrameRecord]) -> int:
    """How many UDP frames with a flipped bit reached the receiver's host."""
    return sum(
        len(frame.left_at)
        for frame in frames
        if frame.corrupted and frame.transport == "udp" and frame.identity.direction is Direction.FORWARD
    )
