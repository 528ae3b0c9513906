"""Receiving messages: the core's receiver and sockets, joined by one loop. The same class for UDP, TCP, or both at once.

Owns the order in which things happen: input, events, data to send, wait. Knows neither header fields nor socket options.
Replies are sent by `udpmsg.replies`.
"""

from collections import deque
from collections.abc import Iterator
from types import TracebackType

from udpmsg import clock
from udpmsg.core import wire
from udpmsg.core.config import Limits
from udpmsg.core.events import Event, Malformed, Message
from udpmsg.core.receiver import Receiver as CoreReceiver
from udpmsg.core.rtt import SECOND
from udpmsg.core.wire import Kind
from udpmsg.endpoint import DEFAULT_PORT, Endpoint, check_port, new_session
from udpmsg.errors import UsageError
from udpmsg.replies import Replies
from udpmsg.sender import FRAME_OVERHEAD
from udpmsg.statistics import ReceiverStatistics
from udpmsg.tcp.receiver import TcpReceiver
from udpmsg.udp.multicast import check_group
from udpmsg.udp.receiver import UdpReceiver
from udpmsg.waiting import Waiter, earliest

TRANSPORTS = {"udp": ("udp",), "tcp": ("tcp",), "both": ("udp", "tcp")}
TURN = 256
"""Messages handed over by one `poll` that sets no limit: what a session may have waiting."""


