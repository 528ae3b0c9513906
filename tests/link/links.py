"""Links of every sort, for property tests: whatever options and scenario files can say."""

from hypothesis import strategies as st

from udpmsg.link.faults import Action, Burst, Later, Link, Path, Police, Scripted
from udpmsg.link.presets import PRESETS
from udpmsg.link.record import Direction, FrameKind
from udpmsg.link.script import fault_text, parse_fault

MONTH = 30 * 86400 * 10**9
shares = st.floats(0, 1)


@st.composite
def bursts(draw: st.DrawFn) -> Burst:
    leave = draw(st.floats(0.001, 1))
    enter = draw(st.floats(0, 1 - leave))
    return Burst(enter, leave, draw(shares), draw(shares))


polices = st.builds(Police, rate=st.integers(1, 10**13), burst=st.integers(1_514, 2**40))


def later(values: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[Later, ...]]:
    """Changes, in the order of time."""
    times = st.lists(st.integers(1, MONTH), max_size=3, unique=True).map(sorted)
    return times.flatmap(lambda rising: st.tuples(*(st.builds(Later, st.just(at), values) for at in rising)))


@st.composite
def paths(draw: st.DrawFn) -> Path:
    delay = draw(st.integers(0, MONTH))
    rate = draw(st.none() | st.integers(1, 10**13))
    mtu = draw(st.none() | st.integers(68, 65_535))
    return Path(
        delay=delay,
        later_delays=draw(later(st.integers(delay, 2 * MONTH))),
        jitter=draw(st.integers(0, delay)),
        loss=draw(shares),
        burst=draw(st.none() | bursts()),
        duplicate=draw(shares),
        reorder=draw(shares),
        reorder_by=draw(st.integers(0, MONTH)),
        corrupt=draw(shares),
        rate=rate,
        later_rates=() if rate is None else draw(later(st.integers(1, 10**13))),
        police=draw(st.none() | polices),
        queue=None if rate is None else draw(st.none() | st.integers(0, 10**9)),
        mtu=mtu,
        silent=mtu is not None and draw(st.booleans()),
    )


@st.composite
def faults(draw: st.DrawFn) -> Scripted:
    """Without the text that a user wrote."""
    action = draw(st.sampled_from(Action))
    return Scripted(
        action,
        draw(st.sampled_from(FrameKind)),
        draw(st.integers(1, 10**15 - 1)),
        draw(st.integers(1, 2**32 - 1)),
        draw(st.sampled_from(Direction)),
        draw(st.integers(1, MONTH)) if action is Action.DELAY else 0,
    )


written_faults = faults().map(fault_text).map(parse_fault)

links = st.builds(
    Link,
    forward=paths(),
    back=paths(),
    script=st.lists(written_faults, max_size=4).map(tuple),
    name=st.none() | st.sampled_from([name for name in PRESETS if name != "none"]),
)
