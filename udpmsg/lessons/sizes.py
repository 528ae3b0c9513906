"""The lesson `sizes`: the smallest datagram, the largest, and one byte more."""

import socket
from dataclasses import dataclass

from udpmsg.base.language import N_, _, number
from udpmsg.lessons.lesson import (
    LINUX,
    MACOS,
    WINDOWS,
    Expectation,
    Illustration,
    Lesson,
    Observations,
    Program,
    Quiz,
    Terminal,
    table,
)
from udpmsg.lessons.stage import SILENCE, Stage, error_name

LARGEST = 65_507
"""Bytes: 65,535 of an IPv4 packet, without its header (20) and UDP's (8)."""
MACOS_LARGEST = 9_216
"""Bytes: what macOS's send buffer lets out until it is raised (net.inet.udp.maxdgram)."""
SIZES = (0, LARGEST, LARGEST + 1)
ROOM = 1 << 18
"""Bytes to ask of the kernel for a send buffer, which on macOS bounds a datagram."""


@dataclass(frozen=True)
class Seen(Observations):
    """What became of each size, in the order in which they were sent."""

    sizes_bytes: tuple[int, ...]
    received_bytes: tuple[int | None, ...]
    """None: not sent, or nothing came."""
    errors: tuple[str | None, ...]
    """The name of the system's error, such as EMSGSIZE; None: it was sent."""
    largest_at_first_bytes: int | None
    """The larger of 9,216 and 65,507 that went before the send buffer was raised."""
    tcp_reads_of_nothing: int
    """How many reads gave anything after a TCP send of zero bytes."""


def run(stage: Stage, *, sizes: tuple[int, ...] = SIZES, nothing: bytes = b"") -> Seen:
    """`sizes`: bytes of each datagram; `nothing`: what TCP sends."""
    receiver, sender = stage.udp_listener(), stage.udp()
    address = receiver.getsockname()
    at_first = None
    for size in (MACOS_LARGEST, sizes[1]):
        if attempt(sender, size, address) is None:
            receiver.recv(1 << 16)
            at_first = size
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
    received: list[int | None] = []
    errors = []
    for size in sizes:
        stage.step(_("UDP: a datagram of {} bytes").format(number(size)))
        errors.append(attempt(sender, size, address))
        received.append(None if errors[-1] else arrived(receiver))
        stage.say(errors[-1] or (_("nothing came") if received[-1] is None else _("{} bytes came").format(number(received[-1]))))
    return Seen(sizes, tuple(received), tuple(errors), at_first, over_tcp(stage, nothing))


def attempt(sender: socket.socket, size: int, address: tuple[str, int]) -> str | None:
    """Send so many bytes; the name of the error, if there is one."""
    try:
        sender.sendto(bytes(size), address)
    except OSError as error:
        return error_name(error)
    return None


def arrived(receiver: socket.socket) -> int | None:
    """The size of what came."""
    try:
        return len(receiver.recv(1 << 17))
    except TimeoutError:
        return None


def over_tcp(stage: Stage, nothing: bytes) -> int:
    """Zero bytes over TCP: how many reads gave anything."""
    stage.step(_("TCP: a send of {} bytes").format(len(nothing)))
    sender, receiver = stage.tcp_pair()
    sender.send(nothing)
    receiver.settimeout(SILENCE)
    try:
        receiver.recv(1)
    except TimeoutError:
        stage.say(_("the other side waits {} ms: nothing to read").format(round(SILENCE * 1000)))
        return 0
    return 1


def shows(seen: Seen) -> tuple[Illustration, ...]:
    """One row per size."""
    rows = [
        (number(size), error or _("sent"), _("nothing") if came is None else _("{} bytes").format(number(came)))
        for size, error, came in zip(seen.sizes_bytes, seen.errors, seen.received_bytes, strict=True)
    ]
    return (table((_("bytes"), _("the send"), _("the other side has")), tuple(rows)),)


