"""What programs read is the same in every language: JSON lines, key by key, and exit codes."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.cli.conftest import Commands, free_port
from tests.cli.test_told import HELPS, REFUSED, raw
from udpmsg.core import wire

LANGUAGES = ("en", "pt-BR")
CHANGING = {"run", "host", "port", "peer", "session", "transmissions", "retransmissions", "duplicates"}
"""What differs from run to run, besides measured times; a busy machine retransmits."""
CODES = """
import shlex, sys
from udpmsg.cli import app
for line in sys.stdin:
    sys.argv = ["udpmsg", *shlex.split(line)]
    print("exit code of", line.strip(), app.run(sys.argv[1:]), flush=True)
"""


def data(lines: list[str]) -> list[list[tuple[str, Any]]]:
    """JSON lines, each as its pairs in their order; of what changes, the key alone."""
    return [
        [(key, None if key in CHANGING or key.endswith(("_s", "_bps")) else value) for key, value in json.loads(line).items()]
        for line in lines
    ]


def test_json_lines(commands: Commands) -> None:
    told = []
    for spoken in LANGUAGES:
        listener = commands.listen("--both", "--count", "3", "--lang", spoken)
        echo = commands.listen("--echo", "--count", "1", "--lang", spoken)
        datagram = wire.encode(wire.Kind.MESSAGE, session=7, number=1, sent_at=0, sequence=1, payload=b"\xff", transmission=1)
        runs = [
            commands.send("127.0.0.1", "--port", str(listener.port), "hello", "--json", "--lang", spoken, *options)
            for options in (["--ack"], ["--tcp", "--ack"])
        ]
        listener.out.wait_for('"goodbye"', 2)
        raw(listener, datagram)
        runs += [listener, echo, commands.send(echo.address, "hello", "--json", "--wait", "15s", "--lang", spoken)]
        nobody = f"127.0.0.1:{free_port()}"
        runs += [
            commands.send(nobody, "hello", "--json", "--lang", spoken, *options)
            for options in (["--ack", "--deadline", "100ms"], ["--raw", "--size", "65507"], ["--tcp"])
        ]
        told.append([(run.wait(), data(run.out.lines)) for run in runs])
    assert told[0] == told[1]
    assert any(("reason", "no acknowledgment within 0.1 s") in line for _, lines in told[1] for line in lines)


def test_exit_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line for line in (*HELPS, *REFUSED) if "--lang" not in line]
    codes = []
    for spoken in LANGUAGES:
        monkeypatch.setenv("UDPMSG_LANG", spoken)
        text = "\n".join([*lines, ""])
        ended = subprocess.run([sys.executable, "-c", CODES], input=text, capture_output=True, text=True, timeout=60)
        codes.append([line for line in ended.stdout.splitlines() if line.startswith("exit code of ")])
    assert codes[0] == codes[1]
    assert len(codes[0]) == len(lines)
