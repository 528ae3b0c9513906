"""What is due when, as a table: one row for each timer of a state machine. Keeps no time itself, and knows no clock.

A row says where its time stands (NEVER while the timer does not run), and what is done when that time has come. Where several
are due at once they are handled in the order of the rows.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Generic, TypeVar

T = TypeVar("T")


class Timers(Generic[T]):
    """The timers of a class. Each row: the attribute that has the time, in nanoseconds, and the method that is called with `now`;
    None where waking up is all that is needed."""

    def __init__(self, *rows: tuple[str, Callable[[T, int], None] | None]) -> None:
        self._times: Callable[[T], tuple[int, ...]] = attrgetter(*(where for where, _ in rows))  # all at once, in C
        self._rows: list[tuple[Callable[[T], int], Callable[[T, int], None]]] = [
            (attrgetter(where), handle) for where, handle in rows if handle is not None
        ]

    def next(self, machine: T) -> int:
        """When the first of them is due; NEVER if none runs."""
        return min(self._times(machine))

    def handle(self, machine: T, now: int) -> None:
        """Do what is due by now."""
        if min(self._times(machine)) <= now:
            for time_of, handle in self._rows:
                if time_of(machine) <= now:
                    handle(machine, now)