LESSON = Lesson(
    title=N_("How large a datagram may be"),
    question=Quiz(
        N_("Which of these datagrams can be sent over UDP and IPv4: one of 0 bytes, one of 65,507, one of 65,508?"),
        (
            N_("All three: the system cuts large ones into several."),
            N_("Only the second: without bytes there is no datagram."),
            N_("The first and the second."),
            N_("Only the first: Ethernet carries 1,500 bytes at most."),
        ),
        2,
    ),
    run=run,
    expectations=(
        Expectation(
            "empty-is-a-message",
            N_("0 bytes are a message: the other side reads it, and knows that somebody sent."),
            lambda seen: seen.sizes_bytes[0] == 0 and seen.received_bytes[0] == 0,
            N_("the datagram was lost on loopback, or the program took an empty read for the end."),
        ),
        Expectation(
            "largest-goes",
            N_("65,507 bytes go in one datagram, and come in one."),
            lambda seen: seen.received_bytes[1] == LARGEST,
            N_("the system's buffers are smaller than a datagram may be: net.core.rmem_default and wmem_default show it."),
            on=(LINUX, MACOS, WINDOWS),
        ),
        Expectation(
            "largest-goes-at-once",
            N_("No setting had to be changed for it."),
            lambda seen: seen.largest_at_first_bytes == LARGEST,
            N_("the send buffer was smaller to begin with, as it is on macOS."),
            on=(LINUX, WINDOWS),
        ),
        Expectation(
            "buffer-had-to-be-raised",
            N_("macOS sends at most 9,216 bytes until the send buffer is raised."),
            lambda seen: seen.largest_at_first_bytes == MACOS_LARGEST,
            N_("net.inet.udp.maxdgram was changed on this system."),
            on=(MACOS,),
        ),
        Expectation(
            "one-more-is-refused",
            N_("65,508 bytes are refused by the sender's own system (EMSGSIZE); nothing is sent."),
            lambda seen: seen.errors[2] == "EMSGSIZE" and seen.received_bytes[2] is None,
            N_("the address was one of IPv6, where 65,527 bytes fit."),
        ),
        Expectation(
            "tcp-sends-nothing",
            N_("TCP: a send of 0 bytes sends nothing, and nobody can read it."),
            lambda seen: seen.tcp_reads_of_nothing == 0,
            N_("the connection was closed, which is what a read of 0 bytes says over TCP."),
        ),
    ),
    shows=shows,
    why=(
        N_("The length field of UDP's header has 16 bits and counts the header too, so 65,527 bytes would fit (RFC 768)."),
        N_("IPv4's total length has 16 bits as well (RFC 791, 3.1): 65,535 less 20 of its own header and 8 of UDP's are 65,507."),
        N_("An empty datagram still has headers, so it is a message: a heartbeat, or a way to ask whether anybody is there."),
        N_(
            "That it can be sent does not make it a good idea: on Ethernet, 65,507 bytes travel as 45 fragments, and the loss of one is the "
            "loss of all, so RFC 8085 (3.2) asks for datagrams that fit the path."
        ),
    ),
    by_hand=(
        Terminal(("udpmsg listen --quiet --count 1",)),
        Terminal(
            ("udpmsg send 127.0.0.1 --raw --size 65507", "udpmsg send 127.0.0.1 --raw --size 65508"),
            N_("The listener ends after the first datagram and says how much came; the second is never sent."),
        ),
    ),
    program=Program(
        """
import socket
receiver = socket.socket(type=socket.SOCK_DGRAM)
receiver.bind(("127.0.0.1", 0))
sender = socket.socket(type=socket.SOCK_DGRAM)
for size in 0, 65507, 65508:
    try:
        sender.sendto(bytes(size), receiver.getsockname())
        print(size, len(receiver.recv(100_000)))
    except OSError as error:
        print(size, error)
""",
        ("0 0", "65507 65507", "65508 [Errno 90] Message too long"),
    ),
)
