"""Any wait is one that works: a month, for ever, and the longest that a number can say. What is no time is refused."""

import math
from contextlib import ExitStack

import pytest

from tests.transport.conftest import Listening
from tests.transport.support import PATIENCE, outcomes
from tests.transport.test_waking import when_waiting
from udpmsg import Message, Receiver, Sender, State, UsageError
from udpmsg.base.durations import SECOND
from udpmsg.sockets import waiting
from udpmsg.sockets.waiting import LONGEST, LONGEST_WAIT, nanoseconds

MONTH = 720 * 3600.0
LONG = [MONTH, 1e30, math.inf, 10**400]
"""Seconds; a selector takes 2^31 milliseconds."""


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, 0),
        (0.2, 200_000_000),
        (-1, -SECOND),
        (MONTH, 720 * 3600 * SECOND),
        (1e30, LONGEST),
        (math.inf, LONGEST),
        (10**400, LONGEST),
        (-1e30, -LONGEST),
        (-math.inf, -LONGEST),
    ],
)
def test_seconds_are_nanoseconds_as_far_as_they_go(seconds: float, expected: int) -> None:
    assert nanoseconds(seconds) == expected


@pytest.mark.parametrize("seconds", LONG)
def test_a_wait_that_no_system_can_wait_at_once_is_cut(listen: Listening, stack: ExitStack, seconds: float) -> None:
    receiver = stack.enter_context(Receiver(port=0))
    sender = stack.enter_context(listen().sender())
    for end, wait in (
        (receiver, lambda: receiver.poll(seconds)),
        (receiver, lambda: [receiver.receive(seconds)]),
        (sender, lambda: sender.poll(seconds)),
        (sender, lambda: list(sender.replies(seconds))),
    ):
        thread = when_waiting(end, end.wake)
        assert wait() in ([], [None])
        thread.join()


def test_a_long_wait_goes_on_until_its_time_is_over(monkeypatch: pytest.MonkeyPatch, stack: ExitStack) -> None:
    receiver = stack.enter_context(Receiver(port=0))
    slices: list[float] = []
    now = waiting.clock.now()

    def select(timeout: float) -> list[object]:
        nonlocal now
        slices.append(timeout)
        now += int(timeout * SECOND)
        return []

    monkeypatch.setattr("udpmsg.base.clock.now", lambda: now)
    monkeypatch.setattr(receiver._waiter.selector, "select", select)
    ended = now + int(MONTH) * SECOND
    assert receiver.poll(MONTH) == []
    assert now == ended
    assert max(slices) == LONGEST_WAIT / SECOND < 2**31 / 1000
    assert len(slices) == -(-int(MONTH) * SECOND // LONGEST_WAIT)


@pytest.mark.parametrize("seconds", LONG)
def test_a_sender_may_be_as_patient_as_it_likes(listen: Listening, transport: str, seconds: float) -> None:
    listener = listen(transport, lambda message: message.payload)
    with listener.sender(acknowledged=True, deadline=seconds, min_rto=seconds, connect_timeout=seconds) as sender:
        sender.send("x")
        (outcome,) = outcomes(sender)
        assert outcome.state is State.DELIVERED
        assert next(sender.replies(seconds)).payload == b"x"
        report = sender.ask(seconds)
        assert report is not None
        assert report.delivered == 1
    listener.wait_for(Message)


@pytest.mark.parametrize("seconds", LONG)
def test_a_receiver_that_lingers_as_long_ends_when_nothing_waits(transport: str, seconds: float) -> None:
    receiver = Receiver(port=0, transport=transport)
    receiver.close(linger=seconds)
    assert receiver.poll(PATIENCE) == []


def test_what_is_no_time_is_refused(stack: ExitStack, transport: str) -> None:
    receiver = stack.enter_context(Receiver(port=0, transport=transport))
    endpoint = receiver.endpoints[0]
    sender = Sender(endpoint.host, endpoint.port, transport=transport)
    stack.callback(sender.close, wait=False)  # the receiver reads only when it is asked
    for act in (
        lambda: receiver.poll(math.nan),
        lambda: receiver.receive(math.nan),
        lambda: sender.poll(math.nan),
        lambda: next(sender.replies(math.nan)),
        lambda: sender.ask(math.nan),
        lambda: Sender(endpoint.host, endpoint.port, transport=transport, deadline=math.nan),
        lambda: Sender(endpoint.host, endpoint.port, transport=transport, min_rto=math.nan),
        lambda: Sender(endpoint.host, endpoint.port, transport="tcp", connect_timeout=math.nan),
    ):
        with pytest.raises(UsageError, match="nan is no time: give a number of seconds"):
            act()
