"""The table of the modes: a line a figure, a column a mode, and the exact value behind every number that is shown.

Owns which figures the page shows and how they are written. A number is a `data` element with its key as in `compare --json`
and its value unrounded, so that page and JSON can be compared. Over several repetitions: the median, and from where to where.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from udpmsg.experiment.figures import Figures, spread
from udpmsg.experiment.trace import Mode
from udpmsg.report.page.markup import safe
from udpmsg.report.page.words import css
from udpmsg.report.terminal import bit_rate, byte_count, duration

KEY = re.compile(r"\{([^}]+)\}")
UNKNOWN = '<span class="unknown" title="not known">–</span>'
BAD = {"messages_lost", "messages_late", "messages_unconfirmed", "messages_refused", "kernel_drops", "over_limit", "malformed"}
"""Keys of which any count above 0 stands out."""
NO_HANDSHAKE = '<span class="none">none</span>'


class Line(NamedTuple):
    """A line of the table: its heading, a word more, and each cell's text with keys of figures in braces."""

    heading: str
    cell: str
    more: str = ""
    only_if_any: bool = False
    """Left out where every mode has 0, or nobody knows."""


ROUND_TRIP = "{rtt_s.p50}"
"""What stands in for the delay where no one-way delay can be known."""
GROUPS: tuple[tuple[str, tuple[Line, ...]], ...] = (
    (
        "Before the first message",
        (
            Line("Handshake", "{connect_s}"),
            Line("First delivery", "{first_delivery_s}", "from the start"),
        ),
    ),
    (
        "Messages",
        (
            Line("Delivered", "{messages_delivered} of {messages_sent}"),
            Line("Lost", "{messages_lost}"),
            Line("Late", "{messages_late}"),
            Line("Unconfirmed", "{messages_unconfirmed}", "their sender was never told", only_if_any=True),
            Line("Refused", "{messages_refused}", "never sent", only_if_any=True),
            Line("Duplicates", "{duplicates}"),
            Line("Reordered", "{reordered}"),
            Line("Retransmissions", "{retransmissions}"),
            Line("Dropped by the receiver's kernel", "{kernel_drops}", only_if_any=True),
            Line("Dropped over a limit of the receiver", "{over_limit}", only_if_any=True),
            Line("Malformed", "{malformed}", only_if_any=True),
        ),
    ),
    (
        "One-way delay, from due to delivered",
        (
            Line("Median", "{one_way_delay_s.p50}"),
            Line("99th percentile", "{one_way_delay_s.p99}"),
            Line("Longest", "{one_way_delay_s.max}"),
            Line("Longest stall", "{longest_stall_s}", "nothing delivered, though something was due"),
            Line("Round trip, median", ROUND_TRIP, "by the sender's clock", only_if_any=True),
        ),
    ),
    (
        "Frames on the wire, both ways",
        (
            Line("Handshake", "{wire.handshake_frames} · {wire.handshake_bytes}"),
            Line("Data", "{wire.data_frames} · {wire.data_bytes}"),
            Line("Acknowledgments", "{wire.ack_frames} · {wire.ack_bytes}"),
            Line("Teardown", "{wire.teardown_frames} · {wire.teardown_bytes}"),
            Line("Together", "{wire.frames} · {wire.bytes}"),
            Line("Dropped by the link", "{wire.dropped_frames}"),
            Line("Goodput", "{goodput_bps}", "unique payload"),
        ),
    ),
)


def table(figures: dict[Mode, list[Figures]], names: dict[Mode, str]) -> str:
    """The figures of every mode, one for each repetition."""
    columns = "".join(f'<th scope="col" class="m-{css(mode)}">{mark(mode)}{safe(names[mode])}</th>' for mode in figures)
    parts = [
        f'<table class="figures"><caption class="hidden">Figures of each mode</caption><thead><tr><td></td>{columns}</tr></thead>'
    ]
    for title, lines in GROUPS:
        rows = [row(line, figures) for line in lines if is_shown(line, figures)]
        heading = f'<tr class="group"><th scope="rowgroup" colspan="{len(figures) + 1}">{title}</th></tr>'
        parts.append(f"<tbody>{heading}{''.join(rows)}</tbody>")
    parts.append(f"<tbody>{causes(figures)}</tbody></table>")
    return "\n".join(parts)


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
    more = f" <small>{safe(line.more)}</small>" if line.more else ""
    cells = "".join(f'<td data-mode="{mode.value}">{cell(line, mode, runs)}</td>' for mode, runs in figures.items())
    return f'<tr><th scope="row">{safe(line.heading)}{more}</th>{cells}</tr>'


def cell(line: Line, mode: Mode, runs: list[Figures]) -> str:
    """One figure of one mode."""
    if line.cell == "{connect_s}" and mode is not Mode.TCP:
        return NO_HANDSHAKE
    if all(spread(runs, key) is None for key in KEY.findall(line.cell)):
        return UNKNOWN
    nothing = not any_of(line, {mode: runs})  # no frames have no bytes: said once
    text = line.cell.partition(" · ")[0] if nothing else line.cell
    return KEY.sub(lambda place: number(place[1], runs), text)


def number(key: str, runs: list[Figures]) -> str:
    """A value for reading and, beside it, for comparing: the only one, or the median of several and their spread."""
    known = spread(runs, key)
    if known is None:
        return UNKNOWN
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
    return f"{count:,.0f}" if count == int(count) else f"{count:,.1f}"


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
    heading = f'<tr class="group"><th scope="rowgroup" colspan="{len(figures) + 1}">Why, in messages</th></tr>'
    # who never met a cause met it 0 times
    whole = {mode: [replace(run, causes=dict.fromkeys(met, 0) | run.causes) for run in runs] for mode, runs in figures.items()}
    return heading + "".join(row(Line(cause, f"{{causes.{cause}}}"), whole) for cause in met)
