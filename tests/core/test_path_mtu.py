"""What a path takes, as its probes find out: RFC 8899, state by state and timer by timer. Sizes are of UDP's payload."""

import pytest

from tests.core.support import SECOND, at
from udpmsg.base.durations import MILLISECOND
from udpmsg.core.path_mtu import ANSWERS_KEPT, BEGIN_AFTER, CEILING, FLOOR, PMTU_RAISE_TIMER, VANISHED, PathMtu, PathState
from udpmsg.core.rtt import NEVER

WAIT = 60 * MILLISECOND
FULL = [1200] * BEGIN_AFTER


def number(size: int, milliseconds: float) -> int:
    """A datagram number of its own for each probe of a story."""
    return size * 100_000 + round(milliseconds)


def leave(path: PathMtu, milliseconds: float) -> list[int]:
    """Send what is due now; the sizes."""
    left = []
    while (size := path.probe(at(milliseconds))) is not None:
        path.sent(size, number(size, milliseconds), at(milliseconds), WAIT)
        left.append(size)
    return left


def answer(path: PathMtu, size: int, sent: float, milliseconds: float) -> None:
    """The probe of this size that left then is acknowledged now."""
    one = number(size, sent)
    path.on_acknowledged([(1, 5), (one, one)], at(milliseconds))


def searching(*, more: bool = True) -> PathMtu:
    """A path whose search is about to begin; without `more` nothing above 1,200 bytes is of use."""
    path = PathMtu()
    if more:
        path.want_more()
    path.on_used(FULL)
    return path


def then(path: PathMtu, milliseconds: float) -> float:
    """When something happens next in a search: a probe is missed, or was answered after 40 ms."""
    due = path.next_timeout() if path.state is not PathState.COMPLETE else NEVER
    return milliseconds + 40 if due == NEVER else (due - at(0)) / MILLISECOND


def complete(size: int = 1472) -> PathMtu:
    """A path on which the search has ended with this size, since the system refuses more."""
    path = searching()
    assert path.probe(at(0)) == CEILING
    path.on_refused(size + 1)
    path.on_hint(size, at(0))
    assert leave(path, 0) == [size]
    answer(path, size, 0, 40)
    assert leave(path, 40) == []
    return path


# BASE --------------------------------------------------------------------------------------------------------------------


def test_a_session_begins_with_the_base_and_without_a_probe() -> None:
    path = PathMtu()
    assert (path.size, path.state, path.confirmed, path.seeking) == (1200, PathState.BASE, False, False)
    assert (path.probe(at(0)), path.next_timeout()) == (None, NEVER)
    path.want_more()
    path.on_used([1200] * (BEGIN_AFTER - 1) + [FLOOR] * 100)
    assert (path.probe(at(0)), path.seeking) == (None, False), "what is so small needs no probe"
    path.on_used([FLOOR + 1])
    assert (path.probe(at(0)), path.state) == (CEILING, PathState.SEARCHING)


def test_where_nothing_larger_is_of_use_the_base_is_proved_and_that_is_all() -> None:
    path = searching(more=False)
    assert leave(path, 0) == [1200]
    assert path.next_timeout() == at(60)
    answer(path, 1200, 0, 40)
    assert (path.confirmed, leave(path, 40), path.state) == (True, [], PathState.COMPLETE)
    path.want_more()
    assert (leave(path, 50), path.state) == ([CEILING], PathState.SEARCHING)


# SEARCHING ---------------------------------------------------------------------------------------------------------------


def test_a_path_without_a_limit_is_found_with_one_probe() -> None:
    path = searching()
    assert leave(path, 0) == [CEILING]
    assert leave(path, 1) == [], "one at a time"
    answer(path, CEILING, 0, 1)
    assert (path.size, path.confirmed, leave(path, 1), path.state) == (CEILING, True, [], PathState.COMPLETE)


