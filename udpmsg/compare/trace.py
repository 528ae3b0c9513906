"""The trace of a comparison as values: what was asked for, and three logs (sender, link, receiver) for each run.

Owns the options of a comparison, each a field with its row. Decides nothing.

Times are nanoseconds since the run's start (the first message's due time) on one monotonic clock, unless a name says otherwise;
a run over a real network has the sender's clock alone. Sizes are bytes. None: not known.
"""

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, NamedTuple

from udpmsg.base import kinds
from udpmsg.base.durations import MILLISECOND
from udpmsg.base.errors import N_, Phrase, UsageError
from udpmsg.base.kinds import ValueKind
from udpmsg.base.language import N_plural
from udpmsg.base.option import Option
from udpmsg.base.units import one_of
from udpmsg.core.config import DATAGRAM_SIZE, DEADLINE, MIN_RTO, TRANSMISSIONS
from udpmsg.core.congestion import CONGESTION
from udpmsg.core.congestion import DEFAULT as DEFAULT_CONGESTION
from udpmsg.link.faults import Link
from udpmsg.link.record import Captured, FrameRecord


class Mode(StrEnum):
    """The columns of a comparison."""

    UDP = "udp"
    UDP_ACK = "udp+ack"
    TCP = "tcp"

    @property
    def transport(self) -> str:
        """ "udp" or "tcp"."""
        return self.value.partition("+")[0]


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


class Said(NamedTuple):
    """A choice in the words of a result. On a terminal it is said where it is not the default."""

    mode: Mode
    """Which mode it is about."""
    text: str | tuple[str, str]
    """With its value in it; for one and for many, where that makes a difference."""
    otherwise: str = ""
    """Where the value is False or None."""
    always: bool = False
    """Whether a terminal is told the default too, as no system has to have it."""


def choice(default: Any, kind: ValueKind | None, words: str, *, unset: str = "", said: Said | None = None) -> Any:
    """A field that is an option of a comparison: its default, the row of that option, which is named as the field is, and how a
    result says it, where it has no place of its own there."""
    return field(default=default, metadata={"row": Option("", words, kind, default=default, unset=unset), "said": said})


def options_of(values: type) -> dict[str, Option]:
    """The rows of a class's fields, by field. A name says the unit, as in deadline_ns; that of an option has no need to."""
    rows = {field.name: field.metadata["row"] for field in fields(values)}
    return {name: row._replace(name=f"--{name.removesuffix('_ns').replace('_', '-')}") for name, row in rows.items()}


def said_of(values: type) -> dict[str, Said]:
    """How a result says them, by field."""
    return {field.name: field.metadata["said"] for field in fields(values) if field.metadata["said"]}


def mode_named(text: str) -> Mode:
    """The mode that users call so. Raises UsageError."""
    return Mode(one_of(text, Mode, N_("mode")))


def modes_named(text: str) -> tuple[Mode, ...]:
    """Modes separated by commas, each once. Raises UsageError."""
    modes = tuple(map(mode_named, text.split(",")))
    if len(set(modes)) < len(modes):
        raise UsageError("{!r} names a mode twice; name each once, such as udp,tcp", text)
    return modes


def name_given(text: str) -> str:
    """A name that only the kernel knows. Raises UsageError where there is none."""
    if not text.strip():
        raise UsageError('{!r} is no name; write text, such as "cubic"', text)
    return text


def kernel_controls() -> list[str]:
    """The congestion controls of this kernel's TCP."""
    from udpmsg.tcp.sender import congestion_controls  # here: it takes longer to load than a trace needs

    return congestion_controls()


MODE = ValueKind("MODE", mode_named, names=tuple(Mode))
MODES = ValueKind("LIST", modes_named, ",".join, names=tuple(Mode), several=True)


