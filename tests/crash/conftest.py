"""The commands that are killed, and the counts, which are printed whatever came of them."""

import pytest

from tests.cli.conftest import commands, over, transport  # noqa: F401  (fixtures)
from tests.crash.harness import Tally

tallies: list[Tally] = []


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    """What is counted in this test."""
    tallies.append(Tally(request.node.name))
    return tallies[-1]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was counted, one line per test, and the sum."""
    if tallies:
        terminalreporter.section("killed with kill -9")
        total = Tally("all")
        for each in tallies:
            terminalreporter.write_line(str(each))
            total.add(each)
        terminalreporter.write_line(str(total))
