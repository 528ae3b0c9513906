"""Lessons as a page: one HTML file to hand out, which opens offline in any browser and prints a lesson a sheet; the twin of
`printed`.

Owns which parts there are, and the pictures as HTML. Escapes everything (`show.markup`); has no script, so nothing runs in it.
"""

from typing import Any

from udpmsg import __version__
from udpmsg.base.durations import MILLISECOND
from udpmsg.base.language import _, number, spoken, told
from udpmsg.compare import ledger_text as ledger
from udpmsg.compare.page.excerpts import Excerpt
from udpmsg.compare.page.svg import draw
from udpmsg.compare.page.words import SHORT
from udpmsg.compare.reading import Reading
from udpmsg.lessons.lesson import Bars, Curve, Ladder, Ledger, Lesson, Picture, Table, Terminal
from udpmsg.lessons.printed import KEYS, typed
from udpmsg.lessons.running import Result, Verdict
from udpmsg.show.markup import safe
from udpmsg.show.page import css
from udpmsg.show.shell import quiet_shell

BAR_WIDTH, BAR_HEIGHT, LETTER, GAP = 360, 22, 8.5, 10
"""Of a picture with bars, in the SVG's own units; a letter is seldom as wide as that."""
CURVE_WIDTH, CURVE_HEIGHT = 640, 110
"""Of a curve, in the same units."""
COMMAND = 90
"""Columns of a command: as many as a sheet of paper has."""
INTERVAL = 10 * MILLISECOND
"""Nanoseconds to which a ladder's ends are rounded, and that get, at the most, as much height as an arrow's label needs."""
LABELS = 12
"""So many labels have room in a ladder, from top to bottom; with more it would not leave room for anything else on its sheet."""


def page(results: list[Result]) -> str:
    """The whole page, in the language that is spoken. The same results give the same text."""
    title = _(results[0].lesson.title) if len(results) == 1 else _("UDP and TCP: lessons that check themselves")
    lead = _(
        "With real sockets and the kernel's own UDP and TCP. Everything under “What was seen” is from one run on this machine."
    )
    body = [f"<header><h1>{safe(title)}</h1><p class='lead'>{safe(lead)}</p></header><main>"]
    body += [lesson(result, number, alone=len(results) == 1) for number, result in enumerate(results, 1)]
    body.append("</main>")
    footer = _("Made by udpmsg {}. Run it again: {}").format(__version__, command(results))
    return quiet_shell("\n".join(body), title=title, version=__version__, language=spoken(), footer=footer)


def command(results: list[Result]) -> str:
    """The command that runs the same again."""
    return f"udpmsg demo {results[0].name if len(results) == 1 else 'all'}"


def lesson(result: Result, number: int, *, alone: bool) -> str:
    """One lesson, whole: question, run and reasons on a sheet's front; what to try on its back, and the answer at the end."""
    taught = result.lesson
    parts = [f'<section class="lesson" id="{safe(result.name)}">']
    if not alone:
        parts.append(f"<h2>{number}. {safe(_(taught.title))}</h2>")
    parts += [
        f"<h3>{safe(_('Question'))}</h3>",
        question(taught),
        f"<h3>{safe(_('What was seen'))}</h3>",
        seen(result, number),
        f"<h3>{safe(_('Why'))}</h3>",
        f"<p>{safe(' '.join(_(sentence) for sentence in taught.why))}</p>",
        f"<div class='try'><h3>{safe(_('Try it yourself'))}</h3>",
        *(terminal(place, one) for place, one in enumerate(taught.by_hand, 1)),
        f"<p>{safe(_('Without udpmsg, in Python; its output is shown below:'))}</p>",
        program(taught),
        f"<p class='note'>{safe(answer(taught))}</p>",
        "</div></section>",
    ]
    return "\n".join(parts)


def question(taught: Lesson[Any]) -> str:
    """The question and its answers."""
    answers = "".join(f"<li><b>{key}</b>{safe(_(text))}</li>" for key, text in zip(KEYS, taught.question.answers, strict=False))
    return f"<p>{safe(_(taught.question.text))}</p><ul class='answers'>{answers}</ul>"


def answer(taught: Lesson[Any]) -> str:
    """The right one."""
    return _("The answer is {}: {}").format(KEYS[taught.question.right], _(taught.question.answers[taught.question.right]))


def seen(result: Result, number: int) -> str:
    """Pictures, and what was expected."""
    if result.observations is None:
        return f"<p class='bad'>{safe(told(result.error or ''))}</p>"
    pictures = result.lesson.shows(result.observations)
    drawn = "\n".join(picture(one, f"{number}-{place}") for place, one in enumerate(pictures))
    checks = "".join(map(check, result.verdicts))
    return f"{drawn}<ul class='checks'>{checks}</ul>"


def check(verdict: Verdict) -> str:
    """One expectation, with its mark."""
    if verdict.seen is None:
        return ""
    sentence = safe(_(verdict.expectation.sentence))
    if verdict.seen:
        return f"<li><b>✓</b>{sentence}</li>"
    meaning = safe(_("Not seen here. It may mean: {}").format(_(verdict.expectation.otherwise)))
    return f"<li class='unseen'><b>✗</b>{sentence}<small>{meaning}</small></li>"


