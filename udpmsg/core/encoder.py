"""Everything that one session sends gets its datagram number and its bytes here. Owns the session's number and its start.

Knows no message's fate, no peer and no socket.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from udpmsg.core import bare, runs, wire
from udpmsg.core.framing import Run
from udpmsg.core.wire import Kind

if TYPE_CHECKING:
    from udpmsg.core.header_columns import Rows, Writer


class Encoder:
    """Numbers and encodes for one session. `now` and `started` in nanoseconds; `framed`: a stream's frame tells the length."""

    __slots__ = ("_started", "framed", "number", "session")

    def __init__(self, *, session: int, started: int, framed: bool, number: int = 0) -> None:
        self.session = session
        self.framed = framed
        self.number = number
        """The last datagram number used."""
        self._started = started

    def encode(
        self,
        kind: Kind,
        *,
        now: int,
        sequence: int = 0,
        payload: bytes = b"",
        lowest: int = 0,
        transmission: int = 0,
        fragment: tuple[int, int, int, int] | None = None,
        reply_to: int = 0,
        ordered: bool = False,
        title: str = "",
    ) -> bytes:
        """The next datagram of the session; see `wire.encode` for the fields."""
        self.number += 1
        return wire.encode(
            kind,
            session=self.session,
            number=self.number,
            sent_at=(now - self._started) // 1000,
            sequence=sequence,
            payload=payload,
            lowest=lowest,
            transmission=transmission,
            fragment=fragment,
            reply_to=reply_to,
            ordered=ordered,
            title=title,
            framed=self.framed,
        )

    def answer(self, kind: Kind, now: int, payload: bytes) -> bytes:
        """The next datagram of the session: one that is no message, and asks for nothing."""
        self.number += 1
        return wire.encode_answer(kind, self.session, self.number, (now - self._started) // 1000, payload, self.framed)

    def bare(self, bodies: Sequence[tuple[int, ...]], now: int) -> Iterator[bytes]:
        """The next datagrams of the session: an ACK of each of these, as `udpmsg.core.bare` takes them."""
        first = self.number + 1
        self.number += len(bodies)
        return bare.encode(self.session, first, (now - self._started) // 1000, bodies, framed=self.framed)

    def challenge(self, asked: int, cookie: bytes) -> bytes:
        """The next datagram: a CHALLENGE for the session that is asked to return this cookie."""
        self.number += 1
        return wire.encode(
            Kind.CHALLENGE, session=self.session, number=self.number, sent_at=asked, payload=cookie, framed=self.framed
        )

    def encode_run(
        self, payloads: Sequence[bytes], *, now: int, sequence: int, lowest: int = 0, ordered: bool = False
    ) -> list[bytes | Run]:
        """Messages that leave for the first time, each whole in one datagram, with sequence numbers from `sequence` on."""
        first, sent_at = self.number + 1, (now - self._started) // 1000
        self.number += len(payloads)
        if len(payloads) == 1:  # nothing of what many need at once
            return [wire.encode_message(self.session, first, sequence, sent_at, payloads[0], lowest, ordered, self.framed)]
        return runs.encode(
            payloads,
            session=self.session,
            number=first,
            sequence=sequence,
            sent_at=sent_at,
            lowest=lowest,
            ordered=ordered,
            framed=self.framed,
        )

    def encode_rows(self, rows: "Rows", writer: "Writer", *, now: int, sequence: int) -> list[Run]:
        """Messages without acknowledgments, as columns: look at them, or copy them, before more are encoded so."""
        first = self.number + 1
        self.number += len(rows)
        return writer.write(rows, number=first, sequence=sequence, sent_at=(now - self._started) // 1000)

    def encode_cut(
        self,
        pieces: Sequence[bytes],
        places: range,
        *,
        fragments: int,
        total: int,
        now: int,
        sequence: int,
        lowest: int = 0,
        reply_to: int = 0,
        ordered: bool = False,
    ) -> list[bytes | Run]:
        """Fragments that leave for the first time, of messages with sequence numbers from `sequence` on, each of `total` bytes in
        so many `fragments`: `pieces` are those at these `places`, counted from the first message's first on."""
        first = self.number + 1
        self.number += len(pieces)
        return runs.encode_cut(
            pieces,
            places,
            fragments=fragments,
            total=total,
            session=self.session,
            number=first,
            sequence=sequence,
            sent_at=(now - self._started) // 1000,
            lowest=lowest,
            reply_to=reply_to,
            ordered=ordered,
        )
