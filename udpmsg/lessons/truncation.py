"""The lesson `truncation`: a datagram into a buffer that is too small."""

import socket
from dataclasses import dataclass

from udpmsg.base.language import N_, _
from udpmsg.lessons.lesson import UNIX, WINDOWS, Expectation, Illustration, Lesson, Observations, Program, Quiz, Terminal, table
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


LESSON = Lesson(
    title=N_("A buffer that is too small"),
    question=Quiz(
        N_("A datagram of ten bytes has arrived, and the program reads four. What does its next read give?"),
        (
            N_("The other six bytes."),
            N_("The next datagram; the six bytes are gone."),
            N_("The same ten bytes again, until a buffer is large enough."),
        ),
        1,
    ),
    run=run,
    expectations=(
        Expectation(
            "cut-off",
            N_("UDP: the read gives the first four bytes, and the flag MSG_TRUNC says that there were more."),
            lambda seen: seen.udp_read == MESSAGE[:BUFFER] and seen.udp_truncated is True,
            N_("the buffer was large enough, or this system does not say so."),
            on=UNIX,
        ),
        Expectation(
            "read-fails",
            N_("UDP: the read fails, because the datagram does not fit (WSAEMSGSIZE)."),
            lambda seen: seen.udp_read is None,
            N_("the buffer was large enough."),
            on=(WINDOWS,),
        ),
        Expectation(
            "rest-is-gone",
            N_("UDP: the next read gives the next datagram; the other six bytes never come."),
            lambda seen: seen.udp_read != MESSAGE and seen.udp_read_after == NEXT,
            N_("nothing was cut off, so there was no rest."),
        ),
        Expectation(
            "stream-keeps-the-rest",
            N_("TCP: the rest waits in the stream, and further reads give it."),
            lambda seen: len(seen.tcp_reads) > 1 and b"".join(seen.tcp_reads) == MESSAGE,
            N_("one read took everything."),
        ),
    ),
    shows=shows,
    why=(
        N_(
            "A read of a UDP socket takes one datagram off the queue, whole, and what does not fit into the buffer is discarded (POSIX, recvmsg)."
        ),
        N_("It has to be so: UDP has no stream to continue, and RFC 768 gives each datagram a length of its own."),
        N_(
            "recv alone does not say so; recvmsg has MSG_TRUNC, Windows raises an error, and a buffer of 65,535 bytes is never "
            "too small."
        ),
        N_("TCP delivers a stream, from which each read takes as much as it wants (RFC 9293, 3.9.1), so nothing is lost there."),
    ),
    by_hand=(
        Terminal(
            (
                """python3 -c "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('', 5000)); print(s.recv(4), s.recv(4))\"""",
            ),
        ),
        Terminal(("udpmsg send --raw 127.0.0.1 0123456789", "udpmsg send --raw 127.0.0.1 next")),
    ),
    program=Program(
        """
import socket
receiver = socket.socket(type=socket.SOCK_DGRAM)
receiver.bind(("127.0.0.1", 0))
sender = socket.socket(type=socket.SOCK_DGRAM)
sender.sendto(b"0123456789", receiver.getsockname())
sender.sendto(b"next", receiver.getsockname())
data, _, flags, _ = receiver.recvmsg(4)
print(data, bool(flags & socket.MSG_TRUNC))
print(receiver.recv(4))
""",
        ("b'0123' True", "b'next'"),
    ),
)
