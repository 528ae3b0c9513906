"""The command `inbox`: parse, open a store to read from, show its messages, save them or send them again, exit code."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Protocol

import typer

from udpmsg.base import units
from udpmsg.base.errors import N_, UsageError
from udpmsg.base.kinds import ValueKind
from udpmsg.base.language import _
from udpmsg.base.option import Option
from udpmsg.cli import options
from udpmsg.cli.exits import Exit
from udpmsg.cli.given import Given
from udpmsg.cli.options import OUTPUT
from udpmsg.cli.output import Output, conduct, open_output
from udpmsg.cli.signals import Interrupted, Interrupts
from udpmsg.show.stream import Words

if TYPE_CHECKING:
    from udpmsg.messaging.kept import StoredMessage
    from udpmsg.messaging.stored import StoreReader

HELP = _("""\
Show the messages that listen --store has kept, save them to files, or send them again; also while the listener goes on.

[bold]Examples[/bold]

  udpmsg inbox inbox.db                         as listen shows them
  udpmsg inbox inbox.db --follow                and those that come, until Ctrl-C
  udpmsg inbox inbox.db --json --after 1000     JSON lines of the later ones
  udpmsg inbox inbox.db --csv > inbox.csv       a table
  udpmsg inbox inbox.db --save letters          each message to a file
  udpmsg inbox inbox.db --replay 127.0.0.1      send them again, at their pace

Nothing is ever removed from a store. Any program that reads SQLite can read it: its views are messages and sessions.
""")

EPILOG = _("""\
Exit codes: 0 all well, 1 run-time error (also when the reader of the output went away), 2 usage, or a file that is no store, \
130 Ctrl-C, 143 terminated; with --replay also 3 not all confirmed, 4 nobody there, refused, or name unknown. Every option can \
be set by the environment: --follow by UDPMSG_FOLLOW.
""")

SELECTION, AGAIN = N_("Which messages"), N_("Sending again")
TICK = 0.2
"""Seconds after which --follow looks again: a person sees a message at once, and looking costs some 10 µs."""


class Showing(Protocol):
    """What shows stored messages: for people, as JSON lines, as CSV."""

    def stored(self, stored: "StoredMessage", saved: str | None = None) -> None:
        """Show one; `saved` is the name of the file that has it."""


def parse_session(text: str) -> int:
    """The hexadecimal digits that name a session. Raises UsageError."""
    if not re.fullmatch("[0-9A-Fa-f]{1,16}", text):
        raise UsageError("{!r} names no session; write its sixteen hexadecimal digits, as --json shows them", text)
    return int(text, 16)


REPLAYED = (("replay",), N_("nothing is sent"))

OPTIONS = (
    options.argument("file", "FILE", N_("What listen --store writes to.")),
    Option("--session", N_("Only messages of this session."), ValueKind("SESSION", parse_session), SELECTION),
    Option("--after", N_("Only messages after the one with this id."), ValueKind("ID", units.parse_count), SELECTION),
    Option("--follow", N_("Go on, and show messages as they come."), panel=SELECTION),
    Option(
        "--replay",
        N_("Send each message there, at the intervals at which they came."),
        ValueKind("HOST[:PORT]", str),
        AGAIN,
        against=(
            ("csv", N_("the messages are sent, and not shown")),
            ("save", N_("do one after the other")),
            ("follow", N_("a replay ends with the last stored message; --after chooses where it begins")),
        ),
    ),
    options.RATE._replace(panel=AGAIN, needs=REPLAYED),
    options.INTERVAL._replace(panel=AGAIN, needs=REPLAYED),
    options.ACK._replace(panel=AGAIN, needs=REPLAYED),
    options.TCP._replace(needs=REPLAYED),
    options.LARGEST._replace(needs=REPLAYED),
    options.LANG,
    options.JSON._replace(against=(("csv", N_("the output has one form")),)),
    Option(
        "--csv",
        N_("A table with a header row (RFC 4180); what is not text is base64."),
        panel=OUTPUT,
        against=(("save", N_("a table has the messages themselves")),),
    ),
    options.SAVE,
)


def inbox(context: typer.Context, given: Given) -> int:
    """Check the options, open the store, and show, save or send; return the exit code. HELP is what users read."""
    from udpmsg.messaging.store import Store

    given.check(OPTIONS)
    destination = None if given.replay is None else options.parse_destination(given.replay, None)
    interrupts: Interrupts = context.obj
    output, words = open_output(json=given.json)
    file = Path(given.file)
    with Store.reader(file) as reader:
        chosen = messages(reader, interrupts, after=given.after or 0, session=given.session, follow=given.follow)
        if destination is not None:
            from udpmsg.cli.replaying import Replay

            pace = 1 / given.rate if given.rate is not None else given.interval
            resent = Replay(*destination, tcp=given.tcp, ack=given.ack, interval=pace, max_message=given.max_message)
            return conduct(
                partial(resent.run, chosen, output, words, interrupts), output, words, interrupts, resent.empty_summary
            )
        try:
            return show(chosen, output, words, interrupts, csv=given.csv, save=given.save, file=file)
        except Interrupted:
            words.say(interrupts.words)
            return interrupts.code


def messages(
    reader: "StoreReader", interrupts: Interrupts, *, after: int, session: int | None, follow: bool
) -> Iterator["StoredMessage"]:
    """The messages that are asked for; with `follow` for ever. Then a signal raises Interrupted."""
    while True:
        reader.changed()  # before it is read: what comes meanwhile is a change
        for stored in reader.messages(after):
            after = stored.id
            if session is None or stored.message.session == session:
                yield stored
        if not follow:
            return
        while not reader.changed():
            interrupts.opening(partial(sleep, TICK))


def show(
    chosen: Iterator["StoredMessage"],
    output: Output,
    words: Words,
    interrupts: Interrupts,
    *,
    csv: bool,
    save: Path | None,
    file: Path,
) -> int:
    """Show each message, and write it to a file if asked to. A signal raises Interrupted, and never in the middle of a file."""
    lines: Showing = output
    if csv:
        from udpmsg.show.csvlines import CsvLines

        lines = CsvLines(output.data)
    with ExitStack() as closing:
        saver = None
        if save is not None:
            from udpmsg.cli.saving import Saver

            advice = N_("Those before it are saved; choose another directory, or make room")
            saver = closing.enter_context(Saver(save, advice, durable=False))  # they are in the store
        shown = 0
        for stored in chosen:
            saved = saver.save(stored.message) if saver is not None else None
            interrupts.opening(partial(lines.stored, stored, saved))
            if output.data.broken is not None:
                words.say(f"udpmsg: {output.data.broken}")
                return Exit.ERROR
            shown += 1
    if not shown and output.for_people:
        words.say(_("There is no such message in {}").format(file))
    return Exit.WELL
