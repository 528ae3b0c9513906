"""The command `compare`: parse, run the library's comparison, show it, exit code."""

import os
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar

import typer

from udpmsg.base import units
from udpmsg.base.errors import N_, UsageError
from udpmsg.base.language import _, number
from udpmsg.cli import inputs, linking, options, rules, showing
from udpmsg.cli.exits import Exit
from udpmsg.cli.linking import LINK
from udpmsg.cli.options import OUTPUT, file_option, option
from udpmsg.cli.outputs import open_outputs
from udpmsg.cli.rules import Conflict
from udpmsg.cli.signals import Interrupts
from udpmsg.compare.trace import Choices, Comparison, Mode, Where, Workload
from udpmsg.core.congestion import DEFAULT as DEFAULT_CONGESTION
from udpmsg.core.congestion import parse_congestion
from udpmsg.link.fields import FIELDS
from udpmsg.link.presets import DEFAULT
from udpmsg.link.wording import options_text
from udpmsg.show.stream import is_terminal

if TYPE_CHECKING:
    from udpmsg.compare.run import Progress, Request
    from udpmsg.compare.scenario import Scenario
    from udpmsg.show.stream import Words

T = TypeVar("T", Workload, Choices)

HELP = _("""\
The same messages over UDP, UDP with acknowledgments and TCP, over one link with the same faults, side by side.

[bold]Examples[/bold]

  udpmsg compare                               20 ms each way, 5 % loss
  udpmsg compare --ladder --count 10           every frame on the wire
  udpmsg compare --fault drop:data:4 --loss 0% one fault, chosen
  udpmsg compare --link wifi --html wifi.html  a named link, and a page
  udpmsg compare --rate 5mbit --queue 20 --interval 1ms --size 1000
  udpmsg compare --seed 7 --repeat 5           median and spread
  udpmsg compare --pcap - | wireshark -k -i -  every frame in Wireshark
  udpmsg compare 192.0.2.7                     a listener on a real network

Two hosts and a router are made in namespaces of this user's own (Linux), with the kernel's real UDP and TCP. Nothing of them is \
seen outside, and nothing is left. Where that is not possible, --via relay applies the faults to UDP alone. With HOST, \
the other side runs udpmsg listen --both --host 0.0.0.0.
""")

EPILOG = _("""\
Exit codes: 0 all ran (messages that were lost are the result), 1 run-time error, 2 usage, 4 nobody there, 130 Ctrl-C, \
143 terminated. Every option can be set by the environment: --min-rto by UDPMSG_MIN_RTO.
""")

LARGEST_SCENARIO = 1 << 18
"""Bytes: a hundred times what --save writes, and as many scripted faults as anybody would."""
MESSAGES, CHOICES = _("Messages"), _("What changes the comparison")

CONFLICTS = (
    Conflict("json", "ladder", N_("JSON lines are for programs; the ladder is a picture")),
    Conflict("via", "destination", N_("a real network carries the messages by itself")),
    Conflict("pcap", "destination", N_("frames are seen on a link of our own alone")),
    Conflict("pcap", "relay", N_("a relay has datagrams and streams, and sees no frames; the lab does")),
    Conflict("save", "destination", N_("a scenario has a link, and a real network is as it is")),
    *(Conflict(name, "destination", N_("a real network has its own faults")) for name in ("link", "fault", "seed", *FIELDS)),
)


class Modes(NamedTuple):
    """The value of --modes."""

    modes: tuple[Mode, ...]


def parse_modes(text: str) -> Modes:
    """Modes separated by commas, each once."""
    names = [name.strip() for name in text.split(",")]
    modes = tuple(Mode(units.one_of(name, tuple(Mode), N_("mode"))) for name in names)
    if len(set(modes)) < len(modes):
        raise UsageError("{!r} names a mode twice; name each once, such as udp,tcp", text)
    return Modes(modes)


def parse_via(text: str) -> Where:
    """What carries the messages on this machine."""
    return Where(units.one_of(text, (Where.LAB.value, Where.RELAY.value), N_("way")))


