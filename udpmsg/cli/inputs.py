"""Files that a command reads whole: `-` is standard input, and none is read further than what it can mean.

Owns how a file is read, for every command that reads one. Does not know what is in it.
"""

from pathlib import Path

from udpmsg.base.errors import Phrase, UsageError
from udpmsg.cli.outputs import STANDARD

FIRST = 4096
"""Bytes that are read before the rest."""


def name_of(file: Path) -> str:
    """What to call it, to a person."""
    return Phrase("standard input") if str(file) == STANDARD else str(file)


def read(file: Path, most: int, *, begins: bytes = b"") -> bytes:
    """The bytes of a file; one more than `most` where there are more.

    What does not begin as `begins` says, apart from white space, is not read to its end: its first bytes are enough to refuse it.
    Raises UsageError with the file's name, and CannotRead.
    """
    if str(file) == STANDARD:
        from udpmsg.cli.lines import whole

        first = whole(FIRST)
        return first if _foreign(first, begins) else first + whole(most + 1 - len(first))
    try:
        with file.open("rb") as opened:
            first = opened.read(FIRST)
            return first if _foreign(first, begins) else first + opened.read(most + 1 - len(first))
    except (OSError, ValueError) as error:
        raise UsageError("{}: cannot read it: {}", file, Phrase(getattr(error, "strerror", None) or str(error))) from None


def _foreign(first: bytes, begins: bytes) -> bool:
    return not first.lstrip().startswith(begins)
