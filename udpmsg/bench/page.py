"""A benchmark as a page: one HTML file that opens offline in any browser, and can be printed; the twin of `table`.

Owns which parts there are. Its numbers are those of the JSON lines: each is a `data` element with its key and its value.
"""

from typing import Any

from udpmsg.base.language import N_, _, number
from udpmsg.bench.jsonlines import fields
from udpmsg.bench.values import Benchmark, Measurement
from udpmsg.bench.words import COLUMNS, Column, heads, limits, meaning, setting
from udpmsg.compare.page.texts import BENCH_CHARTS, BENCHMARK, for_script
from udpmsg.compare.page.texts import parts as texts
from udpmsg.compare.page.words import MODES, SHORT
from udpmsg.compare.trace import Mode
from udpmsg.show.markup import asset, command, fill, safe, terms
from udpmsg.show.page import css, mark, unknown
from udpmsg.show.shell import shell
from udpmsg.show.terminal import byte_count, duration

NOTHING = N_("Nothing limited it that udpmsg can see.")


def page(benchmark: Benchmark) -> str:
    """The whole page. The same benchmark gives the same text."""
    found = benchmark.measurements
    parts = texts(BENCHMARK) | {
        "title": safe(title(benchmark)),
        "lead": safe(f"{setting(benchmark)}."),
        "command": command(benchmark.request.command),
        "cards": "".join(f'<li class="card"><p>{safe(text)}</p></li>' for text in meaning(benchmark)),
        "table": table(found),
        "curves": "".join(curve_figure(one, at) for at, one in enumerate(curved(found))),
        "limits": terms_of_limits(benchmark),
        "run": terms(details(benchmark)),
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


def table(found: list[Measurement]) -> str:
    """A row a measurement, the modes in groups."""
    columns = COLUMNS[1:]
    head = "".join(f'<th scope="col">{safe(heading(column))} <small>{safe(heads(column)[1])}</small></th>' for column in columns)
    parts = [
        f'<table class="figures bench"><caption class="hidden">{safe(_("Figures of each mode and size"))}</caption>'
        f'<thead><tr><th scope="col">{safe(_("Bytes"))}</th>{head}</tr></thead>'
    ]
    for mode in dict.fromkeys(one.mode for one in found):
        name = f'<th scope="rowgroup" colspan="{len(COLUMNS)}">{mark(mode)}{safe(_(MODES[mode]))}</th>'
        rows = "".join(row(one, columns) for one in found if one.mode is mode)
        parts.append(f'<tbody><tr class="group m-{css(mode)}">{name}</tr>{rows}</tbody>')
    return "".join([*parts, "</table>"])


def heading(column: Column) -> str:
    """What a column is called where its neighbour can't lend it its name."""
    return heads(column)[0] or _("round trip")


def row(measurement: Measurement, columns: tuple[Column, ...]) -> str:
    """One measurement; each number for reading and, beside it, as the JSON line has it."""
    line = fields(measurement)
    cells = []
    for column in columns:
        name, _, part = column.key.partition(":")
        value = line[name] if not part or line[name] is None else line[name][part]
        shown = (
            unknown()
            if value is None
            else f'<data data-key="{safe(column.key)}" value="{value!r}">{safe(column.write(value))}</data>'
        )
        cells.append(f"<td>{shown}</td>")
    place = f'data-mode="{measurement.mode.value}" data-size="{measurement.size_bytes}"'
    return f'<tr {place}><th scope="row">{number(measurement.size_bytes)}</th>{"".join(cells)}</tr>'


def curved(found: list[Measurement]) -> list[Measurement]:
    """Those with a curve of rate and loss."""
    return [one for one in found if one.mode is Mode.UDP]


def curve_figure(measurement: Measurement, at: int) -> str:
    """The place of one curve."""
    title = safe(_("Loss at {} bytes.").format(number(measurement.size_bytes)))
    caption = f"<strong>{title}</strong> {safe(_('One point per trial, fire and forget over UDP.'))}"
    return f'<figure><figcaption>{caption}</figcaption><div id="curve-{at}" class="chart"></div></figure>\n'


def terms_of_limits(benchmark: Benchmark) -> str:
    """Each limit, and which measurements have it."""
    held = limits(benchmark)
    return f'<dl class="whole">{terms(held)}</dl>' if held else f"<p class='note'>{safe(_(NOTHING))}</p>"


def details(benchmark: Benchmark) -> list[tuple[str, str]]:
    """All else that changes the figures, and where and when they were measured."""
    request = benchmark.request
    sizes = {one.datagrams_per_message for one in benchmark.measurements if one.datagrams_per_message is not None}
    said = [
        (
            _("Receiver"),
            _("a listener at {}").format(benchmark.target)
            if benchmark.target
            else _("a process of our own, which takes every payload"),
        ),
        (_("Receive buffer"), "" if benchmark.receive_buffer_bytes is None else byte_count(benchmark.receive_buffer_bytes)),
        (
            _("Datagrams"),
            _("of at most {} bytes").format(number(request.datagram_size))
            if request.datagram_size
            else _("as large as a message needs"),
        ),
        (_("Datagrams per message"), _(" or ").join(map(str, sorted(sizes)))),
        (_("Several datagrams per system call"), _("as far as the system can") if request.offload else _("switched off")),
        (
            _("Window"),
            _("at most {} messages unconfirmed").format(number(request.window)) if request.window else _("as the network takes"),
        ),
        (_("Congestion control"), request.congestion or ""),
        (_("Each measurement"), duration(request.seconds)),
        (_("Cores"), str(benchmark.cores)),
        (_("When"), benchmark.started),
        (_("System"), benchmark.system),
    ]
    return [(name, text) for name, text in said if text]


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
