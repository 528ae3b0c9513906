"""Stored messages as CSV, RFC 4180: a header row, and a row for each message. For spreadsheets and data frames.

Owns the columns. Text that would steer a terminal, that many readers of CSV take for the end of everything, or that a spreadsheet
takes for a formula, is base64 like all that is no text: so it is read back as it came.
"""

import csv
import io
from base64 import b64encode
from typing import TYPE_CHECKING

from udpmsg.show.jsonlines import session_name
from udpmsg.show.stream import Data
from udpmsg.show.terminal import HARMLESS, escape, peer_name

if TYPE_CHECKING:
    from udpmsg.messaging.kept import StoredMessage

COLUMNS = (
    "id",
    "received_at",
    "transport",
    "peer",
    "session",
    "sequence",
    "name",
    "title",
    "reply_to",
    "raw",
    "reordered",
    "transmission",
    "size",
    "text",
    "base64",
)
PLAIN = {"\n", "\r", "\t", *HARMLESS.values()}
"""What stands in a quoted field as it is, though it is not printable by Python's rule."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet computes, unless it is a number (OWASP, CSV injection)."""


class CsvLines:
    """Writes the header row at once, then the rows."""

    def __init__(self, data: Data) -> None:
        self.data = data
        self._write(COLUMNS)

    def stored(self, stored: "StoredMessage", saved: str | None = None) -> None:
        """A row. What is not known is empty; yes and no are 1 and 0."""
        message = stored.message
        text = _plain(message.payload)
        self._write(
            (
                stored.id,
                stored.received_at,
                message.peer.transport,  # type: ignore[attr-defined]  # as stored it is an endpoint
                peer_name(message.peer),
                session_name(message.session),
                message.sequence,
                _escaped(stored.name),
                _escaped(message.title),
                message.reply_to,
                int(message.raw),
                int(message.reordered),
                message.transmission,
                len(message.payload),
                text,
                b64encode(message.payload).decode("ascii") if text is None else None,
            )
        )

    def _write(self, values: tuple[object, ...]) -> None:
        row = io.StringIO(newline="")
        csv.writer(row).writerow(values)
        self.data.write(row.getvalue().removesuffix("\n"))  # the row ends in CR LF, and the line in LF


def _escaped(text: str | None) -> str | None:
    if text is None:
        return None
    escaped = escape(text.encode("utf-8", "surrogatepass"))
    return f"\\x{ord(escaped[0]):02x}{escaped[1:]}" if _is_formula(escaped) else escaped


def _is_formula(text: str) -> bool:
    if not text.startswith(FORMULA):
        return False
    try:
        float(text)
    except ValueError:
        return True
    return False


def _plain(payload: bytes) -> str | None:
    """The payload as text, if it is text that can stand in a table."""
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if _is_formula(text):
        return None
    return text if text.isprintable() or all(character.isprintable() or character in PLAIN for character in text) else None
