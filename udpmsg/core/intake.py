"""Single datagrams of many sessions in one pass. Owns what makes one an ordinary message, which needs no longer look.

That is one which is new and above all that came, from where its session is answered, and for which every limit has room. All
others are left to `udpmsg.core.receiver`, which would do the same to an ordinary one: here only less stands between its bytes
and the application. Where many senders speak in turns, no two neighbours have anything in common: this is what each costs.
"""

from collections.abc import Callable, Iterator
from itertools import repeat
from struct import Struct
from zlib import crc32

from udpmsg.core.allowances import Allowances
from udpmsg.core.budget import MESSAGE_COST
from udpmsg.core.delivery import Delivery
from udpmsg.core.events import Message, Peer
from udpmsg.core.framing import Mixed
from udpmsg.core.owed import Owed
from udpmsg.core.runs import CHECKED_FLAGS, CHECKED_OVERHEAD
from udpmsg.core.session import Session
from udpmsg.core.sessions import Sessions
from udpmsg.core.wire import (
    ACK_REQUESTED,
    ACK_REQUESTED_BLOCK,
    CHECKSUM_BLOCK,
    HEADER,
    MAX_NUMBER,
    ORDERED,
    OUR_MESSAGE,
    REPLY,
    REPLY_BLOCK,
)

HEAD = Struct(">IHHQQQQ")
"""A header whose magic, version and kind are one number."""
OVERHEADS = {0: HEADER.size} | dict.fromkeys(CHECKED_FLAGS, CHECKED_OVERHEAD)
OVERHEADS |= {flags | REPLY: size + REPLY_BLOCK.size for flags, size in OVERHEADS.items()}
"""Bytes besides the payload, by the flags of an ordinary message."""


class Intake:
    """Takes ordinary messages, and leaves the others."""

    def __init__(
        self, sessions: Sessions, delivery: Delivery, owed: Owed, allowances: Allowances, *, counting_only: bool
    ) -> None:
        self._sessions = sessions
        self._delivery = delivery
        self._owed = owed
        self._allowances = allowances
        self._counting_only = counting_only
        self._checksum: Callable[[bytes], int] = crc32

    def take(self, datagrams: Mixed, now: int) -> Iterator[tuple[bytes, Peer]]:
        """Take those that are ordinary; tell each of the others when its turn comes, for the caller to take."""
        if len(datagrams) > 1 and self._checksum is crc32:
            from udpmsg.core import checksum  # not for a lone one: ISA-L's would make a start longer

            self._checksum = checksum.crc32
        mixed = iter(zip(datagrams, datagrams.peers, strict=True))
        while (other := self._take_ordinary(mixed, now)) is not None:
            yield other

    def _take_ordinary(self, mixed: Iterator[tuple[bytes, Peer]], now: int) -> tuple[bytes, Peer] | None:
        """Take them up to the first one that is not ordinary, which is returned; None: there was none.

        One loop without a call where that can be: each would be a tenth of what a message costs here."""
        sessions, counting_only = self._sessions, self._counting_only
        find, received, unpack, header = sessions.placed, self._allowances.received, HEAD.unpack_from, HEADER.size
        limits, begun_with = sessions.limits, sessions.budget.left
        left = begun_with
        largest, most_messages, most_bytes = limits.max_message, limits.session_messages, limits.session_bytes
        fields: list[tuple[object, ...]] = []
        whose: list[Session] = []
        owed: list[Session] = []
        owed_now: list[Session] = []
        seal_of, block_of, checksum = CHECKSUM_BLOCK.unpack_from, ACK_REQUESTED_BLOCK.unpack_from, self._checksum
        overhead_of, seal_size = OVERHEADS.get, CHECKSUM_BLOCK.size
        taken, other = 0, None
        for data, peer in mixed:
            end = length = len(data)
            if length < header:
                other = data, peer
                break
            mark, flags, size, identity, number, sequence, sent_at = unpack(data)
            session, reply_to = find(identity), None
            if asks := flags & ACK_REQUESTED:
                end = length - seal_size
            if (
                session is None
                or mark != OUR_MESSAGE
                or length - size != overhead_of(flags)
                or (session.peer is not peer and session.peer != peer)
                or not session.arrivals.highest < sequence <= MAX_NUMBER
                or not session.largest < number <= MAX_NUMBER
                or session.acknowledged != asks
                or session.reassemblies
                or size > largest
                or session.waiting_messages >= most_messages
                or session.waiting_bytes + size > most_bytes
                or size + MESSAGE_COST > left
                or (flags & REPLY and not (reply_to := REPLY_BLOCK.unpack_from(data, end - size - REPLY_BLOCK.size)[0]))
                or (
                    asks
                    and (
                        sequence != session.arrivals.highest + 1
                        or sequence < session.arrivals.lowest
                        or session.held
                        or (flags & ORDERED and sequence != session.next_ordered)
                        or seal_of(data, end)[0] != checksum(data[:end])
                        or (block := block_of(data, header))[2]
                        or not 0 < block[0] <= sequence
                        or not block[1]
                    )
                )
                or received(peer, length) > session.proved
            ):
                other = data, peer
                break
            taken += 1
            session.last_seen_at = session.last_arrival_at = now
            if session.first_arrival_at is None:
                session.first_arrival_at = now
            if sequence == session.arrivals.highest + 1:
                session.arrivals.record_next()
            else:
                session.arrivals.record(sequence)
                sessions.count_gaps(session)
            transmission = 1
            if asks:
                lowest, transmission, _ = block
                session.resolve_below(lowest)  # of what is unfinished it has nothing
                owed.append(session)
                if session.note_datagrams(number, number, now):
                    owed_now.append(session)
                if flags & ORDERED:
                    session.next_ordered += 1
            else:
                session.largest = number
            if transmission == 1:
                session.note_transit(sent_at, now)
            session.limit_told = False
            if counting_only:
                session.payload_bytes += size
                if asks:
                    session.deliver(sequence, sequence)
                continue
            session.waiting_messages += 1
            session.waiting_bytes += size
            session.queued_messages += 1
            left -= size + MESSAGE_COST
            payload = data[end - size : end]
            fields.append((payload, peer, identity, sequence, reply_to, asks > 0, False, transmission, None, sent_at))
            whose.append(session)
        if taken:
            sessions.totals_ended.note_arrival(now)
            sessions.budget.used += begun_with - left  # something may have been given back meanwhile
            # Message's own constructor is a function of Python's, at three times the cost
            self._delivery.put_mixed(list(map(tuple.__new__, repeat(Message), fields)), whose)
            self._owed.acknowledgments(owed, now, at_once=owed_now)
        return other
