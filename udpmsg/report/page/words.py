"""What was run, in words: link, seed, workload and the choices that change a comparison, as pairs of a name and its text.

Owns the names that the page has for these, and for the modes. Escapes nothing: that is its caller's.
"""

from udpmsg.experiment.trace import Comparison, Mode, Where
from udpmsg.link.wording import describe, spaced
from udpmsg.report.setting import workload
from udpmsg.units import duration_text

MODES = {Mode.UDP: "UDP", Mode.UDP_ACK: "UDP + acknowledgments", Mode.TCP: "TCP"}
SHORT = {Mode.UDP: "UDP", Mode.UDP_ACK: "UDP+ack", Mode.TCP: "TCP"}
CARRIERS = {
    Where.LAB: "a link in this machine, of two hosts and a router: the kernel's own UDP and TCP ran over it",
    Where.RELAY: "a relay on this machine: UDP met these faults; TCP is unimpaired, as a relay cannot drop its segments",
    Where.NETWORK: "a real network, whose faults nobody knows",
}


def mode_names(comparison: Comparison, names: dict[Mode, str] = MODES) -> dict[Mode, str]:
    """What each mode is called on the page of this comparison, whole or, with SHORT, in short."""
    unimpaired = {Mode.TCP: ", unimpaired"} if comparison.where is Where.RELAY else {}
    return {mode: name + unimpaired.get(mode, "") for mode, name in names.items()}


def css(mode: Mode) -> str:
    """A mode's name as a part of a class: udp+ack has no plus there."""
    return mode.value.replace("+", "-")


def asked(comparison: Comparison) -> list[tuple[str, str]]:
    """The messages and what they met: what a reader wants to know before anything else."""
    said = [("Messages", f"{workload(comparison.workload)}, in every mode the same")]
    if comparison.link is not None:
        said.append(("Link", (f"“{comparison.link.name}”: " if comparison.link.name else "") + describe(comparison.link)))
    if comparison.target is not None:
        said.append(("To", comparison.target))
    if comparison.seed is not None:
        last = comparison.seed + comparison.choices.repeat - 1
        said.append(
            ("Seed", f"{comparison.seed}" if last == comparison.seed else f"{comparison.seed} to {last}, one a repetition")
        )
    return said


def details(comparison: Comparison) -> list[tuple[str, str]]:
    """All else that changes a comparison, and where and when it was run."""
    said = [
        ("Carried by", CARRIERS[comparison.where]),
        ("UDP + acknowledgments", acknowledged(comparison) if Mode.UDP_ACK in comparison.choices.modes else ""),
        ("TCP", tcp(comparison) if Mode.TCP in comparison.choices.modes else ""),
        ("Datagrams", f"of at most {comparison.choices.datagram_size:,} bytes"),
        ("Late", f"is later than {time(comparison.choices.late_ns)} after it was due"),
        ("When", comparison.started),
        ("System", comparison.system),
    ]
    return [(name, text) for name, text in said if text]


def acknowledged(comparison: Comparison) -> str:
    """What udp+ack was told."""
    choices = comparison.choices
    order = "delivered in order" if choices.ordered else "delivered as they come"
    window = "the window that congestion allows" if choices.window is None else f"a window of {choices.window}"
    times = f"at most {choices.max_transmissions} transmissions in {time(choices.deadline_ns)}"
    return f"{order}, {window}, {times}, an RTO of at least {time(choices.min_rto_ns)}"


def tcp(comparison: Comparison) -> str:
    """What TCP was told."""
    choices = comparison.choices
    control = comparison.tcp_congestion or choices.tcp_congestion or "the system's"
    acknowledgments = "the kernel's and ours" if choices.tcp_ack else "the kernel's alone"
    return f"congestion control {control}, Nagle {'on' if choices.nagle else 'off'}, acknowledgments {acknowledgments}"


def time(nanoseconds: int) -> str:
    """20 ms, 1.5 s."""
    return spaced(duration_text(nanoseconds))
