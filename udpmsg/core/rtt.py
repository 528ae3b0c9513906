"""The retransmission timeout, by RFC 6298 and with its names. Owns SRTT, RTTVAR and RTO; knows no messages and no timer.

Times are whole nanoseconds. Every transmission has a datagram number of its own, so every sample is unambiguous and
Karn's rule (RFC 6298, section 3) is kept by construction: a sample never comes from a guess.
"""

from udpmsg.base.durations import MILLISECOND, SECOND

INITIAL_RTO = SECOND
"""RFC 6298 (2.1)."""
MAX_RTO = 60 * SECOND
"""RFC 6298 (2.5) allows a maximum of at least 60 seconds."""
MAX_ACK_DELAY = 25 * MILLISECOND
"""max_ack_delay, RFC 9000 section 18.2: how long a receiver may hold an acknowledgment back."""
K = 4
"""RFC 6298 (2.3)."""
CLOCK_GRANULARITY = MILLISECOND
"""G of RFC 6298: the waits of the operating system are no finer."""
NEVER = 1 << 63
"""When a timer that does not run expires: later than any time, so timers are compared without asking which of them run."""


class RttEstimator:
    """Turns round-trip time samples into a timeout. `min_rto` in nanoseconds."""

    __slots__ = ("_base_rto", "latest", "min_rto", "minimum", "rto", "rttvar", "srtt", "timeouts")

    def __init__(self, min_rto: int) -> None:
        self.min_rto = min_rto
        self.srtt: int | None = None
        self.rttvar = 0
        self.latest: int | None = None
        """The last sample."""
        self.minimum: int | None = None
        """The smallest sample, never corrected by the peer's delay."""
        self.timeouts = 0
        """How often the timer expired since the last sample: the exponent of the back-off."""
        self._base_rto = self.rto = max(INITIAL_RTO, min_rto)
        """`rto` is the timeout now, back-off included."""

    def sample(self, rtt: int, delay: int = 0) -> int:
        """Take a measured round trip, and how much of it the peer says that it held the acknowledgment back; return the rest.

        One above MAX_RTO is no round trip: somebody slept meanwhile, and the pace would be some bytes a second for as long.
        The delay is taken off only where the rest is not below the smallest round trip seen (RFC 9002, section 5.3).
        """
        rtt = min(rtt, MAX_RTO)
        if self.minimum is None or rtt < self.minimum:
            self.minimum = rtt
        R = self.latest = rtt - delay if rtt - delay >= self.minimum else rtt
        if self.srtt is None:
            # RFC 6298 (2.2)
            self.srtt = R
            self.rttvar = R // 2
        else:
            # RFC 6298 (2.3): RTTVAR before SRTT, because it uses the old SRTT
            self.rttvar = (3 * self.rttvar + abs(self.srtt - R)) // 4
            self.srtt = (7 * self.srtt + R) // 8
        # RFC 6298 (2.2), (2.3), then the bounds of (2.4) and (2.5)
        rto = self.srtt + max(CLOCK_GRANULARITY, K * self.rttvar)
        self._base_rto = self.rto = min(max(rto, self.min_rto), MAX_RTO)
        self.timeouts = 0
        return R

    def back_off(self) -> None:
        """The timer expired: the timeout doubles (RFC 6298 (5.5)), to at most 60 s."""
        self.timeouts += 1
        self.rto = min(self._base_rto << min(self.timeouts, 16), MAX_RTO)
