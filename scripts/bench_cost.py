"""Measures what a message, a session and a start cost, and whether that grows. Prints Markdown; draws docs/performance-cost.svg.

    scripts/bench cost                          everything, up to ten million messages: a quarter of an hour
    scripts/bench cost --most 100000            the same, shorter
    scripts/bench cost --only start --only way  what a start costs, and one message's way
    scripts/bench cost --only calls             one message alone and among others', beside plain sockets: half a minute

A verdict stands under each table. Costs are CPU time; how they are measured is said in cost_growth.py, cost_instructions.py,
cost_calls.py and cost_stages.py.
"""

import argparse
import itertools
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import cost_calls
import cost_growth as growth
import cost_instructions as instructions
import cost_stages
from cost_growth import Point

PLOT = Path(__file__).resolve().parent.parent / "docs" / "performance-cost.svg"
FLAT = 1.5
"""A cost of at most this many times what it was is flat. What was not touched for ten thousand messages comes from memory and
not from the cache, and that is a third more; a walk through all of them would make it a thousand times as much."""
MICROSECOND = 1e-6
MIB = 1 << 20
LOOPBACK_MOST = 1_000_000
"""Messages over real sockets; more of them say nothing new and take minutes."""
LOSSY_MOST = 1_000_000
SESSIONS = (10, 100, 1000, 10_000)


class Series(NamedTuple):
    """One line of a table and of the plot."""

    name: str
    points: list[Point]

    @property
    def ratio(self) -> float:
        """The last cost by the first."""
        return self.points[-1].cost / self.points[0].cost


class Panel(NamedTuple):
    """One table, and one part of the plot."""

    title: str
    across: str
    """What grows."""
    up: str
    """The cost, with its unit."""
    unit: float
    series: list[Series]


def say(text: str = "") -> None:
    """A line, at once: a run takes minutes."""
    print(text, flush=True)


def table(panel: Panel) -> None:
    """The panel as Markdown, with the ratio of last to first, and a verdict."""
    sizes = [point.at for point in max((series.points for series in panel.series), key=len)]
    say(f"### {panel.title}\n")
    say(f"| {panel.up}, by {panel.across} | {' | '.join(f'{size:,}' for size in sizes)} | last / first |")
    say("|---" * (len(sizes) + 2) + "|")
    for series in panel.series:
        known = {point.at: f"{point.cost / panel.unit:.2f}" for point in series.points}
        say(f"| {series.name} | {' | '.join(known.get(size, '–') for size in sizes)} | {series.ratio:.2f} |")
    growing = [f"{series.name} ({series.ratio:.2f})" for series in panel.series if series.ratio > FLAT]
    say(f"\n**{'grows: ' + ', '.join(growing) if growing else 'flat'}** (up to {FLAT} is flat)\n")


def medians(runs: int, measure: Callable[..., Sequence[float]], *arguments: object) -> list[float]:
    """Of each figure, the median of so many runs."""
    return [statistics.median(column) for column in zip(*(measure(*arguments) for _ in range(runs)), strict=True)]


# What is measured --------------------------------------------------------------------------------------------------------


def messages(most: int) -> Iterable[Panel]:
    """From core to core, without a network: cost and memory by the number of messages."""
    costs, memory, blocks = [], [], []
    for acknowledged, lossy in itertools.product((False, True), (False, True)):
        name = f"{'acknowledged' if acknowledged else 'fire and forget'}{', 1 % lost' if lossy else ''}"
        grown = growth.apart(growth.core_growth, min(most, LOSSY_MOST) if lossy else most, acknowledged, lossy)
        costs.append(Series(name, grown.costs))
        memory.append(Series(name, grown.memory))
        blocks.append(Series(name, grown.blocks))
    yield Panel("A message, from core to core", "messages", "µs of CPU, both sides", MICROSECOND, costs)
    yield Panel("What sender and receiver keep", "messages", "MiB in memory, of a process with both", MIB, memory)
    yield Panel("What sender and receiver keep, exactly", "messages", "thousand pieces of memory that Python holds", 1000, blocks)


