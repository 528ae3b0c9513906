"""What the lesson `window-over-time` calls a fall of the window."""

import pytest

from tests.compare.samples import tooth
from udpmsg.compare.choices import Mode
from udpmsg.compare.trace import Known
from udpmsg.lessons.window_over_time import falls


def looks(windows: list[int]) -> list[Known]:
    return [Known(at, window, None, None, None, None, None, None, None) for at, window in enumerate(windows)]


@pytest.mark.parametrize(
    ("windows", "found"),
    [
        ([], []),
        ([10, 20, 40], []),
        ([10, 20, 14], [(20, 14)]),
        ([10, 20, 18, 21, 19, 22], []),  # no fall: less than fifteen hundredths are missing
        ([20, 18, 12, 10, 10, 11, 16, 8], [(20, 10), (16, 8)]),  # a fall in several steps is one
        ([40, 20, 21, 20, 21, 10, 30], [(40, 10)]),  # it had not risen in between
    ],
)
def test_a_fall_is_from_a_top_to_the_bottom_after_it(windows: list[int], found: list[tuple[int, int]]) -> None:
    assert falls(looks(windows)) == found


def test_each_tooth_of_a_saw_is_one_fall() -> None:
    saw = [tooth(Mode.UDP_ACK, place) for place in range(350)]
    assert falls(saw) == [(19 * 1200, 10 * 1200)] * 3
