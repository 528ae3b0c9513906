"""What users write for quantities: 20ms, 1.5s, 64KiB, 10mbit, 100/s, 5%, and whole numbers; and the same the other way round.

Owns the units, and the errors for other text (`UsageError`). Text made here reads back as exactly the same value.
Knows no option, no file and no command.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from udpmsg.base.errors import Phrase, UsageError

LARGEST_DATAGRAM = 65_507
"""65,535 less 20 bytes of IPv4 header and 8 of UDP's."""
SMALLEST_DATAGRAM = 128
"""A header with all its blocks, a checksum, and room for some bytes of a message."""
MOST_TRANSMISSIONS = 255
"""Of one datagram: the header counts them in a byte."""
MOST_SESSIONS = 100_000
"""Of one listener: each takes some KiB, and may be remembered eight times over when it has ended."""
LARGEST_SEED = 2**64 - 1
"""A seed is eight bytes of what a fate is computed from (`udpmsg.link.faults`)."""

QUANTITY = r"(?a)\s*(?:(\d{1,2000})(?:\.(\d{0,2000}))?|\.(\d{1,2000}))\s*([^\d\s.]*)\s*"
"""Compiled only when a quantity is given: most command lines have none. Python makes integers of 4,300 digits at most."""


class Unit(NamedTuple):
    """A quantity: what it is called, examples of it, its units (lower case), and the largest that makes sense."""

    name: Phrase
    examples: Phrase
    factors: Mapping[str, int]
    """How many of the smallest thing that is counted (nanoseconds, bytes, per cent …) each unit has."""
    one: int
    """How many of them make one of what `parse` returns."""
    largest: int
    """In what `parse` returns."""


