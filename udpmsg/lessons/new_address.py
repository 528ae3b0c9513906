"""The lesson `new-address`: a sender whose address changes while it sends, as a phone's does that leaves its Wi-Fi."""

import select
from dataclasses import dataclass

from udpmsg.base import clock
from udpmsg.base.language import _
from udpmsg.core import wire
from udpmsg.core.events import Duplicate, Event, Message, Outcome, State
from udpmsg.core.wire import Kind
from udpmsg.lessons.lesson import Illustration, Observations, Predicates, table
from udpmsg.lessons.stage import LARGEST, LOOPBACK, PATIENCE, SILENT, Stage, reading, word_for
from udpmsg.messaging.receiver import Receiver
from udpmsg.messaging.sender import Sender
from udpmsg.sockets.endpoint import Endpoint

COUNT = 6
MOVES_AFTER = 3
MIN_RTO = 0.05
"""Seconds, so that the class need not wait long for the retransmission."""
TICK = 0.005
"""Seconds that the sender listens for an answer at a time."""


@dataclass(frozen=True)
class Seen(Observations):
    """What the receiver saw of a sender that moved."""

    udp_sessions: int
    """By the session's number, which every datagram has."""
    udp_arrivals: tuple[tuple[int, int, bool], ...]
    """In order: the message's sequence number, the port that it came from, and whether it was given to the application."""
    udp_confirmed: int
    """Messages of which the sender knows that they were delivered."""
    tcp_connections: int
    """That the listener accepted."""
    tcp_old_connection: str
    """What its next read gives after the move: "silence", or the bytes."""

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports that messages came from, in the order of the first from each."""
        return tuple(dict.fromkeys(port for _sequence, port, _given in self.udp_arrivals))

    @property
    def given(self) -> tuple[int, ...]:
        """The sequence numbers that the application was given."""
        return tuple(sequence for sequence, _port, given in self.udp_arrivals if given)


class HomeRouter:
    """The router between a sender at home and everybody else: it forwards from a port of its own, and may get another one."""

    def __init__(self, stage: Stage, target: tuple[str, int]) -> None:
        """`target`: where everything goes."""
        self.inside, self.outside = stage.udp_listener(), stage.udp()
        self.answers = True
        """Whether what comes back is passed on."""
        self.loses_questions = False
        """Whether a PROBE from inside is lost: the question what has come."""
        self._target = target
        self._sender: tuple[str, int] | None = None

    def pass_on(self) -> None:
        """Everything that is there."""
        while ready := select.select([self.inside, self.outside], [], [], 0)[0]:
            if self.inside in ready:
                datagram, self._sender = self.inside.recvfrom(LARGEST)
                if not (self.loses_questions and wire.kind_of(datagram) == Kind.PROBE):
                    self.outside.sendto(datagram, self._target)
            if self.outside in ready:
                datagram = self.outside.recv(LARGEST)
                if self.answers and self._sender:
                    self.inside.sendto(datagram, self._sender)


class Conversation:
    """An acknowledged sender, the router, and a receiver, moved on together."""

    def __init__(self, stage: Stage) -> None:
        """Open all three."""
        self.stage = stage
        self.receiver = Receiver(LOOPBACK, 0)
        self.router = HomeRouter(stage, (LOOPBACK, self.receiver.endpoints[0].port))
        self.sender = Sender(LOOPBACK, self.router.inside.getsockname()[1], acknowledged=True, min_rto=MIN_RTO)
        self.arrivals: list[tuple[int, int, bool]] = []
        self.sessions: set[int] = set()
        self.confirmed = 0

    def go_on(self, *, delivered: int = 0, confirmed: int = 0) -> None:
        """Until so many messages are delivered, and so many are known to be."""
        until = clock.now() + round(PATIENCE * 1e9)
        while (self.delivered < delivered or self.confirmed < confirmed) and clock.now() < until:
            self.router.pass_on()
            for event in self.receiver.poll(0):
                self.note(event)
                if isinstance(event, Message):
                    self.receiver.done(event)  # the sender is not to wait until we ask for more
            self.router.pass_on()
            for event in self.sender.poll(TICK if self.confirmed < confirmed else 0):
                self.confirmed += isinstance(event, Outcome) and event.state is State.DELIVERED

    @property
    def delivered(self) -> int:
        """Messages given to the application."""
        return sum(given for _sequence, _port, given in self.arrivals)

    def note(self, event: Event) -> None:
        """Say what came."""
        if isinstance(event, Message):
            told = _("message {} from port {}")
        elif isinstance(event, Duplicate):
            told = _("message {} from port {}: came before, not delivered again")
        else:
            return
        if event.session is None or event.sequence is None or not isinstance(event.peer, Endpoint):
            return  # somebody else's datagram
        self.sessions.add(event.session)
        self.arrivals.append((event.sequence, event.peer.port, isinstance(event, Message)))
        self.stage.say(told.format(event.sequence, event.peer.port))

    def close(self) -> None:
        """Give the sockets back; nobody is there any more who could confirm a goodbye."""
        self.sender.close(wait=False)
        self.receiver.close(linger=0)


def run(stage: Stage, *, moves: bool = True) -> Seen:
    """`moves`: whether the sender's address changes."""
    return Seen(*over_udp(stage, moves), *over_tcp(stage, moves))


