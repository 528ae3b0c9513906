"""The figures of a comparison, one row each: what a run's ledger and link record say; what these don't have is the ends' word.

Owns how each figure is defined, and what it is called; the order is that of the JSON lines. Lays nothing out (see `story`).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from udpmsg.base import distribution
from udpmsg.base.durations import SECOND
from udpmsg.base.language import N_
from udpmsg.compare.ledger import Outcome, Row
from udpmsg.compare.trace import Comparison, Mode, Run, Where
from udpmsg.link.record import Direction, FrameKind, FrameRecord, Phase
from udpmsg.show.figures import Better, Figure, Figures, Shown, Topic, found, middle


class Stall(NamedTuple):
    """A time without a delivery in which some message was outstanding all along. Nanoseconds."""

    length: int
    end: int


class Facts:
    """A run and its ledger: what the definitions below start from."""

    def __init__(self, run: Run, rows: list[Row], comparison: Comparison) -> None:
        self.run, self.rows, self.comparison = run, rows, comparison
        self.network = comparison.where is Where.NETWORK
        self.acknowledged = run.mode is Mode.UDP_ACK or (run.mode is Mode.TCP and comparison.choices.tcp_ack)
        self.answered = not self.network or run.lost_sequences is not None
        """Whether anybody told what the receiver had."""
        self.sent = [row for row in rows if row.outcome is not Outcome.REFUSED]
        self.lost = [row.sequence for row in self.sent if row.outcome is Outcome.LOST]
        self.deliveries = sorted(row.delivered_at for row in rows if row.delivered_at is not None)

    @property
    def delivered(self) -> int | None:
        """What the receiver's application has, whether or not the sender was told: sent = delivered + lost."""
        if self.answered:
            return len(self.sent) - len(self.lost)
        return sum(message.state == "delivered" for message in self.run.sent) if self.acknowledged else None

    @property
    def payload_bytes(self) -> int:
        """Unique bytes delivered."""
        return (self.delivered or 0) * self.comparison.workload.size

    def word(self, key: str) -> float | None:
        """Over a real network: the receiver's own figure."""
        return (self.run.receiver or {}).get(key)

    def whole(self, key: str, here: int | None) -> int | None:
        """A count: the receiver's own over a real network, else the one that is known here."""
        if not self.network:
            return here
        word = self.word(key)
        return None if word is None else int(word)

    @cached_property
    def syns(self) -> list[FrameRecord]:
        """TCP's SYN, and whenever it was sent again."""
        return [frame for frame in self.run.frames or () if frame.label == "SYN"] if self.run.mode is Mode.TCP else []

    @cached_property
    def stall(self) -> Stall | None:
        """The longest."""
        return None if self.network else _longest_stall(self)


def figures(facts: Facts) -> Figures:
    """All figures of a run. Times in seconds; None: can't be known."""
    return found(FIGURES, facts)


def median_of(repetitions: Sequence[Figures]) -> Figures:
    """Each number of a mode's figures as its median over the repetitions that know it; causes too. What has none is left out."""
    return {key: _median(key, repetitions) for key in repetitions[0] if key not in OF_ONE_RUN}


OF_ONE_RUN = {"repetition", "seed", "error", "lost_sequences"}

# The definitions ----------------------------------------------------------------------------------------------------------


def _retransmissions(facts: Facts) -> int | None:
    """Data frames that repeat what was sent before; over TCP as the link saw them on their way to the receiver, with its SYN."""
    if facts.run.mode is not Mode.TCP:
        return facts.run.retransmissions
    if facts.run.frames is None:
        return None
    forward = (frame.identity for frame in facts.run.frames if frame.identity.direction is Direction.FORWARD)
    repeated = sum(identity.kind is FrameKind.DATA and identity.transmission > 1 for identity in forward)
    return repeated + len(facts.syns[1:])


def _goodput(facts: Facts) -> float | None:
    """Unique payload bits a second, until the last delivery, or what the sender was told of it."""
    last = facts.deliveries[-1] if facts.deliveries else None
    if facts.network and facts.acknowledged:
        told = [
            message.settled_at for message in facts.run.sent if message.state == "delivered" and message.settled_at is not None
        ]
        last = max(told, default=None)
    return round(facts.payload_bytes * 8 * SECOND / last, 1) if last and facts.delivered is not None else None


