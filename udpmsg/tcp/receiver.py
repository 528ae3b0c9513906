"""The receiving side of TCP: one listening socket, and a connection for every sender that the kernel accepted.

Owns the sockets, the unfinished frames and what the kernel has not taken yet. Knows no message: `udpmsg.receiver` is handed
what each frame carried and where it came from. Its twin is `udpmsg.udp.receiver`.

A peer can hold a connection open, but not for nothing: an unfinished frame and an unread answer each have a deadline.
"""

import errno
import os
import selectors
import socket
from collections.abc import Callable

from udpmsg.core.events import Disconnected, Event, LimitReached, Malformed
from udpmsg.core.framing import FrameReader, FrameTooLarge, Run, frame
from udpmsg.core.rtt import MILLISECOND, SECOND
from udpmsg.endpoint import Endpoint, endpoint_of
from udpmsg.errors import Phrase
from udpmsg.listening import MOST_BUFFER, bind, own_address
from udpmsg.waiting import Arrivals, earliest

OnReady = Callable[[int, int], Arrivals]
BACKLOG = 1024
"""Connections that the kernel keeps ready until they are accepted."""
BUFFER = 256 << 10
"""Bytes read from one connection before others have their turn: some 210 messages of 1200 bytes."""
FRAME_GRACE = 10 * SECOND
"""How long a frame may take in any case; above that it must come at MIN_FRAME_RATE."""
MIN_FRAME_RATE = 16 * 1024
"""Bytes a second of a large frame: 1 MiB has 74 seconds."""
SILENT_GRACE = 10 * SECOND
"""How long a connection may be silent from its start when others need its place; nobody minds it otherwise."""
WRITE_GRACE = 10 * SECOND
"""How long a peer may read nothing of what waits for it."""
ACCEPT_PAUSE = 100 * MILLISECOND
"""How long to wait when the system can't give a connection; those that come meanwhile wait in the kernel."""
OUT_OF_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
WAITING_LIMIT = 1 << 20
"""Bytes that may wait for one peer; above that nothing more is read from it until it reads."""


