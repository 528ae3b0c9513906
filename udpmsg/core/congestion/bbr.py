"""BBR, version 3: draft-ietf-ccwg-bbr, with its names. The state machine, and what follows from it for window and pace.

Owns which of its states it is in: Startup finds the rate, Drain empties the queue that Startup made, ProbeBW goes round DOWN,
CRUISE, REFILL and UP, and ProbeRTT looks for the smallest round trip. What it knows of the path is in `path_model`.
"""

from collections.abc import Sequence
from enum import Enum

from udpmsg.base.durations import MILLISECOND, SECOND
from udpmsg.core.congestion.controller import Controller, initial_window
from udpmsg.core.congestion.delivery_rate import DeliveryRate, RateSample
from udpmsg.core.congestion.path_model import BETA, INFINITE, LOSS_THRESH, PathModel
from udpmsg.core.retransmission import Flight, fraction

STARTUP_PACING_GAIN = 2.77
DRAIN_PACING_GAIN = 0.5
DEFAULT_CWND_GAIN = 2.0
PROBE_UP_CWND_GAIN = 2.25
PROBE_RTT_CWND_GAIN = 0.5
PACING_MARGIN = 0.99
"""BBR.PacingMarginPercent: 1 % below the rate, so that queues drain."""
HEADROOM = 0.15
"""BBR.Headroom: so much of inflight_longterm is left to others in CRUISE."""
FULL_BW_ROUNDS = 3
FULL_BW_GROWTH = 1.25
"""Startup is over when in so many rounds the rate did not grow by a quarter."""
STARTUP_LOSSES = 6
"""BBRStartupFullLossCnt: or when so many ranges were lost in a round, and more than LossThresh."""
DRAIN_ROUNDS = 3
PROBE_RTT_DURATION = 200 * MILLISECOND
MOST_RENO_ROUNDS = 63
"""Beside Reno: probe at least as often as it would win back a loss, and at least every so many rounds."""
QUANTUM = 64 << 10
"""Bytes that leave at once at most (BBR.SendQuantum)."""


class BbrState(Enum):
    """The states of "State Machine Overview"."""

    STARTUP = "Startup"
    DRAIN = "Drain"
    DOWN = "ProbeBW_DOWN"
    CRUISE = "ProbeBW_CRUISE"
    REFILL = "ProbeBW_REFILL"
    UP = "ProbeBW_UP"
    PROBE_RTT = "ProbeRTT"


class Acks(Enum):
    """BBR.ack_phase: what the acknowledgments that come tell about the last probe."""

    INIT = "not probing"
    REFILLING = "filling the pipe"
    PROBE_STARTING = "in flight rises"
    PROBE_FEEDBACK = "feedback comes"
    PROBE_STOPPING = "feedback still comes"


PACING_GAIN = {
    BbrState.STARTUP: STARTUP_PACING_GAIN,
    BbrState.DRAIN: DRAIN_PACING_GAIN,
    BbrState.DOWN: 0.9,
    BbrState.CRUISE: 1.0,
    BbrState.REFILL: 1.0,
    BbrState.UP: 1.25,
    BbrState.PROBE_RTT: 1.0,
}
CWND_GAIN = {BbrState.UP: PROBE_UP_CWND_GAIN, BbrState.PROBE_RTT: PROBE_RTT_CWND_GAIN}
PROBE_BW = frozenset({BbrState.DOWN, BbrState.CRUISE, BbrState.REFILL, BbrState.UP})
PROBING = frozenset({BbrState.STARTUP, BbrState.REFILL, BbrState.UP})
"""IsProbingBW."""


