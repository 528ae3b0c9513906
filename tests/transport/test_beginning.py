"""Who can't be ours is turned away by the first bytes, and next to nothing is made for it: counted with fakes, not timed."""

import socket
import struct
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transport.support import VirtualClock, collect, connect, hello, reset
from udpmsg import Disconnected, Limits, Malformed, Message, Receiver
from udpmsg.base.errors import MalformedDatagram
from udpmsg.core import wire
from udpmsg.core.events import Event
from udpmsg.core.framing import BadFrame, FrameReader, each, frame
from udpmsg.tcp import receiver as tcp
from udpmsg.tcp.beginning import BEGINNING, offence
from udpmsg.tcp.door import PATIENCE_AT_THE_DOOR

LIMIT = 1000
OURS = hello(7)
FOREIGN = {
    "frames of nothing": frame(b"") * 100,
    "frames of one byte": frame(b"U") * 100,
    "frames of another version": frame(b"UM\x7f\x01" + bytes(60)) * 10,
    "HTTP": b"GET / HTTP/1.1\r\nHost: example\r\n\r\n",
}
TOGETHER = 40


def judged_when_whole(stream: bytes) -> str | None:
    """What is wrong with the first frame of a stream, found out without haste."""
    reader = FrameReader(LIMIT)
    reader.add(stream)
    try:
        for message in each(reader.take(1)):
            wire.decode(message, framed=True)
    except (BadFrame, MalformedDatagram) as error:
        return str(error)
    return None


begins = st.one_of(
    st.binary(max_size=80),
    st.builds(
        lambda length, head, rest: struct.pack(">I", length) + head + rest,
        st.one_of(st.integers(0, 60), st.sampled_from([LIMIT, LIMIT + 1, 2**32 - 1])),
        st.sampled_from([b"", b"U", b"UM", b"UM\x01", b"UM\x01\x01", b"UM\x01\x63", b"UM\x02\x01", b"XX\x01\x01"]),
        st.binary(max_size=80),
    ),
    st.builds(lambda cut: OURS[:cut], st.integers(0, len(OURS))),
)


@given(begins)
def test_what_the_beginning_tells_is_what_the_whole_would(stream: bytes) -> None:
    """A stream is never turned away that would be served, and why it is turned away is what its first frame would have shown."""
    early = offence(stream[:BEGINNING], LIMIT)
    if early is not None:
        (length,) = struct.unpack_from(">I", stream)
        whole = stream if length > LIMIT else (stream + bytes(LIMIT))[: 4 + length]
        assert str(early) == judged_when_whole(whole)


@given(begins)
def test_what_is_none_of_ours_is_told_by_its_kind(stream: bytes) -> None:
    """From the magic, the version and the kind on, and before that as soon as the length is impossible."""
    early = offence(stream[:BEGINNING], LIMIT)
    if len(stream) >= 4 and not wire.HEADER.size <= struct.unpack_from(">I", stream)[0] <= LIMIT:
        assert early is not None
    elif len(stream) >= 8:
        assert (early is None) is wire.is_ours(stream[4:])
    else:
        assert early is None


