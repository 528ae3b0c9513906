"""Distributions in bounded memory. Knows neither what is measured nor how it is shown."""

from collections.abc import Iterator
from math import ceil, exp, log

Percentiles = tuple[tuple[str, float], ...]

PERCENTILES: Percentiles = (("p50", 0.50), ("p90", 0.90), ("p99", 0.99))
TAIL: Percentiles = (*PERCENTILES, ("p99.9", 0.999), ("p99.99", 0.9999))
"""For what only one message in ten thousand shows."""

EXACT_SAMPLES = 10_000
"""The first 10,000 samples are kept as they are (80 KiB of pointers); further ones are counted in buckets of 1 % width."""

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

    def summary(self, percentiles: Percentiles = PERCENTILES) -> dict[str, float] | None:
        """The seven figures (with TAIL two more), or None where nothing was measured."""
        if not self.count:
            return None
        figures: dict[str, float] = {"count": self.count, "min": self.minimum, "mean": self.total / self.count}
        ordered = list(self._ordered())
        for name, share in percentiles:
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


def rounded(value: float) -> float:
    """Nine digits after the point: a nanosecond where the unit is a second."""
    return round(value, 9)
