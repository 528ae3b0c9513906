"""The table of the modes: a line a figure, a column a mode, and the exact value behind every number that is shown.

Owns which figures the page shows and how they are written. A number is a `data` element with its key as in `compare --json`
and its value unrounded, so that page and JSON can be compared. Over several repetitions: the median, and from where to where.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from udpmsg.base.language import N_, _, number, said
from udpmsg.compare.figures import Figures, spread
from udpmsg.compare.page.words import css
from udpmsg.compare.table import NO_HANDSHAKE
from udpmsg.compare.trace import Mode
from udpmsg.show.markup import safe
from udpmsg.show.terminal import bit_rate, byte_count, duration

KEY = re.compile(r"\{([^}]+)\}")
BAD = {"messages_lost", "messages_late", "messages_unconfirmed", "messages_refused", "kernel_drops", "over_limit", "malformed"}
"""Keys of which any count above 0 stands out."""


class Line(NamedTuple):
    """A line of the table: its heading, a word more, and each cell's text with keys of figures in braces. Translated in `row`."""

    heading: str
    cell: str
    more: str = ""
    only_if_any: bool = False
    """Left out where every mode has 0, or nobody knows."""


ROUND_TRIP = "{rtt_s.p50}"
"""What stands in for the delay where no one-way delay can be known."""
GROUPS: tuple[tuple[str, tuple[Line, ...]], ...] = (
    (
        N_("Before the first message"),
        (
            Line(N_("Handshake"), "{connect_s}"),
            Line(N_("First delivery"), "{first_delivery_s}", N_("from the start")),
        ),
    ),
    (
        N_("Messages"),
        (
            Line(N_("Delivered"), N_("{messages_delivered} of {messages_sent}")),
            Line(N_("Lost"), "{messages_lost}"),
            Line(N_("messages|Late"), "{messages_late}"),
            Line(N_("Unconfirmed"), "{messages_unconfirmed}", N_("their sender was never told"), only_if_any=True),
            Line(N_("Refused"), "{messages_refused}", N_("never sent"), only_if_any=True),
            Line(N_("Duplicates"), "{duplicates}"),
            Line(N_("Reordered"), "{reordered}"),
            Line(N_("Retransmissions"), "{retransmissions}"),
            Line(N_("Largest datagram"), "{datagram_size_bytes}", only_if_any=True),
            Line(N_("Dropped by the receiver's kernel"), "{kernel_drops}", only_if_any=True),
            Line(N_("Dropped over a limit of the receiver"), "{over_limit}", only_if_any=True),
            Line(N_("Malformed"), "{malformed}", only_if_any=True),
        ),
    ),
    (
        N_("One-way delay, from due to delivered"),
        (
            Line(N_("Median"), "{one_way_delay_s.p50}"),
            Line(N_("99th percentile"), "{one_way_delay_s.p99}"),
            Line(N_("Longest"), "{one_way_delay_s.max}"),
            Line(N_("Longest stall"), "{longest_stall_s}", N_("nothing delivered, though something was due")),
            Line(N_("Round trip, median"), ROUND_TRIP, N_("by the sender's clock"), only_if_any=True),
        ),
    ),
    (
        N_("What the sender knew of the path"),
        (
            Line(N_("Largest window"), "{largest_window_bytes}", only_if_any=True),
            Line(N_("Smoothed round trip"), "{srtt_s}", N_("the last one"), only_if_any=True),
        ),
    ),
    (
        N_("Frames on the wire, both ways"),
        (
            Line(N_("Handshake"), "{wire.handshake_frames} · {wire.handshake_bytes}"),
            Line(N_("Data"), "{wire.data_frames} · {wire.data_bytes}"),
            Line(N_("Acknowledgments"), "{wire.ack_frames} · {wire.ack_bytes}"),
            Line(N_("Teardown"), "{wire.teardown_frames} · {wire.teardown_bytes}"),
            Line(N_("Together"), "{wire.frames} · {wire.bytes}"),
            Line(N_("Dropped by the link"), "{wire.dropped_frames}"),
            Line(N_("Goodput"), "{goodput_bps}", N_("unique payload")),
        ),
    ),
)


