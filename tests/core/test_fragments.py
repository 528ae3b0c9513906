"""Large messages: cut by a sender, put together by a receiver, whole and once."""

import pytest

from tests.core.support import (
    RemoteReceiver,
    RemoteSender,
    a_receiver,
    acknowledged_sender,
    acknowledgments,
    at,
    payloads,
    plain_sender,
    read,
)
from udpmsg.base.errors import MalformedDatagram
from udpmsg.core.budget import FRAGMENT_COST, MESSAGE_COST, REASSEMBLY_COST
from udpmsg.core.events import Duplicate, Malformed, Message
from udpmsg.core.fragments import MAX_FRAGMENTS, Reassembly
from udpmsg.core.framing import Run, each

PAYLOAD = bytes(range(250))


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (2, 0, 4, 1, 3)])
def test_the_whole_is_delivered_once_whatever_the_order(order: tuple[int, ...]) -> None:
    sender, receiver = acknowledged_sender(datagram_size=128), a_receiver()
    sender.send([PAYLOAD], now=at(0))
    fragments = each(sender.data_to_send(now=at(0)))
    for position, index in enumerate(order, 1):
        assert receiver.events() == []
        receiver.receive([fragments[index]], now=at(position), peer="p")
        came = sum(len(read([fragments[each]])[0].payload) for each in order[:position])
        assert receiver.held_bytes == (REASSEMBLY_COST + came + position * FRAGMENT_COST if position < 5 else 250 + MESSAGE_COST)
    assert receiver.events() == [Message(PAYLOAD, "p", sender.session, 1, acknowledged=True, transmission=1, sent_at_us=0)]
    assert receiver.held_bytes == 0
    totals = receiver.totals()
    assert (totals.messages_delivered, totals.payload_bytes, totals.duplicates) == (1, 250, 0)
    assert (totals.first_arrival_ns, totals.last_arrival_ns) == (at(5), at(5))


def test_a_fragment_is_not_a_message() -> None:
    """Fragments are acknowledged as datagrams that arrived; the message only when the application has it."""
    remote, receiver = RemoteSender(), a_receiver()
    first, second = remote.fragments(1, b"abcde", 3)
    receiver.receive([first], now=at(0), peer="p")
    assert receiver.events() == []
    (acknowledgment,) = acknowledgments(receiver.data_to_send(now=at(25)))
    assert (acknowledgment.arrived, acknowledgment.all_below, acknowledgment.delivered) == ([(1, 1)], 1, [])
    assert (acknowledgment.credit, acknowledgment.credit_bytes) == (256, 1 << 20), "what is not whole is in flight still"
    receiver.receive([second], now=at(30), peer="p")
    assert payloads(receiver.events()) == [b"abcde"]
    (acknowledgment,) = acknowledgments(receiver.data_to_send(now=at(55)))
    assert (acknowledgment.arrived, acknowledgment.all_below) == ([(1, 2)], 2)


def test_a_fragment_that_came_twice_changes_nothing() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    first, second, third = remote.fragments(1, b"abcdef", 2)
    receiver.receive([first, first, second, second], now=at(0), peer="p")
    assert receiver.events() == []
    receiver.receive([third], now=at(0), peer="p")
    assert payloads(receiver.events()) == [b"abcdef"]
    assert receiver.totals().duplicates == 0


def test_the_transmission_is_the_largest_of_its_fragments() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    first, second, third = remote.fragments(1, b"abcdef", 2)
    again = remote.message(1, b"cd", transmission=3, fragment=(1, 3, 2, 6))
    receiver.receive([first, again, third], now=at(0), peer="p")
    (message,) = receiver.events()
    assert isinstance(message, Message)
    assert (message.payload, message.transmission) == (b"abcdef", 3)
    assert second != again


@pytest.mark.parametrize(
    ("block", "payload", "reason"),
    [
        ((1, 3, 2, 6), b"cd", "3 fragments of 2 bytes, 6 in all, contradict the ones before"),
        ((1, 2, 2, 4), b"cd", "2 fragments of 2 bytes, 4 in all, contradict the ones before"),
        ((1, 2, 3, 6), b"def", "2 fragments of 3 bytes, 6 in all, contradict the ones before"),
    ],
    ids=["count", "size", "cut"],
)
def test_fragments_that_contradict_each_other(block: tuple[int, int, int, int], payload: bytes, reason: str) -> None:
    remote, receiver = RemoteSender(), a_receiver()
    first = {3: (0, 2, 3, 5), 2: (0, 2, 2, 3)}[block[2] if block[1] == 2 else 2]
    receiver.receive([remote.message(1, b"abc"[: first[2]], fragment=first)], now=at(0), peer="p")
    receiver.data_to_send(now=at(25))
    bad = remote.message(1, payload, fragment=block)
    receiver.receive([bad], now=at(30), peer="p")
    assert receiver.events() == [Malformed("p", reason, len(bad))]
    assert receiver.data_to_send(now=at(100)) == []  # never answered
    assert receiver.totals().malformed == 1
    receiver.receive([remote.message(1, b"xy\0"[3 - first[2] :], fragment=(1, *first[1:]))], now=at(101), peer="p")
    assert payloads(receiver.events()) == [b"abcxy" if first[2] == 3 else b"aby"]  # the honest rest still completes it


