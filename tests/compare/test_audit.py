"""The audit: ledger and link agree over many fates, and every disagreement that is planted is noticed."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compare.runs import comparison
from tests.compare.samples import sample
from tests.compare.support import MILLISECOND, Written
from tests.compare.test_ledger import paths
from udpmsg.compare.audit import audit
from udpmsg.compare.choices import Choices, Mode
from udpmsg.compare.ledger import Ending, LedgerRow, rows
from udpmsg.compare.trace import Received, Trace, Where
from udpmsg.link.faults import Action, Link, Path, Scripted
from udpmsg.link.record import Drop, FrameKind

DELAY = Path(delay=20 * MILLISECOND)


def audited(run: Trace, choices: Choices | None = None, where: Where = Where.LAB) -> list[str]:
    whole = comparison(run, where=where, choices=choices or Choices(), link=None)
    return audit(run, rows(run, whole.late_ns), whole)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**64 - 1), forward=paths, back=paths, transmissions=st.integers(1, 4))
def test_whatever_the_fates_ledger_and_link_agree(seed: int, forward: Path, back: Path, transmissions: int) -> None:
    comparison = sample(30, seed, link=Link(forward, back), choices=Choices(max_transmissions=transmissions))
    for run in comparison.runs:
        assert audited(run, comparison.choices) == [], run.mode


FAULTS = (
    Scripted(Action.DROP, FrameKind.DATA, 4, text="drop:data:4"),
    Scripted(Action.DUPLICATE, FrameKind.DATA, 7, text="duplicate:data:7"),
    Scripted(Action.DELAY, FrameKind.DATA, 10, delay=50 * MILLISECOND, text="delay:data:10:50ms"),
    Scripted(Action.DELAY, FrameKind.DATA, 15, delay=300 * MILLISECOND, text="delay:data:15:300ms"),
)


def example(mode: Mode = Mode.UDP) -> Trace:
    """20 messages: 4 is lost (over UDP), 7 comes twice, 10 and 15 are reordered, 15 is late."""
    run = sample(20, modes=(mode,), link=Link(DELAY, DELAY, FAULTS)).runs[0]
    assert audited(run) == []
    return run


def row_of(run: Trace, sequence: int) -> Received:
    return next(row for row in run.received if row.sequence == sequence)


def lose(run: Trace) -> None:
    run.received.remove(row_of(run, 8))


def invent(run: Trace) -> None:
    run.received.append(Received(4, 900 * MILLISECOND))


def repeat(run: Trace) -> None:
    run.received.append(Received(8, 900 * MILLISECOND, duplicate=True))


def forget_a_copy(run: Trace) -> None:
    run.received.remove(next(row for row in run.received if row.duplicate))


def swap(run: Trace) -> None:
    """As if the log had not the order in which they came."""
    run.received[0], run.received[1] = run.received[1], run.received[0]


def flag(run: Trace) -> None:
    row_of(run, 3).reordered = True


def hurry(run: Trace) -> None:
    row_of(run, 3).at -= 30 * MILLISECOND


def linger(run: Trace) -> None:
    row_of(run, 3).at += 200 * MILLISECOND


def in_time(run: Trace) -> None:
    """The late one as if it had been in time."""
    row_of(run, 15).at -= 250 * MILLISECOND


def stranger(run: Trace) -> None:
    run.received.append(Received(21, 900 * MILLISECOND))


def discard(run: Trace) -> None:
    run.kernel_drops = 4


PLANTED: list[tuple[Callable[[Trace], None], str]] = [
    (lose, "1 datagrams passed the link and did not come (of messages 8), and the kernel discarded 0, the receiver 0"),
    (invent, "message 4 was delivered, and the link let no whole copy of it pass"),
    (repeat, "message 8 came twice, and the link let it pass once"),
    (forget_a_copy, "1 datagrams passed the link and did not come (of messages 7), and the kernel discarded 0, the receiver 0"),
    (swap, "message 1 is reordered, and it did not leave the link so"),
    (flag, "message 3 is reordered to the receiver, and its log shows it otherwise"),
    (hurry, "message 3 was delivered 10.0 ms before it was on the link"),
    (linger, "message 3 is late, and it left the link 20.0 ms after it was due"),
    (in_time, "message 15 is in time, and it left the link 320.0 ms after it was due"),
    (stranger, "message 21 was received, and it is none of the run's"),
    (discard, "the kernel discarded 4 datagrams, and at most 3 that passed the link did not come"),
]


@pytest.mark.parametrize(("plant", "sentence"), PLANTED, ids=lambda value: getattr(value, "__name__", ""))
def test_every_planted_disagreement_is_noticed(plant: Callable[[Trace], None], sentence: str) -> None:
    run = example()
    plant(run)
    assert sentence in audited(run)


def test_a_ledger_that_was_changed_is_noticed() -> None:
    run = example()
    ledger = rows(run)
    changes: list[tuple[Callable[[LedgerRow], None], str]] = [
        (lambda row: setattr(row, "transmissions", 2), "message 3 has 2 transmissions, and the link saw 1"),
        (lambda row: setattr(row, "reordered", True), "message 3 is reordered, and it did not leave the link so"),
        (lambda row: setattr(row, "late", True), "message 3 is late, and it left the link 20.0 ms after it was due"),
        (lambda row: setattr(row, "duplicates", 1), "message 3 came twice, and the link let it pass once"),
    ]
    for change, sentence in changes:
        ledger = rows(run)
        change(ledger[2])
        assert sentence in audit(run, ledger, comparison(run, link=None))


def test_what_the_kernel_discarded_is_no_disagreement() -> None:
    run = example()
    lose(run)
    forget_a_copy(run)
    run.kernel_drops = 2
    assert audited(run) == []
    run.kernel_drops = 1
    assert len(audited(run)) == 1
    run.over_limit = 1
    assert audited(run) == []


def test_a_confirmation_that_the_receiver_s_log_does_not_bear_out() -> None:
    run = sample(20, loss=0, modes=(Mode.UDP_ACK,)).runs[0]
    lose(run)
    assert "message 8 was confirmed to its sender, and it is not in the receiver's log" in audited(run)


def test_nobody_listening_is_no_disagreement() -> None:
    written = Written()
    written.message(1)
    written.icmp("ICMP port unreachable", 1)
    assert audited(written.run) == []


@pytest.mark.parametrize(
    ("left", "delivered", "agrees"), [(126, 149, True), (126, 151, True), (174, 151, True), (124, 151, False), (176, 149, False)]
)
def test_near_the_limit_a_message_may_be_late_or_not(left: int, delivered: int, agrees: bool) -> None:
    """The link may write down that a frame left after the application had it."""
    written = Written()
    written.message(1, left=left)
    written.received(1, delivered)
    assert (audited(written.run) == []) is agrees


# Messages in several frames ----------------------------------------------------------------------------------------------


def test_a_message_in_ip_fragments_needs_all_of_them_from_one_transmission() -> None:
    written = Written(Mode.UDP_ACK)
    written.message(1, part=0)
    written.message(1, part=185, dropped=Drop.LOSS)
    written.message(1, part=0, transmission=2, dropped=Drop.LOSS)
    written.message(1, part=185, transmission=2)
    assert audited(written.run) == []
    written.received(1, 1)
    assert audited(written.run) == ["message 1 was delivered, and the link let no whole copy of it pass"]


def test_a_copy_of_one_ip_fragment_is_no_copy_of_the_message() -> None:
    written = Written()
    written.message(1, part=0, left=(0, 0))
    written.message(1, part=185)
    written.received(1, 1)
    assert audited(written.run) == []
    written.message(1, part=0, transmission=2)
    written.message(1, part=185, transmission=2)
    assert len(audited(written.run)) == 1
    written.received(1, 1, duplicate=True)
    assert audited(written.run) == []


def test_a_flipped_bit_in_one_ip_fragment_spoils_the_datagram() -> None:
    written = Written()
    written.message(1, part=0)
    written.message(1, part=185, corrupted=True)
    assert audited(written.run) == []
    assert rows(written.run)[0].outcome is Ending.LOST


def test_our_fragments_may_come_from_different_transmissions() -> None:
    written = Written(Mode.UDP_ACK)
    written.message(1, part=0)
    written.message(1, part=1 << 13, dropped=Drop.LOSS)
    assert audited(written.run) == []
    written.message(1, part=1 << 13, transmission=2)
    written.message(1, part=1 << 13, transmission=3)  # again, and no message again
    written.received(1, 1)
    assert audited(written.run) == []
    written.message(1, part=0, transmission=2)
    written.received(1, 1, duplicate=True)
    assert audited(written.run) == []


def test_a_fragment_that_was_never_sent_is_missed() -> None:
    """All messages have one size, so the others tell how many fragments there are."""
    written = Written(Mode.UDP_ACK, count=2)
    for sequence in (1, 2):
        written.message(sequence, part=0)
    written.message(1, part=1 << 13)
    written.received(1, 1)
    assert audited(written.run) == []


# TCP, the relay, and without a record ------------------------------------------------------------------------------------


def test_over_tcp_what_was_delivered_has_passed_the_link() -> None:
    run = example(Mode.TCP)
    assert run.frames is not None
    for frame in run.frames:
        if frame.first_sequence == 8:
            frame.left_at, frame.dropped = (), Drop.LOSS
    assert audited(run) == ["message 8 was delivered, and the link let nothing of it pass"]


def test_over_tcp_a_part_of_a_message_is_missed_unless_a_retransmission_carried_it() -> None:
    written = Written(Mode.TCP)
    written.message(1, part=0)
    written.message(1, part=1, dropped=Drop.LOSS)
    written.received(1, 1)
    assert audited(written.run) == ["message 1 was delivered, and the link did not let message 1 pass"]
    written.message(1, part=0, transmission=2)  # it may carry both parts
    assert audited(written.run) == []


def test_over_tcp_nothing_is_lost_repeated_reordered_or_early() -> None:
    for plant, sentence in (
        (lose, "message 8 was sent over TCP and not delivered, and no error ended the connection"),
        (repeat, "message 8 came twice over TCP"),
        (swap, "message 1 came out of order over TCP"),
        (
            lambda run: setattr(row_of(run, 8), "at", 135 * MILLISECOND),
            "message 8 was delivered 5.0 ms before it was on the link",
        ),
    ):
        run = example(Mode.TCP)
        plant(run)
        assert sentence in audited(run)
    run = example(Mode.TCP)
    lose(run)
    run.error = "the connection ended: timed out"
    assert audited(run) == []


def test_ordered_delivery_waits_behind_gaps() -> None:
    written = Written(Mode.UDP_ACK, count=2)
    written.message(1, dropped=Drop.LOSS)
    written.message(2, at=20, left=40)
    written.message(1, at=240, transmission=2, left=260)
    for sequence in (1, 2):
        written.received(sequence, 260)
    assert audited(written.run, Choices(ordered=True)) == []


def test_behind_a_relay_a_flipped_bit_may_pass() -> None:
    written = Written(count=2)
    written.message(1, corrupted=True)
    written.message(2)
    written.received(2, 1)
    for received in (False, True):
        if received:
            written.received(1, 1)
        assert audited(written.run, where=Where.RELAY) == []
    assert audited(written.run) != []


def test_without_a_record_there_is_nothing_to_compare() -> None:
    written = Written()
    written.run.frames = None
    assert audited(written.run) == []
    assert audited(example(Mode.TCP), where=Where.RELAY) == []
