"""What a start loads: `udpmsg send` in a loop of a script must not pay for what it does not use."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Commands, free_port

HEAVY = {"rich", "asyncio", "numpy", "json", "queue", "decimal", "http", "xml", "pydantic", "dataclasses", "sqlite3"}

MOST_OF_OURS = 75
"""Modules of ours that a start of `send` may load: each takes a hundredth of what `python -c pass` takes, or more."""


def loaded_by(*arguments: str) -> set[str]:
    """The modules that a command line has loaded when it ends."""
    program = (
        "import sys\n"
        "from udpmsg.cli.app import run\n"
        f"code = run({list(arguments)!r})\n"
        "print('modules', *{name.partition('.')[0] for name in sys.modules}, *sys.modules)\n"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert output.returncode == 0, output.stderr
    (line,) = [line for line in output.stdout.splitlines() if line.startswith("modules ")]
    return set(line.split())


@pytest.mark.parametrize("options", [[], ["--tcp"], ["--ack"]], ids=["forget", "tcp", "ack"])
def test_sending_loads_nothing_heavy(commands: Commands, options: list[str]) -> None:
    listener = commands.listen("--both")
    loaded = loaded_by("send", listener.address, "hello", *options)
    assert loaded.isdisjoint(HEAVY)
    assert "isal" not in loaded or "--ack" in options, "that is for checksums"
    assert "udpmsg.cli.listen" not in loaded
    assert "udpmsg.cli.dialogue" not in loaded
    assert "udpmsg.messaging.receiver" not in loaded
    assert "udpmsg.core.congestion.bbr" not in loaded, "nobody chose it"
    assert "udpmsg.cli.typer_words" not in loaded, "that is for other languages than English"
    assert sum(name.startswith("udpmsg.") for name in loaded) <= MOST_OF_OURS


def test_listening_does_not_load_the_sender_s_command() -> None:
    loaded = loaded_by("listen", "--port", str(free_port()), "--for", "1ms")
    assert loaded.isdisjoint({"rich", "asyncio", "numpy", "json"})
    assert "udpmsg.cli.send" not in loaded


def test_python_m_udpmsg_is_the_command() -> None:
    output = subprocess.run([sys.executable, "-m", "udpmsg", "--version"], capture_output=True, text=True)
    assert output.returncode == 0
    assert output.stdout.startswith("udpmsg ")


def test_ctrl_c_while_modules_are_loaded_ends_in_order(tmp_path: Path) -> None:
    """A module that stands before typer sends what Ctrl-C sends, in the middle of the imports."""
    (tmp_path / "typer.py").write_text(
        "import os, signal, sys\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
        f"sys.path.remove({str(tmp_path)!r})\n"
        "del sys.modules['typer']\n"
        "import typer\n"
    )
    command = [sys.executable, "-c", "from udpmsg.cli.app import main; main()", "send", "127.0.0.1:9", "x", "--json"]
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    output = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path})
    assert output.returncode == 130
    assert output.stderr == "Interrupted: nothing was begun\n"
    assert json.loads(output.stdout)["messages_sent"] == 0
