"""A text as the Phrase that it was, found by its template, so that data in English can be told in the user's language.

Knows no template but those that it is given.
"""

import re
from collections.abc import Callable, Iterable
from functools import cache

from udpmsg.base.errors import Phrase, as_it_is

PLACE = re.compile(r"\{[^{}]*\}")


class Written(Phrase):
    """A value as it stands in a text: its place's form, as in {:g}, has been given to it already."""

    def __repr__(self) -> str:
        """As it is."""
        return str(self)

    def __format__(self, form: str) -> str:
        """As it is."""
        return str(self)

    def told(self, translated: Callable[[str], str], shown: Callable[[object], object] = as_it_is) -> str:
        """In the language of this look-up, if it is a text of ours."""
        return Written(translated(str(self)))


def phrased(text: str, templates: Iterable[str]) -> str:
    """The text as the Phrase that it was, if it was one of these; else itself."""
    for template, pattern in _patterns(tuple(templates)):
        found = pattern.fullmatch(text)
        if found:
            values = [phrased(value, templates) for value in found.groups()]
            return Phrase(template, *(value if isinstance(value, Phrase) else Written(value) for value in values))
    return text


@cache
def _patterns(templates: tuple[str, ...]) -> list[tuple[str, re.Pattern[str]]]:
    """What finds each template's values: what begins with words, and says most, first ("message {}" fits "message 4, part 2")."""
    words = {template: PLACE.split(template) for template in templates}
    in_order = sorted(templates, key=lambda template: (not words[template][0], -len("".join(words[template]))))
    return [(one, re.compile("(.+)".join(map(re.escape, words[one])), re.DOTALL)) for one in in_order]
