"""Nobody listens, or somebody stops and starts again. Where time has to pass it is virtual."""

import errno
import socket
from collections import Counter
from contextlib import ExitStack

import pytest

from tests.transport.support import LOOPBACK, PATIENCE, VirtualClock, collect, connect, drain, payloads, reset
from udpmsg import (
    CannotConnect,
    Disconnected,
    Message,
    Outcome,
    PeerRestarted,
    Receiver,
    Sender,
    State,
    Unreachable,
)
from udpmsg.core.events import Event


def free_port(stack: ExitStack | None = None) -> int:
    """A port on which nobody listens over UDP nor TCP (until another process takes it, which is not to be expected)."""
    with Receiver(port=0, transport="both") as receiver:
        return receiver.endpoints[0].port


def test_fire_and_forget_to_nobody_goes_on(stack: ExitStack) -> None:
    sender = stack.enter_context(Sender(LOOPBACK, free_port()))
    for number in range(1, 21):
        assert sender.send("anybody?") == number
    events = sender.poll(0)
    assert {type(event) for event in events} == {Unreachable}
    assert events[0].peer == sender.endpoint  # type: ignore[union-attr]
    assert events[0].reason == "Connection refused"  # type: ignore[union-attr]
    assert len(events) == 1  # twenty times the same says no more
    assert sender.statistics().messages_sent == 20
    assert sender.statistics().messages_refused == 0


def test_a_listener_that_starts_later_gets_what_is_sent_from_then_on(stack: ExitStack) -> None:
    port = free_port()
    sender = stack.enter_context(Sender(LOOPBACK, port))
    sender.send("too early")
    receiver = stack.enter_context(Receiver(port=port))
    sender.send("just right")  # though the refusal of the one before is told by failing this one
    assert [message.payload for message in collect(receiver, Message)] == [b"just right"]


def test_an_acknowledged_message_is_not_given_up_because_nobody_is_there_yet(stack: ExitStack, clock: VirtualClock) -> None:
    port = free_port()
    sender = stack.enter_context(Sender(LOOPBACK, port, acknowledged=True))
    sender.send_many([b"%d" % number for number in range(40)])
    events: list[Event] = []
    start = clock.time
    while clock.time - start < 5 * 10**9:
        events += sender.poll(1.0)
    assert {type(event) for event in events} == {Unreachable}
    assert sender.unresolved == 40
    receiver = stack.enter_context(Receiver(port=port))
    messages = meet(sender, receiver, events)
    assert sorted(messages) == sorted(b"%d" % number for number in range(40))
    assert Counter(event.state for event in events if isinstance(event, Outcome)) == {State.DELIVERED: 40}


def test_an_acknowledged_message_to_nobody_ends_in_time(stack: ExitStack, clock: VirtualClock) -> None:
    sender = stack.enter_context(Sender(LOOPBACK, free_port(), acknowledged=True, deadline=20.0))
    sender.send_many([b"x"] * 30)
    start = clock.time
    ended = list(sender.outcomes())
    assert 19 * 10**9 < clock.time - start <= 20 * 10**9 + 1
    assert len(ended) == 30
    assert {outcome.state for outcome in ended} <= {State.UNCONFIRMED, State.REFUSED}
    assert all(outcome.reason for outcome in ended)
    assert clock.waits < 200, "a loop that turns far more often than there is something to do"
    statistics = sender.statistics()
    assert (statistics.messages_unconfirmed or 0) + statistics.messages_refused == 30
    assert statistics.messages_sent == statistics.messages_unconfirmed


def test_over_tcp_nobody_is_an_error_at_once() -> None:
    port = free_port()
    with pytest.raises(
        CannotConnect, match=rf"cannot connect over TCP \(127.0.0.1:{port}: .*refused\): start a listener there first"
    ):
        Sender(LOOPBACK, port, transport="tcp")


