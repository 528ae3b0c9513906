"""Files of ours that are SQLite databases: opened, locked, told from other files, written in transactions.

Owns what all of them have in common. Does not know what is in one: whoever keeps something there brings a `Form`.
"""

import os
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from udpmsg.errors import CannotStore, Phrase, UsageError


class Form(NamedTuple):
    """One sort of file."""

    name: str
    """What people call it; marked for the catalogues."""
    application_id: int
    """Stands in the file's header: what tells it from any other database. Four letters."""
    version: int
    """Of the schema, in the header too."""
    schema: str
    """The SQL that makes an empty one."""


class Database:
    """One open file, for one process: a second one is refused as long as the first lives, and not a moment longer.

    Others may read it meanwhile. A transaction that has ended is on the disk, unless it was not to wait for that."""

    def __init__(self, path: str | os.PathLike[str], form: Form) -> None:
        """Open the file, or make it. Raises UsageError for one that cannot be ours, CannotStore where the disk fails."""
        self.path = os.path.abspath(path)
        self.form = form
        self._durable = True
        self._lock = self._locked()
        try:
            self.connection = self._opened()
        except BaseException:
            os.close(self._lock)
            raise

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """All of it or nothing, on the disk at the end. Raises CannotStore: then nothing of it is in the file.

        Not `durable`: it outlives this process, and only the next durable one makes sure that it outlives the power."""
        connection = self.connection
        try:
            if durable is not self._durable:
                connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                self._durable = durable
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise CannotStore("cannot write {}: {}", self.path, Phrase(str(error))) from None
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def read(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        """The rows that a query finds. Raises CannotStore."""
        try:
            return self.connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise CannotStore("cannot read {}: {}", self.path, Phrase(str(error))) from None

    def close(self) -> None:
        """Give the file back."""
        self.connection.close()
        os.close(self._lock)  # last: the system takes SQLite's own locks away with any descriptor of the file

    def _locked(self) -> int:
        """A descriptor with a lock, which the system takes away when this process ends, however it ends."""
        try:
            there = os.path.exists(self.path)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
            if not there:
                _keep_name(os.path.dirname(self.path))
        except OSError as error:
            reason = Phrase(error.strerror or str(error))
            raise UsageError("{}: cannot open or make this file: {}", self.path, reason) from None
        try:
            _lock(descriptor)
        except OSError:
            os.close(descriptor)
            raise UsageError(
                "{}: another udpmsg has this {} open: wait until it ends, or name another file", self.path, Phrase(self.form.name)
            ) from None
        return descriptor

    def _opened(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            try:
                new = self._is_new(connection)  # a stranger's file is not written to, so this comes first
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                if new:
                    connection.executescript(
                        f"BEGIN IMMEDIATE; {self.form.schema};"
                        f"PRAGMA application_id = {self.form.application_id}; PRAGMA user_version = {self.form.version}; COMMIT"
                    )
            except BaseException:
                connection.close()
                raise
        except sqlite3.Error as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
                raise self._foreign() from None
            raise CannotStore("cannot open {}: {}", self.path, Phrase(str(error))) from None
        return connection

    def _is_new(self, connection: sqlite3.Connection) -> bool:
        """Whether nothing was ever kept in it. Raises UsageError if what is there is not ours."""
        (identity,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if identity == version == tables == 0:
            return True
        if identity != self.form.application_id:
            raise self._foreign()
        if version != self.form.version:
            raise UsageError(
                "{}: this {} is of another version of udpmsg: use that one, or name another file",
                self.path,
                Phrase(self.form.name),
            )
        return False

    def _foreign(self) -> UsageError:
        return UsageError("{}: this file is something else, no {}: name another one", self.path, Phrase(self.form.name))


def _keep_name(directory: str) -> None:
    """See that a new file's name is on the disk. Only POSIX has a way to ask for that."""
    if os.name == "posix":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    BEYOND = 1 << 40
    """A place in the file that is neither SQLite's nor data: on Windows nobody else could read a locked one."""

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, BEYOND, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
