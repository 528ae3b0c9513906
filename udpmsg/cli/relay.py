"""The command `relay`: parse, open the library's relay, run it and show what it does, exit code."""

import sys
from collections.abc import Callable

import typer

from udpmsg.base import clock, kinds, units
from udpmsg.base.durations import SECOND
from udpmsg.base.errors import N_, CannotListen, UsageError, as_it_is
from udpmsg.base.kinds import ValueKind
from udpmsg.base.language import _
from udpmsg.base.option import Option
from udpmsg.cli import linking, options
from udpmsg.cli.exits import Exit
from udpmsg.cli.given import Given
from udpmsg.cli.linking import LINK
from udpmsg.cli.options import NETWORK, OUTPUT
from udpmsg.cli.output import conduct
from udpmsg.cli.signals import Interrupts
from udpmsg.relay.pipe import streaming
from udpmsg.relay.relay import Relay
from udpmsg.relay.values import CutOff
from udpmsg.show.relaying import HumanRelay, JsonRelay
from udpmsg.show.schema import empty_summary
from udpmsg.show.stream import Data, Words, forgiving
from udpmsg.sockets.endpoint import LOOPBACK
from udpmsg.sockets.waiting import after, earliest, passed

STATUS_INTERVAL = SECOND // 5
"""How often the line at the bottom of a terminal changes."""

HELP = _("""\
Pass on to TARGET what comes to LISTEN, over a link with faults; for any UDP program, on any system, without special privileges.

[bold]Examples[/bold]

  udpmsg relay 5001 127.0.0.1:5000               20 ms each way, 5 % loss
  udpmsg relay 5001 192.0.2.7:53 --link wifi     a named link
  udpmsg relay 5001 127.0.0.1:5000 --link none --fault drop:data:4
  udpmsg relay 0.0.0.0:5001 127.0.0.1:5000       for other machines too
  udpmsg relay 5001 127.0.0.1:5000 --tcp --delay 100ms --rate 1mbit
  udpmsg relay 5001 127.0.0.1:5000 --tcp --cut-after 64KiB

Send to the relay instead of the target: udpmsg send 127.0.0.1:5001 hello. Answers come back the same way.

UDP: every fault. A datagram larger than the MTU is dropped; only a router can cut it up, or refuse it by ICMP. One with a \
flipped bit gets a checksum that is right again, so the damage reaches the program; our acknowledged messages have a checksum of \
their own. The rate counts each datagram with its headers on Ethernet: 42 bytes more, 62 over IPv6.

TCP: delay, jitter and rate, and --cut-after. Segments are not dropped: the relay ends one connection and begins another. It \
accepts at once; delay begins with the first byte. udpmsg compare drops real segments (Linux).
""")

EPILOG = _("""\
Exit codes: 0 all well, 1 run-time error, 2 usage, 4 the target's name is unknown, 5 cannot listen (port in use or \
forbidden, no address of this machine, name unknown), 130 Ctrl-C, 143 terminated. Every option can be set by the environment: \
--loss by UDPMSG_LOSS.
""")

UNIMPAIRED = N_(
    "TCP: delay, jitter and rate only; segments are not dropped: the kernels at both ends never see a loss here. "
    "`udpmsg compare` drops real segments (Linux)"
)


class CannotRelay(CannotListen):
    """The same in this command's words: its port is in an argument."""

    def __str__(self) -> str:
        """In English."""
        return self.told(str)

    def told(self, translated: Callable[[str], str], shown: Callable[[object], object] = as_it_is) -> str:
        """In the language of this look-up."""
        return super().told(translated, shown).replace("--port", "LISTEN")


def parse_listen(text: str) -> tuple[str, int]:
    """Host and port of PORT, HOST:PORT or [IPV6]:PORT; port 0 lets the system choose."""
    if text.isascii() and text.isdigit():
        return LOOPBACK, 0 if text == "0" else options.parse_port(text)
    if text.endswith(":0") and (text.count(":") == 1 or text.startswith("[")):
        return options.parse_destination(text.removesuffix(":0"), None)[0], 0
    return options.parse_destination(text, None)


def parse_target(text: str) -> tuple[str, int]:
    """Host and port of HOST:PORT or [IPV6]:PORT."""
    if text.isascii() and text.isdigit():
        raise UsageError("{!r} names no host; write HOST:PORT, such as 127.0.0.1:{}", text, text)
    return options.parse_destination(text, None)


