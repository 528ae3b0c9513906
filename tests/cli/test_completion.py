"""What Tab completes: commands, options and the names of values, as each shell asks for them; and in a real bash."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from udpmsg.cli.addresses import own_addresses
from udpmsg.core.congestion import CONTROLLERS
from udpmsg.lessons.table import LESSONS
from udpmsg.link.presets import PRESETS
from udpmsg.tcp.sender import AVAILABLE

COMMANDS = ["listen", "send", "inbox", "compare", "demo", "bench", "report", "relay", "capture"]
VALUES = [
    (["demo"], [*(lesson.name for lesson in LESSONS), "all"]),
    (["compare", "--link"], list(PRESETS)),
    (["relay", "5001", "127.0.0.1:5000", "--link"], list(PRESETS)),
    (["compare", "--modes"], ["udp", "udp+ack", "tcp"]),
    (["bench", "--mode"], ["udp", "udp+ack", "tcp"]),
    (["compare", "--via"], ["lab", "relay"]),
    (["send", "127.0.0.1", "hello", "--congestion"], list(CONTROLLERS)),
    (["bench", "--congestion"], list(CONTROLLERS)),
    (["compare", "--tcp-congestion"], Path(AVAILABLE).read_text().split() if Path(AVAILABLE).exists() else []),
    (["listen", "--host"], ["127.0.0.1", "0.0.0.0", "::", *own_addresses("0.0.0.0")]),
    (["send", "239.1.2.3", "--interface"], own_addresses("0.0.0.0")),
    (["listen", "--lang"], ["en", "pt-BR"]),
    (["--lang"], ["en", "pt-BR"]),
    (["capture"], ["dissector"]),
]


@pytest.fixture
def asked(run, monkeypatch: pytest.MonkeyPatch):
    """Asks as a shell does, with the last word not ended; returns the completions."""

    def bash(words: list[str]) -> list[str]:
        monkeypatch.setenv("_UDPMSG_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", "\n".join(["udpmsg", *words]))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        return answer()

    def zsh(words: list[str]) -> list[str]:
        line("complete_zsh", words)
        answered = "\n".join(answer())
        if answered == "_files":
            return []
        assert answered.startswith("_arguments '*: :((")
        assert answered.endswith("))'")
        return [item.partition('":"')[0].strip('"').replace("\\\\:", ":") for item in answered[18:-3].split("\n")]

    def fish(words: list[str]) -> list[str]:
        line("complete_fish", words)
        monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
        return [item.partition("\t")[0] for item in answer()]

    def line(instruction: str, words: list[str]) -> None:
        monkeypatch.setenv("_UDPMSG_COMPLETE", instruction)
        monkeypatch.setenv("_TYPER_COMPLETE_ARGS", " ".join(["udpmsg", *words]))

    def answer() -> list[str]:
        code, output, words = run()
        assert words == "", "it would stand in the middle of the prompt"
        assert code in (0, 1)
        return [item for item in output.splitlines() if item]

    return {"bash": bash, "zsh": zsh, "fish": fish}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_commands(asked, shell: str) -> None:
    assert asked[shell]([""]) == COMMANDS
    assert asked[shell](["de"]) == ["demo"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(("words", "names"), VALUES, ids=lambda value: value[-1])
def test_the_names_of_values(asked, shell: str, words: list[str], names: list[str]) -> None:
    assert asked[shell]([*words, ""]) == names
    assert asked[shell]([*words, names[0][:2]])[0] == names[0] if names else True


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_options_and_what_follows_a_comma(asked, shell: str) -> None:
    assert asked[shell](["send", "127.0.0.1", "--ma"]) == ["--max-transmissions", "--max-message"]
    assert asked[shell](["compare", "--modes", "udp,"]) == ["udp,udp+ack", "udp,tcp"]
    assert asked[shell](["compare", "--modes", "tcp,udp,u"]) == ["tcp,udp,udp+ack"]
    assert asked[shell](["compare", "--loss", "nonsense", "--via", "r"]) == ["relay"]


def test_a_value_behind_an_equals_sign(asked) -> None:
    assert asked["bash"](["compare", "--link", "=", "wi"]) == ["wifi"]
    assert asked["bash"](["compare", "--link", "="]) == list(PRESETS)
    for shell in ("zsh", "fish"):
        assert asked[shell](["compare", "--link=wi"]) == ["--link=wifi"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    "words", [["nope", ""], ["send", "'"], ["send", "--port", "x"], ["report", ""], ["--", "x"], ["demo", "zzz"], ["é", "\\"]]
)
def test_nothing_to_complete_is_no_error(asked, shell: str, words: list[str]) -> None:
    assert all("rror" not in item for item in asked[shell](words))


def test_an_unknown_shell_gets_nothing(run, monkeypatch: pytest.MonkeyPatch) -> None:
    for instruction in ("nonsense", "complete_nonsense", "complete_bash"):  # the last without its words
        monkeypatch.setenv("_UDPMSG_COMPLETE", instruction)
        assert run()[1:] == ("", "")


def test_fish_hears_whether_files_are_meant(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_UDPMSG_COMPLETE", "complete_fish")
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "is-args")
    for line, code in (("udpmsg demo ha", 0), ("udpmsg send --file x", 1)):
        monkeypatch.setenv("_TYPER_COMPLETE_ARGS", line)
        assert run() == (code, "", "")


def test_it_loads_the_command_that_is_meant_and_no_more() -> None:
    program = "import sys; from udpmsg.cli.app import run; run([]); print(*sys.modules, file=sys.stderr)"
    environment = os.environ | {"_UDPMSG_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "udpmsg send --"}
    ended = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert '"--ack"' in ended.stdout
    loaded = set(ended.stderr.split())
    assert "udpmsg.cli.send" in loaded
    assert loaded.isdisjoint(
        {"rich", "asyncio", "dataclasses", "udpmsg.cli.compare", "udpmsg.cli.listen", "udpmsg.lessons.table"}
    )


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home of one's own, and `udpmsg` among the programs."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    return tmp_path


def test_tab_in_a_real_bash(home: Path) -> None:
    bash = Terminal("--norc", "--noprofile", "-i", program=["bash"])
    try:
        bash.type('eval "$(udpmsg --show-completion)"; complete -p udpmsg')
        bash.expect("-F _udpmsg_completion udpmsg")
        bash.press("udpmsg demo hand\t")
        bash.expect("udpmsg demo handshake ")
        bash.press("\x15udpmsg compare --link=wi\t")
        bash.expect("--link=wifi ")
        bash.press("\x15udpmsg compare --modes udp,t\t")
        bash.expect("--modes udp,tcp ")
    finally:
        bash.close()


def test_completion_is_installed_for_bash(home: Path) -> None:
    installed = subprocess.run(["bash", "-c", "udpmsg --install-completion; :"], capture_output=True, text=True)
    assert "bash completion installed" in installed.stdout, installed.stderr
    shown = subprocess.run(["bash", "-c", "source ~/.bashrc; complete -p udpmsg"], capture_output=True, text=True)
    assert shown.stdout == "complete -o default -F _udpmsg_completion udpmsg\n"
