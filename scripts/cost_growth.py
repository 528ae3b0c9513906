"""How the cost of a message grows: with the number of messages, and with the number of sessions. Measures; prints nothing.

Costs are CPU seconds of the process that is asked about, never elapsed time, and are put right by a yardstick: a fixed piece of
plain Python, timed beside them, tells how quick the machine was at that moment. Every series runs in a process of its own, so
that no figure depends on what was measured before it.
"""

import gc
import multiprocessing
import os
import resource
import socket
import statistics
import sys
import time
from array import array
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any, NamedTuple

from udpmsg import Goodbye, Limits, Message, Outcome, Receiver, Sender, State
from udpmsg.core import wire
from udpmsg.core.allowances import Allowances
from udpmsg.core.budget import Budget
from udpmsg.core.config import SenderConfig
from udpmsg.core.framing import each, frame, together
from udpmsg.core.receiver import Receiver as CoreReceiver
from udpmsg.core.sender import Sender as CoreSender
from udpmsg.core.wire import Kind
from udpmsg.messaging.replies import Replies
from udpmsg.sockets.endpoint import Endpoint

PAYLOAD = bytes(64)
BATCH = 64
"""Messages that are handed over at one go."""
TRAVEL = 50_000
"""Nanoseconds of virtual time on each way between a core sender and a core receiver."""
LOST_EACH = 100
"""Where datagrams are lost, each hundredth is."""
WINDOW = 10
"""Messages on their way to a real receiver of many sessions at once. With ten sessions or more that take turns, each has one of
them, so a receiver's batches are the same however many sessions are open."""
NEWCOMERS = 4000
"""Sessions a second that come, send one message and go."""
PEER = Endpoint("udp", "127.0.0.1", 9)
MEMORY = 1 << 40
"""Bytes that replies may take: more than there are, for what they cost is measured, and not who gives way."""
PART = 500
"""Messages that are timed at one go."""
REPETITIONS = 20
"""How often the first decades are run."""
PATIENCE = 1800.0
"""Seconds that one series may take before the bench gives up on it."""


def yardstick() -> float:
    """CPU seconds of a fixed piece of plain Python, of the kind that a message costs."""
    begun = time.process_time()
    seen: dict[int, tuple[int, bytes]] = {}
    for number in range(2000):
        seen[number & 255] = (number, PAYLOAD[:8])
        if seen.get(number >> 1) is not None:
            number.to_bytes(8, "big")
    return time.process_time() - begun


FULL_SPEED = min(yardstick() for _ in range(100))
"""The yardstick where nothing disturbs it."""


class Stopwatch:
    """CPU seconds at the machine's full speed, from one reading to the next."""

    def __init__(self) -> None:
        self._yardstick = yardstick()
        self._begun = time.process_time()

    def read(self) -> float:
        """Seconds since it was made, or read."""
        spent = time.process_time() - self._begun
        before, self._yardstick = self._yardstick, yardstick()
        self._begun = time.process_time()
        return spent * FULL_SPEED * 2 / (before + self._yardstick)


class Point(NamedTuple):
    """What was measured at one size: `at` messages or sessions."""

    at: int
    cost: float
    """CPU seconds a message; of a memory, bytes."""


def decades(most: int, first: int = 1000) -> list[int]:
    """Powers of ten from `first` up to `most`."""
    return [size for power in range(1, 13) if first <= (size := 10**power) <= most]


def apart(measure: Callable[..., Any], *arguments: Any) -> Any:
    """What `measure` returns, measured in a process of its own."""
    here, there = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=lambda: there.send(measure(*arguments)))
    process.start()
    there.close()
    try:
        if not here.poll(PATIENCE):
            raise SystemExit(f"bench: {measure.__name__}{arguments} took longer than {PATIENCE:g} s")
        return here.recv()
    except EOFError:
        raise SystemExit(f"bench: {measure.__name__}{arguments} failed; its words are above") from None
    finally:
        process.kill()
        process.join()


