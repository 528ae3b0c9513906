"""How an address proves itself: it returns a cookie that was sent to it alone (RFC 9000, section 8.1). Keeps nothing for anybody.

A cookie is a keyed hash of the address, the session and the time, so a peer that asks for a million of them costs no memory.
Knows no socket and no randomness: it is told its secret.
"""

from hmac import compare_digest, digest

from udpmsg.base.durations import SECOND
from udpmsg.core.events import Peer
from udpmsg.core.wire import COOKIE_SIZE

SLOT = 30 * SECOND
"""A cookie is good in the slot in which it was made and in the next one, so for 30 to 60 s."""


class Cookies:
    """Makes cookies under one secret, and recognises them."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def make(self, session: int, peer: Peer, *, now: int) -> bytes:
        """The cookie for this session at this address, `now` in nanoseconds."""
        return self._of_slot(session, peer, now // SLOT)

    def proves(self, cookie: bytes, session: int, peer: Peer, *, now: int) -> bool:
        """Whether this address was sent this cookie for this session, not long ago."""
        slot = now // SLOT
        return any(compare_digest(cookie, self._of_slot(session, peer, made_in)) for made_in in (slot, slot - 1))

    def _of_slot(self, session: int, peer: Peer, slot: int) -> bytes:
        return digest(self._secret, repr((session, peer, slot)).encode(), "sha256")[:COOKIE_SIZE]
