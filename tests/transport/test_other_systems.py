"""What this machine cannot do: sockets that behave as on other systems stand in for them."""

import errno
import selectors
import socket
import sys
from contextlib import ExitStack
from typing import Any

import pytest

from tests.transport.support import LOOPBACK, PATIENCE, VirtualClock, collect
from udpmsg import Message, Outcome, Receiver, Sender, State, Unreachable
from udpmsg.base.durations import MILLISECOND
from udpmsg.sockets import waiting as waiting_module


class Foreign:
    """A socket whose calls can be replaced."""

    def __init__(self, wrapped: socket.socket, **calls: Any) -> None:
        self._wrapped = wrapped
        self.__dict__.update(calls)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapped, name)


def test_windows_tells_a_listener_of_a_refusal_when_it_receives(stack: ExitStack) -> None:
    """WSAECONNRESET belongs to an answer that was sent before, and must not end the listener."""
    receiver = stack.enter_context(Receiver(port=0, offload=False))
    endpoint = receiver.endpoints[0]
    sender = stack.enter_context(Sender(endpoint.host, endpoint.port))
    inner = receiver._sockets["udp"]
    resets = 3

    def recvfrom(size: int) -> tuple[bytes, Any]:
        nonlocal resets
        if resets:
            resets -= 1
            raise ConnectionResetError(errno.ECONNRESET, "An existing connection was forcibly closed by the remote host")
        return real.recvfrom(size)

    real = inner._socket
    inner._socket = Foreign(real, recvfrom=recvfrom)  # type: ignore[assignment]
    sender.send("x")
    assert [message.payload for message in collect(receiver, Message)] == [b"x"]
    assert resets == 0
    inner._socket = real  # type: ignore[assignment]


def test_windows_tells_a_sender_of_a_refusal_when_it_receives(stack: ExitStack) -> None:
    receiver = stack.enter_context(Receiver(port=0))
    endpoint = receiver.endpoints[0]
    sender = stack.enter_context(Sender(endpoint.host, endpoint.port, acknowledged=True))
    real = sender._socket._socket
    resets = 3

    def recvfrom(size: int) -> tuple[bytes, Any]:
        nonlocal resets
        if resets:
            resets -= 1
            raise ConnectionResetError(errno.ECONNRESET, "forcibly closed")
        return real.recvfrom(size)

    sender._socket._socket = Foreign(real, recvfrom=recvfrom)  # type: ignore[assignment]
    sender.send("x")
    collect(receiver, Message)
    events = []
    while not any(isinstance(event, Outcome) for event in events):
        events += sender.poll(PATIENCE)
    assert [type(event).__name__ for event in events].count("Unreachable") == 1
    assert [event.state for event in events if isinstance(event, Outcome)] == [State.DELIVERED]
    sender._socket._socket = real


def test_a_refusal_that_comes_twice_while_sending_is_told(stack: ExitStack) -> None:
    sender = stack.enter_context(Sender(LOOPBACK, 9))
    real = sender._socket._socket

    def send(data: bytes) -> int:
        raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")

    sender._socket._socket = Foreign(real, send=send)  # type: ignore[assignment]
    sender.send("x")
    first, second = sender.poll(0)
    assert {type(first), type(second)} == {Unreachable, Outcome}
    assert sender.statistics().messages_refused == 1
    sender._socket._socket = real


def test_a_router_that_found_an_earlier_datagram_too_large_fails_no_later_one(stack: ExitStack) -> None:
    """ICMP "fragmentation needed" fails the next call on the socket, once; then the kernel knows the path, and cuts up itself."""
    receiver = stack.enter_context(Receiver(port=0))
    endpoint = receiver.endpoints[0]
    sender = stack.enter_context(Sender(endpoint.host, endpoint.port))
    real = sender._socket._socket
    errors = [OSError(errno.EMSGSIZE, "Message too long")]

    def call(name: str) -> Any:
        def called(argument: Any) -> Any:
            if errors:
                raise errors.pop()
            return getattr(real, name)(argument)

        return called

    sender._socket._socket = Foreign(real, send=call("send"), recvfrom=call("recvfrom"))  # type: ignore[assignment]
    sender.send("x")
    assert [message.payload for message in collect(receiver, Message)] == [b"x"]
    assert not errors
    errors.append(OSError(errno.EMSGSIZE, "Message too long"))
    assert sender._socket._on_ready(selectors.EVENT_READ, 0) == []  # and as it may be told of while receiving
    assert not errors
    assert sender.poll(0) == []
    assert sender.statistics().messages_refused == 0
    sender._socket._socket = real


