"""Many datagrams in one system call (sendmmsg), each to an address of its own. Linux alone; elsewhere each has a call.

Owns what the kernel is told of them, in buffers that are kept for ever. Knows no message. Its twins are `udpmsg.udp.vector`,
which receives, and `udpmsg.udp.send_vector`, of a socket that is connected.
"""

import os
import socket
import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import islice
from typing import Any

from udpmsg.core.events import Peer
from udpmsg.sockets.endpoint import Endpoint
from udpmsg.udp.offload import Ancillary
from udpmsg.udp.vector import CONTROL, ENTRY, NAMES_KEPT, PART, SOCKADDR_IN, SOCKADDR_IN6

MOST = 64
"""Datagrams of one call: it is hardly cheaper with more."""
ROOM = 1 << 16
"""Bytes that they have in all. A datagram for which that is too little costs so much that its own call does not matter."""

Source = Callable[[Endpoint], Ancillary]
"""What else the kernel is told of a datagram for this peer."""


def addressed(opened: socket.socket) -> "Addressed | None":
    """What sends many datagrams from this socket in one call; None where the system can't."""
    if sys.platform != "linux":
        return None
    try:
        return Addressed(opened)
    except (AttributeError, ImportError, OSError):
        return None


class Addressed:
    """The kernel's lists of at most MOST datagrams, for one socket; one thread at a time."""

    def __init__(self, opened: socket.socket) -> None:
        """Raises AttributeError, ImportError or OSError where the system has no sendmmsg."""
        import ctypes  # not before many leave: loading it takes longer than many lone messages

        self._socket = opened
        self._send: Callable[..., int] = ctypes.CDLL(None, use_errno=True).sendmmsg
        self._errno: Callable[[], int] = ctypes.get_errno
        self._pointer: Any = ctypes.c_void_p
        self._byte: Any = ctypes.c_char
        self._addressof: Callable[[Any], int] = ctypes.addressof
        self._name_size = (SOCKADDR_IN6 if opened.family == socket.AF_INET6 else SOCKADDR_IN).size
        self._known: dict[Peer, bytes] = {}
        """How the kernel writes a peer's address."""
        self._data, self._names, self._parts = bytearray(ROOM), bytearray(self._name_size * MOST), bytearray(PART.size * MOST)
        self._sizes: list[int] = []
        """Of the datagrams that `_parts` was written for; mostly the next ones have the same."""
        self._lists: dict[int, tuple[bytearray, Any, bytearray]] = {}
        """By the bytes of ancillary data that each has: that of all, where the kernel finds the entries, and those."""

    def send(self, waiting: Iterable[tuple[bytes, Peer]], source: Source | None) -> int:
        """How many of the first of these the kernel took; 0: the first one is to have a call of its own. Raises OSError,
        BlockingIOError say, where the kernel refuses the first one."""
        chosen: list[tuple[bytes, Peer]] = []
        names: list[bytes] = []
        for datagram, peer in islice(waiting, MOST):
            if not (name := self._known.get(peer) or self._name(peer)):
                break
            chosen.append((datagram, peer))
            names.append(name)
        if not chosen:
            return 0
        count = len(chosen)
        told = [control(source(peer)) for _, peer in chosen if isinstance(peer, Endpoint)] if source is not None else [b""]
        lengths = list(map(len, told))
        if lengths.count(lengths[0]) < len(lengths):
            count = min(count, next(place for place, length in enumerate(lengths) if length != lengths[0]))
        sizes = [len(datagram) for datagram, _ in chosen[:count]]
        while sum(sizes) > ROOM:
            count //= 2
            del sizes[count:]
        if not count:
            return 0
        if sizes != self._sizes:
            self._tell(sizes)
        fill(self._data, [datagram for datagram, _ in chosen[:count]])
        fill(self._names, names[:count])
        controls, entries, _ = self._lists.get(lengths[0]) or self._list(lengths[0])
        if lengths[0]:
            fill(controls, told[:count])
        sent = self._send(self._socket.fileno(), entries, count, socket.MSG_DONTWAIT)
        if sent < 0:
            number = self._errno()
            raise OSError(number, os.strerror(number))
        return sent

    def _tell(self, sizes: list[int]) -> None:
        """The kernel finds datagrams of these sizes one after the other."""
        place = self._address(self._data)
        for index, size in enumerate(sizes):
            PART.pack_into(self._parts, PART.size * index, place, size)
            place += size
        self._sizes = sizes

    def _list(self, told: int) -> tuple[bytearray, Any, bytearray]:
        """Entries for datagrams with so many bytes of ancillary data each; they are remembered."""
        controls, entries = bytearray(max(told, 1) * MOST), bytearray(ENTRY.size * MOST)
        name, part, control = map(self._address, (self._names, self._parts, controls))
        for place in range(MOST):
            addresses = name + self._name_size * place, part + PART.size * place, control + told * place if told else 0
            ENTRY.pack_into(entries, ENTRY.size * place, addresses[0], self._name_size, addresses[1], 1, addresses[2], told, 0, 0)
        return self._lists.setdefault(told, (controls, self._pointer(self._address(entries)), entries))

    def _name(self, peer: Peer) -> bytes:
        """A peer's address as the kernel writes it, which is remembered; nothing for one that only the system can read."""
        assert isinstance(peer, Endpoint)
        family, port = self._socket.family, peer.port.to_bytes(2, "big")
        try:
            address = socket.inet_pton(family, peer.host)
        except OSError:  # an address of one link, with its zone
            return b""
        if len(self._known) >= NAMES_KEPT:
            self._known.clear()
        packed = (
            SOCKADDR_IN6.pack(family, port, bytes(4), address, 0)
            if family == socket.AF_INET6
            else SOCKADDR_IN.pack(family, port, address)
        )
        return self._known.setdefault(peer, packed)

    def _address(self, buffer: bytearray) -> int:
        return self._addressof(self._byte.from_buffer(buffer))


def fill(buffer: bytearray, parts: list[bytes]) -> None:
    """Write these one after the other."""
    joined = b"".join(parts)
    buffer[: len(joined)] = joined


def control(ancillary: Ancillary) -> bytes:
    """Ancillary data as the kernel reads it."""
    return b"".join([packed(*each) for each in ancillary])


@lru_cache(maxsize=256)
def packed(level: int, kind: int, data: bytes) -> bytes:
    """One piece of it: to most peers the same is said."""
    return (CONTROL.pack(socket.CMSG_LEN(len(data)), level, kind) + data).ljust(socket.CMSG_SPACE(len(data)), b"\0")
