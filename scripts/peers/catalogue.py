"""The list of everything that is measured, each with what it needs: a table that a new peer joins.

Owns names, titles, and who stands beside whom. Knows neither rounds nor tables.
"""

import importlib.util
import os
import shutil
import socket
import statistics
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from peers import tools
from peers.running import SCRIPTS, START, Failed, output_of, pair, timed, words
from peers.side import ADDRESS
from peers.tools import Measured, one_core

UDPMSG = str(Path(sysconfig.get_path("scripts")) / "udpmsg")
STARTS = 11
"""Start-ups a round."""
SEARCH = 30
"""A search for the throughput may take so many times as long as one of its trials."""
BENCH_SECONDS = 8.0
"""What `udpmsg bench` gets for a measurement, which is a search, where `--seconds` asks for less."""
LAB_BOUND = 120.0
"""Seconds for one run over the lossy link."""
LIBRARIES = ("isal", "uvloop", "pyzmq", "aiocoap", "aioquic")
"""The extra `bench` of pyproject.toml."""
INSTALL = ".venv/bin/python -m pip install --constraint constraints.txt --editable '.[bench]'"


@dataclass(frozen=True)
class Section:
    """What can be compared with each other."""

    name: str
    title: str
    unit: str
    ours: str
    """The peer that is udpmsg, which all ratios are against."""


SECTIONS = (
    Section("one way", "One way, received", "msg/s", "udpmsg"),
    Section("sent alone", "One message of 64 B alone, sent: CPU time", "ns", "udpmsg-lone-send"),
    Section("received alone", "One message of 64 B alone, received: CPU time", "ns", "udpmsg-lone-receive"),
    Section("mixed", "300 senders in turns, 64 B, received: CPU time of a message", "ns", "udpmsg-mixed"),
    Section(
        "event loop", "In an event loop, 1200 B, received for each second of the receiver's CPU time", "msg/s", "udpmsg-asyncio"
    ),
    Section("confirmed", "Every message confirmed to the sending program, 1200 B", "msg/s", "udpmsg-acknowledged"),
    Section("streams", "Messages over TCP, each cut out of the stream, 1200 B", "msg/s", "udpmsg-tcp"),
    Section("round trip", "There and back, 64 B, both sides on one core, p50", "µs", "udpmsg-round-trip"),
    Section("lossy link", "5 % loss and 20 ms each way, goodput, 1200 B", "Mbit/s", "udpmsg-lossy"),
    Section("start-up", "From the prompt to the prompt", "ms", "udpmsg-send"),
)


@dataclass(frozen=True)
class Choices:
    """How long and how much."""

    seconds: float
    folder: Path
    """For what is compiled."""
    lab_messages: int
    iperf3: str | None
    """A newer iperf3 than the system's."""


@dataclass(frozen=True)
class Peer:
    """One thing that is measured. `measure` is given the number of the round, from 1."""

    name: str
    section: str
    title: str
    measure: Callable[[int], Measured]
    missing: str | None = None
    """What to do to have it; None: it is there."""


