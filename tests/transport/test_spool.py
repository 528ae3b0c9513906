"""A sender with a spool: what it accepted outlives it, and the next one goes on in the same session."""

import socket
import sqlite3
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.transport.conftest import Listening
from tests.transport.support import LOOPBACK, VirtualClock, goodbyes, outcomes
from udpmsg import CannotStore, Disconnected, Message, MessageTooLarge, Outcome, Sender, State, UsageError


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "messages.spool"


def kept(spool: Path) -> list[tuple[int, bytes]]:
    connection = sqlite3.connect(spool)
    try:
        return list(connection.execute("SELECT sequence, payload FROM message ORDER BY sequence"))
    finally:
        connection.close()


def abandoned(sender: Sender) -> None:
    """It goes without a word, as a killed one does."""
    sender.close(wait=False)


@pytest.fixture
def silent_port(stack: ExitStack) -> int:
    """Somebody has it, and never reads."""
    bound = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    bound.bind((LOOPBACK, 0))
    return int(bound.getsockname()[1])


def test_a_message_is_accepted_when_it_is_in_the_file(spool: Path, silent_port: int, stack: ExitStack) -> None:
    sender = stack.enter_context(Sender(LOOPBACK, silent_port, acknowledged=True, spool=spool))
    assert sender.send("one") == 1
    assert kept(spool) == [(1, b"one")]
    assert sender.send_many([b"two", b"three"]) == range(2, 4)
    assert kept(spool) == [(1, b"one"), (2, b"two"), (3, b"three")]
    assert (sender.unresolved, sender.statistics().messages_sent) == (3, 3)
    with pytest.raises(MessageTooLarge):
        sender.send(bytes(2 << 20))
    assert sender.send_many([]) == range(0)
    assert len(kept(spool)) == 3
    abandoned(sender)


def test_what_one_sender_left_is_sent_by_the_next_with_its_numbers(
    listen: Listening, spool: Path, transport: str, stack: ExitStack
) -> None:
    """1,000 are accepted; nobody looks after the first sender until its end, so most of them are not confirmed."""
    listener = listen(transport)
    payloads = [b"%d" % number * (1 + 700 * (number % 100 == 0)) for number in range(1, 1001)]
    first = stack.enter_context(listener.sender(acknowledged=True, spool=spool))
    first.wake()  # it waits for nobody
    for payload in payloads:
        first.wake()
        first.send(payload)
    abandoned(first)
    left = len(kept(spool))
    assert left > 0
    with listener.sender(acknowledged=True, spool=str(spool)) as second:
        assert second.unresolved > 0
        assert second.send("new") == 1001
        ended = outcomes(second)
    assert [outcome.state for outcome in ended] == [State.DELIVERED] * (left + 1)
    messages = listener.wait_for(Message, 1001)
    assert sorted(message.sequence for message in messages) == list(range(1, 1002))
    assert {message.sequence: message.payload for message in messages} == dict(enumerate([*payloads, b"new"], 1))
    assert len({message.session for message in messages}) == 1
    goodbye = goodbyes(listener, 1)[-1]
    assert (goodbye.messages_sent, goodbye.messages_lost) == (1001, 0)
    assert kept(spool) == []


def test_a_run_that_ended_in_order_is_followed_by_another_session(listen: Listening, spool: Path) -> None:
    listener = listen()
    for _ in range(2):
        with listener.sender(acknowledged=True, spool=spool) as sender:
            assert sender.send("hello") == 1
    one, other = listener.wait_for(Message, 2)
    assert (one.sequence, other.sequence) == (1, 1)
    assert one.session != other.session


def test_a_run_that_was_not_finished_goes_on_though_all_was_delivered(listen: Listening, spool: Path) -> None:
    listener = listen()
    sender = listener.sender(acknowledged=True, spool=spool)
    sender.send("one")
    assert [outcome.state for outcome in outcomes(sender)] == [State.DELIVERED]
    sender.close(finished=False)
    with listener.sender(acknowledged=True, spool=spool) as sender:
        assert sender.unresolved == 0
        assert sender.send("two") == 2
    one, two = listener.wait_for(Message, 2)
    assert (one.session, one.sequence) == (two.session, two.sequence - 1)
    assert [goodbye.messages_sent for goodbye in goodbyes(listener, 1)] == [2]


def test_a_run_is_finished_also_by_a_sender_that_has_nothing_to_send(listen: Listening, spool: Path) -> None:
    listener = listen()
    sender = listener.sender(acknowledged=True, spool=spool)
    sender.send("one")
    list(sender.outcomes())
    sender.close(finished=False)
    listener.sender(acknowledged=True, spool=spool).close()
    (goodbye,) = goodbyes(listener, 1)
    assert (goodbye.messages_sent, goodbye.messages_lost) == (1, 0)
    with listener.sender(acknowledged=True, spool=spool) as sender:
        assert sender.send("of another session") == 1


