"""Addresses: what names and ports a user may give, and what they resolve to. Owns no socket."""

import os
import socket
from collections.abc import Hashable
from functools import lru_cache
from typing import Any, NamedTuple

from udpmsg.errors import NameUnknown, Phrase, UsageError

DEFAULT_PORT = 5000


class Endpoint(NamedTuple):
    """One side of an exchange: `transport` is "udp" or "tcp", `host` a numeric address."""

    transport: str
    host: str
    port: int

    def __str__(self) -> str:
        """`127.0.0.1:5000`, `[::1]:5000`; an IPv4 address that an IPv6 socket shows is shown as what it is."""
        host = self.host.removeprefix("::ffff:") if "." in self.host else self.host
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


class Address(NamedTuple):
    """A resolved address, ready for a socket: `family` is AF_INET or AF_INET6."""

    family: int
    sockaddr: tuple[Any, ...]


@lru_cache(maxsize=4096)
def endpoint_of(transport: str, sockaddr: tuple[Any, ...]) -> Endpoint:
    """The endpoint of an address that a socket told; a scoped IPv6 address keeps its scope."""
    host, port = sockaddr[0], sockaddr[1]
    if len(sockaddr) == 4 and sockaddr[3] and "%" not in host:
        host = f"{host}%{sockaddr[3]}"
    return Endpoint(transport, host, port)


def origin_of(peer: Hashable) -> str:
    """What counts as one address: an IPv4 address, or an IPv6 network of 64 bits, which one host may have whole."""
    assert isinstance(peer, Endpoint)
    host = peer.host.removeprefix("::ffff:")
    if ":" not in host:
        return host
    return socket.inet_pton(socket.AF_INET6, host.split("%")[0])[:8].hex()


def resolve(host: str, port: int, kind: int) -> list[Address]:
    """Every address of a name, IPv4 first: a listener that is told a name and a sender that is told the same name meet.

    `kind` is socket.SOCK_DGRAM or SOCK_STREAM. Raises NameUnknown.
    """
    try:
        # as bytes: for text Python loads its codec for international names first, which costs more than everything else here
        found = socket.getaddrinfo(host.encode() if host.isascii() else host, port, type=kind)
    except (OSError, UnicodeError) as error:
        raise NameUnknown(
            "the name {!r} does not resolve ({}): check the spelling, or give the address itself, such as 127.0.0.1",
            host,
            Phrase(getattr(error, "strerror", None) or str(error)),
        ) from None
    addresses = [Address(family, sockaddr) for family, _, _, _, sockaddr in found if family in (socket.AF_INET, socket.AF_INET6)]
    return sorted(dict.fromkeys(addresses), key=lambda address: address.family != socket.AF_INET)


def check_port(port: int, *, lowest: int = 1) -> None:
    """Raise UsageError for a port that does not exist. Port 0 lets the system choose, where only listening makes sense of it."""
    if not lowest <= port <= 65_535:
        raise UsageError("there is no port {}: choose one from {} to 65535, such as {}", port, max(lowest, 1), DEFAULT_PORT)


def is_multicast(address: Address) -> bool:
    """Whether a datagram sent there goes to a group."""
    first = socket.inet_pton(address.family, address.sockaddr[0].split("%")[0])[0]
    return first == 0xFF if address.family == socket.AF_INET6 else 224 <= first <= 239


def new_session() -> int:
    """A session id: 64 random bits, never 0, that nobody can guess."""
    while not (session := int.from_bytes(os.urandom(8), "big")):
        pass
    return session
