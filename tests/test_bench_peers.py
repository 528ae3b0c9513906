"""`scripts/bench peers`: what the tools say is read right, ratios are those of the medians, nobody missing is left out.

The tools' words below were recorded (Debian's iperf3 3.12 and sockperf 3.7, iperf3 3.21), so that no test needs them.
"""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))  # not a package that is installed

import bench_peers
from peers import catalogue, running, tables, tools

LIMIT = "sent     3797240 datagrams/s\nreceived 2630618 datagrams/s, 25.25 Gbit/s\n"
LIMIT_RECEIVER_FIRST = "received 2630618 datagrams/s, 25.25 Gbit/s\nsent     3797240 datagrams/s\n"
SERVER_UP = "sockperf: == version #3.7-no.git == \nsockperf: [SERVER] listen on:\n[ 0] IP = 127.0.0.1       PORT =  5996 # UDP\n"
THROUGHPUT = (
    "sockperf: Test ended\nsockperf: Total of 148700 messages sent in 2.000 sec\n\n"
    "sockperf: Summary: Message Rate is 74350 [msg/sec]\nsockperf: Summary: BandWidth is 85.08 MBps (680.7 Mbps)\n"
)
THROUGHPUT_SERVER = SERVER_UP + "sockperf: Test end (interrupted by user)\nsockperf: Total 141889 messages received and handled\n"
ROUND_TRIP = (
    "sockperf: \x1b[2;35m====> avg-rtt=20.814 (std-dev=13.552)\x1b[0m\nsockperf: Summary: Round trip is 20.814 usec\n"
    "sockperf: ---> <MAX> observation = 1698.469\nsockperf: ---> percentile 99.990 =  227.254\n"
    "sockperf: ---> percentile 75.000 =   21.309\nsockperf: ---> percentile 50.000 =   20.197\n"
)
LATENCY = ROUND_TRIP.replace("avg-rtt", "avg-latency").replace("Round trip is", "Latency is")


def iperf3(*, sent: int, received: int, seconds: float, packets: int, lost: int) -> tuple[str, str]:
    """What client and server write with -J, as far as anyone reads it."""
    received_sum = {"bytes": received, "seconds": seconds, "lost_packets": lost, "packets": packets, "sender": False}
    client = {"sum_sent": {"bytes": sent, "seconds": 1.0, "packets": packets}, "sum_received": received_sum}
    server = {"sum_sent": {"bytes": 0, "seconds": seconds, "packets": 0}, "sum_received": received_sum}
    return json.dumps({"start": {}, "end": client}), json.dumps({"start": {}, "end": server})


# The tools' words ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("output", [LIMIT, LIMIT_RECEIVER_FIRST])
def test_of_the_limit_what_was_received_counts(output: str) -> None:
    rate, lost = tools.read_limit(output)
    assert rate == 2_630_618
    assert lost == pytest.approx(1 - 2_630_618 / 3_797_240)


def test_of_iperf3_what_the_server_received_counts() -> None:
    words = iperf3(sent=202_560_000, received=198_345_600, seconds=1.000078, packets=168_800, lost=3_512)
    rate, lost = tools.read_iperf3(*words)
    assert rate == pytest.approx(165_288 / 1.000078)
    assert lost == pytest.approx(3_512 / 168_800)


def test_what_iperf3_failed_with_is_told() -> None:
    words = json.dumps({"start": {}, "end": {}, "error": "unable to connect to server: Connection refused"})
    with pytest.raises(running.Failed, match="Connection refused"):
        tools.read_iperf3(words, "{}")
    with pytest.raises(running.Failed, match="no JSON"):
        tools.read_iperf3("iperf3: parameter error", "{}")


def test_of_sockperf_what_the_server_received_counts() -> None:
    rate, lost = tools.read_throughput(THROUGHPUT, THROUGHPUT_SERVER)
    assert rate == pytest.approx(141_889 / 2)
    assert lost == pytest.approx(1 - 141_889 / 148_700)


def test_messages_to_warm_up_are_no_negative_loss() -> None:
    assert tools.read_throughput(THROUGHPUT, THROUGHPUT_SERVER.replace("141889", "148702"))[1] == 0


def test_a_round_trip_is_whole() -> None:
    assert tools.read_round_trip(ROUND_TRIP) == 20.197
    with pytest.raises(running.Failed, match="full-rtt"):
        tools.read_round_trip(LATENCY)


