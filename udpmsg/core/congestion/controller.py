"""What every congestion controller is told and asked: one small interface, with the accounts that all of them keep alike.

Owns the bytes in flight and the pacer. Knows no datagrams but as flights, and no timer. Sizes in bytes, times in nanoseconds.

The sender tells what left, arrived, was lost, or was wrongly deemed lost, and each round trip; then, once for each
acknowledgment, that this was all (`settle`). It asks how many datagrams may leave now (`admit`): a controller answers by its
`window` and its `pace`.

Everything adds up: to ask or to tell of many datagrams at once comes to the same, to the byte and the nanosecond, as one after
the other at that same time.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import groupby

from udpmsg.base.durations import MILLISECOND, SECOND
from udpmsg.core.congestion.pacer import Pacer
from udpmsg.core.retransmission import Flight

INITIAL_DATAGRAMS = 10
"""RFC 9002 section 7.2: so many are the initial window."""
INITIAL_BURST, INITIAL_INTERVAL = 15, MILLISECOND // 4
"""Until a round trip is known so many leave at once besides the one that is due, and then one every quarter of a millisecond. The
initial window is ten full datagrams; of short ones it has a hundred, which would overflow a queue of fifty."""


def initial_window(datagram_size: int) -> int:
    """RFC 9002 section 7.2: ten datagrams, at most the larger of 14,720 bytes and two datagrams."""
    return min(INITIAL_DATAGRAMS * datagram_size, max(14720, 2 * datagram_size))


class Controller(ABC):
    """The congestion control of one sender. `seed`: what it draws by chance is drawn from that."""

    __slots__ = ("_pacer", "bytes_in_flight", "datagram_size", "episode", "ssthresh", "window", "window_was_full")

    def __init__(self, datagram_size: int, seed: int = 0) -> None:
        self.datagram_size = datagram_size
        self.window = initial_window(datagram_size)
        """At most so many bytes in flight."""
        self.bytes_in_flight = 0
        self.ssthresh: int | None = None
        """Where slow start ends; None: not known, or there is none."""
        self.episode = 0
        """Congestion events so far. What was lost in the last of them may prove not to have been."""
        self.window_was_full = False
        """Whether the window, and not the pace, kept something back since this was last set False."""
        self._pacer = Pacer()

    # Asked ---------------------------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def pace(self) -> int | None:
        """Bytes a second that may leave (RFC 9002, section 7.7); None: no round trip is known yet."""

    @property
    def minimum_window(self) -> int:
        """RFC 9002 section 7.2: two datagrams."""
        return 2 * self.datagram_size

    def admit(self, sizes: Sequence[int], now: int) -> int:
        """How many of these datagrams may leave now, in this order. They leave: the window and the pace are charged for them."""
        admitted, pace = 0, self.pace
        for size, count in ((size, len(list(group))) for size, group in groupby(sizes)) if len(sizes) > 1 else ((sizes[0], 1),):
            room = min(count, max(self.window - self.bytes_in_flight, 0) // size)
            if pace is None:
                allowed = self._pacer.admit(room, INITIAL_INTERVAL, now, INITIAL_BURST)
            else:
                allowed = self._pacer.admit(room, size * SECOND // pace or 1, now)
            if allowed == room < count:
                self.window_was_full = True
            self.bytes_in_flight += allowed * size
            admitted += allowed
            if allowed < count:
                break
        return admitted

    def paced_until(self, now: int) -> int | None:
        """When the pace allows the next datagram; None: now."""
        return self._pacer.until(now)

    # Told ----------------------------------------------------------------------------------------------------------------

    def set_datagram_size(self, size: int) -> None:
        """Datagrams have so many bytes at most from now on. RFC 9002 section 7.2: the initial window follows, and the minimum."""
        unchanged = self.window == initial_window(self.datagram_size)
        self.datagram_size = size
        self.window = initial_window(size) if unchanged else max(self.window, self.minimum_window)

    def on_sent(self, flight: Flight, now: int) -> None:  # noqa: B027 - not every controller needs it
        """This leaves; it was admitted before."""

    def on_round_trip(  # noqa: B027 - not every controller needs it
        self, round_trip: int, srtt: int, now: int, held: int = 0
    ) -> None:
        """A round trip was measured, and smoothed. `held`: for how long the receiver says it had what this acknowledges."""

    @abstractmethod
    def on_acknowledged(self, flight: Flight, now: int, window_was_limit: bool) -> None:
        """This arrived. The window grows only if it, or the pace, was what held the sender back (RFC 9002 section 7.8)."""

    def on_lost(self, flight: Flight, now: int) -> None:
        """One datagram is deemed lost; `on_congestion` said before what follows from it."""
        self.bytes_in_flight -= flight.sizes[0]

    def on_late(self, flight: Flight, now: int) -> None:  # noqa: B027 - not every controller needs it
        """One datagram that was deemed lost in `flight.episode` has arrived after all."""

    @abstractmethod
    def on_congestion(self, sent_at: int, now: int) -> None:
        """A datagram that left at `sent_at` is deemed lost, or at `now` the retransmission timer expired."""

    @abstractmethod
    def on_persistent_congestion(self, now: int) -> None:
        """Nothing came back for long enough that what was known of the path is void: begin from the minimum (RFC 9002, 7.6.2)."""

    def on_application_limited(self) -> None:  # noqa: B027 - not every controller needs it
        """There is nothing to send, or the receiver gives no credit, though window and pace would let something go."""

    def settle(self, now: int) -> None:  # noqa: B027 - not every controller needs it
        """Everything that one acknowledgment says was told."""