def compare(
    context: typer.Context,
    destination: Annotated[
        str | None,
        typer.Argument(
            metavar="[HOST[:PORT]]", help=_("A listener on another machine; without it, the lab."), show_default=False
        ),
    ] = None,
    count: Annotated[
        int | None,
        option("--count", _("Messages in each mode."), panel=MESSAGES, metavar="N", parser=options.parse_count, default="100"),
    ] = None,
    interval: Annotated[
        int | None,
        option(
            "--interval",
            _("From one message to the next; 0s: as fast as possible."),
            panel=MESSAGES,
            metavar="TIME",
            parser=units.parse_nanoseconds,
            default="20ms",
        ),
    ] = None,
    size: Annotated[
        int | None,
        option("--size", _("Bytes of each message."), panel=MESSAGES, metavar="SIZE", parser=options.parse_size, default="100"),
    ] = None,
    modes: Annotated[
        Modes | None,
        option(
            "--modes", _("Which, in which order."), panel=MESSAGES, metavar="LIST", parser=parse_modes, default="udp,udp+ack,tcp"
        ),
    ] = None,
    repeat: Annotated[
        int | None,
        option(
            "--repeat",
            _("Repetitions, the modes in turn, each with the next seed: median and spread."),
            panel=MESSAGES,
            metavar="N",
            parser=options.parse_count,
            default="1",
        ),
    ] = None,
    link: linking.Named = None,
    delay: linking.Delay = None,
    jitter: linking.Jitter = None,
    loss: linking.Loss = None,
    burst: linking.Burst = None,
    duplicate: linking.Duplicate = None,
    reorder: linking.Reorder = None,
    corrupt: linking.Corrupt = None,
    rate: linking.Rate = None,
    queue: linking.Queue = None,
    police: linking.Police = None,
    mtu: linking.Mtu = None,
    fault: linking.Fault = None,
    seed: linking.Seed = None,
    via: Annotated[
        Where | None,
        option(
            "--via",
            _("lab (Linux), or relay: faults for UDP alone, TCP unimpaired, on any system."),
            panel=LINK,
            metavar="WAY",
            parser=parse_via,
            default="lab",
        ),
    ] = None,
    scenario: Annotated[
        Path | None,
        option(
            "--scenario",
            _("Read all this from a file; options take precedence. - is standard input."),
            panel=LINK,
            metavar="FILE",
        ),
    ] = None,
    save: Annotated[Path | None, file_option("--save", _("Write all this to a file for --scenario."), panel=LINK)] = None,
    tcp_congestion: Annotated[
        str | None,
        option("--tcp-congestion", _("TCP's congestion control."), panel=CHOICES, metavar="NAME", default=_("the system's")),
    ] = None,
    nagle: Annotated[bool, option("--nagle", _("Leave Nagle's algorithm on in TCP."), panel=CHOICES)] = False,
    tcp_ack: Annotated[bool, option("--tcp-ack", _("Have messages over TCP acknowledged too."), panel=CHOICES)] = False,
    ordered: Annotated[bool, option("--ordered", _("Have udp+ack deliver in order, as TCP does."), panel=CHOICES)] = False,
    window: Annotated[
        int | None,
        option(
            "--window",
            _("At most N unconfirmed messages at once."),
            panel=CHOICES,
            metavar="N",
            parser=options.parse_count,
            default=_("as the network takes"),
        ),
    ] = None,
    congestion: Annotated[
        str | None,
        option(
            "--congestion",
            _("udp+ack's congestion control: newreno, cubic or bbr."),
            panel=CHOICES,
            metavar="NAME",
            parser=parse_congestion,
            default=DEFAULT_CONGESTION,
        ),
    ] = None,
    max_transmissions: Annotated[
        int | None,
        option(
            "--max-transmissions",
            _("udp+ack sends a datagram at most N times."),
            panel=CHOICES,
            metavar="N",
            parser=options.parse_transmissions,
            default="8",
        ),
    ] = None,
    deadline: Annotated[
        int | None,
        option(
            "--deadline",
            _("An unconfirmed message is given up after this."),
            panel=CHOICES,
            metavar="TIME",
            parser=units.parse_nanoseconds,
            default="60s",
        ),
    ] = None,
    min_rto: Annotated[
        int | None,
        option(
            "--min-rto",
            _("udp+ack's smallest retransmission timeout."),
            panel=CHOICES,
            metavar="TIME",
            parser=units.parse_nanoseconds,
            default="200ms",
        ),
    ] = None,
    datagram_size: Annotated[
        int | None,
        option(
            "--datagram-size",
            _("UDP's largest datagram; larger messages travel in parts."),
            panel=CHOICES,
            metavar="SIZE",
            parser=options.parse_datagram_size,
            default=_("udp+ack: what the path takes; udp: 1200"),
        ),
    ] = None,
    late: Annotated[
        int | None,
        option(
            "--late",
            _("A message that comes later than this after it was due is late."),
            panel=CHOICES,
            metavar="TIME",
            parser=units.parse_nanoseconds,
            default="150ms",
        ),
    ] = None,
    ledger: Annotated[bool, option("--ledger", _("One row per message and mode: outcome and cause."), panel=OUTPUT)] = False,
    ladder: Annotated[bool, option("--ladder", _("The frames between sender and receiver."), panel=OUTPUT)] = False,
    html: options.Html = None,
    pcap: Annotated[Path | None, file_option("--pcap", _("Write a capture for Wireshark."), panel=OUTPUT)] = None,
    keep: Annotated[Path | None, file_option("--keep", _("Keep the whole run for udpmsg report."), panel=OUTPUT)] = None,
    lang: options.Lang = None,
    json: options.Json = False,
) -> int:
    """Check the options, run the comparison, and show it; return the exit code. HELP is what users read."""
    given = {name.replace("_", "-"): value for name, value in context.params.items()}
    rules.check(given | {"relay": via is Where.RELAY}, CONFLICTS, (), {"destination": "HOST", "relay": "--via relay"})
    interrupts: Interrupts = context.obj
    request = interrupts.opening(lambda: request_of(context.params, capture=pcap is not None))
    outputs = open_outputs({"save": save, "html": html, "pcap": pcap, "keep": keep}, json=json)
    if "pcap" in outputs and outputs["pcap"].standard and is_terminal(sys.stdout):
        raise UsageError("a capture is no text for a terminal; write udpmsg compare --pcap - | wireshark -k -i -")
    from udpmsg.compare.reading import Reading

    data, words = showing.open_streams(outputs.values())
    if saved := outputs.pop("save", None):
        from udpmsg.compare.scenario import Scenario, dump

        saved.write(dump(Scenario(request.link or DEFAULT, request.seed, request.workload, request.choices)).encode("utf-8"))
    comparison = run(request, interrupts, words)
    reading = Reading(comparison)
    showing.show(reading, ledger=ledger, ladder=ladder, json=json, data=data, words=words)
    showing.write(reading, outputs, words)
    code = exit_code(comparison, interrupts)
    return Exit.ERROR if code == Exit.WELL and data.broken else code


