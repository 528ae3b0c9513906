"""Sessions that lost their place: what suppresses their duplicates, kept for as long as a duplicate may come. Owns their order.

A session that ended leaves its place at once; one that was silent while others asked for a place gave it up. Both are kept whole,
but for what they had not finished: a late duplicate is still one, and a session that comes back goes on where it stopped. What is
young is never forgotten for what is new. Times in nanoseconds.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from itertools import chain

from udpmsg.base.durations import SECOND
from udpmsg.core.session import Session

ENDED_KEPT = 2 * SECOND
"""After a goodbye nothing is retransmitted, and without acknowledgments nothing ever is; what the network duplicates comes within
a moment."""
SILENT_KEPT = 120 * SECOND
"""Twice the default deadline of a sender: one that has been silent for so long has given up what it sent."""
GAPS_KEPT = 16
"""More gaps than these are too much to remember without a place: each takes some 150 bytes."""


def kept_for(session: Session) -> int:
    """For how long after its last datagram a duplicate of this session's may come."""
    return SILENT_KEPT if session.acknowledged and not session.ended else ENDED_KEPT


class Tombstones:
    """At most so many sessions without a place, about 1 KiB each. `forget` is told of each that is not kept any longer."""

    def __init__(self, most: int, forget: Callable[[Session], None]) -> None:
        self.most = most
        self._forget = forget
        self._of_origin: Counter[Hashable] = Counter()
        self._short: dict[int, Session] = {}
        """Those that are kept for a moment, in the order in which they lost their places."""
        self._long: dict[int, Session] = {}
        """Those that are kept for a sender's deadline."""

    def __iter__(self) -> Iterator[Session]:
        return chain(self._short.values(), self._long.values())

    def find(self, identity: int) -> Session | None:
        """The session with this id."""
        return self._short.get(identity) or self._long.get(identity)

    def make_room(self, now: int, *, proved: bool = True) -> bool:
        """Whether one session more can be kept; the oldest is forgotten for it, unless that is young. Half of the room is for
        those that have `proved` themselves."""
        if len(self._short) + len(self._long) < (self.most if proved else self.most // 2):
            return True
        for table in (self._short, self._long):
            oldest = next(iter(table.values()), None)
            if oldest is not None and oldest.last_seen_at + kept_for(oldest) <= now:
                self.take(oldest)
                self._forget(oldest)
                return True
        return False

    def keep(self, session: Session) -> None:
        """Keep a session that has just lost its place; there is room."""
        table = self._long if kept_for(session) == SILENT_KEPT else self._short
        table[session.identity] = session
        self._of_origin[session.origin] += 1

    def take(self, session: Session) -> None:
        """This session has a place again, or is forgotten."""
        if self._short.pop(session.identity, None) is None:
            del self._long[session.identity]
        self._of_origin[session.origin] -= 1
        if not self._of_origin[session.origin]:
            del self._of_origin[session.origin]

    def of(self, origin: Hashable) -> int:
        """How many of one address are kept."""
        return self._of_origin[origin]
