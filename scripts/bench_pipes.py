"""Measures udpmsg in pipes: lines sent, confirmed and shown, beside plain programs that do the same. One table in Markdown.

    scripts/bench pipes                 five rounds of 200,000 lines: some two minutes
    scripts/bench pipes --rounds 1      a first look

Everything runs on loopback, in processes that this one starts and ends. What each row means is said in docs/performance.md.
"""

import argparse
import contextlib
import os
import platform
import random
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import IO, NamedTuple

from bench_delivery import Aim, Figures, Row, Runs, table, tell
from peers.running import SCRIPTS, Failed, await_port

HOST = "127.0.0.1"
WORDS = b"lorem ipsum dolor sit amet consectetur adipiscing elit sed do".split()
UDPMSG = (sys.executable, "-m", "udpmsg")
PLAIN = (sys.executable, "-m", "peers.pipes")
READ = 1 << 20
"""Bytes that are read at once of what a listener writes."""
SINK, LISTENER = (*PLAIN, "sink"), (*UDPMSG, "listen", "--quiet", "--port")


class Sending(NamedTuple):
    """A program that sends the lines of its standard input."""

    command: tuple[str, ...]
    """Behind it comes where to send."""
    to: tuple[str, ...]
    """The receiver; behind it comes the port."""
    options: tuple[str, ...] = ()
    text: bool = False
    """Lines of text, of which neighbours have other lengths; else the numbers from 1 on."""


COMMAND, TO_ALL = (*UDPMSG, "send"), ("--wait", "0s")
SENDERS = {
    "plain-send": Sending((*PLAIN, "send"), SINK),
    "send": Sending(COMMAND, SINK, TO_ALL),
    "plain-send-text": Sending((*PLAIN, "send"), SINK, text=True),
    "send-text": Sending(COMMAND, SINK, TO_ALL, text=True),
    "ack": Sending(COMMAND, LISTENER, ("--ack", *TO_ALL)),
    "ack-json": Sending(COMMAND, LISTENER, ("--ack", "--json", *TO_ALL)),
    "ack-text": Sending(COMMAND, LISTENER, ("--ack", *TO_ALL), text=True),
}
SHOWERS: dict[str, tuple[str, ...]] = {
    "plain-receive": (*PLAIN, "receive"),
    "listen": (*UDPMSG, "listen", "--once", "--port"),
    "listen-json": (*UDPMSG, "listen", "--once", "--json", "--port"),
}
LINES, CPU = "lines/s", "µs"


def rows_of(what: str, program: str, plain: str, aim: float | None = None) -> list[Row]:
    """Its rate and its processor time, beside the plain program's."""
    beside = ("plain sockets", plain)
    return [
        Row(what, program, "rate", LINES, beside, None if aim is None else Aim(aim, ratio=False)),
        Row("… processor time of a line", program, "cpu_us", CPU, beside),
    ]


ROWS = (
    *rows_of("`seq 200000 \\| udpmsg send`", "send", "plain-send", 200_000),
    *rows_of("… with `--ack`", "ack", "plain-send", 80_000),
    *rows_of("… with `--ack --json`", "ack-json", "plain-send"),
    *rows_of("lines of text, of other lengths than their neighbours", "send-text", "plain-send-text"),
    *rows_of("… with `--ack`", "ack-text", "plain-send-text"),
    *rows_of("`udpmsg listen`", "listen", "plain-receive", 200_000),
    *rows_of("`udpmsg listen --json`", "listen-json", "plain-receive", 200_000),
)


# Measuring ----------------------------------------------------------------------------------------------------------------


def stream_of(count: int, *, text: bool) -> bytes:
    """`count` lines."""
    if not text:
        return b"".join(b"%d\n" % number for number in range(1, count + 1))
    lots = random.Random(1)
    return b"".join(b" ".join(lots.choices(WORDS, k=lots.randrange(1, 12))) + b"\n" for _ in range(count))


def free_port() -> int:
    """A port of loopback that nobody has at this moment."""
    with socket.socket(type=socket.SOCK_DGRAM) as asked:
        asked.bind((HOST, 0))
        port: int = asked.getsockname()[1]
        return port


class Ended(NamedTuple):
    """What a program took from its start to its end."""

    seconds: float
    cpu: float


