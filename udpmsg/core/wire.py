"""Wire format 1: types become bytes here, and bytes become types here, and nowhere else. Knows no session and no state.

    0                   1                   2                   3
    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
   +---------------+---------------+---------------+---------------+
   |  magic "UM" = 0x554D          | version = 1   | kind          |   0
   +---------------+---------------+---------------+---------------+
   | flags                         | payload length (framed: 0)    |   4
   +---------------+---------------+---------------+---------------+
   | session (64 bits, random, never 0)                            |   8
   +---------------------------------------------------------------+
   | datagram number (64 bits, from 1; a new one every transmission)|  16
   +---------------------------------------------------------------+
   | sequence number (64 bits, from 1; 0: this is not a message)   |  24
   +---------------------------------------------------------------+
   | sent at (64 bits, microseconds since the session's start)     |  32
   +---------------------------------------------------------------+
   then the blocks that the flags name, in the order of the flags' bits:                                   40
     ACK_REQUESTED  lowest unresolved sequence u64 | transmission u16 | zero u16            12 bytes
     FRAGMENT       index u16 | count u16 | fragment size u16 | zero u16 | total size u32   12 bytes;
                    all fragments of a message have this size: the last one is filled up with zeros
     REPLY          the sequence number that this message answers u64                        8 bytes
     ORDERED        no block: deliver in order (only with ACK_REQUESTED)
     TITLE          length u8, 1 to 128 | what the message is called, such as a file's name, in UTF-8;
                    of a message in fragments in the first one alone
   then the payload, and at the end
     CHECKSUM       CRC-32 (IEEE) of everything before it                                    4 bytes
     SEALED, and the bits 6 and 7 before TITLE: reserved; refused by version 1

All numbers are big-endian. CHECKSUM is required on everything but a fire-and-forget MESSAGE: a flipped bit must not be able
to confirm, end or alter a message that somebody counts on (docs/decisions/0003).

ACK payload: session acknowledged u64 | largest datagram number u64 | delay u32 (µs) | credit u32 (messages) |
credit u32 (bytes) | all-below sequence u64 | number of datagram ranges u8 | number of sequence ranges u8 | zero u16,
then the ranges, each first u64 | last u64, ascending.
GOODBYE payload: messages sent u64. PROBE payload: zero bytes, mostly none: as many as make the datagram as large as is to be
found out whether the path takes it (over a stream none). PROBE_REPLY payload: the session that probed or asked u64 | the datagram
number of the PROBE or QUERY u64.
CHALLENGE payload: a cookie of 12 bytes, made for one address and one session: with it a CHALLENGE is as long as the shortest
message that asks for an acknowledgment. Where other kinds say when they were sent it has the session that is asked, which nobody
can know who did not see a datagram of it. COOKIE payload: the same 12 bytes | 52 zero bytes.

QUERY payload: from sequence number u64 (which part of the list of what is missing) | 624 zero bytes: as long as the longest
REPORT, so that an answer is never longer than its question (docs/decisions/0011).
REPORT payload: session asked about u64 | datagram number of the QUERY u64 | messages delivered u64 | arrived u64 |
duplicates u64 | reordered u64 | dropped over a limit u64 | payload bytes delivered u64 | highest sequence number u64 |
gaps forgotten up to u64 | first to last arrival u64 (µs) | kernel drops u64 (all ones: unknown) | from sequence number u64 |
goes on at u64 (0: complete) | jitter u32 (µs; all ones: unknown) | number of ranges u32, then the ranges that are missing, each
first u64 | last u64, ascending, at most 32.
"""

import struct
from enum import IntEnum
from typing import NamedTuple
from zlib import crc32

from udpmsg.base.errors import MalformedDatagram

