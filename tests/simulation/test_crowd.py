"""Whoever answers cookies is served, however many strangers come; a late copy is still one; nothing is left when all is quiet."""

import os

import pytest

from tests.simulation.crowd import Crowd

FIRST_SEED = int(os.environ.get("UDPMSG_SEED", "1"))
SEEDS = int(os.environ.get("UDPMSG_SEEDS", "0")) or 50


def test_strangers_without_end_cost_nobody_a_place() -> None:
    for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
        crowd = Crowd(seed)
        try:
            crowd.run()
        except AssertionError as broken:
            pytest.fail(f"seed {seed}, UDPMSG_SEED={seed} UDPMSG_SEEDS=1 replays it: {broken}", pytrace=False)
