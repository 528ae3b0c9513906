"""The lesson `one-to-many`: one send that several receivers get, and what TCP does instead."""

import socket
import sys
from dataclasses import dataclass

from udpmsg.base.language import _, plural
from udpmsg.lessons.lesson import Illustration, Observations, Predicates, table
from udpmsg.lessons.stage import LOOPBACK, SILENCE, Stage, error_name

GROUP = "239.1.2.3"
"""Of the block for private use (RFC 2365, 6.2)."""
BROADCAST = "127.255.255.255"
"""Everybody on 127.0.0.0/8."""
RECEIVERS = 3
MESSAGE = b"to all"
CONNECTED = "connected"


@dataclass(frozen=True)
class Seen(Observations):
    """How many got what was sent once."""

    multicast_sends: int
    multicast_received: tuple[int, ...]
    """Datagrams that each receiver got."""
    broadcast_at_first: str | None
    """What the system said before it was told that broadcast is meant: an error's name, or "sent"; None: not tried here."""
    broadcast_received: tuple[int, ...] | None
    """None: not tried, because this system's loopback has no broadcast."""
    tcp_connect: str
    """What a connect to the group gave: the error's name, or "connected"."""


def run(stage: Stage, *, receivers: int = RECEIVERS, allowed: bool = False, tcp_listens: bool = False) -> Seen:
    """`allowed`: SO_BROADCAST is set from the start; `tcp_listens`: TCP connects to a listener instead of the group."""
    received = multicast(stage, receivers)
    at_first, by_broadcast = broadcast(stage, receivers, allowed) if sys.platform == "linux" else (None, None)
    return Seen(1, received, at_first, by_broadcast, connecting(stage, tcp_listens))


def multicast(stage: Stage, count: int) -> tuple[int, ...]:
    """Receivers join a group; one datagram goes to the group."""
    stage.step(plural("UDP: {} receiver joins the group {}", "UDP: {} receivers join the group {}", count).format(count, GROUP))
    receivers = on_one_port(stage, GROUP, count)
    for receiver in receivers:
        membership = socket.inet_aton(GROUP) + socket.inet_aton(LOOPBACK)
        receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    stage.step(_("UDP: send “{}” to the group, once").format(MESSAGE.decode()))
    sender = stage.udp()
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(LOOPBACK))
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 0)  # not beyond this host
    sender.sendto(MESSAGE, (GROUP, receivers[0].getsockname()[1]))
    return all_heard(stage, receivers)


def broadcast(stage: Stage, count: int, allowed: bool) -> tuple[str, tuple[int, ...]]:
    """One datagram to everybody on the network, which the program must first tell the system that it means."""
    stage.step(_("UDP: send to everybody, at {}, once").format(BROADCAST))
    receivers = on_one_port(stage, BROADCAST, count)
    address = BROADCAST, receivers[0].getsockname()[1]
    sender = stage.udp()
    if allowed:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    at_first = "sent"
    try:
        sender.sendto(MESSAGE, address)
    except OSError as error:
        at_first = error_name(error)
        stage.say(_("sendto() -> {}; so set SO_BROADCAST, and send again").format(at_first))
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sender.sendto(MESSAGE, address)
    return at_first, all_heard(stage, receivers)


def on_one_port(stage: Stage, address: str, count: int) -> list[socket.socket]:
    """Receivers that share a port, as programs on several hosts would have the same one."""
    receivers: list[socket.socket] = []
    for _each in range(count):
        receiver = stage.udp()
        receiver.settimeout(SILENCE)
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sys.platform == "darwin":
            receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        port = receivers[0].getsockname()[1] if receivers else 0
        receiver.bind(("" if sys.platform == "win32" else address, port))
        receivers.append(receiver)
    return receivers


def all_heard(stage: Stage, receivers: list[socket.socket]) -> tuple[int, ...]:
    """How often each receiver got the message."""
    counts = []
    for number, receiver in enumerate(receivers, 1):
        try:
            counts.append(int(receiver.recv(100) == MESSAGE))
        except TimeoutError:
            counts.append(0)
        receiver.setblocking(False)
        try:
            counts[-1] += receiver.recv(100) == MESSAGE
        except BlockingIOError:
            pass
        stage.say(
            _("receiver {}: “{}”").format(number, MESSAGE.decode()) if counts[-1] else _("receiver {}: nothing").format(number)
        )
    return tuple(counts)


def connecting(stage: Stage, listens: bool) -> str:
    """TCP: what connect says to a group's address."""
    address = stage.tcp_listener().getsockname() if listens else (GROUP, stage.address_of_nobody()[1])
    stage.step(_("TCP: connect to {}").format(address[0]))
    outcome = CONNECTED
    try:
        stage.tcp().connect(address)
    except OSError as error:
        outcome = error_name(error)
    stage.say(f"connect() -> {outcome}")
    return outcome


def shows(seen: Seen) -> tuple[Illustration, ...]:
    """One send each, and who got it."""
    rows = [(_("UDP, multicast"), GROUP, "1", " + ".join(map(str, seen.multicast_received)))]
    if seen.broadcast_received is not None:
        rows.append((_("UDP, broadcast"), BROADCAST, "1", " + ".join(map(str, seen.broadcast_received))))
    rows.append(("TCP", GROUP, f"connect() -> {seen.tcp_connect}", "–"))
    return (table(("", _("sent to"), _("sends"), _("received by")), tuple(rows)),)


EXPECTED: Predicates[Seen] = {
    "one-send-three-receivers": lambda seen: seen.multicast_sends == 1 and seen.multicast_received == (1,) * RECEIVERS,
    "broadcast-must-be-allowed": lambda seen: seen.broadcast_at_first == "EACCES",
    "broadcast-reaches-all": lambda seen: seen.broadcast_received == (1,) * RECEIVERS,
    "tcp-cannot": lambda seen: seen.tcp_connect != CONNECTED,
}
