"""The lesson `congestion`: more is sent than a bottleneck carries; TCP slows down, and UDP does not know."""

from collections import Counter
from dataclasses import dataclass

from udpmsg.base.durations import MILLISECOND
from udpmsg.base.language import _, number
from udpmsg.compare.choices import Mode, Workload
from udpmsg.compare.trace import Trace
from udpmsg.lessons.in_lab import RENO, in_lab, link
from udpmsg.lessons.lesson import Bars, Illustration, Observations, Predicates
from udpmsg.lessons.stage import Stage
from udpmsg.link.record import FrameRecord

COUNT, SIZE, INTERVAL_MS = 400, 1000, 2
SCHEDULE_MS = COUNT * INTERVAL_MS
"""What the messages would take on a link that is fast enough."""
RATE = 2_000_000
"""Bits a second: less than half of what is sent."""
QUEUE = 20
PERIOD_MS = 200
LEARNT_MS = 400
"""After this time TCP has seen the queue full."""


@dataclass(frozen=True)
class Flow(Observations):
    """The frames with messages that one mode put on the link, and what happened to them."""

    frames_per_period: tuple[int, ...]
    """In each period, from the run's start."""
    dropped_per_period: tuple[int, ...]
    """Of them: because the queue was full."""
    delivered: int
    """Messages."""
    later_rate_bps: float
    """Bits per second that were put on the link, from the time when the sender could know of the full queue until its last frame."""
    took_ms: float
    """Until the last message was delivered."""

    @property
    def frames(self) -> int:
        """In all."""
        return sum(self.frames_per_period)

    @property
    def dropped(self) -> int:
        """In all."""
        return sum(self.dropped_per_period)


@dataclass(frozen=True)
class Seen(Observations):
    """The two flows over the same bottleneck, one after the other."""

    rate_bps: int
    period_ms: int
    udp: Flow
    tcp: Flow


def run(stage: Stage, *, rate: int | None = RATE, free: Mode = Mode.UDP, connected: Mode = Mode.TCP) -> Seen:
    """`rate`: the bottleneck's, in bits a second; None: there is none."""
    stage.step(
        _("{} messages of {} bytes, one every {} ms, into a bottleneck of {} Mb/s with room for {} frames").format(
            COUNT, number(SIZE), INTERVAL_MS, number(RATE / 1e6, ",.0f"), QUEUE
        )
    )
    workload = Workload(count=COUNT, interval_ns=INTERVAL_MS * MILLISECOND, size=SIZE)
    over = link("10ms", rate=rate, queue=None if rate is None else QUEUE)
    flows = []
    for mode in (free, connected):
        flows.append(flow(in_lab(stage, over, mode, workload, RENO, attempts=1)))
        stage.say(
            _("{} frames, {} of them dropped; {} messages came").format(flows[-1].frames, flows[-1].dropped, flows[-1].delivered)
        )
    return Seen(RATE, PERIOD_MS, flows[0], flows[1])


def flow(made: Trace) -> Flow:
    """What a run did."""
    frames = made.data_frames
    later = [frame for frame in frames if frame.arrived_at >= LEARNT_MS * MILLISECOND]
    lasted = max((frame.arrived_at / MILLISECOND - LEARNT_MS for frame in later), default=0.0)
    rate = 8000 * sum(frame.size for frame in later) / lasted if lasted else 0.0
    periods = range(1 + max(map(period, frames), default=0))
    sent, dropped = Counter(map(period, frames)), Counter(period(frame) for frame in frames if frame.dropped)
    return Flow(
        tuple(sent[place] for place in periods),
        tuple(dropped[place] for place in periods),
        len(made.delivered),
        round(rate),
        round(max((row.at for row in made.received), default=0) / MILLISECOND, 1),
    )


def period(frame: FrameRecord) -> int:
    """The period in which it was sent, from 0."""
    return frame.arrived_at // (PERIOD_MS * MILLISECOND)


def shows(seen: Seen) -> tuple[Illustration, ...]:
    """Frames in each period as bars."""

    def rows(one: Flow) -> tuple[tuple[str, float, str], ...]:
        return tuple(
            (
                f"{place * PERIOD_MS} ms",
                float(sent),
                _("{} frames, {} dropped").format(sent, dropped) if dropped else _("{} frames").format(sent),
            )
            for place, (sent, dropped) in enumerate(zip(one.frames_per_period, one.dropped_per_period, strict=True))
        )

    most = float(max((*seen.udp.frames_per_period, *seen.tcp.frames_per_period)))
    return (
        Bars(rows(seen.udp), _("UDP: frames sent in each fifth of a second"), Mode.UDP, most),
        Bars(rows(seen.tcp), _("TCP: the same, with fewer and larger frames"), Mode.TCP, most),
    )


EXPECTED: Predicates[Seen] = {
    "udp-keeps-its-pace": lambda seen: (
        seen.udp.frames == COUNT and 0.8 < sum(seen.udp.frames_per_period[2:]) / max(1, sum(seen.udp.frames_per_period[:2])) < 1.2
    ),
    "udp-pays-with-messages": lambda seen: seen.udp.dropped > COUNT / 3 and seen.udp.delivered == COUNT - seen.udp.dropped,
    "tcp-learns-from-drops": lambda seen: 0 < seen.tcp.dropped < seen.tcp.frames / 4,
    "tcp-slows-down": lambda seen: 0 < seen.tcp.later_rate_bps < 1.25 * RATE,
    "tcp-pays-with-time": lambda seen: seen.tcp.delivered == COUNT and seen.tcp.took_ms > 1.5 * SCHEDULE_MS,
}
