"""What a frame can carry, as values, and what each is called: the words of a ladder.

Owns the table of our kinds of message, with each one's bill and name. Reads nothing (see `frames`).

What is neither handshake, data nor teardown is billed as ACKNOWLEDGMENT: PROBE, CHALLENGE, COOKIE, QUERY, REPORT, ICMP (unless it
refuses a GOODBYE: TEARDOWN) and other programs' protocols.
"""

from typing import NamedTuple

from udpmsg.base.errors import N_
from udpmsg.core.wire import Kind
from udpmsg.link.record import FrameKind, Identity, Phase

DATA, ACK, CONTROL = FrameKind.DATA, FrameKind.ACK, FrameKind.CONTROL
HANDSHAKE, MESSAGES, ACKNOWLEDGMENT, TEARDOWN = Phase.HANDSHAKE, Phase.DATA, Phase.ACKNOWLEDGMENT, Phase.TEARDOWN

CONTENTS = {
    Kind.ACK.value: (DATA, ACKNOWLEDGMENT, N_("acknowledgment")),
    Kind.GOODBYE.value: (CONTROL, TEARDOWN, N_("goodbye")),
    Kind.PROBE.value: (CONTROL, ACKNOWLEDGMENT, N_("probe")),
    Kind.PROBE_REPLY.value: (CONTROL, ACKNOWLEDGMENT, N_("probe reply")),
    Kind.CHALLENGE.value: (CONTROL, ACKNOWLEDGMENT, N_("challenge")),
    Kind.COOKIE.value: (CONTROL, ACKNOWLEDGMENT, N_("cookie")),
    Kind.QUERY.value: (CONTROL, ACKNOWLEDGMENT, N_("query")),
    Kind.REPORT.value: (CONTROL, ACKNOWLEDGMENT, N_("report")),
}
"""Every kind but MESSAGE: as the segment that begins with it (over UDP an ACK is FrameKind.ACK), its bill and its name."""

LABELS = (
    *(label for _kind, _phase, label in CONTENTS.values()),
    N_("message {}"),
    N_("messages {}–{}"),
    N_("message {}, part {}"),
    N_("messages {}–{}, part {}"),
    N_("segment {}"),
    N_("datagram {}"),
    N_("IP fragment"),
    N_("IP fragment of {}"),
    N_("IP protocol {}"),
    N_("ICMP {} unreachable"),
    N_("ICMP too large"),
    N_("ICMP time exceeded"),
    N_("ICMP type {}"),
    N_("ICMP echo"),
    N_("ICMP echo reply"),
    *(N_("network"), N_("host"), N_("protocol"), N_("port"), N_("communication"), N_("destination")),
    N_("not understood"),
    N_("other"),
    "{}, FIN",
    "{} ({})",
)
"""What labels are made of: a record holds English text, in which a report finds these, to tell them in the user's
language. Names of protocols and flags are the same in all."""


class Content(NamedTuple):
    """What one frame carries."""

    identity: Identity
    phase: Phase
    transport: str
    """"udp", "tcp", "icmp" or "other"."""
    label: str
    """For a ladder: "message 4", "messages 4–6", "message 4, part 2", "SYN", "goodbye"."""
    first_sequence: int
    """The messages of which it carries anything, first and last; 0 for none. Of ICMP: the message that was refused."""
    last_sequence: int
