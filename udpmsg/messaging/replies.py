"""Replies of a receiver: for each session that is answered, a sender of its own. Owns those senders; knows no socket.

A reply to an acknowledged message is acknowledged itself, by the same state machine that any sender uses. Its session is its
own, so its datagram numbers never collide with those of the acknowledgments (docs/decisions/0007).

A turn looks only at the senders that something happened to, or that are due: a thousand peers that do not confirm what they
were answered cost the others nothing.
"""

import os
from heapq import heappop, heappush

from udpmsg.base.durations import SECOND
from udpmsg.base.errors import Phrase
from udpmsg.core import wire
from udpmsg.core.allowances import Allowances
from udpmsg.core.budget import Budget
from udpmsg.core.config import DATAGRAM_SIZE, Limits, SenderConfig
from udpmsg.core.events import Event, LimitReached, Message, Outcome, State
from udpmsg.core.framing import each
from udpmsg.core.sender import Sender
from udpmsg.core.wire import Kind, reply_session
from udpmsg.messaging.strangers import Strangers
from udpmsg.sockets.endpoint import Endpoint
from udpmsg.sockets.waiting import earliest

SHARE = 4
"""One peer's unconfirmed replies may take this part of the memory that all may take."""
REPLY_COST = 512
"""Bytes that an unconfirmed reply takes besides its payload, roughly."""
ANSWERED_COST = 8 << 10
"""Bytes that it takes to answer a session at all, roughly: a sender of its own."""
FIRST_DEADLINE, DEADLINE = 5 * SECOND, 60 * SECOND
"""How long a reply is sent again and again: to a peer that has never confirmed one, and to others."""


class Answered:
    """One session that is answered, and what of it is in the sums of all."""

    __slots__ = ("cost", "due", "peer", "sender", "session", "unresolved")

    def __init__(self, session: int, sender: Sender, peer: Endpoint) -> None:
        self.session = session
        self.sender = sender
        """Of the replies."""
        self.peer = peer
        """The address that is answered: that of the newest message."""
        self.unresolved = 0
        """Replies that are not confirmed yet."""
        self.cost = 0
        """Bytes that they take."""
        self.due: int | None = None
        """Its time among the timers, in nanoseconds: when something is due, or earlier."""


