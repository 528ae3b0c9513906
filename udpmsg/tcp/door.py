"""Peers that have connected and have no place yet. Owns those that have said nothing so far, and those that were turned away.

Most connections of a flood show by their first bytes that they are not ours (`udpmsg.tcp.beginning`). They are turned away here
before anything is made for them: a place and a key of the selector take longer than to look again. What need not be done while
others wait to be accepted is put off: a place for a peer that says nothing yet, and closing one that was
turned away. Does not decide who has a place: `udpmsg.tcp.receiver` does.
"""

import os
import socket
from collections import deque
from collections.abc import Callable, Mapping

from udpmsg.base.durations import MILLISECOND
from udpmsg.base.errors import N_, Phrase
from udpmsg.core.events import Disconnected, Event, Malformed
from udpmsg.sockets.endpoint import Endpoint, endpoint_of
from udpmsg.tcp.beginning import BEGINNING, offence
from udpmsg.tcp.connection import Connection
from udpmsg.tcp.places import Places

AT_THE_DOOR = 256
"""At most so many that have said nothing yet wait for a place while others wait to be accepted, and at most so many that were
turned away wait to be closed. Each counts against a free place, so that there are descriptors for them."""
PATIENCE_AT_THE_DOOR = 10 * MILLISECOND
"""One that has waited for so long comes before those that wait to be accepted, however many they are."""
FOREIGN = N_("does not speak udpmsg: {}")


class Door:
    """The door of one listening socket. `connections` and `places`: of those who are in. `tell` hears of those turned away."""

    def __init__(
        self,
        listener: socket.socket,
        frame_limit: int,
        connections: Mapping[Endpoint, Connection],
        places: Places,
        tell: Callable[[Event], None],
    ) -> None:
        self._listener = listener
        self._frame_limit = frame_limit
        self._connections = connections
        self._places = places
        self._tell = tell
        self._silent: deque[tuple[int, socket.socket, Endpoint]] = deque()
        """Since when, and who: accepted, and had said nothing by then."""
        self._turned_away: deque[socket.socket] = deque()
        """Sockets of those that were turned away. Closing one sends a reset, which takes long; those that wait to be accepted
        must not wait for that too."""

    @property
    def anyone_silent(self) -> bool:
        """Whether somebody waits here for a place."""
        return bool(self._silent)

    @property
    def anyone_turned_away(self) -> bool:
        """Whether a connection that was turned away is still to be closed."""
        return bool(self._turned_away)

    def next(self, now: int) -> tuple[tuple[socket.socket, Endpoint], bool]:
        """The connection to look at next, and whether it has waited here. One that has waited comes first when it has done so for
        long, when nobody else comes, or when too many wait. Raises OSError when there is none."""
        for_long = bool(self._silent) and self._silent[0][0] + PATIENCE_AT_THE_DOOR <= now
        if not for_long and len(self._silent) < self._room:
            try:
                return self._accept(), False
            except OSError:
                if not self._silent:
                    raise
        while self._silent:
            _, accepted, endpoint = self._silent.popleft()
            if not self._came_again(accepted, endpoint):
                return (accepted, endpoint), True
            accepted.close()
        return self._accept(), True

    def wait(self, accepted: socket.socket, endpoint: Endpoint, now: int) -> None:
        """This one has said nothing yet."""
        self._silent.append((now, accepted, endpoint))

    def beginning(self, accepted: socket.socket, endpoint: Endpoint) -> bytes | None:
        """What a newcomer's stream begins with, as far as it has come. None: it is not one of ours, and was turned away. It has
        taken no place, and nothing was made for it."""
        try:
            begins = accepted.recv(BEGINNING, socket.MSG_PEEK)
        except BlockingIOError:
            return b""
        except OSError as reset:  # it is told once, so reading would not tell
            if endpoint in self._connections:
                return b""
            accepted.close()
            self._tell(Disconnected(endpoint, Phrase(os.strerror(reset.errno) if reset.errno else str(reset))))
            return None
        error = offence(begins, self._frame_limit)
        if error is None or endpoint in self._connections:
            return begins
        self.turn_away(accepted)
        self._tell(Malformed(endpoint, str(error), len(begins)))
        self._tell(Disconnected(endpoint, Phrase(FOREIGN, str(error))))
        return None

    def turn_away(self, accepted: socket.socket) -> None:
        """Close it when nobody waits to be accepted, or when too many wait to be closed."""
        self._turned_away.append(accepted)
        self.close_turned_away(len(self._turned_away) - self._room)

    def close_turned_away(self, most: int | None = None) -> None:
        """Close those that were turned away, at most so many."""
        count = len(self._turned_away)
        for _ in range(count if most is None else min(most, count)):
            self._turned_away.popleft().close()

    def close(self) -> None:
        """Close all that are here."""
        while self._silent:
            self._silent.popleft()[1].close()
        self.close_turned_away()

    @property
    def _room(self) -> int:
        """How many of each sort may wait here now."""
        return min(AT_THE_DOOR, self._places.free // 2)

    def _came_again(self, accepted: socket.socket, endpoint: Endpoint) -> bool:
        """Whether the peer of one that waited has ended it and begun anew meanwhile, from the same port, and was served first."""
        successor = self._connections.get(endpoint)
        return successor is not None and successor.socket.getsockname() == accepted.getsockname()

    def _accept(self) -> tuple[socket.socket, Endpoint]:
        accepted, sockaddr = self._listener.accept()
        accepted.setblocking(False)
        return accepted, endpoint_of("tcp", sockaddr)
