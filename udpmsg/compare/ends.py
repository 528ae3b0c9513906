"""The two ends of one run, over the public library: each keeps its log, on the machine's monotonic clock.

Owns the schedule's keeping and the logs. Knows neither what carries the messages nor what the logs will be joined with; they run
in two processes, or in two threads. What the network does wrong is in the log and never raises.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import import_module
from itertools import islice
from typing import Any

from udpmsg.base import clock
from udpmsg.base.durations import SECOND
from udpmsg.base.errors import Phrase, UdpmsgError, UsageError
from udpmsg.compare import reasons
from udpmsg.compare.choices import Choices, Mode, Workload
from udpmsg.compare.knowledge import Knowledge, Looking
from udpmsg.compare.trace import Known, Received, Sent, Trace
from udpmsg.compare.watch import ASKED_EVERY, Watch
from udpmsg.compare.workload import Schedule, payloads
from udpmsg.core.events import Disconnected, Duplicate, Event, Message, Outcome, State, Unreachable
from udpmsg.link.record import FrameRecord
from udpmsg.messaging.receiver import Receiver
from udpmsg.messaging.sender import Sender
from udpmsg.messaging.statistics import SenderStatistics
from udpmsg.sockets.endpoint import resolve

BATCH = 64
"""Messages handed to the library at one go, so that a look at what came back is never far."""
GRACE = 30 * SECOND
"""Besides the schedule and the deadline, a sender may take so long."""
EMPTY_LOOKS = 3
"""A receiver is done when it finds nothing so often: what only opens a connection is no event, and messages may be behind it."""


@dataclass(frozen=True)
class Plan:
    """What the sender does in one run."""

    mode: Mode
    workload: Workload
    choices: Choices

    @property
    def acknowledged(self) -> bool:
        """Whether its messages ask for acknowledgments."""
        return self.choices.acknowledges(self.mode)

    def options(self) -> dict[str, Any]:
        """What the library's sender is opened with. Over TCP a listener gets as much patience as a message's deadline."""
        choices = self.choices
        options: dict[str, Any] = {
            "transport": self.mode.transport,
            "acknowledged": self.acknowledged,
            "max_transmissions": choices.max_transmissions,
            "deadline": choices.deadline_ns / SECOND,
            "min_rto": choices.min_rto_ns / SECOND,
        }
        if self.acknowledged:
            options["window"] = choices.window
        if self.mode is Mode.UDP_ACK:
            options["congestion"] = choices.congestion
        if self.mode is Mode.TCP:
            return options | {
                "connect_timeout": choices.deadline_ns / SECOND,
                "nagle": choices.nagle,
                "tcp_congestion": choices.tcp_congestion,
            }
        return options | {"ordered": choices.ordered and self.acknowledged, "datagram_size": choices.datagram_size}


@dataclass
class SenderLog:
    """What one sender saw. Times are nanoseconds on the machine's monotonic clock."""

    started_at: int
    """When the socket was about to be opened; message n is due n - 1 intervals later."""
    sent: list[Sent]
    """One row per message of the workload, sent or not."""
    connect_ns: int | None = None
    tcp_congestion: str | None = None
    refused_icmp: int = 0
    not_sent: dict[int, str] = field(default_factory=dict)
    retransmissions: int | None = None
    statistics: SenderStatistics | None = None
    """None: there was no sender."""
    ended_at: int = 0
    error: str | None = None
    known: list[Known] = field(default_factory=list)
    """What it knew of the path, over time."""


@dataclass
class ReceiverLog:
    """What one receiver saw. Times are nanoseconds on the machine's monotonic clock."""

    received: list[Received] = field(default_factory=list)
    """Of one sender: should several have sent, of the one that sent most."""
    strangers: int = 0
    """Messages of others."""
    kernel_drops: int | None = None
    malformed: int = 0
    over_limit: int = 0


