"""The receiver against a naive model: sets and lists in place of ranges, any order of anything, small limits.

Time passes in steps too small for a session to be forgotten; that is tested in `tests/simulation`.
"""

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from udpmsg.core.budget import FRAGMENT_COST, MESSAGE_COST, REASSEMBLY_COST
from udpmsg.core.config import Limits
from udpmsg.core.events import Duplicate, Goodbye, Malformed, Message
from udpmsg.core.receiver import Receiver
from udpmsg.core.wire import NUMBER, Kind, decode, decode_acknowledgment, decode_report, encode, encode_query

LIMITS = Limits(sessions=3, session_bytes=200, session_messages=6, total_bytes=4000, max_message=100, gaps=4)
ACK_DELAY = 25_000_000
FRAGMENT_SIZE, FRAGMENTED_SIZE = 30, 50
sessions = st.integers(1, 5)
numbers = st.integers(1, 24)


def fragment_cost(index: int) -> int:
    """What this fragment takes until the message is whole: what fills the last one up is not kept."""
    return min(FRAGMENT_SIZE, FRAGMENTED_SIZE - index * FRAGMENT_SIZE) + FRAGMENT_COST


@dataclass
class ModelSession:
    """What a receiver must know about one session, the slow way. Session 3 is ordered, 4 and 5 are fire-and-forget."""

    identity: int
    seen: set[int] = field(default_factory=set)
    delivered: list[int] = field(default_factory=list)
    queued: list[int] = field(default_factory=list)
    in_hand: list[int] = field(default_factory=list)
    """Handed over, and the application is not done with it."""
    held: set[int] = field(default_factory=set)
    sizes: dict[int, int] = field(default_factory=dict)
    parts: dict[int, set[int]] = field(default_factory=dict)
    arrived: set[int] = field(default_factory=set)
    forgotten: int = 0
    lowest: int = 1
    duplicates: int = 0
    reordered: int = 0
    over_limit: int = 0
    messages_sent: int | None = None
    unacknowledged: int = 0
    told_all_at: int = -ACK_DELAY
    has_left: bool = False
    """It said goodbye and nothing of it waits: it takes no place."""

    @property
    def acknowledged(self) -> bool:
        return self.identity <= 3

    @property
    def ordered(self) -> bool:
        return self.identity == 3

    def gaps(self, also: int = 0) -> list[tuple[int, int]]:
        """The ranges never seen and not forgotten below the highest number, as if `also` were seen."""
        seen = self.seen | {also}
        found: list[tuple[int, int]] = []
        for number in range(self.forgotten + 1, max(seen)):
            if number not in seen:
                if found and found[-1][1] == number - 1:
                    found[-1] = (found[-1][0], number)
                else:
                    found.append((number, number))
        return found

    def waiting_messages(self) -> int:
        return len(self.whole()) + len(self.parts)

    def whole(self) -> list[int]:
        """The messages that are kept whole."""
        return [*self.in_hand, *self.queued, *self.held]

    def waiting_bytes(self) -> int:
        whole = sum(self.sizes[number] for number in self.whole())
        return whole + FRAGMENTED_SIZE * len(self.parts)

    def cost(self) -> int:
        """What it takes of the memory for all: each message that waits, and of the unfinished ones what came."""
        return sum(self.sizes[number] + MESSAGE_COST for number in [*self.in_hand, *self.queued]) + self.unfinished()

    def unfinished(self) -> int:
        """Of that, what is not whole, or waits behind a gap."""
        held = [self.sizes[number] + MESSAGE_COST for number in self.held]
        parts = [REASSEMBLY_COST + sum(map(fragment_cost, parts)) for parts in self.parts.values()]
        return sum(held) + sum(parts)

    def would_wait(self, sequence: int) -> bool:
        """Whether this message, if it is whole, waits behind a gap."""
        below = set(range(self.lowest, sequence))
        return self.ordered and not below <= {*self.delivered, *self.in_hand, *self.queued}

    def is_awaited(self, sequence: int) -> bool:
        """Whether only this message keeps others from the application: it finds a place whatever the session's own limits say."""
        return bool(self.held) and not self.queued and not self.in_hand and not self.would_wait(sequence)

    def leave(self) -> None:
        """Its place is for others, if nothing more is to come and nothing waits."""
        self.has_left = self.has_left or (self.messages_sent is not None and not self.waiting_messages())

    def ready(self) -> None:
        """In ordered mode: what no gap below holds back is queued. A gap that the sender gave up holds nothing back."""
        for number in sorted(self.held):
            before = set(range(self.lowest, number))
            if number < self.lowest or before <= {*self.delivered, *self.in_hand, *self.queued}:
                self.held.discard(number)
                self.queued.append(number)


