"""Everything that `listen`, `send` and `udpmsg` say to people is told in their language; what programs read never changes."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import marked
from tests.cli.conftest import Commands, Running, free_port
from tests.cli.terminal import Terminal
from udpmsg.core import wire

PROGRAM = [sys.executable, marked.__file__]


@pytest.fixture(autouse=True)
def found_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program of marked texts finds the package wherever it is started."""
    monkeypatch.setenv("PYTHONPATH", str(Path(marked.__file__).parent.parent))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")


def assert_told(*texts: str) -> None:
    """Everything there is translated, and there is something."""
    together = "\n".join(texts)
    assert marked.unmarked(together) == []
    assert re.search("[а-я]", together), together


# In Portuguese ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "settings"),
    [(["--lang", "pt-BR"], {}), ([], {"UDPMSG_LANG": "pt"}), ([], {"LANG": "pt_BR.UTF-8", "LC_ALL": "", "LC_MESSAGES": ""})],
    ids=["option", "setting", "system"],
)
def test_a_listener_and_a_sender_in_portuguese(commands: Commands, options: list[str], settings: dict[str, str]) -> None:
    env = {"LANGUAGE": ""} | settings
    port = free_port()
    listener = commands.start("listen", "--port", str(port), "--once", *options, env=env)
    listener.err.wait_for(f"Escutando em udp 127.0.0.1:{port} (buffer de recepção ")
    sender = commands.send(f"127.0.0.1:{port}", "olá", "--ack", *options, env=env)
    assert (sender.wait(), listener.wait()) == (0, 0)
    assert re.fullmatch(r"#1  entregue  \d+(,\d+)? (µs|ms|s)", sender.out.finish())
    assert sender.err.finish() == f"1 mensagem para 127.0.0.1:{port} · 1 entregue"
    assert "despediu-se depois de 1 mensagem" in listener.err.finish()
    assert f"1 mensagem recebida em udp 127.0.0.1:{port} · 4 B" in listener.err.finish()


# Help, and command lines that mean nothing --------------------------------------------------------------------------------

HELPS = ["--help", "listen --help", "send --help", "inbox --help", ""]
REFUSED = [
    "1",
    "sent",
    "send",
    "send 1 --bogus",
    "send 1 --cont 2",
    "send 1 --count",
    "send 1 2 --ack=3",
    "listen 1",
    "listen --port 0",
    "listen --port 70000",
    "listen --port x",
    "listen --for -1s",
    "listen --for 0",
    "listen --for 5",
    "listen --host *",
    "listen --host 239.1.2.3",
    "listen --max-sessions 1000000",
    "listen --max-message 1.5",
    "listen --slow 99999999h",
    "listen --lang 1",
    "listen --echo --exec 1",
    "listen --interface 127.0.0.1",
    "listen --multicast 10.0.0.1",
    "listen --multicast 239.1.2.3 --interface 1",
    "listen --multicast 239.1.2.3 --tcp",
    "listen --save /dev/null",
    "listen --save /dev/null/1",
    "listen --host 192.0.2.1",
    "listen --host 1.invalid",
    "send 127.0.0.1 --port 1:2 1",
    "send 127.0.0.1:5000 1 --port 5001",
    "send 127.0.0.1: 1",
    "send [::1 1",
    "send [::1]: 1",
    "send :5 1",
    "send * 1",
    "send fe80::1 1",
    "send fe80::1%x 1",
    "send 127.0.0.1 1 --ttl 0",
    "send 127.0.0.1 1 --max-transmissions 256",
    "send 127.0.0.1 1 --datagram-size 5",
    "send 127.0.0.1 1 --rate 1%",
    "send 127.0.0.1 1 --size 1000 --max-message 10",
    "send 127.0.0.1 111 --size 2",
    "send 127.0.0.1 1 --window 2",
    "send 127.0.0.1 --count 2",
    "send 127.0.0.1 1 --ack --raw",
    "send 239.1.2.3 1 --ack",
    "send 127.0.0.1 1 --interface 127.0.0.1",
    "send 127.255.255.255 1",
    "send ff02::1 1 --broadcast",
    "send 239.1.2.3 1 --interface 192.0.2.1",
    "send 127.0.0.1 --file /nonexistent",
    "send 127.0.0.1 --file /",
    "send 127.0.0.1:9 --tcp 1",
    "send 127.0.0.1:9 --raw --size 70000",
    "inbox",
    "inbox -",
    "inbox /nonexistent",
    "inbox /dev/null",
    "inbox /etc/passwd",
    "inbox /nonexistent --json --csv",
    "inbox /nonexistent --rate 5/s",
    "inbox /nonexistent --session 5f0c2b7a91d3e8460",
]


