"""What a benchmark is told with: its figures as a table, and sentences on what they mean and what limits them.

Owns which figures are shown, how they are written and what they are called; every printer shows these. Computes no figure.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from udpmsg.base.language import N_, _, number, plural, said, told
from udpmsg.base.units import duration_text
from udpmsg.bench.jsonlines import fields
from udpmsg.bench.values import Benchmark, Measurement
from udpmsg.compare.choices import Mode
from udpmsg.compare.page.words import MODES
from udpmsg.show.figure import value
from udpmsg.show.pictures import Cell, Column, Group, Number, Pair, Pairs, Row, Table
from udpmsg.show.telling import quantity
from udpmsg.show.terminal import bit_rate, byte_count, duration

MODE = 8
"""Columns of a terminal for the mode's name."""
TYPICAL = 1200
"""Bytes: the size whose curve and sentence are shown, if it was measured."""
SURE = 2
"""Columns of this rank or a higher one are shown only where something is known."""


class Measured(NamedTuple):
    """A figure of every measurement."""

    key: str
    """Its name in the JSON lines; with a point, which part of it."""
    write: Callable[[float], str]
    column: Column
    """Marked texts, which are translated when the table is made."""


def rate(value: float) -> str:
    """1,234,567: messages a second."""
    return number(value, ",.0f")


FIGURES = (
    Measured("size_bytes", number, Column(N_("size"), below=N_("bytes"), names=True)),
    Measured("throughput_msgs_per_s", rate, Column(N_("throughput"), below="msg/s")),
    Measured("goodput_bps", bit_rate, Column(N_("goodput"), below=N_("payload"), rank=1)),
    Measured("flood_sent_msgs_per_s", rate, Column(N_("flood sent"), below="msg/s", rank=4)),
    Measured("flood_received_msgs_per_s", rate, Column(N_("flood|received"), below="msg/s", rank=3)),
    Measured("rtt_s.p50", duration, Column(N_("round trip"), below="p50", rank=1)),
    Measured("rtt_s.p99", duration, Column("", N_("round trip"), "p99", rank=2)),
    Measured("rtt_s.p99.9", duration, Column("", N_("round trip"), "p99.9", rank=6)),
    Measured("rtt_s.p99.99", duration, Column("", N_("round trip"), "p99.99", rank=5)),
    Measured("rtt_s.max", duration, Column("", N_("round trip"), N_("delay|max"), rank=7)),
)


def table(found: list[Measurement]) -> Table:
    """One row per measurement, the modes in groups."""
    lines = [(one.mode, fields(one)) for one in found]
    shown = [one for one in FIGURES if one.column.rank < SURE or any(value(line, one.key) is not None for _mode, line in lines)]
    groups = [
        Group(
            tuple(Row(tuple(_cell(line, figure) for figure in shown)) for other, line in lines if other is mode),
            mode.value,
            _(MODES[mode]),
            mode.value,
        )
        for mode in dict.fromkeys(mode for mode, _line in lines)
    ]
    columns = [
        replace(one.column, word=said(one.column.word), title=_(one.column.title), below=said(one.column.below)) for one in shown
    ]
    return Table(tuple(columns), tuple(groups), _("Figures of each mode and size"), "figures bench", rooms=(MODE, 0))


def _cell(line: dict[str, Any], figure: Measured) -> Cell:
    known = value(line, figure.key)
    return Cell() if known is None else Cell((Number(figure.key, known, figure.write),), "{}")


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
    spread = udp.spread_msgs_per_s or {}
    least = spread["min"]
    if least is None:
        words = _("{}; up to {} messages/s without loss, but not in every trial; {}")
        return words.format(_unstable(udp), rate(udp.throughput_msgs_per_s), flooded)
    words = _("{}; up to {} messages/s without loss in every trial, up to {} in the best; {}")
    return words.format(_unstable(udp), rate(least), rate(spread["max"] or 0), flooded)


def _unstable(measurement: Measurement) -> str:
    """That a figure is no firm one, and what is known of the reason."""
    others = round(measurement.other_processes or 0)
    words = plural("unstable: {} other process was at work", "unstable: {} other processes were at work", others)
    return words.format(number(others)) if others else _("unstable")


def limits(benchmark: Benchmark) -> Pairs:
    """Each limit, with the measurements that have it: ("udp 64, 512", "…"), in the order of the table."""
    found: dict[str, list[Measurement]] = {}
    for measurement in benchmark.measurements:
        for limit in measurement.limits:
            found.setdefault(limit, []).append(measurement)
    return Pairs(tuple(Pair(_cells(those, benchmark), told(limit)) for limit, those in found.items()))


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


def details(benchmark: Benchmark) -> Pairs:
    """All else that changes the figures, and where and when they were measured."""
    request = benchmark.request
    sizes = {one.datagrams_per_message for one in benchmark.measurements if one.datagrams_per_message is not None}
    known = [
        (
            _("Receiver"),
            _("a listener at {}").format(benchmark.target)
            if benchmark.target
            else _("a process of our own, which takes every payload"),
        ),
        (_("Receive buffer"), "" if benchmark.receive_buffer_bytes is None else byte_count(benchmark.receive_buffer_bytes)),
        (
            _("Datagrams"),
            _("of at most {} bytes").format(number(request.datagram_size))
            if request.datagram_size
            else _("as large as a message needs"),
        ),
        (_("Datagrams per message"), _(" or ").join(map(str, sorted(sizes)))),
        (_("Several datagrams per system call"), _("as far as the system can") if request.offload else _("switched off")),
        (
            _("Window"),
            _("at most {} messages unconfirmed").format(number(request.window))
            if request.window
            else _("as many as the network takes"),
        ),
        (_("Congestion control"), request.congestion or ""),
        (_("Each measurement"), duration(request.seconds)),
        (_("Cores"), str(benchmark.cores)),
        (_("When"), benchmark.started),
        (_("System"), benchmark.system),
    ]
    return Pairs(tuple(Pair(name, text) for name, text in known if text))
