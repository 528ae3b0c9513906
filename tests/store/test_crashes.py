"""Whatever ends a listener, and whatever its disk refuses: what the store said it has kept is there, whole, and once."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import needed
from tests.store.samples import SESSION
from udpmsg import Store

KILLS = int(os.environ.get("UDPMSG_KILLS", "20"))
PROJECT = Path(__file__).parent.parent.parent
KEEPER = [sys.executable, "-m", "tests.store.keeper"]


@contextlib.contextmanager
def keeping(path: Path, *arguments: str, before: list[str] | None = None, **options: object) -> Iterator["subprocess.Popen[str]"]:
    """A process that keeps messages; it is killed at the end, if it is still there."""
    process = subprocess.Popen(
        [*(before or []), *KEEPER, str(path), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},  # under a limit it would be cut short, and put in place for everybody
        **options,  # type: ignore[call-overload]
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def kept(path: Path) -> list[int]:
    """The sequence numbers that are there; each message is whole, and the database too."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = database.execute("SELECT sequence, payload FROM kept_messages ORDER BY id").fetchall()
    assert all(payload == b"message %d" % sequence for sequence, payload in rows)
    return [sequence for sequence, _ in rows]


def test_nothing_kept_is_lost_or_there_twice_after_kill_9(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    acknowledged = unsaid = 0
    for kill in range(1, KILLS + 1):
        with keeping(path) as process:
            assert process.stdout is not None
            for _ in range(kill % 7 + 1):  # from there on it may be anywhere in its next commits
                acknowledged = int(process.stdout.readline())
            process.kill()
            rest = process.stdout.read().split("\n")[:-1]  # a last line may be cut
            acknowledged = int(rest[-1]) if rest else acknowledged
        with Store.reader(path) as reader:  # before anybody repairs anything
            (session,) = reader.sessions()
            read = [stored.message.sequence for stored in reader.messages()]
        assert read == list(range(1, len(read) + 1)), f"kill {kill}"
        assert len(read) >= acknowledged, f"kill {kill}"
        assert session.remembered.count == len(read), f"kill {kill}: messages and session are of one transaction"
        assert kept(path) == read
        unsaid += len(read) - acknowledged
    stored = kept(path)
    twice = len(stored) - len(set(stored))
    with capsys.disabled():
        print(f"\nkills {KILLS}: acknowledged {acknowledged}, stored {len(stored)}, kept and not said {unsaid}, twice {twice}")
    assert not twice


def test_killed_while_it_makes_the_database(tmp_path: Path) -> None:
    """A file that a process left before its schema was there becomes a store."""
    path = tmp_path / "inbox.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")  # the first thing that is written
        database.execute("VACUUM")
    assert path.stat().st_size > 0
    Store(path).close()
    assert kept(path) == []


def small_files() -> None:
    """In the child: no file may grow beyond this."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 10, resource.RLIM_INFINITY))


@pytest.mark.skipif(sys.platform != "linux", reason="another process's limits are set as Linux does")
def test_a_file_that_may_not_grow_costs_nothing_that_was_kept(path: Path) -> None:
    import resource

    with keeping(path, preexec_fn=small_files) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        acknowledged, line = 0, process.stdout.readline()
        while not line.startswith("refused"):
            acknowledged, line = int(line), process.stdout.readline()
        assert "cannot be written: " in line
        with Store.reader(path) as reader:
            assert [stored.message.sequence for stored in reader.messages()] == list(range(1, acknowledged + 1))
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        process.stdin.write("\n")
        process.stdin.flush()
        assert int(process.stdout.readline()) > acknowledged
    assert len(kept(path)) > acknowledged


SMALL_DISK = """
import ctypes, os, sys
from tests.store import keeper
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b"none", sys.argv[1].encode(), b"tmpfs", 0, b"size=512k"):
    sys.exit(f"mount: {os.strerror(ctypes.get_errno())}")
filler = os.path.join(sys.argv[1], "filler")
with open(filler, "wb") as file:
    file.write(b"x" * (256 << 10))
sys.argv[1:] = [os.path.join(sys.argv[1], "inbox.db")]
sys.stdin.readline = lambda: os.unlink(filler) if os.path.exists(filler) else sys.exit()
keeper.main()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="disks are mounted as Linux does")
def test_a_full_disk_costs_nothing_that_was_kept(tmp_path: Path) -> None:
    """A small disk of its own, full twice: after the first time room is made."""
    unshare = shutil.which("unshare")
    if unshare is None:
        needed("unshare", "a small disk is mounted in a user namespace (Debian: util-linux)")
    disk = tmp_path / "disk"
    disk.mkdir()
    program = [unshare, "--user", "--map-root-user", "--mount", sys.executable, "-c", SMALL_DISK, str(disk)]
    ended = subprocess.run(program, capture_output=True, text=True, cwd=PROJECT)
    if not ended.stdout:
        needed("a user namespace", ended.stderr.strip())
    lines = ended.stdout.splitlines()
    refused = [place for place, line in enumerate(lines) if line.startswith("refused")]
    assert len(refused) == 2, ended.stderr
    assert all("database or disk is full" in lines[place] for place in refused)
    numbers = [int(line) for line in lines if not line.startswith("refused")]
    assert numbers == list(range(20, 20 * len(numbers) + 20, 20))
    assert refused[0] > 0, "some were kept before the disk was full"
    assert refused[1] > refused[0] + 1, "some were kept after room was made"


def test_every_commit_is_on_the_disk_before_it_is_one(path: Path, tmp_path: Path) -> None:
    strace = shutil.which("strace")
    if strace is None:
        needed("strace", "nothing to count fsync with (Debian: strace)")
    log = tmp_path / "calls"
    before = [strace, "--follow-forks", "--trace=fsync,fdatasync,write", f"--output={log}"]
    with keeping(path, "50", before=before) as process:
        output, words = process.communicate()
    if process.returncode:
        needed("strace that may trace", words)
    assert output.split() == [str(number) for number in range(20, 1020, 20)]
    calls = [line.split(maxsplit=1)[1] for line in log.read_text().splitlines()]
    said = [place for place, call in enumerate(calls) if call.startswith("write(1,")]
    synced = [place for place, call in enumerate(calls) if call.startswith(("fsync(", "fdatasync("))]
    assert len(said) == 50
    before_said = [-1, *said]
    for begin, end in zip(before_said, said, strict=False):
        assert any(begin < place < end for place in synced), f"nothing was synced before {calls[end]}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store that is there."""
    place = tmp_path / "inbox.db"
    with Store(place) as store:
        assert store.remembered(SESSION) is None
    return place