def test_what_the_system_refuses_costs_nothing_and_what_it_believes_is_tried_next() -> None:
    path = complete(1472)
    assert (path.size, path.confirmed, path.state) == (1472, True, PathState.COMPLETE)


def test_a_probe_is_missed_three_times_each_waited_for_twice_as_long() -> None:
    """RFC 8899 section 5.1.2, MAX_PROBES; a lost probe tells nothing by itself."""
    path = searching()
    begins = 0
    for wait in (60, 120, 240):
        assert leave(path, begins) == [CEILING]
        assert path.next_timeout() == at(begins + wait)
        assert leave(path, begins + wait - 1) == []
        begins += wait
    assert leave(path, begins) == [1200], "now the base is to be proved"
    assert (path.size, path.next_timeout()) == (1200, at(begins + 60))
    answer(path, 1200, begins, begins + 40)
    assert (path.confirmed, leave(path, begins + 40)) == (True, [1464]), "the one in the middle of what is known"


def test_a_short_timeout_is_not_believed() -> None:
    path = searching()
    path.sent(path.probe(at(0)) or 0, 1, at(0), 1)
    assert path.next_timeout() == at(50)


def test_the_search_goes_by_what_paths_usually_take_and_then_by_halves() -> None:
    path, largest, time, tried = searching(), 1300, 0.0, []
    while path.state is not PathState.COMPLETE:
        for size in leave(path, time):
            tried += [size] if size not in tried else []
            if size <= largest:
                answer(path, size, time, time + 40)
        time = then(path, time)
    assert tried == [CEILING, 1200, 1464, 1372, 1252, 1312, 1282, 1297]
    assert (path.size, path.confirmed) == (1297, True)


def test_a_late_answer_counts() -> None:
    """Somebody was busy for long: the path is not as narrow as it seemed."""
    path = complete(1472)
    path = searching()
    for begins in (0, 60, 180):
        assert leave(path, begins) == [CEILING]
    assert leave(path, 420) == [1200]
    answer(path, CEILING, 180, 430)
    assert (path.size, path.confirmed) == (CEILING, True)
    answer(path, 1200, 420, 440)
    assert (leave(path, 441), path.state, path.size) == ([], PathState.COMPLETE, CEILING)


def test_only_the_last_answers_are_waited_for() -> None:
    path = searching()
    time = 0.0
    for _ in range(ANSWERS_KEPT + 2):
        assert leave(path, time)
        time = (path.next_timeout() - at(0)) / MILLISECOND
    leave(path, time)
    answer(path, CEILING, 0, time)
    assert path.size == FLOOR, "that is long forgotten"


# A hint ------------------------------------------------------------------------------------------------------------------


def test_a_hint_is_tried_and_what_is_above_it_is_given_up_sooner() -> None:
    """ICMP says 1,300 while 1,472 is probed: with the probe missed as well that is enough; and 1,300 has to prove itself."""
    path = searching()
    path.probe(at(0))
    path.on_refused(CEILING)
    path.on_hint(1472, at(0))
    assert leave(path, 0) == [1472]
    path.on_hint(1300, at(20))
    assert (path.size, leave(path, 59)) == (1200, [])
    assert leave(path, 60) == [1300]
    answer(path, 1300, 60, 100)
    assert (path.size, leave(path, 100), path.state) == (1300, [], PathState.COMPLETE), "as was said, and the larger one failed"


def test_a_forged_hint_changes_nothing() -> None:
    """RFC 8899 section 4.6: the present size has to be missed, whatever a router says."""
    path = complete(1472)
    path.on_hint(100, at(1000))
    assert leave(path, 1000) == [1472, FLOOR]
    path.on_hint(100, at(1010))
    assert leave(path, 1010) == []
    answer(path, FLOOR, 1000, 1039)
    answer(path, 1472, 1000, 1040)
    assert (path.size, path.confirmed, leave(path, 1040)) == (1472, True, [])
    path.on_hint(100, at(1999))
    assert leave(path, 1999) == [], "no more than once a second"
    path.on_hint(100, at(2000))
    assert leave(path, 2000) == [1472, FLOOR]


