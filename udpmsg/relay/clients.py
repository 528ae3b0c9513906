"""The sockets of a relay for UDP: its own, which tells how many hops a datagram had left, and one to the target for each client.

Decides nothing, and reads nothing in a datagram.
"""

import selectors
from collections.abc import Callable

from udpmsg.core.framing import Run
from udpmsg.relay import hops
from udpmsg.sockets.endpoint import Endpoint, endpoint_of
from udpmsg.udp import local_address
from udpmsg.udp.receiver import UdpReceiver, kernel_drops
from udpmsg.udp.sender import LARGEST_DATAGRAM, RECEIVE_BUFFER, UdpSender


class Listening(UdpReceiver):
    """The relay's own socket, which also tells how many hops a datagram had left."""

    hops_left: int | None = None
    """Those of the datagram that was read last; None where the system does not tell."""

    def __init__(self, host: str, port: int, *, selector: selectors.BaseSelector) -> None:
        """Bind. Raises NameUnknown and CannotListen."""
        super().__init__(host, port, selector=selector, receive_buffer=RECEIVE_BUFFER, offload=False)
        self._told = hops.ask_of_datagrams(self._socket)

    def _receive(self) -> tuple[list[bytes] | list[bytes | Run], Endpoint]:
        if not self._told:
            return super()._receive()
        datagram, ancillary, _, sockaddr = self._socket.recvmsg(LARGEST_DATAGRAM, local_address.ROOM + hops.ROOM)
        peer = endpoint_of("udp", sockaddr)
        if self._local_addresses is not None:
            self._local_addresses.note(peer, ancillary)
        self.hops_left = hops.of_datagram(ancillary)
        return [datagram], peer


class Upstream(UdpSender):
    """One client's socket to the target: the target answers each client at an address of its own."""

    def __init__(
        self,
        target: Endpoint,
        selector: selectors.BaseSelector,
        on_datagrams: Callable[[list[bytes], int], None],
        ttl: int | None = None,
    ) -> None:
        """Open a socket; nothing is sent. `on_datagrams` gets what comes back, if anything but a notice did, and the time. `ttl`:
        how many hops what is sent lives; None: as many as the system gives."""
        super().__init__(target.host, target.port, selector=selector, offload=False, ttl=ttl)
        self._on_datagrams = on_datagrams

    def kernel_drops(self) -> int | None:
        """Datagrams that this host discarded because the socket's buffer was full."""
        return kernel_drops(self._socket)

    def _on_ready(self, mask: int, now: int) -> list[tuple[Endpoint, list[bytes]]]:
        arrivals = super()._on_ready(mask, now)
        self._on_datagrams([datagram for _, datagrams in arrivals for datagram in datagrams], now)
        return []
