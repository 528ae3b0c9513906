"""What a benchmark is asked for, and what it finds, as values. Measures nothing and decides nothing.

Rates are messages a second, sizes bytes, times seconds. None: not measured, or it can't be known.
"""

from dataclasses import dataclass, field
from math import inf
from typing import Any

from udpmsg.compare.choices import Mode
from udpmsg.core.config import MAX_MESSAGE
from udpmsg.sockets.listening import RECEIVE_BUFFER

SIZES = (64, 512, 1200, 8192)
SECONDS = 8.0
"""For each measurement: three modes at four sizes then take a minute and a half."""
KEPT_UP = 0.95
"""Of the sender's rate: a receiver that takes less is falling behind."""
STEADY = 0.8
"""Of the fastest trial's rate: where the slowest one reached less, the machine or the network changed meanwhile."""
LARGEST = MAX_MESSAGE
"""What a listener takes, unless it is told otherwise."""


@dataclass(frozen=True)
class BenchRequest:
    """What to measure, and where to."""

    modes: tuple[Mode, ...] = tuple(Mode)
    sizes: tuple[int, ...] = SIZES
    seconds: float = SECONDS
    target: tuple[str, int] | None = None
    """Host and port of a listener; None: a receiver of our own, in a child process on loopback."""
    window: int | None = None
    congestion: str | None = None
    """udp+ack's; None: the usual one."""
    datagram_size: int | None = None
    """None: what a message needs, as far as the path takes it whole."""
    offload: bool = True
    receive_buffer: int = RECEIVE_BUFFER
    """What our own receiver asks of the kernel."""
    command: str | None = None

    @property
    def cells(self) -> list[tuple[Mode, int]]:
        """The measurements, in their order."""
        return [(mode, size) for mode in self.modes for size in self.sizes]


@dataclass(frozen=True)
class Trial:
    """One session: messages at one rate, and what the receiver says it has of them."""

    offered_msgs_per_s: float | None
    """None: as fast as they leave."""
    sent_msgs_per_s: float
    """What the sender reached. With acknowledgments: from the first message to the last outcome."""
    received_msgs_per_s: float | None
    """By the receiver's clock, from the first arrival to the last."""
    messages_sent: int
    messages_lost: int
    """Sent, and the receiver never saw it: a set difference over sequence numbers."""
    messages_unconfirmed: int | None
    kernel_drops: int | None
    """What the receiver's host discarded at its socket meanwhile: datagrams, or whole runs of them where both sides offload."""
    over_limit: int | None
    """Messages that the receiver dropped because of a limit of its own."""
    duration_s: float
    sender_cpu: float | None
    """Of one core, waiting for the next message's time not counted."""
    receiver_cpu: float | None
    """Of one core; None for a listener that is not ours."""
    offload: bool | None
    """Whether runs of datagrams went through the sender's kernel in one call; None over TCP."""
    confirms: bool = False
    """It is a long one, which a rate has to pass to be the throughput."""
    verifies: bool = False
    """It was made since the one before it lost little: only what loses again has failed."""

    @property
    def loss(self) -> float:
        """Share of the messages that were lost."""
        return self.messages_lost / self.messages_sent if self.messages_sent else 0.0

    @property
    def complete(self) -> bool:
        """Everything arrived, and its sender knows it where it asked."""
        return not self.messages_lost and not self.messages_unconfirmed

    @property
    def kept_up(self) -> bool:
        """Nothing was lost, and the receiver was not left behind: what its buffer swallows in a moment, it drops in a minute."""
        behind = self.received_msgs_per_s is not None and self.received_msgs_per_s < KEPT_UP * self.sent_msgs_per_s
        return not self.messages_lost and not behind

    @property
    def carried_msgs_per_s(self) -> float:
        """The rate that sender and receiver both kept: what a buffer only swallowed is no throughput."""
        return self.sent_msgs_per_s if self.received_msgs_per_s is None else min(self.sent_msgs_per_s, self.received_msgs_per_s)


