"""What a sender knows of its path, over time: looked at every ten milliseconds, by a thread of its own.

So the run itself is asked nothing and waits for nothing, and what a full kernel keeps waiting is seen too. Owns how often the
thread looks, and how many rows are kept. Knows no transport (see `Sender.path`).
"""

import threading
from typing import Self

from udpmsg.base import clock
from udpmsg.base.closing import Closing
from udpmsg.base.durations import SECOND
from udpmsg.compare.trace import MOST_KNOWN, Known
from udpmsg.messaging.sender import Sender
from udpmsg.sockets.known_path import KnownPath

LOOKED_AT_EVERY = 0.01
"""Seconds. Most windows change once a round trip, and few round trips that are worth a picture are shorter."""


class Knowledge:
    """Rows, evenly spaced: with too many of them every other one goes, and from then on there are half as many."""

    def __init__(self, most: int = MOST_KNOWN) -> None:
        self.rows: list[Known] = []
        self._most = most
        self._every = 1
        self._looks = 0

    def add(self, known: KnownPath, now: int) -> None:
        """Take what is known now, if its turn has come and it is something new."""
        turn, self._looks = self._looks % self._every == 0, self._looks + 1
        row = row_of(known, now)
        if not turn or (self.rows and same(self.rows[-1], row)):
            return
        if len(self.rows) == self._most:
            del self.rows[1::2]
            self._every *= 2
        self.rows.append(row)


class Looking(Closing):
    """A thread that looks at a sender. A context manager: leaving it ends the thread. There is none where the sender knows
    nothing, and so never will."""

    def __init__(self, sender: Sender, knowledge: Knowledge) -> None:
        self._sender = sender
        self._knowledge = knowledge
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="looking", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        if self._look():
            self._thread.start()
        return self

    def close(self) -> None:
        """End, with a last look."""
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()
        self._look()

    def _run(self) -> None:
        while not self._done.wait(LOOKED_AT_EVERY):
            self._look()

    def _look(self) -> bool:
        known = self._sender.path()
        if known is not None:
            self._knowledge.add(known, clock.now())
        return known is not None


def row_of(known: KnownPath, now: int) -> Known:
    """A row, its time that of the clock."""
    return Known(
        at=now,
        window=known.window_bytes,
        in_flight=known.in_flight_bytes,
        ssthresh=known.ssthresh_bytes,
        pace=None if known.pace_bps is None else round(known.pace_bps),
        srtt=None if known.srtt_s is None else round(known.srtt_s * SECOND),
        rto=None if known.rto_s is None else round(known.rto_s * SECOND),
        lost=known.lost,
        retransmissions=known.retransmissions,
    )


def same(one: Known, other: Known) -> bool:
    """Whether they say the same, at whatever time."""
    return all(getattr(one, name) == getattr(other, name) for name in Known.__slots__ if name != "at")
