"""JSON lines: exactly the keys of DESIGN §7, the same in every mode."""

import pytest

from tests.cli.conftest import Commands
from udpmsg.show.schema import KEYS

COMMON = {"event", "v", "run"}
EVENTS = {
    "listening": {"transport", "host", "port", "receive_buffer_bytes", "offload", "store"},
    "message": {
        "transport", "peer", "session", "sequence", "title", "size", "text", "base64", "raw", "reordered", "transmission",
        "one_way_delay_s",
    },
    "goodbye": {"transport", "peer", "session", "messages_sent", "messages_lost"},
    "acknowledged": {"sequence", "rtt_s", "transmissions"},
    "unconfirmed": {"sequence", "reason"},
    "resumed": {"spool", "session", "messages", "accepted"},
    "reply": {"in_reply_to", "text", "base64"},
    "summary": set(KEYS),
}  # fmt: skip
DISTRIBUTION = {"count", "min", "mean", "p50", "p90", "p99", "max"}


def test_each_line_has_exactly_its_keys(commands: Commands, transport: str, over: list[str]) -> None:
    listener = commands.listen(*over, "--once", "--echo")
    sender = commands.send(listener.address, "hello", "--ack", "--wait", "5s", "--json", *over)
    assert sender.wait() == listener.wait() == 0
    seen = set()
    for line in [*listener.events(), *sender.events()]:
        assert set(line) == EVENTS[line["event"]] | COMMON
        assert line["v"] == 1
        seen.add(line["event"])
    assert seen == set(EVENTS) - {"unconfirmed", "resumed"}
    assert len({line["run"] for line in listener.events()}) == 1
    assert {line["run"] for line in listener.events()} != {line["run"] for line in sender.events()}

    (listening,) = listener.events("listening")
    assert (listening["transport"], listening["host"], listening["port"]) == (transport, "127.0.0.1", listener.port)
    assert (listening["receive_buffer_bytes"] or 0) > 0 or transport == "tcp"
    (message,) = listener.events("message")
    assert (message["transport"], message["sequence"], message["raw"], message["transmission"]) == (transport, 1, False, 1)
    (acknowledged,) = sender.events("acknowledged")
    assert acknowledged["transmissions"] == 1
    assert acknowledged["rtt_s"] > 0
    (reply,) = sender.events("reply")
    assert (reply["in_reply_to"], reply["text"]) == (1, "hello")
    (goodbye,) = listener.events("goodbye")
    assert (goodbye["messages_sent"], goodbye["messages_lost"]) == (1, 0)


def test_the_summary_has_the_same_keys_everywhere(commands: Commands, transport: str, over: list[str]) -> None:
    listener = commands.listen(*over, "--once")
    forgetful = commands.send(listener.address, "hello", "--json", *over)
    listener.wait()
    summary = forgetful.summary()
    assert list(summary)[3:] == list(listener.summary())[3:] == list(KEYS)
    assert (summary["transport"], summary["observer"], summary["acknowledged"]) == (transport, "sender", False)
    assert summary["messages_sent"] == 1
    for unknown in (
        "messages_delivered",
        "messages_unconfirmed",
        "messages_lost",
        "kernel_drops",
        "goodput_bps",
        "rtt_s",
        "jitter_s",
    ):
        assert summary[unknown] is None
    theirs = listener.summary()
    assert (theirs["observer"], theirs["messages_sent"], theirs["messages_delivered"], theirs["messages_lost"]) == (
        "listener",
        1,
        1,
        0,
    )
    assert theirs["rtt_s"] is None
    assert theirs["retransmissions"] is None


def test_distributions(commands: Commands, over: list[str]) -> None:
    listener = commands.listen(*over, "--once")
    sender = commands.send(listener.address, "hello", "--count", "20", "--ack", "--json", *over)
    listener.wait()
    round_trips = sender.summary()["rtt_s"]
    assert set(round_trips) == DISTRIBUTION
    assert 0 < round_trips["min"] <= round_trips["p50"] <= round_trips["p90"] <= round_trips["p99"] <= round_trips["max"]
    assert 1 <= round_trips["count"] <= 20


@pytest.mark.parametrize("payload", [b"\x1b]0;x\x07", b"\xc2\x9b31m\x7f", "\u202eevil\u2028".encode(), b"\xff"])
def test_nothing_of_a_peer_can_steer_a_terminal_from_inside_a_line(commands: Commands, payload: bytes) -> None:
    listener = commands.listen("--once")
    commands.send(listener.address, payload)
    listener.wait()
    assert all(" " <= character <= "~" for line in listener.out.lines for character in line)
    (message,) = listener.events("message")
    assert message["base64"] == "/w==" if payload == b"\xff" else message["text"].encode() == payload


def test_quiet_leaves_the_summary(commands: Commands) -> None:
    listener = commands.listen("--once", "--quiet")
    commands.send(listener.address, "hello")
    listener.wait()
    assert [line["event"] for line in listener.events()] == ["listening", "summary"]


def test_both_transports_at_once(commands: Commands) -> None:
    listener = commands.listen("--both", "--count", "2")
    assert commands.send(listener.address, "hello", "--ack").wait() == 0
    assert commands.send(listener.address, "hello", "--ack", "--tcp").wait() == 0
    listener.wait()
    assert [line["transport"] for line in listener.events("listening")] == ["udp", "tcp"]
    assert [line["transport"] for line in listener.events("message")] == ["udp", "tcp"]
    assert listener.summary()["transport"] == "both"
