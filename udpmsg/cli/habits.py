"""What users of netcat write by habit, and how udpmsg writes it. Loaded when it may be what somebody meant."""

from collections.abc import Sequence

from udpmsg.base.language import _
from udpmsg.sockets.endpoint import Endpoint

PORTS = range(1, 65_536)


def meant(command: str | None, complaint: str, arguments: Sequence[str]) -> str | None:
    """What to write for a port that was given as `-p 5001` or, to listen, as a word: typer's complaint names one of these. None:
    it is about something else."""
    words: Sequence[str] = []
    if command in ("listen", "send") and complaint.startswith("No such option: -p") and "-p" in arguments:
        words = arguments[arguments.index("-p") + 1 :]
    elif command == "listen" and complaint.startswith("Got unexpected extra argument"):
        words = complaint.partition("(s) (")[2].rstrip(")").split()
    if not words or not is_port(words[0]):
        return None
    return _("write --port {} for the port").format(words[0])


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
