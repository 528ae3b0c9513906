"""`udpmsg capture`: the dissector printed, and put where Wireshark finds it."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Commands
from tests.link import wires
from udpmsg.base.errors import UdpmsgError
from udpmsg.cli import capture
from udpmsg.link import frames

SOURCE = Path(frames.__file__).with_name("dissector.lua")


def test_the_dissector_is_printed_byte_for_byte(commands: Commands, tmp_path: Path) -> None:
    path = tmp_path / "udpmsg.lua"
    with path.open("wb") as file:
        running = commands.start("capture", "dissector", stdout=file)
        assert running.wait() == 0
    assert path.read_bytes() == SOURCE.read_bytes()
    assert running.err.lines == []


def test_it_is_ascii_so_that_no_terminal_alters_it() -> None:
    assert SOURCE.read_bytes().isascii()
    assert b"\r" not in SOURCE.read_bytes()


def test_it_is_installed_for_the_user_once(run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(capture, "plugin_folder", lambda: tmp_path / "plugins")
    path = tmp_path / "plugins" / "udpmsg.lua"
    code, output, words = run("capture", "dissector", "--install")
    assert (code, output) == (0, "")
    assert f"Installed: {path}" in words
    assert path.read_bytes() == SOURCE.read_bytes()
    code, _, words = run("capture", "dissector", "--install")
    assert code == 0
    assert f"It is there already: {path}" in words


def test_another_file_of_that_name_is_never_altered(run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(capture, "plugin_folder", lambda: tmp_path)
    path = tmp_path / "udpmsg.lua"
    path.write_text("-- somebody's own")
    code, _, words = run("capture", "dissector", "--install")
    assert code == 1
    assert f"{path} is there already, with other content: move it away" in words
    assert path.read_text() == "-- somebody's own"


def test_a_folder_that_cannot_be_made_says_what_to_do_instead(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UdpmsgError, match=r"cannot write .*: Not a directory; write udpmsg capture dissector > udpmsg\.lua"):
        capture.install_into(tmp_path / "file" / "plugins", "script")


def test_the_folder_is_wiresharks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert capture.plugin_folder() == tmp_path / ".local" / "lib" / "wireshark" / "plugins"
    monkeypatch.setattr(capture.sys, "platform", "win32")
    monkeypatch.setenv("APPDATA", str(tmp_path / "Roaming"))
    assert capture.plugin_folder() == tmp_path / "Roaming" / "Wireshark" / "plugins"


def test_tshark_finds_what_was_installed(commands: Commands, tmp_path: Path) -> None:
    tshark = wires.tshark()
    home = {"HOME": str(tmp_path)}
    assert commands.start("capture", "dissector", "--install", env=home).wait() == 0
    known = subprocess.run([tshark, "-G", "protocols"], capture_output=True, text=True, check=True, env=os.environ | home)
    assert "\tudpmsg\n" in known.stdout


def test_anything_else_to_print_is_a_usage_error(run) -> None:
    code, output, words = run("capture", "everything")
    assert (code, output) == (2, "")
    assert "there is no 'everything' to print: write dissector" in words
    code, _, words = run("capture")
    assert code == 2
    assert "Missing argument 'WHAT'" in words


def test_help_shows_examples_first(run) -> None:
    code, output, words = run("capture", "--help")
    assert (code, words) == (0, "")
    assert output.index("Examples") < output.index("--install")
    assert "udpmsg capture dissector > udpmsg.lua" in output
    assert "lua_script:udpmsg.lua" in output
