"""Large messages: cut into fragments that fit datagrams, and put together again. Owns the fragments of an unfinished message.

Knows neither sequence numbers nor limits. A fragment is not a message: only the whole is delivered, counted or confirmed.
"""

from collections.abc import Sequence

from udpmsg.core import wire
from udpmsg.core.budget import FRAGMENT_COST, REASSEMBLY_COST, title_cost
from udpmsg.errors import N_, MalformedDatagram, MessageTooLarge

MAX_FRAGMENTS = 65_535
"""The fragment block counts in 16 bits."""


class Cutter:
    """How one sender cuts: `datagram_size` in bytes, or None where frames of a stream carry whole messages."""

    __slots__ = ("_acknowledged", "_datagram_size", "_max_message", "ordinary", "overhead")

    def __init__(self, *, datagram_size: int | None, max_message: int, acknowledged: bool) -> None:
        self._datagram_size = datagram_size
        self._max_message = max_message
        self._acknowledged = acknowledged
        self.overhead = wire.overhead(acknowledged=acknowledged, reply=False, fragment=False)
        """What a datagram has besides the payload of a message that is whole and no reply."""
        self.ordinary = max_message if datagram_size is None else min(datagram_size - self.overhead, max_message)
        """The largest payload of such a message."""

    def check(self, size: int, *, reply: bool, title: str = "") -> None:
        """Raise MessageTooLarge for a payload above the limit, or one that 65,535 fragments can't carry."""
        if size > self._max_message:
            advice = N_("cut it up, or raise the limit on both sides (max_message, --max-message)")
            raise MessageTooLarge(size, self._max_message, advice)
        if self._datagram_size is not None and size > (most := self._room(reply, title, fragment=True) * MAX_FRAGMENTS):
            advice = N_("cut it up, or allow larger datagrams (datagram_size, --datagram-size)")
            raise MessageTooLarge(size, most, advice)

    def count(self, size: int, *, reply: bool, title: str = "") -> int:
        """Into how many datagrams a payload of `size` bytes goes."""
        if self._datagram_size is None or size <= self._room(reply, title, fragment=False):
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
        title = "" if index else title
        overhead = wire.overhead(acknowledged=self._acknowledged, reply=reply, fragment=count > 1, title=title)
        return fragment_size(size, count) + overhead

    def _room(self, reply: bool, title: str, *, fragment: bool) -> int:
        """Payload bytes that each datagram has room for: fragments have one size, also the first, which has the title."""
        taken = wire.overhead(acknowledged=self._acknowledged, reply=reply, fragment=fragment, title=title)
        return (self._datagram_size or 0) - taken


def fragment_size(size: int, count: int) -> int:
    """Bytes of each of the fragments into which a payload of `size` bytes is cut: as many in each, so that they go as a run.

    What is left over, less than one byte for each, are zeros at the end of the last one."""
    return -(-size // count)


class Reassembly:
    """One message of which not every fragment has come. What has come of it is charged; `total` is its word."""

    __slots__ = ("_count", "_parts", "_size", "cost", "started_at", "title", "total", "transmission")

    def __init__(self, shape: tuple[int, int, int], now: int) -> None:
        self._count, self._size, self.total = shape
        self._parts: dict[int, bytes] = {}
        self.started_at = now
        self.cost = REASSEMBLY_COST
        """Bytes that it takes, and the fragments that have come."""
        self.transmission = 0
        """The largest transmission number among its fragments."""
        self.title = ""
        """As the first fragment has it."""

    def is_new(self, fragment: tuple[int, int, int, int]) -> bool:
        """Whether this fragment has not come before. Raises MalformedDatagram when it contradicts those that have."""
        index, count, size, total = fragment
        if (count, size, total) != (self._count, self._size, self.total):
            raise MalformedDatagram("{} fragments of {} bytes, {} in all, contradict the ones before", count, size, total)
        return index not in self._parts

    def lacks(self, indexes: Sequence[int], shape: tuple[int, int, int]) -> bool:
        """Whether none of these fragments has come before, and they are of a message that was cut as those that have."""
        return shape == (self._count, self._size, self.total) and self._parts.keys().isdisjoint(indexes)

    def add(self, indexes: Sequence[int], payloads: Sequence[bytes], transmission: int, title: str = "") -> bytes | None:
        """Take fragments that have not come before, or one that has; return the whole payload once it is complete."""
        if indexes[0] not in self._parts:
            self.cost += sum(map(len, payloads)) + FRAGMENT_COST * len(payloads) + title_cost(title)
            self._parts.update(zip(indexes, payloads, strict=True))
            self.title = title or self.title
        self.transmission = max(self.transmission, transmission)
        if len(self._parts) < self._count:
            return None
        return b"".join(self._parts[index] for index in range(self._count))[: self.total]