class Receiver:
    """Receives messages from any number of senders, and can answer them. Iterate over it for the messages.

    Not thread-safe, but for `wake`. Use it as a context manager.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        *,
        transport: str = "udp",
        multicast: str | None = None,
        interface: str | None = None,
        receive_buffer: int = 4 << 20,
        limits: Limits | None = None,
    ) -> None:
        """Bind and listen.

        Args:
            host: the address to listen on; 127.0.0.1 is this machine alone, 0.0.0.0 every IPv4 address, :: every address.
            port: 0 lets the system choose; see `endpoints`.
            transport: "udp", "tcp", or "both" on the same port.
            multicast: the group to receive, over UDP.
            interface: the address (IPv6: the name) of the interface on which to join the group.
            receive_buffer: bytes to ask of the kernel for each socket.
            limits: what this receiver takes on.

        Raises:
            NameUnknown, CannotListen, UsageError.
        """
        check_port(port, lowest=0)
        if transport not in TRANSPORTS:
            raise UsageError(f"the transport is {transport!r}: choose 'udp', 'tcp' or 'both'")
        if multicast is not None:
            if transport != "udp":
                raise UsageError("a multicast group has many receivers and TCP connects two endpoints: use UDP alone")
            check_group(multicast)
        self.limits = limits or Limits()
        self.closed = False
        self._transport = transport
        self._waiter = Waiter()
        self._sockets: dict[str, UdpReceiver | TcpReceiver] = {}
        self._cores: dict[str, CoreReceiver] = {}
        self._events: deque[Event] = deque()
        self._malformed_frames = 0
        self._stray_acknowledgments = 0
        try:
            for name in TRANSPORTS[transport]:
                if name == "udp":
                    socket: UdpReceiver | TcpReceiver = UdpReceiver(
                        host,
                        port,
                        selector=self._waiter.selector,
                        receive_buffer=receive_buffer,
                        group=multicast,
                        interface=interface,
                    )
                else:
                    socket = TcpReceiver(
                        host,
                        port,
                        selector=self._waiter.selector,
                        frame_limit=self.limits.max_message + FRAME_OVERHEAD,
                        connections=self.limits.sessions,
                        buffer=receive_buffer,
                    )
                port = socket.endpoint.port  # the same one for both, also when the system chose it
                self._sockets[name] = socket
                self._cores[name] = CoreReceiver(session=new_session(), now=clock.now(), framed=socket.framed, limits=self.limits)
        except BaseException:
            self._close_sockets()
            raise
        self._replies = Replies(self.limits)

    # Public --------------------------------------------------------------------------------------------------------------

    @property
    def endpoints(self) -> list[Endpoint]:
        """What it listens on."""
        return [socket.endpoint for socket in self._sockets.values()]

    @property
    def receive_buffer(self) -> int | None:
        """Bytes of the UDP socket's receive buffer, as the kernel gave it; None without UDP."""
        udp = self._sockets.get("udp")
        return udp.receive_buffer if isinstance(udp, UdpReceiver) else None

    def poll(self, timeout: float | None = 0, limit: int | None = None) -> list[Event]:
        """What has happened, at most `limit` events; waits for something up to `timeout` seconds (None: for ever) or `wake`.

        Message, Duplicate, Goodbye, Malformed, LimitReached, Disconnected, Outcome (of a reply to an acknowledged message).
        A message that is returned is delivered, and acknowledged if its sender asked for it.
        """
        until = None if timeout is None else clock.now() + int(timeout * SECOND)
        while True:
            events = self._hand_over(TURN if limit is None else limit)
            if events or self._waiter.take_woken() or (until is not None and clock.now() >= until):
                return events
            self._turn(until)

    def receive(self, timeout: float | None = None) -> Message | None:
        """The next message; None after `timeout` seconds without one, or after `wake`. Other events are passed over."""
        until = None if timeout is None else clock.now() + int(timeout * SECOND)
        while True:
            left = None if until is None else max(0, until - clock.now()) / SECOND
            events = self.poll(left, limit=1)
            if not events:
                return None
            if isinstance(events[0], Message):
                return events[0]

    def __iter__(self) -> Iterator[Message]:
        """Every message that comes, until `wake` or for ever."""
        while (message := self.receive()) is not None:
            yield message

    def reply(self, message: Message, payload: bytes | str) -> None:
        """Answer a message, over the transport that it came by; acknowledged if it was, raw if it was.

        Raises UsageError for a reply to a reply (two programs would talk for ever), and MessageTooLarge.
        """
        if message.reply_to is not None:
            raise UsageError("this message is itself a reply, and a reply is never answered: two programs would talk for ever")
        data = payload.encode() if isinstance(payload, str) else payload
        self._replies.add(message, data, framed=self._socket_of(message.peer).framed, now=clock.now())
        self._settle()

    def wake(self) -> None:
        """Make a `poll` or `receive` that is under way return. Safe from any thread and from signal handlers."""
        self._waiter.wake()

    def statistics(self) -> ReceiverStatistics:
        """What was counted so far, over both transports."""
        totals = [core.totals() for core in self._cores.values()]
        udp = self._sockets.get("udp")
        first = earliest(*(part.first_arrival_ns for part in totals))
        last = max((part.last_arrival_ns or 0 for part in totals), default=0)
        jitters = [part.jitter_ns for part in totals if part.jitter_ns is not None]
        return ReceiverStatistics(
            transport=self._transport,
            acknowledged=any(part.acknowledged for part in totals),
            messages_sent=known_sum(part.messages_sent for part in totals),
            messages_delivered=sum(part.messages_delivered for part in totals),
            messages_lost=known_sum(part.messages_lost for part in totals),
            messages_missing=sum(part.messages_missing for part in totals),
            duplicates=sum(part.duplicates for part in totals),
            reordered=sum(part.reordered for part in totals),
            malformed=sum(part.malformed for part in totals) + self._malformed_frames + self._stray_acknowledgments,
            over_limit=sum(part.over_limit for part in totals),
            kernel_drops=udp.kernel_drops() if isinstance(udp, UdpReceiver) else None,
            payload_bytes=sum(part.payload_bytes for part in totals),
            duration_s=(last - first) / SECOND if first is not None else 0.0,
            jitter_s=max(jitters) / SECOND if jitters else None,
            sessions=sum(part.sessions for part in totals),
            raw_messages=sum(part.raw_messages for part in totals),
        )

    def close(self, *, linger: float = 1.0) -> None:
        """Stop listening. Waits up to `linger` seconds for replies to be confirmed and for what was written to be taken."""
        if self.closed:
            return
        until = clock.now() + int(linger * SECOND)
        self._settle()
        while (self._replies.unresolved or any(s.waiting for s in self._sockets.values())) and clock.now() < until:
            self._turn(until)
        self.closed = True
        self._close_sockets()

    def __enter__(self) -> "Receiver":
        """Use it in a `with` statement."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close."""
        self.close()

    # Helpers -------------------------------------------------------------------------------------------------------------

    def _hand_over(self, limit: int) -> list[Event]:
        """Take events for the application, then acknowledge: it is about to run for nobody knows how long."""
        self._settle()
        events = [self._events.popleft() for _ in range(min(limit, len(self._events)))]
        for core in self._cores.values():
            events += core.events(limit - len(events))
            core.flush(now=clock.now())
        if events:
            self._settle()
        return events

    def _turn(self, until: int | None) -> None:
        """One round: wait for input or a timeout, then settle everything that follows from it."""
        due = earliest(
            until,
            self._replies.next_timeout(),
            *(core.next_timeout() for core in self._cores.values()),
            *(socket.next_timeout() for socket in self._sockets.values()),
        )
        for peer, messages, now in self._waiter.wait(due):
            self._take(peer, messages, now)
        self._settle()

    def _take(self, peer: Endpoint, messages: list[bytes], now: int) -> None:
        """Input: acknowledgments are for a reply that was sent, everything else is for the core."""
        core = self._cores[peer.transport]
        for message in messages:
            if wire.is_ours(message) and wire.kind_of(message) in (Kind.ACK, Kind.PROBE_REPLY):
                if not self._replies.receive(message, peer, now=now):
                    self._stray_acknowledgments += 1
            else:
                core.receive([message], now=now, peer=peer)

    def _settle(self) -> None:
        """Timeouts, events, data to send: in this order, after every change. The core keeps its events until they are taken."""
        now = clock.now()
        for socket in self._sockets.values():
            socket.handle_timeout(now=now)
        self._events += self._replies.settle(now=now)
        outgoing = self._replies.data_to_send(now=now)
        for name, socket in self._sockets.items():
            batch = self._cores[name].data_to_send(now=now)
            socket.write(
                [(datagram, peer) for datagram, peer in batch if isinstance(peer, Endpoint)]
                + [(datagram, peer) for datagram, peer in outgoing if peer.transport == name],
                now=now,
            )
            failures, socket.failures = socket.failures, []
            for datagram, _, reason, permanent in failures:
                self._replies.not_sent(datagram, reason, permanent=permanent, now=now)
            for notice in socket.notices:
                self._note(notice, self._cores[name])
            socket.notices.clear()

    def _note(self, notice: Event, core: CoreReceiver) -> None:
        if isinstance(notice, Malformed):
            self._malformed_frames += 1
        elif hasattr(notice, "peer"):
            core.disconnected(notice.peer)
        self._events.append(notice)

    def _socket_of(self, peer: object) -> UdpReceiver | TcpReceiver:
        assert isinstance(peer, Endpoint)
        return self._sockets[peer.transport]

    def _close_sockets(self) -> None:
        for socket in self._sockets.values():
            socket.close()
        self._waiter.close()


def known_sum(values: Iterator[int | None]) -> int | None:
    """The sum, or None as soon as one is unknown."""
    total = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total