class Connection:
    """One accepted sender: its stream in, and what waits to go out."""

    __slots__ = (
        "ended",
        "endpoint",
        "frame_since",
        "mask",
        "on_ready",
        "reader",
        "silent_since",
        "socket",
        "unread_since",
        "waiting",
    )

    def __init__(self, connected: socket.socket, endpoint: Endpoint, reader: FrameReader, now: int) -> None:
        self.socket = connected
        self.endpoint = endpoint
        self.reader = reader
        self.waiting = bytearray()
        self.silent_since: int | None = now
        """When it was accepted, in nanoseconds; None once a whole message has come."""
        self.ended = False
        """The peer will send nothing more."""
        self.frame_since: int | None = None
        """When the unfinished frame began to come, in nanoseconds."""
        self.unread_since: int | None = None
        """Since when the peer has read nothing of what waits for it."""
        self.mask = selectors.EVENT_READ
        self.on_ready: OnReady

    def deadline(self) -> int:
        """When this connection will have wasted its time; only for one that has something unfinished or unread."""
        times = []
        if self.frame_since is not None and self.mask & selectors.EVENT_READ:  # while nothing is read, nothing can come
            size = self.reader.announced or 0
            times.append(self.frame_since + FRAME_GRACE + size * SECOND // MIN_FRAME_RATE)
        if self.unread_since is not None:
            times.append(self.unread_since + WRITE_GRACE)
        return min(times)

    def offence(self) -> str:
        """What the deadline was missed with."""
        if self.waiting:
            return Phrase("read nothing for {} s", WRITE_GRACE // SECOND)
        return Phrase("sent an unfinished frame too slowly ({} bytes of it)", self.reader.pending)


class TcpReceiver:
    """Accepts connections on one address; receives frames from each, and sends frames back."""

    framed = True
    offload = None
    """The kernel puts the segments of a stream together by itself."""

    def __init__(
        self, host: str, port: int, *, selector: selectors.BaseSelector, frame_limit: int, connections: int, buffer: int
    ) -> None:
        """Bind and listen. Raises CannotListen and UsageError.

        `frame_limit` in bytes, `connections` at once, `buffer` in bytes is asked of the kernel for each connection.
        """
        self.notices: list[Event] = []
        self.failures: list[tuple[bytes, Endpoint, str, bool]] = []
        self._selector = selector
        self._buffer = bytearray(BUFFER)
        """For every read of every connection: what came is looked at before more is read."""
        self._frame_limit = frame_limit
        self._limit = connections
        self._connections: dict[Endpoint, Connection] = {}
        self._excused = 0
        """Nanoseconds in all that nobody looked at the sockets. Deadlines are kept on a clock that stands still meanwhile."""
        self._accept_again_at: int | None = None
        """While the system has no descriptor left: when to try again."""
        self._suspects: dict[Endpoint, Connection] = {}
        """Connections with an unfinished frame or something unread: the only ones with a deadline."""
        address = own_address(host, port, socket.SOCK_STREAM)
        self._socket = socket.socket(address.family, socket.SOCK_STREAM)
        try:
            if os.name == "posix":
                # A listener that is started again must not wait for the old connections' TIME_WAIT to be over.
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, min(buffer, MOST_BUFFER))
            bind(self._socket, address, "tcp")
            self._socket.listen(BACKLOG)
            self._socket.setblocking(False)
        except BaseException:
            self._socket.close()
            raise
        self.endpoint: Endpoint = endpoint_of("tcp", self._socket.getsockname())
        selector.register(self._socket, selectors.EVENT_READ, self._on_ready)

    @property
    def waiting(self) -> bool:
        """Whether some peer has not taken everything yet."""
        return any(connection.waiting for connection in self._suspects.values())

    def write(self, batch: list[tuple[bytes, Endpoint]], *, now: int) -> None:
        """Put messages on the streams of their endpoints; what the kernel does not take now is sent when it does."""
        written = {}
        for message, peer in batch:
            connection = self._connections.get(peer)
            if connection is None:
                self.failures.append((message, peer, Phrase("the connection is closed"), True))
            else:
                connection.waiting += frame(message)
                written[peer] = connection
        for connection in written.values():
            self._flush(connection, now)

    def next_timeout(self) -> int | None:
        """When the first peer's deadline is over, in nanoseconds; None while nobody keeps anything waiting."""
        deadline = min((connection.deadline() for connection in self._suspects.values()), default=None)
        return earliest(self._accept_again_at, None if deadline is None else deadline + self._excused)

    def handle_timeout(self, *, now: int) -> None:
        """Close the connections whose deadline is over; the others are not harmed."""
        for connection in list(self._suspects.values()):
            if connection.deadline() <= now - self._excused:
                self._drop(connection, connection.offence())
        if self._accept_again_at is not None and self._accept_again_at <= now:
            self._accept_again_at = None
            self._selector.register(self._socket, selectors.EVENT_READ, self._on_ready)

    def excuse(self, duration: int) -> None:
        """For so long (nanoseconds) nobody looked at the sockets: no deadline comes nearer by that."""
        self._excused += duration

    def close(self) -> None:
        """Close every connection and stop listening."""
        for connection in list(self._connections.values()):
            self._drop(connection, Phrase("closed here"))
        if self._accept_again_at is None:
            self._selector.unregister(self._socket)
        self._socket.close()

    def _on_ready(self, mask: int, now: int) -> Arrivals:
        """The selector's call for the listening socket: accept who waits."""
        try:
            accepted, sockaddr = self._socket.accept()
        except OSError as error:
            if error.errno in OUT_OF_RESOURCES:  # it stays ready, so watching on would be a busy loop
                self._selector.unregister(self._socket)
                self._accept_again_at = now + ACCEPT_PAUSE
                self._drop_the_silent(now)
            return []  # else: it gave up while it waited
        endpoint = endpoint_of("tcp", sockaddr)
        # One peer's address and port may come to two addresses of this machine; the first connection keeps the name.
        if len(self._connections) >= self._limit:
            self._drop_the_silent(now)
        if len(self._connections) >= self._limit or endpoint in self._connections:
            accepted.close()
            self.notices.append(LimitReached(endpoint, 0, "sessions", self._limit))
            return []
        accepted.setblocking(False)
        try:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            pass  # macOS, when the peer has reset it by now: reading will tell
        connection = Connection(accepted, endpoint, FrameReader(self._frame_limit), now)
        self._connections[endpoint] = connection

        def on_ready(mask: int, now: int) -> Arrivals:
            return self._on_connection_ready(connection, mask, now)

        connection.on_ready = on_ready
        self._selector.register(accepted, selectors.EVENT_READ, on_ready)
        return []

    def _on_connection_ready(self, connection: Connection, mask: int, now: int) -> Arrivals:
        """The selector's call for one connection: what came on it."""
        if mask & selectors.EVENT_WRITE:
            self._flush(connection, now)
        dropped = connection.endpoint not in self._connections  # writing has shown that it is gone
        if dropped or connection.ended or not mask & selectors.EVENT_READ:
            return []
        messages = self._read(connection, now)
        return [(connection.endpoint, messages)] if messages else []

    def _read(self, connection: Connection, now: int) -> list[Run]:
        """Read once; the messages that were completed."""
        try:
            size = connection.socket.recv_into(self._buffer)
        except BlockingIOError:
            return []
        except OSError as error:
            self._drop(connection, Phrase(os.strerror(error.errno) if error.errno else str(error)))
            return []
        if not size:
            connection.ended = True
            self._flush(connection, now)  # closes it, unless an answer waits
            return []
        try:
            messages = connection.reader.feed(memoryview(self._buffer)[:size])
        except FrameTooLarge as error:
            self.notices.append(Malformed(connection.endpoint, str(error), size))
            self._drop(connection, Phrase("does not speak udpmsg: {}", error))
            return []
        if messages:
            connection.silent_since = None
        if messages or connection.frame_since is None:
            connection.frame_since = now - self._excused if connection.reader.pending else None
        self._watch(connection, now)
        return messages

    def _flush(self, connection: Connection, now: int) -> None:
        """Give the kernel what it takes; then read on, wait, or close, as the peer behaves."""
        try:
            while connection.waiting:
                del connection.waiting[: connection.socket.send(connection.waiting)]
                connection.unread_since = None
        except BlockingIOError:
            connection.unread_since = connection.unread_since or now - self._excused
        except OSError as error:
            self._drop(connection, Phrase(os.strerror(error.errno) if error.errno else str(error)))
            return
        if connection.ended and not connection.waiting:
            self._drop(connection, Phrase("end of stream"))
            return
        self._watch(connection, now)

    def _watch(self, connection: Connection, now: int) -> None:
        """Have the selector wait for what this connection can do next, and note whether it has a deadline."""
        reading = len(connection.waiting) < WAITING_LIMIT and not connection.ended
        mask = selectors.EVENT_READ * reading | selectors.EVENT_WRITE * bool(connection.waiting)
        if mask & ~connection.mask & selectors.EVENT_READ and connection.frame_since is not None:
            connection.frame_since = now - self._excused
        if mask != connection.mask:
            connection.mask = mask
            self._selector.modify(connection.socket, mask, connection.on_ready)
        if connection.waiting or connection.frame_since is not None:
            self._suspects[connection.endpoint] = connection
        else:
            self._suspects.pop(connection.endpoint, None)

    def _drop_the_silent(self, now: int) -> None:
        """Every place is taken: whoever has held one longest without ever having sent a message gives it up."""
        for connection in self._connections.values():  # in the order in which they were accepted
            if connection.silent_since is not None and now - connection.silent_since > SILENT_GRACE:
                self._drop(connection, Phrase("sent nothing for {} s while others waited for a place", SILENT_GRACE // SECOND))
                return

    def _drop(self, connection: Connection, reason: str) -> None:
        self._selector.unregister(connection.socket)
        connection.socket.close()
        del self._connections[connection.endpoint]
        self._suspects.pop(connection.endpoint, None)
        self.notices.append(Disconnected(connection.endpoint, reason))
