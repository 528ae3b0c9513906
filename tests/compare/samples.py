"""Comparisons made without a socket: simulated ends on virtual time, and a link of real `Way`s, 20 ms each way.

The ends are simple (no window, no congestion control), so that what follows from a fate can be read off. TCP sends one message a
segment. Nothing is drawn but by the link, so one seed gives one comparison.
"""

import heapq
from collections import Counter
from collections.abc import Callable
from itertools import count as counter

from udpmsg.compare.choices import Choices, Mode, Workload
from udpmsg.compare.trace import Comparison, Known, Received, Sent, Trace, Where
from udpmsg.link.faults import Link, Path
from udpmsg.link.record import Direction, FrameKind, FrameRecord, Identity, Phase
from udpmsg.link.way import Way

MILLISECOND = 1_000_000
RTO = 240 * MILLISECOND
"""Of every sender, doubled at each repetition."""
DELAYED_ACK = 25 * MILLISECOND
HEADERS = {"udp": 14 + 20 + 8, "tcp": 14 + 20 + 32}
"""Bytes of Ethernet, IP, and UDP or TCP with its time stamps."""
OURS = {Mode.UDP: 40, Mode.UDP_ACK: 40 + 8 + 4, Mode.TCP: 4 + 40}
"""Bytes that udpmsg puts before (and after) a payload."""
FORWARD, BACK = Direction.FORWARD, Direction.BACK
DATA, ACK, CONTROL = FrameKind.DATA, FrameKind.ACK, FrameKind.CONTROL
Then = Callable[[], None]


def sample(
    count: int = 100,
    seed: int = 1,
    repeat: int = 1,
    loss: float = 0.05,
    modes: tuple[Mode, ...] = tuple(Mode),
    *,
    link: Link | None = None,
    interval: int = 20 * MILLISECOND,
    choices: Choices | None = None,
) -> Comparison:
    """A comparison of `count` messages, simulated. `link` takes the place of 20 ms and `loss` each way."""
    path = Path(delay=20 * MILLISECOND, loss=loss)
    link = link or Link(path, path)
    workload = Workload(count, interval)
    choices = choices or Choices(modes=modes, repeat=repeat)
    simulations = {Mode.UDP: Udp, Mode.UDP_ACK: UdpAck, Mode.TCP: Tcp}
    runs = [
        simulations[mode](Trace(mode, repetition, seed + repetition - 1), link, workload, choices).play()
        for repetition in range(1, choices.repeat + 1)
        for mode in choices.modes
    ]
    return Comparison(
        link=link,
        seed=seed,
        workload=workload,
        choices=choices,
        where=Where.LAB,
        runs=runs,
        started="2026-11-25T10:00:00Z",
        system="Linux 6.18 x86_64, Python 3.11.2",
        version="0.1.0",
        tcp_congestion="cubic" if Mode.TCP in choices.modes else None,
        command=f"udpmsg compare --count {count} --delay 20ms --loss {loss:.0%} --seed {seed}",
    )


