"""The database that messages are kept in: its schema, and how its rows become types, and types its rows.

docs/store.md describes the schema for people. Knows neither who writes (`store`) nor who reads (`stored`). SQLite's integers are
signed and ours are not: they are converted here, and nowhere else.
"""

import json
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

from udpmsg.base.errors import N_
from udpmsg.core.events import Message
from udpmsg.core.remembered import Remembered
from udpmsg.messaging.database import Form
from udpmsg.sockets.endpoint import Endpoint

FORM = Form(
    name=N_("store"),
    maker="udpmsg listen --store",
    application_id=int.from_bytes(b"UMSG", "big"),
    version=1,
    schema="""
CREATE TABLE kept_messages (
    id INTEGER PRIMARY KEY,
    received_at_ns INTEGER NOT NULL,
    transport TEXT NOT NULL,
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    session INTEGER,
    sequence INTEGER,
    reply_to INTEGER,
    acknowledged INTEGER NOT NULL,
    reordered INTEGER NOT NULL,
    transmission INTEGER,
    name TEXT,
    title TEXT,
    is_text INTEGER NOT NULL,
    payload BLOB NOT NULL,
    UNIQUE (session, sequence)
);
CREATE TABLE kept_sessions (
    session INTEGER PRIMARY KEY,
    first_kept_at_ns INTEGER NOT NULL,
    last_kept_at_ns INTEGER NOT NULL,
    all_below INTEGER NOT NULL,
    delivered TEXT NOT NULL,
    count INTEGER NOT NULL,
    acknowledged INTEGER NOT NULL
);
CREATE VIEW messages AS SELECT
    id,
    strftime('%Y-%m-%dT%H:%M:%S', received_at_ns / 1000000000, 'unixepoch')
        || printf('.%09dZ', received_at_ns % 1000000000) AS received_at,
    transport,
    CASE WHEN instr(host, ':') THEN '[' || host || ']' ELSE host END || ':' || port AS peer,
    CASE WHEN session IS NOT NULL THEN printf('%016x', session) END AS session,
    CASE WHEN sequence < 0 THEN printf('%llu', sequence) ELSE sequence END AS sequence,
    name,
    title,
    CASE WHEN reply_to < 0 THEN printf('%llu', reply_to) ELSE reply_to END AS reply_to,
    session IS NULL AS raw,
    length(payload) AS size,
    CASE WHEN is_text THEN CAST(payload AS TEXT) END AS text,
    payload
FROM kept_messages;
CREATE VIEW sessions AS SELECT
    printf('%016x', session) AS session,
    strftime('%Y-%m-%dT%H:%M:%SZ', first_kept_at_ns / 1000000000, 'unixepoch') AS first_kept_at,
    strftime('%Y-%m-%dT%H:%M:%SZ', last_kept_at_ns / 1000000000, 'unixepoch') AS last_kept_at,
    count,
    CASE WHEN all_below < 0 THEN printf('%llu', all_below) ELSE all_below END AS all_below,
    delivered,
    acknowledged
FROM kept_sessions""",
)
MESSAGE_COLUMNS = """
received_at_ns, transport, host, port, session, sequence, reply_to, acknowledged, reordered, transmission, name, title, payload
"""
SESSION_COLUMNS = "all_below, delivered, count, acknowledged"
"""In the order in which the functions below make and take them."""
MODULUS = 1 << 64

DatabaseRow = tuple[Any, ...]


class StoredMessage(NamedTuple):
    """A message, and what the store knows besides."""

    id: int
    """Counts up as messages are kept."""
    received_at_ns: int
    """Unix time."""
    message: Message
    name: str | None
    """What its sender calls itself."""

    @property
    def received_at(self) -> str:
        """The same as people read it, UTC, as in 2026-11-29T12:00:00.000001500Z."""
        seconds, rest = divmod(self.received_at_ns, 1_000_000_000)
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


class StoredSession(NamedTuple):
    """What the store knows of one sender's session; times are Unix times."""

    session: int
    first_kept_at_ns: int
    last_kept_at_ns: int
    remembered: Remembered


# Rows ------------------------------------------------------------------------------------------------------------------------


def row_of(message: Message, now_ns: int) -> DatabaseRow:
    """MESSAGE_COLUMNS of a message, and whether its payload is text."""
    transport, host, port = cast(Endpoint, message.peer)
    return (
        now_ns,
        transport,
        host,
        port,
        signed(message.session),
        signed(message.sequence),
        signed(message.reply_to),
        message.acknowledged,
        message.reordered,
        message.transmission,
        None,
        message.title,
        message.payload,
        _is_text(message.payload),
    )


def message_of(row: DatabaseRow) -> StoredMessage:
    """The message of a row: its id, then MESSAGE_COLUMNS."""
    number, received_at, transport, host, port, session, sequence, reply_to, *rest = row
    acknowledged, reordered, transmission, name, title, payload = rest
    peer = Endpoint(transport, host, port)
    numbers = unsigned(session), unsigned(sequence), unsigned(reply_to)
    message = Message(payload, peer, *numbers, bool(acknowledged), bool(reordered), transmission, title)
    return StoredMessage(number, received_at, message, name)


def remembered_row(remembered: Remembered) -> DatabaseRow:
    """SESSION_COLUMNS of what is to be remembered."""
    all_below, delivered, count, acknowledged = remembered
    return signed(all_below), json.dumps(delivered), count, acknowledged


def remembered_of(row: DatabaseRow) -> Remembered:
    """What SESSION_COLUMNS say."""
    all_below, delivered, count, acknowledged = row
    ranges = [(first, last) for first, last in json.loads(delivered)]
    return Remembered(cast(int, unsigned(all_below)), ranges, count, bool(acknowledged))


def signed(number: int | None) -> int | None:
    """A number of 64 bits as SQLite keeps it: the upper half becomes negative."""
    return number if number is None or number < MODULUS // 2 else number - MODULUS


def unsigned(number: int | None) -> int | None:
    """What `signed` was given."""
    return number if number is None or number >= 0 else number + MODULUS


def _is_text(payload: bytes) -> bool:
    if payload.isascii():
        return True
    try:
        payload.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
