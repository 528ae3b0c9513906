"""What a router does to packets: cut up, refused, flipped. Checksums are computed here once more, another way."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.link import wires
from tests.link.wires import RECEIVER, SENDER, ip, message, ones_complement, tcp, udp
from udpmsg.link.frames import Tracker
from udpmsg.link.packets import checksum, flip, fragment, ip_size, may_fragment, too_large
from udpmsg.link.record import Direction

ROUTER = bytes([10, 0, 0, 254])


def check_ip(frame: bytes) -> tuple[int, bytes, int, bytes]:
    """Check an IPv4 packet's header; return its flags and offset, options, id, and its payload."""
    header_size = (frame[14] & 15) * 4
    header = frame[14 : 14 + header_size]
    assert ones_complement(header) == 0
    size, number, place = struct.unpack_from(">HHH", frame, 16)
    assert len(frame) == 14 + size
    return place, header[20:], number, frame[14 + header_size :]


def reassemble(fragments: list[bytes]) -> bytes:
    """The payload that the fragments make; each byte exactly once, and the end known."""
    payload = bytearray()
    for data in sorted(fragments, key=lambda data: check_ip(data)[0] & 0x1FFF):
        place, _, _, piece = check_ip(data)
        assert (place & 0x1FFF) * 8 == len(payload)
        payload += piece
        assert bool(place & 0x2000) == (data is not fragments[-1])
    return bytes(payload)


def test_a_datagram_is_cut_up_as_rfc_791_says() -> None:
    data = bytes(range(256)) * 6
    frame = udp(data, number=4711, place=0)
    fragments = fragment(frame, 576)
    assert [len(piece) - 14 for piece in fragments] == [572, 572, 460]
    assert [check_ip(piece)[0] for piece in fragments] == [0x2000, 0x2000 | 69, 138]
    for piece in fragments:
        assert piece[:14] == frame[:14]
        assert check_ip(piece)[2] == 4711
        assert piece[26:34] == SENDER + RECEIVER
        assert piece[22:24] == frame[22:24]  # time to live and protocol
    assert reassemble(fragments) == frame[34:]


def test_what_fits_is_left_alone() -> None:
    frame = udp(b"x" * 548, place=0)
    assert fragment(frame, 576) == [frame]
    assert len(fragment(frame, 575)) == 2


def test_a_fragment_is_cut_up_again() -> None:
    frame = udp(bytes(range(256)) * 8, place=0)
    fragments = [small for large in fragment(frame, 1000) for small in fragment(large, 300)]
    assert reassemble(fragments) == frame[34:]


def test_options_with_the_copied_flag_are_in_every_fragment_and_others_in_the_first() -> None:
    route, timestamp = b"\x83\x07\x04" + SENDER, b"\x44\x08\x05\x00" + bytes(4)
    frame = ip(17, bytes(400), place=0, options=timestamp + b"\x01" + route)
    fragments = fragment(frame, 200)
    assert [check_ip(piece)[1] for piece in fragments] == [timestamp + b"\x01" + route, *[route + b"\0"] * (len(fragments) - 1)]
    assert reassemble(fragments) == bytes(400)
    assert all(ip_size(piece) <= 200 for piece in fragments)


@given(st.binary(min_size=1, max_size=3000), st.integers(68, 1500), st.sampled_from([b"", b"\x94\x04\0\0", b"\x01\x01\x01\0"]))
def test_fragments_make_the_original_and_fit(payload: bytes, mtu: int, options: bytes) -> None:
    frame = ip(17, payload, place=0, options=options)
    fragments = fragment(frame, mtu)
    assert reassemble(fragments) == payload
    assert all(ip_size(piece) <= mtu for piece in fragments)
    assert all(len(check_ip(piece)[3]) % 8 == 0 for piece in fragments[:-1])


def test_the_tracker_knows_whose_fragments_these_are() -> None:
    tracker = Tracker()
    fragments = fragment(udp(message(4, b"x" * 1000), place=0), 400)
    told = [tracker.frame(piece, Direction.FORWARD) for piece in fragments]
    assert [reading.label for reading in told] == ["message 4", "IP fragment of message 4", "IP fragment of message 4"]
    assert [reading.identity.part for reading in told] == [0, 47, 94]


