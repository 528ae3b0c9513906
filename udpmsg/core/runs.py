"""Many messages of one length at once: wire format 1 as `udpmsg.core.wire` draws it, for neighbours that differ in few fields.

A run is what one system call carries: datagrams of one length, back to back; on a stream, frames of one length. Their headers
begin with the same 16 bytes, so one look at those and one pass in C replace a function call for each message. Fragments are
alike too, of one message or of many: their block stands right before the payload, and goes with it here. Whatever else is not
an ordinary message (replies, titles, anything malformed) is left to `wire`, which also has the reason. Knows no session and no
state.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice, repeat
from operator import add, itemgetter, le, mul, ne
from struct import Struct
from typing import Any, NamedTuple

from udpmsg.base.errors import MalformedDatagram
from udpmsg.core import wire
from udpmsg.core.framing import LENGTH, Run, most_in_run, of_one_length
from udpmsg.core.wire import (
    ACK_REQUESTED,
    CHECKSUM,
    FRAGMENT,
    FRAGMENT_BLOCK,
    HEADER,
    MAGIC,
    MAX_NUMBER,
    MESSAGE,
    ORDERED,
    PREFIX,
    REPLY,
    VERSION,
    Datagram,
    Kind,
)

CHECKED_HEAD = HEADER.size + wire.ACK_REQUESTED_BLOCK.size
"""Bytes before the payload of a message that asks for acknowledgments."""
CHECKED_OVERHEAD = CHECKED_HEAD + wire.CHECKSUM_BLOCK.size
"""Bytes that it has besides its payload."""
REST = Struct(">QQHH")
"""What follows the two numbers there: of messages that leave together it is the same."""
TAIL = CHECKED_HEAD - PREFIX.size
"""Bytes of a header from the two numbers on. What is before them is the same for a whole run, and so is its checksum."""
CHECKED_FLAGS = (ACK_REQUESTED | CHECKSUM, ACK_REQUESTED | CHECKSUM | ORDERED)


class Messages(NamedTuple):
    """A decoded run: what its messages share, and a column for each field in which they differ. `sent_at` in microseconds.

    Without acknowledgments `lowest` is all 0 and so is `transmissions`, as in `wire.Datagram`."""

    session: int
    acknowledged: bool
    ordered: bool
    size: int
    """Bytes of each payload."""
    numbers: Sequence[int]
    sequences: Sequence[int]
    sent_at: tuple[int, ...]
    lowest: tuple[int, ...]
    transmissions: tuple[int, ...]
    payloads: tuple[bytes, ...]
    """Empty where nobody wants them."""
    in_a_row: bool
    """Whether each is what follows the one before: nothing is missing within, nothing doubled or out of order."""
    indexes: tuple[int, ...] = ()
    """Of fragments, which each one is."""
    shape: tuple[int, int, int] | None = None
    """How their messages were cut: count, fragment size, total size. None: they are whole."""

    def datagrams(self) -> Iterator[Datagram]:
        """Each message by itself, as `wire.decode` would have it; zeros for a payload that nobody wants."""
        payloads = self.payloads or (bytes(self.size),) * len(self.numbers)
        blocks = [None if self.shape is None else (index, *self.shape) for index in self.indexes or repeat(0, len(payloads))]
        for number, sequence, sent_at, lowest, transmission, payload, block in zip(*self[4:9], payloads, blocks, strict=True):
            yield Datagram(
                Kind.MESSAGE, self.session, number, sequence, sent_at, payload, lowest, transmission, block, 0, self.ordered
            )

    def parts(self) -> "list[Messages]":
        """Fragments, cut into what one message of which not everything is here has, and whole messages."""
        assert self.shape is not None
        if not self.in_a_row:
            return [self]
        count, here = self.shape[0], len(self.numbers)
        begin = min(-self.indexes[0] % count, here)
        end = here - (here - begin) % count
        return [self._part(first, last) for first, last in ((0, begin), (begin, end), (end, here)) if first < last]

    def first_and_others(self) -> "list[Messages]":
        """Cut behind the first one; where that is all, there are no others."""
        return [self._part(begin, end) for begin, end in ((0, 1), (1, len(self.numbers))) if begin < end]

    @property
    def whole(self) -> bool:
        """Of a part: whether it has messages of which everything is here."""
        assert self.shape is not None
        return len(self.numbers) >= self.shape[0]

    def joined(self) -> "Messages":
        """Whole messages, each put together. Of its fragments' transmissions it has the largest."""
        assert self.shape is not None
        count, _, total = self.shape
        transmissions = self.transmissions[::count]
        if any(map(ne, self.transmissions, islice(self.transmissions, 1, None))):
            transmissions = tuple(map(max, *(self.transmissions[index::count] for index in range(count))))
        payloads = tuple(map(b"".join, zip(*(self.payloads[index::count] for index in range(count)), strict=True)))
        if total < count * self.size:
            payloads = tuple(payload[:total] for payload in payloads)
        sequences, sent_at = self.sequences[::count], self.sent_at[count - 1 :: count]
        return self._replace(size=total, sequences=sequences, sent_at=sent_at, transmissions=transmissions, payloads=payloads)

    def _part(self, begin: int, end: int) -> "Messages":
        if end - begin == len(self.numbers):
            return self
        return self._replace(
            numbers=self.numbers[begin:end],
            sequences=self.sequences[begin:end],
            sent_at=self.sent_at[begin:end],
            lowest=self.lowest[begin:end],
            transmissions=self.transmissions[begin:end],
            payloads=self.payloads[begin:end],
            indexes=self.indexes[begin:end],
        )


