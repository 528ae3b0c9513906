"""UDP through the relay, over real sockets on loopback: what arrives is what `decide` says, to the message, both ways."""

import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.link.relays import LOOPBACK, MILLISECOND, Relays, message, needs_hops, no_descriptor_left, receive, sequence_of
from tests.transport.test_addresses import needs_ipv6
from udpmsg import Receiver, Sender
from udpmsg.base.errors import CannotListen, NameUnknown, UsageError
from udpmsg.core.events import LimitReached, Unreachable
from udpmsg.link.faults import Link, Path, Police, decide
from udpmsg.link.record import Direction, Drop, FrameKind, Identity
from udpmsg.link.script import parse_fault
from udpmsg.relay import relay as relay_module
from udpmsg.relay import udp as relay_udp
from udpmsg.relay.relay import Relay
from udpmsg.relay.values import Faulted, HopsUsedUp

FORWARD, BACK = Direction.FORWARD, Direction.BACK
FRAME_OVERHEAD = 14 + 20 + 8


@pytest.fixture
def relays() -> Iterator[Relays]:
    with ExitStack() as stack:
        yield Relays(stack)


def expected(seed: int, direction: Direction, path: Path, count: int, transmission: int = 1) -> Counter[int]:
    """How often each of the messages 1 to `count` comes out at the other end."""
    fates = {n: decide(seed, Identity(direction, FrameKind.DATA, n, transmission), path) for n in range(1, count + 1)}
    return Counter({n: 1 + fate.duplicate for n, fate in fates.items() if fate.dropped is None})


@pytest.mark.parametrize("seed", [1, 2, 2**64 - 1])
def test_the_same_seed_gives_each_message_the_same_fate_in_both_directions(relays: Relays, seed: int) -> None:
    link = Link(Path(loss=0.2, duplicate=0.1), Path(loss=0.3, duplicate=0.05))
    target, client = relays.udp(), relays.udp()
    running = relays(link, target.getsockname(), seed=seed)
    for number in range(1, 101):
        client.sendto(message(number), running.address)
    forward = expected(seed, FORWARD, link.forward, 100)
    running.settled(100)
    datagrams = receive(target, forward.total())
    assert Counter(map(sequence_of, datagrams)) == forward
    assert set(datagrams) <= {message(number) for number in range(1, 101)}
    # and back, whose fates have nothing to do with those forward
    upstream = running.relay._udp._clients.popitem()[1]  # type: ignore[union-attr]
    running.relay._udp._clients[upstream.peer] = upstream  # type: ignore[union-attr]
    for number in range(1, 101):
        target.sendto(message(number), upstream.upstream._socket.getsockname())
    back = expected(seed, BACK, link.back, 100)
    records = running.settled(200)
    assert Counter(map(sequence_of, receive(client, back.total()))) == back
    statistics = running.stop()
    for direction, arrived in ((FORWARD, forward), (BACK, back)):
        mine = [record for record in records if record.identity.direction is direction]
        traffic = statistics.traffic[direction]
        assert traffic.frames == len(mine) == 100
        assert traffic.left == sum(len(record.left_at) for record in mine) == arrived.total()
        assert traffic.dropped == Counter(record.dropped for record in mine if record.dropped) == {Drop.LOSS: 100 - len(arrived)}
        assert traffic.duplicated == sum(len(record.left_at) == 2 for record in mine) == arrived.total() - len(arrived)
        assert traffic.bytes == sum(record.size for record in mine) == 100 * (len(message(1)) + FRAME_OVERHEAD)


def test_a_second_transmission_has_a_fate_of_its_own(relays: Relays) -> None:
    path = Path(loss=0.5)
    target, client = relays.udp(), relays.udp()
    running = relays(Link(path), target.getsockname(), seed=3)
    for transmission in (1, 2, 3):
        for number in range(1, 31):
            client.sendto(message(number, number=100 * transmission + number), running.address)
    running.settled(90)
    arrived = sum((expected(3, FORWARD, path, 30, transmission) for transmission in (1, 2, 3)), Counter())
    assert Counter(map(sequence_of, receive(target, arrived.total()))) == arrived


