"""Receiving messages: the core's receiver and sockets, joined by one loop. The same class for UDP, TCP, or both at once.

Owns the order in which things happen: input, timeouts, events, data to send, wait (docs/decisions/0029). Knows neither header
fields nor socket options. Replies are sent by `udpmsg.messaging.replies`.

Delivery is a commit: what `poll` returns is in the application's hands. It is delivered, and acknowledged, when the application
is done with it: when it asks for more, says `done`, or leaves the `with` block without an exception.
"""

import os
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from udpmsg.base import clock
from udpmsg.base.durations import SECOND
from udpmsg.base.errors import CannotListen, CannotStore, Phrase, UsageError
from udpmsg.core import runs, wire
from udpmsg.core.allowances import Allowances
from udpmsg.core.budget import Budget
from udpmsg.core.config import Limits
from udpmsg.core.cookies import Cookies
from udpmsg.core.events import Disconnected, Event, Malformed, Message
from udpmsg.core.framing import FRAME_OVERHEAD, Grid, Mixed, Run
from udpmsg.core.receiver import Receiver as CoreReceiver
from udpmsg.core.rtt import MAX_ACK_DELAY
from udpmsg.core.wire import Kind
from udpmsg.messaging.large_batches import columns_reader, message_arrays
from udpmsg.messaging.payload import Payload, encoded
from udpmsg.messaging.replies import Replies
from udpmsg.messaging.statistics import ReceiverStatistics
from udpmsg.sockets.endpoint import DEFAULT_PORT, LOOPBACK, Endpoint, check_port, new_session, origin_of
from udpmsg.sockets.listening import RECEIVE_BUFFER, SAME_PORT_ATTEMPTS, TRANSPORTS
from udpmsg.sockets.waiting import Waiter, after, earliest, nanoseconds, passed
from udpmsg.tcp.receiver import TcpReceiver
from udpmsg.udp.multicast import check_group
from udpmsg.udp.receiver import ROUND_BYTES, UdpReceiver
from udpmsg.udp.sender import LARGEST_DATAGRAM

if TYPE_CHECKING:
    from udpmsg.messaging.arrays import MessageArrays
    from udpmsg.messaging.store import Store

SECRET_SIZE = 32
"""Bytes of the secret under which cookies are made."""
TURN = 320
"""Messages handed over by one `poll` that sets no limit: then they are acknowledged, and their sender goes on meanwhile. There is
room for the five runs that `send_many` gives its core at one go, so that one acknowledgment is for all of them."""
GROUP = 1024
"""The same with a store: the disk takes hardly longer for so many than for one, and each commit waits for it once."""
ROUND = ROUND_BYTES + LARGEST_DATAGRAM
"""Bytes that a UDP socket brings at most before it is asked again."""
LINGER = 1.0
"""Seconds that `close` waits at most for replies to be confirmed."""
FOR_REPLIES, COOKIE = frozenset(map(wire.mark_of, (Kind.ACK, Kind.PROBE_REPLY))), wire.mark_of(Kind.COOKIE)
"""How that begins which is for a reply that was sent, and what is listened to to the end."""


