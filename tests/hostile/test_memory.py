"""What strangers make a listener or a sender keep, and do."""

import json
import re
import sys
import time
from collections.abc import Callable

import pytest

from tests.cli.conftest import Commands, Running, free_port
from tests.hostile.conftest import Strangers
from tests.hostile.support import FLOOD, MIB, Process, Record, at_night, is_served, served

Listen = Callable[..., Running]
MORE = 64 * MIB
"""By which a listener may grow: its budget."""
IDLE = 0.2
"""Seconds on a processor in two seconds of nothing to do."""

SMALL_LISTENER = """
import sys
from udpmsg import Limits, Receiver
with Receiver(port=int(sys.argv[1]), transport=sys.argv[2], limits=Limits(total_bytes=1 << 20)) as receiver:
    print("ready", flush=True)
    while True:
        receiver.poll(None)
"""
SENDER = """
import json, sys, time
from tests.hostile.support import Process
from udpmsg import Sender
with Sender("127.0.0.1", int(sys.argv[1]), acknowledged=True) as sender:
    process = Process("self")
    sender.send("first")
    first = [outcome.state.name for outcome in sender.outcomes()]
    sender.send("second")
    second = [outcome.state.name for outcome in sender.outcomes()]
    print(json.dumps({"outcomes": first + second, "cpu": process.cpu(), "grown": process.grown()}), flush=True)
"""


@pytest.mark.parametrize("alive", [False, True])
def test_fragments_of_one_byte(commands: Commands, strangers: Strangers, record_property: Record, alive: bool) -> None:
    """Fragments of one byte, which cost many times that to keep. They are charged at what they cost: a listener with a
    limit of 1 MiB keeps no more than twice that, and serves newcomers after it, also where each session goes on and on.
    """
    port = free_port()
    listener = commands.start(program=[sys.executable, "-c", SMALL_LISTENER, str(port), "udp"], port=port)
    listener.out.wait_for("ready")
    assert is_served(port, payload=bytes(100_000))
    process = Process(listener.process.pid)
    each = at_night(10_000, 60_000)
    flood = strangers.start("fragments", port=port, sessions=8, each=each, size=1, total=60_000, rate=20_000, alive=alive)
    flood.out.wait_for("done", patience=FLOOD)
    record_property("seen", f"{process.grown() / MIB:.1f} MiB more, with a limit of 1 MiB")
    assert process.grown() <= 2 * MIB + 2 * MIB  # 2 MiB: what any flood moves about
    assert served(port, 4) == 1
    assert served(port, 4, payload=bytes(100_000)) == 1


def test_messages_that_wait_for_one_that_never_comes(commands: Commands, strangers: Strangers, record_property: Record) -> None:
    """Whole messages, over connections, behind a gap that is never filled. What waits so leaves room for others, over UDP too."""
    port = free_port()
    listener = commands.start(program=[sys.executable, "-c", SMALL_LISTENER, str(port), "both"], port=port)
    listener.out.wait_for("ready")
    assert is_served(port)
    process = Process(listener.process.pid)
    strangers.start("gaps", port=port, connections=8, count=at_night(300, 1_500), size=1_000).out.wait_for("done", patience=FLOOD)
    record_property("seen", f"{process.grown() / MIB:.1f} MiB more, with a limit of 1 MiB")
    assert process.grown() <= 2 * MIB + 2 * MIB
    for transport in ("udp", "tcp"):
        assert served(port, 4, transport) == 1
        assert served(port, 4, transport, bytes(20_000)) == 1


def test_replies_that_nobody_confirms(listen: Listen, strangers: Strangers, record_property: Record) -> None:
    """Thousands of sessions have one message echoed, say goodbye, and never confirm the reply. What waits for them is bounded,
    and soon nothing does.
    """
    listener = listen("--echo")
    assert is_served(listener.port)
    process = Process(listener.process.pid)
    count = at_night(20_000, 100_000)
    flood = strangers.start("passers_by", port=listener.port, count=count, rate=4_000)
    flood.out.wait_for("done", patience=FLOOD)
    process.busy(5.0)
    busy = process.busy(2.0)
    seen = f"{process.grown() / MIB:.0f} MiB more; 5 s after, {busy:.2f} s of 2 s on a processor"
    record_property("seen", seen)
    assert process.grown() <= MORE, seen
    assert busy < IDLE, seen
    assert served(listener.port, 20) == 1