MAGIC = 0x554D
VERSION = 1
HEADER = struct.Struct(">HBBHHQQQQ")
PREFIX = struct.Struct(">HBBHHQ")
"""The first part of a header: magic, version, kind, flags, payload length, session. The messages of a run have it in common."""
PEEK = struct.Struct(">IH2xQQQ")
"""What a program that passes a datagram on reads of its header: magic, version and kind as one number, flags, session, datagram
number, sequence number."""
FRAMED_PEEK = struct.Struct(">II20xQ")
"""The same of a frame on a stream: its length, magic, version and kind as one number, sequence number."""
ACK_REQUESTED_BLOCK = struct.Struct(">QHH")
FRAGMENT_BLOCK = struct.Struct(">HHHHI")
REPLY_BLOCK = struct.Struct(">Q")
CHECKSUM_BLOCK = struct.Struct(">I")
ACK_BODY = struct.Struct(">QQIIIQBBH")
REPORT_BODY = struct.Struct(">14QII")
PROBE_REPLY_BODY = struct.Struct(">QQ")
RANGE = struct.Struct(">QQ")
NUMBER = struct.Struct(">Q")

MAX_RANGES = 32
"""Ranges of each sort in one acknowledgment, and in one REPORT: 40 + 64 * 16 bytes of payload fit a datagram of 1200 bytes."""
QUERY_SIZE = REPORT_BODY.size + MAX_RANGES * RANGE.size
"""Bytes of a QUERY's payload: what the longest REPORT has. As RFC 9000 section 8.1 has a client pad its first datagram, so that
a forged source address gains nothing."""
UNKNOWN_U64, UNKNOWN_U32 = 2**64 - 1, 2**32 - 1
"""What a REPORT says where the receiver does not know."""

COOKIE_SIZE, PADDED_COOKIE_SIZE = 12, 64
"""Bytes of a cookie, and of the payload that returns it: who returns one has sent more than the CHALLENGE had."""

MAX_TITLE = 128
"""Bytes of the longest title, in UTF-8."""

MAX_NUMBER = 2**63 - 1
"""The largest datagram or sequence number: nobody reaches it, and one more still fits its field."""


class Kind(IntEnum):
    """What a datagram is."""

    MESSAGE = 1
    ACK = 2
    GOODBYE = 3
    PROBE = 4
    PROBE_REPLY = 5
    CHALLENGE = 6
    COOKIE = 7
    QUERY = 8
    REPORT = 9


ACK_REQUESTED, FRAGMENT, REPLY, ORDERED, CHECKSUM, SEALED = (1 << bit for bit in range(6))
TITLE = 1 << 8
"""Flags: which blocks follow the header, in the order of these bits; SEALED is reserved. Plain numbers: an IntFlag costs ten
times as much in every test, and every datagram comes and goes this way."""
KNOWN_FLAGS = ACK_REQUESTED | FRAGMENT | REPLY | ORDERED | CHECKSUM | TITLE
MESSAGE, PROBE = Kind.MESSAGE.value, Kind.PROBE.value
OUR_MARK = MAGIC << 8 | VERSION
"""The first three bytes of everything of ours, as a number; `OUR_MESSAGE` are the first four of a message."""
OUR_MESSAGE = OUR_MARK << 8 | MESSAGE
ACCEPTED_KINDS = {kind.value: kind for kind in Kind}
QUESTION_FLAGS, CONTROL_FLAGS = CHECKSUM, CHECKSUM | ACK_REQUESTED
FLAGS_OF = {kind: QUESTION_FLAGS if kind >= Kind.CHALLENGE else CONTROL_FLAGS for kind in ACCEPTED_KINDS if kind != MESSAGE}
"""Which flags mean something to each kind but MESSAGE. One question has one answer: a QUERY asks for no acknowledgment, and
neither does a CHALLENGE or a COOKIE."""


