"""The writers: a reader that went away, a full disk, a closed stream, a terminal's bottom line."""

import io
import os
import threading
from collections.abc import Iterator

import pytest

from udpmsg.show.stream import PIECE, Data, Words, colourful, forgiving, is_terminal, rows_of


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise io.UnsupportedOperation


def test_data_goes_out_in_whole_lines() -> None:
    stream = io.StringIO()
    data = Data(stream, Words(None))
    assert data.write("one") == 1
    assert data.write("two", "three") == 2
    assert data.write() == 0
    assert (stream.getvalue(), data.broken) == ("one\ntwo\nthree\n", None)


@pytest.mark.skipif(os.name != "posix", reason="elsewhere nobody tells how much was written")
@pytest.mark.parametrize(("room", "whole"), [(0, 0), (3, 0), (4, 1), (9, 1), (10, 2), (12, 2), (13, 3), (17, 3)])
def test_of_a_batch_it_is_known_which_lines_are_whole(monkeypatch: pytest.MonkeyPatch, room: int, whole: int) -> None:
    """A disk that is full in the middle: the lines before are there, and no other counts."""
    left = room

    def write(descriptor: int, piece: memoryview) -> int:
        nonlocal left
        if not left:
            raise OSError(28, "No space left on device")
        taken = min(left, len(piece), 5)
        left -= taken
        return taken

    reading, writing = os.pipe()
    with os.fdopen(reading), os.fdopen(writing, "w", encoding="utf-8") as stream:
        monkeypatch.setattr("udpmsg.show.stream.os.write", write)
        data = Data(stream, Words(None))
        assert data.write("one", "deux\n", "漢!"[1:] + "?", "4444444") == whole
        assert data.broken == "cannot write to standard output: No space left on device"
        monkeypatch.undo()


@pytest.mark.skipif(os.name != "posix", reason="elsewhere the stream decides")
def test_a_batch_takes_as_many_writes_as_its_bytes_need(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[int] = []

    def write(descriptor: int, piece: memoryview) -> int:
        pieces.append(len(piece))
        return len(piece)

    reading, writing = os.pipe()
    with os.fdopen(reading), os.fdopen(writing, "w") as stream:
        monkeypatch.setattr("udpmsg.show.stream.os.write", write)
        assert Data(stream, Words(None)).write(*["x" * 39] * 256) == 256
        monkeypatch.undo()
    assert sum(pieces) == 40 * 256
    assert len(pieces) == -(-sum(pieces) // PIECE)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (BrokenPipeError(32, "Broken pipe"), "the reader of standard output went away"),
        (OSError(28, "No space left on device"), "cannot write to standard output: No space left on device"),
        (ValueError("I/O operation on closed file"), "cannot write to standard output: I/O operation on closed file"),
    ],
)
def test_what_cannot_be_written_is_kept_as_a_fact(error: Exception, said: str) -> None:
    class Failing(io.StringIO):
        def write(self, text: str) -> int:
            raise error

    data = Data(Failing(), Words(None))
    data.write("one")
    data.write("two")
    assert data.broken == said


def test_a_missing_standard_output_is_a_fact_too() -> None:
    data = Data(None, Words(None))
    data.write("one")
    assert data.broken == "standard output is closed"


