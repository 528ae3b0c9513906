"""`send --ack` to a port where nobody listens: said at once, ended soon, and never once the receiver has answered."""

import re
import socket
import time

import pytest

from tests.cli.conftest import Commands, free_port
from tests.cli.terminal import Terminal
from udpmsg.sockets.endpoint import Address


@pytest.mark.parametrize("look", [[], ["--json"]], ids=["words", "json"])
def test_it_is_said_at_once_and_ends_after_nothing_but_refusals(commands: Commands, look: list[str]) -> None:
    port = free_port()
    sender = commands.start("send", f"127.0.0.1:{port}", "hello", "--ack", "--refused-for", "1s", *look)
    said = sender.err.wait_for("trying until")
    assert re.fullmatch(rf"nobody listens on 127.0.0.1:{port} \(ICMP\); trying until \d\d:\d\d:\d\d", said)
    assert sender.process.poll() is None
    assert sender.wait() == 4
    words = sender.err.finish()
    assert words.count("trying until") == 1
    assert f"Start one: udpmsg listen --port {port}" in words
    if look:
        assert [event["reason"] for event in sender.events("unconfirmed")] == ["refused (ICMP) for 1 s: nobody listens there"]
        assert sender.summary()["messages_unconfirmed"] == 1


def test_it_takes_five_seconds_unless_told_otherwise(commands: Commands) -> None:
    began = time.monotonic()
    sender = commands.send(f"127.0.0.1:{free_port()}", "hello", "--ack")
    assert sender.wait() == 4
    assert time.monotonic() - began >= 5
    assert "refused (ICMP) for 5 s" in sender.out.finish()


def test_many_messages_at_a_rate_and_lines_of_a_pipe_end_with_it(commands: Commands) -> None:
    address = f"127.0.0.1:{free_port()}"
    at_a_rate = ["x", "--count", "100000", "--rate", "50/s"]
    assert commands.send(address, *at_a_rate, "--ack", "--refused-for", "300ms").wait() == 4
    piped = commands.send(address, "--ack", "--refused-for", "300ms", input="one\ntwo\n")
    assert piped.wait() == 4
    assert "2 unconfirmed" in piped.err.finish()


def test_a_listener_that_starts_in_time_gets_it(commands: Commands) -> None:
    port = free_port()
    sender = commands.start("send", f"127.0.0.1:{port}", "hello", "--ack", "--refused-for", "60s")
    sender.err.wait_for("trying until")
    listener = commands.start("listen", "--port", str(port), "--once", "--json")
    assert sender.wait() == 0
    assert listener.wait() == 0
    assert "ICMP came back" not in sender.err.finish()


def test_once_the_receiver_has_answered_refusals_end_nothing(commands: Commands) -> None:
    listener = commands.listen("--count", "1")
    options = ["--ack", "--refused-for", "100ms", "--deadline", "1500ms"]
    sender = commands.send(listener.address, "x", "--count", "3", "--rate", "20/s", *options, "--json")
    assert listener.wait() == 0
    assert sender.wait() == 3
    reasons = {event["reason"] for event in sender.events("unconfirmed")}
    assert len(sender.events("acknowledged")) >= 1
    assert reasons <= {"no acknowledgment within 1.5 s"}


def test_a_person_in_a_dialogue_may_try_again(commands: Commands, terminal: type[Terminal]) -> None:
    port = free_port()
    client = terminal("send", f"127.0.0.1:{port}", "--ack", "--refused-for", "200ms", "--wait", "100ms")
    client.expect("> ")
    client.type("anybody?")
    client.expect("refused (ICMP) for 0.2 s")
    listener = commands.start("listen", "--port", str(port), "--json", "--count", "2")
    listener.out.wait_for('"listening"')
    client.type("and now?")
    listener.out.wait_for("and now?")
    client.type("bye")
    assert client.wait() == 3
    assert listener.wait() == 0
    assert [message["text"] for message in listener.events("message")] == ["and now?", "bye"]


def test_the_next_address_of_a_name_is_tried_and_said(run, commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = commands.listen("--host", "127.0.0.2", "--once")
    monkeypatch.setattr(
        "udpmsg.udp.sender.resolve",
        lambda host, port, kind: [Address(socket.AF_INET, (each, port)) for each in ("127.0.0.1", "127.0.0.2")],
    )
    code, output, words = run("send", f"two.example:{listener.port}", "hello", "--ack")
    assert code == 0
    assert "delivered" in output
    assert f"nobody listens on 127.0.0.1:{listener.port}; trying 127.0.0.2:{listener.port}, the name's next address" in words
    assert "ICMP came back" not in words
    assert listener.wait() == 0
