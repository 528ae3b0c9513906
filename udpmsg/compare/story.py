"""What a comparison is told with: its reading becomes pictures, which every printer prints.

Owns which figures are shown together, which of them stand out, and what is said where one is not known: in a row whose modes
differ the best is good, and what is worse a warning. Computes no figure (see `figures`) and words no sentence (see `sentences`).
"""

from collections.abc import Sequence
from dataclasses import replace

from udpmsg.base.language import N_, _, number, said
from udpmsg.base.units import duration_text
from udpmsg.compare.choices import Mode
from udpmsg.compare.figures import BOTH, FIGURES, TOPICS
from udpmsg.compare.page.words import SHORT, mode_names
from udpmsg.compare.reading import Reading
from udpmsg.compare.sentences import disagreements, sentence
from udpmsg.compare.setting import setting
from udpmsg.compare.strip import SIGNS
from udpmsg.compare.trace import Where
from udpmsg.show.figure import Better, Figure, Figures, Topic, When, spread, value, written
from udpmsg.show.pictures import Cell, Column, Group, Number, Pair, Pairs, Prose, Row, Stretch, Strip, Table
from udpmsg.show.telling import quantity

ALIKE = 0.05
"""Values that differ by less than this share are not told apart."""
ROOMS = 10, 17
HANDSHAKE = "connect_s"
"""The one figure of which UDP has none, and that is known."""
CAUSES = Topic("", N_("Why, in messages"))
UNKNOWNS = {
    Where.LAB: N_("not known, or there was nothing to measure."),
    Where.RELAY: N_("not known: the relay passes TCP's bytes and does not see its segments."),
    Where.NETWORK: N_("not known: delays one way need one clock for both ends, and on a real network nobody sees the frames."),
}


def what_was_run(reading: Reading) -> Prose:
    """Messages, link, seed and choices."""
    return Prose(tuple(setting(reading.comparison)))


def sentences(reading: Reading) -> Pairs:
    """A sentence for the first run of each mode, and for every other that is not whole; one more where a run's logs disagree."""
    names = mode_names(reading.comparison)
    pairs = []
    for one in reading.runs:
        first, mode = one in reading.first, one.run.mode
        which = "{}" if first else _("{}, repetition {}")
        name, title = (which.format(word, one.run.repetition) for word in (mode.value, names[mode]))
        texts = [sentence(one)] if first or one.run.error is not None else []
        pairs += [Pair(name, text, title, mode.value) for text in texts + disagreements(one)]
    return Pairs(tuple(pairs))


def strip(reading: Reading) -> Strip:
    """One cell per message of each mode's first run."""
    names = mode_names(reading.comparison, SHORT)
    signs = tuple(replace(sign, word=said(sign.word)) for sign in SIGNS)
    lines = [Stretch(one.run.mode.value, names[one.run.mode], one.run.mode.value, one.strip) for one in reading.first]
    which = _("Repetition {}:").format(reading.runs[0].run.repetition) if len(reading.runs) > len(lines) else ""
    return Strip(signs, tuple(lines), which)


def table(reading: Reading) -> Table:
    """One column per mode, one row per figure; of several repetitions the median, the least and the most."""
    comparison = reading.comparison
    causes = sorted({cause for one in reading.runs for cause in one.figures["causes"]})
    never = dict.fromkeys(causes, 0)
    by_mode = {
        mode: [one.figures | {"causes": never | one.figures["causes"]} for one in several]
        for mode, several in reading.by_mode.items()
    }
    everybody = [figures for several in by_mode.values() for figures in several]
    rows = [*FIGURES, *(Figure(f"causes.{cause}", None, CAUSES, title=cause) for cause in causes)]
    shown = [figure for figure in rows if _is_shown(figure, everybody, len(everybody) > len(by_mode))]
    late = quantity(duration_text(comparison.late_ns))
    groups = [
        Group(
            tuple(_row(figure, list(by_mode.values()), late) for figure in shown if figure.topic is topic),
            _(topic.word),
            _(topic.title),
        )
        for topic in (*TOPICS, CAUSES)
    ]
    repetitions = number(comparison.choices.repeat)
    return Table(
        columns=_columns(reading),
        groups=tuple(groups),
        caption=_("Figures of each mode"),
        rooms=ROOMS,
        medians=(
            _("Medians of {} repetitions (least–most).").format(repetitions),
            _("Medians of {} repetitions (a wider terminal shows the least and the most too).").format(repetitions),
        ),
        unknown=_(UNKNOWNS[comparison.where]),
    )


def _columns(reading: Reading) -> tuple[Column, ...]:
    names = mode_names(reading.comparison)
    unimpaired = {Mode.TCP: _("tcp, unimpaired")} if reading.comparison.where is Where.RELAY else {}
    return tuple(Column(unimpaired.get(mode, mode.value), names[mode], series=mode.value) for mode in reading.by_mode)


def _is_shown(figure: Figure, everybody: Sequence[Figures], repeated: bool) -> bool:
    if figure.topic is None or (figure.shown is When.REPEATED and not repeated):
        return False
    if figure.instead_of and any(value(figures, figure.instead_of) is not None for figures in everybody):
        return False
    return figure.shown is not When.IF_ANY or any(value(figures, figure.key) for figures in everybody)


def _row(figure: Figure, columns: Sequence[list[Figures]], late: str) -> Row:
    return Row(
        tuple(map(_cell, [figure] * len(columns), columns, _purposes(figure, columns))),
        None if figure.word is None else said(figure.word).format(late),
        None if figure.title is None else said(figure.title),
        _(figure.more).format(late),
    )


def _cell(figure: Figure, several: list[Figures], purpose: str) -> Cell:
    """One figure of one mode, and what is written beside it: no frames have no bytes."""
    if _has_none(figure, several):
        return Cell((), said(N_("handshake|none")), purpose)
    first, second = _number(figure, figure.key, several), _number(figure, figure.beside, several)
    if first is None:
        return Cell(purpose=purpose)
    if second is None or (figure.between == BOTH and not second.value and not second.most):
        return Cell((first,), "{}", purpose)
    return Cell((first, replace(second, bad=False)), _(figure.between), purpose)


def _number(figure: Figure, key: str, several: list[Figures]) -> Number | None:
    known = spread(several, key)
    if known is None:
        return None
    median, least, most = known
    write = written(key)
    return Number(key, median, write, least, most, figure.bad) if len(several) > 1 else Number(key, median, write, bad=figure.bad)


def _has_none(figure: Figure, several: list[Figures]) -> bool:
    return figure.key == HANDSHAKE and several[0]["transport"] == "udp"


def _purposes(figure: Figure, columns: Sequence[list[Figures]]) -> list[str]:
    """What each cell is for: nothing where all modes are alike."""
    medians = [(0, 0, 0) if _has_none(figure, several) else spread(several, figure.key) for several in columns]
    known = [median[0] for median in medians if median is not None]
    if figure.better is Better.NEITHER or len(known) < 2 or max(known) - min(known) <= ALIKE * max(known):
        return [""] * len(medians)
    best = max(known) if figure.better is Better.HIGH else min(known)
    return ["" if one is None else "good" if abs(one[0] - best) <= ALIKE * max(known) else "warning" for one in medians]
