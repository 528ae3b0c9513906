"""Stories of one sender on a virtual clock: what leaves, when, and how each message ends."""

import pytest

from tests.core.support import (
    MILLISECOND,
    RECEIVER,
    SECOND,
    SENDER,
    START,
    RemoteReceiver,
    RemoteSender,
    acknowledged_sender,
    at,
    first_flight,
    numbers,
    outcomes,
    plain_sender,
    read,
    sequences,
)
from udpmsg.base.errors import MessageTooLarge, UsageError
from udpmsg.core.config import SenderConfig
from udpmsg.core.events import Malformed, Outcome, PeerRestarted, State
from udpmsg.core.framing import Run, each
from udpmsg.core.sender import INITIAL_CREDIT, Sender
from udpmsg.core.wire import NUMBER, Kind

DELIVERED, UNCONFIRMED, REFUSED = State.DELIVERED, State.UNCONFIRMED, State.REFUSED
MS = MILLISECOND
LARGE = bytes(1144)
"""With an acknowledgment requested, exactly one datagram of 1200 bytes."""


# A message and its acknowledgment ----------------------------------------------------------------------------------------


def test_a_message_and_its_acknowledgment() -> None:
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    assert sender.send([b"hello"], now=at(2)) == range(1, 2)
    assert (sender.unresolved, sender.backlog, sender.messages_sent) == (1, 1, 0)
    (datagram,) = read(sender.data_to_send(now=at(3)))
    assert (datagram.kind, datagram.session, datagram.number, datagram.sequence) == (Kind.MESSAGE, SENDER, 1, 1)
    assert (datagram.lowest, datagram.transmission, datagram.sent_at, datagram.payload) == (1, 1, 3000, b"hello")
    assert (datagram.fragment, datagram.reply_to, datagram.ordered) == (None, 0, False)
    assert (sender.unresolved, sender.backlog, sender.messages_sent, sender.messages_in_flight) == (1, 0, 1, 1)
    assert sender.congestion.bytes_in_flight == 61
    assert sender.next_timeout() == at(1003)
    assert outcomes(sender) == []
    sender.receive([receiver.ack((1, 1), below=2)], now=at(103))
    assert outcomes(sender) == [Outcome(1, DELIVERED, None, 1, 100 * MS)]
    assert outcomes(sender) == []
    assert (sender.unresolved, sender.messages_in_flight, sender.congestion.bytes_in_flight) == (0, 0, 0)
    assert (sender.payload_bytes, sender.delivered_bytes, sender.retransmissions) == (5, 5, 0)
    assert sender.data_to_send(now=at(103)) == []
    assert sender.next_timeout() is None


def test_nothing_to_send_is_nothing_to_wait_for() -> None:
    sender = acknowledged_sender()
    assert sender.send([], now=at(0)) == range(1, 1)
    assert (each(sender.data_to_send(now=at(0))), sender.unresolved, sender.next_timeout()) == ([], 0, None)


def test_several_messages_end_in_the_order_of_the_acknowledgments() -> None:
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    assert sender.send([b"a", b"b", b"c", b"dd"], now=at(0)) == range(1, 5)
    assert sender.waiting_bytes == 5
    assert numbers(sender.data_to_send(now=at(0))) == [(1, 1, 1), (2, 2, 1), (3, 3, 1), (4, 4, 1)]
    sender.receive([receiver.ack((1, 3), delivered=[(2, 3)])], now=at(10))
    assert sender.waiting_bytes == 3
    # only the largest of an acknowledgment is a sample (RFC 9002 section 5.1): the others may have waited for it
    assert outcomes(sender) == [Outcome(2, DELIVERED, None, 1, None), Outcome(3, DELIVERED, None, 1, 10 * MS)]
    sender.receive([receiver.ack((1, 4), below=2, delivered=[(4, 4)])], now=at(20))
    assert outcomes(sender) == [Outcome(1, DELIVERED, None, 1, None), Outcome(4, DELIVERED, None, 1, 20 * MS)]


def test_a_long_range_that_names_few_unresolved_messages() -> None:
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b"x"] * 12, now=at(0))
    first_flight(sender)
    sender.receive([receiver.ack((1, 12), delivered=[(3, 9)])], now=at(10))
    assert [outcome.sequence for outcome in outcomes(sender)] == [3, 4, 5, 6, 7, 8, 9]
    sender.receive([receiver.ack((1, 12), delivered=[(2, 10)])], now=at(11))
    assert [outcome.sequence for outcome in outcomes(sender)] == [2, 10]
    sender.receive([receiver.ack((1, 12), below=12)], now=at(12))
    assert [outcome.sequence for outcome in outcomes(sender)] == [1, 11]
    sender.receive([receiver.ack((1, 12), below=13)], now=at(13))
    assert [outcome.sequence for outcome in outcomes(sender)] == [12]


def test_every_message_says_which_is_the_lowest_unresolved() -> None:
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b"a", b"b", b"c"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack((1, 3), delivered=[(3, 3)])], now=at(10))
    sender.send([b"d"], now=at(10))
    assert [datagram.lowest for datagram in read(sender.data_to_send(now=at(10)))] == [1]
    sender.receive([receiver.ack((1, 3), below=2, delivered=[(3, 3)])], now=at(20))
    sender.send([b"e"], now=at(20))
    assert [datagram.lowest for datagram in read(sender.data_to_send(now=at(20)))] == [2]
    sender.receive([receiver.ack((1, 3), below=4)], now=at(30))
    sender.send([b"f"], now=at(30))
    assert [datagram.lowest for datagram in read(sender.data_to_send(now=at(30)))] == [4]


def test_arrived_is_not_delivered() -> None:
    """The receiver's host has it, its application does not: ask after every timeout, with nothing sent again."""
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b"slow"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack((1, 1))], now=at(100))
    assert outcomes(sender) == []
    assert (sender.unresolved, sender.messages_in_flight) == (1, 0)
    assert sender.data_to_send(now=at(100)) == []
    assert sender.next_timeout() == at(400)  # RTO: 100 + 4 * 50
    sender.handle_timeout(now=at(400) - 1)
    assert sender.data_to_send(now=at(400) - 1) == []
    sender.handle_timeout(now=at(400))
    (probe,) = read(sender.data_to_send(now=at(400)))
    assert (probe.kind, probe.number, probe.lowest, probe.transmission, probe.payload) == (Kind.PROBE, 2, 1, 1, b"")
    assert sender.next_timeout() == at(1000)  # no answer: twice as long
    sender.handle_timeout(now=at(1000))
    assert [datagram.kind for datagram in read(sender.data_to_send(now=at(1000)))] == [Kind.PROBE]
    assert sender.next_timeout() == at(2200)
    sender.receive([receiver.ack((1, 3))], now=at(1010))
    assert sender.data_to_send(now=at(1010)) == []
    assert sender.next_timeout() == at(1310)  # an answer: the first interval again
    sender.receive([receiver.ack((1, 3), below=2)], now=at(1200))
    assert outcomes(sender) == [Outcome(1, DELIVERED, None, 1, 100 * MS)]
    assert sender.next_timeout() is None
    assert sender.rtt.latest == 100 * MS  # a probe is no sample: it may have waited for nothing


def test_probes_come_at_least_every_sixty_seconds() -> None:
    sender, receiver = acknowledged_sender(deadline=10_000 * SECOND, min_rto=SECOND), RemoteReceiver()
    sender.send([b"slow"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack((1, 1))], now=at(100))
    probes, now = [], at(100)
    for _ in range(25):
        assert sender.data_to_send(now=now) == [] or now > at(100)
        following = sender.next_timeout()
        assert following is not None
        probes.append((following - now) // SECOND)
        now = following
        sender.handle_timeout(now=now)
    assert probes == [1, 2, 4, 8, 16, 32] + [60] * 19


# Loss --------------------------------------------------------------------------------------------------------------------


def test_a_lost_message_is_sent_again_after_one_two_and_four_seconds() -> None:
    """RFC 6298 (2.1), (5.4), (5.5): one nanosecond before the RTO, and at it."""
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b"lost"], now=at(0))
    assert numbers(sender.data_to_send(now=at(0))) == [(1, 1, 1)]
    for due, number in ((1000, 2), (3000, 3), (7000, 4)):
        assert sender.next_timeout() == at(due)
        sender.handle_timeout(now=at(due) - 1)
        assert sender.data_to_send(now=at(due) - 1) == []
        sender.handle_timeout(now=at(due))
        assert numbers(sender.data_to_send(now=at(due))) == [(number, 1, number)]
    assert sender.retransmissions == 3
    assert (sender.messages_sent, sender.payload_bytes) == (1, 4)
    sender.receive([receiver.ack((4, 4), below=2)], now=at(7050))
    assert outcomes(sender) == [Outcome(1, DELIVERED, None, 4, 50 * MS)]
    assert (sender.rtt.srtt, sender.rtt.timeouts) == (50 * MS, 0)


