"""A byte stream becomes whole messages, however the stream is cut. Owns the unfinished frame; knows neither sockets nor headers.

A frame is a length (u32, big-endian, of what follows) and that many bytes. The length is checked before anything is kept.
"""

import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain, groupby, takewhile
from typing import NamedTuple

from udpmsg.errors import UdpmsgError

LENGTH = struct.Struct(">I")
FRAME_OVERHEAD = 2048
"""What a frame may have above the largest payload: our header, or an acknowledgment, which has no payload of a user's."""

HEAD = LENGTH.size + 16
"""Bytes in which the frames of one run are alike: the length, and the part of our header that one session's messages share."""

MOST_MESSAGES = 64
"""In a run that is sent: UDP_MAX_SEGMENTS of Linux before 6.9; later ones take 128."""
MOST_BYTES = 65_507
"""Of a run that is sent: what one datagram carries over IPv4, and so all segments together."""

MOST_TOGETHER = 256
"""Frames in a run that was received. Decoding remembers a layout for each count: with 6,000 in a run that came to 400 MiB."""


class Run(NamedTuple):
    """Neighbours of one length, back to back in one buffer: `size` bytes each, and before each `lead` bytes of framing.

    What one system call takes or brought: datagrams (`lead` 0), or frames of a stream; often only one."""

    data: bytes | bytearray | memoryview
    size: int
    lead: int = 0

    def datagrams(self) -> list[bytes]:
        """Each by itself, without its framing."""
        data, size, lead = memoryview(self.data), self.size, self.lead
        return [bytes(data[end - size : end]) for end in range(size + lead, len(data) + 1, size + lead)]


def each(messages: Sequence[bytes | Run]) -> list[bytes]:
    """Every message by itself, those of runs too."""
    return [single for message in messages for single in (message.datagrams() if isinstance(message, Run) else (message,))]


def most_in_run(size: int) -> int:
    """How many messages of `size` bytes, header included, a run has at most."""
    return max(min(MOST_MESSAGES, MOST_BYTES // max(size, 1)), 1)


def of_one_length(messages: Sequence[bytes], overhead: int = 0) -> Iterator[Sequence[bytes]]:
    """The messages in order, cut where the length changes and where a run would be too long; `overhead`: bytes more of each."""
    sizes = list(map(len, messages))
    begin = 0
    while begin < len(sizes):
        size = sizes[begin]
        following = sizes[begin : begin + most_in_run(size + overhead)]
        count = len(following)
        if following.count(size) < count:
            count = next(place for place, other in enumerate(following) if other != size)
        yield messages[begin : begin + count]
        begin += count


def together(batch: Sequence[bytes | Run]) -> Iterator[bytes | Run]:
    """Datagrams of which neighbours of one length are put together in runs. Empty ones are not: a run is told by its bytes."""
    if len(batch) == 1:
        yield from batch
        return
    for are_runs, neighbours in groupby(batch, key=lambda message: isinstance(message, Run)):
        if are_runs:
            yield from neighbours
            continue
        for stretch in of_one_length(each(list(neighbours))):
            yield from [Run(b"".join(stretch), len(stretch[0]))] if len(stretch) > 1 and stretch[0] else stretch


class FrameTooLarge(UdpmsgError):
    """The stream announces a frame above the limit: it is not ours, or means harm. The connection must be closed."""


def frame(message: bytes) -> bytes:
    """One encoded message as it goes on the stream."""
    return LENGTH.pack(len(message)) + message


def frames(messages: Sequence[bytes]) -> bytes:
    """Encoded messages as they go on the stream."""
    return b"".join(chain.from_iterable(zip(map(LENGTH.pack, map(len, messages)), messages, strict=True)))


class FrameReader:
    """Cuts one direction of a stream into messages of at most `limit` bytes."""

    __slots__ = ("_limit", "_rest")

    def __init__(self, limit: int) -> None:
        self._rest = bytearray()
        self._limit = limit

    @property
    def pending(self) -> int:
        """Bytes of an unfinished frame."""
        return len(self._rest)

    @property
    def announced(self) -> int | None:
        """Bytes that the unfinished frame will have in all, with its length; None while that has not come."""
        return LENGTH.size + LENGTH.unpack_from(self._rest)[0] if len(self._rest) >= LENGTH.size else None

    def feed(self, data: bytes | memoryview) -> list[Run]:
        """Take what was read; return the messages that it completed, neighbours that begin alike in one run, where they are:
        they are what `data` is, and no longer than that.

        Raises FrameTooLarge as soon as a length says so."""
        runs: list[Run] = []
        begin = 0
        while self._rest and begin < len(data):  # first the unfinished frame: its length, if need be, and then the rest of it
            missing = (self.announced or LENGTH.size) - len(self._rest)
            self._rest += data[begin : begin + missing]
            begin = min(begin + missing, len(data))
            if self.announced is not None:
                self._check(self.announced - LENGTH.size)
                if len(self._rest) == self.announced:
                    runs.append(Run(bytes(self._rest), self.announced - LENGTH.size, LENGTH.size))
                    self._rest.clear()
        stream = memoryview(data)
        try:
            while len(stream) - begin >= LENGTH.size:
                (length,) = LENGTH.unpack_from(stream, begin)
                self._check(length)
                end = begin + LENGTH.size + length
                if end > len(stream):
                    break
                end += alike(stream, end, LENGTH.size + length)
                runs.append(Run(stream[begin:end], length, LENGTH.size))
                begin = end
        finally:
            self._rest += stream[begin:]
        return runs

    def rest(self) -> list[Run]:
        """The stream ended: what is left is not a whole message, and is dropped."""
        self._rest.clear()
        return []

    def _check(self, length: int) -> None:
        if length > self._limit:
            raise FrameTooLarge("a frame of {} bytes is announced and the limit is {}", length, self._limit)


def alike(stream: memoryview, begin: int, stride: int) -> int:
    """Bytes of the whole frames from `begin` on that have the length of the frame before it, and begin as it does: one kind of
    message, of one session, and no more than a run has. `stride` is the bytes of that frame, with its length."""
    head = bytes(stream[begin - stride : begin][:HEAD])
    whole = min((len(stream) - begin) // stride, MOST_TOGETHER - 1) * stride
    heads = head_layout(len(head), stride - len(head)).iter_unpack(stream[begin : begin + whole])
    return stride * sum(map(len, takewhile((head,).__eq__, heads)))  # each is a tuple of one, and so counts one


@lru_cache(maxsize=256)
def head_layout(head: int, rest: int) -> struct.Struct:
    """The first bytes of a frame, and the others passed over."""
    return struct.Struct(f"{head}s{rest}x")
