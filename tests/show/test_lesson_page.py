"""The handout: every part of a lesson, escaped, in a browser without a request, in both themes and on paper."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.compare.samples import sample
from tests.lessons.support import usual
from tests.show.browsing import browser
from udpmsg.base import language
from udpmsg.compare.choices import Mode
from udpmsg.lessons.lesson import Bars, Curve, Expectation, Ladder, Lesson, Observations, Program, Quiz, Terminal, table
from udpmsg.lessons.page import page
from udpmsg.lessons.running import Result, judged
from udpmsg.lessons.table import NAMES

__all__ = ["browser"]  # the fixture

CUT_OFF = """[...document.querySelectorAll("svg:is(.bars, .curve) text")].filter((text) => {
    const own = text.getBoundingClientRect(), whole = text.closest("svg").getBoundingClientRect();
    return own.left < whole.left || own.right > whole.right;
}).map((text) => text.textContent)"""
"""The texts of bars and curves that reach beyond their picture."""
PAGE_OF_PDF = re.compile(rb"/Type\s*/Page\b")
HOSTILE = "</pre><script>alert(1)</script>\u202e"


@dataclass(frozen=True)
class Seen(Observations):
    """One number."""

    sends: int = 3


def shows(_seen: Seen) -> tuple[Any, ...]:
    comparison = sample()
    return (
        table(("", "sent"), (("UDP", HOSTILE), ("TCP", "3"))),
        Bars((("UDP, WORKED OUT", 20.0, "20 ms: 5.9 times 200"), ("2", 0.0, "never")), "delays", Mode.UDP),
        Curve(((5.0, 20.0), (10.0, 40.0), (30.0, 10.0)), 40.0, 40.0, "40 DATAGRAMS", "window", Mode.TCP),
        Ladder(tuple(comparison.runs), 100.0, "frames"),
    )


LESSON = Lesson(
    title="Message boundaries",
    question=Quiz(HOSTILE, ("“aaa” over both UDP and TCP.", "no"), 0),
    run=lambda _stage: Seen(),
    expectations=(
        Expectation("seen", "It is seen.", lambda seen: seen.sends == 3, "nothing."),
        Expectation("unseen", "It is not.", lambda seen: seen.sends == 4, HOSTILE),
        Expectation("elsewhere", "On another system.", lambda seen: seen.sends == 4, "nothing.", on=("win32",)),
    ),
    shows=shows,
    why=("Because. ", "RFC 768."),
    by_hand=(Terminal(("udpmsg listen", "echo '<b>'"), "Look."),),
    program=Program("\nimport socket\nif 1 < 2:\n    print('a')\n", ("a",)),
)


def result(**changes: Any) -> Result:
    usual = Result("boundaries", LESSON, Seen(), judged(LESSON, Seen(), "linux"), None, 0.1)
    return replace(usual, **changes)


@pytest.fixture(params=language.LANGUAGES)
def spoken(request: pytest.FixtureRequest) -> Iterator[str]:
    language.choose(request.param)
    yield request.param
    language.choose(None)


def test_everything_foreign_is_text() -> None:
    text = page([result()])
    assert "<script" not in text
    assert "\u202e" not in text
    assert text.count("&lt;script&gt;") == 3
    assert "default-src 'none'" in text


def test_what_was_not_seen_says_what_it_may_mean_and_another_system_s_is_left_out() -> None:
    text = page([result()])
    assert text.count("<li class='unseen'>") == 1
    assert "On another system." not in text


def test_a_lesson_that_could_not_be_run_says_why() -> None:
    text = page([result(observations=None, verdicts=(), error="no namespaces"), result()])
    assert "<p class='bad'>no namespaces</p>" in text
    assert text.count('<section class="lesson"') == 2


@pytest.mark.parametrize("width", [800, 1280, 1920])
def test_a_browser_shows_it_alone_and_nothing_is_too_wide(browser: Any, tmp_path: Path, spoken: str, width: int) -> None:
    file = tmp_path / "handout.html"
    file.write_text(page([result(), result()]), encoding="utf-8")
    said: list[str] = []
    requested: list[str] = []
    tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme="dark")
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda request: requested.append(request.url))
    tab.goto(file.as_uri())
    assert tab.evaluate("document.documentElement.lang") == spoken
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 22, 28)"
    assert tab.locator("svg.bars rect").count() == 4
    assert tab.locator("svg.curve path").count() == 2
    assert tab.locator(".ladder .modes").count() == 2
    assert tab.locator(".ladder svg").count() == 2 * len(Mode)
    code = tab.locator(".program code").nth(1).inner_text()
    assert code == "import socket\nif 1 < 2:\n    print('a')"
    assert tab.evaluate(CUT_OFF) == []
    tab.emulate_media(media="print")
    assert tab.evaluate(CUT_OFF) == []
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.pdf()[:5] == b"%PDF-"
    tab.close()
    assert said == []
    assert requested == [file.as_uri()]


@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_is_both_sides_of_a_sheet(browser: Any, tmp_path: Path, spoken: str, name: str) -> None:
    """On its front what was asked, seen and learnt; on its back what to try: so that handouts can be printed on both sides."""
    file = tmp_path / f"{name}.{spoken}.html"
    file.write_text(page([usual(name)[0]]), encoding="utf-8")
    tab = browser.new_page()
    tab.goto(file.as_uri())
    for paper in ("A4", "Letter"):
        assert (
            len(PAGE_OF_PDF.findall(tab.pdf(format=paper, margin=dict.fromkeys(("top", "right", "bottom", "left"), "12mm")))) == 2
        )
    tab.close()
