"""Waiting for sockets, a point in time, or a call from elsewhere. Owns the selector, and how long a system can wait at once;
knows no protocol.

A socket is registered with a function `(mask, now) -> Incoming`, which is called when the socket is ready.
"""

import selectors
import socket
import sys
from collections.abc import Iterable, Iterator, Sequence

from udpmsg.base import clock
from udpmsg.base.durations import MILLISECOND, SECOND
from udpmsg.base.errors import UsageError
from udpmsg.core.framing import Run
from udpmsg.sockets.endpoint import Endpoint

Incoming = Iterable[tuple[Endpoint, Sequence[bytes | Run]]]
"""What came, one by one or in runs, and from whom. It is where it was read: look at one before the next is asked for."""
LONGEST_WAIT = 200 * MILLISECOND if sys.platform == "win32" else 86_400 * SECOND
"""Nanoseconds: a longer wait is cut into slices. Systems count its milliseconds in 31 bits, which is not even 25 days; on Windows
it can't be broken by Ctrl-C."""
LONGEST = 2**63 - 1
"""Nanoseconds of the longest wait: 292 years. Nobody sees the difference to a longer one."""


class Waiter:
    """One selector, and a socket pair by which another thread or a signal handler makes a wait return."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.woken = False
        """Whether `wake` was called, left for whom it was meant."""
        self._inside, self._outside = socket.socketpair()
        self._inside.setblocking(False)
        self._outside.setblocking(False)
        self.selector.register(self._inside, selectors.EVENT_READ, self._on_wake)

    def wake(self) -> None:
        """Make the wait that is under way return, or the next one. Safe from any thread and any signal handler."""
        self.woken = True
        try:
            self._outside.send(b"\0")
        except OSError:
            pass  # full: it is awake already; closed: nobody waits

    def wake_fileno(self) -> int:
        """What a byte is written to by `wake`; for `signal.set_wakeup_fd`, which writes one before Python runs the handler."""
        return self._outside.fileno()

    def fileno(self) -> int | None:
        """A descriptor that can be read while something is ready, for another loop to watch; None where the system has none."""
        fileno = getattr(self.selector, "fileno", None)  # epoll and kqueue have one, select and poll have none
        return None if fileno is None else int(fileno())

    def watched(self) -> tuple[list[int], list[int]]:
        """The descriptors that it waits for now: until they can be read, and until they can be written."""
        keys = list(self.selector.get_map().values())
        reading = [key.fd for key in keys if key.events & selectors.EVENT_READ]
        return reading, [key.fd for key in keys if key.events & selectors.EVENT_WRITE]

    def take_woken(self) -> bool:
        """Whether `wake` was called since the last time this was asked."""
        woken, self.woken = self.woken, False
        return woken

    def wait(self, until: int | None) -> Iterator[tuple[Endpoint, Sequence[bytes | Run], int]]:
        """Wait until something is ready, `until` (nanoseconds, None: for ever) or `wake`; tell what came, from whom, and when.

        A long wait may return before its time, with nothing: LONGEST_WAIT."""
        timeout = LONGEST_WAIT if until is None else min(max(0, until - clock.now()), LONGEST_WAIT)
        ready = self.selector.select(timeout / SECOND)
        now = clock.now()
        for place, (key, mask) in enumerate(ready):
            current = self.selector.get_map().get(key.fd) if place else key
            if current is not None and current.fileobj is key.fileobj:  # an earlier one in this round may have closed it
                for endpoint, messages in key.data(mask, now):
                    yield endpoint, messages, now

    def close(self) -> None:
        """Give everything back."""
        self.selector.close()
        self._inside.close()
        self._outside.close()

    def _on_wake(self, mask: int, now: int) -> Incoming:
        try:
            while self._inside.recv(4096):
                pass
        except BlockingIOError:
            pass
        return []


def watch(selector: selectors.BaseSelector, opened: socket.socket, before: int, mask: int, ready: object) -> None:
    """Have the selector call `ready` when a socket can do what the mask says, 0 for nothing; `before`: what it waited for."""
    if not mask:
        selector.unregister(opened)
    elif before:
        selector.modify(opened, mask, ready)
    else:
        selector.register(opened, mask, ready)


def nanoseconds(seconds: float) -> int:
    """Whole nanoseconds, LONGEST at most, also of infinity. Raises UsageError for what is no time."""
    if -LONGEST < seconds * SECOND < LONGEST:
        return int(seconds * SECOND)
    if seconds != seconds:
        raise UsageError("{} is no time: give a number of seconds", seconds)
    return LONGEST if seconds > 0 else -LONGEST


def after(seconds: float) -> int:
    """The point in time so many seconds from now."""
    return clock.now() + nanoseconds(seconds)


def passed(until: int | None) -> bool:
    """Whether a point in time is over; None never is."""
    return until is not None and clock.now() >= until


def earliest(*times: int | None) -> int | None:
    """The first of some points in time, None where there is none."""
    first = None
    for time in times:
        if time is not None and (first is None or time < first):
            first = time
    return first
