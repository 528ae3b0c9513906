"""The one summary schema.

Owns the keys that every summary has, in both transports and on both sides, with the units in their names. What cannot be
known is None (`null` in JSON): never 0, never NaN. Does not know how a summary is shown, nor how a run was made.
"""

from math import isfinite
from typing import TYPE_CHECKING, Any

from udpmsg.base.distribution import Distribution, rounded

if TYPE_CHECKING:
    from udpmsg.messaging.statistics import ReceiverStatistics, SenderStatistics

Summary = dict[str, Any]

KEYS = (
    "transport",  # "udp", "tcp" or, for a listener on both, "both"
    "acknowledged",  # whether acknowledgments were asked for; on a listener, by any sender
    "observer",  # who says all this: "sender" or "listener"
    "messages_sent",
    "messages_delivered",
    "messages_unconfirmed",
    "messages_refused",
    "messages_lost",
    "messages_undelivered",  # came to the receiver, whose application was not done with them: their senders were told nothing
    "duplicates",
    "reordered",
    "retransmissions",
    "datagram_size_bytes",  # the largest datagram of a sender over UDP, at its end; None over TCP and on a listener
    "kernel_drops",
    "malformed",
    "over_limit",  # dropped because a limit of the receiver was reached, or too late to be told from a duplicate
    "payload_bytes",
    "duration_s",
    "goodput_bps",  # unique payload bits a second
    "rtt_s",  # a distribution
    "one_way_delay_s",  # a distribution; None across hosts whose clocks are not synchronised
    "jitter_s",  # one number: RFC 3550's running estimate
)
"""Every summary has these keys, in this order."""


def sender_summary(statistics: "SenderStatistics", round_trips: Distribution) -> Summary:
    """A sender's summary. Fire and forget knows nothing about delivery, and says None."""
    return _complete(
        statistics._asdict(),
        observer="sender",
        datagram_size_bytes=statistics.datagram_size,
        duration_s=rounded(statistics.duration_s),
        goodput_bps=_rate(statistics.delivered_bytes, statistics.duration_s),
        rtt_s=round_trips.summary(),
    )


def listener_summary(statistics: "ReceiverStatistics") -> Summary:
    """A listener's summary. What was sent is the senders' word, and None where one of them gave none."""
    return _complete(
        statistics._asdict(),
        observer="listener",
        duration_s=rounded(statistics.duration_s),
        goodput_bps=_rate(statistics.payload_bytes, statistics.duration_s),
        jitter_s=None if statistics.jitter_s is None else rounded(statistics.jitter_s),
    )


def empty_summary(transport: str, observer: str, acknowledged: bool | None = None) -> Summary:
    """The summary of a run that ended before it began: nothing was sent, nothing came."""
    return _complete(
        {"transport": transport, "acknowledged": acknowledged},
        observer=observer,
        messages_sent=0 if observer == "sender" else None,
        messages_delivered=0 if observer == "listener" or acknowledged else None,
        messages_unconfirmed=0 if acknowledged else None,
        messages_refused=0 if observer == "sender" else None,
        messages_undelivered=0 if observer == "listener" else None,
        payload_bytes=0,
        duration_s=0.0,
    )


def _complete(statistics: Summary, **more: Any) -> Summary:
    """Every key: what is counted under its name, and what more is known."""
    known = statistics | more
    return {key: known.get(key) for key in KEYS}


def _rate(size: int | None, seconds: float) -> float | None:
    """Bits a second, or None where the size is unknown or no time passed."""
    if size is None or seconds <= 0:
        return None
    rate = size * 8 / seconds
    return round(rate, 1) if isfinite(rate) else None
