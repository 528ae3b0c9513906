"""Many messages from little: the repeatable filler, and a schedule kept by the clock.

Owns neither sockets nor the clock: `Schedule` is told the time. Nothing here is a list of all messages. `udpmsg send` loads this
too, and nothing else of the experiments.
"""

from collections.abc import Iterator
from itertools import islice, repeat
from typing import TYPE_CHECKING

from udpmsg.base.errors import UsageError

if TYPE_CHECKING:
    from udpmsg.compare.choices import Workload

PATTERN = b"abcdefghijklmnopqrstuvwxyz0123456789"
"""Printable, so that it can be shown; 36 long, so that a shift by a power of two is seen."""

BATCH = 256
"""Messages handed to the library at once where no rate is asked for: enough to spread the cost of a call, and at 64 KiB
each still only 16 MiB."""


def filled(text: bytes, size: int | None) -> bytes:
    """The text, filled up to `size` bytes with the pattern; after a text comes a space."""
    if size is None or size == len(text):
        return text
    if size < len(text):
        raise UsageError("--size {} is smaller than the text, which has {} bytes; leave one of them out", size, len(text))
    begun = text + b" " if text else b""
    missing = size - len(begun)
    return (begun + PATTERN * (missing // len(PATTERN) + 1))[:size]


def payloads(workload: "Workload") -> Iterator[bytes]:
    """The messages of an experiment, "message 1" and so on, each filled up to the workload's size.

    Where that does not fit, the number alone, or as many of its last digits as do: neighbours differ as long as they can.
    """
    for number in range(1, workload.count + 1):
        text = b"message %d" % number
        if len(text) > workload.size:
            digits = b"%d" % number
            text = digits[max(0, len(digits) - workload.size) :]
        yield filled(text, workload.size)


def batches(payload: bytes, count: int) -> Iterator[list[bytes]]:
    """`count` times the payload, in lists of at most BATCH."""
    messages = repeat(payload, count)
    while batch := list(islice(messages, BATCH)):
        yield batch


class Schedule:
    """When message n is due: at begin + n × interval, so that a late one never delays those that follow it."""

    def __init__(self, interval_ns: int, *, now: int) -> None:
        self._interval = interval_ns
        self._begin = now
        self._sent = 0

    def due(self, *, now: int) -> int:
        """How many messages are due by now and were not taken yet."""
        return (now - self._begin) // self._interval + 1 - self._sent

    def take(self, count: int) -> None:
        """Note that more messages were sent."""
        self._sent += count

    def next_due(self) -> int:
        """When the next one is due, in nanoseconds of the same clock."""
        return self._begin + self._sent * self._interval
