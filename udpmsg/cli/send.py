"""The command `send`: parse, open the library's sender, run a workload or a dialogue, exit code."""

import os
import sys

import typer

from udpmsg.base import kinds
from udpmsg.base.durations import SECOND
from udpmsg.base.errors import N_, Phrase, UdpmsgError, UsageError
from udpmsg.base.language import _
from udpmsg.base.option import Option
from udpmsg.cli import options
from udpmsg.cli.exchange import Exchange
from udpmsg.cli.exits import exit_for
from udpmsg.cli.given import Given
from udpmsg.cli.options import NETWORK
from udpmsg.cli.output import complain, conduct, open_output
from udpmsg.cli.repeated import Repeated, payload_of, title_of
from udpmsg.cli.signals import Interrupts
from udpmsg.core.config import DATAGRAM_SIZE, DEADLINE, MIN_RTO, TRANSMISSIONS
from udpmsg.core.congestion import CONGESTION
from udpmsg.core.congestion import DEFAULT as DEFAULT_CONGESTION
from udpmsg.messaging.sender import Sender
from udpmsg.show.schema import empty_summary
from udpmsg.show.stream import is_terminal

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

CONTENT, DELIVERY = N_("What is sent"), N_("Delivery")
GROUP = N_("a multicast group")
RETRANSMITTED = ("tcp", N_("TCP's kernel retransmits; nothing is sent twice here"))
MANY_HEAR = N_("many may get it, and an acknowledgment counts one")
ONE_PEER = N_("a connection goes to one peer")
ONE_FAREWELL = N_("only a dialogue has a farewell")


def _needs_ack(reason: str) -> tuple[tuple[str, ...], str]:
    return ("ack",), reason


OPTIONS = (
    options.argument("destination", "HOST[:PORT]", N_("A name or an address; \\[::1]:5000 for IPv6.")),
    options.argument(
        "text",
        "[TEXT]...",
        N_("The message: all words together."),
        many=True,
        against=(("file", N_("one message is sent: either the text or the file")),),
    ),
    Option("--file", N_("Send this file as one message; - is standard input."), options.PATH, CONTENT),
    Option(
        "--count",
        N_("Send the message N times."),
        kinds.COUNT,
        CONTENT,
        default=1,
        needs=(("text", "file", "size"), N_("each line of standard input is sent once")),
    ),
    Option(
        "--size",
        N_("Fill the message up to this size."),
        kinds.SIZE,
        CONTENT,
        against=(("file", N_("the file is sent as it is")),),
    ),
    options.RATE._replace(panel=CONTENT, unset=N_("as fast as possible")),
    options.INTERVAL._replace(panel=CONTENT),
    Option(
        "--bye",
        N_("The word that ends a dialogue."),
        options.WORD,
        CONTENT,
        default=options.FAREWELL,
        against=tuple((name, ONE_FAREWELL) for name in ("text", "file", "size")),
    ),
    Option("--raw", N_("Without udpmsg's header, for any other program."), panel=CONTENT),
    options.ACK._replace(
        panel=DELIVERY,
        against=(
            ("raw", N_("raw bytes carry no number that could be acknowledged")),
            ("broadcast", MANY_HEAR),
            (GROUP, MANY_HEAR),
        ),
    ),
    Option(
        "--spool",
        N_("Keep messages in this file until they are confirmed (with --ack); run again, the command goes on."),
        options.PATH,
        DELIVERY,
        needs=_needs_ack(N_("a message stays there until it is acknowledged")),
    ),
    Option(
        "--wait", N_("How long to wait for replies."), kinds.SECONDS, DELIVERY, unset=N_("1s in a dialogue, otherwise not at all")
    ),
    Option(
        "--ordered",
        N_("Have them delivered in order (with --ack)."),
        panel=DELIVERY,
        needs=_needs_ack(N_("without acknowledgments nobody waits for what is missing")),
    ),
    Option(
        "--window",
        N_("At most N unconfirmed messages at once."),
        kinds.COUNT,
        DELIVERY,
        unset=N_("as many as the network takes"),
        needs=_needs_ack(N_("it bounds the messages that are not acknowledged yet")),
    ),
    Option(
        "--congestion",
        N_("The congestion control: newreno, cubic or bbr (with --ack)."),
        CONGESTION,
        DELIVERY,
        unset=DEFAULT_CONGESTION,
        against=(("tcp", N_("TCP's kernel has its own")),),
        needs=_needs_ack(N_("without acknowledgments nobody knows what the path takes")),
    ),
    Option(
        "--max-transmissions",
        N_("Send a datagram at most N times."),
        kinds.TRANSMISSIONS,
        DELIVERY,
        default=TRANSMISSIONS,
        against=(RETRANSMITTED,),
        needs=_needs_ack(N_("without acknowledgments each message is sent once")),
    ),
    Option(
        "--deadline",
        N_("Give a message up after this time."),
        kinds.SOME_SECONDS,
        DELIVERY,
        default=DEADLINE / SECOND,
        needs=_needs_ack(N_("it is how long an acknowledgment is waited for")),
    ),
    Option(
        "--refused-for",
        N_("End after this long with nothing but refusals (ICMP), if nobody ever answered."),
        kinds.SOME_SECONDS,
        DELIVERY,
        default=REFUSED_FOR,
        against=(("tcp", N_("over TCP a refusal is certain, and ends the command at once")),),
        needs=_needs_ack(N_("without acknowledgments nothing is waited for")),
    ),
    Option(
        "--min-rto",
        N_("The smallest retransmission timeout."),
        kinds.SOME_SECONDS,
        DELIVERY,
        default=MIN_RTO / SECOND,
        against=(RETRANSMITTED,),
        needs=_needs_ack(N_("without acknowledgments nothing is retransmitted")),
    ),
    options.PORT,
    options.TCP._replace(against=((GROUP, ONE_PEER),)),
    Option("--broadcast", N_("Allow a broadcast address."), panel=NETWORK, against=(("tcp", ONE_PEER),)),
    Option("--ttl", N_("Routers that a packet may pass."), options.HOPS, NETWORK, unset=N_("the system's; 1 to a group")),
    Option(
        "--interface",
        N_("Where multicast leaves: that interface's address (IPv6: its name)."),
        options.INTERFACE,
        NETWORK,
        needs=((GROUP,), N_("the system's routes choose it for every other destination")),
    ),
    Option(
        "--datagram-size",
        N_("The largest datagram; larger messages travel in parts."),
        kinds.DATAGRAM,
        NETWORK,
        unset=Phrase("with --ack what the path takes; else {}", str(DATAGRAM_SIZE)),
        against=(("tcp", N_("TCP cuts its stream itself")), ("raw", N_("raw bytes go as one datagram, whatever their size"))),
    ),
    options.OFFLOAD._replace(against=(options.NO_OFFLOAD,)),
    options.LARGEST,
    options.LANG,
    options.JSON,
)


