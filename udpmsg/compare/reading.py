"""A comparison, read: of each run its ledger, its figures, what the logs disagree in, and which messages others waited for.

Everything is worked out when it is first asked for, and once: each view is handed a `Reading` and prints what it finds there.
Owns no words and no looks.
"""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from udpmsg.compare.audit import audit
from udpmsg.compare.choices import Mode
from udpmsg.compare.facts import Facts
from udpmsg.compare.figures import figures
from udpmsg.compare.ladder import Wait, waits
from udpmsg.compare.ledger import LedgerRow, rows
from udpmsg.compare.passage import Carriers, carriers, passed
from udpmsg.compare.strip import places
from udpmsg.compare.trace import Comparison, Trace
from udpmsg.link.record import Direction
from udpmsg.show.figure import Figures


class Gap(NamedTuple):
    """The message that others waited for longest: head-of-line blocking."""

    sequence: int
    fault: str
    """What had happened to it: "lost", "corrupted" or "delayed"."""
    held: int
    """How many waited for it."""
    longest: int
    """Nanoseconds that the one that waited longest did."""
    gaps: int
    """For how many messages others waited in this run, this one included."""


class Opening(NamedTuple):
    """A handshake of TCP in which the SYN was sent again."""

    lost: str
    """What was lost of the first attempt: "SYN" or "SYN-ACK"; empty: nothing, the answer took longer than TCP waited."""
    again: int
    """How often the SYN was sent again."""
    waited: int
    """Nanoseconds from the first SYN to the last."""


@dataclass(frozen=True, eq=False)
class RunReading:
    """One run, read."""

    run: Trace
    comparison: Comparison

    @cached_property
    def _carriers(self) -> Carriers:
        return carriers(self.run.frames or ())

    @cached_property
    def rows(self) -> list[LedgerRow]:
        """The ledger: one row per message."""
        return rows(self.run, self.comparison.late_ns, self._carriers)

    @cached_property
    def facts(self) -> Facts:
        """What the figures start from."""
        return Facts(self.run, self.rows, self.comparison)

    @cached_property
    def strip(self) -> bytes:
        """What a strip shows of each message: a byte, the place of its sign."""
        return places(self.rows)

    @cached_property
    def figures(self) -> Figures:
        """What a table shows."""
        return figures(self.facts)

    @cached_property
    def disagreements(self) -> list[str]:
        """A sentence for everything in which the ledger and the link's own record disagree; they never should."""
        return audit(self.run, self.rows, self.comparison, self._carriers)

    @cached_property
    def opening(self) -> Opening | None:
        """What delayed TCP's handshake; None: nothing did, or there was none."""
        syns = self.facts.syns
        if len(syns) < 2:
            return None
        answers = [frame for frame in self.run.frames or () if frame.label == "SYN-ACK" and frame.arrived_at < syns[1].arrived_at]
        lost = "SYN" if not passed(syns[0]) else "SYN-ACK" if answers and not passed(answers[0]) else ""
        return Opening(lost, len(syns) - 1, syns[-1].arrived_at - syns[0].arrived_at)

    @cached_property
    def worst_gap(self) -> Gap | None:
        """The worst of head-of-line blocking. Where order is not kept there is none."""
        if self.run.mode.transport == "udp" and not (self.run.mode is Mode.UDP_ACK and self.comparison.choices.ordered):
            return None
        held: dict[int, list[Wait]] = defaultdict(list)
        for wait in waits(self.run).values():
            held[wait.behind].append(wait)
        if not held:
            return None
        longest = {sequence: max(wait.until - wait.since for wait in those) for sequence, those in held.items()}
        worst = max(held, key=lambda sequence: (longest[sequence], len(held[sequence])))
        return Gap(worst, _fault(worst, self.run), len(held[worst]), longest[worst], len(held))


@dataclass(frozen=True, eq=False)
class Reading:
    """A comparison, read."""

    comparison: Comparison

    @cached_property
    def runs(self) -> tuple[RunReading, ...]:
        """Every run, in the order in which they ran."""
        return tuple(RunReading(run, self.comparison) for run in self.comparison.runs)

    @cached_property
    def by_mode(self) -> dict[Mode, list[RunReading]]:
        """The repetitions of each mode."""
        found: dict[Mode, list[RunReading]] = {}
        for one in self.runs:
            found.setdefault(one.run.mode, []).append(one)
        return found

    @property
    def first(self) -> list[RunReading]:
        """Each mode's first run: what is told in sentences and drawn as a ladder."""
        return [several[0] for several in self.by_mode.values()]


def _fault(sequence: int, run: Trace) -> str:
    """What happened to a message that others waited for, by the record: to any of its transmissions."""
    carried = [
        frame
        for frame in run.frames or ()
        if frame.first_sequence <= sequence <= frame.last_sequence and frame.identity.direction is Direction.FORWARD
    ]
    if any(frame.dropped is not None for frame in carried):
        return "lost"
    if any(frame.corrupted for frame in carried):
        return "corrupted"
    return "delayed"
