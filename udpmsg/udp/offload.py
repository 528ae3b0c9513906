"""Many datagrams in one system call: UDP_SEGMENT on the way out, UDP_GRO on the way in. Linux has both; nobody else needs them.

Owns the two socket options and what the kernel allows of them. Knows no message and no address. Everything works without: then a
run has one datagram, and the same datagrams go the same way in the same order.

The system's part of sending a datagram (its route, its header, its way through the stack, waking the receiver) costs several
times what copying its bytes does. UDP_SEGMENT lets the kernel do that once for up to 64 datagrams of one length (the last may be
shorter), and cut them apart as late as it can: on loopback never, since UDP_GRO hands them on together.
"""

import errno
import socket
import struct
import sys

from udpmsg.core.framing import Run

UDP_SEGMENT, UDP_GRO = 103, 104
"""Linux, udp.h; they have no names in Python 3.11."""
SIZE = struct.Struct("@H")
"""UDP_SEGMENT's value: bytes of each segment."""
GRO_SIZE = struct.Struct("@i")
"""UDP_GRO's value: bytes of each datagram but the last."""
ROOM = socket.CMSG_SPACE(GRO_SIZE.size) if hasattr(socket, "CMSG_SPACE") else 0
"""Bytes of ancillary data in which the kernel tells the size."""
REFUSALS = (errno.EIO, errno.EINVAL, errno.EMSGSIZE, errno.ENOPROTOOPT, errno.EOPNOTSUPP)
"""How a kernel refuses a run and would take each datagram: no checksum offload on the way, segments larger than the MTU, or an
option that it does not know."""

Ancillary = list[tuple[int, int, bytes]]


class RunRefused(Exception):
    """The kernel takes no run of datagrams on this way; its words say why."""


def can_segment(opened: socket.socket) -> bool:
    """Whether the kernel takes runs of datagrams from this socket (Linux 4.18 and later)."""
    if sys.platform != "linux":
        return False
    try:
        opened.getsockopt(socket.IPPROTO_UDP, UDP_SEGMENT)
    except OSError:
        return False
    return True


def coalesce(opened: socket.socket) -> bool:
    """Ask the kernel to hand over runs of datagrams on this socket (Linux 5.0 and later); False where it can't."""
    if sys.platform != "linux":
        return False
    try:
        opened.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
    except OSError:
        return False
    return True


def segments(size: int) -> Ancillary:
    """What to tell the kernel with a run whose datagrams have `size` bytes each."""
    return [(socket.IPPROTO_UDP, UDP_SEGMENT, SIZE.pack(size))]


def runs(data: bytes | memoryview, ancillary: Ancillary) -> list[bytes | Run]:
    """What one call received: a datagram, or a run, and its last datagram by itself where that is shorter."""
    for level, kind, value in ancillary:
        if level == socket.IPPROTO_UDP and kind == UDP_GRO:
            (size,) = GRO_SIZE.unpack(value)
            if 0 < size < len(data):
                whole = len(data) - len(data) % size
                last = [bytes(data[whole:])] if whole < len(data) else []
                return [Run(memoryview(data)[:whole], size), *last]
    return [bytes(data)]
