"""Everything that `compare`, `report` and their kin say to people is told in their language; what programs read never changes."""

import re
import subprocess
from pathlib import Path

import pytest

from tests import marked
from tests.cli.conftest import Commands, free_port
from tests.cli.test_compare import lab
from tests.cli.test_told import PROGRAM, found_from_here
from tests.compare.samples import sample
from tests.show.test_told import OURS
from udpmsg.base import language
from udpmsg.base.errors import Phrase
from udpmsg.compare import saved
from udpmsg.lab.namespaces import LabUnavailable, explained
from udpmsg.lab.processes import ChildFailed
from udpmsg.link.presets import PRESETS

__all__ = ["found_from_here", "lab"]  # the fixtures

HELPS = ["compare --help", "report --help", "relay --help", "capture --help", "bench --help"]
REFUSED = [
    "compare --modes 1",
    "compare --modes udp,udp",
    "compare --via 1",
    "compare --count 0",
    "compare --interval 20",
    "compare --loss 101%",
    "compare --loss 1/2/3",
    "compare --delay 1ms --jitter 5ms",
    "compare --queue 5",
    "compare --queue 1.5 --rate 10mbit",
    "compare --mtu 5",
    "compare --burst 5%",
    "compare --burst 90%:90%",
    "compare --burst 1%:0.01%",
    "compare --link qqqq",
    "compare --fault 1",
    "compare --fault drop:data",
    "compare --fault delay:data:5",
    "compare --seed -1",
    "compare --json --ladder",
    "compare 127.0.0.1 --loss 5%",
    "compare 127.0.0.1 --via relay",
    "compare 127.0.0.1 --pcap 1",
    "compare 127.0.0.1 --save 1",
    "compare --scenario /nonexistent",
    "compare --scenario /",
    "compare --html /nonexistent/1",
    "report",
    "report /nonexistent",
    "report /dev/null",
    "report /dev/null --json --ladder",
    "relay 1 1",
    "relay 5001 127.0.0.1:5001 --both --tcp",
    "relay 5001 127.0.0.1:5000 --tcp --loss 5%",
    "relay 5001 127.0.0.1:5000 --cut-after 5s",
    "relay 5001 127.0.0.1:5000 --tcp --cut-after 5x",
    "relay 127.0.0.1:5001 127.0.0.1:5001",
    "relay 5001 255.255.255.255:5000",
    "relay 192.0.2.1:5001 127.0.0.1:5000",
    "capture 1",
    "bench --size 1048577",
    "bench --size 5 --size 5",
    "bench --mode tcp --window 5",
    "bench --mode tcp --congestion bbr",
    "compare --modes tcp --congestion bbr",
    "compare --congestion reno",
    "bench --mode tcp --datagram-size 1200",
    "bench --mode tcp --no-offload",
    "bench 127.0.0.1 --receive-buffer 1MiB",
]
WRITTEN = re.compile(
    r"'[^']*'|\b(?:run\.(?:json|html|pcapng)|(?:wifi|speed)\.html|(?:udpmsg|sender)\.(?:lua|pcapng)|dissector|wireshark|tshark"
    r"|frame\.interface_name|tcp\.reassemble_out_of_order|lua_script|drop:\S*|delay:\S*|duplicate:\S*|corrupt:\S*|data:\S*"
    rf"|drop|delay|duplicate|corrupt|data|control|none|silent|forward|back|ack|lab|ENTER:LEAVE|path|bbr|reno|{'|'.join(PRESETS)})\b"
)
"""Files, values, named links, other programs and their filters."""


def untold(text: str) -> list[str]:
    """The lines with words that were not translated."""
    return marked.unmarked(WRITTEN.sub(" ", OURS.sub(" ", re.sub("[│╭╮╰╯─]", " ", text))))


def test_the_helps_and_what_is_refused_are_told() -> None:
    """Each of them in one process, which reads them as lines."""
    lines = [*HELPS, *REFUSED]
    ended = subprocess.run(PROGRAM, input="\n".join([*lines, ""]).encode(), capture_output=True, timeout=60)
    outputs, words = (stream.decode().split("\0") for stream in (ended.stdout, ended.stderr))
    assert len(outputs) == len(words) == len(lines) + 1, ended.stderr.decode()
    told = {line: untold(output + said) for line, output, said in zip(lines, outputs, words, strict=False)}
    assert {line: found for line, found in told.items() if found} == {}
    assert [line for line, output, said in zip(lines, outputs, words, strict=False) if not (output + said).strip()] == []


