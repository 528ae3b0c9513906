"""How long a sender has met with nothing but refusals: ICMP says that nobody listens there. Owns that time; ends nothing itself.

A refusal is a hint that anybody can forge, and says nothing of the next datagram: a listener may just be starting. So it ends
nothing by itself, nothing where the application did not ask for it, and nothing once the receiver has answered.
"""

from udpmsg.core.rtt import NEVER


class Refusals:
    """The time since the first refusal of a row. `patience`: nanoseconds after which a row is long enough; None: never."""

    __slots__ = ("_patience", "_until", "knock_at")

    def __init__(self, patience: int | None) -> None:
        self._patience = patience
        self._until = NEVER
        self.knock_at = NEVER
        """When it is tried once more before it is enough: the timeout has doubled by then, and somebody may listen by now."""

    def note(self, now: int) -> bool:
        """One more; whether it is enough."""
        if self._patience is None:
            return False
        if self._until == NEVER:
            self._until = self.knock_at = now + self._patience
        return now >= self._until

    def knocked(self) -> None:
        """It is tried once more now."""
        self.knock_at = NEVER

    def clear(self) -> None:
        """Somebody answered, or nothing is waited for: the row is over."""
        self._until = self.knock_at = NEVER
