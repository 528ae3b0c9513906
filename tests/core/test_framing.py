"""A stream, however it is cut, becomes the messages that went in; a length that no message has ends it."""

import pytest

from tests.core.support import messages
from udpmsg.core.framing import MOST_TOGETHER, BadFrame, FrameReader, frame, misfit


def test_a_frame_is_a_length_and_the_bytes() -> None:
    assert frame(b"hello").hex() == "00000005" + b"hello".hex()
    assert frame(b"") == bytes(4)


def test_three_messages_in_one_read() -> None:
    reader = FrameReader(10)
    assert messages(reader.feed(frame(b"one") + frame(b"2") + frame(b"three"))) == [b"one", b"2", b"three"]
    assert reader.pending == 0
    assert reader.announced is None


def test_one_byte_a_read() -> None:
    reader = FrameReader(10)
    stream = frame(b"hello")
    seen = []
    for byte in stream:
        assert messages(reader.feed(bytes([byte]))) == ([b"hello"] if reader.pending == 0 else [])
        seen.append((reader.pending, reader.announced))
    assert seen == [(1, None), (2, None), (3, None), (4, 9), (5, 9), (6, 9), (7, 9), (8, 9), (0, None)]


def test_a_read_that_ends_inside_the_next_frame() -> None:
    reader = FrameReader(10)
    assert messages(reader.feed(frame(b"one") + frame(b"three")[:7])) == [b"one"]
    assert (reader.pending, reader.announced) == (7, 9)
    assert messages(reader.feed(b"ee")) == [b"three"]


def test_at_the_limit_and_one_above() -> None:
    reader = FrameReader(5)
    assert messages(reader.feed(frame(b"x" * 5))) == [b"x" * 5]
    with pytest.raises(BadFrame) as error:
        reader.feed(b"\0\0\0\6")
    assert str(error.value) == "a frame of 6 bytes is announced and the limit is 5"


def test_the_largest_length_is_refused_as_soon_as_it_is_known() -> None:
    reader = FrameReader(1 << 20)
    assert messages(reader.feed(b"\xff\xff\xff")) == []
    with pytest.raises(BadFrame, match="4294967295"):
        reader.feed(b"\xff")


def test_what_came_before_a_bad_length_is_not_read_again() -> None:
    reader = FrameReader(5)
    with pytest.raises(BadFrame):
        reader.feed(frame(b"fine") + b"HTTP")
    assert reader.pending == 4


def test_what_is_left_when_the_stream_ends_is_no_message() -> None:
    reader = FrameReader(5)
    reader.feed(frame(b"fine") + b"\0\0\0\3no")
    assert reader.pending == 6
    assert reader.rest() == []
    assert reader.pending == 0


def test_a_run_is_never_longer_than_what_decoding_remembers_layouts_for() -> None:
    """A peer chooses how many frames stand together: for each count one layout is remembered, as large as the run is long."""
    stream = frame(b"x" * 40) * (2 * MOST_TOGETHER + 1)
    runs = FrameReader(50).feed(stream)
    assert [len(run.datagrams()) for run in runs] == [MOST_TOGETHER, MOST_TOGETHER, 1]
    assert b"".join(bytes(run.data) for run in runs) == stream


def test_an_empty_frame_is_none() -> None:
    """Every message has a header. Four bytes each, they would be the cheapest way to keep a reader busy."""
    reader = FrameReader(5)
    reader.add(frame(b"fine") + frame(b"") * 1000)
    assert messages(reader.take()) == [b"fine"]
    with pytest.raises(BadFrame, match="an empty frame"):
        reader.take()


def test_messages_are_taken_in_portions() -> None:
    """By count and by bytes, with their lengths; but one is always taken, or a large message would never be."""
    reader = FrameReader(50)
    reader.add(b"".join(frame(b"%d" % number + b"x" * 39) for number in range(5)) + frame(b"y" * 50))
    assert messages(reader.take(2)) == [b"0" + b"x" * 39, b"1" + b"x" * 39]
    assert messages(reader.take(9, 90)) == [b"2" + b"x" * 39, b"3" + b"x" * 39]
    assert messages(reader.take(9, 97)) == [b"4" + b"x" * 39]
    assert reader.ready
    assert messages(reader.take(9, 1)) == [b"y" * 50]
    assert not reader.ready
    assert reader.take() == []


def test_tiny_frames_cost_what_the_stream_costs_until_they_are_taken() -> None:
    reader = FrameReader(50)
    stream = frame(b"x") * 50_000
    reader.add(stream)
    assert len(stream) <= reader.held <= len(stream) * 9 // 8 + 100
    reader.take(10_000)
    assert reader.pending == 40_000 * 5
    reader.take()
    assert reader.held < 100


def test_one_byte_a_read_costs_the_same_for_each_byte() -> None:
    """The unfinished frame is one buffer: it is moved seldom as it grows, and not once for each byte."""
    size = 200_000
    reader = FrameReader(size)
    moves = 0
    held = 0
    for byte in frame(bytes(size)):
        reader.add(bytes([byte]))
        moves += reader.held != held
        held = reader.held
        assert reader.pending <= held <= reader.pending * 9 // 8 + 100
    assert moves < 150
    assert messages(reader.take()) == [bytes(size)]


def test_which_frames_fit() -> None:
    assert [length for length in range(-1, 5) if misfit(length, 3) is None] == [1, 2, 3]
    assert str(misfit(4, 3)) == "a frame of 4 bytes is announced and the limit is 3"
    assert str(misfit(0, 3)) == "an empty frame, and every message has a header"
