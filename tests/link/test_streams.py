"""TCP as the link reads it: whole connections, then any cut of a stream with any repeats, against a slow reading byte by byte."""

from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.link import wires
from tests.link.wires import FIN, PUSH, RST, SYN, acknowledgment, carried, control, goodbye, message, stream_of, summary
from udpmsg.core.wire import Kind
from udpmsg.link.frames import Content, Tracker
from udpmsg.link.record import Direction, FrameKind, Identity, Phase
from udpmsg.link.streams import Stream

FORWARD, BACK = Direction.FORWARD, Direction.BACK


@dataclass
class Connection:
    """One connection whose frames a tracker reads."""

    isn: int = 1000
    isn_back: int = 5_000_000
    client: int = wires.CLIENT
    tracker: Tracker = field(default_factory=Tracker)
    forward: int = 0
    back: int = 0

    def __post_init__(self) -> None:
        self.forward, self.back = self.isn + 1, self.isn_back + 1

    def segment(self, at: int, payload: bytes = b"", *, flags: int = wires.ACK, acknowledged: int | None = None) -> Content:
        """From the sender."""
        acknowledged = self.back if acknowledged is None else acknowledged
        frame = wires.tcp(at, payload, flags=flags, acknowledged=acknowledged, client=self.client)
        return self.tracker.frame(frame, FORWARD)

    def answer(self, at: int, payload: bytes = b"", *, flags: int = wires.ACK, acknowledged: int | None = None) -> Content:
        """From the receiver."""
        acknowledged = self.forward if acknowledged is None else acknowledged
        frame = wires.tcp(at, payload, flags=flags, acknowledged=acknowledged, client=self.client, back=True)
        return self.tracker.frame(frame, BACK)

    def open(self) -> list[Content]:
        return [
            self.segment(self.isn, flags=SYN, acknowledged=0),
            self.answer(self.isn_back, flags=SYN | wires.ACK),
            self.segment(self.forward),
        ]

    def send(self, payload: bytes) -> Content:
        """New bytes."""
        reading = self.segment(self.forward, payload, flags=wires.ACK | PUSH)
        self.forward += len(payload)
        return reading


def encoded(*numbers: int, size: int = 20) -> bytes:
    """Messages with these numbers, framed; each has size + 44 bytes on the stream."""
    return stream_of(*(message(n, b"x" * size, framed=True) for n in numbers))


def test_a_whole_connection_has_its_parts() -> None:
    connection = Connection()
    told = connection.open()
    told.append(connection.send(encoded(1)))
    told.append(connection.answer(connection.back))
    told.append(connection.send(encoded(2)))
    told.append(connection.answer(connection.back))
    told.append(connection.send(stream_of(goodbye(2, number=3, framed=True))))
    told.append(connection.answer(connection.back))
    told.append(connection.segment(connection.forward, flags=wires.ACK | FIN))
    told.append(connection.answer(connection.back, acknowledged=connection.forward + 1))
    told.append(connection.answer(connection.back, flags=wires.ACK | FIN, acknowledged=connection.forward + 1))
    told.append(connection.segment(connection.forward + 1, acknowledged=connection.back + 1))
    assert [summary(reading) for reading in told] == [
        ("control", 1, 1, 0, "handshake", "SYN"),
        ("control", 1, 1, 0, "handshake", "SYN-ACK"),
        ("ack", 1, 1, 0, "handshake", "ACK"),
        ("data", 1, 1, 0, "data", "message 1"),
        ("ack", 1, 1, 0, "ack", "ACK"),
        ("data", 2, 1, 0, "data", "message 2"),
        ("ack", 2, 1, 0, "ack", "ACK"),
        ("control", 2, 1, 0, "teardown", "goodbye"),
        ("ack", 3, 1, 0, "ack", "ACK"),
        ("control", 3, 1, 0, "teardown", "FIN"),
        ("ack", 4, 1, 0, "teardown", "ACK"),
        ("control", 2, 1, 0, "teardown", "FIN"),
        ("ack", 2, 1, 0, "teardown", "ACK"),
    ]
    assert {reading.transport for reading in told} == {"tcp"}


