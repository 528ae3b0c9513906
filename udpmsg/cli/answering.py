"""How `listen` answers: with the message itself, a text, a line that is typed, or a command's output.

Each way is an answerer: `take` a message, later yield it with its reply from `ready`. None of them ever blocks the listener.
A new way is a class and a row of the table in `listen`. Knows no socket.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

from udpmsg.cli.lines import Lines, LineTooLong
from udpmsg.core.events import Message
from udpmsg.language import _

Reply = tuple[Message, bytes]


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
        self._messages.append(message)

    def ready(self) -> Iterator[Reply]:
        """Pairs of a message and its line."""
        while self._messages:
            line = self._lines.take()
            if line is None:
                if self._lines.ended:
                    self._messages.clear()
                return
            if isinstance(line, LineTooLong):
                self._complain(_("a line of {} bytes is too long for a reply; write a shorter one").format(line.size))
            else:
                yield self._messages.popleft(), line

    def close(self) -> None:
        """The thread that reads standard input ends with the process."""
