"""A block of messages, again and again: its function calls are counted, and its CPU time is taken. Knows no row of the table."""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import NamedTuple

BLOCK = 200
"""Messages that are timed at one go."""
WARM_UP = 3
"""Blocks that are not counted: in them addresses prove themselves, and the first round-trip times are taken."""


class Cost(NamedTuple):
    """What one message costs."""

    python_calls: float
    """Calls of functions that are written in Python; a compiled one is none of them."""
    c_calls: float
    """Calls from Python of functions that are written in C."""
    nanoseconds: float
    """CPU time, of the process and of the kernel for it."""


def nothing() -> None:
    """Before and after most blocks."""


@dataclass
class Work:
    """A block of messages, again and again. What is done `before` and `after` a block is not measured."""

    run: Callable[[], object]
    count: int = BLOCK
    before: Callable[[], object] = nothing
    after: Callable[[], object] = nothing
    besides: "Work | None" = None
    """What `run` has to do too, and what is therefore measured by itself and taken off."""
    times: list[int] = field(default_factory=list)

    def repeat(self) -> None:
        """One block more, timed."""
        self.before()
        begun = time.process_time_ns()
        self.run()
        self.times.append(time.process_time_ns() - begun)
        self.after()
        if self.besides is not None:
            self.besides.repeat()

    def cost(self) -> Cost:
        """A message's, by the median of the blocks."""
        python, native = self._calls()
        whole = Cost(python / self.count, native / self.count, statistics.median(self.times[WARM_UP:]) / self.count)
        if self.besides is None:
            return whole
        return Cost(*(one - other for one, other in zip(whole, self.besides.cost(), strict=True)))

    def _calls(self) -> tuple[int, int]:
        """Calls in one block, of Python's functions and of C's."""
        seen = {"call": 0, "c_call": 0}

        def note(frame: FrameType, event: str, argument: object) -> None:
            if event in seen:
                seen[event] += 1

        self.before()
        sys.setprofile(note)
        self.run()
        sys.setprofile(None)
        self.after()
        return seen["call"] - 1, seen["c_call"] - 1  # without `run` itself, and the call that ends the counting


Works = tuple[Work, Work]
"""Ours, and what it stands beside."""
