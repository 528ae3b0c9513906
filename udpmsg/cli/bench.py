"""The command `bench`: parse, run the library's benchmark, show it, exit code."""

import shlex
from dataclasses import replace
from typing import Annotated, TypeVar

import typer

from udpmsg.base import units
from udpmsg.base.errors import N_, UsageError
from udpmsg.base.language import _, number, told
from udpmsg.bench.run import bench as measure
from udpmsg.bench.run import check
from udpmsg.bench.trial import NobodyThere
from udpmsg.bench.values import SIZES, Benchmark, Measurement, Progress, Request
from udpmsg.cli import options, rules, showing
from udpmsg.cli.exits import Exit
from udpmsg.cli.options import OUTPUT, option
from udpmsg.cli.outputs import Writable, open_outputs
from udpmsg.cli.rules import Conflict
from udpmsg.cli.signals import Interrupts
from udpmsg.compare.trace import Mode
from udpmsg.core.congestion import DEFAULT as DEFAULT_CONGESTION
from udpmsg.core.congestion import parse_congestion
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

MEASURED = _("What is measured")
CONFLICTS = (Conflict("receive-buffer", "destination", N_("a listener on another machine has its own: listen --receive-buffer")),)
BAR = 24
"""Columns of the progress bar."""
TALKATIVE = 2.0
"""Seconds: what takes longer says so before it begins."""


def parse_mode(text: str) -> Mode:
    """One mode."""
    return Mode(units.one_of(text, tuple(Mode), N_("mode")))


def bench(
    context: typer.Context,
    destination: Annotated[
        str | None,
        typer.Argument(
            metavar="[HOST[:PORT]]",
            help=_("A listener on another machine; without it, a receiver on loopback."),
            show_default=False,
        ),
    ] = None,
    mode: Annotated[
        list[Mode] | None,
        option(
            "--mode",
            _("udp, udp+ack or tcp; may be given again."),
            panel=MEASURED,
            metavar="MODE",
            parser=parse_mode,
            default=_("all three"),
        ),
    ] = None,
    size: Annotated[
        list[int] | None,
        option(
            "--size",
            _("Bytes of each message; may be given again."),
            panel=MEASURED,
            metavar="SIZE",
            parser=units.parse_positive_size,
            default=", ".join(map(str, SIZES)),
        ),
    ] = None,
    duration: Annotated[
        float | None,
        option(
            "--for",
            _("How long each measurement takes, more or less."),
            panel=MEASURED,
            metavar="TIME",
            parser=units.parse_positive_duration,
            default="8s",
        ),
    ] = None,
    window: Annotated[
        int | None,
        option(
            "--window",
            _("udp+ack: at most N unconfirmed messages at once."),
            panel=MEASURED,
            metavar="N",
            parser=units.parse_count,
            default=_("as the network takes"),
        ),
    ] = None,
    congestion: Annotated[
        str | None,
        option(
            "--congestion",
            _("udp+ack's congestion control: newreno, cubic or bbr."),
            panel=MEASURED,
            metavar="NAME",
            parser=parse_congestion,
            default=DEFAULT_CONGESTION,
        ),
    ] = None,
    datagram_size: Annotated[
        int | None,
        option(
            "--datagram-size",
            _("UDP's largest datagram; larger messages travel in parts."),
            panel=MEASURED,
            metavar="SIZE",
            parser=units.parse_datagram_size,
            default=_("what a message needs, up to the path's MTU"),
        ),
    ] = None,
    offload: options.Offload = True,
    receive_buffer: Annotated[
        int | None,
        option(
            "--receive-buffer",
            _("The kernel's buffer to ask for, at the receiver on loopback."),
            panel=MEASURED,
            metavar="SIZE",
            parser=units.parse_positive_size,
            default="4MiB",
        ),
    ] = None,
    html: options.Html = None,
    lang: options.Lang = None,
    json: options.Json = False,
    quiet: Annotated[bool, option("--quiet", _("Say nothing on standard error while it runs."), panel=OUTPUT)] = False,
) -> int:
    """Check the options, measure, and show it; return the exit code. HELP is what users read."""
    given = {name.replace("_", "-"): value for name, value in context.params.items()}
    rules.check(given, CONFLICTS, (), {"destination": "HOST"})
    request = Request(
        modes=once(mode, "mode") or tuple(Mode),
        sizes=once(size, "size") or SIZES,
        seconds=duration or Request.seconds,
        target=None if destination is None else options.parse_destination(destination, None),
        window=window,
        congestion=congestion,
        datagram_size=datagram_size,
        offload=offload,
        receive_buffer=receive_buffer or Request.receive_buffer,
    )
    request = replace(request, command=command_of(request, destination))
    check(request)
    if options.offload_refused(context) and set(request.modes) == {Mode.TCP}:
        raise UsageError("--no-offload means nothing to TCP, whose kernel cuts and joins its stream itself")
    outputs = open_outputs({"html": html}, json=json)
    interrupts: Interrupts = context.obj
    data, words = showing.open_streams(outputs.values())
    try:
        benchmark = run(request, interrupts, data, words, json=json, quiet=quiet)
    except NobodyThere as error:
        words.say(f"{paint('udpmsg:', 'error', words.colour)} {told(error)}")
        return Exit.NOBODY
    if interrupts.number is not None:
        words.say(interrupts.words)
    for output in outputs.values():
        write(benchmark, output, words)
    if data.broken:
        words.say(f"udpmsg: {data.broken}")
    if interrupts.number is not None:
        return interrupts.code
    return Exit.ERROR if data.broken else Exit.WELL


