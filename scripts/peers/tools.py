"""The C tools: how each is run, and what its words mean.

Owns commands and the reading of their output. Each function returns a value (messages a second, or µs) and the share lost.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import free_port

from peers.running import START, Failed, await_port, output_of, started
from peers.side import ADDRESS, PAYLOAD, SMALL

SIZE = len(PAYLOAD)
SOURCES = Path(__file__).parent

Measured = tuple[float, float | None]
"""A value, and the share of the messages that was lost (None: it does not apply)."""


def one_core() -> list[str]:
    """Before a command: keep it on one core, the last that this process may use."""
    return ["taskset", "-c", str(max(os.sched_getaffinity(0)))]


# In C ---------------------------------------------------------------------------------------------------------------------


def compiled(folder: Path, name: str) -> str:
    """One of our programs in C, ready to run. Raises Failed."""
    binary = folder / name
    if not binary.exists():
        output_of(["cc", "-O2", "-o", str(binary), str(SOURCES / f"{name}.c")], START)
    return str(binary)


def limit(folder: Path, size: int, seconds: float) -> Measured:
    """64 KiB of datagrams a call, at both ends."""
    return read_limit(output_of([compiled(folder, "limit"), str(size), str(seconds)], seconds + START))


def read_limit(output: str) -> Measured:
    """Received a second; what was sent a second tells the loss."""
    received, sent = found(r"^received (\d+) datagrams/s", output), found(r"^sent +(\d+) datagrams/s", output)
    return received, lost(sent, received)


def pingpong(folder: Path, seconds: float) -> Measured:
    """The kernel's own round trip, both sides on one core; p50 in µs."""
    return read_pingpong(
        output_of([*one_core(), compiled(folder, "pingpong"), str(len(SMALL)), str(seconds)], seconds + START)
    ), None


def read_pingpong(output: str) -> float:
    """p50."""
    return found(r"p50 ([\d.]+) us", output)


# iperf3 -------------------------------------------------------------------------------------------------------------------


def iperf3(command: str, seconds: float, *options: str) -> Measured:
    """`-u -b 0`, 1200 bytes, and a server that ends after one client."""
    port = str(free_port())
    bound = seconds + START
    whole = max(1, round(seconds))  # it takes no fractions
    with started([command, "-s", "-1", "-4", "-B", ADDRESS, "-p", port, "-J"], bound) as server:
        await_port("tcp", int(port))
        client = [command, "-c", ADDRESS, "-p", port, "-u", "-b", "0", "-l", str(SIZE), "-t", str(whole), "-J", *options]
        sent = output_of(client, bound)
        return read_iperf3(sent, server.finish())


def read_iperf3(client: str, server: str) -> Measured:
    """What the server received, by its own clock; what the client sent tells the loss. Each wrote one JSON object."""
    ends: list[dict[str, Any]] = []
    for output in (client, server):
        try:
            said = json.loads(output)
        except ValueError:
            raise Failed(f"iperf3 wrote no JSON: {output[-200:]!r}") from None
        if "error" in said:
            raise Failed(f"iperf3: {said['error']}")
        ends.append(said["end"])
    sent, received = ends[0]["sum_sent"], ends[1]["sum_received"]
    return received["bytes"] / SIZE / received["seconds"], lost(sent["bytes"], received["bytes"])


def has_gsro(command: str) -> bool:
    """Whether this iperf3 can use UDP_SEGMENT and UDP_GRO."""
    shown = subprocess.run([command, "--help"], check=False, capture_output=True, text=True, timeout=START)
    return "--gsro" in shown.stdout + shown.stderr


# sockperf -----------------------------------------------------------------------------------------------------------------


def sockperf(mode: str, size: int, seconds: float, *options: str, before: Sequence[str] = ()) -> tuple[str, str]:
    """The words of the client and of the server, which is told to end when the client has."""
    port = str(free_port())
    bound = seconds + START
    to = ("-i", ADDRESS, "-p", port)
    with started([*before, "sockperf", "server", *to], bound) as server:
        await_port("udp", int(port))
        whole = str(max(1, round(seconds)))  # it takes no fractions
        client = output_of([*before, "sockperf", mode, *to, "-m", str(size), "-t", whole, *options], bound)
        server.interrupt()
        return client, server.finish()


def sockperf_throughput(seconds: float) -> Measured:
    """One datagram per call, one way."""
    return read_throughput(*sockperf("throughput", SIZE, seconds))


def read_throughput(client: str, server: str) -> Measured:
    """What the server received, over the time that the client sent. The server's count holds a few messages to warm up too."""
    sent, seconds = found(r"Total of (\d+) messages sent in", client), found(r"messages sent in ([\d.]+) sec", client)
    received = found(r"Total (\d+) messages received and handled", server)
    return received / seconds, lost(sent, received)


def sockperf_round_trip(seconds: float) -> Measured:
    """There and back, both sides on one core; p50 in µs."""
    client, _ = sockperf("ping-pong", len(SMALL), seconds, "--full-rtt", before=one_core())
    return read_round_trip(client), None


def read_round_trip(client: str) -> float:
    """p50. Without --full-rtt sockperf tells half of each round trip as "latency": that is not what is wanted, and fails."""
    if "Round trip is" not in client:
        raise Failed("sockperf told no round trips: --full-rtt is not known to it")
    return found(r"percentile 50\.0+ = *([\d.]+)", client)


# All ----------------------------------------------------------------------------------------------------------------------


def lost(sent: float, received: float) -> float | None:
    """The share that was lost; None: nothing was sent. What the clocks of two sides, or a warm-up, add is no gain: 0 at least."""
    return max(0.0, 1 - received / sent) if sent else None


def found(pattern: str, output: str) -> float:
    """The number that the pattern's group holds. Raises Failed."""
    match = re.search(pattern, output, re.MULTILINE)
    if match is None:
        raise Failed(f"its words are not as expected: {output.strip()[-200:]!r}")
    return float(match[1])


def version(command: str) -> str:
    """The first line that it says of its version."""
    if shutil.which(command) is None:
        return "missing"
    shown = subprocess.run([command, "--version"], check=False, capture_output=True, text=True, timeout=START)
    return (shown.stdout or shown.stderr).strip().partition("\n")[0].removesuffix("no.git").strip(" -")
