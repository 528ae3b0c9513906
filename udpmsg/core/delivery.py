"""What waits for the application, and what it has in its hands. Owns the queue, and the commit: when a message is delivered.

A message is handed over by `take`, and it is delivered when the application is done with it: it asks for more (`commit`), or says
so of this one (`done`). Only then is it acknowledged, and only then is its memory given back.
"""

from collections import deque
from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

from udpmsg.core.budget import title_cost
from udpmsg.core.events import NOTICES_KEPT, Event, Goodbye, Message
from udpmsg.core.session import Session
from udpmsg.core.sessions import Sessions

PAYLOAD, TITLE = (itemgetter(Message._fields.index(name)) for name in ("payload", "title"))


class Batch(NamedTuple):
    """Messages of one session (None: raw ones), which stand together where they came together; in bytes the `size` of all their
    payloads, and what their `titles` take."""

    messages: list[Message]
    session: Session | None
    size: int
    titles: int = 0

    def split(self, begin: int, end: int) -> "tuple[Batch, Batch]":
        """Those from one place up to another, and the others; both are some."""
        messages, session, size, titles = self
        those = whole(messages[begin:end], session)
        return those, Batch(messages[:begin] + messages[end:], session, size - those.size, titles - those.titles)


class Several(NamedTuple):
    """Messages without titles, each of its session, in the order in which they came."""

    messages: list[Message]
    sessions: list[Session]

    def split(self, begin: int, end: int) -> "tuple[Several, Several]":
        """Those from one place up to another, and the others; both are some."""
        messages, sessions = self
        those = Several(messages[begin:end], sessions[begin:end])
        return those, Several(messages[:begin] + messages[end:], sessions[:begin] + sessions[end:])


class Notice(NamedTuple):
    """An event that a peer could cause without end, as it waits in the queue."""

    event: Event


class Delivery:
    """From the queue into the application's hands, and out of them."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self.waiting: deque[Batch | Several | Notice | Goodbye] = deque()
        """What waits to be handed over."""
        self.uncommitted: list[Batch | Several] = []
        """What the application has in its hands: it is not done with it."""
        self._notices = 0
        self.raw_waiting = 0
        """Raw messages that the application is not done with."""

    @property
    def in_hand(self) -> list[Message]:
        """The messages that the application has and is not done with."""
        return [message for batch in self.uncommitted for message in batch.messages]

    @property
    def undelivered(self) -> int:
        """Messages that the application is not done with, whether it has them or not."""
        return sum(len(entry.messages) for entry in (*self.uncommitted, *self.waiting) if isinstance(entry, Batch | Several))

    def in_hand_by_session(self) -> list[tuple[Session, list[tuple[int, int]]]]:
        """Which sequence numbers of each acknowledged session they have, as (first, last)."""
        found: dict[int, tuple[Session, list[tuple[int, int]]]] = {}
        for batch in self.uncommitted:
            if isinstance(batch, Several):
                parts = [([message], session) for message, session in zip(*batch, strict=True) if session.acknowledged]
            else:
                parts = [(batch.messages, batch.session)] if batch.session is not None and batch.session.acknowledged else []
            for messages, session in parts:
                found.setdefault(session.identity, (session, []))[1].extend(stretches(messages))
        return list(found.values())

    def put(self, messages: list[Message], session: Session | None, size: int | None = None) -> None:
        """For the application; `size`: bytes of all their payloads, where that is known, and that none has a title."""
        if not messages:
            return
        if session is None:
            self.raw_waiting += len(messages)
        else:
            session.queued_messages += len(messages)
        self.waiting.append(Batch(messages, session, size) if size is not None else whole(messages, session))

    def put_mixed(self, messages: list[Message], sessions: list[Session]) -> None:
        """For the application: messages without titles, each of its session, which counts it already."""
        if messages:
            self.waiting.append(Several(messages, sessions))

    def tell(self, goodbye: Goodbye) -> None:
        """Of a session that something came of: there is at most one for each."""
        self.waiting.append(goodbye)

    def notify(self, event: Event) -> None:
        """Tell what a peer could repeat without end, unless so much of that waits already."""
        if self._notices < NOTICES_KEPT:
            self._notices += 1
            self.waiting.append(Notice(event))

    def take(self, limit: int | None, *, hand_over: bool = True) -> list[Event]:
        """What comes next, at most `limit` events. Not `hand_over`: the messages among them are done with, and not returned."""
        events: list[Event] = []
        while self.waiting and (limit is None or len(events) < limit):
            entry = self.waiting.popleft()
            if isinstance(entry, Batch | Several):
                if limit is not None and hand_over and len(entry.messages) > limit - len(events):
                    entry, rest = entry.split(0, limit - len(events))
                    self.waiting.appendleft(rest)
                self.uncommitted.append(entry)
                if hand_over:
                    events += entry.messages
            elif isinstance(entry, Notice):
                events.append(entry.event)
                self._notices -= 1
            else:
                events.append(entry)
        return events

    def alike(self, size: int, most: int) -> int:
        """How many messages of so many bytes wait first, at most so many."""
        count = 0
        for entry in self.waiting:
            if not isinstance(entry, Batch | Several):
                break
            for payload in map(PAYLOAD, entry.messages):
                if count == most or len(payload) != size:
                    return count
                count += 1
        return count

    def commit(self) -> list[Session]:
        """The application is done with all that it has in its hands; returns the sessions that it came from."""
        sessions = self._finish(self.uncommitted)
        self.uncommitted.clear()
        return sessions

    def done(self, message: Message) -> list[Session]:
        """The application is done with this message; nothing happens where it was before, or never had it."""
        for place, batch in enumerate(self.uncommitted):
            for index, other in enumerate(batch.messages):
                if other is not message:
                    continue
                if len(batch.messages) == 1:
                    del self.uncommitted[place]
                    return self._finish([batch])
                alone, self.uncommitted[place] = batch.split(index, index + 1)
                return self._finish([alone])
        return []

    def _finish(self, batches: Sequence[Batch | Several]) -> list[Session]:
        sessions: list[Session] = []
        for batch in batches:
            if isinstance(batch, Several):
                self._sessions.release_each(*batch)
                sessions += batch.sessions
                continue
            messages, session, size, titles = batch
            if session is None:
                self.raw_waiting -= len(messages)
                self._sessions.release_raw(size, len(messages))
                continue
            session.queued_messages -= len(messages)
            session.payload_bytes += size
            self._sessions.release(session, size, len(messages), titles)
            if session.acknowledged:
                for first, last in stretches(messages):
                    session.deliver(first, last)
            sessions.append(session)
        return sessions


def whole(messages: list[Message], session: Session | None) -> Batch:
    """These messages, and what they have in all."""
    size, titles = sum(map(len, map(PAYLOAD, messages))), sum(map(title_cost, map(TITLE, messages)))
    return Batch(messages, session, size, titles)


def stretches(messages: list[Message]) -> list[tuple[int, int]]:
    """Which sequence numbers these have, as (first, last); they stand in ascending order, and mostly are one stretch."""
    first, last = messages[0].sequence, messages[-1].sequence
    assert first is not None
    assert last is not None
    if last - first == len(messages) - 1:
        return [(first, last)]
    numbers = [message.sequence for message in messages if message.sequence is not None]
    return list(zip(numbers, numbers, strict=True))
