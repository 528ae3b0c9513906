"""The ledger as columns of whole numbers, for the page's script: charts and table come from here.

Owns a compact form: 100,000 messages in three modes must stay a few megabytes. Times are microseconds. What is the rule (sent
once, delivered, due at its interval) is left out; what is not is a list of exceptions. Causes and reasons are for reading, in the
user's language. `assets/charts.js` reads this form, nobody else.
"""

from typing import Any

from udpmsg.base.durations import MICROSECOND
from udpmsg.base.language import _, told
from udpmsg.compare.ladder_text import neighbours
from udpmsg.compare.ledger import Ending, LedgerRow
from udpmsg.compare.trace import Comparison, Trace
from udpmsg.show.markup import plain

Numbers = list[int | None]


def columns(comparison: Comparison, run: Trace, rows: list[LedgerRow]) -> dict[str, Any]:
    """One run. Index 0 is the first row; neighbours are pairs of indices, both included."""
    interval = comparison.workload.interval_ns
    regular = all(row.due_at == (row.sequence - 1) * interval and row.sequence == at for at, row in enumerate(rows, 1))
    return {
        "mode": run.mode.value,
        "repetition": run.repetition,
        "count": len(rows),
        "sequence": None if regular else [row.sequence for row in rows],
        "due": None if regular else [row.due_at // MICROSECOND for row in rows],
        "sent": one_if_same([since(row.sent_at, row.due_at) for row in rows]),
        "delay": one_if_same([microseconds(row.delay) for row in rows]),
        "round_trip": round_trips(run, rows),
        "known": known(run),
        "transmissions": [[at, row.transmissions] for at, row in enumerate(rows) if row.transmissions != 1],
        "duplicates": [[at, row.duplicates] for at, row in enumerate(rows) if row.duplicates],
        "reordered": neighbours(at for at, row in enumerate(rows) if row.reordered),
        "late": neighbours(at for at, row in enumerate(rows) if row.late),
        "not_delivered": [
            [at, row.outcome.value, row.cause and _(row.cause.value), row.reason and plain(told(row.reason))]
            for at, row in enumerate(rows)
            if row.outcome is not Ending.DELIVERED
        ],
    }


def round_trips(run: Trace, rows: list[LedgerRow]) -> Numbers | None:
    """The sender's round trips, where no one-way delay is known: what the charts show instead."""
    known = {sent.sequence: sent.rtt for sent in run.sent if sent.rtt is not None}
    if not known or any(row.delay is not None for row in rows):
        return None
    return [microseconds(known.get(row.sequence)) for row in rows]


def known(run: Trace) -> dict[str, Numbers] | None:
    """What the sender knew of the path, a value for each look; None where it knew nothing."""
    if not run.known:
        return None
    return {
        "at": [microseconds(row.at) for row in run.known],
        "window": [row.window for row in run.known],
        "in_flight": [row.in_flight for row in run.known],
        "pace": [row.pace for row in run.known],
        "srtt": [microseconds(row.srtt) for row in run.known],
        "retransmissions": [row.retransmissions for row in run.known],
    }


def microseconds(time: int | None) -> int | None:
    """Nanoseconds as microseconds, the nearest."""
    return None if time is None else round(time / MICROSECOND)


def since(time: int | None, start: int) -> int | None:
    """Microseconds from one to the other."""
    return None if time is None else microseconds(time - start)


def one_if_same(column: Numbers) -> Numbers | int | None:
    """A column that says the same of everyone, as that one value."""
    return column[0] if column and all(value == column[0] for value in column) else column
