"""Peers that send one datagram per call: plain sockets, asyncio, uvloop; and the plain round trip. Both sides of each.

Knows nothing of udpmsg: these are what a programmer would write without it.
"""

import asyncio
import socket
import time
from collections.abc import Callable

from peers.side import ADDRESS, BLOCK, BUFFER, PAYLOAD, QUIET, SMALL, Meter, bound, middle, run, say, told_to_end

TURN = 64
"""Datagrams that a sender sends before it looks at the clock; an event loop's sender then lets the loop run."""


def receive_plain() -> None:
    """recv, as often as there is something; each datagram is a bytes object of its own."""
    count, meter = 0, Meter()
    with bound(socket.SOCK_DGRAM) as receiver:
        receive = receiver.recv
        while True:
            try:
                while True:
                    receive(2048)
                    count += 1
                    if not count % BLOCK:
                        meter.read(count)
            except BlockingIOError:
                if told_to_end():
                    break
    say(received=count, rate=meter.rate)


def send_plain(port: int, seconds: float) -> None:
    """send, as often as time allows."""
    count = 0
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.connect((ADDRESS, port))
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            for _ in range(TURN):
                sender.send(PAYLOAD)
            count += TURN
    say(sent=count)


class Counting(asyncio.DatagramProtocol):
    """Counts what comes."""

    def __init__(self) -> None:
        self.count = 0
        self.meter = Meter()

    def datagram_received(self, data: bytes, addr: object) -> None:
        """One datagram."""
        self.count += 1
        if not self.count % BLOCK:
            self.meter.read(self.count)


async def receiving() -> None:
    """An event loop's datagram endpoint that receives."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(Counting, local_addr=(ADDRESS, 0))
    raw: socket.socket = transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    say(port=raw.getsockname()[1])
    before = -1
    while not (told_to_end() and protocol.count == before):
        before = protocol.count
        await asyncio.sleep(QUIET)
    transport.close()
    say(received=protocol.count, rate=protocol.meter.rate, cpu_rate=protocol.meter.cpu_rate)


async def sending(port: int, seconds: float) -> None:
    """An event loop's datagram endpoint that sends."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=(ADDRESS, port))
    count, until = 0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        for _ in range(TURN):
            transport.sendto(PAYLOAD)
        count += TURN
        await asyncio.sleep(0)
    transport.close()
    say(sent=count)


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """How an event loop of this name is made."""
    if name == "uvloop":
        import uvloop

        factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
        return factory
    return asyncio.new_event_loop


def receive_in(name: str) -> None:
    """The receiver in an event loop."""
    with asyncio.Runner(loop_factory=loop_factory(name)) as runner:
        runner.run(receiving())


def send_in(name: str, port: int, seconds: float) -> None:
    """The sender in an event loop."""
    with asyncio.Runner(loop_factory=loop_factory(name)) as runner:
        runner.run(sending(port, seconds))


def answer() -> None:
    """Send every datagram back."""
    with bound(socket.SOCK_DGRAM) as receiver:
        while True:
            try:
                while True:
                    receiver.sendto(*receiver.recvfrom(2048))
            except BlockingIOError:
                if told_to_end():
                    break
    say()


def ask(port: int, seconds: float) -> None:
    """One datagram there and back after the other, each timed. One that is lost is waited for until the bench ends the run."""
    times = []
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.connect((ADDRESS, port))
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            begun = time.perf_counter_ns()
            sender.send(SMALL)
            sender.recv(2048)
            times.append(time.perf_counter_ns() - begun)
    say(p50_us=middle(times), count=len(times))


if __name__ == "__main__":
    run(
        {
            "plain": (receive_plain, send_plain),
            "asyncio": (lambda: receive_in("asyncio"), lambda port, seconds: send_in("asyncio", port, seconds)),
            "uvloop": (lambda: receive_in("uvloop"), lambda port, seconds: send_in("uvloop", port, seconds)),
            "round-trip": (answer, ask),
        }
    )