def parse_cut(text: str) -> CutOff:
    """After how many bytes, or after how long; a bare number is bytes."""
    try:
        return CutOff(after_bytes=units.parse_positive_size(text), text=text)
    except UsageError:
        pass
    try:
        return CutOff(after=units.parse_positive_nanoseconds(text), text=text)
    except UsageError:
        raise UsageError("{!r} is neither a size nor a time; write 64KiB or 5s", text) from None


NO_SEGMENT = N_("the relay passes a stream on and drops no segment; udpmsg compare does (Linux)")
DATAGRAMS_ONLY = ("loss", "burst", "duplicate", "reorder", "corrupt", "queue", "police", "mtu", "fault")

OPTIONS = (
    options.argument("listen", "LISTEN", N_("PORT, HOST:PORT or \\[::1]:PORT; 0 lets the system choose.")),
    options.argument("target", "TARGET", N_("HOST:PORT of the program that gets it.")),
    Option(
        "--tcp", N_("Relay TCP instead of UDP."), panel=NETWORK, against=(("both", N_("--both already relays TCP, beside UDP")),)
    ),
    Option("--both", N_("UDP and TCP, on one port."), panel=NETWORK),
    *linking.options_without(DATAGRAMS_ONLY, "tcp", NO_SEGMENT),
    Option(
        "--cut-after",
        N_("Reset each TCP connection after this many bytes forward, or after a time, such as 64KiB or 5s."),
        ValueKind("SIZE", parse_cut),
        LINK,
        needs=(("tcp", "both"), N_("UDP has no connection that could be cut")),
    ),
    Option("--for", N_("End after this time, such as 10s."), kinds.SOME_SECONDS, OUTPUT),
    options.LANG,
    options.JSON,
    Option("--quiet", N_("Show no faults, only the summary."), panel=OUTPUT),
)


def relay(context: typer.Context, given: Given) -> int:
    """Check the options, open a relay, and run until the end they ask for; return the exit code. HELP is what users read."""
    given.check(OPTIONS)
    listen_host, listen_port = parse_listen(given.listen)
    target_host, target_port = parse_target(given.target)
    transport = "both" if given.both else "tcp" if given.tcp else "udp"
    whole = linking.link_of(given)
    chosen = streaming(whole) if transport == "tcp" else whole
    drawn = linking.seed_of(given)
    interrupts: Interrupts = context.obj
    forgiving(sys.stdout)
    forgiving(sys.stderr)
    words = Words(sys.stderr)
    output = (JsonRelay if given.json else HumanRelay)(Data(sys.stdout, words), words, quiet=given.quiet)

    def open_relay() -> Relay:
        try:
            return Relay(
                listen_host,
                listen_port,
                target_host,
                target_port,
                link=chosen,
                seed=drawn,
                transport=transport,
                cut=given.cut_after,
            )
        except CannotListen as error:
            raise CannotRelay(*error.args) from None

    def run() -> int:
        opened = interrupts.opening(open_relay)
        with opened:
            interrupts.defer_to(opened)
            output.relaying(opened.endpoints, opened.target, chosen, drawn)
            if transport != "udp":
                words.hint(_(UNIMPAIRED))
            return follow(opened, output, words, interrupts, given.for_, drawn)

    return conduct(run, output, words, interrupts, empty_summary(transport, "relay"))


def follow(
    opened: Relay, output: HumanRelay | JsonRelay, words: Words, interrupts: Interrupts, duration: float | None, seed: int
) -> int:
    """Run the relay and show what it does, until its time is over or a signal comes; then the summary."""
    until = None if duration is None else after(duration)
    status_at = clock.now() if words.terminal and output.for_people else None
    while interrupts.number is None and output.data.broken is None and not passed(until):
        for event in opened.turn(earliest(until, status_at)):
            output.event(event)
        if status_at is not None and passed(status_at):
            output.status(opened.statistics())
            status_at = clock.now() + STATUS_INTERVAL
    words.status("")
    if output.data.broken is not None:
        words.say(f"udpmsg: {output.data.broken}")
    if interrupts.number is not None:
        words.say(interrupts.words)
    interrupts.release()
    output.ended(opened.statistics(), seed, opened.held)
    if interrupts.number is not None:
        return interrupts.code
    return Exit.ERROR if output.data.broken is not None else Exit.WELL
