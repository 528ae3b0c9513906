"""Raw bytes, to and from programs that know nothing of our header."""

import socket
from contextlib import ExitStack

import pytest

from tests.transport.conftest import Listening
from tests.transport.support import LOOPBACK, PATIENCE, collect
from udpmsg import Message, MessageTooLarge, Outcome, Receiver, Sender, State, UsageError


@pytest.fixture
def stranger(stack: ExitStack) -> socket.socket:
    """A UDP socket of another program."""
    other = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    other.bind((LOOPBACK, 0))
    other.settimeout(PATIENCE)
    return other


@pytest.fixture
def server(stack: ExitStack) -> socket.socket:
    """A TCP server of another program."""
    other = stack.enter_context(socket.create_server((LOOPBACK, 0)))
    other.settimeout(PATIENCE)
    return other


def test_a_listener_answers_any_program(listen: Listening, stranger: socket.socket) -> None:
    listener = listen("udp", lambda message: message.payload.upper())
    endpoint = listener.endpoint()
    for data in (b"hello\n", b"", b"U", b"\xff\x00"):
        stranger.sendto(data, (endpoint.host, endpoint.port))
        assert stranger.recv(100) == data.upper()
    messages = listener.wait_for(Message, 4)
    assert all(message.raw and message.sequence is None and message.reply_to is None for message in messages)
    assert messages[0].peer.port == stranger.getsockname()[1]
    statistics = listener.receiver.statistics()
    assert (statistics.raw_messages, statistics.messages_delivered, statistics.malformed) == (4, 4, 0)


def test_what_looks_like_ours_and_is_not_is_counted_and_never_answered(listen: Listening, stranger: socket.socket) -> None:
    listener = listen("udp", lambda message: message.payload)
    where = listener.endpoint()[1:]
    for data in (b"UM\x01\x01", b"UM\x01\x02", b"UM\x01\x01" + bytes(60), b"UM\x01\x06" + bytes(60)):
        stranger.sendto(data, where)
    stranger.sendto(b"fence", where)
    assert stranger.recv(100) == b"fence"  # the only answer
    assert listener.receiver.statistics().malformed == 4
    assert listener.payloads(1) == [b"fence"]


def test_raw_over_udp_to_any_program(stack: ExitStack, stranger: socket.socket) -> None:
    sender = stack.enter_context(Sender(LOOPBACK, stranger.getsockname()[1], raw=True))
    assert [sender.send(b"one"), sender.send("zwö"), sender.send(b"")] == [1, 2, 3]
    came = [stranger.recvfrom(100) for _ in range(3)]
    assert [data for data, _ in came] == [b"one", "zwö".encode(), b""]
    stranger.sendto(b"UM is no header here", came[0][1])
    stranger.sendto(b"", came[0][1])
    first, second = (next(sender.replies(PATIENCE)) for _ in range(2))
    assert (first.payload, first.raw, first.reply_to, second.payload) == (b"UM is no header here", True, None, b"")
    with pytest.raises(MessageTooLarge, match="65508 bytes and the limit is 65507"):
        sender.send(bytes(65_508))
    statistics = sender.statistics()
    assert (statistics.messages_sent, statistics.payload_bytes, statistics.replies) == (3, 7, 2)
    sender.close()
    stranger.setblocking(False)
    with pytest.raises(BlockingIOError):  # and no GOODBYE
        stranger.recv(100)


def test_the_largest_raw_datagram(stack: ExitStack, stranger: socket.socket) -> None:
    sender = stack.enter_context(Sender(LOOPBACK, stranger.getsockname()[1], raw=True))
    sender.send(bytes(65_507))
    assert stranger.recv(70_000) == bytes(65_507)


def test_raw_over_tcp_is_lines(stack: ExitStack, server: socket.socket) -> None:
    sender = stack.enter_context(Sender(LOOPBACK, server.getsockname()[1], transport="tcp", raw=True))
    other, _ = server.accept()
    with other:
        sender.send_many([b"one", b"two"])
        assert other.recv(100) == b"one\ntwo\n"
        other.sendall(b"answer\r\nhalf")
        assert next(sender.replies(PATIENCE)).payload == b"answer"
        other.sendall(b" a line\n\nrest without end")
        other.close()
        assert [next(sender.replies(PATIENCE)).payload for _ in range(3)] == [b"half a line", b"", b"rest without end"]
    assert [type(event).__name__ for event in sender.poll(PATIENCE)] == ["Disconnected"]


def test_raw_to_our_own_listener(listen: Listening) -> None:
    listener = listen("udp", lambda message: message.payload[::-1])
    with listener.sender(raw=True) as sender:
        sender.send(b"abc")
        assert next(sender.replies(PATIENCE)).payload == b"cba"
    assert listener.wait_for(Message)[0].raw


def test_raw_cannot_be_acknowledged(transport: str) -> None:
    with pytest.raises(UsageError, match="raw bytes carry no header"):
        Sender(LOOPBACK, 5000, transport=transport, raw=True, acknowledged=True)


def test_a_raw_sender_whose_peer_is_gone_over_tcp(stack: ExitStack, server: socket.socket) -> None:
    sender = stack.enter_context(Sender(LOOPBACK, server.getsockname()[1], transport="tcp", raw=True))
    server.accept()[0].close()
    collect_until_disconnected = [type(event).__name__ for event in sender.poll(PATIENCE)]
    assert collect_until_disconnected == ["Disconnected"]
    sender.send(b"lost")
    (refused,) = sender.poll(0)
    assert isinstance(refused, Outcome)
    assert (refused.state, refused.reason) == (State.REFUSED, "not sent (not connected)")
    assert (sender.statistics().messages_sent, sender.statistics().messages_refused) == (0, 1)


def test_a_raw_flood_is_bounded(stack: ExitStack, stranger: socket.socket) -> None:
    """Nobody takes anything: what is kept is bounded, what is over it is counted."""
    receiver = stack.enter_context(Receiver(port=0))
    where = receiver.endpoints[0][1:]
    for _ in range(2 * receiver.limits.session_messages // 50):
        for _ in range(50):
            stranger.sendto(b"x", where)
        receiver._turn(0)  # reads, hands nothing over
    drained = len(collect(receiver, Message))
    statistics = receiver.statistics()
    assert drained <= receiver.limits.session_messages
    assert statistics.over_limit > 0
