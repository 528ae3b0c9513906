"""The lesson `fragmentation`: a datagram that is larger than a frame travels in pieces, and one lost piece loses all of it."""

from dataclasses import dataclass, replace

from udpmsg.base.durations import MILLISECOND
from udpmsg.base.language import _, number
from udpmsg.compare import passage
from udpmsg.compare.choices import Choices, Mode, Workload
from udpmsg.compare.trace import Trace
from udpmsg.lessons.in_lab import in_lab, link
from udpmsg.lessons.lesson import Illustration, Ladder, Observations, Predicates, for_pictures, table
from udpmsg.lessons.stage import Stage

COUNT, HIT, SIZE, MTU = 4, 3, 4000, 1500
PIECES = 3
"""Of 4,000 bytes and a header, where a frame has room for 1,480."""
LARGEST_DATAGRAM = 9000
INTERVAL_MS = 60
SHOWN = 2_000.0
"""Milliseconds of the ladder: all of it."""


@dataclass(frozen=True)
class Seen(Observations):
    """What happened to each message, from 1 on, over UDP; and to the one that was hit, over TCP."""

    udp_fragments: tuple[int, ...]
    """Into how many IP fragments each datagram was cut; 1: into none."""
    udp_arrived: tuple[int, ...]
    """How many of them reached the other host."""
    udp_delivered: tuple[int, ...]
    """The messages that the receiver had."""
    tcp_segments: int
    """With bytes of the message that was hit, sent for the first time."""
    tcp_segments_again: int
    tcp_delivered: tuple[int, ...]
    runs: tuple[Trace, ...] = for_pictures()


def run(
    stage: Stage,
    *,
    faults: tuple[str, ...] = (f"drop:data:{HIT}",),
    largest_datagram: int = LARGEST_DATAGRAM,
    connected: Mode = Mode.TCP,
) -> Seen:
    """`faults`: the link's script; `largest_datagram`: above it the sender itself cuts a message, into datagrams of their own."""
    stage.step(_("{} messages of {} bytes, over a link with an MTU of {}").format(COUNT, number(SIZE), number(MTU)))
    workload = Workload(count=COUNT, interval_ns=INTERVAL_MS * MILLISECOND, size=SIZE)
    choices = Choices(datagram_size=largest_datagram)
    over = link("20ms", *faults, mtu=MTU)

    def calm(made: Trace) -> bool:
        return segments(made)[1] < 2

    udp = in_lab(stage, over, Mode.UDP, workload, choices)
    stage.say(_("came: {}").format(" ".join(map(str, sorted(udp.delivered)))))
    tcp = in_lab(stage, over, connected, workload, choices, good=calm)
    stage.say(_("came: {}").format(" ".join(map(str, sorted(tcp.delivered)))))
    carried = passage.carriers(udp.frames or ())
    every = [carried.get(sequence, []) for sequence in range(1, COUNT + 1)]
    first, again = segments(tcp)
    return Seen(
        tuple(sum(frame.identity.part < 1 << passage.FRAGMENT_SHIFT for frame in frames) for frames in every),
        tuple(sum(passage.passed(frame) for frame in frames) for frames in every),
        tuple(sorted(udp.delivered)),
        first,
        again,
        tuple(sorted(tcp.delivered)),
        (replace(udp, frames=every[HIT - 1]),),
    )


def segments(made: Trace) -> tuple[int, int]:
    """How many frames carried the message that was hit: first transmissions, and repetitions."""
    carried = passage.carriers(made.frames or ()).get(HIT, [])
    again = sum(frame.identity.transmission > 1 for frame in carried)
    return len(carried) - again, again


def shows(seen: Seen) -> tuple[Illustration, ...]:
    """The frames of the message that was hit, and what happened to each message."""

    def came(sequence: int, delivered: tuple[int, ...]) -> str:
        return _("yes") if sequence in delivered else _("never")

    udp = tuple(
        (f"UDP {sequence}", str(cut), "–", str(arrived), came(sequence, seen.udp_delivered))
        for sequence, (cut, arrived) in enumerate(zip(seen.udp_fragments, seen.udp_arrived, strict=True), 1)
    )
    tcp = (f"TCP {HIT}", str(seen.tcp_segments), str(seen.tcp_segments_again), "–", came(HIT, seen.tcp_delivered))
    return (
        Ladder(seen.runs, SHOWN, _("UDP, the frames of message {}:").format(HIT)),
        table(
            (_("message"), _("sent in frames"), _("sent again"), _("frames that arrived"), _("delivered")),
            (*udp, tcp),
            _("UDP, every message; TCP, the one that was hit:"),
        ),
    )


EXPECTED: Predicates[Seen] = {
    "cut-into-three": lambda seen: seen.udp_fragments == (PIECES,) * COUNT,
    "two-thirds-arrive": lambda seen: seen.udp_arrived[HIT - 1] == PIECES - 1,
    "message-is-gone": lambda seen: seen.udp_delivered == tuple(number for number in range(1, COUNT + 1) if number != HIT),
    "tcp-repeats-one-frame": lambda seen: seen.tcp_segments_again == 1 and seen.tcp_delivered == tuple(range(1, COUNT + 1)),
}
