"""Frames as two hosts put them on a link, built here from the RFCs alone: what the tests of the link read and cut up."""

import shutil
import struct

from tests.conftest import needed
from udpmsg.core import wire
from udpmsg.core.framing import frame as framed
from udpmsg.core.wire import Kind
from udpmsg.link.frames import Content

SENDER, RECEIVER = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
MACS = {SENDER: bytes.fromhex("020000000001"), RECEIVER: bytes.fromhex("020000000002")}
PORT, CLIENT = 5000, 40_000
SESSION = 0x0123456789ABCDEF
FIN, SYN, RST, PUSH, ACK = 1, 2, 4, 8, 16


def ones_complement(data: bytes) -> int:
    """The Internet checksum, the way RFC 1071 says it in words: byte pairs added, the carries added again, all bits turned."""
    total = 0
    for place, byte in enumerate(data):
        total += byte << (0 if place % 2 else 8)
        total = (total + (total >> 16)) & 0xFFFF
    return 0xFFFF - total


def ethernet(payload: bytes, *, source: bytes = SENDER, destination: bytes = RECEIVER, ethertype: int = 0x0800) -> bytes:
    return MACS[destination] + MACS[source] + ethertype.to_bytes(2, "big") + payload


def ip(
    protocol: int,
    payload: bytes,
    *,
    back: bool = False,
    number: int = 1,
    place: int = 0x4000,
    options: bytes = b"",
) -> bytes:
    """A frame with an IPv4 packet. `place` is flags and fragment offset; `back`: from the receiver to the sender."""
    source, destination = (RECEIVER, SENDER) if back else (SENDER, RECEIVER)
    size = 20 + len(options) + len(payload)
    start = struct.pack(">BBHHHBB", 0x45 + len(options) // 4, 0, size, number, place, 64, protocol)
    rest = source + destination + options
    header = start + ones_complement(start + b"\0\0" + rest).to_bytes(2, "big") + rest
    return ethernet(header + payload, source=source, destination=destination)


def pseudo_header(protocol: int, size: int, back: bool) -> bytes:
    ends = RECEIVER + SENDER if back else SENDER + RECEIVER
    return ends + struct.pack(">BBH", 0, protocol, size)


def udp(
    payload: bytes, *, back: bool = False, number: int = 1, place: int = 0x4000, ports: tuple[int, int] | None = None
) -> bytes:
    """A frame with a UDP datagram."""
    source, destination = ports or ((PORT, CLIENT) if back else (CLIENT, PORT))
    size = 8 + len(payload)
    start = struct.pack(">HHH", source, destination, size)
    check = ones_complement(pseudo_header(17, size, back) + start + b"\0\0" + payload) or 0xFFFF
    return ip(17, start + check.to_bytes(2, "big") + payload, back=back, number=number, place=place)


def tcp(
    sequence: int,
    payload: bytes = b"",
    *,
    flags: int = ACK,
    acknowledged: int = 0,
    back: bool = False,
    client: int = CLIENT,
    options: bytes = b"",
) -> bytes:
    """A frame with a TCP segment. Sequence numbers are taken modulo 2^32."""
    source, destination = (PORT, client) if back else (client, PORT)
    offset = 5 + len(options) // 4
    start = struct.pack(">HHIIBBH", source, destination, sequence % 2**32, acknowledged % 2**32, offset << 4, flags, 64_000)
    rest = b"\0\0" + options + payload
    check = ones_complement(pseudo_header(6, len(start) + 2 + len(rest), back) + start + b"\0\0" + rest)
    return ip(6, start + check.to_bytes(2, "big") + rest, back=back)


def icmp(kind: int, code: int, quoted: bytes, *, back: bool = True) -> bytes:
    """A frame with an ICMP message that quotes the IP packet of another frame."""
    message = struct.pack(">BBHI", kind, code, 0, 0) + quoted[14:]
    check = ones_complement(message)
    return ip(1, message[:2] + check.to_bytes(2, "big") + message[4:], back=back)


def message(sequence: int, payload: bytes = b"hello", *, number: int = 0, framed: bool = False, **more: object) -> bytes:
    """An encoded MESSAGE; its datagram number is its sequence number unless another is given."""
    more.setdefault("session", SESSION)
    return wire.encode(
        Kind.MESSAGE,
        number=number or sequence,
        sequence=sequence,
        sent_at=sequence * 1000,
        payload=payload,
        framed=framed,
        **more,
    )  # type: ignore[arg-type]


def control(kind: Kind, payload: bytes = b"", *, number: int = 1, framed: bool = False, session: int = SESSION) -> bytes:
    """An encoded datagram that is no message."""
    return wire.encode(kind, session=session, number=number, sent_at=0, payload=payload, framed=framed)


def goodbye(messages: int, *, number: int, framed: bool = False) -> bytes:
    return control(Kind.GOODBYE, wire.NUMBER.pack(messages), number=number, framed=framed)


def acknowledgment(largest: int, *, number: int = 1, framed: bool = False, session: int = SESSION) -> bytes:
    """An ACK of everything up to a datagram number."""
    body = wire.encode_acknowledgment(wire.Acknowledgment(session, largest, 10, 100, 1 << 20, largest + 1, [(1, largest)], []))
    return control(Kind.ACK, body, number=number, framed=framed, session=session ^ 1)


def stream_of(*messages: bytes) -> bytes:
    """What goes on a stream: each with its length."""
    return b"".join(map(framed, messages))


def summary(reading: Content) -> tuple[str, int, int, int, str, str]:
    """Kind, index, transmission, part, phase and label."""
    identity = reading.identity
    return identity.kind.value, identity.index, identity.transmission, identity.part, reading.phase.value, reading.label


def carried(reading: Content) -> tuple[int, int]:
    return reading.first_sequence, reading.last_sequence


def tshark() -> str:
    """Where tshark is. Without it a test is skipped with the reason, and fails in continuous integration."""
    return shutil.which("tshark") or needed("tshark", "it is not installed (Debian, Ubuntu: apt install tshark)")
