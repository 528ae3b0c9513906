"""The ladder: which arrows there are, what the application got of them, and the drawing in a terminal."""

from dataclasses import replace

import pytest

from tests.compare.runs import MILLISECOND, answer, message, received, run
from tests.compare.samples import sample
from udpmsg.compare.choices import Mode
from udpmsg.compare.ladder import MarkKind, arrows, marks, waits
from udpmsg.compare.ladder_text import beside, lines, ranges, visible
from udpmsg.link.faults import Link, Path
from udpmsg.link.record import Direction, Drop
from udpmsg.link.script import parse_fault

WAY = Path(delay=20 * MILLISECOND)


def faulty(*faults: str, count: int = 5) -> Link:
    return Link(WAY, WAY, tuple(parse_fault(fault) for fault in faults))


def of(mode: Mode, *faults: str, count: int = 5):
    return sample(count=count, modes=(mode,), link=faulty(*faults)).runs[0]


def drawn(made, **options) -> list[str]:
    return list(lines(made, **{"width": 100, "colour": False} | options))


# Geometry.


def test_every_frame_has_an_arrow_in_the_order_of_sending() -> None:
    for made in sample(count=40, seed=3).runs:
        found = arrows(made)
        assert [arrow.frame.number for arrow in found] == [frame.number for frame in made.frames]
        assert sum(arrow.dropped is not None for arrow in found) == sum(frame.dropped is not None for frame in made.frames)
        for arrow in found:
            assert (arrow.arrives_at is None) == (arrow.dropped is not None)


def test_an_arrow_knows_where_it_goes_and_why_it_did_not_arrive() -> None:
    made = run(Mode.UDP, 2, [message(1, 0, dropped=Drop.QUEUE_FULL), answer("ACK", 30)])
    lost, back = arrows(made)
    assert (lost.direction, lost.dropped, lost.arrives_at) == (Direction.FORWARD, "queue full", None)
    assert (back.direction, back.sent_at, back.arrives_at) == (Direction.BACK, 30 * MILLISECOND, 50 * MILLISECOND)
    assert lost.faulty
    assert not back.faulty


def test_a_doubled_frame_has_two_arrows_and_the_second_is_the_copy() -> None:
    first, second = arrows(run(Mode.UDP, 1, [message(1, 0, copies=2)]))
    assert (first.copy, second.copy) == (False, True)
    assert first.frame is second.frame


def test_where_nobody_saw_frames_there_are_no_arrows() -> None:
    assert arrows(run(Mode.UDP, 3, None)) == []


def test_every_delivery_belongs_to_the_arrow_that_brought_it() -> None:
    for made in sample(count=60, seed=2, loss=0.15).runs:
        found = arrows(made)
        for mark in marks(made, found):
            assert mark.arrow is not None
            carrier = found[mark.arrow]
            assert carrier.frame.first_sequence <= mark.sequence <= carrier.frame.last_sequence
            assert carrier.arrives_at <= mark.at


def test_a_second_copy_is_suppressed_and_has_its_own_arrow() -> None:
    made = run(Mode.UDP, 1, [message(1, 0, copies=2)], [received(1, 20), received(1, 20, duplicate=True)])
    first, second = marks(made, arrows(made))
    assert (first.kind, first.arrow) == (MarkKind.DELIVERED, 0)
    assert (second.kind, second.arrow) == (MarkKind.SUPPRESSED, 1)


def test_over_tcp_the_first_copy_is_the_one_that_was_delivered() -> None:
    made = run(Mode.TCP, 1, [message(1, 0, copies=2), message(1, 5, transmission=2)], [received(1, 25.1)])
    (mark,) = marks(made, arrows(made))
    assert mark.arrow == 0
    assert sum("had it: discarded" in line for line in drawn(made)) == 2


def test_a_message_in_two_segments_is_delivered_with_the_one_that_makes_it_whole() -> None:
    frames = [message(1, 0, dropped=Drop.LOSS), message(1, 1), message(1, 60, transmission=2)]
    frames[1].identity = replace(frames[1].identity, part=1)
    made = run(Mode.TCP, 1, frames, [received(1, 80)])
    (mark,) = marks(made, arrows(made))
    assert mark.arrow == 2


def test_what_the_kernel_dropped_has_no_delivery_and_the_retransmission_has() -> None:
    made = run(Mode.UDP_ACK, 1, [message(1, 0), message(1, 300, transmission=2)], [received(1, 320.4)])
    (mark,) = marks(made, arrows(made))
    assert mark.arrow == 1


def test_a_record_that_is_written_a_little_after_the_delivery_still_explains_it() -> None:
    made = run(Mode.UDP, 2, [message(1, 0), message(2, 20)], [received(1, 19.7), received(2, 39.8)])
    assert [mark.arrow for mark in marks(made, arrows(made))] == [0, 1]


