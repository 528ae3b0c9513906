"""The sender against a receiver that lies, restarts and falls silent: each message ends exactly once, and in time."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.property.datagrams import reports
from udpmsg.core.events import Malformed, Outcome, PeerRestarted, State
from udpmsg.core.framing import Run, each
from udpmsg.core.rtt import MAX_RTO
from udpmsg.core.sender import Sender, SenderConfig
from udpmsg.core.wire import (
    PROBE_REPLY_BODY,
    Acknowledgment,
    Kind,
    Report,
    decode,
    encode,
    encode_acknowledgment,
    encode_report,
)

MILLISECOND = 1_000_000
DEADLINE = 20_000 * MILLISECOND
SESSION = 7
MAX_TRANSMISSIONS = 3


class SenderAgainstALiar(RuleBasedStateMachine):
    """The peer knows the session, and may claim anything."""

    @initialize(
        window=st.none() | st.integers(1, 5),
        ordered=st.booleans(),
        framed=st.booleans(),
        jitter=st.sampled_from((0.0, 0.5)),
    )
    def start(self, window: int | None, ordered: bool, framed: bool, jitter: float) -> None:
        self.now = 10**9
        self.window = window
        self.framed = framed
        config = SenderConfig(
            acknowledged=True,
            ordered=ordered,
            window=window,
            deadline=DEADLINE,
            max_transmissions=MAX_TRANSMISSIONS,
            datagram_size=None if framed else 200,
            jitter=jitter,
        )
        self.sender = Sender(config, session=SESSION, now=self.now)
        self.accepted_at: list[int] = []
        self.ended: dict[int, State] = {}
        self.transmissions: dict[tuple[int, int], int] = {}
        self.datagrams = 0
        self.receiver_number = 0
        self.cookies = 0
        self.confirmed: set[int] = set()

    # -- what the application and the network do ---------------------------------------------------------------------

    @rule(sizes=st.lists(st.integers(0, 700), max_size=12))
    def send(self, sizes: list[int]) -> None:
        given = self.sender.send([b"x" * size for size in sizes], now=self.now)
        assert given == range(len(self.accepted_at) + 1, len(self.accepted_at) + 1 + len(sizes))
        self.accepted_at += [self.now] * len(sizes)
        self.drain()

    @rule(
        receiver=st.integers(1, 3),
        arrived=st.lists(st.integers(1, 40), max_size=8, unique=True),
        delivered=st.lists(st.integers(1, 30), max_size=6, unique=True),
        below=st.integers(1, 20),
        credit=st.integers(0, 20) | st.just(2**32 - 1),
        size=st.integers(0, 3000) | st.just(2**32 - 1),
        delay=st.integers(0, 2**32 - 1),
    )
    def acknowledge(
        self, receiver: int, arrived: list[int], delivered: list[int], below: int, credit: int, size: int, delay: int
    ) -> None:
        # Anything at all, though most of it about what was sent.
        ranges = [(number, number) for number in sorted(arrived) if number <= self.datagrams]
        claims = sorted(number for number in delivered if number > below)
        acknowledgment = Acknowledgment(
            session=SESSION,
            largest=ranges[-1][0] if ranges else 0,
            delay_us=delay,
            credit=credit,
            credit_bytes=size,
            all_below=below,
            arrived=spread(ranges),
            delivered=spread([(number, number) for number in claims]),
        )
        self.receiver_number += 1
        data = encode(
            Kind.ACK,
            session=receiver,
            number=self.receiver_number,
            sent_at=0,
            payload=encode_acknowledgment(acknowledgment),
            framed=self.framed,
        )
        self.confirmed |= set(range(1, below)) | set(claims)
        self.sender.receive([data], now=self.now)
        self.drain()

    @rule(receiver=st.integers(1, 3))
    def knows_nothing(self, receiver: int) -> None:
        self.receiver_number += 1
        data = encode(
            Kind.PROBE_REPLY,
            session=receiver,
            number=self.receiver_number,
            sent_at=0,
            payload=PROBE_REPLY_BODY.pack(SESSION, 0),
            framed=self.framed,
        )
        self.sender.receive([data], now=self.now)
        self.drain()

    @rule(receiver=st.integers(1, 3), cookie=st.binary(min_size=16, max_size=16), times=st.integers(1, 3))
    def challenge(self, receiver: int, cookie: bytes, times: int) -> None:
        self.receiver_number += 1
        number = self.receiver_number
        data = encode(Kind.CHALLENGE, session=receiver, number=number, sent_at=0, payload=cookie, framed=self.framed)
        cookies = self.cookies
        for _ in range(times):
            self.sender.receive([data], now=self.now)
            self.drain()
        assert self.cookies <= cookies + 1

    @rule(data=st.binary(max_size=120))
    def garbage(self, data: bytes) -> None:
        before = self.sender.malformed
        self.sender.receive([data], now=self.now)
        assert self.sender.malformed == before + 1
        self.drain()

    @rule(timers=st.integers(1, 4))
    def time_passes(self, timers: int) -> None:
        for _ in range(timers):
            at = self.sender.next_timeout()
            if at is not None:
                self.now = at
                self.sender.handle_timeout(now=self.now)
                self.drain()

    @rule(step=st.integers(0, 400 * MILLISECOND))
    def early(self, step: int) -> None:
        """Called before anything is due, or late: both must be harmless."""
        self.now += step
        self.sender.handle_timeout(now=self.now)
        self.drain()

    # -- what must hold ----------------------------------------------------------------------------------------------

    def drain(self) -> None:
        self.outcomes()
        datagrams = each(self.sender.data_to_send(now=self.now))
        for data in datagrams:
            datagram = decode(data, framed=self.framed)
            self.datagrams += 1
            assert datagram.number == self.datagrams
            assert self.framed or len(data) <= 200
            self.cookies += datagram.kind is Kind.COOKIE
            if datagram.kind is Kind.MESSAGE:
                key = (datagram.sequence, datagram.fragment[0] if datagram.fragment else 0)
                count = self.transmissions[key] = self.transmissions.get(key, 0) + 1
                assert datagram.sequence not in self.ended
                assert count == datagram.transmission <= MAX_TRANSMISSIONS
                assert all(number in self.ended for number in range(1, datagram.lowest))
        self.outcomes()
        congestion = self.sender.congestion
        if not self.framed:
            assert congestion.window >= 2 * 200
            if any(decode(data).kind is Kind.MESSAGE for data in datagrams):
                assert congestion.bytes_in_flight <= congestion.window
        if self.window is not None:
            started = {sequence for sequence, _ in self.transmissions}
            assert len(started - set(self.ended)) <= self.window
        timeout = self.sender.next_timeout()
        assert (timeout is not None) == (self.sender.unresolved > 0)
        assert timeout is None or timeout > self.now

    def outcomes(self) -> None:
        for event in self.sender.events():
            if isinstance(event, Outcome):
                assert event.sequence not in self.ended
                assert self.now <= self.accepted_at[event.sequence - 1] + DEADLINE + 400 * MILLISECOND
                self.ended[event.sequence] = event.state
                if event.state is State.DELIVERED:
                    assert event.sequence in self.confirmed
                else:
                    assert event.reason
                assert event.rtt_ns is None or event.rtt_ns >= 0
            else:
                assert isinstance(event, PeerRestarted | Malformed)

    @invariant()
    def counts_agree(self) -> None:
        if not hasattr(self, "sender"):
            return
        sender = self.sender
        assert sender.unresolved == len(self.accepted_at) - len(self.ended)
        assert 0 <= sender.backlog <= sender.unresolved
        assert sender.congestion.bytes_in_flight >= 0
        assert sender.rtt.latest is None or 0 <= sender.rtt.latest <= self.now - 10**9
        assert sender.rtt.srtt is None or 0 <= sender.rtt.srtt <= self.now - 10**9
        assert 0 <= sender.messages_in_flight <= sender.unresolved
        assert sender.messages_sent == len({sequence for sequence, _ in self.transmissions})
        assert sender.retransmissions == sum(self.transmissions.values()) - len(self.transmissions)

    def teardown(self) -> None:
        """Left alone, everything ends; abandoned, at once."""
        if not hasattr(self, "sender"):
            return
        for _ in range(20_000):
            at = self.sender.next_timeout()
            if at is None:
                break
            self.now = at
            self.sender.handle_timeout(now=self.now)
            self.drain()
        assert len(self.ended) == len(self.accepted_at)
        self.send([1, 2, 3])
        self.sender.abandon("the test is over", now=self.now)
        self.drain()
        assert len(self.ended) == len(self.accepted_at)


def sent_numbers(batch: list[bytes | Run]) -> list[tuple[int, int]]:
    """(sequence, transmission) of each message."""
    decoded = [decode(data) for data in each(batch)]
    return [(datagram.sequence, datagram.transmission) for datagram in decoded if datagram.kind is Kind.MESSAGE]


@pytest.mark.parametrize(("later", "again"), [(1, []), (2, []), (3, [(1, 2)])])
def test_lost_when_three_later_datagrams_are_acknowledged_and_not_before(later: int, again: list[tuple[int, int]]) -> None:
    """RFC 9002 section 6.1.1: kPacketThreshold is 3."""
    now = 10**9
    sender = Sender(SenderConfig(acknowledged=True, jitter=0.0), session=SESSION, now=now)
    sender.send([b"x"] * 6, now=now)
    assert sent_numbers(sender.data_to_send(now=now)) == [(number, 1) for number in range(1, 7)]
    now += 40 * MILLISECOND
    acknowledgment = Acknowledgment(
        session=SESSION,
        largest=1 + later,
        delay_us=0,
        credit=100,
        credit_bytes=1 << 20,
        all_below=1,
        arrived=[(2, 1 + later)],
        delivered=[(2, 1 + later)],
    )
    payload = encode_acknowledgment(acknowledgment)
    sender.receive([encode(Kind.ACK, session=5, number=1, sent_at=0, payload=payload)], now=now)
    assert sent_numbers(sender.data_to_send(now=now)) == again


@given(
    batches=st.lists(st.lists(st.integers(0, 500) | st.just(144), max_size=90), min_size=1, max_size=4),
    lost=st.sets(st.integers(1, 200), max_size=30),
    window=st.none() | st.integers(1, 80),
    steps=st.lists(st.integers(0, 60 * MILLISECOND), min_size=1, max_size=12),
)
def test_a_batch_is_the_same_as_its_messages_one_by_one(
    batches: list[list[int]], lost: set[int], window: int | None, steps: list[int]
) -> None:
    """The same datagrams, byte for byte, at the same times, and the same outcomes: runs are a matter of cost alone."""
    at_once, one_by_one = Life(window, lost), Life(window, lost)
    for turn, step in enumerate(steps):
        payloads = [bytes([index % 256]) * size for index, size in enumerate(batches[turn % len(batches)])] if turn < 4 else []
        at_once.send(payloads)
        for payload in payloads:
            one_by_one.send([payload])
        for life in (at_once, one_by_one):
            life.turn(step)
        assert at_once.sent == one_by_one.sent
        assert at_once.events == one_by_one.events
        for name in ("window", "bytes_in_flight", "ssthresh"):
            assert getattr(at_once.sender.congestion, name) == getattr(one_by_one.sender.congestion, name)
        assert at_once.sender.next_timeout() == one_by_one.sender.next_timeout()


class Life:
    """A sender, a link that loses these datagrams, and a receiver that acknowledges each turn what it has."""

    def __init__(self, window: int | None, lost: set[int]) -> None:
        self.now = 10**9
        config = SenderConfig(acknowledged=True, datagram_size=200, window=window)
        self.sender = Sender(config, session=SESSION, now=self.now)
        self.lost = lost
        self.sent: list[bytes] = []
        self.events: list[object] = []
        self.acknowledgments = 0

    def send(self, payloads: list[bytes]) -> None:
        self.sender.send(payloads, now=self.now)
        self.sent += each(self.sender.data_to_send(now=self.now))

    def turn(self, step: int) -> None:
        self.now += step
        self.sender.handle_timeout(now=self.now)
        there = [decode(data) for data in self.sent]
        there = [datagram for datagram in there if datagram.number not in self.lost]
        numbers = [(datagram.number, datagram.number) for datagram in there]
        fragments: dict[int, set[int]] = {}
        for datagram in there:
            index, count = datagram.fragment[:2] if datagram.fragment else (0, 1)
            fragments.setdefault(datagram.sequence, set(range(count))).discard(index)
        whole = [(sequence, sequence) for sequence, missing in sorted(fragments.items()) if sequence and not missing]
        self.acknowledgments += 1
        body = Acknowledgment(
            SESSION, numbers[-1][0] if numbers else 0, 0, 100, 1 << 20, 1, spread(numbers)[-32:], spread(whole)[-32:]
        )
        payload = encode_acknowledgment(body)
        data = encode(Kind.ACK, session=5, number=self.acknowledgments, sent_at=0, payload=payload)
        self.sender.receive([data], now=self.now)
        self.events += self.sender.events()
        self.sent += each(self.sender.data_to_send(now=self.now))


def spread(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Single numbers as ranges that do not touch, as the wire wants them."""
    joined: list[tuple[int, int]] = []
    for first, last in ranges:
        if joined and joined[-1][1] + 1 >= first:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined


