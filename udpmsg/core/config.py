"""What a sender promises, how hard it tries, and what a receiver takes on. Values and their bounds; no state."""

from dataclasses import dataclass

from udpmsg.core.fragments import REASSEMBLIES
from udpmsg.core.rtt import MILLISECOND, SECOND
from udpmsg.errors import UsageError

MIN_DATAGRAM_SIZE = 128
"""Bytes: the header, all blocks and a little payload fit."""
MAX_DATAGRAM_SIZE = 65_507
"""Bytes: what one datagram carries over IPv4, 65,535 less the IP and UDP headers."""
MOST_TRANSMISSIONS = 255
"""Transmissions of one datagram are counted in a byte."""


@dataclass(frozen=True)
class SenderConfig:
    """What a sender promises and how hard it tries. Times in nanoseconds, sizes in bytes."""

    acknowledged: bool = False
    """Ask for acknowledgments, retransmit, and tell how each message ended."""
    ordered: bool = False
    """Have the receiver deliver in order; only with `acknowledged`."""
    datagram_size: int | None = 1200
    """The largest datagram. None: frames of a reliable stream carry the messages, so nothing is cut up or retransmitted."""
    max_message: int = 1 << 20
    """The largest payload that is accepted."""
    window: int | None = None
    """At most so many messages unacknowledged at once; None: as many as the network and the receiver take."""
    max_transmissions: int = 8
    """How often one datagram is sent before its message is UNCONFIRMED; at most 255."""
    deadline: int = 60 * SECOND
    """How long after `send` a message ends at the latest."""
    min_rto: int = 200 * MILLISECOND
    """The smallest retransmission timeout."""
    jitter: float = 0.5
    """Timeouts are multiplied by 1 to 1 + jitter."""

    def __post_init__(self) -> None:
        """Raise UsageError for values that no sender can keep."""
        if self.datagram_size is not None and not MIN_DATAGRAM_SIZE <= self.datagram_size <= MAX_DATAGRAM_SIZE:
            raise UsageError(
                "datagrams of {} bytes cannot be sent: choose {} to {}", self.datagram_size, MIN_DATAGRAM_SIZE, MAX_DATAGRAM_SIZE
            )
        if not 1 <= self.max_transmissions <= MOST_TRANSMISSIONS:
            raise UsageError("{} transmissions: choose from 1 to {}", self.max_transmissions, MOST_TRANSMISSIONS)
        if self.window is not None and self.window < 1:
            raise UsageError("a window of {} messages sends nothing: choose 1 or more", self.window)
        if self.ordered and not self.acknowledged:
            raise UsageError("ordered delivery needs acknowledgments: without them nobody knows whether a gap will be filled")


@dataclass(frozen=True)
class Limits:
    """What a receiver takes on. A limit that is reached is told (LimitReached); what is over it is not acknowledged."""

    sessions: int = 1024
    """Senders at once."""
    reassemblies: int = REASSEMBLIES
    """Unfinished fragmented messages a session."""
    session_bytes: int = 2 << 20
    """Bytes a session that the application does not have yet."""
    session_messages: int = 1024
    """Messages a session that the application does not have yet."""
    total_bytes: int = 64 << 20
    """Bytes in all that the application does not have yet."""
    max_message: int = 1 << 20
    """Bytes of one message."""
    gaps: int = 4096
    """Gaps in a session's sequence numbers that are remembered."""
