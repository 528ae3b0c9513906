"""Messages that came together, and a receiver that only counts: what the property tests find at random, told as stories."""

import pytest

from tests.core.support import RECEIVER, SENDER, Receiver, RemoteSender, acknowledgments, at
from udpmsg.core import runs
from udpmsg.core.events import Malformed, Message
from udpmsg.core.framing import Run, each


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
    assert [(ack.all_below, ack.delivered) for ack in told] == [(5, [])] * lowest


def test_a_run_is_taken_as_a_whole_or_if_it_is_no_ordinary_one_as_its_datagrams() -> None:
    """Of two senders whose datagrams the kernel put together, each has its session."""
    receiver = Receiver(session=RECEIVER, now=at(0))
    receiver.receive([a_run(b"a", b"b")], now=at(0), peer="p")
    others = [runs.encode([b"x"], session=session, number=3, sequence=3, sent_at=0)[0] for session in (SENDER, RECEIVER)]
    receiver.receive([Run(b"".join(each(others)), len(each(others)[0]))], now=at(0), peer="p")
    given = [(event.session, event.sequence) for event in receiver.events() if isinstance(event, Message)]
    assert given == [(SENDER, 1), (SENDER, 2), (SENDER, 3), (RECEIVER, 3)]


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
    (told,) = acknowledgments(receiver.data_to_send(now=at(0)))
    assert (told.all_below, told.arrived, told.delivered) == (4, [(1, 5)], [(6, 7)] * (not ordered))
    receiver.receive([run(4, 5)], now=at(1), peer="p")
    assert given() == [4, 5] + [6, 7] * ordered
