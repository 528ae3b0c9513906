"""Which connections have a listener's places, and which gives way when a newcomer asks. Owns how long each has been silent.

Knows no socket. Times are nanoseconds on any clock that the caller keeps to.
"""

from collections.abc import Iterable

from udpmsg.base.durations import SECOND
from udpmsg.sockets.endpoint import Endpoint, owner

SHARE = 8
"""While others ask, one address has at most this part of the places."""
SILENCE = 5 * SECOND
"""A connection that has been silent for so long gives way."""
SILENCE_OF_MANY = SECOND
"""The same for connections of an address that has more than its share."""
PATIENCE = SECOND
"""When a newcomer has waited for so long, an address that has more than its share gives a place in any case."""


class Places:
    """A number of places. A connection is silent from its last whole message on; one whose messages wait here is not silent."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken: dict[str, int] = {}
        """Places of each address."""
        self._crowds: set[str] = set()
        """The addresses that have more than their share: never more than SHARE of them."""
        self._silent: dict[Endpoint, int] = {}
        """Since when; the longest silent first."""
        self._silent_of: dict[str, dict[Endpoint, int]] = {}
        """The same for each address."""
        self._count = 0

    @property
    def full(self) -> bool:
        """Whether all are taken."""
        return self._count >= self._limit

    @property
    def free(self) -> int:
        """How many are not taken."""
        return self._limit - self._count

    def take(self, endpoint: Endpoint, *, now: int) -> None:
        """A connection was accepted: it is silent so far."""
        address = owner(endpoint.host)
        self._count += 1
        self._taken[address] = self._taken.get(address, 0) + 1
        self._judge(address)
        self.silent(endpoint, now=now)

    def leave(self, endpoint: Endpoint) -> None:
        """A connection ended."""
        address = owner(endpoint.host)
        self.busy(endpoint)
        self._count -= 1
        self._taken[address] -= 1
        self._judge(address)
        if not self._taken[address]:
            del self._taken[address]

    def busy(self, endpoint: Endpoint) -> None:
        """Messages of it wait here."""
        if self._silent.pop(endpoint, None) is not None:
            address = owner(endpoint.host)
            del self._silent_of[address][endpoint]
            if not self._silent_of[address]:
                del self._silent_of[address]

    def silent(self, endpoint: Endpoint, *, now: int) -> None:
        """Its last message was taken just now."""
        self.busy(endpoint)
        self._silent[endpoint] = now
        self._silent_of.setdefault(owner(endpoint.host), {})[endpoint] = now

    def who_gives_way(self, *, now: int, waited: int) -> tuple[Endpoint, int] | None:
        """Which connection leaves for a newcomer that has waited so long, and how long it was silent; None: none yet."""
        found = longest(self._silent_of[address].items() for address in self._crowds if address in self._silent_of)
        if found is not None and (now - found[1] >= SILENCE_OF_MANY or waited >= PATIENCE):
            return found[0], now - found[1]
        found = longest([self._silent.items()] if self._silent else [])
        if found is not None and now - found[1] >= SILENCE:
            return found[0], now - found[1]
        return None

    def _judge(self, address: str) -> None:
        if self._taken[address] > max(self._limit // SHARE, 1):
            self._crowds.add(address)
        else:
            self._crowds.discard(address)


def longest(orders: Iterable[Iterable[tuple[Endpoint, int]]]) -> tuple[Endpoint, int] | None:
    """Of some orders of silence, none of them empty, the connection that has been silent longest."""
    return min((next(iter(order)) for order in orders), key=lambda entry: entry[1], default=None)