NANOSECONDS = {
    "us": 1_000,
    "\u00b5s": 1_000,  # the micro sign, as keyboards have it
    "\u03bcs": 1_000,  # the Greek letter mu, which Unicode prefers and some systems write
    "ms": 10**6,
    "": 10**9,  # read, so that 0 needs no unit and every other number is told what it lacks: `_time`
    "s": 10**9,
    "min": 60 * 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
BYTES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
BITS = {"bit": 1, "kbit": 10**3, "mbit": 10**6, "gbit": 10**9, "bit/s": 1, "kbit/s": 10**3, "mbit/s": 10**6, "gbit/s": 10**9}

DURATION = Unit(Phrase("a duration"), Phrase("20ms, 1.5s or 2min"), NANOSECONDS, 10**9, 100 * 366 * 86400)
"""A hundred years: three of them added up are nanoseconds that fit 64 bits."""
SIZE = Unit(Phrase("a size"), Phrase("1200, 64KiB or 4MiB"), BYTES, 1, 2**40)
PER_SECOND = {"": 3600, "/s": 3600, "/min": 60, "/m": 60, "/h": 1}
RATE = Unit(Phrase("a rate"), Phrase("100/s or 5000/s"), PER_SECOND, 3600, 10**9)
BIT_RATE = Unit(Phrase("a bit rate"), Phrase("500kbit or 10mbit"), BITS, 1, 10**13)
SHARE = Unit(Phrase("a share of 0% to 100%"), Phrase("5% or 0.5%"), {"%": 1}, 100, 1)


def parse(text: str, unit: Unit) -> float:
    """The number of bytes, messages a second, bits a second, or the share, that the text means. Times: `parse_duration`."""
    numerator, denominator = _ratio(text, unit)
    return numerator / (denominator * unit.one)


def parse_duration(text: str) -> float:
    """Seconds. As of every time, the unit must be written, except of 0."""
    numerator, denominator = _time(text)
    return numerator / (denominator * DURATION.one)


def parse_positive_duration(text: str) -> float:
    """Seconds, more than none."""
    return _positive(text, parse_duration(text))


def parse_nanoseconds(text: str) -> int:
    """A duration in whole nanoseconds, to the nearest."""
    numerator, denominator = _time(text)
    return (2 * numerator + denominator) // (2 * denominator)


def parse_positive_nanoseconds(text: str) -> int:
    """A duration in whole nanoseconds, at least one."""
    return int(_positive(text, parse_nanoseconds(text)))


def parse_size(text: str) -> int:
    """Whole bytes."""
    numerator, denominator = _ratio(text, SIZE)
    if numerator % denominator:
        raise UsageError("{!r} is not a whole number of bytes; write {}", text, SIZE.examples)
    return numerator // denominator


def parse_positive_size(text: str) -> int:
    """Whole bytes, at least one."""
    return int(_positive(text, parse_size(text)))


def parse_datagram_size(text: str) -> int:
    """Bytes of UDP payload in one datagram."""
    size = parse_size(text)
    if not SMALLEST_DATAGRAM <= size <= LARGEST_DATAGRAM:
        raise UsageError(
            "{} bytes do not make a datagram; choose from {} to {} (1200 passes every IPv6 network whole)",
            size,
            SMALLEST_DATAGRAM,
            LARGEST_DATAGRAM,
        )
    return size


def parse_rate(text: str) -> float:
    """Messages a second."""
    return _positive(text, parse(text, RATE))


def parse_bit_rate(text: str) -> int:
    """Whole bits a second, at least one."""
    return int(_positive(text, round(parse(text, BIT_RATE))))


def parse_share(text: str) -> float:
    """A share from 0 to 1."""
    return parse(text, SHARE)


def parse_count(text: str) -> int:
    """A whole number from 1."""
    if not text.isascii() or not text.isdigit() or not 1 <= len(text) <= 15 or int(text) == 0:
        raise UsageError("{!r} is not a count; write a whole number from 1", text)
    return int(text)


def parse_transmissions(text: str) -> int:
    """From 1 to MOST_TRANSMISSIONS."""
    count = parse_count(text)
    if count > MOST_TRANSMISSIONS:
        raise UsageError("{} transmissions are too many; choose from 1 to {}", text, MOST_TRANSMISSIONS)
    return count


def parse_sessions(text: str) -> int:
    """From 1 to MOST_SESSIONS."""
    count = parse_count(text)
    if count > MOST_SESSIONS:
        raise UsageError("{} sessions are too many for one listener; choose from 1 to {}", text, MOST_SESSIONS)
    return count


def parse_seed(text: str) -> int:
    """From 0 to 2^64 - 1."""
    if not text.isascii() or not text.isdigit() or len(text) > 20 or int(text) > LARGEST_SEED:
        raise UsageError("{!r} is not a seed; choose a whole number from 0 to {}", text, LARGEST_SEED)
    return int(text)


def one_of(text: str, names: Iterable[str], what: str) -> str:
    """The name that the text means, in upper or lower case. Any other text is refused, with the nearest name.

    `what` they name, as in "mode", stands where this is called: the catalogues take it from there."""
    known = [str(name) for name in names]
    word = text.strip().lower()
    if word in known:
        return word
    from difflib import get_close_matches

    nearest = get_close_matches(word, known, n=1)
    choices = ", ".join(known)
    if nearest:
        raise UsageError("{!r} is no {}; did you mean {}? choose from {}", text, Phrase(what), nearest[0], choices)
    raise UsageError("{!r} is no {}; choose from {}", text, Phrase(what), choices)


def duration_text(nanoseconds: int) -> str:
    """As it is written: 20ms, 1.5s, 60s."""
    for name, factor in (("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if nanoseconds >= factor:
            return _decimal(nanoseconds, factor) + name
    return _decimal(nanoseconds, 10**3) + "us" if nanoseconds else "0s"


def size_text(size: int) -> str:
    """As it is written: 1200, 64KiB, 4MiB."""
    for name, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= factor and size % factor == 0:
            return f"{size // factor}{name}"
    return str(size)


def bit_rate_text(rate: int) -> str:
    """As it is written: 10mbit, 1.5mbit, 500kbit."""
    for name, factor in (("gbit", 10**9), ("mbit", 10**6), ("kbit", 10**3)):
        if rate >= factor:
            return _decimal(rate, factor) + name
    return f"{rate}bit"


def share_text(share: float) -> str:
    """As it is written: 5%, 0.5%. The shortest that reads back as the same number."""
    digits, _, exponent = repr(float(share)).partition("e")
    whole, _, fraction = digits.partition(".")
    point = len(whole) + int(exponent or 0) + 2
    digits = whole + fraction
    if point <= 0:
        digits, point = "0" * (1 - point) + digits, 1
    digits = digits.ljust(point, "0")
    return _tidy(digits[:point].lstrip("0") or "0", digits[point:]) + "%"


def _ratio(text: str, unit: Unit) -> tuple[int, int]:
    """Numerator and denominator of what the text means, exactly, in the smallest thing that the unit counts."""
    bare = text.strip()
    match = re.fullmatch(QUANTITY, bare.removeprefix("-"))
    factor = unit.factors.get(match[4].lower()) if match else None
    if match is None or factor is None:
        raise UsageError("{!r} is not {}; write {}", text, unit.name, unit.examples)
    if bare.startswith("-"):
        raise UsageError("{!r} is negative, and {} must be 0 or more; write {}", text, unit.name, unit.examples)
    fraction = match[2] or match[3] or ""
    numerator, denominator = int((match[1] or "") + fraction) * factor, 10 ** len(fraction)
    if numerator > unit.largest * unit.one * denominator:
        raise UsageError("{!r} is too large for {}; write {}", text, unit.name, unit.examples)
    return numerator, denominator


def _time(text: str) -> tuple[int, int]:
    """The same in nanoseconds, of a time with its unit: who writes 20 may mean 20ms, and would wait 20 s. 0 needs none."""
    numerator, denominator = _ratio(text, DURATION)
    if numerator and text.strip()[-1] in "0123456789.":
        raise UsageError("{!r} has no unit; write {}ms or {}s", text, text.strip(), text.strip())
    return numerator, denominator


def _positive(text: str, value: float) -> float:
    if value <= 0:
        raise UsageError("{!r} is too little; it must be more than 0", text)
    return value


def _decimal(value: int, factor: int) -> str:
    """value / factor, exactly; the factor is a power of ten."""
    whole, rest = divmod(value, factor)
    return _tidy(str(whole), str(rest).rjust(len(str(factor)) - 1, "0"))


def _tidy(whole: str, fraction: str) -> str:
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole
