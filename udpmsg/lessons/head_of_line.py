"""The lesson `head-of-line`: one lost message, and what happens to those behind it."""

from dataclasses import dataclass
from itertools import pairwise

from udpmsg.base.durations import MILLISECOND
from udpmsg.base.language import N_, _, number
from udpmsg.compare.choices import Mode, Workload
from udpmsg.compare.trace import Trace
from udpmsg.lessons.in_lab import in_lab, link
from udpmsg.lessons.lesson import Bars, Expectation, Illustration, Lesson, Observations, Program, Quiz, Terminal, for_pictures
from udpmsg.lessons.stage import Stage

COUNT, LOST = 8, 4
INTERVAL_MS, ONE_WAY_MS = 20.0, 20.0
TOGETHER_MS = 5.0
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
        runs.append(in_lab(stage, over, modes=(mode,), workload=eight).runs[0])
        stage.say(_("the delays: {}").format("  ".join(map(told, delays(runs[-1])))))
    udp, tcp = runs
    delivered = {row.sequence: row.at / MILLISECOND for row in tcp.received if not row.duplicate}
    moment = delivered.get(LOST)
    with_it = [sequence for sequence, at in delivered.items() if moment is not None and abs(at - moment) < TOGETHER_MS]
    times = sorted(row.at / MILLISECOND for row in udp.received if not row.duplicate)
    together = sum(later - earlier < TOGETHER_MS for earlier, later in pairwise(times))
    return Seen(delays(udp), delays(tcp), tuple(sorted(with_it)), together, (udp, tcp))


def delays(run: Trace) -> tuple[float | None, ...]:
    """Milliseconds of each message."""
    delivered = {row.sequence: row.at for row in run.received if not row.duplicate}
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


LESSON = Lesson(
    title=N_("Head-of-line blocking"),
    question=Quiz(
        N_("Eight messages leave, one every 20 ms, and number 4 is lost on the way. What happens to number 5?"),
        (
            N_("Over both UDP and TCP it comes when it would have come anyway."),
            N_("Over UDP it comes on time; over TCP it is at the other host on time, and waits there for number 4."),
            N_("Over TCP it is sent again as well, after number 4."),
            N_("Over both it waits until number 4 is there."),
        ),
        1,
    ),
    run=run,
    expectations=(
        Expectation(
            "udp-one-gap",
            N_("UDP: message 4 never comes; all others do."),
            lambda seen: lost(seen) == (LOST,),
            N_("the link lost nothing or something else: it is told to drop that one message."),
        ),
        Expectation(
            "udp-nobody-waits",
            N_("UDP: the others come one by one, each on time."),
            lambda seen: lost(seen) == (LOST,) and seen.udp_delivered_together == 0,
            N_("this machine was busy and took several from the socket at once: run it again."),
        ),
        Expectation(
            "tcp-loses-nothing",
            N_("TCP: all eight come, number 4 late, because it was sent again."),
            lambda seen: None not in seen.tcp_delays_ms and (seen.tcp_delays_ms[LOST - 1] or 0.0) > 3 * ONE_WAY_MS - TOGETHER_MS,
            N_("the link lost nothing, or the run was ended too soon."),
        ),
        Expectation(
            "tcp-others-wait",
            N_("TCP: those behind number 4 wait for it, and all are delivered at once: a staircase of delays."),
            lambda seen: len(seen.tcp_delivered_with_the_lost) > 2 and min(seen.tcp_delivered_with_the_lost) == LOST,
            N_("nothing was lost, so nobody had to wait."),
        ),
    ),
    shows=shows,
    why=(
        N_(
            "TCP promises bytes in order (RFC 9293, 2.2), so a receiver that has number 5 and not number 4 has to keep it from its program."
        ),
        N_(
            "Numbers 5, 6 and 7 do arrive: each makes the receiver acknowledge number 3 once more, and after the third such "
            "acknowledgment the sender sends number 4 again, without waiting for its timer (RFC 5681, 3.2)."
        ),
        N_("That takes three messages and a round trip, and then everything that waited is delivered at the same moment."),
        N_("UDP promises no order, so nobody waits, and number 4 is gone: whether that is worse is for the application to say."),
        N_("QUIC (RFC 9000, 2.2) keeps order only within each of its streams, for this very reason."),
    ),
    by_hand=(
        Terminal(
            (
                "udpmsg compare --count 8 --interval 20ms --delay 20ms --loss 0% --fault drop:data:4 --modes udp,tcp --ladder",
                "udpmsg compare --count 8 --interval 20ms --delay 20ms --loss 0% --fault drop:data:4 --modes udp,tcp --ledger",
            ),
        ),
    ),
    program=Program(
        """
import socket
receiver, sender = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
receiver.bind(("127.0.0.1", 0))
for number in 1, 2, 3, 5, 6, 7, 4, 8:            # 4 is lost, and sent again after 7
    sender.sendto(bytes([number]), receiver.getsockname())
waiting, expected = set(), 1
for _ in range(8):
    arrived = receiver.recv(1)[0]
    waiting.add(arrived)
    ready = []
    while expected in waiting:
        ready.append(expected)
        expected += 1
    print("arrived", arrived, "UDP delivers", [arrived], "TCP delivers", ready)
""",
        (
            "arrived 1 UDP delivers [1] TCP delivers [1]",
            "arrived 2 UDP delivers [2] TCP delivers [2]",
            "arrived 3 UDP delivers [3] TCP delivers [3]",
            "arrived 5 UDP delivers [5] TCP delivers []",
            "arrived 6 UDP delivers [6] TCP delivers []",
            "arrived 7 UDP delivers [7] TCP delivers []",
            "arrived 4 UDP delivers [4] TCP delivers [4, 5, 6, 7]",
            "arrived 8 UDP delivers [8] TCP delivers [8]",
        ),
    ),
)
