"""One run of `send`: the library's sender, and everything that came of it.

Owns the tallies, the waiting and the exit code. Does not know where messages come from (see `workload`, `dialogue`).
"""

from collections.abc import Callable
from itertools import groupby
from operator import attrgetter

from udpmsg.base import clock
from udpmsg.base.durations import SECOND
from udpmsg.base.language import _, told
from udpmsg.cli.exits import Exit
from udpmsg.cli.last_words import Tally
from udpmsg.core.events import (
    Disconnected,
    Event,
    Malformed,
    Message,
    NextAddress,
    OffloadRefused,
    Outcome,
    PeerRestarted,
    State,
    Unreachable,
)
from udpmsg.show.schema import sender_summary
from udpmsg.show.terminal import hint_words
from udpmsg.sockets.waiting import nanoseconds

SHOWN_FAILURES = 20
"""Where there are too many messages for a line each, the first failures have one; the others are only counted."""
HINT_WAIT = 0.02
"""Seconds that a fire-and-forget sender waits for an ICMP refusal from another machine; from this one it comes at once."""


class Exchange(Tally):
    """Drives a sender, shows its events and counts them."""

    goes_on = False
    """Whether the run goes on when everything was refused, because a person may try again."""
    show_outcomes = True
    """Whether a confirmed message gets a line of its own."""
    aside = False
    """Whether outcomes go to standard error, because standard output has the replies."""
    failed: int | None = None
    """The exit code of the error that ended the run."""
    disconnected: Disconnected | None = None
    on_reply: Callable[[Message], str] | None = None
    """Called with each reply; returns a note to show beside it."""
    _closing = False
    _hint_told = False
    _failures_shown = 0

    @property
    def stopped(self) -> bool:
        """Whether to give up: a signal came, nobody reads the output, or nobody is there."""
        gone = self.disconnected is not None or (self.sender.refused and not self.goes_on)
        return gone or self.interrupts.number is not None or self.output.data.broken is not None

    def tell_resumed(self) -> None:
        """Say so if this run continues one that an earlier command began."""
        spool = self.sender.spool
        if spool is not None and spool.earlier.accepted:
            self.output.resumed(spool.path, spool.session, waiting=self.resumed, taken=spool.taken)

    def pump(self, timeout: float | None = 0) -> None:
        """Let the library run until something happens, at most `timeout` seconds, and show what did."""
        self.take(self.sender.poll(timeout))

    def take(self, events: list[Event]) -> None:
        """Show and count what happened."""
        self._on_outcomes([event for event in events if isinstance(event, Outcome)])
        self._on_replies([event for event in events if isinstance(event, Message)])
        for event in events:
            self._on_other(event)

    def settle(self, wait: float | None, replies: int | None) -> None:
        """Wait until every message has ended, and up to `wait` seconds for `replies` replies.

        `wait` None: for none; `replies` None: there may be any number.
        """
        begun = clock.now()
        until = begun + nanoseconds(wait or 0)
        while not self.stopped:
            now = clock.now()
            listening = wait is not None and now < until and (replies is None or self.replies < replies)
            if not self.sender.unresolved and not listening:
                break
            timeout = (until - now) / SECOND if listening else None
            if self.words.terminal:
                timeout = min(timeout, 0.25) if timeout is not None else 0.25
                self.explain(now - begun)
            self.pump(timeout)
        self.words.clear()

    def finish(self) -> int:
        """Say goodbye, write the summary and the last words; return the exit code."""
        if self._hint_matters():
            self.pump(0 if is_this_machine(self.sender.endpoint.host) else HINT_WAIT)
        self._closing = True
        self.interrupts.release()
        self.sender.close(wait=not self.stopped, finished=self.failed is None)
        self.pump(0)
        summary = sender_summary(self.sender.statistics(), self.round_trips)
        if not self.output.for_people:
            self.output.summary(summary, str(self.sender.endpoint))
        code = self._code()
        self.say_last_words(code)
        return code

    def _hint_matters(self) -> bool:
        return (
            self.sender.endpoint.transport == "udp"
            and not self.sender.acknowledged
            and not self.sender.one_to_many
            and not self.replies
            and self.unreachable is None
            and not self.stopped
        )

    def _code(self) -> int:
        if self.interrupts.number is not None:
            return self.interrupts.code
        if self.failed is not None:
            return self.failed
        if self.output.data.broken:
            return Exit.ERROR
        failed = self.states[State.UNCONFIRMED] + self.states[State.REFUSED] + self.not_sent + self.kept
        unanswered = self.replies < self.answers_expected
        if not failed and not unanswered:
            return Exit.WELL
        sent_none = not self.sender.statistics().messages_sent and self.states[State.REFUSED]
        refused = self.unreachable is not None or sent_none
        return Exit.NOBODY if refused and not self.heard else Exit.UNCONFIRMED

    def _on_outcomes(self, outcomes: list[Outcome]) -> None:
        for state, group in groupby(outcomes, attrgetter("state")):
            ended = list(group)
            self.states[state] += len(ended)
            if state is State.DELIVERED:
                self._hint_told = False  # should the listener go, that is news
            for round_trip in [outcome.rtt_ns for outcome in ended if outcome.rtt_ns is not None]:
                self.round_trips.add(round_trip / SECOND)
            if self.show_outcomes:
                self.output.outcomes(ended, aside=self.aside)
            elif state is not State.DELIVERED:
                self._show_failures(ended)

    def _show_failures(self, outcomes: list[Outcome]) -> None:
        """Show the first few failures of many messages."""
        shown = outcomes[: max(SHOWN_FAILURES - self._failures_shown, 0)]
        if shown:
            self.output.outcomes(shown, aside=self.aside)
        if self._failures_shown <= SHOWN_FAILURES < self._failures_shown + len(outcomes):
            self.words.say(_("More failures are only counted; --json tells each"))
        self._failures_shown += len(outcomes)

    def _on_replies(self, messages: list[Message]) -> None:
        if messages:
            self.replies += len(messages)
            self.output.replies(messages, [self.on_reply(message) if self.on_reply else "" for message in messages])

    def _on_other(self, event: Event) -> None:
        """What is neither an outcome nor a reply."""
        match event:
            case Unreachable():
                self._on_unreachable(event)
            case NextAddress():
                if self.sender.endpoint not in self.addresses:  # they are tried in turn, again and again
                    self.addresses.add(self.sender.endpoint)
                    self.words.hint(_("{}; trying {}, the name's next address").format(told(event.reason), event.peer))
            case Disconnected() if not self._closing:
                self.disconnected = event
                text = _("{} ended the connection").format(self.sender.endpoint)
                self.words.say(text if event.reason == "end of stream" else f"{text} ({told(event.reason)})")
            case PeerRestarted():
                self.words.say(_("{} was restarted; what it never had is sent again").format(self.sender.endpoint))
            case Malformed():
                self.words.say(_("{} sent {} bytes that are no message: {}").format(event.peer, event.size, told(event.reason)))
            case OffloadRefused():
                text = _("the kernel takes no runs of datagrams here ({}): each goes by itself, which is slower")
                self.words.say(text.format(told(event.reason)))

    def _on_unreachable(self, event: Unreachable) -> None:
        if self._closing:  # it is a goodbye that found nobody: a listener may end with the first of them
            return
        self.unreachable = event
        if self.sender.unresolved and not self._hint_told:
            self._hint_told = True
            text = _("{} (ICMP); trying until {}")
            self.words.hint(text.format(hint_words(event), clock.time_of_day(self.longest_wait())))


def is_this_machine(host: str) -> bool:
    """Whether this is a loopback address: a refusal from there is known before the send returns."""
    return host.startswith("127.") or host == "::1"
