"""Standard input, whole, or as lines that are read beside the library's loop.

A daemon thread reads and fills a queue, and wakes the loop; this works for terminals, pipes and files, on Windows too,
where a console cannot be waited for. Owns the cutting into lines, and how an input that can't be read is told; knows no message.
"""

import queue
import sys
import threading
from collections.abc import Callable, Iterator
from typing import BinaryIO

from udpmsg.base.errors import Phrase, UdpmsgError, UsageError

READ_AHEAD = 1000
"""Lines kept ahead of the network; a file of any size then needs little memory."""


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
    """Stands for a line of more bytes than a message may have; `size` is its size."""

    def __init__(self, size: int) -> None:
        self.size = size


Line = bytes | LineTooLong


def cut(stream: BinaryIO, limit: int) -> Iterator[Line]:
    """The stream's lines without their ends (LF or CRLF), never holding much more than `limit` bytes of one."""
    while piece := stream.readline(limit + 2):
        if piece.endswith(b"\n") or len(piece) < limit + 2:
            line = _without_end(piece)
            yield line if len(line) <= limit else LineTooLong(len(line))
            continue
        size = len(piece)
        while not piece.endswith(b"\n") and (more := stream.readline(limit + 2)):
            size += len(more)
            piece = piece[-1:] + more
        yield LineTooLong(size - (len(piece) - len(_without_end(piece))))


def _without_end(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r") if line.endswith(b"\n") else line


class Lines:
    """What standard input still has to say."""

    def __init__(self, wake: Callable[[], None], limit: int) -> None:
        self._wake = wake
        self._limit = limit
        self._queue: queue.Queue[Line] = queue.Queue(READ_AHEAD)
        self._read_all = False
        self._failure: CannotRead | None = None
        threading.Thread(target=self._read, name="standard input", daemon=True).start()

    @property
    def ended(self) -> bool:
        """Whether nothing more will come, and all was taken."""
        return self._read_all and self._queue.empty()

    def take(self) -> Line | None:
        """The next line if there is one now, else None. Raises CannotRead where the lines ended by an error."""
        try:
            return self._queue.get_nowait()
        except queue.Empty:
            if self._failure is not None and self.ended:
                raise self._failure from None
            return None

    def forget_begun(self) -> None:
        """What was typed at a terminal and not yet ended with Enter goes to nobody."""
        if sys.stdin is not None and sys.stdin.isatty() and sys.platform != "win32":
            from termios import TCIFLUSH, tcflush

            tcflush(sys.stdin, TCIFLUSH)

    def _read(self) -> None:
        try:
            if sys.stdin is not None:
                for line in cut(sys.stdin.buffer, self._limit):
                    self._put(line)
        except (OSError, ValueError) as error:
            self._failure = cannot_read(error)
        self._read_all = True
        self._wake()

    def _put(self, line: Line) -> None:
        self._queue.put(line)
        if self._queue.qsize() <= 1:  # more than one: the loop is awake, and empties the queue before it waits again
            self._wake()
