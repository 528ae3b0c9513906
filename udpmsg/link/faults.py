"""A frame's fate is decided here: a pure function of the seed and of what the frame carries. No socket, no clock, no generator.

Owns the faults as values, and `decide`. The same seed gives the same fate to the same message, whatever the timing, the system
and the mode. Does not know how frames are read (`frames`), queued (`way`) or carried (`router`, `relay`).

The function, for any language (test vectors: docs/link.md):

    block  = seed u64 | direction u8 | kind u8 | index u64 | transmission u32 | part u32      big-endian, 26 bytes
    digest = BLAKE2b(block), 64 bytes, no key
    draw i = bytes 8i to 8i+7 of the digest, big-endian
    share i = draw i, its lowest 11 bits cut off, divided by 2^53: 0 <= share < 1, exact in a double

direction is 0 forward and 1 back, kind is 0 data, 1 ack and 2 control. Share 0 decides loss, 1 the burst's state, 2 loss within a
state, 3 duplication, 4 reordering, 5 corruption, 6 jitter; draw 7, whole, is the bit to flip.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import blake2b
from struct import Struct
from typing import NamedTuple

from udpmsg.link.record import Direction, Drop, FrameKind, Identity

BLOCK = Struct(">QBBQII")
DRAWS = Struct(">8Q")
KIND_NUMBERS = {FrameKind.DATA: 0, FrameKind.ACK: 1, FrameKind.CONTROL: 2}
WHOLE = 2.0**53
CUT_OFF = 11
"""Of the 64 bits of a draw, a double holds 53. Rounding would make the highest draws 1, and a loss of 100% let them pass."""


@dataclass(frozen=True)
class Burst:
    """Gilbert's and Elliott's chain: a good and a bad state, and a loss in each. Probabilities, 0 to 1."""

    enter: float
    """From good to bad, at each frame."""
    leave: float
    """From bad to good. A stay in the bad state lasts 1 / leave frames on average. enter + leave is at most 1."""
    loss_bad: float = 1.0
    loss_good: float = 0.0


@dataclass(frozen=True)
class Later:
    """What a delay or a rate is from some time of the run on."""

    at: int
    """Nanoseconds since the link's first frame."""
    value: int


@dataclass(frozen=True)
class Police:
    """A token bucket before everything else: what finds too little in it is dropped, and nothing waits (RFC 2475, 2.3.3.4)."""

    rate: int
    """Bits a second that come into it."""
    burst: int
    """Bytes that it holds; it is full at first."""


@dataclass(frozen=True)
class Path:
    """The faults of one direction. Probabilities are 0 to 1, times nanoseconds."""

    delay: int = 0
    jitter: int = 0
    """The delay is drawn evenly from delay - jitter to delay + jitter; frames stay in order all the same, as in a queue."""
    loss: float = 0.0
    burst: Burst | None = None
    duplicate: float = 0.0
    reorder: float = 0.0
    """The share that is held back by `reorder_by` besides its delay, so that later frames overtake it."""
    reorder_by: int = 30_000_000
    corrupt: float = 0.0
    """The share in which one bit behind the IP header is flipped."""
    rate: int | None = None
    """Bits a second; None: no bottleneck."""
    queue: int | None = None
    """Frames that wait before the bottleneck; one more is dropped. None: as many as come."""
    mtu: int | None = None
    """Bytes of the largest IP packet; a larger one is cut up, or refused by ICMP where its sender forbids that."""
    silent: bool = False
    """A larger packet vanishes instead, and nobody is told: a black hole (RFC 2923 section 2.1)."""
    police: Police | None = None
    later_delays: tuple[Later, ...] = ()
    """What the delay changes to, in the order of time."""
    later_rates: tuple[Later, ...] = ()
    """What the rate changes to, in the order of time."""

    @property
    def delays(self) -> list[int]:
        """The delay, and all that it changes to."""
        return [self.delay, *(change.value for change in self.later_delays)]


class Action(StrEnum):
    """What a scripted fault does to its frame."""

    DROP = "drop"
    DUPLICATE = "duplicate"
    DELAY = "delay"
    CORRUPT = "corrupt"


@dataclass(frozen=True)
class Scripted:
    """One fault for one frame: `drop:data:4`, `drop:data:4:2` (its second transmission), `delay:data:5:80ms`."""

    action: Action
    kind: FrameKind
    index: int
    transmission: int = 1
    direction: Direction = Direction.FORWARD
    delay: int = 0
    """Nanoseconds, for DELAY."""
    text: str = ""
    """As the user wrote it."""


@dataclass(frozen=True)
class Link:
    """Both directions, and the script."""

    forward: Path = Path()
    back: Path = Path()
    script: tuple[Scripted, ...] = ()
    name: str | None = None
    """The preset it comes from."""


class Fate(NamedTuple):
    """What happens to one frame, apart from what a queue does to it."""

    dropped: Drop | None = None
    duplicate: bool = False
    delay: int = 0
    """Nanoseconds in all."""
    reordered: bool = False
    """Held back on purpose: frames behind it may pass."""
    corrupt_bit: int | None = None
    """A large number: the bit to flip is this modulo the number of bits."""


def draws(seed: int, identity: Identity) -> tuple[int, ...]:
    """Eight numbers below 2^64 for one identity."""
    block = BLOCK.pack(
        seed, identity.direction, KIND_NUMBERS[identity.kind], identity.index, identity.transmission, identity.part
    )
    return DRAWS.unpack(blake2b(block).digest())


def share_of(draw: int) -> float:
    """A draw as a number from 0 to below 1."""
    return (draw >> CUT_OFF) / WHOLE


def decide(seed: int, identity: Identity, path: Path) -> Fate:
    """The fate of a frame on a path, without the script. Pure."""
    drawn = draws(seed, identity)
    share = [share_of(number) for number in drawn]
    dropped = None
    if share[0] < path.loss:
        dropped = Drop.LOSS
    elif path.burst is not None:
        loss = path.burst.loss_bad if in_burst(seed, identity, path.burst) else path.burst.loss_good
        dropped = Drop.BURST if share[2] < loss else None
    reordered = share[4] < path.reorder
    delay = path.delay + round((2 * share[6] - 1) * path.jitter) + reordered * path.reorder_by
    corrupt = drawn[7] if share[5] < path.corrupt else None
    return Fate(dropped, share[3] < path.duplicate, delay, reordered, corrupt)


def in_burst(seed: int, identity: Identity, burst: Burst) -> bool:
    """Whether a frame meets the bad state, without walking the chain from its start.

    The chain runs over the index, for each transmission and part by itself. With share 1, `below enter` leads to the bad state
    from both states and `not below 1 - leave` to the good one from both, because enter + leave <= 1; anything between keeps the
    state. So the nearest earlier share that leads anywhere tells; before index 1 the chain is in its stationary state.
    """
    index = identity.index
    while index > 0:
        share = share_of(draws(seed, replace(identity, index=index))[1])
        if share < burst.enter:
            return True
        if share >= 1 - burst.leave:
            return False
        index -= 1
    start = share_of(draws(seed, replace(identity, index=0))[1])
    return start * (burst.enter + burst.leave) < burst.enter
