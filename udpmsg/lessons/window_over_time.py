"""The lesson `window-over-time`: a full queue before a bottleneck, and the saw tooth of the window that follows from it.

Over UDP with acknowledgments and over TCP, one after the other, by what each sender knew (`Trace.known`). A sender that probes
otherwise, as BBR does, joins as one more `Sawtooth` here.
"""

from dataclasses import dataclass
from statistics import median

from udpmsg.base.durations import MILLISECOND
from udpmsg.base.language import _, number
from udpmsg.compare.choices import Mode, Workload
from udpmsg.compare.trace import Known, Trace
from udpmsg.lessons.in_lab import RENO, in_lab, link
from udpmsg.lessons.lesson import Curve, Illustration, Observations, Predicates, for_pictures
from udpmsg.lessons.stage import Stage

COUNT, SIZE = 750, 1000
RATE = 4_000_000
"""Bits a second."""
QUEUE = 10
FALLEN = 0.85
"""A window that is below this part of what it was has fallen; a loss leaves seven tenths of it, or half."""
RISEN = 1.1
"""One that is above so many times what was left has risen again."""
TEETH = 3
"""At least this number is seen, of about five."""


@dataclass(frozen=True)
class Sawtooth(Observations):
    """What one sender knew over time, and what became of its messages."""

    falls: int
    """How often the window fell."""
    left_after_a_fall: float | None
    """Which part of the window a fall left, in the middle of all falls but the first; None: there was none."""
    largest_window_bytes: int
    sent_again: int
    """Datagrams or segments, as the sender counts them."""
    dropped: int
    """Frames that found the queue full."""
    delivered: int
    """Messages."""
    windows: tuple[tuple[float, float], ...] = for_pictures()
    """Milliseconds and bytes, whenever it was looked at and had changed."""


@dataclass(frozen=True)
class Seen(Observations):
    """The two, over the same bottleneck."""

    udp_ack: Sawtooth
    tcp: Sawtooth

    @property
    def flows(self) -> tuple[Sawtooth, Sawtooth]:
        """Both."""
        return self.udp_ack, self.tcp


def run(stage: Stage, *, rate: int | None = RATE, ours: Mode = Mode.UDP_ACK, connected: Mode = Mode.TCP) -> Seen:
    """`rate`: the bottleneck's, in bits a second; None: there is none."""
    stage.step(
        _("{} messages of {} bytes, all at once, into a bottleneck of {} Mb/s with room for {} frames").format(
            number(COUNT), number(SIZE), number(RATE / 1e6, ",.0f"), QUEUE
        )
    )
    workload = Workload(count=COUNT, interval_ns=0, size=SIZE)
    over = link("5ms", rate=rate, queue=None if rate is None else QUEUE)
    flows = []
    for mode in (ours, connected):
        flows.append(flow(in_lab(stage, over, mode, workload, RENO, attempts=1)))
        stage.say(
            _("the window fell {} times; {} frames dropped; {} messages came").format(
                flows[-1].falls, flows[-1].dropped, number(flows[-1].delivered)
            )
        )
    return Seen(*flows)


def flow(made: Trace) -> Sawtooth:
    """What a run's sender knew."""
    found = falls(made.known)
    later = [left / before for before, left in found[1:]]
    windows = tuple((round(row.at / MILLISECOND, 1), float(row.window or 0)) for row in made.known)
    return Sawtooth(
        falls=len(found),
        left_after_a_fall=round(median(later), 3) if later else None,
        largest_window_bytes=max((row.window or 0 for row in made.known), default=0),
        sent_again=max((row.retransmissions or 0 for row in made.known), default=0),
        dropped=sum(frame.dropped is not None for frame in made.frames or ()),
        delivered=len(made.delivered),
        windows=windows,
    )


def falls(known: list[Known]) -> list[tuple[int, int]]:
    """What the window was before each fall, and what was left of it: small steps up and down on the way are none."""
    found: list[tuple[int, int]] = []
    top = bottom = 0
    falling = False
    for row in known:
        window = row.window or 0
        if falling and window >= RISEN * bottom:
            found.append((top, bottom))
            falling, top = False, window
        elif not falling and window <= FALLEN * top:
            falling, bottom = True, window
        top, bottom = (top, min(bottom, window)) if falling else (max(top, window), bottom)
    return [*found, (top, bottom)] if falling else found


def shows(seen: Seen) -> tuple[Illustration, ...]:
    """The window of each over the same time, in the same measure."""
    whole = float(max(1, *(one.largest_window_bytes for one in seen.flows)))
    until = max(1.0, *(one.windows[-1][0] for one in seen.flows if one.windows))
    top = f"{number(whole / 1000, ',.0f')} kB"
    captions = (
        (Mode.UDP_ACK, _("UDP with acknowledgments: the window of udpmsg's sender over time")),
        (Mode.TCP, _("TCP: the window of the kernel's Reno over the same time")),
    )
    return tuple(
        Curve(one.windows, until, whole, top, caption, mode) for one, (mode, caption) in zip(seen.flows, captions, strict=True)
    )


def left_within(one: Sawtooth, least: float, most: float) -> bool:
    """Whether a fall leaves about so much."""
    return one.left_after_a_fall is not None and least < one.left_after_a_fall < most


EXPECTED: Predicates[Seen] = {
    "udp-ack-saw-tooth": lambda seen: seen.udp_ack.falls >= TEETH,
    "tcp-saw-tooth": lambda seen: seen.tcp.falls >= TEETH,
    "a-fall-is-a-loss": lambda seen: all(0 < one.falls <= one.sent_again and one.dropped > 0 for one in seen.flows),
    "how-deep-it-falls": lambda seen: left_within(seen.tcp, 0.35, 0.62) and left_within(seen.udp_ack, 0.62, 0.85),
    "everything-comes": lambda seen: all(one.delivered == COUNT for one in seen.flows),
}
