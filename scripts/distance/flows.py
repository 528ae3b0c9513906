"""Flows over one link of the lab: a bulk with a message every 100 ms beside it, or two bulks at once. One measurement each.

Every flow has a process of its own on each of the two hosts, so that none waits for another's Python. Owns what runs there, and
what one run says. Knows neither rows nor tables. The bulk's ends are those of `udpmsg compare`, and so are its figures.
"""

import socket
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from udpmsg.base import clock
from udpmsg.compare import ends
from udpmsg.compare.choices import Choices, Mode, Workload
from udpmsg.compare.reading import RunReading
from udpmsg.compare.trace import Comparison, Where
from udpmsg.lab.lab import Lab
from udpmsg.lab.processes import Told, start
from udpmsg.lab.router import RouterLog
from udpmsg.link.faults import Link
from udpmsg.messaging.receiver import Receiver

SECOND = 1_000_000_000
PORT = 5000
BESIDE_PORT = 6000
BESIDE_EVERY = SECOND // 10
"""Nanoseconds from one message beside the bulk to the next."""
BESIDE = struct.Struct(">Q64x")
"""When it was sent, and as many bytes as a small question has."""
LONGEST = 60
"""Seconds after which a bulk is stopped; what came until then counts."""
LIMIT = 120.0
"""Seconds for anything that is waited for."""
LOOK = 0.02
LATE = 0.1
"""Of the round trip: a router later than that for one frame in a hundred has changed what was measured."""
TRIES = 3
"""A run in which the router had too much to do, or the machine, is made again, so often in all."""

Part = tuple[Callable[..., Any], tuple[Any, ...]]


class Bulk(NamedTuple):
    """One bulk, and the mode and congestion control that carry it."""

    mode: Mode
    congestion: str | None = None
    """None: the default."""

    @property
    def title(self) -> str:
        """As tables have it."""
        return self.mode.value if self.congestion is None else f"{self.mode.value} {self.congestion}"


@dataclass
class Measured:
    """One bulk, once."""

    goodput_bps: float
    delivered: int
    retransmissions: int
    kernel_drops: int | None = None
    """Datagrams that the receiving host discarded because a socket was full: no fault of the link. None: it can't be known."""
    connect_s: float | None = None
    beside_s: list[float] = field(default_factory=list)
    """What each message beside the bulk took, of those that came."""
    beside_lost: int = 0
    error: str | None = None
    """Why it is not whole."""
    router: str | None = None
    """What the router could not do."""


class SideBySide(NamedTuple):
    """Several bulks, once."""

    bytes_per_s: list[list[int]]
    """For each: what came to its application in each second."""
    router: str | None
    """What the router could not do."""


def knows_congestion() -> bool:
    """Whether udp+ack's congestion control can be chosen here: `udpmsg compare --congestion`."""
    return "congestion" in {item.name for item in fields(Choices)}


def choices_of(bulk: Bulk) -> Choices:
    """What `compare` is asked for."""
    chosen: dict[str, Any] = {"modes": (bulk.mode,)}
    if bulk.congestion is not None:
        chosen["tcp_congestion" if bulk.mode is Mode.TCP else "congestion"] = bulk.congestion
    return Choices(**chosen)


def undisturbed(bulk: Bulk, workload: Workload, link: Link, seed: int) -> Measured:
    """The first run of a few in which the router kept up; the last one where it never did."""
    for _ in range(TRIES):
        measured = bulk_beside_messages(bulk, workload, link, seed)
        if measured.router is None:
            break
    return measured


def bulk_beside_messages(bulk: Bulk, workload: Workload, link: Link, seed: int) -> Measured:
    """One bulk, all messages at once, and a message every 100 ms beside it, from its start until its last message came."""
    plan = ends.Plan(bulk.mode, workload, choices_of(bulk))
    with Lab(link, seed=seed) as lab:
        heard: list[Part] = [(receiving, (lab.address, PORT, bulk.mode.transport)), (hearing, (lab.address,))]
        lab.receiver.call(together, [], heard)
        lab.receiver.hear(LIMIT)
        lab.sender.call(together, [(sending, (plan, lab.address, PORT, LONGEST))], [(telling, (lab.address,))])
        sender_log, told = lab.sender.result(LIMIT)
        lab.settle()
        lab.receiver.tell("stop")
        receiver_log, came = lab.receiver.result(LIMIT)
        carried = lab.stop()
    run = ends.joined(bulk.mode, 1, seed, sender_log, receiver_log, carried.frames)
    comparison = Comparison(link, seed, workload, plan.choices, Where.LAB, [run], "", "", "")
    found = RunReading(run, comparison).figures
    ended_at = max((row.at for row in receiver_log.received), default=0)
    beside = [at for at in told if sender_log.started_at <= at < ended_at]
    return Measured(
        goodput_bps=found["goodput_bps"] or 0.0,
        delivered=found["messages_delivered"] or 0,
        retransmissions=found["retransmissions"] or 0,
        kernel_drops=found["kernel_drops"],
        connect_s=found["connect_s"],
        beside_s=[came[at] / SECOND for at in beside if at in came],
        beside_lost=sum(at not in came for at in beside),
        error=found["error"],
        router=disturbance(carried, link),
    )


