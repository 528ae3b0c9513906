"""What is said of one run of `send` besides its messages: why it takes long, how it went, and what would help.

Owns the words. What happened is the exchange's to count.
"""

from typing import TYPE_CHECKING

from udpmsg.base.durations import SECOND
from udpmsg.base.language import N_plural, _, number, plural
from udpmsg.cli.exits import Exit
from udpmsg.core.events import State, Unreachable
from udpmsg.show.terminal import PARTS_OF_SENDER, byte_count, hint_words, part
from udpmsg.sockets.endpoint import DEFAULT_PORT, Endpoint

if TYPE_CHECKING:
    from udpmsg.cli.exchange import Exchange

PATIENCE = 2 * SECOND
"""A wait longer than this is explained while it lasts."""
FORMS = dict(PARTS_OF_SENDER)
ENDED = {state: FORMS[f"messages_{state.value}"] for state in State}
"""The words for how many messages ended in each state."""
SENT_AGAIN, MALFORMED = FORMS["retransmissions"], FORMS["malformed"]
ANSWERED = N_plural("{} answered", "{} answered")
NOT_SENT = N_plural("{} not sent", "{} not sent")


def say(exchange: "Exchange", code: int) -> None:
    """Tell a person how it ended; tell a reader of JSON only what the summary does not say."""
    _say_how_it_ended(exchange, code)
    spool = exchange.sender.spool
    if exchange.kept and spool is not None:
        text = plural("{} message stays in {}: {}", "{} messages stay in {}: {}", exchange.kept)
        exchange.words.hint(text.format(number(exchange.kept), spool.path, _("run the same command again")))


def explain(exchange: "Exchange", waited: int) -> None:
    """On a terminal, say during a long wait what it waits for, how long it may last, and how to end it."""
    sender, unreachable = exchange.sender, exchange.unreachable
    if waited < PATIENCE or not sender.unresolved:
        return
    waiting = part(sender.unresolved, ENDED[State.UNCONFIRMED])
    if unreachable is not None:
        said = _("nobody listens") if unreachable.refused else hint_words(unreachable)
        waiting = _("{} (ICMP: {})").format(waiting, said)
    text = _("{}, {} s of {} s, Ctrl-C stops · {}")
    exchange.words.status(text.format(waiting, waited // SECOND, number(exchange.longest_wait(), "g"), sender.endpoint))


def _say_how_it_ended(exchange: "Exchange", code: int) -> None:
    words, sender, states = exchange.words, exchange.sender, exchange.states
    if exchange.interrupts.number is not None:
        words.say(f"{exchange.interrupts.words}: {_tally(exchange)}")
        return
    if exchange.output.data.broken:
        words.say(f"udpmsg: {exchange.output.data.broken}: {_tally(exchange)}")
        return
    if exchange.output.for_people and sender.statistics().messages_sent + states[State.REFUSED] + exchange.not_sent:
        words.say(_tally(exchange))
    if exchange.unreachable is not None and not exchange.heard:
        words.hint(_said_by_icmp(exchange.unreachable, sender.endpoint, acknowledged=sender.acknowledged))
    elif states[State.UNCONFIRMED]:
        happened = _("Not all confirmed in time.") if states[State.DELIVERED] else _("Nobody confirmed in time.")
        advice = _(
            "Check that udpmsg listens on {} (other programs cannot confirm) and no firewall is between; "
            "--deadline and --max-transmissions allow more"
        )
        words.hint(f"{happened} {advice.format(sender.endpoint)}")
    elif code == Exit.UNCONFIRMED and exchange.replies < exchange.answers_expected:
        words.hint(
            _(
                "Not every message was answered. A listener answers with --echo, --reply, --exec or --interactive; "
                "--wait 0 asks for no answer"
            )
        )


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


def _tally(exchange: "Exchange") -> str:
    statistics, states = exchange.sender.statistics(), exchange.states
    where, sent = exchange.sender.endpoint, statistics.messages_sent
    if exchange.sender.acknowledged:
        parts = [plural("{} message to {}", "{} messages to {}", sent).format(number(sent), where)]
        parts += [part(count, ENDED[state]) for state, count in states.items() if count or state is State.DELIVERED]
        if statistics.retransmissions:
            parts.append(part(statistics.retransmissions, SENT_AGAIN))
    else:
        checked = _("delivery not checked")
        if exchange.replies or exchange.answers_expected:
            checked = part(exchange.replies, ANSWERED)
        parts = [plural("{} message sent; {}", "{} messages sent; {}", sent).format(number(sent), checked)]
        if states[State.REFUSED]:
            parts.append(part(states[State.REFUSED], ENDED[State.REFUSED]))
        parts.append(_("{} to {}").format(byte_count(statistics.payload_bytes), where))
    if statistics.malformed:  # only the first few had a line each
        parts.append(part(statistics.malformed, MALFORMED))
    if exchange.not_sent:
        parts.append(part(exchange.not_sent, NOT_SENT))
    return " · ".join(parts)
