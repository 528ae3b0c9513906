"""The one summary schema, and distributions in bounded memory.

Owns the keys that every summary has, in both transports and on both sides, with the units in their names. What cannot be
known is None (`null` in JSON): never 0, never NaN. Does not know how a summary is shown, nor how a run was made.
"""

from collections.abc import Iterator
from math import ceil, exp, isfinite, log
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from udpmsg.statistics import ReceiverStatistics, SenderStatistics

Summary = dict[str, Any]

KEYS = (
    "transport",  # "udp", "tcp" or, for a listener on both, "both"
    "acknowledged",  # whether acknowledgments were asked for; on a listener, by any sender
    "observer",  # who says all this: "sender" or "listener"
    "messages_sent",
    "messages_delivered",
    "messages_unconfirmed",
    "messages_refused",
    "messages_lost",
    "duplicates",
    "reordered",
    "retransmissions",
    "kernel_drops",
    "malformed",
    "payload_bytes",
    "duration_s",
    "goodput_bps",  # unique payload bits a second
    "rtt_s",  # a distribution
    "one_way_delay_s",  # a distribution; None across hosts whose clocks are not synchronised
    "jitter_s",  # one number: RFC 3550's running estimate
)
"""Every summary has these keys, in this order."""

PERCENTILES = (("p50", 0.50), ("p90", 0.90), ("p99", 0.99))

EXACT_SAMPLES = 10_000
"""So many samples are kept as they are (80 KiB of pointers); beyond, they are counted in buckets of 1 % width."""

BUCKET_RATIO = log(1.01)


class Distribution:
    """Samples in, `{count min mean p50 p90 p99 max}` out. Percentiles are exact to 10,000 samples, and within 1 % beyond."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.minimum = float("inf")
        self.maximum = 0.0
        self._samples: list[float] = []
        self._buckets: dict[int, int] = {}

    def add(self, sample: float) -> None:
        """Count one sample, in the unit of the key that it is reported under; never negative."""
        self.count += 1
        self.total += sample
        if sample < self.minimum:
            self.minimum = sample
        if sample > self.maximum:
            self.maximum = sample
        if self._buckets:
            self._count(sample)
        else:
            self._samples.append(sample)
            if len(self._samples) > EXACT_SAMPLES:
                for kept in self._samples:
                    self._count(kept)
                self._samples = []

    def summary(self) -> dict[str, float] | None:
        """The seven figures, or None where nothing was measured."""
        if not self.count:
            return None
        figures: dict[str, float] = {"count": self.count, "min": self.minimum, "mean": self.total / self.count}
        ordered = list(self._ordered())
        for name, share in PERCENTILES:
            figures[name] = self._at(ordered, ceil(share * self.count))
        figures["max"] = self.maximum
        return {name: figure if name == "count" else rounded(figure) for name, figure in figures.items()}

    def _count(self, sample: float) -> None:
        bucket = round(log(sample) / BUCKET_RATIO) if sample > 0 else -(10**9)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1

    def _ordered(self) -> Iterator[tuple[float, int]]:
        if self._buckets:
            for bucket in sorted(self._buckets):
                value = exp(bucket * BUCKET_RATIO)
                yield min(max(value, self.minimum), self.maximum), self._buckets[bucket]
        else:
            for sample in sorted(self._samples):
                yield sample, 1

    @staticmethod
    def _at(ordered: list[tuple[float, int]], rank: int) -> float:
        """The nearest-rank percentile: the value that the `rank`-th smallest sample has."""
        seen = 0
        for value, count in ordered:
            seen += count
            if seen >= rank:
                return value
        return ordered[-1][0]


def sender_summary(statistics: "SenderStatistics", round_trips: Distribution) -> Summary:
    """A sender's summary. Fire and forget knows nothing about delivery, and says None."""
    return _complete(
        transport=statistics.transport,
        acknowledged=statistics.acknowledged,
        observer="sender",
        messages_sent=statistics.messages_sent,
        messages_delivered=statistics.messages_delivered,
        messages_unconfirmed=statistics.messages_unconfirmed,
        messages_refused=statistics.messages_refused,
        retransmissions=statistics.retransmissions,
        malformed=statistics.malformed,
        payload_bytes=statistics.payload_bytes,
        duration_s=rounded(statistics.duration_s),
        goodput_bps=_rate(statistics.delivered_bytes, statistics.duration_s),
        rtt_s=round_trips.summary(),
    )


def listener_summary(statistics: "ReceiverStatistics") -> Summary:
    """A listener's summary. What was sent is the senders' word, and None where one of them gave none."""
    return _complete(
        transport=statistics.transport,
        acknowledged=statistics.acknowledged,
        observer="listener",
        messages_sent=statistics.messages_sent,
        messages_delivered=statistics.messages_delivered,
        messages_lost=statistics.messages_lost,
        duplicates=statistics.duplicates,
        reordered=statistics.reordered,
        kernel_drops=statistics.kernel_drops,
        malformed=statistics.malformed,
        payload_bytes=statistics.payload_bytes,
        duration_s=rounded(statistics.duration_s),
        goodput_bps=_rate(statistics.payload_bytes, statistics.duration_s),
        jitter_s=None if statistics.jitter_s is None else rounded(statistics.jitter_s),
    )


def empty_summary(transport: str, observer: str, acknowledged: bool | None = None) -> Summary:
    """The summary of a run that ended before it began: nothing was sent, nothing came."""
    return _complete(
        transport=transport,
        acknowledged=acknowledged,
        observer=observer,
        messages_sent=0 if observer == "sender" else None,
        messages_delivered=0 if observer == "listener" or acknowledged else None,
        messages_unconfirmed=0 if acknowledged else None,
        messages_refused=0 if observer == "sender" else None,
        payload_bytes=0,
        duration_s=0.0,
    )


def rounded(value: float) -> float:
    """Nine digits after the point: a nanosecond where the unit is a second."""
    return round(value, 9)


def _complete(**known: Any) -> Summary:
    return {key: known.get(key) for key in KEYS}


def _rate(size: int | None, seconds: float) -> float | None:
    """Bits a second, or None where the size is unknown or no time passed."""
    if size is None or seconds <= 0:
        return None
    rate = size * 8 / seconds
    return round(rate, 1) if isfinite(rate) else None
