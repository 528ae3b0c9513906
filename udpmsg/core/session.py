"""What a receiver knows about one sending session. Owns its sequence numbers, its place in the limits and its acknowledgments.

Knows neither the other sessions nor the queue to the application; `udpmsg.core.receiver` asks it and feeds it.
"""

from collections.abc import Hashable, Sequence
from itertools import groupby, islice

from udpmsg.core.arrivals import Arrivals, Novelty
from udpmsg.core.bare import ONE_RANGE
from udpmsg.core.config import Limits
from udpmsg.core.events import Message, Peer
from udpmsg.core.fragments import Reassembly
from udpmsg.core.ranges import RangeSet
from udpmsg.core.remembered import Remembered
from udpmsg.core.rtt import MAX_ACK_DELAY
from udpmsg.core.runs import Messages
from udpmsg.core.wire import MAX_RANGES, Acknowledgment, Report

ACKNOWLEDGE_EVERY = 2
"""Datagrams: RFC 9000 section 13.2.2 recommends the second at the latest."""
YOUNG = 64
"""Datagrams: until so many came, no acknowledgment is saved because several came at once. The first flight would have one, and
where that is lost, its sender waits for a probe timeout."""
RANGES_EACH = 4
"""Ranges of an acknowledgment for each datagram that it is the first to name: then it is hardly longer than a short one of these.
With all 64 it has 1,112 bytes, and one for each short datagram filled the way back, and its queue, before the way there."""
LONGEST_FLIGHT = 120_000_000
"""Microseconds: no datagram lives longer (RFC 9293, section 3.4.1: the maximum segment lifetime). A `sent at` that would make one
so old, or that much younger than the one before, is no time."""


