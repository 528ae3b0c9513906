"""`scripts/bench`: what it measures of a listener that it starts."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))  # not a package that is installed

import bench


@pytest.mark.skipif(shutil.which("ps") is None, reason="memory is told by ps")
def test_a_listener_is_given_more_sessions_than_it_takes_without_a_proof() -> None:
    assert bench.memory(520) > 1 << 10
