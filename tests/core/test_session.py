"""What one session's acknowledgments say and when its ordered messages are let go, seen through the receiver."""

from tests.core.support import RECEIVER, SECOND, SENDER, RemoteSender, a_receiver, acknowledgments, at, payloads, read
from tests.simulation.bottleneck import Flow, Network, Path
from udpmsg.core.budget import MESSAGE_COST
from udpmsg.core.receiver import Receiver
from udpmsg.core.wire import Acknowledgment, Kind

ROOM = 1 << 20
"""Bytes that `a_receiver` takes of one session."""


def deliver(receiver: Receiver, *datagrams: bytes, now: int) -> list[Acknowledgment]:
    """The datagrams come, the application takes what there is, and the acknowledgment leaves, if one is due."""
    receiver.receive(datagrams, now=now, peer="p")
    receiver.events()
    return acknowledgments(receiver.data_to_send(now=now))


# When --------------------------------------------------------------------------------------------------------------------


def test_one_datagram_is_acknowledged_within_25_ms() -> None:
    """max_ack_delay, RFC 9000 section 18.2; the ACK tells the delay (section 13.2.5)."""
    remote, receiver = RemoteSender(), a_receiver()
    assert receiver.next_timeout() is None
    assert deliver(receiver, remote.message(1, b"hello"), now=at(0)) == []
    assert receiver.next_timeout() == at(25)
    assert receiver.data_to_send(now=at(25) - 1) == []
    ((data, peer),) = receiver.data_to_send(now=at(25))
    (datagram,) = read([data])
    assert peer == "p"
    assert (datagram.kind, datagram.session, datagram.number, datagram.sent_at) == (Kind.ACK, RECEIVER, 1, 25_000)
    assert acknowledgments([(data, peer)]) == [Acknowledgment(SENDER, 1, 25_000, 256, ROOM, 2, [(1, 1)], [])]
    assert receiver.next_timeout() is None
    assert receiver.data_to_send(now=at(50)) == []


def test_the_25_ms_run_from_the_first_that_waits() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    receiver.receive([remote.message(1)], now=at(0), peer="p")
    receiver.handle_timeout(now=at(24))
    assert receiver.next_timeout() == at(25)
    receiver.handle_timeout(now=at(25))
    assert receiver.next_timeout() == 0  # now
    assert len(receiver.data_to_send(now=at(25))) == 1


def test_every_second_datagram_is_acknowledged_at_once() -> None:
    """RFC 9000 section 13.2.2."""
    remote, receiver = RemoteSender(), a_receiver()
    assert deliver(receiver, remote.message(1), now=at(0)) == []
    assert deliver(receiver, remote.message(2), now=at(1)) == [Acknowledgment(SENDER, 2, 0, 256, ROOM, 3, [(1, 2)], [])]
    assert receiver.next_timeout() is None
    assert deliver(receiver, remote.message(3), now=at(2)) == []
    assert receiver.next_timeout() == at(27)
    assert len(deliver(receiver, remote.message(4), now=at(3))) == 1


def flight(remote: RemoteSender, first: int, last: int) -> list[bytes]:
    return [remote.message(sequence) for sequence in range(first, last + 1)]


def test_of_the_first_64_no_acknowledgment_is_saved_because_several_came_at_once() -> None:
    """The first flight has one else, and where that is lost, nothing more leaves for a probe timeout."""
    remote, receiver = RemoteSender(), a_receiver()
    told = deliver(receiver, *flight(remote, 1, 11), now=at(0))
    assert told == [Acknowledgment(SENDER, 11, 0, 256, ROOM, 12, [(1, 11)], [])] * 5
    assert len(deliver(receiver, *flight(remote, 12, 64), now=at(1))) == 26
    assert len(deliver(receiver, *flight(remote, 65, 80), now=at(2))) == 1
    assert acknowledgments(receiver.data_to_send(now=at(100))) == []