def test_a_true_hint_makes_the_size_fall_to_it_at_once() -> None:
    path = complete(1472)
    path.on_hint(1252, at(1000))
    assert leave(path, 1000) == [1472, 1252]
    answer(path, 1252, 1000, 1040)
    assert leave(path, 1059) == []
    assert leave(path, 1060) == []
    assert (path.size, path.confirmed, path.black_holes, path.state) == (1252, True, 1, PathState.COMPLETE)


def test_a_hint_below_the_base_is_tried_before_the_floor_is_fallen_to() -> None:
    path = searching(more=False)
    assert leave(path, 0) == [1200]
    path.on_hint(572, at(20))
    assert (leave(path, 60), path.size, path.state) == ([572], 1200, PathState.ERROR)
    answer(path, 572, 60, 100)
    assert (path.size, path.confirmed, leave(path, 100), path.state) == (572, True, [], PathState.COMPLETE)


def test_a_hint_below_the_base_that_does_not_pass_either() -> None:
    path = searching(more=False)
    leave(path, 0)
    path.on_hint(900, at(20))
    for begins in (60, 120, 240):
        assert leave(path, begins) == [900]
        assert path.size == 1200
    assert leave(path, 480) == [724]
    assert (path.size, path.confirmed, path.state) == (FLOOR, False, PathState.ERROR)


# ERROR -------------------------------------------------------------------------------------------------------------------


def test_not_even_the_base_passes() -> None:
    """RFC 8899 section 5.2: the smallest size, and a search from there. As long as nothing is proved routers may cut up."""
    path = searching(more=False)
    for begins in (0, 60, 180):
        assert leave(path, begins) == [1200]
    assert leave(path, 420) == [874]
    assert (path.size, path.confirmed, path.state) == (FLOOR, False, PathState.ERROR)
    answer(path, 874, 420, 460)
    assert (path.size, path.confirmed, leave(path, 460)) == (874, True, [1037])


# COMPLETE ----------------------------------------------------------------------------------------------------------------


def test_the_search_begins_again_after_the_raise_timer() -> None:
    """RFC 8899 section 5.1.1."""
    path = complete(1472)
    raise_at = at(40) + PMTU_RAISE_TIMER
    assert path.next_timeout() == raise_at
    assert path.probe(raise_at - 1) is None
    assert (path.probe(raise_at), path.state) == (CEILING, PathState.SEARCHING)
    path.sent(CEILING, 77, raise_at, WAIT)
    path.on_acknowledged([(77, 77)], raise_at + 1)
    assert path.size == CEILING


def test_the_interface_takes_less_than_it_did() -> None:
    path = complete(1472)
    path.on_refused(1472)
    assert (path.size, path.confirmed, path.black_holes) == (1200, False, 1)
    path.on_hint(1300, at(50))
    assert leave(path, 50) == [1300]
    path.on_refused(1000)
    assert (path.size, path.black_holes, path.state) == (FLOOR, 2, PathState.ERROR)
    assert leave(path, 51) == [774]


def test_an_interface_that_takes_less_from_the_first_datagram_on() -> None:
    """Nothing above the floor will arrive, so that is not waited for; and what a moment refused is tried again in time."""
    path = PathMtu()
    path.on_refused(1200)
    assert (path.size, path.state, leave(path, 0)) == (FLOOR, PathState.ERROR, [874])
    path.on_refused(FLOOR)
    assert (path.size, leave(path, 1), path.next_timeout()) == (FLOOR, [], at(1) + PMTU_RAISE_TIMER)
    assert leave(path, 1 + PMTU_RAISE_TIMER / MILLISECOND) == [1200]


