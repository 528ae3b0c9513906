"""Standard input, whole, or as lines that are read beside the library's loop.

A daemon thread reads what is there, cuts it into lines, and wakes the loop; this works for terminals, pipes and files, on Windows
too, where a console cannot be waited for. Lines that came together are taken together, and a line that comes alone is not waited
with. Owns the cutting into lines, and how an input that can't be read is told; knows no message.
"""

import queue
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, cast

from udpmsg.base.errors import Phrase, UdpmsgError, UsageError

if TYPE_CHECKING:
    from io import BufferedReader

PIECE = 64 << 10
"""Bytes that are read at once at most: as many as a pipe holds on Linux."""
READ_AHEAD = 4
"""Pieces kept ahead of the network; a file of any size then needs little memory."""


class CannotRead(UdpmsgError):
    """Standard input failed in the middle, which is not its end: what was still to come is lost."""


def cannot_read(error: OSError | ValueError) -> CannotRead:
    """The error, as a sentence."""
    return CannotRead("standard input cannot be read: {}", Phrase(getattr(error, "strerror", None) or str(error)))


def whole(most: int) -> bytes:
    """All of standard input, of which at most `most` bytes are taken. Raises CannotRead, and UsageError where it is closed."""
    if sys.stdin is None:
        raise UsageError("standard input is closed; name a file")
    try:
        return sys.stdin.buffer.read(most)
    except (OSError, ValueError) as error:
        raise cannot_read(error) from None


class LineTooLong:
    """Stands for a line of more bytes than a message may have; its length is that of the line."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size


Line = bytes | LineTooLong


def cut(pieces: Iterable[bytes], limit: int) -> Iterator[list[Line]]:
    """The lines of a stream without their ends (LF or CRLF), those together that a piece of it ends; the last may have no end.

    Of a line that has begun little more than `limit` bytes are kept."""
    begun: list[bytes] = []
    kept = left_out = 0
    for piece in pieces:
        ended = piece.split(b"\n")
        last = ended.pop()
        if ended:
            ended[0] = b"".join((*begun, ended[0]))
            begun, kept = [], 0
            if b"\r" in piece or b"\r" in ended[0]:
                ended = [line.removesuffix(b"\r") for line in ended]
            yield _bounded(ended, left_out, limit)
            left_out = 0
        if last:
            begun.append(last)
            kept += len(last)
        if kept > limit + 1:  # with a CR that belongs to the line's end, it may still be short enough
            begun, left_out, kept = [last[-1:]], left_out + kept - 1, 1
    if begun:
        yield _bounded([b"".join(begun)], left_out, limit)


def _bounded(lines: list[bytes], left_out: int, limit: int) -> list[Line]:
    """The lines, with the place kept of those that are too long; of the first, `left_out` bytes are missing."""
    if not left_out and len(max(lines, key=len)) <= limit:
        return list(lines)
    sizes = [left_out + len(lines[0]), *map(len, lines[1:])]
    return [line if size <= limit else LineTooLong(size) for line, size in zip(lines, sizes, strict=True)]


class Lines:
    """What standard input still has to say."""

    def __init__(self, wake: Callable[[], None], limit: int) -> None:
        self._wake = wake
        self._limit = limit
        self._queue: queue.Queue[list[Line]] = queue.Queue(READ_AHEAD)
        self._next: list[Line] = []
        """What was taken from the queue and not yet from here, the last line first."""
        self._read_all = False
        self._failure: CannotRead | None = None
        threading.Thread(target=self._read, name="standard input", daemon=True).start()

    @property
    def ended(self) -> bool:
        """Whether nothing more will come, and all was taken."""
        return self._read_all and self._queue.empty() and not self._next

    def take(self, most: int) -> list[Line]:
        """The next lines, of those that are there now; none, where none is. Raises CannotRead where they ended by an error."""
        if not self._next:
            try:
                self._next = self._queue.get_nowait()
            except queue.Empty:
                if self._failure is not None and self.ended:
                    raise self._failure from None
                return []
            self._next.reverse()
        taken = self._next[-most:]
        del self._next[-most:]
        taken.reverse()
        return taken

    def forget_begun(self) -> None:
        """What was typed at a terminal and not yet ended with Enter goes to nobody."""
        if sys.stdin is not None and sys.stdin.isatty() and sys.platform != "win32":
            from termios import TCIFLUSH, tcflush

            tcflush(sys.stdin, TCIFLUSH)

    def _read(self) -> None:
        try:
            if sys.stdin is not None:
                stream = cast("BufferedReader", sys.stdin.buffer)
                for lines in cut(iter(lambda: stream.read1(PIECE), b""), self._limit):
                    self._put(lines)
        except (OSError, ValueError) as error:
            self._failure = cannot_read(error)
        self._read_all = True
        self._wake()

    def _put(self, lines: list[Line]) -> None:
        self._queue.put(lines)
        if self._queue.qsize() <= 1:  # more than one: the loop is awake, and empties the queue before it waits again
            self._wake()
