"""`udpmsg listen --store`: what it keeps, what it says about it, and what stands in its way."""

import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, Commands, free_port
from udpmsg import Store


def kept(path: Path) -> list[bytes]:
    with Store.reader(path) as reader:
        return [stored.message.payload for stored in reader.messages()]


def test_what_came_is_there_and_how_much_is_said_by_the_next_run(commands: Commands, over: list[str], tmp_path: Path) -> None:
    path = tmp_path / "inbox.db"
    for turn, there in enumerate(("0 messages", "1 message"), 1):
        listener = commands.listen(*over, "--once", "--store", str(path), words=True)
        assert f"Keeping what comes in {path} ({there} there already)" in listener.err.wait_for("Keeping")
        assert commands.send(listener.address, f"number {turn}", "--ack", *over).wait() == 0
        assert listener.wait() == 0
        assert f"number {turn}" in listener.out.finish()
    assert kept(path) == [b"number 1", b"number 2"]


def test_programs_are_told_where(commands: Commands, tmp_path: Path) -> None:
    path = tmp_path / "inbox.db"
    listener = commands.listen("--count", "1", "--quiet", env={"UDPMSG_STORE": str(path)})
    assert listener.events("listening")[0]["store"] == str(path)
    assert commands.send(listener.address, "hello", "--ack").wait() == 0
    assert listener.wait() == 0
    assert kept(path) == [b"hello"]  # also where none is shown
    without = commands.listen("--for", "1ms")
    assert without.events("listening")[0]["store"] is None


def test_files_beside_it(commands: Commands, tmp_path: Path) -> None:
    path = tmp_path / "inbox.db"
    listener = commands.listen("--once", "--store", str(path), "--save", str(tmp_path / "files"))
    assert commands.send(listener.address, "hello", "--ack").wait() == 0
    assert listener.wait() == 0
    assert kept(path) == [b"hello"] == [file.read_bytes() for file in (tmp_path / "files").iterdir()]


def test_two_listeners_on_one_store(commands: Commands, tmp_path: Path) -> None:
    path = tmp_path / "inbox.db"
    commands.listen("--store", str(path))
    second = commands.start("listen", "--port", str(free_port()), "--store", str(path))
    assert second.wait() == 1
    assert "another udpmsg has this store open" in second.err.finish()


def test_a_file_that_is_no_store_is_not_touched(commands: Commands, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("notes " * 1000)
    listener = commands.start("listen", "--port", str(free_port()), "--store", str(path))
    assert listener.wait() == 2
    assert str(path) in listener.err.finish()
    assert path.read_text() == "notes " * 1000


def test_a_full_disk_ends_the_listener_and_what_is_not_stored_is_not_acknowledged(commands: Commands, tmp_path: Path) -> None:
    path, port = tmp_path / "inbox.db", free_port()
    with Store(path):
        pass  # made where there is room
    limited = ["bash", "-c", "trap '' XFSZ; ulimit -f 200; exec \"$@\"", "bash", *COMMAND]
    without = {"PYTHONDONTWRITEBYTECODE": "1"}  # it would be cut short, and put in place for everybody
    listener = commands.start("listen", "--port", str(port), "--store", str(path), program=limited, port=port, env=without)
    listener.err.wait_for("Listening on")
    options = ("--ack", "--json", "--size", "8KiB", "--count", "100", "--deadline", "1s")
    sender = commands.send(listener.address, *options)
    assert sender.wait() == 3
    assert listener.wait() == 1
    words = listener.err.finish()
    assert "cannot be written: " in words
    assert "not written" in words
    acknowledged = len(sender.events("acknowledged"))
    assert 0 < acknowledged <= len(kept(path)) < 100


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["words", "json"])
def test_what_is_stored_is_delivered_though_nobody_reads_the_lines(commands: Commands, tmp_path: Path, form: list[str]) -> None:
    path, port = tmp_path / "inbox.db", free_port()
    listener = commands.start("listen", "--port", str(port), "--store", str(path), *form, port=port, stdout=subprocess.PIPE)
    listener.err.wait_for("Keeping")
    assert commands.send(listener.address, "hello", "--ack").wait() == 0
    listener.signal()
    assert listener.wait() == 130
    assert kept(path) == [b"hello"]