def resident() -> int:
    """Bytes of this process in memory."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # the most there ever was is the next best


# Messages, from core to core ---------------------------------------------------------------------------------------------


class Pair:
    """A core sender and a core receiver without a network between them, on a virtual clock."""

    def __init__(self, *, acknowledged: bool, lossy: bool = False) -> None:
        self.now = 10**9
        self.sender = CoreSender(SenderConfig(acknowledged=acknowledged, jitter=0.0), session=7 << 32, now=self.now)
        self.receiver = CoreReceiver(session=9 << 32, now=self.now)
        self.delivered = 0
        self._acknowledged = acknowledged
        self._lossy = lossy
        self._datagrams = 0

    def carry(self, messages: int) -> None:
        """Send so many, in batches, until each is there, or has had its chance."""
        for begin in range(0, messages, BATCH):
            self.sender.send([PAYLOAD] * min(BATCH, messages - begin), now=self.now)
            self._cross()
            while self.sender.unresolved:
                self._cross()

    def _cross(self) -> None:
        """There and back once."""
        batch = self.sender.data_to_send(now=self.now)
        if not batch:  # nothing may leave before the pace allows it, or before a loss is noticed
            self.now = max(self.now, self.sender.next_timeout() or 0)
            self.sender.handle_timeout(now=self.now)
            return
        if self._lossy:
            datagrams = each(batch)
            before, self._datagrams = self._datagrams, self._datagrams + len(datagrams)
            batch = list(together([data for number, data in enumerate(datagrams, before) if number % LOST_EACH]))
        self.now += TRAVEL
        self.receiver.receive(batch, now=self.now, peer=PEER)
        self.delivered += sum(isinstance(event, Message) for event in self.receiver.events())
        self.receiver.commit()
        if self._acknowledged:
            self.receiver.flush(now=self.now)
            back = [data for data, _ in self.receiver.data_to_send(now=self.now)]
            self.now += TRAVEL
            self.sender.receive(back, now=self.now)
            self.sender.events()


class Growth(NamedTuple):
    """One long run, looked at on the way."""

    costs: list[Point]
    blocks: list[Point]
    """How many objects and buffers Python has allocated."""
    memory: list[Point]
    """Bytes in memory."""


def core_growth(most: int, acknowledged: bool, lossy: bool) -> Growth:
    """From 1,000 messages to `most`: the cost of each at the end of each decade, and what is kept then.

    The cost at n is that of the messages from n/2 to n, as the median over short parts: a burst of other work on the machine is
    none of it. The first decades are measured on several runs."""
    blocks, memory = [], []
    samples = {size: array("d") for size in decades(most)}  # arrays, for a list would be counted among what is kept
    for repetition in range(REPETITIONS):
        pair = Pair(acknowledged=acknowledged, lossy=lossy)
        carried = 0
        for size in samples if repetition == 0 else [size for size in samples if size <= 10_000]:
            pair.carry(size // 2 - carried)
            watch = Stopwatch()
            for _ in range(size // 2 // PART):
                pair.carry(PART)
                samples[size].append(watch.read() / PART)
            carried = size
            if repetition == 0:
                gc.collect()
                blocks.append(Point(size, sys.getallocatedblocks()))
                memory.append(Point(size, resident()))
        if not lossy and pair.delivered != carried:
            raise SystemExit(f"bench: {pair.delivered} of {carried} messages were delivered")
    return Growth([Point(size, statistics.median(parts)) for size, parts in samples.items()], blocks, memory)


# Messages, over loopback -------------------------------------------------------------------------------------------------


class Loopback(NamedTuple):
    """One run over real sockets: CPU seconds of each side a message, how many arrived, the receiver's memory in bytes."""

    sender: float
    receiver: float
    arrived: int
    memory: int