def send(
    plan: Plan,
    *,
    host: str,
    port: int,
    progress: Callable[[int], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    before_close: Callable[[Sender], None] = lambda _: None,
) -> SenderLog:
    """Send the workload on its schedule, wait for what can be waited for, say goodbye; the log.

    `progress` is told how many messages were handed over, every 20 ms at most. `stop` is asked every 20 ms, by a thread of its
    own; once it is true, this ends early. `before_close` is given the sender when every message has ended, before the goodbye,
    but not where the run ended early or the connection is gone. It ends by itself when schedule, deadline and half a minute more
    are over. What the network does is in the log, as `error`. Raises UsageError and MessageTooLarge for a plan that no sender can
    keep.
    """
    import_module(f"udpmsg.{plan.mode.transport}.sender")  # loading it is no part of the handshake, nor is the name's look-up
    try:
        resolve(host, port, 0)
    except UdpmsgError:
        pass  # the sender will say so
    with Watch(stop) as watch:
        return _Sending(plan, watch).run(host, port, progress, before_close)


def receive(receiver: Receiver, *, stop: Callable[[], bool]) -> ReceiverLog:
    """Log what comes until `stop` is true, and then what is there already. `stop` is asked every 20 ms at least."""
    log = ReceiverLog()
    sessions: dict[int, list[Received]] = defaultdict(list)
    while not stop():
        _note(sessions, receiver.poll(ASKED_EVERY))
    empty = 0
    while empty < EMPTY_LOOKS:
        events = receiver.poll(0)
        _note(sessions, events)
        empty = 0 if events else empty + 1
    in_size = sorted(sessions.values(), key=len)
    log.received = in_size.pop() if in_size else []
    log.strangers = sum(map(len, in_size))
    statistics = receiver.statistics()
    log.kernel_drops, log.malformed, log.over_limit = statistics.kernel_drops, statistics.malformed, statistics.over_limit
    return log


def joined(
    mode: Mode, repetition: int, seed: int, sender_log: SenderLog, receiver_log: ReceiverLog, frames: list[FrameRecord] | None
) -> Trace:
    """The logs of a run as one, their times made relative to the sender's start. The logs themselves stay as they are."""
    start = sender_log.started_at

    def since(time: int | None) -> int | None:
        return None if time is None else time - start

    sent = [
        replace(row, due_at=row.due_at - start, sent_at=since(row.sent_at), settled_at=since(row.settled_at))
        for row in sender_log.sent
    ]
    received = [replace(row, at=row.at - start) for row in receiver_log.received]
    known = [replace(row, at=row.at - start) for row in sender_log.known]
    if frames is not None:
        frames = [
            replace(frame, arrived_at=frame.arrived_at - start, left_at=tuple(at - start for at in frame.left_at))
            for frame in frames
        ]
    ends = [row.settled_at for row in sent if row.settled_at is not None]
    ends += [row.at for row in received if not row.duplicate]
    return Trace(
        mode=mode,
        repetition=repetition,
        seed=seed,
        sent=sent,
        received=received,
        frames=frames,
        connect_ns=sender_log.connect_ns,
        tcp_congestion=sender_log.tcp_congestion,
        kernel_drops=receiver_log.kernel_drops,
        malformed=receiver_log.malformed,
        over_limit=receiver_log.over_limit,
        refused_icmp=sender_log.refused_icmp,
        not_sent=dict(sender_log.not_sent),
        retransmissions=sender_log.retransmissions,
        datagram_size=None if sender_log.statistics is None else sender_log.statistics.datagram_size,
        duration_ns=max(ends, default=sender_log.ended_at - start),
        error=sender_log.error,
        known=known,
    )


class _Sending:
    """One sender's run."""

    def __init__(self, plan: Plan, watch: Watch) -> None:
        self.plan = plan
        self.watch = watch
        interval = plan.workload.interval_ns
        self.log = SenderLog(0, [Sent(n + 1, n * interval, None) for n in range(plan.workload.count)])

    def run(self, host: str, port: int, progress: Callable[[int], None], before_close: Callable[[Sender], None]) -> SenderLog:
        """The whole life of the sender. Whatever takes time and is no part of it was done before: it begins now."""
        log, workload = self.log, self.plan.workload
        log.started_at = clock.now()
        try:
            sender = Sender(host, port, **self.plan.options())
        except UsageError:
            raise
        except (UdpmsgError, OSError) as error:
            log.error = str(error)
        else:
            if self.plan.mode is Mode.TCP:
                log.connect_ns = clock.now() - log.started_at
            duration = workload.count * workload.interval_ns
            self.watch.over_sender(sender, log.started_at + duration + self.plan.choices.deadline_ns + GRACE)
            knowledge = Knowledge()
            with Looking(sender, knowledge):
                self._live(sender, progress, before_close)
            log.known = knowledge.rows
        for row in log.sent:
            row.due_at += log.started_at
        log.ended_at = clock.now()
        return log

    def _live(self, sender: Sender, progress: Callable[[int], None], before_close: Callable[[Sender], None]) -> None:
        """From the open socket to the closed one."""
        log, watch = self.log, self.watch
        try:
            self._send(sender, progress)
            while sender.unresolved and not watch.over and log.error is None:
                self._note(sender.poll(None))
            if not watch.over and log.error is None:
                before_close(sender)
        except UdpmsgError:
            sender.close(wait=False)
            raise
        except OSError as error:
            log.error = log.error or str(error)
        if watch.late:
            log.error = log.error or Phrase(reasons.TOO_LONG)
        sender.close(wait=not watch.over and log.error is None)
        self._note(sender.poll(0), closed=True)
        log.tcp_congestion = sender.congestion
        log.statistics = sender.statistics()
        log.retransmissions = log.statistics.retransmissions

    def _send(self, sender: Sender, progress: Callable[[int], None]) -> None:
        """Each message when it is due, or as soon after as it can leave."""
        log, workload = self.log, self.plan.workload
        schedule = Schedule(max(1, workload.interval_ns), now=log.started_at)
        messages = payloads(workload)
        sent = told_at = 0
        while sent < workload.count and not self.watch.over and log.error is None:
            now = clock.now()
            due = min(schedule.due(now=now), BATCH, workload.count - sent)
            if due > 0:
                taken = len(sender.send_many(islice(messages, due)))
                for row in log.sent[sent : sent + taken]:
                    row.sent_at = now
                schedule.take(taken)
                sent += taken
                self._note(sender.poll(0))
                if now - told_at >= ASKED_EVERY * SECOND or sent == workload.count:
                    progress(sent)
                    told_at = now
            else:
                self._note(sender.poll((schedule.next_due() - now) / SECOND))

    def _note(self, events: list[Event], *, closed: bool = False) -> None:
        """What became of messages, and what the network said."""
        log, now = self.log, clock.now()
        for event in events:
            if isinstance(event, Outcome):
                row = log.sent[event.sequence - 1]
                row.state, row.reason, row.settled_at = event.state.value, event.reason, now
                row.transmissions, row.rtt = event.transmissions or None, event.rtt_ns
                if event.state is State.REFUSED:
                    log.not_sent[event.sequence] = event.reason or Phrase(reasons.NOT_SENT)
            elif isinstance(event, Unreachable):
                log.refused_icmp += event.refused
            elif isinstance(event, Disconnected) and not (closed and event.reason == "end of stream"):
                log.error = log.error or Phrase(reasons.CONNECTION_ENDED, event.reason)


def _note(sessions: dict[int, list[Received]], events: list[Event]) -> None:
    """Add what came to the log of its session, with the time at which the application had it."""
    now = clock.now()
    for event in events:
        if isinstance(event, Message):
            if event.session is not None and event.sequence is not None:
                row = Received(event.sequence, now, reordered=event.reordered, transmission=event.transmission)
                sessions[event.session].append(row)
        elif isinstance(event, Duplicate):
            row = Received(event.sequence, now, duplicate=True, transmission=event.transmission)
            sessions[event.session].append(row)
