"""The commit: handed over, then done with, and only then delivered, acknowledged and no longer charged."""

import pytest

from tests.core.support import RECEIVER, SENDER, START, RemoteSender, acknowledgments, at, payloads, read
from udpmsg.core.budget import MESSAGE_COST
from udpmsg.core.config import Limits
from udpmsg.core.events import NOTICES_KEPT, Duplicate, Goodbye, Malformed, Message
from udpmsg.core.framing import Run
from udpmsg.core.receiver import Receiver
from udpmsg.core.remembered import Remembered
from udpmsg.core.wire import Kind, decode_report


def a_careful_receiver(**more: object) -> Receiver:
    """One whose application says itself when it is done."""
    return Receiver(session=RECEIVER, now=START, **more)


def handed_over(receiver: Receiver, limit: int | None = None) -> list[Message]:
    events = receiver.events(limit)
    assert all(isinstance(event, Message) for event in events), events
    return [event for event in events if isinstance(event, Message)]


def delivered(receiver: Receiver, milliseconds: float) -> tuple[int, list[tuple[int, int]]]:
    """What an acknowledgment says now: all below, and which ranges besides."""
    receiver.flush(now=at(milliseconds))
    told, *copies = acknowledgments(receiver.data_to_send(now=at(milliseconds)))
    assert all(copy == told for copy in copies)
    return told.all_below, told.delivered


def test_handed_over_is_not_delivered() -> None:
    remote, receiver = RemoteSender(), a_careful_receiver()
    receiver.receive([remote.message(number, b"%d" % number) for number in (1, 2, 3)], now=at(0), peer="p")
    assert not receiver.uncommitted
    assert receiver.waiting
    assert [message.payload for message in handed_over(receiver)] == [b"1", b"2", b"3"]
    assert receiver.uncommitted
    assert not receiver.waiting
    assert delivered(receiver, 0) == (1, [])
    assert (receiver.totals().messages_delivered, receiver.held_bytes) == (0, 3 + 3 * MESSAGE_COST)
    receiver.commit()
    assert not receiver.uncommitted
    assert delivered(receiver, 1) == (4, [])
    assert (receiver.totals().messages_delivered, receiver.held_bytes) == (3, 0)


def test_done_commits_one_message_and_no_other() -> None:
    remote, receiver = RemoteSender(), a_careful_receiver()
    receiver.receive([remote.message(number, b"%d" % number) for number in range(1, 6)], now=at(0), peer="p")
    first, second, third, fourth, fifth = handed_over(receiver)
    receiver.done(third)
    assert delivered(receiver, 0) == (1, [(3, 3)])
    assert receiver.in_hand == [first, second, fourth, fifth]
    receiver.done(third)  # again: nothing happens
    receiver.done(Message(b"never handed over", "p", SENDER, 9))
    assert receiver.data_to_send(now=at(1)) == []
    receiver.done(first)
    assert delivered(receiver, 1) == (2, [(3, 3)])
    receiver.commit()
    assert delivered(receiver, 2) == (6, [])
    receiver.done(fifth)
    assert receiver.totals().messages_delivered == 5


def test_done_with_a_message_that_was_alone() -> None:
    receiver = a_careful_receiver()
    receiver.receive([b"raw"], now=at(0), peer="p")
    (message,) = handed_over(receiver)
    assert receiver.totals().raw_messages == 0
    receiver.done(message)
    assert not receiver.uncommitted
    assert (receiver.totals().raw_messages, receiver.totals().payload_bytes, receiver.held_bytes) == (1, 3, 0)


def test_equal_messages_are_not_the_same_message() -> None:
    receiver = a_careful_receiver()
    receiver.receive([b"raw", b"raw"], now=at(0), peer="p")
    first, second = handed_over(receiver)
    receiver.done(second)
    assert receiver.in_hand[0] is first


def test_a_run_is_cut_where_the_application_wants_less() -> None:
    remote, receiver = RemoteSender(), a_careful_receiver()
    receiver.receive([remote.message(1, b"0")], now=at(0), peer="p")
    run = [remote.message(number, b"%d" % number) for number in range(2, 7)]
    receiver.receive([Run(b"".join(run), len(run[0]))], now=at(0), peer="p")
    assert [message.payload for message in handed_over(receiver, 3)] == [b"0", b"2", b"3"]
    assert (bool(receiver.waiting), len(receiver.in_hand)) == (True, 3)
    receiver.commit()
    assert delivered(receiver, 0) == (4, [])
    assert [message.payload for message in handed_over(receiver, 3)] == [b"4", b"5", b"6"]
    receiver.commit()
    assert (delivered(receiver, 1), receiver.held_bytes) == ((7, []), 0)


