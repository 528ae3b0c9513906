"""What users write on a command line: quantities (`udpmsg.base.units`), ports and addresses, and the options that commands share.

Owns how a bad value is refused: one sentence that names the option. Knows no command.
"""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

import typer

from udpmsg.base import language, units
from udpmsg.base.errors import UsageError
from udpmsg.base.language import _, told
from udpmsg.core.congestion import parse_congestion as congestion_named
from udpmsg.sockets.endpoint import check_hops

DEFAULT_PORT = 5000
FAREWELL = "bye"

Given = ParamSpec("Given")
Value = TypeVar("Value")


def refusing(parse: Callable[Given, Value]) -> Callable[Given, Value]:
    """The parser of an option: what `parse` refuses is refused as a bad value, so that the sentence names the option."""

    @wraps(parse)
    def parser(*given: Given.args, **named: Given.kwargs) -> Value:
        try:
            return parse(*given, **named)
        except UsageError as error:
            raise typer.BadParameter(told(error)) from None

    return parser


parse_duration = refusing(units.parse_duration)
parse_positive_duration = refusing(units.parse_positive_duration)
parse_size = refusing(units.parse_size)
parse_positive_size = refusing(units.parse_positive_size)
parse_datagram_size = refusing(units.parse_datagram_size)
parse_rate = refusing(units.parse_rate)
parse_bit_rate = refusing(units.parse_bit_rate)
parse_share = refusing(units.parse_share)
parse_count = refusing(units.parse_count)
parse_congestion = refusing(congestion_named)
parse_transmissions = refusing(units.parse_transmissions)
parse_sessions = refusing(units.parse_sessions)


@refusing
def parse_port(text: str) -> int:
    """A port from 1 to 65535."""
    if not text.isascii() or not text.isdigit():
        raise UsageError("{!r} is not a port; write a number from 1 to 65535, such as {}", text, DEFAULT_PORT)
    port = int(text) if len(text) < 10 else 10**9
    if port == 0:
        raise UsageError("0 is no port that anybody could send to; write one from 1 to 65535, such as {}", DEFAULT_PORT)
    if port > 65535:
        raise UsageError("{} is not a port: the largest is 65535; the usual one here is {}", text, DEFAULT_PORT)
    return port


@refusing
def parse_ttl(text: str) -> int:
    """Hops, from 1 to 255."""
    hops = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text
    check_hops(hops)
    return int(hops)


@refusing
def parse_destination(text: str, port: int | None) -> tuple[str, int]:
    """Host and port of HOST, HOST:PORT, [IPV6]:PORT or a bare IPv6 address; `port` is --port's, if it was given."""
    host, written = text, ""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise UsageError("{!r} is not an address; write [::1] or [::1]:{}", text, DEFAULT_PORT)
        written = rest[1:] if rest else ""
        if rest == ":":
            raise UsageError("{!r} names no port after the colon; write {}", text, f"[{host}]:{DEFAULT_PORT}")
    elif text.count(":") == 1:
        host, _, written = text.partition(":")
        if not written:
            raise UsageError("{!r} names no port after the colon; write {}", text, f"{host or 'HOST'}:{DEFAULT_PORT}")
    if not host.strip():
        raise UsageError("{!r} names no host; write 127.0.0.1, localhost:{} or [::1]:{}", text, DEFAULT_PORT, DEFAULT_PORT)
    if not written:
        return host, port or DEFAULT_PORT
    if port is not None and port != parse_port(written):
        raise UsageError("the port is given twice, as {} in {!r} and as --port {}; give it once", written, text, port)
    return host, parse_port(written)


def is_multicast(host: str) -> bool:
    """Whether the address names a group: 224.0.0.0 to 239.255.255.255, or ff00::/8."""
    first = host.partition(".")[0]
    if first.isdigit() and host.count(".") == 3:
        return 224 <= int(first) <= 239
    return ":" in host and host[:2].lower() == "ff"


def option(
    name: str,
    help: str,  # noqa: A002 - as typer calls it
    *,
    panel: str | None,
    metavar: str | None = None,
    parser: Callable[[str], Any] | None = None,
    default: str = "",
) -> Any:
    """An option that is also read from the environment; `default` in words, for its help."""
    return typer.Option(
        name,
        parser=refusing(parser) if parser else None,
        metavar=metavar,
        help=f"{help} [dim]{_('(default {})').format(default)}[/dim]" if default else help,
        envvar=variable(name),
        show_envvar=False,
        show_default=False,
        rich_help_panel=panel,
    )


def file_option(name: str, help: str, *, panel: str | None) -> Any:  # noqa: A002 - as typer calls it
    """An option that names a file to be written (see `outputs`)."""
    return option(name, f"{help} {_('- is standard output.')}", panel=panel, metavar="FILE")


def interval(panel: str) -> Any:
    """--interval of whatever sends many messages."""
    return option(
        "--interval",
        _("From one message to the next, such as 100ms."),
        panel=panel,
        metavar="TIME",
        parser=parse_positive_duration,
    )


def ack(panel: str) -> Any:
    """--ack of whatever sends messages."""
    return option("--ack", _("Have each message confirmed, and retransmit until it is."), panel=panel)


def variable(name: str) -> str:
    """The environment variable of an option: UDPMSG_MIN_RTO of --min-rto."""
    return f"UDPMSG_{name.partition('/')[0].strip('-').upper().replace('-', '_')}"


NETWORK, LIMITS, OUTPUT = _("Network"), _("Limits"), _("Output")
"""Panels of the help."""

Port = Annotated[int | None, option("--port", _("1 to 65535."), panel=NETWORK, metavar="PORT", parser=parse_port, default="5000")]
Tcp = Annotated[bool, option("--tcp", _("Use TCP instead of UDP."), panel=NETWORK)]
Offload = Annotated[
    bool,
    option(
        "--offload/--no-offload",
        _("UDP: give the kernel many datagrams in one call where it takes them (Linux)."),
        panel=NETWORK,
        default=_("yes"),
    ),
]


def offload_refused(context: typer.Context) -> bool:
    """Whether --no-offload was written for this command. (The environment may say so for all commands, also where it means
    nothing.)"""
    source = context.get_parameter_source("offload")
    return not context.params["offload"] and source is not None and source.name == "COMMANDLINE"


MaxMessage = Annotated[
    int | None,
    option("--max-message", _("The largest message."), panel=LIMITS, metavar="SIZE", parser=parse_positive_size, default="1MiB"),
]


def speaking(panel: str | None) -> Any:
    """--lang, which `app` has heard before a command is imported, as the texts of its help are translated then."""
    return option(
        "--lang",
        _("Speak {}.").format(", ".join(language.LANGUAGES)),
        panel=panel,
        metavar="LANGUAGE",
        parser=language.parse,
        default=_("the system's"),
    )


Html = Annotated[Path | None, file_option("--html", _("Write a page that opens in any browser."), panel=OUTPUT)]
Lang = Annotated[str | None, speaking(OUTPUT)]
Json = Annotated[bool, option("--json", _("JSON lines on standard output."), panel=OUTPUT)]
