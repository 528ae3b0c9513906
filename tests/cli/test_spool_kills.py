"""`kill -9` of `send --spool` at random moments: what it accepted is delivered, once, in one session without a gap.

The listener lives on. KILLS says how often; `KILLS=500 pytest tests/cli/test_spool_kills.py -s` prints what was counted.
"""

import os
import sqlite3
import subprocess
from pathlib import Path
from random import Random

import pytest

from tests.cli.conftest import Commands, Running

KILLS = int(os.environ.get("KILLS", "20"))
SEED = int(os.environ.get("SEED", "7"))
LINES_FOR_EACH = 60
"""More than are confirmed, on average, before the kill comes: so that there is something to do for each life."""
RATE = "500/s"
"""Without a pace the first life accepts all lines at once. tests/crash/test_spool.py has it so."""


def accepted(spool: Path) -> int:
    """The last sequence number that the file says was given; 0 where there is none yet."""
    if not spool.exists():
        return 0
    connection = sqlite3.connect(spool)
    try:
        row = connection.execute("SELECT accepted FROM session").fetchone()
    except sqlite3.OperationalError:  # killed before the tables were there
        row = None
    finally:
        connection.close()
    return int(row[0]) if row else 0


def kill(life: int, sender: Running, random: Random) -> None:
    """After a random number of confirmations, or, every third time, after a random time, which hits the start and the moments
    between.
    """
    if life % 3 < 2:
        try:
            sender.out.wait_for('"acknowledged"', random.randint(1, LINES_FOR_EACH))
        except AssertionError:  # it ended before: not so many were left
            assert sender.process.wait() == 0
    else:
        try:
            sender.process.wait(timeout=random.uniform(0.0, 0.6))
        except subprocess.TimeoutExpired:
            pass
    sender.process.kill()
    sender.process.wait()


@pytest.mark.timeout(60 + 10 * KILLS)
@pytest.mark.parametrize("content", ["lines", "count"])
def test_what_was_accepted_is_delivered_once(commands: Commands, over: list[str], tmp_path: Path, content: str) -> None:
    random = Random(SEED)
    spool, path = tmp_path / "my.spool", tmp_path / "lines.txt"
    kills = KILLS if content == "lines" and not over else max(KILLS // 4, 1)
    number = kills * LINES_FOR_EACH + 500
    lines = [f"line {line} " + "x" * random.choice((0, 50, 500, 3000)) for line in range(1, number + 1)]
    path.write_text("\n".join(lines) + "\n")
    listener = commands.listen(*over)
    command = ["send", listener.address, "--ack", "--json", "--spool", str(spool), "--rate", RATE, *over]
    command += ["--count", str(number), "the same"] if content == "count" else []

    def start() -> Running:
        with path.open("rb") as file:
            return commands.start(*command, stdin=file)

    before, worked = 0, 0
    confirmed: set[int] = set()
    for life in range(kills):
        if before == number:  # a quick machine has everything accepted by now
            break
        sender = start()
        kill(life, sender, random)
        sender.out.finish()
        whole = [line for line in sender.out.lines if line.endswith("}")]
        told = {int(line.split('"sequence": ')[1].split(",")[0]) for line in whole if '"event": "acknowledged"' in line}
        confirmed |= told
        now = accepted(spool)
        assert now >= before
        assert now >= max(confirmed, default=0)
        worked += bool(told) or before < now
        before = now
    last = start()
    assert last.process.wait(60 + KILLS) == 0, last.err.finish()
    listener.out.wait_for('"goodbye"')
    messages = sorted(listener.events("message"), key=lambda message: message["sequence"])
    duplicates = len(listener.events("duplicate"))
    print(f"\n{kills} kills, {worked} lives that accepted or confirmed something: {before} accepted by then, {number} in all, "
          f"{len(messages)} delivered, {duplicates} suppressed")  # fmt: skip
    assert [message["sequence"] for message in messages] == list(range(1, number + 1))
    assert len({message["session"] for message in messages}) == 1
    assert [message["text"] for message in messages] == (lines if content == "lines" else ["the same"] * number)
    (goodbye,) = listener.events("goodbye")
    assert (goodbye["messages_sent"], goodbye["messages_lost"]) == (number, 0)
    assert worked > kills // 2 or before == number
