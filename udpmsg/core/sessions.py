"""The sessions of one receiver, and its limits. Owns who has a place, how much of the memory each takes, and who must go.

Knows neither bytes of the wire format nor the queue to the application.

Places: half of them are for anyone, without a handshake; the others for peers that have proved their addresses. A peer that only
sends, and so can prove nothing, gets the place of another that has not, where that half is taken. When all are taken, the session
that was silent longest gives way: first of those that have proved nothing, then of an address that has more than an eighth of the
places, then of all that were silent for a while. A tombstone is left of it.
"""

from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from itertools import chain

from udpmsg.base.durations import MILLISECOND, SECOND
from udpmsg.core.budget import MESSAGE_COST, Budget, title_cost
from udpmsg.core.config import Limits
from udpmsg.core.events import Message, Peer
from udpmsg.core.fragments import Reassembly
from udpmsg.core.remembered import Remembered
from udpmsg.core.session import Session
from udpmsg.core.tombstones import ENDED_KEPT, GAPS_KEPT, SILENT_KEPT, Tombstones
from udpmsg.core.totals import Totals

TOMBSTONES_FOR_EACH_PLACE = 32
"""With 1,024 places: 16,000 newcomers a second, and some 30 MiB."""
LOOK_AGAIN = SECOND
"""How soon to ask again whether the application has taken what keeps a session: a newcomer must not cost a walk each time."""
UNFINISHED_FOR = SECOND
"""A message that is not whole so long after its first fragment came may have to make room, and so may what waits behind a gap."""
UNFINISHED = 3 / 4
"""This part of the common memory is for what is unfinished. The rest is for whole messages, which the application takes soon:
they get through whatever else is kept."""
KEPT = 1 / 4
"""This part of the memory stays for what is unfinished, however many whole messages wait."""
UNPROVED = 1 / 2
"""This part of the memory is for what is unfinished of senders that have not proved their addresses."""
STREAMS = 1 / 4
"""This part of the memory is for what waits behind a gap over connections: a stream loses nothing, so a gap there is odd."""
GIVES_WAY_AFTER = 2 * SECOND
"""A session that has proved itself and was silent for so long gives its place to one that asks for it."""
WALK_AGAIN = 10 * MILLISECOND
"""How soon to look again for one, where none was found: not for each newcomer."""
SHARE = 8
"""One address may have this part of the places while others ask for one, and nobody gives way to one that has left this part of
the tombstones: else it would fill them all, and then nobody could be made room for."""
SESSIONS_OF_GAPS = 32
"""All sessions together may have as many gaps as so many of them: 131,072, which take 16 MiB."""
MAX_CREDIT = 2**32 - 1
"""The field has 32 bits."""
AT_ONE_GO = 16
"""This part of the places is made free by one walk through the table, so that a newcomer does not cost a walk each time."""

Restore = Callable[[int], Remembered | None]
"""What is known of a session from an earlier life of this receiver."""


