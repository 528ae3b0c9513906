"""Full buffers, refused datagrams and dropped ones: nothing is lost uncounted, waits for itself, or turns for nothing."""

import ctypes
import errno
import json
import os
import selectors
import socket
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.transport.conftest import Listening
from tests.transport.support import LOOPBACK, PATIENCE, VirtualClock, collect, drain, goodbyes, has_ipv6, payloads
from udpmsg import Goodbye, LimitReached, Limits, Message, Outcome, Receiver, Sender, State
from udpmsg.core.events import Event

SMALLEST_BUFFER = 1
"""The kernel makes it its own minimum."""
BUFFER = 1 << 16
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what it drops")


@linux
def test_kernel_drops_are_counted_exactly(stack: ExitStack) -> None:
    """One by one. A run that finds no room is one drop for the kernel: `test_offload.py`."""
    receiver = stack.enter_context(Receiver(port=0, receive_buffer=20_000, offload=False))
    endpoint = receiver.endpoints[0]
    sender = stack.enter_context(Sender(endpoint.host, endpoint.port))
    sender.send_many([bytes(1000)] * 1000)
    delivered = len(payloads(drain(receiver)))
    drops = receiver.statistics().kernel_drops
    assert drops
    assert 0 < delivered < 1000
    assert delivered + drops == sender.statistics().messages_sent == 1000
    sender.close()
    (goodbye,) = collect(receiver, Goodbye)  # there is room for it again, so loss at the tail is known
    assert (goodbye.messages_sent, goodbye.messages_lost) == (1000, drops)
    statistics = receiver.statistics()
    assert (statistics.messages_sent, statistics.messages_delivered, statistics.messages_lost) == (1000, delivered, drops)
    receiver.close()
    assert receiver.statistics().kernel_drops == drops  # also after the socket is gone


@linux
def test_without_room_in_the_kernel_acknowledged_messages_arrive_all_the_same(stack: ExitStack, clock: VirtualClock) -> None:
    """There is room for one or two datagrams at a time: the last message may well be dropped eight times in a row."""
    receiver = stack.enter_context(Receiver(port=0, receive_buffer=SMALLEST_BUFFER))
    endpoint = receiver.endpoints[0]
    sender = stack.enter_context(Sender(endpoint.host, endpoint.port, acknowledged=True, max_transmissions=255))
    sender.send_many([b"%d" % number + bytes(1000) for number in range(100)])
    events: list[Event] = []
    given: list[bytes] = []
    for _ in range(10_000):
        given += payloads(drain(receiver))
        events += sender.poll(0.05)
        if not sender.unresolved:
            break
    assert receiver.statistics().kernel_drops
    assert Counter(event.state for event in events if isinstance(event, Outcome)) == {State.DELIVERED: 100}
    assert sorted(given) == sorted(b"%d" % number + bytes(1000) for number in range(100))
    assert sender.statistics().retransmissions


# fire-and-forget over UDP is not here: nothing holds it back, so it is lost, and that is what it promises
@pytest.mark.parametrize(("transport", "acknowledged"), [("udp", True), ("tcp", False), ("tcp", True)])
def test_both_ends_with_full_buffers_do_not_wait_for_each_other(listen: Listening, transport: str, acknowledged: bool) -> None:
    """A listener that echoes and a sender that only sends: each must read while it can't write."""
    listener = listen(transport, lambda message: message.payload, receive_buffer=BUFFER)
    count, size = (100, 100_000) if transport == "tcp" else (100, 5_000)
    with listener.sender(acknowledged=acknowledged) as sender:
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            sender._socket._socket.setsockopt(socket.SOL_SOCKET, option, BUFFER)
        sender.send_many([b"%06d" % number + bytes(size) for number in range(count)])
        replies = Counter[bytes]()
        for reply in sender.replies(PATIENCE):
            replies[reply.payload[:6]] += 1
            if len(replies) == count:
                break
    assert replies == {b"%06d" % number: 1 for number in range(count)}
    goodbyes(listener, 1)
    assert listener.receiver.statistics().messages_delivered == count


