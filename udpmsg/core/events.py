"""What the state machines tell the application. Owns no state; knows neither sockets nor the clock.

A peer is whatever hashable value the transport names its endpoints with; the core hands it back untouched.
Times are nanoseconds unless a name says otherwise; sizes are bytes.
"""

from collections.abc import Hashable
from enum import Enum
from typing import NamedTuple

from udpmsg.base.errors import N_

Peer = Hashable
NOTICES_KEPT = 1024
"""What a peer can cause without end (Malformed, say) is told while fewer events than these wait; more is counted, not told."""


class State(Enum):
    """How a message that `send` accepted ended: exactly one of these."""

    DELIVERED = "delivered"
    UNCONFIRMED = "unconfirmed"
    REFUSED = "refused"

    __hash__ = object.__hash__  # each is one object, and Enum's own is a function of Python's


# Named tuples: they are made by the thousand in one pass of C (`map` over `zip`), and a frozen dataclass takes ten times as long
# to define, at every start of the program.
class Message(NamedTuple):
    """A message for the application, in either direction (a reply has `reply_to`).

    `session`, `sequence` and `transmission` are None for raw bytes that carry no header of ours. `transmission` is 1 for
    the first, 2 for the first retransmission, and so on, as the sender numbered it. `title` is what its sender calls it, such as
    a file's name: the word of a peer, of any characters. `sent_at_us` is when the transmission left with which it was whole:
    microseconds since its session began, by its sender's clock.
    """

    payload: bytes
    peer: Peer
    session: int | None = None
    sequence: int | None = None
    reply_to: int | None = None
    acknowledged: bool = False
    reordered: bool = False
    transmission: int | None = None
    title: str | None = None
    sent_at_us: int | None = None

    @property
    def raw(self) -> bool:
        """True for bytes without our header: any program's datagram."""
        return self.session is None


class Outcome(NamedTuple):
    """How one message of an acknowledged sender ended, told once. `rtt_ns` is an RFC 6298 sample or None; never from a guess."""

    sequence: int
    state: State
    reason: str | None = None
    transmissions: int = 0
    rtt_ns: int | None = None


# The rest are rare, and named tuples: a frozen dataclass takes ten times as long to define, at every start of the program.
class Duplicate(NamedTuple):
    """A message that was delivered before came again, and was suppressed. `peer`: where it came from now, proved or not."""

    peer: Peer
    session: int
    sequence: int
    transmission: int


class Goodbye(NamedTuple):
    """The peer's session ended. `messages_sent` is the peer's word, None where that is impossible; `messages_lost` are those that
    never came."""

    peer: Peer
    session: int
    messages_sent: int | None
    messages_lost: int | None


class Malformed(NamedTuple):
    """Bytes that no rule of wire format 1 allows, or that answer nothing of this side: counted, dropped, never answered."""

    peer: Peer
    reason: str
    size: int


class LimitReached(NamedTuple):
    """Something was dropped, unacknowledged, because a limit of this side is reached (told once for each run of drops).

    `session` is 0 for raw datagrams and for connections that were not accepted."""

    peer: Peer
    session: int
    limit: str
    value: int


class PeerRestarted(NamedTuple):
    """The acknowledgments now come from another session: the receiver was restarted. What it never had is sent again."""

    session: int


class Hint(Enum):
    """What ICMP says of the way to an endpoint, as a sentence that takes the endpoint."""

    NOBODY = N_("nobody listens on {}")
    NO_HOST = N_("no route leads to the host of {}, or a firewall forbids it")
    NO_NETWORK = N_("no route leads to the network of {}, or a firewall forbids it")
    FORBIDDEN = N_("a firewall forbids the path to {}")
    DOWN = N_("the host of {} is unknown or down")
    CUT_OFF = N_("the host of {} is cut off from its network")
    NO_UDP = N_("the host of {} does not accept UDP")
    OTHER = N_("the path to {} fails")


class Unreachable(NamedTuple):
    """The network's hint that a datagram did not get there (ICMP). It belongs to an earlier datagram and proves nothing for later
    ones. `reason` is the system's word for it."""

    peer: Peer
    reason: str
    hint: Hint = Hint.NOBODY

    @property
    def refused(self) -> bool:
        """Whether the host itself says that nobody listens on that port; else it is something on the way."""
        return self.hint is Hint.NOBODY


class NextAddress(NamedTuple):
    """UDP only: the name has another address, `peer`, and that is tried now: at `former` nobody has answered, for this reason."""

    peer: Peer
    former: Peer
    reason: str


class OffloadRefused(NamedTuple):
    """UDP only: the kernel took no run of datagrams in one call on this way. From here on each has a call of its own; nothing was
    lost by it."""

    peer: Peer
    reason: str


class Disconnected(NamedTuple):
    """TCP only: a connection ended. `reason` is "end of stream" when the peer closed it in order."""

    peer: Peer
    reason: str


Event = (
    Message
    | Outcome
    | Duplicate
    | Goodbye
    | Malformed
    | LimitReached
    | PeerRestarted
    | Unreachable
    | NextAddress
    | OffloadRefused
    | Disconnected
)
