"""A benchmark for a terminal: its table, a curve of loss against the offered rate, and what they mean.

Owns their order and the curve. Computes no figure.
"""

from textwrap import wrap

from udpmsg.base.language import N_, _, number, said
from udpmsg.bench import story
from udpmsg.bench.values import Benchmark, Measurement, Trial
from udpmsg.compare.choices import Mode
from udpmsg.show import text
from udpmsg.show.terminal import paint

BAR = 30
"""Columns of the longest bar."""


def lines(benchmark: Benchmark, *, colour: bool, width: int) -> list[str]:
    """The whole, in lines of at most `width` columns where that is 60 or more."""
    found = benchmark.measurements
    if not found:
        return [_("Nothing was measured.")]
    texts = wrap(story.setting(benchmark), width)
    texts += ["", *text.lines(story.table(found), width=width, colour=colour)]
    size = story.typical([one for one in found if one.mode is Mode.UDP])
    shown = [one for one in found if one.mode is Mode.UDP and one.size_bytes == size]
    if shown:
        texts += ["", *curve(shown[0], colour=colour, width=width)]
    texts.append("")
    texts += [line for sentence in story.meaning(benchmark) for line in wrap(sentence, width)]
    held = story.limits(benchmark).pairs
    if held:
        texts += ["", paint(_("What limits it:"), "note", colour)]
        for limit in held:
            texts += wrap(
                f"{limit.name}: {limit.text}", width, initial_indent="  ", subsequent_indent="    ", break_long_words=False
            )
    return texts


def curve(measurement: Measurement, *, colour: bool, width: int) -> list[str]:
    """A bar of loss for each rate that was tried."""
    trials = sorted(measurement.curve, key=lambda trial: trial.sent_msgs_per_s)
    room = max(len(story.rate(trial.sent_msgs_per_s)) for trial in trials)
    most = max(trial.loss for trial in trials)
    bar = max(4, min(BAR, width - room - 34))
    words = _("Loss against the rate offered, {}, {} B:").format(measurement.mode.value, number(measurement.size_bytes))
    texts = [paint(words, "note", colour)]
    best = measurement.throughput_msgs_per_s
    marked = False
    for trial in trials:
        text = f"  {story.rate(trial.sent_msgs_per_s):>{room}} msg/s  "
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
