"""Ctrl-C at any moment of a command's start: no traceback, and nothing goes on."""

import os
import signal
import subprocess
import sys

import pytest

START = """
import os, signal, sys

class AtImport:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, AtImport())
sys.argv = ["udpmsg", "send", "127.0.0.1:9", "hello", "--count", "1000", "--rate", "1/s"]
from udpmsg.__main__ import main
main()
"""
BEFORE = ["udpmsg.cli", "udpmsg.cli.app", "udpmsg.base.errors", "udpmsg.cli.signals"]
AFTER = ["typer", "udpmsg.base.language", "udpmsg.cli.send", "udpmsg.messaging.sender", "udpmsg.udp.sender"]

posix = pytest.mark.skipif(os.name != "posix", reason="Windows has no signals that one process could send another so")


def started(module: str, **options: object) -> tuple[int, str, str]:
    """A sender that gets Ctrl-C when it is about to import this."""
    command = [sys.executable, "-c", START.format(module=module)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, **options)  # type: ignore[call-overload]
    return ended.returncode, ended.stdout, ended.stderr


@posix
@pytest.mark.parametrize("module", BEFORE)
def test_before_the_handlers_stand_ctrl_c_ends_it_silently(module: str) -> None:
    assert started(module) == (-signal.SIGINT, "", "")


@posix
@pytest.mark.parametrize("module", AFTER)
def test_once_they_stand_it_ends_in_order(module: str) -> None:
    code, output, words = started(module)
    assert (code, output) == (130, "")
    assert words.startswith("Interrupted")
    assert "Traceback" not in words


@posix
def test_a_background_job_that_ignores_ctrl_c_goes_on_until_then() -> None:
    """A shell without job control starts what is followed by & so."""
    program = "import signal; from udpmsg import __main__; print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
    ignore = lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)  # noqa: E731
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, preexec_fn=ignore)
    assert (ended.stdout, ended.stderr) == ("True\n", "")


def test_the_library_leaves_signals_alone() -> None:
    program = "import signal, udpmsg; udpmsg.Sender; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert (ended.stdout, ended.stderr) == ("True\n", "")
