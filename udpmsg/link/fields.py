"""The faults of a link as users write them, one row per fault: how its text is read, and how it is written.

Options, scenario files and reports share this table, so a value is read, refused and shown everywhere alike. Text made here reads
back as the same value. Knows no option's syntax and no file (see `udpmsg.cli.linking`, `udpmsg.compare.scenario`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

from udpmsg.base import kinds, units
from udpmsg.base.errors import UsageError
from udpmsg.base.kinds import ValueKind
from udpmsg.link.faults import Burst, Later, Link, Path, Police

Changes = Mapping[str, Any]
"""Values of `Path`, by the name of the attribute."""

NONE = "none"
"""How the absence of a burst, a rate, a queue, a policer or an MTU is written."""
SILENT = "silent"
"""The word for an MTU beyond which packets vanish."""
SMALLEST_MTU = 68
"""RFC 791, section 3.2: every module must be able to forward a datagram of 68 octets whole."""
LARGEST_MTU = 65_535
LONGEST_BURST = 1_000
"""Frames on average: whether a frame is in a burst is found by looking back, over at most this many frames on average."""
MOST_QUEUED = 10**9
SMALLEST_BUCKET = 1_514
"""Bytes of a full Ethernet frame: one that finds less never passes (RFC 2697, section 2, asks for the largest packet)."""


class Field(NamedTuple):
    """One fault of a path."""

    read: Callable[[str], Changes]
    """What the text sets. Raises UsageError."""
    text: Callable[[Path], str]
    """The path's value, as it is written."""
    metavar: str
    example: str
    """For both ways: FORWARD/BACK."""


class BothWays(NamedTuple):
    """What one option sets, for each direction."""

    forward: Changes
    back: Changes


def read(name: str, text: str) -> Changes:
    """What the text sets in one direction."""
    return FIELDS[name].read(text)


def read_both(name: str, text: str) -> BothWays:
    """What the text sets: one value for both ways, or FORWARD/BACK."""
    values = text.replace("bit/s", "bit").split("/")  # the one unit with a stroke of its own
    if len(values) > 2 or not all(value.strip() for value in values):
        example = FIELDS[name].example
        raise UsageError(
            "{!r} is neither one value for both ways nor FORWARD/BACK; write {} or {}", text, example.partition("/")[0], example
        )
    changes = [read(name, value) for value in values]
    return BothWays(changes[0], changes[-1])


def text_of(name: str, path: Path) -> str:
    """The value of one fault of a path, as it is written."""
    return FIELDS[name].text(path)


def text_of_both(name: str, link: Link) -> str:
    """The value of one fault, as it is written: once if it is the same both ways."""
    forward, back = text_of(name, link.forward), text_of(name, link.back)
    return forward if forward == back else f"{forward}/{back}"


def changed(base: Link, given: Iterable[BothWays]) -> Link:
    """The base with what is given instead. Raises UsageError where the values mean nothing together."""
    forward, back = base.forward, base.back
    for changes in given:
        forward, back = replace(forward, **changes.forward), replace(back, **changes.back)
    link = replace(base, forward=forward, back=back)
    check(link)
    return link


def check(link: Link) -> None:
    """Raise UsageError where a link's values mean nothing together."""
    for path, way in ((link.forward, "forward"), (link.back, "back")):
        least = min(path.delays)
        if path.jitter > least:
            jitter, delay = units.duration_text(path.jitter), units.duration_text(least)
            raise UsageError(
                "a jitter of {} is more than the delay of {} ({}), and no frame leaves before it came; choose a jitter of at "
                "most {}, or a longer delay",
                jitter,
                delay,
                way,
                delay,
            )
        if path.queue is not None and path.rate is None:
            raise UsageError(
                "a queue of {} frames means nothing without a rate ({}): where nothing is slow, nothing waits; give a rate such "
                "as 10mbit, or {} for the queue",
                path.queue,
                way,
                NONE,
            )


def _burst(text: str) -> Changes:
    if text.strip().lower() == NONE:
        return {"burst": None}
    parts = text.split(":")
    if not 2 <= len(parts) <= 4:
        raise UsageError(
            "{!r} is not a burst: ENTER:LEAVE, such as 1%:25%, says how likely a frame is to begin one, and to end it", text
        )
    shares = [units.parse_share(part) for part in parts]
    burst = Burst(*shares)
    if burst.enter + burst.leave > 1:
        raise UsageError(
            "{!r}: {} and {} are more than 100% together, and then no chain of two states has bursts; choose less, such as "
            "1%:25%",
            text,
            parts[0],
            parts[1],
        )
    if burst.leave * LONGEST_BURST < 1:
        raise UsageError(
            "{!r}: a burst would last 1/{} frames; choose at least {} to leave it ({} frames), such as 1%:25%",
            text,
            parts[1].strip(),
            units.share_text(1 / LONGEST_BURST),
            LONGEST_BURST,
        )
    return {"burst": burst}


def _burst_text(path: Path) -> str:
    burst = path.burst
    if burst is None:
        return NONE
    shares = [burst.enter, burst.leave, burst.loss_bad, burst.loss_good]
    written = 4 if burst.loss_good != 0 else 3 if burst.loss_bad != 1 else 2
    return ":".join(units.share_text(share) for share in shares[:written])


def _reorder(text: str) -> Changes:
    share, colon, time = text.partition(":")
    changes: dict[str, Any] = {"reorder": units.parse_share(share)}
    if colon:
        changes["reorder_by"] = units.parse_nanoseconds(time)
    return changes


