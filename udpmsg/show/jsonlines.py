"""A run as JSON lines for programs: the twin of `human`.

Owns the keys of each line. Every line has `event`, `v` and `run`, every key of its event is always there, and the lines of a
batch are flushed together. Does not know where messages come from.
"""

import json
import os
from base64 import b64encode
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from udpmsg.base.distribution import rounded
from udpmsg.core.events import Duplicate, Goodbye, Message, Outcome, State
from udpmsg.show.schema import Summary
from udpmsg.show.stream import Data, Words
from udpmsg.show.terminal import peer_name, summary_words

if TYPE_CHECKING:
    from udpmsg.messaging.kept import StoredMessage

VERSION = 1
MESSAGE = (
    "transport",
    "peer",
    "session",
    "sequence",
    "title",
    "size",
    "text",
    "base64",
    "raw",
    "reordered",
    "transmission",
    "one_way_delay_s",
)
ACKNOWLEDGED = ("sequence", "rtt_s", "transmissions")
NOT_DELIVERED = ("sequence", "reason")
REPLY = ("in_reply_to", "text", "base64")
"""The keys of what comes in batches, in order."""
Scalar = str | int | float | None
SCALARS = json.JSONEncoder(allow_nan=False, separators=("\n", ": "))
"""Of a list it makes a text with a line for each element: json writes a line end in a string as an escape."""


class RunLines:
    """The JSON lines of one run of the program. `quiet` leaves out everything that is told for each message."""

    for_people = False

    def __init__(self, data: Data, words: Words, *, quiet: bool = False) -> None:
        self.data = data
        self.words = words
        self.quiet = quiet
        self.run = os.urandom(8).hex()
        """Names this run in each of its lines: many runs may write to one file."""

    def _write(self, event: str, **fields: Any) -> None:
        self.data.write(line(event, self.run, fields))


class JsonLines(RunLines):
    """Writes events as JSON lines."""

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

    def messages(self, messages: Sequence[Message], saved: Sequence[str] = ()) -> int:
        """Messages, whole: `text` if it is valid UTF-8, else `base64`; the other one of them is null. Returns how many of them
        are written."""
        return len(messages) if self.quiet else self._write_all("message", MESSAGE, map(_described, messages))

    def stored(self, stored: "StoredMessage", saved: str | None = None) -> None:
        """The same of one from a store, which has an id, and the date and time."""
        described = dict(zip(MESSAGE, _described(stored.message), strict=True))
        self._write("message", id=stored.id, received_at=stored.received_at, name=stored.name, **described)

    def duplicate(self, event: Duplicate) -> None:
        """A message that came again."""
        if not self.quiet:
            self._of_session("duplicate", event, sequence=event.sequence, transmission=event.transmission)

    def goodbye(self, event: Goodbye) -> None:
        """A session's end, with what its sender says it sent."""
        if not self.quiet:
            self._of_session("goodbye", event, messages_sent=event.messages_sent, messages_lost=event.messages_lost)

    def outcomes(self, outcomes: Sequence[Outcome], *, aside: bool = False) -> None:
        """How messages of this sender ended, all of them in the same state."""
        state = outcomes[0].state
        if state is not State.DELIVERED:
            self._write_all(state.value, NOT_DELIVERED, ((outcome.sequence, outcome.reason) for outcome in outcomes))
        elif not self.quiet:
            rows = ((outcome.sequence, _seconds(outcome.rtt_ns), outcome.transmissions) for outcome in outcomes)
            self._write_all("acknowledged", ACKNOWLEDGED, rows)

    def resumed(self, path: str, session: int, *, waiting: int, taken: int) -> None:
        """A run that an earlier command began goes on: how many of its messages wait, and how many of this input it accepted."""
        self._write("resumed", spool=path, session=session_name(session), messages=waiting, accepted=taken)

    def replies(self, messages: Sequence[Message], notes: Sequence[str] = ()) -> None:
        """What came back; `in_reply_to` is null for raw bytes, which name no message."""
        self._write_all("reply", REPLY, ((message.reply_to, *_content(message.payload)) for message in messages))

    def summary(self, summary: Summary, endpoint: str) -> None:
        """The last line of every run; in words on standard error where nobody reads the lines any more."""
        self._write("summary", **summary)
        if self.data.broken:
            self.words.say(summary_words(summary, endpoint))

    def _of_session(self, name: str, event: Duplicate | Goodbye, **fields: Any) -> None:
        transport, peer, session = _sender(event.peer, event.session)
        self._write(name, transport=transport, peer=peer, session=session, **fields)

    def _write_all(self, event: str, keys: tuple[str, ...], rows: Iterable[tuple[Scalar, ...]]) -> int:
        return self.data.write(*lines(event, self.run, keys, rows))


def line(event: str, run: str, fields: Mapping[str, Any]) -> str:
    """One line of a run of the program: printable ASCII alone, DEL an escape too, so that no text in it can steer a terminal."""
    return json.dumps({"event": event, "v": VERSION, "run": run, **fields}, allow_nan=False)


def lines(event: str, run: str, keys: tuple[str, ...], rows: Iterable[tuple[Scalar, ...]]) -> list[str]:
    """The same of many events, each with a value for each of the keys. All values are encoded in one call of json."""
    form = _form(event, run, keys)
    values = iter(SCALARS.encode(list(chain.from_iterable(rows)))[1:-1].split("\n"))
    return [form % row for row in zip(*[values] * len(keys), strict=False)]


@lru_cache(maxsize=16)
def _form(event: str, run: str, keys: tuple[str, ...]) -> str:
    """Such a line with a place for each value."""
    head = json.dumps({"event": event, "v": VERSION, "run": run}).removesuffix("}")
    begin, *names = (part.replace("%", "%%") for part in (head, *map(json.dumps, keys)))
    return f"{', '.join((begin, *(f'{name}: %s' for name in names)))}}}"


def _transport(peer: Hashable) -> str | None:
    return getattr(peer, "transport", None)


def session_name(session: int | None) -> str | None:
    """Sixteen hexadecimal digits: many programs' numbers lose digits beyond 2**53."""
    return None if session is None else f"{session:016x}"


@lru_cache(maxsize=256)
def _sender(peer: Hashable, session: int | None) -> tuple[str | None, str, str | None]:
    """Of whom a message came, as most come of a few."""
    return _transport(peer), peer_name(peer), session_name(session)


def _described(message: Message) -> tuple[Scalar, ...]:
    """The values of MESSAGE."""
    payload, peer, session, sequence, _, _, reordered, transmission, title, *_ = message
    text, base64 = _content(payload)
    return (*_sender(peer, session), sequence, title, len(payload), text, base64, session is None, reordered, transmission, None)


def _content(payload: bytes) -> tuple[str | None, str | None]:
    try:
        return payload.decode("utf-8"), None
    except UnicodeDecodeError:
        return None, b64encode(payload).decode("ascii")


def _seconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else rounded(nanoseconds / 1e9)
