"""What a peer says of itself is checked against what is possible; what is not is unknown, never a figure."""

import pytest

from tests.cli.conftest import Commands
from tests.hostile import codec
from tests.hostile.support import Peer

SESSION = 0x1234_5678_9ABC_DEF1
HOUR = 3600.0
"""Seconds: longer than any run here."""


def summary_after(commands: Commands, datagrams: list[bytes]) -> dict[str, object]:
    """The last line of a listener that took these, in order, and one raw datagram after them."""
    listener = commands.listen()
    with Peer(listener.port) as stranger:
        stranger.send(*datagrams, b"last")
        listener.out.wait_for('"last"')
    listener.signal()
    assert listener.wait() == 130
    return listener.summary()


@pytest.mark.parametrize("claimed", [codec.MOST, 1 << 63, 1 << 40, 0])
@pytest.mark.parametrize("ask", [True, False], ids=["acknowledged", "fire-and-forget"])
def test_so_many_were_sent(commands: Commands, claimed: int, ask: bool) -> None:
    """Two messages come, and a goodbye that claims a number which they can't have been, or fewer than came."""
    messages = [codec.message(SESSION, number, b"x", ask=ask) for number in (1, 2)]
    farewell = codec.goodbye(SESSION, 3, claimed, sent_at=3, lowest=3 if ask else None)
    summary = summary_after(commands, [*messages, farewell])
    assert summary["messages_delivered"] == 3
    assert summary["messages_sent"] in (None, 2, 3)
    assert summary["messages_lost"] in (None, 0)


@pytest.mark.parametrize("jump", [1 << 63, codec.MOST, 1 << 50])
@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
def test_sent_at(commands: Commands, jump: int, backward: bool) -> None:
    """The clock of a session jumps by ages. Jitter is unknown, or what it can have been within the run."""
    times = [10, jump, 20, jump] if not backward else [jump, 10, jump, 20]
    summary = summary_after(commands, [codec.message(SESSION, place, b"x", sent_at=at) for place, at in enumerate(times, 1)])
    jitter, delay = summary["jitter_s"], summary["one_way_delay_s"]
    assert jitter is None or jitter < HOUR
    assert delay is None or max(abs(delay["max"]), abs(delay["min"])) < HOUR


@pytest.mark.parametrize("ask", [True, False], ids=["acknowledged", "fire-and-forget"])
def test_sequence_numbers(commands: Commands, ask: bool) -> None:
    """The second message is numbered as the last that there can be. What lies between was hardly ever sent."""
    numbers = (1, codec.MOST - 1)
    summary = summary_after(
        commands, [codec.message(SESSION, number, b"x", ask=ask, number=place) for place, number in enumerate(numbers, 1)]
    )
    for figure in ("messages_sent", "messages_lost"):
        value = summary[figure]
        assert value is None or value < 1 << 32, f"{figure}: {value}"
