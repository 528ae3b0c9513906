"""What was run, in words: link, seed, workload and the choices that change a comparison, as pairs of a name and its text.

Owns the names that the page has for these, and for the modes. Escapes nothing: that is its caller's.
"""

from udpmsg.base.language import N_, _, number
from udpmsg.base.units import duration_text
from udpmsg.compare.setting import workload
from udpmsg.compare.trace import LATE, Comparison, Mode, Where
from udpmsg.show.telling import link_words, quantity

MODES = {Mode.UDP: "UDP", Mode.UDP_ACK: N_("UDP + acknowledgments"), Mode.TCP: "TCP"}
SHORT = {Mode.UDP: "UDP", Mode.UDP_ACK: "UDP+ack", Mode.TCP: "TCP"}
CARRIERS = {
    Where.LAB: N_("a link in this machine, of two hosts and a router: the kernel's own UDP and TCP ran over it"),
    Where.RELAY: N_("a relay on this machine: UDP met these faults; TCP is unimpaired, as a relay cannot drop its segments"),
    Where.NETWORK: N_("a real network, whose faults nobody knows"),
}


def mode_names(comparison: Comparison, names: dict[Mode, str] = MODES) -> dict[Mode, str]:
    """What each mode is called on the page of this comparison, whole or, with SHORT, in short."""
    unimpaired = {Mode.TCP: _("{}, unimpaired")} if comparison.where is Where.RELAY else {}
    return {mode: unimpaired.get(mode, "{}").format(_(name)) for mode, name in names.items()}


def asked(comparison: Comparison) -> list[tuple[str, str]]:
    """The messages and what they met: what a reader wants to know before anything else."""
    said = [(_("Messages"), _("{}, in every mode the same").format(workload(comparison.workload)))]
    if comparison.link is not None:
        named = f"“{comparison.link.name}”: " if comparison.link.name else ""
        said.append((_("Link"), named + link_words(comparison.link)))
    if comparison.target is not None:
        said.append((_("To"), comparison.target))
    if comparison.seed is not None:
        last = comparison.seed + comparison.choices.repeat - 1
        seeds = str(last) if last == comparison.seed else _("{} to {}, one per repetition").format(comparison.seed, last)
        said.append((_("Seed"), seeds))
    return said


def details(comparison: Comparison) -> list[tuple[str, str]]:
    """All else that changes a comparison, and where and when it was run."""
    choices = comparison.choices
    said = [
        (_("Carried by"), _(CARRIERS[comparison.where])),
        (_(MODES[Mode.UDP_ACK]), acknowledged(comparison) if Mode.UDP_ACK in choices.modes else ""),
        (MODES[Mode.TCP], tcp(comparison) if Mode.TCP in choices.modes else ""),
        (_("Datagrams"), _("of at most {} bytes").format(number(choices.datagram_size)) if choices.datagram_size else ""),
        (_("Late"), late(comparison)),
        (_("When"), comparison.started),
        (_("System"), comparison.system),
    ]
    return [(name, text) for name, text in said if text]


def acknowledged(comparison: Comparison) -> str:
    """What udp+ack was told."""
    choices = comparison.choices
    order = _("delivered in order") if choices.ordered else _("delivered as they come")
    control = _("congestion control {}").format(choices.congestion)
    window = (
        _("the window that congestion allows") if choices.window is None else _("a window of {}").format(number(choices.window))
    )
    times = _("at most {} transmissions in {}").format(number(choices.max_transmissions), time(choices.deadline_ns))
    return ", ".join((order, control, window, times, _("an RTO of at least {}").format(time(choices.min_rto_ns))))


def late(comparison: Comparison) -> str:
    """What is called late."""
    if comparison.choices.late_ns is not None or comparison.link is None:
        return _("is later than {} after it was due").format(time(comparison.late_ns))
    return _("is later than {} after it was due: {} more than the link takes").format(time(comparison.late_ns), time(LATE))


def tcp(comparison: Comparison) -> str:
    """What TCP was told."""
    choices = comparison.choices
    control = comparison.tcp_congestion or choices.tcp_congestion or _("the system's")
    nagle = _("Nagle on") if choices.nagle else _("Nagle off")
    acknowledgments = _("acknowledgments the kernel's and ours") if choices.tcp_ack else _("acknowledgments the kernel's alone")
    return ", ".join((_("congestion control {}").format(control), nagle, acknowledgments))


def time(nanoseconds: int) -> str:
    """20 ms, 1.5 s."""
    return quantity(duration_text(nanoseconds))
