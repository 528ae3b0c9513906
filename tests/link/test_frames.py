"""What a frame carries: UDP, ICMP and the rest, each kind by itself, then any bytes. TCP is in test_streams."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.link import wires
from tests.link.wires import (
    FIN,
    RECEIVER,
    SENDER,
    SESSION,
    SYN,
    acknowledgment,
    carried,
    control,
    goodbye,
    message,
    stream_of,
    summary,
)
from udpmsg.core import wire
from udpmsg.core.wire import Kind
from udpmsg.link import frames
from udpmsg.link.faults import draws
from udpmsg.link.frames import Content, Tracker
from udpmsg.link.record import Direction, FrameKind, Identity

FORWARD, BACK = Direction.FORWARD, Direction.BACK
DATA, ACK, CONTROL = FrameKind.DATA, FrameKind.ACK, FrameKind.CONTROL


# UDP --------------------------------------------------------------------------------------------------------------------


def test_a_message_over_udp_is_data_with_its_own_number_and_the_count_of_its_transmissions() -> None:
    tracker = Tracker()
    readings = [tracker.frame(wires.udp(message(n, number=k)), FORWARD) for k, n in enumerate((1, 2, 1, 3, 1), 1)]
    assert [summary(reading) for reading in readings] == [
        ("data", 1, 1, 0, "data", "message 1"),
        ("data", 2, 1, 0, "data", "message 2"),
        ("data", 1, 2, 0, "data", "message 1"),
        ("data", 3, 1, 0, "data", "message 3"),
        ("data", 1, 3, 0, "data", "message 1"),
    ]
    assert [carried(reading) for reading in readings] == [(1, 1), (2, 2), (1, 1), (3, 3), (1, 1)]
    assert {reading.transport for reading in readings} == {"udp"}
    assert readings[0].identity == Identity(FORWARD, DATA, 1)


def test_the_same_number_in_another_session_or_direction_is_another_message() -> None:
    tracker = Tracker()
    for session in (SESSION, 1, 2**64 - 1):
        assert tracker.frame(wires.udp(message(4, session=session)), FORWARD).identity == Identity(FORWARD, DATA, 4)
        assert tracker.frame(wires.udp(message(4, session=session), back=True), BACK).identity == Identity(BACK, DATA, 4)
    assert tracker.frame(wires.udp(message(4)), FORWARD).identity.transmission == 2


def test_each_fragment_of_a_large_message_is_a_part_with_transmissions_of_its_own() -> None:
    tracker = Tracker()

    def send(index: int, **more: int) -> Content:
        return tracker.frame(wires.udp(message(7, b"12345", fragment=(index, 3, 5, 15), **more)), FORWARD)

    assert summary(send(0)) == ("data", 7, 1, 0, "data", "message 7, part 1")
    assert summary(send(1, lowest=1, transmission=1)) == ("data", 7, 1, 1 << 13, "data", "message 7, part 2")
    assert summary(send(1, lowest=1, transmission=2)) == ("data", 7, 2, 1 << 13, "data", "message 7, part 2")
    assert summary(send(2)) == ("data", 7, 1, 2 << 13, "data", "message 7, part 3")


def test_an_ip_fragment_belongs_to_the_datagram_of_its_first_one() -> None:
    tracker = Tracker()
    for number, transmission in ((11, 1), (12, 2)):
        whole = wires.udp(message(5, b"x" * 100), number=number, place=0x2000)
        first = tracker.frame(whole, FORWARD)
        assert summary(first) == ("data", 5, transmission, 0, "data", "message 5")
        for place in (0x2000 | 185, 370):
            later = tracker.frame(wires.ip(17, b"the rest", number=number, place=place), FORWARD)
            part = place & 0x1FFF
            assert summary(later) == ("data", 5, transmission, part, "data", "IP fragment of message 5")
            assert (*carried(later), later.transport) == (5, 5, "udp")
    strange = tracker.frame(wires.ip(17, b"the rest", number=13, place=185), FORWARD)
    assert summary(strange) == ("data", 1, 1, 0, "data", "IP fragment")
    other_way = tracker.frame(wires.ip(17, b"the rest", number=12, place=185, back=True), BACK)
    assert other_way.label == "IP fragment"


def test_parts_of_our_fragments_and_of_ips_do_not_meet() -> None:
    tracker = Tracker()
    parts = set()
    for index in range(3):
        data = message(5, b"12345", fragment=(index, 3, 5, 15))
        parts.add(tracker.frame(wires.udp(data, number=index, place=0x2000), FORWARD).identity.part)
        for offset in (1, 100, 8191):
            parts.add(tracker.frame(wires.ip(17, b"rest", number=index, place=offset), FORWARD).identity.part)
    assert len(parts) == 12


def test_acknowledgments_and_controls_are_counted_each_direction_and_kind_alone() -> None:
    tracker = Tracker()
    nothing = wire.NUMBER.pack(SESSION)
    told = [
        tracker.frame(wires.udp(acknowledgment(1), back=True), BACK),
        tracker.frame(wires.udp(acknowledgment(2), back=True), BACK),
        tracker.frame(wires.udp(acknowledgment(2)), FORWARD),
        tracker.frame(wires.udp(control(Kind.PROBE)), FORWARD),
        tracker.frame(wires.udp(control(Kind.QUERY, wire.encode_query(1))), FORWARD),
        tracker.frame(wires.udp(control(Kind.PROBE_REPLY, nothing), back=True), BACK),
        tracker.frame(wires.udp(control(Kind.REPORT, bytes(120)), back=True), BACK),
        tracker.frame(wires.udp(control(Kind.CHALLENGE, bytes(12)), back=True), BACK),
        tracker.frame(wires.udp(control(Kind.COOKIE, wire.encode_cookie(bytes(12)))), FORWARD),
        tracker.frame(wires.udp(goodbye(2, number=9)), FORWARD),
        tracker.frame(wires.udp(goodbye(2, number=10)), FORWARD),
    ]
    assert [summary(reading) for reading in told] == [
        ("ack", 1, 1, 0, "ack", "acknowledgment"),
        ("ack", 2, 1, 0, "ack", "acknowledgment"),
        ("ack", 1, 1, 0, "ack", "acknowledgment"),
        ("control", 1, 1, 0, "ack", "probe"),
        ("control", 2, 1, 0, "ack", "query"),
        ("control", 1, 1, 0, "ack", "probe reply"),
        ("control", 2, 1, 0, "ack", "report"),
        ("control", 3, 1, 0, "ack", "challenge"),
        ("control", 3, 1, 0, "ack", "cookie"),
        ("control", 4, 1, 0, "teardown", "goodbye"),
        ("control", 5, 1, 0, "teardown", "goodbye"),
    ]
    assert {carried(reading) for reading in told} == {(0, 0)}


def test_every_kind_that_is_no_message_has_its_name() -> None:
    assert set(frames.CONTENTS) == set(wire.ACCEPTED_KINDS) - {Kind.MESSAGE}


def test_the_acknowledgment_of_a_goodbye_is_teardown_and_an_earlier_one_is_not() -> None:
    tracker = Tracker()

    def acknowledge(largest: int, session: int = SESSION) -> str:
        return tracker.frame(wires.udp(acknowledgment(largest, session=session), back=True), BACK).phase.value

    assert acknowledge(9) == "ack"  # nobody has said goodbye yet
    tracker.frame(wires.udp(goodbye(8, number=9)), FORWARD)
    assert acknowledge(8) == "ack"
    assert acknowledge(9) == "teardown"
    tracker.frame(wires.udp(goodbye(8, number=10)), FORWARD)
    assert acknowledge(9) == "teardown"  # it confirms the first of two
    assert acknowledge(10) == "teardown"
    assert acknowledge(99, session=77) == "ack"


@pytest.mark.parametrize(
    "payload",
    [
        b"hello",
        b"",
        b"UM",
        message(1)[:39],
        message(1).replace(b"UM\x01", b"UM\x02"),
        message(1).replace(b"UM\x01\x01", b"UM\x01\x0a"),
        message(1, b"", fragment=(0, 2, 1, 2))[:45],
        message(1).replace((1).to_bytes(8, "big"), bytes(8)),
    ],
    ids=["text", "empty", "magic", "cut-off", "version-2", "kind-10", "fragment-block-cut-off", "sequence-0"],
)
def test_what_is_no_message_of_ours_is_data_and_counted(payload: bytes) -> None:
    tracker = Tracker()
    assert summary(tracker.frame(wires.udp(payload), FORWARD)) == ("data", 1, 1, 0, "data", "datagram 1")
    assert summary(tracker.frame(wires.udp(payload), FORWARD)) == ("data", 2, 1, 0, "data", "datagram 2")
    assert tracker.frame(wires.udp(payload, back=True), BACK).identity == Identity(BACK, DATA, 1)


def test_a_datagram_without_its_frame_reads_the_same() -> None:
    payloads = [message(1), message(2), message(1), b"raw", goodbye(2, number=4), acknowledgment(4), control(Kind.PROBE), b""]
    framed, alone = Tracker(), Tracker()
    for payload in payloads:
        assert alone.datagram(payload, FORWARD) == framed.frame(wires.udp(payload), FORWARD)


def test_a_message_is_forgotten_only_after_very_many_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "REMEMBERED", 10)
    tracker = Tracker()
    for n in range(1, 1000):
        assert tracker.datagram(message(n), FORWARD).identity.transmission == 1
        for earlier in range(max(1, n - 9), n + 1):
            assert tracker.datagram(message(earlier), FORWARD).identity.transmission > 1
    assert len(tracker._newer[0]) + len(tracker._older[0]) <= 20


# ICMP and what else there is -------------------------------------------------------------------------------------------


def test_icmp_names_the_message_that_was_refused() -> None:
    tracker = Tracker()
    told = [
        tracker.frame(wires.icmp(3, 3, wires.udp(message(4))), BACK),
        tracker.frame(wires.icmp(3, 4, wires.udp(message(6, b"x" * 900))[:576]), BACK),
        tracker.frame(wires.icmp(3, 3, wires.udp(goodbye(4, number=5))), BACK),
        tracker.frame(wires.icmp(3, 3, wires.udp(b"raw")), BACK),
        tracker.frame(wires.icmp(3, 3, wires.udp(message(4))[:42]), BACK),  # RFC 792 asks for 8 bytes of UDP and no more
        tracker.frame(wires.icmp(3, 1, wires.tcp(1, b"bytes")), BACK),
        tracker.frame(wires.icmp(11, 0, wires.udp(message(9))), BACK),
        tracker.frame(wires.icmp(8, 0, b""), BACK),
        tracker.frame(wires.icmp(42, 0, b""), BACK),
    ]
    assert [(*summary(reading)[:2], *summary(reading)[4:]) for reading in told] == [
        ("control", 1, "ack", "ICMP port unreachable (message 4)"),
        ("control", 2, "ack", "ICMP too large (message 6)"),
        ("control", 3, "teardown", "ICMP port unreachable (goodbye)"),
        ("control", 4, "ack", "ICMP port unreachable"),
        ("control", 5, "ack", "ICMP port unreachable"),
        ("control", 6, "ack", "ICMP host unreachable"),
        ("control", 7, "ack", "ICMP time exceeded (message 9)"),
        ("control", 8, "ack", "ICMP echo"),
        ("control", 9, "ack", "ICMP type 42"),
    ]
    assert [carried(reading) for reading in told[:3]] == [(4, 4), (6, 6), (0, 0)]
    assert {reading.transport for reading in told} == {"icmp"}
    assert tracker.frame(wires.udp(message(4)), FORWARD).identity.transmission == 1  # what was quoted was not sent


def test_other_protocols_are_control() -> None:
    tracker = Tracker()
    told = [
        tracker.frame(wires.ethernet(bytes(28), ethertype=0x0806), FORWARD),
        tracker.frame(wires.ethernet(bytes(8), ethertype=0x0806), FORWARD),
        tracker.frame(wires.ethernet(bytes(60), ethertype=0x86DD), FORWARD),
        tracker.frame(wires.ethernet(bytes(60), ethertype=0x88CC), FORWARD),
        tracker.frame(wires.ip(2, bytes(8)), FORWARD),
    ]
    assert [reading.label for reading in told] == ["ARP", "ARP", "IPv6", "other", "IP protocol 2"]
    assert [reading.identity for reading in told] == [Identity(FORWARD, CONTROL, n) for n in range(1, 6)]
    assert {reading.transport for reading in told} == {"other"}


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        bytes(13),
        wires.udp(message(1))[:33],
        wires.udp(message(1))[:60],
        wires.tcp(1, b"hello")[:60] + b"",
        wires.ethernet(b"\x65" + bytes(40)),
        wires.ethernet(b"\x44\0\0\x28" + bytes(40)),
        wires.ip(17, b"1234567"),
        wires.ip(6, bytes(12)),
        wires.ip(6, bytes(20)),
        wires.ip(1, b""),
    ],
    ids=["empty", "short", "ip-cut", "udp-cut", "tcp-cut", "version-6", "small-ihl", "udp-7", "tcp-12", "tcp-offset-0", "icmp-0"],
)
def test_what_is_cut_off_or_garbled_is_not_understood_and_nothing_worse(frame: bytes) -> None:
    cut = frame[:-1] if len(frame) > 58 and frame[23:24] == b"\x06" and frame[46:47] != b"\0" else frame
    reading = Tracker().frame(cut, FORWARD)
    assert (reading.label, reading.transport) == ("not understood", "other")
    assert reading.identity == Identity(FORWARD, CONTROL, 1)


def test_options_of_ip_and_tcp_are_passed_over() -> None:
    tracker = Tracker()
    datagram = wires.udp(message(3))[34:]
    assert summary(tracker.frame(wires.ip(17, datagram, options=b"\x01" * 8), FORWARD))[1] == 3
    timestamps = b"\x01\x01\x08\x0a" + bytes(8)
    assert tracker.frame(wires.tcp(9, flags=SYN, options=timestamps), FORWARD).label == "SYN"
    segment = wires.tcp(10, stream_of(message(1, framed=True)), options=timestamps)
    assert summary(tracker.frame(segment, FORWARD)) == ("data", 1, 1, 0, "data", "message 1")


# Anything at all ----------------------------------------------------------------------------------------------------------


VALID = [
    wires.udp(message(1)),
    wires.udp(message(2, b"x" * 40, lowest=1, transmission=1, fragment=(0, 2, 40, 60), reply_to=3)),
    wires.udp(acknowledgment(4), back=True),
    wires.udp(goodbye(4, number=9)),
    wires.udp(message(5), place=0x2000),
    wires.ip(17, b"rest", place=64),
    wires.tcp(99, flags=SYN),
    wires.tcp(100, stream_of(message(1, framed=True), message(2, framed=True))),
    wires.tcp(500, flags=FIN | wires.ACK, back=True),
    wires.icmp(3, 3, wires.udp(message(7))),
    wires.ethernet(bytes(28), ethertype=0x0806),
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A frame cut off somewhere, with some bytes altered."""
    frame = bytearray(draw(st.sampled_from(VALID)))
    for place in draw(st.lists(st.integers(12, len(frame) - 1), max_size=4)):
        frame[place] = draw(st.integers(0, 255))
    return bytes(frame[: draw(st.integers(0, len(frame)))] if draw(st.booleans()) else frame)


