"""What `send` sends when it is known beforehand: a text, a file or filler, once or many times, at a rate or at full speed.

Owns the pace. Does not know sockets, nor how anything is shown.
"""

import os
from pathlib import Path

from udpmsg.base import clock
from udpmsg.base.durations import SECOND
from udpmsg.base.errors import N_, MessageTooLarge, Phrase, UsageError
from udpmsg.base.language import _, number
from udpmsg.cli.exchange import Exchange
from udpmsg.cli.last_words import PATIENCE
from udpmsg.compare.workload import BATCH, Schedule, batches, filled
from udpmsg.messaging.payload import ending
from udpmsg.sockets.waiting import nanoseconds

FEW = 20
"""Up to this many messages, each confirmation is one line; of more, only what is not confirmed is told."""


class Repeated:
    """One payload, called `title`, `count` times; `interval` in seconds, None for as fast as the library takes it."""

    def __init__(
        self, payload: bytes, count: int, interval: float | None, wait: float | None, *, title: str | None = None
    ) -> None:
        self.payload = payload
        self.title = title
        self.count = count
        self.interval = interval
        self.wait = wait

    def run(self, exchange: Exchange) -> None:
        """Send, then wait for what was asked for: outcomes, replies, both, or nothing."""
        exchange.show_outcomes = self.count <= FEW or not exchange.output.for_people
        if exchange.sender.spool is not None:
            from udpmsg.cli.origin import accepted_of

            self.count -= accepted_of(exchange.sender.spool, self.payload, self.count)
        exchange.tell_resumed()
        if self.interval is None:
            sent = self._at_full_speed(exchange)
        else:
            sent = self._at_intervals(exchange, nanoseconds(self.interval))
        exchange.not_sent = self.count - sent
        replies = self.count + exchange.resumed
        many = exchange.sender.one_to_many
        if self.wait is not None and self.wait > 0:
            exchange.answers_expected = 1 if many else replies
        exchange.settle(self.wait, None if many else replies)

    def _at_full_speed(self, exchange: Exchange) -> int:
        begun = clock.now()
        sent = 0
        for batch in batches(self.payload, self.count):
            sent += len(exchange.sender.send_many(batch, title=self.title))
            if exchange.sender.acknowledged or sent < self.count:
                exchange.pump(0)
            if exchange.stopped:
                break
            self._progress(exchange, sent, clock.now() - begun)
        return sent

    def _at_intervals(self, exchange: Exchange, interval: int) -> int:
        begun = clock.now()
        schedule = Schedule(max(interval, 1), now=begun)
        sent = 0
        while sent < self.count and not exchange.stopped:
            now = clock.now()
            due = min(schedule.due(now=now), self.count - sent, BATCH)
            if due > 0:
                taken = len(exchange.sender.send_many([self.payload] * due, title=self.title))
                schedule.take(taken)
                sent += taken
                exchange.pump(0)
            else:
                exchange.pump((schedule.next_due() - now) / SECOND)
            self._progress(exchange, sent, now - begun)
        return sent

    def _progress(self, exchange: Exchange, sent: int, passed: int) -> None:
        if passed > PATIENCE and exchange.words.terminal:
            text = _("{} of {} messages, {} s; Ctrl-C stops")
            exchange.words.status(text.format(number(sent), number(self.count), passed // SECOND))


def payload_of(text: list[str] | None, file: Path | None, size: int | None, limit: int) -> bytes | None:
    """The one message that the arguments name; None where they name none, and standard input has the messages."""
    if file is not None:
        return _content(file, limit)
    if not text and size is None:
        return None
    payload = os.fsencode(" ".join(text or []))
    if size is not None and size > limit:
        raise MessageTooLarge(size, limit, N_("choose a smaller --size, or raise --max-message on both sides"))
    return filled(payload, size)


def title_of(file: Path) -> str:
    """What a message with this file is called: its name."""
    return ending(os.fsencode(file.name).decode(errors="replace"))


def _content(file: Path, limit: int) -> bytes:
    """A file's bytes."""
    try:
        size = file.stat().st_size
        if size > limit:
            raise MessageTooLarge(size, limit, Phrase("raise --max-message on both sides, or send {} in parts", file))
        with file.open("rb") as opened:
            return opened.read(limit + 1)  # a device has no size, and may have no end
    except OSError as error:
        raise UsageError("--file {}: cannot read it: {}", file, Phrase(error.strerror or str(error))) from None
