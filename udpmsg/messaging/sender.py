"""Sending messages: the core's sender and a socket, joined by one loop. The same class for UDP and TCP.

Owns the order in which things happen: input, timeouts, events, data to send, wait (docs/decisions/0029). Knows neither header
fields nor socket options.
"""

import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from udpmsg.base import clock
from udpmsg.base.durations import MILLISECOND, SECOND
from udpmsg.base.errors import N_, MessageTooLarge, Phrase, UsageError
from udpmsg.core import wire
from udpmsg.core.config import DATAGRAM_SIZE, DEADLINE, MAX_DATAGRAM_SIZE, MAX_MESSAGE, MIN_RTO, TRANSMISSIONS, SenderConfig
from udpmsg.core.congestion import DEFAULT as DEFAULT_CONGESTION
from udpmsg.core.events import Disconnected, Event, Message, Outcome, State, Unreachable
from udpmsg.core.framing import FRAME_OVERHEAD, Run, each, most_in_run
from udpmsg.core.runs import CHECKED_OVERHEAD
from udpmsg.core.sender import Sender as CoreSender
from udpmsg.core.wire import Kind
from udpmsg.messaging.large_batches import batches_of, columns_writer, rows_of
from udpmsg.messaging.payload import Payload, checked_title, each_encoded, encoded
from udpmsg.messaging.queues import EventQueues
from udpmsg.messaging.reply_receiver import ReplyReceiver
from udpmsg.messaging.statistics import SenderStatistics, SessionReport, session_report
from udpmsg.sockets.endpoint import DEFAULT_PORT, Endpoint, check_hops, check_port, new_session
from udpmsg.sockets.known_path import KnownPath
from udpmsg.sockets.waiting import Waiter, after, earliest, nanoseconds, passed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from udpmsg.core.header_columns import Rows, Writer
    from udpmsg.messaging.spool import Spool
    from udpmsg.tcp.sender import TcpSender
    from udpmsg.udp.sender import UdpSender

FIRST_BATCH, BATCH = 16, 320
"""Messages that `send_many` gives the core at one go, at first and at most."""
BATCH_BYTES = 320 << 10
"""What a batch has at most if its messages are as long as the longest of the batch before: five runs of 64 KiB. Besides its
messages a batch costs both sides some 50 µs, at the receiver mostly for its acknowledgment."""
SPOOLED_BYTES = 512 << 10
"""The same with a spool, where a batch is one commit, which takes longer than sending: the fewer, the better."""
FOR_THE_CORE = frozenset(map(wire.mark_of, (Kind.ACK, Kind.PROBE_REPLY, Kind.CHALLENGE, Kind.REPORT)))
"""How that begins which only a receiver says. Everything else that comes may be a reply."""
BACKLOG = 256
"""Acknowledged messages that may wait to be sent for the first time; `send` waits while there are more."""
CLOSE_WAIT = 1 * SECOND
"""How long `close` waits at most for the kernel to take the rest, and over raw TCP for the peer to end its side."""
STREAM_WAIT = 10 * SECOND
"""How long `close` waits at most for a listener to read the stream to its end and close. Closed before, a connection on which
replies still come is reset, and what the listener has not read is lost with it."""
BLOCKED_TICK = 25 * MILLISECOND
"""While the kernel takes nothing, what is due can't leave: deadlines are looked after so often, and its readiness wakes us."""


