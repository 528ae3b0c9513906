"""Who decides a fate: the page's test vectors, rates, independence, and bursts as long as they should be.

Statistics here are over fixed seeds, so they pass or fail alike everywhere; the seed is in the failure's message.
"""

import random
import re
from collections.abc import Iterable
from math import sqrt
from pathlib import Path as FilePath
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.link.links import bursts, paths
from udpmsg.link.faults import BLOCK, Burst, Fate, Path, decide, draws, in_burst, share_of
from udpmsg.link.record import Direction, Drop, FrameKind, Identity
from udpmsg.link.way import Way

FORWARD, BACK = Direction.FORWARD, Direction.BACK
DATA, ACK, CONTROL = FrameKind.DATA, FrameKind.ACK, FrameKind.CONTROL
PAGE = (FilePath(__file__).parents[2] / "docs" / "link.md").read_text(encoding="utf-8")
MS = 1_000_000
MANY = 20_000

seeds = st.integers(0, 2**64 - 1)
identities = st.builds(
    Identity,
    st.sampled_from(Direction),
    st.sampled_from(FrameKind),
    st.integers(1, 2**64 - 1),
    st.integers(1, 2**32 - 1),
    st.integers(0, 2**32 - 1),
)


# What the page says ------------------------------------------------------------------------------------------------------


def vectors(heading: str) -> list[tuple[int, Identity, list[str]]]:
    """The rows of a table of test vectors: seed, identity, and the other cells."""
    table = PAGE.partition(f"\n### Test vectors: {heading}\n")[2].partition("\n## ")[0].partition("\n###")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if re.match(r"\| \d", line)]
    return [
        (int(seed), Identity(Direction[way.upper()], FrameKind(kind), int(index), int(transmission), int(part)), rest)
        for seed, way, kind, index, transmission, part, *rest in rows
    ]


def test_the_draws_are_those_of_the_page() -> None:
    table = vectors("draws")
    assert len(table) >= 6
    for seed, identity, (cell,) in table:
        assert [f"`{draw:016x}`" for draw in draws(seed, identity)] == cell.split()


def test_the_fates_are_those_of_the_page() -> None:
    path = Path(20 * MS, 5 * MS, 0.05, Burst(0.01, 0.25), duplicate=0.02, reorder=0.02, corrupt=0.02)
    table = vectors("fates")
    for seed, identity, cells in table:
        fate = decide(seed, identity, path)
        yes = ("no", "yes")
        bit = "no" if fate.corrupt_bit is None else f"`{fate.corrupt_bit:016x}`"
        assert cells == [fate.dropped or "no", yes[fate.duplicate], yes[fate.reordered], str(fate.delay), bit]
    said = [cells for *_, cells in table]
    assert {cells[0] for cells in said} == {"no", "loss", "burst"}
    assert all(any(cells[column] != "no" for cells in said) for column in (1, 2, 4))


def test_the_block_is_the_page_s() -> None:
    letters = {"u8": "B", "u32": "I", "u64": "Q"}
    fields = re.search(r"^block  = (.*?)  +big-endian, (\d+) bytes", PAGE, re.MULTILINE)
    assert fields is not None
    assert ">" + "".join(letters[field.split()[1]] for field in fields[1].split(" | ")) == BLOCK.format
    assert int(fields[2]) == BLOCK.size


# A function of seed and identity, and of nothing else --------------------------------------------------------------------


@settings(deadline=None)
@given(seeds, identities, paths())
def test_the_same_seed_and_identity_have_the_same_fate(seed: int, identity: Identity, path: Path) -> None:
    again = Identity(identity.direction, identity.kind, identity.index, identity.transmission, identity.part)
    assert draws(seed, identity) == draws(seed, again)
    if path.burst is None or path.burst.enter + path.burst.leave > 0.01:
        assert decide(seed, identity, path) == decide(seed, again, path)


