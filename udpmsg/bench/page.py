"""A benchmark as a page: one HTML file that opens offline in any browser, and can be printed.

Owns which parts there are, and the data of its charts. Its numbers are those of the JSON lines: each is a `data` element with its
key and its value.
"""

from typing import Any

from udpmsg.base.language import N_, _, number
from udpmsg.bench import story
from udpmsg.bench.jsonlines import fields
from udpmsg.bench.values import Benchmark, Measurement
from udpmsg.compare.choices import Mode
from udpmsg.compare.page.texts import BENCH_CHARTS, BENCHMARK, for_script
from udpmsg.compare.page.texts import parts as texts
from udpmsg.compare.page.words import SHORT
from udpmsg.show.markup import asset, command, fill, safe
from udpmsg.show.page import html
from udpmsg.show.pictures import Prose
from udpmsg.show.shell import shell

NOTHING = N_("Nothing limited it that udpmsg can see.")


def page(benchmark: Benchmark) -> str:
    """The whole page. The same benchmark gives the same text."""
    found, held = benchmark.measurements, story.limits(benchmark)
    parts = texts(BENCHMARK) | {
        "title": safe(title(benchmark)),
        "lead": safe(f"{story.setting(benchmark)}."),
        "command": command(benchmark.request.command),
        "cards": "".join(f'<li class="card"><p>{safe(text)}</p></li>' for text in story.meaning(benchmark)),
        "table": html(story.table(found)),
        "curves": "".join(curve_figure(one, at) for at, one in enumerate(curved(found))),
        "limits": f'<dl class="whole">{html(held)}</dl>' if held.pairs else html(Prose((_(NOTHING),), "note")),
        "run": html(story.details(benchmark)),
    }
    return shell(
        fill(asset("bench.html"), parts),
        title=title(benchmark),
        version=benchmark.version,
        data=data(found),
        charts="bench.js",
        script=("controls.js",),
    )


def title(benchmark: Benchmark) -> str:
    """What was measured."""
    if benchmark.target is None:
        return _("How fast messages go on this machine")
    return _("How fast messages go to {}").format(benchmark.target)


def curved(found: list[Measurement]) -> list[Measurement]:
    """Those with a curve of rate and loss."""
    return [one for one in found if one.mode is Mode.UDP]


def curve_figure(measurement: Measurement, at: int) -> str:
    """The place of one curve."""
    title = safe(_("Loss at {} bytes.").format(number(measurement.size_bytes)))
    caption = f"<strong>{title}</strong> {safe(_('One point per trial, fire and forget over UDP.'))}"
    return f'<figure><figcaption>{caption}</figcaption><div id="curve-{at}" class="chart"></div></figure>\n'


def data(found: list[Measurement]) -> dict[str, Any]:
    """What the script draws from, and its words."""
    sizes = sorted({one.size_bytes for one in found})
    modes = list(dict.fromkeys(one.mode for one in found))
    by_cell = {(one.mode, one.size_bytes): fields(one) for one in found}

    def by_size(mode: Mode, key: str, factor: float = 1.0) -> list[float | None]:
        values = [by_cell.get((mode, size), {}).get(key) for size in sizes]
        return [None if value is None else value * factor for value in values]

    return for_script(BENCH_CHARTS) | {
        "names": {mode.value: SHORT[mode] for mode in Mode},
        "nothing": _("Not measured."),
        "sizes": sizes,
        "modes": [mode.value for mode in modes],
        "throughput": {mode.value: by_size(mode, "throughput_msgs_per_s") for mode in modes},
        "goodput_mbps": {mode.value: by_size(mode, "goodput_bps", 1e-6) for mode in modes},
        "curves": [curve(one, at) for at, one in enumerate(curved(found))],
    }


def curve(measurement: Measurement, at: int) -> dict[str, Any]:
    """Rate and share of loss, in per cent, of every trial, by rate."""
    trials = sorted(fields(measurement)["curve"], key=lambda trial: trial["sent_msgs_per_s"])
    return {
        "id": f"curve-{at}",
        "rates": [trial["sent_msgs_per_s"] for trial in trials],
        "loss": [trial["loss"] * 100 for trial in trials],
        "throughput": fields(measurement)["throughput_msgs_per_s"],
    }
