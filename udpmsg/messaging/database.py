"""Files of ours that are SQLite databases: opened, locked, told from other files, read and written.

Owns what all of them have in common. Does not know what is in one: each kind of file brings a `Form`.
"""

import errno
import os
import sqlite3
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from udpmsg.base.errors import N_, CannotStore, Phrase, UsageError

BUSY = 5.0
"""Seconds to wait for another program that writes to the file, such as the `sqlite3` shell."""
CHECKPOINT_PAGES = 250
"""Pages of the log (4 KiB each) after which a commit moves them into the database: with more of them the longest commit takes
longer, with fewer there are more such commits."""
LOG_BYTES = 16 << 20
"""What is left of the log's file at most, once a reader has let it grow and gone."""
CANNOT_READ = N_("{}: cannot be read: {}")
CANNOT_WRITE = N_("{}: cannot be written: {}")
HELD = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}
"""What the system says of a lock that another holds: Linux and macOS, Windows."""


class Form(NamedTuple):
    """One sort of file."""

    name: str
    """What people call it; marked for the catalogues."""
    maker: str
    """The command that makes one."""
    application_id: int
    """Stands in the file's header: what tells it from any other database. Four letters."""
    version: int
    """Of the schema, in the header too."""
    schema: str
    """The SQL that makes an empty one."""