def test_tcp_holds_back_what_came_behind_a_gap() -> None:
    made = of(Mode.TCP, "drop:data:2")
    waiting = waits(made)
    assert sorted(waiting) == [3, 4, 5]
    assert {wait.behind for wait in waiting.values()} == {2}
    assert waiting[3].since == 60 * MILLISECOND
    assert waiting[3].until == 340 * MILLISECOND


def test_nothing_waits_where_order_is_not_kept_even_if_the_application_is_slow() -> None:
    for mode in (Mode.UDP, Mode.UDP_ACK):
        made = sample(count=60, seed=5, loss=0.2, modes=(mode,)).runs[0]
        assert waits(made) == {}
    late = run(Mode.UDP, 2, [message(1, 0, arrives=50), message(2, 20, arrives=45)], [received(2, 60), received(1, 60)])
    assert waits(late) == {}


def test_a_message_waits_for_the_last_of_several_before_it() -> None:
    frames = [
        message(1, 0, dropped=Drop.LOSS),
        message(2, 1, dropped=Drop.LOSS),
        message(3, 2),
        message(1, 100, transmission=2),
        message(2, 130, transmission=2),
    ]
    made = run(Mode.TCP, 3, frames, [received(1, 120), received(2, 150), received(3, 150)])
    (wait,) = waits(made).values()
    assert (wait.sequence, wait.behind) == (3, 2)


# Drawing.


def test_five_messages_and_one_drop_over_tcp() -> None:
    assert drawn(of(Mode.TCP, "drop:data:2")) == [
        "       ms SENDER                                        RECEIVER        ms  APPLICATION",
        "      0.0 ├─ SYN ─────────────────────────────────────────────▶│      20.0",
        "     40.0 │◀───────────────────────────────────────── SYN-ACK ─┤      20.0",
        "     40.0 ├─ ACK ─────────────────────────────────────────────▶│      60.0",
        "     40.0 ├─ message 1 ───────────────────────────────────────▶│      60.0  ▸ 1",
        "     40.0 ├─ message 2 ───────────────────✗ drop:data:2        │",
        "     40.0 ├─ message 3 ───────────────────────────────────────▶│      60.0  3 waits for 2",
        "     60.0 ├─ message 4 ───────────────────────────────────────▶│      80.0  4 waits for 2",
        "     80.0 │◀───────────────────────────────────────────── ACK ─┤      60.0",
        "     80.0 ├─ message 5 ───────────────────────────────────────▶│     100.0  5 waits for 2",
        "    100.0 │◀───────────────────────────────────────────── ACK ─┤      80.0",
        "    120.0 │◀───────────────────────────────────────────── ACK ─┤     100.0",
        "          ⋮ 220 ms in which nothing was sent                   ⋮",
        "    320.0 ├─ message 2, again ────────────────────────────────▶│     340.0  ▸ 2–5",
        "    360.0 │◀───────────────────────────────────────────── ACK ─┤     340.0",
        "    360.0 ├─ FIN ─────────────────────────────────────────────▶│     380.0",
        "    400.0 │◀───────────────────────────────────────────── FIN ─┤     380.0",
        "    400.0 ├─ ACK ─────────────────────────────────────────────▶│     420.0",
    ]


def test_udp_has_one_gap_and_begins_at_once() -> None:
    text = drawn(of(Mode.UDP, "drop:data:2"))
    assert text[1].endswith("▸ 1")
    assert "message 1" in text[1]
    assert "✗ drop:data:2" in text[2]
    assert [line.rpartition("▸ ")[2] for line in text if "▸ " in line] == ["1", "3", "4", "5"]


def test_a_lost_acknowledgment_ends_midway_on_its_way_back() -> None:
    (line,) = [line for line in drawn(of(Mode.UDP_ACK, "drop:ack:1")) if "✗" in line]
    assert "drop:ack:1 ✗──" in line
    assert line.rstrip("0123456789. ").endswith("ACK ─┤")


