"""The memory of one listener: everything that a peer can make grow is charged here at what it really costs. Owns one sum.

Does not know what for: the code that keeps something for a peer charges it before, and gives the same back when it is gone. Both
transports of a listener, its replies and its commands share one budget, so that all of them together stay below its limit.
"""

MESSAGE_COST = 256
"""Bytes that a waiting message takes besides its payload: the tuple, its numbers, the head of the bytes object, its place in a
queue. Measured with CPython 3.11 to 3.13."""
REASSEMBLY_COST = 512
"""Bytes that a message takes of which not all fragments have come, besides them: the object, its table, its places in others."""
FRAGMENT_COST = 192
"""Bytes that a fragment takes besides its payload while the others have not come."""


def title_cost(title: str | None) -> int:
    """Bytes that a title takes: with one character beyond the basic plane, four for each."""
    return title.__sizeof__() if title else 0


class Budget:
    """Bytes that all share. Call `charge` before something is kept, and `give_back` when it is gone."""

    __slots__ = ("common", "limit", "unfinished", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        """Bytes in all."""
        self.common = limit
        """Of those, what nobody has set aside."""
        self.unfinished = 0
        """Of what is charged, what is for messages that are not whole, or wait behind a gap. Their senders alone can end that, so
        `core.sessions` bounds it."""
        self.used = 0
        """Bytes that are charged now."""

    @property
    def left(self) -> int:
        """Bytes that may still be charged."""
        return self.limit - self.used

    def charge(self, size: int) -> bool:
        """Take so many bytes, if there is room for them; False: nothing was charged, and nothing may be kept."""
        if self.used + size > self.limit:
            return False
        self.used += size
        return True

    def set_aside(self, size: int) -> bool:
        """The same for good, for one purpose."""
        if not self.charge(size):
            return False
        self.common -= size
        return True

    def give_back(self, size: int) -> None:
        """What was charged is gone."""
        self.used -= size
