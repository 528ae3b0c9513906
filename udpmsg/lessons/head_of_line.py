"""The lesson `head-of-line`: one lost message, and what happens to those behind it."""

from dataclasses import dataclass
from itertools import pairwise

from udpmsg.base.durations import MILLISECOND
from udpmsg.base.language import _, number
from udpmsg.compare.choices import Mode, Workload
from udpmsg.compare.trace import Trace
from udpmsg.lessons.in_lab import in_lab, link
from udpmsg.lessons.lesson import Bars, Illustration, Observations, Predicates, for_pictures
from udpmsg.lessons.stage import Stage

COUNT, LOST = 8, 4
INTERVAL_MS, ONE_WAY_MS = 20.0, 20.0
TOGETHER = 5 * MILLISECOND
"""Deliveries within this time were made at once."""


@dataclass(frozen=True)
class Seen(Observations):
    """The delay of each message, from 1 on, from when it was due until the application had it; None: never."""

    udp_delays_ms: tuple[float | None, ...]
    tcp_delays_ms: tuple[float | None, ...]
    tcp_delivered_with_the_lost: tuple[int, ...]
    """The messages that TCP delivered at the moment of the lost one, itself included."""
    udp_delivered_together: int
    """How many of UDP's messages came at the moment of the one before."""
    runs: tuple[Trace, ...] = for_pictures()


def run(
    stage: Stage, *, faults: tuple[str, ...] = (f"drop:data:{LOST}",), ordered: Mode = Mode.TCP, free: Mode = Mode.UDP
) -> Seen:
    """`faults`: the link's script; `ordered` keeps order, `free` does not."""
    over, eight = link("20ms", *faults), Workload(count=COUNT, interval_ns=round(INTERVAL_MS * MILLISECOND), size=100)
    stage.step(_("{} messages, one every {} ms; the link drops the first transmission of message {}").format(COUNT, 20, LOST))
    runs = []
    for mode in (free, ordered):
        runs.append(in_lab(stage, over, mode, eight))
        stage.say(_("the delays: {}").format("  ".join(map(told, delays(runs[-1])))))
    udp, tcp = runs
    moment = tcp.delivered.get(LOST)
    with_it = [sequence for sequence, at in tcp.delivered.items() if moment is not None and abs(at - moment) < TOGETHER]
    together = sum(later - earlier < TOGETHER for earlier, later in pairwise(sorted(udp.delivered.values())))
    return Seen(delays(udp), delays(tcp), tuple(sorted(with_it)), together, (udp, tcp))


def delays(run: Trace) -> tuple[float | None, ...]:
    """Milliseconds of each message."""
    delivered = run.delivered
    return tuple(
        round((delivered[row.sequence] - row.due_at) / MILLISECOND, 1) if row.sequence in delivered else None for row in run.sent
    )


def told(delay: float | None) -> str:
    """A delay in words."""
    return _("never") if delay is None else f"{number(delay, ',.0f')} ms"


def lost(seen: Seen) -> tuple[int, ...]:
    """Which of UDP's messages never came."""
    return tuple(place for place, delay in enumerate(seen.udp_delays_ms, 1) if delay is None)


def shows(seen: Seen) -> tuple[Illustration, ...]:
    """The delays of both as bars."""

    def rows(delays: tuple[float | None, ...]) -> tuple[tuple[str, float, str], ...]:
        return tuple((str(place), delay or 0.0, told(delay)) for place, delay in enumerate(delays, 1))

    longest = max(delay or 0.0 for delay in seen.udp_delays_ms + seen.tcp_delays_ms)
    return (
        Bars(rows(seen.udp_delays_ms), _("UDP: the delay of each message"), Mode.UDP, longest),
        Bars(rows(seen.tcp_delays_ms), _("TCP: the same; the first ones waited for the handshake"), Mode.TCP, longest),
    )


EXPECTED: Predicates[Seen] = {
    "udp-one-gap": lambda seen: lost(seen) == (LOST,),
    "udp-nobody-waits": lambda seen: lost(seen) == (LOST,) and seen.udp_delivered_together == 0,
    "tcp-loses-nothing": lambda seen: (
        None not in seen.tcp_delays_ms and (seen.tcp_delays_ms[LOST - 1] or 0.0) > 3 * ONE_WAY_MS - TOGETHER / MILLISECOND
    ),
    "tcp-others-wait": lambda seen: len(seen.tcp_delivered_with_the_lost) > 2 and min(seen.tcp_delivered_with_the_lost) == LOST,
}
