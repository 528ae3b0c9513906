"""A file of ours: made, opened again, locked for one process, told from other files; a full one is an error with a name."""

import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from udpmsg.base.errors import CannotStore, UsageError
from udpmsg.messaging.database import Database, DatabaseReader, Form

FORM = Form("notebook", "a stationer", 0x6E6F7465, 1, "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
PROGRAM = """
import sys
from tests.test_database import Database, FORM
database = Database(sys.argv[1], FORM)
with database.transaction() as connection:
    connection.execute("INSERT INTO note (text) VALUES ('kept')")
print("kept", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notes.db"


def note(database: Database, *texts: str, durable: bool = True) -> None:
    with database.transaction(durable=durable) as connection:
        connection.executemany("INSERT INTO note (text) VALUES (?)", [(text,) for text in texts])


def notes(path: Path) -> list[str]:
    """What any program reads there, also while the file is open."""
    connection = sqlite3.connect(path)
    try:
        return [text for (text,) in connection.execute("SELECT text FROM note ORDER BY id")]
    finally:
        connection.close()


def test_what_is_written_can_be_read_meanwhile_and_afterwards(path: Path) -> None:
    database = Database(path, FORM)
    note(database, "one", "two")
    note(database, "three", durable=False)
    note(database, "four")
    assert notes(path) == ["one", "two", "three", "four"]
    database.close()
    again = Database(str(path), FORM)
    note(again, "five")
    again.close()
    assert notes(path) == ["one", "two", "three", "four", "five"]


def test_it_is_written_ahead_and_waits_for_the_disk_unless_told_not_to(path: Path) -> None:
    database = Database(path, FORM)
    pragma = lambda name: database.connection.execute(f"PRAGMA {name}").fetchone()[0]  # noqa: E731
    assert (pragma("journal_mode"), pragma("synchronous")) == ("wal", 2)
    assert (pragma("wal_autocheckpoint"), pragma("journal_size_limit"), pragma("busy_timeout")) == (250, 16 << 20, 5000)
    note(database, "one", durable=False)
    assert pragma("synchronous") == 1
    note(database, "two")
    assert pragma("synchronous") == 2
    database.close()


def test_a_transaction_is_all_or_nothing(path: Path) -> None:
    database = Database(path, FORM)

    def interrupted() -> None:
        with database.transaction() as connection:
            connection.execute("INSERT INTO note (text) VALUES ('half')")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    note(database, "whole")
    database.close()
    assert notes(path) == ["whole"]


def test_a_full_file_is_an_error_with_a_name_and_keeps_what_it_had(path: Path) -> None:
    database = Database(path, FORM)
    note(database, "first")
    pages = database.connection.execute("PRAGMA page_count").fetchone()[0]
    database.connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(CannotStore, match=r"notes\.db: cannot be written: database or disk is full"):
        note(database, *["x" * 4000] * 100)
    note(database, "second")
    database.close()
    assert notes(path) == ["first", "second"]


def test_what_cannot_be_read_is_an_error_with_a_name(path: Path) -> None:
    database = Database(path, FORM)
    note(database, "one", "two")
    assert database.read("SELECT text FROM note WHERE id > ?", (1,)) == [("two",)]
    database.connection.execute("DROP TABLE note")
    with pytest.raises(CannotStore, match=r"notes\.db: cannot be read: no such table"):
        database.read("SELECT text FROM note")
    database.close()


def test_a_second_one_is_refused_until_the_first_is_closed(path: Path) -> None:
    first = Database(path, FORM)
    with pytest.raises(CannotStore, match="another udpmsg has this notebook open"):
        Database(path, FORM)
    note(first, "still mine")
    first.close()
    Database(path, FORM).close()
    assert notes(path) == ["still mine"]


def test_another_name_of_the_same_file_is_the_same_file(path: Path) -> None:
    other = path.with_name("other.db")
    other.symlink_to(path)  # before there is a file
    with contextlib.closing(Database(other, FORM)) as database:
        with pytest.raises(CannotStore, match=r"notes\.db: another udpmsg has this notebook open"):
            Database(path, FORM)
        note(database, "one")
    assert notes(path) == ["one"]


def test_who_is_refused_takes_no_lock_away_from_who_has_it(path: Path) -> None:
    """SQLite holds a lock on an open database. Any descriptor of it that this process closes would take that away."""
    program = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('PRAGMA journal_mode = DELETE')"
    with contextlib.closing(Database(path, FORM)) as database:
        with pytest.raises(CannotStore, match="another udpmsg"):
            Database(path, FORM)
        stranger = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True)
        assert "database is locked" in stranger.stderr
        note(database, "still written ahead")


def test_a_reader_sees_what_is_committed_and_makes_nothing(path: Path) -> None:
    with pytest.raises(UsageError, match=r"notes\.db: there is no such file; a stationer makes one"):
        DatabaseReader(path, FORM)
    assert not path.exists()
    with contextlib.closing(Database(path, FORM)) as database, contextlib.closing(DatabaseReader(path, FORM)) as reader:
        note(database, "one", "two")
        with contextlib.closing(reader.rows("SELECT text FROM note ORDER BY id")) as rows:
            assert next(rows) == ("one",)
        note(database, "three")  # the reading before was given up: this one is of now
        assert reader.read("SELECT count(*) FROM note") == [(3,)]
        with pytest.raises(CannotStore, match="attempt to write a readonly database"):
            reader.read("DELETE FROM note")


def test_a_process_that_was_killed_holds_nothing_and_has_lost_nothing(path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", PROGRAM, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdin is not None
    assert holder.stdout is not None
    with holder.stdin, holder.stdout:
        assert holder.stdout.readline() == b"kept\n"
        with pytest.raises(CannotStore, match="another udpmsg"):
            Database(path, FORM)
        holder.kill()
        holder.wait()
    Database(path, FORM).close()
    assert notes(path) == ["kept"]


@pytest.mark.parametrize("content", [b"no database at all, but a letter of more than a hundred bytes" * 4, b"short"])
def test_a_file_of_another_sort_is_refused_and_left_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"notes\.db: this is no notebook, and is left as it is"):
        Database(path, FORM)
    assert path.read_bytes() == content
    assert os.listdir(path.parent) == [path.name]


def test_a_database_of_another_program_is_refused_and_left_as_it_is(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(UsageError, match="this is no notebook"):
        Database(path, FORM)
    assert path.read_bytes() == before


def test_a_file_of_another_version_is_refused(path: Path) -> None:
    Database(path, FORM).close()
    with pytest.raises(
        UsageError, match=r"another version of udpmsg made this notebook \(its schema is 1, and this one knows 2\)"
    ):
        Database(path, FORM._replace(version=2))
    Database(path, FORM).close()


def test_a_file_that_cannot_be_opened_is_named_with_the_reason(path: Path) -> None:
    with pytest.raises(UsageError, match="that is no file; a notebook is a database in a file"):
        Database(path.parent, FORM)
    with pytest.raises(UsageError, match="No such file or directory"):
        Database(path / "deeper.db", FORM)


def test_a_damaged_file_is_an_error_with_a_name(path: Path) -> None:
    database = Database(path, FORM)
    note(database, *["x" * 1000] * 100)
    database.close()
    damaged = bytearray(path.read_bytes())
    damaged[100:4096] = b"\xff" * 3996  # the first page: its table of contents
    path.write_bytes(damaged)
    with pytest.raises(CannotStore, match=r"notes\.db: cannot be read: database disk image is malformed"):
        Database(path, FORM)


@pytest.mark.skipif(os.name != "posix", reason="Windows does not remove what is open")
def test_a_file_that_was_removed_or_replaced_keeps_nothing_more(tmp_path: Path) -> None:
    for how in ("removed", "replaced"):
        path = tmp_path / how
        database = Database(path, FORM)
        path.unlink()
        if how == "replaced":
            path.write_bytes(b"")
        with pytest.raises(CannotStore, match="the file was removed or replaced while it was open"), database.transaction():
            pass
        database.close()


@pytest.mark.skipif(os.name != "posix", reason="links are asked for as POSIX has them")
def test_a_file_with_a_second_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "first"
    Database(path, FORM).close()
    os.link(path, tmp_path / "second")
    with pytest.raises(UsageError, match="has a second name"):
        Database(tmp_path / "second", FORM)
