"""`udpmsg send`: content, pace, outcomes, over both transports."""

import socket
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Commands, free_port
from udpmsg.core import wire


@pytest.mark.parametrize(
    "text",
    ["hello", "", "two words", "äöü 漢字 🙂", "-n", "line\nbreak"],
    ids=["plain", "empty", "words", "unicode", "dash", "lines"],
)
def test_a_text_arrives_as_it_was_given(commands: Commands, over: list[str], text: str) -> None:
    listener = commands.listen(*over, "--once")
    assert commands.send(listener.address, "--ack", *over, "--", text).wait() == 0
    assert listener.wait() == 0
    (message,) = listener.events("message")
    assert (message["text"], message["base64"], message["size"]) == (text, None, len(text.encode()))


def test_words_are_one_message(commands: Commands) -> None:
    listener = commands.listen("--once")
    commands.send(listener.address, "to", "be", "or", "not")
    listener.wait()
    assert [message["text"] for message in listener.events("message")] == ["to be or not"]


@pytest.mark.parametrize(("words", "told"), [(["5001", "hi"], True), (["5001"], False), (["99999", "hi"], False)])
def test_a_port_among_the_words_is_a_word_and_that_is_said(commands: Commands, words: list[str], told: bool) -> None:
    """netcat has HOST PORT."""
    listener = commands.listen("--once")
    sender = commands.send(listener.address, *words)
    assert sender.wait() == 0
    listener.wait()
    assert [message["text"] for message in listener.events("message")] == [" ".join(words)]
    hint = "“5001” is taken as the message's first word; for a port write 127.0.0.1:5001"
    assert (hint in sender.err.finish()) is told


def test_bytes_that_are_no_utf8_arrive_whole(commands: Commands, over: list[str]) -> None:
    listener = commands.listen(*over, "--once")
    commands.send(listener.address, b"\xff\xfe\x00"[:2], *over, "--ack")
    listener.wait()
    (message,) = listener.events("message")
    assert (message["text"], message["base64"]) == (None, "//4=")


