"""Wire format 1, byte by byte: a golden datagram for each kind and block, and every malformed one with its reason."""

import struct
from zlib import crc32

import pytest

from udpmsg.base.errors import MalformedDatagram
from udpmsg.core import wire
from udpmsg.core.wire import (
    ACK_BODY,
    ACK_REQUESTED_BLOCK,
    FRAGMENT_BLOCK,
    HEADER,
    MAX_NUMBER,
    MAX_RANGES,
    QUERY_SIZE,
    RANGE,
    REPORT_BODY,
    Acknowledgment,
    Datagram,
    Kind,
    Report,
    acknowledged_session,
    answered_number,
    check_fragment,
    decode,
    decode_acknowledgment,
    decode_challenge,
    decode_cookie,
    decode_number,
    decode_probe_reply,
    decode_query,
    decode_report,
    encode,
    encode_acknowledgment,
    encode_cookie,
    encode_query,
    encode_report,
    is_ours,
    kind_of,
    overhead,
    session_of,
)

SESSION = 0x0102030405060708
OTHER = 0x1112131415161718

# magic version kind, flags length, session, datagram number, sequence number, sent at (1,000,000 µs)
PLACE = "0102030405060708 0000000000000005 0000000000000004 00000000000f4240"
NO_MESSAGE = "0102030405060708 0000000000000005 0000000000000000 00000000000f4240"
HELLO = "68656c6c6f"

GOLDEN = {
    "fire and forget": (
        f"554d 01 01 0000 0005 {PLACE} {HELLO}",
        Datagram(Kind.MESSAGE, SESSION, 5, 4, 1_000_000, b"hello"),
    ),
    "empty": (
        f"554d 01 01 0000 0000 {PLACE}",
        Datagram(Kind.MESSAGE, SESSION, 5, 4, 1_000_000, b""),
    ),
    "acknowledgment requested": (
        f"554d 01 01 0011 0005 {PLACE} 0000000000000002 0003 0000 {HELLO} b5b00c93",
        Datagram(Kind.MESSAGE, SESSION, 5, 4, 1_000_000, b"hello", lowest=2, transmission=3),
    ),
    "ordered": (
        f"554d 01 01 0019 0000 {PLACE} 0000000000000002 0003 0000 54ae4fdc",
        Datagram(Kind.MESSAGE, SESSION, 5, 4, 1_000_000, b"", lowest=2, transmission=3, ordered=True),
    ),
    "fragment": (
        f"554d 01 01 0002 0003 {PLACE} 0001 0002 0003 0000 00000005 6c6f00",
        Datagram(Kind.MESSAGE, SESSION, 5, 4, 1_000_000, b"lo\0", fragment=(1, 2, 3, 5)),
    ),
    "reply": (
        f"554d 01 01 0004 0005 {PLACE} 0000000000000009 {HELLO}",
        Datagram(Kind.MESSAGE, SESSION, 5, 4, 1_000_000, b"hello", reply_to=9),
    ),
    "title": (
        f"554d 01 01 0100 0005 {PLACE} 05 6e2e747874 {HELLO}",
        Datagram(Kind.MESSAGE, SESSION, 5, 4, 1_000_000, b"hello", title="n.txt"),
    ),
    "title of a first fragment that is a reply": (
        f"554d 01 01 0106 0003 {PLACE} 0000 0002 0003 0000 00000005 0000000000000009 02 c3bc 68656c",
        Datagram(Kind.MESSAGE, SESSION, 5, 4, 1_000_000, b"hel", fragment=(0, 2, 3, 5), reply_to=9, title="ü"),
    ),
    "every block at once": (
        f"554d 01 01 001f 0003 {PLACE} 0000000000000002 0003 0000 0001 0002 0003 0000 00000005 0000000000000009 6c6f00 54da890e",
        Datagram(Kind.MESSAGE, SESSION, 5, 4, 1_000_000, b"lo\0", 2, 3, (1, 2, 3, 5), 9, True),
    ),
    "ACK": (
        f"554d 01 02 0010 0058 {NO_MESSAGE} 1112131415161718 0000000000000009 000061a8 00000100 00010000 0000000000000003 02 01"
        " 0000 0000000000000001 0000000000000005 0000000000000007 0000000000000009 0000000000000005 0000000000000006 13e43037",
        Datagram(
            Kind.ACK,
            SESSION,
            5,
            0,
            1_000_000,
            encode_acknowledgment(Acknowledgment(OTHER, 9, 25_000, 256, 65_536, 3, [(1, 5), (7, 9)], [(5, 6)])),
        ),
    ),
    "GOODBYE": (
        f"554d 01 03 0010 0008 {NO_MESSAGE} 0000000000000004 fcbdd317",
        Datagram(Kind.GOODBYE, SESSION, 5, 0, 1_000_000, bytes(7) + b"\x04"),
    ),
    "PROBE": (
        f"554d 01 04 0011 0000 {NO_MESSAGE} 0000000000000002 0001 0000 6752513f",
        Datagram(Kind.PROBE, SESSION, 5, 0, 1_000_000, b"", lowest=2, transmission=1),
    ),
    "PROBE_REPLY": (
        f"554d 01 05 0010 0010 {NO_MESSAGE} 1112131415161718 0000000000000021 9dccae34",
        Datagram(Kind.PROBE_REPLY, SESSION, 5, 0, 1_000_000, bytes.fromhex("1112131415161718 0000000000000021")),
    ),
    "QUERY": (
        f"554d 01 08 0010 0278 {NO_MESSAGE} 0000000000000021 {'00' * 624} 79b5a63c",
        Datagram(Kind.QUERY, SESSION, 5, 0, 1_000_000, encode_query(33)),
    ),
    "REPORT": (
        f"554d 01 09 0010 0088 {NO_MESSAGE} 1112131415161718 0000000000000007 0000000000000001 0000000000000002 0000000000000003"
        " 0000000000000004 0000000000000005 0000000000000006 0000000000000009 0000000000000000 0000000000000008 ffffffffffffffff"
        " 0000000000000001 0000000000000000 ffffffff 00000001 0000000000000002 0000000000000008 f39e1049",
        Datagram(
            Kind.REPORT,
            SESSION,
            5,
            0,
            1_000_000,
            encode_report(Report(OTHER, 7, 1, 2, 3, 4, 5, 6, 9, 0, 8, None, 1, 0, None, [(2, 8)])),
        ),
    ),
}


