"""Replies to addresses that have proved nothing: what may leave at once, what waits for a proof, what is left out.

A reply that is larger than what came from its address waits until a cookie has come back from there (`Allowances`), and so does
every reply that is to be acknowledged: it would be sent again and again to somebody who may never have asked. A program that
speaks without our header can prove nothing; it gets what its bucket holds. Knows no socket.
"""

from collections import deque
from typing import NamedTuple

from udpmsg.base.durations import SECOND
from udpmsg.base.errors import MessageTooLarge, Phrase
from udpmsg.core.allowances import PEERS_KEPT, Allowances
from udpmsg.core.budget import Budget
from udpmsg.core.config import DATAGRAM_SIZE, MAX_DATAGRAM_SIZE
from udpmsg.core.events import Event, Message, Outcome, State
from udpmsg.core.fragments import Cutter
from udpmsg.sockets.endpoint import Endpoint, origin_of

HELD_FOR = 5 * SECOND
"""How long a reply waits for its address to prove itself: some round trips, and challenges that were lost."""
HELD_COST = 768
"""Bytes that a waiting reply takes besides its payload, roughly."""
SAME_AGAIN = 16
"""How often in a row a raw peer may say the same, less than a second after it was answered the same: then it is taken for another
program that answers, and answered once a second. Two of them would talk for ever; a person who types a line again is no such."""


SHARE = 4
"""The replies that wait may take this part of the memory for all."""


class Held(NamedTuple):
    """A reply that waits: to which message (without its payload), with what, and until when."""

    message: Message
    payload: bytes
    until: int


class RawExchange(NamedTuple):
    """What a raw peer last said and was answered (a hash of both), when, and how often in a row."""

    what: int
    at: int
    times: int


class Strangers:
    """Decides about each reply before it begins. Drain `challenges`, `proved` and `events` in each turn."""

    def __init__(self, allowances: Allowances, budget: Budget) -> None:
        self._allowances = allowances
        self._budget = budget
        self._held: dict[Endpoint, list[Held]] = {}
        self._cost = 0
        """What is charged for them."""
        self._in_order: deque[tuple[int, Endpoint]] = deque()
        """When something that waits is over, and for whom; in order of time."""
        self._exchanges: dict[Endpoint, RawExchange] = {}
        self._events: list[Event] = []
        self._cutter = Cutter(datagram_size=DATAGRAM_SIZE, max_message=MAX_DATAGRAM_SIZE, acknowledged=False)
        self.challenges: list[tuple[int, Endpoint]] = []
        """Which sessions' addresses are to be asked to prove themselves."""
        self.left_out = 0
        """Replies that never left: their address proved nothing, or what it may be sent was used up."""

    def may_have(self, message: Message, peer: Endpoint, payload: bytes, *, now: int) -> bool:
        """Whether this reply may begin now; else it waits for the address's proof, or is left out."""
        if self._allowances.proved(peer):
            return True
        if not message.acknowledged and peer not in self._held:  # else it would overtake what waits
            count = self._cutter.count(len(payload), reply=True)
            sizes = (self._cutter.datagram_length(len(payload), index, count, reply=True) for index in range(count))
            if self._allowances.grant(peer, sum(sizes)):
                return True
        assert message.session is not None
        cost = len(payload) + HELD_COST
        if self._cost + cost <= self._budget.limit // SHARE and self._budget.charge(cost):
            self._cost += cost
            self._held.setdefault(peer, []).append(Held(message._replace(payload=b""), payload, now + HELD_FOR))
            self._in_order.append((now + HELD_FOR, peer))
            self.challenges.append((message.session, peer))
        else:
            self._leave_out(message, Phrase("too many replies wait for their addresses to prove themselves"))
        return False

    def may_have_raw(self, message: Message, peer: Endpoint, payload: bytes, *, now: int) -> bool:
        """Whether this reply to raw bytes may leave. Raises MessageTooLarge."""
        if len(payload) > MAX_DATAGRAM_SIZE:
            raise MessageTooLarge(len(payload), MAX_DATAGRAM_SIZE, "raw bytes travel in one datagram")
        if self._says_the_same(message.payload, peer, payload, now):
            self._leave_out(message, Phrase("it says the same again and again, as a program does that answers every answer"))
            return False
        if not self._allowances.grant_raw(peer, origin_of(peer), len(payload), now=now):
            self._leave_out(
                message, Phrase("a program that sends raw bytes can prove nothing, and is not sent much more than came from it")
            )
            return False
        return True

    def stirred(self, now: int) -> bool:
        """Whether an address has proved itself, or something is left out, or has waited for long enough."""
        if self._events or self._allowances.newly_proved:
            return True
        return bool(self._in_order) and self._in_order[0][0] <= now

    def proved(self) -> list[Held]:
        """What waited for addresses that have proved themselves since the last call."""
        peers = self._allowances.take_proved()
        return [held for peer in peers if isinstance(peer, Endpoint) for held in self._let_go(peer)]

    @property
    def waiting(self) -> bool:
        """Whether a reply waits for its address to prove itself."""
        return bool(self._held)

    def next_timeout(self) -> int | None:
        """When something has waited for long enough, in nanoseconds."""
        return self._in_order[0][0] if self._in_order else None

    def events(self, *, now: int) -> list[Event]:
        """What was left out since the last call: once for all of it."""
        while self._in_order and self._in_order[0][0] <= now:
            _, peer = self._in_order.popleft()
            waiting = self._held.get(peer)
            if waiting and waiting[-1].until <= now:
                for held in self._let_go(peer):
                    self._leave_out(held.message, Phrase("its address did not prove that anybody is there"))
        events, self._events = self._events, []
        return events

    def _let_go(self, peer: Endpoint) -> list[Held]:
        waiting = self._held.pop(peer, [])
        cost = sum(len(held.payload) + HELD_COST for held in waiting)
        self._cost -= cost
        self._budget.give_back(cost)
        return waiting

    def _leave_out(self, message: Message, reason: str) -> None:
        self.left_out += 1
        if not self._events:
            self._events.append(Outcome(message.sequence or 0, State.REFUSED, reason))

    def _says_the_same(self, said: bytes, peer: Endpoint, answer: bytes, now: int) -> bool:
        what, last = hash((said, answer)), self._exchanges.pop(peer, None)
        if last is None or last.what != what:
            last = RawExchange(what, now - SECOND, 0)
        again = last.times >= SAME_AGAIN and now - last.at < SECOND
        if len(self._exchanges) >= PEERS_KEPT:
            del self._exchanges[next(iter(self._exchanges))]
        self._exchanges[peer] = last if again else RawExchange(what, now, last.times + 1)
        return again
