"""The lesson `loss`: a link that loses, doubles and reorders, by script; what UDP shows of it, and what TCP hides."""

from dataclasses import dataclass

from udpmsg.base.durations import MILLISECOND
from udpmsg.base.language import N_, _, number
from udpmsg.compare.choices import Mode, Workload
from udpmsg.compare.trace import Trace
from udpmsg.lessons.in_lab import in_lab, link
from udpmsg.lessons.lesson import Expectation, Illustration, Lesson, Observations, Program, Quiz, Terminal, table
from udpmsg.lessons.stage import Stage
from udpmsg.link.record import FrameKind

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
        runs.append(in_lab(stage, link("20ms", *faults), modes=(mode,), workload=eight).runs[0])
        stage.say(_("came: {}").format(" ".join(map(str, arrivals(runs[-1])))))
    udp, tcp = runs
    frames = tcp.frames or []
    return Seen(
        arrivals(udp),
        arrivals(tcp),
        times(udp),
        times(tcp),
        tuple(sorted({frame.script for frame in frames if frame.script is not None})),
        sum(frame.identity.kind is FrameKind.DATA and frame.identity.transmission > 1 for frame in frames),
    )


def arrivals(run: Trace) -> tuple[int, ...]:
    """Which messages the receiver had, in order."""
    return tuple(row.sequence for row in run.received)


def times(run: Trace) -> tuple[float | None, ...]:
    """When the receiver had each, in milliseconds."""
    first = {row.sequence: round(row.at / MILLISECOND, 1) for row in run.received if not row.duplicate}
    return tuple(first.get(sequence) for sequence in range(1, COUNT + 1))


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


LESSON = Lesson(
    title=N_("Loss, duplication and reordering"),
    question=Quiz(
        N_("Eight messages leave. The network loses number 3, doubles number 5 and delays number 7. What comes?"),
        (
            N_("1 2 4 5 6 8 7 over UDP, because the second copy is thrown away by the kernel; 1 to 8 over TCP."),
            N_("1 2 4 5 5 6 8 7 over UDP; 1 to 8, once and in order, over TCP."),
            N_("1 2 4 5 5 6 8 7 over both: the network is the same."),
            N_("1 2 and then nothing over TCP: it stops at the first loss."),
        ),
        1,
    ),
    run=run,
    expectations=(
        Expectation(
            "udp-loss",
            N_("UDP: message 3 never comes, and nobody is told."),
            lambda seen: LOST not in seen.udp_arrivals and set(seen.udp_arrivals) | {LOST} == set(range(1, COUNT + 1)),
            N_("the link lost nothing or more than it was told to."),
        ),
        Expectation(
            "udp-duplicate",
            N_("UDP: message 5 comes twice."),
            lambda seen: [one for one in range(1, COUNT + 1) if seen.udp_arrivals.count(one) > 1] == [DOUBLED],
            N_("the link made no copy, or the copy found the socket's buffer full."),
        ),
        Expectation(
            "udp-reordering",
            N_("UDP: message 7 comes after message 8."),
            lambda seen: seen.udp_arrivals[-2:] == (LATE + 1, LATE),
            N_("the link was slower than its script, as on a busy machine: run it again."),
        ),
        Expectation(
            "tcp-same-link",
            N_("TCP: the link does the same to its segments, and at least one is sent again."),
            lambda seen: len(seen.tcp_faults) == len(FAULTS) and seen.tcp_retransmissions > 0,
            N_("the segments carried other messages than expected, or the link has no faults."),
        ),
        Expectation(
            "tcp-hides-all",
            N_("TCP: all eight come, once and in order. Only their times show that something happened."),
            lambda seen: seen.tcp_deliveries == tuple(range(1, COUNT + 1)),
            N_("the connection was broken off, or the run was ended too soon."),
        ),
    ),
    shows=shows,
    why=(
        N_(
            "IP may lose, double and reorder packets (RFC 791, 1.4 has no acknowledgments and no retransmissions), and UDP adds ports "
            "and a checksum to it, no more (RFC 768)."
        ),
        N_("A UDP header has no sequence number: the kernel can't know that a datagram is missing, late or a copy."),
        N_("The ledger is made from a number that the application itself wrote into each message, as udpmsg and RTP do."),
        N_(
            "TCP numbers every byte: it sends again what is not acknowledged, drops what it has, and keeps what comes too early "
            "(RFC 9293, 3.4 and 3.10.7.4)."
        ),
        N_("It pays with time: what is behind a gap has to wait, as the last column shows."),
    ),
    by_hand=(
        Terminal(
            (
                "udpmsg compare --count 8 --interval 30ms --delay 20ms --loss 0% --fault drop:data:3 "
                "--fault duplicate:data:5 --fault delay:data:7:60ms --modes udp,tcp --ledger",
            ),
        ),
    ),
    program=Program(
        """
import socket
receiver, sender = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
receiver.bind(("127.0.0.1", 0))
for number in 1, 2, 4, 5, 5, 6, 8, 7:            # as if 3 was lost, 5 doubled and 7 delayed
    sender.sendto(bytes([number]), receiver.getsockname())
seen = set()
for _ in range(8):
    number = receiver.recv(1)[0]
    remark = "again" if number in seen else "late" if seen and number < max(seen) else "new"
    seen.add(number)
    print(number, remark)
print("lost", set(range(1, 9)) - seen)
""",
        ("1 new", "2 new", "4 new", "5 new", "5 again", "6 new", "8 new", "7 late", "lost {3}"),
    ),
)
