"""Measures udpmsg on this machine: start-up, imports, memory of a listener, messages a second. Prints Markdown.

Every figure is the median of several runs, and runs that are compared take turns, so that a machine that slows down
slows all of them. Does not know how udpmsg works inside: it runs the command, and uses the library as a caller would.
"""

import argparse
import contextlib
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else an editable installation is compiled at every start that is measured
COMMAND = str(Path(sysconfig.get_path("scripts")) / "udpmsg")
PATIENCE = 180.0
"""Seconds that one command may take before the bench gives up on it."""

MODES = (
    ("UDP, fire and forget", (), ()),
    ("UDP, acknowledged", ("--ack",), ()),
    ("TCP", ("--tcp",), ("--tcp",)),
)
"""What each row is called, the sender's options and the listener's."""

UNWANTED = ("typer", "click", "rich", "asyncio", "numpy")


def free_port() -> int:
    """A port of 127.0.0.1 that neither UDP nor TCP uses at this moment."""
    while True:
        with socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(("127.0.0.1", 0))
            try:
                tcp.bind(udp.getsockname())
            except OSError:
                continue
            return int(udp.getsockname()[1])


@contextlib.contextmanager
def listening(*options: str) -> Iterator[tuple[int, "subprocess.Popen[str]"]]:
    """A `udpmsg listen --quiet` that is ready: its port and its process, ended afterwards if it did not end itself."""
    port = free_port()
    arguments = [COMMAND, "listen", "--port", str(port), "--quiet", "--json", *options]
    pipe = subprocess.PIPE
    process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line or json.loads(line)["event"] != "listening":
            raise SystemExit(f"bench: the listener did not begin: {line}{process.communicate(timeout=10)[1]}")
        yield port, process
    finally:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=10)


def summary_of(output: str) -> dict[str, Any]:
    """The summary among a command's JSON lines."""
    for line in reversed(output.splitlines()):
        event: dict[str, Any] = json.loads(line)
        if event["event"] == "summary":
            return event
    raise SystemExit("bench: a command ended without a summary")


def start_up(runs: int) -> tuple[float, float]:
    """Median seconds of `python -c pass` and of a `udpmsg send` of one message."""
    times: dict[int, list[float]] = {0: [], 1: []}
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))  # somebody is there, so no refusal comes
        commands = [
            [sys.executable, "-c", "pass"],
            [COMMAND, "send", f"127.0.0.1:{silent.getsockname()[1]}", "hello"],
        ]
        for turn in range(runs + 1):
            for which, command in enumerate(commands):
                begun = time.perf_counter()
                subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
                if turn:  # the first turn fills the disk cache and the compiled files
                    times[which].append(time.perf_counter() - begun)
    return statistics.median(times[0]), statistics.median(times[1])


def imported() -> tuple[int, list[str]]:
    """How many modules `from udpmsg import *` loads beyond a bare interpreter's, and which of those that it must not."""
    program = "import sys; before = set(sys.modules); from udpmsg import *; print(*sorted(set(sys.modules) - before))"
    output = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    return len(output), [name for name in UNWANTED if name in output]


def resident(process: "subprocess.Popen[str]") -> int:
    """The process's resident memory in KiB."""
    output = subprocess.run(["ps", "-o", "rss=", "-p", str(process.pid)], check=True, capture_output=True, text=True)
    return int(output.stdout)