def test_datagrams_vanish_that_are_larger_than_the_interface_takes() -> None:
    """They were cut up by this system, so nobody knew. A black hole is suspected, and the larger probe is refused: that answers
    it, and the hint is tried as before. What had vanished counts no more, else the same probe would be refused for ever."""
    path = searching()
    assert path.probe(at(0)) == CEILING
    path.on_refused(CEILING)
    path.on_hint(572, at(0))
    assert leave(path, 0) == [572]
    vanish(path, 1200)
    assert path.probe(at(20)) == 1200
    path.on_refused(1200)
    assert leave(path, 20) == [572]
    answer(path, 572, 20, 60)
    assert (path.size, path.confirmed, leave(path, 60)) == (572, True, [])


# Black holes -------------------------------------------------------------------------------------------------------------


def vanish(path: PathMtu, size: int = 1472, count: int = VANISHED) -> None:
    """So many datagrams of this size are lost in a row."""
    path.on_lost([size] * count)


def test_datagrams_of_one_size_vanish_and_smaller_ones_pass() -> None:
    """RFC 8899 section 4.3. Three pairs of probes, of which only the smaller one is answered."""
    path = complete(1472)
    vanish(path, count=VANISHED - 1)
    assert leave(path, 1000) == []
    vanish(path, count=1)
    assert leave(path, 1000) == [1472, 1200]
    answer(path, 1200, 1000, 1005)
    assert path.next_timeout() == at(1055), "the larger one left before: it is overdue soon"
    assert leave(path, 1055) == [1472, 1200]
    answer(path, 1200, 1055, 1095)
    assert path.next_timeout() == at(1145)
    assert leave(path, 1145) == [1472, 1200]
    answer(path, 1200, 1145, 1185)
    assert leave(path, 1234) == []
    assert path.size == 1472
    assert leave(path, 1235) == [1392]
    assert (path.size, path.confirmed, path.black_holes, path.state) == (1200, True, 1, PathState.SEARCHING)


def test_what_arrives_refutes_the_suspicion() -> None:
    path = complete(1472)
    vanish(path)
    path.on_arrived([1200, 1200])
    assert path.vanished == VANISHED, "smaller ones pass through a black hole"
    path.on_arrived([100, 1201])
    assert (path.vanished, leave(path, 1000)) == (0, [])


def test_what_could_not_be_too_large_is_not_counted() -> None:
    path = complete(1472)
    path.on_lost([548] * 100)
    path.on_lost([1473] * 100)
    assert (path.in_doubt, leave(path, 1000)) == (False, [])
    path.on_expiry([548])
    assert leave(path, 1000) == []
    path.on_expiry([1200, 1300])
    assert leave(path, 1000) == [1472, 1200]


def test_the_path_becomes_narrower_than_all_that_is_sent() -> None:
    """Messages are smaller than 1,200 bytes, or cut into fragments that are: to fall to 1,200 would be of no use."""
    path = complete(1472)
    path.on_lost([549] * (VANISHED - 1))
    assert (path.vanished, path.in_doubt, leave(path, 1000)) == (0, True, [])
    path.on_arrived([548])
    path.on_lost([1200])
    assert leave(path, 1000) == [1472, 548]
    for sent in (1000, 1055, 1145):
        answer(path, 548, sent, sent + 5 if sent == 1000 else sent + 40)
        leave(path, 1055 if sent == 1000 else sent + 90)
    assert (path.size, path.black_holes, path.in_doubt) == (548, 1, False)


def test_of_what_is_smaller_one_that_arrives_refutes_it() -> None:
    path = complete(1472)
    path.on_lost([1000] * VANISHED)
    path.on_arrived([549])
    assert (path.in_doubt, leave(path, 1000)) == (False, [])
    path.on_expiry([100, 1000])
    assert leave(path, 1000) == [1472, 548]