def request_of(given: Mapping[str, Any], *, capture: bool) -> "Request":
    """What is to be compared: the options over the scenario over the defaults. Raises UsageError."""
    from udpmsg.compare.run import Request
    from udpmsg.compare.scenario import Scenario

    scenario = Scenario() if given["scenario"] is None else scenario_in(Path(given["scenario"]))
    workload = changed(scenario.workload, count=given["count"], interval_ns=given["interval"], size=given["size"])
    choices = changed(
        scenario.choices,
        modes=given["modes"] and given["modes"].modes,
        repeat=given["repeat"],
        tcp_congestion=given["tcp_congestion"],
        nagle=given["nagle"] or None,
        tcp_ack=given["tcp_ack"] or None,
        ordered=given["ordered"] or None,
        window=given["window"],
        congestion=given["congestion"],
        max_transmissions=given["max_transmissions"],
        deadline_ns=given["deadline"],
        min_rto_ns=given["min_rto"],
        datagram_size=given["datagram_size"],
        late_ns=given["late"],
    )
    if given["congestion"] is not None and Mode.UDP_ACK not in choices.modes:
        raise UsageError("--congestion means nothing without the mode udp+ack: TCP's is chosen by --tcp-congestion")
    drawn = int.from_bytes(os.urandom(4), "big")  # short enough to be read out in a class
    seed = next(value for value in (given["seed"], scenario.seed, drawn) if value is not None)
    if given["destination"] is not None:
        target = options.parse_destination(given["destination"], None)
        request = Request(None, seed, workload, choices, Where.NETWORK, target)
    else:
        link = linking.link_of(given, scenario.link)
        request = Request(link, seed, workload, choices, given["via"] or Where.LAB, capture=capture)
    return replace(request, command=command_of(request, given["destination"]))


