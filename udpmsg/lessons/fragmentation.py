"""The lesson `fragmentation`: a datagram that is larger than a frame travels in pieces, and one lost piece loses all of it."""

from dataclasses import dataclass, replace

from udpmsg.base.durations import MILLISECOND
from udpmsg.base.language import N_, _, number
from udpmsg.compare import passage
from udpmsg.compare.choices import Choices, Mode, Workload
from udpmsg.compare.trace import Trace
from udpmsg.lessons.in_lab import in_lab, link
from udpmsg.lessons.lesson import (
    Expectation,
    Illustration,
    Ladder,
    Lesson,
    Observations,
    Program,
    Quiz,
    Terminal,
    for_pictures,
    table,
)
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

    udp = in_lab(stage, over, modes=(Mode.UDP,), workload=workload, choices=choices).runs[0]
    stage.say(_("came: {}").format(" ".join(map(str, delivered(udp)))))
    tcp = in_lab(stage, over, modes=(connected,), workload=workload, choices=choices, good=calm).runs[0]
    stage.say(_("came: {}").format(" ".join(map(str, delivered(tcp)))))
    carried = passage.carriers(udp.frames or ())
    every = [carried.get(sequence, []) for sequence in range(1, COUNT + 1)]
    first, again = segments(tcp)
    return Seen(
        tuple(sum(frame.identity.part < 1 << passage.FRAGMENT_SHIFT for frame in frames) for frames in every),
        tuple(sum(passage.passed(frame) for frame in frames) for frames in every),
        delivered(udp),
        first,
        again,
        delivered(tcp),
        (replace(udp, frames=every[HIT - 1]),),
    )


def delivered(made: Trace) -> tuple[int, ...]:
    """Which messages came."""
    return tuple(sorted(row.sequence for row in made.received if not row.duplicate))


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


LESSON = Lesson(
    title=N_("Fragmentation"),
    question=Quiz(
        N_(
            "A datagram of 4,000 bytes crosses a network whose frames hold 1,500. One of its frames is lost. What does recv give?"
        ),
        (
            N_("The other two thirds, with a gap."),
            N_("What came before the gap."),
            N_("Nothing, ever: the frames that did arrive are thrown away."),
            N_("All of it, later: IP sends the lost fragment again."),
        ),
        2,
    ),
    run=run,
    expectations=(
        Expectation(
            "cut-into-three",
            N_("UDP: each datagram travels as three IP fragments, though the program made one send."),
            lambda seen: seen.udp_fragments == (PIECES,) * COUNT,
            N_("the message was cut by its sender, or the link takes larger packets."),
        ),
        Expectation(
            "two-thirds-arrive",
            N_("UDP: of message 3, two fragments of three reach the other host."),
            lambda seen: seen.udp_arrived[HIT - 1] == PIECES - 1,
            N_("the link lost nothing, or the message did not have three pieces."),
        ),
        Expectation(
            "message-is-gone",
            N_("UDP: message 3 is not delivered, not even in part; the others are."),
            lambda seen: seen.udp_delivered == tuple(number for number in range(1, COUNT + 1) if number != HIT),
            N_("no fragment was lost, or one of another message was lost too."),
        ),
        Expectation(
            "tcp-repeats-one-frame",
            N_("TCP: the one frame that was lost is sent again, not all three, and all four messages come."),
            lambda seen: seen.tcp_segments_again == 1 and seen.tcp_delivered == tuple(range(1, COUNT + 1)),
            N_("nothing was lost, or more was sent again than was needed, as on a busy machine."),
        ),
    ),
    shows=shows,
    why=(
        N_("A packet that is larger than a link's MTU is cut up by IP, and the receiving host puts it together (RFC 791, 3.2)."),
        N_(
            "It needs every fragment; if one is missing, it throws the others away after a minute or so (RFC 1122, 3.3.2), and "
            "nobody sends the missing one again, because IP has no acknowledgments."
        ),
        N_(
            "So a message in three frames is lost about three times as often as a frame, and one in 45 frames about 45 times as "
            "often."
        ),
        N_("Only the first fragment has the UDP header, and firewalls that want to see ports often drop the rest (RFC 8900)."),
        N_(
            "RFC 8085 (3.2) therefore tells applications to send datagrams that fit the path's MTU: 1,472 bytes on Ethernet, "
            "1,200 to be safe; TCP does so by itself."
        ),
        N_("On loopback none of this can be seen: its MTU is 65,536, so every datagram fits."),
    ),
    by_hand=(
        Terminal(
            (
                "udpmsg compare --count 4 --size 4000 --interval 60ms --delay 20ms --loss 0% --mtu 1500 --datagram-size 9000 "
                "--fault drop:data:3 --modes udp,tcp --ladder",
            ),
            N_("With a datagram size of 1200 udpmsg cuts the message itself; with udp+ack it then repeats only the lost piece."),
        ),
    ),
    program=Program(
        """
import socket
receiver, sender = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
receiver.bind(("127.0.0.1", 0))
sender.connect(receiver.getsockname())
for size in 1472, 1473, 4000, 65507:
    sender.send(bytes(size))
    received = len(receiver.recv(65535))
    for mtu in 65536, 1500:                      # loopback's, and Ethernet's
        frames = -(-(size + 8) // (mtu - 20))    # headers: UDP 8, IP 20 in every fragment
        print(received, "bytes, MTU", mtu, "frames", frames)
""",
        (
            "1472 bytes, MTU 65536 frames 1",
            "1472 bytes, MTU 1500 frames 1",
            "1473 bytes, MTU 65536 frames 1",
            "1473 bytes, MTU 1500 frames 2",
            "4000 bytes, MTU 65536 frames 1",
            "4000 bytes, MTU 1500 frames 3",
            "65507 bytes, MTU 65536 frames 1",
            "65507 bytes, MTU 1500 frames 45",
        ),
    ),
)
