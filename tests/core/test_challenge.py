"""Stories of a sender that is asked to prove its address: what it returns, how often, and what leaves again with it."""

import pytest

from tests.core.support import (
    MILLISECOND,
    SENDER,
    RemoteReceiver,
    RemoteSender,
    acknowledged_sender,
    at,
    numbers,
    outcomes,
    plain_sender,
    read,
)
from udpmsg.core.events import Malformed, State
from udpmsg.core.sender import CHALLENGERS, Sender
from udpmsg.core.wire import Kind, decode_cookie

COOKIE = b"twelve bytes"
MS = MILLISECOND


def kinds(sender: Sender, milliseconds: float, *, framed: bool = False) -> list[Kind]:
    """What leaves now."""
    return [datagram.kind for datagram in read(sender.data_to_send(now=at(milliseconds)), framed=framed)]


def test_a_cookie_is_returned_at_once_and_what_was_in_flight_follows_it() -> None:
    """A listener that is short of places kept nothing of it."""
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b"a", b"b"], now=at(0))
    assert numbers(sender.data_to_send(now=at(0))) == [(1, 1, 1), (2, 2, 1)]
    sender.receive([receiver.challenge(COOKIE)], now=at(5))
    cookie, *again = read(sender.data_to_send(now=at(5)))
    assert (cookie.kind, decode_cookie(cookie.payload), cookie.sequence, cookie.lowest) == (Kind.COOKIE, COOKIE, 0, 0)
    assert [(message.number, message.sequence, message.transmission) for message in again] == [(4, 1, 2), (5, 2, 2)]
    sender.receive([receiver.ack((4, 5), below=3)], now=at(10))
    assert [(outcome.state, outcome.transmissions, outcome.rtt_ns) for outcome in outcomes(sender)] == [
        (State.DELIVERED, 2, None),
        (State.DELIVERED, 2, 5 * MS),
    ]
    assert sender.retransmissions == 2


def test_a_challenge_is_no_sign_of_congestion_and_no_loss() -> None:
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    window, in_flight, rto = sender.congestion.window, sender.congestion.bytes_in_flight, sender.rtt.rto
    sender.receive([receiver.challenge()], now=at(5))
    sender.data_to_send(now=at(5))
    assert (sender.congestion.window, sender.congestion.bytes_in_flight, sender.rtt.rto) == (window, in_flight, rto)
    assert (sender.congestion.ssthresh, sender.rtt.timeouts, sender.rtt.srtt) == (None, 0, None)
    assert sender.next_timeout() == at(1005)  # RFC 6298 (5.1): the timer runs from what left last


def test_the_first_transmission_may_have_been_taken_all_the_same() -> None:
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.challenge()], now=at(5))
    sender.data_to_send(now=at(5))
    sender.receive([receiver.ack((1, 1), below=2)], now=at(6))
    assert [outcome.rtt_ns for outcome in outcomes(sender)] == [6 * MS]
    assert sender.congestion.bytes_in_flight == 0
    assert sender.next_timeout() is None


def test_forged_challenges_are_answered_once_in_100_ms_and_send_nothing_again_twice() -> None:
    sender, forger = acknowledged_sender(), RemoteReceiver(0xBAD)
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    answered = []
    for milliseconds in range(1, 1000):
        sender.receive([forger.challenge(), forger.challenge()], now=at(milliseconds))
        answered += [(milliseconds, kind) for kind in kinds(sender, milliseconds)]
    assert answered == [(1, Kind.COOKIE), (1, Kind.MESSAGE), *((1 + 100 * n, Kind.COOKIE) for n in range(1, 10))]
    assert sender.events() == []
    assert sender.malformed == 0
    sender.handle_timeout(now=at(1001))
    assert numbers(sender.data_to_send(now=at(1001))) == [(13, 1, 3)]  # the timer runs as if nobody had said anything


@pytest.mark.parametrize(("round_trip", "interval"), [(40, 40), (0.05, 1)])
def test_then_once_in_a_round_trip_and_never_more_often_than_a_clock_ticks(round_trip: float, interval: float) -> None:
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack((1, 1), below=2)], now=at(round_trip))
    begin = 1000.0
    sender.receive([receiver.challenge()], now=at(begin))
    assert kinds(sender, begin) == [Kind.COOKIE]
    sender.receive([receiver.challenge()], now=at(begin + interval) - 1)
    assert kinds(sender, begin + interval) == []
    sender.receive([receiver.challenge()], now=at(begin + interval))
    assert kinds(sender, begin + interval) == [Kind.COOKIE]


