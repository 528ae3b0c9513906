"""Nothing but refusals: when that ends messages, and when it never does. And what is in flight is sent again, elsewhere."""

from tests.core.support import MILLISECOND, SECOND, RemoteReceiver, acknowledged_sender, at, numbers, outcomes, read
from udpmsg.core.events import Outcome, State
from udpmsg.core.refusals import Refusals
from udpmsg.core.wire import Kind


def test_refusals_alone_end_nothing_unless_that_was_asked_for() -> None:
    sender = acknowledged_sender(deadline=60 * SECOND)
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    for second in range(59):
        sender.refused(now=at(1000 * second))
    assert (outcomes(sender), sender.unresolved, sender.refused_for_long) == ([], 1, False)


def test_five_seconds_of_nothing_but_refusals_end_every_message() -> None:
    sender = acknowledged_sender(refused_for=5 * SECOND)
    sender.send([b"a", b"b"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.refused(now=at(10))
    sender.handle_timeout(now=at(1000))
    sender.data_to_send(now=at(1000))
    sender.refused(now=at(1010))
    sender.handle_timeout(now=at(3000))
    assert numbers(sender.data_to_send(now=at(3000))) == [(5, 1, 3), (6, 2, 3)]
    sender.refused(now=at(5009))
    assert (outcomes(sender), sender.next_timeout()) == ([], at(5010))
    sender.handle_timeout(now=at(5010))  # the next timeout would come at 7000; somebody may listen by now
    assert numbers(sender.data_to_send(now=at(5010))) == [(7, 1, 4), (8, 2, 4)]
    sender.refused(now=at(5011))
    reason = "refused (ICMP) for 5 s: nobody listens there"
    assert outcomes(sender) == [Outcome(number, State.UNCONFIRMED, reason, 4) for number in (1, 2)]
    assert sender.refused_for_long
    assert sender.next_timeout() is None


def test_a_row_of_refusals_is_long_enough_at_the_nanosecond() -> None:
    refusals = Refusals(5)
    assert [refusals.note(now) for now in (10, 14, 15)] == [False, False, True]


def test_silence_after_a_refusal_is_no_refusal() -> None:
    """A listener may have come, and be slow: the deadline decides."""
    sender = acknowledged_sender(refused_for=5 * SECOND, max_transmissions=255)
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.refused(now=at(0))
    while (due := sender.next_timeout()) is not None and due < at(60_000):
        sender.handle_timeout(now=due)
        sender.data_to_send(now=due)
    assert (outcomes(sender), sender.unresolved, sender.refused_for_long) == ([], 1, False)


def test_once_the_receiver_has_answered_a_refusal_never_ends_a_message() -> None:
    sender, receiver = acknowledged_sender(refused_for=5 * SECOND), RemoteReceiver()
    sender.send([b"a"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.refused(now=at(0))
    sender.receive([receiver.ack((1, 1), below=1)], now=at(10))  # it has arrived; the application does not have it yet
    assert sender.heard
    for second in range(20):
        sender.refused(now=at(1000 * second + 20))
    assert (outcomes(sender), sender.refused_for_long) == ([], False)


def test_each_row_of_refusals_begins_anew() -> None:
    """Of a person who tried an hour ago it is not known that nobody listens since."""
    sender = acknowledged_sender(refused_for=5 * SECOND, deadline=2 * SECOND)
    for hour in (0, 3_600_000):
        sender.send([b"a"], now=at(hour))
        sender.data_to_send(now=at(hour))
        sender.refused(now=at(hour))
        assert outcomes(sender) == []
        sender.handle_timeout(now=at(hour + 2000))
        assert [outcome.reason for outcome in outcomes(sender)] == ["no acknowledgment within 2 s"]
    sender.refused(now=at(7_200_000))  # nothing waits for anything
    assert (outcomes(sender), sender.next_timeout()) == ([], None)


def test_what_is_in_flight_is_sent_again_at_once_and_the_timeout_begins_anew() -> None:
    sender = acknowledged_sender()
    sender.send([b"a", b"b"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.try_again(now=at(100))
    again = read(sender.data_to_send(now=at(100)))
    assert [(datagram.kind, datagram.sequence, datagram.transmission) for datagram in again] == [
        (Kind.MESSAGE, 1, 2),
        (Kind.MESSAGE, 2, 2),
    ]
    assert sender.next_timeout() == at(1100)
    assert sender.rtt.rto == 1000 * MILLISECOND, "nothing timed out"
