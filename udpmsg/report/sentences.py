"""One sentence a mode that says in words what happened, from that run's own data.

Owns the words. A cause is named only where the ledger names one, and head-of-line blocking only where the link's record shows it.
Computes no figure.
"""

from collections import Counter
from typing import NamedTuple

from udpmsg.experiment.audit import audit
from udpmsg.experiment.figures import Figures
from udpmsg.experiment.ledger import Cause, Outcome, Row
from udpmsg.experiment.trace import Comparison, Mode, Run, Where
from udpmsg.link.record import Direction, Drop
from udpmsg.report.ladder import Arrow, Wait, arrows, waits
from udpmsg.report.setting import printable
from udpmsg.report.terminal import counted, duration

NOTABLE = 1.5
"""The slowest message is worth a word when it took so many times as long as the quickest."""

SHOWN = 3
"""Disagreements that are written out."""


def sentence(run: Run, rows: list[Row], figures: Figures, comparison: Comparison) -> str:
    """What happened in this run: "No handshake: the first message came after 20 ms; 6 of 100 never came (…) …"."""
    if run.error is not None and not any(row.sent_at is not None for row in rows):
        return f"Nothing was sent: {printable(run.error)}."
    if not rows:
        return f"There was no message to send; {_start(run, figures)}."
    clauses = [
        f"the run ended early: {printable(run.error)}" if run.error is not None else "",
        _start(run, figures),
        _blocked(run) or _again(run, rows, figures),
        _outcomes(run, rows, figures),
        _oddities(run, rows, figures),
        "TCP was unimpaired here, as a relay cannot drop its segments"
        if comparison.where is Where.RELAY and run.mode is Mode.TCP
        else "",
    ]
    text = "; ".join(clause for clause in clauses if clause)
    return f"{text[0].upper()}{text[1:]}."


def _start(run: Run, figures: Figures) -> str:
    """The handshake, and the first message."""
    first = "" if figures.first_delivery_s is None else f"the first message came after {duration(figures.first_delivery_s)}"
    if run.mode.transport == "udp":
        return f"no handshake: {first}" if first else "no handshake"
    if figures.connect_s is None:
        return first
    return f"the handshake took {duration(figures.connect_s)}{f', so {first}' if first else ''}"


def _again(run: Run, rows: list[Row], figures: Figures) -> str:
    """Retransmissions."""
    if not figures.retransmissions:
        return ""
    messages = [row for row in rows if (row.transmissions or 0) > 1]
    repeats = sum((row.transmissions or 1) - 1 for row in messages)
    if run.mode is Mode.TCP or repeats != figures.retransmissions:  # not whole messages, but parts of them
        return f"{_were(figures.retransmissions, 'segment' if run.mode is Mode.TCP else 'datagram')} sent again"
    most = max(row.transmissions or 0 for row in messages) - 1
    often = "" if most == 1 else " twice" if most == 2 else f" {most} times"
    if len(messages) == 1:
        return f"message {messages[0].sequence} was sent again{often}"
    return f"{len(messages):,} were sent again{often and f', at most{often}'}"


def disagreements(run: Run, rows: list[Row], comparison: Comparison) -> list[str]:
    """A sentence for what the ledger and the link's own record do not agree in. Empty: they agree, as they must."""
    found = audit(run, rows, comparison.choices, comparison.where)
    if not found:
        return []
    more = f"; and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
    return [f"The logs disagree, so these figures are in doubt: {printable('; '.join(found[:SHOWN]))}{more}."]


class Gap(NamedTuple):
    """A message that others waited for."""

    sequence: int
    held: list[Wait]

    @property
    def longest(self) -> int:
        """Nanoseconds that the one that waited longest did."""
        return max(wait.until - wait.since for wait in self.held)


def gaps(run: Run, drawn: list[Arrow]) -> list[Gap]:
    """Head-of-line blocking by its cause: each message that others waited for, and those others."""
    behind: dict[int, list[Wait]] = {}
    for wait in waits(run, drawn).values():
        behind.setdefault(wait.behind, []).append(wait)
    return [Gap(sequence, held) for sequence, held in behind.items()]


def _blocked(run: Run) -> str:
    """Head-of-line blocking: the worst of it. Plain UDP has none: it keeps no order."""
    if run.mode is Mode.UDP:
        return ""
    drawn = arrows(run)
    found = gaps(run, drawn)
    if not found:
        return ""
    worst = max(found, key=lambda gap: (gap.longest, len(gap.held)))
    unit = "segment" if run.mode is Mode.TCP else "datagram"
    return (
        f"{'one' if len(found) == 1 else 'a'} {_fault(worst.sequence, drawn)} {unit} (message {worst.sequence}) held back "
        f"{counted(len(worst.held), 'message')} for {duration(worst.longest / 1e9)}"
        f"{f', the worst of {len(found):,} gaps' if len(found) > 1 else ''}"
    )


