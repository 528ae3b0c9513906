"""Measures what a delivery costs on this machine: a store, a spool, a round trip, a new session. Prints one table in Markdown.

    scripts/bench delivery                     five rounds: some three minutes
    scripts/bench delivery --rounds 1          a first look
    scripts/bench delivery --against ../older  also another checkout of udpmsg, in turns: before and after

Everything runs on loopback, in processes that this one starts and ends. What each row means is said in docs/performance.md.
"""

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from peers.delivery import NEWCOMERS, PATIENCE, RATE
from peers.running import START, Failed, pair
from peers.tables import shown
from peers.tools import one_core

PINNED = ("round-trip", "echo", "plain-round-trip")
"""Both sides on one core, so that no core has to be woken and the path itself is seen, as `scripts/bench peers` does it."""
PLAIN = ("batches", "one-by-one", "alone", "round-trip", "echo", "newcomers-udp", "newcomers-tcp")
"""What a udpmsg without store and spool can do too."""
DISK = "disk"
"""No program: the least that a commit waits for."""
PROGRAMS = (
    "batches",
    "batches-stored",
    "batches-spooled",
    "one-by-one",
    "one-by-one-stored",
    "one-by-one-spooled",
    "alone",
    "alone-stored",
    "durable",
    DISK,
    "round-trip",
    "echo",
    "plain-round-trip",
    "newcomers-udp",
    "newcomers-tcp",
)
"""See `peers.delivery`; those that are compared stand together."""
SYNCS = 50
PAGE = bytes(4096)
OLDER = "older "
"""Before a program's name: with the other checkout."""

Figures = dict[str, float]
"""What one run told, by the names that its sides use."""
Runs = dict[str, list[Figures]]
"""Every round, by program."""


class Aim(NamedTuple):
    """What a row should reach: its ratio, or the value itself."""

    bound: float
    most: bool = False
    """It may be at most so much: less is better."""
    ratio: bool = True

    def verdict(self, value: float, ratio: float | None) -> str:
        """In words, and whether it is reached."""
        judged = ratio if self.ratio else value
        words = f"{'at most' if self.most else 'at least'} {self.bound:,g}{' ×' if self.ratio else ''}"
        if judged is None:
            return f"{words}: not known"
        return f"{words}: {'reached' if (judged <= self.bound if self.most else judged >= self.bound) else '**short**'}"


class Row(NamedTuple):
    """One line of the table."""

    what: str
    program: str
    figure: str
    unit: str
    peer: tuple[str, str] | None = None
    """What it stands beside: its name, and its program. The ratio is that of the same figure."""
    aim: Aim | None = None
    of_rounds: Callable[[Iterable[float]], float] = statistics.median


BARE = "with neither store nor spool"
SENT = "messages/s"
BATCHES = "acknowledged in batches, 1200 B"
ONE_BY_ONE = "acknowledged, a call of `send` for each, 100 B"
ALONE = "acknowledged, each sent when the one before was confirmed, 100 B"
ROUND_TRIP = "round trip of one acknowledged message, 64 B, p50"
ECHO = "a message and its reply, both acknowledged, 64 B, p50"
SERVED = f"of {NEWCOMERS:,} new sessions, the fewest served"
ROWS = (
    Row(f"{BATCHES}, with a store", "batches-stored", "rate", SENT, (BARE, "batches"), Aim(0.3)),
    Row("… commits", "batches-stored", "commits_per_s", "commits/s"),
    Row("… messages in each", "batches-stored", "rows_per_commit", "messages"),
    Row(f"{BATCHES}, with a spool", "batches-spooled", "rate", SENT, (BARE, "batches")),
    Row(f"{ONE_BY_ONE}, with a store", "one-by-one-stored", "rate", SENT, (BARE, "one-by-one"), Aim(0.85)),
    Row("… commits", "one-by-one-stored", "commits_per_s", "commits/s"),
    Row("… messages in each", "one-by-one-stored", "rows_per_commit", "messages"),
    Row(f"{ONE_BY_ONE}, with a spool", "one-by-one-spooled", "rate", SENT, (BARE, "one-by-one")),
    Row(f"{ALONE}, with a store", "alone-stored", "rate", SENT, (BARE, "alone"), Aim(0.85)),
    Row(f"from sent to on the disk, {RATE:,} messages/s of 100 B, p50", "durable", "p50_us", "µs", ("an fsync", DISK)),
    Row("… p99", "durable", "p99_us", "µs", ("an fsync", DISK), Aim(10_000, most=True, ratio=False)),
    Row("… messages/s that came", "durable", "received_per_s", SENT),
    Row("an fsync of 4 KiB on that disk, p50", DISK, "p50_us", "µs"),
    Row("… p99", DISK, "p99_us", "µs"),
    Row(ROUND_TRIP, "round-trip", "p50_us", "µs", ("plain sockets", "plain-round-trip")),
    Row(ECHO, "echo", "p50_us", "µs", ("plain sockets", "plain-round-trip")),
    Row(f"{SERVED}, UDP", "newcomers-udp", "served", "sessions", None, Aim(NEWCOMERS, ratio=False), min),
    Row(f"{SERVED}, TCP", "newcomers-tcp", "served", "sessions", None, Aim(NEWCOMERS, ratio=False), min),
    Row("new sessions, one after the other, UDP", "newcomers-udp", "rate", "sessions/s", ("TCP", "newcomers-tcp")),
)


