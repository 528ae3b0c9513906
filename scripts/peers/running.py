"""Starts the peers' processes, bounds them, and ends them: those that were started here, and no others.

Owns the processes of one measurement, and the words for why one failed. Knows no peer.
"""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

SCRIPTS = Path(__file__).resolve().parent.parent
START = 30.0
"""Seconds that a process may take besides what it was asked for, before it is ended."""
LISTENING = "0A"
"""A TCP socket that listens, in /proc/net/tcp (Linux, tcp_states.h); what any UDP socket that is bound has there is 07."""
BOUND = "07"


class Failed(Exception):
    """A peer did not do what it should; the words say why."""


class Side:
    """One process that was started."""

    def __init__(self, process: "subprocess.Popen[str]", errors: IO[str], bound: float) -> None:
        self._process = process
        self._errors = errors
        self._bound = bound
        self._overdue = False
        self._timer = threading.Timer(bound, self._give_up)
        self._timer.start()

    def line(self) -> str:
        """The next line that it writes. Raises Failed when it ends before."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.finish()
            raise Failed("it said nothing")
        return line

    def interrupt(self) -> None:
        """Ask it to end as Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    def finish(self) -> str:
        """Close its standard input, and wait for its end; what it wrote. Raises Failed for an exit code that is not 0."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        output = self._process.stdout.read()
        code = self._process.wait()
        if self._overdue:
            raise Failed(f"it was ended after {self._bound:g} s{self._last_words(output)}")
        if code:
            raise Failed(f"it ended with {code}{self._last_words(output)}")
        return output

    def end(self) -> None:
        """End it and what it started, if it has not ended."""
        self._timer.cancel()
        if self._process.poll() is None:
            # its own group, made by start_new_session; while it has not been waited for, the number is nobody else's
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()

    def _give_up(self) -> None:
        self._overdue = True
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _last_words(self, output: str) -> str:
        """The last line of its standard error, or else of what it wrote, after a colon."""
        self._errors.seek(0)
        lines = [*output.splitlines(), *self._errors.read().splitlines()]
        last = next((line.strip() for line in reversed(lines) if line.strip(" {}[]\t")), "")
        return f": {last[:200]}" if last else ""


@contextlib.contextmanager
def started(command: Sequence[str], bound: float) -> Iterator[Side]:
    """A process that is ended after `bound` seconds, and when this is left. Raises Failed where it can't be started."""
    with tempfile.TemporaryFile("w+", errors="replace") as errors:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                errors="replace",
                cwd=SCRIPTS,  # the Python sides are modules here
                start_new_session=True,
            )
        except OSError as error:
            raise Failed(str(error)) from None
        side = Side(process, errors, bound)
        try:
            yield side
        finally:
            side.end()


def output_of(command: Sequence[str], bound: float) -> str:
    """What a command writes. Raises Failed."""
    with started(command, bound) as side:
        return side.finish()


def pair(command: Sequence[str], seconds: float, bound: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run both sides of a Python peer (see `peers.side`); the last words of receiver and sender. Raises Failed."""
    with started([*command, "receive"], bound) as receiver:
        port = words(receiver.line())["port"]
        with started([*command, "send", str(port), str(seconds)], bound) as sender:
            said = words(sender.finish())
        return words(receiver.finish()), said


def words(output: str) -> dict[str, Any]:
    """The last line, which is JSON. Raises Failed."""
    try:
        said: dict[str, Any] = json.loads(output.rstrip().rpartition("\n")[2])
    except ValueError:
        raise Failed(f"its last words are not JSON: {output[-200:]!r}") from None
    return said


def await_port(kind: str, port: int, bound: float = START) -> None:
    """Wait until a socket of 127.0.0.1 has this port; `kind` is "udp" or "tcp". For tools that do not say when they are ready."""
    wanted = f"0100007F:{port:04X}"
    state = {"udp": BOUND, "tcp": LISTENING}[kind]
    until = time.monotonic() + bound
    while time.monotonic() < until:
        for row in Path("/proc/net", kind).read_text().splitlines()[1:]:
            fields = row.split()
            if fields[1] == wanted and fields[3] == state:
                return
        time.sleep(0.01)
    raise Failed(f"it did not listen within {bound:g} s")


def timed(command: Sequence[str], runs: int, bound: float) -> list[float]:
    """Seconds of each run, after one that fills the disk cache and keeps what was compiled. Raises Failed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def once() -> float:
        begun = time.perf_counter()
        try:
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=bound, env=environment)
        except (subprocess.SubprocessError, OSError) as error:
            raise Failed(str(error)) from None
        return time.perf_counter() - begun

    return [once() for _ in range(runs + 1)][1:]
