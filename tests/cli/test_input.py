"""Standard input that fails in the middle, or that nobody is behind: it is named, and never taken for a good end."""

import os
import pty
import subprocess
from collections.abc import Iterator

import pytest

from tests.cli.conftest import Commands, free_port

UNREADABLE = "/proc/self/mem"
"""Of this process: nothing is mapped at its beginning, so the first read is an error."""


@pytest.fixture
def unreadable() -> Iterator[int]:
    """An open file that can't be read."""
    try:
        descriptor = os.open(UNREADABLE, os.O_RDONLY)
    except OSError:
        pytest.skip(f"no {UNREADABLE} here")
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize(
    "arguments",
    [
        ["send", "127.0.0.1:9"],
        ["send", "127.0.0.1:9", "--json"],
        ["send", "127.0.0.1:9", "--file", "-"],
        ["demo", "boundaries", "--ask"],
        ["demo", "boundaries", "--step"],
    ],
    ids=" ".join,
)
def test_an_input_that_cannot_be_read_is_named(commands: Commands, unreadable: int, arguments: list[str]) -> None:
    running = commands.start(*arguments, stdin=unreadable)
    assert running.wait() == 1
    running.err.wait_for("udpmsg: standard input cannot be read: Input/output error")


def test_what_came_before_the_error_was_sent(commands: Commands) -> None:
    listener = commands.listen("--count", "1")
    ours, theirs = pty.openpty()
    sender = commands.start("send", listener.address, "--ack", stdin=theirs)
    os.close(theirs)
    os.write(ours, b"the only line\n")
    listener.out.wait_for("the only line")
    os.close(ours)  # a terminal that goes away is an error to who reads it
    assert sender.wait() == 1
    sender.err.wait_for("standard input cannot be read")
    sender.err.wait_for("1 delivered")


def test_a_listener_whose_answers_cannot_be_read_ends_with_it(commands: Commands, unreadable: int) -> None:
    listener = commands.start("listen", "--port", str(free_port()), "--interactive", stdin=unreadable)
    assert listener.wait() == 1
    listener.err.wait_for("udpmsg: standard input cannot be read: Input/output error")


def test_nobody_to_ask_is_said_at_once(commands: Commands) -> None:
    listener = commands.listen("--interactive", stdin=subprocess.DEVNULL)
    listener.err.wait_for("Standard input has ended: there is nobody to ask")
    commands.send(listener.address, "hello", "--wait", "0s")
    listener.out.wait_for("hello")
    listener.signal()
    listener.wait()
    assert listener.err.finish().count("nobody to ask") == 1


def test_answers_that_were_enough_end_without_a_word(commands: Commands) -> None:
    listener = commands.listen("--interactive", "--count", "1", stdin=subprocess.PIPE)
    listener.type("an answer\n")
    listener.end_input()
    assert commands.send(listener.address, "--wait", "15s", input="hello\n").out.finish() == "an answer"
    assert listener.wait() == 0
    assert "nobody to ask" not in listener.err.finish()


def test_fewer_answers_than_messages_are_said(commands: Commands) -> None:
    listener = commands.listen("--interactive", "--count", "2", stdin=subprocess.PIPE)
    listener.type("an answer\n")
    listener.end_input()
    commands.send(listener.address, "--wait", "0s", input="one\ntwo\n")
    assert listener.wait() == 0
    assert "nobody to ask, and messages stay unanswered" in listener.err.finish()
