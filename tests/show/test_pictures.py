"""Pictures: what a terminal has no room for is left out in order, and text from outside is harmless wherever it is printed."""

from udpmsg.show.figure import written
from udpmsg.show.page import html, notes
from udpmsg.show.pictures import Cell, Column, Group, Number, Pair, Pairs, Prose, Row, Table
from udpmsg.show.text import lines

EVIL = "<b>\x1b[2J\u202e"


def number(value: float, least: float | None = None, most: float | None = None, key: str = "rtt_s") -> Cell:
    return Cell((Number(key, value, written(key), least, most),), "{}")


def printed(table: Table, width: int) -> list[str]:
    return list(lines(table, width=width, colour=False))


RANKED = Table(
    (Column("size", below="bytes"), Column("p50"), Column("p99", rank=2), Column("max", rank=1)),
    (Group((Row((number(64, key="size"), number(0.001), number(0.01), number(0.1))),), "udp", series="udp"),),
)


def test_columns_of_the_highest_rank_are_left_out_first() -> None:
    assert printed(RANKED, 40) == [
        "       size   p50    p99     max",
        "      bytes",
        "udp      64  1 ms  10 ms  100 ms",
    ]
    assert printed(RANKED, 26)[0].split() == ["size", "p50", "max"]
    assert printed(RANKED, 18)[0].split() == ["size", "p50"]
    assert printed(RANKED, 5)[0].split() == ["size", "p50"], "what has no rank stays"


def test_a_spread_is_shown_where_there_is_room_and_what_is_not_known_is_explained() -> None:
    row = Row((number(0.002, 0.001, 0.003), Cell()), "delay", "Delay")
    table = Table(
        (Column("udp", series="udp"), Column("tcp", series="tcp")), (Group((row,)),), medians=("all", "middle"), unknown="why"
    )
    assert printed(table, 60)[1].split() == ["delay", "2", "(1–3)", "ms", "–"]
    assert printed(table, 60)[2:] == ["all", "– why"]
    assert printed(table, 18)[1].split() == ["delay", "2", "ms", "–"]
    assert printed(table, 18)[2:] == ["middle", "– why"]
    assert '<data data-key="rtt_s" value="0.002">2 ms</data> <small data-least="0.001" data-most="0.003">(1 ms – 3 ms)' in html(
        table
    )
    assert notes(table) == '<p class="note">all</p><p class="note">– why</p>'


def test_series_that_have_no_room_beside_each_other_stand_below_each_other() -> None:
    row = Row((number(0.002), Cell(), number(0.004)), "delay", "Delay")
    columns = tuple(Column(name, series=name) for name in ("udp", "udp+ack", "tcp"))
    text = printed(Table(columns, (Group((row,)),), unknown="why"), 24)
    assert [line.split() for line in text] == [
        ["udp", "udp+ack"],
        ["delay", "2", "ms", "–"],
        [],
        ["tcp"],
        ["delay", "4", "ms"],
        ["–", "why"],
    ]
    assert max(map(len, text)) <= 24


def test_a_row_may_be_for_one_printer_alone() -> None:
    rows = Row((number(1),), "here", None), Row((number(2),), None, "There")
    table = Table((Column("udp"),), (Group(rows),))
    assert [line.split()[0] for line in printed(table, 60)] == ["udp", "here"]
    assert "There" in html(table)
    assert "here" not in html(table).replace("There", "")


def test_text_from_outside_is_harmless_in_every_picture() -> None:
    for picture in (Prose((EVIL,)), Pairs((Pair(EVIL, EVIL),)), Table((Column("head"),), (Group((Row((EVIL,)),)),))):
        text = "\n".join(lines(picture, width=80, colour=False))
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "\\u202e" in text
        assert "<b>" not in html(picture)