@settings(deadline=None)
@given(seeds, identities, st.integers(0, 2**64 - 1))
def test_every_field_of_the_identity_counts(seed: int, identity: Identity, other_seed: int) -> None:
    others = [
        Identity(1 - identity.direction, identity.kind, identity.index, identity.transmission, identity.part),
        *(
            Identity(identity.direction, kind, identity.index, identity.transmission, identity.part)
            for kind in FrameKind
            if kind is not identity.kind
        ),
        Identity(identity.direction, identity.kind, identity.index ^ 1, identity.transmission, identity.part),
        Identity(identity.direction, identity.kind, identity.index, identity.transmission ^ 1, identity.part),
        Identity(identity.direction, identity.kind, identity.index, identity.transmission, identity.part ^ 1),
    ]
    drawn = draws(seed, identity)
    assert all(draws(seed, other) != drawn for other in others)
    if other_seed != seed:
        assert draws(other_seed, identity) != drawn


PATH = Path(20 * MS, 5 * MS, 0.05, Burst(0.02, 0.3), duplicate=0.05, reorder=0.05, corrupt=0.05)


@settings(deadline=None, max_examples=30)
@given(seeds, st.lists(st.tuples(st.integers(1, 60), st.integers(1, 3)), unique=True, max_size=40), st.randoms())
def test_the_order_in_which_fates_are_asked_changes_none(seed: int, asked: list[tuple[int, int]], lots: random.Random) -> None:
    wanted = [Identity(FORWARD, DATA, index, transmission) for index, transmission in asked]
    first = {identity: decide(seed, identity, PATH) for identity in wanted}
    lots.shuffle(wanted)
    assert {identity: decide(seed, identity, PATH) for identity in wanted} == first


@settings(deadline=None, max_examples=30)
@given(seeds, st.lists(st.integers(0, 50 * MS), min_size=1, max_size=40), st.lists(st.integers(60, 1500), min_size=40))
def test_neither_timing_nor_size_nor_neighbours_change_what_is_lost(seed: int, gaps: list[int], sizes: list[int]) -> None:
    """One mode sends small datagrams at leisure, another coalesced segments among acknowledgments: the data's fates agree."""

    def lost(way: Way, crowd: bool, gaps: list[int]) -> list[tuple[Drop | None, int | None]]:
        now, found = 0, []
        for index, gap in enumerate(gaps, 1):
            now += gap
            if crowd:
                way.enter(Identity(FORWARD, ACK, index), 54, now=now)
                way.enter(Identity(FORWARD, CONTROL, index), 74, now=now)
            passage = way.enter(Identity(FORWARD, DATA, index), sizes[index % len(sizes)] if crowd else 182, now=now)
            found.append((passage.dropped, passage.corrupt_bit))
        return found

    calm = lost(Way(PATH, direction=FORWARD, seed=seed), False, [20 * MS] * len(gaps))
    assert lost(Way(PATH, direction=FORWARD, seed=seed), True, gaps) == calm


@settings(deadline=None)
@given(seeds, identities)
def test_a_share_of_nothing_never_is_and_a_share_of_all_always_is(seed: int, identity: Identity) -> None:
    assert decide(seed, identity, Path()) == Fate()
    fate = decide(seed, identity, Path(loss=1, duplicate=1, reorder=1, corrupt=1))
    assert (fate.dropped, fate.duplicate, fate.reordered, fate.corrupt_bit) == (Drop.LOSS, True, True, draws(seed, identity)[7])
    assert decide(seed, identity, Path(burst=Burst(0, 1, loss_good=1))).dropped is Drop.BURST


@given(st.integers(0, 2**64 - 1))
def test_the_share_of_a_draw_is_below_one(draw: int) -> None:
    assert 0 <= share_of(draw) <= draw / 2**64
    assert share_of(draw) < 1


def test_the_highest_draw_is_below_one() -> None:
    """As a double 2^64 - 1 is 2^64: without the cut a loss of 100 % would let one frame in 2^54 pass."""
    assert share_of(2**64 - 1) == 1 - 2**-53