def encoded(datagram: Datagram, *, framed: bool = False) -> bytes:
    return encode(
        datagram.kind,
        session=datagram.session,
        number=datagram.number,
        sent_at=datagram.sent_at,
        sequence=datagram.sequence,
        payload=datagram.payload,
        lowest=datagram.lowest,
        transmission=datagram.transmission,
        fragment=datagram.fragment,
        reply_to=datagram.reply_to,
        ordered=datagram.ordered,
        title=datagram.title,
        framed=framed,
    )


@pytest.mark.parametrize(("text", "datagram"), GOLDEN.values(), ids=GOLDEN)
def test_a_golden_datagram_does_not_drift(text: str, datagram: Datagram) -> None:
    assert encoded(datagram).hex() == text.replace(" ", "")
    assert decode(bytes.fromhex(text)) == datagram
    assert datagram.acknowledged is ("0000000000000002 0003" in text or datagram.kind is Kind.PROBE)


def test_in_a_frame_the_length_field_is_zero() -> None:
    text = f"554d 01 01 0000 0000 {PLACE} {HELLO}"
    datagram = Datagram(Kind.MESSAGE, SESSION, 5, 4, 1_000_000, b"hello")
    assert encoded(datagram, framed=True).hex() == text.replace(" ", "")
    assert decode(bytes.fromhex(text), framed=True) == datagram


def test_the_checksum_is_crc_32_of_everything_before_it() -> None:
    data = bytes.fromhex(GOLDEN["GOODBYE"][0])
    assert struct.unpack(">I", data[-4:])[0] == crc32(data[:-4])
    assert crc32(b"123456789") == 0xCBF43926  # the check value of CRC-32 (IEEE)


# Malformed ---------------------------------------------------------------------------------------------------------------


def craft(
    *,
    magic: int = 0x554D,
    version: int = 1,
    kind: int = 1,
    flags: int = 0,
    length: int | None = None,
    session: int = 1,
    number: int = 1,
    sequence: int | None = None,
    blocks: bytes = b"",
    payload: bytes = b"",
) -> bytes:
    """A datagram as anybody could build it, right or wrong, but with a right checksum where the flags promise one."""
    length = len(payload) if length is None else length
    sequence = (1 if kind == 1 else 0) if sequence is None else sequence
    data = struct.pack(">HBBHHQQQQ", magic, version, kind, flags, length, session, number, sequence, 0) + blocks + payload
    return data + struct.pack(">I", crc32(data)) if flags & 0x10 else data


