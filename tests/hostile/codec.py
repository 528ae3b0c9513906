"""Wire format 1 once more, written from docs/wire-format.md alone, so that a mistake of udpmsg's own codec is not repeated here.

Owns no socket and no state. Knows nothing of udpmsg, and packs what no honest program would: every field is what the caller says.
"""

import struct
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

MESSAGE, ACK, GOODBYE, PROBE, PROBE_REPLY, CHALLENGE, COOKIE, QUERY, REPORT = range(1, 10)
ACK_REQUESTED, FRAGMENT, REPLY, ORDERED, CHECKSUM = 1, 2, 4, 8, 16

HEADER = struct.Struct(">HBBHHQQQQ")
MAGIC, VERSION = 0x554D, 1
MOST = (1 << 64) - 1
"""The largest number that a field of 64 bits holds."""
QUERY_PADDING = 624
COOKIE_PADDING = 52


class Fragment(NamedTuple):
    """A FRAGMENT block."""

    index: int
    count: int
    size: int
    total: int


class Datagram(NamedTuple):
    """What was read of one datagram."""

    kind: int
    flags: int
    session: int
    number: int
    sequence: int
    sent_at: int
    reply_to: int | None
    payload: bytes


def pack(
    kind: int,
    session: int,
    number: int,
    *,
    sequence: int = 0,
    sent_at: int = 0,
    payload: bytes = b"",
    lowest: int | None = None,
    transmission: int = 1,
    fragment: Fragment | None = None,
    reply_to: int | None = None,
    ordered: bool = False,
    framed: bool = False,
) -> bytes:
    """One datagram or, `framed`, what follows the length of one frame. `lowest` asks for an acknowledgment.

    The checksum is there where the format requires it: everywhere but in a MESSAGE that asks for nothing.
    """
    flags, blocks = 0, b""
    if lowest is not None:
        flags |= ACK_REQUESTED
        blocks += struct.pack(">QHH", lowest, transmission, 0)
    if fragment is not None:
        flags |= FRAGMENT
        blocks += struct.pack(">HHHHI", fragment.index, fragment.count, fragment.size, 0, fragment.total)
    if reply_to is not None:
        flags |= REPLY
        blocks += struct.pack(">Q", reply_to)
    if ordered:
        flags |= ORDERED
    if kind != MESSAGE or lowest is not None:
        flags |= CHECKSUM
    length = 0 if framed else len(payload)
    whole = HEADER.pack(MAGIC, VERSION, kind, flags, length, session, number, sequence, sent_at) + blocks + payload
    return whole + struct.pack(">I", zlib.crc32(whole)) if flags & CHECKSUM else whole


def message(session: int, sequence: int, payload: bytes, *, ask: bool = False, **fields: Any) -> bytes:
    """A MESSAGE in its first transmission, `ask`ing for an acknowledgment or not; its datagram has the message's number."""
    fields = {"number": sequence, "sent_at": sequence, **fields}
    return pack(MESSAGE, session, sequence=sequence, payload=payload, lowest=1 if ask else None, **fields)


def goodbye(session: int, number: int, messages_sent: int, **fields: Any) -> bytes:
    """A GOODBYE that claims to have sent so many."""
    return pack(GOODBYE, session, number, payload=struct.pack(">Q", messages_sent), **fields)


def query(session: int, number: int, first: int = 1) -> bytes:
    """What have you of this session, from this sequence number on?"""
    return pack(QUERY, session, number, payload=struct.pack(">Q", first) + bytes(QUERY_PADDING))


def cookie(session: int, number: int, token: bytes) -> bytes:
    """A cookie on its way back."""
    return pack(COOKIE, session, number, payload=token + bytes(COOKIE_PADDING))


def acknowledgment(
    own: int,
    number: int,
    session: int,
    largest: int,
    all_below: int,
    *,
    credit: int = 1024,
    ranges: Sequence[tuple[int, int]] = (),
) -> bytes:
    """An ACK in the session `own`, of what `session` sent: datagrams in `ranges`, every message below `all_below`."""
    body = struct.pack(">QQIIIQBBH", session, largest, 0, credit, 1 << 20, all_below, len(ranges), 0, 0)
    return pack(ACK, own, number, payload=body + b"".join(struct.pack(">QQ", *each) for each in ranges))


def frame(whole: bytes) -> bytes:
    """A frame of a stream: the length, then what was packed `framed`."""
    return struct.pack(">I", len(whole)) + whole


def read(datagram: bytes) -> Datagram | None:
    """What a datagram says, or None: it is not of this format."""
    if len(datagram) < HEADER.size:
        return None
    magic, version, kind, flags, length, session, number, sequence, sent_at = HEADER.unpack_from(datagram)
    if (magic, version) != (MAGIC, VERSION):
        return None
    at, reply_to = HEADER.size, None
    if flags & ACK_REQUESTED:
        at += 12
    if flags & FRAGMENT:
        at += 12
    if flags & REPLY:
        (reply_to,) = struct.unpack_from(">Q", datagram, at)
        at += 8
    return Datagram(kind, flags, session, number, sequence, sent_at, reply_to, datagram[at : at + length])


def is_bare(datagram: Datagram) -> bool:
    """Whether this is a control answer that lists nothing: an ACK without ranges but for one, a PROBE_REPLY, a CHALLENGE."""
    if datagram.kind == ACK:
        return sum(datagram.payload[36:38]) <= 1
    return datagram.kind in (PROBE_REPLY, CHALLENGE)
