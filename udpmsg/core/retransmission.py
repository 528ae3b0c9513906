"""What is unacknowledged, and when it is due again. Owns the transmissions in flight and the two timers over them.

Knows no credit, no window and no bytes of the wire format. A message has one or more fragments; each fragment has at most one
transmission in flight. Every transmission has a datagram number of its own, so an acknowledgment names exactly one.
"""

from collections.abc import Sequence

from udpmsg.core.outbox import Outgoing
from udpmsg.core.rtt import MILLISECOND, RttEstimator

PACKET_THRESHOLD = 3
"""kPacketThreshold, RFC 9002 section 6.1.1: lost when so many later datagrams are acknowledged."""
TIME_THRESHOLD_NUMERATOR, TIME_THRESHOLD_DENOMINATOR = 9, 8
"""kTimeThreshold, RFC 9002 section 6.1.2: lost when a later one is acknowledged and 9/8 round trips have passed."""
GRANULARITY = MILLISECOND
"""kGranularity, RFC 9002 section 6.1.2."""
LATE_LIMIT = 4096
"""How many transmissions that were deemed lost are remembered, in case their acknowledgment still comes."""


class Transmission:
    """One datagram that left: `size` in bytes, `sent_at` in nanoseconds."""

    __slots__ = ("deemed_lost", "fragment", "message", "number", "ordinal", "sent_at", "size")

    def __init__(self, number: int, message: Outgoing, fragment: int, size: int, sent_at: int) -> None:
        self.number = number
        self.message = message
        self.fragment = fragment
        self.ordinal = message.transmissions[fragment]
        """Which transmission of its fragment this is, from 1."""
        self.size = size
        self.sent_at = sent_at
        self.deemed_lost = False


class InFlight:
    """The transmissions whose fate is not known. `seed` and `jitter` (0.5: up to half more) spread many senders' timeouts."""

    __slots__ = ("_armed", "_jitter", "_late", "_rtt", "_seed", "_transmissions", "largest_acknowledged", "loss_at", "rto_at")

    def __init__(self, rtt: RttEstimator, *, seed: int, jitter: float) -> None:
        self._rtt = rtt
        self._seed = seed
        self._jitter = jitter
        self._armed = 0
        self._transmissions: dict[int, Transmission] = {}
        self._late: dict[int, Transmission] = {}
        self.largest_acknowledged = 0
        self.rto_at: int | None = None
        """When the retransmission timer expires; None while nothing is in flight."""
        self.loss_at: int | None = None
        """When the oldest transmission that a later one has overtaken is deemed lost."""

    def __len__(self) -> int:
        return len(self._transmissions)

    def add(self, transmission: Transmission) -> None:
        """A datagram leaves. RFC 6298 (5.1): start the timer if it is not running."""
        if not self._transmissions:
            self.arm(transmission.sent_at)
        self._transmissions[transmission.number] = transmission

    def arm(self, now: int) -> None:
        """Start the retransmission timer anew."""
        self.rto_at = now + self.spread(self._rtt.rto)

    def spread(self, timeout: int) -> int:
        """The timeout times 1 to 1 + jitter, so that many senders that lost together do not come back together."""
        self._armed += 1
        return timeout + int(timeout * self._jitter * fraction(self._seed + self._armed))

    def acknowledge(self, ranges: Sequence[tuple[int, int]]) -> list[Transmission]:
        """Take out what these ranges of datagram numbers name, and return it; also what was deemed lost by mistake.

        Call `restart` after the round trips of these were sampled."""
        arrived = []
        for store in (self._transmissions, self._late):
            for first, last in ranges:
                oldest = next(iter(store), None)
                if oldest is None or last < oldest:
                    continue  # the ranges reach back to the session's start
                first = max(first, oldest)
                if last - first < len(store):
                    numbers = [number for number in range(first, last + 1) if number in store]
                else:
                    numbers = [number for number in store if first <= number <= last]
                arrived += [store.pop(number) for number in numbers]
                if numbers:
                    self.largest_acknowledged = max(self.largest_acknowledged, numbers[-1])
        return arrived

    def restart(self, now: int) -> None:
        """Something was acknowledged. RFC 6298 (5.2), (5.3): stop the timer when nothing is left, else begin anew."""
        if self._transmissions:
            self.arm(now)
        else:
            self.rto_at = None

    def detect_lost(self, now: int) -> list[Transmission]:
        """RFC 9002 section 6.1: what is lost by now, taken out; sets `loss_at` for what may be lost later."""
        self.loss_at = None
        if self._rtt.latest is None or self._rtt.srtt is None:
            return []
        round_trip = max(self._rtt.latest, self._rtt.srtt)
        delay = max(round_trip * TIME_THRESHOLD_NUMERATOR // TIME_THRESHOLD_DENOMINATOR, GRANULARITY)
        lost = []
        for number, transmission in self._transmissions.items():
            if number > self.largest_acknowledged:
                break
            due = transmission.sent_at + delay
            if number <= self.largest_acknowledged - PACKET_THRESHOLD or due <= now:
                lost.append(transmission)
            elif self.loss_at is None or due < self.loss_at:
                self.loss_at = due
        return self._take_out(lost)

    def time_out(self) -> list[Transmission]:
        """The retransmission timer expired: everything in flight is deemed lost, and the timeout doubles (RFC 6298 (5.5))."""
        self._rtt.back_off()
        self.loss_at = None
        return self._take_out(list(self._transmissions.values()))

    def clear(self) -> None:
        """No message is unresolved: nothing is waited for any more."""
        self._transmissions.clear()
        self._late.clear()
        self.rto_at = self.loss_at = None

    def _take_out(self, lost: list[Transmission]) -> list[Transmission]:
        for transmission in lost:
            transmission.deemed_lost = True
            self._late[transmission.number] = self._transmissions.pop(transmission.number)
        while len(self._late) > LATE_LIMIT:
            del self._late[next(iter(self._late))]
        if not self._transmissions:
            self.rto_at = None
        return lost


def fraction(number: int) -> float:
    """A number from 0 up to 1 that looks random and is the same for the same input (the finaliser of splitmix64)."""
    mask = 2**64 - 1
    mixed = (number * 0x9E3779B97F4A7C15) & mask
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & mask
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & mask
    return (mixed ^ (mixed >> 31)) / 2**64
