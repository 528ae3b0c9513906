"""Framing: whole messages come out, however the stream is cut."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.core.support import messages as whole
from udpmsg.core.framing import LENGTH, BadFrame, FrameReader, frame


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    """The stream in pieces."""
    edges = [0, *sorted(min(place, len(stream)) for place in places), len(stream)]
    return [stream[first:last] for first, last in pairwise(edges)]


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=20), st.lists(st.integers(0, 1300), max_size=30))
def test_framing_does_not_depend_on_how_the_stream_is_cut(messages: list[bytes], places: list[int]) -> None:
    reader = FrameReader(60)
    out = []
    for piece in cut(b"".join(map(frame, messages)), places):
        out += whole(reader.feed(piece))
    assert out == messages
    assert reader.pending == 0


@given(st.lists(st.binary(min_size=1, max_size=9), max_size=9))
def test_one_byte_at_a_time(messages: list[bytes]) -> None:
    reader = FrameReader(9)
    out = []
    for byte in b"".join(map(frame, messages)):
        out += whole(reader.feed(bytes([byte])))
        assert reader.pending <= 9 + LENGTH.size
    assert out == messages


@given(
    st.integers(0, 100),
    st.lists(st.binary(min_size=1, max_size=30), max_size=5),
    st.integers(1, 2**32 - 1),
    st.lists(st.integers(0, 200), max_size=9),
)
def test_a_length_above_the_limit_is_refused_however_it_is_cut(
    limit: int, before: list[bytes], more: int, places: list[int]
) -> None:
    too_long = min(limit + more, 2**32 - 1)
    good = [message for message in before if len(message) <= limit]
    stream = b"".join(map(frame, good)) + LENGTH.pack(too_long) + b"never kept"
    reader = FrameReader(limit)
    out: list[bytes] = []
    assert not feed_all(reader, cut(stream, places), out, limit)
    assert out == good[: len(out)]


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=9))
def test_arbitrary_bytes_give_messages_or_the_named_error_and_keep_no_more_than_one_frame(
    stream: bytes, places: list[int]
) -> None:
    out: list[bytes] = []
    feed_all(FrameReader(50), cut(stream, places), out, 50)
    assert all(len(message) <= 50 for message in out)


def feed_all(reader: FrameReader, pieces: list[bytes], out: list[bytes], limit: int) -> bool:
    """Feed the pieces, checking what is kept after each; False when a length was refused."""
    try:
        for piece in pieces:
            out += whole(reader.feed(piece))
            assert reader.pending <= limit + LENGTH.size
            assert reader.announced is None or reader.announced <= limit + LENGTH.size
    except BadFrame:
        return False
    return True


@given(
    st.lists(st.binary(min_size=1, max_size=60), max_size=20),
    st.lists(st.tuples(st.integers(1, 5), st.integers(0, 200)), max_size=20),
    st.lists(st.integers(0, 1300), max_size=9),
)
def test_portions_change_nothing(messages: list[bytes], portions: list[tuple[int, int]], places: list[int]) -> None:
    reader = FrameReader(60)
    out: list[bytes] = []
    for piece in cut(b"".join(map(frame, messages)), places):
        reader.add(piece)
        for most, size in portions:
            taken = whole(reader.take(most, size))
            assert len(taken) <= most
            assert len(taken) <= 1 or sum(map(len, taken)) <= size
            out += taken
    while reader.ready:
        out += whole(reader.take())
    assert out == messages
    assert reader.pending == 0
