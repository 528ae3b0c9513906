"""udpmsg: messages over UDP with no handshake before the first one, beside a matching TCP mode.

    from udpmsg import Receiver, Sender

    with Sender("127.0.0.1", 5000) as sender:
        sender.send("hello")

`Sender` and `Receiver` take `transport="tcp"` for the same over a connection, and `Sender` takes `acknowledged=True` for an
outcome of every message. `udpmsg.aio` has both for asyncio. A name is imported when it is first used, so a program pays for what
it needs alone.
"""

TYPE_CHECKING = False  # typing's own constant costs its import, which is as much as all of the interpreter's start
if TYPE_CHECKING:
    from udpmsg.base.errors import CannotConnect, CannotListen, CannotStore, MessageTooLarge, NameUnknown, UdpmsgError, UsageError
    from udpmsg.core.config import Limits
    from udpmsg.core.events import (
        Disconnected,
        Duplicate,
        Event,
        Goodbye,
        Hint,
        LimitReached,
        Malformed,
        Message,
        NextAddress,
        OffloadRefused,
        Outcome,
        PeerRestarted,
        State,
        Unreachable,
    )
    from udpmsg.messaging.kept import StoredMessage, StoredSession
    from udpmsg.messaging.receiver import Receiver
    from udpmsg.messaging.sender import Sender
    from udpmsg.messaging.statistics import ReceiverStatistics, SenderStatistics, SessionReport
    from udpmsg.messaging.store import Store
    from udpmsg.messaging.stored import StoreReader
    from udpmsg.sockets.endpoint import Endpoint
    from udpmsg.sockets.known_path import KnownPath

__version__ = "0.1.0"

__all__ = [
    "CannotConnect",
    "CannotListen",
    "CannotStore",
    "Disconnected",
    "Duplicate",
    "Endpoint",
    "Event",
    "Goodbye",
    "Hint",
    "KnownPath",
    "LimitReached",
    "Limits",
    "Malformed",
    "Message",
    "MessageTooLarge",
    "NameUnknown",
    "NextAddress",
    "OffloadRefused",
    "Outcome",
    "PeerRestarted",
    "Receiver",
    "ReceiverStatistics",
    "Sender",
    "SenderStatistics",
    "SessionReport",
    "State",
    "Store",
    "StoreReader",
    "StoredMessage",
    "StoredSession",
    "UdpmsgError",
    "Unreachable",
    "UsageError",
]

EVENTS = (
    "Disconnected Duplicate Event Goodbye Hint LimitReached Malformed Message NextAddress OffloadRefused Outcome PeerRestarted "
    "State Unreachable"
)
ERRORS = "CannotConnect CannotListen CannotStore MessageTooLarge NameUnknown UdpmsgError UsageError"
HOMES = {
    **dict.fromkeys(EVENTS.split(), "udpmsg.core.events"),
    **dict.fromkeys(ERRORS.split(), "udpmsg.base.errors"),
    "Endpoint": "udpmsg.sockets.endpoint",
    "KnownPath": "udpmsg.sockets.known_path",
    "Limits": "udpmsg.core.config",
    "Receiver": "udpmsg.messaging.receiver",
    "ReceiverStatistics": "udpmsg.messaging.statistics",
    "Sender": "udpmsg.messaging.sender",
    "SenderStatistics": "udpmsg.messaging.statistics",
    "SessionReport": "udpmsg.messaging.statistics",
    "Store": "udpmsg.messaging.store",
    "StoreReader": "udpmsg.messaging.stored",
    "StoredMessage": "udpmsg.messaging.kept",
    "StoredSession": "udpmsg.messaging.kept",
}
"""Where each public name lives."""


def __getattr__(name: str) -> object:
    """Import a public name from where it lives (PEP 562)."""
    if name not in HOMES:
        raise AttributeError(f"module 'udpmsg' has no attribute {name!r}")
    from importlib import import_module  # here: its import takes longer than all of the rest

    value: object = getattr(import_module(HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, imported or not."""
    return sorted(__all__)
