"""How much a path reorders, learned from what was deemed lost and was not: RFC 9002 section 6.1.1, RFC 8985 section 6.2.

Owns what is waited for beside a round trip. Knows no datagrams and no timer. Times in nanoseconds.

Only a datagram that arrived although later ones had overtaken it teaches anything. A copy that the network made has the number of
one that is known, and a timeout that came too early says nothing about order.
"""

PACKET_THRESHOLD = 3
"""kPacketThreshold, RFC 9002 section 6.1.1: lost when so many later datagrams are acknowledged."""
RECOVERIES = 16
"""RACK.reo_wnd_persist, RFC 8985 section 6.2: after so many losses that were losses, what was learned is forgotten."""


class Reordering:
    """What one path has shown so far."""

    __slots__ = ("_left", "window")

    def __init__(self) -> None:
        self.window = 0
        """RACK.reo_wnd: how much longer than a round trip an overtaken datagram is waited for."""
        self._left = 0

    @property
    def packet_threshold(self) -> int | None:
        """How many later datagrams make one lost; None: the path reorders, so their number says nothing (RFC 8985 section 6.2,
        step 4): it grows with the rate, and the time does not."""
        return None if self._left else PACKET_THRESHOLD

    def was_late(self, took: int, shortest: int, srtt: int) -> None:
        """A datagram was deemed lost, and its acknowledgment took so long; the shortest took `shortest`. The window has room for
        that from now on, and is never longer than a round trip."""
        self.window = min(max(self.window, took - shortest), srtt)
        self._left = RECOVERIES

    def recovery(self) -> None:
        """Something was lost, once in a round trip: forget after enough of them."""
        self._left = max(self._left - 1, 0)
        if not self._left:
            self.window = 0
