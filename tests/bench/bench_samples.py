"""A benchmark that was never run, with everything in it that a report shows."""

from dataclasses import replace

from udpmsg.bench.limits import limits_of
from udpmsg.bench.values import Benchmark, BenchRequest, Measurement, Trial
from udpmsg.compare.choices import Mode


def trial(sent: float, loss: float = 0.0, *, offered: bool = True, confirms: bool = False, cpu: float | None = 0.5) -> Trial:
    """Messages for a second."""
    lost = round(sent * loss)
    return Trial(
        offered_msgs_per_s=sent if offered else None,
        sent_msgs_per_s=sent,
        received_msgs_per_s=sent * (1 - loss),
        messages_sent=round(sent),
        messages_lost=lost,
        messages_unconfirmed=None,
        kernel_drops=lost,
        over_limit=0,
        duration_s=1.0,
        sender_cpu=cpu,
        receiver_cpu=0.97,
        offload=True,
        confirms=confirms,
    )


def measurement(mode: Mode, size: int, benchmark: Benchmark) -> Measurement:
    """One that loses above 800,000 messages a second at any size, where it can lose."""
    udp, tcp = mode is Mode.UDP, mode is Mode.TCP
    curve = (
        (trial(1.2e6, 0.4, offered=False, cpu=1.0), trial(684e3), trial(942e3, 0.0015), trial(800e3), trial(800e3, confirms=True))
        if udp
        else (trial(500e3, offered=False, confirms=True),)
    )
    rtt = dict(zip(("count", "min", "mean", "p50", "p90", "p99", "p99.9", "p99.99", "max"), ROUND_TRIPS, strict=True))
    found = Measurement(
        mode=mode,
        size_bytes=size,
        datagram_size_bytes=None if tcp else size + 40,
        datagrams_per_message=None if tcp else 1,
        throughput_msgs_per_s=curve[-1].sent_msgs_per_s,
        flood_sent_msgs_per_s=1.2e6 if udp else None,
        flood_received_msgs_per_s=0.72e6 if udp else None,
        goodput_bps=curve[-1].sent_msgs_per_s * size * 8,
        rtt_s=None if udp else rtt,
        rtt_interval_s=None if udp else 0.001,
        rtt_lost=None if udp else 0,
        offload=None if tcp else True,
        receive_buffer_bytes=None if tcp else benchmark.receive_buffer_bytes,
        kernel_drops=None if tcp else sum(one.kernel_drops or 0 for one in curve),
        over_limit=0,
        sender_cpu=0.5,
        receiver_cpu=0.97,
        other_processes=0.0,
        limits=(),
        curve=curve,
    )
    return limits_of(found, benchmark)


ROUND_TRIPS = (3200, 0.000021, 0.0000402, 0.000038, 0.000049, 0.000081, 0.00031, 0.0012, 0.0014)


def sample(request: BenchRequest | None = None) -> Benchmark:
    """All that was asked for; the kernel gave a quarter of the buffer."""
    request = request or BenchRequest(receive_buffer=16 << 20, command="udpmsg bench --receive-buffer 16MiB")
    benchmark = Benchmark(
        request=request,
        started="2026-11-25T10:00:00Z",
        system="Linux 6.18, Python 3.11.7",
        version="0.1.0",
        cores=2,
        receive_buffer_bytes=4 << 20 if request.target is None else None,
    )
    benchmark.measurements = [measurement(mode, size, benchmark) for mode, size in request.cells]
    return benchmark


def without_throughput(benchmark: Benchmark) -> Benchmark:
    """The same, but everything was lossy."""
    lossy = [
        replace(
            one,
            throughput_msgs_per_s=None,
            goodput_bps=None,
            curve=tuple(trial(rate, 0.02) for rate in (1e3, 1e5, 1e6)),
            limits=(),
        )
        for one in benchmark.measurements
    ]
    return replace(benchmark, measurements=[limits_of(one, benchmark) for one in lossy])
