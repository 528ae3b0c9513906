"""Every accepted message until it has ended, and which of them may leave next. Owns the sequence numbers and that choice.

Knows neither bytes nor time: when something is due, lost or confirmed is for `udpmsg.core.sender` to say.

A message is ordinary as long as it is whole in one datagram, answers nothing, has no title, and was sent at most once. Ordinary
messages are no objects: they are ranges of numbers, so accepting, sending and ending a hundred of them costs little more than
one. A message is set apart as an `Outgoing` when it is cut up, is a reply, has a title, or has to be looked at by itself: lost,
refused, given up.

What holds at all times:
- Messages begin in the order of their numbers, so those of which nothing was sent are the last ones, without a gap:
  `next_unsent` up to `sequence`. Only the first of those before, `last_started`, may have been sent in part.
- `_open` has the numbers of all that have not ended, `_arrived` those of them that the receiver's host has whole.
- `_apart` has an `Outgoing` for every open message that is not ordinary; `unfinished` the numbers of those, in order, of which a
  fragment was never sent.
- `_payloads[number - _base]` is the payload of an open message; what has ended is empty there, and gone in time. `_ends` has as
  many entries.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, islice, repeat

from udpmsg.core.config import MOST_TRANSMISSIONS
from udpmsg.core.events import Outcome, State
from udpmsg.core.fragments import Cutter, fragment_size
from udpmsg.core.ranges import RangeSet
from udpmsg.core.rtt import NEVER

RUN = 320
"""Ordinary messages that leave at one time at most: as many as `send_many` gives at one go, for none of these to be left over."""


class Outgoing:
    """A message that is looked at by itself: which of its fragments were sent, how often, and which arrived."""

    __slots__ = (
        "arrived",
        "cut",
        "failures",
        "next_fragment",
        "payload",
        "refusal",
        "reply_to",
        "sequence",
        "title",
        "transmissions",
        "waiting",
        "way",
    )

    def __init__(
        self, sequence: int, payload: bytes, fragments: int = 1, reply_to: int = 0, title: str = "", way: Cutter | None = None
    ) -> None:
        self.sequence = sequence
        self.payload = payload
        self.reply_to = reply_to
        self.title = title
        self.way = way
        """How it is cut up; None: it is whole."""
        self.transmissions = bytearray(fragments)
        """How often each fragment was sent."""
        self.arrived = bytearray(fragments)
        """1 for each fragment that the receiver's host has."""
        self.waiting = fragments
        """How many fragments have not arrived."""
        self.next_fragment = 0
        """The first fragment that was never sent."""
        self.cut = 0
        """How often it was cut up anew after something of it had been sent."""
        self.failures = 0
        """How many transmissions the system refused to send."""
        self.refusal: str | None = None
        """Why it refused the last of them."""

    @property
    def started(self) -> bool:
        """Whether anything of it was ever handed to the transport."""
        return self.next_fragment > 0

    def name_of(self, fragment: int) -> int:
        """By what a transmission of this fragment is known: the same index in another cut is something else."""
        return self.cut << 16 | fragment

    def index_of(self, name: int) -> int | None:
        """The fragment that is known so; None: one of an earlier cut."""
        return name & 0xFFFF if name >> 16 == self.cut else None

    def cut_anew(self, fragments: int) -> None:
        """Something of it was sent, and it is cut up into so many fragments now. They were sent as far as those before were, and
        have arrived where all their bytes have."""
        size = len(self.payload)
        former, room = fragment_size(size, len(self.transmissions)), fragment_size(size, fragments)
        reached = min(self.next_fragment * former, size)
        came, often = self.arrived, min(max(self.transmissions), MOST_TRANSMISSIONS - 1)
        self.next_fragment = -(-reached // room)
        never_left = sum(self.transmissions) <= self.failures
        self.transmissions = bytearray([often] * self.next_fragment + [0] * (fragments - self.next_fragment))
        self.arrived = bytearray(
            all(came[index * room // former : -(-min((index + 1) * room, size) // former)]) for index in range(fragments)
        )
        self.failures = sum(self.transmissions) if never_left else self.failures
        self.waiting = self.arrived.count(0)
        self.cut += 1

    def is_cut_like(self, other: "Outgoing", place: int) -> bool:
        """Whether it is so many numbers after the other, and differs in nothing but that and the payload's bytes."""
        return (
            self.sequence == other.sequence + place
            and len(self.payload) == len(other.payload)
            and len(self.transmissions) == len(other.transmissions)
            and not (self.reply_to or self.title or other.reply_to or other.title)
        )


class Outbox:
    """The unresolved messages of one sender. `window`: at most so many of them under way; None: no such limit."""

    def __init__(self, window: int | None) -> None:
        self._window = window
        self._base = 1
        self._payloads: list[bytes] = []
        self._ends: list[int] = []
        """Of each of them, the bytes of all payloads accepted up to its end."""
        self._ended_before = 0
        """The same of the last message before them."""
        self._open = RangeSet()
        self._arrived = RangeSet()
        self._apart: dict[int, Outgoing] = {}
        self.unfinished: deque[int] = deque()
        """Numbers of the messages that are not ordinary and of which a fragment was never sent; also of some that have ended."""
        self.again: dict[tuple[int, int], None] = {}
        """Fragments to retransmit, in order, each once: by sequence number and index."""
        self._deadlines: deque[tuple[int, int]] = deque()
        """The last number accepted at one time, and the deadline of all that were."""
        self._round_trips: dict[int, int] = {}
        """The last round trip that was measured on a message, for those few on which one was."""
        self.unresolved = 0
        """Messages that have not ended."""
        self.sequence = 0
        """The last sequence number given."""
        self.last_started = 0
        """The last sequence number of which anything was sent."""
        self.next_unsent = 1
        """The first number of which nothing was sent: the next one to be given, if there is none."""
        self.lowest = 1
        """Every message below has ended: the next number, when all have."""
        self.deadline = NEVER
        """The first deadline of all: that of the oldest message."""
        self.waiting_bytes = 0
        """Payload of the messages that have not ended."""

    def __contains__(self, message: Outgoing) -> bool:
        return message.sequence in self._apart

    def __iter__(self) -> Iterator[Outgoing]:
        """The messages that have not ended, oldest first; ending them meanwhile is allowed."""
        for first, last in self._open.ranges():
            for sequence in range(first, last + 1):
                yield self._set_apart(sequence)

    @property
    def anything_to_send(self) -> bool:
        """Whether there is something that was not sent, or is to be sent again; credit and window may still hold it back."""
        return self.next_unsent <= self.sequence or bool(self.unfinished or self.again)

    @property
    def unsent(self) -> int:
        """Messages of which nothing was sent yet."""
        return self.sequence + 1 - self.next_unsent

    @property
    def in_flight(self) -> int:
        """Messages that were sent and of which the receiver's host has not everything yet: what its credit is for."""
        return self.unresolved - self.unsent - self._arrived.count()

    @property
    def bytes_in_flight(self) -> int:
        """Their payload."""
        arrived = sum(self._size(first, last) for first, last in self._arrived.ranges())
        return self.waiting_bytes - self._size(self.next_unsent, self.sequence) - arrived

    def oldest(self) -> Outgoing:
        """The open message with the lowest number; there must be one."""
        return self._set_apart(self.lowest)

    # Messages come -------------------------------------------------------------------------------------------------------

    def accept(self, payloads: Sequence[bytes], deadline: int) -> int:
        """New messages, with the next sequence numbers; returns the first. No deadline may be before an earlier message's."""
        first = self.sequence + 1
        if payloads:
            self.sequence += len(payloads)
            self.unresolved += len(payloads)
            before = self._ends[-1] if self._ends else self._ended_before
            self._payloads += payloads
            if len(payloads) == 1:  # nothing of what many need at once
                self._ends.append(before + len(payloads[0]))
            else:
                self._ends += accumulate(map(len, payloads[1:]), initial=before + len(payloads[0]))
            self._open.append(first, self.sequence)
            self._deadlines.append((self.sequence, deadline))
            self.deadline = self._deadlines[0][1]
            self.waiting_bytes += self._ends[-1] - before
        return first

    def skip(self, messages: int) -> int:
        """Numbers for messages that nobody waits for: to the outbox they have been sent and have ended. Nothing may be unsent.
        Returns the first."""
        first = self.next_unsent
        self.last_started = self.sequence = self.sequence + messages
        self.next_unsent = self.sequence + 1
        if self.unresolved:
            self._payloads += [b""] * messages
            self._ends += self._ends[-1:] * messages
        else:
            self.lowest = self._base = self.next_unsent  # of those that have ended nothing is kept
        return first

    def set_apart(self, sequence: int, fragments: int, reply_to: int, title: str, way: Cutter) -> None:
        """A message that was just accepted is not ordinary; `way`: how it is cut up."""
        self._apart[sequence] = Outgoing(sequence, self._payloads[sequence - self._base], fragments, reply_to, title, way)
        self.unfinished.append(sequence)

    def set_apart_next(self, fragments: int, way: Cutter) -> None:
        """The next message of which nothing was sent is ordinary no more: it has become too large for one datagram."""
        sequence = self.next_unsent
        self._apart[sequence] = Outgoing(sequence, self._payloads[sequence - self._base], fragments, way=way)
        self.unfinished.appendleft(sequence)

    def cut_anew(self, message: Outgoing, fragments: int, way: Cutter) -> None:
        """This message, some of which is to be sent, is cut up as `way` has it, into so many fragments."""
        if not message.started:
            message.transmissions, message.arrived = bytearray(fragments), bytearray(fragments)
            message.waiting = fragments
        else:
            for index in range(len(message.transmissions)):
                self.again.pop((message.sequence, index), None)
            unfinished = message.next_fragment < len(message.transmissions)
            message.cut_anew(fragments)
            for index in range(message.next_fragment):
                if not message.arrived[index]:
                    self.send_again(message, index)
            if unfinished and message.next_fragment == fragments:
                self.unfinished.remove(message.sequence)
        message.way = way

    def find(self, sequence: int) -> Outgoing | None:
        """The message with this number, to be looked at by itself, unless it has ended."""
        message = self._apart.get(sequence)
        return self._set_apart(sequence) if message is None and sequence in self._open else message

    # Messages leave ------------------------------------------------------------------------------------------------------

    def next_fragment(self, credit: int, credit_bytes: int | None) -> tuple[Outgoing, int] | None:
        """What to send next, if that is not ordinary, retransmissions first; it stays next until `sent`.

        `credit`: messages that may be in flight; `credit_bytes`: bytes of payload that they may have, None: not known yet."""
        while self.again:
            sequence, fragment = next(iter(self.again))
            message = self._apart.get(sequence)
            if message is not None and not self.has_arrived(message, fragment):
                return message, fragment
            del self.again[sequence, fragment]  # it arrived or ended while it waited
        while self.unfinished and self.unfinished[0] not in self._apart:
            self.unfinished.popleft()
        if not self.unfinished:
            return None
        message = self._apart[self.unfinished[0]]
        if len(message.transmissions) == 1 and message.sequence == self.next_unsent and self._room(credit, credit_bytes, 1):
            return message, 0
        return None

    def next_cut(self, credit: int, credit_bytes: int | None) -> list[Outgoing]:
        """The messages in fragments to send next, or to go on with, if `next_fragment` has nothing: neighbours that are cut
        alike, as many as credit and window leave room for."""
        begin = self.unfinished[0] if self.unfinished else NEVER
        if begin > self.next_unsent:
            return []
        first = self._apart[begin]
        fragments = len(first.transmissions)
        if first.started:
            return [first]
        alike = [first]
        for sequence in islice(self.unfinished, 1, max(RUN // fragments, 1)):
            message = self._apart.get(sequence)
            if message is None or not message.is_cut_like(first, len(alike)):
                break
            alike.append(message)
        return alike[: self._room(credit, credit_bytes, len(alike))]

    def next_run(self, credit: int, credit_bytes: int | None) -> range:
        """The ordinary messages to send next, if `next_fragment` has nothing: as many as credit and window leave room for."""
        begin = self.next_unsent
        end = min(self.unfinished[0] if self.unfinished else self.sequence + 1, begin + RUN)
        return range(begin, begin + self._room(credit, credit_bytes, end - begin) if begin < end else begin)

    def payloads(self, run: range) -> list[bytes]:
        """What these open messages carry."""
        return self._payloads[run.start - self._base : run.stop - self._base]

    def sent_run(self, last: int) -> None:
        """Ordinary messages have left, all up to this number."""
        self.last_started = last
        self.next_unsent = last + 1

    def sent(self, message: Outgoing, fragment: int) -> None:
        """What `next_fragment` told has left."""
        if message.transmissions[fragment]:
            del self.again[message.sequence, fragment]
            message.transmissions[fragment] += 1
        else:
            self.sent_cut([message], 1)

    def sent_cut(self, messages: Sequence[Outgoing], count: int) -> None:
        """Note how many fragments of what `next_cut` told have left, one after the other."""
        fragments = len(messages[0].transmissions)
        left = messages[0].next_fragment + count
        for message in messages[: -(-left // fragments)]:
            begin = message.next_fragment
            message.next_fragment = end = min(left, fragments)
            message.transmissions[begin:end] = bytes((1,)) * (end - begin)
            if not begin:
                self.sent_run(message.sequence)
            if end == fragments:
                self.unfinished.popleft()
            left -= fragments

    def send_again(self, message: Outgoing, fragment: int) -> None:
        """This fragment is to be retransmitted; it may wait for that already."""
        self.again[message.sequence, fragment] = None

    # Messages arrive -----------------------------------------------------------------------------------------------------

    def arrive(self, first: int, last: int, begins: int, ends: int) -> None:
        """The receiver's host has these messages: of the first one from the fragment with the name `begins` on, of the last one
        up to the one with the name `ends`. What has been cut up anew meanwhile does not count."""
        if last < self.lowest:
            return  # mostly it was delivered by the same acknowledgment
        for begin, end in self._open.within(first, last):
            message = self._apart.get(begin)
            if message is None or len(message.arrived) == 1:
                self._arrived.add_run(begin, end)
                continue
            for sequence in range(begin, end + 1):
                message = self._apart[sequence]
                from_fragment = message.index_of(begins if sequence == first else 0)  # of more than one none was cut anew before
                to_fragment = message.index_of(ends) if sequence == last else len(message.arrived) - 1
                if from_fragment is None or to_fragment is None:
                    continue
                if self._completed_by(message, from_fragment, to_fragment):
                    self._arrived.add_run(sequence, sequence)

    def has_arrived(self, message: Outgoing, fragment: int) -> bool:
        """Whether the receiver's host has this fragment."""
        return bool(message.arrived[fragment]) or message.sequence in self._arrived

    def measured(self, sequence: int, round_trip: int) -> None:
        """A round trip was measured on one of this message's transmissions."""
        if sequence in self._open:
            self._round_trips[sequence] = round_trip

    def forget_arrivals(self) -> list[tuple[Outgoing, int]]:
        """The receiver lost what had arrived there and was not delivered; return those fragments."""
        partly = [message.sequence for message in self._apart.values() if any(message.arrived)]
        wholly = [sequence for first, last in self._arrived.ranges() for sequence in range(first, last + 1)]
        gone = []
        for sequence in sorted({*partly, *wholly}):
            message = self._set_apart(sequence)
            gone += [(message, index) for index in range(len(message.transmissions)) if self.has_arrived(message, index)]
            message.arrived = bytearray(len(message.arrived))
            message.waiting = len(message.arrived)
        self._arrived = RangeSet()
        return gone

    # Messages end --------------------------------------------------------------------------------------------------------

    def end(self, first: int, last: int, state: State, reason: str | None) -> list[Outcome]:
        """The messages with these numbers end so, as far as they have not ended before."""
        outcomes: list[Outcome] = []
        for begin, end in self._open.take(first, last):
            outcomes += self._end_run(range(begin, end + 1), state, reason)
        if outcomes:
            self._arrived.take(first, last)
            self.lowest = self._open.lowest or self.sequence + 1
            if self.next_unsent < self.lowest:
                self.next_unsent = self.lowest
            while self._deadlines and self._deadlines[0][0] < self.lowest:
                self._deadlines.popleft()
            self.deadline = self._deadlines[0][1] if self._deadlines else NEVER
            if (ended := self.lowest - self._base) > len(self._payloads) // 2:  # now and then: what follows is moved each time
                self._ended_before = self._ends[ended - 1]
                del self._payloads[:ended], self._ends[:ended]
                self._base = self.lowest
        return outcomes

    def _end_run(self, run: range, state: State, reason: str | None) -> list[Outcome]:
        count = len(run)
        self._payloads[run.start - self._base : run.stop - self._base] = [b""] * count
        self.waiting_bytes -= self._size(run.start, run.stop - 1)
        self.unresolved -= count
        if count == 1 and not self._apart:  # nothing of what many need at once
            return [tuple.__new__(Outcome, (run.start, state, reason, 1, self._round_trips.pop(run.start, None)))]
        transmissions: Iterable[int] = repeat(1)
        if self._apart:
            transmissions = [max(self._apart.pop(sequence).transmissions) if sequence in self._apart else 1 for sequence in run]
        fields = zip(run, repeat(state), repeat(reason), transmissions, repeat(None), strict=False)
        outcomes = list(map(tuple.__new__, repeat(Outcome), fields))  # Outcome's own constructor is a function of Python's
        for sequence in [sequence for sequence in self._round_trips if sequence in run]:  # few were measured
            place = sequence - run.start
            outcomes[place] = tuple.__new__(Outcome, (*outcomes[place][:-1], self._round_trips.pop(sequence)))
        return outcomes

    # Helpers -------------------------------------------------------------------------------------------------------------

    def _set_apart(self, sequence: int) -> Outgoing:
        """The object for an open message, made now if it was ordinary."""
        message = self._apart.get(sequence)
        if message is None:
            message = self._apart[sequence] = Outgoing(sequence, self._payloads[sequence - self._base])
            if sequence < self.next_unsent:
                message.transmissions[0] = message.next_fragment = 1
        return message

    def _completed_by(self, message: Outgoing, first: int, last: int) -> bool:
        """Note that these fragments arrived; whether the message is whole with them."""
        count = last + 1 - first
        message.waiting -= count - message.arrived.count(1, first, last + 1)
        message.arrived[first : last + 1] = bytes((1,)) * count
        return not message.waiting

    def _room(self, credit: int, credit_bytes: int | None, messages: int) -> int:
        """How many of so many messages of which nothing was sent may begin, by the receiver's credit and the window."""
        under_way = self.unresolved - (self.sequence + 1 - self.next_unsent)
        room = min(credit - under_way + self._arrived.count(), messages)
        if self._window is not None:
            room = min(room, self._window - under_way)
        if room > 0 and credit_bytes is not None and self.waiting_bytes > credit_bytes:
            begin = self.next_unsent - self._base
            before = self._ends[begin - 1] if begin else self._ended_before
            room = bisect_right(self._ends, before + credit_bytes - self.bytes_in_flight, begin, begin + room) - begin
        # A receiver that has nothing of ours may be sent one message whatever it said: its word may be old, and when nothing is
        # under way nothing brings a new one.
        return max(room, min(messages, under_way == 0))

    def _size(self, first: int, last: int) -> int:
        """Payload bytes of the messages with these numbers, whatever became of them."""
        if first > last:
            return 0
        before = self._ends[first - self._base - 1] if first > self._base else self._ended_before
        return self._ends[last - self._base] - before
