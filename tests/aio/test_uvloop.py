"""The stories in event loops once more, in uvloop, in a process of its own.

After a fork uvloop closes by number the descriptors that it had, in every process that comes of it. In the lab, whose processes
have closed all that was not theirs, these numbers are others' by then."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import needed

HERE = Path(__file__).parent


def test_every_story_is_told_in_uvloop(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--uvloop"):
        return  # this is that process
    if find_spec("uvloop") is None:
        needed("uvloop", "it is not installed")
    stories = [str(path) for path in sorted(HERE.glob("test_*.py")) if path != Path(__file__)]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--uvloop", *stories]
    told = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, timeout=100)
    assert told.returncode == 0, told.stdout[-4000:] + told.stderr
