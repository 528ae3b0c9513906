"""The benchmark over loopback: tiny, with sockets and a receiver in a process of its own; bounded by the time it is given."""

import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from udpmsg.base.errors import NameUnknown, UdpmsgError, UsageError
from udpmsg.bench import path_size
from udpmsg.bench.receiver import OwnReceiver
from udpmsg.bench.run import bench
from udpmsg.bench.trial import NobodyThere, TrialSetup, as_fast_as_possible, at_rate, round_trips
from udpmsg.bench.values import Benchmark, BenchProgress, BenchRequest, Measurement
from udpmsg.compare.choices import Mode
from udpmsg.lab.processes import ChildFailed
from udpmsg.messaging.receiver import Receiver

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a receiver of its own is forked")


@pytest.fixture
def receiver() -> Iterator[OwnReceiver]:
    """Our own, ended afterwards."""
    with OwnReceiver(receive_buffer=1 << 20, offload=True) as own:
        yield own


def prepared(receiver: OwnReceiver, mode: Mode, size: int = 100, *, datagram_size: int = 1200) -> TrialSetup:
    return TrialSetup(
        mode, size, receiver.host, receiver.port, datagram_size, None, True, receiver, stopped=lambda: False, tick=lambda: None
    )


def test_a_trial_at_a_rate_sends_what_the_rate_and_the_time_say_and_accounts_for_all_of_it(receiver: OwnReceiver) -> None:
    trial = at_rate(prepared(receiver, Mode.UDP), 5_000, 0.1, confirms=True)
    assert trial.messages_sent == 500
    assert trial.messages_lost == 0
    assert trial.offered_msgs_per_s == 5_000
    assert 0 < trial.sent_msgs_per_s <= 5_000
    assert trial.messages_unconfirmed is None
    assert trial.over_limit == 0


@pytest.mark.parametrize("mode", list(Mode))
def test_as_fast_as_possible_everything_is_accounted_for(receiver: OwnReceiver, mode: Mode) -> None:
    trial = as_fast_as_possible(prepared(receiver, mode), 0.05)
    assert trial.messages_sent > 0
    assert 0 <= trial.messages_lost <= trial.messages_sent
    assert trial.offered_msgs_per_s is None
    if mode is not Mode.UDP:
        assert trial.messages_lost == 0
    assert trial.messages_unconfirmed == (0 if mode is Mode.UDP_ACK else None)
    assert (trial.kernel_drops is None) == (mode is Mode.TCP)
    assert (trial.offload is None) == (mode is Mode.TCP)


@pytest.mark.parametrize("mode", [Mode.UDP_ACK, Mode.TCP])
def test_round_trips_are_measured_one_by_one(receiver: OwnReceiver, mode: Mode) -> None:
    trips = round_trips(prepared(receiver, mode), 0.05)
    summary = trips.summary()
    assert summary is not None
    assert summary["count"] > 0
    assert trips.lost == 0
    assert trips.interval >= 1_000_000
    assert summary["min"] <= summary["p50"] <= summary["p99.99"] <= summary["max"]


@pytest.mark.parametrize("offload", [True, False])
def test_three_modes_and_two_sizes_are_six_measurements(offload: bool) -> None:
    told: list[Measurement] = []
    states: list[BenchProgress] = []
    benchmark = bench(
        BenchRequest(sizes=(64, 3000), seconds=0.1, offload=offload),
        found=lambda _, measurement: told.append(measurement),
        progress=states.append,
    )
    assert told == benchmark.measurements
    assert [(one.mode, one.size_bytes) for one in told] == [(mode, size) for mode in Mode for size in (64, 3000)]
    for one in told:
        assert (one.rtt_s is None) == (one.mode is Mode.UDP)
        assert (one.flood_sent_msgs_per_s is None) == (one.mode is not Mode.UDP)
        assert one.datagrams_per_message == (None if one.mode is Mode.TCP else 1)
        if one.throughput_msgs_per_s is not None:
            assert one.goodput_bps == one.throughput_msgs_per_s * one.size_bytes * 8
        assert len(one.curve) == 3 or one.mode is Mode.UDP
        assert (one.other_processes is None) == (not os.path.exists("/proc/loadavg"))
        if not offload:
            assert one.offload is (None if one.mode is Mode.TCP else False)
    assert [state.share for state in states] == sorted(state.share for state in states)
    assert 0 <= states[-1].share <= 1