def test_the_helps_and_what_is_refused_are_told() -> None:
    """Each of them in one process, which reads them as lines."""
    lines = [*HELPS, *REFUSED]
    ended = subprocess.run(PROGRAM, input="\n".join([*lines, ""]).encode(), capture_output=True, timeout=60)
    outputs, words = (stream.decode().split("\0") for stream in (ended.stdout, ended.stderr))
    assert len(outputs) == len(words) == len(lines) + 1, ended.stderr.decode()
    told = {line: marked.unmarked(output + said) for line, output, said in zip(lines, outputs, words, strict=False)}
    assert {line: found for line, found in told.items() if found} == {}
    assert [line for line, output, said in zip(lines, outputs, words, strict=False) if not (output + said).strip()] == []


def test_a_setting_that_means_nothing_is_told(commands: Commands) -> None:
    for name, value in (("UDPMSG_ACK", "1234"), ("UDPMSG_WINDOW", "4")):
        refused = commands.start("send", "127.0.0.1:9", "1", program=PROGRAM, env={name: value})
        assert refused.wait() == 2
        assert_told(refused.err.finish())


# Runs -------------------------------------------------------------------------------------------------------------------


class Told:
    """Starts commands that speak the language of marked texts; all that was said is in `said`."""

    def __init__(self, commands: Commands) -> None:
        self.commands = commands
        self.running: list[Running] = []

    def listen(self, *arguments: str, **options: Any) -> Running:
        """A listener that listens."""
        port = free_port()
        running = self.start("listen", "--port", str(port), *arguments, port=port, **options)
        running.err.wait_for(f"127.0.0.1:{port}")
        return running

    def send(self, *arguments: str, input: str | None = None, **options: Any) -> Running:  # noqa: A002
        """A sender that has ended."""
        running = self.start("send", *arguments, **options, **({} if input is None else {"stdin": subprocess.PIPE}))
        if input is not None:
            running.type(input)
            running.end_input()
        running.wait()
        return running

    def start(self, *arguments: str, **options: Any) -> Running:
        running = self.commands.start(*arguments, program=PROGRAM, **options)
        self.running.append(running)
        return running

    def assert_all(self) -> None:
        """Everything is translated, on standard output and standard error, of every command that has ended."""
        for running in self.running:
            running.wait()
            assert_told("\n".join([*running.out.lines, *running.err.lines]))


@pytest.fixture
def told(commands: Commands) -> Told:
    return Told(commands)


def raw(listener: Running, *datagrams: bytes) -> None:
    """What another program sends."""
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        for datagram in datagrams:
            peer.sendto(datagram, ("127.0.0.1", listener.port))


def message(sequence: int, **fields: Any) -> bytes:
    return wire.encode(wire.Kind.MESSAGE, session=7, number=sequence, sent_at=0, sequence=sequence, payload=b"1", **fields)


@pytest.mark.parametrize("promise", [[], ["--ack"]], ids=["forget", "ack"])
def test_an_exchange(told: Told, over: list[str], promise: list[str]) -> None:
    told.listen(*over, "--echo", "--once")
    listener = told.running[0]
    told.send(listener.address, "111", *over, *promise, "--wait", "15s")
    told.assert_all()


def test_a_dialogue_and_its_silence(told: Told, over: list[str]) -> None:
    listener = told.listen(*over, "--once")
    sender = told.send(listener.address, "--wait", "100ms", "--bye", "999", *over, input="111\n999\n")
    assert sender.wait() == 3
    told.assert_all()


def test_no_line_and_a_line_too_long(told: Told) -> None:
    listener = told.listen("--interactive", "--max-message", "5", "--count", "1", stdin=subprocess.PIPE)
    told.send(listener.address)
    listener.type("1234567\n12\n")
    told.send(listener.address, "--max-message", "5", "--wait", "15s", input="1234567\n11\n")
    told.assert_all()


