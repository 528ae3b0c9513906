"""What strangers do, as programs: `python -m tests.hostile.flood NAME '{"port": 5000, …}'`.

Each writes `half` and `done` to standard output when it has sent half of what it sends, and all; then it keeps what it has
open until its standard input ends. Bounded in number and in rate. Knows the format from `codec` alone.
"""

import contextlib
import itertools
import json
import random
import resource
import select
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator

from tests.hostile import codec

LOT = 20
"""Datagrams that leave together, between two looks at the clock."""
SOCKETS = 16
"""Sources that a flood comes from: addresses and ports."""
PULSE = 0.5
"""Seconds from one sign of life to the next, of those that give any."""


def say(word: str) -> None:
    print(word, flush=True)


def address(number: int) -> str:
    """One of many addresses of this machine, none of them 127.0.0.1."""
    return f"127.{10 + number // 250 % 200}.{number % 250}.{2 + number // 50_000}"


def sources(count: int) -> list[socket.socket]:
    """Sockets of as many addresses, whose answers nobody reads."""
    opened = []
    for number in range(count):
        each = socket.socket(type=socket.SOCK_DGRAM)
        each.bind((address(number), 0))
        each.setblocking(False)
        opened.append(each)
    return opened


def drawn(count: int, seed: int = 1) -> list[int]:
    """So many sessions."""
    lots = random.Random(seed)
    return [lots.getrandbits(64) | 1 for _ in range(count)]


def paced(items: Iterable[bytes], rate: float, send: Callable[[int, bytes], None], total: int) -> None:
    """Send them one after the other, `rate` a second; say when half of `total` is out."""
    begun = time.monotonic()
    for place, item in enumerate(items):
        if place % LOT == 0:
            time.sleep(max(0.0, begun + place / rate - time.monotonic()))
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            send(place, item)
        if place == total // 2:
            say("half")


def stay(pulse: Callable[[], None] | None = None) -> None:
    """Wait for the end of standard input, with a sign of life now and then."""
    say("done")
    while not select.select([sys.stdin], [], [], PULSE if pulse else None)[0]:
        if pulse:
            pulse()


