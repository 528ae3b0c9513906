"""Ctrl-C and SIGTERM. The first one asks a command to end in order, the second one ends it at once.

A signal sets a flag and wakes the waiting library, so nothing is raised in the middle of anybody's bookkeeping, nor while
modules are imported. Only `opening` raises, because a connection may take long to come. Does not know what a command does.
"""

import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from udpmsg.messaging.receiver import Receiver
    from udpmsg.messaging.sender import Sender
    from udpmsg.relay.relay import Relay

T = TypeVar("T")

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name))
"""SIGBREAK is Windows' Ctrl-Break."""


class Interrupted(BaseException):
    """A signal came before there was anything to wake."""


class Interrupts:
    """Installs the handlers for the rest of the process's life."""

    def __init__(self) -> None:
        self.number: int | None = None
        """The signal that came, or None."""
        self._wake: Callable[[], None] | None = None
        self._opening = False
        for number in SIGNALS:
            signal.signal(number, self._came)

    @property
    def code(self) -> int:
        """The exit code by the shells' custom: 128 and the signal's number."""
        return 128 + (self.number or 0)

    @property
    def words(self) -> str:
        """What to say about it."""
        from udpmsg.base.language import _

        return _("Interrupted") if self.number == signal.SIGINT else _("Terminated")

    def opening(self, open_it: Callable[[], T]) -> T:
        """What `open_it` returns; it may block, and a signal that comes meanwhile, or came before, raises Interrupted."""
        self._opening = True
        try:
            if self.number is not None:
                raise Interrupted
            return open_it()
        finally:
            self._opening = False

    def defer_to(self, end: "Sender | Receiver | Relay") -> None:
        """From now on wake this too. Python runs a handler only once a wait is over, so the signal itself must end the wait."""
        self._wake = end.wake
        signal.set_wakeup_fd(end.wake_fileno(), warn_on_full_buffer=False)

    def release(self) -> None:
        """What was deferred to is about to close."""
        signal.set_wakeup_fd(-1)

    def _came(self, number: int, frame: FrameType | None) -> None:
        if self.number is not None:
            os._exit(128 + number)  # the second one: the user does not want to wait for order
        self.number = number
        if self._wake is not None:
            self._wake()
        elif self._opening:
            raise Interrupted
