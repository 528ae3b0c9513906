"""The lesson `window`: one message at a time, go-back-N and selective repeat, over the same script of faults.

Stop-and-wait and selective repeat are udpmsg's sender, over the lab, with a window of one and of four. udpmsg does not go back,
so that is calculated here, round trip by round trip (`go_back_n`), and the lesson says so.
"""

from dataclasses import dataclass

from udpmsg.base.durations import MILLISECOND
from udpmsg.base.language import _, number
from udpmsg.compare.choices import Choices, Mode, Workload
from udpmsg.compare.trace import Trace
from udpmsg.lessons.in_lab import in_lab, link
from udpmsg.lessons.lesson import Bars, Illustration, Observations, Predicates, table
from udpmsg.lessons.stage import Stage

COUNT, WINDOW, ONE_WAY_MS = 12, 4, 20
LOST = (3, 8)
AGAIN_GOING_BACK = (3, 4, 5, 6, 8, 9, 10, 11)
"""Each loss costs a window."""


@dataclass(frozen=True)
class Strategy(Observations):
    """One way to send again."""

    frames: int
    """With messages in them."""
    again: tuple[int, ...]
    """The messages that were sent once more."""
    in_flight: int
    """The most messages that were under way and not acknowledged."""
    took_ms: float | None
    """Until the last acknowledgment; None where it was not run over the lab."""


@dataclass(frozen=True)
class Seen(Observations):
    """The three, over the same faults."""

    stop_and_wait: Strategy
    go_back_n: Strategy
    selective_repeat: Strategy


def run(stage: Stage, *, lost: tuple[int, ...] = LOST, window: int = WINDOW) -> Seen:
    """`lost`: the messages whose first transmission the link drops; `window`: how many may be under way."""
    stage.step(_("{} messages, as fast as the window lets them; the link drops the first transmission of two").format(COUNT))
    stopping, selective = in_the_lab(stage, lost, 1), in_the_lab(stage, lost, window)
    stage.step(_("Go-back-N is not in udpmsg: its frames are calculated, for the same losses and a window of {}").format(window))
    return Seen(stopping, go_back_n(lost, window), selective)


def in_the_lab(stage: Stage, lost: tuple[int, ...], window: int) -> Strategy:
    """udpmsg's own sender, with so many messages under way."""
    over = link(f"{ONE_WAY_MS}ms", *(f"drop:data:{sequence}" for sequence in lost))
    workload, choices = Workload(count=COUNT, interval_ns=MILLISECOND // 10, size=100), Choices(window=window)

    def calm(made: Trace) -> bool:
        return sent_again(made) == lost

    made = in_lab(stage, over, Mode.UDP_ACK, workload, choices, good=calm)
    settled = max((row.settled_at or 0 for row in made.sent), default=0)
    way = Strategy(len(made.data_frames), sent_again(made), in_flight(made), round(settled / MILLISECOND, 1))
    stage.say(_("window {}: {} frames, {} ms").format(window, way.frames, number(settled / MILLISECOND, ",.0f")))
    return way


def sent_again(made: Trace) -> tuple[int, ...]:
    """The messages of those that were not the first to carry theirs."""
    return tuple(frame.identity.index for frame in made.data_frames if frame.identity.transmission > 1)


def in_flight(made: Trace) -> int:
    """The most messages that were under way when another one was sent, as the link saw them: sent, and not so long ago at the
    other host that an acknowledgment can have come back."""
    begun: dict[int, int] = {}
    known: dict[int, int] = {}
    for frame in made.data_frames:
        begun.setdefault(frame.identity.index, frame.arrived_at)
        for at in frame.left_at:
            known.setdefault(frame.identity.index, at + ONE_WAY_MS * MILLISECOND)

    def under_way(moment: int) -> int:
        return sum(at <= moment < known.get(sequence, moment + 1) for sequence, at in begun.items())

    return max(map(under_way, begun.values()), default=0)


def go_back_n(lost: tuple[int, ...], window: int) -> Strategy:
    """What a sender does that goes back: its receiver takes nothing out of order, so after a loss it sends the whole window again.

    In each round trip it sends what the window allows; where that is nothing, its timer expires.
    """
    sent: list[int] = []
    dropped = set(lost)
    expected = following = 1
    while expected <= COUNT:
        end = min(expected + window, COUNT + 1)
        burst = range(following, end) or range(expected, end)
        for sequence in burst:
            sent.append(sequence)
            if sequence in dropped:
                dropped.remove(sequence)
            elif sequence == expected:
                expected += 1
        following = burst.stop
    again = tuple(sequence for place, sequence in enumerate(sent) if sequence in sent[:place])
    return Strategy(len(sent), again, min(window, COUNT), None)


def shows(seen: Seen) -> tuple[Illustration, ...]:
    """The three beside each other, and their frames as bars."""
    ways = (
        (_("stop-and-wait"), seen.stop_and_wait),
        (_("go-back-N, calculated"), seen.go_back_n),
        (_("selective repeat"), seen.selective_repeat),
    )
    rows = tuple(
        (
            name,
            str(way.in_flight),
            " ".join(map(str, way.again)) or _("nothing"),
            "–" if way.took_ms is None else f"{number(way.took_ms, ',.0f')} ms",
        )
        for name, way in ways
    )
    bars = tuple((name, float(way.frames), str(way.frames)) for name, way in ways)
    return (
        table(("", _("under way at most"), _("sent again"), _("took")), rows),
        Bars(bars, _("Frames with messages, for {} messages and {} losses:").format(COUNT, len(LOST))),
    )


EXPECTED: Predicates[Seen] = {
    "stop-and-wait-one-under-way": lambda seen: seen.stop_and_wait.in_flight == 1 and seen.stop_and_wait.again == LOST,
    "selective-repeat-the-lost-alone": lambda seen: (
        seen.selective_repeat.in_flight == WINDOW and seen.selective_repeat.again == LOST
    ),
    "go-back-n-the-window": lambda seen: seen.go_back_n.again == AGAIN_GOING_BACK,
    "a-window-saves-time": lambda seen: (
        seen.selective_repeat.took_ms is not None
        and seen.stop_and_wait.took_ms is not None
        and seen.selective_repeat.took_ms < seen.stop_and_wait.took_ms / 2
    ),
}
