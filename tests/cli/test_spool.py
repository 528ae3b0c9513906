"""`udpmsg send --spool`: the same command goes on where it was stopped, and says so."""

import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Commands, Running, free_port
from tests.cli.test_jsonlines import COMMON, EVENTS


@pytest.fixture
def spool(tmp_path: Path) -> str:
    return str(tmp_path / "my.spool")


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "lines.txt"
    path.write_text("".join(f"line {number}\n" for number in range(1, 41)))
    return path


def left(spool: str) -> int:
    """Messages in the file."""
    connection = sqlite3.connect(spool)
    try:
        (count,) = connection.execute("SELECT count(*) FROM message").fetchone()
    finally:
        connection.close()
    return int(count)


def texts(listener: Running) -> list[str]:
    return [message["text"] for message in listener.events("message")]


def sequences(listener: Running) -> list[int]:
    return sorted(message["sequence"] for message in listener.events("message"))


def test_a_command_that_ends_in_order_leaves_nothing_and_the_next_one_is_new(
    commands: Commands, spool: str, over: list[str]
) -> None:
    listener = commands.listen(*over)
    for _ in range(2):
        sender = commands.send(listener.address, "hello", "--ack", "--spool", spool, "--json", *over)
        assert sender.wait() == 0
        assert sender.events("resumed") == []
        assert left(spool) == 0
    listener.out.wait_for('"goodbye"', 2)
    assert texts(listener) == ["hello", "hello"]
    assert len({message["session"] for message in listener.events("message")}) == 2


def test_what_nobody_confirmed_stays_and_is_sent_when_the_command_is_run_again(commands: Commands, spool: str) -> None:
    port = free_port()
    command = [f"127.0.0.1:{port}", "hello", "--count", "3", "--ack", "--spool", spool]
    first = commands.send(*command, "--deadline", "200ms")
    assert first.process.returncode in (3, 4)
    assert f"3 messages stay in {spool}: run the same command again" in first.err.finish()
    listener = commands.start("listen", "--port", str(port), "--json", "--once", port=port)
    listener.out.wait_for('"listening"')
    second = commands.send(*command, "--json")
    assert second.wait() == 0
    (resumed,) = second.events("resumed")
    assert set(resumed) == EVENTS["resumed"] | COMMON
    assert (resumed["spool"], resumed["messages"], resumed["accepted"]) == (spool, 3, 3)
    assert sorted(event["sequence"] for event in second.events("acknowledged")) == [1, 2, 3]
    assert listener.wait() == 0
    assert sequences(listener) == [1, 2, 3]
    assert {message["session"] for message in listener.events("message")} == {resumed["session"]}
    (goodbye,) = listener.events("goodbye")
    assert (goodbye["messages_sent"], goodbye["messages_lost"]) == (3, 0)


def test_people_are_told_that_it_goes_on(commands: Commands, spool: str) -> None:
    command = [f"127.0.0.1:{free_port()}", "hello", "--count", "2", "--ack", "--spool", spool, "--deadline", "100ms"]
    commands.send(*command)
    again = commands.send(*command)
    assert f"Going on: 2 messages from {spool}; 2 of this input were accepted before" in again.err.finish()
    assert again.process.returncode in (3, 4)


def interrupted(commands: Commands, listener: Running, *command: str, after: int, **options: object) -> None:
    """The command, until so many messages were confirmed; then Ctrl-C."""
    running = commands.start("send", listener.address, "--json", *command, **options)
    running.out.wait_for('"acknowledged"', after)
    running.signal(signal.SIGINT)
    assert running.wait() == 130


@pytest.mark.parametrize("kind", ["lines", "text", "file"])
def test_an_interrupted_command_goes_on_where_it_stopped(commands: Commands, spool: str, lines: Path, kind: str) -> None:
    listener = commands.listen()
    command = ["--ack", "--spool", spool, "--interval", "10ms"]
    command += {"lines": [], "text": ["hello", "--count", "40"], "file": ["--file", str(lines), "--count", "40"]}[kind]
    for _ in range(3):
        with lines.open("rb") as file:
            interrupted(commands, listener, *command, after=5, stdin=file)
    with lines.open("rb") as file:
        last = commands.start("send", listener.address, "--json", *command, stdin=file)
        assert last.wait() == 0
    (resumed,) = last.events("resumed")
    assert 15 <= resumed["accepted"] < 40
    listener.out.wait_for('"goodbye"')
    assert sequences(listener) == list(range(1, 41))
    assert len({message["session"] for message in listener.events("message")}) == 1
    if kind == "lines":
        assert texts(listener) == lines.read_text().splitlines()
    assert left(spool) == 0


