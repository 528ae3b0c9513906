"""Reads the messages that a store has kept, also while a receiver keeps more of them.

Owns how much is read at once. Knows neither the schema (see `kept`) nor what is shown. Never writes.
"""

from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import cast

from udpmsg.base.closing import Closing
from udpmsg.messaging.database import DatabaseReader
from udpmsg.messaging.kept import (
    FORM,
    MESSAGE_COLUMNS,
    SESSION_COLUMNS,
    DatabaseRow,
    StoredMessage,
    StoredSession,
    message_of,
    remembered_of,
    unsigned,
)

READ_MESSAGES = f"SELECT id, {MESSAGE_COLUMNS} FROM kept_messages WHERE id > ? ORDER BY id"
READ_SESSIONS = (
    f"SELECT session, first_kept_at_ns, last_kept_at_ns, {SESSION_COLUMNS} FROM kept_sessions ORDER BY first_kept_at_ns"
)
PAGE_ROWS, PAGE_BYTES = 256, 4 << 20
"""What is read at once at most. While a reading lasts, the log of a receiver that writes can only grow."""


class StoreReader(Closing):
    """A store to read from. Use it as a context manager, or close it."""

    def __init__(self, path: Path | str) -> None:
        """Open a database that is there. Raises UsageError for what is no store, CannotStore when the system fails."""
        self.path = Path(path)
        self._database = DatabaseReader(path, FORM)
        self._version: int | None = None

    def messages(self, after: int = 0, limit: int | None = None) -> Iterator[StoredMessage]:
        """Messages in the order in which they were kept, behind the one with this id: all that are there, or the first `limit`.

        Raises CannotStore.
        """
        return islice(self._messages(after), limit)

    def sessions(self) -> Iterator[StoredSession]:
        """What is remembered of each session, in the order in which they were first seen. Raises CannotStore."""
        for session, first, last, *remembered in self._database.read(READ_SESSIONS):
            yield StoredSession(cast(int, unsigned(session)), first, last, remembered_of(tuple(remembered)))

    def changed(self) -> bool:
        """Whether anything was committed since the last call; the first time, True. Reads no table. Raises CannotStore."""
        before = self._version
        ((self._version,),) = self._database.read("PRAGMA data_version")
        return self._version != before

    def close(self) -> None:
        """Let the file go."""
        self._database.close()

    def _messages(self, after: int) -> Iterator[StoredMessage]:
        while page := self._page(after):
            yield from map(message_of, page)
            after = page[-1][0]

    def _page(self, after: int) -> list[DatabaseRow]:
        """The next messages; the reading has ended when this returns."""
        page: list[DatabaseRow] = []
        size = 0
        with closing(self._database.rows(READ_MESSAGES, (after,))) as rows:
            for row in islice(rows, PAGE_ROWS):
                page.append(row)
                size += len(row[-1])
                if size >= PAGE_BYTES:
                    break
        return page
