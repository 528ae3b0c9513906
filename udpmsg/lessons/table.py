"""Every lesson: its name, and a line about it. The files of that name have the lesson, and are read only when it is run.

The order is that of a course. A new lesson is a row here, a module with the experiment, and a file with its texts (see `told`).
"""

from importlib import import_module
from typing import Any, NamedTuple

from udpmsg.base import units
from udpmsg.base.language import N_
from udpmsg.lessons.lesson import Lesson


class Entry(NamedTuple):
    """One row."""

    name: str
    line: str
    """English, marked: the printer translates it."""
    lab: bool = False
    """Whether it needs the lab (Linux)."""


LESSONS = (
    Entry("nobody", N_("Send to nobody: silence, a refusal, and whose refusal it is")),
    Entry("handshake", N_("What is on the wire before the first byte"), lab=True),
    Entry("first-byte", N_("How long the first byte takes: half a round trip, or one and a half"), lab=True),
    Entry("boundaries", N_("Three sends: three messages, or one stream of bytes")),
    Entry("truncation", N_("A datagram into a buffer that is too small")),
    Entry("sizes", N_("How large a datagram may be: 0, 65,507 and 65,508 bytes")),
    Entry("fragmentation", N_("A datagram larger than a frame: one lost fragment loses all of it"), lab=True),
    Entry("loss", N_("Loss, duplication and reordering: seen over UDP, hidden by TCP"), lab=True),
    Entry("timeout", N_("No acknowledgment: waits that double, and a duplicate that nobody sees"), lab=True),
    Entry("window", N_("One loss, three ways to send again: stop-and-wait, go-back-N, selective repeat"), lab=True),
    Entry("head-of-line", N_("One loss: a gap over UDP, a queue over TCP"), lab=True),
    Entry("slow-receiver", N_("A receiver that is too slow: dropped datagrams, or a sender that waits")),
    Entry("congestion", N_("More than a bottleneck carries: TCP slows down, UDP does not know"), lab=True),
    Entry(
        "window-over-time",
        N_("A full queue, and the saw tooth of the window: over UDP, and over TCP"),
        lab=True,
    ),
    Entry("price", N_("The price of reliability: frames and bytes for a delivered message"), lab=True),
    Entry("one-to-many", N_("One send for many receivers: multicast and broadcast; TCP cannot")),
    Entry("many-peers", N_("One server for many clients: one socket, or one each")),
    Entry("restart", N_("The server starts again: UDP goes on, TCP's connection ends, and its port waits")),
    Entry("new-address", N_("A sender that changes its address: a session goes on, a connection cannot")),
    Entry("goodbye", N_("How the other side learns of an end: the end of a stream, a word, or silence")),
    Entry("dialogue", N_("Client and server: questions, answers, a farewell word and a stop word")),
)
NAMES = tuple(entry.name for entry in LESSONS)


def entry(name: str) -> Entry:
    """The row of a name. Raises UsageError with the names that there are."""
    name = units.one_of(name, NAMES, "lesson")
    return next(row for row in LESSONS if row.name == name)


def load(row: Entry) -> Lesson[Any]:
    """The lesson itself."""
    from udpmsg.lessons.told import lesson

    return lesson(import_module(f"udpmsg.lessons.{row.name.replace('-', '_')}"))
