"""The lesson `boundaries`: three sends, and how many pieces the other side reads."""

import socket
from dataclasses import dataclass

from udpmsg.base import clock
from udpmsg.base.language import N_, _
from udpmsg.lessons.lesson import Expectation, Illustration, Lesson, Observations, Program, Quiz, Terminal, table
from udpmsg.lessons.stage import PATIENCE, Stage

SENDS = (b"aaa", b"bbb", b"cccc")
LARGEST = 100


@dataclass(frozen=True)
class Seen(Observations):
    """What was sent, and what each read gave."""

    sends: tuple[bytes, ...]
    udp_reads: tuple[bytes, ...]
    tcp_reads: tuple[bytes, ...]


def run(stage: Stage, *, sends: tuple[bytes, ...] = SENDS, read_at_once: bool = False) -> Seen:
    """`read_at_once`: TCP's receiver reads after each send, so that no two of them are in its buffer at once."""
    return Seen(sends, over_udp(stage, sends), over_tcp(stage, sends, read_at_once))


def over_udp(stage: Stage, sends: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Send all, then read until nothing is left."""
    stage.step(_("UDP: {} sends, and only then the other side reads").format(len(sends)))
    receiver, sender = stage.udp_listener(), stage.udp()
    for payload in sends:
        sender.sendto(payload, receiver.getsockname())
        stage.say(f"sendto({payload!r})")
    reads: list[bytes] = []
    while sum(map(len, reads)) < sum(map(len, sends)):
        reads.append(receiver.recv(LARGEST))
        stage.say(f"recv({LARGEST}) -> {reads[-1]!r}")
    return tuple(reads)


def over_tcp(stage: Stage, sends: tuple[bytes, ...], read_at_once: bool) -> tuple[bytes, ...]:
    """The same over a connection."""
    stage.step(_("TCP: the same {} sends").format(len(sends)))
    sender, receiver = stage.tcp_pair()
    reads: list[bytes] = []
    for payload in sends:
        sender.sendall(payload)
        stage.say(f"send({payload!r})")
        if read_at_once:
            reads.append(receiver.recv(LARGEST))
    total = sum(map(len, sends))
    await_bytes(receiver, total - sum(map(len, reads)))
    while sum(map(len, reads)) < total:
        reads.append(receiver.recv(LARGEST))
        stage.say(f"recv({LARGEST}) -> {reads[-1]!r}")
    return tuple(reads)


def await_bytes(receiver: socket.socket, size: int) -> None:
    """Until so many bytes can be read, without reading them."""
    until = clock.now() + round(PATIENCE * 1e9)
    while size and len(receiver.recv(LARGEST, socket.MSG_PEEK)) < size and clock.now() < until:
        pass


def shows(seen: Seen) -> tuple[Illustration, ...]:
    """Sends beside reads."""

    def row(name: str, reads: tuple[bytes, ...]) -> tuple[str, str, str]:
        return name, " ".join(text.decode() for text in seen.sends), " | ".join(text.decode() for text in reads)

    return (table(("", _("sent"), _("read")), (row("UDP", seen.udp_reads), row("TCP", seen.tcp_reads))),)


LESSON = Lesson(
    title=N_("Message boundaries"),
    question=Quiz(
        N_(
            "A program sends “aaa”, “bbb” and “cccc”; the other side begins to read when all have come. What does its first read give?"
        ),
        (
            N_("“aaa” over both UDP and TCP."),
            N_("“aaabbbcccc” over both."),
            N_("“aaa” over UDP, “aaabbbcccc” over TCP."),
            N_("“cccc”, the latest one, over UDP; “aaa” over TCP."),
        ),
        2,
    ),
    run=run,
    expectations=(
        Expectation(
            "udp-keeps-boundaries",
            N_("UDP: three sends are three reads, each with one whole message."),
            lambda seen: len(seen.sends) == 3 and seen.udp_reads == seen.sends,
            N_("datagrams were lost on loopback, where the receiver's buffer must have been full."),
        ),
        Expectation(
            "tcp-is-a-stream",
            N_("TCP: one read gives all ten bytes; nothing shows where a send ended."),
            lambda seen: len(seen.sends) == 3 and seen.tcp_reads == (b"".join(seen.sends),),
            N_("the receiver read before everything had come, which TCP allows as well: a read gives what is there."),
        ),
    ),
    shows=shows,
    why=(
        N_(
            "A UDP datagram is a message: the header has its length (RFC 768), and a read gives one datagram, or what fits of it."
        ),
        N_(
            "TCP carries a stream of bytes without records (RFC 9293, 3.7): it cuts and joins as it likes, and so may the reader."
        ),
        N_("Reads of a stream give whatever has come by then, so the same program may see three pieces today and one tomorrow."),
        N_(
            "Whoever wants messages over TCP has to mark their ends: by a length in front, as udpmsg and DNS over TCP do (RFC 7766, 8), "
            "or by a separator, such as a line's end."
        ),
    ),
    by_hand=(
        Terminal(("udpmsg listen --both",)),
        Terminal(
            (
                r"printf 'aaa\nbbb\ncccc\n' | udpmsg send 127.0.0.1 --wait 0s",
                r"printf 'aaa\nbbb\ncccc\n' | udpmsg send --tcp 127.0.0.1 --wait 0s",
            ),
            N_("Over TCP there are three messages too: udpmsg writes each one's length in front of it."),
        ),
    ),
    program=Program(
        """
import socket
import time
for kind in socket.SOCK_DGRAM, socket.SOCK_STREAM:
    receiver, sender = socket.socket(type=kind), socket.socket(type=kind)
    receiver.bind(("127.0.0.1", 0))
    if kind == socket.SOCK_STREAM:
        receiver.listen()
    sender.connect(receiver.getsockname())
    if kind == socket.SOCK_STREAM:
        receiver, _ = receiver.accept()
    for message in b"aaa", b"bbb", b"cccc":
        sender.send(message)
    time.sleep(0.1)
    print(receiver.recv(100))
""",
        ("b'aaa'", "b'aaabbbcccc'"),
    ),
)
