"""Keeps messages in a database, for one receiver at a time.

Owns the lock and what "kept" means: committed, and on the disk. Knows neither the schema (see `kept`) nor receivers.
"""

import errno
import os
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

from udpmsg.core.events import Message
from udpmsg.core.remembered import Remembered
from udpmsg.errors import CannotStore, Phrase, UsageError
from udpmsg.kept import (
    MESSAGE_COLUMNS,
    SCHEMA,
    SESSION_COLUMNS,
    connect,
    failed,
    is_new,
    look_into,
    place_of,
    reason,
    remembered_of,
    remembered_row,
    row_of,
    signed,
)

if TYPE_CHECKING:
    from udpmsg.stored import StoreReader

KEEP_MESSAGE = f"""
INSERT INTO kept_messages ({MESSAGE_COLUMNS}, is_text) VALUES ({", ".join("?" * 14)})
ON CONFLICT (session, sequence) DO NOTHING
"""
KEEP_SESSION = f"""
INSERT INTO kept_sessions (session, first_kept_at_ns, last_kept_at_ns, {SESSION_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (session) DO UPDATE SET last_kept_at_ns = excluded.last_kept_at_ns,
    all_below = excluded.all_below, delivered = excluded.delivered, count = excluded.count, acknowledged = excluded.acknowledged
"""
REMEMBER = f"SELECT {SESSION_COLUMNS} FROM kept_sessions WHERE session = ?"

CHECKPOINT_PAGES = 250
"""Pages of the log (4 KiB each) after which a commit moves them into the database: with more of them the longest commit takes
longer, with fewer there are more such commits."""
LOG_BYTES = 16 << 20
"""What is left of the log's file at most, once a reader has let it grow and gone."""


REFUSED = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}
"""What the system says of a lock that another holds: Linux and macOS, Windows."""


class Store:
    """A database to keep messages in, for one receiver at a time. Use it as a context manager, or close it."""

    def __init__(self, path: Path | str) -> None:
        """Open the database, or make it.

        Raises UsageError for a path that is no database of ours and cannot become one; CannotStore when another listener keeps
        its messages there, or the system fails.
        """
        self.path = Path(path)
        self.commits = 0
        """How many transactions `keep` has committed."""
        self.kept = 0
        """How many messages they have put into the database."""
        place = place_of(self.path)
        if place.exists():
            look_into(place, self.path)[0].close()
        self._lock = _lock(place, self.path)
        try:
            self._database = _opened(place, self.path)
        except BaseException:
            self._lock.close()
            raise

    @staticmethod
    def reader(path: Path | str) -> "StoreReader":
        """A store to read from, also while a receiver keeps messages in it. Raises UsageError, CannotStore."""
        from udpmsg.stored import StoreReader

        return StoreReader(path)

    def remembered(self, session: int) -> Remembered | None:
        """What was committed of a session; None: it was never seen. Raises CannotStore."""
        try:
            row = self._database.execute(REMEMBER, (signed(session),)).fetchone()
        except sqlite3.Error as error:
            raise failed(self.path, error) from None
        return None if row is None else remembered_of(row)

    def count(self) -> int:
        """How many messages there are in it. Raises CannotStore."""
        try:
            return int(self._database.execute("SELECT count(*) FROM kept_messages").fetchone()[0])
        except sqlite3.Error as error:
            raise failed(self.path, error) from None

    def keep(self, messages: Sequence[Message], sessions: Sequence[tuple[int, Remembered]], *, now_ns: int) -> None:
        """Keep these messages, and what is to be remembered of these sessions: all of it, or nothing.

        It is on the disk when this returns. A message that is there already, by its session and sequence number, is not kept
        twice. `now_ns` is Unix time. Raises CannotStore: then nothing of it was kept, and the same may succeed later.
        """
        if not messages and not sessions:
            return
        database = self._database
        rows = [row_of(message, now_ns) for message in messages]
        states = [(signed(session), now_ns, now_ns, *remembered_row(remembered)) for session, remembered in sessions]
        try:
            database.execute("BEGIN IMMEDIATE")
            new = database.executemany(KEEP_MESSAGE, rows).rowcount if rows else 0
            database.executemany(KEEP_SESSION, states)
            database.execute("COMMIT")
        except BaseException as error:
            self._roll_back()
            if not isinstance(error, sqlite3.Error):
                raise
            raise CannotStore(
                "{}: nothing can be kept: {}; what came last is not acknowledged", self.path, reason(error)
            ) from None
        self.commits += 1
        self.kept += new

    def close(self) -> None:
        """Move the log into the database (unless a reader has it open) and let another receiver in."""
        self._database.close()
        self._lock.close()

    def __enter__(self) -> "Store":
        """Use it in a `with` statement."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close."""
        self.close()

    def _roll_back(self) -> None:
        try:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
        except sqlite3.Error:
            pass  # it was rolled back already: SQLite does so by itself where a disk is full


def _opened(place: Path, path: Path) -> sqlite3.Connection:
    """The database, made if need be. Another program's file is not touched."""
    try:
        database = connect(place, read_only=False)
    except sqlite3.Error as error:
        raise failed(path, error) from None
    try:
        new = is_new(database, path)
        ((journal,),) = database.execute("PRAGMA journal_mode = WAL")
        if journal != "wal":
            raise CannotStore("{}: no write-ahead log can be kept there; choose a path on a disk of this machine", path)
        database.execute("PRAGMA synchronous = FULL")
        database.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        database.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
        if new:
            database.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
    except BaseException as error:
        database.close()
        if isinstance(error, sqlite3.Error):
            raise failed(path, error) from None
        raise
    return database


def _lock(place: Path, path: Path) -> BinaryIO:
    """A file beside the database that one process at a time can hold open and locked; the system lets go of it however that ends.

    It stays there: whoever removed it might remove the one that another has just locked. (A lock on the database itself would be
    mixed up with SQLite's own.)
    """
    beside = place.with_name(f"{place.name}.lock")
    if place.exists() and not os.access(place, os.W_OK):
        raise UsageError("{}: no permission to write to it; name another file", path)
    try:
        file = beside.open("ab")
    except OSError as error:
        raise UsageError("{}: cannot be written: {}; name another file", path, Phrase(error.strerror or str(error))) from None
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        if error.errno in REFUSED:
            raise CannotStore("{}: another listener keeps its messages there: end it, or name another file", path) from None
        raise CannotStore("{}: cannot be locked: {}", path, Phrase(error.strerror or str(error))) from None
    return file