@pytest.mark.parametrize(
    ("frames", "arrivals", "said"),
    [
        ([message(1, 0, copies=2)], [received(1, 20), received(1, 20, duplicate=True)], "1 again: suppressed"),
        ([message(1, 0, copies=2)], [received(1, 20), received(1, 20, duplicate=True)], "message 1, the link's copy ┄┄"),
        ([message(1, 0, corrupted=True)], [], "corrupted: discarded"),
        ([message(1, 0, corrupted=True)], [], "≈≈≈▶│"),
        ([message(1, 0)], [], "1 not delivered"),
        ([message(1, 0)], [received(1, 90)], "▸ 1 at 90.0"),
        ([message(1, 0, reordered=True, arrives=80)], [received(1, 80)], "message 1, held back ──"),
        ([message(1, 0), message(1, 200, transmission=3)], [received(1, 20)], "message 1, transmission 3 ──"),
        ([message(1, 0, dropped=Drop.BURST)], [], "✗ lost in a burst"),
        ([message(1, 0, dropped=Drop.MTU)], [], "✗ too large"),
        ([message(1, 0, left_at=())], [], "──────│\n"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_happens_to_a_frame_can_be_read(frames, arrivals, said: str) -> None:
    assert said in "\n".join(drawn(run(Mode.UDP, 1, frames, arrivals))) + "\n"


def test_of_the_fragments_of_a_message_that_came_none_is_called_undelivered() -> None:
    """The kernel's IP fragments: two frames, of which the last to arrive makes the message whole."""
    text = "\n".join(drawn(run(Mode.UDP, 1, [message(1, 0), message(1, 0, arrives=21)], [received(1, 21)])))
    assert text.count("▸ 1") == 1
    assert "not delivered" not in text


def test_a_label_from_a_file_cannot_steer_the_terminal() -> None:
    frames = [message(1, 0, label="\x1b[2J\u202e"), message(2, 20, dropped=Drop.SCRIPT, script="\x1b]0;x\x07")]
    text = "\n".join(drawn(run(Mode.UDP, 2, frames)))
    assert text.isprintable() or "\x1b" not in text
    assert "\\x1b[2J\\u202e" in text


@pytest.mark.parametrize("width", [60, 74, 78, 100, 149, 200])
def test_no_line_is_longer_than_the_terminal_is_wide(width: int) -> None:
    for made in sample(count=300, seed=9, loss=0.1).runs:
        for colour in (False, True):
            assert max(visible(line) for line in drawn(made, width=width, colour=colour)) <= width


def test_a_long_run_shows_its_beginning_and_its_faults_and_says_what_it_leaves_out() -> None:
    made = sample(count=500, modes=(Mode.UDP,), link=faulty("drop:data:250", "drop:data:400")).runs[0]
    text = drawn(made)
    frames = [line for line in text if "├" in line or "┤" in line]
    assert len(frames) <= 40
    assert [f"message {number}" for number in range(1, 13)] == [line.split("─ ")[1].split(" ─")[0] for line in frames[:12]]
    assert sum("✗" in line for line in text) == 2
    left_out = sum(int(line.split("⋮ ")[1].split(" ")[0]) for line in text if "left out" in line)
    assert len(frames) + left_out == len(arrows(made))
    assert "left out, to the end" in text[-1]


def test_the_repair_of_a_loss_is_shown_with_it_even_when_it_comes_late() -> None:
    made = sample(count=500, modes=(Mode.TCP,), link=faulty("drop:data:250")).runs[0]
    text = "\n".join(drawn(made))
    assert "message 250 ─" in text
    assert "message 250, again" in text
    assert "waits for 250" in text


def test_as_many_frames_are_shown_as_are_asked_for() -> None:
    made = sample(count=500, seed=2, modes=(Mode.UDP,), loss=0.3).runs[0]
    for limit in (1, 5, 12, 13, 100):
        shown = sum("├" in line for line in drawn(made, limit=limit))
        assert limit <= shown <= limit * 1.5
    assert sum("├" in line for line in drawn(made, limit=10**6)) == len(arrows(made))


def test_where_nobody_saw_frames_that_is_said() -> None:
    assert "real network" in drawn(run(Mode.UDP, 3, None))[0]
    assert "nobody saw TCP's segments" in drawn(run(Mode.TCP, 3, None))[0]
    assert "nothing was sent" in drawn(run(Mode.UDP, 0, []))[0]


def test_two_ladders_stand_side_by_side_in_a_wide_terminal() -> None:
    runs = sample(count=5, link=faulty("drop:data:2")).runs
    wide = list(beside(runs, width=160, colour=False))
    narrow = list(beside(runs, width=100, colour=False))
    assert wide[0].split() == ["udp", "udp+ack"]
    assert [line for line in narrow if line in ("udp", "udp+ack", "tcp")] == ["udp", "udp+ack", "tcp"]
    assert len(wide) < len(narrow)
    assert all(len(line) <= 160 for line in wide)
    second = wide[0].index("udp+ack")
    assert wide[2][second:].lstrip().startswith("0.0 ├─ message 1")


def test_numbers_that_follow_each_other_are_written_as_one_range() -> None:
    assert ranges([4]) == "4"
    assert ranges([4, 5, 6, 9, 11, 12]) == "4–6, 9, 11–12"
