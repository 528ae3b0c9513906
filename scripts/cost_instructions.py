"""What a start of udpmsg and one message's way cost, in time, and where valgrind is, in instructions. Measures; prints nothing.

Each program runs as it is, for the time, and once more under valgrind's cachegrind, which counts the instructions that its
processor is given (those of the kernel are not among them). One message's way is the difference between two runs of the same
program, one with more messages than the other.
"""

import os
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import sysconfig
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

COMMAND = str(Path(sysconfig.get_path("scripts")) / "udpmsg")
PATIENCE = 300.0
"""Seconds that one program may take before the bench gives up on it."""
SEND = "`udpmsg send` of one message"
MOST_STARTS = 6.0
"""A `udpmsg send` may take so many times what `python -c pass` takes (docs/decisions/0008)."""
COUNTED = re.compile(rb"I\s+refs:\s+([\d,]+)")
MESSAGES = (200, 1200)
"""What one message costs is seen between so many and so many, under valgrind."""
MESSAGES_TIMED = (1000, 21_000)
"""The same for the time."""


class Cost(NamedTuple):
    """What a program, or a message, costs. None: not known."""

    seconds: float
    """Of a program, from its start to its end; of a message, CPU time, user and system."""
    instructions: int | None


def has_valgrind() -> bool:
    """Whether instructions can be counted here."""
    return shutil.which("valgrind") is not None


def starts(runs: int) -> dict[str, Cost]:
    """Whole programs, each started so many times, taking turns; times are medians."""
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))  # somebody is there, so no refusal comes
        programs: dict[str, Sequence[str]] = {
            "`python -c pass`": [sys.executable, "-c", "pass"],
            "`import udpmsg`": [sys.executable, "-c", "import udpmsg"],
            "`from udpmsg import Sender`": [sys.executable, "-c", "from udpmsg import Sender"],
            "`import typer`": [sys.executable, "-c", "import typer"],
            SEND: [COMMAND, "send", f"127.0.0.1:{silent.getsockname()[1]}", "hello"],
        }
        times: dict[str, list[float]] = {name: [] for name in programs}
        for turn in range(runs + 1):
            for name, program in programs.items():
                begun = time.perf_counter()
                _run(program)
                if turn:  # the first turn fills the disk cache and the compiled files
                    times[name].append(time.perf_counter() - begun)
        return {name: Cost(statistics.median(times[name]), _instructions(program)) for name, program in programs.items()}


WAY = """\
import gc, sys
from udpmsg.core.config import SenderConfig
from udpmsg.core.receiver import Receiver
from udpmsg.core.sender import Sender
count, batch, acknowledged = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "acknowledged"
now = 10**9
payload = bytes(1144)
sender = Sender(SenderConfig(acknowledged=acknowledged, jitter=0.0), session=7 << 32, now=now)
receiver = Receiver(session=9 << 32, now=now)
gc.disable()
left = count
while left or sender.unresolved:
    if left and not sender.unresolved:
        sender.send([payload] * min(batch, left), now=now)
        left -= min(batch, left)
    left_now = sender.data_to_send(now=now)
    if not left_now:
        now = max(now, sender.next_timeout())
        sender.handle_timeout(now=now)
        continue
    now += 50_000
    receiver.receive(left_now, now=now, peer="peer")
    receiver.events()
    receiver.commit()
    if acknowledged:
        receiver.flush(now=now)
        now += 50_000
        sender.receive([data for data, _ in receiver.data_to_send(now=now)], now=now)
        sender.events()
assert receiver.totals().messages_delivered == count
"""
"""One message's way through both cores: encoded, decoded, handed over, and if it is acknowledged, all the way back."""

SOCKETS = """\
import gc, sys
from udpmsg import Message, Receiver, Sender
count, batch, acknowledged = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "acknowledged"
payload = bytes(1144)
with Receiver(port=0) as receiver:
    with Sender("127.0.0.1", receiver.endpoints[0].port, acknowledged=acknowledged) as sender:
        gc.disable()
        left = count
        while left:
            sender.send_many([payload] * min(batch, left))
            awaited = min(batch, left)
            while awaited or sender.unresolved:
                came = sum(isinstance(event, Message) for event in receiver.poll(0))
                awaited -= came
                left -= came
                sender.poll(0 if came else 0.001)  # what credit or pace held back leaves
        receiver.poll(0)
        sender.close(wait=False)
"""
"""The same through the public classes and two real sockets in one process."""

WAYS = {"core to core": WAY, "through two sockets": SOCKETS}


def message(program: str, batch: int, delivery: str, runs: int) -> Cost:
    """One message of 1,144 bytes on its way, by the difference of two runs."""

    def command(count: int) -> list[str]:
        return [sys.executable, "-c", WAYS[program], str(count), str(batch), delivery]

    few, many = MESSAGES_TIMED
    differences = [_seconds(command(many)) - _seconds(command(few)) for _ in range(runs)]
    instructions = None
    if has_valgrind():
        less, more = (_instructions(command(count)) for count in MESSAGES)
        if less is not None and more is not None:
            instructions = (more - less) // (MESSAGES[1] - MESSAGES[0])
    return Cost(statistics.median(differences) / (many - few), instructions)


def _environment() -> dict[str, str]:
    """The same hash of a text in every run, and compiled files that stay."""
    environment = dict(os.environ, PYTHONHASHSEED="0")
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def _seconds(program: Sequence[str]) -> float:
    """CPU seconds, user and system, of one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _run(program)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def _instructions(program: Sequence[str]) -> int | None:
    """Instructions of one run, as cachegrind counts them; None without valgrind."""
    if not has_valgrind():
        return None
    words = _run(["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", *program])
    found = COUNTED.search(words)
    if found is None:
        raise SystemExit(f"bench: valgrind counted nothing: {words.decode(errors='replace')}")
    return int(found[1].replace(b",", b""))


def _run(program: Sequence[str]) -> bytes:
    """Run it to its good end; what it wrote on standard error."""
    done = subprocess.run(
        program, check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, env=_environment()
    )
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(program[:3])} … ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
    return done.stderr
