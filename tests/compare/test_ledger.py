"""The ledger: how each message ended and why, read from three logs. By hand, over simulated runs, and over any fates at all."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compare.samples import sample
from tests.compare.support import MILLISECOND, Written
from udpmsg.compare.choices import Choices, Mode
from udpmsg.compare.ledger import Cause, Ending, LedgerRow, rows
from udpmsg.compare.trace import Trace
from udpmsg.link.faults import Action, Burst, Link, Path, Scripted
from udpmsg.link.record import Direction, Drop, FrameKind, FrameRecord

DELAY = 20 * MILLISECOND
DROP_4 = Scripted(Action.DROP, FrameKind.DATA, 4, text="drop:data:4")


def scripted(mode: Mode, *faults: Scripted) -> list[LedgerRow]:
    link = Link(Path(DELAY), Path(DELAY), faults)
    comparison = sample(10, modes=(mode,), link=link)
    return rows(comparison.runs[0], comparison.late_ns)


def only(run: Trace) -> LedgerRow:
    (row,) = rows(run)
    return row


def why(run: Trace) -> tuple[Ending, Cause | None, str | None]:
    row = only(run)
    return row.outcome, row.cause, row.reason


# Known answers over a link of 20 ms each way -----------------------------------------------------------------------------


def test_udp_loses_the_one_message_and_says_which_fault_it_was() -> None:
    ledger = scripted(Mode.UDP, DROP_4)
    lost = ledger.pop(3)
    assert (lost.sequence, lost.outcome, lost.cause, lost.reason) == (4, Ending.LOST, Cause.DROPPED, "drop:data:4")
    assert (lost.transmissions, lost.delivered_at, lost.delay) == (1, None, None)
    for row in ledger:
        assert (row.outcome, row.cause, row.transmissions, row.delay) == (Ending.DELIVERED, None, 1, DELAY)


def test_with_acknowledgments_the_message_is_sent_once_more_and_comes_out_of_order() -> None:
    ledger = scripted(Mode.UDP_ACK, DROP_4)
    assert [row.outcome for row in ledger] == [Ending.DELIVERED] * 10
    assert [row.transmissions for row in ledger] == [1, 1, 1, 2, 1, 1, 1, 1, 1, 1]
    assert [row.sequence for row in ledger if row.reordered] == [4]
    assert [row.sequence for row in ledger if row.delay != DELAY] == [4]


def test_over_tcp_what_came_behind_the_gap_is_delivered_with_it() -> None:
    ledger = scripted(Mode.TCP, DROP_4)
    assert [row.transmissions for row in ledger] == [1, 1, 1, 2, 1, 1, 1, 1, 1, 1]
    held = [row for row in ledger if row.sequence >= 4 and row.delay != DELAY]
    assert len({row.delivered_at for row in held}) == 1
    delays = [row.delay for row in held]
    assert len(held) >= 3
    assert delays == sorted(delays, key=lambda delay: -(delay or 0))  # the staircase
    assert not any(row.reordered for row in ledger)


def test_a_copy_is_a_duplicate_and_not_a_delivery() -> None:
    ledger = scripted(Mode.UDP, Scripted(Action.DUPLICATE, FrameKind.DATA, 7, text="duplicate:data:7"))
    assert {row.sequence: row.duplicates for row in ledger if row.duplicates} == {7: 1}
    assert all(row.outcome is Ending.DELIVERED for row in ledger)


def test_what_is_held_back_is_reordered_and_late() -> None:
    ledger = scripted(Mode.UDP, Scripted(Action.DELAY, FrameKind.DATA, 5, delay=160 * MILLISECOND, text="delay:data:5:160ms"))
    assert [row.sequence for row in ledger if row.reordered] == [5]
    assert [row.sequence for row in ledger if row.late] == [5]


# Causes ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("drop", "script", "cause", "reason"),
    [
        (Drop.LOSS, None, Cause.DROPPED, "loss"),
        (Drop.BURST, None, Cause.DROPPED, "burst"),
        (Drop.SCRIPT, "drop:data:1", Cause.DROPPED, "drop:data:1"),
        (Drop.MALFORMED, None, Cause.DROPPED, "not understood"),
        (Drop.QUEUE_FULL, None, Cause.QUEUE_FULL, None),
        (Drop.POLICED, None, Cause.POLICED, None),
        (Drop.MTU, None, Cause.TOO_LARGE, None),
    ],
)
def test_every_drop_of_the_link_has_its_cause(drop: Drop, script: str | None, cause: Cause, reason: str | None) -> None:
    written = Written()
    written.message(1, dropped=drop, script=script)
    assert why(written.run) == (Ending.LOST, cause, reason)


def test_a_flipped_bit() -> None:
    written = Written()
    written.message(1, corrupted=True)
    assert why(written.run) == (Ending.LOST, Cause.CORRUPTED, None)


def test_the_last_transmission_tells_the_cause() -> None:
    written = Written(Mode.UDP_ACK)
    written.message(1, dropped=Drop.LOSS)
    written.message(1, transmission=2, dropped=Drop.QUEUE_FULL)
    assert why(written.run) == (Ending.LOST, Cause.QUEUE_FULL, None)
    assert only(written.run).transmissions == 2


def test_of_several_parts_the_first_that_never_passed_tells_the_cause() -> None:
    written = Written(Mode.UDP_ACK)
    written.message(1, part=0)
    written.message(1, part=1 << 13, dropped=Drop.LOSS)
    written.message(1, part=2 << 13, dropped=Drop.BURST)
    written.message(1, part=1 << 13, transmission=2)
    written.message(1, part=0, transmission=2, dropped=Drop.QUEUE_FULL)
    assert why(written.run) == (Ending.LOST, Cause.DROPPED, "burst")
    assert only(written.run).transmissions == 2  # of its first part


def test_what_is_still_on_the_link_is_not_known_to_be_lost_there() -> None:
    written = Written()
    written.message(1, left=())
    assert why(written.run) == (Ending.LOST, Cause.UNKNOWN, "it was still on the link when the run ended")


def test_nobody_listened() -> None:
    written = Written()
    written.message(1)
    written.icmp("ICMP port unreachable", 1)
    assert why(written.run) == (Ending.LOST, Cause.REFUSED_ICMP, None)


@pytest.mark.parametrize("label", ["ICMP host unreachable", "ICMP communication unreachable"])
def test_a_router_s_word_about_the_way_is_no_refusal(label: str) -> None:
    written = Written()
    written.message(1)
    written.icmp(label, 1)
    assert why(written.run)[1] is Cause.UNKNOWN


def test_a_router_s_word_about_a_datagram_that_was_too_large_is_no_refusal() -> None:
    written = Written(Mode.UDP_ACK)
    written.message(1, dropped=Drop.MTU)
    written.icmp("ICMP too large", 1)
    assert why(written.run)[1] is Cause.TOO_LARGE
    written.message(1, transmission=2)
    assert why(written.run)[1] is Cause.UNKNOWN


@pytest.mark.parametrize(("kernel_drops", "cause"), [(1, Cause.UNKNOWN), (2, Cause.KERNEL_DROP), (3, Cause.UNKNOWN)])
def test_a_kernel_drop_is_one_where_the_kernel_counts_exactly_what_is_missing(kernel_drops: int, cause: Cause) -> None:
    written = Written(count=4)
    for sequence in (1, 2, 3):
        written.message(sequence)
    written.message(4, dropped=Drop.LOSS)
    written.received(2, 0)
    written.run.kernel_drops = kernel_drops
    assert [row.cause for row in rows(written.run)] == [cause, None, cause, Cause.DROPPED]


def test_a_missing_copy_is_among_what_the_kernel_counts() -> None:
    written = Written(count=2)
    written.message(1, left=(0, 0))
    written.message(2)
    written.received(1, 0)
    written.run.kernel_drops = 2
    assert [row.cause for row in rows(written.run)] == [None, Cause.KERNEL_DROP]


def test_the_kernel_counts_what_a_flipped_bit_has_spoiled_too() -> None:
    written = Written(count=2)
    written.message(1, corrupted=True)
    written.message(2)
    for kernel_drops, cause in ((1, Cause.UNKNOWN), (2, Cause.KERNEL_DROP)):
        written.run.kernel_drops = kernel_drops
        assert [row.cause for row in rows(written.run)] == [Cause.CORRUPTED, cause]


def test_a_limit_of_the_receiver_leaves_it_open_who_dropped_which() -> None:
    written = Written(count=2)
    written.message(1)
    written.message(2)
    written.run.kernel_drops = written.run.over_limit = 1
    assert {row.cause for row in rows(written.run)} == {Cause.UNKNOWN}


def test_what_comes_after_its_sender_has_given_it_up_is_not_delivered() -> None:
    written = Written(Mode.UDP_ACK)
    written.message(1, left=100)
    written.run.sent[0].state, written.run.sent[0].settled_at = "unconfirmed", 90 * MILLISECOND
    assert why(written.run) == (Ending.LOST, Cause.UNKNOWN, "it came after its sender had given it up")


def test_never_sent() -> None:
    written = Written(count=3)
    first, _, third = written.run.sent
    first.sent_at = None
    written.run.error = "cannot connect"
    written.run.not_sent = {2: "not sent (EMSGSIZE)"}
    third.state, third.reason = "refused", "closed before it was sent"
    ledger = rows(written.run)
    assert {(row.outcome, row.cause) for row in ledger} == {(Ending.REFUSED, Cause.NOT_SENT)}
    assert [row.reason for row in ledger] == ["cannot connect", "not sent (EMSGSIZE)", "closed before it was sent"]


# Delivered, and its sender was not told ----------------------------------------------------------------------------------


def unconfirmed() -> Written:
    """A message that comes at 20 ms, and whose sender gives up at 100."""
    written = Written(Mode.UDP_ACK)
    written.message(1, left=20)
    written.received(1, 21)
    row = written.run.sent[0]
    row.state, row.reason, row.settled_at = "unconfirmed", "no acknowledgment in time", 100 * MILLISECOND
    return written


def test_every_acknowledgment_was_lost() -> None:
    written = unconfirmed()
    written.acknowledgment(at=10)  # before it came: this can't have confirmed it
    written.acknowledgment(at=21, dropped=Drop.LOSS)
    written.acknowledgment(at=50, corrupted=True)
    written.acknowledgment(at=110)  # after its sender had given it up
    assert why(written.run) == (Ending.UNCONFIRMED, Cause.ACKNOWLEDGMENT_LOST, "no acknowledgment in time")


def test_one_acknowledgment_passed_or_was_on_its_way_or_none_was_sent() -> None:
    written = unconfirmed()
    assert only(written.run).cause is Cause.UNKNOWN
    written.acknowledgment(at=21, dropped=Drop.LOSS)
    assert only(written.run).cause is Cause.ACKNOWLEDGMENT_LOST
    written.acknowledgment(at=99, left=119)
    assert only(written.run).cause is Cause.UNKNOWN


# Where less is known -----------------------------------------------------------------------------------------------------


def test_without_a_link_s_record_the_cause_is_unknown_and_the_sender_counts() -> None:
    written = Written(Mode.UDP_ACK, count=2)
    written.run.frames = None
    written.received(1, 20)
    written.run.sent[1].transmissions = 8
    first, second = rows(written.run)
    assert (first.outcome, first.cause, first.transmissions) == (Ending.DELIVERED, None, None)
    assert (second.outcome, second.cause, second.transmissions) == (Ending.LOST, Cause.UNKNOWN, 8)


def test_over_a_network_the_receiver_s_word_tells() -> None:
    written = Written(count=3)
    run = written.run
    run.frames = run.malformed = run.over_limit = run.kernel_drops = None
    run.lost_sequences = [2, 3]
    run.not_sent = {3: "not sent (ENOBUFS)"}
    outcomes = [(row.outcome, row.cause) for row in rows(run)]
    assert outcomes == [(Ending.DELIVERED, None), (Ending.LOST, Cause.UNKNOWN), (Ending.REFUSED, Cause.NOT_SENT)]


def test_over_a_network_that_does_not_answer_only_the_acknowledged_is_known() -> None:
    written = Written(Mode.UDP_ACK, count=2)
    run = written.run
    run.frames = run.malformed = run.over_limit = run.kernel_drops = None
    run.sent[0].state = "delivered"
    outcomes = [(row.outcome, row.cause) for row in rows(run)]
    assert outcomes == [(Ending.DELIVERED, None), (Ending.UNCONFIRMED, Cause.UNKNOWN)]


def test_over_tcp_nothing_behind_a_gap_is_delivered() -> None:
    written = Written(Mode.TCP, count=4)
    written.message(1)
    written.message(2, dropped=Drop.LOSS)
    written.message(3)
    written.received(1, 0)
    written.run.error = "the connection ended: timed out"
    ledger = rows(written.run)
    assert [row.outcome for row in ledger] == [Ending.DELIVERED, Ending.LOST, Ending.LOST, Ending.LOST]
    assert [(row.cause, row.reason) for row in ledger[1:]] == [
        (Cause.DROPPED, "loss"),
        (Cause.DROPPED, "behind message 2"),
        (Cause.DROPPED, "behind message 2"),
    ]


def test_a_segment_with_several_messages_counts_for_each_that_begins_in_it() -> None:
    written = Written(Mode.TCP, count=3)
    written.message(1, last=2)
    written.message(2, part=1, last=3)  # the end of 2, and all of 3
    for sequence in (1, 2, 3):
        written.received(sequence, 1)
    assert [row.transmissions for row in rows(written.run)] == [1, 1, 1]


def test_late_is_later_than_the_choice() -> None:
    written = Written(count=2)
    for sequence in (1, 2):
        written.message(sequence)
    written.received(1, 150)
    written.received(2, 20 + 150 + 0.000001)
    assert [row.late for row in rows(written.run)] == [False, True]
    assert [row.late for row in rows(written.run, 149 * MILLISECOND)] == [True, True]


# Any order, any fate -----------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 12), max_size=40))
def test_reordered_and_duplicates_are_those_of_the_definitions(order: list[int]) -> None:
    written = Written(count=12)
    written.run.frames = None
    for place, sequence in enumerate(order):
        written.received(sequence, 300 + place, duplicate=sequence in order[:place])
    for row in rows(written.run):
        if row.sequence in order:
            before = order[: order.index(row.sequence)]
            assert row.reordered == any(earlier > row.sequence for earlier in before)  # RFC 4737, 3.3
            assert row.duplicates == order.count(row.sequence) - 1
        else:
            assert (row.outcome, row.reordered, row.duplicates) == (Ending.LOST, False, 0)


chances = st.sampled_from([0.0, 0.1, 0.4])
paths = st.builds(
    Path,
    delay=st.just(DELAY),
    jitter=st.sampled_from([0, 15 * MILLISECOND]),
    loss=chances,
    burst=st.sampled_from([None, Burst(0.1, 0.4)]),
    duplicate=chances,
    reorder=chances,
    corrupt=st.sampled_from([0.0, 0.1]),
    rate=st.sampled_from([None, 60_000]),
    queue=st.just(3),
)


def arrivals(frames: list[FrameRecord]) -> Counter[int]:
    """An independent count: how often each message, one frame each, came out of the link as it was."""
    counted: Counter[int] = Counter()
    for frame in frames:
        if frame.first_sequence and frame.identity.direction is Direction.FORWARD and not frame.corrupted:
            counted[frame.first_sequence] += len(frame.left_at)
    return counted


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**64 - 1), forward=paths, back=paths, transmissions=st.integers(1, 4))
def test_whatever_the_fates_the_ledger_counts_what_the_link_did(seed: int, forward: Path, back: Path, transmissions: int) -> None:
    choices = Choices(max_transmissions=transmissions)
    comparison = sample(30, seed, link=Link(forward, back), choices=choices)
    for run in comparison.runs:
        assert run.frames is not None
        came = arrivals(run.frames)
        ledger = rows(run)
        assert [row.sequence for row in ledger] == list(range(1, 31))
        for row in ledger:
            carried = [frame for frame in run.frames if frame.first_sequence == row.sequence]
            assert row.transmissions == len(carried)
            assert (row.delivered_at is not None) == (came[row.sequence] > 0)
            if run.mode is not Mode.TCP:
                assert row.duplicates == max(0, came[row.sequence] - 1)
            if row.outcome is Ending.DELIVERED:
                assert row.cause is None
            elif row.outcome is Ending.LOST:
                last = carried[-1]
                expected = Cause.CORRUPTED if last.corrupted else Cause.DROPPED
                assert row.cause is (Cause.QUEUE_FULL if last.dropped is Drop.QUEUE_FULL else expected)
            else:
                assert (row.outcome, run.mode) == (Ending.UNCONFIRMED, Mode.UDP_ACK)
                assert row.cause in (Cause.ACKNOWLEDGMENT_LOST, Cause.UNKNOWN)
        assert sum(row.outcome is Ending.LOST for row in ledger) == 30 - sum(count > 0 for count in came.values())


def test_a_long_run_has_a_ledger_too() -> None:
    comparison = sample(20_000, modes=(Mode.UDP,))
    ledger = rows(comparison.runs[0], comparison.late_ns)
    assert sum(row.outcome is Ending.LOST for row in ledger) == 20_000 - len(comparison.runs[0].received)