def _fault(sequence: int, drawn: list[Arrow]) -> str:
    """What happened to the message that others waited for, by the record: to any of its transmissions."""
    carried = [
        arrow
        for arrow in drawn
        if arrow.direction is Direction.FORWARD and arrow.first_sequence <= sequence <= arrow.last_sequence
    ]
    if any(arrow.dropped is not None for arrow in carried):
        return "lost"
    if any(arrow.corrupted for arrow in carried):
        return "corrupted"
    return "delayed"


def _outcomes(run: Run, rows: list[Row], figures: Figures) -> str:
    """What became of the messages, and how long the slowest took."""
    total = len(rows)
    by_outcome = Counter(row.outcome for row in rows)
    lost = [row for row in rows if row.outcome is Outcome.LOST]
    unconfirmed = [row for row in rows if row.outcome is Outcome.UNCONFIRMED]
    never_sent = [row for row in rows if row.outcome is Outcome.REFUSED]
    clauses = []
    if never_sent:
        clauses.append(f"{_those(never_sent, total)} {_was(never_sent)} never sent{_causes(never_sent, bare=True)}")
    if lost:
        told = ""
        if run.mode is Mode.UDP:
            told = ", and nobody told the sender"
        elif any(sent.state == "unconfirmed" for sent in run.sent):
            told = f", and the sender knows {'it' if len(lost) == 1 else 'them'} only as unconfirmed"
        clauses.append(f"{_those(lost, total)} never came{_causes(lost)}{told}")
    if unconfirmed:
        clauses.append(_unconfirmed(unconfirmed, total))
    if by_outcome[Outcome.DELIVERED] == total:
        everything = "it" if total == 1 else "both" if total == 2 else f"all {total:,}"
        slowest = _slowest(figures)
        clauses.append(f"{everything} {'was' if total == 1 else 'were'} delivered{slowest and f', {slowest}'}")
    elif by_outcome[Outcome.DELIVERED]:
        slowest = _slowest(figures)
        clauses.append(f"the rest came, {slowest}" if slowest else "")
    return "; ".join(clause for clause in clauses if clause)


def _unconfirmed(unconfirmed: list[Row], total: int) -> str:
    came = [row for row in unconfirmed if row.delivered_at is not None]
    if len(came) < len(unconfirmed):
        return f"whether {_those(unconfirmed, total)} came is not known"
    lost = all(row.cause is Cause.ACKNOWLEDGMENT_LOST for row in came)
    why = "the acknowledgment was lost" if lost else "no acknowledgment came"
    return f"{_those(came, total)} came, and the sender was not told ({why})"


def _slowest(figures: Figures) -> str:
    delays = figures.one_way_delay_s
    if delays is not None and delays["max"] > NOTABLE * delays["min"]:
        return f"the slowest after {duration(delays['max'])}"
    round_trips = figures.rtt_s
    if delays is None and round_trips is not None:
        return f"acknowledged after {duration(round_trips['p50'])} (median)"
    return ""


def _oddities(run: Run, rows: list[Row], figures: Figures) -> str:
    """What came twice, or out of order, where no retransmission explains it."""
    if run.mode is not Mode.UDP:
        return ""
    again = [row.duplicates for row in rows if row.duplicates]
    said = []
    if figures.duplicates:
        said.append(
            f"{len(again):,} came twice" if again and max(again) == 1 else f"{counted(figures.duplicates, 'duplicate')} came"
        )
    said += [f"{figures.reordered:,} came out of order"] if figures.reordered else []
    return "; ".join(said)


def _causes(rows: list[Row], *, bare: bool = False) -> str:
    """In brackets why: the ledger's causes, with its reason where all have one. `bare`: the reason alone."""
    counts = Counter(row.cause.value if row.cause is not None else Cause.UNKNOWN.value for row in rows)
    reasons = {row.reason for row in rows if row.reason != Drop.LOSS}
    reason = printable(reasons.pop() or "") if len(reasons) == 1 else ""
    if bare:
        return f" ({reason})" if reason else ""
    if len(counts) == 1:
        cause = next(iter(counts))
        cause = "cause unknown" if cause == Cause.UNKNOWN.value else cause
        return f" ({cause}{f': {reason}' if reason else ''})"
    return f" ({', '.join(f'{number:,} {cause}' for cause, number in counts.most_common())})"


def _those(rows: list[Row], total: int) -> str:
    """message 4; 6 of 100; all 100 messages."""
    if len(rows) == 1:
        return f"message {rows[0].sequence}"
    if len(rows) == total:
        return "both messages" if total == 2 else f"all {total:,} messages"
    return f"{len(rows):,} of {total:,}"


def _was(rows: list[Row]) -> str:
    return "was" if len(rows) == 1 else "were"


def _were(number: int, noun: str) -> str:
    return f"{counted(number, noun)} {'was' if number == 1 else 'were'}"
