"""`udpmsg compare` as its users have it: a process, its output, its files, its errors, and nothing left of it."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import COMMAND, Commands, Running
from tests.conftest import needed
from tests.link.test_lab import users_of
from udpmsg.lab.lab import Lab
from udpmsg.lab.namespaces import LabUnavailable
from udpmsg.link.faults import Link
from udpmsg.show.schema import KEYS

MODES = ["udp", "udp+ack", "tcp"]
QUICK = ("--count", "10", "--interval", "2ms", "--delay", "5ms", "--loss", "0%")
COMPARISON_KEYS = [
    "mode",
    "connect_s",
    "first_delivery_s",
    "longest_stall_s",
    "largest_window_bytes",
    "srtt_s",
    "wire",
    "causes",
    "lost_sequences",
]
WIRE_KEYS = {"frames", "bytes", "handshake_frames", "data_frames", "ack_frames", "teardown_frames", "dropped_frames"}


@pytest.fixture(scope="module")
def lab() -> None:
    """There can be a lab here."""
    try:
        Lab(Link(), seed=1).close()
    except LabUnavailable as error:
        needed("namespaces", str(error))


def compare(commands: Commands, *arguments: str, code: int = 0, **options: Any) -> Running:
    """A comparison that has ended."""
    running = commands.start("compare", *arguments, **options)
    assert running.wait() == code, running.err.finish()
    return running


def lines_of(running: Running) -> list[dict[str, Any]]:
    """All but what the senders knew of the path, which some know and some do not."""
    return [line for line in map(json.loads, running.out.lines) if line["event"] != "path"]


def paths_of(running: Running) -> dict[str, dict[str, Any]]:
    """What each sender knew of the path that knew anything."""
    return {line["mode"]: line for line in map(json.loads, running.out.lines) if line["event"] == "path"}


@pytest.mark.usefixtures("lab")
def test_a_table_and_a_sentence_for_each_mode(commands: Commands) -> None:
    running = compare(commands, *QUICK, "--seed", "7")
    text = "\n".join(running.out.lines)
    for word in ("seed 7", "handshake", "first delivery", "delivered", "longest stall", "goodput", "10 of 10"):
        assert word in text
    for mode in MODES:
        assert any(line.startswith(mode) for line in running.out.lines[-12:]), f"no sentence for {mode}"


@pytest.mark.usefixtures("lab")
def test_json_has_a_line_a_mode_and_a_last_line_that_compares(commands: Commands) -> None:
    running = compare(commands, *QUICK, "--fault", "drop:data:4", "--seed", "3", "--json")
    *modes, last = lines_of(running)
    assert [line["mode"] for line in modes] == MODES
    for line in modes:
        assert not [key for key in (*KEYS, *COMPARISON_KEYS, "event", "v", "run") if key not in line]
        assert set(line["wire"]) >= WIRE_KEYS
        assert line["wire"]["frames"] == sum(line["wire"][f"{part}_frames"] for part in ("handshake", "data", "ack", "teardown"))
    udp, acknowledged, tcp = modes
    assert (udp["messages_lost"], udp["lost_sequences"], udp["causes"]) == (1, [4], {"dropped on the link": 1})
    assert (udp["connect_s"], udp["wire"]["handshake_frames"]) == (None, 0)
    assert (acknowledged["messages_delivered"], acknowledged["retransmissions"]) == (10, 1)
    assert (tcp["messages_delivered"], tcp["wire"]["handshake_frames"]) == (10, 3)
    assert tcp["connect_s"] >= 0.010
    assert last["event"] == "comparison"
    assert last["seed"] == 3
    assert {"link", "workload", "choices", "results"} <= set(last)
    paths = paths_of(running)
    assert list(paths) == ["udp+ack", "tcp"]
    for line in modes[1:]:
        path = paths[line["mode"]]
        assert line["largest_window_bytes"] == max(path["window_bytes"])
        assert line["srtt_s"] == path["srtt_s"][-1] >= 0.010
        assert path["retransmissions"][-1] <= line["retransmissions"]
        assert {len(column) for column in path.values() if isinstance(column, list)} == {len(path["at_s"])}
    assert (udp["largest_window_bytes"], udp["srtt_s"]) == (None, None)


@pytest.mark.usefixtures("lab")
def test_one_seed_loses_the_same_messages_again(commands: Commands) -> None:
    arguments = ("--count", "40", "--interval", "1ms", "--loss", "20%", "--delay", "1ms", "--modes", "udp", "--json")
    first = lines_of(compare(commands, *arguments, "--seed", "11"))[0]["lost_sequences"]
    again = lines_of(compare(commands, *arguments, "--seed", "11"))[0]["lost_sequences"]
    other = lines_of(compare(commands, *arguments, "--seed", "12"))[0]["lost_sequences"]
    assert first == again != []
    assert other != first


@pytest.mark.usefixtures("lab")
def test_a_scenario_that_was_saved_runs_again_alike(commands: Commands, tmp_path: Path) -> None:
    file = str(tmp_path / "scenario.toml")
    arguments = ("--count", "30", "--interval", "1ms", "--loss", "20%", "--delay", "1ms", "--modes", "udp,tcp")
    first = lines_of(compare(commands, *arguments, "--save", file, "--json"))
    again = lines_of(compare(commands, "--scenario", file, "--json"))
    for key in ("link", "seed", "workload", "choices"):
        assert first[-1][key] == again[-1][key]
    assert first[0]["lost_sequences"] == again[0]["lost_sequences"]
    overridden = lines_of(compare(commands, "--scenario", file, "--count", "3", "--json"))
    assert overridden[0]["messages_sent"] == 3


@pytest.mark.usefixtures("lab")
def test_the_command_that_it_names_runs_it_again(commands: Commands) -> None:
    first = lines_of(compare(commands, *QUICK, "--loss", "30%/0%", "--modes", "udp", "--json"))
    command = first[-1]["command"].split()
    assert command[:2] == ["udpmsg", "compare"]
    again = lines_of(compare(commands, *command[2:], "--json"))
    assert again[0]["lost_sequences"] == first[0]["lost_sequences"]
    assert again[-1]["link"] == first[-1]["link"]
    assert again[-1]["command"] == first[-1]["command"]


@pytest.mark.usefixtures("lab")
def test_what_was_kept_is_shown_again_by_report(commands: Commands, tmp_path: Path) -> None:
    kept, page, capture = (tmp_path / name for name in ("run.json", "page.html", "frames.pcapng"))
    files = ("--keep", str(kept), "--html", str(page), "--pcap", str(capture))
    first = compare(commands, *QUICK, "--fault", "drop:data:4", *files, "--ledger", "--ladder")
    assert "drop:data:4" in "\n".join(first.out.lines)
    assert page.read_text(encoding="utf-8").lower().startswith("<!doctype html>")
    assert capture.read_bytes()[:4] == bytes.fromhex("0a0d0d0a")
    again = commands.start("report", str(kept), "--ledger", "--ladder")
    assert again.wait() == 0
    assert again.out.lines == first.out.lines


@pytest.mark.usefixtures("lab")
def test_tshark_reads_the_capture_of_a_run(commands: Commands, tmp_path: Path) -> None:
    if shutil.which("tshark") is None:
        needed("tshark", "it reads the capture (Debian, Ubuntu: apt install tshark)")
    capture, dissector = tmp_path / "frames.pcapng", tmp_path / "udpmsg.lua"
    compare(commands, *QUICK, "--fault", "drop:data:4", "--pcap", str(capture))
    printed = commands.start("capture", "dissector")
    assert printed.wait() == 0
    dissector.write_text("\n".join(printed.out.lines), encoding="utf-8")

    def tshark(filter: str, *fields: str) -> list[list[str]]:  # noqa: A002 - as Wireshark calls it
        checks = [word for layer in ("ip", "udp", "tcp") for word in ("-o", f"{layer}.check_checksum:TRUE")]
        wanted = [word for field in fields for word in ("-e", field)]
        read = ["tshark", "-r", str(capture), "-X", f"lua_script:{dissector}", *checks, "-Y", filter, "-T", "fields", *wanted]
        output = subprocess.run(read, check=True, capture_output=True, text=True).stdout
        return [line.split("\t") for line in output.splitlines()]

    handshakes = tshark("tcp.flags.syn == 1", "frame.interface_name", "tcp.flags.ack")
    assert sorted(handshakes) == sorted([[f"tcp {host}", flag] for host in ("sender", "receiver") for flag in ("0", "1")]), (
        "one SYN and one SYN-ACK, seen at both ends"
    )
    assert tshark("ip.checksum.status == 0 or udp.checksum.status == 0 or tcp.checksum.status == 0", "frame.number") == []
    sent = tshark('frame.interface_name == "udp sender" and udpmsg.kind == 1', "udpmsg.sequence")
    came = tshark('frame.interface_name == "udp receiver" and udpmsg.kind == 1', "udpmsg.sequence")
    assert [int(sequence) for (sequence,) in sent] == list(range(1, 11))
    assert [int(sequence) for (sequence,) in came] == [1, 2, 3, *range(5, 11)]
    comments = tshark("frame.comment", "frame.interface_name", "frame.comment")
    assert ["udp sender", "dropped on the link: drop:data:4"] in comments


@pytest.mark.usefixtures("lab")
def test_ctrl_c_ends_in_order_and_leaves_nothing(commands: Commands) -> None:
    running = commands.start("compare", "--count", "100000", "--json")
    inside: set[str] = set()
    until = time.monotonic() + 20
    while len(inside) < 3:  # the lab is up
        assert time.monotonic() < until
        inside = namespaces_below(running.process.pid)
    running.signal(signal.SIGINT)
    assert running.wait() == 130
    *modes, last = lines_of(running)
    assert last["event"] == "comparison"
    assert [line["error"] for line in modes] == ["interrupted"]
    nothing_is_left(inside)


def nothing_is_left(inside: set[str]) -> None:
    """Nobody lives in these namespaces any more. What the kernel kills because its parent has ended takes a moment to go."""
    until = time.monotonic() + 5
    while left := users_of(inside):
        assert time.monotonic() < until, f"left: {left}"


def namespaces_below(pid: int) -> set[str]:
    """The network namespaces of a process's children and grandchildren, without our own."""
    found = set()
    for child in children(pid):
        for one in (child, *children(child)):
            try:
                found.add(os.readlink(f"/proc/{one}/ns/net"))
            except OSError:
                pass
    return found - {os.readlink("/proc/self/ns/net")}


