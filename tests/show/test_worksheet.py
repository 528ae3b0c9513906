"""The worksheet: what it asks and keeps back, one sheet per lesson on any paper, and all answers after the last question."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.show.browsing import browser
from tests.show.test_lesson_page import HOSTILE, LESSON, PAGE_OF_PDF
from udpmsg.base import language
from udpmsg.lessons.table import LESSONS, NAMES, entry, load
from udpmsg.lessons.worksheet import worksheet

__all__ = ["browser"]  # the fixture


@pytest.fixture(params=language.LANGUAGES)
def spoken(request: pytest.FixtureRequest) -> Iterator[str]:
    language.choose(request.param)
    yield request.param
    language.choose(None)


def test_a_sheet_asks_and_the_answers_come_after_all_questions() -> None:
    text = worksheet({row.name: load(row) for row in LESSONS})
    questions, answers = text.split("<section class='back'>")
    assert re.findall(r'<section class="lesson sheet" id="([^"]+)"', questions) == list(NAMES)
    assert "The answer is" not in questions
    assert "<samp>" not in questions, "what a program prints is for the class to find out"
    assert answers.count("The answer is") == len(NAMES)


def test_nothing_is_told_beside_the_commands_and_foreign_text_is_harmless() -> None:
    text = worksheet({"boundaries": LESSON})
    sheet = text.partition("<section class='back'>")[0]
    assert "Look." not in sheet, "the note says what is to be seen"
    assert "echo &#x27;&lt;b&gt;&#x27;" in sheet
    assert HOSTILE not in text
    assert "udpmsg demo boundaries --worksheet FILE" in text


@pytest.mark.usefixtures("spoken")
def test_each_lesson_is_one_sheet_with_room_to_write(browser: Any, tmp_path: Path) -> None:
    tab = opened(browser, tmp_path, {row.name: load(row) for row in LESSONS})
    assert pages(tab, "Letter") > len(LESSONS), "the answers"
    tab.evaluate("document.querySelectorAll('.back, footer').forEach(one => one.remove())")
    assert [pages(tab, paper) for paper in ("A4", "Letter")] == [len(LESSONS)] * 2
    tab.emulate_media(media="print")
    tab.set_viewport_size({"width": 722, "height": 963})  # Letter less its margins, the shorter paper
    heights = tab.eval_on_selector_all(".room", "all => all.map(one => one.clientHeight * 25.4 / 96)")
    assert min(heights) >= 2 * 7.5, "millimetres: two lines"
    tab.close()


def test_a_lesson_alone_is_a_sheet_and_its_answer_another(browser: Any, tmp_path: Path) -> None:
    tab = opened(browser, tmp_path, {"nobody": load(entry("nobody"))})
    assert [pages(tab, paper) for paper in ("A4", "Letter")] == [2, 2]
    tab.close()


def opened(browser: Any, folder: Path, lessons: dict[str, Any]) -> Any:
    """The page in a tab."""
    file = folder / "worksheet.html"
    file.write_text(worksheet(lessons), encoding="utf-8")
    tab = browser.new_page()
    tab.goto(file.as_uri())
    return tab


def pages(tab: Any, paper: str) -> int:
    """How many it prints."""
    margins = dict.fromkeys(("top", "right", "bottom", "left"), "12mm")
    return len(PAGE_OF_PDF.findall(tab.pdf(format=paper, margin=margins)))
