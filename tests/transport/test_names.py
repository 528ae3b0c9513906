"""A name with several addresses. With acknowledgments the next one is tried; without them nobody could know, and nothing is."""

import errno
import socket
from contextlib import ExitStack
from typing import Any

import pytest

from tests.transport.support import LOOPBACK, Listener, VirtualClock, has_ipv6, outcomes
from tests.transport.test_nobody_there import free_port
from udpmsg import Message, NextAddress, Outcome, Receiver, Sender, State, Unreachable
from udpmsg.sockets.endpoint import Address
from udpmsg.udp import sender as udp_sender

ELSEWHERE = "127.0.0.2"
"""An address of loopback on Linux; the name has it beside 127.0.0.1."""


@pytest.fixture
def name(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives a name these addresses."""

    def give(*hosts: str) -> str:
        def resolve(host: str, port: int, kind: int) -> list[Address]:
            families = [socket.AF_INET6 if ":" in each else socket.AF_INET for each in hosts]
            return [Address(family, (each, port)) for family, each in zip(families, hosts, strict=True)]

        monkeypatch.setattr(udp_sender, "resolve", resolve)
        return "two.example"

    return give


second = pytest.mark.parametrize(
    "host", [ELSEWHERE, pytest.param("::1", marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6"))]
)


@second
def test_where_the_first_refuses_the_next_is_tried_at_once(stack: ExitStack, name: Any, host: str) -> None:
    listener = stack.enter_context(Listener(Receiver(host, 0)))
    sender = stack.enter_context(Sender(name(LOOPBACK, host), listener.endpoint().port, acknowledged=True))
    sender.send_many([b"a", b"b"])
    assert [(outcome.state, outcome.transmissions) for outcome in outcomes(sender)] == [(State.DELIVERED, 2)] * 2
    assert sender.endpoint == listener.endpoint()
    (event,) = sender.poll(0)
    assert isinstance(event, NextAddress)
    assert (event.peer, event.former) == (listener.endpoint(), ("udp", LOOPBACK, listener.endpoint().port))
    assert event.reason == f"nobody listens on {LOOPBACK}:{listener.endpoint().port}"
    sender.send("c")  # whoever answered is kept
    assert [outcome.transmissions for outcome in outcomes(sender)] == [1]
    assert listener.payloads(3) == [b"a", b"b", b"c"]


def test_where_nothing_answers_each_address_is_tried_in_turn(stack: ExitStack, clock: VirtualClock, name: Any) -> None:
    silent = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
    silent.bind((LOOPBACK, 0))
    port = silent.getsockname()[1]
    other = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
    other.bind((ELSEWHERE, port))
    sender = stack.enter_context(Sender(name(LOOPBACK, ELSEWHERE), port, acknowledged=True, max_transmissions=3, deadline=9.0))
    sender.send("x")
    (outcome,) = outcomes(sender)
    assert (outcome.state, outcome.transmissions) == (State.UNCONFIRMED, 3)
    events = sender.poll(0)
    assert [event.peer.host for event in events] == [ELSEWHERE, LOOPBACK, ELSEWHERE][: len(events)]  # type: ignore[union-attr]
    assert len(events) >= 2
    assert {str(event.reason) for event in events[:1]} == {f"no answer from {LOOPBACK}:{port}"}  # type: ignore[union-attr]
    for each, most in ((silent, 2), (other, 2)):
        each.setblocking(False)
        assert 1 <= sum(1 for _ in iter(lambda each=each: received(each), None)) <= most


def received(opened: socket.socket) -> bytes | None:
    try:
        return opened.recv(2000)
    except BlockingIOError:
        return None


def test_where_the_system_has_no_way_to_the_first_the_next_is_tried(
    stack: ExitStack, name: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = stack.enter_context(Listener(Receiver(ELSEWHERE, 0)))

    class NoWay(socket.socket):
        def connect(self, address: tuple[str, int]) -> None:  # type: ignore[override]
            if address[0] == LOOPBACK:
                raise OSError(errno.ENETUNREACH, "no way")
            super().connect(address)

        def sendto(self, *arguments: Any) -> int:
            raise OSError(errno.ENETUNREACH, "no way")

    monkeypatch.setattr(udp_sender.socket, "socket", NoWay)
    sender = stack.enter_context(Sender(name(LOOPBACK, ELSEWHERE), listener.endpoint().port, acknowledged=True, offload=False))
    sender.send("x")
    assert [outcome.state for outcome in outcomes(sender)] == [State.DELIVERED]
    assert [event.reason for event in sender.poll(0) if isinstance(event, NextAddress)] == ["not sent (ENETUNREACH)"]


def test_an_address_of_a_family_that_is_not_here_is_left_out(
    stack: ExitStack, name: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class WithoutIpv6(socket.socket):
        def __init__(self, family: int = -1, *others: Any, **options: Any) -> None:
            if family == socket.AF_INET6:
                raise OSError(errno.EAFNOSUPPORT, "no IPv6")
            super().__init__(family, *others, **options)

    listener = stack.enter_context(Listener(Receiver(ELSEWHERE, 0)))
    monkeypatch.setattr(udp_sender.socket, "socket", WithoutIpv6)
    sender = stack.enter_context(Sender(name(LOOPBACK, "::1", ELSEWHERE), listener.endpoint().port, acknowledged=True))
    sender.send("x")
    assert [outcome.state for outcome in outcomes(sender)] == [State.DELIVERED]
    assert sender.endpoint.host == ELSEWHERE


def test_fire_and_forget_stays_at_the_first(stack: ExitStack, name: Any) -> None:
    with Receiver(ELSEWHERE, 0) as receiver:
        sender = stack.enter_context(Sender(name(LOOPBACK, ELSEWHERE), receiver.endpoints[0].port))
        for _ in range(3):
            sender.send("x")
        assert [type(event) for event in sender.poll(0)] == [Unreachable]
        assert sender.endpoint.host == LOOPBACK
        assert [event for event in receiver.poll(0) if isinstance(event, Message)] == []


def test_refusals_count_once_every_address_has_refused(stack: ExitStack, clock: VirtualClock, name: Any) -> None:
    sender = stack.enter_context(Sender(name(LOOPBACK, ELSEWHERE), free_port(), acknowledged=True, refused_for=5.0))
    began = clock.time
    sender.send_many([b"a", b"b"])
    ended = outcomes(sender)
    assert 5 * 10**9 <= clock.time - began < 9 * 10**9
    assert {outcome.reason for outcome in ended} == {"refused (ICMP) for 5 s: nobody listens there"}
    assert len(ended) == 2
    assert sender.refused


def test_one_address_that_refuses_beside_one_that_is_silent_ends_nothing(
    stack: ExitStack, clock: VirtualClock, name: Any
) -> None:
    silent = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
    silent.bind((ELSEWHERE, 0))
    port = silent.getsockname()[1]
    sender = stack.enter_context(
        Sender(name(LOOPBACK, ELSEWHERE), port, acknowledged=True, refused_for=5.0, deadline=20.0, max_transmissions=255)
    )
    began = clock.time
    sender.send("x")
    (outcome,) = outcomes(sender)
    assert clock.time - began >= 20 * 10**9
    assert isinstance(outcome, Outcome)
    assert outcome.reason == "no acknowledgment within 20 s"
    assert not sender.refused
