"""A sender's spool: a file that has every accepted message until its receiver has it, and the session that they belong to.

Owns the file. Knows neither sockets nor how a message travels: `messaging.sender` appends what it accepts, asks for what the
core was not given yet, and tells what ended.

A message is accepted when the commit that appends it has ended. What was delivered is taken out without waiting for the disk:
should the power fail before it is there, the message is sent again, with the number by which its receiver suppresses it.
"""

import os
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import count, repeat, takewhile
from sqlite3 import Connection
from typing import Any, NamedTuple

from udpmsg.base.durations import MILLISECOND
from udpmsg.base.errors import N_, CannotStore, Phrase, UsageError
from udpmsg.core.config import Earlier
from udpmsg.core.events import Event, Outcome, State
from udpmsg.core.ranges import RangeSet
from udpmsg.messaging.database import Database, Form
from udpmsg.sockets.endpoint import new_session

FORM = Form(
    name=N_("spool"),
    maker="udpmsg send --spool",
    application_id=int.from_bytes(b"umsp", "big"),
    version=2,
    schema="""
    CREATE TABLE session (            -- one row, until everything was delivered and the run has ended; then none
      id TEXT NOT NULL,               -- 16 hexadecimal digits
      host TEXT NOT NULL,             -- where its messages go, as the user wrote it
      port INTEGER NOT NULL,
      transport TEXT NOT NULL,
      ordered INTEGER NOT NULL,
      datagram_size INTEGER NOT NULL,
      started_ms INTEGER NOT NULL,    -- when it began, milliseconds since 1970
      elapsed_us INTEGER NOT NULL,    -- its age when a message was last accepted
      lives INTEGER NOT NULL,         -- how many senders have had it
      accepted INTEGER NOT NULL,      -- the last sequence number given
      source TEXT NOT NULL,           -- what the messages are made from, if that can be read again; else empty
      taken INTEGER NOT NULL          -- how many were made from it
    );
    CREATE TABLE message (            -- accepted, and not known to be delivered
      sequence INTEGER PRIMARY KEY,
      title TEXT NOT NULL,            -- what it is called; empty: nothing
      payload BLOB NOT NULL,
      accepted_us INTEGER NOT NULL    -- the session's age then
    )""",
)
LIFE = 1 << 40
"""Datagram numbers that each life of a session has for itself: enough for 12 days at a million a second."""
READ_AHEAD = 16
"""Messages read at once: they may be large."""
KEPT_BACK = 1024
"""When this number of delivered messages is in the file, a commit of its own takes them out, unless another one did."""


class Purpose(NamedTuple):
    """Where a run's messages go, and what makes the datagrams that its receiver may have in part already."""

    host: str
    port: int
    transport: str
    ordered: bool
    datagram_size: int


NAMES = (N_("host"), N_("port"), N_("transport"), N_("order (--ordered)"), N_("datagram size"))
"""What people call the fields of a Purpose."""
YES, NO = N_("yes"), N_("no")


