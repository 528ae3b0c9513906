"""Everything that one session sends gets its datagram number and its bytes here. Owns the session's number and its start.

Knows no message's fate, no peer and no socket.
"""

from udpmsg.core import wire
from udpmsg.core.wire import Kind


class Encoder:
    """Numbers and encodes for one session. `now` and `started` in nanoseconds; `framed`: a stream's frame tells the length."""

    __slots__ = ("_started", "framed", "number", "session")

    def __init__(self, *, session: int, started: int, framed: bool) -> None:
        self.session = session
        self.framed = framed
        self.number = 0
        """The last datagram number used."""
        self._started = started

    def encode(
        self,
        kind: Kind,
        *,
        now: int,
        sequence: int = 0,
        payload: bytes = b"",
        lowest: int = 0,
        transmission: int = 0,
        fragment: tuple[int, int, int, int] | None = None,
        reply_to: int = 0,
        ordered: bool = False,
    ) -> bytes:
        """The next datagram of the session; see `wire.encode` for the fields."""
        self.number += 1
        return wire.encode(
            kind,
            session=self.session,
            number=self.number,
            sent_at=(now - self._started) // 1000,
            sequence=sequence,
            payload=payload,
            lowest=lowest,
            transmission=transmission,
            fragment=fragment,
            reply_to=reply_to,
            ordered=ordered,
            framed=self.framed,
        )
