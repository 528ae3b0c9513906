"""Does a class always see what a lesson promises? Runs every lesson many times, as its command is run, and counts.

    python tests/repeat_lessons.py                     every lesson, five times
    python tests/repeat_lessons.py --times 3 loss price    these, three times

Owns the repetition and the table. Each run is a process of its own that decides by itself whether everything was seen. One
after the other: lessons have times in them, and two beside each other would measure this machine. Exits with 1, and shows what
was said, if a run did not see everything, could not be run here, or took too long.
"""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass

from udpmsg.lessons.table import NAMES

LONGEST = 10.0
"""Seconds that a class waits for a lesson."""
PATIENCE = 60.0
"""Seconds after which a run hangs."""


@dataclass(frozen=True)
class Attempt:
    """One run of a lesson."""

    seconds: float
    failure: str | None
    """None: everything was seen, in time."""


def attempt(name: str) -> Attempt:
    """Run the lesson's command once."""
    command = [sys.executable, "-m", "udpmsg", "demo", name, "--json", "--lang", "en"]
    begun = time.monotonic()
    try:
        ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return Attempt(PATIENCE, f"it hung for {PATIENCE:g} s")
    seconds = time.monotonic() - begun
    if ended.returncode == 0:
        return Attempt(seconds, None if seconds < LONGEST else f"it took {seconds:.1f} s")
    return Attempt(seconds, f"exit code {ended.returncode}: {why(ended.stdout)}\n{ended.stdout}{ended.stderr}")


def why(output: str) -> str:
    """What was not seen, or why it could not be run, from the lesson's JSON line."""
    try:
        line = json.loads(output)
    except json.JSONDecodeError:
        return "no JSON line"
    return str(line["error"] or ", ".join(one["name"] for one in line["expectations"] if one["seen"] is False))


def main() -> int:
    """Run them round by round, so that a lesson's runs are far apart; print the table; 0 when all passed."""
    parser = argparse.ArgumentParser(description="Run lessons many times and count what was seen.")
    parser.add_argument("names", nargs="*", metavar="LESSON", help=f"which ones; without it, all: {', '.join(NAMES)}")
    parser.add_argument("--times", type=int, default=5, metavar="N", help="how often each is run (5)")
    given = parser.parse_args()
    if unknown := [name for name in given.names if name not in NAMES]:
        parser.error(f"no such lesson: {', '.join(unknown)}")
    if given.times < 1:
        parser.error("--times has to be 1 or more")
    names = given.names or NAMES
    attempts: dict[str, list[Attempt]] = {name: [] for name in names}
    begun = time.monotonic()
    for round_number in range(1, given.times + 1):
        for name in names:
            made = attempt(name)
            attempts[name].append(made)
            if made.failure is not None:
                print(f"{name}, round {round_number}: {made.failure}", file=sys.stderr, flush=True)
    width = max(map(len, names))
    print(f"{'lesson':<{width}}  passed  slowest")
    for name, runs in attempts.items():
        passed = sum(one.failure is None for one in runs)
        print(f"{name:<{width}}  {f'{passed}/{len(runs)}':>6}  {max(one.seconds for one in runs):5.1f} s")
    failed = sum(one.failure is not None for runs in attempts.values() for one in runs)
    count = given.times * len(attempts)
    print(f"lessons: {count - failed} of {count} runs saw everything, in {time.monotonic() - begun:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
