"""One run of `send`: the library's sender, and everything that came of it.

Owns the tallies, the waiting and the exit code. Does not know where messages come from (see `workload`, `dialogue`).
"""

from collections.abc import Callable
from itertools import groupby
from operator import attrgetter

from udpmsg.base import clock
from udpmsg.base.distribution import Distribution
from udpmsg.base.durations import SECOND
from udpmsg.base.language import N_plural, _, number, plural, told
from udpmsg.cli.exits import Exit
from udpmsg.cli.output import Output
from udpmsg.cli.signals import Interrupts
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
from udpmsg.messaging.sender import Sender
from udpmsg.show.schema import sender_summary
from udpmsg.show.stream import Words
from udpmsg.show.terminal import PARTS_OF_SENDER, byte_count, hint_words, paint, part
from udpmsg.sockets.endpoint import DEFAULT_PORT, Endpoint
from udpmsg.sockets.waiting import nanoseconds

PATIENCE = 2 * SECOND
"""A wait longer than this is explained while it lasts."""
SHOWN_FAILURES = 20
"""Where there are too many messages for a line each, the first failures have one; the others are only counted."""
FORMS = dict(PARTS_OF_SENDER)
ENDED = {state: FORMS[f"messages_{state.value}"] for state in State}
"""The words for how many messages ended in each state."""
SENT_AGAIN, MALFORMED = FORMS["retransmissions"], FORMS["malformed"]
ANSWERED = N_plural("{} answered", "{} answered")
NOT_SENT = N_plural("{} not sent", "{} not sent")
HINT_WAIT = 0.02
"""Seconds that a fire-and-forget sender waits for an ICMP refusal from another machine; from this one it comes at once."""