class Spool:
    """One run's messages in a file, and how far it came."""

    def __init__(
        self, path: str | os.PathLike[str], purpose: Purpose, *, now: int, epoch: int, max_message: int = 1 << 20
    ) -> None:
        """Open the file or make it, and begin a life of the session that it has, or the first one of a new session.

        `now` in nanoseconds of a clock whose zero was `epoch` nanoseconds after the beginning of 1970; `max_message` in bytes.
        Raises UsageError for a file that is no spool, or whose messages are for another purpose or too large; CannotStore when
        another sender has it, or the disk fails."""
        self._rows: int
        """Messages in the file; of those, the delivered ones will be taken out."""
        self._database = Database(path, FORM)
        try:
            with self._database.transaction() as connection:
                row = self._begin(connection, purpose, now, epoch)
                self._rows, largest = connection.execute("SELECT count(*), max(length(payload)) FROM message").fetchone()
                if self._rows and largest > max_message:
                    raise UsageError(
                        "{}: a message of {} bytes waits there, and the limit is {}: allow as many as before (max_message, "
                        "--max-message)",
                        self.path,
                        largest,
                        max_message,
                    )
        except BaseException:
            self._database.close()
            raise
        identity, started_ms, elapsed_us, lives, accepted, source, taken = row
        elapsed = max(now + epoch - started_ms * MILLISECOND, elapsed_us * 1000)  # a calendar's clock may be set back
        self._started = now - elapsed
        self.session = int(identity, 16)
        self.earlier = Earlier(self._started, accepted, lives * LIFE)
        """What the lives before this one left."""
        self.accepted: int = accepted
        """The last sequence number given."""
        self.source: str = source
        self.taken: int = taken
        """What the messages are made from, and how many were."""
        self.waiting = self._rows
        """Messages that were not given to the core yet."""
        self._delivered = RangeSet()
        """What can be taken out."""
        self._ahead: deque[tuple[int, str, bytes]] = deque()
        """Waiting messages that were read already."""

    @property
    def path(self) -> str:
        """Where the file is."""
        return self._database.path

    # What is accepted ----------------------------------------------------------------------------------------------------

    def made_from(self, source: str, taken: int = 0) -> None:
        """The next messages are made from this, as so many were before. Empty: from something that cannot be read again.

        It is written with the next message."""
        self.source, self.taken = source, taken

    def append(self, payloads: Sequence[bytes], *, now: int, title: str = "") -> range:
        """Accept messages, each called `title`, with the next sequence numbers, in one commit. Raises CannotStore: then none of
        them is."""
        first, last = self.accepted + 1, self.accepted + len(payloads)
        taken = self.taken + len(payloads)
        age = (now - self._started) // 1000
        with self._database.transaction() as connection:
            rows = zip(count(first), repeat(title), payloads, repeat(age), strict=False)
            connection.executemany("INSERT INTO message VALUES (?, ?, ?, ?)", rows)
            row = (last, age, self.source, taken)
            connection.execute("UPDATE session SET accepted = ?, elapsed_us = ?, source = ?, taken = ?", row)
            self._take_out(connection)
        self.accepted, self.taken = last, taken
        self.waiting += len(payloads)
        self._rows += len(payloads)
        self._taken_out()
        return range(first, last + 1)

    # What is sent --------------------------------------------------------------------------------------------------------

    def next(self, after: int) -> tuple[int, list[bytes], str]:
        """The next waiting messages, if everything up to number `after` was given: the first one's number, payloads from there
        on, some and without a gap, and what each of them is called. If none waits, the next number that will be, and nothing."""
        if not self._ahead:
            query = "SELECT sequence, title, payload FROM message WHERE sequence > ? ORDER BY sequence LIMIT ?"
            self._ahead += self._database.read(query, (after, READ_AHEAD))
        first, title, _ = self._ahead[0] if self._ahead else (self.accepted + 1, "", b"")
        together = takewhile(lambda entry: entry[1][:2] == (first + entry[0], title), enumerate(self._ahead))
        return first, [payload for _, (_, _, payload) in together], title

    def given(self, messages: int) -> None:
        """The next so many messages wait no more."""
        self.waiting -= messages
        for _ in range(min(messages, len(self._ahead))):
            self._ahead.popleft()

    # What has ended ------------------------------------------------------------------------------------------------------

    @property
    def messages(self) -> int:
        """Messages that are not known to be delivered."""
        return self._rows - self._delivered.count()

    def ended(self, events: Iterable[Event], *, idle: bool) -> None:
        """What was delivered leaves; all else stays for the next life. `idle`: nothing else is about to end."""
        for event in events:
            if isinstance(event, Outcome) and event.state is State.DELIVERED:
                self._delivered.add(event.sequence)
        if self._delivered and (idle or self._delivered.count() >= KEPT_BACK):
            try:
                with self._database.transaction(durable=False) as connection:
                    self._take_out(connection)
            except CannotStore:
                return  # the next commit does it
            self._taken_out()

    def finish(self) -> None:
        """The run has ended in order: the next one is another session. Raises CannotStore."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM message")
            connection.execute("DELETE FROM session")

    def close(self) -> None:
        """Give the file back."""
        self._database.close()

    # Helpers -------------------------------------------------------------------------------------------------------------

    def _begin(self, connection: Connection, purpose: Purpose, now: int, epoch: int) -> tuple[Any, ...]:
        """Note one life more of the session; return its row as it was."""
        fields = "id, started_ms, elapsed_us, lives, accepted, source, taken, " + ", ".join(Purpose._fields)
        row = connection.execute(f"SELECT {fields} FROM session WHERE accepted > 0").fetchone()
        if row is None:  # or one that never sent anything
            row = (f"{new_session():016x}", (now + epoch) // MILLISECOND, 0, 0, 0, "", 0, *purpose)
            connection.execute("DELETE FROM session")
            connection.execute(f"INSERT INTO session ({fields}) VALUES ({', '.join('?' * len(row))})", row)
        connection.execute("UPDATE session SET lives = lives + 1")
        self._check(row[-len(purpose) :], purpose)
        return tuple(row[: -len(purpose)])

    def _check(self, had: Iterable[object], asked: Purpose) -> None:
        """Raise UsageError unless the run that the file has goes on."""
        for name, old, new in zip(NAMES, had, asked, strict=True):
            if old != new:
                values = [Phrase(YES if value else NO) if isinstance(new, bool) else value for value in (old, new)]
                raise UsageError(
                    "{}: this spool belongs to a run that has not ended, whose {} is {}, not {}: "
                    "end that run with the command that began it, or name another file",
                    self.path,
                    Phrase(name),
                    *values,
                )

    def _take_out(self, connection: Connection) -> None:
        connection.executemany("DELETE FROM message WHERE sequence BETWEEN ? AND ?", self._delivered.ranges())

    def _taken_out(self) -> None:
        """That was committed."""
        self._rows -= self._delivered.count()
        self._delivered = RangeSet()
