"""A set of numbers as ranges: every way in which one number can join or leave them."""

import pytest

from udpmsg.core.ranges import RangeSet


def holding(*ranges: tuple[int, int]) -> RangeSet:
    numbers = RangeSet()
    for first, last in ranges:
        numbers.append(first, last)
    return numbers


@pytest.mark.parametrize(
    ("number", "new", "after"),
    [
        (1, True, [(1, 1), (3, 5), (8, 8), (10, 12)]),
        (2, True, [(2, 5), (8, 8), (10, 12)]),
        (3, False, [(3, 5), (8, 8), (10, 12)]),
        (5, False, [(3, 5), (8, 8), (10, 12)]),
        (6, True, [(3, 6), (8, 8), (10, 12)]),
        (7, True, [(3, 5), (7, 8), (10, 12)]),
        (8, False, [(3, 5), (8, 8), (10, 12)]),
        (9, True, [(3, 5), (8, 12)]),
        (12, False, [(3, 5), (8, 8), (10, 12)]),
        (13, True, [(3, 5), (8, 8), (10, 13)]),
        (14, True, [(3, 5), (8, 8), (10, 12), (14, 14)]),
    ],
)
def test_add(number: int, new: bool, after: list[tuple[int, int]]) -> None:
    numbers = holding((3, 5), (8, 8), (10, 12))
    assert numbers.add(number) is new
    assert numbers.ranges() == after


def test_add_between_two_ranges_and_touching_none() -> None:
    numbers = holding((1, 1), (5, 5))
    assert numbers.add(3)
    assert numbers.ranges() == [(1, 1), (3, 3), (5, 5)]


@pytest.mark.parametrize(
    ("number", "was_there", "after"),
    [
        (2, False, [(3, 6), (8, 8)]),
        (3, True, [(4, 6), (8, 8)]),
        (4, True, [(3, 3), (5, 6), (8, 8)]),
        (6, True, [(3, 5), (8, 8)]),
        (7, False, [(3, 6), (8, 8)]),
        (8, True, [(3, 6)]),
        (9, False, [(3, 6), (8, 8)]),
    ],
)
def test_remove(number: int, was_there: bool, after: list[tuple[int, int]]) -> None:
    numbers = holding((3, 6), (8, 8))
    assert numbers.remove(number) is was_there
    assert numbers.ranges() == after


def test_remove_from_the_middle_of_the_middle() -> None:
    numbers = holding((1, 2), (4, 8), (10, 11))
    assert numbers.remove(6)
    assert numbers.ranges() == [(1, 2), (4, 5), (7, 8), (10, 11)]


@pytest.mark.parametrize(
    ("number", "after"),
    [
        (0, [(3, 5), (8, 8)]),
        (3, [(3, 5), (8, 8)]),
        (4, [(4, 5), (8, 8)]),
        (5, [(5, 5), (8, 8)]),
        (6, [(8, 8)]),
        (8, [(8, 8)]),
        (9, []),
    ],
)
def test_discard_below(number: int, after: list[tuple[int, int]]) -> None:
    numbers = holding((3, 5), (8, 8))
    numbers.discard_below(number)
    assert numbers.ranges() == after


def test_append_joins_what_it_touches() -> None:
    numbers = holding((1, 3), (4, 6), (8, 9))
    assert numbers.ranges() == [(1, 6), (8, 9)]
    assert len(numbers) == 2
    assert numbers.count() == 8
    assert numbers.pop_first() == (1, 6)
    assert numbers.ranges() == [(8, 9)]


def test_membership() -> None:
    numbers = holding((3, 5), (8, 8))
    assert [number for number in range(12) if number in numbers] == [3, 4, 5, 8]
    assert 1 not in RangeSet()
    assert RangeSet().count() == 0


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 500])
def test_the_outermost_ranges(count: int) -> None:
    ranges = RangeSet()
    for number in range(count):
        ranges.append(3 * number + 1, 3 * number + 2)
    everything = ranges.ranges()
    assert ranges.outermost(32) == (everything if count <= 32 else everything[:16] + everything[-16:])
