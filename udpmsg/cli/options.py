"""What users write on a command line that other places do not have (ports, destinations), and the options that commands share.

Each is a row of `udpmsg.base.option`; a command has its own rows in its module. Knows no command.
"""

from pathlib import Path

from udpmsg.base import kinds, language
from udpmsg.base.errors import N_, Phrase, UsageError
from udpmsg.base.kinds import ValueKind
from udpmsg.base.option import Against, Option
from udpmsg.core.config import MAX_MESSAGE
from udpmsg.sockets.endpoint import DEFAULT_PORT, LOOPBACK, check_hops

FAREWELL = "bye"
EVERY_ADDRESS = ("0.0.0.0", "::")
"""A listener there is on every address of this machine: of IPv4, and of IPv6 and IPv4."""


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


def parse_ttl(text: str) -> int:
    """Hops, from 1 to 255."""
    hops = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text
    check_hops(hops)
    return int(hops)


def own_hosts() -> list[str]:
    """This machine's addresses, as others write them."""
    from udpmsg.cli.addresses import own_addresses

    return own_addresses(EVERY_ADDRESS[0])


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


FILE = ValueKind("FILE", Path)
PATH = ValueKind("PATH", Path)
FOLDER = ValueKind("DIR", Path)
INTERFACE = ValueKind("HOST", str, look_up=own_hosts)
"""An interface of this machine, by its address."""
LISTENER = ValueKind("HOST", str, look_up=lambda: [LOOPBACK, *EVERY_ADDRESS, *own_hosts()])
"""Where a listener can be."""
HOPS = ValueKind("N", parse_ttl)
PORT_NUMBER = ValueKind("PORT", parse_port)
TEXT = ValueKind("TEXT", str)
WORD = ValueKind("WORD", str)

NETWORK, LIMITS, OUTPUT = N_("Network"), N_("Limits"), N_("Output")
"""Panels of the help."""


def argument(name: str, metavar: str, words: str, *, many: bool = False, against: Against = ()) -> Option:
    """An argument; one that may be left out has its metavar in brackets."""
    return Option(name, words, ValueKind(metavar, str), many=many, against=against)


def written_file(name: str, words: str, panel: str = OUTPUT, against: Against = ()) -> Option:
    """An option that names a file to be written (see `outputs`)."""
    return Option(name, Phrase("{} - is standard output.", Phrase(words)), FILE, panel, against=against)


NO_OFFLOAD = ("tcp", N_("TCP's kernel cuts and joins its stream itself"))

PORT = Option("--port", N_("1 to 65535."), PORT_NUMBER, NETWORK, unset=str(DEFAULT_PORT))
TCP = Option("--tcp", N_("Use TCP instead of UDP."), panel=NETWORK)
OFFLOAD = Option(
    "--offload/--no-offload",
    N_("UDP: give the kernel many datagrams in one call where it takes them (Linux)."),
    panel=NETWORK,
    default=True,
    unset=N_("yes"),
)
LARGEST = Option("--max-message", N_("The largest message."), kinds.BUFFER, LIMITS, default=MAX_MESSAGE)
RATE = Option("--rate", N_("Messages a second, such as 1000/s."), kinds.RATE)
INTERVAL = Option(
    "--interval",
    N_("From one message to the next, such as 100ms."),
    kinds.SOME_SECONDS,
    against=(("rate", N_("they say the same: --interval 100ms is --rate 10/s")),),
)
ACK = Option("--ack", N_("Ask for a confirmation of each message, and retransmit until it comes."))
SAVE = Option("--save", N_("Write each message to a file there."), FOLDER, OUTPUT)
LEDGER = Option("--ledger", N_("One row per message and mode: outcome and cause."), panel=OUTPUT)
LADDER = Option("--ladder", N_("The frames between sender and receiver."), panel=OUTPUT)
HTML = written_file("--html", N_("Write a page that opens in any browser."))
LANG = Option(
    "--lang",
    Phrase("Speak {}.", ", ".join(language.LANGUAGES)),
    ValueKind("LANGUAGE", language.parse, names=language.LANGUAGES),
    OUTPUT,
    unset=N_("the system's"),
)
"""`app` hears it before a command is imported, as some texts are translated then."""
JSON = Option("--json", N_("JSON lines on standard output."), panel=OUTPUT)
