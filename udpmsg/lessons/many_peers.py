"""The lesson `many-peers`: how many sockets a server needs for so many clients."""

import select
import socket
from dataclasses import dataclass

from udpmsg.base.language import _, plural
from udpmsg.lessons.lesson import Illustration, Observations, Predicates, table
from udpmsg.lessons.stage import LARGEST, SILENCE, Stage

PEERS = 20


@dataclass(frozen=True)
class Seen(Observations):
    """The server's side of it, and how many clients got the answer that was meant for them."""

    peers: int
    udp_sockets: int
    """Descriptors that the server had open."""
    udp_answered: int
    tcp_sockets: int
    tcp_answered: int
    tcp_ports: int
    """Different ports among the server's sockets."""


def run(stage: Stage, *, peers: int = PEERS, mixed_up: bool = False, moves_on: bool = False) -> Seen:
    """`mixed_up`: the server sends all answers to the last client. `moves_on`: it accepts each connection on a port of its own."""
    return Seen(peers, *over_udp(stage, peers, mixed_up), *over_tcp(stage, peers, mixed_up, moves_on))


def over_udp(stage: Stage, peers: int, mixed_up: bool) -> tuple[int, int]:
    """All clients ask, then one socket reads every question with the address that it came from, and answers there."""
    stage.step(plural("UDP: {} client asks", "UDP: {} clients ask, each by a socket of its own", peers).format(peers))
    server = stage.udp_listener()
    clients = [stage.udp() for _each in range(peers)]
    for client in clients:
        client.sendto(b"question", server.getsockname())
    stage.step(_("UDP: the server answers each at the address that came with its question"))
    addresses: list[tuple[str, int]] = [server.recvfrom(LARGEST)[1] for _each in clients]
    for place, address in enumerate(addresses):
        server.sendto(answer_to(address), addresses[-1] if mixed_up else addresses[place])
    return told(stage, {server.fileno()}, clients)


def over_tcp(stage: Stage, peers: int, mixed_up: bool, moves_on: bool) -> tuple[int, int, int]:
    """The same; accept() gives one socket per client."""
    stage.step(plural("TCP: {} client connects and asks", "TCP: {} clients connect and ask", peers).format(peers))
    listeners = [stage.tcp_listener()]
    clients, connections = [], []
    for _each in range(peers):
        client = stage.tcp()
        if moves_on:
            listeners.append(stage.tcp_listener())
        client.connect(listeners[-1].getsockname())
        connections.append(stage.accepted(listeners[-1]))
        client.sendall(b"question")
        clients.append(client)
    stage.step(_("TCP: the server answers each by the socket that accept() gave"))
    for connection in connections:
        connection.recv(LARGEST)
        (connections[-1] if mixed_up else connection).sendall(answer_to(connection.getpeername()))
    descriptors = {listeners[0].fileno(), *(one.fileno() for one in connections)}
    ports = {one.getsockname()[1] for one in (*listeners, *connections)}
    return *told(stage, descriptors, clients), len(ports)


def answer_to(address: tuple[str, int]) -> bytes:
    """An answer for this client alone: its own port."""
    return str(address[1]).encode()


def told(stage: Stage, descriptors: set[int], clients: list[socket.socket]) -> tuple[int, int]:
    """How many descriptors the server has, and how many clients read just their own answer."""
    sockets, answered = len(descriptors), own_answers(clients)
    stage.say(plural("the server has {} socket", "the server has {} sockets", sockets).format(sockets))
    stage.say(_("clients with the right answer: {}").format(answered))
    return sockets, answered


def own_answers(clients: list[socket.socket]) -> int:
    """How many clients read the answer that was made for them first."""
    waiting, right = list(clients), 0
    while waiting and (ready := select.select(waiting, [], [], SILENCE)[0]):
        for client in ready:
            right += client.recv(LARGEST) == answer_to(client.getsockname())
            waiting.remove(client)
    return right


def shows(seen: Seen) -> tuple[Illustration, ...]:
    """The server's sockets beside its clients."""
    rows = (
        ("UDP", str(seen.peers), str(seen.udp_sockets), "1", str(seen.udp_answered)),
        ("TCP", str(seen.peers), str(seen.tcp_sockets), str(seen.tcp_ports), str(seen.tcp_answered)),
    )
    headings = ("", _("clients"), _("sockets of the server"), _("ports of the server"), _("right answers"))
    return (table(headings, rows),)


EXPECTED: Predicates[Seen] = {
    "udp-one-for-all": lambda seen: seen.peers == PEERS and seen.udp_sockets == 1,
    "udp-each-its-answer": lambda seen: seen.udp_answered == PEERS,
    "tcp-one-each": lambda seen: seen.tcp_sockets == PEERS + 1,
    "tcp-each-its-answer": lambda seen: seen.tcp_answered == PEERS,
    "tcp-one-port": lambda seen: seen.peers > 1 and seen.tcp_ports == 1,
}
