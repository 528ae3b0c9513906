"""What a benchmark's numbers mean, in words, and how they are written; the same on a terminal and on the page."""

from collections.abc import Callable
from typing import Any, NamedTuple

from udpmsg.base.language import N_, _, number, plural, said, told
from udpmsg.base.units import duration_text
from udpmsg.bench.values import Benchmark, Measurement, figures
from udpmsg.compare.trace import Mode
from udpmsg.show.telling import quantity
from udpmsg.show.terminal import bit_rate, duration

UNKNOWN = "–"
TYPICAL = 1200
"""Bytes: the size whose curve and sentence are shown, if it was measured."""


class Column(NamedTuple):
    """A figure of every measurement."""

    heading: str
    """In two parts for a table whose head has two lines. Both are translated where they are written, by `heads`."""
    below: str
    key: str
    """With a colon: a part of it."""
    write: Callable[[Any], str]
    rank: int
    """Where there is no room for all, those with the highest number go first."""


def rate(value: float) -> str:
    """1,234,567: messages a second."""
    return number(value, ",.0f")


COLUMNS = (
    Column(N_("size"), N_("bytes"), "size_bytes", number, 0),
    Column(N_("throughput"), "msg/s", "throughput_msgs_per_s", rate, 0),
    Column(N_("goodput"), N_("payload"), "goodput_bps", bit_rate, 1),
    Column(N_("flood sent"), "msg/s", "flood_sent_msgs_per_s", rate, 4),
    Column(N_("flood|received"), "msg/s", "flood_received_msgs_per_s", rate, 3),
    Column(N_("round trip"), "p50", "rtt_s:p50", duration, 1),
    Column("", "p99", "rtt_s:p99", duration, 2),
    Column("", "p99.9", "rtt_s:p99.9", duration, 6),
    Column("", "p99.99", "rtt_s:p99.99", duration, 5),
    Column("", N_("delay|max"), "rtt_s:max", duration, 7),
)


def heads(column: Column) -> tuple[str, str]:
    """Both parts of a column's head, in the user's language."""
    return said(column.heading), said(column.below)


def value(measurement: Measurement, key: str) -> Any:
    """What a measurement has under a column's key; None where nobody knows."""
    name, _, part = key.partition(":")
    found = figures(measurement)[name]
    return found.get(part) if part and found is not None else found


def setting(benchmark: Benchmark) -> str:
    """What was measured, in one line."""
    request = benchmark.request
    each = quantity(duration_text(round(request.seconds * 10**9)))
    if request.target:
        words = _("One sender and one receiver to a listener at {}; {} for each measurement; {}")
        return words.format(benchmark.target, each, benchmark.system)
    words = _("One sender and one receiver on loopback, each in a process of its own; {} for each measurement; {}")
    return words.format(each, benchmark.system)


def typical(measurements: list[Measurement]) -> int | None:
    """The size to be shown where one is."""
    sizes = [measurement.size_bytes for measurement in measurements]
    return TYPICAL if TYPICAL in sizes else max(sizes, default=None)


def meaning(benchmark: Benchmark) -> list[str]:
    """A sentence or two on what the table says, at one size."""
    size = typical(benchmark.measurements)
    by_mode = {found.mode: found for found in benchmark.measurements if found.size_bytes == size}
    sentences = []
    udp = by_mode.get(Mode.UDP)
    if udp is not None:
        sentences.append(_("{} B: {}.").format(number(size or 0), _fire_and_forget(udp)))
    others = []
    for mode, name in ((Mode.UDP_ACK, N_("with acknowledgments")), (Mode.TCP, N_("over TCP"))):
        one = by_mode.get(mode)
        if one is None or one.throughput_msgs_per_s is None:
            continue
        if one.rtt_s:
            words = _("{} {} messages/s arrive and a round trip takes {}")
            text = words.format(_(name), rate(one.throughput_msgs_per_s), duration(one.rtt_s["p50"]))
        else:
            text = _("{} {} messages/s arrive").format(_(name), rate(one.throughput_msgs_per_s))
        spread = one.spread_msgs_per_s or {}
        if one.unstable:
            words = _("{} ({}; {} to {} from trial to trial)")
            text = words.format(text, _unstable(one), rate(spread["min"] or 0), rate(spread["max"] or 0))
        others.append(text)
    if others:
        text = "; ".join(others)
        alone = f"{text[0].upper()}{text[1:]}."
        sentences.append(alone if udp is not None else _("{} B: {}.").format(number(size or 0), text))
    return sentences


def _fire_and_forget(udp: Measurement) -> str:
    flood = udp.curve[0]
    if flood.loss >= 0.005:
        words = _("as fast as it can, the sender offers {} and {} % are lost")
    elif flood.messages_lost:
        words = _("as fast as it can, the sender offers {} and hardly any are lost")
    else:
        words = _("as fast as it can, the sender offers {}")
    flooded = words.format(rate(flood.sent_msgs_per_s), number(flood.loss * 100, ".0f"))
    if udp.throughput_msgs_per_s is None:
        return _("no rate was found at which nothing is lost; {}").format(flooded)
    if udp.throughput_msgs_per_s >= flood.sent_msgs_per_s:  # later trials can be quicker, on a machine that changes
        flooded = _("that is as fast as the sender can")
    if not udp.unstable:
        return _("up to {} messages/s without loss; {}").format(rate(udp.throughput_msgs_per_s), flooded)
    least = (udp.spread_msgs_per_s or {})["min"]
    if least is None:
        words = _("{}; up to {} messages/s without loss, but not in every trial; {}")
        return words.format(_unstable(udp), rate(udp.throughput_msgs_per_s), flooded)
    words = _("{}; up to {} messages/s without loss in every trial, up to {} in the best; {}")
    return words.format(_unstable(udp), rate(least), rate(udp.throughput_msgs_per_s), flooded)


def _unstable(measurement: Measurement) -> str:
    """That a figure is no firm one, and what is known of the reason."""
    others = round(measurement.other_processes or 0)
    words = plural("unstable: {} other process was at work", "unstable: {} other processes were at work", others)
    return words.format(number(others)) if others else _("unstable")


def limits(benchmark: Benchmark) -> list[tuple[str, str]]:
    """Each limit, with the measurements that have it: ("udp 64, 512", "…"), in the order of the table."""
    found: dict[str, list[Measurement]] = {}
    for measurement in benchmark.measurements:
        for limit in measurement.limits:
            found.setdefault(limit, []).append(measurement)
    return [(_cells(those, benchmark), told(limit)) for limit, those in found.items()]


def _cells(those: list[Measurement], benchmark: Benchmark) -> str:
    """The measurements in short; all sizes of a mode are the mode, all of all are "all"."""
    if len(those) == len(benchmark.measurements):
        return said(N_("measurements|all"))
    parts = []
    for mode in dict.fromkeys(one.mode for one in those):
        sizes = [one.size_bytes for one in those if one.mode is mode]
        every = len(sizes) == sum(one.mode is mode for one in benchmark.measurements)
        parts.append(mode.value if every else f"{mode.value} {', '.join(map(str, sizes))}")
    return "; ".join(parts)
