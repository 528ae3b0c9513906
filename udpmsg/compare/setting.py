"""What was run, in words: the messages, what carried them, and the choices that change a comparison.

In paragraphs for a terminal, which says of udp+ack what is not usual; and in pairs of a name and a text for a page, which says
all of it. Escapes nothing: that is its printer's.
"""

from udpmsg.base.language import N_, _, number, plural
from udpmsg.base.units import duration_text
from udpmsg.compare.page.words import MODES
from udpmsg.compare.trace import LATE, Choices, Comparison, Mode, Where, Workload
from udpmsg.show.pictures import Pair, Pairs
from udpmsg.show.telling import link_words, quantity
from udpmsg.show.terminal import byte_count

USUAL = Choices()
UNIMPAIRED = N_(
    "Through a relay on this machine: UDP meets these faults; TCP is unimpaired, as a relay cannot drop its segments."
)
CARRIERS = {
    Where.LAB: N_("a link in this machine, of two hosts and a router: the kernel's own UDP and TCP ran over it"),
    Where.RELAY: N_("a relay on this machine: UDP met these faults; TCP is unimpaired, as a relay cannot drop its segments"),
    Where.NETWORK: N_("a real network, whose faults nobody knows"),
}


def setting(comparison: Comparison) -> list[str]:
    """A paragraph each: the workload over its link, what carried it, and seed and choices."""
    carried = _link(comparison) or _("a real network to {}").format(comparison.target or _("a listener"))
    paragraphs = [_("{}, over {}").format(workload(comparison.workload), carried)]
    if comparison.where is Where.RELAY:
        paragraphs.append(_(UNIMPAIRED))
    choices, parts = comparison.choices, []
    if comparison.seed is not None:
        words = _("seed {}") if choices.repeat == 1 else _("seeds {} to {}")
        parts.append(words.format(comparison.seed, _last_seed(comparison)))
    if Mode.TCP in choices.modes:  # always, because nobody knows what is usual for a system
        parts.append(f"TCP: {', '.join(_tcp(comparison)[: None if choices.tcp_ack else -1])}")
    if Mode.UDP_ACK in choices.modes and (special := [words for words, usual in _acknowledged(choices) if not usual]):
        parts.append(f"udp+ack: {', '.join(special)}")
    if choices.datagram_size is not None:
        parts.append(_("datagrams of at most {}").format(byte_count(choices.datagram_size)))
    return [*paragraphs, *([" · ".join(parts)] if parts else [])]


def asked(comparison: Comparison) -> Pairs:
    """The messages and what they met: what a reader wants to know before anything else."""
    seeds = "" if comparison.seed is None else str(comparison.seed)
    if seeds and comparison.choices.repeat > 1:
        seeds = _("{} to {}, one per repetition").format(comparison.seed, _last_seed(comparison))
    return _pairs(
        (_("Messages"), _("{}, in every mode the same").format(workload(comparison.workload))),
        (_("Link"), _link(comparison)),
        (_("To"), comparison.target or ""),
        (_("Seed"), seeds),
    )


def details(comparison: Comparison) -> Pairs:
    """All else that changes a comparison, and where and when it was run."""
    choices = comparison.choices
    acknowledged = ", ".join(words for words, _usual in _acknowledged(choices))
    return _pairs(
        (_("Carried by"), _(CARRIERS[comparison.where])),
        (_(MODES[Mode.UDP_ACK]), acknowledged if Mode.UDP_ACK in choices.modes else ""),
        (MODES[Mode.TCP], ", ".join(_tcp(comparison)) if Mode.TCP in choices.modes else ""),
        (_("Datagrams"), _("of at most {} bytes").format(number(choices.datagram_size)) if choices.datagram_size else ""),
        (_("Late"), _late(comparison)),
        (_("When"), comparison.started),
        (_("System"), comparison.system),
    )


def workload(messages: Workload) -> str:
    """100 messages of 100 B, one every 20 ms."""
    text = plural("{} message of {} B", "{} messages of {} B", messages.count)
    text = text.format(number(messages.count), number(messages.size))
    if messages.count < 2:
        return text
    if not messages.interval_ns:
        return _("{}, as fast as possible").format(text)
    return _("{}, one every {}").format(text, _time(messages.interval_ns))


def _pairs(*pairs: tuple[str, str]) -> Pairs:
    return Pairs(tuple(Pair(name, text) for name, text in pairs if text))


def _link(comparison: Comparison) -> str:
    """In words, with its name; nothing over a real network."""
    if comparison.link is None:
        return ""
    return (f"“{comparison.link.name}”: " if comparison.link.name else "") + link_words(comparison.link)


def _last_seed(comparison: Comparison) -> int:
    return (comparison.seed or 0) + comparison.choices.repeat - 1


def _acknowledged(choices: Choices) -> list[tuple[str, bool]]:
    """What udp+ack was told, each with whether that is usual."""
    window, most = choices.window, choices.max_transmissions
    times = plural("at most {} transmission", "at most {} transmissions", most).format(number(most))
    return [
        (_("delivered in order") if choices.ordered else _("delivered as they come"), not choices.ordered),
        (_("congestion control {}").format(choices.congestion), _is_usual(choices, "congestion")),
        (
            _("the window that congestion allows") if window is None else _("a window of {}").format(number(window)),
            window is None,
        ),
        (times, _is_usual(choices, "max_transmissions")),
        (_("a deadline of {}").format(_time(choices.deadline_ns)), _is_usual(choices, "deadline_ns")),
        (_("an RTO of at least {}").format(_time(choices.min_rto_ns)), _is_usual(choices, "min_rto_ns")),
    ]


def _is_usual(choices: Choices, name: str) -> bool:
    return bool(getattr(choices, name) == getattr(USUAL, name))


def _tcp(comparison: Comparison) -> list[str]:
    """What TCP was told; last, who acknowledges its messages."""
    choices = comparison.choices
    control = comparison.tcp_congestion or choices.tcp_congestion
    return [
        _("congestion control {}").format(control) if control else _("the system's congestion control"),
        _("Nagle on") if choices.nagle else _("Nagle off"),
        _("acknowledgments the kernel's and ours") if choices.tcp_ack else _("acknowledgments the kernel's alone"),
    ]


def _late(comparison: Comparison) -> str:
    if comparison.choices.late_ns is not None or comparison.link is None:
        return _("is later than {} after it was due").format(_time(comparison.late_ns))
    return _("is later than {} after it was due: {} more than the link takes").format(_time(comparison.late_ns), _time(LATE))


def _time(nanoseconds: int) -> str:
    return quantity(duration_text(nanoseconds))
