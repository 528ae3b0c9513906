"""The sending state machine: one session. Joins the messages, their transmissions, the path and what the receiver says.

Knows neither sockets nor the clock: it is told bytes and the time (`now`, nanoseconds) and tells what to send. It does not know
whether a datagram or a frame carries its messages, only whether one must fit in `datagram_size` and may be lost on the way.

The life of an acknowledged message: queued -> in flight -> arrived (the receiver's host has it) -> DELIVERED (the receiver's
application has it); UNCONFIRMED from every state once something was sent, REFUSED from the first.

Ordinary messages (see `udpmsg.core.outbox`) go this way in runs; what happens to one alone makes it an object of its own.
"""

from bisect import insort
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from udpmsg.base.durations import MILLISECOND, SECOND
from udpmsg.base.errors import MalformedDatagram, Phrase
from udpmsg.core import bare, wire
from udpmsg.core.asking import Query, possible
from udpmsg.core.config import Earlier, SenderConfig
from udpmsg.core.congestion import CONTROLLERS
from udpmsg.core.encoder import Encoder
from udpmsg.core.events import NOTICES_KEPT, Event, Malformed, Outcome, Peer, PeerRestarted, State
from udpmsg.core.framing import Run, kept
from udpmsg.core.outbox import Outbox, Outgoing
from udpmsg.core.path_mtu import FLOOR, PathMtu
from udpmsg.core.refusals import Refusals
from udpmsg.core.retransmission import Flight, InFlight
from udpmsg.core.rtt import CLOCK_GRANULARITY, MAX_ACK_DELAY, MAX_RTO, NEVER, RttEstimator
from udpmsg.core.transmitter import Transmitter
from udpmsg.core.wire import Acknowledgment, Datagram, Kind, Report

if TYPE_CHECKING:
    from udpmsg.core.header_columns import Rows, Writer

GOODBYES = 3
"""Over datagrams a GOODBYE is sent so often at most: loss at the tail is then known."""
INITIAL_CREDIT = 128
"""Messages that may be sent before the receiver has said how many it will take."""
FORMER_RECEIVERS = 16
"""Sessions of receivers that were restarted, whose late acknowledgments are ignored."""
CHALLENGERS = 256
"""Receivers whose last CHALLENGE is remembered: those of a group."""
PROBE_OVERHEAD = wire.HEADER.size + wire.ACK_REQUESTED_BLOCK.size + wire.CHECKSUM_BLOCK.size
"""Bytes of a PROBE that is not padded."""
COOKIE_INTERVAL = 100 * MILLISECOND
"""Before a round trip was measured, CHALLENGEs are answered so often at most."""


