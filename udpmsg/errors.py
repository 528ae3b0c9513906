"""The errors that udpmsg raises for a caller's mistake or a failing system.

What a *peer* does wrong never raises: it becomes an event and a count (`udpmsg.core.events.Malformed`). Every error here
carries a sentence that names the value and says what to do next, so a command line can print it as it is.
"""


class UdpmsgError(Exception):
    """The base of every error that udpmsg raises on purpose."""


class UsageError(UdpmsgError):
    """Options or arguments that mean nothing, or nothing together."""


class MessageTooLarge(UdpmsgError):
    """A payload above the limit. Nothing of it was sent; `size` and `limit` are in bytes."""

    def __init__(self, size: int, limit: int, advice: str) -> None:
        super().__init__(f"the message has {size} bytes and the limit is {limit}; nothing was sent: {advice}")
        self.size = size
        self.limit = limit


class NameUnknown(UdpmsgError):
    """A host name that does not resolve."""


class CannotListen(UdpmsgError):
    """The address or port cannot be bound: in use, forbidden, or not of this machine."""


class CannotConnect(UdpmsgError):
    """TCP only: nobody accepts there, or nothing answered in time. UDP cannot know, and does not raise this."""


class MalformedDatagram(UdpmsgError):
    """Bytes that are not a message of wire format 1. Raised by the codec alone; the state machines turn it into an event."""