def scenario_in(file: Path) -> "Scenario":
    """The scenario in a file. Raises UsageError that names the file."""
    from udpmsg.compare.scenario import load

    name = inputs.name_of(file)
    content = inputs.read(file, LARGEST_SCENARIO)
    if len(content) > LARGEST_SCENARIO:
        raise UsageError("{}: this file is too large for a scenario; name a file that udpmsg compare --save has written", name)
    try:
        return load(content.decode("utf-8"), name)
    except UnicodeDecodeError as error:
        raise UsageError("{}: not a text in UTF-8 (byte {}), as TOML is", name, error.start) from None


def changed(value: T, **given: Any) -> T:
    """The value with what is given instead; None is not given."""
    return replace(value, **{name: content for name, content in given.items() if content is not None})


def command_of(request: "Request", destination: str | None) -> str:
    """The command line that runs the same again."""
    words = ["udpmsg", "compare"]
    if destination is not None:
        words.append(destination)
    if request.link is not None:
        words += [*options_text(request.link), "--seed", str(request.seed)]
    if request.where is Where.RELAY:
        words += ["--via", "relay"]
    workload, choices = request.workload, request.choices
    texts: list[tuple[str, Any, Any, Callable[[Any], str]]] = [
        ("--count", workload.count, Workload.count, str),
        ("--interval", workload.interval_ns, Workload.interval_ns, units.duration_text),
        ("--size", workload.size, Workload.size, str),
        ("--modes", choices.modes, Choices.modes, ",".join),
        ("--repeat", choices.repeat, Choices.repeat, str),
        ("--tcp-congestion", choices.tcp_congestion, None, str),
        ("--window", choices.window, None, str),
        ("--congestion", choices.congestion, Choices.congestion, str),
        ("--max-transmissions", choices.max_transmissions, Choices.max_transmissions, str),
        ("--deadline", choices.deadline_ns, Choices.deadline_ns, units.duration_text),
        ("--min-rto", choices.min_rto_ns, Choices.min_rto_ns, units.duration_text),
        ("--datagram-size", choices.datagram_size, None, str),
        ("--late", choices.late_ns, Choices.late_ns, units.duration_text),
    ]
    for name, value, usual, text in texts:
        if value != usual:
            words += [name, text(value)]
    words += [f"--{name.replace('_', '-')}" for name in ("nagle", "tcp_ack", "ordered") if getattr(choices, name)]
    return shlex.join(words)


def run(request: "Request", interrupts: Interrupts, words: "Words") -> Comparison:
    """Run it, with a line at the bottom of a terminal that says how far it is."""
    from udpmsg.compare.run import compare as run_comparison
    from udpmsg.lab.namespaces import LabUnavailable

    messages = request.workload.count

    def progress(state: "Progress") -> None:
        sent = _("{}: {} of {} messages").format(state.mode.value, number(state.sent), number(messages))
        words.status(_("{} · run {} of {} · Ctrl-C stops").format(sent, state.runs_done + 1, state.runs))

    try:
        return run_comparison(request, progress=progress, stopped=lambda: interrupts.number is not None)
    except LabUnavailable as error:
        raise LabUnavailable("{}. Without it: udpmsg compare --via relay, which drops no TCP segments", error) from None
    finally:
        words.clear()


def exit_code(comparison: Comparison, interrupts: Interrupts) -> int:
    """Lost messages are a result, not a failure; a run that could not be made is one."""
    if interrupts.number is not None:
        return interrupts.code
    failed = [run for run in comparison.runs if run.error is not None]
    if not failed:
        return Exit.WELL
    nobody = comparison.where is Where.NETWORK and len(failed) == len(comparison.runs)
    return Exit.NOBODY if nobody else Exit.ERROR
