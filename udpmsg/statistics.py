"""What a sender and a receiver counted, as values. None: it can't be known. Sizes in bytes, times in seconds."""

from typing import NamedTuple


class SenderStatistics(NamedTuple):
    """What one sender counted. None: the sender can't know it. Sizes in bytes, times in seconds."""

    transport: str
    acknowledged: bool
    messages_sent: int
    messages_delivered: int | None
    messages_unconfirmed: int | None
    messages_refused: int
    retransmissions: int | None
    malformed: int
    payload_bytes: int
    delivered_bytes: int | None
    duration_s: float
    """From the first message to the last outcome; without acknowledgments to the last message."""
    replies: int


class ReceiverStatistics(NamedTuple):
    """What one receiver counted, over all senders. None: it can't be known. Sizes in bytes, times in seconds."""

    transport: str
    acknowledged: bool
    messages_sent: int | None
    """What the senders' goodbyes say; None when one said none."""
    messages_delivered: int
    messages_lost: int | None
    messages_missing: int
    """Gaps in the sequence numbers: lost, or still on the way. Known without a goodbye, but not at the tail."""
    duplicates: int
    reordered: int
    malformed: int
    over_limit: int
    """Dropped because a limit of this receiver was reached, or too late to be told from a duplicate."""
    kernel_drops: int | None
    """Datagrams that this host discarded because the socket's buffer was full."""
    payload_bytes: int
    duration_s: float
    """From the first message to the last."""
    jitter_s: float | None
    sessions: int
    raw_messages: int
