"""Many senders in turns: what is ordinary is taken in one pass, and what isn't is left, in its turn, for a longer look."""

import pytest

from tests.core.support import RECEIVER, RemoteSender, acknowledgments, at
from udpmsg.core.config import Limits
from udpmsg.core.events import Malformed, Message
from udpmsg.core.framing import Mixed
from udpmsg.core.receiver import Receiver


def mixed(*sent: tuple[str, bytes]) -> Mixed:
    """Datagrams, each from its peer."""
    batch = Mixed(data for _, data in sent)
    batch.peers += [peer for peer, _ in sent]
    return batch


def take(receiver: Receiver, *sent: tuple[str, bytes], now: int = at(0)) -> list[bytes]:
    """Take them; which were left for a longer look, and had it."""
    left = []
    for data, peer in receiver.receive_mixed(mixed(*sent), now):
        left.append(data)
        receiver.receive([data], now=now, peer=peer)
    return left


def greeted(*remotes: RemoteSender, counting_only: bool = False, **limits: int) -> Receiver:
    """A receiver that knows these already, by their first message, which is delivered."""
    receiver = Receiver(session=RECEIVER, now=at(0), limits=Limits(**limits), counting_only=counting_only)
    for place, remote in enumerate(remotes):
        receiver.receive([remote.message(1, b"hello")], now=at(0), peer=f"peer {place}")
    receiver.events()
    receiver.commit()
    receiver.data_to_send(now=at(0))
    return receiver


def sequences(receiver: Receiver, limit: int | None = None) -> list[tuple[int | None, int | None]]:
    """What the application is given: session and sequence number of each message."""
    return [(event.session, event.sequence) for event in receiver.events(limit) if isinstance(event, Message)]


def test_who_is_known_is_taken_at_once_and_in_order() -> None:
    one, two = RemoteSender(1, acknowledged=False), RemoteSender(2)
    receiver = greeted(one, two)
    sent = [
        ("peer 0", one.message(2, b"a", sent_at_us=7)),
        ("peer 1", two.message(2, b"bb", sent_at_us=7)),
        ("peer 0", one.message(3, b"c", sent_at_us=7)),
    ]
    assert take(receiver, *sent, now=at(1)) == []
    assert receiver.held_bytes == 3 * 256 + 4
    assert receiver.undelivered == 3
    first, second, third = receiver.events()
    assert first == Message(b"a", "peer 0", 1, 2, None, False, False, 1, None, 7)
    assert second == Message(b"bb", "peer 1", 2, 2, None, True, False, 1, None, 7)
    assert third == Message(b"c", "peer 0", 1, 3, None, False, False, 1, None, 7)
    assert [(identity, known.all_below) for identity, known in receiver.remembered()] == [(2, 3)]
    receiver.commit()
    assert receiver.held_bytes == 0
    receiver.flush(now=at(1))
    assert [(ack.session, ack.all_below) for ack in acknowledgments(receiver.data_to_send(now=at(1)))] == [(2, 3)]
    totals = receiver.totals()
    assert (totals.messages_delivered, totals.payload_bytes, totals.last_arrival_ns) == (5, 14, at(1))


def test_what_is_not_ordinary_is_left_in_its_turn() -> None:
    """A newcomer, a program's own bytes, less than a header, a repetition, one from elsewhere, a goodbye."""
    one, new = RemoteSender(1, acknowledged=False), RemoteSender(3, acknowledged=False)
    receiver = greeted(one)
    second, first_of_new, third, again = one.message(2), new.message(1), one.message(3), one.message(2)
    fourth, bye = one.message(4), one.goodbye(4)
    sent = [second, first_of_new, b"raw", b"UM\x01\x01 but longer than any header of ours", third, again]
    left = take(receiver, *[("peer 0", data) for data in sent], ("elsewhere", fourth), ("peer 0", bye))
    assert left == [first_of_new, *sent[2:4], again, fourth, bye]
    assert sequences(receiver) == [(1, 2), (3, 1), (None, None), (1, 3), (1, 4)]
    receiver.commit()
    totals = receiver.totals()
    assert (totals.duplicates, totals.raw_messages, totals.malformed, totals.messages_sent) == (1, 1, 1, None)