def test_a_lost_acknowledgment_costs_a_retransmission_and_nothing_else() -> None:
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b"x"], now=at(0))
    sender.data_to_send(now=at(0))
    receiver.ack((1, 1), below=2)  # lost on the way
    sender.handle_timeout(now=at(1000))
    assert numbers(sender.data_to_send(now=at(1000))) == [(2, 1, 2)]
    sender.receive([receiver.ack((1, 2), below=2)], now=at(1040))
    assert outcomes(sender) == [Outcome(1, DELIVERED, None, 2, 40 * MS)]
    assert sender.rtt.latest == 40 * MS


def test_the_round_trip_of_an_outcome_is_the_sample() -> None:
    """With the receiver's delay taken off, RFC 9002 section 5.3."""
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b"x"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack((1, 1), below=2)], now=at(10))
    sender.send([b"y"], now=at(10))
    sender.data_to_send(now=at(10))
    sender.receive([receiver.ack((1, 2), below=3, delay_us=25_000)], now=at(50))
    assert [outcome.rtt_ns for outcome in outcomes(sender)] == [10 * MS, 15 * MS]


def test_after_eight_transmissions_it_is_unconfirmed() -> None:
    """The RTO doubles up to 60 s, RFC 6298 (2.5): sent at 0, 1, 3, 7, 15, 31, 63 and 123 s, given up at 183 s."""
    sender = acknowledged_sender(deadline=1000 * SECOND)
    sender.send([b"x"], now=at(0))
    left = []
    now: int | None = at(0)
    while now is not None:
        sender.handle_timeout(now=now)
        left += [((now - START) // SECOND, *each) for each in numbers(sender.data_to_send(now=now))]
        ended_at, now = now, sender.next_timeout()
    assert left == [(second, number, 1, number) for number, second in enumerate((0, 1, 3, 7, 15, 31, 63, 123), 1)]
    assert ended_at == at(183_000)
    assert outcomes(sender) == [Outcome(1, UNCONFIRMED, "no acknowledgment after 8 transmissions", 8, None)]
    assert (sender.unresolved, sender.messages_in_flight, sender.congestion.bytes_in_flight) == (0, 0, 0)


def test_one_transmission_may_be_all_that_is_allowed() -> None:
    sender = acknowledged_sender(max_transmissions=1)
    sender.send([b"x"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.handle_timeout(now=at(1000))
    assert sender.data_to_send(now=at(1000)) == []
    assert outcomes(sender) == [Outcome(1, UNCONFIRMED, "no acknowledgment after 1 transmissions", 1, None)]


def test_the_deadline_exactly() -> None:
    sender = acknowledged_sender(deadline=1500 * MS)
    sender.send([b"x"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.handle_timeout(now=at(1000))
    sender.data_to_send(now=at(1000))
    assert sender.next_timeout() == at(1500)
    sender.handle_timeout(now=at(1500) - 1)
    assert outcomes(sender) == []
    sender.handle_timeout(now=at(1500))
    assert outcomes(sender) == [Outcome(1, UNCONFIRMED, "no acknowledgment within 1.5 s", 2, None)]
    assert sender.next_timeout() is None


def test_by_default_the_deadline_is_sixty_seconds() -> None:
    sender = acknowledged_sender()
    sender.send([b"x"], now=at(0))
    now = at(0)
    while sender.unresolved:
        sender.handle_timeout(now=now)
        sender.data_to_send(now=now)
        now = sender.next_timeout() or now
    assert now == at(60_000)
    assert outcomes(sender) == [Outcome(1, UNCONFIRMED, "no acknowledgment within 60 s", 6, None)]


def test_a_message_that_was_never_sent_is_refused_at_its_deadline() -> None:
    sender = acknowledged_sender(window=1, deadline=SECOND // 2)
    sender.send([b"sent"], now=at(0))
    sender.send([b"not sent"], now=at(100))
    assert sequences(sender.data_to_send(now=at(100))) == [1]
    sender.handle_timeout(now=at(500))
    assert outcomes(sender) == [Outcome(1, UNCONFIRMED, "no acknowledgment within 0.5 s", 1, None)]
    assert sender.next_timeout() == at(600)
    sender.handle_timeout(now=at(600))
    assert outcomes(sender) == [Outcome(2, REFUSED, "no acknowledgment within 0.5 s", 0, None)]
    assert (sender.messages_sent, sender.backlog, sender.unresolved) == (1, 0, 0)
    assert sender.data_to_send(now=at(600)) == []


def test_what_was_given_up_is_not_waited_for_by_the_receiver() -> None:
    sender = acknowledged_sender(deadline=2 * SECOND)
    sender.send([b"lost"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.send([b"later"], now=at(1999))
    sender.handle_timeout(now=at(2000))
    (datagram,) = read(sender.data_to_send(now=at(2000)))
    assert (datagram.sequence, datagram.lowest) == (2, 2)


def test_the_loss_of_a_message_that_has_ended_is_nobodys_business() -> None:
    sender = acknowledged_sender(deadline=900 * MS)
    sender.send([b"first"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.send([b"second"], now=at(500))
    sender.data_to_send(now=at(500))
    sender.handle_timeout(now=at(900))
    assert [outcome.sequence for outcome in outcomes(sender)] == [1]
    sender.handle_timeout(now=at(1000))
    assert numbers(sender.data_to_send(now=at(1000))) == [(3, 2, 2)]


# What limits how much is under way ---------------------------------------------------------------------------------------


def test_before_its_first_word_a_receiver_is_sent_as_many_messages_as_it_likely_takes() -> None:
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    assert sender.credit == 128
    sender.send([b""] * 200, now=at(0))
    assert sequences(first_flight(sender)) == list(range(1, 129))
    assert (sender.messages_in_flight, sender.backlog) == (128, 72)
    sender.receive([receiver.ack((1, 2), below=3, credit=129)], now=at(30))
    assert sender.credit == 129
    assert sequences(sender.data_to_send(now=at(60))) == [129, 130, 131]


def test_a_window_of_one_waits_for_delivery() -> None:
    sender, receiver = acknowledged_sender(window=1), RemoteReceiver()
    sender.send([b"a", b"b"], now=at(0))
    assert sequences(sender.data_to_send(now=at(0))) == [1]
    assert sender.data_to_send(now=at(1)) == []
    sender.receive([receiver.ack((1, 1))], now=at(10))
    assert sender.data_to_send(now=at(10)) == []  # arrived is not enough
    sender.receive([receiver.ack((1, 1), below=2)], now=at(20))
    assert sequences(sender.data_to_send(now=at(20))) == [2]


def test_a_window_of_three() -> None:
    sender, receiver = acknowledged_sender(window=3), RemoteReceiver()
    sender.send([b""] * 9, now=at(0))
    assert sequences(sender.data_to_send(now=at(0))) == [1, 2, 3]
    sender.receive([receiver.ack((1, 3), below=2, delivered=[(3, 3)])], now=at(10))
    assert sequences(sender.data_to_send(now=at(10))) == [4, 5]


def test_credit_of_zero_and_the_probe_that_asks_for_more() -> None:
    """RFC 9293, section 3.8.6.1: probe a window of zero."""
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack((1, 1), credit=0)], now=at(100))  # it arrived, and its application is not done with it
    sender.send([b"b", b"c"], now=at(200))
    assert sender.data_to_send(now=at(200)) == []
    assert sender.next_timeout() == at(500)
    sender.handle_timeout(now=at(500))
    assert [datagram.kind for datagram in read(sender.data_to_send(now=at(500)))] == [Kind.PROBE]
    sender.receive([receiver.ack((1, 2), credit=1)], now=at(600))
    assert sequences(sender.data_to_send(now=at(600))) == [2]
    assert (sender.messages_in_flight, sender.backlog) == (1, 1)


@pytest.mark.parametrize("framed", [False, True])
def test_an_old_credit_of_zero_stops_nobody_for_good(framed: bool) -> None:
    """The memory for all was short when the last word came. Nothing is under way that would bring another: one message leaves."""
    sender = acknowledged_sender(datagram_size=None if framed else 1200)
    receiver = RemoteReceiver(framed=framed)
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack((1, 1), below=2, credit=0, credit_bytes=0)], now=at(100))
    sender.send([b"b", b"c"], now=at(200))
    (message,) = read(sender.data_to_send(now=at(200)), framed=framed)
    assert (message.sequence, sender.messages_in_flight, sender.backlog) == (2, 1, 1)


def test_an_older_acknowledgment_does_not_bring_back_its_credit() -> None:
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b""] * 3, now=at(0))
    sender.data_to_send(now=at(0))
    older, newer = receiver.ack((1, 1), below=2, credit=100), receiver.ack((1, 2), below=3, credit=5)
    sender.receive([newer, older], now=at(10))
    assert sender.credit == 5
    assert [outcome.sequence for outcome in outcomes(sender)] == [1, 2]
    sender.receive([receiver.ack((1, 2), below=3, credit=6, number=2)], now=at(10))
    assert sender.credit == 5
    sender.receive([receiver.ack((1, 2), below=3, credit=7, number=3)], now=at(10))
    assert sender.credit == 7


def test_the_congestion_window_holds_ten_datagrams() -> None:
    """RFC 9002 section 7.2."""
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([LARGE] * 16, now=at(0))
    assert sequences(sender.data_to_send(now=at(0))) == list(range(1, 11))
    assert sender.congestion.bytes_in_flight == sender.congestion.window == 12_000
    sender.receive([receiver.ack((1, 1), below=2)], now=at(100))
    assert sender.congestion.window == 13_200  # slow start: it was the window that held it back (7.3.1, 7.8)
    assert sequences(sender.data_to_send(now=at(100))) == [11, 12]
    assert sender.congestion.bytes_in_flight == 13_200


def test_a_sender_that_has_nothing_more_to_send_does_not_grow_its_window() -> None:
    """RFC 9002 section 7.8."""
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([LARGE] * 10, now=at(0))
    assert len(each(sender.data_to_send(now=at(0)))) == 10
    sender.receive([receiver.ack((1, 5), below=6)], now=at(100))
    assert (sender.congestion.window, sender.congestion.bytes_in_flight) == (12_000, 6000)
    assert sender.data_to_send(now=at(100)) == []
    sender.receive([receiver.ack((1, 6), below=7)], now=at(101))
    assert (sender.congestion.window, sender.congestion.bytes_in_flight) == (12_000, 4800)


def test_after_the_first_round_trip_the_pace_is_kept() -> None:
    """RFC 9002 section 7.7, with N = 3/2 in slow start and SRTT = 7/8 * 100 + 1/8 * 20 = 90 ms:

    a datagram every 90 ms * 1200 / (1.5 * 18000) = 4 ms once five were acknowledged."""
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([LARGE], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack((1, 1), below=2)], now=at(100))
    sender.send([LARGE] * 40, now=at(100))
    assert len(each(sender.data_to_send(now=at(100)))) == 10
    assert sender.next_timeout() == at(400)  # the window is full: the pacer is not what is waited for
    sender.receive([receiver.ack((1, 6), below=7)], now=at(120))
    assert sender.congestion.window == 18_000
    assert len(each(sender.data_to_send(now=at(120)))) == 6
    assert sender.next_timeout() == at(124)
    assert sender.data_to_send(now=at(124) - 1) == []
    assert sender.next_timeout() == at(124)
    sender.handle_timeout(now=at(124))
    assert len(each(sender.data_to_send(now=at(124)))) == 1
    assert sender.next_timeout() == at(128)
    sender.receive([receiver.ack((1, 7), below=8)], now=at(126))
    assert sender.congestion.window == 19_200  # held back by the pace counts as held back by the window (7.8)


def test_what_the_pace_holds_back_is_not_probed_for() -> None:
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([LARGE] * 10, now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack((1, 10), below=11)], now=at(1000))
    sender.send([LARGE] * 30, now=at(1000))
    assert len(each(sender.data_to_send(now=at(1000)))) == 10
    sender.receive([receiver.ack((1, 20), below=21)], now=at(1001))
    # SRTT = 7/8 * 1000 + 1/8 * 1 = 875.125 ms; window 24000: 41,136 bytes a second, one every 29.171528 ms
    sent_at_once = len(each(sender.data_to_send(now=at(1001))))
    assert sent_at_once == 1
    sender.receive([receiver.ack((1, 21), below=22)], now=at(1002))
    assert sender.data_to_send(now=at(1002)) == []
    assert (sender.messages_in_flight, sender.congestion.bytes_in_flight) == (0, 0)
    assert sender.next_timeout() == at(1000) + 29_171_528
    sender.handle_timeout(now=at(1000) + 29_171_528)
    assert [datagram.kind for datagram in read(sender.data_to_send(now=at(1000) + 29_171_528))] == [Kind.MESSAGE]


def begun(sender: Sender, now: int) -> list[int]:
    """Of which messages something leaves now."""
    return sorted(set(sequences(sender.data_to_send(now=now))))


@pytest.mark.parametrize("size", [72, 73], ids=["whole", "in fragments"])
def test_the_credit_in_bytes_bounds_what_is_in_flight(size: int) -> None:
    """A message is in flight from its first datagram on until the receiver's host has it whole."""
    sender, receiver = acknowledged_sender(datagram_size=128), RemoteReceiver()
    sender.send([b""], now=at(0))
    sender.data_to_send(now=at(0))
    datagrams = 1 + (size > 72)
    sender.receive([receiver.ack((1, 1), below=2, credit_bytes=4 * size + size - 1)], now=at(10))
    sender.send([bytes(size)] * 9, now=at(10))
    assert begun(sender, at(500)) == [2, 3, 4, 5]
    last = 1 + 2 * datagrams  # messages 2 and 3 are there, and of 4 not everything
    sender.receive([receiver.ack((1, last), below=2, credit_bytes=4 * size)], now=at(510))
    assert begun(sender, at(600)) == [6, 7]
    sender.receive([receiver.ack((1, last + 4 * datagrams), below=2, credit_bytes=2 * size - 1)], now=at(610))
    assert begun(sender, at(700)) == [8]


def test_a_receiver_that_has_nothing_of_ours_is_sent_one_message_whatever_it_says() -> None:
    """What it says then is all that it will ever have: it drops the message and says why, or it takes it after all."""
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b"x"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack((1, 1), credit_bytes=10)], now=at(10))
    sender.send([bytes(11), b"y"], now=at(10))
    assert begun(sender, at(500)) == [], "it has a message that its application is not done with"
    sender.receive([receiver.ack((1, 1), below=2, credit_bytes=10)], now=at(510))
    assert begun(sender, at(600)) == [2]


def test_the_bytes_in_flight_after_messages_of_all_sorts() -> None:
    sender, receiver = acknowledged_sender(datagram_size=128), RemoteReceiver()
    sender.send([bytes(size) for size in (10, 100, 20, 200, 30)], now=at(0))
    first_flight(sender)
    outbox = sender._outbox
    assert (outbox.bytes_in_flight, outbox.waiting_bytes) == (360, 360)
    sender.receive([receiver.ack((1, 1), (3, 4), below=2)], now=at(30))  # the second half of message 2, and message 3
    assert (outbox.bytes_in_flight, outbox.waiting_bytes) == (330, 350)
    sender.send([bytes(40)], now=at(30))
    assert (outbox.bytes_in_flight, outbox.waiting_bytes) == (330, 390)


# Fragments ---------------------------------------------------------------------------------------------------------------


def test_a_fragmented_message_under_loss() -> None:
    """Only the lost fragment is sent again; the message is one message."""
    sender, receiver = acknowledged_sender(datagram_size=128), RemoteReceiver()
    payload = bytes(range(250))
    assert sender.send([payload], now=at(0)) == range(1, 2)
    sent = read(sender.data_to_send(now=at(0)))
    assert [datagram.fragment for datagram in sent] == [(index, 5, 50, 250) for index in range(5)]
    assert b"".join(datagram.payload for datagram in sent) == payload
    assert (sender.messages_in_flight, sender.messages_sent, sender.payload_bytes) == (1, 1, 250)
    sender.receive([receiver.ack((1, 1), (3, 5))], now=at(100))
    (again,) = read(sender.data_to_send(now=at(100)))
    assert (again.number, again.fragment, again.transmission, again.payload) == (6, (1, 5, 50, 250), 2, payload[50:100])
    assert (sender.retransmissions, sender.messages_in_flight) == (1, 1)
    sender.receive([receiver.ack((1, 1), (3, 6))], now=at(150))
    assert sender.messages_in_flight == 0
    sender.receive([receiver.ack((1, 1), (3, 6), below=2)], now=at(160))
    assert outcomes(sender) == [Outcome(1, DELIVERED, None, 2, 50 * MS)]
    assert sender.delivered_bytes == 250


def test_messages_that_are_cut_alike_leave_as_a_run() -> None:
    """Four of two fragments each, and one byte less of the next one. Of what is lost one fragment alone is sent again."""
    sender, receiver = acknowledged_sender(datagram_size=140), RemoteReceiver()
    texts = [bytes([number]) * 119 for number in range(1, 5)] + [bytes(117)]
    sender.send(texts, now=at(0))
    batch = sender.data_to_send(now=at(0))
    assert [item.message_count for item in batch if isinstance(item, Run)] == [8, 2]
    sent = read(batch)
    assert [(datagram.number, datagram.sequence, datagram.fragment) for datagram in sent] == [
        (1 + place, 1 + place // 2, (place % 2, 2, 60 - (place > 7), 119 - 2 * (place > 7))) for place in range(10)
    ]
    assert b"".join(datagram.payload for datagram in sent[:8]) == b"".join(text + b"\0" for text in texts[:4])
    assert sender.congestion.bytes_in_flight == sum(map(len, each(batch)))
    assert (sender.messages_in_flight, sender.messages_sent, sender.payload_bytes) == (5, 5, sum(map(len, texts)))
    sender.receive([receiver.ack((1, 3), (5, 10))], now=at(100))
    assert sender.messages_in_flight == 1
    (again,) = read(sender.data_to_send(now=at(100)))
    assert (again.number, again.sequence, again.fragment, again.transmission) == (11, 2, (1, 2, 60, 119), 2)
    sender.receive([receiver.ack((1, 3), (5, 11), below=6)], now=at(150))
    assert [(outcome.sequence, outcome.transmissions) for outcome in outcomes(sender)] == [(1, 1), (2, 2), (3, 1), (4, 1), (5, 1)]
    assert sender.congestion.bytes_in_flight == 0


def test_a_run_stops_in_the_middle_of_a_message_and_goes_on_there() -> None:
    """A window of 1280 bytes: ten datagrams, of four messages in three fragments each, and none of a fifth."""
    sender, receiver = acknowledged_sender(datagram_size=128), RemoteReceiver()
    sender.send([bytes(180)] * 5, now=at(0))
    left = [(datagram.sequence, datagram.fragment and datagram.fragment[0]) for datagram in read(sender.data_to_send(now=at(0)))]
    assert left == [(1 + place // 3, place % 3) for place in range(10)]
    assert sender.data_to_send(now=at(0)) == []
    assert (sender.messages_sent, sender.backlog, sender.last_sequence) == (4, 1, 4)
    sender.receive([receiver.ack((1, 4), (6, 10))], now=at(100))
    assert sender.messages_in_flight == 2, "the second lacks one that was sent, the fourth two that were not"
    gone = [(each.sequence, each.fragment and each.fragment[0]) for each in read(sender.data_to_send(now=at(100)))]
    assert gone == [(2, 1), (4, 1), (4, 2), (5, 0), (5, 1), (5, 2)]


def test_replies_and_titles_in_fragments_leave_as_runs_of_one_message() -> None:
    for fields in ({"reply_to": 9}, {"title": "n.txt"}):
        for sender in (acknowledged_sender(datagram_size=140), plain_sender(datagram_size=140)):
            sender.send([bytes(120), bytes(120)], now=at(0), **fields)
            sent = read(sender.data_to_send(now=at(0)))
            assert len(sent) in (4, 6)
            assert {datagram.reply_to for datagram in sent} == {fields.get("reply_to", 0)}
            first_ones = [datagram for datagram in sent if datagram.fragment and not datagram.fragment[0]]
            assert [datagram.title for datagram in first_ones] == [fields.get("title", "")] * 2


def test_a_message_begun_is_finished_whatever_the_credit() -> None:
    sender, receiver = acknowledged_sender(datagram_size=128), RemoteReceiver()
    sender.send([bytes(1200)], now=at(0))  # 20 fragments of 128 bytes, and a window of 1280
    assert len(each(sender.data_to_send(now=at(0)))) == 10
    sender.receive([receiver.ack((1, 5), credit=0)], now=at(10))
    assert [datagram.fragment and datagram.fragment[0] for datagram in read(sender.data_to_send(now=at(10)))] == list(
        range(10, 20)
    )


def test_both_transmissions_of_a_fragment_arrive_and_it_counts_once() -> None:
    sender, receiver = acknowledged_sender(datagram_size=128), RemoteReceiver()
    sender.send([bytes(120)], now=at(0))
    sender.data_to_send(now=at(0))
    sender.handle_timeout(now=at(1000))
    assert len(each(sender.data_to_send(now=at(1000)))) == 2
    sender.receive([receiver.ack((1, 1))], now=at(1100))
    sender.receive([receiver.ack((1, 1), (3, 3))], now=at(1200))
    assert sender.messages_in_flight == 1
    sender.receive([receiver.ack((1, 1), (3, 4))], now=at(1300))
    assert sender.messages_in_flight == 0
    sender.receive([receiver.ack((1, 4))], now=at(1400))
    assert (sender.messages_in_flight, sender.unresolved) == (0, 1)


def test_a_fragmented_message_that_was_given_up_before_it_began_is_not_sent() -> None:
    sender = acknowledged_sender(datagram_size=128, window=1, deadline=SECOND)
    sender.send([b"sent", bytes(200)], now=at(0))
    assert sequences(sender.data_to_send(now=at(0))) == [1]
    sender.send([b"later"], now=at(500))
    sender.handle_timeout(now=at(1000))
    assert [(outcome.sequence, outcome.state) for outcome in outcomes(sender)] == [(1, UNCONFIRMED), (2, REFUSED)]
    assert numbers(sender.data_to_send(now=at(1000))) == [(2, 3, 1)]


def test_fragments_that_may_not_be_sent_once_more_end_their_message_once() -> None:
    sender, old, new = acknowledged_sender(datagram_size=128, max_transmissions=1), RemoteReceiver(1), RemoteReceiver(2)
    sender.send([bytes(150)], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([old.ack((1, 2))], now=at(100))
    sender.receive([new.probe_reply()], now=at(200))
    assert sender.events() == [
        PeerRestarted(2),
        Outcome(1, UNCONFIRMED, "no acknowledgment after 1 transmissions", 1, 100 * MS),
    ]
    assert sender.data_to_send(now=at(200)) == []


# The limits on a message -------------------------------------------------------------------------------------------------


def test_a_message_above_the_limit_is_refused_before_anything_is_queued() -> None:
    sender = acknowledged_sender(max_message=10)
    assert sender.send([bytes(10)], now=at(0)) == range(1, 2)
    with pytest.raises(MessageTooLarge) as error:
        sender.send([b"fine", bytes(11)], now=at(0))
    assert (error.value.size, error.value.limit) == (11, 10)
    assert str(error.value) == (
        "the message has 11 bytes and the limit is 10; nothing was sent: "
        "cut it up, or raise the limit on both sides (max_message, --max-message)"
    )
    assert sender.send([b"fine"], now=at(0)) == range(2, 3)
    assert sender.unresolved == 2


def test_by_default_a_message_has_at_most_a_mebibyte() -> None:
    sender = acknowledged_sender()
    sender.send([bytes(1 << 20)], now=at(0))
    with pytest.raises(MessageTooLarge, match="1048577 bytes and the limit is 1048576"):
        sender.send([bytes((1 << 20) + 1)], now=at(0))


@pytest.mark.parametrize(
    ("acknowledged", "reply_to", "room"),
    [(True, 0, 60), (True, 1, 52), (False, 0, 76), (False, 1, 68)],
)
def test_a_message_that_65535_fragments_cannot_carry(acknowledged: bool, reply_to: int, room: int) -> None:
    config = SenderConfig(acknowledged=acknowledged, datagram_size=128, max_message=1 << 30)
    sender = Sender(config, session=SENDER, now=START)
    with pytest.raises(MessageTooLarge) as error:
        sender.send([bytes(room * 65_535 + 1)], now=at(0), reply_to=reply_to)
    assert (error.value.size, error.value.limit) == (room * 65_535 + 1, room * 65_535)
    assert str(error.value).endswith("cut it up, or allow larger datagrams (datagram_size, --datagram-size)")


def test_and_one_that_they_just_can() -> None:
    sender = acknowledged_sender(datagram_size=128, max_message=1 << 30)
    sender.send([bytes(60 * 65_535)], now=at(0))
    assert read(sender.data_to_send(now=at(0))[:1])[0].fragment == (0, 65_535, 60, 60 * 65_535)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"datagram_size": 127}, "datagrams of 127 bytes cannot be sent: choose 128 to 65507"),
        ({"max_transmissions": 0}, "0 transmissions: choose from 1 to 255"),
        ({"max_transmissions": 256}, "256 transmissions: choose from 1 to 255"),
        ({"window": 0}, "a window of 0 messages sends nothing: choose 1 or more"),
        (
            {"ordered": True},
            "ordered delivery needs acknowledgments: without them nobody knows whether a gap will be filled",
        ),
    ],
)
def test_what_no_sender_can_keep(config: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError) as error:
        SenderConfig(**config)
    assert str(error.value) == message


def test_the_largest_datagram_is_what_udp_over_ipv4_can_carry() -> None:
    with pytest.raises(UsageError, match="65508"):
        SenderConfig(datagram_size=65_508)
    sender = plain_sender(datagram_size=65_507)
    sender.send([bytes(65_467), bytes(65_468)], now=at(0))
    assert [len(data) for data in each(sender.data_to_send(now=at(0)))] == [65_507, 52 + 32_734, 52 + 32_734]


def test_what_a_sender_can_just_keep_and_what_it_does_by_default() -> None:
    SenderConfig(acknowledged=True, ordered=True, datagram_size=128, max_transmissions=255, window=1)
    SenderConfig(max_transmissions=1, datagram_size=None)
    config = SenderConfig()
    assert (config.acknowledged, config.ordered, config.datagram_size, config.max_message) == (False, False, 1200, 1 << 20)
    assert (config.window, config.max_transmissions, config.deadline) == (None, 8, 60 * SECOND)
    assert (config.min_rto, config.jitter) == (200 * MS, 0.5)


# A receiver that is slow, or was restarted -------------------------------------------------------------------------------


def test_a_restarted_receiver_is_sent_again_what_the_old_one_had_not_delivered() -> None:
    sender, old, new = acknowledged_sender(), RemoteReceiver(1), RemoteReceiver(2)
    sender.send([b"a", b"b", b"c"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([old.ack((1, 2), below=2, credit=50)], now=at(100))
    assert [outcome.sequence for outcome in outcomes(sender)] == [1]
    assert (sender.messages_in_flight, sender.credit) == (1, 50)
    sender.receive([new.ack((3, 3), delivered=[(3, 3)], credit=9)], now=at(200))
    assert sender.events() == [PeerRestarted(2), Outcome(3, DELIVERED, None, 1, 200 * MS)]
    assert sender.credit == 9  # although the old one's acknowledgment had the same number
    assert sender.messages_in_flight == 1
    assert numbers(sender.data_to_send(now=at(200))) == [(4, 2, 2)]
    sender.receive([old.ack((1, 4), below=4, credit=70)], now=at(210))  # late, and void
    assert (sender.events(), sender.unresolved, sender.credit) == ([], 1, 9)
    sender.receive([new.ack((3, 4), delivered=[(2, 3)])], now=at(250))
    assert outcomes(sender) == [Outcome(2, DELIVERED, None, 2, 50 * MS)]


def test_a_receiver_that_answers_a_probe_with_it_does_not_know_us() -> None:
    sender, old, new = acknowledged_sender(), RemoteReceiver(1), RemoteReceiver(2)
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([old.ack((1, 1))], now=at(100))
    sender.data_to_send(now=at(100))
    sender.handle_timeout(now=at(400))
    assert [datagram.kind for datagram in read(sender.data_to_send(now=at(400)))] == [Kind.PROBE]
    sender.receive([new.probe_reply()], now=at(450))
    assert sender.events() == [PeerRestarted(2)]
    assert sender.messages_in_flight == 1
    assert numbers(sender.data_to_send(now=at(450))) == [(3, 1, 2)]
    sender.receive([old.probe_reply()], now=at(460))
    assert sender.events() == []
    assert sender.data_to_send(now=at(460)) == []


def test_the_same_receiver_may_have_forgotten_us() -> None:
    """It evicted the session: no restart, but what had arrived is gone all the same. Nothing that never left is sent."""
    sender, receiver = acknowledged_sender(window=2), RemoteReceiver()
    sender.send([b"a", b"b", b"c"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack((1, 2))], now=at(100))
    sender.data_to_send(now=at(100))
    assert sender.next_timeout() == at(400)
    assert sender.messages_in_flight == 0
    sender.receive([receiver.probe_reply()], now=at(450))
    assert sender.events() == []
    assert sender.messages_in_flight == 2
    assert numbers(sender.data_to_send(now=at(450))) == [(3, 1, 2), (4, 2, 2)]


def test_fragments_that_a_restarted_receiver_lost() -> None:
    sender, old, new = acknowledged_sender(datagram_size=128), RemoteReceiver(1), RemoteReceiver(2)
    sender.send([bytes(150)], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([old.ack((1, 1), (3, 3))], now=at(100))
    sender.receive([new.ack()], now=at(101))
    assert sender.events() == [PeerRestarted(2)]
    assert [datagram.fragment and datagram.fragment[0] for datagram in read(sender.data_to_send(now=at(101)))] == [0, 2]
    sender.receive([new.ack((2, 5), below=2)], now=at(150))
    assert outcomes(sender) == [Outcome(1, DELIVERED, None, 2, 49 * MS)]


def test_what_arrived_on_its_last_transmission_is_not_sent_once_more() -> None:
    sender, old, new = acknowledged_sender(max_transmissions=1), RemoteReceiver(1), RemoteReceiver(2)
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([old.ack((1, 1))], now=at(100))
    sender.receive([new.probe_reply()], now=at(200))
    assert sender.events() == [
        PeerRestarted(2),
        Outcome(1, UNCONFIRMED, "no acknowledgment after 1 transmissions", 1, 100 * MS),
    ]
    assert sender.data_to_send(now=at(200)) == []


def test_what_waits_to_be_sent_again_is_not_queued_a_second_time() -> None:
    """It timed out; then comes the late acknowledgment, and then the word that its receiver was restarted."""
    sender, old, new = acknowledged_sender(max_transmissions=2), RemoteReceiver(1), RemoteReceiver(2)
    sender.send([b"a", b"b"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.handle_timeout(now=at(1000))
    sender.receive([old.ack((1, 1)), new.probe_reply()], now=at(1000))
    assert sender.events() == [PeerRestarted(2)]
    assert sorted(numbers(sender.data_to_send(now=at(1000)))) == [(3, 1, 2), (4, 2, 2)]


def test_what_is_on_its_way_again_is_not_sent_a_third_time() -> None:
    sender, old, new = acknowledged_sender(), RemoteReceiver(1), RemoteReceiver(2)
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.handle_timeout(now=at(1000))
    assert numbers(sender.data_to_send(now=at(1000))) == [(2, 1, 2)]
    sender.receive([old.ack((1, 1))], now=at(1100))
    sender.receive([new.probe_reply()], now=at(1200))
    left = numbers(sender.data_to_send(now=at(1200)))
    timeout = sender.next_timeout()
    assert timeout is not None
    sender.handle_timeout(now=timeout)
    left += numbers(sender.data_to_send(now=timeout))
    assert [transmission for _, _, transmission in left] == list(range(3, 3 + len(left)))
    assert len(left) <= 2  # at most one at once and one after the timeout; never two at one time


def test_the_loss_of_an_earlier_transmission_does_not_call_for_another() -> None:
    """The second is overtaken by three; the third, which is on its way, is not."""
    sender, old, new = acknowledged_sender(), RemoteReceiver(1), RemoteReceiver(2)
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.handle_timeout(now=at(1000))
    sender.data_to_send(now=at(1000))
    sender.receive([old.ack((1, 1)), new.probe_reply()], now=at(1200))
    assert numbers(sender.data_to_send(now=at(1200))) == [(3, 1, 3)]
    sender.send([b"b", b"c"], now=at(1200))
    assert numbers(sender.data_to_send(now=at(1200))) == [(4, 2, 1), (5, 3, 1)]
    assert sender.congestion.bytes_in_flight == 4 * 57
    sender.receive([new.ack((4, 5), delivered=[(2, 3)])], now=at(1300))
    assert sender.congestion.bytes_in_flight == 57  # number 2 is deemed lost, number 3 is not
    assert sender.data_to_send(now=at(1300)) == []


def test_a_message_that_arrived_is_not_given_up_when_its_last_transmission_is_lost() -> None:
    sender, receiver = acknowledged_sender(max_transmissions=2), RemoteReceiver()
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.handle_timeout(now=at(1000))
    assert numbers(sender.data_to_send(now=at(1000))) == [(2, 1, 2)]
    sender.receive([receiver.ack((1, 1))], now=at(1100))
    timeout = sender.next_timeout()
    assert timeout == at(1100 + 1100 + 4 * 550)
    sender.handle_timeout(now=timeout)
    assert (outcomes(sender), sender.unresolved) == ([], 1)
    sender.receive([receiver.ack((1, 1), below=2)], now=timeout)
    assert outcomes(sender) == [Outcome(1, DELIVERED, None, 2, 1100 * MS)]


def test_sixteen_former_receivers_are_remembered() -> None:
    sender = acknowledged_sender()
    receivers = [RemoteReceiver(session) for session in range(1, 19)]
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack() for receiver in receivers[:17]], now=at(1))
    assert sender.events() == [PeerRestarted(session) for session in range(2, 18)]
    sender.receive([receivers[0].ack()], now=at(2))
    assert sender.events() == []
    sender.receive([receivers[17].ack(), receivers[1].ack(), receivers[0].ack()], now=at(3))
    assert sender.events() == [PeerRestarted(18), PeerRestarted(1)]


# What peers say wrong ----------------------------------------------------------------------------------------------------


def never_sent(receiver: RemoteReceiver) -> dict[str, tuple[bytes, str]]:
    """After one message in one datagram."""
    datagrams, messages = "an ACK for datagrams that were never sent", "an ACK for messages that were never sent"
    return {
        "another session": (receiver.ack(of=SENDER + 1), "an ACK for another session"),
        "arrived": (receiver.ack((1, 2), largest=1), datagrams),
        "largest": (receiver.ack((1, 1), largest=2), datagrams),
        "below": (receiver.ack((1, 1), below=3), messages),
        "delivered": (receiver.ack((1, 1), below=1, delivered=[(2, 2)]), messages),
        "a probe by another": (receiver.probe_reply(of=SENDER + 1), "a PROBE_REPLY for another session"),
        "a message": (RemoteSender().message(1), "MESSAGE means nothing to a sender"),
        "a goodbye": (RemoteSender().goodbye(1), "GOODBYE means nothing to a sender"),
        "a probe": (RemoteSender().probe(), "PROBE means nothing to a sender"),
        "one byte": (b"U", "1 bytes are less than a header"),
    }


@pytest.mark.parametrize("case", never_sent(RemoteReceiver()))
def test_what_no_receiver_of_ours_can_say_changes_nothing(case: str) -> None:
    sender = acknowledged_sender()
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    data, reason = never_sent(RemoteReceiver())[case]
    sender.receive([data], now=at(1), peer="somebody")
    assert sender.events() == [Malformed("somebody", reason, len(data))]
    assert sender.malformed == 1
    assert (sender.unresolved, sender.messages_in_flight, sender.credit, sender.next_timeout()) == (
        1,
        1,
        INITIAL_CREDIT,
        at(1000),
    )
    assert sender.data_to_send(now=at(1)) == []


def test_a_malformed_datagram_does_not_cost_the_others_of_its_batch() -> None:
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    bad = receiver.ack((1, 1), below=9)
    sender.receive([bad, receiver.ack((1, 1), below=2)], now=at(100))
    assert sender.events() == [
        Malformed(None, "an ACK for messages that were never sent", len(bad)),
        Outcome(1, DELIVERED, None, 1, 100 * MS),
    ]


def test_an_acknowledgment_just_within_what_was_sent() -> None:
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b"a", b"b"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack((1, 2), delivered=[(2, 2)])], now=at(1))
    assert [outcome.sequence for outcome in outcomes(sender)] == [2]
    sender.receive([receiver.ack(largest=2, below=3)], now=at(2))
    assert [outcome.sequence for outcome in outcomes(sender)] == [1]


# What the system refused to send -----------------------------------------------------------------------------------------


def test_a_fire_and_forget_message_that_the_system_refused() -> None:
    sender = plain_sender()
    sender.send([b"one", b"four"], now=at(0))
    first, second = each(sender.data_to_send(now=at(0)))
    assert (sender.messages_sent, sender.payload_bytes) == (2, 7)
    sender.not_sent([first], "ENETUNREACH", now=at(0))
    assert outcomes(sender) == [Outcome(1, REFUSED, "not sent (ENETUNREACH)", 0, None)]
    assert (sender.messages_sent, sender.payload_bytes) == (1, 4)
    sender.goodbye(now=at(1))
    goodbye = each(sender.data_to_send(now=at(1)))
    assert [NUMBER.unpack(datagram.payload)[0] for datagram in read(goodbye)] == [1, 1, 1]
    sender.not_sent(goodbye, "ENETUNREACH", now=at(1))
    assert (outcomes(sender), sender.messages_sent) == ([], 1)
    assert second


def test_a_fragmented_fire_and_forget_message_is_refused_once() -> None:
    sender = plain_sender(datagram_size=128)
    sender.send([bytes(200)], now=at(0))
    sender.not_sent(each(sender.data_to_send(now=at(0))), "EPERM", now=at(0))
    assert outcomes(sender) == [Outcome(1, REFUSED, "not sent (EPERM)", 0, None)]
    assert (sender.messages_sent, sender.payload_bytes) == (0, 0)


def test_one_fragment_that_was_refused_refuses_the_whole_message() -> None:
    sender = plain_sender(datagram_size=128)
    sender.send([bytes(200), bytes(200), b"c"], now=at(0))
    batch = each(sender.data_to_send(now=at(0)))
    assert len(batch) == 7
    sender.not_sent([batch[1], batch[2], batch[5]], "EPERM", now=at(0))
    sender.not_sent([batch[5]], "EPERM", now=at(0))
    assert [outcome.sequence for outcome in outcomes(sender)] == [1, 2]
    assert (sender.messages_sent, sender.payload_bytes) == (1, 1)


def test_an_acknowledged_message_that_the_system_refused_for_now_is_tried_again() -> None:
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b"a"], now=at(0))
    sender.not_sent(each(sender.data_to_send(now=at(0))), "ENOBUFS", now=at(0))
    assert (outcomes(sender), sender.unresolved) == ([], 1)
    sender.handle_timeout(now=at(1000))
    assert numbers(sender.data_to_send(now=at(1000))) == [(2, 1, 2)]
    sender.receive([receiver.ack((2, 2), below=2)], now=at(1010))
    assert outcomes(sender) == [Outcome(1, DELIVERED, None, 2, 10 * MS)]


