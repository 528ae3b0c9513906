"""Replies of a receiver: for each session that is answered, a sender of its own. Owns those senders; knows no socket.

A reply to an acknowledged message is acknowledged itself, by the same state machine that any sender uses. Its session is its
own, so its datagram numbers never collide with those of the acknowledgments (docs/decisions/0007).
"""

from collections.abc import Iterator

from udpmsg.core import wire
from udpmsg.core.config import MAX_DATAGRAM_SIZE, Limits, SenderConfig
from udpmsg.core.events import Event, LimitReached, Message
from udpmsg.core.sender import Sender
from udpmsg.core.wire import Kind
from udpmsg.endpoint import Endpoint, new_session
from udpmsg.errors import MessageTooLarge
from udpmsg.waiting import earliest

SHARE = 4
"""One peer's unconfirmed replies may take this part of the memory that all may take."""
REPLY_COST = 512
"""Bytes that an unconfirmed reply takes besides its payload, roughly."""


class Replies:
    """Answers to any number of sessions; `limits.sessions` of them are remembered."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._senders: dict[int, tuple[Sender, Endpoint]] = {}
        """By the session that is answered."""
        self._by_own_session: dict[int, Sender] = {}
        self._busy: dict[int, tuple[Sender, Endpoint]] = {}
        """Those with something to send or to wait for, by the session that is answered."""
        self._raw: list[tuple[bytes, Endpoint]] = []
        self._notices: list[Event] = []

    @property
    def unresolved(self) -> int:
        """Replies that are not confirmed yet, of those that ask for it."""
        return sum(sender.unresolved for sender, _ in self._busy.values())

    def add(self, message: Message, payload: bytes, *, framed: bool, now: int) -> None:
        """Answer a message, unless too many answers wait for that peer already (LimitReached). Raises MessageTooLarge."""
        assert isinstance(message.peer, Endpoint)
        if message.session is None or message.sequence is None:
            if len(payload) > MAX_DATAGRAM_SIZE:
                raise MessageTooLarge(len(payload), MAX_DATAGRAM_SIZE, "raw bytes travel in one datagram")
            self._raw.append((payload, message.peer))
            return
        sender = self._sender(message, framed=framed, now=now)
        self._senders[message.session] = (sender, message.peer)
        if (value := self._limit_reached(sender, len(payload))) is not None:
            self._notices.append(LimitReached(message.peer, message.session, "replies", value))
            return
        sender.send([payload], now=now, reply_to=message.sequence)
        self._busy[message.session] = (sender, message.peer)

    def receive(self, datagram: bytes, peer: Endpoint, *, now: int) -> bool:
        """Take an acknowledgment; False when it is for no reply of ours."""
        sender = self._by_own_session.get(wire.acknowledged_session(datagram))
        if sender is None:
            return False
        sender.receive([datagram], now=now, peer=peer)
        self._notices += sender.events()  # at once: an idle sender is not asked for them again
        return True

    def data_to_send(self, *, now: int) -> list[tuple[bytes, Endpoint]]:
        """Everything that may leave now, each with whom it is for."""
        batch, self._raw = self._raw, []
        for session, (sender, peer) in list(self._busy.items()):
            batch += [(datagram, peer) for datagram in sender.data_to_send(now=now)]
            if not sender.unresolved:
                del self._busy[session]
        return batch

    def next_timeout(self) -> int | None:
        """When something is due, in nanoseconds."""
        return earliest(*(sender.next_timeout() for sender, _ in self._busy.values()))

    def settle(self, *, now: int) -> list[Event]:
        """Do what is due; return how replies ended, and which were never begun."""
        events, self._notices = self._notices, []
        for sender, _ in self._busy.values():
            sender.handle_timeout(now=now)
            events += sender.events()
        return events

    def not_sent(self, datagram: bytes, reason: str, *, permanent: bool, now: int) -> None:
        """The system refused to send this; an acknowledgment is simply lost, a reply is told to its sender."""
        if wire.is_ours(datagram) and wire.kind_of(datagram) == Kind.MESSAGE:
            sender = self._by_own_session.get(wire.session_of(datagram))
            if sender is not None:
                sender.not_sent([datagram], reason, now=now, permanent=permanent)
                self._notices += sender.events()  # it may have nothing more to do, and not be asked again

    def _limit_reached(self, sender: Sender, size: int) -> int | None:
        """The limit in bytes that one reply more, of `size` bytes, would break: one peer's share, or the memory for all."""
        share = self._limits.total_bytes // SHARE
        if cost(sender) + size > share:
            return share
        total = sum(cost(busy) for busy, _ in self._busy.values())
        return self._limits.total_bytes if total + size > self._limits.total_bytes else None

    def _sender(self, message: Message, *, framed: bool, now: int) -> Sender:
        assert message.session is not None
        known = self._senders.pop(message.session, None)  # put back at the end: the least recently answered is first
        if known is not None and known[0].config.acknowledged == message.acknowledged:
            return known[0]
        if known is not None:
            del self._by_own_session[known[0].session]
        for session in self._idle():
            if len(self._senders) < self._limits.sessions:
                break
            del self._by_own_session[self._senders.pop(session)[0].session]
        config = SenderConfig(
            acknowledged=message.acknowledged,
            datagram_size=None if framed else SenderConfig.datagram_size,
            max_message=self._limits.max_message,
        )
        sender = Sender(config, session=new_session(), now=now)
        self._by_own_session[sender.session] = sender
        return sender

    def _idle(self) -> Iterator[int]:
        """Sessions whose replies have all ended, the least recently answered first."""
        return iter([session for session in self._senders if session not in self._busy])


def cost(sender: Sender) -> int:
    """Bytes that the unconfirmed replies of one sender take."""
    return sender.waiting_bytes + sender.unresolved * REPLY_COST
