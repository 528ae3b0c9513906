"""Our pages for those who do not see them, see no colours, or use no mouse.

At three widths and in two themes axe-core finds nothing wrong, and the keyboard reaches everything.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bench import bench_samples
from tests.compare.samples import knowing, sample
from tests.show import test_lesson_page
from tests.show.browsing import THEMES, WIDTHS, Opened, browser
from tests.show.test_told import COMPARISONS
from udpmsg.bench import page as bench_page
from udpmsg.compare.page import whole
from udpmsg.compare.reading import Reading
from udpmsg.lessons import page as lesson_page

__all__ = ["browser"]  # the fixture

PAGES: dict[str, Callable[[], str]] = {
    "comparison": lambda: whole.page(Reading(knowing(sample()))),
    "changed": lambda: whole.page(Reading(COMPARISONS["changed"]())),
    "elsewhere": lambda: whole.page(Reading(COMPARISONS["elsewhere"]())),
    "repeated": lambda: whole.page(Reading(sample(count=20, repeat=2))),
    "bench": lambda: bench_page.page(bench_samples.sample()),
    "lesson": lambda: lesson_page.page([test_lesson_page.result()]),
}
FOCUSED = """() => {
    const one = document.activeElement;
    const style = getComputedStyle(one);
    return [one.id || one.textContent.trim().slice(0, 40) || one.tagName, style.outlineStyle !== "none" && style.outlineWidth];
}"""

TOLD = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""A page is told of its theme before it is shown anew, and draws its charts with that. Then it has been."""


class Still(Opened):
    """A page without charts."""

    def wait_for_drawing(self, times: int) -> None:
        """There is nothing to wait for."""


@pytest.mark.timeout(300)  # the browser looks at all of a large page six times, which beside other work takes minutes
@pytest.mark.parametrize("name", PAGES)
def test_axe_core_finds_nothing_wrong(browser: Any, tmp_path: Path, name: str) -> None:
    it = (Still if name == "lesson" else Opened)(browser, tmp_path, PAGES[name]())
    for width in WIDTHS:
        it.tab.set_viewport_size({"width": width, "height": 900})
        for theme in THEMES:
            it.tab.emulate_media(color_scheme=theme)
            it.tab.evaluate(TOLD)
            it.tab.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            assert it.violations() == [], (width, theme)
            assert it.tab.evaluate("document.documentElement.scrollWidth") <= width
    it.close()


def test_the_keyboard_reaches_everything_and_shows_where_it_is(browser: Any, tmp_path: Path) -> None:
    it = Opened(browser, tmp_path, PAGES["comparison"](), viewport={"width": 1280, "height": 900})
    it.tab.evaluate("document.getElementById('ledger').open = true")
    it.wait_until("document.getElementById('ledger-rows').children.length > 0")
    reached = {}
    for _ in range(40):
        it.tab.keyboard.press("Tab")
        name, outline = it.tab.evaluate(FOCUSED)
        reached[name] = outline
    for what in ("copy", "The beginning", "The first loss", "Every message", "wrong", "ledger-mode", "more"):
        (outline,) = {outline for name, outline in reached.items() if name.startswith(what)}
        assert outline == "3px", what
    it.close()