def test_over_tcp_nobody_who_answers_is_an_error_in_time(stack: ExitStack) -> None:
    """A listening socket whose backlog is full leaves the next handshake unanswered."""
    full = stack.enter_context(socket.socket())
    full.bind((LOOPBACK, 0))
    full.listen(0)
    port = full.getsockname()[1]
    for _ in range(4):
        waiting = stack.enter_context(socket.socket())
        waiting.setblocking(False)
        waiting.connect_ex((LOOPBACK, port))
    with pytest.raises(CannotConnect, match=f"127.0.0.1:{port} did not answer within 0.05 s"):
        Sender(LOOPBACK, port, transport="tcp", connect_timeout=0.05)
    for least in (0, -1):
        with pytest.raises(CannotConnect, match=f"127.0.0.1:{port} did not answer within {least} s"):
            Sender(LOOPBACK, port, transport="tcp", connect_timeout=least)


def test_a_kernel_that_gives_up_before_us_is_not_told_as_our_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def gives_up(*_: object) -> None:
        raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")

    monkeypatch.setattr(socket.socket, "connect", gives_up)
    with pytest.raises(CannotConnect, match=r"\(127.0.0.1:9: Connection timed out\)"):
        Sender(LOOPBACK, 9, transport="tcp", connect_timeout=3600)


def meet(sender: Sender, receiver: Receiver, events: list[Event]) -> list[bytes]:
    """Let both sides run until every message has ended; what the receiver was given."""
    messages: list[bytes] = []
    for _ in range(10_000):
        messages += payloads(drain(receiver))
        events += sender.poll(0.01)
        if not sender.unresolved:
            return messages
    raise AssertionError(f"{sender.unresolved} messages never ended")


@pytest.mark.parametrize("handed_over", [0, 5, 40])
def test_a_listener_that_restarts_midway(stack: ExitStack, clock: VirtualClock, handed_over: int) -> None:
    """What the first one's application had is DELIVERED, what it never had is sent again; nothing is DELIVERED by mistake."""
    first = Receiver(port=0)
    port = first.endpoints[0].port
    sender = stack.enter_context(Sender(LOOPBACK, port, acknowledged=True))
    sender.send_many([b"%d" % number for number in range(1, 101)])
    given = payloads(first.poll(1.0, limit=handed_over)) if handed_over else []
    first._turn(0)  # more has arrived, and is acknowledged as arrived, but never handed over
    events = sender.poll(0.1)
    first.close(linger=0.0)
    second = stack.enter_context(Receiver(port=port))
    given_later = meet(sender, second, events)
    assert len(set(given)) == len(given)
    assert len(set(given_later)) == len(given_later)  # once in that receiver's life
    ended = [event for event in events if isinstance(event, Outcome)]
    assert sorted(outcome.sequence for outcome in ended) == list(range(1, 101))
    for outcome in ended:
        delivered = b"%d" % outcome.sequence in {*given, *given_later}
        assert delivered or outcome.state is not State.DELIVERED
    assert all(outcome.state is State.DELIVERED for outcome in ended)
    restarts = [event for event in events if isinstance(event, PeerRestarted)]
    assert len(restarts) == (1 if any(isinstance(event, Outcome) for event in events) and first.statistics().sessions else 0)


def test_a_listener_that_restarts_again_and_again(stack: ExitStack, clock: VirtualClock) -> None:
    port = free_port()
    sender = stack.enter_context(Sender(LOOPBACK, port, acknowledged=True))
    sender.send_many([b"%d" % number for number in range(1, 201)])
    events: list[Event] = []
    given: set[bytes] = set()
    for life in range(1, 6):
        with Receiver(port=port) as receiver:
            for _ in range(3):
                came = payloads(receiver.poll(0.3, limit=5 * life))
                given.update(came)
                events += sender.poll(0.3)
    receiver = stack.enter_context(Receiver(port=port))
    given.update(meet(sender, receiver, events))
    ended = {event.sequence: event.state for event in events if isinstance(event, Outcome)}
    assert sorted(ended) == list(range(1, 201))
    for sequence, state in ended.items():
        assert state is not State.DELIVERED or b"%d" % sequence in given
    assert any(isinstance(event, PeerRestarted) for event in events)