def table(figures: dict[Mode, list[Figures]], names: dict[Mode, str]) -> str:
    """The figures of every mode, one for each repetition."""
    columns = "".join(f'<th scope="col" class="m-{css(mode)}">{mark(mode)}{safe(names[mode])}</th>' for mode in figures)
    parts = [
        f'<table class="figures"><caption class="hidden">{safe(_("Figures of each mode"))}</caption>'
        f"<thead><tr><td></td>{columns}</tr></thead>"
    ]
    for title, lines in GROUPS:
        if rows := [row(line, figures) for line in lines if is_shown(line, figures)]:
            parts.append(f"<tbody>{group(title, figures)}{''.join(rows)}</tbody>")
    parts.append(f"<tbody>{causes(figures)}</tbody></table>")
    return "\n".join(parts)


def group(title: str, figures: dict[Mode, list[Figures]]) -> str:
    """The line above the lines of a group."""
    return f'<tr class="group"><th scope="rowgroup" colspan="{len(figures) + 1}">{safe(_(title))}</th></tr>'


def unknown() -> str:
    """What stands for a figure that nobody knows."""
    return f'<span class="unknown" title="{safe(_("not known"))}">–</span>'


def mark(mode: Mode) -> str:
    """The sign that a mode has in the charts, for those who print without colour."""
    shape = {
        Mode.UDP: '<circle cx="8" cy="8" r="6"/>',
        Mode.UDP_ACK: '<path d="M2.5 2.5h11v11h-11z"/>',
        Mode.TCP: '<path d="M8 1.5l7 12.5h-14z"/>',
    }[mode]
    return f'<svg class="mark" viewBox="0 0 16 16" aria-hidden="true">{shape}</svg>'


def row(line: Line, figures: dict[Mode, list[Figures]]) -> str:
    """One figure of every mode."""
    more = f" <small>{safe(_(line.more))}</small>" if line.more else ""
    cells = "".join(f'<td data-mode="{mode.value}">{cell(line, mode, runs)}</td>' for mode, runs in figures.items())
    return f'<tr><th scope="row">{safe(said(line.heading))}{more}</th>{cells}</tr>'


def cell(line: Line, mode: Mode, runs: list[Figures]) -> str:
    """One figure of one mode."""
    if line.cell == "{connect_s}" and mode is not Mode.TCP:
        return f'<span class="none">{safe(said(NO_HANDSHAKE))}</span>'
    if all(spread(runs, key) is None for key in KEY.findall(line.cell)):
        return unknown()
    nothing = not any_of(line, {mode: runs})  # no frames have no bytes: said once
    text = line.cell.partition(" · ")[0] if nothing else line.cell
    return KEY.sub(lambda place: value(place[1], runs), _(text))


def value(key: str, runs: list[Figures]) -> str:
    """A value for reading and, beside it, for comparing: the only one, or the median of several and their spread."""
    known = spread(runs, key)
    if known is None:
        return unknown()
    middle, least, most = known
    write = written(key)
    bad = ' class="bad"' if key in BAD and middle else ""
    text = f'<data{bad} data-key="{safe(key)}" value="{middle!r}">{write(middle)}</data>'
    if least < most:
        text += f' <small data-least="{least!r}" data-most="{most!r}">({write(least)} – {write(most)})</small>'
    return text


def written(key: str) -> Callable[[float], str]:
    """How the values of a key are written."""
    if key.split(".")[0].endswith("_s"):
        return duration
    if key.endswith("_bps"):
        return bit_rate
    if key.endswith("bytes"):
        return lambda size: byte_count(round(size))
    return counted


def counted(count: float) -> str:
    """1,234, or 1,234.5 where two repetitions differ."""
    return number(count, ",.0f" if count == int(count) else ",.1f")


def is_shown(line: Line, figures: dict[Mode, list[Figures]]) -> bool:
    """Whether the table has this line."""
    if line.cell == ROUND_TRIP and any(spread(runs, "one_way_delay_s.p50") for runs in figures.values()):
        return False
    return not line.only_if_any or any_of(line, figures)


def any_of(line: Line, figures: dict[Mode, list[Figures]]) -> bool:
    """Whether any mode has more than 0 in any repetition."""
    spreads = [spread(runs, key) for key in KEY.findall(line.cell) for runs in figures.values()]
    return any(known and known[2] for known in spreads)


def causes(figures: dict[Mode, list[Figures]]) -> str:
    """A line for each cause that any message met: of losses, and of acknowledgments that never came."""
    met = sorted({cause for runs in figures.values() for run in runs for cause in run.causes})
    if not met:
        return ""
    # who never met a cause met it 0 times
    whole = {mode: [replace(run, causes=dict.fromkeys(met, 0) | run.causes) for run in runs] for mode, runs in figures.items()}
    return group(N_("Why, in messages"), figures) + "".join(row(Line(cause, f"{{causes.{cause}}}"), whole) for cause in met)
