"""A benchmark's page in a browser: quiet, alone, with the numbers of the JSON lines, drawn in both themes, and on paper."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bench.bench_samples import sample
from tests.compare.test_page_in_browser import COLOURED, numbers
from tests.show.browsing import Opened, browser
from udpmsg.bench.jsonlines import fields
from udpmsg.bench.page import page
from udpmsg.bench.values import BenchRequest
from udpmsg.compare.choices import Mode
from udpmsg.show.figure import value

__all__ = ["browser"]  # the fixture


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Opened]:
    """The usual page."""
    it = Opened(browser, tmp_path, page(sample()), color_scheme="light")
    yield it
    it.close()


def test_what_a_reader_sees_is_what_the_json_lines_have(opened: Opened) -> None:
    seen = opened.tab.eval_on_selector_all(
        ".figures tr:has(data)",
        "rows => rows.map(row => [...row.querySelectorAll('data')].map(one => [one.dataset.key, one.value, one.innerText]))",
    )
    assert sum(map(len, seen)) > 60
    for one, row in zip(sample().measurements, seen, strict=True):
        for key, shown, text in row:
            known = value(fields(one), key)
            assert json.loads(shown) == known
            if "Gbit" not in text:
                assert numbers(text) == pytest.approx(known, rel=0.01), (one.mode, one.size_bytes, key)


def test_the_charts_are_drawn_each_mode_in_its_colour_and_again_in_the_dark(opened: Opened) -> None:
    for chart in ("#throughput", "#goodput"):
        names = opened.tab.locator(f"{chart} .u-legend .u-label").all_inner_texts()
        assert names[-3:] == ["UDP", "UDP+ack", "TCP"]
        colours = set(opened.tab.evaluate(COLOURED, f"{chart} canvas"))
        assert {"194 74 0", "0 103 166", "0 122 90"} <= colours, chart
    assert opened.tab.locator(".charts canvas").count() == 2 + 4
    assert "194 74 0" in opened.tab.evaluate(COLOURED, "#curve-0 canvas")
    opened.tab.emulate_media(color_scheme="dark")
    opened.wait_for_drawing(2)
    assert "255 154 82" in opened.tab.evaluate(COLOURED, "#curve-0 canvas")


def test_paper_is_light_and_has_no_button(browser: Any, tmp_path: Path) -> None:
    it = Opened(browser, tmp_path, page(sample()), color_scheme="dark")
    it.tab.emulate_media(media="print")
    it.wait_for_drawing(2)
    assert it.tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not it.tab.locator("#copy").is_visible()
    assert it.tab.pdf()[:5] == b"%PDF-"
    it.close()


@pytest.mark.parametrize("width", [800, 1280, 1920])
def test_nothing_but_what_scrolls_by_itself_is_wider_than_the_window(browser: Any, tmp_path: Path, width: int) -> None:
    it = Opened(browser, tmp_path, page(sample()), viewport={"width": width, "height": 900})
    assert it.tab.evaluate("document.documentElement.scrollWidth") <= width
    it.close()


def test_one_mode_at_one_size_is_a_page_too(browser: Any, tmp_path: Path) -> None:
    it = Opened(browser, tmp_path, page(sample(BenchRequest(modes=(Mode.TCP,), sizes=(100,)))))
    assert it.tab.locator(".charts canvas").count() == 2
    it.close()
