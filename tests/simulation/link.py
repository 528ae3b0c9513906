"""The link of the virtual world: decides the fate of every datagram from one seeded generator.

Owns the faults of one direction. Does not know what a datagram means, nor who sends or receives it.
"""

from dataclasses import dataclass
from random import Random

MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000


@dataclass(frozen=True)
class Faults:
    """What can happen in one direction. Probabilities are 0 to 1, times are nanoseconds from the start of the run."""

    loss: float = 0.0
    """Independent loss."""
    burst_enter: float = 0.0
    """Gilbert–Elliott: the chance, each datagram, to fall from the good state into the bad one."""
    burst_leave: float = 0.25
    """... and to come back."""
    burst_loss: float = 0.9
    """The loss in the bad state."""
    burst_lasts: int = 100 * MILLISECOND
    """The bad state is over when nothing was sent for so long: a burst is a time on the link, not a number of datagrams."""
    blackholes: tuple[tuple[int, int], ...] = ()
    """Windows of time, (first, past the last), in which nothing passes."""
    duplication: float = 0.0
    reordering: float = 0.0
    """The share that is held back, up to `reordering_delay`, and may be overtaken."""
    reordering_delay: int = 30 * MILLISECOND
    flips: float = 0.0
    """The share in which 1 to 3 bits are flipped."""
    bytes_per_second: int = 0
    """A bottleneck with a queue of `queue_bytes`; 0 is no bottleneck."""
    queue_bytes: int = 30_000
    mtus: tuple[tuple[int, int], ...] = ()
    """From each time on, the largest datagram that passes; a larger one vanishes, and nobody is told."""
    delay: int | None = None
    """One way. None: the run draws one."""


class Link:
    """One direction. `carry` gives the arrivals of one datagram: none, one or two."""

    def __init__(self, faults: Faults, random: Random, *, start: int, delay: int, jitter: int) -> None:
        self.faults = faults
        self.start = start
        self.delay = delay if faults.delay is None else faults.delay
        self.jitter = jitter
        self.carried = 0
        self.dropped = 0
        self.flipped = 0
        self._random = random.random
        self._generator = random
        self._bad = False
        self._seen_at = 0
        self._last = 0
        self._free_at = 0
        self._simple = faults == Faults(delay=faults.delay)

    def carry(self, datagram: bytes, *, now: int) -> list[tuple[int, bytes]]:
        """What arrives, and when (absolute nanoseconds)."""
        self.carried += 1
        random = self._random
        faults = self.faults
        if not self._simple:
            if self._lost(now, len(datagram)):
                self.dropped += 1
                return []
            if faults.flips and random() < faults.flips:
                datagram = self._flip(datagram)
        at = now + self.delay
        if faults.bytes_per_second:
            begin = max(now, self._free_at)
            if (begin - now) * faults.bytes_per_second > faults.queue_bytes * SECOND:
                self.dropped += 1
                return []
            self._free_at = begin + len(datagram) * SECOND // faults.bytes_per_second
            at = self._free_at + self.delay
        if self.jitter:
            # In steps of a quarter, so that datagrams often share an instant and arrive as one batch.
            at += int(random() * 4) * self.jitter // 4
        if faults.reordering and random() < faults.reordering:
            at += int(random() * faults.reordering_delay)
        else:
            # A path keeps the order unless it is told not to.
            if at < self._last:
                at = self._last
            self._last = at
        if faults.duplication and random() < faults.duplication:
            return [(at, datagram), (at + int(random() * 2) * int(random() * faults.reordering_delay), datagram)]
        return [(at, datagram)]

    def _lost(self, now: int, size: int) -> bool:
        faults = self.faults
        since = now - self.start
        for first, past in faults.blackholes:
            if first <= since < past:
                return True
        if faults.mtus and size > [most for first, most in faults.mtus if first <= since][-1]:
            return True
        if faults.burst_enter:
            if self._bad and now - self._seen_at < faults.burst_lasts:
                self._bad = self._random() >= faults.burst_leave
            else:
                self._bad = self._random() < faults.burst_enter
            self._seen_at = now
            if self._bad and self._random() < faults.burst_loss:
                return True
        return bool(faults.loss) and self._random() < faults.loss

    def _flip(self, datagram: bytes) -> bytes:
        if not datagram:
            return datagram
        damaged = bytearray(datagram)
        for bit in self._generator.sample(range(len(damaged) * 8), self._generator.randint(1, 3)):
            damaged[bit >> 3] ^= 1 << (bit & 7)
        self.flipped += 1
        return bytes(damaged)
