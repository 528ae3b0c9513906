"""One direction of the link: when each frame leaves, and whether it does. Pure: told the time, keeps a queue and no frame.

Owns the policer, the queue before the bottleneck, and the order in which frames stay. The stations of a frame, as on a real path:
the policer (too little in its bucket: dropped), the queue (full: dropped), the bottleneck (size / rate: `changing`), then the way
itself (lost, delayed, held back, doubled, a bit flipped). What is lost behind the bottleneck has used it, like what radio loses.
Does not know how frames are read or carried.
"""

from collections import deque
from typing import NamedTuple

from udpmsg.base.durations import SECOND
from udpmsg.link.changing import Beginning, Bottleneck, Changing
from udpmsg.link.faults import Action, Fate, Path, Police, Scripted, decide
from udpmsg.link.record import Direction, Drop, FrameKind, Identity

NO_FATE = Fate()


class Passage(NamedTuple):
    """What becomes of one frame: dropped, or leaving at these times, ascending (two: duplicated)."""

    dropped: Drop | None
    leaves_at: tuple[int, ...] = ()
    """Nanoseconds, on the clock of `now`."""
    corrupt_bit: int | None = None
    """A large number: the bit to flip is this modulo the number of bits behind the IP header."""
    reordered: bool = False
    """Held back on purpose: frames behind it may pass."""
    script: str | None = None
    """The scripted fault that hit it, as the user wrote it."""


class Way:
    """One direction. `script` may have faults for the other direction too; they are passed over.

    `beginning`: from when the times of changes count, the same for both directions of a link."""

    def __init__(
        self,
        path: Path,
        *,
        direction: Direction,
        seed: int,
        script: tuple[Scripted, ...] = (),
        beginning: Beginning | None = None,
    ) -> None:
        self.path = path
        self._seed = seed
        self._script = [fault for fault in script if fault.direction == direction]
        self._chances = any((path.loss, path.burst, path.duplicate, path.reorder, path.corrupt, path.jitter))
        """Whether chance decides anything; otherwise nothing is drawn."""
        self._waiting: deque[int] = deque()
        """When each frame in the queue will enter the bottleneck."""
        self._beginning = Beginning() if beginning is None else beginning
        self._bottleneck = Bottleneck(path.rate, path.later_rates, beginning=self._beginning)
        self._delays = Changing(path.delay, path.later_delays, self._beginning) if path.later_delays else None
        self._policer = None if path.police is None else Policer(path.police)
        self._last_leaves_at = 0
        """When the last frame in order leaves. Nothing leaves before it; only what is held back on purpose may be passed."""

    def enter(self, identity: Identity, size: int, *, now: int, first_sequence: int = 0, last_sequence: int = 0) -> Passage:
        """Decide what becomes of a frame of `size` bytes that comes now and carries these messages (0: none)."""
        if self._beginning.at is None:  # not by a call: this is done for every frame
            self._beginning.at = now
        if self._policer is not None and not self._policer.lets_pass(size, now=now):
            return Passage(Drop.POLICED)
        through_at = self._through_bottleneck(size, now)
        if through_at is None:
            return Passage(Drop.QUEUE_FULL)
        if self._chances:
            fate = decide(self._seed, identity, self.path)
        else:
            fate = Fate(delay=self.path.delay) if self.path.delay else NO_FATE
        scripted = [fault for fault in self._script if hits(fault, identity, first_sequence, last_sequence)]
        script = " ".join(fault.text for fault in scripted) or None
        if any(fault.action is Action.DROP for fault in scripted):
            return Passage(Drop.SCRIPT, script=script)
        if fate.dropped is not None:
            return Passage(fate.dropped, script=script)
        delay = fate.delay
        if self._delays is not None:
            delay += self._delays.at(through_at) - self.path.delay
        held_back = sum(fault.delay for fault in scripted if fault.action is Action.DELAY)
        reordered = fate.reordered or held_back > 0
        leaves_at = max(through_at + max(0, delay) + held_back, self._last_leaves_at)
        if not reordered:
            self._last_leaves_at = leaves_at
        doubled = fate.duplicate or any(fault.action is Action.DUPLICATE for fault in scripted)
        corrupt_bit = fate.corrupt_bit
        if any(fault.action is Action.CORRUPT for fault in scripted):
            corrupt_bit = 0 if corrupt_bit is None else corrupt_bit
        return Passage(None, (leaves_at, leaves_at) if doubled else (leaves_at,), corrupt_bit, reordered, script)

    def _through_bottleneck(self, size: int, now: int) -> int | None:
        """When the frame has passed the bottleneck; None: its queue is full."""
        bottleneck = self._bottleneck
        if self.path.rate is None:
            return now
        while self._waiting and self._waiting[0] <= now:
            self._waiting.popleft()
        if self.path.queue is not None and len(self._waiting) >= self.path.queue and bottleneck.free_at > now:
            return None
        if bottleneck.free_at > now:
            self._waiting.append(bottleneck.free_at)
        return bottleneck.through_at(size, now=now)


class Policer:
    """A token bucket, in bits times nanoseconds in a second, so that nothing is rounded."""

    def __init__(self, police: Police) -> None:
        self._rate = police.rate
        self._full = police.burst * 8 * SECOND
        self._holds = self._full
        self._filled_at = 0

    def lets_pass(self, size: int, *, now: int) -> bool:
        """Whether it holds what a frame of this many bytes takes; if so, that is taken."""
        self._holds = min(self._full, self._holds + (now - self._filled_at) * self._rate)
        self._filled_at = now
        takes = size * 8 * SECOND
        if takes > self._holds:
            return False
        self._holds -= takes
        return True


def hits(fault: Scripted, identity: Identity, first_sequence: int, last_sequence: int) -> bool:
    """Whether a scripted fault is meant for this frame. A message is hit in the frame that carries its first byte."""
    if fault.kind is not identity.kind or fault.transmission != identity.transmission:
        return False
    if fault.kind is FrameKind.DATA and first_sequence:
        begins_here = first_sequence if identity.part == 0 else first_sequence + 1
        return begins_here <= fault.index <= last_sequence
    return identity.part == 0 and identity.index == fault.index