def requested(lowest: int = 1, transmission: int = 1, zero: int = 0) -> bytes:
    return struct.pack(">QHH", lowest, transmission, zero)


def fragment(index: int, count: int, size: int, total: int, zero: int = 0) -> bytes:
    return struct.pack(">HHHHI", index, count, size, zero, total)


def tail_that_is_a_checksum() -> bytes:
    """40 bytes whose last 4, a part of `sent at`, happen to be the right checksum."""
    head = craft(flags=0x10)[:36]
    return head + struct.pack(">I", crc32(head))


ASK, FRAGMENT, REPLY, ORDERED, CHECKSUM, TITLE = 0x01, 0x02, 0x04, 0x08, 0x10, 0x100

MALFORMED = {
    "nothing": (b"", "0 bytes are less than a header"),
    "one byte": (b"U", "1 bytes are less than a header"),
    "a byte short of a header": (craft()[:39], "39 bytes are less than a header"),
    "magic": (craft(magic=0x554E), "no magic number"),
    "version 0": (craft(version=0), "unknown version 0"),
    "version 2": (craft(version=2), "unknown version 2"),
    "kind 0": (craft(kind=0, sequence=1), "unknown kind 0"),
    "a CHALLENGE that asks for an acknowledgment": (
        craft(kind=6, flags=ASK | CHECKSUM, payload=struct.pack(">QHH", 1, 1, 0) + bytes(16), length=16),
        "a flag in 0x0011 means nothing to CHALLENGE",
    ),
    "a COOKIE without a checksum": (craft(kind=7, payload=bytes(64)), "the checksum is missing"),
    "kind 10": (craft(kind=10, flags=CHECKSUM), "unknown kind 10"),
    "SEALED, reserved": (craft(flags=0x20), "unknown flag in 0x0020"),
    "the flag before TITLE": (craft(flags=0x80), "unknown flag in 0x0080"),
    "the flag behind TITLE": (craft(flags=0x200), "unknown flag in 0x0200"),
    "no room for the title's length": (craft(flags=TITLE), "a title of 0 bytes"),
    "an empty title": (craft(flags=TITLE, blocks=b"\0"), "a title of 0 bytes"),
    "a title cut off": (craft(flags=TITLE, blocks=b"\5n.tx"), "a title of 5 bytes"),
    "a title that reaches into the checksum": (
        craft(flags=ASK | CHECKSUM | TITLE, blocks=requested() + b"\5n.tx"),
        "a title of 5 bytes",
    ),
    "a title too long": (craft(flags=TITLE, blocks=b"\x81" + b"n" * 129), "a title of 129 bytes"),
    "a title that is no UTF-8": (craft(flags=TITLE, blocks=b"\2\xc3("), "a title that is not in UTF-8"),
    "a title with half a surrogate pair": (craft(flags=TITLE, blocks=b"\3\xed\xa0\x80"), "a title that is not in UTF-8"),
    "a title in a second fragment": (
        craft(flags=FRAGMENT | TITLE, blocks=fragment(1, 2, 1, 2) + b"\1n", payload=b"x"),
        "a title that is not in the first fragment",
    ),
    "an ACK with a title": (craft(kind=2, flags=CHECKSUM | TITLE, blocks=b"\1n"), "a flag in 0x0110 means nothing to ACK"),
    "another flag": (craft(flags=0x8000), "unknown flag in 0x8000"),
    "an ACK without a checksum": (craft(kind=2), "the checksum is missing"),
    "a GOODBYE without a checksum": (craft(kind=3, payload=bytes(8)), "the checksum is missing"),
    "a PROBE without a checksum": (craft(kind=4), "the checksum is missing"),
    "a PROBE_REPLY without a checksum": (craft(kind=5, payload=bytes(8)), "the checksum is missing"),
    "a QUERY without a checksum": (craft(kind=8, payload=bytes(632)), "the checksum is missing"),
    "a REPORT without a checksum": (craft(kind=9, payload=bytes(120)), "the checksum is missing"),
    "an acknowledged MESSAGE without a checksum": (craft(flags=ASK, blocks=requested()), "the checksum is missing"),
    "a wrong checksum": (craft(flags=ASK | CHECKSUM, blocks=requested())[:-1] + b"?", "wrong checksum"),
    "a flipped bit under the checksum": (
        craft(flags=ASK | CHECKSUM, blocks=requested(), payload=b"a").replace(b"a", b"c"),
        "wrong checksum",
    ),
    "no room for the checksum": (tail_that_is_a_checksum(), "shorter than its flags say"),
    "no room for the acknowledgment block": (craft(flags=ASK | CHECKSUM, blocks=requested()[:7]), "shorter than its flags say"),
    "no room for the fragment block": (craft(flags=FRAGMENT, blocks=fragment(0, 2, 1, 2)[:11]), "shorter than its flags say"),
    "no room for the reply block": (craft(flags=REPLY, blocks=bytes(7)), "shorter than its flags say"),
    "a fragment block that reaches into the checksum": (
        craft(flags=FRAGMENT | CHECKSUM, blocks=bytes(8)),
        "shorter than its flags say",
    ),
    "lowest 0": (craft(flags=ASK | CHECKSUM, blocks=requested(lowest=0)), "a zero where a number must be, or the reverse"),
    "transmission 0": (
        craft(flags=ASK | CHECKSUM, blocks=requested(transmission=0)),
        "a zero where a number must be, or the reverse",
    ),
    "reserved part of the acknowledgment block": (
        craft(flags=ASK | CHECKSUM, blocks=requested(zero=1)),
        "a zero where a number must be, or the reverse",
    ),
    "reserved part of the fragment block": (
        craft(flags=FRAGMENT, blocks=fragment(0, 2, 1, 2, zero=1), payload=b"x"),
        "the reserved part of the fragment block is not zero",
    ),
    "a reply to 0": (craft(flags=REPLY, blocks=bytes(8)), "a reply to no message"),
    "length one too small": (craft(length=4, payload=b"hello"), "payload length 4 where 5 bytes follow"),
    "length one too large": (craft(length=6, payload=b"hello"), "payload length 6 where 5 bytes follow"),
    "cut off": (craft(payload=b"hello")[:-1], "payload length 5 where 4 bytes follow"),
    "something behind it": (craft(payload=b"hello") + b"!", "payload length 5 where 6 bytes follow"),
    "session 0": (craft(session=0), "session and datagram number are never 0"),
    "datagram number 0": (craft(number=0), "session and datagram number are never 0"),
    "datagram number above the largest": (craft(number=2**63), "a number above 2^63 - 1"),
    "sequence number above the largest": (craft(sequence=2**63), "a number above 2^63 - 1"),
    "lowest above the largest": (craft(flags=ASK | CHECKSUM, blocks=requested(lowest=2**63)), "a number above 2^63 - 1"),
    "a MESSAGE without a sequence number": (craft(sequence=0), "sequence number 0 in kind MESSAGE"),
    "an ACK with a sequence number": (craft(kind=2, flags=CHECKSUM, sequence=1), "sequence number 1 in kind ACK"),
    "resolved by its own word": (
        craft(flags=ASK | CHECKSUM, sequence=4, blocks=requested(5)),
        "resolved already, by its own word",
    ),
    "ordered but not acknowledged": (craft(flags=ORDERED), "ordered without acknowledgments"),
    "a fragment of a GOODBYE": (
        craft(kind=3, flags=FRAGMENT | CHECKSUM, blocks=fragment(0, 2, 8, 16), payload=bytes(8)),
        "a flag in 0x0012 means nothing to GOODBYE",
    ),
    "a PROBE that replies": (
        craft(kind=4, flags=REPLY | CHECKSUM, blocks=b"\1" * 8),
        "a flag in 0x0014 means nothing to PROBE",
    ),
    "an ordered ACK": (craft(kind=2, flags=ORDERED | CHECKSUM), "a flag in 0x0018 means nothing to ACK"),
    "a QUERY that asks for an acknowledgment too": (
        craft(kind=8, flags=ASK | CHECKSUM, blocks=requested()),
        "a flag in 0x0011 means nothing to QUERY",
    ),
    "a REPORT that asks for an acknowledgment": (
        craft(kind=9, flags=ASK | CHECKSUM, blocks=requested()),
        "a flag in 0x0011 means nothing to REPORT",
    ),
    "a PROBE with a payload": (craft(kind=4, flags=CHECKSUM, payload=b"\0x"), "a PROBE has no payload but zeros"),
    "a fragment that does not fit": (
        craft(flags=FRAGMENT, blocks=fragment(0, 2, 3, 5), payload=b"ab"),
        "fragment 0 has 2 bytes instead of 3",
    ),
}


