"""Scripted faults as users write them: `drop:data:4`, `delay:ack:2:80ms`, `back:drop:data:1`. Text becomes `Scripted`, and back.

    [DIRECTION:]ACTION:KIND:INDEX[:TRANSMISSION]            ACTION is drop, duplicate or corrupt
    [DIRECTION:]delay:KIND:INDEX[:TRANSMISSION]:TIME

KIND is data, ack or control, INDEX counts from 1, and TRANSMISSION is 1 (the first) where it is not written. Data and control go
forward, with the messages; acknowledgments go back, so `drop:ack:2` is the second acknowledgment on its way to the sender.
DIRECTION, forward or back, chooses the other way. Knows nothing of how a frame is recognised (see `way`, `frames`).
"""

from udpmsg.base import units
from udpmsg.base.errors import N_, UsageError
from udpmsg.link.faults import Action, Scripted
from udpmsg.link.record import Direction, FrameKind

DIRECTIONS = {direction.name.lower(): direction for direction in Direction}
USUAL = {FrameKind.DATA: Direction.FORWARD, FrameKind.ACK: Direction.BACK, FrameKind.CONTROL: Direction.FORWARD}
"""Which way a kind of frame goes when it is not said."""
EXAMPLES = {
    Action.DROP: "drop:data:4",
    Action.DUPLICATE: "duplicate:data:7",
    Action.DELAY: "delay:data:5:80ms",
    Action.CORRUPT: "corrupt:data:6",
}
LARGEST_TRANSMISSION = 2**32 - 1
"""An identity has four bytes for it (`faults`)."""


def parse_fault(text: str) -> Scripted:
    """The fault that the text means. Raises UsageError with the text, the reason, and one that is right."""
    parts = [part.strip() for part in text.strip().lower().split(":")]
    direction = DIRECTIONS.get(parts[0])
    if direction is not None:
        del parts[0]
    action = None
    try:
        action = Action(units.one_of(parts.pop(0) if parts else "", Action, N_("fault")))
        return _fault(action, parts, direction, text.strip())
    except UsageError as error:
        example = EXAMPLES[action or Action.DROP]
        raise UsageError("{!r}: {}; write it as in {}", text, error, example) from None


def fault_text(fault: Scripted) -> str:
    """The fault as it was written; made anew where it was not."""
    if fault.text:
        return fault.text
    parts = [] if fault.direction is USUAL[fault.kind] else [fault.direction.name.lower()]
    parts += [fault.action.value, fault.kind.value, str(fault.index)]
    if fault.transmission != 1:
        parts.append(str(fault.transmission))
    if fault.action is Action.DELAY:
        parts.append(units.duration_text(fault.delay))
    return ":".join(parts)


def _fault(action: Action, parts: list[str], direction: Direction | None, text: str) -> Scripted:
    if not parts:
        raise UsageError("it does not say which frame")
    kind = FrameKind(units.one_of(parts.pop(0), FrameKind, N_("kind of frame")))
    delay = 0
    if action is Action.DELAY:
        if not parts or parts[-1].isdigit() or not parts[-1]:
            raise UsageError("it does not say by how much, or the unit is missing")
        delay = units.parse_positive_nanoseconds(parts.pop())
    if not parts:
        raise UsageError("it does not say which {} frame", kind)
    if len(parts) > 2:
        raise UsageError("{!r} is one part too many", ":".join(parts[2:]))
    index, transmission = [units.parse_count(part) for part in [*parts, "1"][:2]]
    if transmission > LARGEST_TRANSMISSION:
        raise UsageError("nothing is sent {} times", transmission)
    return Scripted(action, kind, index, transmission, USUAL[kind] if direction is None else direction, delay, text)
