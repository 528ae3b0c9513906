"""What comes back to a sender: replies, received as by any receiver. Owns that receiver, which is made when the first one comes,
and the rule which session's word is a reply. What is no reply is a stray: counted, and neither delivered nor acknowledged.

Most programs that send hear nothing back, and then need not load or keep any of it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from udpmsg.base.errors import MalformedDatagram, Phrase
from udpmsg.core import wire
from udpmsg.core.config import Limits
from udpmsg.core.events import Event, LimitReached, Malformed, Message
from udpmsg.core.framing import Mixed, Run
from udpmsg.core.sender import Sender
from udpmsg.messaging.queues import REPLY_BYTES
from udpmsg.sockets.endpoint import Endpoint, new_session

if TYPE_CHECKING:
    from udpmsg.core.receiver import Receiver

STRAY = Phrase("it answers nothing that was sent")


class ReplyReceiver:
    """Receives the replies to what `sender` sent, of at most `max_message` bytes; `framed` as the sender's socket is. `raw`: all
    that comes is a reply.

    The first session that answers is the one that may. Another takes its place when its id shows that it saw a message of ours,
    or once the receiver was found restarted; `one_to_many`: any may answer."""

    def __init__(self, sender: Sender, *, raw: bool, framed: bool, max_message: int, one_to_many: bool) -> None:
        self._sender = sender
        self._raw = raw
        self._framed = framed
        self._one_to_many = one_to_many
        room = max(max_message, REPLY_BYTES)
        self._limits = Limits(max_message=max_message, session_messages=1 << 16, session_bytes=room, total_bytes=room)
        self._receiver: Receiver | None = None
        self.began = False
        """Whether a reply has come, so that something may be due."""
        self._bound = 0
        """The session that answers; 0: none has yet."""
        self._restarts = 0
        """How many restarts of the receiver were known when it began to."""
        self._strays = 0
        self._told = False
        """Whether the application is done with replies whose acknowledgments have not left."""
        self.dropped = 0
        """Datagrams of replies that were dropped because too many replies wait."""

    @property
    def malformed(self) -> int:
        """How often something came that wire format 1 does not allow, or that is no reply to what was sent."""
        return self._strays + (self._receiver.totals().malformed if self._receiver else 0)

    def receive(self, message: bytes, *, now: int, peer: Endpoint, full: bool = False) -> list[Event]:
        """Take a datagram, or what a frame carried; return what the application is to have. `full`: it has no room for more."""
        if not self._raw and not (wire.is_ours(message) and self._answers(message)):
            self._strays += 1
            return [Malformed(peer, STRAY, len(message))]
        if full:
            self.dropped += 1
            return [LimitReached(peer, self._bound, "replies", REPLY_BYTES)]
        if self._raw:
            return [Message(message, peer)]
        if self._receiver is None:
            from udpmsg.core.receiver import Receiver

            self._receiver = Receiver(session=new_session(), now=now, framed=self._framed, limits=self._limits)
            self.began = True
        batch = [(message, peer)] if self._framed else self._receiver.receive_mixed(Mixed((message,), (peer,)), now)
        for each, _ in batch:
            self._receiver.receive((each,), now=now, peer=peer)
        # one by one: a stream brings more at once than the core would keep
        events = self._receiver.events()
        self.done([event for event in events if isinstance(event, Message) and not event.acknowledged])
        return events

    def done(self, replies: Sequence[Message]) -> None:
        """The application is done with these replies: they are delivered now, and acknowledged."""
        if self._receiver is not None and replies:
            for reply in replies:
                self._receiver.done(reply)
            self._told = True

    def commit(self) -> None:
        """The application is done with everything, and wants nothing more."""
        if self._receiver is not None:
            self._receiver.commit()
            self._told = True

    def next_timeout(self) -> int | None:
        """When an acknowledgment is due, in nanoseconds."""
        return None if self._receiver is None else self._receiver.next_timeout()

    def data_to_send(self, *, now: int) -> list[bytes | Run]:
        """The acknowledgments of replies that ask for one: at once of those that the application is done with, of the others when
        they have waited for as long as they may."""
        if self._receiver is None:
            return []
        if self._told:
            self._receiver.flush(now=now)
            self._told = False
        return [datagram for datagram, _ in self._receiver.data_to_send(now=now)]

    def _answers(self, message: bytes) -> bool:
        """Whether this is a reply, or part of one, to a message that was sent, from a session that may answer; or what else that
        session has to say."""
        session = wire.session_of(message)
        if wire.kind_of(message) != wire.MESSAGE:
            return session == self._bound
        if not 1 <= wire.answered_number(message) <= self._sender.last_sequence:
            return False
        if session != self._bound and not self._one_to_many:
            saw = wire.may_answer(session, self._sender.session)
            if self._bound and not saw and self._restarts == self._sender.restarts:
                return False
            try:
                wire.decode(message, framed=self._framed)
            except MalformedDatagram:
                return True  # the receiver will say what is wrong with it
            self._bound, self._restarts = session, self._sender.restarts
        return True
