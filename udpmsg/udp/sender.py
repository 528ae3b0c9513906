"""The sending side of UDP: one socket, and datagrams to one address. No handshake: the first thing that leaves is a message.
So it can't know which address of a name is the right one: the first, until `go_elsewhere` is called.

Owns the socket and what the kernel has not taken yet. Knows no message: `udpmsg.messaging.sender` gives it encoded datagrams.
Its twin is `udpmsg.tcp.sender`.
"""

import errno
import os
import selectors
import socket
from collections import deque
from collections.abc import Sequence

from udpmsg.base.errors import UsageError
from udpmsg.core.events import Event, Hint, NextAddress, OffloadRefused, Unreachable
from udpmsg.core.framing import Run, each, kept, together
from udpmsg.sockets.endpoint import Address, Endpoint, endpoint_of, is_multicast, resolve
from udpmsg.udp import offload as offloading
from udpmsg.udp import path
from udpmsg.udp.hints import hint_of, may_be_earlier
from udpmsg.udp.multicast import choose_interface
from udpmsg.udp.send_vector import SendVector, neighbours, send_vector

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
        self._addresses = resolve(host, port, socket.SOCK_DGRAM)
        address = self._addresses[0]
        self.endpoint: Endpoint
        self.one_to_many = broadcast or is_multicast(address)
        """Several receivers may answer, each from its own address."""
        self.notices: list[Event] = []
        self.failures: list[tuple[bytes, str, bool]] = []
        """Datagrams that the system refused: (datagram, reason, whether trying again is in vain)."""
        self._selector = selector
        self.waiting: deque[bytes | Run] = deque()
        """What the kernel has not taken yet."""
        self._vector: SendVector | None = None
        self._may_vector = True
        self._settings = broadcast, ttl, interface
        self._offload = offload
        self._whole = False
        self._follows = False
        self.path_hints: list[int] = []
        """Bytes that the path takes in one datagram, by the word of the system, which a router may have told it."""
        self.offload = offload
        """Whether runs of datagrams leave in one call; False where the kernel can't, and once it has refused one."""
        self._open(address)

    @property
    def ended(self) -> bool:
        """There is no connection that could be gone."""
        return False

    def path(self) -> None:
        """The kernel knows nothing of the path: it sends, and keeps no count."""

    def write(self, batch: Sequence[bytes | Run]) -> None:
        """Send datagrams, in order; what the kernel does not take now is sent when it does."""
        self.waiting += together(batch) if self.offload else each(batch)
        while self.waiting:
            try:
                sent = self._send_first()
            except BlockingIOError:
                self._selector.modify(self._socket, selectors.EVENT_READ | selectors.EVENT_WRITE, self._on_ready)
                self.waiting = deque(map(kept, self.waiting))
                return
            except offloading.RunRefused as refusal:  # nothing of it was sent, and one by one they can be
                self.offload = False
                if not self._follows or self._whole:  # else until the path is known
                    self.notices.append(OffloadRefused(self.endpoint, str(refusal)))
                self.waiting = deque(each(self.waiting))
            else:
                for _ in range(sent):
                    self.waiting.popleft()

    def follow_path(self) -> None:
        """From now on let what is sent be cut up on its way, until `keep_whole`, and say what is known of the path."""
        self._follows = True
        path.keep_whole(self._socket, False)

    def keep_whole(self, whole: bool) -> None:
        """Whether nobody may cut up what is sent from now on; and its size may be another one, so runs are tried again."""
        self._whole = whole
        path.keep_whole(self._socket, whole)
        self.offload = self._offload and offloading.can_segment(self._socket)

    def probe(self, datagram: bytes) -> bool:
        """Send a datagram that nobody may cut up. False: it is too large for this system. Whatever else happens to it may
        happen to a datagram on its way as well."""
        path.keep_whole(self._socket, True)
        try:
            for _ in range(2):  # what came by ICMP for an earlier one fails a call, once
                try:
                    self._call(datagram)
                except BlockingIOError:
                    return True
                except OSError as error:
                    too_large = error.errno == errno.EMSGSIZE
                else:
                    return True
            return not too_large
        finally:
            self._note_path()
            path.keep_whole(self._socket, self._whole)

    def finish(self) -> bool:
        """Nothing more will be written. True: there is nothing to wait for."""
        return True

    def go_elsewhere(self, reason: str, *, again: bool = False) -> bool:
        """Go on at the name's next address, and tell that; after the last one at the first, if `again`. False: there is none.

        What the kernel has not taken is dropped, and what comes from the former address is heard no more.
        """
        here = self._addresses.index(self._address)
        for address in self._addresses[here + 1 :] + (self._addresses[:here] if again else []):
            former, former_socket = self.endpoint, self._socket
            try:
                self._open(address)
            except (OSError, UsageError):
                continue  # this system has no such family, or no descriptor left
            self._selector.unregister(former_socket)
            former_socket.close()
            self.waiting.clear()
            self.notices.append(NextAddress(self.endpoint, former, reason))
            return True
        return False

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
                if error.errno == errno.EMSGSIZE:
                    self._note_path()
                self._note_unreachable(error)
                continue
            peer = endpoint_of("udp", sockaddr)
            if arrivals and arrivals[-1][0] == peer:
                arrivals[-1][1].append(datagram)
            else:
                arrivals.append((peer, [datagram]))
        return arrivals

    def _send_first(self) -> int:
        """Hand the first datagram or run that waits to the kernel, or as many runs as one call takes; how many these were. Raises
        BlockingIOError and RunRefused: nothing was sent then."""
        first, sent = self.waiting[0], 1
        try:
            if len(self.waiting) > 1 and self._connected and len(runs := neighbours(self.waiting)) > 1 and self._make_vector():
                assert self._vector is not None
                sent = self._vector.send(self._socket, runs)
            else:
                self._call(first)
        except BlockingIOError:
            raise
        except OSError as error:
            self._send_again(first, error)
        return sent

    def _make_vector(self) -> bool:
        """Many runs leave, so have what sends many in one call. False: the system can't."""
        if self._vector is None and self._may_vector:
            self._vector = send_vector()
            self._may_vector = self._vector is not None
        return self._vector is not None

    def _send_again(self, datagrams: bytes | Run, earlier: OSError) -> None:
        """A send failed. ICMP that came for an earlier datagram is told by failing the next call, once: then this one leaves now.
        Raises as `_send` does."""
        error: OSError | None = earlier
        if earlier.errno == errno.EMSGSIZE:
            self._note_path()
        may_be_told = earlier.errno == errno.EMSGSIZE and self._follows  # by a router, of an earlier datagram
        if isinstance(datagrams, Run) and earlier.errno in offloading.REFUSALS and not may_be_told:
            raise offloading.RunRefused(os.strerror(earlier.errno or 0))
        if may_be_earlier(earlier):
            try:
                self._call(datagrams)
                error = None
            except BlockingIOError:
                self._note_unreachable(earlier)
                raise
            except OSError as second:
                if isinstance(datagrams, Run) and second.errno in offloading.REFUSALS:
                    raise offloading.RunRefused(os.strerror(second.errno or 0)) from None
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

    def _note_path(self) -> None:
        """The system refused something as too large, or was told that it is."""
        if self._follows and (size := path.largest(self._socket)) is not None:
            self.path_hints.append(size)

    def _note_unreachable(self, error: OSError) -> None:
        if error.errno != errno.EMSGSIZE:  # a router found one too large: somebody is there all the same
            reason = os.strerror(error.errno) if error.errno else str(error)
            self.notices.append(Unreachable(self.endpoint, reason, hint_of(error)))

    def _open(self, address: Address) -> None:
        """A socket to this address. Where it can't be opened the former one stays."""
        opened = socket.socket(address.family, socket.SOCK_DGRAM)
        try:
            opened.setblocking(False)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            self._set_options(opened, address, *self._settings)
            connected = not self.one_to_many and connect(opened, address)
        except BaseException:
            opened.close()
            raise
        self._socket, self._address, self._connected = opened, address, connected
        self.endpoint = endpoint_of("udp", address.sockaddr)
        self.offload = self.offload and offloading.can_segment(opened)
        if self._follows:
            path.keep_whole(opened, self._whole)
        self._selector.register(opened, selectors.EVENT_READ, self._on_ready)

    def _set_options(
        self, opened: socket.socket, address: Address, broadcast: bool, ttl: int | None, interface: str | None
    ) -> None:
        ipv6 = address.family == socket.AF_INET6
        if broadcast:
            if ipv6:
                raise UsageError("{}: IPv6 has no broadcast; send to the group ff02::1 instead", address.sockaddr[0])
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        if ttl is not None:
            if ipv6:
                unicast, multicast, level = socket.IPV6_UNICAST_HOPS, socket.IPV6_MULTICAST_HOPS, socket.IPPROTO_IPV6
            else:
                unicast, multicast, level = socket.IP_TTL, socket.IP_MULTICAST_TTL, socket.IPPROTO_IP
            opened.setsockopt(level, multicast if is_multicast(address) else unicast, ttl)
        if interface is not None:
            choose_interface(opened, address.family, interface)


def connect(opened: socket.socket, address: Address) -> bool:
    """No packet leaves: it only fixes the peer, so that ICMP errors are told and strangers' datagrams are not. False where there
    is no route now: there may be one later, and each send will say so until then."""
    try:
        opened.connect(address.sockaddr)
    except PermissionError:
        raise UsageError(
            "{} is a broadcast address: add --broadcast (broadcast=True) to send to everybody there", address.sockaddr[0]
        ) from None
    except OSError as error:
        if error.errno not in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL):
            raise
        return False
    return True