def terminal(number: int, one: Terminal) -> str:
    """What is typed into one."""
    lines = "\n".join(safe(line) for command in one.commands for line in typed(command, COMMAND))
    note = f"<p class='note'>{safe(_(one.note))}</p>" if one.note else ""
    return f"<p>{safe(_('Terminal {}:').format(number))}</p><pre class='program'><code>{lines}</code></pre>{note}"


def program(taught: Lesson[Any]) -> str:
    """The program, and what it prints."""
    source = "\n".join(map(safe, taught.program.source.strip("\n").split("\n")))
    prints = "\n".join(map(safe, taught.program.prints))
    return f"<pre class='program'><code>{source}</code>\n<samp>{prints}</samp></pre>"


def picture(one: Picture, identity: str) -> str:
    """A picture as a figure; `identity` makes its ids unique."""
    caption = f"<figcaption>{safe(one.caption)}</figcaption>" if one.caption else ""
    return f"<figure>{caption}<div class='scroll' tabindex='0'>{drawn(one, identity)}</div></figure>"


def drawn(one: Picture, identity: str) -> str:
    """The picture itself."""
    if isinstance(one, Table):
        return table(one)
    if isinstance(one, Bars):
        return bars(one)
    if isinstance(one, Curve):
        return curve(one)
    if isinstance(one, Ledger):
        return f"<pre class='program'>{chr(10).join(safe(line) for line in ledger.lines(Reading(one.comparison), colour=False))}</pre>"
    return ladder(one, identity)


def table(one: Table) -> str:
    """Rows under headings."""
    head = "".join(f'<th scope="col">{safe(text)}</th>' for text in one.headings)
    rows = "".join("<tr>" + "".join(f"<td>{safe(cell)}</td>" for cell in row) + "</tr>" for row in one.rows)
    return f"<table class='rows'><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def bars(one: Bars) -> str:
    """A bar a row, as SVG."""
    longest = one.whole or max((length for _name, length, _value in one.rows), default=0.0) or 1.0
    names = 2 * GAP + LETTER * max((len(name) for name, _length, _value in one.rows), default=0)
    values = GAP + LETTER * max((len(value) for _name, _length, value in one.rows), default=0)
    width, height = names + BAR_WIDTH + values, BAR_HEIGHT * len(one.rows)
    colour = f"m-{css(one.mode)}" if one.mode is not None else ""
    size = f'width="{width:.0f}" viewBox="0 0 {width:.0f} {height}"'
    parts = [f'<svg class="bars {colour}" {size} role="img" aria-label="{safe(one.caption)}">']
    for place, (name, length, value) in enumerate(one.rows):
        top, long = place * BAR_HEIGHT, length / longest * BAR_WIDTH
        base = top + BAR_HEIGHT * 0.7
        parts.append(
            f'<text class="name" x="{names - GAP:.1f}" y="{base:.1f}">{safe(name)}</text>'
            f'<rect x="{names:.1f}" y="{top + 4}" width="{max(1.0, long):.1f}" height="{BAR_HEIGHT - 8}"/>'
            f'<text x="{names + max(1.0, long) + GAP:.1f}" y="{base:.1f}">{safe(value)}</text>'
        )
    return "".join([*parts, "</svg>"])


def curve(one: Curve) -> str:
    """The area under it, as SVG: level from each value to the next."""
    left, bottom = 2 * GAP + LETTER * len(one.top), BAR_HEIGHT / 2 + CURVE_HEIGHT
    width, height = left + CURVE_WIDTH + 2 * GAP, bottom + BAR_HEIGHT
    colour = f"m-{css(one.mode)}" if one.mode is not None else ""

    def place(moment: float) -> str:
        return f"{left + CURVE_WIDTH * moment / one.until:.1f}"

    steps = "".join(f"H{place(moment)}V{bottom - CURVE_HEIGHT * value / one.whole:.1f}" for moment, value in one.points)
    path = f"M{place(0)} {bottom:.1f}{steps}H{place(one.until)}V{bottom:.1f}Z"
    end = f"{number(one.until, ',.0f')} ms"
    return (
        f'<svg class="curve {colour}" width="{width:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
        f'aria-label="{safe(one.caption)}"><path d="{path}"/>'
        f'<text class="name" x="{left - GAP:.1f}" y="{bottom - CURVE_HEIGHT + 5:.1f}">{safe(one.top)}</text>'
        f'<text class="name" x="{left - GAP:.1f}" y="{bottom:.1f}">0</text>'
        f'<text x="{left:.1f}" y="{height - 4:.1f}">0</text>'
        f'<text class="name" x="{left + CURVE_WIDTH:.1f}" y="{height - 4:.1f}">{safe(end)}</text></svg>'
    )


def ladder(one: Ladder, identity: str) -> str:
    """The frames, the modes side by side, from the first one to the last."""
    frames = [frame for run in one.runs for frame in run.frames or () if frame.arrived_at <= one.milliseconds * MILLISECOND]
    times = [time for frame in frames for time in (frame.arrived_at, *frame.left_at)] or [0]
    start, end = min(times) // INTERVAL * INTERVAL, (max(times) // INTERVAL + 1) * INTERVAL
    interval = max(INTERVAL, (end - start) // LABELS)
    svg, _shown, _left_out = draw(Excerpt(one.caption, start, end), list(one.runs), SHORT, interval, identity)
    return f'<div class="ladder">{svg}</div>'