def loopback(most: int, runs: int) -> Iterable[Panel]:
    """Over real sockets: the cost on each side, and the receiver's memory, by the number of messages."""
    costs, memory, lost = [], [], []
    for name, transport, acknowledged in (
        ("UDP", "udp", False),
        ("UDP, acknowledged", "udp", True),
        ("TCP", "tcp", False),
    ):
        sides: dict[str, list[Point]] = {"sender": [], "receiver": []}
        kept = []
        for count in growth.decades(min(most, LOOPBACK_MOST)):
            measured = [growth.loopback(count, transport, acknowledged) for _ in range(runs if count <= 100_000 else 1)]
            sides["sender"].append(Point(count, statistics.median(one.sender for one in measured)))
            sides["receiver"].append(Point(count, statistics.median(one.receiver for one in measured)))
            kept.append(Point(count, statistics.median(one.memory for one in measured)))
            arrived = statistics.median(one.arrived for one in measured)
            if arrived < count:
                lost.append(f"{name}, {count:,} messages: {1 - arrived / count:.1%}")
        costs += [Series(f"{name}: {side}", points) for side, points in sides.items()]
        memory.append(Series(name, kept))
    yield Panel("A message, over loopback", "messages", "µs of CPU", MICROSECOND, costs)
    yield Panel("What a receiver keeps", "messages", "MiB in memory", MIB, memory)
    if lost:
        say(f"Unpaced, so the receiving kernel dropped some (the cost is that of those that came): {'; '.join(lost)}.\n")


def sessions(runs: int, count: int) -> Iterable[Panel]:
    """By the number of sessions: all of them in turn, one alone, and those that come and go."""
    most = growth.most_connections()
    in_turn: list[Point] = []
    alone: list[Point] = []
    replies: list[Point] = []
    passing: list[Point] = []
    for size in SESSIONS:
        turn, one, answered = medians(runs, core_sessions, size, count)
        in_turn.append(Point(size, turn))
        alone.append(Point(size, one))
        replies.append(Point(size, answered))
    for size in SESSIONS[1:]:
        cost, refused = medians(runs, growth.apart, growth.passing_sessions, size)
        passing.append(Point(size, cost))
        if refused:
            say(f"Of {size:,} sessions that came and went, {refused:,.0f} found no place.\n")
    real: list[Series] = []
    memory: list[Series] = []
    for name, transport in (("UDP, acknowledged", "udp"), ("TCP, acknowledged, a connection each", "tcp")):
        sizes = [size for size in SESSIONS if transport == "udp" or size <= most]
        if len(sizes) < len(SESSIONS):
            say(f"{name}: one process may open {most:,} files here (ulimit -n), so no more than {sizes[-1]:,} connections.\n")
        rows = [medians(runs, growth.listener_sessions, size, count, transport) for size in sizes]
        for place, what in enumerate(("all in turn", "one of them alone")):
            real.append(Series(f"{name}: {what}", [Point(size, row[place]) for size, row in zip(sizes, rows, strict=True)]))
        memory.append(Series(name, [Point(size, row[2]) for size, row in zip(sizes, rows, strict=True)]))
    yield Panel(
        "A message, by open sessions, from core to core",
        "sessions",
        "µs of CPU, both sides",
        MICROSECOND,
        [Series("acknowledged: all in turn", in_turn), Series("acknowledged: one of them alone", alone)],
    )
    yield Panel("A message, by open sessions, of a real receiver", "sessions", "µs of CPU, receiver", MICROSECOND, real)
    yield Panel(
        "A turn that answers one peer, while others have not confirmed their answers",
        "others",
        "µs of CPU",
        MICROSECOND,
        [Series("a reply", replies)],
    )
    yield Panel(
        f"A session of one message and a goodbye, {growth.NEWCOMERS:,} a second",
        "sessions",
        "µs of CPU, both sides",
        MICROSECOND,
        [Series("fire and forget", passing)],
    )
    table_of_memory(memory)


