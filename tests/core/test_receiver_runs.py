"""Messages that came together, and a receiver that only counts: what the property tests find at random, told as stories."""

from collections.abc import Iterator

import pytest

from tests.core.support import RECEIVER, SENDER, Receiver, RemoteSender, acknowledgments, at, room_for
from udpmsg.core import runs
from udpmsg.core.budget import FRAGMENT_COST, MESSAGE_COST, REASSEMBLY_COST
from udpmsg.core.config import Limits
from udpmsg.core.events import Malformed, Message
from udpmsg.core.framing import Run, each
from udpmsg.core.wire import Datagram


def a_run(*payloads: bytes, first: int = 1, lowest: int = 0) -> Run:
    datagrams = each(runs.encode(payloads, session=SENDER, number=first, sequence=first, sent_at=0, lowest=lowest))
    return Run(b"".join(datagrams), len(datagrams[0]))


def take(receiver: Receiver, run: Run, *, payloads: bool = True) -> None:
    messages = runs.decode(run, payloads=payloads)
    assert messages is not None
    receiver.receive_run(messages, now=at(0), peer="p")


def test_a_run_is_handed_over_in_parts() -> None:
    receiver = Receiver(session=RECEIVER, now=at(0))
    take(receiver, a_run(b"first"))
    take(receiver, a_run(b"a", b"b", b"c", first=2))
    given = [receiver.events(2), receiver.events(), receiver.events()]
    assert [[event.payload for event in part if isinstance(event, Message)] for part in given] == [
        [b"first", b"a"],
        [b"b", b"c"],
        [],
    ]


def test_a_run_that_asks_where_its_session_does_not_is_malformed() -> None:
    """Flipped bits must not turn a checked message into an unchecked one, or the reverse: each is counted and told."""
    receiver = Receiver(session=RECEIVER, now=at(0))
    take(receiver, a_run(b"x"))
    take(receiver, a_run(b"y", b"z", first=2, lowest=1))
    events = receiver.events()
    reason = "a session asks for acknowledgments always or never"
    assert [event for event in events if isinstance(event, Malformed)] == [Malformed("p", reason, 57)] * 2
    assert (receiver.totals().malformed, receiver.totals().messages_delivered) == (2, 1)


@pytest.mark.parametrize("lowest", [0, 1])
def test_counting_alone_delivers_at_once_and_hands_nothing_over(lowest: int) -> None:
    receiver = Receiver(session=RECEIVER, now=at(0), counting_only=True)
    take(receiver, a_run(b"first", lowest=lowest), payloads=False)
    take(receiver, a_run(b"a", b"b", b"c", first=2, lowest=lowest), payloads=False)
    receiver.receive([b"raw"], now=at(0), peer="q")
    assert receiver.events() == []
    totals = receiver.totals()
    assert (totals.messages_delivered, totals.raw_messages, totals.payload_bytes) == (5, 1, 11)
    assert receiver.held_bytes == 0
    told = acknowledgments(receiver.data_to_send(now=at(0)))
    assert [(ack.all_below, ack.delivered) for ack in told] == [(5, [])] * 2 * lowest  # four datagrams


def test_a_run_is_taken_as_a_whole_or_if_it_is_no_ordinary_one_as_its_datagrams() -> None:
    """Of two senders whose datagrams the kernel put together, each has its session."""
    receiver = Receiver(session=RECEIVER, now=at(0))
    receiver.receive([a_run(b"a", b"b")], now=at(0), peer="p")
    others = [runs.encode([b"x"], session=session, number=3, sequence=3, sent_at=0)[0] for session in (SENDER, RECEIVER)]
    receiver.receive([Run(b"".join(each(others)), len(each(others)[0]))], now=at(0), peer="p")
    given = [(event.session, event.sequence) for event in receiver.events() if isinstance(event, Message)]
    assert given == [(SENDER, 1), (SENDER, 2), (SENDER, 3), (RECEIVER, 3)]


