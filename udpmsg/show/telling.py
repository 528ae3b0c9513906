"""What is data and is shown too, told in the user's language: labels of frames, quantities, a link.

Data speaks English in every language; JSON and saved files never change. Owns how it is told. Knows no report.
"""

from udpmsg.base.language import _, separated, told
from udpmsg.base.phrases import phrased
from udpmsg.link.contents import LABELS
from udpmsg.link.faults import Link
from udpmsg.link.wording import Telling, describe, spaced


def label(text: str) -> str:
    """What a frame carries, as the link's record calls it: message 4, part 2."""
    return told(phrased(text, LABELS))


def quantity(text: str) -> str:
    """A quantity as it is printed: 1.5ms becomes 1.5 ms, or 1,5 ms."""
    return separated(spaced(text))


def link_words(link: Link) -> str:
    """The link in one line: "20 ms each way, 5 % loss"."""
    return describe(link, Telling(_, separated))
