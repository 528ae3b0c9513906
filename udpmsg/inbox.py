"""What comes back to a sender: replies, received as by any receiver. Owns that receiver, which is made when the first one comes.

Most programs that send hear nothing back, and then need not load or keep any of it.
"""

from typing import TYPE_CHECKING

from udpmsg.core.config import Limits
from udpmsg.core.events import Event
from udpmsg.endpoint import Endpoint, new_session

if TYPE_CHECKING:
    from udpmsg.core.receiver import Receiver


class Inbox:
    """Receives replies of at most `max_message` bytes; `framed` as the sender's socket is."""

    def __init__(self, *, framed: bool, max_message: int) -> None:
        self._framed = framed
        self._limits = Limits(max_message=max_message, session_bytes=max(max_message, Limits().session_bytes))
        self._receiver: Receiver | None = None

    @property
    def malformed(self) -> int:
        """How often something came that wire format 1 does not allow."""
        return self._receiver.totals().malformed if self._receiver else 0

    def receive(self, message: bytes, *, now: int, peer: Endpoint) -> list[Event]:
        """Take a datagram, or what a frame carried; return what the application is to have."""
        if self._receiver is None:
            from udpmsg.core.receiver import Receiver

            self._receiver = Receiver(session=new_session(), now=now, framed=self._framed, limits=self._limits)
        self._receiver.receive([message], now=now, peer=peer)
        # one by one: a stream brings more at once than the core would keep
        return self._receiver.events()

    def data_to_send(self, *, now: int) -> list[bytes]:
        """The acknowledgments of replies that ask for one, at once: the application is about to run for nobody knows how long."""
        if self._receiver is None:
            return []
        self._receiver.flush(now=now)
        return [datagram for datagram, _ in self._receiver.data_to_send(now=now)]
