"""One question of a sender to its receiver: what have you of my session? Owns the pages of the answer, and when to ask again.

Knows no bytes and no receiver's state: `udpmsg.core.sender` sends the QUERYs and hands the REPORTs over. Times in nanoseconds.
"""

from udpmsg.core.rtt import NEVER
from udpmsg.core.wire import Report

CLOCKS_DIFFER = 1000
"""Two clocks are not apart by more than a thousandth of the time that both measured."""


class Query:
    """Asked page by page, each page again after a timeout, until the list of what is missing is whole."""

    __slots__ = ("_asked", "_missing", "_receiver", "attempts", "begins_at", "repeat_at", "report", "unknown")

    def __init__(self) -> None:
        self.begins_at = 1
        """The sequence number from which on the list is asked for now."""
        self.attempts = 0
        """How often this page was asked for."""
        self.repeat_at = NEVER
        """When to ask for it again."""
        self.report: Report | None = None
        """The whole answer: the ranges of every page, the counts of the last one."""
        self.unknown = False
        """The receiver knows nothing of the session: nothing of it ever came there, or it was restarted, or has forgotten it."""
        self._asked: dict[int, int] = {}
        self._missing: list[tuple[int, int]] = []
        self._receiver = 0

    @property
    def answered(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.unknown or self.report is not None

    def asked(self, number: int, now: int, *, repeat_at: int) -> None:
        """A QUERY for this page left as the datagram with this number."""
        self._asked[number] = now
        self.attempts += 1
        self.repeat_at = repeat_at

    def disclaimed(self) -> None:
        """The receiver says that it knows nothing of the session; after a whole answer that is old news."""
        self.unknown = self.report is None
        self.repeat_at = NEVER
        self._asked.clear()

    def answer(self, report: Report, receiver: int, now: int) -> int | None:
        """Take one page from the receiver with this session; the round trip it took, None for what was not asked (any more).

        A page that another receiver began is worth nothing: a restarted one is asked from the start."""
        asked_at = self._asked.get(report.question)
        if asked_at is None or report.begins_at != self.begins_at:
            return None
        if receiver != self._receiver and self.begins_at > 1:
            self._missing.clear()
            self._turn_to(1)
        else:
            self._missing += report.missing
            self._turn_to(report.goes_on_at)
        self._receiver = receiver
        if not self.begins_at:
            self.report = report._replace(missing=self._missing)
        return now - asked_at

    def _turn_to(self, begins_at: int) -> None:
        self.begins_at = begins_at
        self.attempts = 0
        self.repeat_at = NEVER
        self._asked.clear()


def possible(report: Report, *, payload_bytes: int, elapsed: int) -> Report:
    """The report with None where it claims what can't be: the session sent `payload_bytes`, each once, and began `elapsed`
    nanoseconds ago. What the network and other senders may add to has one bound: nothing comes more than once a nanosecond."""
    longest_us = (elapsed + elapsed // CLOCKS_DIFFER) // 1000
    return report._replace(
        duplicates=at_most(elapsed, report.duplicates),
        reordered=at_most(report.arrived, report.reordered),
        over_limit=at_most(elapsed, report.over_limit),
        payload_bytes=at_most(payload_bytes, report.payload_bytes),
        duration_us=at_most(longest_us, report.duration_us),
        kernel_drops=at_most(elapsed, report.kernel_drops),
        jitter_us=at_most(longest_us, report.jitter_us),
    )


def at_most(bound: int, claim: int | None) -> int | None:
    """A claim that does not exceed its bound; None for any other."""
    return None if claim is None or claim > bound else claim
