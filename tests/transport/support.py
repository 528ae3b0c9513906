"""What the stories share: a listener in a thread, and a selector that does not wait. Owns no assertion.

Nothing here sleeps. Who waits, waits for an event; PATIENCE only bounds how long a failing test hangs.
"""

import os
import selectors
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from udpmsg import Disconnected, Goodbye, Message, Outcome, Receiver, Sender
from udpmsg.core import runs
from udpmsg.core.events import Event
from udpmsg.core.framing import each, frame
from udpmsg.sockets import waiting
from udpmsg.sockets.endpoint import Endpoint

PATIENCE = 30.0
SPIN_LIMIT = 200
LOOPBACK = "127.0.0.1"
FOR_EVER = waiting.LONGEST_WAIT / 10**9
"""What a wait without an end asks of the selector, again and again."""

Answer = Callable[[Message], bytes | None]


class Listener:
    """A receiver that a thread polls: what it was given can be waited for."""

    def __init__(self, receiver: Receiver, answer: Answer | None = None) -> None:
        self.receiver = receiver
        self.events: list[Event] = []
        self._answer = answer
        self._changed = threading.Condition()
        self._stopping = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def endpoint(self, transport: str = "") -> Endpoint:
        return next(endpoint for endpoint in self.receiver.endpoints if transport in ("", endpoint.transport))

    def sender(self, transport: str = "", **options: Any) -> Sender:
        """A sender to this listener."""
        endpoint = self.endpoint(transport)
        return Sender(endpoint.host, endpoint.port, transport=endpoint.transport, **options)

    def of(self, kind: type) -> list[Any]:
        with self._changed:
            return [event for event in self.events if isinstance(event, kind)]

    def payloads(self, number: int) -> list[bytes]:
        """What the messages carried, as soon as there are so many. (A sender knows of the last one before this thread does.)"""
        return [message.payload for message in self.wait_for(Message, number)]

    def wait_for(self, kind: type, number: int = 1) -> list[Any]:
        """Wait until so many events of a kind have come."""
        with self._changed:
            came = self._changed.wait_for(
                lambda: self._error or sum(isinstance(event, kind) for event in self.events) >= number, PATIENCE
            )
        assert self._error is None, repr(self._error)
        assert came, f"{len(self.of(kind))} of {number} {kind.__name__} came"
        return self.of(kind)

    def stop(self) -> None:
        self._stopping = True
        self.receiver.wake()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        self.receiver.close(linger=0.0)
        if self._error is not None:
            raise self._error

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            while not self._stopping:
                events = self.receiver.poll(None)
                for event in events:
                    if self._answer and isinstance(event, Message) and event.reply_to is None:
                        payload = self._answer(event)
                        if payload is not None:
                            self.receiver.reply(event, payload)
                with self._changed:
                    self.events += events
                    self._changed.notify_all()
        except BaseException as error:
            with self._changed:
                self._error = error
                self._changed.notify_all()


class VirtualClock:
    """Time that passes only where somebody waits for it."""

    def __init__(self) -> None:
        self.time = 10**9
        self.waits = 0
        """How often somebody looked whether a socket was ready, or waited."""

    def now(self) -> int:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += int(seconds * 10**9)


def impatient_selector(clock: VirtualClock) -> type[selectors.DefaultSelector]:
    """A selector whose waits are over at once: the clock jumps to their end. It fails a loop that turns for nothing."""

    class ImpatientSelector(selectors.DefaultSelector):
        idle_turns = idle_at = 0

        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            clock.waits += 1
            ready = super().select(0)
            if ready:
                self.idle_turns = 0
                return ready
            if timeout is None or timeout == FOR_EVER:
                ready = super().select(PATIENCE)
                assert ready, "it would wait for ever"
                return ready
            if timeout > 0:
                self.idle_turns = 0
                clock.time += max(int(timeout * 10**9), 1)
            else:
                self.idle_turns = self.idle_turns + 1 if self.idle_at == clock.time else 1
                self.idle_at = clock.time
                assert self.idle_turns < SPIN_LIMIT, "a busy loop: it turns, and nothing happens"
            return []

    return ImpatientSelector


def outcomes(sender: Sender) -> list[Outcome]:
    """Every outcome there will be."""
    return list(sender.outcomes())


def drain(receiver: Receiver) -> list[Event]:
    """Everything that is there now."""
    events: list[Event] = []
    while came := receiver.poll(0):
        events += came
    return events


def collect(receiver: Receiver, kind: type, number: int = 1) -> list[Any]:
    """Poll until so many events of a kind have come; every event that came until then of that kind. With messages the story is
    done at once, so that their senders learn of it while it goes on in this very thread."""
    events: list[Event] = []
    while sum(isinstance(event, kind) for event in events) < number:
        came = receiver.poll(PATIENCE)
        assert came, f"{number} {kind.__name__} expected, came: {events}"
        events += came
        for event in came:
            if isinstance(event, Message):
                receiver.done(event)
    return [event for event in events if isinstance(event, kind)]


def payloads(events: Iterable[Event]) -> list[bytes]:
    return [event.payload for event in events if isinstance(event, Message)]


def goodbyes(listener: Listener, number: int) -> list[Goodbye]:
    """The goodbyes of so many senders, and over TCP the ends of their streams."""
    came: list[Goodbye] = listener.wait_for(Goodbye, number)
    if listener.receiver.endpoints[0].transport == "tcp":
        listener.wait_for(Disconnected, number)
    return came


def connect(endpoint: Endpoint, family: int = socket.AF_INET) -> socket.socket:
    """A TCP client that is not ours."""
    client = socket.socket(family, socket.SOCK_STREAM)
    client.settimeout(PATIENCE)
    client.connect((endpoint.host, endpoint.port))
    return client


def hello(session: int, number: int = 1, payload: bytes = b"?") -> bytes:
    """A frame with one message, for a client that is not ours."""
    (message,) = each(runs.encode([payload], session=session, number=number, sequence=number, sent_at=0, framed=True))
    return frame(message)


def reset(client: socket.socket) -> None:
    """Close with a RST instead of a FIN."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def descriptors() -> int | None:
    """How many file descriptors this process has open; None where that can't be seen."""
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return None


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