class Datagram(NamedTuple):
    """One decoded datagram or frame. `lowest` and `transmission` are 0 without ACK_REQUESTED; `reply_to` is 0 without REPLY.

    `fragment` is (index, count, fragment size, total size) or None; sizes in bytes. `sent_at` is in microseconds. `title` is
    empty without TITLE.
    """

    kind: Kind
    session: int
    number: int
    sequence: int
    sent_at: int
    payload: bytes
    lowest: int = 0
    transmission: int = 0
    fragment: tuple[int, int, int, int] | None = None
    reply_to: int = 0
    ordered: bool = False
    title: str = ""

    @property
    def acknowledged(self) -> bool:
        """True when the sender asks for an acknowledgment."""
        return self.lowest != 0


class Acknowledgment(NamedTuple):
    """The payload of an ACK. Ranges are (first, last), ascending: datagrams that arrived, messages that were delivered.

    `delay_us` is how long the largest datagram waited for this ACK; `credit` how many messages may be in flight, and
    `credit_bytes` how many bytes of payload they may have, at most 2^32 - 1.
    """

    session: int
    largest: int
    delay_us: int
    credit: int
    credit_bytes: int
    all_below: int
    arrived: list[tuple[int, int]]
    delivered: list[tuple[int, int]]


class Report(NamedTuple):
    """The payload of a REPORT: what a receiver has of one session. Counts are messages; None: the receiver does not know, or
    claims what can't be.

    `question` is the datagram number of the QUERY that it answers. `missing` are ranges (first, last), ascending, of numbers that
    never arrived: from `begins_at` on, and below `goes_on_at`, or below `highest` where that is 0. Up to `forgotten` the receiver
    knows how many are missing, but not which.
    """

    session: int
    question: int
    delivered: int
    arrived: int
    duplicates: int | None
    reordered: int | None
    over_limit: int | None
    payload_bytes: int | None
    highest: int
    forgotten: int
    duration_us: int | None
    kernel_drops: int | None
    begins_at: int
    goes_on_at: int
    jitter_us: int | None
    missing: list[tuple[int, int]]


def mark_of(kind: int) -> bytes:
    """The first MARK_SIZE bytes of everything of ours of this kind."""
    return (OUR_MARK << 8 | kind).to_bytes(MARK_SIZE, "big")


MARK_SIZE = 4
OURS = frozenset(map(mark_of, ACCEPTED_KINDS))


def is_ours(data: bytes) -> bool:
    """Whether bytes start as every datagram of ours does: magic, version and kind. Any other datagram is some other program's
    (raw): a text may well begin with "UM"."""
    return data[:MARK_SIZE] in OURS


def kind_of(data: bytes) -> int:
    """The kind byte of a datagram whose header has not been checked yet; 0 when there is none."""
    return data[3] if len(data) > 3 else 0


def session_of(data: bytes) -> int:
    """The session field of a datagram whose header has not been checked yet; 0 when there is nothing to read."""
    return int.from_bytes(data[8:16], "big") if len(data) >= HEADER.size else 0


def acknowledged_session(data: bytes) -> int:
    """Whom an ACK or a PROBE_REPLY is for, read before it is checked; 0 when there is nothing to read."""
    end = HEADER.size + NUMBER.size
    return int.from_bytes(data[HEADER.size : end], "big") if len(data) >= end else 0


def peek_acknowledged(data: bytes, at: int, end: int, flags: int) -> tuple[int, int] | None:
    """Of the ACK that stands in `data` from `at` up to `end`: the session that it is for, and the largest datagram number."""
    body = at + HEADER.size + ACK_REQUESTED_BLOCK.size * (flags & ACK_REQUESTED)
    return RANGE.unpack_from(data, body) if body + RANGE.size <= end else None


def peek_fragment(data: bytes, at: int, end: int, flags: int) -> int | None:
    """Of the MESSAGE that stands in `data` from `at` up to `end`, and has a FRAGMENT block: the fragment's index."""
    block = at + HEADER.size + ACK_REQUESTED_BLOCK.size * (flags & ACK_REQUESTED)
    return int.from_bytes(data[block : block + 2], "big") if block + FRAGMENT_BLOCK.size <= end else None