def loopback(count: int, transport: str, acknowledged: bool) -> Loopback:
    """Send `count` messages to a receiver in another process."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_receive, args=(there, transport))
    process.start()
    try:
        port = here.recv()
        with Sender("127.0.0.1", port, transport=transport, acknowledged=acknowledged) as sender:
            watch = Stopwatch()
            for begin in range(0, count, BATCH):
                sender.send_many(repeat(PAYLOAD, min(BATCH, count - begin)))
                sender.poll(0)
            while sender.unresolved:
                sender.poll(None)
            spent = watch.read() / count
        if not here.poll(PATIENCE):
            raise SystemExit("bench: the receiver heard no goodbye")
        arrived, received, memory = here.recv()
        return Loopback(spent, received / max(arrived, 1), arrived, memory)
    finally:
        process.kill()
        process.join()


def _receive(tell: Any, transport: str) -> None:
    """The other process: receive until the goodbye."""
    with Receiver(port=0, transport=transport) as receiver:
        tell.send(receiver.endpoints[0].port)
        arrived = 0
        watch = Stopwatch()
        while True:
            events = receiver.poll(None)
            arrived += sum(isinstance(event, Message) for event in events)
            if any(isinstance(event, Goodbye) for event in events):
                break
        tell.send((arrived, watch.read(), resident()))


# Sessions ----------------------------------------------------------------------------------------------------------------


def core_sessions(sessions: int, messages: int, active: int) -> float:
    """CPU seconds a message of core senders and a core receiver with so many sessions open; the first `active` take turns."""
    now = 10**9
    receiver = CoreReceiver(session=9 << 32, now=now, limits=Limits(sessions=sessions))
    senders = [CoreSender(SenderConfig(acknowledged=True), session=number << 32, now=now) for number in range(1, sessions + 1)]

    def one(sender: CoreSender) -> None:
        nonlocal now
        now += TRAVEL
        sender.send([PAYLOAD], now=now)
        receiver.receive(sender.data_to_send(now=now), now=now, peer=PEER)
        receiver.events()
        receiver.commit()
        receiver.flush(now=now)
        sender.receive([data for data, _ in receiver.data_to_send(now=now)], now=now + TRAVEL)
        receiver.next_timeout()
        (outcome,) = sender.events()
        assert isinstance(outcome, Outcome)
        assert outcome.state is State.DELIVERED

    for sender in senders:
        one(sender)
    gc.collect()
    gc.freeze()  # what stays is not looked at again, as in a program that has run for long
    watch = Stopwatch()
    for number in range(messages):
        one(senders[number % active])
    return watch.read() / messages


def passing_sessions(sessions: int) -> tuple[float, int]:
    """CPU seconds a session of one message and a goodbye, one after the other; how many were turned away."""
    now = 10**9
    receiver = CoreReceiver(session=9 << 32, now=now)
    watch = Stopwatch()
    for number in range(1, sessions + 1):
        now += 10**9 // NEWCOMERS
        sender = CoreSender(SenderConfig(), session=number << 32, now=now)
        sender.send([PAYLOAD], now=now)
        sender.goodbye(now=now)
        receiver.receive(sender.data_to_send(now=now), now=now, peer=PEER)
        receiver.events()
        receiver.commit()
    return watch.read() / sessions, sessions - receiver.totals().sessions


def unconfirmed_replies(sessions: int, turns: int) -> float:
    """CPU seconds of a turn that answers one peer, while as many others have not confirmed the answer that they got."""
    now = 10**9
    replies = Replies(Limits(sessions=sessions + 1), Budget(MEMORY), Allowances(of_everybody=True))
    for number in range(1, sessions + 1):
        replies.add(Message(b"?", PEER, number << 32, 1, acknowledged=True), PAYLOAD, framed=False, now=now)
    replies.data_to_send(now=now)
    watch = Stopwatch()
    for turn in range(turns):
        now += 1000
        replies.add(Message(b"?", PEER, 1 << 16, turn + 1), PAYLOAD, framed=False, now=now)
        replies.handle_timeout(now=now)
        replies.events(now=now)
        if len(replies.data_to_send(now=now)) != 1:
            raise SystemExit("bench: an answer did not leave")
        replies.next_timeout()
    return watch.read() / turns


def listener_sessions(sessions: int, messages: int, transport: str) -> tuple[float, float, int]:
    """CPU seconds a message of a real receiver with so many sessions open: all in turn, then one alone. And its bytes in memory.

    Acknowledged; over UDP from one socket, over TCP with a connection each."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(there, sessions, messages, transport))
    process.start()
    try:
        port = here.recv()
        drive = _drive_udp if transport == "udp" else _drive_tcp
        for _ in drive(port, sessions, messages):
            if not here.poll(PATIENCE):
                raise SystemExit("bench: a receiver of many sessions hangs")
            here.recv()
        in_turn, alone, memory = here.recv()
        return in_turn, alone, memory
    finally:
        process.kill()
        process.join()