def test_the_larger_probe_is_answered_and_all_is_as_before() -> None:
    path = complete(1472)
    vanish(path)
    leave(path, 1000)
    path.on_acknowledged([(number(1200, 1000), number(1472, 1000))], at(1040))
    assert (path.size, path.confirmed, path.vanished, leave(path, 1040)) == (1472, True, 0, [])


def test_a_path_that_is_down_says_nothing_of_sizes() -> None:
    """Neither is answered; the waits double, and after four pairs it is not for the path to find out who is there."""
    path = complete(1472)
    path.on_expiry([1472])
    begins, lower = 1000, 1200
    for wait in (60, 120, 240, 480):
        assert leave(path, begins) == [1472, lower]
        assert path.next_timeout() == at(begins + wait)
        begins += wait
        lower = 1200 if wait == 60 else FLOOR
    assert leave(path, begins) == []
    assert (path.size, path.confirmed, path.black_holes) == (1472, True, 0)


def test_a_hole_so_deep_that_the_base_does_not_pass_either() -> None:
    path = complete(1472)
    path.on_expiry([1472])
    assert leave(path, 1000) == [1472, 1200]
    assert leave(path, 1060) == [1472, 1200]
    begins = 1180
    for _ in range(3):
        assert leave(path, begins) == [1472, FLOOR]
        answer(path, FLOOR, begins, begins + 10)
        begins = round((path.next_timeout() - at(0)) / MILLISECOND)
    assert leave(path, begins) == [1200]
    assert (path.size, path.confirmed) == (FLOOR, True), "the base has to be proved first, as nothing is trusted now"


def test_late_answers_from_before_do_not_count_as_the_smaller_probe() -> None:
    path = complete(1472)
    path.on_expiry([1472])
    assert leave(path, 1000) == [1472, 1200]
    assert leave(path, 1060) == [1472, 1200]
    answer(path, 1200, 1000, 1070)
    assert path.next_timeout() == at(1180)
    answer(path, 1472, 1000, 1080)
    assert (path.next_timeout(), leave(path, 1080)) == (at(40) + PMTU_RAISE_TIMER, [])


def test_at_the_floor_there_is_nothing_to_fall_to() -> None:
    path = searching(more=False)
    for begins in (0, 60, 180, 420):
        leave(path, begins)
    assert path.size == FLOOR
    path.on_expiry([FLOOR])
    path.on_lost([FLOOR] * 10)
    assert path.probe(at(421)) is None


def test_whoever_waits_for_nothing_suspects_nothing() -> None:
    path = complete(1472)
    vanish(path)
    leave(path, 1000)
    path.rest()
    assert (leave(path, 5000), path.size, path.vanished) == ([], 1472, 0)
    vanish(path, count=2)
    path.rest()
    vanish(path, count=3)
    assert leave(path, 5000) == []


def test_before_anything_is_known_the_first_expiry_asks() -> None:
    """The path takes less than the base and cuts nothing up: nothing at all has arrived."""
    path = PathMtu()
    path.on_expiry([1068] * 10)
    begins = 1000
    for _ in range(3):
        assert leave(path, begins) == [1200, FLOOR]
        answer(path, FLOOR, begins, begins + 40)
        begins = round((path.next_timeout() - at(0)) / MILLISECOND)
    assert leave(path, begins) == [874]
    assert (path.size, path.confirmed, path.black_holes) == (FLOOR, True, 1)


@pytest.mark.parametrize("size", [549, 600, 1000, 1199, 1252, 1400, 1472, 2000, 4324, 9000, 30_000, 65_506])
def test_the_search_comes_close(size: int) -> None:
    path, time = searching(), 0.0
    while path.state is not PathState.COMPLETE:
        for probed in leave(path, time):
            if probed <= size:
                answer(path, probed, time, time + 40)
        time = then(path, time)
    assert size - max(16, size // 32) <= path.size <= size
    assert path.confirmed
    assert time < 20 * SECOND / MILLISECOND
