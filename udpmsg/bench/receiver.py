"""Our own receiver of a benchmark: `Receiver`, over UDP and TCP, in a child process on loopback, which counts what comes.

Owns the child's life and what it is asked on the way. A listener elsewhere is none of this: it is asked by `Sender.ask` alone, as
this one is too for everything that came.
"""

import sys
from typing import Any, NamedTuple

from udpmsg.base import clock
from udpmsg.base.closing import Closing
from udpmsg.base.errors import N_, UsageError
from udpmsg.lab.processes import Child, ChildFailed, Told, start
from udpmsg.messaging.receiver import Receiver

HOST = "127.0.0.1"
OPEN_LIMIT = 10.0
"""Seconds that the child may take to open its sockets, or to answer."""
LOOK_EVERY = 10_000_000
"""Nanoseconds after which the child looks whether it was asked something: a look costs what ten messages cost."""


class Look(NamedTuple):
    """The child at one moment."""

    cpu: int
    """Nanoseconds of processor time so far."""
    receive_buffer: int | None
    """Bytes that the kernel gave."""
    offload: bool | None


class OwnReceiver(Closing):
    """The child. A context manager: leaving it ends the child, and should we be killed, the kernel ends it."""

    def __init__(self, *, receive_buffer: int, offload: bool) -> None:
        """Start it. Raises UsageError where no process can be forked, CannotListen."""
        if sys.platform == "win32":
            raise UsageError(
                "a receiver of its own needs fork, which this system lacks: start `udpmsg listen --both --quiet` in another "
                "terminal, and name it: udpmsg bench 127.0.0.1"
            )
        self.host = HOST
        self._child: Child = start(N_("receiver"))
        try:
            self._child.call(receive, receive_buffer, offload)
            self.pid = self._child.pid
            self.port: int = self._heard()
            self.first_look = self.look()
        except BaseException:
            self._child.end()
            raise

    def look(self) -> Look:
        """How it is now. Raises ChildFailed when it is gone."""
        self._child.tell("look")
        return Look(*self._heard())

    def close(self) -> None:
        """End the child."""
        self._child.end()

    def _heard(self) -> Any:
        heard = self._child.hear(OPEN_LIMIT)
        if heard is None:
            raise ChildFailed("the receiver gave no answer for {:g} s", OPEN_LIMIT)
        return heard


def receive(told: Told, receive_buffer: int, offload: bool) -> None:
    """In the child: say the port, then take what comes and answer looks until the parent is gone."""
    with Receiver(HOST, 0, transport="both", receive_buffer=receive_buffer, offload=offload, counting_only=True) as receiver:
        told.send(receiver.endpoints[0].port)
        wait = LOOK_EVERY / 1e9
        next_look = clock.now()
        while True:
            receiver.poll(wait)
            now = clock.now()
            if now < next_look:
                continue
            next_look = now + LOOK_EVERY
            while told.poll():
                told.recv()  # raises when the parent is gone, by which this ends
                told.send(tuple(Look(clock.cpu(), receiver.receive_buffer, receiver.offload)))
