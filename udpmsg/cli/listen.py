"""The command `listen`: parse, open the library's receiver, run, exit code."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from udpmsg import Limits
from udpmsg.base.language import _, number
from udpmsg.cli import options, rules
from udpmsg.cli.answering import Answerer, Silence, Typed, fixed
from udpmsg.cli.answering import echo as echoing
from udpmsg.cli.ending import Ending
from udpmsg.cli.listen_run import ListenRun
from udpmsg.cli.options import LIMITS, NETWORK, OUTPUT, option
from udpmsg.cli.output import Output, conduct, open_output
from udpmsg.cli.signals import Interrupts
from udpmsg.messaging.receiver import Receiver
from udpmsg.show.schema import empty_summary
from udpmsg.show.stream import Words, is_terminal
from udpmsg.show.terminal import counted, paint
from udpmsg.sockets.endpoint import Endpoint
from udpmsg.sockets.listening import KEPT_DESCRIPTORS

if TYPE_CHECKING:
    from udpmsg.messaging.store import Store

HELP = _("""\
Receive messages from any number of senders, over UDP, TCP (--tcp) or both (--both), until Ctrl-C.

[bold]Examples[/bold]

  udpmsg listen                            on this machine, UDP port 5000
  udpmsg listen --host 0.0.0.0 --both      for other machines too, UDP and TCP
  udpmsg listen --echo --once              answer one client, and end with it
  udpmsg listen --interactive              answer by hand
  udpmsg listen --exec 'tr a-z A-Z'        answer with a command's output
  udpmsg listen --save inbox --count 1     one message to a file
  udpmsg listen --store inbox.db           keep all, each once; see udpmsg inbox
  udpmsg listen --json --for 10s           JSON lines, for ten seconds

A line for each message: who sent it, its number, its text. Bytes of other programs are shown as raw.
A message is acknowledged when its line is written; with --save or --store, when it is on the disk.
""")

EPILOG = _("""\
Exit codes: 0 all well, 1 run-time error (also when the reader of the output went away), 2 usage, 5 cannot listen (port in \
use or forbidden, no address of this machine, name unknown), 130 Ctrl-C, 143 terminated. Every option can be set by the \
environment: --receive-buffer by UDPMSG_RECEIVE_BUFFER.
""")

REPLIES, ENDING = _("Replies"), _("When to end (the first that comes)")
LAST_PRIVILEGED_PORT = 1023
LOOKING = ("echo", "reply", "exec", "interactive", "count", "idle", "once", "stop-word", "slow", "save", "store")
"""Options for which the messages themselves are looked at, also where none is shown."""


def listen(
    context: typer.Context,
    host: Annotated[
        str | None,
        option(
            "--host",
            _("Where to listen; 0.0.0.0 for other machines too, :: for IPv6 and IPv4."),
            panel=NETWORK,
            metavar="ADDRESS",
            default="127.0.0.1",
        ),
    ] = None,
    port: options.Port = None,
    tcp: options.Tcp = False,
    both: Annotated[bool, option("--both", _("UDP and TCP on one port."), panel=NETWORK)] = False,
    multicast: Annotated[
        str | None, option("--multicast", _("Join this group, such as 239.1.2.3."), panel=NETWORK, metavar="GROUP")
    ] = None,
    interface: Annotated[
        str | None,
        option(
            "--interface", _("Where to join it: that interface's address (IPv6: its name)."), panel=NETWORK, metavar="ADDRESS"
        ),
    ] = None,
    echo: Annotated[bool, option("--echo", _("Answer with the message itself."), panel=REPLIES)] = False,
    reply: Annotated[str | None, option("--reply", _("Answer with this text."), panel=REPLIES, metavar="TEXT")] = None,
    exec: Annotated[  # noqa: A002 - the option's name
        str | None,
        option(
            "--exec",
            _(
                "Answer with this command's output. Its input is the message; UDPMSG_PEER and UDPMSG_SEQUENCE say whose. "
                "It may take 10 s."
            ),
            panel=REPLIES,
            metavar="CMD",
        ),
    ] = None,
    interactive: Annotated[bool, option("--interactive", _("Answer by hand: line n answers message n."), panel=REPLIES)] = False,
    count: Annotated[
        int | None,
        option("--count", _("After N messages, from any sender."), panel=ENDING, metavar="N", parser=options.parse_count),
    ] = None,
    duration: Annotated[
        float | None,
        option("--for", _("After this time, such as 10s."), panel=ENDING, metavar="TIME", parser=options.parse_positive_duration),
    ] = None,
    idle: Annotated[
        float | None,
        option(
            "--idle",
            _("After this long without a message."),
            panel=ENDING,
            metavar="TIME",
            parser=options.parse_positive_duration,
        ),
    ] = None,
    once: Annotated[
        bool, option("--once", _("When the first client whose message came has said goodbye (or bye)."), panel=ENDING)
    ] = False,
    stop_word: Annotated[
        str | None,
        option("--stop-word", _("When a client sends this word and proves that it is there."), panel=ENDING, metavar="WORD"),
    ] = None,
    lang: options.Lang = None,
    json: options.Json = False,
    hex: Annotated[bool, option("--hex", _("Show the bytes."), panel=OUTPUT)] = False,  # noqa: A002 - the option's name
    quiet: Annotated[bool, option("--quiet", _("Show no messages, only the summary."), panel=OUTPUT)] = False,
    save: Annotated[Path | None, option("--save", _("Write each message to a file there."), panel=OUTPUT, metavar="DIR")] = None,
    store: Annotated[
        Path | None,
        option("--store", _("Keep each message, once, in this database."), panel=OUTPUT, metavar="FILE"),
    ] = None,
    receive_buffer: Annotated[
        int | None,
        option(
            "--receive-buffer",
            _("The kernel's buffer to ask for."),
            panel=LIMITS,
            metavar="SIZE",
            parser=options.parse_positive_size,
            default="4MiB",
        ),
    ] = None,
    offload: options.Offload = True,
    max_message: options.MaxMessage = None,
    max_sessions: Annotated[
        int | None,
        option(
            "--max-sessions",
            _("At most N senders at once; those that said goodbye do not count."),
            panel=LIMITS,
            metavar="N",
            parser=options.parse_sessions,
            default=number(Limits().sessions),
        ),
    ] = None,
    slow: Annotated[
        float | None,
        option(
            "--slow",
            _("Sleep after each message, to see what the kernel drops."),
            panel=LIMITS,
            metavar="TIME",
            parser=options.parse_duration,
        ),
    ] = None,
) -> int:
    """Check the options, open a receiver, and run until the end they ask for; return the exit code. HELP is what users read."""
    given = {name.replace("_", "-"): value for name, value in context.params.items()}
    given["no-offload"] = options.offload_refused(context)
    rules.check(given, rules.LISTEN_CONFLICTS, rules.LISTEN_NEEDS, {})
    interrupts: Interrupts = context.obj
    output, words = open_output(json=json, hexadecimal=hex, quiet=quiet)
    transport = "both" if both else "tcp" if tcp else "udp"

    def run() -> int:
        with ExitStack() as closing:
            return listening(closing)

    def listening(closing: ExitStack) -> int:
        kept = None
        if store is not None:
            from udpmsg.messaging.store import Store

            kept = closing.enter_context(Store(store))
        saver = None
        if save is not None:
            from udpmsg.cli.saving import Saver

            saver = closing.enter_context(Saver(save))
        usual = Limits()
        largest = max_message or usual.max_message
        if transport != "udp":
            allow_descriptors((max_sessions or usual.sessions) + KEPT_DESCRIPTORS)
        receiver = interrupts.opening(
            lambda: Receiver(
                host,
                port or options.DEFAULT_PORT,
                transport=transport,
                multicast=multicast,
                interface=interface,
                receive_buffer=receive_buffer or 4 << 20,
                limits=Limits(
                    sessions=max_sessions or usual.sessions,
                    max_message=largest,
                    session_bytes=max(largest, usual.session_bytes),
                    total_bytes=max(largest, usual.total_bytes),
                ),
                offload=offload and not slow,  # who is slow on purpose wants to see each drop counted
                counting_only=quiet and all(given[name] in (None, False) for name in LOOKING),
                store=kept,
            )
        )
        interrupts.defer_to(receiver)
        announce(receiver, output, words, quiet=quiet, store=kept)
        ending = Ending(
            count, duration, idle, once, None if stop_word is None else os.fsencode(stop_word).strip(), options.FAREWELL.encode()
        )

        def answerer() -> Answerer:
            if echo:
                return echoing()
            if reply is not None:
                return fixed(reply)
            if exec is not None:
                from udpmsg.cli.executor import Executor

                return Executor(exec, receiver.wake, largest)
            if interactive:
                from udpmsg.cli.lines import Lines

                return Typed(Lines(receiver.wake, largest), words, at_terminal=is_terminal(sys.stdin))
            return Silence()

        return ListenRun(
            receiver, output, words, interrupts, ending=ending, answerer=answerer(), saver=saver, slow=slow or 0.0
        ).run()

    return conduct(run, output, words, interrupts, empty_summary(transport, "listener"))


def allow_descriptors(wanted: int) -> None:
    """Have the system let this process open so many files and connections, as far as it needs no privilege for that."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY:
        wanted = min(wanted, most)
    if limit != resource.RLIM_INFINITY and limit < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
        except (OSError, ValueError):
            pass  # macOS may refuse: connections that find no descriptor wait, as they do anyway


