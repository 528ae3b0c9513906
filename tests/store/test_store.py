"""What a store keeps and remembers, and what it refuses."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.store.samples import NOON, PEER, SESSION, message, messages, remembered
from udpmsg import CannotStore, Message, Store, UsageError
from udpmsg.core.remembered import Remembered
from udpmsg.sockets.endpoint import Endpoint

LARGEST = 2**64 - 1


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a store may be made."""
    return tmp_path / "inbox.db"


def asked(path: Path, query: str) -> list[tuple[object, ...]]:
    """What any other program reads in the database."""
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def test_what_is_kept_is_there_after_a_new_start(path: Path) -> None:
    with Store(path) as store:
        store.keep(messages(1, 3), remembered(3), now_ns=NOON)
        assert (store.commits, store.kept) == (1, 3)
    with Store.reader(path) as reader:
        stored = list(reader.messages())
    assert [each.message for each in stored] == messages(1, 3)
    assert [(each.id, each.received_at_ns, each.name) for each in stored] == [(number, NOON, None) for number in (1, 2, 3)]


def test_all_of_a_message_is_kept(path: Path) -> None:
    kept = [
        Message(b"", Endpoint("tcp", "fe80::1%eth0", 5000), 1, 1, reply_to=7, acknowledged=True, reordered=True, transmission=3),
        Message(bytes(range(256)), Endpoint("udp", "::ffff:10.0.0.1", 9), LARGEST, LARGEST, reply_to=LARGEST),
        Message(b"raw", PEER),
        Message(b"raw", PEER),
        Message(b"called something", PEER, 1, 2, transmission=1, title="übung.txt"),
        Message("olá\0".encode(), PEER, 2**63, 2**63),
    ]
    with Store(path) as store:
        store.keep(kept, [], now_ns=NOON)
        assert store.kept == len(kept)
    with Store.reader(path) as reader:
        assert [stored.message for stored in reader.messages()] == kept


def test_a_message_is_kept_once_also_in_a_later_run(path: Path) -> None:
    with Store(path) as store:
        store.keep([message(1, b"first"), message(1, b"again")], [], now_ns=NOON)
        store.keep([message(1, b"again"), message(1, b"another sender's", session=5)], [], now_ns=NOON)
        assert store.kept == 2
    with Store(path) as store:
        store.keep([message(1, b"again")], [], now_ns=NOON)
        assert store.kept == 0
    assert asked(path, "SELECT session, text FROM messages") == [
        (f"{SESSION:016x}", "first"),
        (f"{5:016x}", "another sender's"),
    ]


@pytest.mark.parametrize(
    "known",
    [
        Remembered(),
        Remembered(8, [(10, 12), (14, 14)], 11, acknowledged=True),
        Remembered(LARGEST, [(2**63, 2**63 + 5)], 2**62, acknowledged=False),
    ],
)
def test_what_suppresses_duplicates_is_remembered(path: Path, known: Remembered) -> None:
    with Store(path) as store:
        assert store.remembered(LARGEST) is None
        store.keep([], [(LARGEST, Remembered(3, [(5, 5)], 3)), (4, Remembered(2, [], 1))], now_ns=NOON)
        store.keep([], [(LARGEST, known)], now_ns=NOON + 5)
        assert store.remembered(LARGEST) == known
    with Store(path) as store:
        assert store.remembered(LARGEST) == known
        assert store.remembered(4) == Remembered(2, [], 1)
        assert store.remembered(5) is None
    with Store.reader(path) as reader:
        sessions = {each.session: each for each in reader.sessions()}
    assert sessions[LARGEST] == (LARGEST, NOON, NOON + 5, known)
    assert sorted(sessions) == [4, LARGEST]


def test_nothing_to_keep_is_no_commit(path: Path) -> None:
    with Store(path) as store:
        store.keep([], [], now_ns=NOON)
        assert store.commits == 0


def test_people_can_read_it(path: Path) -> None:
    with Store(path) as store:
        store.keep(
            [
                message(1, "olá".encode()),
                Message(b"\xff\x00", Endpoint("tcp", "::1", 5000), LARGEST, LARGEST, reply_to=LARGEST),
                Message(b"by hand\n", PEER),
            ],
            [(LARGEST, Remembered(LARGEST, [(7, 9)], 3, acknowledged=True))],
            now_ns=NOON + 1_500,
        )
    at = "2026-11-29T12:00:00.000001500Z"
    assert asked(path, "SELECT * FROM messages") == [
        (1, at, "udp", "127.0.0.1:41234", f"{SESSION:016x}", 1, None, None, None, 0, 4, "olá", "olá".encode()),
        (2, at, "tcp", "[::1]:5000", "f" * 16, str(LARGEST), None, None, str(LARGEST), 0, 2, None, b"\xff\x00"),
        (3, at, "udp", "127.0.0.1:41234", None, None, None, None, None, 1, 8, "by hand\n", b"by hand\n"),
    ]
    assert asked(path, "SELECT * FROM sessions") == [
        ("f" * 16, "2026-11-29T12:00:00Z", "2026-11-29T12:00:00Z", 3, str(LARGEST), "[[7, 9]]", 1)
    ]


# What is refused ---------------------------------------------------------------------------------------------------------------