class Session:
    """One sender's session, as its receiver sees it."""

    __slots__ = (
        "_arrived",
        "_delivered",
        "_dropped",
        "_held_at",
        "_largest_at",
        "_last_transit",
        "_told_all_at",
        "acknowledged",
        "all_below",
        "arrivals",
        "asked",
        "challenged_at",
        "duplicates",
        "ended",
        "first_arrival_at",
        "gaps_counted",
        "held",
        "identity",
        "jitter_us",
        "kernel_drops_before",
        "largest",
        "last_arrival_at",
        "last_seen_at",
        "limit_told",
        "messages_sent",
        "next_ordered",
        "origin",
        "over_limit",
        "payload_bytes",
        "peer",
        "placed",
        "proved",
        "queued_messages",
        "reassemblies",
        "reordered",
        "said_goodbye",
        "times_believed",
        "transits",
        "unacknowledged",
        "unfinished_bytes",
        "unfinished_cost",
        "waiting_bytes",
        "waiting_messages",
    )

    def __init__(self, identity: int, peer: Peer, gap_limit: int, *, acknowledged: bool) -> None:
        self.identity = identity
        self.peer = peer
        """The address that it is answered at: the first that it came from, or one that has proved itself since."""
        self.origin: Hashable = None
        """What counts as one address, for the places."""
        self.placed = False
        """It has a place; else it has a tombstone."""
        self.proved = False
        """An address of it has proved itself."""
        self.acknowledged = acknowledged
        """Its messages ask for acknowledgments: all of them, or none."""
        self.last_seen_at = 0
        self.ended = False
        """It said goodbye, or its connection is gone."""
        # what came
        self.arrivals = Arrivals(gap_limit)
        self.reassemblies: dict[int, Reassembly] = {}
        self.held: dict[int, Message] = {}
        """Ordered messages that wait behind a gap, by sequence number."""
        self._held_at: dict[int, int] = {}
        """When each of them came, in the order in which they did."""
        self.gaps_counted = 0
        """How many of its gaps are in the sum of all sessions."""
        self.next_ordered = 1
        self.waiting_messages = 0
        """Messages that the application does not have yet: queued, held, or in reassembly."""
        self.waiting_bytes = 0
        self.unfinished_bytes = 0
        """Of those, what messages in reassembly will have when they are whole."""
        self.unfinished_cost = 0
        """Bytes that are charged for fragments, and for what is held."""
        self.queued_messages = 0
        """Of the waiting messages, those that only the application holds up: they are complete, and in order."""
        # what is acknowledged
        self.all_below = 1
        """Every message below was delivered, or given up by its sender."""
        self._delivered = RangeSet()
        self._arrived = RangeSet()
        self.largest = 0
        self._largest_at = 0
        self.unacknowledged = 0
        """Datagrams that came since the last acknowledgment."""
        self.asked = False
        """Its sender wants to know everything that came."""
        self._told_all_at = -MAX_ACK_DELAY
        """When an acknowledgment last named everything."""
        self.challenged_at: int | None = None
        """When its address was last asked to prove itself instead of being sent an acknowledgment."""
        self._dropped = (0, 0)
        """The first and the last of the messages of which something had arrived, and was acknowledged as that, and was dropped
        again; 0: none were."""
        # what is reported
        self.said_goodbye = False
        self.messages_sent: int | None = None
        """By its goodbye; None: it said none, or something impossible."""
        self.duplicates = 0
        self.reordered = 0
        self.over_limit = 0
        self.payload_bytes = 0
        self.limit_told = False
        self.first_arrival_at: int | None = None
        self.last_arrival_at = 0
        self.kernel_drops_before: int | None = None
        """What the kernel had discarded at the socket before this session began; None: not known."""
        self.jitter_us = 0.0
        self.transits = 0
        """How many messages the jitter was measured on."""
        self.times_believed = True
        """False once it claimed to have sent something at an impossible time: then nobody knows its jitter."""
        self._last_transit: int | None = None

    # What came -----------------------------------------------------------------------------------------------------------

    def note_datagram(self, number: int, now: int, *, at_once: bool = False) -> bool:
        """A datagram that wants an acknowledgment is here for good; True when that is due at once.

        At once: on a gap, out of order, the second since the last acknowledgment, or when the caller says so.
        """
        return self.note_datagrams(number, number, now) or at_once

    def note_datagrams(self, first: int, last: int, now: int) -> bool:
        """The same for all numbers from `first` to `last`, which came in this order."""
        in_order = first == self.largest + 1
        self._arrived.add_run(first, last)
        while len(self._arrived.firsts) > MAX_RANGES:
            self._arrived.pop_first()
        if last > self.largest:
            self.largest = last
            self._largest_at = now
        self.unacknowledged += last - first + 1
        return not in_order or self.unacknowledged >= ACKNOWLEDGE_EVERY

    def expects(self, messages: Messages) -> bool:
        """Whether these are what comes next, or later and in a row: new, in order, and nothing in them is a question."""
        first = messages.sequences[0]
        return (
            messages.in_a_row
            and messages.acknowledged is self.acknowledged
            and first > self.arrivals.highest
            and first >= self.arrivals.lowest
            and messages.numbers[0] > self.largest
            and (not messages.ordered or (first == self.next_ordered and not self.held))
        )

    def is_newest(self, number: int) -> bool:
        """Whether nothing with a higher datagram number came; only that tells where a sender is now."""
        if number <= self.largest:
            return False
        if not self.acknowledged:
            self.largest = number
        return True

    def note_transits(self, sent_at_us: Sequence[int], now: int) -> None:
        """Jitter by RFC 3550 section 6.4.1, from each message's times on two clocks whose difference cancels out.

        What came together was mostly sent together too: then the transits are one, and each difference but the first is 0."""
        if sent_at_us.count(sent_at_us[0]) == len(sent_at_us):
            self.note_transit(sent_at_us[0], now, len(sent_at_us))
            return
        for sent_at, same in groupby(sent_at_us):
            self.note_transit(sent_at, now, len(list(same)))

    def note_transit(self, sent_at_us: int, now: int, messages: int = 1) -> None:
        """The same of one message, or of so many that were sent at one time."""
        self.transits += messages
        transit = now // 1000 - sent_at_us
        if self._last_transit is not None:
            difference = abs(transit - self._last_transit)
            self.times_believed = self.times_believed and difference <= LONGEST_FLIGHT
            self.jitter_us += (difference - self.jitter_us) / 16
        self._last_transit = transit
        if messages > 1:
            self.jitter_us *= (15 / 16) ** (messages - 1)

    def note_arrival(self, now: int) -> None:
        """A message came that had not come before."""
        if self.first_arrival_at is None:
            self.first_arrival_at = now
        self.last_arrival_at = now

    # What waits for the application --------------------------------------------------------------------------------------

    def reserve(self, size: int, messages: int = 1) -> None:
        """Messages of `size` bytes each take their places until they are handed over."""
        self.waiting_messages += messages
        self.waiting_bytes += size * messages

    def release(self, size: int, messages: int = 1) -> None:
        """Places are free again: `size` bytes in all."""
        self.waiting_messages -= messages
        self.waiting_bytes -= size

    def renege(self, known: Remembered, first: int, last: int) -> None:
        """Messages of which something had arrived were dropped, none outside of these numbers: go back to what was remembered
        before."""
        before, after = self._dropped
        self._dropped = min(before or first, first), max(after, last)
        self.held.clear()
        self._held_at.clear()
        self._arrived = RangeSet()
        self.restore(known)

    @property
    def reneged(self) -> bool:
        """What was dropped must be sent anew, and did not all come yet: its sender may not have heard of it."""
        first, last = self._dropped
        missing = self.arrivals.missing_from(first, 1)
        return self.arrivals.classify(last) in (Novelty.NEW, Novelty.REORDERED) or bool(missing and missing[0][0] <= last)

    def hold(self, message: Message, now: int) -> None:
        """Take an ordered message, which may have to wait."""
        assert message.sequence is not None
        self.held[message.sequence] = message
        self._held_at[message.sequence] = now

    def fill(self) -> list[Message]:
        """Ordered messages that no gap holds back any more: it was filled, or its sender gave it up."""
        ready = []
        if self.next_ordered < self.arrivals.lowest:
            passed = sorted(sequence for sequence in self.held if sequence < self.arrivals.lowest)
            ready += [self.held.pop(sequence) for sequence in passed]
            self.next_ordered = self.arrivals.lowest
        while self.next_ordered in self.held:
            ready.append(self.held.pop(self.next_ordered))
            self.next_ordered += 1
        for message in ready:
            del self._held_at[message.sequence or 0]
        return ready

    @property
    def unfinished_since(self) -> int:
        """When the oldest came of what is unfinished; there is something."""
        begun = [reassembly.started_at for reassembly in islice(self.reassemblies.values(), 1)]
        return min(begun + list(islice(self._held_at.values(), 1)))

    @property
    def unfinished_came(self) -> int:
        """Bytes of payload that have come of what is unfinished."""
        fragments = sum(reassembly.came for reassembly in self.reassemblies.values())
        return fragments + sum(len(message.payload) for message in self.held.values())

    # What is acknowledged ------------------------------------------------------------------------------------------------

    def deliver(self, first: int, last: int) -> None:
        """The application has all messages from `first` to `last`."""
        if first == self.all_below and not self._delivered.firsts:  # most often
            self.all_below = last + 1
        elif last >= self.all_below:
            self._delivered.add_run(max(first, self.all_below), last)
            self._advance(self.all_below)

    def resolve_below(self, lowest: int) -> None:
        """The sender waits for nothing below `lowest` any more."""
        if lowest > self.arrivals.lowest:
            self.arrivals.lowest = lowest
        if lowest > self.all_below:
            self._delivered.discard_below(lowest)
            self._advance(lowest)

    def _advance(self, all_below: int) -> None:
        """Everything below is settled; so is what was delivered right behind it."""
        self.all_below = all_below
        if all_below in self._delivered:
            self.all_below = self._delivered.pop_first()[1] + 1

    def remembered(self, also: Sequence[tuple[int, int]] = ()) -> Remembered:
        """What must be known of it when this receiver, or its place, is gone, once these messages are delivered `also`."""
        all_below, delivered = self.all_below, RangeSet()
        for first, last in self._delivered.ranges():
            delivered.append(first, last)
        for first, last in also:
            if last >= all_below:
                delivered.add_run(max(first, all_below), last)
        if all_below in delivered:
            all_below = delivered.pop_first()[1] + 1
        count = self.messages_delivered + sum(last + 1 - first for first, last in also)
        return Remembered(all_below, delivered.ranges(), count, self.acknowledged)

    def restore(self, known: Remembered) -> None:
        """Go on from what was remembered."""
        self.all_below = self.next_ordered = known.all_below
        self._delivered = RangeSet()
        for first, last in known.delivered:
            self._delivered.append(first, last)
        self.arrivals = Arrivals.of(known.all_below, known.delivered, known.count, self.arrivals.gap_limit)

    @property
    def messages_lost(self) -> int | None:
        """Of the messages that it says it sent, how many never came; None: nobody knows."""
        return None if self.messages_sent is None else self.arrivals.lost(self.messages_sent)

    def ranges(self, now: int) -> int:
        """How many ranges the acknowledgment that is due has: all to one who asks, and once in the longest delay of one."""
        everything = len(self._arrived) + min(len(self._delivered), MAX_RANGES)
        if everything <= RANGES_EACH or self.asked or now - self._told_all_at >= MAX_ACK_DELAY:
            return everything
        return min(everything, RANGES_EACH * max(self.unacknowledged, 1))

    def credit(self, limits: Limits, messages: int, size: int) -> tuple[int, int]:
        """How many messages it may have in flight, and how many bytes of payload, where there is memory for so many `messages`
        and for bytes of this `size`. What has begun to come is in flight still."""
        own = limits.session_messages - self.waiting_messages + len(self.reassemblies)
        own_size = limits.session_bytes - self.waiting_bytes + self.unfinished_bytes
        if own < messages:  # `min` takes three times as long
            messages = own
        if own_size < size:
            size = own_size
        return messages if messages > 0 else 0, size if size > 0 else 0

    def bare(self, now: int, credit: int, credit_bytes: int) -> tuple[int, ...] | None:
        """The acknowledgment that is due as `udpmsg.core.bare` takes it, if it has one range and leaves once, as most do; when it
        leaves, `note_told_all` is to be called. Else None."""
        arrived, delay = self._arrived, (now - self._largest_at) // 1000
        if len(arrived.firsts) != 1 or self._delivered.firsts or delay >> 32:  # what has no place in 32 bits
            return None
        if self.unacknowledged > ACKNOWLEDGE_EVERY and self.repeats:
            return None
        first, last = arrived.firsts[0], arrived.lasts[0]
        return self.identity, self.largest, delay, credit, credit_bytes, self.all_below, ONE_RANGE, first, last

    def note_told_all(self, now: int) -> None:
        """Its sender is told everything."""
        self.unacknowledged = 0
        self.asked = False
        self._told_all_at = now

    def acknowledgment(self, now: int, *, credit: int, credit_bytes: int, ranges: int = 2 * MAX_RANGES) -> Acknowledgment:
        """What to tell the sender now: how many messages and bytes it may have in flight, and so many ranges at most, from 1."""
        # the gaps to fill first, and the newest; most often all that is delivered is below the first gap
        delivered = self._delivered.outermost(MAX_RANGES) if self._delivered else []
        arrived = self._arrived.ranges()
        if len(arrived) + len(delivered) > ranges:  # the newest arrivals tell of losses
            arrived = arrived[-max(ranges - len(delivered), ranges // 2, 1) :]
            delivered = self._delivered.outermost(ranges - len(arrived))
            self.unacknowledged = 0
        else:
            self.note_told_all(now)
        delay = min(max(now - self._largest_at, 0) // 1000, 2**32 - 1)
        return Acknowledgment(self.identity, self.largest, delay, credit, credit_bytes, self.all_below, arrived, delivered)

    @property
    def repeats(self) -> int:
        """How many copies of the acknowledgment that is due leave with it: as many as would have left by themselves if its
        datagrams had not come together. None once the session is not young."""
        return max(self.unacknowledged // ACKNOWLEDGE_EVERY - 1, 0) if self.largest <= YOUNG else 0

    # What is reported ----------------------------------------------------------------------------------------------------

    @property
    def messages_delivered(self) -> int:
        """Messages that the application is done with."""
        return self.arrivals.unique - (self.waiting_messages - len(self.reassemblies))

    def report(self, question: int, begins_at: int, *, kernel_drops: int | None) -> Report:
        """What a QUERY is answered: the counts, and what is missing from `begins_at` on, as much as one REPORT holds.

        `question` is the QUERY's datagram number; `kernel_drops` what the kernel has discarded at the socket so far."""
        arrivals = self.arrivals
        missing = arrivals.missing_from(begins_at, MAX_RANGES + 1)
        goes_on_at = missing.pop()[0] if len(missing) > MAX_RANGES else 0
        before = self.kernel_drops_before
        return Report(
            session=self.identity,
            question=question,
            delivered=self.messages_delivered,
            arrived=arrivals.unique,
            duplicates=self.duplicates,
            reordered=self.reordered,
            over_limit=self.over_limit,
            payload_bytes=self.payload_bytes,
            highest=arrivals.highest,
            forgotten=arrivals.forgotten,
            duration_us=0 if self.first_arrival_at is None else (self.last_arrival_at - self.first_arrival_at) // 1000,
            kernel_drops=None if kernel_drops is None or before is None else kernel_drops - before,
            begins_at=begins_at,
            goes_on_at=goes_on_at,
            jitter_us=int(self.jitter_us) if self.transits > 1 and self.times_believed else None,
            missing=missing,
        )