def disturbance(carried: RouterLog, link: Link) -> str | None:
    """What the router could not do, if that changed what was measured."""
    if carried.overflowed:
        return f"the router had no room for {carried.overflowed:,} frames"
    late = sorted(carried.lateness)[-(1 + len(carried.lateness) // 100)] if carried.lateness else 0
    if late <= max(LATE * (link.forward.delay + link.back.delay), SECOND // 1000):
        return None
    return f"the router was {late / SECOND * 1000:.0f} ms late with one frame of a hundred"


def two_bulks(bulks: Sequence[Bulk], workload: Workload, link: Link, seed: int, seconds: int) -> SideBySide:
    """Bulks that begin together and go on for so long."""
    plans = [ends.Plan(bulk.mode, workload, choices_of(bulk)) for bulk in bulks]
    with Lab(link, seed=seed) as lab:
        heard: list[Part] = [(receiving, (lab.address, PORT + number, bulk.mode.transport)) for number, bulk in enumerate(bulks)]
        lab.receiver.call(together, [], heard)
        lab.receiver.hear(LIMIT)
        sent: list[Part] = [(sending, (plan, lab.address, PORT + number, float(seconds))) for number, plan in enumerate(plans)]
        lab.sender.call(together, sent, [])
        sender_logs: list[ends.SenderLog] = lab.sender.result(LIMIT)
        lab.receiver.tell("stop")
        receiver_logs: list[ends.ReceiverLog] = lab.receiver.result(LIMIT)
        carried = lab.stop()
    began = min(log.started_at for log in sender_logs)
    counted = [per_second(log, began, seconds, workload.size) for log in receiver_logs]
    return SideBySide(counted, disturbance(carried, link))


def per_second(log: ends.ReceiverLog, began: int, seconds: int, size: int) -> list[int]:
    """Bytes that came first in each second since `began`."""
    counted = [0] * seconds
    for row in log.received:
        second = (row.at - began) // SECOND
        if not row.duplicate and second < seconds:
            counted[second] += size
    return counted


# On the hosts -------------------------------------------------------------------------------------------------------------


def together(told: Told, ending: list[Part], lasting: list[Part]) -> list[Any]:
    """Run all parts in processes of their own: the lasting ones until the others have ended; or, without others, until told."""
    children = [start("flow") for _ in ending + lasting]
    try:
        for child, (function, arguments) in zip(children, ending + lasting, strict=True):
            child.call(function, *arguments)
        for child in children:
            child.hear(LIMIT)
        told.send("ready")
        results = [child.result(LIMIT, meanwhile=lambda _: None) for child in children[: len(ending)]]
        if not ending:
            told.recv()
        for child in children[len(ending) :]:
            child.tell("stop")
        return results + [child.result(LIMIT) for child in children[len(ending) :]]
    finally:
        for child in children:
            child.end()


def sending(told: Told, plan: ends.Plan, host: str, port: int, seconds: float) -> ends.SenderLog:
    """A bulk's sender, for so long at most."""
    told.send("ready")
    until = clock.now() + int(seconds * SECOND)
    return ends.send(plan, host=host, port=port, stop=lambda: clock.now() >= until or told.poll())


def receiving(told: Told, host: str, port: int, transport: str) -> ends.ReceiverLog:
    """Its receiver, until told."""
    with Receiver(host, port, transport=transport) as receiver:
        told.send("ready")
        return ends.receive(receiver, stop=told.poll)


def telling(told: Told, host: str) -> list[int]:
    """A message every 100 ms until told; when each was sent."""
    with socket.socket(type=socket.SOCK_DGRAM) as here:
        here.connect((host, BESIDE_PORT))
        told.send("ready")
        sent: list[int] = []
        due = clock.now()
        while not told.poll(max(0, due - clock.now()) / SECOND):
            sent.append(clock.now())
            here.send(BESIDE.pack(sent[-1]))
            due += BESIDE_EVERY
        return sent


def hearing(told: Told, host: str) -> dict[int, int]:
    """Until told: when each that came was sent, and what it took, in nanoseconds."""
    delays: dict[int, int] = {}
    with socket.socket(type=socket.SOCK_DGRAM) as here:
        here.bind((host, BESIDE_PORT))
        here.settimeout(LOOK)
        told.send("ready")
        while not told.poll():
            try:
                datagram = here.recv(BESIDE.size)
            except TimeoutError:
                continue
            now, (sent_at,) = clock.now(), BESIDE.unpack(datagram)
            delays.setdefault(sent_at, now - sent_at)
    return delays
