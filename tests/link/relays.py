"""What the stories of the relay share: a relay that a thread turns, plain sockets around it, and messages of ours as bytes.

Nothing here sleeps; PATIENCE only bounds how long a failing test hangs.
"""

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from udpmsg.core.wire import Kind, encode
from udpmsg.link.faults import Link
from udpmsg.link.record import FrameRecord
from udpmsg.relay.relay import Relay
from udpmsg.relay.values import RelayEvent, RelayStatistics

PATIENCE = 20.0
LOOPBACK = "127.0.0.1"
MILLISECOND = 1_000_000


needs_hops = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how many hops what came has left")


class Running:
    """A relay that a thread turns; what it tells can be waited for."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self.events: list[RelayEvent] = []
        self._changed = threading.Condition()
        self._stopping = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        endpoint = self.relay.endpoints[0]
        return endpoint.host, endpoint.port

    def wait(self, wanted: Callable[[], Any]) -> None:
        """Until it is so, after some turn of the relay."""
        with self._changed:
            came = self._changed.wait_for(lambda: self._error or wanted(), PATIENCE)
        assert self._error is None, repr(self._error)
        assert came, self.events

    def settled(self, frames: int) -> list[FrameRecord]:
        """The records, once there are so many, and none of them is on its way any more."""
        self.wait(lambda: len(self.relay.records) >= frames and all(r.dropped or r.left_at for r in self.relay.records))
        self.wait(lambda: not self.relay.held)
        return self.relay.records

    def of(self, kind: type) -> list[Any]:
        with self._changed:
            return [event for event in self.events if isinstance(event, kind)]

    def stop(self) -> RelayStatistics:
        """End the thread; what was counted."""
        self._stopping = True
        self.relay.wake()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        if self._error is not None:
            raise self._error
        return self.relay.statistics()

    def _run(self) -> None:
        try:
            while not self._stopping:
                events = self.relay.turn()
                with self._changed:
                    self.events += events
                    self._changed.notify_all()
        except BaseException as error:
            with self._changed:
                self._error = error
                self._changed.notify_all()


class Relays:
    """Opens sockets and relays that are closed at the end."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def __call__(self, link: Link, target: tuple[str, int], *, seed: int = 7, **options: Any) -> Running:
        print(f"seed {seed}")
        host, port = options.pop("listen_host", LOOPBACK), options.pop("listen_port", 0)
        running = Running(Relay(host, port, *target, link=link, seed=seed, **{"record": True, **options}))
        self._stack.callback(running.relay.close)
        self._stack.callback(running.stop)
        return running

    def udp(self, port: int = 0, host: str = LOOPBACK) -> socket.socket:
        """A bound UDP socket of some program."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        opened = self._stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        opened.settimeout(PATIENCE)
        opened.bind((host, port))
        return opened

    def listening(self) -> socket.socket:
        """A listening TCP socket of some program."""
        opened = self._stack.enter_context(socket.create_server((LOOPBACK, 0)))
        opened.settimeout(PATIENCE)
        return opened

    def connect(self, address: tuple[str, int]) -> socket.socket:
        """A TCP connection of some program."""
        opened = self._stack.enter_context(socket.create_connection(address, PATIENCE))
        opened.settimeout(PATIENCE)
        return opened

    def accept(self, listening: socket.socket) -> socket.socket:
        """The next connection that comes there."""
        opened = self._stack.enter_context(listening.accept()[0])
        opened.settimeout(PATIENCE)
        return opened


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """Meanwhile the system gives this process no socket more."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def message(sequence: int, payload: bytes = b"x", *, session: int = 5, number: int | None = None) -> bytes:
    """A fire-and-forget message of ours."""
    return encode(Kind.MESSAGE, session=session, number=number or sequence, sent_at=0, sequence=sequence, payload=payload)


def sequence_of(datagram: bytes) -> int:
    """The sequence number in a message of ours."""
    return int.from_bytes(datagram[24:32], "big")


def receive(opened: socket.socket, count: int) -> list[bytes]:
    """So many datagrams, and no more."""
    came = [opened.recv(65_535) for _ in range(count)]
    opened.setblocking(False)
    try:
        more = opened.recv(65_535)
    except BlockingIOError:
        more = None
    opened.settimeout(PATIENCE)
    assert more is None
    return came
