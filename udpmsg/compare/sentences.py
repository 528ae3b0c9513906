"""One sentence per mode that says in words what happened, from that run's own data.

Owns the words. A cause is named only where the ledger names one, and head-of-line blocking only where the link's record shows it.
Computes no figure.
"""

from collections import Counter

from udpmsg.base.language import N_, _, number, plural, said, told
from udpmsg.compare.choices import Mode
from udpmsg.compare.ledger import Cause, Ending, LedgerRow
from udpmsg.compare.reading import RunReading
from udpmsg.compare.trace import Trace, Where
from udpmsg.link.record import Drop
from udpmsg.show.figure import Figures
from udpmsg.show.terminal import counted, duration, printable

NOTABLE = 1.5
"""The slowest message is worth a word when it took so many times as long as the quickest."""

SHOWN = 3
"""Disagreements that are written out."""

HELD_BY = {
    ("lost", "datagram"): N_("lost datagram"),
    ("corrupted", "datagram"): N_("corrupted datagram"),
    ("delayed", "datagram"): N_("delayed datagram"),
    ("lost", "segment"): N_("lost segment"),
    ("corrupted", "segment"): N_("corrupted segment"),
    ("delayed", "segment"): N_("delayed segment"),
}
"""What others waited for, by what happened to it and what it was."""

OPENINGS = {
    "SYN": N_("the SYN was lost; TCP waited {} and sent it again"),
    "SYN-ACK": N_("the SYN-ACK was lost; TCP waited {} and sent the SYN again"),
    "": N_("the answer to the SYN took long; TCP waited {} and sent it again"),
}
"""Why there was more than one SYN, by what was lost."""


def sentence(one: RunReading) -> str:
    """What happened in this run: "No handshake: the first message came after 20 ms; 6 of 100 never came (…) …"."""
    run, rows, figures = one.run, one.rows, one.figures
    if run.error is not None and not any(row.sent_at is not None for row in rows):
        return _("Nothing was sent: {}.").format(printable(told(run.error)))
    if not rows:
        return _("There was no message to send; {}.").format(_start(run, figures))
    clauses = [
        _("the run ended early: {}").format(printable(told(run.error))) if run.error is not None else "",
        _opening(one),
        _start(run, figures),
        _blocked(one) or _again(one),
        _outcomes(run, rows, figures),
        _oddities(run, rows, figures),
        _("TCP was unimpaired here, as a relay cannot drop its segments")
        if one.comparison.where is Where.RELAY and run.mode is Mode.TCP
        else "",
    ]
    text = "; ".join(clause for clause in clauses if clause)
    return f"{text[0].upper()}{text[1:]}."


def _start(run: Trace, figures: Figures) -> str:
    """The handshake, and the first message."""
    first = None if figures["first_delivery_s"] is None else duration(figures["first_delivery_s"])
    if run.mode.transport == "udp":
        return _("no handshake") if first is None else _("no handshake: the first message came after {}").format(first)
    if figures["connect_s"] is None:
        return "" if first is None else _("the first message came after {}").format(first)
    connect = duration(figures["connect_s"])
    if first is None:
        return _("the handshake took {}").format(connect)
    return _("the handshake took {}, so the first message came after {}").format(connect, first)


def _opening(one: RunReading) -> str:
    """Why TCP's handshake took so long: Linux waits a second for the answer to a SYN (RFC 6298, 2.1)."""
    opening = one.opening
    if opening is None:
        return ""
    waited = duration(opening.waited / 1e9)
    if opening.again > 1 and opening.lost:
        return _("the SYN or its answer was lost {} times; TCP waited {} in all and sent it again").format(opening.again, waited)
    return _(OPENINGS[opening.lost]).format(waited)


def _again(one: RunReading) -> str:
    """Retransmissions of messages."""
    retransmissions = (one.figures["retransmissions"] or 0) - (one.opening.again if one.opening else 0)
    if not retransmissions:
        return ""
    messages = [row for row in one.rows if (row.transmissions or 0) > 1]
    repeats = sum((row.transmissions or 1) - 1 for row in messages)
    if one.run.mode is Mode.TCP:  # not whole messages, but parts of them
        text = plural("{} segment was sent again", "{} segments were sent again", retransmissions)
        return text.format(number(retransmissions))
    if repeats != retransmissions:  # parts here too
        text = plural("{} datagram was sent again", "{} datagrams were sent again", retransmissions)
        return text.format(number(retransmissions))
    most = max(row.transmissions or 0 for row in messages) - 1
    if len(messages) == 1:
        often = [_("message {} was sent again"), _("message {} was sent again twice"), _("message {} was sent again {} times")]
        return often[min(most, 3) - 1].format(messages[0].sequence, most)
    often = [_("{} were sent again"), _("{} were sent again, at most twice"), _("{} were sent again, at most {} times")]
    return often[min(most, 3) - 1].format(number(len(messages)), most)


def disagreements(one: RunReading) -> list[str]:
    """A sentence for what the ledger and the link's own record do not agree in. Empty: they agree, as they must."""
    found = one.disagreements
    if not found:
        return []
    shown = printable("; ".join(map(told, found[:SHOWN])))
    if len(found) > SHOWN:
        shown = _("{}; and {} more").format(shown, number(len(found) - SHOWN))
    return [_("The logs disagree, so these figures are in doubt: {}.").format(shown)]


