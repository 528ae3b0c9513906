"""Messages of one length as arrays, for those who work with numbers. Imports NumPy, so it is imported by those who ask for it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from udpmsg.core.events import Message, Peer


class MessageArrays:
    """Messages that came one after the other and have one length. Of a raw one session, number and time are 0.

    Valid until the next batch is asked for: copy what is to stay."""

    __slots__ = ("_messages", "payloads", "sent_at", "sequences", "sessions")

    def __init__(self, messages: Sequence[Message]) -> None:
        """One message at least, all of one length."""
        count, size = len(messages), len(messages[0].payload)
        self._messages = messages
        self.payloads: NDArray[np.uint8] = np.frombuffer(b"".join([message.payload for message in messages]), np.uint8).reshape(
            count, size
        )
        """One message in each row, not to be written into; of numbers, say, `payloads.view(">f4")`."""
        self.sequences: NDArray[np.uint64] = np.array([message.sequence or 0 for message in messages], np.uint64)
        self.sessions: NDArray[np.uint64] = np.array([message.session or 0 for message in messages], np.uint64)
        """Which sender's each is."""
        self.sent_at: NDArray[np.int64] = np.array([message.sent_at_us or 0 for message in messages], np.int64)
        """Microseconds since the message's session began, by its sender's clock."""

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def peers(self) -> list[Peer]:
        """Where each came from."""
        return [message.peer for message in self._messages]

    @property
    def messages(self) -> Sequence[Message]:
        """The same one by one: to answer one, say."""
        return self._messages

    def to_bytes(self) -> list[bytes]:
        """The payloads one by one, to keep."""
        return [message.payload for message in self._messages]
