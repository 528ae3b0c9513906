"""How much an address may be sent: no more than came from it, until it has proved itself. Owns what is known of addresses.

Anyone can forge the source of a datagram, so whatever is larger than what it answers would turn this listener against a third
party (RFC 9000, section 8.1). A connection has proved its addresses by its handshake, so a listener over TCP needs none of this.
Knows no datagram: it is told sizes in bytes and the time in nanoseconds.
"""

from collections import deque
from collections.abc import Hashable

from udpmsg.base.durations import SECOND
from udpmsg.core.events import Peer

PEERS_KEPT = 4096
"""Addresses of each sort that are remembered. One that is forgotten begins anew: with what its next datagram brings."""
RAW_AT_ONCE, RAW_RATE = 16 << 10, 4 << 10
"""Bytes, and bytes a second, that one address may be sent above what came from it, when it can prove nothing: raw datagrams.
So that `nc -u` gets its answer, and nobody an amplifier."""
ANSWERS_KEPT = 16
"""Bare answers that an address may be owed: they go to a peer that has just asked, and not to one that once did."""
RAW_RATE_OF_ALL = 256 << 10
"""Bytes a second of the same for all addresses together, and as many at once."""


class Allowances:
    """What each address may be sent. `of_everybody`: no address needs a proof, as over connections."""

    def __init__(self, *, of_everybody: bool = False) -> None:
        self._of_everybody = of_everybody
        self._accounts: dict[Peer, Account] = {}
        self._proved: dict[Peer, None] = {}
        self.newly_proved: deque[Peer] = deque(maxlen=PEERS_KEPT)
        """The addresses that have proved themselves since the last `take_proved`."""
        self._buckets: dict[Hashable, Bucket] = {}
        self._bucket_of_all = Bucket(RAW_RATE_OF_ALL, RAW_RATE_OF_ALL)

    def received(self, peer: Peer, size: int, datagrams: int = 1) -> bool:
        """Note what came from this address: bytes, and the number of datagrams. Returns whether it may be sent anything."""
        if self._of_everybody or peer in self._proved:
            return True
        account = self._accounts.get(peer)
        if account is None:
            make_room(self._accounts)
            account = self._accounts[peer] = Account()
        account.left += size
        answers = account.answers + datagrams
        account.answers = answers if answers < ANSWERS_KEPT else ANSWERS_KEPT  # `min` takes as long as all the rest
        return False

    def prove(self, peer: Peer) -> None:
        """It returned what was sent to it alone."""
        self._accounts.pop(peer, None)
        if self._proved.pop(peer, self) is self:
            make_room(self._proved)
        self._proved[peer] = None
        self.newly_proved.append(peer)

    def take_proved(self) -> list[Peer]:
        """The addresses that have proved themselves since the last call."""
        newly = list(self.newly_proved)
        self.newly_proved.clear()
        return newly

    def proved(self, peer: Peer) -> bool:
        """Whether this address may be sent anything."""
        return self._of_everybody or peer in self._proved

    def grant(self, peer: Peer, size: int) -> bool:
        """Whether this address may be sent so many bytes; they are taken from what it has left."""
        if self.proved(peer):
            return True
        account = self._accounts.get(peer) or Account()
        if size > account.left:
            return False
        account.left -= size
        return True

    def grant_answer(self, peer: Peer, *, keep: bool = False) -> bool:
        """Whether this address may be sent a bare answer, of at most three times the shortest datagram that asks for one; and so
        that another is left, if it is to `keep` one."""
        if self._of_everybody or peer in self._proved:
            return True
        account = self._accounts.get(peer)
        if account is None or account.answers <= keep:
            return False
        account.answers -= 1
        return True

    def grant_raw(self, peer: Peer, origin: Hashable, size: int, *, now: int) -> bool:
        """The same for a program that can prove nothing; what is above its own bytes comes out of the bucket of its `origin`."""
        if self.proved(peer):
            return True
        account = self._accounts.get(peer) or Account()
        above = max(0, size - account.left)
        bucket = self._buckets.get(origin)
        if bucket is None:
            make_room(self._buckets)
            bucket = self._buckets[origin] = Bucket(RAW_AT_ONCE, RAW_RATE)
        if not (bucket.holds(above, now) and self._bucket_of_all.holds(above, now)):
            return False
        bucket.take(above)
        self._bucket_of_all.take(above)
        account.left -= size - above
        return True


class Account:
    """What an address may be sent that has proved nothing."""

    __slots__ = ("answers", "left")

    def __init__(self) -> None:
        self.left = 0
        """Bytes that came from it, less those that it was sent; bare answers are not counted here."""
        self.answers = 0
        """Datagrams that came from it and had no bare answer."""


class Bucket:
    """A token bucket: `size` bytes at once, and `rate` bytes a second."""

    __slots__ = ("_at", "_left", "_rate", "_size")

    def __init__(self, size: int, rate: int) -> None:
        self._size = size
        self._rate = rate
        self._left = size
        self._at: int | None = None

    def holds(self, size: int, now: int) -> bool:
        """Whether so many bytes are in it now."""
        if self._at is None:
            self._at = now
        came = (now - self._at) * self._rate // SECOND
        if came:
            self._left = min(self._size, self._left + came)
            self._at += came * SECOND // self._rate  # not `now`: looking often must not lose the parts of a byte
        return size <= self._left

    def take(self, size: int) -> None:
        """Take so many bytes, which it holds, out."""
        self._left -= size


def make_room(table: "dict[Peer, Account] | dict[Peer, None] | dict[Hashable, Bucket]") -> None:
    """Forget the entry that has been in a full table for longest."""
    if len(table) >= PEERS_KEPT:
        del table[next(iter(table))]
