"""How large a datagram the path takes whole, and into how many a message goes. Sends nothing.

Linux knows the MTU of the route to a peer (ip(7), IP_MTU of a connected socket); elsewhere 1200 bytes pass every IPv6 path.
"""

import socket
import sys

from udpmsg.core import wire
from udpmsg.core.config import DATAGRAM_SIZE, MAX_DATAGRAM_SIZE, MIN_DATAGRAM_SIZE
from udpmsg.core.fragments import Cutter
from udpmsg.sockets.endpoint import resolve

IP_MTU, IPV6_MTU = 14, 24
"""Linux, in.h and in6.h; they have no name in Python 3.11."""
UDP_HEADER = 8
IPV4_HEADER, IPV6_HEADER = 20, 40


def largest_datagram(host: str, port: int) -> int | None:
    """Bytes of UDP payload that leave in one packet; None where the system does not tell. Raises NameUnknown."""
    address = resolve(host, port, socket.SOCK_DGRAM)[0]
    if sys.platform != "linux":
        return None
    ipv6 = address.family == socket.AF_INET6
    try:
        with socket.socket(address.family, socket.SOCK_DGRAM) as probe:
            probe.connect(address.sockaddr)  # no packet leaves
            mtu = probe.getsockopt(*((socket.IPPROTO_IPV6, IPV6_MTU) if ipv6 else (socket.IPPROTO_IP, IP_MTU)))
    except OSError:
        return None
    return mtu - UDP_HEADER - (IPV6_HEADER if ipv6 else IPV4_HEADER)


def datagram_size(size: int, *, acknowledged: bool, largest: int | None) -> int:
    """What a message of `size` bytes needs to travel in one datagram, as far as the path takes that whole."""
    most = min(DATAGRAM_SIZE if largest is None else largest, MAX_DATAGRAM_SIZE)
    return max(MIN_DATAGRAM_SIZE, min(size + wire.overhead(acknowledged=acknowledged, reply=False, fragment=False), most))


def datagrams(size: int, *, acknowledged: bool, datagram_size: int) -> int:
    """Into how many datagrams a message goes."""
    return Cutter(datagram_size=datagram_size, max_message=size, acknowledged=acknowledged).count(size, reply=False)