def test_what_pads_a_frame_is_no_byte_of_a_stream() -> None:
    connection = Connection()
    connection.open()
    reading = connection.tracker.frame(wires.tcp(connection.forward, acknowledged=connection.back) + bytes(6), FORWARD)
    assert reading.identity.kind is FrameKind.ACK


def test_a_handshake_that_loses_frames_is_still_a_handshake() -> None:
    connection = Connection()
    syn = connection.segment(connection.isn, flags=SYN, acknowledged=0)
    again = connection.segment(connection.isn, flags=SYN, acknowledged=0)
    assert [summary(syn), summary(again)] == [
        ("control", 1, 1, 0, "handshake", "SYN"),
        ("control", 2, 1, 0, "handshake", "SYN"),
    ]
    for number in (1, 2):
        answer = connection.answer(connection.isn_back, flags=SYN | wires.ACK)
        assert summary(answer) == ("control", number, 1, 0, "handshake", "SYN-ACK")
        assert summary(connection.segment(connection.forward)) == ("ack", number, 1, 0, "handshake", "ACK")
    connection.send(encoded(1))
    assert connection.segment(connection.forward).phase is Phase.ACKNOWLEDGMENT


def test_a_refused_connection_ends_with_rst() -> None:
    connection = Connection()
    connection.segment(connection.isn, flags=SYN, acknowledged=0)
    assert summary(connection.answer(0, flags=RST | wires.ACK)) == ("control", 1, 1, 0, "teardown", "RST")


def test_several_messages_in_one_segment_and_one_message_in_several() -> None:
    connection = Connection()
    connection.open()
    large = encoded(4, size=1000)
    told = [
        connection.send(encoded(1, 2, 3)),
        connection.send(large[:500]),
        connection.send(large[500:800]),
        connection.send(large[800:] + encoded(5)),
        connection.send(encoded(6)),
    ]
    assert [summary(reading) for reading in told] == [
        ("data", 1, 1, 0, "data", "messages 1–3"),
        ("data", 4, 1, 0, "data", "message 4, part 1"),
        ("data", 4, 1, 1, "data", "message 4, part 2"),
        ("data", 4, 1, 2, "data", "messages 4–5"),
        ("data", 6, 1, 0, "data", "message 6"),
    ]
    assert [carried(reading) for reading in told] == [(1, 3), (4, 4), (4, 4), (4, 5), (6, 6)]


def test_a_repeated_segment_has_the_index_and_part_of_what_carried_its_first_byte() -> None:
    connection = Connection()
    connection.open()
    start = connection.forward
    one = len(encoded(1))
    for n in range(1, 6):
        connection.send(encoded(n))
    fourth = connection.segment(start + 3 * one, encoded(4))
    assert summary(fourth) == ("data", 4, 2, 0, "data", "message 4")
    together = connection.segment(start + 3 * one, encoded(4, 5))
    assert summary(together) == ("data", 4, 3, 0, "data", "messages 4–5")
    assert carried(together) == (4, 5)
    middle = connection.segment(start + 3 * one + 10, encoded(4)[10:])
    assert summary(middle) == ("data", 4, 4, 0, "data", "message 4, part 1")
    assert summary(connection.segment(start + 4 * one, encoded(5))) == ("data", 5, 2, 0, "data", "message 5")


def test_old_bytes_with_new_ones_are_a_repeat_and_so_are_those_new_ones_later() -> None:
    connection = Connection()
    connection.open()
    start = connection.forward
    connection.send(encoded(1))
    both = connection.segment(start, encoded(1, 2))
    assert summary(both) == ("data", 1, 2, 0, "data", "messages 1–2")
    second = connection.segment(start + len(encoded(1)), encoded(2))
    assert summary(second) == ("data", 1, 3, 0, "data", "message 2")
    connection.forward = start + len(encoded(1, 2))
    assert summary(connection.send(encoded(3))) == ("data", 3, 1, 0, "data", "message 3")