def test_an_acknowledged_message_of_which_nothing_ever_left_is_refused() -> None:
    sender = acknowledged_sender(max_transmissions=2)
    sender.send([b"abc"], now=at(0))
    for now in (at(0), at(1000)):
        sender.handle_timeout(now=now)
        sender.not_sent(each(sender.data_to_send(now=now)), "ENOBUFS", now=now)
    assert (sender.messages_sent, sender.payload_bytes) == (1, 3)
    sender.handle_timeout(now=at(3000))
    assert outcomes(sender) == [Outcome(1, REFUSED, "not sent (ENOBUFS)", 2, None)]
    assert (sender.messages_sent, sender.payload_bytes) == (0, 0)


def test_and_so_it_is_at_its_deadline() -> None:
    sender = acknowledged_sender(deadline=SECOND)
    sender.send([b"abc"], now=at(0))
    sender.not_sent(each(sender.data_to_send(now=at(0))), "ENETUNREACH", now=at(0))
    sender.handle_timeout(now=at(1000))
    assert outcomes(sender) == [Outcome(1, REFUSED, "not sent (ENETUNREACH)", 1, None)]


def test_one_transmission_that_left_makes_it_unconfirmed() -> None:
    sender = acknowledged_sender(max_transmissions=2)
    sender.send([b"abc"], now=at(0))
    sender.not_sent(each(sender.data_to_send(now=at(0))), "ENOBUFS", now=at(0))
    sender.handle_timeout(now=at(1000))
    sender.data_to_send(now=at(1000))
    sender.handle_timeout(now=at(3000))
    assert [(outcome.state, outcome.transmissions) for outcome in outcomes(sender)] == [(UNCONFIRMED, 2)]
    assert (sender.messages_sent, sender.payload_bytes) == (1, 3)


