"""Files that are written at the end: found writable before, replaced whole or not at all, and nothing left beside them."""

import io
import os
import stat
from pathlib import Path

import pytest

from tests.compare.samples import sample
from udpmsg.base.errors import UsageError
from udpmsg.cli import showing
from udpmsg.cli.outputs import CannotWrite, Writable
from udpmsg.compare import saved
from udpmsg.compare.reading import Reading
from udpmsg.compare.saved import load
from udpmsg.show.stream import Words


def test_a_new_file_appears_only_when_it_is_written(tmp_path: Path) -> None:
    output = Writable(tmp_path / "new")
    assert os.listdir(tmp_path) == []
    output.write(b"content")
    assert (tmp_path / "new").read_bytes() == b"content"
    assert os.listdir(tmp_path) == ["new"]


def test_an_old_file_is_replaced_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "old"
    file.write_bytes(b"before")
    file.chmod(0o640)
    output = Writable(file)
    assert file.read_bytes() == b"before"
    output.write(b"after")
    assert file.read_bytes() == b"after"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_what_fails_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "old"
    file.write_bytes(b"before")

    def fail(output: Writable) -> None:
        with output.opened() as opened:
            opened.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail(Writable(file))
    assert file.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["old"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"before")
    link = tmp_path / "link"
    try:
        link.symlink_to("target")
    except OSError:
        pytest.skip("this system makes no links")
    Writable(link).write(b"after")
    assert link.is_symlink()
    assert (tmp_path / "target").read_bytes() == b"after"


@pytest.mark.skipif(not os.path.exists("/dev/null"), reason="no /dev/null here")
def test_a_device_is_written_to_and_not_replaced() -> None:
    Writable(Path("/dev/null")).write(b"content")
    assert not Path("/dev/null").is_file()


def test_where_nothing_can_be_written_that_is_found_first(tmp_path: Path) -> None:
    for path, said in (
        (tmp_path / "absent" / "file", "No such file or directory"),
        (tmp_path, "it is a directory; name a file in it"),
        (Path("a\0b"), "null"),
        (Path("/proc/nothing/here"), "cannot be written"),
    ):
        with pytest.raises(UsageError) as raised:
            Writable(path)
        assert said in str(raised.value)


def test_a_file_without_permission_is_found_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    with pytest.raises(UsageError, match="no permission"):
        Writable(file)


def test_a_directory_that_went_away_meanwhile(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    output = Writable(folder / "file")
    folder.rmdir()
    with pytest.raises(CannotWrite, match="cannot be written: No such file or directory"):
        output.write(b"content")


def test_a_comparison_is_kept_and_its_capture_written(tmp_path: Path) -> None:
    whole = sample(count=3, repeat=2)
    outputs = {kind: Writable(tmp_path / kind) for kind in ("keep", "pcap")}
    showing.write(Reading(whole), outputs, Words(None))
    assert load((tmp_path / "keep").read_text()) == whole
    assert (tmp_path / "pcap").read_bytes()[:4] == b"\x0a\x0d\x0d\x0a"


def test_what_is_kept_and_too_large_to_be_read_again_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.StringIO()
    monkeypatch.setattr(saved, "LARGEST", 1024)
    showing.write(Reading(sample(count=3)), {"keep": Writable(tmp_path / "kept")}, Words(said))
    assert "udpmsg report reads no more than 1.0 KiB: keep a run of fewer messages" in said.getvalue()
