"""What a run and its ledger say before anything is shown of it: what the figures are made of, and what the sentences need.

Owns the definitions that need more than a line. What the logs don't have is the ends' word. Knows no words (see `figures`).
"""

from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

from udpmsg.base import distribution
from udpmsg.base.durations import SECOND
from udpmsg.compare.choices import Mode
from udpmsg.compare.ledger import Ending, LedgerRow
from udpmsg.compare.trace import Comparison, Trace, Where
from udpmsg.link.record import Direction, FrameKind, FrameRecord, Phase

PHASES = {Phase.HANDSHAKE: "handshake", Phase.DATA: "data", Phase.ACKNOWLEDGMENT: "ack", Phase.TEARDOWN: "teardown"}


class Stall(NamedTuple):
    """A time without a delivery."""

    length: int
    end: int


class Facts:
    """A run and its ledger. Times are nanoseconds; None: can't be known."""

    def __init__(self, run: Trace, rows: list[LedgerRow], comparison: Comparison) -> None:
        self.run, self.rows, self.comparison = run, rows, comparison
        self.network = comparison.where is Where.NETWORK
        self.acknowledged = comparison.choices.acknowledges(run.mode)
        self.answered = not self.network or run.lost_sequences is not None
        """Whether anybody told what the receiver had."""
        self.sent = [row for row in rows if row.outcome is not Ending.REFUSED]
        self.lost = [row.sequence for row in self.sent if row.outcome is Ending.LOST]
        self.deliveries = sorted(row.delivered_at for row in rows if row.delivered_at is not None)

    @property
    def delivered(self) -> int | None:
        """What the receiver's application has, whether or not the sender was told: sent = delivered + lost."""
        if self.answered:
            return len(self.sent) - len(self.lost)
        return sum(message.state == "delivered" for message in self.run.sent) if self.acknowledged else None

    @property
    def unconfirmed(self) -> int | None:
        """Sent, and the sender was never told; None where no acknowledgments are asked for."""
        return sum(message.state == "unconfirmed" for message in self.run.sent) if self.acknowledged else None

    @property
    def payload_bytes(self) -> int:
        """Unique bytes delivered."""
        return (self.delivered or 0) * self.comparison.workload.size

    def known(self, name: str) -> list[int]:
        """What the sender knew of the path over time: each value of one kind."""
        return [value for row in self.run.known if (value := getattr(row, name)) is not None]

    def word(self, key: str) -> float | None:
        """Over a real network: the receiver's own figure."""
        return (self.run.receiver or {}).get(key)

    def whole(self, key: str, here: int | None) -> int | None:
        """A count: the receiver's own over a real network, else the one that is known here."""
        if not self.network:
            return here
        word = self.word(key)
        return None if word is None else int(word)

    @property
    def retransmissions(self) -> int | None:
        """Data frames that repeat what was sent before; over TCP as the link saw them on their way there, with its SYN."""
        if self.run.mode is not Mode.TCP:
            return self.run.retransmissions
        if self.run.frames is None:
            return None
        forward = (frame.identity for frame in self.run.frames if frame.identity.direction is Direction.FORWARD)
        repeated = sum(identity.kind is FrameKind.DATA and identity.transmission > 1 for identity in forward)
        return repeated + len(self.syns[1:])

    @property
    def goodput_bps(self) -> float | None:
        """Unique payload bits a second, until the last delivery, or what the sender was told of it."""
        last = self.deliveries[-1] if self.deliveries else None
        if self.network and self.acknowledged:
            told = [
                message.settled_at for message in self.run.sent if message.state == "delivered" and message.settled_at is not None
            ]
            last = max(told, default=None)
        return round(self.payload_bytes * 8 * SECOND / last, 1) if last and self.delivered is not None else None

    @property
    def jitter_s(self) -> float | None:
        """RFC 3550, 6.4.1: J = J + (|D| - J)/16 over the deliveries in their order; a transit lasts from sent to delivered."""
        if self.network:
            return self.word("jitter_s")
        times = sorted(
            (row.delivered_at, row.sent_at) for row in self.rows if row.delivered_at is not None and row.sent_at is not None
        )
        jitter = 0.0
        previous = None
        for delivered_at, sent_at in times:
            transit = delivered_at - sent_at
            if previous is not None:
                jitter += (abs(transit - previous) - jitter) / 16
            previous = transit
        return distribution.rounded(jitter / SECOND) if len(times) > 1 else None

    @property
    def wire(self) -> dict[str, int] | None:
        """Frames on the link, both ways, each transmission counted, dropped ones too. Sizes with Ethernet headers."""
        frames = self.run.frames
        if frames is None:
            return None
        sizes = {name: [frame.size for frame in frames if frame.phase is phase] for phase, name in PHASES.items()}
        return {
            "frames": len(frames),
            "bytes": sum(map(sum, sizes.values())),
            **{f"{name}_frames": len(those) for name, those in sizes.items()},
            "dropped_frames": sum(frame.dropped is not None for frame in frames),
            **{f"{name}_bytes": sum(those) for name, those in sizes.items()},
        }

    @cached_property
    def syns(self) -> list[FrameRecord]:
        """TCP's SYN, and whenever it was sent again."""
        return [frame for frame in self.run.frames or () if frame.label == "SYN"] if self.run.mode is Mode.TCP else []

    @cached_property
    def stall(self) -> Stall | None:
        """The longest time without a delivery in which some message was outstanding all along; None where nothing was sent.

        A message is outstanding from when it was due until it is delivered; one that is lost, until the link had decided on its
        last transmission (dropped: when that came; passed: when that left). Without a link's record it counts until it was sent.
        One that was refused is never outstanding.
        """
        decided = self._decided() if self.lost else {}
        spans = []
        for row in self.sent:
            end = decided.get(row.sequence, row.sent_at) if row.delivered_at is None else row.delivered_at
            spans.append((row.due_at, row.due_at if end is None else end))
        if self.network or not spans:
            return None
        longest, index, deliveries = Stall(0, 0), 0, self.deliveries
        for begins_at, ends_at in _merged(spans):
            since = begins_at
            while index < len(deliveries) and deliveries[index] <= ends_at:
                if deliveries[index] - since > longest.length:
                    longest = Stall(deliveries[index] - since, deliveries[index])
                since = deliveries[index]
                index += 1
            if ends_at - since > longest.length:
                longest = Stall(ends_at - since, ends_at)
        return longest

    def _decided(self) -> dict[int, int]:
        """When the link had decided on the last transmission of each message that was lost."""
        decided: dict[int, int] = {}
        lost = set(self.lost)
        for frame in self.run.frames or ():
            if frame.identity.kind is FrameKind.DATA and frame.identity.direction is Direction.FORWARD and frame.first_sequence:
                for sequence in range(frame.first_sequence, frame.last_sequence + 1):
                    if sequence in lost:
                        decided[sequence] = max(frame.left_at, default=frame.arrived_at)
        return decided


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans of time that touch or overlap, as one."""
    merged: list[tuple[int, int]] = []
    for begins_at, ends_at in sorted(spans):
        if merged and begins_at <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], ends_at)
        else:
            merged.append((begins_at, ends_at))
    return merged


def seconds(nanoseconds: int | None) -> float | None:
    """The same in seconds."""
    return None if nanoseconds is None else distribution.rounded(nanoseconds / SECOND)


def summary(times: Iterable[int | None]) -> dict[str, float] | None:
    """Their distribution, in seconds."""
    collected = distribution.Distribution()
    for time in times:
        if time is not None:
            collected.add(time / SECOND)
    return collected.summary()
