"""The only reader of the clock. Everything else is told the time."""

import time


def now() -> int:
    """Nanoseconds on the monotonic clock: differences mean something, the value does not."""
    return time.monotonic_ns()
