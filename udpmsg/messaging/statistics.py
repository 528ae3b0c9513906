"""What a sender and a receiver counted, as values. None: it can't be known. Sizes in bytes, times in seconds."""

from typing import TYPE_CHECKING, NamedTuple

from udpmsg.base.durations import MICROSECOND, SECOND

if TYPE_CHECKING:
    from udpmsg.core.wire import Report


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
    """What wire format 1 does not allow, and what is no reply to a message that was sent."""
    payload_bytes: int
    delivered_bytes: int | None
    duration_s: float
    """From the first message to the last outcome; without acknowledgments to the last message."""
    replies: int
    replies_dropped: int = 0
    """Datagrams of replies that were dropped because the program left too many replies waiting."""
    datagram_size: int | None = None
    """Bytes of the largest datagram now: what was asked for, or what the path is known to take. None over TCP, and raw."""


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
    messages_undelivered: int = 0
    """They came, and the application is not done with them, or was not given them: their senders were told nothing."""


class SessionReport(NamedTuple):
    """What the receiver has of one sender's session, as it says. None: it does not know, or claims what can't be. Seconds,
    and bytes."""

    known: bool
    """False: it knows nothing of the session. Nothing of it ever came there, or it was restarted, or has forgotten it."""
    sent: int
    """The last sequence number that had been sent when the answer came."""
    delivered: int
    """Messages that the application there was given."""
    arrived: int
    """Messages that came, each counted once: those delivered, and those that its application has not taken yet."""
    duplicates: int | None
    reordered: int | None
    over_limit: int | None
    """Dropped at a limit of the receiver, or come too late to be told from a duplicate."""
    highest: int
    """The highest sequence number that came; 0: none."""
    forgotten: int
    """The receiver no longer remembers which numbers up to this one are missing: `lost` is whole only above it."""
    lost: tuple[tuple[int, int], ...]
    """Ranges (first, last) of sequence numbers up to `sent` that never came. What is still on its way is among them, and what
    was never sent because the system refused it."""
    kernel_drops: int | None
    """Datagrams that the receiver's host discarded at its socket since this session began, from any sender."""
    payload_bytes: int | None
    """Payload that the application there was given."""
    duration_s: float | None
    """From the first arrival to the last."""
    jitter_s: float | None

    @property
    def messages_lost(self) -> int | None:
        """How many never came, also of those that nobody remembers one by one; None where the session is not known."""
        return self.sent - self.arrived if self.known else None


def session_report(report: "Report | None", *, sent: int) -> SessionReport:
    """What a REPORT says about a session that has sent so many messages; None: the receiver knows nothing of it."""
    if report is None:
        return SessionReport(False, sent, 0, 0, 0, 0, 0, 0, sent, (), None, 0, 0.0, None)
    tail = ((report.highest + 1, sent),) if report.highest < sent else ()
    return SessionReport(
        known=True,
        sent=sent,
        delivered=report.delivered,
        arrived=report.arrived,
        duplicates=report.duplicates,
        reordered=report.reordered,
        over_limit=report.over_limit,
        highest=report.highest,
        forgotten=report.forgotten,
        lost=tuple(report.missing) + tail,
        kernel_drops=report.kernel_drops,
        payload_bytes=report.payload_bytes,
        duration_s=None if report.duration_us is None else report.duration_us * MICROSECOND / SECOND,
        jitter_s=None if report.jitter_us is None else report.jitter_us * MICROSECOND / SECOND,
    )
