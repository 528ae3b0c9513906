"""The lesson `many-peers`: how many sockets a server needs for so many clients."""

import select
import socket
from dataclasses import dataclass

from udpmsg.base.language import N_, _, plural
from udpmsg.lessons.lesson import Expectation, Illustration, Lesson, Observations, Program, Quiz, Terminal, table
from udpmsg.lessons.stage import SILENCE, Stage

PEERS = 20
LARGEST = 100


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


LESSON = Lesson(
    title=N_("One socket for many peers"),
    question=Quiz(
        N_("A server answers 20 clients, all at the same time. How many sockets does it have open?"),
        (
            N_("20 over both UDP and TCP."),
            N_("1 over UDP, 20 over TCP."),
            N_("1 over UDP, 21 over TCP, all of them on one port."),
            N_("1 over UDP, 21 over TCP, each on a port of its own."),
        ),
        2,
    ),
    run=run,
    expectations=(
        Expectation(
            "udp-one-for-all",
            N_("UDP: one socket serves all 20 clients."),
            lambda seen: seen.peers == PEERS and seen.udp_sockets == 1,
            N_("there were fewer clients, and with only one there is nothing to compare."),
        ),
        Expectation(
            "udp-each-its-answer",
            N_("UDP: each client gets its own answer, because each datagram says where it comes from."),
            lambda seen: seen.udp_answered == PEERS,
            N_("the server sent to another address than the question's, or an answer was dropped."),
        ),
        Expectation(
            "tcp-one-each",
            N_("TCP: 21 sockets, one that listens and one per connection."),
            lambda seen: seen.tcp_sockets == PEERS + 1,
            N_("there were fewer clients, or some could not connect."),
        ),
        Expectation(
            "tcp-each-its-answer",
            N_("TCP: each client gets its own answer, because each connection is its own socket."),
            lambda seen: seen.tcp_answered == PEERS,
            N_("the server wrote to another client's connection."),
        ),
        Expectation(
            "tcp-one-port",
            N_("TCP: all of the server's sockets have the same port; the client's address and port tell them apart."),
            lambda seen: seen.peers > 1 and seen.tcp_ports == 1,
            N_("the server listened on several ports."),
        ),
    ),
    shows=shows,
    why=(
        N_(
            "A UDP socket has an address of its own and no peer: recvfrom gives each datagram with its sender (RFC 768, User Interface)."
        ),
        N_("So one socket, one buffer and one loop are enough, as in a DNS server that answers a million clients."),
        N_(
            "A TCP connection is state: numbers, windows and timers for one peer, identified by the addresses and ports of both "
            "ends (RFC 9293, 3.3.1), so the system has a socket for each."
        ),
        N_("A new connection takes no new port; what a TCP server runs out of is descriptors (ulimit -n) and memory."),
        N_(
            "What a UDP server wants to know about a client it has to remember itself, and to forget, because nobody tells it "
            "of an end."
        ),
    ),
    by_hand=(
        Terminal(("udpmsg listen --both --echo",)),
        Terminal(("udpmsg send 127.0.0.1",)),
        Terminal(("udpmsg send --tcp 127.0.0.1",)),
        Terminal(
            ("ss -atun 'sport = :5000'",),
            N_("On Linux: one row for UDP, however many send; over TCP one that listens, and one for each connection."),
        ),
    ),
    program=Program(
        """
import socket
udp, tcp = socket.socket(type=socket.SOCK_DGRAM), socket.create_server(("127.0.0.1", 0))
udp.bind(("127.0.0.1", 0))
clients, connections = [], []
for number in range(20):
    clients.append(socket.socket(type=socket.SOCK_DGRAM))
    clients[-1].sendto(b"question", udp.getsockname())
    clients.append(socket.create_connection(tcp.getsockname()))
    connections.append(tcp.accept()[0])
senders = {udp.recvfrom(100)[1] for number in range(20)}
print("UDP:", len(senders), "clients,", len({udp.fileno()}), "socket")
print("TCP:", len({one.getpeername() for one in connections}), "clients,", end=" ")
print(len({one.fileno() for one in (tcp, *connections)}), "sockets,", end=" ")
print(len({one.getsockname()[1] for one in (tcp, *connections)}), "port")
""",
        ("UDP: 20 clients, 1 socket", "TCP: 20 clients, 21 sockets, 1 port"),
    ),
)
