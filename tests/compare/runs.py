"""Runs made by hand, for what a simulation does not do: a few frames, a few messages, and what came of them."""

from udpmsg.compare.choices import Choices, Mode, Workload
from udpmsg.compare.trace import Comparison, Received, Sent, Trace, Where
from udpmsg.link.faults import Link, Path
from udpmsg.link.record import Direction, Drop, FrameKind, FrameRecord, Identity, Phase

MILLISECOND = 1_000_000
DELAY = 20 * MILLISECOND


def message(
    sequence: int,
    at: float,
    *,
    transmission: int = 1,
    dropped: Drop | None = None,
    arrives: float | None = None,
    last: int | None = None,
    copies: int = 1,
    **changes: object,
) -> FrameRecord:
    """A frame with messages, sent and arriving at these milliseconds."""
    arrives_at = round((at + 20 if arrives is None else arrives) * MILLISECOND)
    last = sequence if last is None else last
    frame = FrameRecord(
        number=0,
        identity=Identity(Direction.FORWARD, FrameKind.DATA, sequence, transmission),
        phase=Phase.DATA,
        transport="udp",
        label=f"message {sequence}" if last == sequence else f"messages {sequence}–{last}",
        size=200,
        arrived_at=round(at * MILLISECOND),
        first_sequence=sequence,
        last_sequence=last,
        dropped=dropped,
        left_at=() if dropped else (arrives_at,) * copies,
    )
    for name, value in changes.items():
        setattr(frame, name, value)
    return frame


def answer(label: str, at: float, phase: Phase = Phase.ACKNOWLEDGMENT, dropped: Drop | None = None) -> FrameRecord:
    """A frame on the way back."""
    left = () if dropped else (round((at + 20) * MILLISECOND),)
    identity = Identity(Direction.BACK, FrameKind.ACK, 1)
    return FrameRecord(0, identity, phase, "udp", label, 100, round(at * MILLISECOND), dropped=dropped, left_at=left)


def received(sequence: int, at: float, *, duplicate: bool = False) -> Received:
    """A line of the receiver's log."""
    return Received(sequence, round(at * MILLISECOND), duplicate)


def run(
    mode: Mode,
    count: int,
    frames: list[FrameRecord] | None = None,
    arrivals: list[Received] | None = None,
    **changes: object,
) -> Trace:
    """A run of `count` messages, 20 ms apart and sent when they were due."""
    for number, frame in enumerate(frames or (), 1):
        frame.number = number
    made = Trace(mode, 1, 1, frames=frames, received=arrivals or [])
    made.sent = [Sent(n + 1, n * DELAY, n * DELAY) for n in range(count)]
    made.duration_ns = max((one.at for one in made.received), default=0)
    made.kernel_drops = 0
    made.retransmissions = None if mode is Mode.TCP else 0
    made.connect_ns = 2 * DELAY if mode is Mode.TCP else None
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def comparison(*runs: Trace, where: Where = Where.LAB, count: int | None = None, **changes: object) -> Comparison:
    """A comparison of these runs."""
    modes = tuple(dict.fromkeys(run.mode for run in runs))
    link = None if where is Where.NETWORK else Link(Path(delay=DELAY), Path(delay=DELAY))
    made = Comparison(
        link=link,
        seed=None if where is Where.NETWORK else 1,
        workload=Workload(max(len(one.sent) for one in runs) if count is None and runs else count or 0),
        choices=Choices(modes=modes, repeat=max((run.repetition for run in runs), default=1)),
        where=where,
        runs=list(runs),
        started="2026-11-25T10:00:00Z",
        system="Linux",
        version="0.1.0",
        tcp_congestion="cubic" if Mode.TCP in modes else None,
        target="192.0.2.7:5000" if where is Where.NETWORK else None,
    )
    for name, value in changes.items():
        setattr(made, name, value)
    return made