def test_a_gap_is_noted_and_filled_later() -> None:
    one = RemoteSender(1, acknowledged=False)
    receiver = greeted(one)
    late = one.message(2)
    assert take(receiver, ("peer 0", one.message(3)), ("peer 0", late), ("peer 0", one.message(5))) == [late]
    assert receiver.totals().messages_missing == 1
    assert sequences(receiver) == [(1, 3), (1, 2), (1, 5)]


@pytest.mark.parametrize("what", ["gap", "checksum", "zero", "lowest", "order"])
def test_a_checked_message_that_is_not_what_it_should_be_is_left(what: str) -> None:
    one = RemoteSender(1, ordered=what == "order")
    receiver = greeted(one)
    if what == "lowest":
        one.lowest = 3
    if what == "order":
        one.ordered = False
        receiver.receive([one.message(2)], now=at(0), peer="peer 0")  # one that need not wait goes ahead of the order
        receiver.events()
        one.ordered = True
    data = one.message({"gap": 3, "order": 3}.get(what, 2), transmission=0 if what == "zero" else 1)
    if what == "checksum":
        data = data[:-1] + bytes([data[-1] ^ 1])
    assert take(receiver, ("peer 0", data)) == [data]


def test_ordered_messages_and_what_their_sender_waits_for() -> None:
    one = RemoteSender(1, ordered=True)
    receiver = greeted(one)
    one.lowest = 2
    assert take(receiver, ("peer 0", one.message(2)), ("peer 0", one.message(3, transmission=2))) == []
    assert [event.transmission for event in receiver.events() if isinstance(event, Message)] == [1, 2]
    receiver.commit()
    assert take(receiver, ("peer 0", one.message(4))) == []
    assert sequences(receiver) == [(1, 4)]


def test_each_sender_is_owed_an_acknowledgment_and_who_sends_a_second_message_one_at_once() -> None:
    one, two = RemoteSender(1), RemoteSender(2)
    receiver = greeted(one, two)
    receiver.flush(now=at(0))
    assert len(acknowledgments(receiver.data_to_send(now=at(0)))) == 2
    assert take(receiver, ("peer 0", one.message(2)), ("peer 1", two.message(2))) == []
    assert receiver.next_timeout() == at(25)
    assert take(receiver, ("peer 1", two.message(3)), now=at(1)) == []
    told = {ack.session: ack.arrived for ack in acknowledgments(receiver.data_to_send(now=at(1)))}
    assert told == {2: [(1, 3)]}
    told = {ack.session: ack.arrived for ack in acknowledgments(receiver.data_to_send(now=at(25)))}
    assert told == {1: [(1, 2)]}
    assert receiver.next_timeout() is None


def test_a_session_of_which_nothing_was_taken_begins_with_what_is() -> None:
    one, receiver = RemoteSender(1, acknowledged=False), greeted(max_message=3)
    receiver.receive([one.message(1, b"too long")], now=at(0), peer="peer 0")
    assert take(receiver, ("peer 0", one.message(2)), ("peer 0", one.message(3)), now=at(7)) == []
    assert sequences(receiver) == [(1, 2), (1, 3)]
    totals = receiver.totals()
    assert (totals.first_arrival_ns, totals.last_arrival_ns) == (at(7), at(7))


@pytest.mark.parametrize(
    "limits", [{"session_messages": 1}, {"session_bytes": 9}, {"max_message": 5}, {"total_bytes": 2 * 256}], ids=str
)
def test_what_a_limit_has_no_room_for_is_left(limits: dict[str, int]) -> None:
    one = RemoteSender(1, acknowledged=False)
    receiver = greeted(one, **limits)
    fits, not_any_more = one.message(2, b"12345"), one.message(3, b"123456")
    assert take(receiver, ("peer 0", fits), ("peer 0", not_any_more)) == [not_any_more]
    assert sequences(receiver) == [(1, 2)]
    receiver.commit()
    assert receiver.totals().over_limit == 1


