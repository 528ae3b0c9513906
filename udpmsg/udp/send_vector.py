"""Many runs of datagrams in one system call (sendmmsg), from where they stand. Linux alone; elsewhere each has a call.

Owns what the kernel is told of them. Knows no message and no address: the socket is connected.
"""

import os
import socket
import sys
from collections.abc import Callable, Iterable
from typing import Any

from udpmsg.core.framing import Run
from udpmsg.udp.offload import SIZE, UDP_SEGMENT
from udpmsg.udp.vector import CALLS, CONTROL, ENTRY, PART

CONTROL_ROOM = socket.CMSG_SPACE(SIZE.size) if hasattr(socket, "CMSG_SPACE") else 0


def neighbours(waiting: Iterable[bytes | Run]) -> list[Run]:
    """The first runs among these that one call can take: of one length, in memory that may be written into, as it is told where
    that is."""
    runs: list[Run] = []
    for item in waiting:
        if not isinstance(item, Run) or not isinstance(item.data, memoryview) or item.data.readonly:
            break
        if len(runs) == CALLS or (runs and item.size != runs[0].size):
            break
        runs.append(item)
    return runs


def send_vector() -> "SendVector | None":
    """What sends many runs in one call; None where the system can't."""
    if sys.platform != "linux":
        return None
    try:
        return SendVector()
    except (AttributeError, ImportError, OSError):
        return None


class SendVector:
    """The kernel's lists of at most CALLS runs; one thread at a time."""

    def __init__(self) -> None:
        """Raises AttributeError, ImportError or OSError where the system has no sendmmsg."""
        import ctypes  # not before many leave: loading it takes longer than many lone messages

        self._send: Callable[..., int] = ctypes.CDLL(None, use_errno=True).sendmmsg
        self._errno: Callable[[], int] = ctypes.get_errno
        self._byte: Any = ctypes.c_char
        self._addressof: Callable[[Any], int] = ctypes.addressof
        self._control = bytearray(CONTROL_ROOM)
        self._parts, self._entries = bytearray(PART.size * CALLS), bytearray(ENTRY.size * CALLS)
        control, parts, entries = map(self._address, (self._control, self._parts, self._entries))
        CONTROL.pack_into(self._control, 0, socket.CMSG_LEN(SIZE.size), socket.IPPROTO_UDP, UDP_SEGMENT)
        for place in range(CALLS):
            part = parts + PART.size * place
            ENTRY.pack_into(self._entries, ENTRY.size * place, 0, 0, part, 1, control, CONTROL_ROOM, 0, 0)
        self._list = ctypes.c_void_p(entries)

    def send(self, opened: socket.socket, runs: list[Run]) -> int:
        """How many of these runs of one length the kernel took. Raises OSError, BlockingIOError say, where it took none."""
        SIZE.pack_into(self._control, CONTROL.size, runs[0].size)
        for place, run in enumerate(runs):
            PART.pack_into(self._parts, PART.size * place, self._address(run.data), len(run.data))
        sent = self._send(opened.fileno(), self._list, len(runs), socket.MSG_DONTWAIT)
        if sent < 0:
            number = self._errno()
            raise OSError(number, os.strerror(number))
        return sent

    def _address(self, buffer: bytearray | memoryview | bytes) -> int:
        return self._addressof(self._byte.from_buffer(buffer))
