"""Large messages: cut into fragments that fit datagrams, and put together again. Owns the fragments of an unfinished message.

Knows neither sequence numbers nor limits. A fragment is not a message: only the whole is delivered, counted or confirmed.
"""

from collections.abc import Sequence

from udpmsg.base.errors import N_, MalformedDatagram, MessageTooLarge
from udpmsg.core import wire
from udpmsg.core.budget import FRAGMENT_COST, REASSEMBLY_COST, title_cost
from udpmsg.core.ranges import RangeSet

MAX_FRAGMENTS = 65_535
"""The fragment block counts in 16 bits."""


class Cutter:
    """How one sender cuts: `datagram_size` in bytes, or None where frames of a stream carry whole messages."""

    __slots__ = ("_acknowledged", "_max_message", "_reply_overhead", "datagram_size", "ordinary", "overhead")

    def __init__(self, *, datagram_size: int | None, max_message: int, acknowledged: bool) -> None:
        self.datagram_size = datagram_size
        self._max_message = max_message
        self._acknowledged = acknowledged
        self.overhead = wire.overhead(acknowledged=acknowledged, reply=False, fragment=False)
        """What a datagram has besides the payload of a message that is whole and no reply."""
        self._reply_overhead = wire.overhead(acknowledged=acknowledged, reply=True, fragment=False)
        self.ordinary = max_message if datagram_size is None else min(datagram_size - self.overhead, max_message)
        """The largest payload of such a message."""

    def check(self, size: int, *, reply: bool, title: str = "") -> None:
        """Raise MessageTooLarge for a payload above the limit, or one that 65,535 fragments can't carry."""
        if size > self._max_message:
            advice = N_("cut it up, or raise the limit on both sides (max_message, --max-message)")
            raise MessageTooLarge(size, self._max_message, advice)
        if self.datagram_size is not None and size > (most := self._room(reply, title, fragment=True) * MAX_FRAGMENTS):
            advice = N_("cut it up, or allow larger datagrams (datagram_size, --datagram-size)")
            raise MessageTooLarge(size, most, advice)

    def count(self, size: int, *, reply: bool, title: str = "") -> int:
        """Into how many datagrams a payload of `size` bytes goes."""
        if self.datagram_size is None or size <= self._room(reply, title, fragment=False):
            return 1
        return -(-size // self._room(reply, title, fragment=True))

    def cut(
        self, payload: bytes, index: int, count: int, *, reply: bool, title: str = ""
    ) -> tuple[bytes, tuple[int, int, int, int] | None]:
        """Fragment `index` of `count`: its bytes and its block, or the whole payload and None."""
        if count == 1:
            return payload, None
        size = fragment_size(len(payload), count)
        return payload[index * size : (index + 1) * size].ljust(size, b"\0"), (index, count, size, len(payload))

    def pieces(self, payloads: Sequence[bytes], begin: int, end: int, count: int) -> list[bytes]:
        """Of payloads of one length, cut into `count` fragments each: the bytes of those from `begin` up to `end`, counted from
        the first payload's first on."""
        size = fragment_size(len(payloads[0]), count)
        cut = []
        for place in range(begin, end):
            message, index = divmod(place, count)
            cut.append(payloads[message][index * size : (index + 1) * size].ljust(size, b"\0"))
        return cut

    def datagram_length(self, size: int, index: int, count: int, *, reply: bool, title: str = "") -> int:
        """Bytes of the datagram that carries fragment `index` of a payload of `size` bytes."""
        if count == 1 and not title:
            return size + (self._reply_overhead if reply else self.overhead)
        title = "" if index else title
        overhead = wire.overhead(acknowledged=self._acknowledged, reply=reply, fragment=count > 1, title=title)
        return fragment_size(size, count) + overhead

    def _room(self, reply: bool, title: str, *, fragment: bool) -> int:
        """Payload bytes that each datagram has room for: fragments have one size, also the first, which has the title."""
        if fragment or title:
            taken = wire.overhead(acknowledged=self._acknowledged, reply=reply, fragment=fragment, title=title)
        else:
            taken = self._reply_overhead if reply else self.overhead
        return (self.datagram_size or 0) - taken


def fragment_size(size: int, count: int) -> int:
    """Bytes of each of the fragments into which a payload of `size` bytes is cut: as many in each, so that they go as a run.

    What is left over, less than one byte for each, are zeros at the end of the last one."""
    return -(-size // count)


class Reassembly:
    """One message of which not every byte has come. What has come of it is charged; `total` is its word.

    A fragment is a range of bytes, without what fills the last one up. A message that must leave anew over a path that has become
    narrower is cut up anew, so fragments of two cuts may overlap: of each only those bytes are kept that have not come. So
    nothing is kept twice, however often a message is cut, and what came of an earlier cut counts."""

    __slots__ = ("_covered", "_parts", "_size", "came", "cost", "started_at", "title", "total", "transmission")

    def __init__(self, size: int, total: int, now: int) -> None:
        self._size = size
        """Bytes of the first fragment that came."""
        self.total = total
        self._parts: dict[int, bytes] = {}
        """By the place of their first byte."""
        self._covered: RangeSet | None = None
        """The places of all bytes that have come; None as long as there is one cut, whose fragments are the same or apart."""
        self.came = 0
        """Bytes that have come."""
        self.started_at = now
        self.cost = REASSEMBLY_COST
        """Bytes that it takes, and the fragments that have come."""
        self.transmission = 0
        """The largest transmission number among its fragments."""
        self.title = ""
        """As the first fragment has it."""

    def missing(self, fragment: tuple[int, int, int, int]) -> list[tuple[int, int]]:
        """What this fragment brings: the ranges of places (first, last) that have not come.

        Raises MalformedDatagram when it is of another message than those that have, or one piece too many."""
        index, count, cut, total = fragment
        if total != self.total:
            raise MalformedDatagram("{} fragments of {} bytes, {} in all, contradict the ones before", count, cut, total)
        begin, end = index * cut, min((index + 1) * cut, total)
        if self._covered is None:
            if cut == self._size:
                return [] if begin in self._parts else [(begin, end - 1)]
            self._covered = RangeSet()
            for first in sorted(self._parts):
                self._covered.append(first, first + len(self._parts[first]) - 1)
        gaps = []
        for first, last in self._covered.within(begin, end - 1):
            if first > begin:
                gaps.append((begin, first - 1))
            begin = last + 1
        if begin < end:
            gaps.append((begin, end - 1))
        if len(self._parts) + len(gaps) > MAX_FRAGMENTS:
            raise MalformedDatagram("more than {} pieces of one message", MAX_FRAGMENTS)
        return gaps

    def add(self, fragment: tuple[int, int, int, int], payload: bytes, transmission: int, title: str = "") -> bytes | None:
        """Take a fragment; return the whole payload once it is complete."""
        begin = fragment[0] * fragment[2]
        gaps = self.missing(fragment)
        for first, last in gaps:
            self._parts[first] = payload[first - begin : last + 1 - begin]
        if gaps and self._covered is not None:
            self._covered.add_run(begin, min(begin + len(payload), self.total) - 1)
        if gaps:
            self._note(sum(last + 1 - first for first, last in gaps), len(gaps), title)
        return self._whole(transmission)

    def lacks(self, indexes: Sequence[int], shape: tuple[int, int, int]) -> bool:
        """Whether none of these fragments has come before, and all that have are of the same cut of the same message."""
        _, size, total = shape
        if self._covered is not None or (size, total) != (self._size, self.total):
            return False
        return self._parts.keys().isdisjoint([index * size for index in indexes])

    def add_row(self, indexes: Sequence[int], payloads: Sequence[bytes], transmission: int) -> bytes | None:
        """Take fragments in a row, each of which it `lacks`; return the whole payload once it is complete."""
        begin, end = indexes[0] * self._size, min((indexes[-1] + 1) * self._size, self.total)
        self._parts.update(zip(range(begin, end, self._size), payloads, strict=True))
        last = indexes[-1] * self._size
        self._parts[last] = self._parts[last][: end - last]
        self._note(end - begin, len(payloads))
        return self._whole(transmission)

    def _note(self, size: int, pieces: int, title: str = "") -> None:
        self.came += size
        self.cost += piece_cost(size, pieces, title)
        self.title = title or self.title

    def _whole(self, transmission: int) -> bytes | None:
        self.transmission = max(self.transmission, transmission)
        if self.came < self.total:
            return None
        return b"".join([self._parts[first] for first in sorted(self._parts)])


def piece_cost(size: int, pieces: int = 1, title: str = "") -> int:
    """What so many bytes of fragments take, kept in so many pieces, and their title."""
    return size + pieces * FRAGMENT_COST + title_cost(title)
