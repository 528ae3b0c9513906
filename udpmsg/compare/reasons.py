"""Why a run is not whole, and what more there is to say of a message's cause: the sentences that a record holds.

They are data, English in every language, and phrases, so that a report can tell them in the user's. A file keeps the text alone:
`phrased` finds the phrase again by its template. Owns these words; knows no run.
"""

from udpmsg.base import phrases
from udpmsg.base.errors import N_

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


def phrased(text: str) -> str:
    """The text as the Phrase that it was, if it was one of these; else itself."""
    return phrases.phrased(text, OURS + OF_THE_LIBRARY)
