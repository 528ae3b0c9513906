"""The kinds of value that users write, each a row: what a help calls it, how it is read, and how it is written again.

Options, scenario files and links share these rows. Text made here reads back as the same value. How a quantity is read, and what
is said of one that is none, is in `udpmsg.base.units`. Knows no option.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from udpmsg.base import units


class ValueKind(NamedTuple):
    """One kind of value."""

    metavar: str
    """What a help calls it."""
    read: Callable[[str], Any]
    """The value that a text means. Raises UsageError."""
    text: Callable[[Any], str] = str
    """The value, as it is written."""
    names: tuple[str, ...] = ()
    """Everything that can be written, where it is one of some names: what a shell completes."""
    several: bool = False
    """Whether it is a list of such names, separated by commas."""
    look_up: Callable[[], Iterable[str]] | None = None
    """Finds the names that a system has, where they differ from one to the next."""

    def completions(self) -> Iterable[str]:
        """What a shell completes."""
        return self.look_up() if self.look_up else self.names


def _seconds_text(seconds: float) -> str:
    return units.duration_text(round(seconds * 1e9))


COUNT = ValueKind("N", units.parse_count)
SEED = ValueKind("N", units.parse_seed)
SECONDS = ValueKind("TIME", units.parse_duration, _seconds_text)
SOME_SECONDS = ValueKind("TIME", units.parse_positive_duration, _seconds_text)
"""More than none."""
TIME = ValueKind("TIME", units.parse_nanoseconds, units.duration_text)
SOME_TIME = ValueKind("TIME", units.parse_positive_nanoseconds, units.duration_text)
SIZE = ValueKind("SIZE", units.parse_size)
SOME_BYTES = ValueKind("SIZE", units.parse_positive_size)
BUFFER = ValueKind("SIZE", units.parse_positive_size, units.size_text)
DATAGRAM = ValueKind("SIZE", units.parse_datagram_size)
TRANSMISSIONS = ValueKind("N", units.parse_transmissions)
SESSIONS = ValueKind("N", units.parse_sessions)
RATE = ValueKind("RATE", units.parse_rate)
BIT_RATE = ValueKind("RATE", units.parse_bit_rate, units.bit_rate_text)
SHARE = ValueKind("PERCENT", units.parse_share, units.share_text)
