"""A lesson for programs: one JSON line, the same in every language.

Owns the keys. `observations` has the lesson's own; an expectation's `seen` is null where another system's outcome is meant.
"""

import os
from typing import Any

from udpmsg.lessons.running import Result
from udpmsg.show.jsonlines import line


class LessonLines:
    """The lines of one run of the program, without line ends."""

    def __init__(self) -> None:
        self.run = os.urandom(8).hex()

    def result(self, result: Result, system: str) -> str:
        """One lesson's."""
        return line("lesson", self.run, fields(result, system))


def fields(result: Result, system: str) -> dict[str, Any]:
    """The keys and values of a lesson's line; `system` as `sys.platform` names it."""
    return {
        "name": result.name,
        "ok": result.ok,
        "error": result.error,
        "system": system,
        "observations": None if result.observations is None else result.observations.told(),
        "expectations": [
            {
                "name": verdict.expectation.name,
                "seen": verdict.seen,
                "sentence": verdict.expectation.sentence,
                "otherwise": verdict.expectation.otherwise if verdict.seen is False else None,
            }
            for verdict in result.verdicts
        ],
        "duration_s": round(result.duration_s, 3),
    }
