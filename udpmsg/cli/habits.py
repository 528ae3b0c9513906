"""What users of netcat write by habit, and how udpmsg writes it. Loaded when it may be what somebody meant."""

from collections.abc import Sequence

from udpmsg.language import _

PORTS = range(1, 65_536)


def meant(command: str | None, arguments: Sequence[str]) -> str | None:
    """What to write for a port that was given as `-p 5001` or, to listen, as a word; None: no port was."""
    if command not in ("listen", "send"):
        return None
    ports = [word for word in arguments if is_port(word)]
    if not ports or (command == "send" and "-p" not in arguments):
        return None
    return _("write --port {} for the port").format(ports[0])


def is_port(word: str) -> bool:
    """Whether this is the number of a port, and nothing else."""
    return word.isascii() and word.isdecimal() and len(word) <= 5 and int(word) in PORTS


def port_among_words(words: Sequence[str], host: str) -> str | None:
    """What to say of a message that begins with a port, as netcat has it: HOST PORT; None: it does not, or is nothing else."""
    if len(words) < 2 or not is_port(words[0]):
        return None
    address = f"[{host}]" if ":" in host else host
    return _("“{}” is taken as the message's first word; for a port write {}:{}").format(words[0], address, words[0])