def test_who_may_be_cut_up() -> None:
    assert may_fragment(udp(b"x", place=0))
    assert may_fragment(udp(b"x", place=0x2000))
    assert not may_fragment(udp(b"x", place=0x4000))
    assert not may_fragment(tcp(1, b"x"))
    assert not may_fragment(wires.ethernet(bytes(60), ethertype=0x86DD))
    assert not may_fragment(b"")


def test_the_size_of_a_packet_is_what_an_mtu_counts() -> None:
    assert ip_size(udp(b"12345")) == 33
    assert ip_size(udp(b"12345") + bytes(13)) == 33  # padded to Ethernet's minimum
    assert ip_size(wires.ethernet(bytes(28), ethertype=0x0806)) == 28
    assert ip_size(b"short") == 0


def test_a_refusal_names_the_mtu_and_goes_back_to_the_sender() -> None:
    frame = tcp(7, b"x" * 1000)
    answer = too_large(frame, 576, ROUTER)
    assert answer[:14] == frame[6:12] + frame[:6] + b"\x08\x00"
    _, _, _, icmp = check_ip(answer)
    assert (answer[23], answer[26:34]) == (1, ROUTER + SENDER)
    assert ones_complement(icmp) == 0
    assert struct.unpack_from(">BB2xHH", icmp) == (3, 4, 0, 576)
    assert icmp[8:] == frame[14 : 14 + 548]
    assert len(answer) == 14 + 576
    assert Tracker().frame(answer, Direction.BACK).label == "ICMP too large"


def test_a_refusal_quotes_a_small_packet_whole_and_its_message_is_known() -> None:
    frame = udp(message(6, b"x" * 200))
    answer = too_large(frame + b"padding", 200, ROUTER)
    assert check_ip(answer)[3][8:] == frame[14:]
    assert Tracker().frame(answer, Direction.BACK).label == "ICMP too large (message 6)"


@pytest.mark.parametrize(
    "frame",
    [
        wires.icmp(3, 3, udp(b"x" * 900)),
        wires.icmp(11, 0, udp(b"x" * 900)),
        ip(1, b""),
        ip(17, bytes(900), place=0x4000 | 60),
        wires.ethernet(bytes(900), ethertype=0x86DD),
        b"",
    ],
    ids=["unreachable", "time-exceeded", "icmp-0", "later-fragment", "ipv6", "empty"],
)
def test_about_some_packets_nobody_may_be_told(frame: bytes) -> None:
    assert too_large(frame, 576, ROUTER) == b""


def test_an_echo_may_be_refused() -> None:
    assert too_large(ip(1, b"\x08\0" + bytes(900)), 576, ROUTER)


@given(st.binary(min_size=1, max_size=40), st.integers(0, 2**64 - 1))
def test_exactly_one_bit_behind_the_ip_header_is_flipped(payload: bytes, bit: int) -> None:
    frame = ip(17, payload, options=b"\x01" * 4) + b"padding"
    flipped = flip(frame, bit)
    differing = int.from_bytes(frame, "big") ^ int.from_bytes(flipped, "big")
    assert differing.bit_count() == 1
    place = len(frame) * 8 - differing.bit_length()
    assert place == (14 + 24) * 8 + bit % (len(payload) * 8)


def test_without_ip_a_bit_behind_the_ethernet_header_is_flipped() -> None:
    frame = wires.ethernet(bytes(2), ethertype=0x0806)
    assert flip(frame, 0) == frame[:14] + b"\x80\0"
    assert flip(frame, 15) == flip(frame, 31) == frame[:14] + b"\0\x01"
    assert flip(frame[:14], 3) == frame[:14]


def test_a_flipped_bit_is_what_a_checksum_notices() -> None:
    for bit in (0, 63, 64, 200):
        flipped = flip(udp(message(1)), bit)
        size = ip_size(flipped) - 20
        assert ones_complement(wires.pseudo_header(17, size, back=False) + flipped[34:]) != 0


@given(st.binary(max_size=100))
def test_the_checksum_is_rfc_1071s(data: bytes) -> None:
    assert checksum(data) == ones_complement(data)


@given(st.binary(max_size=60), st.integers(68, 100), st.integers(0, 2**64 - 1))
def test_no_bytes_raise(frame: bytes, mtu: int, bit: int) -> None:
    ip_size(frame)
    may_fragment(frame)
    fragment(frame, mtu)
    too_large(frame, mtu, ROUTER)
    assert len(flip(frame, bit)) == len(frame)