def test_some_are_handed_over_and_some_are_done_with() -> None:
    one, two, three = (RemoteSender(session) for session in (1, 2, 3))
    receiver = greeted(one, two, three)
    remotes = (one, two, three, one)
    sent = [(f"peer {remotes.index(remote)}", remote.message(2 + place // 3)) for place, remote in enumerate(remotes)]
    assert take(receiver, *sent) == []
    receiver.flush(now=at(0))
    receiver.data_to_send(now=at(0))  # they arrived
    assert sequences(receiver, 3) == [(1, 2), (2, 2), (3, 2)]
    receiver.done(receiver.in_hand[1])
    assert [ack.session for ack in acknowledgments(receiver.data_to_send(now=at(0)))] == [2]
    assert [message.session for message in receiver.in_hand] == [1, 3]
    receiver.commit()
    assert [ack.session for ack in acknowledgments(receiver.data_to_send(now=at(0)))] == [1, 3]
    assert sequences(receiver) == [(1, 3)]
    receiver.done(receiver.in_hand[0])
    assert receiver.held_bytes == 0


def test_as_many_as_are_alike_can_be_taken() -> None:
    """Of one length, before anything else."""
    one, two = RemoteSender(1, acknowledged=False), RemoteSender(2, acknowledged=False)
    receiver = greeted(one, two)
    assert receiver.waiting_alike(1, 9) == 0
    sent = [("peer 0", one.message(2, b"a")), ("peer 1", two.message(2, b"b")), ("peer 0", one.message(3, b"cc"))]
    take(receiver, *sent, ("peer 1", two.goodbye(2)), ("peer 0", one.message(4, b"dd")))
    assert [receiver.waiting_alike(size, most) for size, most in ((1, 9), (1, 1), (2, 9))] == [2, 1, 0]
    receiver.events(2)
    assert receiver.waiting_alike(2, 9) == 1


def test_counting_alone() -> None:
    one, two = RemoteSender(1, acknowledged=False), RemoteSender(2)
    receiver = greeted(one, two, counting_only=True)
    assert take(receiver, ("peer 0", one.message(2, b"a", sent_at_us=7)), ("peer 1", two.message(2, b"bb", sent_at_us=7))) == []
    assert (receiver.events(), receiver.held_bytes) == ([], 0)
    totals = receiver.totals()
    assert (totals.messages_delivered, totals.payload_bytes) == (4, 13)
    receiver.flush(now=at(0))
    assert [ack.all_below for ack in acknowledgments(receiver.data_to_send(now=at(0)))] == [3]


def test_a_session_that_said_goodbye_leaves_its_place_with_its_last_message() -> None:
    """A goodbye overtook a message."""
    one = RemoteSender(1, acknowledged=False)
    receiver = greeted(one)
    late, bye = one.message(2), one.goodbye(2)
    waits = one.message(3)
    assert take(receiver, ("peer 0", late), ("peer 0", bye), ("peer 0", waits)) == [bye]
    assert receiver.sessions_open == 1
    assert sequences(receiver) == [(1, 2), (1, 3)]
    receiver.commit()
    assert receiver.sessions_open == 0


@pytest.mark.parametrize("acknowledged", [True, False])
def test_a_reply_says_what_it_answers_and_one_to_no_message_is_left(acknowledged: bool) -> None:
    one = RemoteSender(1, acknowledged=acknowledged)
    receiver = greeted(one)
    reply, unfit = one.message(2, b"yes", reply_to=7), bytearray(one.message(3, b"no", reply_to=8))
    unfit[-2 - 8 - 4 * acknowledged : -2 - 4 * acknowledged] = bytes(8)
    assert take(receiver, ("peer 0", reply), ("peer 0", bytes(unfit))) == [unfit]
    message, malformed = receiver.events()
    assert message == Message(b"yes", "peer 0", 1, 2, 7, acknowledged, False, 1, None, 0)
    assert isinstance(malformed, Malformed)