def rows_against(name: str) -> list[Row]:
    """Before and after."""

    def row(what: str, program: str, figure: str, unit: str, aim: Aim | None = None) -> Row:
        return Row(what, program, figure, unit, (name, OLDER + program), aim)

    return [
        row(BATCHES, "batches", "rate", SENT),
        row(ONE_BY_ONE, "one-by-one", "rate", SENT),
        row(ALONE, "alone", "rate", SENT),
        row(ROUND_TRIP, "round-trip", "p50_us", "µs", Aim(1.1, most=True)),
        row(ECHO, "echo", "p50_us", "µs", Aim(1.1, most=True)),
        row("new sessions, one after the other, UDP", "newcomers-udp", "rate", "sessions/s"),
        row("new sessions, one after the other, TCP", "newcomers-tcp", "rate", "sessions/s"),
    ]


# Measuring ----------------------------------------------------------------------------------------------------------------


def measured(python: Path, program: str, seconds: float, directory: Path) -> Figures:
    """One program, both sides, with a folder that is there for this run alone. Raises Failed."""
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=directory) as folder:
        if program == DISK:
            return disk(Path(folder) / "file")
        before = one_core() if program in PINNED else []
        command = [*before, str(python), "-m", "peers.delivery", folder, program]
        received, sent = pair(command, seconds, max(seconds, PATIENCE) + START)
    figures = {key: value for key, value in {**received, **sent}.items() if value is not None}
    if "commits" in figures:
        figures["commits_per_s"] = figures["commits"] * figures["rate"] / figures["kept"]
        figures["rows_per_commit"] = figures["kept"] / figures["commits"]
    if program == "durable":
        figures["received_per_s"] = figures["received"] * figures["rate"] / figures["sent"]
    return figures


def disk(path: Path) -> Figures:
    """How long the disk takes for the least that there is."""
    times = []
    with path.open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            file.write(PAGE)
            begun = time.perf_counter()
            os.fsync(file.fileno())
            times.append((time.perf_counter() - begun) * 1e6)
    times.sort()
    return {"p50_us": statistics.median(times), "p99_us": times[SYNCS * 99 // 100]}


def measure(rounds: int, seconds: float, directory: Path, older: Path | None) -> tuple[Runs, list[str]]:
    """Each program once a round, with both checkouts one right after the other; and what failed. Ctrl-C ends it early."""
    ours = Path(sys.executable)
    turns = []
    for program in PROGRAMS:
        turns.append((program, ours, program))
        if older is not None and program in PLAIN:
            turns.append((OLDER + program, older, program))
    runs: Runs = defaultdict(list)
    failures = []
    try:
        for turn in range(1, rounds + 1):
            for name, python, program in turns:
                begun = time.monotonic()
                try:
                    runs[name].append(measured(python, program, seconds, directory))
                    said = "done"
                except Failed as failure:
                    said = f"failed: {failure}"
                    failures.append(f"{name}, round {turn}: {failure}".replace("\n", " "))
                tell(f"round {turn} of {rounds}, {name}: {said} ({time.monotonic() - begun:.1f} s)")
    except KeyboardInterrupt:
        tell("stopped; what was measured until now:")
    return runs, failures


def tell(words: str) -> None:
    """Say how it goes, beside the table."""
    print(words, file=sys.stderr, flush=True)


# The table ----------------------------------------------------------------------------------------------------------------


def table(rows: Iterable[Row], runs: Runs) -> str:
    """All rows; a figure that is not known is a dash."""
    lines = ["| what | figure | least–most | beside | its figure | ratio | aim |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        values = [figures[row.figure] for figures in runs.get(row.program, ())]
        if not values:
            lines.append(f"| {row.what} | – | | | | | |")
            continue
        value = row.of_rounds(values)
        name, beside, ratio = "", "", None
        if row.peer is not None:
            name, program = row.peer
            others = [figures[row.figure] for figures in runs.get(program, ())]
            beside = "–"
            if others:
                beside, ratio = shown(other := row.of_rounds(others)), value / other
        cells = [
            row.what,
            f"{shown(value)} {row.unit}",
            f"{shown(min(values))}–{shown(max(values))}",
            name,
            beside,
            "" if ratio is None else f"{ratio:.2f}",
            "" if row.aim is None else row.aim.verdict(value, ratio),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def checkout(parser: argparse.ArgumentParser, directory: Path) -> Path:
    """The Python that has another checkout's udpmsg."""
    python = directory.absolute() / ".venv" / "bin" / "python"
    if not python.exists():
        parser.error(f"{directory}: that checkout is not set up; run scripts/setup in it")
    return python


def main() -> int:
    """Measure everything and print it; 1 if something failed."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench delivery", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a measurement (default: %(default)s)")
    parser.add_argument(
        "--directory",
        type=Path,
        default=Path(),
        help="where stores and spools are, and are removed from (default: the current one)",
    )
    parser.add_argument("--against", type=Path, metavar="DIR", help="another checkout that is set up: measure it too, in turns")
    options = parser.parse_args()
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("--rounds must be 1 or more, and --seconds more than 0")
    if not options.directory.is_dir():
        parser.error(f"{options.directory}: there is no such directory")
    older = None if options.against is None else checkout(parser, options.against)

    begun, load = time.monotonic(), os.getloadavg()[0]
    runs, failures = measure(options.rounds, options.seconds, options.directory.absolute(), older)
    print(
        f"Python {platform.python_version()}, {platform.system()} {platform.release()}, {len(os.sched_getaffinity(0))} cores; ",
        end="",
    )
    print(f"{load:.1f} processes at work before (idle: near 0); medians of {options.rounds} rounds of {options.seconds:g} s.\n")
    print(table([*ROWS, *(rows_against(f"`{options.against}`") if older else ())], runs))
    for failure in failures:
        print(f"\n- failed: {failure}")
    print(f"\nMeasured in {time.monotonic() - begun:,.0f} s.")
    return 1 if failures else 0


if __name__ == "__main__":
    from ending import end_with

    end_with(main)