def answered_number(data: bytes) -> int:
    """The number that a MESSAGE of ours says it answers, read before it is checked; 0 when it answers none."""
    flags = int.from_bytes(data[4:6], "big")
    if not flags & REPLY:
        return 0
    start = HEADER.size
    start += ACK_REQUESTED_BLOCK.size if flags & ACK_REQUESTED else 0
    start += FRAGMENT_BLOCK.size if flags & FRAGMENT else 0
    return int.from_bytes(data[start : start + REPLY_BLOCK.size], "big")


def overhead(*, acknowledged: bool, reply: bool, fragment: bool, title: str = "") -> int:
    """Bytes that a MESSAGE carries besides its payload."""
    return (
        HEADER.size
        + (ACK_REQUESTED_BLOCK.size + CHECKSUM_BLOCK.size) * acknowledged
        + FRAGMENT_BLOCK.size * fragment
        + REPLY_BLOCK.size * reply
        + (len(title_block(title)) if title else 0)
    )


def encode(
    kind: Kind,
    *,
    session: int,
    number: int,
    sent_at: int,
    sequence: int = 0,
    payload: bytes = b"",
    lowest: int = 0,
    transmission: int = 0,
    fragment: tuple[int, int, int, int] | None = None,
    reply_to: int = 0,
    ordered: bool = False,
    title: str = "",
    framed: bool = False,
) -> bytes:
    """One datagram as bytes. `lowest` above 0 asks for an acknowledgment; `framed`: the length is told by the frame around it."""
    flags = 0
    blocks = b""
    if lowest:
        flags |= ACK_REQUESTED
        blocks += ACK_REQUESTED_BLOCK.pack(lowest, transmission, 0)
    if fragment is not None:
        index, count, size, total = fragment
        flags |= FRAGMENT
        blocks += FRAGMENT_BLOCK.pack(index, count, size, 0, total)
    if reply_to:
        flags |= REPLY
        blocks += REPLY_BLOCK.pack(reply_to)
    if ordered:
        flags |= ORDERED
    if title:
        flags |= TITLE
        blocks += title_block(title)
    if lowest or kind != Kind.MESSAGE:
        flags |= CHECKSUM
    length = 0 if framed else len(payload)
    datagram = HEADER.pack(MAGIC, VERSION, kind, flags, length, session, number, sequence, sent_at) + blocks + payload
    return datagram + CHECKSUM_BLOCK.pack(crc32(datagram)) if flags & CHECKSUM else datagram


def encode_message(
    session: int, number: int, sequence: int, sent_at: int, payload: bytes, lowest: int, ordered: bool, framed: bool
) -> bytes:
    """The same of a message that leaves for the first time, and is whole: `encode`, without what only the others have."""
    length = 0 if framed else len(payload)
    if not lowest:
        return HEADER.pack(MAGIC, VERSION, MESSAGE, 0, length, session, number, sequence, sent_at) + payload
    flags = ACK_REQUESTED | CHECKSUM | ORDERED * ordered
    head = HEADER.pack(MAGIC, VERSION, MESSAGE, flags, length, session, number, sequence, sent_at)
    datagram = head + ACK_REQUESTED_BLOCK.pack(lowest, 1, 0) + payload
    return datagram + CHECKSUM_BLOCK.pack(crc32(datagram))


def encode_answer(kind: Kind, session: int, number: int, sent_at: int, payload: bytes, framed: bool) -> bytes:
    """The same of what is no message and asks for nothing: `encode`, without what only the others have."""
    length = 0 if framed else len(payload)
    datagram = HEADER.pack(MAGIC, VERSION, kind, CHECKSUM, length, session, number, 0, sent_at) + payload
    return datagram + CHECKSUM_BLOCK.pack(crc32(datagram))


