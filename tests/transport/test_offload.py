"""Runs of datagrams in one system call, over real sockets: messages and counts as one by one, and the kernel's own counts.

Whether this kernel can is asked of it; where it can't, the tests of its refusal still run.
"""

import errno
import os
import socket
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import needed
from tests.transport.support import LOOPBACK, PATIENCE, collect, drain
from udpmsg import Endpoint, Goodbye, Message, OffloadRefused, Outcome, Receiver, Sender
from udpmsg.core import runs
from udpmsg.core.framing import MOST_MESSAGES, each
from udpmsg.udp import offload

SNMP = Path("/proc/net/snmp")
SO_RXQ_OVFL = (socket.SOL_SOCKET, 40)


def can_offload() -> bool:
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        return offload.can_segment(probe) and offload.coalesce(probe)


def need_offload(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--no-offload"):
        pytest.skip("--no-offload: runs are switched off in this round")
    if not can_offload():
        needed("a kernel with UDP_SEGMENT and UDP_GRO", "Linux 5.0 or later has them")


def kernel_errors() -> int:
    """What found no room in any UDP socket of this network namespace."""
    names, values = [line.split()[1:] for line in SNMP.read_text().splitlines() if line.startswith("Udp:")]
    return dict(zip(names, map(int, values), strict=True))["RcvbufErrors"]


class Counting:
    """A socket that counts its calls and what they brought."""

    def __init__(self, wrapped: socket.socket) -> None:
        self._wrapped = wrapped
        self.sends: list[int] = []
        self.receipts: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapped, name)

    def send(self, data: bytes) -> int:
        self.sends.append(len(data))
        return self._wrapped.send(data)

    def sendmsg(self, buffers: list[bytes], *rest: Any) -> int:
        self.sends.append(sum(map(len, buffers)))
        return self._wrapped.sendmsg(buffers, *rest)

    def recvmsg(self, *sizes: int) -> Any:
        received = self._wrapped.recvmsg(*sizes)
        self.receipts.append(len(received[0]))
        return received


def test_a_run_leaves_in_one_call_and_comes_in_one(stack: ExitStack, request: pytest.FixtureRequest) -> None:
    need_offload(request)
    receiver = stack.enter_context(Receiver(port=0))
    sender = stack.enter_context(Sender(*receiver.endpoints[0][1:]))
    assert (sender.offload, receiver.offload) == (True, True)
    sending = sender._socket._socket = Counting(sender._socket._socket)  # type: ignore[assignment]
    receiving = receiver._sockets["udp"]._socket = Counting(receiver._sockets["udp"]._socket)  # type: ignore[assignment]
    sender.send("first")
    sender.send_many([b"%03d" % number for number in range(100)])
    messages = []
    while len(messages) < 101:
        messages += collect(receiver, Message)
    assert [message.payload for message in messages[1:]] == [b"%03d" % number for number in range(100)]
    assert [message.sequence for message in messages] == list(range(1, 102))
    assert sending.sends[1:] == [16 * 43, 64 * 43, 20 * 43]
    assert max(receiving.receipts) == 64 * 43
    sender._socket._socket, receiver._sockets["udp"]._socket = sending._wrapped, receiving._wrapped


@pytest.mark.parametrize("sending", [True, False])
@pytest.mark.parametrize("receiving", [True, False])
def test_any_lengths_with_and_without(stack: ExitStack, sending: bool, receiving: bool) -> None:
    receiver = stack.enter_context(Receiver(port=0, offload=receiving))
    sender = stack.enter_context(Sender(*receiver.endpoints[0][1:], offload=sending))
    lengths = [0, 0, 1, 5, 5, 5, 4, 6, 1160, 1160, 1160, 1161, 3000, 3000, 7, 0, 7] * 4
    payloads = [bytes([place % 256]) * length for place, length in enumerate(lengths)]
    sender.send_many(payloads)
    messages: list[Message] = []
    while len(messages) < len(payloads):
        messages += collect(receiver, Message)
    assert [message.payload for message in messages] == payloads
    assert not any(message.reordered for message in messages)
    sender.close()
    (goodbye,) = collect(receiver, Goodbye)
    assert (goodbye.messages_sent, goodbye.messages_lost) == (len(payloads), 0)


