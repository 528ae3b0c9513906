"""Acknowledgments of one range, as most are: those to many senders made in one pass, and one read with one look. Owns their
layout, which has no loop over fields.

The same bytes as `udpmsg.core.wire` makes of them one by one, for wire format 1. What is anything else is left to it when it is
read, and so is what is wrong with it.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import count, repeat
from struct import Struct
from zlib import crc32

from udpmsg.core.wire import (
    ACK_BODY,
    CHECKSUM,
    CHECKSUM_BLOCK,
    MAGIC,
    MAX_NUMBER,
    OUR_MARK,
    PREFIX,
    RANGE,
    VERSION,
    Acknowledgment,
    Kind,
)

LAYOUT = Struct(">16sQ16sQQIIIQIQQ")
"""All but the checksum: what those of one session have in common up to the datagram number, that number, what those of one time
have in common up to the payload, and the payload."""
WHOLE = Struct(">IHH4Q2Q3IQI2QI")
"""The same field by field, with the checksum: magic, version and kind as one number, flags, payload length, the four numbers of
the header, the payload."""
BARE_MARK, LENGTH = OUR_MARK << 8 | Kind.ACK, ACK_BODY.size + RANGE.size
ONE_RANGE = 1 << 24
"""The last four bytes of the body, as a number: there is one range of datagrams, and none of sequence numbers."""


def encode(session: int, number: int, sent_at: int, bodies: Sequence[tuple[int, ...]], *, framed: bool) -> Iterator[bytes]:
    """One for each of these payloads, with datagram numbers from `number` on. A payload's numbers are those of a
    `wire.Acknowledgment` up to the first number that was not delivered, `ONE_RANGE`, and the first and the last of the range."""
    seal: Callable[[bytes], int] = crc32
    if len(bodies) > 1:
        from udpmsg.core import checksum  # not for a lone one: ISA-L's would make a start longer

        seal = checksum.crc32
    length = 0 if framed else LENGTH
    head, middle = PREFIX.pack(MAGIC, VERSION, Kind.ACK, CHECKSUM, length, session), RANGE.pack(0, sent_at)
    datagrams = map(LAYOUT.pack, repeat(head), count(number), repeat(middle), *zip(*bodies, strict=True))
    return (datagram + CHECKSUM_BLOCK.pack(seal(datagram)) for datagram in datagrams)


def decode(data: bytes, *, framed: bool) -> tuple[int, int, Acknowledgment] | None:
    """Whose it is, its datagram number, and what it says; None for anything else, also what format 1 does not allow."""
    if len(data) != WHOLE.size:
        return None
    mark, flags, length, session, number, sequence, _, *counts, ranges, first, last, checksum = WHOLE.unpack(data)
    if (
        mark != BARE_MARK
        or flags != CHECKSUM
        or length != (0 if framed else LENGTH)
        or ranges != ONE_RANGE
        or sequence
        or not (session and 0 < number <= MAX_NUMBER and 0 < first <= last)
        or checksum != crc32(data[: LAYOUT.size])
    ):
        return None
    return session, number, tuple.__new__(Acknowledgment, (*counts, [(first, last)], []))
