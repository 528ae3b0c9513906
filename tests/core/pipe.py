"""A congestion control alone against a known bottleneck: a rate, a delay, a queue, and a chance of loss from a seed.

Each datagram is acknowledged by itself, at once; it is deemed lost when three later ones were acknowledged, or after a second of
silence. At every step what must hold of any control is looked at: no more in flight than the window, unless the window has
shrunk, and no more sent than the pace lets go.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import takewhile
from random import Random

from tests.core.flights import MS, SECOND
from udpmsg.core.congestion.controller import Controller
from udpmsg.core.retransmission import Flight

START = 1000 * SECOND
SIZE = 1000


class Pipe:
    """One sender that always has something to say. `rate` in bytes a second, `delay` there and back, `queue` in datagrams."""

    def __init__(
        self, control: Controller, *, rate: int, delay: int = 40 * MS, queue: int = 100, loss: float = 0.0, seed: int = 1
    ):
        self.control, self.rate, self.delay, self.queue, self.loss = control, rate, delay, queue, loss
        self.now = START
        self.busy_until = START
        self.sent = self.drops = self.delivered = 0
        self.most_waiting = 0
        self.application: Callable[[int], bool] = lambda now: True
        """Whether there is something to send."""
        self.look: Callable[[int], None] = lambda now: None
        """Called after each step."""
        self._random = Random(seed)
        self._flying: dict[int, Flight] = {}
        self._arrivals: list[tuple[int, int]] = []
        self._srtt: int | None = None
        self._ahead = 0.0
        """How many nanoseconds' worth of the pace was sent before its time."""
        self._slowest = 0.0
        self._looked_at = START
        self._heard_at = START

    def run(self, seconds: float) -> None:
        """So much longer."""
        until = self.now + int(seconds * SECOND)
        while self.now < until:
            self._send()
            self.look(self.now)
            due = self.control.paced_until(self.now)
            times = [self._arrivals[0][0]] if self._arrivals else []
            if due is not None and self.control.bytes_in_flight + SIZE <= self.control.window:
                times.append(due)
            if self._flying:
                times.append(self._heard_at + SECOND)
            if not self.application(self.now) or not times:
                times.append(self.now + MS)
            self.now = max(min(*times, until), self.now)
            self._time_passes()
            while self._arrivals and self._arrivals[0][0] <= self.now:
                self._acknowledged(heappop(self._arrivals)[1])
            if self._flying and self.now >= self._heard_at + SECOND:
                self._timeout()

    def waiting(self) -> int:
        """Datagrams before the bottleneck."""
        return max(self.busy_until - self.now, 0) * self.rate // (SIZE * SECOND)

    def _send(self) -> None:
        control = self.control
        while self.application(self.now) and control.admit([SIZE], self.now):
            assert control.bytes_in_flight <= control.window
            self.sent += 1
            flight = Flight(self.sent, self.sent, [SIZE], self.now)
            control.on_sent(flight, self.now)
            if not self._flying:
                self._heard_at = self.now
            self._flying[self.sent] = flight
            if control.pace is not None:
                interval = SIZE * SECOND / control.pace
                self._ahead += interval
                self._slowest = max(self._slowest, interval)
                assert self._ahead <= 11.01 * self._slowest + MS, "faster than the pace"
            self.most_waiting = max(self.most_waiting, self.waiting())
            if self.waiting() > self.queue or self._random.random() < self.loss:
                self.drops += 1
            else:
                self.busy_until = max(self.busy_until, self.now) + SIZE * SECOND // self.rate
                heappush(self._arrivals, (self.busy_until + self.delay, self.sent))
        if not self.application(self.now):
            control.on_application_limited()

    def _time_passes(self) -> None:
        self._ahead -= self.now - self._looked_at
        self._looked_at = self.now
        if self._ahead <= 0:
            self._ahead = self._slowest = 0.0

    def _acknowledged(self, number: int) -> None:
        flight = self._flying.pop(number, None)
        if flight is None:
            return
        self._heard_at = self.now
        round_trip = self.now - flight.sent_at
        self._srtt = round_trip if self._srtt is None else (7 * self._srtt + round_trip) // 8
        self.control.on_round_trip(round_trip, self._srtt, self.now)
        self.control.on_acknowledged(flight, self.now, self.application(self.now))
        self.delivered += 1
        lost = list(takewhile(lambda earlier: earlier <= number - 3, self._flying))
        if lost:
            self.control.on_congestion(self._flying[lost[-1]].sent_at, self.now)
        for earlier in lost:
            gone = self._flying.pop(earlier)
            gone.episode = self.control.episode
            self.control.on_lost(gone, self.now)
        self.control.settle(self.now)

    def _timeout(self) -> None:
        self._heard_at = self.now
        self.control.on_congestion(self.now, self.now)
        for flight in self._flying.values():
            self.control.on_lost(flight, self.now)
        self._flying.clear()
        self._arrivals.clear()
