"""The lesson `nobody`: a datagram to a port where nobody listens, and a connection to the same."""

import socket
import sys
from dataclasses import dataclass

from udpmsg.base.language import _
from udpmsg.lessons.lesson import Illustration, Observations, Predicates, table
from udpmsg.lessons.stage import ANSWERED, REFUSED, SENT, SILENCE, SILENT, Stage, word_for

IP_RECVERR = 11
"""Linux, in.h; Python 3.11 has no name for it."""
SENDS = 4
PATTERN = (SENT, REFUSED, SENT, REFUSED)


@dataclass(frozen=True)
class Seen(Observations):
    """What became of each attempt."""

    tcp_connect: str
    """"refused", or "connected"."""
    unconnected_sends: tuple[str, ...]
    unconnected_then: str
    """"silence", "refused" or "answered"."""
    connected_sends: tuple[str, ...]
    connected_then: str
    """What the connected socket's read says after its last send."""
    offending_datagram: str | None
    """What the system's error queue gave back; None: there is no such queue, or nothing was in it."""
    reported_by_send: int | None
    """Which send reported the error of `offending_datagram`, from 1."""


def run(stage: Stage, *, listening: bool = False) -> Seen:
    """`listening`: somebody is there after all, and answers."""
    listener = None
    if listening:
        listener, tcp_listener = stage.on_one_port()
        tcp_listener.listen()
        address = listener.getsockname()
    else:
        address = stage.address_of_nobody()
    return Seen(
        connecting(stage, address),
        *unconnected(stage, address, listener),
        *connected(stage, address),
        *error_queue(stage, address),
    )


def connecting(stage: Stage, address: tuple[str, int]) -> str:
    """TCP: it learns it with the first thing it does."""
    stage.step(_("TCP: connect to port {}, where nobody listens").format(address[1]))
    try:
        stage.tcp().connect(address)
    except ConnectionRefusedError as error:
        stage.say(f"connect() -> {error.strerror}")
        return REFUSED
    stage.say(_("connected"))
    return "connected"


def unconnected(stage: Stage, address: tuple[str, int], listener: socket.socket | None) -> tuple[tuple[str, ...], str]:
    """UDP as most programs use it: every send succeeds, and nothing comes back."""
    stage.step(_("UDP: three datagrams to the same port, by sendto()"))
    sender = stage.udp()
    sends = []
    for number in range(1, 4):
        sender.sendto(f"datagram {number}".encode(), address)
        sends.append(SENT)
        stage.say(_("sendto() {} -> sent").format(number))
    if listener is not None:
        listener.sendto(b"here", sender.getsockname())
    then = outcome(sender)
    stage.say(_("recvfrom() waits {} ms: {}").format(round(SILENCE * 1000), word_for(then)))
    return tuple(sends), then


def connected(stage: Stage, address: tuple[str, int]) -> tuple[tuple[str, ...], str]:
    """UDP with connect(), which sends nothing: the system now knows whose socket a refusal is for."""
    stage.step(_("UDP: connect() the socket, which sends nothing, and send() four times"))
    sender = stage.udp()
    sender.connect(address)
    sends = []
    for number in range(1, SENDS + 1):
        sends.append(sent(sender, number))
        stage.say(f"send() {number} -> {word_for(sends[-1])}")
    return tuple(sends), outcome(sender)


def error_queue(stage: Stage, address: tuple[str, int]) -> tuple[str | None, int | None]:
    """Linux keeps what was refused: the datagram itself, and which send was told."""
    if sys.platform != "linux":
        return None, None
    stage.step(_("Linux: ask the socket's error queue which datagram was refused"))
    sender = stage.udp()
    sender.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    sender.connect(address)
    for number in range(1, SENDS + 1):
        if sent(sender, number) == REFUSED:
            offending = sender.recvmsg(100, 512, socket.MSG_ERRQUEUE)[0].decode()
            stage.say(_("send() {} -> refused; the queue says: “{}”").format(number, offending))
            return offending, number
    stage.say(_("nothing is in the queue"))
    return None, None


def sent(sender: socket.socket, number: int) -> str:
    """Send a datagram by a connected socket, and what the program is told."""
    try:
        sender.send(f"datagram {number}".encode())
    except ConnectionRefusedError:
        return REFUSED
    return SENT


def outcome(sender: socket.socket) -> str:
    """What a read says: an answer, a refusal, or nothing."""
    sender.settimeout(SILENCE)
    try:
        sender.recv(100)
    except TimeoutError:
        return SILENT
    except (ConnectionRefusedError, ConnectionResetError):  # the second is Windows' word for it
        return REFUSED
    return ANSWERED


def shows(seen: Seen) -> tuple[Illustration, ...]:
    """Each attempt, and what its program was told."""
    rows = [
        ("TCP", "connect()", word_for(REFUSED) if seen.tcp_connect == REFUSED else _("connected")),
        (
            "UDP",
            "sendto() ×3",
            ", ".join(map(word_for, seen.unconnected_sends)) + _("; then {}").format(word_for(seen.unconnected_then)),
        ),
        (_("UDP, connected"), "send() ×4", ", ".join(map(word_for, seen.connected_sends))),
    ]
    if seen.offending_datagram is not None:
        told = _("send() {} is told of “{}”").format(seen.reported_by_send, seen.offending_datagram)
        rows.append((_("UDP, error queue"), "recvmsg()", told))
    return (table((_("socket"), _("call"), _("what the program is told")), tuple(rows)),)


EXPECTED: Predicates[Seen] = {
    "tcp-is-refused": lambda seen: seen.tcp_connect == REFUSED,
    "udp-sends-succeed": lambda seen: seen.unconnected_sends == (SENT,) * 3 and seen.unconnected_then == SILENT,
    "udp-reset-is-read": lambda seen: seen.unconnected_sends == (SENT,) * 3 and seen.unconnected_then == REFUSED,
    "next-send-is-refused": lambda seen: seen.connected_sends == PATTERN,
    "queue-names-the-datagram": lambda seen: seen.offending_datagram == "datagram 1" and seen.reported_by_send == 2,
}