def core_sessions(sessions: int, count: int) -> tuple[float, float, float]:
    """A message when all sessions take turns, and when one is alone; a reply when all others are unconfirmed."""
    return (
        growth.apart(growth.core_sessions, sessions, count, sessions),
        growth.apart(growth.core_sessions, sessions, count, 1),
        growth.apart(growth.unconfirmed_replies, sessions, count // 10),
    )


def table_of_memory(memory: list[Series]) -> None:
    """What a session more takes: this grows, and should by nothing but the session itself."""
    say("### What a session takes\n")
    say("| KiB for each session more | |\n|---|---|")
    for series in memory:
        first, last = series.points[0], series.points[-1]
        say(f"| {series.name} | {(last.cost - first.cost) / (last.at - first.at) / 1024:.2f} |")
    say()


def start(runs: int) -> None:
    """Whole programs, beside an interpreter that does nothing."""
    costs = instructions.starts(runs)
    bare = next(iter(costs.values()))
    say("### A start\n\n| | time, ms | / bare | instructions, million | / bare |\n|---|---|---|---|---|")
    for name, cost in costs.items():
        counted = ["–", "–"]
        if cost.instructions is not None and bare.instructions is not None:
            counted = [f"{cost.instructions / 1e6:.1f}", f"{cost.instructions / bare.instructions:.2f}"]
        say(f"| {name} | {cost.seconds * 1000:.1f} | {cost.seconds / bare.seconds:.2f} | {' | '.join(counted)} |")
    ratio = costs[instructions.SEND].seconds / bare.seconds
    say(f"\n**`udpmsg send` takes {ratio:.2f} × `python -c pass`** (at most {instructions.MOST_STARTS:g} is the aim)\n")


def way(runs: int) -> None:
    """One message's way, alone and in batches."""
    say("### One message's way: 1,144 bytes, encoded, sent, received, decoded; acknowledged, a datagram of 1,200: and back\n")
    say("| | batch | CPU time, µs | instructions, thousand |\n|---|---|---|---|")
    for program, delivery, batch in itertools.product(instructions.WAYS, ("fire and forget", "acknowledged"), (1, 64)):
        cost = instructions.message(program, batch, delivery, runs)
        counted = "–" if cost.instructions is None else f"{cost.instructions / 1000:.1f}"
        say(f"| {program}, {delivery} | {batch} | {cost.seconds / MICROSECOND:.2f} | {counted} |")
    say("\nInstructions are those of the process; the kernel's are in the time alone.\n")


def calls() -> None:
    """One message alone, and among those of other senders."""
    say(f"### One message of {len(cost_calls.PAYLOAD)} bytes, alone and among those of other senders, beside plain sockets\n")
    say("| a message | calls of Python's functions | of C's | ns of CPU | beside | ns of CPU | ratio | wanted | |")
    say("|---|---|---|---|---|---|---|---|---|")
    for name, row in cost_calls.ROWS.items():
        ours, plain = growth.apart(cost_calls.costs, name)
        ratio = ours.nanoseconds / plain.nanoseconds
        counted = f"{ours.python_calls:.1f} | {ours.c_calls:.1f} | {ours.nanoseconds:,.0f}"
        verdict = f"{ratio:.2f} | at most {row.most:g} | {'reached' if ratio <= row.most else '**short**'}"
        say(f"| {row.title} | {counted} | {row.beside} | {plain.nanoseconds:,.0f} | {verdict} |")
    say("\nBoth sides in one process, in turns with plain sockets; medians. A compiled function is no call of Python's.\n")


def stages() -> None:
    """Where a message's time goes: what a profile of each figure shows."""
    columns = {
        "counting alone": cost_stages.stages(acknowledged=False, counting_only=True),
        "handed over": cost_stages.stages(acknowledged=False),
        "acknowledged": cost_stages.stages(acknowledged=True),
    }
    say(f"### Where a message's time goes, {cost_stages.SIZE:,} bytes, {cost_stages.BATCH} with each call\n")
    say(f"| ns a message | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for stage in cost_stages.STAGES:
        say(f"| {stage} | {' | '.join(f'{column[stage]:,.0f}' for column in columns.values())} |")
    for side, its in cost_stages.SIDES.items():
        say(f"| **{side} in all** | {' | '.join(f'{sum(column[stage] for stage in its):,.0f}' for column in columns.values())} |")
    say()


# The plot ----------------------------------------------------------------------------------------------------------------


def draw(panels: list[Panel], path: Path) -> bool:
    """The panels three in a row, as one SVG that is the same for the same figures; False where matplotlib is missing."""
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("svg")
    from matplotlib import pyplot

    matplotlib.rcParams.update({"svg.hashsalt": "udpmsg", "svg.fonttype": "none", "font.size": 9})
    rows = -(-len(panels) // 3)
    figure, places = pyplot.subplots(rows, 3, figsize=(16, 4 * rows), layout="constrained", squeeze=False)
    for place in places.flat[len(panels) :]:
        place.set_visible(False)
    for panel, place in zip(panels, places.flat, strict=False):
        for series in panel.series:
            sizes, costs = zip(*((point.at, point.cost / panel.unit) for point in series.points), strict=True)
            place.plot(sizes, costs, marker="o", markersize=3, label=series.name)
        place.set(title=panel.title, xlabel=panel.across, ylabel=panel.up, xscale="log")
        place.set_ylim(0, 1.3 * max(point.cost / panel.unit for series in panel.series for point in series.points))
        place.minorticks_off()  # they are most of the file
        place.grid(alpha=0.3)
        place.legend(fontsize=7, loc="best")
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return True


PARTS = ("messages", "loopback", "sessions", "start", "way", "calls", "stages")


def main() -> None:
    """Measure what is asked for, print it, and draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, action="append", help="measure this part; may be repeated (default: all)")
    parser.add_argument("--most", type=int, default=10_000_000, help="messages of the longest run (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each figure (default: %(default)s)")
    parser.add_argument(
        "--count", type=int, default=20_000, help="messages by which a session is measured (default: %(default)s)"
    )
    parser.add_argument("--starts", type=int, default=21, help="starts of each program (default: %(default)s)")
    parser.add_argument("--plot", type=Path, help=f"where to draw (default: {PLOT.name} in docs, when every part is measured)")
    options = parser.parse_args()
    if options.most < 1000:
        parser.error("--most must be 1000 or more: less is over before it can be measured")
    chosen = options.only or PARTS
    plot = options.plot or (PLOT if set(PARTS) <= set(chosen) else None)

    begun = time.monotonic()
    say(f"Python {platform.python_version()}, {platform.system()} {platform.release()}, {os.cpu_count()} cores\n")
    if {"start", "way"} & set(chosen) and not instructions.has_valgrind():
        say("valgrind is not here (Debian, Ubuntu: apt install valgrind), so instructions are not counted: CPU time alone.\n")
    panels: list[Panel] = []
    parts: dict[str, Callable[[], Iterable[Panel] | None]] = {
        "messages": lambda: messages(options.most),
        "loopback": lambda: loopback(options.most, options.runs),
        "sessions": lambda: sessions(options.runs, options.count),
        "start": lambda: start(options.starts),
        "way": lambda: way(options.runs),
        "calls": calls,
        "stages": stages,
    }
    for name, measure in parts.items():
        if name in chosen:
            for panel in measure() or ():
                table(panel)
                panels.append(panel)
    say(f"Measured in {time.monotonic() - begun:,.0f} s.")
    if plot is not None and panels and not draw(panels, plot):
        sys.exit("bench: no plot was drawn, for matplotlib is missing: .venv/bin/pip install -c constraints.txt -e '.[bench]'")


if __name__ == "__main__":
    from ending import end_with

    end_with(main)