@pytest.mark.parametrize(("data", "reason"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_datagram_and_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(MalformedDatagram) as error:
        decode(data)
    assert str(error.value) == reason


def test_the_crafted_datagrams_are_sound_but_for_their_one_fault() -> None:
    assert decode(craft()).kind is Kind.MESSAGE
    assert decode(craft(flags=ASK | CHECKSUM, blocks=requested())).lowest == 1
    assert decode(craft(flags=CHECKSUM, payload=b"hello")).payload == b"hello"  # a checksum may always be there
    assert decode(craft(kind=3, flags=ASK | CHECKSUM, blocks=requested(), payload=bytes(8))).lowest == 1
    assert decode(craft(flags=REPLY, blocks=b"\1" * 8)).reply_to == 0x0101010101010101
    assert decode(craft(flags=ASK | CHECKSUM, sequence=5, blocks=requested(5))).lowest == 5


def test_a_frame_says_the_length_and_the_header_must_not() -> None:
    with pytest.raises(MalformedDatagram, match="payload length 5 where 5 bytes follow"):
        decode(craft(payload=b"hello"), framed=True)


def test_the_largest_number_is_still_one() -> None:
    datagram = decode(craft(flags=ASK | CHECKSUM, number=MAX_NUMBER, sequence=MAX_NUMBER, blocks=requested(MAX_NUMBER)))
    assert (datagram.number, datagram.sequence, datagram.lowest) == (2**63 - 1,) * 3


@pytest.mark.parametrize(
    ("block", "length", "reason"),
    [
        ((2, 2, 3, 5), 3, "fragment 2 of 2"),
        ((0, 0, 3, 0), 0, "fragment 0 of 0"),
        ((0, 1, 5, 5), 5, "1 fragments of 5 bytes can't make 5 bytes"),
        ((0, 2, 3, 3), 3, "2 fragments of 3 bytes can't make 3 bytes"),
        ((0, 2, 3, 7), 3, "2 fragments of 3 bytes can't make 7 bytes"),
        ((0, 2, 0, 0), 0, "2 fragments of 0 bytes can't make 0 bytes"),
        ((0, 2, 3, 5), 4, "fragment 0 has 4 bytes instead of 3"),
        ((1, 2, 3, 5), 4, "fragment 1 has 4 bytes instead of 3"),
        ((1, 2, 3, 5), 2, "fragment 1 has 2 bytes instead of 3"),
    ],
)
def test_a_fragment_whose_numbers_do_not_fit_together(block: tuple[int, int, int, int], length: int, reason: str) -> None:
    with pytest.raises(MalformedDatagram) as error:
        check_fragment(block, bytes(length))
    assert str(error.value) == reason


@pytest.mark.parametrize(
    ("block", "length"),
    [((0, 2, 3, 4), 3), ((1, 2, 3, 4), 3), ((1, 2, 3, 6), 3), ((2, 3, 3, 9), 3)],
    ids=["first of the smallest", "last of the smallest", "last of the largest", "last of three"],
)
def test_a_fragment_whose_numbers_just_fit(block: tuple[int, int, int, int], length: int) -> None:
    check_fragment(block, bytes(length))


def test_what_is_left_over_of_the_last_fragment_is_zeros_and_nowhere_else_matters() -> None:
    check_fragment((1, 2, 3, 4), b"o\0\0")
    check_fragment((1, 2, 3, 6), b"\0lo")
    check_fragment((0, 2, 3, 4), b"hel")
    for payload in (b"o\0!", b"o!\0"):
        with pytest.raises(MalformedDatagram, match="a fragment that is not filled up with zeros"):
            check_fragment((1, 2, 3, 4), payload)


# The payload of an ACK ---------------------------------------------------------------------------------------------------


def body(
    *ranges: tuple[int, int], arrived: int = 0, delivered: int = 0, zero: int = 0, below: int = 1, more: bytes = b""
) -> bytes:
    fixed = struct.pack(">QQIIIQBBH", 1, 9, 0, 16, 2**32 - 1, below, arrived, delivered, zero)
    return fixed + b"".join(struct.pack(">QQ", *each) for each in ranges) + more


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (body()[:-1], "an ACK without its body"),
        (body(zero=1), "an ACK whose ranges do not fit it"),
        (body((1, 1)), "an ACK whose ranges do not fit it"),
        (body(arrived=1), "an ACK whose ranges do not fit it"),
        (body((1, 1), arrived=1, more=b"x"), "an ACK whose ranges do not fit it"),
        (body(*[(2 * n, 2 * n) for n in range(1, 34)], arrived=33), "an ACK whose ranges do not fit it"),
        (body(*[(2 * n, 2 * n) for n in range(1, 34)], delivered=33), "an ACK whose ranges do not fit it"),
        (body((0, 1), arrived=1), "ranges of an ACK out of order"),
        (body((2, 1), arrived=1), "ranges of an ACK out of order"),
        (body((1, 2), (3, 3), arrived=2), "ranges of an ACK out of order"),
        (body((4, 5), (1, 2), arrived=2), "ranges of an ACK out of order"),
        (body((3, 3), delivered=1, below=3), "ranges of an ACK out of order"),
    ],
)
def test_a_malformed_ack_and_its_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(MalformedDatagram) as error:
        decode_acknowledgment(payload)
    assert str(error.value) == reason


