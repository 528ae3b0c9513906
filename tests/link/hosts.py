"""What the lab's hosts do in tests, as functions that a child can be told by name: plain sockets, on a port that is free."""

import errno
import json
import socket
import subprocess
import sys
import time
from typing import Any

from udpmsg.lab.processes import Told

PORT = 5000
PATIENCE = 20.0


def udp_echo(told: Told, address: str) -> list[tuple[int, int]]:
    """Answer every datagram; tell (length, nanoseconds when it came) of each once told to stop."""
    log = []
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind((address, PORT))
        server.settimeout(0.02)
        told.send("ready")
        while not told.poll():
            try:
                datagram, peer = server.recvfrom(65_535)
            except TimeoutError:
                continue
            log.append((len(datagram), time.monotonic_ns()))
            server.sendto(datagram, peer)
    told.recv()
    return log


def udp_sink(told: Told, address: str) -> list[bytes]:
    """Take datagrams until told to stop, in the order in which they came."""
    log = []
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        server.bind((address, PORT))
        server.settimeout(0.02)
        told.send("ready")
        while not told.poll():
            try:
                while True:
                    log.append(server.recv(65_535))
            except TimeoutError:
                pass
    told.recv()
    return log


def udp_round_trips(told: Told, address: str, count: int) -> list[tuple[int, int]]:
    """One datagram after another, each answered: (sent, answered) in nanoseconds."""
    log = []
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.connect((address, PORT))
        client.settimeout(PATIENCE)
        for _ in range(count):
            sent = time.monotonic_ns()
            client.send(b"hello")
            client.recv(100)
            log.append((sent, time.monotonic_ns()))
    return log


def udp_send(told: Told, address: str, payloads: list[bytes], interval: float = 0.0) -> list[str | None]:
    """Send these, and tell the name of the error that each send met, if one did."""
    errors: list[str | None] = []
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.connect((address, PORT))
        for payload in payloads:
            try:
                client.send(payload)
                errors.append(None)
            except OSError as error:
                errors.append(errno.errorcode[error.errno or 0])
            if interval:
                time.sleep(interval)
    return errors


def tcp_sink(told: Told, address: str) -> list[tuple[bytes, int]]:
    """Accept one connection and read it to its end: (bytes, nanoseconds when they came)."""
    log = []
    with socket.socket() as server:
        server.bind((address, PORT))
        server.listen()
        server.settimeout(PATIENCE)
        told.send("ready")
        connection, _ = server.accept()
        with connection:
            while data := connection.recv(1 << 16):
                log.append((data, time.monotonic_ns()))
    return log


def tcp_send(told: Told, address: str, payloads: list[bytes], interval: float = 0.0) -> tuple[int, int]:
    """Connect and send these; when it began and when it was connected, in nanoseconds."""
    begun = time.monotonic_ns()
    with socket.create_connection((address, PORT), PATIENCE) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected = time.monotonic_ns()
        for payload in payloads:
            client.sendall(payload)
            if interval:
                time.sleep(interval)
        client.shutdown(socket.SHUT_WR)
        client.recv(1)
    return begun, connected


def interfaces(told: Told) -> dict[str, Any]:
    """What a host knows of itself."""
    return {"names": sorted(name for _, name in socket.if_nameindex())}


def command(told: Told, *words: str) -> tuple[int, list[dict[str, Any]]]:
    """Run udpmsg here with --json, as a user of this host would; its exit code and what it said. A listener's first word is told
    as soon as it comes, and it ends when the test says so."""
    process = subprocess.Popen([sys.executable, "-m", "udpmsg", *words, "--json"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    if words[0] == "listen":
        told.send(process.stdout.readline())
        told.recv()
        process.terminate()
    output, _ = process.communicate(timeout=6 * PATIENCE)
    return process.returncode, [json.loads(line) for line in output.splitlines()]
