"""Fifty seeds of every scenario, 500 messages each; a failure prints its seed and the command that replays it.

UDPMSG_SEED sets the first seed (default 1): the same seeds every time unless somebody asks for others.
"""

import os

import pytest

from tests.simulation.scenarios import SCENARIOS
from tests.simulation.world import Scenario, World

FIRST_SEED = int(os.environ.get("UDPMSG_SEED", "1"))
SEEDS = 50


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
    traces = set()
    share = 0.0
    for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
        world = run(scenario, seed)
        traces.add(world.trace)
        share += world.delivered_share / SEEDS
    assert len(traces) == SEEDS, f"{name}: different seeds gave the same trace"
    assert share >= scenario.delivered_on_average - 1e-9, f"{name}: {share:.3f} delivered, from seed {FIRST_SEED} on"
    assert run(scenario, FIRST_SEED).trace in traces, f"{name}: seed {FIRST_SEED} gave two different traces"


def test_the_issue_is_covered() -> None:
    """500 messages each, and at least fifty seeds: nobody makes it quicker by testing less."""
    assert SEEDS >= 50
    assert all(scenario.messages >= 500 for scenario in SCENARIOS.values())
