"""Exit codes: DESIGN §7, the same with and without --json, over UDP and over TCP; and what is said with them."""

import contextlib
import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import termios
import time

import pytest

from tests.cli.conftest import COMMAND, Commands, free_port

looks = pytest.mark.parametrize("look", [[], ["--json"]], ids=["words", "json"])


@looks
def test_all_well(commands: Commands, over: list[str], look: list[str]) -> None:
    listener = commands.listen(*over, "--once")
    sender = commands.send(listener.address, "hello", "--ack", *over, *look)
    assert sender.wait() == 0
    assert listener.wait() == 0


@looks
def test_fire_and_forget_to_nobody_is_well_and_says_what_it_does_not_know(commands: Commands, look: list[str]) -> None:
    port = free_port()
    sender = commands.send(f"127.0.0.1:{port}", "hello", *look)
    assert sender.wait() == 0
    words = sender.err.finish()
    assert f"nobody listens on 127.0.0.1:{port}" in words
    assert f"udpmsg listen --port {port}" in words
    if look:
        assert sender.summary()["messages_delivered"] is None
    else:
        assert "1 message sent; delivery not checked" in words


def test_fire_and_forget_to_a_silent_port_claims_nothing(commands: Commands) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        sender = commands.send(f"127.0.0.1:{silent.getsockname()[1]}", "hello")
    assert sender.wait() == 0
    assert "sent; delivery not checked" in sender.err.finish()
    assert "ICMP" not in sender.err.finish()


@looks
def test_acknowledged_to_nobody_is_4(commands: Commands, look: list[str]) -> None:
    port = free_port()
    sender = commands.send(f"127.0.0.1:{port}", "hello", "--ack", "--deadline", "300ms", *look)
    assert sender.wait() == 4
    assert f"nobody listens on 127.0.0.1:{port}" in sender.err.finish()


@looks
def test_acknowledged_to_somebody_who_confirms_nothing_is_3(commands: Commands, look: list[str]) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        sender = commands.send(f"127.0.0.1:{silent.getsockname()[1]}", "hello", "--ack", "--deadline", "300ms", *look)
    assert sender.wait() == 3
    assert "Nobody confirmed in time" in sender.err.finish()
    if look:
        (event,) = sender.events("unconfirmed")
        assert event["sequence"] == 1
        assert "300 ms" in event["reason"] or "0.3 s" in event["reason"]
        assert sender.summary()["messages_unconfirmed"] == 1
    else:
        assert sender.out.finish().startswith("#1  unconfirmed")


@looks
def test_tcp_to_nobody_is_4(commands: Commands, look: list[str]) -> None:
    port = free_port()
    sender = commands.send(f"127.0.0.1:{port}", "hello", "--tcp", *look)
    assert sender.wait() == 4
    assert f"127.0.0.1:{port}" in sender.err.finish()
    assert "udpmsg listen --tcp" in sender.err.finish()
    if look:
        assert sender.summary()["messages_sent"] == 0


@looks
def test_an_unanswered_message_is_3(commands: Commands, over: list[str], look: list[str]) -> None:
    listener = commands.listen(*over)
    sender = commands.send(listener.address, "hello", "--wait", "100ms", *over, *look)
    assert sender.wait() == 3
    assert "Not every message was answered" in sender.err.finish()


@looks
def test_a_port_in_use_is_5(commands: Commands, transport: str, over: list[str], look: list[str]) -> None:
    listener = commands.listen(*over)
    second = commands.start("listen", "--port", str(listener.port), *over, *look)
    assert second.wait() == 5
    assert f"cannot listen on {transport} {listener.address}: the port is in use; choose another" in second.err.finish()
    if look:
        assert second.summary()["messages_delivered"] == 0


def test_a_port_below_1024_is_refused_without_the_right_or_warned_about_with_it(commands: Commands) -> None:
    nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}
    try:
        subprocess.run([*COMMAND, "--version"], check=True, capture_output=True, **nobody)
    except (PermissionError, subprocess.CalledProcessError):
        nobody = {}  # this checkout is not readable for others
    port = next(number for number in range(1023, 500, -1) if not in_use(number))
    listener = commands.start("listen", "--port", str(port), "--for", "50ms", **nobody)
    code = listener.wait()
    words = listener.err.finish()
    if code == 5:
        assert "a port below 1024 needs a privilege that you do not have; choose one from 1024 to 65535" in words
    else:
        assert code == 0
        assert f"Port {port} is below 1024" in words


def in_use(port: int) -> bool:
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            return False
        except OSError:
            return True
    return False


@looks
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["interrupted", "terminated"])
def test_a_signal_ends_a_listener_in_order(commands: Commands, over: list[str], look: list[str], number: int, code: int) -> None:
    listener = commands.listen(*over, words=not look)
    commands.send(listener.address, "hello", "--ack", *over)
    listener.out.wait_for("hello")
    listener.signal(number)
    assert listener.wait() == code
    if look:
        assert listener.summary()["messages_delivered"] == 1
    else:
        assert "1 message received" in listener.err.finish()


