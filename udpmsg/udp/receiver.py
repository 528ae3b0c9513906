"""The receiving side of UDP: one socket for every sender. Nobody is accepted: a sender is there as soon as it sends.

Owns the socket and what the kernel has not taken yet. Knows no message: `messaging.receiver` is handed datagrams and where they
came from. Its twin is `udpmsg.tcp.receiver`.
"""

import errno
import selectors
import socket
import struct
import sys
from collections import deque

from udpmsg.base.errors import CannotListen, Phrase
from udpmsg.core.events import Event, Peer
from udpmsg.core.framing import MOST_MESSAGES, Mixed, Run
from udpmsg.sockets.endpoint import Endpoint, endpoint_of
from udpmsg.sockets.listening import MOST_BUFFER, bind, own_address
from udpmsg.sockets.waiting import Incoming
from udpmsg.udp import multicast
from udpmsg.udp import offload as offloading
from udpmsg.udp.addressed import Addressed, addressed
from udpmsg.udp.local_address import ROOM, LocalAddresses, needed
from udpmsg.udp.sender import LARGEST_DATAGRAM
from udpmsg.udp.vector import CALLS, Vector, ancillary_of, vector_of

SO_MEMINFO = 55
"""Linux, asm-generic/socket.h; it has no name in Python 3.11."""
MEMINFO = struct.Struct("@I28xI")
"""sock_diag.h: SK_MEMINFO_RMEM_ALLOC, the memory of what waits to be read, and SK_MEMINFO_DROPS, the last of nine: it counts what
the full buffer discarded."""
ROUND_DATAGRAMS = 320 - MOST_MESSAGES
ROUND_BYTES = (1 << 20) - LARGEST_DATAGRAM
"""What is read before it is handed on: with one call more it is less than the default limits let one session have waiting."""
MOST_OF_ROUND, MOST_SEGMENTS = 2048, 128
"""Datagrams that a round has at most: what the default limits let one session have waiting; and those of one receipt."""
SHORT_RUN = 8
"""Datagrams of a run. Where runs are longer, one call after the other brings what the application takes in its next turn: more
would be copied into memory that is cold by then."""
COUNTED_ROUND = 32
"""A round is so many times as long where what comes is counted and waits for nobody: some 3 ms."""
FEW = 8
"""Receipts by themselves before a call is asked for many: what many need is made when many come."""
WAITING_LIMIT = 4096
"""Datagrams kept for a kernel that takes no more: acknowledgments and replies, which may be lost like any datagram."""


