"""A benchmark's table, lines and page: the same numbers in all three, null for what is not known, and nothing that breaks out."""

import json
import re
from dataclasses import replace
from html import unescape

import pytest

from tests.bench.bench_samples import sample, trial, without_throughput
from udpmsg.bench import printed as bench_table
from udpmsg.bench.jsonlines import BenchLines, fields
from udpmsg.bench.limits import limits_of
from udpmsg.bench.page import page
from udpmsg.bench.story import FIGURES, limits, meaning
from udpmsg.bench.values import BenchRequest, figures
from udpmsg.compare.choices import Mode
from udpmsg.show.figure import value

KEYS = [
    "mode",
    "size_bytes",
    "datagram_size_bytes",
    "datagrams_per_message",
    "throughput_msgs_per_s",
    "flood_sent_msgs_per_s",
    "flood_received_msgs_per_s",
    "goodput_bps",
    "rtt_s",
    "rtt_interval_s",
    "rtt_lost",
    "offload",
    "receive_buffer_bytes",
    "kernel_drops",
    "over_limit",
    "sender_cpu",
    "receiver_cpu",
    "other_processes",
    "spread_msgs_per_s",
    "unstable",
    "limits",
    "curve",
]
TRIAL_KEYS = {
    "offered_msgs_per_s",
    "sent_msgs_per_s",
    "received_msgs_per_s",
    "messages_sent",
    "messages_lost",
    "messages_unconfirmed",
    "kernel_drops",
    "over_limit",
    "duration_s",
    "sender_cpu",
    "receiver_cpu",
    "offload",
    "confirms",
    "verifies",
    "loss",
}


def test_a_line_a_mode_and_size_with_every_key_and_one_that_says_what_was_run() -> None:
    benchmark = sample()
    lines = BenchLines()
    found = [json.loads(lines.measurement(one), parse_constant=pytest.fail) for one in benchmark.measurements]
    last = json.loads(lines.whole(benchmark), parse_constant=pytest.fail)
    assert len({line["run"] for line in [*found, last]}) == 1
    for line, one in zip(found, benchmark.measurements, strict=True):
        assert list(line) == ["event", "v", "run", *KEYS]
        assert (line["event"], line["v"], line["mode"], line["size_bytes"]) == ("bench", 1, one.mode.value, one.size_bytes)
        assert all(set(made) == TRIAL_KEYS for made in line["curve"])
        assert line["curve"][0]["offered_msgs_per_s"] is None
        assert (line["rtt_s"] is None) == (one.mode is Mode.UDP)
        assert (line["flood_sent_msgs_per_s"] is None) == (one.mode is not Mode.UDP)
        assert (line["offload"] is None) == (one.mode is Mode.TCP)
    assert (last["event"], last["measurements"], last["target"], last["interrupted"]) == ("benchmark", 12, None, False)
    assert (last["receive_buffer_wanted_bytes"], last["receive_buffer_bytes"]) == (16 << 20, 4 << 20)


def test_the_page_has_the_numbers_of_the_lines_and_the_table_what_they_come_to() -> None:
    benchmark = sample()
    text = page(benchmark)
    table = "\n".join(bench_table.lines(benchmark, colour=False, width=160))
    rows = re.findall(r'<tr><th scope="row">.*?</tr>', text)
    for row, one in zip(rows, benchmark.measurements, strict=True):
        line = fields(one)
        shown = dict(re.findall(r'data-key="([^"]+)" value="([^"]+)"', row))
        for figure in FIGURES:
            known = value(line, figure.key)
            assert (json.loads(shown[figure.key]) if figure.key in shown else None) == known, figure.key
            if known is not None:
                assert figure.write(known) in table


def test_the_page_is_alone_and_escapes_what_comes_from_outside() -> None:
    hostile = '"><script>alert(1)</script>\x1b[2J\u202e{{version}}'
    benchmark = sample(BenchRequest(target=(hostile, 5000), command=hostile))
    text = page(benchmark)
    assert "<script>alert" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "{{version}}" in text, "what is filled in is not filled again"
    assert not re.search(r'(?:src|href)="(?!data:|#mark-)', text)
    assert "default-src 'none'" in unescape(text)


