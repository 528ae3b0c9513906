"""What came of one run of `send`, in counts and in words: why it takes long, how it went, and what would help.

Does not know how anything comes about (see `exchange`).
"""

from udpmsg.base.distribution import Distribution
from udpmsg.base.durations import SECOND
from udpmsg.base.language import N_plural, _, number, plural
from udpmsg.cli.exits import Exit
from udpmsg.cli.output import Output
from udpmsg.cli.signals import Interrupts
from udpmsg.core.events import State, Unreachable
from udpmsg.messaging.sender import Sender
from udpmsg.show.stream import Words
from udpmsg.show.terminal import PARTS_OF_SENDER, byte_count, hint_words, part
from udpmsg.sockets.endpoint import DEFAULT_PORT, Endpoint

PATIENCE = 2 * SECOND
"""A wait longer than this is explained while it lasts."""
FORMS = dict(PARTS_OF_SENDER)
ENDED = {state: FORMS[f"messages_{state.value}"] for state in State}
"""The words for how many messages ended in each state."""
SENT_AGAIN, MALFORMED = FORMS["retransmissions"], FORMS["malformed"]
ANSWERED = N_plural("{} answered", "{} answered")
NOT_SENT = N_plural("{} not sent", "{} not sent")


class Tally:
    """The counts of one run, and what is said of them."""

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
        """`deadline`, `refused_for`: seconds after which messages are given up, and where nothing but refusals came."""
        self.sender = sender
        self.words = words
        self.output = output
        self.interrupts = interrupts
        self.deadline = deadline
        self.refused_for = refused_for
        self.states = dict.fromkeys(State, 0)
        """How many messages ended in each."""
        self.answers_expected = 0
        """Replies without which the run has failed."""
        self.replies = 0
        self.not_sent = 0
        """Messages that the library was never given: the line was too large, or the connection had ended."""
        self.resumed = sender.spool.messages if sender.spool is not None else 0
        """Messages that an earlier run left in the spool."""
        self.unreachable: Unreachable | None = None
        self.addresses = {sender.endpoint}
        """Those that were tried."""
        self.round_trips = Distribution()

    @property
    def heard(self) -> bool:
        """Whether anybody confirmed or answered anything."""
        return bool(self.states[State.DELIVERED] or self.replies)

    @property
    def kept(self) -> int:
        """Messages that stay in the spool."""
        return self.sender.spool.messages if self.sender.spool is not None else 0

    def longest_wait(self) -> float:
        """Seconds after which a message that nobody confirms ends."""
        refused = self.unreachable is not None and self.unreachable.refused and not self.heard
        return min(self.deadline, self.refused_for) if refused and self.refused_for is not None else self.deadline

    def say_last_words(self, code: int) -> None:
        """Tell a person how it ended; tell a reader of JSON only what the summary does not say."""
        self._say_how_it_ended(code)
        spool = self.sender.spool
        if self.kept and spool is not None:
            text = plural("{} message stays in {}: {}", "{} messages stay in {}: {}", self.kept)
            self.words.hint(text.format(number(self.kept), spool.path, _("run the same command again")))

    def explain(self, waited: int) -> None:
        """On a terminal, say during a long wait what it waits for, how long it may last, and how to end it."""
        sender, unreachable = self.sender, self.unreachable
        if waited < PATIENCE or not sender.unresolved:
            return
        waiting = part(sender.unresolved, ENDED[State.UNCONFIRMED])
        if unreachable is not None:
            said = _("nobody listens") if unreachable.refused else hint_words(unreachable)
            waiting = _("{} (ICMP: {})").format(waiting, said)
        text = _("{}, {} s of {} s, Ctrl-C stops · {}")
        self.words.status(text.format(waiting, waited // SECOND, number(self.longest_wait(), "g"), sender.endpoint))

    def _say_how_it_ended(self, code: int) -> None:
        words, sender, states = self.words, self.sender, self.states
        if self.interrupts.number is not None:
            words.say(f"{self.interrupts.words}: {self._tally()}")
            return
        if self.output.data.broken:
            words.say(f"udpmsg: {self.output.data.broken}: {self._tally()}")
            return
        if self.output.for_people and sender.statistics().messages_sent + states[State.REFUSED] + self.not_sent:
            words.say(self._tally())
        if self.unreachable is not None and not self.heard:
            words.hint(_said_by_icmp(self.unreachable, sender.endpoint, acknowledged=sender.acknowledged))
        elif states[State.UNCONFIRMED]:
            happened = _("Not all confirmed in time.") if states[State.DELIVERED] else _("Nobody confirmed in time.")
            advice = _(
                "Check that udpmsg listens on {} (other programs cannot confirm) and no firewall is between; "
                "--deadline and --max-transmissions allow more"
            )
            words.hint(f"{happened} {advice.format(sender.endpoint)}")
        elif code == Exit.UNCONFIRMED and self.replies < self.answers_expected:
            words.hint(
                _(
                    "Not every message was answered. A listener answers with --echo, --reply, --exec or --interactive; "
                    "--wait 0 asks for no answer"
                )
            )

    def _tally(self) -> str:
        statistics, states = self.sender.statistics(), self.states
        where, sent = self.sender.endpoint, statistics.messages_sent
        if self.sender.acknowledged:
            parts = [plural("{} message to {}", "{} messages to {}", sent).format(number(sent), where)]
            parts += [part(count, ENDED[state]) for state, count in states.items() if count or state is State.DELIVERED]
            if statistics.retransmissions:
                parts.append(part(statistics.retransmissions, SENT_AGAIN))
        else:
            checked = _("delivery not checked")
            if self.replies or self.answers_expected:
                checked = part(self.replies, ANSWERED)
            parts = [plural("{} message sent; {}", "{} messages sent; {}", sent).format(number(sent), checked)]
            if states[State.REFUSED]:
                parts.append(part(states[State.REFUSED], ENDED[State.REFUSED]))
            parts.append(_("{} to {}").format(byte_count(statistics.payload_bytes), where))
        if statistics.malformed:  # only the first few had a line each
            parts.append(part(statistics.malformed, MALFORMED))
        if self.not_sent:
            parts.append(part(self.not_sent, NOT_SENT))
        return " · ".join(parts)


def _said_by_icmp(unreachable: Unreachable, where: Endpoint, *, acknowledged: bool) -> str:
    if not unreachable.refused:
        advice = _("Check the address, the route there, and the firewalls on the way")
        return _("ICMP came back: {}. {}").format(hint_words(unreachable), advice)
    text = _("ICMP came back: nobody listens on {}. Start one: {}").format(where, _listener_for(where))
    return text if acknowledged else text + _("; --ack waits for a confirmation of each message")


def _listener_for(endpoint: Endpoint) -> str:
    """The command that starts a listener there."""
    host = "" if endpoint.host == "127.0.0.1" else f" --host {endpoint.host}"
    port = "" if endpoint.port == DEFAULT_PORT else f" --port {endpoint.port}"
    return f"udpmsg listen{host}{port}"
