"""Pictures of lessons in a terminal. Whole lessons: tests/lessons."""

import pytest

from udpmsg.compare.choices import Mode
from udpmsg.lessons import page as lesson_page
from udpmsg.lessons import printed as lesson_lines
from udpmsg.lessons.lesson import Curve

SAW = Curve(((5.0, 20.0), (10.0, 40.0), (30.0, 15.0)), 40.0, 40.0, "40 kB", "window", Mode.TCP)


@pytest.mark.parametrize(
    ("moment", "value"),
    [(0.0, 0.0), (4.9, 0.0), (5.0, 20.0), (9.9, 20.0), (10.0, 40.0), (29.9, 40.0), (30.0, 15.0), (99.0, 15.0)],
)
def test_a_curve_is_level_from_one_value_to_the_next(moment: float, value: float) -> None:
    assert SAW.at(moment) == value
    assert Curve((), 1.0, 1.0, "1").at(moment) == 0.0


def test_a_curve_in_a_terminal_has_a_column_for_each_moment() -> None:
    """Sixteen columns for 40 ms: 20, 40 and 15 of 40 are three lines of six, all six, and two and a quarter."""
    assert list(lesson_lines.drawn(SAW, width=22, colour=False)) == [
        "window",
        "40 kB     ████████",
        "          ████████",
        "          ████████",
        "        ██████████▂▂▂▂",
        "        ██████████████",
        "    0   ██████████████",
        "      0          40 ms",
    ]


def test_a_curve_of_nothing_is_empty_in_both() -> None:
    nothing = Curve((), 40.0, 40.0, "40 kB")
    lines = list(lesson_lines.drawn(nothing, width=30, colour=False))
    assert not any(block in line for line in lines for block in lesson_lines.BLOCKS[1:])
    assert len(lines) == lesson_lines.CURVE + 1
    assert "<path" in lesson_page.curve(nothing)
    assert "NaN" not in lesson_page.curve(nothing)


def test_a_curve_on_a_page_has_every_value_in_its_place() -> None:
    """640 wide for 40 ms, from 62.5 on: 5 ms are 80; 110 high for 40, down to 121: 20 are 55."""
    drawn = lesson_page.curve(SAW)
    left = 2 * lesson_page.GAP + lesson_page.LETTER * len("40 kB")
    bottom = lesson_page.BAR_HEIGHT / 2 + lesson_page.CURVE_HEIGHT
    assert (left, bottom) == (62.5, 121)
    steps = "H142.5V66.0H222.5V11.0H542.5V79.8H702.5V121.0Z"
    assert f'd="M62.5 121.0{steps}"' in drawn
    assert 'class="curve m-tcp"' in drawn
