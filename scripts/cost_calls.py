"""What one message costs that travels alone, or among those of other senders, beside plain sockets: function calls and CPU time.

Each figure is of one process that plays both sides through the public library, so its CPU time is the work alone, whatever else
the machine does. Ours and plain sockets take turns, block by block. Measures; as a program it prints one line of JSON:

    python scripts/cost_calls.py NAME ours     a NAME of ROWS
    python scripts/cost_calls.py NAME plain    what it stands beside
"""

import gc
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from socket import SO_RCVBUF, SOCK_DGRAM, SOL_SOCKET, socket
from typing import NamedTuple

from cost_work import BLOCK, WARM_UP, Cost, Work, Works

from udpmsg import Event, Message, Outcome, Receiver, Sender, State

ADDRESS = "127.0.0.1"
PAYLOAD = bytes(64)
ROOM = 2048
"""Bytes that a plain socket reads at most with a call."""
BUFFER = 4 << 20
"""Bytes of receive buffer to ask for: what our receiver asks for."""
SENDERS = 300
"""Senders that take turns, so that no two neighbours are of one session."""
REPETITIONS = 25
PATIENCE = 10.0
"""Seconds in which a block must have come."""


class Row(NamedTuple):
    """One kind of message."""

    title: str
    beside: str
    most: float
    """It may take so many times the CPU time of what it stands beside."""
    works: Callable[[], AbstractContextManager[Works]]


def costs(name: str, *sides: int) -> list[Cost]:
    """What a message of a row takes (side 0), and what it stands beside (side 1), measured in turns."""
    with ROWS[name].works() as works:
        chosen = [works[side] for side in sides or (0, 1)]
        gc.collect()
        gc.freeze()  # what is there by now is not looked through again and again
        try:
            for _ in range(WARM_UP + REPETITIONS):
                for work in chosen:
                    work.repeat()
            return [work.cost() for work in chosen]
        finally:
            gc.unfreeze()


# Plain sockets ------------------------------------------------------------------------------------------------------------


class PlainSockets:
    """Two of them, one connected to the other: what a programmer would write without udpmsg."""

    def __init__(self, stack: ExitStack) -> None:
        self.receiver = stack.enter_context(plain_receiver())
        self.sender = stack.enter_context(plain_sender(self.receiver.getsockname()[1]))

    def send(self, count: int = BLOCK) -> None:
        """One call each."""
        for _ in range(count):
            self.sender.send(PAYLOAD)

    def receive(self, count: int = BLOCK) -> None:
        """What is there, one call each."""
        for _ in range(count):
            self.receiver.recvfrom(ROOM)

    def send_and_receive(self) -> None:
        """Each is taken before the next one leaves."""
        for _ in range(BLOCK):
            self.sender.send(PAYLOAD)
            self.receiver.recvfrom(ROOM)

    def there_and_back(self) -> None:
        """Each is answered before the next one leaves."""
        for _ in range(BLOCK):
            self.sender.send(PAYLOAD)
            data, address = self.receiver.recvfrom(ROOM)
            self.receiver.sendto(data, address)
            self.sender.recv(ROOM)


def plain_receiver() -> socket:
    """A socket on a port that the system chose."""
    receiver = socket(type=SOCK_DGRAM)
    receiver.setsockopt(SOL_SOCKET, SO_RCVBUF, BUFFER)
    receiver.bind((ADDRESS, 0))
    return receiver


def plain_sender(port: int) -> socket:
    """A socket that is connected to a port."""
    sender = socket(type=SOCK_DGRAM)
    sender.connect((ADDRESS, port))
    return sender


# The rows -----------------------------------------------------------------------------------------------------------------


@contextmanager
def lone_sends() -> Iterator[Works]:
    """`Sender.send`, fire and forget, to a socket that is emptied after each block."""
    with ExitStack() as stack:
        plain = PlainSockets(stack)
        silent = stack.enter_context(plain_receiver())
        sender = stack.enter_context(Sender(ADDRESS, silent.getsockname()[1]))

        def send() -> None:
            for _ in range(BLOCK):
                sender.send(PAYLOAD)

        def take() -> None:
            for _ in range(BLOCK):
                silent.recv(ROOM)

        yield Work(send, after=take), Work(plain.send, after=plain.receive)


@contextmanager
def lone_receives() -> Iterator[Works]:
    """`Receiver.poll` with one datagram waiting. A plain socket sends what a sender has made before."""
    with ExitStack() as stack:
        plain = PlainSockets(stack)
        silent = stack.enter_context(plain_receiver())
        sender = stack.enter_context(Sender(ADDRESS, silent.getsockname()[1]))
        receiver = stack.enter_context(Receiver(ADDRESS, 0))
        feeder = stack.enter_context(plain_sender(receiver.endpoints[0].port))
        made: list[bytes] = []

        def make() -> None:
            made.clear()
            for _ in range(BLOCK):
                sender.send(PAYLOAD)
                made.append(silent.recv(ROOM))

        def feed() -> None:
            for datagram in made:
                feeder.send(datagram)

        def feed_and_poll() -> None:
            for datagram in made:
                feeder.send(datagram)
                receiver.poll(0)

        feeding = Work(feed, before=make, after=lambda: take(receiver, BLOCK))
        yield (
            Work(feed_and_poll, before=make, besides=feeding),
            Work(plain.send_and_receive, besides=Work(plain.send, after=plain.receive)),
        )
        receiver.poll(0)  # who asks for more is done with what came
        if receiver.statistics().messages_delivered % BLOCK:
            raise SystemExit("bench: a message was not there when it was asked for")


