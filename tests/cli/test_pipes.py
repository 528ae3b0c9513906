"""Pipes: what comes in batches is shown and sent as if it came line by line, and what comes alone does not wait."""

import io
import json
import os
import subprocess
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.conftest import COMMAND, Commands, free_port
from tests.cli.terminal import Terminal
from udpmsg.cli.dialogue import Dialogue
from udpmsg.cli.lines import LineTooLong
from udpmsg.compare.workload import BATCH
from udpmsg.core.events import Message, Outcome, State
from udpmsg.show import jsonlines
from udpmsg.show.human import HumanLines
from udpmsg.show.jsonlines import JsonLines
from udpmsg.show.stream import Data, Words
from udpmsg.sockets.endpoint import Endpoint

LINES = [
    b"one",
    b"",
    b"NUL \0 and \x7f",
    b"\xff\xfe no text",
    "漢字 \u202e é".encode(),
    b'"quoted" \\ %s %d {}',
    b"x" * 3000,
    b"bye?",
]
"""What a line may have in it."""

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(rows=st.lists(st.tuples(SCALARS, SCALARS, st.text()), max_size=5), name=st.text(), run=st.text())
def test_lines_of_many_events_are_those_of_each(rows: list[tuple[Any, ...]], name: str, run: str) -> None:
    keys = (name, "second %", "third\x7f")
    assert jsonlines.lines("event", run, keys, rows) == [
        jsonlines.line("event", run, dict(zip(keys, row, strict=True))) for row in rows
    ]


def test_a_line_of_a_message_is_what_it_always_was() -> None:
    """Byte for byte: keys in their order, ASCII alone, spaces after colons and commas."""
    peer = Endpoint("udp", "127.0.0.1", 41234)
    message = Message("é\x7f\x1b\u202e%".encode(), peer, 0x123456789ABCDEF0, 17, transmission=1)
    message = message._replace(title="a\nb", reordered=True)
    out = io.StringIO()
    lines = JsonLines(Data(out, Words(None)), Words(None))
    lines.run = "0123456789abcdef"
    assert lines.messages([message]) == 1
    lines.outcomes([Outcome(3, State.DELIVERED, transmissions=2, rtt_ns=1_250_000)])
    lines.outcomes([Outcome(4, State.REFUSED, "not sent")])
    lines.replies([Message(b"\xff", peer, 7, 2, reply_to=1)])
    begin = '"v": 1, "run": "0123456789abcdef", '
    assert out.getvalue().splitlines() == [
        '{"event": "message", ' + begin + '"transport": "udp", "peer": "127.0.0.1:41234", "session": "123456789abcdef0", '
        '"sequence": 17, "title": "a\\nb", "size": 8, "text": "\\u00e9\\u007f\\u001b\\u202e%", "base64": null, "raw": false, '
        '"reordered": true, "transmission": 1, "one_way_delay_s": null}',
        '{"event": "acknowledged", ' + begin + '"sequence": 3, "rtt_s": 0.00125, "transmissions": 2}',
        '{"event": "refused", ' + begin + '"sequence": 4, "reason": "not sent"}',
        '{"event": "reply", ' + begin + '"in_reply_to": 1, "text": null, "base64": "/w=="}',
    ]


PEERS = [Endpoint("udp", "127.0.0.1", port) for port in (40001, 40002)]
MESSAGES = st.builds(
    Message,
    payload=st.binary(max_size=40) | st.sampled_from(LINES),
    peer=st.sampled_from(PEERS),
    session=st.none() | st.integers(1, 2**64 - 1),
    sequence=st.none() | st.integers(1, 2**64 - 1),
    reply_to=st.none() | st.integers(1, 9),
    reordered=st.booleans(),
    transmission=st.none() | st.integers(1, 3),
    title=st.none() | st.text(st.characters(codec="utf-8"), min_size=1, max_size=9),
)


