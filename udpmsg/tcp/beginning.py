"""What the first bytes of a stream tell: whether it can be one of ours. Owns no state and no socket.

A connection that can't be is turned away by this, before anything is made for it: a flood of connections costs little more than
the system calls that accept and close them.
"""

from udpmsg.base.errors import MalformedDatagram
from udpmsg.core import wire
from udpmsg.core.framing import LENGTH, BadFrame, misfit

BEGINNING = LENGTH.size + wire.HEADER.size
"""Bytes that are looked at: the length of the first frame, and the header of its message."""
TOLD_BY = LENGTH.size + wire.MARK_SIZE
"""Bytes that tell whether the first message is ours."""


def offence(begin: bytes, limit: int) -> BadFrame | MalformedDatagram | None:
    """Why a stream that begins so, with frames of at most `limit` bytes, is not one of ours; None: it may be one, so far."""
    if len(begin) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack_from(begin)
    if (bad := misfit(length, limit)) is not None:
        return bad
    if length >= wire.HEADER.size and (len(begin) < TOLD_BY or wire.is_ours(begin[LENGTH.size : TOLD_BY])):
        return None
    size = min(length, wire.HEADER.size)
    try:
        wire.decode(begin[LENGTH.size :][:size].ljust(size, b"\0"), framed=True)
    except MalformedDatagram as error:  # always: it is too short, or not ours
        return error
    return None