def test_a_permanent_refusal_ends_an_acknowledged_message() -> None:
    sender = acknowledged_sender(datagram_size=128)
    sender.send([bytes(200), b"b"], now=at(0))
    batch = each(sender.data_to_send(now=at(0)))
    assert len(batch) == 5
    sender.not_sent(batch[:4], "EMSGSIZE", now=at(0), permanent=True)
    (outcome,) = outcomes(sender)
    assert (outcome.sequence, outcome.reason) == (1, "not sent (EMSGSIZE)")
    assert (sender.unresolved, sender.messages_in_flight) == (1, 1)
    sender.not_sent(batch[4:], "EMSGSIZE", now=at(0), permanent=True)
    assert outcomes(sender) == [Outcome(2, REFUSED, "not sent (EMSGSIZE)", 1, None)]
    assert (sender.unresolved, sender.next_timeout()) == (0, None)


# Abandon and goodbye -----------------------------------------------------------------------------------------------------


def test_abandon_ends_everything_unresolved() -> None:
    sender, receiver = acknowledged_sender(window=2), RemoteReceiver()
    sender.send([b"a", b"b", b"c", b"d"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack((1, 1), below=2)], now=at(100))
    sender.data_to_send(now=at(100))
    assert len(outcomes(sender)) == 1
    sender.abandon("interrupted", now=at(200))
    assert outcomes(sender) == [
        Outcome(2, UNCONFIRMED, "interrupted", 1, None),
        Outcome(3, UNCONFIRMED, "interrupted", 1, None),
        Outcome(4, REFUSED, "interrupted", 0, None),
    ]
    assert (sender.unresolved, sender.backlog, sender.messages_in_flight, sender.messages_sent) == (0, 0, 0, 3)
    assert (sender.congestion.bytes_in_flight, sender.next_timeout()) == (0, None)
    assert sender.data_to_send(now=at(200)) == []
    sender.abandon("again", now=at(201))
    assert outcomes(sender) == []


