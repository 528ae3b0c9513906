"""`udpmsg bench HOST` against a listener on another host: two hosts of a lab, each running the command as a user there would."""

from typing import Any

from tests.link import hosts
from tests.link.test_lab import lab
from udpmsg.link.faults import Link, Path, decide
from udpmsg.link.record import Direction, Drop, FrameKind, Identity

MILLISECOND = 1_000_000
PATIENCE = 120.0
NEAR = Link(Path(delay=2 * MILLISECOND), Path(delay=2 * MILLISECOND))
LOSSY = Link(Path(delay=2 * MILLISECOND, loss=0.2), Path(delay=2 * MILLISECOND))


FIRST_LOST = 52
"""A seed with which that link drops the first messages of every session: a trial of few messages, as on a machine with too much
to do, would often lose none by chance."""


def benchmark(link: Link, seed: int = 5) -> tuple[dict[str, dict[str, Any]], dict[str, Any], dict[str, Any]]:
    """Its line for each mode, its last line, and the listener's summary."""
    with lab(link, seed=seed) as made:
        made.receiver.call(hosts.command, "listen", "--both", "--host", "0.0.0.0", "--quiet")
        assert made.receiver.hear(PATIENCE) is not None
        made.sender.call(hosts.command, "bench", made.address, "--size", "1200", "--for", "0.5s")
        code, (*lines, last) = made.sender.result(PATIENCE)
        assert code == 0
        made.receiver.tell(None)
        _, told = made.receiver.result(PATIENCE)
    return {line["mode"]: line for line in lines}, last, told[-1]


def test_three_modes_to_another_host() -> None:
    modes, last, listener = benchmark(NEAR)
    assert list(modes) == ["udp", "udp+ack", "tcp"]
    assert (last["event"], last["target"], last["receive_buffer_bytes"]) == ("benchmark", "198.18.0.2:5000", None)
    for line in modes.values():
        assert line["throughput_msgs_per_s"] > 0
        assert line["receiver_cpu"] is None  # that of another machine is not ours to know
    for mode in ("udp+ack", "tcp"):
        assert modes[mode]["rtt_s"]["min"] >= 0.004  # 2 ms each way
    sent = sum(trial["messages_sent"] for trial in modes["udp"]["curve"])
    assert sent < listener["messages_sent"]  # the other modes' too
    assert listener["messages_lost"] == sum(trial["messages_lost"] for trial in modes["udp"]["curve"])


def test_where_the_link_loses_there_is_no_throughput() -> None:
    """RFC 1242: the highest rate at which nothing is lost. Acknowledged, and over TCP, everything arrives all the same."""
    first = Identity(Direction.FORWARD, FrameKind.DATA, 1)
    assert decide(FIRST_LOST, first, LOSSY.forward).dropped is Drop.LOSS
    modes, _, _ = benchmark(LOSSY, FIRST_LOST)
    assert modes["udp"]["throughput_msgs_per_s"] is None
    assert "No throughput: something was lost at every rate that was tried for long." in modes["udp"]["limits"]
    for mode in ("udp+ack", "tcp"):
        assert modes[mode]["goodput_bps"] > 0
