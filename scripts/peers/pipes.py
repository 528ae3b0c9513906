"""The plain programs that `scripts/bench pipes` measures beside udpmsg's commands, and what both are fed by.

    python -m peers.pipes send PORT      each line of standard input in a datagram
    python -m peers.pipes receive PORT   each datagram a line on standard output, until one ends with END
    python -m peers.pipes sink PORT      nothing but receives, until it is ended
    python -m peers.pipes feed PORT N    N messages of udpmsg's to that port as fast as they go; then END, some times

Plain sockets, nothing else: a datagram per call, a line per call, as a program of ten lines has it.
"""

import socket
import sys
import time
from collections.abc import Callable

HOST = "127.0.0.1"
BUFFER = 4 << 20
"""Bytes of receive buffer, as udpmsg asks for."""
LARGEST = 65_535
HEADER = 40
"""Bytes of udpmsg's header, which the plain receiver passes over."""
TEXT = b"a line of forty bytes, as a log has them"
END = b"this is the end"
ENDS, BETWEEN = 20, 0.05
"""How often END is sent, as the first ones may find a full buffer, and seconds between two of them."""


def receiver(port: int) -> socket.socket:
    """A socket that is bound."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    bound.bind((HOST, port))
    return bound


def send(port: int) -> None:
    """Each line of standard input in a datagram."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connected:
        connected.connect((HOST, port))
        for line in sys.stdin.buffer:
            connected.send(line.rstrip(b"\n"))


def receive(port: int) -> None:
    """Each datagram a line, with who sent it."""
    with receiver(port) as bound:
        while True:
            datagram, peer = bound.recvfrom(LARGEST)
            if datagram.endswith(END):
                return
            sys.stdout.write(f"{peer[0]}:{peer[1]}  {datagram[HEADER:].decode(errors='backslashreplace')}\n")


def sink(port: int) -> None:
    """Receive, and look at nothing."""
    with receiver(port) as bound:
        buffer = bytearray(LARGEST)
        while True:
            bound.recv_into(buffer)


def feed(port: int, count: int) -> None:
    """Messages as fast as the library sends them, and END until it has surely come."""
    from udpmsg import Sender

    with Sender(HOST, port) as sender:
        sender.send_many([TEXT] * count)
        for _ in range(ENDS):
            time.sleep(BETWEEN)
            sender.send(END)


if __name__ == "__main__":
    programs: dict[str, Callable[..., None]] = {"send": send, "receive": receive, "sink": sink, "feed": feed}
    programs[sys.argv[1]](*map(int, sys.argv[2:]))
