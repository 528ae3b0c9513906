"""Delivery is a commit: what the application was given is acknowledged when it is done with it, and not a moment before."""

import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.transport.support import PATIENCE, VirtualClock
from udpmsg import CannotStore, Message, Outcome, Receiver, Sender, State, Store, UsageError
from udpmsg.core.wire import Kind, decode, decode_acknowledgment, encode

TRANSPORTS = pytest.mark.parametrize("transport", ["udp", "tcp"])


def pair(stack: ExitStack, transport: str, **options: object) -> tuple[Receiver, Sender]:
    receiver = stack.enter_context(Receiver(port=0, transport=transport, **options))  # type: ignore[arg-type]
    endpoint = receiver.endpoints[0]
    sender = Sender(endpoint.host, endpoint.port, transport=transport, acknowledged=True)
    stack.callback(sender.close, wait=False)  # the receiver reads only when it is asked
    return receiver, sender


def given(receiver: Receiver, number: int) -> list[Message]:
    """So many messages, in as few calls of `poll` as it takes, each of which commits what the one before gave."""
    messages: list[Message] = []
    while len(messages) < number:
        messages += [event for event in receiver.poll(PATIENCE) if isinstance(event, Message)]
    return messages


def ended(sender: Sender, receiver: Receiver, number: int) -> list[State]:
    """How so many messages ended, while the receiver's application asks for more."""
    states: list[State] = []
    while len(states) < number:
        states += [event.state for event in sender.poll(0.01) if hasattr(event, "state")]
        receiver.poll(0)
    return states


@TRANSPORTS
def test_what_is_in_hand_is_not_delivered_until_more_is_asked_for(stack: ExitStack, transport: str) -> None:
    receiver, sender = pair(stack, transport)
    sender.send("one")
    (message,) = given(receiver, 1)
    assert message.payload == b"one"
    assert sender.poll(0.1) == []
    assert receiver.statistics().messages_delivered == 0
    assert ended(sender, receiver, 1) == [State.DELIVERED]
    assert receiver.statistics().messages_delivered == 1


@TRANSPORTS
def test_done_delivers_one_of_several(stack: ExitStack, transport: str) -> None:
    receiver, sender = pair(stack, transport)
    sender.send_many([b"one", b"two", b"three"])
    messages = [receiver.receive(PATIENCE) for _ in range(3)]  # the next call delivers what the one before gave
    last = messages[-1]
    assert last is not None
    for _ in range(2):  # once is enough
        receiver.done(last)
    assert [next(sender.outcomes()).state for _ in range(3)] == [State.DELIVERED] * 3
    assert receiver.statistics().messages_delivered == 3


@TRANSPORTS
def test_done_delivers_several_and_the_others_are_counted(stack: ExitStack, transport: str) -> None:
    receiver, sender = pair(stack, transport)
    sender.send_many([b"one", b"two", b"three", b"four"])
    sender.poll(0)
    total = 0
    while total < 4:
        messages = given(receiver, 1)
        assert receiver.statistics().messages_undelivered >= len(messages)
        receiver.done(*messages)
        total += len(messages)
        assert receiver.statistics().messages_delivered == total
    assert receiver.statistics().messages_undelivered == 0


def test_an_address_that_is_asked_proves_that_somebody_is_there(stack: ExitStack) -> None:
    receiver, sender = pair(stack, "udp")
    sender.send("one")
    (message,) = given(receiver, 1)
    assert not receiver.proved(message)
    receiver.challenge(message)
    while not receiver.proved(message):
        sender.poll(0.01)
        receiver.poll(0)


def test_a_connection_has_proved_its_address(stack: ExitStack) -> None:
    receiver, sender = pair(stack, "tcp")
    sender.send("one")
    (message,) = given(receiver, 1)
    assert receiver.proved(message)
    receiver.done(message)  # its sender waits for that


