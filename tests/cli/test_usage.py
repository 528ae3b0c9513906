"""Options that mean nothing: a sentence and exit code 2, before anything is opened or sent."""

import json
import socket
from collections.abc import Iterable

import pytest

from tests.transport.support import has_ipv6
from udpmsg.base.option import Option
from udpmsg.cli import listen, send

SEND = {"text": ["hello"], "file": ["--file", "README.md"], "ack": ["--ack"], "raw": ["--raw"], "tcp": ["--tcp"],
        "no-offload": ["--no-offload"],
        "broadcast": ["--broadcast"], send.GROUP: [], "datagram-size": ["--datagram-size", "1000"],
        "max-transmissions": ["--max-transmissions", "3"], "min-rto": ["--min-rto", "1s"], "refused-for": ["--refused-for", "1s"],
        "interval": ["--interval", "1s"],
        "rate": ["--rate", "1/s"], "bye": ["--bye", "ciao"], "size": ["--size", "10"], "ordered": ["--ordered"],
        "spool": ["--spool", "my.spool"],
        "window": ["--window", "1"], "congestion": ["--congestion", "bbr"],
        "deadline": ["--deadline", "1s"], "count": ["--count", "2"],
        "interface": ["--interface", "127.0.0.1"]}  # fmt: skip
LISTEN = {"tcp": ["--tcp"], "no-offload": ["--no-offload"],
          "both": ["--both"], "echo": ["--echo"], "reply": ["--reply", "x"], "exec": ["--exec", "cat"],
          "interactive": ["--interactive"], "multicast": ["--multicast", "239.1.2.3"], "hex": ["--hex"], "json": ["--json"],
          "quiet": ["--quiet"], "host": ["--host", "127.0.0.1"], "interface": ["--interface", "127.0.0.1"]}  # fmt: skip


def conflicts(rows: Iterable[Option]) -> list[tuple[str, str, str]]:
    return [(row.key, other, reason) for row in rows for other, reason in row.against]


def needs(rows: Iterable[Option]) -> list[tuple[str, tuple[str, ...], str]]:
    return [(row.key, *row.needs) for row in rows if row.needs]


@pytest.mark.parametrize(("first", "second", "reason"), conflicts(send.OPTIONS))
def test_send_refuses_each_pair_that_means_nothing(run, first: str, second: str, reason: str) -> None:
    arguments = ["239.1.2.3" if second == send.GROUP else "127.0.0.1", *SEND[second], *SEND[first]]
    code, output, words = run("send", *arguments)
    assert (code, output) == (2, "")
    assert "mean nothing together" in words
    assert reason in words
    assert "udpmsg send --help" in words


@pytest.mark.parametrize(("option", "any_of", "reason"), needs(send.OPTIONS))
def test_send_refuses_each_option_that_means_nothing_alone(run, option: str, any_of: tuple[str, ...], reason: str) -> None:
    text = [] if "text" in any_of else ["hello"]
    code, output, words = run("send", "127.0.0.1", *text, *SEND[option])
    assert (code, output) == (2, "")
    assert f"--{option} means nothing without" in words
    assert reason in words


@pytest.mark.parametrize(("first", "second", "reason"), conflicts(listen.OPTIONS))
def test_listen_refuses_each_pair_that_means_nothing(run, first: str, second: str, reason: str) -> None:
    code, output, words = run("listen", *LISTEN[first], *LISTEN[second])
    assert (code, output) == (2, "")
    assert f"--{first} and --{second} mean nothing together: {reason}" in words


