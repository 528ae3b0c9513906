"""What was run, in words for a terminal: messages, link, seed, and the choices that change a comparison.

Owns these few lines. Knows no figure.
"""

from udpmsg.base.language import N_, _, number, plural
from udpmsg.base.units import duration_text
from udpmsg.compare.trace import Choices, Comparison, Mode, Where, Workload
from udpmsg.show.telling import link_words, quantity
from udpmsg.show.terminal import byte_count, escape

USUAL = Choices()
UNIMPAIRED = N_(
    "Through a relay on this machine: UDP meets these faults; TCP is unimpaired, as a relay cannot drop its segments."
)


def setting(comparison: Comparison) -> list[str]:
    """A paragraph each: the workload over its link, what carried it, and the choices. Text from outside is escaped."""
    paragraphs = [_("{}, over {}").format(workload(comparison.workload), _link(comparison))]
    if comparison.where is Where.RELAY:
        paragraphs.append(_(UNIMPAIRED))
    paragraphs.append(" · ".join([*_seed(comparison), *_choices(comparison)]))
    return [paragraph for paragraph in paragraphs if paragraph]


def workload(messages: Workload) -> str:
    """100 messages of 100 B, one every 20 ms."""
    text = plural("{} message of {} B", "{} messages of {} B", messages.count)
    text = text.format(number(messages.count), number(messages.size))
    if messages.count < 2:
        return text
    if not messages.interval_ns:
        return _("{}, as fast as possible").format(text)
    return _("{}, one every {}").format(text, _time(messages.interval_ns))


def printable(text: str) -> str:
    """Text from outside (an error, a target, a reason), safe to print."""
    return escape(text.encode("utf-8", "backslashreplace"))


def _link(comparison: Comparison) -> str:
    if comparison.link is None:
        return _("a real network to {}").format(printable(comparison.target or _("a listener")))
    name = f"“{printable(comparison.link.name)}”: " if comparison.link.name else ""
    return f"{name}{printable(link_words(comparison.link))}"


def _seed(comparison: Comparison) -> list[str]:
    if comparison.seed is None:
        return []
    last = comparison.seed + comparison.choices.repeat - 1
    if last == comparison.seed:
        return [_("seed {}").format(comparison.seed)]
    return [_("seeds {} to {}").format(comparison.seed, last)]


def _choices(comparison: Comparison) -> list[str]:
    """TCP's always, because nobody knows a system's; udp+ack's where they are not the usual ones."""
    choices = comparison.choices
    said = []
    if Mode.TCP in choices.modes:
        control = comparison.tcp_congestion or choices.tcp_congestion
        special = [
            *([printable(control)] if control else []),
            _("Nagle on") if choices.nagle else _("Nagle off"),
            *([_("with our acknowledgments")] if choices.tcp_ack else []),
        ]
        said.append(f"TCP: {', '.join(special)}")
    if Mode.UDP_ACK in choices.modes:
        most = choices.max_transmissions
        special = [
            *([_("in order")] if choices.ordered else []),
            *([choices.congestion] if _changed(choices, "congestion") else []),
            *([_("window {}").format(choices.window)] if choices.window is not None else []),
            *(
                [plural("at most {} transmission", "at most {} transmissions", most).format(number(most))]
                if _changed(choices, "max_transmissions")
                else []
            ),
            *([_("deadline {}").format(_time(choices.deadline_ns))] if _changed(choices, "deadline_ns") else []),
            *([_("RTO at least {}").format(_time(choices.min_rto_ns))] if _changed(choices, "min_rto_ns") else []),
        ]
        if special:
            said.append(f"udp+ack: {', '.join(special)}")
    if choices.datagram_size is not None:
        said.append(_("datagrams of at most {}").format(byte_count(choices.datagram_size)))
    return said


def _changed(choices: Choices, name: str) -> bool:
    return bool(getattr(choices, name) != getattr(USUAL, name))


def _time(nanoseconds: int) -> str:
    return quantity(duration_text(nanoseconds))
