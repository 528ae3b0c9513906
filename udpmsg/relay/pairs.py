"""A connection through the relay: two sockets, and the two directions between them. Decides nothing: that is `tcp`'s."""

import socket
import struct
import sys

from udpmsg.relay.pipe import Pipe
from udpmsg.relay.values import Traffic
from udpmsg.sockets.endpoint import Endpoint

RESET_ON_CLOSE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""SO_LINGER, on and 0 seconds: closing then sends RST."""


class Side:
    """One of a connection's two sockets."""

    __slots__ = ("connected", "ended", "gone", "mask", "name", "socket")

    def __init__(self, name: str, opened: socket.socket, *, connected: bool) -> None:
        self.name = name
        """"client" or "target"."""
        self.socket = opened
        self.connected = connected
        self.ended = False
        """Nothing more is read from it."""
        self.gone = False
        """It was reset: nothing more is written to it either."""
        self.mask = 0
        """What the selector waits for; 0: it does not know the socket."""


class Half:
    """One direction of a connection: from one side through a pipe to the other."""

    __slots__ = ("finished", "pipe", "scheduled", "sink", "source", "traffic", "written")

    def __init__(self, source: Side, sink: Side, pipe: Pipe, traffic: Traffic) -> None:
        self.source = source
        self.sink = sink
        self.pipe = pipe
        self.traffic = traffic
        self.written = 0
        """Bytes that left."""
        self.scheduled = False
        """The relay knows when the first piece leaves."""
        self.finished = False
        """Its end was passed on, or there is nobody to pass it to."""

    def write(self, limit: int | None) -> None:
        """Write what the sink takes of what has come through, never more than `limit` bytes in all; behind the last byte, the
        stream's end. Raises OSError."""
        pipe = self.pipe
        while pipe.ready and (limit is None or self.written < limit):
            with memoryview(pipe.ready) as view, view[: None if limit is None else limit - self.written] as part:
                sent = self.sink.socket.send(part)
            pipe.taken(sent)
            self.written += sent
            self.traffic.stream_bytes += sent
        if pipe.ended and not pipe.reset and not pipe.ready and not self.finished:
            self.finished = True
            self.sink.socket.shutdown(socket.SHUT_WR)


class Relayed:
    """A client, the target, and both directions between them."""

    __slots__ = ("accepted_at", "attempt", "back", "client", "closed", "connect_by", "forward", "hops", "peer", "target")

    def __init__(self, peer: Endpoint, forward: Half, back: Half, now: int, hops: int | None) -> None:
        self.peer = peer
        self.client = forward.source
        self.target = forward.sink
        self.forward = forward
        self.back = back
        self.attempt = 0
        """Which of the target's addresses is being tried."""
        self.connect_by = now
        self.accepted_at = now
        self.hops = hops
        """How many what goes to the target may take; None: as many as the system gives."""
        self.closed = False

    def outward(self, side: Side) -> Half:
        """The direction that begins at a side."""
        return self.forward if side is self.client else self.back

    def inward(self, side: Side) -> Half:
        """The direction that ends at a side."""
        return self.back if side is self.client else self.forward


def prepared(opened: socket.socket) -> socket.socket:
    """The socket, which never blocks now, and sends each piece when it is due: Nagle's algorithm would hold it back."""
    opened.setblocking(False)
    try:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        pass  # macOS, when the peer has reset it by now: reading will tell
    return opened


def close(opened: socket.socket, *, reset: bool = False) -> None:
    """Close in order, or with a RST."""
    if reset:
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        except OSError:
            pass  # it is gone already
    opened.close()
