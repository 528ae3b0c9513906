"""CUBIC: RFC 9438, with its names. What it does not say otherwise is as RFC 9002 has it (see `newreno`).

Owns the function that the window follows after a loss: steeply back towards where it was, slowly there, and then away from it;
but never more slowly than Reno would (section 4.3). Windows in bytes here, where the RFC has segments.

The function knows the time. For many acknowledgments at once to come to the same as one after the other at that time, the window
is always reckoned from what it was when that time began, and from all that was acknowledged since.
"""

from math import cbrt
from typing import ClassVar

from udpmsg.base.durations import SECOND
from udpmsg.core.congestion.newreno import NewReno

C = 0.4
"""Section 5: segments / s³."""
BETA_CUBIC = 0.7
"""Section 4.6."""
ALPHA_CUBIC = 3 * (1 - BETA_CUBIC) / (1 + BETA_CUBIC)
"""Section 4.3: so much of a segment is won in a round trip, until the window is where it was before the loss."""


class Cubic(NewReno):
    """The window follows a cubic function of the time since the last loss."""

    __slots__ = (
        "_K",
        "_W_est",
        "_W_max",
        "_acknowledged",
        "_base",
        "_cwnd_prior",
        "_epoch_start",
        "_heard_at",
        "_now",
    )

    UNDONE: ClassVar[tuple[str, ...]] = (*NewReno.UNDONE, "_W_max", "_cwnd_prior", "_epoch_start", "_K", "_W_est", "_now")
    BETA: ClassVar[float] = BETA_CUBIC

    def __init__(self, datagram_size: int, seed: int = 0) -> None:
        super().__init__(datagram_size, seed)
        self._W_max = 0.0
        """The window before the last reduction, or less of it by fast convergence."""
        self._cwnd_prior = 0
        """The window before the last reduction."""
        self._epoch_start: int | None = None
        """When the current stage of congestion avoidance began; None: it has not."""
        self._K = 0.0
        """Seconds until the function is at W_max again."""
        self._W_est = 0.0
        """The window that Reno would have."""
        self._heard_at = 0
        """When the last acknowledgment came in this stage."""
        self._now = -1
        """The time for which the window is reckoned, from these: """
        self._base = (0, 0.0)
        """Window and W_est when that time began,"""
        self._acknowledged = 0
        """bytes that were acknowledged since."""

    def _note_loss(self) -> None:
        """Sections 4.6 and 4.7, fast convergence: who lost before the window was where it had been leaves room to others."""
        window = self.window
        self._W_max = window * (1 + BETA_CUBIC) / 2 if window < self._W_max else float(window)
        self._cwnd_prior = window
        self._epoch_start = None
        self._now = -1

    def _pause(self, now: int) -> None:
        """Section 5.8: while the application is the limit, no time passes for the function."""
        if self._epoch_start is not None:
            self._epoch_start += now - self._heard_at
            self._heard_at = now

    def _avoid_congestion(self, acknowledged: int, now: int) -> None:
        if self._epoch_start is None:
            self._begin_stage(now)
        if now != self._now:
            self._now, self._acknowledged = now, 0
            self._base = (self.window, self._W_est)
        assert self._epoch_start is not None
        self._heard_at = now
        self._acknowledged += acknowledged
        cwnd = self._base[0]
        self._W_est = self._reno(*self._base)
        t = (now - self._epoch_start) / SECOND
        if self._cubic(t) < self._W_est:
            self.window = max(cwnd, int(self._W_est))  # section 4.3, the Reno-friendly region
        else:
            # sections 4.2, 4.4 and 4.5: towards where the function is a round trip later, by half a window at most
            target = min(max(self._cubic(t + (self._srtt or 0) / SECOND), cwnd), 1.5 * cwnd)
            self.window = cwnd + int((target - cwnd) * min(self._acknowledged / cwnd, 1.0))

    def _begin_stage(self, now: int) -> None:
        """Section 4.2. After slow start without a loss the function begins at its plateau (section 4.10)."""
        self._epoch_start = now
        self._W_est = float(self.window)
        self._W_max = max(self._W_max, float(self.window))
        self._K = cbrt((self._W_max - self.window) / (C * self.datagram_size))

    def _cubic(self, t: float) -> float:
        """Figure 1."""
        return C * self.datagram_size * (t - self._K) ** 3 + self._W_max

    def _reno(self, cwnd: int, est: float) -> float:
        """Figure 4: α segments a window until W_est is where the window was before the loss, then one."""
        slope = self.datagram_size / cwnd
        slowly = min(self._acknowledged, max(self._cwnd_prior - est, 0.0) / (ALPHA_CUBIC * slope))
        return est + slope * (ALPHA_CUBIC * slowly + self._acknowledged - slowly)
