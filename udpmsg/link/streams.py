"""One direction of a TCP connection, as the link sees it: which messages of ours are where on it, and which segment brought what.

Owns the positions: of each frame of `core.framing` on the stream, and of each segment that carried new bytes. Positions are
bytes since the SYN, without end (sequence numbers of RFC 9293 are taken modulo 2^32, and follow the newest byte). Does not know
Ethernet, IP or what a fate is; keeps no byte of a message.
"""

from bisect import bisect_left, bisect_right

from udpmsg.core import wire
from udpmsg.core.framing import LENGTH
from udpmsg.core.wire import FRAMED_PEEK, OUR_MARK, OUR_MESSAGE

MODULUS = 1 << 32
HALF = 1 << 31

OUR_FIRST_BYTES = OUR_MARK.to_bytes(3, "big")
LARGEST_FRAME = 1 << 28
"""A larger number is not taken for a length: the receiver's memory is 64 MiB in all, and a text begins with a larger number."""

NOT_OURS = 0
"""The content of bytes that are no frame of ours. Otherwise: a message's sequence number, or minus the kind of what is none."""


class Portion:
    """The new bytes that one segment brought, and how often a segment has begun among them since."""

    __slots__ = ("content", "index", "part", "seen")

    def __init__(self, content: int, part: int) -> None:
        self.content = content
        """Of its first byte: a sequence number, minus a kind, or NOT_OURS."""
        self.part = part
        """0: its first byte is the message's first; otherwise 1 + the segments that began inside the message before."""
        self.seen = 1
        self.index = 0
        """For counting segments without messages."""


Carried = tuple[Portion, int, int, bool]
"""The portion that brought a segment's first byte (`seen` counts this time too), the first and the last message of which the
segment has anything (0 and 0: none), and whether it is a single message of which the segment has not all."""


class Stream:
    """What one side of a connection has sent. `carry` each segment with bytes, in the order in which they cross the link."""

    __slots__ = (
        "_begun_inside",
        "_boundary",
        "_contents",
        "_frame_starts",
        "_header",
        "_last_message",
        "_ours",
        "_portion_starts",
        "_portions",
        "base",
        "closes_at",
        "end",
        "opening",
        "other",
    )

    def __init__(self, base: int | None = None) -> None:
        self.base = base
        """The sequence number of position 0; None until a segment tells."""
        self.end = 0
        """The position behind the newest byte."""
        self.other: Stream | None = None
        """The other direction."""
        self.opening = False
        """This side began the connection."""
        self.closes_at: int | None = None
        """The acknowledgment number that confirms this side's FIN; None: it has sent none."""
        self._ours = True
        self._portion_starts: list[int] = []
        self._portions: list[Portion] = []
        self._frame_starts: list[int] = []
        self._contents: list[int] = []
        """Of each frame, in the order of `_frame_starts`."""
        self._boundary = 0
        """Where the newest frame ends and the next begins; while the newest one's header is not whole: where it begins."""
        self._header = b""
        """The bytes of a frame's length and header that is not whole yet."""
        self._begun_inside = 0
        """Segments with new bytes that began inside the newest frame."""
        self._last_message = 0

    def carry(self, number: int, data: bytes, at: int, stop: int) -> Carried:
        """Bytes `at` to `stop` of `data` cross the link, the first with this sequence number of TCP's.

        What is known only later is guessed: a message of whose header the segment has too little is taken for the one after the
        last.
        """
        if self.base is None:
            self.base = number
        position = self.end + (number - self.base - self.end + HALF) % MODULUS - HALF
        if position < 0:  # a byte from before the stream, which some systems send to see whether the other side lives
            at, position = at - position, 0
            if at >= stop:
                return Portion(NOT_OURS, 0), 0, 0, False
        last = position + stop - at
        starts = self._frame_starts
        if position < self.end:
            portion = self._portions[bisect_right(self._portion_starts, position) - 1]
            portion.seen += 1
            if last > self.end:  # old and new: the first byte decides what it is, and what its new bytes will have been
                self._extend(data, stop - (last - self.end), stop, portion)
            frame, behind = bisect_right(starts, position) - 1, bisect_left(starts, last)
        else:
            if position > self.end:
                self._leave_hole(position)
            frame = self._extend(data, at, stop, None)
            portion, behind = self._portions[-1], len(starts)
        if behind > frame + 1:
            messages = [content for content in self._contents[frame:behind] if content > 0]
            return (portion, messages[0], messages[-1], False) if messages else (portion, 0, 0, False)
        content = self._contents[frame]
        if content <= 0:
            return portion, 0, 0, False
        ends = starts[behind] if behind < len(starts) else self._boundary if not self._header else last + 1
        return portion, content, content, position > starts[frame] or last < ends

    def _extend(self, data: bytes, at: int, stop: int, repeated: Portion | None) -> int:
        """New bytes that follow what was seen; tell which frame the first is of. `repeated`: the segment begins with older bytes,
        and this portion is theirs."""
        position = self.end
        self.end += stop - at
        frame = len(self._contents)
        part = 0
        if position < self._boundary or self._header or not self._ours:
            frame -= 1
            part = self._begun_inside + 1
            self._begun_inside += repeated is None
        if self._ours and self.end > self._boundary:
            self._read(data, at, stop, position)
        if repeated is None:
            content = self._contents[frame]
            repeated = Portion(content, part if content > 0 else 0)
        self._portion_starts.append(position)
        self._portions.append(repeated)
        return frame

    def _read(self, data: bytes, at: int, stop: int, position: int) -> None:
        """Find the frames that begin among new bytes, or whose header is completed by them."""
        boundary = self._boundary
        while boundary < self.end:
            header = self._header
            if header:
                header += data[at : min(stop, at + FRAMED_PEEK.size - len(header))]
            else:
                self._frame_starts.append(boundary)
                self._contents.append(NOT_OURS)
                self._begun_inside = 0
            if self.end - boundary < FRAMED_PEEK.size:
                self._header = header or data[at + boundary - position : stop]
                self._contents[-1] = self._guess(self._header)
                break
            if header:
                length, start, sequence = FRAMED_PEEK.unpack(header)
            else:
                length, start, sequence = FRAMED_PEEK.unpack_from(data, at + boundary - position)
            if start >> 8 != OUR_MARK or not wire.HEADER.size <= length <= LARGEST_FRAME:
                self._contents[-1] = NOT_OURS
                self._ours = False
                break
            if start == OUR_MESSAGE:
                self._contents[-1] = self._last_message = sequence
            else:
                self._contents[-1] = -(start & 0xFF)
            self._header = b""
            boundary += LENGTH.size + length
        self._boundary = boundary

    def _guess(self, header: bytes) -> int:
        """What a frame is of which only so little has come."""
        length, start = header[:4], header[4:7]
        if int.from_bytes(length.ljust(4, b"\0"), "big") > LARGEST_FRAME or not OUR_FIRST_BYTES.startswith(start):
            self._ours = False
            return NOT_OURS
        if len(header) > 7 and header[7] != wire.MESSAGE:
            return -header[7]
        return min(self._last_message + 1, wire.MAX_NUMBER)

    def _leave_hole(self, position: int) -> None:
        """Bytes are missing that never crossed the link: nobody can say where the next frame begins."""
        hole = Portion(NOT_OURS, 0)
        hole.seen = 0
        self._portion_starts.append(self.end)
        self._portions.append(hole)
        self._frame_starts.append(self.end)
        self._contents.append(NOT_OURS)
        self._ours = False
        self.end = position