@dataclass(frozen=True)
class Workload:
    """The messages and their schedule, the same for every mode. A new option is a new field."""

    count: int = choice(100, kinds.COUNT, N_("Messages in each mode."))
    interval_ns: int = choice(20 * MILLISECOND, kinds.TIME, N_("From one message to the next; 0s: as fast as possible."))
    size: int = choice(100, kinds.SIZE, N_("Bytes of each message."))


LATE = 150 * MILLISECOND
"""What a message may take besides the link's own delay and not be late: ITU-T G.114 asks a conversation to stay below 150 ms. A
satellite is not late by being far."""


@dataclass(frozen=True)
class Choices:
    """What changes the comparison besides link and workload. Shown with every result. A new option is a new field."""

    modes: tuple[Mode, ...] = choice(tuple(Mode), MODES, N_("Which modes, in which order."))
    repeat: int = choice(1, kinds.COUNT, N_("Repetitions, the modes in turn, each with the next seed: median and spread."))
    tcp_congestion: str | None = choice(
        None,
        ValueKind("NAME", name_given, look_up=kernel_controls),
        N_("TCP's congestion control."),
        unset=N_("the system's"),
        said=Said(Mode.TCP, N_("congestion control {}"), N_("the system's congestion control"), always=True),
    )
    """Its name is in `Comparison.tcp_congestion`."""
    nagle: bool = choice(
        False, None, N_("Leave Nagle's algorithm on in TCP."), said=Said(Mode.TCP, N_("Nagle on"), N_("Nagle off"), always=True)
    )
    tcp_ack: bool = choice(
        False,
        None,
        N_("Ask for acknowledgments of messages over TCP too."),
        said=Said(Mode.TCP, N_("acknowledgments the kernel's and ours"), N_("acknowledgments the kernel's alone")),
    )
    ordered: bool = choice(
        False,
        None,
        N_("Have udp+ack deliver in order, as TCP does."),
        said=Said(Mode.UDP_ACK, N_("delivered in order"), N_("delivered as they come")),
    )
    window: int | None = choice(
        None,
        kinds.COUNT,
        N_("At most N unconfirmed messages at once."),
        unset=N_("as many as the network takes"),
        said=Said(Mode.UDP_ACK, N_("a window of {}"), N_("the window that congestion allows")),
    )
    congestion: str = choice(
        DEFAULT_CONGESTION,
        CONGESTION,
        N_("udp+ack's congestion control: newreno, cubic or bbr."),
        said=Said(Mode.UDP_ACK, N_("congestion control {}")),
    )
    max_transmissions: int = choice(
        TRANSMISSIONS,
        kinds.TRANSMISSIONS,
        N_("udp+ack sends a datagram at most N times."),
        said=Said(Mode.UDP_ACK, N_plural("at most {} transmission", "at most {} transmissions")),
    )
    deadline_ns: int = choice(
        DEADLINE,
        kinds.SOME_TIME,
        N_("An unconfirmed message is given up after this time."),
        said=Said(Mode.UDP_ACK, N_("a deadline of {}")),
    )
    min_rto_ns: int = choice(
        MIN_RTO,
        kinds.SOME_TIME,
        N_("udp+ack's smallest retransmission timeout."),
        said=Said(Mode.UDP_ACK, N_("an RTO of at least {}")),
    )
    datagram_size: int | None = choice(
        None,
        kinds.DATAGRAM,
        N_("UDP's largest datagram; larger messages travel in parts."),
        unset=Phrase("udp+ack: what the path takes; udp: {}", str(DATAGRAM_SIZE)),
    )
    late_ns: int | None = choice(
        None,
        kinds.TIME,
        N_("A message that comes later than this after it was due is late."),
        unset=N_("150ms more than the link takes"),
    )

    def acknowledges(self, mode: Mode) -> bool:
        """Whether messages of this mode ask for our acknowledgments."""
        return mode is Mode.UDP_ACK or (mode is Mode.TCP and self.tcp_ack)


WORKLOAD, CHOICES = options_of(Workload), options_of(Choices)
SAID = said_of(Choices)
"""The options of a comparison, by field."""


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