@TRANSPORTS
def test_leaving_in_peace_delivers_and_an_exception_does_not(stack: ExitStack, transport: str) -> None:
    for error, state in ((None, State.DELIVERED), (RuntimeError, State.UNCONFIRMED)):
        receiver = Receiver(port=0, transport=transport)
        endpoint = receiver.endpoints[0]
        sender = Sender(endpoint.host, endpoint.port, transport=transport, acknowledged=True, deadline=0.5)
        sender.send("one")
        try:
            with receiver:
                assert len(given(receiver, 1)) == 1
                if error is not None:
                    raise error
        except RuntimeError:
            pass
        assert [outcome.state for outcome in sender.outcomes()] == [state]
        sender.close(wait=False)


def test_what_came_to_another_receiver_is_refused(stack: ExitStack) -> None:
    receiver, _ = pair(stack, "udp")
    elsewhere, sender = pair(stack, "tcp")
    sender.send("one")
    (message,) = given(elsewhere, 1)
    elsewhere.done(message)  # its sender waits for that
    for use in (receiver.done, receiver.proved, receiver.challenge, lambda message: receiver.reply(message, "two")):
        with pytest.raises(UsageError, match="came to another receiver"):
            use(message)


def test_a_closed_receiver_delivers_nothing_more(stack: ExitStack) -> None:
    receiver, sender = pair(stack, "udp")
    sender.send("one")
    (message,) = given(receiver, 1)
    receiver.close(commit=False)
    with pytest.raises(UsageError, match="say done before it is"):
        receiver.done(message)
    assert receiver.statistics().messages_delivered == 0
    sender.close(wait=False)


