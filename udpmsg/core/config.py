"""What a sender promises, how hard it tries, and what a receiver takes on. Values and their bounds; no state."""

from typing import NamedTuple

from udpmsg.base import units
from udpmsg.base.durations import MILLISECOND, SECOND
from udpmsg.base.errors import UsageError
from udpmsg.core.congestion import CONTROLLERS, DEFAULT

DATAGRAM_SIZE = 1200
"""Bytes: every path takes them whole, as RFC 9000 section 14 has it."""
MIN_DATAGRAM_SIZE = units.SMALLEST_DATAGRAM
"""Bytes: the header, all blocks and a little payload fit."""
MAX_DATAGRAM_SIZE = units.LARGEST_DATAGRAM
"""Bytes: what one datagram carries over IPv4, 65,535 less the IP and UDP headers."""
MAX_MESSAGE = 1 << 20
"""Bytes of the largest message, where nothing else is said."""
TRANSMISSIONS = 8
"""Of one datagram, where nothing else is said."""
DEADLINE = 60 * SECOND
"""The same of the time after which a message ends."""
MIN_RTO = 200 * MILLISECOND
"""The same of the smallest retransmission timeout."""
MOST_TRANSMISSIONS = units.MOST_TRANSMISSIONS
"""Transmissions of one datagram are counted in a byte."""


class Earlier(NamedTuple):
    """What earlier lives of a sending session left to this one, which goes on in it with the same numbers.

    A session with lives, also one in its first, tells its receiver that a message has ended only when it was delivered: what was
    given up is sent again in a later life, with its number, and must not have been called gone."""

    started: int
    """When the session began, in nanoseconds of this life's clock."""
    accepted: int = 0
    """The last sequence number that they gave; any message up to it may have been sent."""
    datagrams: int = 0
    """They used no datagram number above this one."""


class SenderConfig:
    """What a sender promises and how hard it tries. Times in nanoseconds, sizes in bytes."""

    def __init__(
        self,
        *,
        acknowledged: bool = False,
        ordered: bool = False,
        datagram_size: int | None = DATAGRAM_SIZE,
        follows_path: bool = False,
        max_message: int = MAX_MESSAGE,
        window: int | None = None,
        max_transmissions: int = TRANSMISSIONS,
        deadline: int = DEADLINE,
        min_rto: int = MIN_RTO,
        refused_for: int | None = None,
        congestion: str = DEFAULT,
        jitter: float = 0.5,
    ) -> None:
        """Raises UsageError for values that no sender can keep."""
        if datagram_size is not None and not MIN_DATAGRAM_SIZE <= datagram_size <= MAX_DATAGRAM_SIZE:
            raise UsageError(
                "datagrams of {} bytes cannot be sent: choose {} to {}", datagram_size, MIN_DATAGRAM_SIZE, MAX_DATAGRAM_SIZE
            )
        if follows_path and not (acknowledged and datagram_size == DATAGRAM_SIZE):
            raise UsageError("only acknowledgments tell what a path takes, and a datagram size that is given is kept")
        if not 1 <= max_transmissions <= MOST_TRANSMISSIONS:
            raise UsageError("{} transmissions: choose from 1 to {}", max_transmissions, MOST_TRANSMISSIONS)
        if window is not None and window < 1:
            raise UsageError("a window of {} messages sends nothing: choose 1 or more", window)
        if congestion not in CONTROLLERS:
            raise UsageError("the congestion control {!r} is not there: choose from {}", congestion, ", ".join(CONTROLLERS))
        if ordered and not acknowledged:
            raise UsageError("ordered delivery needs acknowledgments: without them nobody knows whether a gap will be filled")
        self.acknowledged = acknowledged
        """Ask for acknowledgments, retransmit, and tell how each message ended."""
        self.ordered = ordered
        """Have the receiver deliver in order; only with `acknowledged`."""
        self.datagram_size = datagram_size
        """The largest datagram. None: frames of a reliable stream carry the messages, so nothing is cut up or retransmitted."""
        self.follows_path = follows_path
        """Find out how large a datagram the path takes, and cut to that: `datagram_size` is where that begins."""
        self.max_message = max_message
        """The largest payload that is accepted."""
        self.window = window
        """At most so many messages unacknowledged at once; None: as many as the network and the receiver take."""
        self.max_transmissions = max_transmissions
        """How often one datagram is sent before its message is UNCONFIRMED; at most 255."""
        self.deadline = deadline
        """How long after `send` a message ends at the latest."""
        self.min_rto = min_rto
        """The smallest retransmission timeout."""
        self.refused_for = refused_for
        """End every message after so long of nothing but refusals, before the receiver ever answered; None: never by that."""
        self.congestion = congestion
        """The name of the congestion control: one of `udpmsg.core.congestion.CONTROLLERS`."""
        self.jitter = jitter
        """Timeouts are multiplied by 1 to 1 + jitter."""


class Limits(NamedTuple):
    """What a receiver takes on. A limit that is reached is told (LimitReached); what is over it is not acknowledged."""

    sessions: int = 1024
    """Senders at once."""
    session_bytes: int = 2 << 20
    """Bytes a session that the application does not have yet."""
    session_messages: int = 2048
    """Messages a session that the application does not have yet."""
    total_bytes: int = 64 << 20
    """Bytes in all that the application does not have yet. Three quarters of it for what comes in fragments or waits for others,
    half for that of senders that have not proved their addresses: `max_message` has to be less than that."""
    max_message: int = MAX_MESSAGE
    """Bytes of one message."""
    gaps: int = 4096
    """Gaps in a session's sequence numbers that are remembered."""
