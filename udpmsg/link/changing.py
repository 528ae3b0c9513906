"""What changes while a link is used: a delay or a rate that takes another value later, and the bottleneck with that rate. Pure.

Owns from when such times count (`Beginning`), which value holds at a time, and when a bottleneck is done with what it takes.
Knows neither queues nor frames (see `way`), nor how changes are written (see `fields`).
"""

from bisect import bisect_right
from collections.abc import Iterator

from udpmsg.base.durations import SECOND
from udpmsg.link.faults import Later


class Beginning:
    """When the first frame came to a link, in either direction: both share it, and their changes count from it."""

    __slots__ = ("at",)

    def __init__(self) -> None:
        self.at: int | None = None
        """Nanoseconds; None: nothing came yet."""

    def since(self, now: int) -> int:
        """Nanoseconds since then. What asks first begins it."""
        if self.at is None:
            self.at = now
        return now - self.at


class Changing:
    """A value, and those that it takes later."""

    def __init__(self, first: int, later: tuple[Later, ...], beginning: Beginning) -> None:
        self._values = [first, *(change.value for change in later)]
        self._from = [0, *(change.at for change in later)]
        self._beginning = beginning

    def at(self, now: int) -> int:
        """The value that holds now."""
        if len(self._values) == 1:
            return self._values[0]
        return self._values[bisect_right(self._from, self._beginning.since(now)) - 1]

    def spans(self, begin: int) -> Iterator[tuple[int, int | None]]:
        """From `begin` on, each value, and when it ends; None: never."""
        since = self._beginning.since(begin)
        last = len(self._values) - 1
        for index in range(bisect_right(self._from, since) - 1, last):
            yield self._values[index], begin - since + self._from[index + 1]
        yield self._values[last], None


class Bottleneck:
    """Takes one thing after the other, each for as long as its bits need at the rate; the rate may change meanwhile."""

    def __init__(self, rate: int | None, later: tuple[Later, ...] = (), *, beginning: Beginning | None = None) -> None:
        self.beginning = Beginning() if beginning is None else beginning
        self.slowest = None if rate is None else min(rate, *(change.value for change in later), rate)
        """Bits a second, at its worst; None: there is no bottleneck."""
        self.free_at = 0
        """When it is done with what it has."""
        self._rate = rate
        self._rates = Changing(rate, later, self.beginning) if rate is not None and later else None

    def through_at(self, size: int, *, now: int) -> int:
        """When this many bytes, which come now, have passed it."""
        if self._rate is None:
            return now
        begins_at = max(now, self.free_at)
        bits = size * 8 * SECOND
        if self._rates is None:
            self.free_at = begins_at + bits // self._rate
            return self.free_at
        for rate, until in self._rates.spans(begins_at):
            if until is None or begins_at + bits // rate <= until:
                break
            bits -= rate * (until - begins_at)
            begins_at = until
        self.free_at = begins_at + bits // rate
        return self.free_at
