"""TCP through the relay: two connections, and the bytes of each passed to the other, late.

Owns the listening socket and the pairs of connections. It ends one TCP and begins another, so no segment is ever dropped here:
the kernels at both ends see a link without loss, and only delay, jitter and rate of a path mean anything (see `pipe`). The
connection to the relay is established at once; what is delayed begins with the first byte. Its twin for datagrams is `udp`.
"""

import errno
import os
import selectors
import socket
import sys
from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush

from udpmsg.base.durations import SECOND
from udpmsg.base.errors import N_, Phrase
from udpmsg.core.events import Disconnected, LimitReached
from udpmsg.link.changing import Beginning, Bottleneck
from udpmsg.link.faults import Link
from udpmsg.link.record import Direction
from udpmsg.relay import hops
from udpmsg.relay.pairs import Half, Relayed, Side, close, prepared
from udpmsg.relay.pipe import Pipe
from udpmsg.relay.values import CutOff, HopsUsedUp, RelayEvent, Traffic
from udpmsg.sockets.endpoint import Address, Endpoint, endpoint_of
from udpmsg.sockets.listening import tcp_listener
from udpmsg.sockets.waiting import earliest, watch
from udpmsg.tcp.receiver import ACCEPT_PAUSE, OUT_OF_RESOURCES
from udpmsg.tcp.sender import CHUNK

CONNECTIONS = 200 if sys.platform == "win32" else 1024
"""At once; each has two sockets, and Windows waits for 512 at most."""
CONNECT_LIMIT = 10 * SECOND
"""How long one address of the target may take to accept."""
UNDER_WAY = (0, errno.EINPROGRESS, errno.EWOULDBLOCK)
"""What a connect that does not block says when nothing is wrong."""

Ready = list[tuple[Endpoint, list[bytes]]]