@pytest.mark.parametrize("offloaded", [True, False])
def test_raw_datagrams_too(stack: ExitStack, offloaded: bool) -> None:
    receiver = stack.enter_context(Receiver(port=0, offload=offloaded))
    sender = stack.enter_context(Sender(*receiver.endpoints[0][1:], raw=True, offload=offloaded))
    payloads = [b"same", b"size", b"", b"more", b"les", b"x"]
    sender.send_many(payloads)
    messages: list[Message] = []
    while len(messages) < len(payloads):
        messages += collect(receiver, Message)
    assert [message.payload for message in messages] == payloads
    assert all(message.raw for message in messages)


@pytest.mark.parametrize("offloaded", [True, False])
def test_an_overflow_is_counted_as_the_kernel_counts_it(
    stack: ExitStack, request: pytest.FixtureRequest, offloaded: bool
) -> None:
    """A listener that does not look has a full buffer. Lost is what never came of what was sent; dropped is what the kernel says,
    on the socket, of the socket (SO_RXQ_OVFL) and of the machine. One by one they are equal; a run without room is one drop."""
    if sys.platform != "linux":
        pytest.skip("only Linux tells what it drops")
    if offloaded:
        need_offload(request)
    receiver = stack.enter_context(Receiver(port=0, receive_buffer=300_000, offload=offloaded))
    end = receiver._sockets["udp"]
    end._socket.setsockopt(*SO_RXQ_OVFL, 1)
    sender = stack.enter_context(Sender(*receiver.endpoints[0][1:]))
    before = kernel_errors()
    sender.send_many([bytes(1000)] * 5000)
    dropped_of_machine = kernel_errors() - before
    delivered = [message.sequence for message in drain(receiver) if isinstance(message, Message)]
    drops = receiver.statistics().kernel_drops
    assert drops == dropped_of_machine > 0
    assert drops == told_by_the_socket(end._socket, receiver.endpoints[0])
    sender.close()
    (goodbye,) = collect(receiver, Goodbye)
    lost = 5000 - len(delivered)
    assert (goodbye.messages_sent, goodbye.messages_lost) == (5000, lost)
    assert receiver.statistics().messages_lost == lost
    assert lost == drops if not offloaded else drops < lost <= drops * MOST_MESSAGES


def told_by_the_socket(opened: socket.socket, endpoint: Endpoint) -> int:
    """What the kernel tells with the next datagram that it has dropped before."""
    with socket.socket(type=socket.SOCK_DGRAM) as other:
        other.sendto(b"the next", endpoint[1:])
    opened.settimeout(PATIENCE)
    try:
        _, ancillary, _, _ = opened.recvmsg(100, 100)
    finally:
        opened.setblocking(False)
    (told,) = [int.from_bytes(value, sys.byteorder) for level, kind, value in ancillary if (level, kind) == SO_RXQ_OVFL]
    return told


