"""The command `listen`: parse, open the library's receiver, run, exit code."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

import typer

from udpmsg import Limits
from udpmsg.base import kinds
from udpmsg.base.errors import N_
from udpmsg.base.kinds import ValueKind
from udpmsg.base.language import _
from udpmsg.base.option import Option
from udpmsg.cli import options
from udpmsg.cli.answering import Answerer, Typed, fixed
from udpmsg.cli.answering import echo as echoing
from udpmsg.cli.ending import EndRules
from udpmsg.cli.given import Given
from udpmsg.cli.listen_run import ListenRun
from udpmsg.cli.options import LIMITS, NETWORK, OUTPUT
from udpmsg.cli.output import Output, conduct, open_output
from udpmsg.cli.signals import Interrupts
from udpmsg.messaging.receiver import Receiver
from udpmsg.show.schema import empty_summary
from udpmsg.show.stream import Words, is_terminal
from udpmsg.show.terminal import counted, paint
from udpmsg.sockets.endpoint import DEFAULT_PORT, LOOPBACK, Endpoint
from udpmsg.sockets.listening import KEPT_DESCRIPTORS, LAST_PRIVILEGED_PORT, RECEIVE_BUFFER

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

LOOKING = ("echo", "reply", "exec", "interactive", "count", "idle", "once", "stop-word", "slow", "save", "store")
"""Options for which the messages themselves are looked at, also where none is shown."""


REPLIES, ENDING = N_("Replies"), N_("When to end (the first that comes)")
ONE_REPLY = N_("a message gets one reply")
NO_CONNECTION = N_("a group has no connection: TCP goes to one peer")

OPTIONS = (
    Option(
        "--host",
        N_("Where to listen; 0.0.0.0 for other machines too, :: for IPv6 and IPv4."),
        options.LISTENER,
        NETWORK,
        unset=LOOPBACK,
    ),
    options.PORT,
    options.TCP._replace(against=(("both", N_("--both already listens on TCP, beside UDP")),)),
    Option("--both", N_("UDP and TCP on one port."), panel=NETWORK),
    Option(
        "--multicast",
        N_("Join this group, such as 239.1.2.3."),
        ValueKind("GROUP", str),
        NETWORK,
        against=(
            ("tcp", NO_CONNECTION),
            ("both", NO_CONNECTION),
            ("host", N_("the group is the address; --interface names the local side")),
        ),
    ),
    Option(
        "--interface",
        N_("Where to join it: that interface's address (IPv6: its name)."),
        options.INTERFACE,
        NETWORK,
        needs=(("multicast",), N_("it chooses where a group is joined")),
    ),
    Option(
        "--echo",
        N_("Answer with the message itself."),
        panel=REPLIES,
        against=tuple((name, ONE_REPLY) for name in ("reply", "exec", "interactive")),
    ),
    Option(
        "--reply",
        N_("Answer with this text."),
        options.TEXT,
        REPLIES,
        against=tuple((name, ONE_REPLY) for name in ("exec", "interactive")),
    ),
    Option(
        "--exec",
        N_(
            "Answer with this command's output. Its input is the message; UDPMSG_PEER and UDPMSG_SEQUENCE say whose. "
            "It may take 10 s."
        ),
        ValueKind("CMD", str),
        REPLIES,
        against=(("interactive", ONE_REPLY),),
    ),
    Option(
        "--interactive",
        N_("Answer by hand, one line per message."),
        panel=REPLIES,
        against=(("quiet", N_("nobody can answer a message that is not shown")),),
    ),
    Option("--count", N_("After N messages, from any sender."), kinds.COUNT, ENDING),
    Option("--for", N_("After this time, such as 10s."), kinds.SOME_SECONDS, ENDING),
    Option("--idle", N_("After this long without a message."), kinds.SOME_SECONDS, ENDING),
    Option("--once", N_("When the first client whose message came has said goodbye (or bye)."), panel=ENDING),
    Option("--stop-word", N_("When a client sends this word and proves that it is there."), options.WORD, ENDING),
    options.LANG,
    options.JSON,
    Option(
        "--hex",
        N_("Show the bytes."),
        panel=OUTPUT,
        against=(("json", N_("JSON lines carry every byte already")), ("quiet", N_("--quiet shows no message"))),
    ),
    Option("--quiet", N_("Show no messages, only the summary."), panel=OUTPUT),
    options.SAVE,
    Option("--store", N_("Keep each message, once, in this database."), options.FILE, OUTPUT),
    Option("--receive-buffer", N_("The kernel's buffer to ask for."), kinds.BUFFER, LIMITS, default=RECEIVE_BUFFER),
    options.OFFLOAD._replace(against=(options.NO_OFFLOAD,)),
    options.LARGEST,
    Option(
        "--max-sessions",
        N_("At most N senders at once; those that said goodbye do not count."),
        kinds.SESSIONS,
        LIMITS,
        default=Limits().sessions,
    ),
    Option("--slow", N_("Sleep after each message, to see what the kernel drops."), kinds.SECONDS, LIMITS),
)


def listen(context: typer.Context, given: Given) -> int:
    """Check the options, open a receiver, and run until the end they ask for; return the exit code. HELP is what users read."""
    given.check(OPTIONS)
    interrupts: Interrupts = context.obj
    output, words = open_output(json=given.json, hexadecimal=given.hex, quiet=given.quiet)
    transport = "both" if given.both else "tcp" if given.tcp else "udp"

    def run() -> int:
        with ExitStack() as closing:
            return listening(closing)

    def listening(closing: ExitStack) -> int:
        kept = None
        if given.store is not None:
            from udpmsg.messaging.store import Store

            kept = closing.enter_context(Store(given.store))
        saver = None
        if given.save is not None:
            from udpmsg.cli.saving import Saver

            saver = closing.enter_context(Saver(given.save))
        usual = Limits()
        largest = given.max_message
        if transport != "udp":
            allow_descriptors(given.max_sessions + KEPT_DESCRIPTORS)
        receiver = interrupts.opening(
            lambda: Receiver(
                given.host,
                given.port or DEFAULT_PORT,
                transport=transport,
                multicast=given.multicast,
                interface=given.interface,
                receive_buffer=given.receive_buffer,
                limits=Limits(
                    sessions=given.max_sessions,
                    max_message=largest,
                    session_bytes=max(largest, usual.session_bytes),
                    total_bytes=max(4 * largest, usual.total_bytes),  # half of it is for what is unfinished of strangers
                ),
                offload=given.offload and not given.slow,  # a listener that is slow on purpose wants to see each drop counted
                counting_only=given.quiet and given.written.keys().isdisjoint(LOOKING) and not given.slow,
                store=kept,
            )
        )
        interrupts.defer_to(receiver)
        answers = bool(given.echo or given.reply is not None or given.exec is not None or given.interactive)
        announce(receiver, output, words, quiet=given.quiet, answers=answers, store=kept)
        stop_word = None if given.stop_word is None else os.fsencode(given.stop_word).strip()
        ending = EndRules(given.count, given.for_, given.idle, given.once, stop_word, options.FAREWELL.encode())

        def answerer() -> Answerer:
            if given.echo:
                return echoing()
            if given.reply is not None:
                return fixed(given.reply)
            if given.exec is not None:
                from udpmsg.cli.executor import Executor

                return Executor(given.exec, receiver.wake, largest)
            if given.interactive:
                from udpmsg.cli.lines import Lines

                return Typed(Lines(receiver.wake, largest), words, at_terminal=is_terminal(sys.stdin))
            return Answerer()

        return ListenRun(
            receiver, output, words, interrupts, ending=ending, answerer=answerer(), saver=saver, slow=given.slow or 0.0
        ).run()

    return conduct(run, output, words, interrupts, empty_summary(transport, "listener"))


def allow_descriptors(wanted: int) -> None:
    """Raise the limit on open files and connections to this number, or to what is allowed without special privileges."""
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


def announce(
    receiver: Receiver, output: Output, words: Words, *, quiet: bool, answers: bool = False, store: "Store | None" = None
) -> None:
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
        for text in how_to_send(receiver.endpoints, answers=answers):
            words.say(paint(text, "note", words.colour))


def how_to_send(endpoints: Sequence[Endpoint], *, answers: bool = False) -> Iterator[str]:
    """What to type to send there, a line each: from another machine where the listener is on every address.

    Where it answers, that is a dialogue: a single text would not wait for its answer.
    """
    text = "" if answers else f" {_('hello')}"
    for endpoint in endpoints:
        if endpoint.host in options.EVERY_ADDRESS:
            from udpmsg.cli.addresses import own_addresses

            for host in own_addresses(endpoint.host) or [_("ADDRESS")]:
                yield _("Send to it from another machine: {}").format(_command(endpoint, host, text))
        else:
            yield _("Send to it from another terminal: {}").format(_command(endpoint, endpoint.host, text))
    if endpoints[0].host.startswith("127."):
        yield _("For other machines too, listen with --host 0.0.0.0")


def _command(endpoint: Endpoint, host: str, text: str) -> str:
    where = host if endpoint.port == DEFAULT_PORT else str(Endpoint(endpoint.transport, host, endpoint.port))
    return f"udpmsg send {where}{text}{' --tcp' if endpoint.transport == 'tcp' else ''}"
