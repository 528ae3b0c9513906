"""What arrived in one session: new, duplicate, reordered, missing. Owns the sequence numbers seen; knows no payloads and no time.

Loss is a set difference over sequence numbers, never a running counter: a duplicate cannot cancel a loss, and nothing
becomes negative.
"""

from enum import Enum

from udpmsg.core.ranges import RangeSet


class Novelty(Enum):
    """What one sequence number is, when it arrives."""

    NEW = "new"
    REORDERED = "reordered"
    """New, and below the next expected number (RFC 4737, section 3.3)."""
    DUPLICATE = "duplicate"
    """Delivered before (RFC 5560)."""
    STALE = "stale"
    """Never seen, but the sender gave it up, or its gap was forgotten: too late to be delivered."""


class Arrivals:
    """Sequence numbers of one session. Memory grows with the gaps, of which it remembers `gap_limit`, not with the messages."""

    __slots__ = ("_missing", "forgotten", "gap_limit", "highest", "lowest", "unique")

    def __init__(self, gap_limit: int) -> None:
        self.gap_limit = gap_limit
        self._missing = RangeSet()
        self.unique = 0
        """How many different messages arrived."""
        self.highest = 0
        """The largest sequence number that arrived; the next expected is one more."""
        self.lowest = 1
        """Everything below was resolved by the sender: delivered, or given up."""
        self.forgotten = 0
        """Gaps up to this number are no longer remembered: the limit was reached."""

    @classmethod
    def of(cls, all_below: int, delivered: list[tuple[int, int]], unique: int, gap_limit: int) -> "Arrivals":
        """What is known where everything below a number is settled, and these ranges above it were delivered."""
        arrivals = cls(gap_limit)
        arrivals.lowest, arrivals.highest, arrivals.unique = all_below, all_below - 1, unique
        for first, last in delivered:
            arrivals._missing.append(arrivals.highest + 1, first - 1)
            arrivals.highest = last
        return arrivals

    def classify(self, sequence: int) -> Novelty:
        """What this number would be now; changes nothing."""
        if sequence > self.highest:
            return Novelty.NEW if sequence >= self.lowest else Novelty.STALE
        if sequence in self._missing:
            return Novelty.REORDERED if sequence >= self.lowest else Novelty.STALE
        return Novelty.DUPLICATE if sequence > self.forgotten else Novelty.STALE

    @property
    def gaps(self) -> int:
        """How many gaps may still be filled; what its sender gave up is not waited for."""
        return self._missing.ranges_from(self.lowest)

    @property
    def gaps_remembered(self) -> int:
        """How many gaps are remembered, also of those that are not waited for."""
        return len(self._missing)

    def opens_gap(self, sequence: int) -> bool:
        """Whether recording this number makes one gap more: above the next expected, or in the middle of a gap."""
        return sequence > self.highest + 1 or (sequence - 1 in self._missing and sequence + 1 in self._missing)

    def record(self, sequence: int) -> None:
        """Note a number that `classify` called NEW or REORDERED. Over the limit the oldest gap is forgotten: lost for good."""
        if sequence > self.highest:
            self.record_run(sequence, sequence)
        else:
            self.unique += 1
            self._missing.remove(sequence)
            self.forget(self.gap_limit)

    def record_next(self) -> None:
        """Note the next expected number."""
        self.unique += 1
        self.highest += 1

    def record_run(self, first: int, last: int) -> None:
        """Note all numbers from `first`, which is above the highest, to `last`."""
        self.unique += last - first + 1
        if first > self.highest + 1:
            self._missing.append(self.highest + 1, first - 1)
        self.highest = last
        self.forget(self.gap_limit)

    def resolve_below(self, lowest: int) -> None:
        """The sender's word that it waits for nothing below `lowest` any more; it never goes back."""
        self.lowest = max(self.lowest, lowest)

    def missing(self) -> int:
        """How many numbers up to the highest never arrived."""
        return self.highest - self.unique

    def missing_from(self, number: int, most: int) -> list[tuple[int, int]]:
        """Which of them, from this number on: at most so many ranges (first, last). Up to `forgotten` nobody knows any more."""
        return self._missing.first_ranges_from(number, most)

    def lost(self, messages_sent: int) -> int:
        """Of the messages that the peer says it sent, how many never arrived. A refused one was not sent."""
        return max(messages_sent - self.unique, 0)

    def forget(self, gaps: int) -> None:
        """Remember at most so many gaps: the oldest are lost for good."""
        while len(self._missing) > gaps:
            self.forgotten = self._missing.pop_first()[1]
