"""Where a run's data and words go: standard output and standard error, which may be a terminal, a file, full or closed.

Owns the two writers and the line at the bottom of a terminal: what a person types there stays in view, and what comes meanwhile
stands above it. A reader that went away is a fact that the writer keeps (`broken`), not an error that it raises: the command ends
in order and says so. Nor does a reader that stalls hold up a command that was asked to end. Does not know what is written.
"""

import os
import re
import select
import sys
from collections.abc import Callable
from itertools import accumulate
from typing import TextIO

from udpmsg.base import clock
from udpmsg.base.durations import SECOND
from udpmsg.base.language import _
from udpmsg.show.terminal import paint

PIECE: int = getattr(select, "PIPE_BUF", 512)
"""Bytes that a pipe takes without blocking once it is ready to be written to (POSIX)."""
LOOK = 0.1
"""Seconds after which a writer that waits for its reader looks whether the command was asked to end."""
GRACE = SECOND // 4
"""How long it still waits then, in all."""
INDEX, SAVE, RESTORE = "\x1bD", "\x1b7", "\x1b8"
"""To a terminal (VT100): go down in the same column, scrolling at the bottom; keep the cursor's place; go back to it."""
SHOWN_TROUBLES = 10
"""What goes wrong has a line each so often."""
PAINT = re.compile(r"\x1b\[[0-9;]*m")
"""A change of colour, which takes no room (ECMA-48, 8.3.117)."""


class Stalled(Exception):
    """Nobody reads, and the command was asked to end."""


class Patience:
    """How long a write may wait for the reader: for ever, until the command is asked to end."""

    def __init__(self) -> None:
        self.asked_to_end: Callable[[], bool] = lambda: False
        self.written = 0
        """Bytes of the last text that were surely written."""
        self._until: int | None = None

    def put(self, stream: TextIO, text: str) -> None:
        """Write a text, whole. Raises Stalled, OSError, ValueError."""
        self.written = 0
        try:
            descriptor = stream.fileno()
        except (AttributeError, OSError, ValueError):  # it is none of the system's
            descriptor = None
        if descriptor is None or sys.platform == "win32":  # there pipes can't be waited for
            stream.write(text)
            stream.flush()
            return
        stream.flush()
        whole = memoryview(encoded(text, stream))
        while self.written < len(whole):
            self._await_room(descriptor)
            try:
                self.written += os.write(descriptor, whole[self.written : self.written + PIECE])
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


def encoded(text: str, stream: TextIO) -> bytes:
    """The bytes that a stream makes of a text."""
    return text.encode(stream.encoding, stream.errors or "strict")


def size_of(stream: TextIO | None) -> tuple[int, int]:
    """A terminal's columns and rows; 80 and 24 where nobody says."""
    try:
        columns, rows = os.get_terminal_size(stream.fileno()) if stream is not None else (0, 0)
    except (OSError, ValueError):
        columns = rows = 0
    return columns or 80, rows or 24  # a terminal that tells no size says 0


def columns(stream: TextIO | None) -> int:
    """How wide a terminal is."""
    return size_of(stream)[0]


