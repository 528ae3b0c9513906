"""The command `report`: read a saved comparison, show it, exit code."""

from pathlib import Path
from typing import Annotated

import typer

from udpmsg.cli import options, rules, showing
from udpmsg.cli.exits import Exit
from udpmsg.cli.options import OUTPUT, option
from udpmsg.cli.rules import Conflict
from udpmsg.cli.signals import Interrupted, Interrupts
from udpmsg.errors import N_, Phrase, UsageError
from udpmsg.experiment.trace import Comparison
from udpmsg.language import _

HELP = _("""\
Show a saved comparison again, in any form.

[bold]Examples[/bold]

  udpmsg compare --keep run.json         run once, and keep everything
  udpmsg report run.json                 the table and a sentence a mode
  udpmsg report run.json --ladder        the frames between sender and receiver
  udpmsg report run.json --ledger        a row a message and mode: outcome and cause
  udpmsg report run.json --html run.html a page that opens in any browser
  udpmsg report run.json --json          JSON lines for programs

Nothing is sent: what is shown was recorded when the comparison ran.
""")

EPILOG = _("""\
Exit codes: 0 all well, 1 run-time error, 2 usage, or a file that is no saved comparison, 130 Ctrl-C, 143 terminated. Every \
option can be set by the environment: --html by UDPMSG_HTML.
""")

LARGEST = 1 << 30
"""Bytes: ten times a comparison of a million messages; what is larger was not saved by us."""

CONFLICTS = (Conflict("json", "ladder", N_("a ladder is drawn for people; --ledger adds a JSON line for each message")),)


def report(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help=_("What udpmsg compare --keep has written."), show_default=False)],
    ledger: Annotated[bool, option("--ledger", _("A row a message and mode: outcome and cause."), panel=OUTPUT)] = False,
    ladder: Annotated[bool, option("--ladder", _("The frames between sender and receiver."), panel=OUTPUT)] = False,
    html: Annotated[
        Path | None, option("--html", _("Write a page that opens in any browser."), panel=OUTPUT, metavar="FILE")
    ] = None,
    lang: options.Lang = None,
    json: options.Json = False,
) -> int:
    """Read, show and write; return the exit code. HELP is what users read."""
    rules.check(context.params, CONFLICTS, ())
    outputs = {} if html is None else {"html": showing.writable(html)}
    interrupts: Interrupts = context.obj
    data, words = showing.open_streams()

    def run() -> int:
        comparison = read(file)
        showing.show(comparison, ledger=ledger, ladder=ladder, json=json, data=data, words=words)
        showing.write(comparison, outputs, words)
        return Exit.ERROR if data.broken else Exit.WELL

    try:
        return interrupts.opening(run)  # a signal may end it anywhere: files are replaced whole, and nothing else is changed
    except Interrupted:
        words.say(interrupts.words)
        return interrupts.code


def read(file: Path) -> Comparison:
    """The comparison in a file. Raises UsageError that names the file."""
    from udpmsg.experiment.saved import load

    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        raise UsageError("{}: cannot read it: {}", file, Phrase(getattr(error, "strerror", None) or str(error))) from None
    if len(content) > LARGEST:
        raise UsageError("{}: that is more than a saved comparison has; name a file that udpmsg compare --keep has written", file)
    try:
        return load(content.decode("utf-8"))
    except UnicodeDecodeError:
        raise UsageError("{}: this is no text; name a file that udpmsg compare --keep has written", file) from None
    except UsageError as error:
        raise UsageError("{}: {}", file, error) from None
