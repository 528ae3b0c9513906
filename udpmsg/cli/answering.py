"""How `listen` answers: with the message itself, a text, a line that is typed, or a command's output.

Each way is an answerer: `take` a message, later yield it with its reply from `ready`. None of them ever blocks the listener.
A new way is a class and a row of the table in `listen`. Knows no socket.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator

from udpmsg.base import clock
from udpmsg.base.durations import MILLISECOND
from udpmsg.base.language import _
from udpmsg.cli.lines import Lines, LineTooLong
from udpmsg.core.budget import Budget
from udpmsg.core.events import Message
from udpmsg.show.stream import Words
from udpmsg.show.terminal import escape, peer_name

Reply = tuple[Message, bytes]
WAITING = 1000
"""At most so many messages wait for their reply; more stay unanswered, and the listener says so."""
WAITING_BYTES = 16 << 20
"""At most so many bytes of them."""
MESSAGE_COST = 512
"""Roughly the bytes that a waiting message takes besides its payload."""
UNREAD = 1500 * MILLISECOND
"""A prompt that stood for less than this is taken away again: nobody has read it and begun to type."""
EXCERPT = 24
"""Characters of a message that name it: with an IPv6 address beside them, a prompt still fits into 80 columns."""


class Answerer:
    """Turns messages into replies, at once or later; this one into none."""

    @property
    def pending(self) -> int:
        """How many accepted messages may still get a reply."""
        return 0

    def take(self, message: Message) -> None:
        """Accept a message that may be answered."""

    def ready(self) -> Iterator[Reply]:
        """The replies that are ready now."""
        return iter(())

    def close(self) -> None:
        """Free what it holds: no more replies are wanted."""


class Immediate(Answerer):
    """A reply that is known at once."""

    def __init__(self, reply: Callable[[bytes], bytes]) -> None:
        self._reply = reply
        self._ready: list[Reply] = []

    def take(self, message: Message) -> None:
        """Make its reply."""
        self._ready.append((message, self._reply(message.payload)))

    def ready(self) -> Iterator[Reply]:
        """One for each message."""
        ready, self._ready = self._ready, []
        return iter(ready)


def echo() -> Immediate:
    """--echo"""
    return Immediate(lambda payload: payload)


def fixed(text: str) -> Immediate:
    """--reply TEXT"""
    payload = os.fsencode(text)
    return Immediate(lambda _message: payload)


class Typed(Answerer):
    """--interactive: each line of standard input answers one message.

    Piped: line n answers message n, whichever of them comes first. At a terminal a prompt names the message that the next line
    answers, and a line answers nothing else: clients that are gone are not offered, and what was typed for one of them goes to
    nobody.
    """

    def __init__(self, lines: Lines, words: Words, *, at_terminal: bool = False) -> None:
        self._lines = lines
        self._words = words
        self._at_terminal = at_terminal
        self._messages: deque[Message] = deque()
        self._asked: Message | None = None
        """The message that the prompt names. It is the first of those that wait, or its client is gone."""
        self._asked_at = 0
        self._unasked = True
        """Whether nothing was answered yet."""
        self._told = False
        self._waiting = Budget(WAITING_BYTES)

    @property
    def pending(self) -> int:
        """Messages without their line; nobody will answer them once the input has ended."""
        return 0 if self._lines.ended else len(self._messages)

    def take(self, message: Message) -> None:
        """Keep it until its line comes."""
        if len(self._messages) < WAITING and self._waiting.charge(cost_of(message)):
            self._messages.append(message)
        else:
            text = _("{} stays unanswered: {} others wait for a line already")
            self._words.say(text.format(name_of(message), len(self._messages)))

    def gone(self, is_of: Callable[[Message], bool]) -> None:
        """A client has ended: its messages are not offered any more. Piped lines keep their order, and go to nobody then."""
        if not self._at_terminal:
            return
        waiting, self._messages = self._messages, deque()
        for message in waiting:
            if is_of(message):
                self._waiting.give_back(cost_of(message))
            else:
                self._messages.append(message)
        if self._asked is None or not is_of(self._asked):
            return
        if clock.now() - self._asked_at < UNREAD:
            self._asked = None
            self._lines.forget_begun()
            self._words.clear()
        else:
            self._words.prompt(_("{} is gone; Enter goes on> ").format(peer_name(self._asked.peer)))

    def ready(self) -> Iterator[Reply]:
        """Pairs of a message and its line, and the prompt for the next one. Raises CannotRead."""
        while self._messages or self._at_terminal or self._lines.ended:
            ended = self._lines.ended  # before the look: what comes between the two is looked for again
            lines = self._lines.take(1)
            if not lines:
                if ended:
                    self._give_up()
                break
            self._words.typed()
            (line,) = lines
            if isinstance(line, LineTooLong):
                self._words.say(_("a line of {} bytes is too long for a reply; write a shorter one").format(len(line)))
            elif self._is_for_nobody():
                self._tell_unsent(line)
            else:
                self._unasked = False
                message = self._messages.popleft()
                self._waiting.give_back(cost_of(message))
                yield message, line
            self._asked = None
            self._prompt()
        self._prompt()

    def _prompt(self) -> None:
        """Name the message that the next line answers."""
        if self._at_terminal and self._asked is None and self.pending:
            self._asked, self._asked_at = self._messages[0], clock.now()
            text = _("reply to {} “{}”> ")
            self._words.prompt(text.format(peer_name(self._asked.peer), excerpt(self._asked.payload)))

    def _is_for_nobody(self) -> bool:
        return self._at_terminal and (self._asked is None or not self._messages or self._messages[0] is not self._asked)

    def _tell_unsent(self, line: bytes) -> None:
        if line and self._asked is None:
            self._words.say(_("nobody waits for an answer: “{}” was not sent").format(excerpt(line)))
        elif line and self._asked is not None:
            self._words.say(_("{} is gone: “{}” was not sent").format(peer_name(self._asked.peer), excerpt(line)))

    def _give_up(self) -> None:
        """The input has ended. Say so once, if messages stay unanswered."""
        self._words.clear()
        if (self._messages or self._unasked) and not self._told:
            self._told = True
            self._words.say(_("Standard input has ended: there is nobody to ask, and messages stay unanswered"))
        self._messages.clear()

    def close(self) -> None:
        """Nobody is asked any more. The thread that reads standard input ends with the process."""
        self._words.clear()


def excerpt(payload: bytes) -> str:
    """The beginning of a message, to know it by."""
    text = escape(payload)
    return text if len(text) <= EXCERPT else text[: EXCERPT - 1] + "…"


def cost_of(message: Message) -> int:
    """Bytes that a message takes while it waits for its reply. One that is larger than all that may wait can wait alone."""
    return min(len(message.payload) + MESSAGE_COST, WAITING_BYTES)


def name_of(message: Message) -> str:
    """How a sentence names a message."""
    peer = peer_name(message.peer)
    if message.sequence is None:
        return _("a raw message from {}").format(peer)
    return _("#{} from {}").format(message.sequence, peer)
