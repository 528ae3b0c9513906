"""A byte stream becomes whole messages, however the stream is cut. Owns the unfinished frame; knows neither sockets nor headers.

A frame is a length (u32, big-endian, of what follows) and that many bytes. The length is checked before anything is kept.
"""

import struct

LENGTH = struct.Struct(">I")
FRAME_OVERHEAD = 2048
"""What a frame may have above the largest payload: our header, or an acknowledgment, which has no payload of a user's."""


class FrameTooLarge(Exception):
    """The stream announces a frame above the limit: it is not ours, or means harm. The connection must be closed."""


def frame(message: bytes) -> bytes:
    """One encoded message as it goes on the stream."""
    return LENGTH.pack(len(message)) + message


class FrameReader:
    """Cuts one direction of a stream into messages of at most `limit` bytes."""

    __slots__ = ("_buffer", "_limit")

    def __init__(self, limit: int) -> None:
        self._buffer = bytearray()
        self._limit = limit

    @property
    def pending(self) -> int:
        """Bytes of an unfinished frame."""
        return len(self._buffer)

    @property
    def announced(self) -> int | None:
        """Bytes that the unfinished frame will have in all, with its length; None while that has not come."""
        return LENGTH.size + LENGTH.unpack_from(self._buffer)[0] if len(self._buffer) >= LENGTH.size else None

    def feed(self, data: bytes) -> list[bytes]:
        """Take what was read; return the messages that it completed. Raises FrameTooLarge as soon as a length says so."""
        self._buffer += data
        messages = []
        offset = 0
        try:
            while len(self._buffer) - offset >= LENGTH.size:
                (length,) = LENGTH.unpack_from(self._buffer, offset)
                if length > self._limit:
                    raise FrameTooLarge(f"a frame of {length} bytes is announced and the limit is {self._limit}")
                end = offset + LENGTH.size + length
                if end > len(self._buffer):
                    break
                messages.append(bytes(self._buffer[offset + LENGTH.size : end]))
                offset = end
        finally:
            del self._buffer[:offset]
        return messages

    def rest(self) -> list[bytes]:
        """The stream ended: what is left is not a whole message, and is dropped."""
        self._buffer.clear()
        return []