def test_only_a_short_one_has_copies_and_none_over_a_connection() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    receiver.receive([remote.message(1)], now=at(0), peer="p")
    remote.skip()
    assert len(deliver(receiver, *flight(remote, 3, 8), now=at(0))) == 1
    remote, receiver = RemoteSender(framed=True), a_receiver(framed=True)
    receiver.receive(flight(remote, 1, 11), now=at(0), peer="p")
    receiver.events()
    assert len(receiver.data_to_send(now=at(0))) == 1


def test_the_first_flights_with_four_of_ten_acknowledgments_lost() -> None:
    """On average 325 ms, and 374 in one of ten, when the first flight had a single one; 278 when none is lost."""
    times = []
    for seed in range(12):
        flow = Flow(size=1000, count=1000, backlog=1000)
        Network(Path(rate=0, delay=at(20) - at(0), back_loss=0.4), flow, seed=seed).run(10 * SECOND)
        assert flow.delivered == 1000
        times.append(flow.delivered_at - at(0))
    assert sum(times) / 12 < at(295) - at(0)
    assert sorted(times)[10] < at(300) - at(0)


def test_a_gap_is_acknowledged_at_once() -> None:
    """RFC 9000 section 13.2.1: so that its sender finds the loss early."""
    remote, receiver = RemoteSender(), a_receiver()
    remote.skip()
    assert deliver(receiver, remote.message(2), now=at(0)) == [Acknowledgment(SENDER, 2, 0, 256, ROOM, 1, [(2, 2)], [(2, 2)])]
    assert deliver(receiver, remote.message(3), now=at(1)) == []


def test_what_comes_out_of_order_is_acknowledged_at_once() -> None:
    """RFC 9000 section 13.2.1."""
    remote, receiver = RemoteSender(), a_receiver()
    late = remote.message(1)
    deliver(receiver, remote.message(2), now=at(0))
    assert deliver(receiver, late, now=at(7)) == [Acknowledgment(SENDER, 2, 7000, 256, ROOM, 3, [(1, 2)], [])]


def test_a_duplicate_is_acknowledged_at_once() -> None:
    """Its sender must learn that it need not be sent again."""
    remote, receiver = RemoteSender(), a_receiver()
    deliver(receiver, remote.message(1), remote.message(2), now=at(0))
    again = deliver(receiver, remote.message(2, transmission=2), now=at(1))
    assert again == [Acknowledgment(SENDER, 3, 0, 256, ROOM, 3, [(1, 3)], [])]


def test_the_delay_is_that_of_the_first_copy() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    data = remote.message(1)
    deliver(receiver, data, now=at(0))
    assert deliver(receiver, data, now=at(7)) == [Acknowledgment(SENDER, 1, 7000, 256, ROOM, 2, [(1, 1)], [])]


def test_a_probe_is_acknowledged_at_once() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    deliver(receiver, remote.message(1), remote.message(2), now=at(0))
    assert deliver(receiver, remote.probe(), now=at(1)) == [Acknowledgment(SENDER, 3, 0, 256, ROOM, 3, [(1, 3)], [])]


def test_what_the_application_takes_later_is_acknowledged_at_once() -> None:
    """It had been acknowledged as arrived; now it is delivered."""
    remote, receiver = RemoteSender(), a_receiver()
    receiver.receive([remote.message(1), remote.message(2)], now=at(0), peer="p")
    assert acknowledgments(receiver.data_to_send(now=at(0))) == [Acknowledgment(SENDER, 2, 0, 254, ROOM, 1, [(1, 2)], [])]
    assert receiver.next_timeout() is None
    assert len(receiver.events(limit=1)) == 1
    assert receiver.next_timeout() == 0
    assert acknowledgments(receiver.data_to_send(now=at(3))) == [Acknowledgment(SENDER, 2, 3000, 255, ROOM, 2, [(1, 2)], [])]
    assert len(receiver.events()) == 1
    assert [each.all_below for each in acknowledgments(receiver.data_to_send(now=at(4)))] == [3]


