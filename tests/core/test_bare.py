"""Acknowledgments of one range: the same bytes as `wire` makes, and read as `wire` reads them, or left to it."""

import zlib

import pytest

from udpmsg.core import bare, wire
from udpmsg.core.wire import Acknowledgment, Kind

SAID = Acknowledgment(7, 12, 1500, 100, 1 << 20, 9, [(3, 12)], [])


def encoded(said: Acknowledgment = SAID, *, kind: Kind = Kind.ACK, lowest: int = 0, framed: bool = False) -> bytes:
    payload = wire.encode_acknowledgment(said)
    return wire.encode(
        kind, session=5, number=6, sent_at=8, payload=payload, lowest=lowest, transmission=min(lowest, 1), framed=framed
    )


def with_bytes(data: bytes, at: int, other: bytes) -> bytes:
    """The same with other bytes there, and the checksum of that."""
    data = data[:at] + other + data[at + len(other) : -4]
    return data + zlib.crc32(data).to_bytes(4, "big")


@pytest.mark.parametrize("framed", [False, True])
def test_what_is_made_is_what_wire_makes_and_is_read_as_wire_reads_it(framed: bool) -> None:
    data = encoded(framed=framed)
    assert list(bare.encode(5, 6, 8, [(*SAID[:6], bare.ONE_RANGE, 3, 12)], framed=framed)) == [data]
    assert bare.decode(data, framed=framed) == (5, 6, SAID)
    assert bare.decode(data, framed=not framed) is None
    assert wire.decode_acknowledgment(wire.decode(data, framed=framed).payload) == SAID


@pytest.mark.parametrize(
    "data",
    [
        encoded()[:-1],
        encoded(SAID._replace(arrived=[])),
        encoded(SAID._replace(arrived=[(1, 1), (3, 12)])),
        encoded(SAID._replace(arrived=[], delivered=[(10, 12)])),
        encoded(kind=Kind.PROBE_REPLY),
        encoded(SAID._replace(arrived=[]), lowest=1) + bytes(4),
        with_bytes(encoded(), 0, b"um"),
        with_bytes(encoded(), 2, b"\2"),
        with_bytes(encoded(), 4, b"\0\x30"),
        with_bytes(encoded(), 6, b"\0\0"),
        with_bytes(encoded(), 8, bytes(8)),
        with_bytes(encoded(), 16, bytes(8)),
        with_bytes(encoded(), 16, b"\x80"),
        with_bytes(encoded(), 31, b"\1"),
        with_bytes(encoded(), 79, b"\1"),
        with_bytes(encoded(), 80, bytes(8)),
        with_bytes(encoded(), 88, bytes(8)),
        encoded()[:-1] + b"?",
    ],
)
def test_anything_else_is_left_to_wire(data: bytes) -> None:
    assert bare.decode(data, framed=False) is None