def decode(data: bytes, *, framed: bool = False) -> Datagram:
    """Bytes to a Datagram; raises MalformedDatagram, whose sentence is the reason, for anything that format 1 does not allow."""
    if len(data) < HEADER.size:
        raise MalformedDatagram("{} bytes are less than a header", len(data))
    magic, version, kind_number, flags, length, session, number, sequence, sent_at = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise MalformedDatagram("no magic number")
    if version != VERSION:
        raise MalformedDatagram("unknown version {}", version)
    kind = ACCEPTED_KINDS.get(kind_number)
    if kind is None:
        raise MalformedDatagram("unknown kind {}", kind_number)
    if flags & ~KNOWN_FLAGS:
        raise MalformedDatagram("unknown flag in {:#06x}", flags)
    if (kind_number != MESSAGE or flags & ACK_REQUESTED) and not flags & CHECKSUM:
        raise MalformedDatagram("the checksum is missing")
    offset = HEADER.size
    end = len(data)
    try:
        if flags & CHECKSUM:
            end -= CHECKSUM_BLOCK.size
            if CHECKSUM_BLOCK.unpack_from(data, end)[0] != crc32(memoryview(data)[:end]):
                raise MalformedDatagram("wrong checksum")
        lowest = transmission = reply_to = 0
        fragment, title = None, ""
        if flags & ACK_REQUESTED:
            lowest, transmission, zero = ACK_REQUESTED_BLOCK.unpack_from(data, offset)
            offset += ACK_REQUESTED_BLOCK.size
            if not lowest or not transmission or zero:
                raise MalformedDatagram("a zero where a number must be, or the reverse")
        if flags & FRAGMENT:
            index, count, size, zero, total = FRAGMENT_BLOCK.unpack_from(data, offset)
            offset += FRAGMENT_BLOCK.size
            fragment = (index, count, size, total)
            if zero:
                raise MalformedDatagram("the reserved part of the fragment block is not zero")
        if flags & REPLY:
            (reply_to,) = REPLY_BLOCK.unpack_from(data, offset)
            offset += REPLY_BLOCK.size
            if not reply_to:
                raise MalformedDatagram("a reply to no message")
        if flags & TITLE:
            title = decode_title(data, offset, end)
            offset += 1 + data[offset]
    except struct.error:
        raise MalformedDatagram("shorter than its flags say") from None
    if end < offset:
        raise MalformedDatagram("shorter than its flags say")
    if length != (0 if framed else end - offset):
        raise MalformedDatagram("payload length {} where {} bytes follow", length, end - offset)
    if not session or not number:
        raise MalformedDatagram("session and datagram number are never 0")
    if number > MAX_NUMBER or sequence > MAX_NUMBER or lowest > MAX_NUMBER:
        raise MalformedDatagram("a number above 2^63 - 1")
    if (kind_number == MESSAGE) != (sequence > 0):
        raise MalformedDatagram("sequence number {} in kind {}", sequence, kind.name)
    if kind_number == MESSAGE:
        if lowest > sequence:
            raise MalformedDatagram("resolved already, by its own word")
        if flags & ORDERED and not lowest:
            raise MalformedDatagram("ordered without acknowledgments")
    elif flags & ~FLAGS_OF[kind_number]:
        raise MalformedDatagram("a flag in {:#06x} means nothing to {}", flags, kind.name)
    elif kind_number == PROBE and (end - offset) > 0 and (framed or any(data[offset:end])):
        raise MalformedDatagram("a PROBE has no payload but zeros")
    if fragment is not None:
        check_fragment(fragment, data[offset:end])
        if title and fragment[0]:
            raise MalformedDatagram("a title that is not in the first fragment")
    payload, ordered = data[offset:end], flags & ORDERED > 0
    fields = kind, session, number, sequence, sent_at, payload, lowest, transmission, fragment, reply_to, ordered, title
    return tuple.__new__(Datagram, fields)  # its own constructor is a function of Python's