@given(messages=st.lists(MESSAGES, max_size=6), saved=st.booleans(), options=st.sampled_from([{}, {"hexadecimal": True}]))
def test_a_batch_is_shown_as_each_of_it(messages: list[Message], saved: bool, options: dict[str, bool]) -> None:
    files = [f"message-{number}" for number in range(len(messages))] if saved else []

    def shown(make: Any, batches: list[slice]) -> str:
        out = io.StringIO()
        lines = make(Data(out, Words(None)), Words(None))
        lines.run = "run"
        for part in batches:
            assert lines.messages(messages[part], files[part]) == len(messages[part])
            lines.replies(messages[part], ["note"] * len(messages[part]))
        return out.getvalue()

    alone = [slice(place, place + 1) for place in range(len(messages))]
    for make in (JsonLines, lambda data, words: HumanLines(data, words, **options)):
        together = shown(make, [slice(None)]).splitlines()
        assert sorted(together) == sorted(shown(make, alone).splitlines())


class Sending:
    """A sender that keeps what it is given, and is woken at times."""

    endpoint = PEERS[0]
    spool = None
    acknowledged = False
    raw = False
    unresolved = 0
    refused = False

    def __init__(self, *, at_most: int = BATCH) -> None:
        self.sent: list[bytes] = []
        self.calls = 0
        self._at_most = at_most

    def wake(self) -> None:
        """Nobody waits."""

    def check(self, size: int) -> None:
        """Every size is fine."""

    def send_many(self, payloads: list[bytes]) -> range:
        self.calls += 1
        taken = payloads[: self._at_most]
        self.sent += taken
        return range(len(self.sent) - len(taken) + 1, len(self.sent) + 1)


def said(sender: Sending, lines: list[Any], farewell: bytes = b"bye") -> tuple[bool, list[str], Any]:
    """Have a dialogue send these lines: whether it ended, what it said, and the exchange."""
    words: list[str] = []
    exchange: Any = SimpleNamespace(sender=sender, stopped=False, not_sent=0, words=SimpleNamespace(say=words.append))
    dialogue = Dialogue(farewell=farewell, wait=0, terminal=False, interval=None, limit=5000)
    return dialogue._say(exchange, lines), words, exchange


def test_lines_go_to_the_library_together() -> None:
    sender = Sending()
    assert said(sender, [b"line"] * BATCH)[0] is False
    assert (sender.calls, len(sender.sent)) == (1, BATCH)


def test_a_batch_that_a_wake_has_cut_short_goes_on() -> None:
    sender = Sending(at_most=3)
    lines = [b"%d" % number for number in range(10)]
    said(sender, list(lines))
    assert sender.sent == lines


def test_a_farewell_in_a_batch_is_the_last_line_of_it() -> None:
    sender = Sending()
    assert said(sender, [b"one", b"bye bye", b" bye\t", b"never"])[0]
    assert sender.sent == [b"one", b"bye bye", b" bye\t"]


def test_a_line_that_is_too_long_is_left_out_of_its_batch() -> None:
    sender = Sending()
    ended, words, exchange = said(sender, [b"one", LineTooLong(6000), b"two", LineTooLong(7000)])
    assert (ended, sender.sent, exchange.not_sent) == (False, [b"one", b"two"], 2)
    assert ["6000" in words[0], "7000" in words[1]] == [True, True]


