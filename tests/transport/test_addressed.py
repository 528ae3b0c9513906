"""Many datagrams leave with one system call (sendmmsg), each to its own address: the same as with a call for each."""

import ctypes
import errno
import selectors
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.conftest import needed
from tests.transport.support import LOOPBACK, PATIENCE
from udpmsg.sockets.endpoint import Endpoint, endpoint_of
from udpmsg.udp import addressed
from udpmsg.udp.addressed import MOST, Addressed
from udpmsg.udp.local_address import IP_PKTINFO, IPV4_INFO
from udpmsg.udp.offload import Ancillary
from udpmsg.udp.receiver import FEW, UdpReceiver
from udpmsg.udp.vector import vector_of


@pytest.fixture(autouse=True)
def possible(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--no-columns"):
        pytest.skip("--no-columns: it is switched off in this round")
    with socket.socket(type=socket.SOCK_DGRAM) as opened:
        if addressed.addressed(opened) is None:
            needed("sendmmsg", "Linux has it")


@pytest.fixture
def sending() -> Iterator[UdpReceiver]:
    """A listener to which many have come."""
    with selectors.DefaultSelector() as selector:
        receiver = UdpReceiver(LOOPBACK, 0, selector=selector, receive_buffer=100_000)
        receiver._vector = vector_of(100, 100)
        yield receiver
        receiver.close()


def peers(stack: ExitStack, count: int, host: str = LOOPBACK) -> tuple[list[socket.socket], list[Endpoint]]:
    """Sockets, and where they are."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = [stack.enter_context(socket.socket(family, socket.SOCK_DGRAM)) for _ in range(count)]
    for each in opened:
        each.settimeout(PATIENCE)
        each.bind((host, 0))
    return opened, [endpoint_of("udp", each.getsockname()) for each in opened]


def test_each_has_what_is_for_it_in_order(stack: ExitStack, sending: UdpReceiver) -> None:
    """More than one call takes, of any lengths."""
    opened, where = peers(stack, 7)
    sizes = [0, 1, 100, 100, 1472, 9000, 60_000]
    batch = [(bytes([turn]) * sizes[(turn * place) % 7], where[place]) for turn in range(MOST // 2) for place in range(7)]
    for begin in range(0, len(batch), 70):  # what a socket holds
        sending.write(list(batch[begin : begin + 70]), now=0)
        for place, each in enumerate(opened):
            for datagram, peer in batch[begin : begin + 70]:
                if peer == where[place]:
                    assert each.recv(65_536) == datagram
    assert sending._addressed is not None
    assert sending.failures == []
    assert not sending.waiting


def test_few_have_a_call_each(stack: ExitStack, sending: UdpReceiver) -> None:
    (opened,), (where,) = peers(stack, 1)
    sending.write([(b"one", where)] * (FEW - 1), now=0)
    assert [opened.recv(10) for _ in range(FEW - 1)] == [b"one"] * (FEW - 1)
    assert sending._addressed is None


def test_what_the_system_refuses_is_told_and_the_others_leave(stack: ExitStack, sending: UdpReceiver) -> None:
    """At the first place and later: a broadcast that was not asked for, and more than a datagram carries."""
    (opened,), (where,) = peers(stack, 1)
    broadcast = Endpoint("udp", "255.255.255.255", 9)
    batch = [(b"a", broadcast), *[(b"%d" % place, where) for place in range(FEW)], (b"b", broadcast), (bytes(70_000), where)]
    sending.write([*batch, (b"last", where)], now=0)
    assert [opened.recv(10) for _ in range(FEW + 1)] == [*(b"%d" % place for place in range(FEW)), b"last"]
    assert [(datagram[:1], reason, vain) for datagram, _, reason, vain in sending.failures] == [
        (b"a", "EACCES", False),
        (b"b", "EACCES", False),
        (b"\0", "EMSGSIZE", True),
    ]


def test_what_the_kernel_does_not_take_now_waits(stack: ExitStack, sending: UdpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    (opened,), (where,) = peers(stack, 1)
    many = sending._send_many
    answers = iter([BlockingIOError(errno.EAGAIN, "later"), None])

    def refuses_once() -> int:
        if (answer := next(answers)) is not None:
            raise answer
        return many()

    monkeypatch.setattr(sending, "_send_many", refuses_once)
    sending.write([(b"%d" % place, where) for place in range(FEW)], now=0)
    assert sending.waiting
    sending.write([], now=0)
    assert [opened.recv(10) for _ in range(FEW)] == [b"%d" % place for place in range(FEW)]


def test_an_address_of_one_link_is_left_to_the_system(stack: ExitStack) -> None:
    many = Addressed(stack.enter_context(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)))
    (opened,), (where,) = peers(stack, 1, "::1")
    scoped = Endpoint("udp", "fe80::1%1", 9)
    assert many.send([(b"a", where), (b"b", scoped), (b"c", where)], None) == 1
    assert many.send([(b"b", scoped), (b"c", where)], None) == 0
    assert opened.recv(10) == b"a"


def test_each_leaves_from_the_address_that_its_peer_knows(stack: ExitStack) -> None:
    """Neighbours of which one has none leave with two calls."""
    listening = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
    listening.bind(("0.0.0.0", 0))
    opened, where = peers(stack, 3)
    known = {where[0]: "127.0.0.2", where[1]: "127.0.0.3"}

    def source(peer: Endpoint) -> Ancillary:
        return (
            [(socket.IPPROTO_IP, IP_PKTINFO, IPV4_INFO.pack(0, socket.inet_aton(known[peer]), bytes(4)))] if peer in known else []
        )

    many = Addressed(listening)
    batch = [(b"%d" % place, peer) for place, peer in enumerate(where)]
    assert many.send(batch, source) == 2
    assert many.send(batch[2:], source) == 1
    came = [each.recvfrom(10) for each in opened]
    assert [(datagram, sockaddr[0]) for datagram, sockaddr in came] == [
        (b"0", "127.0.0.2"),
        (b"1", "127.0.0.3"),
        (b"2", LOOPBACK),
    ]


def test_addresses_without_end_are_not_all_remembered(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addressed, "NAMES_KEPT", 3)
    opened, where = peers(stack, 5)
    many = Addressed(stack.enter_context(socket.socket(type=socket.SOCK_DGRAM)))
    assert many.send([(b"%d" % place, peer) for place, peer in enumerate(where)], None) == 5
    assert [each.recv(10) for each in opened] == [b"0", b"1", b"2", b"3", b"4"]
    assert len(many._known) == 2


@pytest.mark.parametrize("missing", ["system", "function", "call"])
def test_elsewhere_each_has_a_call(stack: ExitStack, sending: UdpReceiver, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if missing == "system":
        monkeypatch.setattr(sys, "platform", "darwin")
    elif missing == "call":  # a filter of system calls forbids it, say
        sending._addressed = Addressed(sending._socket)
        monkeypatch.setattr(sending._addressed, "_send", lambda *_: -1)
        monkeypatch.setattr(sending._addressed, "_errno", lambda: errno.ENOSYS)
    else:
        monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    opened, where = peers(stack, FEW)
    for _ in range(2):
        sending.write([(b"x", peer) for peer in where], now=0)
        assert [each.recv(10) for each in opened] == [b"x"] * FEW
    assert sending._addressed is None