@pytest.mark.parametrize("width", [60, 78, 100, 160])
def test_the_table_fits_and_keeps_what_matters(width: int) -> None:
    lines = bench_table.lines(sample(), colour=False, width=width)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    for word in ("throughput", "goodput", "p50", "udp+ack", "tcp", "800,000"):
        assert word in text


def test_the_curve_shows_each_rate_with_its_loss_and_which_one_it_is() -> None:
    text = bench_table.lines(sample(), colour=False, width=100)
    start = next(at for at, line in enumerate(text) if line.startswith("Loss against the rate"))
    rows = text[start + 1 : start + 6]
    assert [row.split()[0] for row in rows] == ["684,000", "800,000", "800,000", "942,000", "1,200,000"]
    assert sum("the throughput" in row for row in rows) == 1
    assert rows[3].endswith("█ 0.15 %")
    assert rows[4].endswith(f"{'█' * 30} 40 %, without a pace")


def test_a_trial_that_was_made_once_more_is_told_as_such() -> None:
    benchmark = sample(BenchRequest(modes=(Mode.UDP,), sizes=(1200,)))
    (found,) = benchmark.measurements
    *curve, long = found.curve
    lucky = replace(found, curve=(*curve, trial(800e3, 0.0001, confirms=True), replace(long, verifies=True)))
    text = bench_table.lines(replace(benchmark, measurements=[lucky]), colour=False, width=100)
    assert [line for line in text if line.endswith("█ 0.01 %")]
    assert [line for line in text if line.endswith("none: the throughput, when tried again")]


def test_sentences_say_what_it_means_and_what_limits_it_once() -> None:
    benchmark = sample()
    said = " ".join(meaning(benchmark))
    assert "1,200 B: up to 800,000 messages/s without loss" in said
    assert "the sender offers 1,200,000 and 40 % are lost" in said
    assert "With acknowledgments 500,000 messages/s arrive and a round trip takes 38 µs" in said
    held = {limit.text: limit.name for limit in limits(benchmark).pairs}
    assert held["The receiver's core is full."] == "all"
    assert held["At higher rates the receiver's kernel dropped datagrams: its socket buffer was full."] == "udp"
    (clamped,) = [limit for limit in held if "sysctl" in limit]
    assert "sudo sysctl -w net.core.rmem_max=16777216" in clamped
    assert held[clamped] == "udp; udp+ack"


def test_a_throughput_above_the_flood_is_as_fast_as_the_sender_can() -> None:
    benchmark = sample()
    slower = [
        replace(one, curve=(replace(one.curve[0], sent_msgs_per_s=700_000.0, messages_lost=0), *one.curve[1:]))
        for one in benchmark.measurements
    ]
    (said, *_) = meaning(replace(benchmark, measurements=slower))
    assert said == "1,200 B: up to 800,000 messages/s without loss; that is as fast as the sender can."


def test_a_much_faster_trial_without_loss_contradicts_the_headline_too() -> None:
    benchmark = sample(BenchRequest(modes=(Mode.UDP,), sizes=(1200,)))
    (found,) = benchmark.measurements
    for clean, unstable in ((990e3, False), (1_100e3, True)):
        other = limits_of(replace(found, curve=(*found.curve, trial(clean)), other_processes=11.0, limits=()), benchmark)
        line = fields(other)
        assert line["unstable"] is unstable
        assert line["spread_msgs_per_s"] == {"min": 800e3, "max": clean}
        assert ("Unstable: a trial at a much higher rate lost nothing either." in line["limits"]) is unstable
        (said, *_) = meaning(replace(benchmark, measurements=[other]))
        words = "unstable: 11 other processes were at work; up to 800,000 messages/s without loss in every trial, up to 1,100,000"
        assert said.startswith(f"1,200 B: {words}" if unstable else "1,200 B: up to 800,000 messages/s without loss; ")