def _blocked(one: RunReading) -> str:
    """Head-of-line blocking: the worst of it."""
    gap = one.worst_gap
    if gap is None:
        return ""
    cause = _(HELD_BY[gap.fault, "segment" if one.run.mode is Mode.TCP else "datagram"])
    held, longest = counted(gap.held, "message"), duration(gap.longest / 1e9)
    if gap.gaps == 1:
        return _("one {} (message {}) held back {} for {}").format(cause, gap.sequence, held, longest)
    text = _("a {} (message {}) held back {} for {}, the worst of {} gaps")
    return text.format(cause, gap.sequence, held, longest, number(gap.gaps))


def _outcomes(run: Trace, rows: list[LedgerRow], figures: Figures) -> str:
    """What became of the messages, and how long the slowest took."""
    total = len(rows)
    by_outcome = Counter(row.outcome for row in rows)
    lost = [row for row in rows if row.outcome is Ending.LOST]
    unconfirmed = [row for row in rows if row.outcome is Ending.UNCONFIRMED]
    never_sent = [row for row in rows if row.outcome is Ending.REFUSED]
    clauses = []
    if never_sent:
        text = plural("{} was never sent", "{} were never sent", len(never_sent)).format(_those(never_sent, total))
        clauses.append(text + _causes(never_sent, bare=True))
    if lost:
        text = plural("{} never came", "{} never came", len(lost)).format(_those(lost, total)) + _causes(lost)
        if run.mode is Mode.UDP:
            text += _(", and nobody told the sender")
        elif any(sent.state == "unconfirmed" for sent in run.sent):
            text += plural(
                ", and the sender knows it only as unconfirmed", ", and the sender knows them only as unconfirmed", len(lost)
            )
        clauses.append(text)
    if unconfirmed:
        clauses.append(_unconfirmed(unconfirmed, total))
    slowest = _slowest(figures)
    if by_outcome[Ending.DELIVERED] == total:
        everything = [_("it was delivered"), _("both were delivered"), _("all {} were delivered")]
        text = everything[min(total, 3) - 1].format(number(total))
        clauses.append(f"{text}, {slowest}" if slowest else text)
    elif by_outcome[Ending.DELIVERED]:
        clauses.append(_("the rest came, {}").format(slowest) if slowest else "")
    return "; ".join(clause for clause in clauses if clause)


def _unconfirmed(unconfirmed: list[LedgerRow], total: int) -> str:
    came = [row for row in unconfirmed if row.delivered_at is not None]
    if len(came) < len(unconfirmed):
        text = plural("whether {} came is not known", "whether {} came is not known", len(unconfirmed))
        return text.format(_those(unconfirmed, total))
    lost = all(row.cause is Cause.ACKNOWLEDGMENT_LOST for row in came)
    why = _("the acknowledgment was lost") if lost else _("no acknowledgment came")
    text = plural("{} came, and the sender was not told ({})", "{} came, and the sender was not told ({})", len(came))
    return text.format(_those(came, total), why)


def _slowest(figures: Figures) -> str:
    delays = figures["one_way_delay_s"]
    if delays is not None and delays["max"] > NOTABLE * delays["min"]:
        return _("the slowest after {}").format(duration(delays["max"]))
    round_trips = figures["rtt_s"]
    if delays is None and round_trips is not None:
        return _("acknowledged after {} (median)").format(duration(round_trips["p50"]))
    return ""


def _oddities(run: Trace, rows: list[LedgerRow], figures: Figures) -> str:
    """What came twice, or out of order, where no retransmission explains it."""
    if run.mode is not Mode.UDP:
        return ""
    again = [row.duplicates for row in rows if row.duplicates]
    clauses = []
    if figures["duplicates"] and again and max(again) == 1:
        clauses.append(plural("{} came twice", "{} came twice", len(again)).format(number(len(again))))
    elif figures["duplicates"]:
        text = plural("{} duplicate came", "{} duplicates came", figures["duplicates"])
        clauses.append(text.format(number(figures["duplicates"])))
    if figures["reordered"]:
        text = plural("{} came out of order", "{} came out of order", figures["reordered"])
        clauses.append(text.format(number(figures["reordered"])))
    return "; ".join(clauses)


def _causes(rows: list[LedgerRow], *, bare: bool = False) -> str:
    """In brackets why: the ledger's causes, with its reason where all have one. `bare`: the reason alone."""
    counts = Counter(row.cause or Cause.UNKNOWN for row in rows)
    reasons = {row.reason for row in rows if row.reason != Drop.LOSS}
    reason = printable(told(reasons.pop() or "")) if len(reasons) == 1 else ""
    if bare:
        return f" ({reason})" if reason else ""
    if len(counts) == 1:
        cause = next(iter(counts))
        text = _("cause unknown") if cause is Cause.UNKNOWN else _(cause.value)
        return f" ({text}{f': {reason}' if reason else ''})"
    return f" ({', '.join(f'{number(count)} {_(cause.value)}' for cause, count in counts.most_common())})"


def _those(rows: list[LedgerRow], total: int) -> str:
    """message 4; 6 of 100; all 100 messages."""
    if len(rows) == 1:
        return said(N_("subject|message {}")).format(rows[0].sequence)
    if len(rows) == total:
        return _("both messages") if total == 2 else _("all {} messages").format(number(total))
    return _("{} of {}").format(number(len(rows)), number(total))
