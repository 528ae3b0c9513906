"""The command `capture`: what helps to read a capture of ours. Prints the dissector, or puts it where Wireshark looks for it."""

import os
import sys
from pathlib import Path

import typer

from udpmsg.base.errors import N_, Phrase, UdpmsgError, UsageError
from udpmsg.base.kinds import ValueKind
from udpmsg.base.language import _
from udpmsg.base.option import Option
from udpmsg.cli import inputs, options
from udpmsg.cli.exits import Exit
from udpmsg.cli.given import Given
from udpmsg.cli.options import OUTPUT
from udpmsg.cli.outputs import CannotWrite, Writable

HELP = _("""\
Read captures in Wireshark: a dissector that shows every field of udpmsg's messages, over UDP and inside TCP.

[bold]Examples[/bold]

  udpmsg capture dissector > udpmsg.lua
  wireshark -X lua_script:udpmsg.lua run.pcapng   with this capture only
  udpmsg capture dissector --install              whenever Wireshark starts
  tshark -r run.pcapng -Y 'udpmsg.sequence == 4'  one message's way
  tshark -r run.pcapng -Y 'frame.comment'         what the link did to frames

A capture has an interface for each host, so a frame that arrived is in it twice, and Wireshark takes the second for a \
retransmission of TCP's. One host's view: tshark -r run.pcapng -Y 'frame.interface_name == "tcp sender"' -w sender.pcapng. \
Messages behind a lost segment are all shown with the preference "Reassemble out-of-order segments" of TCP \
(-o tcp.reassemble_out_of_order:TRUE).
""")

EPILOG = _("""\
Exit codes: 0 all well, 1 run-time error (there is another file of that name, or no permission), 2 usage. UDPMSG_INSTALL sets \
--install.
""")

DISSECTOR = "dissector"
FILE_NAME = "udpmsg.lua"


OPTIONS = (
    Option("what", Phrase("{}: a script for Wireshark.", DISSECTOR), ValueKind("WHAT", str, names=(DISSECTOR,))),
    Option("--install", N_("Put it into Wireshark's folder for this user's plugins instead."), panel=OUTPUT),
    options.LANG,
)


def capture(context: typer.Context, given: Given) -> int:
    """Print the dissector or install it; return the exit code. HELP is what users read."""
    from udpmsg.cli.output import open_output, write

    if given.what != DISSECTOR:
        raise UsageError("there is no {!r} to print: write {}", given.what, DISSECTOR)
    if not given.install:
        return write(dissector())
    _, words = open_output(json=False)
    words.say(install_into(plugin_folder(), dissector()))
    return Exit.WELL


def dissector() -> str:
    """The script. ASCII alone, so that no encoding of a terminal or file alters it."""
    from importlib.resources import files

    return files("udpmsg.link").joinpath("dissector.lua").read_text(encoding="ascii")


def plugin_folder() -> Path:
    """Wireshark's folder for a user's own plugins ("Plugin Folders" in its User's Guide)."""
    if sys.platform == "win32" and (settings := os.environ.get("APPDATA")):
        return Path(settings) / "Wireshark" / "plugins"
    return Path.home() / ".local" / "lib" / "wireshark" / "plugins"


def install_into(folder: Path, script: str) -> str:
    """Write the script as a new file and say where; a file that is there already is never altered. Raises UdpmsgError."""
    path, content = folder / FILE_NAME, script.encode("ascii")
    if os.path.lexists(path):
        if path.is_file() and inputs.read(path, len(content)) == content:
            return _("It is there already: {}").format(path)
        raise UdpmsgError(N_("{} is there already, with other content: move it away, then install again"), path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        Writable(path).write(content)
    except (UsageError, CannotWrite, OSError) as error:
        reason = (
            Phrase("cannot write {}: {}", path, Phrase(error.strerror or str(error))) if isinstance(error, OSError) else error
        )
        advice = N_("{}; write udpmsg capture dissector > {}, and give Wireshark -X lua_script:{}")
        raise UdpmsgError(advice, reason, FILE_NAME, FILE_NAME) from None
    return _("Installed: {}. Wireshark and tshark load it when they start.").format(path)