# Rates -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("seed", [1, 2, 2026])
def test_what_happens_is_as_frequent_as_was_asked_for(seed: int, rate: float) -> None:
    """Within three standard deviations over 20,000 frames; each of the four is drawn by itself."""
    check_rates([seed], rate)


def test_what_is_rare_is_as_rare_as_was_asked_for() -> None:
    """One in a thousand, over ten seeds: of 20,000 frames it is 20, whose distribution is too skewed for three deviations."""
    check_rates(range(1, 11), 0.001)


def check_rates(seeds: Iterable[int], rate: float) -> None:
    path = Path(loss=rate, duplicate=rate, reorder=rate, corrupt=rate)
    fates = [decide(seed, Identity(FORWARD, DATA, index), path) for seed in seeds for index in range(1, MANY + 1)]
    happened = {
        "lost": sum(fate.dropped is not None for fate in fates),
        "doubled": sum(fate.duplicate for fate in fates),
        "held back": sum(fate.reordered for fate in fates),
        "corrupt": sum(fate.corrupt_bit is not None for fate in fates),
    }
    deviation = sqrt(len(fates) * rate * (1 - rate))
    for name, count in happened.items():
        assert abs(count - len(fates) * rate) <= 3 * deviation, f"{name}: {count} of {len(fates)} at {rate}, seeds {seeds}"


@pytest.mark.parametrize("seed", [1, 2, 2026])
def test_jitter_is_even_between_its_bounds(seed: int) -> None:
    path = Path(delay=20 * MS, jitter=5 * MS)
    delays = [decide(seed, Identity(FORWARD, DATA, index), path).delay for index in range(1, MANY + 1)]
    assert 15 * MS <= min(delays) < 15.01 * MS
    assert 24.99 * MS < max(delays) <= 25 * MS
    assert abs(mean(delays) - 20 * MS) <= 3 * 10 * MS / sqrt(12 * MANY), f"seed {seed}"
    for quarter in range(4):
        inside = sum(15 * MS + quarter * 2.5 * MS <= delay < 15 * MS + (quarter + 1) * 2.5 * MS for delay in delays)
        assert abs(inside - MANY / 4) <= 3 * sqrt(MANY * 0.25 * 0.75), f"quarter {quarter}, seed {seed}"


def correlation(first: list[bool], second: list[bool]) -> float:
    """Pearson's, of two lists of yes and no. Of independent ones it is 0, give or take 1 / sqrt(n)."""
    p, q = mean(first), mean(second)
    both = mean(a and b for a, b in zip(first, second, strict=True))
    return (both - p * q) / sqrt(p * (1 - p) * q * (1 - q))


@pytest.mark.parametrize("seed", [1, 2, 2026])
def test_directions_kinds_transmissions_parts_and_seeds_know_nothing_of_each_other(seed: int) -> None:
    path = Path(loss=0.3, duplicate=0.3)

    def lost(
        direction: Direction = FORWARD, kind: FrameKind = DATA, sent: int = 1, part: int = 0, seed: int = seed
    ) -> list[bool]:
        indices = range(1, MANY + 1)
        return [decide(seed, Identity(direction, kind, index, sent, part), path).dropped is not None for index in indices]

    base = lost()
    others = {
        "back": lost(direction=BACK),
        "ack": lost(kind=ACK),
        "control": lost(kind=CONTROL),
        "second transmission": lost(sent=2),
        "second part": lost(part=1),
        "next seed": lost(seed=seed + 1),
        "next frame": [*base[1:], base[0]],
        "doubled": [decide(seed, Identity(FORWARD, DATA, index), path).duplicate for index in range(1, MANY + 1)],
    }
    for name, other in others.items():
        assert abs(correlation(base, other)) <= 3.5 / sqrt(MANY), f"{name}, seed {seed}"


# Bursts ------------------------------------------------------------------------------------------------------------------


