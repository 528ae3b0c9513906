"""Many messages of one length at once: wire format 1 as `udpmsg.core.wire` draws it, for neighbours that differ in few fields.

A run is what one system call carries: datagrams of one length, back to back; on a stream, frames of one length. Their headers
begin with the same 16 bytes, so one look at those and one pass in C replace a function call for each message. Whatever is not an
ordinary message (fragments, replies, anything malformed) is left to `wire`, which also has the reason. Knows no session and no
state.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from operator import itemgetter, le
from struct import Struct
from typing import NamedTuple

from udpmsg.core import wire
from udpmsg.core.framing import LENGTH, Run, of_one_length
from udpmsg.core.wire import ACK_REQUESTED, CHECKSUM, HEADER, MAGIC, MAX_NUMBER, MESSAGE, ORDERED, VERSION, Datagram, Kind

PREFIX = Struct(">HBBHHQ")
"""What the headers of a run have in common: magic, version, kind, flags, payload length, session."""
CHECKED_OVERHEAD = HEADER.size + wire.ACK_REQUESTED_BLOCK.size + wire.CHECKSUM_BLOCK.size
"""Bytes that a message has besides its payload when it asks for acknowledgments."""
REST = Struct(">QQHH")
"""What follows the two numbers in a header that asks for acknowledgments: of messages that leave together it is the same."""
PLAIN_FLAGS = (0,)
CHECKED_FLAGS = (ACK_REQUESTED | CHECKSUM, ACK_REQUESTED | CHECKSUM | ORDERED)


class Messages(NamedTuple):
    """A decoded run: what its messages share, and a column for each field in which they differ. `sent_at` in microseconds.

    Without acknowledgments `lowest` is all 0 and so is `transmissions`, as in `wire.Datagram`."""

    session: int
    acknowledged: bool
    ordered: bool
    size: int
    """Bytes of each payload."""
    numbers: tuple[int, ...]
    sequences: tuple[int, ...]
    sent_at: tuple[int, ...]
    lowest: tuple[int, ...]
    transmissions: tuple[int, ...]
    payloads: tuple[bytes, ...]
    """Empty where nobody wants them."""
    in_a_row: bool
    """Whether every number is the one before and one more: nothing is missing within, nothing doubled or out of order."""

    def split(self, at: int) -> tuple["Messages", "Messages"]:
        """The first `at` messages, and the others."""
        *columns, in_a_row = self[4:]
        first, others = [column[:at] for column in columns], [column[at:] for column in columns]
        return Messages._make((*self[:4], *first, in_a_row)), Messages._make((*self[:4], *others, in_a_row))

    def datagrams(self) -> Iterator[Datagram]:
        """Each message by itself, as `wire.decode` would have it; zeros for a payload that nobody wants."""
        payloads = self.payloads or (bytes(self.size),) * len(self.numbers)
        for number, sequence, sent_at, lowest, transmission, payload in zip(*self[4:9], payloads, strict=True):
            yield Datagram(
                Kind.MESSAGE, self.session, number, sequence, sent_at, payload, lowest, transmission, None, 0, self.ordered
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
    write = write_checked if lowest else write_plain
    encoded: list[bytes | Run] = []
    for stretch in of_one_length(payloads, CHECKED_OVERHEAD):
        room, count = len(stretch[0]), len(stretch)
        size = room + (CHECKED_OVERHEAD if lowest else HEADER.size)
        prefix = PREFIX.pack(MAGIC, VERSION, MESSAGE, flags, 0 if framed else room, session)
        lead = LENGTH.size if framed and count > 1 else 0
        data = write(LENGTH.pack(size)[:lead] + prefix, stretch, number, sequence, sent_at, lowest)
        encoded.append(Run(data, size, lead) if count > 1 else bytes(data))
        number += count
        sequence += count
    return encoded


def write_plain(prefix: bytes, payloads: Sequence[bytes], number: int, sequence: int, sent_at: int, _: int) -> bytes:
    """Messages that ask for nothing, back to back; `prefix` is before each of them."""
    count = len(payloads)
    fields: list[bytes | int] = [prefix, 0, 0, sent_at, b""] * count
    fields[1::5] = range(number, number + count)
    fields[2::5] = range(sequence, sequence + count)
    fields[4::5] = payloads
    return plain_layout(len(prefix), len(payloads[0]), count, True).pack(*fields)


def write_checked(prefix: bytes, payloads: Sequence[bytes], number: int, sequence: int, sent_at: int, lowest: int) -> bytearray:
    """Messages that ask for acknowledgments, back to back, each with its checksum; `prefix` is before each of them."""
    from udpmsg.core.checksum import crc32  # not before it is needed: ISA-L's would make a start longer

    count = len(payloads)
    fields: list[bytes | int] = [prefix, 0, 0, REST.pack(sent_at, lowest, 1, 0), b"", 0] * count
    fields[1::6] = range(number, number + count)
    fields[2::6] = range(sequence, sequence + count)
    fields[4::6] = payloads
    layout = checked_layout(len(prefix), len(payloads[0]), count, True)
    data = bytearray(layout.size)
    layout.pack_into(data, 0, *fields)
    view, seal = memoryview(data), wire.CHECKSUM_BLOCK.pack_into
    begin, stride = len(prefix) - PREFIX.size, layout.size // count  # of the message, not of its frame
    for end in range(stride - wire.CHECKSUM_BLOCK.size, len(data), stride):
        seal(data, end, crc32(view[begin:end]))
        begin += stride
    return data


def decode(run: Run, *, payloads: bool = True) -> Messages | None:
    """The messages of a run; None when one of them is not an ordinary message: then `wire.decode` is for each.

    `payloads` False leaves those out: they are checked where there is a checksum, and not copied."""
    data, size, lead = run
    if size < HEADER.size:
        return None
    magic, version, kind, flags, length, session = PREFIX.unpack_from(data, lead)
    if magic != MAGIC or version != VERSION or kind != MESSAGE or not session:
        return None
    if flags in PLAIN_FLAGS:
        overhead, layout = HEADER.size, plain_layout
    elif flags in CHECKED_FLAGS:
        overhead, layout = CHECKED_OVERHEAD, checked_layout
    else:
        return None
    room = size - overhead
    if room < 0 or length != (0 if lead else room):
        return None
    count = len(data) // (size + lead)
    fields = layout(lead + PREFIX.size, room, count, payloads).unpack(data)  # of all messages, one after the other
    width = len(fields) // count
    prefixes, numbers, sequences, rests, *others = (fields[column::width] for column in range(width))
    if flags in PLAIN_FLAGS:
        sent_at, lowest, transmissions = rests, (0,) * count, (0,) * count
    else:
        from udpmsg.core.checksum import crc32

        *others, checksums = others
        sent_at, lowest, transmissions, zeros = columns_of(rests)
        if any(zeros) or not (all(lowest) and all(transmissions) and all(map(le, lowest, sequences))):
            return None
        view = memoryview(data)
        begins = range(lead, len(data), size + lead)
        checked = size - wire.CHECKSUM_BLOCK.size
        if [crc32(view[begin : begin + checked]) for begin in begins] != list(checksums):
            return None
    carried = others[0] if others else ()
    in_a_row = is_row(sequences) and (numbers == sequences or is_row(numbers))
    smallest, largest = (min, max) if not in_a_row else (itemgetter(0), itemgetter(-1))
    if prefixes.count(prefixes[0]) != count or not (smallest(numbers) and smallest(sequences)):
        return None
    if largest(numbers) > MAX_NUMBER or largest(sequences) > MAX_NUMBER:
        return None
    ordered = bool(flags & ORDERED)
    return Messages(
        session, bool(lowest[0]), ordered, room, numbers, sequences, sent_at, lowest, transmissions, carried, in_a_row
    )


def columns_of(rests: tuple[bytes, ...]) -> Iterator[tuple[int, ...]]:
    """The fields of each REST, column by column."""
    if rests.count(rests[0]) == len(rests):
        return ((field,) * len(rests) for field in REST.unpack(rests[0]))
    return zip(*map(REST.unpack, rests), strict=True)


def is_row(numbers: tuple[int, ...]) -> bool:
    """Whether each number is the one before and one more."""
    return numbers == tuple(range(numbers[0], numbers[0] + len(numbers)))


@lru_cache(maxsize=256)
def plain_layout(prefix: int, room: int, count: int, payloads: bool) -> Struct:
    """So many messages without acknowledgments: `prefix` bytes that all have, 3 fields, a payload of `room` bytes."""
    return Struct(">" + f"{prefix}sQQQ{room}{'s' if payloads else 'x'}" * count)


@lru_cache(maxsize=256)
def checked_layout(prefix: int, room: int, count: int, payloads: bool) -> Struct:
    """Messages that ask for acknowledgments: the two numbers after what all have, the REST, the payload, and the checksum."""
    return Struct(">" + f"{prefix}sQQ{REST.size}s{room}{'s' if payloads else 'x'}I" * count)
