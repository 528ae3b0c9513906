"""The page in a browser: quiet, alone, right, in both themes, and on paper."""

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tests.compare.samples import MILLISECOND, knowing, sample
from tests.compare.test_html import HOSTILE, hostile
from tests.show.browsing import Opened, browser
from udpmsg.compare.choices import Mode
from udpmsg.compare.jsonlines import lines
from udpmsg.compare.ledger import Ending, rows
from udpmsg.compare.page import whole
from udpmsg.compare.page.labels import collide
from udpmsg.compare.reading import Reading
from udpmsg.compare.trace import Comparison
from udpmsg.link.faults import Link
from udpmsg.link.faults import Path as Way
from udpmsg.show.figure import spread

__all__ = ["browser"]  # the fixture

UNITS = {"": 1.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6, "B": 1, "KiB": 2**10, "MiB": 2**20, "bit/s": 1, "kbit/s": 1e3, "Mbit/s": 1e6}
COLOURED = """(selector) => {
    const canvas = document.querySelector(selector);
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const found = new Set();
    for (let at = 0; at < pixels.length; at += 4)
        if (pixels[at + 3] === 255) found.add([pixels[at], pixels[at + 1], pixels[at + 2]].join(" "));
    return [...found];
}"""
"""The colours in a canvas that are not see-through."""


def page(comparison: Comparison) -> str:
    return whole.page(Reading(comparison))


WHERE_LABELS_ARE = """() => [...document.querySelectorAll("figure.ladder svg")].map((svg) =>
    [...svg.querySelectorAll(".label, .number")].map((text) => {
        const { x, y, width, height } = text.getBBox(), less = height / 4, matrix = text.getCTM();
        const corners = [[x, y + less], [x + width, y + less], [x + width, y + height - less], [x, y + height - less]];
        const turned = corners.map(([x, y]) => new DOMPoint(x, y).matrixTransform(matrix));
        return [text.textContent, turned.map(({ x, y }) => [x, y])];
    }))"""
"""Each ladder's labels, with the corners of their letters: a line of text has room above and below these."""


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Opened]:
    """The usual page."""
    it = Opened(browser, tmp_path, page(sample()), color_scheme="light")
    yield it
    it.close()


def numbers(text: str) -> float:
    """What a number with its unit says: 20.1 ms, 1,234, 17.8 KiB."""
    number, _, unit = text.replace(",", "").partition(" ")
    return float(number) * UNITS[unit]


def test_what_a_reader_sees_is_what_was_measured(opened: Opened) -> None:
    comparison = sample()
    seen = opened.tab.eval_on_selector_all(
        ".figures td data", "all => all.map(one => [one.closest('td').dataset.mode, one.dataset.key, one.value, one.innerText])"
    )
    assert len(seen) > 60
    for one in Reading(comparison).runs:
        run, expected = one.run, one.figures
        for mode, key, value, text in seen:
            if mode != run.mode.value:
                continue
            if key.startswith("causes."):
                measured: float = expected["causes"].get(key.removeprefix("causes."), 0)
            else:
                measured = (spread([expected], key) or (None,))[0]  # type: ignore[assignment]
            assert json.loads(value) == measured, (mode, key)
            assert numbers(text) == pytest.approx(measured, rel=0.01), (mode, key)


def test_the_charts_are_drawn_each_mode_in_its_colour(opened: Opened) -> None:
    for chart in ("#delay", "#progress", "#share"):
        names = opened.tab.locator(f"{chart} .u-legend .u-label").all_inner_texts()
        assert names[-3:] == ["UDP", "UDP+ack", "TCP"]
        colours = set(opened.tab.evaluate(COLOURED, f"{chart} canvas"))
        assert {"194 74 0", "0 103 166", "0 122 90"} <= colours, chart


