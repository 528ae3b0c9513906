"""Replays one run and prints all that happened: `python -m tests.simulation.replay SCENARIO SEED [MESSAGES]`."""

import sys
from dataclasses import replace

from tests.simulation.scenarios import SCENARIOS
from tests.simulation.world import Broken, World


def main(arguments: list[str]) -> int:
    """0: the run kept every promise; 1: it broke one; 2: usage."""
    if len(arguments) not in (2, 3) or arguments[0] not in SCENARIOS or not arguments[1].lstrip("-").isdigit():
        print("usage: python -m tests.simulation.replay SCENARIO SEED [MESSAGES]", file=sys.stderr)
        for name, scenario in SCENARIOS.items():
            print(f"  {name:36} {scenario.about}", file=sys.stderr)
        return 2
    scenario = SCENARIOS[arguments[0]]
    if len(arguments) == 3:
        scenario = replace(scenario, messages=int(arguments[2]))
    world = World(scenario, int(arguments[1]), tell=print)
    try:
        trace = world.run()
    except Broken as broken:
        print(f"{(world.now - world.start) / 1e9:12.6f}  BROKEN: {broken}")
        return 1
    print(f"{(world.now - world.start) / 1e9:12.6f}  every promise kept, trace {trace:#x}, {world.steps} steps")
    for ledger in world.ledgers:
        print(f"{'':14}session {ledger.session}: {len(ledger.payloads)} accepted, {ledger.outcomes}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
