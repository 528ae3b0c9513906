"""How fast the path delivers: the delivery rate samples of draft-ietf-ccwg-bbr, "Delivery Rate Samples".

Owns what was delivered and lost in all, and whether it was the application that kept the path from being full. What it needs to
know of a flight stands in the flight's note, so a flight that is cut up keeps it. Rates in bytes a second.
"""

from typing import NamedTuple

from udpmsg.base.durations import SECOND
from udpmsg.core.retransmission import Flight, Note


class RateSample(NamedTuple):
    """RS: what one acknowledgment says about the time in which its newest datagram was under way."""

    rate: float
    """RS.delivery_rate; 0: not known."""
    delivered: int
    """Bytes that were delivered in that time."""
    prior_delivered: int
    """What was delivered when it left."""
    newly_acked: int
    """Bytes that this acknowledgment is the first to name."""
    lost: int
    """Bytes that were lost in that time."""
    tx_in_flight: int
    """Bytes in flight when it had left."""
    is_app_limited: bool


class DeliveryRate:
    """C of the draft, as far as it is about delivery."""

    __slots__ = ("_acked", "_first_sent_at", "_newest", "_newest_sent_at", "app_limited", "delivered", "delivered_at", "lost")

    def __init__(self) -> None:
        self.delivered = 0
        self.delivered_at = 0
        self.lost = 0
        self.app_limited = 0
        """The application was the limit until so much will have been delivered; 0: it is not."""
        self._first_sent_at = 0
        self._newest: tuple[int, Note] | None = None
        """Of this acknowledgment the last datagram that left: its number, and what was noted of it."""
        self._newest_sent_at = 0
        self._acked = 0

    def note(self, sent_at: int, in_flight: int, *, alone: bool) -> Note:
        """OnPacketSent. `alone`: nothing else is in flight, so the time begins now."""
        if alone:
            self._first_sent_at = self.delivered_at = sent_at
        limited = self.app_limited > 0
        return Note(self.delivered, self.delivered_at, self._first_sent_at, self.lost, limited, in_flight)

    def arrived(self, flight: Flight, size: int, now: int) -> None:
        """UpdateRateSample, for all datagrams of a flight."""
        assert flight.note is not None
        self.delivered += size
        self.delivered_at = now
        self._acked += size
        if self._newest is None or flight.last > self._newest[0]:
            self._newest = flight.last, flight.note
            self._newest_sent_at = flight.sent_at

    def limited(self, in_flight: int) -> None:
        """MarkConnectionAppLimited."""
        self.app_limited = max(self.delivered + in_flight, 1)

    def sample(self, now: int, min_rtt: int | None) -> RateSample | None:
        """GenerateRateSample, when all of one acknowledgment was told; None: nothing arrived."""
        if self.app_limited and self.delivered > self.app_limited:
            self.app_limited = 0
        if self._newest is None:
            return None
        note = self._newest[1]
        self._newest = None
        newly_acked, self._acked = self._acked, 0
        self._first_sent_at = self._newest_sent_at
        interval = max(self._newest_sent_at - note.first_sent_at, now - note.delivered_at)
        delivered = self.delivered - note.delivered
        reliable = interval > 0 and (min_rtt is None or interval >= min_rtt)
        return RateSample(
            rate=delivered * SECOND / interval if reliable else 0.0,
            delivered=delivered,
            prior_delivered=note.delivered,
            newly_acked=newly_acked,
            lost=self.lost - note.lost,
            tx_in_flight=note.in_flight,
            is_app_limited=note.application_limited,
        )
