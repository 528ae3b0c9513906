"""A sender asks what became of its messages, over real sockets: who answers, who does not, and what the answer says."""

import socket
import sys
import threading
from contextlib import ExitStack

import pytest

from tests.core.support import RemoteReceiver
from tests.transport.conftest import Listening
from tests.transport.support import LOOPBACK, PATIENCE, Listener, VirtualClock
from udpmsg import Goodbye, Message, Receiver, Sender, SessionReport, UsageError
from udpmsg.core.wire import Kind, decode, kind_of

COUNT = 50


@pytest.mark.parametrize("acknowledged", [False, True])
def test_what_became_of_the_messages(listen: Listening, transport: str, acknowledged: bool) -> None:
    listener = listen(transport)
    with listener.sender(acknowledged=acknowledged) as sender:
        sender.send_many([b"hello"] * COUNT)
        list(sender.outcomes())
        listener.wait_for(Message, COUNT)
        report = sender.ask(PATIENCE)
        assert report is not None
        assert (report.known, report.sent, report.delivered, report.arrived, report.highest) == (True, COUNT, COUNT, COUNT, COUNT)
        assert (report.lost, report.messages_lost, report.forgotten, report.over_limit) == ((), 0, 0, 0)
        assert report.payload_bytes == 5 * COUNT
        assert report.duration_s >= 0  # 0 where one read brought them all
        assert report.jitter_s is not None
        knows_drops = transport == "udp" and sys.platform == "linux"
        assert report.kernel_drops == (0 if knows_drops else None)
        assert sender.poll(0) == []  # an answer is no event
        assert sender.send("one more") == COUNT + 1
        list(sender.outcomes())
        listener.wait_for(Message, COUNT + 1)
        assert sender.ask(PATIENCE)[:3] == (True, COUNT + 1, COUNT + 1)  # type: ignore[index]
    (goodbye,) = listener.wait_for(Goodbye)
    assert (goodbye.messages_sent, goodbye.messages_lost) == (COUNT + 1, 0)
    assert listener.receiver.statistics().malformed == 0


def test_a_session_that_never_came_is_not_known(listen: Listening, transport: str) -> None:
    with listen(transport).sender() as sender:
        report = sender.ask(PATIENCE)
    assert report == SessionReport(False, 0, 0, 0, 0, 0, 0, 0, 0, (), None, 0, 0.0, None)
    assert report.messages_lost is None


def test_a_receiver_that_claims_what_cannot_be_is_not_believed(stack: ExitStack) -> None:
    liar = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
    liar.bind((LOOPBACK, 0))
    liar.settimeout(PATIENCE)

    def lie() -> None:
        data, where = liar.recvfrom(2000)
        while kind_of(data) != Kind.QUERY:
            data, where = liar.recvfrom(2000)
        query, huge = decode(data), 2**63
        impossible = dict.fromkeys(
            ("duplicates", "reordered", "over_limit", "payload_bytes", "duration_us", "kernel_drops"), huge
        )
        impossible["jitter_us"] = 2**32 - 2
        liar.sendto(
            RemoteReceiver().report(query.number, highest=3, arrived=3, of=query.session, **impossible),
            where,
        )

    sender = stack.enter_context(Sender(LOOPBACK, liar.getsockname()[1]))
    sender.send_many([b"hello"] * 3)
    thread = threading.Thread(target=lie)
    thread.start()
    report = sender.ask(PATIENCE)
    thread.join(PATIENCE)
    assert report == SessionReport(True, 3, 3, 3, None, None, None, 3, 0, (), None, None, None, None)
    assert report.messages_lost == 0


@pytest.mark.skipif(sys.platform != "linux", reason="no other system tells what it discarded")
def test_what_the_receivers_kernel_discarded_is_lost_and_told(stack: ExitStack) -> None:
    """The listener does not look until its small buffer has overflowed; then it has what fitted, and the kernel the rest."""
    receiver = Receiver(LOOPBACK, 0, receive_buffer=4096, offload=False)
    sender = stack.enter_context(Sender(LOOPBACK, receiver.endpoints[0].port))
    sender.send_many([b"x" * 1000] * 200)
    stack.enter_context(Listener(receiver))
    report = sender.ask(PATIENCE)
    assert report is not None
    assert report.messages_lost is not None
    assert report.kernel_drops is not None
    assert 0 < report.messages_lost <= report.kernel_drops <= report.messages_lost + 10  # a QUERY may have found no room either
    assert sum(last - first + 1 for first, last in report.lost) == report.messages_lost == 200 - report.arrived


def test_nobody_answers(clock: VirtualClock, stack: ExitStack) -> None:
    """Somebody else's program, or an older listener: the question is asked three times in five seconds."""
    silent = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    silent.bind((LOOPBACK, 0))
    silent.setblocking(False)
    sender = stack.enter_context(Sender(LOOPBACK, silent.getsockname()[1]))
    begun = clock.now()
    assert sender.ask(5.0) is None
    assert clock.now() - begun == 5 * 10**9
    asked = [silent.recv(2000) for _ in range(3)]
    assert [(kind_of(datagram), len(datagram)) for datagram in asked] == [(Kind.QUERY, 676)] * 3
    with pytest.raises(BlockingIOError):
        silent.recv(2000)
    assert sender.poll(60) == []  # and it is not asked any more
    with pytest.raises(BlockingIOError):
        silent.recv(2000)


def test_nobody_listens(clock: VirtualClock, stack: ExitStack) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind((LOOPBACK, 0))
        port = gone.getsockname()[1]
    sender = stack.enter_context(Sender(LOOPBACK, port))
    assert sender.ask(5.0) is None


def test_a_connection_that_ends_gives_no_answer(stack: ExitStack) -> None:
    server = stack.enter_context(socket.create_server((LOOPBACK, 0)))
    sender = stack.enter_context(Sender(LOOPBACK, server.getsockname()[1], transport="tcp"))
    connection, _ = server.accept()
    connection.close()
    assert sender.ask(600.0) is None  # as soon as the connection is gone


def test_wake_ends_the_wait(stack: ExitStack) -> None:
    silent = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    silent.bind((LOOPBACK, 0))
    sender = stack.enter_context(Sender(LOOPBACK, silent.getsockname()[1]))
    sender.wake()
    assert sender.ask(600.0) is None


def test_who_cannot_ask(stack: ExitStack, listen: Listening) -> None:
    port = listen().endpoint().port
    raw = stack.enter_context(Sender(LOOPBACK, port, raw=True))
    with pytest.raises(UsageError, match="raw bytes belong to no session"):
        raw.ask(1.0)
    group = stack.enter_context(Sender("239.1.2.3", port))
    with pytest.raises(UsageError, match=r"239\.1\.2\.3 reaches many receivers"):
        group.ask(1.0)
    closed = Sender(LOOPBACK, port)
    closed.close()
    with pytest.raises(UsageError, match="this sender is closed"):
        closed.ask(1.0)