def with_udp_socket(pid: int) -> list[int]:
    """The grandchildren in whose own network a UDP socket is bound: hosts of a lab that has started."""
    ours = os.readlink("/proc/self/ns/net")
    found = []
    for one in (grandchild for child in children(pid) for grandchild in children(child)):
        try:
            if os.readlink(f"/proc/{one}/ns/net") != ours and len(Path(f"/proc/{one}/net/udp").read_text().splitlines()) > 1:
                found.append(one)
        except OSError:
            pass
    return found


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


@pytest.mark.usefixtures("lab")
def test_a_host_that_is_killed_ends_the_comparison_with_a_sentence(commands: Commands) -> None:
    running = commands.start("compare", "--count", "100000", "--json")
    until = time.monotonic() + 20
    while not (listening := with_udp_socket(running.process.pid)):
        assert time.monotonic() < until
    inside = namespaces_below(running.process.pid)
    os.kill(listening[0], signal.SIGKILL)
    assert running.wait() == 1
    assert "ended unexpectedly" in running.err.finish()
    nothing_is_left(inside)


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize(
    ("output", "said"),
    [(">/dev/full", "cannot write to standard output"), (">&-", "standard output is closed"), ("2>&-", "")],
)
def test_what_cannot_be_written_is_an_error_and_what_nobody_reads_is_none(commands: Commands, output: str, said: str) -> None:
    shell = ["sh", "-c", f'exec "$@" {output}', "sh", *COMMAND]
    running = commands.start("compare", *QUICK, "--modes", "udp", "--json", program=shell)
    assert running.wait() == (1 if said else 0)
    assert said in running.err.finish()


