"""The figures of one run: what a comparison shows. From ledger and link record; what these don't have is the ends' word.

Owns how each figure is defined. Does not know how any is shown.
"""

import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any

from udpmsg.base import distribution
from udpmsg.base.durations import SECOND
from udpmsg.compare.ledger import Outcome, Row
from udpmsg.compare.trace import Comparison, Mode, Run, Where
from udpmsg.link.record import Direction, FrameKind, FrameRecord, Phase

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
    """What the receiver's application has, whether or not the sender was told: sent = delivered + lost."""
    messages_unconfirmed: int | None
    """Sent, and the sender was never told; None where it asks for no acknowledgments."""
    messages_refused: int
    messages_lost: int | None
    messages_undelivered: None
    """Nobody asks the receiver what it had when it ended."""
    duplicates: int | None
    reordered: int | None
    retransmissions: int | None
    """Data frames that repeat what was sent before; over TCP as the link saw them."""
    datagram_size_bytes: int | None
    """The largest datagram, as the sender had it at the end: what was asked for, or what the path is known to take."""
    kernel_drops: int | None
    malformed: int | None
    over_limit: int | None
    """Dropped at a limit of the receiver."""
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
    largest_window_bytes: int | None
    """Of what the sender knew of the path: the largest congestion window."""
    srtt_s: float | None
    """Of the same: the last smoothed round trip."""
    wire: Wire | None
    causes: dict[str, int] = field(default_factory=dict)
    """Cause -> messages."""
    lost_sequences: list[int] = field(default_factory=list)
    error: str | None = None


def figures(run: Run, rows: list[Row], comparison: Comparison) -> Figures:
    """The figures of a run and its ledger."""
    choices, network = comparison.choices, comparison.where is Where.NETWORK
    acknowledged = run.mode is Mode.UDP_ACK or (run.mode is Mode.TCP and choices.tcp_ack)
    sent = [row for row in rows if row.outcome is not Outcome.REFUSED]
    answered = not network or run.lost_sequences is not None
    told = [message for message in run.sent if message.state == "delivered"]
    delivered = [row for row in sent if row.outcome is not Outcome.LOST] if answered else []
    lost = [row.sequence for row in sent if row.outcome is Outcome.LOST]
    known = answered or acknowledged
    word = run.receiver or {}
    last = max((row.delivered_at for row in rows if row.delivered_at is not None), default=None)
    if network and acknowledged:
        last = max((message.settled_at for message in told if message.settled_at is not None), default=None)
    delivered_count = len(delivered) if answered else len(told) if acknowledged else None
    payload_bytes = (delivered_count or 0) * comparison.workload.size
    return Figures(
        transport=run.mode.transport,
        acknowledged=acknowledged,
        observer="sender" if network else "both",
        messages_sent=len(sent),
        messages_delivered=delivered_count,
        messages_unconfirmed=sum(message.state == "unconfirmed" for message in run.sent) if acknowledged else None,
        messages_refused=len(rows) - len(sent),
        messages_lost=len(lost) if answered else None,
        messages_undelivered=None,
        duplicates=_whole(word, "duplicates") if network else sum(row.duplicates for row in rows),
        reordered=_whole(word, "reordered") if network else sum(row.reordered for row in rows),
        retransmissions=_repeated(run.frames) if run.mode is Mode.TCP else run.retransmissions,
        datagram_size_bytes=run.datagram_size,
        kernel_drops=_whole(word, "kernel_drops") if network else run.kernel_drops,
        malformed=_whole(word, "malformed") if network else run.malformed,
        over_limit=_whole(word, "over_limit") if network else run.over_limit,
        payload_bytes=payload_bytes,
        duration_s=_seconds(run.duration_ns),
        goodput_bps=round(payload_bytes * 8 * SECOND / last, 1) if known and last else None,
        rtt_s=_summary(message.rtt for message in run.sent),
        one_way_delay_s=_summary(row.delay for row in rows),
        jitter_s=word.get("jitter_s") if network else _jitter(rows),
        mode=run.mode.value,
        repetition=run.repetition,
        seed=None if network else run.seed,
        messages_late=None if network else sum(row.late for row in rows),
        connect_s=None if run.connect_ns is None else _seconds(run.connect_ns),
        first_delivery_s=_first_delivery(rows),
        longest_stall_s=None if network else _longest_stall(run, rows),
        largest_window_bytes=max((row.window for row in run.known if row.window is not None), default=None),
        srtt_s=next((_seconds(row.srtt) for row in reversed(run.known) if row.srtt is not None), None),
        wire=None if run.frames is None else _wire(run.frames),
        causes=dict(Counter(row.cause.value for row in rows if row.cause is not None)),
        lost_sequences=lost,
        error=run.error,
    )


def spread(repetitions: list[Figures], key: str) -> tuple[float, float, float] | None:
    """Median, lowest and highest of one figure over repetitions; `key` is a field, or two with a point: "one_way_delay_s.p50".

    None where no repetition knows it. Of an even number of whole counts the median is the lower of the middle two: a count.
    """
    values = []
    for repetition in repetitions:
        value: Any = repetition
        for name in key.split("."):
            value = value.get(name) if isinstance(value, dict) else getattr(value, name, None)
        if isinstance(value, int | float):
            values.append(value)
    if not values:
        return None
    whole = all(isinstance(value, int) for value in values)
    middle = statistics.median_low(values) if whole else statistics.median(values)
    return middle, min(values), max(values)


