"""Where a run's data and words go: standard output and standard error, which may be a terminal, a file, full or closed.

Owns the two writers and the line at the bottom of a terminal. A reader that went away is a fact that the writer keeps
(`broken`), not an error that it raises: the command ends in order and says so. Does not know what is written.
"""

import os
from typing import TextIO

from udpmsg.language import _


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
        self._bottom = ""
        self._stays = False

    def say(self, text: str) -> None:
        """Write one line. A closed standard error is nobody's loss: there is nowhere left to complain."""
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
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):
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
            self.stream.write(line + "\n")
            self.stream.flush()
            if self.terminal:
                self._words.restore()
        except BrokenPipeError:
            self.gone = True
            self._give_up(_("the reader of standard output went away"))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self._give_up(_("cannot write to standard output: {}").format(_(reason)))

    def _give_up(self, reason: str) -> None:
        self.broken = reason
        self.stream = None
