"""The headers of a thousand messages as columns: written, and checked field by field, by NumPy, with no loop over messages.

Wire format 1 as `udpmsg.core.wire` draws it, for messages without acknowledgments, whose headers are five numbers of 64 bits:
what all have, the session, the datagram number, the sequence number, the time. Owns the buffer that is written into, and kept for
ever. Imports NumPy, so whoever imports this does it late, and where batches are large; `udpmsg.core.runs` does the same without.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from udpmsg.core.framing import Grid, Run, most_in_run
from udpmsg.core.runs import Messages
from udpmsg.core.wire import HEADER, MAX_NUMBER, OUR_MESSAGE

WORDS = 5
"""A header's numbers: what all messages have, session, datagram number, sequence number, sent at."""
MOST_MESSAGES, MOST_BYTES = 1024, 1 << 20
"""Of one batch that is written, header included: more gains nothing, and leaves the processor's cache."""

Rows = npt.NDArray[np.uint8]
"""Payloads of one length, one in each row."""


class Columns:
    """Reads grids, of which one mostly has the shape of the one before."""

    def __init__(self) -> None:
        self._pattern = pattern_of(1)
        """What the last grid was compared with."""

    def read(self, grid: Grid) -> Iterator[Messages | Run]:
        """The messages of a grid in order: rows that follow each other as one, and each that is not ordinary as it is."""
        rows, size, count = len(grid), grid[0].size, grid[0].message_count
        ours: list[bool] = [False] * rows
        firsts: list[list[int]] = []
        if size >= HEADER.size:
            words = np.ndarray((rows, count, WORDS), ">u8", grid.data, 0, (grid.stride, size, 8)).astype(np.uint64)
            if len(self._pattern) != count:
                self._pattern = pattern_of(count)
            ours = (words - words[:, :1] == self._pattern).all(axis=(1, 2)).tolist()
            firsts = words[:, 0].tolist()
        begin = 0
        while begin < rows:
            if not ours[begin] or not is_ordinary(firsts[begin], size, count):
                yield grid[begin]
                begin += 1
                continue
            common, session, number, sequence, sent_at = firsts[begin]
            end, messages = begin + 1, count
            while (
                end < rows
                and ours[end]
                and firsts[end] == [common, session, number + messages, sequence + messages, sent_at]
                and is_ordinary(firsts[end], size, count)
            ):
                end, messages = end + 1, messages + count
            numbers, sequences = range(number, number + messages), range(sequence, sequence + messages)
            nothing, times = (0,) * messages, (sent_at,) * messages
            yield Messages(session, False, False, size - HEADER.size, numbers, sequences, times, nothing, nothing, (), True)
            begin = end


def pattern_of(count: int) -> npt.NDArray[np.uint64]:
    """How the numbers of each message of a row differ from those of its first, where all are ordinary."""
    pattern = np.zeros((count, WORDS), np.uint64)
    pattern[:, 2] = pattern[:, 3] = np.arange(count)
    return pattern


def is_ordinary(first: list[int], size: int, count: int) -> bool:
    """Whether `wire` would accept a message with these numbers, and those that follow it in its row."""
    common, session, number, sequence, _ = first
    if common != OUR_MESSAGE << 32 | size - HEADER.size or not (session and number and sequence):
        return False
    return max(number, sequence) + count - 1 <= MAX_NUMBER


class Writer:
    """Writes messages of one session, one after the other into one buffer. What it gave is to be looked at, or copied, before
    more is written."""

    def __init__(self, session: int) -> None:
        self._session = session
        self._buffer = np.zeros(MOST_BYTES, np.uint8)
        self._size = -1
        self._constant: bytes | None = None
        """The payload that all places have; None: they differ."""
        self._steps = np.arange(MOST_MESSAGES, dtype=np.uint64)

    def write(self, rows: Rows, *, number: int, sequence: int, sent_at: int) -> list[Run]:
        """Messages with numbers from `number` and `sequence` on, in runs that a system call takes; as many as `most` says, or
        fewer. What they carry is copied, once if it is one payload for all (its rows are one place in memory)."""
        count, size = rows.shape
        length = size + HEADER.size
        data = self._buffer.data
        if size != self._size:
            self._begin(size)
        if rows.strides[0] == 0:
            payload = rows[0].tobytes()
            if payload != self._constant:
                self._payloads[:] = rows[0]
                self._constant = payload
        else:
            self._payloads[:count] = rows
            self._constant = None
        self._words[:count, 2] = self._steps[:count] + np.uint64(number)
        self._words[:count, 3] = self._steps[:count] + np.uint64(sequence)
        self._words[:count, 4] = sent_at
        run = most_in_run(length) * length
        return [Run(data[begin : min(begin + run, count * length)], length) for begin in range(0, count * length, run)]

    def _begin(self, size: int) -> None:
        """From now on payloads have so many bytes."""
        length = size + HEADER.size
        places = most(size)
        records = self._buffer[: places * length].reshape(places, length)
        self._payloads = records[:, HEADER.size :]
        self._words = np.ndarray((places, WORDS), ">u8", self._buffer.data, 0, (length, 8))
        self._words[:, 0] = OUR_MESSAGE << 32 | size
        self._words[:, 1] = self._session
        self._size, self._constant = size, None


def most(size: int) -> int:
    """How many messages of `size` bytes are written at one go: whole runs."""
    length = size + HEADER.size
    places = min(MOST_MESSAGES, MOST_BYTES // length)
    return places - places % most_in_run(length) or places
