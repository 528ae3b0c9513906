"""The options of a link, on a command of their own: how they count, and what bad ones get."""

import sys
import types
from collections.abc import Callable

import pytest
import typer

from udpmsg.cli import app, linking
from udpmsg.cli.given import Given
from udpmsg.link.faults import Burst, Link, Path
from udpmsg.link.fields import FIELDS
from udpmsg.link.presets import DEFAULT, preset
from udpmsg.link.script import parse_fault
from udpmsg.link.wording import options_text

MS = 1_000_000
BASE = Link(Path(delay=7 * MS, loss=0.2), Path(delay=8 * MS), (parse_fault("drop:data:1"),))
"""As a scenario file gives it."""

Probe = Callable[..., tuple[int, Link | None, int | None, str]]


@pytest.fixture
def probe(run, monkeypatch: pytest.MonkeyPatch) -> Probe:
    """Runs a command that has nothing but these options: exit code, link, seed, words."""
    made: list[tuple[Link, int | None]] = []
    base: list[Link] = []

    def probe(context: typer.Context, given: Given) -> int:
        made.append((linking.link_of(given, *base), given.seed))
        return 0

    module = types.SimpleNamespace(probe=probe, OPTIONS=linking.OPTIONS, HELP="Make a link.", EPILOG="")
    monkeypatch.setitem(sys.modules, "udpmsg.cli.probe", module)  # type: ignore[arg-type]
    monkeypatch.setattr(app, "COMMANDS", {"probe": "Make a link."})

    def call(*arguments: str, over: Link | None = None) -> tuple[int, Link | None, int | None, str]:
        made.clear()
        base[:] = [] if over is None else [over]
        code, output, words = run("probe", *arguments)
        link, seed = made[0] if made else (None, None)
        return code, link, seed, output + words

    return call


def link_of(probe: Probe, *arguments: str, over: Link | None = None) -> Link:
    code, link, _, words = probe(*arguments, over=over)
    assert code == 0, words
    assert link is not None
    return link


def test_without_options_it_is_the_base(probe: Probe) -> None:
    assert link_of(probe) == DEFAULT
    assert link_of(probe, over=BASE) == BASE


def test_a_value_counts_for_both_ways_or_for_each(probe: Probe) -> None:
    link = link_of(probe, "--delay", "30ms", "--loss", "1%/0%")
    assert link == Link(Path(delay=30 * MS, loss=0.01), Path(delay=30 * MS), (), "classroom")


def test_values_count_more_than_the_named_link_and_that_more_than_the_base(probe: Probe) -> None:
    assert link_of(probe, "--link", "lte", over=BASE) == preset("lte")
    lte = preset("lte")
    link = link_of(probe, "--loss", "1%", "--link", "LTE", over=BASE)
    assert (link.forward.delay, link.forward.loss, link.name, link.script) == (lte.forward.delay, 0.01, "lte", ())
    link = link_of(probe, "--loss", "1%", over=BASE)
    assert link == Link(Path(delay=7 * MS, loss=0.01), Path(delay=8 * MS, loss=0.01), BASE.script)


def test_every_option_at_once(probe: Probe) -> None:
    arguments = (
        "--link none --delay 20ms/40ms --jitter 5ms/0ms --loss 5%/0% --burst 1%:25%:90%/none --duplicate 1% --reorder 2%:10ms/0% "
        "--corrupt 0.1% --rate 10mbit/s/500kbit --queue 10/none --mtu 1400/none "
        "--fault drop:data:4 --fault back:delay:data:5:2:80ms"
    )
    forward = Path(20 * MS, 5 * MS, 0.05, Burst(0.01, 0.25, 0.9), 0.01, 0.02, 10 * MS, 0.001, 10_000_000, 10, 1400)
    back = Path(40 * MS, 0, 0, None, 0.01, 0, 30 * MS, 0.001, 500_000)
    script = (parse_fault("drop:data:4"), parse_fault("back:delay:data:5:2:80ms"))
    link = link_of(probe, *arguments.split())
    assert link == Link(forward, back, script)
    assert link_of(probe, *options_text(link)) == link


