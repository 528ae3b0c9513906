"""Measures udpmsg beside its peers on this machine, in turns, and prints tables in Markdown. See docs/performance.md.

Everything runs on loopback or in the lab, in processes that this one starts and ends; each measurement is bounded in time.
The machine should be idle: each side of a measurement takes a core.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from peers.catalogue import LIBRARIES, SECTIONS, Choices, Peer, catalogue, newer_iperf3
from peers.running import Failed
from peers.tables import TARGETS, Series, as_json, machine_lines, peer_table, shown, target_table
from peers.tools import version


def measure(peers: Sequence[Peer], rounds: int) -> dict[str, Series]:
    """Each peer once a round, one after the other: a machine that slows down slows all of them. Ctrl-C ends it early."""
    series = {peer.name: Series(peer) for peer in peers}
    for one in series.values():
        if one.peer.missing:
            tell(f"{one.peer.name}: {one.trouble}")
    try:
        for turn in range(1, rounds + 1):
            for one in series.values():
                if not one.peer.missing:
                    begun = time.monotonic()
                    said = measure_once(one, turn)
                    tell(f"round {turn} of {rounds}, {one.peer.name}: {said} ({time.monotonic() - begun:.0f} s)")
    except KeyboardInterrupt:
        tell("stopped; what was measured until now:")
    return series


def measure_once(one: Series, turn: int) -> str:
    """One peer in one round, which is noted; what to say of it."""
    try:
        one.measured.append(one.peer.measure(turn))
    except Failed as failure:
        one.failures.append(str(failure).replace("\n", " ").replace("|", "/"))
        return f"failed: {failure}"
    unit = next(section.unit for section in SECTIONS if section.name == one.peer.section)
    return f"{shown(one.values[-1])} {unit}"


def tell(words: str) -> None:
    """Say how it goes, beside the tables."""
    print(words, file=sys.stderr, flush=True)


def machine(iperf3: str | None, load: float) -> dict[str, str]:
    """What a figure depends on."""
    processor = next(
        (line.partition(":")[2].strip() for line in lines("/proc/cpuinfo") if line.startswith("model name")), "unknown"
    )
    versions = [f"{name} {version_of(name)}" for name in LIBRARIES]
    tools = [version("iperf3"), version("sockperf"), version("cc"), *([f"$IPERF3: {version(iperf3)}"] if iperf3 else [])]
    return {
        "processor": f"{processor}, {len(os.sched_getaffinity(0))} cores",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}, udpmsg {version_of('udpmsg')}",
        "load before": f"{load:.1f} processes at work in the last minute (idle: near 0)",
        "net.core.rmem_max": f"{int(lines('/proc/sys/net/core/rmem_max')[0]):,} bytes",
        "tools": "; ".join(tools),
        "libraries": ", ".join(versions),
    }


def lines(path: str) -> list[str]:
    """A small file of the system."""
    return Path(path).read_text().splitlines()


def version_of(package: str) -> str:
    """The version of a Python package."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def chosen(peers: list[Peer], only: list[str] | None) -> list[Peer]:
    """Those that were asked for, in their order."""
    names = [peer.name for peer in peers]
    if unknown := [name for name in only or [] if name not in names]:
        raise SystemExit(f"bench: there is no peer {', '.join(unknown)}; there are {', '.join(names)}")
    return [peer for peer in peers if only is None or peer.name in only]


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(prog="scripts/bench peers", description=__doc__.partition("\n\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a measurement (default: %(default)s)")
    parser.add_argument("--lab-messages", type=int, default=1000, help="messages over the lossy link (default: %(default)s)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these alone; a name that there is not makes it list them")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every value of every round to a file too")
    options = parser.parse_args()
    if sys.platform != "linux":
        raise SystemExit("bench: the peers are measured on Linux: the C limit, the lab and the tools need it")

    begun = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    load = os.getloadavg()[0]
    iperf3 = newer_iperf3()
    with tempfile.TemporaryDirectory() as folder:
        peers = chosen(catalogue(Choices(options.seconds, Path(folder), options.lab_messages, iperf3)), options.only)
        series = measure(peers, options.rounds)
    where = machine(iperf3, load)
    print(f"Run of {begun}; medians of {options.rounds} rounds of {options.seconds:g} s, the peers in turn, loopback.\n")
    if any(target.ours in series for target in TARGETS):
        print(target_table(series) + "\n")
    print(peer_table(series) + "\n")
    print(machine_lines(where))
    if options.json:
        written = {"begun": begun, "rounds": options.rounds, "seconds": options.seconds, "machine": where}
        options.json.write_text(json.dumps(written | {"peers": as_json(list(series.values()))}, indent=1) + "\n")


if __name__ == "__main__":
    from ending import end_with

    end_with(main)
