"""What is lost at the tail is asked about before the timeout has to guess: RFC 9002 section 6.2.1, RFC 8985 section 7."""

import pytest

from tests.core.support import MILLISECOND, SECOND, RemoteReceiver, acknowledged_sender, at, numbers, read, sequences
from udpmsg.core.rtt import MAX_ACK_DELAY
from udpmsg.core.sender import Sender
from udpmsg.core.wire import Kind


def with_a_sample(**config: object) -> tuple[Sender, RemoteReceiver]:
    """Message 1 came back after 40 ms: SRTT 40 ms, RTTVAR 20 ms, so a probe timeout of 120 ms, and an RTO of 200 ms."""
    sender, receiver = acknowledged_sender(**config), RemoteReceiver()
    sender.send([b"first"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack((1, 1), below=2)], now=at(40))
    assert (sender.rtt.srtt, sender.rtt.rttvar, sender.rtt.rto) == (40 * MILLISECOND, 20 * MILLISECOND, 200 * MILLISECOND)
    return sender, receiver


def with_a_quick_sample() -> tuple[Sender, RemoteReceiver]:
    """Messages came back after 8 ms: SRTT 8 ms, RTTVAR 2 ms, so a probe timeout of 16 ms."""
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b"first"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack((1, 1), below=2)], now=at(8))
    sender.rtt.rttvar = 2 * MILLISECOND
    return sender, receiver


def test_a_lost_tail_is_sent_again_after_an_answer_and_not_after_a_timeout() -> None:
    sender, receiver = with_a_sample()
    sender.send([b"a", b"b"], now=at(50))
    assert numbers(sender.data_to_send(now=at(50))) == [(2, 2, 1), (3, 3, 1)]  # both are lost
    sender.handle_timeout(now=at(170) - 1)
    assert sender.data_to_send(now=at(170) - 1) == []
    assert sender.next_timeout() == at(170)
    sender.handle_timeout(now=at(170))
    (probe,) = read(sender.data_to_send(now=at(170)))
    assert (probe.kind, probe.number) == (Kind.PROBE, 4)
    window = sender.congestion.window
    sender.receive([receiver.ack((1, 1), (4, 4), below=2)], now=at(210))
    assert numbers(sender.data_to_send(now=at(210))) == [(5, 2, 2), (6, 3, 2)]
    assert (sender.rtt.timeouts, sender.congestion.window) == (0, int(0.7 * window))  # a loss like any other


def test_the_receiver_is_asked_again_and_the_timeout_comes_when_it_would_have_come() -> None:
    """The first question or its answer may be lost: what was only acknowledged in vain is not sent again."""
    sender, _ = with_a_quick_sample()
    sender.send([b"a", b"b"], now=at(50))
    sender.data_to_send(now=at(50))
    for time in (66, 82, 114, 178):  # a probe timeout of 16 ms, the same again, twice and four times as long
        assert sender.next_timeout() == at(time)
        sender.handle_timeout(now=at(time))
        assert [datagram.kind for datagram in read(sender.data_to_send(now=at(time)))] == [Kind.PROBE]
    assert sender.next_timeout() == at(250)
    sender.handle_timeout(now=at(250))
    assert numbers(sender.data_to_send(now=at(250)))[0] == (8, 2, 2)
    assert sender.rtt.timeouts == 1


def test_an_answer_to_a_later_question_spares_the_transmission() -> None:
    sender, receiver = with_a_quick_sample()
    sender.send([b"a", b"b"], now=at(50))
    sender.data_to_send(now=at(50))
    for time in (66, 82, 114):
        sender.handle_timeout(now=at(time))
        sender.data_to_send(now=at(time))
    sender.receive([receiver.ack((1, 6), below=4)], now=at(120))
    assert (sender.unresolved, sender.retransmissions, sender.rtt.timeouts) == (0, 0, 0)


@pytest.mark.parametrize(("messages", "delay"), [(1, MAX_ACK_DELAY), (2, 0)])
def test_the_acknowledgment_of_one_datagram_may_be_held_back(messages: int, delay: int) -> None:
    sender, _ = with_a_sample()
    sender.send([b"x"] * messages, now=at(50))
    sender.data_to_send(now=at(50))
    assert sender.next_timeout() == at(170) + delay


def test_each_word_of_the_receiver_begins_the_wait_anew() -> None:
    sender, receiver = with_a_sample()
    for step in range(3):
        sender.send([b"x"], now=at(50 + step))
        sender.data_to_send(now=at(50 + step))
    sender.receive([receiver.ack((1, 3), below=4)], now=at(90 + 1))
    rtt = sender.rtt
    assert rtt.srtt is not None
    assert sender.next_timeout() == at(91) + rtt.srtt + 4 * rtt.rttvar + MAX_ACK_DELAY  # one is left


