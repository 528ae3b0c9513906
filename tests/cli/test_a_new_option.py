"""A new option is one row: parsed, helped, read from the environment, refused, written again, kept in a scenario, and told."""

import json
import subprocess
import sys

import pytest

from udpmsg.base import kinds
from udpmsg.base.option import Option
from udpmsg.cli import send

ROW = Option(
    "--patience",
    "How long to wait for nothing.",
    kinds.SOME_TIME,
    send.DELIVERY,
    default=7_000_000,
    against=(("raw", "there is nothing to wait for"),),
    needs=(("ack",), "nobody would tell"),
)


@pytest.fixture
def given(run, monkeypatch: pytest.MonkeyPatch):
    """Runs `send` with the row, and returns what its work was given."""
    monkeypatch.setattr(send, "OPTIONS", (*send.OPTIONS, ROW))
    monkeypatch.setattr(send, "Repeated", lambda *_arguments, **_named: pytest.fail("it was to be refused before"))
    seen = []
    real = send.send

    def observed(context, given):
        seen.append(given)
        given.check(send.OPTIONS)
        return 0

    observed.__name__ = real.__name__
    monkeypatch.setattr(send, "send", observed)

    def call(*arguments: str):
        code, output, words = run("send", "127.0.0.1", "hello", *arguments)
        return code, output + words, seen.pop().patience if seen else None

    return call


def test_it_is_parsed_and_has_its_default(given) -> None:
    assert given("--ack", "--patience", "20ms") == (0, "", 20_000_000)
    assert given("--ack") == (0, "", 7_000_000)


def test_it_is_in_the_help(given) -> None:
    _, output, _ = given("--help")
    line = next(line for line in output.splitlines() if "--patience" in line)
    assert "TIME" in line
    assert "How long to wait for nothing. (default 7ms)" in line


def test_it_is_read_from_the_environment(given, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UDPMSG_PATIENCE", "3ms")
    assert given("--ack") == (0, "", 3_000_000)
    code, words, _ = given()
    assert code == 2
    assert "--patience means nothing without --ack: nobody would tell (set by the environment: UDPMSG_PATIENCE)" in words


def test_what_is_none_and_what_means_nothing_is_refused(given) -> None:
    code, words, _ = given("--ack", "--patience", "5")
    assert (code, words.splitlines()[0]) == (2, "udpmsg: Invalid value for '--patience': '5' has no unit; write 5ms or 5s")
    code, words, _ = given("--patience", "5ms", "--raw")
    assert code == 2
    assert "--patience and --raw mean nothing together: there is nothing to wait for" in words


PROGRAM = """
import json, sys
from dataclasses import dataclass
from udpmsg.base import kinds
from udpmsg.compare import choices, trace

@dataclass(frozen=True)
class Choices(choices.Choices):
    patience_ns: int = choices.choice(7_000_000, kinds.SOME_TIME, "How long to wait for nothing.",
                                    said=choices.Said(choices.Mode.TCP, "a patience of {}"))

choices.Choices, choices.CHOICES = Choices, choices.options_of(Choices)  # as if the field stood there
choices.SAID = choices.said_of(Choices)

from udpmsg.cli import app, compare

def run(request, *_others):
    from udpmsg.compare.jsonlines import _choices
    from udpmsg.compare.setting import details, setting

    made = trace.Comparison(request.link, 1, request.workload, request.choices, request.where, [], "", "", "")
    (page,) = [pair.text for pair in details(made).pairs if pair.name == "TCP"]
    told = [setting(made)[-1], page, _choices(made)["patience_s"]]
    print(json.dumps([request.choices.patience_ns, request.command, *told]), file=sys.stderr)
    raise SystemExit(0)

compare.run = run
sys.exit(app.run(sys.argv[1:]))
"""


def compare(*arguments: str, text: str = "") -> tuple[str, str]:
    command = [sys.executable, "-c", PROGRAM, "compare", *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
    return done.stdout, done.stderr


def test_a_choice_of_a_comparison_is_one_field() -> None:
    scenario, told = compare("--save", "-", "--seed", "1", "--patience", "20ms")
    patience, command, terminal, page, plain = json.loads(told)
    assert patience == 20_000_000
    assert command.endswith("--patience 20ms")
    assert terminal.endswith("TCP: the system's congestion control, Nagle off, a patience of 20 ms")
    assert page.endswith(", a patience of 20 ms")
    assert plain == 0.02
    assert 'patience = "20ms"' in scenario
    assert json.loads(compare("--scenario", "-", text=scenario)[1])[0] == 20_000_000
    assert "[choices] patience: '5' has no unit" in compare("--scenario", "-", text="[choices]\npatience = 5")[1]
    output, _ = compare("--help")
    assert "How long to wait for nothing. (default 7ms)" in " ".join(output.replace("│", " ").split())
    _, words = compare("--patience", "soon")
    assert "'--patience': 'soon' is not a duration" in words
