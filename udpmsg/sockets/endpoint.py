"""Addresses: what names and ports a user may give, and what they resolve to. Owns no socket."""

import os
import socket
from collections.abc import Hashable
from functools import lru_cache
from typing import Any, NamedTuple

from udpmsg.base.errors import NameUnknown, Phrase, UsageError

DEFAULT_PORT = 5000
LOOPBACK = "127.0.0.1"
NETWORK = 8
"""Bytes of an IPv6 address that tell whose it is: the rest are the owner's to choose."""
MAPPED = bytes(10) + b"\xff\xff"
"""How an IPv4 address begins that an IPv6 socket shows."""
MOST_HOPS = 255


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


@lru_cache(maxsize=4096)
def owner(host: str) -> str:
    """What counts as one owner of addresses: the network of an IPv6 address; for one that stands for an IPv4 address, that
    address."""
    if ":" not in host:
        return host
    packed = socket.inet_pton(socket.AF_INET6, host.split("%")[0])
    if packed.startswith(MAPPED):
        return socket.inet_ntop(socket.AF_INET, packed[len(MAPPED) :])
    return packed[:NETWORK].hex()


def origin_of(peer: Hashable) -> str:
    """What counts as one address, of the endpoints that a receiver is told."""
    assert isinstance(peer, Endpoint)
    return owner(peer.host)


def resolve(host: str, port: int, kind: int) -> list[Address]:
    """Every address of a name, IPv4 first: a listener that is told a name and a sender that is told the same name meet.

    `kind` is socket.SOCK_DGRAM or SOCK_STREAM. Raises NameUnknown, and UsageError for what can be no name, and for an address of
    one link that does not say which.
    """
    if not host or host == "*" or "\0" in host:  # of which a resolver makes this machine, or the part before the NUL
        raise UsageError("{!r} names no host: write a name or an address, such as localhost or 127.0.0.1", host)
    try:
        # as bytes: for text Python loads its codec for international names first, which costs more than everything else here
        found = socket.getaddrinfo(host.encode() if host.isascii() else host, port, type=kind)
    except (OSError, UnicodeError) as error:
        if ":" in host and "%" in host and host.partition("%")[2] not in interfaces():
            raise zone_unknown(host) from None
        raise NameUnknown(
            "the name {!r} does not resolve ({}): check the spelling, or give the address itself, such as 127.0.0.1",
            host,
            Phrase(getattr(error, "strerror", None) or str(error)),
        ) from None
    addresses = [Address(family, sockaddr) for family, _, _, _, sockaddr in found if family in (socket.AF_INET, socket.AF_INET6)]
    reachable = [address for address in addresses if not lacks_zone(address)]
    if addresses and not reachable:
        raise zone_unknown(host if "%" in host else addresses[0].sockaddr[0])
    return sorted(dict.fromkeys(reachable), key=lambda address: address.family != socket.AF_INET)


def lacks_zone(address: Address) -> bool:
    """Whether this is a link-local address (fe80::/10, RFC 4291) without a zone, or any one whose zone is no interface here."""
    if address.family != socket.AF_INET6:
        return False
    if zone := address.sockaddr[3]:
        return zone not in dict(socket.if_nameindex())
    first, second = socket.inet_pton(socket.AF_INET6, address.sockaddr[0].split("%")[0])[:2]
    return first == 0xFE and second & 0xC0 == 0x80


def interfaces() -> list[str]:
    """The names of this machine's interfaces."""
    return [name for _, name in socket.if_nameindex()]


def zone_unknown(host: str) -> UsageError:
    """What to say of an address whose zone (RFC 4007), the interface to its link, is missing or is not here."""
    address, _, zone = host.partition("%")
    names = interfaces()
    listed, example = ", ".join(map(repr, names)), f"{address}%{names[-1]}"
    if zone:
        return UsageError(
            "{!r} names the interface {!r}, which is not here: choose from {}, as in {!r}", host, zone, listed, example
        )
    return UsageError(
        "{!r} is an address of one link, and its zone, the interface to that link, is missing: choose from {}, as in {!r}",
        host,
        listed,
        example,
    )


def check_port(port: int, *, lowest: int = 1) -> None:
    """Raise UsageError for a port that does not exist. Port 0 lets the system choose, where only listening makes sense of it."""
    if not lowest <= port <= 65_535:
        raise UsageError("there is no port {}: choose one from {} to 65535, such as {}", port, max(lowest, 1), DEFAULT_PORT)


def check_hops(hops: object) -> None:
    """Raise UsageError for a time to live that no packet can have on its way: its header has one byte for it, and 0 is none."""
    if not isinstance(hops, int) or not 1 <= hops <= MOST_HOPS:
        raise UsageError("{!r} is not a time to live (how many routers a packet may pass): choose from 1 to {}", hops, MOST_HOPS)


def is_multicast(address: Address) -> bool:
    """Whether a datagram sent there goes to a group."""
    first = socket.inet_pton(address.family, address.sockaddr[0].split("%")[0])[0]
    return first == 0xFF if address.family == socket.AF_INET6 else 224 <= first <= 239


def new_session() -> int:
    """A session id: 64 random bits, never 0, that nobody can guess."""
    while not (session := int.from_bytes(os.urandom(8), "big")):
        pass
    return session
