"""The sender and the receiver for asyncio have the methods of the blocking ones, with the same arguments and defaults."""

import inspect
import subprocess
import sys
from collections.abc import Iterator

import pytest

import udpmsg
from udpmsg import aio

WITHOUT = {
    "wake_fileno": "an event loop has its own way to hear of signals",
    "waits": "what only an event loop needs",
    "waiter": "what only an event loop needs",
    "has_room": "what only an event loop needs",
    "something_waits": "what only an event loop needs",
    "next_timeout": "what only an event loop needs",
    "work": "what only an event loop needs",
    "take_outcome": "what only an event loop needs",
    "take_reply": "what only an event loop needs",
    "sending": "what only an event loop needs",
    "asking": "what only an event loop needs",
    "closing": "what only an event loop needs",
    "batches": "not there: `poll` gives messages",
    "send_array": "not there: `send_many` takes messages",
}
BESIDES = {
    "open": "a constructor can't be awaited",
    "flush": "`send` does not wait for the kernel, or it could be cancelled in between",
}

each_pair = pytest.mark.parametrize(
    ("blocking", "ours"), [(udpmsg.Sender, aio.Sender), (udpmsg.Receiver, aio.Receiver)], ids=["sender", "receiver"]
)


def public(cls: type) -> set[str]:
    return {name for name in vars(cls) if not name.startswith("_")}


@each_pair
def test_the_methods_are_the_same(blocking: type, ours: type) -> None:
    instance = {"raw", "acknowledged", "closed", "limits"}  # which the blocking ones have as attributes
    assert public(ours) - public(blocking) - instance <= BESIDES.keys()
    assert public(blocking) - public(ours) <= WITHOUT.keys()


@each_pair
def test_arguments_and_defaults_are_the_same(blocking: type, ours: type) -> None:
    compared = 0
    for name in public(ours) & public(blocking):
        mine, theirs = getattr(ours, name), getattr(blocking, name)
        if inspect.isfunction(mine):
            parameters = inspect.signature(theirs).parameters
            assert {one: (two.kind, two.default) for one, two in inspect.signature(mine).parameters.items()} == {
                one: (two.kind, two.default) for one, two in parameters.items()
            }, name
            compared += 1
    assert compared > 5
    assert list(inspect.signature(ours).parameters) == list(inspect.signature(blocking).parameters)


def modules_after(program: str) -> Iterator[str]:
    loaded = subprocess.run([sys.executable, "-c", f"{program}; import sys; print(*sys.modules)"], capture_output=True, text=True)
    assert loaded.returncode == 0, loaded.stderr
    return iter(loaded.stdout.split())


def test_only_who_asks_for_it_loads_asyncio() -> None:
    assert "asyncio" not in set(modules_after("import udpmsg; udpmsg.Sender; udpmsg.Receiver"))
    assert {"asyncio", "udpmsg.aio.sender"} <= set(modules_after("import udpmsg.aio; udpmsg.aio.Sender"))
