"""The table of a comparison: a column a mode, a line a figure, to be read from the back row.

Owns which figures a terminal shows, in which order and groups, and what stands out: in a line whose modes differ the best is
green and what is worse yellow. Over several repetitions: the median, and in brackets the least and the most. Computes no figure
(see `figures`) and says nothing in sentences (see `sentences`).
"""

from collections.abc import Callable, Iterable
from textwrap import wrap
from typing import NamedTuple

from udpmsg.base.language import N_, _, number, said
from udpmsg.base.units import duration_text
from udpmsg.compare.figures import Figures, spread
from udpmsg.compare.reading import Reading
from udpmsg.compare.setting import setting
from udpmsg.compare.trace import Comparison, Mode, Where
from udpmsg.show.telling import quantity
from udpmsg.show.terminal import bit_rate, byte_count, duration, paint

UNKNOWN = "–"
GROUP, LABEL = 10, 17
"""Columns of the words at the left."""
WIDEST = 22
"""Columns of one mode, where there is room for them."""
ALIKE = 0.05
"""Values that differ by less than this share are not told apart by colour."""

HANDSHAKE = "connect_s"
"""The one figure of which UDP has none, and that is known."""
NO_HANDSHAKE = N_("handshake|none")
LATE = N_("messages|late (> {})")
ROUND_TRIP = N_("round trip")


class Line(NamedTuple):
    """One line of the table."""

    group: str
    """What it is about; written once for neighbours. Translated where it is written, like the label."""
    label: str
    """Before a stroke, of what it is said, where its translation hangs on that."""
    key: str
    """Which figure; with a point, which part of it."""
    write: Callable[[float], str]
    more: Callable[[Figures], str] | None = None
    """What follows the value, where there is one repetition."""
    better: str = "low"
    """What is better: "low", "high", or "" where neither is by itself."""
    only_if_any: bool = False
    """Left out where every mode has 0, or nobody knows."""
    only_repeated: bool = False
    """Shown for several repetitions alone."""


def table(reading: Reading, *, colour: bool, width: int) -> str:
    """What was run, and the figures of each mode; lines of at most `width` columns where three modes fit in 78."""
    comparison = reading.comparison
    by_mode = {mode: [one.figures for one in several] for mode, several in reading.by_mode.items()}
    modes = list(by_mode)
    repeated = any(len(several) > 1 for several in by_mode.values())
    shown = [line for line in lines() if _is_shown(line, by_mode, repeated)]
    groups, labels = [_(line.group) for line in shown], [_label(line, comparison) for line in shown]
    heads = [_head(mode, comparison) for mode in modes]
    label = max([LABEL, *(len(text) + 2 for text in labels)])
    group = max([GROUP, *(len(text) + 1 for text in groups)])
    for spreads in (True, False):
        cells = [[_cell(line, by_mode[mode], spreads) for mode in modes] for line in shown]
        needed = [max(len(text) + 2 for text in column) for column in zip(heads, *cells, strict=True)]
        if label + sum(needed) <= width:
            break
    group = group if group + label + sum(needed) <= width else 0
    even = (width - group - label) // max(1, len(modes))
    widest = max(needed, default=0)
    rooms = [max(widest, min(even, WIDEST))] * len(modes) if widest <= even else needed
    texts = [text for paragraph in setting(comparison) for text in wrap(paragraph, width)]
    texts.append(" " * (group + label) + _row(heads, rooms, ["number"] * len(modes), colour))
    previous = ""
    for line, about, text, written in zip(shown, groups, labels, cells, strict=True):
        heading = about if about != previous else ""
        previous = about
        if heading and not group:
            texts.append(paint(heading, "note", colour))
        words = f"{heading:<{group}}" if group else " "
        words = paint(words, "note", colour) if heading and group else words
        row = _row(written, rooms, _purposes(line, [by_mode[mode] for mode in modes]), colour)
        texts.append(f"{words}{text:<{label if group else label - 1}}{row}")
    texts += [
        paint(note, "note", colour) for words in _notes(comparison, cells, repeated, spreads) for note in wrap(words, width)
    ]
    return "\n".join(texts)


# What is shown.


