"""From which address to answer: the one that was written to. Owns, for each recent peer, the local address that it knows.

A socket on 0.0.0.0 or :: has every address of its host, and left to itself the kernel answers from whichever the route prefers.
A peer that wrote to another one does not recognise such an answer. TCP has no such question: its connection has two addresses.
"""

import socket
import struct
import sys

from udpmsg.sockets.endpoint import Endpoint
from udpmsg.udp.offload import Ancillary

IP_PKTINFO = 8
"""Linux, in.h; it has no name in Python 3.11."""
IPV4_INFO = struct.Struct("@i4s4s")
"""struct in_pktinfo: interface, the local address to use, the address in the header."""
IPV6_INFO = struct.Struct("@16sI")
"""struct in6_pktinfo: address, interface."""
ROOM = socket.CMSG_SPACE(IPV6_INFO.size) if hasattr(socket, "CMSG_SPACE") else 0
"""Bytes of ancillary data that a datagram needs."""
PEERS_KEPT = 4096


class LocalAddresses:
    """Asks the kernel for the local address of every datagram, and says it again when a datagram goes back."""

    def __init__(self, listener: socket.socket) -> None:
        if listener.family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            listener.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        self._known: dict[Endpoint, Ancillary] = {}

    def note(self, peer: Endpoint, ancillary: Ancillary) -> None:
        """Remember where this peer's datagram came to."""
        answer = [control for level, kind, data in ancillary if (control := source(level, kind, data)) is not None]
        if self._known.get(peer) != answer:
            self._known.pop(peer, None)
            self._known[peer] = answer
            if len(self._known) > PEERS_KEPT:
                del self._known[next(iter(self._known))]

    def source(self, peer: Endpoint) -> Ancillary:
        """What to give the kernel with a datagram for this peer."""
        return self._known.get(peer, [])


def source(level: int, kind: int, data: bytes) -> tuple[int, int, bytes] | None:
    """What was told with a datagram, turned into what to say with the answer; None where it is no address of this host."""
    if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO):
        _, local, _ = IPV4_INFO.unpack_from(data)  # for a broadcast or a group, an address of the interface
        return level, kind, IPV4_INFO.pack(0, local, bytes(4))
    if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO) and data[0] != 0xFF:
        return level, kind, data  # 0xFF: a group, which nobody can answer from
    return None


def needed(listener: socket.socket) -> bool:
    """Whether this socket has several addresses, and the system can tell them apart the way that is known here (Linux)."""
    return sys.platform == "linux" and listener.getsockname()[0] in ("0.0.0.0", "::")
