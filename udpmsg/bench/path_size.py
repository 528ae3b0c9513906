"""How large a datagram the path takes whole, and into how many a message goes. Sends nothing.

Linux knows the MTU of the route to a peer (`udpmsg.udp.path`); elsewhere 1200 bytes pass every IPv6 path.
"""

import socket
import sys

from udpmsg.core import wire
from udpmsg.core.config import DATAGRAM_SIZE, MAX_DATAGRAM_SIZE, MIN_DATAGRAM_SIZE
from udpmsg.core.fragments import Cutter
from udpmsg.sockets.endpoint import resolve
from udpmsg.udp.path import largest


def largest_datagram(host: str, port: int) -> int | None:
    """Bytes of UDP payload that leave in one packet; None where the system does not tell. Raises NameUnknown."""
    address = resolve(host, port, socket.SOCK_DGRAM)[0]
    if sys.platform != "linux":
        return None
    try:
        with socket.socket(address.family, socket.SOCK_DGRAM) as probe:
            probe.connect(address.sockaddr)  # no packet leaves
            return largest(probe)
    except OSError:
        return None


def datagram_size(size: int, *, acknowledged: bool, largest: int | None) -> int:
    """What a message of `size` bytes needs to travel in one datagram, as far as the path takes that whole."""
    most = min(DATAGRAM_SIZE if largest is None else largest, MAX_DATAGRAM_SIZE)
    return max(MIN_DATAGRAM_SIZE, min(size + wire.overhead(acknowledged=acknowledged, reply=False, fragment=False), most))


def datagrams(size: int, *, acknowledged: bool, datagram_size: int) -> int:
    """Into how many datagrams a message goes."""
    return Cutter(datagram_size=datagram_size, max_message=size, acknowledged=acknowledged).count(size, reply=False)
