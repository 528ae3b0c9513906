"""The command `compare`: parse, run the library's comparison, show it, exit code."""

import shlex
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from udpmsg.base import units
from udpmsg.base.errors import N_, UsageError
from udpmsg.base.kinds import ValueKind
from udpmsg.base.language import _, number
from udpmsg.base.option import Option, again
from udpmsg.cli import inputs, linking, options, showing
from udpmsg.cli.exits import Exit
from udpmsg.cli.given import Given
from udpmsg.cli.linking import LINK
from udpmsg.cli.outputs import open_outputs
from udpmsg.cli.signals import Interrupts
from udpmsg.compare.choices import CHOICES, WORKLOAD, Choices, Mode, Workload
from udpmsg.compare.trace import Comparison, Where
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
MESSAGES, CHANGES = N_("Messages"), N_("What changes the comparison")
RELAY = "--via relay"


def way_named(text: str) -> Where:
    """What carries the messages on this machine. Raises UsageError."""
    return Where(units.one_of(text, WAYS, N_("way")))


WAYS = (Where.LAB.value, Where.RELAY.value)
OPTIONS = (
    options.argument("destination", "[HOST[:PORT]]", N_("A listener on another machine; without it, the lab.")),
    *(row._replace(panel=MESSAGES) for row in (*WORKLOAD.values(), CHOICES["modes"], CHOICES["repeat"])),
    *linking.options_without(("link", "fault", "seed", *FIELDS), "destination", N_("a real network has its own faults")),
    Option(
        "--via",
        N_("lab (Linux), or relay: faults for UDP alone, TCP unimpaired, on any system."),
        ValueKind("WAY", way_named, names=WAYS),
        LINK,
        default=Where.LAB,
        against=(("destination", N_("a real network carries the messages by itself")),),
    ),
    Option("--scenario", N_("Read all this from a file; options take precedence. - is standard input."), options.FILE, LINK),
    options.written_file(
        "--save",
        N_("Write all this to a file for --scenario."),
        LINK,
        against=(("destination", N_("a scenario has a link, and a real network is as it is")),),
    ),
    *(row._replace(panel=CHANGES) for name, row in CHOICES.items() if name not in ("modes", "repeat")),
    options.LEDGER,
    options.LADDER,
    options.HTML,
    options.written_file(
        "--pcap",
        N_("Write a capture for Wireshark."),
        against=(
            ("destination", N_("frames are seen on a link of our own alone")),
            (RELAY, N_("a relay has datagrams and streams, and sees no frames; the lab does")),
        ),
    ),
    options.written_file("--keep", N_("Keep the whole run for udpmsg report.")),
    options.LANG,
    options.JSON._replace(against=(("ladder", N_("JSON lines are for programs; the ladder is a picture")),)),
)


def compare(context: typer.Context, given: Given) -> int:
    """Check the options, run the comparison, and show it; return the exit code. HELP is what users read."""
    given.check(OPTIONS, *([RELAY] if given.via is Where.RELAY else []))
    interrupts: Interrupts = context.obj
    request = interrupts.opening(lambda: request_of(given))
    files = {"save": given.save, "html": given.html, "pcap": given.pcap, "keep": given.keep}
    outputs = open_outputs(files, json=given.json)
    if "pcap" in outputs and outputs["pcap"].standard and is_terminal(sys.stdout):
        raise UsageError("a capture is no text for a terminal; write udpmsg compare --pcap - | wireshark -k -i -")
    from udpmsg.compare.reading import Reading

    data, words = showing.open_streams(outputs.values())
    if saved := outputs.pop("save", None):
        from udpmsg.compare.scenario import Scenario, dump

        saved.write(dump(Scenario(request.link or DEFAULT, request.seed, request.workload, request.choices)).encode("utf-8"))
    comparison = run(request, interrupts, words)
    with showing.undisturbed():
        reading = Reading(comparison)
        showing.show(reading, ledger=given.ledger, ladder=given.ladder, json=given.json, data=data, words=words)
        showing.write(reading, outputs, words)
    code = exit_code(comparison, interrupts)
    return Exit.ERROR if code == Exit.WELL and data.broken else code


def request_of(given: Given) -> "Request":
    """What is to be compared: the options over the scenario over the defaults. Raises UsageError."""
    from udpmsg.compare.run import Request
    from udpmsg.compare.scenario import Scenario

    scenario = Scenario() if given.scenario is None else scenario_in(given.scenario)
    workload = changed(scenario.workload, WORKLOAD, given)
    choices = changed(scenario.choices, CHOICES, given)
    if "congestion" in given.written and Mode.UDP_ACK not in choices.modes:
        raise UsageError("--congestion means nothing without the mode udp+ack: TCP's is chosen by --tcp-congestion")
    seed = linking.seed_of(given, scenario.seed)
    if given.destination is not None:
        target = options.parse_destination(given.destination, None)
        request = Request(None, seed, workload, choices, Where.NETWORK, target)
    else:
        link = linking.link_of(given, scenario.link)
        request = Request(link, seed, workload, choices, given.via, capture=given.pcap is not None)
    return replace(request, command=command_of(request, given.destination))


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


def changed(value: T, rows: Mapping[str, Option], given: Given) -> T:
    """The value with what is given instead."""
    return replace(value, **{name: getattr(given, row.parameter) for name, row in rows.items() if row.key in given.written})


def command_of(request: "Request", destination: str | None) -> str:
    """The command line that runs the same again."""
    words = [] if destination is None else [destination]
    if request.link is not None:
        words += [*options_text(request.link), "--seed", str(request.seed)]
    if request.where is Where.RELAY:
        words += ["--via", "relay"]
    for value, rows in ((request.workload, WORKLOAD), (request.choices, CHOICES)):
        words += again((row, getattr(value, name)) for name, row in rows.items())
    return shlex.join(["udpmsg", "compare", *words])


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
