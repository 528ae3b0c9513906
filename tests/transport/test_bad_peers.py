"""TCP peers that mean harm or are broken: dropped in time, told and counted, and the others do not notice."""

import errno
import resource
import socket
import struct
import sys
from contextlib import ExitStack, suppress

import pytest

from tests.transport.conftest import Listening
from tests.transport.support import LOOPBACK, PATIENCE, Listener, VirtualClock, collect, connect, hello, reset
from udpmsg import Disconnected, LimitReached, Limits, Malformed, Message, Outcome, Receiver, Sender, State
from udpmsg.core.events import Event
from udpmsg.core.framing import each, frame
from udpmsg.sockets.listening import within_descriptors
from udpmsg.tcp.receiver import ROUND, SHORTEST_TURN

HTTP = b"GET / HTTP/1.1\r\nHost: example\r\n\r\n"


def is_closed(peer: socket.socket) -> bool:
    """Whether the listener has closed this connection; waits for it."""
    try:
        return peer.recv(100) == b""
    except ConnectionResetError:
        return True


def still_serves(listener: Listener, transport: str = "tcp") -> bool:
    """Whether an honest sender that comes now is served."""
    with listener.sender(transport, acknowledged=True) as sender:
        sender.send("still there?")
        return [outcome.state for outcome in sender.outcomes()] == [State.DELIVERED]


