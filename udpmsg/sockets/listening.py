"""Finding and binding an address to listen on, the same for both twins, with an error that says what to do."""

import errno
import os
import socket
import sys
from collections.abc import Callable

from udpmsg.base.errors import CannotListen, NameUnknown, Phrase, UsageError
from udpmsg.sockets.endpoint import DEFAULT_PORT, Address, Endpoint, endpoint_of, is_multicast, resolve

TRANSPORTS = {"udp": ("udp",), "tcp": ("tcp",), "both": ("udp", "tcp")}
"""What a listener or a relay can be asked for, and what it then listens on."""
SAME_PORT_ATTEMPTS = 16
"""How often the system is asked for a port that is free over UDP and over TCP."""
LAST_PRIVILEGED_PORT = 1023
MOST_BUFFER = 2**31 - 1
"""Bytes: the socket option is a signed number of 32 bits; the kernel gives less anyway."""
RECEIVE_BUFFER = 4 << 20
"""Bytes that a receiver asks the kernel for, where nothing else is said."""
BACKLOG = 1024
"""Connections that the kernel keeps ready until they are accepted."""
KEPT_DESCRIPTORS = 64
"""Open files that connections leave to everything else."""


def own_address(host: str, port: int, kind: int) -> Address:
    """The address to bind that a host means, its first one. Raises CannotListen for a name that does not resolve, and UsageError
    for what is no address of a machine."""
    if host.strip() in ("", "*"):
        raise UsageError(
            "{!r} is no address to listen on: write 0.0.0.0 for every IPv4 address of this machine, :: for IPv6 and IPv4", host
        )
    try:
        address = resolve(host, port, kind)[0]
    except NameUnknown as error:
        raise CannotListen("cannot listen there: {}", error) from None
    if is_multicast(address):
        raise UsageError(
            "{} is a multicast group, and no address of this machine: what is sent to it is received by "
            "udpmsg listen --multicast {} (multicast=), without a host",
            host,
            host,
        )
    return address


def bind(listener: socket.socket, address: Address, transport: str) -> None:
    """Bind, alone (on Windows a port could otherwise be taken over) and, on `::`, for IPv4 too. Raises CannotListen."""
    if sys.platform == "win32":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    if address.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if address.sockaddr[0] == "::" else 1)
    try:
        listener.bind(address.sockaddr)
    except OSError as error:
        raise explained(error, endpoint_of(transport, address.sockaddr)) from None


def tcp_listener(host: str, port: int, prepare: Callable[[socket.socket], object]) -> socket.socket:
    """A socket that listens, and never blocks; `prepare` asks for what else it needs. Raises CannotListen and UsageError."""
    address = own_address(host, port, socket.SOCK_STREAM)
    listener = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            # A listener that is started again must not wait for the old connections' TIME_WAIT to be over.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        prepare(listener)
        bind(listener, address, "tcp")
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def explained(error: OSError, endpoint: Endpoint) -> CannotListen:
    """Why an endpoint cannot be bound, and what to do."""
    where = f"{endpoint.transport} {endpoint}"
    if error.errno == errno.EADDRINUSE:
        who = f"ss -lnp 'sport = :{endpoint.port}'" if sys.platform == "linux" else f"lsof -i :{endpoint.port}"
        if sys.platform == "darwin" and endpoint.port == 5000:
            who = Phrase("{}; on macOS the AirPlay Receiver may hold it", who)
        return CannotListen(
            "cannot listen on {}: the port is in use; choose another with --port, or see who has it: {}", where, who
        )
    if error.errno in (errno.EACCES, errno.EPERM) and 0 < endpoint.port <= LAST_PRIVILEGED_PORT:
        return CannotListen(
            "cannot listen on {}: a port below {} needs a privilege that you do not have; "
            "choose one from {} to 65535, such as --port {}",
            where,
            LAST_PRIVILEGED_PORT + 1,
            LAST_PRIVILEGED_PORT + 1,
            DEFAULT_PORT,
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return CannotListen(
            "cannot listen on {}: this machine has no address {}; choose 127.0.0.1, or 0.0.0.0 for all of its addresses",
            where,
            endpoint.host,
        )
    return CannotListen("cannot listen on {}: {}", where, Phrase(error.strerror or str(error)))


def within_descriptors(connections: int) -> int:
    """How many connections at most: fewer where the process needs descriptors for other things, such as a command's pipes."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return connections
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return connections if limit == resource.RLIM_INFINITY else min(connections, max(limit - KEPT_DESCRIPTORS, limit // 2))