@pytest.mark.parametrize(("option", "any_of", "reason"), needs(listen.OPTIONS))
def test_listen_refuses_each_option_that_means_nothing_alone(run, option: str, any_of: tuple[str, ...], reason: str) -> None:
    code, output, words = run("listen", *LISTEN[option])
    assert (code, output) == (2, "")
    assert f"--{option} means nothing without --{any_of[0]}: {reason}" in words


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["send", "127.0.0.1:0", "x"], "0 is no port"),
        (["send", "127.0.0.1:70000", "x"], "70000 is not a port: the largest is 65535"),
        (["send", "127.0.0.1", "x", "--port", "70000"], "'--port': 70000 is not a port"),
        (["listen", "--port", "0"], "'--port': 0 is no port"),
        (["listen", "--port", "70000"], "'--port': 70000 is not a port"),
        (["send", "[::1", "x"], "'[::1' is not an address"),
        (["send", "127.0.0.1:5000", "x", "--port", "5001"], "the port is given twice"),
        (["send", "127.0.0.1", "x", "--wait", "soon"], "'soon' is not a duration; write 20ms"),
        (["send", "127.0.0.1", "x", "--wait", "3"], "'--wait': '3' has no unit; write 3ms or 3s"),
        (["send", "127.0.0.1", "x", "--interval", "100"], "'--interval': '100' has no unit; write 100ms or 100s"),
        (["send", "127.0.0.1", "x", "--ack", "--deadline", "5"], "'--deadline': '5' has no unit"),
        (["send", "127.0.0.1", "x", "--ack", "--min-rto", ".2"], "'--min-rto': '.2' has no unit; write .2ms or .2s"),
        (["listen", "--idle", "500"], "'--idle': '500' has no unit; write 500ms or 500s"),
        (["listen", "--for", "10"], "'--for': '10' has no unit"),
        (["listen", "--slow", "10"], "'--slow': '10' has no unit"),
        (["relay", "0", "127.0.0.1:9", "--for", "10"], "'--for': '10' has no unit"),
        (["relay", "0", "127.0.0.1:9", "--tcp", "--cut-after", "0.5"], "'0.5' is neither a size nor a time; write 64KiB or 5s"),
        (["bench", "--for", "8"], "'--for': '8' has no unit"),
        (
            ["send", "127.0.0.1", "x", "--ttl", "0"],
            "'--ttl': 0 is not a time to live (how many routers a packet may pass): choose from 1 to",
        ),
        (["send", "127.0.0.1", "x", "--ttl", "256"], "'--ttl': 256 is not a time to live"),
        (["send", "127.0.0.1", "x", "--ttl", "many"], "'--ttl': 'many' is not a time to live"),
        (["send", "*", "x"], "'*' names no host: write a name or an address"),
        (["relay", "0", "*:9"], "'*' names no host: write a name or an address"),
        (["listen", "--host", "*"], "'*' is no address to listen on: write 0.0.0.0 for every IPv4 address"),
        (["listen", "--host", ""], "'' is no address to listen on: write 0.0.0.0 for every IPv4 address"),
        (["relay", "*:0", "127.0.0.1:9"], "'*' is no address to listen on: write 0.0.0.0 for every IPv4 address"),
        (["listen", "--host", "239.1.2.3"], "239.1.2.3 is a multicast group, and no address of this machine"),
        (["listen", "--host", "239.1.2.3", "--both"], "udpmsg listen --multicast 239.1.2.3 (multicast=), without a host"),
        (["relay", "239.1.2.3:0", "127.0.0.1:9"], "239.1.2.3 is a multicast group, and no address of this machine"),
        (["send", "127.0.0.1", "x", "--bogus"], "No such option: --bogus"),
        (["send"], "Missing argument 'HOST[:PORT]'; write, for example, udpmsg send 127.0.0.1 hello"),
        (["send", "127.0.0.1", "hello", "--size", "3"], "--size 3 is smaller than the text, which has 5 bytes"),
        (["send", "127.0.0.1", "--file", "/nonexistent/file"], "--file /nonexistent/file: cannot read it: No such file"),
        (["send", "127.0.0.1", "--file", "/"], "--file /: cannot read it: Is a directory"),
        (["send", "255.255.255.255", "x"], "255.255.255.255 is a broadcast address: add --broadcast"),
        (["send", "127.255.255.255", "x"], "127.255.255.255 is a broadcast address: add --broadcast"),
        (["listen", "--multicast", "10.0.0.1"], "'10.0.0.1' is not a multicast group"),
        (["listen", "--save", "/dev/null"], "--save /dev/null: that is a file, and a directory is needed"),
        (["explode"], "No such command 'explode'"),
        (["converse"], "No such command 'converse'"),
        ([], "no command is named: write one of listen, send, inbox, compare, demo, bench, report, relay, capture"),
        (["listen", "5001"], "Got unexpected extra argument(s) (5001); write --port 5001 for the port"),
        (["listen", "-p", "5001"], "No such option: -p; write --port 5001 for the port"),
        (["send", "-p", "5001", "127.0.0.1", "x"], "No such option: -p; write --port 5001 for the port"),
        (["listen", "-p5001"], "No such option: -p; write --port 5001 for the port"),
        (["listen", "-p", "5001x"], "No such option: -p; write --port and a number from 1 to 65535, such as --port 5000"),
        (["send", "127.0.0.1", "-p"], "No such option: -p; write --port and a number from 1 to 65535, such as --port 5000"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else None,
)
def test_a_clear_sentence_and_exit_code_2(run, arguments: list[str], said: str) -> None:
    code, _, words = run(*arguments)
    assert code == 2
    assert said in words


