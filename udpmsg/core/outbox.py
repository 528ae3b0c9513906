"""Every accepted message until it has ended, and which of them may leave next. Owns the sequence numbers and that choice.

Knows neither bytes nor time: when something is due, lost or confirmed is for `udpmsg.core.sender` to say.
"""

from collections import deque
from collections.abc import Iterator

from udpmsg.core.fragments import REASSEMBLIES


class Outgoing:
    """A message that was accepted and has not ended: which of its fragments were sent, how often, and which arrived."""

    __slots__ = (
        "arrived",
        "deadline",
        "failures",
        "next_fragment",
        "payload",
        "refusal",
        "reply_to",
        "rtt",
        "sequence",
        "transmissions",
        "waiting",
    )

    def __init__(self, sequence: int, payload: bytes, fragments: int, reply_to: int, deadline: int) -> None:
        self.sequence = sequence
        self.payload = payload
        self.reply_to = reply_to
        self.deadline = deadline
        self.transmissions = bytearray(fragments)
        """How often each fragment was sent."""
        self.arrived = bytearray(fragments)
        """1 for each fragment that the receiver's host has."""
        self.waiting = fragments
        """How many fragments have not arrived."""
        self.next_fragment = 0
        """The first fragment that was never sent."""
        self.failures = 0
        """How many transmissions the system refused to send."""
        self.refusal: str | None = None
        """Why it refused the last of them."""
        self.rtt: int | None = None
        """The round trip measured on one of its transmissions, if one was."""

    @property
    def started(self) -> bool:
        """Whether anything of it was ever handed to the transport."""
        return self.next_fragment > 0


class Outbox:
    """The unresolved messages of one sender. `window`: at most so many of them under way; None: no such limit."""

    def __init__(self, window: int | None) -> None:
        self._window = window
        self._unresolved: dict[int, Outgoing] = {}
        self._queue: deque[Outgoing] = deque()
        self._again: dict[tuple[int, int], Outgoing] = {}
        """Fragments to retransmit, in order, each once: by sequence number and index."""
        self._started = 0
        self._fragmented_in_flight = 0
        self.sequence = 0
        """The last sequence number given."""
        self.last_started = 0
        """The last sequence number of which anything was sent."""
        self.lowest = 1
        """Every message below has ended: the next number, when all have."""
        self.waiting_bytes = 0
        """Payload of the messages that have not ended."""
        self.in_flight = 0
        """Messages that were sent and of which the receiver's host has not everything yet: what its credit is for."""

    def __len__(self) -> int:
        """Messages that have not ended."""
        return len(self._unresolved)

    def __contains__(self, message: Outgoing) -> bool:
        return message.sequence in self._unresolved

    def __iter__(self) -> Iterator[Outgoing]:
        """The messages that have not ended, oldest first; ending them meanwhile is allowed."""
        return iter(list(self._unresolved.values()))

    @property
    def unsent(self) -> int:
        """Messages of which nothing was sent yet."""
        return len(self._unresolved) - self._started

    def find(self, sequence: int) -> Outgoing | None:
        """The message with this number, unless it has ended."""
        return self._unresolved.get(sequence)

    def between(self, first: int, last: int) -> list[Outgoing]:
        """The messages with these numbers that have not ended; costs as little as the numbers or the messages are few."""
        if last - first < len(self._unresolved):
            return [self._unresolved[sequence] for sequence in range(first, last + 1) if sequence in self._unresolved]
        return [message for sequence, message in self._unresolved.items() if first <= sequence <= last]

    def oldest(self) -> Outgoing | None:
        """The unresolved message with the lowest number; its deadline is the first."""
        return self._unresolved.get(self.lowest)

    def accept(self, message: Outgoing) -> None:
        """A new message, with the next sequence number."""
        self._unresolved[message.sequence] = message
        self.waiting_bytes += len(message.payload)
        self._queue.append(message)

    def next_fragment(self, credit: int) -> tuple[Outgoing, int] | None:
        """What to send next, retransmissions first; it stays next until `sent`. None when nothing may begin."""
        while self._again:
            (sequence, fragment), message = next(iter(self._again.items()))
            if message in self and not message.arrived[fragment]:
                return message, fragment
            del self._again[sequence, fragment]  # it arrived or ended while it waited
        while self._queue and self._queue[0] not in self:
            self._queue.popleft()
        if not self._queue or not (self._queue[0].started or self._may_begin(self._queue[0], credit)):
            return None
        return self._queue[0], self._queue[0].next_fragment

    def sent(self, message: Outgoing, fragment: int) -> None:
        """What `next_fragment` told has left."""
        if message.transmissions[fragment]:
            del self._again[message.sequence, fragment]
        else:
            if not message.started:
                self.last_started = message.sequence
                self._started += 1
                self._count_in_flight(message, 1)
            message.next_fragment = fragment + 1
            if message.next_fragment == len(message.transmissions):
                self._queue.popleft()
        message.transmissions[fragment] += 1

    def send_again(self, message: Outgoing, fragment: int) -> None:
        """This fragment is to be retransmitted; it may wait for that already."""
        self._again[message.sequence, fragment] = message

    def arrive(self, message: Outgoing, fragment: int) -> None:
        """The receiver's host has this fragment."""
        if message.arrived[fragment]:
            return
        message.arrived[fragment] = 1
        message.waiting -= 1
        if not message.waiting and message in self:
            self._count_in_flight(message, -1)

    def forget_arrivals(self, message: Outgoing) -> list[int]:
        """The receiver lost what it had of this message; return those fragments."""
        if not message.waiting:
            self._count_in_flight(message, 1)
        gone = [index for index, arrived in enumerate(message.arrived) if arrived]
        message.arrived = bytearray(len(message.arrived))
        message.waiting = len(message.arrived)
        return gone

    def remove(self, message: Outgoing) -> None:
        """The message has ended."""
        del self._unresolved[message.sequence]
        self.waiting_bytes -= len(message.payload)
        if message.started:
            self._started -= 1
            if message.waiting:
                self._count_in_flight(message, -1)
        while self.lowest <= self.sequence and self.lowest not in self._unresolved:
            self.lowest += 1
        if not self._unresolved:
            self._again.clear()

    def _may_begin(self, message: Outgoing, credit: int) -> bool:
        """Whether the receiver's credit, the window, and the receiver's reassemblies leave room for one message more."""
        if self.in_flight >= credit or (self._window is not None and self._started >= self._window):
            return False
        return len(message.transmissions) == 1 or self._fragmented_in_flight < REASSEMBLIES

    def _count_in_flight(self, message: Outgoing, change: int) -> None:
        self.in_flight += change
        if len(message.transmissions) > 1:
            self._fragmented_in_flight += change
