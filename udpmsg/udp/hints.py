"""What the system tells of ICMP that came for an earlier datagram: it fails a call that has nothing to do with it.

Owns which error is whose hint. TCP alone knows for certain: there an error ends the connection that it belongs to.
"""

import errno

from udpmsg.core.events import Hint

HINTS = {
    errno.ECONNREFUSED: Hint.NOBODY,
    errno.ECONNRESET: Hint.NOBODY,  # Windows
    errno.EHOSTUNREACH: Hint.NO_HOST,
    errno.ENETUNREACH: Hint.NO_NETWORK,
    errno.EACCES: Hint.FORBIDDEN,
    errno.EPERM: Hint.FORBIDDEN,
    errno.EHOSTDOWN: Hint.DOWN,
    errno.ENOPROTOOPT: Hint.NO_UDP,
}
if hasattr(errno, "ENONET"):
    HINTS[errno.ENONET] = Hint.CUT_OFF
"""Linux, net/ipv4/icmp.c, icmp_err_convert, and net/ipv6/icmp.c, tab_unreach. Linux tells those of IPv4's that are final: 3/9 as
ENETUNREACH, 3/10 and 3/13 as EHOSTUNREACH, all of which a router says that is told to let nothing pass."""


def hint_of(error: OSError) -> Hint:
    """What an error of a connected socket says of an earlier datagram."""
    return HINTS.get(error.errno or 0, Hint.OTHER)


def may_be_earlier(error: OSError) -> bool:
    """Whether an error of a send may be about an earlier datagram, so that the send should be tried again."""
    return error.errno in HINTS or error.errno == errno.EMSGSIZE
