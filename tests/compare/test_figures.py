"""The figures of a run: known answers over a link of 20 ms each way, definitions by hand, and medians over repetitions."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compare.samples import sample
from tests.compare.support import MILLISECOND, Written
from udpmsg.compare import figures, jsonlines, story
from udpmsg.compare.choices import Choices, Mode, Workload
from udpmsg.compare.figures import MESSAGES, median_of
from udpmsg.compare.reading import Reading, RunReading
from udpmsg.compare.trace import Comparison, Where
from udpmsg.link.faults import Action, Link, Path, Scripted
from udpmsg.link.record import Drop, FrameKind
from udpmsg.show.figure import Figure, Figures, spread
from udpmsg.show.page import html
from udpmsg.show.text import lines

DELAY = Path(delay=20 * MILLISECOND)
DROP_4 = Scripted(Action.DROP, FrameKind.DATA, 4, text="drop:data:4")


def of(comparison: Comparison, index: int = 0) -> Figures:
    run = comparison.runs[index]
    return RunReading(run, comparison).figures


def by_mode(comparison: Comparison) -> dict[Mode, Figures]:
    return {run.mode: of(comparison, index) for index, run in enumerate(comparison.runs)}


def of_written(written: Written, where: Where = Where.LAB, choices: Choices | None = None) -> Figures:
    comparison = replace(sample(1, modes=()), choices=choices or Choices(), where=where, runs=[written.run])
    comparison.workload = Workload(len(written.run.sent), 20 * MILLISECOND, 100)
    return of(comparison)


def those(found: Figures, names: str) -> tuple[object, ...]:
    """Several figures, in this order."""
    return tuple(found[name] for name in names.split(", "))


# Known answers -----------------------------------------------------------------------------------------------------------


def test_without_faults_the_handshake_is_the_difference() -> None:
    modes = by_mode(sample(10, loss=0))
    assert [found["first_delivery_s"] for found in modes.values()] == [0.02, 0.02, 0.06]
    assert [found["connect_s"] for found in modes.values()] == [None, None, 0.04]
    assert [found["messages_delivered"] for found in modes.values()] == [10, 10, 10]
    assert [found["longest_stall_s"] for found in modes.values()] == [0.02, 0.02, 0.06]
    for mode, found in modes.items():
        assert found["wire"] is not None
        assert found["wire"]["handshake_frames"] == (3 if mode is Mode.TCP else 0)
        assert found["wire"]["data_frames"] == 10
        assert (found["wire"]["ack_frames"] > 0) == (mode is not Mode.UDP)
        assert found["wire"]["teardown_frames"] == {Mode.UDP: 3, Mode.UDP_ACK: 2, Mode.TCP: 3}[mode]
        assert those(found, "mode, transport, acknowledged") == (mode, mode.transport, mode is Mode.UDP_ACK)
        assert those(found, "observer, error, causes, lost_sequences") == ("both", None, {}, [])


def test_one_lost_frame_is_a_gap_a_retransmission_and_a_staircase() -> None:
    modes = by_mode(sample(20, link=Link(DELAY, DELAY, (DROP_4,))))
    assert [found["messages_lost"] for found in modes.values()] == [1, 0, 0]
    assert [found["lost_sequences"] for found in modes.values()] == [[4], [], []]
    assert [found["causes"] for found in modes.values()] == [{"dropped on the link": 1}, {}, {}]
    assert [found["retransmissions"] for found in modes.values()] == [0, 1, 1]
    assert [found["reordered"] for found in modes.values()] == [0, 1, 0]
    udp, acknowledged, tcp = (found["one_way_delay_s"] for found in modes.values())
    assert udp is not None
    assert acknowledged is not None
    assert tcp is not None
    assert (udp["count"], udp["max"]) == (19, 0.02)
    assert acknowledged["p90"] == 0.02 < acknowledged["max"]
    assert tcp["p90"] > 0.02
    assert udp["mean"] < acknowledged["mean"] < tcp["mean"]
    assert [found["wire"] and found["wire"]["dropped_frames"] for found in modes.values()] == [1, 1, 1]


def test_the_bill_is_every_frame_once() -> None:
    comparison = sample(50, loss=0.2)
    for index, run in enumerate(comparison.runs):
        wire = of(comparison, index)["wire"]
        assert run.frames is not None
        assert wire is not None
        assert wire["frames"] == len(run.frames)
        assert wire["frames"] == wire["handshake_frames"] + wire["data_frames"] + wire["ack_frames"] + wire["teardown_frames"]
        assert wire["bytes"] == sum(frame.size for frame in run.frames)
        assert wire["bytes"] == wire["handshake_bytes"] + wire["data_bytes"] + wire["ack_bytes"] + wire["teardown_bytes"]
        assert wire["dropped_frames"] == sum(frame.dropped is not None for frame in run.frames)


def test_every_figure_can_be_written_as_json() -> None:
    for index in range(3):
        text = json.dumps(of(sample(loss=0.3), index), allow_nan=False)
        assert "NaN" not in text


# Definitions -------------------------------------------------------------------------------------------------------------


def test_goodput_counts_each_payload_once_until_the_last_delivery() -> None:
    written = Written(count=3)
    for sequence, at in ((1, 20), (2, 40)):
        written.message(sequence)
        written.received(sequence, at)
    written.received(2, 90, duplicate=True)
    found = of_written(written)
    assert those(found, "payload_bytes, duplicates, messages_lost") == (200, 1, 1)
    assert found["goodput_bps"] == 200 * 8 / 0.04


def test_jitter_is_rfc_3550_s() -> None:
    written = Written(count=3)
    for sequence, transit in ((1, 20), (2, 36), (3, 20)):
        written.received(sequence, (sequence - 1) * 20 + transit)
    assert of_written(written)["jitter_s"] == pytest.approx((1 + (16 - 1) / 16) / 1000)  # |D| = 16 ms, twice


def test_one_delivery_has_no_jitter_and_none_no_delay() -> None:
    written = Written()
    written.message(1, dropped=Drop.LOSS)
    found = of_written(written)
    assert those(found, "jitter_s, one_way_delay_s, first_delivery_s, goodput_bps") == (None, None, None, None)
    assert those(found, "messages_delivered, messages_lost, payload_bytes") == (0, 1, 0)


def test_a_stall_needs_somebody_who_waits() -> None:
    """Between the second message's delivery and the third's due time nothing is outstanding."""
    written = Written(count=3)
    written.run.sent[2].due_at = written.run.sent[2].sent_at = 500 * MILLISECOND
    for sequence, at in ((1, 5), (2, 29), (3, 503)):
        written.message(sequence)
        written.received(sequence, at)
    assert of_written(written)["longest_stall_s"] == 0.009


def test_a_lost_message_is_waited_for_until_the_link_has_decided_on_it() -> None:
    written = Written(Mode.UDP_ACK)
    written.message(1, dropped=Drop.LOSS)
    written.message(1, at=240, transmission=2, dropped=Drop.LOSS)
    assert of_written(written)["longest_stall_s"] == 0.24


def test_late_messages_are_counted_by_the_choice() -> None:
    written = Written()
    written.received(1, 100)
    assert of_written(written)["messages_late"] == 0
    assert of_written(written, choices=Choices(late_ns=99 * MILLISECOND))["messages_late"] == 1


def test_a_satellite_is_not_late_by_being_far() -> None:
    far = Path(delay=300 * MILLISECOND)
    late = {mode: found["messages_late"] for mode, found in by_mode(sample(20, link=Link(far, far))).items()}
    assert late == {Mode.UDP: 0, Mode.UDP_ACK: 0, Mode.TCP: 20}, "TCP's came after a handshake of 600 ms"
    chosen = sample(20, link=Link(far, far), choices=Choices(late_ns=150 * MILLISECOND))
    assert {found["messages_late"] for found in by_mode(chosen).values()} == {20}, "unless it was asked for"


spans = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 40), st.booleans()), min_size=1, max_size=8)


@settings(deadline=None)
@given(spans)
def test_the_longest_stall_is_that_of_the_definition(messages: list[tuple[int, int, bool]]) -> None:
    """Beside it the plain way: for each two moments, whether somebody waits all along and nothing is delivered between."""
    written = Written(count=len(messages))
    deliveries = []
    for sequence, (due, wait, delivered) in enumerate(messages, 1):
        row = written.run.sent[sequence - 1]
        row.due_at = row.sent_at = due * MILLISECOND
        written.message(sequence, at=due + wait, dropped=None if delivered else Drop.LOSS)
        if delivered:
            deliveries.append(due + wait)
            written.received(sequence, due + wait)
    waiting = [any(due <= moment < due + wait for due, wait, _ in messages) for moment in range(100)]
    longest = max(
        (
            end - begin
            for begin in range(100)
            for end in range(begin, 101)
            if all(waiting[begin:end]) and not any(begin < at < end for at in deliveries)
        ),
        default=0,
    )
    assert of_written(written)["longest_stall_s"] == longest / 1000


# Where less is known -----------------------------------------------------------------------------------------------------


def test_a_run_that_did_not_connect() -> None:
    written = Written(Mode.TCP, count=3)
    for row in written.run.sent:
        row.sent_at = None
    written.run.error = "cannot connect"
    found = of_written(written)
    assert those(found, "messages_sent, messages_refused, messages_delivered, messages_lost") == (0, 3, 0, 0)
    assert found["causes"] == {"not sent": 3}
    unknown = those(found, "connect_s, first_delivery_s, longest_stall_s, goodput_bps, kernel_drops")
    assert unknown == (None,) * 5
    assert found["error"] == "cannot connect"


def network(mode: Mode = Mode.UDP, count: int = 4) -> Written:
    written = Written(mode, count)
    run = written.run
    run.frames = run.malformed = run.over_limit = run.kernel_drops = None
    return written


def test_over_a_network_the_receiver_s_word_is_shown_and_no_delay_across_two_clocks() -> None:
    written = network()
    written.run.lost_sequences = [2]
    written.run.receiver = {"duplicates": 3, "reordered": 1, "kernel_drops": None, "jitter_s": 0.001}
    found = of_written(written, Where.NETWORK)
    assert (found["observer"], found["seed"]) == ("sender", None)
    assert those(found, "messages_sent, messages_delivered, messages_lost, lost_sequences") == (4, 3, 1, [2])
    assert those(found, "duplicates, reordered, kernel_drops, jitter_s") == (3, 1, None, 0.001)
    unknown = those(found, "one_way_delay_s, first_delivery_s, longest_stall_s, messages_late, wire")
    assert unknown == (None,) * 5


def test_over_a_network_that_does_not_answer_fire_and_forget_knows_nothing() -> None:
    found = of_written(network(), Where.NETWORK)
    assert those(found, "messages_sent, messages_delivered, messages_lost, duplicates") == (4, None, None, None)
    assert found["goodput_bps"] is None


def test_over_a_network_that_does_not_answer_acknowledgments_tell_what_was_delivered() -> None:
    written = network(Mode.UDP_ACK)
    for row, state in zip(written.run.sent, ["delivered", "delivered", "unconfirmed", "delivered"], strict=True):
        row.state, row.settled_at, row.rtt = state, row.due_at + 50 * MILLISECOND, 40 * MILLISECOND
    found = of_written(written, Where.NETWORK)
    assert those(found, "messages_delivered, messages_unconfirmed, messages_lost") == (3, 1, None)
    assert found["goodput_bps"] == round(300 * 8 / 0.11, 1)
    assert found["rtt_s"] is not None
    assert found["rtt_s"]["p50"] == 0.04


# Repetitions -------------------------------------------------------------------------------------------------------------


def test_median_and_spread_over_repetitions() -> None:
    comparison = sample(60, repeat=5, loss=0.1, modes=(Mode.UDP,))
    found = [of(comparison, index) for index in range(5)]
    losses = sorted(each["messages_lost"] or 0 for each in found)
    assert len(set(losses)) > 1
    assert spread(found, "messages_lost") == (losses[2], losses[0], losses[4])
    dropped = sorted(each["wire"]["dropped_frames"] for each in found if each["wire"])
    assert spread(found, "wire.dropped_frames") == (dropped[2], dropped[0], dropped[4])
    assert spread(found, "one_way_delay_s.p50") == (0.02, 0.02, 0.02)
    assert spread(found, "connect_s") is None
    assert spread(found, "rtt_s.p50") is None
    median = median_of(found)
    assert median["messages_lost"] == losses[2]
    assert median["wire"] is not None
    assert median["wire"]["dropped_frames"] == dropped[2]
    assert median["causes"] == {"dropped on the link": losses[2]}
    assert (median["mode"], median["connect_s"], median["acknowledged"]) == ("udp", None, False)
    assert not {"lost_sequences", "seed", "repetition", "error"} & median.keys()
    assert spread(found[:2], "messages_lost") == tuple(sorted(each["messages_lost"] or 0 for each in found[:2]))[:1] + tuple(
        sorted(each["messages_lost"] or 0 for each in found[:2])
    )


def test_what_one_repetition_does_not_know_the_others_tell() -> None:
    comparison = sample(20, repeat=2, modes=(Mode.TCP,))
    found = [of(comparison, 0), of(comparison, 1) | {"connect_s": None, "one_way_delay_s": None}]
    assert spread(found, "connect_s") == (found[0]["connect_s"],) * 3
    assert median_of(found)["one_way_delay_s"] == found[0]["one_way_delay_s"]


# A new one ---------------------------------------------------------------------------------------------------------------


def test_a_new_figure_is_one_row_and_every_printer_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    row = Figure("longest_wait_bytes", lambda facts: 2048 * len(facts.rows), MESSAGES, "room taken", "Room taken", "by all")
    table = *figures.FIGURES, row
    for module in (figures, story):
        monkeypatch.setattr(module, "FIGURES", table)
    reading = Reading(sample(4, repeat=3))
    whole = story.table(reading)
    (line,) = [line for line in lines(whole, width=100, colour=False) if "room taken" in line]
    assert line.split("  ")[-1].strip() == "8.0 KiB"
    assert '<data data-key="longest_wait_bytes" value="8192">8.0 KiB</data>' in html(whole)
    assert "Room taken <small>by all</small>" in html(whole)
    printed = [json.loads(line) for line in jsonlines.lines(reading)]
    assert {line["longest_wait_bytes"] for line in printed if line["event"] == "mode"} == {8192}
    assert printed[-1]["results"]["tcp"]["longest_wait_bytes"] == 8192