def test_another_input_comes_behind_what_is_left(commands: Commands, spool: str, lines: Path, tmp_path: Path) -> None:
    """An input is another one if its beginning differs; what was added at its end is new, and the rest is not."""
    port = free_port()
    send = [f"127.0.0.1:{port}", "--ack", "--spool", spool]

    def run(path: Path, *options: str) -> Running:
        with path.open("rb") as file:
            running = commands.start("send", *send, *options, "--json", stdin=file)
            running.wait()
        return running

    lines.write_text("one\ntwo\n")
    assert run(lines, "--deadline", "100ms").process.returncode in (3, 4)
    lines.write_text("one\ntwo\nthree\n")
    assert run(lines, "--deadline", "100ms").events("resumed")[0]["accepted"] == 2
    assert left(spool) == 3
    lines.write_text("one\nzwei\nthree\n")
    assert run(lines, "--deadline", "100ms").events("resumed")[0]["accepted"] == 0
    assert left(spool) == 6
    listener = commands.start("listen", "--port", str(port), "--json", "--once", port=port)
    listener.out.wait_for('"listening"')
    piped = commands.send(*send, "--json", input="from a pipe\n")
    assert piped.wait() == 0
    assert (piped.events("resumed")[0]["messages"], piped.events("resumed")[0]["accepted"]) == (6, 0)
    assert listener.wait() == 0
    in_order = sorted(listener.events("message"), key=lambda message: message["sequence"])
    assert [message["text"] for message in in_order] == ["one", "two", "three", "one", "zwei", "three", "from a pipe"]


def test_lines_that_are_too_long_are_left_out_each_time(commands: Commands, spool: str, lines: Path) -> None:
    listener = commands.listen()
    lines.write_text("one\n" + "x" * 300 + "\n" + "".join(f"{number}\n" for number in range(2, 31)))
    command = ["--ack", "--spool", spool, "--max-message", "200", "--interval", "10ms"]
    with lines.open("rb") as file:
        interrupted(commands, listener, *command, after=6, stdin=file)
    with lines.open("rb") as file:
        last = commands.start("send", listener.address, "--json", *command, stdin=file)
        assert last.wait() == 0
    assert last.events("resumed")[0]["accepted"] >= 6
    listener.out.wait_for('"goodbye"')
    assert texts(listener) == ["one", *map(str, range(2, 31))]


def test_where_the_disk_is_full_nothing_more_is_accepted_and_nothing_is_lost(commands: Commands, spool: str) -> None:
    """A file may have 200 KiB here. What was accepted before that is delivered; the next time there is room for the rest."""
    resource = pytest.importorskip("resource", reason="Windows bounds no file's size")

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200 << 10, resource.RLIM_INFINITY))

    listener = commands.listen()
    command = [listener.address, "--size", "1200", "--count", "600", "--ack", "--spool", spool]
    first = commands.send(*command, preexec_fn=bounded)
    assert first.process.returncode == 1
    assert f"{spool}: cannot be written: " in first.err.finish()
    second = commands.send(*command, "--json")
    assert second.process.returncode == 0
    (resumed,) = second.events("resumed")
    assert 0 < resumed["accepted"] < 600
    listener.out.wait_for('"goodbye"')
    assert sequences(listener) == list(range(1, 601))
    assert len({message["session"] for message in listener.events("message")}) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "--spool means nothing without --ack"),
        (["--ack", "--raw"], "mean nothing together"),
        (["--ack", "--spool", "-"], "--spool - means nothing"),
    ],
)
def test_what_means_nothing_with_a_spool_is_said(commands: Commands, spool: str, options: list[str], said: str) -> None:
    sender = commands.send("127.0.0.1", "hello", "--spool", spool, *options)
    assert sender.process.returncode == 2
    assert said in sender.err.finish()


def test_a_spool_of_somebody_else_is_refused(commands: Commands, spool: str, tmp_path: Path) -> None:
    listener = commands.listen()
    port = listener.port
    holder = commands.start("send", listener.address, "--ack", "--spool", spool, "--json", stdin=subprocess.PIPE)
    holder.type("mine\n")
    holder.out.wait_for('"acknowledged"')
    second = commands.send(f"127.0.0.1:{port}", "yours", "--ack", "--spool", spool)
    assert second.process.returncode == 1
    assert "another udpmsg has this spool open" in second.err.finish()
    holder.process.kill()
    holder.process.wait()
    elsewhere = commands.send(f"127.0.0.1:{port + 1}", "mine", "--ack", "--spool", spool)
    assert elsewhere.process.returncode == 2
    assert f"whose port is {port}, not {port + 1}" in elsewhere.err.finish()
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear reader" * 100)
    no_spool = commands.send(f"127.0.0.1:{port}", "mine", "--ack", "--spool", str(letter))
    assert no_spool.process.returncode == 2
    assert "this is no spool" in no_spool.err.finish()
    assert letter.read_text() == "Dear reader" * 100
