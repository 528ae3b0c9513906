"""What a relay tells and what it counted, as values. Knows no socket.

Times are nanoseconds, sizes bytes, unless a name says otherwise.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from udpmsg.core.events import Disconnected, LimitReached, Unreachable
from udpmsg.link.record import Direction, Drop, FrameRecord
from udpmsg.sockets.endpoint import Endpoint


class Faulted(NamedTuple):
    """A datagram that the link did something to: dropped, duplicated, held back on purpose, or a bit flipped."""

    peer: Endpoint
    """The client that it came from, or that it is for."""
    record: FrameRecord
    duplicated: bool
    delay: int
    """From its coming until its last copy leaves; 0 for one that is dropped."""


class NotSent(NamedTuple):
    """A datagram that the link let pass, and this system would not send."""

    peer: Endpoint
    """As in `Faulted`."""
    record: FrameRecord
    """It says neither that the frame was dropped nor that it left."""
    reason: str
    """The system's name for it, such as EMSGSIZE."""


class HopsUsedUp(NamedTuple):
    """What came had no hop left, as behind a long row of relays, or in a ring of them: it goes no further."""

    peer: Endpoint
    """The sender of it, or the one that connected: perhaps the next relay of a ring."""


RelayEvent = Faulted | NotSent | Unreachable | LimitReached | HopsUsedUp | Disconnected
"""Unreachable: ICMP, the target was not reached. LimitReached: a client got no place. Disconnected: a TCP connection ended."""


class CutOff(NamedTuple):
    """When each TCP connection is reset, whichever comes first; None: not for this reason."""

    after_bytes: int | None = None
    """Once this many have left for the target."""
    after: int | None = None
    """This long after it was accepted."""
    text: str = "what was asked for"
    """As the user wrote it."""


@dataclass
class Traffic:
    """What went one way, or did not. Every frame that came is dropped, not sent, still held, or has left (duplicated: twice)."""

    frames: int = 0
    """Datagrams that came."""
    bytes: int = 0
    """Of those frames, with the headers that they have on Ethernet."""
    left: int = 0
    """Copies that left."""
    dropped: Counter[Drop] = field(default_factory=Counter)
    not_sent: int = 0
    """Copies that this system would not send."""
    duplicated: int = 0
    reordered: int = 0
    """Held back on purpose, so that later ones overtake them."""
    corrupted: int = 0
    stream_bytes: int = 0
    """TCP: bytes that left, over all connections."""

    def copy(self) -> "Traffic":
        """These figures as they are now."""
        return Traffic(**{**vars(self), "dropped": self.dropped.copy()})


class RelayStatistics(NamedTuple):
    """What one relay counted. None: it can't be known."""

    transport: str
    traffic: dict[Direction, Traffic]
    clients: int
    """UDP clients that got a socket of their own; one that was idle and comes back counts again."""
    over_limit: int
    """Datagrams and connections of clients that got no place."""
    hops_used_up: int
    """Datagrams and connections that had no hop left: two relays may point at each other."""
    refused_icmp: int
    """How often ICMP said that nobody listens at the target."""
    unreachable_icmp: int
    """How often ICMP said anything else of the way to it: a firewall forbids it, or nothing leads there."""
    kernel_drops: int | None
    """Datagrams that this host discarded because a socket of the relay was full: they are in no record."""
    connections: int
    """TCP connections that were accepted."""
    connections_refused: int
    """Of those, which the target did not accept."""
    connections_cut: int
    duration_s: float
