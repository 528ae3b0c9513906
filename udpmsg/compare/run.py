"""Runs a comparison: the same messages on the same schedule in every mode, over one link with one seed, in turn.

Owns the order of the runs, and what carries each: the lab, the relay, or a real network. Knows neither how messages are sent and
received (see `ends`, `network`) nor what became of them (see `ledger`).
"""

import platform
from collections.abc import Callable
from dataclasses import dataclass

from udpmsg import __version__
from udpmsg.base import clock
from udpmsg.base.errors import N_, Phrase, UsageError
from udpmsg.compare import ends, network, reasons
from udpmsg.compare.choices import Choices, Mode, Workload
from udpmsg.compare.trace import Comparison, Trace, Where
from udpmsg.lab.lab import Lab
from udpmsg.lab.processes import Child, Told, start
from udpmsg.link.faults import Link
from udpmsg.link.record import FrameRecord
from udpmsg.messaging.receiver import Receiver

LAB_PORT = 5000
"""Free on a host that exists for one run."""
SLICE = 0.1
"""Seconds after which a wait looks whether it shall stop."""
OPEN_LIMIT = 10.0
"""Seconds that a child may take to open a socket."""
TICK = 20_000_000
"""Nanoseconds after which the relay looks whether it shall stop."""
SETTLE_LIMIT = 5_000_000_000
"""Nanoseconds that what is on its way through the relay may take to the end."""
LOG_LIMIT = 60.0
"""Seconds that a child may take to hand over its log."""


@dataclass(frozen=True)
class Progress:
    """Where a comparison stands."""

    mode: Mode
    repetition: int
    sent: int
    """Messages of this run."""
    runs_done: int
    runs: int


@dataclass(frozen=True)
class Request:
    """What to compare, and over what."""

    link: Link | None
    """None over a real network."""
    seed: int
    workload: Workload
    choices: Choices
    where: Where = Where.LAB
    target: tuple[str, int] | None = None
    """Host and port of a listener on a real network."""
    capture: bool = False
    """Keep every frame of the lab whole."""
    command: str | None = None


def compare(request: Request, *, progress: Callable[[Progress], None], stopped: Callable[[], bool]) -> Comparison:
    """Run it. Asks `stopped` ten times a second; once it is true, the run under way ends early and no other begins.

    Raises UsageError for a capture of what is not the lab, LabUnavailable where there can be no lab, and ChildFailed when one of
    its processes was ended from outside.
    """
    if request.capture and request.where is not Where.LAB:
        raise UsageError("only the lab sees frames: a capture of {} has none", request.where.value)
    choices = request.choices
    comparison = Comparison(
        link=request.link,
        seed=request.seed if request.link is not None else None,
        workload=request.workload,
        choices=choices,
        where=request.where,
        runs=[],
        started=clock.utc(),
        system=f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        version=__version__,
        target=None if request.target is None else f"{request.target[0]}:{request.target[1]}",
        command=request.command,
    )
    order = [(repetition, mode) for repetition in range(1, choices.repeat + 1) for mode in choices.modes]
    for done, (repetition, mode) in enumerate(order):
        if stopped():
            break

        def tell(sent: int, mode: Mode = mode, repetition: int = repetition, done: int = done) -> None:
            progress(Progress(mode, repetition, sent, done, len(order)))

        tell(0)
        carry = CARRIERS[request.where]
        run = carry(request, mode, repetition, tell, stopped)
        if stopped():
            run.error = run.error or Phrase(reasons.INTERRUPTED)
        comparison.runs.append(run)
        comparison.tcp_congestion = comparison.tcp_congestion or run.tcp_congestion
    return comparison


