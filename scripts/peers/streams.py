"""Peers that send messages over TCP: a plain socket with a length before each message, and ZeroMQ. Both sides of each.

Knows nothing of udpmsg.
"""

import socket
import struct
import time

from peers.side import ADDRESS, BLOCK, PAYLOAD, QUIET, Meter, bound, run, say, told_to_end

LENGTH = struct.Struct(">I")
TURN = 64
"""Messages that leave with one call."""
READ = 1 << 18
"""Bytes that are read with one call."""


def receive_framed() -> None:
    """Read what has come, and cut every message out as a bytes object of its own."""
    count, meter, rest = 0, Meter(), b""
    with bound(socket.SOCK_STREAM) as listener:
        connection = accepted(listener)
        while data := connection.recv(READ):
            data = rest + data
            begin, size = 0, len(data)
            while size - begin >= LENGTH.size:
                end = begin + LENGTH.size + LENGTH.unpack_from(data, begin)[0]
                if end > size:
                    break
                message = data[begin + LENGTH.size : end]
                count += len(message) == len(PAYLOAD)
                begin = end
            rest = data[begin:]
            meter.read(count)
        connection.close()
    say(received=count, rate=meter.rate)


def accepted(listener: socket.socket) -> socket.socket:
    """The first connection; raises TimeoutError when the bench ends this first."""
    while not told_to_end():
        try:
            connection, _ = listener.accept()
            connection.setblocking(True)
            return connection
        except BlockingIOError:
            continue
    raise TimeoutError("nobody connected")


def send_framed(port: int, seconds: float) -> None:
    """Many messages with one call, each framed anew."""
    count = 0
    with socket.create_connection((ADDRESS, port)) as sender:
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            parts: list[bytes] = []
            for _ in range(TURN):
                parts += (LENGTH.pack(len(PAYLOAD)), PAYLOAD)
            sender.sendall(b"".join(parts))
            count += TURN
    say(sent=count)


def pull() -> None:
    """ZeroMQ's PULL."""
    import zmq

    count, meter = 0, Meter()
    with zmq.Context() as context, context.socket(zmq.PULL) as receiver:
        receiver.setsockopt(zmq.RCVTIMEO, int(QUIET * 1000))
        say(port=receiver.bind_to_random_port(f"tcp://{ADDRESS}"))
        while True:
            try:
                while True:
                    receiver.recv()
                    count += 1
                    if not count % BLOCK:
                        meter.read(count)
            except zmq.Again:
                if told_to_end():
                    break
    say(received=count, rate=meter.rate)


def push(port: int, seconds: float) -> None:
    """ZeroMQ's PUSH, which waits while its queue is full; leaving it waits until everything is written."""
    import zmq

    count = 0
    with zmq.Context() as context, context.socket(zmq.PUSH) as sender:
        sender.connect(f"tcp://{ADDRESS}:{port}")
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            for _ in range(TURN):
                sender.send(PAYLOAD)
            count += TURN
        sender.setsockopt(zmq.LINGER, 10_000)
    say(sent=count)


if __name__ == "__main__":
    run({"framed": (receive_framed, send_framed), "zeromq": (pull, push)})