def test_a_datagram_that_is_too_large_itself_is_refused(stack: ExitStack) -> None:
    sender = stack.enter_context(Sender(LOOPBACK, 9))
    real = sender._socket._socket
    attempts = []

    def send(data: bytes) -> int:
        attempts.append(data)
        raise OSError(errno.EMSGSIZE, "Message too long")

    sender._socket._socket = Foreign(real, send=send)  # type: ignore[assignment]
    sender.send("x")
    assert sender.poll(0) == [Outcome(1, State.REFUSED, "not sent (EMSGSIZE)")]
    assert len(attempts) == 2
    sender._socket._socket = real


@pytest.mark.parametrize("answer", [OSError(errno.ENOPROTOOPT, "not available"), b"", bytes(32)])
def test_a_kernel_that_does_not_tell_its_drops(stack: ExitStack, answer: OSError | bytes) -> None:
    """SO_MEMINFO came with Linux 4.12; SK_MEMINFO_DROPS is the last of its values."""
    receiver = stack.enter_context(Receiver(port=0))
    inner = receiver._sockets["udp"]
    real = inner._socket

    def getsockopt(level: int, option: int, size: int = 0) -> Any:
        if option != 55:
            return real.getsockopt(level, option, size) if size else real.getsockopt(level, option)
        if isinstance(answer, OSError):
            raise answer
        return answer

    inner._socket = Foreign(real, getsockopt=getsockopt)  # type: ignore[assignment]
    assert receiver.statistics().kernel_drops is None
    inner._socket = real  # type: ignore[assignment]


@pytest.mark.parametrize(("tells", "waiting", "calls"), [(True, 1, 1), (True, 2, 3), (False, 1, 2), (False, 2, 3)])
def test_a_lone_datagram_is_read_with_one_call_where_the_kernel_tells_that_it_is_alone(
    stack: ExitStack, tells: bool, waiting: int, calls: int
) -> None:
    """Else there is a call more, which finds nothing. One turn takes all that waits in any case."""
    if tells and sys.platform != "linux":
        pytest.skip("only Linux tells")
    receiver = stack.enter_context(Receiver(port=0, offload=False))
    endpoint = receiver.endpoints[0]
    sender = stack.enter_context(Sender(endpoint.host, endpoint.port))
    inner = receiver._sockets["udp"]
    real, called = inner._socket, 0

    def recvfrom(size: int) -> tuple[bytes, Any]:
        nonlocal called
        called += 1
        return real.recvfrom(size)

    def getsockopt(level: int, option: int, size: int) -> bytes:
        raise OSError(errno.ENOPROTOOPT, "not available")

    inner._socket = Foreign(real, recvfrom=recvfrom, **({} if tells else {"getsockopt": getsockopt}))  # type: ignore[assignment]
    for _ in range(waiting):
        sender.send("x")
    assert [message.payload for message in collect(receiver, Message)] == [b"x"] * waiting
    assert called == calls
    inner._socket = real  # type: ignore[assignment]


def test_a_system_that_is_not_linux_does_not_tell_its_drops(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = stack.enter_context(Receiver(port=0))
    told = receiver.receive_buffer
    monkeypatch.setattr(sys, "platform", "darwin")
    assert receiver.statistics().kernel_drops is None
    buffer = receiver.receive_buffer
    monkeypatch.undo()
    assert told is not None
    if sys.platform == "linux":
        assert buffer == 2 * told  # only Linux tells the double


def test_windows_waits_in_slices_so_that_ctrl_c_comes_through(
    stack: ExitStack, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting_module, "LONGEST_WAIT", 200 * MILLISECOND)
    receiver = stack.enter_context(Receiver(port=0))
    waits: list[float | None] = []
    select = receiver._waiter.selector.select

    def note_and_select(timeout: float | None = None) -> Any:
        waits.append(timeout)
        return select(timeout)

    receiver._waiter.selector.select = note_and_select  # type: ignore[method-assign, assignment]
    start = clock.time
    assert receiver.poll(1.0) == []
    assert clock.time - start >= 10**9
    assert len(waits) in (5, 6)
    assert all(wait is not None and wait <= 0.2 for wait in waits)


def test_macos_may_refuse_options_on_a_connection_that_is_gone(stack: ExitStack) -> None:
    """Accepted, and reset by then: setsockopt says EINVAL. Reading will tell."""
    receiver = stack.enter_context(Receiver(port=0, transport="tcp"))
    endpoint = receiver.endpoints[0]
    inner = receiver._sockets["tcp"]
    real = inner._socket

    class Picky(socket.socket):
        def setsockopt(self, *arguments: Any) -> None:
            raise OSError(errno.EINVAL, "Invalid argument")

    def accept() -> tuple[socket.socket, Any]:
        accepted, peer = real.accept()
        return Picky(fileno=accepted.detach()), peer

    inner._socket = Foreign(real, accept=accept)  # type: ignore[assignment]
    sender = stack.enter_context(Sender(endpoint.host, endpoint.port, transport="tcp"))
    sender.send("x")
    assert [message.payload for message in collect(receiver, Message)] == [b"x"]
    inner._socket = real  # type: ignore[assignment]
    receiver.close()
