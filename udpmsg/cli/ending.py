"""When `listen` ends, and whose word counts for that.

A word counts only from the peer that it concerns. The first peer whose message was delivered ends `--once`, and nobody
else does. A stop word is obeyed from an address that has proved that somebody is there: a peer that forges its
source never sees what is sent to it.
"""

from collections.abc import Callable, Hashable
from typing import NamedTuple, TypeVar

from udpmsg.base import clock
from udpmsg.base.durations import SECOND
from udpmsg.base.language import _
from udpmsg.core.events import Disconnected, Goodbye, Message
from udpmsg.messaging.receiver import Receiver
from udpmsg.show.terminal import peer_name
from udpmsg.sockets.waiting import after, nanoseconds

FAREWELL_WAIT = SECOND
"""How long --once waits for the goodbye after the farewell word: it follows at once, unless it was lost or the peer is raw."""
PROOF_WAIT, PROOF_LOOK = 5 * SECOND, SECOND // 20
"""How long a stop word waits for its address to prove itself, and how often is looked: no event tells of it."""
REMEMBERED = 1024
"""Stop words that wait, and raw addresses that have said something, at most."""

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class EndRules(NamedTuple):
    """When to end, times in seconds; None or False: not for this reason."""

    messages: int | None
    duration: float | None
    idle: float | None
    once: bool
    stop_word: bytes | None
    farewell: bytes


class Ends:
    """Is told what came, and knows when it is enough."""

    def __init__(self, ending: EndRules, receiver: Receiver, complain: Callable[[str], None]) -> None:
        self.ending = ending
        self.over = False
        """A message or a goodbye ended the run."""
        self.answers_awaited = False
        """It was a message, which may still be answered."""
        self._receiver = receiver
        self._complain = complain
        self._messages = 0
        begun = clock.now()
        self._for_until = None if ending.duration is None else begun + nanoseconds(ending.duration)
        self._idle_until = None if ending.idle is None else begun + nanoseconds(ending.idle)
        self._goodbye_until: int | None = None
        self._first: Message | None = None
        """With --once: the first message, whose sender ends the run."""
        self._unproved: dict[int, tuple[int, Message]] = {}
        """Stop words that wait for a proof of their address, by session, and until when."""
        self._raw_peers: dict[Hashable, None] = {}
        """With a stop word: raw addresses that have said something."""
        self._told: set[str] = set()

    @property
    def messages_left(self) -> int | None:
        """How many more are to come; None: any number."""
        return None if self.ending.messages is None else self.ending.messages - self._messages

    def wait(self) -> float | None:
        """Seconds until it may be over though nothing comes; None: never. It is over when they are 0."""
        deadlines = [t for t in (self._for_until, self._idle_until, self._goodbye_until) if t is not None]
        if self._unproved and not self.over:
            deadlines.append(clock.now() + PROOF_LOOK)
        return max(0, min(deadlines) - clock.now()) / SECOND if deadlines else None

    def on_messages(self, messages: list[Message]) -> None:
        """Messages came, and were written."""
        ending = self.ending
        self._messages += len(messages)
        if self._idle_until is not None and messages:
            self._idle_until = after(ending.idle or 0)
        if self.messages_left is not None and self.messages_left <= 0:
            self._end()
        for message in messages if ending.once or ending.stop_word is not None else ():
            self._look_at(message)

    def _look_at(self, message: Message) -> None:
        """It may be a word that ends the run."""
        ending, word = self.ending, message.payload.strip()
        if ending.stop_word is not None:
            if word == ending.stop_word:
                self._asks_to_stop(message)
            if message.raw:
                remember(self._raw_peers, message.peer, None)
        if ending.once:
            self._first = self._first or message._replace(payload=b"")
            if word == ending.farewell and self._is_first(message) and self._goodbye_until is None:
                self._goodbye_until = clock.now() + FAREWELL_WAIT

    def on_goodbye(self, goodbye: Goodbye) -> None:
        """A session's sender has ended."""
        if self._first is not None and self._first.session == goodbye.session:
            self.over = True
        if goodbye.session in self._unproved:
            self._tell_unproved(self._unproved[goodbye.session][1])

    def on_disconnected(self, event: Disconnected) -> None:
        """A connection has ended."""
        if self._first is not None and self._first.peer == event.peer:
            self.over = True

    def look(self) -> None:
        """Obey those who have proved themselves meanwhile."""
        now = clock.now()
        for session, (until, message) in list(self._unproved.items()):
            if self._receiver.proved(message):
                self._end()
            elif until <= now:
                del self._unproved[session]
                self._tell_unproved(message)

    def _end(self) -> None:
        self.over = self.answers_awaited = True

    def _is_first(self, message: Message) -> bool:
        first = self._first
        assert first is not None
        return message.session == first.session and (message.session is not None or message.peer == first.peer)

    def _asks_to_stop(self, message: Message) -> None:
        if self._receiver.proved(message) or (message.raw and message.peer in self._raw_peers):
            self._end()
        elif message.session is None:
            self._tell(_("{} asks to stop, and is not obeyed: a raw peer must have said something before"), message.peer)
        else:
            remember(self._unproved, message.session, (clock.now() + PROOF_WAIT, message))
            self._receiver.challenge(message)

    def _tell_unproved(self, message: Message) -> None:
        text = _("{} asks to stop, and is not obeyed: nobody there could be asked for a proof; send it with --ack")
        self._tell(text, message.peer)

    def _tell(self, text: str, peer: Hashable) -> None:
        """Once: anybody can say it again and again."""
        if text not in self._told:
            self._told.add(text)
            self._complain(text.format(peer_name(peer)))


def remember(table: dict[Key, Value], key: Key, value: Value) -> None:
    """Put it into a table, in which the oldest gives way when there are too many."""
    if key not in table and len(table) >= REMEMBERED:
        del table[next(iter(table))]
    table[key] = value
