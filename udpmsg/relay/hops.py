"""How many hops what came to a relay had left. What the relay passes on has one less, as behind a router: so that what goes round
between relays that point at each other dies, instead of taking a place at each turn for ever.

Owns which socket options tell it. Linux tells it of a datagram and of a connection; elsewhere nobody knows, and None is said.
"""

import socket
import sys

IP_RECVTTL = 12
"""Linux, in.h; it has no name in Python 3.11."""
TCP_SAVE_SYN, TCP_SAVED_SYN = 27, 28
"""Linux, tcp.h."""
SYN_BYTES = 120
"""An IPv6 header and the largest of TCP's."""
ROOM = 2 * socket.CMSG_SPACE(4) if hasattr(socket, "CMSG_SPACE") else 0
"""Bytes of ancillary data that a datagram needs."""
MOST = 64
"""What a system gives by itself. A larger number would only let what goes round live longer."""


def ask_of_datagrams(listener: socket.socket) -> bool:
    """Have the kernel tell it with each datagram; False where it can't."""
    if sys.platform != "linux":
        return False
    listener.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)  # on an IPv6 socket too, which may take IPv4
    if listener.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
    return True


def of_datagram(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    """What was told with a datagram."""
    for level, kind, data in ancillary:
        if (level, kind) in ((socket.IPPROTO_IP, socket.IP_TTL), (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT)):
            return int.from_bytes(data[:4], sys.byteorder)
    return None


def ask_of_connections(listener: socket.socket) -> None:
    """Have the kernel keep what the first segment of each connection said, if it can."""
    if sys.platform == "linux":
        listener.setsockopt(socket.IPPROTO_TCP, TCP_SAVE_SYN, 1)


def of_connection(accepted: socket.socket) -> int | None:
    """What its first segment said; None where the kernel kept none, as with SYN cookies."""
    if sys.platform != "linux":
        return None
    try:
        header = accepted.getsockopt(socket.IPPROTO_TCP, TCP_SAVED_SYN, SYN_BYTES)
    except OSError:
        return None
    if len(header) < 20:
        return None
    return header[8] if header[0] >> 4 == 4 else header[7]


def left(hops: int | None) -> int | None:
    """How many are left behind the relay; 0: it must not go on; None: as many as the system gives."""
    return None if hops is None else min(hops, MOST) - 1


def limit(opened: socket.socket, hops: int | None) -> None:
    """Let what this socket sends live for this many hops."""
    if hops is not None:
        ipv6 = opened.family == socket.AF_INET6
        level, option = (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS) if ipv6 else (socket.IPPROTO_IP, socket.IP_TTL)
        opened.setsockopt(level, option, hops)