def test_the_receiver_is_gone_after_it_and_after_an_error() -> None:
    with OwnReceiver(receive_buffer=1 << 16, offload=True) as own:
        child = own._child.pid
    assert child is not None
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_a_receiver_that_is_killed_is_said(receiver: OwnReceiver) -> None:
    assert receiver._child.pid is not None
    os.kill(receiver._child.pid, 9)
    with pytest.raises(ChildFailed, match="the receiver ended unexpectedly"):
        receiver.look()


@pytest.mark.parametrize(("ours", "error"), [(False, NobodyThere), (True, ChildFailed)], ids=["elsewhere", "our-own"])
def test_a_connection_that_ends_during_the_round_trips_is_nobody_and_no_lost_round_trip(
    receiver: OwnReceiver, ours: bool, error: type[UdpmsgError]
) -> None:
    child = receiver._child.pid
    assert child is not None
    to_it = prepared(receiver, Mode.TCP)
    ended = replace(to_it, receiver=receiver if ours else None, tick=lambda: os.kill(child, 9))
    with pytest.raises(error):
        round_trips(ended, 0.3)


def test_once_it_shall_stop_it_ends_with_what_there_is() -> None:
    found: list[Measurement] = []
    benchmark = bench(
        BenchRequest(modes=(Mode.UDP_ACK, Mode.TCP), sizes=(64,), seconds=0.1),
        found=lambda _, measurement: found.append(measurement),
        stopped=lambda: bool(found),
    )
    assert benchmark.interrupted
    assert len(benchmark.measurements) == 1


@pytest.fixture
def listener() -> Iterator[Receiver]:
    """What `udpmsg listen --both` runs, in a thread."""
    with Receiver("127.0.0.1", 0, transport="both") as receiver:
        done = threading.Event()

        def run() -> None:
            while not done.is_set():
                receiver.poll(0.02)

        thread = threading.Thread(target=run)
        thread.start()
        yield receiver
        done.set()
        thread.join()


def test_against_a_listener_nothing_is_known_of_its_process(listener: Receiver) -> None:
    benchmark: Benchmark = bench(BenchRequest(sizes=(200,), seconds=0.1, target=("127.0.0.1", listener.endpoints[0].port)))
    assert benchmark.receive_buffer_bytes is None
    for one in benchmark.measurements:
        assert one.receiver_cpu is None
        assert one.receive_buffer_bytes is None
    by_mode = {one.mode: one for one in benchmark.measurements}
    assert by_mode[Mode.TCP].throughput_msgs_per_s is not None
    assert by_mode[Mode.UDP_ACK].throughput_msgs_per_s is not None


@pytest.mark.parametrize("mode", list(Mode))
def test_nobody_there_is_said_with_what_to_start(mode: Mode) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(NobodyThere, match=f"start `udpmsg listen --both --quiet --host 0.0.0.0 --port {port}` there"):
        bench(BenchRequest(modes=(mode,), sizes=(64,), seconds=0.1, target=("127.0.0.1", port)))


def test_an_unknown_name_and_what_cannot_be_measured_raise_before_anything_begins() -> None:
    with pytest.raises(NameUnknown):
        bench(BenchRequest(sizes=(64,), seconds=0.1, target=("no.such.host.invalid", 5000)))
    for request in (
        BenchRequest(sizes=(0,)),
        BenchRequest(sizes=((1 << 20) + 1,)),
        BenchRequest(modes=(Mode.UDP, Mode.TCP), window=5),
        BenchRequest(modes=(Mode.TCP,), datagram_size=1200),
    ):
        with pytest.raises(UsageError):
            bench(request, progress=lambda _: pytest.fail("it began"))


def test_a_message_gets_a_datagram_of_its_own_where_the_path_takes_it() -> None:
    size = path_size.datagram_size(1200, acknowledged=False, largest=65_000)
    assert path_size.datagrams(1200, acknowledged=False, datagram_size=size) == 1
    assert size < 1300
    size = path_size.datagram_size(8192, acknowledged=True, largest=1472)
    assert size == 1472
    assert path_size.datagrams(8192, acknowledged=True, datagram_size=size) == 6
    assert path_size.datagram_size(8192, acknowledged=True, largest=None) == 1200
    assert path_size.datagram_size(1, acknowledged=False, largest=None) == 128
    assert path_size.datagram_size(200_000, acknowledged=False, largest=70_000) == 65_507


@pytest.mark.skipif(not os.path.exists("/proc/sys/net"), reason="only Linux tells the MTU of a route")
def test_loopback_takes_large_datagrams_whole() -> None:
    largest = path_size.largest_datagram("127.0.0.1", 9)
    assert largest is not None
    assert largest > 1472
