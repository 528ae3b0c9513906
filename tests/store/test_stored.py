"""A store is read while a receiver writes to it: all of it, in order, a little at a time."""

import sqlite3
from pathlib import Path

import pytest

from tests.store.samples import NOON, message, messages, remembered
from udpmsg import CannotStore, Store, StoreReader, UsageError
from udpmsg.messaging.database import CANNOT_READ, failed
from udpmsg.messaging.stored import PAGE_BYTES, PAGE_ROWS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a store may be made."""
    return tmp_path / "inbox.db"


def sequences(reader: StoreReader, after: int = 0, limit: int | None = None) -> list[int | None]:
    """What is there, by number."""
    return [stored.message.sequence for stored in reader.messages(after, limit)]


def test_all_pages_are_read_in_order(path: Path) -> None:
    last = 2 * PAGE_ROWS + 10
    with Store(path) as store, Store.reader(path) as reader:
        store.keep(messages(1, last), [], now_ns=NOON)
        assert sequences(reader) == list(range(1, last + 1))
        assert sequences(reader, after=PAGE_ROWS) == list(range(PAGE_ROWS + 1, last + 1))
        assert sequences(reader, after=3, limit=2) == [4, 5]
        assert sequences(reader, after=last) == []


def test_large_messages_are_read_a_few_at_a_time(path: Path) -> None:
    payload = b"x" * (PAGE_BYTES // 2)
    with Store(path) as store, Store.reader(path) as reader:
        store.keep([message(number, payload) for number in range(1, 6)], [], now_ns=NOON)
        stored = reader.messages()
        assert next(stored).message.payload == payload
        store.keep([message(6, b"late")], [], now_ns=NOON)
        assert [each.message.sequence for each in stored] == [2, 3, 4, 5, 6]  # a page is read when it is its turn


def test_a_reader_in_the_middle_holds_up_nobody(path: Path) -> None:
    """The log begins anew while someone reads slowly: between two pages nothing is held."""
    log = path.with_name("inbox.db-wal")
    with Store(path) as store, Store.reader(path) as reader:
        store.keep(messages(1, PAGE_ROWS + 1), remembered(PAGE_ROWS + 1), now_ns=NOON)
        stored = reader.messages()
        next(stored)
        grown = []
        for first in range(1000, 9000, 100):
            store.keep([message(first + number, b"x" * 4000) for number in range(100)], [], now_ns=NOON)
            grown.append(log.stat().st_size)
        assert max(grown) < 8 << 20  # 32 MB went through it
        assert len(list(stored)) == PAGE_ROWS + 8000


def test_a_reader_hears_of_what_is_new(path: Path) -> None:
    with Store(path) as store, Store.reader(path) as reader:
        assert reader.changed()
        assert not reader.changed()
        store.keep(messages(1, 1), [], now_ns=NOON)
        assert reader.changed()
        assert sequences(reader) == [1]
        assert not reader.changed()


def test_a_reader_writes_nothing(path: Path) -> None:
    with Store(path) as store:
        store.keep(messages(1, 1), [], now_ns=NOON)
    before = path.read_bytes()
    with Store.reader(path) as reader:
        assert sequences(reader) == [1]
        with pytest.raises(sqlite3.OperationalError, match="attempt to write a readonly database"):
            reader._database.connection.execute("DELETE FROM kept_messages")
    assert path.read_bytes() == before


def test_what_is_not_there_is_not_made(path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such file; udpmsg listen --store makes one"):
        Store.reader(path)
    assert not path.exists()


def test_a_folder_that_a_reader_may_not_write_to() -> None:
    error = sqlite3.OperationalError("attempt to write a readonly database")
    error.sqlite_errorname = "SQLITE_READONLY_DIRECTORY"
    assert "needs permission to write beside it while no other has it open: read a copy" in str(
        failed(CANNOT_READ, "a.db", error)
    )


def test_a_broken_database_is_an_error_of_ours(path: Path) -> None:
    with Store(path) as store:
        store.keep(messages(1, 400), remembered(400), now_ns=NOON)
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with Store.reader(path) as reader:
        with pytest.raises(CannotStore, match="cannot be read: database disk image is malformed"):
            sequences(reader)
        with pytest.raises(CannotStore, match="cannot be read"):
            list(reader.sessions())
    with Store(path) as store, pytest.raises(CannotStore, match="cannot be read"):
        store.remembered(1)
