"""What the stories of the core share: a virtual clock's units, a peer of a sender, a peer of a receiver, and how to read a batch.

The peers write their datagrams with the codec, which `test_wire.py` nails down byte by byte. They decide nothing themselves.
"""

from collections.abc import Iterable, Sequence

from udpmsg.core.config import Limits, SenderConfig
from udpmsg.core.cookies import Cookies
from udpmsg.core.events import Event, Message, Outcome
from udpmsg.core.framing import Run, each
from udpmsg.core.receiver import Receiver as CoreReceiver
from udpmsg.core.sender import Sender
from udpmsg.core.wire import (
    NUMBER,
    PROBE_REPLY_BODY,
    Acknowledgment,
    Datagram,
    Kind,
    Report,
    decode,
    decode_acknowledgment,
    decode_report,
    encode,
    encode_acknowledgment,
    encode_cookie,
    encode_query,
    encode_report,
)

MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000

START = 1000 * SECOND
"""When the stories begin. Not 0: nothing may depend on the clock's zero."""

SENDER = 0xA11CE
RECEIVER = 0xB0B

Range = tuple[int, int]


def at(milliseconds: float) -> int:
    """The time on the stories' clock."""
    return START + round(milliseconds * MILLISECOND)


def acknowledged_sender(*, session: int = SENDER, now: int = START, **config: object) -> Sender:
    """A sender that asks for acknowledgments, and whose timeouts are not spread unless the story says so."""
    return Sender(SenderConfig(**{"acknowledged": True, "jitter": 0.0, **config}), session=session, now=now)


def plain_sender(*, session: int = SENDER, now: int = START, **config: object) -> Sender:
    """Fire and forget."""
    return Sender(SenderConfig(**config), session=session, now=now)


class RemoteReceiver:
    """The other end of a sender: says exactly what the story has it say."""

    def __init__(self, session: int = RECEIVER, *, framed: bool = False) -> None:
        self.session = session
        self.number = 0
        self.framed = framed

    def ack(
        self,
        *arrived: Range,
        below: int = 1,
        delivered: Sequence[Range] = (),
        credit: int = 256,
        credit_bytes: int = 1 << 20,
        delay_us: int = 0,
        largest: int | None = None,
        of: int = SENDER,
        number: int | None = None,
    ) -> bytes:
        """An ACK: these ranges of datagram numbers arrived; every message `below`, and `delivered`, is with the application."""
        if largest is None:
            largest = arrived[-1][1] if arrived else 0
        body = Acknowledgment(of, largest, delay_us, credit, credit_bytes, below, list(arrived), list(delivered))
        return self._encode(Kind.ACK, encode_acknowledgment(body), number)

    def probe_reply(self, *, of: int = SENDER, to: int = 1) -> bytes:
        """It knows nothing of that session; `to`: the number of the PROBE or QUERY that it answers."""
        return self._encode(Kind.PROBE_REPLY, PROBE_REPLY_BODY.pack(of, to), None)

    def challenge(self, cookie: bytes = b"0123456789ab", *, of: int = SENDER) -> bytes:
        """Return this, so that I know that you are where you say."""
        return self._encode(Kind.CHALLENGE, cookie, None, of)

    def report(
        self,
        question: int,
        *missing: Range,
        highest: int,
        begins_at: int = 1,
        goes_on_at: int = 0,
        arrived: int = 1,
        of: int = SENDER,
        **claims: int,
    ) -> bytes:
        """A REPORT: the answer to the QUERY with that datagram number; these ranges never came."""
        counts = {"delivered": arrived, "arrived": arrived, "duplicates": 0, "reordered": 0, "over_limit": 0, "payload_bytes": 0}
        times = {"duration_us": 0, "kernel_drops": None, "jitter_us": None}
        body = Report(
            session=of,
            question=question,
            highest=highest,
            forgotten=0,
            begins_at=begins_at,
            goes_on_at=goes_on_at,
            missing=list(missing),
            **{**counts, **times, **claims},
        )
        return self._encode(Kind.REPORT, encode_report(body), None)

    def _encode(self, kind: Kind, payload: bytes, number: int | None, sent_at: int = 0) -> bytes:
        self.number += 1
        number = self.number if number is None else number
        return encode(kind, session=self.session, number=number, sent_at=sent_at, payload=payload, framed=self.framed)


