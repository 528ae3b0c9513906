"""Where a run's data and words go: standard output and standard error, which may be a terminal, a file, full or closed.

Owns the two writers and the line at the bottom of a terminal. A reader that went away is a fact that the writer keeps
(`broken`), not an error that it raises: the command ends in order and says so. Nor does a reader that stalls hold up a command
that was asked to end. Does not know what is written.
"""

import os
import select
import sys
from collections.abc import Callable
from typing import TextIO

from udpmsg.base import clock
from udpmsg.base.durations import SECOND
from udpmsg.base.language import _

PIECE: int = getattr(select, "PIPE_BUF", 512)
"""Bytes that a pipe takes without blocking once it is ready to be written to (POSIX)."""
LOOK = 0.1
"""Seconds after which a writer that waits for its reader looks whether the command was asked to end."""
GRACE = SECOND // 4
"""How long it still waits then, in all."""


class Stalled(Exception):
    """Nobody reads, and the command was asked to end."""


class Patience:
    """How long may be waited for whoever reads: for ever, until the command is asked to end."""

    def __init__(self) -> None:
        self.asked_to_end: Callable[[], bool] = lambda: False
        self._until: int | None = None

    def put(self, stream: TextIO, text: str) -> None:
        """Write a text, whole. Raises Stalled, OSError, ValueError."""
        try:
            descriptor = stream.fileno()
        except (AttributeError, OSError, ValueError):  # it is none of the system's
            descriptor = None
        if descriptor is None or sys.platform == "win32":  # there pipes can't be waited for
            stream.write(text)
            stream.flush()
            return
        stream.flush()
        left = memoryview(text.encode(stream.encoding, stream.errors or "strict"))
        while left:
            self._await_room(descriptor)
            try:
                left = left[os.write(descriptor, left[:PIECE]) :]
            except BlockingIOError:
                pass  # somebody has made it non-blocking, and somebody else has just filled it

    def _await_room(self, descriptor: int) -> None:
        while not select.select((), (descriptor,), (), self._wait())[1]:
            if self._until is not None and clock.now() >= self._until:
                raise Stalled

    def _wait(self) -> float:
        """Seconds to wait now."""
        if self._until is None:
            if not self.asked_to_end():
                return LOOK
            self._until = clock.now() + GRACE
        return max(0.0, min(LOOK, (self._until - clock.now()) / SECOND))


def colourful(stream: TextIO | None) -> bool:
    """Whether colour is wanted there: a terminal, and neither NO_COLOR nor a terminal without it."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person looks at it. A closed or missing stream is none."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def forgiving(stream: TextIO | None) -> None:
    """Let a stream that cannot encode a character write an escape for it, and leave line ends as they are."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace", newline="\n")


def columns(stream: TextIO | None) -> int:
    """How wide a terminal is; 80 where nobody says."""
    try:
        width = os.get_terminal_size(stream.fileno()).columns if stream is not None else 0
    except (OSError, ValueError):
        width = 0
    return width or 80  # a terminal that tells no size says 0


class Words:
    """Standard error: whole lines, and on a terminal one more at the bottom: a prompt, or a status that is replaced."""

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = stream
        self.terminal = is_terminal(stream)
        self.colour = colourful(stream)
        self.patience = Patience()
        """With whoever reads this, or standard output."""
        self._bottom = ""
        self._stays = False

    def say(self, text: str) -> None:
        """Write one line. If standard error is closed, the line is lost: there is nowhere left to complain."""
        self.clear()
        self._write(text + "\n")
        self.restore()

    def status(self, text: str) -> None:
        """Show this at the bottom of a terminal until the next line; nowhere else."""
        line = text[: columns(self.stream) - 1] if self.terminal else ""
        if line != self._bottom:
            self._bottom, self._stays = line, False
            self._write(f"\r\x1b[K{line}")

    def prompt(self, text: str) -> None:
        """Show where to type; lines that come meanwhile go above it."""
        if self.terminal:
            self.clear()
            self._bottom, self._stays = text, True
            self._write(text)

    def typed(self) -> None:
        """The user has ended the line that the prompt began."""
        self._bottom = ""

    def withdraw(self) -> None:
        """Take the prompt away for good."""
        self.clear()
        self._bottom = ""

    def clear(self) -> None:
        """Take the bottom line away, for something to be written in its place."""
        if self._bottom:
            self._write("\r\x1b[K")
            if not self._stays:
                self._bottom = ""

    def restore(self) -> None:
        """Show the prompt again below what was written."""
        if self._bottom:
            self._write(self._bottom)

    def _write(self, text: str) -> None:
        if self.stream is None:
            return
        try:
            self.patience.put(self.stream, text)
        except (OSError, ValueError, Stalled):
            self.stream = None
            self.terminal = False


class Data:
    """Standard output: data alone, a line at a time, each flushed."""

    def __init__(self, stream: TextIO | None, words: Words) -> None:
        self.stream = stream
        self.terminal = is_terminal(stream)
        self.colour = colourful(stream)
        self.broken: str | None = None if stream is not None else _("standard output is closed")
        self.gone = False
        """Whether it is broken because its reader went away, as `head` does when it has seen enough."""
        self._words = words

    def write(self, line: str) -> None:
        """Write one line, or keep why that is no longer possible."""
        if self.broken or self.stream is None:
            return
        if self.terminal:
            self._words.clear()
        try:
            self._words.patience.put(self.stream, line + "\n")
            if self.terminal:
                self._words.restore()
        except BrokenPipeError:
            self.gone = True
            self._give_up(_("the reader of standard output went away"))
        except Stalled:
            self._give_up(_("nobody reads standard output, and it is full: the rest is not written"))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self._give_up(_("cannot write to standard output: {}").format(_(reason)))

    def _give_up(self, reason: str) -> None:
        self.broken = reason
        self.stream = None
