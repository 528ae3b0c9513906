"""The figures of a comparison, one row each: how it is found in a run's facts, what it is called, and when it is shown.

The order is that of the JSON lines. Lays nothing out (see `story`).
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from udpmsg.base.language import N_
from udpmsg.compare.facts import Facts, seconds, summary
from udpmsg.show.figure import Better, Figure, Figures, Topic, When, found, middle

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
ANY, LOW, HIGH, NEITHER = When.IF_ANY, Better.LOW, Better.HIGH, Better.NEITHER


def _frames(name: str, word: str, title: str) -> Figure:
    """The frames of one phase, and their bytes."""
    beside = f"wire.{name}_bytes"
    return Figure(f"wire.{name}_frames", None, FRAMES, word, title, better=NEITHER, beside=beside, between=BOTH)


FIGURES = (
    Figure("transport", lambda facts: facts.run.mode.transport),
    Figure("acknowledged", lambda facts: facts.acknowledged),
    Figure("observer", lambda facts: "sender" if facts.network else "both"),  # both: the two ends' logs are joined
    Figure("messages_sent", lambda facts: len(facts.sent)),
    Figure("messages_delivered", lambda facts: facts.delivered,
           MESSAGES, N_("messages|delivered"), N_("Delivered"), better=HIGH, beside="messages_sent"),
    Figure("messages_unconfirmed", lambda facts: facts.unconfirmed,
           MESSAGES, N_("messages|unconfirmed"), N_("Unconfirmed"), N_("their sender was never told"), shown=ANY, bad=True),
    Figure("messages_refused", lambda facts: len(facts.rows) - len(facts.sent),
           MESSAGES, N_("messages|never sent"), N_("Refused"), N_("never sent"), shown=ANY, bad=True),
    Figure("messages_lost", lambda facts: len(facts.lost) if facts.answered else None,
           MESSAGES, N_("messages|lost"), N_("Lost"), bad=True),
    Figure("messages_undelivered", lambda _facts: None),  # nobody asks the receiver what it had when it ended
    Figure("duplicates", lambda facts: facts.whole("duplicates", sum(row.duplicates for row in facts.rows)),
           MESSAGES, N_("duplicates"), N_("Duplicates")),
    Figure("reordered", lambda facts: facts.whole("reordered", sum(row.reordered for row in facts.rows)),
           MESSAGES, N_("reordered"), N_("Reordered")),
    Figure("retransmissions", lambda facts: facts.retransmissions, MESSAGES, N_("retransmissions"), N_("Retransmissions")),
    # as the sender had it at the end: what was asked for, or what the path is known to take
    Figure("datagram_size_bytes", lambda facts: facts.run.datagram_size,
           MESSAGES, N_("largest datagram"), N_("Largest datagram"), better=NEITHER, shown=ANY),
    Figure("kernel_drops", lambda facts: facts.whole("kernel_drops", facts.run.kernel_drops),
           MESSAGES, N_("kernel drops"), N_("Dropped by the receiver's kernel"), shown=ANY, bad=True),
    Figure("malformed", lambda facts: facts.whole("malformed", facts.run.malformed),
           MESSAGES, N_("messages|malformed"), N_("Malformed"), shown=ANY, bad=True),
    Figure("over_limit", lambda facts: facts.whole("over_limit", facts.run.over_limit),
           MESSAGES, N_("over a limit"), N_("Dropped over a limit of the receiver"), shown=ANY, bad=True),
    Figure("payload_bytes", lambda facts: facts.payload_bytes),
    Figure("duration_s", lambda facts: seconds(facts.run.duration_ns)),
    Figure("goodput_bps", lambda facts: facts.goodput_bps, PAYLOAD, N_("goodput"), N_("Goodput"), better=HIGH),
    Figure("rtt_s", lambda facts: summary(message.rtt for message in facts.run.sent)),
    Figure("rtt_s.p50", None, ROUND_TRIP, "p50", N_("Median"), shown=ANY, instead_of=DELAY_KNOWN),
    Figure("rtt_s.p99", None, ROUND_TRIP, "p99", N_("99th percentile"), shown=ANY, instead_of=DELAY_KNOWN),
    Figure("one_way_delay_s", lambda facts: summary(row.delay for row in facts.rows)),
    Figure("one_way_delay_s.p50", None, DELAY, "p50", N_("Median")),
    Figure("one_way_delay_s.p99", None, DELAY, "p99", N_("99th percentile")),
    Figure("one_way_delay_s.max", None, DELAY, N_("delay|max"), N_("Longest")),
    Figure("jitter_s", lambda facts: facts.jitter_s),
    Figure("mode", lambda facts: facts.run.mode.value),
    Figure("repetition", lambda facts: facts.run.repetition),
    Figure("seed", lambda facts: None if facts.network else facts.run.seed),
    Figure("messages_late", lambda facts: None if facts.network else sum(row.late for row in facts.rows),
           MESSAGES, N_("messages|late (> {})"), N_("messages|Late"), N_("more than {} after they were due"), bad=True),
    Figure("connect_s", lambda facts: seconds(facts.run.connect_ns), START, N_("handshake"), N_("Handshake")),
    Figure("first_delivery_s", lambda facts: seconds(next(iter(facts.deliveries), None)),
           START, N_("first delivery"), N_("First delivery"), N_("from the start")),
    Figure("longest_stall_s", lambda facts: None if facts.stall is None else seconds(facts.stall.length),
           DELAY, N_("longest stall"), N_("Longest stall"), N_("nothing delivered, though something was due")),
    Figure("largest_window_bytes", lambda facts: max(facts.known("window"), default=None),
           PATH, N_("largest window"), N_("Largest window"), better=NEITHER, shown=ANY),
    Figure("srtt_s", lambda facts: seconds(next(reversed(facts.known("srtt")), None)),
           PATH, N_("last round trip"), N_("Smoothed round trip"), N_("the last one"), better=NEITHER, shown=ANY),
    Figure("wire", lambda facts: facts.wire),
    _frames("handshake", N_("handshake"), N_("Handshake")),
    _frames("data", N_("frames|data"), N_("Data")),
    _frames("ack", N_("acknowledgments"), N_("Acknowledgments")),
    _frames("teardown", N_("teardown"), N_("Teardown")),
    Figure("wire.frames", None, FRAMES, N_("all together"), N_("Together"), beside="wire.bytes", between=BOTH),
    Figure("wire.bytes", None, FRAMES, N_("bytes"), shown=When.REPEATED),
    Figure("wire.dropped_frames", None, FRAMES, title=N_("Dropped by the link")),
    Figure("causes", lambda facts: dict(Counter(row.cause.value for row in facts.rows if row.cause is not None))),
    Figure("lost_sequences", lambda facts: facts.lost),
    Figure("error", lambda facts: facts.run.error),
)  # fmt: skip
"""In the order of the JSON lines."""

OF_ONE_RUN = {"repetition", "seed", "error", "lost_sequences"}
"""Figures of which there is no median."""


def figures(facts: Facts) -> Figures:
    """All figures of a run. Times in seconds; None: can't be known."""
    return found(FIGURES, facts)


def median_of(repetitions: Sequence[Figures]) -> Figures:
    """Each number of a mode's figures as its median over the repetitions that know it; causes too. What has none is left out."""
    return {key: _median(key, repetitions) for key in repetitions[0] if key not in OF_ONE_RUN}


def _median(key: str, repetitions: Sequence[Figures]) -> Any:
    known = [figures[key] for figures in repetitions if figures[key] is not None]
    if not known:
        return None
    first = known[0]
    if isinstance(first, dict):  # a mode that never met a cause met it 0 times
        parts = {part: middle([each.get(part, 0) for each in known]) for each in known for part in each}
        return {part: count for part, count in parts.items() if count or key != "causes"}
    return first if isinstance(first, bool | str) else middle(known)
