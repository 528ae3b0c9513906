"""What the tests of lessons share: a run as a class would have it, and one that is broken."""

import sys
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from tests.conftest import needed
from udpmsg.lab.lab import Lab
from udpmsg.lab.namespaces import LabUnavailable
from udpmsg.lessons.running import Result, run
from udpmsg.lessons.stage import Stage
from udpmsg.lessons.table import entry, load
from udpmsg.link.faults import Link


class Broken(NamedTuple):
    """One way to break a lesson: other parameters of its run, and the expectations that are then not seen."""

    parameters: Mapping[str, Any]
    unseen: set[str]
    system: str = sys.platform
    """Whose expectations are meant; another system's can be shown to be real only where this one does not do the same."""


def lab_or_skip(name: str) -> None:
    """A lesson of the lab needs the lab."""
    if entry(name).lab:
        try:
            Lab(Link(), seed=1).close()
        except LabUnavailable as error:
            needed("namespaces", str(error))


def result_of(name: str, *, system: str = sys.platform, said: list[str] | None = None, **parameters: Any) -> Result:
    """A lesson, run once; what it said is added to `said`."""
    lab_or_skip(name)
    stage = Stage(say=[].append if said is None else said.append, system=system)
    result = run(name, load(entry(name)), stage, **parameters)
    assert result.error is None, result.error
    return result


@cache
def usual(name: str) -> tuple[Result, tuple[str, ...]]:
    """The lesson as it is, run once for all tests; and what it said."""
    said: list[str] = []
    return result_of(name, said=said), tuple(said)
