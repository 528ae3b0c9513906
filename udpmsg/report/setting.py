"""What was run, in words for a terminal: messages, link, seed, and the choices that change a comparison.

Owns these few lines. Knows no figure.
"""

from udpmsg.experiment.trace import Choices, Comparison, Mode, Where, Workload
from udpmsg.link.wording import describe, spaced
from udpmsg.report.terminal import byte_count, counted, escape
from udpmsg.units import duration_text

USUAL = Choices()


def setting(comparison: Comparison) -> list[str]:
    """A paragraph each: the workload over its link, what carried it, and the choices. Text from outside is escaped."""
    paragraphs = [f"{workload(comparison.workload)}, over {_link(comparison)}"]
    if comparison.where is Where.RELAY:
        paragraphs.append(
            "Through a relay on this machine: UDP meets these faults; TCP is unimpaired, as a relay cannot drop its segments."
        )
    paragraphs.append(" · ".join([*_seed(comparison), *_choices(comparison)]))
    return [paragraph for paragraph in paragraphs if paragraph]


def workload(messages: Workload) -> str:
    """100 messages of 100 B, one every 20 ms."""
    text = f"{counted(messages.count, 'message')} of {messages.size:,} B"
    if messages.count < 2:
        return text
    if not messages.interval_ns:
        return f"{text}, as fast as possible"
    return f"{text}, one every {spaced(duration_text(messages.interval_ns))}"


def printable(text: str) -> str:
    """Text from outside (an error, a target, a reason), safe to print."""
    return escape(text.encode("utf-8", "backslashreplace"))


def _link(comparison: Comparison) -> str:
    if comparison.link is None:
        return f"a real network to {printable(comparison.target or 'a listener')}"
    name = f"“{printable(comparison.link.name)}”: " if comparison.link.name else ""
    return f"{name}{printable(describe(comparison.link))}"


def _seed(comparison: Comparison) -> list[str]:
    if comparison.seed is None:
        return []
    last = comparison.seed + comparison.choices.repeat - 1
    return [f"seed {comparison.seed}" if last == comparison.seed else f"seeds {comparison.seed} to {last}"]


def _choices(comparison: Comparison) -> list[str]:
    """TCP's always, because nobody knows a system's; udp+ack's where they are not the usual ones."""
    choices = comparison.choices
    said = []
    if Mode.TCP in choices.modes:
        control = comparison.tcp_congestion or choices.tcp_congestion
        said.append(
            f"TCP: {f'{printable(control)}, ' if control else ''}Nagle {'on' if choices.nagle else 'off'}"
            f"{', with our acknowledgments' if choices.tcp_ack else ''}"
        )
    if Mode.UDP_ACK in choices.modes:
        special = [
            *(["in order"] if choices.ordered else []),
            *([f"window {choices.window}"] if choices.window is not None else []),
            *(
                [f"at most {counted(choices.max_transmissions, 'transmission')}"]
                if _changed(choices, "max_transmissions")
                else []
            ),
            *([f"deadline {_time(choices.deadline_ns)}"] if _changed(choices, "deadline_ns") else []),
            *([f"RTO at least {_time(choices.min_rto_ns)}"] if _changed(choices, "min_rto_ns") else []),
        ]
        if special:
            said.append(f"udp+ack: {', '.join(special)}")
    if _changed(choices, "datagram_size"):
        said.append(f"datagrams of at most {byte_count(choices.datagram_size)}")
    return said


def _changed(choices: Choices, name: str) -> bool:
    return bool(getattr(choices, name) != getattr(USUAL, name))


def _time(nanoseconds: int) -> str:
    return spaced(duration_text(nanoseconds))
