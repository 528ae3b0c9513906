"""A byte stream becomes whole messages, however the stream is cut. Owns the unfinished frame; knows neither sockets nor headers.

A frame is a length (u32, big-endian, of what follows) and that many bytes. The length is checked before anything is kept.
"""

import struct
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, groupby, takewhile
from typing import NamedTuple

from udpmsg.base.errors import UdpmsgError
from udpmsg.core.events import Peer
from udpmsg.core.wire import PREFIX

LENGTH = struct.Struct(">I")
FRAME_OVERHEAD = 2048
"""What a frame may have above the largest payload: our header, or an acknowledgment, which has no payload of a user's."""

HEAD = LENGTH.size + PREFIX.size
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

    @property
    def message_count(self) -> int:
        """How many messages these are."""
        return len(self.data) // (self.size + self.lead)

    def datagrams(self) -> list[bytes]:
        """Each by itself, without its framing."""
        data, size, lead = memoryview(self.data), self.size, self.lead
        return [bytes(data[end - size : end]) for end in range(size + lead, len(data) + 1, size + lead)]


class Grid(list[Run]):
    """Runs of as many messages of one length from one peer, which one system call brought: each stands `stride` bytes behind the
    one before, in `data`, which begins with the first."""

    __slots__ = ("data", "stride")

    def __init__(self, runs: Iterable[Run], data: memoryview, stride: int) -> None:
        super().__init__(runs)
        self.data = data
        self.stride = stride


class Mixed(list[bytes]):
    """Single datagrams in the order in which they came, a lone one or those of many peers: in `peers` stands each one's."""

    __slots__ = ("peers",)

    def __init__(self, datagrams: Iterable[bytes] = (), peers: Iterable[Peer] = ()) -> None:
        super().__init__(datagrams)
        self.peers: list[Peer] = [*peers]


def each(messages: Sequence[bytes | Run]) -> list[bytes]:
    """Every message by itself, those of runs too."""
    return [single for message in messages for single in (message.datagrams() if isinstance(message, Run) else (message,))]


def kept(message: bytes | Run) -> bytes | Run:
    """The same, in memory that nobody writes into."""
    return message._replace(data=bytes(message.data)) if isinstance(message, Run) else message