def knowing(comparison: Comparison) -> Comparison:
    """The same, with what the senders would know of a path with a bottleneck: saw teeth of a second, looked at every 10 ms. A
    window of 10 to 19 datagrams; a round trip of 40 to 58 ms; the pace is 5/4 of a window in a round trip."""
    for run in comparison.runs:
        if run.mode is not Mode.UDP:
            run.known = [tooth(run.mode, place) for place in range(max(run.duration_ns // (10 * MILLISECOND), 2))]
    return comparison


def tooth(mode: Mode, place: int) -> Known:
    """One row: so many tens of milliseconds after the start."""
    datagrams, teeth, size = 10 + place % 100 // 10, place // 100, 1448 if mode is Mode.TCP else 1200
    srtt = (20 + 2 * datagrams) * MILLISECOND
    return Known(
        at=place * 10 * MILLISECOND,
        window=datagrams * size,
        in_flight=(datagrams - place % 2) * size,
        ssthresh=10 * size if teeth else None,
        pace=round(1.25 * 8 * datagrams * size * 1000 * MILLISECOND / srtt),
        srtt=srtt,
        rto=240 * MILLISECOND,
        lost=None if mode is Mode.TCP else teeth,
        retransmissions=teeth,
    )


class Simulation:
    """One run: a heap of what happens when, two ways, and the three logs."""

    def __init__(self, run: Trace, link: Link, workload: Workload, choices: Choices) -> None:
        self.run, self.workload, self.choices = run, workload, choices
        self.now = 0
        run.malformed = run.over_limit = 0
        self.frames: list[FrameRecord] = []
        self.ways = {
            direction: Way(path, direction=direction, seed=run.seed, script=link.script)
            for direction, path in ((FORWARD, link.forward), (BACK, link.back))
        }
        self.heap: list[tuple[int, int, Then]] = []
        self.order = counter()
        self.counted: Counter[tuple[Direction, FrameKind]] = Counter()
        self.seen: Counter[int] = Counter()
        self.transport = "tcp" if run.mode is Mode.TCP else "udp"
        self.ours = OURS[run.mode]
        self.highest = 0
        run.sent = [Sent(n + 1, n * workload.interval_ns, None) for n in range(workload.count)]
        run.frames = self.frames

    def play(self) -> Trace:
        """Until nothing is left to happen."""
        self.begin()
        while self.heap:
            self.now, _, then = heapq.heappop(self.heap)
            then()
        settled = [row.settled_at for row in self.run.sent if row.settled_at is not None]
        self.run.duration_ns = max([row.at for row in self.run.received] + settled, default=0)
        return self.run

    def begin(self) -> None:
        """What happens at 0."""
        raise NotImplementedError

    def at(self, when: int, then: Then) -> None:
        heapq.heappush(self.heap, (when, next(self.order), then))

    def schedule(self, index: int) -> None:
        """Send a message when it is due, or now if that is past, and then the next."""

        def send() -> None:
            self.schedule(index + 1)
            self.send(self.run.sent[index])

        if index < len(self.run.sent):
            self.at(max(self.now, self.run.sent[index].due_at), send)

    def send(self, row: Sent) -> None:
        """A message is due."""
        raise NotImplementedError

    def put(
        self, direction: Direction, kind: FrameKind, phase: Phase, label: str, size: int, then: Then, sequence: int = 0
    ) -> None:
        """A host puts a frame on the link; `then` happens at each of its arrivals whole."""
        transmission = 1
        if sequence:
            self.seen[sequence] += 1
            index, transmission = sequence, self.seen[sequence]
        else:
            self.counted[direction, kind] += 1
            index = self.counted[direction, kind]
        identity = Identity(direction, kind, index, transmission)
        size += HEADERS[self.transport]
        passage = self.ways[direction].enter(identity, size, now=self.now, first_sequence=sequence, last_sequence=sequence)
        self.frames.append(
            FrameRecord(
                number=len(self.frames) + 1,
                identity=identity,
                phase=phase,
                transport=self.transport,
                label=label,
                size=size,
                arrived_at=self.now,
                first_sequence=sequence,
                last_sequence=sequence,
                dropped=passage.dropped,
                left_at=passage.leaves_at,
                corrupted=passage.corrupt_bit is not None and passage.dropped is None,
                reordered=passage.reordered,
                script=passage.script,
            )
        )
        if passage.corrupt_bit is None:
            for leaves_at in passage.leaves_at:
                self.at(leaves_at, then)

    def message(self, sequence: int, then: Then) -> None:
        """Put a message on the link, for the first time or again."""
        self.put(FORWARD, DATA, Phase.DATA, f"message {sequence}", self.ours + self.workload.size, then, sequence)

    def receive(self, sequence: int, duplicate: bool = False, transmission: int | None = None) -> None:
        """A line of the receiver's log."""
        reordered = not duplicate and sequence < self.highest
        self.highest = max(self.highest, sequence)
        self.run.received.append(Received(sequence, self.now, duplicate, reordered, transmission))


def nothing() -> None:
    """What follows from a frame that nobody answers."""


class Udp(Simulation):
    """Fire and forget: each message once, three goodbyes."""

    def begin(self) -> None:
        self.run.kernel_drops, self.run.retransmissions = 0, 0
        self.had: set[int] = set()
        self.schedule(0)

    def send(self, row: Sent) -> None:
        row.sent_at, row.transmissions = self.now, 1
        self.message(row.sequence, lambda: self.arrive(row.sequence))
        if row is self.run.sent[-1]:
            self.goodbye()

    def arrive(self, sequence: int) -> None:
        self.receive(sequence, sequence in self.had)
        self.had.add(sequence)

    def goodbye(self) -> None:
        for _ in range(3):
            self.put(FORWARD, CONTROL, Phase.TEARDOWN, "goodbye", self.ours + 8, nothing)


class UdpAck(Simulation):
    """Each message until it is acknowledged; acknowledgments for every second datagram, or after 25 ms; a goodbye, confirmed."""

    def begin(self) -> None:
        self.run.kernel_drops, self.run.retransmissions = 0, 0
        self.had: set[int] = set()
        self.all_below = 1
        """Of the receiver."""
        self.unacknowledged = 0
        self.open: dict[int, Sent] = {}
        self.passed: Counter[int] = Counter()
        """How many later messages were acknowledged before this one."""
        self.said = 0
        self.confirmed = False
        self.schedule(0)

    def send(self, row: Sent) -> None:
        if row.sent_at is None:
            row.sent_at, row.transmissions = self.now, 0
            self.open[row.sequence] = row
        if row.transmissions == self.choices.max_transmissions:
            self.settle(row, "unconfirmed", f"no acknowledgment after {row.transmissions} transmissions")
            return
        row.transmissions = transmission = (row.transmissions or 0) + 1
        self.run.retransmissions = (self.run.retransmissions or 0) + (transmission > 1)
        self.passed[row.sequence] = 0
        self.message(row.sequence, lambda: self.arrive(row.sequence, transmission))
        self.at(self.now + (RTO << transmission - 1), lambda: self.again(row, transmission))

    def again(self, row: Sent, transmission: int) -> None:
        if row.state is None and row.transmissions == transmission:
            self.send(row)

    def arrive(self, sequence: int, transmission: int) -> None:
        gap = sequence != self.all_below
        self.receive(sequence, sequence in self.had or sequence < self.all_below, transmission)
        if sequence >= self.all_below:
            self.had.add(sequence)
        while self.all_below in self.had:
            self.had.remove(self.all_below)
            self.all_below += 1
        self.unacknowledged += 1
        if gap or self.unacknowledged == 2:
            self.acknowledge()
        else:
            self.at(self.now + DELAYED_ACK, self.acknowledge)

    def acknowledge(self) -> None:
        if self.unacknowledged:
            self.unacknowledged = 0
            below, had = self.all_below, sorted(self.had)
            size = 40 + 32 + 16 * bool(had)
            self.put(BACK, ACK, Phase.ACKNOWLEDGMENT, "ACK", size, lambda: self.hear(below, had))

    def hear(self, below: int, had: list[int]) -> None:
        known = [sequence for sequence in self.open if sequence < below or sequence in had]
        for sequence in known:
            row = self.open[sequence]
            if row.transmissions == 1 and row.sent_at is not None:
                row.rtt = self.now - row.sent_at
            self.settle(row, "delivered")
        if known:
            for row in [row for sequence, row in self.open.items() if sequence < known[-1]]:
                self.passed[row.sequence] += sum(sequence > row.sequence for sequence in known)
                if self.passed[row.sequence] >= 3 and row.transmissions == 1:
                    self.send(row)

    def settle(self, row: Sent, state: str, reason: str | None = None) -> None:
        row.state, row.reason, row.settled_at = state, reason, self.now
        del self.open[row.sequence]
        if not self.open and self.run.sent[-1].sent_at is not None:
            self.goodbye()

    def goodbye(self) -> None:
        if self.said < 3 and not self.confirmed:
            self.said += 1
            self.put(FORWARD, CONTROL, Phase.TEARDOWN, "goodbye", self.ours + 8, self.confirm)
            self.at(self.now + RTO, self.goodbye)

    def confirm(self) -> None:
        def heard() -> None:
            self.confirmed = True

        self.put(BACK, ACK, Phase.TEARDOWN, "ACK of goodbye", 40 + 32, heard)


class Tcp(Simulation):
    """A handshake, one message a segment, fast retransmission after three duplicate ACKs, delivery in order, a FIN each way."""

    def begin(self) -> None:
        self.connected = self.finned = self.ended = False
        self.acked = self.written = self.recovery = self.repeated = self.backoff = 0
        self.next = 1
        """What the receiver expects."""
        self.held: set[int] = set()
        self.unacknowledged = 0
        self.syn(1000 * MILLISECOND)

    def syn(self, timeout: int) -> None:
        if not self.connected:
            self.put(FORWARD, CONTROL, Phase.HANDSHAKE, "SYN", 8, self.syn_ack)
            self.at(self.now + timeout, lambda: self.syn(2 * timeout))

    def syn_ack(self) -> None:
        self.put(BACK, CONTROL, Phase.HANDSHAKE, "SYN-ACK", 8, self.connect)

    def connect(self) -> None:
        self.put(FORWARD, ACK, Phase.HANDSHAKE, "ACK", 0, nothing)
        if not self.connected:
            self.connected, self.run.connect_ns = True, self.now
            self.schedule(0)

    def send(self, row: Sent) -> None:
        row.sent_at = self.now
        self.written = row.sequence
        self.segment(row.sequence)
        if self.written == self.acked + 1:
            self.watch()

    def segment(self, sequence: int) -> None:
        self.message(sequence, lambda: self.arrive(sequence))

    def watch(self) -> None:
        """The retransmission timer, for the oldest that is not acknowledged."""
        acked, backoff = self.acked, self.backoff
        self.at(self.now + (RTO << min(backoff, 8)), lambda: self.time_out(acked, backoff))

    def time_out(self, acked: int, backoff: int) -> None:
        if (self.acked, self.backoff) == (acked, backoff) and acked < self.written:
            self.backoff += 1
            self.recovery = self.written
            self.segment(acked + 1)
            self.watch()

    def arrive(self, sequence: int) -> None:
        gap = sequence != self.next or bool(self.held)
        if sequence >= self.next:
            self.held.add(sequence)
        while self.next in self.held:  # head of line: what came behind a gap is delivered with it
            self.held.remove(self.next)
            self.receive(self.next)
            self.next += 1
        self.unacknowledged += 1
        if gap or self.unacknowledged == 2:
            self.acknowledge()
        else:
            self.at(self.now + 2 * DELAYED_ACK, self.acknowledge)

    def acknowledge(self) -> None:
        if self.unacknowledged:
            self.unacknowledged = 0
            number = self.next - 1
            self.put(BACK, ACK, Phase.ACKNOWLEDGMENT, "ACK", 0, lambda: self.hear(number))

    def hear(self, number: int) -> None:
        if number > self.acked:
            self.acked, self.repeated, self.backoff = number, 0, 0
            if number < self.recovery:  # a partial acknowledgment: the next hole (RFC 6582)
                self.segment(number + 1)
            if number < self.written:
                self.watch()
        elif self.acked < self.written:
            self.repeated += 1
            if self.repeated == 3 and self.acked >= self.recovery:
                self.recovery = self.written
                self.segment(self.acked + 1)
        if self.acked == len(self.run.sent) and not self.finned:
            self.finned = True
            self.fin()

    def fin(self) -> None:
        if not self.ended:
            self.put(FORWARD, CONTROL, Phase.TEARDOWN, "FIN", 0, self.fin_back)
            self.at(self.now + RTO, self.fin)

    def fin_back(self) -> None:
        self.put(BACK, CONTROL, Phase.TEARDOWN, "FIN", 0, self.last_ack)

    def last_ack(self) -> None:
        self.ended = True
        self.put(FORWARD, ACK, Phase.TEARDOWN, "ACK", 0, nothing)
