"""The lesson `boundaries`: three sends, and how many pieces the other side reads."""

import socket
from dataclasses import dataclass

from udpmsg.base import clock
from udpmsg.base.language import _
from udpmsg.lessons.lesson import Illustration, Observations, Predicates, table
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


EXPECTED: Predicates[Seen] = {
    "udp-keeps-boundaries": lambda seen: len(seen.sends) == 3 and seen.udp_reads == seen.sends,
    "tcp-is-a-stream": lambda seen: len(seen.sends) == 3 and seen.tcp_reads == (b"".join(seen.sends),),
}
