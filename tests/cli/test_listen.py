"""`udpmsg listen`: what it shows, answers and keeps, and when it ends."""

import contextlib
import os
import re
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.cli.conftest import COMMAND, Commands, Running, free_port
from tests.core.support import RemoteSender
from udpmsg import Sender, State
from udpmsg.core import wire
from udpmsg.core.framing import frame


def raw(listener: Running, *datagrams: bytes) -> None:
    """Send datagrams as any program would."""
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        for datagram in datagrams:
            peer.sendto(datagram, ("127.0.0.1", listener.port))


@contextlib.contextmanager
def stopped(listener: Running) -> Iterator[None]:
    """The listener takes nothing in; what comes meanwhile it finds all at once."""
    listener.signal(signal.SIGSTOP)
    os.waitpid(listener.process.pid, os.WUNTRACED)
    yield
    listener.signal(signal.SIGCONT)


def peak(process: int) -> int:
    """KiB of memory that a process has taken at most; 0 where nobody tells."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    return int(status.partition("VmHWM:")[2].split()[0])


def test_a_line_for_each_message(commands: Commands, transport: str, over: list[str]) -> None:
    listener = commands.listen(*over, "--once", words=True)
    commands.send(listener.address, "hello there", *over)
    assert listener.wait() == 0
    assert re.fullmatch(r"127\.0\.0\.1:\d+  #1   hello there", listener.out.finish())
    words = listener.err.finish()
    assert f"Listening on {transport} 127.0.0.1:{listener.port}" in words
    assert "said goodbye after 1 message" in words
    assert f"1 message received on {transport} 127.0.0.1:{listener.port}" in words


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        (b"\x1b]0;x\x07", r"\x1b]0;x\x07"),
        (b"\xc2\x9b31m", r"\x9b31m"),
        (b"\x7f", r"\x7f"),
        ("\u202eevil\u2066\u2028".encode(), r"\u202eevil\u2066\u2028"),
        (b"a\nb\tc\rd", r"a\nb\tc\rd"),
        (b"\xff\xfe", r"\xff\xfe"),
        ("äöü 漢字 🙂".encode(), "äöü 漢字 🙂"),
    ],
    ids=["title", "c1", "delete", "bidirectional", "lines", "no-utf8", "unicode"],
)
def test_what_a_peer_sends_cannot_steer_the_terminal(commands: Commands, payload: bytes, shown: str) -> None:
    listener = commands.listen("--once", words=True)
    commands.send(listener.address, "--", payload)
    listener.wait()
    assert listener.out.finish().split("  ", 2)[2].strip() == shown


def test_raw_bytes_are_shown_as_such(commands: Commands) -> None:
    listener = commands.listen("--count", "2", words=True)
    raw(listener, b"from netcat\n", b"x")
    assert listener.wait() == 0
    assert [line.split("  ", 1)[1] for line in listener.out.lines] == ["raw  from netcat", "raw  x"]


def test_bytes_in_hexadecimal(commands: Commands) -> None:
    listener = commands.listen("--count", "1", "--hex", words=True)
    raw(listener, b"0123456789abcdef\x00\xff")
    listener.wait()
    assert listener.out.lines[0].endswith("raw  18 bytes")
    assert listener.out.lines[1].split() == ["0000", *(f"{byte:02x}" for byte in b"0123456789abcdef"), "0123456789abcdef"]
    assert listener.out.lines[2].split() == ["0010", "00", "ff", ".."]


def test_quiet_shows_only_the_summary(commands: Commands) -> None:
    listener = commands.listen("--once", "--quiet", words=True)
    commands.send(listener.address, "hello")
    listener.wait()
    assert listener.out.finish() == ""
    assert listener.err.lines[-1].startswith("1 message received")


def test_quiet_and_with_nothing_to_do_it_only_counts(commands: Commands) -> None:
    """Nobody looks at the messages, so none is made; what is counted and confirmed is the same."""
    listener = commands.listen("--both", "--quiet")
    sent = commands.send(listener.address, "x", "--ack", "--count", "300", "--json")
    assert sent.wait() == 0
    assert sent.events("summary")[0]["messages_delivered"] == 300
    listener.signal()
    assert listener.wait() == 130
    summary = listener.events("summary")[0]
    assert (summary["messages_delivered"], summary["messages_lost"], summary["duplicates"]) == (300, 0, 0)


@pytest.mark.parametrize(
    ("datagram", "reason"),
    [
        (b"UM\x01\x01", "header"),
        (b"UM\x01\x01\x80\x00" + b"\0" * 34, "flag"),
        (b"UM\x01\x01\x00\x00\xff\xff" + b"\0" * 32, "length"),
    ],
    ids=["short", "flag", "length"],
)
def test_malformed_datagrams_are_counted_said_and_never_answered(commands: Commands, datagram: bytes, reason: str) -> None:
    listener = commands.listen("--count", "1", "--echo")
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        peer.connect(("127.0.0.1", listener.port))
        peer.send(datagram)
        listener.err.wait_for("are no message")
        peer.send(b"x")
        peer.settimeout(20)
        assert peer.recv(100) == b"x"  # the first answer is to the second datagram
    assert listener.wait() == 0
    assert listener.summary()["malformed"] == 1
    assert reason in listener.err.wait_for("are no message").lower()


def test_a_flood_of_malformed_datagrams_does_not_flood_the_screen(commands: Commands) -> None:
    listener = commands.listen("--count", "1")
    raw(listener, *[b"UM\x01\x01\x80" + b"\0" * 35] * 50, b"x")
    listener.wait()
    assert listener.summary()["malformed"] == 50
    assert len(listener.err.lines) < 15


@pytest.mark.parametrize(
    ("options", "answer"), [(["--echo"], "hello"), (["--reply", "welcome ü"], "welcome ü"), (["--exec", "tr a-z A-Z"], "HELLO")]
)
def test_answers(commands: Commands, over: list[str], options: list[str], answer: str) -> None:
    listener = commands.listen(*over, "--once", *options)
    sender = commands.send(listener.address, "hello", "--wait", "10s", "--ack", *over)
    assert sender.wait() == 0
    assert answer in sender.out.lines
    assert listener.wait() == 0


def test_a_command_is_told_whose_message_it_answers(commands: Commands) -> None:
    listener = commands.listen("--once", "--exec", 'echo "$UDPMSG_PEER $UDPMSG_SEQUENCE"')
    sender = commands.send(listener.address, "hello", "--wait", "10s", "--json")
    listener.wait()
    (message,) = listener.events("message")
    assert sender.events("reply")[0]["text"] == f"{message['peer']} 1\n"


def test_nothing_of_a_message_becomes_part_of_the_command(commands: Commands, tmp_path: Path) -> None:
    listener = commands.listen("--once", "--exec", "cat", cwd=tmp_path)
    sender = commands.send(listener.address, "$(touch made); `touch made`", "--wait", "10s")
    listener.wait()
    assert sender.out.finish() == "$(touch made); `touch made`"
    assert list(tmp_path.iterdir()) == []


def test_slow_commands_run_beside_each_other_and_beside_the_listener(commands: Commands, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    listener = commands.listen("--count", "4", "--exec", f'read line; test "$line" = last && echo open > {gate} || cat {gate}')
    waiting = [commands.start("send", listener.address, f"{number}\n", "--wait", "15s") for number in range(1)]
    listener.out.wait_for('"message"')
    quick = commands.send(listener.address, "last\n", "--wait", "15s", "--json")  # would wait for ever behind the first one
    assert [event["text"] for event in quick.events("reply")] == [""]
    assert waiting[0].wait() == 0
    assert waiting[0].out.finish() == r"open\n"


def test_a_command_that_fails_is_said(commands: Commands) -> None:
    listener = commands.listen("--exec", "exit 7")
    sender = commands.send(listener.address, "hello", "--wait", "300ms")
    assert sender.wait() == 3
    assert "--exec for #1 from 127.0.0.1" in listener.err.wait_for("ended with exit code 7")


def test_a_command_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    from udpmsg.cli import executor
    from udpmsg.core.events import Message

    monkeypatch.setattr(executor, "TIME_LIMIT", 0.1)
    runner = executor.Executor("sleep 100", lambda: None, 1000)
    runner.take(Message(b"x", "somebody"))
    assert "was ended after 0.1 s" in runner.troubles.get(timeout=20)
    runner.close()


def test_a_command_that_prints_more_than_a_reply_may_have_is_ended(commands: Commands) -> None:
    """It would print 300 MB. What is read of it is bounded, and its children end with it."""
    listener = commands.listen("--exec", "cat > /dev/null; yes | head -c 300000000 | cat")
    before = peak(listener.process.pid)
    sender = commands.send(listener.address, "hello", "--wait", "5s")
    told = listener.err.wait_for("printed more than")
    assert "#1 from 127.0.0.1" in told
    assert "printed more than 1048576 bytes; it was ended and gets no reply" in told
    assert peak(listener.process.pid) - before < 32 << 10
    assert sender.wait() == 3


def test_an_output_of_exactly_the_largest_reply_is_one(commands: Commands) -> None:
    listener = commands.listen("--max-message", "4000", "--exec", "head -c $(cat) /dev/zero")
    sender = commands.send(listener.address, "4000", "--wait", "10s", "--json")
    assert sender.wait() == 0
    assert [len(event["text"]) for event in sender.events("reply")] == [4000]
    commands.send(listener.address, "4001", "--wait", "0")
    assert "#1 from" in listener.err.wait_for("printed more than 4000 bytes")


def test_a_command_that_reads_nothing_and_one_that_prints_before_it_reads(tmp_path: Path) -> None:
    """Neither waits for the other: a message above what a pipe holds is given while the output is read."""
    from udpmsg.cli import executor
    from udpmsg.core.events import Message

    for command, output in (("echo done", b"done\n"), ("head -c 200000 /dev/zero; wc -c", bytes(200_000) + b"300000\n")):
        woken = threading.Event()
        runner = executor.Executor(command, woken.set, 1 << 20)
        runner.take(Message(b"x" * 300_000, "somebody"))
        assert woken.wait(20)
        ((_, printed),) = runner.ready()
        assert printed.replace(b" ", b"") == output
        assert runner._waiting.used == 0
        runner.close()


def test_no_more_outputs_are_kept_than_commands_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The listener is busy elsewhere: no command starts before it has taken the reply of an earlier one."""
    from udpmsg.cli import executor
    from udpmsg.core.events import Message

    monkeypatch.setattr(executor, "WORKERS", 2)
    woken = threading.Semaphore(0)
    runner = executor.Executor("cat", woken.release, 1000)
    for number in range(5):
        runner.take(Message(b"%d" % number, "somebody"))
    for _ in range(2):
        assert woken.acquire(timeout=20)
    assert runner._done.qsize() == 2
    assert not runner._outputs.acquire(blocking=False)
    replies = list(runner.ready())
    while runner.pending:
        assert woken.acquire(timeout=20)
        replies += runner.ready()
    assert sorted(payload for _, payload in replies) == [b"%d" % number for number in range(5)]
    runner.close()