def announce(receiver: Receiver, output: Output, words: Words, *, quiet: bool, store: "Store | None" = None) -> None:
    """Say where somebody can send to now, and how; and where it is kept."""
    path = None if store is None else str(store.path)
    for endpoint in receiver.endpoints:
        udp = endpoint.transport == "udp"
        buffer, offload = (receiver.receive_buffer, receiver.offload) if udp else (None, None)
        output.listening(endpoint.transport, endpoint.host, endpoint.port, buffer, offload, path)
    if store is not None:
        text = _("Keeping what comes in {} ({} there already)")
        words.say(text.format(store.path, counted(store.count(), "message")))
    first = receiver.endpoints[0]
    if first.port <= LAST_PRIVILEGED_PORT:
        text = _("Port {} is below 1024, where the system's own services live: others may expect one of them here")
        words.say(text.format(first.port))
    if words.terminal and not quiet:
        for text in how_to_send(receiver.endpoints):
            words.say(paint(text, "note", words.colour))


def how_to_send(endpoints: Sequence[Endpoint]) -> Iterator[str]:
    """What to type to send there, a line each: from another machine where the listener is on every address."""
    for endpoint in endpoints:
        if endpoint.host in ("0.0.0.0", "::"):
            from udpmsg.cli.addresses import own_addresses

            for host in own_addresses(endpoint.host) or [_("ADDRESS")]:
                yield _("Send to it from another machine: {}").format(_command(endpoint, host))
        else:
            yield _("Send to it from another terminal: {}").format(_command(endpoint, endpoint.host))
    if endpoints[0].host.startswith("127."):
        yield _("For other machines too, listen with --host 0.0.0.0")


def _command(endpoint: Endpoint, host: str) -> str:
    where = host if endpoint.port == options.DEFAULT_PORT else str(Endpoint(endpoint.transport, host, endpoint.port))
    return f"udpmsg send {where} {_('hello')}{' --tcp' if endpoint.transport == 'tcp' else ''}"