def test_the_cursor_says_what_became_of_a_message(opened: Opened) -> None:
    lost = next(row.sequence for row in rows(sample().runs[0], sample().late_ns) if row.outcome is Ending.LOST)
    over = opened.tab.locator("#delay .u-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    left = opened.tab.evaluate("(sequence) => drawn[0].valToPos(sequence, 'x')", lost)
    opened.tab.mouse.move(box["x"] + left, box["y"] + box["height"] / 2)
    opened.wait_until("document.querySelectorAll('#delay .u-value')[1].textContent === 'lost'")
    assert opened.tab.locator("#delay .u-value").first.inner_text() == str(lost)


def test_dark_is_dark_in_the_charts_too_and_changes_at_once(opened: Opened) -> None:
    light = opened.tab.evaluate("getComputedStyle(document.body).backgroundColor")
    opened.tab.emulate_media(color_scheme="dark")
    opened.wait_for_drawing(2)
    dark = opened.tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert sum(map(int, re.findall(r"\d+", dark))) < 150 < 600 < sum(map(int, re.findall(r"\d+", light)))
    colours = set(opened.tab.evaluate(COLOURED, "#delay canvas"))
    assert {"255 154 82", "98 184 255", "63 209 165"} <= colours
    assert "0 103 166" not in colours


def test_paper_is_light_has_every_ladder_and_no_controls(browser: Any, tmp_path: Path) -> None:
    it = Opened(browser, tmp_path, page(sample()), color_scheme="dark")
    ladders = it.tab.locator("figure.ladder")
    assert ladders.count() > 1
    assert [ladders.nth(at).is_visible() for at in range(ladders.count())].count(True) == 1
    it.tab.emulate_media(media="print")
    it.wait_for_drawing(2)
    assert it.tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert "0 103 166" in it.tab.evaluate(COLOURED, "#delay canvas")
    assert all(ladders.nth(at).is_visible() for at in range(ladders.count()))
    assert not it.tab.locator("#copy").is_visible()
    assert it.tab.pdf()[:5] == b"%PDF-"
    it.close()


PATH_CHARTS = ("window", "pace", "round-trip")


def test_what_the_senders_knew_is_drawn_a_chart_beside_the_other(browser: Any, tmp_path: Path) -> None:
    it = Opened(browser, tmp_path, page(knowing(sample())), color_scheme="light", viewport={"width": 1280, "height": 900})
    for chart in PATH_CHARTS:
        panels = it.tab.locator(f"#path-{chart} > div")
        assert [name.strip() for name in panels.locator("> span").all_inner_texts()] == ["UDP+ack", "TCP"], chart
        left, right = (panels.nth(place).bounding_box() for place in range(2))
        assert left["y"] == right["y"], "they stand side by side"
        assert left["x"] + left["width"] < right["x"]
        for place, ours in ((1, "0 103 166"), (2, "0 122 90")):
            colours = set(it.tab.evaluate(COLOURED, f"#path-{chart} > div:nth-child({place}) canvas"))
            assert ours in colours, (chart, place)
            assert ("179 32 42" in colours) == (chart == "window"), "a cross wherever something was sent again"
    scales = it.tab.evaluate("drawn.slice(3).map(u => [u.scales.x.min, u.scales.x.max, u.scales.y.min, u.scales.y.max])")
    assert len(scales) == 6
    assert scales[0] == scales[1], "their axes are the same"
    assert scales[2] == scales[3]
    assert scales[4] == scales[5]
    it.tab.emulate_media(color_scheme="dark")
    it.wait_for_drawing(2)
    assert "98 184 255" in it.tab.evaluate(COLOURED, "#path-window > div:nth-child(1) canvas")
    it.tab.emulate_media(media="print", color_scheme="dark")
    it.wait_for_drawing(3)
    assert "0 103 166" in it.tab.evaluate(COLOURED, "#path-window > div:nth-child(1) canvas")
    it.close()


def test_at_one_moment_every_chart_says_what_was_known_as_json_does(browser: Any, tmp_path: Path) -> None:
    comparison = knowing(sample())
    paths = {line["mode"]: line for line in map(json.loads, lines(Reading(comparison))) if line["event"] == "path"}
    it = Opened(browser, tmp_path, page(comparison), color_scheme="light")
    over = it.tab.locator("#path-window > div:nth-child(1) .u-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    for place in (0, 57, 120):  # 120: in the second tooth
        left = it.tab.evaluate("(at) => drawn[3].valToPos(at, 'x')", 1e6 * paths["udp+ack"]["at_s"][place])
        it.tab.mouse.move(box["x"] + left, box["y"] + 9)
        time = f"{10 * place} ms" if place >= 10 else f"{10 * place:.1f} ms"
        it.wait_until("(time) => document.querySelector('#path-window .u-value').textContent === time", time)
        for panel, mode in ((1, "udp+ack"), (2, "tcp")):
            path = paths[mode]
            said = {
                chart: it.tab.locator(f"#path-{chart} > div:nth-child({panel}) .u-value").all_inner_texts()
                for chart in PATH_CHARTS
            }
            assert said == {
                "window": [
                    time,
                    f"{path['in_flight_bytes'][place]:,} B",
                    f"{path['window_bytes'][place]:,} B",
                    str(path["retransmissions"][place]),
                ],
                "pace": [time, f"{path['pace_bps'][place] / 1e6:.2f} Mbit/s"],
                "round-trip": [time, f"{1000 * path['srtt_s'][place]:.1f} ms"],
            }
    it.close()


def test_where_no_round_trip_was_measured_the_window_is_there_all_the_same(browser: Any, tmp_path: Path) -> None:
    comparison = knowing(sample())
    for row in comparison.runs[1].known:
        row.srtt = row.pace = row.retransmissions = None
    it = Opened(browser, tmp_path, page(comparison), color_scheme="light")
    for chart in ("pace", "round-trip"):
        assert "Not known: no round trip was measured." in it.tab.locator(f"#path-{chart} > div").first.inner_text()
        assert it.tab.locator(f"#path-{chart} > div").nth(1).locator("canvas").count() == 1
    assert "0 103 166" in it.tab.evaluate(COLOURED, "#path-window > div:nth-child(1) canvas")
    it.close()


def test_where_no_sender_knew_anything_there_is_nothing_to_see(opened: Opened) -> None:
    assert opened.tab.locator("#path").count() == 1
    assert not opened.tab.locator("#path").is_visible()


def test_the_buttons_step_through_the_moments(opened: Opened) -> None:
    buttons = opened.tab.locator("#excerpts button")
    assert buttons.first.inner_text() == "The beginning"
    buttons.last.click()
    assert opened.tab.locator("figure.ladder:visible figcaption strong").inner_text() == f"{buttons.last.inner_text()}."
    assert buttons.last.get_attribute("aria-pressed") == "true"


def test_the_ledger_opens_in_parts_and_finds_what_went_wrong(opened: Opened) -> None:
    comparison = sample()
    ledgers = {run.mode: rows(run, comparison.late_ns) for run in comparison.runs}
    opened.tab.locator("#ledger summary").click()
    listed = opened.tab.locator("#ledger-rows tr")
    opened.wait_until("document.querySelectorAll('#ledger-rows tr').length === 200")
    opened.tab.locator("#more").click()
    assert listed.count() == 300
    assert not opened.tab.locator("#more").is_visible()
    opened.tab.locator("#ledger-mode").select_option("udp")
    opened.tab.locator("#wrong").check()
    lost = [row for row in ledgers[Mode.UDP] if row.outcome is Ending.LOST]
    assert listed.count() == len(lost) > 0
    cells = listed.first.locator("th, td").all_inner_texts()
    assert cells[0] == str(lost[0].sequence)
    assert cells[5:] == ["–", "–", "lost", f"{lost[0].cause} ({lost[0].reason})" if lost[0].reason else lost[0].cause]


def test_another_repetition_is_chosen_for_charts_and_ledger(browser: Any, tmp_path: Path) -> None:
    comparison = sample(repeat=2)
    it = Opened(browser, tmp_path, page(comparison))
    it.tab.locator("#repetition").select_option("2")
    it.wait_for_drawing(2)
    second = next(run for run in comparison.runs if run.repetition == 2 and run.mode is Mode.UDP)
    lost = [row.sequence for row in rows(second, comparison.late_ns) if row.outcome is Ending.LOST]
    it.tab.locator("#ledger summary").click()
    it.tab.locator("#ledger-mode").select_option("udp")
    it.tab.locator("#wrong").check()
    assert it.tab.locator("#ledger-rows th").all_inner_texts() == [str(sequence) for sequence in lost]
    it.close()


def test_foreign_text_does_nothing(browser: Any, tmp_path: Path) -> None:
    it = Opened(browser, tmp_path, page(hostile(sample())))
    it.tab.on("dialog", lambda dialog: it.said.append(dialog.message))
    it.tab.locator("#ledger summary").click()
    it.tab.locator("#wrong").check()
    assert it.tab.locator("img").count() == 0
    assert HOSTILE[:40] in it.tab.locator("#ledger-rows").inner_text()
    it.close()


def test_ten_thousand_messages_are_drawn_as_dots(browser: Any, tmp_path: Path) -> None:
    it = Opened(browser, tmp_path, page(sample(count=10_000, modes=(Mode.UDP, Mode.UDP_ACK))))
    assert {"194 74 0", "0 103 166"} <= set(it.tab.evaluate(COLOURED, "#delay canvas"))
    assert (tmp_path / "page.html").stat().st_size < 1_000_000
    it.close()


@pytest.mark.parametrize("width", [390, 800, 1280, 1920])
def test_nothing_but_what_scrolls_by_itself_is_wider_than_the_window(browser: Any, tmp_path: Path, width: int) -> None:
    it = Opened(browser, tmp_path, page(knowing(sample())), viewport={"width": width, "height": 900})
    assert it.tab.evaluate("document.documentElement.scrollWidth") <= width
    it.close()


LADDERS = {
    "usual": {},
    "lossy": {"loss": 0.3, "seed": 4},
    "far": {"link": Link(Way(delay=270 * MILLISECOND, loss=0.05), Way(delay=270 * MILLISECOND, loss=0.05))},
    "fast": {"count": 2000, "interval": MILLISECOND, "loss": 0.02},
    "upset": {"link": Link(Way(delay=20 * MILLISECOND, jitter=15 * MILLISECOND, duplicate=0.1, reorder=0.1, loss=0.1))},
}


@pytest.mark.parametrize("name", LADDERS)
def test_no_label_of_a_ladder_covers_another(browser: Any, tmp_path: Path, name: str) -> None:
    it = Opened(browser, tmp_path, page(sample(**LADDERS[name])), viewport={"width": 390, "height": 844})
    it.tab.evaluate("document.querySelectorAll('.not-chosen').forEach((one) => one.classList.remove('not-chosen'))")
    ladders = it.tab.evaluate(WHERE_LABELS_ARE)
    assert sum(map(len, ladders)) > 20
    for labels in ladders:
        for (one, where), (other, there) in combinations(labels, 2):
            assert not collide(where, there), (one, other)
    it.close()


def test_on_a_phone_the_modes_stand_under_each_other(browser: Any, tmp_path: Path) -> None:
    it = Opened(browser, tmp_path, page(sample()), viewport={"width": 390, "height": 844})
    boxes = [it.tab.locator("figure.ladder:visible svg").nth(place).bounding_box() for place in range(3)]
    assert boxes[0]["y"] < boxes[1]["y"] < boxes[2]["y"]
    for selector in ("figure.ladder:visible svg", ".figures td", ".figures th", ".strip i", ".command pre", "#excerpts button"):
        for box in it.tab.eval_on_selector_all(selector, "all => all.map((one) => one.getBoundingClientRect().toJSON())"):
            assert box["left"] >= 0, selector
            assert box["right"] <= 390, selector
    assert it.tab.evaluate("[...document.querySelectorAll('.figures td')].every((one) => one.scrollWidth <= one.clientWidth)")
    it.tab.set_viewport_size({"width": 1280, "height": 900})
    boxes = [it.tab.locator("figure.ladder:visible svg").nth(place).bounding_box() for place in range(3)]
    assert boxes[0]["y"] == boxes[1]["y"] == boxes[2]["y"]
    it.close()


def test_the_ladders_open_at_the_first_loss(browser: Any, tmp_path: Path) -> None:
    it = Opened(browser, tmp_path, page(sample()))
    assert it.tab.locator("figure.ladder:visible").get_attribute("data-title").startswith("The first loss")
    assert it.tab.locator("#excerpts button[aria-pressed=true]").inner_text().startswith("The first loss")
    it.close()
    it = Opened(browser, tmp_path, page(sample(loss=0)))
    assert it.tab.locator("figure.ladder:visible").get_attribute("data-title") == "The beginning"
    it.close()


def test_a_strip_has_a_cell_per_message_all_on_one_line_of_a_laptop(browser: Any, tmp_path: Path) -> None:
    it = Opened(browser, tmp_path, page(sample()), viewport={"width": 1280, "height": 900})
    strips = it.tab.locator(".strip")
    assert strips.count() == 3
    for place in range(3):
        cells = strips.nth(place).locator("i")
        assert cells.count() == 100
        assert len(set(cells.evaluate_all("all => all.map((one) => one.getBoundingClientRect().top)"))) == 1
    lost = [f"{row.sequence}: lost" for row in Reading(sample()).first[0].rows if row.outcome is Ending.LOST]
    assert strips.first.locator("i.lost").evaluate_all("all => all.map((one) => one.title)") == lost
    it.close()
