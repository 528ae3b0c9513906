"""Lessons as worksheets: one HTML file that prints one sheet per lesson, with its question and room to write, and all answers after
the last sheet.

Owns what a sheet asks, and what its answer says. Nothing is run for it; its pictures are those of the handout (see `page`).
"""

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from udpmsg import __version__
from udpmsg.base.language import _, spoken
from udpmsg.lessons import story
from udpmsg.lessons.lesson import Lesson
from udpmsg.lessons.page import part
from udpmsg.lessons.story import Check, Commands, LessonPicture, Listing, Part
from udpmsg.show.markup import safe
from udpmsg.show.shell import quiet_shell

LINES = 24
"""To write on: more than any sheet has room for. What does not fit on it is cut off."""


def worksheet(lessons: Mapping[str, Lesson[Any]]) -> str:
    """The whole page, in the language that is spoken, of lessons by their names."""
    (first, *others) = lessons.values()
    title = _("Worksheets: UDP and TCP") if others else _("Worksheet: {}").format(_(first.title))
    body = [
        f"<header class='screen'><h1>{safe(title)}</h1></header><main>",
        *(sheet(name, lesson, number) for number, (name, lesson) in enumerate(lessons.items(), 1)),
        f"<section class='back'><h2>{safe(_('Answers'))}</h2>",
        *(answer(lesson, number) for number, lesson in enumerate(lessons.values(), 1)),
        "</section></main>",
    ]
    made = _("Made by udpmsg {}. Run it again: {}").format(
        __version__, f"udpmsg demo {'all' if others else next(iter(lessons))} --worksheet FILE"
    )
    styles = ("page.css", "worksheet.css")
    return quiet_shell("\n".join(body), title=title, version=__version__, language=spoken(), footer=made, styles=styles)


def sheet(name: str, lesson: Lesson[Any], number: int) -> str:
    """What somebody in the class gets."""
    by_oneself = story.try_it(lesson)
    parts = [
        f"<p class='who'><span>{safe(_('Name:'))}</span><span>{safe(_('Date:'))}</span></p>",
        f"<h2>{number}. {safe(_(lesson.title))}</h2>",
        part(story.question(lesson), number),
        room(_("Your answer, and why:")),
        room(_("Run udpmsg demo {}. What do you see?").format(name)),
        part(Part(by_oneself.heading, tuple(map(unanswered, by_oneself.pictures))), number),
        room(_("What do you see here, and what does the program print?")),
    ]
    return f'<section class="lesson sheet" id="{safe(name)}">{"".join(parts)}</section>'


def unanswered(picture: LessonPicture) -> LessonPicture:
    """Commands or a program, without what is to be found out by them."""
    if isinstance(picture, Listing):
        return replace(picture, prints=(), caption=_("Without udpmsg, in Python:"))
    return replace(picture, note="") if isinstance(picture, Commands) else picture


def room(asks: str) -> str:
    """Lines to write on, as many as the sheet has room for."""
    return f"<p class='asks'>{safe(asks)}</p><div class='room' aria-hidden='true'>{'<i></i>' * LINES}</div>"


def answer(lesson: Lesson[Any], number: int) -> str:
    """The right answer of one lesson, why, and what is seen in it on this system."""
    seen = (Check(_(one.sentence)) for one in lesson.expectations if one.expected(sys.platform))
    pictures = (*story.answer(lesson).pictures, *story.why(lesson).pictures, *seen)
    return f"<div class='answer'>{part(Part(f'{number}. {_(lesson.title)}', pictures), number)}</div>"
