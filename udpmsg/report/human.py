"""A run as lines for people: what came and how it ended, escaped and aligned. The twin of `jsonlines`.

Messages, replies and outcomes are data (standard output); everything around them is words (standard error). Does not
know where messages come from.
"""

from udpmsg.core.events import Duplicate, Goodbye, Message, Outcome, State
from udpmsg.report.schema import Summary
from udpmsg.report.stream import Data, Words
from udpmsg.report.terminal import (
    LONGEST_SHOWN,
    byte_count,
    counted,
    duration,
    escape,
    hex_dump,
    paint,
    peer_name,
    shortened,
    summary_words,
)

PURPOSES = {State.DELIVERED: "good", State.UNCONFIRMED: "warning", State.REFUSED: "error"}


class HumanLines:
    """Shows events to people. `hexadecimal` shows payloads as bytes; `quiet` shows nothing but the summary."""

    for_people = True

    def __init__(self, data: Data, words: Words, *, hexadecimal: bool = False, quiet: bool = False) -> None:
        self.data = data
        self.words = words
        self.hexadecimal = hexadecimal
        self.quiet = quiet
        self._peer_width = 0
        self._limit = LONGEST_SHOWN if data.terminal else None

    def listening(self, transport: str, host: str, port: int, receive_buffer: int | None, offload: bool | None) -> None:
        """Words: where somebody can send to now."""
        where = f"{transport} [{host}]:{port}" if ":" in host else f"{transport} {host}:{port}"
        buffer = "" if receive_buffer is None else f" (receive buffer {byte_count(receive_buffer)})"
        self.words.say(f"Listening on {paint(where, 'number', self.words.colour)}{buffer}")

    def message(self, message: Message, saved: str | None = None) -> None:
        """`127.0.0.1:41234  #1  hello`"""
        if self.quiet:
            return
        number = "raw" if message.sequence is None else f"#{message.sequence}"
        notes = []
        if message.reply_to is not None:
            notes.append(f"reply to #{message.reply_to}")
        if message.reordered:
            notes.append("reordered")
        if message.transmission is not None and message.transmission > 1:
            notes.append(f"transmission {message.transmission}")
        if saved is not None:
            body = f"{counted(len(message.payload), 'byte')} saved as {saved}"
        elif self.hexadecimal:
            body = f"{counted(len(message.payload), 'byte')}"
        else:
            body = self._text(message)
        note = paint(f"  ({', '.join(notes)})", "note", self.data.colour) if notes else ""
        self.data.write(f"{self._from(message, number)}  {body}{note}")
        if self.hexadecimal and saved is None:
            self.data.write(hex_dump(message.payload))

    def duplicate(self, event: Duplicate) -> None:
        """Words: the message itself is data only once."""
        if not self.quiet:
            self._note(f"{peer_name(event.peer)}  #{event.sequence} came again and was suppressed")

    def goodbye(self, event: Goodbye) -> None:
        """Words: who ended, and what never came."""
        if not self.quiet:
            lost = f", {event.messages_lost:,} of them lost" if event.messages_lost else ""
            self._note(f"{peer_name(event.peer)}  said goodbye after {counted(event.messages_sent, 'message')}{lost}")

    def outcome(self, outcome: Outcome, *, aside: bool = False) -> None:
        """`#1  delivered  0.31 ms`; `aside` among the words, where the data are replies."""
        state = paint(outcome.state.value, PURPOSES[outcome.state], self.data.colour)
        details = outcome.reason or ""
        if outcome.state is State.DELIVERED:
            details = "" if outcome.rtt_ns is None else duration(outcome.rtt_ns / 1e9)
            if outcome.transmissions > 1:
                details += f"{', ' if details else ''}{outcome.transmissions} transmissions"
        number = paint(f"#{outcome.sequence}" if outcome.sequence else "raw", "number", self.data.colour)
        line = f"{number}  {state}  {details}".rstrip()
        if aside:
            self.words.say(line)
        else:
            self.data.write(line)

    def reply(self, message: Message, note: str = "") -> None:
        """The reply's text; on a terminal marked as what came back, with a note in brackets if there is one."""
        mark = paint("< ", "note", self.data.colour) if self.data.terminal else ""
        remark = paint(f"  ({note})", "note", self.data.colour) if note and self.data.terminal else ""
        self.data.write(f"{mark}{self._text(message)}{remark}")

    def summary(self, summary: Summary, endpoint: str) -> None:
        """One line of words."""
        self.words.say(summary_words(summary, endpoint))

    def _text(self, message: Message) -> str:
        payload = message.payload
        if message.raw:
            payload = payload.removesuffix(b"\n").removesuffix(b"\r")  # netcat's line end is not part of what was typed
        return shortened(escape(payload), len(message.payload), self._limit)

    def _from(self, message: Message, number: str) -> str:
        name = peer_name(message.peer)
        self._peer_width = max(self._peer_width, len(name))
        colour = self.data.colour
        return f"{paint(name.ljust(self._peer_width), 'peer', colour)}  {paint(number.ljust(3), 'number', colour)}"

    def _note(self, text: str) -> None:
        self.words.say(paint(text, "note", self.words.colour))
