"""What a sender knew over time: new rows alone, evenly spaced, and never too many. On virtual time."""

import threading
from itertools import pairwise
from typing import Any

import pytest

from udpmsg import KnownPath
from udpmsg.compare import knowledge
from udpmsg.compare.knowledge import Knowledge, Looking
from udpmsg.compare.trace import MOST_KNOWN, Known

MS = 1_000_000
NOTHING_YET = KnownPath(12_000, 0, None, None, None, 1.0, 0, 0)


def window(size: int) -> KnownPath:
    return NOTHING_YET._replace(window_bytes=size)


def test_a_row_has_the_units_of_the_trace() -> None:
    knew = Knowledge()
    knew.add(KnownPath(24_000, 12_000, 18_000, 1_500_000.4, 0.0405, 0.2, 3, 2), 7 * MS)
    knew.add(KnownPath(None, None, None, None, None, None, None, None), 8 * MS)
    assert knew.rows == [
        Known(7 * MS, 24_000, 12_000, 18_000, 1_500_000, 40_500_000, 200 * MS, 3, 2),
        Known(8 * MS, None, None, None, None, None, None, None, None),
    ]


def test_only_what_is_new_is_a_row() -> None:
    knew = Knowledge()
    for now, size in enumerate([1, 1, 1, 2, 2, 1]):
        knew.add(window(size), now * MS)
    assert [(row.at // MS, row.window) for row in knew.rows] == [(0, 1), (3, 2), (5, 1)]


def test_with_too_many_every_other_goes_and_half_as_many_come() -> None:
    knew = Knowledge(most=4)
    for now in range(4):
        knew.add(window(now), now)
    assert [row.at for row in knew.rows] == [0, 1, 2, 3]
    for now in range(4, 8):
        knew.add(window(now), now)
    assert [row.at for row in knew.rows] == [0, 2, 4, 6]
    for now in range(8, 25):
        knew.add(window(now), now)
    assert [row.at for row in knew.rows] == [0, 8, 16, 24]


@pytest.mark.parametrize("looks", [MOST_KNOWN, MOST_KNOWN + 1, 10 * MOST_KNOWN + 7])
def test_there_are_never_more_than_the_limit_and_never_few(looks: int) -> None:
    """However long a run is, its rows are as far apart as each other, from the first look on to the last."""
    knew = Knowledge()
    for now in range(looks):
        knew.add(window(now), now)
    times = [row.at for row in knew.rows]
    assert MOST_KNOWN // 2 < len(times) <= MOST_KNOWN
    steps = {later - earlier for earlier, later in pairwise(times)}
    assert len(steps) == 1
    assert times[0] == 0
    assert looks - times[-1] <= min(steps)


class Knowing:
    """A sender that knows this, and says when it was asked."""

    def __init__(self, known: KnownPath | None) -> None:
        self.known = known
        self.asked: list[str] = []
        self.by_the_thread = threading.Event()

    def path(self) -> KnownPath | None:
        self.asked.append(threading.current_thread().name)
        if self.asked[-1] == "looking":
            self.by_the_thread.set()
        return self.known


def test_a_thread_looks_between_the_first_look_and_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(range(10**6))
    monkeypatch.setattr(knowledge.clock, "now", lambda: next(times))
    sender: Any = Knowing(NOTHING_YET)
    knew = Knowledge()
    with Looking(sender, knew):
        assert sender.by_the_thread.wait(30)
        sender.known = window(9)
    assert sender.asked[0] == sender.asked[-1] == threading.current_thread().name
    assert [row.window for row in knew.rows] == [12_000, 9]
    assert knew.rows[0].at == 0


def test_a_sender_that_knows_nothing_is_left_alone() -> None:
    sender: Any = Knowing(None)
    knew = Knowledge()
    with Looking(sender, knew):
        assert "looking" not in [thread.name for thread in threading.enumerate()]
    assert knew.rows == []
    assert len(sender.asked) == 2