class ReceiverAgainstAModel(RuleBasedStateMachine):
    """Messages, fragments, repeats, goodbyes and probes from five sessions where three have room at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000_000_000
        self.receiver = Receiver(session=99, now=self.now, limits=LIMITS)
        self.model: dict[int, ModelSession] = {}
        self.strangers: dict[int, int] = {}
        self.refused = 0
        self.malformed = 0
        self.told_duplicates = 0
        self.waiting: list[tuple[int, int]] = []
        self.in_hand: list[Message] = []
        self.owed: set[int] = set()
        self.questions: dict[tuple[int, int], int] = {}

    # -- what arrives ------------------------------------------------------------------------------------------------

    def session(self, identity: int) -> ModelSession | None:
        if identity not in self.model:
            if self.places_taken() >= LIMITS.sessions:
                self.refused += 1
                return None
            self.model[identity] = ModelSession(identity)
        return self.model[identity]

    def places_taken(self) -> int:
        return sum(not session.has_left for session in self.model.values())

    def number(self, identity: int) -> int:
        self.strangers[identity] = self.strangers.get(identity, 0) + 1
        return self.strangers[identity]

    def give(self, data: bytes, identity: int) -> None:
        self.receiver.receive([data], now=self.now, peer=("peer", identity))

    @rule(identity=sessions, sequence=numbers, back=st.integers(0, 24), index=st.integers(0, 1), skip=st.integers(0, 2))
    def message(self, identity: int, sequence: int, back: int, index: int, skip: int) -> None:
        self.arrives(identity, sequence, back, index, skip)

    @rule(identity=sessions, several=st.lists(st.tuples(numbers, st.integers(0, 1)), min_size=5, max_size=12))
    def burst(self, identity: int, several: list[tuple[int, int]]) -> None:
        """Enough of one session, none of it given up, to reach its limits."""
        for sequence, index in several:
            self.arrives(identity, sequence, 24, index, 0)

    def arrives(self, identity: int, sequence: int, back: int, index: int, skip: int) -> None:
        """Every fifth sequence number is a message of two fragments; the size of the others depends on the number."""
        for _ in range(skip):
            self.number(identity)
        number = self.number(identity)
        acknowledged = identity <= 3
        lowest = max(1, sequence - back) if acknowledged else 0
        fragmented = sequence % 5 == 0
        size = FRAGMENTED_SIZE if fragmented else size_of(sequence)
        payload = bytes([identity, sequence] * 60)[:size]
        piece = payload[index * FRAGMENT_SIZE :][:FRAGMENT_SIZE].ljust(FRAGMENT_SIZE, b"\0") if fragmented else payload
        data = encode(
            Kind.MESSAGE,
            session=identity,
            number=number,
            sent_at=self.now // 1000,
            sequence=sequence,
            payload=piece,
            lowest=lowest,
            transmission=1,
            fragment=(index, 2, FRAGMENT_SIZE, FRAGMENTED_SIZE) if fragmented else None,
            ordered=identity == 3,
        )
        self.give(data, identity)
        session = self.session(identity)
        if session is None:
            return
        self.resolve(session, lowest)
        self.expect(session, sequence, number, size, index if fragmented else None)

    def resolve(self, session: ModelSession, lowest: int) -> None:
        session.lowest = max(session.lowest, lowest)
        session.parts = {number: parts for number, parts in session.parts.items() if number >= session.lowest}
        before = len(session.queued)
        session.ready()
        self.waiting += [(session.identity, number) for number in session.queued[before:]]

    def expect(self, session: ModelSession, sequence: int, number: int, size: int, index: int | None) -> None:
        if sequence in session.seen and sequence > session.forgotten:
            self.owed.add(session.identity)
            if index in (None, 0):
                session.duplicates += 1
                self.told_duplicates += 1
            self.has_place(session, number)
            return
        if sequence < session.lowest or sequence <= session.forgotten:
            session.over_limit += sequence <= session.forgotten
            self.owed.add(session.identity)
            self.has_place(session, number)
            return
        if index is not None:
            begins = sequence not in session.parts
            parts = session.parts.get(sequence, set())
            cost = fragment_cost(index) * (index not in parts) + REASSEMBLY_COST * begins
            if begins and not self.may_begin(session, sequence, size, cost):
                return
            if self.room(unfinished=True) < cost:
                session.over_limit += 1
                return
            self.has_place(session, number)
            session.parts[sequence] = {*parts, index}
            if len(session.parts[sequence]) < 2:
                return
            del session.parts[sequence]
        elif not self.fits(session, sequence, size, unfinished=session.would_wait(sequence)):
            return
        else:
            self.has_place(session, number)
        session.reordered += bool(session.seen) and sequence < max(session.seen)
        session.seen.add(sequence)
        session.sizes[sequence] = size
        while len(session.gaps(sequence)) > LIMITS.gaps:
            session.forgotten = session.gaps(sequence)[0][1]
        before = len(session.queued)
        if session.ordered:
            session.held.add(sequence)
            session.ready()
        else:
            session.queued.append(sequence)
        self.waiting += [(session.identity, each) for each in session.queued[before:]]

    def has_place(self, session: ModelSession, number: int) -> None:
        """The datagram is acknowledged: at once when it is the second, or not the one after the largest."""
        if number != max([0, *session.arrived]) + 1 or session.unacknowledged:
            self.owed.add(session.identity)
        session.unacknowledged += 1
        session.arrived.add(number)

    def may_begin(self, session: ModelSession, sequence: int, size: int, cost: int) -> bool:
        """Whether there may be an unfinished message more. Without acknowledgments nothing lost ever comes again: the oldest ones
        make room."""
        while not session.acknowledged and session.parts and self.crowded(session, size, cost):
            session.parts.pop(next(iter(session.parts)))
            session.over_limit += 1
            session.leave()
        return self.fits(session, sequence, size, cost, unfinished=True)

    def crowded(self, session: ModelSession, size: int, cost: int) -> bool:
        return not (session.has_left and self.places_taken() >= LIMITS.sessions) and not self.has_room(
            session, size, cost, unfinished=True
        )

    def has_room(self, session: ModelSession, size: int, cost: int, *, unfinished: bool, awaited: bool = False) -> bool:
        own = session.waiting_messages() < LIMITS.session_messages and session.waiting_bytes() + size <= LIMITS.session_bytes
        return (own or awaited) and max(size + MESSAGE_COST, cost) <= self.room(unfinished=unfinished)

    def room(self, *, unfinished: bool) -> int:
        """The memory that is left: for what is unfinished there are three quarters of it."""
        left = LIMITS.total_bytes - self.held_bytes()
        kept = sum(session.unfinished() for session in self.model.values())
        return min(left, LIMITS.total_bytes * 3 // 4 - kept) if unfinished else left

    def fits(self, session: ModelSession, sequence: int, size: int, cost: int = 0, *, unfinished: bool) -> bool:
        gaps = len(session.gaps(max([0, *session.seen])))
        waited_for = sum(last >= session.lowest for _, last in session.gaps(max([0, *session.seen])))  # not given up
        # What fills a gap is always welcome; an unfinished message may open one when it is whole, so each of them counts.
        opens = len(session.gaps(sequence)) > gaps
        fits = (
            not (session.has_left and self.places_taken() >= LIMITS.sessions)
            and size <= LIMITS.max_message
            and self.has_room(session, size, cost, unfinished=unfinished, awaited=session.is_awaited(sequence))
            and not (session.acknowledged and opens and waited_for + len(session.parts) >= LIMITS.gaps)
        )
        session.over_limit += not fits
        session.has_left = session.has_left and not fits
        return fits

    def held_bytes(self) -> int:
        return sum(session.cost() for session in self.model.values())

    @rule(identity=sessions, sent=st.integers(0, 30))
    def goodbye(self, identity: int, sent: int) -> None:
        lowest = self.model[identity].lowest if identity in self.model else 1
        self.strangers[identity] = max(self.strangers.get(identity, 0), sent)  # each of them took a datagram
        number = self.number(identity)
        data = encode(
            Kind.GOODBYE,
            session=identity,
            number=number,
            sent_at=0,
            payload=NUMBER.pack(sent),
            lowest=lowest if identity <= 3 else 0,
            transmission=1,
        )
        self.give(data, identity)
        session = self.session(identity)
        if session is not None and session.messages_sent is None:
            session.messages_sent = sent
        if session is not None:
            session.leave()
        if session is not None and identity <= 3:
            self.has_place(session, number)
            self.owed.add(identity)

    @rule(identity=st.integers(1, 3))
    def probe(self, identity: int) -> None:
        number = self.number(identity)
        known = self.model.get(identity)
        lowest = known.lowest if known else 1
        self.give(encode(Kind.PROBE, session=identity, number=number, sent_at=0, lowest=lowest, transmission=1), identity)
        if known:
            self.has_place(known, number)
            self.owed.add(identity)

    @rule(identity=sessions, begins_at=st.integers(1, 30))
    def query(self, identity: int, begins_at: int) -> None:
        number = self.number(identity)
        self.give(encode(Kind.QUERY, session=identity, number=number, sent_at=0, payload=encode_query(begins_at)), identity)
        if identity in self.model:
            self.questions[identity, number] = begins_at

    @rule(data=st.binary(max_size=50))
    def garbage(self, data: bytes) -> None:
        self.give(b"UM\x01\x01\xff" + data, 1)
        self.malformed += 1

    @rule(identity=sessions, index=st.integers(0, 1))
    def contradicts(self, identity: int, index: int) -> None:
        """A fragment that says other than the ones before it, of the same message."""
        known = self.model.get(identity)
        for sequence in [number for number in known.parts if number > known.forgotten][:1] if known else []:
            total = FRAGMENTED_SIZE + 1
            piece = (b"?" * total)[index * FRAGMENT_SIZE :][:FRAGMENT_SIZE].ljust(FRAGMENT_SIZE, b"\0")
            self.give(
                encode(
                    Kind.MESSAGE,
                    session=identity,
                    number=self.number(identity),
                    sent_at=0,
                    sequence=sequence,
                    payload=piece,
                    lowest=1 if identity <= 3 else 0,
                    transmission=1,
                    fragment=(index, 2, FRAGMENT_SIZE, total),
                    ordered=identity == 3,
                ),
                identity,
            )
            self.malformed += 1

    @rule(identity=sessions)
    def the_other_sort(self, identity: int) -> None:
        """A session asks for acknowledgments always or never."""
        if identity in self.model:
            lowest = 1 if identity > 3 else 0
            self.give(
                encode(
                    Kind.MESSAGE,
                    session=identity,
                    number=self.number(identity),
                    sent_at=0,
                    sequence=1,
                    lowest=lowest,
                    transmission=1,
                ),
                identity,
            )
            self.malformed += 1

    # -- what leaves -------------------------------------------------------------------------------------------------

    @rule(limit=st.none() | st.integers(0, 4))
    def application(self, limit: int | None) -> None:
        events = self.receiver.events(limit)
        assert limit is None or len(events) <= limit
        for event in events:
            if isinstance(event, Message):
                identity, sequence = self.waiting.pop(0)
                assert (event.session, event.sequence) == (identity, sequence)
                session = self.model[identity]
                assert event.payload == bytes([identity, sequence] * 60)[: session.sizes[sequence]]
                session.queued.remove(sequence)
                assert sequence not in [*session.delivered, *session.in_hand]
                session.in_hand.append(sequence)
                self.in_hand.append(event)
            elif isinstance(event, Duplicate):
                self.told_duplicates -= 1
            elif isinstance(event, Goodbye):
                assert 0 <= event.messages_lost <= event.messages_sent
            else:
                assert not isinstance(event, Malformed) or event.reason
        if limit is None:
            assert not self.waiting
            assert self.told_duplicates == 0

    @rule()
    def commit(self) -> None:
        """The application is done with all that it has."""
        self.receiver.commit()
        while self.in_hand:
            self.is_done_with(self.in_hand.pop())

    @rule(which=st.integers(0, 10), again=st.booleans())
    def done(self, which: int, again: bool) -> None:
        """It is done with one of them; to say so twice changes nothing."""
        if self.in_hand:
            message = self.in_hand.pop(which % len(self.in_hand))
            for _ in range(1 + again):
                self.receiver.done(message)
            self.is_done_with(message)

    def is_done_with(self, message: Message) -> None:
        assert message.session is not None
        session = self.model[message.session]
        assert message.sequence is not None
        session.in_hand.remove(message.sequence)
        session.delivered.append(message.sequence)
        session.leave()

    @rule(step=st.integers(0, 30_000_000), flush=st.booleans())
    def send(self, step: int, flush: bool) -> None:
        if self.now + step > 2_800_000_000:
            step = 0
        self.now += step
        if flush:
            self.receiver.flush(now=self.now)
        self.receiver.handle_timeout(now=self.now)
        told = set()
        for data, peer in self.receiver.data_to_send(now=self.now):
            datagram = decode(data)
            if datagram.kind is Kind.PROBE_REPLY:
                assert peer[1] not in self.model or peer[1] in told or datagram.sequence == 0
                continue
            if datagram.kind is Kind.REPORT:
                self.check_report(datagram.payload, peer)
                continue
            acknowledgment = decode_acknowledgment(datagram.payload)
            told.add(acknowledgment.session)
            assert peer == ("peer", acknowledgment.session)
            session = self.model[acknowledgment.session]
            session.unacknowledged = 0
            claimed = set(range(1, acknowledgment.all_below))
            for first, last in acknowledgment.delivered:
                claimed |= set(range(first, last + 1))
            done = set(session.delivered) | set(range(1, session.lowest))
            arrived = {number for first, last in acknowledgment.arrived for number in range(first, last + 1)}
            assert claimed <= done
            assert arrived <= session.arrived
            if claimed == done and (len(acknowledgment.arrived) == 32 or arrived == session.arrived):
                session.told_all_at = self.now
            else:  # an acknowledgment is short, unless all was not told for long
                assert self.now - session.told_all_at < ACK_DELAY
                assert len(acknowledgment.arrived) + len(acknowledgment.delivered) >= 4
            left = (LIMITS.total_bytes - self.held_bytes()) // 2
            whole = session.whole()  # what has begun to come is in flight still
            room = LIMITS.session_bytes - sum(session.sizes[number] for number in whole)
            assert acknowledgment.credit == max(0, min(LIMITS.session_messages - len(whole), left // MESSAGE_COST))
            assert acknowledgment.credit_bytes == max(0, min(room, left))
        assert {identity for identity in self.owed if identity <= 3} <= told
        self.owed.clear()
        assert not self.questions
        timeout = self.receiver.next_timeout()
        assert timeout is None or self.now < timeout <= self.now + ACK_DELAY

    def check_report(self, payload: bytes, peer: object) -> None:
        """It says what the model has of its session, and lists what the model misses: at these few numbers, in one part."""
        report = decode_report(payload)
        assert peer == ("peer", report.session)
        assert report.begins_at == self.questions.pop((report.session, report.question))
        session = self.model[report.session]
        highest = max([0, *session.seen])
        assert (report.highest, report.arrived, report.delivered) == (highest, len(session.seen), len(session.delivered))
        assert (report.duplicates, report.reordered) == (session.duplicates, session.reordered)
        assert report.payload_bytes == sum(session.sizes[number] for number in session.delivered)
        assert report.over_limit >= session.over_limit
        assert report.forgotten == session.forgotten
        listed = [number for first, last in report.missing for number in range(first, last + 1)]
        remembered = range(max(report.begins_at, session.forgotten + 1), highest)
        assert listed == [number for number in remembered if number not in session.seen]
        assert report.goes_on_at == 0

    # -- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def counts_agree(self) -> None:
        assert sorted(map(id, self.receiver.in_hand)) == sorted(map(id, self.in_hand))
        totals = self.receiver.totals()
        sessions = self.model.values()
        assert totals.sessions == len(sessions)
        assert self.receiver.sessions_open == self.places_taken() <= LIMITS.sessions
        assert self.receiver.held_bytes == self.held_bytes() <= LIMITS.total_bytes
        assert totals.messages_delivered == sum(len(session.delivered) for session in sessions)
        assert totals.duplicates == sum(session.duplicates for session in sessions)
        assert totals.reordered == sum(session.reordered for session in sessions)
        assert totals.malformed == self.malformed
        missing = sum(max([0, *session.seen]) - len(session.seen) for session in sessions)
        assert totals.messages_missing == missing
        assert totals.payload_bytes == sum(session.sizes[number] for session in sessions for number in session.delivered)
        # Messages over a limit: what is stale because its sender gave it up may count here or not.
        assert totals.over_limit >= self.refused + sum(session.over_limit for session in sessions)
        said = [session.messages_sent for session in sessions]
        if None in said or self.refused:  # who was turned away sent something, and nobody knows how much
            assert totals.messages_sent is None
            assert totals.messages_lost is None
        else:
            lost = sum(max(session.messages_sent or 0, len(session.seen)) - len(session.seen) for session in sessions)
            assert totals.messages_lost == lost >= 0
            waits = sum(len(session.seen) - len(session.delivered) for session in sessions)
            assert totals.messages_sent == totals.messages_delivered + totals.messages_lost + waits


def size_of(sequence: int) -> int:
    """Bytes of a whole message; the last one is over the limit."""
    return LIMITS.max_message + 1 if sequence == 24 else sequence % 7 * 6


def test_more_ranges_than_an_acknowledgment_holds() -> None:
    """The gaps to fill first and the newest are told; nothing that was not delivered is."""
    receiver = Receiver(session=99, now=0)
    for sequence in range(1, 200, 2):
        data = encode(
            Kind.MESSAGE, session=1, number=sequence, sent_at=0, sequence=sequence, payload=b"", lowest=1, transmission=1
        )
        receiver.receive([data], now=sequence, peer="peer")
        assert len(receiver.events()) == 1
        receiver.commit()
        receiver.flush(now=sequence)
        ((answer, _),) = receiver.data_to_send(now=sequence)
        acknowledgment = decode_acknowledgment(decode(answer).payload)
        claimed = {number for first, last in acknowledgment.delivered for number in range(first, last + 1)}
        assert claimed <= set(range(3, sequence + 1, 2))
        assert acknowledgment.all_below == 2
        if sequence > 1:
            assert {3, sequence} <= claimed
        assert (sequence, sequence) in acknowledgment.arrived


@pytest.mark.parametrize(("datagrams", "at_once"), [([1], False), ([1, 2], True), ([2], True), ([1, 1], True), ([1, 2, 3], True)])
def test_when_an_acknowledgment_is_due(datagrams: list[int], at_once: bool) -> None:
    """Every second datagram, at once on a gap or a duplicate, and 25 ms later at the latest."""
    receiver = Receiver(session=99, now=0)
    for number in datagrams:
        data = encode(Kind.MESSAGE, session=1, number=number, sent_at=0, sequence=number, payload=b"", lowest=1, transmission=1)
        receiver.receive([data], now=5, peer="peer")
    receiver.events()
    receiver.commit()
    assert len(receiver.data_to_send(now=5)) == at_once
    assert receiver.next_timeout() == (None if at_once else 5 + ACK_DELAY)
    receiver.handle_timeout(now=4 + ACK_DELAY)
    assert not receiver.data_to_send(now=4 + ACK_DELAY)
    receiver.handle_timeout(now=5 + ACK_DELAY)
    assert len(receiver.data_to_send(now=5 + ACK_DELAY)) == (not at_once)
    assert receiver.next_timeout() is None


ReceiverAgainstAModel.TestCase.settings = settings(max_examples=250, stateful_step_count=60)
TestReceiverAgainstAModel = ReceiverAgainstAModel.TestCase