@settings(max_examples=400)
@given(st.lists(st.tuples(damaged() | st.binary(max_size=80), st.sampled_from(Direction)), max_size=12))
def test_no_bytes_raise_and_every_frame_has_an_identity_that_a_fate_can_be_drawn_for(
    seen: list[tuple[bytes, Direction]],
) -> None:
    tracker = Tracker()
    counted: dict[tuple[Direction, FrameKind], int] = Counter()
    for frame, direction in seen:
        reading = tracker.frame(frame, direction)
        assert len(draws(1, reading.identity)) == 8
        assert reading.identity.direction is direction
        assert reading.identity.index > 0
        assert reading.label
        assert "{" not in reading.label
        assert reading.first_sequence <= reading.last_sequence or reading.transport == "tcp"
        if reading.identity.kind is ACK:
            counted[direction, ACK] += 1
            assert reading.identity.index == counted[direction, ACK]


@given(st.binary(max_size=200))
def test_no_payload_raises(payload: bytes) -> None:
    reading = Tracker().datagram(payload, FORWARD)
    assert reading.transport == "udp"
    assert len(draws(1, reading.identity)) == 8


def test_addresses_in_these_tests_are_what_they_seem() -> None:
    assert wires.udp(b"")[26:34] == SENDER + RECEIVER
    assert wires.udp(b"", back=True)[26:34] == RECEIVER + SENDER
