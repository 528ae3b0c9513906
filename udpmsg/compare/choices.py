"""What can be asked of a comparison: its modes, its messages, and everything else that changes it.

Each is a field with the row of its option: command line, scenario file and result say the same of it. Times are nanoseconds.
Decides nothing.
"""

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, NamedTuple

from udpmsg.base import kinds
from udpmsg.base.durations import MILLISECOND
from udpmsg.base.errors import N_, Phrase, UsageError
from udpmsg.base.kinds import ValueKind
from udpmsg.base.language import N_plural
from udpmsg.base.option import Option
from udpmsg.base.units import one_of
from udpmsg.core.config import DATAGRAM_SIZE, DEADLINE, MIN_RTO, TRANSMISSIONS
from udpmsg.core.congestion import CONGESTION
from udpmsg.core.congestion import DEFAULT as DEFAULT_CONGESTION


class Mode(StrEnum):
    """The columns of a comparison."""

    UDP = "udp"
    UDP_ACK = "udp+ack"
    TCP = "tcp"

    @property
    def transport(self) -> str:
        """ "udp" or "tcp"."""
        return self.value.partition("+")[0]


class Said(NamedTuple):
    """A choice in the words of a result. On a terminal it is said where it is not the default."""

    mode: Mode
    """Which mode it is about."""
    text: str | tuple[str, str]
    """With its value in it; for one and for many, where that makes a difference."""
    otherwise: str = ""
    """Where the value is False or None."""
    always: bool = False
    """Whether a terminal is told the default too, as no system has to have it."""


def choice(default: Any, kind: ValueKind | None, words: str, *, unset: str = "", said: Said | None = None) -> Any:
    """A field that is an option of a comparison: its default, the row of that option, which is named as the field is, and how a
    result says it, where it has no place of its own there."""
    return field(default=default, metadata={"row": Option("", words, kind, default=default, unset=unset), "said": said})


def options_of(values: type) -> dict[str, Option]:
    """The rows of a class's fields, by field. A name says the unit, as in deadline_ns; that of an option has no need to."""
    rows = {field.name: field.metadata["row"] for field in fields(values)}
    return {name: row._replace(name=f"--{name.removesuffix('_ns').replace('_', '-')}") for name, row in rows.items()}


def said_of(values: type) -> dict[str, Said]:
    """How a result says them, by field."""
    return {field.name: field.metadata["said"] for field in fields(values) if field.metadata["said"]}


def mode_named(text: str) -> Mode:
    """The mode that users call so. Raises UsageError."""
    return Mode(one_of(text, Mode, N_("mode")))


def modes_named(text: str) -> tuple[Mode, ...]:
    """Modes separated by commas, each once. Raises UsageError."""
    modes = tuple(map(mode_named, text.split(",")))
    if len(set(modes)) < len(modes):
        raise UsageError("{!r} names a mode twice; name each once, such as udp,tcp", text)
    return modes


def name_given(text: str) -> str:
    """A name that only the kernel knows. Raises UsageError where there is none."""
    if not text.strip():
        raise UsageError('{!r} is no name; write text, such as "cubic"', text)
    return text


def kernel_controls() -> list[str]:
    """The congestion controls of this kernel's TCP."""
    from udpmsg.tcp.sender import congestion_controls  # here: it takes longer to load than a trace needs

    return congestion_controls()


MODE = ValueKind("MODE", mode_named, names=tuple(Mode))
MODES = ValueKind("LIST", modes_named, ",".join, names=tuple(Mode), several=True)


@dataclass(frozen=True)
class Workload:
    """The messages and their schedule, the same for every mode. A new option is a new field."""

    count: int = choice(100, kinds.COUNT, N_("Messages in each mode."))
    interval_ns: int = choice(20 * MILLISECOND, kinds.TIME, N_("From one message to the next; 0s: as fast as possible."))
    size: int = choice(100, kinds.SIZE, N_("Bytes of each message."))


LATE = 150 * MILLISECOND
"""What a message may take besides the link's own delay and not be late: ITU-T G.114 asks a conversation to stay below 150 ms. A
satellite is not late by being far."""


@dataclass(frozen=True)
class Choices:
    """What changes the comparison besides link and workload. Shown with every result. A new option is a new field."""

    modes: tuple[Mode, ...] = choice(tuple(Mode), MODES, N_("Which modes, in which order."))
    repeat: int = choice(1, kinds.COUNT, N_("Repetitions, the modes in turn, each with the next seed: median and spread."))
    tcp_congestion: str | None = choice(
        None,
        ValueKind("NAME", name_given, look_up=kernel_controls),
        N_("TCP's congestion control."),
        unset=N_("the system's"),
        said=Said(Mode.TCP, N_("congestion control {}"), N_("the system's congestion control"), always=True),
    )
    """Its name is in `Comparison.tcp_congestion`."""
    nagle: bool = choice(
        False, None, N_("Leave Nagle's algorithm on in TCP."), said=Said(Mode.TCP, N_("Nagle on"), N_("Nagle off"), always=True)
    )
    tcp_ack: bool = choice(
        False,
        None,
        N_("Ask for acknowledgments of messages over TCP too."),
        said=Said(Mode.TCP, N_("acknowledgments the kernel's and ours"), N_("acknowledgments the kernel's alone")),
    )
    ordered: bool = choice(
        False,
        None,
        N_("Have udp+ack deliver in order, as TCP does."),
        said=Said(Mode.UDP_ACK, N_("delivered in order"), N_("delivered as they come")),
    )
    window: int | None = choice(
        None,
        kinds.COUNT,
        N_("At most N unconfirmed messages at once."),
        unset=N_("as many as the network takes"),
        said=Said(Mode.UDP_ACK, N_("a window of {}"), N_("the window that congestion allows")),
    )
    congestion: str = choice(
        DEFAULT_CONGESTION,
        CONGESTION,
        N_("udp+ack's congestion control: newreno, cubic or bbr."),
        said=Said(Mode.UDP_ACK, N_("congestion control {}")),
    )
    max_transmissions: int = choice(
        TRANSMISSIONS,
        kinds.TRANSMISSIONS,
        N_("udp+ack sends a datagram at most N times."),
        said=Said(Mode.UDP_ACK, N_plural("at most {} transmission", "at most {} transmissions")),
    )
    deadline_ns: int = choice(
        DEADLINE,
        kinds.SOME_TIME,
        N_("An unconfirmed message is given up after this time."),
        said=Said(Mode.UDP_ACK, N_("a deadline of {}")),
    )
    min_rto_ns: int = choice(
        MIN_RTO,
        kinds.SOME_TIME,
        N_("udp+ack's smallest retransmission timeout."),
        said=Said(Mode.UDP_ACK, N_("an RTO of at least {}")),
    )
    datagram_size: int | None = choice(
        None,
        kinds.DATAGRAM,
        N_("UDP's largest datagram; larger messages travel in parts."),
        unset=Phrase("udp+ack: what the path takes; udp: {}", str(DATAGRAM_SIZE)),
    )
    late_ns: int | None = choice(
        None,
        kinds.TIME,
        N_("A message that comes later than this after it was due is late."),
        unset=N_("150ms more than the link takes"),
    )

    def acknowledges(self, mode: Mode) -> bool:
        """Whether messages of this mode ask for our acknowledgments."""
        return mode is Mode.UDP_ACK or (mode is Mode.TCP and self.tcp_ack)


WORKLOAD, CHOICES = options_of(Workload), options_of(Choices)
SAID = said_of(Choices)
"""The options of a comparison, by field."""
