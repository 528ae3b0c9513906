"""Which options mean something together. Owns the tables and the sentences; knows no command's work.

An option that means nothing in a mode is a usage error, not ignored: a student who writes `--ack --raw` must learn that
nothing is acknowledged there. A new rule is a new row.
"""

import os
import sys
from collections.abc import Iterable, Mapping
from functools import partial, reduce
from typing import Any, NamedTuple

from udpmsg.base.errors import N_, Phrase, UsageError
from udpmsg.cli.options import variable


class Conflict(NamedTuple):
    """Two options that exclude each other, and why."""

    first: str
    second: str
    reason: str


class Need(NamedTuple):
    """An option that means nothing unless one of the others is there, and why."""

    option: str
    any_of: tuple[str, ...]
    reason: str


LISTEN_CONFLICTS = (
    Conflict("tcp", "both", N_("--both already listens on TCP, beside UDP")),
    Conflict("echo", "reply", N_("a message gets one reply")),
    Conflict("echo", "exec", N_("a message gets one reply")),
    Conflict("echo", "interactive", N_("a message gets one reply")),
    Conflict("reply", "exec", N_("a message gets one reply")),
    Conflict("reply", "interactive", N_("a message gets one reply")),
    Conflict("exec", "interactive", N_("a message gets one reply")),
    Conflict("multicast", "tcp", N_("a group has no connection: TCP goes to one peer")),
    Conflict("multicast", "both", N_("a group has no connection: TCP goes to one peer")),
    Conflict("multicast", "host", N_("the group is the address; --interface names the local side")),
    Conflict("no-offload", "tcp", N_("TCP's kernel cuts and joins its stream itself")),
    Conflict("hex", "json", N_("JSON lines carry every byte already")),
    Conflict("hex", "quiet", N_("--quiet shows no message")),
    Conflict("interactive", "quiet", N_("nobody can answer a message that is not shown")),
)
LISTEN_NEEDS = (Need("interface", ("multicast",), N_("it chooses where a group is joined")),)

SEND_CONFLICTS = (
    Conflict("text", "file", N_("one message is sent: either the text or the file")),
    Conflict("ack", "raw", N_("raw bytes carry no number that could be acknowledged")),
    Conflict("ack", "broadcast", N_("many may get it, and an acknowledgment counts one")),
    Conflict("ack", "multicast", N_("many may get it, and an acknowledgment counts one")),
    Conflict("broadcast", "tcp", N_("a connection goes to one peer")),
    Conflict("multicast", "tcp", N_("a connection goes to one peer")),
    Conflict("datagram-size", "tcp", N_("TCP cuts its stream itself")),
    Conflict("datagram-size", "raw", N_("raw bytes go as one datagram, whatever their size")),
    Conflict("max-transmissions", "tcp", N_("TCP's kernel retransmits; nothing is sent twice here")),
    Conflict("congestion", "tcp", N_("TCP's kernel has its own")),
    Conflict("min-rto", "tcp", N_("TCP's kernel retransmits; nothing is sent twice here")),
    Conflict("refused-for", "tcp", N_("over TCP a refusal is certain, and ends the command at once")),
    Conflict("no-offload", "tcp", N_("TCP's kernel cuts and joins its stream itself")),
    Conflict("interval", "rate", N_("they say the same: --interval 100ms is --rate 10/s")),
    Conflict("bye", "text", N_("only a dialogue has a farewell")),
    Conflict("bye", "file", N_("only a dialogue has a farewell")),
    Conflict("bye", "size", N_("only a dialogue has a farewell")),
    Conflict("size", "file", N_("the file is sent as it is")),
)
SEND_NEEDS = (
    Need("ordered", ("ack",), N_("without acknowledgments nobody waits for what is missing")),
    Need("spool", ("ack",), N_("a message stays there until it is acknowledged")),
    Need("window", ("ack",), N_("it bounds the messages that are not acknowledged yet")),
    Need("congestion", ("ack",), N_("without acknowledgments nobody knows what the path takes")),
    Need("max-transmissions", ("ack",), N_("without acknowledgments each message is sent once")),
    Need("deadline", ("ack",), N_("it is how long an acknowledgment is waited for")),
    Need("refused-for", ("ack",), N_("without acknowledgments nothing is waited for")),
    Need("min-rto", ("ack",), N_("without acknowledgments nothing is retransmitted")),
    Need("count", ("text", "file", "size"), N_("each line of standard input is sent once")),
    Need("interface", ("multicast",), N_("the system's routes choose it for every other destination")),
)

ARGUMENTS = {"text": "TEXT", "multicast": N_("a multicast group")}
"""What a rule's subject is called where it is no option; `listen` has --multicast as an option."""


def check(
    given: Mapping[str, Any], conflicts: Iterable[Conflict], needs: Iterable[Need], names: Mapping[str, str] = ARGUMENTS
) -> None:
    """Raise a UsageError for the first row that the given options break. None, False and an empty list are not given."""
    present = {key for key, value in given.items() if _is_given(value)}
    for conflict in conflicts:
        if {conflict.first, conflict.second} <= present:
            first, second = (_name(option, names) for option in conflict[:2])
            reason, origin = Phrase(conflict.reason), _origin(conflict[:2])
            raise UsageError("{} and {} mean nothing together: {}{}", first, second, reason, origin)
    for need in needs:
        if need.option in present and not present.intersection(need.any_of):
            others = reduce(partial(Phrase, N_("{} or {}")), (_name(option, names) for option in need.any_of))
            reason, origin = Phrase(need.reason), _origin((need.option,))
            raise UsageError("{} means nothing without {}: {}{}", _name(need.option, names), others, reason, origin)


def _is_given(value: Any) -> bool:
    return value is not None and value is not False and value not in ([], ())


def _name(option: str, names: Mapping[str, str]) -> Phrase:
    return Phrase(names.get(option, f"--{option}"))


def _origin(options: Iterable[str]) -> str:
    """Names the environment variable that an option came from, if it was not written on the command line."""
    unwritten = [
        variable(option)
        for option in options
        if os.environ.get(variable(option)) and not any(word.startswith(f"--{option}") for word in sys.argv)
    ]
    return Phrase(" (set by the environment: {})", ", ".join(unwritten)) if unwritten else ""