def test_a_late_fragment_of_a_whole_message_is_told_once_as_a_duplicate() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    receiver.receive(remote.fragments(1, b"abcdef", 2), now=at(0), peer="p")
    assert payloads(receiver.events()) == [b"abcdef"]
    receiver.data_to_send(now=at(0))
    first, *others = remote.fragments(1, b"abcdef", 2, transmission=2)
    receiver.receive([first], now=at(10), peer="p")
    assert receiver.events() == [Duplicate("p", remote.session, 1, 2)]
    receiver.receive(others, now=at(11), peer="p")
    assert receiver.events() == []
    assert receiver.totals().duplicates == 1


def test_what_the_sender_gave_up_is_not_kept() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    first, second = remote.fragments(1, bytes(100), 50)
    receiver.receive([first], now=at(0), peer="p")
    assert receiver.held_bytes == 50 + FRAGMENT_COST + REASSEMBLY_COST
    remote.lowest = 2
    receiver.receive([remote.message(2, b"next")], now=at(1), peer="p")
    assert receiver.held_bytes == 4 + MESSAGE_COST
    receiver.receive([second], now=at(2), peer="p")
    assert payloads(receiver.events()) == [b"next"]
    assert receiver.held_bytes == 0


def test_nothing_is_cut_that_fits_and_nothing_fits_that_is_a_byte_too_long() -> None:
    sender = plain_sender(datagram_size=128)
    sender.send([bytes(88), bytes(89), bytes(152), bytes(153)], now=at(0))
    fragments = [each.fragment for each in read(sender.data_to_send(now=at(0)))]
    assert fragments == [
        None,
        (0, 2, 45, 89),
        (1, 2, 45, 89),
        (0, 2, 76, 152),
        (1, 2, 76, 152),
        (0, 3, 51, 153),
        (1, 3, 51, 153),
        (2, 3, 51, 153),
    ]


def test_a_mebibyte_through_datagrams_of_1200_bytes() -> None:
    sender, receiver, remote = acknowledged_sender(), a_receiver(), RemoteReceiver()
    payload = bytes(range(256)) * 4096
    sender.send([payload], now=at(0))
    now, arrived = 0, 0
    while sender.unresolved and now < 60_000:
        now += 10
        batch = each(sender.data_to_send(now=at(now)))
        receiver.receive(batch, now=at(now), peer="p")
        arrived += len(batch)
        if payloads(receiver.events()) == [payload]:
            sender.receive([remote.ack((1, arrived), below=2)], now=at(now))
        elif batch:
            sender.receive([remote.ack((1, arrived))], now=at(now))
    assert (arrived, sender.unresolved) == (927, 0)  # 1,048,576 / 1132


# A message that is cut up anew -------------------------------------------------------------------------------------------


def test_what_came_of_an_earlier_cut_counts() -> None:
    """The path became narrower: what is left leaves in smaller fragments, which overlap those that came."""
    remote, receiver = RemoteSender(), a_receiver()
    _, second, _ = remote.fragments(1, b"abcdefghij", 4)
    receiver.receive([second], now=at(0), peer="p")
    held = REASSEMBLY_COST + 4 + FRAGMENT_COST
    assert receiver.held_bytes == held
    first, across, inside, after, last = (
        remote.message(1, part, fragment=(index, 4, 3, 10), transmission=2)
        for index, part in ((0, b"abc"), (1, b"def"), (1, b"def"), (2, b"ghi"), (3, b"j\0\0"))
    )
    receiver.receive([first], now=at(1), peer="p")
    assert receiver.held_bytes == (held := held + 3 + FRAGMENT_COST)
    receiver.receive([across], now=at(2), peer="p")
    assert receiver.held_bytes == (held := held + 1 + FRAGMENT_COST), "of its three bytes two had come"
    receiver.receive([inside], now=at(2), peer="p")
    assert receiver.held_bytes == held, "it brings nothing"
    receiver.receive([after], now=at(3), peer="p")
    assert receiver.held_bytes == held + 1 + FRAGMENT_COST
    assert receiver.events() == []
    receiver.receive([last], now=at(4), peer="p")
    (message,) = receiver.events()
    assert isinstance(message, Message)
    assert (message.payload, message.transmission) == (b"abcdefghij", 2)
    assert receiver.held_bytes == 0
    (acknowledgment,) = acknowledgments(receiver.data_to_send(now=at(29)))
    assert acknowledgment.arrived == [(2, 2), (4, 8)], "each datagram is acknowledged, also what brings nothing new"