@pytest.mark.usefixtures("lab")
def test_repetitions_have_a_seed_each(commands: Commands) -> None:
    running = compare(commands, *QUICK, "--modes", "udp,tcp", "--repeat", "2", "--seed", "5", "--json")
    *runs, _ = lines_of(running)
    assert [(line["mode"], line["repetition"], line["seed"]) for line in runs] == [
        ("udp", 1, 5),
        ("tcp", 1, 5),
        ("udp", 2, 6),
        ("tcp", 2, 6),
    ]


def test_through_the_relay_tcp_is_called_unimpaired(commands: Commands) -> None:
    running = compare(commands, *QUICK, "--loss", "30%", "--via", "relay", "--seed", "5")
    text = "\n".join(running.out.lines)
    assert "unimpaired" in text
    assert "10 of 10" in text


def test_against_a_listener_there_is_no_link_of_ours(commands: Commands) -> None:
    listener = commands.listen("--both")
    running = compare(commands, f"127.0.0.1:{listener.port}", "--count", "10", "--interval", "1ms", "--json")
    *modes, last = lines_of(running)
    assert [line["mode"] for line in modes] == MODES
    for line in modes:
        assert line["messages_delivered"] == 10
        assert line["messages_lost"] == 0
        assert line["one_way_delay_s"] is None
        assert line["wire"] is None
        assert line["observer"] == "sender"
    assert last["link"] is None
    assert last["seed"] is None


