"""Text for people: escaped, aligned, coloured with restraint.

Owns what makes a peer's bytes safe to print, and the looks of lines, hexadecimal views and summaries. Writes to nothing
(see `stream`), and does not know commands or sockets.
"""

from collections.abc import Hashable, Mapping
from typing import Any

from udpmsg.base.language import N_plural, _, number, plural
from udpmsg.core.events import Unreachable

HARMLESS = {ord(character): character for character in "\u00a0\u200c\u200d\u3000"}
"""Not printable by Python's rule, but needed by scripts and emoji: spaces that do not break, and (non-)joiners."""

SHORT_ESCAPES = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}

LONGEST_SHOWN = 4000
"""Characters of one message that a terminal shows; a pipe gets them all."""

COLOURS = {"peer": "36", "number": "1", "note": "2", "warning": "33", "error": "31", "good": "32"}
"""What a word is for, and the ANSI colour it then has: cyan, bold, dim, yellow, red, green."""


def escape(payload: bytes) -> str:
    r"""A peer's bytes as text that cannot move a cursor, ring, recolour or reorder a terminal.

    Escaped are C0, DEL and C1 controls (`\x1b`), line and paragraph separators, bidirectional controls and whatever else
    has no glyph (`\u202e`); bytes that are not UTF-8 come as `\xNN`.
    """
    text = payload.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def printable(text: object) -> str:
    """Text from outside (an error, a target, a reason), as `escape` has it."""
    return escape(str(text).encode("utf-8", "backslashreplace"))


def _escaped(character: str) -> str:
    number = ord(character)
    if number in HARMLESS:
        return character
    if character in SHORT_ESCAPES:
        return SHORT_ESCAPES[character]
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def peer_name(peer: Hashable) -> str:
    """An endpoint as people write it: 127.0.0.1:5000, [::1]:5000."""
    return printable(peer)


def hint_words(unreachable: Unreachable) -> str:
    """What ICMP says: nobody listens on 127.0.0.1:5000."""
    return _(unreachable.hint.value).format(peer_name(unreachable.peer))


def paint(text: str, purpose: str, colour: bool) -> str:
    """The text in its purpose's colour, or as it is."""
    return f"\x1b[{COLOURS[purpose]}m{text}\x1b[0m" if colour else text


def shortened(text: str, size: int, limit: int | None) -> str:
    """At most `limit` characters of a message of `size` bytes, and a word on what was left out."""
    if limit is None or len(text) <= limit:
        return text
    return _("{} … ({} in all; --save keeps them)").format(text[:limit], byte_count(size))


def hex_dump(payload: bytes) -> str:
    """Sixteen bytes a row: offset, hexadecimal, and the printable ASCII."""
    rows = []
    for offset in range(0, len(payload), 16):
        row = payload[offset : offset + 16]
        digits = f"{row[:8].hex(' ')}  {row[8:].hex(' ')}"
        glyphs = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        rows.append(f"    {offset:04x}  {digits:<48}  {glyphs}")
    return "\n".join(rows) or f"    {_('(no bytes)')}"


def byte_count(size: int) -> str:
    """12 B, 1.5 KiB, 3.0 MiB."""
    if size < 1024:
        return f"{size} B"
    scaled = float(size)
    for unit in ("KiB", "MiB", "GiB"):
        scaled /= 1024
        if scaled < 1024:
            return f"{number(scaled, '.1f')} {unit}"
    return f"{number(scaled / 1024, '.1f')} TiB"


def duration(seconds: float) -> str:
    """250 µs, 1.25 ms, 3.2 s, 61 s: three digits, in the unit that fits."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        scaled = seconds * factor
        if scaled >= 1:
            return f"{number(scaled, '.3g' if scaled < 1000 else '.0f')} {unit}"
    return f"{number(seconds * 1e6, '.2g')} µs" if seconds else "0 s"


def bit_rate(rate: float) -> str:
    """3.4 Mbit/s."""
    for unit in ("bit/s", "kbit/s", "Mbit/s"):
        if rate < 1000:
            return f"{number(rate, '.3g')} {unit}"
        rate /= 1000
    return f"{number(rate, '.3g')} Gbit/s"


NOUNS = {
    "message": N_plural("{} message", "{} messages"),
    "byte": N_plural("{} byte", "{} bytes"),
    "sender": N_plural("{} sender", "{} senders"),
    "transmission": N_plural("{} transmission", "{} transmissions"),
    "frame": N_plural("{} frame", "{} frames"),
    "measurement": N_plural("{} measurement", "{} measurements"),
}
"""What is counted, and the words for one of it and for several."""


def counted(count: int, noun: str) -> str:
    """1 message, 2 messages."""
    return plural(*NOUNS[noun], count).format(number(count))


PARTS_OF_SENDER: tuple[tuple[str, tuple[str, str]], ...] = (
    ("messages_delivered", N_plural("{} delivered", "{} delivered")),
    ("messages_unconfirmed", N_plural("{} unconfirmed", "{} unconfirmed")),
    ("messages_refused", N_plural("{} refused", "{} refused")),
    ("retransmissions", N_plural("{} sent again", "{} sent again")),
    ("malformed", N_plural("{} malformed", "{} malformed")),
)
PARTS_OF_LISTENER: tuple[tuple[str, tuple[str, str]], ...] = (
    ("messages_lost", N_plural("{} lost", "{} lost")),
    (
        "messages_undelivered",
        N_plural(
            "{} message came and was not written (its sender was told nothing)",
            "{} messages came and were not written (their senders were told nothing)",
        ),
    ),
    ("duplicates", N_plural("{} suppressed as duplicates", "{} suppressed as duplicates")),
    ("reordered", N_plural("{} reordered", "{} reordered")),
    ("kernel_drops", N_plural("{} kernel drops", "{} kernel drops")),
    ("over_limit", N_plural("{} dropped over a limit", "{} dropped over a limit")),
    ("malformed", N_plural("{} malformed", "{} malformed")),
)
"""The counts that a summary in words names, each only when it is not 0."""


def part(count: int, forms: tuple[str, str]) -> str:
    """One of them: 3 lost."""
    return plural(*forms, count).format(number(count))


def summary_words(summary: Mapping[str, Any], endpoint: str) -> str:
    """One line that says how a run went; a sender that does not know what was delivered says that."""
    if summary["observer"] == "listener":
        count, table = summary["messages_delivered"], PARTS_OF_LISTENER
        words = plural("{} message received on {}", "{} messages received on {}", count)
    else:
        count, table = summary["messages_sent"], PARTS_OF_SENDER
        words = plural("{} message to {}", "{} messages to {}", count)
    parts = [words.format(number(count), endpoint)]
    parts += [part(summary[key], forms) for key, forms in table if summary[key]]
    round_trips = summary["rtt_s"]
    if round_trips:
        words = _("round trip {} (median)") if round_trips["count"] > 1 else _("round trip {}")
        parts.append(words.format(duration(round_trips["p50"])))
    size = byte_count(summary["payload_bytes"])
    parts.append(_("{} in {}").format(size, duration(summary["duration_s"])) if summary["duration_s"] else size)
    if summary["goodput_bps"] and summary["payload_bytes"] >= 10_000:
        parts.append(bit_rate(summary["goodput_bps"]))
    return " · ".join(parts)