@pytest.mark.parametrize(
    "data", [b"\xff\xff\xff\xff", HTTP, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", struct.pack(">I", 1 << 24)]
)
def test_what_is_no_stream_of_ours_is_closed_at_once(listen: Listening, stack: ExitStack, data: bytes) -> None:
    listener = listen("tcp")
    honest = stack.enter_context(listener.sender(acknowledged=True))
    honest.send("before")
    peer = stack.enter_context(connect(listener.endpoint()))
    peer.sendall(data)
    assert is_closed(peer)
    (malformed,) = listener.wait_for(Malformed)
    (disconnected,) = listener.wait_for(Disconnected)
    assert malformed.peer == disconnected.peer
    assert "does not speak udpmsg" in disconnected.reason
    assert listener.receiver.statistics().malformed == 1
    honest.send("after")
    assert [outcome.state for outcome in honest.outcomes()] == [State.DELIVERED] * 2
    assert still_serves(listener)


@pytest.mark.parametrize("data", [b"", b"x", b"UM", bytes(40), b"UM\x01\x01" + bytes(60), b"UM\x07\x01" + bytes(60)])
def test_the_first_frame_that_is_no_message_closes_the_connection(listen: Listening, stack: ExitStack, data: bytes) -> None:
    """It is counted and told once, whatever comes behind it, and never answered; what came before it is delivered."""
    listener = listen("tcp")
    honest = stack.enter_context(listener.sender(acknowledged=True))
    honest.send("before")
    peer = stack.enter_context(connect(listener.endpoint()))
    peer.sendall(hello(7) + frame(data) * 300 + hello(7, 2))
    assert is_closed(peer)
    (disconnected,) = listener.wait_for(Disconnected)
    (malformed,) = listener.wait_for(Malformed)
    assert malformed.peer == disconnected.peer
    assert "does not speak udpmsg" in disconnected.reason
    assert listener.receiver.statistics().malformed == 1
    honest.send("after")
    assert [outcome.state for outcome in honest.outcomes()] == [State.DELIVERED] * 2
    assert sorted(listener.payloads(3)) == [b"?", b"after", b"before"]
    assert len(listener.of(Malformed)) == 1


def test_a_run_that_means_nothing_in_its_session_is_told_once_too(listen: Listening, stack: ExitStack) -> None:
    """Each frame is well-formed, and the session began with acknowledgments."""
    listener = listen("tcp")
    sender = stack.enter_context(listener.sender(acknowledged=True))
    sender.send("acknowledged")
    session = listener.wait_for(Message)[0].session
    peer = stack.enter_context(connect(listener.endpoint()))
    peer.sendall(b"".join(hello(session, number) for number in range(2, 60)))
    assert is_closed(peer)
    listener.wait_for(Disconnected)
    assert len(listener.of(Malformed)) == 1
    assert listener.receiver.statistics().malformed == 1


def test_one_byte_a_second_is_closed_at_a_deadline(stack: ExitStack, clock: VirtualClock) -> None:
    receiver = stack.enter_context(Receiver(port=0, transport="tcp"))
    slow, honest = (stack.enter_context(connect(receiver.endpoints[0])) for _ in range(2))
    header = struct.pack(">I", 1000)
    start = clock.time
    events: list[Event] = []
    for byte in header + bytes(1000):
        try:
            slow.sendall(bytes([byte]))
        except OSError:
            break
        events += receiver.poll(1.0)
        if events:
            break
    (disconnected,) = events
    assert isinstance(disconnected, Disconnected)
    assert disconnected.peer.port == slow.getsockname()[1]  # type: ignore[union-attr]
    assert "unfinished frame" in disconnected.reason
    assert 10 <= (clock.time - start) / 10**9 <= 12
    assert is_closed(slow)
    honest.sendall(hello(7))
    collect(receiver, Message)  # whoever was silent, with nothing unfinished, is still there


def test_an_application_that_was_away_does_not_blame_the_peer(stack: ExitStack, clock: VirtualClock) -> None:
    """Half a frame was there when the application went to sleep for a minute, the rest came meanwhile."""
    receiver = stack.enter_context(Receiver(port=0, transport="tcp"))
    endpoint = receiver.endpoints[0]
    with Sender(endpoint.host, endpoint.port, transport="tcp") as sender:
        stream = sender._socket._socket
        sender._core.send([b"x" * 10_000], now=clock.time)
        (message,) = each(sender._core.data_to_send(now=clock.time))
        data = frame(message)
        stream.sendall(data[:100])
        assert receiver.poll(0.1) == []
        clock.advance(60)
        stream.sendall(data[100:])
        assert [message.payload for message in collect(receiver, Message)] == [b"x" * 10_000]
        receiver.close()


def replies_waiting(receiver: Receiver) -> bool:
    return any(socket.waiting for socket in receiver._sockets.values())


def fill(receiver: Receiver, message: Message) -> int:
    """Answer until the kernel takes no more; how many answers that took."""
    for number in range(1, 10_000):
        receiver.reply(message, bytes(10_000))
        if replies_waiting(receiver):
            return number
    raise AssertionError("the kernel takes everything")


def test_a_peer_that_never_reads_is_closed_at_a_deadline(stack: ExitStack, clock: VirtualClock) -> None:
    receiver = stack.enter_context(Receiver(port=0, transport="tcp"))
    endpoint = receiver.endpoints[0]
    greedy = stack.enter_context(Sender(endpoint.host, endpoint.port, transport="tcp"))
    greedy.send("answer me")
    (message,) = collect(receiver, Message)
    fill(receiver, message)
    honest = stack.enter_context(connect(endpoint))
    honest.sendall(hello(7))
    collect(receiver, Message)
    start = clock.time
    (disconnected,) = collect(receiver, Disconnected)
    assert disconnected.peer == message.peer
    assert disconnected.reason == "read nothing for 10 s"
    assert 9 <= (clock.time - start) / 10**9 <= 11
    honest.sendall(hello(7, 2))
    collect(receiver, Message)
    assert not replies_waiting(receiver)


def test_a_peer_that_reads_again_is_kept(stack: ExitStack, clock: VirtualClock) -> None:
    receiver = stack.enter_context(Receiver(port=0, transport="tcp"))
    endpoint = receiver.endpoints[0]
    sender = stack.enter_context(Sender(endpoint.host, endpoint.port, transport="tcp"))
    sender.send("answer me")
    (message,) = collect(receiver, Message)
    answers = fill(receiver, message)
    clock.advance(100)  # the application is away, and meanwhile nobody takes anything
    replies = 0
    for _ in range(1000):
        assert not receiver.poll(0.001)
        replies += len([event for event in sender.poll(0.001) if isinstance(event, Message)])
        if replies == answers:
            break
    assert replies == answers
    receiver.close()


def test_one_that_never_reads_does_not_keep_memory_growing(stack: ExitStack, clock: VirtualClock) -> None:
    """While more than a limit waits for a peer, nothing is read from it."""
    receiver = stack.enter_context(Receiver(port=0, transport="tcp"))
    endpoint = receiver.endpoints[0]
    sender = stack.enter_context(Sender(endpoint.host, endpoint.port, transport="tcp"))
    sender.send("answer me")
    (message,) = collect(receiver, Message)
    while receiver._sockets["tcp"]._connections[message.peer].mask == 1 | 2 or not replies_waiting(receiver):  # type: ignore[union-attr, index]
        receiver.reply(message, bytes(100_000))
    sender._core.send([b"more"], now=clock.time)
    sender._socket.write(sender._core.data_to_send(now=clock.time))  # type: ignore[arg-type]
    assert receiver.poll(1.0) == []  # it is not read
    assert drain_replies(sender, receiver) > 1
    assert [message.payload for message in collect(receiver, Message)] == [b"more"]
    receiver.close()


def drain_replies(sender: Sender, receiver: Receiver) -> int:
    """Read until nothing waits any more."""
    replies = 0
    while replies_waiting(receiver):
        replies += len(sender.poll(0.001))
        receiver._turn(0)
    return replies


@pytest.mark.parametrize("when", ["before the first byte", "within a frame", "with an answer on its way"])
def test_a_peer_that_resets(stack: ExitStack, when: str) -> None:
    receiver = stack.enter_context(Receiver(port=0, transport="tcp"))
    endpoint = receiver.endpoints[0]
    if when == "with an answer on its way":
        sender = Sender(endpoint.host, endpoint.port, transport="tcp")
        sender.send("answer me")
        (message,) = collect(receiver, Message)
        fill(receiver, message)
        reset(sender._socket._socket)
        sender._socket._connected = False
        sender.close(wait=False)
    else:
        peer = connect(endpoint)
        if when == "within a frame":
            peer.sendall(b"\0\0")
            receiver.poll(0)
        reset(peer)
    (disconnected,) = collect(receiver, Disconnected)
    assert disconnected.reason
    assert not replies_waiting(receiver)
    honest = stack.enter_context(Sender(endpoint.host, endpoint.port, transport="tcp"))
    honest.send("hello")
    assert collect(receiver, Message)[-1].payload == b"hello"
    receiver.close(linger=0.0)


def test_connections_over_the_limit_wait(stack: ExitStack, clock: VirtualClock) -> None:
    """Nobody is turned away: who comes when all places are taken waits, and that is told once."""
    receiver = stack.enter_context(Receiver(port=0, transport="tcp", limits=Limits(sessions=3)))
    held = [stack.enter_context(connect(receiver.endpoints[0])) for _ in range(3)]
    for number, peer in enumerate(held):
        peer.sendall(hello(number + 1))
    collect(receiver, Message, 3)
    newcomers = [stack.enter_context(connect(receiver.endpoints[0])) for _ in range(5)]
    for number, peer in enumerate(newcomers):
        peer.sendall(hello(number + 10, payload=b"new"))
    (told,) = receiver.poll(0.5)
    assert isinstance(told, LimitReached)
    assert (told.limit, told.value, told.peer.port) == ("sessions", 3, newcomers[0].getsockname()[1])  # type: ignore[attr-defined]
    assert receiver.poll(0.2) == []
    held[1].close()
    (message,) = collect(receiver, Message)
    assert (message.payload, message.peer.port) == (b"new", newcomers[0].getsockname()[1])
    receiver.close()


@pytest.mark.parametrize(
    ("limit", "wanted", "allowed"), [(1024, 1024, 960), (2000, 1024, 1024), (100, 1024, 50), (resource.RLIM_INFINITY, 7, 7)]
)
def test_connections_leave_some_descriptors_to_all_else(
    monkeypatch: pytest.MonkeyPatch, limit: int, wanted: int, allowed: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    assert within_descriptors(wanted) == allowed


def test_where_descriptors_have_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)  # Windows
    assert within_descriptors(1024) == 1024


@pytest.mark.alone  # another program might be given that port meanwhile
def test_who_begins_anew_from_the_same_port_is_served(stack: ExitStack) -> None:
    """It was reset while what it had sent still waited, so nobody has read of that; the kernel knows that the first is over."""
    receiver = stack.enter_context(Receiver(port=0, transport="tcp", limits=Limits(session_messages=4)))
    first = connect(receiver.endpoints[0])
    for number in range(1, 2000):
        first.sendall(hello(1, number))
    assert receiver.poll(PATIENCE, limit=1)
    address = first.getsockname()
    reset(first)
    again = stack.enter_context(socket.socket())
    again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    again.bind(address)
    again.connect(("127.0.0.1", receiver.endpoints[0].port))
    again.sendall(hello(2, payload=b"again"))
    events: list[Event] = []
    while not any(isinstance(event, Message) and event.payload == b"again" for event in events):
        events += receiver.poll(PATIENCE)
    assert not any(isinstance(event, LimitReached) for event in events)
    receiver.close(linger=0.0)


def test_who_sends_no_message_holds_no_place_against_who_waits(stack: ExitStack, clock: VirtualClock) -> None:
    """Connections with what is no message, more than there are places, all there at once: each is refused in its turn, and who
    comes behind them is served without a pause, and without a word of places."""
    receiver = stack.enter_context(Receiver(port=0, transport="tcp", limits=Limits(sessions=2)))
    strangers = [stack.enter_context(connect(receiver.endpoints[0])) for _ in range(50)]
    for stranger in strangers:
        stranger.sendall(frame(b"no message") * 100)
    honest = stack.enter_context(connect(receiver.endpoints[0]))
    honest.sendall(hello(1, payload=b"honest"))
    start = clock.time
    events: list[Event] = []
    while not any(isinstance(event, Message) for event in events):
        events += receiver.poll(PATIENCE)
    assert clock.time == start
    assert len([event for event in events if isinstance(event, Malformed)]) == 50
    assert not any(isinstance(event, LimitReached) for event in events)


def test_the_silent_give_their_place_to_others(stack: ExitStack, clock: VirtualClock) -> None:
    """A stranger who holds every place, and has sent one message on each, keeps nobody out for longer than a second."""
    receiver = stack.enter_context(Receiver(port=0, transport="tcp", limits=Limits(sessions=2)))
    held = [stack.enter_context(connect(receiver.endpoints[0])) for _ in range(2)]
    for number, peer in enumerate(held):
        peer.sendall(hello(number + 1))
        collect(receiver, Message)
    start = clock.time
    with Sender(*receiver.endpoints[0][1:], transport="tcp") as sender:
        sender.send("at last")
        events: list[Event] = []
        while not any(isinstance(event, Message) for event in events):
            events += receiver.poll(PATIENCE)
        assert 1 <= (clock.time - start) / 10**9 < 1.2
    assert sorted(type(event).__name__ for event in events) == ["Disconnected", "LimitReached", "Message"]
    (gone,) = (event for event in events if isinstance(event, Disconnected))
    assert gone.reason == "gave its place to a newcomer after 1.0 s of silence"
    assert is_closed(held[0])
    held[1].sendall(hello(2, 2))
    collect(receiver, Message)  # the other one is still there


def test_who_sends_on_and_on_keeps_nobody_out_either(stack: ExitStack, clock: VirtualClock) -> None:
    """Two messages a second on each connection of one address: a newcomer has a place after it has waited for a second."""
    receiver = stack.enter_context(Receiver(port=0, transport="tcp", limits=Limits(sessions=4)))
    held = [stack.enter_context(connect(receiver.endpoints[0])) for _ in range(4)]
    for number, peer in enumerate(held):
        peer.sendall(hello(number + 1))
    collect(receiver, Message, 4)
    newcomer = stack.enter_context(connect(receiver.endpoints[0]))
    newcomer.sendall(hello(99, payload=b"new"))
    start = clock.time
    events: list[Event] = []
    for turn in range(2, 100):
        for number, peer in enumerate(held):
            with suppress(OSError):  # one of them has given way
                peer.sendall(hello(number + 1, turn))
        events += receiver.poll(0.0)
        clock.advance(0.5)
        events += receiver.poll(0.0)
        if any(isinstance(event, Message) and event.payload == b"new" for event in events):
            break
    assert 1 <= (clock.time - start) / 10**9 <= 2
    assert len([event for event in events if isinstance(event, Disconnected)]) == 1


def test_two_connections_from_one_address_and_port(listen: Listening, stack: ExitStack) -> None:
    """TCP allows it when they go to two addresses of this machine. An answer could not be told whom it is for."""
    listener = listen("tcp", host="0.0.0.0")
    port = listener.endpoint().port
    first, second = (stack.enter_context(socket.socket()) for _ in range(2))
    for peer in (first, second):
        peer.settimeout(PATIENCE)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    first.bind((LOOPBACK, 0))
    first.connect((LOOPBACK, port))
    first.sendall(hello(7))
    listener.wait_for(Message, 1)
    second.bind(first.getsockname())
    try:
        second.connect(("127.0.0.2", port))
    except OSError as error:
        pytest.skip(f"not on this system: {error}")
    assert is_closed(second)
    listener.wait_for(LimitReached)
    first.sendall(hello(7, 2))
    listener.wait_for(Message, 2)
    first.close()
    listener.wait_for(Disconnected)
    with Sender("127.0.0.2", port, transport="tcp", acknowledged=True) as sender:
        sender.send("still there?")
    assert listener.payloads(3)[2] == b"still there?"


def test_no_descriptor_left_to_accept_with(stack: ExitStack, clock: VirtualClock) -> None:
    """The connection waits in the kernel, and nobody turns in a circle for it."""
    receiver = stack.enter_context(Receiver(port=0, transport="tcp"))
    first, second = (stack.enter_context(connect(receiver.endpoints[0])) for _ in range(2))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (second.fileno() + 1, hard))
    try:
        with pytest.raises(OSError, match=f"Errno {errno.EMFILE}"):
            socket.socket()
        before = clock.waits
        assert receiver.poll(10.0) == []
        assert clock.waits - before < 300
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    for number, peer in enumerate((first, second)):
        peer.sendall(hello(number + 1))
    collect(receiver, Message, 2)


