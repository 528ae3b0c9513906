"""What an event loop drives stands on its own: nothing here waits but the test, on the descriptor that it is given."""

import select
from contextlib import ExitStack

import pytest

from tests.transport.support import LOOPBACK, PATIENCE
from udpmsg import Message, Outcome, Receiver, Sender, State, UsageError
from udpmsg.base import clock
from udpmsg.base.durations import SECOND
from udpmsg.sockets.waiting import earliest


def turn(*ends: Sender | Receiver) -> None:
    """As an event loop: wait until a descriptor can be read, or something is due, and have that done."""
    due = earliest(*(end.next_timeout() for end in ends))
    timeout = PATIENCE if due is None else min(max(due - clock.now(), 0) / SECOND, PATIENCE)
    reading: list[int] = []
    for end in ends:
        descriptor = end.waiter.fileno()
        reading += end.waiter.watched()[0] if descriptor is None else [descriptor]
    select.select(reading, [], [], timeout)
    for end in ends:
        end.work()


@pytest.fixture
def receiver(stack: ExitStack, transport: str) -> Receiver:
    receiver = Receiver(port=0, transport=transport)
    stack.callback(receiver.close, linger=0.0)
    return receiver


@pytest.fixture
def sender(stack: ExitStack, receiver: Receiver, transport: str) -> Sender:
    sender = Sender(LOOPBACK, receiver.endpoints[0].port, transport=transport, acknowledged=True)
    sender.waits = False
    stack.callback(sender.close, wait=False)
    return sender


def test_a_message_goes_there_and_its_outcome_and_a_reply_come_back(sender: Sender, receiver: Receiver) -> None:
    assert sender.has_room
    sender.send("question")
    while not receiver.something_waits:
        turn(receiver)
    (message,) = receiver.poll(0)
    assert isinstance(message, Message)
    receiver.reply(message, "answer")
    while (reply := sender.take_reply()) is None:
        turn(sender, receiver)
    assert reply.payload == b"answer"
    receiver.done(message)
    while (outcome := sender.take_outcome()) is None:
        turn(sender, receiver)
    assert (outcome.sequence, outcome.state) == (1, State.DELIVERED)
    assert sender.take_reply() is None  # so the one before is delivered
    (of_the_reply,) = receiver.poll(PATIENCE)
    assert isinstance(of_the_reply, Outcome)
    assert of_the_reply.state is State.DELIVERED


def test_work_hands_nothing_over_and_delivers_nothing(sender: Sender, receiver: Receiver) -> None:
    for number, text in enumerate(("one", "two"), 1):
        sender.send(text)
        (message,) = receiver.poll(PATIENCE)  # it delivers what came before
        assert isinstance(message, Message)
        receiver.work()
        receiver.work()
        assert receiver.statistics().messages_delivered == number - 1


def test_a_sender_that_does_not_wait_says_when_it_has_room(receiver: Receiver, sender: Sender, transport: str) -> None:
    taken = 0
    payloads = iter([bytes(60_000)] * 10_000)
    for numbers in sender.sending(payloads):
        taken += len(numbers)
        if not sender.has_room:
            break
    assert 0 < taken < 10_000
    assert len(list(payloads)) == 10_000 - taken  # what was not sent was not taken


def test_what_is_given_up_leaves_nothing_behind(receiver: Receiver, sender: Sender) -> None:
    asking = sender.asking(PATIENCE)
    next(asking)
    asking.close()
    assert sender.next_timeout() is None or not sender.unresolved
    sender.send("one")
    closing = sender.closing(wait=True, finished=True)
    next(closing)
    closing.close()
    assert not sender.closed
    assert sender.unresolved == 1
    closing = sender.closing(wait=False, finished=True)
    next(closing, None)
    closing.close()
    assert sender.closed
    (outcome,) = sender.outcomes()
    assert outcome.state is State.UNCONFIRMED
    with pytest.raises(UsageError):
        next(sender.asking(0))