class Sessions:
    """The table of sessions. What suppresses a duplicate must outlive the duplicate, so a young session is never forgotten."""

    def __init__(
        self,
        limits: Limits,
        budget: Budget,
        *,
        origin_of: Callable[[Peer], Hashable],
        restore: Restore | None,
        lossless: bool = False,
    ) -> None:
        """`origin_of`: which peers count as one address. `lossless`: messages come by streams, whose reader has seen to it that
        there is memory for them; dropped ones would not come again."""
        self.limits = limits
        self.budget = budget
        self.totals_ended = Totals()
        """What was counted in sessions that are forgotten, and outside of any session."""
        self._origin_of = origin_of
        self._lossless = lossless
        self._restore = restore
        self._table: dict[int, Session] = {}
        """Those that take a place."""
        self.placed = self._table.get
        """The session with this id, if it has a place."""
        self._of_origin: Counter[Hashable] = Counter()
        """How many places each address has."""
        self._tombstones = Tombstones(TOMBSTONES_FOR_EACH_PLACE * limits.sessions, self.totals_ended.add)
        self._gaps = 0
        """Gaps of all sessions that have a place."""
        self._gone: set[Peer] = set()
        """Whose connection is gone, and whose sessions were not looked for yet."""
        self._next_eviction = 0
        self._next_relief = 0
        self._next_walk = 0
        self._next_look = 0
        self._unproved = 0
        """How many places sessions have that have not proved themselves."""
        self._unfinished = 0
        """Bytes that are charged for what is unfinished: fragments, and ordered messages that wait behind a gap."""
        self._unfinished_unproved = 0
        """Of those, what is of sessions that have not proved themselves."""
        self._in_line: deque[tuple[Session, int]] = deque()
        """Which of them give way next, the longest silent first, and when each was last heard of."""

    def __len__(self) -> int:
        return len(self._table)

    def find(self, identity: int) -> Session | None:
        """The session with this id, if it has a place or a tombstone."""
        return self._table.get(identity) or self._tombstones.find(identity)

    def open(self, identity: int, peer: Peer, now: int, *, acknowledged: bool, proved: bool) -> Session | None:
        """A place for a new session; None when there is none for it."""
        self._gone.discard(peer)  # a new connection must not end with the old one
        if not self._has_place(peer, now, acknowledged=acknowledged, proved=proved):
            return None
        session = Session(identity, peer, self.limits.gaps, acknowledged=acknowledged)
        if self._restore is not None and (known := self._restore(identity)) is not None:
            session.restore(known)
        session.proved = proved
        self._enter(session)
        return session

    def come_back(self, session: Session, now: int, *, proved: bool) -> bool:
        """Whether a session that gave its place up has one again."""
        self._tombstones.take(session)  # so that it is not what has to go
        if not self._has_place(session.peer, now, acknowledged=session.acknowledged, proved=proved):
            self._tombstones.keep(session)
            return False
        self._enter(session)
        return True

    def follow(self, session: Session, peer: Peer) -> None:
        """Its sender is at this address, which has proved itself: it is answered there, and its place counts as of there."""
        if not session.proved:
            self._unproved -= session.placed
            self._unfinished_unproved -= session.unfinished_cost
            session.proved = True
        if peer != session.peer:
            session.peer = peer
            if session.placed:
                self._leave(session)
                self._enter(session)

    def disconnected(self, peer: Peer) -> None:
        """The connection is gone: its sessions say nothing more. They are looked for when their places are needed: a walk through
        the table for each of a thousand connections that end together would take as long as serving them did."""
        self._gone.add(peer)
        if len(self._gone) > self.limits.sessions:
            self._end_gone()

    def end(self, session: Session) -> None:
        """It says nothing more, so its place is free soon."""
        if not session.placed and not session.ended:
            self._tombstones.take(session)
            session.ended = True
            self._tombstones.keep(session)
            return
        session.ended = True
        self._next_eviction = min(self._next_eviction, session.last_seen_at + ENDED_KEPT)
        self._leave_at_the_end(session)

    def limit_reached(
        self,
        session: Session,
        size: int,
        now: int,
        *,
        messages: int = 1,
        cost: int = 0,
        unfinished: bool = False,
        awaited: bool = False,
    ) -> str | None:
        """The name of the first limit that has no room for so many messages more, of `size` bytes each; None: there is room.

        `cost`: bytes that they take now, if that is more than they take as whole messages. `unfinished`: they are not whole yet,
        or will wait behind a gap. `awaited`: they fill the gap that others of this session wait behind, so its own limits do
        not count: the others would never make room."""
        limits = self.limits
        total = size * messages
        if session.ended and not self._may_come_back(session, now):
            return "sessions"
        if size > limits.max_message:
            return "max_message"
        if session.waiting_messages + messages > limits.session_messages and not awaited:
            return "session_messages"
        if session.waiting_bytes + total > limits.session_bytes and not awaited:
            return "session_bytes"
        cost = max(total + messages * MESSAGE_COST, cost)
        return None if self._affords(cost, now, session, unfinished=unfinished) else "total_bytes"

    def reserve(self, session: Session, size: int, messages: int = 1, titles: int = 0) -> None:
        """Whole messages of `size` bytes each take their places until the application is done with them, and so do titles."""
        session.reserve(size, messages)
        self.budget.used += (size + MESSAGE_COST) * messages + titles
        if not session.placed:
            self._tombstones.take(session)
            self._enter(session)
        self.count_gaps(session)

    def gaps_allowed(self, session: Session) -> int:
        """How many gaps this session, which was heard of just now, may wait for."""
        most = self.limits.gaps
        return most if self._has_gaps_left(session, 1) else min(most, GAPS_KEPT)

    def count_gaps(self, session: Session) -> None:
        """A message may have opened or filled a gap. Where all sessions have too many, this one forgets its oldest: all but a few
        without acknowledgments, and what is not waited for with them."""
        if self._count_anew(session) and not self._has_gaps_left(session, 0):
            session.arrivals.forget(max(GAPS_KEPT, session.arrivals.gaps if session.acknowledged else 0))
            self._count_anew(session)

    def release(self, session: Session, size: int, messages: int = 1, titles: int = 0) -> None:
        """The application is done with so many messages: `size` bytes in all, and what their titles take."""
        session.release(size, messages)
        self.budget.used -= size + MESSAGE_COST * messages + titles
        if session.ended:
            self._leave_at_the_end(session)

    def release_each(self, messages: list[Message], sessions: list[Session]) -> None:
        """The application is done with these whole messages, each of its session."""
        total = 0
        for message, session in zip(messages, sessions, strict=True):
            size = len(message[0])
            total += size + MESSAGE_COST
            session.queued_messages -= 1
            session.payload_bytes += size
            session.waiting_messages -= 1
            session.waiting_bytes -= size
            if session.acknowledged:
                sequence = message[3]
                assert sequence is not None
                session.deliver(sequence, sequence)
            if session.ended:
                self._leave_at_the_end(session)
        self.budget.used -= total

    def release_raw(self, size: int, messages: int) -> None:
        """The application is done with so many raw messages: `size` bytes in all."""
        self.budget.give_back(size + MESSAGE_COST * messages)
        totals = self.totals_ended
        totals.raw_messages += messages
        totals.messages_delivered += messages
        totals.payload_bytes += size

    def begin(self, session: Session, sequence: int, reassembly: Reassembly) -> None:
        """A message of which the first fragment came has its place in the session; its bytes are charged as they come."""
        session.reserve(reassembly.total)
        session.unfinished_bytes += reassembly.total
        session.reassemblies[sequence] = reassembly
        if not session.placed:
            self._tombstones.take(session)
            self._enter(session)

    def take_fragment(self, session: Session, cost: int, now: int) -> bool:
        """Whether there is memory for one fragment more of this session, which is charged."""
        if not (self._affords(cost, now, session, unfinished=True) and self.budget.charge(cost)):
            return False
        self._count_unfinished(session, cost)
        return True

    def drop(self, session: Session, sequence: int) -> Reassembly:
        """An unfinished message is whole now, or will never be."""
        reassembly = session.reassemblies.pop(sequence)
        session.release(reassembly.total)
        session.unfinished_bytes -= reassembly.total
        self.budget.give_back(reassembly.cost)
        self._count_unfinished(session, -reassembly.cost)
        return reassembly

    def in_order(self, session: Session, message: Message, now: int) -> list[Message]:
        """Take an ordered message, for which `reserve` was called; return what may be delivered now, in order."""
        self._count_unfinished(session, _cost(message))
        session.hold(message, now)
        return self.fill(session)

    def fill(self, session: Session) -> list[Message]:
        """Ordered messages that no gap holds back any more: it was filled, or its sender gave it up."""
        ready = session.fill()
        self._count_unfinished(session, -sum(map(_cost, ready)))
        return ready

    def resolve_below(self, session: Session, lowest: int) -> None:
        """The sender waits for nothing below `lowest` any more, so nothing below is kept for it."""
        if lowest <= session.arrivals.lowest:
            return
        session.resolve_below(lowest)
        if session.reassemblies:
            for sequence in [sequence for sequence in session.reassemblies if sequence < lowest]:
                self.drop(session, sequence)

    def memory_left(self, now: int) -> tuple[int, int]:
        """How many messages the memory for all has room for, and how many bytes of payload; no more than a credit can say. Where
        it is short, half of what is left of it is for the messages, and half for their bytes."""
        budget = self.budget
        enough = min(self.limits.max_message, budget.limit // 2)
        if budget.left < enough:  # what is over makes room now, not later
            self._evict(now)
        left = max(budget.left // 2, 0)
        return min(left // MESSAGE_COST, MAX_CREDIT), min(left, MAX_CREDIT)

    def totals(self) -> Totals:
        """Everything counted so far."""
        totals = replace(self.totals_ended)
        for session in chain(self._table.values(), self._tombstones):
            totals.add(session)
        return totals

    # Helpers: memory -----------------------------------------------------------------------------------------------------

    def _affords(self, cost: int, now: int, session: Session, *, unfinished: bool = False) -> bool:
        """Whether so many bytes more can be charged for this session; others make room. `unfinished`: for what is not whole, or
        waits behind a gap."""
        if cost <= self._room(session, unfinished):
            return True
        self._evict(now)
        if cost > self._room(session, unfinished):
            self._relieve(cost, now, session, unfinished)
        return cost <= self._room(session, unfinished) or (self._lossless and not unfinished)

    def _room(self, session: Session, unfinished: bool) -> int:
        """How many bytes there are for this session."""
        budget = self.budget
        left = budget.left
        if unfinished:
            left = min(left, int(budget.common * UNFINISHED) - budget.unfinished)
            if self._lossless:
                left = min(left, int(budget.common * STREAMS) - self._unfinished)
            elif not session.proved:
                left = min(left, int(budget.common * UNPROVED) - self._unfinished_unproved)
        return left

    def _relieve(self, cost: int, now: int, session: Session, unfinished: bool) -> None:
        """Memory is short: what is unfinished for too long is dropped, first of those that have not proved themselves, and of
        those of the slowest. So who wants to keep memory has to send faster than everybody else. Whole messages, which wait for
        the application, drive out only what is beyond a quarter."""
        if now < self._next_relief:
            return
        strangers = unfinished and not session.proved  # then what the others keep is not in the way
        slow = [each for each in self._table.values() if each.unfinished_cost and not (strangers and each.proved)]
        slow = [each for each in slow if not (each.acknowledged and each.queued_messages)]
        slow = [each for each in slow if each is not session and now - each.unfinished_since >= UNFINISHED_FOR]
        for each in sorted(slow, key=lambda each: (each.proved, each.unfinished_came / (now - each.unfinished_since))):
            stays = not unfinished and self.budget.unfinished <= self.budget.common * KEPT
            if stays or cost <= self._room(session, unfinished):
                break
            self._forget_unfinished(each)
        self._next_relief = now + LOOK_AGAIN // 10

    def _forget_unfinished(self, session: Session) -> None:
        """What only its sender can finish is dropped. If it asked for acknowledgments it learns of that, and sends it again.

        Then nothing of it may be with the application, undelivered: that would be forgotten too, and come twice."""
        dropped = sorted(chain(session.reassemblies, session.held))
        known = session.remembered() if session.acknowledged and dropped else None
        for sequence in list(session.reassemblies):
            self.drop(session, sequence)
        if session.held:
            session.release(sum(len(message.payload) for message in session.held.values()), len(session.held))
            cost = sum(map(_cost, session.held.values()))
            self.budget.give_back(cost)
            self._count_unfinished(session, -cost)
        if known is not None:
            session.renege(known, dropped[0], dropped[-1])

    def _count_unfinished(self, session: Session, cost: int) -> None:
        """What is unfinished of this session takes so many bytes more."""
        session.unfinished_cost += cost
        self._unfinished += cost
        self.budget.unfinished += cost
        if not session.proved:
            self._unfinished_unproved += cost

    def _count_anew(self, session: Session) -> bool:
        """Put this session's part of all gaps right; False: it is as it was."""
        more = session.arrivals.gaps_remembered - session.gaps_counted
        self._gaps += more
        session.gaps_counted += more
        return more != 0

    def _has_gaps_left(self, session: Session, more: int) -> bool:
        """Whether all sessions together may have so many gaps more; those that are over make room."""
        most = SESSIONS_OF_GAPS * self.limits.gaps
        if self._gaps + more > most:
            self._evict(session.last_seen_at)
        return self._gaps + more <= most

    # Helpers: places -----------------------------------------------------------------------------------------------------

    def _enter(self, session: Session) -> None:
        session.placed = True
        session.origin = self._origin_of(session.peer)
        self._of_origin[session.origin] += 1
        self._unproved += not session.proved
        self._table[session.identity] = session

    def _leave(self, session: Session) -> None:
        session.placed = False
        self._gaps -= session.gaps_counted
        session.gaps_counted = 0
        self._unproved -= not session.proved
        self._of_origin[session.origin] -= 1
        if not self._of_origin[session.origin]:
            del self._of_origin[session.origin]
        del self._table[session.identity]

    def _has_place(self, peer: Peer, now: int, *, acknowledged: bool, proved: bool) -> bool:
        """Whether there is a place for one session more; those that are over, or silent, make room."""
        if self._free(proved):
            return True
        if self._gone:
            self._end_gone()
        self._evict(now)
        if self._free(proved):
            return True
        if self._tombstones.of(self._origin_of(peer)) >= self._tombstones.most // SHARE:
            return False
        if proved or not acknowledged:  # a sender that waits for an answer can return a cookie
            self._make_unproved_give_way(now)
        if not self._free(proved) and (proved or self._unproved < self._half):
            self._make_proved_give_way(now)
        return self._free(proved)

    def _make_unproved_give_way(self, now: int) -> None:
        """Of the sessions that have not proved themselves, the one that was silent longest gives its place up."""
        if not self._unproved or not self._tombstones.make_room(now, proved=False):
            return
        while self._in_line or now >= self._next_look:
            if not self._in_line:
                idle = self._idle(session for session in self._table.values() if not session.proved)
                self._in_line.extend((session, session.last_seen_at) for session in idle)
                self._next_look = now + WALK_AGAIN * (not idle)
                continue
            session, seen_at = self._in_line.popleft()
            if session.placed and not (session.proved or session.queued_messages) and session.last_seen_at == seen_at:
                self._put_away(session)
                return

    def _make_proved_give_way(self, now: int) -> None:
        """All places belong to sessions that have proved themselves."""
        if now < self._next_walk:
            return
        share = max(self.limits.sessions // SHARE, 1)
        self._give_way((s for s in self._table.values() if self._of_origin[s.origin] > share), now, share)
        if not self._free(proved=True):
            self._give_way((s for s in self._table.values() if s.last_seen_at + GIVES_WAY_AFTER <= now), now)
        if not self._free(proved=True):
            self._next_walk = now + WALK_AGAIN

    @property
    def _half(self) -> int:
        """How many places are for anyone."""
        return -(-self.limits.sessions // 2)

    def _free(self, proved: bool) -> bool:
        """Whether there is a free place: any for a peer that has proved its address, half of them for the others."""
        return len(self._table) < self.limits.sessions and (proved or self._unproved < self._half)

    def _give_way(self, those: Iterable[Session], now: int, share: int = 0) -> None:
        """Take the places of some of those that were silent longest; an address keeps its `share` of them."""
        if not self._tombstones.make_room(now):
            return
        for session in self._idle(those):
            if self._of_origin[session.origin] > share and self._tombstones.make_room(now):
                self._put_away(session)

    def _idle(self, those: Iterable[Session]) -> list[Session]:
        """Some of these that hold the application up in nothing, the longest silent first; unfinished ones last."""
        idle = [session for session in those if not session.queued_messages]
        idle.sort(key=lambda session: (session.waiting_messages > 0, session.last_seen_at))
        return idle[: max(self.limits.sessions // AT_ONE_GO, 1)]

    def _put_away(self, session: Session) -> None:
        """This session gives its place up, and leaves a tombstone."""
        self._leave(session)
        self._forget_unfinished(session)
        session.arrivals.forget(GAPS_KEPT)
        self._tombstones.keep(session)

    def _end_gone(self) -> None:
        gone, self._gone = self._gone, set()
        for session in [session for session in self._table.values() if session.peer in gone]:
            self.end(session)

    def _leave_at_the_end(self, session: Session) -> None:
        """An ended session leaves its place, unless it holds something, or is too much to remember without one."""
        if session.waiting_messages or not session.placed:
            return
        if len(session.arrivals.missing_from(1, GAPS_KEPT + 1)) > GAPS_KEPT:
            return
        if self._tombstones.make_room(session.last_seen_at):
            self._leave(session)
            self._tombstones.keep(session)

    def _may_come_back(self, session: Session, now: int) -> bool:
        """Whether an ended session has a place for a message that comes late: the goodbye overtook it on the way, say."""
        session.last_seen_at = now  # so it is not what has to go
        return session.placed or self._has_place(session.peer, now, acknowledged=session.acknowledged, proved=session.proved)

    def _forget(self, session: Session) -> None:
        self._leave(session)
        self._forget_unfinished(session)
        self.totals_ended.add(session)

    def _evict(self, now: int) -> None:
        """Forget the sessions that are over, except those whose messages the application does not have yet."""
        if now < self._next_eviction:
            return
        expiries = []
        for session in list(self._table.values()):
            expires = session.last_seen_at + (ENDED_KEPT if session.ended else SILENT_KEPT)
            if expires <= now and not session.queued_messages:
                self._forget(session)
            else:
                expiries.append(expires if expires > now else now + LOOK_AGAIN)
        self._next_eviction = min(expiries, default=now)


def _cost(message: Message) -> int:
    """Bytes that a whole message takes."""
    return len(message.payload) + MESSAGE_COST + title_cost(message.title)