def test_a_comparison_is_told_and_shown_again(commands: Commands, tmp_path: Path) -> None:
    kept = tmp_path / "1.json"
    options = ["--count", "3", "--interval", "5ms", "--via", "relay", "--modes", "udp,tcp", "--seed", "1", "--keep", str(kept)]
    for arguments in (["compare", *options, "--ladder", "--ledger"], ["report", str(kept), "--html", str(tmp_path / "1.html")]):
        running = commands.start(*arguments, program=PROGRAM)
        assert running.wait() == 0
        said = "\n".join([*running.out.finish().splitlines(), *running.err.finish().splitlines()])
        assert untold(said) == []
        assert re.search("[а-я]", said)


def test_what_the_kernel_s_own_frames_carry_is_told(commands: Commands, lab: None) -> None:
    faults = ["--loss", "0%", "--fault", "drop:data:2", "--fault", "drop:ack:1", "--fault", "duplicate:data:3", "--mtu", "600"]
    options = ["--count", "4", "--interval", "5ms", "--size", "1000", "--delay", "5ms", "--seed", "1", *faults]
    running = commands.start("compare", *options, "--ladder", "--ledger", program=PROGRAM)
    assert running.wait() == 0
    assert untold(f"{running.out.finish()}\n{running.err.finish()}") == []


def test_a_run_that_cannot_be_is_told(commands: Commands, tmp_path: Path) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    running = commands.start("compare", nobody, "--count", "1", "--modes", "tcp", program=PROGRAM)
    assert running.wait() == 4
    assert untold(running.out.finish()) == []


def test_json_lines_are_the_same_in_portuguese(commands: Commands, tmp_path: Path) -> None:
    kept = tmp_path / "1.json"
    kept.write_text(saved.dump(sample(count=10, loss=0.2)))
    read = []
    for spoken in language.LANGUAGES:
        running = commands.start("report", str(kept), "--json", "--ledger", "--lang", spoken)
        assert running.wait() == 0
        read.append(re.sub(r'"run": "\w+"', "", running.out.finish()))
    assert read[0] == read[1]
    assert "delivered" in read[0]


def test_a_relay_is_told(commands: Commands) -> None:
    faults = ("drop:data:2", "duplicate:data:3", "corrupt:data:4", "delay:data:5:80ms", "drop:data:7")
    arguments = [word for fault in faults for word in ("--fault", fault)]
    relay = commands.start("relay", "0", f"127.0.0.1:{free_port()}", "--both", "--link", "none", *arguments, program=PROGRAM)
    port = int(relay.err.wait_for("127.0.0.1:").partition("127.0.0.1:")[2].split()[0])
    commands.send(f"127.0.0.1:{port}", "1", "--count", "7").wait()
    relay.out.wait_for("drop:data:7")
    commands.send(f"127.0.0.1:{port}", "1", "--tcp").wait()
    relay.err.wait_for(marked.marked("the target did not accept"))
    relay.signal()
    assert relay.wait() == 130
    said = f"{relay.out.finish()}\n{relay.err.finish()}"
    assert untold(said) == []
    assert marked.marked("held back") in said


@pytest.mark.parametrize(
    ("platform", "number", "settings"),
    [
        ("darwin", 0, {}),
        ("linux", 1, {}),
        ("linux", 1, {"user/max_user_namespaces": "0"}),
        ("linux", 28, {"user/max_user_namespaces": "5"}),
        ("linux", 1, {"user/max_user_namespaces": "5"}),
        ("linux", 1, {"user/max_user_namespaces": "5", "kernel/unprivileged_userns_clone": "0"}),
        ("linux", 1, {"user/max_user_namespaces": "5", "kernel/apparmor_restrict_unprivileged_userns": "1"}),
        ("linux", 95, {"user/max_user_namespaces": "5"}),
        ("linux", 97, {"user/max_user_namespaces": "5"}),
        ("linux", 0, {"user/max_user_namespaces": "5"}),
    ],
)
def test_why_there_is_no_lab_is_told(platform: str, number: int, settings: dict[str, str]) -> None:
    error = explained(Phrase("make a user namespace"), number, settings.get, platform)
    assert isinstance(error, LabUnavailable)
    marked.speak()
    try:
        assert re.findall(r"[A-Za-z]+", error.told(language._).replace("user.max_", "")) in ([], ["user"], ["user", "user"])
    finally:
        language.choose(None)


def test_a_process_that_failed_is_told() -> None:
    error = ChildFailed("the {} did not end its work within {:g} s", Phrase("router"), 0.5)
    language.choose("pt-BR")
    try:
        assert error.told(language._) == "o roteador não terminou o seu trabalho em 0.5 s"
    finally:
        language.choose(None)
    assert str(error) == "the router did not end its work within 0.5 s"
