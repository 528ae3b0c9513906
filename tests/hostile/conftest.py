"""Commands under attack, and the strangers that attack them; both end with the test."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.cli.conftest import Commands, Running, commands, free_port, over, transport  # noqa: F401  (fixtures)

if sys.platform != "linux":
    collect_ignore_glob = ["test_*.py"]  # what a process takes is read from /proc, and 127.0.0.2 is an address only there


class Strangers:
    """Starts the programs of `flood`."""

    def __init__(self, commands: Commands) -> None:  # noqa: F811
        self._commands = commands

    def start(self, name: str, **arguments: object) -> Running:
        """One of them under way; it stays until the test ends, or its input does."""
        program = [sys.executable, "-m", "tests.hostile.flood", name, json.dumps(arguments)]
        return self._commands.start(program=program, stdin=subprocess.PIPE)


@pytest.fixture
def strangers(commands: Commands) -> Iterator[Strangers]:  # noqa: F811
    """Starts strangers."""
    return Strangers(commands)


@pytest.fixture
def listen(commands: Commands) -> Callable[..., Running]:  # noqa: F811
    """Starts a listener that writes JSON lines to a reader of its own: this process, which attacks it, would be too slow a
    reader.
    """

    def start(*arguments: str) -> Running:
        port = free_port()
        read, write = os.pipe()
        running = commands.start("listen", "--json", "--port", str(port), *arguments, port=port, stdout=write)
        os.close(write)
        assert b'"listening"' in os.read(read, 4096)
        commands.start(program=["cat"], stdin=read, stdout=subprocess.DEVNULL)
        os.close(read)
        return running

    return start


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was measured, one line per test, whether it was good enough or not."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    lines = [f"{report.location[2]}: {value}" for report in reports for name, value in report.user_properties if name == "seen"]
    if lines:
        terminalreporter.section("strangers")
        for line in lines:
            terminalreporter.write_line(line)
