"""The figures of `scripts/bench distance` as tables in Markdown and as JSON lines: medians, ratios, p99, Jain's index, verdicts.

Measures nothing.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from peers.tables import shown

from distance.flows import TRIES, Measured, SideBySide
from distance.rows import Aim, Row
from udpmsg.base.distribution import Distribution
from udpmsg.link.wording import describe

OURS, CUBIC, BBR = "udp+ack", "cubic", "bbr"
FLOWS = (OURS, CUBIC, BBR)
"""What carries each row's bulk, in turn."""
NONE = "–"


@dataclass
class Rounds:
    """One row, all rounds."""

    row: Row
    measured: dict[str, list[Measured]] = field(default_factory=lambda: {flow: [] for flow in FLOWS})
    failures: list[str] = field(default_factory=list)
    skipped: str | None = None
    """Why it was not measured."""

    def median(self, flow: str, figure: str) -> float | None:
        """Of one flow's figure; None: never measured."""
        values = [getattr(one, figure) for one in self.measured[flow]]
        return statistics.median(values) if values else None

    def spread(self, flow: str) -> str:
        """Least and most of a flow's goodput in Mbit/s, behind its median, where they are far apart: by a tenth of it."""
        rates = [one.goodput_bps / 1e6 for one in self.measured[flow]]
        if not rates or max(rates) - min(rates) <= statistics.median(rates) / 10:
            return ""
        return f" ({shown(min(rates))}–{shown(max(rates))})"

    def ratio(self, beside: str) -> float | None:
        """Our goodput to another's."""
        ours, other = self.median(OURS, "goodput_bps"), self.median(beside, "goodput_bps")
        return ours / other if ours is not None and other else None

    def p99(self, flow: str) -> float | None:
        """Seconds of the messages beside, all rounds together: one round has too few of them."""
        delays = Distribution()
        for one in self.measured[flow]:
            for delay in one.beside_s:
                delays.add(delay)
        summary = delays.summary()
        return None if summary is None else summary["p99"]

    def verdict(self) -> str:
        """Whether the aim is reached; all that is short is named."""
        aim = self.row.aim
        if aim is None or not self.measured[OURS]:
            return ""
        ratio = self.ratio(aim.beside)
        if ratio is None:
            return f"not known: no {aim.beside}"
        short = [f"{ratio:.2f} of {aim.ratio:g} × {aim.beside}"] if ratio < aim.ratio else []
        short += self._repeated(aim)
        return f"**short**: {', '.join(short)}" if short else "reached"

    def _repeated(self, aim: Aim) -> list[str]:
        """What there is too much of."""
        counted: list[tuple[float, float]] = []
        if aim.retransmissions is not None:  # in every round: each has a seed of its own
            counted.append((max(one.retransmissions for one in self.measured[OURS]), float(aim.retransmissions)))
        ours, other = self.median(OURS, "retransmissions"), self.median(aim.beside, "retransmissions")
        if aim.retransmissions_ratio is not None and ours is not None and other is not None:
            counted.append((ours, aim.retransmissions_ratio * other))
        return [f"{many:,.0f} retransmissions of at most {bound:,.0f}" for many, bound in counted if many > bound]

    def notes(self) -> list[str]:
        """What must be known beside the figures."""
        if self.skipped is not None:
            return [f"not measured: {self.skipped}"]
        said: list[str] = list(self.failures)
        for flow, runs in self.measured.items():
            said += [f"{flow}, round {number}: {one.error}" for number, one in enumerate(runs, 1) if one.error]
            if disturbed := [one.router for one in runs if one.router]:
                said.append(f"{flow}: in {len(disturbed)} of {len(runs)} rounds {disturbed[-1]}, tried {TRIES} times")
            if dropped := [one.kernel_drops for one in runs if one.kernel_drops]:
                said.append(
                    f"{flow}: in {len(dropped)} of {len(runs)} rounds its kernel dropped up to {max(dropped):,} datagrams"
                )
            if undelivered := [self.row.count - one.delivered for one in runs if one.delivered < self.row.count]:
                said.append(f"{flow}: up to {max(undelivered):,} of {self.row.count:,} messages were not delivered")
        return said