class Made:
    """What a TCP receiver makes for its connections, counted."""

    def __init__(self, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
        self.connections = self.keys = self.looks = 0
        made, self._between = tcp.Connection, 0
        self.most_between = 0
        """Connections that were accepted between two looks at the sockets, at most."""
        selector, entrance = receiver._waiter.selector, receiver._sockets["tcp"]._door  # type: ignore[union-attr]
        register, select, accept = selector.register, selector.select, entrance._accept

        def counted(*arguments: Any) -> Any:
            self.connections += 1
            return made(*arguments)

        def registering(*arguments: Any) -> Any:
            self.keys += 1
            return register(*arguments)

        def selecting(*arguments: Any) -> Any:
            self.looks += 1
            self._between = 0
            return select(*arguments)

        def accepting() -> Any:
            accepted = accept()
            self._between += 1
            self.most_between = max(self.most_between, self._between)
            return accepted

        monkeypatch.setattr(tcp, "Connection", counted)
        monkeypatch.setattr(selector, "register", registering)
        monkeypatch.setattr(selector, "select", selecting)
        monkeypatch.setattr(entrance, "_accept", accepting)


@pytest.mark.parametrize("stream", FOREIGN.values(), ids=FOREIGN)
def test_nothing_is_made_for_who_speaks_another_language_at_once(
    stack: ExitStack, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, stream: bytes
) -> None:
    """Each is counted and told, takes no place, and the honest one behind them is served after a few looks at the others."""
    receiver = stack.enter_context(Receiver(port=0, transport="tcp", limits=Limits(sessions=2)))
    strangers = [stack.enter_context(connect(receiver.endpoints[0])) for _ in range(TOGETHER)]
    for stranger in strangers:
        stranger.sendall(stream)
    honest = stack.enter_context(connect(receiver.endpoints[0]))
    honest.sendall(hello(1, payload=b"honest"))
    made = Made(receiver, monkeypatch)
    events: list[Event] = []
    while not any(isinstance(event, Message) for event in events):
        events += receiver.poll(0)
    assert (made.connections, made.keys) == (1, 1)
    assert made.most_between <= tcp.ACCEPTED_AT_ONCE
    assert made.looks <= TOGETHER // tcp.ACCEPTED_AT_ONCE + 2
    assert receiver.statistics().malformed == TOGETHER
    ports = {stranger.getsockname()[1] for stranger in strangers}
    for kind in (Malformed, Disconnected):
        told = [event for event in events if isinstance(event, kind)]
        assert len(told) == TOGETHER
        assert {event.peer.port for event in told} == ports  # type: ignore[attr-defined]
    receiver.close()


def test_who_resets_its_connection_before_it_is_looked_at_is_told_as_that(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system tells it once, to whoever reads first, if only the beginning."""
    receiver = stack.enter_context(Receiver(port=0, transport="tcp"))
    made = Made(receiver, monkeypatch)
    reset(connect(receiver.endpoints[0]))
    (gone,) = collect(receiver, Disconnected)
    assert gone.reason in {"Connection reset by peer", "An existing connection was forcibly closed by the remote host"}
    assert (made.connections, receiver.statistics().sessions) == (0, 0)


@pytest.mark.parametrize("stream", FOREIGN.values(), ids=FOREIGN)
def test_who_speaks_another_language_later_has_no_turn(
    stack: ExitStack, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, stream: bytes
) -> None:
    """Connections that were silent at first. The first bytes close each, some in a look."""
    receiver = stack.enter_context(Receiver(port=0, transport="tcp"))
    strangers = [stack.enter_context(connect(receiver.endpoints[0])) for _ in range(TOGETHER)]
    while len(receiver._sockets["tcp"]._connections) < TOGETHER:  # type: ignore[union-attr]
        assert receiver.poll(0) == []
    for stranger in strangers:
        stranger.sendall(stream)
    made = Made(receiver, monkeypatch)
    monkeypatch.setattr(receiver._sockets["tcp"], "take_turn", None)
    events: list[Event] = []
    while len(events) < 2 * TOGETHER:
        events += receiver.poll(0)
    assert made.looks == -(-TOGETHER // tcp.NEWCOMERS_AT_ONCE)
    assert receiver.statistics().malformed == TOGETHER
    receiver.close()


def test_who_is_known_does_not_wait_for_those_who_are_not(stack: ExitStack, clock: VirtualClock) -> None:
    """Many strangers that were silent at first, and behind them a message of one that was served before."""
    receiver = stack.enter_context(Receiver(port=0, transport="tcp"))
    honest = stack.enter_context(connect(receiver.endpoints[0]))
    honest.sendall(hello(1))
    assert receiver.receive(10.0)
    strangers = [stack.enter_context(connect(receiver.endpoints[0])) for _ in range(TOGETHER)]
    while len(receiver._sockets["tcp"]._connections) <= TOGETHER:  # type: ignore[union-attr]
        assert receiver.poll(0) == []
    for stranger in strangers:
        stranger.sendall(FOREIGN["frames of one byte"])
    honest.sendall(hello(1, 2))
    events = receiver.poll(0)
    assert [type(event) for event in events].count(Message) == 1
    assert [type(event) for event in events].count(Malformed) == tcp.NEWCOMERS_AT_ONCE
    receiver.close()


def test_one_from_the_address_and_port_of_another_connection_does_not_end_that_one(stack: ExitStack) -> None:
    """The kernel tells such a thing for two addresses of this machine; a fake tells it here."""
    receiver = stack.enter_context(Receiver(port=0, transport="tcp"))
    honest = stack.enter_context(connect(receiver.endpoints[0]))
    honest.sendall(hello(1))
    message = receiver.receive(10.0)
    assert message is not None
    listening = receiver._sockets["tcp"]
    stranger = stack.enter_context(connect(receiver.endpoints[0]))
    stranger.sendall(FOREIGN["HTTP"])
    accepted, _ = listening._door._accept()  # type: ignore[union-attr]
    with accepted:
        begins = listening._door.beginning(accepted, message.peer)  # type: ignore[union-attr, arg-type]
        assert begins
    assert not listening.notices
    receiver.close()


def door(receiver: Receiver) -> tuple[int, int]:
    """How many wait at the door who have said nothing, and how many who were turned away."""
    entrance = receiver._sockets["tcp"]._door  # type: ignore[union-attr]
    return len(entrance._silent), len(entrance._turned_away)


def test_who_waits_to_be_accepted_is_not_behind_those_who_are_to_be_closed(stack: ExitStack, clock: VirtualClock) -> None:
    """As long as others wait nobody is closed, and then they are, some in a look."""
    receiver = stack.enter_context(Receiver(port=0, transport="tcp"))
    strangers = [stack.enter_context(connect(receiver.endpoints[0])) for _ in range(TOGETHER)]
    for stranger in strangers:
        stranger.sendall(FOREIGN["HTTP"])
    honest = stack.enter_context(connect(receiver.endpoints[0]))
    honest.sendall(hello(1))
    events: list[Event] = []
    while not any(isinstance(event, Message) for event in events):
        assert door(receiver) == (0, len(events) // 2)
        events += receiver.poll(0)
    left = door(receiver)[1]
    assert left >= TOGETHER - tcp.CLOSED_AT_ONCE
    while left:
        receiver.poll(0)
        assert left - door(receiver)[1] == min(left, tcp.CLOSED_AT_ONCE)
        left = door(receiver)[1]
    for stranger in strangers:
        with suppress(ConnectionError):
            assert stranger.recv(1) == b""
    receiver.close()


def test_nothing_is_made_for_who_says_nothing_while_others_wait(
    stack: ExitStack, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The honest one behind them is served; then some have shown what they are, and the others have their places."""
    receiver = stack.enter_context(Receiver(port=0, transport="tcp"))
    strangers = [stack.enter_context(connect(receiver.endpoints[0])) for _ in range(TOGETHER)]
    made = Made(receiver, monkeypatch)
    for look in range(1, TOGETHER // tcp.ACCEPTED_AT_ONCE + 1):
        assert receiver.poll(0) == []
        assert door(receiver) == (look * tcp.ACCEPTED_AT_ONCE, 0)
    for stranger in strangers[:10]:
        stranger.sendall(FOREIGN["frames of one byte"])
    honest = stack.enter_context(connect(receiver.endpoints[0]))
    honest.sendall(hello(1))
    events: list[Event] = []
    while not any(isinstance(event, Message) for event in events):
        events += receiver.poll(0)
    while any(door(receiver)):
        events += receiver.poll(0)
    assert sum(isinstance(event, Malformed) for event in events) == 10
    assert made.connections == TOGETHER - 10 + 1
    receiver.close()


def test_who_has_waited_longest_at_a_full_door_has_a_place(stack: ExitStack, clock: VirtualClock) -> None:
    """There is room for half of the free places: one who says nothing is not kept from his by those who come after."""
    receiver = stack.enter_context(Receiver(port=0, transport="tcp", limits=Limits(sessions=12)))
    silent = [stack.enter_context(connect(receiver.endpoints[0])) for _ in range(12)]
    listening = receiver._sockets["tcp"]
    receiver.poll(0)
    served = [endpoint.port for endpoint in listening._connections]  # type: ignore[union-attr]
    assert served
    assert door(receiver)[0] <= (12 - len(served)) // 2
    assert served == [peer.getsockname()[1] for peer in silent[: len(served)]]
    receiver.close()


def foreign(stack: ExitStack, receiver: Receiver, number: int) -> None:
    """So many connections that say at once something foreign."""
    for _ in range(number):
        stack.enter_context(connect(receiver.endpoints[0])).sendall(FOREIGN["HTTP"])


def test_who_speaks_a_moment_later_is_served_while_others_never_stop_coming(stack: ExitStack, clock: VirtualClock) -> None:
    """As many as are accepted at once, before each look. Its first bytes come one look after its connection."""
    receiver = stack.enter_context(Receiver(port=0, transport="tcp"))
    honest = stack.enter_context(connect(receiver.endpoints[0]))
    foreign(stack, receiver, tcp.ACCEPTED_AT_ONCE)
    events = list(receiver.poll(0))
    honest.sendall(hello(1, payload=b"honest"))
    for _ in range(7):
        foreign(stack, receiver, tcp.ACCEPTED_AT_ONCE)
        clock.time += PATIENCE_AT_THE_DOOR // 4
        events += receiver.poll(0)
    assert [event.payload for event in events if isinstance(event, Message)] == [b"honest"]
    receiver.close()


def test_who_comes_again_from_its_port_is_not_ended_by_the_one_that_still_waits(stack: ExitStack, clock: VirtualClock) -> None:
    receiver = stack.enter_context(Receiver(port=0, transport="tcp"))
    endpoint = receiver.endpoints[0]
    former = connect(endpoint)
    port = former.getsockname()[1]
    foreign(stack, receiver, 2 * tcp.ACCEPTED_AT_ONCE)
    events = list(receiver.poll(0))
    reset(former)
    successor = stack.enter_context(socket.socket())
    successor.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    successor.bind((endpoint.host, port))
    successor.connect((endpoint.host, endpoint.port))
    successor.sendall(hello(1, payload=b"again"))
    for _ in range(12):  # no time passes: those who come are before those at the door
        events += receiver.poll(0)
    assert [event.payload for event in events if isinstance(event, Message)] == [b"again"]
    assert not [event for event in events if isinstance(event, Disconnected) and event.peer.port == port]
    receiver.close()
