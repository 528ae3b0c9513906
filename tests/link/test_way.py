"""One direction of the link, told the time: the queue, the bottleneck, the order, and scripted faults. To the nanosecond."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.link.links import paths
from udpmsg.link.faults import Burst, Path, decide
from udpmsg.link.record import Direction, Drop, FrameKind, Identity
from udpmsg.link.script import parse_fault
from udpmsg.link.way import Passage, Way

FORWARD, BACK = Direction.FORWARD, Direction.BACK
DATA, ACK, CONTROL = FrameKind.DATA, FrameKind.ACK, FrameKind.CONTROL
MS = 1_000_000
SECOND = 1000 * MS


def data(index: int, transmission: int = 1, part: int = 0) -> Identity:
    return Identity(FORWARD, DATA, index, transmission, part)


def way(path: Path, *script: str, seed: int = 1, direction: Direction = FORWARD) -> Way:
    return Way(path, direction=direction, seed=seed, script=tuple(parse_fault(text) for text in script))


def message(link: Way, index: int, now: int, size: int = 1250, transmission: int = 1) -> Passage:
    """One message in one frame, as UDP sends it."""
    return link.enter(data(index, transmission), size, now=now, first_sequence=index, last_sequence=index)


# Nothing, and a delay ----------------------------------------------------------------------------------------------------


def test_a_link_without_faults_lets_everything_through_at_once() -> None:
    link = way(Path())
    assert link.enter(data(1), 1500, now=7) == Passage(None, (7,))


def test_a_delay_alone_is_the_same_for_all_and_draws_no_lot() -> None:
    link = way(Path(delay=20 * MS))
    assert [message(link, index, index * MS).leaves_at for index in (1, 2, 3)] == [(21 * MS,), (22 * MS,), (23 * MS,)]


# The bottleneck and its queue --------------------------------------------------------------------------------------------


def test_frames_leave_a_bottleneck_one_after_the_other_to_the_nanosecond() -> None:
    """1250 bytes at 10 Mbit/s take 1 ms; 60 bytes 48 µs."""
    link = way(Path(rate=10_000_000))
    leaves = [message(link, index, 0).leaves_at for index in range(1, 6)]
    assert leaves == [(MS,), (2 * MS,), (3 * MS,), (4 * MS,), (5 * MS,)]
    assert message(link, 6, 0, size=60).leaves_at == (5 * MS + 48_000,)
    assert message(link, 7, 5 * MS + 47_999).leaves_at == (6 * MS + 48_000,)
    assert message(link, 8, 9 * MS).leaves_at == (10 * MS,)  # idle since; what was not used is not saved up


def test_a_time_that_is_no_whole_number_is_rounded_down() -> None:
    link = way(Path(rate=3_000_000_000))
    assert message(link, 1, 0, size=1).leaves_at == (2,)
    assert message(link, 2, 0, size=1).leaves_at == (4,)


def test_the_delay_begins_behind_the_bottleneck() -> None:
    link = way(Path(delay=20 * MS, rate=10_000_000))
    assert [message(link, index, 0).leaves_at for index in (1, 2)] == [(21 * MS,), (22 * MS,)]


def test_a_queue_of_ten_holds_ten_besides_the_one_in_the_bottleneck() -> None:
    link = way(Path(rate=10_000_000, queue=10))
    passages = [message(link, index, 0) for index in range(1, 21)]
    assert [passage.dropped for passage in passages] == [None] * 11 + [Drop.QUEUE_FULL] * 9
    assert passages[10].leaves_at == (11 * MS,)
    assert all(passage.leaves_at == () for passage in passages[11:])


def test_a_place_in_the_queue_is_free_when_its_frame_enters_the_bottleneck_and_not_a_nanosecond_before() -> None:
    link = way(Path(rate=10_000_000, queue=10))
    for index in range(1, 12):
        assert message(link, index, 0).dropped is None
    assert message(link, 12, MS - 1).dropped is Drop.QUEUE_FULL
    assert message(link, 13, MS).leaves_at == (12 * MS,)
    assert message(link, 14, MS).dropped is Drop.QUEUE_FULL
    assert message(link, 15, 2 * MS).leaves_at == (13 * MS,)


def test_a_queue_of_none_drops_whatever_comes_while_the_bottleneck_works() -> None:
    link = way(Path(rate=10_000_000, queue=0))
    assert message(link, 1, 0).leaves_at == (MS,)
    assert message(link, 2, MS - 1).dropped is Drop.QUEUE_FULL
    assert message(link, 3, MS).leaves_at == (2 * MS,)


def test_what_the_queue_drops_has_used_nothing_and_what_is_lost_behind_it_has() -> None:
    full = way(Path(rate=10_000_000, queue=0))
    message(full, 1, 0)
    message(full, 2, 0)
    assert message(full, 3, MS).leaves_at == (2 * MS,)
    lossy = way(Path(rate=10_000_000), "drop:data:1")
    assert message(lossy, 1, 0).dropped is Drop.SCRIPT
    assert message(lossy, 2, 0).leaves_at == (2 * MS,)


def test_a_script_hits_nothing_that_the_queue_has_dropped() -> None:
    link = way(Path(rate=10_000_000, queue=0), "drop:data:2")
    message(link, 1, 0)
    assert message(link, 2, 0) == Passage(Drop.QUEUE_FULL)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3 * MS), st.integers(60, 1514)), max_size=60), st.integers(0, 12))
def test_a_queue_never_has_more_than_its_length_and_drops_only_when_it_has(frames: list[tuple[int, int]], length: int) -> None:
    """Against a queue told in the plainest way: who has come, and has not begun."""
    rate = 10_000_000
    link = way(Path(rate=rate, queue=length))
    begins: list[int] = []
    free_at = now = 0
    for index, (gap, size) in enumerate(frames, 1):
        now += gap
        waiting = sum(begin > now for begin in begins)
        busy = free_at > now
        passage = message(link, index, now, size)
        if busy and waiting == length:
            assert passage.dropped is Drop.QUEUE_FULL
            continue
        begin = max(now, free_at)
        begins.append(begin)
        free_at = begin + size * 8 * SECOND // rate
        assert passage.leaves_at == (free_at,)


# Order -------------------------------------------------------------------------------------------------------------------


def test_jitter_keeps_the_order_a_late_frame_makes_those_behind_it_wait() -> None:
    path = Path(delay=20 * MS, jitter=20 * MS)
    link = way(path, seed=3)
    leaves = [message(link, index, index * MS).leaves_at[0] for index in range(1, 201)]
    assert leaves == sorted(leaves)
    wished = [index * MS + decide(3, data(index), path).delay for index in range(1, 201)]
    assert wished != sorted(wished), "seed 3: nothing would have overtaken, so nothing was shown"
    assert all(left >= wish for left, wish in zip(leaves, wished, strict=True))
    assert leaves[0] == wished[0]


def test_a_frame_that_is_held_back_is_overtaken_by_those_that_come_in_time() -> None:
    path = Path(delay=20 * MS, reorder=1, reorder_by=30 * MS)
    held = message(way(path), 1, 0)
    assert (held.leaves_at, held.reordered) == ((50 * MS,), True)
    link = way(Path(delay=20 * MS), "delay:data:2:30ms")
    passages = [message(link, index, index * 10 * MS) for index in range(1, 7)]
    assert [passage.leaves_at[0] // MS for passage in passages] == [30, 70, 50, 60, 70, 80]
    assert [passage.reordered for passage in passages] == [False, True, False, False, False, False]


def test_a_frame_that_is_held_back_overtakes_nobody() -> None:
    """Jitter of 20 ms and a hold of 1 ms: a held frame with a short delay still waits for a long one before it."""
    path = Path(delay=20 * MS, jitter=20 * MS, reorder=0.3, reorder_by=MS)
    link = way(path, seed=4)
    before, held = 0, 0
    for index in range(1, 501):
        passage = message(link, index, index * MS)
        assert passage.leaves_at[0] >= before
        held += passage.reordered
        if not passage.reordered:
            before = passage.leaves_at[0]
    assert held > 100, "seed 4"


@settings(deadline=None)
@given(st.integers(0, 2**64 - 1), paths(), st.lists(st.integers(0, 50 * MS), max_size=30))
def test_whatever_the_path_nothing_leaves_before_it_came_nor_out_of_order_unless_held_back(
    seed: int, path: Path, gaps: list[int]
) -> None:
    link = Way(path, direction=FORWARD, seed=seed)
    now = last = 0
    for index, gap in enumerate(gaps, 1):
        now += gap
        passage = message(link, index, now)
        assert (passage.dropped is None) == bool(passage.leaves_at)
        assert passage.dropped is None or passage.corrupt_bit is None
        if passage.leaves_at:
            assert min(passage.leaves_at) >= max(now, last)
            assert list(passage.leaves_at) == sorted(passage.leaves_at)
            last = last if passage.reordered else passage.leaves_at[-1]


def test_a_doubled_frame_leaves_twice_at_one_time() -> None:
    assert message(way(Path(delay=MS, duplicate=1)), 1, 0).leaves_at == (MS, MS)
    assert message(way(Path(delay=MS), "duplicate:data:1"), 1, 0).leaves_at == (MS, MS)
    assert message(way(Path(loss=1, duplicate=1)), 1, 0) == Passage(Drop.LOSS)


# Scripts -----------------------------------------------------------------------------------------------------------------


def hit(link: Way, *frames: Identity) -> list[str | None]:
    return [link.enter(frame, 100, now=0, first_sequence=frame.index, last_sequence=frame.index).script for frame in frames]


def test_a_script_hits_one_frame_of_its_kind_in_its_transmission() -> None:
    link = way(Path(), "drop:data:4", "drop:data:4:2")
    frames = [data(3), data(4), data(5), data(4, 2), data(4, 3), Identity(FORWARD, CONTROL, 4), Identity(FORWARD, ACK, 4)]
    assert hit(link, *frames) == [None, "drop:data:4", None, "drop:data:4:2", None, None, None]


def test_acknowledgments_are_hit_on_their_way_back_and_data_on_its_way_forward() -> None:
    script = ("drop:ack:2", "back:drop:data:1", "drop:data:1", "forward:drop:ack:3")
    forward, back = way(Path(), *script), way(Path(), *script, direction=BACK)
    acks = [Identity(FORWARD, ACK, index) for index in (1, 2, 3)]
    assert hit(forward, data(1), *acks) == ["drop:data:1", None, None, "forward:drop:ack:3"]
    frames = [Identity(BACK, kind, index) for kind in (DATA, ACK) for index in (1, 2, 3)]
    assert hit(back, *frames) == ["back:drop:data:1", None, None, None, "drop:ack:2", None]


def test_a_message_inside_a_coalesced_segment_is_hit_with_all_of_it() -> None:
    """TCP put messages 4, 5 and 6 into one segment: its index is 4, and a script that names 5 drops it."""
    link = way(Path(), "drop:data:5")
    passage = link.enter(data(4), 400, now=0, first_sequence=4, last_sequence=6)
    assert (passage.dropped, passage.script) == (Drop.SCRIPT, "drop:data:5")
    again = link.enter(data(4, 2), 400, now=0, first_sequence=4, last_sequence=6)
    assert again.dropped is None  # its second transmission is not meant
    assert link.enter(data(7), 400, now=0, first_sequence=7, last_sequence=9).dropped is None


def test_a_message_in_parts_is_hit_in_the_frame_with_its_first_byte() -> None:
    link = way(Path(), "drop:data:4", "drop:data:5")
    frames = [
        link.enter(data(4), 1514, now=0, first_sequence=4, last_sequence=4),
        link.enter(data(4, part=1), 1514, now=0, first_sequence=4, last_sequence=4),
        link.enter(data(4, part=2), 1514, now=0, first_sequence=4, last_sequence=5),  # the end of 4, and where 5 begins
        link.enter(data(5, part=1), 1514, now=0, first_sequence=5, last_sequence=5),
    ]
    assert [passage.script for passage in frames] == ["drop:data:4", None, "drop:data:5", None]


def test_other_programs_datagrams_are_hit_by_their_count() -> None:
    link = way(Path(), "drop:data:2")
    assert link.enter(data(1), 100, now=0).script is None
    assert link.enter(data(2), 100, now=0).dropped is Drop.SCRIPT


def test_a_scripted_delay_is_added_to_the_path_s() -> None:
    link = way(Path(delay=20 * MS), "delay:data:5:2:80ms")
    assert message(link, 5, 0).leaves_at == (20 * MS,)
    passage = message(link, 5, 0, transmission=2)
    assert (passage.leaves_at, passage.reordered, passage.script) == ((100 * MS,), True, "delay:data:5:2:80ms")


def test_scripts_come_before_chance_and_several_hit_one_frame() -> None:
    link = way(Path(loss=1), "drop:data:1")
    assert message(link, 1, 0).dropped is Drop.SCRIPT
    assert message(link, 2, 0).dropped is Drop.LOSS
    link = way(Path(), "duplicate:data:1", "delay:data:1:5ms", "corrupt:data:1")
    passage = message(link, 1, 0)
    assert passage == Passage(None, (5 * MS, 5 * MS), 0, True, "duplicate:data:1 delay:data:1:5ms corrupt:data:1")


def test_a_script_changes_the_fate_of_no_other_frame() -> None:
    path = Path(delay=20 * MS, loss=0.2, burst=Burst(0.05, 0.3), corrupt=0.1)
    plain, scripted = way(path, seed=9), way(path, "drop:data:10", "duplicate:data:20", seed=9)
    for index in range(1, 101):
        one, other = message(plain, index, index * MS), message(scripted, index, index * MS)
        assert index in (10, 20) or one == other, f"frame {index}, seed 9"
