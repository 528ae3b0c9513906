"""The command `bench`: parse, run the library's benchmark, show it, exit code."""

import shlex
from collections.abc import Iterable
from typing import Any, TypeVar

import typer

from udpmsg.base import kinds, units
from udpmsg.base.errors import N_, UsageError
from udpmsg.base.language import _, number, told
from udpmsg.base.option import Option, again
from udpmsg.bench.run import bench as measure
from udpmsg.bench.run import check
from udpmsg.bench.trial import NobodyThere
from udpmsg.bench.values import Benchmark, BenchProgress, BenchRequest, Measurement
from udpmsg.cli import options, showing
from udpmsg.cli.exits import Exit
from udpmsg.cli.given import Given
from udpmsg.cli.options import NETWORK, OUTPUT
from udpmsg.cli.outputs import open_outputs
from udpmsg.cli.signals import Interrupts
from udpmsg.compare.choices import CHOICES, MODE, Mode
from udpmsg.core.congestion import DEFAULT as DEFAULT_CONGESTION
from udpmsg.show.stream import Data, Words, columns
from udpmsg.show.telling import quantity
from udpmsg.show.terminal import counted, paint

T = TypeVar("T")

HELP = _("""\
How fast messages go: throughput without loss, flood, goodput and round-trip times, over UDP, UDP with acknowledgments and TCP.

[bold]Examples[/bold]

  udpmsg bench                                 this machine, about a minute and a half
  udpmsg bench --mode udp --size 1200 --for 4s one figure, in less time
  udpmsg bench 192.0.2.7                       to a listener on another machine
  udpmsg bench --html speed.html               a page with the curves
  udpmsg bench --json                          JSON lines, one per mode and size
  udpmsg bench --no-offload --size 1200        one datagram per system call
  udpmsg bench --receive-buffer 16MiB          with more room at the receiver

Throughput is the highest rate at which nothing is lost (RFC 2544), found by search. Every trial is a session of its own, in \
which the receiver accounts for every sequence number, and the rate has to pass a long trial. With acknowledgments and over TCP \
the sender is held back instead, and everything arrives.

With HOST, the other side runs udpmsg listen --both --quiet --host 0.0.0.0.
""")

EPILOG = _("""\
Exit codes: 0 all measured, 1 run-time error, 2 usage, 4 nobody there, 130 Ctrl-C (what was measured is shown), 143 terminated. \
Every option can be set by the environment: --receive-buffer by UDPMSG_RECEIVE_BUFFER.
""")

MEASURED = N_("What is measured")
BAR = 24
"""Columns of the progress bar."""
TALKATIVE = 2.0
"""Seconds: what takes longer says so before it begins."""


def _choice(name: str, words: str, **other: Any) -> Option:
    """An option that a comparison has too, in this command's words."""
    return CHOICES[name]._replace(help=words, panel=MEASURED, **other)


OPTIONS = (
    options.argument("destination", "[HOST[:PORT]]", N_("A listener on another machine; without it, a receiver on loopback.")),
    Option(
        "--mode",
        N_("udp, udp+ack or tcp; may be given again."),
        MODE,
        MEASURED,
        default=BenchRequest.modes,
        unset=N_("all three"),
        many=True,
    ),
    Option(
        "--size",
        N_("Bytes of each message; may be given again."),
        kinds.SOME_BYTES,
        MEASURED,
        default=BenchRequest.sizes,
        many=True,
    ),
    Option(
        "--for", N_("How long each measurement takes, more or less."), kinds.SOME_SECONDS, MEASURED, default=BenchRequest.seconds
    ),
    _choice("window", N_("udp+ack: at most N unconfirmed messages at once.")),
    _choice("congestion", N_("udp+ack's congestion control: newreno, cubic or bbr."), default=None, unset=DEFAULT_CONGESTION),
    _choice(
        "datagram_size",
        N_("UDP's largest datagram; larger messages travel in parts."),
        unset=N_("what a message needs, up to the path's MTU"),
    ),
    options.OFFLOAD,
    Option(
        "--receive-buffer",
        N_("The kernel's buffer to ask for, at the receiver on loopback."),
        kinds.BUFFER,
        MEASURED,
        default=BenchRequest.receive_buffer,
        against=(("destination", N_("a listener on another machine has its own: listen --receive-buffer")),),
    ),
    options.HTML,
    options.LANG,
    options.JSON,
    Option("--quiet", N_("Say nothing on standard error while it runs."), panel=OUTPUT),
)


