"""When a transmission is deemed lost, and what a late acknowledgment changes: RFC 9002 section 6 and RFC 6298 section 5.

Told through the sender, whose batches and timers are what the rules are for.
"""

import pytest

from tests.core.support import (
    MILLISECOND,
    SECOND,
    RemoteReceiver,
    acknowledged_sender,
    at,
    numbers,
    outcomes,
    read,
    sequences,
)
from udpmsg.core.events import Outcome, State
from udpmsg.core.framing import each
from udpmsg.core.retransmission import Flight, fraction
from udpmsg.core.sender import Sender
from udpmsg.core.wire import Kind

MS = MILLISECOND
LARGE = bytes(1144)
"""With an acknowledgment requested, exactly one datagram of 1200 bytes."""


def sent(messages: int, *, payload: bytes = b"", **config: object) -> tuple[Sender, RemoteReceiver]:
    """A sender whose first messages left at 0, in datagrams 1, 2, …"""
    sender = acknowledged_sender(**config)
    sender.send([payload] * messages, now=at(0))
    assert sequences(sender.data_to_send(now=at(0))) == list(range(1, messages + 1))
    return sender, RemoteReceiver()


# Found early: RFC 9002 section 6.1 ---------------------------------------------------------------------------------------


def test_three_later_datagrams_make_one_lost() -> None:
    """RFC 9002 section 6.1.1, kPacketThreshold: 3."""
    sender, receiver = sent(5)
    sender.receive([receiver.ack((2, 4), delivered=[(2, 4)])], now=at(100))
    assert numbers(sender.data_to_send(now=at(100))) == [(6, 1, 2)]
    assert sender.retransmissions == 1


def test_two_later_datagrams_do_not() -> None:
    """RFC 9002 section 6.1.1."""
    sender, receiver = sent(5)
    sender.receive([receiver.ack((2, 3), delivered=[(2, 3)])], now=at(100))
    assert sender.data_to_send(now=at(100)) == []
    assert sender.retransmissions == 0