@dataclass(frozen=True)
class Measurement:
    """One mode at one size."""

    mode: Mode
    size_bytes: int
    datagram_size_bytes: int | None
    """The largest datagram; None over TCP."""
    datagrams_per_message: int | None
    throughput_msgs_per_s: float | None
    """The highest rate at which nothing was lost (RFC 1242 section 3.17). Where messages are acknowledged or travel in a stream
    the sender is held back instead: the rate at which everything was delivered. None: no rate passed."""
    flood_sent_msgs_per_s: float | None
    flood_received_msgs_per_s: float | None
    """Fire and forget, without a pace; None in the other modes."""
    goodput_bps: float | None
    """Unique payload bits a second, delivered at the throughput."""
    rtt_s: dict[str, float] | None
    """From the moment a message was due to its acknowledgment; None where nobody acknowledges."""
    rtt_interval_s: float | None
    """From one of these messages to the next: a millisecond, or four times what a round trip usually takes here."""
    rtt_lost: int | None
    """Of these messages, how many were never confirmed."""
    offload: bool | None
    """At both ends, as far as both are known; None over TCP."""
    receive_buffer_bytes: int | None
    kernel_drops: int | None
    """In all trials of this measurement."""
    over_limit: int | None
    sender_cpu: float | None
    receiver_cpu: float | None
    """At the throughput, of one core."""
    other_processes: float | None
    """How many others wanted a core of this machine meanwhile, on average; None: the system does not tell."""
    limits: tuple[str, ...]
    """What limits it, one sentence each."""
    curve: tuple[Trial, ...]
    """Every trial, in the order in which they were made: the flood is the one without an offered rate."""

    @property
    def spread_msgs_per_s(self) -> dict[str, float | None] | None:
        """How far the trials agree. Fire and forget: up to `min` no trial lost anything (None: there is none), and `max` is the
        fastest that lost nothing; else the slowest trial and the fastest. None where there is no throughput."""
        if self.throughput_msgs_per_s is None:
            return None
        if self.mode is not Mode.UDP:
            rates = [trial.carried_msgs_per_s for trial in self.curve]
            return {"min": min(rates), "max": max(rates)}
        lossy = min((trial.sent_msgs_per_s for trial in self.curve if trial.messages_lost), default=inf)
        below = [trial.carried_msgs_per_s for trial in self.curve if trial.sent_msgs_per_s < lossy]
        least = self.throughput_msgs_per_s if lossy > self.throughput_msgs_per_s else max(below, default=None)
        clean = [trial.carried_msgs_per_s for trial in self.curve if not trial.messages_lost]
        return {"min": least, "max": max([self.throughput_msgs_per_s, *clean])}

    @property
    def unstable(self) -> bool | None:
        """Whether a trial contradicts the throughput: it lost something at that rate or below, or lost nothing at a much higher
        one, or was much slower."""
        spread = self.spread_msgs_per_s
        if spread is None:
            return None
        return self.lost_below or (spread["min"] or 0.0) < STEADY * (spread["max"] or 0.0)

    @property
    def lost_below(self) -> bool:
        """Fire and forget: whether a trial lost something at the throughput or below."""
        least = (self.spread_msgs_per_s or {}).get("min")
        return self.mode is Mode.UDP and self.throughput_msgs_per_s is not None and (least or 0.0) < self.throughput_msgs_per_s


@dataclass
class Benchmark:
    """Everything that a report needs."""

    request: BenchRequest
    started: str
    """UTC, ISO 8601, to the second."""
    system: str
    version: str
    cores: int
    """That this process may run on."""
    receive_buffer_bytes: int | None
    """What the kernel gave our own receiver; None: the receiver is elsewhere."""
    measurements: list[Measurement] = field(default_factory=list)
    interrupted: bool = False

    @property
    def target(self) -> str | None:
        """Where the listener is, if it is not our own."""
        if self.request.target is None:
            return None
        host, port = self.request.target
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(frozen=True)
class BenchProgress:
    """Where a benchmark stands."""

    mode: Mode
    size: int
    doing: str
    """What is going on, in a word or two."""
    share: float
    """Of the whole, 0 to 1."""
    seconds_left: float


def figures(measurement: Measurement) -> dict[str, Any]:
    """The figures of a measurement by the names that every report gives them; without limits and curve."""
    names = [name for name in Measurement.__dataclass_fields__ if name not in ("limits", "curve")]
    return {name: getattr(measurement, name) for name in (*names, "spread_msgs_per_s", "unstable")} | {
        "mode": measurement.mode.value
    }