def test_a_length_or_header_in_two_segments_is_read_all_the_same() -> None:
    for place in range(1, 64):
        connection = Connection()
        connection.open()
        connection.send(encoded(1))
        start = connection.forward
        first = connection.send(encoded(2)[:place])
        second = connection.send(encoded(2)[place:] + encoded(3))
        assert summary(first) == ("data", 2, 1, 0, "data", "message 2, part 1"), place
        assert summary(second) == ("data", 2, 1, 1, "data", "messages 2–3"), place
        again = connection.segment(start, encoded(2, 3))
        assert (*summary(again)[:4], *carried(again)) == ("data", 2, 2, 0, 2, 3)


def test_a_stream_byte_by_byte() -> None:
    connection = Connection()
    connection.open()
    stream = encoded(1, 2)
    told = [connection.send(stream[place : place + 1]) for place in range(len(stream))]
    half = len(stream) // 2
    assert [summary(reading)[1:4] for reading in told] == [(1 + n // half, 1, n % half) for n in range(len(stream))]
    assert [carried(reading) for reading in told] == [(1, 1)] * half + [(2, 2)] * half


def test_our_acknowledgments_in_a_stream_are_data_that_is_billed_as_acknowledgment() -> None:
    connection = Connection()
    connection.open()
    told = []
    for largest in (1, 2):
        payload = stream_of(acknowledgment(largest, framed=True))
        told.append(connection.answer(connection.back, payload))
        connection.back += len(payload)
    reply = stream_of(acknowledgment(3, framed=True), message(1, framed=True, reply_to=3))
    told.append(connection.answer(connection.back, reply))
    connection.back += len(reply)
    told.append(connection.answer(connection.back - len(reply), reply))
    assert [summary(reading) for reading in told] == [
        ("data", 1, 1, 0, "ack", "acknowledgment"),
        ("data", 2, 1, 0, "ack", "acknowledgment"),
        ("data", 3, 1, 0, "ack", "acknowledgment"),
        ("data", 3, 2, 0, "ack", "acknowledgment"),
    ]
    assert [carried(reading) for reading in told] == [(0, 0), (0, 0), (1, 1), (1, 1)]


def test_a_stream_that_is_not_ours_is_counted() -> None:
    connection = Connection()
    connection.open()
    start = connection.forward
    told = [connection.send(text) for text in (b"GET / HTTP/1.1\r\n", b"\r\n", b"\0\0\0\x30UN")]
    told.append(connection.segment(start + 5, b"HTTP/1.1"))
    assert [summary(reading) for reading in told] == [
        ("data", 1, 1, 0, "data", "segment 1"),
        ("data", 2, 1, 0, "data", "segment 2"),
        ("data", 3, 1, 0, "data", "segment 3"),
        ("data", 1, 2, 0, "data", "segment 1"),
    ]
    assert {carried(reading) for reading in told} == {(0, 0)}


@pytest.mark.parametrize(
    "strange",
    [b"\0\0\0\x40XX\x01\x01" + bytes(60), b"\0\0\0\x05UM\x01\x01" + bytes(60), b"hello", b"\0\0\0\x40UM\x02"],
    ids=["magic", "length", "text", "version"],
)
def test_a_stream_that_stops_being_ours_is_counted_from_there(strange: bytes) -> None:
    connection = Connection()
    connection.open()
    start = connection.forward
    assert connection.send(encoded(1)).label == "message 1"
    assert summary(connection.send(strange)) == ("data", 1, 1, 0, "data", "segment 1")
    assert summary(connection.send(encoded(2))) == ("data", 2, 1, 0, "data", "segment 2")
    again = connection.segment(start, encoded(1))
    assert (*summary(again)[:4], *carried(again)) == ("data", 1, 2, 0, 1, 1)


def test_two_connections_do_not_meet_and_the_same_ports_may_begin_again() -> None:
    one = Connection()
    two = Connection(isn=77, client=41_000, tracker=one.tracker)
    for connection in (one, two):
        connection.open()
        assert connection.send(encoded(1)).identity == Identity(FORWARD, FrameKind.DATA, 1)
    three = Connection(isn=123_456, isn_back=99, tracker=one.tracker)
    assert [reading.phase for reading in three.open()] == [Phase.HANDSHAKE] * 3
    assert summary(three.send(encoded(1))) == ("data", 1, 1, 0, "data", "message 1")


def test_a_connection_whose_beginning_nobody_saw() -> None:
    connection = Connection()
    assert summary(connection.segment(connection.forward)) == ("ack", 1, 1, 0, "ack", "ACK")
    assert connection.send(encoded(6)).label == "message 6"
    assert connection.segment(connection.isn + 1, encoded(6)).identity.transmission == 2


def test_bytes_that_never_crossed_the_link_leave_a_hole_that_can_be_filled() -> None:
    connection = Connection()
    connection.open()
    start = connection.forward
    connection.send(encoded(1))
    connection.forward += 500
    after = connection.send(encoded(9))
    assert summary(after) == ("data", 1, 1, 0, "data", "segment 1")
    filling = [connection.segment(start + len(encoded(1)) + at, b"x" * 100) for at in (0, 200, 0)]
    assert [summary(reading)[:4] for reading in filling] == [("data", 2, 1, 0), ("data", 2, 2, 0), ("data", 2, 3, 0)]
    assert {carried(reading) for reading in filling} == {(0, 0)}


def test_a_byte_of_before_the_stream_is_counted_and_harmless() -> None:
    connection = Connection()
    connection.open()
    assert summary(connection.segment(connection.isn, b"\0")) == ("data", 1, 1, 0, "data", "segment 1")
    assert connection.send(encoded(1)).label == "message 1"
    assert summary(connection.segment(connection.isn, b"\0" + encoded(1))) == ("data", 1, 2, 0, "data", "message 1")


def test_a_stream_beyond_4_gib_keeps_its_place() -> None:
    mebibyte = 1 << 20
    isn = 2**32 - 5
    stream = Stream(isn)
    position = 0
    for n in range(1, 18):  # 17 messages of 256 MiB less a little
        size = 256 * mebibyte - 4
        head = message(n, framed=True)[:40]
        first = (size.to_bytes(4, "big") + head).ljust(mebibyte, b"x")
        rest = bytes(mebibyte)
        for part in range(256):
            cut, *messages, partial = stream.carry((isn + position) % 2**32, rest if part else first, 0, mebibyte)
            assert (cut.content, cut.part, cut.seen, messages, partial) == (n, part, 1, [n, n], True)
            position += mebibyte
    cut, *messages, partial = stream.carry((isn + position - 300 * mebibyte) % 2**32, bytes(mebibyte), 0, mebibyte)
    assert (cut.content, cut.part, cut.seen, messages, partial) == (16, 256 - 44, 2, [16, 16], True)
    assert stream.end == 17 * 256 * mebibyte > 2**32


# Any cut of a stream ------------------------------------------------------------------------------------------------------


LENGTHS = st.integers(0, 149).map(lambda less: 150 - less) | st.integers(1, 5)
"""Of segments. The long ones are the simple ones: a stream of one-byte segments is no small example."""


@st.composite
def cut_streams(draw: st.DrawFn, others: bool) -> tuple[list[tuple[int, bytes]], list[tuple[int, int]], int]:
    """Frames on a stream (message number or minus kind, bytes), segments (begin, end) in order, and the first number of TCP's."""
    frames = []
    number = 0
    for size in draw(st.lists(st.integers(0, 80), min_size=1, max_size=8)):
        if others and draw(st.integers(0, 3)) == 0:
            kind = draw(st.sampled_from([Kind.ACK, Kind.GOODBYE, Kind.PROBE, Kind.QUERY]))
            frames.append((-kind.value, stream_of(control(kind, b"x" * size, framed=True))))
        else:
            number += 1
            frames.append((number, stream_of(message(number, b"x" * size, framed=True))))
    total = sum(len(data) for _, data in frames)
    segments = []
    high = 0
    while high < total:
        begin = high
        if high and draw(st.integers(0, 3)) == 0:
            begin = draw(st.integers(0, high - 1))
        end = min(total, begin + draw(LENGTHS))
        segments.append((begin, end))
        high = max(high, end)
    for _ in range(draw(st.integers(0, 4))):
        begin = draw(st.integers(0, total - 1))
        segments.append((begin, draw(st.integers(begin + 1, total))))
    return frames, segments, draw(st.integers(0, 2**32 - 1))


class Oracle:
    """What a segment is, byte by byte: slow, and without anything of the code that is tested.

    A frame of whose header fewer than eight bytes have come is taken for the next message: nobody can know better.
    """

    def __init__(self, frames: list[tuple[int, bytes]]) -> None:
        self.starts = [sum(len(data) for _, data in frames[:place]) for place in range(len(frames))]
        self.contents = [content for content, _ in frames]
        self.high = 0
        self.brought: list[tuple[str, int, int]] = []
        """Kind, index and part of each segment that brought new bytes, in their order."""
        self.brought_by: dict[int, int] = {}
        """Byte -> which of them."""
        self.begun_inside: dict[int, int] = Counter()
        self.seen: dict[int, int] = Counter()
        self.counted: dict[str, int] = Counter(control=1)  # the SYN

    def content(self, place: int) -> int:
        """Of a frame, as far as it can be known."""
        content = self.contents[place]
        if content < 0 and self.high - self.starts[place] < 8:
            return 1 + max([0, *self.contents[:place]])
        return content

    def frame_at(self, byte: int) -> int:
        return bisect_right(self.starts, byte) - 1

    def carry(self, begin: int, end: int) -> tuple[str, int, int, int, int, int]:
        """Kind, index, transmission, part, first and last message."""
        old, self.high = self.high, max(self.high, end)
        if begin == old:
            self.brought.append(self.identity_of_new(begin))
        bringer = self.brought_by.get(begin, len(self.brought) - 1)
        for byte in range(old, self.high):
            self.brought_by[byte] = bringer
        self.seen[bringer] += 1
        inside = {self.content(self.frame_at(byte)) for byte in range(begin, end)}
        messages = sorted(content for content in inside if content > 0) or [0]
        kind, index, part = self.brought[bringer]
        return kind, index, self.seen[bringer], part, messages[0], messages[-1]

    def identity_of_new(self, begin: int) -> tuple[str, int, int]:
        place = self.frame_at(begin)
        part = 0
        if begin > self.starts[place]:
            self.begun_inside[place] += 1
            part = self.begun_inside[place]
        content = self.content(place)
        if content > 0:
            return "data", content, part
        kind = "data" if content == -Kind.ACK.value else "control"
        self.counted[kind] += 1
        return kind, self.counted[kind], 0


@settings(max_examples=500)
@given(st.booleans().flatmap(cut_streams))
def test_any_cut_of_a_stream_with_any_repeats_is_read_as_byte_by_byte(
    drawn: tuple[list[tuple[int, bytes]], list[tuple[int, int]], int],
) -> None:
    frames, segments, isn = drawn
    stream = b"".join(data for _, data in frames)
    connection = Connection(isn=isn)
    connection.open()
    oracle = Oracle(frames)
    for begin, end in segments:
        reading = connection.segment(isn + 1 + begin, stream[begin:end])
        identity = reading.identity
        told = (identity.kind.value, identity.index, identity.transmission, identity.part, *carried(reading))
        assert told == oracle.carry(begin, end)


@settings(max_examples=300)
@given(cut_streams(others=False))
def test_every_message_begins_in_exactly_one_first_transmission(
    drawn: tuple[list[tuple[int, bytes]], list[tuple[int, int]], int],
) -> None:
    frames, segments, isn = drawn
    stream = b"".join(data for _, data in frames)
    connection = Connection(isn=isn)
    connection.open()
    begun = Counter()
    transmissions = defaultdict(list)
    high = 0
    for begin, end in segments:
        reading = connection.segment(isn + 1 + begin, stream[begin:end])
        identity = reading.identity
        transmissions[identity.index, identity.part].append(identity.transmission)
        if begin == high:
            begins_here = reading.first_sequence + (identity.part > 0)  # as `way.hits` has it
            begun.update(range(begins_here, reading.last_sequence + 1))
        elif end > high:  # old bytes and new ones: what begins among the new ones begins in a repeat
            starts = [sum(len(data) for _, data in frames[:place]) for place in range(len(frames))]
            begun.update(number for start, (number, _) in zip(starts, frames, strict=True) if high <= start < end)
        high = max(high, end)
    assert begun == Counter(range(1, len(frames) + 1))
    for counted in transmissions.values():
        assert counted == list(range(1, len(counted) + 1))
