"""UDP through the relay: each datagram meets its fate, as on the lab's link, before the relay sends it on.

Owns who has a place (see `clients` for the sockets), and the datagrams that are held back. Decides nothing (see `way`) and reads
nothing in a datagram (see `frames`). Its twin for streams is `tcp`.

What a user-space relay can't do, and a router can: it cuts no datagram up and sends no ICMP, so what is larger than the MTU is
dropped; and the checksum of a datagram with a flipped bit is made anew by the kernel, so the receiver's UDP does not see the
damage, and the receiver's program does.
"""

import selectors
import sys
from collections.abc import Callable
from heapq import heappop, heappush

from udpmsg.base import clock
from udpmsg.base.durations import SECOND
from udpmsg.base.errors import N_, UdpmsgError, UsageError
from udpmsg.core.events import LimitReached, Unreachable
from udpmsg.link.changing import Beginning
from udpmsg.link.faults import Link
from udpmsg.link.frames import Tracker
from udpmsg.link.packets import ETHERNET, flip_between
from udpmsg.link.record import Direction, Drop, FrameRecord
from udpmsg.link.way import Way
from udpmsg.relay import hops
from udpmsg.relay.clients import Listening, Upstream
from udpmsg.relay.values import Faulted, HopsUsedUp, NotSent, RelayEvent, Traffic
from udpmsg.sockets.endpoint import Endpoint
from udpmsg.udp.path import IPV4_HEADERS, IPV6_HEADERS

CLIENTS = 400 if sys.platform == "win32" else 1024
"""At once. Windows waits for 512 sockets at most."""
IDLE = 60 * SECOND
"""A client that neither sent nor got anything for this long gives its place up when another one needs it."""
HELD_BYTES = 64 << 20
"""What may be held back in all; beyond it the link's queue counts as full."""
HELD_COST = 512
"""What each datagram costs besides its bytes: its record, its place in the heap."""


class Client:
    """A sender at one address: its socket to the target, and what the link has seen of it."""

    __slots__ = ("held", "peer", "tracker", "upstream", "used_at")

    def __init__(self, peer: Endpoint, now: int) -> None:
        self.peer = peer
        self.tracker = Tracker()
        self.upstream: Upstream
        self.used_at = now
        self.held = 0
        """Datagrams from it or for it that are held back."""


