"""The ledger: one row per message, with its outcome and the cause of a loss. Joins the three logs of a run; guesses nothing."""

from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

from udpmsg.base.errors import N_, Phrase
from udpmsg.compare import passage, reasons
from udpmsg.compare.choices import LATE
from udpmsg.compare.trace import Received, Sent, Trace
from udpmsg.link.record import Direction, Drop, FrameKind, FrameRecord


class Ending(StrEnum):
    """How one message ended, seen with both ends' eyes."""

    DELIVERED = "delivered"
    LOST = "lost"
    """Sent, and the receiver never saw it."""
    UNCONFIRMED = "unconfirmed"
    """Delivered, and its sender was never told: the last acknowledgment is what was lost."""
    REFUSED = "refused"
    """Never sent."""


class Cause(StrEnum):
    """Why a message did not arrive, or its sender was not told. For several transmissions: of the last one."""

    DROPPED = N_("dropped on the link")
    QUEUE_FULL = N_("queue full")
    POLICED = N_("policed")
    CORRUPTED = N_("corrupted on the link")
    TOO_LARGE = N_("too large for the link")
    KERNEL_DROP = N_("kernel drop")
    REFUSED_ICMP = N_("refused (ICMP)")
    NOT_SENT = N_("not sent")
    """With the system's reason in `LedgerRow.reason`."""
    ACKNOWLEDGMENT_LOST = N_("acknowledgment lost")
    UNKNOWN = N_("unknown")


@dataclass(slots=True)
class LedgerRow:
    """One message. Times are nanoseconds since the run's start; None: not known, or it never happened."""

    sequence: int
    due_at: int
    sent_at: int | None
    transmissions: int | None
    """How often the link saw it; without a link's record as the sender counted, and None where nobody did."""
    delivered_at: int | None
    delay: int | None
    """From due to delivered."""
    outcome: Ending
    cause: Cause | None = None
    """None for a message that was delivered, and confirmed where that was asked for."""
    reason: str | None = None
    """More about the cause: the system's words, or what the link did ("burst", "drop:data:4")."""
    duplicates: int = 0
    """How often it came again to the receiver, who suppressed it (over TCP the kernel does, and nobody is told: 0)."""
    reordered: bool = False
    late: bool = False


CAUSES = {Drop.QUEUE_FULL: Cause.QUEUE_FULL, Drop.POLICED: Cause.POLICED, Drop.MTU: Cause.TOO_LARGE}
"""What has a cause of its own; every other drop of the link is DROPPED, with the reason."""


def rows(run: Trace, late_ns: int = LATE, carriers: passage.Carriers | None = None) -> list[LedgerRow]:
    """The ledger of a run: one row per message, in the order of their sequence numbers. `carriers`: where they are known already.

    The last transmission tells the cause. Of a message in several parts the first part that never passed the link tells it. What
    passed the link and was not delivered is a kernel drop only where the kernel's count is exactly the number of such datagrams;
    otherwise the cause is unknown, as it is where there is no link's record.
    """
    return _Ledger(run, late_ns, passage.carriers(run.frames or ()) if carriers is None else carriers).rows()