def check_fragment(fragment: tuple[int, int, int, int], payload: bytes) -> None:
    """Raise MalformedDatagram unless index, count, sizes and this payload fit together exactly."""
    index, count, size, total = fragment
    if index >= count:
        raise MalformedDatagram("fragment {} of {}", index, count)
    if count < 2 or not (count - 1) * size < total <= count * size:
        raise MalformedDatagram("{} fragments of {} bytes can't make {} bytes", count, size, total)
    if len(payload) != size:
        raise MalformedDatagram("fragment {} has {} bytes instead of {}", index, len(payload), size)
    if index == count - 1 and payload.count(0, total - index * size) < count * size - total:
        raise MalformedDatagram("a fragment that is not filled up with zeros")


def title_block(title: str) -> bytes:
    """The TITLE block of a message that is called so; nothing for one that is not called anything."""
    encoded = title.encode()
    return bytes((len(encoded),)) + encoded if encoded else b""


def decode_title(data: bytes, offset: int, end: int) -> str:
    """The title in the block that begins at `offset`; raises MalformedDatagram for what is none."""
    size = data[offset] if offset < end else 0
    if not 0 < size <= MAX_TITLE or offset + 1 + size > end:
        raise MalformedDatagram("a title of {} bytes", size)
    try:
        return data[offset + 1 : offset + 1 + size].decode()
    except UnicodeDecodeError:
        raise MalformedDatagram("a title that is not in UTF-8") from None


def encode_acknowledgment(acknowledgment: Acknowledgment) -> bytes:
    """The payload of an ACK; at most MAX_RANGES ranges of each sort."""
    *counts, arrived, delivered = acknowledgment
    body = ACK_BODY.pack(*counts, len(arrived), len(delivered), 0)
    for first, last in arrived:
        body += RANGE.pack(first, last)
    for first, last in delivered:
        body += RANGE.pack(first, last)
    return body


def decode_acknowledgment(payload: bytes) -> Acknowledgment:
    """The payload of an ACK; raises MalformedDatagram when counts, order or length of the ranges are wrong."""
    if len(payload) < ACK_BODY.size:
        raise MalformedDatagram("an ACK without its body")
    session, largest, delay_us, credit, credit_bytes, all_below, arrived, delivered, zero = ACK_BODY.unpack_from(payload)
    if zero or max(arrived, delivered) > MAX_RANGES or len(payload) != ACK_BODY.size + (arrived + delivered) * RANGE.size:
        raise MalformedDatagram("an ACK whose ranges do not fit it")
    ranges = list(RANGE.iter_unpack(payload[ACK_BODY.size :]))
    these, those = ranges[:arrived], ranges[arrived:]
    for part, floor in (these, 0), (those, all_below):
        for first, last in part:
            if not floor < first <= last:
                raise MalformedDatagram("ranges of an ACK out of order")
            floor = last + 1
    return tuple.__new__(Acknowledgment, (session, largest, delay_us, credit, credit_bytes, all_below, these, those))


def encode_query(begins_at: int) -> bytes:
    """The payload of a QUERY: what is missing from this sequence number on?"""
    return NUMBER.pack(begins_at).ljust(QUERY_SIZE, b"\0")


def decode_query(payload: bytes) -> int:
    """The payload of a QUERY; raises MalformedDatagram where it is not as long as the longest answer, or padded otherwise."""
    if len(payload) != QUERY_SIZE or any(payload[NUMBER.size :]):
        raise MalformedDatagram("a QUERY has a number and zeros, {} bytes in all", QUERY_SIZE)
    begins_at = int.from_bytes(payload[: NUMBER.size], "big")
    if not 1 <= begins_at <= MAX_NUMBER:
        raise MalformedDatagram("a QUERY for no sequence number")
    return begins_at


def encode_report(report: Report) -> bytes:
    """The payload of a REPORT; at most MAX_RANGES ranges."""
    return REPORT_BODY.pack(
        report.session,
        report.question,
        report.delivered,
        report.arrived,
        report.duplicates,
        report.reordered,
        report.over_limit,
        report.payload_bytes,
        report.highest,
        report.forgotten,
        report.duration_us,
        UNKNOWN_U64 if report.kernel_drops is None else report.kernel_drops,
        report.begins_at,
        report.goes_on_at,
        UNKNOWN_U32 if report.jitter_us is None else min(report.jitter_us, UNKNOWN_U32 - 1),
        len(report.missing),
    ) + b"".join(RANGE.pack(first, last) for first, last in report.missing)