class UdpRelay:
    """Datagrams from any number of clients to one target, and back, over one link that they share."""

    def __init__(
        self,
        host: str,
        port: int,
        target: Endpoint,
        *,
        selector: selectors.BaseSelector,
        link: Link,
        seed: int,
        record: bool,
        tell: Callable[[RelayEvent], None],
    ) -> None:
        """Bind. With `record` every frame's record is kept. Raises CannotListen and UsageError."""
        self.records: list[FrameRecord] = []
        self.traffic = {direction: Traffic() for direction in Direction}
        self.clients = 0
        self.over_limit = self.hops_used_up = 0
        self.refused_icmp = self.unreachable_icmp = 0
        self._target = target
        self._selector = selector
        self._record = record
        self._tell = tell
        paths = {Direction.FORWARD: link.forward, Direction.BACK: link.back}
        beginning = Beginning()
        self._ways = {
            direction: Way(path, direction=direction, seed=seed, script=link.script, beginning=beginning)
            for direction, path in paths.items()
        }
        self._mtus = {direction: path.mtu for direction, path in paths.items()}
        self._headers = IPV6_HEADERS if ":" in target.host else IPV4_HEADERS
        self._clients: dict[Endpoint, Client] = {}
        """The one that was used last is last."""
        self._held: list[tuple[int, int, Client, Direction, bytes, FrameRecord]] = []
        """A heap: when it leaves, a running number, whose it is, which way it goes."""
        self._held_bytes = 0
        self._copies = 0
        self._frames = 0
        self._drops_of_closed = 0
        """Kernel drops of sockets that are closed."""
        try:
            Upstream(target, selector, lambda _, __: None).close()
        except UsageError:
            raise UsageError("{} is a broadcast address: a relay passes on to one target; name its host", target.host) from None
        self._listening = Listening(host, port, selector=selector)
        self.endpoint = self._listening.endpoint

    @property
    def held(self) -> int:
        """Copies of datagrams that are on their way."""
        return len(self._held)

    def receive(self, peer: Endpoint, datagrams: list[bytes], now: int) -> None:
        """What came to the listening socket."""
        left = hops.left(self._listening.hops_left)
        if left == 0:
            self.hops_used_up += len(datagrams)
            self._tell(HopsUsedUp(peer))
            return
        client = self._client(peer, left, now)
        if client is None:
            self.over_limit += len(datagrams)
            return
        for datagram in datagrams:
            self._enter(client, datagram, Direction.FORWARD, now)
        self.handle_timeout(now=clock.now())  # others may be due by now, and many sockets may be ready

    def next_timeout(self) -> int | None:
        """When the next datagram leaves; None: none is held back."""
        return self._held[0][0] if self._held else None

    def handle_timeout(self, *, now: int) -> None:
        """Send what is due."""
        while self._held and self._held[0][0] <= now:
            _, _, client, direction, datagram, record = heappop(self._held)
            self._held_bytes -= len(datagram) + HELD_COST
            client.held -= 1
            self._leave(client, datagram, direction, record)

    def kernel_drops(self) -> int | None:
        """Datagrams that this host discarded at the relay's own sockets; None where the system does not tell."""
        counts = [self._listening.kernel_drops(), *(client.upstream.kernel_drops() for client in self._clients.values())]
        known = [count for count in counts if count is not None]
        return sum(known) + self._drops_of_closed if len(known) == len(counts) else None

    def close(self) -> None:
        """Give the sockets back. What is held back never leaves; what was counted stays known."""
        for client in list(self._clients.values()):
            self._forget(client)
        self._listening.close()

    def _client(self, peer: Endpoint, left: int | None, now: int) -> Client | None:
        """The client at an address, with a place of its own; None: there is none left."""
        client = self._clients.pop(peer, None)
        if client is None:
            client = Client(peer, now)
            if len(self._clients) >= CLIENTS and not self._make_room(now):
                self._tell(LimitReached(peer, 0, N_("clients"), CLIENTS))
                return None

            def came_back(datagrams: list[bytes], at: int, client: Client = client) -> None:
                self._came_back(client, datagrams, at)

            try:
                client.upstream = Upstream(self._target, self._selector, came_back, left)
            except (OSError, UdpmsgError):  # no descriptor left: most systems give a process fewer than there are places
                self._tell(LimitReached(peer, 0, N_("sockets that this system gives"), len(self._clients)))
                self._make_room(now)  # for the next one
                return None
            self.clients += 1
        client.used_at = now
        self._clients[peer] = client
        return client

    def _make_room(self, now: int) -> bool:
        """Forget the client that was idle longest; False: nobody is idle."""
        for client in self._clients.values():
            if now - client.used_at < IDLE:
                break
            if not client.held:
                self._forget(client)
                return True
        return False

    def _forget(self, client: Client) -> None:
        self._drops_of_closed += client.upstream.kernel_drops() or 0
        client.upstream.close()
        del self._clients[client.peer]

    def _came_back(self, client: Client, datagrams: list[bytes], now: int) -> None:
        """What the target sent to a client."""
        self._take_notices(client)
        if not datagrams:
            return
        self._clients[client.peer] = self._clients.pop(client.peer)
        client.used_at = now
        for datagram in datagrams:
            self._enter(client, datagram, Direction.BACK, now)
        self.handle_timeout(now=clock.now())

    def _enter(self, client: Client, datagram: bytes, direction: Direction, now: int) -> None:
        """A datagram comes to the link: what becomes of it is decided here, and nowhere else."""
        reading = client.tracker.datagram(datagram, direction)
        self._frames += 1
        record = FrameRecord(
            number=self._frames,
            identity=reading.identity,
            phase=reading.phase,
            transport=reading.transport,
            label=reading.label,
            size=ETHERNET + self._headers + len(datagram),
            arrived_at=now,
            first_sequence=reading.first_sequence,
            last_sequence=reading.last_sequence,
        )
        if self._record:
            self.records.append(record)
        traffic = self.traffic[direction]
        traffic.frames += 1
        traffic.bytes += record.size
        mtu = self._mtus[direction]
        if mtu is not None and record.size - ETHERNET > mtu:
            self._drop(client, record, Drop.MTU)
            return
        if self._held_bytes + len(datagram) + HELD_COST > HELD_BYTES:
            self._drop(client, record, Drop.QUEUE_FULL)
            return
        passage = self._ways[direction].enter(
            record.identity,
            record.size,
            now=now,
            first_sequence=record.first_sequence,
            last_sequence=record.last_sequence,
        )
        record.script, record.reordered = passage.script, passage.reordered
        if passage.dropped is not None:
            self._drop(client, record, passage.dropped)
            return
        if passage.corrupt_bit is not None and datagram:
            datagram = flip_between(datagram, 0, len(datagram), passage.corrupt_bit)
            record.corrupted = True
        for leaves_at in passage.leaves_at:
            self._copies += 1
            self._held_bytes += len(datagram) + HELD_COST
            client.held += 1
            heappush(self._held, (leaves_at, self._copies, client, direction, datagram, record))
        duplicated = len(passage.leaves_at) > 1
        traffic.duplicated += duplicated
        traffic.reordered += record.reordered
        traffic.corrupted += record.corrupted
        if duplicated or record.reordered or record.corrupted:
            self._tell(Faulted(client.peer, record, duplicated, passage.leaves_at[-1] - now))

    def _drop(self, client: Client, record: FrameRecord, reason: Drop) -> None:
        record.dropped = reason
        self.traffic[record.identity.direction].dropped[reason] += 1
        self._tell(Faulted(client.peer, record, False, 0))

    def _leave(self, client: Client, datagram: bytes, direction: Direction, record: FrameRecord) -> None:
        """Hand a datagram to the kernel."""
        traffic = self.traffic[direction]
        reason = None
        if direction is Direction.FORWARD:
            if client.upstream.waiting:
                reason = "EAGAIN"  # the kernel takes no more; a queue of our own would be a delay that nobody asked for
            else:
                client.upstream.write([datagram])
                if client.upstream.failures:
                    reason = client.upstream.failures.pop()[1]
                self._take_notices(client)
        elif self._listening.waiting:
            reason = "EAGAIN"
        else:
            self._listening.write([(datagram, client.peer)], now=clock.now())
            if self._listening.failures:
                reason = self._listening.failures.pop()[2]
        if reason is None:
            traffic.left += 1
            record.left_at += (clock.now(),)
        else:
            traffic.not_sent += 1
            self._tell(NotSent(client.peer, record, reason))

    def _take_notices(self, client: Client) -> None:
        for notice in client.upstream.notices:
            if isinstance(notice, Unreachable):
                self.refused_icmp += notice.refused
                self.unreachable_icmp += not notice.refused
                self._tell(notice)
        client.upstream.notices.clear()