def test_once_something_was_acknowledged_the_cookie_is_all_that_leaves() -> None:
    """The receiver has a place for us: it asks because a reply of its own is larger than what it may send us."""
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b"a", b"b"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack((1, 1), below=2)], now=at(5))
    sender.receive([receiver.challenge()], now=at(6))
    assert kinds(sender, 6) == [Kind.COOKIE]
    assert sender.retransmissions == 0


def test_what_may_not_be_sent_again_is_waited_for_as_ever() -> None:
    sender, receiver = acknowledged_sender(max_transmissions=1), RemoteReceiver()
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.challenge()], now=at(5))
    assert kinds(sender, 5) == [Kind.COOKIE]
    assert sender.next_timeout() == at(1005)
    sender.handle_timeout(now=at(1005))
    assert [(outcome.state, outcome.transmissions) for outcome in outcomes(sender)] == [(State.UNCONFIRMED, 1)]


def test_what_a_timer_has_sent_again_stays_in_flight() -> None:
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.handle_timeout(now=at(1000))
    sender.send([b"b"], now=at(1000))
    assert numbers(sender.data_to_send(now=at(1000))) == [(2, 1, 2), (3, 2, 1)]
    sender.receive([receiver.challenge()], now=at(1005))
    assert numbers(sender.data_to_send(now=at(1005))) == [(4, 0, 0), (5, 2, 2)]
    assert sender.next_timeout() == at(3000)


def test_a_fire_and_forget_sender_returns_the_cookie_and_nothing_else() -> None:
    sender, receiver = plain_sender(), RemoteReceiver()
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.challenge(COOKIE)], now=at(5))
    (cookie,) = read(sender.data_to_send(now=at(5)))
    assert (cookie.kind, decode_cookie(cookie.payload), cookie.number) == (Kind.COOKIE, COOKIE, 2)
    assert sender.next_timeout() is None


def test_in_frames_it_is_the_same() -> None:
    sender, receiver = acknowledged_sender(datagram_size=None), RemoteReceiver(framed=True)
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.challenge()], now=at(5))
    assert kinds(sender, 5, framed=True) == [Kind.COOKIE, Kind.MESSAGE]


def test_a_challenge_says_nothing_of_who_the_receiver_is() -> None:
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b"a", b"b"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack((1, 1), below=2), RemoteReceiver(0xBAD).challenge(), receiver.ack((2, 2), below=3)], now=at(5))
    assert [outcome.state for outcome in outcomes(sender)] == [State.DELIVERED] * 2  # and no PeerRestarted


@pytest.mark.parametrize("payload", [b"", bytes(11), bytes(13)])
def test_what_is_no_challenge_is_malformed(payload: bytes) -> None:
    sender = plain_sender()
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    data = RemoteReceiver().challenge(payload)
    sender.receive([data], now=at(5), peer="p")
    assert sender.events() == [Malformed("p", f"{len(payload)} bytes where a cookie of 12 must be", len(data))]
    assert sender.data_to_send(now=at(5)) == []


def test_a_challenge_of_somebody_who_does_not_know_the_session_is_a_stray() -> None:
    """So it can't use up the one that is answered in each round trip."""
    sender, data = acknowledged_sender(), RemoteReceiver().challenge(of=SENDER + 1)
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([data], now=at(5), peer="p")
    assert sender.events() == [Malformed("p", "a CHALLENGE for another session", len(data))]
    assert sender.data_to_send(now=at(5)) == []
    sender.receive([RemoteReceiver().challenge()], now=at(5), peer="p")
    assert read(sender.data_to_send(now=at(5)))[0].kind is Kind.COOKIE


def test_of_a_group_each_receiver_is_returned_its_own_cookie() -> None:
    sender = plain_sender()
    sender.send([b"to all"], now=at(0))
    sender.data_to_send(now=at(0))
    for number in range(1, CHALLENGERS + 2):
        sender.receive([RemoteReceiver(number).challenge(b"%012d" % number)] * 2, now=at(5), peer="p")
    returned = [decode_cookie(datagram.payload) for datagram in read(sender.data_to_send(now=at(5)))]
    assert returned == [b"%012d" % number for number in range(1, CHALLENGERS + 2)]


def test_strays_are_all_counted_and_a_thousand_are_told() -> None:
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([RemoteSender().probe()] * 5000, now=at(1))
    sender.receive([receiver.ack((1, 1), below=2)], now=at(2))
    events = sender.events()
    assert (sender.malformed, len(events)) == (5000, 1025)
    assert events[-1].state is State.DELIVERED  # an outcome is never left out
