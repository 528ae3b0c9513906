"""The pages in a browser, in other languages: their scripts have no word of their own, and write numbers as the language does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import marked
from tests.bench import bench_samples
from tests.show.browsing import Opened, browser
from tests.show.test_told import COMPARISONS, assert_told
from udpmsg.base import language
from udpmsg.bench import page as bench_page
from udpmsg.compare.page import whole as html
from udpmsg.compare.reading import Reading

__all__ = ["browser"]  # the fixture

DRAWN = """
    window.written = [];
    const write = CanvasRenderingContext2D.prototype.fillText;
    CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
        window.written.push(String(text));
        return write.call(this, text, ...place);
    };
"""
"""Keeps what is written into canvases."""


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Other tests speak English."""
    yield
    language.choose(None)


class Told(Opened):
    """A page, open, that keeps what it writes into its charts."""

    def __init__(self, browser: Any, folder: Path, text: str) -> None:
        context = browser.new_context(viewport={"width": 1000, "height": 900})
        context.add_init_script(DRAWN)
        super().__init__(context, folder, text)
        if self.tab.locator("#ledger").count():
            self.tab.evaluate("document.getElementById('ledger').open = true")
            self.wait_until("document.getElementById('ledger-rows').children.length > 0")

    def texts(self) -> str:
        """All that a reader sees, and what a mouse would show."""
        titles = self.tab.eval_on_selector_all("[title]", "all => all.map(one => one.getAttribute('title'))")
        shown: str = self.tab.evaluate("document.body.innerText")
        command: str = self.tab.evaluate("document.getElementById('command')?.innerText || ''")
        written: list[str] = self.tab.evaluate("window.written")
        assert written
        return "\n".join([shown.replace(command, "") if command else shown, *written, *titles])


@pytest.mark.parametrize("name", ["usual", "changed", "unconfirmed", "elsewhere"])
def test_all_that_a_page_shows_is_told(browser: Any, tmp_path: Path, name: str) -> None:
    marked.speak()
    it = Told(browser, tmp_path, html.page(Reading(COMPARISONS[name]())))
    assert_told(it.texts().replace("uPlot 1.6.32, MIT", ""))
    it.close()


def test_all_that_a_benchmark_s_page_shows_is_told(browser: Any, tmp_path: Path) -> None:
    marked.speak()
    it = Told(browser, tmp_path, bench_page.page(bench_samples.sample()))
    assert_told(it.texts().replace("uPlot 1.6.32, MIT", ""))
    it.close()


def test_what_is_copied_is_said_to_be(browser: Any, tmp_path: Path) -> None:
    marked.speak()
    whole = COMPARISONS["usual"]()
    whole.command = "udpmsg compare"
    it = Told(browser, tmp_path, html.page(Reading(whole)))
    it.tab.click("#copy")
    copied, selected = (marked.marked(text) for text in ("Copied", "Selected"))
    it.wait_until("(words) => words.includes(document.getElementById('copy').innerText)", [copied, selected])
    it.close()


def test_numbers_are_portuguese(browser: Any, tmp_path: Path) -> None:
    language.choose("pt-BR")
    it = Told(browser, tmp_path, html.page(Reading(COMPARISONS["changed"]())))
    cells = it.tab.locator("#ledger-rows tr").nth(3).locator("td").all_inner_texts()
    assert all("." not in cell for cell in cells)
    assert any("," in cell for cell in cells)
    assert it.tab.locator("#ledger-count").inner_text().endswith(" linhas")
    assert it.tab.evaluate("document.documentElement.lang") == "pt-BR"
    it.close()


def test_numbers_are_english(browser: Any, tmp_path: Path) -> None:
    language.choose("en")
    it = Told(browser, tmp_path, html.page(Reading(COMPARISONS["usual"]())))
    assert it.tab.evaluate("[written(1234.5), fixed(1234.56, 1), precise(12.345, 3), filled('{} of {}', 1, '{}')]") == [
        "1,234.5",
        "1234.6",
        "12.3",
        "1 of {}",
    ]
    it.close()
