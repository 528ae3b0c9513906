"""One run of `listen`: the library's receiver, everything that comes, and the reasons to end.

Owns the loop, what is delivered when, and the exit code. Does not know how lines look (see `show`), how replies are made (see
`answering`), nor whose word ends a run (see `ending`).
"""

from collections.abc import Callable
from itertools import groupby
from time import sleep

from udpmsg.base import clock
from udpmsg.base.durations import SECOND
from udpmsg.base.errors import UdpmsgError
from udpmsg.base.language import N_, _, told
from udpmsg.cli.answering import Answerer, Typed
from udpmsg.cli.ending import EndRules, Ends
from udpmsg.cli.exits import Exit
from udpmsg.cli.output import Output
from udpmsg.cli.saving import CannotSave, Saver
from udpmsg.cli.signals import Interrupts
from udpmsg.core.events import Disconnected, Duplicate, Event, Goodbye, LimitReached, Malformed, Message, Outcome, State
from udpmsg.messaging.receiver import Receiver
from udpmsg.show.schema import listener_summary
from udpmsg.show.stream import Words
from udpmsg.show.terminal import counted, paint, peer_name
from udpmsg.sockets.waiting import after

ANSWER_WAIT = 11 * SECOND
"""How long to wait at the end for replies: a second more than a command may take."""
LIMITS = (
    N_("max_message"),
    N_("session_messages"),
    N_("session_bytes"),
    N_("total_bytes"),
    N_("gaps"),
    N_("replies"),
)
"""The limits that a LimitReached may name besides the sessions, marked here for translation."""
NAP = 0.1
"""Seconds between two looks for Ctrl-C during a sleep."""
TOGETHER = 128 << 10
"""Bytes of messages whose lines are made and written together at most; larger ones go one by one. A byte may be six in JSON, and
stands in memory several times until it is written."""