class TcpRelay:
    """Connections from any number of clients to one target, over one link that they share."""

    def __init__(
        self,
        host: str,
        port: int,
        target: list[Address],
        *,
        selector: selectors.BaseSelector,
        link: Link,
        seed: int,
        cut: CutOff,
        tell: Callable[[RelayEvent], None],
    ) -> None:
        """Bind and listen. `target` has every address of it, in the order of trying. Raises CannotListen and UsageError."""
        self.traffic = {direction: Traffic() for direction in Direction}
        self.connections = 0
        self.over_limit = self.hops_used_up = 0
        self.refused = 0
        self.cut = 0
        self._target = target
        self._selector = selector
        self._cut = cut
        self._tell = tell
        self._paths = {Direction.FORWARD: link.forward, Direction.BACK: link.back}
        self._seed = seed
        beginning = Beginning()
        self._bottlenecks = {
            direction: Bottleneck(path.rate, path.later_rates, beginning=beginning) for direction, path in self._paths.items()
        }
        self._connections: dict[Relayed, None] = {}
        """In the order in which they were accepted, which is the order in which they are cut."""
        self._connecting: dict[Relayed, None] = {}
        """In the order in which their time is over."""
        self._due: list[tuple[int, int, Relayed, Half]] = []
        """A heap of the directions in which something is on its way, each once: when its first piece leaves, a running number."""
        self._scheduled = 0
        self._accept_again_at: int | None = None
        """While the system has no descriptor left: when to try again."""
        self._socket = tcp_listener(host, port, hops.ask_of_connections)
        self.endpoint: Endpoint = endpoint_of("tcp", self._socket.getsockname())
        selector.register(self._socket, selectors.EVENT_READ, self._on_ready)

    @property
    def held(self) -> int:
        """Bytes that are on their way."""
        return sum(connection.forward.pipe.held + connection.back.pipe.held for connection in self._connections)

    def next_timeout(self) -> int | None:
        """When something leaves, or a time is over."""
        connecting = next(iter(self._connecting), None)
        oldest = next(iter(self._connections), None) if self._cut.after is not None else None
        return earliest(
            self._due[0][0] if self._due else None,
            None if connecting is None else connecting.connect_by,
            None if oldest is None else oldest.accepted_at + (self._cut.after or 0),
            self._accept_again_at,
        )

    def handle_timeout(self, *, now: int) -> None:
        """Pass on what is due; cut the connections, and give up the attempts to connect, whose time is over."""
        while self._due and self._due[0][0] <= now:
            _, _, connection, half = heappop(self._due)
            half.scheduled = False
            if not connection.closed:
                self._pass_on(connection, half, now)
        for connection in list(self._connecting):
            if connection.connect_by > now:
                break
            self._try_next(connection, Phrase("no answer within {} s", CONNECT_LIMIT // SECOND), now)
        if self._cut.after is not None:
            for connection in list(self._connections):
                if connection.accepted_at + self._cut.after > now:
                    break
                self._cut_off(connection)
        if self._accept_again_at is not None and self._accept_again_at <= now:
            self._accept_again_at = None
            self._selector.register(self._socket, selectors.EVENT_READ, self._on_ready)

    def close(self) -> None:
        """Stop listening, and reset every connection: a stream that is broken off must not look as if it had ended."""
        for connection in list(self._connections):
            self._close(connection, reset=True)
        if self._accept_again_at is None:
            self._selector.unregister(self._socket)
        self._socket.close()

    # A connection's beginning --------------------------------------------------------------------------------------------

    def _on_ready(self, mask: int, now: int) -> Ready:
        """The selector's call for the listening socket: accept the clients that wait."""
        try:
            accepted, sockaddr = self._socket.accept()
        except OSError as error:
            if error.errno in OUT_OF_RESOURCES:  # it stays ready, so watching on would be a busy loop
                self._selector.unregister(self._socket)
                self._accept_again_at = now + ACCEPT_PAUSE
            return []  # else: it gave up while it waited
        peer = endpoint_of("tcp", sockaddr)
        if len(self._connections) >= CONNECTIONS:
            close(accepted, reset=True)
            self.over_limit += 1
            self._tell(LimitReached(peer, 0, N_("connections"), CONNECTIONS))
            return []
        left = hops.left(hops.of_connection(accepted))
        if left == 0:
            close(accepted, reset=True)
            self.hops_used_up += 1
            self._tell(HopsUsedUp(peer))
            return []
        self.connections += 1
        try:
            opened = prepared(socket.socket(self._target[0].family, socket.SOCK_STREAM))
        except OSError as error:
            close(accepted, reset=True)
            self._refuse(peer, Phrase(error.strerror or str(error)))
            return []
        client, target = Side(N_("client"), prepared(accepted), connected=True), Side(N_("target"), opened, connected=False)
        forward = self._half(client, target, Direction.FORWARD)
        connection = Relayed(peer, forward, self._half(target, client, Direction.BACK), now, left)
        self._connections[connection] = None
        self._try(connection, now)
        return []

    def _half(self, source: Side, sink: Side, direction: Direction) -> Half:
        pipe = Pipe(self._paths[direction], direction=direction, seed=self._seed, bottleneck=self._bottlenecks[direction])
        return Half(source, sink, pipe, self.traffic[direction])

    def _try(self, connection: Relayed, now: int) -> None:
        """Begin to connect to the address whose turn it is. What comes from the client meanwhile is on its way already."""
        hops.limit(connection.target.socket, connection.hops)
        number = connection.target.socket.connect_ex(self._target[connection.attempt].sockaddr)
        if number not in UNDER_WAY:
            self._try_next(connection, Phrase(os.strerror(number)), now)
            return
        connection.connect_by = now + CONNECT_LIMIT
        self._connecting[connection] = None
        self._watch(connection)

    def _try_next(self, connection: Relayed, reason: str, now: int) -> None:
        """That address does not accept. Without another one, the client is refused as the relay was: with a RST."""
        self._connecting.pop(connection, None)
        self._unwatch(connection.target)
        connection.target.socket.close()
        connection.attempt += 1
        if connection.attempt < len(self._target):
            family = self._target[connection.attempt].family
            try:
                connection.target.socket = prepared(socket.socket(family, socket.SOCK_STREAM))
            except OSError as error:
                reason = Phrase(error.strerror or str(error))
            else:
                self._try(connection, now)
                return
        self._close(connection, reset=True)
        self._refuse(connection.peer, reason)

    def _refuse(self, peer: Endpoint, reason: str) -> None:
        self.refused += 1
        self._tell(Disconnected(peer, Phrase("the target did not accept: {}", reason)))

    def _connected(self, connection: Relayed, now: int) -> None:
        """The address that was tried has answered, one way or the other."""
        number = connection.target.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            self._try_next(connection, Phrase(os.strerror(number)), now)
            return
        del self._connecting[connection]
        connection.target.connected = True
        self._pass_on(connection, connection.forward, now)

    # Bytes on their way --------------------------------------------------------------------------------------------------

    def _on_side_ready(self, connection: Relayed, side: Side, mask: int, now: int) -> Ready:
        """The selector's call for one side of a connection."""
        if not side.connected:
            self._connected(connection, now)
            return []
        if mask & selectors.EVENT_WRITE:
            self._pass_on(connection, connection.inward(side), now)
        if mask & selectors.EVENT_READ and not connection.closed:
            self._read(connection, connection.outward(side), now)
        return []

    def _read(self, connection: Relayed, half: Half, now: int) -> None:
        if half.source.ended or not half.pipe.room:
            return
        try:
            data = half.source.socket.recv(min(CHUNK, half.pipe.room))
        except BlockingIOError:
            return
        except OSError:
            self._lose(connection, half.source, now)
            return
        if data:
            half.pipe.enter(data, now=now)
        else:
            half.source.ended = True
            half.pipe.end(now=now)
        self._pass_on(connection, half, now)

    def _pass_on(self, connection: Relayed, half: Half, now: int) -> None:
        """Give the sink what has come through; then wait for more of it, for room, or for the next piece's time."""
        pipe = half.pipe
        pipe.handle_timeout(now=now)
        if half.sink.connected and not half.sink.gone:
            try:
                half.write(self._cut.after_bytes if half is connection.forward else None)
            except BlockingIOError:
                pass
            except OSError:
                self._lose(connection, half.sink, now)
                return
        if self._cut.after_bytes is not None and connection.forward.written >= self._cut.after_bytes:
            self._cut_off(connection)
            return
        if pipe.reset:
            self._close(connection, Phrase("the {} reset it", Phrase(half.source.name)), reset=True)
            return
        if connection.forward.finished and connection.back.finished and not half.source.gone and not half.sink.gone:
            self._close(connection, "end of stream")
            return
        due_at = pipe.next_timeout()
        if due_at is not None and not half.scheduled:
            half.scheduled = True
            self._scheduled += 1
            heappush(self._due, (due_at, self._scheduled, connection, half))
        self._watch(connection)

    # A connection's end --------------------------------------------------------------------------------------------------

    def _lose(self, connection: Relayed, side: Side, now: int) -> None:
        """A side was reset. The other one learns of it behind what is still on its way to it."""
        outward, inward = connection.outward(side), connection.inward(side)
        side.ended = side.gone = True
        self._unwatch(side)
        inward.pipe.discard()
        inward.finished = True
        if outward.sink.gone:
            self._close(connection, Phrase("the {} reset it", Phrase(side.name)), reset=True)
            return
        outward.sink.ended = True  # nobody wants to have what it sends
        outward.pipe.end(now=now, reset=True)
        self._pass_on(connection, outward, now)

    def _cut_off(self, connection: Relayed) -> None:
        self.cut += 1
        self._close(connection, Phrase("cut after {}", self._cut.text), reset=True)

    def _close(self, connection: Relayed, reason: str | None = None, *, reset: bool = False) -> None:
        """Close both sides; the reason is told if there is one."""
        connection.closed = True
        del self._connections[connection]
        self._connecting.pop(connection, None)
        for side in (connection.client, connection.target):
            self._unwatch(side)
            close(side.socket, reset=reset)
        if reason is not None:
            self._tell(Disconnected(connection.peer, reason))

    def _watch(self, connection: Relayed) -> None:
        """Have the selector wait for what each side can do next."""
        for side in (connection.client, connection.target):
            if side.gone:
                continue
            mask = selectors.EVENT_WRITE  # this is also how a connect ends
            if side.connected:
                reading = not side.ended and connection.outward(side).pipe.room > 0
                mask = selectors.EVENT_READ * reading | selectors.EVENT_WRITE * bool(connection.inward(side).pipe.ready)
            if mask != side.mask:
                watch(self._selector, side.socket, side.mask, mask, partial(self._on_side_ready, connection, side))
                side.mask = mask

    def _unwatch(self, side: Side) -> None:
        if side.mask:
            self._selector.unregister(side.socket)
            side.mask = 0
