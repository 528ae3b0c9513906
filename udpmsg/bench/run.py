"""Runs a benchmark: each mode at each size, one after the other, and tells each measurement as it is made.

Owns which trials make a measurement and how the time is shared among them. Knows neither sockets (see `trial`) nor which
rate is tried next (see `search`), nor what a limit is (see `limits`).
"""

import os
import platform
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import NamedTuple

from udpmsg import __version__
from udpmsg.base import clock
from udpmsg.base.durations import SECOND
from udpmsg.base.errors import N_, Phrase, UsageError
from udpmsg.bench import path_size
from udpmsg.bench.limits import limits_of
from udpmsg.bench.others import Others
from udpmsg.bench.receiver import OwnReceiver
from udpmsg.bench.search import RoundTrips, Search, decisive
from udpmsg.bench.trial import TrialSetup, TrialStopped, as_fast_as_possible, at_rate, look_for_listener, round_trips
from udpmsg.bench.values import LARGEST, Benchmark, BenchProgress, BenchRequest, Measurement, Trial
from udpmsg.compare.choices import Mode
from udpmsg.lab.processes import sharpen_timers

FLOOD, SHORT, LONG = 0.1, 0.05, 0.15
"""Shares of a measurement's time: the flood, a trial of the search, a trial that confirms."""
DELIVERED, TIMES, ROUND_TRIPS = 0.2, 3, 0.4
"""The same where messages are acknowledged or travel in a stream: each of three trials, whose middle one counts, and the rest."""


def check(request: BenchRequest) -> None:
    """Raise UsageError for what cannot be measured, before anything begins."""
    for size in request.sizes:
        if not 1 <= size <= LARGEST:
            raise UsageError(
                "messages of {} bytes cannot be measured: choose 1 to {}, the most that a listener takes", size, LARGEST
            )
    if request.congestion is not None and Mode.UDP_ACK not in request.modes:
        raise UsageError("a congestion control means nothing without the mode udp+ack: the other modes do not use udpmsg's")
    if request.window is not None and Mode.UDP_ACK not in request.modes:
        raise UsageError("a window means nothing without the mode udp+ack: it bounds the messages that are not acknowledged yet")
    if request.datagram_size is not None and set(request.modes) == {Mode.TCP}:
        raise UsageError("a datagram size means nothing to TCP, which cuts its stream itself")


