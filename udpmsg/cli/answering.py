"""How `listen` answers: with the message itself, a text, a line that is typed, or a command's output.

Each way is an answerer: `take` a message, later yield it with its reply from `ready`. None of them ever blocks the listener.
A new way is a class and a row of the table in `listen`. Knows no socket.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

from udpmsg.base.language import _
from udpmsg.cli.lines import Lines, LineTooLong
from udpmsg.core.budget import Budget
from udpmsg.core.events import Message
from udpmsg.show.terminal import peer_name

Reply = tuple[Message, bytes]
WAITING = 1000
"""Messages that wait for their reply at most; beyond, they stay unanswered and that is said."""
WAITING_BYTES = 16 << 20
"""Bytes that these may take, in the same way."""
MESSAGE_COST = 512
"""Bytes that a waiting message takes besides its payload, roughly."""


class Answerer(Protocol):
    """Turns messages into replies, in its own time."""

    def take(self, message: Message) -> None:
        """A message came that may be answered."""

    def ready(self) -> Iterator[Reply]:
        """The replies that are there now."""
        ...

    @property
    def pending(self) -> int:
        """Messages taken that will still get a reply, as far as is known."""
        ...

    def close(self) -> None:
        """Nothing more will be asked for."""


class Silence:
    """No replies."""

    pending = 0

    def take(self, message: Message) -> None:
        """Nothing comes of it."""

    def ready(self) -> Iterator[Reply]:
        """Nothing."""
        return iter(())

    def close(self) -> None:
        """Nothing to give back."""


class Immediate:
    """A reply that is known at once."""

    pending = 0

    def __init__(self, reply: Callable[[bytes], bytes]) -> None:
        self._reply = reply
        self._ready: list[Reply] = []

    def take(self, message: Message) -> None:
        """The reply is made here."""
        self._ready.append((message, self._reply(message.payload)))

    def ready(self) -> Iterator[Reply]:
        """One for each message."""
        ready, self._ready = self._ready, []
        return iter(ready)

    def close(self) -> None:
        """Nothing to give back."""


def echo() -> Immediate:
    """--echo"""
    return Immediate(lambda payload: payload)


def fixed(text: str) -> Immediate:
    """--reply TEXT"""
    payload = os.fsencode(text)
    return Immediate(lambda _message: payload)


class Typed:
    """--interactive: line n of standard input answers message n, whichever of them comes first."""

    def __init__(self, lines: Lines, complain: Callable[[str], None]) -> None:
        self._lines = lines
        self._complain = complain
        self._messages: deque[Message] = deque()
        self._unasked = True
        """Whether nobody has answered anything yet."""
        self._told = False
        self._waiting = Budget(WAITING_BYTES)

    @property
    def pending(self) -> int:
        """Messages without their line; nobody will answer them once the input has ended."""
        return 0 if self._lines.ended else len(self._messages)

    @property
    def asked(self) -> Message | None:
        """The message that the next line answers."""
        return self._messages[0] if self.pending else None

    def take(self, message: Message) -> None:
        """It waits for its line."""
        if len(self._messages) < WAITING and self._waiting.charge(cost_of(message)):
            self._messages.append(message)
        else:
            text = _("{} stays unanswered: {} others wait for a line already")
            self._complain(text.format(name_of(message), len(self._messages)))

    def ready(self) -> Iterator[Reply]:
        """Pairs of a message and its line. Raises CannotRead."""
        while self._messages or self._lines.ended:
            ended = self._lines.ended  # before the look: what comes between the two is looked for again
            line = self._lines.take()
            if line is None:
                if ended:
                    self._give_up()
                return
            if isinstance(line, LineTooLong):
                self._complain(_("a line of {} bytes is too long for a reply; write a shorter one").format(line.size))
            else:
                self._unasked = False
                message = self._messages.popleft()
                self._waiting.give_back(cost_of(message))
                yield message, line

    def _give_up(self) -> None:
        """The input has ended. That is said once, when a message stays unanswered by it, or all of them will."""
        if (self._messages or self._unasked) and not self._told:
            self._told = True
            self._complain(_("Standard input has ended: there is nobody to ask, and messages stay unanswered"))
        self._messages.clear()

    def close(self) -> None:
        """The thread that reads standard input ends with the process."""


def cost_of(message: Message) -> int:
    """Bytes that a message takes while it waits for its reply. One that is larger than all that may wait can wait alone."""
    return min(len(message.payload) + MESSAGE_COST, WAITING_BYTES)


def name_of(message: Message) -> str:
    """A message, as a sentence names it."""
    peer = peer_name(message.peer)
    if message.sequence is None:
        return _("a raw message from {}").format(peer)
    return _("#{} from {}").format(message.sequence, peer)
