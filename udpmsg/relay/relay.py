"""The relay: a listener that passes on to a target what it is sent, over a link with faults. In user space, on any system.

Owns the loop and the two parts that it drives (`udp`, `tcp`). It needs no privileges and no namespace, and works in front of
any program: clients send to the relay instead of the target, and the target answers the relay. Fates are those of the lab (see
`faults`); where the two differ is said in the parts. Over TCP no segment is ever dropped.
"""

import ipaddress
import socket

from udpmsg.base import clock
from udpmsg.base.closing import Closing
from udpmsg.base.durations import SECOND
from udpmsg.base.errors import CannotListen, UsageError
from udpmsg.core.framing import each
from udpmsg.link.faults import Link
from udpmsg.link.record import Direction, FrameRecord
from udpmsg.relay.tcp import TcpRelay
from udpmsg.relay.udp import UdpRelay
from udpmsg.relay.values import CutOff, RelayEvent, RelayStatistics, Traffic
from udpmsg.sockets.endpoint import Address, Endpoint, check_port, endpoint_of, resolve
from udpmsg.sockets.listening import SAME_PORT_ATTEMPTS, TRANSPORTS
from udpmsg.sockets.waiting import Waiter, earliest, passed

OF_NO_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Where a packet to the unspecified address arrives."""


class Relay(Closing):
    """Passes datagrams and streams on. Not thread-safe, but for `wake`. Use it as a context manager."""

    def __init__(
        self,
        listen_host: str,
        listen_port: int,
        target_host: str,
        target_port: int,
        *,
        link: Link,
        seed: int,
        transport: str = "udp",
        record: bool = False,
        cut: CutOff | None = None,
    ) -> None:
        """Bind and listen; nothing is sent.

        Args:
            listen_host: where clients send to.
            listen_port: 0 lets the system choose; see `endpoints`.
            target_host: to whom everything is passed on.
            target_port: its port.
            link: the faults of each direction.
            seed: decides every fate, from 0 to 2^64 - 1.
            transport: "udp", "tcp", or "both" on the same port.
            record: keep the record of every datagram; a relay that runs for days had better not.
            cut: when to reset each TCP connection; None: never.

        Raises:
            NameUnknown, CannotListen, UsageError.
        """
        check_port(listen_port, lowest=0)
        check_port(target_port)
        if transport not in TRANSPORTS:
            raise UsageError("the transport is {!r}: choose 'udp', 'tcp' or 'both'", transport)
        self._transport = transport
        self._events: list[RelayEvent] = []
        self._closed = False
        self._waiter = Waiter()
        self._udp: UdpRelay | None = None
        self._tcp: TcpRelay | None = None
        try:
            for attempts_left in reversed(range(SAME_PORT_ATTEMPTS)):
                try:
                    self._listen(listen_host, listen_port, target_host, target_port, link, seed, record, cut or CutOff())
                    break
                except CannotListen:  # the port that the system chose for one may be taken for the other
                    if listen_port or self._udp is None or not attempts_left:
                        raise
                    self._udp.close()
                    self._udp = None
        except BaseException:
            self.close()
            raise
        self._began_at = clock.now()

    @property
    def endpoints(self) -> list[Endpoint]:
        """What it listens on."""
        return [part.endpoint for part in self._parts]

    @property
    def target(self) -> Endpoint:
        """To whom everything is passed on; of a name with several addresses over TCP, the first that is tried."""
        return self._target

    @property
    def records(self) -> list[FrameRecord]:
        """Every datagram so far, in the order in which they came, if `record` was asked for. Times are those of `clock.now`."""
        return self._udp.records if self._udp is not None else []

    @property
    def held(self) -> int:
        """How many datagrams, and bytes of streams, are on their way at this moment."""
        return sum(part.held for part in self._parts)

    def run(self, until: int | None = None) -> None:
        """Pass on until `until` (nanoseconds; None: for ever) or `wake`."""
        while not self._waiter.take_woken() and not passed(until):
            self.turn(until)

    def turn(self, until: int | None = None) -> list[RelayEvent]:
        """Wait once, for something that comes, that is due, for `until` or `wake`; return what is to be told about it."""
        due = earliest(until, *(part.next_timeout() for part in self._parts))
        for peer, datagrams, now in self._waiter.wait(due):
            if self._udp is not None:  # only its listening socket leaves to others what came
                self._udp.receive(peer, each(datagrams), now)
        for part in self._parts:
            part.handle_timeout(now=clock.now())
        events, self._events = self._events, []
        return events

    def wake(self) -> None:
        """Make a `run` or `turn` that is under way return. Safe from any thread and from signal handlers."""
        self._waiter.wake()

    def wake_fileno(self) -> int:
        """A descriptor for `signal.set_wakeup_fd`: Python runs a handler only after a wait that began before the signal came."""
        return self._waiter.wake_fileno()

    def statistics(self) -> RelayStatistics:
        """What was counted so far."""
        udp, tcp = self._udp, self._tcp
        traffic = {direction: udp.traffic[direction].copy() if udp else Traffic() for direction in Direction}
        if tcp is not None:
            for direction in Direction:
                traffic[direction].stream_bytes = tcp.traffic[direction].stream_bytes
        return RelayStatistics(
            transport=self._transport,
            traffic=traffic,
            clients=udp.clients if udp else 0,
            over_limit=(udp.over_limit if udp else 0) + (tcp.over_limit if tcp else 0),
            hops_used_up=(udp.hops_used_up if udp else 0) + (tcp.hops_used_up if tcp else 0),
            refused_icmp=udp.refused_icmp if udp else 0,
            unreachable_icmp=udp.unreachable_icmp if udp else 0,
            kernel_drops=udp.kernel_drops() if udp else None,
            connections=tcp.connections if tcp else 0,
            connections_refused=tcp.refused if tcp else 0,
            connections_cut=tcp.cut if tcp else 0,
            duration_s=(clock.now() - self._began_at) / SECOND,
        )

    def close(self) -> None:
        """Stop. Datagrams that are on their way never leave, and connections are reset; records stay."""
        if self._closed:
            return
        self._closed = True
        for part in self._parts:
            part.close()
        self._waiter.close()

    @property
    def _parts(self) -> list[UdpRelay | TcpRelay]:
        return [part for part in (self._udp, self._tcp) if part is not None]

    def _listen(
        self, host: str, port: int, target_host: str, target_port: int, link: Link, seed: int, record: bool, cut: CutOff
    ) -> None:
        for name in TRANSPORTS[self._transport]:
            kind = socket.SOCK_DGRAM if name == "udp" else socket.SOCK_STREAM
            targets = resolve(target_host, target_port, kind)
            self._target = endpoint_of(name, targets[0].sockaddr)
            selector, tell = self._waiter.selector, self._tell
            if name == "udp":
                self._udp = UdpRelay(host, port, self._target, selector=selector, link=link, seed=seed, record=record, tell=tell)
                endpoint = self._udp.endpoint
            else:
                self._tcp = TcpRelay(host, port, targets, selector=selector, link=link, seed=seed, cut=cut, tell=tell)
                endpoint = self._tcp.endpoint
            for target in targets:
                if leads_to(endpoint, target):
                    raise UsageError(
                        "the target {} is where the relay itself would listen: everything would go round for ever; give one of "
                        "them another port",
                        endpoint_of(name, target.sockaddr),
                    )
            port = endpoint.port  # the same one for both, also when the system chose it

    def _tell(self, event: RelayEvent) -> None:
        self._events.append(event)


def leads_to(listening: Endpoint, target: Address) -> bool:
    """Whether what is sent to the target comes to a socket that listens there."""
    _, host, port = endpoint_of(listening.transport, target.sockaddr)
    if port != listening.port:
        return False
    host = host.removeprefix("::ffff:") if "." in host else host  # IPv4 by an IPv6 socket
    if listening.host not in ("0.0.0.0", "::"):
        return OF_NO_ADDRESS.get(host, host) == listening.host
    if listening.host == "0.0.0.0" and ":" in host:
        return False
    return is_of_this_machine(target)


def is_of_this_machine(address: Address) -> bool:
    """Whether an address is this machine's own: no packet leaves, the system is only asked for the way there."""
    host = address.sockaddr[0].split("%")[0]
    parsed = ipaddress.ip_address(host)
    if parsed.is_loopback or parsed.is_unspecified:
        return True
    with socket.socket(address.family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(address.sockaddr)
        except OSError:
            return False
        return bool(probe.getsockname()[0].split("%")[0] == host)