def _jitter(facts: Facts) -> float | None:
    """RFC 3550, 6.4.1: J = J + (|D| - J)/16 over the deliveries in their order; a transit lasts from sent to delivered."""
    if facts.network:
        return facts.word("jitter_s")
    times = sorted(
        (row.delivered_at, row.sent_at) for row in facts.rows if row.delivered_at is not None and row.sent_at is not None
    )
    jitter = 0.0
    previous = None
    for delivered_at, sent_at in times:
        transit = delivered_at - sent_at
        if previous is not None:
            jitter += (abs(transit - previous) - jitter) / 16
        previous = transit
    return distribution.rounded(jitter / SECOND) if len(times) > 1 else None


def _longest_stall(facts: Facts) -> Stall | None:
    """A message is outstanding from when it was due until it is delivered; one that is lost, until the link had decided on its
    last transmission (dropped: when that came; passed: when that left). Without a link's record it counts until it was sent. One
    that was refused is never outstanding. None where nothing was sent.
    """
    decided: dict[int, int] = {}
    lost = set(facts.lost)
    for frame in facts.run.frames or () if lost else ():
        if frame.identity.kind is FrameKind.DATA and frame.identity.direction is Direction.FORWARD and frame.first_sequence:
            for sequence in range(frame.first_sequence, frame.last_sequence + 1):
                if sequence in lost:
                    decided[sequence] = max(frame.left_at, default=frame.arrived_at)
    spans = []
    for row in facts.sent:
        end = decided.get(row.sequence, row.sent_at) if row.delivered_at is None else row.delivered_at
        spans.append((row.due_at, row.due_at if end is None else end))
    if not spans:
        return None
    longest, index, deliveries = Stall(0, 0), 0, facts.deliveries
    for begins_at, ends_at in _merged(spans):
        since = begins_at
        while index < len(deliveries) and deliveries[index] <= ends_at:
            longest = max(longest, Stall(deliveries[index] - since, deliveries[index]), key=_length)
            since = deliveries[index]
            index += 1
        longest = max(longest, Stall(ends_at - since, ends_at), key=_length)
    return longest


