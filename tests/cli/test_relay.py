"""`udpmsg relay`: what it shows, when it ends, and what means nothing."""

import contextlib
import json
import re
import signal
import socket
from collections.abc import Iterator

import pytest

from tests.cli.conftest import Commands, Running
from udpmsg.base.errors import UsageError
from udpmsg.cli import relay as command
from udpmsg.link.faults import Path, decide
from udpmsg.link.record import Direction, FrameKind, Identity

TARGET = "127.0.0.1:5000"


def relaying(commands: Commands, target: str, *arguments: str, words: bool = False) -> Running:
    """A relay that relays, on a port that the system chose, with --json unless it is to write for people."""
    running = commands.start("relay", "0", target, *arguments, *([] if words else ["--json"]))
    if words:
        line = running.err.wait_for("Relaying from")
        running.port = int(line.partition("127.0.0.1:")[2].split()[0])
        running.err.wait_for("The link:")
    else:
        running.port = json.loads(running.out.wait_for('"relaying"'))["port"]
    return running


def ended(running: Running, number: int = signal.SIGTERM) -> dict[str, object]:
    """Its summary, after the signal."""
    running.signal(number)
    assert running.wait() == 128 + number
    return running.summary()


@contextlib.contextmanager
def silent() -> Iterator[str]:
    """The address of somebody who takes everything and answers nothing, until the block ends: a listener that ends earlier is
    nobody, which the relay tells of as soon as something comes late."""
    with socket.socket(type=socket.SOCK_DGRAM) as target:
        target.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{target.getsockname()[1]}"


def test_messages_meet_the_fates_that_the_seed_decides(commands: Commands) -> None:
    listener = commands.listen("--once")
    relay = relaying(commands, listener.address, "--seed", "7", "--link", "none", "--loss", "30%/0%", "--duplicate", "20%/0%")
    commands.send(relay.address, "hello", "--count", "50")
    listener.wait()
    path = Path(loss=0.3, duplicate=0.2)
    fates = {n: decide(7, Identity(Direction.FORWARD, FrameKind.DATA, n), path) for n in range(1, 51)}
    lost = [n for n, fate in fates.items() if fate.dropped]
    twice = [n for n, fate in fates.items() if fate.duplicate and not fate.dropped]
    assert lost
    assert twice
    assert sorted(message["sequence"] for message in listener.events("message")) == [n for n in fates if n not in lost]
    assert sorted(event["sequence"] for event in listener.events("duplicate")) == twice
    summary = ended(relay)
    (opened,) = relay.events("relaying")
    assert (opened["transport"], opened["target_port"], opened["seed"]) == ("udp", listener.port, 7)
    assert opened["link"] == "30 % loss forward only, 20 % duplicated forward only"
    assert [event["first_sequence"] for event in relay.events("dropped") if event["kind"] == "data"] == lost
    assert [event["first_sequence"] for event in relay.events("duplicated") if event["kind"] == "data"] == twice
    assert {event["reason"] for event in relay.events("dropped")} == {"loss"}
    forward = summary["forward"]
    assert forward["dropped_frames"] == len(relay.events("dropped")) == sum(forward["drops"].values())
    assert forward["duplicated_frames"] == len(relay.events("duplicated"))
    assert forward["frames"] + forward["duplicated_frames"] - forward["dropped_frames"] == forward["left_frames"]
    assert (summary["observer"], summary["seed"], summary["clients"], summary["messages_sent"]) == ("relay", 7, 1, None)


def test_acknowledged_messages_are_all_delivered_through_it(commands: Commands) -> None:
    listener = commands.listen("--once", "--quiet")
    relay = relaying(commands, listener.address, "--link", "none", "--loss", "10%", "--seed", "4")
    sender = commands.send(relay.address, "hello", "--count", "100", "--ack", "--min-rto", "20ms", "--json")
    assert sender.wait() == 0
    assert sender.summary()["messages_delivered"] == 100
    assert listener.wait() == 0
    assert listener.summary()["messages_delivered"] == 100
    assert ended(relay)["forward"]["dropped_frames"] > 0  # type: ignore[index]