def encode(
    payloads: Sequence[bytes],
    *,
    session: int,
    number: int,
    sequence: int,
    sent_at: int,
    lowest: int = 0,
    ordered: bool = False,
    framed: bool = False,
) -> list[bytes | Run]:
    """Messages that are sent for the first time, each whole in one datagram, with numbers from `number` and `sequence` on.

    The same bytes as `wire.encode` makes of each; neighbours of one length as runs, each no longer than a system call takes,
    and one that has no such neighbour by itself. With `framed` a run has the frames' lengths too. `lowest` above 0 asks for
    acknowledgments. `sent_at` in microseconds.
    """
    flags = (ACK_REQUESTED | CHECKSUM if lowest else 0) | (ORDERED if ordered else 0)
    encoded: list[bytes | Run] = []
    for stretch in of_one_length(payloads, CHECKED_OVERHEAD):
        room, count = len(stretch[0]), len(stretch)
        prefix = PREFIX.pack(MAGIC, VERSION, MESSAGE, flags, 0 if framed else room, session)
        encoded.append(write(prefix, stretch, number, range(sequence, sequence + count), sent_at, lowest, framed))
        number += count
        sequence += count
    return encoded


def encode_cut(
    pieces: Sequence[bytes],
    places: range,
    *,
    fragments: int,
    total: int,
    session: int,
    number: int,
    sequence: int,
    sent_at: int,
    lowest: int = 0,
    reply_to: int = 0,
    ordered: bool = False,
) -> list[bytes | Run]:
    """Fragments that are sent for the first time, in datagrams with numbers from `number` on, as `encode` does with messages.

    Of messages with sequence numbers from `sequence` on, each of `total` bytes in so many `fragments`, `pieces` are those at
    these `places`, counted from the first message's first on. A run ends where a message does, if it has room for one."""
    flags = FRAGMENT | (ACK_REQUESTED | CHECKSUM if lowest else 0) | (ORDERED if ordered else 0) | (REPLY if reply_to else 0)
    reply = wire.REPLY_BLOCK.pack(reply_to) if reply_to else b""
    size = len(pieces[0]) if pieces else 0
    prefix = PREFIX.pack(MAGIC, VERSION, MESSAGE, flags, size, session)
    most = most_in_run(size + CHECKED_OVERHEAD + FRAGMENT_BLOCK.size + len(reply))
    most -= most % fragments if most > fragments else 0
    encoded: list[bytes | Run] = []
    begin = places.start
    while begin < places.stop:
        end = min(begin + most - (begin % fragments if most >= fragments else 0), places.stop)
        sequences, indexes = zip(*(divmod(place, fragments) for place in range(begin, end)), strict=True)
        blocks = map(FRAGMENT_BLOCK.pack, indexes, repeat(fragments), repeat(size), repeat(0), repeat(total))
        stretch = [block + reply + piece for block, piece in zip(blocks, pieces[begin - places.start :], strict=False)]
        numbers = [sequence + message for message in sequences]
        encoded.append(write(prefix, stretch, number + begin - places.start, numbers, sent_at, lowest, framed=False))
        begin = end
    return encoded