class ListenRun:
    """Drives a receiver until there is a reason to end."""

    def __init__(
        self,
        receiver: Receiver,
        output: Output,
        words: Words,
        interrupts: Interrupts,
        *,
        ending: EndRules,
        answerer: Answerer,
        saver: Saver | None,
        slow: float,
    ) -> None:
        self.receiver = receiver
        self.output = output
        self.words = words
        self.interrupts = interrupts
        self.answerer = answerer
        self.saver = saver
        self.slow = slow
        self.ends = Ends(ending, receiver, self.words.trouble)
        self._failure: str | None = None
        self._files: list[str] = []
        """The files that the messages of this turn were saved in, in order."""
        self._unsaved: CannotSave | None = None
        """Why the message after those was not saved."""
        self._whole: list[Message] = []
        """The messages of this turn that are written: the receiver may acknowledge them."""

    def run(self) -> int:
        """Receive until the end; then close, write the summary and return the exit code."""
        try:
            try:
                self._loop()
            finally:
                self.receiver.done(*self._whole)
            if self.ends.answers_awaited:
                self._await_answers()
        except UdpmsgError as error:
            self._failure = told(error)
        finally:
            self.answerer.close()
        return self._finish()

    def _loop(self) -> None:
        """Each turn asks for more, which delivers what came before; then it writes what came, and answers it."""
        while not self.ends.over and self.interrupts.number is None and self.output.data.broken is None:
            wait = self.ends.wait()
            if wait == 0:
                return
            events = self.receiver.poll(wait, 1 if self.slow else self.ends.messages_left)
            self._whole.clear()
            self.take(events)
            self._answer()
            self.ends.look()

    def take(self, events: list[Event]) -> None:
        """Write what came, until writing fails: messages that came one after the other together. Raises CannotSave."""
        if self.saver is not None:
            self._files, self._unsaved = self.saver.save_all([event for event in events if isinstance(event, Message)])
        for kind, group in groupby(events, type):
            if kind is Message:
                self._on_messages([event for event in group if isinstance(event, Message)])
            else:
                for event in group:
                    self._on_other(event)
            if self.output.data.broken is not None:
                return

    def _answer(self) -> None:
        for message, payload in self.answerer.ready():
            try:
                self.receiver.reply(message, payload)
            except UdpmsgError as error:
                text = _("no reply to {}: {}").format(peer_name(message.peer), told(error))
                self.words.say(f"udpmsg: {text}")
        troubles = getattr(self.answerer, "troubles", None)
        while troubles is not None and not troubles.empty():
            self.words.say(f"udpmsg: {troubles.get()}")

    def _await_answers(self) -> None:
        """Wait for the replies to the last messages, which a command or a person may still make. Nothing more is received."""
        until = clock.now() + ANSWER_WAIT
        by_hand = isinstance(self.answerer, Typed)
        while self.answerer.pending and self.interrupts.number is None and (by_hand or clock.now() < until):
            sleep(0.02)
            self._answer()

    def _finish(self) -> int:
        if self._failure is not None:
            self.words.say(f"{paint('udpmsg:', 'error', self.words.colour)} {self._failure}")
        if self.output.data.broken is not None:
            self.words.say(f"udpmsg: {self.output.data.broken}")
        if self.interrupts.number is not None:
            self.words.say(self.interrupts.words)
        where = _(" and ").join(f"{endpoint.transport} {endpoint}" for endpoint in self.receiver.endpoints)
        statistics = self.receiver.statistics()  # before the sockets are closed: the kernel's count is theirs
        self.interrupts.release()
        self.receiver.close(linger=0.0 if self.interrupts.number is not None else 1.0, commit=False)
        self.output.summary(listener_summary(statistics), where)
        if self.interrupts.number is not None:
            return self.interrupts.code
        return Exit.ERROR if self._failure is not None or self.output.data.broken is not None else Exit.WELL

    def _on_messages(self, messages: list[Message]) -> None:
        files = self._files[: len(messages)]
        del self._files[: len(messages)]
        kept = messages if self._unsaved is None else messages[: len(files)]
        step = max(len(kept), 1) if sum(len(message.payload) for message in kept) <= TOGETHER else 1
        for place in range(0, len(kept), step):
            together = kept[place : place + step]
            written = self.output.messages(together, files[place : place + step])
            self._written(together[:written])
            if written < len(together):
                return
        if self._unsaved is not None and len(kept) < len(messages):
            raise self._unsaved

    def _written(self, messages: list[Message]) -> None:
        """These have their lines: they may be acknowledged, answered, and may end the run."""
        self._whole += messages
        self.ends.on_messages(messages)
        for message in messages:
            if message.reply_to is None:
                self.answerer.take(message)
        if self.slow:
            self._answer()
            self._nap(self.slow)

    def _on_other(self, event: Event) -> None:
        """What is no message."""
        match event:
            case Duplicate():
                self.output.duplicate(event)
            case Goodbye():
                self.output.goodbye(event)
                self._gone(lambda message: message.session == event.session)
                self.ends.on_goodbye(event)
            case Malformed():
                text = _("{} sent {} that are no message: {}")
                self.words.trouble(lambda: text.format(peer_name(event.peer), counted(event.size, "byte"), told(event.reason)))
            case LimitReached(limit="sessions"):
                text = _("{} has no place for now: there is room for {} at once (--max-sessions allows more)")
                self.words.trouble(text.format(peer_name(event.peer), counted(event.value, "sender")))
            case LimitReached():
                text = _("{} sends more than is kept: dropped at the limit of {} ({})")
                self.words.trouble(text.format(peer_name(event.peer), event.value, _(event.limit)))
            case Disconnected():
                if event.reason != "end of stream":
                    text = _("{}: the connection ended: {}")
                    self.words.trouble(lambda: text.format(peer_name(event.peer), told(event.reason)))
                self._gone(lambda message: message.peer == event.peer)
                self.ends.on_disconnected(event)
            case Outcome() if event.state is not State.DELIVERED:
                self.words.trouble(_("a reply was not confirmed: {}").format(told(event.reason or "")))

    def _gone(self, is_of: Callable[[Message], bool]) -> None:
        if isinstance(self.answerer, Typed):
            self.answerer.gone(is_of)

    def _nap(self, seconds: float) -> None:
        until = after(seconds)
        while (missing := until - clock.now()) > 0 and self.interrupts.number is None:
            sleep(min(missing / SECOND, NAP))
