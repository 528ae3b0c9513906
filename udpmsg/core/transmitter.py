"""What leaves of one sending session: its messages become transmissions, with numbers and bytes. Owns how they are cut up.

Knows neither sockets nor the clock, nor what came back: the outbox says which message may leave next; the receiver's credit, the
congestion window and the pace say how many. What becomes of them is for `udpmsg.core.sender`.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from udpmsg.core import wire
from udpmsg.core.config import SenderConfig
from udpmsg.core.congestion.controller import Controller
from udpmsg.core.encoder import Encoder
from udpmsg.core.fragments import Cutter
from udpmsg.core.framing import Run
from udpmsg.core.outbox import RUN, Outbox, Outgoing
from udpmsg.core.path_mtu import FLOOR
from udpmsg.core.retransmission import Flight, InFlight
from udpmsg.core.rtt import NEVER
from udpmsg.core.wire import Kind

if TYPE_CHECKING:
    from udpmsg.core.header_columns import Rows, Writer


class Transmitter:
    """Takes messages out of the outbox and makes datagrams of them, or the messages of frames; notes what is in flight then."""

    def __init__(
        self, config: SenderConfig, encoder: Encoder, outbox: Outbox, in_flight: InFlight, congestion: Controller
    ) -> None:
        self._config = config
        self._framed = config.datagram_size is None
        self._encoder = encoder
        self._outbox = outbox
        self._in_flight = in_flight
        self._congestion = congestion
        self.cutter = self._cutter_of(config.datagram_size)
        self._smallest = self._cutter_of(FLOOR) if config.follows_path else self.cutter
        """Into datagrams of this size every message must go that is accepted."""
        self._recheck = 0
        """Messages up to this number were accepted when datagrams were larger."""
        self.window_was_limit = False
        """Whether the window or the pace held something back, the last time."""
        self.left = NEVER
        """The first message that is left to a later life; the receiver must not be told that it has ended."""
        # counts
        self.messages_sent = 0
        """Messages of which something was handed to the transport."""
        self.payload_bytes = 0
        """Payload of the messages sent, each counted once."""
        self.retransmissions = 0

    # What the application gives ------------------------------------------------------------------------------------------

    def check(self, size: int, *, reply: bool, title: str) -> None:
        """Raise MessageTooLarge if no message of so many bytes can be sent."""
        self._smallest.check(size, reply=reply, title=title)

    def set_apart(self, payloads: Sequence[bytes], first: int, reply_to: int, title: str) -> bool:
        """Of the messages just accepted, tell which are cut up, are replies, or have a title. Returns whether any is cut up."""
        any_cut = False
        for sequence, payload in enumerate(payloads, first):
            fragments = self.cutter.count(len(payload), reply=reply_to > 0, title=title)
            if fragments > 1 or reply_to or title:
                self._outbox.set_apart(sequence, fragments, reply_to, title, self.cutter)
            any_cut = any_cut or fragments > 1
        return any_cut

    def at_once(
        self, payloads: Sequence[bytes], first: int, reply_to: int, title: str, now: int, *, ordinary: bool
    ) -> list[bytes | Run]:
        """Fire-and-forget messages: they leave when they are accepted."""
        self.count_sent(len(payloads), sum(map(len, payloads)))
        if ordinary:
            return self._encoder.encode_run(payloads, sequence=first, now=now)
        return self._encode_each(payloads, first, reply_to, title, now)

    def rows_at_once(self, rows: "Rows", writer: "Writer", first: int, now: int) -> list[Run]:
        """The same of payloads of one length, each of which goes whole in one datagram."""
        self.count_sent(len(rows), rows.size)
        return self._encoder.encode_rows(rows, writer, sequence=first, now=now)

    # What leaves ---------------------------------------------------------------------------------------------------------

    def data_to_send(self, credit: int, credit_bytes: int | None, now: int) -> list[bytes | Run]:
        """Every message that may leave now, encoded, in order, in runs where that goes; retransmissions before new messages."""
        batch: list[bytes | Run] = []
        outbox = self._outbox
        while outbox.anything_to_send and not self.window_was_limit:
            apart = outbox.again or outbox.unfinished
            if apart and (due := outbox.next_fragment(credit, credit_bytes)) is not None:
                if not self._cut_anew(*due):
                    batch += self._transmit(*due, now)
            elif apart and (cut := outbox.next_cut(credit, credit_bytes)):
                if not [message for message in cut if self._cut_anew(message, message.next_fragment)]:
                    batch += self._transmit_cut(cut, now)
            elif run := outbox.next_run(credit, credit_bytes):
                if run.start > self._recheck or (run := self._fitting(run)):
                    batch += self._transmit_run(run, now)
            else:
                break
        return batch

    def control(self, kind: Kind, now: int, payload: bytes = b"") -> bytes:
        """A datagram that asks for an acknowledgment, and is no message."""
        return self._encoder.encode(kind, now=now, payload=payload, lowest=self.lowest, transmission=1)

    def cut_to(self, size: int) -> None:
        """From now on cut to what the path takes."""
        self._recheck = self._outbox.sequence
        self.cutter = self._cutter_of(size)

    @property
    def lowest(self) -> int:
        """What the receiver is told: everything below has ended for good. 0: nobody asks for acknowledgments."""
        return min(self._outbox.lowest, self.left) if self._config.acknowledged else 0

    def count_sent(self, messages: int, size: int) -> None:
        """Change the number of messages of which something left."""
        self.messages_sent += messages
        self.payload_bytes += size

    # Helpers: one transmission -------------------------------------------------------------------------------------------

    def _transmit_run(self, run: range, now: int) -> list[bytes | Run]:
        """Send these ordinary messages for the first time, as many as may leave."""
        payloads, overhead = self._outbox.payloads(run), self.cutter.overhead
        sizes = [len(payload) + overhead for payload in payloads]
        count = self._admit(sizes, now)
        if count < len(run):
            payloads, sizes = payloads[:count], sizes[:count]
        if not payloads:
            return []
        batch = self._encoder.encode_run(payloads, sequence=run.start, now=now, lowest=self.lowest, ordered=self._config.ordered)
        self._outbox.sent_run(run.start + count - 1)
        self._depart(Flight(self._encoder.number - count + 1, run.start, sizes, now))
        self.count_sent(count, sum(sizes) - count * overhead)
        return batch

    def _transmit_cut(self, messages: list[Outgoing], now: int) -> list[bytes | Run]:
        """Send fragments of these messages, which are cut alike, for the first time: as many as may leave."""
        first, new = messages[0], [message for message in messages if not message.started]
        begin, fragments = first.next_fragment, len(first.transmissions)
        length = self.cutter.datagram_length(len(first.payload), 1, fragments, reply=first.reply_to > 0, title=first.title)
        sizes = [length] * min(len(messages) * fragments - begin, RUN)
        if first.title and not begin:
            sizes[0] += len(wire.title_block(first.title))
        count = self._admit(sizes, now)
        if not count:
            return []
        batch = self._encode_cut(messages, begin, begin + count, now)
        name = first.name_of(begin)
        self._depart(Flight(self._encoder.number - count + 1, first.sequence, sizes[:count], now, name, fragments))
        self._outbox.sent_cut(messages, count)
        started = [message for message in new if message.started]
        self.count_sent(len(started), len(first.payload) * len(started))
        return batch

    def _transmit(self, message: Outgoing, fragment: int, now: int) -> list[bytes]:
        """Send what is sent again, or a whole message that is not ordinary, if it may leave."""
        reply, title, fragments = message.reply_to > 0, message.title, len(message.transmissions)
        sizes = [self.cutter.datagram_length(len(message.payload), fragment, fragments, reply=reply, title=title)]
        if not self._admit(sizes, now):
            return []
        data = self._encode(message, fragment, now)
        if message.transmissions[fragment]:
            self.retransmissions += 1
        else:
            self.count_sent(1, len(message.payload))
        self._outbox.sent(message, fragment)
        ordinal = message.transmissions[fragment]
        name = message.name_of(fragment)
        self._depart(Flight(self._encoder.number, message.sequence, sizes, now, name, fragments, ordinal))
        return [data]

    def _cut_anew(self, message: Outgoing, fragment: int) -> bool:
        """Whether this fragment of a message had to be cut anew, because it is too large now, or because nothing was sent of the
        message and the path takes other datagrams than when it was accepted."""
        way = self.cutter
        if message.way is way or not self._config.follows_path:
            return False
        size, reply, title = len(message.payload), message.reply_to > 0, message.title
        if message.started:
            count = len(message.transmissions)
            length = way.datagram_length(size, fragment, count, reply=reply, title=title)
            if length <= (way.datagram_size or 0):
                return False
        self._outbox.cut_anew(message, way.count(size, reply=reply, title=title), way)
        return True

    def _fitting(self, run: range) -> range:
        """Of these ordinary messages those up to the first that has become too large for one datagram: that one is cut up."""
        for place, payload in enumerate(self._outbox.payloads(run)):
            if len(payload) > self.cutter.ordinary:
                if not place:
                    self._outbox.set_apart_next(self.cutter.count(len(payload), reply=False), self.cutter)
                return run[:place]
        return run

    def _admit(self, sizes: Sequence[int], now: int) -> int:
        """How many of these datagrams the congestion window and the pace let go now."""
        if self._framed:
            self._congestion.bytes_in_flight += sum(sizes)
            return len(sizes)
        admitted = self._congestion.admit(sizes, now)
        self.window_was_limit = admitted < len(sizes)
        return admitted

    def _depart(self, flight: Flight) -> None:
        self._congestion.on_sent(flight, flight.sent_at)
        self._in_flight.add(flight)

    def _encode_each(self, payloads: Sequence[bytes], first: int, reply_to: int, title: str, now: int) -> list[bytes | Run]:
        """Fire-and-forget messages of which some are cut up, or all are replies or have a title."""
        batch: list[bytes | Run] = []
        for size, neighbours in groupby(enumerate(payloads, first), key=lambda numbered: len(numbered[1])):
            fragments = self.cutter.count(size, reply=reply_to > 0, title=title)
            messages = [Outgoing(sequence, payload, fragments, reply_to, title) for sequence, payload in neighbours]
            apart = [[message] for message in messages] if title or fragments == 1 else [messages]
            for alike in apart:
                batch += self._encode_cut(alike, 0, len(alike) * fragments, now)
        return batch

    def _encode_cut(self, messages: Sequence[Outgoing], begin: int, end: int, now: int) -> list[bytes | Run]:
        """Fragments of these messages, which are cut alike, as they leave for the first time: from one up to another, counted
        from the first message's first on. What has a title, or is whole, is encoded by itself."""
        first, fragments = messages[0], len(messages[0].transmissions)
        alone = [self._encode(first, 0, now)] if not begin and (first.title or fragments == 1) else []
        begin += len(alone)
        payloads = [message.payload for message in messages]
        return alone + self._encoder.encode_cut(
            self.cutter.pieces(payloads, begin, end, fragments),
            range(begin, end),
            fragments=fragments,
            total=len(first.payload),
            now=now,
            sequence=first.sequence,
            lowest=self.lowest,
            reply_to=first.reply_to,
            ordered=self._config.ordered,
        )

    def _encode(self, message: Outgoing, index: int, now: int) -> bytes:
        payload, fragment = self.cutter.cut(
            message.payload, index, len(message.transmissions), reply=message.reply_to > 0, title=message.title
        )
        return self._encoder.encode(
            Kind.MESSAGE,
            now=now,
            sequence=message.sequence,
            payload=payload,
            lowest=self.lowest,
            transmission=message.transmissions[index] + 1,
            fragment=fragment,
            reply_to=message.reply_to,
            ordered=self._config.ordered,
            title="" if index else message.title,
        )

    def _cutter_of(self, datagram_size: int | None) -> Cutter:
        config = self._config
        return Cutter(datagram_size=datagram_size, max_message=config.max_message, acknowledged=config.acknowledged)