@pytest.mark.parametrize("acknowledged", [False, True])
def test_only_the_first_message_of_a_new_session_is_looked_at_by_itself(
    acknowledged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It opens the session. Five hundred others one by one would take as long as the kernel's buffer lasts."""
    alone: list[int] = []
    usual = runs.Messages.datagrams

    def noted(messages: runs.Messages) -> Iterator[Datagram]:
        for datagram in usual(messages):
            alone.append(datagram.sequence)
            yield datagram

    monkeypatch.setattr(runs.Messages, "datagrams", noted)
    receiver = Receiver(session=RECEIVER, now=at(0))
    for first in (1, 4):
        take(receiver, a_run(b"a", b"b", b"c", first=first, lowest=int(acknowledged)))
    assert [event.sequence for event in receiver.events() if isinstance(event, Message)] == [1, 2, 3, 4, 5, 6]
    assert alone == [1]


@pytest.mark.parametrize("counting_only", [False, True])
def test_what_waited_for_a_message_that_was_given_up_has_no_acknowledgment_of_its_own(counting_only: bool) -> None:
    """Message 1 is lost, 2 waits for it, and 3 says that nobody waits for 1 any more: who only counts answers like anybody."""
    receiver, sender = Receiver(session=RECEIVER, now=at(0), counting_only=counting_only), RemoteSender(ordered=True)
    sender.skip()
    receiver.receive([sender.message(2)], now=at(0), peer="p")
    assert len(receiver.data_to_send(now=at(0))) == 1  # a gap
    sender.lowest = 2
    receiver.receive([sender.message(3)], now=at(1), peer="p")
    assert len(receiver.events()) == (0 if counting_only else 2)
    assert receiver.totals().messages_delivered == 2
    assert receiver.data_to_send(now=at(1)) == []  # one in order may wait
    assert len(receiver.data_to_send(now=at(26))) == 1


@pytest.mark.parametrize("ordered", [False, True])
def test_a_run_in_order_and_one_behind_a_gap(ordered: bool) -> None:
    receiver, sender = Receiver(session=RECEIVER, now=at(0)), RemoteSender(ordered=ordered)

    def run(*sequences: int) -> Run:
        datagrams = [sender.message(sequence, b"%03d" % sequence) for sequence in sequences]
        return Run(b"".join(datagrams), len(datagrams[0]))

    def given() -> list[int | None]:
        return [event.sequence for event in receiver.events() if isinstance(event, Message)]

    receiver.receive([sender.message(1, b"001"), run(2, 3), run(6, 7)], now=at(0), peer="p")
    assert given() == [1, 2, 3] + [6, 7] * (not ordered)
    told, *_ = acknowledgments(receiver.data_to_send(now=at(0)))
    assert (told.all_below, told.arrived, told.delivered) == (4, [(1, 5)], [(6, 7)] * (not ordered))
    receiver.receive([run(4, 5)], now=at(1), peer="p")
    assert given() == [4, 5] + [6, 7] * ordered


def cut(sender: RemoteSender, *sequences: int, size: int = 2, payload: bytes = b"abcdef", transmission: int = 1) -> list[bytes]:
    """These messages, in fragments."""
    return [data for sequence in sequences for data in sender.fragments(sequence, payload, size, transmission=transmission)]


def in_a_run(datagrams: list[bytes]) -> Run:
    return Run(b"".join(datagrams), len(datagrams[0]))


@pytest.mark.parametrize("acknowledged", [False, True])
@pytest.mark.parametrize("counting_only", [False, True])
def test_fragments_that_come_together_are_messages(counting_only: bool, acknowledged: bool) -> None:
    """Three messages of three fragments: the first call has one of the second message, and the second call the others."""
    receiver, sender = Receiver(session=RECEIVER, now=at(0), counting_only=counting_only), RemoteSender(acknowledged=acknowledged)
    datagrams = [sender.message(1, b"x"), *cut(sender, 2, 3, 4, payload=b"abcde")]
    receiver.receive([datagrams[0], in_a_run(datagrams[1:5])], now=at(0), peer="p")
    assert [event.payload for event in receiver.events() if isinstance(event, Message)] == [b"x", b"abcde"] * (not counting_only)
    assert receiver.held_bytes == REASSEMBLY_COST + FRAGMENT_COST + 2
    receiver.receive([in_a_run(datagrams[5:7])], now=at(1), peer="p")
    receiver.receive([in_a_run(datagrams[7:])], now=at(2), peer="p")
    given = [(event.sequence, event.payload) for event in receiver.events() if isinstance(event, Message)]
    assert given == [(3, b"abcde"), (4, b"abcde")] * (not counting_only)
    totals = receiver.totals()
    assert (totals.messages_delivered, totals.payload_bytes, totals.duplicates, totals.reordered) == (4, 16, 0, 0)
    assert (totals.jitter_weight, receiver.held_bytes) == (0, 0), "of fragments no jitter is measured"
    told = acknowledgments(receiver.data_to_send(now=at(2)))
    assert [(ack.all_below, ack.arrived) for ack in told] == [(5, [(1, 10)])] * 5 * acknowledged


def test_a_message_is_charged_while_it_is_not_whole_and_its_transmission_is_the_largest() -> None:
    receiver, sender = Receiver(session=RECEIVER, now=at(0)), RemoteSender()
    datagrams = [sender.message(1, b"x"), *cut(sender, 2, payload=bytes(10))]
    receiver.receive([datagrams[0], in_a_run(datagrams[1:3])], now=at(0), peer="p")
    assert receiver.held_bytes == 1 + MESSAGE_COST + REASSEMBLY_COST + 2 * (FRAGMENT_COST + 2)
    sender.number -= 3
    again = cut(sender, 2, payload=bytes(10), transmission=3)[2:]
    receiver.receive([in_a_run(again)], now=at(1), peer="p")
    assert [event.transmission for event in receiver.events() if isinstance(event, Message)] == [1, 3]


def test_fragments_come_again_while_others_are_missing() -> None:
    """The first one came; then all come anew. It counts once, and nothing of it is left behind."""
    receiver, sender = Receiver(session=RECEIVER, now=at(0)), RemoteSender()
    receiver.receive([sender.message(1, b"x"), cut(sender, 2)[0]], now=at(0), peer="p")
    receiver.receive([in_a_run(cut(sender, 2, 3, transmission=2))], now=at(1), peer="p")
    assert [event.sequence for event in receiver.events() if isinstance(event, Message)] == [1, 2, 3]
    assert receiver.held_bytes == 0
    receiver.receive([cut(sender, 4)[0], in_a_run(cut(sender, 4)[:2])], now=at(2), peer="p")
    assert receiver.held_bytes == REASSEMBLY_COST + 2 * (FRAGMENT_COST + 2)


def test_the_beginning_of_a_message_behind_a_gap() -> None:
    receiver, sender = Receiver(session=RECEIVER, now=at(0)), RemoteSender()
    receiver.receive([sender.message(1, b"x")], now=at(0), peer="p")
    receiver.receive([in_a_run(cut(sender, 3)[:2])], now=at(1), peer="p")
    assert receiver.held_bytes == 1 + MESSAGE_COST + REASSEMBLY_COST + 2 * (FRAGMENT_COST + 2)


@pytest.mark.parametrize("acknowledged", [False, True])
@pytest.mark.parametrize("count", [2, 3])
def test_what_the_memory_for_all_has_no_room_for(count: int, acknowledged: bool) -> None:
    """A message in three fragments takes more than when it is whole; one byte less, and the last of them is not taken."""
    unfinished = REASSEMBLY_COST + count * (FRAGMENT_COST + 2)
    cost = 1 + MESSAGE_COST + unfinished
    for most, fits in ((unfinished, True), (unfinished - 1, False)):
        receiver = Receiver(session=RECEIVER, now=at(0), limits=Limits(total_bytes=room_for(most)))
        sender = RemoteSender(acknowledged=acknowledged)
        receiver.receive([sender.message(1, b"x"), in_a_run(cut(sender, 2)[:count])], now=at(0), peer="p")
        assert receiver.totals().over_limit == (not fits)
        assert (receiver.held_bytes == cost) is (fits and count == 2)
        whole = [event.sequence for event in receiver.events() if isinstance(event, Message)]
        assert whole == [1, 2][: 1 + (fits and count == 3)]


def test_fragments_go_on_where_there_is_no_room_for_more() -> None:
    unfinished = REASSEMBLY_COST + 3 * (FRAGMENT_COST + 2)
    cost = 1 + MESSAGE_COST + unfinished
    receiver, sender = Receiver(session=RECEIVER, now=at(0), limits=Limits(total_bytes=room_for(unfinished))), RemoteSender()
    datagrams = cut(sender, 2, payload=bytes(12))
    receiver.receive([sender.message(1, b"x"), datagrams[0]], now=at(0), peer="p")
    sender.number = 1
    datagrams = [sender.message(1, b"x"), *cut(sender, 2, payload=bytes(12), transmission=2)]
    receiver.receive([in_a_run(cut(sender, 2, payload=bytes(12))[1:4])], now=at(1), peer="p")
    assert receiver.held_bytes == cost
    assert receiver.totals().over_limit == 1


def test_without_acknowledgments_what_is_not_whole_after_ten_seconds_makes_way() -> None:
    receiver, sender = Receiver(session=RECEIVER, now=at(0)), RemoteSender(acknowledged=False)
    receiver.receive([sender.message(1, b"x"), cut(sender, 2)[0], cut(sender, 3)[0]], now=at(0), peer="p")
    receiver.receive([in_a_run(cut(sender, 4)), in_a_run(cut(sender, 5)[:2])], now=at(10_000), peer="p")
    assert receiver.held_bytes == 1 + 6 + 2 * MESSAGE_COST + 3 * REASSEMBLY_COST + 4 * (FRAGMENT_COST + 2)
    receiver.receive([in_a_run(cut(sender, 6)), in_a_run(cut(sender, 7)[:2])], now=at(10_001), peer="p")
    assert receiver.held_bytes == 1 + 12 + 3 * MESSAGE_COST + 2 * REASSEMBLY_COST + 4 * (FRAGMENT_COST + 2)


@pytest.mark.parametrize("fragments", [False, True])
def test_a_run_of_what_its_sender_gave_up_comes_too_late(fragments: bool) -> None:
    """Message 4, which says so, found no room."""
    receiver, sender = Receiver(session=RECEIVER, now=at(0), limits=Limits(max_message=8)), RemoteSender()
    sender.lowest = 4
    receiver.receive([sender.message(4, bytes(9))], now=at(0), peer="p")
    sender.lowest = 1
    late = cut(sender, 1, 2, 3) if fragments else [sender.message(sequence, b"x") for sequence in (1, 2, 3)]
    receiver.receive([in_a_run(late)], now=at(1), peer="p")
    assert [event for event in receiver.events() if isinstance(event, Message)] == []
    assert receiver.totals().over_limit == 1 + len(late)


def test_each_message_of_a_run_has_its_own_time() -> None:
    """Sent at 0, 0 and 3 ms, and all come at once: jitter is that of the third, as of lone ones."""
    together, single = (Receiver(session=RECEIVER, now=at(0)) for _ in range(2))
    sender = RemoteSender(acknowledged=False)
    sent = [sender.message(number, b"x", sent_at_us=at_us) for number, at_us in ((1, 0), (2, 0), (3, 0), (4, 3000))]
    for receiver, batch in ((together, [sent[0], Run(b"".join(sent[1:]), len(sent[0]))]), (single, sent)):
        receiver.receive(batch, now=at(0), peer="p")
    assert together.totals().jitter_ns == single.totals().jitter_ns == 187_500
