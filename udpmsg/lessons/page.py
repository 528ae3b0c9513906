"""Lessons as a page: one HTML file to hand out, which opens offline in any browser and prints one lesson per sheet.

Owns which parts stand where, and each picture (see `story`) as HTML. Escapes everything (`show.markup`); has no script, so
nothing runs in it.
"""

from collections.abc import Iterable
from dataclasses import replace

from udpmsg import __version__
from udpmsg.base.durations import MILLISECOND
from udpmsg.base.language import _, number, spoken
from udpmsg.compare.page.excerpts import Excerpt
from udpmsg.compare.page.svg import draw
from udpmsg.compare.page.words import SHORT
from udpmsg.lessons import story
from udpmsg.lessons.lesson import KEYS, Bars, Curve, Illustration, Ladder
from udpmsg.lessons.printed import typed
from udpmsg.lessons.running import Result
from udpmsg.lessons.story import Answers, Check, Commands, Failure, LessonPicture, Listing, Part
from udpmsg.show import page as show_page
from udpmsg.show.markup import safe
from udpmsg.show.page import css
from udpmsg.show.pictures import Prose, Table
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
"""Labels in a ladder, from top to bottom, at most; with more, nothing else would fit on its sheet."""


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
    heading = safe(_(taught.title))
    # alone, it would say the same as the heading of the page; a screen reader still finds no level left out
    title = f'<h2 class="hidden">{heading}</h2>' if alone else f"<h2>{number}. {heading}</h2>"
    front = "\n".join(part(one, number) for one in (story.question(taught), story.seen(result), story.why(taught)))
    (answer,) = story.answer(taught).pictures
    back = f"<div class='try'>{part(story.try_it(taught), number)}\n<div class='note'>{html(answer, '')}</div></div>"
    return f'<section class="lesson" id="{safe(result.name)}">{title}\n{front}\n{back}</section>'


def part(one: Part, number: int) -> str:
    """A heading, and its pictures; neighbours that are checks stand in one list. `number`: the lesson's."""
    parts = [f"<h3>{safe(one.heading)}</h3>"]
    checks = "".join(html(picture, "") for picture in one.pictures if isinstance(picture, Check))
    parts += [html(picture, f"{number}-{at}") for at, picture in enumerate(one.pictures) if not isinstance(picture, Check)]
    return "\n".join([*parts, f"<ul class='checks'>{checks}</ul>"] if checks else parts)


def html(one: LessonPicture, identity: str) -> str:
    """One picture; `identity` makes its ids unique."""
    drawn = drawing(one, identity)
    caption = getattr(one, "caption", "")
    if isinstance(one, Illustration):
        above = f"<figcaption>{safe(caption)}</figcaption>" if caption else ""
        return f"<figure>{above}<div class='scroll' tabindex='0'>{drawn}</div></figure>"
    return f"<p>{safe(caption)}</p>{drawn}" if caption else drawn


def drawing(one: LessonPicture, identity: str) -> str:
    """The picture itself, without its caption."""
    match one:
        case Prose():
            return show_page.html(one)
        case Answers():
            answers = zip(KEYS, one.answers, strict=False)
            return f"<ul class='answers'>{''.join(f'<li><b>{key}</b>{safe(text)}</li>' for key, text in answers)}</ul>"
        case Check():
            if not one.meaning:
                return f"<li><b>✓</b>{safe(one.sentence)}</li>"
            return f"<li class='unseen'><b>✗</b>{safe(one.sentence)}<small>{safe(one.meaning)}</small></li>"
        case Failure():
            return f"<p class='bad'>{safe(one.reason)}</p>"
        case Commands():
            typed_lines = (line for command in one.commands for line in typed(command, COMMAND))
            return code(typed_lines) + (f"<p class='note'>{safe(one.note)}</p>" if one.note else "")
        case Listing():
            return code(one.source.split("\n"), one.prints)
        case Table():
            return show_page.html(replace(one, caption=""))  # it stands above already
        case Bars():
            return bars(one)
        case Curve():
            return curve(one)
        case Ladder():
            return ladder(one, identity)


def code(lines: Iterable[str], prints: tuple[str, ...] = ()) -> str:
    """Lines to type, and what they print."""
    printed = f"\n<samp>{chr(10).join(map(safe, prints))}</samp>" if prints else ""
    return f"<pre class='program'><code>{chr(10).join(map(safe, lines))}</code>{printed}</pre>"


def bars(one: Bars) -> str:
    """One bar per row, as SVG."""
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