@pytest.mark.parametrize(
    ("lossy", "others", "said"),
    [
        (801e3, 3.0, "up to 800,000 messages/s without loss; "),
        (
            800e3,
            3.4,
            "unstable: 3 other processes were at work; up to 684,000 messages/s without loss in every trial, up to 800,000",
        ),
        (
            700e3,
            0.6,
            "unstable: 1 other process was at work; up to 684,000 messages/s without loss in every trial, up to 800,000",
        ),
        (700e3, 0.4, "unstable; up to 684,000 messages/s without loss in every trial, up to 800,000 in the best; "),
        (500e3, None, "unstable; up to 800,000 messages/s without loss, but not in every trial; "),
    ],
)
def test_the_headline_is_not_contradicted_by_its_own_curve(lossy: float, others: float | None, said: str) -> None:
    benchmark = sample(BenchRequest(modes=(Mode.UDP,), sizes=(1200,)))
    (found,) = benchmark.measurements
    disturbed = limits_of(replace(found, curve=(*found.curve, trial(lossy, 0.001)), other_processes=others, limits=()), benchmark)
    text = bench_table.lines(replace(benchmark, measurements=[disturbed]), colour=False, width=300)
    assert [line for line in text if line.startswith(f"1,200 B: {said}")]
    line = fields(disturbed)
    contradicted = lossy <= 800e3
    assert line["unstable"] is contradicted
    assert line["spread_msgs_per_s"] == {"min": (684e3 if lossy > 684e3 else None) if contradicted else 800e3, "max": 800e3}
    assert any(limit.startswith("Unstable") for limit in line["limits"]) is contradicted


def test_trials_that_differ_are_told_where_all_is_delivered() -> None:
    benchmark = sample(BenchRequest(modes=(Mode.TCP,), sizes=(1200,)))
    (found,) = benchmark.measurements
    for slowest, unstable in ((300e3, True), (480e3, False)):
        curve = tuple(trial(rate, offered=False, confirms=True) for rate in (500e3, 550e3, slowest))
        disturbed = replace(found, curve=curve, other_processes=2.0)
        (said,) = meaning(replace(benchmark, measurements=[disturbed]))
        assert ("(unstable: 2 other processes were at work; 300,000 to 550,000 from trial to trial)" in said) is unstable
        assert fields(disturbed)["spread_msgs_per_s"] == {"min": slowest, "max": 550e3}


def test_no_throughput_is_null_and_said() -> None:
    benchmark = without_throughput(sample())
    line = fields(benchmark.measurements[0])
    assert (line["throughput_msgs_per_s"], line["spread_msgs_per_s"], line["unstable"]) == (None, None, None)
    text = "\n".join(bench_table.lines(benchmark, colour=False, width=100))
    assert "no rate was found at which nothing is lost" in text
    assert "No throughput" in text
    assert "No throughput" in page(benchmark)


def test_offload_that_is_off_and_messages_in_parts_are_limits() -> None:
    benchmark = sample(BenchRequest(offload=False))
    off = limits_of(replace(benchmark.measurements[0], offload=False, datagrams_per_message=7), benchmark).limits
    assert "Each datagram takes a system call of its own: --no-offload asked for that." in off
    assert "A message travels in 7 datagrams; if one is lost, all of it is." in off


def test_an_interrupted_benchmark_shows_what_there_is() -> None:
    benchmark = replace(sample(), measurements=[], interrupted=True)
    assert bench_table.lines(benchmark, colour=False, width=80) == ["Nothing was measured."]
    assert "Nothing limited it that udpmsg can see." in page(benchmark)
    assert json.loads(BenchLines().whole(benchmark))["interrupted"] is True


def test_every_figure_has_one_name() -> None:
    assert set(KEYS) - {"limits", "curve"} == set(figures(sample().measurements[0]))
