"""A word counts only from the peer that it concerns: a stranger ends nothing, cannot answer for another, and
starts no conversation without end."""

import socket
import time
from collections.abc import Callable

import pytest

from tests.cli.conftest import Commands, Running, free_port
from tests.hostile import codec
from tests.hostile.support import Peer, Record
from udpmsg import Message, Sender, State

Listen = Callable[..., Running]
ROUND = 5.0
"""Seconds for which a conversation is carried on."""
FEW = 100
SAME = "127.0.0.1"
"""The address of the honest peers: who shares it is a stranger all the same."""
STRANGER, OTHER = 0x5757_5757_5757_5757, 0x6868_6868_6868_6869
"""Sessions that a stranger invents."""


def carry(ways: dict[socket.socket, tuple[socket.socket, int]]) -> int:
    """Carry what comes in one socket out of the other, to its listener, for a while or until nothing comes; how much it was."""
    until, carried = time.monotonic() + ROUND, 0
    for each in ways:
        each.setblocking(False)
    quiet_since = time.monotonic()
    while time.monotonic() < until and time.monotonic() < quiet_since + 1:
        for each, (other, port) in ways.items():
            try:
                datagram = each.recv(65_536)
            except BlockingIOError:
                continue
            other.sendto(datagram, ("127.0.0.1", port))
            carried += 1
            quiet_since = time.monotonic()
        time.sleep(0)
    return carried


@pytest.mark.parametrize("payload", [b"x", b"hello, hello\n"])
def test_two_listeners_that_echo(listen: Listen, record_property: Record, payload: bytes) -> None:
    """One datagram with a forged source, and two listeners answer each other. What each takes for the other's address is a socket
    here, which carries the answer on, so that nobody needs the right to forge.
    """
    first, second = listen("--echo"), listen("--echo")
    with socket.socket(type=socket.SOCK_DGRAM) as one, socket.socket(type=socket.SOCK_DGRAM) as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        one.sendto(payload, ("127.0.0.1", first.port))
        carried = carry({one: (other, second.port), other: (one, first.port)})
        record_property("seen", f"{carried} messages")
        assert carried <= FEW


def test_a_listener_that_echoes_to_itself(listen: Listen, record_property: Record) -> None:
    """As above, and the forged source is the listener itself: all that it sends comes back."""
    listener = listen("--echo")
    with socket.socket(type=socket.SOCK_DGRAM) as mirror:
        mirror.bind(("127.0.0.1", 0))
        mirror.sendto(b"x", ("127.0.0.1", listener.port))
        carried = carry({mirror: (mirror, listener.port)})
        record_property("seen", f"{carried} messages")
        assert carried <= FEW


def test_a_line_that_is_sent_again_by_hand(listen: Listen) -> None:
    """Whoever types one line into `nc -u` several times means it: it is no bounce, and is answered each time."""
    listener = listen("--echo")
    with Peer(listener.port, "127.0.0.1") as client:
        for _ in range(5):
            client.send(b"hello\n")
            assert client.receive(5.0) == b"hello\n"
            time.sleep(0.5)  # the hand's pace


AFTERWARDS = tuple(map(str, range(20)))
"""Messages, one after the other: more turns than a listener that has been ended takes."""


def are_delivered(sender: Sender, *texts: str) -> bool:
    """Whether each text is acknowledged, sent after the one before was."""
    for text in texts:
        sender.send(text)
        if [outcome.state for outcome in sender.outcomes()] != [State.DELIVERED]:
            return False
    return True


FAREWELLS = {
    "goodbye": [codec.goodbye(STRANGER, 1, 0)],
    "goodbye after a message that was never sent": [codec.goodbye(STRANGER, 2, 1)],
    "goodbye that asks": [codec.goodbye(STRANGER, 1, 0, lowest=1)],
    "raw bye": [b"bye\n"],
    "bye": [codec.message(STRANGER, 1, b"bye")],
    "bye that asks": [codec.message(STRANGER, 1, b"bye", ask=True)],
    "a whole session": [codec.message(STRANGER, 1, b"x"), codec.goodbye(STRANGER, 2, 1)],
}