@pytest.mark.parametrize("shape", ["empty", "byte"])
def test_frames_of_nothing(listen: Listen, strangers: Strangers, record_property: Record, shape: str) -> None:
    """Connections full of frames of no bytes, or one. The first closes the connection; honest clients are served meanwhile."""
    listener = listen("--tcp")
    assert is_served(listener.port, "tcp")
    process = Process(listener.process.pid)
    flood = strangers.start(
        "frames", port=listener.port, connections=at_night(100, 200), size=at_night(128, 256) * 1024, shape=shape
    )
    flood.out.wait_for("half", patience=FLOOD)
    share = served(listener.port, 20, "tcp")
    flood.out.wait_for("done", patience=FLOOD)
    seen = f"{share:.0%} of the honest clients served, {process.grown() / MIB:.0f} MiB more"
    record_property("seen", seen)
    assert process.grown() <= MORE, seen
    assert share == 1, seen


def test_streams_of_malformed_frames(listen: Listen, strangers: Strangers, record_property: Record) -> None:
    """Connections that send nothing but malformed frames, and come again when they are closed. Honest clients are served
    meanwhile.
    """
    listener = listen("--tcp")
    assert is_served(listener.port, "tcp")
    process = Process(listener.process.pid)
    flood = strangers.start("malformed", port=listener.port, connections=20, seconds=at_night(4, 10))
    flood.out.wait_for("half", patience=FLOOD)
    share = served(listener.port, at_night(200, 1_500), "tcp")
    seen = f"{share:.0%} of the honest clients served, {process.grown() / MIB:.0f} MiB more"
    record_property("seen", seen)
    assert process.grown() <= MORE, seen
    assert share >= 0.99, seen


def test_a_command_that_prints_without_end(commands: Commands, record_property: Record) -> None:
    """A message is answered by a command that prints far more than any reply holds. What is kept of it is bounded, and that
    is said.
    """
    size = at_night(100, 300) * 1_000_000
    listener = commands.listen("--exec", f"yes | head -c {size}", words=True)
    process = Process(listener.process.pid)
    assert is_served(listener.port)
    time.sleep(1.0)  # the command prints meanwhile
    assert is_served(listener.port)
    record_property("seen", f"{process.grown() / MIB:.0f} MiB more for {size / MIB:.0f} MiB printed")
    assert process.grown() <= MORE
    listener.err.wait_for(lambda line: re.search("command|output|print|answer|--exec", line, re.IGNORECASE) is not None)


def flooded_sender(commands: Commands, strangers: Strangers, strays: int) -> dict[str, object]:
    """How a sender fared whose first message was answered by so many strays before it was acknowledged."""
    port = free_port()
    flood = strangers.start("listener", port=port, strays=strays, rate=30_000)
    flood.out.wait_for("ready")
    sender = commands.start(program=[sys.executable, "-c", SENDER, str(port)])
    assert sender.wait() == 0
    result: dict[str, object] = json.loads(sender.out.finish())
    return result


def test_strays_at_a_sender(commands: Commands, strangers: Strangers, record_property: Record) -> None:
    """A sender waits for its outcomes while 30,000 strays a second come. It takes the acknowledgments, keeps no strays, and
    twice as many cost twice as much, not four times.
    """
    strays = at_night(30_000, 150_000)
    once, twice = (flooded_sender(commands, strangers, count) for count in (strays, 2 * strays))
    for result in (once, twice):
        record_property("seen", str(result))
        assert result["outcomes"] == ["DELIVERED", "DELIVERED"]
        assert result["grown"] <= 16 * MIB
    assert twice["cpu"] <= 3 * once["cpu"]
