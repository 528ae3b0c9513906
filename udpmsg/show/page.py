"""Pictures for a page, as HTML. Escapes everything; `text` is the same for a terminal."""

from collections import Counter
from collections.abc import Iterator

from udpmsg.base.language import _, number
from udpmsg.show.markup import safe, terms
from udpmsg.show.pictures import UNKNOWN, Cell, Column, Group, Number, Pair, Pairs, Picture, Prose, Sign, Stretch, Strip, Table

MOST_CELLS = 100
"""Of one line of a strip: more would be too narrow to be seen."""
MOST_LISTED = 12
"""Messages whose numbers a strip's words list; of more they say how many there are."""


def html(picture: Picture) -> str:
    """The picture as elements."""
    if isinstance(picture, Prose):
        kind = f' class="{picture.purpose}"' if picture.purpose else ""
        return "".join(f"<p{kind}>{safe(text)}</p>" for text in picture.paragraphs)
    if isinstance(picture, Pairs):
        return "".join(map(_pair, picture.pairs))
    if isinstance(picture, Strip):
        return _strip(picture) if picture.met() else ""
    return _table(picture)


def css(series: str) -> str:
    """The name of a series as a part of a class: udp+ack has no plus there."""
    return series.replace("+", "-")


def mark(series: str) -> str:
    """The sign of a series, for those who print without colour; `assets/marks.html` has them."""
    return f'<svg class="mark" viewBox="0 0 16 16" aria-hidden="true"><use href="#mark-{css(series)}"/></svg>'


def unknown() -> str:
    """What stands for a figure that nobody knows."""
    return f'<span class="unknown" title="{safe(_("not known"))}">{UNKNOWN}</span>'


def notes(table: Table) -> str:
    """What the numbers of a table are, where there are several measurements, and why some are not known."""
    cells = [cell for group in table.groups for row in group.rows if row.title is not None for cell in row.cells]
    texts = [table.medians[0]] if any(number.least is not None for cell in cells for number in _numbers(cell)) else []
    if table.unknown and any(_content(cell) == unknown() for cell in cells):
        texts.append(f"{UNKNOWN} {table.unknown}")
    return "".join(f'<p class="note">{safe(text)}</p>' for text in texts)


def _numbers(cell: Cell | str) -> tuple[Number, ...]:
    return () if isinstance(cell, str) else cell.numbers


def _pair(pair: Pair) -> str:
    name = pair.title or pair.name
    if not pair.series:
        return terms([(name, pair.text)])
    return f'<li class="card m-{css(pair.series)}"><h3>{mark(pair.series)}{safe(name)}</h3><p>{safe(pair.text)}</p></li>'


def _strip(strip: Strip) -> str:
    """A row of cells per series, in words for those who do not see it, and what the signs mean."""
    each = strip.each(MOST_CELLS)
    rows = "".join(
        f'<div class="m-{css(one.series)}"><b>{safe(one.title)}</b><div class="strip" role="img" '
        f'aria-label="{safe(f"{one.title}: {_in_words(strip, one)}")}">{"".join(_cells(strip, one, each))}</div></div>'
        for one in strip.stretches
    )
    meanings = [f"{_sign(sign)} {safe(sign.word)}" for sign in strip.met()]
    parts = "".join(f"<span>{part}</span>" for part in filter(None, [safe(strip.of), *meanings, safe(strip.note(each))]))
    return f'<div class="strips">{rows}</div><p class="key">{parts}</p>'


def _cells(strip: Strip, stretch: Stretch, each: int) -> Iterator[str]:
    """Each cell; a mouse finds which messages those are that stand out."""
    for place, (sign, small) in enumerate(strip.cells(stretch, each)):
        first, last = place * each + 1, min((place + 1) * each, len(stretch.messages))
        numbers = str(first) if first == last else f"{first}–{last}"
        yield _sign(sign, "" if sign is strip.signs[0] else f' title="{safe(f"{numbers}: {sign.word}")}"', small=small)


def _sign(sign: Sign, more: str = "", *, small: bool = False) -> str:
    return f'<i class="{sign.kind}{" small" * small}"{more}>{safe(sign.sign)}</i>'


def _in_words(strip: Strip, stretch: Stretch) -> str:
    """95 delivered, 5 lost (11, 30, 36, 46, 68)."""
    parts = []
    for place, count in sorted(Counter(stretch.messages).items()):
        numbers = [str(at) for at, one in enumerate(stretch.messages, 1) if one == place] if count <= MOST_LISTED else []
        listed = f" ({', '.join(numbers)})" if place and numbers else ""
        parts.append(f"{number(count)} {strip.signs[place].word}{listed}")
    return ", ".join(parts)


def _table(table: Table) -> str:
    named = any(row.title for group in table.groups for row in group.rows)
    corner = f'<th scope="col">{safe(table.corner)}</th>' if table.corner else "<td></td>" if named else ""
    caption = f'<caption class="hidden">{safe(table.caption)}</caption>' if table.caption else ""
    head = f"<thead><tr>{corner}{''.join(map(_head, table.columns))}</tr></thead>"
    width = len(table.columns) + named
    bodies = [_group(group, table, width, named) for group in table.groups]
    return "\n".join([f'<table class="{table.kind}">{caption}{head}', *filter(None, bodies)]) + "</table>"


def _head(column: Column) -> str:
    if not column.word:
        return "<td></td>"
    below = f" <small>{safe(column.below)}</small>" if column.below else ""
    kind = f' class="m-{css(column.series)}"' if column.series else ""
    return f'<th scope="col"{kind}>{mark(column.series) if column.series else ""}{safe(column.title or column.word)}{below}</th>'


def _group(group: Group, table: Table, width: int, named: bool) -> str:
    rows = []
    for row in group.rows:
        if row.title is not None:
            more = f" <small>{safe(row.more)}</small>" if row.more else ""
            name = f'<th scope="row">{safe(row.title)}{more}</th>' if named else ""
            rows.append(f"<tr>{name}{''.join(map(_cell, row.cells, table.columns))}</tr>")
    if not rows:
        return ""
    title = ""
    if group.title:
        series = f" m-{css(group.series)}" if group.series else ""
        sign = mark(group.series) if group.series else ""
        title = f'<tr class="group{series}"><th scope="rowgroup" colspan="{width}">{sign}{safe(group.title)}</th></tr>'
    return f"<tbody>{title}{''.join(rows)}</tbody>"


def _cell(cell: Cell | str, column: Column) -> str:
    if column.names:
        return f'<th scope="row">{_content(cell)}</th>'
    series = f' data-mode="{column.series}"' if column.series else ""
    return f"<td{series}>{_content(cell)}</td>"


def _content(cell: Cell | str) -> str:
    if isinstance(cell, str):
        return safe(cell)
    if cell.numbers:
        return safe(cell.text).format(*map(_number, cell.numbers))
    return unknown() if cell.text == UNKNOWN else f'<span class="none">{safe(cell.text)}</span>'


def _number(number: Number) -> str:
    """A number for reading and, beside it, for comparing: the only one, or the median of several and their spread."""
    bad = ' class="bad"' if number.bad and number.value else ""
    text = f'<data{bad} data-key="{safe(number.key)}" value="{number.value!r}">{safe(number.write(number.value))}</data>'
    if number.least is not None and number.most is not None and number.least < number.most:
        spread = f"({number.write(number.least)} – {number.write(number.most)})"
        text += f' <small data-least="{number.least!r}" data-most="{number.most!r}">{safe(spread)}</small>'
    return text
