"""What a message is called: `send --file` tells the file's name, and a listener shows it and saves under it, made safe."""

import re
from pathlib import Path

import pytest

from tests.cli.conftest import Commands
from tests.store.samples import NOON, message
from udpmsg import Message, Store
from udpmsg.cli.repeated import title_of
from udpmsg.cli.saving import Saver, safe


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    """A file in two fragments."""
    path = tmp_path / "a letter.txt"
    path.write_bytes(b"x" * 2000)
    return path


@pytest.mark.parametrize("options", [[], ["--ack"], ["--ack", "--ordered"]], ids=["plain", "ack", "ordered"])
def test_a_file_keeps_its_name(commands: Commands, over: list[str], letter: Path, tmp_path: Path, options: list[str]) -> None:
    if "--ordered" in options and over:
        options = ["--ack"]  # over TCP everything is in order
    folder = tmp_path / "saved"
    listener = commands.listen(*over, "--count", "2", "--save", str(folder), words=True)
    assert commands.send(listener.address, "--file", str(letter), "--count", "2", *options, *over).wait() == 0
    assert listener.wait() == 0
    saved = sorted(folder.iterdir())
    assert [re.sub("[0-9a-f]{16}", "…", path.name) for path in saved] == [
        "000001-…-000001-a_letter.txt",
        "000002-…-000002-a_letter.txt",
    ]
    assert all(path.read_bytes() == letter.read_bytes() for path in saved)
    assert f"2,000 bytes saved as {saved[0].name}" in listener.out.finish()


def test_people_and_programs_are_told_the_name(commands: Commands, letter: Path) -> None:
    for words in (True, False):
        listener = commands.listen("--count", "1", words=words)
        commands.send(listener.address, "--file", str(letter), "--ack")
        assert listener.wait() == 0
        if words:
            assert listener.out.finish().endswith("x  (“a letter.txt”)")
        else:
            (line,) = listener.events("message")
            assert (line["title"], line["size"]) == ("a letter.txt", 2000)


@pytest.mark.parametrize(("options", "given"), [(["--file", "-"], "from a pipe"), (["hello"], None)])
def test_what_is_no_file_is_called_nothing(commands: Commands, options: list[str], given: str | None) -> None:
    listener = commands.listen("--count", "1")
    commands.send(listener.address, *options, input=given)
    assert listener.wait() == 0
    assert [line["title"] for line in listener.events("message")] == [None]


def test_raw_bytes_of_a_file_are_called_nothing(commands: Commands, letter: Path) -> None:
    listener = commands.listen("--count", "1")
    assert commands.send(listener.address, "--raw", "--file", str(letter)).wait() == 0
    assert listener.wait() == 0
    assert [(line["raw"], line["title"]) for line in listener.events("message")] == [(True, None)]


def test_a_name_that_steers_a_terminal_does_not(commands: Commands, tmp_path: Path) -> None:
    file = tmp_path / "red \x1b[31m \u202e\nline"
    file.write_text("x")
    listener = commands.listen("--count", "1", words=True)
    assert commands.send(listener.address, "--file", str(file)).wait() == 0
    assert listener.wait() == 0
    assert listener.out.finish().endswith(r"x  (“red \x1b[31m \u202e\nline”)")


def test_a_store_keeps_it_for_a_file_or_another_listener(commands: Commands, run, letter: Path, tmp_path: Path) -> None:
    store, folder = tmp_path / "inbox.db", tmp_path / "saved"
    listener = commands.listen("--count", "1", "--store", str(store))
    commands.send(listener.address, "--file", str(letter), "--ack")
    assert listener.wait() == 0
    assert run("inbox", str(store))[1].endswith("x  (“a letter.txt”)\n")
    assert run("inbox", str(store), "--save", str(folder))[0] == 0
    assert [path.name.rpartition("-")[2] for path in folder.iterdir()] == ["a_letter.txt"]
    listener = commands.listen("--count", "1")
    assert run("inbox", str(store), "--replay", listener.address, "--ack")[0] == 0
    assert listener.wait() == 0
    assert [line["title"] for line in listener.events("message")] == ["a letter.txt"]


