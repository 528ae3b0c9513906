"""A listener is killed under acknowledged traffic, and started again on its folder or store: nothing acknowledged is gone."""

import random
from pathlib import Path

import pytest

from tests.cli.conftest import Commands, free_port
from tests.crash.harness import AFTERMATH, ROUND, SEED, TIMES, Tally, Traffic, files, kill, listen, stored
from udpmsg import Sender

KILLS = 20 * TIMES


def kill_again_and_again(commands: Commands, tally: Tally, transport: str, over: list[str], *keep: str) -> set[int]:
    """Send to a listener that keeps what comes, kill it after some acknowledgments, start it again; what was acknowledged in all.

    Over UDP the sender goes on when the listener is there again, so what was stored and not acknowledged comes once more.
    """
    lots = random.Random(f"{SEED} {tally.name}")
    port, acknowledged = free_port(), set[int]()
    listener = listen(commands, port, *over, *keep)
    for turn in range(KILLS):
        sender = Sender("127.0.0.1", port, transport=transport, acknowledged=True, max_transmissions=20, deadline=20.0)
        traffic = Traffic(sender, turn * ROUND + 1)
        traffic.send()
        traffic.watch(until=lots.randrange(ROUND))
        kill(listener)
        tally.kills += 1
        traffic.watch(seconds=AFTERMATH)
        listener = listen(commands, port, *over, *keep)
        if transport == "udp":
            traffic.watch()
        sender.close(wait=False)
        acknowledged |= traffic.acknowledged
    kill(listener)
    return acknowledged


@pytest.mark.timeout(60 + 10 * KILLS)
def test_save(commands: Commands, tally: Tally, transport: str, over: list[str], tmp_path: Path) -> None:
    """Each acknowledged message is a whole file under its name. One may be there twice: nobody remembers whose it was."""
    acknowledged = kill_again_and_again(commands, tally, transport, over, "--save", str(tmp_path))
    tally.count(acknowledged, files(tmp_path))
    assert acknowledged
    assert (tally.lost, tally.cut) == (0, 0), str(tally)


@pytest.mark.timeout(60 + 10 * KILLS)
def test_store(commands: Commands, tally: Tally, transport: str, over: list[str], tmp_path: Path) -> None:
    """Each acknowledged message is in the store, and none is there twice, whether it came again after the restart or not."""
    file = tmp_path / "messages.db"
    acknowledged = kill_again_and_again(commands, tally, transport, over, "--store", str(file))
    tally.count(acknowledged, [str(message["text"]) for message in stored(commands, file)])
    assert acknowledged
    assert (tally.lost, tally.cut, tally.twice) == (0, 0, 0), str(tally)