@pytest.mark.parametrize("arguments", [["--idle", "500"], ["--bogus", "5001"], ["word"], ["-p"], ["-p", "99999"]], ids=str)
def test_a_number_that_is_no_port_is_not_taken_for_one(run, arguments: list[str]) -> None:
    code, _, words = run("listen", *arguments)
    assert code == 2
    assert "for the port" not in words


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["words", "json"])
def test_a_message_over_the_limit_names_both_sizes_and_sends_nothing(run, tmp_path, options: list[str]) -> None:
    file = tmp_path / "large"
    file.write_bytes(b"x" * 2000)
    for content in (["--file", str(file)], ["--size", "2000"], ["x" * 2000]):
        code, _, words = run("send", "127.0.0.1:9", *content, "--max-message", "1000", *options)
        assert code == 2
        assert "2000" in words
        assert "1000" in words
        assert "nothing was sent" in words


@pytest.mark.parametrize(
    ("command", "option"), [("send", "--min-rto"), ("send", "--ack"), ("listen", "--for"), ("listen", "--idle")]
)
def test_every_option_reads_its_variable(run, monkeypatch: pytest.MonkeyPatch, command: str, option: str) -> None:
    variable = f"UDPMSG_{option.strip('-').upper().replace('-', '_')}"
    monkeypatch.setenv(variable, "nonsense")
    code, _, words = run(command, *(["127.0.0.1", "x"] if command == "send" else []))
    assert code == 2
    assert f"'{option}'" in words
    assert "nonsense" in words


@pytest.mark.parametrize(
    ("command", "option"), [("send", "--deadline"), ("listen", "--idle"), ("relay", "--delay"), ("demo", "--slow")]
)
def test_a_time_from_the_environment_needs_its_unit_too(run, monkeypatch: pytest.MonkeyPatch, command: str, option: str) -> None:
    monkeypatch.setenv(f"UDPMSG_{option.strip('-').upper()}", "5")
    arguments = {"send": ["127.0.0.1", "x", "--ack"], "relay": ["0", "127.0.0.1:9"], "demo": ["boundaries"]}
    code, _, words = run(command, *arguments.get(command, []))
    assert code == 2
    assert f"'{option}'" in words
    assert "'5' has no unit; write 5ms or 5s" in words


def test_all_options_have_a_variable_of_their_own_name() -> None:
    from udpmsg.cli import app

    for command in app.COMMANDS:
        for parameter in app._program(command).params:
            if parameter.param_type_name == "option" and parameter.name != "help":
                assert parameter.envvar == f"UDPMSG_{parameter.opts[0].strip('-').upper().replace('-', '_')}"