def test_datagrams_of_other_programs_are_counted_for_each_client(relays: Relays) -> None:
    path = Path(loss=0.4)
    target, clients = relays.udp(), [relays.udp() for _ in range(3)]
    running = relays(Link(path), target.getsockname(), seed=11)
    for number in range(1, 21):
        for name, client in enumerate(clients):
            client.sendto(b"%d %d" % (name, number), running.address)
    running.settled(60)
    each = expected(11, FORWARD, path, 20)
    came = receive(target, 3 * each.total())
    assert sorted(came) == sorted(b"%d %d" % (name, number) for name in range(3) for number in each)


def test_every_client_gets_its_own_answers(relays: Relays) -> None:
    target, clients = relays.udp(), [relays.udp() for _ in range(50)]
    running = relays(Link(), target.getsockname())

    def echo() -> None:
        for _ in clients:
            datagram, peer = target.recvfrom(65_535)
            target.sendto(datagram.upper(), peer)

    echoing = threading.Thread(target=echo)
    echoing.start()
    for number, client in enumerate(clients):
        client.sendto(b"client %d" % number, running.address)
    for number, client in enumerate(clients):
        datagram, peer = client.recvfrom(65_535)
        assert (datagram, peer) == (b"CLIENT %d" % number, running.address)
    echoing.join()
    assert running.stop().clients == 50


def test_scripted_faults_hit_the_message_they_name(relays: Relays) -> None:
    script = tuple(map(parse_fault, ("drop:data:4", "duplicate:data:7", "delay:data:2:60ms")))
    target, client = relays.udp(), relays.udp()
    running = relays(Link(script=script), target.getsockname())
    for number in range(1, 9):
        client.sendto(message(number), running.address)
    records = running.settled(8)
    assert [sequence_of(datagram) for datagram in receive(target, 8)] == [1, 3, 5, 6, 7, 7, 8, 2]
    assert {record.label: record.script for record in records if record.script} == {
        "message 2": "delay:data:2:60ms",
        "message 4": "drop:data:4",
        "message 7": "duplicate:data:7",
    }
    held_back = records[1]
    assert held_back.reordered
    assert held_back.left_at[0] - held_back.arrived_at >= 60 * MILLISECOND
    told = {event.record.first_sequence: event for event in running.of(Faulted)}
    assert sorted(told) == [2, 4, 7]
    assert told[2].delay == 60 * MILLISECOND
    assert told[4].record.dropped is Drop.SCRIPT
    assert told[7].duplicated
    assert {event.peer.port for event in told.values()} == {client.getsockname()[1]}


def test_what_is_held_back_is_overtaken(relays: Relays) -> None:
    path = Path(reorder=0.3, reorder_by=50 * MILLISECOND)
    target, client = relays.udp(), relays.udp()
    running = relays(Link(path), target.getsockname(), seed=5)
    for number in range(1, 41):
        client.sendto(message(number), running.address)
    records = running.settled(40)
    late = [n for n in range(1, 41) if decide(5, Identity(FORWARD, FrameKind.DATA, n), path).reordered]
    assert late
    assert [record.first_sequence for record in records if record.reordered] == late
    arrived = [sequence_of(datagram) for datagram in receive(target, 40)]
    assert [number for number in arrived if number not in late] == [n for n in range(1, 41) if n not in late]
    assert running.stop().traffic[FORWARD].reordered == len(late)