def test_a_spool_keeps_it_for_the_next_run(commands: Commands, letter: Path, tmp_path: Path) -> None:
    spool = str(tmp_path / "spool")
    sending = ["--file", str(letter), "--ack", "--spool", spool]
    listener = commands.listen("--count", "1")
    port = listener.port
    listener.signal()
    listener.wait()
    assert commands.send(f"127.0.0.1:{port}", *sending, "--deadline", "0.3s").wait() != 0
    listener = commands.start("listen", "--port", str(port), "--count", "1", "--json")
    assert commands.send(f"127.0.0.1:{port}", *sending).wait() == 0
    assert listener.wait() == 0
    assert [line["title"] for line in listener.events("message")] == ["a letter.txt"]


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("letter.txt", "letter.txt"),
        ("/etc/passwd", "passwd"),
        ("..", ""),
        ("../../x", "x"),
        ("C:\\Windows\\x.dll", "x.dll"),
        (".bashrc", "bashrc"),
        ("-rf", "rf"),
        ("a b; rm $HOME|`x`&.txt", "a_b__rm__HOME__x__.txt"),
        ("nul\0.txt", "nul_.txt"),
        ("stream:data", "stream_data"),
        ("gpj.\u202eexe", "gpj._exe"),
        ("line\nfeed", "line_feed"),
        ("u\u0308bung.txt", "übung.txt"),
        ("письмо.txt", "письмо.txt"),
        ("end. ", "end"),
        ("\u202e", ""),
        ("ü" * 64, "ü" * 64),
        ("\ufb2c" * 42 + ".t", "\u05e9\u05bc\u05c1" * 21),
    ],
)
def test_a_safe_name_is_no_path_and_means_nothing_to_a_shell(title: str, name: str) -> None:
    made = safe(title)
    assert made == name if not title.startswith("\ufb2c") else made.endswith(".t")
    assert len(made.encode()) <= 128


@pytest.mark.parametrize(
    ("name", "title"), [("n.txt", "n.txt"), ("ü" * 70 + ".txt", "ü" * 62 + ".txt"), ("x\udcff.txt", "x\ufffd.txt")]
)
def test_of_a_long_name_the_end_is_told(name: str, title: str) -> None:
    assert title_of(Path("folder") / name) == title


def test_names_count_on_whatever_their_ends_are(tmp_path: Path) -> None:
    with Saver(tmp_path) as saver:
        assert saver.save(Message(b"x", "p", 1, 1, title="n.txt")) == "000001-0000000000000001-000001-n.txt"
    (tmp_path / "2026-report.pdf").write_text("somebody else's")
    (tmp_path / "000002-0000000000000001-000002-n.txt").write_text("precious")
    (tmp_path / "000009-raw-1.msg").write_text("precious")
    with Saver(tmp_path) as saver:
        assert saver.save(Message(b"x", "p", 1, 2, title="n.txt")) == "000010-0000000000000001-000002-n.txt"


def test_a_taken_name_is_left_alone(tmp_path: Path) -> None:
    with Saver(tmp_path) as saver:
        (tmp_path / "000001-0000000000000001-000001-n.txt").write_text("precious")
        assert saver.save(Message(b"x", "p", 1, 1, title="n.txt")) == "000001-0000000000000001-000001-1-n.txt"
    assert (tmp_path / "000001-0000000000000001-000001-n.txt").read_text() == "precious"


def test_a_title_that_another_program_made_longer_is_refused_by_a_replay(run, tmp_path: Path) -> None:
    store = tmp_path / "inbox.db"
    with Store(store) as kept:
        kept.keep([message(1)._replace(title="n" * 129)], [], now_ns=NOON)
    code, _, words = run("inbox", str(store), "--replay", "127.0.0.1:9")
    assert code == 2
    assert "a title has 1 to 128 bytes in UTF-8, and this one 129" in words
