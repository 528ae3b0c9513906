"""The lesson `first-byte`: how long the first message takes, with a handshake before it and without."""

from dataclasses import dataclass

from udpmsg.base.durations import MILLISECOND
from udpmsg.base.language import _, number
from udpmsg.compare.choices import Mode, Workload
from udpmsg.compare.trace import Trace
from udpmsg.lessons.in_lab import in_lab, link
from udpmsg.lessons.lesson import Bars, Illustration, Ladder, Observations, Predicates, for_pictures
from udpmsg.lessons.stage import Stage

ONE_WAY_MS = 20.0
SLACK_MS = 15.0
"""The time that the two hosts may add, on a busy machine."""
SHOWN = 90.0
"""Milliseconds of the ladder."""


@dataclass(frozen=True)
class Seen(Observations):
    """When the first message was delivered, from the moment at which the program began to open its socket."""

    one_way_ms: float
    udp_first_byte_ms: float | None
    tcp_first_byte_ms: float | None
    tcp_connect_ms: float | None
    """Of that: until connect() returned."""
    runs: tuple[Trace, ...] = for_pictures()


def run(stage: Stage, *, delay_ms: float = ONE_WAY_MS, without: Mode = Mode.UDP, connected: Mode = Mode.TCP) -> Seen:
    """`delay_ms`: the link's, each way."""
    one = Workload(count=1, size=20)
    runs, first = [], []
    for mode, one_ways in ((without, 1), (connected, 3)):

        def prompt(made: Trace, latest: float = one_ways * delay_ms + SLACK_MS) -> bool:
            return bool(made.received) and made.received[0].at < latest * MILLISECOND

        made = in_lab(stage, link(f"{delay_ms:g}ms"), mode, one, good=prompt)
        runs.append(made)
        first.append(made.received[0].at / MILLISECOND if made.received else None)
        stage.say(_("the message was delivered after {} ms").format("–" if first[-1] is None else number(first[-1], ",.1f")))
    connect = runs[1].connect_ns
    return Seen(ONE_WAY_MS, first[0], first[1], None if connect is None else connect / MILLISECOND, tuple(runs))


def about(taken: float | None, expected: float) -> bool:
    """Whether it took as long as the way does, and no longer than the hosts may add."""
    return taken is not None and expected <= taken < expected + SLACK_MS


def shows(seen: Seen) -> tuple[Illustration, ...]:
    """The two times as bars, and the frames behind them."""
    rows = tuple(
        (name, taken, _("{} ms: {} round trips").format(number(taken, ",.1f"), number(taken / (2 * seen.one_way_ms), ",.2f")))
        for name, taken in (("UDP", seen.udp_first_byte_ms), ("TCP", seen.tcp_first_byte_ms))
        if taken is not None
    )
    return (
        Bars(
            rows,
            _("From the program's start until the other side had the message; {} ms each way:").format(f"{seen.one_way_ms:g}"),
        ),
        Ladder(seen.runs, SHOWN),
    )


EXPECTED: Predicates[Seen] = {
    "udp-half-a-round-trip": lambda seen: about(seen.udp_first_byte_ms, ONE_WAY_MS),
    "tcp-one-and-a-half": lambda seen: about(seen.tcp_first_byte_ms, 3 * ONE_WAY_MS),
    "connect-takes-the-difference": lambda seen: about(seen.tcp_connect_ms, 2 * ONE_WAY_MS),
}