def test_an_option_from_the_environment_that_means_nothing_names_its_variable(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UDPMSG_WINDOW", "4")
    code, _, words = run("send", "127.0.0.1:9", "x")
    assert code == 2
    assert "--window means nothing without --ack" in words
    assert "set by the environment: UDPMSG_WINDOW" in words


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("command", ["listen", "send", "inbox"])
def test_help_shows_examples_first(run, command: str, flag: str) -> None:
    code, output, words = run(command, flag)
    assert (code, words) == (0, "")
    assert output.index("Examples") < output.index("Exit codes")
    assert output.index("Examples") < output.index("--json  ")
    assert f"udpmsg {command} " in output


def test_the_program_has_a_help_and_a_version(run) -> None:
    code, output, _ = run("--help")
    assert code == 0
    assert "listen" in output
    assert "send" in output
    code, output, _ = run("--version")
    assert code == 0
    assert output.startswith("udpmsg 0.")


OPTIONS = {
    "listen": "host port tcp both echo reply exec interactive count for idle once stop-word json hex quiet save multicast "
    "interface receive-buffer slow max-message max-sessions",
    "send": "port ack tcp file count interval rate size wait ordered raw broadcast ttl bye window congestion max-transmissions "
    "deadline "
    "refused-for min-rto json interface datagram-size max-message",
    "inbox": "json csv follow replay rate interval ack tcp save session after max-message",
}


@pytest.mark.parametrize("command", OPTIONS)
def test_every_option_of_the_design_is_there(run, command: str) -> None:
    _, output, _ = run(command, "--help")
    for name in OPTIONS[command].split():
        assert f"--{name} " in output


def test_a_name_that_does_not_resolve_is_exit_code_4_with_a_summary(run) -> None:
    code, output, words = run("send", "no-such-host.invalid", "x", "--json")
    assert code == 4
    assert "'no-such-host.invalid' does not resolve" in words
    assert json.loads(output)["event"] == "summary"
    code, output, words = run("send", "no-such-host.invalid", "x")
    assert (code, output) == (4, "")
    assert "check the spelling" in words


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")
@pytest.mark.parametrize(
    "arguments",
    [
        ["send", "fe80::1", "hi"],
        ["send", "fe80::1", "hi", "--tcp"],
        ["send", "fe80::1"],
        ["listen", "--host", "fe80::1"],
        ["listen", "--host", "fe80::1", "--both"],
        ["relay", "[fe80::1]:0", "127.0.0.1:9"],
        ["relay", "0", "[fe80::1]:9"],
        ["relay", "0", "[fe80::1]:9", "--tcp"],
        ["compare", "fe80::1"],
        ["bench", "fe80::1"],
    ],
    ids=" ".join,
)
def test_an_address_of_one_link_needs_its_zone_in_every_command(run, arguments: list[str]) -> None:
    code, _, words = run(*arguments)
    assert code == 2
    assert "'fe80::1' is an address of one link, and its zone, the interface to that link, is missing" in words
    assert all(name in words for _, name in socket.if_nameindex())


@pytest.mark.parametrize("transport", [[], ["--tcp"], ["--both"]], ids=str)
@pytest.mark.parametrize("command", ["listen", "relay"])
def test_a_name_that_does_not_resolve_cannot_be_listened_on(run, command: str, transport: list[str]) -> None:
    where = ["--host", "no-such-host.invalid"] if command == "listen" else ["no-such-host.invalid:0", "127.0.0.1:9"]
    code, _, words = run(command, *where, *transport)
    assert code == 5
    assert "'no-such-host.invalid' does not resolve" in words
    code, output, _ = run(command, "--help")
    assert "5 cannot listen (port in use or forbidden, no address of this machine, name unknown)" in " ".join(output.split())


def test_an_address_of_another_machine_cannot_be_listened_on(run) -> None:
    code, _, words = run("listen", "--host", "192.0.2.1")
    assert code == 5
    assert "this machine has no address 192.0.2.1" in words
