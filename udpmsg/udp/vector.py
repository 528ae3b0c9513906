"""Many receipts in one system call (recvmmsg), into buffers that are kept for ever. Linux alone; elsewhere each has a call.

Owns those buffers, and what the kernel is told of them. Knows no message: it tells what each buffer has, from whom and with which
ancillary data. What a call cost besides its bytes was more than half of what a lone datagram cost.
"""

import os
import socket
import struct
import sys
from collections.abc import Callable

from udpmsg.core.framing import Grid, Run
from udpmsg.sockets.endpoint import Endpoint, endpoint_of
from udpmsg.udp.offload import Ancillary

ENTRY = struct.Struct("@PIPNPNi0PI0P")
"""struct mmsghdr, as socket.h of Linux has it: name, its length, iov, how many, control, its length, flags; bytes received."""
PART = struct.Struct("@PN")
"""struct iovec: base, length."""
CONTROL = struct.Struct("@Nii")
"""struct cmsghdr: length with this head, level, type."""
SOCKADDR_IN, SOCKADDR_IN6 = struct.Struct("=H2s4s8x"), struct.Struct("=H2s4s16sI")
"""The family, the port in network order, the address; of IPv6 a flow, the address, the scope."""
NAME_ROOM = SOCKADDR_IN6.size
CONTROL_ALIGNED = struct.calcsize("@P")
CALLS = 16
"""Buffers of one call: a call is hardly cheaper with more."""
NAMES_KEPT = 4096


Receipt = tuple[memoryview, Endpoint, bytes]
"""What one buffer has, from whom, and what the kernel says of it besides."""


def vector_of(room: int, control_room: int) -> "Vector | None":
    """Buffers for datagrams of at most `room` bytes, with so many of ancillary data; None where the system can't fill them."""
    if sys.platform != "linux":
        return None
    try:
        return Vector(room, control_room)
    except (AttributeError, ImportError, OSError):
        return None


class Vector:
    """Buffers for CALLS receipts; one thread at a time."""

    def __init__(self, room: int, control_room: int) -> None:
        """Raises AttributeError, ImportError or OSError where the system has no recvmmsg."""
        import ctypes  # not before many come: loading it takes longer than many lone messages

        self._receive: Callable[..., int] = ctypes.CDLL(None, use_errno=True).recvmmsg
        self._errno: Callable[[], int] = ctypes.get_errno
        self._room, self._control_room = room, control_room
        self._buffers = bytearray(room * CALLS)
        self._slots = [memoryview(self._buffers)[room * place : room * (place + 1)] for place in range(CALLS)]
        self._names, self._controls = bytearray(NAME_ROOM * CALLS), bytearray(control_room * CALLS)
        self._parts, self._entries = bytearray(PART.size * CALLS), bytearray(ENTRY.size * CALLS)
        data, names, controls, parts, entries = (
            ctypes.addressof(ctypes.c_char.from_buffer(buffer))
            for buffer in (self._buffers, self._names, self._controls, self._parts, self._entries)
        )
        for place in range(CALLS):
            PART.pack_into(self._parts, PART.size * place, data + room * place, room)
            name, control = names + NAME_ROOM * place, controls + control_room * place
            ENTRY.pack_into(
                self._entries, ENTRY.size * place, name, NAME_ROOM, parts + PART.size * place, 1, control, control_room, 0, 0
            )
        self._address = ctypes.c_void_p(entries)
        self._fresh = bytes(self._entries)
        """The entries as they are before a call, which writes into them."""
        self._known: dict[bytes, Endpoint] = {}

    def receive(self, opened: socket.socket, most: int) -> list[Receipt]:
        """What is there, of at most so many receipts; look at it before the next call, which writes over it. Raises
        BlockingIOError where nothing is there, and OSError."""
        self._entries[:] = self._fresh
        count = self._receive(opened.fileno(), self._address, min(most, CALLS), socket.MSG_DONTWAIT, None)
        if count < 0:
            number = self._errno()
            raise OSError(number, os.strerror(number))
        names, slots, known = bytes(self._names), self._slots, self._known.get
        received = []
        for place, entry in enumerate(ENTRY.iter_unpack(memoryview(self._entries)[: ENTRY.size * count])):
            name = names[NAME_ROOM * place : NAME_ROOM * place + entry[1]]
            peer = known(name) or self._endpoint(name)
            received.append((slots[place][: entry[7]], peer, self._told(place, entry[5]) if entry[5] else b""))
        return received

    def _endpoint(self, name: bytes) -> Endpoint:
        """Whom these bytes of the kernel's name; it is remembered."""
        if len(self._known) >= NAMES_KEPT:
            self._known.clear()
        if len(name) == SOCKADDR_IN.size:
            _, port, address = SOCKADDR_IN.unpack(name)
            sockaddr: tuple[object, ...] = (socket.inet_ntop(socket.AF_INET, address), int.from_bytes(port, "big"))
        else:
            _, port, flow, address, scope = SOCKADDR_IN6.unpack(name)
            host = socket.inet_ntop(socket.AF_INET6, address)
            sockaddr = (host, int.from_bytes(port, "big"), int.from_bytes(flow, "big"), scope)
        return self._known.setdefault(name, endpoint_of("udp", sockaddr))

    def alike(self, received: list[Receipt], place: int) -> int:
        """How many from this place on came from one peer, are of one length, and had the same said of them."""
        data, *rest = received[place]
        for later in range(place + 1, len(received)):
            if len(received[later][0]) != len(data) or [*received[later][1:]] != rest:
                return later - place
        return len(received) - place

    def grid(self, received: list[Receipt], place: int, size: int) -> Grid:
        """These, of which the first has this place and all are alike, as runs of datagrams of `size` bytes."""
        return Grid((Run(data, size) for data, *_ in received), memoryview(self._buffers)[self._room * place :], self._room)

    def _told(self, place: int, size: int) -> bytes:
        begin = self._control_room * place
        return bytes(self._controls[begin : begin + size])


def ancillary_of(told: bytes) -> Ancillary:
    """What the kernel says of a buffer, as `recvmsg` has it."""
    found = []
    while len(told) >= CONTROL.size:
        length, level, kind = CONTROL.unpack_from(told)
        found.append((level, kind, told[CONTROL.size : length]))
        told = told[-(-length // CONTROL_ALIGNED) * CONTROL_ALIGNED :]
    return found
