"""Standard input as lines, read beside the library's loop.

A daemon thread reads and fills a queue, and wakes the loop; this works for terminals, pipes and files, on Windows too,
where a console cannot be waited for. Owns the cutting into lines; knows no message.
"""

import queue
import sys
import threading
from collections.abc import Callable, Iterator
from typing import BinaryIO

READ_AHEAD = 1000
"""Lines kept ahead of the network; a file of any size then needs little memory."""


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
    """What standard input still has to say. `ended` is true when nothing more will come and all was taken."""

    def __init__(self, wake: Callable[[], None], limit: int) -> None:
        self._wake = wake
        self._limit = limit
        self._queue: queue.Queue[Line | None] = queue.Queue(READ_AHEAD)
        self.ended = False
        threading.Thread(target=self._read, name="standard input", daemon=True).start()

    def take(self) -> Line | None:
        """The next line if there is one now, else None."""
        if self.ended:
            return None
        try:
            line = self._queue.get_nowait()
        except queue.Empty:
            return None
        self.ended = line is None
        return line

    def _read(self) -> None:
        try:
            if sys.stdin is not None:
                for line in cut(sys.stdin.buffer, self._limit):
                    self._put(line)
        except (OSError, ValueError):
            pass  # an input that cannot be read has ended
        self._put(None)

    def _put(self, line: Line | None) -> None:
        self._queue.put(line)
        if self._queue.qsize() <= 1:  # more than one: the loop is awake, and empties the queue before it waits again
            self._wake()
