"""The lesson `loss`: a link that loses, doubles and reorders, by script; what UDP shows of it, and what TCP hides."""

from dataclasses import dataclass

from udpmsg.base.durations import MILLISECOND
from udpmsg.base.language import N_, _, number
from udpmsg.compare.choices import Mode, Workload
from udpmsg.compare.trace import Trace
from udpmsg.lessons.in_lab import in_lab, link
from udpmsg.lessons.lesson import Illustration, Observations, Predicates, table
from udpmsg.lessons.stage import Stage

COUNT, INTERVAL_MS = 8, 30
LOST, DOUBLED, LATE = 3, 5, 7
FAULTS = (f"drop:data:{LOST}", f"duplicate:data:{DOUBLED}", f"delay:data:{LATE}:60ms")
"""Sixty milliseconds are two intervals, so the message behind overtakes this one."""
SHARE = {LOST: N_("drops it"), DOUBLED: N_("makes a second copy"), LATE: N_("holds it back for 60 ms")}


@dataclass(frozen=True)
class Seen(Observations):
    """Sequence numbers in the order in which they came, and the times from the run's start, those of the first copies."""

    udp_arrivals: tuple[int, ...]
    """Copies included: udpmsg's receiver tells them by their numbers and hands over the first one."""
    tcp_deliveries: tuple[int, ...]
    udp_times_ms: tuple[float | None, ...]
    """Of each message, from 1 on; None: never."""
    tcp_times_ms: tuple[float | None, ...]
    tcp_faults: tuple[str, ...]
    """What the link did to TCP's segments by its script."""
    tcp_retransmissions: int
    """Segments that repeated bytes."""


def run(stage: Stage, *, faults: tuple[str, ...] = FAULTS, ordered: Mode = Mode.TCP, free: Mode = Mode.UDP) -> Seen:
    """`faults`: the link's script; `ordered` hides them, `free` does not."""
    stage.step(_("{} messages, one every {} ms, over a link that does three things wrong").format(COUNT, INTERVAL_MS))
    eight = Workload(count=COUNT, interval_ns=INTERVAL_MS * MILLISECOND, size=100)
    runs = []
    for mode in (free, ordered):
        runs.append(in_lab(stage, link("20ms", *faults), mode, eight))
        stage.say(_("came: {}").format(" ".join(map(str, arrivals(runs[-1])))))
    udp, tcp = runs
    return Seen(
        arrivals(udp),
        arrivals(tcp),
        times(udp),
        times(tcp),
        tuple(sorted({frame.script for frame in tcp.frames or () if frame.script is not None})),
        sum(frame.identity.transmission > 1 for frame in tcp.data_frames),
    )


def arrivals(run: Trace) -> tuple[int, ...]:
    """Which messages the receiver had, in order."""
    return tuple(row.sequence for row in run.received)


def times(run: Trace) -> tuple[float | None, ...]:
    """When the receiver had each, in milliseconds."""
    at = run.delivered
    return tuple(round(at[sequence] / MILLISECOND, 1) if sequence in at else None for sequence in range(1, COUNT + 1))


def shows(seen: Seen) -> tuple[Illustration, ...]:
    """The ledger: one row per message."""

    def told(sequence: int, arrived: tuple[int, ...], at: tuple[float | None, ...]) -> str:
        time = at[sequence - 1]
        if time is None:
            return _("never")
        text = f"{number(time, ',.0f')} ms"
        if arrived.count(sequence) > 1:
            return _("{}, and once more").format(text)
        before = arrived[: arrived.index(sequence)]
        return _("{}, behind {}").format(text, max(before)) if before and max(before) > sequence else text

    rows = tuple(
        (
            str(sequence),
            _(SHARE.get(sequence, "")),
            told(sequence, seen.udp_arrivals, seen.udp_times_ms),
            told(sequence, seen.tcp_deliveries, seen.tcp_times_ms),
        )
        for sequence in range(1, COUNT + 1)
    )
    return (
        table(
            (_("message"), _("the link"), _("UDP: came at"), _("TCP: came at")),
            rows,
            _("The ledger, from the run's start; the link does the same to both."),
        ),
    )


EXPECTED: Predicates[Seen] = {
    "udp-loss": lambda seen: LOST not in seen.udp_arrivals and set(seen.udp_arrivals) | {LOST} == set(range(1, COUNT + 1)),
    "udp-duplicate": lambda seen: [one for one in range(1, COUNT + 1) if seen.udp_arrivals.count(one) > 1] == [DOUBLED],
    "udp-reordering": lambda seen: seen.udp_arrivals[-2:] == (LATE + 1, LATE),
    "tcp-same-link": lambda seen: len(seen.tcp_faults) == len(FAULTS) and seen.tcp_retransmissions > 0,
    "tcp-hides-all": lambda seen: seen.tcp_deliveries == tuple(range(1, COUNT + 1)),
}