class Replies:
    """Answers to any number of sessions; `limits.sessions` of them are remembered."""

    def __init__(self, limits: Limits, budget: Budget, allowances: Allowances) -> None:
        """`budget` and `allowances` are those of the whole listener."""
        self._limits = limits
        self._budget = budget
        self._strangers = Strangers(allowances, budget)
        self._answered: dict[int, Answered] = {}
        """By the session that is answered."""
        self._by_own_session: dict[int, Answered] = {}
        self._idle: dict[int, Answered] = {}
        """Those whose replies have all ended, by the session that is answered, the least recently answered first."""
        self._stirred: dict[int, Answered] = {}
        """Those that something happened to, by the session that is answered."""
        self._timers: list[tuple[int, int]] = []
        """A heap of times and our own sessions. What an Answered does not call its `due` any more is void."""
        self._raw: list[tuple[bytes, Endpoint]] = []
        self._notices: list[Event] = []
        self.unresolved = 0
        """Replies that are not confirmed yet, of those that ask for it."""

    @property
    def waiting(self) -> bool:
        """Whether a reply is not confirmed yet, or waits for its address to prove itself."""
        return self.unresolved > 0 or self._strangers.waiting

    @property
    def left_out(self) -> int:
        """Replies that never left, because their address proved nothing."""
        return self._strangers.left_out

    def take_challenges(self) -> list[tuple[int, Endpoint]]:
        """Which sessions' addresses are to prove themselves, since the last call."""
        challenges, self._strangers.challenges = self._strangers.challenges, []
        return challenges

    def add(self, message: Message, payload: bytes, *, framed: bool, now: int) -> None:
        """Answer a message, unless too many answers wait for that peer already (LimitReached). Raises MessageTooLarge."""
        assert isinstance(message.peer, Endpoint)
        if self._strangers.stirred(now):
            self._begin_proved(now)  # what waited for a proof comes first
        if message.session is None:
            if self._strangers.may_have_raw(message, message.peer, payload, now=now):
                self._raw.append((payload, message.peer))
        elif framed or self._strangers.may_have(message, message.peer, payload, now=now):
            self._begin(message, payload, framed=framed, now=now)

    def receive(self, datagram: bytes, peer: Endpoint, *, now: int) -> bool:
        """Take an acknowledgment; False when it is for no reply of ours."""
        answered = self._by_own_session.get(wire.acknowledged_session(datagram))
        if answered is None:
            return False
        answered.sender.receive([datagram], now=now, peer=peer)
        self._stir(answered)
        return True

    def data_to_send(self, *, now: int) -> list[tuple[bytes, Endpoint]]:
        """Everything that may leave now, each with whom it is for."""
        batch, self._raw = self._raw, []
        stirred, self._stirred = self._stirred, {}
        for answered in stirred.values():
            batch += [(datagram, answered.peer) for datagram in each(answered.sender.data_to_send(now=now))]
            self._schedule(answered)
            if not answered.unresolved:
                self._idle[answered.session] = answered
        return batch

    def stirred(self, now: int) -> bool:
        """Whether there may be something to send or to tell, or something is due."""
        return bool(self._stirred) or self._presses(now)

    def urgent(self, now: int) -> bool:
        """The same, where it can't wait until the application asks for more. That all its replies are confirmed can wait."""
        return self._presses(now) or any(answered.sender.unresolved for answered in self._stirred.values())

    def next_timeout(self) -> int | None:
        """When something is due, in nanoseconds, or earlier."""
        if self._stirred or self._raw or self._strangers.challenges:
            return 0
        while self._timers:
            due, own_session = self._timers[0]
            answered = self._by_own_session.get(own_session)
            if answered is not None and answered.due == due:
                return earliest(due, self._strangers.next_timeout())
            heappop(self._timers)
        return self._strangers.next_timeout()

    def handle_timeout(self, *, now: int) -> None:
        """Do what is due."""
        while self._timers and self._timers[0][0] <= now:
            due, own_session = heappop(self._timers)
            answered = self._by_own_session.get(own_session)
            if answered is not None and answered.due == due:
                answered.due = None
                self._stir(answered)
        for answered in self._stirred.values():
            answered.sender.handle_timeout(now=now)

    def events(self, *, now: int) -> list[Event]:
        """How replies ended, and which were never begun."""
        for answered in self._stirred.values():
            self._count(answered)
        left_out: list[Event] = []
        if self._strangers.stirred(now):
            self._begin_proved(now)
            left_out = self._strangers.events(now=now)
        events, self._notices = self._notices, []
        return events + left_out

    def not_sent(self, datagram: bytes, reason: str, *, permanent: bool, now: int) -> None:
        """The system refused to send this; an acknowledgment is simply lost, a reply is told to its sender."""
        if wire.is_ours(datagram) and wire.kind_of(datagram) == Kind.MESSAGE:
            answered = self._by_own_session.get(wire.session_of(datagram))
            if answered is not None:
                answered.sender.not_sent([datagram], reason, now=now, permanent=permanent)
                self._stir(answered)
                self._count(answered)

    def _presses(self, now: int) -> bool:
        if self._raw or self._notices or self._strangers.challenges or self._strangers.stirred(now):
            return True
        return bool(self._timers) and self._timers[0][0] <= now

    def _begin_proved(self, now: int) -> None:
        """Answer those that have proved their addresses."""
        for held in self._strangers.proved():
            self._begin(held.message, held.payload, framed=False, now=now)

    def _begin(self, message: Message, payload: bytes, *, framed: bool, now: int) -> None:
        """Answer a message now, if the limits have room for it."""
        assert isinstance(message.peer, Endpoint)
        assert message.session is not None
        assert message.sequence is not None
        answered = self._find(message, message.session, message.peer, framed=framed, now=now)
        value = self._budget.limit if answered is None else self._limit_reached(answered, len(payload))
        if answered is None or value is not None:
            self._notices.append(LimitReached(message.peer, message.session, "replies", value or 0))
            return
        answered.sender.config.deadline = DEADLINE if answered.sender.ended[State.DELIVERED] else FIRST_DEADLINE
        answered.sender.send([payload], now=now, reply_to=message.sequence)
        self._stir(answered)
        self._count(answered)  # the next one may begin before this is settled

    def _limit_reached(self, answered: Answered, size: int) -> int | None:
        """The limit in bytes that one reply more, of `size` bytes, would break: one peer's share, or the memory for all."""
        share = self._budget.limit // SHARE
        if answered.cost + size > share:
            return share
        acknowledged = answered.sender.config.acknowledged  # else nothing waits here: it is with the socket at once
        return self._budget.limit if acknowledged and size + REPLY_COST > self._budget.left else None

    def _find(self, message: Message, session: int, peer: Endpoint, *, framed: bool, now: int) -> Answered | None:
        """Whom to answer, made if it is new and there is room."""
        known = self._answered.get(session)
        if known is not None and known.sender.config.acknowledged == message.acknowledged:
            known.peer = peer
            return known
        if known is not None:
            self._forget(known)
        while len(self._answered) >= self._limits.sessions or self._budget.left < ANSWERED_COST:
            if not self._give_way():
                return None
        self._budget.charge(ANSWERED_COST)
        config = SenderConfig(
            acknowledged=message.acknowledged,
            datagram_size=None if framed else DATAGRAM_SIZE,
            max_message=self._limits.max_message,
        )
        own = reply_session(session, int.from_bytes(os.urandom(4), "big"))
        answered = Answered(session, Sender(config, session=own, now=now), peer)
        self._answered[session] = self._by_own_session[answered.sender.session] = answered
        return answered

    def _give_way(self) -> bool:
        """Forget the least recently answered of the idle ones; else of those that have never confirmed anything."""
        oldest = next(iter(self._idle.values()), None)
        if oldest is None:
            oldest = next((each for each in self._answered.values() if not each.sender.ended[State.DELIVERED]), None)
            if oldest is None:
                return False
            self._notices.append(Outcome(0, State.UNCONFIRMED, Phrase("it confirmed nothing, and others wait for an answer")))
        self._forget(oldest)
        return True

    def _forget(self, answered: Answered) -> None:
        for table in (self._answered, self._idle, self._stirred):
            table.pop(answered.session, None)
        del self._by_own_session[answered.sender.session]
        self._budget.give_back(answered.cost + ANSWERED_COST)
        self.unresolved -= answered.unresolved

    def _stir(self, answered: Answered) -> None:
        """Something happened to it, so it may have something to send, or to say: the next turn looks at it."""
        self._stirred[answered.session] = answered
        self._idle.pop(answered.session, None)

    def _count(self, answered: Answered) -> None:
        """Take what it has to tell, and put its part of the sums right."""
        sender = answered.sender
        self._notices += sender.events()
        unresolved = sender.unresolved
        cost = sender.waiting_bytes + unresolved * REPLY_COST
        self._budget.used += cost - answered.cost
        self.unresolved += unresolved - answered.unresolved
        answered.cost, answered.unresolved = cost, unresolved

    def _schedule(self, answered: Answered) -> None:
        """See that it is looked at in time. A timer that has become too early stays: it is put right when it goes off."""
        due = due_of(answered)
        if due is None:
            answered.due = None
        elif answered.due is None or due < answered.due:
            answered.due = due
            heappush(self._timers, (due, answered.sender.session))


def due_of(answered: Answered) -> int | None:
    """When its sender is due next, in nanoseconds; None: never, unless something happens. A sender whose
    replies are all confirmed is never due."""
    return answered.sender.next_timeout() if answered.unresolved else None
