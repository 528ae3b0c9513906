"""Stories of a session with several lives: what a sender that goes on says, believes and never says."""

import pytest

from tests.core.support import START, RemoteReceiver, a_receiver, acknowledged_sender, at, numbers, outcomes, payloads, read
from udpmsg.base.errors import MessageTooLarge
from udpmsg.core.config import Earlier, SenderConfig
from udpmsg.core.events import Malformed, Outcome, State
from udpmsg.core.framing import each
from udpmsg.core.sender import Sender
from udpmsg.core.wire import NUMBER, Datagram, Kind

DELIVERED, UNCONFIRMED, REFUSED = State.DELIVERED, State.UNCONFIRMED, State.REFUSED
SESSION = 0xA11CE
LIFE = 1 << 40


def another_life(*, accepted: int = 0, lives: int = 1, elapsed: int = 0, now: int = START, **config: object) -> Sender:
    """A sender that goes on, whose timeouts are not spread."""
    config = {"acknowledged": True, "jitter": 0.0, **config}
    return Sender(SenderConfig(**config), session=SESSION, now=now, earlier=Earlier(now - elapsed, accepted, lives * LIFE))


def test_numbers_and_times_go_on() -> None:
    sender = another_life(accepted=2, lives=3, elapsed=5_000_000_000)
    assert sender.send([b"one", b"two", b"three"], now=at(1)) == range(1, 4)
    datagrams = read(sender.data_to_send(now=at(1)))
    assert [datagram.number for datagram in datagrams] == [3 * LIFE + 1, 3 * LIFE + 2, 3 * LIFE + 3]
    assert [datagram.sent_at for datagram in datagrams] == [5_001_000] * 3
    assert [datagram.sequence for datagram in datagrams] == [1, 2, 3]


def test_what_was_delivered_is_skipped() -> None:
    """2 and 3, 5, and 7 were delivered; 1, 4 and 6 are left."""
    sender, receiver = another_life(accepted=7), RemoteReceiver()
    for payload, delivered in ((b"1", 2), (b"4", 1), (b"6", 1)):
        sender.send([payload], now=at(0))
        (datagram,) = read(sender.data_to_send(now=at(0)))
        assert (datagram.payload, datagram.sequence, datagram.lowest) == (payload, int(payload), 1)
        sender.skip(delivered)
    assert (sender.accepted, sender.unresolved, sender.backlog, sender.messages_in_flight, sender.waiting_bytes) == (
        7,
        3,
        0,
        3,
        3,
    )
    assert sender.send([b"8"], now=at(1)) == range(8, 9)
    assert numbers(sender.data_to_send(now=at(1))) == [(LIFE + 4, 8, 1)]
    sender.receive([receiver.ack((LIFE + 1, LIFE + 4), below=9)], now=at(20))
    assert [(event.sequence, event.state) for event in outcomes(sender)] == [(number, DELIVERED) for number in (1, 4, 6, 8)]
    assert (sender.messages_sent, sender.messages_of_session, sender.delivered_bytes) == (4, 8, 4)
    sender.goodbye(now=at(21))
    assert {NUMBER.unpack(datagram.payload) for datagram in read(sender.data_to_send(now=at(21)))} == {(8,)}


def test_what_was_skipped_behind_a_message_that_is_sent_in_part_stays_skipped() -> None:
    """1 is sent as far as the window allows, and 2 was delivered."""
    sender, receiver = another_life(accepted=2), RemoteReceiver()
    sender.send([bytes(30_000)], now=at(0))
    first = read(sender.data_to_send(now=at(0)))
    sender.skip(1)
    sender.receive([receiver.ack((LIFE + 1, LIFE + len(first)))], now=at(20))
    then: list[Datagram] = []
    for step in range(20, 100):
        sender.handle_timeout(now=at(step))
        then += read(sender.data_to_send(now=at(step)))
    assert {datagram.sequence for datagram in then if datagram.kind is Kind.MESSAGE} == {1}
    assert {datagram.sequence for datagram in first} == {1}
    assert sender.accepted == 2