def test_ranges_just_in_order() -> None:
    acknowledgment = decode_acknowledgment(body((1, 2), (4, 4), (4, 9), arrived=2, delivered=1, below=3))
    assert acknowledgment.arrived == [(1, 2), (4, 4)]
    assert acknowledgment.delivered == [(4, 9)]
    assert (acknowledgment.session, acknowledgment.largest, acknowledgment.all_below) == (1, 9, 3)
    assert (acknowledgment.credit, acknowledgment.credit_bytes) == (16, 2**32 - 1)


def test_thirty_two_ranges_of_each_sort_fit_a_datagram() -> None:
    ranges = [(2 * number, 2 * number) for number in range(1, 33)]
    acknowledgment = Acknowledgment(1, 64, 2**32 - 1, 2**32 - 1, 2**32 - 1, 1, ranges, ranges)
    payload = encode_acknowledgment(acknowledgment)
    assert (MAX_RANGES, len(payload)) == (32, 40 + 64 * 16)
    assert decode_acknowledgment(payload) == acknowledgment
    data = encode(Kind.ACK, session=1, number=1, sent_at=0, payload=payload)
    assert len(data) == 1108
    assert decode(data).payload == payload


# A question and its answer -----------------------------------------------------------------------------------------------

COUNTS = {"delivered": 1, "arrived": 2, "duplicates": 3, "reordered": 4, "over_limit": 5, "payload_bytes": 6}


