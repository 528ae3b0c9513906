"""What each address may be sent while it has not proved itself: the world's own account, kept apart from the receiver's.

Owns what came from each address, what was sent there, and which cookies it was given. Reads datagrams by its own unpacking; of
the code under test it uses only the hash of a cookie, to know which session a cookie was for.
"""

from collections import Counter
from struct import Struct

from tests.simulation.hostile import ACK, CHALLENGE, COOKIE_SIZE, MESSAGE, PROBE_REPLY
from tests.simulation.link import SECOND
from udpmsg.core.cookies import Cookies
from udpmsg.core.events import Peer

HEADER = Struct(">HBBHHQQQQ")
RANGES = slice(76, 78)
"""Where an ACK says how many ranges it has, of either sort."""
BARE_RANGES, BARE_TIMES = 1, 3
"""An answer that every datagram gets has at most so many ranges; all that is sent there is at most so many times what came."""
COOKIE_LASTS = 60 * SECOND


class Exceeded(AssertionError):
    """An address was sent more than it may be, or a session was followed to where nobody has proved to be."""


class Addresses:
    """One receiver's life, as seen from the addresses around it."""

    def __init__(self, secret: bytes) -> None:
        self._cookies = Cookies(secret)
        self._came: Counter[Peer] = Counter()
        self._sent: Counter[Peer] = Counter()
        self._sent_more: Counter[Peer] = Counter()
        """Of what was sent: what not every datagram is answered with."""
        self._given: dict[Peer, dict[bytes, int]] = {}
        """Which cookies were sent to it, and when last."""
        self._answered_at: dict[int, Peer] = {}
        self.proved: set[Peer] = set()
        self.cookies: list[bytes] = []
        """All that anybody was ever given: who listens in knows them."""

    def received(self, datagram: bytes, peer: Peer, *, now: int) -> None:
        """Something came from there; it may be the cookie that proves it."""
        self._came[peer] += len(datagram)
        if len(datagram) >= HEADER.size + COOKIE_SIZE and datagram[:4] == b"UM\x01\x07":
            session = HEADER.unpack_from(datagram)[5]
            cookie = datagram[HEADER.size : HEADER.size + COOKIE_SIZE]
            given_at = self._given.get(peer, {}).get(cookie)
            if given_at is not None and now - given_at < COOKIE_LASTS and self._is_for(cookie, session, peer, given_at):
                self.proved.add(peer)

    def sent(self, datagram: bytes, peer: Peer, *, now: int, honest: bool) -> None:
        """The receiver sends this there. `honest`: it concerns a session that stays with its sender until the end."""
        kind = datagram[3]
        if kind == CHALLENGE:
            cookie = datagram[HEADER.size : HEADER.size + COOKIE_SIZE]
            self._given.setdefault(peer, {})[cookie] = now
            self.cookies.append(cookie)
        if kind == ACK and honest:
            self._check_followed(datagram, peer)
        if peer in self.proved:
            return
        if kind == MESSAGE:
            raise Exceeded("the receiver sends a message")
        self._sent[peer] += len(datagram)
        if not (kind in (CHALLENGE, PROBE_REPLY) or (kind == ACK and sum(datagram[RANGES]) <= BARE_RANGES)):
            self._sent_more[peer] += len(datagram)
        if self._sent_more[peer] > self._came[peer]:
            raise Exceeded(f"{self._sent_more[peer]} bytes of ranges and reports to {peer}, from where {self._came[peer]} came")
        if self._sent[peer] > BARE_TIMES * self._came[peer]:
            raise Exceeded(f"{self._sent[peer]} bytes to {peer}, from where {self._came[peer]} came")

    def _is_for(self, cookie: bytes, session: int, peer: Peer, given_at: int) -> bool:
        return cookie == self._cookies.make(session, peer, now=given_at)

    def _check_followed(self, datagram: bytes, peer: Peer) -> None:
        (session,) = Struct(">Q").unpack_from(datagram, HEADER.size)
        before = self._answered_at.setdefault(session, peer)
        if peer != before and peer not in self.proved:
            raise Exceeded(f"session {session} followed from {before} to {peer}, which has proved nothing")
        self._answered_at[session] = peer
