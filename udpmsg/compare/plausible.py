"""Which numbers a saved comparison may have.

A frame that carries 10^12 messages, or a time of 10^30 ns, would take all memory of the program that shows it, or raise there.
Owns the ranges of fields, as the fields' types are their classes'. Does not know how a comparison is written (see `saved`).
"""

from itertools import pairwise
from typing import Any

from udpmsg.base.errors import N_, UdpmsgError
from udpmsg.compare.trace import MOST_KNOWN, Known, Received, Sent, Trace
from udpmsg.link.faults import Burst, Link, Path, Police
from udpmsg.link.record import FrameRecord

Range = tuple[float, float]
NUMBER: Range = (0, 2**64 - 1)
"""Of everything that is counted, measured or drawn: the wire format and a seed have eight bytes at most."""
MOMENT: Range = (-(2**62), 2**62)
"""Nanoseconds since a run's start: 146 years before it and after it."""
SOME: Range = (1, NUMBER[1])
"""Of a rate: at none nothing would ever arrive."""
SHARE: Range = (0, 1)
STEP: Range = (-(2**65), 2**65)
"""From any value that is in its range to any other."""
RANGES: dict[tuple[type, str], Range] = {
    **{(Sent, name): MOMENT for name in ("due_at", "sent_at", "settled_at")},
    (Received, "at"): MOMENT,
    (Known, "at"): MOMENT,
    **{(FrameRecord, name): MOMENT for name in ("arrived_at", "left_at")},
    (Path, "rate"): SOME,
    (Police, "rate"): SOME,
    **{(Path, name): SHARE for name in ("loss", "duplicate", "reorder", "corrupt")},
    **{(Burst, name): SHARE for name in ("enter", "leave", "loss_bad", "loss_good")},
}
"""Where a field is no NUMBER."""

TRANSMISSIONS = 16
"""Of one message in frames that carry several: TCP gives up after 15 retransmissions (Linux's tcp_retries2)."""


class Broken(UdpmsgError):
    """The text is not what `dump` writes. Stays between this module and `saved`."""


def range_of(kind: type, name: str) -> Range:
    """The range of a field; of what is in it, where it holds several."""
    return RANGES.get((kind, name), NUMBER)


def bounded(plain: Any, within: Range) -> Any:
    """The value. Raises Broken where it is a number out of the range."""
    if type(plain) in (int, float) and not within[0] <= plain <= within[1]:
        digits = repr(plain)
        raise Broken(N_("{} is out of range"), digits if len(digits) <= 40 else f"{digits[:40]}…")
    return plain


def check_link(link: Link) -> None:
    """Raise Broken where a delay or a rate changes in a way that no option can say."""
    for path in (link.forward, link.back):
        if any(change.value < SOME[0] for change in path.later_rates) or (path.later_rates and path.rate is None):
            raise Broken(N_("a link has a rate that is none"))
        for changes in (path.later_delays, path.later_rates):
            times = [0, *(change.at for change in changes)]
            if any(later <= earlier for earlier, later in pairwise(times)):
                raise Broken(N_("a link's changes are not in the order of time"))


def check_run(run: Trace, count: int) -> None:
    """Raise Broken where a run has more than `count` messages or frames that carry them in a way that none can, or where what its
    sender knew has more rows than are kept, or rows that are not in the order of time."""
    if len(run.sent) > count:
        raise Broken(N_("a run has {} messages of {}"), len(run.sent), count)
    carried = 0
    for frame in run.frames or ():
        if frame.last_sequence < frame.first_sequence:
            raise Broken(N_("a frame carries messages {} to {}"), frame.first_sequence, frame.last_sequence)
        carried += frame.last_sequence - frame.first_sequence
    if carried > TRANSMISSIONS * len(run.sent) + len(run.frames or ()):
        raise Broken(N_("its frames carry more messages than were sent"))
    if len(run.known) > MOST_KNOWN:
        raise Broken(N_("what its sender knew has {} rows, and {} are kept"), len(run.known), MOST_KNOWN)
    if any(later.at < earlier.at for earlier, later in pairwise(run.known)):
        raise Broken(N_("what its sender knew is not in the order of time"))
