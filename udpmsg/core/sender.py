"""The sending state machine: one session. Joins the messages, their transmissions, the path and the receiver's word.

Knows neither sockets nor the clock: it is told bytes and the time (`now`, nanoseconds) and tells what to send. It does not know
whether a datagram or a frame carries its messages, only whether one must fit in `datagram_size` and may be lost on the way.

The life of an acknowledged message: queued -> in flight -> arrived (the receiver's host has it) -> DELIVERED (the receiver's
application has it); UNCONFIRMED from every state once something was sent, REFUSED from the first.
"""

from collections import deque
from collections.abc import Sequence

from udpmsg.core import wire
from udpmsg.core.asking import Question
from udpmsg.core.config import SenderConfig
from udpmsg.core.congestion import Congestion
from udpmsg.core.encoder import Encoder
from udpmsg.core.events import Event, Malformed, Outcome, Peer, PeerRestarted, State
from udpmsg.core.fragments import Cutter
from udpmsg.core.outbox import Outbox, Outgoing
from udpmsg.core.retransmission import InFlight, Transmission
from udpmsg.core.rtt import MAX_RTO, SECOND, RttEstimator
from udpmsg.core.wire import Acknowledgment, Datagram, Kind, Report
from udpmsg.errors import MalformedDatagram

GOODBYES = 3
"""Over datagrams a GOODBYE is sent so often at most: loss at the tail is then known."""
INITIAL_CREDIT = 16
"""Messages that may be sent before the receiver has said how many it will take."""
FORMER_RECEIVERS = 16
"""Sessions of receivers that were restarted, whose late acknowledgments are ignored."""


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
        self._outbox = Outbox(config.window)
        self._ready: list[bytes] = []
        """Encoded already: what is not acknowledged leaves without being asked for again."""
        self._events: list[Event] = []
        self._last_refused = 0
        # the receiver
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
        # the end
        self._goodbyes_left = 0
        self._goodbye_number = 0
        self._goodbye_at: int | None = None
        # what the receiver is asked
        self._question: Question | None = None
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
        return len(self._outbox)

    @property
    def waiting_bytes(self) -> int:
        """Payload of the messages that have not ended."""
        return self._outbox.waiting_bytes

    @property
    def backlog(self) -> int:
        """Acknowledged messages that were accepted and of which nothing was sent yet."""
        return self._outbox.unsent

    @property
    def messages_in_flight(self) -> int:
        """Messages that were sent and of which the receiver's host has not everything yet."""
        return self._outbox.in_flight

    @property
    def last_sequence(self) -> int:
        """The last sequence number of which anything was handed to the transport; 0: none."""
        return self._outbox.last_started if self.config.acknowledged else self._outbox.sequence

    def send(self, payloads: Sequence[bytes], *, now: int, reply_to: int = 0) -> range:
        """Accept messages; return their sequence numbers. Raises MessageTooLarge before anything of them is queued."""
        for payload in payloads:
            self._cutter.check(len(payload), reply=reply_to > 0)
        first = self._outbox.sequence + 1
        self._outbox.sequence += len(payloads)
        deadline = now + self.config.deadline
        for sequence, payload in enumerate(payloads, first):
            fragments = self._cutter.count(len(payload), reply=reply_to > 0)
            message = Outgoing(sequence, payload, fragments, reply_to, deadline)
            if self.config.acknowledged:
                self._outbox.accept(message)
            else:
                self._count_sent(1, len(payload))
                self._ready += [self._encode(message, index, now) for index in range(fragments)]
        return range(first, first + len(payloads))

    @property
    def goodbye_unconfirmed(self) -> bool:
        """Whether a GOODBYE may still have to be repeated."""
        return self._goodbye_at is not None

    def goodbye(self, *, now: int, confirm: bool = False) -> None:
        """Say that the session is over and how many messages it sent: three times at once, in a frame once.

        `confirm`: to a receiver that has acknowledged anything, once, and again after each RTO until it acknowledges that too.
        Three in a row share their fate where a queue is full; three at intervals do not."""
        repeat = 1 if self._framed else GOODBYES
        if confirm and not self._framed and self._receiver is not None:
            self._goodbyes_left = repeat
            self._goodbye_number = self._encoder.number + 1
            self._say_goodbye(now)
        else:
            for _ in range(repeat):
                self._control(Kind.GOODBYE, now, wire.NUMBER.pack(self.messages_sent))

    def ask(self, *, now: int) -> Question:
        """Ask the receiver what it has of this session; the answer will be in the question that is returned. One at a time:
        an earlier one is asked no more."""
        self._question = Question()
        self._query(self._question, now)
        return self._question

    def ask_no_more(self) -> None:
        """Nobody waits for the answer any more."""
        self._question = None

    def abandon(self, reason: str, *, now: int) -> None:
        """End every unresolved message now: UNCONFIRMED if something of it was sent, else REFUSED."""
        for message in self._outbox:
            self._give_up(message, reason)

    def not_sent(self, datagrams: Sequence[bytes], reason: str, *, now: int, permanent: bool = False) -> None:
        """The system refused to send these. A fire-and-forget message is REFUSED; an acknowledged one is tried again, unless
        the refusal is `permanent`."""
        for data in datagrams:
            datagram = wire.decode(data, framed=self._framed)
            if datagram.kind is not Kind.MESSAGE:
                continue
            message = self._outbox.find(datagram.sequence)
            if message is not None:
                message.failures += 1
                message.refusal = f"not sent ({reason})"
                if permanent:
                    self._give_up(message, message.refusal)
            elif not self.config.acknowledged and datagram.sequence > self._last_refused:  # one fragment refuses the whole
                self._last_refused = datagram.sequence
                self._count_sent(-1, datagram.fragment[3] if datagram.fragment else len(datagram.payload))
                self._events.append(Outcome(datagram.sequence, State.REFUSED, f"not sent ({reason})"))

    # What the network tells ----------------------------------------------------------------------------------------------

    def receive(self, datagrams: Sequence[bytes], *, now: int, peer: Peer = None) -> None:
        """Take datagrams that came for this sender: ACK, PROBE_REPLY and REPORT. Anything else is counted as malformed."""
        for data in datagrams:
            try:
                datagram = wire.decode(data, framed=self._framed)
                if datagram.kind is Kind.ACK:
                    self._receive_acknowledgment(datagram, wire.decode_acknowledgment(datagram.payload), now)
                elif datagram.kind is Kind.PROBE_REPLY:
                    self._receive_probe_reply(datagram)
                elif datagram.kind is Kind.REPORT:
                    self._receive_report(datagram, wire.decode_report(datagram.payload), now)
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
        batch, self._ready = self._ready, []
        self._paced_until = None
        self._window_was_limit = False
        while (item := self._outbox.next_fragment(self.credit)) is not None:
            if not self._framed and self._held_back(*item, now):
                break
            batch.append(self._transmit(*item, now))
        self._schedule_probe(now)
        return batch

    def next_timeout(self) -> int | None:
        """When `handle_timeout` or `data_to_send` is due next, in nanoseconds; None: never, unless something comes in."""
        times = [self._goodbye_at, self._question.repeat_at if self._question else None]
        oldest = self._outbox.oldest()
        if oldest is not None:
            times += [oldest.deadline, self._probe_at, self._paced_until]
            if not self._framed:
                times += [self._in_flight.rto_at, self._in_flight.loss_at]
        return min((time for time in times if time is not None), default=None)

    def handle_timeout(self, *, now: int) -> None:
        """Do what is due: end messages past their deadline, deem transmissions lost, probe a silent receiver."""
        while (oldest := self._outbox.oldest()) is not None and oldest.deadline <= now:
            self._give_up(oldest, f"no acknowledgment within {self.config.deadline / SECOND:g} s")
        if self._in_flight.loss_at is not None and self._in_flight.loss_at <= now:
            self._detect_lost(now)
        if not self._framed and self._in_flight.rto_at is not None and self._in_flight.rto_at <= now:
            if self.rtt.timeouts:  # the second expiry in a row comes three timeouts after the loss began (RFC 9002, 7.6.1)
                self.congestion.on_persistent_congestion(now)
            else:
                self.congestion.on_congestion(now, now)
            self._lose(self._in_flight.time_out())
        if self._probe_at is not None and self._probe_at <= now:
            self._probes += 1
            self._probe_at = None
            self._control(Kind.PROBE, now)
        if self._goodbye_at is not None and self._goodbye_at <= now:
            self._say_goodbye(now)
        if self._question is not None and self._question.repeat_at is not None and self._question.repeat_at <= now:
            self._query(self._question, now)

    # Helpers: transmission -----------------------------------------------------------------------------------------------

    def _held_back(self, message: Outgoing, fragment: int, now: int) -> bool:
        """Whether the congestion window or the pace keeps this datagram back."""
        size = self._cutter.datagram_length(
            len(message.payload), fragment, len(message.transmissions), reply=message.reply_to > 0
        )
        self._paced_until = self.congestion.paced_until(now)
        self._window_was_limit = self._paced_until is not None or not self.congestion.allows(size)
        return self._window_was_limit

    def _transmit(self, message: Outgoing, fragment: int, now: int) -> bytes:
        data = self._encode(message, fragment, now)
        if message.transmissions[fragment]:
            self.retransmissions += 1
        elif not message.started:
            self._count_sent(1, len(message.payload))
        self._outbox.sent(message, fragment)
        self._in_flight.add(Transmission(self._encoder.number, message, fragment, len(data), now))
        self.congestion.on_sent(len(data), now, self.rtt.srtt)
        return data

    def _encode(self, message: Outgoing, index: int, now: int) -> bytes:
        payload, fragment = self._cutter.cut(message.payload, index, len(message.transmissions), reply=message.reply_to > 0)
        return self._encoder.encode(
            Kind.MESSAGE,
            now=now,
            sequence=message.sequence,
            payload=payload,
            lowest=self._outbox.lowest if self.config.acknowledged else 0,
            transmission=message.transmissions[index] + 1,
            fragment=fragment,
            reply_to=message.reply_to,
            ordered=self.config.ordered,
        )

    def _control(self, kind: Kind, now: int, payload: bytes = b"") -> None:
        lowest = self._outbox.lowest if self.config.acknowledged else 0
        self._ready.append(self._encoder.encode(kind, now=now, payload=payload, lowest=lowest, transmission=1))

    def _say_goodbye(self, now: int) -> None:
        self._control(Kind.GOODBYE, now, wire.NUMBER.pack(self.messages_sent))
        self._goodbyes_left -= 1
        self._goodbye_at = now + self._in_flight.spread(self.rtt.rto) if self._goodbyes_left else None

    def _query(self, question: Question, now: int) -> None:
        """Ask for a page, and again after each RTO, which doubles (RFC 8085, section 3.1.1). A stream brings it for certain."""
        self._ready.append(self._encoder.encode(Kind.QUERY, now=now, payload=wire.encode_query(question.begins_at)))
        timeout = min(self.rtt.rto << min(question.attempts, 16), MAX_RTO)
        repeat_at = None if self._framed else now + self._in_flight.spread(timeout)
        question.asked(self._encoder.number, now, repeat_at=repeat_at)

    def _count_sent(self, messages: int, size: int) -> None:
        self.messages_sent += messages
        self.payload_bytes += size * messages

    def _schedule_probe(self, now: int) -> None:
        """Nothing in flight and something unresolved: no acknowledgment can be on its way, so ask (RFC 9293, 3.8.6.1)."""
        if self._framed or not self._outbox or self._in_flight or self._paced_until is not None:
            self._probe_at = None
        elif self._probe_at is None:
            self._probe_at = now + self._in_flight.spread(min(self.rtt.rto << min(self._probes, 16), MAX_RTO))

    # Helpers: acknowledgments --------------------------------------------------------------------------------------------

    def _receive_acknowledgment(self, datagram: Datagram, acknowledgment: Acknowledgment, now: int) -> None:
        self._check_acknowledgment(acknowledgment)
        if not self._is_current_receiver(datagram.session):
            return
        if self._goodbye_at is not None and acknowledgment.largest >= self._goodbye_number:
            self._goodbye_at = None
        arrived = self._in_flight.acknowledge(acknowledgment.arrived)
        for transmission in arrived:
            self._arrive(transmission)
            if transmission.number == acknowledgment.largest:  # the others may have waited for an ACK that was lost
                self.rtt.sample(now - transmission.sent_at, acknowledgment.delay_us * 1000)
                transmission.message.rtt = self.rtt.latest
        if arrived:
            self._in_flight.restart(now)
        self._deliver(self._outbox.lowest, acknowledgment.all_below - 1)
        for first, last in acknowledgment.delivered:
            self._deliver(max(first, self._outbox.lowest), last)
        if datagram.number > self._newest_acknowledgment:
            self._newest_acknowledgment = datagram.number
            self.credit = acknowledgment.credit
        if not self._framed:
            self._detect_lost(now)

    def _check_acknowledgment(self, acknowledgment: Acknowledgment) -> None:
        """Raise MalformedDatagram for what no receiver of this session can say."""
        if acknowledgment.session != self.session:
            raise MalformedDatagram("an ACK for another session")
        arrived = acknowledgment.arrived[-1][1] if acknowledgment.arrived else 0
        delivered = acknowledgment.delivered[-1][1] if acknowledgment.delivered else 0
        if max(acknowledgment.largest, arrived) > self._encoder.number:
            raise MalformedDatagram("an ACK for datagrams that were never sent")
        if max(acknowledgment.all_below - 1, delivered) > max(self._outbox.last_started, self._outbox.lowest - 1):
            raise MalformedDatagram("an ACK for messages that were never sent")

    def _receive_probe_reply(self, datagram: Datagram) -> None:
        if wire.decode_number(datagram.payload) != self.session:
            raise MalformedDatagram("a PROBE_REPLY for another session")
        if self._question is not None:
            self._question.disclaimed()
        if self._is_current_receiver(datagram.session):
            self._send_arrived_again()  # it answers so only when it knows nothing of this session

    def _receive_report(self, datagram: Datagram, report: Report, now: int) -> None:
        if report.session != self.session:
            raise MalformedDatagram("a REPORT of another session")
        if report.highest > self.last_sequence:
            raise MalformedDatagram("a REPORT of messages that were never sent")
        if self._question is None:
            return
        round_trip = self._question.answer(report, datagram.session, now)
        if round_trip is None:
            return
        self.rtt.sample(round_trip)  # unambiguous: the REPORT names the QUERY that it answers
        if not self._question.answered:
            self._query(self._question, now)

    def _is_current_receiver(self, session: int) -> bool:
        """Notice a restarted receiver; False for what still comes from the one before."""
        if session in self._former_receivers:
            return False
        self._probes = 0
        self._probe_at = None
        if self._receiver is not None and session != self._receiver:
            self._former_receivers.append(self._receiver)
            self._newest_acknowledgment = 0
            self._events.append(PeerRestarted(session))
            self._send_arrived_again()
        self._receiver = session
        return True

    def _send_arrived_again(self) -> None:
        """The receiver lost what had arrived there and was not delivered."""
        for message in self._outbox:
            if message.started:
                for fragment in self._outbox.forget_arrivals(message):
                    self._send_again(message, fragment)

    def _arrive(self, transmission: Transmission) -> None:
        if not transmission.deemed_lost:
            self.congestion.on_acknowledged(transmission.size, transmission.sent_at, self._window_was_limit)
        self._outbox.arrive(transmission.message, transmission.fragment)

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
            is_latest = transmission.ordinal == message.transmissions[fragment]
            if is_latest and not message.arrived[fragment]:
                self._send_again(message, fragment)

    def _send_again(self, message: Outgoing, fragment: int) -> None:
        """Queue a fragment for retransmission, or give its message up if it was sent as often as allowed."""
        if message not in self._outbox:
            return
        if message.transmissions[fragment] >= self.config.max_transmissions:
            self._give_up(message, f"no acknowledgment after {self.config.max_transmissions} transmissions")
        else:
            self._outbox.send_again(message, fragment)

    # Helpers: how a message ends -----------------------------------------------------------------------------------------

    def _deliver(self, first: int, last: int) -> None:
        for message in self._outbox.between(first, last):
            self.delivered_bytes += len(message.payload)
            self._end(message, State.DELIVERED, None)

    def _give_up(self, message: Outgoing, reason: str) -> None:
        if sum(message.transmissions) > message.failures:
            self._end(message, State.UNCONFIRMED, reason)
        else:
            if message.started:
                self._count_sent(-1, len(message.payload))
            self._end(message, State.REFUSED, message.refusal or reason)

    def _end(self, message: Outgoing, state: State, reason: str | None) -> None:
        self._outbox.remove(message)
        if not self._outbox:
            self._in_flight.clear()
            self.congestion.bytes_in_flight = 0
            self._probe_at = None
        self._events.append(Outcome(message.sequence, state, reason, max(message.transmissions), message.rtt))
