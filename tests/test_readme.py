"""README holds: its Python programs run against each other, and its commands have the options that it names."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
README = (PROJECT / "README.md").read_text(encoding="utf-8")
PAGES = [README, (PROJECT / "README.pt-BR.md").read_text(encoding="utf-8")]
PROGRAMS = dict(re.findall(r"```python\n# (.*?)\n(.*?)```", README, re.DOTALL))
"""Python programs by the comment that each begins with."""
RECEIVER = "receive in a loop, and reply"
PATIENCE = 20.0
"""Seconds that a program of README may take."""

SHOWN = {
    "send one, and forget": ([], ["hello"]),
    "send many": ([], [f"reading {number}" for number in range(1, 101)]),
    "send, and learn how each message ended": (
        ["1 delivered None", "2 delivered None", "3 delivered None"],
        ["one", "two", "three"],
    ),
    "send in asyncio": ([], ["hello from a task"]),
    "ask, and read the answers": (["to 1 thanks for a question"], ["a question"]),
}
"""What each sending program prints, and the messages that the receiving program then has."""


def program(name: str, port: int, transport: str) -> list[str]:
    """The command line that runs a program of README, on a free port and over the transport named."""
    address = f"{port}" if transport == "udp" else f'{port}, transport="{transport}"'
    assert "5000" in PROGRAMS[name]
    return [sys.executable, "-W", "error", "-c", PROGRAMS[name].replace("5000", address)]


def free_port() -> int:
    with socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        udp.bind(tcp.getsockname())
        return int(udp.getsockname()[1])


def listens(port: int, transport: str) -> bool:
    """Whether somebody listens there. The port is never bound to find out: the program that is about to bind it must succeed."""
    with socket.socket(type=socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM) as probe:
        probe.settimeout(0.1)
        try:
            probe.connect(("127.0.0.1", port))
            if probe.getsockname()[1] == port:
                return False  # of all ports the system gave it this one, and it has reached itself
            if transport == "udp":
                probe.send(b"UM\x01\x01")  # malformed, so it is counted and not answered; where nobody listens it is refused
                probe.recv(1)
        except ConnectionRefusedError:
            return False
        except TimeoutError:
            return True
        return True


@contextmanager
def receiving(port: int, transport: str) -> Iterator["subprocess.Popen[str]"]:
    """README's receiving program, ready, and ended afterwards."""
    process = subprocess.Popen(program(RECEIVER, port, transport), stdout=subprocess.PIPE, text=True)
    try:
        while not listens(port, transport):
            assert process.poll() is None, "README's receiver ended by itself"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("name", SHOWN)
def test_the_programs_in_readme_run_as_they_stand(name: str, transport: str) -> None:
    printed, arrived = SHOWN[name]
    port = free_port()
    with receiving(port, transport) as receiver:
        arguments = program(name, port, transport)
        sender = subprocess.run(arguments, check=True, capture_output=True, text=True, timeout=PATIENCE)
        assert sorted(sender.stdout.splitlines()) == printed
        assert sender.stderr == ""
        assert receiver.stdout is not None
        assert [receiver.stdout.readline() for _ in arrived] == [f"got {text}\n" for text in arrived]


def test_every_python_program_in_readme_is_run() -> None:
    assert set(PROGRAMS) == {RECEIVER, *SHOWN}
    for text in PROGRAMS.values():
        assert len(text.strip().splitlines()) <= 10


def test_the_options_in_readme_exist() -> None:
    pages = [*PAGES, *(page.read_text(encoding="utf-8") for page in (PROJECT / "docs").glob("teaching*.md"))]
    found = [re.findall(r"\budpmsg (listen|send|compare|bench|demo|relay|report)\b([^`\n]*)", page) for page in pages]
    assert all(found)
    commands = [command for page in found for command in page]
    helps = {
        name: subprocess.run([sys.executable, "-m", "udpmsg", name, "--help"], check=True, capture_output=True, text=True).stdout
        for name in ("listen", "send", "compare", "bench", "demo", "relay", "report")
    }
    for name, rest in commands:
        for option in re.findall(r"--[a-z][a-z-]*", rest.partition("udpmsg")[0]):
            assert option in helps[name], f"udpmsg {name} {option}"


def test_the_files_that_readme_links_to_exist() -> None:
    pages = [*PROJECT.glob("README*.md"), PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md"))]
    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(PROJECT)} links to {target}"


def test_the_picture_in_readme_is_what_the_demo_prints() -> None:
    pictures = [re.search(r"```text\n(Sending .*?)```", page, re.DOTALL) for page in PAGES]
    demo = [sys.executable, str(PROJECT / "scripts" / "demo.py")]
    run = subprocess.run(demo, check=True, capture_output=True, encoding="utf-8", env={**os.environ, "PYTHONUTF8": "1"})

    def without_figures(text: str) -> list[str]:
        text = re.sub(r"\S*udpmsg (?=.*#)", "udpmsg ", text)  # where it is installed is not the page's to say
        return re.sub(r"[\d.,]+ ms|yes|no", "?", text).split()

    for picture in pictures:
        assert picture
        assert without_figures(run.stdout) == without_figures(picture[1])
        assert max(map(len, picture[1].splitlines())) <= 80  # an ordinary terminal


def test_the_pages_on_teaching_have_the_same_commands_in_every_language() -> None:
    def commands(page: Path) -> list[str]:
        blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        lines = [re.sub(r"\s+#.*", "", line) for block in blocks for line in block.splitlines()]
        return [re.sub(r"\"[^\"]*\"|'[^']*'", "…", line) for line in lines if line]  # what stands in quotes is translated

    english = commands(PROJECT / "docs" / "teaching.md")
    assert english
    assert commands(PROJECT / "docs" / "teaching.pt-BR.md") == english