@looks
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["interrupted", "terminated"])
def test_a_signal_ends_a_sender_in_order(commands: Commands, look: list[str], number: int, code: int) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.settimeout(20)
        sender = commands.start("send", f"127.0.0.1:{silent.getsockname()[1]}", "hello", "--ack", *look)
        silent.recv(65535)
        sender.signal(number)
        assert sender.wait() == code
    if look:
        assert sender.summary()["messages_unconfirmed"] == 1
    else:
        assert "1 unconfirmed" in sender.err.finish()


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what is left in a pipe")
def test_a_signal_ends_a_sender_that_reads_its_message(commands: Commands) -> None:
    """`--file -`: one message, which ends where standard input does."""
    sender = commands.start("send", "127.0.0.1:9", "--file", "-", "--json", stdin=subprocess.PIPE)
    sender.type("its beginning")
    assert sender.process.stdin is not None
    until = time.monotonic() + 20
    while any(fcntl.ioctl(sender.process.stdin, termios.FIONREAD, bytes(4))):
        assert time.monotonic() < until
    sender.signal(signal.SIGINT)
    assert sender.wait() == 130
    assert sender.summary()["messages_sent"] == 0
    assert "Interrupted: nothing was begun" in sender.err.finish()


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the connection in /proc")
def test_a_signal_ends_a_sender_that_is_connecting(commands: Commands) -> None:
    with contextlib.ExitStack() as sockets:
        full = sockets.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # its queue is full then, and nobody answers the next one
            filler = sockets.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        port = full.getsockname()[1]
        before = connecting_to(port)
        sender = commands.start("send", f"127.0.0.1:{port}", "hello", "--tcp", "--json")
        while connecting_to(port) <= before:
            assert sender.process.poll() is None
        sender.signal(signal.SIGTERM)
        assert sender.wait() == 143
    assert sender.summary()["messages_sent"] == 0


def connecting_to(port: int) -> int:
    """How many connections to a port of this machine wait for an answer: state SYN_SENT, 02."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        return sum(row.split()[2:4] == [f"0100007F:{port:04X}", "02"] for row in table)


def test_the_second_signal_ends_at_once(commands: Commands) -> None:
    listener = commands.listen("--exec", "sleep 8", "--count", "1", words=True)
    commands.send(listener.address, "hello")
    listener.out.wait_for("hello")
    listener.signal()
    listener.signal()
    assert listener.wait() == 130


@pytest.mark.parametrize("look", [[], ["--json"]], ids=["words", "json"])
def test_a_reader_that_goes_away_ends_the_listener_in_order(commands: Commands, look: list[str]) -> None:
    reading, writing = os.pipe()
    port = free_port()
    listener = commands.start("listen", "--port", str(port), *look, stdout=writing)
    os.close(writing)
    if look:
        assert b"listening" in os.read(reading, 65536)
    else:
        listener.err.wait_for("Listening on")
    os.close(reading)
    commands.send(f"127.0.0.1:{port}", "hello")
    assert listener.process.wait(20) == 1
    words = listener.err.finish()
    assert "the reader of standard output went away" in words
    assert "1 message came and was not written" in words
    assert "Traceback" not in words


def test_a_full_disk_behind_standard_output_is_said(commands: Commands) -> None:
    with open("/dev/full", "wb") as full:
        port = free_port()
        listener = commands.start("listen", "--port", str(port), stdout=full)
    listener.err.wait_for("Listening on")
    commands.send(f"127.0.0.1:{port}", "hello")
    assert listener.process.wait(20) == 1
    assert "cannot write to standard output: No space left on device" in listener.err.finish()


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EHOSTUNREACH, "no route leads to the host of 127.0.0.1:{}, or a firewall forbids it"),
        (errno.ENETUNREACH, "no route leads to the network of 127.0.0.1:{}, or a firewall forbids it"),
        (errno.EACCES, "a firewall forbids the path to 127.0.0.1:{}"),
    ],
)
def test_what_icmp_says_of_the_way_is_not_told_as_nobody(run, monkeypatch: pytest.MonkeyPatch, number: int, said: str) -> None:
    errors = [OSError(number, "earlier")]

    class Told(socket.socket):
        def send(self, data: bytes, flags: int = 0) -> int:  # type: ignore[override]
            if errors:
                raise errors.pop()
            return super().send(data)

    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        monkeypatch.setattr("udpmsg.udp.sender.socket.socket", Told)
        code, _, words = run("send", f"127.0.0.1:{port}", "x", "--no-offload")
    assert code == 0
    assert f"ICMP came back: {said.format(port)}. Check the address" in words
    assert "nobody listens" not in words
