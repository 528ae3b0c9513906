"""What the connections of a listener keep, charged at what it really takes. Owns their part of the budget, and knows which hold
much.

A part of the budget is set aside for the places, the same for each, so that a small message can always be read. What a connection
keeps beyond that is charged when it comes.
"""

from collections.abc import Container

from udpmsg.core.budget import Budget
from udpmsg.sockets.endpoint import Endpoint
from udpmsg.tcp.connection import Connection

BUFFER = 256 << 10
"""Bytes read from one connection before others have their turn: some 210 messages of 1200 bytes."""
SMALL_READ = 8 << 10
"""Bytes that are worth a read when memory is short; and the most that are read before it is known that the peer speaks udpmsg:
to turn somebody away must be cheap."""
SET_ASIDE = 4
"""This part of the memory is set aside for the places, the same for each: 16 KiB of 64 MiB at 1,024 places."""
SLACK = 16
"""Bytes that a buffer takes at most beyond an eighth more than it needs."""


class Memory:
    """The memory of so many places."""

    def __init__(self, budget: Budget, places: int) -> None:
        self._budget = budget
        set_aside = budget.limit // SET_ASIDE
        self._set_aside = set_aside if budget.set_aside(set_aside) else 0
        self._share = self._set_aside // max(places, 1)
        """Bytes that each connection has for certain."""
        self._large: dict[Endpoint, Connection] = {}
        """Those that hold more than that, in the order in which they began to, or last had a whole message."""

    def charge(self, connection: Connection, size: int | None = None) -> bool:
        """Charge what a connection holds, or may come to hold, beyond its share. False: there is no memory for it, and nothing
        has changed."""
        beyond = max((connection.held if size is None else size) - self._share, 0)
        more = beyond - connection.charged
        if more > 0 and not self._budget.charge(more):
            return False
        if more < 0:
            self._budget.give_back(-more)
        connection.charged = beyond
        if beyond:
            self._large.setdefault(connection.endpoint, connection)
        else:
            self._large.pop(connection.endpoint, None)
        return True

    def room(self, connection: Connection) -> int:
        """How many bytes may be read from it, for which there is memory, charged by now; 0: none."""
        held = connection.held
        for size in (BUFFER, SMALL_READ) if connection.known else (SMALL_READ,):
            if self.charge(connection, grown(held + size)):
                return size
        return max((self._share - SLACK) * 8 // 9 - held, 0)

    def renew(self, connection: Connection) -> None:
        """It had whole messages: it uses its memory well, so its time as a holder of much begins anew."""
        self._large.pop(connection.endpoint, None)
        self.charge(connection)

    def forget(self, connection: Connection) -> None:
        """It is closed."""
        self._large.pop(connection.endpoint, None)
        self._budget.give_back(connection.charged)
        connection.charged = 0

    def oldest_holder(self, spared: Container[Endpoint]) -> Connection | None:
        """The connection that has held more than its share longest without a whole message."""
        return next((connection for endpoint, connection in self._large.items() if endpoint not in spared), None)

    def close(self) -> None:
        """Give back what was set aside."""
        self._budget.give_back(self._set_aside)
        self._set_aside = 0


def grown(size: int) -> int:
    """Bytes that a buffer of so many takes at most: it grows by an eighth more than it needs."""
    return size + size // 8 + SLACK