def test_every_fault_is_a_line_for_people(commands: Commands) -> None:
    faults = ("drop:data:2", "duplicate:data:3", "corrupt:data:4", "delay:data:5:80ms")
    with silent() as target:
        arguments = [word for fault in faults for word in ("--fault", fault)]
        relay = relaying(commands, target, "--link", "none", *arguments, words=True)
        commands.send(relay.address, "hello", "--count", "5")
        relay.out.wait_for("message 5")
        relay.signal()
        assert relay.wait() == 130
    shown = [line.split("  ", 1)[1] for line in relay.out.lines]
    assert shown == [
        "forward  dropped message 2 (drop:data:2)",
        "forward  duplicated message 3 (duplicate:data:3)",
        "forward  flipped a bit of message 4 (corrupt:data:4)",
        "forward  held back message 5 for 80 ms (delay:data:5:80ms)",
    ]
    words = relay.err.lines
    assert words[0] == f"Relaying from udp {relay.address} to {target}"
    assert words[1].startswith("The link: scripted drop:data:2, duplicate:data:3, corrupt:data:4, delay:data:5:80ms; seed ")
    assert words[2] == "Interrupted"
    assert words[3].startswith("Relayed for ")
    assert re.search(r"forward \d+ frames, 1 dropped, 1 duplicated, 1 held back, 1 corrupted; back 0 frames", words[3])


@pytest.mark.parametrize("look", [[], ["--json"]], ids=["words", "json"])
def test_quiet_shows_only_how_it_began_and_ended(commands: Commands, look: list[str]) -> None:
    listener = commands.listen("--for", "20s")
    relay = relaying(commands, listener.address, "--loss", "100%", "--quiet", words=not look)
    commands.send(relay.address, "hello", "--count", "5")
    relay.signal()
    assert relay.wait() == 130
    if look:
        assert [event["event"] for event in relay.events()] == ["relaying", "summary"]
    else:
        assert relay.out.lines == []
        assert relay.err.lines[-1].startswith("Relayed for")


