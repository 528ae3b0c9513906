"""Many datagrams in one system call (recvmmsg): the same messages, counts and answers as with a call for each."""

import ctypes
import select
import socket
import sys
from collections import Counter
from contextlib import ExitStack

import pytest

from tests.conftest import needed
from tests.transport.support import LOOPBACK, PATIENCE, collect, drain
from udpmsg import Goodbye, Message, Receiver, Sender
from udpmsg.core import runs, wire
from udpmsg.core.framing import each
from udpmsg.core.wire import Kind
from udpmsg.sockets.endpoint import Endpoint
from udpmsg.udp import offload, vector
from udpmsg.udp import receiver as udp_receiver

MANY = 40


@pytest.fixture(params=[True, False], ids=["together", "each by itself"])
def together(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether a call receives many."""
    if not request.param:
        monkeypatch.setattr(udp_receiver, "vector_of", lambda room, control_room: None)
    elif request.config.getoption("--no-columns"):
        pytest.skip("--no-columns: it is switched off in this round")
    elif vector.vector_of(100, 100) is None:
        needed("recvmmsg", "Linux has it")
    return bool(request.param)


def sockets(stack: ExitStack, count: int, family: socket.AddressFamily = socket.AF_INET) -> list[socket.socket]:
    return [stack.enter_context(socket.socket(family, socket.SOCK_DGRAM)) for _ in range(count)]


def uses_vector(receiver: Receiver) -> bool:
    inner = receiver._sockets["udp"]
    assert isinstance(inner, udp_receiver.UdpReceiver)
    return inner._vector is not None


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])
@pytest.mark.parametrize("acknowledged", [False, True])
def test_many_senders_in_turns(stack: ExitStack, together: bool, host: str, acknowledged: bool) -> None:
    """Each is answered where it is, and what it sent counts as its own."""
    receiver = stack.enter_context(Receiver(host, 0))
    port = receiver.endpoints[0].port
    target = "::1" if ":" in host else LOOPBACK
    senders = sockets(stack, MANY, socket.AF_INET6 if ":" in host else socket.AF_INET)
    for turn in range(1, 6):
        for place, sender in enumerate(senders):
            lowest = int(acknowledged)
            data = wire.encode(
                Kind.MESSAGE,
                session=place + 1,
                number=turn,
                sequence=turn,
                sent_at=turn,
                payload=b"%d" % place,
                lowest=lowest,
                transmission=lowest,
            )
            sender.sendto(data, (target, port))
    messages: list[Message] = []
    while len(messages) < 5 * MANY:
        messages += collect(receiver, Message)
    receiver.poll(0)
    assert uses_vector(receiver) is together
    assert (receiver._sockets["udp"]._addressed is not None) is (together and acknowledged)  # type: ignore[union-attr]
    assert [(message.sequence, message.session, message.payload) for message in messages] == [
        (turn, place + 1, b"%d" % place) for turn in range(1, 6) for place in range(MANY)
    ]
    for place, sender in enumerate(senders):
        assert {message.peer for message in messages if message.session == place + 1} == {
            Endpoint("udp", target, sender.getsockname()[1])
        }
        if acknowledged:
            told = wire.decode(sender.recv(2000))
            assert (told.kind, wire.decode_acknowledgment(told.payload).session) == (Kind.ACK, place + 1)
    statistics = receiver.statistics()
    assert (statistics.messages_delivered, statistics.messages_missing, statistics.malformed) == (5 * MANY, 0, 0)


def test_runs_lone_datagrams_and_raw_ones(stack: ExitStack, together: bool) -> None:
    """In any order, and of any lengths."""
    receiver = stack.enter_context(Receiver(port=0))
    endpoint = receiver.endpoints[0]
    first, second = (stack.enter_context(Sender(endpoint.host, endpoint.port)) for _ in range(2))
    (raw,) = sockets(stack, 1)
    expected: Counter[bytes] = Counter()
    for turn in range(12):
        batch = [bytes([turn]) * length for length in (5, 5, 5, 4, 1100, 1100, 9, 0, 0, 3000)]
        first.send_many(batch)
        second.send(b"%d" % turn)
        raw.sendto(b"raw %d" % turn, endpoint[1:])
        expected.update([*batch, b"%d" % turn, b"raw %d" % turn])
    messages: list[Message] = []
    while len(messages) < expected.total():
        messages += collect(receiver, Message)
    assert uses_vector(receiver) is together
    assert Counter(message.payload for message in messages) == expected
    for sender in (first, second):
        sender.close()
    goodbyes = [event for event in drain(receiver) if isinstance(event, Goodbye)]
    assert [(goodbye.messages_sent, goodbye.messages_lost) for goodbye in goodbyes] == [(120, 0), (12, 0)]
    assert receiver.statistics().raw_messages == 12


@pytest.mark.parametrize("counting_only", [False, True])
def test_an_overflow_is_counted_as_the_kernel_counts_it(stack: ExitStack, together: bool, counting_only: bool) -> None:
    """What many senders sent, less what the kernel dropped, is what came: none is lost between two calls."""
    receiver = stack.enter_context(Receiver(port=0, receive_buffer=100_000, counting_only=counting_only))
    endpoint = receiver.endpoints[0]
    senders = sockets(stack, MANY)
    for turn in range(1, 21):
        for place, sender in enumerate(senders):
            fields = {"session": place + 1, "number": turn, "sequence": turn, "sent_at": turn}
            sender.sendto(wire.encode(Kind.MESSAGE, payload=bytes(1000), **fields), endpoint[1:])
    drain(receiver)
    statistics = receiver.statistics()
    if sys.platform == "linux":
        assert statistics.kernel_drops
        assert statistics.messages_delivered + statistics.kernel_drops == 20 * MANY
    assert statistics.over_limit == statistics.malformed == statistics.duplicates == 0


def test_a_burst_of_runs_stays_within_what_one_session_may_have_waiting(stack: ExitStack, together: bool) -> None:
    """After many lone datagrams each receipt may be a run: as much as there is room for is read, and nothing is dropped."""
    receiver = stack.enter_context(Receiver(port=0, receive_buffer=8 << 20))
    (link,) = sockets(stack, 1)
    link.connect(receiver.endpoints[0][1:])
    whole = each(runs.encode([bytes(20)] * 4000, session=7, number=1, sequence=1, sent_at=1))
    lone = udp_receiver.FEW + 11 * vector.CALLS
    for datagram in whole[:lone]:
        link.send(datagram)
    sent = lone
    while sent < len(whole):
        run = whole[sent : sent + udp_receiver.MOST_SEGMENTS]
        try:
            link.sendmsg([b"".join(run)], offload.segments(len(run[0])))
        except (AttributeError, OSError):  # a system that takes fewer, or none
            for datagram in run:
                link.send(datagram)
        sent += len(run)
    drain(receiver)
    statistics = receiver.statistics()
    assert statistics.kernel_drops in (0, None)
    assert (statistics.over_limit, statistics.messages_delivered) == (0, len(whole))


def test_systems_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_library(*arguments: object, **options: object) -> None:
        raise OSError("there is none")

    monkeypatch.setattr(ctypes, "CDLL", no_library)
    assert vector.vector_of(100, 100) is None
    monkeypatch.setattr("sys.platform", "darwin")
    assert vector.vector_of(100, 100) is None


def test_a_failed_call_says_why(together: bool) -> None:
    if not together:
        return
    many = vector.vector_of(100, 100)
    assert many is not None
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as unconnected, pytest.raises(OSError, match="not connected"):
        many.receive(unconnected, 4)
    with socket.socket(type=socket.SOCK_DGRAM) as empty, pytest.raises(BlockingIOError):
        many.receive(empty, 4)


def test_no_more_names_are_remembered_than_there_is_room_for(
    stack: ExitStack, together: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not together:
        return
    monkeypatch.setattr(vector, "NAMES_KEPT", 3)
    many = vector.vector_of(100, 100)
    assert many is not None
    (bound, *senders) = sockets(stack, 6)
    bound.bind((LOOPBACK, 0))
    for sender in senders:
        sender.sendto(b"x", bound.getsockname())
    received: list[tuple[bytes, int, bytes]] = []
    while len(received) < len(senders):
        select.select([bound], [], [], PATIENCE)
        received += [(bytes(data), peer.port, told) for data, peer, told in many.receive(bound, 16)]
    assert sorted(received) == sorted((b"x", sender.getsockname()[1], b"") for sender in senders)
    assert len(many._known) <= 3


def test_what_comes_to_a_closed_receiver_is_not_received(stack: ExitStack, together: bool) -> None:
    """It waits for the confirmation of a reply, and takes nothing else meanwhile."""
    receiver = stack.enter_context(Receiver(LOOPBACK, 0))
    port = receiver.endpoints[0].port
    asking = Sender(LOOPBACK, port, acknowledged=True)
    stack.callback(asking.close, wait=False)
    senders = [stack.enter_context(Sender(LOOPBACK, port)) for _ in range(2)]
    for sender in (asking, *senders):
        sender.send("one")
    for message in collect(receiver, Message, 3):
        if message.acknowledged:
            receiver.reply(message, "an answer")
    assert receiver._replies is not None
    while receiver._replies._strangers.waiting:  # until its address has proved itself
        asking.poll(0)
        receiver.poll(0)
    closing = receiver.closing(linger=PATIENCE, commit=True)
    next(closing)
    for _ in range(MANY):
        for sender in senders:
            sender.send("too late")
    receiver.work()
    assert uses_vector(receiver) == together
    statistics = receiver.statistics()
    assert (statistics.messages_delivered, statistics.messages_undelivered, statistics.payload_bytes) == (3, 0, 9)
    closing.close()