def decode_report(payload: bytes) -> Report:
    """The payload of a REPORT; raises MalformedDatagram when its counts contradict each other, or its ranges do."""
    if len(payload) < REPORT_BODY.size:
        raise MalformedDatagram("a REPORT without its body")
    *numbers, drops, begins_at, goes_on_at, jitter_us, ranges = REPORT_BODY.unpack_from(payload)
    if ranges > MAX_RANGES or len(payload) != REPORT_BODY.size + ranges * RANGE.size:
        raise MalformedDatagram("a REPORT whose ranges do not fit it")
    missing = list(RANGE.iter_unpack(payload[REPORT_BODY.size :]))
    kernel_drops = None if drops == UNKNOWN_U64 else drops
    jitter = None if jitter_us == UNKNOWN_U32 else jitter_us
    report = Report._make((*numbers, kernel_drops, begins_at, goes_on_at, jitter, missing))
    if not report.delivered <= report.arrived <= report.highest <= MAX_NUMBER or report.forgotten > report.highest:
        raise MalformedDatagram("a REPORT whose counts contradict each other")
    floor = max(begins_at - 1, report.forgotten)
    for first, last in missing:
        if not floor < first <= last < report.highest:
            raise MalformedDatagram("ranges of a REPORT out of order")
        floor = last + 1
    if not begins_at or (goes_on_at and not (ranges == MAX_RANGES and floor < goes_on_at < report.highest)):
        raise MalformedDatagram("a REPORT of no part of the list")
    return report


def encode_cookie(cookie: bytes) -> bytes:
    """The payload of a COOKIE."""
    return cookie.ljust(PADDED_COOKIE_SIZE, b"\0")


def decode_challenge(payload: bytes) -> bytes:
    """The cookie in the payload of a CHALLENGE."""
    if len(payload) != COOKIE_SIZE:
        raise MalformedDatagram("{} bytes where a cookie of {} must be", len(payload), COOKIE_SIZE)
    return payload


def decode_cookie(payload: bytes) -> bytes:
    """The cookie in the payload of a COOKIE; raises MalformedDatagram where it is not padded with zeros to its full length."""
    if len(payload) != PADDED_COOKIE_SIZE or any(payload[COOKIE_SIZE:]):
        raise MalformedDatagram("a COOKIE has a cookie and zeros, {} bytes in all", PADDED_COOKIE_SIZE)
    return payload[:COOKIE_SIZE]


def reply_session(asked: int, lots: int) -> int:
    """The session of a peer that answers the session `asked`, of 32 random bits `lots`: its upper half shows that it saw
    a message of that session, whose id nobody can guess."""
    return crc32(NUMBER.pack(asked)) << 32 | lots


def may_answer(session: int, asked: int) -> bool:
    """Whether this session's id was made by somebody who saw a message of the session `asked`."""
    return session >> 32 == crc32(NUMBER.pack(asked))


def decode_number(payload: bytes) -> int:
    """The payload of a GOODBYE: messages sent."""
    if len(payload) != NUMBER.size:
        raise MalformedDatagram("{} bytes where a number of 8 must be", len(payload))
    return int.from_bytes(payload, "big")


def decode_probe_reply(payload: bytes) -> tuple[int, int]:
    """The payload of a PROBE_REPLY: the session that probed or asked, and the datagram number of its PROBE or QUERY."""
    if len(payload) != PROBE_REPLY_BODY.size:
        raise MalformedDatagram("{} bytes where a session and a number must be", len(payload))
    session, number = PROBE_REPLY_BODY.unpack(payload)
    return session, number