def test_a_line_that_no_datagram_can_carry_is_left_out_too(commands: Commands) -> None:
    listener = commands.listen("--count", "2")
    lines = b"one\n" + b"x" * 70_000 + b"\ntwo\n"
    sender = commands.send(listener.address, "--raw", "--wait", "0s", input=lines)
    assert sender.wait() == 3
    assert "the message has 70000 bytes and the limit is 65507" in sender.err.finish()
    assert "1 not sent" in sender.err.finish()
    assert listener.wait() == 0
    assert [event["text"] for event in listener.events("message")] == ["one", "two"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("options", [[], ["--ack"], ["--ack", "--json"]])
def test_lines_arrive_as_they_are(commands: Commands, over: list[str], options: list[str], end: bytes) -> None:
    listener = commands.listen(*over, "--once")
    stream = end.join(LINES) + end + b"the last one has no end\r"
    assert commands.send(listener.address, "--wait", "0s", *options, *over, input=stream).wait() == 0
    assert listener.wait() == 0
    expected = [*LINES, b"the last one has no end\r"]
    shown = listener.events("message")
    assert [event["size"] for event in shown] == [len(line) for line in expected]
    assert [event["text"] for event in shown if event["text"] is not None] == [
        line.decode() for line in expected if line != LINES[3]
    ]


def test_a_line_that_comes_alone_leaves_at_once(commands: Commands, over: list[str]) -> None:
    """The next line is only written when this one has come."""
    listener = commands.listen(*over, "--echo", "--once")
    client = commands.start("send", listener.address, "--wait", "15s", *over, stdin=subprocess.PIPE)
    for number in range(1, 6):
        client.type(f"line {number}\n")
        listener.out.wait_for(f'"line {number}"')
        client.out.wait_for(f"line {number}")
    client.end_input()
    assert client.wait() == listener.wait() == 0


@pytest.mark.parametrize("window", [[], ["--window", "3"]])
def test_lines_that_come_faster_than_the_window_lets_them_go(commands: Commands, over: list[str], window: list[str]) -> None:
    count = 3000
    listener = commands.listen(*over, "--once")
    lines = "".join(f"{number}\n" for number in range(1, count + 1))
    client = commands.send(listener.address, "--ack", "--json", "--wait", "0s", *window, *over, input=lines)
    assert client.wait() == listener.wait() == 0
    assert sorted(event["sequence"] for event in client.events("acknowledged")) == [*range(1, count + 1)]
    assert [event["text"] for event in listener.events("message")] == [str(number) for number in range(1, count + 1)]


def test_outcomes_are_told_while_lines_still_come(commands: Commands, over: list[str]) -> None:
    listener = commands.listen(*over)
    client = commands.start("send", listener.address, "--ack", "--json", "--wait", "0s", *over, stdin=subprocess.PIPE)
    client.type("first\n")
    client.out.wait_for('"sequence": 1,')
    client.type("".join(f"{number}\n" for number in range(2, 1001)))
    client.out.wait_for('"sequence": 1000,')
    client.end_input()
    assert client.wait() == 0


def test_a_pace_holds_for_lines_that_are_there_already(commands: Commands) -> None:
    listener = commands.listen("--once")
    lines = "".join(f"{number}\n" for number in range(1000))
    client = commands.send(listener.address, "--rate", "2000/s", "--wait", "0s", "--json", input=lines)
    assert client.summary()["messages_sent"] == 1000
    assert client.summary()["duration_s"] >= 0.3  # 0.5 by the schedule, which a first line that was late shortens
    assert listener.wait() == 0


@pytest.mark.parametrize("options", [["--json"], []])
def test_a_reader_that_has_seen_enough_ends_a_listener(commands: Commands, over: list[str], options: list[str]) -> None:
    reading, writing = os.pipe()
    port = free_port()
    listener = commands.start("listen", "--port", str(port), *options, *over, stdout=writing)
    os.close(writing)
    with os.fdopen(reading) as lines:
        if options:
            assert "listening" in lines.readline()
        else:
            listener.err.wait_for("Listening on")
        client = commands.start("send", f"127.0.0.1:{port}", "--wait", "0s", *over, stdin=subprocess.PIPE)
        client.type("line 1\nline 2\n")
        assert "line 1" in lines.readline()
        assert "line 2" in lines.readline()
    client.type("line 3\n")
    assert listener.wait() == 1
    assert "the reader of standard output went away" in listener.err.finish()


def test_a_reader_that_has_seen_enough_ends_a_sender(commands: Commands, over: list[str]) -> None:
    listener = commands.listen(*over)
    line = " ".join([*COMMAND, "send", listener.address, "--ack", "--json", *over])
    script = f"set -o pipefail; yes hello | {line} | head -n 3; echo ended with ${{PIPESTATUS[1]}}"
    sender = commands.start(program=["bash", "-c", script])
    sender.out.wait_for("ended with 1")
    assert sender.wait() == 0
    assert "the reader of standard output went away" in sender.err.finish()


def test_ctrl_c_while_lines_pour_in(commands: Commands, over: list[str]) -> None:
    listener = commands.listen(*over, "--quiet")
    pour = subprocess.Popen(["yes", "hello"], stdout=subprocess.PIPE)
    assert pour.stdout is not None
    with pour:
        sender = commands.start("send", listener.address, "--ack", "--json", *over, stdin=pour.stdout)
        pour.stdout.close()
        sender.out.wait_for('"acknowledged"', 5000)
        sender.signal()
        assert sender.wait() == 130
        pour.kill()
    summary = json.loads(sender.out.lines[-1])
    told = sender.events("acknowledged")
    assert summary["messages_delivered"] == len(told) == len({event["sequence"] for event in told})


def test_what_is_typed_stays_in_view_when_a_reply_comes(commands: Commands, terminal: type[Terminal]) -> None:
    listener = commands.listen("--interactive", stdin=subprocess.PIPE)
    client = terminal("send", listener.address, "--wait", "100ms")
    client.expect_rows("> ")
    client.type("a question")
    client.expect_rows("> a question", "no reply within 100 ms", "> ")
    client.press("half a")
    client.expect_rows("> half a")
    listener.type(f"an answer {'x' * 100}\n")
    answer = (f"< an answer {'x' * 68}", "x" * 32)
    client.expect_rows("> a question", "no reply within 100 ms", *answer, "> half a")
    client.press("nother")
    client.expect_rows("> half another")
    client.press("\x7f" * 3)  # the system edits it as before
    client.expect_rows("> half anot")
    client.type("e")
    listener.out.wait_for('"half anote"')
    client.type("bye")
    client.wait()


def test_many_replies_stand_above_what_is_typed(commands: Commands, terminal: type[Terminal]) -> None:
    """More than the terminal has rows: it scrolls."""
    listener = commands.listen("--interactive", stdin=subprocess.PIPE)
    client = terminal("send", listener.address, "--wait", "0s")
    for number in range(1, 31):
        client.expect_rows("> ")
        client.type(f"question {number}")
        listener.out.wait_for(f'"question {number}"')
    client.expect_rows("> question 30", "> ")
    client.press("a draft")
    client.expect_rows("> a draft")
    listener.type("".join(f"answer {number}\n" for number in range(1, 31)))
    client.expect_rows(*(f"answer {number}  (late, to #{number})" for number in range(20, 30)), "answer 30", "> a draft")
    client.type("")
    listener.out.wait_for('"a draft"')
    client.type("bye")
    client.wait()


def test_what_is_typed_stays_in_view_at_a_listener(commands: Commands, over: list[str], terminal: type[Terminal]) -> None:
    address = f"127.0.0.1:{free_port()}"
    server = terminal("listen", "--port", address.rpartition(":")[2], "--interactive", *over)
    server.expect("Send to it")
    ana = commands.start("send", address, "hi from Ana", "--wait", "15s", *over)
    server.expect_rows(" “hi from Ana”> ")
    server.press("hello A")
    server.expect_rows(" “hi from Ana”> hello A")
    ben = commands.start("send", address, "hi from Ben", "--wait", "15s", *over)
    server.expect_rows("#1   hi from Ben", " “hi from Ana”> hello A")
    server.type("na")
    assert ana.wait() == 0
    assert ana.out.lines == ["hello Ana"]
    server.type("hello Ben")
    assert ben.wait() == 0
    assert ben.out.lines == ["hello Ben"]


@pytest.mark.parametrize(("key", "code"), [("\x03", 130), ("\x04", 0)])
def test_last_words_do_not_stand_behind_a_prompt(commands: Commands, terminal: type[Terminal], key: str, code: int) -> None:
    listener = commands.listen("--echo")
    client = terminal("send", listener.address)
    client.expect_rows("> ")
    client.type("hello")
    client.expect_rows("> hello", "< hello", "> ")
    if code:
        client.process.send_signal(2)
    else:
        client.press(key)
    assert client.wait() == code
    *_, reply, last, _ = client.rows
    assert reply == "< hello"
    assert not last.startswith("> ")
    assert "1 message sent; 1 answered" in last


def test_lines_that_are_typed_ahead_stand_above_their_replies(commands: Commands, terminal: type[Terminal]) -> None:
    listener = commands.listen("--interactive", stdin=subprocess.PIPE)
    client = terminal("send", listener.address, "--wait", "15s")
    client.expect_rows("> ")
    client.type("one")
    listener.out.wait_for('"one"')
    client.type("two\rthree")
    client.expect_rows("> one", "two", "three", "")
    listener.type("first\n")
    client.expect_rows("three", "< first", "> two", "")
    listener.type("second\n")
    client.expect_rows("< first", "> two", "< second", "> three", "")
    listener.type("third\n")
    client.expect_rows("< second", "> three", "< third", "> ")
    client.type("bye")
    client.wait()
