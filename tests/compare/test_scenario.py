"""Scenario files: what is written reads back, what is left out is as without a file, and what is wrong is named with its line."""

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.link.links import links
from udpmsg.base.errors import UsageError
from udpmsg.compare.choices import Choices, Mode, Workload
from udpmsg.compare.scenario import Scenario, dump, load
from udpmsg.link.faults import Link, Path
from udpmsg.link.presets import DEFAULT, PRESETS, preset
from udpmsg.link.record import Direction
from udpmsg.link.script import parse_fault

MS = 1_000_000
YEAR = 366 * 86400 * 10**9
counts = st.integers(1, 10**15 - 1)
times = st.integers(1, YEAR)
names = st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip)

scenarios = st.builds(
    Scenario,
    link=links,
    seed=st.none() | st.integers(0, 2**64 - 1),
    workload=st.builds(Workload, count=counts, interval_ns=times | st.just(0), size=st.integers(0, 2**40)),
    choices=st.builds(
        Choices,
        modes=st.lists(st.sampled_from(Mode), min_size=1, unique=True).map(tuple),
        repeat=counts,
        tcp_congestion=st.none() | names,
        nagle=st.booleans(),
        tcp_ack=st.booleans(),
        ordered=st.booleans(),
        window=st.none() | counts,
        max_transmissions=st.integers(1, 255),
        deadline_ns=times,
        min_rto_ns=times,
        datagram_size=st.integers(128, 65_507),
        late_ns=times,
    ),
)


@settings(deadline=None)
@given(scenarios)
def test_any_scenario_reads_back_as_itself(scenario: Scenario) -> None:
    assert load(dump(scenario)) == scenario


@settings(deadline=None)
@given(scenarios)
def test_any_scenario_is_toml_that_every_reader_understands(scenario: Scenario) -> None:
    def check(value: object) -> None:
        if isinstance(value, dict):
            for inner in value.values():
                check(inner)
        assert not isinstance(value, int) or -(2**63) <= value < 2**63

    check(tomllib.loads(dump(scenario)))


def test_an_empty_file_is_as_no_file() -> None:
    assert load("") == Scenario() == Scenario(DEFAULT, None, Workload(), Choices())


def test_what_is_not_set_stands_there_as_a_comment() -> None:
    text = dump(Scenario())
    assert "# seed is not set; default: drawn anew each time" in text
    assert "# tcp_congestion is not set; default: the system's" in text
    assert 'preset = "classroom"' in text
    assert load(text) == Scenario()


def test_a_file_says_only_what_differs() -> None:
    scenario = load(
        """
        seed = 7

        [link]
        preset = "lte"
        loss = "1%/2%"          # both ways at once, as on the command line
        script = ["drop:data:4", "drop:ack:2"]

        [link.back]
        delay = "80ms"

        [workload]
        count = 20

        [choices]
        modes = ["tcp", "udp"]
        window = "8"
        """
    )
    lte = preset("lte").forward
    forward = Path(delay=lte.delay, jitter=lte.jitter, rate=lte.rate, loss=0.01)
    back = Path(delay=80 * MS, jitter=lte.jitter, rate=lte.rate, loss=0.02)
    assert scenario.link == Link(forward, back, (parse_fault("drop:data:4"), parse_fault("drop:ack:2")), "lte")
    assert scenario.link.script[1].direction is Direction.BACK
    assert (scenario.seed, scenario.workload) == (7, Workload(count=20))
    assert scenario.choices == Choices(modes=(Mode.TCP, Mode.UDP), window=8)


def test_without_a_preset_the_link_is_the_default_one_with_what_is_said() -> None:
    assert load("[link.forward]\nloss = '0%'").link.forward == Path(delay=20 * MS)
    assert load("[link]\npreset = 'none'").link == Link()


def test_the_file_keeps_its_link_should_the_preset_change(monkeypatch: pytest.MonkeyPatch) -> None:
    text = dump(Scenario(preset("wifi")))
    before = preset("wifi")
    changed = {**PRESETS, "wifi": PRESETS["lan"]}
    monkeypatch.setattr("udpmsg.link.presets.PRESETS", changed)
    assert preset("wifi") == changed["wifi"].link != before
    read = load(text).link
    assert (read.forward, read.back) == (before.forward, before.back)


@pytest.mark.parametrize("seed", ["18446744073709551615", "'18446744073709551615'"])
def test_the_largest_seed_as_number_or_text(seed: str) -> None:
    assert load(f"seed = {seed}").seed == 2**64 - 1
    assert 'seed = "18446744073709551615"' in dump(load(f"seed = {seed}"))


