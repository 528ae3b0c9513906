"""A thread that waits for descriptors, where an event loop can't: Windows' proactor has no `add_reader`.

Owns that thread, and the socket pair by which it is told what to wait for.
"""

import asyncio
import select
import socket
import threading
from collections.abc import Callable, Sequence

Watched = tuple[Sequence[int], Sequence[int]]
NOTHING: Watched = ((), ())


class WaitingThread:
    """Calls `ready` in the loop when one of the watched descriptors is, once: then it is to be told again what to watch."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ready: Callable[[], None]) -> None:
        self._loop = loop
        self._ready = ready
        self._watched: Watched | None = NOTHING
        """None: it shall end."""
        self._inside, self._outside = socket.socketpair()
        self._inside.setblocking(False)
        self._outside.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="udpmsg.aio", daemon=True)
        self._thread.start()

    def watch(self, reading: Sequence[int], writing: Sequence[int]) -> None:
        """From now on wait until one of these can be read, or written."""
        self._tell((reading, writing))

    def stop(self) -> None:
        """End the thread."""
        self._tell(None)
        self._thread.join()
        self._inside.close()
        self._outside.close()

    def _tell(self, watched: Watched | None) -> None:
        self._watched = watched
        try:
            self._outside.send(b"\0")
        except BlockingIOError:
            pass  # it has not looked yet, and will

    def _run(self) -> None:
        (reading, writing), told = NOTHING, self._inside.fileno()
        while True:
            try:
                came, _, _ = select.select([*reading, told], writing, [])
            except (OSError, ValueError):  # one of them was closed meanwhile
                came = []
            if told in came:
                self._inside.recv(4096)
                if self._watched is None:
                    return
                reading, writing = self._watched
                continue
            reading, writing = NOTHING
            try:
                self._loop.call_soon_threadsafe(self._ready)
            except RuntimeError:
                return  # the loop is closed
