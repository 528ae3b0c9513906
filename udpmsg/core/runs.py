"""Many messages of one length at once: wire format 1 as `udpmsg.core.wire` draws it, for neighbours that differ in few fields.

A run is what one system call carries: datagrams of one length, back to back; on a stream, frames of one length. Their headers
begin with the same 16 bytes, so one look at those and one pass in C replace a function call for each message. Whatever is not an
ordinary message (fragments, replies, anything malformed) is left to `wire`, which also has the reason. Knows no session and no
state.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import count
from operator import itemgetter, le
from struct import Struct
from typing import NamedTuple
from zlib import crc32

from udpmsg.core import wire
from udpmsg.core.framing import Run
from udpmsg.core.wire import ACK_REQUESTED, CHECKSUM, HEADER, MAGIC, MAX_NUMBER, MESSAGE, ORDERED, VERSION, Datagram, Kind

PREFIX = Struct(">HBBHHQ")
"""What the headers of a run have in common: magic, version, kind, flags, payload length, session."""
PLAIN_HEADER = Struct(f">{PREFIX.size}sQQQ")
"""Prefix, datagram number, sequence number, sent at."""
CHECKED_HEADER = Struct(f"{PLAIN_HEADER.format}QHH")
"""The same and the ACK_REQUESTED block: lowest unresolved, transmission, zero."""
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
) -> list[bytes]:
    """Messages that are sent for the first time, each whole in one datagram, with numbers from `number` and `sequence` on.

    The same bytes as `wire.encode` makes of each. `lowest` above 0 asks for acknowledgments. `sent_at` in microseconds.
    """
    flags = (ACK_REQUESTED | CHECKSUM if lowest else 0) | (ORDERED if ordered else 0)
    prefixes = {
        size: PREFIX.pack(MAGIC, VERSION, MESSAGE, flags, 0 if framed else size, session) for size in set(map(len, payloads))
    }
    numbers, sequences = count(number), count(sequence)
    if not lowest:
        pack = PLAIN_HEADER.pack
        if len(prefixes) == 1:  # the common case, without a look at each payload's length
            (prefix,) = prefixes.values()
            return [
                pack(prefix, number, sequence, sent_at) + payload
                for number, sequence, payload in zip(numbers, sequences, payloads, strict=False)
            ]
        return [
            pack(prefixes[len(payload)], number, sequence, sent_at) + payload
            for number, sequence, payload in zip(numbers, sequences, payloads, strict=False)
        ]
    pack = CHECKED_HEADER.pack
    seal = wire.CHECKSUM_BLOCK.pack
    datagrams = []
    for number, sequence, payload in zip(numbers, sequences, payloads, strict=False):
        header = pack(prefixes[len(payload)], number, sequence, sent_at, lowest, 1, 0)
        datagrams.append(b"".join((header, payload, seal(crc32(payload, crc32(header))))))
    return datagrams


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
        overhead, layout = HEADER.size + wire.ACK_REQUESTED_BLOCK.size + wire.CHECKSUM_BLOCK.size, checked_layout
    else:
        return None
    room = size - overhead
    if room < 0 or length != (0 if lead else room):
        return None
    count = len(data) // (size + lead)
    fields = layout(lead, room, count, payloads).unpack(data)  # of all messages, one after the other
    width = len(fields) // count
    prefixes, numbers, sequences, sent_at, *others = (fields[column::width] for column in range(width))
    if flags in PLAIN_FLAGS:
        lowest = transmissions = (0,) * count
    else:
        lowest, transmissions, zeros, *others, checksums = others
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


def is_row(numbers: tuple[int, ...]) -> bool:
    """Whether each number is the one before and one more."""
    return numbers == tuple(range(numbers[0], numbers[0] + len(numbers)))


@lru_cache(maxsize=256)
def plain_layout(lead: int, room: int, count: int, payloads: bool) -> Struct:
    """So many messages without acknowledgments, `lead` bytes before each: 4 fields each, and the payload of `room` bytes."""
    return Struct(">" + f"{lead}x{PLAIN_HEADER.format[1:]}{room}{'s' if payloads else 'x'}" * count)


@lru_cache(maxsize=256)
def checked_layout(lead: int, room: int, count: int, payloads: bool) -> Struct:
    """Messages that ask for acknowledgments: 7 fields each, the payload, and the checksum."""
    return Struct(">" + f"{lead}x{CHECKED_HEADER.format[1:]}{room}{'s' if payloads else 'x'}I" * count)
