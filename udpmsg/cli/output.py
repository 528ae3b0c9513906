"""Where a command's output goes, and how a command ends whatever happens. Owns the order of last things; knows no command."""

import errno
import sys
import typing
from collections.abc import Callable

from udpmsg.base.errors import UdpmsgError, UsageError
from udpmsg.base.language import N_, _, told
from udpmsg.cli.exits import Exit, exit_for
from udpmsg.cli.signals import Interrupted, Interrupts
from udpmsg.show.human import HumanLines
from udpmsg.show.schema import Summary
from udpmsg.show.stream import Data, Words, forgiving
from udpmsg.show.terminal import paint

if typing.TYPE_CHECKING:
    from udpmsg.show.jsonlines import JsonLines
    from udpmsg.show.relaying import HumanRelay, JsonRelay

Output = typing.Union["HumanLines", "JsonLines"]
"""What events are shown with: for people or for programs."""


ADVICE = {errno.EMFILE: N_("let this process open more files, such as by ulimit -n 1024")}
"""What to do about an error of the system's, where that is not plain from its own words."""


def open_output(*, json: bool, hexadecimal: bool = False, quiet: bool = False) -> tuple[Output, Words]:
    """Standard output as lines for people or for programs, and standard error."""
    forgiving(sys.stdout)
    forgiving(sys.stderr)
    words = Words(sys.stderr)
    data = Data(sys.stdout, words)
    if json:
        from udpmsg.show.jsonlines import JsonLines

        return JsonLines(data, words, quiet=quiet), words
    return HumanLines(data, words, hexadecimal=hexadecimal, quiet=quiet), words


def write(text: str) -> int:
    """Write a text to standard output, all that a command has to do; return its exit code. A reader that went away has seen
    enough, and needs no words."""
    output, words = open_output(json=False)
    data = output.data
    data.write(text.removesuffix("\n"))
    if data.broken and not data.gone:
        words.say(f"udpmsg: {data.broken}")
    return Exit.ERROR if data.broken else Exit.WELL


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
    words.patience.asked_to_end = lambda: interrupts.number is not None
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
    said = str(error).replace(error.strerror, _(error.strerror)) if error.strerror else str(error)
    return f"{said}: {_(ADVICE[error.errno])}" if error.errno in ADVICE else said


def unexpected(error: Exception) -> str:
    """What an error says that no command has caught: the system's, or a fault of our own, which is named with its place."""
    if isinstance(error, UdpmsgError | OSError):
        return sentence(error)
    if isinstance(error, MemoryError):
        return _("this machine has not enough memory for it")
    import traceback

    place = traceback.extract_tb(error.__traceback__)[-1]
    text = _("a fault of udpmsg itself ({}: {}; {}, line {}): please report it, with what you typed")
    return text.format(type(error).__name__, error, place.filename, place.lineno)