def states(seed: int, burst: Burst, count: int, **fields: int) -> list[bool]:
    """Whether each of the first frames is in the bad state: the chain walked forward, from its start, by the same draws."""
    share = share_of(draws(seed, Identity(FORWARD, DATA, 0, **fields))[1])
    bad = share * (burst.enter + burst.leave) < burst.enter
    walked = []
    for index in range(1, count + 1):
        share = share_of(draws(seed, Identity(FORWARD, DATA, index, **fields))[1])
        bad = share < 1 - burst.leave if bad else share < burst.enter
        walked.append(bad)
    return walked


@settings(deadline=None, max_examples=60)
@given(seeds, bursts(), st.integers(1, 3), st.integers(0, 2))
def test_looking_back_finds_the_state_that_walking_forward_reaches(seed: int, burst: Burst, sent: int, part: int) -> None:
    fields = {"transmission": sent, "part": part}
    asked = [in_burst(seed, Identity(FORWARD, DATA, index, **fields), burst) for index in range(1, 81)]
    # where enter + leave is 1 but for rounding, a share between 1 - leave and enter is both; then `enter` counts first
    if burst.enter <= 1 - burst.leave:
        assert asked == states(seed, burst, 80, **fields)


@pytest.mark.parametrize("burst", [Burst(0.01, 0.25), Burst(0.05, 0.5), Burst(0.002, 0.1), Burst(0.5, 0.5)], ids=str)
@pytest.mark.parametrize("seed", [1, 2, 2026])
def test_bursts_are_as_long_and_as_frequent_as_the_formulas_say(seed: int, burst: Burst) -> None:
    """Mean length 1 / leave, geometric; share of bad frames enter / (enter + leave), of a chain that remembers. To 3 sigma."""
    walked = states(seed, burst, 100_000)
    runs = "".join("x" if bad else " " for bad in walked).split()
    wanted = 1 / burst.leave
    deviation = sqrt((1 - burst.leave) / burst.leave**2 / len(runs))
    assert abs(mean(map(len, runs)) - wanted) <= 3 * deviation, f"{len(runs)} bursts of {mean(map(len, runs))}, seed {seed}"
    bad = burst.enter / (burst.enter + burst.leave)
    memory = 1 - burst.enter - burst.leave
    deviation = sqrt(bad * (1 - bad) / len(walked) * (1 + memory) / (1 - memory))
    assert abs(mean(walked) - bad) <= 3 * deviation, f"{mean(walked)} instead of {bad}, seed {seed}"


@pytest.mark.parametrize("seed", [1, 2, 2026])
def test_each_state_has_its_own_loss(seed: int) -> None:
    burst = Burst(0.02, 0.2, loss_bad=0.7, loss_good=0.01)
    path = Path(burst=burst)
    inside, outside = [], []
    for index in range(1, MANY + 1):
        identity = Identity(FORWARD, DATA, index)
        fate = decide(seed, identity, path)
        assert fate.dropped in (None, Drop.BURST)
        (inside if in_burst(seed, identity, burst) else outside).append(fate.dropped is not None)
    for lost, rate in ((inside, 0.7), (outside, 0.01)):
        assert abs(mean(lost) - rate) <= 3 * sqrt(rate * (1 - rate) / len(lost)), f"seed {seed}"


def test_a_loss_and_a_burst_together_lose_what_either_loses() -> None:
    both, loss = Path(loss=0.1, burst=Burst(0.02, 0.2)), Path(loss=0.1)
    for index in range(1, 2001):
        identity = Identity(FORWARD, DATA, index)
        fate = decide(5, identity, both).dropped
        if decide(5, identity, loss).dropped:
            assert fate is Drop.LOSS
        else:
            assert (fate is Drop.BURST) == in_burst(5, identity, Burst(0.02, 0.2))


def test_a_chain_without_a_way_in_has_no_burst() -> None:
    assert not any(in_burst(1, Identity(FORWARD, DATA, index), Burst(0, 0.2)) for index in range(1, 200))
