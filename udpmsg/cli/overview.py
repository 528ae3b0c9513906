"""`udpmsg` without a command: its help and its version. Loaded only then."""

import sys
from typing import Annotated

import typer
from typer.core import TyperGroup

from udpmsg.base.language import _
from udpmsg.cli import options
from udpmsg.cli.given import described

HELP = _("Messages over UDP with no handshake before the first one, and over TCP beside it.")
EPILOG = _("Two terminals to begin with: udpmsg listen, and udpmsg send 127.0.0.1 hello. Every command has --help.")


def overview(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help=_("Show the version."))] = False,
    lang: str | None = described(options.LANG._replace(panel="")),
) -> int:
    """Show the version, or the help where no command is named. HELP is what users read."""
    if version:
        from udpmsg import __version__
        from udpmsg.cli.output import write

        return write(f"udpmsg {__version__}")
    if context.invoked_subcommand is None:
        print(context.get_help())
        assert isinstance(context.command, TyperGroup)
        sentence = _("no command is named: write one of {}").format(", ".join(context.command.commands))
        print(f"udpmsg: {sentence}", file=sys.stderr)
        raise typer.Exit(2)
    return 0
