"""The receiving side of TCP: one listening socket, and a connection for every sender that the kernel accepted.

Owns the sockets, what was read and not yet taken, and what the kernel has not taken yet. Knows no message: `messaging.receiver`
takes what each frame carried and where it came from. Its twin is `udpmsg.udp.receiver`.

A connection whose first bytes show that it is not ours is turned away before anything is made for it (`udpmsg.tcp.door`).

Connections are served in turns: of what one has sent a little is taken, then it is the next one's turn, and nothing more is read
from a connection before all that was read is taken. A peer can hold a connection open, but not for nothing: an unfinished frame
and an unread answer each have a deadline, and a silent peer gives its place to one that asks (`udpmsg.tcp.places`).

What is kept for a connection is charged (`udpmsg.tcp.memory`). When memory is short, nothing is read for which there is none, and
the connection that has held much longest without a whole message gives way.
"""

import errno
import os
import selectors
import socket
from collections.abc import Callable
from functools import partial

from udpmsg.base.durations import MILLISECOND, SECOND
from udpmsg.base.errors import N_, Phrase, UdpmsgError
from udpmsg.core.budget import Budget
from udpmsg.core.events import Disconnected, Event, LimitReached, Malformed, Peer
from udpmsg.core.framing import BadFrame, FrameReader, Run, frame
from udpmsg.sockets.endpoint import Endpoint, endpoint_of
from udpmsg.sockets.listening import MOST_BUFFER, tcp_listener, within_descriptors
from udpmsg.sockets.waiting import Incoming, earliest, watch
from udpmsg.tcp.beginning import BEGINNING, offence
from udpmsg.tcp.connection import Connection
from udpmsg.tcp.door import FOREIGN, Door
from udpmsg.tcp.memory import BUFFER, Memory
from udpmsg.tcp.places import Places

OnReady = Callable[[int, int], Incoming]
ACCEPTED_AT_ONCE = 16
"""Connections that are accepted before others have their turn, less those that wait for theirs."""
CLOSED_AT_ONCE = 16
"""Connections that were turned away and are closed before others have their turn."""
NEWCOMERS_AT_ONCE = 32
"""Connections of which nothing was taken yet that are read between two looks at those that are known to speak udpmsg."""
ROUND = 256
"""Messages in a round of turns, if that leaves each connection more than SHORTEST_TURN."""
SHORTEST_TURN = 16
"""Messages: a turn must not cost more than what is taken in it."""
HELD = N_("held {} bytes of what was unfinished or unread when memory ran short")
MEMORY_PAUSE = 100 * MILLISECOND
"""How soon to look for memory again."""
MEMORY_PATIENCE = SECOND
"""How long a connection waits for memory before another one gives way."""
ACCEPT_PAUSE = 100 * MILLISECOND
"""How soon to look again for a place or a descriptor; connections that come meanwhile wait in the kernel."""
OUT_OF_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
WAITING_LIMIT = 1 << 20
"""Bytes that may wait for one peer; above that nothing more is read from it until it reads."""