def _serve(tell: Any, sessions: int, messages: int, transport: str) -> None:
    """The other process: three phases, each so many messages long."""
    with Receiver(port=0, transport=transport, limits=Limits(sessions=sessions)) as receiver:
        tell.send(receiver.endpoints[0].port)
        spent = []
        for expected in (sessions, messages, messages):
            watch = Stopwatch()
            while expected:
                expected -= sum(isinstance(event, Message) for event in receiver.poll(None))
            spent.append(watch.read() / messages)
            tell.send("done")
        tell.send((spent[1], spent[2], resident()))
        receiver.poll(PATIENCE)


def _phases(sessions: int, messages: int) -> Iterator[tuple[int, list[int]]]:
    """How many messages may be on their way, and which session sends, message by message: each once, all in turn, the first
    alone. They begin one by one, so that who is challenged to prove their address is known."""
    yield 1, list(range(sessions))
    yield WINDOW, [number % sessions for number in range(messages)]
    yield WINDOW, [0] * messages


def _drive_udp(port: int, sessions: int, messages: int) -> Iterator[None]:
    """Acknowledged messages of core senders that share one socket; yields after each phase."""
    senders = [CoreSender(SenderConfig(acknowledged=True), session=number << 32, now=0) for number in range(1, sessions + 1)]
    by_session = {sender.session: sender for sender in senders}
    with socket.socket(type=socket.SOCK_DGRAM) as line:
        line.connect(("127.0.0.1", port))
        line.settimeout(PATIENCE)

        def write(sender: CoreSender) -> None:
            for datagram in each(sender.data_to_send(now=time.monotonic_ns())):
                line.send(datagram)

        def read(sender: CoreSender) -> None:
            datagram = line.recv(65_535)
            if wire.kind_of(datagram) != Kind.CHALLENGE:  # it names no session: it is for whichever waits
                sender = by_session[wire.acknowledged_session(datagram)]
            sender.receive([datagram], now=time.monotonic_ns())
            write(sender)  # what pace or window held back

        yield from _drive(senders, messages, write, read)


def _drive_tcp(port: int, sessions: int, messages: int) -> Iterator[None]:
    """Acknowledged messages of core senders with a connection each; yields after each phase."""
    config = SenderConfig(acknowledged=True, datagram_size=None)
    senders = [CoreSender(config, session=number << 32, now=0) for number in range(1, sessions + 1)]
    lines = {sender.session: socket.create_connection(("127.0.0.1", port), PATIENCE) for sender in senders}
    unread = {sender.session: bytearray() for sender in senders}

    def write(sender: CoreSender) -> None:
        data = b"".join(map(frame, each(sender.data_to_send(now=time.monotonic_ns()))))
        if data:
            lines[sender.session].sendall(data)

    def read(sender: CoreSender) -> None:
        buffer = unread[sender.session]
        buffer += lines[sender.session].recv(65_536)
        while len(buffer) >= 4 and len(buffer) >= (end := 4 + int.from_bytes(buffer[:4], "big")):
            sender.receive([bytes(buffer[4:end])], now=time.monotonic_ns())
            del buffer[:end]
        write(sender)

    try:
        yield from _drive(senders, messages, write, read)
    finally:
        for line in lines.values():
            line.close()


def _drive(
    senders: list[CoreSender], messages: int, write: Callable[[CoreSender], None], read: Callable[[CoreSender], None]
) -> Iterator[None]:
    """The three phases, a window at a time; `read` takes what came, for this sender or another."""
    for window, phase in _phases(len(senders), messages):
        for begin in range(0, len(phase), window):
            chosen = [senders[number] for number in phase[begin : begin + window]]
            for sender in chosen:
                sender.send([PAYLOAD], now=time.monotonic_ns())
                write(sender)
            for sender in chosen:
                while sender.unresolved:
                    read(sender)
                sender.events()
        yield


def most_connections() -> int:
    """How many TCP connections one process may have open here, a few descriptors spared."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return (hard if hard != resource.RLIM_INFINITY else os.sysconf("SC_OPEN_MAX")) - 64
