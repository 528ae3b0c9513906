"""What a sender chooses of TCP: Nagle's algorithm and the kernel's congestion control."""

import socket
from contextlib import ExitStack

import pytest

from tests.transport.conftest import Listening
from tests.transport.support import LOOPBACK
from udpmsg import Sender, UsageError
from udpmsg.tcp import sender as tcp_sender

on_linux = pytest.mark.skipif(not hasattr(socket, "TCP_CONGESTION"), reason="only Linux lets a program choose")


@pytest.mark.parametrize("nagle", [False, True])
def test_nagle_is_off_unless_asked_for(listen: Listening, stack: ExitStack, nagle: bool) -> None:
    sender = stack.enter_context(listen("tcp").sender(nagle=nagle))
    without_delay = sender._socket._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert bool(without_delay) is not nagle


@on_linux
def test_a_congestion_control_of_the_user_s_choice(listen: Listening, stack: ExitStack) -> None:
    listener = listen("tcp")
    assert stack.enter_context(listener.sender(tcp_congestion="reno")).congestion == "reno"
    with socket.socket() as other:
        default = other.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0").decode()
    assert stack.enter_context(listener.sender()).congestion == default


@on_linux
@pytest.mark.parametrize("name", ["nonsense", "", "ren\0o", "x" * 100])
def test_a_congestion_control_that_is_not_there(listen: Listening, name: str) -> None:
    with pytest.raises(UsageError, match=r"choose from .*reno.*tcp_available_congestion_control"):
        listen("tcp").sender(tcp_congestion=name)


@on_linux
def test_a_congestion_control_that_is_not_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Strict(socket.socket):
        def setsockopt(self, level: int, option: int, value: int | bytes) -> None:  # type: ignore[override]
            if option == socket.TCP_CONGESTION:
                raise PermissionError(1, "Operation not permitted")
            super().setsockopt(level, option, value)

    monkeypatch.setattr(tcp_sender, "AVAILABLE", "/no/such/file")
    with Strict() as connection, pytest.raises(UsageError, match="'bbr' is not allowed here: choose from those that this kernel"):
        tcp_sender.choose_congestion(connection, "bbr")


def test_elsewhere_nobody_chooses_and_nobody_tells(listen: Listening, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp_sender.sys, "platform", "darwin")
    listener = listen("tcp")
    assert stack.enter_context(listener.sender()).congestion is None
    with pytest.raises(UsageError, match="only Linux"):
        listener.sender(tcp_congestion="reno")


@pytest.mark.parametrize("option", [{"nagle": True}, {"tcp_congestion": "reno"}])
def test_over_udp_they_mean_nothing(option: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="settings of TCP"):
        Sender(LOOPBACK, 5000, **option)  # type: ignore[arg-type]


def test_over_udp_there_is_no_congestion_control_of_the_kernel_s(stack: ExitStack) -> None:
    assert stack.enter_context(Sender(LOOPBACK, 9)).congestion is None
