"""The lesson `handshake`: which frames are on the wire before the first byte of the first message."""

from dataclasses import dataclass

from udpmsg.base.language import N_, _
from udpmsg.compare.choices import Mode, Workload
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
from udpmsg.link.record import Phase

BEFORE_TCP = ("SYN", "SYN-ACK", "ACK")
SHOWN = 130.0
"""Milliseconds: the handshake, the message, and its acknowledgment."""


@dataclass(frozen=True)
class Seen(Observations):
    """The frames on the link, in the order in which they were seen there."""

    udp_before_data: tuple[str, ...]
    """What each frame was that came before the first one with bytes of a message."""
    tcp_before_data: tuple[str, ...]
    udp_frames: int
    """In all, until the end of the run."""
    tcp_frames: int
    runs: tuple[Trace, ...] = for_pictures()


def run(stage: Stage, *, without: Mode = Mode.UDP, connected: Mode = Mode.TCP) -> Seen:
    """`without`: the mode that has no connection; `connected`: the one that has."""
    one = Workload(count=1, size=20)
    runs, before = [], []
    for mode in (without, connected):
        runs.append(in_lab(stage, link("20ms"), modes=(mode,), workload=one).runs[0])
        before.append(before_data(runs[-1]))
        stage.say(_("before the first byte: {}").format(", ".join(before[-1]) or _("nothing")))
    return Seen(before[0], before[1], len(runs[0].frames or ()), len(runs[1].frames or ()), tuple(runs))


def before_data(run: Trace) -> tuple[str, ...]:
    """The labels of the frames before the first one with a message."""
    labels = []
    for frame in run.frames or ():
        if frame.phase is Phase.DATA:
            break
        labels.append(frame.label)
    return tuple(labels)


def shows(seen: Seen) -> tuple[Illustration, ...]:
    """The ladders, and how many frames each took."""

    def row(name: str, before: tuple[str, ...], frames: int) -> tuple[str, str, str]:
        return name, ", ".join(before) or _("nothing"), str(frames)

    rows = (row("UDP", seen.udp_before_data, seen.udp_frames), row("TCP", seen.tcp_before_data, seen.tcp_frames))
    return (
        Ladder(
            seen.runs,
            SHOWN,
            _("Every frame on the link, 20 ms from host to host. The goodbyes are udpmsg's own: how many messages there were."),
        ),
        table(("", _("before the first byte"), _("frames in all, for one message")), rows),
    )


LESSON = Lesson(
    title=N_("No handshake"),
    question=Quiz(
        N_("A program sends one message to a host that it has never talked to. Which is the first frame on the wire?"),
        (
            N_("Over both UDP and TCP: the message."),
            N_("Over UDP the message; over TCP a SYN, and the message is the fourth frame."),
            N_("Over both a SYN: the other side has to be asked first."),
            N_("Over TCP the message, with the SYN in it; over UDP a hello."),
        ),
        1,
    ),
    run=run,
    expectations=(
        Expectation(
            "udp-begins-with-data",
            N_("UDP: the first frame is the message."),
            lambda seen: seen.udp_before_data == (),
            N_("another program or the system itself sent something before it."),
        ),
        Expectation(
            "tcp-begins-with-three-frames",
            N_("TCP: SYN, SYN-ACK and ACK come first."),
            lambda seen: seen.tcp_before_data == BEFORE_TCP,
            N_("a frame of the handshake was sent twice, as on a busy machine, or TCP Fast Open put the message into the SYN."),
        ),
    ),
    shows=shows,
    why=(
        N_(
            "A UDP header has four fields: two ports, a length and a checksum (RFC 768); nothing has to be agreed on, so nothing is asked."
        ),
        N_(
            "TCP numbers every byte, and each side has to know the other side's first number: the SYNs say it, and both are "
            "acknowledged (RFC 9293, 3.5)."
        ),
        N_("That is why the message waits for one round trip, and why a server keeps state for each client."),
        N_(
            "The handshake gives something in return: whoever completes it can be reached at its address, which a single "
            "datagram does not prove."
        ),
    ),
    by_hand=(
        Terminal(
            (
                "udpmsg compare --count 1 --loss 0% --modes udp,tcp --ladder",
                "udpmsg compare --count 1 --loss 0% --modes udp,tcp --pcap frames.pcapng",
            ),
            N_("The second command writes a capture for Wireshark; it needs no special privileges."),
        ),
    ),
    program=Program(
        """
import socket
udp = socket.socket(type=socket.SOCK_DGRAM)
udp.sendto(b"hello", ("127.0.0.1", 9))           # needs nobody's consent
print("UDP sent")
listener, tcp = socket.create_server(("127.0.0.1", 0)), socket.socket()
try:
    tcp.send(b"hello")
except OSError as error:
    print("TCP", error.strerror)
tcp.connect(listener.getsockname())              # SYN, SYN-ACK, ACK: before any accept()
print("TCP sent", tcp.send(b"hello"))
""",
        ("UDP sent", "TCP Broken pipe", "TCP sent 5"),
    ),
)
