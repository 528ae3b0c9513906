"""A run as lines for people: what came and how it ended, escaped and aligned. The twin of `jsonlines`.

Messages, replies and outcomes are data (standard output); everything around them is words (standard error). Does not
know where messages come from.
"""

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from udpmsg.base.language import N_, _, number, plural, said, told
from udpmsg.core.events import Duplicate, Goodbye, Message, Outcome, State
from udpmsg.show.schema import Summary
from udpmsg.show.stream import Data, Words
from udpmsg.show.terminal import (
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

if TYPE_CHECKING:
    from udpmsg.messaging.kept import StoredMessage

STATES = {
    State.DELIVERED: N_("message|delivered"),
    State.UNCONFIRMED: N_("message|unconfirmed"),
    State.REFUSED: N_("message|refused"),
}
"""How a message ended, in words; programs get the state's own name."""
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

    def listening(
        self, transport: str, host: str, port: int, receive_buffer: int | None, offload: bool | None, store: str | None = None
    ) -> None:
        """Words: where somebody can send to now."""
        where = f"{transport} [{host}]:{port}" if ":" in host else f"{transport} {host}:{port}"
        where = paint(where, "number", self.words.colour)
        if receive_buffer is None:
            self.words.say(_("Listening on {}").format(where))
        else:
            self.words.say(_("Listening on {} (receive buffer {})").format(where, byte_count(receive_buffer)))

    def messages(self, messages: Sequence[Message], saved: Sequence[str] = ()) -> int:
        """`127.0.0.1:41234  #1  hello`, or instead of the text the file in which it is saved. Returns how many are written."""
        if self.quiet:
            return len(messages)
        return self.data.write(*[self._message(message, file) for message, file in zip_longest(messages, saved)])

    def stored(self, stored: "StoredMessage", saved: str | None = None) -> None:
        """One from a store, as it was shown when it came."""
        self.messages([stored.message], [] if saved is None else [saved])

    def duplicate(self, event: Duplicate) -> None:
        """Words: the message itself is data only once."""
        if not self.quiet:
            self._note(_("{}  #{} came again and was suppressed").format(peer_name(event.peer), event.sequence))

    def goodbye(self, event: Goodbye) -> None:
        """Words: who ended, and what never came."""
        if not self.quiet:
            if event.messages_sent is None:
                self._note(_("{}  said goodbye, and claimed what is impossible").format(peer_name(event.peer)))
                return
            text = _("{}  said goodbye after {}").format(peer_name(event.peer), counted(event.messages_sent, "message"))
            lost = event.messages_lost
            if lost:
                text += plural(", {} of them lost", ", {} of them lost", lost).format(number(lost))
            self._note(text)

    def outcomes(self, outcomes: Sequence[Outcome], *, aside: bool = False) -> None:
        """`#1  delivered  0.31 ms`; `aside` among the words, where the data are replies."""
        lines = map(self._outcome, outcomes)
        if aside:
            self.words.say("\n".join(lines))
        else:
            self.data.write(*lines)

    def resumed(self, path: str, session: int, *, waiting: int, taken: int) -> None:
        """Words: an earlier command's messages are sent first, and of this input what it had not accepted."""
        text = plural("Going on: {} message from {}", "Going on: {} messages from {}", waiting).format(number(waiting), path)
        if taken:
            text += plural("; {} of this input was accepted before", "; {} of this input were accepted before", taken).format(
                number(taken)
            )
        self._note(text)

    def replies(self, messages: Sequence[Message], notes: Sequence[str] = ()) -> None:
        """Their texts; on a terminal marked as what came back, with a note in brackets if there is one."""
        self.data.write(*[self._reply(message, note) for message, note in zip_longest(messages, notes)])

    def summary(self, summary: Summary, endpoint: str) -> None:
        """One line of words."""
        self.words.say(summary_words(summary, endpoint))

    def _message(self, message: Message, saved: str | None) -> str:
        label = _("raw") if message.sequence is None else f"#{message.sequence}"
        notes = []
        if message.title is not None and saved is None:
            notes.append(f"“{escape(message.title.encode())}”")
        if message.reply_to is not None:
            notes.append(_("reply to #{}").format(message.reply_to))
        if message.reordered:
            notes.append(_("reordered"))
        if message.transmission is not None and message.transmission > 1:
            notes.append(_("transmission {}").format(message.transmission))
        if saved is not None:
            size = len(message.payload)
            body = plural("{} byte saved as {}", "{} bytes saved as {}", size).format(number(size), saved)
        elif self.hexadecimal:
            body = counted(len(message.payload), "byte")
        else:
            body = self._text(message)
        note = paint(f"  ({', '.join(notes)})", "note", self.data.colour) if notes else ""
        line = f"{self._from(message, label)}  {body}{note}"
        return f"{line}\n{hex_dump(message.payload)}" if self.hexadecimal and saved is None else line

    def _outcome(self, outcome: Outcome) -> str:
        state = paint(said(STATES[outcome.state]), PURPOSES[outcome.state], self.data.colour)
        details = told(outcome.reason or "")
        if outcome.state is State.DELIVERED:
            details = "" if outcome.rtt_ns is None else duration(outcome.rtt_ns / 1e9)
            if outcome.transmissions > 1:
                details += f"{', ' if details else ''}{counted(outcome.transmissions, 'transmission')}"
        label = paint(f"#{outcome.sequence}" if outcome.sequence else _("raw"), "number", self.data.colour)
        return f"{label}  {state}  {details}".rstrip()

    def _reply(self, message: Message, note: str | None) -> str:
        mark = paint("< ", "note", self.data.colour) if self.data.terminal else ""
        remark = paint(f"  ({note})", "note", self.data.colour) if note and self.data.terminal else ""
        return f"{mark}{self._text(message)}{remark}"

    def _text(self, message: Message) -> str:
        payload = message.payload
        if message.raw:
            payload = payload.removesuffix(b"\n").removesuffix(b"\r")  # netcat's line end is not part of what was typed
        return shortened(escape(payload), len(message.payload), self._limit)

    def _from(self, message: Message, label: str) -> str:
        name = peer_name(message.peer)
        self._peer_width = max(self._peer_width, len(name))
        colour = self.data.colour
        return f"{paint(name.ljust(self._peer_width), 'peer', colour)}  {paint(label.ljust(3), 'number', colour)}"

    def _note(self, text: str) -> None:
        self.words.say(paint(text, "note", self.words.colour))
