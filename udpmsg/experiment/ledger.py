"""The ledger: one row a message, with its outcome and the cause of every loss. Joins the three logs of a run; guesses nothing."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How one message ended, seen with both ends' eyes."""

    DELIVERED = "delivered"
    LOST = "lost"
    """Sent, and the receiver never saw it."""
    UNCONFIRMED = "unconfirmed"
    """Delivered, and its sender was never told: the last acknowledgment is what was lost."""
    REFUSED = "refused"
    """Never sent."""


class Cause(StrEnum):
    """Why a message did not arrive, or its sender was not told. For several transmissions: of the last one."""

    DROPPED = "dropped on the link"
    QUEUE_FULL = "queue full"
    CORRUPTED = "corrupted on the link"
    TOO_LARGE = "too large for the link"
    KERNEL_DROP = "kernel drop"
    REFUSED_ICMP = "refused (ICMP)"
    NOT_SENT = "not sent"
    """With the system's reason in `Row.reason`."""
    ACKNOWLEDGMENT_LOST = "acknowledgment lost"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Row:
    """One message. Times are nanoseconds since the run's start; None: not known, or it never happened."""

    sequence: int
    due_at: int
    sent_at: int | None
    transmissions: int | None
    """How often the link saw it; without a link's record as the sender counted, and None where nobody did."""
    delivered_at: int | None
    delay: int | None
    """From due to delivered."""
    outcome: Outcome
    cause: Cause | None = None
    """None for a message that was delivered, and confirmed where that was asked for."""
    reason: str | None = None
    """More about the cause: the system's words, or what the link did ("burst", "drop:data:4")."""
    duplicates: int = 0
    """How often it came again to the receiver, who suppressed it (over TCP the kernel does, and nobody is told: 0)."""
    reordered: bool = False
    late: bool = False
