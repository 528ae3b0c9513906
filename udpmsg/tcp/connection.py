"""One accepted connection: its stream in, what waits to go out, and until when the peer must do something about either.

Owns no decision: `udpmsg.tcp.receiver` reads, writes and closes it.
"""

import selectors
import socket
import sys

from udpmsg.base.durations import SECOND
from udpmsg.base.errors import Phrase
from udpmsg.core.framing import FrameReader
from udpmsg.sockets.endpoint import Endpoint
from udpmsg.sockets.waiting import earliest

FRAME_GRACE = 10 * SECOND
"""How long a frame may take in any case; above that it must come at MIN_FRAME_RATE."""
MIN_FRAME_RATE = 16 * 1024
"""Bytes a second of a large frame: 1 MiB has 74 seconds."""
WRITE_GRACE = 10 * SECOND
"""How long a peer may read nothing of what waits for it."""


class Connection:
    """One accepted sender: its stream in, and what waits to go out."""

    __slots__ = (
        "charged",
        "ended",
        "endpoint",
        "failure",
        "frame_since",
        "known",
        "mask",
        "paused",
        "reader",
        "socket",
        "unread_since",
        "waiting",
    )

    def __init__(self, connected: socket.socket, endpoint: Endpoint, reader: FrameReader) -> None:
        self.socket = connected
        self.endpoint = endpoint
        self.reader = reader
        self.waiting = bytearray()
        self.charged = 0
        """Bytes of the budget, beyond what is set aside for its place."""
        self.ended = False
        """The peer will send nothing more."""
        self.failure: str | None = None
        """Why it must be closed as soon as what it has sent is taken."""
        self.frame_since: int | None = None
        """When the unfinished frame began to come, in nanoseconds."""
        self.unread_since: int | None = None
        """Since when the peer has read nothing of what waits for it."""
        self.known = False
        """Messages of it were taken, and it was not refused."""
        self.paused = False
        """There is more to read, and what was read is not taken yet."""
        self.mask = selectors.EVENT_READ

    @property
    def held(self) -> int:
        """Bytes of memory that it really takes."""
        return self.reader.held + sys.getsizeof(self.waiting)

    def deadline(self) -> int | None:
        """When this connection will have wasted its time; None while nothing is unfinished or unread."""
        frame_due = unread_due = None
        if self.frame_since is not None and self.mask & selectors.EVENT_READ:  # while nothing is read, nothing can come
            frame_due = self.frame_since + FRAME_GRACE + (self.reader.announced or 0) * SECOND // MIN_FRAME_RATE
        if self.unread_since is not None:
            unread_due = self.unread_since + WRITE_GRACE
        return earliest(frame_due, unread_due)

    def offence(self) -> str:
        """What the deadline was missed with."""
        if self.waiting:
            return Phrase("read nothing for {} s", WRITE_GRACE // SECOND)
        return Phrase("sent an unfinished frame too slowly ({} bytes of it)", self.reader.pending)