def test_words_survive_a_closed_standard_error() -> None:
    class Failing(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

    words = Words(Failing())
    words.say("one")
    words.say("two")
    assert words.stream is None
    Words(None).say("three")


def test_a_status_is_for_terminals_and_goes_when_a_line_comes() -> None:
    plain = io.StringIO()
    Words(plain).status("waiting")
    assert plain.getvalue() == ""
    stream = Terminal()
    words = Words(stream)
    words.status("waiting")
    words.status("waiting")
    words.status("waiting still" + "." * 200)
    words.say("done")
    waiting = "waiting still" + "." * 66
    assert stream.getvalue() == f"\r\x1b[Kwaiting\r\x1b[K{waiting}\r\x1b[Kdone\n"


def test_a_prompt_stays_below_what_comes() -> None:
    stream = Terminal()
    words = Words(stream)
    data = Data(stream, words)
    words.prompt("> ")
    data.write("a message")
    words.say("words")
    words.typed()
    words.say("more")
    above = "\x1bD\x1b[1A\x1b7\r\x1b[1L{}\n\x1b8\x1b[1B"  # a row more, what comes in it, and back
    assert stream.getvalue() == f"> {above.format('a message')}{above.format('words')}more\n"


@pytest.mark.parametrize(("height", "term"), [(24, "dumb"), (2, "xterm")])
def test_a_prompt_that_cannot_be_moved_is_shown_again(monkeypatch: pytest.MonkeyPatch, height: int, term: str) -> None:
    """What was typed stays above what came."""
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr("udpmsg.show.stream.size_of", lambda stream: (80, height))
    stream = Terminal()
    words = Words(stream)
    words.prompt("> ")
    words.say("one\ntwo")
    assert stream.getvalue() == "> \none\ntwo\n> "


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", 1),
        ("x" * 10, 1),
        ("x" * 11, 2),
        ("one\n\ntwo", 3),
        ("\x1b[1m" + "x" * 10 + "\x1b[0m", 1),
        ("é" * 10, 1),
        ("漢" * 5, 1),
        ("x" + "漢" * 5, 2),
        ("x" + "漢" * 9 + "x", 3),  # of the first row a column stays free
    ],
)
def test_how_many_rows_a_text_takes(text: str, rows: int) -> None:
    assert rows_of(text, 10) == rows


def test_colour_only_on_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert colourful(Terminal())
    assert not colourful(io.StringIO())
    assert not colourful(None)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not colourful(Terminal())
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not colourful(Terminal())


def test_a_closed_stream_is_no_terminal() -> None:
    stream = io.StringIO()
    stream.close()
    assert not is_terminal(stream)


def test_what_an_encoding_lacks_is_escaped() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    forgiving(stream)
    Data(stream, Words(None)).write("1 µs · 漢")
    assert raw.getvalue() == rb"1 \xb5s \xb7 \u6f22" + b"\n"


@pytest.fixture
def full() -> Iterator[tuple[int, io.TextIOWrapper]]:
    """A pipe that nobody has read, and that is full: its reading end, and a stream into it."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while os.write(writing, b"." * 512):
            pass
    except BlockingIOError:
        pass
    os.set_blocking(writing, True)
    stream = os.fdopen(writing, "w")
    yield reading, stream
    stream.close()
    os.close(reading)


@pytest.mark.skipif(os.name != "posix", reason="pipes that can be waited for are POSIX's")
def test_who_is_asked_to_end_does_not_wait_for_a_reader(full: tuple[int, io.TextIOWrapper]) -> None:
    words = Words(None)
    data = Data(full[1], words)
    asked = threading.Event()
    words.patience.asked_to_end = asked.is_set
    writer = threading.Thread(target=data.write, args=("one",), daemon=True)
    writer.start()
    writer.join(0.3)
    assert writer.is_alive()  # it waits for as long as it takes
    asked.set()
    writer.join(20)
    assert not writer.is_alive()
    assert data.broken == "nobody reads standard output, and it is full: the rest is not written"
    assert not data.gone


@pytest.mark.skipif(os.name != "posix", reason="pipes that can be waited for are POSIX's")
@pytest.mark.parametrize("blocking", [True, False])
def test_a_reader_that_goes_on_gets_all_of_a_long_line(full: tuple[int, io.TextIOWrapper], blocking: bool) -> None:
    reading, stream = full
    os.set_blocking(stream.fileno(), blocking)
    data = Data(stream, Words(None))
    line = "0123456789" * 50_000
    writer = threading.Thread(target=data.write, args=(line,), daemon=True)
    writer.start()
    read = b""
    while not read.endswith(b"\n"):
        read += os.read(reading, 65_536)
    writer.join(20)
    assert read.lstrip(b".") == line.encode() + b"\n"
    assert data.broken is None


@pytest.mark.skipif(os.name != "posix", reason="pipes that can be waited for are POSIX's")
def test_words_are_not_waited_for_either(full: tuple[int, io.TextIOWrapper]) -> None:
    words = Words(full[1])
    words.patience.asked_to_end = lambda: True
    words.say("one")
    assert words.stream is None