SenderAgainstALiar.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
TestSenderAgainstALiar = SenderAgainstALiar.TestCase


@given(claims=reports(), sizes=st.lists(st.integers(0, 100), min_size=1, max_size=20), elapsed=st.integers(0, 10**12))
def test_a_report_is_malformed_or_claims_what_is_possible(claims: Report, sizes: list[int], elapsed: int) -> None:
    sender = Sender(SenderConfig(), session=SESSION, now=0)
    sender.send([b"x" * size for size in sizes], now=0)
    sender.data_to_send(now=0)
    question = sender.ask(now=0)
    (query,) = each(sender.data_to_send(now=0))
    highest = min(claims.highest, len(sizes))
    arrived = min(claims.arrived, highest)
    said = claims._replace(
        session=SESSION,
        question=decode(query).number,
        delivered=min(claims.delivered, arrived),
        arrived=arrived,
        highest=highest,
        forgotten=min(claims.forgotten, highest),
        begins_at=1,
        goes_on_at=0,
        missing=[],
    )
    data = encode(Kind.REPORT, session=1, number=1, sent_at=0, payload=encode_report(said))
    sender.receive([data], now=elapsed)
    assert (sender.events(), sender.rtt.latest) == ([], min(elapsed, MAX_RTO))  # a round trip has a minute at most
    taken = question.report
    assert taken is not None
    seconds = elapsed / 10**9
    for name, most in (
        ("duplicates", elapsed),
        ("reordered", arrived),
        ("over_limit", elapsed),
        ("payload_bytes", sum(sizes)),
        ("duration_us", seconds * 1.001 * 10**6),
        ("kernel_drops", elapsed),
        ("jitter_us", seconds * 1.001 * 10**6),
    ):
        value, claim = getattr(taken, name), getattr(said, name)
        assert value in (None, claim)
        assert value is None or value <= most
        assert claim is None or claim >= most or value == claim
