"""`udpmsg listen`: whose word ends it. A word counts only from the peer that it concerns."""

import socket
from typing import Any

import pytest

from tests.cli.conftest import Commands
from tests.cli.test_listen import raw
from tests.core.support import RemoteSender
from udpmsg.cli import ending
from udpmsg.cli.ending import REMEMBERED, EndRules, Ends, remember
from udpmsg.core.events import Goodbye, Message
from udpmsg.sockets.endpoint import Endpoint

HERE, THERE = Endpoint("udp", "127.0.0.1", 40001), Endpoint("udp", "127.0.0.1", 40002)


class Addresses:
    """A receiver, of which only this is asked: who has proved what, and whom to ask."""

    def __init__(self) -> None:
        self.proven: set[object] = set()
        self.asked: list[object] = []

    def proved(self, message: Message) -> bool:
        return message.peer in self.proven

    def challenge(self, message: Message) -> None:
        self.asked.append(message.peer)


def ends(addresses: Addresses, said: list[str], **when: Any) -> Ends:
    usual: dict[str, Any] = {"messages": None, "duration": None, "idle": None, "once": False, "stop_word": b"stop"}
    return Ends(EndRules(**usual | when, farewell=b"bye"), addresses, said.append)  # type: ignore[arg-type]


@pytest.mark.parametrize("word", ["stop", "stop\n"])
def test_the_stop_word_is_answered_and_ends_the_listener(commands: Commands, over: list[str], word: str) -> None:
    listener = commands.listen(*over, "--stop-word", "stop", "--echo")
    sender = commands.send(listener.address, word, "--ack", "--wait", "10s", *over)
    assert sender.wait() == 0
    assert listener.wait() == 0
    assert [message["text"] for message in listener.events("message")] == [word]


def test_a_stop_word_in_a_dialogue_is_obeyed(commands: Commands, over: list[str]) -> None:
    listener = commands.listen(*over, "--stop-word", "stop", "--echo")
    assert commands.send(listener.address, *over, input="hello\nstop\n").wait() == 0
    assert listener.wait() == 0


def test_who_cannot_be_asked_is_not_obeyed_and_that_is_said(commands: Commands) -> None:
    """A sender that has gone away, and one that forges its address, are the same to a listener."""
    listener = commands.listen("--stop-word", "stop")
    for session in (77, 78):
        sender = RemoteSender(session, acknowledged=False)
        raw(listener, sender.message(1, b"stop"), sender.goodbye(1))
    assert "send it with --ack" in listener.err.wait_for("asks to stop, and is not obeyed")
    assert commands.send(listener.address, "stop", "--ack").wait() == 0
    assert listener.wait() == 0
    assert len(listener.events("message")) == 3
    assert listener.err.finish().count("asks to stop") == 1


def test_a_raw_stop_word_counts_from_who_has_said_something_before(commands: Commands) -> None:
    listener = commands.listen("--stop-word", "stop")
    raw(listener, b"stop\n")
    listener.err.wait_for("a raw peer must have said something before")
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        for text in (b"hello\n", b"stop\n"):
            peer.sendto(text, ("127.0.0.1", listener.port))
    assert listener.wait() == 0
    assert [event["text"] for event in listener.events("message")] == ["stop\n", "hello\n", "stop\n"]


def test_a_stop_word_waits_for_its_proof_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses, said = Addresses(), list[str]()
    end = ends(addresses, said)
    stop = Message(b"stop", HERE, 7, 1)
    for _ in range(2):
        end.on_messages([stop])
        end.look()
    assert (end.over, addresses.asked, said) == (False, [HERE, HERE], [])  # each time: a challenge may be lost
    assert 0 < (end.wait() or 0) <= ending.PROOF_LOOK / 1e9
    now = ending.clock.now() + ending.PROOF_WAIT + 1
    monkeypatch.setattr(ending.clock, "now", lambda: now)
    end.look()
    assert "127.0.0.1:40001 asks to stop" in said[0]
    assert end.wait() is None
    addresses.proven.add(HERE)
    end.look()
    assert not end.over  # too late; it may say so again
    end.on_messages([stop])
    assert end.over
    assert end.answers_awaited


def test_what_is_remembered_of_strangers_is_bounded() -> None:
    table: dict[int, None] = {}
    for number in range(REMEMBERED + 10):
        remember(table, number, None)
    assert list(table) == list(range(10, REMEMBERED + 10))


def test_once_ends_with_the_first_goodbye(commands: Commands, over: list[str]) -> None:
    listener = commands.listen(*over, "--once")
    commands.send(listener.address, "hello", *over)
    assert listener.wait() == 0


def test_once_ends_with_a_farewell_of_a_raw_peer(commands: Commands) -> None:
    listener = commands.listen("--once")
    raw(listener, b"hello\n", b"bye\n")
    assert listener.wait() == 0
    assert listener.summary()["messages_delivered"] == 2


def test_once_is_bound_to_who_came_first() -> None:
    end = ends(Addresses(), [], once=True, stop_word=None)
    end.on_goodbye(Goodbye(THERE, 8, 0, None))  # nothing of it was ever delivered
    end.on_messages([Message(b"hello", HERE, 7, 1)])
    for stranger in (Message(b"bye", THERE, 8, 1), Message(b"bye", THERE), Message(b"bye", HERE)):
        end.on_messages([stranger])
    end.on_goodbye(Goodbye(THERE, 8, 1, 0))
    assert not end.over
    assert end.wait() is None
    end.on_messages([Message(b"bye\n", HERE, 7, 2)])
    assert 0 < (end.wait() or 0) <= ending.FAREWELL_WAIT / 1e9
    end.on_goodbye(Goodbye(HERE, 7, 2, 0))
    assert end.over


def test_once_over_tcp_goes_on_when_another_connection_ends(commands: Commands) -> None:
    listener = commands.listen("--tcp", "--once")
    first = commands.start("send", listener.address, "--tcp", "--ack", stdin=-1)
    first.type("hello\n")
    listener.out.wait_for('"hello"')
    assert commands.send(listener.address, "meanwhile", "bye", "--tcp", "--ack").wait() == 0
    first.type("more\n")
    listener.out.wait_for('"more"')
    first.end_input()
    assert first.wait() == listener.wait() == 0


def test_a_strangers_goodbye_that_comes_first_ends_nothing(commands: Commands) -> None:
    """A goodbye of a session that nothing else ever came of: it is shown, and that is all."""
    listener = commands.listen("--once")
    raw(listener, RemoteSender(77, acknowledged=False).goodbye(0))
    listener.out.wait_for('"goodbye"')
    commands.send(listener.address, "hello")
    assert listener.wait() == 0
    assert [event["text"] for event in listener.events("message")] == ["hello"]
