"""`udpmsg listen --save`: what is in a directory, under which names, and that all of it is whole."""

import errno
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, Commands, free_port
from tests.cli.test_listen import raw
from udpmsg.cli import saving
from udpmsg.cli.saving import CannotSave, Saver
from udpmsg.core.events import Message


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[Saver]:
    """Saves into the test's own directory."""
    with Saver(tmp_path) as saver:
        yield saver


def named(*payloads: bytes) -> list[Message]:
    """Raw messages with these payloads."""
    return [Message(payload, "somebody") for payload in payloads]


def names(directory: Path) -> list[str]:
    return sorted(os.listdir(directory))


def test_messages_are_saved_under_names_of_ours(commands: Commands, over: list[str], tmp_path: Path) -> None:
    inbox = tmp_path / "new" / "inbox"
    listener = commands.listen(*over, "--once", "--save", str(inbox), words=True)
    commands.send(listener.address, "--ack", *over, "../x", "/etc/passwd")
    assert listener.wait() == 0
    (saved,) = inbox.iterdir()
    assert re.fullmatch(r"000001-[0-9a-f]{16}-000001\.msg", saved.name)
    assert saved.read_bytes() == b"../x /etc/passwd"
    assert f"16 bytes saved as {saved.name}" in listener.out.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_saving_goes_on_where_an_earlier_run_stopped(commands: Commands, tmp_path: Path) -> None:
    for _ in range(2):
        listener = commands.listen("--count", "2", "--save", str(tmp_path))
        raw(listener, b"one", b"two")
        assert listener.wait() == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"00000{number}-raw.msg" for number in range(1, 5)]


def test_a_file_that_lies_there_is_never_opened(saver: Saver, tmp_path: Path) -> None:

    target = tmp_path / "precious"
    target.write_text("precious")
    (tmp_path / "000001-raw.msg").symlink_to(target)
    assert saver.save(Message(b"x", "somebody")) == "000001-raw-1.msg"
    assert target.read_text() == "precious"


def test_a_full_disk_ends_the_listener_and_names_what_is_not_written(
    saver: Saver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:

    resource = pytest.importorskip("resource")
    signals = pytest.importorskip("signal")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    monkeypatch.setattr(signals, "SIGXFSZ", signals.SIGXFSZ)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    handler = signals.signal(signals.SIGXFSZ, signals.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        with pytest.raises(CannotSave, match=r"not written: message #7 from somebody \(5,000 bytes\): .*File too large"):
            saver.save(Message(b"x" * 5000, "somebody", session=1, sequence=7))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signals.signal(signals.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []


def test_a_listener_that_cannot_save_ends_with_1(commands: Commands, tmp_path: Path) -> None:
    limited = ["sh", "-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "sh"]

    port = free_port()
    listener = commands.start(
        "listen", "--port", str(port), "--save", str(tmp_path), "--json", program=[*limited, *COMMAND], port=port
    )
    listener.out.wait_for("listening")
    sender = commands.send(listener.address, "--size", "4000", "--ack", "--deadline", "1s", "--json")
    assert sender.summary()["messages_unconfirmed"] == 1
    assert listener.wait() == 1
    assert "not written: message #1 from 127.0.0.1" in listener.err.finish()
    assert "File too large" in listener.err.finish()
    assert listener.events("message") == []
    assert (listener.summary()["messages_delivered"], listener.summary()["messages_undelivered"]) == (0, 1)
    assert list(tmp_path.iterdir()) == []


def test_several_wait_for_the_disk_together(saver: Saver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All are written, then all are on the disk, then all are named, then the directory is on the disk: in this order."""
    calls: list[str] = []

    def noting(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            calls.append(name)
            return real(*arguments)

        return call

    monkeypatch.setattr(saving, "write", noting("write", saving.write))
    monkeypatch.setattr(saving, "name_exclusively", noting("name", saving.name_exclusively))
    monkeypatch.setattr(os, "fsync", noting("fsync", os.fsync))
    assert saver.save_all(named(b"one", b"two")) == (["000001-raw.msg", "000002-raw.msg"], None)
    assert calls == ["write"] * 2 + ["fsync"] * 2 + ["name"] * 2 + ["fsync"] * (os.name == "posix")
    assert names(tmp_path) == ["000001-raw.msg", "000002-raw.msg"]


@pytest.mark.parametrize("step", ["write", "synchronise", "name_exclusively"])
def test_what_came_before_the_one_that_fails_is_saved(
    saver: Saver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    real, count = getattr(saving, step), 0

    def failing(*arguments: object) -> object:
        nonlocal count
        count += 1
        if count == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments)

    monkeypatch.setattr(saving, step, failing)
    saved, failure = saver.save_all(named(b"one", b"two2", b"three"))
    assert saved == ["000001-raw.msg"] == names(tmp_path)
    assert "a raw message from somebody (4 bytes)" in str(failure)
    assert "No space left on device" in str(failure)


@pytest.mark.skipif(os.name != "posix", reason="only POSIX has directories that can be written to the disk")
def test_a_name_that_is_not_on_the_disk_is_none(saver: Saver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fsync

    def failing(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}") or descriptor == saver._descriptor:
            raise OSError(errno.EIO, "Input/output error")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    saved, failure = saver.save_all(named(b"one"))
    assert saved == []
    assert "Input/output error" in str(failure)


def test_a_file_system_without_links(saver: Saver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    (tmp_path / "000001-raw.msg").write_text("precious")
    assert saver.save(Message(b"x", "somebody")) == "000001-raw-1.msg"
    assert (tmp_path / "000001-raw.msg").read_text() == "precious"
    assert names(tmp_path) == ["000001-raw-1.msg", "000001-raw.msg"]


@pytest.mark.skipif(os.name != "posix", reason="what a killed run leaves stays there elsewhere")
def test_what_a_killed_run_has_left_goes_when_nobody_else_saves_there(tmp_path: Path) -> None:
    left, other = tmp_path / ".0123456789abcdef-7.part", tmp_path / ".notes.part"
    with Saver(tmp_path):
        left.touch()
        other.touch()
        with Saver(tmp_path):
            assert names(tmp_path) == [left.name, other.name]  # it might be the first one's
    with Saver(tmp_path):
        pass
    assert names(tmp_path) == [other.name]


def test_who_has_the_messages_elsewhere_does_not_wait_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(descriptor: int) -> None:
        raise AssertionError

    monkeypatch.setattr(os, "fsync", never)
    with Saver(tmp_path, durable=False) as saver:
        assert saver.save(Message(b"x", "somebody")) == "000001-raw.msg"
    assert (tmp_path / "000001-raw.msg").read_bytes() == b"x"
