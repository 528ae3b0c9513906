"""Replies of a receiver: for each session that is answered, a sender of its own. Owns those senders; knows no socket.

A reply to an acknowledged message is acknowledged itself, by the same state machine that any sender uses. Its session is its
own, so its datagram numbers never collide with those of the acknowledgments (docs/decisions/0007).
"""

from collections.abc import Iterator

from udpmsg.core import wire
from udpmsg.core.config import Limits, SenderConfig
from udpmsg.core.events import Event, Message
from udpmsg.core.sender import Sender
from udpmsg.core.wire import Kind
from udpmsg.endpoint import Endpoint, new_session
from udpmsg.errors import MessageTooLarge
from udpmsg.sender import LARGEST_RAW
from udpmsg.waiting import earliest


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
        self._refused: list[Event] = []

    @property
    def unresolved(self) -> int:
        """Replies that are not confirmed yet, of those that ask for it."""
        return sum(sender.unresolved for sender, _ in self._busy.values())

    def add(self, message: Message, payload: bytes, *, framed: bool, now: int) -> None:
        """Answer a message. Raises MessageTooLarge."""
        assert isinstance(message.peer, Endpoint)
        if message.session is None or message.sequence is None:
            if len(payload) > LARGEST_RAW:
                raise MessageTooLarge(len(payload), LARGEST_RAW, "raw bytes travel in one datagram")
            self._raw.append((payload, message.peer))
            return
        sender = self._sender(message, framed=framed, now=now)
        sender.send([payload], now=now, reply_to=message.sequence)
        self._senders[message.session] = self._busy[message.session] = (sender, message.peer)

    def receive(self, datagram: bytes, peer: Endpoint, *, now: int) -> bool:
        """Take an acknowledgment; False when it is for no reply of ours."""
        sender = self._by_own_session.get(wire.acknowledged_session(datagram))
        if sender is None:
            return False
        sender.receive([datagram], now=now, peer=peer)
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
        """Do what is due; return how replies ended."""
        events, self._refused = self._refused, []
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
                self._refused += sender.events()  # it may have nothing more to do, and not be asked again

    def _sender(self, message: Message, *, framed: bool, now: int) -> Sender:
        assert message.session is not None
        known = self._senders.pop(message.session, None)  # put back at the end: the least recently answered is first
        if known is not None and known[0].config.acknowledged == message.acknowledged:
            return known[0]
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