def test_nothing_leaves_before_its_time(relays: Relays) -> None:
    target, client = relays.udp(), relays.udp()
    path = Path(delay=30 * MILLISECOND, jitter=20 * MILLISECOND)
    running = relays(Link(path), target.getsockname(), seed=9)
    for number in range(1, 31):
        client.sendto(message(number), running.address)
    records = running.settled(30)
    for record in records:
        assert record.left_at[0] - record.arrived_at >= decide(9, record.identity, path).delay
    assert [sequence_of(datagram) for datagram in receive(target, 30)] == list(range(1, 31))  # jitter swaps nothing


def test_one_bit_is_flipped_and_the_receiver_sees_the_damage(relays: Relays) -> None:
    target, client = relays.udp(), relays.udp()
    path = Path(corrupt=1.0)
    running = relays(Link(path), target.getsockname(), seed=1)
    client.sendto(message(1, b"hello"), running.address)
    client.sendto(b"", running.address)  # nothing there to flip
    damaged, empty = receive(target, 2) if running.settled(2) else ()
    assert empty == b""
    difference = int.from_bytes(damaged, "big") ^ int.from_bytes(message(1, b"hello"), "big")
    assert difference.bit_count() == 1
    bit = decide(1, Identity(FORWARD, FrameKind.DATA, 1), path).corrupt_bit % (8 * len(damaged))  # type: ignore[operator]
    assert difference == 1 << (8 * len(damaged) - 1 - bit)
    assert [record.corrupted for record in running.relay.records] == [True, False]
    assert running.stop().traffic[FORWARD].corrupted == 1


def test_the_bottleneck_takes_its_time_and_its_queue_overflows_by_what_the_record_says(relays: Relays) -> None:
    target, client = relays.udp(), relays.udp()
    rate, size = 800_000, 1000
    running = relays(Link(Path(rate=rate, queue=3)), target.getsockname())
    for number in range(1, 31):
        client.sendto(message(number, b"x" * (size - 40 - FRAME_OVERHEAD)), running.address)
    records = running.settled(30)
    dropped = [record.first_sequence for record in records if record.dropped]
    assert {record.dropped for record in records} == {None, Drop.QUEUE_FULL}
    left = [record for record in records if record.left_at]
    assert [sequence_of(datagram) for datagram in receive(target, 30 - len(dropped))] == [r.first_sequence for r in left]
    assert {record.size for record in records} == {size}
    needed = len(left) * size * 8 * 10**9 // rate
    assert left[-1].left_at[0] - left[0].arrived_at >= needed
    assert running.stop().traffic[FORWARD].dropped == {Drop.QUEUE_FULL: len(dropped)}


def test_what_comes_faster_than_the_policer_lets_through_is_dropped_and_nothing_waits(relays: Relays) -> None:
    """Four frames of 500 bytes are in the bucket, and a day brings no more than half of another."""
    target, client = relays.udp(), relays.udp()
    running = relays(Link(Path(police=Police(rate=1, burst=2_249))), target.getsockname())
    for number in range(1, 11):
        client.sendto(message(number, b"x" * (500 - 40 - FRAME_OVERHEAD)), running.address)
    records = running.settled(10)
    assert [record.dropped for record in records] == [None] * 4 + [Drop.POLICED] * 6
    assert [sequence_of(datagram) for datagram in receive(target, 4)] == [1, 2, 3, 4]
    assert running.stop().traffic[FORWARD].dropped == {Drop.POLICED: 6}


def test_what_is_larger_than_the_mtu_is_dropped_because_a_relay_cannot_cut_it(relays: Relays) -> None:
    target, client = relays.udp(), relays.udp()
    running = relays(Link(Path(mtu=576)), target.getsockname())
    client.sendto(b"x" * (576 - 28), running.address)
    client.sendto(b"x" * (576 - 27), running.address)
    records = running.settled(2)
    assert [record.dropped for record in records] == [None, Drop.MTU]
    assert receive(target, 1) == [b"x" * (576 - 28)]


