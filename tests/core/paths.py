"""A path that takes no more than so much, between a sender and a receiver of the core, on a virtual clock.

Owns what passes, and when it arrives. The drain of each side is always: receive, events, data to send, probes, next timeout.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush

from tests.core.support import MILLISECOND, START, a_receiver, acknowledged_sender
from udpmsg.core.events import Message, Outcome
from udpmsg.core.framing import each
from udpmsg.core.sender import Sender
from udpmsg.core.wire import Kind, kind_of

LINES = 28
"""Bytes of IPv4's and UDP's headers."""


@dataclass
class Path:
    """What is between the two. Sizes are MTUs; `mtu` is told the milliseconds since the start."""

    mtu: Callable[[float], int] = lambda _: 1500
    local: int = 65_535
    """The MTU of the sender's own interface: larger datagrams it refuses, where they may not be cut up."""
    cuts: bool = False
    """The router cuts up what may be cut up; else all that is larger vanishes."""
    says_so: bool = False
    """A router says by ICMP what it takes."""
    one_way: float = 20.0
    """Milliseconds."""
    loses: Callable[[int], bool] = lambda _: False
    """Whether the datagram with this number is lost, for no reason of size."""
    forged: int = 0
    """Somebody says, at every datagram, that the path takes so many bytes."""


@dataclass
class Walk:
    """A session over a path."""

    path: Path
    sender: Sender = field(default_factory=lambda: acknowledged_sender(follows_path=True))
    now: int = START
    probes: list[tuple[float, int]] = field(default_factory=list)
    """When each probe left, in milliseconds, and its size."""
    sizes: list[tuple[float, int]] = field(default_factory=list)
    """When the size changed, and what it was then."""
    payloads: list[bytes] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    vanished: int = 0
    sent: int = 0
    """Datagrams with messages that were too large, and all of them."""

    def __post_init__(self) -> None:
        self.receiver = a_receiver()
        self._heap: list[tuple[int, int, bool, bytes]] = []
        self._order = 0
        self._drain()

    @property
    def milliseconds(self) -> float:
        """Since the start."""
        return (self.now - START) / MILLISECOND

    def send(self, *payloads: bytes) -> None:
        """Accept messages now."""
        self.sender.send(payloads, now=self.now)
        self._drain()

    def run(self, until: float = 1e9, *, steps: int = 400_000) -> "Walk":
        """Until this time in milliseconds, or until nothing more happens."""
        end = START + round(until * MILLISECOND)
        for _ in range(steps):
            due = [self._heap[0][0]] if self._heap else []
            due += [at for at in (self.sender.next_timeout(), self.receiver.next_timeout()) if at is not None]
            if not due or min(due) > end or (not self._heap and not self.sender.unresolved):
                self.now = max(self.now, end if until < 1e9 else 0)
                return self
            self.now = max(self.now, min(due))
            while self._heap and self._heap[0][0] <= self.now:
                _, _, forward, data = heappop(self._heap)
                if forward:
                    self.receiver.receive([data], now=self.now, peer="p")
                else:
                    self.sender.receive([data], now=self.now)
            self.sender.handle_timeout(now=self.now)
            self._drain()
        raise AssertionError("no end")

    def _drain(self) -> None:
        for data in each(self.sender.data_to_send(now=self.now)):
            self._carry(data, whole=self.sender.whole)
        size = self.sender.datagram_size
        while (probe := self.sender.probe_to_send(now=self.now)) is not None:
            self.probes.append((self.milliseconds, len(probe)))
            if len(probe) + LINES > self.path.local:
                self.sender.too_large(len(probe), now=self.now)
                self.sender.path_hint(self.path.local - LINES, now=self.now)
            else:
                self._carry(probe, whole=True)
        if self.sender.datagram_size != size:
            self._drain()
        self.payloads += [event.payload for event in self.receiver.events() if isinstance(event, Message)]
        self.receiver.commit()
        for data, _ in self.receiver.data_to_send(now=self.now):
            self._arrive(data, forward=False)
        self.outcomes += [event for event in self.sender.events() if isinstance(event, Outcome)]
        size = self.sender.datagram_size
        assert size is not None
        if not self.sizes or self.sizes[-1][1] != size:
            self.sizes.append((self.milliseconds, size))

    def _carry(self, data: bytes, *, whole: bool) -> None:
        path = self.path
        message = kind_of(data) == Kind.MESSAGE
        self.sent += message
        if path.forged:
            self.sender.path_hint(path.forged, now=self.now)
        limit = path.mtu(self.milliseconds)
        if len(data) + LINES > limit and (whole or not path.cuts):
            self.vanished += message
            if path.says_so:
                self.sender.path_hint(limit - LINES, now=self.now)
        elif not path.loses(int.from_bytes(data[16:24], "big")):
            self._arrive(data, forward=True)

    def _arrive(self, data: bytes, *, forward: bool) -> None:
        self._order += 1
        heappush(self._heap, (self.now + round(self.path.one_way * MILLISECOND), self._order, forward, data))
