"""What the tests of strangers share: newcomers and whether they are served, and what a process takes. Linux's /proc tells
that.
"""

import os
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from udpmsg import Sender, State, UdpmsgError

NIGHTLY = os.environ.get("UDPMSG_NIGHTLY") == "1"
WITHIN = 5.0
"""Seconds in which a newcomer has to be served."""
MIB = 1 << 20
TICKS = os.sysconf("SC_CLK_TCK")
AT_ONCE = 25
"""Newcomers that come together."""
ELSEWHERE = "127.0.0.2"
"""The address of a stranger: another one than that of honest peers, on the same machine."""


def at_night(small: int, full: int) -> int:
    """The size of a row: as it was first seen at night, smaller otherwise."""
    return full if NIGHTLY else small


Record = Callable[[str, object], None]
"""pytest's `record_property`: what is recorded as "seen" is printed at the end of all tests."""


FLOOD = at_night(20, 200)
"""Seconds in which a flood is over, whatever else the machine does."""


class Process:
    """What a process takes, from when it was first looked at. Sizes in bytes, times in seconds."""

    def __init__(self, pid: int) -> None:
        self._folder = Path("/proc") / str(pid)
        self._before = self._read("VmRSS")
        (self._folder / "clear_refs").write_text("5")  # the peak begins again, here

    def grown(self) -> int:
        """By how much it was larger, at its largest, than when it was first looked at."""
        return self._read("VmHWM") - self._before

    def cpu(self) -> float:
        """Time on a processor so far."""
        fields = (self._folder / "stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def busy(self, seconds: float) -> float:
        """Time on a processor within so many seconds from now."""
        before = self.cpu()
        time.sleep(seconds)
        return self.cpu() - before

    def _read(self, name: str) -> int:
        for line in (self._folder / "status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
        raise LookupError(name)


def is_served(port: int, transport: str = "udp", payload: bytes = b"a newcomer", *, within: float = WITHIN) -> bool:
    """Whether an honest sender that never spoke before has its message acknowledged in time."""
    try:
        with Sender("127.0.0.1", port, transport=transport, acknowledged=True, deadline=within, connect_timeout=within) as sender:
            sender.send(payload)
            return all(outcome.state is State.DELIVERED for outcome in sender.outcomes())
    except UdpmsgError:
        return False


def served(port: int, count: int, transport: str = "udp", payload: bytes = b"a newcomer") -> float:
    """The share of so many newcomers, some at once, that were served in time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(lambda _: is_served(port, transport, payload), range(count))) / count


class Peer:
    """A stranger's socket: sends what it is told, and counts what comes back."""

    def __init__(self, port: int, host: str = ELSEWHERE) -> None:
        self._socket = socket.socket(type=socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * MIB)
        self._socket.bind((host, 0))
        self._listener = ("127.0.0.1", port)
        self.sent: list[bytes] = []
        self.received: list[bytes] = []

    def send(self, *datagrams: bytes) -> None:
        for datagram in datagrams:
            self._socket.sendto(datagram, self._listener)
            self.sent.append(datagram)

    def receive(self, timeout: float) -> bytes | None:
        """The next datagram, or None: none came in time."""
        self._socket.settimeout(timeout)
        try:
            datagram = self._socket.recv(65_536)
        except TimeoutError:
            return None
        self.received.append(datagram)
        return datagram

    def drain(self, quiet: float = 1.5, at_most: float = 6.0) -> None:
        """Take what comes until nothing came for `quiet` seconds, or for `at_most` in all."""
        until = time.monotonic() + at_most
        while self.receive(min(quiet, max(0.01, until - time.monotonic()))) is not None and time.monotonic() < until:
            pass

    @property
    def bytes_sent(self) -> int:
        return sum(map(len, self.sent))

    @property
    def bytes_received(self) -> int:
        return sum(map(len, self.received))

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