class Clogged:
    """A socket of whose kernel buffer somebody else has taken the place: so many sends fail, then they work."""

    def __init__(self, wrapped: socket.socket, failures: int, error: OSError | None = None) -> None:
        self._wrapped = wrapped
        self.failures = failures
        self._error = error or BlockingIOError(errno.EAGAIN, "full")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapped, name)

    def send(self, data: bytes) -> int:
        self._refuse()
        return self._wrapped.send(data)

    def sendto(self, data: bytes, address: object) -> int:
        self._refuse()
        return self._wrapped.sendto(data, address)  # type: ignore[arg-type]

    def sendmsg(self, *arguments: Any) -> int:
        self._refuse()
        return self._wrapped.sendmsg(*arguments)

    def _refuse(self) -> None:
        if self.failures:
            self.failures -= 1
            raise self._error


def clog(end: Any, failures: int, error: OSError | None = None) -> Clogged:
    """Put the clogged socket in the place of a sender's or receiver's own."""
    clogged = Clogged(end._socket, failures, error)
    end._selector.unregister(end._socket)
    end._socket = clogged
    end._selector.register(clogged, selectors.EVENT_READ, end._on_ready)
    return clogged


@pytest.mark.parametrize("acknowledged", [False, True])
def test_a_full_send_buffer_of_the_sender(stack: ExitStack, transport: str, acknowledged: bool) -> None:
    receiver = stack.enter_context(Receiver(port=0, transport=transport))
    endpoint = receiver.endpoints[0]
    sender = stack.enter_context(Sender(endpoint.host, endpoint.port, transport=transport, acknowledged=acknowledged))
    clogged = clog(sender._socket, 5)
    sender.send_many([b"one", b"two", b"three"])
    given: list[bytes] = []
    while len(given) < 3:
        sender.poll(0)
        given += payloads(receiver.poll(0))
    assert given == [b"one", b"two", b"three"]
    assert clogged.failures == 0
    assert sender.statistics().messages_refused == 0
    receiver.close()


def test_a_listener_that_waits_sends_on_as_soon_as_the_kernel_takes_more(stack: ExitStack, clock: VirtualClock) -> None:
    receiver = stack.enter_context(Receiver(port=0))
    endpoint = receiver.endpoints[0]
    sender = stack.enter_context(Sender(endpoint.host, endpoint.port))
    sender.send("a question that is longer than its answer")
    (message,) = collect(receiver, Message)
    clogged = clog(receiver._sockets["udp"], 20)
    receiver.reply(message, "answer")
    assert clogged.failures > 0
    assert receiver.poll(1.0) == []
    assert clogged.failures == 0
    assert next(sender.replies(1.0)).payload == b"answer"


def test_a_full_send_buffer_of_the_listener(stack: ExitStack) -> None:
    receiver = stack.enter_context(Receiver(port=0))
    endpoint = receiver.endpoints[0]
    sender = stack.enter_context(Sender(endpoint.host, endpoint.port, acknowledged=True))
    clogged = clog(receiver._sockets["udp"], 5)
    sender.send("question")
    (message,) = collect(receiver, Message)
    receiver.reply(message, "answer")
    events: list[Event] = []
    while len(events) < 2:
        receiver.poll(0)
        events += sender.poll(0)
    assert {type(event) for event in events} == {Outcome, Message}
    assert clogged.failures == 0


