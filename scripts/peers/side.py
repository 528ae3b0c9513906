"""What the two sides of every Python peer share: its command line, its words to the bench, its clock readings.

Owns the rules that are the same for all: how a side says that it is ready, when a receiver ends, what a rate is. Knows no peer.
A side is `python -m peers.FILE PROGRAM receive`, or `python -m peers.FILE PROGRAM send PORT SECONDS`. It writes JSON lines: a
receiver first `{"port": …}`, each at last what it counted. A receiver ends when its standard input is closed and nothing comes.
"""

import json
import select
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping

ADDRESS = "127.0.0.1"
PAYLOAD = bytes(range(240)) * 5
"""1200 bytes: what every peer sends, unless it says otherwise."""
SMALL = PAYLOAD[:64]
"""What goes to and fro where a round trip is measured."""
BUFFER = 4 << 20
"""Bytes of receive buffer to ask for: what udpmsg's receiver asks for. The kernel gives no more than net.core.rmem_max."""
QUIET = 0.2
"""Seconds of silence after which a receiver looks whether it shall end."""
BLOCK = 256
"""Messages after which a receiver reads the clock: once a message would be a cost of its own."""

Programs = Mapping[str, tuple[Callable[[], None], Callable[[int, float], None]]]
"""Name -> what receives, and what sends to a port for so many seconds."""


class Meter:
    """Messages a second at a receiver, from the first reading to the last: neither start nor the silence at the end counts."""

    def __init__(self) -> None:
        self._first: tuple[int, float, float] | None = None
        self._last: tuple[int, float, float] = (0, 0.0, 0.0)

    def read(self, count: int) -> None:
        """Note how many had come by now."""
        self._last = (count, time.perf_counter(), time.process_time())
        if self._first is None:
            self._first = self._last

    @property
    def rate(self) -> float | None:
        """None: there were too few messages to tell."""
        return self._rate(1)

    @property
    def cpu_rate(self) -> float | None:
        """The same for each second of CPU time that the receiver took, the kernel's part included."""
        return self._rate(2)

    def _rate(self, time_of: int) -> float | None:
        if self._first is None or self._last[0] == self._first[0]:
            return None
        return (self._last[0] - self._first[0]) / (self._last[time_of] - self._first[time_of])


def say(**words: object) -> None:
    """Tell the bench."""
    print(json.dumps(words), flush=True)


def told_to_end() -> bool:
    """Whether the bench has closed standard input: the sender is done."""
    return bool(select.select([sys.stdin], [], [], 0)[0])


def bound(kind: socket.SocketKind) -> socket.socket:
    """A socket on a port that the system chose, which the bench is told. Reads give up after QUIET seconds (BlockingIOError)."""
    receiver = socket.socket(type=kind)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    # the kernel's own patience: with Python's, every read would first ask whether there is something to read
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 0, int(QUIET * 1e6)))
    receiver.bind((ADDRESS, 0))
    if kind is socket.SOCK_STREAM:
        receiver.listen()
    say(port=receiver.getsockname()[1])
    return receiver


def middle(times: list[int]) -> float:
    """The median of nanoseconds, as microseconds."""
    return sorted(times)[len(times) // 2] / 1000


def run(programs: Programs) -> None:
    """Be the side that the command line names."""
    receive, send = programs[sys.argv[1]]
    if sys.argv[2] == "receive":
        receive()
    else:
        send(int(sys.argv[3]), float(sys.argv[4]))