class Sender:
    """One sending session. Call `data_to_send` and `events` after every other call, then wait for `next_timeout`."""

    def __init__(self, config: SenderConfig, *, session: int, now: int, earlier: Earlier | None = None) -> None:
        """`earlier`: the session has lives, of which this is one; call `skip` and `send` for what is left, in order, first."""
        self.config = config
        self.session = session
        self._framed = config.datagram_size is None
        self._has_lives = earlier is not None
        earlier = earlier or Earlier(started=now)
        self._started = earlier.started
        self._encoder = Encoder(session=session, started=earlier.started, framed=self._framed, number=earlier.datagrams)
        self._path = PathMtu() if config.follows_path else None
        self.datagram_size = config.datagram_size
        """Bytes of the largest datagram now; None: frames of a stream carry the messages."""
        self.whole = False
        """Whether it is proved that the path takes such datagrams, so that nobody on it may cut them up."""
        self._black_holes = 0
        """How many of the path are known here."""
        self._outbox = Outbox(config.window)
        self._ready: list[bytes | Run] = []
        """Encoded already: what is not acknowledged leaves without being asked for again."""
        self._events: list[Event] = []
        self._last_refused = 0
        # other lives of this session
        self._accepted_earlier = earlier.accepted
        self._delivered_earlier = 0
        # the receiver
        self._receiver: int | None = None
        self._former_receivers: deque[int] = deque(maxlen=FORMER_RECEIVERS)
        self.restarts = 0
        """How often the receiver was found to be another one than before."""
        self._newest_acknowledgment = 0
        self._cookie_from: dict[int, int] = {}
        """When a CHALLENGE of this receiver's session may be answered again: of a group each may ask."""
        self.credit = INITIAL_CREDIT
        """How many messages in flight the receiver takes."""
        self.credit_bytes: int | None = None
        """How many bytes of payload they may have; None: it has not said so yet."""
        self._refusals = Refusals(config.refused_for)
        self.refused_for_long = False
        """Whether messages were ended by nothing but refusals."""
        # the path
        self.rtt = RttEstimator(config.min_rto)
        self.congestion = CONTROLLERS[config.congestion](config.datagram_size or 1200, session)
        self._in_flight = InFlight(self.rtt, seed=session, jitter=config.jitter, lossless=self._framed)
        self._transmitter = Transmitter(config, self._encoder, self._outbox, self._in_flight, self.congestion)
        self._paced_until = NEVER
        self._probe_at = NEVER
        self._probes = 0
        self._last_chances: list[tuple[int, int, int]] = []
        """Whose last transmission seems lost: when it is given up, sequence number and fragment, in this order."""
        # the end
        self._goodbyes_left = 0
        self._goodbye_number = 0
        self._goodbye_at = NEVER
        # what the receiver is asked
        self._question: Query | None = None
        # counts
        self.losses = 0
        """Datagrams that are deemed lost, or went where nobody is, less those that arrived after all."""
        self.malformed = 0
        self.delivered_bytes = 0
        """Payload of the messages that ended DELIVERED."""
        self.ended = dict.fromkeys(State, 0)
        """How many messages ended so."""

    # What the application asks -------------------------------------------------------------------------------------------

    @property
    def unresolved(self) -> int:
        """Acknowledged messages that were accepted and have not ended."""
        return self._outbox.unresolved

    @property
    def waiting_bytes(self) -> int:
        """Payload of the messages that have not ended."""
        return self._outbox.waiting_bytes

    @property
    def backlog(self) -> int:
        """Acknowledged messages that were accepted and of which nothing was sent yet."""
        outbox = self._outbox
        return outbox.sequence + 1 - outbox.next_unsent

    @property
    def messages_in_flight(self) -> int:
        """Messages that were sent and of which the receiver's host has not everything yet."""
        return self._outbox.in_flight

    @property
    def heard(self) -> bool:
        """Whether the receiver has ever answered."""
        return self._receiver is not None

    @property
    def last_sequence(self) -> int:
        """The last sequence number of which anything was handed to the transport, in an earlier life perhaps; 0: none."""
        return max(self._outbox.last_started, self._accepted_earlier)

    @property
    def accepted(self) -> int:
        """The last sequence number that was given or skipped."""
        return self._outbox.sequence

    @property
    def messages_sent(self) -> int:
        """Messages of which something was handed to the transport."""
        return self._transmitter.messages_sent

    @property
    def payload_bytes(self) -> int:
        """Payload of the messages sent, each counted once."""
        return self._transmitter.payload_bytes

    @property
    def retransmissions(self) -> int:
        """Datagrams that were sent again."""
        return self._transmitter.retransmissions

    @property
    def messages_of_session(self) -> int:
        """Messages of which something was handed to the transport, in this life or an earlier one."""
        return self.messages_sent + self._delivered_earlier

    def check(self, size: int, title: str = "") -> None:
        """Raise MessageTooLarge if no message of so many bytes, called so, can be sent."""
        self._transmitter.check(size, reply=False, title=title)

    def skip(self, messages: int) -> None:
        """The next so many numbers are of messages that were delivered in an earlier life. Nothing may wait to be sent."""
        self._outbox.skip(messages)
        self._delivered_earlier += messages

    def send(self, payloads: Sequence[bytes], *, now: int, reply_to: int = 0, title: str = "") -> range:
        """Accept messages, each called `title`; return their sequence numbers. Raises MessageTooLarge before anything of them is
        queued."""
        largest = max(map(len, payloads), default=0)
        ordinary = largest <= self._transmitter.cutter.ordinary and not (reply_to or title)
        if not ordinary:
            self._transmitter.check(largest, reply=reply_to > 0, title=title)
        if self.config.acknowledged:
            first = self._outbox.accept(payloads, now + self.config.deadline)
            if not ordinary and self._transmitter.set_apart(payloads, first, reply_to, title) and self._path is not None:
                self._path.want_more()
        else:
            first = self._outbox.skip(len(payloads))
            self._ready += self._transmitter.at_once(payloads, first, reply_to, title, now, ordinary=ordinary)
        return range(first, first + len(payloads))

    def send_rows(self, rows: "Rows", writer: "Writer", *, now: int) -> range:
        """Accept fire-and-forget messages of one length as columns; return their sequence numbers. What `data_to_send` then has
        of them is to be sent, or copied, before the next call."""
        self._ready = [kept(message) for message in self._ready]
        first = self._outbox.skip(len(rows))
        self._ready += self._transmitter.rows_at_once(rows, writer, first, now)
        return range(first, first + len(rows))

    def takes_rows(self, size: int) -> bool:
        """Whether messages of so many bytes may be given as rows."""
        return not (self.config.acknowledged or self._framed) and size <= self._transmitter.cutter.ordinary

    @property
    def goodbye_unconfirmed(self) -> bool:
        """Whether a GOODBYE may still have to be repeated."""
        return self._goodbye_at != NEVER

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
                self._control(Kind.GOODBYE, now, wire.NUMBER.pack(self.messages_of_session))

    def ask(self, *, now: int) -> Query:
        """Ask the receiver what it has of this session; the answer will be in the question that is returned. One at a time:
        an earlier one is asked no more."""
        self._question = Query()
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
                message.refusal = Phrase("not sent ({})", reason)
                if permanent:
                    self._give_up(message, message.refusal)
            elif not self.config.acknowledged and datagram.sequence > self._last_refused:  # one fragment refuses the whole
                self._last_refused = datagram.sequence
                self._transmitter.count_sent(-1, -(datagram.fragment[3] if datagram.fragment else len(datagram.payload)))
                self.ended[State.REFUSED] += 1
                self._events.append(Outcome(datagram.sequence, State.REFUSED, Phrase("not sent ({})", reason)))

    # What the network tells ----------------------------------------------------------------------------------------------

    def receive(self, datagrams: Sequence[bytes], *, now: int, peer: Peer = None) -> None:
        """Take datagrams that came for this sender: ACK, PROBE_REPLY, CHALLENGE and REPORT. Anything else is counted as
        malformed, and told as long as not too much waits to be told."""
        for data in datagrams:
            try:
                if (acknowledgment := bare.decode(data, framed=self._framed)) is not None:  # most often
                    self._receive_acknowledgment(*acknowledgment, now)
                    continue
                datagram = wire.decode(data, framed=self._framed)
                if datagram.kind is Kind.ACK:
                    said = wire.decode_acknowledgment(datagram.payload)
                    self._receive_acknowledgment(datagram.session, datagram.number, said, now)
                elif datagram.kind is Kind.PROBE_REPLY:
                    self._receive_probe_reply(datagram, now)
                elif datagram.kind is Kind.CHALLENGE:
                    self._receive_challenge(datagram, now)
                elif datagram.kind is Kind.REPORT:
                    self._receive_report(datagram, wire.decode_report(datagram.payload), now)
                else:
                    raise MalformedDatagram("{} means nothing to a sender", datagram.kind.name)
            except MalformedDatagram as error:
                self.malformed += 1
                if len(self._events) < NOTICES_KEPT:
                    self._events.append(Malformed(peer, str(error), len(data)))

    def refused(self, *, now: int) -> None:
        """ICMP says that nobody listens there. That proves nothing; `refused_for` of nothing else ends every message."""
        if self._outbox.unresolved and not self.heard and self._refusals.note(now):
            self.refused_for_long = True
            self.abandon(
                Phrase("refused (ICMP) for {} s: nobody listens there", f"{(self.config.refused_for or 0) / SECOND:g}"), now=now
            )

    def try_again(self, *, now: int) -> None:
        """What is in flight went where nobody is: send it again now, each as often as it may be sent."""
        self._lose(self._in_flight.sent_in_vain(), now, give_up_at=now + self.rtt.rto)

    def path_hint(self, size: int, *, now: int) -> None:
        """The system, or somebody on the path, says that it takes datagrams of `size` bytes at most. That proves nothing."""
        if self._path is not None:
            self._path.on_hint(size, now)

    def too_large(self, size: int, *, now: int) -> None:
        """The system itself can't send as much in one datagram: a probe, or what was sent before without trouble."""
        if self._path is not None:
            self._path.on_refused(size)
            self._follow_path(now)

    def events(self) -> list[Event]:
        """What happened since the last call: Outcome, PeerRestarted, Malformed."""
        events, self._events = self._events, []
        return events

    # What leaves, and when -----------------------------------------------------------------------------------------------

    def data_to_send(self, *, now: int) -> list[bytes | Run]:
        """Everything that may leave now, encoded, in order, in runs where that goes; retransmissions before new messages."""
        batch, self._ready = self._ready, []
        if not self.config.acknowledged:
            return batch
        transmitter, unresolved = self._transmitter, self._outbox.unresolved
        transmitter.window_was_limit = False
        if unresolved and self._outbox.anything_to_send:
            batch += transmitter.data_to_send(self.credit, self.credit_bytes, now)
        if transmitter.window_was_limit:
            self._paced_until = self.congestion.paced_until(now) or NEVER
        else:
            self._paced_until = NEVER
            self.congestion.on_application_limited()
        if unresolved:
            self._schedule_probe(now)
        return batch

    def probe_to_send(self, *, now: int) -> bytes | None:
        """A datagram that must not be cut up on its way: whether it arrives tells what the path takes. None: none is due.

        Call this when what `data_to_send` has is sent, until it has none, and `too_large` for one that the system can't send."""
        if self._path is None or not self._outbox.unresolved:
            return None
        size = self._path.probe(now)
        self._follow_path(now)
        if size is None:
            return None
        data = self._transmitter.control(Kind.PROBE, now, bytes(size - PROBE_OVERHEAD))
        srtt, rttvar = self.rtt.srtt, self.rtt.rttvar
        timeout = self.rtt.rto if srtt is None else srtt + max(4 * rttvar, CLOCK_GRANULARITY)  # RFC 9002 section 6.2.1
        self._path.sent(size, self._encoder.number, now, timeout)
        return data

    def next_timeout(self) -> int | None:
        """When `handle_timeout` or `data_to_send` is due next, in nanoseconds; None: never, unless something comes in."""
        due = min(self._due())
        return due if due != NEVER else None

    def handle_timeout(self, *, now: int) -> None:
        """Do what is due: end messages past their deadline, deem transmissions lost, probe a silent receiver."""
        idle = not self._outbox.unresolved and self._goodbye_at == NEVER and self._question is None
        if idle or min(self._due()) > now:  # most often
            return
        for place, handle in enumerate(TIMERS):
            if self._due()[place] <= now:  # what was handled before may have moved it
                handle(self, now)

    # Helpers: timers -----------------------------------------------------------------------------------------------------

    def _due(self) -> tuple[int, ...]:
        """When each of TIMERS is due, in their order, and behind them when the pace lets more leave. NEVER: it does not run."""
        return (
            self._outbox.deadline,
            self._in_flight.loss_at,
            self._in_flight.rto_at,
            self._in_flight.probe_at,
            self._path.next_timeout() if self._path is not None and self._outbox.unresolved else NEVER,
            self._last_chances[0][0] if self._last_chances else NEVER,
            self._refusals.knock_at,
            self._probe_at,
            self._goodbye_at,
            NEVER if self._question is None else self._question.repeat_at,
            self._paced_until,
        )

    def _end_overdue(self, now: int) -> None:
        while self._outbox.deadline <= now:
            self._give_up(self._outbox.oldest(), Phrase("no acknowledgment within {} s", f"{self.config.deadline / SECOND:g}"))

    def _time_out(self, now: int) -> None:
        """The retransmission timer expired (RFC 6298, section 5)."""
        if self.rtt.timeouts:  # the second expiry in a row comes three timeouts after the loss began (RFC 9002, 7.6.1)
            self.congestion.on_persistent_congestion(now)
        else:
            self.congestion.on_congestion(now, now)
        lost = self._in_flight.time_out()
        if self._path is not None:
            self._path.on_expiry([flight.sizes[0] for flight in lost])
        self._lose(lost, now, give_up_at=now)

    def _probe_tail(self, now: int) -> None:
        """Nothing came back for so long: ask the receiver what it has."""
        self._in_flight.probed(now)
        if self._outbox.in_flight <= self.credit:  # else it drops what it has no room for, and no way lost that
            self._control(Kind.PROBE, now)

    def _probe_path(self, now: int) -> None:
        """A probe of the path's size was missed, or the search begins anew."""
        assert self._path is not None
        self._path.probe(now)
        self._follow_path(now)

    def _end_last_chances(self, now: int) -> None:
        """What may not be sent again has been waited for as long as any transmission."""
        while self._last_chances and self._last_chances[0][0] <= now:
            _, sequence, fragment = self._last_chances.pop(0)
            message = self._outbox.find(sequence)
            if message is None or (index := message.index_of(fragment)) is None:
                continue
            if not self._outbox.has_arrived(message, index):
                self._give_up(message, self._sent_in_vain)

    def _knock(self, now: int) -> None:
        """There were refusals for nearly long enough: try once more."""
        self._refusals.knocked()
        self.try_again(now=now)

    def _probe_silent(self, now: int) -> None:
        """Nothing is in flight that an acknowledgment could come for: ask."""
        self._probes += 1
        self._probe_at = NEVER
        self._control(Kind.PROBE, now)

    def _ask_again(self, now: int) -> None:
        assert self._question is not None
        self._query(self._question, now)

    # Helpers: what leaves beside the messages ----------------------------------------------------------------------------

    def _follow_path(self, now: int) -> None:
        """From now on cut to what the path takes."""
        path = self._path
        assert path is not None
        self.whole = path.confirmed
        if path.size == self.datagram_size:
            return
        self.datagram_size = path.size
        self._transmitter.cut_to(path.size)
        self.congestion.set_datagram_size(path.size)
        if path.black_holes > self._black_holes:
            self._black_holes = path.black_holes
            self._lose(self._in_flight.too_large(path.size), now, give_up_at=now + self.rtt.rto)

    def _control(self, kind: Kind, now: int, payload: bytes = b"") -> None:
        self._ready.append(self._transmitter.control(kind, now, payload))

    def _say_goodbye(self, now: int) -> None:
        self._control(Kind.GOODBYE, now, wire.NUMBER.pack(self.messages_of_session))
        self._goodbyes_left -= 1
        self._goodbye_at = now + self._in_flight.spread(self.rtt.rto) if self._goodbyes_left else NEVER

    def _query(self, question: Query, now: int) -> None:
        """Ask for a page, and again after each RTO, which doubles (RFC 8085, section 3.1.1). A stream brings it for certain."""
        self._ready.append(self._encoder.encode(Kind.QUERY, now=now, payload=wire.encode_query(question.begins_at)))
        timeout = min(self.rtt.rto << min(question.attempts, 16), MAX_RTO)
        repeat_at = NEVER if self._framed else now + self._in_flight.spread(timeout)
        question.asked(self._encoder.number, now, repeat_at=repeat_at)

    def _schedule_probe(self, now: int) -> None:
        """Nothing in flight, and something is unresolved: no acknowledgment can be on its way, so ask (RFC 9293, 3.8.6.1)."""
        lossless = self._framed and not self._has_lives  # else what an earlier life has ended may be a gap to the receiver
        if lossless or self._in_flight or self._paced_until != NEVER:
            self._probe_at = NEVER
        elif self._probe_at == NEVER:
            self._probe_at = now + self._in_flight.spread(min(self.rtt.rto << min(self._probes, 16), MAX_RTO))

    # Helpers: acknowledgments --------------------------------------------------------------------------------------------

    def _receive_acknowledgment(self, receiver: int, number: int, acknowledgment: Acknowledgment, now: int) -> None:
        """Of this receiver's session, as the datagram with this number."""
        self._check_acknowledgment(acknowledgment)
        if not self._is_current_receiver(receiver):
            return
        if acknowledgment.largest >= self._goodbye_number:
            self._goodbye_at = NEVER
        arrived = self._in_flight.acknowledge(acknowledgment.arrived, acknowledgment.all_below, now)
        for flight in arrived:
            if flight.first <= acknowledgment.largest <= flight.last:  # the others may have waited for an ACK that was lost
                held = acknowledgment.delay_us * 1000
                round_trip = self.rtt.sample(now - flight.sent_at, held)
                self._outbox.measured(flight.carried_by(acknowledgment.largest)[0], round_trip)
                self.congestion.on_round_trip(round_trip, self.rtt.srtt or round_trip, now, min(held, MAX_ACK_DELAY))
        for flight in arrived:
            if flight.deemed_lost:
                self.losses -= 1
                self.congestion.on_late(flight, now)
            else:
                self.congestion.on_acknowledged(flight, now, self._transmitter.window_was_limit)
        if self._path is not None:
            self._probes_arrived(self._path, acknowledgment, arrived, now)
        if arrived:
            self._in_flight.restart(now)
        # what only an earlier life has sent is confirmed when it is sent again: that keeps the unsent without a gap
        sent = self._outbox.next_unsent - 1
        self._deliver(self._outbox.lowest, min(acknowledgment.all_below - 1, sent))
        for first, last in acknowledgment.delivered:
            self._deliver(first, min(last, sent))
        for flight in arrived if self._outbox.unresolved else ():  # what is delivered need not be known to have arrived
            last, last_fragment = flight.carried_by(flight.last)
            self._outbox.arrive(flight.sequence, last, flight.fragment, last_fragment)
        if number > self._newest_acknowledgment:
            self._newest_acknowledgment = number
            self.credit, self.credit_bytes = acknowledgment.credit, acknowledgment.credit_bytes
        self._detect_lost(now)
        if self._path is not None and self._path.in_doubt:
            for flight in arrived:
                self._path.on_arrived(flight.sizes)
        if arrived:
            self.congestion.settle(now)

    def _probes_arrived(self, path: PathMtu, acknowledgment: Acknowledgment, arrived: list[Flight], now: int) -> None:
        """What an acknowledgment tells of the path. The answer to a probe is a round trip, which is needed as long as there is no
        other: what was sent in datagrams that the path does not take has none."""
        if not path.seeking:
            for flight in arrived:
                if max(flight.sizes) > FLOOR:  # the many small ones need not be counted
                    path.on_used(flight.sizes)
        if path.listening:
            self._probe_answered(path, acknowledgment.arrived, acknowledgment.largest, now, acknowledgment.delay_us * 1000)

    def _probe_answered(self, path: PathMtu, ranges: Sequence[tuple[int, int]], newest: int, now: int, delay: int = 0) -> None:
        sent_at = path.on_acknowledged(ranges, now).get(newest)
        if sent_at is not None and self.rtt.srtt is None:
            self.rtt.sample(now - sent_at, delay)
        self._follow_path(now)

    def _check_acknowledgment(self, acknowledgment: Acknowledgment) -> None:
        """Raise MalformedDatagram for what no receiver of this session can say."""
        if acknowledgment.session != self.session:
            raise MalformedDatagram("an ACK for another session")
        arrived = acknowledgment.arrived[-1][1] if acknowledgment.arrived else 0
        delivered = acknowledgment.delivered[-1][1] if acknowledgment.delivered else 0
        if acknowledgment.largest > self._encoder.number or arrived > self._encoder.number:
            raise MalformedDatagram("an ACK for datagrams that were never sent")
        if max(acknowledgment.all_below - 1, delivered) >= max(self._outbox.next_unsent, self._accepted_earlier + 1):
            raise MalformedDatagram("an ACK for messages that were never sent")

    def _receive_probe_reply(self, datagram: Datagram, now: int) -> None:
        session, number = wire.decode_probe_reply(datagram.payload)
        if session != self.session:
            raise MalformedDatagram("a PROBE_REPLY for another session")
        if number > self._encoder.number:
            raise MalformedDatagram("a PROBE_REPLY to what was never sent")
        if self._question is not None:
            self._question.disclaimed()
        if self._path is not None and self._path.listening:
            self._probe_answered(self._path, [(number, number)], number, now)
        if self._is_current_receiver(datagram.session):
            self._send_arrived_again()  # it answers so only when it knows nothing of this session

    def _receive_challenge(self, datagram: Datagram, now: int) -> None:
        """The receiver wants to know whether this address is ours: return what it sent there (RFC 9000, section 8.1.2).

        A stranger that sees our datagrams can forge one. So only one in each round trip is answered, and none says that the path
        lost something, or who the receiver is. Where nothing was acknowledged yet, the receiver had no place and has kept
        nothing: what is in flight leaves again, but each datagram only once for this reason, so that no forger uses up its
        transmissions."""
        cookie = wire.decode_challenge(datagram.payload)
        if datagram.sent_at != self.session:
            raise MalformedDatagram("a CHALLENGE for another session")
        if now < self._cookie_from.get(datagram.session, now):
            return
        if len(self._cookie_from) >= CHALLENGERS:
            self._cookie_from.clear()
        pause = COOKIE_INTERVAL if self.rtt.srtt is None else max(self.rtt.srtt, CLOCK_GRANULARITY)
        self._cookie_from[datagram.session] = now + pause
        self._ready.append(self._encoder.encode(Kind.COOKIE, now=now, payload=wire.encode_cookie(cookie)))
        if not self._in_flight.largest_acknowledged:
            self._lose(self._in_flight.recall(), now, give_up_at=now + self.rtt.rto)

    def _receive_report(self, datagram: Datagram, report: Report, now: int) -> None:
        if report.session != self.session:
            raise MalformedDatagram("a REPORT of another session")
        if report.highest > self.last_sequence:
            raise MalformedDatagram("a REPORT of messages that were never sent")
        if self._question is None:
            return
        sent_earlier = self._accepted_earlier * self.config.max_message  # at most
        report = possible(report, payload_bytes=self.payload_bytes + sent_earlier, elapsed=now - self._started)
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
        self._probe_at = NEVER
        self._refusals.clear()
        if self._receiver is not None and session != self._receiver:
            self._former_receivers.append(self._receiver)
            self._newest_acknowledgment = 0
            self.restarts += 1
            self._events.append(PeerRestarted(session))
            self._send_arrived_again()
        self._receiver = session
        return True

    def _send_arrived_again(self) -> None:
        """The receiver lost what had arrived there and was not delivered."""
        for message, fragment in self._outbox.forget_arrivals():
            if message.transmissions[fragment] < self.config.max_transmissions:
                self._outbox.send_again(message, fragment)
            elif message in self._outbox:
                self._give_up(message, self._sent_in_vain)

    def _detect_lost(self, now: int) -> None:
        lost = self._in_flight.detect_lost(now)
        if lost:
            if self._path is not None:
                self._path.on_lost([flight.sizes[0] for flight in lost])
            self.congestion.on_congestion(lost[-1].sent_at, now)
            # they may only be overtaken: what may not be sent again is waited for as long as any transmission
            self._lose(lost, now, give_up_at=now + self.rtt.rto)

    def _lose(self, lost: list[Flight], now: int, *, give_up_at: int) -> None:
        self.losses += len(lost)
        for flight in lost:
            flight.episode = self.congestion.episode
            self.congestion.on_lost(flight, now)
        for flight in lost:
            message = self._outbox.find(flight.sequence)
            if message is None or (index := message.index_of(flight.fragment)) is None:
                continue  # it has ended, or is cut up otherwise by now
            if self._outbox.has_arrived(message, index) or flight.ordinal < message.transmissions[index]:
                continue  # it is on its way again, if it has not arrived
            if flight.ordinal < self.config.max_transmissions:
                self._outbox.send_again(message, index)
            else:
                insort(self._last_chances, (give_up_at, flight.sequence, flight.fragment))

    # Helpers: how a message ends -----------------------------------------------------------------------------------------

    def _deliver(self, first: int, last: int) -> None:
        before = self._outbox.waiting_bytes
        self._end(first, last, State.DELIVERED, None)
        self.delivered_bytes += before - self._outbox.waiting_bytes

    @property
    def _sent_in_vain(self) -> str:
        return Phrase("no acknowledgment after {} transmissions", self.config.max_transmissions)

    def _give_up(self, message: Outgoing, reason: str) -> None:
        if sum(message.transmissions) > message.failures:
            self._end(message.sequence, message.sequence, State.UNCONFIRMED, reason)
        else:
            if message.started:
                self._transmitter.count_sent(-1, -len(message.payload))
            self._end(message.sequence, message.sequence, State.REFUSED, message.refusal or reason)

    def _end(self, first: int, last: int, state: State, reason: str | None) -> None:
        if first > last:
            return
        outcomes = self._outbox.end(first, last, state, reason)
        if self._has_lives and state is not State.DELIVERED and outcomes:
            self._transmitter.left = min(self._transmitter.left, outcomes[0].sequence)
        self.ended[state] += len(outcomes)
        self._events += outcomes
        if not self._outbox.unresolved:
            self._in_flight.clear()
            self._refusals.clear()
            self.congestion.bytes_in_flight = 0
            self._last_chances.clear()
            self._probe_at = self._paced_until = NEVER
            if self._path is not None and state is State.DELIVERED:  # else what was lost may have been too large
                self._path.rest()


TIMERS = (
    Sender._end_overdue,
    Sender._detect_lost,
    Sender._time_out,
    Sender._probe_tail,
    Sender._probe_path,
    Sender._end_last_chances,
    Sender._knock,
    Sender._probe_silent,
    Sender._say_goodbye,
    Sender._ask_again,
)
"""What is done when a timer is due, in the order in which several are handled. `Sender._due` says when, in the same order: asking
each row for its time by itself took 4 % of what a message costs through two sockets."""
