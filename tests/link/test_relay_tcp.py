"""TCP through the relay, over real sockets on loopback: late, cut or refused, and never a byte wrong."""

import errno
import os
import random
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.link.relays import LOOPBACK, MILLISECOND, PATIENCE, Relays, Running, needs_hops, no_descriptor_left
from udpmsg.core.events import Disconnected, LimitReached
from udpmsg.link.faults import Link, Path
from udpmsg.link.record import Direction
from udpmsg.relay import pipe
from udpmsg.relay import relay as relay_module
from udpmsg.relay import tcp as relay_tcp
from udpmsg.relay.values import CutOff

NO_FAULTS = Link()


@pytest.fixture
def relays() -> Iterator[Relays]:
    with ExitStack() as stack:
        yield Relays(stack)


def through(relays: Relays, link: Link = NO_FAULTS, **options: object) -> tuple[Running, socket.socket, socket.socket]:
    """A relay, a client of it, and the connection that the target then has."""
    listening = relays.listening()
    running = relays(link, listening.getsockname(), transport="tcp", **options)
    client = relays.connect(running.address)
    return running, client, relays.accept(listening)


def read_all(opened: socket.socket) -> bytes:
    """Everything until the end of the stream."""
    return b"".join(iter(lambda: opened.recv(1 << 16), b""))


def reset(opened: socket.socket) -> None:
    """Close with a RST."""
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    opened.close()