@contextmanager
def mixed(*, acknowledged: bool) -> Iterator[Works]:
    """A message of each of many senders, taken with as few calls of `Receiver.poll` as can be; or acknowledged too."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with ExitStack() as stack:
        plain = PlainSockets(stack)
        receiver = stack.enter_context(Receiver(ADDRESS, 0))
        port = receiver.endpoints[0].port
        senders = [live_sender(stack, port, acknowledged=acknowledged) for _ in range(SENDERS)]

        def send() -> None:
            for sender in senders:
                sender.send(PAYLOAD)

        def receive() -> None:
            take(receiver, SENDERS)
            if acknowledged:
                receiver.poll(0)  # who asks for more is done with what came: now it is acknowledged

        def hear() -> None:
            for sender in senders if acknowledged else ():
                hear_outcome(sender, receiver)

        yield (
            Work(receive, SENDERS, before=send, after=hear),
            Work(partial(plain.receive, SENDERS), SENDERS, before=partial(plain.send, SENDERS)),
        )


def pair(stack: ExitStack) -> tuple[PlainSockets, Receiver, Sender]:
    """Plain sockets, and a receiver with a sender of acknowledged messages."""
    receiver = stack.enter_context(Receiver(ADDRESS, 0))
    return PlainSockets(stack), receiver, live_sender(stack, receiver.endpoints[0].port, acknowledged=True)


@contextmanager
def round_trips() -> Iterator[Works]:
    """One acknowledged message after the other, each when the one before was confirmed; beside a datagram there and back."""
    with ExitStack() as stack:
        plain, receiver, sender = pair(stack)

        def there_and_back() -> None:
            for _ in range(BLOCK):
                sender.send(PAYLOAD)
                receiver.poll(0)
                receiver.poll(0)  # who asks for more is done with what came: now it is acknowledged
                hear_outcome(sender, receiver)

        yield Work(there_and_back), Work(plain.there_and_back)


@contextmanager
def echoes() -> Iterator[Works]:
    """A message and its reply, both acknowledged, one after the other; beside a datagram there and back."""
    with ExitStack() as stack:
        plain, receiver, sender = pair(stack)

        def there_and_back() -> None:
            for _ in range(BLOCK):
                sender.send(PAYLOAD)
                for event in receiver.poll(0):
                    if isinstance(event, Message):
                        receiver.reply(event, event.payload)
                receiver.poll(0)
                wait_for(sender, receiver, lambda event: isinstance(event, Message))

        yield Work(there_and_back), Work(plain.there_and_back)


def live_sender(stack: ExitStack, port: int, *, acknowledged: bool) -> Sender:
    """A sender that is closed at the end without a goodbye: the receiver is of this process, and could not confirm it."""
    sender = Sender(ADDRESS, port, acknowledged=acknowledged)
    stack.callback(sender.close, wait=False)
    return sender


def take(receiver: Receiver, count: int) -> None:
    """Poll until so many messages have come, all of which are on their way."""
    until = time.monotonic() + PATIENCE
    while count > 0:
        for event in receiver.poll(0):
            count -= isinstance(event, Message)
        if time.monotonic() > until:
            raise SystemExit(f"bench: {count} messages did not come within {PATIENCE:g} s")


def hear_outcome(sender: Sender, receiver: Receiver) -> None:
    """The sender's one message was DELIVERED."""
    wait_for(sender, receiver, lambda event: isinstance(event, Outcome) and event.state is State.DELIVERED)


def wait_for(sender: Sender, receiver: Receiver, awaited: Callable[[Event], bool]) -> None:
    """The sender is told what it waits for: at once, unless an address has to prove itself first."""
    until: float | None = None
    while not any(map(awaited, sender.poll(0))):
        receiver.poll(0)
        until = until or time.monotonic() + PATIENCE
        if time.monotonic() > until:
            raise SystemExit(f"bench: a message was not confirmed within {PATIENCE:g} s")


ROWS = {
    "send": Row("`Sender.send`", "`socket.send`", 3, lone_sends),
    "poll": Row("`Receiver.poll`, one datagram waiting", "`recvfrom`", 3.5, lone_receives),
    "mixed": Row(f"`Receiver.poll`, {SENDERS} senders in turns", "`recvfrom`", 3.5, lambda: mixed(acknowledged=False)),
    "mixed-acknowledged": Row(
        f"the same, acknowledged: received, and {SENDERS} acknowledgments sent", "`recvfrom`", 8, lambda: mixed(acknowledged=True)
    ),
    "round-trip": Row(
        "one acknowledged message there and back, all of both sides", "a datagram there and back", 3.5, round_trips
    ),
    "echo": Row("a message and its reply, both acknowledged, all of both sides", "a datagram there and back", 7, echoes),
}


if __name__ == "__main__":
    (found,) = costs(sys.argv[1], ("ours", "plain").index(sys.argv[2]))
    print(json.dumps(found._asdict()))