def in_lab(request: Request, mode: Mode, repetition: int, tell: Callable[[int], None], stopped: Callable[[], bool]) -> Trace:
    """One run between two hosts of the lab, which is made for it and gone after it: nothing is left over from the run before."""
    assert request.link is not None
    seed = request.seed + repetition - 1
    plan = ends.Plan(mode, request.workload, request.choices)
    with Lab(request.link, seed=seed, capture=request.capture) as lab:
        lab.receiver.call(receiving, lab.address, LAB_PORT, mode.transport)
        lab.receiver.hear(OPEN_LIMIT)
        lab.sender.call(sending, plan, lab.address, LAB_PORT)
        sender_log = ended(lab.sender, (lab.receiver, lab.router), tell, stopped)
        if not stopped():
            lab.settle()
        lab.receiver.tell("stop")
        receiver_log: ends.ReceiverLog = lab.receiver.result(LOG_LIMIT)
        carried = lab.stop()
    run = ends.joined(mode, repetition, seed, sender_log, receiver_log, carried.frames)
    if carried.captured is not None:
        run.captured = [frame._replace(at=frame.at - sender_log.started_at) for frame in carried.captured]
    if carried.overflowed:
        run.error = run.error or Phrase(reasons.ROUTER_TOO_SLOW, carried.overflowed)
    return run


def over_relay(request: Request, mode: Mode, repetition: int, tell: Callable[[int], None], stopped: Callable[[], bool]) -> Trace:
    """One run over loopback, through the relay in a process of its own."""
    assert request.link is not None
    seed = request.seed + repetition - 1
    plan = ends.Plan(mode, request.workload, request.choices)
    children = [start(name) for name in (N_("receiver"), N_("relay"), N_("sender"))]
    receiver, relay, sender = children
    try:
        receiver.call(receiving, "127.0.0.1", 0, mode.transport)
        target = receiver.hear(OPEN_LIMIT)
        relay.call(relaying, target, request.link, seed, mode.transport)
        port = relay.hear(OPEN_LIMIT)
        sender.call(sending, plan, "127.0.0.1", port)
        sender_log = ended(sender, (receiver, relay), tell, stopped)
        relay.tell("stop")
        frames: list[FrameRecord] = relay.result(LOG_LIMIT)
        receiver.tell("stop")
        receiver_log: ends.ReceiverLog = receiver.result(LOG_LIMIT)
    finally:
        for child in children:
            child.end()
    return ends.joined(mode, repetition, seed, sender_log, receiver_log, frames if mode.transport == "udp" else None)


def over_network(
    request: Request, mode: Mode, repetition: int, tell: Callable[[int], None], stopped: Callable[[], bool]
) -> Trace:
    """One run to a listener elsewhere."""
    assert request.target is not None
    host, port = request.target
    return network.run(mode, repetition, request.workload, request.choices, host=host, port=port, progress=tell, stop=stopped)


CARRIERS = {Where.LAB: in_lab, Where.RELAY: over_relay, Where.NETWORK: over_network}


def ended(sender: Child, others: tuple[Child, ...], tell: Callable[[int], None], stopped: Callable[[], bool]) -> ends.SenderLog:
    """The sender's log, once it has one; told to stop, it ends early. Raises ChildFailed, also when one of the others is gone."""
    told = False
    while not sender.finished(SLICE, tell):
        for other in others:
            other.check()
        if stopped() and not told:
            sender.tell("stop")
            told = True
    log: ends.SenderLog = sender.result()
    return log


# In the children ----------------------------------------------------------------------------------------------------------


def sending(told: Told, plan: ends.Plan, host: str, port: int) -> ends.SenderLog:
    """The sender's end of a run."""
    return ends.send(plan, host=host, port=port, progress=told.send, stop=told.poll)


def receiving(told: Told, host: str, port: int, transport: str) -> ends.ReceiverLog:
    """The receiver's end of a run: says its port, and receives until it is told to stop."""
    with Receiver(host, port, transport=transport) as receiver:
        told.send(receiver.endpoints[0].port)
        return ends.receive(receiver, stop=told.poll)


def relaying(told: Told, target: int, link: Link, seed: int, transport: str) -> list[FrameRecord]:
    """The relay between them: says its port, and passes on until it is told to stop and nothing is on its way; its record."""
    from udpmsg.relay.relay import Relay

    with Relay("127.0.0.1", 0, "127.0.0.1", target, link=link, seed=seed, transport=transport, record=True) as relay:
        told.send(relay.endpoints[0].port)
        while not told.poll():
            relay.run(clock.now() + TICK)
        until = clock.now() + SETTLE_LIMIT
        while relay.held and clock.now() < until:
            relay.run(clock.now() + TICK)
        return relay.records
