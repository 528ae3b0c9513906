"""Measures udp+ack over a distance, beside the kernel's TCP with cubic and with BBR, in turns, and prints Markdown.

    scripts/bench distance                       the rows that have an aim, five rounds: some ten minutes
    scripts/bench distance --rounds 1            a first look
    scripts/bench distance --rows '1000-*'       some of them, by name
    scripts/bench distance --all                 sizes, round trips, rates, losses and queues, one varied at a time: an hour
    scripts/bench distance --fairness            two flows at once for 20 s: who gets how much

Each bulk is all its messages at once over one link of the lab (Linux; no privilege). Beside it goes one small datagram every
100 ms, which waits in the bulk's queue: its p99 is over all rounds. What each row means is said in docs/performance.md.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from distance.flows import Bulk, Measured, SideBySide, knows_congestion, two_bulks, undisturbed
from distance.rows import ISSUE, SWEEP, Row, chosen, queue_of
from distance.summary import FLOWS, OURS, Rounds, distance_table, fairness_table, row_line, run_line

from udpmsg.base.errors import UdpmsgError
from udpmsg.compare.choices import Mode, Workload
from udpmsg.link.faults import Link
from udpmsg.link.faults import Path as Faults

NO_CONGESTION = "`udpmsg compare` has no --congestion here"
Write = Callable[[dict[str, Any]], None]

RATE, ROUND_TRIP = 50_000_000, 0.04
"""Of the link that two flows share; its queue holds bandwidth × delay."""
SIZE = 1_144
OURS_DEFAULT = Bulk(Mode.UDP_ACK)
PAIRS: tuple[tuple[Bulk, Bulk], ...] = (
    (OURS_DEFAULT, OURS_DEFAULT),
    (OURS_DEFAULT, Bulk(Mode.TCP, "cubic")),
    *((Bulk(Mode.UDP_ACK, name), Bulk(Mode.UDP_ACK, name)) for name in ("newreno", "cubic", "bbr")),
    (Bulk(Mode.UDP_ACK, "newreno"), Bulk(Mode.TCP, "reno")),
    (Bulk(Mode.UDP_ACK, "cubic"), Bulk(Mode.TCP, "cubic")),
    (Bulk(Mode.UDP_ACK, "bbr"), Bulk(Mode.TCP, "bbr")),
    (Bulk(Mode.UDP_ACK, "bbr"), Bulk(Mode.TCP, "cubic")),
    (Bulk(Mode.TCP, "cubic"), Bulk(Mode.TCP, "cubic")),
    (Bulk(Mode.TCP, "bbr"), Bulk(Mode.TCP, "cubic")),
)
"""The last two are what ours are to be held against: the kernel beside itself."""


def bulk_of(row: Row, flow: str) -> Bulk:
    """What carries the row's bulk."""
    return Bulk(Mode.UDP_ACK, row.congestion) if flow == OURS else Bulk(Mode.TCP, flow)


def measure(rows: Sequence[Row], rounds: int, write: Write) -> list[Rounds]:
    """Each row's flows in turn, so that a machine that slows down slows all of them. Ctrl-C ends it early."""
    measured = [Rounds(row) for row in rows]
    for one in measured:
        if one.row.congestion is not None and not knows_congestion():
            one.skipped = NO_CONGESTION
            tell(f"{one.row.name}: not measured: {one.skipped}")
    try:
        for turn in range(1, rounds + 1):
            for one in measured:
                if one.skipped is None:
                    measure_once(one, turn, write)
    except KeyboardInterrupt:
        tell("stopped; what was measured until now:")
    for one in measured:
        write(row_line(one))
    return measured


