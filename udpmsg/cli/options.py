"""What users write: durations, sizes, rates, ports and addresses, and the options that both commands have.

Owns the units (20ms, 1.5s, 64KiB, 10mbit, 100/s, 5%) and the sentences for what is none. Knows no command.
"""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple

import typer

DEFAULT_PORT = 5000
FAREWELL = "bye"
LARGEST_DATAGRAM = 65_507
"""65,535 less 20 bytes of IPv4 header and 8 of UDP's."""
SMALLEST_DATAGRAM = 128
"""A header with all its blocks, a checksum, and room for some bytes of a message."""

QUANTITY = r"(?a)\s*(\d+(?:\.\d*)?|\.\d+)\s*([^\d\s.]*)\s*"
"""Compiled only when a quantity is given: most command lines have none."""


class Unit(NamedTuple):
    """A quantity: what it is called, examples of it, its units (lower case), and the largest that makes sense."""

    name: str
    examples: str
    factors: Mapping[str, float]
    largest: float


DURATION = Unit(
    "duration",
    "20ms, 1.5s or 2min",
    {"": 1, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "m": 60, "h": 3600},
    366 * 86400,
)
SIZE = Unit(
    "size",
    "1200, 64KiB or 4MiB",
    {"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 1024, "mib": 1024**2, "gib": 1024**3},
    2**40,
)
RATE = Unit("rate", "100/s or 5000/s", {"": 1, "/s": 1, "/min": 1 / 60, "/m": 1 / 60, "/h": 1 / 3600}, 1e9)
BIT_RATE = Unit(
    "bit rate",
    "500kbit or 10mbit",
    {"bit": 1, "kbit": 1e3, "mbit": 1e6, "gbit": 1e9, "bit/s": 1, "kbit/s": 1e3, "mbit/s": 1e6, "gbit/s": 1e9},
    1e13,
)
SHARE = Unit("share", "5% or 0.5%", {"%": 0.01}, 1)


def parse(text: str, unit: Unit) -> float:
    """The number of seconds, bytes, messages a second, bits a second, or the share, that the text means."""
    match = re.fullmatch(QUANTITY, text)
    factor = unit.factors.get(match[2].lower()) if match else None
    if match is None or factor is None:
        raise typer.BadParameter(f"{text!r} is not a {unit.name}; write {unit.examples}")
    value = float(match[1]) * factor
    if value > unit.largest:
        raise typer.BadParameter(f"{text!r} is too large for a {unit.name}; write {unit.examples}")
    return value


def parse_duration(text: str) -> float:
    """Seconds."""
    return parse(text, DURATION)


def parse_positive_duration(text: str) -> float:
    """Seconds, more than none."""
    return _positive(text, parse(text, DURATION))


def parse_size(text: str) -> int:
    """Whole bytes."""
    value = parse(text, SIZE)
    if value != int(value):
        raise typer.BadParameter(f"{text!r} is not a whole number of bytes; write {SIZE.examples}")
    return int(value)


def parse_positive_size(text: str) -> int:
    """Whole bytes, at least one."""
    return int(_positive(text, parse_size(text)))


def parse_datagram_size(text: str) -> int:
    """Bytes of UDP payload in one datagram."""
    size = parse_size(text)
    if not SMALLEST_DATAGRAM <= size <= LARGEST_DATAGRAM:
        raise typer.BadParameter(
            f"{size} bytes do not make a datagram; choose from {SMALLEST_DATAGRAM} to {LARGEST_DATAGRAM} "
            "(1200 passes every IPv6 network whole)"
        )
    return size


def parse_rate(text: str) -> float:
    """Messages a second."""
    return _positive(text, parse(text, RATE))


def parse_bit_rate(text: str) -> float:
    """Bits a second."""
    return _positive(text, parse(text, BIT_RATE))


def parse_share(text: str) -> float:
    """A share from 0 to 1."""
    return parse(text, SHARE)


def parse_port(text: str) -> int:
    """A port from 1 to 65535."""
    if not text.isascii() or not text.isdigit():
        raise typer.BadParameter(f"{text!r} is not a port; write a number from 1 to 65535, such as {DEFAULT_PORT}")
    port = int(text) if len(text) < 10 else 10**9
    if port == 0:
        raise typer.BadParameter(f"0 is no port that anybody could send to; write one from 1 to 65535, such as {DEFAULT_PORT}")
    if port > 65535:
        raise typer.BadParameter(f"{text} is not a port: the largest is 65535; the usual one here is {DEFAULT_PORT}")
    return port


def parse_count(text: str) -> int:
    """A whole number from 1."""
    if not text.isascii() or not text.isdigit() or not 1 <= len(text) <= 15 or int(text) == 0:
        raise typer.BadParameter(f"{text!r} is not a count; write a whole number from 1")
    return int(text)


def parse_transmissions(text: str) -> int:
    """From 1 to 255: the header has one byte's worth."""
    count = parse_count(text)
    if count > 255:
        raise typer.BadParameter(f"{text} transmissions are too many; choose from 1 to 255")
    return count


def parse_ttl(text: str) -> int:
    """Hops, from 0 to 255: the IP header has one byte for them."""
    if not text.isascii() or not text.isdigit() or len(text) > 3 or int(text) > 255:
        raise typer.BadParameter(f"{text!r} is not a number of hops; choose from 0 to 255")
    return int(text)


def parse_destination(text: str, port: int | None) -> tuple[str, int]:
    """Host and port of HOST, HOST:PORT, [IPV6]:PORT or a bare IPv6 address; `port` is --port's, if it was given."""
    host, written = text, ""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise typer.BadParameter(f"{text!r} is not an address; write [::1] or [::1]:{DEFAULT_PORT}")
        written = rest[1:] if rest else ""
        if rest == ":":
            raise typer.BadParameter(f"{text!r} names no port after the colon; write [{host}]:{DEFAULT_PORT}")
    elif text.count(":") == 1:
        host, _, written = text.partition(":")
        if not written:
            raise typer.BadParameter(f"{text!r} names no port after the colon; write {host or 'HOST'}:{DEFAULT_PORT}")
    if not host.strip():
        raise typer.BadParameter(f"{text!r} names no host; write 127.0.0.1, localhost:{DEFAULT_PORT} or [::1]:{DEFAULT_PORT}")
    if not written:
        return host, port or DEFAULT_PORT
    if port is not None and port != parse_port(written):
        raise typer.BadParameter(f"the port is given twice, as {written} in {text!r} and as --port {port}; give it once")
    return host, parse_port(written)


def is_multicast(host: str) -> bool:
    """Whether the address names a group: 224.0.0.0 to 239.255.255.255, or ff00::/8."""
    first = host.partition(".")[0]
    if first.isdigit() and host.count(".") == 3:
        return 224 <= int(first) <= 239
    return ":" in host and host[:2].lower() == "ff"


def _positive(text: str, value: float) -> float:
    if value <= 0:
        raise typer.BadParameter(f"{text!r} is none; it must be more than 0")
    return value


def option(
    name: str,
    help: str,  # noqa: A002 - as typer calls it
    *,
    panel: str,
    metavar: str | None = None,
    parser: Callable[[str], Any] | None = None,
    default: str = "",
) -> Any:
    """An option that is also read from the environment; `default` in words, for its help."""
    return typer.Option(
        name,
        parser=parser,
        metavar=metavar,
        help=f"{help} [dim](default {default})[/dim]" if default else help,
        envvar=variable(name),
        show_envvar=False,
        show_default=False,
        rich_help_panel=panel,
    )


def variable(name: str) -> str:
    """The environment variable of an option: UDPMSG_MIN_RTO of --min-rto."""
    return f"UDPMSG_{name.strip('-').upper().replace('-', '_')}"


NETWORK, LIMITS, OUTPUT = "Network", "Limits", "Output"
"""Panels of the help."""

Port = Annotated[int | None, option("--port", "1 to 65535.", panel=NETWORK, metavar="PORT", parser=parse_port, default="5000")]
Tcp = Annotated[bool, option("--tcp", "Use TCP instead of UDP.", panel=NETWORK)]
MaxMessage = Annotated[
    int | None,
    option("--max-message", "The largest message.", panel=LIMITS, metavar="SIZE", parser=parse_positive_size, default="1MiB"),
]
Json = Annotated[bool, option("--json", "JSON lines on standard output.", panel=OUTPUT)]
