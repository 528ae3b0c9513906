"""Where a command's output goes, and how a command ends whatever happens. Owns the order of last things; knows no command."""

import sys
import typing
from collections.abc import Callable

from udpmsg.cli.exits import exit_for
from udpmsg.cli.signals import Interrupted, Interrupts
from udpmsg.errors import UdpmsgError, UsageError
from udpmsg.language import _, told
from udpmsg.report.human import HumanLines
from udpmsg.report.schema import Summary
from udpmsg.report.stream import Data, Words, forgiving
from udpmsg.report.terminal import paint

if typing.TYPE_CHECKING:
    from udpmsg.report.jsonlines import JsonLines
    from udpmsg.report.relaying import HumanRelay, JsonRelay

Output = typing.Union["HumanLines", "JsonLines"]
"""What events are shown with: for people or for programs."""


def open_output(*, json: bool, hexadecimal: bool = False, quiet: bool = False) -> tuple[Output, Words]:
    """Standard output as lines for people or for programs, and standard error."""
    forgiving(sys.stdout)
    forgiving(sys.stderr)
    words = Words(sys.stderr)
    data = Data(sys.stdout, words)
    if json:
        from udpmsg.report.jsonlines import JsonLines

        return JsonLines(data, words, quiet=quiet), words
    return HumanLines(data, words, hexadecimal=hexadecimal, quiet=quiet), words


def conduct(
    run: Callable[[], int],
    output: "Output | HumanRelay | JsonRelay",
    words: Words,
    interrupts: Interrupts,
    empty: Summary,
) -> int:
    """Run a command's work and return its exit code.

    `run` writes the summary itself once it has begun to work. What ends it before that (a name unknown, nobody there, a port
    in use, Ctrl-C while it connects) is said here, and a JSON reader gets the empty summary.
    """
    try:
        return run()
    except (UdpmsgError, OSError) as error:
        complain(words, error)
        code = exit_for(error)
        if isinstance(error, UsageError):
            return code
    except Interrupted:
        words.say(_("{}: nothing was begun").format(interrupts.words))
        code = interrupts.code
    if not output.for_people:
        output.summary(empty, "")
    return code


def complain(words: Words, error: UdpmsgError | OSError) -> None:
    """Say what went wrong, in the user's language."""
    words.say(f"{paint('udpmsg:', 'error', words.colour)} {sentence(error)}")


def sentence(error: UdpmsgError | OSError) -> str:
    """What an error says, in the user's language. The system's errors are told by number, with what it says in words."""
    if isinstance(error, UdpmsgError):
        return told(error)
    return str(error).replace(error.strerror, _(error.strerror)) if error.strerror else str(error)
