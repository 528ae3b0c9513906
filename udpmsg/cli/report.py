"""The command `report`: read a saved comparison, show it, exit code."""

from pathlib import Path

import typer

from udpmsg.base.errors import N_, UsageError
from udpmsg.base.language import _
from udpmsg.cli import inputs, options, showing
from udpmsg.cli.exits import Exit
from udpmsg.cli.given import Given
from udpmsg.cli.outputs import open_outputs
from udpmsg.cli.signals import Interrupted, Interrupts
from udpmsg.compare.trace import Comparison

HELP = _("""\
Show a saved comparison again, in any form.

[bold]Examples[/bold]

  udpmsg compare --keep run.json         run once, and keep everything
  udpmsg report run.json                 the table, and one sentence per mode
  udpmsg report run.json --ladder        the frames between sender and receiver
  udpmsg report run.json --ledger        one row per message and mode
  udpmsg report run.json --html run.html a page that opens in any browser
  udpmsg report run.json --json          JSON lines for programs

Nothing is sent: what is shown was recorded when the comparison ran.
""")

EPILOG = _("""\
Exit codes: 0 all well, 1 run-time error, 2 usage, or a file that is no saved comparison, 130 Ctrl-C, 143 terminated. Every \
option can be set by the environment: --html by UDPMSG_HTML.
""")

OPTIONS = (
    options.argument("file", "FILE", N_("What udpmsg compare --keep has written; - is standard input.")),
    options.LEDGER,
    options.LADDER,
    options.HTML,
    options.LANG,
    options.JSON._replace(against=(("ladder", N_("a ladder is drawn for people; --ledger adds a JSON line for each message")),)),
)


def report(context: typer.Context, given: Given) -> int:
    """Read, show and write; return the exit code. HELP is what users read."""
    given.check(OPTIONS)
    outputs = open_outputs({"html": given.html}, json=given.json)
    interrupts: Interrupts = context.obj
    data, words = showing.open_streams(outputs.values())

    def run() -> int:
        from udpmsg.compare.reading import Reading

        with showing.undisturbed():
            reading = Reading(read(Path(given.file)))
            showing.show(reading, ledger=given.ledger, ladder=given.ladder, json=given.json, data=data, words=words)
            showing.write(reading, outputs, words)
        return Exit.ERROR if data.broken else Exit.WELL

    try:
        return interrupts.opening(run)  # a signal may end it anywhere: files are replaced whole, and nothing else is changed
    except Interrupted:
        words.say(interrupts.words)
        return interrupts.code


def read(file: Path) -> Comparison:
    """The comparison in a file. Raises UsageError that names the file."""
    from udpmsg.compare.saved import load

    name = inputs.name_of(file)
    text = _text(file, name)
    try:
        return load(text)
    except UsageError as error:
        raise UsageError("{}: {}", name, error) from None


def _text(file: Path, name: str) -> str:
    """What is in it. Apart from `read`, so that the bytes are gone when the text is read."""
    from udpmsg.compare.saved import LARGEST

    content = inputs.read(file, LARGEST, begins=b"{")
    if len(content) > LARGEST:
        raise UsageError(
            "{}: this file is too large for a saved comparison; name a file that udpmsg compare --keep has written", name
        )
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError("{}: this is no text; name a file that udpmsg compare --keep has written", name) from None
