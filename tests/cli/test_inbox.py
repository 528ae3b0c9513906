"""`inbox`: what a store has is shown, saved and sent again."""

import csv
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
from base64 import b64decode
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, Commands, free_port
from tests.store.samples import NOON, PEER, SECOND, SESSION, message, messages, remembered
from udpmsg import Endpoint, Message, Receiver, Store

MILLISECOND = SECOND // 1000
NASTY = Message(b"red \x1b[31m \xe2\x80\xae \xff", Endpoint("tcp", "::1", 5000), 5, 1, reply_to=3, reordered=True, transmission=2)
RAW = Message(b"by hand\n", PEER)
KEPT = [message(1, "olá".encode()), NASTY, RAW, message(2, b'a "quoted", line\nand another')]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A store with four messages, of two sessions and of none."""
    path = tmp_path / "inbox.db"
    with Store(path) as store:
        store.keep(KEPT, remembered(2), now_ns=NOON)
    return path


# Shown -------------------------------------------------------------------------------------------------------------------------


def test_messages_are_shown_as_listen_shows_them(run, file: Path) -> None:
    assert run("inbox", str(file)) == (
        0,
        "127.0.0.1:41234  #1   olá\n"
        "[::1]:5000       #1   red \\x1b[31m \\u202e \\xff  (reply to #3, reordered, transmission 2)\n"
        "127.0.0.1:41234  raw  by hand\n"
        '127.0.0.1:41234  #2   a "quoted", line\\nand another\n',
        "",
    )


def test_json_has_every_byte_and_what_the_store_knows_besides(run, file: Path) -> None:
    code, output, words = run("inbox", str(file), "--json")
    assert (code, words) == (0, "")
    lines = [json.loads(line) for line in output.splitlines()]
    assert len({line.pop("run") for line in lines}) == 1
    assert lines[1] == {
        "event": "message",
        "v": 1,
        "id": 2,
        "received_at": "2026-11-29T12:00:00.000000000Z",
        "name": None,
        "title": None,
        "transport": "tcp",
        "peer": "[::1]:5000",
        "session": "0000000000000005",
        "sequence": 1,
        "size": 15,
        "text": None,
        "base64": "cmVkIBtbMzFtIOKAriD/",
        "raw": False,
        "reordered": True,
        "transmission": 2,
        "one_way_delay_s": None,
    }
    assert [(line["id"], line["text"], line["raw"]) for line in lines if line["text"]] == [
        (1, "olá", False),
        (3, "by hand\n", True),
        (4, 'a "quoted", line\nand another', False),
    ]


def test_csv_is_read_back_whole_and_steers_no_terminal(commands: Commands, file: Path) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE kept_messages SET name = 'Ana\x1b[2J', title = 'a,b' WHERE id = 1")
    output = subprocess.run([*COMMAND, "inbox", str(file), "--csv"], capture_output=True, check=True).stdout
    assert output.startswith(b"id,received_at,transport,peer,session,sequence,name,title,")
    assert output.count(b"\r\n") == 5
    assert b"\x1b" not in output
    first, nasty, raw, quoted = csv.DictReader(io.StringIO(output.decode(), newline=""))
    assert first == {
        "id": "1",
        "received_at": "2026-11-29T12:00:00.000000000Z",
        "transport": "udp",
        "peer": "127.0.0.1:41234",
        "session": f"{SESSION:016x}",
        "sequence": "1",
        "name": "Ana\\x1b[2J",
        "title": "a,b",
        "reply_to": "",
        "raw": "0",
        "reordered": "0",
        "transmission": "1",
        "size": "4",
        "text": "olá",
        "base64": "",
    }
    assert (nasty["text"], nasty["base64"]) == ("", "cmVkIBtbMzFtIOKAriD/")
    assert (nasty["reply_to"], nasty["reordered"]) == ("3", "1")
    assert (raw["session"], raw["sequence"], raw["raw"], raw["text"]) == ("", "", "1", "by hand\n")
    assert quoted["text"] == 'a "quoted", line\nand another'


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ("=1+1", ""),
        ("@SUM(A1)", ""),
        ("+cmd|' /C calc'!A0", ""),
        ("\t=1", ""),
        ("-5.2", "-5.2"),
        ("+3e4", "+3e4"),
        ("a = b", "a = b"),
        ("", ""),
    ],
)
def test_csv_has_nothing_that_a_spreadsheet_computes(commands: Commands, file: Path, payload: str, text: str) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE kept_messages SET payload = ?, name = ?, title = '=1' WHERE id = 1", (payload.encode(), payload))
    output = subprocess.run([*COMMAND, "inbox", str(file), "--csv"], capture_output=True, check=True).stdout
    first = next(csv.DictReader(io.StringIO(output.decode(), newline="")))
    assert first["text"] == text
    assert b64decode(first["base64"]).decode() == ("" if text else payload)
    assert first["title"] == "\\x3d1"
    assert not first["name"].startswith(("=", "@", "\t", "+c"))


def test_some_of_the_messages(run, file: Path) -> None:
    assert run("inbox", str(file), "--session", f"{SESSION:016X}", "--after", "1")[1].split()[1] == "#2"
    assert len(run("inbox", str(file), "--session", "5")[1].splitlines()) == 1
    assert run("inbox", str(file), "--after", "4") == (0, "", f"There is no such message in {file}\n")
    assert run("inbox", str(file), "--after", "4", "--json") == (0, "", "")


def test_a_reader_that_goes_away_is_said(commands: Commands, tmp_path: Path) -> None:
    path = tmp_path / "long.db"
    with Store(path) as store:
        store.keep(messages(1, 5000), [], now_ns=NOON)
    reading, writing = os.pipe()
    running = commands.start("inbox", str(path), stdout=writing)
    os.close(writing)
    assert os.read(reading, 4)
    os.close(reading)
    assert running.wait() == 1
    assert running.err.finish() == "udpmsg: the reader of standard output went away"


# Followed ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code", "said"), [(signal.SIGINT, 130, "Interrupted"), (signal.SIGTERM, 143, "Terminated")])
def test_follow_goes_on_while_a_listener_keeps_more(
    commands: Commands, file: Path, number: signal.Signals, code: int, said: str
) -> None:
    with Store(file) as store:
        following = commands.start("inbox", str(file), "--follow", "--after", "3")
        following.out.wait_for("#2   a")
        for sequence in (3, 4):
            store.keep([message(sequence, b"late")], [], now_ns=NOON)
            following.out.wait_for(f"#{sequence}   late")
        following.signal(number)
        assert following.wait() == code
    assert len(following.out.lines) == 3
    assert following.err.finish() == said


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_following_is_no_work_while_nothing_comes(commands: Commands, file: Path) -> None:
    """Its processor time over some 20 looks is that of 20 looks, and not of a loop that never rests."""
    following = commands.start("inbox", str(file), "--follow", "--json")
    following.out.wait_for('"id": 4')
    before = processor_ticks(following.process.pid)
    with Store(file) as store:
        for sequence in range(3, 13):  # each is seen by a look of its own, or by the one after
            store.keep([message(sequence)], [], now_ns=NOON)
            following.out.wait_for(f'"id": {sequence + 2}')
    assert processor_ticks(following.process.pid) - before < 50  # half a second; a loop would have taken two
    following.signal()
    assert following.wait() == 130


def processor_ticks(process: int) -> int:
    """What a process has used, in hundredths of a second."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    return int(fields[11]) + int(fields[12])


