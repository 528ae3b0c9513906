"""The strip: which sign a message has, several messages in one cell, and how a terminal and a page show it."""

import re
from dataclasses import replace

import pytest

from tests.compare.samples import MILLISECOND, sample
from udpmsg.base.language import said
from udpmsg.compare import story
from udpmsg.compare.ladder_text import visible
from udpmsg.compare.ledger import Ending, LedgerRow
from udpmsg.compare.reading import Reading
from udpmsg.compare.strip import SIGNS, places
from udpmsg.show.page import html
from udpmsg.show.pictures import Stretch, Strip
from udpmsg.show.text import lines


def row(sequence: int, outcome: Ending = Ending.DELIVERED, *, duplicates: int = 0, late: bool = False) -> LedgerRow:
    return LedgerRow(sequence, 0, 0, 1, 1, 1, outcome, duplicates=duplicates, late=late)


def one_mode(*rows: LedgerRow) -> Strip:
    signs = tuple(replace(sign, word=said(sign.word)) for sign in SIGNS)
    return Strip(signs, (Stretch("udp", "UDP", "udp", places(rows)),))


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (row(1), "·"),
        (row(1, duplicates=1), "2"),
        (row(1, late=True), "»"),
        (row(1, duplicates=2, late=True), "»"),
        (row(1, Ending.UNCONFIRMED, late=True), "?"),
        (row(1, Ending.REFUSED), "!"),
        (row(1, Ending.LOST), "✗"),
    ],
)
def test_a_cell_shows_the_worst_that_became_of_its_message(message: LedgerRow, shown: str) -> None:
    assert SIGNS[places([message])[0]].sign == shown


def test_where_there_are_more_messages_than_cells_a_cell_shows_the_worst_of_several_and_that_is_said() -> None:
    rows = [row(number) for number in range(1, 41)]
    rows[7], rows[8] = row(8, late=True), row(9, Ending.LOST)
    for number in (14, 16, 18, 19):
        rows[number - 1] = row(number, Ending.LOST)
    text = list(lines(one_mode(*rows), width=19, colour=False))
    assert text[0] == "udp      ·›x✗✗·····", "small where fewer than half of the messages are so"
    note = "one cell: 4 messages, the worst shown, small if fewer than half are so"
    assert " ".join(line.strip() for line in text[1:]).endswith(note)
    assert all(line.startswith(" " * 9) for line in text[1:])


def test_as_many_messages_as_there_is_room_for_have_a_cell_each() -> None:
    text = list(lines(one_mode(*[row(number) for number in range(1, 11)]), width=19, colour=False))
    assert text[0] == "udp      ··········"
    assert "one cell: 1 message" in " ".join(" ".join(text).split())


@pytest.mark.parametrize("width", [60, 80, 100, 200])
@pytest.mark.parametrize("count", [1, 60, 100, 5000])
def test_no_line_is_longer_than_the_terminal_is_wide(width: int, count: int) -> None:
    shown = story.strip(Reading(sample(count=count, loss=0.2, interval=MILLISECOND)))
    for colour in (False, True):
        assert max(visible(line) for line in lines(shown, width=width, colour=colour)) <= width


def test_all_modes_have_cells_of_the_same_size() -> None:
    text = list(lines(story.strip(Reading(sample(count=300))), width=100, colour=False))
    assert [line.split()[0] for line in text[:3]] == ["udp", "udp+ack", "tcp"]
    assert {len(line) for line in text[:3]} == {9 + 75}


def test_without_a_message_there_is_no_strip() -> None:
    for shown in (one_mode(), Strip(SIGNS, ())):
        assert list(lines(shown, width=80, colour=True)) == []
        assert html(shown) == ""


def test_of_several_repetitions_it_says_which_one_it_is_of() -> None:
    shown = story.strip(Reading(sample(count=20, repeat=2)))
    assert any("Repetition 1:" in line for line in lines(shown, width=80, colour=False))
    assert "<span>Repetition 1:</span>" in html(shown)


def test_on_a_page_each_cell_has_a_sign_and_each_mode_its_words() -> None:
    rows = [row(1), row(2, Ending.LOST), row(3, late=True), row(4, duplicates=1), row(5, Ending.LOST)]
    text = html(one_mode(*rows))
    assert 'aria-label="UDP: 1 delivered, 1 came again (4), 1 late (3), 2 lost (2, 5)"' in text
    strip_of_udp = text.partition('class="strip"')[2].partition("</div>")[0]
    assert re.findall(r'<i class="(\w+)"', strip_of_udp) == ["delivered", "lost", "late", "duplicated", "lost"]
    assert '<i class="lost" title="2: lost">✗</i>' in strip_of_udp
    legend = text.partition('class="key"')[2]
    assert re.findall(r"</i> ([^<]+)<", legend) == ["delivered", "came again", "late", "lost"], "only what there is"
    assert "one cell: 1 message<" in legend


def test_a_page_has_small_marks_for_few_of_many() -> None:
    rows = [row(number, Ending.LOST if number % 4 == 0 or number > 300 else Ending.DELIVERED) for number in range(1, 401)]
    text = html(one_mode(*rows)).partition('class="key"')[0]
    assert (text.count('<i class="lost small"'), text.count('<i class="lost"')) == (75, 25)


def test_many_messages_have_a_hundred_cells_on_a_page_and_numbers_are_not_listed() -> None:
    text = html(one_mode(*[row(number, Ending.LOST) for number in range(1, 20_001)]))
    assert text.count('<i class="lost" title=') == 100
    assert 'title="1–200: lost"' in text
    assert 'aria-label="UDP: 20,000 lost"' in text