def lines() -> list[Line]:
    """Every line that a table may have."""
    start, messages, delay, frames = N_("start"), N_("messages"), N_("delay"), N_("frames")
    return [
        Line(start, N_("handshake"), HANDSHAKE, duration),
        Line(start, N_("first delivery"), "first_delivery_s", duration),
        Line(messages, N_("messages|delivered"), "messages_delivered", _count, _of_all, "high"),
        Line(messages, N_("messages|lost"), "messages_lost", _count),
        Line(messages, N_("messages|unconfirmed"), "messages_unconfirmed", _count, only_if_any=True),
        Line(messages, N_("messages|never sent"), "messages_refused", _count, only_if_any=True),
        Line(messages, N_("duplicates"), "duplicates", _count),
        Line(messages, N_("reordered"), "reordered", _count),
        Line(messages, N_("retransmissions"), "retransmissions", _count),
        Line(messages, N_("largest datagram"), "datagram_size_bytes", _size, better="", only_if_any=True),
        Line(messages, N_("kernel drops"), "kernel_drops", _count, only_if_any=True),
        Line(messages, N_("over a limit"), "over_limit", _count, only_if_any=True),
        Line(messages, N_("messages|malformed"), "malformed", _count, only_if_any=True),
        Line(messages, LATE, "messages_late", _count),
        Line(delay, "p50", "one_way_delay_s.p50", duration),
        Line(delay, "p99", "one_way_delay_s.p99", duration),
        Line(delay, N_("delay|max"), "one_way_delay_s.max", duration),
        Line(delay, N_("longest stall"), "longest_stall_s", duration),
        Line(ROUND_TRIP, "p50", "rtt_s.p50", duration, only_if_any=True),
        Line(ROUND_TRIP, "p99", "rtt_s.p99", duration, only_if_any=True),
        Line(frames, N_("handshake"), "wire.handshake_frames", _count, _bytes("handshake_bytes"), better=""),
        Line(frames, N_("frames|data"), "wire.data_frames", _count, _bytes("data_bytes"), better=""),
        Line(frames, N_("acknowledgments"), "wire.ack_frames", _count, _bytes("ack_bytes"), better=""),
        Line(frames, N_("teardown"), "wire.teardown_frames", _count, _bytes("teardown_bytes"), better=""),
        Line(frames, N_("all together"), "wire.frames", _count, _bytes("bytes")),
        Line(frames, N_("bytes"), "wire.bytes", _size, only_repeated=True),
        Line(N_("path"), N_("largest window"), "largest_window_bytes", _size, better="", only_if_any=True),
        Line(N_("path"), N_("last round trip"), "srtt_s", duration, better="", only_if_any=True),
        Line(N_("payload"), N_("goodput"), "goodput_bps", bit_rate, better="high"),
    ]


def _label(line: Line, comparison: Comparison) -> str:
    late = quantity(duration_text(comparison.choices.late_ns))
    return said(line.label).format(late) if line.label == LATE else said(line.label)


def _count(count: float) -> str:
    return number(count, ",.0f" if count == int(count) else ",.1f")


def _size(size: float) -> str:
    return byte_count(round(size))


def _of_all(one: Figures) -> str:
    return _("{} of {}").format("", number(one.messages_sent))


def _bytes(name: str) -> Callable[[Figures], str]:
    def more(one: Figures) -> str:
        size = getattr(one.wire, name)
        return f" · {byte_count(size)}" if size else ""

    return more


def _head(mode: Mode, comparison: Comparison) -> str:
    return _("tcp, unimpaired") if mode is Mode.TCP and comparison.where is Where.RELAY else mode.value


def _is_shown(line: Line, by_mode: dict[Mode, list[Figures]], repeated: bool) -> bool:
    everybody = [one for several in by_mode.values() for one in several]
    if line.only_repeated and not repeated:
        return False
    delays_known = any(one.one_way_delay_s for one in everybody)
    if line.group == ROUND_TRIP and delays_known:
        return False
    return not line.only_if_any or any((known := spread([one], line.key)) and known[0] for one in everybody)


# How it looks.


def _row(cells: list[str], rooms: list[int], purposes: list[str], colour: bool) -> str:
    """One line's cells, each at the right of its room."""
    return "".join(
        " " * (room - len(text)) + (paint(text, purpose, colour) if purpose else text)
        for text, room, purpose in zip(cells, rooms, purposes, strict=True)
    )


def _cell(line: Line, several: list[Figures], spreads: bool) -> str:
    if line.key == HANDSHAKE and several[0].transport == "udp":
        return said(NO_HANDSHAKE)
    known = spread(several, line.key)
    if known is None:
        return UNKNOWN
    middle, least, most = (line.write(value) for value in known)
    if len(several) == 1:
        return middle + (line.more(several[0]) if line.more else "")
    if least == most or not spreads:
        return middle
    (value, unit), (low, low_unit), (high, high_unit) = (text.partition(" ")[::2] for text in (middle, least, most))
    if unit == low_unit == high_unit:
        return f"{value} ({low}–{high}) {unit}".rstrip()
    return f"{middle} ({least}–{most})"


def _purposes(line: Line, columns: Iterable[list[Figures]]) -> list[str]:
    """The colour of each cell: none where all modes are alike."""
    values = [_median(line, several) for several in columns]
    known = [value for value in values if value is not None]
    if not line.better or len(known) < 2 or max(known) - min(known) <= ALIKE * max(known):
        return [""] * len(values)
    best = max(known) if line.better == "high" else min(known)
    return ["" if value is None else "good" if abs(value - best) <= ALIKE * max(known) else "warning" for value in values]


def _median(line: Line, several: list[Figures]) -> float | None:
    if line.key == HANDSHAKE and several[0].transport == "udp":
        return 0
    known = spread(several, line.key)
    return None if known is None else known[0]


def _notes(comparison: Comparison, cells: list[list[str]], repeated: bool, spreads: bool) -> list[str]:
    """What the signs in the table mean."""
    notes = []
    if repeated:
        medians = (
            _("Medians of {} repetitions (least–most).")
            if spreads
            else _("Medians of {} repetitions (a wider terminal shows the least and the most too).")
        )
        notes.append(medians.format(number(comparison.choices.repeat)))
    if any(text == UNKNOWN for line in cells for text in line):
        notes.append(f"{UNKNOWN} {_(UNKNOWNS[comparison.where])}")
    return notes


UNKNOWNS = {
    Where.LAB: N_("not known, or there was nothing to measure."),
    Where.RELAY: N_("not known: the relay passes TCP's bytes and does not see its segments."),
    Where.NETWORK: N_("not known: delays one way need one clock for both ends, and on a real network nobody sees the frames."),
}
