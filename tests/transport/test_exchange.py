"""What the two programs of the classroom do, over UDP and over TCP by changing one argument."""

from contextlib import ExitStack
from itertools import islice

import pytest

from tests.transport.conftest import Listening
from tests.transport.support import PATIENCE, Listener, collect, goodbyes, outcomes
from udpmsg import Goodbye, Limits, Message, MessageTooLarge, Outcome, Receiver, Sender, State, UsageError
from udpmsg.core.rtt import MAX_ACK_DELAY

MANY = 2000
MEBIBYTE = 1 << 20


def shout(message: Message) -> bytes:
    return message.payload.upper()


def patterned(size: int, seed: int = 7) -> bytes:
    """Bytes in which a fragment at the wrong place shows."""
    return b"".join(((seed + number) * 2654435761 % 2**32).to_bytes(4, "big") for number in range(size // 4 + 1))[:size]


def test_send_one(listen: Listening, transport: str) -> None:
    listener = listen(transport)
    with listener.sender() as sender:
        assert sender.send("grüße") == 1
    (message,) = listener.wait_for(Message)
    assert message.payload == "grüße".encode()
    assert (message.sequence, message.reply_to, message.acknowledged, message.raw) == (1, None, False, False)
    assert message.peer.transport == transport
    (goodbye,) = goodbyes(listener, 1)
    assert (goodbye.messages_sent, goodbye.messages_lost) == (1, 0)


def test_send_many_and_receive_in_a_loop(stack: ExitStack, transport: str) -> None:
    receiver = stack.enter_context(Receiver(port=0, transport=transport))
    endpoint = receiver.endpoints[0]
    sender = stack.enter_context(Sender(endpoint.host, endpoint.port, transport=transport))
    assert sender.send_many(b"%d" % number for number in range(200)) == range(1, 201)
    came = []
    for message in receiver:
        came.append(message.payload)
        if len(came) == 200:
            break
    assert came == [b"%d" % number for number in range(200)]
    receiver.close()


def test_a_stream_loses_none_of_many_small_messages(listen: Listening) -> None:
    """One read brings more of them than a session may have waiting; they wait in the stream."""
    listener = listen("tcp")
    with listener.sender() as sender:
        sender.send_many([b"%d" % number for number in range(MANY)])
    (goodbye,) = goodbyes(listener, 1)
    assert (goodbye.messages_sent, goodbye.messages_lost) == (MANY, 0)
    assert listener.payloads(MANY) == [b"%d" % number for number in range(MANY)]
    assert listener.receiver.statistics().over_limit == 0


def test_a_stream_loses_none_of_messages_as_large_as_a_session_may_have_waiting(listen: Listening) -> None:
    listener = listen("tcp", limits=Limits(session_bytes=1000, max_message=1000, session_messages=3))
    sizes = [1000, 1, 0, 999, 2, 1000, 1000, 500, 500, 0, 0, 0, 0, 0, 1000] * 5
    with listener.sender(max_message=1000) as sender:
        sender.send_many(patterned(size) for size in sizes)
    goodbyes(listener, 1)
    assert [len(payload) for payload in listener.payloads(len(sizes))] == sizes
    assert listener.receiver.statistics().over_limit == 0


def test_each_accepted_message_has_an_outcome(listen: Listening, transport: str) -> None:
    listener = listen(transport)
    with listener.sender(acknowledged=True) as sender:
        numbers = sender.send_many(b"%d" % number for number in range(1, MANY + 1))
        ended = outcomes(sender)
        assert sender.unresolved == 0
    assert numbers == range(1, MANY + 1)
    assert sorted(outcome.sequence for outcome in ended) == list(numbers)
    assert {outcome.state for outcome in ended} == {State.DELIVERED}
    assert all(outcome.transmissions >= 1 for outcome in ended)
    assert all(outcome.rtt_ns is None or outcome.rtt_ns > 0 for outcome in ended)
    assert sorted(listener.payloads(MANY)) == sorted(b"%d" % number for number in numbers)


def test_ordered(listen: Listening, transport: str) -> None:
    listener = listen(transport)
    with listener.sender(acknowledged=True, ordered=True) as sender:
        sender.send_many(b"%d" % number for number in range(MANY))
    assert listener.payloads(MANY) == [b"%d" % number for number in range(MANY)]


def test_a_window_of_one_sends_one_at_a_time(listen: Listening, transport: str) -> None:
    listener = listen(transport)
    with listener.sender(acknowledged=True, window=1) as sender:
        sender.send_many([b"x"] * 50)
        assert [outcome.sequence for outcome in outcomes(sender)] == list(range(1, 51))
    assert len(listener.payloads(50)) == 50


@pytest.mark.parametrize("acknowledged", [False, True])
def test_replies(listen: Listening, transport: str, acknowledged: bool) -> None:
    listener = listen(transport, shout)
    with listener.sender(acknowledged=acknowledged) as sender:
        sender.send_many([b"a", b"b", b"c"])
        replies: dict[int | None, bytes] = {}
        for reply in sender.replies(PATIENCE):
            assert reply.acknowledged is acknowledged
            replies[reply.reply_to] = reply.payload
            if len(replies) == 3:
                break
        assert replies == {1: b"A", 2: b"B", 3: b"C"}
        assert sender.statistics().replies == 3


def test_replies_to_acknowledged_messages_are_acknowledged(listen: Listening, transport: str) -> None:
    listener = listen(transport, shout)
    with listener.sender(acknowledged=True) as sender:
        sender.send("a")
        next(sender.replies(PATIENCE))
        assert listener.of(Outcome) == []  # the program has it in hand
    (outcome,) = listener.wait_for(Outcome)
    assert outcome.state is State.DELIVERED
    assert listener.receiver.statistics().malformed == 0


def test_a_reply_to_a_reply_raises(stack: ExitStack, transport: str) -> None:
    receiver = stack.enter_context(Receiver(port=0, transport=transport))
    reply = Message(b"", receiver.endpoints[0], session=1, sequence=1, reply_to=1)
    with pytest.raises(UsageError, match="a reply is never answered"):
        receiver.reply(reply, "no")


@pytest.mark.parametrize("acknowledged", [False, True])
@pytest.mark.parametrize("both", [False, True])
def test_both_transports_on_one_port(listen: Listening, transport: str, acknowledged: bool, both: bool) -> None:
    listener = listen("both", shout)
    udp, tcp = listener.receiver.endpoints
    assert (udp.transport, tcp.transport) == ("udp", "tcp")
    assert udp.port == tcp.port
    transports = ["udp", "tcp"] if both else [transport]
    for name in transports:
        with listener.sender(name, acknowledged=acknowledged) as sender:
            sender.send(name)
            assert next(sender.replies(PATIENCE)).payload == name.upper().encode()
    listener.wait_for(Goodbye, len(transports))
    assert [message.peer.transport for message in listener.of(Message)] == transports
    statistics = listener.receiver.statistics()
    assert (statistics.transport, statistics.sessions) == ("both", len(transports))
    assert (statistics.messages_sent, statistics.messages_delivered, statistics.messages_lost) == (
        len(transports),
        len(transports),
        0,
    )


@pytest.mark.parametrize("acknowledged", [False, True])
def test_large_messages_arrive_byte_by_byte(listen: Listening, transport: str, acknowledged: bool) -> None:
    listener = listen(transport, lambda message: message.payload)
    data = patterned(MEBIBYTE)
    if transport == "udp" and not acknowledged and (listener.receiver.receive_buffer or 0) < 2 * MEBIBYTE:
        pytest.skip("the kernel gives no buffer that holds the message, and nothing would be sent again")
    with listener.sender(acknowledged=acknowledged, datagram_size=60_000) as sender:
        sender.send(data)
        assert next(sender.replies(PATIENCE)).payload == data
    assert listener.payloads(1) == [data]


def test_several_large_messages_acknowledged(listen: Listening, transport: str) -> None:
    listener = listen(transport)
    messages = [patterned(300_000 + number, number) for number in range(6)]
    with listener.sender(acknowledged=True) as sender:
        sender.send_many(messages)
        assert {outcome.state for outcome in outcomes(sender)} == {State.DELIVERED}
    assert sorted(listener.payloads(6), key=len) == messages


@pytest.mark.parametrize("acknowledged", [False, True])
def test_a_message_over_the_limit_is_not_sent_at_all(listen: Listening, transport: str, acknowledged: bool) -> None:
    listener = listen(transport)
    with listener.sender(acknowledged=acknowledged, max_message=1000) as sender:
        with pytest.raises(MessageTooLarge, match=r"1001 bytes.*limit is 1000.*nothing was sent") as caught:
            sender.send(bytes(1001))
        assert (caught.value.size, caught.value.limit) == (1001, 1000)
        with pytest.raises(MessageTooLarge):
            sender.send_many([b"first", bytes(1001)])
        assert (sender.statistics().messages_sent, sender.unresolved) == (0, 0)
        assert sender.send(bytes(1000)) == 1
    assert listener.payloads(1) == [bytes(1000)]


def test_a_message_over_the_listeners_limit_is_not_delivered(listen: Listening) -> None:
    listener = listen("udp", limits=Limits(max_message=1000))
    with listener.sender() as sender:
        sender.send(bytes(1001))
        sender.send(bytes(1000))
    assert listener.payloads(1) == [bytes(1000)]
    assert listener.receiver.statistics().over_limit == 1


@pytest.mark.parametrize("acknowledged", [False, True])
def test_an_empty_message_is_delivered_as_empty(listen: Listening, transport: str, acknowledged: bool) -> None:
    listener = listen(transport, lambda message: b"")
    with listener.sender(acknowledged=acknowledged) as sender:
        sender.send("")
        assert next(sender.replies(PATIENCE)).payload == b""
    assert listener.payloads(1) == [b""]


def test_more_replies_at_once_than_a_session_may_have_waiting(listen: Listening, transport: str) -> None:
    """The sender only sends, and takes its replies at the end: none is lost on this side."""
    listener = listen(transport, shout)
    with listener.sender(acknowledged=True) as sender:
        sender.send_many([b"x"] * MANY)
        assert len(outcomes(sender)) == MANY
        replies = {reply.reply_to for reply in islice(sender.replies(PATIENCE), MANY)}
    assert replies == set(range(1, MANY + 1))


def test_a_stream_of_replies_loses_none(listen: Listening) -> None:
    listener = listen("tcp", shout)
    with listener.sender() as sender:
        sender.send_many([b"x"] * MANY)
        listener.wait_for(Message, MANY)
        replies = [reply.reply_to for reply in islice(sender.replies(PATIENCE), MANY)]
    assert replies == list(range(1, MANY + 1))


@pytest.mark.parametrize("acknowledged", [False, True])
def test_statistics_on_both_sides_agree(listen: Listening, transport: str, acknowledged: bool) -> None:
    listener = listen(transport)
    with listener.sender(acknowledged=acknowledged) as sender:
        sender.send_many([bytes(size) for size in range(500)])
    goodbyes(listener, 1)
    sent, received = sender.statistics(), listener.receiver.statistics()
    assert sent.transport == received.transport == transport
    assert sent.acknowledged is received.acknowledged is acknowledged
    assert sent.messages_sent == received.messages_sent == received.messages_delivered == 500
    assert sent.payload_bytes == received.payload_bytes == sum(range(500))
    assert sent.messages_delivered == (500 if acknowledged else None)
    assert sent.delivered_bytes == (sum(range(500)) if acknowledged else None)
    assert sent.messages_unconfirmed == (0 if acknowledged else None)
    assert sent.messages_refused == received.messages_lost == received.messages_missing == 0
    assert sent.malformed == received.malformed == received.over_limit == received.raw_messages == 0
    assert (sent.retransmissions is None) is (transport == "tcp")
    assert received.duplicates <= (sent.retransmissions or 0)
    assert received.sessions == 1
    if transport == "tcp":
        assert received.kernel_drops is None
    assert sent.duration_s > 0
    assert received.duration_s > 0


def test_a_limit_on_poll_leaves_the_rest_for_later(stack: ExitStack, transport: str) -> None:
    receiver = stack.enter_context(Receiver(port=0, transport=transport))
    endpoint = receiver.endpoints[0]
    sender = stack.enter_context(Sender(endpoint.host, endpoint.port, transport=transport))
    sender.send_many([b"%d" % number for number in range(10)])
    came = []
    while len(came) < 10:
        events = receiver.poll(PATIENCE, limit=3)
        assert 1 <= len(events) <= 3
        came += [event.payload for event in events if isinstance(event, Message)]
        assert receiver.statistics().messages_delivered == len(came) - len(events)  # these are in hand, and not delivered yet
    assert came == [b"%d" % number for number in range(10)]
    receiver.close()


def test_a_poll_that_does_not_wait_looks_all_the_same(stack: ExitStack, transport: str) -> None:
    """An application with a loop of its own never waits in ours."""
    receiver = stack.enter_context(Receiver(port=0, transport=transport))
    endpoint = receiver.endpoints[0]
    sender = stack.enter_context(Sender(endpoint.host, endpoint.port, transport=transport, acknowledged=True))
    sender.send("x")
    messages: list[Message] = []
    ended: list[Outcome] = []
    while not ended:
        messages += [event for event in receiver.poll(0) if isinstance(event, Message)]
        ended += [event for event in sender.poll(0) if isinstance(event, Outcome)]
    assert [message.payload for message in messages] == [b"x"]
    assert ended[0].state is State.DELIVERED
    receiver.close()


def test_of_an_application_that_is_slow_senders_learn_before_it_runs_what_has_arrived(stack: ExitStack) -> None:
    """Else each of them would send its message again and again, until the application is done with it."""
    receiver = stack.enter_context(Receiver(port=0))
    endpoint = receiver.endpoints[0]
    sender = stack.enter_context(Sender(endpoint.host, endpoint.port, acknowledged=True))
    for slow in (False, True):
        sender.send("x")
        if slow:
            receiver._left_at -= MAX_ACK_DELAY + 1  # so long was the application away since it got the last one
        assert [type(event) for event in receiver.poll(PATIENCE)] == [Message]
        assert sender.poll(0) == []
        assert sender.unresolved == 1
        assert bool(sender._core._in_flight) is not slow
        (event,) = receiver.poll(0) or sender.poll(PATIENCE)
        assert isinstance(event, Outcome)
        assert event.state is State.DELIVERED
    receiver.close()


def test_messages_come_before_the_end_of_their_connection(stack: ExitStack) -> None:
    receiver = stack.enter_context(Receiver(port=0, transport="tcp"))
    endpoint = receiver.endpoints[0]
    sender = Sender(endpoint.host, endpoint.port, transport="tcp")
    sender.send_many([b"x"] * 1000)
    sender._socket._socket.close()  # as a process that is killed
    sender._socket._connected = False
    sender.close(wait=False)
    kinds = []
    while "Disconnected" not in kinds:
        kinds += [type(event).__name__ for event in receiver.poll(PATIENCE, limit=7)]
    assert kinds == ["Message"] * 1000 + ["Disconnected"]


def test_what_is_closed_says_so(stack: ExitStack, transport: str) -> None:
    receiver = Receiver(port=0, transport=transport)
    endpoint, buffer = receiver.endpoints[0], receiver.receive_buffer
    sender = Sender(endpoint.host, endpoint.port, transport=transport, acknowledged=True)
    sender.send("x")
    (message,) = collect(receiver, Message)
    receiver.close()
    receiver.close()
    sender.close()
    sender.close()
    assert (sender.closed, receiver.closed) == (True, True)
    assert receiver.poll(None) in ([], list(receiver._events))
    assert receiver.receive() is None
    assert receiver.receive_buffer == buffer
    assert receiver.statistics().kernel_drops == (
        0 if buffer and receiver._sockets[transport].kernel_drops() is not None else None
    )
    states = [event.state for event in sender.poll(None) if isinstance(event, Outcome)]
    assert states == [State.DELIVERED]
    assert list(sender.replies(1.0)) == list(sender.outcomes()) == []
    for act in (lambda: sender.send("y"), lambda: sender.send_many([b"y"]), lambda: receiver.reply(message, b"y")):
        with pytest.raises(UsageError, match="closed"):
            act()
    sender.wake()
    receiver.wake()


def test_an_error_inside_the_with_block_is_not_waited_over(listen: Listening, transport: str) -> None:
    listener: Listener = listen(transport)
    sender = listener.sender(acknowledged=True)
    listener.stop()  # nobody confirms any more
    sender.send("x")
    with pytest.raises(ZeroDivisionError), sender:
        raise ZeroDivisionError
    assert next(event.state for event in sender.poll() if isinstance(event, Outcome)) in (State.UNCONFIRMED, State.REFUSED)