def test_closing_while_accepting_is_suspended(clock: VirtualClock) -> None:
    receiver = Receiver(port=0, transport="tcp")
    with connect(receiver.endpoints[0]) as peer:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (peer.fileno() + 1, hard))
        try:
            receiver.poll(0)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        receiver.close()


def test_a_server_that_is_not_ours(stack: ExitStack) -> None:
    """The sender's side of it: what comes back is no frame."""
    server = stack.enter_context(socket.create_server((LOOPBACK, 0)))
    sender = stack.enter_context(Sender(LOOPBACK, server.getsockname()[1], transport="tcp", acknowledged=True))
    sender.send("hello")
    accepted = stack.enter_context(server.accept()[0])
    accepted.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    events: list[Event] = []
    while sender.unresolved:
        events += sender.poll(PATIENCE)
    (disconnected,) = [event for event in events if isinstance(event, Disconnected)]
    assert "does not speak udpmsg" in disconnected.reason
    (outcome,) = [event for event in events if isinstance(event, Outcome)]
    assert outcome.state is State.UNCONFIRMED
    assert "does not speak udpmsg" in (outcome.reason or "")


def test_a_flood_does_not_outlast_the_time_limit_of_receive(stack: ExitStack, clock: VirtualClock) -> None:
    """Who waits for a message waits no longer because other events come."""
    receiver = stack.enter_context(Receiver(port=0))
    stranger = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    polls = 0
    poll = receiver.poll

    def poll_and_flood(timeout: float | None = 0, limit: int | None = None) -> list[Event]:
        nonlocal polls
        polls += 1
        assert polls < 1000, "it never ends"
        clock.advance(0.1)
        stranger.sendto(b"UM\x01\x01", receiver.endpoints[0][1:])
        return poll(timeout, limit)

    receiver.poll = poll_and_flood  # type: ignore[method-assign]
    assert receiver.receive(2.0) is None
    assert 15 < polls < 25