def answer(*missing: tuple[int, int], **fields: int | None) -> bytes:
    known = {"session": 1, "question": 7, "highest": 999, "forgotten": 0, "duration_us": 8, "begins_at": 1, "goes_on_at": 0}
    unknown = {"kernel_drops": None, "jitter_us": None}
    return encode_report(Report(**{**known, **COUNTS, **unknown, **fields, "missing": list(missing)}))  # type: ignore[arg-type]


def gaps(number: int) -> list[tuple[int, int]]:
    """2, 4, 6 ..."""
    return [(2 * n, 2 * n) for n in range(1, number + 1)]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (answer()[:-1], "a REPORT without its body"),
        (b"", "a REPORT without its body"),
        (answer((2, 3))[:-1], "a REPORT whose ranges do not fit it"),
        (answer((2, 3)) + b"x", "a REPORT whose ranges do not fit it"),
        (answer() + bytes(16), "a REPORT whose ranges do not fit it"),
        (answer(*gaps(33)), "a REPORT whose ranges do not fit it"),
        (answer(delivered=3), "a REPORT whose counts contradict each other"),
        (answer(arrived=1000), "a REPORT whose counts contradict each other"),
        (answer(highest=2**63), "a REPORT whose counts contradict each other"),
        (answer(forgotten=1000), "a REPORT whose counts contradict each other"),
        (answer((0, 1)), "ranges of a REPORT out of order"),
        (answer((3, 2)), "ranges of a REPORT out of order"),
        (answer((2, 3), (4, 5)), "ranges of a REPORT out of order"),
        (answer((7, 8), (2, 3)), "ranges of a REPORT out of order"),
        (answer((2, 999)), "ranges of a REPORT out of order"),
        (answer((4, 5), begins_at=5), "ranges of a REPORT out of order"),
        (answer((4, 5), forgotten=4), "ranges of a REPORT out of order"),
        (answer(begins_at=0), "a REPORT of no part of the list"),
        (answer(*gaps(31), goes_on_at=70), "a REPORT of no part of the list"),
        (answer(*gaps(32), goes_on_at=65), "a REPORT of no part of the list"),
        (answer(*gaps(32), goes_on_at=999), "a REPORT of no part of the list"),
    ],
)
def test_a_malformed_report_and_its_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(MalformedDatagram) as error:
        decode_report(payload)
    assert str(error.value) == reason


