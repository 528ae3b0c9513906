"""The lesson `slow-receiver`: nobody reads; what UDP's sender is told, and what TCP's."""

import select
import socket
import struct
import sys
from dataclasses import dataclass

from udpmsg.base.language import N_, _, number
from udpmsg.lessons.lesson import LINUX, Expectation, Illustration, Lesson, Observations, Program, Quiz, Terminal, table
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


LESSON = Lesson(
    title=N_("A slow receiver"),
    question=Quiz(
        N_("A program keeps sending, and the other one, on the same machine, does not read. What happens to the sender?"),
        (
            N_("Over both, send waits until the receiver reads."),
            N_("Over UDP it notices nothing, and datagrams are gone; over TCP it has to wait, and nothing is lost."),
            N_("Over UDP it gets an error as soon as the buffer is full; over TCP the connection breaks."),
            N_("Nothing is lost over either: on one machine the system keeps everything."),
        ),
        1,
    ),
    run=run,
    expectations=(
        Expectation(
            "udp-sender-is-not-held-up",
            N_("UDP: all 200 sends succeed at once, though nobody reads."),
            lambda seen: seen.udp_sent == DATAGRAMS,
            N_("fewer were sent, or the sender's own buffer was full."),
        ),
        Expectation(
            "udp-kernel-drops",
            N_("UDP: most of them are gone. They reached this host, and its kernel had no room for them."),
            lambda seen: 0 < seen.udp_read < seen.udp_sent / 2,
            N_("the system gave the socket a larger buffer than it was asked for."),
        ),
        Expectation(
            "drops-are-counted",
            N_("Linux counts the drops of a socket exactly: what was read and what was dropped add up to what was sent."),
            lambda seen: bool(seen.udp_count_later) and seen.udp_read + (seen.udp_count_later or 0) == seen.udp_sent,
            N_("nothing was dropped, so there was nothing to count."),
            on=(LINUX,),
        ),
        Expectation(
            "count-comes-later",
            N_("The count comes with a later datagram only: those that had room knew of no loss yet."),
            lambda seen: seen.udp_count_while_reading is None and seen.udp_count_later is not None,
            N_("somebody read while datagrams still came, or nothing was dropped."),
            on=(LINUX,),
        ),
        Expectation(
            "tcp-sender-is-held-up",
            N_(
                "TCP: send takes no more when the buffers of both sides are full; a send that may wait sleeps until there is "
                "room."
            ),
            lambda seen: seen.tcp_blocked,
            N_("the receiver read after all, or this system's buffers are larger than 64 MiB."),
        ),
        Expectation(
            "tcp-loses-nothing",
            N_("TCP: every byte that send took is read in the end, and then the sender goes on."),
            lambda seen: seen.tcp_blocked and seen.tcp_read_bytes == seen.tcp_sent_bytes and seen.tcp_went_on,
            N_("the sender never had to wait, so it had nothing to resume."),
        ),
    ),
    shows=shows,
    why=(
        N_("UDP has no flow control: its header (RFC 768) has no field that says how much room the receiver has."),
        N_(
            "A datagram that finds the socket's buffer full is discarded by the kernel of the receiving host; the network did its part, "
            "and the sender is told nothing."
        ),
        N_(
            "TCP's receiver says in each acknowledgment how much it has room for, its window, and the sender sends no more than that "
            "(RFC 9293, 3.8.6)."
        ),
        N_("With a window of zero the bytes stay with the sender, until its buffer is full as well and send has to wait."),
        N_(
            "So a slow receiver slows TCP's sender down, and costs UDP's messages; a larger buffer (SO_RCVBUF) helps against bursts, "
            "never against a receiver that is always too slow."
        ),
    ),
    by_hand=(
        Terminal(
            (
                "udpmsg listen --quiet --slow 5ms --receive-buffer 4KiB --idle 2s",
                "udpmsg listen --tcp --quiet --slow 5ms --receive-buffer 4KiB --idle 2s",
            ),
            N_(
                "Run the first listener with the first send, then the second with the second. Each ends by itself and says how "
                "many came."
            ),
        ),
        Terminal(
            ("udpmsg send 127.0.0.1 --count 200 --size 1000", "udpmsg send --tcp 127.0.0.1 --count 200 --size 1000"),
            N_("Over UDP it ends at once; over TCP it takes a second, because it has to wait."),
        ),
    ),
    program=Program(
        """
import select
import socket
import sys
receiver = socket.socket(type=socket.SOCK_DGRAM)
receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
receiver.setsockopt(socket.SOL_SOCKET, 40, 1)                # SO_RXQ_OVFL
receiver.bind(("127.0.0.1", 0))
sender = socket.socket(type=socket.SOCK_DGRAM)
for number in range(200):
    sender.sendto(bytes(100), receiver.getsockname())
read = 0
while select.select([receiver], [], [], 0)[0]:
    read += len(receiver.recv(100)) // 100
sender.sendto(b"later", receiver.getsockname())
dropped = int.from_bytes(receiver.recvmsg(100, 100)[1][0][2], sys.byteorder)
print("some dropped:", dropped > 0, "- read and dropped:", read + dropped)
""",
        ("some dropped: True - read and dropped: 200",),
    ),
)