@pytest.mark.parametrize("acknowledged", [False, True])
@pytest.mark.parametrize("offloaded", [True, False])
def test_faults_in_the_middle_of_a_run(stack: ExitStack, offloaded: bool, acknowledged: bool) -> None:
    """Message 5 is missing, 7 comes twice, 11 and 12 have changed places; all in what was one call."""
    receiver = stack.enter_context(Receiver(port=0, offload=offloaded))
    whole = each(runs.encode([b"x"] * 40, session=1, number=1, sequence=1, sent_at=1, lowest=int(acknowledged)))
    order = [*range(1, 5), 6, 7, 7, 8, 9, 10, 12, 11, *range(13, 41)]
    disturbed = [whole[number - 1] for number in order]
    link = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
    link.connect(receiver.endpoints[0][1:])
    if offload.can_segment(link):
        link.sendmsg([b"".join(disturbed)], offload.segments(len(whole[0])))
    else:
        for datagram in disturbed:
            link.send(datagram)
    messages: list[Message] = []
    while len(messages) < 39:
        messages += collect(receiver, Message)
    assert [message.sequence for message in messages] == [number for place, number in enumerate(order) if place != 6]
    assert [message.sequence for message in messages if message.reordered] == [11]
    statistics = receiver.statistics()
    assert (statistics.messages_delivered, statistics.messages_missing) == (39, 1)
    assert (statistics.duplicates, statistics.reordered) == (1, 1)


class Refusing(Counting):
    """A kernel, or a device, that takes single datagrams alone."""

    def __init__(self, wrapped: socket.socket, number: int) -> None:
        super().__init__(wrapped)
        self._number = number

    def sendmsg(self, buffers: list[bytes], ancillary: offload.Ancillary, *rest: Any) -> int:
        if ancillary:
            raise OSError(self._number, os.strerror(self._number))
        return super().sendmsg(buffers, ancillary, *rest)


@pytest.mark.parametrize("number", offload.REFUSALS)
def test_a_kernel_that_refuses_a_run_gets_each_by_itself(stack: ExitStack, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(offload, "can_segment", lambda opened: True)
    receiver = stack.enter_context(Receiver(port=0))
    sender = stack.enter_context(Sender(*receiver.endpoints[0][1:]))
    assert sender.offload
    real = sender._socket._socket
    sender._socket._socket = refusing = Refusing(real, number)  # type: ignore[assignment]
    try:
        sender.send_many([b"%02d" % number for number in range(30)])
        sender.send_many([b"%02d" % number for number in range(30, 50)])
    finally:
        sender._socket._socket = real
    assert sender.poll(0) == [OffloadRefused(sender.endpoint, os.strerror(number))]  # said once
    assert sender.offload is False
    assert len(refusing.sends) == 50
    messages: list[Message] = []
    while len(messages) < 50:
        messages += collect(receiver, Message)
    assert [message.payload for message in messages] == [b"%02d" % number for number in range(50)]
    assert sender.statistics().messages_refused == 0


def test_what_is_no_refusal_of_runs_refuses_the_messages(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offload, "can_segment", lambda opened: True)
    sender = stack.enter_context(Sender(LOOPBACK, 9))
    real = sender._socket._socket
    sender._socket._socket = Refusing(real, errno.EPERM)  # type: ignore[assignment]
    try:
        sender.send_many([b"x"] * 16)
    finally:
        sender._socket._socket = real
    outcomes = sender.poll(0)
    assert [(outcome.sequence, outcome.reason) for outcome in outcomes if isinstance(outcome, Outcome)] == [
        (sequence, "not sent (EPERM)") for sequence in range(1, 17)
    ]
    assert sender.offload


def test_switched_off_or_not_there(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = stack.enter_context(Receiver(port=0, transport="both", offload=False))
    endpoint = receiver.endpoints[0]
    assert receiver.offload is False
    assert stack.enter_context(Sender(endpoint.host, endpoint.port, offload=False)).offload is False
    over_tcp = stack.enter_context(Sender(endpoint.host, endpoint.port, transport="tcp"))
    assert over_tcp.offload is None
    assert stack.enter_context(Receiver(port=0, transport="tcp")).offload is None
    monkeypatch.setattr("sys.platform", "darwin")
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        assert not offload.can_segment(probe)
        assert not offload.coalesce(probe)


def test_a_linux_that_does_not_know_the_options_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offload, "UDP_SEGMENT", 250)
    monkeypatch.setattr(offload, "UDP_GRO", 251)
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        assert not offload.can_segment(probe)
        assert not offload.coalesce(probe)
