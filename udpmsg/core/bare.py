"""Acknowledgments of one range, as most are, to many senders in one pass. Owns their layout, which has no loop over fields.

The same bytes as `udpmsg.core.wire` makes of them one by one, for wire format 1.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import count, repeat
from struct import Struct
from zlib import crc32

from udpmsg.core.wire import ACK_BODY, CHECKSUM, CHECKSUM_BLOCK, MAGIC, PREFIX, RANGE, VERSION, Kind

LAYOUT = Struct(">16sQ16sQQIIIQIQQ")
"""All but the checksum: what those of one session have in common up to the datagram number, that number, what those of one time
have in common up to the payload, and the payload."""
ONE_RANGE = 1 << 24
"""The last four bytes of the body, as a number: there is one range of datagrams, and none of sequence numbers."""


def encode(session: int, number: int, sent_at: int, bodies: Sequence[tuple[int, ...]], *, framed: bool) -> Iterator[bytes]:
    """One for each of these payloads, with datagram numbers from `number` on. A payload's numbers are those of a
    `wire.Acknowledgment` up to the first number that was not delivered, `ONE_RANGE`, and the first and the last of the range."""
    seal: Callable[[bytes], int] = crc32
    if len(bodies) > 1:
        from udpmsg.core import checksum  # not for a lone one: ISA-L's would make a start longer

        seal = checksum.crc32
    length = 0 if framed else ACK_BODY.size + RANGE.size
    head, middle = PREFIX.pack(MAGIC, VERSION, Kind.ACK, CHECKSUM, length, session), RANGE.pack(0, sent_at)
    datagrams = map(LAYOUT.pack, repeat(head), count(number), repeat(middle), *zip(*bodies, strict=True))
    return (datagram + CHECKSUM_BLOCK.pack(seal(datagram)) for datagram in datagrams)
