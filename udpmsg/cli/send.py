"""The command `send`: parse, open the library's sender, run a workload or a dialogue, exit code."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from udpmsg.base.errors import N_, MessageTooLarge, Phrase, UdpmsgError, UsageError
from udpmsg.base.language import _
from udpmsg.cli import options, rules
from udpmsg.cli.exchange import Exchange
from udpmsg.cli.exits import exit_for
from udpmsg.cli.options import NETWORK, option
from udpmsg.cli.output import complain, conduct, open_output
from udpmsg.cli.signals import Interrupts
from udpmsg.cli.workload import Repeated
from udpmsg.compare.workload import filled
from udpmsg.core.congestion import DEFAULT as DEFAULT_CONGESTION
from udpmsg.messaging.payload import ending
from udpmsg.messaging.sender import Sender
from udpmsg.show.schema import empty_summary
from udpmsg.show.stream import is_terminal

MAX_MESSAGE = 1 << 20
REFUSED_FOR = 5.0
"""Seconds in which a listener that was forgotten can be started."""

HELP = _("""\
Send messages over UDP, with nothing before the first one; with --tcp over a connection.

[bold]Examples[/bold]

  udpmsg send 127.0.0.1 hello                     fire and forget
  udpmsg send 127.0.0.1 hello --ack               wait until it is confirmed
  udpmsg send 127.0.0.1                           a dialogue; bye ends it
  udpmsg send \\[::1]:5000 --file letter.txt --ack  a file as one message
  udpmsg send 127.0.0.1 --ack < lines.txt         each line a message
  udpmsg send 127.0.0.1 --ack --spool my.spool < lines.txt    survives kill -9: run it again
  udpmsg send 127.0.0.1 --count 1000 --size 1200 --rate 100/s --json
  udpmsg send 127.0.0.1:7 hello --raw --wait 1s   to any other program

Without TEXT, --file or --size the messages are the lines of standard input, and their replies are awaited for --wait: on a \
terminal after each line, from a pipe after the last one.

