"""One run over a real network: our sender here, somebody's `udpmsg listen --both` there, and nothing between but messages.

There is no control connection: when every message has ended, the sender asks the listener what it has of this session, over the
transport that the messages took (docs/decisions/0011). Owns when the answer is final and what follows from it. One clock is here
and another there, so no delay in one direction is known; nobody saw the frames.
"""

import threading
from collections.abc import Callable

from udpmsg.base import clock
from udpmsg.base.durations import SECOND
from udpmsg.base.errors import Phrase
from udpmsg.compare import ends, reasons
from udpmsg.compare.choices import Choices, Mode, Workload
from udpmsg.compare.trace import Trace
from udpmsg.messaging.sender import Sender
from udpmsg.messaging.statistics import SessionReport

ANSWER_WAIT = 5.0
"""Seconds without an answer after which there is none: by then the question was asked three times, of an unmeasured path."""
SETTLE_WAIT = 3.0
"""Seconds at most for answers to stop changing: what is still on its way then counts as lost."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 1.0
"""Seconds from one answer to the next question; between them, twice what the last answer took."""
NO_SEED = 0
"""Chance is the network's own."""


def run(
    mode: Mode,
    repetition: int,
    workload: Workload,
    choices: Choices,
    *,
    host: str,
    port: int,
    progress: Callable[[int], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> Trace:
    """Send the workload in one mode to the listener at `host` and `port`, and ask it what it has.

    What it never had is in `lost_sequences`, its own figures are in `receiver`; both are None where it can't or doesn't say, and
    `error` tells why. `progress` is told how many messages were handed over; once `stop` is true, this ends early. Raises
    UsageError and MessageTooLarge for what no sender can do.
    """
    answers: list[SessionReport] = []

    def ask(sender: Sender) -> None:
        answers.extend(final_answer(sender))

    plan = ends.Plan(mode, workload, choices)
    log = ends.send(plan, host=host, port=port, progress=progress, stop=stop, before_close=ask)
    joined = ends.joined(mode, repetition, NO_SEED, log, ends.ReceiverLog(), None)
    joined.kernel_drops = joined.malformed = joined.over_limit = None  # of the receiver's log, which is elsewhere
    handed_over = [row.sent_at for row in joined.sent if row.sent_at is not None]
    settled = [row.settled_at for row in joined.sent if row.settled_at is not None]
    joined.duration_ns = max(settled + handed_over, default=0)  # not what asking took
    if answers:
        take(joined, answers[0], f"{host} port {port}")
    elif joined.error is None and not stop():
        joined.error = Phrase(reasons.NOBODY_SAID, host, mode.transport.upper(), port, port)
    return joined


def final_answer(sender: Sender) -> list[SessionReport]:
    """The receiver's answer when it has stopped changing, so that late arrivals are not called lost; empty: it gave none.

    It is final when everything was delivered, when two answers in a row are the same and nothing waits for the application there,
    or after three seconds.
    """
    until = clock.now() + int(SETTLE_WAIT * SECOND)
    last: list[SessionReport] = []
    while True:
        asked_at = clock.now()
        report = sender.ask(ANSWER_WAIT)
        if report is None:
            return last
        now = clock.now()
        unchanged = last == [report] and report.delivered == report.arrived
        last = [report]
        if report.delivered == report.sent or unchanged or now >= until:
            return last
        pause = min(max(2 * (now - asked_at) / SECOND, SHORTEST_PAUSE), LONGEST_PAUSE)
        threading.Event().wait(pause)


def take(joined: Trace, report: SessionReport, where: str) -> None:
    """What the receiver says, into the run."""
    if not report.known:
        joined.error = Phrase(reasons.KNOWS_NOTHING, where)
        return
    joined.receiver = {
        "delivered": report.delivered,
        "arrived": report.arrived,
        "duplicates": report.duplicates,
        "reordered": report.reordered,
        "over_limit": report.over_limit,
        "kernel_drops": report.kernel_drops,
        "payload_bytes": report.payload_bytes,
        "duration_s": report.duration_s,
        "jitter_s": report.jitter_s,
    }
    if report.forgotten:
        joined.error = Phrase(reasons.FORGOTTEN, where, report.forgotten, report.messages_lost)
        return
    lost = [sequence for first, last in report.lost for sequence in range(first, last + 1)]
    joined.lost_sequences = [sequence for sequence in lost if sequence not in joined.not_sent]