def write(
    prefix: bytes, bodies: Sequence[bytes], number: int, sequences: Sequence[int], sent_at: int, lowest: int, framed: bool
) -> bytes | Run:
    """What has these bodies of one length, back to back: the payload, after what else is not the same for all."""
    count = len(bodies)
    size = len(bodies[0]) + (CHECKED_OVERHEAD if lowest else HEADER.size)
    lead = LENGTH.pack(size) if framed and count > 1 else b""
    if lowest:
        data = write_checked(lead, prefix, bodies, number, sequences, REST.pack(sent_at, lowest, 1, 0))
    else:
        data = write_plain(lead + prefix, bodies, number, sequences, sent_at)
    return Run(data, size, len(lead)) if count > 1 else data


def write_plain(prefix: bytes, payloads: Sequence[bytes], number: int, sequences: Sequence[int], sent_at: int) -> bytes:
    """Messages that ask for nothing, back to back; `prefix` is before each of them."""
    count = len(payloads)
    fields: list[bytes | int] = [prefix, 0, 0, sent_at, b""] * count
    fields[1::5] = range(number, number + count)
    fields[2::5] = sequences
    fields[4::5] = payloads
    return plain_layout(len(prefix), len(payloads[0]), count, True).pack(*fields)


def write_checked(
    lead: bytes, prefix: bytes, payloads: Sequence[bytes], number: int, sequences: Sequence[int], rest: bytes
) -> bytes:
    """Messages that ask for acknowledgments, back to back, each with its checksum; `lead` is before each of them."""
    from udpmsg.core.checksum import crc32  # not before it is needed: ISA-L's would make a start longer

    count = len(payloads)
    fields: list[bytes | int] = [0, 0, rest] * count
    fields[0::3] = range(number, number + count)
    fields[1::3] = sequences
    tails = pieces_layout(TAIL, count).unpack(tails_layout(count).pack(*fields))
    fields = [lead + prefix, b"", b"", 0] * count
    fields[1::4] = tails
    fields[2::4] = payloads
    fields[3::4] = map(crc32, payloads, map(crc32, tails, repeat(crc32(prefix))))
    return checked_layout(len(lead) + PREFIX.size, len(payloads[0]), count).pack(*fields)


