"""A known path on the virtual clock: a rate, a delay, a queue; and flows of messages that share it.

Owns the frames on their way and the order of things. Knows the core only by its verbs. Nothing is drawn by chance unless a share
of loss or of frames held back is asked for, and then from the seed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random

from udpmsg.core.config import Limits, SenderConfig
from udpmsg.core.framing import each
from udpmsg.core.receiver import Receiver
from udpmsg.core.sender import Sender

MILLISECOND = 1_000_000
SECOND = 1_000_000_000
FRAME = 42
"""Bytes that Ethernet, IP and UDP add to a datagram."""
START = 1000 * SECOND


@dataclass(frozen=True)
class Path:
    """What lies between. Times in nanoseconds; `rate` in bits a second (0: no bottleneck), of the way there alone."""

    rate: int = 10_000_000
    delay: int = 20 * MILLISECOND
    """One way."""
    queue: int = 100
    """Frames that may wait before the bottleneck."""
    loss: float = 0.0
    back_loss: float = 0.0
    held: float = 0.0
    """The share that is held back, and by how much."""
    held_by: int = 15 * MILLISECOND
    duplicated: float = 0.0
    rates: tuple[tuple[int, int], ...] = ()
    """From so many nanoseconds after the start on another rate."""
    bucket: int = 0
    """A policer in the place of the queue: so many bytes at once, and what exceeds them is dropped."""

    def round_trip(self) -> int:
        return 2 * self.delay

    def product(self) -> int:
        """Bandwidth times delay, in bytes."""
        return self.rate * self.round_trip() // (8 * SECOND)


@dataclass
class Flow:
    """One sender and its receiver. The sender always has something to say, unless `write` says what and when."""

    congestion: str = "cubic"
    size: int = 1000
    count: int = 1_000_000
    starts: int = 0
    """Nanoseconds after the start of the world."""
    limits: Limits = field(default_factory=lambda: Limits(session_messages=1 << 16, session_bytes=1 << 26, total_bytes=1 << 28))
    backlog: int = 256
    sender: Sender = field(init=False)
    receiver: Receiver = field(init=False)
    written: int = 0
    delivered: int = 0
    delivered_at: int = 0
    drops: int = 0
    sent: int = 0
    look: Callable[["Flow", int], None] | None = None
    """Called after each step of the sender."""

    @property
    def spurious(self) -> int:
        """Retransmissions of what had arrived."""
        return self.receiver.totals().duplicates


class Network:
    """All flows over one path, until nothing is left to do or the time is over."""

    def __init__(self, path: Path, *flows: Flow, seed: int = 1, extra: dict[str, object] | None = None) -> None:
        self.path, self.flows = path, flows
        self.random = Random(seed)
        self.now = START
        self.heap: list[tuple[int, int, int, bool, list[bytes]]] = []
        self.order = 0
        self.busy_until = 0
        self.queue: list[int] = []
        self.tokens, self.tokens_at = path.bucket, START
        self.most_queued = 0
        for number, flow in enumerate(flows):
            config = SenderConfig(acknowledged=True, congestion=flow.congestion, **(extra or {}))  # type: ignore[arg-type]
            flow.sender = Sender(config, session=1 + number + 1000 * seed, now=START + flow.starts)
            flow.receiver = Receiver(session=1_000_000 + number, now=START, limits=flow.limits)

    def run(self, until: int) -> None:
        """Until so many nanoseconds after the start."""
        end = START + until
        for number in range(len(self.flows)):
            self.push(START + self.flows[number].starts, number, True, [])
        while True:
            timers = [(self.timer(flow), number) for number, flow in enumerate(self.flows)]
            timer, number = min(timers)
            at = min(timer, self.heap[0][0] if self.heap else 1 << 62)
            if at >= min(end, 1 << 62):
                self.now = min(at, end)
                return
            self.now = at
            if self.heap and self.heap[0][0] == at:
                _, _, number, forward, batch = heappop(self.heap)
                while self.heap and self.heap[0][0] == at and self.heap[0][2:4] == (number, forward):
                    batch = batch + heappop(self.heap)[4]
                flow = self.flows[number]
                if forward and batch:
                    flow.receiver.receive(batch, now=at, peer="sender")
                elif batch:
                    flow.sender.receive(batch, now=at)
                self.drain(number)
            else:
                flow = self.flows[number]
                flow.sender.handle_timeout(now=at)
                flow.receiver.handle_timeout(now=at)
                self.drain(number)

    def timer(self, flow: Flow) -> int:
        if self.now < START + flow.starts:
            return 1 << 62
        return min(flow.sender.next_timeout() or 1 << 62, flow.receiver.next_timeout() or 1 << 62)

    def drain(self, number: int) -> None:
        flow, now = self.flows[number], self.now
        if now < START + flow.starts:
            return
        while flow.sender.backlog < flow.backlog and flow.written < flow.count:
            more = min(flow.backlog, flow.count - flow.written)
            flow.sender.send([bytes(flow.size)] * more, now=now)
            flow.written += more
        for datagram in each(flow.sender.data_to_send(now=now)):
            flow.sent += 1
            self.forward(number, datagram)
        flow.sender.events()
        before = flow.receiver.totals().messages_delivered
        flow.receiver.events()
        flow.receiver.commit()
        after = flow.receiver.totals().messages_delivered
        if after > before:
            flow.delivered, flow.delivered_at = after, now
        for datagram, _ in flow.receiver.data_to_send(now=now):
            if self.random.random() >= self.path.back_loss:
                self.push(now + self.path.delay, number, False, [datagram])
        if flow.look is not None:
            flow.look(flow, now)

    def push(self, at: int, number: int, forward: bool, batch: list[bytes]) -> None:
        self.order += 1
        heappush(self.heap, (at, self.order, number, forward, batch))

    def rate(self) -> int:
        rate = self.path.rate
        for since, changed in self.path.rates:
            if self.now - START >= since:
                rate = changed
        return rate

    def forward(self, number: int, datagram: bytes) -> None:
        """One frame meets the bottleneck."""
        path, now = self.path, self.now
        at = now
        if path.bucket:
            self.tokens = min(path.bucket, self.tokens + (now - self.tokens_at) * self.rate() // (8 * SECOND))
            self.tokens_at = now
            if self.tokens < len(datagram) + FRAME:
                self.flows[number].drops += 1
                return
            self.tokens -= len(datagram) + FRAME
        elif path.rate:
            while self.queue and self.queue[0] <= now:
                self.queue.pop(0)
            if len(self.queue) > path.queue:  # one is on the wire
                self.flows[number].drops += 1
                return
            self.busy_until = max(self.busy_until, now) + (len(datagram) + FRAME) * 8 * SECOND // self.rate()
            self.queue.append(self.busy_until)
            self.most_queued = max(self.most_queued, len(self.queue) - 1)
            at = self.busy_until
        if path.loss and self.random.random() < path.loss:
            self.flows[number].drops += 1
            return
        at += path.delay
        if path.held and self.random.random() < path.held:
            at += path.held_by
        self.push(at, number, True, [datagram])
        if path.duplicated and self.random.random() < path.duplicated:
            self.push(at + path.held_by, number, True, [datagram])