class UdpReceiver:
    """Receives datagrams from everybody on one address, and sends datagrams back."""

    framed = False

    def __init__(
        self,
        host: str,
        port: int,
        *,
        selector: selectors.BaseSelector,
        receive_buffer: int,
        group: str | None = None,
        interface: str | None = None,
        offload: bool = True,
    ) -> None:
        """Bind, and join the multicast `group` if there is one. Raises CannotListen and UsageError.

        `receive_buffer` in bytes is asked of the kernel, which may give less. `offload`: have it hand over runs of datagrams in
        one call, where it can.
        """
        self.notices: list[Event] = []
        self.failures: list[tuple[bytes, Endpoint, str, bool]] = []
        """Datagrams that the system refused: (datagram, for whom, reason, whether trying again is in vain)."""
        self._selector = selector
        self._last_counts: tuple[int, int | None] | None = None
        """The receive buffer and the kernel's drops of a socket that is closed."""
        self._waiting: deque[tuple[bytes, Peer]] = deque(maxlen=WAITING_LIMIT)
        self._vector: Vector | None = None
        """What receives many in one call; made when many come."""
        self._may_vector = self._may_address = offload
        self._addressed: Addressed | None = None
        """What sends many in one call; made when many come, and many are answered."""
        self.grids = False
        """Whether runs that are alike may come as grids: for whoever looks at their headers alone."""
        self._busy = False
        """Many came in the last round, so this one begins with a call for many."""
        self.drops_noted: int | None = None
        """What `kernel_drops` was when the last round of input ended."""
        address = own_address(host, port, socket.SOCK_DGRAM)
        self._socket = socket.socket(address.family, socket.SOCK_DGRAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, min(receive_buffer, MOST_BUFFER))
            if sys.platform == "win32":
                self._socket.ioctl(0x9800000C, False)  # SIO_UDP_CONNRESET: an ICMP refusal must not fail a receive
            if group is not None:
                # several listeners of one machine may listen to one group
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bind(self._socket, address, "udp")
            if group is not None:
                self._join(group, interface)
            self._socket.setblocking(False)
            self._local_addresses = LocalAddresses(self._socket) if needed(self._socket) else None
            self.offload = offload and offloading.coalesce(self._socket)
            """Whether runs of datagrams come in one call."""
        except BaseException:
            self._socket.close()
            raise
        self.endpoint: Endpoint = endpoint_of("udp", self._socket.getsockname())
        self._look()
        selector.register(self._socket, selectors.EVENT_READ, self._on_ready)

    @property
    def waiting(self) -> bool:
        """Whether the kernel has not taken everything yet."""
        return bool(self._waiting)

    @property
    def receive_buffer(self) -> int:
        """Bytes that the kernel gave. Linux tells the double of it, for its own bookkeeping."""
        if self._last_counts is not None:
            return self._last_counts[0]
        size = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        return size // 2 if sys.platform == "linux" else size

    def kernel_drops(self) -> int | None:
        """Datagrams that this host discarded because the socket's buffer was full; None where the system does not tell."""
        if self._last_counts is not None:
            return self._last_counts[1]
        self._look()
        return self.drops_noted

    def write(self, batch: list[tuple[bytes, Peer]], *, now: int) -> None:
        """Send datagrams, each to its endpoint; what the kernel does not take now is sent when it does."""
        self._waiting += batch
        while self._waiting:
            datagram, peer = self._waiting[0]
            assert isinstance(peer, Endpoint)
            sent = 1
            try:
                if self._vector is None or len(self._waiting) < FEW or not (sent := self._send_many()):
                    self._send(datagram, peer)
                    sent = 1
            except BlockingIOError:
                self._selector.modify(self._socket, selectors.EVENT_READ | selectors.EVENT_WRITE, self._on_ready)
                return
            except OSError as error:
                name = errno.errorcode.get(error.errno or 0, "error")
                self.failures.append((datagram, peer, name, error.errno == errno.EMSGSIZE))
                sent = 1
            for _ in range(sent):
                self._waiting.popleft()

    def close(self) -> None:
        """Give the socket back; what was counted stays known."""
        self._last_counts = self.receive_buffer, self.kernel_drops()
        self._selector.unregister(self._socket)
        self._socket.close()

    def _send(self, datagram: bytes, peer: Endpoint) -> None:
        if self._local_addresses is None:
            self._socket.sendto(datagram, (peer.host, peer.port))
        else:
            self._socket.sendmsg([datagram], self._local_addresses.source(peer), 0, (peer.host, peer.port))

    def _send_many(self) -> int:
        """How many of those that wait left with one call; 0: the first one is to have one of its own."""
        if self._addressed is None and self._may_address:
            self._addressed = addressed(self._socket)
            self._may_address = self._addressed is not None
        if self._addressed is None:
            return 0
        try:
            return self._addressed.send(self._waiting, None if self._local_addresses is None else self._local_addresses.source)
        except BlockingIOError:
            raise
        except OSError as error:  # whether the datagram is refused, or this way to send it, its own call tells
            if error.errno == errno.ENOSYS:
                self._addressed, self._may_address = None, False
            return 0

    def _receive(self) -> tuple[list[bytes] | list[bytes | Run], Endpoint]:
        """What one call brings; `Mixed`, where that is a lone datagram."""
        if self._local_addresses is None and not self.offload:
            data, sockaddr = self._socket.recvfrom(LARGEST_DATAGRAM)
            peer = endpoint_of("udp", sockaddr)
        else:
            data, ancillary, _, sockaddr = self._socket.recvmsg(LARGEST_DATAGRAM, ROOM + offloading.ROOM)
            peer = endpoint_of("udp", sockaddr)
            if ancillary and isinstance((items := self._apart(data, peer, ancillary))[0], Run):
                return items, peer
        return Mixed((data,), (peer,)), peer

    def _join(self, group: str, interface: str | None) -> None:
        try:
            multicast.join(self._socket, group, interface)
        except OSError as error:
            raise CannotListen(
                "cannot join {} on {} ({}): "
                "give --interface (interface=) an address of this machine, for an IPv6 group the name of an interface",
                group,
                interface or Phrase("the interface that the system chose"),
                Phrase(error.strerror or str(error)),
            ) from None

    def _on_ready(self, mask: int, now: int) -> Incoming:
        """The selector's call: what came, with whom it is from, call by call: what one brought is best looked at while it is in
        the processor's cache. Where many come, a call brings many."""
        if mask & selectors.EVENT_WRITE:
            self._selector.modify(self._socket, selectors.EVENT_READ, self._on_ready)
            self.write([], now=now)
        if self._vector is not None and self._busy:
            yield from self._receive_many(self._vector, 0, 0)
            self._look()
            return
        calls = datagrams = size = 0
        while datagrams <= ROUND_DATAGRAMS and size <= ROUND_BYTES:
            if calls == FEW and self._make_vector() and self._vector is not None:
                yield from self._receive_many(self._vector, datagrams, size)
                break
            calls += 1
            try:
                received, peer = self._receive()
            except BlockingIOError:
                break
            except OSError:  # Windows tells here that an earlier datagram of ours was refused
                datagrams += 1
                continue
            yield peer, received
            if calls == 1 and isinstance(received, Mixed) and not self._look():
                return  # it was alone
            for item in received:
                datagrams += len(item.data) // item.size if isinstance(item, Run) else 1
                size += len(item.data) if isinstance(item, Run) else len(item)
        else:
            self._busy = self.grids and self._make_vector()
        self._look()

    def _look(self) -> bool:
        """Note what the kernel has discarded so far; whether something may wait to be read."""
        told = received_memory(self._socket)
        self.drops_noted = told and told[1]
        return told is None or told[0] > 0

    def _make_vector(self) -> bool:
        """Many come, so have what receives many in one call. False: the system can't, or is not to."""
        if self._may_vector and self._vector is None:
            self._vector = vector_of(LARGEST_DATAGRAM, ROOM + offloading.ROOM)
            self._may_vector = self._vector is not None
        return self._vector is not None

    def _receive_many(self, vector: Vector, datagrams: int, size: int) -> Incoming:
        """The same with many receipts in each call: runs, and single datagrams together, from all senders. `datagrams` and
        `size` (bytes) came in this round before."""
        mixed, receipts, peer = Mixed(), 0, self.endpoint
        longer = COUNTED_ROUND if self.grids else 1
        while datagrams <= ROUND_DATAGRAMS * longer and size <= ROUND_BYTES * longer:
            most = CALLS
            if not self.grids:
                most = min((ROUND_BYTES - size) // LARGEST_DATAGRAM, (MOST_OF_ROUND - datagrams) // MOST_SEGMENTS, CALLS - 1) + 1
            try:
                received = vector.receive(self._socket, most)
            except BlockingIOError:
                break
            receipts, place = receipts + len(received), 0
            while place < len(received):
                data, peer, told = received[place]
                items = self._apart(data, peer, ancillary_of(told)) if told else ()
                alike = 1
                if not (items and isinstance(run := items[0], Run)):
                    mixed.append(bytes(data))
                    mixed.peers.append(peer)
                    datagrams += 1
                else:
                    if mixed:
                        yield peer, mixed
                        mixed = Mixed()
                    if self.grids and len(items) == 1:
                        alike = vector.alike(received, place)
                    yield peer, items if alike == 1 else vector.grid(received[place : place + alike], place, run.size)
                    datagrams += run.message_count * alike + len(items) - 1
                size += len(data) * alike
                place += alike
            if len(received) < most:
                break  # that was all
        self._busy = self.grids or (receipts >= FEW and datagrams < SHORT_RUN * receipts)
        if mixed:
            yield peer, mixed

    def _apart(self, data: bytes | memoryview, peer: Endpoint, ancillary: offloading.Ancillary) -> list[bytes | Run]:
        """What one call brought, by what the kernel told with it."""
        if self._local_addresses is not None:
            self._local_addresses.note(peer, ancillary)
        return offloading.runs(data, ancillary)


def kernel_drops(opened: socket.socket) -> int | None:
    """Datagrams that this host discarded because this socket's buffer was full; None where the system does not tell."""
    told = received_memory(opened)
    return told and told[1]


def received_memory(opened: socket.socket) -> tuple[int, int] | None:
    """The memory in bytes of what waits to be read from this socket, and `kernel_drops`; None where the system does not tell."""
    if sys.platform != "linux":
        return None
    try:
        told: tuple[int, int] = MEMINFO.unpack(opened.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, MEMINFO.size))
    except (OSError, struct.error):
        return None
    return told
