"""Messages and what is remembered of them, made from little."""

from udpmsg.core.events import Message
from udpmsg.core.remembered import Remembered
from udpmsg.sockets.endpoint import Endpoint

PEER = Endpoint("udp", "127.0.0.1", 41234)
SESSION = 0x5F0C2B7A91D3E846
SECOND = 1_000_000_000
NOON = 1_795_953_600 * SECOND
"""2026-11-29T12:00:00Z."""


def message(sequence: int, payload: bytes = b"hello", session: int = SESSION) -> Message:
    """An acknowledged message of one sender's."""
    return Message(payload, PEER, session, sequence, acknowledged=True, transmission=1)


def messages(first: int, last: int) -> list[Message]:
    """So many of them; each says its number."""
    return [message(sequence, b"message %d" % sequence) for sequence in range(first, last + 1)]


def remembered(last: int) -> list[tuple[int, Remembered]]:
    """All up to this one were delivered."""
    return [(SESSION, Remembered(last + 1, [], last, acknowledged=True))]