def measure_once(one: Rounds, turn: int, write: Write) -> None:
    """One row, one round."""
    row = one.row
    said = []
    begun = time.monotonic()
    for flow in FLOWS:
        try:
            found: Measured = undisturbed(bulk_of(row, flow), Workload(row.count, 0, row.size), row.link, seed=turn)
        except UdpmsgError as failure:
            one.failures.append(f"{flow}, round {turn}: failed: {failure}".replace("\n", " ").replace("|", "/"))
            said.append(f"{flow} failed")
            continue
        one.measured[flow].append(found)
        write(run_line(row, turn, flow, found))
        said.append(f"{flow} {found.goodput_bps / 1e6:.3g} Mbit/s, {found.retransmissions:,} retransmissions")
    tell(f"round {turn}, {row.name}: {'; '.join(said)} ({time.monotonic() - begun:.0f} s)")


def measure_fairness(rounds: int, seconds: int, pattern: str | None, write: Write) -> dict[tuple[str, str], list[SideBySide]]:
    """Each pair once a round."""
    path = Faults(delay=int(ROUND_TRIP / 2 * 1e9), rate=RATE, queue=queue_of(1.0, RATE, ROUND_TRIP))
    workload = Workload(int(RATE / 8 * seconds / SIZE), 0, SIZE)
    measured: dict[tuple[str, str], list[SideBySide]] = {}
    pairs = []
    for pair in PAIRS:
        names = (pair[0].title, pair[1].title)
        if pattern is None or pattern in " beside ".join(names):
            measured[names] = []
            ours = any(bulk.mode is Mode.UDP_ACK and bulk.congestion is not None for bulk in pair)
            if ours and not knows_congestion():
                tell(f"{' beside '.join(names)}: not measured: {NO_CONGESTION}")
            else:
                pairs.append((names, pair))
    try:
        for turn in range(1, rounds + 1):
            for names, pair in pairs:
                try:
                    found = two_bulks(pair, workload, Link(path, path), turn, seconds)
                except UdpmsgError as failure:
                    tell(f"round {turn}, {' beside '.join(names)}: failed: {failure}")
                    continue
                measured[names].append(found)
                write({"event": "fairness", "round": turn, "flows": names} | found._asdict())
                tell(f"round {turn}, {' beside '.join(names)}: {', '.join(f'{sum(each):,} bytes' for each in found.bytes_per_s)}")
    except KeyboardInterrupt:
        tell("stopped; what was measured until now:")
    return measured


def tell(words: str) -> None:
    """Say how it goes, beside the tables."""
    print(words, file=sys.stderr, flush=True)


def main() -> int:
    """Measure and print; 1 if something failed."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench distance", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default: %(default)s)")
    parser.add_argument("--all", action="store_true", help="the sweep too")
    parser.add_argument("--rows", metavar="PATTERN", help="rows of both kinds, by name, such as 'size-*'")
    parser.add_argument("--fairness", action="store_true", help="two flows at once, and nothing else")
    parser.add_argument("--seconds", type=int, default=20, help="length of --fairness (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every run and every row to a file too, one line each")
    options = parser.parse_args()
    if options.rounds < 1 or options.seconds < 2:
        parser.error("--rounds must be 1 or more, and --seconds 2 or more")
    if sys.platform != "linux":
        raise SystemExit("bench: the lab needs Linux")
    begun, load = time.monotonic(), os.getloadavg()[0]
    lines = options.json.open("w") if options.json else None

    def write(line: dict[str, Any]) -> None:
        if lines is not None:
            print(json.dumps(line), file=lines, flush=True)

    print(
        f"Python {platform.python_version()}, {platform.system()} {platform.release()}, {len(os.sched_getaffinity(0))} cores; ",
        end="",
    )
    print(f"{load:.1f} processes at work before (idle: near 0); {options.rounds} rounds.\n", flush=True)
    failed = False
    if options.fairness:
        pairs = measure_fairness(options.rounds, options.seconds, options.rows, write)
        print(fairness_table(pairs, options.seconds))
    else:
        every = ISSUE + SWEEP
        rows = chosen(every if options.all or options.rows else ISSUE, options.rows)
        measured = measure(rows, options.rounds, write)
        print(distance_table(measured))
        failed = any(one.failures for one in measured)
    print(f"\nMeasured in {time.monotonic() - begun:,.0f} s.")
    return 1 if failed else 0


if __name__ == "__main__":
    from ending import end_with

    end_with(main)