def test_no_probe_of_two_before_a_sample() -> None:
    sender = acknowledged_sender()
    sender.send([b"a", b"b"], now=at(0))
    sender.data_to_send(now=at(0))
    assert sender.next_timeout() == at(1000)  # the first RTO


def test_before_a_sample_the_receiver_is_asked_four_times_what_it_has_of_many() -> None:
    """It may have acknowledged all of them in one datagram, and where that is lost the first RTO would send all of them again."""
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b"x"] * 5, now=at(0))
    sender.data_to_send(now=at(0))
    time = at(0)
    for wait in (SECOND // 32, SECOND // 16, SECOND // 8, SECOND // 4):
        time += wait
        assert sender.next_timeout() == time
        sender.handle_timeout(now=time)
        assert [datagram.kind for datagram in read(sender.data_to_send(now=time))] == [Kind.PROBE]
    assert sender.next_timeout() == at(1000)
    sender.receive([receiver.ack((1, 9), below=6)], now=at(790))
    assert (sender.unresolved, sender.retransmissions, sender.rtt.timeouts) == (0, 0, 0)


def test_before_a_sample_four_are_as_soon_sent_again_as_asked_about() -> None:
    sender = acknowledged_sender()
    sender.send([b"x"] * 4, now=at(0))
    sender.data_to_send(now=at(0))
    assert sender.next_timeout() == at(1000)


def test_what_is_due_by_the_timeout_is_not_asked_about() -> None:
    sender = acknowledged_sender()
    sender.send([b"x"] * 5, now=at(0))
    sender.data_to_send(now=at(0))
    sender.handle_timeout(now=at(1000))
    assert {datagram.kind for datagram in read(sender.data_to_send(now=at(1000)))} == {Kind.MESSAGE}


def test_no_probe_on_a_stream() -> None:
    sender = acknowledged_sender(datagram_size=None)
    receiver = RemoteReceiver(framed=True)
    sender.send([b"first"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack((1, 1), below=2)], now=at(40))
    sender.send([b"a", b"b"], now=at(50))
    sender.data_to_send(now=at(50))
    assert sender.next_timeout() == at(50) + sender.config.deadline


def test_no_probe_when_nothing_is_unresolved() -> None:
    sender, receiver = with_a_sample()
    sender.send([b"x"], now=at(50))
    sender.data_to_send(now=at(50))
    sender.receive([receiver.ack((1, 2), below=3)], now=at(90))
    assert sender.next_timeout() is None


def test_an_answer_without_an_arrival_earns_no_second_probe() -> None:
    """A receiver that has no room for a message answers each PROBE and takes nothing. That may cost one transmission more: the
    others come at the timeouts, which double, so that it has most of a minute to make room."""
    sender, receiver = with_a_sample()
    sender.send([b"a", b"b"], now=at(50))
    sender.data_to_send(now=at(50))
    sender.handle_timeout(now=at(170))
    sender.data_to_send(now=at(170))
    sender.receive([receiver.ack((1, 1), (4, 4), below=2)], now=at(210))
    assert numbers(sender.data_to_send(now=at(210))) == [(5, 2, 2), (6, 3, 2)]
    assert sender.next_timeout() == at(410)  # the RTO
    sender.handle_timeout(now=at(410))
    assert sequences(sender.data_to_send(now=at(410)))[:1] == [2]
    assert sender.rtt.timeouts == 1
    timeout = sender.next_timeout()
    assert timeout == at(810)
    sender.receive([receiver.ack((1, 1), (4, 4), (7, 7), below=2)], now=at(500))  # now it has room
    sender.data_to_send(now=at(500))
    asked_again = sender.next_timeout()
    assert asked_again is not None
    assert asked_again < timeout


def test_no_probe_to_a_receiver_that_has_no_room_for_what_is_in_flight() -> None:
    sender, receiver = with_a_sample()
    sender.send([b"a", b"b"], now=at(50))
    sender.data_to_send(now=at(50))
    sender.receive([receiver.ack((1, 1), below=2, credit=1)], now=at(60))
    sender.handle_timeout(now=at(170))
    assert sender.data_to_send(now=at(170)) == []
    assert sender.next_timeout() == at(250)  # the RTO


def test_no_probe_when_all_that_was_in_flight_is_deemed_lost() -> None:
    sender, receiver = with_a_sample(max_transmissions=1)
    sender.send([b"a", b"b"], now=at(50))
    sender.data_to_send(now=at(50))
    sender.send([b"c"], now=at(60))
    sender.data_to_send(now=at(60))
    sender.receive([receiver.ack((1, 1), (4, 4), below=2)], now=at(100))
    assert sender.data_to_send(now=at(100)) == []
    assert sender.next_timeout() == at(100) + sender.rtt.rto  # the last chance of both
