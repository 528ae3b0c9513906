"""The lesson `price`: how many frames and bytes a delivered message takes, without any loss, in three modes."""

from dataclasses import dataclass

from udpmsg.base.durations import MILLISECOND
from udpmsg.base.language import _, number
from udpmsg.compare.choices import Mode, Workload
from udpmsg.compare.trace import Trace
from udpmsg.lessons.in_lab import in_lab, link
from udpmsg.lessons.lesson import Bars, Illustration, Observations, Predicates, table
from udpmsg.lessons.stage import Stage
from udpmsg.link.record import Phase

COUNT, SIZE, INTERVAL_MS = 20, 100, 30


@dataclass(frozen=True)
class Bill(Observations):
    """What one mode put on the link, both ways, in frames by purpose."""

    delivered: int
    """Messages."""
    handshake_frames: int
    data_frames: int
    acknowledgment_frames: int
    goodbye_frames: int
    frames: int
    """In all."""
    size_bytes: int
    """In all, headers included."""


@dataclass(frozen=True)
class Seen(Observations):
    """The three bills."""

    udp: Bill
    udp_acknowledged: Bill
    tcp: Bill


def run(
    stage: Stage,
    *,
    faults: tuple[str, ...] = (),
    free: Mode = Mode.UDP,
    acknowledged: Mode = Mode.UDP_ACK,
    connected: Mode = Mode.TCP,
) -> Seen:
    """`faults`: the link's script, empty here; the modes, from the cheapest on."""
    stage.step(_("{} messages of {} bytes, one every {} ms; the link loses nothing").format(COUNT, SIZE, INTERVAL_MS))
    workload = Workload(count=COUNT, interval_ns=INTERVAL_MS * MILLISECOND, size=SIZE)
    bills = []
    for mode in (free, acknowledged, connected):
        bills.append(bill(in_lab(stage, link("5ms", *faults), mode, workload)))
        stage.say(_("{} frames, {} bytes").format(number(bills[-1].frames), number(bills[-1].size_bytes)))
    return Seen(*bills)


def bill(made: Trace) -> Bill:
    """What a run took."""
    frames = made.frames or []

    def of(phase: Phase) -> int:
        return sum(frame.phase is phase for frame in frames)

    return Bill(
        delivered=len(made.delivered),
        handshake_frames=of(Phase.HANDSHAKE),
        data_frames=of(Phase.DATA),
        acknowledgment_frames=of(Phase.ACKNOWLEDGMENT),
        goodbye_frames=of(Phase.TEARDOWN),
        frames=len(frames),
        size_bytes=sum(frame.size for frame in frames),
    )


def each(amount: int, of: Bill) -> float:
    """The part of one delivered message."""
    return amount / max(1, of.delivered)


def shows(seen: Seen) -> tuple[Illustration, ...]:
    """The bill, and bytes for a message as bars."""
    bills = (("UDP", seen.udp), (_("UDP, acknowledged"), seen.udp_acknowledged), ("TCP", seen.tcp))
    rows = tuple(
        (
            name,
            str(one.handshake_frames),
            str(one.data_frames),
            str(one.acknowledgment_frames),
            str(one.goodbye_frames),
            number(each(one.frames, one), ",.2f"),
        )
        for name, one in bills
    )
    headings = ("", _("handshake"), _("messages"), _("acknowledgments"), _("goodbye"), _("frames per message"))
    bars = tuple(
        (name, each(one.size_bytes, one), _("{} bytes").format(number(each(one.size_bytes, one), ",.0f"))) for name, one in bills
    )
    return (
        table(headings, rows, _("Frames on the link, for {} messages:").format(COUNT)),
        Bars(
            bars,
            _(
                "Bytes on the link for each delivered message of {} bytes, with the headers of Ethernet, IP and all others:"
            ).format(SIZE),
        ),
    )


EXPECTED: Predicates[Seen] = {
    "everything-delivered": lambda seen: all(one.delivered == COUNT for one in (seen.udp, seen.udp_acknowledged, seen.tcp)),
    "udp-one-frame-each": lambda seen: seen.udp.data_frames == COUNT and seen.udp.frames == COUNT + seen.udp.goodbye_frames,
    "acknowledgments-double-it": lambda seen: (
        seen.udp_acknowledged.data_frames == COUNT == seen.udp_acknowledged.acknowledgment_frames
    ),
    "tcp-has-it-all": lambda seen: (
        seen.tcp.handshake_frames == 3 and seen.tcp.acknowledgment_frames > 0 and seen.tcp.goodbye_frames >= 3
    ),
    "udp-is-cheapest": lambda seen: all(
        seen.udp.frames < one.frames and seen.udp.size_bytes < one.size_bytes for one in (seen.udp_acknowledged, seen.tcp)
    ),
}
