"""Who looks after a sender that nobody else can reach: the library may wait for a full kernel for as long as that stays full.

Knows nothing of messages; asks a question, and wakes the sender once the answer is yes, or its time is over.
"""

import threading
from collections.abc import Callable
from types import TracebackType

from udpmsg import clock
from udpmsg.sender import Sender

ASKED_EVERY = 0.02
"""Seconds after which the question is asked again."""


class Watch:
    """A thread that wakes a sender when it shall stop, or has taken too long. A context manager: leaving it ends the thread."""

    def __init__(self, stop: Callable[[], bool]) -> None:
        self.over = False
        """Once it is true, whoever looks waits for nothing more."""
        self.late = False
        self._stop = stop
        self._watched: tuple[Sender, int] | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def over_sender(self, sender: Sender, limit: int) -> None:
        """Watch over this one, which may take until `limit`."""
        self._watched = sender, limit

    def __enter__(self) -> "Watch":
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End."""
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(ASKED_EVERY):
            watched = self._watched
            self.late = watched is not None and clock.now() > watched[1]
            if self.late or self._stop():
                self.over = True
                if self._watched is not None:
                    self._watched[0].wake()
                return