def test_reports_that_are_just_right() -> None:
    for payload in (
        answer((2, 3), (5, 998)),
        answer((5, 5), begins_at=5, forgotten=4),
        answer(*gaps(32), goes_on_at=66),
        answer(*gaps(32), goes_on_at=998),
        answer(highest=2, forgotten=2),
        answer(delivered=2, highest=2**63 - 1),
    ):
        assert encode_report(decode_report(payload)) == payload


def test_what_is_known_is_told_from_what_is_not() -> None:
    known = decode_report(answer(kernel_drops=0, jitter_us=0))
    assert (known.kernel_drops, known.jitter_us) == (0, 0)
    unknown = decode_report(answer(kernel_drops=None, jitter_us=None))
    assert (unknown.kernel_drops, unknown.jitter_us) == (None, None)
    assert decode_report(answer(jitter_us=2**40)).jitter_us == 2**32 - 2  # more than its field holds, and still known


def test_the_longest_report_is_as_long_as_a_query() -> None:
    longest = answer(*gaps(MAX_RANGES), goes_on_at=66)
    assert len(longest) == len(encode_query(1)) == QUERY_SIZE == 632
    assert decode_query(encode_query(MAX_NUMBER)) == MAX_NUMBER
    data = encode(Kind.REPORT, session=1, number=1, sent_at=0, payload=longest)
    assert len(data) == 676
    assert decode(data).payload == longest


@pytest.mark.parametrize("length", [0, 7, 9])
def test_a_number_has_eight_bytes(length: int) -> None:
    with pytest.raises(MalformedDatagram) as error:
        decode_number(bytes(length))
    assert str(error.value) == f"{length} bytes where a number of 8 must be"
    assert decode_number(b"\0\0\0\0\0\0\1\2") == 258


@pytest.mark.parametrize("length", [0, 8, 15, 17])
def test_a_probe_reply_names_a_session_and_a_datagram(length: int) -> None:
    with pytest.raises(MalformedDatagram) as error:
        decode_probe_reply(bytes(length))
    assert str(error.value) == f"{length} bytes where a session and a number must be"
    assert decode_probe_reply(bytes(7) + b"\5" + bytes(7) + b"\6") == (5, 6)


def test_a_probe_may_be_as_large_as_a_path_may_take() -> None:
    """Over a stream there is no path to be found out."""
    fields = {"session": SESSION, "number": 5, "sent_at": 0, "lowest": 2, "transmission": 1, "payload": bytes(65_451)}
    data = encode(Kind.PROBE, **fields)
    assert (len(data), decode(data).payload) == (65_507, bytes(65_451))
    with pytest.raises(MalformedDatagram, match="a PROBE has no payload but zeros"):
        decode(encode(Kind.PROBE, framed=True, **fields), framed=True)


# Looks before the header is checked --------------------------------------------------------------------------------------


def test_what_can_be_told_of_unchecked_bytes() -> None:
    data = bytes.fromhex(GOLDEN["PROBE_REPLY"][0])
    assert (is_ours(data), is_ours(b"UM\x01\x01"), is_ours(b"U"), is_ours(b"um, hello")) == (True, True, False, False)
    assert (kind_of(data), kind_of(data[:4]), kind_of(data[:3])) == (5, 5, 0)
    assert (session_of(data), session_of(data[:40]), session_of(data[:39])) == (SESSION, SESSION, 0)
    assert (acknowledged_session(data), acknowledged_session(data[:48]), acknowledged_session(data[:47])) == (OTHER, OTHER, 0)


@pytest.mark.parametrize("name", GOLDEN)
def test_what_an_unchecked_message_answers(name: str) -> None:
    data = bytes.fromhex(GOLDEN[name][0])
    assert answered_number(data) == decode(data).reply_to


def test_what_is_cut_off_answers_nothing() -> None:
    data = craft(flags=REPLY, blocks=bytes(7) + b"\5")
    assert (answered_number(data), answered_number(data[:40]), answered_number(data[:5])) == (5, 0, 0)


