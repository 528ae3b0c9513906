"""What the stories about ledgers share: runs and frames written by hand, times in milliseconds. Owns no assertion."""

from udpmsg.compare.choices import Mode
from udpmsg.compare.trace import Received, Sent, Trace
from udpmsg.link.record import Direction, Drop, FrameKind, FrameRecord, Identity, Phase

MILLISECOND = 1_000_000


class Written:
    """A run that is written frame by frame. Message n is due and sent at 20 * (n - 1) ms."""

    def __init__(self, mode: Mode = Mode.UDP, count: int = 1) -> None:
        self.frames: list[FrameRecord] = []
        self.run = Trace(
            mode, 1, 7, [Sent(n, (n - 1) * 20 * MILLISECOND, (n - 1) * 20 * MILLISECOND) for n in range(1, count + 1)]
        )
        self.run.frames = self.frames
        self.run.malformed = self.run.over_limit = 0
        self.run.kernel_drops = 0 if mode.transport == "udp" else None

    def message(
        self,
        sequence: int,
        *,
        at: float = 0,
        left: float | tuple[float, ...] | None = None,
        transmission: int = 1,
        part: int = 0,
        dropped: Drop | None = None,
        corrupted: bool = False,
        script: str | None = None,
        last: int | None = None,
    ) -> FrameRecord:
        """A frame with a message, or over TCP with all up to `last`; it leaves when it comes, or at `left`."""
        left = at if left is None else left
        times = left if isinstance(left, tuple) else (left,)
        return self.frame(
            Identity(Direction.FORWARD, FrameKind.DATA, sequence, transmission, part),
            f"message {sequence}",
            at=at,
            left=() if dropped else times,
            sequence=sequence,
            last=last or sequence,
            dropped=dropped,
            corrupted=corrupted,
            script=script,
        )

    def acknowledgment(
        self, *, at: float, left: float | None = None, dropped: Drop | None = None, corrupted: bool = False
    ) -> FrameRecord:
        """An acknowledgment on its way back."""
        times = () if dropped else (at if left is None else left,)
        identity = Identity(Direction.BACK, FrameKind.ACK, len(self.frames) + 1)
        return self.frame(identity, "acknowledgment", at=at, left=times, dropped=dropped, corrupted=corrupted)

    def icmp(self, label: str, sequence: int) -> FrameRecord:
        """What the receiver's host, or a router, says about a message."""
        identity = Identity(Direction.BACK, FrameKind.CONTROL, len(self.frames) + 1)
        frame = self.frame(identity, f"{label} (message {sequence})", at=1, left=(1,), sequence=sequence, last=sequence)
        frame.transport = "icmp"
        return frame

    def goodbye(self) -> FrameRecord:
        """The sender's last word."""
        identity = Identity(Direction.FORWARD, FrameKind.CONTROL, len(self.frames) + 1)
        return self.frame(identity, "goodbye", at=1, left=(1,))

    def frame(
        self,
        identity: Identity,
        label: str,
        *,
        at: float,
        left: tuple[float, ...],
        sequence: int = 0,
        last: int = 0,
        dropped: Drop | None = None,
        corrupted: bool = False,
        script: str | None = None,
    ) -> FrameRecord:
        """Any frame."""
        record = FrameRecord(
            number=len(self.frames) + 1,
            identity=identity,
            phase=Phase.DATA,
            transport=self.run.mode.transport,
            label=label,
            size=100,
            arrived_at=round(at * MILLISECOND),
            first_sequence=sequence,
            last_sequence=last,
            dropped=dropped,
            left_at=tuple(round(time * MILLISECOND) for time in left),
            corrupted=corrupted,
            script=script,
        )
        self.frames.append(record)
        return record

    def received(self, sequence: int, at: float, *, duplicate: bool = False, reordered: bool = False) -> None:
        """The receiver has it, once more."""
        self.run.received.append(Received(sequence, round(at * MILLISECOND), duplicate, reordered))