def test_what_is_delivered_has_arrived_with_all_its_fragments_and_no_other() -> None:
    """Three messages of three fragments each in one flight: the word that two are delivered takes out six datagrams, and the
    third message's are still waited for."""
    flight = Flight(11, 5, [100] * 9, at(0), 0, 3)
    assert [flight.last_below(sequence) for sequence in (6, 7, 8, 9)] == [13, 16, 19, 19]
    later = flight.part(12, 19)
    assert (later.sequence, later.fragment, later.last_below(6), later.carried_by(19)) == (5, 1, 13, (7, 2))
    named = Flight(11, 5, [100] * 2, at(0), 3 << 16 | 4, 9)
    assert (named.carried_by(12), named.part(12, 12).fragment, named.last_below(6)) == ((5, 3 << 16 | 5), 3 << 16 | 5, 12)
    sender, receiver = acknowledged_sender(datagram_size=140), RemoteReceiver()
    sender.send([bytes(200)] * 3, now=at(0))
    assert len(each(sender.data_to_send(now=at(0)))) == 9
    sender.receive([receiver.ack((9, 9), below=3, delivered=[])], now=at(100))
    assert sender.congestion.bytes_in_flight == 2 * (200 // 3 + 1 + 68)
    assert sender.losses == 0


def test_what_is_deemed_lost_is_counted_a_datagram_once() -> None:
    """By later ones (RFC 9002 section 6.1.1), then by the timeout (RFC 6298 (5.4))."""
    sender, receiver = sent(6)
    sender.receive([receiver.ack((5, 5), delivered=[(5, 5)])], now=at(100))
    assert sender.losses == 2  # datagrams 1 and 2
    sender.data_to_send(now=at(100))
    sender.handle_timeout(now=at(112.5))  # 3 and 4, nine eighths of a round trip after they left
    sender.data_to_send(now=at(112.5))
    assert sender.losses == 4
    expires = at(100) + sender.rtt.rto
    sender.handle_timeout(now=expires - 1)
    assert sender.losses == 4
    sender.handle_timeout(now=expires)  # 6, and what was sent again: 1 to 4
    assert sender.losses == 9


def test_what_comes_late_was_not_lost() -> None:
    sender, receiver = sent(6)
    sender.receive([receiver.ack((5, 5), delivered=[(5, 5)])], now=at(100))
    assert sender.losses == 2  # datagrams 1 and 2
    sender.receive([receiver.ack((2, 2), (5, 5), delivered=[(2, 2), (5, 5)])], now=at(101))
    assert sender.losses == 1


def test_what_was_sent_where_nobody_is_counts_as_lost() -> None:
    sender, _ = sent(3)
    sender.try_again(now=at(10))
    assert sender.losses == 3


def test_the_threshold_counts_numbers_not_acknowledgments() -> None:
    """RFC 9002 section 6.1.1: sent kPacketThreshold before the largest acknowledged."""
    sender, receiver = sent(6)
    sender.receive([receiver.ack((5, 5), delivered=[(5, 5)])], now=at(100))
    assert numbers(sender.data_to_send(now=at(100))) == [(7, 1, 2), (8, 2, 2)]  # 3, 4 and 6 may still come


def test_nine_eighths_of_a_round_trip_make_one_lost() -> None:
    """RFC 9002 section 6.1.2, kTimeThreshold: 9/8 * 100 ms after it was sent."""
    sender, receiver = sent(3)
    sender.receive([receiver.ack((2, 2), delivered=[(2, 2)])], now=at(100))
    assert sender.data_to_send(now=at(100)) == []
    assert sender.next_timeout() == at(112.5)
    sender.handle_timeout(now=at(112.5) - 1)
    assert sender.data_to_send(now=at(112.5) - 1) == []
    sender.handle_timeout(now=at(112.5))
    assert numbers(sender.data_to_send(now=at(112.5))) == [(4, 1, 2)]
    assert sender.rtt.timeouts == 0  # that was no expiry of the retransmission timer


def test_an_acknowledgment_that_comes_when_the_time_is_over_tells_it_too() -> None:
    """RFC 9002 section 6.1.2."""
    sender, receiver = sent(3)
    sender.receive([receiver.ack((2, 2), delivered=[(2, 2)])], now=at(100))
    sender.receive([receiver.ack(largest=2, delivered=[(2, 2)])], now=at(112.5) - 1)
    assert sender.data_to_send(now=at(112.5) - 1) == []
    sender.receive([receiver.ack(largest=2, delivered=[(2, 2)])], now=at(112.5))
    assert numbers(sender.data_to_send(now=at(112.5))) == [(4, 1, 2)]


def test_nothing_is_lost_before_a_later_one_was_acknowledged() -> None:
    """RFC 9002 section 6.1: the first of its conditions."""
    sender, receiver = sent(3)
    sender.receive([receiver.ack((1, 1), below=2)], now=at(100))
    assert sender.next_timeout() == at(400)  # the retransmission timer
    sender.handle_timeout(now=at(400) - 1)
    assert sender.data_to_send(now=at(400) - 1) == []


def test_the_longer_of_the_smoothed_and_the_latest_round_trip_counts() -> None:
    """RFC 9002 section 6.1.2: max(smoothed_rtt, latest_rtt)."""
    sender, receiver = sent(1)
    sender.receive([receiver.ack((1, 1), below=2)], now=at(100))
    sender.send([b"", b""], now=at(1000))
    sender.data_to_send(now=at(1000))
    sender.receive([receiver.ack((1, 1), (3, 3), below=2, delivered=[(3, 3)])], now=at(1020))
    # SRTT = 7/8 * 100 + 1/8 * 20 = 90 ms; the latest was 20 ms
    assert sender.next_timeout() == at(1000) + 101_250_000
    sender.receive([receiver.ack((1, 3), below=4)], now=at(1021))
    sender.send([b"", b""], now=at(2000))
    sender.data_to_send(now=at(2000))
    sender.receive([receiver.ack((1, 3), (5, 5), below=4, delivered=[(5, 5)])], now=at(2200))
    assert sender.rtt.latest == 200 * MS
    assert sender.next_timeout() == at(2225)


def test_on_a_short_path_a_millisecond_is_waited() -> None:
    """RFC 9002 section 6.1.2, kGranularity."""
    sender, receiver = sent(2)
    sender.receive([receiver.ack((2, 2), delivered=[(2, 2)])], now=at(0.5))
    assert sender.next_timeout() == at(1)


def test_the_earliest_of_the_overtaken_sets_the_time() -> None:
    """RFC 9002 section 6.1.2: two were overtaken, one 40 ms after the other."""
    sender = acknowledged_sender()
    receiver = RemoteReceiver()
    for milliseconds in (0, 40, 50):
        sender.send([b""], now=at(milliseconds))
        sender.data_to_send(now=at(milliseconds))
    sender.receive([receiver.ack((3, 3), delivered=[(3, 3)])], now=at(90))
    # a round trip of 40 ms: the first was due at 45 ms already, the second is at 40 + 45
    assert numbers(sender.data_to_send(now=at(90))) == [(4, 1, 2), (5, 2, 2)]
    sender = acknowledged_sender()
    for milliseconds in (0, 40, 50):
        sender.send([b""], now=at(milliseconds))
        sender.data_to_send(now=at(milliseconds))
    sender.receive([receiver.ack((3, 3), delivered=[(3, 3)])], now=at(150))
    assert sender.retransmissions == 0
    assert numbers(sender.data_to_send(now=at(150))) == [(4, 1, 2)]
    assert sender.next_timeout() == at(152.5)
    sender.handle_timeout(now=at(152.5))
    assert numbers(sender.data_to_send(now=at(152.5))) == [(5, 2, 2)]


def test_a_loss_takes_from_the_window_once_a_round_trip() -> None:
    """RFC 9002 section 7.3.2, RFC 9438 section 4.6: the losses of one round trip are one congestion event."""
    sender, receiver = sent(10, payload=LARGE)
    sender.receive([receiver.ack((4, 4), delivered=[(4, 4)])], now=at(100))
    assert (sender.congestion.window, sender.congestion.bytes_in_flight) == (8400, 9600)
    sender.receive([receiver.ack((4, 4), (6, 6), delivered=[(4, 4), (6, 6)])], now=at(101))
    # 2 and 3 are lost by the threshold; of 5, 9/8 round trips have not passed
    assert (sender.congestion.window, sender.congestion.bytes_in_flight) == (8400, 9600 - 1200 * 3)


def test_a_loss_after_the_recovery_began_is_a_new_congestion_event() -> None:
    """RFC 9002 section 7.3.2: also when losses from before are found with it."""
    sender, receiver = sent(6)
    sender.receive([receiver.ack((4, 4), delivered=[(4, 4)])], now=at(100))
    assert numbers(sender.data_to_send(now=at(100))) == [(7, 1, 2)]
    assert sender.congestion.window == 8400
    sender.send([b""] * 4, now=at(110))
    assert len(each(sender.data_to_send(now=at(110)))) == 4
    sender.receive([receiver.ack((4, 4), (11, 11), delivered=[(4, 4), (10, 10)])], now=at(205))
    assert sender.congestion.window == 5880  # 8 was sent at 110
    assert sorted(sequences(sender.data_to_send(now=at(205)))) == [1, 2, 3, 5, 6, 7]


# The retransmission timer: RFC 6298 section 5 ----------------------------------------------------------------------------


def test_the_timer_runs_from_the_first_that_is_sent() -> None:
    """RFC 6298 (5.1): a later datagram does not start it anew."""
    sender, _ = sent(1)
    sender.send([b""], now=at(400))
    sender.data_to_send(now=at(400))
    assert sender.next_timeout() == at(1000)


def test_the_timer_stops_when_everything_is_acknowledged() -> None:
    """RFC 6298 (5.2)."""
    sender, receiver = sent(2)
    sender.receive([receiver.ack((1, 2), below=3)], now=at(100))
    assert sender.next_timeout() is None
    sender.send([b""], now=at(150))
    sender.data_to_send(now=at(150))
    assert sender.next_timeout() == at(450)  # (5.1), with the RTO of now


def test_the_timer_begins_anew_with_each_acknowledgment() -> None:
    """RFC 6298 (5.3), with the RTO that follows from this very acknowledgment: 100 + 4 * 50 ms."""
    sender, receiver = sent(3)
    sender.receive([receiver.ack((1, 1), below=2)], now=at(100))
    assert sender.next_timeout() == at(400)
    sender.receive([receiver.ack((1, 2), below=3)], now=at(120))
    # RTTVAR = 3/4 * 50 + 1/4 * 20 = 42.5 ms, SRTT = 7/8 * 100 + 1/8 * 120 = 102.5 ms
    assert sender.next_timeout() == at(120 + 272.5)


def test_an_acknowledgment_of_nothing_new_leaves_the_timer_alone() -> None:
    """RFC 6298 (5.3): one that acknowledges new data."""
    sender, receiver = sent(2)
    sender.receive([receiver.ack((1, 1), below=2)], now=at(100))
    sender.receive([receiver.ack((1, 1), below=2)], now=at(200))
    assert sender.next_timeout() == at(400)


def test_an_expiry_sends_everything_in_flight_again_and_doubles() -> None:
    """RFC 6298 (5.4), (5.5), (5.6)."""
    sender, _ = sent(3)
    sender.handle_timeout(now=at(1000))
    assert sender.rtt.timeouts == 1
    assert numbers(sender.data_to_send(now=at(1000))) == [(4, 1, 2), (5, 2, 2), (6, 3, 2)]
    assert sender.next_timeout() == at(3000)


def test_an_expiry_forgets_what_was_about_to_be_deemed_lost() -> None:
    sender, receiver = sent(2, min_rto=1)
    sender.receive([receiver.ack((2, 2), delivered=[(2, 2)])], now=at(100))
    assert sender.next_timeout() == at(112.5)
    sender.handle_timeout(now=at(400))  # both timers at once: the loss is found first, and found once
    assert sender.rtt.timeouts == 0
    assert numbers(sender.data_to_send(now=at(400))) == [(3, 1, 2)]
    assert sender.next_timeout() == at(700)


def test_the_first_expiry_takes_from_the_window_and_the_second_is_persistent_congestion() -> None:
    """RFC 9002 sections 7.3.2 and 7.6: kPersistentCongestionThreshold is 3 timeouts, 1 + 2."""
    sender, _ = sent(10, payload=LARGE)
    sender.handle_timeout(now=at(1000))
    assert (sender.congestion.window, sender.congestion.bytes_in_flight) == (8400, 0)
    assert sequences(sender.data_to_send(now=at(1000))) == [1, 2, 3, 4, 5, 6, 7]
    sender.handle_timeout(now=at(3000))
    assert (sender.congestion.window, sender.congestion.ssthresh) == (2400, 8400)
    assert sequences(sender.data_to_send(now=at(3000))) == [8, 9]


# 0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4 and 0x06C45D188009454F are the first outputs of splitmix64 for the seed 0.
SECOND_OUTPUT, THIRD_OUTPUT = 0x6E789E6AA1B965F4 / 2**64, 0x06C45D188009454F / 2**64


def test_timeouts_are_spread_by_the_session() -> None:
    """Times 1 to 1.5, by a sequence that is known: the session's number chooses where in it to begin."""
    sender, _ = sent(1, session=1, jitter=0.5)
    first = at(1000) + int(SECOND * 0.5 * SECOND_OUTPUT)
    assert sender.next_timeout() == first
    assert at(1215) < first < at(1216)
    sender.handle_timeout(now=first)
    sender.data_to_send(now=first)
    assert sender.next_timeout() == first + 2 * SECOND + int(2 * SECOND * 0.5 * THIRD_OUTPUT)


def test_what_spreads_them_is_splitmix64() -> None:
    outputs = (0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC)
    assert [fraction(number) for number in (1, 2, 3, 4)] == [output / 2**64 for output in outputs]


def test_probes_are_spread_as_well() -> None:
    sender, receiver = sent(1, session=1, jitter=1.0)
    sender.receive([receiver.ack((1, 1), of=1)], now=at(100))
    sender.data_to_send(now=at(100))
    assert sender.next_timeout() == at(400) + int(300 * MS * THIRD_OUTPUT)


# The last transmission --------------------------------------------------------------------------------------------------


def test_the_last_transmission_is_waited_for_as_long_as_any_other() -> None:
    """Overtaken by three is not lost for certain: until the timeout it may still arrive."""
    sender, receiver = sent(5, max_transmissions=1)
    sender.receive([receiver.ack((2, 5), below=1, delivered=[(2, 5)])], now=at(100))
    assert len(outcomes(sender)) == 4
    assert sender.data_to_send(now=at(100)) == []
    assert sender.next_timeout() == at(400)  # 100 ms + 4 * 50 ms
    sender.handle_timeout(now=at(400) - 1)
    assert sender.unresolved == 1
    sender.handle_timeout(now=at(400))
    assert outcomes(sender) == [Outcome(1, State.UNCONFIRMED, "no acknowledgment after 1 transmissions", 1, None)]
    assert sender.next_timeout() is None


def test_and_when_it_arrives_late_all_is_well() -> None:
    sender, receiver = sent(5, max_transmissions=1)
    sender.receive([receiver.ack((3, 5), below=1, delivered=[(3, 5)])], now=at(100))
    sender.receive([receiver.ack((1, 1), (3, 5), below=2, delivered=[(3, 5)])], now=at(150))
    sender.data_to_send(now=at(150))
    assert [outcome.state for outcome in outcomes(sender)] == [State.DELIVERED] * 4
    sender.receive([receiver.ack((1, 5), below=2, delivered=[(3, 5)])], now=at(399))  # arrived, not delivered
    sender.handle_timeout(now=at(500))
    assert (outcomes(sender), sender.unresolved) == ([], 1)


# Late acknowledgments ----------------------------------------------------------------------------------------------------


def test_after_a_spurious_timeout_the_late_acknowledgment_is_a_sample() -> None:
    """Karn's problem (RFC 6298 section 3) does not arise: the acknowledgment names the transmission."""
    sender, receiver = sent(1)
    sender.handle_timeout(now=at(1000))
    assert numbers(sender.data_to_send(now=at(1000))) == [(2, 1, 2)]
    sender.receive([receiver.ack((1, 1))], now=at(1500))
    assert (sender.rtt.latest, sender.rtt.timeouts, sender.messages_in_flight) == (1500 * MS, 0, 0)
    assert sender.congestion.bytes_in_flight == 56  # number 2 is still out there
    assert sender.next_timeout() == at(1500 + 1500 + 4 * 750)
    sender.handle_timeout(now=at(6000))
    assert sender.data_to_send(now=at(6000)) == []  # lost or not: its message is there
    assert sender.congestion.bytes_in_flight == 0
    sender.receive([receiver.ack((1, 1), below=2)], now=at(6001))
    assert outcomes(sender) == [Outcome(1, State.DELIVERED, None, 2, 1500 * MS)]


def test_a_late_acknowledgment_cancels_the_retransmission_that_still_waits() -> None:
    """Ten large datagrams time out; the window has room for seven, so three wait to be sent again. They had arrived."""
    sender, receiver = sent(10, payload=LARGE)
    sender.handle_timeout(now=at(1000))
    assert sequences(sender.data_to_send(now=at(1000))) == [1, 2, 3, 4, 5, 6, 7]
    sender.receive([receiver.ack((8, 10), delivered=[(8, 9)])], now=at(1001))
    assert [outcome.sequence for outcome in outcomes(sender)] == [8, 9]
    assert (sender.messages_in_flight, sender.congestion.bytes_in_flight) == (7, 8400)
    sender.receive([receiver.ack((8, 17), below=10)], now=at(1010))
    assert [outcome.sequence for outcome in outcomes(sender)] == [1, 2, 3, 4, 5, 6, 7]
    assert sender.data_to_send(now=at(2000)) == []
    assert (sender.retransmissions, sender.unresolved) == (7, 1)


def test_what_ended_while_it_waited_is_not_sent_again() -> None:
    sender, receiver = sent(10, payload=LARGE)
    sender.handle_timeout(now=at(1000))
    sender.data_to_send(now=at(1000))
    sender.receive([receiver.ack(below=2, delivered=[(8, 9)])], now=at(1001))  # no word about datagrams
    assert sender.congestion.bytes_in_flight == 8400
    sender.receive([receiver.ack((11, 17), below=10)], now=at(1010))
    assert numbers(sender.data_to_send(now=at(2000))) == [(18, 10, 2)]


def test_a_duplicated_acknowledgment_counts_once() -> None:
    sender, receiver = sent(3)
    first = receiver.ack((1, 2), below=2)
    sender.receive([first, first], now=at(100))
    assert (sender.congestion.bytes_in_flight, sender.messages_in_flight) == (56, 1)
    assert sender.rtt.srtt == 100 * MS


def test_both_transmissions_arrived_and_the_message_counts_once() -> None:
    sender, receiver = sent(2)
    sender.handle_timeout(now=at(1000))
    sender.data_to_send(now=at(1000))
    sender.receive([receiver.ack((1, 1))], now=at(1100))
    sender.receive([receiver.ack((1, 1), (3, 3))], now=at(1200))
    assert (sender.messages_in_flight, sender.unresolved) == (1, 2)
    assert sender.congestion.bytes_in_flight == 56


def test_a_round_trip_is_never_guessed() -> None:
    """RFC 9002 section 5.1: a sample only where the largest datagram is acknowledged for the first time."""
    sender, receiver = sent(3)
    sender.receive([receiver.ack(below=2)], now=at(50))  # delivered, and no datagram named
    assert outcomes(sender) == [Outcome(1, State.DELIVERED, None, 1, None)]
    assert sender.rtt.latest is None
    sender.receive([receiver.ack((1, 1), largest=3, below=2)], now=at(60))
    assert sender.rtt.latest is None
    sender.receive([receiver.ack((1, 3), below=2)], now=at(100))
    sender.receive([receiver.ack((1, 3), below=2)], now=at(900))
    assert (sender.rtt.srtt, sender.rtt.latest) == (100 * MS, 100 * MS)


def test_the_receivers_delay_is_taken_off_the_sample() -> None:
    """RFC 9002 section 5.3."""
    sender, receiver = sent(1)
    sender.receive([receiver.ack((1, 1), below=2)], now=at(50))
    sender.send([b""], now=at(100))
    sender.data_to_send(now=at(100))
    sender.receive([receiver.ack((1, 2), below=3, delay_us=25_000)], now=at(190))
    assert sender.rtt.latest == 65 * MS


@pytest.mark.parametrize("few", [True, False], ids=["a short range of many", "a long range of few"])
def test_ranges_longer_and_shorter_than_what_is_in_flight(few: bool) -> None:
    sender, receiver = sent(6)
    ranges = [(2, 3)] if few else [(1, 6)]
    sender.receive([receiver.ack(*ranges)], now=at(10))
    assert sender.messages_in_flight == (4 if few else 0)


def test_a_range_that_names_more_than_is_in_flight() -> None:
    sender, receiver = sent(3)
    sender.receive([receiver.ack((2, 2))], now=at(10))
    sender.receive([receiver.ack((1, 3))], now=at(11))
    assert (sender.messages_in_flight, sender.congestion.bytes_in_flight) == (0, 0)


def messages_of(sender: Sender, now: int) -> list[int]:
    """The datagram numbers of the messages that leave now; the receiver is asked now and then, too."""
    return [datagram.number for datagram in read(sender.data_to_send(now=now)) if datagram.kind is Kind.MESSAGE]


def test_4096_lost_transmissions_are_remembered() -> None:
    """42 messages, a window of two datagrams, an hour and a half of silence, and then one late acknowledgment."""
    for forgotten in (True, False):
        sender = acknowledged_sender(deadline=1_000_000 * SECOND, max_transmissions=255)
        receiver = RemoteReceiver()
        sender.receive([receiver.ack(credit=42)], now=at(0))
        sender.send([b""] * 42, now=at(0))
        now, sent_numbers = at(0), messages_of(sender, at(0))
        while sender.losses <= 4096:
            timeout = sender.next_timeout()
            assert timeout is not None
            now = timeout
            sender.handle_timeout(now=now)
            sent_numbers += messages_of(sender, now)
        oldest = sender.losses - 4096
        number = sent_numbers[oldest - 1 if forgotten else oldest]
        sender.receive([receiver.ack((number, number), credit=42)], now=now + 1)
        assert sender.messages_in_flight == (42 if forgotten else 41)
        assert (sender.rtt.latest is None) is forgotten