def test_a_late_acknowledgment_of_an_abandoned_message_says_nothing_new() -> None:
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.abandon("interrupted", now=at(10))
    assert len(outcomes(sender)) == 1
    sender.receive([receiver.ack((1, 1), below=2)], now=at(20))
    assert (outcomes(sender), sender.delivered_bytes, sender.rtt.latest) == ([], 0, None)
    assert sender.data_to_send(now=at(20)) == []
    assert sender.next_timeout() is None


def test_a_message_that_has_ended_has_no_round_trip_any_more() -> None:
    """Its datagram is a sample for the path, and nothing else."""
    sender, receiver = acknowledged_sender(deadline=SECOND), RemoteReceiver()
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.send([b"b"], now=at(900))
    sender.data_to_send(now=at(900))
    sender.handle_timeout(now=at(1000))
    assert [outcome.sequence for outcome in outcomes(sender)] == [1]
    sender.receive([receiver.ack((1, 1), below=2)], now=at(1100))
    assert (outcomes(sender), sender.rtt.latest) == ([], 1100 * MS)
    sender.receive([receiver.ack((1, 1), largest=2, below=3)], now=at(1101))
    assert outcomes(sender) == [Outcome(2, DELIVERED, None, 1, None)]


def test_nor_does_one_of_a_transmission_that_was_deemed_lost() -> None:
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.handle_timeout(now=at(1000))
    sender.abandon("interrupted", now=at(1001))
    sender.receive([receiver.ack((1, 1), below=2)], now=at(1100))
    assert [outcome.state for outcome in outcomes(sender)] == [UNCONFIRMED]
    assert (sender.rtt.latest, sender.rtt.timeouts) == (None, 1)