@pytest.mark.parametrize(
    "path",
    [
        Path(),
        Path(delay=20 * MILLISECOND, jitter=15 * MILLISECOND),
        Path(rate=40_000_000),
        Path(delay=5 * MILLISECOND, rate=80_000_000, loss=0.5, duplicate=0.5, corrupt=0.5, reorder=0.5, queue=1, mtu=68),
    ],
    ids=["nothing", "delay", "rate", "everything"],
)
def test_every_byte_comes_through_in_order_both_ways(relays: Relays, path: Path) -> None:
    running, client, target = through(relays, Link(path, path))
    forward, back = random.Random(1).randbytes(500_000), random.Random(2).randbytes(400_000)
    got: dict[str, bytes] = {}

    def exchange(name: str, opened: socket.socket, data: bytes) -> None:
        sending = threading.Thread(target=lambda: (opened.sendall(data), opened.shutdown(socket.SHUT_WR)))
        sending.start()
        got[name] = read_all(opened)
        sending.join()

    both = [
        threading.Thread(target=exchange, args=arguments) for arguments in (("client", client, forward), ("target", target, back))
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(PATIENCE)
    assert got == {"client": back, "target": forward}
    running.wait(lambda: running.of(Disconnected))
    assert running.of(Disconnected)[0].reason == "end of stream"
    statistics = running.stop()
    assert [statistics.traffic[way].stream_bytes for way in Direction] == [len(forward), len(back)]
    assert (statistics.connections, statistics.connections_refused, statistics.connections_cut) == (1, 0, 0)


def test_bytes_are_late_by_the_delay_of_each_way(relays: Relays) -> None:
    _running, client, target = through(relays, Link(Path(delay=60 * MILLISECOND), Path(delay=30 * MILLISECOND)))
    for sender, receiver, delay in ((client, target, 0.06), (target, client, 0.03)):
        began = time.monotonic()
        sender.sendall(b"x")
        assert receiver.recv(1) == b"x"
        assert time.monotonic() - began >= delay


def test_the_rate_is_shared_by_all_connections(relays: Relays) -> None:
    listening = relays.listening()
    running = relays(Link(Path(rate=8_000_000)), listening.getsockname(), transport="tcp")
    pairs = []
    for _ in range(2):
        client = relays.connect(running.address)
        pairs.append((client, relays.accept(listening)))
    began = time.monotonic()
    for client, _ in pairs:
        client.sendall(b"x" * 50_000)
        client.shutdown(socket.SHUT_WR)
    assert [len(read_all(target)) for _, target in pairs] == [50_000, 50_000]
    assert time.monotonic() - began >= 0.1


def test_an_end_of_one_direction_leaves_the_other_one_open(relays: Relays) -> None:
    _running, client, target = through(relays, Link(Path(delay=5 * MILLISECOND), Path(delay=5 * MILLISECOND)))
    client.sendall(b"that is all")
    client.shutdown(socket.SHUT_WR)
    assert read_all(target) == b"that is all"
    target.sendall(b"an answer all the same")
    assert client.recv(100) == b"an answer all the same"
    target.close()
    assert read_all(client) == b""


def test_a_connection_is_cut_after_so_many_bytes(relays: Relays) -> None:
    running, client, target = through(relays, cut=CutOff(after_bytes=1000, text="1000"))
    client.sendall(b"x" * 999)
    got = b""
    while len(got) < 999:
        got += target.recv(1000)
    client.sendall(b"y" * 500)
    for opened in (target, client):
        try:
            got += opened.recv(1000)  # the last byte may come before the reset
            opened.recv(1000)
            pytest.fail("it was not reset")
        except ConnectionResetError:
            pass
    assert got in (b"x" * 999, b"x" * 999 + b"y")
    running.wait(lambda: running.of(Disconnected))
    assert running.of(Disconnected)[0].reason == "cut after 1000"
    statistics = running.stop()
    assert statistics.connections_cut == 1
    assert statistics.traffic[Direction.FORWARD].stream_bytes == 1000


def test_a_connection_is_cut_after_a_time(relays: Relays) -> None:
    running, client, target = through(relays, cut=CutOff(after=30 * MILLISECOND, text="30ms"))
    for opened in (client, target):
        with pytest.raises(ConnectionResetError):
            opened.recv(1)
    assert running.stop().connections_cut == 1


def test_who_sends_more_than_is_read_has_to_wait(relays: Relays) -> None:
    running, client, target = through(relays)
    client.setblocking(False)
    accepted = 0
    full_since = None
    block = b"0123456789abcdef" * 4096
    while full_since is None or running.relay.held < pipe.HELD:  # the kernels' buffers fill up, and then the relay's
        try:
            accepted += client.send(block)
            full_since = None
        except BlockingIOError:
            full_since = accepted
            running.wait(lambda: True)
    assert running.relay.held == pipe.HELD
    client.settimeout(PATIENCE)
    client.shutdown(socket.SHUT_WR)
    got = read_all(target)
    assert len(got) == accepted
    assert got == (block * (accepted // len(block) + 2))[: len(got)] or accepted % len(block)
    assert running.relay.held == 0


def test_a_target_that_refuses_resets_the_client(relays: Relays) -> None:
    nobody = relays.listening()
    address = nobody.getsockname()
    nobody.close()
    running = relays(Link(), address, transport="tcp")
    with pytest.raises(ConnectionResetError):
        relays.connect(running.address).recv(1)
    running.wait(lambda: running.of(Disconnected))
    (event,) = running.of(Disconnected)
    assert event.reason == f"the target did not accept: {os.strerror(errno.ECONNREFUSED)}"
    statistics = running.stop()
    assert (statistics.connections, statistics.connections_refused) == (1, 1)


def test_every_address_of_the_target_is_tried(relays: Relays, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody, somebody = relays.listening(), relays.listening()
    addresses = [relay_module.Address(socket.AF_INET, opened.getsockname()) for opened in (nobody, somebody)]
    nobody.close()
    monkeypatch.setattr(relay_module, "resolve", lambda host, port, kind: addresses)
    running = relays(Link(), ("a name with two addresses", 9), transport="tcp")
    client = relays.connect(running.address)
    client.sendall(b"early")
    assert relays.accept(somebody).recv(10) == b"early"


def test_a_target_that_does_not_answer_is_given_up(relays: Relays, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_tcp, "CONNECT_LIMIT", 50 * MILLISECOND)
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server((LOOPBACK, 0), backlog=0))
        for _ in range(4):  # its queue is full then, and nobody answers the next one
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        running = relays(Link(), full.getsockname(), transport="tcp")
        with pytest.raises(ConnectionResetError):
            relays.connect(running.address).recv(1)
        running.wait(lambda: running.of(Disconnected))
        assert "no answer within" in running.of(Disconnected)[0].reason


@pytest.mark.parametrize("who", ["client", "target"])
def test_a_reset_is_passed_on_behind_the_bytes_before_it(relays: Relays, who: str) -> None:
    running, client, target = through(relays, Link(Path(delay=30 * MILLISECOND), Path(delay=30 * MILLISECOND)))
    one, other = (client, target) if who == "client" else (target, client)
    one.sendall(b"last words")
    way = Direction.FORWARD if who == "client" else Direction.BACK
    running.wait(lambda: running.relay.held or running.relay.statistics().traffic[way].stream_bytes)
    reset(one)
    assert other.recv(100) == b"last words"
    with pytest.raises(ConnectionResetError):
        other.recv(100)
    running.wait(lambda: running.of(Disconnected))
    assert running.of(Disconnected)[0].reason == f"the {who} reset it"


def test_no_more_connections_than_the_limit(relays: Relays, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_tcp, "CONNECTIONS", 1)
    running, client, target = through(relays)
    with pytest.raises(ConnectionResetError):
        relays.connect(running.address).recv(1)
    running.wait(lambda: running.of(LimitReached))
    assert running.of(LimitReached)[0].limit == "connections"
    client.sendall(b"x")
    assert target.recv(1) == b"x"
    statistics = running.stop()
    assert (statistics.connections, statistics.over_limit) == (1, 1)


def test_a_connection_that_the_system_cannot_give_waits(relays: Relays) -> None:
    listening = relays.listening()
    running = relays(NO_FAULTS, listening.getsockname(), transport="tcp")
    with socket.socket() as client:
        client.settimeout(PATIENCE)
        with no_descriptor_left():
            client.connect(running.address)
            running.wait(lambda: running.relay._tcp._accept_again_at is not None)  # type: ignore[union-attr]
        client.sendall(b"x")
        assert relays.accept(listening).recv(1) == b"x"


def test_a_relay_that_ends_resets_what_is_open(relays: Relays) -> None:
    running, client, target = through(relays)
    running.stop()
    running.relay.close()
    for opened in (client, target):
        with pytest.raises(ConnectionResetError):
            opened.recv(1)


def test_every_socket_is_given_back(relays: Relays) -> None:
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("descriptors can't be counted here")
    listening = relays.listening()
    running = relays(Link(), listening.getsockname(), transport="tcp")
    before = len(os.listdir("/proc/self/fd"))
    for number in range(20):
        with socket.create_connection(running.address, PATIENCE) as client, listening.accept()[0] as target:
            client.sendall(b"x")
            assert target.recv(1) == b"x"
            if number % 2:
                reset(target)
    running.wait(lambda: len(running.of(Disconnected)) == 20)
    assert len(os.listdir("/proc/self/fd")) == before


@needs_hops
def test_a_connection_that_goes_round_between_two_relays_dies(relays: Relays) -> None:
    reserved = relays.listening()
    port = reserved.getsockname()[1]
    first = relays(Link(), (LOOPBACK, port), transport="tcp")
    reserved.close()
    second = relays(Link(), first.address, transport="tcp", listen_port=port)
    client = relays.connect(first.address)
    with pytest.raises(ConnectionResetError):  # the last relay of the row refuses, and each before it passes that on
        client.recv(1)
    ended = [running.stop() for running in (first, second)]
    assert sum(statistics.hops_used_up for statistics in ended) == 1
    assert sum(statistics.connections for statistics in ended) == 63
    assert sum(statistics.over_limit for statistics in ended) == 0
