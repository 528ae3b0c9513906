"""What outlives a receiver of one sending session: enough to suppress its duplicates after a restart. A value; no state."""

from typing import NamedTuple


class Remembered(NamedTuple):
    """What was committed of one session. Numbers are sequence numbers. In order, `all_below` is the next one too."""

    all_below: int = 1
    """Every message below was delivered, or given up by its sender."""
    delivered: list[tuple[int, int]] = []  # noqa: RUF012 - a default that nobody changes, as of every named tuple
    """What was delivered from there on, as ascending ranges (first, last)."""
    count: int = 0  # type: ignore[assignment]  # nobody misses the tuple's method of this name
    """How many messages were delivered."""
    acknowledged: bool = False
    """Its messages ask for acknowledgments."""
