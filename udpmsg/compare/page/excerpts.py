"""Which moments of a comparison the ladders show: the beginning, the first fault, the longest wait, the end.

Owns the choice of a few spans of time, the same for all modes, and what of a run's record is near one. Times are nanoseconds
since the run's start. Draws nothing.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from statistics import median

from udpmsg.base.language import _
from udpmsg.compare.page.words import SHORT
from udpmsg.compare.reading import RunReading
from udpmsg.compare.trace import Comparison, Trace
from udpmsg.link.record import Direction, FrameRecord, Phase
from udpmsg.show.telling import label

INTERVALS_SHOWN = 11
"""Messages that start in the shortest excerpt: as many as can be told apart."""
DELAYS_SHOWN = 4
"""One-way delays in an excerpt, at least: TCP's handshake, its first message, and what answers it."""
LONGEST = 3.0
"""No excerpt is longer than this many times the first; what is cut off is said."""
MARGIN = 0.12
"""Of the first excerpt's length: shown before and after what an excerpt is about."""
MOSTLY = 0.6
"""An excerpt of which an earlier one shows this share is left out."""
NOTABLE = 1.5
"""Of an interval: a wait longer than this is worth a look."""
NEIGHBOURS = 5_000
"""Frames before and after an excerpt that tell which messages were held back in it, and behind which."""


@dataclass(frozen=True)
class Excerpt:
    """A span of time, and why it is shown."""

    title: str
    start: int
    end: int
    opens: bool = False
    """Whether a reader sees it first, where one is shown at a time: it has the first fault, or there is none."""

    def covers(self, time: int) -> bool:
        """Whether this moment is in it."""
        return self.start <= time <= self.end


def excerpts(comparison: Comparison, read: list[RunReading]) -> list[Excerpt]:
    """At least one, at most four, in the order in which they are told. `read`: one repetition, where frames are known."""
    runs = [one.run for one in read]
    first = beginning(comparison, runs)
    length = first.end - first.start
    longest, margin = round(length * LONGEST), round(length * MARGIN)
    chosen = [first]
    fault = first_fault(runs, longest)
    for excerpt in (fault, longest_wait(comparison, read, longest), ending(runs, longest)):
        if excerpt is not None and shown(excerpt, chosen) < MOSTLY:
            chosen.append(Excerpt(excerpt.title, max(first.start, excerpt.start - margin), excerpt.end + margin))
    opens = 1 if fault is not None and len(chosen) > 1 and chosen[1].title == fault.title else 0
    return [replace(excerpt, opens=place == opens) for place, excerpt in enumerate(chosen)]


def near(run: Trace, excerpt: Excerpt) -> Trace:
    """The same run with the frames and receptions in and near an excerpt, and no others."""
    frames, received = run.frames or [], run.received
    first = bisect_left(frames, excerpt.start, key=lambda frame: frame.arrived_at)
    last = bisect_right(frames, excerpt.end, key=lambda frame: frame.arrived_at)
    frames = frames[max(0, first - NEIGHBOURS) : last + NEIGHBOURS]
    first = bisect_left(received, excerpt.start, key=lambda one: one.at)
    last = bisect_right(received, excerpt.end, key=lambda one: one.at)
    return replace(run, frames=frames, received=received[max(0, first - NEIGHBOURS) : last + NEIGHBOURS])


def beginning(comparison: Comparison, runs: list[Trace]) -> Excerpt:
    """The first messages, and TCP's handshake beside them."""
    start = min([0, *(frame.arrived_at for run in runs for frame in (run.frames or ())[:1])])
    frames = [frame for run in runs for frame in (run.frames or ())[:1000] if frame.left_at and not frame.reordered]
    one_way = round(median(frame.left_at[0] - frame.arrived_at for frame in frames)) if frames else 0
    length = max(INTERVALS_SHOWN * comparison.workload.interval_ns, DELAYS_SHOWN * one_way, 1_000)
    return Excerpt(_("The beginning"), start, start + length)


def first_fault(runs: list[Trace], longest: int) -> Excerpt | None:
    """From the first frame that the link did something to, until the last mode has got over it. Messages before all else."""
    faulty = [frame for run in runs for frame in run.frames or () if is_faulty(frame)]
    messages = [frame for frame in faulty if frame.phase is Phase.DATA and frame.identity.direction is Direction.FORWARD]
    if not faulty:
        return None
    frame = min(messages or faulty, key=lambda frame: frame.arrived_at)
    sequence = frame.first_sequence
    over = [one.at for run in runs for one in run.received if sequence and one.sequence == sequence]
    end = max([frame.arrived_at, *over, *frame.left_at])
    what = _("message {}").format(sequence) if sequence else label(frame.label)
    title = _("The first loss: {}") if frame.dropped else _("The first fault: {}")
    return Excerpt(title.format(what), frame.arrived_at, min(end, frame.arrived_at + longest))


def is_faulty(frame: FrameRecord) -> bool:
    """Whether the link did anything to it but carry it."""
    changed = frame.corrupted or frame.reordered or frame.script is not None
    return changed or frame.dropped is not None or len(frame.left_at) > 1


def longest_wait(comparison: Comparison, read: list[RunReading], longest: int) -> Excerpt | None:
    """What the slowest message waited through, in the mode in which it did, where it took notably longer than others."""
    waits = [(row.delay, row.delivered_at, one.run.mode) for one in read for row in one.rows if row.delay and row.delivered_at]
    if not waits:
        return None
    delay, end, mode = max(waits)
    if delay - min(waits)[0] <= round(comparison.workload.interval_ns * NOTABLE):
        return None
    return Excerpt(_("The longest wait: {}").format(SHORT[mode]), end - min(delay, longest), end)


def ending(runs: list[Trace], longest: int) -> Excerpt | None:
    """The last messages, and how each mode takes its leave."""
    farewells = [frame.arrived_at for run in runs for frame in run.frames or () if frame.phase is Phase.TEARDOWN]
    if not farewells:
        return None
    start = min(farewells)
    last = max(time for run in runs for frame in (run.frames or ())[-100:] for time in (frame.arrived_at, *frame.left_at))
    return Excerpt(_("The end"), start, min(last, start + longest))


def shown(excerpt: Excerpt, earlier: list[Excerpt]) -> float:
    """The share of an excerpt that an earlier one shows, in the best case."""
    length = max(1, excerpt.end - excerpt.start)
    return max(max(0, min(excerpt.end, other.end) - max(excerpt.start, other.start)) / length for other in earlier)
