"""The figures of one run: what a comparison shows. Computed from ledger and link record, never from counters."""

from dataclasses import dataclass, field

Distribution = dict[str, float]
"""count, min, mean, p50, p90, p99, max; seconds."""


@dataclass(frozen=True)
class Wire:
    """Frames on the link, both ways, each transmission counted, dropped ones too. Sizes with Ethernet headers."""

    frames: int
    bytes: int
    handshake_frames: int
    data_frames: int
    ack_frames: int
    teardown_frames: int
    dropped_frames: int
    handshake_bytes: int
    data_bytes: int
    ack_bytes: int
    teardown_bytes: int


@dataclass(frozen=True)
class Figures:
    """One mode in one repetition. Times in seconds; None: can't be known. Field names are the JSON keys, apart from `wire`."""

    transport: str
    acknowledged: bool
    observer: str
    """"both": the two ends' logs are joined; over a real network "sender"."""
    messages_sent: int
    messages_delivered: int | None
    messages_unconfirmed: int | None
    messages_refused: int
    messages_lost: int | None
    duplicates: int | None
    reordered: int | None
    retransmissions: int | None
    """Data frames that repeat what was sent before; over TCP as the link saw them."""
    kernel_drops: int | None
    malformed: int | None
    payload_bytes: int
    """Unique bytes delivered."""
    duration_s: float
    goodput_bps: float | None
    rtt_s: Distribution | None
    one_way_delay_s: Distribution | None
    """From due to delivered."""
    jitter_s: float | None
    # and what only a comparison has
    mode: str
    repetition: int
    seed: int | None
    messages_late: int | None
    connect_s: float | None
    first_delivery_s: float | None
    """From the run's start to the first message at the receiver."""
    longest_stall_s: float | None
    """The longest time in which messages were due or on their way, and none was delivered."""
    wire: Wire | None
    causes: dict[str, int] = field(default_factory=dict)
    """Cause -> messages."""
    lost_sequences: list[int] = field(default_factory=list)
    error: str | None = None
