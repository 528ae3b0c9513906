"""The messages of an experiment and their schedule."""

import subprocess
import sys

import pytest

from udpmsg.base.errors import UsageError
from udpmsg.compare.choices import Workload
from udpmsg.compare.workload import BATCH, Schedule, batches, filled, payloads


@pytest.mark.parametrize(
    ("size", "first", "last"),
    [
        (24, b"message 1 abcdefghijklmn", b"message 12 abcdefghijklm"),
        (10, b"message 1 ", b"message 12"),
        (9, b"message 1", b"12 abcdef"),
        (5, b"1 abc", b"12 ab"),
        (2, b"1 ", b"12"),
        (1, b"1", b"2"),
        (0, b"", b""),
    ],
)
def test_each_message_says_its_number_as_far_as_it_fits(size: int, first: bytes, last: bytes) -> None:
    messages = list(payloads(Workload(12, 0, size)))
    assert len(messages) == 12
    assert (messages[0], messages[-1]) == (first, last)
    assert {len(message) for message in messages} == {size}


def test_large_messages_are_repeatable() -> None:
    once, again = (list(payloads(Workload(3, 0, 100_000))) for _ in range(2))
    assert once == again
    assert len(set(once)) == 3


def test_the_filler_s_text_must_fit() -> None:
    assert filled(b"hey", None) == b"hey"
    assert filled(b"", 3) == b"abc"
    with pytest.raises(UsageError, match="--size 2"):
        filled(b"hey", 2)


def test_batches_hold_every_message() -> None:
    assert [len(batch) for batch in batches(b"x", 2 * BATCH + 1)] == [BATCH, BATCH, 1]


def test_a_schedule_is_kept_by_the_clock() -> None:
    schedule = Schedule(10, now=100)
    assert (schedule.due(now=99), schedule.due(now=100), schedule.next_due()) == (0, 1, 100)
    schedule.take(1)
    assert (schedule.due(now=109), schedule.due(now=110), schedule.next_due()) == (0, 1, 110)
    assert schedule.due(now=145) == 4  # 110, 120, 130, 140: a late one delays none of them


def test_it_loads_nothing_else_of_the_experiments() -> None:
    program = "import sys, udpmsg.compare.workload; print(*[name for name in sys.modules if name.startswith('udpmsg')])"
    output = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert set(output.stdout.split()) == {
        "udpmsg",
        "udpmsg.base.errors",
        "udpmsg.base",
        "udpmsg.compare",
        "udpmsg.compare.workload",
    }