def test_goodbye_is_said_three_times() -> None:
    sender = plain_sender()
    sender.send([b"a", b"b"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.goodbye(now=at(7))
    goodbyes = read(sender.data_to_send(now=at(7)))
    assert [(each.kind, each.number, each.sequence, each.sent_at) for each in goodbyes] == [
        (Kind.GOODBYE, number, 0, 7000) for number in (3, 4, 5)
    ]
    assert {(each.payload, each.acknowledged) for each in goodbyes} == {(NUMBER.pack(2), False)}
    assert sender.data_to_send(now=at(8)) == []
    assert sender.next_timeout() is None


def test_an_acknowledged_sender_says_in_its_goodbye_what_it_still_waits_for() -> None:
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack((1, 1), below=2)], now=at(1))
    sender.goodbye(now=at(2))
    assert [(each.kind, each.lowest, each.transmission) for each in read(sender.data_to_send(now=at(2)))] == [
        (Kind.GOODBYE, 2, 1)
    ] * 3


def sender_that_was_heard() -> tuple[Sender, RemoteReceiver]:
    """Message 1 (datagram 1) is delivered, in a round trip of 1 ms: the RTO is its minimum of 200 ms."""
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack((1, 1), below=2)], now=at(1))
    return sender, receiver


def test_a_goodbye_to_be_confirmed_is_said_once() -> None:
    sender, receiver = sender_that_was_heard()
    sender.goodbye(now=at(2), confirm=True)
    assert [(each.kind, each.number) for each in read(sender.data_to_send(now=at(2)))] == [(Kind.GOODBYE, 2)]
    assert sender.goodbye_unconfirmed
    sender.receive([receiver.ack((1, 1), below=2)], now=at(3))  # an acknowledgment of what came before it says nothing
    assert sender.goodbye_unconfirmed
    sender.receive([receiver.ack((1, 2), below=2)], now=at(4))
    assert not sender.goodbye_unconfirmed
    assert sender.next_timeout() is None


