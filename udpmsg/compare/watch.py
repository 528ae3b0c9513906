"""A thread that looks after a sender that nobody else can reach: the library may wait as long as the kernel stays full.

Asks a question, and wakes the sender once the answer is yes, its time is over, or nothing has come of what it sends for too long.
"""

import threading
from collections.abc import Callable
from typing import Self

from udpmsg.base import clock
from udpmsg.base.closing import Closing
from udpmsg.messaging.sender import Sender

ASKED_EVERY = 0.02
"""Seconds after which the question is asked again."""


class Watch(Closing):
    """A thread that wakes a sender when it shall stop, or has taken too long. A context manager: leaving it ends the thread."""

    def __init__(self, stop: Callable[[], bool]) -> None:
        self.over = False
        """Once it is true, nothing waits any more."""
        self.late = False
        self._stop = stop
        self._watched: tuple[Sender, int, int | None] | None = None
        self._progress: tuple[int, int | None] | None = None
        self._progress_at = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def over_sender(self, sender: Sender, limit: int, *, silence: int | None = None) -> None:
        """Watch over this one, which may take until `limit`, and `silence` nanoseconds during which it waits and nothing more
        is sent or delivered; None: any time."""
        self._progress_at = clock.now()
        self._watched = sender, limit, silence

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def close(self) -> None:
        """End."""
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(ASKED_EVERY):
            self.late = self._watched is not None and self._too_late(*self._watched)
            if self.late or self._stop():
                self.over = True
                if self._watched is not None:
                    self._watched[0].wake()
                return

    def _too_late(self, sender: Sender, limit: int, silence: int | None) -> bool:
        now, statistics = clock.now(), sender.statistics()
        progress = statistics.messages_sent, statistics.messages_delivered
        if progress != self._progress or not (sender.unresolved or sender.blocked):
            self._progress, self._progress_at = progress, now
        return now > limit or (silence is not None and now - self._progress_at > silence)