class Receiver:
    """Receives messages from any number of senders, and can answer them. Iterate over it for the messages.

    Not thread-safe, but for `wake`. Use it as a context manager.
    """

    def __init__(
        self,
        host: str | None = None,
        port: int = DEFAULT_PORT,
        *,
        transport: str = "udp",
        multicast: str | None = None,
        interface: str | None = None,
        receive_buffer: int = RECEIVE_BUFFER,
        limits: Limits | None = None,
        offload: bool = True,
        counting_only: bool = False,
        store: "Store | None" = None,
    ) -> None:
        """Bind and listen.

        Args:
            host: the address to listen on; 127.0.0.1, the default, is this machine alone, 0.0.0.0 every IPv4 address, :: every
                address. What is sent to a group is addressed to no host: with `multicast` the default is every address.
            port: 0 lets the system choose; see `endpoints`.
            transport: "udp", "tcp", or "both" on the same port.
            multicast: the group to receive, over UDP.
            interface: the address (IPv6: the name) of the interface on which to join the group.
            receive_buffer: bytes to ask of the kernel for each socket.
            limits: what this receiver takes on.
            offload: over UDP, have the kernel hand over runs of datagrams in one call where it can (UDP_GRO, Linux). A run that
                it discards for want of room is one kernel drop.
            counting_only: count messages, and acknowledge them as delivered, when they come, and hand none over: for a caller
                that wants the figures alone. `poll` tells everything else.
            store: keep every message there before `poll` returns it: then it is delivered when it is on the disk, and once also
                across restarts. The caller closes the store. `poll` raises CannotStore when it cannot be kept: then it is not
                delivered, and the next `poll` tries again.

        Raises:
            CannotListen, UsageError.
        """
        check_port(port, lowest=0)
        if transport not in TRANSPORTS:
            raise UsageError("the transport is {!r}: choose 'udp', 'tcp' or 'both'", transport)
        if multicast is not None:
            if transport != "udp":
                raise UsageError("a multicast group has many receivers and TCP connects two endpoints: use UDP alone")
            check_group(multicast)
        if host is None:
            host = LOOPBACK if multicast is None else "::" if ":" in multicast else "0.0.0.0"
        if counting_only and store is not None:
            raise UsageError("counting_only keeps no messages, and a store keeps all: leave one of them out")
        self.limits = limits or Limits()
        self.closed = False
        self._store = store
        self._counting_only = counting_only
        self._columns = columns_reader() if counting_only and offload and transport != "tcp" else None
        """What looks at the headers of many runs at once, where nobody wants more of them."""
        self._transport = transport
        self._waiter = Waiter()
        self._sockets: dict[str, UdpReceiver | TcpReceiver] = {}
        self._udp: UdpReceiver | None = None
        self._tcp: TcpReceiver | None = None
        self._cores: dict[str, CoreReceiver] = {}
        self._events: deque[Event] = deque()
        self._budget = Budget(self.limits.total_bytes)
        self._unlooked = 0
        """Messages taken from streams since somebody looked at the sockets."""
        self._malformed_frames = 0
        self._stray_acknowledgments = 0
        try:
            for attempts_left in reversed(range(SAME_PORT_ATTEMPTS)):
                try:
                    self._listen(host, port, multicast, interface, receive_buffer, offload)
                    break
                except CannotListen:  # the port that the system chose for one may be taken for the other
                    if port or not self._sockets or not attempts_left:
                        raise
                    self._sockets.popitem()[1].close()
        except BaseException:
            self._close_sockets()
            raise
        self._allowances = Allowances()
        """What may be sent to whom over UDP."""
        for name, socket in self._sockets.items():
            self._cores[name] = CoreReceiver(
                session=new_session(),
                now=clock.now(),
                framed=socket.framed,
                limits=self.limits,
                counting_only=counting_only,
                budget=self._budget,
                allowances=None if socket.framed else self._allowances,
                cookies=None if socket.framed else Cookies(os.urandom(SECRET_SIZE)),
                origin_of=origin_of,
                restore=None if store is None else store.remembered,
            )
        self._note_kernel_drops()
        self._left_at = clock.now()
        """When the application was last given something: the time until it asks again is not the peers' fault."""
        self._slow = False
        """The application took longer for what it had last than an acknowledgment may wait."""
        self._replies: Replies | None = None
        """Made for the first reply: most programs that receive give none."""

    # Public --------------------------------------------------------------------------------------------------------------

    @property
    def endpoints(self) -> list[Endpoint]:
        """What it listens on."""
        return [socket.endpoint for socket in self._sockets.values()]

    @property
    def receive_buffer(self) -> int | None:
        """Bytes of the UDP socket's receive buffer, as the kernel gave it; None without UDP."""
        return None if self._udp is None else self._udp.receive_buffer

    @property
    def offload(self) -> bool | None:
        """Whether runs of datagrams come in one call; None without UDP."""
        return None if self._udp is None else self._udp.offload

    def poll(self, timeout: float | None = 0, limit: int | None = None) -> list[Event]:
        """What has happened, at most `limit` events; waits for something up to `timeout` seconds (None: for ever) or `wake`.

        Message, Duplicate, Goodbye, Malformed, LimitReached, Disconnected, Outcome (of a reply that was left out, or of one to an
        acknowledged message). A message that is returned is delivered by the next call, and acknowledged then if its sender asked
        for it: an application that asks for more is done with what came before.
        """
        now = clock.now()
        until = None if timeout is None else now + nanoseconds(timeout)
        self._slow = now - self._left_at > MAX_ACK_DELAY
        committed = self._commit(now)
        if self._tcp is not None:
            self._tcp.excuse(now - self._left_at)
        most = limit if limit is not None else TURN if self._store is None else GROUP
        events: list[Event] = []
        if self.closed or self.something_waits:
            events = self._hand_over(most, now)
        elif committed:
            self._settle()
        looked = False
        waiter = self._waiter
        while not (events or self.closed or (waiter.woken and waiter.take_woken()) or (looked and passed(until))):
            events = self._hand_over(most, self._turn(until))
            looked = True
        if self._store is not None and events:
            if limit is None:
                self._gather(events)
            self._keep(events)
        self._left_at = clock.now()
        return events

    def done(self, *messages: Message) -> None:
        """The application is done with these messages, before it asks for more: they are delivered, and acknowledged, now."""
        if self.closed:
            raise UsageError("this receiver is closed: say done before it is, for a message to count as delivered")
        for message in messages:
            self._core_of(message.peer).done(message)
        for core in self._cores.values():
            core.flush(now=clock.now())
        self._settle()

    def proved(self, message: Message) -> bool:
        """Whether somebody is at the address that this message came from: it has returned what was sent to it alone."""
        return self._socket_of(message.peer).framed or self._allowances.proved(message.peer)

    def challenge(self, message: Message) -> None:
        """Ask the address that this message came from to prove itself. Its sender answers while it lives; a raw one never can."""
        if message.session is not None and not self.proved(message):
            self._core_of(message.peer).challenge(message.session, message.peer, now=clock.now())
            self._settle()

    def receive(self, timeout: float | None = None) -> Message | None:
        """The next message; None after `timeout` seconds without one, or after `wake`. Other events are passed over.

        As with `poll`, the next call delivers it."""
        until = None if timeout is None else after(timeout)
        while True:
            left = None if until is None else max(0, until - clock.now()) / SECOND
            events = self.poll(left, limit=1)
            if events and isinstance(events[0], Message):
                return events[0]
            if not events or passed(until):
                return None

    def batches(self, timeout: float | None = None) -> "Iterator[MessageArrays]":
        """Messages as arrays: those that came one after the other and have one length, at most 320 at a time. Until none has come
        for `timeout` seconds (None: for ever), or `wake`. Other events are passed over. Needs NumPy; else UsageError.

        As with `poll`, asking for the next batch delivers the one before."""
        arrays_of = message_arrays()
        while True:
            events = self.poll(timeout, limit=1)
            if not events:
                return
            if isinstance(first := events[0], Message):
                core = self._core_of(first.peer)
                more = core.events(core.waiting_alike(len(first.payload), TURN - 1))
                yield arrays_of([first, *(event for event in more if isinstance(event, Message))])

    def __iter__(self) -> Iterator[Message]:
        """Every message that comes, until `wake` or for ever."""
        while (message := self.receive()) is not None:
            yield message

    def reply(self, message: Message, payload: Payload) -> None:
        """Answer a message, over the transport that it came by; acknowledged if it was, raw if it was.

        Raises UsageError for a reply to a reply (two programs would talk for ever) and for what is neither bytes nor text, and
        MessageTooLarge.
        """
        if self.closed:
            raise UsageError("this receiver is closed: reply before it is")
        if message.reply_to is not None:
            raise UsageError("this message is itself a reply, and a reply is never answered: two programs would talk for ever")
        framed = self._socket_of(message.peer).framed
        self._replies = self._replies or Replies(self.limits, self._budget, self._allowances)
        self._replies.add(message, encoded(payload), framed=framed, now=clock.now())
        self._settle()

    def wake(self) -> None:
        """Make a `poll` or `receive` that is under way return. Safe from any thread and from signal handlers."""
        self._waiter.wake()

    def wake_fileno(self) -> int:
        """A descriptor for `signal.set_wakeup_fd`: Python runs a handler only after a wait that began before the signal came."""
        return self._waiter.wake_fileno()

    def statistics(self) -> ReceiverStatistics:
        """What was counted so far, over both transports."""
        totals = [core.totals() for core in self._cores.values()]
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
            kernel_drops=None if self._udp is None else self._udp.kernel_drops(),
            payload_bytes=sum(part.payload_bytes for part in totals),
            duration_s=(last - first) / SECOND if first is not None else 0.0,
            jitter_s=max(jitters) / SECOND if jitters else None,
            sessions=sum(part.sessions for part in totals),
            raw_messages=sum(part.raw_messages for part in totals),
            messages_undelivered=sum(core.undelivered for core in self._cores.values()),
        )

    def close(self, *, linger: float = LINGER, commit: bool = True) -> None:
        """Stop listening. Waits up to `linger` seconds for replies to be confirmed and for what was written to be taken.

        `commit`: the application is done with all that it was given; else that is not delivered, and nobody is told so."""
        for until in self.closing(linger=linger, commit=commit):
            self._turn(until)
            self._settle()

    def __enter__(self) -> "Receiver":
        """Use it in a `with` statement."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close; after an error nothing more is delivered."""
        self.close(commit=error is None)

    # Public: what an event loop drives (udpmsg.aio) ----------------------------------------------------------------------

    @property
    def waiter(self) -> Waiter:
        """What it waits with."""
        return self._waiter

    @property
    def something_waits(self) -> bool:
        """Whether there is something for the application already."""
        for core in self._cores.values():
            if core.waiting:
                return True
        return bool(self._events) or self._streams_wait

    def next_timeout(self) -> int | None:
        """When `work` is due even if nothing comes, in nanoseconds; None: never."""
        due = None if self._replies is None else self._replies.next_timeout()
        for core in self._cores.values():
            if (time := core.next_timeout()) is not None and (due is None or time < due):
                due = time
        return due if self._tcp is None else earliest(due, self._tcp.next_timeout())

    def work(self) -> None:
        """Take what has come, and do what is due, without waiting, for an application that has asked and waits elsewhere. Nothing
        is handed over, and nothing delivered."""
        self._turn(0)
        self._settle()
        self._left_at = clock.now()

    def closing(self, *, linger: float, commit: bool) -> Generator[int | None, None, None]:
        """`close`, up to each wait: yields until when (nanoseconds) there is to be waited, and `work` done. Given up there, it
        gives everything back."""
        if self.closed:
            return
        now = clock.now()
        until = now + nanoseconds(linger)
        if commit:
            self._commit(now)
        self._settle()
        self.closed = True  # from here on nothing is received but acknowledgments and cookies
        try:
            while self._unfinished() and not passed(until):
                yield until
        finally:
            self._close_sockets()

    # Helpers -------------------------------------------------------------------------------------------------------------

    def _unfinished(self) -> bool:
        """Whether a reply is not confirmed yet, or something has not left."""
        replies = self._replies is not None and self._replies.waiting
        return replies or any(socket.waiting for socket in self._sockets.values())

    def _hand_over(self, limit: int, now: int) -> list[Event]:
        """Take events for the application. If it was slow last time, its peers are told before it runs what has arrived; what is
        only counted is delivered by now, and they are told so.

        Messages come before what ended them: that their connection is gone, say."""
        events: list[Event] = []
        if not self.closed:
            for name, core in self._cores.items():
                if core.waiting:
                    events += core.events(limit - len(events))
                while name == "tcp" and len(events) < limit and self._unlooked < TURN and self._has_turn(events):
                    self._feed()
                    events += core.events(limit - len(events))
                if self._slow or self._counting_only:
                    core.flush(now=now)
            if not events or self._slow or self._counting_only or self._urgent(now):
                self._settle()
        while self._events and len(events) < limit:
            events.append(self._events.popleft())
        return events

    def _urgent(self, now: int) -> bool:
        """Whether something is to be done before the application runs. What is not will be when it asks for more."""
        for name, socket in self._sockets.items():
            if socket.notices or socket.failures or self._cores[name].urgent(now):
                return True
        return self._replies is not None and self._replies.urgent(now)

    def _commit(self, now: int) -> bool:
        """The application is done with what it was given: that is delivered, and acknowledged at once. False: it had nothing."""
        if self._store is not None:
            self._keep_in_hand(self._store, now)
        committed = False
        for core in self._cores.values():
            if core.uncommitted:
                core.commit()
                core.flush(now=now)
                committed = True
        return committed

    def _keep_in_hand(self, store: "Store", now: int) -> None:
        cores = [core for core in self._cores.values() if core.uncommitted]
        if cores:
            messages = [message for core in cores for message in core.in_hand]
            sessions = [known for core in cores for known in core.remembered()]
            store.keep(messages, sessions, now_ns=clock.epoch() + now)

    def _gather(self, events: list[Event]) -> None:
        """What comes over UDP in whole rounds is kept in one group, as long as the limits have room for a round more.

        A part of a round is not worth waiting for: then what is there is kept first. TCP brings whole turns by itself."""
        core, came = self._cores.get("udp"), len(events)
        while core is not None and came >= TURN // 2 and len(events) + TURN <= min(GROUP, self.limits.session_messages):
            size = sum(len(event.payload) for event in events if isinstance(event, Message))
            if size + ROUND > self.limits.session_bytes or self._budget.left < ROUND:
                return
            self._turn(0)
            more = core.events(TURN)
            self._settle()
            events += more
            came = len(more)

    def _keep(self, events: list[Event]) -> None:
        """Put what was just handed over into the store, and acknowledge it. If that fails the application gets it later."""
        try:
            if self._commit(clock.now()):
                self._settle()
        except CannotStore:
            self._events.extendleft(reversed(events))
            raise

    @property
    def _streams_wait(self) -> bool:
        """Whether something was read from streams and not yet given to the core: a stream lost nothing, so it waits there."""
        return self._tcp is not None and self._tcp.queued

    def _has_turn(self, events: list[Event]) -> bool:
        """Whether a connection has a turn; not one of which the application has something in hand: there might be no room."""
        assert self._tcp is not None
        peer = self._tcp.next_turn
        return peer is not None and not any(isinstance(event, Message) and event.peer == peer for event in events)

    def _feed(self) -> None:
        """Give the core of TCP what the next connection has in its turn: at most as much as there is room for."""
        tcp = self._tcp
        assert tcp is not None
        now = clock.now()
        room = min(self.limits.session_bytes, self.limits.total_bytes)
        peer, messages = tcp.take_turn(self.limits.session_messages, room, now=now)
        malformed = self._cores["tcp"].malformed
        for message in messages:
            self._take(peer, [message], now)
            if self._cores["tcp"].malformed != malformed:
                self._unlooked += 1  # the others are not looked at
                tcp.refuse(peer, Phrase("it sent a frame that is no message"))
                return
            self._unlooked += message.message_count

    def _turn(self, until: int | None) -> int:
        """Wait for input or a timeout, and take what comes; what follows from it is for `_settle`. Returns the time."""
        for peer, messages, now in self._waiter.wait(earliest(until, self.next_timeout())):
            self._take(peer, messages, now)
        self._unlooked = 0
        while self.closed and self._streams_wait:
            self._feed()
        now = clock.now()
        if self._tcp is not None:
            self._tcp.handle_timeout(now=now)
        self._note_kernel_drops()
        return now

    def _take(self, peer: Endpoint, messages: Sequence[bytes | Run], now: int) -> None:
        """Input: acknowledgments are for a reply that was sent, everything else is for the core. Most of it are runs of messages,
        which stay together. Of a stream, nothing is taken after what is malformed."""
        core = self._cores[peer.transport]
        if isinstance(messages, Mixed):
            others = zip(messages, messages.peers, strict=True) if self.closed else core.receive_mixed(messages, now)
            for datagram, origin in others:
                assert isinstance(origin, Endpoint)
                self._take_one(origin, datagram, now)
            return
        if isinstance(messages, Grid) and self._columns is not None:
            for part in self._columns.read(messages):
                if isinstance(part, Run):
                    self._take(peer, [part], now)
                elif not self.closed:
                    core.receive_run(part, now=now, peer=peer)
            return
        framed = self._sockets[peer.transport].framed
        for message in messages:
            run = runs.decode(message, payloads=not self._counting_only) if isinstance(message, Run) else None
            if run is None:
                malformed = core.malformed
                for single in message.datagrams() if isinstance(message, Run) else (message,):
                    self._take_one(peer, single, now)
                    if framed and core.malformed != malformed:
                        return
            elif not self.closed:
                core.receive_run(run, now=now, peer=peer)

    def _take_one(self, peer: Endpoint, message: bytes, now: int) -> None:
        mark = message[: wire.MARK_SIZE]
        if mark in FOR_REPLIES:
            if self._replies is None or not self._replies.receive(message, peer, now=now):
                self._stray_acknowledgments += 1
        elif not self.closed or mark == COOKIE:
            self._cores[peer.transport].receive((message,), now=now, peer=peer)

    def _settle(self) -> None:
        """Timeouts, events, data to send: in this order, after every change. The core keeps its events until they are taken."""
        now = clock.now()
        replies = self._settle_replies(self._replies, now) if self._replies is not None and self._replies.stirred(now) else []
        for name, socket in self._sockets.items():
            batch = self._cores[name].data_to_send(now=now)
            if replies:
                batch += [(datagram, peer) for datagram, peer in replies if peer.transport == name]
            if batch:
                socket.write(batch, now=now)
            if socket.failures:
                self._note_failures(socket, now)
            if socket.notices:
                for notice in socket.notices:
                    self._note(notice, self._cores[name])
                socket.notices.clear()

    def _settle_replies(self, replies: Replies, now: int) -> list[tuple[bytes, Endpoint]]:
        """The same of the replies; what of them may leave now."""
        replies.handle_timeout(now=now)
        self._events += replies.events(now=now)
        batch = replies.data_to_send(now=now)
        for session, peer in replies.take_challenges():
            self._cores["udp"].challenge(session, peer, now=now)
        return batch

    def _note_failures(self, socket: UdpReceiver | TcpReceiver, now: int) -> None:
        """What the system refused to send: of interest if it is a reply."""
        failures, socket.failures = socket.failures, []
        if self._replies is not None:
            for datagram, _, reason, permanent in failures:
                self._replies.not_sent(datagram, reason, permanent=permanent, now=now)

    def _note_kernel_drops(self) -> None:
        """After input, not before: what was discarded before a session's first datagram was read may well be of that session."""
        if self._udp is not None:
            self._cores["udp"].kernel_drops = self._udp.drops_noted

    def _note(self, notice: Event, core: CoreReceiver) -> None:
        if isinstance(notice, Malformed):
            self._malformed_frames += 1
        elif isinstance(notice, Disconnected):
            core.disconnected(notice.peer)
        self._events.append(notice)

    def _listen(
        self, host: str, port: int, multicast: str | None, interface: str | None, receive_buffer: int, offload: bool
    ) -> None:
        for name in TRANSPORTS[self._transport]:
            if name == "udp":
                self._sockets[name] = self._udp = UdpReceiver(
                    host,
                    port,
                    selector=self._waiter.selector,
                    receive_buffer=receive_buffer,
                    group=multicast,
                    interface=interface,
                    offload=offload,
                )
                self._udp.grids = self._columns is not None
            else:
                self._sockets[name] = self._tcp = TcpReceiver(
                    host,
                    port,
                    selector=self._waiter.selector,
                    frame_limit=self.limits.max_message + FRAME_OVERHEAD,
                    connections=self.limits.sessions,
                    buffer=receive_buffer,
                    budget=self._budget,
                )
            port = self._sockets[name].endpoint.port  # the same one for both, also when the system chose it

    def _socket_of(self, peer: object) -> UdpReceiver | TcpReceiver:
        return self._sockets[self._transport_of(peer)]

    def _core_of(self, peer: object) -> CoreReceiver:
        return self._cores[self._transport_of(peer)]

    def _transport_of(self, peer: object) -> str:
        if not isinstance(peer, Endpoint) or peer.transport not in self._sockets:
            raise UsageError("this message came to another receiver: give it to that one")
        return peer.transport

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