def test_one_peer_does_not_starve_another(stack: ExitStack, transport: str) -> None:
    """A peer has sent more than can be read in one turn when another one's message comes."""
    receiver = stack.enter_context(Receiver(port=0, transport="both"))
    endpoint = receiver.endpoints[0]
    loud = stack.enter_context(Sender(endpoint.host, endpoint.port, transport=transport))
    quiet = stack.enter_context(Sender(endpoint.host, endpoint.port, transport="tcp"))
    loud.send_many([b"x" * 100] * 10_000)
    quiet.send("me too")
    place = 0
    while True:
        message = receiver.receive(PATIENCE)
        assert message is not None
        place += 1
        if message.payload == b"me too":
            break
    assert place < 9000
    receiver.close()


@pytest.mark.parametrize("kind", ["empty", "tiny", "messages"])
def test_a_message_waits_for_no_more_than_a_turn_of_each_other_connection(
    stack: ExitStack, clock: VirtualClock, kind: str
) -> None:
    """Others have sent as much as is read at once, or more: it is taken in turns, as all that is read."""
    receiver = stack.enter_context(Receiver(port=0, transport="tcp"))
    crowd = [stack.enter_context(connect(receiver.endpoints[0])) for _ in range(20)]
    for number, peer in enumerate(crowd):
        peer.sendall(hello(number + 1))
    collect(receiver, Message, len(crowd))
    for number, peer in enumerate(crowd):
        burst = {
            "empty": frame(b"") * 20_000,
            "tiny": frame(b"x") * 20_000,
            "messages": b"".join(hello(number + 1, place) for place in range(2, 2000)),
        }[kind]
        peer.sendall(burst)
    honest = stack.enter_context(Sender(*receiver.endpoints[0][1:], transport="tcp"))
    honest.send("me too")
    place = 0
    while (event := receiver.poll(PATIENCE, limit=1)[0]) and not (isinstance(event, Message) and event.payload == b"me too"):
        place += isinstance(event, Message)
    assert place <= (len(crowd) * SHORTEST_TURN + ROUND) * 2  # a round before it is read, and one before it is taken
    receiver.close()