def test_nobody_there(told: Told) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    assert told.send(nobody, "111").wait() == 0
    assert told.send(nobody, "111", "--ack", "--deadline", "100ms").wait() == 4
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        assert told.send(address, "111", "--ack", "--deadline", "100ms").wait() == 3
        assert told.send(address, "111", "--ack", "--max-transmissions", "1", "--min-rto", "10ms").wait() == 3
        assert told.send(address, "1", "--count", "30", "--ack", "--deadline", "100ms").wait() == 3
    told.assert_all()


def test_a_connection_that_ends(told: Told) -> None:
    listener = told.listen("--tcp", "--count", "1")
    sender = told.start("send", listener.address, "11", "--count", "1000", "--rate", "200/s", "--tcp", "--ack")
    sender.wait()
    told.assert_all()


def test_ctrl_c(told: Told) -> None:
    listener = told.listen("--both")
    sender = told.start("send", listener.address, "--count", "1000", "--rate", "1/s", "1")
    listener.out.wait_for("1")
    for running in (sender, listener):
        running.signal()
        assert running.wait() == 130
    told.assert_all()


def test_what_strangers_send(told: Told) -> None:
    malformed = [b"UM\x01\x01\x80" + b"\0" * 35] * 12
    listener = told.listen("--hex", "--max-sessions", "1", "--count", "4")
    again = message(2, lowest=1, transmission=2)
    other = wire.encode(wire.Kind.MESSAGE, session=8, number=1, sent_at=0, sequence=1, payload=b"1")
    goodbye = wire.encode(wire.Kind.GOODBYE, session=7, number=9, sent_at=0, payload=wire.NUMBER.pack(9))
    raw(listener, *malformed, b"", message(3, lowest=1, transmission=1), again, again, other, goodbye, b"1")
    told.assert_all()


def test_messages_in_files(told: Told, tmp_path: Path) -> None:
    listener = told.listen("--save", str(tmp_path), "--count", "2")
    raw(listener, message(1), b"22")
    told.assert_all()


def test_a_command_that_fails(told: Told) -> None:
    listener = told.listen("--exec", "exit 3", "--count", "2")
    raw(listener, message(1), b"22")
    told.assert_all()


def test_the_reader_went_away(told: Told) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    listener = told.listen(stdout=writer)
    os.close(writer)
    raw(listener, b"11")
    assert listener.wait() == 1
    told.assert_all()


# At a terminal ----------------------------------------------------------------------------------------------------------


def test_a_dialogue_in_a_terminal(told: Told, terminal: type[Terminal]) -> None:
    listener = told.listen("--interactive", stdin=subprocess.PIPE)
    client = terminal("send", listener.address, "--wait", "100ms", "--bye", "999", program=PROGRAM)
    client.expect("> ")
    client.type("111")
    client.expect(marked.marked("no reply within {}").format("100 ms"))
    client.expect("> ")
    client.type("222")
    client.expect(marked.marked("no reply within {}").format("100 ms"))
    listener.type("333\n")
    client.expect(marked.marked("late, to #{}").format(1))
    client.expect("> ")
    client.type("999")
    client.wait()
    listener.signal()
    listener.wait()
    assert_told(client.screen)
    told.assert_all()


def test_nobody_there_in_a_terminal(terminal: type[Terminal]) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    asking = terminal("send", nobody, "--wait", "100ms", "--bye", "999", program=PROGRAM)
    asking.expect("> ")
    asking.type("111")
    asking.expect("127.0.0.1")
    asking.expect("> ")
    asking.type("999")
    waiting = terminal("send", nobody, "111", "--ack", program=PROGRAM)
    waiting.expect(marked.marked("Ctrl-C stops"))
    sending = terminal("send", nobody, "111", "--count", "1000", "--rate", "100/s", program=PROGRAM)
    sending.expect(marked.marked("Ctrl-C stops"))
    for running in (waiting, sending):
        running.process.send_signal(2)
    for running in (asking, waiting, sending):
        running.wait()
        assert_told(running.screen)


def test_answering_by_hand_in_a_terminal(told: Told, terminal: type[Terminal]) -> None:
    port = free_port()
    server = terminal("listen", "--port", str(port), "--host", "0.0.0.0", "--interactive", "--count", "2", program=PROGRAM)
    server.expect(str(port))
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        for datagram in (message(1), b"22"):
            peer.sendto(datagram, ("127.0.0.1", port))
            server.expect("> ")
            server.type("333")
    assert server.wait() == 0
    assert_told(server.screen)