def send(context: typer.Context, given: Given) -> int:
    """Check the options, open a sender, and run what they ask for; return the exit code. HELP is what users read."""
    host, port = options.parse_destination(given.destination, given.port)
    given.check(OPTIONS, *([GROUP] if options.is_multicast(host) else []))
    if str(given.spool) == "-":
        raise UsageError("--spool - means nothing: what was sent cannot be taken out of a stream; name a file")
    limit = given.max_message
    from_input = str(given.file) == "-"  # read when Ctrl-C can end it
    payload = None if from_input else payload_of(given.text, given.file, given.size, limit)
    interval = 1 / given.rate if given.rate is not None else given.interval
    terminal = is_terminal(sys.stdin)
    if payload is None and not from_input and interval is not None and terminal:
        raise UsageError("--interval and --rate mean nothing in a dialogue on a terminal: each line waits for its reply")
    transport = "tcp" if given.tcp else "udp"
    patience = given.refused_for if given.ack and not given.tcp else None
    interrupts: Interrupts = context.obj
    output, words = open_output(json=given.json)
    if given.text and given.text[0].isdecimal():
        from udpmsg.cli.habits import port_among_words

        if hint := port_among_words(given.text, host):
            words.say(hint)

    def run() -> int:
        content = payload
        if from_input:
            from udpmsg.cli.lines import whole

            content = interrupts.opening(lambda: whole(limit + 1))
        sender = interrupts.opening(
            lambda: Sender(
                host,
                port,
                transport=transport,
                acknowledged=given.ack,
                ordered=given.ordered,
                raw=given.raw,
                broadcast=given.broadcast,
                ttl=given.ttl,
                interface=given.interface,
                window=given.window,
                congestion=given.congestion,
                max_transmissions=given.max_transmissions,
                deadline=given.deadline,
                min_rto=given.min_rto,
                refused_for=patience,
                datagram_size=given.datagram_size,
                max_message=limit,
                offload=given.offload,
                spool=given.spool,
            )
        )
        interrupts.defer_to(sender)
        exchange = Exchange(sender, output, words, interrupts, deadline=given.deadline, refused_for=patience)
        try:
            if content is None:
                from udpmsg.cli.dialogue import Dialogue

                farewell = os.fsencode(given.bye).strip()
                Dialogue(farewell=farewell, wait=given.wait, terminal=terminal, interval=interval, limit=limit).run(exchange)
            else:
                title = title_of(given.file) if given.file is not None and not (from_input or given.raw) else None
                Repeated(content, given.count, interval, given.wait, title=title).run(exchange)
        except (UdpmsgError, OSError) as error:
            complain(words, error)
            exchange.failed = exit_for(error)
        return exchange.finish()

    return conduct(run, output, words, interrupts, empty_summary(transport, "sender", given.ack))
