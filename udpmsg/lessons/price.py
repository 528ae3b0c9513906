"""The lesson `price`: how many frames and bytes a delivered message takes, without any loss, in three modes."""

from dataclasses import dataclass

from udpmsg.base.durations import MILLISECOND
from udpmsg.base.language import N_, _, number
from udpmsg.compare.choices import Mode, Workload
from udpmsg.compare.trace import Trace
from udpmsg.lessons.in_lab import in_lab, link
from udpmsg.lessons.lesson import Bars, Expectation, Illustration, Lesson, Observations, Program, Quiz, Terminal, table
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

    def told(self) -> dict[str, object]:
        """The bills as objects of their own."""
        return {"udp": self.udp.told(), "udp_acknowledged": self.udp_acknowledged.told(), "tcp": self.tcp.told()}


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
        bills.append(bill(in_lab(stage, link("5ms", *faults), modes=(mode,), workload=workload).runs[0]))
        stage.say(_("{} frames, {} bytes").format(number(bills[-1].frames), number(bills[-1].size_bytes)))
    return Seen(*bills)


def bill(made: Trace) -> Bill:
    """What a run took."""
    frames = made.frames or []

    def of(phase: Phase) -> int:
        return sum(frame.phase is phase for frame in frames)

    return Bill(
        delivered=sum(not row.duplicate for row in made.received),
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


LESSON = Lesson(
    title=N_("The price of reliability"),
    question=Quiz(
        N_("Nothing is lost. Twenty short messages, one at a time: how many frames does each take?"),
        (
            N_("One, over UDP and over TCP: without a loss there is nothing to repeat."),
            N_("A little more than one over UDP; two or so where each is acknowledged, by udpmsg or by TCP."),
            N_("One over UDP, two with acknowledgments, four over TCP, which shakes hands for each message."),
            N_("Less than one over TCP, which puts several messages into one segment."),
        ),
        1,
    ),
    run=run,
    expectations=(
        Expectation(
            "everything-delivered",
            N_("Each of the three delivers all twenty messages."),
            lambda seen: all(one.delivered == COUNT for one in (seen.udp, seen.udp_acknowledged, seen.tcp)),
            N_("something was lost on a link without faults: a buffer was too small."),
        ),
        Expectation(
            "udp-one-frame-each",
            N_("UDP: one frame per message, and no other but udpmsg's goodbye."),
            lambda seen: seen.udp.data_frames == COUNT and seen.udp.frames == COUNT + seen.udp.goodbye_frames,
            N_("the messages were larger than a frame, or something else was on the link."),
        ),
        Expectation(
            "acknowledgments-double-it",
            N_("Acknowledged UDP: an acknowledgment comes back for each message, so there are twice as many frames."),
            lambda seen: seen.udp_acknowledged.data_frames == COUNT == seen.udp_acknowledged.acknowledgment_frames,
            N_("several messages were acknowledged together, or one was sent twice: this machine was busy."),
        ),
        Expectation(
            "tcp-has-it-all",
            N_("TCP: a handshake of three frames, acknowledgments, and a goodbye in both directions."),
            lambda seen: seen.tcp.handshake_frames == 3 and seen.tcp.acknowledgment_frames > 0 and seen.tcp.goodbye_frames >= 3,
            N_("a frame of the handshake was sent twice, or the connection was reset."),
        ),
        Expectation(
            "udp-is-cheapest",
            N_("UDP is the cheapest, in frames and in bytes; what it leaves out is what the others pay for."),
            lambda seen: all(
                seen.udp.frames < one.frames and seen.udp.size_bytes < one.size_bytes for one in (seen.udp_acknowledged, seen.tcp)
            ),
            N_("messages were joined in one segment, which makes TCP cheaper: they came close together."),
        ),
    ),
    shows=shows,
    why=(
        N_("A UDP header has 8 bytes (RFC 768), a TCP header 20, and 12 more for timestamps (RFC 9293, 3.1; RFC 7323)."),
        N_("But most of the price is frames: each costs an Ethernet and an IP header, and work at both ends."),
        N_(
            "A TCP receiver acknowledges at least every second full segment, and waits for it at most half a second (RFC 9293, "
            "3.8.6.3); where messages come one at a time, that is often one acknowledgment per message."
        ),
        N_("Handshake and goodbye are paid once: expensive for one message, next to nothing for a million."),
        N_(
            "Messages that come close together are joined by TCP in one segment, and acknowledged together by udpmsg: then the price falls."
        ),
    ),
    by_hand=(
        Terminal(
            (
                "udpmsg compare --count 20 --interval 30ms --delay 5ms --loss 0%",
                "udpmsg compare --count 200 --interval 1ms --delay 5ms --loss 0%",
            ),
            N_("The second command sends faster: look at what happens to the acknowledgments."),
        ),
    ),
    program=Program(
        """
import socket
import struct
listener = socket.create_server(("127.0.0.1", 0))
sender = socket.create_connection(listener.getsockname())
sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
receiver, _ = listener.accept()
for _ in range(10):
    sender.send(b"message")
    receiver.recv(7)
figures = sender.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 160)    # Linux has it
segments, answers, _, _, _, with_data = struct.unpack_from("6I", figures, 136)
print("segments with a message:", with_data)
print("others of the sender's, SYN and ACK:", segments - with_data)
print("segments that came back:", "SYN-ACK and acknowledgments" if answers > 1 else answers)
""",
        (
            "segments with a message: 10",
            "others of the sender's, SYN and ACK: 2",
            "segments that came back: SYN-ACK and acknowledgments",
        ),
    ),
)