def _reorder_text(path: Path) -> str:
    return f"{units.share_text(path.reorder)}:{units.duration_text(path.reorder_by)}"


def _queue(text: str) -> int:
    if not text.strip().isascii() or not text.strip().isdigit() or int(text[:20]) > MOST_QUEUED:
        raise UsageError("{!r} is not a number of frames; write a whole one, such as 50", text)
    return int(text)


def _police(text: str) -> Police:
    rate, colon, burst = text.partition(":")
    if not colon:
        raise UsageError(
            "{!r} is not a policer: RATE:SIZE, such as 10mbit:64KiB, is what it lets through and what its bucket holds", text
        )
    size = units.parse_size(burst)
    if size < SMALLEST_BUCKET:
        raise UsageError(
            "{!r}: a bucket of {} bytes would never let a full frame pass; choose {} or more, such as 64KiB",
            text,
            size,
            SMALLEST_BUCKET,
        )
    return Police(units.parse_bit_rate(rate), size)


def _police_text(police: Police) -> str:
    return f"{units.bit_rate_text(police.rate)}:{units.size_text(police.burst)}"


def _mtu(text: str) -> Changes:
    if text.strip().lower() == NONE:
        return {"mtu": None, "silent": False}
    number, colon, word = text.partition(":")
    if colon and word.strip().lower() != SILENT:
        raise UsageError("{!r} is not an MTU: write SIZE, or SIZE:silent, such as 1280:silent: larger packets then vanish", text)
    size = units.parse_size(number)
    if not SMALLEST_MTU <= size <= LARGEST_MTU:
        raise UsageError(
            "IP allows no MTU of {} bytes; choose from {} (RFC 791) to {}, such as 1400", size, SMALLEST_MTU, LARGEST_MTU
        )
    return {"mtu": size, "silent": bool(colon)}


def _mtu_text(path: Path) -> str:
    return NONE if path.mtu is None else f"{path.mtu}:{SILENT}" if path.silent else str(path.mtu)


def _value(attribute: str, kind: ValueKind, example: str) -> Field:
    """A fault that is one attribute."""
    return Field(
        lambda written: {attribute: kind.read(written)}, lambda path: kind.text(getattr(path, attribute)), kind.metavar, example
    )


def _optional(attribute: str, kind: ValueKind, example: str) -> Field:
    """The same, where it may be absent."""

    def read_value(written: str) -> Any:
        return None if written.strip().lower() == NONE else kind.read(written)

    return _value(
        attribute, kind._replace(read=read_value, text=lambda value: NONE if value is None else kind.text(value)), example
    )


def _changing(attribute: str, later: str, kind: ValueKind, example: str) -> Field:
    """A fault that may change during the run: VALUE[,VALUE@TIME…]. Only a rate has no value at all, and then none later."""

    def read_values(written: str) -> Changes:
        first, *rest = written.split(",")
        if not rest and attribute == "rate" and first.strip().lower() == NONE:
            return {attribute: None, later: ()}
        return {attribute: kind.read(first), later: _later(written, rest, kind.read)}

    def values_text(path: Path) -> str:
        value = getattr(path, attribute)
        changes = [f"{kind.text(change.value)}@{units.duration_text(change.at)}" for change in getattr(path, later)]
        return ",".join([NONE if value is None else kind.text(value), *changes])

    return Field(read_values, values_text, f"{kind.metavar}[,{kind.metavar}@WHEN]", example)


def _later(written: str, rest: list[str], parse: Callable[[str], Any]) -> tuple[Later, ...]:
    first = written.partition(",")[0].strip()
    changes: list[Later] = []
    for part in rest:
        value, sign, time = part.partition("@")
        if not sign:
            raise UsageError(
                "{!r}: {!r} does not say from when on; write VALUE@TIME, such as {}@2s", written, part, part.strip() or first
            )
        changes.append(Later(units.parse_positive_nanoseconds(time), parse(value)))
    if any(after.at <= before.at for before, after in pairwise(changes)):
        raise UsageError("{!r}: the times of the changes must rise; write them in order, as in VALUE,VALUE@1s,VALUE@2s", written)
    return tuple(changes)


FIELDS: Mapping[str, Field] = {
    "delay": _changing("delay", "later_delays", kinds.TIME, "20ms/40ms"),
    "jitter": _value("jitter", kinds.TIME, "5ms/0ms"),
    "loss": _value("loss", kinds.SHARE, "5%/0%"),
    "burst": Field(_burst, _burst_text, "ENTER:LEAVE", "1%:25%/none"),
    "duplicate": _value("duplicate", kinds.SHARE, "1%/0%"),
    "reorder": Field(_reorder, _reorder_text, "PERCENT[:TIME]", "2%:30ms/0%"),
    "corrupt": _value("corrupt", kinds.SHARE, "1%/0%"),
    "rate": _changing("rate", "later_rates", kinds.BIT_RATE, "1mbit/10mbit"),
    "queue": _optional("queue", ValueKind("N", _queue), "10/none"),
    "police": _optional("police", ValueKind("RATE:SIZE", _police, _police_text), "10mbit:64KiB/none"),
    "mtu": Field(_mtu, _mtu_text, "SIZE[:silent]", "1280:silent/none"),
}
"""By the option's name, in the order in which they are shown."""
