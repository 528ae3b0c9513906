"""One direction of a byte stream through the relay: when each piece of it leaves. Pure: told bytes and the time.

Owns the bytes that are on their way, their order and their bound. Bytes of a stream can be late, but neither lost nor doubled nor
swapped: only delay, jitter and rate of a path mean anything here. Knows no socket (see `tcp`).
"""

from collections import deque

from udpmsg.base.durations import MILLISECOND, SECOND
from udpmsg.link.changing import Bottleneck, Changing
from udpmsg.link.faults import Link, Path, decide
from udpmsg.link.record import Direction, FrameKind, Identity

HELD = 1 << 20
"""Bytes that may be on their way; above that nothing is read, and so the sender's own TCP has to wait."""
MOST_HELD = 64 << 20
"""The bound where rate and delay together need more than HELD: a pipe of 100 Mbit/s and 300 ms holds 3.8 MB at every moment."""
PIECE = 10 * MILLISECOND
"""What leaves a bottleneck at once, by the time it takes: a slow stream trickles, as in segments."""
SMALLEST_PIECE = 512


def streaming(link: Link) -> Link:
    """What of a link means anything for a stream."""
    forward, back = (
        Path(
            delay=path.delay,
            later_delays=path.later_delays,
            jitter=path.jitter,
            rate=path.rate,
            later_rates=path.later_rates,
        )
        for path in (link.forward, link.back)
    )
    return Link(forward, back, name=link.name if (forward, back) == (link.forward, link.back) else None)


class Pipe:
    """The bytes that are on their way in one direction of one connection, and how that direction ends."""

    def __init__(self, path: Path, *, direction: Direction, seed: int, bottleneck: Bottleneck) -> None:
        self.ready = bytearray()
        """What has come through and was not taken yet."""
        self.ended = False
        """The end of the stream has come through: nothing follows `ready`."""
        self.reset = False
        """It was no end in order but a reset, which waits for nobody to take what is `ready`."""
        self._path = Path(delay=path.delay, jitter=path.jitter)
        self._direction = direction
        self._seed = seed
        self._bottleneck = bottleneck
        self._delays = Changing(path.delay, path.later_delays, bottleneck.beginning)
        self._pieces: deque[tuple[int, bytes]] = deque()
        """When each leaves, and what it is; empty for the stream's end."""
        self._reset_at: int | None = None
        self._last_leaves_at = 0
        self._count = 0
        """Pieces so far: jitter is drawn for the n-th of them."""
        self._held = 0
        """Bytes in `_pieces` and in `ready`."""
        fastest = max(path.rate or 0, *(change.value for change in path.later_rates), 0)
        needed = fastest * (max(path.delays) + path.jitter) // (8 * SECOND) * 5 // 4
        self._limit = min(max(HELD, needed), MOST_HELD)

    @property
    def room(self) -> int:
        """How many bytes more it takes."""
        return max(0, self._limit - self._held)

    @property
    def held(self) -> int:
        """Bytes that are on their way, or wait to be taken."""
        return self._held

    def enter(self, data: bytes, *, now: int) -> None:
        """Take bytes that came now; never more than `room`."""
        rate = self._bottleneck.slowest
        size = len(data) if rate is None else max(SMALLEST_PIECE, rate * PIECE // (8 * SECOND))
        for begin in range(0, len(data), size):
            piece = data[begin : begin + size]
            self._pieces.append((self._leaves_at(len(piece), now), piece))
        self._held += len(data)

    def end(self, *, now: int, reset: bool = False) -> None:
        """No more bytes will come. The end travels like them, behind the last one."""
        leaves_at = self._leaves_at(0, now)
        if reset:
            self._reset_at = leaves_at
        self._pieces.append((leaves_at, b""))

    def next_timeout(self) -> int | None:
        """When the next piece comes through; None: nothing is on its way."""
        return self._pieces[0][0] if self._pieces else None

    def handle_timeout(self, *, now: int) -> None:
        """Move what has come through by now to `ready`."""
        while self._pieces and self._pieces[0][0] <= now:
            piece = self._pieces.popleft()[1]
            self.ready += piece
            self.ended = self.ended or not piece
        self.reset = self._reset_at is not None and self._reset_at <= now

    def taken(self, size: int) -> None:
        """This many bytes of `ready` were passed on."""
        del self.ready[:size]
        self._held -= size

    def discard(self) -> None:
        """Nobody is there any more to take anything."""
        self.ready.clear()
        self._pieces.clear()
        self._held = 0
        self.ended = True

    def _leaves_at(self, size: int, now: int) -> int:
        self._bottleneck.beginning.since(now)
        through_at = self._bottleneck.through_at(size, now=now)
        delay = self._delays.at(through_at)
        if self._path.jitter:
            self._count += 1
            drawn = decide(self._seed, Identity(self._direction, FrameKind.DATA, self._count), self._path)
            delay += drawn.delay - self._path.delay
        self._last_leaves_at = max(self._last_leaves_at, through_at + max(0, delay))
        return self._last_leaves_at
