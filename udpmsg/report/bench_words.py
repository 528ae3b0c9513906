"""What a benchmark's numbers mean, in words, and how they are written; the same on a terminal and on the page."""

from collections.abc import Callable
from typing import Any, NamedTuple

from udpmsg.experiment.bench_values import Benchmark, Measurement, figures
from udpmsg.experiment.trace import Mode
from udpmsg.link.wording import spaced
from udpmsg.report.terminal import bit_rate, duration
from udpmsg.units import duration_text

UNKNOWN = "–"
TYPICAL = 1200
"""Bytes: the size whose curve and sentence are shown, if it was measured."""


class Column(NamedTuple):
    """A figure of every measurement."""

    heading: str
    """In two parts for a table whose head has two lines."""
    below: str
    key: str
    """With a colon: a part of it."""
    write: Callable[[Any], str]
    rank: int
    """Where there is no room for all, those with the highest number go first."""


def rate(value: float) -> str:
    """1,234,567: messages a second."""
    return f"{value:,.0f}"


COLUMNS = (
    Column("size", "bytes", "size_bytes", lambda size: f"{size:,}", 0),
    Column("throughput", "msg/s", "throughput_msgs_per_s", rate, 0),
    Column("goodput", "payload", "goodput_bps", bit_rate, 1),
    Column("flood sent", "msg/s", "flood_sent_msgs_per_s", rate, 4),
    Column("received", "msg/s", "flood_received_msgs_per_s", rate, 3),
    Column("round trip", "p50", "rtt_s:p50", duration, 1),
    Column("", "p99", "rtt_s:p99", duration, 2),
    Column("", "p99.9", "rtt_s:p99.9", duration, 6),
    Column("", "p99.99", "rtt_s:p99.99", duration, 5),
    Column("", "max", "rtt_s:max", duration, 7),
)


def value(measurement: Measurement, key: str) -> Any:
    """What a measurement has under a column's key; None where nobody knows."""
    name, _, part = key.partition(":")
    found = figures(measurement)[name]
    return found.get(part) if part and found is not None else found


def setting(benchmark: Benchmark) -> str:
    """What was measured, in one line."""
    request = benchmark.request
    where = f"to a listener at {benchmark.target}" if request.target else "on loopback, sender and receiver a process each"
    each = spaced(duration_text(round(request.seconds * 10**9)))
    return f"One sender and one receiver {where}; {each} for each measurement; {benchmark.system}"


def typical(measurements: list[Measurement]) -> int | None:
    """The size to be shown where one is."""
    sizes = [measurement.size_bytes for measurement in measurements]
    return TYPICAL if TYPICAL in sizes else max(sizes, default=None)


def meaning(benchmark: Benchmark) -> list[str]:
    """A sentence or two on what the table says, at one size."""
    size = typical(benchmark.measurements)
    by_mode = {found.mode: found for found in benchmark.measurements if found.size_bytes == size}
    said = []
    udp = by_mode.get(Mode.UDP)
    if udp is not None:
        said.append(f"At {size:,} B {_fire_and_forget(udp)}")
    others = []
    for mode, name in ((Mode.UDP_ACK, "with acknowledgments"), (Mode.TCP, "over TCP")):
        one = by_mode.get(mode)
        if one is not None and one.throughput_msgs_per_s is not None:
            trip = f" and a round trip takes {duration(one.rtt_s['p50'])}" if one.rtt_s else ""
            others.append(f"{name} {rate(one.throughput_msgs_per_s)} a second arrive{trip}")
    if others:
        text = "; ".join(others)
        said.append(f"{text[0].upper()}{text[1:]}." if udp is not None else f"At {size:,} B {text}.")
    return said


def _fire_and_forget(udp: Measurement) -> str:
    flood = udp.curve[0]
    flooded = f"as fast as it can, the sender offers {rate(flood.sent_msgs_per_s)}"
    flooded += (
        f" and {flood.loss * 100:.0f} % are lost"
        if flood.loss >= 0.005
        else " and hardly any are lost"
        if flood.messages_lost
        else ""
    )
    if udp.throughput_msgs_per_s is None:
        return f"no rate was found at which nothing is lost; {flooded}."
    return f"{rate(udp.throughput_msgs_per_s)} messages a second arrive without one lost; {flooded}."


def limits(benchmark: Benchmark) -> list[tuple[str, str]]:
    """Each limit, with the measurements that have it: ("udp 64, 512", "…"), in the order of the table."""
    found: dict[str, list[Measurement]] = {}
    for measurement in benchmark.measurements:
        for limit in measurement.limits:
            found.setdefault(limit, []).append(measurement)
    return [(_cells(those, benchmark), limit) for limit, those in found.items()]


def _cells(those: list[Measurement], benchmark: Benchmark) -> str:
    """The measurements in short; all sizes of a mode are the mode, all of all are "all"."""
    if len(those) == len(benchmark.measurements):
        return "all"
    parts = []
    for mode in dict.fromkeys(one.mode for one in those):
        sizes = [one.size_bytes for one in those if one.mode is mode]
        every = len(sizes) == sum(one.mode is mode for one in benchmark.measurements)
        parts.append(mode.value if every else f"{mode.value} {', '.join(map(str, sizes))}")
    return "; ".join(parts)