def test_two_listeners_on_one_file_are_refused(path: Path, tmp_path: Path) -> None:
    other_name = tmp_path / "other.db"
    with Store(path) as store:
        other_name.symlink_to(path)
        for name in (path, other_name, str(path)):
            with pytest.raises(CannotStore, match="another udpmsg has this store open: end it, or name another file"):
                Store(name)
        store.keep(messages(1, 1), [], now_ns=NOON)
    with Store(other_name) as store:
        store.keep(messages(2, 2), [], now_ns=NOON)
    assert asked(path, "SELECT count(*) FROM messages") == [(2,)]


def test_a_listener_in_another_process_is_refused_too(path: Path) -> None:
    program = "import sys; from udpmsg import Store; Store(sys.argv[1])"
    with Store(path):
        ended = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True)
    assert "another udpmsg has this store open" in ended.stderr
    assert subprocess.run([sys.executable, "-c", program, path]).returncode == 0


def test_a_child_of_the_listener_does_not_hold_its_lock(path: Path) -> None:
    with Store(path):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
    try:
        Store(path).close()
        assert child.poll() is None
    finally:
        child.communicate(b"\n")


def test_another_program_s_database_is_left_as_it_is(tmp_path: Path) -> None:
    foreign = tmp_path / "bookmarks.db"
    with closing(sqlite3.connect(foreign)) as database:
        database.execute("CREATE TABLE bookmarks (url TEXT)")
    marked = tmp_path / "marked.db"
    with closing(sqlite3.connect(marked)) as database:
        database.execute("PRAGMA application_id = 7")
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    for file in (foreign, marked):
        for use in (Store, Store.reader):
            with pytest.raises(UsageError, match="this is no store, and is left as it is: name another file"):
                use(file)
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_what_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    text = tmp_path / "letter.txt"
    text.write_text("Dear all,\n" * 1000)
    for use in (Store, Store.reader):
        with pytest.raises(UsageError, match="this is no store, and is left as it is: name another file"):
            use(text)
    assert text.read_text() == "Dear all,\n" * 1000
    assert list(tmp_path.iterdir()) == [text]


def test_a_newer_schema_is_refused(path: Path) -> None:
    Store(path).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 2")
    for use in (Store, Store.reader):
        with pytest.raises(
            UsageError, match=r"another version of udpmsg made this store \(its schema is 2, and this one knows 1\)"
        ):
            use(path)


def test_what_cannot_be_a_database_is_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for use in (Store, Store.reader):
        for name in (tmp_path, pipe, "/dev/null"):
            with pytest.raises(UsageError, match="that is no file; a store is a database in a file: name one"):
                use(name)
        with pytest.raises(UsageError, match="this cannot be the name of a file"):
            use("a\0b")
        with pytest.raises(UsageError, match="a store is a database in a file, and cannot be standard input"):
            use("-")
    with pytest.raises(UsageError, match="cannot be written: No such file or directory; name another file"):
        Store(tmp_path / "missing" / "inbox.db")
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_file_without_permission_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store(path).close()
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may do everything
    with pytest.raises(UsageError, match="no permission to write to it; name another file"):
        Store(path)
    with pytest.raises(UsageError, match="no permission to read it"):
        Store.reader(path)


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    path.touch()
    with pytest.raises(UsageError, match="this is no store"):
        Store.reader(path)
    with Store(path) as store:
        store.keep(messages(1, 1), [], now_ns=NOON)
    assert asked(path, "SELECT count(*) FROM messages") == [(1,)]


def test_odd_names_are_names(tmp_path: Path) -> None:
    for name in (":memory:", "a?mode=ro", "100%.db", "#1 olá.db", "file:x"):
        with Store(tmp_path / name) as store:
            store.keep(messages(1, 1), [], now_ns=NOON)
        assert asked(tmp_path / name, "SELECT count(*) FROM messages") == [(1,)]


# What goes wrong ---------------------------------------------------------------------------------------------------------------


def test_what_was_not_kept_may_be_kept_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("udpmsg.messaging.database.BUSY", 0.0)
    with Store(path) as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(CannotStore, match="cannot be written: database is locked; what came last is not acknowledged"):
            store.keep(messages(1, 2), remembered(2), now_ns=NOON)
        assert (store.commits, store.kept) == (0, 0)
        other.execute("ROLLBACK")
        assert store.remembered(SESSION) is None
        store.keep(messages(1, 2), remembered(2), now_ns=NOON)
        assert (store.commits, store.kept) == (1, 2)
    assert asked(path, "SELECT sequence FROM messages") == [(1,), (2,)]


def test_a_group_is_kept_whole_or_not_at_all(path: Path) -> None:
    with Store(path) as store:
        with pytest.raises(CannotStore, match="NOT NULL constraint failed"):
            store.keep([message(1), message(2)._replace(peer=Endpoint("udp", None, 1))], remembered(2), now_ns=NOON)  # type: ignore[arg-type]
        store.keep([message(3)], [], now_ns=NOON)
        assert store.remembered(SESSION) is None
    assert asked(path, "SELECT sequence FROM messages") == [(3,)]


def test_a_closed_store_lets_nothing_lie_about(path: Path) -> None:
    with Store(path) as store:
        store.keep(messages(1, 1), [], now_ns=NOON)
    assert sorted(file.name for file in path.parent.iterdir()) == ["inbox.db", "inbox.db.lock"]
    store.close()