class TcpReceiver:
    """Accepts connections on one address; has frames from each taken in turns, and sends frames back."""

    framed = True
    offload = None
    """The kernel puts the segments of a stream together by itself."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        selector: selectors.BaseSelector,
        frame_limit: int,
        connections: int,
        buffer: int,
        budget: Budget,
    ) -> None:
        """Bind and listen. Raises CannotListen and UsageError.

        `frame_limit` in bytes, `connections` at once (fewer where the system allows fewer open files); `buffer` in bytes is asked
        of the kernel for each connection. What is kept for peers is charged to `budget`.
        """
        self.notices: list[Event] = []
        self.failures: list[tuple[bytes, Endpoint, str, bool]] = []
        self._selector = selector
        self._buffer = bytearray(BUFFER)
        """For every read of every connection."""
        self._frame_limit = frame_limit
        self._limit = connections = within_descriptors(connections)
        self._connections: dict[Endpoint, Connection] = {}
        self._places = Places(connections)
        self._excused = 0
        """Nanoseconds in all that nobody looked at the sockets. Deadlines are kept on a clock that stands still meanwhile."""
        self._newcomer: tuple[socket.socket, Endpoint] | None = None
        """The connection that waits for a place, at the head of those that wait in the kernel."""
        self._more_wait = False
        """As many were accepted at this look as may be, so others may wait behind them."""
        self._asking_since: int | None = None
        """Since when newcomers wait for a place or a descriptor."""
        self._told_full = False
        """It was said that all places are taken, and since then none was free without somebody giving way."""
        self._accept_again_at: int | None = None
        """While nobody is accepted: when to try again."""
        self._newcomers: list[Connection] = []
        """Those that the selector has just told of, and of which nothing was taken yet. They are read when the others are."""
        self._suspects: dict[Endpoint, Connection] = {}
        """Connections with an unfinished frame or something unread: the only ones with a deadline."""
        self._queued: dict[Endpoint, Connection] = {}
        """Those with whole frames, in the order of their turns."""
        self._starved: dict[Endpoint, Connection] = {}
        """Those that can't be read because memory is short, in the order in which they began to wait."""
        self._short_since: int | None = None
        """Since when there are such, in nanoseconds."""
        self._relief_at: int | None = None
        """While there are such: when to look for memory again."""
        asked = min(buffer, MOST_BUFFER)
        self._socket = tcp_listener(host, port, lambda opened: opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, asked))
        self.endpoint: Endpoint = endpoint_of("tcp", self._socket.getsockname())
        self._door = Door(self._socket, frame_limit, self._connections, self._places, self.notices.append)
        selector.register(self._socket, selectors.EVENT_READ, self._on_ready)
        self._memory = Memory(budget, connections)

    @property
    def waiting(self) -> bool:
        """Whether some peer has not taken everything yet."""
        return any(connection.waiting for connection in self._suspects.values())

    @property
    def queued(self) -> bool:
        """Whether there are messages for `take_turn`."""
        return bool(self._queued)

    @property
    def next_turn(self) -> Endpoint | None:
        """Whose turn it is; None: nobody has a whole message."""
        return next(iter(self._queued), None)

    def take_turn(self, most: int, size: int, *, now: int) -> tuple[Endpoint, list[Run]]:
        """Messages of the connection whose turn it is, and where they come from: at most so many, and of at most `size` bytes in
        all, or one. None when it turns out that the connection does not speak udpmsg; then it is closed."""
        endpoint, connection = next(iter(self._queued.items()))
        turn = max(ROUND // len(self._queued), SHORTEST_TURN)
        del self._queued[endpoint]
        try:
            runs = connection.reader.take(min(most, turn), size)
        except BadFrame as error:
            self._refuse_malformed(connection, error, connection.reader.pending)
            return endpoint, []
        self._memory.renew(connection)
        if connection.reader.ready:
            self._queued[endpoint] = connection
            return endpoint, runs
        self._places.silent(endpoint, now=now - self._excused)
        connection.paused = False
        connection.known = True
        if connection.failure is not None:
            self._drop(connection, connection.failure)
            return endpoint, runs
        connection.frame_since = now - self._excused if connection.reader.pending else None
        self._watch(connection, now)
        return endpoint, runs

    def refuse(self, endpoint: Endpoint, reason: str) -> None:
        """What came from there is no message: close the connection, if it is not closed by now."""
        if (connection := self._connections.get(endpoint)) is not None:
            self._drop(connection, Phrase(FOREIGN, reason))

    def write(self, batch: list[tuple[bytes, Peer]], *, now: int) -> None:
        """Put messages on the streams of their endpoints; what the kernel does not take now is sent when it does."""
        written = {}
        for message, peer in batch:
            assert isinstance(peer, Endpoint)
            connection = self._connections.get(peer)
            if connection is None or connection.failure is not None:
                self.failures.append((message, peer, Phrase("the connection is closed"), True))
            else:
                connection.waiting += frame(message)
                written[peer] = connection
        for connection in written.values():
            if connection.endpoint in self._connections and self._flush(connection, now):
                self._keep_unread(connection)

    def next_timeout(self) -> int | None:
        """When to call `handle_timeout`, in nanoseconds; at once, while there are messages for `take_turn`, or somebody waits at
        the door."""
        if self._queued or self._door.anyone_turned_away or (self._door.anyone_silent and self._accept_again_at is None):
            return 0
        deadline = earliest(*(connection.deadline() for connection in self._suspects.values()))
        return earliest(self._accept_again_at, self._relief_at, None if deadline is None else deadline + self._excused)

    def handle_timeout(self, *, now: int) -> None:
        """Close the connections whose deadline is over; the others are not harmed. See who can be accepted or read again."""
        for connection in list(self._suspects.values()):
            deadline = connection.deadline()
            if deadline is not None and deadline <= now - self._excused:
                self._fail(connection, connection.offence(), now)
        for connection in self._newcomers[:NEWCOMERS_AT_ONCE]:
            if connection.mask & selectors.EVENT_READ and self._connections.get(connection.endpoint) is connection:
                self._read(connection, now)
        self._newcomers.clear()  # the selector tells of the others again
        if self._accept_again_at is not None and self._accept_again_at <= now:
            self._accept_again_at = None
            self._selector.register(self._socket, selectors.EVENT_READ, self._on_ready)
            self._accept(now)
        if self._relief_at is not None and self._relief_at <= now:
            self._relieve(now)
        if self._door.anyone_silent and self._accept_again_at is None and not self._more_wait:
            self._accept(now)
        if not self._more_wait:
            self._door.close_turned_away(CLOSED_AT_ONCE)
        self._more_wait = False

    def excuse(self, duration: int) -> None:
        """For so long (nanoseconds) nobody looked at the sockets: no deadline comes nearer by that."""
        self._excused += duration

    def close(self) -> None:
        """Close every connection and stop listening."""
        for connection in list(self._connections.values()):
            self._drop(connection, Phrase("closed here"))
        if self._newcomer is not None:
            self._newcomer[0].close()
            self._newcomer = None
        self._door.close()
        if self._accept_again_at is None:
            self._selector.unregister(self._socket)
        self._socket.close()
        self._memory.close()

    # Places --------------------------------------------------------------------------------------------------------------

    def _on_ready(self, mask: int, now: int) -> Incoming:
        """The selector's call for the listening socket."""
        self._accept(now)
        return []

    def _accept(self, now: int) -> None:
        """Accept who waits, as long as there are places; else look again soon. The socket stays ready meanwhile, so watching it
        would be a busy loop."""
        for _ in range(max(ACCEPTED_AT_ONCE - len(self._queued), 1)):
            has_waited = True
            try:
                if self._newcomer is None:
                    self._newcomer, has_waited = self._door.next(now)
            except BlockingIOError:
                self._asking_since = None
                return
            except OSError as error:
                if error.errno in OUT_OF_RESOURCES and self._door.anyone_turned_away:
                    self._door.close_turned_away()
                elif error.errno in OUT_OF_RESOURCES and not self._make_place(now):
                    self._pause(now)
                return  # else: it gave up while it waited
            newcomer = self._newcomer
            begins = self._door.beginning(*newcomer)
            if begins is None or not (begins or has_waited):
                self._newcomer = None
                if begins is not None:
                    self._door.wait(*newcomer, now)
                continue
            if not self._places.full:
                self._told_full = False
            elif not self._make_place(now):
                if not self._queued:  # else some may be refused in their turn, and then there is a place
                    if not self._told_full:
                        self.notices.append(LimitReached(newcomer[1], 0, "sessions", self._limit))
                    self._told_full = True
                self._pause(now)
                return
            self._newcomer = None
            connection = self._admit(*newcomer, now)
            if connection is not None and begins:
                self._read(connection, now)  # served in its turn, it does not hold others up
        self._more_wait = True

    def _pause(self, now: int) -> None:
        self._selector.unregister(self._socket)
        self._accept_again_at = now + ACCEPT_PAUSE * (not self._queued)

    def _make_place(self, now: int) -> bool:
        """Have somebody give way to a peer that asks for a place, if the rules say so by now."""
        if self._asking_since is None:
            self._asking_since = now
        found = self._places.who_gives_way(now=now - self._excused, waited=now - self._asking_since)
        if found is None:
            return False
        endpoint, silence = found
        reason = Phrase("gave its place to a newcomer after {:.1f} s of silence", silence / SECOND)
        self._drop(self._connections[endpoint], reason)
        return True

    def _admit(self, accepted: socket.socket, endpoint: Endpoint, now: int) -> Connection | None:
        """A newcomer has its place. None: it can have none."""
        # One peer's address and port may come to two addresses of this machine; the first connection keeps the name. Where both
        # come to the same address, the peer has ended the first one, though nobody has read that far.
        former = self._connections.get(endpoint)
        if former is not None and former.socket.getsockname() == accepted.getsockname():
            self._drop(former, Phrase("the peer has begun anew"))
        elif former is not None:
            accepted.close()
            self.notices.append(LimitReached(endpoint, 0, "sessions", self._limit))
            return None
        try:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            pass  # macOS, when the peer has reset it by now: reading will tell
        connection = Connection(accepted, endpoint, FrameReader(self._frame_limit))
        self._connections[endpoint] = connection
        self._places.take(endpoint, now=now - self._excused)
        self._selector.register(accepted, selectors.EVENT_READ, self._on_ready_of(connection))
        return connection

    # Reading and writing -------------------------------------------------------------------------------------------------

    def _on_ready_of(self, connection: Connection) -> OnReady:
        """What the selector calls for it. The connection must not know it: in a circle, a closed one would keep its memory."""
        return partial(self._on_connection_ready, connection)

    def _on_connection_ready(self, connection: Connection, mask: int, now: int) -> Incoming:
        """The selector's call for one connection."""
        if mask & selectors.EVENT_WRITE and self._flush(connection, now):
            self._memory.charge(connection)
        dropped = connection.endpoint not in self._connections  # writing has shown that it is gone
        if dropped or connection.ended or not mask & selectors.EVENT_READ:
            return []
        if connection.endpoint in self._queued:
            connection.paused = True
            self._watch(connection, now)
        elif connection.known:
            self._read(connection, now)
        else:
            self._newcomers.append(connection)
        return []

    def _read(self, connection: Connection, now: int) -> None:
        """Read once; what came is taken in turns."""
        room = self._memory.room(connection)
        if not room:
            self._starved[connection.endpoint] = connection
            if self._short_since is None:
                self._short_since = now
                self._relief_at = now + MEMORY_PAUSE
            self._watch(connection, now)
            return
        try:
            size = connection.socket.recv_into(self._buffer, room)
        except BlockingIOError:
            self._memory.charge(connection)
            return
        except OSError as error:
            self._drop(connection, Phrase(os.strerror(error.errno) if error.errno else str(error)))
            return
        if not size:
            connection.ended = True
            self._memory.charge(connection)
            self._flush(connection, now)  # closes it, unless an answer waits
            return
        reader = connection.reader
        if not (connection.known or reader.pending):
            foreign = offence(bytes(self._buffer[: min(size, BEGINNING)]), self._frame_limit)
            if foreign is not None:
                self._refuse_malformed(connection, foreign, size)
                return
        reader.add(memoryview(self._buffer)[:size])
        self._memory.charge(connection)
        if reader.ready:
            self._queued[connection.endpoint] = connection
            self._places.busy(connection.endpoint)
            connection.frame_since = None
        elif connection.frame_since is None:
            connection.frame_since = now - self._excused
        self._watch(connection, now)

    def _flush(self, connection: Connection, now: int) -> bool:
        """Give the kernel what it takes; then read on, wait, or close, as the peer behaves. False: it will be closed."""
        try:
            while connection.waiting:
                del connection.waiting[: connection.socket.send(connection.waiting)]
                connection.unread_since = None
        except BlockingIOError:
            connection.unread_since = connection.unread_since or now - self._excused
        except OSError as error:
            self._fail(connection, Phrase(os.strerror(error.errno) if error.errno else str(error)), now)
            return False
        if connection.ended and not connection.waiting:
            self._fail(connection, Phrase("end of stream"), now)
            return False
        self._watch(connection, now)
        return True

    def _watch(self, connection: Connection, now: int) -> None:
        """Have the selector wait for what this connection can do next, and note whether it has a deadline."""
        endpoint = connection.endpoint
        reading = len(connection.waiting) < WAITING_LIMIT and not connection.ended and endpoint not in self._starved
        reading = reading and not connection.paused
        mask = selectors.EVENT_READ * reading | selectors.EVENT_WRITE * bool(connection.waiting)
        if mask & ~connection.mask & selectors.EVENT_READ and connection.frame_since is not None:
            connection.frame_since = now - self._excused
        if mask != connection.mask:
            watch(self._selector, connection.socket, connection.mask, mask, self._on_ready_of(connection))
            connection.mask = mask
        if connection.waiting or connection.frame_since is not None:
            self._suspects[endpoint] = connection
        else:
            self._suspects.pop(endpoint, None)

    def _fail(self, connection: Connection, reason: str, now: int) -> None:
        """It is of no more use: close it, but not before what it has sent is taken."""
        if connection.endpoint not in self._queued:
            self._drop(connection, reason)
            return
        connection.failure = reason
        connection.ended = True
        connection.waiting.clear()
        connection.unread_since = None
        self._memory.charge(connection)
        self._watch(connection, now)

    def _drop(self, connection: Connection, reason: str) -> None:
        self._forget(connection, reason)
        connection.socket.close()

    def _forget(self, connection: Connection, reason: str) -> None:
        """It has no place any more; its socket is still to be closed."""
        endpoint = connection.endpoint
        if connection.mask:
            self._selector.unregister(connection.socket)
        for table in (self._connections, self._suspects, self._queued, self._starved):
            table.pop(endpoint, None)
        self._places.leave(endpoint)
        if self._newcomer is not None and self._accept_again_at is not None:
            self._accept_again_at = 0  # the newcomer's place is free
        self._memory.forget(connection)
        self.notices.append(Disconnected(endpoint, reason))

    def _refuse_malformed(self, connection: Connection, error: UdpmsgError, size: int) -> None:
        """It does not speak udpmsg, as `size` bytes of it show."""
        self.notices.append(Malformed(connection.endpoint, str(error), size))
        self._forget(connection, Phrase(FOREIGN, str(error)))
        self._door.turn_away(connection.socket)

    # Memory --------------------------------------------------------------------------------------------------------------

    def _relieve(self, now: int) -> None:
        """Those that wait for memory go on one after the other as there is some; if they have waited long, a connection that
        holds much gives way."""
        for endpoint, connection in list(self._starved.items()):
            if not self._memory.room(connection):
                break
            del self._starved[endpoint]
            self._watch(connection, now)
        if not self._starved:
            self._short_since = self._relief_at = None
            return
        self._relief_at = now + MEMORY_PAUSE
        if self._short_since is not None and now - self._short_since >= MEMORY_PATIENCE:
            self._free_memory()

    def _keep_unread(self, connection: Connection) -> None:
        """What the kernel has not taken is kept; when there is no memory for it, a connection that holds much gives way at
        once."""
        while not self._memory.charge(connection):
            if not self._free_memory():
                self._drop(connection, Phrase(HELD, connection.held))
            if connection.endpoint not in self._connections:
                return

    def _free_memory(self) -> bool:
        """Close the connection that has held more than its share longest without a whole message; False: there is none."""
        holder = self._memory.oldest_holder(self._queued)
        if holder is None:
            return False
        self._drop(holder, Phrase(HELD, holder.held))
        return True
