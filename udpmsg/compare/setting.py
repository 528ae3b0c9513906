"""What was run, in words: the messages, what carried them, and the choices that change a comparison.

In paragraphs for a terminal, which says of udp+ack what is not usual; and in pairs of a name and a text for a page, which says
all of it. Escapes nothing: that is its printer's.
"""

from udpmsg.base.language import N_, _, number, plural
from udpmsg.base.units import duration_text
from udpmsg.compare.choices import CHOICES, LATE, SAID, Mode, Workload
from udpmsg.compare.page.words import MODES
from udpmsg.compare.trace import Comparison, Where
from udpmsg.show.pictures import Pair, Pairs
from udpmsg.show.telling import link_words, quantity
from udpmsg.show.terminal import byte_count

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
    for mode, name in ((Mode.TCP, "TCP"), (Mode.UDP_ACK, "udp+ack")):
        if told := _told(mode, comparison):
            parts.append(f"{name}: {told}")
    if choices.datagram_size is not None:
        parts.append(_("datagrams of at most {}").format(byte_count(choices.datagram_size)))
    return [*paragraphs, *([" · ".join(parts)] if parts else [])]


def asked(comparison: Comparison) -> Pairs:
    """The messages and what they met: what a reader wants to know before anything else."""
    seeds = "" if comparison.seed is None else str(comparison.seed)
    if seeds and comparison.choices.repeat > 1:
        seeds = _("{} to {}, one per repetition").format(comparison.seed, _last_seed(comparison))
    several = len(comparison.choices.modes) > 1
    return _pairs(
        (_("Messages"), (_("{}, the same in every mode") if several else "{}").format(workload(comparison.workload))),
        (_("Link"), _link(comparison)),
        (_("To"), comparison.target or ""),
        (_("Seed"), seeds),
    )


def details(comparison: Comparison) -> Pairs:
    """All else that changes a comparison, and where and when it was run."""
    choices = comparison.choices
    return _pairs(
        (_("Carried by"), _(CARRIERS[comparison.where])),
        *((_(MODES[mode]), _told(mode, comparison, everything=True)) for mode in (Mode.UDP_ACK, Mode.TCP)),
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


def _told(mode: Mode, comparison: Comparison, *, everything: bool = False) -> str:
    """The choices about a mode, as their rows say them; without `everything` those that are not usual."""
    phrases = []
    for name, said in SAID.items() if mode in comparison.choices.modes else ():
        value = getattr(comparison.choices, name)
        if said.mode is not mode or not (everything or said.always or value != CHOICES[name].default):
            continue
        if name == "tcp_congestion":
            value = comparison.tcp_congestion or value
        if value is None or value is False:
            phrases.append(_(said.otherwise))
        elif isinstance(said.text, tuple):
            phrases.append(plural(*said.text, value).format(number(value)))
        else:
            shown = value if isinstance(value, str) else _time(value) if name.endswith("_ns") else number(value)
            phrases.append(_(said.text).format(shown))
    return ", ".join(phrases)


def _late(comparison: Comparison) -> str:
    if comparison.choices.late_ns is not None or comparison.link is None:
        return _("is later than {} after it was due").format(_time(comparison.late_ns))
    return _("is later than {} after it was due: {} more than the link takes").format(_time(comparison.late_ns), _time(LATE))


def _time(nanoseconds: int) -> str:
    return quantity(duration_text(nanoseconds))