def test_nobody_there_is_exit_code_4(commands: Commands) -> None:
    from tests.cli.conftest import free_port

    running = compare(commands, f"127.0.0.1:{free_port()}", "--count", "2", "--deadline", "1s", code=4)
    assert "udpmsg listen" in running.err.finish() + "\n".join(running.out.lines)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--loss", "101%"], "'101%' is too large for a share"),
        (["--delay", "-5ms"], "-5ms"),
        (["--delay=-5ms"], "-5ms"),
        (["--link", "wify"], "wifi"),
        (["--link", "wifi", "--queue", "10", "--rate", "none"], "queue"),
        (["--modes", "udp,quic"], "quic"),
        (["--modes", "udp,udp"], "names a mode twice"),
        (["--via", "pigeon"], "pigeon"),
        (["--fault", "drop:date:4"], "data"),
        (["--seed", "-1"], "-1"),
        (["--scenario", "/nonexistent.toml"], "/nonexistent.toml: cannot read it"),
        (["--html", "/nonexistent/page.html"], "/nonexistent/page.html: cannot be written"),
        (["--pcap", "/"], "/: cannot be written"),
        (["--keep", "/proc/1/x"], "/proc/1/x: cannot be written"),
        (["127.0.0.1", "--loss", "5%"], "--loss and HOST mean nothing together: a real network has its own faults"),
        (["127.0.0.1", "--pcap", "x.pcapng"], "--pcap and HOST mean nothing together"),
        (["--tcp-congestion", "renoo"], "renoo"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input_gets_a_sentence_before_anything_runs(commands: Commands, arguments: list[str], said: str) -> None:
    running = compare(commands, *arguments, "--count", "2", code=2)
    assert said in running.err.finish()
    assert running.out.lines == []


def test_a_broken_scenario_names_line_and_reason(commands: Commands, tmp_path: Path) -> None:
    file = tmp_path / "broken.toml"
    file.write_text('[link.forward]\ndelay = "20ms"\nloss = "500%"\n')
    running = compare(commands, "--scenario", str(file), code=2)
    assert f"{file}, line 3" in running.err.finish()
    assert "500%" in running.err.finish()
