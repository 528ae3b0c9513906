"""The classroom dialogue, the sender's side: each line of standard input is a message, and what comes back is shown.

On a terminal each line waits for its reply before the next prompt. Piped lines are sent as they come, those that are there
already as a batch; replies are shown as they come, and the end waits until all are answered. Does not know sockets; `lines` reads
standard input.
"""

from typing import TYPE_CHECKING

from udpmsg.base import clock
from udpmsg.base.durations import SECOND
from udpmsg.base.errors import MessageTooLarge
from udpmsg.base.language import N_, _, told
from udpmsg.cli.exchange import Exchange
from udpmsg.cli.lines import Line, Lines
from udpmsg.compare.workload import BATCH, Schedule
from udpmsg.core.events import Message
from udpmsg.show.terminal import duration, escape, hint_words, paint
from udpmsg.sockets.waiting import after, nanoseconds, passed

if TYPE_CHECKING:
    from udpmsg.cli.origin import Accepted

PROMPT = "> "
TYPED_AHEAD = 0.02
"""Seconds in which a line that was typed ahead, or pasted with others, is there before its prompt is shown."""


class Dialogue:
    """Lines until the farewell word, which is sent too, or the input's end."""

    def __init__(self, *, farewell: bytes, wait: float | None, terminal: bool, interval: float | None, limit: int) -> None:
        self.farewell = farewell
        self.wait = 1.0 if wait is None else wait
        self.demanding = wait is not None
        """Whether --wait was given: then acknowledged messages need a reply too."""
        self.terminal = terminal
        self.interval = interval
        self.limit = limit
        self._each_fits = False
        """Whether each line of up to `limit` bytes can be a message, so that nobody needs to look."""
        self._accepted: Accepted | None = None
        self._sent = 0
        self._current = 0
        self._answered = True

    def run(self, exchange: Exchange) -> None:
        """Send the lines and show the replies, until the farewell or the end of the input."""
        exchange.show_outcomes = not exchange.output.for_people
        exchange.aside = True
        exchange.goes_on = self.terminal
        exchange.on_reply = self._on_reply
        if exchange.sender.spool is not None:
            from udpmsg.cli.origin import Accepted

            self._accepted = Accepted(exchange.sender.spool, self.limit)
        exchange.tell_resumed()
        self._each_fits = self._refusal(exchange, self.limit) is None
        lines = Lines(exchange.sender.wake, self.limit)
        ended = self._on_terminal(exchange, lines) if self.terminal else self._piped(exchange, lines)
        if self.wait > 0 and (self.demanding or not exchange.sender.acknowledged):
            exchange.answers_expected = self._sent - ended + exchange.resumed  # nobody has to answer a farewell
        exchange.settle(None if self.terminal else self.wait, self._sent + exchange.resumed)
        if not self._sent and not exchange.resumed and not exchange.stopped and not exchange.not_sent and not self.terminal:
            exchange.words.say(_("Nothing was sent: standard input had no line"))

    def _on_terminal(self, exchange: Exchange, lines: Lines) -> bool:
        farewell = self.farewell.decode("utf-8", "replace")
        text = _("Each line is a message to {}; {} ends").format(exchange.sender.endpoint, farewell)
        exchange.words.say(self._note(exchange, text))
        while True:
            line = self._ask(exchange, lines)
            if not line:
                return False
            ended = self._say(exchange, line)
            if not ended or self._answered:
                self._await_reply(exchange, silently=ended)
            if ended:
                return True

    def _ask(self, exchange: Exchange, lines: Lines) -> list[Line]:
        """The next line, after a prompt; one that was typed before its prompt stands behind it once more, above its reply."""
        until = after(TYPED_AHEAD)
        while not (line := lines.take(1)) and not (lines.ended or exchange.stopped or passed(until)):
            exchange.pump(TYPED_AHEAD)
        if line:
            exchange.words.say(PROMPT + "".join(escape(text) for text in line if isinstance(text, bytes)))
            return line
        exchange.words.prompt(PROMPT)
        if line := self._next(exchange, lines, 1):
            exchange.words.typed()
        else:
            exchange.words.clear()
        return line

    def _piped(self, exchange: Exchange, lines: Lines) -> bool:
        schedule = None if self.interval is None else Schedule(max(nanoseconds(self.interval), 1), now=clock.now())
        while not exchange.stopped:
            most = BATCH if schedule is None else min(max(schedule.due(now=clock.now()), 1), BATCH)
            batch = self._next(exchange, lines, most)
            while schedule and batch and (missing := schedule.next_due() - clock.now()) > 0 and not exchange.stopped:
                exchange.pump(missing / SECOND)
            if exchange.stopped or not batch:
                break
            if schedule:
                schedule.take(len(batch))
            if self._say(exchange, batch):
                return True
            exchange.pump(0)
        return False

    def _next(self, exchange: Exchange, lines: Lines, most: int) -> list[Line]:
        """The next lines; none at the end of the input, or when the exchange has to stop. Raises CannotRead."""
        while not exchange.stopped:
            ended = lines.ended  # before the look: what comes between the two is looked for again
            if batch := lines.take(most):
                return batch
            if ended:
                break
            exchange.pump(None)
        return []

    def _say(self, exchange: Exchange, lines: list[Line]) -> bool:
        """Send lines, up to the farewell; True if it was sent."""
        batch = self._sendable(exchange, lines)
        words = [line.strip() for line in batch]
        if ended := self.farewell in words:
            del batch[words.index(self.farewell) + 1 :]
        while batch and not exchange.stopped:
            if self._accepted is not None:
                numbers = self._accepted.send(exchange.sender, batch)
            else:
                numbers = exchange.sender.send_many(batch)  # which `wake` may stop early: it is the reader's too
            del batch[: len(numbers)]
            self._sent += len(numbers)
            self._current = numbers[-1]
        return ended and not batch

    def _sendable(self, exchange: Exchange, lines: list[Line]) -> list[bytes]:
        """The lines, but those that are no message, of which is said why."""
        batch = [line for line in lines if isinstance(line, bytes)]
        if self._each_fits and len(batch) == len(lines):
            return batch
        refusals = [self._refusal(exchange, len(line)) for line in lines]
        for error in filter(None, refusals):
            exchange.words.say(f"udpmsg: {told(error)}")
            exchange.not_sent += 1
        return [line for line, error in zip(lines, refusals, strict=True) if error is None and isinstance(line, bytes)]

    def _refusal(self, exchange: Exchange, size: int) -> MessageTooLarge | None:
        """Why a line of so many bytes can be no message; None where it can."""
        if size > self.limit:
            return MessageTooLarge(size, self.limit, N_("shorten the line, or raise --max-message on both sides"))
        try:
            exchange.sender.check(size)
        except MessageTooLarge as error:
            return error
        return None

    def _await_reply(self, exchange: Exchange, *, silently: bool) -> None:
        """Wait up to --wait for the reply to the line just sent; `silently`: do not say that none came, as to a farewell."""
        before, seen = exchange.replies, exchange.unreachable
        self._answered = False
        until = after(self.wait)
        while not self._answered and not exchange.stopped:
            missing = until - clock.now()
            if missing <= 0:
                break
            exchange.pump(missing / SECOND)
        if not self._answered and exchange.replies == before and self.wait > 0 and not silently and not exchange.stopped:
            text = _("no reply within {}").format(duration(self.wait))
            if exchange.unreachable is not None and exchange.unreachable is not seen:
                text = _("{}: ICMP says {}").format(text, hint_words(exchange.unreachable))
            exchange.words.say(self._note(exchange, text))

    def _on_reply(self, message: Message) -> str:
        if message.reply_to is None or message.reply_to == self._current:
            self._answered = True
            return ""
        return _("late, to #{}").format(message.reply_to)

    @staticmethod
    def _note(exchange: Exchange, text: str) -> str:
        return paint(text, "note", exchange.words.colour)