def test_nobody_at_the_target_is_told_and_ends_nothing(relays: Relays) -> None:
    target = relays.udp()
    address = target.getsockname()
    target.close()
    client = relays.udp()
    running = relays(Link(), address)
    client.sendto(b"anybody there?", running.address)
    running.wait(lambda: any(isinstance(event, Unreachable) for event in running.events))
    (event, *_) = running.of(Unreachable)
    assert (event.peer.host, event.peer.port) == address
    back_again = relays.udp(address[1])
    client.sendto(b"and now?", running.address)
    assert back_again.recv(100) == b"and now?"
    assert running.stop().refused_icmp >= 1


def test_an_idle_client_makes_room_and_a_busy_one_does_not(relays: Relays, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_udp, "CLIENTS", 2)
    target, clients = relays.udp(), [relays.udp() for _ in range(3)]
    running = relays(Link(), target.getsockname())
    for client in clients:
        client.sendto(b"hello", running.address)
    running.wait(lambda: running.of(LimitReached))
    (event,) = running.of(LimitReached)
    assert (event.limit, event.value, event.peer.port) == ("clients", 2, clients[2].getsockname()[1])
    assert len(receive(target, 2)) == 2
    monkeypatch.setattr(relay_udp, "IDLE", 0)
    clients[2].sendto(b"again", running.address)
    assert target.recv(100) == b"again"
    statistics = running.stop()
    assert (statistics.clients, statistics.over_limit) == (3, 1)
    assert [client.peer.port for client in running.relay._udp._clients.values()] == [  # type: ignore[union-attr]
        clients[1].getsockname()[1],
        clients[2].getsockname()[1],
    ]


def test_a_client_whose_datagrams_are_held_back_is_not_idle(relays: Relays, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_udp, "CLIENTS", 1)
    monkeypatch.setattr(relay_udp, "IDLE", 0)
    target, first, second = relays.udp(), relays.udp(), relays.udp()
    running = relays(Link(script=(parse_fault("delay:data:1:1h"),)), target.getsockname())
    first.sendto(message(1), running.address)
    running.wait(lambda: len(running.relay.records) == 1)
    second.sendto(message(2), running.address)
    running.wait(lambda: running.of(LimitReached))
    assert running.relay.held == 1


def test_a_client_for_whom_the_system_has_no_socket_left_is_told_and_gets_one_later(relays: Relays) -> None:
    target, client = relays.udp(), relays.udp()
    running = relays(Link(), target.getsockname())
    with no_descriptor_left():
        client.sendto(b"too early", running.address)
        running.wait(lambda: running.of(LimitReached))
    assert running.of(LimitReached)[0].limit == "sockets that this system gives"
    client.sendto(b"in time", running.address)
    assert receive(target, 1) == [b"in time"]