def test_of_the_kernels_own_round_trip_the_median_counts() -> None:
    assert tools.read_pingpong("round trips 96231, p50 6.284 us\n") == 6.284


@pytest.mark.parametrize(
    ("received", "sent", "measured"),
    [
        ({"received": 900, "rate": 450.5}, {"sent": 1000}, (450.5, pytest.approx(0.1))),
        ({"received": 1000, "rate": 1.0}, {"sent": 1000, "rate": 450.5}, (450.5, 0.0)),  # the sender was told
        ({}, {"p50_us": 6.1, "count": 9}, (6.1, None)),
    ],
)
def test_the_words_of_python_sides(received: dict[str, Any], sent: dict[str, Any], measured: tools.Measured) -> None:
    assert catalogue.read_sides(received, sent) == measured


def test_too_few_messages_for_a_rate_are_a_failure() -> None:
    with pytest.raises(running.Failed, match="no rate"):
        catalogue.read_sides({"received": 3, "rate": None}, {"sent": 3})


def test_of_udpmsg_bench_the_throughput_counts() -> None:
    lines = [
        {"event": "measurement", "mode": "udp", "size_bytes": 64, "throughput_msgs_per_s": 1.0},
        {"event": "measurement", "mode": "udp", "size_bytes": 1200, "throughput_msgs_per_s": 2.0, "flood_sent_msgs_per_s": 3.0},
    ]
    assert catalogue.read_bench("\n".join(map(json.dumps, lines)), 1200) == 2.0
    with pytest.raises(running.Failed, match="nothing of 1200"):
        catalogue.read_bench(json.dumps(lines[0]), 1200)
    with pytest.raises(running.Failed, match="no throughput"):
        catalogue.read_bench(json.dumps(lines[1] | {"throughput_msgs_per_s": None}), 1200)


# Processes ----------------------------------------------------------------------------------------------------------------


def test_who_hangs_is_ended_and_who_fails_is_quoted() -> None:
    with pytest.raises(running.Failed, match=r"ended after 0\.5 s: last words"):
        running.output_of([sys.executable, "-c", "import time; print('last words', flush=True); time.sleep(60)"], 0.5)
    with pytest.raises(running.Failed, match="ended with 1: why it failed"):
        running.output_of([sys.executable, "-c", "raise SystemExit('first\\nwhy it failed')"], 60)
    with pytest.raises(running.Failed, match="No such file"):
        running.output_of(["/nowhere/such-a-tool"], 60)


@pytest.mark.parametrize(
    ("module", "program"),
    [
        ("datagrams", "plain"),
        ("datagrams", "asyncio"),
        ("datagrams", "round-trip"),
        ("streams", "framed"),
        ("ours", "flood"),
        ("ours", "acknowledged"),
        ("ours", "tcp"),
        ("ours", "round-trip"),
    ],
)
def test_the_sides_that_need_nothing_else_run_and_end(module: str, program: str) -> None:
    received, sent = running.pair([sys.executable, "-m", f"peers.{module}", program], 0.1, 60)
    if program == "round-trip":
        assert sent["count"] > 0
        assert sent["p50_us"] > 0
    else:
        assert 0 < received["received"] <= sent["sent"]
    if (module, program) in (("streams", "framed"), ("ours", "acknowledged"), ("ours", "tcp")):
        assert received["received"] == sent["sent"]


# Rounds and tables --------------------------------------------------------------------------------------------------------


def peer(
    name: str, measure: Callable[[int], tools.Measured], section: str = "one way", missing: str | None = None
) -> catalogue.Peer:
    return catalogue.Peer(name, section, f"the {name}", measure, missing)


def series_of(**values: float) -> dict[str, tables.Series]:
    """Each measured once."""
    names = {name.replace("_", "-"): value for name, value in values.items()}
    return {name: tables.Series(peer(name, lambda _: (0, None)), [(value, None)]) for name, value in names.items()}


