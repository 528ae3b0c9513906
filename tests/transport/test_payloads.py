"""A message is bytes in any form, or text: the same types wherever one is given, and a sentence for any other."""

from contextlib import ExitStack

import pytest

from tests.transport.conftest import Listening
from tests.transport.support import PATIENCE, collect
from udpmsg import Message, Receiver, Sender, UsageError
from udpmsg.core.outbox import Outbox
from udpmsg.core.rtt import NEVER
from udpmsg.messaging.payload import Payload, each_encoded, encoded
from udpmsg.messaging.sender import BATCH

GIVEN: list[Payload] = [b"bytes", bytearray(b"array"), memoryview(b"a view")[2:], memoryview(b"a-b-c")[::2], "grüße", "", b""]
CAME = [b"bytes", b"array", b"view", b"abc", "grüße".encode(), b"", b""]
NONE = [None, 7, ["text"], 1.5, object()]


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("acknowledged", [False, True])
def test_every_form_in_every_call(listen: Listening, transport: str, acknowledged: bool, raw: bool) -> None:
    if raw and (acknowledged or transport == "tcp"):
        return  # raw bytes are never acknowledged, and the lines of a stream have no empty one at its end
    listener = listen(transport)
    with listener.sender(acknowledged=acknowledged, raw=raw) as sender:
        for payload in GIVEN:
            sender.send(payload)
        assert len(sender.send_many(iter(GIVEN))) == len(GIVEN)
        messages = listener.wait_for(Message, 2 * len(GIVEN))
    assert sorted(message.payload for message in messages) == sorted(CAME * 2)


def test_every_form_as_a_reply(stack: ExitStack, transport: str) -> None:
    receiver = stack.enter_context(Receiver(port=0, transport=transport))
    endpoint = receiver.endpoints[0]
    sender = Sender(endpoint.host, endpoint.port, transport=transport)
    stack.callback(sender.close, wait=False)  # the receiver reads only when it is asked
    sender.send("a question that is longer than all of its answers" * 9)
    (message,) = collect(receiver, Message)
    for payload, came in zip(GIVEN, CAME, strict=True):
        receiver.reply(message, payload)
        assert next(sender.replies(PATIENCE)).payload == came


def test_what_waits_is_not_what_the_caller_changes_later() -> None:
    given = bytearray(b"before")
    kept = encoded(given)
    given[:] = b"after!"
    assert kept == b"before"


def test_bytes_are_not_copied() -> None:
    given = [b"one", b"two"]
    assert all(kept is payload for kept, payload in zip(each_encoded(given), given, strict=True))


@pytest.mark.parametrize("payload", NONE, ids=lambda payload: type(payload).__name__)
def test_any_other_type_is_refused_before_anything_is_sent(stack: ExitStack, transport: str, payload: object) -> None:
    receiver = stack.enter_context(Receiver(port=0, transport=transport))
    endpoint = receiver.endpoints[0]
    sender = Sender(endpoint.host, endpoint.port, transport=transport)
    stack.callback(sender.close, wait=False)  # the receiver reads only when it is asked
    sender.send("?")
    (message,) = collect(receiver, Message)
    for act in (
        lambda: sender.send(payload),  # type: ignore[arg-type]
        lambda: sender.send_many([b"before", payload]),  # type: ignore[list-item]
        lambda: receiver.reply(message, payload),  # type: ignore[arg-type]
    ):
        with pytest.raises(UsageError, match=f"a message is bytes or text, and this is of the type '{type(payload).__name__}'"):
            act()
    assert sender.statistics().messages_sent == 1


def test_half_a_character_is_no_text(stack: ExitStack) -> None:
    sender = stack.enter_context(Sender("127.0.0.1", 9))
    with pytest.raises(UsageError, match="lone surrogate, which UTF-8 cannot carry"):
        sender.send("\udc80")


@pytest.mark.parametrize(
    "payload", ["text", b"bytes", bytearray(b"array"), memoryview(b"view")], ids=lambda payload: type(payload).__name__
)
def test_one_message_is_not_many(stack: ExitStack, payload: object) -> None:
    sender = stack.enter_context(Sender("127.0.0.1", 9))
    with pytest.raises(UsageError, match="several messages, and this is a single one: give it to send"):
        sender.send_many(payload)  # type: ignore[arg-type]
    assert sender.statistics().messages_sent == 0


@pytest.mark.parametrize("acknowledged", [False, True])
def test_a_message_may_be_called_something(listen: Listening, transport: str, acknowledged: bool) -> None:
    listener = listen(transport)
    with listener.sender(acknowledged=acknowledged) as sender:
        sender.send("one", title="ü.txt")
        sender.send_many(["two", bytes(5000)], title="n" * 128)
        sender.send("three")
        messages = listener.wait_for(Message, 4)
    assert sorted((message.sequence, message.title) for message in messages) == [
        (1, "ü.txt"),
        (2, "n" * 128),
        (3, "n" * 128),
        (4, None),
    ]


@pytest.mark.parametrize(
    "title", ["", "n" * 129, "ü" * 65, "\ud800", b"n.txt"], ids=["empty", "long", "long in UTF-8", "surrogate", "bytes"]
)
def test_what_no_message_can_be_called_is_refused_before_anything_is_sent(title: str) -> None:
    sender = Sender("127.0.0.1", 9)
    with pytest.raises(UsageError):
        sender.send("x", title=title)
    with pytest.raises(UsageError):
        sender.send_many(["x"], title=title)
    assert sender.statistics().messages_sent == 0
    sender.close(wait=False)


def test_raw_bytes_have_no_title() -> None:
    with Sender("127.0.0.1", 9, raw=True) as sender, pytest.raises(UsageError, match="raw bytes carry no header"):
        sender.send("x", title="n.txt")


def test_many_are_given_to_the_core_in_batches_of_whole_runs(listen: Listening) -> None:
    """52 of these messages are a run, and five runs a batch: a batch costs some 50 µs, however many messages it has."""
    listener = listen("udp")
    with listener.sender(acknowledged=True, datagram_size=1256) as sender:
        batches = [len(numbers) for numbers in sender.sending([bytes(1200)] * 700)]
    assert batches == [16, 260, 260, 164]


def test_what_is_given_at_one_go_may_leave_at_one_go() -> None:
    """What is left over leaves in a run of its own, and costs what a run does."""
    outbox = Outbox(None)
    outbox.accept([b"x"] * BATCH, NEVER)
    assert outbox.next_run(BATCH, None) == range(1, BATCH + 1)
