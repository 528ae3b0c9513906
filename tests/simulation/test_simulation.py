"""Fifty seeds of every scenario of the list, fewer of their combinations, 500 messages each.

A failure prints its scenario, its seed and the command that replays it.

UDPMSG_SEED sets the first seed (default 1): the same seeds every time unless somebody asks for others.
UDPMSG_SEEDS sets how many, for a long run.
"""

import os

import pytest

from tests.simulation.scenarios import COMBINATIONS, SCENARIOS
from tests.simulation.world import Scenario, World

FIRST_SEED = int(os.environ.get("UDPMSG_SEED", "1"))
SEEDS = int(os.environ.get("UDPMSG_SEEDS", "0"))


def run(scenario: Scenario, seed: int) -> World:
    """One finished run; whatever breaks it is told with its scenario, its seed and the command that replays it."""
    world = World(scenario, seed)
    try:
        world.run()
    except Exception as error:
        after = (world.now - world.start) / 1e9
        pytest.fail(
            f"{scenario.name} ({scenario.about}), seed {seed}, after {after:.6f} s: {type(error).__name__}: {error}\n"
            f"replay: python -m tests.simulation.replay {scenario.name} {seed}",
            pytrace=not isinstance(error, AssertionError),
        )
    return world


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_promise_is_kept(name: str) -> None:
    scenario = SCENARIOS[name]
    seeds = range(FIRST_SEED, FIRST_SEED + (SEEDS or scenario.seeds))
    traces = set()
    share = 0.0
    for seed in seeds:
        world = run(scenario, seed)
        traces.add(world.trace)
        share += world.delivered_share / len(seeds)
    assert len(traces) == len(seeds), f"{name}: different seeds gave the same trace"
    assert share >= scenario.delivered_on_average - 1e-9, f"{name}: {share:.3f} delivered, from seed {FIRST_SEED} on"
    assert run(scenario, FIRST_SEED).trace in traces, f"{name}: seed {FIRST_SEED} gave two different traces"


def test_the_list_is_covered() -> None:
    """500 messages each, and fifty seeds for all but the combinations: nobody makes it quicker by testing less."""
    assert all(scenario.messages >= 500 for scenario in SCENARIOS.values())
    assert all(scenario.seeds >= 50 or scenario.name in COMBINATIONS for scenario in SCENARIOS.values())
