"""The page: one HTML file that shows a comparison, opens offline in any browser, and can be printed.

Owns how the parts are put together. The files beside this one make them; `show/assets/` has template, style and script. What the
page is allowed is in `show.shell`. Everything that came from outside is escaped in `show.markup`.
"""

from udpmsg.base.language import N_, _, number, plural
from udpmsg.compare import story
from udpmsg.compare.page.columns import columns
from udpmsg.compare.page.excerpts import excerpts
from udpmsg.compare.page.svg import draw, span
from udpmsg.compare.page.texts import CHARTS, COMPARISON, for_script, outcomes
from udpmsg.compare.page.texts import parts as texts
from udpmsg.compare.page.words import SHORT, mode_names
from udpmsg.compare.reading import Reading
from udpmsg.compare.setting import asked, details
from udpmsg.compare.trace import Comparison, Where
from udpmsg.show.markup import asset, command, fill, safe
from udpmsg.show.page import html, notes
from udpmsg.show.shell import shell

NO_LADDER = N_(
    "Nobody saw the frames here, so there is no ladder: on a real network the link keeps no record. {} without a host makes a "
    "link that does."
)

NOTHING = {
    Where.LAB: N_("Nothing was delivered."),
    Where.RELAY: N_("Nothing was delivered."),
    Where.NETWORK: N_("Not known here: it takes one clock for both hosts."),
}
"""Where a chart has nothing to draw."""
WAYS = {2: N_("two ways"), 3: N_("three ways")}


def page(reading: Reading) -> str:
    """The whole page. The same comparison gives the same text."""
    comparison = reading.comparison
    figures = story.table(reading)
    parts = texts(COMPARISON) | {
        "title": safe(title(comparison)),
        "lead": lead(comparison),
        "brief": html(asked(comparison)),
        "run": html(details(comparison)),
        "command": command(comparison.command),
        "sentences": html(story.sentences(reading)),
        "strip": html(story.strip(reading)),
        "table": html(figures),
        "notes": notes(figures) + of_first_repetition(comparison),
        "ladders": ladder_figures(reading),
        "repetitions": repetitions(comparison),
    }
    return shell(
        fill(asset("page.html"), parts),
        title=title(comparison),
        version=comparison.version,
        data=data(reading),
        charts="charts.js",
        script=("path.js", "page.js", "controls.js"),
    )


def title(comparison: Comparison) -> str:
    """What is compared, and over what."""
    modes = [SHORT[mode] for mode in comparison.choices.modes]
    listed = _("{} and {}").format(", ".join(modes[:-1]), modes[-1]) if len(modes) > 1 else "".join(modes)
    in_lab = _("{} over the same link") if len(modes) > 1 else _("{} over a link")
    over = {Where.LAB: in_lab, Where.RELAY: _("{} through a relay"), Where.NETWORK: _("{} to {}")}
    return over[comparison.where].format(listed, comparison.target)


def lead(comparison: Comparison) -> str:
    """One sentence that says what a reader looks at."""
    count, times = comparison.workload.count, comparison.choices.repeat
    modes = comparison.choices.modes
    if len(modes) > 1:
        words = plural(
            "The same {} message on the same schedule, sent {}", "The same {} messages on the same schedule, sent {}", count
        )
    else:
        words = plural("{} message, sent by {}", "{} messages, sent by {}", count)
    how = _(WAYS.get(len(modes), N_("several ways"))) if len(modes) > 1 else SHORT[modes[0]]
    text = words.format(number(count), how)
    said = [_("{}, {} times over.").format(text, number(times)) if times > 1 else f"{text}."]
    if comparison.where is Where.RELAY:
        said.append(_("UDP meets the link's faults; TCP is unimpaired, as a relay cannot drop its segments."))
    if comparison.where is Where.LAB and len(modes) > 1:
        said.append(
            _("What the link does to a message depends on the seed and the message alone, so it is the same in every mode.")
        )
    return safe(" ".join(said))


def of_first_repetition(comparison: Comparison) -> str:
    """Where there are several: of which one sentences and ladders are."""
    if comparison.choices.repeat == 1:
        return ""
    return f'<p class="note">{safe(_("The sentences above and the ladders below are of the first repetition."))}</p>'


def ladder_figures(reading: Reading) -> str:
    """A figure for each excerpt of the first repetition. Without a script all of them show; with it, one at a time."""
    comparison = reading.comparison
    read = [one for one in reading.first if one.run.frames]
    runs = [one.run for one in read]
    if not runs:
        return f"<p class='note'>{safe(_(NO_LADDER)).format('<code>udpmsg compare</code>')}</p>"
    total = sum(len(run.frames or ()) for run in runs)
    parts = []
    for place, excerpt in enumerate(excerpts(comparison, read), 1):
        picture, shown, left_out = draw(excerpt, runs, mode_names(comparison), comparison.workload.interval_ns, place)
        caption = _("From {} after the first message was due: {} of the {} frames of this run.").format(
            span(excerpt), number(shown), number(total)
        )
        if left_out:
            more = plural(
                "{} more in this time is left out, to keep it readable.",
                "{} more in this time are left out, to keep it readable.",
                left_out,
            )
            caption = f"{caption} {more.format(number(left_out))}"
        parts.append(
            f'<figure class="ladder" data-title="{safe(excerpt.title)}"{" data-opens" if excerpt.opens else ""}><figcaption>'
            f"<strong>{safe(excerpt.title)}.</strong> {safe(caption)}</figcaption>{picture}</figure>"
        )
    return "\n".join(parts)


def repetitions(comparison: Comparison) -> str:
    """Which repetition charts and ledger show, to be chosen."""
    numbers = sorted({run.repetition for run in comparison.runs})
    if len(numbers) < 2:
        return ""
    options = "".join(f'<option value="{one}">{one}</option>' for one in numbers)
    words = safe(_("Charts and ledger show repetition"))
    return f'<label class="choice">{words} <select id="repetition">{options}</select></label>'


def data(reading: Reading) -> dict[str, object]:
    """What the script draws from, and its words. Times are microseconds."""
    comparison = reading.comparison
    names = mode_names(comparison, SHORT)
    return for_script(CHARTS) | {
        "outcomes": outcomes(),
        "interval": comparison.workload.interval_ns / 1000,
        "late": comparison.late_ns / 1000,
        "names": {run.mode.value: names[run.mode] for run in comparison.runs},
        "nothing": _(NOTHING[comparison.where]),
        "runs": [columns(comparison, one.run, one.rows) for one in reading.runs],
    }