def test_over_a_stream_the_receiver_is_told_what_an_earlier_life_has_ended() -> None:
    """It holds back an ordered message behind one that it never got; nothing is in flight, so it is asked, and told."""
    sender, receiver = another_life(accepted=3, ordered=True, datagram_size=None), RemoteReceiver(framed=True)
    sender.send([b"1"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.skip(1)
    sender.send([b"3"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack((LIFE + 1, LIFE + 2), below=2)], now=at(20))
    assert sender.data_to_send(now=at(20)) == []
    due = sender.next_timeout()
    assert due is not None
    sender.handle_timeout(now=due)
    (probe,) = read(sender.data_to_send(now=due), framed=True)
    assert (probe.kind, probe.lowest) == (Kind.PROBE, 3)


def test_where_all_was_delivered_the_numbers_go_on_all_the_same() -> None:
    sender = another_life(accepted=1_000_000)
    sender.skip(1_000_000)
    assert (sender.accepted, sender.unresolved, sender.next_timeout()) == (1_000_000, 0, None)
    sender.send([b"new"], now=at(0))
    (datagram,) = read(sender.data_to_send(now=at(0)))
    assert (datagram.sequence, datagram.lowest, datagram.payload) == (1_000_001, 1_000_001, b"new")


def test_a_message_in_fragments_goes_on() -> None:
    sender = another_life(accepted=5)
    sender.skip(3)
    sender.send([bytes(3000), b"small"], now=at(0))
    datagrams = read(sender.data_to_send(now=at(0)))
    assert [(datagram.sequence, datagram.fragment is not None) for datagram in datagrams] == [(4, True)] * 3 + [(5, False)]


def test_an_acknowledgment_of_what_an_earlier_life_sent_is_no_lie_and_waits_for_its_message() -> None:
    """It came late, or names more than this life has sent so far. Believed at once, it would leave gaps in what is unsent."""
    sender, receiver = another_life(accepted=6, window=2), RemoteReceiver()
    sender.send([b"1", b"2", b"3", b"4"], now=at(0))
    assert [sequence for _, sequence, _ in numbers(sender.data_to_send(now=at(0)))] == [1, 2]
    sender.receive([receiver.ack((1, 40), below=3, delivered=[(4, 6)])], now=at(10))
    assert [event.sequence for event in outcomes(sender)] == [1, 2]
    assert [sequence for _, sequence, _ in numbers(sender.data_to_send(now=at(10)))] == [3, 4]
    sender.receive([receiver.ack((1, 40), (LIFE + 1, LIFE + 4), below=7)], now=at(20))
    assert [event.sequence for event in outcomes(sender)] == [3, 4]
    assert sender.malformed == 0


@pytest.mark.parametrize("claim", [{"below": 8}, {"delivered": [(7, 7)]}])
def test_an_acknowledgment_of_what_no_life_accepted_is_a_lie(claim: dict[str, object]) -> None:
    sender, receiver = another_life(accepted=6), RemoteReceiver()
    sender.send([b"1"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack((LIFE + 1, LIFE + 1), **claim)], now=at(10))
    (event,) = sender.events()
    assert isinstance(event, Malformed)
    assert event.reason == "an ACK for messages that were never sent"
    assert sender.unresolved == 1


def test_a_report_of_what_an_earlier_life_sent_is_no_lie() -> None:
    sender, receiver = another_life(accepted=6), RemoteReceiver()
    question = sender.ask(now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.report(LIFE + 1, highest=6, arrived=6)], now=at(10))
    assert question.answered
    assert sender.last_sequence == 6


def test_what_was_given_up_is_left_to_the_next_life_and_never_called_gone() -> None:
    """Without lives the receiver is told that nothing below is waited for, and would call the message too late for ever."""
    sender, other = another_life(deadline=1_000_000_000), acknowledged_sender(deadline=1_000_000_000)
    for one in (sender, other):
        one.send([b"given up"], now=at(0))
        one.data_to_send(now=at(0))
        one.handle_timeout(now=at(1000))
        assert [event.state for event in outcomes(one)] == [UNCONFIRMED]
        one.send([b"later"], now=at(1000))
    (here,), (there,) = (read(one.data_to_send(now=at(1000))) for one in (sender, other))
    assert (here.lowest, there.lowest) == (1, 2)
    sender.abandon("the end", now=at(1001))
    assert [event.sequence for event in outcomes(sender)] == [2]
    sender.send([b"later still"], now=at(1002))
    assert [datagram.lowest for datagram in read(sender.data_to_send(now=at(1002)))] == [1]


def test_a_receiver_has_each_message_once_over_two_lives() -> None:
    """The first life dies with one message delivered and not known to be, one lost, one given up, and one never sent."""
    receiver = a_receiver()
    first = another_life(lives=0)
    first.send([b"delivered", b"lost"], now=at(0))
    delivered, _ = each(first.data_to_send(now=at(0)))
    receiver.receive([delivered], now=at(1), peer="first")
    assert payloads(receiver.events()) == [b"delivered"]
    first.send([b"given up"], now=at(2))
    first.data_to_send(now=at(2))
    (given_up,) = [message for message in first._outbox if message.sequence == 3]
    first._give_up(given_up, "a story")
    first.send([b"after it"], now=at(3))
    receiver.receive(each(first.data_to_send(now=at(3))), now=at(4), peer="first")
    assert payloads(receiver.events()) == [b"after it"]

    second = another_life(accepted=5, now=at(1000))
    assert second.send([b"delivered", b"lost", b"given up", b"after it", b"never sent"], now=at(1000)) == range(1, 6)
    now = at(1000)
    for _ in range(10):
        receiver.receive(each(second.data_to_send(now=now)), now=now, peer="second")
        fresh = payloads(receiver.events())
        if fresh:
            assert fresh == [b"lost", b"given up", b"never sent"]
        second.receive([data for data, _ in receiver.data_to_send(now=now)], now=now)
        now += 30_000_000
        receiver.handle_timeout(now=now)
        second.handle_timeout(now=now)
    ended = [event for event in second.events() if isinstance(event, Outcome)]
    assert [(event.sequence, event.state) for event in ended] == [(number, DELIVERED) for number in range(1, 6)]
    assert receiver.totals().messages_delivered == 5
    assert second.malformed == 0


def test_goodbye_counts_over_all_lives() -> None:
    sender, receiver = another_life(accepted=9), RemoteReceiver()
    sender.skip(8)
    sender.send([b"9"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack((LIFE + 1, LIFE + 1), below=10)], now=at(10))
    sender.goodbye(now=at(11), confirm=True)
    (goodbye,) = read(sender.data_to_send(now=at(11)))
    assert (goodbye.kind, NUMBER.unpack(goodbye.payload), goodbye.lowest) == (Kind.GOODBYE, (9,), 10)


def test_what_is_too_large_is_refused_before_it_is_accepted() -> None:
    sender = another_life(max_message=100)
    sender.check(100)
    with pytest.raises(MessageTooLarge):
        sender.check(101)
    assert sender.accepted == 0


def test_a_report_counts_what_earlier_lives_sent_too() -> None:
    """It has 9,000 bytes of 50 seconds; this life has sent nothing in its one. What no life can have sent is not believed."""
    sender, receiver = another_life(accepted=9, elapsed=60_000_000_000, max_message=1000), RemoteReceiver()
    sender.skip(9)
    for claim, believed in ((9_000, 9_000), (9_001, None)):
        question = sender.ask(now=at(1000))
        (query,) = read(sender.data_to_send(now=at(1000)))
        report = receiver.report(query.number, highest=9, arrived=9, payload_bytes=claim, duration_us=50_000_000)
        sender.receive([report], now=at(1010))
        assert question.report is not None
        assert (question.report.payload_bytes, question.report.duration_us) == (believed, 50_000_000)
