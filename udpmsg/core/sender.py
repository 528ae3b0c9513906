"""The sending state machine. Owns a session's sequence and datagram numbers, and every accepted message until it has ended.

Knows neither sockets nor the clock: it is told bytes and the time (`now`, nanoseconds) and tells what to send. It does not know
whether a datagram or a frame carries its messages, only whether one must fit in `datagram_size` and may be lost on the way.

The life of an acknowledged message: queued -> in flight -> arrived (the receiver's host has it) -> DELIVERED (the receiver's
application has it); UNCONFIRMED from every state once something was sent, REFUSED from the first.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from udpmsg.core import wire
from udpmsg.core.congestion import Congestion
from udpmsg.core.encoder import Encoder
from udpmsg.core.events import Event, Malformed, Outcome, Peer, PeerRestarted, State
from udpmsg.core.fragments import REASSEMBLIES, Cutter
from udpmsg.core.retransmission import InFlight, Outgoing, Transmission
from udpmsg.core.rtt import MAX_RTO, MILLISECOND, SECOND, RttEstimator
from udpmsg.core.wire import Acknowledgment, Datagram, Kind
from udpmsg.errors import MalformedDatagram, UsageError

GOODBYES = 3
"""A GOODBYE is not acknowledged, so over datagrams it is sent so often: loss at the tail is then known."""
INITIAL_CREDIT = 16
"""Messages that may be sent before the receiver has said how many it will take."""
MIN_DATAGRAM_SIZE = 128
"""Bytes: the header, all blocks and a little payload fit."""
MOST_TRANSMISSIONS = 255
"""Transmissions of one datagram are counted in a byte."""
FORMER_RECEIVERS = 16
"""Sessions of receivers that were restarted, whose late acknowledgments are ignored."""


@dataclass(frozen=True)
class SenderConfig:
    """What a sender promises and how hard it tries. Times in nanoseconds, sizes in bytes."""

    acknowledged: bool = False
    """Ask for acknowledgments, retransmit, and tell how each message ended."""
    ordered: bool = False
    """Have the receiver deliver in order; only with `acknowledged`."""
    datagram_size: int | None = 1200
    """The largest datagram. None: frames of a reliable stream carry the messages, so nothing is cut up or retransmitted."""
    max_message: int = 1 << 20
    """The largest payload that is accepted."""
    window: int | None = None
    """At most so many messages unacknowledged at once; None: as many as the network and the receiver take."""
    max_transmissions: int = 8
    """How often one datagram is sent before its message is UNCONFIRMED; at most 255."""
    deadline: int = 60 * SECOND
    """How long after `send` a message ends at the latest."""
    min_rto: int = 200 * MILLISECOND
    """The smallest retransmission timeout."""
    jitter: float = 0.5
    """Timeouts are multiplied by 1 to 1 + jitter."""

    def __post_init__(self) -> None:
        """Raise UsageError for values that no sender can keep."""
        if self.datagram_size is not None and self.datagram_size < MIN_DATAGRAM_SIZE:
            raise UsageError(f"datagrams of {self.datagram_size} bytes are too small: the least is {MIN_DATAGRAM_SIZE}")
        if not 1 <= self.max_transmissions <= MOST_TRANSMISSIONS:
            raise UsageError(f"{self.max_transmissions} transmissions: choose from 1 to {MOST_TRANSMISSIONS}")
        if self.window is not None and self.window < 1:
            raise UsageError(f"a window of {self.window} messages sends nothing: choose 1 or more")
        if self.ordered and not self.acknowledged:
            raise UsageError("ordered delivery needs acknowledgments: without them nobody knows whether a gap will be filled")


class Sender:
    """One sending session. Call `data_to_send` and `events` after every other call, then wait for `next_timeout`."""

    def __init__(self, config: SenderConfig, *, session: int, now: int) -> None:
        self.config = config
        self.session = session
        self._framed = config.datagram_size is None
        self._encoder = Encoder(session=session, started=now, framed=self._framed)
        self._cutter = Cutter(
            datagram_size=config.datagram_size, max_message=config.max_message, acknowledged=config.acknowledged
        )
        self._sequence = 0
        self._lowest = 1
        self._outbox: list[bytes] = []
        self._events: list[Event] = []
        # messages: accepted and not ended (by sequence number), never sent, and fragments to send again
        self._unresolved: dict[int, Outgoing] = {}
        self._queue: deque[Outgoing] = deque()
        self._again: deque[tuple[Outgoing, int]] = deque()
        self._started_messages = 0
        self.messages_in_flight = 0
        """Messages that were sent and of which the receiver's host has not everything yet: what its credit is for."""
        self._fragmented_in_flight = 0
        # the peer
        self._receiver: int | None = None
        self._former_receivers: deque[int] = deque(maxlen=FORMER_RECEIVERS)
        self._newest_acknowledgment = 0
        self.credit = INITIAL_CREDIT
        """How many messages in flight the receiver takes."""
        # the path
        self.rtt = RttEstimator(config.min_rto)
        self.congestion = Congestion(config.datagram_size or 1200)
        self._in_flight = InFlight(self.rtt, seed=session, jitter=config.jitter)
        self._window_was_limit = False
        self._paced_until: int | None = None
        self._probe_at: int | None = None
        self._probes = 0
        # counts
        self.messages_sent = 0
        """Messages of which something was handed to the transport."""
        self.retransmissions = 0
        self.malformed = 0
        self.payload_bytes = 0
        """Payload of the messages sent, each counted once."""
        self.delivered_bytes = 0
        """Payload of the messages that ended DELIVERED."""

    # What the application asks -------------------------------------------------------------------------------------------

    @property
    def unresolved(self) -> int:
        """Acknowledged messages that were accepted and have not ended."""
        return len(self._unresolved)

    @property
    def backlog(self) -> int:
        """Acknowledged messages that were accepted and of which nothing was sent yet."""
        return len(self._unresolved) - self._started_messages

    def send(self, payloads: Sequence[bytes], *, now: int, reply_to: int = 0) -> range:
        """Accept messages; return their sequence numbers. Raises MessageTooLarge before anything of them is queued."""
        for payload in payloads:
            self._cutter.check(len(payload), reply=reply_to > 0)
        first = self._sequence + 1
        self._sequence += len(payloads)
        deadline = now + self.config.deadline
        for sequence, payload in enumerate(payloads, first):
            fragments = self._cutter.count(len(payload), reply=reply_to > 0)
            message = Outgoing(sequence, payload, fragments, reply_to, deadline)
            if self.config.acknowledged:
                self._unresolved[sequence] = message
                self._queue.append(message)
            else:
                self._count_sent(message)
                self._outbox += [self._encode_fragment(message, index, now) for index in range(fragments)]
        return range(first, self._sequence + 1)

    def goodbye(self, *, now: int) -> None:
        """Say that the session is over and how many messages it sent."""
        for _ in range(1 if self._framed else GOODBYES):
            self._control(Kind.GOODBYE, now, wire.NUMBER.pack(self.messages_sent))

    def abandon(self, reason: str, *, now: int) -> None:
        """End every unresolved message now: UNCONFIRMED if something of it was sent, else REFUSED."""
        for message in list(self._unresolved.values()):
            self._give_up(message, reason)

    def not_sent(self, datagrams: Sequence[bytes], reason: str, *, now: int, permanent: bool = False) -> None:
        """The system refused to send these. A fire-and-forget message is REFUSED; an acknowledged one is tried again, unless
        the refusal is `permanent`."""
        for datagram in datagrams:
            sent = wire.decode(datagram, framed=self._framed)
            if sent.kind is not Kind.MESSAGE:
                continue
            message = self._unresolved.get(sent.sequence)
            if message is not None:
                message.failures += 1
                if permanent:
                    self._give_up(message, f"not sent ({reason})")
            elif not self.config.acknowledged and (sent.fragment is None or sent.fragment[0] == 0):
                self._uncount_sent(sent.fragment[3] if sent.fragment else len(sent.payload))
                self._events.append(Outcome(sent.sequence, State.REFUSED, f"not sent ({reason})"))

    # What the network tells ----------------------------------------------------------------------------------------------

    def receive(self, datagrams: Sequence[bytes], *, now: int, peer: Peer = None) -> None:
        """Take datagrams that came for this sender: ACK and PROBE_REPLY. Anything else is counted as malformed."""
        for data in datagrams:
            try:
                datagram = wire.decode(data, framed=self._framed)
                if datagram.kind is Kind.ACK:
                    self._receive_acknowledgment(datagram, wire.decode_acknowledgment(datagram.payload), now)
                elif datagram.kind is Kind.PROBE_REPLY:
                    self._receive_probe_reply(datagram)
                else:
                    raise MalformedDatagram(f"{datagram.kind.name} means nothing to a sender")
            except MalformedDatagram as error:
                self.malformed += 1
                self._events.append(Malformed(peer, str(error), len(data)))

    def events(self) -> list[Event]:
        """What happened since the last call: Outcome, PeerRestarted, Malformed."""
        events, self._events = self._events, []
        return events

    # What leaves, and when -----------------------------------------------------------------------------------------------

    def data_to_send(self, *, now: int) -> list[bytes]:
        """Everything that may leave now, as encoded messages in order. Retransmissions go before new messages."""
        batch, self._outbox = self._outbox, []
        self._paced_until = None
        self._window_was_limit = False
        while (item := self._next_fragment()) is not None:
            if not self._framed and self._held_back(*item, now):
                break
            batch.append(self._transmit(*item, now))
        self._schedule_probe(now)
        return batch

    def next_timeout(self) -> int | None:
        """When `handle_timeout` or `data_to_send` is due next, in nanoseconds; None: never, unless something comes in."""
        if not self._unresolved:
            return None
        times = [self._unresolved[self._lowest].deadline, self._probe_at, self._paced_until]
        if not self._framed:
            times += [self._in_flight.rto_at, self._in_flight.loss_at]
        return min(time for time in times if time is not None)

    def handle_timeout(self, *, now: int) -> None:
        """Do what is due: end messages past their deadline, deem transmissions lost, probe a silent receiver."""
        while self._unresolved and self._unresolved[self._lowest].deadline <= now:
            self._give_up(self._unresolved[self._lowest], f"no acknowledgment within {self.config.deadline / SECOND:g} s")
        if not self._unresolved:
            return
        if self._in_flight.loss_at is not None and self._in_flight.loss_at <= now:
            self._detect_lost(now)
        if not self._framed and self._in_flight.rto_at is not None and self._in_flight.rto_at <= now:
            if self.rtt.timeouts:  # the second expiry in a row comes three timeouts after the loss began (RFC 9002, 7.6.1)
                self.congestion.on_persistent_congestion(now)
            else:
                self.congestion.on_congestion(now, now)
            self._lose(self._in_flight.time_out(now))
        if self._probe_at is not None and self._probe_at <= now and self._unresolved:
            self._probes += 1
            self._probe_at = None
            self._control(Kind.PROBE, now)

    # Helpers: bytes ------------------------------------------------------------------------------------------------------

    def _encode_fragment(self, message: Outgoing, index: int, now: int) -> bytes:
        payload, fragment = self._cutter.cut(message.payload, index, len(message.transmissions), reply=message.reply_to > 0)
        return self._encoder.encode(
            Kind.MESSAGE,
            now=now,
            sequence=message.sequence,
            payload=payload,
            lowest=self._lowest if self.config.acknowledged else 0,
            transmission=message.transmissions[index] + 1,
            fragment=fragment,
            reply_to=message.reply_to,
            ordered=self.config.ordered,
        )

    def _control(self, kind: Kind, now: int, payload: bytes = b"") -> None:
        lowest = self._lowest if self.config.acknowledged else 0
        self._outbox.append(self._encoder.encode(kind, now=now, payload=payload, lowest=lowest, transmission=1))

    # Helpers: transmission -----------------------------------------------------------------------------------------------

    def _next_fragment(self) -> tuple[Outgoing, int] | None:
        """What to send next, left where it is until `_transmit`; None when nothing may start."""
        while self._again:
            message, fragment = self._again[0]
            if message.sequence in self._unresolved and not message.arrived[fragment]:
                return message, fragment
            self._again.popleft()  # it arrived or ended while it waited
        while self._queue:
            message = self._queue[0]
            if message.sequence not in self._unresolved:
                self._queue.popleft()
                continue
            if not message.started:
                window = self.config.window
                if self.messages_in_flight >= self.credit or (window is not None and self._started_messages >= window):
                    return None
                if len(message.transmissions) > 1 and self._fragmented_in_flight >= REASSEMBLIES:
                    return None
            return message, message.next_fragment
        return None

    def _held_back(self, message: Outgoing, fragment: int, now: int) -> bool:
        """Whether the congestion window or the pace keeps this datagram back."""
        size = self._cutter.datagram_length(
            len(message.payload), fragment, len(message.transmissions), reply=message.reply_to > 0
        )
        self._paced_until = self.congestion.paced_until(now)
        self._window_was_limit = self._paced_until is not None or not self.congestion.allows(size)
        return self._window_was_limit

    def _transmit(self, message: Outgoing, fragment: int, now: int) -> bytes:
        data = self._encode_fragment(message, fragment, now)
        if message.transmissions[fragment]:
            self._again.popleft()
            self.retransmissions += 1
        else:
            if not message.started:
                self._started_messages += 1
                self._count_in_flight(message, 1)
                self._count_sent(message)
            message.next_fragment = fragment + 1
            if message.next_fragment == len(message.transmissions):
                self._queue.popleft()
        message.transmissions[fragment] += 1
        self._in_flight.add(Transmission(self._encoder.number, message, fragment, len(data), now))
        self.congestion.on_sent(len(data), now, self.rtt.srtt)
        return data

    def _count_in_flight(self, message: Outgoing, change: int) -> None:
        self.messages_in_flight += change
        if len(message.transmissions) > 1:
            self._fragmented_in_flight += change

    def _count_sent(self, message: Outgoing) -> None:
        self.messages_sent += 1
        self.payload_bytes += len(message.payload)

    def _uncount_sent(self, size: int) -> None:
        """The system refused it, so it was not sent after all."""
        self.messages_sent -= 1
        self.payload_bytes -= size

    def _schedule_probe(self, now: int) -> None:
        """Nothing in flight and something unresolved: no acknowledgment can be on its way, so ask (RFC 9293, 3.8.6.1)."""
        if self._framed or not self._unresolved or len(self._in_flight) or self._paced_until is not None:
            self._probe_at = None
        elif self._probe_at is None:
            self._probe_at = now + self._in_flight.spread(min(self.rtt.rto << min(self._probes, 16), MAX_RTO))

    # Helpers: acknowledgments --------------------------------------------------------------------------------------------

    def _receive_acknowledgment(self, datagram: Datagram, acknowledgment: Acknowledgment, now: int) -> None:
        if acknowledgment.session != self.session:
            raise MalformedDatagram("an ACK for another session")
        highest = acknowledgment.delivered[-1][1] if acknowledgment.delivered else acknowledgment.all_below - 1
        last = acknowledgment.arrived[-1][1] if acknowledgment.arrived else acknowledgment.largest
        if max(acknowledgment.largest, last) > self._encoder.number or highest > self._sequence:
            raise MalformedDatagram("an ACK for what was never sent")
        if not self._is_current_receiver(datagram.session):
            return
        self._probes = 0
        self._probe_at = None
        arrived = self._in_flight.acknowledge(acknowledgment.arrived)
        for transmission in arrived:
            self._arrive(transmission, now)
            if transmission.number == acknowledgment.largest:
                self.rtt.sample(now - transmission.sent_at, acknowledgment.delay_us * 1000)
        if arrived:
            self._in_flight.restart(now)
        while self._lowest < acknowledgment.all_below:
            self._deliver(self._lowest)
        for first, last in acknowledgment.delivered:
            for sequence in range(max(first, self._lowest), last + 1):
                self._deliver(sequence)
        if datagram.number > self._newest_acknowledgment:
            self._newest_acknowledgment = datagram.number
            self.credit = acknowledgment.credit
        if self._unresolved and not self._framed:
            self._detect_lost(now)

    def _receive_probe_reply(self, datagram: Datagram) -> None:
        if wire.decode_number(datagram.payload) != self.session:
            raise MalformedDatagram("a PROBE_REPLY for another session")
        if self._is_current_receiver(datagram.session):
            self._probes = 0
            self._probe_at = None
            self._send_arrived_again()  # it answers so only when it knows nothing of this session

    def _is_current_receiver(self, session: int) -> bool:
        """Notice a restarted receiver; False for what still comes from the one before."""
        if session in self._former_receivers:
            return False
        if self._receiver is not None and session != self._receiver:
            self._former_receivers.append(self._receiver)
            self._newest_acknowledgment = 0
            self._events.append(PeerRestarted(session))
            self._receiver = session
            self._send_arrived_again()
        self._receiver = session
        return True

    def _send_arrived_again(self) -> None:
        """The receiver lost what had arrived there and was not delivered."""
        for message in [message for message in self._unresolved.values() if message.started]:
            if not message.waiting:
                self._count_in_flight(message, 1)
            for fragment in message.forget_arrivals():
                self._send_again(message, fragment)

    def _arrive(self, transmission: Transmission, now: int) -> None:
        message = transmission.message
        if not transmission.deemed_lost:
            self.congestion.on_acknowledged(transmission.size, transmission.sent_at, self._window_was_limit)
        message.rtt = now - transmission.sent_at
        if message.waiting:
            message.arrive(transmission.fragment)
            if not message.waiting and message.sequence in self._unresolved:
                self._count_in_flight(message, -1)

    def _detect_lost(self, now: int) -> None:
        lost = self._in_flight.detect_lost(now)
        if lost:
            self.congestion.on_congestion(max(transmission.sent_at for transmission in lost), now)
            self._lose(lost)

    def _lose(self, lost: list[Transmission]) -> None:
        for transmission in lost:
            self.congestion.on_lost(transmission.size)
        for transmission in lost:
            message, fragment = transmission.message, transmission.fragment
            if not message.arrived[fragment]:
                self._send_again(message, fragment)

    def _send_again(self, message: Outgoing, fragment: int) -> None:
        """Queue a fragment for retransmission, or give its message up if it was sent as often as allowed."""
        limit = self.config.max_transmissions
        if message.sequence not in self._unresolved:
            return
        if message.transmissions[fragment] >= limit:
            self._give_up(message, f"no acknowledgment after {limit} transmissions")
        else:
            self._again.append((message, fragment))

    # Helpers: how a message ends -----------------------------------------------------------------------------------------

    def _deliver(self, sequence: int) -> None:
        message = self._unresolved.get(sequence)
        if message is not None:
            self.delivered_bytes += len(message.payload)
            self._end(message, State.DELIVERED, None)

    def _give_up(self, message: Outgoing, reason: str) -> None:
        sent = sum(message.transmissions) > message.failures
        self._end(message, State.UNCONFIRMED if sent else State.REFUSED, reason)

    def _end(self, message: Outgoing, state: State, reason: str | None) -> None:
        del self._unresolved[message.sequence]
        if message.started:
            self._started_messages -= 1
            if message.waiting:
                self._count_in_flight(message, -1)
            if state is State.REFUSED:
                self._uncount_sent(len(message.payload))
        while self._lowest <= self._sequence and self._lowest not in self._unresolved:
            self._lowest += 1
        if not self._unresolved:
            self._in_flight.clear()
            self._again.clear()
            self.congestion.bytes_in_flight = 0
            self._probe_at = None
        self._events.append(Outcome(message.sequence, state, reason, max(message.transmissions), message.rtt))
