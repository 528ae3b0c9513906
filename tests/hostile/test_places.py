"""Strangers take places at a listener, in all ways there are; whoever comes new still gets one."""

import time
from collections.abc import Callable

import pytest

from tests.cli.conftest import Commands, Running
from tests.hostile.conftest import Strangers
from tests.hostile.support import FLOOD, MIB, WITHIN, Process, Record, at_night, is_served, served

Listen = Callable[..., Running]
PLACES = 1024
MORE = 64 * MIB
NEARLY_ALL = 0.99
RATE = 10_000
"""Datagrams a second: what a listener can take for a minute while the machine does other things. What the kernel drops, nobody
can serve."""


def is_command_served(commands: Commands, listener: Running, *options: str) -> bool:
    """Whether the command `send --ack` has its message acknowledged in time."""
    return commands.send(listener.address, "hello", "--ack", "--deadline", f"{WITHIN:g}s", *options).wait() == 0


@pytest.mark.parametrize("ask", [True, False], ids=["acknowledged", "fire-and-forget"])
def test_forged_sessions(commands: Commands, listen: Listen, strangers: Strangers, record_property: Record, ask: bool) -> None:
    """From many addresses and ports come messages of many thousand sessions, a few of each.

    Newcomers are served while they come and right after; memory stays within the budget.
    """
    listener = listen()
    assert is_served(listener.port)
    process = Process(listener.process.pid)
    flood = strangers.start(
        "forged",
        port=listener.port,
        sessions=at_night(20_000, 50_000),
        count=at_night(100_000, 1_000_000),
        rate=RATE,
        ask=ask,
    )
    flood.out.wait_for("half", patience=FLOOD)
    begun, spent = time.monotonic(), process.cpu()
    during = served(listener.port, 100)
    busy = (process.cpu() - spent) / (time.monotonic() - begun)
    flood.out.wait_for("done", patience=FLOOD)
    after = served(listener.port, 100)
    seen = f"{during:.0%} served while it went on ({busy:.0%} of a processor), {after:.0%} after it"
    seen += f", {process.grown() / MIB:.0f} MiB more"
    record_property("seen", seen)
    assert during + after >= 2 * NEARLY_ALL, seen
    assert process.grown() <= MORE, seen
    assert is_command_served(commands, listener)


PEERS = {
    "datagrams": ("udp", "many_sessions", {"source": "127.0.0.2"}),
    "datagrams of the newcomer's own address": ("udp", "many_sessions", {"source": "127.0.0.1"}),
    "one connection": ("tcp", "one_connection", {}),
    "connections": ("tcp", "many_connections", {}),
}


@pytest.mark.parametrize("alive", [False, True], ids=["silent", "kept alive"])
@pytest.mark.parametrize("peer", PEERS)
def test_one_peer_takes_every_place(
    commands: Commands, listen: Listen, strangers: Strangers, record_property: Record, peer: str, alive: bool
) -> None:
    """One peer opens as many sessions as there are places, by datagrams, in one connection or in as many; then it is silent,
    or gives a sign of life in each twice a second. A newcomer is served in time, and so is the next.
    """
    transport, program, arguments = PEERS[peer]
    options = [] if transport == "udp" else ["--tcp"]
    listener = listen(*options)
    assert is_served(listener.port, transport)
    flood = strangers.start(program, port=listener.port, count=PLACES, alive=alive, **arguments)
    flood.out.wait_for("done", patience=FLOOD)
    share = served(listener.port, 5, transport)
    record_property("seen", f"{share:.0%} served")
    assert share == 1
    assert is_command_served(commands, listener, *options)


FRAGMENTS = {
    "first ones": {"sessions": 64, "each": 1, "size": 17},  # 85 bytes announce 1 MiB
    "nearly all": {"sessions": 80, "each": 900, "size": 1_100},  # more than the budget, and no message is ever whole
}


@pytest.mark.parametrize("sent", FRAGMENTS.values(), ids=FRAGMENTS)
def test_messages_that_are_never_whole(
    listen: Listen, strangers: Strangers, record_property: Record, sent: dict[str, int]
) -> None:
    """Sessions announce 1 MiB each, and send one fragment of it or nearly all. What is announced takes no room, and what came
    gives way: a newcomer's message is served, small or large.
    """
    listener = listen()
    assert is_served(listener.port)
    process = Process(listener.process.pid)
    flood = strangers.start("fragments", port=listener.port, total=MIB, rate=20_000, **sent)
    flood.out.wait_for("done", patience=FLOOD)
    small, large = served(listener.port, 8), served(listener.port, 8, payload=bytes(256 * 1024))
    seen = f"{small:.0%} of small and {large:.0%} of large messages served, {process.grown() / MIB:.0f} MiB more"
    record_property("seen", seen)
    assert (small, large) == (1, 1), seen
    assert process.grown() <= 1.25 * MORE, seen  # the budget is 64 MiB, and what is charged to it may cost a little more