def most_in_run(size: int) -> int:
    """How many messages of `size` bytes, header included, a run has at most."""
    return max(min(MOST_MESSAGES, MOST_BYTES // max(size, 1)), 1)


def of_one_length(messages: Sequence[bytes], overhead: int = 0) -> Iterator[Sequence[bytes]]:
    """The messages in order, cut where the length changes and where a run would be too long; `overhead`: bytes more of each."""
    sizes = list(map(len, messages))
    begin = 0
    while begin < len(sizes):
        size, count = sizes[begin], 1
        if sizes[begin + 1 : begin + 2] == [size]:  # of lines of text few are as long as the next
            following = sizes[begin : begin + most_in_run(size + overhead)]
            count = len(following)
            if following.count(size) < count:
                count = next(place for place, other in enumerate(following) if other != size)
        yield messages[begin : begin + count]
        begin += count


def together(batch: Sequence[bytes | Run]) -> Iterable[bytes | Run]:
    """Datagrams of which neighbours of one length are put together in runs. Empty ones are not: a run is told by its bytes."""
    return batch if len(batch) == 1 else stretches_of(batch)


def stretches_of(batch: Sequence[bytes | Run]) -> Iterator[bytes | Run]:
    """The same, one by one."""
    for are_runs, neighbours in groupby(batch, key=lambda message: isinstance(message, Run)):
        if are_runs:
            yield from neighbours
            continue
        for stretch in of_one_length(each(list(neighbours))):
            yield from [Run(b"".join(stretch), len(stretch[0]))] if len(stretch) > 1 and stretch[0] else stretch


class BadFrame(UdpmsgError):
    """The stream announces a frame that no message fits, empty or above the limit: it is not ours, or means harm. The connection
    must be closed."""


def fits(length: int, limit: int) -> bool:
    """Whether a frame of so many bytes can come, where `limit` is the most."""
    return 0 < length <= limit


def misfit(length: int, limit: int) -> BadFrame | None:
    """Why no frame of so many bytes can come, where `limit` is the most; None: one can."""
    if fits(length, limit):
        return None
    if length:
        return BadFrame("a frame of {} bytes is announced and the limit is {}", length, limit)
    return BadFrame("an empty frame, and every message has a header")


def frame(message: bytes) -> bytes:
    """One encoded message as it goes on the stream."""
    return LENGTH.pack(len(message)) + message


def frames(messages: Sequence[bytes]) -> bytes:
    """Encoded messages as they go on the stream."""
    return b"".join(chain.from_iterable(zip(map(LENGTH.pack, map(len, messages)), messages, strict=True)))


class FrameReader:
    """Cuts one direction of a stream into messages of 1 to `limit` bytes. What was read stays bytes until it is taken: however
    small the frames are, they cost no more than the stream did."""

    __slots__ = ("_begin", "_limit", "_stream")

    def __init__(self, limit: int) -> None:
        self._stream = bytearray()
        self._begin = 0
        """Before this place everything is taken."""
        self._limit = limit

    @property
    def pending(self) -> int:
        """Bytes that are not taken yet."""
        return len(self._stream) - self._begin

    @property
    def held(self) -> int:
        """Bytes of memory that they really take: a buffer that grows has some room to spare."""
        return sys.getsizeof(self._stream)

    @property
    def announced(self) -> int | None:
        """Bytes that the next frame has in all, with its length; None while that has not come."""
        if self.pending < LENGTH.size:
            return None
        length: int = LENGTH.unpack_from(self._stream, self._begin)[0]
        return LENGTH.size + length

    @property
    def ready(self) -> bool:
        """Whether `take` has something to do: the next frame is whole, or is none."""
        announced = self.announced
        return announced is not None and (announced <= self.pending or not fits(announced - LENGTH.size, self._limit))

    def add(self, data: bytes | memoryview) -> None:
        """Keep what was read, for `take`."""
        self._stream += data

    def take(self, messages: int = sys.maxsize, size: int = sys.maxsize) -> list[Run]:
        """The next whole messages in order, neighbours that begin alike in one run: at most so many, and of at most `size` bytes
        in all, unless the first has more. They are where they were read: look at them before more is added.

        Raises BadFrame when the next frame is none; what came before it was taken."""
        runs: list[Run] = []
        length = 0
        stream = memoryview(self._stream)
        while messages > 0 and len(stream) - self._begin >= LENGTH.size:
            (length,) = LENGTH.unpack_from(stream, self._begin)
            stride = LENGTH.size + length
            end = self._begin + stride
            if not fits(length, self._limit) or end > len(stream) or (runs and stride > size):
                break
            end += alike(stream, end, stride, min(messages, MOST_TOGETHER, max(size // stride, 1)) - 1)
            runs.append(Run(stream[self._begin : end], length, LENGTH.size))
            size -= end - self._begin
            messages -= (end - self._begin) // stride
            self._begin = end
        if not runs and self.ready and (bad := misfit(length, self._limit)) is not None:
            raise bad
        if runs and not self.ready:  # what was taken is as it was; the unfinished frame begins a buffer of its own
            self._stream = bytearray(stream[self._begin :])
            self._begin = 0
        return runs

    def feed(self, data: bytes | memoryview) -> list[Run]:
        """Take what was read; return all the messages that it completed. Raises BadFrame, also when others came before it."""
        self.add(data)
        runs = self.take()
        return runs + self.take() if self.ready else runs

    def rest(self) -> list[Run]:
        """The stream ended: what is left is not a whole message, and is dropped."""
        self._stream.clear()
        self._begin = 0
        return []


def alike(stream: memoryview, begin: int, stride: int, most: int) -> int:
    """Bytes of the whole frames from `begin` on, at most so many, that have the length of the frame before it, and begin as it
    does: one kind of message, of one session. `stride` is the bytes of that frame, with its length."""
    head = bytes(stream[begin - stride : begin][:HEAD])
    whole = min((len(stream) - begin) // stride, most) * stride
    heads = head_layout(len(head), stride - len(head)).iter_unpack(stream[begin : begin + whole])
    return stride * sum(map(len, takewhile((head,).__eq__, heads)))  # each is a tuple of one, and so counts one


@lru_cache(maxsize=256)
def head_layout(head: int, rest: int) -> struct.Struct:
    """The first bytes of a frame, and the others passed over."""
    return struct.Struct(f"{head}s{rest}x")