def test_what_waits_for_a_command_or_a_line_is_counted_in_bytes_too() -> None:
    from udpmsg.cli import answering, executor
    from udpmsg.core.events import Message

    large = Message(bytes(answering.WAITING_BYTES // 4), "somebody")
    said: list[str] = []
    typed = answering.Typed(SimpleNamespace(ended=False), SimpleNamespace(say=said.append))  # type: ignore[arg-type]
    for _ in range(4):
        typed.take(large)
    assert typed.pending == 3
    assert "3 others wait for a line already" in said[0]
    runner = executor.Executor("sleep 100", lambda: None, 1000)
    for _ in range(4):
        runner.take(large)
    assert runner.pending == 3
    assert "stays unanswered" in runner.troubles.get(timeout=20)
    runner.close()


def test_messages_beyond_what_waits_stay_unanswered_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from udpmsg.cli import executor
    from udpmsg.core.events import Message

    monkeypatch.setattr(executor, "WAITING", 1)
    monkeypatch.setattr(executor, "WORKERS", 1)
    runner = executor.Executor("sleep 100", lambda: None, 1000)
    for _ in range(4):
        runner.take(Message(b"x", "somebody"))
    assert "stays unanswered" in runner.troubles.get(timeout=20)
    runner.close()


def test_who_types_has_so_many_messages_waiting_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    from udpmsg.cli.answering import Typed
    from udpmsg.core.events import Message

    monkeypatch.setattr("udpmsg.cli.answering.WAITING", 2)
    said: list[str] = []
    nobody: Any = SimpleNamespace(ended=False)
    words: Any = SimpleNamespace(say=said.append)
    typed = Typed(nobody, words)
    for number in (1, 2, 3):
        typed.take(Message(b"x", "somebody", sequence=number))
    assert said == ["#3 from somebody stays unanswered: 2 others wait for a line already"]
    assert typed.pending == 2


@pytest.mark.parametrize("options", [["--count", "2"], ["--for", "50ms"], ["--idle", "50ms"]], ids=["count", "for", "idle"])
def test_every_run_can_end_by_itself(commands: Commands, over: list[str], options: list[str]) -> None:
    listener = commands.listen(*over, *options)
    if options[0] == "--count":
        commands.send(listener.address, "hello", "--count", "2", *over)
    assert listener.wait() == 0
    assert listener.summary()["messages_delivered"] == (2 if options[0] == "--count" else 0)


def test_no_message_beyond_the_count_is_taken(commands: Commands) -> None:
    listener = commands.listen("--count", "3")
    raw(listener, *[b"x"] * 20)
    listener.wait()
    assert len(listener.events("message")) == listener.summary()["messages_delivered"] == 3


def test_idle_begins_again_with_each_message(commands: Commands) -> None:
    """Each comes well within the time, and the last one when it would be over but for the others."""
    listener = commands.listen("--idle", "2s")
    began = time.monotonic()
    for number in range(1, 6):
        time.sleep(max(0, began + 0.5 * number - time.monotonic()))
        raw(listener, b"x")
        listener.out.wait_for('"message"', number)
    listener.wait()
    assert listener.summary()["messages_delivered"] == 5
    assert time.monotonic() - began >= 2.5 + 2 - 0.05


def test_without_once_it_runs_on(commands: Commands, over: list[str]) -> None:
    listener = commands.listen(*over, "--count", "4")
    for text in ("hello", "bye", "hello", "bye"):
        assert commands.send(listener.address, text, "--ack", *over).wait() == 0
    assert listener.wait() == 0


def test_a_slow_listener_shows_what_the_kernel_drops(commands: Commands) -> None:
    listener = commands.listen("--count", "3", "--slow", "50ms", "--receive-buffer", "4KiB")
    with stopped(listener):  # it could read as fast as they come, until it has what it is slow with
        raw(listener, *[b"x" * 1000] * 100)
    listener.wait()
    assert listener.events("listening")[0]["receive_buffer_bytes"] < 100_000
    assert listener.summary()["kernel_drops"] > 50


def test_two_hundred_messages_of_ten_senders(commands: Commands, over: list[str]) -> None:
    listener = commands.listen(*over, "--count", "200", "--quiet")
    senders = [commands.start("send", listener.address, "x", "--count", "20", "--ack", *over) for _ in range(10)]
    assert [sender.wait() for sender in senders] == [0] * 10
    assert listener.wait() == 0
    assert listener.summary()["messages_delivered"] == 200


def captured(commands: Commands, *arguments: str) -> bytes:
    """The first datagram that a sender sends."""
    with socket.socket(type=socket.SOCK_DGRAM) as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.settimeout(20)
        commands.send(f"127.0.0.1:{somebody.getsockname()[1]}", *arguments)
        return somebody.recv(65535)


def test_a_message_that_comes_again_is_shown_once_and_counted(commands: Commands) -> None:
    datagram = captured(commands, "hello")
    listener = commands.listen("--count", "2")
    raw(listener, datagram, datagram, b"x")
    listener.wait()
    assert [message["text"] for message in listener.events("message")] == ["hello", "x"]
    (duplicate,) = listener.events("duplicate")
    assert set(duplicate) == {"event", "v", "run", "transport", "peer", "session", "sequence", "transmission"}
    assert (duplicate["transport"], duplicate["sequence"]) == ("udp", 1)
    assert listener.summary()["duplicates"] == 1


def test_a_message_that_comes_again_is_a_word_to_people(commands: Commands) -> None:
    datagram = captured(commands, "hello")
    listener = commands.listen("--count", "2", words=True)
    raw(listener, datagram, datagram, b"x")
    listener.wait()
    assert len(listener.out.lines) == 2
    assert "#1 came again and was suppressed" in listener.err.finish()
    assert "1 suppressed as duplicates" in listener.err.finish()


def test_a_reply_is_never_answered(commands: Commands) -> None:
    listener = commands.listen("--echo", "--count", "1")
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        peer.connect(("127.0.0.1", listener.port))
        peer.send(wire.encode(wire.Kind.MESSAGE, session=7, number=1, sent_at=0, sequence=1, payload=b"hello", reply_to=3))
        assert listener.wait() == 0
        assert listener.events("message")[0]["text"] == "hello"
        peer.settimeout(0.1)
        with pytest.raises((TimeoutError, ConnectionRefusedError)):
            peer.recv(65535)


def fragment(sequence: int, index: int, count: int, size: int, total: int, payload: bytes) -> bytes:
    """A fire-and-forget fragment, right or wrong: the layout at the top of udpmsg/core/wire.py."""
    header = struct.pack(">HBBHHQQQQ", 0x554D, 1, 1, 2, len(payload), 77, sequence * 10 + index, sequence, 0)
    return header + struct.pack(">HHHHI", index, count, size, 0, total) + payload


@pytest.mark.parametrize(
    "datagrams",
    [
        [fragment(1, 2, 2, 4, 8, b"abcd")],
        [fragment(1, 0, 0, 4, 8, b"abcd")],
        [fragment(1, 0, 2, 4, 8, b"abcd"), fragment(1, 1, 3, 4, 12, b"efgh")],
    ],
    ids=["index-beyond-count", "no-count", "conflicting-totals"],
)
def test_fragments_that_cannot_be_are_counted_and_never_delivered(commands: Commands, datagrams: list[bytes]) -> None:
    listener = commands.listen("--count", "1")
    raw(listener, *datagrams, b"x")
    assert listener.wait() == 0
    assert listener.summary()["malformed"] == 1
    assert [message["text"] for message in listener.events("message")] == ["x"]


def test_fragments_that_fit_are_one_message(commands: Commands) -> None:
    listener = commands.listen("--count", "1")
    raw(listener, fragment(1, 1, 2, 4, 7, b"efg\0"), fragment(1, 0, 2, 4, 7, b"abcd"))
    assert listener.wait() == 0
    assert [message["text"] for message in listener.events("message")] == ["abcdefg"]


@pytest.mark.parametrize("stream", [b"\xff\xff\xff\xff", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["length", "http"])
def test_a_tcp_peer_that_speaks_something_else_is_closed_and_the_others_are_unharmed(commands: Commands, stream: bytes) -> None:
    listener = commands.listen("--tcp", "--count", "1")
    with socket.create_connection(("127.0.0.1", listener.port)) as stranger:
        stranger.settimeout(20)
        stranger.sendall(stream)
        try:
            assert stranger.recv(100) == b""  # closed, and never answered
        except ConnectionResetError:
            pass
    listener.err.wait_for("that are no message")
    assert commands.send(listener.address, "hello", "--tcp", "--ack").wait() == 0
    assert listener.wait() == 0
    assert listener.summary()["malformed"] == 1


def test_a_peer_that_acknowledges_a_reply_from_two_sessions_stops_nobody(commands: Commands) -> None:
    """To the sender of the reply that looks like a restarted receiver: an event that the listener has nothing to say about."""
    listener = commands.listen("--echo", "--count", "2")
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        peer.connect(("127.0.0.1", listener.port))
        peer.settimeout(20)
        peer.send(
            wire.encode(wire.Kind.MESSAGE, session=7, number=1, sent_at=0, sequence=1, payload=b"x", lowest=1, transmission=1)
        )
        while wire.kind_of(reply := peer.recv(65_535)) != wire.Kind.MESSAGE:
            if wire.kind_of(reply) == wire.Kind.CHALLENGE:  # an acknowledged reply waits for a proof
                cookie = wire.encode_cookie(wire.decode_challenge(wire.decode(reply).payload))
                peer.send(wire.encode(wire.Kind.COOKIE, session=7, number=2, sent_at=0, payload=cookie))
        arrived = wire.Acknowledgment(wire.session_of(reply), 1, 0, 9, 1 << 20, 1, [(1, 1)], [])
        for session in (1001, 1002):
            payload = wire.encode_acknowledgment(arrived)
            peer.send(wire.encode(wire.Kind.ACK, session=session, number=1, sent_at=0, payload=payload))
        peer.send(b"the last")
    assert listener.wait() == 0
    assert listener.summary()["messages_delivered"] == 2


# How many senders --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("places", "delivered"), [("2", 1), ("4", 2), ("6", 3)])
def test_more_senders_than_there_are_places_are_turned_away_and_told_how_many_are_allowed(
    commands: Commands, places: str, delivered: int
) -> None:
    """Half of the places are for anyone; a peer that only sends can't prove the address that the other half takes."""
    listener = commands.listen("--count", str(delivered + 1), env={"UDPMSG_MAX_SESSIONS": places})
    with stopped(listener):  # who has had its message shown gives its place up, so all have to be there before that
        raw(listener, *(RemoteSender(session, acknowledged=False).message(1, b"hello") for session in (1, 2, 3)), b"the end")
    assert listener.wait() == 0
    assert [event["text"] for event in listener.events("message")] == ["hello"] * delivered + ["the end"]
    summary = listener.summary()
    assert (summary["messages_delivered"], summary["over_limit"]) == (delivered + 1, 3 - delivered)
    turned_away = f"has no place for now: there is room for {places} senders at once (--max-sessions allows more)"
    assert (turned_away in listener.err.finish()) == (delivered < 3)


def test_who_said_goodbye_takes_no_place(commands: Commands) -> None:
    listener = commands.listen("--count", "5", "--max-sessions", "1")
    for _ in range(5):
        commands.send(listener.address, "hello")
    listener.wait()
    assert (listener.summary()["messages_delivered"], listener.summary()["over_limit"]) == (5, 0)


@pytest.mark.skipif(os.name != "posix", reason="a limit of descriptors is POSIX's")
def test_places_for_connections_come_with_their_descriptors(commands: Commands) -> None:
    """The usual limit of open files is 1,024, and whoever asks for more connections needs not know that there is one."""
    port = free_port()
    few = ["sh", "-c", 'ulimit -S -n 40; exec "$@"', "sh", *COMMAND]
    options = ("--port", str(port), "--tcp", "--json", "--count", "60", "--max-sessions", "60")
    listener = commands.start("listen", *options, program=few, port=port)
    listener.out.wait_for('"listening"')
    with contextlib.ExitStack() as stack:
        for session in range(1, 61):
            peer = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            peer.sendall(frame(RemoteSender(session, acknowledged=False, framed=True).message(1, b"hello")))
        assert listener.wait() == 0
    assert listener.summary()["messages_delivered"] == 60


@pytest.mark.parametrize("kind", ["empty", "tiny", "malformed", "unfinished", "messages"])
def test_what_strangers_send_over_tcp_takes_no_more_than_the_budget(commands: Commands, kind: str) -> None:
    """200 connections, as fast as they are read; who is closed comes again. Honest senders are served meanwhile."""
    stranger = RemoteSender(7, acknowledged=False, framed=True)
    data = {
        "empty": lambda: frame(b"") * 65_536,
        "tiny": lambda: frame(b"x") * 52_000,
        "malformed": lambda: frame(b"UM\x01\x01" + bytes(36)) * 6_000,
        "unfinished": lambda: struct.pack(">I", 1 << 20) + bytes(1_000_000),
        "messages": lambda: frame(stranger.message(1, b"")) * 6_000,
    }[kind]()
    listener = commands.listen("--tcp", "--quiet")
    where = ("127.0.0.1", listener.port)
    before = peak(listener.process.pid)
    with contextlib.ExitStack() as stack:
        peers: dict[int, tuple[socket.socket, memoryview]] = {}
        for _ in range(20):
            for number in range(200):
                if number not in peers:
                    peer = stack.enter_context(socket.create_connection(where))
                    peer.setblocking(False)
                    peers[number] = peer, memoryview(data)
                peer, rest = peers[number]
                try:
                    peers[number] = peer, rest[peer.send(rest) :]
                except BlockingIOError:
                    pass
                except OSError:
                    peers.pop(number)[0].close()
            with Sender(*where, transport="tcp", acknowledged=True) as honest:
                honest.send("hello")
                assert [outcome.state for outcome in honest.outcomes()] == [State.DELIVERED]
    assert peak(listener.process.pid) - before < 64 << 10
