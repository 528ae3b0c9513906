"""What is unacknowledged, and when it is due again. Owns the datagrams in flight and the two timers over them.

Knows no credit, no window, no payloads and no bytes of the wire format. Every transmission has a datagram number of its own, so
an acknowledgment names exactly one.

What leaves together is kept together, as one `Flight`, and an acknowledgment cuts off what it names, so the cost is that of the
flights and not of the datagrams. What is lost goes its own way from then on: a flight of one. In flight and late are both in
the order of datagram numbers, which is that of time: what is lost is always the beginning of what is in flight.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

from udpmsg.base.durations import MILLISECOND
from udpmsg.core.reordering import Reordering
from udpmsg.core.rtt import MAX_ACK_DELAY, NEVER, RttEstimator

TIME_THRESHOLD_NUMERATOR, TIME_THRESHOLD_DENOMINATOR = 9, 8
"""kTimeThreshold, RFC 9002 section 6.1.2: lost when a later one is acknowledged and 9/8 round trips have passed."""
GRANULARITY = MILLISECOND
"""kGranularity, RFC 9002 section 6.1.2."""
PROBES = 4
"""How often a receiver that says nothing is asked what it has, each time after twice as long. Before a round trip is known, the
first timeout is a second: it may have acknowledged all that left first in a single datagram, which was lost. Afterwards the last
acknowledgments may be lost, and the first question or its answer as well."""
LATE_LIMIT = 4096
"""How many transmissions that were deemed lost are remembered, in case their acknowledgment still comes."""


class Note(NamedTuple):
    """What was known of the delivery when datagrams left (draft-ietf-ccwg-bbr, "per-packet state"): P.delivered and so on."""

    delivered: int
    """Bytes that were delivered by then."""
    delivered_at: int
    """When the last of them was."""
    first_sent_at: int
    """When the newest of them had left: the interval of sending begins there."""
    lost: int
    """Bytes that were lost by then."""
    application_limited: bool
    in_flight: int
    """Bytes in flight with all of these."""


class Flight:
    """Datagrams with numbers in a row that left together, for messages in a row; `sizes` in bytes, `sent_at` in nanoseconds.

    Each of the messages is cut into as many `fragments`, one after the other. What is sent again is a flight of one."""

    __slots__ = (
        "deemed_lost",
        "episode",
        "first",
        "fragment",
        "fragments",
        "last",
        "note",
        "ordinal",
        "overtaken",
        "sent_at",
        "sequence",
        "sizes",
    )

    def __init__(
        self,
        first: int,
        sequence: int,
        sizes: Sequence[int],
        sent_at: int,
        fragment: int = 0,
        fragments: int = 1,
        ordinal: int = 1,
    ) -> None:
        self.first = first
        self.last = first + len(sizes) - 1
        """The first and the last datagram number."""
        self.sequence = sequence
        """The sequence number in the first datagram."""
        self.sizes = sizes
        self.sent_at = sent_at
        self.fragment = fragment
        """Which fragment the first datagram carries, by its name: the index, and above 16 bits how often the message had been cut
        up anew. Only of a single message that is not 0."""
        self.fragments = fragments
        self.ordinal = ordinal
        """Which transmission of its fragment each is, from 1."""
        self.deemed_lost = False
        self.overtaken = False
        """It was because later ones had arrived, and not because a timer expired."""
        self.episode = 0
        """The congestion event in which it was."""
        self.note: Note | None = None
        """What the congestion control noted when these left."""

    def carried_by(self, number: int) -> tuple[int, int]:
        """Of the datagram with this number, the sequence number and the name of the fragment that it carries."""
        if self.fragments == 1:
            return self.sequence + number - self.first, self.fragment
        index = self.fragment & 0xFFFF
        messages, fragment = divmod(index + number - self.first, self.fragments)
        return self.sequence + messages, self.fragment - index + fragment

    def last_below(self, sequence: int) -> int:
        """The number of the last datagram that carries something of a message below this one."""
        return min(self.first + (sequence - self.sequence) * self.fragments - (self.fragment & 0xFFFF) - 1, self.last)

    def part(self, first: int, last: int) -> "Flight":
        """The datagrams with these numbers, as far as they are of this flight."""
        begin, end = max(first - self.first, 0), last + 1 - self.first
        sequence, fragment = self.carried_by(self.first + begin)
        sizes = self.sizes[begin:end]
        part = Flight(self.first + begin, sequence, sizes, self.sent_at, fragment, self.fragments, self.ordinal)
        if self.note is not None:
            part.note = self.note._replace(in_flight=self.note.in_flight - sum(self.sizes[end:]))
        return part


class InFlight:
    """The transmissions whose fate is not known. `seed` and `jitter` (0.5: up to half more) spread many senders' timeouts.

    `lossless`: a stream carries them, so none is ever deemed lost, and no timer runs."""

    __slots__ = (
        "_draws",
        "_flights",
        "_jitter",
        "_late",
        "_lossless",
        "_probes",
        "_recovery_start",
        "_reordering",
        "_rtt",
        "_seed",
        "_stretch",
        "_told",
        "largest_acknowledged",
        "loss_at",
        "probe_at",
        "rto_at",
    )

    def __init__(self, rtt: RttEstimator, *, seed: int, jitter: float, lossless: bool = False) -> None:
        self._rtt = rtt
        self._seed = seed
        self._jitter = jitter
        self._lossless = lossless
        self._draws = 0
        self._stretch = self._draw()
        """The retransmission timer's part of the jitter, drawn anew after each expiry."""
        self._flights: list[Flight] = []
        self._late: list[Flight] = []
        """Deemed lost, each a flight of one."""
        self._told: set[tuple[int, int]] = set()
        """The ranges of the last acknowledgment: most of the next one are the same."""
        self._reordering = Reordering()
        self._recovery_start = -1
        """When the last loss was found that was none of the round trip before."""
        self.largest_acknowledged = 0
        self.rto_at = NEVER
        """When the retransmission timer expires."""
        self.loss_at = NEVER
        """When the oldest transmission that a later one has overtaken is deemed lost."""
        self.probe_at = NEVER
        """When the receiver is asked what it has, since nothing came back for so long: before the timeout has to guess."""
        self._probes = 0
        """How often it was asked since something arrived. A receiver that answers and takes nothing has no room: each answer
        would cost a transmission, so that is left to the timeout, which doubles."""

    def __bool__(self) -> bool:
        return bool(self._flights)

    def add(self, flight: Flight) -> None:
        """Datagrams leave. RFC 6298 (5.1): start the timer if it is not running."""
        alone = not self._flights
        self._flights.append(flight)
        self._await(flight.sent_at, anew=alone)

    def acknowledge(self, ranges: Sequence[tuple[int, int]], below: int, now: int) -> list[Flight]:
        """Take out what these ranges of datagram numbers name, and return it; also what was deemed lost by mistake, and what
        carries messages `below`, which are delivered: an acknowledgment has few ranges, and the one that named it may be lost.

        Call `restart` after the round trips of these were sampled."""
        arrived: list[Flight] = []
        flights = self._flights
        for named in ranges:
            if named not in self._told:
                arrived += take(flights, *named)
                if self._late:
                    arrived += take(self._late, *named)
        self._told = set(ranges)
        if ranges and (largest := ranges[-1][1]) > self.largest_acknowledged:
            if self._probes and not arrived:
                self._probes, self.probe_at = PROBES, NEVER  # it was asked, and answers; to ask again would tell nothing new
            self.largest_acknowledged = largest
        while flights and flights[0].ordinal == 1 and flights[0].sequence < below:
            # what is in flight for the first time was sent once: it must be that which was delivered
            arrived += take(flights, flights[0].first, flights[0].last_below(below))
        for flight in arrived:
            if flight.overtaken:
                self._reordering.was_late(now - flight.sent_at, self._rtt.minimum or 0, self._rtt.srtt or 0)
        return arrived

    def restart(self, now: int) -> None:
        """Something was acknowledged. RFC 6298 (5.2), (5.3): stop the timer when nothing is left, else begin anew."""
        self._probes = 0
        if self._flights:
            self._await(now, anew=True)
        else:
            self.rto_at = self.probe_at = NEVER

    def probed(self, now: int) -> None:
        """The receiver is asked now."""
        self._probes += 1
        self.probe_at = NEVER
        self._await(now, anew=False)

    def detect_lost(self, now: int) -> list[Flight]:
        """RFC 9002 section 6.1: what is lost by now, taken out; sets `loss_at` for what may be lost later."""
        self.loss_at = NEVER
        flights, largest = self._flights, self.largest_acknowledged
        if self._lossless or not flights or flights[0].first > largest or self._rtt.latest is None or self._rtt.srtt is None:
            return []
        delay = self._patience + self._reordering.window
        threshold = self._reordering.packet_threshold
        lost = [] if threshold is None else take(flights, 1, largest - threshold)
        while flights and flights[0].first <= largest and flights[0].sent_at + delay <= now:
            lost += take(flights, 1, min(flights[0].last, largest))
        if flights and flights[0].first <= largest:
            self.loss_at = flights[0].sent_at + delay
        if lost and lost[-1].sent_at > self._recovery_start:
            self._recovery_start = now
            self._reordering.recovery()
        singles = self._deem_lost(lost)
        for single in singles:
            single.overtaken = True
        return singles

    @property
    def _patience(self) -> int:
        """How long after it was sent an overtaken datagram is deemed lost, if nothing is reordered (RFC 9002 section 6.1.2)."""
        round_trip = max(self._rtt.latest or 0, self._rtt.srtt or 0)
        return max(round_trip * TIME_THRESHOLD_NUMERATOR // TIME_THRESHOLD_DENOMINATOR, GRANULARITY)

    def time_out(self) -> list[Flight]:
        """The retransmission timer expired: everything in flight is deemed lost, and the timeout doubles (RFC 6298 (5.5))."""
        self._rtt.back_off()
        self._stretch = self._draw()
        return self.sent_in_vain()

    def sent_in_vain(self) -> list[Flight]:
        """All in flight is deemed lost, though no time has passed: it is known to have gone where nobody is."""
        self.loss_at = self.probe_at = NEVER
        lost, self._flights = self._flights, []
        return self._deem_lost(lost)

    def too_large(self, size: int) -> list[Flight]:
        """The path takes no more than `size` bytes any more: take out what has more, as lost."""
        gone = [flight for flight in self._flights if max(flight.sizes) > size]
        self._flights = [flight for flight in self._flights if max(flight.sizes) <= size]
        return self._deem_lost(gone)

    def recall(self) -> list[Flight]:
        """The receiver kept nothing of what is in flight: take out what was sent for the first time, as what is lost is. No timer
        has expired, so the timeout stays."""
        gone = [flight for flight in self._flights if flight.ordinal == 1]
        self._flights = [flight for flight in self._flights if flight.ordinal > 1]
        return self._deem_lost(gone)

    def clear(self) -> None:
        """No message is unresolved: nothing is waited for any more."""
        self._flights.clear()
        self._late.clear()
        self._probes = 0
        self.rto_at = self.loss_at = self.probe_at = NEVER

    def spread(self, timeout: int) -> int:
        """The timeout times 1 to 1 + jitter, so that many senders that lost together do not come back together."""
        return timeout + int(timeout * self._draw())

    def _await(self, now: int, *, anew: bool) -> None:
        """Start the retransmission timer, if it is to begin `anew`; and have the receiver asked after a probe timeout (RFC 9002
        section 6.2.1) without a word from it, and again: the question or its answer may be lost too. It may hold back the
        acknowledgment of one datagram, not of two (RFC 8985 section 7.2 makes the same difference). Before a round trip is known,
        a few datagrams are as soon sent again as asked about."""
        if self._lossless:
            return
        rtt, flights = self._rtt, self._flights
        if anew:
            self.rto_at = now + rtt.rto + int(rtt.rto * self._stretch)
        if self._probes == PROBES:
            return
        if rtt.srtt is None:
            if sum(len(flight.sizes) for flight in flights) > PROBES:
                self.probe_at = now + (rtt.rto >> PROBES + 1 - self._probes)
        else:
            timeout = rtt.srtt + max(4 * rtt.rttvar, GRANULARITY)
            if flights[0].first == flights[-1].last:
                timeout += MAX_ACK_DELAY
            self.probe_at = now + (timeout << self._probes - 1 if self._probes else timeout)

    def _draw(self) -> float:
        self._draws += 1
        return self._jitter * fraction(self._seed + self._draws)

    def _deem_lost(self, lost: list[Flight]) -> list[Flight]:
        singles = [flight.part(number, number) for flight in lost for number in range(flight.first, flight.last + 1)]
        for single in singles:
            single.deemed_lost = True
        self._late += singles
        del self._late[:-LATE_LIMIT]
        if not self._flights:
            self.rto_at = self.probe_at = NEVER
        return singles


def take(flights: list[Flight], first: int, last: int) -> list[Flight]:
    """Take the datagrams with these numbers out of flights in order, and return them as flights."""
    if not flights or last < flights[0].first:
        return []  # as most of an acknowledgment's ranges are
    if first <= flights[0].first and flights[-1].last <= last:
        taken = flights[:]
        flights.clear()
        return taken
    begin = bisect_left(flights, first, key=LAST)
    end = bisect_right(flights, last, begin, key=FIRST)
    taken = flights[begin:end]
    if not taken:
        return []
    oldest, newest = taken[0], taken[-1]
    left = [oldest.part(oldest.first, first - 1)] if oldest.first < first else []
    right = [newest.part(last + 1, newest.last)] if newest.last > last else []
    flights[begin:end] = left + right
    if left:
        taken[0] = oldest.part(first, last)
    if right:
        taken[-1] = taken[-1].part(first, last)
    return taken


FIRST, LAST = attrgetter("first"), attrgetter("last")


def fraction(number: int) -> float:
    """A number from 0 up to 1 that looks random and is the same for the same input (the finaliser of splitmix64)."""
    mask = 2**64 - 1
    mixed = (number * 0x9E3779B97F4A7C15) & mask
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & mask
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & mask
    return (mixed ^ (mixed >> 31)) / 2**64