def _length(stall: Stall) -> int:
    return stall.length


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans of time that touch or overlap, as one."""
    merged: list[tuple[int, int]] = []
    for begins_at, ends_at in sorted(spans):
        if merged and begins_at <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], ends_at)
        else:
            merged.append((begins_at, ends_at))
    return merged


def _wire(frames: list[FrameRecord] | None) -> dict[str, int] | None:
    """Frames on the link, both ways, each transmission counted, dropped ones too. Sizes with Ethernet headers."""
    if frames is None:
        return None
    counts, sizes = dict.fromkeys(PHASES, 0), dict.fromkeys(PHASES, 0)
    for frame in frames:
        counts[frame.phase] += 1
        sizes[frame.phase] += frame.size
    return {
        "frames": len(frames),
        "bytes": sum(sizes.values()),
        **{f"{name}_frames": counts[phase] for phase, name in PHASES.items()},
        "dropped_frames": sum(frame.dropped is not None for frame in frames),
        **{f"{name}_bytes": sizes[phase] for phase, name in PHASES.items()},
    }


PHASES = {Phase.HANDSHAKE: "handshake", Phase.DATA: "data", Phase.ACKNOWLEDGMENT: "ack", Phase.TEARDOWN: "teardown"}


def _seconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else distribution.rounded(nanoseconds / SECOND)


def _summary(times: Iterable[int | None]) -> dict[str, float] | None:
    """Their distribution, in seconds."""
    collected = distribution.Distribution()
    for time in times:
        if time is not None:
            collected.add(time / SECOND)
    return collected.summary()


def _median(key: str, repetitions: Sequence[Figures]) -> Any:
    known = [figures[key] for figures in repetitions if figures[key] is not None]
    if not known:
        return None
    first = known[0]
    if isinstance(first, dict):  # who never met a cause met it 0 times
        parts = {part: middle([each.get(part, 0) for each in known]) for each in known for part in each}
        return {part: count for part, count in parts.items() if count or key != "causes"}
    return first if isinstance(first, bool | str) else middle(known)


# The table ----------------------------------------------------------------------------------------------------------------

START = Topic(N_("start"), N_("Before the first message"))
MESSAGES = Topic(N_("messages"), N_("Messages"))
DELAY = Topic(N_("delay"), N_("One-way delay, from due to delivered"))
ROUND_TRIP = Topic(N_("round trip"), N_("Round trip, by the sender's clock"))
FRAMES = Topic(N_("frames"), N_("Frames on the wire, both ways"))
PATH = Topic(N_("path"), N_("What the sender knew of the path"))
PAYLOAD = Topic(N_("payload"), N_("Unique payload"))
TOPICS = (START, MESSAGES, DELAY, ROUND_TRIP, FRAMES, PATH, PAYLOAD)
"""In the order in which people are shown them."""
DELAY_KNOWN = "one_way_delay_s.p50"
BOTH = "{} · {}"
LATE = N_("messages|late (> {})")
ANY, LOW, HIGH, NEITHER = Shown.IF_ANY, Better.LOW, Better.HIGH, Better.NEITHER


def _frames(name: str, word: str, title: str) -> Figure:
    """The frames of one phase, and their bytes."""
    beside = f"wire.{name}_bytes"
    return Figure(f"wire.{name}_frames", None, FRAMES, word, title, better=NEITHER, beside=beside, between=BOTH)


FIGURES = (
    Figure("transport", lambda facts: facts.run.mode.transport),
    Figure("acknowledged", lambda facts: facts.acknowledged),
    Figure("observer", lambda facts: "sender" if facts.network else "both"),  # both: the two ends' logs are joined
    Figure("messages_sent", lambda facts: len(facts.sent)),
    Figure(
        "messages_delivered",
        lambda facts: facts.delivered,
        MESSAGES,
        N_("messages|delivered"),
        N_("Delivered"),
        better=HIGH,
        beside="messages_sent",
    ),
    Figure(
        "messages_unconfirmed",  # None where no acknowledgments are asked for
        lambda facts: sum(row.state == "unconfirmed" for row in facts.run.sent) if facts.acknowledged else None,
        MESSAGES,
        N_("messages|unconfirmed"),
        N_("Unconfirmed"),
        N_("their sender was never told"),
        shown=ANY,
        bad=True,
    ),
    Figure(
        "messages_refused",
        lambda facts: len(facts.rows) - len(facts.sent),
        MESSAGES,
        N_("messages|never sent"),
        N_("Refused"),
        N_("never sent"),
        shown=ANY,
        bad=True,
    ),
    Figure(
        "messages_lost",
        lambda facts: len(facts.lost) if facts.answered else None,
        MESSAGES,
        N_("messages|lost"),
        N_("Lost"),
        bad=True,
    ),
    Figure("messages_undelivered", lambda _facts: None),  # nobody asks the receiver what it had when it ended
    Figure(
        "duplicates",
        lambda facts: facts.whole("duplicates", sum(row.duplicates for row in facts.rows)),
        MESSAGES,
        N_("duplicates"),
        N_("Duplicates"),
    ),
    Figure(
        "reordered",
        lambda facts: facts.whole("reordered", sum(row.reordered for row in facts.rows)),
        MESSAGES,
        N_("reordered"),
        N_("Reordered"),
    ),
    Figure("retransmissions", _retransmissions, MESSAGES, N_("retransmissions"), N_("Retransmissions")),
    Figure(
        "datagram_size_bytes",  # as the sender had it at the end: what was asked for, or what the path is known to take
        lambda facts: facts.run.datagram_size,
        MESSAGES,
        N_("largest datagram"),
        N_("Largest datagram"),
        better=NEITHER,
        shown=ANY,
    ),
    Figure(
        "kernel_drops",
        lambda facts: facts.whole("kernel_drops", facts.run.kernel_drops),
        MESSAGES,
        N_("kernel drops"),
        N_("Dropped by the receiver's kernel"),
        shown=ANY,
        bad=True,
    ),
    Figure(
        "malformed",
        lambda facts: facts.whole("malformed", facts.run.malformed),
        MESSAGES,
        N_("messages|malformed"),
        N_("Malformed"),
        shown=ANY,
        bad=True,
    ),
    Figure(
        "over_limit",
        lambda facts: facts.whole("over_limit", facts.run.over_limit),
        MESSAGES,
        N_("over a limit"),
        N_("Dropped over a limit of the receiver"),
        shown=ANY,
        bad=True,
    ),
    Figure("payload_bytes", lambda facts: facts.payload_bytes),
    Figure("duration_s", lambda facts: _seconds(facts.run.duration_ns)),
    Figure("goodput_bps", _goodput, PAYLOAD, N_("goodput"), N_("Goodput"), better=HIGH),
    Figure("rtt_s", lambda facts: _summary(message.rtt for message in facts.run.sent)),
    Figure("rtt_s.p50", None, ROUND_TRIP, "p50", N_("Median"), shown=ANY, instead_of=DELAY_KNOWN),
    Figure("rtt_s.p99", None, ROUND_TRIP, "p99", N_("99th percentile"), shown=ANY, instead_of=DELAY_KNOWN),
    Figure("one_way_delay_s", lambda facts: _summary(row.delay for row in facts.rows)),
    Figure("one_way_delay_s.p50", None, DELAY, "p50", N_("Median")),
    Figure("one_way_delay_s.p99", None, DELAY, "p99", N_("99th percentile")),
    Figure("one_way_delay_s.max", None, DELAY, N_("delay|max"), N_("Longest")),
    Figure("jitter_s", _jitter),
    Figure("mode", lambda facts: facts.run.mode.value),
    Figure("repetition", lambda facts: facts.run.repetition),
    Figure("seed", lambda facts: None if facts.network else facts.run.seed),
    Figure(
        "messages_late",
        lambda facts: None if facts.network else sum(row.late for row in facts.rows),
        MESSAGES,
        LATE,
        N_("messages|Late"),
        N_("more than {} after they were due"),
        bad=True,
    ),
    Figure("connect_s", lambda facts: _seconds(facts.run.connect_ns), START, N_("handshake"), N_("Handshake")),
    Figure(
        "first_delivery_s",
        lambda facts: _seconds(next(iter(facts.deliveries), None)),
        START,
        N_("first delivery"),
        N_("First delivery"),
        N_("from the start"),
    ),
    Figure(
        "longest_stall_s",
        lambda facts: None if facts.stall is None else _seconds(facts.stall.length),
        DELAY,
        N_("longest stall"),
        N_("Longest stall"),
        N_("nothing delivered, though something was due"),
    ),
    Figure(
        "largest_window_bytes",
        lambda facts: max((row.window for row in facts.run.known if row.window is not None), default=None),
        PATH,
        N_("largest window"),
        N_("Largest window"),
        better=NEITHER,
        shown=ANY,
    ),
    Figure(
        "srtt_s",
        lambda facts: next((_seconds(row.srtt) for row in reversed(facts.run.known) if row.srtt is not None), None),
        PATH,
        N_("last round trip"),
        N_("Smoothed round trip"),
        N_("the last one"),
        better=NEITHER,
        shown=ANY,
    ),
    Figure("wire", lambda facts: _wire(facts.run.frames)),
    _frames("handshake", N_("handshake"), N_("Handshake")),
    _frames("data", N_("frames|data"), N_("Data")),
    _frames("ack", N_("acknowledgments"), N_("Acknowledgments")),
    _frames("teardown", N_("teardown"), N_("Teardown")),
    Figure("wire.frames", None, FRAMES, N_("all together"), N_("Together"), beside="wire.bytes", between=BOTH),
    Figure("wire.bytes", None, FRAMES, N_("bytes"), shown=Shown.REPEATED),
    Figure("wire.dropped_frames", None, FRAMES, title=N_("Dropped by the link")),
    Figure("causes", lambda facts: dict(Counter(row.cause.value for row in facts.rows if row.cause is not None))),
    Figure("lost_sequences", lambda facts: facts.lost),
    Figure("error", lambda facts: facts.run.error),
)
"""In the order of the JSON lines."""
