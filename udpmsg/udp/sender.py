"""The sending side of UDP: one socket, and datagrams to one address. No handshake: the first thing that leaves is a message.

Owns the socket and what the kernel has not taken yet. Knows no message: `udpmsg.sender` gives it encoded datagrams.
Its twin is `udpmsg.tcp.sender`.
"""

import errno
import os
import selectors
import socket
from collections import deque
from collections.abc import Sequence

from udpmsg.core.events import Event, Hint, OffloadRefused, Unreachable
from udpmsg.core.framing import Run, each, together
from udpmsg.endpoint import Address, Endpoint, endpoint_of, is_multicast, resolve
from udpmsg.errors import UsageError
from udpmsg.udp import offload as offloading
from udpmsg.udp.hints import hint_of, may_be_earlier
from udpmsg.udp.multicast import choose_interface

LARGEST_DATAGRAM = 65_535
RECEIVE_BUFFER = 4 << 20
"""Bytes to ask of the kernel: an answer may be as large as a message, and its fragments come in one burst."""
BATCH = 64
"""Datagrams read at one go, so that what came is handed on before more is read."""


class UdpSender:
    """Sends datagrams to one address, which may be a group (multicast) or everybody (broadcast)."""

    framed = False
    congestion = None
    """The kernel has none for UDP."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        selector: selectors.BaseSelector,
        broadcast: bool = False,
        ttl: int | None = None,
        interface: str | None = None,
        offload: bool = True,
    ) -> None:
        """Open a socket. Nothing is sent. Raises NameUnknown, and UsageError for a broadcast address without `broadcast`.

        `offload`: hand the kernel runs of datagrams in one call, where it can take them.
        """
        address = resolve(host, port, socket.SOCK_DGRAM)[0]
        self.endpoint: Endpoint = endpoint_of("udp", address.sockaddr)
        self.one_to_many = broadcast or is_multicast(address)
        """Several receivers may answer, each from its own address."""
        self.notices: list[Event] = []
        self.failures: list[tuple[bytes, str, bool]] = []
        """Datagrams that the system refused: (datagram, reason, whether trying again is in vain)."""
        self._address = address
        self._selector = selector
        self._waiting: deque[bytes | Run] = deque()
        self._connected = False
        self._socket = socket.socket(address.family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            self._set_options(address, broadcast, ttl, interface)
            if not self.one_to_many:
                self._connect()
        except BaseException:
            self._socket.close()
            raise
        self.offload = offload and offloading.can_segment(self._socket)
        """Whether runs of datagrams leave in one call; False once the kernel has refused one."""
        selector.register(self._socket, selectors.EVENT_READ, self._on_ready)

    @property
    def waiting(self) -> bool:
        """Whether the kernel has not taken everything yet."""
        return bool(self._waiting)

    @property
    def ended(self) -> bool:
        """There is no connection that could be gone."""
        return False

    def write(self, batch: Sequence[bytes | Run]) -> None:
        """Send datagrams, in order; what the kernel does not take now is sent when it does."""
        self._waiting += together(batch) if self.offload else each(batch)
        while self._waiting:
            try:
                self._send(self._waiting[0])
            except BlockingIOError:
                self._selector.modify(self._socket, selectors.EVENT_READ | selectors.EVENT_WRITE, self._on_ready)
                return
            except offloading.RunRefused as refusal:  # nothing of it was sent, and one by one they can be
                self.offload = False
                self.notices.append(OffloadRefused(self.endpoint, str(refusal)))
                self._waiting = deque(each(self._waiting))
            else:
                self._waiting.popleft()

    def finish(self) -> bool:
        """Nothing more will be written. True: there is nothing to wait for."""
        return True

    def close(self) -> None:
        """Give the socket back."""
        self._selector.unregister(self._socket)
        self._socket.close()

    def _on_ready(self, mask: int, now: int) -> list[tuple[Endpoint, list[bytes]]]:
        """The selector's call: what came, with whom it is from."""
        if mask & selectors.EVENT_WRITE:
            self._selector.modify(self._socket, selectors.EVENT_READ, self._on_ready)
            self.write([])
        arrivals: list[tuple[Endpoint, list[bytes]]] = []
        for _ in range(BATCH):
            try:
                datagram, sockaddr = self._socket.recvfrom(LARGEST_DATAGRAM)
            except BlockingIOError:
                break
            except OSError as error:  # ICMP; on Windows, ConnectionResetError
                self._note_unreachable(error)
                continue
            peer = endpoint_of("udp", sockaddr)
            if arrivals and arrivals[-1][0] == peer:
                arrivals[-1][1].append(datagram)
            else:
                arrivals.append((peer, [datagram]))
        return arrivals

    def _send(self, datagrams: bytes | Run) -> None:
        """Hand a datagram or a run of them to the kernel. Raises BlockingIOError and RunRefused: nothing of it was sent then."""
        try:
            self._call(datagrams)
        except BlockingIOError:
            raise
        except OSError as error:
            self._send_again(datagrams, error)

    def _send_again(self, datagrams: bytes | Run, earlier: OSError) -> None:
        """A send failed. ICMP that came for an earlier datagram is told by failing the next call, once: then this one leaves now.
        Raises as `_send` does."""
        error: OSError | None = earlier
        if isinstance(datagrams, Run) and earlier.errno in offloading.REFUSALS:
            raise offloading.RunRefused(os.strerror(earlier.errno or 0))
        if may_be_earlier(earlier):
            try:
                self._call(datagrams)
                error = None
            except BlockingIOError:
                self._note_unreachable(earlier)
                raise
            except OSError as second:
                error = second
            if error is None or error.errno != earlier.errno or hint_of(earlier) is Hint.NOBODY:
                self._note_unreachable(earlier)  # the same twice is what this system says, which has no way there
        if error is not None:
            reason, permanent = errno.errorcode.get(error.errno or 0, "error"), error.errno == errno.EMSGSIZE
            self.failures += [(datagram, reason, permanent) for datagram in each([datagrams])]

    def _call(self, datagrams: bytes | Run) -> None:
        if isinstance(datagrams, Run):
            address = () if self._connected else (0, self._address.sockaddr)
            self._socket.sendmsg([datagrams.data], offloading.segments(datagrams.size), *address)
        elif self._connected:
            self._socket.send(datagrams)
        else:
            self._socket.sendto(datagrams, self._address.sockaddr)

    def _note_unreachable(self, error: OSError) -> None:
        if error.errno != errno.EMSGSIZE:  # a router found one too large: somebody is there all the same
            reason = os.strerror(error.errno) if error.errno else str(error)
            self.notices.append(Unreachable(self.endpoint, reason, hint_of(error)))

    def _connect(self) -> None:
        """No packet leaves: it only fixes the peer, so that ICMP errors are told and strangers' datagrams are not."""
        try:
            self._socket.connect(self._address.sockaddr)
        except PermissionError:
            raise UsageError(
                "{} is a broadcast address: add --broadcast (broadcast=True) to send to everybody there", self.endpoint.host
            ) from None
        except OSError as error:
            if error.errno not in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL):
                raise
            return  # no route now; there may be one later, and each send will say so until then
        self._connected = True

    def _set_options(self, address: Address, broadcast: bool, ttl: int | None, interface: str | None) -> None:
        ipv6 = address.family == socket.AF_INET6
        if broadcast:
            if ipv6:
                raise UsageError("{}: IPv6 has no broadcast; send to the group ff02::1 instead", self.endpoint.host)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        if ttl is not None:
            if ipv6:
                unicast, multicast, level = socket.IPV6_UNICAST_HOPS, socket.IPV6_MULTICAST_HOPS, socket.IPPROTO_IPV6
            else:
                unicast, multicast, level = socket.IP_TTL, socket.IP_MULTICAST_TTL, socket.IPPROTO_IP
            self._socket.setsockopt(level, multicast if is_multicast(address) else unicast, ttl)
        if interface is not None:
            choose_interface(self._socket, address.family, interface)
