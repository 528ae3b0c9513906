"""The sending side of TCP: one connection, and frames on its stream. A handshake comes before the first message.

Owns the socket and what the kernel has not taken yet. Knows no message: `udpmsg.messaging.sender` gives it encoded messages.
Its twin is `udpmsg.udp.sender`.
"""

import os
import selectors
import socket
import sys
from collections.abc import Sequence

from udpmsg.base.durations import MILLISECOND, SECOND
from udpmsg.base.errors import N_, CannotConnect, Phrase, UsageError
from udpmsg.core.events import Disconnected, Event
from udpmsg.core.framing import BadFrame, FrameReader, Run, each, frames
from udpmsg.sockets.endpoint import Endpoint, endpoint_of, resolve
from udpmsg.sockets.known_path import KnownPath
from udpmsg.sockets.waiting import LONGEST_WAIT, Incoming, nanoseconds
from udpmsg.tcp.information import known_path
from udpmsg.tcp.line_reader import LineReader

CHUNK = 64 << 10
"""Bytes read at one go."""
AVAILABLE = "/proc/sys/net/ipv4/tcp_available_congestion_control"
LONGEST_NAME = 16
"""Bytes of a congestion control's name: TCP_CA_NAME_MAX, Linux."""


class TcpSender:
    """Sends frames, or with `raw` lines, over one connection."""

    framed = True
    one_to_many = False
    offload = None
    """The kernel cuts a stream into segments by itself."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        selector: selectors.BaseSelector,
        raw: bool = False,
        ttl: int | None = None,
        frame_limit: int,
        connect_timeout: float = 10.0,
        nagle: bool = False,
        tcp_congestion: str | None = None,
    ) -> None:
        """Connect, trying each address of the name in turn (`connect_timeout` seconds each).

        Raises NameUnknown, CannotConnect when nobody accepts, and UsageError for a congestion control that is not here.
        """
        self.notices: list[Event] = []
        self.failures: list[tuple[bytes, str, bool]] = []
        self._selector = selector
        self.waiting = bytearray()
        """What the kernel has not taken yet."""
        self._raw = raw
        self._reader: FrameReader | LineReader = LineReader(frame_limit) if raw else FrameReader(frame_limit)
        self._connected = True
        self._finished = False
        self._socket, self.endpoint = connect(host, port, ttl, connect_timeout, nagle=nagle, tcp_congestion=tcp_congestion)
        self.congestion: str | None = congestion_of(self._socket)
        """The name of the congestion control that the connection has."""
        selector.register(self._socket, selectors.EVENT_READ, self._on_ready)

    @property
    def ended(self) -> bool:
        """Whether the connection is gone: nothing more will come."""
        return not self._connected

    def path(self) -> KnownPath | None:
        """What the kernel knows of the connection's path; None where it does not tell."""
        return known_path(self._socket)

    def write(self, batch: Sequence[bytes | Run]) -> None:
        """Put messages on the stream, in order; what the kernel does not take now is sent when it does."""
        if not self._connected:
            self.failures += [(message, Phrase("not connected"), True) for message in each(batch)]
            return
        singles: list[bytes] = []
        for message in batch:
            if isinstance(message, Run):  # it has its frames
                self._put(self._framed(singles))
                self._put(message.data)
                singles.clear()
            else:
                singles.append(message)
        self._put(self._framed(singles))

    def finish(self) -> bool:
        """Nothing more will be written: end the stream. True once the peer has ended its side too: closing loses nothing."""
        if self._connected and not self.waiting and not self._finished:
            self._finished = True
            try:
                self._socket.shutdown(socket.SHUT_WR)
            except OSError:
                self._disconnect(Phrase("end of stream"))
        return not self._connected

    def go_elsewhere(self, reason: str, *, again: bool = False) -> bool:
        """There is nowhere to go: the handshake has tried each address of the name."""
        return False

    def close(self) -> None:
        """Give the socket back."""
        if self._connected:
            self._selector.unregister(self._socket)
        self._socket.close()

    def _on_ready(self, mask: int, now: int) -> Incoming:
        """The selector's call: what came, with whom it is from."""
        if mask & selectors.EVENT_WRITE:
            self._selector.modify(self._socket, selectors.EVENT_READ, self._on_ready)
            self._push()
        if not self._connected or not mask & selectors.EVENT_READ:
            return []
        try:
            data = self._socket.recv(CHUNK)
        except BlockingIOError:
            return []
        except OSError as error:
            self._disconnect(Phrase(os.strerror(error.errno) if error.errno else str(error)))
            return []
        try:
            messages = self._reader.feed(data) if data else self._reader.rest()
        except BadFrame as error:
            self._disconnect(Phrase("{} does not speak udpmsg: {}", self.endpoint, error))
            return []
        if not data:
            self._disconnect(Phrase("end of stream"))
        return [(self.endpoint, messages)] if messages else []

    def _framed(self, messages: list[bytes]) -> bytes:
        return b"".join([message + b"\n" for message in messages]) if self._raw else frames(messages)

    def _put(self, data: bytes | bytearray | memoryview) -> None:
        """Give this to the kernel, behind what waits; what it does not take now waits too."""
        if self.waiting:
            self.waiting += data
        elif (sent := self._send(data)) < len(data) and self._connected:  # most often all of it goes, as it is, without a copy
            self.waiting += memoryview(data)[sent:]

    def _push(self) -> None:
        """Give the kernel what waits, as far as it takes it."""
        sent = self._send(self.waiting)
        del self.waiting[:sent]

    def _send(self, data: bytes | bytearray | memoryview) -> int:
        """How many bytes of this the kernel took; when it takes more, the selector tells."""
        sent = 0
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            pass
        except OSError as error:
            self._disconnect(Phrase(os.strerror(error.errno) if error.errno else str(error)))
        if sent < len(data) and self._connected:
            self._selector.modify(self._socket, selectors.EVENT_READ | selectors.EVENT_WRITE, self._on_ready)
        return sent

    def _disconnect(self, reason: str) -> None:
        if self._connected:
            self._connected = False
            self.waiting.clear()
            self._selector.unregister(self._socket)
            self.notices.append(Disconnected(self.endpoint, reason))


