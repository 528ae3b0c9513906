"""The lesson `restart`: the server ends and begins again on its port; what its clients notice, and whether it gets the port."""

import select
import socket
from dataclasses import dataclass

from udpmsg.base import clock
from udpmsg.base.language import _
from udpmsg.lessons.lesson import Illustration, Observations, Predicates, table
from udpmsg.lessons.stage import END, LARGEST, LOOPBACK, PATIENCE, SILENCE, Stage, error_name, reading, word_for

BEFORE, MEANWHILE, AFTER = b"before", b"meanwhile", b"after"
BOUND = "bound"


@dataclass(frozen=True)
class Seen(Observations):
    """What the clients were told, and what the restarted server read. None: not tried, because the server did not end."""

    udp_bind_again: str | None
    """"bound", or the error's name."""
    udp_read_after: tuple[str, ...]
    tcp_client_reads: str
    """"end", "silence", or the error's name."""
    tcp_send_error: str | None
    """Of a send over the old connection; None: there was none."""
    tcp_new_connection: str | None
    """What the restarted server read over a new connection."""
    tcp_bind_again: str | None
    """"bound", or the error's name, without SO_REUSEADDR."""
    tcp_bind_reusing: str | None
    """The same with it."""


def run(stage: Stage, *, restarted: bool = True, client_ends_first: bool = False) -> Seen:
    """`restarted`: whether the server ends; `client_ends_first`: TCP's client closes before the server does."""
    udp_bind, udp_read = over_udp(stage, restarted)
    client_reads, send_error, new_connection = over_tcp(stage, restarted)
    return Seen(udp_bind, udp_read, client_reads, send_error, new_connection, *port(stage, restarted, client_ends_first))


def over_udp(stage: Stage, restarted: bool) -> tuple[str | None, tuple[str, ...]]:
    """A client sends before the end, while the server is away, and after its return, by one socket."""
    stage.step(_("UDP: the client sends “{}”; then the server ends").format(BEFORE.decode()))
    server, client = stage.udp_listener(), stage.udp()
    address = server.getsockname()
    client.sendto(BEFORE, address)
    server.recv(LARGEST)
    if restarted:
        server.close()
    client.sendto(MEANWHILE, address)
    stage.say(_("the client sends “{}”, which succeeds").format(MEANWHILE.decode()))
    stage.step(_("UDP: it begins again on the same port, and the client goes on by the same socket"))
    bound = None
    if restarted:
        server = stage.udp()
        bound = binding(server, address)
        stage.say(f"bind() -> {told(bound)}")
    client.sendto(AFTER, address)
    reads: list[str] = []
    while select.select([server], [], [], SILENCE / 3)[0]:
        reads.append(server.recv(LARGEST).decode())
        stage.say(_("the server reads “{}”").format(reads[-1]))
    return bound, tuple(reads)


def over_tcp(stage: Stage, restarted: bool) -> tuple[str, str | None, str | None]:
    """The same over a connection; then over a new one."""
    stage.step(_("TCP: the client sends “{}”; then the server ends").format(BEFORE.decode()))
    listener, client, connection = connected(stage)
    address = listener.getsockname()
    client.sendall(BEFORE)
    connection.recv(LARGEST)
    if restarted:
        connection.close()
        listener.close()
        listener = listening(stage, address)
    reads = reading(client)
    stage.say(_("the client reads: {}").format(word_for(reads)))
    if not restarted:
        return reads, None, None
    stage.step(_("TCP: the server is there again, and the client goes on by the same socket"))
    error = refused(client)
    stage.say(_("send() -> {}").format(error or _("taken")))
    stage.step(_("TCP: the client connects again"))
    again = stage.tcp()
    again.connect(address)
    again.sendall(AFTER)
    read = stage.accepted(listener).recv(LARGEST).decode()
    stage.say(_("the server reads “{}”").format(read))
    return reads, error, read


def port(stage: Stage, restarted: bool, client_ends_first: bool) -> tuple[str | None, str | None]:
    """A connection, ended in order, and whether its server's port can be bound again."""
    if not restarted:
        return None, None
    stage.step(_("TCP: a server ends its connection and itself; another one wants its port at once"))
    listener, client, connection = connected(stage)
    address = listener.getsockname()
    first, second = (client, connection) if client_ends_first else (connection, client)
    first.close()
    second.recv(LARGEST)  # the end, which is there when the other side has closed
    second.close()
    listener.close()
    outcomes = []
    for reuse in (0, 1):
        server = stage.tcp()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
        outcomes.append(binding(server, address))
        server.close()
    stage.say(f"bind() -> {told(outcomes[0])}")
    stage.say(_("with SO_REUSEADDR: bind() -> {}").format(told(outcomes[1])))
    return outcomes[0], outcomes[1]


def connected(stage: Stage) -> tuple[socket.socket, socket.socket, socket.socket]:
    """A listener, a client, and the server's end of their connection."""
    listener, client = listening(stage), stage.tcp()
    client.connect(listener.getsockname())
    return listener, client, stage.accepted(listener)


def listening(stage: Stage, address: tuple[str, int] = (LOOPBACK, 0)) -> socket.socket:
    """A listener as servers open it: with SO_REUSEADDR, which Linux wants of both the old and the new one."""
    listener = stage.tcp()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    listener.listen()
    return listener


def binding(server: socket.socket, address: tuple[str, int]) -> str:
    """Whether the address can be bound."""
    try:
        server.bind(address)
    except OSError as error:
        return error_name(error)
    return BOUND


def refused(client: socket.socket) -> str | None:
    """Send until the reset comes that answers the first of these bytes: it is the error of a later send."""
    until = clock.now() + round(PATIENCE * 1e9)
    while clock.now() < until:
        try:
            client.send(AFTER)
        except OSError as error:
            return error_name(error)
    return None


def told(outcome: str | None) -> str:
    """What became of a bind, in the language that is spoken."""
    return _("bound") if outcome == BOUND else outcome or "–"


def shows(seen: Seen) -> tuple[Illustration, ...]:
    """The two clients, and the port."""
    rows = (
        (_("the server's port, at once"), told(seen.udp_bind_again), told(seen.tcp_bind_again)),
        (_("with SO_REUSEADDR"), "", told(seen.tcp_bind_reusing)),
        (_("the client reads"), "–", word_for(seen.tcp_client_reads)),
        (_("the client sends by its old socket"), _("taken"), seen.tcp_send_error or _("taken")),
        (_("the restarted server reads"), ", ".join(seen.udp_read_after), seen.tcp_new_connection or "–"),
    )
    return (table(("", "UDP", "TCP"), rows),)


EXPECTED: Predicates[Seen] = {
    "udp-binds-at-once": lambda seen: seen.udp_bind_again == BOUND,
    "udp-goes-on": lambda seen: seen.udp_read_after == (AFTER.decode(),),
    "tcp-connection-ends": lambda seen: seen.tcp_client_reads == END and seen.tcp_send_error is not None,
    "tcp-needs-a-new-connection": lambda seen: seen.tcp_new_connection == AFTER.decode(),
    "time-wait-holds-the-port": lambda seen: seen.tcp_bind_again == "EADDRINUSE",
    "reuse-gets-the-port": lambda seen: seen.tcp_bind_reusing == BOUND,
    "port-is-free": lambda seen: seen.tcp_bind_again == BOUND,
}
