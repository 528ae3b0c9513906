"""One run of `listen`: the library's receiver, everything that comes, and the reasons to end.

Owns the loop and the exit code. Does not know how lines look (see `report`) nor how replies are made (see `answering`).
"""

import sys
from collections.abc import Callable, Hashable
from time import sleep
from typing import NamedTuple

from udpmsg import clock
from udpmsg.cli.answering import Answerer, Typed
from udpmsg.cli.exits import Exit
from udpmsg.cli.output import Output
from udpmsg.cli.saving import CannotSave, Saver
from udpmsg.cli.signals import Interrupts
from udpmsg.core.events import Disconnected, Duplicate, Event, Goodbye, LimitReached, Malformed, Message, Outcome, State
from udpmsg.errors import UdpmsgError
from udpmsg.language import N_, _, told
from udpmsg.receiver import Receiver
from udpmsg.report.schema import listener_summary
from udpmsg.report.stream import Words, is_terminal
from udpmsg.report.terminal import counted, paint, peer_name
from udpmsg.waiting import after, nanoseconds

SECOND = 1_000_000_000
FAREWELL_WAIT = SECOND
"""How long --once waits for the goodbye after the farewell word: it follows at once, unless it was lost or the peer is raw."""
ANSWER_WAIT = 11 * SECOND
"""At the end: for replies under way. A second more than a command may take."""
SHOWN_TROUBLES = 10
"""So many malformed datagrams are told one by one; more of them are only counted."""
LIMITS = (
    N_("max_message"),
    N_("session_messages"),
    N_("session_bytes"),
    N_("total_bytes"),
    N_("reassemblies"),
    N_("gaps"),
    N_("replies"),
)
"""What a LimitReached may name besides the sessions; marked here, as the core's names are no words."""
NAP = 0.1
"""Seconds after which a sleep looks whether Ctrl-C came."""


class Ending(NamedTuple):
    """When to end, times in seconds; None or False: not for this reason."""

    messages: int | None
    duration: float | None
    idle: float | None
    once: bool
    stop_word: bytes | None
    farewell: bytes


