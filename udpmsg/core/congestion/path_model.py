"""What BBR knows of the path: draft-ietf-ccwg-bbr, "Updating Network Path Model Parameters", with its names.

Owns the rate, the round trip, the aggregation, and the bounds of what may be in flight: the long-term one, from probing, and the
short-term ones, from losses since. Knows no state of BBR's, no window and no pace. Rates in bytes a second.
"""

from collections import deque

from udpmsg.base.durations import SECOND
from udpmsg.core.congestion.delivery_rate import RateSample

INFINITE = float("inf")
LOSS_THRESH = 0.02
"""BBR.LossThresh: more than this share lost in a round trip is too much."""
BETA = 0.7
"""BBR.Beta: what is left of a short-term bound after a round with losses, at least."""
MIN_RTT_FILTER_LEN = 10 * SECOND
PROBE_RTT_INTERVAL = 5 * SECOND
EXTRA_ACKED_FILTER_LEN = 10
"""Rounds."""


class PathModel:
    """The model of one path."""

    __slots__ = (
        "_extra_acked",
        "_extra_acked_delivered",
        "_extra_acked_interval_start",
        "_loss_round_delivered",
        "_max_bw",
        "_min_rtt_stamp",
        "_next_round_delivered",
        "bw_latest",
        "bw_shortterm",
        "inflight_latest",
        "inflight_longterm",
        "inflight_shortterm",
        "loss_in_round",
        "min_rtt",
        "probe_rtt_min_delay",
        "probe_rtt_min_stamp",
        "round_count",
        "round_start",
    )

    def __init__(self) -> None:
        self.round_count = 0
        """BBR.round_count: round trips, counted by what was delivered."""
        self.round_start = False
        self._next_round_delivered = 0
        self._max_bw = (0.0, 0.0)
        """The highest rates of the cycle before and of this one."""
        self.bw_shortterm = INFINITE
        self.inflight_shortterm = INFINITE
        self.inflight_longterm = INFINITE
        self.bw_latest = 0.0
        self.inflight_latest = 0
        self.loss_in_round = False
        self._loss_round_delivered = 0
        self.min_rtt: int | None = None
        self._min_rtt_stamp = 0
        self.probe_rtt_min_delay: int | None = None
        self.probe_rtt_min_stamp = 0
        self._extra_acked: deque[tuple[int, float]] = deque()
        """Rounds and what came in them beyond the rate: falling, so the first is the largest."""
        self._extra_acked_delivered = 0
        self._extra_acked_interval_start = 0

    @property
    def max_bw(self) -> float:
        """BBR.max_bw: over this cycle of probing and the one before."""
        return max(self._max_bw)

    @property
    def bw(self) -> float:
        """BBR.bw, by BoundBWForModel."""
        return min(self.max_bw, self.bw_shortterm)

    # Rounds and rate -----------------------------------------------------------------------------------------------------

    def start_round(self, delivered: int) -> None:
        """A round begins: it ends when something that leaves from now on is acknowledged."""
        self._next_round_delivered = delivered

    def update_round(self, rs: RateSample, delivered: int) -> bool:
        """UpdateRound and UpdateMaxBw; whether a round begins."""
        self.round_start = rs.prior_delivered >= self._next_round_delivered
        if self.round_start:
            self.start_round(delivered)
            self.round_count += 1
        if rs.rate and (rs.rate >= self.max_bw or not rs.is_app_limited):
            self._max_bw = self._max_bw[0], max(self._max_bw[1], rs.rate)
        return self.round_start

    def advance_max_bw(self) -> None:
        """AdvanceMaxBwFilter: a cycle is over; a cycle without a sample takes nothing from the one before."""
        if self._max_bw[1]:
            self._max_bw = self._max_bw[1], 0.0

    # Losses --------------------------------------------------------------------------------------------------------------

    def note_loss(self, delivered: int) -> None:
        """NoteLoss: the first of a round begins it."""
        if not self.loss_in_round:
            self._loss_round_delivered = delivered
        self.loss_in_round = True

    def update_signals(self, rs: RateSample, delivered: int) -> tuple[bool, bool]:
        """UpdateLatestDeliverySignals and UpdateCongestionSignals: whether a round is over, and whether it had losses."""
        self.bw_latest = max(self.bw_latest, rs.rate)
        self.inflight_latest = max(self.inflight_latest, rs.delivered)
        if rs.prior_delivered < self._loss_round_delivered:
            return False, self.loss_in_round
        self._loss_round_delivered = delivered
        lost, self.loss_in_round = self.loss_in_round, False
        return True, lost

    def adapt_lower_bounds(self, window: int) -> None:
        """InitLowerBounds and LossLowerBounds: after a round with losses, towards what was delivered in it."""
        bw = self.max_bw if self.bw_shortterm == INFINITE else self.bw_shortterm
        inflight = window if self.inflight_shortterm == INFINITE else self.inflight_shortterm
        self.bw_shortterm = max(self.bw_latest, BETA * bw)
        self.inflight_shortterm = max(self.inflight_latest, BETA * inflight)

    def advance_signals(self, rs: RateSample, loss_round_start: bool) -> None:
        """AdvanceLatestDeliverySignals."""
        if loss_round_start:
            self.bw_latest, self.inflight_latest = rs.rate, rs.delivered

    def reset_signals(self) -> None:
        """ResetCongestionSignals."""
        self.loss_in_round = False
        self.bw_latest, self.inflight_latest = 0.0, 0

    def reset_short_term(self) -> None:
        """ResetShortTermModel."""
        self.bw_shortterm = self.inflight_shortterm = INFINITE

    # Round trip and aggregation ------------------------------------------------------------------------------------------

    def update_min_rtt(self, round_trip: int | None, now: int) -> bool:
        """UpdateMinRTT: whether the smallest round trip is old enough to be looked for by ProbeRTT."""
        delay = self.probe_rtt_min_delay
        expired = delay is not None and now > self.probe_rtt_min_stamp + PROBE_RTT_INTERVAL
        if round_trip is not None and (delay is None or round_trip < delay or expired):
            self.probe_rtt_min_delay, self.probe_rtt_min_stamp = round_trip, now
        delay = self.probe_rtt_min_delay
        stale = now > self._min_rtt_stamp + MIN_RTT_FILTER_LEN
        if delay is not None and (self.min_rtt is None or delay < self.min_rtt or stale):
            self.min_rtt, self._min_rtt_stamp = delay, self.probe_rtt_min_stamp
        return expired

    def restart_aggregation(self, now: int) -> None:
        """After an idle time the interval begins anew, and what was delivered in the one before is none of it. The draft leaves
        that out: then bursts with pauses between them add up for ever, and the window with them."""
        self._extra_acked_interval_start = now
        self._extra_acked_delivered = 0

    def update_aggregation(self, rs: RateSample, now: int, window: int, *, filled: bool) -> None:
        """UpdateACKAggregation: how much more was acknowledged than the rate makes expect."""
        expected = self.bw * (now - self._extra_acked_interval_start) / SECOND
        if self._extra_acked_delivered <= expected:
            self._extra_acked_delivered = 0
            self._extra_acked_interval_start = now
            expected = 0.0
        self._extra_acked_delivered += rs.newly_acked
        extra = min(self._extra_acked_delivered - expected, float(window))
        oldest = self.round_count - (EXTRA_ACKED_FILTER_LEN if filled else 1)
        while self._extra_acked and self._extra_acked[0][0] <= oldest:
            self._extra_acked.popleft()
        while self._extra_acked and self._extra_acked[-1][1] <= extra:
            self._extra_acked.pop()
        self._extra_acked.append((self.round_count, extra))

    def extra_acked(self) -> float:
        """BBR.extra_acked: the most of it, of late."""
        return self._extra_acked[0][1] if self._extra_acked else 0.0
