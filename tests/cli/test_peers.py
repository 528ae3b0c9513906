"""Other programs as peers: netcat and socat, as senders and as receivers, over both transports."""

import subprocess

import pytest

from tests.cli.conftest import Commands, free_port


def sending(tool: str, port: int) -> list[str]:
    if tool == "netcat":
        return ["nc", "-u", "-w", "2", "127.0.0.1", str(port)]
    return ["socat", "-t", "2", "-", f"UDP4:127.0.0.1:{port}"]


def receiving(tool: str, transport: str, port: int) -> list[str]:
    if tool == "netcat":
        return ["nc", *(["-u"] if transport == "udp" else []), "-l", "127.0.0.1", str(port)]
    return ["socat", "-u", f"{transport.upper()}4-LISTEN:{port},bind=127.0.0.1", "-"]


@pytest.mark.parametrize("tool", ["netcat", "socat"])
def test_another_program_talks_to_our_listener(commands: Commands, tool: str) -> None:
    listener = commands.listen("--echo", "--once")
    peer = commands.start(program=sending(tool, listener.port), stdin=subprocess.PIPE)
    peer.type("hello from outside\n")
    assert peer.out.wait_for("hello from outside")
    peer.type("bye\n")
    assert listener.wait() == 0
    messages = listener.events("message")
    assert [message["text"] for message in messages] == ["hello from outside\n", "bye\n"]
    assert all(message["raw"] and message["sequence"] is None and message["session"] is None for message in messages)


@pytest.mark.parametrize("tool", ["netcat", "socat"])
def test_our_sender_talks_to_another_program(commands: Commands, transport: str, over: list[str], tool: str) -> None:
    port = free_port()
    peer = commands.start(program=receiving(tool, transport, port), stdin=subprocess.PIPE)
    text = "hello outside" if transport == "tcp" else "hello outside\n"
    for _ in range(200):  # the program does not say when it is ready
        sender = commands.send(f"127.0.0.1:{port}", text, "--raw", *over)
        if sender.wait() == 0 and "ICMP" not in sender.err.finish():
            break
    assert peer.out.wait_for("hello outside") == "hello outside"


def test_a_program_that_answers(commands: Commands, transport: str, over: list[str]) -> None:
    port = free_port()
    commands.start(program=["socat", f"{transport.upper()}4-LISTEN:{port},bind=127.0.0.1,fork", "EXEC:cat"])
    for _ in range(200):  # the program does not say when it is ready
        sender = commands.send(f"127.0.0.1:{port}", "hello", "--raw", "--wait", "1s", *over)
        if sender.wait() == 0:
            break
    assert sender.out.lines == ["hello"]