@pytest.mark.parametrize("look", [[], ["--json"]], ids=["words", "json"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["interrupted", "terminated"])
def test_a_signal_ends_it_with_a_summary(commands: Commands, look: list[str], number: int, code: int) -> None:
    relay = relaying(commands, TARGET, words=not look)
    relay.signal(number)
    assert relay.wait() == code
    if look:
        assert relay.summary()["forward"]["frames"] == 0
    else:
        assert relay.err.lines[-1].startswith("Relayed for")


def test_it_can_end_by_itself(commands: Commands) -> None:
    relay = relaying(commands, TARGET, "--for", "50ms")
    assert relay.wait() == 0
    assert relay.summary()["duration_s"] >= 0.05


def test_nobody_at_the_target_is_said_ten_times_at_most(commands: Commands) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    relay = relaying(commands, f"127.0.0.1:{port}", "--link", "none", words=True)
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", relay.port))
        while not any("only counted" in line for line in relay.err.lines):
            client.send(b"x")
            relay.err.wait_for("nobody listens on")
    relay.signal()
    relay.wait()
    said = [line for line in relay.err.lines if f"nobody listens on 127.0.0.1:{port}" in line]
    assert len(said) == 10
    assert "refused by the target (ICMP)" in relay.err.lines[-1]


def test_tcp_says_that_segments_are_not_dropped(commands: Commands) -> None:
    listener = commands.listen("--tcp", "--once")
    relay = relaying(commands, listener.address, "--tcp")
    sender = commands.send(relay.address, "hello", "--tcp", "--ack", "--count", "20", "--json")
    assert sender.wait() == 0
    assert sender.summary()["messages_delivered"] == 20
    assert listener.wait() == 0
    relay.out.wait_for('"disconnected"')
    summary = ended(relay)
    assert relay.err.lines[0] == (
        "TCP: delay, jitter and rate only; segments are not dropped: the kernels at both ends never see a loss here. "
        "`udpmsg compare` drops real segments (Linux)"
    )
    assert relay.events("relaying")[0]["link"] == "20 ms each way"  # of the classroom's link, what means anything
    assert relay.events("disconnected")[0]["reason"] == "end of stream"
    assert summary["connections"] == 1
    assert summary["forward"]["stream_bytes"] > 20 * len("hello")  # type: ignore[index]


def test_both_have_one_port_and_two_lines(commands: Commands) -> None:
    listener = commands.listen("--both", "--count", "2")
    relay = relaying(commands, listener.address, "--both", "--loss", "0%")
    for over in ([], ["--tcp"]):
        assert commands.send(relay.address, "hello", "--ack", *over).wait() == 0
    assert listener.wait() == 0
    ended(relay)
    assert [(event["transport"], event["port"]) for event in relay.events("relaying")] == [
        ("udp", relay.port),
        ("tcp", relay.port),
    ]


def test_a_connection_is_cut(commands: Commands) -> None:
    listener = commands.listen("--tcp", "--quiet")
    relay = relaying(commands, listener.address, "--tcp", "--cut-after", "10KiB")
    with socket.create_connection(("127.0.0.1", relay.port)) as client:
        client.settimeout(20)
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            client.sendall(bytes(20_000))
            assert client.recv(1) != b""
    relay.out.wait_for('"disconnected"')
    summary = ended(relay)
    assert relay.events("disconnected")[0]["reason"] == "cut after 10KiB"
    assert (summary["connections_cut"], summary["forward"]["stream_bytes"]) == (1, 10_240)  # type: ignore[index]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_port_in_use_is_5_and_names_the_argument(commands: Commands, transport: str) -> None:
    listener = commands.listen("--both")
    over = ["--tcp"] if transport == "tcp" else []
    relay = commands.start("relay", str(listener.port), "127.0.0.1:9", "--json", *over)
    assert relay.wait() == 5
    assert (
        f"cannot listen on {transport} {listener.address}: the port is in use; choose another with LISTEN" in relay.err.finish()
    )
    assert relay.summary()["observer"] == "relay"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["5001"], 2, "Missing argument 'TARGET'"),
        (["5001", "5000"], 2, "'5000' names no host; write HOST:PORT, such as 127.0.0.1:5000"),
        (["70000", TARGET], 2, "70000 is not a port"),
        (["5001", "127.0.0.1:0"], 2, "0 is no port"),
        (["5001", "127.0.0.1:5001"], 2, "where the relay itself would listen"),
        (["5001", "255.255.255.255:5000"], 2, "255.255.255.255 is a broadcast address: a relay passes on to one target"),
        (["5001", "no-such-host.invalid:5000"], 4, "'no-such-host.invalid' does not resolve"),
        (["192.0.2.1:5001", TARGET], 5, "this machine has no address 192.0.2.1"),
        (["5001", TARGET, "--loss", "101%"], 2, "'101%' is too large"),
        (["5001", TARGET, "--link", "wify"], 2, "wifi"),
        (["5001", TARGET, "--cut-after", "1KiB"], 2, "--cut-after means nothing without --tcp or --both"),
        (["5001", TARGET, "--tcp", "--cut-after", "soon"], 2, "'soon' is neither a size nor a time; write 64KiB or 5s"),
        (["5001", TARGET, "--tcp", "--both"], 2, "--both already relays TCP"),
        (["5001", TARGET, "--tcp", "--loss", "5%"], 2, "drops no segment"),
        (["5001", TARGET, "--tcp", "--fault", "drop:data:4"], 2, "drops no segment"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_means_nothing_gets_a_sentence(run, arguments: list[str], code: int, said: str) -> None:
    ended_with, output, words = run("relay", *arguments)
    assert ended_with == code
    assert output == ""
    assert said in words


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("5001", ("127.0.0.1", 5001)),
        ("0", ("127.0.0.1", 0)),
        ("0.0.0.0:5001", ("0.0.0.0", 5001)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:5001", ("::1", 5001)),
        ("[::]:0", ("::", 0)),
        ("::", ("::", 5000)),
    ],
)
def test_where_to_listen(text: str, address: tuple[str, int]) -> None:
    assert command.parse_listen(text) == address


def test_a_cut_is_a_size_or_a_time() -> None:
    assert (command.parse_cut("64KiB").after_bytes, command.parse_cut("64KiB").after) == (65536, None)
    assert (command.parse_cut("1.5s").after_bytes, command.parse_cut("1.5s").after) == (None, 1_500_000_000)
    assert command.parse_cut("100").after_bytes == 100
    for text in ("0", "0s", "-1s", ""):
        with pytest.raises(UsageError, match="neither a size nor a time"):
            command.parse_cut(text)


def test_help_shows_examples_first_and_says_what_tcp_gets(run) -> None:
    code, output, words = run("relay", "--help")
    assert (code, words) == (0, "")
    assert output.index("Examples") < output.index("--delay")
    plain = " ".join(output.split())
    assert "Segments are not dropped" in plain
    assert "checksum that is right again" in plain
