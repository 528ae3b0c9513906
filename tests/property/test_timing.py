"""RTO within its bounds, and every congestion control within its window, above its floor and at its pace, whatever happens."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from udpmsg.core.congestion import CONTROLLERS
from udpmsg.core.retransmission import Flight
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
    """A sample is a minute at most."""
    estimator = RttEstimator(200 * MILLISECOND)
    for sample in samples:
        estimator.sample(sample)
    samples = [min(sample, MAX_RTO) for sample in samples]
    assert estimator.srtt is not None
    taken = [min(sample, MAX_RTO) for sample in samples]
    assert min(taken) - len(taken) <= estimator.srtt <= max(taken)
    assert estimator.minimum == min(taken)


class Window(RuleBasedStateMachine):
    """Any order of sending, acknowledging, losing, finding again and timing out, with each of the controllers."""

    @initialize(name=st.sampled_from(sorted(CONTROLLERS)), seed=st.integers(0, 5))
    def begin(self, name: str, seed: int) -> None:
        self.congestion = CONTROLLERS[name](1200, seed)
        self.loss_based = name != "bbr"
        self.now = 0
        self.number = 0
        self.flying: list[Flight] = []
        self.lost: list[Flight] = []

    @rule(size=st.integers(40, 1200))
    def send(self, size: int) -> None:
        congestion = self.congestion
        due = congestion.paced_until(self.now) is None
        if congestion.admit([size], self.now):
            assert due or congestion.pace is None
            self.number += 1
            self.flying.append(Flight(self.number, self.number, [size], self.now))
            congestion.on_sent(self.flying[-1], self.now)
            assert congestion.bytes_in_flight <= congestion.window
        else:
            congestion.on_application_limited()

    @rule(step=st.integers(0, 400 * MILLISECOND) | st.just(6000 * MILLISECOND))
    def wait(self, step: int) -> None:
        self.now += step

    @precondition(lambda self: self.flying)
    @rule(limited=st.booleans(), many=st.integers(1, 4))
    def acknowledged(self, limited: bool, many: int) -> None:
        before = self.congestion.window
        arrived, self.flying = self.flying[:many], self.flying[many:]
        round_trip = max(self.now - arrived[-1].sent_at, 1)
        self.congestion.on_round_trip(round_trip, round_trip, self.now)
        for flight in arrived:
            self.congestion.on_acknowledged(flight, self.now, limited)
        if self.loss_based:
            assert self.congestion.window >= before
            if not limited:
                assert self.congestion.window == before
        self.congestion.settle(self.now)

    @precondition(lambda self: self.flying)
    @rule()
    def loses(self) -> None:
        flight = self.flying.pop(0)
        before = self.congestion.window
        self.congestion.on_congestion(flight.sent_at, self.now)
        flight.episode = self.congestion.episode
        self.congestion.on_lost(flight, self.now)
        self.lost.append(flight)
        assert self.congestion.window <= before

    @precondition(lambda self: self.lost)
    @rule()
    def finds(self) -> None:
        before = self.congestion.window
        self.congestion.on_late(self.lost.pop(0), self.now)
        assert self.congestion.window >= before

    @rule()
    def timeout(self) -> None:
        self.congestion.on_persistent_congestion(self.now)
        assert self.congestion.window == self.congestion.minimum_window

    @invariant()
    def holds(self) -> None:
        if not hasattr(self, "congestion"):
            return
        assert self.congestion.window >= self.congestion.minimum_window == 2400
        assert self.congestion.bytes_in_flight == sum(flight.sizes[0] for flight in self.flying) >= 0
        assert self.congestion.pace is None or self.congestion.pace >= 1
        until = self.congestion.paced_until(self.now)
        assert until is None or until > self.now


TestWindow = Window.TestCase


class ManyAtOnce(RuleBasedStateMachine):
    """What is asked and told for many datagrams at once, against the same one after the other at that time."""

    @initialize(name=st.sampled_from(sorted(CONTROLLERS)))
    def begin(self, name: str) -> None:
        self.at_once, self.one_by_one = CONTROLLERS[name](1200, 1), CONTROLLERS[name](1200, 1)
        self.now = 1000 * MILLISECOND
        self.number = 0
        self.flights: list[tuple[Flight, list[Flight]]] = []

    @rule(sizes=st.lists(st.integers(40, 1200), min_size=1, max_size=30) | st.builds(lambda n: [1200] * n, st.integers(1, 70)))
    def send(self, sizes: list[int]) -> None:
        singles: list[Flight] = []
        for size in sizes:
            if not self.one_by_one.admit([size], self.now):
                break
            number = self.number + len(singles) + 1
            singles.append(Flight(number, number, [size], self.now))
            self.one_by_one.on_sent(singles[-1], self.now)
        admitted = len(singles)
        assert self.at_once.admit(sizes, self.now) == admitted
        if admitted:
            whole = Flight(self.number + 1, self.number + 1, sizes[:admitted], self.now)
            self.at_once.on_sent(whole, self.now)
            self.flights.append((whole, singles))
            self.number += admitted

    @rule(step=st.integers(0, 100 * MILLISECOND) | st.integers(0, MILLISECOND))
    def wait(self, step: int) -> None:
        self.now += step

    @rule()
    def nothing_to_send(self) -> None:
        for congestion in (self.at_once, self.one_by_one):
            congestion.on_application_limited()

    @precondition(lambda self: self.flights)
    @rule(limited=st.booleans(), cut=st.integers(0, 69), data=st.data())
    def acknowledged(self, limited: bool, cut: int, data: st.DataObject) -> None:
        """A flight, or what is left of it from one datagram on."""
        whole, singles = self.flights.pop(data.draw(st.integers(0, len(self.flights) - 1)))
        cut = min(cut, len(singles) - 1)
        arrived = whole.part(whole.first + cut, whole.last)
        if cut:
            self.flights.append((whole.part(whole.first, whole.first + cut - 1), singles[:cut]))
        for congestion in (self.at_once, self.one_by_one):
            congestion.on_round_trip(self.now - whole.sent_at, self.now - whole.sent_at, self.now)
        self.at_once.on_acknowledged(arrived, self.now, limited)
        for single in singles[cut:]:
            self.one_by_one.on_acknowledged(single, self.now, limited)
        for congestion in (self.at_once, self.one_by_one):
            congestion.settle(self.now)

    @precondition(lambda self: self.flights)
    @rule()
    def lost(self) -> None:
        whole, singles = self.flights.pop(0)
        parts = [whole.part(single.first, single.first) for single in singles]
        for congestion, flights in ((self.at_once, parts), (self.one_by_one, singles)):
            congestion.on_congestion(whole.sent_at, self.now)
            for flight in flights:
                congestion.on_lost(flight, self.now)

    @rule()
    def timeout(self) -> None:
        for congestion in (self.at_once, self.one_by_one):
            congestion.on_persistent_congestion(self.now)

    @invariant()
    def agree(self) -> None:
        if hasattr(self, "at_once"):
            assert everything(self.at_once) == everything(self.one_by_one)


def everything(thing: object) -> object:
    """What an object of ours has in its slots, and what the objects in them have."""
    names = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    if not names or not type(thing).__module__.startswith("udpmsg"):
        return thing
    return {name: everything(getattr(thing, name)) for name in names}


TestManyAtOnce = ManyAtOnce.TestCase
