"""Whoever waits can be woken: from another thread and from a signal handler. And closing ends everything."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.transport.support import LOOPBACK, PATIENCE, collect
from udpmsg import Message, Outcome, Receiver, Sender, State, UsageError
from udpmsg.core.sender import INITIAL_CREDIT
from udpmsg.sockets.waiting import Waiter


def when_waiting(end: Sender | Receiver, act: Callable[[], None]) -> threading.Thread:
    """A thread that acts as soon as `end` is about to wait for ever, or for long."""
    about_to_wait = threading.Event()
    selector = end._waiter.selector
    select = selector.select

    def tell_and_select(timeout: float | None = None) -> object:
        if timeout is None or timeout > 0:
            about_to_wait.set()
        return select(timeout)

    selector.select = tell_and_select  # type: ignore[method-assign, assignment]

    def run() -> None:
        assert about_to_wait.wait(PATIENCE)
        act()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.fixture
def receiver(stack: ExitStack, transport: str) -> Receiver:
    return stack.enter_context(Receiver(port=0, transport=transport))


@pytest.fixture
def sender(stack: ExitStack, receiver: Receiver, transport: str) -> Iterator[Sender]:
    endpoint = receiver.endpoints[0]
    sender = Sender(endpoint.host, endpoint.port, transport=transport, acknowledged=True)
    yield sender
    receiver.close(linger=0.0)
    sender.close(wait=False)


def test_from_another_thread(receiver: Receiver, sender: Sender) -> None:
    for end in (receiver, sender):
        thread = when_waiting(end, end.wake)
        assert end.poll(None) == []
        thread.join()


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="POSIX")
def test_from_a_signal_handler(receiver: Receiver, sender: Sender) -> None:
    for end in (receiver, sender):
        before = signal.signal(signal.SIGUSR1, lambda number, frame, end=end: end.wake())
        # without this a signal that comes between Python's last look and the wait itself is seen only after the wait
        signal.set_wakeup_fd(end.wake_fileno(), warn_on_full_buffer=False)
        try:
            thread = when_waiting(end, lambda: os.kill(os.getpid(), signal.SIGUSR1))
            assert end.poll(None) == []
            thread.join()
        finally:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGUSR1, before)


def test_before_the_wait_it_counts_for_the_next_one_and_only_once(receiver: Receiver, sender: Sender) -> None:
    for end in (receiver, sender):
        end.wake()
        end.wake()
        assert end.poll(None) == []
        thread = when_waiting(end, end.wake)  # so the next one waits again
        assert end.poll(None) == []
        thread.join()


def test_what_is_there_is_not_lost_by_a_wake(receiver: Receiver, sender: Sender) -> None:
    sender.send("x")
    receiver.wake()
    assert receiver.receive() is None
    assert [message.payload for message in collect(receiver, Message)] == [b"x"]


def test_iterating_over_a_receiver_ends(receiver: Receiver) -> None:
    thread = when_waiting(receiver, receiver.wake)
    assert list(receiver) == []
    thread.join()


def test_outcomes_and_replies_end(receiver: Receiver, sender: Sender) -> None:
    sender.send("nobody takes this")
    thread = when_waiting(sender, sender.wake)
    assert list(sender.outcomes()) == []
    thread.join()
    thread = when_waiting(sender, sender.wake)
    assert list(sender.replies(PATIENCE)) == []
    thread.join()
    assert sender.unresolved == 1


def test_send_many_ends_while_too_much_waits(receiver: Receiver, sender: Sender) -> None:
    """Nobody takes anything: it would wait until the deadline of the first."""
    thread = when_waiting(sender, sender.wake)
    sent = sender.send_many(b"x" for _ in range(100_000))
    thread.join()
    assert 256 <= len(sent) < 1000
    assert sender.unresolved == len(sent)


def test_send_returns_while_too_much_waits(receiver: Receiver, sender: Sender) -> None:
    sender.send_many([b"x"] * 256)
    while sender._core.messages_in_flight < INITIAL_CREDIT:
        sender.poll(0.001)
    while sender._core.backlog < 256:
        sender.send("x")
    thread = when_waiting(sender, sender.wake)
    number = sender.send("accepted all the same")
    thread.join()
    assert sender.unresolved == number
    assert sender.poll(None) == []  # the wake is still there for whom it was meant


def test_a_fire_and_forget_sender_whose_peer_never_reads(stack: ExitStack) -> None:
    receiver = stack.enter_context(Receiver(port=0, transport="tcp"))
    endpoint = receiver.endpoints[0]
    sender = Sender(endpoint.host, endpoint.port, transport="tcp")
    thread = when_waiting(sender, sender.wake)
    sent = sender.send_many(bytes(100_000) for _ in range(10_000))
    thread.join()
    assert 0 < len(sent) < 10_000
    waiting = len(sender._socket.waiting)
    assert 0 < waiting < 10_000_000
    receiver.close(linger=0.0)
    sender.close(wait=False)


def test_close_while_messages_are_unresolved(receiver: Receiver, sender: Sender) -> None:
    """Not waiting: each message has its outcome all the same."""
    numbers = sender.send_many([b"x"] * 100)
    receiver.close(linger=0.0)
    sender.close(wait=False)
    ended = [event for event in sender.poll() if isinstance(event, Outcome)]
    assert sorted(outcome.sequence for outcome in ended) == list(numbers)
    assert {outcome.state for outcome in ended} <= {State.UNCONFIRMED, State.REFUSED}
    assert {outcome.state for outcome in ended} >= {State.UNCONFIRMED}
    assert sender.unresolved == 0
    statistics = sender.statistics()
    assert (statistics.messages_unconfirmed or 0) + statistics.messages_refused == 100
    assert statistics.messages_sent == statistics.messages_unconfirmed


def test_close_waits_for_the_outcomes_until_it_is_woken(receiver: Receiver, sender: Sender) -> None:
    sender.send("nobody takes this")

    def give_up() -> None:
        receiver.close(linger=0.0) if sender.endpoint.transport == "tcp" else sender.wake()

    thread = when_waiting(sender, give_up)
    sender.close()
    thread.join()
    assert [event.state for event in sender.poll() if isinstance(event, Outcome)] == [State.UNCONFIRMED]


def test_a_receiver_lingers_for_its_replies(transport: str) -> None:
    """close() in one thread, the peer in another: the reply and its confirmation still pass."""
    receiver = Receiver(port=0, transport=transport)
    endpoint = receiver.endpoints[0]
    with Sender(endpoint.host, endpoint.port, transport=transport, acknowledged=True) as sender:
        sender.send("question")
        (message,) = collect(receiver, Message)
        receiver.reply(message, bytes(200_000))
        replies: list[Message] = []

        def take() -> None:
            replies.append(next(sender.replies(PATIENCE)))
            sender.poll(0)  # it is done with the reply

        thread = threading.Thread(target=take)
        thread.start()
        receiver.close(linger=PATIENCE)
        thread.join()
        assert replies[0].payload == bytes(200_000)
        assert [event.state for event in receiver.poll() if isinstance(event, Outcome)] == [State.DELIVERED]


def test_an_error_while_opening_gives_everything_back(transport: str) -> None:
    """Counted by the fixture that every test has."""
    with Receiver(port=0, transport=transport) as receiver:
        port = receiver.endpoints[0].port
        for _ in range(20):
            with pytest.raises(Exception, match="in use"):
                Receiver(port=port, transport=transport)
            with pytest.raises(UsageError):
                Sender(LOOPBACK, port, transport=transport, ordered=True)
            with pytest.raises(Exception, match="resolve"):
                Sender("a..b", port, transport=transport)


def test_one_that_an_earlier_one_of_the_same_round_has_closed_is_not_called() -> None:
    waiter = Waiter()
    pairs = [socket.socketpair() for _ in range(2)]
    called = []

    def close_the_other(place: int) -> Callable[[int, int], list[object]]:
        def on_ready(mask: int, now: int) -> list[object]:
            called.append(place)
            other = pairs[1 - place][0]
            waiter.selector.unregister(other)
            other.close()
            return []

        return on_ready

    for place, (near, far) in enumerate(pairs):
        waiter.selector.register(near, 1, close_the_other(place))
        far.send(b"x")
    assert list(waiter.wait(None)) == []
    assert len(called) == 1
    for near, far in pairs:
        near.close()
        far.close()
    waiter.close()


def test_a_thousand_wakes_do_not_block() -> None:
    waiter = Waiter()
    for _ in range(100_000):
        waiter.wake()
    assert list(waiter.wait(None)) == []
    assert waiter.woken
    assert waiter.take_woken()
    assert not waiter.take_woken()
    waiter.close()
    waiter.wake()
