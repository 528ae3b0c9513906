"""The classroom dialogue, the sender's side: each line of standard input is a message, and what comes back is shown.

On a terminal each line waits for its reply before the next prompt. Piped lines are sent as they come, replies are shown as
they come, and the end waits until all are answered. Does not know sockets; standard input is read by `lines`.
"""

from typing import TYPE_CHECKING

from udpmsg.base import clock
from udpmsg.base.durations import SECOND
from udpmsg.base.errors import MessageTooLarge
from udpmsg.base.language import N_, _, told
from udpmsg.cli.exchange import Exchange
from udpmsg.cli.lines import Line, Lines, LineTooLong
from udpmsg.compare.workload import Schedule
from udpmsg.core.events import Message
from udpmsg.show.terminal import duration, hint_words, paint
from udpmsg.sockets.waiting import after, nanoseconds

if TYPE_CHECKING:
    from udpmsg.cli.origin import Accepted

PROMPT = "> "


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
            exchange.words.prompt(PROMPT)
            line = self._next(exchange, lines)
            exchange.words.typed()
            if line is None:
                return False
            ended = self._say(exchange, line)
            if not ended or self._answered:
                self._await_reply(exchange, silently=ended)
            if ended:
                return True

    def _piped(self, exchange: Exchange, lines: Lines) -> bool:
        schedule = None if self.interval is None else Schedule(max(nanoseconds(self.interval), 1), now=clock.now())
        while (line := self._next(exchange, lines)) is not None:
            while schedule and (missing := schedule.next_due() - clock.now()) > 0 and not exchange.stopped:
                exchange.pump(missing / SECOND)
            if exchange.stopped:
                break
            if schedule:
                schedule.take(1)
            if self._say(exchange, line):
                return True
            exchange.pump(0)
        return False

    def _next(self, exchange: Exchange, lines: Lines) -> Line | None:
        """The next line; None at the end of the input, or when the exchange has to stop. Raises CannotRead."""
        while not exchange.stopped:
            ended = lines.ended  # before the look: what comes between the two is looked for again
            line = lines.take()
            if line is not None:
                return line
            if ended:
                break
            exchange.pump(None)
        return None

    def _say(self, exchange: Exchange, line: Line) -> bool:
        """Send a line; True if it was the farewell."""
        try:
            if isinstance(line, LineTooLong):
                raise MessageTooLarge(line.size, self.limit, N_("shorten the line, or raise --max-message on both sides"))
            if self._accepted is not None:
                self._current = self._accepted.send(exchange.sender, line)
            else:
                self._current = exchange.sender.send(line)
        except MessageTooLarge as error:
            exchange.words.say(f"udpmsg: {told(error)}")
            exchange.not_sent += 1
            return False
        self._sent += 1
        return line.strip() == self.farewell

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
