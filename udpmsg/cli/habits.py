"""What to write instead of a line that is refused: for netcat's habits, and where something is missing. Loaded then."""

from collections.abc import Sequence

from udpmsg.base.language import _
from udpmsg.sockets.endpoint import DEFAULT_PORT, Endpoint

PORTS = range(1, 65_536)
EXAMPLES = {
    "send": "udpmsg send 127.0.0.1 hello",
    "relay": "udpmsg relay 5001 127.0.0.1:5000",
    "report": "udpmsg report run.json",
    "inbox": "udpmsg inbox messages.db",
    "capture": "udpmsg capture dissector",
}
"""Of the commands that can't do without an argument."""


def meant(command: str | None, complaint: str, arguments: Sequence[str]) -> str | None:
    """What to write for a missing argument, or for a port that was given as `-p 5001` or, to listen, as a word: typer's complaint
    names one of these. None: it is about something else."""
    if command in EXAMPLES and complaint.startswith("Missing argument"):
        return _("write, for example, {}").format(EXAMPLES[command])
    if command in ("listen", "send") and complaint.startswith("No such option: -p"):
        place = next((place for place, word in enumerate(arguments) if word.startswith("-p")), len(arguments))
        given = " ".join(arguments[place:]).removeprefix("-p").split()
    elif command == "listen" and complaint.startswith("Got unexpected extra argument"):
        given = complaint.partition("(s) (")[2].rstrip(")").split()
    else:
        return None
    if given and is_port(given[0]):
        return _("write --port {} for the port").format(given[0])
    if complaint.startswith("Got"):
        return None
    return _("write --port and a number from 1 to 65535, such as --port {}").format(DEFAULT_PORT)


def is_port(word: str) -> bool:
    """Whether this is the number of a port, and nothing else."""
    return word.isascii() and word.isdecimal() and len(word) <= 5 and int(word) in PORTS


def port_among_words(words: Sequence[str], host: str) -> str | None:
    """What to say of a message that begins with a port, as netcat has it: HOST PORT; None: it does not, or is nothing else."""
    if len(words) < 2 or not is_port(words[0]):
        return None
    return _("“{}” is taken as the message's first word; for a port write {}").format(
        words[0], Endpoint("udp", host, int(words[0]))
    )