def test_a_fault_that_is_given_takes_the_place_of_the_base_s(probe: Probe) -> None:
    assert link_of(probe, "--fault", "drop:ack:2", over=BASE).script == (parse_fault("drop:ack:2"),)


def test_none_takes_away_what_the_named_link_has(probe: Probe) -> None:
    link = link_of(probe, "--link", "adsl", "--queue", "none", "--rate", "none")
    assert (link.forward.rate, link.forward.queue, link.back.rate, link.back.queue) == (None, None, None, None)


@pytest.mark.parametrize("seed", ["0", "7", "18446744073709551615"])
def test_a_seed(probe: Probe, seed: str) -> None:
    assert probe("--seed", seed)[2] == int(seed)
    assert probe()[2] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--loss", "101%"], "'--loss': '101%' is too large for a share of 0% to 100%; write 5% or 0.5%"),
        (["--loss", "5"], "'--loss': '5' is not a share of 0% to 100%; write 5% or 0.5%"),
        (["--delay", "-5ms"], "'--delay': '-5ms' is negative, and a duration must be 0 or more; write 20ms, 1.5s or 2min"),
        (["--delay=-5ms"], "'--delay': '-5ms' is negative, and a duration must be 0 or more; write 20ms, 1.5s or 2min"),
        (["--delay", "5ms/-5ms"], "'--delay': '-5ms' is negative"),
        (["--delay", "20"], "'--delay': '20' has no unit; write 20ms or 20s"),
        (["--link", "wify"], "'--link': 'wify' is no known link; did you mean wifi?"),
        (["--jitter", "21ms"], "a jitter of 21ms is more than the delay of 20ms (forward)"),
        (["--link", "wifi", "--delay", "1ms"], "a jitter of 2ms is more than the delay of 1ms (forward)"),
        (["--queue", "10"], "a queue of 10 frames means nothing without a rate (forward)"),
        (["--queue", "-1", "--rate", "1mbit"], "'--queue': '-1' is not a number of frames"),
        (["--burst", "60%:50%"], "'--burst': '60%:50%': 60% and 50% are more than 100% together"),
        (["--mtu", "67"], "'--mtu': IP allows no MTU of 67 bytes; choose from 68 (RFC 791)"),
        (["--rate", "10"], "'--rate': '10' is not a bit rate; write 500kbit or 10mbit"),
        (["--fault", "drop:dta:4"], "'--fault': 'drop:dta:4': 'dta' is no kind of frame; did you mean data?"),
        (["--seed", "18446744073709551616"], "'--seed': '18446744073709551616' is not a seed; choose a whole number from 0 to"),
        (["--seed", "-1"], "'--seed': '-1' is not a seed; choose a whole number from 0 to"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_one_sentence_and_exit_code_2(probe: Probe, arguments: list[str], said: str) -> None:
    code, link, _, words = probe(*arguments)
    assert (code, link) == (2, None)
    assert said in words
    assert words.splitlines()[1:] == ["See udpmsg probe --help"]


def test_every_option_can_come_from_the_environment(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UDPMSG_DELAY", "30ms")
    monkeypatch.setenv("UDPMSG_FAULT", "drop:data:4 drop:ack:2")
    link = link_of(probe)
    assert link.forward.delay == 30 * MS
    assert [fault.text for fault in link.script] == ["drop:data:4", "drop:ack:2"]


def test_the_help_names_every_option_with_an_example(probe: Probe) -> None:
    code, _, _, output = probe("--help")
    assert code == 0
    output = " ".join(output.replace("│", " ").split())
    for name, field in FIELDS.items():
        assert f"--{name} " in output
        assert field.example in output
    assert "classroom, none, lan, wifi" in output
