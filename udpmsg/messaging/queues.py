"""What a sender has to tell its program, until the program takes it: outcomes, replies and notices, each in a queue of its own.

Owns the bounds of whatever a peer can make grow here. Outcomes have none: there is one for each message that the program sent.
"""

from collections import deque
from collections.abc import Sequence

from udpmsg.core.events import NOTICES_KEPT, Disconnected, Event, Malformed, Message, Outcome

REPLY_BYTES = 64 << 20
"""What replies that wait may take; a peer that answers more than that is not listened to until some were taken."""
REPLY_COST = 512
"""Bytes that a reply takes besides its payload, roughly."""
MALFORMED_TOLD = 16
"""Events Malformed that a sender tells in its life. A stranger can send a million of them; `malformed` counts them all."""


class EventQueues:
    """The events of one sender. Within a kind they keep the order in which they happened."""

    __slots__ = ("_malformed_told", "_notices", "_replies", "_reply_bytes", "outcomes")

    def __init__(self) -> None:
        self.outcomes: deque[Outcome] = deque()
        """How messages ended."""
        self._replies: deque[Message] = deque()
        self._reply_bytes = 0
        self._notices: dict[Event, None] = {}
        """Each once: a thousand equal refusals that wait say no more than one."""
        self._malformed_told = 0

    def __bool__(self) -> bool:
        return bool(self.outcomes or self._replies or self._notices)

    @property
    def full(self) -> bool:
        """Whether so many replies wait that there is no room for another."""
        return self._reply_bytes >= REPLY_BYTES

    def add(self, events: Sequence[Event]) -> None:
        """These happened, in this order."""
        if set(map(type, events)) == {Outcome}:  # most often, and then there are many
            self.outcomes += events  # type: ignore[arg-type]
            return
        for event in events:
            if isinstance(event, Outcome):
                self.outcomes.append(event)
            elif isinstance(event, Message):
                self._replies.append(event)
                self._reply_bytes += len(event.payload) + REPLY_COST
            elif isinstance(event, Malformed):
                self._malformed_told += 1
                if self._malformed_told <= MALFORMED_TOLD:
                    self._notices[event] = None
            elif len(self._notices) < NOTICES_KEPT or isinstance(event, Disconnected):  # it happens once, and ends everything
                self._notices[event] = None

    def take_reply(self) -> Message | None:
        """The oldest reply that waits."""
        if not self._replies:
            return None
        reply = self._replies.popleft()
        self._reply_bytes -= len(reply.payload) + REPLY_COST
        return reply

    def take(self) -> tuple[list[Event], list[Message]]:
        """Everything: outcomes, then replies, then notices; and the replies among them by themselves."""
        replies = [*self._replies]
        events = [*self.outcomes, *replies, *self._notices]
        self.outcomes.clear()
        self._replies.clear()
        self._notices.clear()
        self._reply_bytes = 0
        return events, replies