class Hoarding:
    """A receiver with 4 MiB for 16 places, and what of it is charged at most."""

    def __init__(self, stack: ExitStack) -> None:
        self.limits = Limits(sessions=16, total_bytes=4 << 20)
        self.receiver = stack.enter_context(Receiver(port=0, transport="tcp", limits=self.limits))
        self.endpoint = self.receiver.endpoints[0]
        self.budget = self.receiver._budget
        self.most = 0
        self._stack = stack

    def connect(self) -> socket.socket:
        peer = self._stack.enter_context(connect(self.endpoint))
        peer.setblocking(False)
        return peer

    def done(self, message: Message) -> None:
        self.receiver.done(message)

    def poll(self, timeout: float = 0) -> list[Event]:
        events = self.receiver.poll(timeout)
        connections = self.receiver._sockets["tcp"]._connections.values()  # type: ignore[union-attr]
        held = sum(connection.held for connection in connections)
        assert held <= self.budget.used <= self.limits.total_bytes
        self.most = max(self.most, self.budget.used)
        return events


def test_unfinished_frames_are_charged_as_they_come_and_leave_room_for_small_messages(
    stack: ExitStack, clock: VirtualClock
) -> None:
    """Ten peers announce 1 MiB and send nearly all of it; there are 3 MiB for such. A small message passes at once, a large
    one when whoever has held the memory longest has given way."""
    hoarding = Hoarding(stack)
    empty = hoarding.budget.used
    peers = [hoarding.connect() for _ in range(10)]
    data = [memoryview(struct.pack(">I", 1 << 20) + b"UM\x01\x01" + bytes(1_000_000)) for _ in peers]
    for _ in range(60):
        for number, peer in enumerate(peers):
            with suppress(BlockingIOError):
                data[number] = data[number][peer.send(data[number][:50_000]) :]
        assert hoarding.poll() == []
    assert hoarding.most > hoarding.limits.total_bytes // 2
    small, large = (Sender(*hoarding.endpoint[1:], transport="tcp", acknowledged=True) for _ in range(2))
    small.send("small")
    assert [event.payload for event in collect(hoarding, Message)] == [b"small"]  # type: ignore[arg-type]
    large.send(bytes(500_000))
    events: list[Event] = []
    start = clock.time
    while not any(isinstance(event, Message) for event in events):
        large.poll(0)
        events += hoarding.poll(0.05)
    assert (clock.time - start) / 10**9 < 5
    gone = [event for event in events if isinstance(event, Disconnected)]
    assert gone
    assert all("when memory ran short" in event.reason for event in gone)
    for peer in peers:
        peer.close()
    for sender in (small, large):
        sender.close(wait=False)
    while hoarding.budget.used != empty:
        assert hoarding.poll(PATIENCE)
    hoarding.receiver.close()
    assert hoarding.budget.used == 0


