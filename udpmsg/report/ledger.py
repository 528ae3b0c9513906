"""The ledger as text: a row a message and mode, a line at a time. The rows themselves are `experiment.ledger`'s."""

from collections.abc import Iterator

from udpmsg.experiment.ledger import Outcome, Row, rows
from udpmsg.experiment.trace import Comparison, Run
from udpmsg.report.setting import printable
from udpmsg.report.terminal import counted, duration, paint

PURPOSES = {Outcome.DELIVERED: "good", Outcome.LOST: "error", Outcome.UNCONFIRMED: "warning", Outcome.REFUSED: "error"}
NOT_KNOWN = "–"
TIME, DELAY, OUTCOME = 11, 9, 11
"""Columns."""
MILLISECOND = 1e6


def lines(comparison: Comparison, *, colour: bool) -> Iterator[str]:
    """A heading and a row a message for each run, in the order in which they ran. Times are milliseconds from its start."""
    for number, run in enumerate(comparison.runs):
        if number:
            yield ""
        yield from run_lines(run, rows(run, comparison.choices), colour=colour, repeated=comparison.choices.repeat > 1)


def run_lines(run: Run, ledger: list[Row], *, colour: bool, repeated: bool = False) -> Iterator[str]:
    """The ledger of one run."""
    which = f", repetition {run.repetition}, seed {run.seed}" if repeated else ""
    yield paint(f"{run.mode.value}{which}", "number", colour)
    width = max(3, len(f"{ledger[-1].sequence:,}")) if ledger else 3
    head = f"{'#':>{width}}{'sent, ms':>{TIME}}  times{'delivered, ms':>{TIME + 4}}{'delay':>{DELAY + 2}}  outcome"
    yield paint(head, "note", colour)
    if not ledger:
        yield paint(" " * width + "  no messages", "note", colour)
    for row in ledger:
        times = NOT_KNOWN if row.transmissions is None else str(row.transmissions)
        delay = NOT_KNOWN if row.delay is None else duration(row.delay / 1e9)
        state = paint(f"{row.outcome.value:<{OUTCOME}}", PURPOSES[row.outcome], colour)
        yield (
            f"{row.sequence:>{width},}{_time(row.sent_at):>{TIME}}{times:>7}{_time(row.delivered_at):>{TIME + 4}}"
            f"{delay:>{DELAY + 2}}  {state} {remarks(row)}"
        ).rstrip()


def remarks(row: Row) -> str:
    """The cause with its reason, and whatever else is to be said of a message."""
    said = []
    if row.cause is not None:
        said.append(row.cause.value + (f" ({printable(row.reason)})" if row.reason else ""))
    said += ["late"] if row.late else []
    said += ["reordered"] if row.reordered else []
    said += [counted(row.duplicates, "duplicate")] if row.duplicates else []
    return ", ".join(said)


def _time(time: int | None) -> str:
    return NOT_KNOWN if time is None else f"{time / MILLISECOND:,.1f}"