def over_udp(stage: Stage, moves: bool) -> tuple[int, tuple[tuple[int, int, bool], ...], int]:
    """Messages before and after the move; the acknowledgment of the last one before it is lost with the old address, and after it
    udpmsg's question what has come, whose answer would save the repetition."""
    talk = Conversation(stage)
    try:
        stage.step(_("udpmsg over UDP: messages 1 to {}, acknowledged, through a router").format(MOVES_AFTER))
        for number in range(1, MOVES_AFTER):
            talk.sender.send(f"message {number}")
            talk.go_on(confirmed=number)
        talk.router.answers = not moves
        talk.sender.send(f"message {MOVES_AFTER}")
        talk.go_on(delivered=MOVES_AFTER)
        stage.step(
            _(
                "the router gets a new port; the acknowledgment of message {} goes to the old one, and the question about what "
                "has come is lost"
            ).format(MOVES_AFTER)
        )
        if moves:
            talk.router.answers, talk.router.loses_questions, talk.router.outside = True, True, stage.udp()
        talk.go_on(confirmed=MOVES_AFTER)
        for number in range(MOVES_AFTER + 1, COUNT + 1):
            talk.sender.send(f"message {number}")
        talk.go_on(confirmed=COUNT)
    finally:
        talk.close()
    return len(talk.sessions), tuple(talk.arrivals), talk.confirmed


def over_tcp(stage: Stage, moves: bool) -> tuple[int, str]:
    """A connection, and then the same sender from another port."""
    stage.step(_("TCP: connect, and send “first”; then go on from another port"))
    listener, sender = stage.tcp_listener(), stage.tcp()
    sender.connect(listener.getsockname())
    connection = stage.accepted(listener)
    sender.sendall(b"first")
    connection.recv(LARGEST)
    connections = 1
    if moves:
        sender = stage.tcp()
        sender.connect(listener.getsockname())
        stage.accepted(listener)
        connections += 1
    sender.sendall(b"second")
    old = reading(connection)
    stage.say(_("connections that the listener accepted: {}").format(connections))
    stage.say(_("the first connection reads: {}").format(word_for(old)))
    return connections, old


def shows(seen: Seen) -> tuple[Illustration, ...]:
    """What came from where."""
    rows = tuple(
        (str(sequence), str(port), _("delivered to the program") if given else _("came before: thrown away"))
        for sequence, port, given in seen.udp_arrivals
    )
    return (table((_("message"), _("from port"), _("and then")), rows, _("UDP, one session:")),)


EXPECTED: Predicates[Seen] = {
    "session-goes-on": lambda seen: (
        seen.udp_sessions == 1 and len(seen.ports) == 2 and sorted(seen.given) == list(range(1, COUNT + 1))
    ),
    "no-duplicate": lambda seen: (
        len(seen.ports) == 2
        and (MOVES_AFTER, seen.ports[1], False) in seen.udp_arrivals
        and len(set(seen.given)) == len(seen.given)
    ),
    "answers-follow": lambda seen: len(seen.ports) == 2 and seen.udp_confirmed == COUNT,
    "tcp-is-a-new-connection": lambda seen: seen.tcp_connections == 2 and seen.tcp_old_connection == SILENT,
}
