"""The lesson `sizes`: the smallest datagram, the largest, and one byte more."""

import socket
from dataclasses import dataclass

from udpmsg.base.language import _, number
from udpmsg.lessons.lesson import Illustration, Observations, Predicates, table
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


EXPECTED: Predicates[Seen] = {
    "empty-is-a-message": lambda seen: seen.sizes_bytes[0] == 0 and seen.received_bytes[0] == 0,
    "largest-goes": lambda seen: seen.received_bytes[1] == LARGEST,
    "largest-goes-at-once": lambda seen: seen.largest_at_first_bytes == LARGEST,
    "buffer-had-to-be-raised": lambda seen: seen.largest_at_first_bytes == MACOS_LARGEST,
    "one-more-is-refused": lambda seen: seen.errors[2] == "EMSGSIZE" and seen.received_bytes[2] is None,
    "tcp-sends-nothing": lambda seen: seen.tcp_reads_of_nothing == 0,
}
