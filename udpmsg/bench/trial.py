"""One trial of a benchmark: a session of its own, messages at a rate, without a pace or one at a time, and what became of them.

Owns the sender's loops. Does not know which rate comes next, nor what the numbers mean. What arrived is the receiver's own answer
(`Sender.ask`), by which every sequence number is accounted for, at whatever host it runs.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import sleep
from typing import Any

from udpmsg.base import clock
from udpmsg.base.durations import SECOND
from udpmsg.base.errors import CannotConnect, UdpmsgError
from udpmsg.bench.effort import Effort
from udpmsg.bench.receiver import OwnReceiver
from udpmsg.bench.search import MOST_AT_ONCE, Pace, RoundTrips
from udpmsg.bench.values import Trial
from udpmsg.compare import network
from udpmsg.compare.choices import Mode
from udpmsg.compare.watch import Watch
from udpmsg.compare.workload import filled
from udpmsg.core.events import Disconnected, Event, Outcome, State, Unreachable
from udpmsg.core.framing import most_in_run
from udpmsg.core.wire import HEADER
from udpmsg.messaging.large_batches import rows_of_one
from udpmsg.messaging.sender import Sender
from udpmsg.messaging.statistics import SenderStatistics, SessionReport

DEADLINE = 10.0
"""Seconds after which a message is given up."""
GRACE = 30 * SECOND
"""A trial may take so much longer than its own time and the deadline."""
SILENCE = 8 * SECOND
"""While a trial waits for the receiver: so long without a single confirmation, or a byte taken, means that nobody is there any
more: the first five retransmissions of a message take about as long at the smallest timeout."""
DRAIN = 0.05
"""Seconds before the receiver is asked: a full buffer would drop the question too, and it is repeated only after a second."""
BATCH_BYTES = 1 << 20
"""Handed over at one go at most, headers included."""
TOLD_EVERY = SECOND // 10
PROBE_INTERVAL = 1_000_000
"""Nanoseconds from one round trip to the next at least: a thousand a second keeps nobody busy."""
WARM_UPS = 20
"""Round trips that are not counted: the first ones find cold caches and a session that must be made."""
ROOM = 4
"""Median round trips from one to the next at least: a schedule that could not be kept would measure itself."""


class TrialStopped(Exception):
    """Somebody ended the benchmark."""


class NobodyThere(UdpmsgError):
    """No listener answers."""


@dataclass(frozen=True)
class TrialSetup:
    """Where one measurement's messages go, and how."""

    mode: Mode
    size: int
    host: str
    port: int
    datagram_size: int
    window: int | None
    offload: bool
    receiver: OwnReceiver | None
    """None: it is elsewhere."""
    stopped: Callable[[], bool]
    tick: Callable[[], None]
    """Called ten times a second while a trial runs."""
    congestion: str | None = None
    """None: the usual one."""

    def options(self, *, acknowledged: bool) -> dict[str, Any]:
        """What the library's sender is opened with."""
        options: dict[str, Any] = {"transport": self.mode.transport, "acknowledged": acknowledged, "deadline": DEADLINE}
        if self.mode is Mode.TCP:
            return options
        options |= {"datagram_size": self.datagram_size, "offload": self.offload}
        return options | ({"window": self.window, "congestion": self.congestion} if acknowledged else {})

    def at_once(self) -> int:
        """How many messages are handed over at one go at most: whole runs, since a message that is left over goes by itself, and
        costs both sides what a run does."""
        length = self.size + HEADER.size
        most = max(1, min(MOST_AT_ONCE, BATCH_BYTES // length))
        return most - most % self.in_run or most

    @property
    def in_run(self) -> int:
        """How many messages one run has."""
        return most_in_run(self.size + HEADER.size)

    def batch(self, count: int) -> list[bytes]:
        """`count` messages."""
        return [filled(b"", self.size)] * count

    def nobody(self) -> NobodyThere:
        """What to do where none answers. Raises ChildFailed where it was our own receiver, which is gone."""
        if self.receiver is not None:
            self.receiver.look()
        return NobodyThere(
            "no listener answers at {} over {} port {}: start `udpmsg listen --both --quiet --host {} --port {}` there, "
            "in this version or a newer one, and let firewalls pass that port",
            self.host,
            self.mode.transport.upper(),
            self.port,
            "::" if ":" in self.host else "0.0.0.0",  # everywhere there, not here
            self.port,
        )


def look_for_listener(setup: TrialSetup) -> None:
    """Make sure that somebody is there who can say what arrived. Raises NobodyThere, TrialStopped."""
    with opened(setup, acknowledged=False, seconds=0) as (sender, watch):
        for _ in range(int(network.ANSWER_WAIT)):
            if sender.ask(1.0) is not None:
                return
            if watch.over:
                raise TrialStopped
            if any(isinstance(event, Unreachable | Disconnected) for event in sender.poll(0)):
                break
        raise setup.nobody()


def at_rate(setup: TrialSetup, rate: float, seconds: float, *, confirms: bool) -> Trial:
    """Fire and forget at a constant rate, in messages a second."""
    with opened(setup, acknowledged=False, seconds=seconds) as (sender, watch):
        count = max(1, round(rate * seconds))
        effort = Effort(setup.receiver)
        pace = Pace(rate, now=effort.begun, most_at_once=setup.at_once(), in_run=setup.in_run)
        give = giving(setup, sender, pace.batch)
        sent, next_tick = 0, effort.begun + TOLD_EVERY
        while sent < count and not watch.over:
            now = clock.now()
            if pace.due(now=now):
                due = min(pace.batch, count - sent)
                taken = give(due)
                pace.take(taken)
                sent += taken
            else:
                if now >= next_tick:
                    setup.tick()
                    next_tick = now + TOLD_EVERY
                effort.wait(pace.next_due())
        effort.end(at_least=int(sent * SECOND / rate))
        return concluded(setup, sender, watch, effort, rate, confirms=confirms)


def as_fast_as_possible(setup: TrialSetup, seconds: float, *, confirms: bool = False) -> Trial:
    """Without a pace. Fire and forget: the flood. Acknowledged, or over TCP: as fast as the receiver takes it."""
    acknowledged = setup.mode is Mode.UDP_ACK
    with opened(setup, acknowledged=acknowledged, seconds=seconds) as (sender, watch):
        most = setup.at_once()
        give = giving(setup, sender, most)
        effort = Effort(setup.receiver)
        now, until = effort.begun, effort.begun + int(seconds * SECOND)
        next_tick = now + TOLD_EVERY
        while now < until and not watch.over:
            give(most)
            if acknowledged:
                check(sender.poll(0), setup)
            now = clock.now()
            if now >= next_tick:
                setup.tick()
                next_tick = now + TOLD_EVERY
        while sender.unresolved and not watch.over:
            check(sender.poll(None), setup)
        effort.end()
        return concluded(setup, sender, watch, effort, None, confirms=confirms)


def round_trips(setup: TrialSetup, seconds: float) -> RoundTrips:
    """One acknowledged message at a time, a thousand a second or as many as the path has room for."""
    with opened(setup, acknowledged=True, seconds=seconds) as (sender, watch):
        message = filled(b"", setup.size)
        interval = max(PROBE_INTERVAL, ROOM * usual_round_trip(setup, sender, watch, message))
        effort = Effort(setup.receiver)
        trips = RoundTrips(interval, now=effort.begun)
        until, next_tick = effort.begun + int(seconds * SECOND), effort.begun + TOLD_EVERY
        while trips.due_at < until and not watch.over:
            effort.wait(trips.due_at)
            sender.send(message)
            outcome = settled(setup, sender, watch)
            now = clock.now()
            if outcome is not None and outcome.state is State.DELIVERED:
                trips.returned(now=now)
            else:
                trips.never_returned()
            if now >= next_tick:
                setup.tick()
                next_tick = now + TOLD_EVERY
        if watch.over:
            raise setup.nobody() if watch.late else TrialStopped
        return trips


def giving(setup: TrialSetup, sender: Sender, most: int) -> Callable[[int], int]:
    """What hands so many messages of the trial, `most` at most, to a sender, and tells how many it took."""
    messages = setup.batch(most)
    rows = rows_of_one(messages[0], len(messages)) if sender.offload and not sender.acknowledged else None
    if rows is None:
        return lambda count: len(sender.send_many(messages[:count]))
    return lambda count: len(sender.send_array(rows[:count]))


def concluded(setup: TrialSetup, sender: Sender, watch: Watch, effort: Effort, rate: float | None, *, confirms: bool) -> Trial:
    """Ask the receiver what it has; what became of the trial. Raises NobodyThere, TrialStopped."""
    if not watch.over:
        sleep(DRAIN)
    report = final_report(setup, sender, watch)
    statistics: SenderStatistics = sender.statistics()
    sent, took = statistics.messages_sent, effort.took / SECOND
    receiving = report.duration_s or took
    return Trial(
        offered_msgs_per_s=rate,
        sent_msgs_per_s=sent / took if took else 0.0,
        received_msgs_per_s=report.arrived / report.duration_s if report.duration_s else None,
        messages_sent=sent,
        messages_lost=max(sent - report.arrived, 0),
        messages_unconfirmed=statistics.messages_unconfirmed,
        kernel_drops=report.kernel_drops if setup.mode is not Mode.TCP else None,
        over_limit=report.over_limit,
        duration_s=took,
        sender_cpu=effort.sender_cpu,
        receiver_cpu=effort.receiver_cpu(max(receiving, took if rate is None and not statistics.acknowledged else 0.0)),
        offload=sender.offload,
        confirms=confirms,
    )


def final_report(setup: TrialSetup, sender: Sender, watch: Watch) -> SessionReport:
    """The receiver's answer, once it has stopped changing. Raises NobodyThere, TrialStopped."""
    answers = [] if watch.over else network.final_answer(sender)
    if watch.over and not watch.late:
        raise TrialStopped
    if not answers:
        raise setup.nobody()
    return answers[0]


def settled(setup: TrialSetup, sender: Sender, watch: Watch) -> Outcome | None:
    """How the one message that is under way ended; None: the trial is over before it did."""
    while not watch.over:
        events = sender.poll(None)
        check(events, setup)  # first: the end of the connection is the outcome of what was under way
        for event in events:
            if isinstance(event, Outcome):
                return event
    return None


def usual_round_trip(setup: TrialSetup, sender: Sender, watch: Watch, message: bytes) -> int:
    """The median of the first few, in nanoseconds."""
    times = []
    for _ in range(WARM_UPS):
        begun = clock.now()
        sender.send(message)
        if settled(setup, sender, watch) is None:
            break
        times.append(clock.now() - begun)
    return sorted(times)[len(times) // 2] if times else 0


def check(events: list[Event], setup: TrialSetup) -> None:
    """Raise NobodyThere where the connection is gone."""
    if any(isinstance(event, Disconnected) for event in events):
        raise setup.nobody()


@contextmanager
def opened(setup: TrialSetup, *, acknowledged: bool, seconds: float) -> Iterator[tuple[Sender, Watch]]:
    """A sender, and who looks after it. Raises NobodyThere where a connection is refused."""
    with Watch(setup.stopped) as watch:
        try:
            sender = Sender(setup.host, setup.port, **setup.options(acknowledged=acknowledged))
        except CannotConnect:
            raise setup.nobody() from None
        with sender:
            limit = clock.now() + int((seconds + DEADLINE) * SECOND) + GRACE
            watch.over_sender(sender, limit, silence=SILENCE)
            yield sender, watch