def run(request: Request, interrupts: Interrupts, data: Data, words: Words, *, json: bool, quiet: bool) -> Benchmark:
    """Measure, with a bar at the bottom of a terminal, and write what is found to standard output."""
    from udpmsg.bench.jsonlines import BenchLines

    lines = BenchLines()
    if not quiet and not json:
        say_duration(request, words)

    def found(_whole: Benchmark, measurement: Measurement) -> None:
        if json:
            data.write(lines.measurement(measurement))

    def progress(state: Progress) -> None:
        if not quiet:
            words.status(bar(state))

    try:
        benchmark = measure(
            request,
            found=found,
            progress=progress,
            stopped=lambda: interrupts.number is not None or data.broken is not None,
        )
    finally:
        words.clear()
    if json:
        data.write(lines.whole(benchmark))
    else:
        from udpmsg.bench.table import lines as table

        width = columns(data.stream) if data.terminal else showing.PIPE_WIDTH
        for line in table(benchmark, colour=data.colour, width=width):
            data.write(showing.spelled(line, getattr(data.stream, "encoding", None) or "utf-8"))
    return benchmark


def say_duration(request: Request, words: Words) -> None:
    """Before it begins, how long it will take."""
    whole = len(request.cells) * request.seconds
    if whole > TALKATIVE:
        each = quantity(units.duration_text(round(request.seconds * 1e9)))
        said = _("{} of {}: about {}. Ctrl-C stops, and shows what there is by then")
        words.say(said.format(counted(len(request.cells), "measurement"), each, minutes(whole)))


def bar(state: Progress) -> str:
    """████████░░░░░░░░ 43 % · 50 s left · udp 1,200 B: flood."""
    filled = round(BAR * state.share)
    drawn, doing = f"{'█' * filled}{'░' * (BAR - filled)} {state.share:4.0%}", told(state.doing)
    said = _("{} · {} left · {} {} B: {}")
    return said.format(drawn, minutes(state.seconds_left), state.mode.value, number(state.size), doing)


def minutes(seconds: float) -> str:
    """45 s, 1 min 35 s."""
    whole = max(1, round(seconds))
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def write(benchmark: Benchmark, output: Writable, words: Words) -> None:
    """Write the page. Raises CannotWrite."""
    from udpmsg.bench.page import page

    showing.say_written(output, output.write(page(benchmark).encode("utf-8", "backslashreplace")), words)


def once(given: list[T] | None, name: str) -> tuple[T, ...]:
    """What is given, each once. Raises UsageError."""
    values = tuple(given or ())
    if len(set(values)) < len(values):
        twice = next(value for value in values if values.count(value) > 1)
        raise UsageError("--{} {} is given twice: each is measured once", name, twice)
    return values


def command_of(request: Request, destination: str | None) -> str:
    """The command line that measures the same again."""
    words = ["udpmsg", "bench", *([] if destination is None else [destination])]
    if request.modes != tuple(Mode):
        words += [word for mode in request.modes for word in ("--mode", mode.value)]
    if request.sizes != SIZES:
        words += [word for size in request.sizes for word in ("--size", str(size))]
    if request.seconds != Request.seconds:
        words += ["--for", units.duration_text(round(request.seconds * 1e9))]
    if request.window is not None:
        words += ["--window", str(request.window)]
    if request.congestion is not None:
        words += ["--congestion", request.congestion]
    if request.datagram_size is not None:
        words += ["--datagram-size", str(request.datagram_size)]
    if not request.offload:
        words.append("--no-offload")
    if request.receive_buffer != Request.receive_buffer:
        words += ["--receive-buffer", units.size_text(request.receive_buffer)]
    return shlex.join(words)
