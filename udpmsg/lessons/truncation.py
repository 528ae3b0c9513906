"""The lesson `truncation`: a datagram into a buffer that is too small."""

import socket
from dataclasses import dataclass

from udpmsg.base.language import _
from udpmsg.lessons.lesson import Illustration, Observations, Predicates, table
from udpmsg.lessons.stage import Stage

MESSAGE, NEXT = b"0123456789", b"next"
BUFFER = 4


@dataclass(frozen=True)
class Seen(Observations):
    """What the reads gave."""

    buffer_bytes: int
    udp_read: bytes | None
    """None: the read failed, which is Windows' way."""
    udp_truncated: bool | None
    """What the system said of it; None where it can't say."""
    udp_read_after: bytes
    tcp_reads: tuple[bytes, ...]


def run(stage: Stage, *, buffer: int = BUFFER) -> Seen:
    """`buffer`: bytes that each read asks for."""
    stage.step(_("UDP: send “{}”, then “{}”").format(MESSAGE.decode(), NEXT.decode()))
    receiver, sender = stage.udp_listener(), stage.udp()
    for message in (MESSAGE, NEXT):
        sender.sendto(message, receiver.getsockname())
    stage.step(_("UDP: read {} bytes, twice").format(buffer))
    read, truncated = cut(receiver, buffer)
    stage.say(_("{}, truncated: {}").format(read, {True: _("yes"), False: _("no"), None: _("an error")}[truncated]))
    after, _again = cut(receiver, buffer)
    stage.say(f"{after!r}")
    return Seen(buffer, read, truncated, after or b"", stream(stage, buffer))


def cut(receiver: socket.socket, buffer: int) -> tuple[bytes | None, bool | None]:
    """A read of so many bytes, and whether the system says that it cut something off."""
    if not hasattr(receiver, "recvmsg"):
        try:
            return receiver.recv(buffer), False
        except OSError:  # Windows: WSAEMSGSIZE, and what fitted is gone as well
            return None, None
    read, _control, flags, _peer = receiver.recvmsg(buffer)
    return read, bool(flags & socket.MSG_TRUNC)


def stream(stage: Stage, buffer: int) -> tuple[bytes, ...]:
    """The same over TCP, until all of the first message was read."""
    stage.step(_("TCP: send “{}”, and read {} bytes at a time").format(MESSAGE.decode(), buffer))
    sender, receiver = stage.tcp_pair()
    sender.sendall(MESSAGE)
    reads: list[bytes] = []
    while sum(map(len, reads)) < len(MESSAGE):
        reads.append(receiver.recv(buffer))
        stage.say(f"recv({buffer}) -> {reads[-1]!r}")
    return tuple(reads)


def shows(seen: Seen) -> tuple[Illustration, ...]:
    """The reads of both."""
    first = _("an error") if seen.udp_read is None else seen.udp_read.decode()
    rows = (
        ("UDP", MESSAGE.decode(), first, seen.udp_read_after.decode()),
        ("TCP", MESSAGE.decode(), *(read.decode() for read in (*seen.tcp_reads, b"")[:2])),
    )
    return (table(("", _("sent"), _("first read of {} bytes").format(seen.buffer_bytes), _("second read")), rows),)


EXPECTED: Predicates[Seen] = {
    "cut-off": lambda seen: seen.udp_read == MESSAGE[:BUFFER] and seen.udp_truncated is True,
    "read-fails": lambda seen: seen.udp_read is None,
    "rest-is-gone": lambda seen: seen.udp_read != MESSAGE and seen.udp_read_after == NEXT,
    "stream-keeps-the-rest": lambda seen: len(seen.tcp_reads) > 1 and b"".join(seen.tcp_reads) == MESSAGE,
}
