"""A benchmark for a terminal: one table of modes and sizes, a curve of loss against the offered rate, and what they mean.

Owns what there is room for. Computes no figure.
"""

from collections.abc import Iterable
from textwrap import wrap

from udpmsg.base.language import N_, _, number, said
from udpmsg.bench.values import Benchmark, Measurement, Trial
from udpmsg.bench.words import COLUMNS, UNKNOWN, Column, heads, limits, meaning, rate, setting, typical, value
from udpmsg.compare.trace import Mode
from udpmsg.show.terminal import paint

MODE = 8
"""Columns of the mode's name."""
GAP = 2
BAR = 30
"""Columns of the longest bar."""


def lines(benchmark: Benchmark, *, colour: bool, width: int) -> list[str]:
    """The whole, in lines of at most `width` columns where that is 60 or more."""
    found = benchmark.measurements
    if not found:
        return [_("Nothing was measured.")]
    texts = wrap(setting(benchmark), width)
    texts += ["", *table(found, colour=colour, width=width)]
    size = typical([one for one in found if one.mode is Mode.UDP])
    shown = [one for one in found if one.mode is Mode.UDP and one.size_bytes == size]
    if shown:
        texts += ["", *curve(shown[0], colour=colour, width=width)]
    texts.append("")
    texts += [text for sentence in meaning(benchmark) for text in wrap(sentence, width)]
    held = limits(benchmark)
    if held:
        texts += ["", paint(_("What limits it:"), "note", colour)]
        for cells, limit in held:
            texts += wrap(f"{cells}: {limit}", width, initial_indent="  ", subsequent_indent="    ", break_long_words=False)
    return texts


def table(found: list[Measurement], *, colour: bool, width: int) -> list[str]:
    """A line a measurement, the modes in groups."""
    columns = [column for column in COLUMNS if column.rank < 2 or any(value(one, column.key) is not None for one in found)]
    while True:
        cells = [[cell(one, column) for column in columns] for one in found]
        rooms = [
            max(len(text) for text in (*heads(column), *(row[at] for row in cells))) + GAP for at, column in enumerate(columns)
        ]
        last = max(columns, key=lambda column: column.rank)
        if MODE + sum(rooms) <= width or last.rank == 0:
            break
        columns.remove(last)
    texts = [
        paint((" " * MODE + row((heads(column)[part] for column in columns), rooms)).rstrip(), "note", colour) for part in (0, 1)
    ]
    previous: Mode | None = None
    for one, texts_of_one in zip(found, cells, strict=True):
        name = one.mode.value if one.mode is not previous else ""
        previous = one.mode
        texts.append(paint(f"{name:<{MODE}}", "number", colour) + row(texts_of_one, rooms))
    return texts


def row(texts: Iterable[str], rooms: list[int]) -> str:
    """Texts at the right of their columns."""
    return "".join(f"{text:>{room}}" for text, room in zip(texts, rooms, strict=True))


def cell(measurement: Measurement, column: Column) -> str:
    """One figure."""
    found = value(measurement, column.key)
    return UNKNOWN if found is None else column.write(found)


def curve(measurement: Measurement, *, colour: bool, width: int) -> list[str]:
    """A bar of loss for each rate that was tried."""
    trials = sorted(measurement.curve, key=lambda trial: trial.sent_msgs_per_s)
    room = max(len(rate(trial.sent_msgs_per_s)) for trial in trials)
    most = max(trial.loss for trial in trials)
    bar = max(4, min(BAR, width - room - 34))
    words = _("Loss against the rate offered, {}, {} B:").format(measurement.mode.value, number(measurement.size_bytes))
    texts = [paint(words, "note", colour)]
    best = measurement.throughput_msgs_per_s
    marked = False
    for trial in trials:
        text = f"  {rate(trial.sent_msgs_per_s):>{room}} msg/s  "
        if trial.messages_lost:
            length = max(1, round(bar * trial.loss / most))
            text += paint("█" * length, "warning", colour) + f" {percent(trial.loss)}"
        elif best is not None and not marked and trial.confirms and trial.carried_msgs_per_s == best:
            text += paint(_("none: the throughput"), "good", colour)
            marked = True
        else:
            text += said(N_("loss|none"))
        texts.append(text + note(trial))
    return texts


def percent(loss: float) -> str:
    """23 %, 0.4 %, 0.001 %."""
    return f"{number(loss * 100, '.2g' if loss < 0.1 else '.0f')} %"


def note(trial: Trial) -> str:
    """What else is to be known of a trial."""
    behind = "" if trial.messages_lost or trial.kept_up else _(" yet, but the receiver fell behind")
    again = _(", when tried again") if trial.verifies else ""
    return behind + (_(", without a pace") if trial.offered_msgs_per_s is None else "") + again
