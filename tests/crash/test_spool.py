"""A sender with a spool is killed, and started again with the same command; then both ends are. Every line comes once, in order.

Which lines the sender had accepted when it was killed, nobody saw. So the store has to have a beginning of what was typed,
without a gap, that goes at least as far as what was acknowledged; the next run types what follows.
"""

import json
import random
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.conftest import PATIENCE, Commands, Running, free_port
from tests.crash.harness import ROUND, SEED, TIMES, Tally, kill, listen, number_of, stored, text

KILLS = 5 * TIMES
"""Of each of the two who read from a pipe; twice as many of who reads from a file."""
OPTIONS = ("--ack", "--json")
SHORT = 100
"""Bytes of a line at most: a round of them fits into a pipe."""
LATE = 0.03
"""Seconds after an acknowledgment within which something is killed."""


def feed(commands: Commands, port: int, spool: Path, first: int) -> Running:
    """A sender that has a round of lines to read, from this one on."""
    sender = commands.start("send", f"127.0.0.1:{port}", *OPTIONS, "--spool", str(spool), stdin=subprocess.PIPE)
    sender.type("".join(text(number, SHORT) + "\n" for number in range(first, first + ROUND)))
    return sender


def drain(commands: Commands, port: int, spool: Path) -> None:
    """The same command with nothing to read sends what is left."""
    assert commands.send(f"127.0.0.1:{port}", *OPTIONS, "--spool", str(spool)).wait() == 0


def acknowledged(sender: Running) -> int:
    """How many messages a sender that is gone had told as acknowledged; its last line may be cut."""
    lines = sender.out.finish().splitlines()
    return sum('"acknowledged"' in line and json.loads(line)["event"] == "acknowledged" for line in lines if line.endswith("}"))


def check(messages: list[dict[str, object]], tally: Tally, told: int) -> int:
    """Hold the store against what was typed and told; the number of lines that are in it."""
    numbers = [number_of(str(message["text"])) for message in messages]
    tally.count(set(range(1, told + 1)), [str(message["text"]) for message in messages])
    assert (tally.lost, tally.cut, tally.twice) == (0, 0, 0), str(tally)
    assert sorted(number for number in numbers if number) == list(range(1, len(numbers) + 1)), "a line is missing between others"
    return len(numbers)


def strike(commands: Commands, tally: Tally, lots: random.Random, sender: Running, listener: Running, store: Path) -> Running:
    """Kill one of the two or both, in any order, at any moment; the listener that is there then."""
    for victim in lots.sample([sender, listener], lots.randint(1, 2)):
        time.sleep(lots.uniform(0, LATE))
        tally.kills += 1
        kill(victim)
        if victim is listener:
            listener = listen(commands, listener.port, "--store", str(store))
    return listener


@pytest.mark.timeout(60 + 20 * KILLS)
@pytest.mark.parametrize("both", [False, True], ids=["the sender", "both"])
def test_lines_from_a_pipe(commands: Commands, tally: Tally, both: bool, tmp_path: Path) -> None:
    """Sender to spool to store: exactly once from end to end, whichever of the two is killed, and when."""
    lots = random.Random(f"{SEED} {tally.name}")
    port, spool, store = free_port(), tmp_path / "spool.db", tmp_path / "store.db"
    listener = listen(commands, port, "--store", str(store))
    there = 0
    while tally.kills < KILLS:
        sender = feed(commands, port, spool, there + 1)
        sender.out.wait_for('"acknowledged"', count=lots.randrange(1, ROUND))
        if both:
            listener = strike(commands, tally, lots, sender, listener, store)
        else:
            tally.kills += 1
        kill(sender)
        told = there + acknowledged(sender)
        drain(commands, port, spool)
        there = check(stored(commands, store), tally, told)
    assert there


@pytest.mark.timeout(60 + 20 * KILLS)
def test_the_same_command_again(commands: Commands, tally: Tally, tmp_path: Path) -> None:
    """Lines from a file: the same command goes on where it was killed, as often as that is. All lines come once."""
    lots = random.Random(f"{SEED} {tally.name}")
    port, spool, store, lines = free_port(), tmp_path / "spool.db", tmp_path / "store.db", tmp_path / "lines.txt"
    count = 16 * KILLS * ROUND  # more than is sent until the last kill: some thousand between two of them
    lines.write_text("".join(text(number, SHORT) + "\n" for number in range(1, count + 1)))
    listener = listen(commands, port, "--store", str(store))
    told = 0
    while True:
        with lines.open("rb") as file:
            sender = commands.start("send", f"127.0.0.1:{port}", *OPTIONS, "--spool", str(spool), stdin=file)
        if tally.kills >= 2 * KILLS:
            break
        sender.out.wait_for('"acknowledged"', count=lots.randrange(1, ROUND // 2))
        listener = strike(commands, tally, lots, sender, listener, store)
        kill(sender)
        told += acknowledged(sender)
    assert sender.wait(PATIENCE * TIMES) == 0  # all that is left, each line with a wait for the disk
    messages = stored(commands, store)
    assert check(messages, tally, told) == count
    assert len({message["session"] for message in messages}) == 1, "a sender that was started again took another session"
    assert all(message["sequence"] == number_of(str(message["text"])) for message in messages)
