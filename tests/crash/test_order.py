"""What is on the disk when an acknowledgment leaves, as the kernel was asked for it: strace tells the order of the calls."""

import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, PATIENCE, Commands, free_port
from tests.hostile import codec
from tests.hostile.support import Peer

SYNCHRONISED, NAMED = ("fsync", "fdatasync"), ("rename", "renameat", "renameat2", "link", "linkat")
SENT = ("sendto", "sendmsg", "sendmmsg")

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace (Debian, Ubuntu: apt install strace) is missing")


def calls_until_acknowledged(commands: Commands, log: Path, *keep: str) -> list[str]:
    """The calls of a listener that keeps one message, from its start until it acknowledged that."""
    port = free_port()
    strace = ["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={','.join(SYNCHRONISED + NAMED + SENT)}"]
    listener = commands.start("listen", "--port", str(port), *keep, program=[*strace, *COMMAND], port=port)
    listener.err.wait_for("Listening on")
    with Peer(port) as peer:
        peer.send(codec.message(0x1234_5678_9ABC_DEF1, 1, b"to be kept", ask=True))
        answer = codec.read(peer.receive(20) or b"")
        assert answer is not None
        assert answer.kind == codec.ACK
    os.killpg(listener.process.pid, signal.SIGINT)  # strace itself takes none
    listener.process.wait(PATIENCE)
    calls = []
    for line in log.read_text().splitlines():
        if (found := re.match(r"\d+\s+(\w+)\(", line)) is None:
            continue
        if found[1] not in SENT:
            calls.append(found[1])
        elif '"UM' in line:
            return calls
    pytest.fail(f"no acknowledgment was sent: {calls}")


def test_a_file_is_on_the_disk_under_its_name(commands: Commands, tmp_path: Path) -> None:
    """Its content, then its name, then the folder that has the name: in this order, and all before the acknowledgment."""
    calls = calls_until_acknowledged(commands, tmp_path / "calls", "--save", str(tmp_path / "inbox"))
    named = [place for place, call in enumerate(calls) if call in NAMED]
    assert named, calls
    assert any(call in SYNCHRONISED for call in calls[: named[0]]), calls
    assert any(call in SYNCHRONISED for call in calls[named[-1] :]), calls


def test_a_row_is_on_the_disk(commands: Commands, tmp_path: Path) -> None:
    """A commit that the disk has (synchronous=FULL), before the acknowledgment."""
    calls = calls_until_acknowledged(commands, tmp_path / "calls", "--store", str(tmp_path / "messages.db"))
    assert any(call in SYNCHRONISED for call in calls), calls