def bench(
    request: BenchRequest,
    *,
    found: Callable[[Benchmark, Measurement], None] = lambda *_: None,
    progress: Callable[[BenchProgress], None] = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Benchmark:
    """Measure everything; `found` is told each measurement. Once `stopped` is true, what is under way ends and no other begins.

    Raises UsageError, NameUnknown, NobodyThere where no listener answers, CannotListen, and ChildFailed when our own receiver was
    ended from outside.
    """
    check(request)
    sharpen_timers()
    with ExitStack() as stack:
        receiver = None
        if request.target is None:
            receiver = stack.enter_context(OwnReceiver(receive_buffer=request.receive_buffer, offload=request.offload))
        benchmark = Benchmark(
            request=request,
            started=clock.utc(),
            system=f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
            version=__version__,
            cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
            receive_buffer_bytes=None if receiver is None else receiver.first_look.receive_buffer,
        )
        try:
            measure_all(benchmark, receiver, found, progress, stopped)
        except TrialStopped:
            benchmark.interrupted = True
    return benchmark


def measure_all(
    benchmark: Benchmark,
    receiver: OwnReceiver | None,
    found: Callable[[Benchmark, Measurement], None],
    progress: Callable[[BenchProgress], None],
    stopped: Callable[[], bool],
) -> None:
    """Every mode at every size. Raises TrialStopped."""
    request = benchmark.request
    host, port = (receiver.host, receiver.port) if receiver is not None else request.target or ("", 0)
    largest = path_size.largest_datagram(host, port)
    clockwork = Clockwork(request, progress, Others(None if receiver is None else receiver.pid))
    setups = []
    for mode, size in request.cells:
        needed = path_size.datagram_size(size, acknowledged=mode is Mode.UDP_ACK, largest=largest)
        datagram_size = request.datagram_size or needed
        setups.append(
            TrialSetup(
                mode,
                size,
                host,
                port,
                datagram_size,
                request.window,
                request.offload,
                receiver,
                stopped=stopped,
                tick=clockwork.tick,
                congestion=request.congestion,
            )
        )
    if receiver is None:
        for transport in dict.fromkeys(setup.mode.transport for setup in setups):
            look_for_listener(next(setup for setup in setups if setup.mode.transport == transport))
    for setup in setups:
        if stopped():
            raise TrialStopped
        clockwork.begin(setup)
        measurement = concluded(
            benchmark, setup, MEASURED[setup.mode](setup, request.seconds, clockwork), clockwork.others.mean()
        )
        benchmark.measurements.append(measurement)
        found(benchmark, measurement)


class Made(NamedTuple):
    """What was made for one measurement."""

    trials: list[Trial]
    decided: Trial | None
    """The one that the throughput is of."""
    trips: RoundTrips | None


def searched(setup: TrialSetup, seconds: float, clockwork: "Clockwork") -> Made:
    """Fire and forget: the flood, then rates until the highest is found at which nothing is lost."""
    clockwork.doing(Phrase("flood"))
    flood = as_fast_as_possible(setup, seconds * FLOOD)
    search = Search(sent=flood.sent_msgs_per_s, received=flood.received_msgs_per_s, lost=not flood.kept_up)
    trials = [flood]
    while (step := search.next()) is not None:
        duration = seconds * (LONG if step.confirms else SHORT)
        if step.rate is None:
            clockwork.doing(Phrase("as fast as possible, once more"))
            trial = as_fast_as_possible(setup, duration, confirms=True)
        else:
            words = N_("{:,.0f} msg/s, once more") if step.confirms else N_("{:,.0f} msg/s")
            clockwork.doing(Phrase(words, step.rate))
            trial = at_rate(setup, step.rate, duration, confirms=step.confirms)
        trials.append(replace(trial, verifies=step.verifies))
        search.note(step, sent=trial.sent_msgs_per_s, lost=not trial.kept_up, share=trial.loss)
    return Made(trials, decisive(trials, failed_at=search.failed_at), None)


def delivered(setup: TrialSetup, seconds: float, clockwork: "Clockwork") -> Made:
    """Acknowledged, or over TCP: as fast as the receiver takes it, several times, and then the round trips."""
    clockwork.doing(Phrase("as fast as possible"))
    trials = [as_fast_as_possible(setup, seconds * DELIVERED, confirms=True) for _ in range(TIMES)]
    middle = sorted(trials, key=lambda trial: trial.carried_msgs_per_s)[TIMES // 2]
    clockwork.doing(Phrase("round trips"))
    return Made(trials, middle if all(trial.complete for trial in trials) else None, round_trips(setup, seconds * ROUND_TRIPS))


MEASURED = {Mode.UDP: searched, Mode.UDP_ACK: delivered, Mode.TCP: delivered}


def concluded(benchmark: Benchmark, setup: TrialSetup, made: Made, others: float | None) -> Measurement:
    """What the trials of one measurement come to."""
    trials, decided, trips = made
    acknowledged, framed = setup.mode is Mode.UDP_ACK, setup.mode is Mode.TCP
    throughput = None if decided is None else decided.carried_msgs_per_s
    flood = trials[0] if setup.mode is Mode.UDP else None
    after = None if setup.receiver is None else setup.receiver.look()
    sides = [trials[-1].offload, *([] if after is None else [after.offload])]
    drops = [trial.kernel_drops for trial in trials if trial.kernel_drops is not None]
    over_limit = [trial.over_limit for trial in trials if trial.over_limit is not None]
    shown = decided or trials[-1]
    measurement = Measurement(
        mode=setup.mode,
        size_bytes=setup.size,
        datagram_size_bytes=None if framed else setup.datagram_size,
        datagrams_per_message=None
        if framed
        else path_size.datagrams(setup.size, acknowledged=acknowledged, datagram_size=setup.datagram_size),
        throughput_msgs_per_s=throughput,
        flood_sent_msgs_per_s=None if flood is None else flood.sent_msgs_per_s,
        flood_received_msgs_per_s=None if flood is None else flood.received_msgs_per_s,
        goodput_bps=None if throughput is None else throughput * setup.size * 8,
        rtt_s=None if trips is None else trips.summary(),
        rtt_interval_s=None if trips is None else trips.interval / SECOND,
        rtt_lost=None if trips is None else trips.lost,
        offload=None if framed or None in sides else all(sides),
        receive_buffer_bytes=None if framed or after is None else after.receive_buffer,
        kernel_drops=None if framed or len(drops) < len(trials) else sum(drops),
        over_limit=None if len(over_limit) < len(trials) else sum(over_limit),
        sender_cpu=shown.sender_cpu,
        receiver_cpu=shown.receiver_cpu,
        other_processes=others,
        limits=(),
        curve=tuple(trials),
    )
    return limits_of(measurement, benchmark)


class Clockwork:
    """How far a benchmark is: by the time that is planned, which a measurement takes more or less."""

    def __init__(self, request: BenchRequest, progress: Callable[[BenchProgress], None], others: Others) -> None:
        """Nothing has begun yet. `others` are looked for whenever progress is told."""
        self.others = others
        self._seconds = request.seconds
        self._count = len(request.cells)
        self._progress = progress
        self._done = -1
        self._setup: TrialSetup | None = None
        self._doing = ""
        self._begun = 0

    def begin(self, setup: TrialSetup) -> None:
        """The next measurement."""
        self._done += 1
        self._setup, self._begun = setup, clock.now()

    def doing(self, words: str) -> None:
        """What is going on now."""
        self._doing = words
        self.tick()

    def tick(self) -> None:
        """Tell it."""
        if self._setup is None:
            return
        self.others.look()
        passed = min((clock.now() - self._begun) / SECOND / self._seconds, 0.99)
        measured = self._done + passed
        left = (self._count - measured) * self._seconds
        self._progress(BenchProgress(self._setup.mode, self._setup.size, self._doing, measured / self._count, left))
