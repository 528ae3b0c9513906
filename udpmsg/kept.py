"""The database that messages are kept in: which file it is, its schema, and how its rows become types, and types its rows.

docs/store.md describes the schema for people. Knows neither who writes (`store`) nor who reads (`stored`). SQLite's integers are
signed and ours are not: they are converted here, and nowhere else.
"""

import json
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

from udpmsg.core.events import Message
from udpmsg.core.remembered import Remembered
from udpmsg.endpoint import Endpoint
from udpmsg.errors import CannotStore, Phrase, UsageError

APPLICATION = 0x554D5347
"""`UMSG`: the file's owner, in SQLite's header (PRAGMA application_id)."""
VERSION = 1
"""Of the schema (PRAGMA user_version)."""
SCHEMA = f"""
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
FROM kept_sessions;
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
"""
MESSAGE_COLUMNS = """
received_at_ns, transport, host, port, session, sequence, reply_to, acknowledged, reordered, transmission, name, title, payload
"""
SESSION_COLUMNS = "all_below, delivered, count, acknowledged"
"""In the order in which the functions below make and take them."""
BUSY = 5.0
"""Seconds to wait for another program that writes to the database, such as the `sqlite3` shell."""
MODULUS = 1 << 64

Row = tuple[Any, ...]


class StoredMessage(NamedTuple):
    """A message, and what the store knows besides."""

    id: int
    """Counts up as messages are kept."""
    received_at_ns: int
    """Unix time."""
    message: Message
    name: str | None
    """What its sender calls itself."""
    title: str | None
    """What the message is called, such as a file's name."""

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


# The file --------------------------------------------------------------------------------------------------------------------


def place_of(path: Path) -> Path:
    """Where the file really is: two names of one file are one database. Raises UsageError for what can't be one."""
    if str(path) == "-":
        raise UsageError("a store is a database, and needs a file: - names none")
    try:
        place = Path(os.path.realpath(path))
        if place.exists() and not place.is_file():
            raise UsageError("{}: that is no file; a store is a database in a file: name one", path)
    except (OSError, ValueError) as error:
        raise UsageError("{}: this cannot be the name of a file: {}", path, Phrase(str(error))) from None
    return place


def look_into(place: Path, path: Path) -> tuple[sqlite3.Connection, bool]:
    """A connection that only reads, and whether nothing is there yet. Raises UsageError for another program's, CannotStore."""
    try:
        database = connect(place, read_only=True)
        try:
            return database, is_new(database, path)
        except BaseException:
            database.close()
            raise
    except sqlite3.Error as error:
        raise failed(path, error) from None


def connect(place: Path, *, read_only: bool) -> sqlite3.Connection:
    """Open it. Transactions are begun by hand; one thread may have made it and another use it, as with a receiver."""
    uri = f"{place.as_uri()}?mode={'ro' if read_only else 'rwc'}"
    return sqlite3.connect(uri, uri=True, timeout=BUSY, isolation_level=None, check_same_thread=False)


def is_new(database: sqlite3.Connection, path: Path) -> bool:
    """Whether there is nothing in it yet. Raises UsageError for another program's database, and for a later version's."""
    try:
        ((application,),) = database.execute("PRAGMA application_id")
        ((version,),) = database.execute("PRAGMA user_version")
        ((objects,),) = database.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorname", "") == "SQLITE_NOTADB":
            raise UsageError("{}: this is no database; name another file, which udpmsg listen --store makes", path) from None
        raise
    if application == APPLICATION and version > VERSION:
        raise UsageError(
            "{}: a newer udpmsg made it (its schema is {}, and this one knows {}): use that one, or name another file",
            path,
            version,
            VERSION,
        )
    if application != APPLICATION and (application or objects):
        raise UsageError("{}: this is another program's database, and is left as it is: name another file", path)
    return bool(application != APPLICATION)


def failed(path: Path, error: sqlite3.Error) -> CannotStore:
    """What SQLite or the system says of this file, as an error of ours."""
    if (
        getattr(error, "sqlite_errorname", "") == "SQLITE_READONLY_DIRECTORY"
    ):  # a reader shares its index with the writer in a file
        return CannotStore("{}: reading it needs permission to write beside it while no listener has it open: read a copy", path)
    return CannotStore("{}: the database cannot be used: {}", path, reason(error))


def reason(error: sqlite3.Error) -> Phrase:
    """What SQLite says."""
    return Phrase(str(error))


# Rows ------------------------------------------------------------------------------------------------------------------------


def row_of(message: Message, now_ns: int) -> Row:
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
        None,
        message.payload,
        _is_text(message.payload),
    )


def message_of(row: Row) -> StoredMessage:
    """The message of a row: its id, then MESSAGE_COLUMNS."""
    number, received_at, transport, host, port, session, sequence, reply_to, *rest = row
    acknowledged, reordered, transmission, name, title, payload = rest
    peer = Endpoint(transport, host, port)
    numbers = unsigned(session), unsigned(sequence), unsigned(reply_to)
    message = Message(payload, peer, *numbers, bool(acknowledged), bool(reordered), transmission)
    return StoredMessage(number, received_at, message, name, title)


def remembered_row(remembered: Remembered) -> Row:
    """SESSION_COLUMNS of what is to be remembered."""
    all_below, delivered, count, acknowledged = remembered
    return signed(all_below), json.dumps(delivered), count, acknowledged


def remembered_of(row: Row) -> Remembered:
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
