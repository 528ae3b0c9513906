"""A message may be called something: the title travels with it, whole or in parts, in every transmission, and is told once."""

import sys

import pytest

from tests.core.support import (
    RECEIVER,
    RemoteReceiver,
    RemoteSender,
    a_receiver,
    acknowledged_sender,
    at,
    plain_sender,
    read,
)
from udpmsg.base.errors import MessageTooLarge
from udpmsg.core.budget import FRAGMENT_COST, MESSAGE_COST, REASSEMBLY_COST
from udpmsg.core.events import Message
from udpmsg.core.framing import each
from udpmsg.core.receiver import Receiver
from udpmsg.core.sender import Sender

PAYLOAD = bytes(range(250))


def received(datagrams: list[bytes], *, framed: bool = False) -> list[Message]:
    receiver = a_receiver(framed=framed)
    receiver.receive(datagrams, now=at(0), peer="p")
    return [event for event in receiver.events() if isinstance(event, Message)]


@pytest.mark.parametrize("sender", [acknowledged_sender(), plain_sender()], ids=["acknowledged", "fire and forget"])
def test_the_receiver_is_told_what_a_message_is_called(sender: Sender) -> None:
    sender.send([b"one", b"two"], now=at(0), title="n.txt")
    sender.send([b"three"], now=at(0))
    messages = received(each(sender.data_to_send(now=at(0))))
    assert [(message.payload, message.title) for message in messages] == [(b"one", "n.txt"), (b"two", "n.txt"), (b"three", None)]


@pytest.mark.parametrize("acknowledged", [True, False])
def test_of_a_message_in_fragments_the_first_one_has_it_and_none_is_too_large(acknowledged: bool) -> None:
    sender = (acknowledged_sender if acknowledged else plain_sender)(datagram_size=140)
    sender.send([PAYLOAD], now=at(0), title="a longer name.txt")
    fragments = each(sender.data_to_send(now=at(0)))
    datagrams = read(fragments)
    assert [datagram.title for datagram in datagrams] == ["a longer name.txt"] + [""] * (len(fragments) - 1)
    assert max(map(len, fragments)) == len(fragments[0]) <= 140
    assert {len(fragment) for fragment in fragments[1:]} == {len(fragments[0]) - 18}
    for order in (fragments, fragments[::-1]):
        (message,) = received(order)
        assert (message.payload, message.title) == (PAYLOAD, "a longer name.txt")


def test_in_a_frame_it_stands_too() -> None:
    sender = acknowledged_sender(datagram_size=None)
    sender.send([PAYLOAD], now=at(0), title="ü")
    (message,) = received(each(sender.data_to_send(now=at(0))), framed=True)
    assert (message.payload, message.title) == (PAYLOAD, "ü")


def test_every_transmission_has_it() -> None:
    sender, remote = acknowledged_sender(), RemoteReceiver()
    sender.send([b"x"] * 5, now=at(0), title="n.txt")
    sender.data_to_send(now=at(0))
    sender.receive([remote.ack((2, 5), below=1, delivered=[(2, 5)])], now=at(20))
    (again,) = read(sender.data_to_send(now=at(20)))
    assert (again.sequence, again.transmission, again.title) == (1, 2, "n.txt")


def test_what_is_counted_as_in_flight_is_what_left() -> None:
    sender = acknowledged_sender(datagram_size=140)
    sender.send([PAYLOAD, b"x"], now=at(0), title="n.txt")
    assert sender.congestion.bytes_in_flight == 0
    left = each(sender.data_to_send(now=at(0)))
    assert sender.congestion.bytes_in_flight == sum(map(len, left))


def test_a_title_takes_room_in_the_largest_message() -> None:
    sender = acknowledged_sender(datagram_size=128, max_message=1 << 30)
    room = 128 - 40 - 12 - 12 - 4
    sender.check(65_535 * room)
    sender.check(65_535 * (room - 6), title="n.txt")
    with pytest.raises(MessageTooLarge):
        sender.check(65_535 * (room - 6) + 1, title="n.txt")


def test_the_title_of_a_fragment_that_came_twice_is_told_once() -> None:
    remote = RemoteSender()
    first = remote.message(1, b"ab", fragment=(0, 2, 2, 4), title="n.txt")
    again = remote.message(1, b"ab", fragment=(0, 2, 2, 4), title="another")
    second = remote.message(1, b"cd", fragment=(1, 2, 2, 4))
    assert [(message.payload, message.title) for message in received([first, again, second])] == [(b"abcd", "n.txt")]


@pytest.mark.parametrize(
    "title", ["n" * 128, "n" * 126 + "ü", "n" * 125 + "中", "n" * 124 + "😀"], ids=["ascii", "latin", "bmp", "astral"]
)
@pytest.mark.parametrize("parts", [1, 2])
def test_a_title_is_charged_at_what_it_takes(title: str, parts: int) -> None:
    """One character beyond the basic plane makes Python keep four bytes for each."""
    receiver, remote = Receiver(session=RECEIVER, now=at(0)), RemoteSender(ordered=True)
    fragment = (0, 2, 2, 4) if parts == 2 else None
    receiver.receive([remote.message(2, b"ab", title=title, fragment=fragment)], now=at(0), peer="p")
    takes = sys.getsizeof(title)
    assert receiver.held_bytes == 2 + takes + (MESSAGE_COST if parts == 1 else FRAGMENT_COST + REASSEMBLY_COST)
    if parts == 2:
        receiver.receive([remote.message(2, b"cd", fragment=(1, 2, 2, 4))], now=at(1), peer="p")
        assert receiver.held_bytes == 4 + takes + MESSAGE_COST, "held behind a gap"
    receiver.receive([remote.message(1, b"x", title=title), remote.message(3, b"yz")], now=at(2), peer="p")
    events = [event for event in receiver.events(2) if isinstance(event, Message)]
    assert receiver.held_bytes == 2 * parts + 1 + 2 + 2 * takes + 3 * MESSAGE_COST
    receiver.done(events[1])
    assert receiver.held_bytes == 1 + 2 + takes + 2 * MESSAGE_COST
    receiver.commit()
    receiver.events()
    receiver.commit()
    assert receiver.held_bytes == 0
