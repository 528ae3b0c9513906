"""Many messages of one length at once: wire format 1 as `udpmsg.core.wire` draws it, for neighbours that differ in few fields.

A run is what one system call carries: datagrams of one length, back to back; on a stream, frames of one length. Their headers
begin with the same 16 bytes, so one look at those and one pass in C replace a function call for each message. Whatever is not an
ordinary message (fragments, replies, titles, anything malformed) is left to `wire`, which also has the reason. Knows no session
and no state.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from operator import itemgetter, le
from struct import Struct
from typing import Any, NamedTuple

from udpmsg.core import wire
from udpmsg.core.framing import LENGTH, Run, of_one_length
from udpmsg.core.wire import ACK_REQUESTED, CHECKSUM, HEADER, MAGIC, MAX_NUMBER, MESSAGE, ORDERED, VERSION, Datagram, Kind

PREFIX = Struct(">HBBHHQ")
"""What the headers of a run have in common: magic, version, kind, flags, payload length, session."""
CHECKED_HEAD = HEADER.size + wire.ACK_REQUESTED_BLOCK.size
"""Bytes before the payload of a message that asks for acknowledgments."""
CHECKED_OVERHEAD = CHECKED_HEAD + wire.CHECKSUM_BLOCK.size
"""Bytes that it has besides its payload."""
REST = Struct(">QQHH")
"""What follows the two numbers there: of messages that leave together it is the same."""
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
    encoded: list[bytes | Run] = []
    for stretch in of_one_length(payloads, CHECKED_OVERHEAD):
        room, count = len(stretch[0]), len(stretch)
        size = room + (CHECKED_OVERHEAD if lowest else HEADER.size)
        prefix = PREFIX.pack(MAGIC, VERSION, MESSAGE, flags, 0 if framed else room, session)
        lead = LENGTH.pack(size) if framed and count > 1 else b""
        if lowest:
            data = write_checked(lead, prefix, stretch, number, sequence, REST.pack(sent_at, lowest, 1, 0))
        else:
            data = write_plain(lead + prefix, stretch, number, sequence, sent_at)
        encoded.append(Run(data, size, len(lead)) if count > 1 else data)
        number += count
        sequence += count
    return encoded


def write_plain(prefix: bytes, payloads: Sequence[bytes], number: int, sequence: int, sent_at: int) -> bytes:
    """Messages that ask for nothing, back to back; `prefix` is before each of them."""
    count = len(payloads)
    fields: list[bytes | int] = [prefix, 0, 0, sent_at, b""] * count
    fields[1::5] = range(number, number + count)
    fields[2::5] = range(sequence, sequence + count)
    fields[4::5] = payloads
    return plain_layout(len(prefix), len(payloads[0]), count, True).pack(*fields)


def write_checked(lead: bytes, prefix: bytes, payloads: Sequence[bytes], number: int, sequence: int, rest: bytes) -> bytes:
    """Messages that ask for acknowledgments, back to back, each with its checksum; `lead` is before each of them."""
    from udpmsg.core.checksum import crc32  # not before it is needed: ISA-L's would make a start longer

    count = len(payloads)
    fields: list[bytes | int] = [prefix, 0, 0, rest] * count
    fields[1::4] = range(number, number + count)
    fields[2::4] = range(sequence, sequence + count)
    heads = pieces_layout(CHECKED_HEAD, count).unpack(heads_layout(count).pack(*fields))
    pieces = [lead, b"", b"", b""] * count
    pieces[1::4] = heads
    pieces[2::4] = payloads
    pieces[3::4] = map(wire.CHECKSUM_BLOCK.pack, map(crc32, payloads, map(crc32, heads)))
    return b"".join(pieces)


def decode(run: Run, *, payloads: bool = True) -> Messages | None:
    """The messages of a run; None when one of them is not an ordinary message: then `wire.decode` is for each.

    `payloads` False leaves those out: they are checked where there is a checksum, and not kept."""
    data, size, lead = run
    if size < HEADER.size:
        return None
    magic, version, kind, flags, length, session = PREFIX.unpack_from(data, lead)
    if magic != MAGIC or version != VERSION or kind != MESSAGE or not session:
        return None
    checked = flags in CHECKED_FLAGS
    if flags and not checked:
        return None
    room = size - (CHECKED_OVERHEAD if checked else HEADER.size)
    if room < 0 or length != (0 if lead else room):
        return None
    count = len(data) // (size + lead)
    carried: tuple[bytes, ...]
    if not checked:
        layout = plain_layout(lead + PREFIX.size, room, count, payloads)
        prefixes, numbers, sequences, sent_at, *others = columns(layout.unpack(data), count)
        lowest = transmissions = (0,) * count
        carried = others[0] if others else ()
    else:
        from udpmsg.core.checksum import crc32

        heads, carried, checksums = columns(checked_layout(lead, room, count).unpack(data), count)
        if tuple(map(crc32, carried, map(crc32, heads))) != checksums:
            return None
        prefixes, numbers, sequences, rests = columns(heads_layout(count).unpack(b"".join(heads)), count)
        sent_at, lowest, transmissions, zeros = fields_of(rests)
        if any(zeros) or not (all(lowest) and all(transmissions) and all(map(le, lowest, sequences))):
            return None
        if not payloads:
            carried = ()
    in_a_row = is_row(sequences) and (numbers == sequences or is_row(numbers))
    smallest, largest = (min, max) if not in_a_row else (itemgetter(0), itemgetter(-1))
    if prefixes.count(prefixes[0]) != count or not (smallest(numbers) and smallest(sequences)):
        return None
    if largest(numbers) > MAX_NUMBER or largest(sequences) > MAX_NUMBER:
        return None
    ordered = bool(flags & ORDERED)
    return Messages(session, checked, ordered, room, numbers, sequences, sent_at, lowest, transmissions, carried, in_a_row)


def columns(fields: tuple[Any, ...], count: int) -> Iterator[tuple[Any, ...]]:
    """The fields of so many messages, which stand one message after the other, column by column."""
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
    """So many messages without acknowledgments: `prefix` bytes that all have, 3 fields, a payload of `room` bytes."""
    return Struct(">" + f"{prefix}sQQQ{room}{'s' if payloads else 'x'}" * count)


@lru_cache(maxsize=256)
def checked_layout(lead: int, room: int, count: int) -> Struct:
    """So many messages with acknowledgments, `lead` bytes before each: its header, a payload of `room` bytes, the checksum."""
    return Struct(">" + f"{lead}x{CHECKED_HEAD}s{room}sI" * count)


@lru_cache(maxsize=256)
def heads_layout(count: int) -> Struct:
    """The headers of so many messages with acknowledgments: what all have, the two numbers, and the REST."""
    return Struct(">" + f"{PREFIX.size}sQQ{REST.size}s" * count)


@lru_cache(maxsize=256)
def pieces_layout(size: int, count: int) -> Struct:
    """So many pieces of `size` bytes."""
    return Struct(f"{size}s" * count)