class ListenRun:
    """Drives a receiver until there is a reason to end."""

    def __init__(
        self,
        receiver: Receiver,
        output: Output,
        words: Words,
        interrupts: Interrupts,
        *,
        ending: Ending,
        answerer: Answerer,
        saver: Saver | None,
        slow: float,
    ) -> None:
        self.receiver = receiver
        self.output = output
        self.words = words
        self.interrupts = interrupts
        self.ending = ending
        self.answerer = answerer
        self.saver = saver
        self.slow = slow
        self.by_hand = is_terminal(sys.stdin)
        """Whether answers are typed, so that a prompt has a reader."""
        self._asked: Message | None = None
        self._messages = 0
        self._failure: str | None = None
        self._over = False
        """A message or a goodbye ended the run."""
        self._answers_awaited = False
        self._troubles = 0
        self._tcp_peers: set[Hashable] = set()
        """With --once: connections that a message came from."""
        begun = clock.now()
        self._for_until = None if ending.duration is None else begun + nanoseconds(ending.duration)
        self._idle_until = None if ending.idle is None else begun + nanoseconds(ending.idle)
        self._goodbye_until: int | None = None
        self._handlers: dict[type, Callable[[Event], None]] = {
            Message: self._on_message,
            Duplicate: self._on_duplicate,
            Goodbye: self._on_goodbye,
            Malformed: self._on_malformed,
            LimitReached: self._on_limit,
            Disconnected: self._on_disconnected,
            Outcome: self._on_outcome,
        }

    def run(self) -> int:
        """Receive until the end; then close, write the summary and return the exit code."""
        try:
            self._loop()
            if self._answers_awaited:
                self._await_answers()
        except UdpmsgError as error:
            self._failure = told(error)
        finally:
            self.answerer.close()
        return self._finish()

    def _loop(self) -> None:
        while not self._over and self.interrupts.number is None and self.output.data.broken is None:
            now = clock.now()
            deadlines = [t for t in (self._for_until, self._idle_until, self._goodbye_until) if t is not None]
            if deadlines and min(deadlines) <= now:
                return
            timeout = (min(deadlines) - now) / SECOND if deadlines else None
            events = self.receiver.poll(timeout, self._limit())
            if events and self._idle_until is not None and any(type(event) is Message for event in events):
                self._idle_until = after(self.ending.idle or 0)
            for index, event in enumerate(events):
                handler = self._handlers.get(type(event))
                if handler is None:
                    continue  # that a peer which confirms replies was restarted, say: nothing to show here
                try:
                    handler(event)
                except CannotSave:
                    self._say_unsaved(events[index + 1 :])
                    raise
            self._answer()

    def _limit(self) -> int | None:
        """How many events to take: never a message more than can be shown and kept, for it would count as delivered."""
        if self.saver is not None or self.slow:
            return 1
        return None if self.ending.messages is None else self.ending.messages - self._messages

    def _answer(self) -> None:
        for message, payload in self.answerer.ready():
            try:
                self.receiver.reply(message, payload)
            except UdpmsgError as error:
                text = _("no reply to {}: {}").format(peer_name(message.peer), told(error))
                self.words.say(f"udpmsg: {text}")
        self._prompt()
        troubles = getattr(self.answerer, "troubles", None)
        while troubles is not None and not troubles.empty():
            self.words.say(f"udpmsg: {troubles.get()}")

    def _prompt(self) -> None:
        """Where answers are typed: show which message the next line answers."""
        asked = self.answerer.asked if isinstance(self.answerer, Typed) else None
        if asked is not self._asked:
            self._asked = asked
            self.words.typed()
            if asked is not None and self.by_hand:
                self.words.prompt(_("reply> ") if asked.sequence is None else _("reply to #{}> ").format(asked.sequence))

    def _await_answers(self) -> None:
        """After the last message: its reply may still be made, by a command or a hand. Nothing more is received."""
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
        self.receiver.close(linger=0.0 if self.interrupts.number is not None else 1.0)
        self.output.summary(listener_summary(statistics), where)
        if self.interrupts.number is not None:
            return self.interrupts.code
        return Exit.ERROR if self._failure is not None or self.output.data.broken is not None else Exit.WELL

    def _on_message(self, event: Event) -> None:
        assert isinstance(event, Message)
        message = event
        self._messages += 1
        saved = self.saver.save(message) if self.saver is not None else None
        self.output.message(message, saved)
        if message.reply_to is None:
            self.answerer.take(message)
        ending = self.ending
        if ending.messages is not None and self._messages >= ending.messages:
            self._over = self._answers_awaited = True
        if ending.stop_word is not None and message.payload.strip() == ending.stop_word:
            self._over = self._answers_awaited = True
        if ending.once:
            if not message.raw and getattr(message.peer, "transport", None) == "tcp":
                self._tcp_peers.add(message.peer)
            if message.payload.strip() == ending.farewell and self._goodbye_until is None:
                self._goodbye_until = clock.now() + FAREWELL_WAIT
        if self.slow:
            self._answer()
            self._nap(self.slow)

    def _on_duplicate(self, event: Event) -> None:
        assert isinstance(event, Duplicate)
        self.output.duplicate(event)

    def _on_goodbye(self, event: Event) -> None:
        assert isinstance(event, Goodbye)
        self.output.goodbye(event)
        if self.ending.once:
            self._over = True

    def _on_malformed(self, event: Event) -> None:
        assert isinstance(event, Malformed)
        text = _("{} sent {} that are no message: {}")
        self._trouble(text.format(peer_name(event.peer), counted(event.size, "byte"), told(event.reason)))

    def _on_limit(self, event: Event) -> None:
        assert isinstance(event, LimitReached)
        if event.limit == "sessions":
            text = _("{} has no place for now: there is room for {} at once (--max-sessions allows more)")
            self._trouble(text.format(peer_name(event.peer), counted(event.value, "sender")))
            return
        text = _("{} sends more than is kept: dropped at the limit of {} ({})")
        self._trouble(text.format(peer_name(event.peer), event.value, _(event.limit)))

    def _on_disconnected(self, event: Event) -> None:
        assert isinstance(event, Disconnected)
        if event.reason != "end of stream":
            self._trouble(_("{}: the connection ended: {}").format(peer_name(event.peer), told(event.reason)))
        if event.peer in self._tcp_peers:
            self._over = True

    def _on_outcome(self, event: Event) -> None:
        assert isinstance(event, Outcome)
        if event.state is not State.DELIVERED:
            self._trouble(_("a reply was not confirmed: {}").format(told(event.reason or "")))

    def _trouble(self, text: str) -> None:
        self._troubles += 1
        if self._troubles <= SHOWN_TROUBLES:
            self.words.say(paint(text, "warning", self.words.colour))
        elif self._troubles == SHOWN_TROUBLES + 1:
            self.words.say(paint(_("more of the like is only counted"), "warning", self.words.colour))

    def _say_unsaved(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Message):
                text = _("not written either: #{} from {}").format(event.sequence, peer_name(event.peer))
                self.words.say(f"udpmsg: {text}")

    def _nap(self, seconds: float) -> None:
        until = after(seconds)
        while (missing := until - clock.now()) > 0 and self.interrupts.number is None:
            sleep(min(missing / SECOND, NAP))