def test_over_tcp_a_listener_that_ends_leaves_no_message_open(stack: ExitStack) -> None:
    receiver = Receiver(port=0, transport="tcp")
    port = receiver.endpoints[0].port
    sender = stack.enter_context(Sender(LOOPBACK, port, transport="tcp", acknowledged=True))
    sender.send_many([b"%d" % number for number in range(1, 101)])
    given = payloads(receiver.poll(PATIENCE, limit=10))
    receiver.close()
    events: list[Event] = []
    while not any(isinstance(event, Disconnected) for event in events):
        events += sender.poll(PATIENCE)
    ended = {event.sequence: event for event in events if isinstance(event, Outcome)}
    assert len(ended) == 100
    assert sender.unresolved == 0
    delivered = {b"%d" % sequence for sequence, outcome in ended.items() if outcome.state is State.DELIVERED}
    assert delivered <= set(given)
    assert all(
        "the connection ended" in (outcome.reason or "") for outcome in ended.values() if outcome.state is not State.DELIVERED
    )
    # whatever is sent from now on is refused, all of it, and at once
    sender.send_many([b"x"] * 100)
    assert [event.state for event in sender.poll(0) if isinstance(event, Outcome)] == [State.REFUSED] * 100
    second = stack.enter_context(Receiver(port=port, transport="tcp"))  # the port is not blocked by the old connections
    again = stack.enter_context(Sender(LOOPBACK, port, transport="tcp"))
    again.send("back")
    assert collect(second, Message)[0].payload == b"back"
    second.close()


def test_a_sender_that_restarts_on_the_same_port(stack: ExitStack, transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions are known by their number, not by their address: the second one's message 1 is no duplicate."""

    class Bound(socket.socket):
        port = 0

        def connect(self, address: tuple[str, int]) -> None:  # type: ignore[override]
            self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.bind((LOOPBACK, Bound.port))
            super().connect(address)
            Bound.port = self.getsockname()[1]

    receiver = stack.enter_context(Receiver(port=0, transport=transport))
    endpoint = receiver.endpoints[0]
    monkeypatch.setattr(f"udpmsg.{transport}.sender.socket.socket", Bound)
    messages: list[Message] = []
    for life in range(3):
        sender = Sender(endpoint.host, endpoint.port, transport=transport, acknowledged=True)
        sender.send(f"life {life}")
        messages += collect(receiver, Message)
        assert [outcome.state for outcome in sender.outcomes()] == [State.DELIVERED]
        if transport == "tcp":
            sender._socket._selector.unregister(sender._socket._socket)
            reset(sender._socket._socket)  # killed: no goodbye, and no TIME_WAIT
            sender._socket._connected = False
            collect(receiver, Disconnected)
        sender.close(wait=False)
    assert [message.payload for message in messages] == [b"life 0", b"life 1", b"life 2"]
    assert len({message.peer for message in messages}) == 1
    assert {message.sequence for message in messages} == {1}
    assert receiver.statistics().sessions == 3
    assert receiver.statistics().duplicates == 0


def test_a_reply_to_whom_is_gone_is_refused(stack: ExitStack) -> None:
    receiver = stack.enter_context(Receiver(port=0, transport="tcp"))
    endpoint = receiver.endpoints[0]
    sender = Sender(endpoint.host, endpoint.port, transport="tcp")
    sender.send("question")
    (message,) = collect(receiver, Message)
    reset(sender._socket._socket)
    sender._socket._connected = False
    sender.close(wait=False)
    collect(receiver, Disconnected)
    receiver.reply(message, "answer")
    (outcome,) = collect(receiver, Outcome)
    assert (outcome.state, outcome.reason) == (State.REFUSED, "not sent (the connection is closed)")


def test_a_stranger_who_connects_and_says_nothing_is_nobody(stack: ExitStack) -> None:
    receiver = stack.enter_context(Receiver(port=0, transport="tcp"))
    connect(receiver.endpoints[0]).close()
    assert [event.reason for event in collect(receiver, Disconnected)] == ["end of stream"]
    assert receiver.statistics().sessions == 0
