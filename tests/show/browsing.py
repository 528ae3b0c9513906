"""A page opened in a browser, quiet and alone. Chromium is Debian's, driven by playwright."""

import shutil
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import needed

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
"""A browser that calls nobody, in a container too."""
PATIENCE = 30.0
"""Seconds that a page may take for anything; nothing takes two."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for a module of tests, ended with it."""
    chromium = shutil.which("chromium")
    if chromium is None:
        needed("chromium", "no browser to open the page in; on Debian: apt install chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        needed("playwright", "nothing to drive the browser with; pip install -e '.[dev]'")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        yield running
        running.close()


THEMES = ("light", "dark")
WIDTHS = (390, 1280, 1920)
"""A phone's, a laptop's, a projector's."""


class Opened:
    """A page, open; what it said and what it asked for."""

    def __init__(self, browser: Any, folder: Path, text: str, **settings: Any) -> None:
        file = folder / "page.html"
        file.write_text(text, encoding="utf-8")
        self.address = file.as_uri()
        self.said: list[str] = []
        self.requested: list[str] = []
        self.tab = browser.new_page(**settings)
        self.tab.on("console", lambda message: self.said.append(message.text))
        self.tab.on("pageerror", lambda error: self.said.append(str(error)))
        self.tab.on("request", lambda request: self.requested.append(request.url))
        self.tab.goto(self.address)
        self.wait_for_drawing(1)

    def wait_until(self, true: str, argument: Any = None) -> None:
        """Until this JavaScript is true. It is asked from here: our pages forbid themselves the eval by which playwright's
        own wait_for_function asks a second time.
        """
        until = time.monotonic() + PATIENCE
        while not self.tab.evaluate(true, argument):
            assert time.monotonic() < until, f"the page never came to this: {true}"
            self.tab.wait_for_timeout(10)

    def wait_for_drawing(self, times: int) -> None:
        """Until the charts have been drawn so often."""
        self.wait_until("(times) => Number(document.documentElement.dataset.drawn) >= times", times)

    def violations(self) -> list[str]:
        """What axe-core finds wrong: rule, place, and why."""
        try:
            script = files("axe_playwright_python").joinpath("axe.min.js")
        except ImportError:
            needed("axe-playwright-python", "no axe-core to look at the page with; pip install -e '.[dev]'")
        self.tab.evaluate(script.read_text(encoding="utf-8"))
        found = self.tab.evaluate("axe.run({ preload: false })")["violations"]
        return [f"{one['id']}: {node['target']}: {node['failureSummary']}" for one in found for node in one["nodes"]]

    def close(self) -> None:
        """Nothing was said, nobody was asked."""
        self.tab.close()
        assert self.said == []
        assert self.requested == [self.address]
