"""What a caller may give as a message, made bytes, and what it may be called. The one place that says so; knows no socket."""

from collections.abc import Iterable

from udpmsg.base.errors import UsageError
from udpmsg.core.wire import MAX_TITLE

Payload = bytes | bytearray | memoryview | str
"""Bytes in any of their forms, or text, which is sent as UTF-8."""


def encoded(payload: Payload) -> bytes:
    """The bytes of a message, copied where the caller could change them later. Raises UsageError for any other type."""
    if type(payload) is bytes:
        return payload
    if isinstance(payload, str):
        try:
            return payload.encode()
        except UnicodeEncodeError:
            raise UsageError("this text has a lone surrogate, which UTF-8 cannot carry: encode it, and send the bytes") from None
    if isinstance(payload, bytes | bytearray | memoryview):
        return bytes(payload)
    raise UsageError("a message is bytes or text, and this is of the type {!r}: convert it first", type(payload).__name__)


def each_encoded(payloads: Iterable[Payload]) -> list[bytes]:
    """The same for several messages; that all are bytes already, as most often, is seen without a look at each from Python."""
    given = list(payloads)
    if {*map(type, given)} <= {bytes}:
        return given  # type: ignore[return-value]
    return [encoded(payload) for payload in given]


def ending(text: str) -> str:
    """As much of the end of a text as a title has room for: of a file's name the end says what it is."""
    return text.encode()[-MAX_TITLE:].decode(errors="ignore")


def checked_title(title: str | None, *, raw: bool = False) -> str:
    """A title as the core takes it: empty for None. Raises UsageError for what no message can be called."""
    if title is None:
        return ""
    if raw:
        raise UsageError("raw bytes carry no header, so no title either: leave one of raw and title out")
    if not isinstance(title, str):
        raise UsageError("a title is text, and this is of the type {!r}", type(title).__name__)
    size = len(encoded(title))
    if not 0 < size <= MAX_TITLE:
        raise UsageError("a title has 1 to {} bytes in UTF-8, and this one {}: shorten it, or leave it out", MAX_TITLE, size)
    return title