class Exchange:
    """Drives a sender, shows its events and counts them."""

    def __init__(
        self,
        sender: Sender,
        output: Output,
        words: Words,
        interrupts: Interrupts,
        *,
        deadline: float,
        refused_for: float | None = None,
    ) -> None:
        self.sender = sender
        self.words = words
        self.output = output
        self.interrupts = interrupts
        self.deadline = deadline
        self.refused_for = refused_for
        self.goes_on = False
        """Whether the run goes on when everything was refused, because a person may try again."""
        self.show_outcomes = True
        """Whether a confirmed message gets a line of its own."""
        self.aside = False
        """Whether outcomes go to standard error, because standard output has the replies."""
        self.answers_expected = 0
        """Replies without which the run has failed."""
        self.replies = 0
        self.not_sent = 0
        """Messages that the library was never given: the line was too large, or the connection had ended."""
        self.failed: int | None = None
        """The exit code of the error that ended the run."""
        self.resumed = sender.spool.messages if sender.spool is not None else 0
        """Messages that an earlier run left in the spool."""
        self.unreachable: Unreachable | None = None
        self.disconnected: Disconnected | None = None
        self.on_reply: Callable[[Message], str] = _without_note
        """Called with each reply; returns a note to show beside it."""
        self._closing = False
        self._hint_told = False
        self._addresses_tried: set[Endpoint] = {sender.endpoint}
        self._failures_shown = 0
        self._round_trips = Distribution()
        self._states = dict.fromkeys(State, 0)

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
                self._explain(now - begun)
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
        summary = sender_summary(self.sender.statistics(), self._round_trips)
        if not self.output.for_people:
            self.output.summary(summary, str(self.sender.endpoint))
        code = self._code()
        self._last_words(code)
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
        failed = self._states[State.UNCONFIRMED] + self._states[State.REFUSED] + self.not_sent + self._kept
        unanswered = self.replies < self.answers_expected
        if not failed and not unanswered:
            return Exit.WELL
        sent_none = not self.sender.statistics().messages_sent and self._states[State.REFUSED]
        refused = self.unreachable is not None or sent_none
        return Exit.NOBODY if refused and not self._heard else Exit.UNCONFIRMED

    @property
    def _heard(self) -> bool:
        return bool(self._states[State.DELIVERED] or self.replies)

    @property
    def _kept(self) -> int:
        """Messages that stay in the spool."""
        return self.sender.spool.messages if self.sender.spool is not None else 0

    def _last_words(self, code: int) -> None:
        """Tell a person how it ended; tell a reader of JSON only what the summary does not say."""
        self._say_how_it_ended(code)
        if self._kept and self.sender.spool is not None:
            text = plural("{} message stays in {}: {}", "{} messages stay in {}: {}", self._kept)
            self._hint(text.format(number(self._kept), self.sender.spool.path, _("run the same command again")))

    def _say_how_it_ended(self, code: int) -> None:
        if self.interrupts.number is not None:
            self.words.say(f"{self.interrupts.words}: {self._tally()}")
            return
        if self.output.data.broken:
            self.words.say(f"udpmsg: {self.output.data.broken}: {self._tally()}")
            return
        if self.output.for_people and self.sender.statistics().messages_sent + self._states[State.REFUSED] + self.not_sent:
            self.words.say(self._tally())
        where = self.sender.endpoint
        if self.unreachable is not None and not self._heard:
            self._hint(self._said_by_icmp(self.unreachable))
        elif self._states[State.UNCONFIRMED]:
            happened = _("Not all confirmed in time.") if self._states[State.DELIVERED] else _("Nobody confirmed in time.")
            advice = _(
                "Check that udpmsg listens on {} (other programs cannot confirm) and no firewall is between; "
                "--deadline and --max-transmissions allow more"
            )
            self._hint(f"{happened} {advice.format(where)}")
        elif code == Exit.UNCONFIRMED and self.replies < self.answers_expected:
            self._hint(
                _(
                    "Not every message was answered. A listener answers with --echo, --reply, --exec or --interactive; "
                    "--wait 0 asks for no answer"
                )
            )

    def _said_by_icmp(self, unreachable: Unreachable) -> str:
        where = self.sender.endpoint
        if not unreachable.refused:
            advice = _("Check the address, the route there, and the firewalls on the way")
            return _("ICMP came back: {}. {}").format(hint_words(unreachable), advice)
        text = _("ICMP came back: nobody listens on {}. Start one: {}").format(where, _listener_for(where))
        if not self.sender.acknowledged:
            text += _("; --ack waits for a confirmation of each message")
        return text

    def _tally(self) -> str:
        statistics = self.sender.statistics()
        where, sent = self.sender.endpoint, statistics.messages_sent
        if self.sender.acknowledged:
            parts = [plural("{} message to {}", "{} messages to {}", sent).format(number(sent), where)]
            parts += [part(count, ENDED[state]) for state, count in self._states.items() if count or state is State.DELIVERED]
            if statistics.retransmissions:
                parts.append(part(statistics.retransmissions, SENT_AGAIN))
        else:
            checked = _("delivery not checked")
            if self.replies or self.answers_expected:
                checked = part(self.replies, ANSWERED)
            parts = [plural("{} message sent; {}", "{} messages sent; {}", sent).format(number(sent), checked)]
            if self._states[State.REFUSED]:
                parts.append(part(self._states[State.REFUSED], ENDED[State.REFUSED]))
            parts.append(_("{} to {}").format(byte_count(statistics.payload_bytes), where))
        if statistics.malformed:  # only the first few had a line each
            parts.append(part(statistics.malformed, MALFORMED))
        if self.not_sent:
            parts.append(part(self.not_sent, NOT_SENT))
        return " · ".join(parts)

    def _explain(self, waited: int) -> None:
        """On a terminal, say during a long wait what it waits for, how long it may last, and how to end it."""
        if waited < PATIENCE or not self.sender.unresolved:
            return
        waiting = part(self.sender.unresolved, ENDED[State.UNCONFIRMED])
        if self.unreachable is not None:
            said = _("nobody listens") if self.unreachable.refused else hint_words(self.unreachable)
            waiting = _("{} (ICMP: {})").format(waiting, said)
        text = _("{}, {} s of {} s, Ctrl-C stops · {}")
        self.words.status(text.format(waiting, waited // SECOND, number(self._longest_wait(), "g"), self.sender.endpoint))

    def _longest_wait(self) -> float:
        """Seconds after which a message that nobody confirms ends."""
        refused = self.unreachable is not None and self.unreachable.refused and not self._heard
        return min(self.deadline, self.refused_for) if refused and self.refused_for is not None else self.deadline

    def _hint(self, text: str) -> None:
        self.words.say(paint(text, "warning", self.words.colour))

    def _on_outcomes(self, outcomes: list[Outcome]) -> None:
        for state, group in groupby(outcomes, attrgetter("state")):
            ended = list(group)
            self._states[state] += len(ended)
            if state is State.DELIVERED:
                self._hint_told = False  # should the listener go, that is news
            for round_trip in [outcome.rtt_ns for outcome in ended if outcome.rtt_ns is not None]:
                self._round_trips.add(round_trip / SECOND)
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
            self.output.replies(messages, [self.on_reply(message) for message in messages])

    def _on_other(self, event: Event) -> None:
        """What is neither an outcome nor a reply."""
        match event:
            case Unreachable():
                self._on_unreachable(event)
            case NextAddress():
                if self.sender.endpoint not in self._addresses_tried:  # they are tried in turn, again and again
                    self._addresses_tried.add(self.sender.endpoint)
                    self._hint(_("{}; trying {}, the name's next address").format(told(event.reason), event.peer))
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
            self._hint(text.format(hint_words(event), clock.time_of_day(self._longest_wait())))


def is_this_machine(host: str) -> bool:
    """Whether this is a loopback address: a refusal from there is known before the send returns."""
    return host.startswith("127.") or host == "::1"


def _listener_for(endpoint: Endpoint) -> str:
    """The command that starts a listener there."""
    host = "" if endpoint.host == "127.0.0.1" else f" --host {endpoint.host}"
    port = "" if endpoint.port == DEFAULT_PORT else f" --port {endpoint.port}"
    return f"udpmsg listen{host}{port}"


def _without_note(_: Message) -> str:
    return ""
