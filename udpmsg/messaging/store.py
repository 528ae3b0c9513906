"""Keeps messages in a database, for one receiver at a time.

Owns what is kept together, and what of it is counted. Knows neither the schema (see `kept`) nor receivers.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from udpmsg.base.closing import Closing
from udpmsg.base.errors import CannotStore
from udpmsg.core.events import Message
from udpmsg.core.remembered import Remembered
from udpmsg.messaging.database import Database
from udpmsg.messaging.kept import FORM, MESSAGE_COLUMNS, SESSION_COLUMNS, remembered_of, remembered_row, row_of, signed

if TYPE_CHECKING:
    from udpmsg.messaging.stored import StoreReader

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


class Store(Closing):
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
        self._database = Database(path, FORM)

    @staticmethod
    def reader(path: Path | str) -> "StoreReader":
        """A store to read from, also while a receiver keeps messages in it. Raises UsageError, CannotStore."""
        from udpmsg.messaging.stored import StoreReader

        return StoreReader(path)

    def remembered(self, session: int) -> Remembered | None:
        """What was committed of a session; None: it was never seen. Raises CannotStore."""
        rows = self._database.read(REMEMBER, (signed(session),))
        return remembered_of(rows[0]) if rows else None

    def count(self) -> int:
        """How many messages there are in it. Raises CannotStore."""
        return int(self._database.read("SELECT count(*) FROM kept_messages")[0][0])

    def keep(self, messages: Sequence[Message], sessions: Sequence[tuple[int, Remembered]], *, now_ns: int) -> None:
        """Keep these messages, and what is to be remembered of these sessions: all of it, or nothing.

        It is on the disk when this returns. A message that is there already, by its session and sequence number, is not kept
        twice. `now_ns` is Unix time. Raises CannotStore: then nothing of it was kept, and the same may succeed later.
        """
        if not messages and not sessions:
            return
        rows = [row_of(message, now_ns) for message in messages]
        states = [(signed(session), now_ns, now_ns, *remembered_row(remembered)) for session, remembered in sessions]
        try:
            with self._database.transaction() as connection:
                new = connection.executemany(KEEP_MESSAGE, rows).rowcount if rows else 0
                connection.executemany(KEEP_SESSION, states)
        except CannotStore as error:
            raise CannotStore("{}; what came last is not acknowledged", error) from None
        self.commits += 1
        self.kept += new

    def close(self) -> None:
        """Move the log into the database (unless a reader has it open) and let another receiver in."""
        self._database.close()