def test_a_goodbye_that_nobody_confirms_is_said_three_times_an_rto_apart() -> None:
    sender, _ = sender_that_was_heard()
    sender.goodbye(now=at(2), confirm=True)
    sender.data_to_send(now=at(2))
    for number, due in ((3, 202), (4, 402)):
        assert sender.next_timeout() == at(due)
        sender.handle_timeout(now=at(due - 1))
        assert sender.data_to_send(now=at(due - 1)) == []
        sender.handle_timeout(now=at(due))
        assert [(each.kind, each.number) for each in read(sender.data_to_send(now=at(due)))] == [(Kind.GOODBYE, number)]
    assert not sender.goodbye_unconfirmed
    assert sender.next_timeout() is None


def test_nobody_who_was_never_heard_is_asked_to_confirm_a_goodbye() -> None:
    sender = acknowledged_sender()
    sender.goodbye(now=at(0), confirm=True)
    assert len(each(sender.data_to_send(now=at(0)))) == 3
    assert not sender.goodbye_unconfirmed


# Fire and forget ---------------------------------------------------------------------------------------------------------


def test_fire_and_forget() -> None:
    """Sent; nothing more is known, nothing is waited for."""
    sender = plain_sender()
    assert sender.send([b"a", b""], now=at(5)) == range(1, 3)
    assert sender.send([], now=at(5)) == range(3, 3)
    sent = read(sender.data_to_send(now=at(6)))
    assert [(each.number, each.sequence, each.payload, each.lowest, each.sent_at) for each in sent] == [
        (1, 1, b"a", 0, 5000),
        (2, 2, b"", 0, 5000),
    ]
    assert (sender.unresolved, sender.backlog, sender.next_timeout(), sender.events()) == (0, 0, None, [])
    assert (sender.messages_sent, sender.payload_bytes, sender.congestion.bytes_in_flight) == (2, 1, 0)
    sender.handle_timeout(now=at(100_000))
    assert sender.data_to_send(now=at(100_000)) == []