def test_answers_that_nobody_reads_are_charged_too(stack: ExitStack, clock: VirtualClock) -> None:
    """Ten peers ask for more than they read: whoever has left it longest gives way, and an honest one has its answer."""
    hoarding = Hoarding(stack)
    peers = [hoarding.connect() for _ in range(10)]
    for number, peer in enumerate(peers):
        peer.setblocking(True)
        peer.sendall(hello(number + 1))
    questions: list[Message] = []
    while len(questions) < len(peers):
        questions += [event for event in hoarding.poll(PATIENCE) if isinstance(event, Message)]
    events: list[Event] = []
    for _ in range(150):
        for question in questions:
            hoarding.receiver.reply(question, bytes(50_000))
        events += hoarding.poll()
    reasons = {event.reason for event in events if isinstance(event, Disconnected)}
    assert reasons
    assert all("when memory ran short" in reason for reason in reasons)
    assert hoarding.most > hoarding.limits.total_bytes // 2
    with Sender(*hoarding.endpoint[1:], transport="tcp") as honest:
        honest.send("question")
        (question,) = collect(hoarding, Message)  # type: ignore[arg-type]
        hoarding.receiver.reply(question, "answer")
        assert next(honest.replies(PATIENCE)).payload == b"answer"
        hoarding.receiver.close(linger=0.0)


def test_what_was_read_before_a_connection_broke_is_delivered(stack: ExitStack, clock: VirtualClock) -> None:
    """The answer to the first message finds the connection reset; the others are here."""
    receiver = stack.enter_context(Receiver(port=0, transport="tcp"))
    endpoint = receiver.endpoints[0]
    sender = Sender(endpoint.host, endpoint.port, transport="tcp")
    sender.send_many([b"%d" % number for number in range(100)])
    (first,) = receiver.poll(PATIENCE, limit=1)
    reset(sender._socket._socket)
    sender._socket._connected = False
    sender.close(wait=False)
    assert isinstance(first, Message)
    receiver.reply(first, "gone")
    messages = [first]
    while isinstance(event := receiver.poll(PATIENCE, limit=1)[0], Message):
        messages.append(event)
    assert [message.payload for message in messages] == [b"%d" % number for number in range(100)]
    assert isinstance(event, Disconnected)