class Sender:
    """Sends messages to one endpoint, over UDP or TCP, and tells what became of them.

    Not thread-safe, but for `wake`. Use it as a context manager: leaving it waits for all outcomes and says goodbye.
    """

    def __init__(
        self,
        host: str,
        port: int = DEFAULT_PORT,
        *,
        transport: str = "udp",
        acknowledged: bool = False,
        ordered: bool = False,
        raw: bool = False,
        broadcast: bool = False,
        ttl: int | None = None,
        interface: str | None = None,
        window: int | None = None,
        max_transmissions: int = TRANSMISSIONS,
        deadline: float = DEADLINE / SECOND,
        min_rto: float = MIN_RTO / SECOND,
        refused_for: float | None = None,
        congestion: str | None = None,
        datagram_size: int | None = None,
        max_message: int = MAX_MESSAGE,
        connect_timeout: float = 10.0,
        nagle: bool = False,
        tcp_congestion: str | None = None,
        offload: bool = True,
        spool: str | os.PathLike[str] | None = None,
    ) -> None:
        """Open a socket. Over UDP nothing is sent; over TCP this connects.

        Args:
            host: a name or a numeric address, without a port.
            port: 1 to 65535.
            transport: "udp" or "tcp".
            acknowledged: have the receiver confirm each message, retransmit over UDP, and tell each outcome.
            ordered: have the receiver deliver in order (with `acknowledged`; TCP always does).
            raw: send payloads as they are, without our header, to any program.
            broadcast: allow sending to a broadcast address.
            ttl: hops that a packet lives, 1 to 255; for a multicast group the system's default is 1.
            interface: multicast leaves by the interface that has this address (IPv6: this name).
            window: at most so many messages unacknowledged at once.
            max_transmissions: how often a datagram is sent at most, 1 to 255.
            deadline: seconds after which a message is UNCONFIRMED at the latest.
            min_rto: seconds, the smallest retransmission timeout.
            refused_for: over UDP, seconds of nothing but ICMP refusals that end every message, unless the receiver has ever
                answered; None: a refusal ends nothing.
            congestion: with acknowledgments over UDP, the congestion control: "newreno", "cubic" (the default) or "bbr".
            datagram_size: bytes of the largest datagram, 128 to 65507; a larger message is cut up. None: with acknowledgments
                what the path takes, which is found out on the way (Linux); else 1200.
            max_message: bytes of the largest message.
            connect_timeout: seconds for each address of `host`, over TCP.
            nagle: over TCP, let Nagle's algorithm hold a small message back until the one before is acknowledged.
            tcp_congestion: over TCP, the kernel's congestion control for this connection by its name, such as "cubic" (Linux).
            offload: over UDP, hand the kernel runs of datagrams in one call where it takes them (UDP_SEGMENT, Linux).
            spool: a file (with `acknowledged`). A message is accepted when it is there, on the disk, and stays until it is
                delivered. What an earlier sender left there, also by being killed, is sent first, in the same session.

        Raises:
            NameUnknown, UsageError, over TCP CannotConnect, and with a spool CannotStore.
        """
        check_port(port)
        if transport not in ("udp", "tcp"):
            raise UsageError("the transport is {!r}: choose 'udp' or 'tcp'", transport)
        if raw and acknowledged:
            raise UsageError("raw bytes carry no header, so nobody can acknowledge them: leave one of raw and acknowledged out")
        if refused_for is not None and (transport == "tcp" or not acknowledged):
            raise UsageError("refused_for bounds how long acknowledgments are waited for over UDP: leave it out")
        if congestion is not None and (transport == "tcp" or not acknowledged):
            raise UsageError(
                "congestion chooses what paces acknowledged messages over UDP, and means nothing otherwise: leave it out"
            )
        if spool is not None and not acknowledged:
            raise UsageError("a spool keeps messages until they are acknowledged: add acknowledged=True (--ack)")
        if ttl is not None:
            check_hops(ttl)
        from udpmsg.udp.path import can_keep_whole

        self.raw = raw
        self.acknowledged = acknowledged
        self.closed = False
        self.waits = True
        """Whether `send` waits for room, and for the kernel. What drives this sender from an event loop says no, and waits itself
        until it `has_room`."""
        config = SenderConfig(
            acknowledged=acknowledged,
            ordered=ordered,
            datagram_size=None if transport == "tcp" else datagram_size or DATAGRAM_SIZE,
            follows_path=datagram_size is None and transport == "udp" and acknowledged and can_keep_whole(),
            max_message=max_message,
            window=window,
            max_transmissions=max_transmissions,
            deadline=nanoseconds(deadline),
            min_rto=nanoseconds(min_rto),
            refused_for=None if refused_for is None else nanoseconds(refused_for),
            congestion=congestion or DEFAULT_CONGESTION,
        )
        self._spool: Spool | None = None
        self._waiter = Waiter()
        try:
            if spool is not None:
                self._spool = self._open_spool(spool, host, port, config)
            self._socket = self._open(
                transport, host, port, broadcast, ttl, interface, max_message, connect_timeout, nagle, tcp_congestion, offload
            )
        except BaseException:
            if self._spool is not None:
                self._spool.close()
            self._waiter.close()
            raise
        now = clock.now()
        if self._spool is not None:
            self._core = CoreSender(config, session=self._spool.session, now=now, earlier=self._spool.earlier)
        else:
            self._core = CoreSender(config, session=new_session(), now=now)
        self._reply_receiver = ReplyReceiver(
            self._core,
            raw=raw,
            framed=self._socket.framed,
            max_message=max_message,
            one_to_many=self._socket.one_to_many,
        )
        self._path: UdpSender | None = None
        """The socket, if the size of datagrams follows the path; `_cut_to` is what it was told last: the size, and whether nobody
        may cut that up."""
        self._cut_to = (self._core.datagram_size, False)
        if config.follows_path:
            self._path = cast("UdpSender", self._socket)
            self._path.follow_path()
        self._events = EventQueues()
        self._in_hand: list[Message] = []
        """Replies that the program was given, and is not done with until it asks for more."""
        self._refusals = 0
        """How often the network said that nobody is there."""
        self._batch = FIRST_BATCH
        self._reply_count = 0
        self._writer: Writer | None = None
        self._raw_sent = self._raw_bytes = self._raw_refused = 0
        self._first_sent_at: int | None = None
        self._last_at = now
        if self._spool is not None:
            self._first_sent_at = now if self._spool.waiting else None
            self._settle()

    # Public: sending -----------------------------------------------------------------------------------------------------

    @property
    def endpoint(self) -> Endpoint:
        """Where messages go. Of a name with several addresses it is the first; with acknowledgments another one, once NextAddress
        has told so."""
        return self._socket.endpoint

    @property
    def one_to_many(self) -> bool:
        """Whether several receivers may get each message: a multicast group or a broadcast address."""
        return self._socket.one_to_many

    @property
    def congestion(self) -> str | None:
        """The congestion control that a TCP connection has, as the kernel names it; None over UDP, and where it does not tell."""
        return self._socket.congestion

    @property
    def offload(self) -> bool | None:
        """Whether runs of datagrams leave in one call; False where the kernel can't, or has refused one. None over TCP."""
        return self._socket.offload

    @property
    def blocked(self) -> bool:
        """Whether the kernel has not taken everything yet: over TCP, because the peer reads nothing."""
        return bool(self._socket.waiting)

    @property
    def refused(self) -> bool:
        """Whether messages were ended by nothing but refusals, for `refused_for` seconds."""
        return self._core.refused_for_long

    @property
    def unresolved(self) -> int:
        """Acknowledged messages that have not ended."""
        return self._core.unresolved + self._waiting()

    @property
    def spool(self) -> "Spool | None":
        """The file that keeps the messages; None if there is none."""
        return self._spool

    def check(self, size: int) -> None:
        """Raise MessageTooLarge if no message of so many bytes can be sent."""
        if not self.raw:
            self._core.check(size)
        elif not self._socket.framed and size > MAX_DATAGRAM_SIZE:
            raise MessageTooLarge(size, MAX_DATAGRAM_SIZE, N_("raw bytes travel in one datagram; cut them up"))

    def send(self, payload: Payload, *, title: str | None = None) -> int:
        """Send one message (bytes in any form, or text, as UTF-8); return its sequence number, from 1.

        `title` is what it is called, such as a file's name: 1 to 128 bytes in UTF-8, which its receiver is told.
        Without acknowledgments the kernel has it when this returns. With them it is accepted, and sent as the network and the
        receiver allow; this waits while too much is waiting already. Raises MessageTooLarge, and UsageError for what is neither
        bytes nor text or for a title that can't be one: then nothing was sent.
        """
        return self._accept([encoded(payload)], "" if title is None else checked_title(title, raw=self.raw))[0]

    def send_many(self, payloads: Iterable[Payload], *, title: str | None = None) -> range:
        """Send messages as they come from the iterable, in batches, each called `title`; return their sequence numbers.

        `wake` makes it stop early. Raises what `send` does, when it comes to such a message.
        """
        first, last = 0, 0
        for numbers in self.sending(payloads, title=title):
            first, last = first or numbers[0], numbers[-1]
            if self._waiter.take_woken():
                break
        return range(first, last + 1) if first else range(0)

    def send_array(self, array: "NDArray[Any]") -> range:
        """Send a message for each place of an array's first dimension: its bytes, as they stand in memory, in the array's own
        order of bytes. Return their sequence numbers. Needs NumPy.

        Without acknowledgments, over UDP, this is the fastest way there is: headers are written as columns, and thousands of
        messages leave with one system call. Raises what `send_many` does. `wake` makes it stop early.
        """
        rows = rows_of(array)
        if self.raw or not (self.offload and self._core.takes_rows(rows.shape[1])):
            return self.send_many(row.tobytes() for row in rows)
        self._writer = self._writer or columns_writer(self._core.session)
        first, last = 0, 0
        for batch in batches_of(rows):
            numbers = self._accept(batch)
            first, last = first or numbers[0], numbers[-1]
            if self._waiter.take_woken():
                break
        return range(first, last + 1) if first else range(0)

    def poll(self, timeout: float | None = 0) -> list[Event]:
        """Everything that has happened; waits for something up to `timeout` seconds (None: for ever) or until `wake`.

        First each Outcome, then each Message (a reply), then what else there is to notice: Duplicate (of a reply), Unreachable,
        NextAddress, Disconnected, PeerRestarted, LimitReached, Malformed (the first few; all are counted), OffloadRefused.
        """
        until = None if timeout is None else after(timeout)
        if not self.closed:
            if self._in_hand:
                self._commit()
            looked = False
            while not (self._events or (self._waiter.woken and self._waiter.take_woken()) or (looked and passed(until))):
                self._turn(until)
                looked = True
        events, self._in_hand = self._events.take()
        return events

    def outcomes(self) -> Iterator[Outcome]:
        """How each acknowledged message ended, until all have, or until `wake`. Other events are for a later `poll`."""
        while True:
            while (outcome := self.take_outcome()) is not None:
                yield outcome
            if not self.unresolved or self._waiter.take_woken():
                return
            self._turn(None)

    def replies(self, timeout: float) -> Iterator[Message]:
        """Replies as they come, until none has come for `timeout` seconds, or `wake`. Other events are for a later `poll`.

        A reply is delivered, and acknowledged, when the next one is asked for."""
        until = after(timeout)
        looked = False
        while True:
            while (reply := self.take_reply()) is not None:
                yield reply
                until = after(timeout)
            if self.closed or self._waiter.take_woken() or (looked and passed(until)):
                return
            self._turn(until)
            looked = True

    def ask(self, timeout: float) -> SessionReport | None:
        """Ask the receiver what it has of this session; None when no answer came for `timeout` seconds, or after `wake`.

        The question is repeated, and a long answer comes in parts; each may take `timeout` seconds. An older listener does not
        know the question and never answers. What is still on its way counts as lost: wait, and ask again until nothing changes.
        Raises UsageError for a closed or raw sender, and where many receivers get each message.
        """
        steps = self.asking(timeout)
        try:
            while True:
                self._turn(next(steps))
        except StopIteration as end:
            report: SessionReport | None = end.value
            return report

    def wake(self) -> None:
        """Make a `poll` or `send_many` that is under way return. Safe from any thread and from signal handlers."""
        self._waiter.wake()

    def wake_fileno(self) -> int:
        """A descriptor for `signal.set_wakeup_fd`: Python runs a handler only after a wait that began before the signal came."""
        return self._waiter.wake_fileno()

    def statistics(self) -> SenderStatistics:
        """What was counted so far."""
        known = self.acknowledged
        ended = self._core.ended
        return SenderStatistics(
            transport=self.endpoint.transport,
            acknowledged=known,
            messages_sent=self._raw_sent if self.raw else self._core.messages_sent,
            messages_delivered=ended[State.DELIVERED] if known else None,
            messages_unconfirmed=ended[State.UNCONFIRMED] if known else None,
            messages_refused=self._raw_refused if self.raw else ended[State.REFUSED],
            retransmissions=self._core.retransmissions if not self._socket.framed else None,
            malformed=self._core.malformed + self._reply_receiver.malformed,
            payload_bytes=self._raw_bytes if self.raw else self._core.payload_bytes,
            delivered_bytes=self._core.delivered_bytes if known else None,
            duration_s=(self._last_at - self._first_sent_at) / SECOND if self._first_sent_at is not None else 0.0,
            replies=self._reply_count,
            replies_dropped=self._reply_receiver.dropped,
            datagram_size=None if self.raw else self._core.datagram_size,
        )

    def path(self) -> KnownPath | None:
        """What is known of the path now; None where nobody tells anything: without acknowledgments over UDP, and over TCP where
        the system does not say (it does on Linux, until `close`). Safe from any thread."""
        if self._socket.framed or not self.acknowledged:
            return self._socket.path()
        core = self._core
        pace, srtt = core.congestion.pace, core.rtt.srtt
        return KnownPath(
            window_bytes=core.congestion.window,
            in_flight_bytes=core.congestion.bytes_in_flight,
            ssthresh_bytes=core.congestion.ssthresh,
            pace_bps=None if pace is None else 8 * pace,
            srtt_s=None if srtt is None else srtt / SECOND,
            rto_s=core.rtt.rto / SECOND,
            lost=core.losses,
            retransmissions=core.retransmissions,
        )

    def close(self, *, wait: bool = True, finished: bool = True) -> None:
        """End the session. `wait`: until every message has ended (each has a deadline), or until `wake`; then say goodbye.

        Outcomes that come meanwhile are returned by a later `poll`. What has not ended is UNCONFIRMED or REFUSED.
        With a spool, the session goes on in the next sender that has it, unless all was waited for and delivered, and no more is
        to come (`finished`).
        """
        for until in self.closing(wait=wait, finished=finished):
            self._turn(until)

    def __enter__(self) -> "Sender":
        """Use it in a `with` statement."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close; after an error without waiting."""
        self.close(wait=error is None)

    # Public: what an event loop drives (udpmsg.aio) ----------------------------------------------------------------------

    @property
    def waiter(self) -> Waiter:
        """What it waits with."""
        return self._waiter

    @property
    def has_room(self) -> bool:
        """Whether `send` would not wait now."""
        room = self._core.backlog < BACKLOG and not self._waiting()
        return room and (self.acknowledged or not self._socket.waiting)

    def next_timeout(self) -> int | None:
        """When `work` is due even if nothing comes, in nanoseconds; None: never."""
        due = self._core.next_timeout()
        if self._reply_receiver.began:
            due = earliest(due, self._reply_receiver.next_timeout())
        if due is not None and self._socket.waiting:
            due = max(due, clock.now() + BLOCKED_TICK)
        return due

    def work(self) -> None:
        """Take what has come, and do what is due, without waiting. What it has to tell is for a later `poll`."""
        self._turn(0)

    def take_outcome(self) -> Outcome | None:
        """How the next acknowledged message ended, if that is known."""
        return self._events.outcomes.popleft() if self._events.outcomes else None

    def take_reply(self) -> Message | None:
        """The next reply that has come; those before are delivered, and acknowledged."""
        if self._in_hand and not self.closed:
            self._commit()
        reply = self._events.take_reply()
        if reply is not None:
            self._in_hand.append(reply)
        return reply

    def sending(self, payloads: Iterable[Payload], *, title: str | None = None) -> Iterator[range]:
        """`send_many`, one batch at each step: its sequence numbers. What a step takes from the iterable it sends."""
        if isinstance(payloads, Payload):
            raise UsageError("send_many takes several messages, and this is a single one: give it to send, or put it into a list")
        called, iterator = checked_title(title, raw=self.raw), iter(payloads)
        while batch := each_encoded(islice(iterator, self._batch)):
            numbers = self._accept(batch, called)
            self._batch = batch_of(max(map(len, batch)), BATCH_BYTES if self._spool is None else SPOOLED_BYTES)
            yield numbers

    def asking(self, timeout: float) -> Generator[int | None, None, SessionReport | None]:
        """`ask`, up to each wait: yields until when (nanoseconds; None: for ever) there is to be waited, and `work` done."""
        if self.closed:
            raise UsageError("this sender is closed: ask before you close it")
        if self.raw or self.one_to_many:
            if self.raw:
                raise UsageError(
                    "raw bytes belong to no session: nobody can say what became of these messages; to ask, send without raw"
                )
            raise UsageError(
                "{} reaches many receivers: none can say for all of them what became of these messages", self.endpoint.host
            )
        question = self._core.ask(now=clock.now())
        self._settle()
        part, until = question.begins_at, after(timeout)
        try:
            while not (question.answered or self._socket.ended or passed(until) or self._waiter.take_woken()):
                yield until
                if question.begins_at > part:  # the list only grows, so this ends
                    part, until = question.begins_at, after(timeout)
        finally:
            self._core.ask_no_more()
        return session_report(question.report, sent=self._core.last_sequence) if question.answered else None

    def closing(self, *, wait: bool, finished: bool) -> Generator[int | None, None, None]:
        """`close`, up to each wait, as `asking`. Given up while it waits for outcomes, it has done nothing; later, it gives
        everything back."""
        if self.closed:
            return
        if wait and not self._waiter.take_woken():
            while self.unresolved and not self._waiter.take_woken():
                yield None
        now = clock.now()
        if wait:
            self._reply_receiver.commit()
        self._core.abandon(N_("closed before it was acknowledged"), now=now)
        over = self._spool is None or (wait and finished and not self._spool.messages)
        refusals = self._refusals
        until = now + (STREAM_WAIT if wait and self._socket.framed and not self.raw else CLOSE_WAIT)
        try:
            if over and not self.raw and self._core.messages_of_session:
                self._core.goodbye(now=now, confirm=wait)
            self._settle()
            while self._unfinished(refusals) and clock.now() < until and not self._waiter.woken:
                yield until
            self._settle()
        finally:
            self._shut(over)

    # Helpers -------------------------------------------------------------------------------------------------------------

    def _open(
        self,
        transport: str,
        host: str,
        port: int,
        broadcast: bool,
        ttl: int | None,
        interface: str | None,
        max_message: int,
        connect_timeout: float,
        nagle: bool,
        tcp_congestion: str | None,
        offload: bool,
    ) -> "UdpSender | TcpSender":
        # each is imported where it is needed: a program that sends over one does not load the other
        if transport == "udp":
            if nagle or tcp_congestion is not None:
                raise UsageError("nagle and tcp_congestion are settings of TCP, and mean nothing over UDP: leave them out")
            from udpmsg.udp.sender import UdpSender

            opened = UdpSender(
                host,
                port,
                selector=self._waiter.selector,
                broadcast=broadcast,
                ttl=ttl,
                interface=interface,
                offload=offload,
            )
            if opened.one_to_many and self.acknowledged:
                opened.close()
                raise UsageError(
                    "{} reaches many receivers: none can say for all of them that a message came", opened.endpoint.host
                )
            return opened
        if broadcast or interface:
            raise UsageError("TCP connects two endpoints: broadcast and interface mean nothing to it")
        from udpmsg.tcp.sender import TcpSender

        return TcpSender(
            host,
            port,
            selector=self._waiter.selector,
            raw=self.raw,
            ttl=ttl,
            frame_limit=max_message + FRAME_OVERHEAD,
            connect_timeout=connect_timeout,
            nagle=nagle,
            tcp_congestion=tcp_congestion,
        )

    def _open_spool(self, path: str | os.PathLike[str], host: str, port: int, config: SenderConfig) -> "Spool":
        from udpmsg.messaging.spool import Purpose, Spool  # SQLite is loaded by those alone who use it

        transport = "tcp" if config.datagram_size is None else "udp"
        purpose = Purpose(host, port, transport, config.ordered, config.datagram_size or 0)
        return Spool(path, purpose, now=clock.now(), epoch=clock.epoch(), max_message=config.max_message)

    def _shut(self, over: bool) -> None:
        """Give everything back; `over`: what the spool keeps is not needed any more."""
        self.closed = True
        self._socket.close()
        self._waiter.close()
        if self._spool is not None:
            try:
                if over:
                    self._spool.finish()
            finally:
                self._spool.close()

    def _commit(self) -> None:
        """The program asks for more, so it is done with the replies that it has."""
        self._reply_receiver.done(self._in_hand)
        self._in_hand.clear()
        if batch := self._reply_receiver.data_to_send(now=clock.now()):  # nothing else has happened
            self._socket.write(batch)

    def _unfinished(self, refusals: int) -> bool:
        """Whether something still has to leave, or to be heard, before the socket can be closed.

        Nobody confirms a goodbye who is not there any more, as one refusal more than there were then may say."""
        if self._core.goodbye_unconfirmed and self._refusals == refusals:
            return True
        return bool(self._socket.waiting) or not self._socket.finish()

    def _accept(self, payloads: "list[bytes] | Rows", title: str = "") -> range:
        """Give messages to the core, or raw to the socket, and see them on their way."""
        if self.closed:
            raise UsageError("this sender is closed: open another")
        while self.acknowledged and (self._core.backlog >= BACKLOG or self._waiting()) and not self._waiter.woken:
            self._turn(None)
        self._last_at = clock.now()
        if self._first_sent_at is None:
            self._first_sent_at = self._last_at
        if not isinstance(payloads, list):
            assert self._writer is not None
            numbers = self._core.send_rows(payloads, self._writer, now=self._last_at)
        elif self.raw:
            numbers = self._send_raw(payloads)
        elif self._spool is not None:
            self._core.check(max(map(len, payloads)), title)
            numbers = self._spool.append(payloads, now=self._last_at, title=title)
            if numbers.start == self._core.accepted + 1:  # else others wait before them
                self._core.send(payloads, now=self._last_at, title=title)
                self._spool.given(len(payloads))
        else:
            numbers = self._core.send(payloads, now=self._last_at, title=title)
        self._settle()
        while not self.acknowledged and self._socket.waiting and self.waits and not self._waiter.woken:
            self._turn(None)
        return numbers

    def _waiting(self) -> int:
        """Messages in the spool that the core was not given yet. When a connection is gone they wait for the next sender."""
        return 0 if self._spool is None or self._socket.ended else self._spool.waiting

    def _data_to_send(self, now: int) -> list[bytes | Run]:
        """What the core lets leave, also of what waits in the spool."""
        batch = self._core.data_to_send(now=now)
        while self._spool is not None and self._feed(now):
            batch += self._core.data_to_send(now=now)
        return batch

    def _feed(self, now: int) -> bool:
        """Give the core more of what waits in the spool, in order; False when nothing does, or the core has enough."""
        spool, core = self._spool, self._core
        if spool is None or core.accepted == spool.accepted or core.backlog >= BACKLOG or self._socket.ended:
            return False
        first, payloads, title = spool.next(core.accepted)
        if delivered := first - core.accepted - 1:
            if core.backlog:
                return False
            core.skip(delivered)
        core.send(payloads, now=now, title=title)
        spool.given(len(payloads))
        return True

    def _send_raw(self, payloads: list[bytes]) -> range:
        self.check(max(map(len, payloads)))
        first = self._raw_sent + 1
        self._raw_sent += len(payloads)
        self._raw_bytes += sum(map(len, payloads))
        self._socket.write(payloads)
        return range(first, self._raw_sent + 1)

    def _turn(self, until: int | None) -> None:
        """One round: wait for input or a timeout, then settle everything that follows from it."""
        for peer, messages, now in self._waiter.wait(earliest(until, self.next_timeout())):
            self._take(peer, messages, now)
        self._settle()

    def _take(self, peer: Endpoint, messages: Sequence[bytes | Run], now: int) -> None:
        """Input: what only a receiver says is for the sender's core; everything else is a reply, or a stray."""
        for message in each(messages) if self._socket.framed else messages:
            assert not isinstance(message, Run)
            if message[: wire.MARK_SIZE] in FOR_THE_CORE and not self.raw:
                self._core.receive((message,), now=now, peer=peer)
            else:
                events = self._reply_receiver.receive(message, now=now, peer=peer, full=self._events.full)
                self._events.add(events)
                self._reply_count += sum(isinstance(event, Message) for event in events)

    def _settle(self) -> None:
        """Timeouts, events, data to send: in this order, after every change. What the system refuses to send is a change too."""
        now, timeouts = clock.now(), self._core.rtt.timeouts
        self._core.handle_timeout(now=now)
        if self._core.rtt.timeouts > timeouts:
            self._go_elsewhere(Phrase("no answer from {}", self.endpoint), again=True)
        if events := self._core.events():
            self._take_events(events, now)
        batch = self._reply_receiver.data_to_send(now=now) if self._reply_receiver.began else []
        if not self._socket.waiting:  # what the kernel has not taken holds back what follows
            if self._path is not None:
                self._follow_path(self._path)
            batch += self._data_to_send(now)
        if batch:
            self._socket.write(batch)
        if self._path is not None and not self._socket.waiting and self._probe_path(self._path, now):
            self._socket.write(self._data_to_send(now))
        while self._socket.failures or self._socket.notices:
            makes_room = self._note_trouble(now)
            self._take_events(self._core.events(), now)
            if not (makes_room and (batch := self._data_to_send(now))):
                break
            self._socket.write(batch)

    def _take_events(self, events: Sequence[Event], now: int) -> None:
        """Keep for the program what the core has to tell."""
        ended = len(self._events.outcomes)
        self._events.add(events)
        if len(self._events.outcomes) > ended:
            self._last_at = now
        if self._spool is not None:
            self._spool.ended(events, idle=not self.unresolved)

    def _follow_path(self, path: "UdpSender") -> None:
        """Have the system treat what is sent from now on as the size of datagrams demands."""
        if (cut_to := (self._core.datagram_size, self._core.whole)) != self._cut_to:
            self._cut_to = cut_to
            path.keep_whole(self._core.whole)

    def _probe_path(self, path: "UdpSender", now: int) -> bool:
        """Find out what the path takes, if that is due; True when datagrams are smaller now. What is sent anyway has left before:
        a probe must not take its room in a queue that is nearly full."""
        size = self._core.datagram_size
        probe = self._core.probe_to_send(now=now)
        if probe is None and not path.path_hints and self._core.datagram_size == size:
            return False
        while probe is not None or path.path_hints:
            if probe is not None and not path.probe(probe):
                self._core.too_large(len(probe), now=now)
            hints, path.path_hints = path.path_hints, []
            for hint in hints:
                self._core.path_hint(hint, now=now)
            probe = self._core.probe_to_send(now=now)
        self._follow_path(path)
        return self._core.datagram_size != size

    def _go_elsewhere(self, reason: str, *, again: bool = False) -> bool:
        """With acknowledgments, as long as nobody has answered: try the name's next address, `again` the first after the last."""
        waiting = self.acknowledged and self._core.unresolved and not self._core.heard
        return bool(waiting) and self._socket.go_elsewhere(reason, again=again)

    def _note_trouble(self, now: int) -> bool:
        """What the system refused to send, and what the socket noticed; True when something can be sent because of that."""
        unresolved = self._core.unresolved
        in_vain: str | None = None
        refused = shrunk = False
        failures, self._socket.failures = self._socket.failures, []
        for datagram, reason, permanent in failures:
            if self.raw:
                self._raw_sent -= 1
                self._raw_bytes -= len(datagram)
                self._raw_refused += 1
                self._last_at = now
                self._events.add([Outcome(0, State.REFUSED, Phrase("not sent ({})", reason))])
            elif permanent and self._path is not None:  # the interface takes less than it did
                self._core.not_sent([datagram], reason, now=now)
                self._core.too_large(len(datagram), now=now)
                shrunk = True
            else:
                self._core.not_sent([datagram], reason, now=now, permanent=permanent)
                in_vain = in_vain if permanent else Phrase("not sent ({})", reason)
        notices, self._socket.notices = self._socket.notices, []
        for notice in notices:
            if isinstance(notice, Disconnected):
                self._core.abandon(Phrase("the connection ended: {}", notice.reason), now=now)
            elif isinstance(notice, Unreachable):
                in_vain, refused = Phrase(notice.hint.value, notice.peer), notice.refused
                self._refusals += 1
        elsewhere = in_vain is not None and self._go_elsewhere(in_vain)
        if elsewhere:  # the socket's next notice tells why
            self._core.try_again(now=now)
            notices = [notice for notice in notices if not isinstance(notice, Unreachable)]
        elif refused:
            self._core.refused(now=now)
        self._events.add(notices)
        return elsewhere or shrunk or self._core.unresolved < unresolved


def batch_of(largest: int, size: int = BATCH_BYTES) -> int:
    """How many messages, of `largest` bytes at most, `send_many` gives the core at one go: whole runs, if `size` has room."""
    most = min(BATCH, max(size // max(largest, 1), 1))
    return most - most % most_in_run(largest + CHECKED_OVERHEAD) or most
