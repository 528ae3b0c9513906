"""A run as JSON lines for programs: the twin of `human`.

Owns the keys of each line. Every line has `event`, `v` and `run`, every key of its event is always there, and each line
is flushed. Does not know where messages come from.
"""

import json
import os
from base64 import b64encode
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

from udpmsg.base.distribution import rounded
from udpmsg.core.events import Duplicate, Goodbye, Message, Outcome, State
from udpmsg.show.schema import Summary
from udpmsg.show.stream import Data, Words
from udpmsg.show.terminal import peer_name, summary_words

if TYPE_CHECKING:
    from udpmsg.messaging.kept import StoredMessage

VERSION = 1


class JsonLines:
    """Writes events as JSON lines. `quiet` leaves out everything that is told for each message."""

    for_people = False

    def __init__(self, data: Data, words: Words, *, quiet: bool = False) -> None:
        self.data = data
        self.words = words
        self.quiet = quiet
        self.run = os.urandom(8).hex()
        """Names this run in each of its lines: many runs may write to one file."""

    def listening(
        self, transport: str, host: str, port: int, receive_buffer: int | None, offload: bool | None, store: str | None = None
    ) -> None:
        """Somebody can send now; one line for each endpoint."""
        self._write(
            "listening",
            transport=transport,
            host=host,
            port=port,
            receive_buffer_bytes=receive_buffer,
            offload=offload,
            store=store,
        )

    def message(self, message: Message, saved: str | None = None) -> None:
        """A message, whole: `text` if it is valid UTF-8, else `base64`; the other one of them is null."""
        if not self.quiet:
            self._write("message", **_described(message))

    def stored(self, stored: "StoredMessage", saved: str | None = None) -> None:
        """The same of one from a store, which has an id, and the date and time."""
        described = _described(stored.message)
        self._write("message", id=stored.id, received_at=stored.received_at, name=stored.name, **described)

    def duplicate(self, event: Duplicate) -> None:
        """A message that came again."""
        if not self.quiet:
            self._write(
                "duplicate",
                transport=_transport(event.peer),
                peer=peer_name(event.peer),
                session=session_name(event.session),
                sequence=event.sequence,
                transmission=event.transmission,
            )

    def goodbye(self, event: Goodbye) -> None:
        """A session's end, with what its sender says it sent."""
        if not self.quiet:
            self._write(
                "goodbye",
                transport=_transport(event.peer),
                peer=peer_name(event.peer),
                session=session_name(event.session),
                messages_sent=event.messages_sent,
                messages_lost=event.messages_lost,
            )

    def outcome(self, outcome: Outcome, *, aside: bool = False) -> None:
        """How a message of this sender ended."""
        if outcome.state is State.DELIVERED:
            if not self.quiet:
                rtt = None if outcome.rtt_ns is None else rounded(outcome.rtt_ns / 1e9)
                self._write("acknowledged", sequence=outcome.sequence, rtt_s=rtt, transmissions=outcome.transmissions)
        else:
            self._write(outcome.state.value, sequence=outcome.sequence, reason=outcome.reason)

    def resumed(self, path: str, session: int, *, waiting: int, taken: int) -> None:
        """A run that an earlier command began goes on: how many of its messages wait, and how many of this input it accepted."""
        self._write("resumed", spool=path, session=session_name(session), messages=waiting, accepted=taken)

    def reply(self, message: Message, note: str = "") -> None:
        """What came back; `in_reply_to` is null for raw bytes, which name no message."""
        self._write("reply", in_reply_to=message.reply_to, **_content(message.payload))

    def summary(self, summary: Summary, endpoint: str) -> None:
        """The last line of every run; in words on standard error where nobody reads the lines any more."""
        self._write("summary", **summary)
        if self.data.broken:
            self.words.say(summary_words(summary, endpoint))

    def _write(self, event: str, **fields: Any) -> None:
        self.data.write(line(event, self.run, fields))


def line(event: str, run: str, fields: Mapping[str, Any]) -> str:
    """One line of a run of the program: ASCII alone, without DEL, so that no text in it can steer a terminal."""
    text = json.dumps({"event": event, "v": VERSION, "run": run, **fields}, allow_nan=False)
    return text.replace("\x7f", "\\u007f")


def _transport(peer: Hashable) -> str | None:
    return getattr(peer, "transport", None)


def session_name(session: int | None) -> str | None:
    """Sixteen hexadecimal digits: many programs' numbers lose digits beyond 2**53."""
    return None if session is None else f"{session:016x}"


def _described(message: Message) -> dict[str, Any]:
    return {
        "transport": _transport(message.peer),
        "peer": peer_name(message.peer),
        "session": session_name(message.session),
        "sequence": message.sequence,
        "title": message.title,
        "size": len(message.payload),
        **_content(message.payload),
        "raw": message.raw,
        "reordered": message.reordered,
        "transmission": message.transmission,
        "one_way_delay_s": None,
    }


def _content(payload: bytes) -> dict[str, str | None]:
    try:
        return {"text": payload.decode("utf-8"), "base64": None}
    except UnicodeDecodeError:
        return {"text": None, "base64": b64encode(payload).decode("ascii")}
