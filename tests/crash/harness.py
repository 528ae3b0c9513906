"""What the crash tests share: messages that show whether they are whole, what was counted, and commands on a given port."""

import os
import random
import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.cli.conftest import Commands, Running
from udpmsg import Disconnected, Outcome, Sender, State, UdpmsgError

TIMES = 5 if os.environ.get("UDPMSG_NIGHTLY") == "1" else 1
"""At night every test kills so many times more."""
SEED = int(os.environ.get("UDPMSG_SEED", "1"))
ROUND = 200
"""Messages between two kills."""
AFTERMATH = 0.2
"""Seconds in which a sender takes what the listener had sent before it was killed."""
TEMPORARY = re.compile(r"^\.|(\.tmp|\.part|~)$")
"""Names of files that are not yet there."""


@dataclass
class Tally:
    """Messages, over all rounds of one test."""

    name: str
    kills: int = 0
    acknowledged: int = 0
    stored: int = 0
    lost: int = 0
    """Acknowledged, and not there."""
    cut: int = 0
    """There, and not as sent."""
    twice: int = 0

    def count(self, acknowledged: set[int], there: Iterable[str]) -> None:
        """Compare what was acknowledged with all that is there."""
        numbers = Counter(number_of(each) for each in there)
        self.cut = numbers.pop(None, 0)
        self.acknowledged = len(acknowledged)
        self.stored = len(numbers)
        self.lost = len(acknowledged - set(numbers))
        self.twice = sum(count > 1 for count in numbers.values())

    def add(self, other: "Tally") -> None:
        for each in ("kills", "acknowledged", "stored", "lost", "cut", "twice"):
            setattr(self, each, getattr(self, each) + getattr(other, each))

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.kills} kills, {self.acknowledged} acknowledged, {self.stored} stored, "
            f"{self.lost} lost, {self.cut} cut, {self.twice} twice (seed {SEED})"
        )


def text(number: int, most: int = 3000) -> str:
    """The message of this number: as long as the number says, so that one that was cut does not look whole."""
    head = f"{number:08}|"
    return head + (f"{number % 97:02}" * (most // 2))[: random.Random(number).randrange(most)] + "|"


def number_of(there: str, most: Iterable[int] = (3000, 100)) -> int | None:
    """The number of a message that is there, or None: it is not as it was sent."""
    found = re.match(r"(\d{8})\|", there)
    if found is None or all(there != text(int(found[1]), each) for each in most):
        return None
    return int(found[1])


def listen(commands: Commands, port: int, *arguments: str) -> Running:
    """A listener on that port, from when it listens."""
    running = commands.start("listen", "--port", str(port), *arguments, port=port, stdout=subprocess.DEVNULL)
    running.err.wait_for("Listening on")
    return running


def kill(running: Running) -> None:
    """`kill -9`, and wait until it is gone."""
    running.process.kill()
    running.process.wait()


class Traffic:
    """Acknowledged messages of one session, sent until so many are acknowledged, and watched for longer."""

    def __init__(self, sender: Sender, first: int) -> None:
        self._sender = sender
        self._first = first
        self.acknowledged: set[int] = set()

    def send(self) -> None:
        """Give all messages to the sender; how they end is seen later."""
        try:
            for number in range(self._first, self._first + ROUND):
                self._sender.send(text(number))
        except UdpmsgError:
            pass  # it was killed sooner

    def watch(self, *, until: int = ROUND, seconds: float = 20.0) -> None:
        """Take outcomes until so many are acknowledged, all have ended, the connection has, or the time is over."""
        end = time.monotonic() + seconds
        while len(self.acknowledged) < until and time.monotonic() < end:
            events = self._sender.poll(min(0.05, seconds))
            self.acknowledged |= {
                self._first + event.sequence - 1
                for event in events
                if isinstance(event, Outcome) and event.state is State.DELIVERED
            }
            if not self._sender.unresolved or any(isinstance(event, Disconnected) for event in events):
                break


def files(folder: Path) -> list[str]:
    """What is in the files of a folder that have their names."""
    return [file.read_text() for file in sorted(folder.iterdir()) if not TEMPORARY.search(file.name)]


def stored(commands: Commands, file: Path) -> list[dict[str, object]]:
    """The messages in a store, as `udpmsg inbox` shows them."""
    inbox = commands.start("inbox", str(file), "--json")
    assert inbox.wait() == 0
    return inbox.events("message")
