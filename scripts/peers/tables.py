"""The figures as tables in Markdown: what was to be reached, and how all peers stand.

Owns the targets and the layout. Measures nothing.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from peers.catalogue import SECTIONS, Peer
from peers.tools import Measured


@dataclass
class Series:
    """One peer, all rounds."""

    peer: Peer
    measured: list[Measured] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def values(self) -> list[float]:
        """Of the rounds that did not fail."""
        return [value for value, _ in self.measured]

    @property
    def median(self) -> float | None:
        """None: not measured."""
        return statistics.median(self.values) if self.measured else None

    @property
    def lost(self) -> float | None:
        """The median share that was lost; None where that does not apply."""
        shares = [share for _, share in self.measured if share is not None]
        return statistics.median(shares) if shares else None

    @property
    def trouble(self) -> str | None:
        """Why it was not measured, or not in each round."""
        if self.peer.missing:
            return f"missing: {self.peer.missing}"
        if not self.failures:
            return None
        rounds = len(self.measured) + len(self.failures)
        return f"failed in {len(self.failures)} of {rounds} rounds: {self.failures[-1]}"


@dataclass(frozen=True)
class Target:
    """A figure to reach."""

    what: str
    ours: str
    value: float
    than: tuple[str, ...] = ()
    """A ratio to the best of these; none: an absolute figure, in messages a second."""
    most: bool = False
    """The ratio may be at most so much: less is better."""

    @property
    def wanted(self) -> str:
        """In words."""
        bound = "at most" if self.most else "at least"
        if not self.than:
            return f"{bound} {self.value:,.0f} msg/s"
        return f"{bound} {self.value:g} × {self.than[0]}"

    def reached(self, series: Mapping[str, Series]) -> tuple[float | None, str]:
        """The figure that counts, and "reached", "short", or why nobody knows."""
        ours = median_of(series, self.ours)
        others = [value for name in self.than if (value := median_of(series, name)) is not None]
        if ours is None or (self.than and not others):
            return None, f"not measured: {self.ours if ours is None else self.than[0]}"
        figure = ours / max(others) if self.than else ours
        good = figure <= self.value if self.most else figure >= self.value
        return figure, "reached" if good else "**short**"


ZERO_LOSS = "`send_many` to the receiver's loop, each payload handed over, zero loss, 1200 B"
BENCH = "`bench` throughput, zero loss, every sequence number checked"
ACKNOWLEDGED = "acknowledged, all DELIVERED, 1200 B"
ROUND_TRIP = "round trip of one acknowledged message, on one core, p50"
MIXED = "`Receiver.poll`, 300 senders in turns, 64 B, CPU time"
TARGETS = (
    Target("`Sender.send`, one message per call, 64 B, CPU time", "udpmsg-lone-send", 3, ("plain-lone-send",), most=True),
    Target(MIXED, "udpmsg-mixed", 3.5, ("plain-mixed",), most=True),
    Target(f"{MIXED}, acknowledged", "udpmsg-mixed-acknowledged", 8, ("plain-mixed",), most=True),
    Target(ROUND_TRIP, "udpmsg-round-trip", 3.5, ("plain-round-trip",), most=True),
    Target(ROUND_TRIP, "udpmsg-round-trip", 3, ("sockperf-round-trip",), most=True),
    Target(f"{BENCH}, 1200 B", "udpmsg-bench", 0.5, ("limit",)),
    Target(f"{BENCH}, 1200 B", "udpmsg-bench", 1, ("iperf3-gsro",)),
    Target(f"{BENCH}, 64 B", "udpmsg-bench-64", 0.3, ("limit-64",)),
    Target(ZERO_LOSS, "udpmsg", 1e6),
    Target(ZERO_LOSS, "udpmsg", 4, ("iperf3", "iperf3-new")),
    Target(ZERO_LOSS, "udpmsg", 4, ("uvloop",)),
    Target("`udpmsg.aio`, batches from `poll`, received per second of CPU time", "udpmsg-asyncio", 10, ("asyncio-cpu",)),
    Target(ACKNOWLEDGED, "udpmsg-acknowledged", 0.5e6),
    Target(f"{ACKNOWLEDGED}, without the extra `fast`", "udpmsg-acknowledged-zlib", 0.6, ("udpmsg-tcp",)),
    Target("TCP twin, framed, each payload handed over, 1200 B", "udpmsg-tcp", 1e6),
    Target("goodput, acknowledged, 5 % loss and 20 ms each way", "udpmsg-lossy", 1, ("tcp-lossy",)),
    Target("start-up of `udpmsg send`", "udpmsg-send", 6.5, ("python",), most=True),
)
"""Where several peers are named, the best of them counts."""


def median_of(series: Mapping[str, Series], name: str) -> float | None:
    """None: it was not measured."""
    return series[name].median if name in series else None


def target_table(series: Mapping[str, Series]) -> str:
    """What was to be reached."""
    rows = ["| what | wanted | measured | |", "|---|---|---|---|"]
    for target in TARGETS:
        figure, verdict = target.reached(series)
        shown = "–" if figure is None else f"{figure:.2f} ×" if target.than else f"{figure:,.0f} msg/s"
        rows.append(f"| {target.what} | {target.wanted} | {shown} | {verdict} |")
    return "\n".join(rows)


def peer_table(series: Mapping[str, Series]) -> str:
    """Everybody, section by section; what is missing or failed is named below."""
    parts, troubles = [], []
    for section in SECTIONS:
        members = [one for one in series.values() if one.peer.section == section.name]
        if not members:
            continue
        ours = median_of(series, section.ours)
        rows = [f"| {section.title} | {section.unit}, median | least–most | lost | ÷ udpmsg |", "|---|---|---|---|---|"]
        rows += [row(one, ours, strong=one.peer.name == section.ours) for one in members]
        troubles += [f"- {one.peer.title}: {one.trouble}" for one in members if one.trouble]
        parts.append("\n".join(rows))
    if troubles:
        parts.append("Not measured, or not in every round:\n\n" + "\n".join(troubles))
    return "\n\n".join(parts)


def row(one: Series, ours: float | None, *, strong: bool) -> str:
    """One peer."""
    title = f"**{one.peer.title}**" if strong else one.peer.title
    if one.median is None:
        why = "missing" if one.peer.missing else "failed" if one.failures else "not measured"
        return f"| {title} | {why} | | | |"
    least, most = shown(min(one.values)), shown(max(one.values))
    lost = "" if one.lost is None else f"{one.lost:.1%}" if one.lost else "0"
    ratio = "" if ours is None else f"{one.median / ours:.3g}"
    return f"| {title} | {shown(one.median)} | {least}–{most} | {lost} | {ratio} |"


def shown(value: float) -> str:
    """Three digits at least, and no more behind the point than say something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def machine_lines(machine: Mapping[str, str]) -> str:
    """Where this was measured."""
    return "\n".join(f"- {name}: {value}" for name, value in machine.items())


def as_json(series: Sequence[Series]) -> list[dict[str, object]]:
    """Every value of every round."""
    return [
        {
            "name": one.peer.name,
            "section": one.peer.section,
            "title": one.peer.title,
            "values": one.values,
            "lost": [share for _, share in one.measured],
            "failures": one.failures,
            "missing": one.peer.missing,
        }
        for one in series
    ]
