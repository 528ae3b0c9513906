"""A comparison as JSON lines: the keys of every summary and a comparison's own, null for what is not known."""

import json
from typing import Any

import pytest

from tests.compare.runs import MILLISECOND, comparison, message, received, run
from tests.compare.samples import knowing, sample
from udpmsg.compare.choices import Mode
from udpmsg.compare.jsonlines import lines
from udpmsg.compare.reading import Reading
from udpmsg.compare.trace import Comparison, Where
from udpmsg.link.faults import Link, Path
from udpmsg.link.script import parse_fault
from udpmsg.show.schema import KEYS


def parsed(whole: Comparison, *, ledger: bool = False) -> list[dict[str, Any]]:
    return [json.loads(line, parse_constant=pytest.fail) for line in lines(Reading(whole), ledger=ledger)]


OWN_KEYS = ["mode", "repetition", "seed", "messages_late", "connect_s", "first_delivery_s", "longest_stall_s",
            "largest_window_bytes", "srtt_s", "wire", "causes", "lost_sequences", "error"]  # fmt: skip


def test_a_line_for_each_mode_with_the_keys_of_every_summary_and_one_for_the_whole() -> None:
    found = parsed(sample(count=20, repeat=2))
    assert [line["event"] for line in found] == ["mode"] * 6 + ["comparison"]
    assert len({line["run"] for line in found}) == 1
    assert all(line["v"] == 1 for line in found)
    assert [(line["mode"], line["repetition"], line["seed"]) for line in found[:-1]] == [
        (mode, repetition, repetition) for repetition in (1, 2) for mode in ("udp", "udp+ack", "tcp")
    ]
    for line in found[:-1]:
        assert list(line) == ["event", "v", "run", *KEYS, *OWN_KEYS]
        assert list(line["wire"])[:7] == [
            "frames", "bytes", "handshake_frames", "data_frames", "ack_frames", "teardown_frames", "dropped_frames",
        ]  # fmt: skip


def test_the_numbers_are_the_figures() -> None:
    whole = sample(count=100, seed=3)
    for one, line in zip(Reading(whole).runs, parsed(whole), strict=False):
        summary = one.figures
        for key in KEYS:
            assert line[key] == summary[key]
        assert line["lost_sequences"] == summary["lost_sequences"]
        assert sum(line["causes"].values()) >= line["messages_lost"]


def test_what_a_sender_knew_is_a_line_of_columns_before_its_mode() -> None:
    whole = knowing(sample(count=100))
    found = parsed(whole)
    assert [(line["event"], line.get("mode")) for line in found] == [
        ("mode", "udp"),
        ("path", "udp+ack"),
        ("mode", "udp+ack"),
        ("path", "tcp"),
        ("mode", "tcp"),
        ("comparison", None),
    ]
    for place, made in ((1, whole.runs[1]), (3, whole.runs[2])):
        line = found[place]
        columns = {
            "at_s": [row.at / 1e9 for row in made.known],
            "window_bytes": [row.window for row in made.known],
            "in_flight_bytes": [row.in_flight for row in made.known],
            "ssthresh_bytes": [row.ssthresh for row in made.known],
            "pace_bps": [row.pace for row in made.known],
            "srtt_s": [(row.srtt or 0) / 1e9 for row in made.known],
            "rto_s": [0.24] * len(made.known),
            "lost": [row.lost for row in made.known],
            "retransmissions": [row.retransmissions for row in made.known],
        }
        assert list(line) == ["event", "v", "run", "mode", "repetition", *columns]
        for name, values in columns.items():
            assert line[name] == values, name
        assert found[place + 1]["largest_window_bytes"] == max(line["window_bytes"]) == 19 * {1: 1200, 3: 1448}[place]
        assert found[place + 1]["srtt_s"] == line["srtt_s"][-1]
    assert found[0]["largest_window_bytes"] is None