class RemoteSender:
    """The other end of a receiver. Datagram numbers count up by themselves; `skip` makes a gap in them."""

    def __init__(self, session: int = SENDER, *, acknowledged: bool = True, ordered: bool = False, framed: bool = False) -> None:
        self.session = session
        self.acknowledged = acknowledged
        self.ordered = ordered
        self.framed = framed
        self.number = 0
        self.lowest = 1

    def skip(self, datagrams: int = 1) -> None:
        """That many datagrams are lost on the way."""
        self.number += datagrams

    def message(
        self,
        sequence: int,
        payload: bytes = b"",
        *,
        transmission: int = 1,
        sent_at_us: int = 0,
        fragment: tuple[int, int, int, int] | None = None,
        reply_to: int = 0,
        title: str = "",
    ) -> bytes:
        """A MESSAGE, with a datagram number of its own."""
        self.number += 1
        return encode(
            Kind.MESSAGE,
            session=self.session,
            number=self.number,
            sent_at=sent_at_us,
            sequence=sequence,
            payload=payload,
            lowest=self.lowest if self.acknowledged else 0,
            transmission=transmission,
            fragment=fragment,
            reply_to=reply_to,
            ordered=self.ordered,
            title=title,
            framed=self.framed,
        )

    def fragments(self, sequence: int, payload: bytes, size: int, *, transmission: int = 1) -> list[bytes]:
        """One message cut into fragments of `size` bytes."""
        count = -(-len(payload) // size)
        return [
            self.message(
                sequence,
                payload[index * size : (index + 1) * size].ljust(size, b"\0"),
                transmission=transmission,
                fragment=(index, count, size, len(payload)),
            )
            for index in range(count)
        ]

    def goodbye(self, messages_sent: int) -> bytes:
        """The session is over; each message took a datagram at least."""
        self.number = max(self.number, messages_sent)
        return self._control(Kind.GOODBYE, NUMBER.pack(messages_sent))

    def probe(self) -> bytes:
        """Is anybody there?"""
        return self._control(Kind.PROBE, b"")

    def query(self, begins_at: int = 1, *, payload: bytes | None = None) -> bytes:
        """What have you of this session?"""
        self.number += 1
        payload = encode_query(begins_at) if payload is None else payload
        return encode(Kind.QUERY, session=self.session, number=self.number, sent_at=0, payload=payload, framed=self.framed)

    def cookie(self, cookie: bytes) -> bytes:
        """You sent me this."""
        self.number += 1
        payload = encode_cookie(cookie)
        return encode(Kind.COOKIE, session=self.session, number=self.number, sent_at=0, payload=payload, framed=self.framed)

    def _control(self, kind: Kind, payload: bytes) -> bytes:
        self.number += 1
        return encode(
            kind,
            session=self.session,
            number=self.number,
            sent_at=0,
            payload=payload,
            lowest=self.lowest if self.acknowledged else 0,
            transmission=1,
            framed=self.framed,
        )


class Receiver(CoreReceiver):
    """A receiver whose application is done with every message as soon as it has it: most stories are not about the commit."""

    def events(self, limit: int | None = None) -> list[Event]:
        events = super().events(limit)
        self.commit()
        return events


def room_for(size: int) -> int:
    """The limit for all memory that leaves so many bytes, and not one more, for what is unfinished: three quarters."""
    return -(-size * 4 // 3)


def a_receiver(*, now: int = START, framed: bool = False, **limits: int) -> Receiver:
    """A receiver with room for 256 messages and 1 MiB of a session, unless the story says otherwise."""
    limits = {"session_messages": 256, "session_bytes": 1 << 20, **limits}
    return Receiver(session=RECEIVER, now=now, framed=framed, limits=Limits(**limits))


def a_wary_receiver(*, now: int = START, receiver: type[CoreReceiver] = Receiver, **limits: int) -> CoreReceiver:
    """A receiver whose peers must prove their addresses: names of a host and a port, of which the host counts as the address."""
    limits = {"session_messages": 256, "session_bytes": 1 << 20, **limits}
    return receiver(
        session=RECEIVER, now=now, limits=Limits(**limits), cookies=Cookies(b"a secret"), origin_of=lambda peer: peer[0]
    )


def proves(receiver: CoreReceiver, remote: RemoteSender, peer: tuple[str, int], now: int) -> None:
    """The sender at this address returns the cookie that it is given there, for a probe of a session that nobody has."""
    receiver.receive([RemoteSender(1 << 63).probe()], now=now, peer=peer)
    receiver.challenge(remote.session, peer, now=now)
    (cookie,) = [data[40:52] for data, to in receiver.data_to_send(now=now) if to == peer and data[3] == Kind.CHALLENGE]
    receiver.receive([remote.cookie(cookie)], now=now, peer=peer)


def answers(receiver: CoreReceiver, now: int) -> list[tuple[Kind, object]]:
    """What leaves now, as kinds, and to whom."""
    return [(decode(data).kind, peer) for data, peer in receiver.data_to_send(now=now)]


def read(batch: Iterable[bytes | Run], *, framed: bool = False) -> list[Datagram]:
    """A sender's batch, decoded."""
    return [decode(data, framed=framed) for data in each(list(batch))]


def first_flight(sender: Sender) -> list[bytes]:
    """What leaves in the first 30 ms, with no word from the receiver: the initial window, and ten at once of it."""
    return [data for time in range(31) for data in each(sender.data_to_send(now=at(time)))]


def numbers(batch: Iterable[bytes | Run]) -> list[tuple[int, int, int]]:
    """A sender's batch as (datagram number, sequence number, transmission)."""
    return [(datagram.number, datagram.sequence, datagram.transmission) for datagram in read(batch)]


def sequences(batch: Iterable[bytes | Run]) -> list[int]:
    """A sender's batch as sequence numbers."""
    return [datagram.sequence for datagram in read(batch)]


def acknowledgments(batch: Iterable[tuple[bytes, object]]) -> list[Acknowledgment]:
    """A receiver's batch, which must be nothing but ACKs."""
    datagrams = read(data for data, _ in batch)
    assert all(datagram.kind is Kind.ACK for datagram in datagrams)
    return [decode_acknowledgment(datagram.payload) for datagram in datagrams]


def reports(batch: Iterable[tuple[bytes, object]]) -> list[Report]:
    """A receiver's batch, which must be nothing but REPORTs."""
    datagrams = read(data for data, _ in batch)
    assert all(datagram.kind is Kind.REPORT for datagram in datagrams)
    return [decode_report(datagram.payload) for datagram in datagrams]


def outcomes(sender: Sender) -> list[Outcome]:
    """How messages ended since the last look; nothing else may have happened."""
    events = sender.events()
    assert all(isinstance(event, Outcome) for event in events), events
    return [event for event in events if isinstance(event, Outcome)]


def payloads(events: Iterable[object]) -> list[bytes]:
    """The payloads of the messages among the events."""
    return [event.payload for event in events if isinstance(event, Message)]


def messages(runs: Sequence[Run]) -> list[bytes]:
    """What the runs carry, one by one."""
    return [datagram for run in runs for datagram in run.datagrams()]
