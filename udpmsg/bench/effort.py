"""What a trial takes at the sender: time, and how much of a core. Waits until a point in time, which is no work.

Owns the clock of a trial. Knows no message.
"""

from time import sleep

from udpmsg.base import clock
from udpmsg.base.durations import SECOND
from udpmsg.bench.receiver import OwnReceiver

ASLEEP = 150_000
"""Nanoseconds: a sleep is as exact as this. What is shorter is waited for awake."""


class Effort:
    """The time that a trial takes at the sender, and how much of a core. Waiting awake is no work."""

    def __init__(self, receiver: OwnReceiver | None) -> None:
        """Begin."""
        self._receiver = receiver
        self._receiver_before = None if receiver is None else receiver.look().cpu
        self._awake = 0
        self._cpu = clock.cpu()
        self.begun = clock.now()
        self.took = 0
        """Nanoseconds, at the end."""
        self.sender_cpu: float | None = None

    def wait(self, until: int) -> None:
        """Wait for a point in time: asleep as long as a sleep is exact enough, then awake."""
        now = clock.now()
        if until - now > 2 * ASLEEP:
            sleep((until - now - ASLEEP) / SECOND)
            now = clock.now()
        if now < until:
            begun = clock.cpu()
            while now < until:
                now = clock.now()
            self._awake += clock.cpu() - begun

    def end(self, *, at_least: int = 0) -> None:
        """The last message has left, or ended. `at_least`: what the schedule allows for them, the last interval included."""
        took = clock.now() - self.begun
        self.sender_cpu = share(clock.cpu() - self._cpu - self._awake, took)
        self.took = max(took, at_least)

    def receiver_cpu(self, seconds: float) -> float | None:
        """Of one core, where the receiver is ours and was busy for so long."""
        if self._receiver is None or self._receiver_before is None:
            return None
        return share(self._receiver.look().cpu - self._receiver_before, int(seconds * SECOND))


def share(part: int, whole: int) -> float | None:
    """What part of the whole; None of nothing."""
    return max(part, 0) / whole if whole > 0 else None
