"""The trace of a comparison as values: three logs (sender, link, receiver) for each run, and all runs together.

Times are nanoseconds since the run's start (the first message's due time) on one monotonic clock, unless a name says otherwise;
a run over a real network has the sender's clock alone. Sizes are bytes. None: not known. Decides nothing.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from udpmsg.compare.choices import LATE, Choices, Mode, Workload
from udpmsg.link.faults import Link
from udpmsg.link.record import Captured, FrameKind, FrameRecord


class Where(StrEnum):
    """What carried the messages."""

    LAB = "lab"
    RELAY = "relay"
    """UDP through our relay with its faults; TCP's segments cannot be dropped there, so its run is unimpaired."""
    NETWORK = "network"


@dataclass(slots=True)
class Sent:
    """The sender's log: one row per message."""

    sequence: int
    due_at: int
    """When the schedule wanted it sent. Delay counts from here, so a stalled sender's delay counts."""
    sent_at: int | None
    """When the program handed it to the transport; None: never (no connection)."""
    state: str | None = None
    """"delivered", "unconfirmed" or "refused" where the sender was told; None where it asked nobody."""
    reason: str | None = None
    settled_at: int | None = None
    transmissions: int | None = None
    rtt: int | None = None


@dataclass(slots=True)
class Received:
    """The receiver's log: one row whenever a message came, in the order in which they came; duplicates included."""

    sequence: int
    at: int
    duplicate: bool = False
    reordered: bool = False
    transmission: int | None = None


MOST_KNOWN = 2000
"""Rows of what a sender knew, of one run: more than a screen has columns."""


@dataclass(slots=True)
class Known:
    """What the sender knew of the path: one row whenever it was looked at and had changed. As in `udpmsg.KnownPath`."""

    at: int
    window: int | None
    """Bytes."""
    in_flight: int | None
    ssthresh: int | None
    pace: int | None
    """Bits a second."""
    srtt: int | None
    rto: int | None
    lost: int | None
    retransmissions: int | None


@dataclass
class Trace:
    """One mode, once."""

    mode: Mode
    repetition: int
    seed: int
    """What this repetition's fates were decided with: the comparison's seed plus repetition - 1."""
    sent: list[Sent] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    frames: list[FrameRecord] | None = None
    """The link's record, its times made relative like the others; None on a real network. Over the relay: datagrams."""
    captured: list[Captured] | None = None
    """Whole frames, only where a capture was asked for. Never saved."""
    connect_ns: int | None = None
    """What the handshake took; None where there is none."""
    tcp_congestion: str | None = None
    """The congestion control that the connection had; None over UDP."""
    kernel_drops: int | None = None
    malformed: int | None = None
    """What the receiver counted as no message; over the relay, corrupted ones are."""
    over_limit: int | None = None
    """What the receiver dropped because of a limit of its own, or because it came after its sender had given it up."""
    refused_icmp: int = 0
    """Hints of ICMP that nobody listens, as the sender's system told them."""
    not_sent: dict[int, str] = field(default_factory=dict)
    """Sequence numbers that the sender's kernel refused, and its words."""
    retransmissions: int | None = None
    """As the sender counts them; None over TCP, where the link's record has them."""
    datagram_size: int | None = None
    """Bytes of the largest datagram, as the sender had it at the end; None over TCP."""
    duration_ns: int = 0
    """From the start until the last outcome, or the last delivery."""
    error: str | None = None
    """Why the run is not whole: "cannot connect ...". Its other fields hold what there is."""
    lost_sequences: list[int] | None = None
    """Real network: what the receiver said it never had (`received` is empty there); otherwise None, and `received` tells."""
    receiver: dict[str, float | int | None] | None = None
    """Real network: the receiver's own figures, as its answer to a query had them."""
    known: list[Known] = field(default_factory=list)
    """What the sender knew over time, at most MOST_KNOWN rows; empty where nobody tells it anything."""

    @property
    def delivered(self) -> dict[int, int]:
        """When the application had each message, by its sequence number, in the order of the deliveries."""
        return {row.sequence: row.at for row in self.received if not row.duplicate}

    @property
    def data_frames(self) -> list[FrameRecord]:
        """The frames on the link with bytes of messages."""
        return [frame for frame in self.frames or () if frame.identity.kind is FrameKind.DATA]


@dataclass
class Comparison:
    """Everything that a report needs, and that a saved run holds."""

    link: Link | None
    """None on a real network."""
    seed: int | None
    workload: Workload
    choices: Choices
    where: Where
    runs: list[Trace]
    """Repetition by repetition, the modes in turn."""
    started: str
    """UTC, ISO 8601, to the second."""
    system: str
    """The operating system and Python, as `platform` names them."""
    version: str
    """udpmsg's."""
    tcp_congestion: str | None = None
    """The congestion control that TCP's connections had."""
    target: str | None = None
    """Real network: where the listener is."""
    command: str | None = None
    """The command line that runs this again."""

    @property
    def late_ns(self) -> int:
        """A message that comes later than this after it was due is late: as was chosen, else by the delay of the link."""
        if self.choices.late_ns is not None:
            return self.choices.late_ns
        return LATE + (0 if self.link is None else min(self.link.forward.delays))