@TRANSPORTS
def test_a_store_delivers_what_is_on_the_disk_and_once_across_lives(stack: ExitStack, transport: str, tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    with Store(path) as store:
        receiver, sender = pair(stack, transport, store=store)
        sender.send("one")
        (message,) = given(receiver, 1)
        assert [outcome.state for outcome in sender.outcomes()] == [State.DELIVERED]  # nobody had to ask for more
        assert (store.kept, store.commits) == (1, 1)
        assert message.session is not None
        known = store.remembered(message.session)
        assert known is not None
        assert (known.all_below, known.delivered, known.count, known.acknowledged) == (2, [], 1, True)
    with Store.reader(path) as reader:
        assert [stored.message.payload for stored in reader.messages()] == [b"one"]


def test_a_session_goes_on_in_the_next_life_and_what_was_kept_is_a_duplicate(stack: ExitStack, tmp_path: Path) -> None:
    """The datagrams of the first life come again in the second: those whose rows are there are acknowledged, and not given."""

    def datagram(number: int, sequence: int) -> bytes:
        at = {"session": 77, "number": number, "sent_at": 0, "sequence": sequence}
        return encode(Kind.MESSAGE, **at, payload=b"%d" % sequence * 200, lowest=1, transmission=1)

    peer = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
    peer.settimeout(PATIENCE)
    for numbers, fresh in (((1, 3), [b"1" * 200, b"3" * 200]), ((1, 2, 3), [b"2" * 200])):
        with Store(tmp_path / "messages.db") as store, Receiver(port=0, store=store) as receiver:
            payloads: list[bytes] = []
            for number in numbers:
                peer.sendto(datagram(number, number), receiver.endpoints[0][1:])
            while len(payloads) < len(fresh):
                payloads += [message.payload for message in given(receiver, 1)]
            assert payloads == fresh
            receiver.poll(0)
            said = decode_acknowledgment(decode(peer.recv(2000)).payload)
            while said.all_below < len(numbers) and len(numbers) == 3:
                said = decode_acknowledgment(decode(peer.recv(2000)).payload)
    assert said.all_below == 4


def test_what_cannot_be_kept_is_not_delivered_and_tried_again(
    stack: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stack.enter_context(Store(tmp_path / "messages.db"))
    receiver, sender = pair(stack, "udp", store=store)
    sender.send("one")
    sound = store.keep

    def full(*arguments: object, **options: object) -> None:
        raise CannotStore("the disk is full")

    monkeypatch.setattr(store, "keep", full)
    with pytest.raises(CannotStore):
        receiver.poll(PATIENCE)
    assert sender.poll(0.05) == []
    monkeypatch.setattr(store, "keep", sound)
    assert [message.payload for message in given(receiver, 1)] == [b"one"]
    assert [outcome.state for outcome in sender.outcomes()] == [State.DELIVERED]
    assert store.kept == 1


def test_what_is_only_counted_is_acknowledged_as_it_comes(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("udpmsg.core.owed.MAX_ACK_DELAY", 10**15)  # nobody waits for that
    receiver, sender = pair(stack, "udp", counting_only=True)
    sender.send("one")
    assert receiver.poll(0) == []
    assert [event.state for event in sender.poll(0) if isinstance(event, Outcome)] == [State.DELIVERED]


def test_a_quick_application_costs_one_acknowledgment_for_what_came_together(stack: ExitStack) -> None:
    """It is told when the messages are delivered, and not before that they have arrived."""
    receiver, sender = pair(stack, "udp")
    sender.send_many([b"one", b"two", b"three"])
    assert len(given(receiver, 3)) == 3
    assert receiver.poll(0) == []
    assert [event.sequence for event in sender.poll(PATIENCE) if isinstance(event, Outcome)] == [1, 2, 3]
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        peer.settimeout(PATIENCE)
        for sequence in (1, 2, 3):
            data = encode(Kind.MESSAGE, session=7, number=sequence, sent_at=0, sequence=sequence, lowest=1, transmission=1)
            peer.sendto(data, (receiver.endpoints[0].host, receiver.endpoints[0].port))
        assert len(given(receiver, 3)) == 3
        receiver.poll(0)
        said = decode_acknowledgment(decode(peer.recv(2000)).payload)
        assert (said.arrived, said.all_below) == ([(1, 3)], 4)
        peer.settimeout(0.05)
        with pytest.raises(TimeoutError):
            peer.recv(2000)


def test_what_came_in_rounds_is_kept_in_one_group(stack: ExitStack, tmp_path: Path) -> None:
    store = stack.enter_context(Store(tmp_path / "messages.db"))
    receiver = stack.enter_context(Receiver(port=0, store=store))
    sender = stack.enter_context(Sender("127.0.0.1", receiver.endpoints[0].port))
    sender.send_many([b"x"] * 400)  # more than one round of the socket brings, and all of it is there
    assert len(receiver.poll(PATIENCE)) == 400
    assert (store.commits, store.kept) == (1, 400)


def test_a_group_is_no_larger_than_the_limits_have_room_for(stack: ExitStack, tmp_path: Path) -> None:
    store = stack.enter_context(Store(tmp_path / "messages.db"))
    receiver = stack.enter_context(Receiver(port=0, store=store))
    sender = stack.enter_context(Sender("127.0.0.1", receiver.endpoints[0].port, datagram_size=7100))
    sender.send_many([bytes(7000)] * 400)  # 2.8 MB, and a session may have 2 MiB waiting
    while events := receiver.poll(0.2):
        assert all(isinstance(event, Message) for event in events)  # LimitReached, else
    statistics = receiver.statistics()
    assert statistics.over_limit == 0
    assert store.kept == statistics.messages_delivered > 0


def test_counting_keeps_nothing_so_it_needs_no_store(tmp_path: Path) -> None:
    with Store(tmp_path / "messages.db") as store, pytest.raises(UsageError, match="leave one of them out"):
        Receiver(port=0, counting_only=True, store=store)


def test_what_came_in_time_counts_however_late_it_is_looked_at(stack: ExitStack, clock: VirtualClock) -> None:
    """Input comes before timeouts (docs/decisions/0029): a busy program finds its acknowledgment and its deadline at once."""
    receiver = stack.enter_context(Receiver(port=0))
    sender = Sender(receiver.endpoints[0].host, receiver.endpoints[0].port, acknowledged=True, deadline=0.3)
    stack.callback(sender.close, wait=False)
    sender.send("one")
    assert len(given(receiver, 1)) == 1
    receiver.poll(0)
    clock.advance(0.5)
    assert [event.state for event in sender.poll(0) if isinstance(event, Outcome)] == [State.DELIVERED]