def distance_table(rows: Iterable[Rounds]) -> str:
    """Every row: medians, our goodput to the others', and the aim."""
    lines = [
        "| row | bulk, link | goodput, Mbit/s: udp+ack, cubic, bbr | × cubic | × bbr | retransmissions | p99 beside, ms | aim |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in rows:
        row = one.row
        bulk = f"{row.count:,} × {row.size:,} B, {describe(row.link)}"
        if row.congestion is not None:
            bulk += f", udp+ack with {row.congestion}"
        if one.skipped is not None:
            lines.append(f"| {row.name} | {bulk} | | | | | | not measured |")
            continue
        cells = [
            row.name,
            bulk,
            ", ".join(number(one.median(flow, "goodput_bps"), 1e-6) + one.spread(flow) for flow in FLOWS),
            *(times(one.ratio(flow)) for flow in (CUBIC, BBR)),
            ", ".join(number(one.median(flow, "retransmissions"), whole=True) for flow in FLOWS),
            ", ".join(number(one.p99(flow), 1e3) for flow in FLOWS),
            one.verdict(),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    notes = [f"- {one.row.name}: {words}" for one in rows for words in one.notes()]
    return "\n".join([*lines, "", *notes] if notes else lines)


def number(value: float | None, factor: float = 1.0, *, whole: bool = False) -> str:
    """A figure, or a dash."""
    if value is None:
        return NONE
    return f"{value:,.0f}" if whole else shown(value * factor)


def times(ratio: float | None) -> str:
    """A ratio, or a dash."""
    return NONE if ratio is None else f"{ratio:.2f}"


def run_line(row: Row, turn: int, flow: str, measured: Measured) -> dict[str, Any]:
    """One run, as JSON has it."""
    return {"event": "run", "row": row.name, "round": turn, "flow": flow, "command": row.command} | vars(measured)


def row_line(one: Rounds) -> dict[str, Any]:
    """One row's medians."""
    return {
        "event": "row",
        "row": one.row.name,
        "command": one.row.command,
        **{
            flow: {
                "goodput_bps": one.median(flow, "goodput_bps"),
                "retransmissions": one.median(flow, "retransmissions"),
                "beside_p99_s": one.p99(flow),
                "rounds": len(one.measured[flow]),
            }
            for flow in FLOWS
        },
        "ratio_cubic": one.ratio(CUBIC),
        "ratio_bbr": one.ratio(BBR),
        "verdict": one.verdict(),
        "notes": one.notes(),
    }


# Two flows ----------------------------------------------------------------------------------------------------------------


def jain(rates: Sequence[float]) -> float:
    """Jain's index of fairness (RFC 5166, 2.2.2): 1 where all have the same, 1/n where one has everything; 0 of nothing."""
    squares = sum(rate * rate for rate in rates)
    return sum(rates) ** 2 / (len(rates) * squares) if squares else 0.0


@dataclass(frozen=True)
class Shares:
    """Two flows, once: what came of each in a stretch of time."""

    bytes: tuple[int, int]
    seconds: int

    @property
    def share(self) -> float:
        """The first one's, 0 to 1."""
        return self.bytes[0] / total if (total := sum(self.bytes)) else 0.0

    @property
    def rates(self) -> tuple[float, float]:
        """Bits a second."""
        return self.bytes[0] * 8 / self.seconds, self.bytes[1] * 8 / self.seconds


def shares(counted: Sequence[Sequence[int]], since: int = 0) -> Shares:
    """From the bytes of each second, those from `since` on."""
    first, second = (sum(seconds[since:]) for seconds in counted)
    return Shares((first, second), len(counted[0]) - since)


def fairness_table(measured: Mapping[tuple[str, str], Sequence[SideBySide]], seconds: int) -> str:
    """Every pair: medians over its rounds, over the whole time and over its second half."""
    half = seconds // 2
    notes: list[str] = []
    lines = [
        f"| flows | Mbit/s | the first one's share, {seconds} s | Jain | share, the last {seconds - half} s | Jain |",
        "|---|---|---|---|---|---|",
    ]
    for names, rounds in measured.items():
        if not rounds:
            lines.append(f"| {' beside '.join(names)} | not measured | | | | |")
            continue
        cells = []
        for since in (0, half):
            each = [shares(one.bytes_per_s, since) for one in rounds]
            if not since:
                rates = [statistics.median(one.rates[which] for one in each) / 1e6 for which in (0, 1)]
                cells.append(", ".join(map(shown, rates)))
            cells.append(f"{statistics.median(one.share for one in each):.0%}")
            cells.append(f"{statistics.median(jain(one.bytes) for one in each):.3f}")
        lines.append(f"| {' beside '.join(names)} | {' | '.join(cells)} |")
        if disturbed := [one.router for one in rounds if one.router]:
            notes.append(f"- {' beside '.join(names)}: in {len(disturbed)} of {len(rounds)} rounds {disturbed[-1]}")
    return "\n".join([*lines, "", *notes] if notes else lines)
