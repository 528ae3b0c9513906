"""The summary's keys, and distributions against the plain way of computing them."""

import json
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udpmsg.base.distribution import EXACT_SAMPLES, Distribution
from udpmsg.messaging.statistics import ReceiverStatistics, SenderStatistics
from udpmsg.show.schema import KEYS, empty_summary, listener_summary, sender_summary

SENT = SenderStatistics("udp", True, 3, 2, 1, 0, 4, 5, 300, 200, 2.0, 0)
RECEIVED = ReceiverStatistics("both", True, None, 7, None, 1, 2, 3, 4, 5, None, 800, 4.0, 0.001, 2, 1)


def test_both_sides_have_the_same_keys_in_the_same_order() -> None:
    ours = sender_summary(SENT, Distribution())
    theirs = listener_summary(RECEIVED)
    assert list(ours) == list(theirs) == list(empty_summary("tcp", "sender")) == list(KEYS)
    assert (ours["goodput_bps"], theirs["goodput_bps"]) == (800.0, 1600.0)
    assert (ours["rtt_s"], ours["jitter_s"], theirs["jitter_s"]) == (None, None, 0.001)
    assert (theirs["messages_sent"], theirs["messages_lost"], theirs["kernel_drops"]) == (None, None, None)
    assert (ours["over_limit"], theirs["over_limit"]) == (None, 5)


def test_no_time_and_no_rate() -> None:
    assert sender_summary(SENT._replace(duration_s=0.0), Distribution())["goodput_bps"] is None
    assert sender_summary(SENT._replace(delivered_bytes=None), Distribution())["goodput_bps"] is None


def test_nothing_measured_is_none() -> None:
    assert Distribution().summary() is None


@given(st.lists(st.floats(min_value=0, max_value=1e6), min_size=1, max_size=200))
def test_percentiles_are_those_of_the_sorted_samples(samples: list[float]) -> None:
    distribution = Distribution()
    for sample in samples:
        distribution.add(sample)
    summary = distribution.summary()
    assert summary is not None
    ordered = sorted(samples)
    assert (summary["count"], summary["min"], summary["max"]) == (len(samples), round(ordered[0], 9), round(ordered[-1], 9))
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
        assert summary[name] == round(ordered[ceil(share * len(ordered)) - 1], 9)
    assert summary["min"] <= summary["mean"] * (1 + 1e-9) + 1e-9
    assert "NaN" not in json.dumps(summary)


def test_many_samples_need_little_memory_and_stay_within_one_percent() -> None:
    distribution = Distribution()
    count = EXACT_SAMPLES * 5
    for number in range(count):
        distribution.add(0.0 if number == 0 else number / 1000)
    assert distribution._samples == []
    assert len(distribution._buckets) < 2000
    summary = distribution.summary()
    assert summary is not None
    assert summary["count"] == count
    assert (summary["min"], summary["max"]) == (0.0, (count - 1) / 1000)
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
        assert summary[name] == pytest.approx(share * count / 1000, rel=0.011)