def test_a_fragment_fills_several_holes() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    parts = [remote.message(1, b"abcdefgh"[each : each + 1], fragment=(each, 8, 1, 8)) for each in (1, 4, 6)]
    receiver.receive(parts, now=at(0), peer="p")
    receiver.receive([remote.message(1, b"abcdefg", fragment=(0, 2, 7, 8))], now=at(0), peer="p")
    assert receiver.held_bytes == REASSEMBLY_COST + 7 + 6 * FRAGMENT_COST
    receiver.receive([remote.message(1, b"h\0\0\0\0\0\0", fragment=(1, 2, 7, 8))], now=at(0), peer="p")
    assert payloads(receiver.events()) == [b"abcdefgh"]


def test_the_whole_comes_after_fragments_of_it() -> None:
    """It was sent whole, was deemed lost, and was cut up for a narrower path; then it came all the same."""
    remote, receiver = RemoteSender(), a_receiver()
    whole = remote.message(1, b"abcdef")
    first, second = remote.fragments(1, b"abcdef", 3)
    receiver.receive([second], now=at(0), peer="p")
    receiver.receive([remote.message(1, b"abcdefg")], now=at(0), peer="p")
    (bad,) = receiver.events()
    assert isinstance(bad, Malformed)
    assert bad.reason == "1 fragments of 7 bytes, 7 in all, contradict the ones before"
    receiver.receive([whole], now=at(1), peer="p")
    assert payloads(receiver.events()) == [b"abcdef"]
    receiver.receive([first], now=at(2), peer="p")
    assert receiver.events() == [Duplicate("p", remote.session, 1, 1)]
    assert receiver.held_bytes == 0


def test_a_run_with_the_whole_of_what_came_in_part() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    first, _ = remote.fragments(2, b"abcdef", 3)
    receiver.receive([first], now=at(0), peer="p")
    run = Run(b"".join(remote.message(each, b"abcdef") for each in (1, 2, 3)), 62)
    receiver.receive([run], now=at(1), peer="p")
    assert payloads(receiver.events()) == [b"abcdef"] * 3
    assert receiver.held_bytes == 0


def test_a_run_of_another_cut_is_taken_one_by_one() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    parts = remote.fragments(1, b"abcdefghij", 4)
    receiver.receive([parts[2]], now=at(0), peer="p")
    assert receiver.held_bytes == REASSEMBLY_COST + FRAGMENT_COST + 2, "without two zeros"
    *_, ghi, j = remote.fragments(1, b"abcdefghij", 3, transmission=2)
    receiver.receive([Run(ghi + j, len(j))], now=at(1), peer="p")
    assert receiver.held_bytes == REASSEMBLY_COST + 2 * FRAGMENT_COST + 4, "of the first one two bytes are new, of the other none"
    first, second, _ = remote.fragments(1, b"abcdefghij", 4, transmission=3)
    receiver.receive([Run(first + second, len(first))], now=at(2), peer="p")
    assert payloads(receiver.events()) == [b"abcdefghij"]
    assert receiver.held_bytes == 0


def test_a_run_of_the_same_cut_is_taken_at_once_without_what_fills_it_up() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    receiver.receive([remote.message(1, b"x")], now=at(0), peer="p")
    first, second, last = remote.fragments(2, b"abcdefghij", 4)
    before = receiver.held_bytes
    receiver.receive([Run(second + last, len(last))], now=at(1), peer="p")
    assert receiver.held_bytes == before + REASSEMBLY_COST + 2 * FRAGMENT_COST + 6
    receiver.receive([first], now=at(2), peer="p")
    assert payloads(receiver.events()) == [b"x", b"abcdefghij"]


def test_nobody_has_more_pieces_of_a_message_kept_than_it_can_have_fragments() -> None:
    total = 4 * MAX_FRAGMENTS
    reassembly = Reassembly(4, total, now=0)
    for index in range(1, 2 * MAX_FRAGMENTS, 2):
        assert reassembly.add((index, 2 * MAX_FRAGMENTS, 2, total), b"ab", 1) is None
    with pytest.raises(MalformedDatagram, match="more than 65535 pieces of one message"):
        reassembly.add((0, total, 1, total), b"a", 1)
