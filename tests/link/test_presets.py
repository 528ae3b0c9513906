"""Named links: each number has a source, and the page has the table; and links in words and as options."""

import re
from pathlib import Path as FilePath

import pytest
from hypothesis import given, settings

from tests.link.links import links
from udpmsg.base.errors import UsageError
from udpmsg.link.faults import Burst, Link, Path
from udpmsg.link.fields import FIELDS, changed, check, read_both, text_of_both
from udpmsg.link.presets import DEFAULT, PRESETS, preset
from udpmsg.link.script import parse_fault
from udpmsg.link.wording import describe, options_text

PAGE = (FilePath(__file__).parents[2] / "docs" / "link.md").read_text(encoding="utf-8")
MS = 1_000_000


@pytest.mark.parametrize("name", PRESETS)
def test_every_number_of_a_preset_has_a_source_and_nothing_else_has(name: str) -> None:
    link = PRESETS[name].link
    check(link)
    different = {field for field in FIELDS if text_of_both(field, link) != text_of_both(field, Link())}
    assert set(PRESETS[name].sources) == different
    assert all(PRESETS[name].sources.values())
    assert link.name == (None if name == "none" else name)


def test_the_page_has_the_table_of_the_code() -> None:
    rows = PAGE.partition("\n| preset |")[2].splitlines()[2:]
    table = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows if row.startswith("|")]
    assert table == [
        [
            f"`{name}`",
            entry.about,
            describe(entry.link),
            "; ".join(f"{key}: {text}" for key, text in entry.sources.items()) or "–",
        ]
        for name, entry in PRESETS.items()
    ]


def test_the_page_has_every_option() -> None:
    rows = PAGE.partition("\n| option | value | exactly |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `--(\S+)` \|", rows, re.MULTILINE) == [*FIELDS, "fault", "seed"]


def test_a_link_without_a_word_is_the_classroom_s() -> None:
    assert preset("classroom") is DEFAULT
    assert DEFAULT.forward == DEFAULT.back == Path(delay=20 * MS, loss=0.05)


def test_a_name_that_is_none_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="'satelite' is no known link; did you mean satellite"):
        preset("satelite")
    assert preset("LTE") is PRESETS["lte"].link


@pytest.mark.parametrize(
    ("link", "words"),
    [
        (Link(), "no faults"),
        (DEFAULT, "20 ms each way, 5 % loss"),
        (Link(Path(delay=20 * MS, loss=0.05), Path(delay=40 * MS)), "20 ms forward and 40 ms back, 5 % loss forward only"),
        (Link(Path(), Path(delay=5 * MS, jitter=2 * MS)), "5 ms ± 2 ms back only"),
        (
            Link(Path(burst=Burst(0.01, 0.25)), Path(burst=Burst(0.01, 0.25, 0.9, 0.001))),
            "bursts of loss (4 frames on average, 3.85 % of all) forward and bursts of loss "
            "(4 frames on average, 3.85 % of all; 90 % lost inside, 0.1 % outside) back",
        ),
        (
            Link(*[Path(duplicate=0.01, reorder=0.02, corrupt=0.005, rate=10_000_000, queue=1, mtu=1400)] * 2),
            "1 % duplicated, 2 % held back by 30 ms, 0.5 % corrupted, 10 Mbit/s, a queue of 1 frame, an MTU of 1400 bytes",
        ),
        (Link(script=(parse_fault("drop:data:4"), parse_fault("drop:ack:2"))), "scripted drop:data:4, drop:ack:2"),
    ],
)
def test_a_link_in_words(link: Link, words: str) -> None:
    assert describe(link) == words


@pytest.mark.parametrize(
    ("link", "options"),
    [
        (DEFAULT, "--link classroom"),
        (Link(), "--link none"),
        (Link(Path(delay=20 * MS), Path()), "--link none --delay 20ms/0s"),
        (Link(Path(loss=0.1), Path(loss=0.1), (parse_fault("drop:data:4"),)), "--link none --loss 10% --fault drop:data:4"),
        (
            changed(preset("adsl"), [read_both("queue", "10/none"), read_both("rate", "1mbit/s/2Mbit/s")]),
            "--link adsl --rate 1mbit/2mbit --queue 10/none",
        ),
    ],
)
def test_a_link_as_options(link: Link, options: str) -> None:
    assert " ".join(options_text(link)) == options


def made_again(options: list[str]) -> Link:
    """The link of a command line, without a command line."""
    pairs = list(zip(options[::2], options[1::2], strict=True))
    base = preset(dict(pairs)["--link"])
    link = changed(base, [read_both(name[2:], text) for name, text in pairs if name[2:] in FIELDS])
    return Link(link.forward, link.back, tuple(parse_fault(text) for name, text in pairs if name == "--fault"), link.name)


@settings(deadline=None)
@given(links)
def test_the_options_of_any_link_make_it_again(link: Link) -> None:
    assert made_again(options_text(link)) == link


@settings(deadline=None)
@given(links)
def test_any_link_is_said_in_one_line(link: Link) -> None:
    words = describe(link)
    assert words.isprintable()
    assert words


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("loss", "101%", "'101%' is too large"),
        ("loss", "5%/", "neither one value for both ways nor FORWARD/BACK; write 5% or 5%/0%"),
        ("loss", "1%/2%/3%", "neither one value"),
        ("delay", "-5ms", "'-5ms' is negative"),
        ("delay", "20", "'20' has no unit; write 20ms or 20s"),
        ("burst", "1%", "'1%' is not a burst"),
        ("burst", "1%:2%:3%:4%:5%", "is not a burst"),
        ("burst", "60%:50%", "60% and 50% are more than 100% together"),
        ("burst", "1%:0.05%", "choose at least 0.1% to leave it"),
        ("burst", "1%:0%", "choose at least 0.1%"),
        ("reorder", "5%:3", "'3' has no unit"),
        ("rate", "10", "'10' is not a bit rate"),
        ("rate", "0bit", "'0bit' is too little"),
        ("queue", "-1", "'-1' is not a number of frames"),
        ("queue", "9" * 30, "is not a number of frames"),
        ("mtu", "67", "choose from 68 (RFC 791) to 65535"),
        ("mtu", "64KiB", "IP allows no MTU of 65536 bytes"),
        ("mtu", "1280:loud", "'1280:loud' is not an MTU: write SIZE, or SIZE:silent"),
    ],
)
def test_values_that_mean_nothing(field: str, text: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        read_both(field, text)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"jitter": "21ms"}, "a jitter of 21ms is more than the delay of 20ms (forward)"),
        ({"delay": "20ms/1ms", "jitter": "2ms"}, "a jitter of 2ms is more than the delay of 1ms (back)"),
        ({"queue": "none/10"}, "a queue of 10 frames means nothing without a rate (back)"),
        ({"queue": "10", "rate": "1mbit/none"}, "a queue of 10 frames means nothing without a rate (back)"),
    ],
)
def test_values_that_mean_nothing_together(changes: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError) as error:
        changed(DEFAULT, [read_both(field, text) for field, text in changes.items()])
    assert said in str(error.value)


def test_each_largest_value_is_allowed() -> None:
    changes = {"jitter": "20ms", "loss": "100%", "burst": "99.9%:0.1%", "rate": "10000gbit", "queue": "0", "mtu": "68/65535"}
    link = changed(DEFAULT, [read_both(field, text) for field, text in changes.items()])
    assert (link.forward.loss, link.back.mtu, link.forward.queue) == (1, 65_535, 0)