def memory(sessions: int) -> int:
    """KiB of a listener after one acknowledged message from each of so many sessions, none of them ended."""
    from udpmsg.core.config import SenderConfig
    from udpmsg.core.events import Outcome, State
    from udpmsg.core.framing import each
    from udpmsg.core.sender import Sender

    with listening() as (port, process), socket.socket(type=socket.SOCK_DGRAM) as wire:
        wire.connect(("127.0.0.1", port))
        wire.settimeout(5)
        for session in range(1, sessions + 1):
            # a core sender each, so that a thousand sessions need no thousand sockets here
            sender = Sender(SenderConfig(acknowledged=True), session=session << 32, now=time.monotonic_ns())
            sender.send([b"one message"], now=time.monotonic_ns())
            while sender.unresolved:
                for datagram in each(sender.data_to_send(now=time.monotonic_ns())):
                    wire.send(datagram)
                sender.receive([wire.recv(65_535)], now=time.monotonic_ns())
            (outcome,) = sender.events()
            if not isinstance(outcome, Outcome) or outcome.state is not State.DELIVERED:
                raise SystemExit(f"bench: a message was not delivered: {outcome}")
        return resident(process)


def rates(count: int, size: int, sender: tuple[str, ...], listener: tuple[str, ...]) -> tuple[float, float, int]:
    """Messages a second sent, the same received, and how many of `count` arrived."""
    with listening("--once", "--idle", "5s", *listener) as (port, process):
        workload = ("--count", str(count), "--size", str(size), "--json")
        output = subprocess.run(
            [COMMAND, "send", f"127.0.0.1:{port}", *workload, *sender],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        if output.returncode:
            raise SystemExit(f"bench: {' '.join(output.args)} ended with {output.returncode}: {output.stderr}")
        sent = summary_of(output.stdout)
        received = summary_of(process.communicate(timeout=PATIENCE)[0])
    arrived = received["messages_delivered"]
    return sent["messages_sent"] / sent["duration_s"], arrived / received["duration_s"], arrived


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=5, help="runs of each throughput (default: %(default)s)")
    parser.add_argument("--count", type=int, default=200_000, help="messages a run (default: %(default)s)")
    parser.add_argument("--size", type=int, default=1200, help="bytes a message (default: %(default)s)")
    parser.add_argument("--starts", type=int, default=21, help="start-ups measured (default: %(default)s)")
    parser.add_argument("--sessions", type=int, default=1000, help="sessions of the listener (default: %(default)s)")
    options = parser.parse_args()

    print(f"Python {platform.python_version()}, {platform.system()} {platform.release()}, {os.cpu_count()} cores\n")
    bare, command = start_up(options.starts)
    print("| start-up | median |\n|---|---|")
    print(f"| `python -c pass` | {bare * 1000:.1f} ms |")
    print(f"| `udpmsg send` of one message | {command * 1000:.1f} ms |")
    print(f"| ratio | {command / bare:.2f} |\n", flush=True)

    modules, unwanted = imported()
    print(f"`from udpmsg import *` loads {modules} modules; of {', '.join(UNWANTED)}: {', '.join(unwanted) or 'none'}.\n")

    sizes: dict[int, list[int]] = {0: [], options.sessions: []}
    for _ in range(3):
        for sessions, measured in sizes.items():
            measured.append(memory(sessions))
    empty, full = (statistics.median(measured) for measured in sizes.values())
    print("| listener's resident memory | median |\n|---|---|")
    print(f"| no session | {empty / 1024:.1f} MiB |")
    print(f"| {options.sessions:,} sessions | {full / 1024:.1f} MiB |")
    print(f"| a session | {(full - empty) / options.sessions:.2f} KiB |\n", flush=True)

    results: dict[str, list[tuple[float, float, int]]] = {name: [] for name, _, _ in MODES}
    for _ in range(options.runs):
        for name, sender, listener in MODES:
            results[name].append(rates(options.count, options.size, sender, listener))
    print(f"Medians of {options.runs} runs of {options.count:,} messages of {options.size} bytes, loopback:\n")
    print("| mode | sent, messages/s | received, messages/s | arrived |\n|---|---|---|---|")
    for name, runs in results.items():
        sent, received, arrived = (statistics.median(column) for column in zip(*runs, strict=True))
        print(f"| {name} | {sent:,.0f} | {received:,.0f} | {arrived / options.count:.1%} |")


if __name__ == "__main__":
    from ending import end_with

    end_with(main)
