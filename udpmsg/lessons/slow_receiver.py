"""The lesson `slow-receiver`: nobody reads; what UDP's sender is told, and what TCP's."""

import select
import socket
import struct
import sys
from dataclasses import dataclass

from udpmsg.base.language import _, number
from udpmsg.lessons.lesson import Illustration, Observations, Predicates, table
from udpmsg.lessons.stage import SILENCE, Stage

SO_RXQ_OVFL = 40
"""Linux, asm-generic/socket.h; Python has no name for it."""
COUNTER = struct.Struct("=I")
DATAGRAMS = 200
SIZE = 100
BUFFER = 4096
"""Bytes to ask of the kernel for the receiver's buffer."""
CHUNK = 1 << 14
LIMIT = 1 << 26
"""Bytes after which a TCP sender that is never held up stops."""


@dataclass(frozen=True)
class Seen(Observations):
    """What was sent while nobody read, and what could be read afterwards."""

    udp_sent: int
    """Datagrams that send() took without an error or a wait."""
    udp_read: int
    udp_count_while_reading: int | None
    """The kernel's count of drops as the datagrams of the queue had it; None: they had none."""
    udp_count_later: int | None
    """The same, with a datagram that was sent after the queue was empty."""
    tcp_sent_bytes: int
    tcp_blocked: bool
    """Whether send() refused to take more."""
    tcp_read_bytes: int
    """Of those, once the receiver reads."""
    tcp_went_on: bool
    """Whether send() took more afterwards."""


def run(stage: Stage, *, datagrams: int = DATAGRAMS, tcp_reads: bool = False) -> Seen:
    """`datagrams`: how many are sent; `tcp_reads`: TCP's receiver keeps up."""
    return Seen(*over_udp(stage, datagrams), *over_tcp(stage, tcp_reads))


def over_udp(stage: Stage, datagrams: int) -> tuple[int, int, int | None, int | None]:
    """Send all into a small buffer, then read what there is, then send one more."""
    stage.step(_("UDP: {} datagrams into a buffer of {} bytes; nobody reads").format(datagrams, number(BUFFER)))
    receiver, sender = stage.udp_listener(), stage.udp()
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    if sys.platform == "linux":
        receiver.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
    sender.setblocking(False)
    sent = 0
    for _each in range(datagrams):
        sent += sender.sendto(bytes(SIZE), receiver.getsockname()) == SIZE
    stage.say(_("send() took {} of {}").format(sent, datagrams))
    stage.step(_("UDP: now read"))
    read, count = 0, None
    while readable(receiver):
        count = drops(receiver) or count
        read += 1
    stage.say(_("{} datagrams were there; the kernel's count of drops: {}").format(read, told(count)))
    stage.step(_("UDP: one datagram more, because the count comes with a later one"))
    sender.sendto(bytes(SIZE), receiver.getsockname())
    later = drops(receiver) if readable(receiver) else None
    stage.say(_("the kernel's count of drops: {}").format(told(later)))
    return sent, read, count, later


def readable(receiver: socket.socket) -> bool:
    """Whether something is there, or comes at once."""
    return bool(select.select([receiver], [], [], SILENCE / 3)[0])


def drops(receiver: socket.socket) -> int | None:
    """Read a datagram; how many the kernel had dropped when this one was queued. None: it does not say."""
    if not hasattr(receiver, "recvmsg"):
        receiver.recv(SIZE)
        return None
    _data, control, _flags, _peer = receiver.recvmsg(SIZE, 64)
    for level, kind, value in control:
        if (level, kind) == (socket.SOL_SOCKET, SO_RXQ_OVFL):
            return int(COUNTER.unpack(value)[0])
    return None


def over_tcp(stage: Stage, keeps_up: bool) -> tuple[int, bool, int, bool]:
    """Send until the sender is held up, then read all of it."""
    stage.step(_("TCP: send and send; nobody reads"))
    sender, receiver = stage.tcp_pair()
    sender.setblocking(False)
    sent = read = 0
    blocked = False
    while sent < LIMIT and not blocked:
        try:
            sent += sender.send(bytes(CHUNK))
        except BlockingIOError:  # EAGAIN, which may be for a moment only
            blocked = not writable(sender, SILENCE)
        if keeps_up:
            read += len(receiver.recv(LIMIT))
    if blocked:
        stage.say(_("send() takes no more after {} bytes; a sender that may wait would sleep here").format(number(sent)))
    else:
        stage.say(_("send() took {} bytes and was never held up").format(number(sent)))
    stage.step(_("TCP: now read"))
    while read < sent:
        read += len(receiver.recv(CHUNK))
    went_on = writable(sender, 2 * SILENCE) and sender.send(b"more") == 4
    stage.say(_("{} bytes were read; send() takes more: {}").format(number(read), _("yes") if went_on else _("no")))
    return sent, blocked, read, went_on


def writable(sender: socket.socket, seconds: float) -> bool:
    """Whether the system takes more within this time."""
    return bool(select.select([], [sender], [], seconds)[1])


def told(count: int | None) -> str:
    """A count in words."""
    return _("no count") if count is None else number(count)


def shows(seen: Seen) -> tuple[Illustration, ...]:
    """What was sent, what was read, and what is gone."""
    held_up = _("yes") if seen.tcp_blocked else _("no")
    rows = (
        (
            "UDP",
            _("{} datagrams").format(number(seen.udp_sent)),
            _("no"),
            number(seen.udp_read),
            number(seen.udp_sent - seen.udp_read),
            told(seen.udp_count_later),
        ),
        (
            "TCP",
            _("{} bytes").format(number(seen.tcp_sent_bytes)),
            held_up,
            number(seen.tcp_read_bytes),
            number(seen.tcp_sent_bytes - seen.tcp_read_bytes),
            "–",
        ),
    )
    return (table(("", _("sent"), _("held up"), _("read"), _("gone"), _("drops the kernel counted")), rows),)


EXPECTED: Predicates[Seen] = {
    "udp-sender-is-not-held-up": lambda seen: seen.udp_sent == DATAGRAMS,
    "udp-kernel-drops": lambda seen: 0 < seen.udp_read < seen.udp_sent / 2,
    "drops-are-counted": lambda seen: bool(seen.udp_count_later) and seen.udp_read + (seen.udp_count_later or 0) == seen.udp_sent,
    "count-comes-later": lambda seen: seen.udp_count_while_reading is None and seen.udp_count_later is not None,
    "tcp-sender-is-held-up": lambda seen: seen.tcp_blocked,
    "tcp-loses-nothing": lambda seen: seen.tcp_blocked and seen.tcp_read_bytes == seen.tcp_sent_bytes and seen.tcp_went_on,
}
