"""`inbox --replay`: stored messages are sent again, by a sender like that of `send`, as far apart as they came or at a pace.

Owns the pace. Does not know where the messages come from.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from udpmsg.base import clock
from udpmsg.base.durations import SECOND
from udpmsg.base.errors import UdpmsgError
from udpmsg.base.language import _
from udpmsg.cli.exchange import Exchange
from udpmsg.cli.exits import exit_for
from udpmsg.cli.last_words import PATIENCE
from udpmsg.cli.output import Output, complain
from udpmsg.cli.signals import Interrupts
from udpmsg.core.config import DEADLINE
from udpmsg.messaging.sender import Sender
from udpmsg.show.schema import Summary, empty_summary
from udpmsg.show.stream import Words
from udpmsg.show.terminal import counted

if TYPE_CHECKING:
    from udpmsg.messaging.kept import StoredMessage

LONGEST_WAIT = 60 * SECOND
"""A gap of days is waited for in slices: no system waits for any time at one go."""


class Replay:
    """Sends stored messages to one endpoint. `interval` in seconds; None: as far apart as they came."""

    def __init__(self, host: str, port: int, *, tcp: bool, ack: bool, interval: float | None, max_message: int) -> None:
        self.host = host
        self.port = port
        self.transport = "tcp" if tcp else "udp"
        self.acknowledged = ack
        self.interval = None if interval is None else max(int(interval * SECOND), 1)
        self.max_message = max_message

    @property
    def empty_summary(self) -> Summary:
        """The summary of a replay that ended before it began."""
        return empty_summary(self.transport, "sender", self.acknowledged)

    def run(self, messages: Iterator["StoredMessage"], output: Output, words: Words, interrupts: Interrupts) -> int:
        """Send all of them, and wait for their outcomes; return the exit code."""
        sender = interrupts.opening(
            lambda: Sender(
                self.host,
                self.port,
                transport=self.transport,
                acknowledged=self.acknowledged,
                max_message=self.max_message,
            )
        )
        interrupts.defer_to(sender)
        exchange = Exchange(sender, output, words, interrupts, deadline=DEADLINE / SECOND)
        exchange.show_outcomes = not output.for_people
        try:
            self._send(messages, exchange)
            if interrupts.number is None:
                exchange.not_sent += sum(1 for _ in messages)
            exchange.settle(None, None)
        except (UdpmsgError, OSError) as error:
            complain(words, error)
            exchange.failed = exit_for(error)
        return exchange.finish()

    def _send(self, messages: Iterator["StoredMessage"], exchange: Exchange) -> None:
        """Send until all are sent, or there is no point in going on."""
        begun = due = clock.now()
        first_at: int | None = None
        for sent, stored in enumerate(messages):
            first_at = stored.received_at_ns if first_at is None else first_at
            offset = stored.received_at_ns - first_at if self.interval is None else self.interval * sent
            due = max(due, begun + offset)  # a calendar that was set back is no reason to wait for what came before
            while (missing := due - clock.now()) > 0 and not exchange.stopped:
                self._progress(exchange, sent, clock.now() - begun)
                exchange.pump(min(missing, LONGEST_WAIT) / SECOND)
            if exchange.stopped:
                exchange.not_sent += 1
                return
            exchange.sender.send(stored.message.payload, title=stored.message.title)
            exchange.pump(0)
            self._progress(exchange, sent + 1, clock.now() - begun)

    def _progress(self, exchange: Exchange, sent: int, passed: int) -> None:
        if passed > PATIENCE and exchange.words.terminal:
            text = _("{}, {} s; Ctrl-C stops")
            exchange.words.status(text.format(counted(sent, "message"), passed // SECOND))