class BBR(Controller):
    """The window and the pace follow a model of the path: its rate, its round trip, and what it holds without loss."""

    __slots__ = (
        "_ack_phase",
        "_bw_probe_up_acked",
        "_bw_probe_up_rounds",
        "_bw_probe_wait",
        "_cycle_stamp",
        "_delivery",
        "_doubtful",
        "_drain_start_round",
        "_draws",
        "_full_bw",
        "_full_bw_count",
        "_full_bw_now",
        "_idle_restart",
        "_is_bw_probe_sample",
        "_last_lost",
        "_losses_in_round",
        "_model",
        "_pace",
        "_prev_probe_precautionary",
        "_prev_probe_too_high",
        "_prior_cwnd",
        "_probe_rtt_done_stamp",
        "_probe_rtt_round_done",
        "_probe_up_acked_per_inc",
        "_recovery_start",
        "_round_trip",
        "_rounds_since_probe_up",
        "_rs",
        "_seed",
        "_undo",
        "full_bw_reached",
        "state",
    )

    def __init__(self, datagram_size: int, seed: int = 0) -> None:
        super().__init__(datagram_size, seed)
        self._seed, self._draws = seed, 0
        self._delivery = DeliveryRate()
        self._model = PathModel()
        self._pace: int | None = None
        self.state = BbrState.STARTUP
        self.full_bw_reached = False
        """Whether it ever filled the path."""
        self._full_bw = 0.0
        self._full_bw_count = 0
        self._full_bw_now = False
        self._rs = RateSample(0.0, 0, 0, 0, 0, 0, False)
        self._round_trip: int | None = None
        """The sample of this acknowledgment."""
        self._ack_phase = Acks.INIT
        self._is_bw_probe_sample = False
        self._bw_probe_up_acked = self._bw_probe_up_rounds = 0
        self._probe_up_acked_per_inc = INFINITE
        self._rounds_since_probe_up = 0
        self._bw_probe_wait = 0
        self._cycle_stamp = 0
        self._prev_probe_too_high = self._prev_probe_precautionary = False
        self._drain_start_round = 0
        self._probe_rtt_done_stamp = 0
        self._probe_rtt_round_done = False
        self._idle_restart = False
        self._prior_cwnd = 0
        self._recovery_start = -1
        self._losses_in_round = 0
        """Ranges of datagrams that were lost in this round."""
        self._last_lost = 0
        self._doubtful = 0
        """How many datagrams of the last episode are still taken for lost."""
        self._undo: tuple[BbrState | None, float, float, float] = (None, 0.0, 0.0, 0.0)
        """undo_state, and bw_shortterm, inflight_shortterm and inflight_longterm from before the episode."""

    @property
    def pace(self) -> int | None:
        """BBR.pacing_rate; None before the first round trip."""
        return self._pace

    @property
    def min_pipe_cwnd(self) -> int:
        """BBR.MinPipeCwnd: enough for acknowledgments of every second datagram."""
        return 4 * self.datagram_size

    # Told ----------------------------------------------------------------------------------------------------------------

    def admit(self, sizes: Sequence[int], now: int) -> int:
        """OnTransmit: after an idle time it goes on where it was."""
        if not self.bytes_in_flight and self._delivery.app_limited:  # HandleRestartFromIdle
            self._idle_restart = True
            self._model.restart_aggregation(now)
            if self.state in PROBE_BW:
                self._set_pace(1.0)
            elif self.state is BbrState.PROBE_RTT:
                self._check_probe_rtt_done(now)
        return super().admit(sizes, now)

    def on_sent(self, flight: Flight, now: int) -> None:
        """OnPacketSent: what its rate sample will need is noted with it."""
        alone = self.bytes_in_flight == sum(flight.sizes)
        flight.note = self._delivery.note(now, self.bytes_in_flight, alone=alone)

    def on_round_trip(self, round_trip: int, srtt: int, now: int, held: int = 0) -> None:
        """The first one tells the pace of startup."""
        self._round_trip = round_trip
        if self._pace is None:  # InitPacingRate
            self._pace = max(int(STARTUP_PACING_GAIN * initial_window(self.datagram_size) * SECOND / max(srtt, 1)), 1)

    def on_acknowledged(self, flight: Flight, now: int, window_was_limit: bool) -> None:
        """UpdateRateSample; what follows from it is for `settle`."""
        size = sum(flight.sizes)
        self.bytes_in_flight -= size
        self._delivery.arrived(flight, size, now)

    def on_late(self, flight: Flight, now: int) -> None:
        """Handling a spurious loss recovery, when nothing that was lost in it is missing any more."""
        self._delivery.arrived(flight, flight.sizes[0], now)
        if flight.episode == self.episode:
            self._doubtful -= 1
            if not self._doubtful:
                self._undo_episode(now)

    def on_lost(self, flight: Flight, now: int) -> None:
        """HandleLostPacket."""
        super().on_lost(flight, now)
        self._doubtful += 1
        self._delivery.lost += flight.sizes[0]
        self._losses_in_round += flight.first != self._last_lost + 1
        self._last_lost = flight.first
        note = flight.note
        assert note is not None
        self._model.note_loss(self._delivery.delivered)
        if not self._is_bw_probe_sample:
            return
        lost = self._delivery.lost - note.lost
        if lost > note.in_flight * LOSS_THRESH:
            # InflightAtLoss: at what volume the losses began to be too many
            before, lost_before = note.in_flight - flight.sizes[0], lost - flight.sizes[0]
            prefix = max(LOSS_THRESH * before - lost_before, 0.0) / (1 - LOSS_THRESH)
            self._handle_inflight_too_high(before + prefix, note.application_limited, now)

    def on_congestion(self, sent_at: int, now: int) -> None:
        """An episode of loss begins: SaveStateUponLoss. What follows from the losses is told one by one."""
        if sent_at <= self._recovery_start:
            return
        self.episode += 1
        self._doubtful = 0
        self._recovery_start = now
        self._save_cwnd()
        model = self._model
        self._undo = (None, model.bw_shortterm, model.inflight_shortterm, model.inflight_longterm)

    def on_persistent_congestion(self, now: int) -> None:
        """OnEnterRTO, with our minimum of two datagrams. What is delivered lets it grow again."""
        self.on_congestion(now, now)
        self.window = self.minimum_window
        self._pacer.forget()

    def on_application_limited(self) -> None:
        """MarkConnectionAppLimited, unless the window is full."""
        if self.bytes_in_flight < self.window:
            self._delivery.limited(self.bytes_in_flight)

    def settle(self, now: int) -> None:
        """UpdateOnACK."""
        model = self._model
        rs = self._delivery.sample(now, model.min_rtt)
        if rs is None:
            return
        self._rs = rs
        # UpdateModelAndState
        if model.update_round(rs, self._delivery.delivered):
            self._rounds_since_probe_up += 1
        loss_round_start, loss_in_round = model.update_signals(rs, self._delivery.delivered)
        if loss_round_start and loss_in_round and self.state not in PROBING:
            model.adapt_lower_bounds(self.window)
        model.update_aggregation(rs, now, self.window, filled=self.full_bw_reached)
        self._check_full_bw_reached()
        self._check_startup_done(loss_round_start, now)
        if self.state is BbrState.DRAIN and (
            self.bytes_in_flight <= self._inflight(1.0) or model.round_count > self._drain_start_round + DRAIN_ROUNDS
        ):
            self._start_down(now)
        self._update_cycle_phase(now)
        expired = model.update_min_rtt(self._round_trip, now)
        self._round_trip = None
        self._check_probe_rtt(expired, now)
        model.advance_signals(rs, loss_round_start)
        if loss_round_start:
            self._losses_in_round = 0
        # UpdateControlParameters
        self._set_pace(PACING_GAIN[self.state])
        self._set_cwnd(rs.newly_acked)
        self.window_was_full = False

    # Startup and Drain ---------------------------------------------------------------------------------------------------

    def _reset_full_bw(self, baseline: float = 0.0) -> None:
        self._full_bw = baseline
        self._full_bw_count = 0
        self._full_bw_now = False

    def _check_full_bw_reached(self) -> None:
        rs = self._rs
        if self._full_bw_now or not self._model.round_start or rs.is_app_limited:
            return
        if rs.rate >= self._full_bw * FULL_BW_GROWTH:
            self._reset_full_bw(rs.rate)
            return
        self._full_bw_count += 1
        self._full_bw_now = self._full_bw_count >= FULL_BW_ROUNDS
        self.full_bw_reached = self.full_bw_reached or self._full_bw_now

    def _check_startup_done(self, loss_round_start: bool, now: int) -> None:
        if self.state is not BbrState.STARTUP:
            return
        if loss_round_start and self._losses_in_round >= STARTUP_LOSSES and self._inflight_too_high():
            self._undo = (BbrState.STARTUP, *self._undo[1:])
            self.full_bw_reached = True
            self._model.inflight_longterm = max(self._bdp(1.0), self._model.inflight_latest)
        if self.full_bw_reached:
            self.state = BbrState.DRAIN
            self._drain_start_round = self._model.round_count

    # ProbeBW -------------------------------------------------------------------------------------------------------------

    def _start_down(self, now: int) -> None:
        self._model.reset_signals()
        self._probe_up_acked_per_inc = INFINITE
        self._rounds_since_probe_up = int(2 * self._draw())  # PickProbeWait
        self._bw_probe_wait = int((2 + self._draw()) * SECOND)
        self._cycle_stamp = now
        self._ack_phase = Acks.PROBE_STOPPING
        self._model.start_round(self._delivery.delivered)
        self.state = BbrState.DOWN

    def _start_refill(self) -> None:
        self._model.reset_short_term()
        self._bw_probe_up_rounds = self._bw_probe_up_acked = 0
        self._prev_probe_precautionary = False
        self._ack_phase = Acks.REFILLING
        self._model.start_round(self._delivery.delivered)
        self.state = BbrState.REFILL

    def _start_up(self) -> None:
        self._ack_phase = Acks.PROBE_STARTING
        self._model.start_round(self._delivery.delivered)
        self._reset_full_bw(self._rs.rate)
        self.state = BbrState.UP
        self._raise_slope()

    def _update_cycle_phase(self, now: int) -> None:
        if not self.full_bw_reached or self._adapt_long_term(now):
            return
        model = self._model
        if self.state in (BbrState.DOWN, BbrState.CRUISE) and self._is_time_to_probe(now):
            self._start_refill()
        elif self.state is BbrState.DOWN:
            if self.bytes_in_flight <= min(self._inflight_with_headroom(), self._inflight(1.0, model.max_bw)):
                self.state = BbrState.CRUISE
        elif self.state is BbrState.REFILL:
            if model.round_start:
                self._is_bw_probe_sample = True
                self._start_up()
        elif self.state is BbrState.UP and self._is_time_to_go_down():
            self._prev_probe_too_high = False
            self._start_down(now)

    def _is_time_to_probe(self, now: int) -> bool:
        reno_rounds = min(self._target_inflight() // self.datagram_size, MOST_RENO_ROUNDS)
        return now > self._cycle_stamp + self._bw_probe_wait or self._rounds_since_probe_up >= reno_rounds

    def _is_time_to_go_down(self) -> bool:
        longterm = self._model.inflight_longterm
        if self._prev_probe_too_high and self.bytes_in_flight >= longterm:
            self._prev_probe_precautionary = True
            return True
        if self.window_was_full and self.window >= longterm:
            self._reset_full_bw(self._rs.rate)  # it is inflight_longterm that limits the rate
            return False
        return self._full_bw_now

    def _adapt_long_term(self, now: int) -> bool:
        """AdaptLongTermModel: whether it decided on another state."""
        model, rs = self._model, self._rs
        if self._ack_phase is Acks.PROBE_STARTING and model.round_start:
            self._ack_phase = Acks.PROBE_FEEDBACK
        if self._ack_phase is Acks.PROBE_STOPPING and model.round_start:
            self._is_bw_probe_sample = False
            self._ack_phase = Acks.INIT
            if self.state in PROBE_BW:
                if not rs.is_app_limited:
                    model.advance_max_bw()
                if self._prev_probe_precautionary and not self._prev_probe_too_high:
                    self._start_refill()
                    return True
        if not self._inflight_too_high() and model.inflight_longterm < INFINITE:
            model.inflight_longterm = max(model.inflight_longterm, rs.tx_in_flight)
            if self.state is BbrState.UP:
                self._probe_upward()
        return False

    def _raise_slope(self) -> None:
        growth_this_round = 1 << self._bw_probe_up_rounds
        self._bw_probe_up_rounds = min(self._bw_probe_up_rounds + 1, 30)
        self._probe_up_acked_per_inc = max(self.window // growth_this_round, self.datagram_size)

    def _probe_upward(self) -> None:
        """ProbeInflightLongtermUpward."""
        if not self.window_was_full or self.window < self._model.inflight_longterm:
            return
        self._bw_probe_up_acked += self._rs.newly_acked
        delta, self._bw_probe_up_acked = divmod(self._bw_probe_up_acked, int(self._probe_up_acked_per_inc))
        self._model.inflight_longterm += delta * self.datagram_size
        if self._model.round_start:
            self._raise_slope()

    # Loss ----------------------------------------------------------------------------------------------------------------

    def _inflight_too_high(self) -> bool:
        return self._rs.lost > self._rs.tx_in_flight * LOSS_THRESH

    def _handle_inflight_too_high(self, inflight: float, application_limited: bool, now: int) -> None:
        self._prev_probe_too_high = True
        self._is_bw_probe_sample = False
        if not application_limited:
            self._model.inflight_longterm = max(inflight, self._target_inflight() * BETA)
        if self.state is BbrState.UP:
            self._undo = (BbrState.UP, *self._undo[1:])
            self._start_down(now)

    def _undo_episode(self, now: int) -> None:
        """HandleSpuriousLossDetection."""
        model = self._model
        state, bw, shortterm, longterm = self._undo
        self.window = max(self.window, self._prior_cwnd)
        model.loss_in_round = False
        self._reset_full_bw()
        model.bw_shortterm = max(model.bw_shortterm, bw)
        model.inflight_shortterm = max(model.inflight_shortterm, shortterm)
        model.inflight_longterm = max(model.inflight_longterm, longterm)
        if state is BbrState.STARTUP and self.state is not BbrState.STARTUP:
            self.full_bw_reached = False
            if self.state is not BbrState.PROBE_RTT:
                self.state = BbrState.STARTUP
        elif state is BbrState.UP and self.state not in (BbrState.UP, BbrState.PROBE_RTT):
            self._start_refill()
        self._undo = (None, *self._undo[1:])

    # ProbeRTT ------------------------------------------------------------------------------------------------------------

    def _check_probe_rtt(self, expired: bool, now: int) -> None:
        if expired and self.state is not BbrState.PROBE_RTT and not self._idle_restart:
            self._save_cwnd()
            self.state = BbrState.PROBE_RTT
            self._probe_rtt_done_stamp = 0
            self._ack_phase = Acks.PROBE_STOPPING
            self._model.start_round(self._delivery.delivered)
        if self.state is BbrState.PROBE_RTT:
            self._delivery.limited(self.bytes_in_flight)  # low rates here say nothing about the path
            if not self._probe_rtt_done_stamp:
                if self.bytes_in_flight <= self._probe_rtt_cwnd():
                    self._probe_rtt_done_stamp = now + PROBE_RTT_DURATION
                    self._probe_rtt_round_done = False
                    self._model.start_round(self._delivery.delivered)
            else:
                self._probe_rtt_round_done = self._probe_rtt_round_done or self._model.round_start
                if self._probe_rtt_round_done:
                    self._check_probe_rtt_done(now)
        if self._rs.delivered > 0:
            self._idle_restart = False

    def _check_probe_rtt_done(self, now: int) -> None:
        if self._probe_rtt_done_stamp and now > self._probe_rtt_done_stamp:
            self._model.probe_rtt_min_stamp = now
            self.window = max(self.window, self._prior_cwnd)
            self._model.reset_short_term()
            if self.full_bw_reached:
                self._start_down(now)
                self.state = BbrState.CRUISE
            else:
                self.state = BbrState.STARTUP

    def _probe_rtt_cwnd(self) -> int:
        return max(self._bdp(PROBE_RTT_CWND_GAIN), self.min_pipe_cwnd)

    # What follows for the pace and the window ----------------------------------------------------------------------------

    def _set_pace(self, gain: float) -> None:
        rate = max(int(gain * self._model.bw * PACING_MARGIN), 1)
        if self._model.bw and (self.full_bw_reached or self._pace is None or rate > self._pace):
            self._pace = rate

    def _set_cwnd(self, newly_acked: int) -> None:
        most = self._quantized(self._bdp(CWND_GAIN.get(self.state, DEFAULT_CWND_GAIN)) + self._model.extra_acked())
        window = self.window
        if self.full_bw_reached:
            window = min(window + newly_acked, most)
        elif window < most or self._delivery.delivered < initial_window(self.datagram_size):
            window += newly_acked
        window = max(window, self.min_pipe_cwnd)
        if self.state is BbrState.PROBE_RTT:
            window = min(window, self._probe_rtt_cwnd())
        # BoundCwndForModel
        cap = INFINITE
        if self.state in PROBE_BW and self.state is not BbrState.CRUISE:
            cap = self._model.inflight_longterm
        elif self.state in (BbrState.PROBE_RTT, BbrState.CRUISE):
            cap = self._inflight_with_headroom()
        cap = max(min(cap, self._model.inflight_shortterm), self.min_pipe_cwnd)
        self.window = int(min(window, cap))

    def _bdp(self, gain: float, bw: float | None = None) -> int:
        """BDPMultiple."""
        if self._model.min_rtt is None:
            return initial_window(self.datagram_size)
        return int(gain * (self._model.bw if bw is None else bw) * self._model.min_rtt / SECOND)

    def _quantized(self, inflight: float) -> int:
        """QuantizationBudget: room for what is sent at once, and for acknowledgments of every second datagram."""
        quantum = max(min((self._pace or 0) // 1000, QUANTUM), 2 * self.datagram_size)
        inflight = max(int(inflight), quantum, self.min_pipe_cwnd)
        return inflight + 2 * self.datagram_size * (self.state is BbrState.UP)

    def _inflight(self, gain: float, bw: float | None = None) -> int:
        return self._quantized(self._bdp(gain, bw))

    def _inflight_with_headroom(self) -> float:
        longterm = self._model.inflight_longterm
        if longterm == INFINITE:
            return INFINITE
        return max(longterm - max(self.datagram_size, HEADROOM * longterm), self.min_pipe_cwnd)

    def _target_inflight(self) -> int:
        return min(self._bdp(1.0), self.window)

    def _save_cwnd(self) -> None:
        self._prior_cwnd = self.window if self.state is not BbrState.PROBE_RTT else max(self._prior_cwnd, self.window)

    def _draw(self) -> float:
        """A number from 0 up to 1."""
        self._draws += 1
        return fraction(self._seed + self._draws)
