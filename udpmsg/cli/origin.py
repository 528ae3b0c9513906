"""Where `send --spool` goes on: how many of the messages that its input makes a run before it had accepted.

Owns how one input is told from another: by what it says, not by its name. Does not know how messages are sent.
"""

import os
import stat
import sys
from collections.abc import Iterator
from functools import partial
from hashlib import blake2b
from itertools import islice
from typing import BinaryIO

from udpmsg.cli.lines import PIECE, cut
from udpmsg.messaging.sender import Sender
from udpmsg.messaging.spool import Spool

DIGEST = 16
"""Bytes: nobody gains by making two inputs that look alike."""


def accepted_of(spool: Spool | None, payload: bytes, count: int) -> int:
    """How many of `count` times this payload were accepted before."""
    if spool is None:
        return 0
    source = f"{count} messages {blake2b(payload, digest_size=DIGEST).hexdigest()}"
    if spool.source != source:
        spool.made_from(source)
    return spool.taken


def readable_again(stream: BinaryIO) -> bool:
    """Whether the same command will read the same there: a file, and no pipe or terminal."""
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):
        return False


class Accepted:
    """The lines of standard input that were accepted. The spool has their number, and a digest of them that goes on with each."""

    def __init__(self, spool: Spool, limit: int) -> None:
        """Pass over the lines that a run before this one had accepted, if the input begins with them."""
        self._spool = spool
        self._digest = blake2b(digest_size=DIGEST)
        stream = sys.stdin.buffer if sys.stdin is not None else None
        if stream is None or not readable_again(stream):
            self._again = False
            spool.made_from("")
            return
        self._again = True
        begin = stream.tell()
        one_by_one = iter(partial(stream.readline, PIECE), b"")  # so that what is not passed over stays unread
        lines = (line for lines in cut(one_by_one, limit) for line in lines if isinstance(line, bytes))
        for line in islice(lines, spool.taken):
            self._add(line)
        if not spool.taken or spool.source != self._source():
            stream.seek(begin)
            self._digest = blake2b(digest_size=DIGEST)
            spool.made_from(self._source())

    def send(self, sender: Sender, lines: list[bytes]) -> range:
        """Send lines, and have the spool know with each commit that it was up to these; returns their numbers."""
        return sender.send_many(self._noted(lines) if self._again else lines)

    def _noted(self, lines: list[bytes]) -> Iterator[bytes]:
        for line in lines:
            self._add(line)
            self._spool.made_from(self._source(), self._spool.taken)
            yield line

    def _add(self, line: bytes) -> None:
        self._digest.update(b"%d " % len(line) + line)

    def _source(self) -> str:
        return f"lines {self._digest.hexdigest()}"