def rows_of(text: str, width: int) -> int:
    """How many rows of a terminal a text takes."""
    rows = 0
    for line in PAINT.sub("", text).split("\n"):
        if line.isascii():
            rows += max(1, -(-len(line) // width))
            continue
        from rich.cells import get_character_cell_size  # an ideograph takes two columns

        rows, column = rows + 1, 0
        for character in line:
            cells = get_character_cell_size(character)
            if column + cells > width:
                rows, column = rows + 1, 0
            column += cells
    return rows


class Words:
    """Standard error: whole lines, and on a terminal one more at the bottom: a prompt, or a status that is replaced."""

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = stream
        self.terminal = is_terminal(stream)
        self.colour = colourful(stream)
        self.patience = Patience()
        """With the reader of this, or of standard output."""
        self._bottom = ""
        self._stays = False
        self._troubles = 0

    def say(self, text: str) -> None:
        """Write one line. If standard error is closed, the line is lost: there is nowhere left to complain."""
        before, after = self.around(text)
        self._write(f"{before}{text}\n{after}")

    def hint(self, text: str) -> None:
        """Say something that a reader had better notice."""
        self.say(paint(text, "warning", self.colour))

    def trouble(self, text: str | Callable[[], str]) -> None:
        """Say what went wrong; of many such things the first few, and then that the others are only counted.

        A function is called for its text only if that is said."""
        self._troubles += 1
        if self._troubles <= SHOWN_TROUBLES:
            self.hint(text if isinstance(text, str) else text())
        elif self._troubles == SHOWN_TROUBLES + 1:
            self.hint(_("further cases are only counted"))

    def status(self, text: str) -> None:
        """Show this at the bottom of a terminal until the next line; nowhere else."""
        line = text[: columns(self.stream) - 1] if self.terminal else ""
        if line != self._bottom:
            self._bottom, self._stays = line, False
            self._write(f"\r\x1b[K{line}")

    def prompt(self, text: str) -> None:
        """Show where to type; lines that come meanwhile go above it, and what was typed there stays."""
        if self.terminal:
            self.clear()
            self._bottom, self._stays = text, True
            self._write(text)

    @property
    def prompting(self) -> bool:
        """Whether somebody may be typing at the bottom of the terminal."""
        return bool(self._bottom) and self._stays

    def typed(self) -> None:
        """The user has ended the line that the prompt began."""
        self._bottom = ""

    def clear(self) -> None:
        """Take the bottom line away."""
        if self._bottom:
            self._write("\r\x1b[K")
            self._bottom = ""

    def around(self, text: str) -> tuple[str, str]:
        """What a terminal is told before and after some lines that come, so that they stand above the prompt; a status goes.

        The system has what was typed at the prompt and not yet ended, and the terminal shows it. So that row is not written again
        but moved down, as many rows as the lines need. Where so many do not fit, they come below, and the prompt again."""
        if not self.prompting:
            taken_away = "\r\x1b[K" if self._bottom else ""
            self._bottom = ""
            return taken_away, ""
        width, height = size_of(self.stream)
        rows = rows_of(text, width)
        if rows >= height or os.environ.get("TERM") == "dumb":
            return "\n", self._bottom
        make_room = f"{INDEX * rows}\x1b[{rows}A"  # so many rows below, by scrolling if need be, and back
        return f"{make_room}{SAVE}\r\x1b[{rows}L", f"{RESTORE}\x1b[{rows}B"

    def _write(self, text: str) -> None:
        if self.stream is None:
            return
        try:
            self.patience.put(self.stream, text)
        except (OSError, ValueError, Stalled):
            self.stream = None
            self.terminal = False


class Data:
    """Standard output: data alone, in whole lines, flushed with each call."""

    def __init__(self, stream: TextIO | None, words: Words) -> None:
        self.stream = stream
        self.terminal = is_terminal(stream)
        self.colour = colourful(stream)
        self.broken: str | None = None if stream is not None else _("standard output is closed")
        self.gone = False
        """Whether it is broken because its reader went away, as `head` does when it has seen enough."""
        self._words = words

    def write(self, *lines: str) -> int:
        """Write lines; return how many of them are there, whole. If not all, it keeps why that is no longer possible."""
        if self.broken or self.stream is None or not lines:
            return 0
        if self._words.prompting and len(lines) > 1:  # all together they may have more rows than the terminal
            return sum([self.write(line) for line in lines])
        stream, text = self.stream, "\n".join(lines)
        before, after = self._words.around(text) if self.terminal else ("", "")
        try:
            self._words.patience.put(stream, f"{before}{text}\n{after}")
            return len(lines)
        except BrokenPipeError:
            self.gone = True
            self._give_up(_("the reader of standard output went away"))
        except Stalled:
            self._give_up(_("nobody reads standard output, and it is full: the rest is not written"))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self._give_up(_("cannot write to standard output: {}").format(_(reason)))
        written = self._words.patience.written - len(before)
        return sum(end <= written for end in accumulate(len(encoded(line, stream)) + 1 for line in lines)) if written > 0 else 0

    def _give_up(self, reason: str) -> None:
        self.broken = reason
        self.stream = None