def test_what_is_owed_before_the_application_runs_for_long_is_said_first() -> None:
    first, second, receiver = RemoteSender(1), RemoteSender(2), a_receiver()
    receiver.receive([first.message(1)], now=at(0), peer="one")
    receiver.receive([second.message(1)], now=at(10), peer="two")
    receiver.flush(now=at(11))
    assert [peer for _, peer in receiver.data_to_send(now=at(11))] == ["one", "two"]
    assert receiver.next_timeout() is None


def test_an_application_that_goes_on_asking_keeps_an_acknowledgment_back_for_25_ms_at_most() -> None:
    """What has just come is acknowledged with its delivery, so it is not urgent; what is owed for as long as may be is."""
    remote, receiver = RemoteSender(), a_receiver()
    assert not receiver.urgent(at(0))
    receiver.receive([remote.message(1), remote.message(2)], now=at(0), peer="p")
    assert not receiver.urgent(at(25) - 1)
    assert receiver.urgent(at(25))
    assert len(receiver.data_to_send(now=at(25))) == 1
    assert not receiver.urgent(at(60))
    assert len(receiver.events()) == 2  # the application is done with both
    receiver.flush(now=at(60))
    assert not receiver.urgent(at(85) - 1)
    assert receiver.urgent(at(85))


def test_an_answer_is_urgent() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    receiver.receive([remote.probe()], now=at(0), peer="p")  # nobody knows this session
    assert receiver.urgent(at(0))


def test_each_session_has_its_own_delay() -> None:
    first, second, receiver = RemoteSender(1), RemoteSender(2), a_receiver()
    receiver.receive([first.message(1)], now=at(0), peer="one")
    receiver.receive([second.message(1)], now=at(10), peer="two")
    assert receiver.next_timeout() == at(25)
    assert [peer for _, peer in receiver.data_to_send(now=at(25))] == ["one"]
    assert receiver.next_timeout() == at(35)
    assert [peer for _, peer in receiver.data_to_send(now=at(35))] == ["two"]


def test_fire_and_forget_is_never_acknowledged() -> None:
    remote, receiver = RemoteSender(acknowledged=False), a_receiver()
    assert deliver(receiver, remote.message(1), remote.message(3), remote.message(3), remote.probe(), now=at(0)) == []
    assert receiver.next_timeout() is None
    assert receiver.data_to_send(now=at(100)) == []


# What --------------------------------------------------------------------------------------------------------------------


def test_delivered_messages_behind_a_gap_are_named_and_the_gap_closes() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    (said,) = deliver(receiver, remote.message(1), remote.message(3), remote.message(4), remote.message(6), now=at(0))
    assert (said.all_below, said.delivered) == (2, [(3, 4), (6, 6)])
    (said,) = deliver(receiver, remote.message(2, transmission=2), remote.probe(), now=at(1))
    assert (said.all_below, said.delivered) == (5, [(6, 6)])
    remote.lowest = 6
    (said,) = deliver(receiver, remote.probe(), now=at(2))  # its sender gave 5 up
    assert (said.all_below, said.delivered) == (7, [])


def test_the_senders_word_settles_what_is_below_it_and_no_more() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    deliver(receiver, remote.message(3), remote.message(5), remote.message(9), now=at(0))
    remote.lowest = 5
    (said,) = deliver(receiver, remote.probe(), now=at(1))
    assert (said.all_below, said.delivered) == (6, [(9, 9)])
    remote.lowest = 4  # older, and late
    (said,) = deliver(receiver, remote.probe(), now=at(2))
    assert (said.all_below, said.delivered) == (6, [(9, 9)])
    remote.lowest = 8
    (said,) = deliver(receiver, remote.probe(), now=at(3))
    assert (said.all_below, said.delivered) == (8, [(9, 9)])


