"""A stream, however it is cut, becomes the messages that went in; a length above the limit ends it before anything is kept."""

import pytest

from tests.core.support import messages
from udpmsg.core.framing import MOST_TOGETHER, FrameReader, FrameTooLarge, frame


def test_a_frame_is_a_length_and_the_bytes() -> None:
    assert frame(b"hello").hex() == "00000005" + b"hello".hex()
    assert frame(b"") == bytes(4)


def test_three_messages_in_one_read() -> None:
    reader = FrameReader(10)
    assert messages(reader.feed(frame(b"one") + frame(b"") + frame(b"three"))) == [b"one", b"", b"three"]
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
    with pytest.raises(FrameTooLarge) as error:
        reader.feed(b"\0\0\0\6")
    assert str(error.value) == "a frame of 6 bytes is announced and the limit is 5"


def test_the_largest_length_is_refused_as_soon_as_it_is_known() -> None:
    reader = FrameReader(1 << 20)
    assert messages(reader.feed(b"\xff\xff\xff")) == []
    with pytest.raises(FrameTooLarge, match="4294967295"):
        reader.feed(b"\xff")


def test_what_came_before_a_bad_length_is_not_read_again() -> None:
    reader = FrameReader(5)
    with pytest.raises(FrameTooLarge):
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