@contextlib.contextmanager
def started(command: list[str], **pipes: int | IO[bytes]) -> Iterator["subprocess.Popen[bytes]"]:
    """A process; what is left of it at the end is ended."""
    process = subprocess.Popen(command, cwd=SCRIPTS, stderr=subprocess.DEVNULL, **pipes)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def ended(process: "subprocess.Popen[bytes]", begun: float) -> Ended:
    """Wait for it. Raises Failed."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Failed(f"it ended with {process.returncode}")
    return Ended(time.perf_counter() - begun, used.ru_utime + used.ru_stime)


def sent(sending: Sending, port: int, lines: bytes) -> Ended:
    """One run of a sender, fed through a pipe."""
    plain = sending.command[: len(PLAIN)] == PLAIN
    where = str(port) if plain else f"{HOST}:{port}"
    begun = time.perf_counter()
    with started([*sending.command, where, *sending.options], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        with process.stdin as pipe:
            pipe.write(lines)
        return ended(process, begun)


def measured_sender(sending: Sending, count: int) -> Figures:
    """Less than what one line takes, which is the start."""
    port = free_port()
    with started([*sending.to, str(port)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL):
        await_port("udp", port)
        start = sent(sending, port, b"1\n")
        whole = sent(sending, port, stream_of(count, text=sending.text))
    return {
        "rate": (count - 1) / max(whole.seconds - start.seconds, 1e-9),
        "cpu_us": (whole.cpu - start.cpu) / (count - 1) * 1e6,
    }


def shown(command: tuple[str, ...], count: int) -> tuple[int, float, float]:
    """One run of a listener that is sent more than it can take: the lines that it wrote, the seconds from the first to the last
    of them, and its processor time."""
    port = free_port()
    begun = time.perf_counter()
    with started([*command, str(port)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        await_port("udp", port)
        lines, first, last = 0, 0.0, 0.0
        with started([*PLAIN, "feed", str(port), str(count)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL):
            while piece := os.read(process.stdout.fileno(), READ):
                came = piece.count(b"\n")
                if came > 2:  # not the first line of JSON, nor the last ones
                    first, last = first or time.perf_counter(), time.perf_counter()
                lines += came
        process.stdout.close()
        return lines, last - first, ended(process, begun).cpu


def measured_listener(command: tuple[str, ...], count: int) -> Figures:
    """The same, less than what it takes for one message."""
    few, _, start = shown(command, 1)
    lines, seconds, cpu = shown(command, count)
    return {"rate": lines / max(seconds, 1e-9), "cpu_us": (cpu - start) / max(lines - few, 1) * 1e6, "shown": float(lines)}


def measured(program: str, count: int) -> Figures:
    """One program, once. Raises Failed."""
    if program in SENDERS:
        return measured_sender(SENDERS[program], count)
    return measured_listener(SHOWERS[program], count)


def main() -> int:
    """Measure everything and print it; 1 if something failed."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench pipes", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default: %(default)s)")
    parser.add_argument("--lines", type=int, default=200_000, help="lines of a measurement (default: %(default)s)")
    options = parser.parse_args()
    if options.rounds < 1 or options.lines < 1000:
        parser.error("--rounds must be 1 or more, and --lines 1000 or more")
    begun, load = time.monotonic(), os.getloadavg()[0]
    runs: Runs = defaultdict(list)
    failures = []
    for turn in range(1, options.rounds + 1):
        for program in (*SENDERS, *SHOWERS):
            try:
                runs[program].append(measured(program, options.lines))
            except (Failed, OSError) as failure:
                failures.append(f"{program}, round {turn}: {failure}")
            tell(f"round {turn} of {options.rounds}, {program}")
    print(f"Python {platform.python_version()}, {platform.system()} {platform.release()}, {os.cpu_count()} cores; ", end="")
    print(f"{load:.1f} processes at work before (idle: near 0); medians of {options.rounds} rounds of {options.lines:,} lines.\n")
    print(table(ROWS, runs))
    for words in failures:
        print(f"\n- failed: {words}")
    print(f"\nMeasured in {time.monotonic() - begun:,.0f} s.")
    return 1 if failures else 0


if __name__ == "__main__":
    from ending import end_with

    end_with(main)
