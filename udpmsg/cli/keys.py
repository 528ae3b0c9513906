"""Single keys from standard input: at once on a terminal, as characters where it is a pipe or a file.

Owns the terminal's settings while it waits, and puts them back. Does not know what a key means.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import sleep

from udpmsg.cli.lines import cannot_read
from udpmsg.show.stream import is_terminal

LOOK = 0.1
"""Seconds after which a wait for a key looks whether it shall stop."""
ENTER = "\r\n"
ERASE = "\x7f\b"


@contextmanager
def keys(stopped: Callable[[], bool]) -> Iterator[Iterator[str]]:
    """The keys that are pressed, one by one, until the input ends or `stopped` is true; Ctrl-C stays a signal.

    Raises CannotRead."""
    if not is_terminal(sys.stdin):
        yield _characters(stopped)
    elif sys.platform == "win32":
        yield _of_console(stopped)
    else:
        import termios
        import tty

        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
        try:
            tty.setcbreak(descriptor, termios.TCSADRAIN)  # what was typed already counts
            yield _characters(stopped)
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _characters(stopped: Callable[[], bool]) -> Iterator[str]:
    """One byte at a time, so that what is typed ahead of a later question stays for it."""
    if sys.stdin is None:
        return
    try:
        descriptor = sys.stdin.fileno()
    except (OSError, ValueError):
        return
    while not stopped():
        if sys.platform != "win32":
            from select import select

            if not select([descriptor], [], [], LOOK)[0]:
                continue
        try:
            read = os.read(descriptor, 1)
        except OSError as error:
            raise cannot_read(error) from None
        if not read:
            return
        yield read.decode("ascii", "replace")


def _of_console(stopped: Callable[[], bool]) -> Iterator[str]:
    if sys.platform != "win32":
        return
    import msvcrt

    while not stopped():
        if msvcrt.kbhit():
            yield msvcrt.getwch()
        else:
            sleep(LOOK / 4)
