"""Whether a datagram may be cut up on its way (IP fragmentation), and what the system knows of that way. Linux alone is known to
do what finding out a path's MTU takes; elsewhere a datagram size is kept.

Owns the socket options. Knows no message, and does not decide how large a datagram is (see `udpmsg.core.path_mtu`).
"""

import socket
import sys
from functools import cache

IP_MTU_DISCOVER, IPV6_MTU_DISCOVER = 10, 23
IP_MTU, IPV6_MTU = 14, 24
DONT, PROBE = 0, 3
"""Linux, in.h and in6.h; they have no names in Python 3.11. DONT: routers may cut up (over IPv6 the system does, as far as it was
told to). PROBE: nobody may, and what ICMP said of the path is passed over: only the interface's own MTU counts."""
IPV4_HEADERS, IPV6_HEADERS = 28, 48
"""Bytes of the headers of IP and UDP."""
MAPPED = "::ffff:"
"""How an address of IPv4 begins for a socket of IPv6 (RFC 4291, section 2.5.5.2)."""


@cache
def can_keep_whole() -> bool:
    """Whether this system can send a datagram that nobody may cut up, and be asked to ignore what ICMP says of the path. What
    only looks like Linux may not know the option."""
    if sys.platform != "linux":
        return False
    with socket.socket(type=socket.SOCK_DGRAM) as trial:
        try:
            keep_whole(trial, True)
        except OSError:
            return False
    return True


def keep_whole(opened: socket.socket, whole: bool) -> None:
    """From now on nobody, or everybody, may cut up what this socket sends."""
    choice = PROBE if whole else DONT
    opened.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, choice)  # IPv6's too: what goes to ::ffff:a.b.c.d leaves as IPv4
    if opened.family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, choice)


def largest(opened: socket.socket) -> int | None:
    """Bytes in the largest datagram that the way to a connected socket's peer takes, as the system believes; None: it can't say.

    It believes ICMP, which anybody can forge: try it."""
    ipv6 = opened.family == socket.AF_INET6
    try:
        mtu = opened.getsockopt(*((socket.IPPROTO_IPV6, IPV6_MTU) if ipv6 else (socket.IPPROTO_IP, IP_MTU)))
        over_ipv6 = ipv6 and not opened.getpeername()[0].startswith(MAPPED)
        return mtu - (IPV6_HEADERS if over_ipv6 else IPV4_HEADERS)
    except OSError:
        return None