def decode(run: Run, *, payloads: bool = True) -> Messages | None:
    """The messages of a run, or the fragments of messages that were cut alike; None when one of them is something else: then
    `wire.decode` is for each.

    `payloads` False leaves those out: they are checked where there is a checksum, and not kept. Fragments' are kept."""
    data, size, lead = run
    if size < HEADER.size:
        return None
    magic, version, kind, flags, length, session = PREFIX.unpack_from(data, lead)
    if magic != MAGIC or version != VERSION or kind != MESSAGE or not session:
        return None
    cut = bool(flags & FRAGMENT) and not lead
    others = flags & ~FRAGMENT if cut else flags
    checked = others in CHECKED_FLAGS
    if others and not checked:
        return None
    room = size - (CHECKED_OVERHEAD if checked else HEADER.size)
    block = FRAGMENT_BLOCK.size if cut else 0
    if room < block or length != (0 if lead else room - block):
        return None
    payloads = payloads or cut
    count = len(data) // (size + lead)
    carried: tuple[bytes, ...]
    if not checked:
        layout = plain_layout(lead + PREFIX.size, room, count, payloads)
        prefixes, numbers, sequences, sent_at, *bodies = columns(layout.unpack(data), count)
        lowest = transmissions = (0,) * count
        carried = bodies[0] if bodies else ()
    else:
        from udpmsg.core.checksum import crc32

        prefixes, tails, carried, checksums = columns(checked_layout(lead + PREFIX.size, room, count).unpack(data), count)
        start = crc32(prefixes[0][lead:])
        if tuple(map(crc32, carried, map(crc32, tails, repeat(start)))) != checksums:
            return None
        numbers, sequences, rests = columns(tails_layout(count).unpack(b"".join(tails)), count)
        sent_at, lowest, transmissions, zeros = fields_of(rests)
        if any(zeros) or not (all(lowest) and all(transmissions) and all(map(le, lowest, sequences))):
            return None
        if not payloads:
            carried = ()
    shape, indexes, places = None, (), sequences
    if cut:
        indexes, counts, sizes, zeros, totals = zip(*map(FRAGMENT_BLOCK.unpack_from, carried), strict=True)
        carried = tuple([body[block:] for body in carried])
        shape = counts[0], sizes[0], totals[0]
        if any(zeros) or any(column.count(column[0]) != count for column in (counts, sizes, totals)):
            return None
        if not are_fragments(indexes, shape, carried):
            return None
        places = tuple(map(add, map(mul, sequences, counts), indexes))
    in_a_row = is_row(places) and (numbers == places or is_row(numbers))
    smallest, largest = (min, max) if not in_a_row else (itemgetter(0), itemgetter(-1))
    if prefixes.count(prefixes[0]) != count or not (smallest(numbers) and smallest(sequences)):
        return None
    if largest(numbers) > MAX_NUMBER or largest(sequences) > MAX_NUMBER:
        return None
    ordered = bool(flags & ORDERED)
    columns_ = numbers, sequences, sent_at, lowest, transmissions, carried
    return Messages(session, checked, ordered, room - block, *columns_, in_a_row, indexes, shape)


def are_fragments(indexes: tuple[int, ...], shape: tuple[int, int, int], payloads: tuple[bytes, ...]) -> bool:
    """Whether `wire` would accept each of these fragments, whose messages were cut alike."""
    count = shape[0]
    try:
        wire.check_fragment((max(indexes), *shape), payloads[indexes.index(max(indexes))])
        if shape[2] < count * shape[1]:  # the last one is filled up
            for index, payload in zip(indexes, payloads, strict=True):
                if index == count - 1:
                    wire.check_fragment((index, *shape), payload)
    except MalformedDatagram:
        return False
    return True


def columns(fields: tuple[Any, ...], count: int) -> Iterator[tuple[Any, ...]]:
    """The fields of `count` messages, which stand one message after the other, column by column."""
    width = len(fields) // count
    return (fields[column::width] for column in range(width))


def fields_of(rests: tuple[bytes, ...]) -> Iterator[tuple[int, ...]]:
    """The fields of each REST, column by column."""
    if rests.count(rests[0]) == len(rests):
        return ((field,) * len(rests) for field in REST.unpack(rests[0]))
    return zip(*map(REST.unpack, rests), strict=True)


def is_row(numbers: tuple[int, ...]) -> bool:
    """Whether each number is the one before and one more."""
    return numbers == tuple(range(numbers[0], numbers[0] + len(numbers)))


@lru_cache(maxsize=256)
def plain_layout(prefix: int, room: int, count: int, payloads: bool) -> Struct:
    """`count` messages without acknowledgments: `prefix` bytes that all have, 3 fields, a payload of `room` bytes."""
    return Struct(">" + f"{prefix}sQQQ{room}{'s' if payloads else 'x'}" * count)


@lru_cache(maxsize=256)
def checked_layout(prefix: int, room: int, count: int) -> Struct:
    """`count` messages with acknowledgments: `prefix` bytes that all have, the rest of the header, a payload of `room` bytes, the
    checksum."""
    return Struct(">" + f"{prefix}s{TAIL}s{room}sI" * count)


@lru_cache(maxsize=256)
def tails_layout(count: int) -> Struct:
    """The rest of `count` headers with acknowledgments: the two numbers, and the REST."""
    return Struct(">" + f"QQ{REST.size}s" * count)


@lru_cache(maxsize=256)
def pieces_layout(size: int, count: int) -> Struct:
    """`count` pieces of `size` bytes."""
    return Struct(f"{size}s" * count)
