"""A comparison as JSON lines for programs: the twin of the table.

Owns the keys. A line `mode` for each run, with the keys of every summary (`show.schema`) and those that only a comparison
has; before it a line `path` with what the sender knew over time, where it knew anything, and with the ledger a line `message` for
each row; a line `comparison` at the end. Every key of a line is always there,
units are in its name, and what is not known is null. The link is written as its options take it: "20ms", "5%". Writes to nothing.
"""

import os
from collections.abc import Iterator
from typing import Any

from udpmsg.base import kinds
from udpmsg.base.distribution import rounded
from udpmsg.compare.choices import CHOICES
from udpmsg.compare.facts import seconds
from udpmsg.compare.figures import median_of
from udpmsg.compare.ledger import LedgerRow
from udpmsg.compare.reading import Reading
from udpmsg.compare.trace import Comparison, Trace
from udpmsg.link.faults import Link
from udpmsg.link.fields import FIELDS, text_of
from udpmsg.link.script import fault_text
from udpmsg.show.jsonlines import line


def lines(reading: Reading, *, ledger: bool = False) -> Iterator[str]:
    """The lines, without line ends. All of them name this one run of the program."""
    name = os.urandom(8).hex()
    for one in reading.runs:
        if ledger:
            for row in one.rows:
                yield line("message", name, _message(one.run, row))
        if one.run.known:
            yield line("path", name, _path(one.run))
        yield line("mode", name, _tidy(one.figures))
    yield line("comparison", name, _whole(reading))


def _message(run: Trace, row: LedgerRow) -> dict[str, Any]:
    return {
        "mode": run.mode.value,
        "repetition": run.repetition,
        "sequence": row.sequence,
        "due_at_s": seconds(row.due_at),
        "sent_at_s": seconds(row.sent_at),
        "transmissions": row.transmissions,
        "delivered_at_s": seconds(row.delivered_at),
        "delay_s": seconds(row.delay),
        "outcome": row.outcome.value,
        "cause": None if row.cause is None else row.cause.value,
        "reason": row.reason,
        "duplicates": row.duplicates,
        "reordered": row.reordered,
        "late": row.late,
    }


def _path(run: Trace) -> dict[str, Any]:
    """What the sender knew, by columns: one value per row, all of one length. Between two rows the first one holds."""

    def column(name: str) -> list[Any]:
        return [getattr(row, name) for row in run.known]

    def times(name: str) -> list[float | None]:
        return [seconds(time) for time in column(name)]

    return {
        "mode": run.mode.value,
        "repetition": run.repetition,
        "at_s": times("at"),
        "window_bytes": column("window"),
        "in_flight_bytes": column("in_flight"),
        "ssthresh_bytes": column("ssthresh"),
        "pace_bps": column("pace"),
        "srtt_s": times("srtt"),
        "rto_s": times("rto"),
        "lost": column("lost"),
        "retransmissions": column("retransmissions"),
    }


def _whole(reading: Reading) -> dict[str, Any]:
    comparison, workload = reading.comparison, reading.comparison.workload
    return {
        "where": comparison.where.value,
        "target": comparison.target,
        "link": None if comparison.link is None else _link(comparison.link),
        "seed": comparison.seed,
        "workload": {
            "messages": workload.count,
            "interval_s": seconds(workload.interval_ns),
            "size_bytes": workload.size,
        },
        "choices": _choices(comparison),
        "tcp_congestion": comparison.tcp_congestion,
        "started": comparison.started,
        "system": comparison.system,
        "version": comparison.version,
        "command": comparison.command,
        "results": {mode.value: _tidy(median_of([one.figures for one in several])) for mode, several in reading.by_mode.items()},
    }


def _link(link: Link) -> dict[str, Any]:
    return {
        "name": link.name,
        "forward": {field: text_of(field, link.forward) for field in FIELDS},
        "back": {field: text_of(field, link.back) for field in FIELDS},
        "faults": [fault_text(fault) for fault in link.script],
    }


def _choices(comparison: Comparison) -> dict[str, Any]:
    """Every choice, with its unit in its key. What is late is told in every case."""
    plain: dict[str, Any] = {}
    for name, row in CHOICES.items():
        value = getattr(comparison if name == "late_ns" else comparison.choices, name)
        if name.endswith("_ns"):
            plain[f"{row.parameter}_s"] = seconds(value)
        else:
            plain[f"{name}_bytes" if row.kind is kinds.DATAGRAM else name] = value
    return plain


def _tidy(value: Any) -> Any:
    """Numbers with nine digits after the point, whatever they are in."""
    if isinstance(value, dict):
        return {key: _tidy(item) for key, item in value.items()}
    return rounded(value) if isinstance(value, float) else value
