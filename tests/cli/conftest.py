"""Commands as processes: started, read as they write, waited for by what they say, ended whatever happens."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.terminal import Terminal

PATIENCE = 20.0
"""Seconds after which something that should happen at once is held not to happen. Only a failure waits for it."""

SCRIPT = Path(sysconfig.get_path("scripts")) / "udpmsg"
COMMAND = [str(SCRIPT)] if SCRIPT.exists() else [sys.executable, "-m", "udpmsg"]

TRANSPORTS = {"udp": [], "tcp": ["--tcp"]}


def free_port() -> int:
    """A port of 127.0.0.1 that neither UDP nor TCP uses at this moment.

    Below those that systems give to sockets that ask for any (32768 and above on Linux), so nobody gets it by chance.
    """
    while True:
        port = random.SystemRandom().randrange(10_000, 32_768)
        with socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            try:
                udp.bind(("127.0.0.1", port))
                tcp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Output:
    """Lines of a pipe as they come, read beside the test."""

    def __init__(self, pipe: Any) -> None:
        self.lines: list[str] = []
        self._pipe = pipe
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._pipe or ():
            with self._changed:
                self.lines.append(line.decode("utf-8", "surrogateescape").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        if self._pipe is not None:
            self._pipe.close()

    def wait_for(self, wanted: Callable[[str], bool] | str, count: int = 1, patience: float = PATIENCE) -> str:
        """The `count`-th line that fits; fails when the output ends without it, or it does not come within `patience` seconds."""
        fits = wanted if callable(wanted) else (lambda line: wanted in line)
        with self._changed:
            while True:
                found = [line for line in self.lines if fits(line)]
                if len(found) >= count:
                    return found[count - 1]
                assert not self._ended, f"the output ended without {wanted!r}: {self.lines}"
                assert self._changed.wait(patience), f"{wanted!r} did not come: {self.lines}"

    def finish(self) -> str:
        """All of it, once the process has ended."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        return "\n".join(self.lines)


class Running:
    """One command under way."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int = 0) -> None:
        self.process = process
        self.port = port
        self.out = Output(process.stdout)
        self.err = Output(process.stderr)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def type(self, text: str | bytes) -> None:
        """Write to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(text if isinstance(text, bytes) else text.encode())
        self.process.stdin.flush()

    def end_input(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def signal(self, number: int = signal.SIGINT) -> None:
        self.process.send_signal(number)

    def wait(self, patience: float = PATIENCE) -> int:
        """Its exit code; every line it wrote is read then. No command ever shows a traceback."""
        code = self.process.wait(patience)
        self.out.finish()
        assert "Traceback" not in self.err.finish(), self.err.finish()
        return code

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Its JSON lines so far, all or those of one kind."""
        lines = [json.loads(line) for line in self.out.lines]
        return [line for line in lines if kind in (None, line["event"])]

    def summary(self) -> dict[str, Any]:
        """The summary: one, and the last line."""
        summaries = self.events("summary")
        assert len(summaries) == 1
        assert self.events()[-1] == summaries[0]
        return summaries[0]


class Commands:
    """Starts commands, and ends those that are left over."""

    def __init__(self) -> None:
        self._running: list[Running] = []

    def start(self, *arguments: str | bytes, program: list[str] | None = None, port: int = 0, **options: Any) -> Running:
        """Start `udpmsg ARGUMENTS` (or another program); its standard input is empty unless `stdin` says otherwise."""
        environment = os.environ | {"COLUMNS": "120"} | options.pop("env", {})
        if "preexec_fn" in options:  # under a limit Python would put bytecode in place that is cut short, for everybody
            environment["PYTHONDONTWRITEBYTECODE"] = "1"
        process = subprocess.Popen(
            [*(COMMAND if program is None else program), *arguments],
            stdin=options.pop("stdin", subprocess.DEVNULL),
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # so that what a program starts itself ends with it
            **options,
        )
        running = Running(process, port)
        self._running.append(running)
        return running

    def listen(self, *arguments: str, words: bool = False, **options: Any) -> Running:
        """A listener that listens, on a free port, with --json unless it is to write for people (`words`)."""
        port = free_port()
        json_option = [] if words else ["--json"]
        running = self.start("listen", "--port", str(port), *json_option, *arguments, port=port, **options)
        if words:
            running.err.wait_for("Listening on")
        else:
            running.out.wait_for('"listening"')
        return running

    def send(self, *arguments: str | bytes, input: str | bytes | None = None, **options: Any) -> Running:  # noqa: A002
        """A sender that has ended, or is fed `input` and waited for."""
        running = self.start("send", *arguments, **options, **({} if input is None else {"stdin": subprocess.PIPE}))
        if input is not None:
            running.type(input)
            running.end_input()
        running.wait()
        return running

    def end(self) -> None:
        for running in self._running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.process.pid, signal.SIGKILL)
            running.process.wait()
            if running.process.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    running.process.stdin.close()
            running.out.finish()
            running.err.finish()


@pytest.fixture
def commands() -> Iterator[Commands]:
    """Starts commands; what still runs at the test's end is killed."""
    started = Commands()
    yield started
    started.end()


@pytest.fixture
def terminal() -> Iterator[type["Terminal"]]:
    """Starts commands in pseudo-terminals; what still runs at the test's end is killed."""
    from tests.cli.terminal import Terminal

    opened: list[Terminal] = []

    class Opened(Terminal):
        def __init__(self, *arguments: str, **options: Any) -> None:
            super().__init__(*arguments, **options)
            opened.append(self)

    yield Opened
    for each in opened:
        each.close()


@pytest.fixture(params=sorted(TRANSPORTS))
def transport(request: pytest.FixtureRequest) -> str:
    """Each of the two, in turn."""
    return str(request.param)


@pytest.fixture
def over(transport: str) -> list[str]:
    """The options that choose the transport."""
    return TRANSPORTS[transport]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """Runs a command line inside this process, for what never gets as far as a socket: exit code, output, words."""
    from udpmsg.cli import app

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setenv("COLUMNS", "120")

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["udpmsg", *arguments])
        code = app.run(list(arguments))
        return code, *capsys.readouterr()

    yield call
    for number, handler in handlers.items():
        signal.signal(number, handler)
