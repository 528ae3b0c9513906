"""udpmsg: messages over UDP with no handshake before the first one, beside a matching TCP mode.

    from udpmsg import Receiver, Sender

    with Sender("127.0.0.1", 5000) as sender:
        sender.send("hello")

`Sender` and `Receiver` take `transport="tcp"` for the same over a connection, and `Sender` takes `acknowledged=True` for an
outcome of every message. Importing this imports no command-line library.
"""

from udpmsg.core.config import Limits
from udpmsg.core.events import (
    Disconnected,
    Duplicate,
    Event,
    Goodbye,
    LimitReached,
    Malformed,
    Message,
    Outcome,
    PeerRestarted,
    State,
    Unreachable,
)
from udpmsg.endpoint import Endpoint
from udpmsg.errors import (
    CannotConnect,
    CannotListen,
    MessageTooLarge,
    NameUnknown,
    UdpmsgError,
    UsageError,
)
from udpmsg.receiver import Receiver
from udpmsg.sender import Sender
from udpmsg.statistics import ReceiverStatistics, SenderStatistics

__version__ = "0.1.0"

__all__ = [
    "CannotConnect",
    "CannotListen",
    "Disconnected",
    "Duplicate",
    "Endpoint",
    "Event",
    "Goodbye",
    "LimitReached",
    "Limits",
    "Malformed",
    "Message",
    "MessageTooLarge",
    "NameUnknown",
    "Outcome",
    "PeerRestarted",
    "Receiver",
    "ReceiverStatistics",
    "Sender",
    "SenderStatistics",
    "State",
    "UdpmsgError",
    "Unreachable",
    "UsageError",
]