def test_fire_and_forget_fills_its_datagrams() -> None:
    sender = plain_sender()
    sender.send([bytes(1160), bytes(1161), bytes(2296), bytes(2297)], now=at(0))
    batch = each(sender.data_to_send(now=at(0)))
    assert [len(data) for data in batch] == [1200] + [52 + 581] * 2 + [1200] * 2 + [52 + 766] * 3
    assert [each.fragment for each in read(batch)][:3] == [None, (0, 2, 581, 1161), (1, 2, 581, 1161)]
    assert (sender.messages_sent, sender.payload_bytes) == (4, 1160 + 1161 + 2296 + 2297)


def test_a_reply_names_what_it_answers() -> None:
    sender = plain_sender()
    sender.send([b"yes", bytes(1153)], now=at(0), reply_to=1)
    sent = read(sender.data_to_send(now=at(0)))
    assert [(each.sequence, each.reply_to, len(each.payload)) for each in sent] == [(1, 1, 3), (2, 1, 577), (2, 1, 577)]


def test_an_acknowledged_reply_fits_its_datagrams_too() -> None:
    sender = acknowledged_sender()
    sender.send([bytes(1136), bytes(1137)], now=at(0), reply_to=1)
    batch = each(sender.data_to_send(now=at(0)))
    assert [len(data) for data in batch] == [1200] + [56 + 20 + 569] * 2
    assert sender.congestion.bytes_in_flight == sum(len(data) for data in batch)


def test_the_window_is_asked_about_the_very_bytes_that_would_leave() -> None:
    """A window of 1280 bytes: eight datagrams of 128 bytes, and 256 more in fragments of 128, 128 and then 1 too many."""
    sender = acknowledged_sender(datagram_size=128)
    sender.send([bytes(72)] * 8 + [bytes(120)] + [b""], now=at(0))
    assert [len(data) for data in first_flight(sender)] == [128] * 10
    assert sender.congestion.bytes_in_flight == 1280
    smaller = acknowledged_sender(datagram_size=128)
    smaller.send([bytes(72)] * 8 + [bytes(118)] + [b""], now=at(0))
    assert [len(data) for data in first_flight(smaller)] == [128] * 8 + [127] * 2
    reply = acknowledged_sender(datagram_size=128)
    reply.send([b"", bytes(4)] + [bytes(64)] * 9, now=at(0), reply_to=1)  # 124 bytes are left for the last
    assert [len(data) for data in first_flight(reply)] == [64, 68] + [128] * 8
    reply = acknowledged_sender(datagram_size=128)
    reply.send([bytes(63)] + [bytes(64)] * 9 + [b""], now=at(0), reply_to=1)
    assert [len(data) for data in first_flight(reply)] == [127] + [128] * 9


@pytest.mark.parametrize(
    ("sizes", "lengths"),
    [
        ([0, 20, *[72] * 8, 72], [56, 76, *[128] * 8]),  # 124 bytes are left: 4 too few
        ([0, 62, *[72] * 7, 73], [56, 118, *[128] * 7, 105, 105]),  # 105 bytes are left for a last fragment of 105
        ([0, 63, *[72] * 7, 73], [56, 119, *[128] * 7, 105]),  # 104 bytes are left: 1 too few
    ],
    ids=["a whole message", "a last fragment that fits", "a last fragment that does not"],
)
def test_the_window_of_1280_bytes_to_the_byte(sizes: list[int], lengths: list[int]) -> None:
    sender = acknowledged_sender(datagram_size=128)
    sender.send([bytes(size) for size in sizes], now=at(0))
    assert [len(data) for data in first_flight(sender)] == lengths


def test_order_is_asked_for_in_every_datagram() -> None:
    sender, receiver = acknowledged_sender(ordered=True, datagram_size=128), RemoteReceiver()
    sender.send([b"a", bytes(100)], now=at(0))
    assert [each.ordered for each in read(sender.data_to_send(now=at(0)))] == [True] * 3
    sender.receive([receiver.ack((1, 3), below=3)], now=at(1))
    assert len(outcomes(sender)) == 2


# Frames of a stream ------------------------------------------------------------------------------------------------------


def test_in_frames_nothing_is_cut_up_held_back_or_sent_again() -> None:
    sender, receiver = acknowledged_sender(datagram_size=None), RemoteReceiver(framed=True)
    sender.send([bytes(100_000)] * 3, now=at(0))
    sent = read(sender.data_to_send(now=at(0)), framed=True)
    assert [(each.sequence, each.fragment, len(each.payload)) for each in sent] == [(n, None, 100_000) for n in (1, 2, 3)]
    assert sender.next_timeout() == at(60_000)  # no retransmission timer: the stream does not lose
    sender.receive([receiver.ack((1, 1), (3, 3))], now=at(100))
    assert sender.data_to_send(now=at(100)) == []
    assert (sender.messages_in_flight, sender.next_timeout()) == (1, at(60_000))  # and no probe
    sender.handle_timeout(now=at(59_999))
    assert sender.data_to_send(now=at(59_999)) == []
    sender.receive([receiver.ack((1, 3), below=4)], now=at(59_999))
    assert [(outcome.state, outcome.transmissions) for outcome in outcomes(sender)] == [(DELIVERED, 1)] * 3
    sender.goodbye(now=at(60_000))
    assert [each.kind for each in read(sender.data_to_send(now=at(60_000)), framed=True)] == [Kind.GOODBYE]


def test_in_frames_nothing_is_deemed_lost_early() -> None:
    sender, receiver = acknowledged_sender(datagram_size=None), RemoteReceiver(framed=True)
    sender.send([b""] * 9, now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack((9, 9))], now=at(100))
    assert sender.next_timeout() == at(60_000)
    sender.handle_timeout(now=at(2000))
    assert sender.data_to_send(now=at(2000)) == []


def test_in_frames_the_credit_holds_and_the_deadline_too() -> None:
    sender, receiver = acknowledged_sender(datagram_size=None, deadline=SECOND), RemoteReceiver(framed=True)
    sender.send([b""] * (INITIAL_CREDIT + 4), now=at(0))
    assert len(each(sender.data_to_send(now=at(0)))) == INITIAL_CREDIT
    sender.receive([receiver.ack((1, INITIAL_CREDIT), below=INITIAL_CREDIT + 1, credit=1)], now=at(1))
    assert len(each(sender.data_to_send(now=at(1)))) == 1
    sender.not_sent([], "nothing", now=at(1))
    sender.handle_timeout(now=at(1000))
    assert [outcome.state for outcome in outcomes(sender)] == [DELIVERED] * INITIAL_CREDIT + [UNCONFIRMED] + [REFUSED] * 3


def test_in_frames_a_fire_and_forget_message_of_any_size_is_one_frame() -> None:
    sender = plain_sender(datagram_size=None)
    sender.send([bytes(200_000)], now=at(0))
    (data,) = each(sender.data_to_send(now=at(0)))
    assert len(data) == 200_040
    sender.not_sent([data], "EPIPE", now=at(0))
    assert outcomes(sender) == [Outcome(1, REFUSED, "not sent (EPIPE)", 0, None)]


def test_a_receiver_keeps_its_session() -> None:
    sender, receiver = acknowledged_sender(), RemoteReceiver(RECEIVER)
    sender.send([b"a", b"b"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack((1, 1), below=2), receiver.ack((1, 2), below=3)], now=at(1))
    assert [type(event) for event in sender.events()] == [Outcome, Outcome]


def test_what_was_never_sent_cannot_be_confirmed() -> None:
    """A receiver that claims to have messages that still wait for the pace is malformed, and nothing is DELIVERED by it."""
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b"x"] * 20, now=at(0))
    assert len(each(sender.data_to_send(now=at(0)))) == 16
    sender.receive([receiver.ack((1, 1), below=18)], now=at(0))
    assert [type(event) for event in sender.events()] == [Malformed]
    assert sender.unresolved == 20
    sender.receive([receiver.ack((1, 1), below=17)], now=at(0))
    assert len(outcomes(sender)) == 16
