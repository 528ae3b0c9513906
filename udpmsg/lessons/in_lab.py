"""The lab as lessons use it: messages in one mode over a link, which is made for them, and gone after them.

Owns how a link is written in a lesson, and when a run is made again: where this machine was too busy to keep the schedule, times
say nothing about the network. What a run is: `compare.trace`.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from udpmsg.base import units
from udpmsg.base.durations import MILLISECOND
from udpmsg.base.errors import UdpmsgError
from udpmsg.base.language import N_, _
from udpmsg.compare.choices import Choices, Mode, Workload
from udpmsg.compare.run import Request, compare
from udpmsg.compare.trace import Trace, Where
from udpmsg.lessons.stage import Stage, Stopped
from udpmsg.link.faults import Link, Path
from udpmsg.link.script import parse_fault

ATTEMPTS = 4
"""A run is made at most so many times, until one is not disturbed; the last one counts in any case."""
DISTURBED = 8 * MILLISECOND
"""If a message is sent so long after it was due, or handed over so long after it arrived, the machine was busy."""

CHOICES = Choices()
RENO = Choices(tcp_congestion="reno")
"""The congestion control of RFC 5681, which every Linux has; the system's default may be another one."""

STEPS = {
    Mode.UDP: N_("Linux's own UDP, between two virtual hosts"),
    Mode.UDP_ACK: N_("UDP with udpmsg's acknowledgments, between two virtual hosts"),
    Mode.TCP: N_("Linux's own TCP, between two virtual hosts"),
}
"""What is announced before each mode's run."""


class RunFailed(UdpmsgError):
    """A run in the lab that was not whole."""


def link(delay: str, *faults: str, **path: Any) -> Link:
    """A link with this delay each way, these scripted faults, and other fields of `link.faults.Path` for both ways."""
    both = Path(delay=units.parse_nanoseconds(delay), **path)
    return Link(both, both, tuple(parse_fault(fault) for fault in faults))


def in_lab(
    stage: Stage,
    over: Link,
    mode: Mode,
    workload: Workload,
    choices: Choices = CHOICES,
    *,
    good: Callable[[Trace], bool] = lambda _run: True,
    attempts: int = ATTEMPTS,
) -> Trace:
    """Run it, in a lab of its own. Raises LabUnavailable, RunFailed and Stopped.

    `good`: what else a run must fulfil, or it is made again. It is for times, to which a busy machine can only add.
    `attempts`: 1 where messages are kept waiting by the network on purpose, so that a run says nothing about this machine.
    """
    stage.step(_(STEPS[mode]))
    request = Request(over, 1, workload, replace(choices, modes=(mode,)), Where.LAB)
    for _attempt in range(attempts):
        made = compare(request, progress=lambda _state: None, stopped=stage.stopped)
        if stage.stopped():
            raise Stopped
        (run,) = made.runs
        if run.error is not None:
            raise RunFailed("{}: {}", mode.value, run.error)
        if good(run) and not disturbed(run, over):
            break
    return run


def disturbed(run: Trace, over: Link) -> bool:
    """Whether this machine kept something waiting: a message before it was sent (beyond a handshake), a frame on a link without a
    bottleneck, or a datagram after it had arrived."""
    paths = (over.forward, over.back)
    for frame in run.frames or ():
        path = paths[frame.identity.direction]
        longest = path.delay + path.jitter + frame.reordered * path.reorder_by + DISTURBED
        if frame.left_at and path.rate is None and frame.script is None and min(frame.left_at) - frame.arrived_at > longest:
            return True
    connected = run.connect_ns or 0
    late = any(row.sent_at is not None and row.sent_at - max(row.due_at, connected) > DISTURBED for row in run.sent)
    if late or run.mode is Mode.TCP:  # TCP's kernel keeps messages waiting on purpose
        return late
    arrived = {frame.first_sequence: max(frame.left_at) for frame in run.frames or () if frame.first_sequence and frame.left_at}
    return any(row.at - arrived.get(row.sequence, row.at) > DISTURBED for row in run.received)