@pytest.mark.parametrize("words", FAREWELLS.values(), ids=FAREWELLS)
def test_once_ends_with_the_first_peer(commands: Commands, words: list[bytes]) -> None:
    """While the first peer is in its session, somebody else says goodbye. The listener goes on, and ends with the first
    peer's own.
    """
    listener = commands.listen("--once")
    with Sender("127.0.0.1", listener.port, acknowledged=True, deadline=3.0) as honest, Peer(listener.port, SAME) as stranger:
        assert are_delivered(honest, "one")
        stranger.send(*words)
        assert are_delivered(honest, *AFTERWARDS)
    assert listener.wait() == 0
    assert {"one", *AFTERWARDS} <= {message["text"] for message in listener.events("message")}


STOPS = {
    "raw": [b"stop\n"],
    "a first message": [codec.message(STRANGER, 1, b"stop")],
    "a first message that asks": [codec.message(STRANGER, 1, b"stop", ask=True)],
    "a second message": [codec.message(STRANGER, 1, b"x", ask=True), codec.message(STRANGER, 2, b"stop", ask=True)],
}


@pytest.mark.parametrize("words", STOPS.values(), ids=STOPS)
def test_the_stop_word_of_a_stranger(commands: Commands, words: list[bytes]) -> None:
    """Who has proved nothing says the word that stops the listener: it goes on. A client that can be answered says it, and it
    stops.
    """
    listener = commands.listen("--stop-word", "stop", "--echo")
    with Sender("127.0.0.1", listener.port, acknowledged=True, deadline=3.0) as honest, Peer(listener.port) as stranger:
        stranger.send(*words)
        assert are_delivered(honest, *AFTERWARDS)
    assert commands.send(listener.address, input="hello\nstop\n").wait() == 0
    assert listener.wait() == 0


def question(listener: socket.socket) -> tuple[codec.Datagram, tuple[str, int]]:
    """The next message that comes, and from where; acknowledgments of our replies come between."""
    while True:
        datagram, address = listener.recvfrom(65_536)
        asked = codec.read(datagram)
        if asked is not None and asked.kind == codec.MESSAGE:
            return asked, address


def test_a_reply_of_somebody_else() -> None:
    """From a listener's address come messages that answer nothing, answer what was never sent, or are of another session than
    the one
    that has answered before. The sender takes the answers, and only those.
    """
    own, replying = 7, 8  # a receiver replies in a session of its own, beside that of its acknowledgments
    with (
        socket.socket(type=socket.SOCK_DGRAM) as listener,
        Sender("127.0.0.1", port := free_port(), acknowledged=True, deadline=10.0) as sender,
    ):
        listener.bind(("127.0.0.1", port))
        listener.settimeout(10)
        taken: list[bytes] = []
        for turn in (1, 2):
            sender.send("question")
            sender.poll(0)
            asked, address = question(listener)
            strange = [
                codec.message(STRANGER, turn, b"no answer"),
                codec.message(own, turn, b"no answer"),
                codec.message(replying, 100 + turn, b"to what was never sent", ask=True, reply_to=99),
                b"raw",
            ]
            if turn == 2:
                strange.append(codec.message(OTHER, 1, b"of another session", reply_to=asked.sequence))
            ranges = [(1, asked.number)]
            answer = codec.message(replying, turn, b"answer", ask=True, reply_to=asked.sequence)
            listener.sendto(codec.acknowledgment(own, turn, asked.session, asked.number, turn + 1, ranges=ranges), address)
            for each in (*strange, answer):
                listener.sendto(each, address)
            until = time.monotonic() + 10
            while taken.count(b"answer") < turn and time.monotonic() < until:
                taken.extend(event.payload for event in sender.poll(0.5) if isinstance(event, Message))
        sender.close(wait=False)
    assert taken == [b"answer", b"answer"]