def catalogue(choices: Choices) -> list[Peer]:
    """Everything, in the order in which it is measured: ours between the others, so that none has the machine at its best."""
    seconds = choices.seconds
    newer = choices.iperf3 or "iperf3"
    no_newer = None if choices.iperf3 else "set IPERF3=/path/to/iperf3 (3.21 or newer, https://github.com/esnet/iperf)"
    iperf3, sockperf = command("iperf3", "iperf3"), command("sockperf", "sockperf")
    cc, taskset = command("cc", "gcc"), command("taskset", "util-linux")

    def one_way(name: str, title: str, measure: Callable[[], Measured], missing: str | None = None) -> Peer:
        return Peer(name, "one way", title, lambda _: measure(), missing)

    def in_loop(name: str, title: str, measure: Callable[[], Measured], missing: str | None = None) -> Peer:
        return Peer(name, "event loop", title, lambda _: measure(), missing)

    def limit(size: int) -> Callable[[], Measured]:
        return lambda: tools.limit(choices.folder, size, seconds)

    def python(module: str, program: str, **also: object) -> Callable[[], Measured]:
        return partial(sides, module, program, seconds, **also)  # type: ignore[arg-type]

    def other(name: str, section: str, title: str, measure: Callable[[], Measured], missing: str | None = None) -> Peer:
        return Peer(name, section, title, lambda _: measure(), missing)

    return [
        one_way("limit", "the C limit: UDP_SEGMENT, UDP_GRO, 64 KiB a call", limit(1200), cc),
        one_way("udpmsg-flood", "udpmsg, `send_many` without a pace", python("ours", "flood")),
        one_way("iperf3", "iperf3 `-u -b 0`, the system's", lambda: tools.iperf3("iperf3", seconds), iperf3),
        one_way("iperf3-new", "iperf3 `-u -b 0`, `$IPERF3`", lambda: tools.iperf3(newer, seconds), no_newer),
        one_way(
            "iperf3-gsro",
            "iperf3 `-u -b 0 --gsro`, `$IPERF3`",
            lambda: tools.iperf3(newer, seconds, "--gsro"),
            no_newer or gsro(newer),
        ),
        one_way("udpmsg", "udpmsg, `send_many`, zero loss found by search", python("ours", "search", times=SEARCH)),
        one_way("sockperf", "sockperf throughput", lambda: tools.sockperf_throughput(seconds), sockperf),
        one_way("plain", "plain Python sockets, one datagram per call", python("datagrams", "plain")),
        one_way("asyncio", "asyncio's datagram endpoint", python("datagrams", "asyncio")),
        one_way("uvloop", "uvloop's datagram endpoint", python("datagrams", "uvloop"), module("uvloop")),
        one_way("udpmsg-bench", "`udpmsg bench`, zero loss, every sequence number checked", partial(bench, seconds, 1200)),
        one_way("limit-64", "the C limit, 64 B instead of 1200 B", limit(64), cc),
        one_way("udpmsg-bench-64", "`udpmsg bench`, 64 B instead of 1200 B", partial(bench, seconds, 64)),
        in_loop("udpmsg-asyncio", "`udpmsg.aio.Receiver.poll` in asyncio", python("ours", "asyncio", rate="cpu_rate")),
        in_loop("udpmsg-asyncio-each", "the same, `async for`", python("ours", "asyncio-each", rate="cpu_rate")),
        in_loop("asyncio-cpu", "asyncio's datagram endpoint", python("datagrams", "asyncio", rate="cpu_rate")),
        in_loop(
            "udpmsg-uvloop",
            "`udpmsg.aio.Receiver.poll` in uvloop",
            python("ours", "uvloop", rate="cpu_rate"),
            module("uvloop"),
        ),
        in_loop("uvloop-cpu", "uvloop's datagram endpoint", python("datagrams", "uvloop", rate="cpu_rate"), module("uvloop")),
        other("udpmsg-lone-send", "sent alone", "udpmsg, `Sender.send`", alone("send")),
        other("plain-lone-send", "sent alone", "`socket.send`", alone("send", "plain")),
        other("udpmsg-lone-receive", "received alone", "udpmsg, `Receiver.poll`", alone("poll")),
        other("plain-lone-receive", "received alone", "`recvfrom`", alone("poll", "plain")),
        other("udpmsg-mixed", "mixed", "udpmsg, `Receiver.poll`", alone("mixed")),
        other("plain-mixed", "mixed", "`recvfrom`", alone("mixed", "plain")),
        other("udpmsg-mixed-acknowledged", "mixed", "udpmsg, the same acknowledged", alone("mixed-acknowledged")),
        other(
            "udpmsg-acknowledged",
            "confirmed",
            "udpmsg, acknowledged, all DELIVERED",
            python("ours", "acknowledged"),
            module("isal"),
        ),
        other(
            "udpmsg-acknowledged-zlib",
            "confirmed",
            "udpmsg without its extra `fast`: zlib's CRC-32 instead of ISA-L's",
            python("ours", "acknowledged-zlib"),
        ),
        other(
            "coap",
            "confirmed",
            "aiocoap, confirmable messages, 16 clients at once",
            python("confirmed", "coap"),
            module("aiocoap"),
        ),
        other("quic", "confirmed", "aioquic, one stream", python("confirmed", "quic"), module("aioquic")),
        other("udpmsg-tcp", "streams", "udpmsg over TCP", python("ours", "tcp")),
        other("zeromq", "streams", "pyzmq, PUSH to PULL", python("streams", "zeromq"), module("zmq")),
        other("tcp", "streams", "plain Python sockets, 64 framed messages a call", python("streams", "framed")),
        other(
            "sockperf-round-trip",
            "round trip",
            "sockperf ping-pong",
            lambda: tools.sockperf_round_trip(seconds),
            sockperf or taskset,
        ),
        other(
            "udpmsg-round-trip",
            "round trip",
            "udpmsg, one acknowledged message",
            python("ours", "round-trip", pinned=True),
            taskset,
        ),
        other("plain-round-trip", "round trip", "plain Python sockets", python("datagrams", "round-trip", pinned=True), taskset),
        other(
            "c-round-trip", "round trip", "the kernel's own, in C", lambda: tools.pingpong(choices.folder, seconds), cc or taskset
        ),
        Peer("udpmsg-lossy", "lossy link", "udpmsg, acknowledged", partial(lossy, "udp+ack", choices.lab_messages)),
        Peer("tcp-lossy", "lossy link", "the kernel's TCP, cubic", partial(lossy, "tcp", choices.lab_messages)),
        other("python", "start-up", "`python -c pass`", lambda: start_up([sys.executable, "-c", "pass"])),
        other("udpmsg-send", "start-up", "`udpmsg send` of one message", send),
    ]