def test_peers_take_turns_and_one_that_fails_stops_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    order = []

    def measured(name: str, values: list[float]) -> Callable[[int], tools.Measured]:
        def measure(turn: int) -> tools.Measured:
            order.append(name)
            return values[turn - 1], 0.0

        return measure

    def fails(turn: int) -> tools.Measured:
        order.append("failing")
        if turn == 2:
            return 7.0, None
        raise running.Failed("it ended with 1: no | such thing")

    peers = [
        peer("udpmsg", measured("udpmsg", [100, 900, 300])),
        peer("failing", fails),
        peer("plain", measured("plain", [600, 100, 150])),
        peer("absent", fails, missing="absent is not installed (apt install absent)"),
    ]
    series = bench_peers.measure(peers, 3)
    assert order == ["udpmsg", "failing", "plain"] * 3
    table = tables.peer_table(series)
    assert "| **the udpmsg** | 300 | 100–900 | 0 | 1 |" in table
    assert "| the plain | 150 | 100–600 | 0 | 0.5 |" in table
    assert "| the failing | 7 | 7–7 |  | 0.0233 |" in table
    assert "- the failing: failed in 2 of 3 rounds: it ended with 1: no / such thing" in table
    assert "| the absent | missing | | | |" in table
    assert "- the absent: missing: absent is not installed (apt install absent)" in table
    assert "absent is not installed" in capsys.readouterr().err


def test_who_is_missing_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(catalogue.importlib.util, "find_spec", lambda name: None)  # type: ignore[attr-defined]
    listed = catalogue.catalogue(catalogue.Choices(2, tmp_path, 1000, None))
    missing = {one.name: one.missing for one in listed if one.missing}
    assert set(missing) == {
        "limit",
        "limit-64",
        "iperf3",
        "iperf3-new",
        "iperf3-gsro",
        "sockperf",
        "sockperf-round-trip",
        "udpmsg-acknowledged",
        "udpmsg-round-trip",
        "plain-round-trip",
        "c-round-trip",
        "uvloop",
        "uvloop-cpu",
        "udpmsg-uvloop",
        "zeromq",
        "coap",
        "quic",
    }
    for one in missing.values():
        assert one is not None
        assert "install" in one or "IPERF3=" in one
    table = tables.peer_table({one.name: tables.Series(one) for one in listed})
    for one in listed:
        assert one.title in table


def test_every_name_in_sections_and_targets_is_measured(tmp_path: Path) -> None:
    listed = catalogue.catalogue(catalogue.Choices(2, tmp_path, 1000, None))
    names = [one.name for one in listed]
    assert len(set(names)) == len(names)
    assert {one.section for one in listed} == {section.name for section in catalogue.SECTIONS}
    for section in catalogue.SECTIONS:
        assert section.ours in names
    for target in tables.TARGETS:
        assert {target.ours, *target.than} <= set(names)
    with pytest.raises(SystemExit, match="no peer nobody; there are limit"):
        bench_peers.chosen(listed, ["uvloop", "nobody"])
    assert [one.name for one in bench_peers.chosen(listed, ["uvloop", "limit"])] == ["limit", "uvloop"]


def test_a_target_is_reached_or_short_or_not_measured() -> None:
    more = tables.Target("rate", "udpmsg", 2.5, ("iperf3", "iperf3-new"))
    assert more.reached(series_of(udpmsg=1000, iperf3=100, iperf3_new=400)) == (2.5, "reached")  # the better of both
    assert more.reached(series_of(udpmsg=1000, iperf3=401)) == (pytest.approx(2.4938, abs=1e-4), "**short**")
    assert more.reached(series_of(udpmsg=1000)) == (None, "not measured: iperf3")
    assert more.reached(series_of(iperf3=1)) == (None, "not measured: udpmsg")
    less = replace(more, most=True)
    assert less.reached(series_of(udpmsg=250, iperf3=100)) == (2.5, "reached")
    assert less.reached(series_of(udpmsg=251, iperf3=100)) == (2.51, "**short**")
    absolute = tables.Target("rate", "udpmsg", 1e6)
    assert absolute.reached(series_of(udpmsg=999_999)) == (999_999, "**short**")
    assert absolute.wanted == "at least 1,000,000 msg/s"
    table = tables.target_table(series_of(udpmsg=2_000_000, uvloop=500_000))
    assert "| at least 1,000,000 msg/s | 2,000,000 msg/s | reached |" in table
    assert "| at least 4 × uvloop | 4.00 × | reached |" in table
    assert "| at most 6.5 × python | – | not measured: udpmsg-send |" in table
