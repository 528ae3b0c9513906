"""What the link did: one row per frame. Values only: `faults` decides fates, `router` and `relay` carry frames.

Times are nanoseconds on the machine's monotonic clock, sizes are bytes.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple

from udpmsg.base.errors import N_


class Direction(IntEnum):
    """Which way a frame goes: messages go forward, what answers them goes back."""

    FORWARD = 0
    BACK = 1


class FrameKind(StrEnum):
    """What a frame carries, in as much as its fate depends on it."""

    DATA = "data"
    """Bytes of messages: a MESSAGE of ours, a TCP segment with bytes, any other program's datagram."""
    ACK = "ack"
    """An acknowledgment without messages: our ACK, a TCP segment with nothing but an acknowledgment number."""
    CONTROL = "control"
    """SYN, FIN, RST, ICMP, GOODBYE, PROBE, and whatever else is neither."""


class Phase(StrEnum):
    """What a frame is for: the four parts of the bill."""

    HANDSHAKE = "handshake"
    """SYN, SYN-ACK, and the ACK that ends it."""
    DATA = "data"
    ACKNOWLEDGMENT = "ack"
    """Acknowledgments, and the PROBEs that ask for them."""
    TEARDOWN = "teardown"
    """GOODBYE and its confirmation, FIN, RST, and the ACK of a FIN."""


# Not frozen, though nobody changes one: it is made for every frame, and a frozen dataclass costs four times as much.
@dataclass(slots=True, unsafe_hash=True)
class Identity:
    """What a frame carries: its fate depends on this, and not on when it travels. Numbers begin at 1, parts at 0."""

    direction: Direction
    kind: FrameKind
    index: int
    """Data: the sequence number of the message that the frame's first byte belongs to (of a retransmitted TCP segment: the first
    byte's). Everything else, and other programs' data: counted, each direction and kind alone."""
    transmission: int = 1
    """How often the link has seen this, this time included. A TCP segment that repeats bytes has index and part of the segment
    that carried its first byte first."""
    part: int = 0
    """Of a message in several frames, which; 0 is the one with its first byte, and most often the only one."""


class Drop(StrEnum):
    """Why the link did not deliver a frame."""

    LOSS = N_("loss")
    BURST = N_("burst")
    SCRIPT = N_("script")
    QUEUE_FULL = N_("queue full")
    POLICED = N_("policed")
    """More came than the policer lets through."""
    MTU = N_("too large")
    """Larger than the link's MTU and not to be fragmented: an ICMP message went back, unless the link is silent."""
    MALFORMED = N_("not understood")
    """No frame that the link knows how to carry."""


@dataclass(slots=True)
class FrameRecord:
    """One frame that a host put on the link, and what became of it."""

    number: int
    """From 1, in the order in which the link saw them, both directions together."""
    identity: Identity
    phase: Phase
    transport: str
    """"udp", "tcp", "icmp" or "other"."""
    label: str
    """What it is in a word or two for a ladder: "message 4", "messages 4–6", "SYN", "ACK", "goodbye", "ICMP port unreachable"."""
    size: int
    """Bytes of the frame on the wire, its Ethernet header included."""
    arrived_at: int
    """When a host put it on the link."""
    first_sequence: int = 0
    """The messages it carries, whole or in part: the first and the last sequence number; 0 for none."""
    last_sequence: int = 0
    dropped: Drop | None = None
    left_at: tuple[int, ...] = ()
    """When each copy left for the other host. Empty: dropped, or not yet."""
    corrupted: bool = False
    reordered: bool = False
    """It was held back on purpose so that later frames overtake it (a fault, not what jitter did)."""
    script: str | None = None
    """The scripted fault that hit it, as the user wrote it."""


class Captured(NamedTuple):
    """A frame as one host's interface saw it, for a capture."""

    at: int
    host: int
    """0: the sender, 1: the receiver."""
    number: int
    """Of its FrameRecord; 0 for what the link itself made (fragments, ICMP)."""
    data: bytes
    """The whole Ethernet frame."""
