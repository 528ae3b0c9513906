"""RTO within its bounds and the window above its floor, whatever happens."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from udpmsg.core.congestion import Congestion
from udpmsg.core.rtt import MAX_RTO, RttEstimator

MILLISECOND = 1_000_000
rtts = st.integers(0, 10 * MILLISECOND) | st.integers(0, 200_000 * MILLISECOND)


@given(
    st.integers(1, 60_000 * MILLISECOND),
    st.lists(st.one_of(st.none(), st.tuples(rtts, st.integers(0, 300_000 * MILLISECOND))), max_size=60),
)
def test_the_rto_stays_within_its_bounds(min_rto: int, steps: list[tuple[int, int] | None]) -> None:
    """RFC 6298 (2.4), (2.5), (5.5): None is an expiry of the timer."""
    estimator = RttEstimator(min_rto)
    assert estimator.rto == max(1000 * MILLISECOND, min_rto)
    for step in steps:
        before = estimator.rto
        if step is None:
            estimator.back_off()
            assert estimator.rto == min(2 * before, MAX_RTO)
        else:
            estimator.sample(*step)
            assert estimator.srtt is not None
            assert estimator.srtt >= 0
            assert estimator.rttvar >= 0
            assert estimator.minimum is not None
            assert estimator.minimum <= step[0]
        assert min_rto <= estimator.rto <= MAX_RTO


@given(st.lists(rtts, min_size=1, max_size=40))
def test_srtt_stays_within_the_samples(samples: list[int]) -> None:
    estimator = RttEstimator(200 * MILLISECOND)
    for sample in samples:
        estimator.sample(sample)
    assert estimator.srtt is not None
    assert min(samples) - len(samples) <= estimator.srtt <= max(samples)
    assert estimator.minimum == min(samples)


class Window(RuleBasedStateMachine):
    """Any order of sending, acknowledging, losing and timing out."""

    def __init__(self) -> None:
        super().__init__()
        self.congestion = Congestion(1200)
        self.now = 0
        self.flying: list[tuple[int, int]] = []

    @rule(size=st.integers(40, 1200), srtt=st.none() | st.integers(1, 300 * MILLISECOND))
    def send(self, size: int, srtt: int | None) -> None:
        due = self.congestion.paced_until(self.now) is None
        if self.congestion.admit([size], self.now, srtt):
            assert due or srtt is None
            self.flying.append((size, self.now))
            assert self.congestion.bytes_in_flight <= self.congestion.window

    @rule(step=st.integers(0, 400 * MILLISECOND))
    def wait(self, step: int) -> None:
        self.now += step

    @precondition(lambda self: self.flying)
    @rule(limited=st.booleans())
    def acknowledged(self, limited: bool) -> None:
        before = self.congestion.window
        self.congestion.on_acknowledged(*self.flying.pop(0), limited)
        assert self.congestion.window >= before
        if not limited:
            assert self.congestion.window == before

    @precondition(lambda self: self.flying)
    @rule()
    def lost(self) -> None:
        size, sent_at = self.flying.pop(0)
        before = self.congestion.window
        self.congestion.on_lost(size)
        self.congestion.on_congestion(sent_at, self.now)
        assert self.congestion.window <= before

    @rule()
    def timeout(self) -> None:
        self.congestion.on_persistent_congestion(self.now)
        assert self.congestion.window == self.congestion.minimum_window

    @invariant()
    def holds(self) -> None:
        assert self.congestion.window >= self.congestion.minimum_window == 2400
        assert self.congestion.bytes_in_flight == sum(size for size, _ in self.flying) >= 0
        until = self.congestion.paced_until(self.now)
        assert until is None or until > self.now


TestWindow = Window.TestCase


class ManyAtOnce(RuleBasedStateMachine):
    """What is asked and told for many datagrams at once, against the same one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.at_once, self.one_by_one = Congestion(1200), Congestion(1200)
        self.now = 1000 * MILLISECOND
        self.flights: list[tuple[list[int], int]] = []

    @rule(
        sizes=st.lists(st.integers(40, 1200), max_size=30) | st.builds(lambda n: [1200] * n, st.integers(1, 70)),
        srtt=st.none() | st.integers(1, 300 * MILLISECOND),
    )
    def send(self, sizes: list[int], srtt: int | None) -> None:
        admitted = 0
        for size in sizes:
            if not self.one_by_one.admit([size], self.now, srtt):
                break
            admitted += 1
        assert self.at_once.admit(sizes, self.now, srtt) == admitted
        if admitted:
            self.flights.append((sizes[:admitted], self.now))

    @rule(step=st.integers(0, 100 * MILLISECOND) | st.integers(0, MILLISECOND))
    def wait(self, step: int) -> None:
        self.now += step

    @precondition(lambda self: self.flights)
    @rule(limited=st.booleans(), data=st.data())
    def acknowledged(self, limited: bool, data: st.DataObject) -> None:
        sizes, sent_at = self.flights.pop(data.draw(st.integers(0, len(self.flights) - 1)))
        self.at_once.on_acknowledged(sum(sizes), sent_at, limited)
        for size in sizes:
            self.one_by_one.on_acknowledged(size, sent_at, limited)

    @precondition(lambda self: self.flights)
    @rule()
    def lost(self) -> None:
        sizes, sent_at = self.flights.pop(0)
        for congestion in (self.at_once, self.one_by_one):
            congestion.on_lost(sum(sizes))
            congestion.on_congestion(sent_at, self.now)

    @rule()
    def timeout(self) -> None:
        for congestion in (self.at_once, self.one_by_one):
            congestion.on_persistent_congestion(self.now)

    @invariant()
    def agree(self) -> None:
        for name in Congestion.__slots__:
            assert getattr(self.at_once, name) == getattr(self.one_by_one, name), name


TestManyAtOnce = ManyAtOnce.TestCase