def bench(context: typer.Context, given: Given) -> int:
    """Check the options, measure, and show it; return the exit code. HELP is what users read."""
    given.check(OPTIONS)
    request = BenchRequest(
        modes=once(given.mode, "mode"),
        sizes=once(given.size, "size"),
        seconds=given.for_,
        target=None if given.destination is None else options.parse_destination(given.destination, None),
        window=given.window,
        congestion=given.congestion,
        datagram_size=given.datagram_size,
        offload=given.offload,
        receive_buffer=given.receive_buffer,
        command=command_of(given),
    )
    check(request)
    if "no-offload" in given.written and set(request.modes) == {Mode.TCP}:
        raise UsageError("--no-offload means nothing to TCP, whose kernel cuts and joins its stream itself")
    outputs = open_outputs({"html": given.html}, json=given.json)
    interrupts: Interrupts = context.obj
    data, words = showing.open_streams(outputs.values())
    try:
        benchmark = run(request, interrupts, data, words, json=given.json, quiet=given.quiet)
    except NobodyThere as error:
        words.say(f"{paint('udpmsg:', 'error', words.colour)} {told(error)}")
        return Exit.NOBODY
    if interrupts.number is not None:
        words.say(interrupts.words)
    for output in outputs.values():
        from udpmsg.bench.page import page

        showing.write_page(page(benchmark), output, words)
    if data.broken:
        words.say(f"udpmsg: {data.broken}")
    if interrupts.number is not None:
        return interrupts.code
    return Exit.ERROR if data.broken else Exit.WELL


def run(request: BenchRequest, interrupts: Interrupts, data: Data, words: Words, *, json: bool, quiet: bool) -> Benchmark:
    """Measure, with a bar at the bottom of a terminal, and write what is found to standard output."""
    from udpmsg.bench.jsonlines import BenchLines

    lines = BenchLines()
    if not quiet and not json:
        say_duration(request, words)

    def found(_whole: Benchmark, measurement: Measurement) -> None:
        if json:
            data.write(lines.measurement(measurement))

    def progress(state: BenchProgress) -> None:
        if not quiet:
            words.status(bar(state))

    try:
        benchmark = measure(
            request, found=found, progress=progress, stopped=lambda: interrupts.number is not None or data.broken is not None
        )
    finally:
        words.clear()
    if json:
        data.write(lines.whole(benchmark))
    else:
        from udpmsg.bench.printed import lines as table

        width = columns(data.stream) if data.terminal else showing.PIPE_WIDTH
        showing.put(data, table(benchmark, colour=data.colour, width=width))
    return benchmark


def say_duration(request: BenchRequest, words: Words) -> None:
    """Before it begins, how long it will take."""
    whole = len(request.cells) * request.seconds
    if whole > TALKATIVE:
        each = quantity(units.duration_text(round(request.seconds * 1e9)))
        said = _("{} of {}: about {}. Ctrl-C stops, and shows what there is by then")
        words.say(said.format(counted(len(request.cells), "measurement"), each, minutes(whole)))


def bar(state: BenchProgress) -> str:
    """████████░░░░░░░░ 43 % · 50 s left · udp 1,200 B: flood."""
    filled = round(BAR * state.share)
    drawn, doing = f"{'█' * filled}{'░' * (BAR - filled)} {state.share:4.0%}", told(state.doing)
    said = _("{} · {} left · {} {} B: {}")
    return said.format(drawn, minutes(state.seconds_left), state.mode.value, number(state.size), doing)


def minutes(seconds: float) -> str:
    """45 s, 1 min 35 s."""
    whole = max(1, round(seconds))
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def once(given: Iterable[T], name: str) -> tuple[T, ...]:
    """What is given, each once. Raises UsageError."""
    values = tuple(given)
    if len(set(values)) < len(values):
        twice = next(value for value in values if values.count(value) > 1)
        raise UsageError("--{} {} is given twice: each is measured once", name, twice)
    return values


def command_of(given: Given) -> str:
    """The command line that measures the same again."""
    destination = [] if given.destination is None else [given.destination]
    return shlex.join(
        ["udpmsg", "bench", *destination, *again(given.of(row for row in OPTIONS if row.panel in (MEASURED, NETWORK)))]
    )