# Saved -------------------------------------------------------------------------------------------------------------------------


def test_each_message_is_saved_to_a_file(run, file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "letters"
    code, output, words = run("inbox", str(file), "--save", str(folder))
    assert (code, words) == (0, "")
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        f"000001-{SESSION:016x}-000001.msg",
        "000002-0000000000000005-000001.msg",
        "000003-raw.msg",
        f"000004-{SESSION:016x}-000002.msg",
    ]
    assert [(folder / name).read_bytes() for name in names] == [kept.payload for kept in KEPT]
    assert f"4 bytes saved as {names[0]}" in output
    assert run("inbox", str(file), "--save", str(folder), "--after", "3")[0] == 0
    assert len(list(folder.iterdir())) == 5, "names go on where the first run stopped"


def test_what_cannot_be_saved_is_named(run, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, mode: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    code, output, words = run("inbox", str(file), "--save", str(tmp_path / "letters"))
    assert (code, output) == (1, "")
    assert "not written: message #1 from 127.0.0.1:41234 (4 bytes)" in words
    assert "No space left on device. Those before it are saved; choose another directory, or make room" in words


# Sent again --------------------------------------------------------------------------------------------------------------------


def received(receiver: Receiver, count: int) -> list[bytes]:
    """So many messages, as they come."""
    payloads: list[bytes] = []
    for each in receiver:
        payloads.append(each.payload)
        if len(payloads) == count:
            break
    return payloads


@pytest.mark.parametrize("acknowledged", [[], ["--ack"]], ids=["forget", "ack"])
def test_all_are_sent_again_over_both_transports(
    commands: Commands, file: Path, over: list[str], transport: str, acknowledged: list[str]
) -> None:
    with Receiver(port=0, transport=transport) as receiver:
        replay = commands.start("inbox", str(file), "--replay", str(receiver.endpoints[0]), *over, *acknowledged, "--json")
        assert received(receiver, len(KEPT)) == [kept.payload for kept in KEPT]
        receiver.poll(0)
        while replay.process.poll() is None:
            receiver.poll(0.05)
    assert replay.wait() == 0
    summary = replay.summary()
    assert (summary["messages_sent"], summary["transport"], summary["acknowledged"]) == (4, transport, bool(acknowledged))
    assert summary["messages_delivered"] == (4 if acknowledged else None)


def test_they_are_as_far_apart_as_they_came(commands: Commands, tmp_path: Path) -> None:
    """A calendar that is set back between two messages is nothing to wait for."""
    path = tmp_path / "slow.db"
    with Store(path) as store:
        for sequence, at in enumerate((0, 300 * MILLISECOND, -3600 * SECOND, 600 * MILLISECOND), start=1):
            store.keep([message(sequence, b"%d" % sequence)], [], now_ns=NOON + at)
    with Receiver(port=0) as receiver:
        replay = commands.start("inbox", str(path), "--replay", str(receiver.endpoints[0]), "--json")
        assert received(receiver, 4) == [b"1", b"2", b"3", b"4"]
    assert replay.wait() == 0
    assert replay.summary()["duration_s"] >= 0.5  # 0.6 by the schedule, which a first message that was late shortens


@pytest.mark.parametrize("pace", [("--interval", "100ms"), ("--rate", "10/s")], ids=["interval", "rate"])
def test_they_are_sent_at_the_pace_that_is_asked_for(commands: Commands, tmp_path: Path, pace: tuple[str, str]) -> None:
    path = tmp_path / "years.db"
    with Store(path) as store:
        for sequence in range(1, 5):
            store.keep([message(sequence, b"%d" % sequence)], [], now_ns=NOON + sequence * 10**8 * SECOND)
    with Receiver(port=0) as receiver:
        replay = commands.start("inbox", str(path), "--replay", str(receiver.endpoints[0]), *pace, "--json")
        assert received(receiver, 4) == [b"1", b"2", b"3", b"4"]
    assert replay.wait() == 0
    assert replay.summary()["duration_s"] >= 0.25  # three intervals, less the little by which the first message was late


def test_ctrl_c_ends_a_replay_that_waits_for_years(commands: Commands, tmp_path: Path) -> None:
    path = tmp_path / "years.db"
    with Store(path) as store:
        for sequence in (1, 2):
            store.keep([message(sequence, b"%d" % sequence)], [], now_ns=NOON + sequence * 10**8 * SECOND)
    with Receiver(port=0) as receiver:
        replay = commands.start("inbox", str(path), "--replay", str(receiver.endpoints[0]))
        assert received(receiver, 1) == [b"1"]
    replay.signal()
    assert replay.wait() == 130
    assert "Interrupted: 1 message sent" in replay.err.finish()


def test_nobody_there_ends_as_send_does(commands: Commands, file: Path) -> None:
    replay = commands.start("inbox", str(file), "--replay", f"127.0.0.1:{free_port()}", "--tcp", "--json")
    assert replay.wait() == 4
    assert replay.summary()["messages_sent"] == 0
    replay = commands.start("inbox", str(file), "--replay", "no-such-host.invalid")
    assert replay.wait() == 4
    assert "does not resolve" in replay.err.finish()


def test_a_listener_that_goes_away_leaves_messages_unsent(commands: Commands, tmp_path: Path) -> None:
    path = tmp_path / "many.db"
    with Store(path) as store:
        store.keep(messages(1, 20), [], now_ns=NOON)
    listener = commands.listen("--tcp", "--count", "1")
    replay = commands.start("inbox", str(path), "--replay", listener.address, "--tcp", "--interval", "1s")
    assert listener.wait() == 0
    assert replay.wait() == 3
    assert "not sent" in replay.err.finish()


def test_a_message_over_the_limit_is_not_sent_in_silence(run, tmp_path: Path) -> None:
    path = tmp_path / "large.db"
    with Store(path) as store:
        store.keep([message(1, b"x" * 2000)], [], now_ns=NOON)
    code, _, words = run("inbox", str(path), "--replay", f"127.0.0.1:{free_port()}", "--max-message", "1000")
    assert code == 2
    assert "the message has 2000 bytes and the limit is 1000" in words


# Refused -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--json", "--csv"], "--json and --csv mean nothing together: the output has one form"),
        (["--csv", "--save", "x"], "--csv and --save mean nothing together"),
        (["--replay", "127.0.0.1", "--csv"], "--replay and --csv mean nothing together"),
        (["--replay", "127.0.0.1", "--save", "x"], "--replay and --save mean nothing together"),
        (["--replay", "127.0.0.1", "--follow"], "--replay and --follow mean nothing together"),
        (["--replay", "127.0.0.1", "--rate", "1/s", "--interval", "1s"], "--interval and --rate mean nothing together"),
        (["--replay", "[::1"], "'[::1' is not an address"),
        (["--ack"], "--ack means nothing without --replay: nothing is sent"),
        (["--tcp"], "--tcp means nothing without --replay"),
        (["--rate", "1/s"], "--rate means nothing without --replay"),
        (["--interval", "1s"], "--interval means nothing without --replay"),
        (["--max-message", "1KiB"], "--max-message means nothing without --replay"),
        (["--session", "hello"], "'--session': 'hello' names no session"),
        (["--after", "-1"], "'-1' is not a count"),
        (["--save", "/dev/null"], "--save /dev/null: that is a file, and a directory is needed"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else None,
)
def test_options_that_mean_nothing(run, file: Path, options: list[str], said: str) -> None:
    code, output, words = run("inbox", str(file), *options)
    assert (code, output) == (2, "")
    assert said in words
    assert "See udpmsg inbox --help" in words


def test_a_file_that_is_no_store(run, tmp_path: Path) -> None:
    foreign = tmp_path / "bookmarks.db"
    with closing(sqlite3.connect(foreign)) as database:
        database.execute("CREATE TABLE bookmarks (url TEXT)")
    text = tmp_path / "letter.txt"
    text.write_text("Dear all,\n" * 100)
    for name, said in {
        str(tmp_path / "missing.db"): "there is no such file; udpmsg listen --store makes one",
        str(foreign): "this is no store",
        str(text): "this is no store",
        str(tmp_path): "that is no file",
        "-": "a store is a database in a file, and cannot be standard input or output (-): name a file",
    }.items():
        code, output, words = run("inbox", name)
        assert (code, output) == (2, "")
        assert said in words


def test_a_locked_database_is_a_run_time_error(run, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("udpmsg.messaging.database.BUSY", 0.0)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN IMMEDIATE")
        code, output, words = run("inbox", str(file))
    assert (code, output) == (1, "")
    assert "cannot be read: database is locked" in words


def test_the_command_loads_sqlite_for_a_store_alone() -> None:
    program = "import sys; from udpmsg.cli.app import run; run(['inbox', '--help']); print('sqlite3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.endswith("False\n")
