"""`udpmsg` without a command: its help and its version. Loaded only then."""

import sys
from typing import Annotated

import typer

EPILOG = "Two terminals to begin with: udpmsg listen, and udpmsg send 127.0.0.1 hello. Every command has --help."


def overview(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> int:
    """Messages over UDP with no handshake before the first one, and over TCP beside it."""
    if version:
        from udpmsg import __version__

        print(f"udpmsg {__version__}")
        raise typer.Exit(0)
    if context.invoked_subcommand is None:
        print(context.get_help())
        print("udpmsg: no command is named: write listen or send", file=sys.stderr)
        raise typer.Exit(2)
    return 0
