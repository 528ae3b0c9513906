"""Where a lesson runs: what it says while it runs, at whose pace, and the sockets that it leaves behind.

Owns the order "wait for the class, say, do", and the closing of every socket. Knows no lesson, and neither terminal nor keys: it
is given what says and what waits. Every wait of a lesson is bounded by these sockets' timeouts.
"""

import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType

LOOPBACK = "127.0.0.1"
PATIENCE = 2.0
"""Seconds after which a wait on a socket of the stage ends with TimeoutError: for what comes at once on one machine."""
SILENCE = 0.3
"""Seconds without an answer that a lesson calls silence: on loopback an answer takes less than a millisecond."""


class Stopped(Exception):
    """Somebody ended the lesson: Ctrl-C."""


class Stage:
    """One run's surroundings."""

    def __init__(
        self,
        *,
        say: Callable[[str], None] = lambda _text: None,
        pace: Callable[[], None] = lambda: None,
        stopped: Callable[[], bool] = lambda: False,
        system: str = sys.platform,
    ) -> None:
        """`say` is given each line; `pace` waits before each step, for a key or a time; `stopped`: somebody ended it."""
        self.system = system
        self.stopped = stopped
        self._say = say
        self._pace = pace
        self._kept = ExitStack()

    def step(self, text: str) -> None:
        """Announce what is done next, when the class is ready for it. Raises Stopped."""
        self._pace()
        if self.stopped():
            raise Stopped
        self._say(text)

    def say(self, text: str) -> None:
        """Tell what was seen just now, as a line below its step."""
        self._say(f"  {text}")

    # Sockets, all on loopback. They are plain ones: a lesson calls them as its class would.

    def udp(self) -> socket.socket:
        """A UDP socket with a timeout, closed when the stage is left."""
        return self._prepared(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))

    def udp_listener(self) -> socket.socket:
        """The same, bound to a port of its own."""
        listener = self.udp()
        listener.bind((LOOPBACK, 0))
        return listener

    def tcp(self) -> socket.socket:
        """A TCP socket with a timeout, closed when the stage is left."""
        return self._prepared(socket.socket(socket.AF_INET, socket.SOCK_STREAM))

    def tcp_listener(self) -> socket.socket:
        """The same, listening on a port of its own."""
        listener = self.tcp()
        listener.bind((LOOPBACK, 0))
        listener.listen()
        return listener

    def accepted(self, listener: socket.socket) -> socket.socket:
        """The next connection of a listener, with a timeout, closed when the stage is left."""
        connection, _peer = listener.accept()
        return self._prepared(connection)

    def address_of_nobody(self) -> tuple[str, int]:
        """An address where nobody listens, over UDP and over TCP, and nobody can begin to while the stage lasts.

        A bound TCP socket that does not listen refuses connections; a UDP socket that is connected to itself refuses
        what everybody else sends.
        """
        for _attempt in range(100):
            tcp, udp = self.tcp(), self.udp()
            tcp.bind((LOOPBACK, 0))
            address: tuple[str, int] = tcp.getsockname()
            try:
                udp.bind(address)
                udp.connect(address)
            except OSError:
                continue  # somebody's UDP socket has this port
            return address
        raise OSError("no port is free over both UDP and TCP")

    def _prepared(self, opened: socket.socket) -> socket.socket:
        self._kept.callback(opened.close)
        opened.settimeout(PATIENCE)
        return opened

    def __enter__(self) -> "Stage":
        """Use it in a `with` statement."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close what is open."""
        self._kept.close()
