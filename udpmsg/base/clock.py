"""The only reader of the clock. Everything else is told the time."""

import datetime
import time

now = time.monotonic_ns
"""Nanoseconds on the monotonic clock: differences mean something, the value does not. The function itself, because it is called
for every frame."""

cpu = time.process_time_ns
"""Nanoseconds of processor time that this process has used, all its threads together."""


def utc() -> str:
    """The date and time of day for people, UTC, as in 2026-11-25T10:00:00Z."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def time_of_day(later: float) -> str:
    """The local time of day for people in this many seconds, as in 14:03:27."""
    return time.strftime("%H:%M:%S", time.localtime(time.time() + later))


def epoch() -> int:
    """Nanoseconds since 1970 at the monotonic clock's zero, as of now: for a capture, whose times are the calendar's."""
    return time.time_ns() - time.monotonic_ns()