# How each is measured -----------------------------------------------------------------------------------------------------


def sides(module: str, program: str, seconds: float, *, times: float = 1, pinned: bool = False, rate: str = "rate") -> Measured:
    """A Python peer, each side a process. `times`: it may take so many times as long as asked for. `rate`: which of the
    receiver's rates counts."""
    before = one_core() if pinned else []
    received, sent = pair([*before, sys.executable, "-m", f"peers.{module}", program], seconds, seconds * times + START)
    return read_sides(received, sent, rate)


def read_sides(received: dict[str, object], sent: dict[str, object], rate: str = "rate") -> Measured:
    """What the sides said at last. A sender that was told what arrived has the rate itself; else the receiver's counts."""
    if "p50_us" in sent:
        return number(sent, "p50_us"), None
    if "rate" in sent:
        return number(sent, "rate"), 0.0  # it fails where anything is lost
    return number(received, rate), tools.lost(number(sent, "sent"), number(received, "received"))


def number(said: dict[str, object], key: str) -> float:
    """A number among the words of a side. Raises Failed where it is not there: too little came to tell a rate."""
    value = said.get(key)
    if not isinstance(value, int | float):
        raise Failed(f"it told no {key}: {said}")
    return float(value)


def bench(seconds: float, size: int) -> Measured:
    """The command that users have: its own search, its own receiver."""
    spent = max(seconds, BENCH_SECONDS)
    options = ("--json", "--mode", "udp", "--size", str(size), "--for", f"{spent:g}s")
    return read_bench(output_of([UDPMSG, "bench", *options], 4 * spent + START), size), 0.0


def read_bench(output: str, size: int) -> float:
    """The throughput at so many bytes without acknowledgments, among its JSON lines."""
    for line in output.splitlines():
        said = words(line)
        if (said.get("mode"), said.get("size_bytes")) == ("udp", size):
            return number(said, "throughput_msgs_per_s")
    raise Failed(f"udpmsg bench told nothing of {size} bytes over UDP")


def alone(row: str, side: str = "ours") -> Callable[[], Measured]:
    """The CPU time of a message in a row of `scripts/bench cost --only calls`, in nanoseconds."""
    command = [sys.executable, str(SCRIPTS / "cost_calls.py"), row, side]
    return lambda: (number(words(output_of(command, START)), "nanoseconds"), None)


def lossy(mode: str, messages: int, turn: int) -> Measured:
    """Goodput in Mbit/s in the lab; the round is the seed, so both modes meet the same losses, and each round others."""
    command = [sys.executable, "-m", "peers.ours", "lab", mode, str(messages), str(turn)]
    return number(words(output_of(command, LAB_BOUND)), "goodput_bps") / 1e6, None


def send() -> Measured:
    """`udpmsg send` of one message, to a socket of ours, so that no refusal comes."""
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind((ADDRESS, 0))
        return start_up([UDPMSG, "send", f"{ADDRESS}:{silent.getsockname()[1]}", "hello"])


def start_up(command: list[str]) -> Measured:
    """The median of some runs, in ms."""
    return statistics.median(timed(command, STARTS, START)) * 1000, None


# What is missing ----------------------------------------------------------------------------------------------------------


def command(name: str, package: str) -> str | None:
    """What to install for a command."""
    return None if shutil.which(name) else f"{name} is not installed (Debian, Ubuntu: apt install {package})"


def module(name: str) -> str | None:
    """What to install for a Python module."""
    return None if importlib.util.find_spec(name) else f"{name} is not installed ({INSTALL})"


def gsro(iperf3: str) -> str | None:
    """What to do for `--gsro`."""
    if shutil.which(iperf3) is None:
        return f"{iperf3} is no command"
    return None if tools.has_gsro(iperf3) else f"{iperf3} does not know --gsro: 3.21 or newer does"


def newer_iperf3() -> str | None:
    """The iperf3 that IPERF3 names."""
    return os.environ.get("IPERF3") or None