class DatabaseReader:
    """One open file that is only read, also while another process writes to it. Between two readings nothing is held."""

    def __init__(self, path: str | os.PathLike[str], form: Form) -> None:
        """Open a file that is there. Raises UsageError for one that is not ours, CannotStore where the disk fails."""
        self.path = os.fspath(path)
        """As its user wrote it."""
        self.form = form
        place = self._place()
        if not place.exists():
            raise UsageError("{}: there is no such file; {} makes one", self.path, form.maker)
        self.connection, new = self._opened(place, "ro")
        if new:
            self.connection.close()
            raise self._foreign()

    def rows(self, query: str, values: Sequence[object] = ()) -> Generator[Any, None, None]:
        """The rows that a query finds, one at a time. The reading lasts until the last one, or until this is closed.

        Raises CannotStore."""
        try:
            cursor = self.connection.execute(query, values)
            try:
                yield from cursor
            finally:
                cursor.close()
        except sqlite3.Error as error:
            raise failed(CANNOT_READ, self.path, error) from None

    def read(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        """All of them. Raises CannotStore."""
        return list(self.rows(query, values))

    def close(self) -> None:
        """Let the file go."""
        self.connection.close()

    # Helpers -------------------------------------------------------------------------------------------------------------

    def _place(self) -> Path:
        """Where the file really is: two names of one file are one database. Raises UsageError for what can't be one."""
        if self.path == "-":
            raise UsageError(
                "a {} is a database in a file, and cannot be standard input or output (-): name a file", Phrase(self.form.name)
            )
        try:
            place = Path(os.path.realpath(self.path))
            if place.exists() and not place.is_file():
                raise UsageError("{}: that is no file; a {} is a database in a file: name one", self.path, Phrase(self.form.name))
        except (OSError, ValueError) as error:
            raise UsageError(
                "{}: this cannot be the name of a file ({}): choose another name", self.path, Phrase(str(error))
            ) from None
        return place

    def _opened(self, place: Path, mode: str) -> tuple[sqlite3.Connection, bool]:
        """A connection, and whether nothing was ever kept there. Raises UsageError if what is there is not ours, CannotStore."""
        if place.exists() and not os.access(place, os.R_OK):
            raise UsageError("{}: no permission to read it; name another file", self.path)
        try:
            connection = sqlite3.connect(
                f"{place.as_uri()}?mode={mode}", uri=True, timeout=BUSY, isolation_level=None, check_same_thread=False
            )
            try:
                return connection, self._is_new(connection)
            except BaseException:
                connection.close()
                raise
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorname", "") == "SQLITE_NOTADB":
                raise self._foreign() from None
            raise failed(CANNOT_READ, self.path, error) from None

    def _is_new(self, connection: sqlite3.Connection) -> bool:
        ((identity,),) = connection.execute("PRAGMA application_id")
        ((version,),) = connection.execute("PRAGMA user_version")
        ((objects,),) = connection.execute("SELECT count(*) FROM sqlite_master")
        if identity == version == objects == 0:
            return True
        if identity != self.form.application_id:
            raise self._foreign()
        if version != self.form.version:
            raise UsageError(
                "{}: another version of udpmsg made this {} (its schema is {}, and this one knows {}): "
                "use that one, or name another file",
                self.path,
                Phrase(self.form.name),
                version,
                self.form.version,
            )
        return False

    def _foreign(self) -> UsageError:
        return UsageError("{}: this is no {}, and is left as it is: name another file", self.path, Phrase(self.form.name))


class Database(DatabaseReader):
    """One open file, for one writer: a second one is refused as long as the first lives, and not a moment longer.

    Others may read it meanwhile. A transaction that has ended is on the disk, unless it was not to wait for that."""

    def __init__(self, path: str | os.PathLike[str], form: Form) -> None:
        """Open the file, or make it. Raises UsageError for one that cannot be ours, CannotStore where another udpmsg has it, or
        the disk fails."""
        self.path = os.fspath(path)
        self.form = form
        self._durable = True
        place = self._place()
        if place.exists():
            if not os.access(place, os.W_OK):
                raise UsageError("{}: no permission to write to it; name another file", self.path)
            self._opened(place, "ro")[0].close()  # another program's file is left as it is, and nothing is laid beside it
            if place.stat().st_nlink > 1:
                raise UsageError(
                    "{}: this file has a second name (a hard link), by which another could write: copy it", self.path
                )
        self._lock = self._locked(place)
        try:
            self.connection, new = self._opened(place, "rwc")
            try:
                self._begin(new, place)
                self._file, self._identity = place, identity_of(place)
            except BaseException:
                self.connection.close()
                raise
        except BaseException:
            self._lock.close()
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
            if identity_of(self._file) != self._identity:
                raise CannotStore(
                    "{}: the file was removed or replaced while it was open: nothing more is kept there; start again", self.path
                )
            connection.execute("COMMIT")
        except BaseException as error:
            self._roll_back()
            if isinstance(error, sqlite3.Error):
                raise failed(CANNOT_WRITE, self.path, error) from None
            raise

    def close(self) -> None:
        """Move the log into the database (unless a reader has it open) and let another writer in."""
        self.connection.close()
        self._lock.close()

    # Helpers -------------------------------------------------------------------------------------------------------------

    def _begin(self, new: bool, place: Path) -> None:
        """Have it written ahead, and make what is new."""
        try:
            ((journal,),) = self.connection.execute("PRAGMA journal_mode = WAL")
            if journal != "wal":
                raise CannotStore("{}: no write-ahead log can be kept there; choose a path on a disk of this machine", self.path)
            self.connection.execute("PRAGMA synchronous = FULL")
            self.connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            self.connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
            if new:
                self.connection.executescript(
                    f"BEGIN IMMEDIATE; {self.form.schema};"
                    f"PRAGMA application_id = {self.form.application_id}; PRAGMA user_version = {self.form.version}; COMMIT"
                )
                _keep_name(place.parent)
        except sqlite3.Error as error:
            raise failed(CANNOT_WRITE, self.path, error) from None

    def _roll_back(self) -> None:
        try:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
        except sqlite3.Error:
            pass  # what can't be undone was never committed

    def _locked(self, place: Path) -> BinaryIO:
        """A file beside the database that one writer at a time holds open and locked; the system lets go of it however that ends.

        It stays there: a writer that removed it might remove one that another has just locked. The database itself is no place
        for a lock: the system takes SQLite's own locks away from a process that closes any descriptor of it.
        """
        try:
            file = place.with_name(f"{place.name}.lock").open("ab")
        except OSError as error:
            reason = Phrase(error.strerror or str(error))
            raise UsageError("{}: cannot be written: {}; name another file", self.path, reason) from None
        try:
            _lock(file.fileno())
        except OSError as error:
            file.close()
            if error.errno in HELD:
                raise CannotStore(
                    "{}: another udpmsg has this {} open: end it, or name another file", self.path, Phrase(self.form.name)
                ) from None
            raise CannotStore(
                "{}: cannot be locked: {}; choose a path on a disk of this machine",
                self.path,
                Phrase(error.strerror or str(error)),
            ) from None
        return file


def failed(sentence: str, path: str, error: sqlite3.Error) -> CannotStore:
    """What SQLite or the system says of this file, as an error of ours."""
    if getattr(error, "sqlite_errorname", "") == "SQLITE_READONLY_DIRECTORY":  # readers and writer share an index in a file
        return CannotStore("{}: reading it needs permission to write beside it while no other has it open: read a copy", path)
    return CannotStore(sentence, path, Phrase(str(error)))


def identity_of(place: Path) -> tuple[int, int] | None:
    """Which file this name stands for; None: it stands for none."""
    try:
        found = place.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _keep_name(directory: Path) -> None:
    """See that a new file's name is on the disk. Only POSIX has a way to ask for that."""
    if os.name == "posix":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