def test_with_the_ledger_each_message_has_a_line_before_its_mode() -> None:
    whole = sample(count=4, link=Link(Path(delay=20 * MILLISECOND), Path(), (parse_fault("drop:data:2"),)), modes=(Mode.UDP,))
    *messages, mode, _ = parsed(whole, ledger=True)
    assert [line["event"] for line in messages] == ["message"] * 4
    assert mode["event"] == "mode"
    assert {key: messages[1][key] for key in list(messages[1])[3:]} == {
        "mode": "udp",
        "repetition": 1,
        "sequence": 2,
        "due_at_s": 0.02,
        "sent_at_s": 0.02,
        "transmissions": 1,
        "delivered_at_s": None,
        "delay_s": None,
        "outcome": "lost",
        "cause": "dropped on the link",
        "reason": "drop:data:2",
        "duplicates": 0,
        "reordered": False,
        "late": False,
    }


def test_the_last_line_says_what_was_run_as_its_options_say_it() -> None:
    forward = Path(delay=20 * MILLISECOND, loss=0.05, rate=10_000_000)
    whole = sample(count=3, seed=9, link=Link(forward, Path(), (parse_fault("drop:data:2"),), name="wifi"))
    last = parsed(whole)[-1]
    assert last["link"]["name"] == "wifi"
    assert last["link"]["forward"] | {"delay": "20ms", "loss": "5%", "rate": "10mbit"} == last["link"]["forward"]
    assert last["link"]["back"]["loss"] == "0%"
    assert last["link"]["faults"] == ["drop:data:2"]
    assert last["workload"] == {"messages": 3, "interval_s": 0.02, "size_bytes": 100}
    assert last["choices"]["modes"] == ["udp", "udp+ack", "tcp"]
    assert last["choices"]["late_s"] == 0.17, "150 ms, and 20 ms that the link takes"
    assert (last["seed"], last["where"], last["tcp_congestion"], last["target"]) == (9, "lab", "cubic", None)
    assert last["command"] == whole.command


def test_results_are_medians_over_the_repetitions() -> None:
    found = parsed(sample(count=100, repeat=3))
    results = found[-1]["results"]
    assert list(results) == ["udp", "udp+ack", "tcp"]
    lost = sorted(line["messages_lost"] for line in found if line.get("mode") == "udp")
    assert results["udp"]["messages_lost"] == lost[1]
    assert results["tcp"]["wire"]["handshake_frames"] == 3
    assert results["tcp"]["one_way_delay_s"]["p50"] == 0.02
    assert results["udp"]["messages_unconfirmed"] is None
    assert not {"repetition", "seed", "error", "lost_sequences"} & results["udp"].keys()


def test_what_is_not_known_is_null() -> None:
    made = run(Mode.UDP, 3, None, kernel_drops=None)
    mode, last = parsed(comparison(made, where=Where.NETWORK))
    for key in ("messages_delivered", "messages_lost", "one_way_delay_s", "kernel_drops", "wire", "first_delivery_s", "seed"):
        assert mode[key] is None, key
    assert last["link"] is None
    assert last["seed"] is None
    assert last["target"] == "192.0.2.7:5000"


def test_a_run_without_anything_still_gives_every_line() -> None:
    mode, last = parsed(comparison(run(Mode.UDP, 0, [], error="cannot connect")))
    assert mode["error"] == "cannot connect"
    assert mode["messages_sent"] == 0
    assert last["results"]["udp"]["goodput_bps"] is None
    (only,) = parsed(comparison())
    assert only["results"] == {}


def test_no_text_in_a_line_can_steer_a_terminal() -> None:
    made = run(Mode.UDP, 1, [message(1, 0)], [received(1, 20)], error="\x1b[2J\x7f\u202e")
    text = "\n".join(lines(Reading(comparison(made))))
    assert text.isascii()
    assert "\x7f" not in text
    assert "\x1b" not in text