@pytest.mark.parametrize("size", [0, 1200, 300_000])
def test_a_file_is_one_message_and_arrives_byte_for_byte(commands: Commands, over: list[str], tmp_path: Path, size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    file = tmp_path / "file"
    file.write_bytes(content[:size])
    inbox = tmp_path / "inbox"
    listener = commands.listen(*over, "--count", "1", "--save", str(inbox))
    assert commands.send(listener.address, "--file", str(file), "--ack", *over).wait() == 0
    assert listener.wait() == 0
    (saved,) = inbox.iterdir()
    assert saved.read_bytes() == content[:size]


def test_standard_input_as_one_message(commands: Commands) -> None:
    listener = commands.listen("--once")
    commands.send(listener.address, "--file", "-", input="one\ntwo\n")
    listener.wait()
    assert [message["text"] for message in listener.events("message")] == ["one\ntwo\n"]


def test_filler_is_counted_sized_and_repeatable(commands: Commands, over: list[str]) -> None:
    listener = commands.listen(*over, "--once")
    sender = commands.send(listener.address, "hey", "--count", "300", "--size", "50", "--ack", "--json", *over)
    assert sender.wait() == 0
    listener.wait()
    texts = [message["text"] for message in listener.events("message")]
    assert len(texts) == 300
    assert set(texts) == {"hey abcdefghijklmnopqrstuvwxyz0123456789abcdefghij"}
    assert sender.summary()["messages_sent"] == 300
    assert sender.summary()["payload_bytes"] == 15_000
    assert sorted(event["sequence"] for event in sender.events("acknowledged")) == list(range(1, 301))


def test_a_rate_is_kept_by_the_clock(commands: Commands) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        began = time.monotonic()
        sender = commands.send(
            f"127.0.0.1:{silent.getsockname()[1]}", "--size", "10", "--count", "31", "--rate", "100/s", "--json"
        )
        passed = time.monotonic() - began
    assert sender.summary()["messages_sent"] == 31
    assert 0.3 <= sender.summary()["duration_s"] <= passed


def test_what_answers_nothing_is_told_a_few_times_and_counted(commands: Commands) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(30)
        sender = commands.start("send", f"127.0.0.1:{peer.getsockname()[1]}", "hello", "--wait", "30s")
        sent, where = peer.recvfrom(2000)
        for size in range(40):
            peer.sendto(bytes(size), where)
        reply = wire.encode(
            wire.Kind.MESSAGE,
            session=1,
            number=1,
            sent_at=0,
            sequence=1,
            payload=b"the answer",
            reply_to=wire.decode(sent).sequence,
        )
        peer.sendto(reply, where)
        assert sender.wait() == 0
    assert sender.err.finish().count("it answers nothing that was sent") == 16
    assert "1 message sent; 1 answered" in sender.err.finish()
    assert "40 malformed" in sender.err.finish()
    assert sender.out.finish().splitlines()[-1].endswith("the answer")


def test_outcomes_are_shown_line_by_line(commands: Commands, over: list[str]) -> None:
    listener = commands.listen(*over)
    sender = commands.send(listener.address, "hello", "--count", "3", "--ack", *over)
    lines = sender.out.finish().splitlines()
    assert [line.split()[:2] for line in lines] == [["#1", "delivered"], ["#2", "delivered"], ["#3", "delivered"]]
    assert "3 delivered" in sender.err.finish()


def test_of_many_outcomes_only_failures_are_shown_to_people(commands: Commands) -> None:
    listener = commands.listen()
    sender = commands.send(listener.address, "hello", "--count", "50", "--ack")
    assert sender.out.finish() == ""
    assert "50 delivered" in sender.err.finish()


def test_nothing_of_fire_and_forget_is_data(commands: Commands) -> None:
    assert commands.send(f"127.0.0.1:{free_port()}", "hello").out.finish() == ""


def test_a_reply_is_data(commands: Commands, over: list[str]) -> None:
    listener = commands.listen(*over, "--reply", "welcome")
    sender = commands.send(listener.address, "hello", "--wait", "5s", *over)
    assert sender.wait() == 0
    assert sender.out.finish() == "welcome"
    assert "1 answered" in sender.err.finish()


def test_ipv6_and_names(commands: Commands, over: list[str]) -> None:
    listener = commands.listen(*over, "--host", "::1", "--count", "2")
    assert commands.send(f"[::1]:{listener.port}", "one", "--ack", *over).wait() == 0
    assert commands.send("::1", "--port", str(listener.port), "two", "--ack", *over).wait() == 0
    listener.wait()
    assert all(message["peer"].startswith("[::1]:") for message in listener.events("message"))
    named = commands.listen(*over, "--host", "localhost", "--count", "1")
    assert commands.send(f"localhost:{named.port}", "three", "--ack", *over).wait() == 0
    assert named.wait() == 0


def test_broadcast(commands: Commands) -> None:
    listener = commands.listen("--host", "0.0.0.0", "--count", "1")
    assert commands.send(f"127.255.255.255:{listener.port}", "all", "--broadcast").wait() == 0
    assert listener.wait() == 0


def test_multicast(commands: Commands) -> None:
    group = "239.255.77.7"
    listener = commands.listen("--multicast", group, "--interface", "127.0.0.1", "--count", "1", "--reply", "here")
    sender = commands.send(f"{group}:{listener.port}", "all", "--interface", "127.0.0.1", "--ttl", "1", "--wait", "300ms")
    assert sender.wait() == 0
    assert sender.out.finish() == "here"
    assert listener.wait() == 0


def test_settings_of_delivery_are_taken(commands: Commands) -> None:
    listener = commands.listen("--once")
    options = [
        "--ordered",
        "--window",
        "2",
        "--max-transmissions",
        "3",
        "--min-rto",
        "50ms",
        "--deadline",
        "5s",
        "--datagram-size",
        "512",
        "--ttl",
        "4",
    ]
    sender = commands.send(listener.address, "x", "--size", "3000", "--count", "10", "--ack", "--json", *options)
    assert sender.wait() == 0
    assert sender.summary()["messages_delivered"] == 10
    listener.wait()
    assert [message["sequence"] for message in listener.events("message")] == list(range(1, 11))


def test_a_connection_that_ends_is_said(commands: Commands) -> None:
    listener = commands.listen("--tcp", "--count", "1")
    sender = commands.start("send", listener.address, "--size", "10", "--count", "1000", "--rate", "200/s", "--tcp", "--ack")
    assert listener.wait() == 0
    assert sender.wait() == 3
    assert f"{listener.address} ended the connection" in sender.err.finish()


def test_many_failures_do_not_flood_the_screen(commands: Commands) -> None:
    listener = commands.listen("--count", "10")
    sender = commands.send(listener.address, "x", "--count", "500", "--ack", "--deadline", "300ms")
    assert listener.wait() == 0
    assert sender.wait() == 3
    assert 1 <= len(sender.out.lines) <= 20
    assert "More failures are only counted" in sender.err.finish()
    assert "Not all confirmed in time" in sender.err.finish()