def test_what_nobody_confirmed_stays_for_the_next_one(
    listen: Listening, spool: Path, monkeypatch: pytest.MonkeyPatch, stack: ExitStack
) -> None:
    """Also what was sent after it, and was delivered, does not make its receiver believe that it is gone."""
    listener = listen()
    first = stack.enter_context(listener.sender(acknowledged=True, spool=spool, deadline=0.05))
    write = first._socket.write
    monkeypatch.setattr(first._socket, "write", lambda batch: None)
    first.send("lost")
    assert [(outcome.sequence, outcome.state) for outcome in outcomes(first)] == [(1, State.UNCONFIRMED)]
    monkeypatch.setattr(first._socket, "write", write)
    first._core.config.deadline = 60 * 10**9
    first.send("delivered")
    assert [(outcome.sequence, outcome.state) for outcome in outcomes(first)] == [(2, State.DELIVERED)]
    first.close()
    assert kept(spool) == [(1, b"lost")]
    with listener.sender(acknowledged=True, spool=spool) as second:
        assert [(outcome.sequence, outcome.state) for outcome in outcomes(second)] == [(1, State.DELIVERED)]
    assert listener.payloads(2) == [b"delivered", b"lost"]
    (goodbye,) = goodbyes(listener, 1)  # the first sender said none: its session was not over
    assert (goodbye.messages_sent, goodbye.messages_lost) == (2, 0)


def test_times_go_on_where_they_stopped(
    listen: Listening, spool: Path, monkeypatch: pytest.MonkeyPatch, stack: ExitStack
) -> None:
    monkeypatch.setattr("udpmsg.base.clock.epoch", lambda: 10**18)
    listener = listen()
    first = stack.enter_context(listener.sender(acknowledged=True, spool=spool))
    first.send("one")
    list(first.outcomes())
    first.close(finished=False)
    before = first._core._encoder._started
    second = stack.enter_context(listener.sender(acknowledged=True, spool=spool))
    assert before - 1_000_000 < second._core._encoder._started <= before


def test_a_connection_that_goes_leaves_the_rest_to_the_next_sender(listen: Listening, spool: Path, stack: ExitStack) -> None:
    """What waited in the file, and was not even tried, is waited for by nobody; and what is accepted now waits there too."""
    server = stack.enter_context(socket.create_server((LOOPBACK, 0)))
    port = server.getsockname()[1]
    first = stack.enter_context(Sender(LOOPBACK, port, transport="tcp", acknowledged=True, spool=spool))
    first.wake()
    for number in range(600):
        first.wake()
        first.send(b"%d" % number)
    abandoned(first)
    server.accept()[0].close()
    second = stack.enter_context(Sender(LOOPBACK, port, transport="tcp", acknowledged=True, spool=spool))
    server.accept()[0].close()
    events = []
    while not any(isinstance(event, Disconnected) for event in events):
        events += second.poll(None)
    assert second.unresolved == 0
    assert second.send("one more") == 601
    assert second.unresolved == 0
    second.close()
    assert [number for number, _ in kept(spool)] == list(range(1, 602))
    ended = [event for event in events if isinstance(event, Outcome)]
    assert ended
    assert all(outcome.state is not State.DELIVERED for outcome in ended)


def test_holes_in_what_is_left_cost_no_round_trips(clock: VirtualClock, spool: Path, silent_port: int, stack: ExitStack) -> None:
    """Every other message was delivered. Of what is left as many leave at once as may."""
    first = stack.enter_context(Sender(LOOPBACK, silent_port, acknowledged=True, spool=spool))
    first.send_many([b"x"] * 40)
    abandoned(first)
    connection = sqlite3.connect(spool)
    connection.execute("DELETE FROM message WHERE sequence % 2 = 0")
    connection.commit()
    connection.close()
    second = stack.enter_context(Sender(LOOPBACK, silent_port, acknowledged=True, spool=spool))
    assert (second.statistics().messages_sent, second.unresolved) == (16, 20)
    abandoned(second)


def test_another_thread_may_have_it_later(listen: Listening, spool: Path, stack: ExitStack) -> None:
    listener = listen()
    sender = stack.enter_context(listener.sender(acknowledged=True, spool=spool))
    thread = threading.Thread(target=sender.send, args=("from there",))
    thread.start()
    thread.join()
    assert [outcome.state for outcome in outcomes(sender)] == [State.DELIVERED]


def test_for_whom_a_spool_is_not(spool: Path, silent_port: int, stack: ExitStack) -> None:
    with pytest.raises(UsageError, match="a spool keeps messages until they are acknowledged"):
        Sender(LOOPBACK, silent_port, spool=spool)
    assert not spool.exists()
    with pytest.raises(UsageError, match="many receivers"):
        Sender("239.1.2.3", silent_port, acknowledged=True, spool=spool)
    sender = stack.enter_context(Sender(LOOPBACK, silent_port, acknowledged=True, spool=spool))
    sender.send("for the silent one")
    with pytest.raises(CannotStore, match="another udpmsg has this spool open"):
        Sender(LOOPBACK, silent_port, acknowledged=True, spool=spool)
    abandoned(sender)
    with pytest.raises(UsageError, match=r"whose host is 127\.0\.0\.1, not localhost"):
        Sender("localhost", silent_port, acknowledged=True, spool=spool)
    with pytest.raises(UsageError, match="whose datagram size is 1200, not 500"):
        Sender(LOOPBACK, silent_port, acknowledged=True, spool=spool, datagram_size=500)
    spool.write_bytes(b"a letter, and no database" * 40)
    with pytest.raises(UsageError, match="this is no spool"):
        Sender(LOOPBACK, silent_port, acknowledged=True, spool=spool)