def test_who_passes_a_datagram_on_peeks_at_what_the_codec_reads() -> None:
    ack = encode(
        Kind.ACK,
        session=SESSION,
        number=5,
        sent_at=0,
        payload=encode_acknowledgment(Acknowledgment(OTHER, 9, 0, 1, 1, 1, [(9, 9)], [])),
    )
    fragment = encode(
        Kind.MESSAGE,
        session=SESSION,
        number=5,
        sequence=4,
        sent_at=0,
        payload=bytes(50),
        lowest=4,
        transmission=1,
        fragment=(1, 2, 50, 100),
    )
    for data in (ack, fragment):
        decoded = decode(data)
        start, flags, session, number, sequence = wire.PEEK.unpack_from(b"before" + data, 6)
        assert start == wire.OUR_MARK << 8 | decoded.kind
        assert (session, number, sequence) == (decoded.session, decoded.number, decoded.sequence)
        framed = (len(data), start, sequence)
        assert wire.FRAMED_PEEK.unpack_from(len(data).to_bytes(4, "big") + data) == framed
        if decoded.kind is Kind.ACK:
            assert wire.peek_acknowledged(b"before" + data, 6, 6 + len(data), flags) == (OTHER, 9)
            assert wire.peek_acknowledged(data, 0, 55, flags) is None
        else:
            assert start == wire.OUR_MESSAGE
            assert wire.peek_fragment(b"before" + data, 6, 6 + len(data), flags) == 1
            assert wire.peek_fragment(data, 0, 63, flags) is None


@pytest.mark.parametrize(
    ("acknowledged", "reply", "is_fragment", "expected"),
    [
        (False, False, False, 40),
        (True, False, False, 56),
        (False, True, False, 48),
        (False, False, True, 52),
        (True, True, True, 76),
    ],
)
def test_what_a_message_carries_besides_its_payload(acknowledged: bool, reply: bool, is_fragment: bool, expected: int) -> None:
    assert overhead(acknowledged=acknowledged, reply=reply, fragment=is_fragment) == expected
    data = encode(
        Kind.MESSAGE,
        session=1,
        number=1,
        sent_at=0,
        sequence=1,
        lowest=1 if acknowledged else 0,
        transmission=1,
        reply_to=1 if reply else 0,
        fragment=(0, 2, 1, 2) if is_fragment else None,
    )
    assert len(data) == expected


def test_the_layouts_and_the_names_of_the_numbers() -> None:
    assert [HEADER.size, ACK_REQUESTED_BLOCK.size, FRAGMENT_BLOCK.size, ACK_BODY.size, RANGE.size] == [40, 12, 12, 40, 16]
    assert REPORT_BODY.size == 120
    names = "MESSAGE ACK GOODBYE PROBE PROBE_REPLY CHALLENGE COOKIE QUERY REPORT"
    assert [kind.name for kind in Kind] == names.split()
    assert [kind.value for kind in Kind] == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    names = ["ACK_REQUESTED", "FRAGMENT", "REPLY", "ORDERED", "CHECKSUM", "SEALED", "TITLE"]
    assert [getattr(wire, name) for name in names] == [1, 2, 4, 8, 16, 32, 256]


def test_a_cookie_comes_back_padded_and_as_it_was() -> None:
    cookie = bytes(range(12))
    assert decode_challenge(cookie) == cookie
    assert encode_cookie(cookie) == cookie + bytes(52)
    assert decode_cookie(encode_cookie(cookie)) == cookie


@pytest.mark.parametrize("payload", [b"", bytes(11), bytes(13), bytes(64)])
def test_a_challenge_of_another_length_is_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedDatagram, match="where a cookie of 12 must be"):
        decode_challenge(payload)


@pytest.mark.parametrize("payload", [b"", bytes(12), bytes(63), bytes(65), bytes(63) + b"1"])
def test_a_cookie_that_is_not_padded_with_zeros_is_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedDatagram, match="a COOKIE has a cookie and zeros, 64 bytes in all"):
        decode_cookie(payload)


@pytest.mark.parametrize("text", [b"", b"U", b"UM", b"UMA MENSAGEM", b"UM\x02\x01", b"UM\x01\x00", b"UM\x01\x0a"])
def test_a_text_that_begins_with_our_magic_is_still_raw(text: bytes) -> None:
    assert not is_ours(text)


def test_the_session_of_a_reply_shows_which_session_it_answers() -> None:
    session = wire.reply_session(0x0102030405060708, 7)
    assert (session >> 32, session & 0xFFFFFFFF) == (0x3FCA88C5, 7)
    assert wire.may_answer(session, 0x0102030405060708)
    assert not wire.may_answer(session, 0x0102030405060709)