class _Ledger:
    """The three logs of a run, joined by sequence number."""

    def __init__(self, run: Trace, late_ns: int, carriers: passage.Carriers) -> None:
        frames = run.frames or []
        self.run = run
        self.late_ns = late_ns
        self.carriers = carriers
        self.refusals = {frame.first_sequence for frame in frames if _refuses(frame)}
        self.acknowledgments = _Acknowledgments(frames)
        self.heard = run.frames is not None or bool(run.received) or run.malformed is not None
        """Whether the receiver's log is here. A real network has only its word, if that."""
        self.lost = None if run.lost_sequences is None else set(run.lost_sequences)
        self.delivered: dict[int, int] = {}
        self.repeats: Counter[int] = Counter()
        self.reordered: set[int] = set()
        self._read(run.received)
        self.kernel_explains = run.mode.transport == "udp" and self._kernel_explains()
        self.gap: LedgerRow | None = None
        """Over TCP, the first message that was sent and not delivered: nothing behind it can be."""

    def rows(self) -> list[LedgerRow]:
        """Every message's row."""
        return [self._row(sent) for sent in self.run.sent]

    def _read(self, received: list[Received]) -> None:
        """Reordered is what comes below the next expected number (RFC 4737, 3.3), copies left aside."""
        highest = 0
        for arrived in received:
            sequence = arrived.sequence
            if arrived.duplicate or sequence in self.delivered:
                self.repeats[sequence] += 1
                continue
            self.delivered[sequence] = arrived.at
            if sequence < highest:
                self.reordered.add(sequence)
            else:
                highest = sequence

    def _row(self, sent: Sent) -> LedgerRow:
        sequence = sent.sequence
        delivered_at = self.delivered.get(sequence)
        delay = None if delivered_at is None else delivered_at - sent.due_at
        outcome, cause, reason = self._outcome(sent, delivered_at is not None)
        row = LedgerRow(  # by position: to name twelve fields takes twice as long
            sequence,
            sent.due_at,
            sent.sent_at,
            self._transmissions(sent),
            delivered_at,
            delay,
            outcome,
            cause,
            reason,
            self.repeats.get(sequence, 0),
            sequence in self.reordered,
            delay is not None and delay > self.late_ns,
        )
        if outcome is Ending.LOST and self.gap is None and self.run.mode.transport == "tcp":
            self.gap = row
        return row

    def _outcome(self, sent: Sent, delivered: bool) -> tuple[Ending, Cause | None, str | None]:
        refusal = self.run.not_sent.get(sent.sequence)
        refused = sent.sent_at is None or sent.state == "refused" or refusal is not None
        if self.lost is not None and not refused:
            delivered = delivered or sent.sequence not in self.lost
        if delivered or sent.state == "delivered":
            if sent.state != "unconfirmed":
                return Ending.DELIVERED, None, None
            proved = self.acknowledgments.all_lost(sent, self.carriers.get(sent.sequence, []))
            return Ending.UNCONFIRMED, Cause.ACKNOWLEDGMENT_LOST if proved else Cause.UNKNOWN, sent.reason
        if refused:
            return Ending.REFUSED, Cause.NOT_SENT, refusal or sent.reason or self.run.error
        if self.heard or self.lost is not None:
            return (Ending.LOST, *self._why_lost(sent))
        return Ending.UNCONFIRMED, Cause.UNKNOWN, sent.reason  # nobody was told, and nobody can be asked

    def _transmissions(self, sent: Sent) -> int | None:
        if self.run.frames is None:
            return sent.transmissions
        return passage.transmissions(self.carriers.get(sent.sequence, ()), sent.sequence)

    def _why_lost(self, sent: Sent) -> tuple[Cause, str | None]:
        frames = self.carriers.get(sent.sequence, [])
        failure = _failure(frames)
        if failure is not None:
            return failure
        if self.gap is not None and self.gap.cause is not None:
            return self.gap.cause, Phrase(reasons.BEHIND, self.gap.sequence)
        if sent.sequence in self.refusals:
            return Cause.REFUSED_ICMP, None
        if frames and self.kernel_explains:
            return Cause.KERNEL_DROP, None
        if frames and sent.settled_at is not None and _first_arrival(frames) > sent.settled_at:
            return Cause.UNKNOWN, Phrase(reasons.TOO_LATE)
        return Cause.UNKNOWN, self.run.error

    def _kernel_explains(self) -> bool:
        """Whether the kernel discarded exactly as many datagrams as passed the link and never reached the application.

        It counts a datagram with a flipped bit too, as soon as it finds the checksum wrong."""
        run = self.run
        if not run.kernel_drops or run.over_limit:
            return False
        fragments = passage.fragments(self.carriers)
        unseen = 0
        for sequence, frames in self.carriers.items():
            if sequence not in self.refusals:
                arrived = passage.arrival(frames, fragments)
                came = 0 if arrived is None else 1 + arrived.repeats
                unseen += max(0, came - (sequence in self.delivered) - self.repeats[sequence])
        return run.kernel_drops - passage.spoiled(run.frames or []) == unseen


class _Acknowledgments:
    """The datagrams that confirm messages, as the link saw them."""

    def __init__(self, frames: list[FrameRecord]) -> None:
        sent = [
            frame
            for frame in frames
            if frame.identity.kind is FrameKind.ACK and frame.identity.direction is Direction.BACK and frame.transport == "udp"
        ]
        self._times = [frame.arrived_at for frame in sent]
        lost = [frame.dropped is not None or frame.corrupted for frame in sent]
        self._lost_before = list(accumulate(lost, initial=0))

    def all_lost(self, sent: Sent, carriers: list[FrameRecord]) -> bool:
        """Whether every acknowledgment from the message's arrival until its sender gave it up was lost, and there was one."""
        if sent.settled_at is None or not any(map(passage.passed, carriers)):
            return False
        first, end = bisect_left(self._times, _first_arrival(carriers)), bisect_left(self._times, sent.settled_at)
        return end > first and self._lost_before[end] - self._lost_before[first] == end - first


def _failure(frames: list[FrameRecord]) -> tuple[Cause, str | None] | None:
    """What the link did to a message that did not arrive; None: it let the whole of it pass."""
    parts: dict[tuple[int, int], list[FrameRecord]] = defaultdict(list)
    for frame in frames:
        parts[frame.identity.index, frame.identity.part].append(frame)
    in_order = [parts[key] for key in sorted(parts)]
    never = [transmissions for transmissions in in_order if not any(map(passage.passed, transmissions))]
    for transmissions in never or in_order:
        fate = _fate(transmissions[-1])
        if fate is not None:
            return fate
    return None


def _fate(frame: FrameRecord) -> tuple[Cause, str | None] | None:
    """What the link did to a frame; None: it let it pass."""
    if frame.dropped is Drop.SCRIPT:
        return Cause.DROPPED, frame.script
    if frame.dropped is not None:
        cause = CAUSES.get(frame.dropped)
        return (Cause.DROPPED, frame.dropped.value) if cause is None else (cause, None)
    if frame.corrupted:
        return Cause.CORRUPTED, frame.script
    return None if frame.left_at else (Cause.UNKNOWN, Phrase(reasons.STILL_ON_THE_LINK))


def _first_arrival(frames: list[FrameRecord]) -> int:
    """When the first of the frames that passed the link left it."""
    return min(at for frame in frames if passage.passed(frame) for at in frame.left_at)


def _refuses(frame: FrameRecord) -> bool:
    """Whether a frame says that nobody listens for a message."""
    back = frame.identity.direction is Direction.BACK
    return back and frame.transport == "icmp" and frame.first_sequence > 0 and frame.label.startswith("ICMP port unreachable")