def test_a_message_that_is_handed_over_after_its_sender_gave_it_up() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    receiver.receive([remote.message(1, b"late")], now=at(0), peer="p")
    remote.lowest = 3
    receiver.receive([remote.probe()], now=at(1), peer="p")
    assert payloads(receiver.events()) == [b"late"]
    assert [(each.all_below, each.delivered) for each in acknowledgments(receiver.data_to_send(now=at(1)))] == [(3, [])]


def test_the_32_newest_ranges_of_datagrams_are_told() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    for sequence in range(1, 34):
        (said,) = deliver(receiver, remote_message(remote, sequence), now=at(25 * sequence))
        assert said.arrived[0] == ((2, 2) if sequence < 33 else (4, 4))
    assert said.arrived == [(2 * number, 2 * number) for number in range(2, 34)]


def test_four_ranges_for_each_datagram_all_of_them_in_25_ms() -> None:
    """So that acknowledgments of short datagrams are hardly longer than these: the queue on the way back is as short."""
    remote, receiver = RemoteSender(), a_receiver()
    messages = [remote.message(2 * number) for number in range(1, 11)]
    remote.skip(10)
    (said,) = deliver(receiver, *messages, now=at(0))
    assert len(said.delivered) == 10
    (said,) = deliver(receiver, remote_message(remote, 22), now=at(1))
    assert (said.arrived, said.delivered) == ([(1, 10), (22, 22)], [(2, 2), (22, 22)])
    (said,) = deliver(receiver, remote_message(remote, 24), now=at(2))
    assert (said.arrived, said.delivered) == ([(22, 22), (24, 24)], [(2, 2), (24, 24)])
    (said,) = deliver(receiver, remote_message(remote, 26), remote_message(remote, 28), now=at(3))
    assert (len(said.arrived), said.delivered[0], said.delivered[-1]) == (4, (2, 2), (28, 28))
    assert len(said.arrived + said.delivered) == 8
    (said,) = deliver(receiver, remote_message(remote, 30), now=at(25))
    assert (len(said.arrived), len(said.delivered)) == (6, 15)


def test_who_asks_is_told_of_all_that_came() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    for sequence in range(2, 40, 2):
        (said,) = deliver(receiver, remote_message(remote, sequence), now=at(0))
    assert len(said.arrived + said.delivered) == 4
    (said,) = deliver(receiver, remote.probe(), now=at(1))
    assert (len(said.arrived), len(said.delivered)) == (19, 19)
    (said,) = deliver(receiver, remote_message(remote, 40), now=at(2))
    assert len(said.arrived + said.delivered) == 4


def remote_message(remote: RemoteSender, sequence: int) -> bytes:
    """The datagram before it was lost."""
    remote.skip()
    return remote.message(sequence)


def test_of_more_than_32_ranges_of_messages_the_oldest_and_the_newest_are_told() -> None:
    """The gaps to fill first, and what is new."""
    remote, receiver = RemoteSender(), a_receiver()
    messages = [remote.message(2 * number) for number in range(1, 33)]
    (said,) = deliver(receiver, *messages, now=at(0))
    assert said.delivered == [(2 * number, 2 * number) for number in range(1, 33)]
    (said,) = deliver(receiver, remote.message(66), remote.probe(), now=at(1))
    expected = [*range(1, 17), *range(18, 34)]
    assert said.delivered == [(2 * number, 2 * number) for number in expected]


def test_the_credit_is_what_the_limits_leave() -> None:
    """In messages and in bytes; what the application has, and is not done with, waits too."""
    remote, receiver = RemoteSender(), a_receiver(session_bytes=10_000, session_messages=20)
    receiver.receive([remote.message(1), remote.message(2, bytes(1000))], now=at(0), peer="p")
    (said,) = acknowledgments(receiver.data_to_send(now=at(0)))
    assert (said.credit, said.credit_bytes) == (18, 9000)
    receiver.events()
    (said,) = acknowledgments(receiver.data_to_send(now=at(0)))
    assert (said.credit, said.credit_bytes) == (20, 10_000)