With --spool a message is accepted once it is in that file, and stays there until it is confirmed. Run the same command again \
after a crash, Ctrl-C, or while nobody listened: it sends what is left, with the same numbers, so that no message is delivered \
twice, and goes on where it stopped in --count or in a file as standard input. Lines from a pipe or a terminal are new ones.
""")

EPILOG = _("""\
Exit codes: 0 all well, 1 run-time error, 2 usage, 3 not all confirmed or answered, 4 nobody there, refused, or name unknown, \
130 Ctrl-C, 143 terminated. Every option can be set by the environment: --min-rto by UDPMSG_MIN_RTO.
""")

CONTENT, DELIVERY = _("What is sent"), _("Delivery")


def send(
    context: typer.Context,
    destination: Annotated[str, typer.Argument(metavar="HOST[:PORT]", help=_("A name or an address; \\[::1]:5000 for IPv6."))],
    text: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT]...", help=_("The message: all words together."), show_default=False)
    ] = None,
    file: Annotated[
        Path | None, option("--file", _("Send this file as one message; - is standard input."), panel=CONTENT, metavar="PATH")
    ] = None,
    count: Annotated[
        int | None,
        option("--count", _("Send the message N times."), panel=CONTENT, metavar="N", parser=options.parse_count, default="1"),
    ] = None,
    size: Annotated[
        int | None,
        option("--size", _("Fill the message up to this."), panel=CONTENT, metavar="SIZE", parser=options.parse_size),
    ] = None,
    rate: Annotated[
        float | None,
        option(
            "--rate",
            _("Messages a second, such as 1000/s."),
            panel=CONTENT,
            metavar="RATE",
            parser=options.parse_rate,
            default=_("as fast as possible"),
        ),
    ] = None,
    interval: Annotated[float | None, options.interval(CONTENT)] = None,
    bye: Annotated[
        str | None, option("--bye", _("The word that ends a dialogue."), panel=CONTENT, metavar="WORD", default="bye")
    ] = None,
    raw: Annotated[bool, option("--raw", _("Without our header, for any other program."), panel=CONTENT)] = False,
    ack: Annotated[bool, options.ack(DELIVERY)] = False,
    spool: Annotated[
        Path | None,
        option(
            "--spool",
            _("Keep messages in this file until they are confirmed (with --ack); run again, the command goes on."),
            panel=DELIVERY,
            metavar="PATH",
        ),
    ] = None,
    wait: Annotated[
        float | None,
        option(
            "--wait",
            _("How long to wait for replies."),
            panel=DELIVERY,
            metavar="TIME",
            parser=options.parse_duration,
            default=_("1s in a dialogue, otherwise not at all"),
        ),
    ] = None,
    ordered: Annotated[bool, option("--ordered", _("Have them delivered in order (with --ack)."), panel=DELIVERY)] = False,
    window: Annotated[
        int | None,
        option(
            "--window",
            _("At most N unconfirmed messages at once."),
            panel=DELIVERY,
            metavar="N",
            parser=options.parse_count,
            default=_("as the network takes"),
        ),
    ] = None,
    congestion: Annotated[
        str | None,
        option(
            "--congestion",
            _("What the window and the pace follow: newreno, cubic or bbr (with --ack)."),
            panel=DELIVERY,
            metavar="NAME",
            parser=options.parse_congestion,
            default=DEFAULT_CONGESTION,
        ),
    ] = None,
    max_transmissions: Annotated[
        int | None,
        option(
            "--max-transmissions",
            _("Send a datagram at most N times."),
            panel=DELIVERY,
            metavar="N",
            parser=options.parse_transmissions,
            default="8",
        ),
    ] = None,
    deadline: Annotated[
        float | None,
        option(
            "--deadline",
            _("Give a message up after this."),
            panel=DELIVERY,
            metavar="TIME",
            parser=options.parse_positive_duration,
            default="60s",
        ),
    ] = None,
    refused_for: Annotated[
        float | None,
        option(
            "--refused-for",
            _("End after this long with nothing but refusals (ICMP), if nobody ever answered."),
            panel=DELIVERY,
            metavar="TIME",
            parser=options.parse_positive_duration,
            default="5s",
        ),
    ] = None,
    min_rto: Annotated[
        float | None,
        option(
            "--min-rto",
            _("The smallest retransmission timeout."),
            panel=DELIVERY,
            metavar="TIME",
            parser=options.parse_positive_duration,
            default="200ms",
        ),
    ] = None,
    port: options.Port = None,
    tcp: options.Tcp = False,
    broadcast: Annotated[bool, option("--broadcast", _("Allow a broadcast address."), panel=NETWORK)] = False,
    ttl: Annotated[
        int | None,
        option(
            "--ttl",
            _("Routers that a packet may pass."),
            panel=NETWORK,
            metavar="N",
            parser=options.parse_ttl,
            default=_("the system's; 1 to a group"),
        ),
    ] = None,
    interface: Annotated[
        str | None,
        option(
            "--interface",
            _("Where multicast leaves: that interface's address (IPv6: its name)."),
            panel=NETWORK,
            metavar="ADDRESS",
        ),
    ] = None,
    datagram_size: Annotated[
        int | None,
        option(
            "--datagram-size",
            _("The largest datagram; larger messages travel in parts."),
            panel=NETWORK,
            metavar="SIZE",
            parser=options.parse_datagram_size,
            default=_("with --ack what the path takes; else 1200"),
        ),
    ] = None,
    offload: options.Offload = True,
    max_message: options.MaxMessage = None,
    lang: options.Lang = None,
    json: options.Json = False,
) -> int:
    """Check the options, open a sender, and run what they ask for; return the exit code. HELP is what users read."""
    host, port_number = options.parse_destination(destination, port)
    many = options.is_multicast(host)
    given = {name.replace("_", "-"): value for name, value in context.params.items()} | {"multicast": many or None}
    given["no-offload"] = options.offload_refused(context)
    rules.check(given, rules.SEND_CONFLICTS, rules.SEND_NEEDS)
    if str(spool) == "-":
        raise UsageError("--spool - means nothing: what was sent cannot be taken out of a stream; name a file")
    limit = max_message or MAX_MESSAGE
    from_input = str(file) == "-"  # read when Ctrl-C can end it
    payload = None if from_input else _payload(text, file, size, limit)
    if rate is not None:
        interval = 1 / rate
    terminal = is_terminal(sys.stdin)
    if payload is None and not from_input and interval is not None and terminal:
        raise UsageError("--interval and --rate mean nothing in a dialogue on a terminal: each line waits for its reply")
    patience = refused_for or REFUSED_FOR if ack and not tcp else None
    interrupts: Interrupts = context.obj
    output, words = open_output(json=json)
    if text and text[0].isdecimal():
        from udpmsg.cli.habits import port_among_words

        if hint := port_among_words(text, host):
            words.say(hint)

    def run() -> int:
        content = payload
        if from_input:
            from udpmsg.cli.lines import whole

            content = interrupts.opening(lambda: whole(limit + 1))
        sender = interrupts.opening(
            lambda: Sender(
                host,
                port_number,
                transport="tcp" if tcp else "udp",
                acknowledged=ack,
                ordered=ordered,
                raw=raw,
                broadcast=broadcast,
                ttl=ttl,
                interface=interface,
                window=window,
                congestion=congestion,
                max_transmissions=max_transmissions or 8,
                deadline=deadline or 60.0,
                min_rto=min_rto or 0.2,
                refused_for=patience,
                datagram_size=datagram_size,
                max_message=limit,
                offload=offload,
                spool=spool,
            )
        )
        interrupts.defer_to(sender)
        exchange = Exchange(sender, output, words, interrupts, deadline=deadline or 60.0, refused_for=patience)
        try:
            if content is None:
                from udpmsg.cli.dialogue import Dialogue

                farewell = os.fsencode(options.FAREWELL if bye is None else bye).strip()
                Dialogue(farewell=farewell, wait=wait, terminal=terminal, interval=interval, limit=limit).run(exchange)
            else:
                title = title_of(file) if file is not None and not (from_input or raw) else None
                Repeated(content, count or 1, interval, wait, title=title).run(exchange)
        except (UdpmsgError, OSError) as error:
            complain(words, error)
            exchange.failed = exit_for(error)
        return exchange.finish()

    return conduct(run, output, words, interrupts, empty_summary("tcp" if tcp else "udp", "sender", ack))


def _payload(text: list[str] | None, file: Path | None, size: int | None, limit: int) -> bytes | None:
    """The one message that the arguments name; None where they name none, and standard input has the messages."""
    if file is not None:
        return _content(file, limit)
    if not text and size is None:
        return None
    payload = os.fsencode(" ".join(text or []))
    if size is not None and size > limit:
        raise MessageTooLarge(size, limit, N_("choose a smaller --size, or raise --max-message on both sides"))
    return filled(payload, size)


def title_of(file: Path) -> str:
    """What a message with this file is called: its name."""
    return ending(os.fsencode(file.name).decode(errors="replace"))


def _content(file: Path, limit: int) -> bytes:
    """A file's bytes."""
    try:
        size = file.stat().st_size
        if size > limit:
            raise MessageTooLarge(size, limit, Phrase("raise --max-message on both sides, or send {} in parts", file))
        with file.open("rb") as opened:
            return opened.read(limit + 1)  # a device has no size, and may have no end
    except OSError as error:
        raise UsageError("--file {}: cannot read it: {}", file, Phrase(error.strerror or str(error))) from None
