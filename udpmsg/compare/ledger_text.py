"""The ledger as text: one row per message and mode, line by line. The rows themselves are `compare.ledger`'s."""

from collections.abc import Iterator

from udpmsg.base.durations import MILLISECOND
from udpmsg.base.language import N_, _, number, plural, said, told
from udpmsg.compare.ledger import Ending, LedgerRow
from udpmsg.compare.reading import Reading
from udpmsg.compare.trace import Trace
from udpmsg.show.terminal import duration, paint, printable

PURPOSES = {Ending.DELIVERED: "good", Ending.LOST: "error", Ending.UNCONFIRMED: "warning", Ending.REFUSED: "error"}
OUTCOMES = {
    Ending.DELIVERED: N_("message|delivered"),
    Ending.LOST: N_("message|lost"),
    Ending.UNCONFIRMED: N_("message|unconfirmed"),
    Ending.REFUSED: N_("message|refused"),
}
NOT_KNOWN = "–"
TIME, DELAY, OUTCOME = 11, 11, 11
"""Columns, and the least space that is before a word in them."""
GAP = 2


def lines(reading: Reading, *, colour: bool) -> Iterator[str]:
    """For each run, in the order in which they ran, a heading and one row per message. Times are milliseconds from its start."""
    for place, one in enumerate(reading.runs):
        if place:
            yield ""
        yield from run_lines(one.run, one.rows, colour=colour, repeated=reading.comparison.choices.repeat > 1)


def run_lines(run: Trace, ledger: list[LedgerRow], *, colour: bool, repeated: bool = False) -> Iterator[str]:
    """The ledger of one run."""
    which = _("{}, repetition {}, seed {}").format(run.mode.value, run.repetition, run.seed) if repeated else run.mode.value
    yield paint(which, "number", colour)
    first = max(3, len(number(ledger[-1].sequence))) if ledger else 3
    headings = [_("sent, ms"), _("times"), _("delivered, ms"), _("delay")]
    rooms = [max(least, len(heading) + GAP) for least, heading in zip((TIME, 0, TIME + 4, DELAY), headings, strict=True)]
    outcome = max(OUTCOME, *(len(said(word)) for word in OUTCOMES.values()))
    heads = "".join(f"{heading:>{room}}" for heading, room in zip(headings, rooms, strict=True))
    yield paint(f"{'#':>{first}}{heads}  {_('outcome')}", "note", colour)
    if not ledger:
        yield paint(" " * first + f"  {_('no messages')}", "note", colour)
    for row in ledger:
        cells = [
            _time(row.sent_at),
            NOT_KNOWN if row.transmissions is None else str(row.transmissions),
            _time(row.delivered_at),
            NOT_KNOWN if row.delay is None else duration(row.delay / 1e9),
        ]
        columns = "".join(f"{cell:>{room}}" for cell, room in zip(cells, rooms, strict=True))
        state = paint(f"{said(OUTCOMES[row.outcome]):<{outcome}}", PURPOSES[row.outcome], colour)
        yield f"{number(row.sequence):>{first}}{columns}  {state} {remarks(row)}".rstrip()


def remarks(row: LedgerRow) -> str:
    """The cause with its reason, and whatever else is to be said of a message."""
    notes = []
    if row.cause is not None:
        notes.append(_(row.cause.value) + (f" ({printable(told(row.reason))})" if row.reason else ""))
    notes += [_("late")] if row.late else []
    notes += [_("reordered")] if row.reordered else []
    notes += [plural("{} duplicate", "{} duplicates", row.duplicates).format(number(row.duplicates))] if row.duplicates else []
    return ", ".join(notes)


def _time(time: int | None) -> str:
    return NOT_KNOWN if time is None else number(time / MILLISECOND, ",.1f")