def test_what_is_remembered_is_what_was_committed_and_what_is_in_hand() -> None:
    remote, receiver = RemoteSender(), a_careful_receiver()
    plain = RemoteSender(7, acknowledged=False)
    receiver.receive([remote.message(1), remote.message(2), plain.message(1), b"raw"], now=at(0), peer="p")
    first, *_ = handed_over(receiver, 1)
    receiver.done(first)
    assert receiver.remembered() == []
    handed_over(receiver)
    assert receiver.remembered() == [(SENDER, Remembered(3, [], 2, acknowledged=True))]
    receiver.receive([remote.message(5)], now=at(1), peer="p")
    assert receiver.remembered() == [(SENDER, Remembered(3, [], 2, acknowledged=True))]  # 5 waits
    handed_over(receiver)
    assert receiver.remembered() == [(SENDER, Remembered(3, [(5, 5)], 3, acknowledged=True))]
    receiver.commit()
    assert receiver.remembered() == []


def test_what_its_sender_gave_up_while_it_was_in_hand_is_remembered_as_all_below() -> None:
    remote, receiver = RemoteSender(), a_careful_receiver()
    receiver.receive([remote.message(1), remote.message(4)], now=at(0), peer="p")
    first, fourth = handed_over(receiver)
    receiver.done(fourth)
    remote.lowest = 3
    receiver.receive([remote.probe()], now=at(1), peer="p")
    assert receiver.in_hand == [first]
    assert receiver.remembered() == [(SENDER, Remembered(3, [(4, 4)], 2, acknowledged=True))]


def test_the_next_life_suppresses_what_was_remembered_and_takes_the_rest() -> None:
    known = {SENDER: Remembered(3, [(5, 6)], 4, acknowledged=True)}
    remote, receiver = RemoteSender(), a_careful_receiver(restore=known.get)
    receiver.receive([remote.message(number, b"%d" % number) for number in range(1, 8)], now=at(0), peer="p")
    events = receiver.events()
    assert [event.sequence for event in events if isinstance(event, Duplicate)] == [1, 2, 5, 6]
    assert payloads(events) == [b"3", b"4", b"7"]
    assert [event.reordered for event in events if isinstance(event, Message)] == [True, True, False]
    receiver.commit()
    assert delivered(receiver, 0) == (8, [])
    assert (receiver.totals().messages_delivered, receiver.totals().messages_missing) == (7, 0)
    stranger = RemoteSender(8)
    receiver.receive([stranger.message(1, b"new")], now=at(1), peer="q")
    assert payloads(receiver.events()) == [b"new"]


def test_how_long_a_restored_session_took_is_counted_from_what_came_in_this_life() -> None:
    known = {SENDER: Remembered(3, [], 2, acknowledged=True)}
    remote, receiver = RemoteSender(), a_careful_receiver(restore=known.get)
    receiver.receive([remote.message(1), remote.query()], now=at(0), peer="p")
    assert duration_us(receiver, 0) == 0
    receiver.receive([remote.message(3)], now=at(100), peer="p")
    receiver.receive([remote.message(4), remote.query()], now=at(105), peer="p")
    assert duration_us(receiver, 105) == 5000


def duration_us(receiver: Receiver, milliseconds: float) -> int:
    sent = read(data for data, _ in receiver.data_to_send(now=at(milliseconds)))
    (report,) = [datagram for datagram in sent if datagram.kind is Kind.REPORT]
    return decode_report(report.payload).duration_us


@pytest.mark.parametrize("came", [True, False])
def test_a_goodbye_is_always_told_where_something_came_and_else_as_a_notice(came: bool) -> None:
    receiver = a_careful_receiver(limits=Limits(sessions=2 * NOTICES_KEPT))
    receiver.receive([b"UM\x01\x01"] * NOTICES_KEPT, now=at(0), peer="p")
    remote = RemoteSender()
    receiver.receive([remote.message(1)] * came + [remote.goodbye(1)], now=at(0), peer="p")
    events = receiver.events()
    assert [type(event) for event in events[NOTICES_KEPT:]] == ([Message, Goodbye] if came else [])
    assert {type(event) for event in events[:NOTICES_KEPT]} == {Malformed}
    assert receiver.totals().messages_sent == 1
    receiver.receive([RemoteSender(number).goodbye(0) for number in range(100, 100 + NOTICES_KEPT + 9)], now=at(1), peer="p")
    assert len(receiver.events()) == NOTICES_KEPT
