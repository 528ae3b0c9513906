"""Lines of standard input: however a stream comes in pieces, its lines are the same; what came together is taken together."""

import os
import sys
import threading
from collections.abc import Iterable, Iterator
from io import TextIOWrapper
from itertools import pairwise
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.conftest import PATIENCE
from udpmsg.cli.lines import PIECE, READ_AHEAD, CannotRead, Line, Lines, LineTooLong, cut


def told(lines: list[Line]) -> list[bytes | int]:
    """The lines, and of one that is too long its size."""
    return [len(line) if isinstance(line, LineTooLong) else line for line in lines]


def expected(stream: bytes, limit: int) -> list[bytes | int]:
    """The lines of a stream that is there at once."""
    *ended, last = stream.split(b"\n")
    lines = [line.removesuffix(b"\r") for line in ended] + ([last] if last else [])
    return [line if len(line) <= limit else len(line) for line in lines]


BYTES = st.lists(st.sampled_from([b"\n", b"\r", b"\r\n", b"\0", b"\xff", b"\xe2\x80", b"a", b"bb", b"c" * 20])).map(b"".join)


@given(stream=BYTES, cuts=st.lists(st.integers(0, 200)), limit=st.integers(0, 30))
def test_the_lines_are_the_same_however_they_come(stream: bytes, cuts: list[int], limit: int) -> None:
    places = [0, *sorted(place for place in cuts if place < len(stream)), len(stream)]
    pieces = [stream[begin:end] for begin, end in pairwise(places)]
    lines = [line for together in cut(pieces, limit) for line in together]
    assert told(lines) == expected(stream, limit)


def test_the_lines_that_a_piece_ends_come_together() -> None:
    assert list(cut([b"a\nb\nc", b"", b"c\n", b"d"], 10)) == [[b"a", b"b"], [b"cc"], [b"d"]]


def test_a_line_that_is_far_too_long_is_not_kept() -> None:
    """A gibibyte would be seen in memory; its pieces are one object here."""
    piece = bytes(1 << 20)
    (line,) = [line for together in cut([piece] * 1024 + [b"\r\n"], 1 << 20) for line in together]
    assert (type(line), len(line)) == (LineTooLong, 1 << 30)


class Input:
    """Standard input that a test writes to."""

    def __init__(self) -> None:
        reading, self._writing = os.pipe()
        self.stream = TextIOWrapper(os.fdopen(reading, "rb"))
        self.woken = Event()

    def write(self, data: bytes) -> None:
        os.write(self._writing, data)

    def close(self) -> None:
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1

    def take(self, lines: Lines, most: int = 1000) -> list[bytes | int]:
        """What is there once it has woken whoever waits."""
        while not (taken := lines.take(most)) and not lines.ended:
            assert self.woken.wait(PATIENCE)
            self.woken.clear()
        return told(taken)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Input]:
    given_to = Input()
    monkeypatch.setattr(sys, "stdin", given_to.stream)
    yield given_to
    given_to.close()
    for thread in threading.enumerate():
        if thread.name == "standard input":
            thread.join(PATIENCE)
    given_to.stream.close()


def test_what_is_there_is_taken_together_and_what_comes_alone_alone(typed: Input) -> None:
    typed.write(b"1\n2\n3\n")
    lines = Lines(typed.woken.set, 100)
    assert typed.take(lines, 2) == [b"1", b"2"]
    assert typed.take(lines, 2) == [b"3"]
    assert not lines.ended
    typed.write(b"alone\n")
    assert typed.take(lines) == [b"alone"]
    typed.write(b"no end")
    typed.close()
    assert typed.take(lines) == [b"no end"]
    assert typed.take(lines) == []
    assert lines.ended


class Pieces:
    """Standard input that has this to say, and then an error or its end."""

    def __init__(self, pieces: Iterable[bytes], error: OSError | None = None) -> None:
        self.buffer = self
        self.read = 0
        self._pieces = iter(pieces)
        self._error = error

    def read1(self, size: int) -> bytes:
        assert size == PIECE
        for piece in self._pieces:
            self.read += 1
            return piece
        if self._error is not None:
            raise self._error
        return b""


def test_little_is_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """As much as may wait, what is being put there, and what is taken already."""
    pieces = Pieces([b"a line\n"] * 200)
    monkeypatch.setattr(sys, "stdin", pieces)
    woken = Event()
    lines = Lines(woken.set, 100)
    for taken in range(200):
        while not lines.take(1):
            assert woken.wait(PATIENCE)
            woken.clear()
        assert pieces.read <= taken + 1 + READ_AHEAD + 2


def test_a_failure_is_raised_after_the_lines_that_came_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Pieces([b"one\ntwo"], OSError(5, "Input/output error")))
    woken = Event()
    lines = Lines(woken.set, 100)
    while not (taken := lines.take(10)):
        assert woken.wait(PATIENCE)
        woken.clear()
    assert taken == [b"one"]
    while not lines.ended:
        assert woken.wait(PATIENCE)
    with pytest.raises(CannotRead, match="Input/output error"):
        lines.take(10)