def test_a_sender_that_cannot_write_does_not_turn_for_nothing(stack: ExitStack, clock: VirtualClock) -> None:
    """The pace says that the next datagram is due, and the kernel takes none: it is the kernel that has to be waited for."""
    receiver = stack.enter_context(Receiver(port=0))
    endpoint = receiver.endpoints[0]
    sender = stack.enter_context(Sender(endpoint.host, endpoint.port, acknowledged=True))
    sender.send("a first sample of the round trip")
    clock.advance(0.1)
    drain(receiver)
    assert len(list(sender.outcomes())) == 1
    select = sender._waiter.selector.select
    full = True

    def never_writable(timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = select(timeout) if not full else []
        if not ready and full:
            keys = sender._waiter.selector.get_map().values()
            writing = [key for key in keys if key.events & selectors.EVENT_WRITE]
            for key in writing:
                sender._waiter.selector.modify(key.fileobj, selectors.EVENT_READ, key.data)
            ready = select(timeout)
            for key in writing:
                sender._waiter.selector.modify(key.fileobj, key.events, key.data)
        return ready

    sender._waiter.selector.select = never_writable  # type: ignore[method-assign]
    clogged = clog(sender._socket, 10**9)
    sender.send_many([bytes(1000)] * 100)
    before = clock.waits
    start = clock.time
    while clock.time - start < 2 * 10**9:
        sender.poll(1.0)
    assert clock.waits - before < 100
    full, clogged.failures = False, 0
    for _ in range(10_000):
        drain(receiver)
        sender.poll(0.01)
        if not sender.unresolved:
            break
    assert sender.statistics().messages_delivered == 101


@pytest.mark.skipif(not has_ipv6() or sys.platform != "linux", reason="needs IPv6 on Linux")
@pytest.mark.parametrize("acknowledged", [False, True])
def test_a_datagram_that_the_system_finds_too_large_is_refused(listen: Listening, acknowledged: bool) -> None:
    ipv6_dontfrag = 62  # linux/in6.h; loopback carries 65536 bytes at once, headers included
    listener = listen("udp", host="::1")
    with listener.sender(acknowledged=acknowledged, datagram_size=65_507) as sender:
        sender._socket._socket.setsockopt(socket.IPPROTO_IPV6, ipv6_dontfrag, 1)
        sender.send("before")
        sender.send(bytes(65_450))
        sender.send("after")
        events: list[Event] = []
        while not (refused := [event for event in events if isinstance(event, Outcome) and event.state is State.REFUSED]):
            events += sender.poll(PATIENCE)
    (outcome,) = refused
    assert (outcome.sequence, outcome.reason) == (2, "not sent (EMSGSIZE)")
    (goodbye,) = goodbyes(listener, 1)
    assert sorted(listener.payloads(2)) == [b"after", b"before"]
    statistics = sender.statistics()
    assert (statistics.messages_sent, statistics.messages_refused, statistics.payload_bytes) == (2, 1, 11)
    assert (goodbye.messages_sent, goodbye.messages_lost) == (2, 0)  # what was not sent is not lost


@pytest.mark.skipif(not has_ipv6() or sys.platform != "linux", reason="needs IPv6 on Linux")
def test_a_raw_datagram_that_the_system_finds_too_large_is_refused(stack: ExitStack) -> None:
    receiver = stack.enter_context(Receiver("::1", 0))
    sender = stack.enter_context(Sender("::1", receiver.endpoints[0].port, raw=True))
    sender._socket._socket.setsockopt(socket.IPPROTO_IPV6, 62, 1)
    sender.send(bytes(65_507))
    sender.send(b"small")
    (outcome,) = sender.poll(0)
    assert isinstance(outcome, Outcome)
    assert (outcome.state, outcome.reason) == (State.REFUSED, "not sent (EMSGSIZE)")
    assert [message.payload for message in collect(receiver, Message)] == [b"small"]
    assert (sender.statistics().messages_sent, sender.statistics().payload_bytes) == (1, 5)


@pytest.mark.parametrize("number", [errno.ENETUNREACH, errno.EPERM, errno.ENOBUFS])
def test_what_the_system_refuses_for_now_is_tried_again_only_if_acknowledged(
    stack: ExitStack, clock: VirtualClock, number: int
) -> None:
    receiver = stack.enter_context(Receiver(port=0))
    endpoint = receiver.endpoints[0]
    error = OSError(number, os.strerror(number))
    for acknowledged in (False, True):
        sender = stack.enter_context(Sender(endpoint.host, endpoint.port, acknowledged=acknowledged))
        clog(sender._socket, 2, error)
        sender.send("x")
        if acknowledged:
            assert [event for event in sender.poll(5.0) if isinstance(event, Outcome)] == []
            assert [message.payload for message in collect(receiver, Message)] == [b"x"]
            (outcome,) = sender.outcomes()
            assert (outcome.state, outcome.transmissions) == (State.DELIVERED, 3)
        else:
            (event,) = sender.poll(0)
            assert isinstance(event, Outcome)
            assert (event.state, event.reason) == (State.REFUSED, f"not sent ({errno.errorcode[number]})")
            assert sender.statistics().messages_sent == 0


@pytest.mark.parametrize("acknowledged", [False, True])
def test_what_the_system_refuses_until_the_deadline_is_refused(stack: ExitStack, clock: VirtualClock, acknowledged: bool) -> None:
    sender = stack.enter_context(Sender(LOOPBACK, 9, acknowledged=acknowledged))
    clog(sender._socket, 10**9, OSError(errno.ENETUNREACH, ""))
    sender.send_many([b"x"] * 100)
    events: list[Event] = []
    while len(events) < 100:
        events += sender.poll(60.0)
    assert {event.state for event in events if isinstance(event, Outcome)} == {State.REFUSED}
    assert sender.statistics().messages_sent == 0
    assert clock.waits < 400


@linux
def test_no_route(tmp_path: Path) -> None:
    """In a network namespace of its own a process has no route at all: its loopback is down."""
    answer = tmp_path / "answer"
    child = os.fork()
    if not child:
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.unshare(0x10000000 | 0x40000000):  # CLONE_NEWUSER | CLONE_NEWNET
                answer.write_text(json.dumps(["skip", os.strerror(ctypes.get_errno())]))
                os._exit(0)
            with Sender(LOOPBACK, 5000) as sender:
                for _ in range(3):
                    sender.send("x")
                told = [event.reason for event in sender.poll(0) if isinstance(event, Outcome)]
                answer.write_text(json.dumps([*told, sender.statistics().messages_sent]))
        except BaseException as error:
            answer.write_text(json.dumps([repr(error)]))
        os._exit(0)
    os.waitpid(child, 0)
    told = json.loads(answer.read_text())
    if told[0] == "skip":
        pytest.skip(f"no user namespaces here: {told[1]}")
    assert told == ["not sent (ENETUNREACH)"] * 3 + [0]


def test_a_receiver_that_has_nothing_to_do_does_not_turn(stack: ExitStack, clock: VirtualClock) -> None:
    receiver = stack.enter_context(Receiver(port=0, transport="both"))
    udp, tcp = receiver.endpoints
    senders = [stack.enter_context(Sender(end.host, end.port, transport=end.transport, acknowledged=True)) for end in (udp, tcp)]
    for sender in senders:
        sender.send("x")
    collect(receiver, Message, 2)
    for sender in senders:
        assert len(list(sender.outcomes())) == 1
    before = clock.waits
    assert receiver.poll(3600.0) == []
    for sender in senders:
        assert sender.poll(3600.0) == []
    assert clock.waits - before < 15
    receiver.close()


def test_an_unanswered_reply_is_not_waited_for_in_a_busy_loop(stack: ExitStack, clock: VirtualClock) -> None:
    receiver = stack.enter_context(Receiver(port=0))
    endpoint = receiver.endpoints[0]
    sender = stack.enter_context(Sender(endpoint.host, endpoint.port, acknowledged=True))
    sender.send("question")
    (message,) = collect(receiver, Message)
    receiver._allowances.prove(message.peer)
    receiver.reply(message, "answer")
    before, start = clock.waits, clock.time
    (outcome,) = receiver.poll(100.0)  # the sender never looks
    assert isinstance(outcome, Outcome)
    assert outcome.state is State.UNCONFIRMED
    assert (clock.time - start) / 10**9 <= 6  # who has never confirmed a reply is not waited for longer
    assert clock.waits - before < 100
    sender.close(wait=False)


def test_replies_that_nobody_confirms_do_not_take_memory_without_end(stack: ExitStack, clock: VirtualClock) -> None:
    """The peer asks and asks, and never looks at the answers."""
    receiver = stack.enter_context(Receiver(port=0, limits=Limits(total_bytes=1 << 20, session_bytes=1 << 20)))
    endpoint = receiver.endpoints[0]
    greedy, honest = (stack.enter_context(Sender(endpoint.host, endpoint.port, acknowledged=True)) for _ in range(2))
    greedy.send("question")
    (question,) = collect(receiver, Message)
    receiver._allowances.prove(question.peer)
    for _ in range(1000):
        receiver.reply(question, bytes(10_000))
    assert receiver._replies is not None
    assert 10 < receiver._replies.unresolved <= (1 << 18) // 10_000  # a quarter of what all may take
    told = [event for event in drain(receiver) if isinstance(event, LimitReached)]
    assert {(event.limit, event.peer) for event in told} == {("replies", question.peer)}
    honest.send("question")
    (question,) = collect(receiver, Message)
    receiver._allowances.prove(question.peer)
    receiver.reply(question, "answer")
    assert next(honest.replies(PATIENCE)).payload == b"answer"
    greedy.close(wait=False)
