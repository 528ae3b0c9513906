"""A set of whole numbers as ascending ranges. Owns nothing else: no meaning of the numbers, no limits.

Numbers mostly come in order, so adding at the end costs the same however many there are; anything else is a bisection.
"""

from bisect import bisect_left, bisect_right


class RangeSet:
    """Whole numbers, held as ranges that neither touch nor overlap; its size in memory is the number of ranges."""

    __slots__ = ("firsts", "lasts")

    def __init__(self) -> None:
        self.firsts: list[int] = []
        self.lasts: list[int] = []
        """Where each range begins and ends. Others may look, where a call would take longer than that; they change nothing."""

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self.firsts, number) - 1
        return place >= 0 and number <= self.lasts[place]

    def __len__(self) -> int:
        """How many ranges there are (not how many numbers)."""
        return len(self.firsts)

    @property
    def lowest(self) -> int | None:
        """The smallest number; None when the set is empty."""
        return self.firsts[0] if self.firsts else None

    def ranges(self) -> list[tuple[int, int]]:
        """All ranges as (first, last), ascending."""
        if len(self.firsts) == 1:  # most often
            return [(self.firsts[0], self.lasts[0])]
        return list(zip(self.firsts, self.lasts, strict=True))

    def outermost(self, most: int) -> list[tuple[int, int]]:
        """The same, or of more than `most` the first and the last half of so many; that takes no longer the more there are."""
        if len(self.firsts) <= most:
            return self.ranges()
        half, newest = most // 2, len(self.firsts) - (most - most // 2)
        firsts, lasts = self.firsts[:half] + self.firsts[newest:], self.lasts[:half] + self.lasts[newest:]
        return list(zip(firsts, lasts, strict=True))

    def ranges_from(self, number: int) -> int:
        """How many ranges reach `number` or above."""
        return len(self.lasts) - bisect_left(self.lasts, number)

    def first_ranges_from(self, number: int, most: int) -> list[tuple[int, int]]:
        """The first ranges that reach `number` or above, at most so many, cut off below it."""
        begin = bisect_left(self.lasts, number)
        end = begin + most
        return [(max(first, number), last) for first, last in zip(self.firsts[begin:end], self.lasts[begin:end], strict=True)]

    def count(self) -> int:
        """How many numbers the set has."""
        return sum(self.lasts) - sum(self.firsts) + len(self.firsts)

    def add(self, number: int) -> bool:
        """Put one number in; False when it was there already."""
        firsts, lasts = self.firsts, self.lasts
        if not lasts or number > lasts[-1] + 1:
            firsts.append(number)
            lasts.append(number)
            return True
        if number == lasts[-1] + 1:
            lasts[-1] = number
            return True
        place = bisect_right(firsts, number)  # the first range that begins above it
        if place and number <= lasts[place - 1]:
            return False
        touches_left = place > 0 and lasts[place - 1] == number - 1
        touches_right = firsts[place] == number + 1
        if touches_left and touches_right:
            lasts[place - 1] = lasts[place]
            del firsts[place], lasts[place]
        elif touches_left:
            lasts[place - 1] = number
        elif touches_right:
            firsts[place] = number
        else:
            firsts.insert(place, number)
            lasts.insert(place, number)
        return True

    def add_run(self, first: int, last: int) -> None:
        """Put all numbers from `first` to `last` in."""
        firsts, lasts = self.firsts, self.lasts
        if not lasts or first > lasts[-1] + 1:
            firsts.append(first)
            lasts.append(last)
            return
        if first == lasts[-1] + 1:  # most often
            lasts[-1] = last
            return
        begin = bisect_left(lasts, first - 1)  # from here on they reach the range, or touch it
        end = bisect_right(firsts, last + 1, begin)  # and before this one they begin within it, or touch it
        if begin < end:
            first, last = min(first, firsts[begin]), max(last, lasts[end - 1])
        firsts[begin:end] = [first]
        lasts[begin:end] = [last]

    def append(self, first: int, last: int) -> None:
        """Put a range in that begins above everything in the set."""
        if self.lasts and first == self.lasts[-1] + 1:
            self.lasts[-1] = last
        else:
            self.firsts.append(first)
            self.lasts.append(last)

    def remove(self, number: int) -> bool:
        """Take one number out; False when it was not there."""
        firsts, lasts = self.firsts, self.lasts
        place = bisect_right(firsts, number) - 1
        if place < 0 or number > lasts[place]:
            return False
        first, last = firsts[place], lasts[place]
        if first == last:
            del firsts[place], lasts[place]
        elif number == first:
            firsts[place] = number + 1
        elif number == last:
            lasts[place] = number - 1
        else:
            lasts[place] = number - 1
            firsts.insert(place + 1, number + 1)
            lasts.insert(place + 1, last)
        return True

    def within(self, first: int, last: int) -> list[tuple[int, int]]:
        """What the set has of the numbers from `first` to `last`, as ranges."""
        begin = bisect_left(self.lasts, first)
        end = bisect_right(self.firsts, last, begin)
        if begin == end:
            return []
        found = list(zip(self.firsts[begin:end], self.lasts[begin:end], strict=True))
        found[0] = (max(found[0][0], first), found[0][1])
        found[-1] = (found[-1][0], min(found[-1][1], last))
        return found

    def take(self, first: int, last: int) -> list[tuple[int, int]]:
        """Take the numbers from `first` to `last` out; return those that were there, as ranges."""
        firsts, lasts = self.firsts, self.lasts
        if not lasts or first > lasts[-1]:
            return []
        if first <= firsts[0] and lasts[-1] <= last:
            found = self.ranges()
            firsts.clear()
            lasts.clear()
            return found
        found = self.within(first, last)
        if not found:
            return []
        begin = bisect_left(lasts, first)
        end = begin + len(found)
        left, right = firsts[begin] < first, lasts[end - 1] > last
        firsts[begin:end] = [firsts[begin]] * left + [last + 1] * right
        lasts[begin:end] = [first - 1] * left + [lasts[end - 1]] * right
        return found

    def pop_first(self) -> tuple[int, int]:
        """Take the lowest range out."""
        return self.firsts.pop(0), self.lasts.pop(0)

    def discard_below(self, number: int) -> None:
        """Take everything below `number` out."""
        firsts, lasts = self.firsts, self.lasts
        place = bisect_right(firsts, number - 1)  # ranges before this one begin below the number
        if place and lasts[place - 1] >= number:
            place -= 1
            firsts[place] = number
        del firsts[:place], lasts[:place]
