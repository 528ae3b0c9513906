"""A benchmark as a page: one HTML file that opens offline in any browser, and can be printed; the twin of `html`.

Owns which parts there are. Its numbers are those of the JSON lines: each is a `data` element with its key and its value.
"""

from typing import Any

from udpmsg.experiment.bench_values import Benchmark, Measurement
from udpmsg.experiment.trace import Mode
from udpmsg.report.bench_lines import fields
from udpmsg.report.bench_words import COLUMNS, Column, limits, meaning, setting
from udpmsg.report.page.markup import asset, command, fill, safe, terms
from udpmsg.report.page.shell import shell
from udpmsg.report.page.table import UNKNOWN, mark
from udpmsg.report.page.words import MODES, SHORT, css
from udpmsg.report.terminal import byte_count, duration

NOTHING = "<p class='note'>Nothing that could be told.</p>"


def page(benchmark: Benchmark) -> str:
    """The whole page. The same benchmark gives the same text."""
    found = benchmark.measurements
    parts = {
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
    return "How fast messages go" + (f" to {benchmark.target}" if benchmark.target is not None else " on this machine")


def table(found: list[Measurement]) -> str:
    """A row a measurement, the modes in groups."""
    columns = COLUMNS[1:]
    head = "".join(f'<th scope="col">{safe(heading(column))} <small>{safe(column.below)}</small></th>' for column in columns)
    parts = [
        '<table class="figures bench"><caption class="hidden">Figures of each mode and size</caption>'
        f'<thead><tr><th scope="col">Bytes</th>{head}</tr></thead>'
    ]
    for mode in dict.fromkeys(one.mode for one in found):
        heads = f'<th scope="rowgroup" colspan="{len(COLUMNS)}">{mark(mode)}{safe(MODES[mode])}</th>'
        rows = "".join(row(one, columns) for one in found if one.mode is mode)
        parts.append(f'<tbody><tr class="group m-{css(mode)}">{heads}</tr>{rows}</tbody>')
    return "".join([*parts, "</table>"])


def heading(column: Column) -> str:
    """What a column is called where its neighbour can't lend it its name."""
    return column.heading or "round trip"


def row(measurement: Measurement, columns: tuple[Column, ...]) -> str:
    """One measurement; each number for reading and, beside it, as the JSON line has it."""
    line = fields(measurement)
    cells = []
    for column in columns:
        name, _, part = column.key.partition(":")
        value = line[name] if not part or line[name] is None else line[name][part]
        shown = (
            UNKNOWN
            if value is None
            else f'<data data-key="{safe(column.key)}" value="{value!r}">{safe(column.write(value))}</data>'
        )
        cells.append(f"<td>{shown}</td>")
    place = f'data-mode="{measurement.mode.value}" data-size="{measurement.size_bytes}"'
    return f'<tr {place}><th scope="row">{measurement.size_bytes:,}</th>{"".join(cells)}</tr>'


def curved(found: list[Measurement]) -> list[Measurement]:
    """Those with a curve of rate and loss."""
    return [one for one in found if one.mode is Mode.UDP]


def curve_figure(measurement: Measurement, at: int) -> str:
    """The place of one curve."""
    caption = f"<strong>Loss at {measurement.size_bytes:,} bytes.</strong> A point a trial, fire and forget over UDP."
    return f'<figure><figcaption>{caption}</figcaption><div id="curve-{at}" class="chart"></div></figure>\n'


def terms_of_limits(benchmark: Benchmark) -> str:
    """Each limit, and which measurements have it."""
    held = limits(benchmark)
    return f'<dl class="whole">{terms(held)}</dl>' if held else NOTHING


def details(benchmark: Benchmark) -> list[tuple[str, str]]:
    """All else that changes the figures, and where and when they were measured."""
    request = benchmark.request
    sizes = {one.datagrams_per_message for one in benchmark.measurements if one.datagrams_per_message is not None}
    said = [
        (
            "Receiver",
            f"a listener at {benchmark.target}" if benchmark.target else "a process of our own, which takes every payload",
        ),
        ("Receive buffer", "" if benchmark.receive_buffer_bytes is None else byte_count(benchmark.receive_buffer_bytes)),
        ("Datagrams", f"of at most {request.datagram_size:,} bytes" if request.datagram_size else "as large as a message needs"),
        ("Datagrams a message", " or ".join(map(str, sorted(sizes)))),
        ("Several datagrams a system call", "as far as the system can" if request.offload else "switched off"),
        ("Window", f"at most {request.window} messages unconfirmed" if request.window else "as the network takes"),
        ("Each measurement", duration(request.seconds)),
        ("Cores", str(benchmark.cores)),
        ("When", benchmark.started),
        ("System", benchmark.system),
    ]
    return [(name, text) for name, text in said if text]


def data(found: list[Measurement]) -> dict[str, Any]:
    """What the script draws from."""
    sizes = sorted({one.size_bytes for one in found})
    modes = list(dict.fromkeys(one.mode for one in found))
    by_cell = {(one.mode, one.size_bytes): fields(one) for one in found}

    def by_size(mode: Mode, key: str, factor: float = 1.0) -> list[float | None]:
        values = [by_cell.get((mode, size), {}).get(key) for size in sizes]
        return [None if value is None else value * factor for value in values]

    return {
        "names": {mode.value: SHORT[mode] for mode in Mode},
        "nothing": "Not measured.",
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
