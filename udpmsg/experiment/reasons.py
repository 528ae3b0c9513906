"""Why a run is not whole, and what more there is to say of a message's cause: the sentences that a record holds.

They are data, English in every language, and phrases, so that a report can tell them in the user's. A file keeps the text alone:
`phrased` finds the phrase again by its template. Owns these words; knows no run.
"""

import re
from collections.abc import Callable, Iterable
from functools import cache

from udpmsg.errors import N_, Phrase, as_it_is

INTERRUPTED = N_("interrupted")
ROUTER_TOO_SLOW = N_("the router was too slow for {} frames, which are in no record: send slower")
TOO_LONG = N_("it took longer than the schedule, the deadline and half a minute more: ended there")
CONNECTION_ENDED = N_("the connection ended: {}")
NOT_SENT = N_("not sent")

NOBODY_SAID = N_(
    "nobody at {} said what arrived there over {} port {}: start `udpmsg listen --both --host 0.0.0.0 --port {}` there, in this "
    "version or a newer one, and let firewalls pass that port"
)
KNOWS_NOTHING = N_(
    "the listener at {} knows nothing of these messages: none of them came there, or it was started again meanwhile"
)
FORGOTTEN = N_(
    "the listener at {} does not remember which messages up to number {} are lost: there were more gaps than it keeps; {} are "
    "lost in all; send fewer messages, or more slowly"
)

BEHIND = N_("behind message {}")
TOO_LATE = N_("it came after its sender had given it up")
STILL_ON_THE_LINK = N_("it was still on the link when the run ended")

OURS = (
    INTERRUPTED,
    ROUTER_TOO_SLOW,
    TOO_LONG,
    CONNECTION_ENDED,
    NOT_SENT,
    NOBODY_SAID,
    KNOWS_NOTHING,
    FORGOTTEN,
    BEHIND,
    TOO_LATE,
    STILL_ON_THE_LINK,
)
OF_THE_LIBRARY = (
    "the name {!r} does not resolve ({}): check the spelling, or give the address itself, such as 127.0.0.1",
    "cannot connect over TCP ({}): start a listener there first (udpmsg listen --tcp), or check host and port",
    "{} did not answer within {:g} s",
    "no acknowledgment within {} s",
    "no acknowledgment after {} transmissions",
    "not sent ({})",
    "closed before it was acknowledged",
    "{} does not speak udpmsg: {}",
    "end of stream",
    "{}; {}",
    "{}: {}",
)
"""As the senders have them, and how they put several into one."""

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


def phrased(text: str, templates: Iterable[str] = OURS + OF_THE_LIBRARY) -> str:
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