BROKEN = [
    ("seed = ", "f.toml: line 1, at the end: invalid value"),
    ("[link\ndelay = 1", "f.toml: line 1, column 6: expected ']'"),
    ("a = 1\na = 2", "f.toml: line 2, at the end: cannot overwrite a value"),
    ("[lnk]", "f.toml, line 1: 'lnk' is no known key; did you mean link?"),
    ("[link]\npreset = 'wif'", "f.toml, line 2: [link] preset: 'wif' is no known link; did you mean wifi?"),
    ("[link]\ndelai = '1ms'", "f.toml, line 2: [link] 'delai' is no known key; did you mean delay?"),
    (
        "# a\n\n[link.forward]\ndelay = '1ms'\nloss = '101%'",
        "f.toml, line 5: [link.forward] loss: '101%' is too large for a share",
    ),
    ("[link.back]\ndelay = '-5ms'", "f.toml, line 2: [link.back] delay: '-5ms' is negative"),
    ("[link.back]\ndelay = 20", "f.toml, line 2: [link.back] delay: '20' has no unit; write 20ms or 20s"),
    ("[link.back]\njitter = '30ms'", "f.toml: [link] a jitter of 30ms is more than the delay of 20ms (back)"),
    ("[link]\nqueue = 10", "f.toml, line 1: [link] a queue of 10 frames means nothing without a rate"),
    ("[link]\nloss = 0.05", "f.toml, line 2: [link] loss: '0.05' is not a share of 0% to 100%; write 5%"),
    ("[link]\nburst = '60%:50%'", "f.toml, line 2: [link] burst: '60%:50%': 60% and 50% are more than 100% together"),
    (
        "[link]\nscript = ['drop:dta:4']",
        "f.toml, line 2: [link] script: 'drop:dta:4': 'dta' is no kind of frame; did you mean data?",
    ),
    ("[link]\nscript = 'drop:data:4'", "f.toml, line 2: [link] script: a list of faults is wanted"),
    ("link = 3", "f.toml, line 1: a table is wanted, [link] on a line of its own"),
    ("[link]\nback = '1ms'", "f.toml, line 2: [link] a table is wanted, [link.back] on a line of its own"),
    ("seed = -1", "f.toml, line 1: seed: '-1' is not a seed"),
    ("seed = 18446744073709551616", "f.toml, line 1: seed: '18446744073709551616' is not a seed; choose a whole number from 0"),
    (f"seed = {'9' * 5000}", "f.toml: a number is too long"),
    (f"seed = {'[' * 5000}", "f.toml: a number is too long, or something is nested too deeply"),
    ("seed = true", "f.toml, line 1: seed: true is no value for it; write text or a number"),
    ("[workload]\ninterval = 20", "f.toml, line 2: [workload] interval: '20' has no unit; write 20ms or 20s"),
    ("[choices]\ndeadline = '5'", "f.toml, line 2: [choices] deadline: '5' has no unit; write 5ms or 5s"),
    ("[workload]\ncount = 0", "f.toml, line 2: [workload] count: '0' is not a count; write a whole number from 1"),
    ("[workload]\ncount = 1.5", "f.toml, line 2: [workload] count: '1.5' is not a count"),
    ("[workload]\nsize = [1]", "f.toml, line 2: [workload] size: a list is no value for it"),
    ("[workload]\ninterval = 2026-11-25", "f.toml, line 2: [workload] interval: a date is no value for it"),
    ("[choices]\nmin_rto = '0s'", "f.toml, line 2: [choices] min_rto: '0s' is too little; it must be more than 0"),
    ("[choices]\nmodes = ['udp', 'tpc']", "f.toml, line 2: [choices] modes: 'tpc' is no mode; did you mean tcp?"),
    ("[choices]\nmodes = ['udp', 'udp']", "f.toml, line 2: [choices] modes: 'udp,udp' names a mode twice; name each once"),
    ("[choices]\nmodes = []", 'f.toml, line 2: [choices] modes: a list is wanted, such as ["udp", "udp+ack", "tcp"]'),
    ("[choices]\nnagle = 'yes'", "f.toml, line 2: [choices] nagle: 'yes' is neither true nor false"),
    ("[choices]\nDeadline = '3s'", "f.toml, line 2: [choices] write it in small letters: deadline"),
    ("[choices]\nmax_transmissions = 256", "f.toml, line 2: [choices] max_transmissions: 256 transmissions are too many"),
    ("[choices]\ndatagram_size = 70000", "f.toml, line 2: [choices] datagram_size: 70000 bytes do not make a datagram"),
    ("[choices]\ntcp_congestion = ''", "f.toml, line 2: [choices] tcp_congestion: '' is no name"),
]


@pytest.mark.parametrize(("text", "said"), BROKEN, ids=[text[:40].replace("\n", " ") for text, _ in BROKEN])
def test_what_is_wrong_is_named_with_its_line(text: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        load(text, "f.toml")
    sentence = str(error.value)
    assert sentence.startswith(said)
    assert "\n" not in sentence


def refusal(text: str) -> str:
    try:
        load(text)
    except UsageError as error:
        return str(error)
    return "loaded"


@settings(deadline=None)
@given(st.text(max_size=200))
def test_no_text_at_all_does_anything_but_load_or_be_refused(text: str) -> None:
    assert "\n" not in refusal(text)


@settings(deadline=None)
@given(scenarios, st.data())
def test_a_file_with_damage_loads_or_is_refused(scenario: Scenario, data: st.DataObject) -> None:
    text = dump(scenario)
    at = data.draw(st.integers(0, len(text)))
    damaged = text[:at] + data.draw(st.text('=[]"\n.#x0,-', max_size=3)) + text[at + data.draw(st.integers(0, 3)) :]
    assert refusal(damaged).startswith(("the scenario", "loaded"))


def test_what_is_written_reads_back() -> None:
    scenario = Scenario(preset("satellite"), 2**64 - 1, Workload(3, 5 * MS, 1000), Choices(tcp_congestion='b"b\\r\n\x7f'))
    assert load(dump(scenario)) == scenario