def test_the_credit_is_shared_memory_too() -> None:
    first, second, receiver = RemoteSender(1), RemoteSender(2), a_receiver(total_bytes=1000 + 3 * MESSAGE_COST)
    receiver.receive([first.message(1, bytes(300))], now=at(0), peer="one")
    receiver.receive([second.message(1, bytes(100)), second.message(2, bytes(100))], now=at(0), peer="two")
    said = acknowledgments(receiver.data_to_send(now=at(0)))
    assert [(each.credit, each.credit_bytes) for each in said] == [(0, 250)], "half of what is left, for messages and for bytes"
    receiver.events()
    said = acknowledgments(receiver.data_to_send(now=at(25)))
    assert {each.session: (each.credit, each.credit_bytes) for each in said} == {1: (3, 884), 2: (3, 884)}


def test_a_credit_without_bytes_and_the_largest_credit() -> None:
    remote, receiver = RemoteSender(), a_receiver(session_messages=2**33, session_bytes=2**40, total_bytes=2**50)
    (said,) = deliver(receiver, remote.message(1), remote.message(2), now=at(0))
    assert (said.credit, said.credit_bytes) == (2**32 - 1, 2**32 - 1)


def test_the_longest_delay_that_can_be_told() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    receiver.receive([remote.message(1)], now=at(0), peer="p")
    (said,) = acknowledgments(receiver.data_to_send(now=at(0) + 2**32 * 1000))
    assert said.delay_us == 2**32 - 1
    receiver.receive([remote.message(2)], now=at(0) + 5000 * SECOND, peer="p")
    (said,) = acknowledgments(receiver.data_to_send(now=at(0) + 5000 * SECOND + (2**32 - 2) * 1000))
    assert said.delay_us == 2**32 - 2


# In order ----------------------------------------------------------------------------------------------------------------


def test_ordered_messages_wait_behind_a_gap() -> None:
    remote, receiver = RemoteSender(ordered=True), a_receiver()
    receiver.receive([remote.message(1, b"a"), remote.message(3, b"c"), remote.message(4, b"d")], now=at(0), peer="p")
    assert payloads(receiver.events()) == [b"a"]
    (said,) = acknowledgments(receiver.data_to_send(now=at(0)))
    assert (said.arrived, said.all_below, said.delivered, said.credit) == ([(1, 3)], 2, [], 254)
    assert receiver.held_bytes == 2 + 2 * MESSAGE_COST
    receiver.receive([remote.message(2, b"b", transmission=2)], now=at(1), peer="p")
    assert payloads(receiver.events()) == [b"b", b"c", b"d"]
    assert receiver.held_bytes == 0
    assert receiver.totals().reordered == 1
    assert [each.all_below for each in acknowledgments(receiver.data_to_send(now=at(26)))] == [5]


def test_ordered_messages_pass_what_was_given_up() -> None:
    remote, receiver = RemoteSender(ordered=True), a_receiver()
    held = [remote.message(sequence, b"%d" % sequence) for sequence in (7, 3, 2, 5)]
    receiver.receive(held, now=at(0), peer="p")
    assert receiver.events() == []
    remote.lowest = 5
    receiver.receive([remote.probe()], now=at(1), peer="p")  # 1 and 4 will not come any more
    assert payloads(receiver.events()) == [b"2", b"3", b"5"]
    receiver.receive([remote.message(6, b"6")], now=at(2), peer="p")
    assert payloads(receiver.events()) == [b"6", b"7"]


def test_a_goodbye_lets_go_what_its_sender_gave_up() -> None:
    remote, receiver = RemoteSender(ordered=True), a_receiver()
    receiver.receive([remote.message(2, b"2")], now=at(0), peer="p")
    remote.lowest = 3
    receiver.receive([remote.goodbye(2)], now=at(1), peer="p")
    assert payloads(receiver.events()) == [b"2"]