def connect(
    host: str, port: int, ttl: int | None, timeout: float, *, nagle: bool = False, tcp_congestion: str | None = None
) -> tuple[socket.socket, Endpoint]:
    """A connected, non-blocking socket to the first address that accepts. Raises NameUnknown, CannotConnect, UsageError."""
    reasons = []
    for address in resolve(host, port, socket.SOCK_STREAM):
        connection = socket.socket(address.family, socket.SOCK_STREAM)
        try:
            if ttl is not None:
                ipv6 = address.family == socket.AF_INET6
                level, option = (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS) if ipv6 else (socket.IPPROTO_IP, socket.IP_TTL)
                connection.setsockopt(level, option, ttl)
            if tcp_congestion is not None:
                choose_congestion(connection, tcp_congestion)
            connection.settimeout(min(max(nanoseconds(timeout), MILLISECOND), LONGEST_WAIT) / SECOND)
            connection.connect(address.sockaddr)
            connection.setblocking(False)
            # Nagle's algorithm would hold a small message back until the one before is acknowledged.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, not nagle)
            return connection, endpoint_of("tcp", address.sockaddr)
        except OSError as error:
            connection.close()
            endpoint = endpoint_of("tcp", address.sockaddr)
            if isinstance(error, TimeoutError) and error.errno is None:  # the kernel's own patience ends with ETIMEDOUT
                reasons.append(Phrase("{} did not answer within {:g} s", endpoint, timeout))
            else:
                reasons.append(Phrase("{}: {}", endpoint, Phrase(error.strerror or str(error))))
        except BaseException:
            connection.close()
            raise
    places = "; ".join(["{}"] * len(reasons))
    raise CannotConnect(
        "cannot connect over TCP ({}): start a listener there first (udpmsg listen --tcp), or check host and port",
        Phrase(places, *reasons),
    )


def congestion_controls() -> list[str]:
    """The names of those that the kernel has loaded; none where it does not tell."""
    try:
        with open(AVAILABLE, encoding="ascii") as file:
            return file.read().split()
    except OSError:
        return []


def choose_congestion(connection: socket.socket, name: str) -> None:
    """Have the kernel use this congestion control. Raises UsageError, with the names that there are, when it can't."""
    if sys.platform != "linux":
        raise UsageError("only Linux lets a program choose TCP's congestion control: leave tcp_congestion out")
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name.encode())
    except (OSError, ValueError) as error:
        available = ", ".join(congestion_controls()) or Phrase("those that this kernel has loaded")
        if isinstance(error, PermissionError):
            sentence = N_("the congestion control {!r} is not allowed here: choose from {} ({})")
        else:
            sentence = N_("the congestion control {!r} is not in this kernel: choose from {} ({})")
        raise UsageError(sentence, name, available, AVAILABLE) from None


def congestion_of(connection: socket.socket) -> str | None:
    """The congestion control that a connection has; None where the system does not tell."""
    if sys.platform != "linux":
        return None
    try:
        return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, LONGEST_NAME).rstrip(b"\0").decode()
    except OSError:
        return None