def test_what_is_held_back_is_bounded(relays: Relays, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_udp, "HELD_BYTES", 5000)
    target, client = relays.udp(), relays.udp()
    running = relays(Link(Path(delay=3600 * 10**9)), target.getsockname())
    for number in range(1, 21):
        client.sendto(message(number, b"x" * 448), running.address)
    running.wait(lambda: len(running.relay.records) == 20)
    each = 488 + relay_udp.HELD_COST
    assert running.relay.held == 5000 // each
    assert running.stop().traffic[FORWARD].dropped == {Drop.QUEUE_FULL: 20 - 5000 // each}


def test_without_record_nothing_is_kept(relays: Relays) -> None:
    target, client = relays.udp(), relays.udp()
    running = relays(Link(), target.getsockname(), record=False)
    client.sendto(b"x", running.address)
    assert target.recv(10) == b"x"
    assert running.stop().traffic[FORWARD].left == 1
    assert running.relay.records == []


def test_acknowledged_messages_get_through_ten_per_cent_of_loss(relays: Relays) -> None:
    link = Link(Path(delay=2 * MILLISECOND, loss=0.1, duplicate=0.05, corrupt=0.05), Path(delay=2 * MILLISECOND, loss=0.1))
    got: list[bytes] = []
    with Receiver(LOOPBACK, 0) as receiver:

        def listen() -> None:
            got.extend(arrived.payload for arrived in receiver)

        running = relays(link, (LOOPBACK, receiver.endpoints[0].port), seed=21)
        listening = threading.Thread(target=listen)
        listening.start()
        with Sender(*running.address, acknowledged=True, min_rto=0.02) as sender:
            for number in range(100):
                sender.send(b"%d" % number)
            assert {outcome.state.value for outcome in sender.outcomes()} == {"delivered"}
        receiver.wake()
        listening.join()
        assert sorted(got, key=int) == [b"%d" % number for number in range(100)]
        statistics = running.stop()
        records = running.relay.records
        assert statistics.traffic[FORWARD].dropped[Drop.LOSS] > 0
        assert receiver.statistics().malformed > 0  # our checksum found the flipped bits that UDP's does not see
        first = [r for r in records if r.identity.kind is FrameKind.DATA and r.identity.transmission == 1]
        for record in first:
            fate = decide(21, record.identity, link.forward)
            assert (record.dropped, record.corrupted) == (fate.dropped, fate.corrupt_bit is not None and fate.dropped is None)


def test_udp_and_tcp_have_one_port(relays: Relays) -> None:
    running = relays(Link(), (LOOPBACK, 9), transport="both")
    udp, tcp = running.relay.endpoints
    assert (udp.transport, tcp.transport) == ("udp", "tcp")
    assert udp.port == tcp.port


@pytest.mark.parametrize("transport", ["udp", "tcp", "both"])
def test_what_cannot_be_is_said(relays: Relays, transport: str) -> None:
    def opened(*addresses: object) -> Relay:
        return Relay(*addresses, link=Link(), seed=1, transport=transport)  # type: ignore[arg-type]

    running = relays(Link(), (LOOPBACK, 9), transport="both")
    port = running.address[1]
    with pytest.raises(CannotListen, match="the port is in use"):
        opened(LOOPBACK, port, LOOPBACK, 9)
    with pytest.raises(NameUnknown, match=r"no-such-host\.invalid"):
        opened(LOOPBACK, 0, "no-such-host.invalid", 9)
    with pytest.raises(UsageError, match="there is no port 0"):
        opened(LOOPBACK, 0, LOOPBACK, 0)
    with pytest.raises(UsageError, match="choose 'udp', 'tcp' or 'both'"):
        Relay(LOOPBACK, 0, LOOPBACK, 9, link=Link(), seed=1, transport="sctp")


@pytest.mark.parametrize("listen", [LOOPBACK, "0.0.0.0", "localhost"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_relay_to_itself_is_refused(listen: str, transport: str) -> None:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = probe.getsockname()[1]
    with pytest.raises(UsageError, match="where the relay itself would listen"):
        Relay(listen, port, LOOPBACK, port, link=Link(), seed=1, transport=transport)


@pytest.mark.parametrize(
    ("listening", "target", "leads"),
    [
        (("0.0.0.0", 7), ("192.0.2.1", 7), False),
        (("0.0.0.0", 7), ("127.0.0.1", 8), False),
        (("0.0.0.0", 7), ("127.0.0.2", 7), True),
        (("0.0.0.0", 7), ("0.0.0.0", 7), True),
        (("127.0.0.1", 7), ("127.0.0.2", 7), False),
        (("::", 7), ("127.0.0.1", 7), True),
        (("::", 7), ("::1", 7), True),
        (("0.0.0.0", 7), ("::1", 7), False),
        (("127.0.0.1", 7), ("0.0.0.0", 7), True),  # to no address: it comes out on loopback
        (("127.0.0.2", 7), ("0.0.0.0", 7), False),
        (("::1", 7), ("::", 7), True),
        (("127.0.0.1", 7), ("::ffff:127.0.0.1", 7), True),  # IPv4 by an IPv6 socket
        (("0.0.0.0", 7), ("::ffff:127.0.0.1", 7), True),
        (("::", 7), ("::ffff:127.0.0.1", 7), True),
    ],
)
def test_where_a_target_leads(listening: tuple[str, int], target: tuple[str, int], leads: bool) -> None:
    family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
    address = relay_module.Address(family, target if family == socket.AF_INET else (*target, 0, 0))
    assert relay_module.leads_to(relay_module.Endpoint("udp", *listening), address) is leads


def test_run_ends_with_its_time_or_with_wake(relays: Relays) -> None:
    with Relay(LOOPBACK, 0, LOOPBACK, 9, link=Link(), seed=1) as relay:
        relay.run(0)  # long over
        relay.wake()
        relay.run()


def test_over_ipv6_the_headers_are_larger(relays: Relays) -> None:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as target:
            target.bind(("::1", 0))
            target.settimeout(20)
            client = relays.udp()
            running = relays(Link(), ("::1", target.getsockname()[1]))
            client.sendto(b"x" * 100, running.address)
            assert target.recv(1000) == b"x" * 100
            assert running.settled(1)[0].size == 100 + 14 + 40 + 8
            running.stop()
    except OSError:
        pytest.skip("this machine has no IPv6")


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel as Linux does")
def test_what_the_kernel_discards_before_the_relay_is_counted(relays: Relays) -> None:
    target, client = relays.udp(), relays.udp()
    with Relay(LOOPBACK, 0, *target.getsockname(), link=Link(), seed=1, record=True) as relay:
        sent = 0
        while relay.statistics().kernel_drops == 0:  # nobody turns it
            client.sendto(b"x" * 8000, (LOOPBACK, relay.endpoints[0].port))
            sent += 1
        while len(relay.records) < sent - (relay.statistics().kernel_drops or 0):
            relay.turn()
        assert relay.statistics().traffic[FORWARD].frames + (relay.statistics().kernel_drops or 0) == sent


@needs_hops
@pytest.mark.parametrize("host", [LOOPBACK, pytest.param("::1", marks=needs_ipv6)])
def test_what_goes_round_between_two_relays_dies(relays: Relays, host: str) -> None:
    """Each turn takes a place at each relay: with one hop less each time it takes 32 of 1,024, not all."""
    reserved = relays.udp(host=host)
    port = reserved.getsockname()[1]
    first = relays(Link(), (host, port), listen_host=host)
    reserved.close()
    second = relays(Link(), first.address, listen_host=host, listen_port=port)
    relays.udp(host=host).sendto(b"round and round", first.address)
    second.wait(lambda: second.of(HopsUsedUp) or first.of(HopsUsedUp))
    ended = [running.stop() for running in (first, second)]
    assert sum(statistics.hops_used_up for statistics in ended) == 1
    assert sum(statistics.clients for statistics in ended) == 63  # of 64 hops the relays' own sockets take one each
    assert sum(statistics.over_limit for statistics in ended) == 0


@needs_hops
def test_a_relay_takes_one_hop(relays: Relays) -> None:
    target, client = relays.udp(), relays.udp()
    target.setsockopt(socket.IPPROTO_IP, 12, 1)  # IP_RECVTTL
    running = relays(Link(), target.getsockname())
    hops = []
    for ttl in (30, 255):
        client = relays.udp()
        client.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
        client.sendto(b"x", running.address)
        ((_, _, data),) = target.recvmsg(100, socket.CMSG_SPACE(4))[1]
        hops.append(int.from_bytes(data, sys.byteorder))
    assert hops == [29, 63]
    client.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
    client.sendto(b"x", running.address)
    running.wait(lambda: running.of(HopsUsedUp))
    (event,) = running.of(HopsUsedUp)
    assert event.peer.port == client.getsockname()[1]
    assert running.stop().hops_used_up == 1