def median_of(repetitions: list[Figures]) -> Figures:
    """The first repetition's figures with each number replaced by its median over all; causes too. Losses are not listed."""
    first = repetitions[0]
    medians: dict[str, Any] = {}
    for item in fields(Figures):
        value = getattr(first, item.name)
        if item.name in ("repetition", "seed") or isinstance(value, bool | str | list):
            continue
        if item.name in ("wire", "rtt_s", "one_way_delay_s", "causes"):
            medians[item.name] = _median_parts(repetitions, item.name)
        else:
            found = spread(repetitions, item.name)
            medians[item.name] = None if found is None else found[0]
    return replace(first, lost_sequences=[], **medians)


# Helpers -----------------------------------------------------------------------------------------------------------------


def _median_parts(repetitions: list[Figures], name: str) -> Any:
    known = [value for figures in repetitions if (value := getattr(figures, name)) is not None]
    if not known:
        return None
    if isinstance(known[0], Wire):
        return Wire(*(statistics.median_low(getattr(wire, item.name) for wire in known) for item in fields(Wire)))
    if name == "causes":
        causes = {cause: statistics.median_low(each.get(cause, 0) for each in known) for each in known for cause in each}
        return {cause: count for cause, count in causes.items() if count}
    return {key: statistics.median(each[key] for each in known) for key in known[0]}


def _seconds(nanoseconds: int) -> float:
    return distribution.rounded(nanoseconds / SECOND)


def _whole(word: dict[str, float | int | None], key: str) -> int | None:
    value = word.get(key)
    return None if value is None else int(value)


def _summary(times: Iterable[int | None]) -> Distribution | None:
    collected = distribution.Distribution()
    for time in times:
        if time is not None:
            collected.add(time / SECOND)
    return collected.summary()


def _first_delivery(rows: list[Row]) -> float | None:
    first = min((row.delivered_at for row in rows if row.delivered_at is not None), default=None)
    return None if first is None else _seconds(first)


def _jitter(rows: list[Row]) -> float | None:
    """RFC 3550, 6.4.1: J = J + (|D| - J)/16 over the deliveries in their order; a transit lasts from sent to delivered."""
    times = sorted((row.delivered_at, row.sent_at) for row in rows if row.delivered_at is not None and row.sent_at is not None)
    jitter = 0.0
    previous = None
    for delivered_at, sent_at in times:
        transit = delivered_at - sent_at
        if previous is not None:
            jitter += (abs(transit - previous) - jitter) / 16
        previous = transit
    return distribution.rounded(jitter / SECOND) if len(times) > 1 else None


def _longest_stall(run: Run, rows: list[Row]) -> float | None:
    """The longest time without a delivery in which some message was outstanding all along.

    A message is outstanding from when it was due until it is delivered; one that is lost, until the link had decided on its last
    transmission (dropped: when that came; passed: when that left). Without a link's record it counts until it was sent. One that
    was refused is never outstanding. None where nothing was sent.
    """
    decided: dict[int, int] = {}
    lost = {row.sequence for row in rows if row.outcome is Outcome.LOST}
    for frame in run.frames or () if lost else ():
        if frame.identity.kind is FrameKind.DATA and frame.identity.direction is Direction.FORWARD and frame.first_sequence:
            for sequence in range(frame.first_sequence, frame.last_sequence + 1):
                if sequence in lost:
                    decided[sequence] = max(frame.left_at, default=frame.arrived_at)
    spans = []
    for row in rows:
        if row.outcome is not Outcome.REFUSED:
            end = row.delivered_at
            if end is None:
                end = decided.get(row.sequence, row.sent_at)
            spans.append((row.due_at, row.due_at if end is None else end))
    if not spans:
        return None
    deliveries = sorted(row.delivered_at for row in rows if row.delivered_at is not None)
    longest = index = 0
    for begins_at, ends_at in _merged(spans):
        since = begins_at
        while index < len(deliveries) and deliveries[index] <= ends_at:
            longest = max(longest, deliveries[index] - since)
            since = deliveries[index]
            index += 1
        longest = max(longest, ends_at - since)
    return _seconds(longest)


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans of time that touch or overlap, as one."""
    merged: list[tuple[int, int]] = []
    for begins_at, ends_at in sorted(spans):
        if merged and begins_at <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], ends_at)
        else:
            merged.append((begins_at, ends_at))
    return merged


def _repeated(frames: list[FrameRecord] | None) -> int | None:
    """Data frames on their way to the receiver that repeat what the link had seen."""
    if frames is None:
        return None
    forward = (frame.identity for frame in frames if frame.identity.direction is Direction.FORWARD)
    return sum(identity.kind is FrameKind.DATA and identity.transmission > 1 for identity in forward)


def _wire(frames: list[FrameRecord]) -> Wire:
    counts = dict.fromkeys(Phase, 0)
    sizes = dict.fromkeys(Phase, 0)
    dropped = 0
    for frame in frames:
        counts[frame.phase] += 1
        sizes[frame.phase] += frame.size
        dropped += frame.dropped is not None
    return Wire(
        frames=len(frames),
        bytes=sum(sizes.values()),
        handshake_frames=counts[Phase.HANDSHAKE],
        data_frames=counts[Phase.DATA],
        ack_frames=counts[Phase.ACKNOWLEDGMENT],
        teardown_frames=counts[Phase.TEARDOWN],
        dropped_frames=dropped,
        handshake_bytes=sizes[Phase.HANDSHAKE],
        data_bytes=sizes[Phase.DATA],
        ack_bytes=sizes[Phase.ACKNOWLEDGMENT],
        teardown_bytes=sizes[Phase.TEARDOWN],
    )
