"""What every test shares: a user's own settings change no result, and coverage is measured where it means something."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings

TESTS = Path(__file__).parent
NOT_MEASURED = {"bench", "cli", "compare", "crash", "hostile", "link", "property", "show", "simulation"}
"""Folders whose tests pass through the core at random or from afar: that a line ran there does not say that somebody looked.
Measuring them would also take twice their time, and make the lab's hosts, which are forked, slower than what they measure."""


ALONE = {"hostile", "lessons"}
"""Folders whose tests ask what something takes, in memory or time: company would be measured too. Elsewhere such a test is marked
`alone`."""


settings.register_profile(
    "patient", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.load_profile("patient")  # here, before any test is collected: on a busy machine an example may take long


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--no-offload`: no runs of datagrams, in this process and in the commands that it starts. `--no-columns`: no NumPy in the
    library, and no system call that takes or brings many, in this process. `--uvloop`: another event loop for `tests/aio`."""
    parser.addoption("--no-offload", action="store_true", help="have no runs of datagrams in one system call")
    parser.addoption("--no-columns", action="store_true", help="have nothing that only large batches need")
    parser.addoption("--uvloop", action="store_true", help="tell the stories in event loops in uvloop")


def pytest_configure() -> None:
    """English, whoever runs the tests: commands are imported, and their helps translated, while tests are collected."""
    os.environ["LANGUAGE"] = "en"
    os.environ.pop("UDPMSG_LANG", None)


@pytest.hookimpl(tryfirst=True)  # before -m looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the tests of some folders out of the measurement of coverage, and keep others from having company."""
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0] if item.path.is_relative_to(TESTS) else ""
        if folder in NOT_MEASURED:
            item.add_marker("no_cover")
        if folder in ALONE:
            item.add_marker("alone")


@pytest.fixture(autouse=True, scope="session")
def no_settings_of_the_user(request: pytest.FixtureRequest) -> Iterator[None]:
    """Take away every UDPMSG_… variable (they are defaults of the command line), and colour that was forced on."""
    taken = [name for name in os.environ if name.startswith("UDPMSG_") and name != "UDPMSG_SEED"]
    with pytest.MonkeyPatch.context() as patch:
        for name in (*taken, "FORCE_COLOR", "CLICOLOR_FORCE", "PY_COLORS"):
            patch.delenv(name, raising=False)
        if request.config.getoption("--no-offload"):
            patch.setenv("UDPMSG_OFFLOAD", "false")
            patch.setattr("udpmsg.udp.offload.can_segment", lambda opened: False)
            patch.setattr("udpmsg.udp.offload.coalesce", lambda opened: False)
        if request.config.getoption("--no-columns"):
            patch.setattr("udpmsg.udp.receiver.vector_of", lambda room, control_room: None)
            patch.setattr("udpmsg.udp.sender.send_vector", lambda: None)
            patch.setattr("udpmsg.messaging.receiver.columns_reader", lambda: None)
            patch.setattr("udpmsg.bench.trial.rows_of_one", lambda payload, count: None)
        yield


def needed(what: str, reason: str) -> NoReturn:
    """A test can't run without `what`: it is skipped, with the reason; under CI, which installs everything, it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI lacks {what}: {reason}")
    pytest.skip(f"{what}: {reason}")