def forged(port: int, sessions: int, count: int, rate: float, ask: bool) -> None:
    """Messages of many sessions, in turn, that ask for acknowledgments or for nothing."""
    names, opened = drawn(sessions), sources(SOCKETS)

    def datagrams() -> Iterator[bytes]:
        for place in range(count):
            yield codec.message(names[place % sessions], place // sessions + 1, b"x", ask=ask)

    paced(datagrams(), rate, lambda place, each: _to(opened[place % SOCKETS], port, each), count)
    stay()


def passers_by(port: int, count: int, rate: float) -> None:
    """Sessions that send one acknowledged message, and say goodbye."""
    opened = sources(SOCKETS)

    def datagrams() -> Iterator[bytes]:
        for name in drawn(count):
            yield codec.message(name, 1, b"x" * 100, ask=True)
            yield codec.goodbye(name, 2, 1, lowest=2)  # as its messages ask, so does this

    paced(datagrams(), 2 * rate, lambda place, each: _to(opened[place // 2 % SOCKETS], port, each), 2 * count)
    stay()


def many_sessions(port: int, source: str, count: int, alive: bool) -> None:
    """One peer, many sessions, one acknowledged message each; `alive`: and another one of each now and then."""
    names = drawn(count)
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        peer.bind((source, 0))
        peer.setblocking(False)
        turn = [0]

        def pulse() -> None:
            turn[0] += 1
            paced(
                (codec.message(name, turn[0], b"x", ask=True) for name in names), 5_000, lambda _, each: _to(peer, port, each), 0
            )

        pulse()
        stay(pulse if alive else None)


def one_connection(port: int, count: int, alive: bool) -> None:
    """One connection that carries many sessions, one acknowledged message each."""
    names, turn = drawn(count), [0]
    with socket.create_connection(("127.0.0.1", port)) as peer:

        def pulse() -> None:
            turn[0] += 1
            with contextlib.suppress(OSError):
                peer.sendall(b"".join(codec.frame(codec.message(name, turn[0], b"x", ask=True, framed=True)) for name in names))

        pulse()
        stay(pulse if alive else None)


def many_connections(port: int, count: int, alive: bool) -> None:
    """As many connections as sessions: one message each, and then silence; `alive`: or another one now and then."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    opened: list[socket.socket] = []
    turn = [0]

    def pulse() -> None:
        turn[0] += 1
        for name, peer in zip(names, opened, strict=False):
            with contextlib.suppress(OSError):
                peer.sendall(codec.frame(codec.message(name, turn[0], b"x", ask=True, framed=True)))

    names = drawn(count)
    for _ in names:
        peer = socket.socket()
        peer.settimeout(5)
        with contextlib.suppress(OSError):
            peer.connect(("127.0.0.1", port))
            opened.append(peer)
    pulse()
    stay(pulse if alive else None)


def fragments(port: int, sessions: int, each: int, size: int, total: int, rate: float, alive: bool = False) -> None:
    """Of one message of each session the first `each` fragments, `size` bytes each, and never the rest; `alive`: another one now
    and then.
    """
    opened, of = sources(SOCKETS), -(-total // size)
    names, index = drawn(sessions), itertools.count()

    def part_of_each() -> Iterator[bytes]:
        place = next(index)
        for name in names:
            part = codec.Fragment(place, of, size, total)
            yield codec.message(name, 1, b"x" * size, ask=True, number=place + 1, fragment=part)

    def send(parts: Iterable[bytes], rate: float) -> None:
        paced(parts, rate, lambda place, part: _to(opened[place % sessions % SOCKETS], port, part), sessions * each)

    send(itertools.chain.from_iterable(part_of_each() for _ in range(each)), rate)
    stay((lambda: send(part_of_each(), rate)) if alive else None)


def frames(port: int, connections: int, size: int, shape: str) -> None:
    """Connections that each send so many bytes of frames with nothing in them (`empty`), or one byte."""
    unit = b"\0\0\0\0" if shape == "empty" else codec.frame(b"U")
    _pour(port, [unit * (size // len(unit))] * connections)
    stay()


def gaps(port: int, connections: int, count: int, size: int) -> None:
    """Connections that each send so many messages in order, and never the first of them: all the others wait for it."""
    _pour(
        port,
        [
            b"".join(
                codec.frame(codec.message(name, number, b"x" * size, ask=True, ordered=True, framed=True))
                for number in range(2, count + 2)
            )
            for name in drawn(connections)
        ],
    )
    stay()


def malformed(port: int, connections: int, seconds: float) -> None:
    """Frames of another version, without pause; a connection that is closed is made again."""
    unit = codec.frame(codec.message(1, 1, b"x" * 20, framed=True).replace(b"UM\x01", b"UM\x7f"))
    until = time.monotonic() + seconds
    say("half")
    while time.monotonic() < until:
        _pour(port, [unit * 1_000] * connections, tell=False)
    stay()


def listener(port: int, strays: int, rate: float) -> None:
    """A listener whose first answer is a flood of strays: acknowledgments of nothing, of other sessions, messages of others,
    raw bytes.

    Then it acknowledges, as an honest one would, whatever comes.
    """
    kinds = [
        lambda one: codec.acknowledgment(9, one, one | 1, 1, 2, ranges=[(1, 1)]),
        lambda one: codec.message(one | 1, 1, b"x" * 100),
        lambda one: codec.message(one | 1, 1, b"x" * 100, reply_to=1),
        lambda one: codec.pack(codec.PROBE_REPLY, 9, one, payload=(one | 1).to_bytes(8, "big") + bytes(8)),
        lambda one: b"a stray of " + str(one).encode() * 10,
        lambda one: b"UM\x01\x02" + bytes(60),
    ]
    with socket.socket(type=socket.SOCK_DGRAM) as own:
        own.bind(("127.0.0.1", port))
        say("ready")
        _, sender = own.recvfrom(65_536)
        lots = random.Random(1)
        paced(
            (kinds[place % len(kinds)](lots.getrandbits(63)) for place in range(strays)),
            rate,
            lambda _, each: own.sendto(each, sender),
            strays,
        )
        say("done")
        number = 0
        while True:
            got = codec.read(own.recv(65_536))
            if got is not None and got.kind in (codec.MESSAGE, codec.GOODBYE):
                number += 1
                upto = got.sequence + 1 if got.kind == codec.MESSAGE else 2
                ack = codec.acknowledgment(7, number, got.session, got.number, upto, ranges=[(1, got.number)])
                own.sendto(ack, sender)


def _to(opened: socket.socket, port: int, datagram: bytes) -> None:
    opened.sendto(datagram, ("127.0.0.1", port))


def _pour(port: int, streams: list[bytes], *, tell: bool = True) -> None:
    """Write each of the streams into a connection, all at once, for at most 10 s; a connection that is closed is done."""
    left: dict[socket.socket, memoryview] = {}
    for stream in streams:
        peer = socket.socket()
        peer.settimeout(5)
        try:
            peer.connect(("127.0.0.1", port))
        except OSError:
            peer.close()
            continue
        peer.setblocking(False)
        left[peer] = memoryview(stream)
    begun, whole = time.monotonic(), sum(map(len, left.values()))
    said = not tell
    while left and time.monotonic() < begun + 10:
        for peer in select.select([], list(left), [], 0.1)[1]:
            try:
                left[peer] = left[peer][peer.send(left[peer]) :]
            except OSError:
                left[peer] = memoryview(b"")
            if not left[peer]:
                kept.append(peer)
                del left[peer]
        if not said and sum(map(len, left.values())) <= whole // 2:
            said = True
            say("half")
    kept.extend(left)
    while len(kept) > len(streams):  # what is made again and again is not kept for ever
        kept.pop(0).close()


kept: list[socket.socket] = []
"""Connections that stay open until the program ends."""
PROGRAMS = {
    program.__name__: program
    for program in (
        forged,
        passers_by,
        many_sessions,
        one_connection,
        many_connections,
        fragments,
        frames,
        gaps,
        malformed,
        listener,
    )
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](**json.loads(sys.argv[2]))
