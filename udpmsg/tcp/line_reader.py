"""Raw text over TCP: a stream has no boundaries, so a line is the unit, as netcat's users expect. Owns the unfinished line."""

from udpmsg.core.framing import BadFrame


class LineReader:
    """Cuts a stream into lines of at most `limit` bytes, without their line ends."""

    def __init__(self, limit: int) -> None:
        self._buffer = b""
        self._limit = limit

    def feed(self, data: bytes) -> list[bytes]:
        """Take what was read; return the lines that it completed. Raises BadFrame for a line above the limit."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        if len(self._buffer) > self._limit:
            raise BadFrame("a line of more than {} bytes", self._limit)
        return [line.removesuffix(b"\r") for line in lines]

    def rest(self) -> list[bytes]:
        """The stream ended: the last line may have no end."""
        rest, self._buffer = self._buffer, b""
        return [rest] if rest else []
