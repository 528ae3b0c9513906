"""What a frame carries: Ethernet, IPv4, UDP, TCP and ICMP, read as far as a fate, a bill and a ladder need. No socket, no clock.

Owns the identity of a frame: index, transmission and part (`Identity` says what they mean), which for TCP depend on the stream
(`streams`). Counts what has no number of its own. Does not know what becomes of a frame, and never raises for one: what cannot
be understood is CONTROL, "other", "not understood".

A retransmission is not a new data frame: it has the index and part of what was sent before, and the next transmission number.
Of a message in several fragments, `part` is our fragment's index * 8192, plus the offset of an IP fragment in units of 8 bytes.
"""

import struct

from udpmsg.core import wire
from udpmsg.core.wire import OUR_MARK, OUR_MESSAGE, PEEK
from udpmsg.link.contents import ACK, ACKNOWLEDGMENT, CONTENTS, CONTROL, DATA, HANDSHAKE, MESSAGES, TEARDOWN, Content
from udpmsg.link.packets import ETHERNET, MORE_FRAGMENTS, OFFSET
from udpmsg.link.record import Direction, FrameKind, Identity, Phase
from udpmsg.link.streams import MODULUS, NOT_OURS, Stream

IP = struct.Struct(">12xHBxH2xHxB10x")
"""An Ethernet header and an IPv4 header without options: type, version and length, total length, fragment, protocol."""
WITHOUT_OPTIONS = ETHERNET + 20
"""Where the payload of most IPv4 packets begins; the addresses are right before it."""
TCP = struct.Struct(">4xIIBB")
"""Of a TCP header: sequence number, acknowledgment number, offset, flags."""

IPV4 = 0x0800
FIN, SYN, RST = 1, 2, 4
UDP_HEADER = 8

REMEMBERED = 1 << 18
"""At least this many messages are remembered in each direction, to count their transmissions: no window is as large."""
GOODBYES = 1024

PROTOCOLS = {0x0806: "ARP", 0x86DD: "IPv6"}
UNREACHABLE = {0: "network", 1: "host", 2: "protocol", 3: "port", 13: "communication"}
"""ICMP type 3: codes of RFC 792 and RFC 1812, 5.2.7.1."""
TOO_LARGE = 4


class Tracker:
    """Reads the frames of one run, in the order in which the link sees them. Every frame is told once: reading counts."""

    def __init__(self) -> None:
        self._counts = {kind: [0, 0] for kind in FrameKind}
        """Frames without a number of their own, in each direction."""
        self._newer: list[dict[int, int]] = [{}, {}]
        """How often each fragment was seen, in each direction: session, sequence number and fragment in one number."""
        self._older: list[dict[int, int]] = [{}, {}]
        self._goodbyes: dict[int, int] = {}
        """Session -> the datagram number of its first GOODBYE."""
        self._datagrams: dict[bytes, Content] = {}
        """IP id, addresses and protocol -> the first fragment of the datagram that came last with it."""
        self._streams: dict[bytes, Stream] = {}
        """Addresses and ports -> that direction of a connection."""

    def frame(self, data: bytes, direction: Direction) -> Content:
        """Read one whole Ethernet frame."""
        try:
            ethertype, version, size, fragment, protocol = IP.unpack_from(data)
            if ethertype != IPV4:
                return self._count(CONTROL, direction, ACKNOWLEDGMENT, "other", PROTOCOLS.get(ethertype, "other"))
            at = ETHERNET + (version & 15) * 4
            end = ETHERNET + size
            if version >> 4 != 4 or version & 15 < 5 or not at <= end <= len(data):
                return self._not_understood(direction)
            if fragment & OFFSET:
                return self._later_fragment(data, fragment & OFFSET, protocol, direction)
            if protocol == 17:
                if at + UDP_HEADER > end:
                    return self._not_understood(direction)
                reading = self._datagram(data, at + UDP_HEADER, end, direction)
            elif protocol == 6:
                reading = self._segment(data, at, end, direction)
            elif protocol == 1:
                reading = self._icmp(data, at, end, direction)
            else:
                reading = self._count(CONTROL, direction, ACKNOWLEDGMENT, "other", f"IP protocol {protocol}")
            if fragment & MORE_FRAGMENTS:
                self._datagrams[datagram_key(data)] = reading
            return reading
        except (struct.error, IndexError):  # shorter than it says
            if len(data) >= ETHERNET and (named := PROTOCOLS.get(int.from_bytes(data[12:14], "big"))):
                return self._count(CONTROL, direction, ACKNOWLEDGMENT, "other", named)
            return self._not_understood(direction)

    def datagram(self, payload: bytes, direction: Direction) -> Content:
        """Read the payload of a UDP datagram whose frame nobody has."""
        return self._datagram(payload, 0, len(payload), direction)

    # UDP -----------------------------------------------------------------------------------------------------------------

    def _datagram(self, data: bytes, at: int, end: int, direction: Direction) -> Content:
        if end - at >= wire.HEADER.size:
            start, flags, session, number, sequence = PEEK.unpack_from(data, at)
            if start == OUR_MESSAGE and sequence:
                if not flags & wire.FRAGMENT:
                    seen = self._transmission(session << 80 | sequence << 16, direction)
                    identity = Identity(direction, DATA, sequence, seen)
                    return Content(identity, MESSAGES, "udp", f"message {sequence}", sequence, sequence)
                fragment = wire.peek_fragment(data, at, end, flags)
                if fragment is not None:
                    seen = self._transmission(session << 80 | sequence << 16 | fragment, direction)
                    identity = Identity(direction, DATA, sequence, seen, fragment << 13)
                    label = f"message {sequence}, part {fragment + 1}"
                    return Content(identity, MESSAGES, "udp", label, sequence, sequence)
            elif start >> 8 == OUR_MARK and (content := CONTENTS.get(start & 0xFF)):
                kind, phase, label = content
                if label == "acknowledgment":
                    kind = ACK
                    if self._goodbyes and self._confirms_goodbye(data, at, end, flags):
                        phase = TEARDOWN
                elif label == "goodbye":
                    self._note_goodbye(session, number)
                return self._count(kind, direction, phase, "udp", label)
        index = self._next(DATA, direction)
        return Content(Identity(direction, DATA, index), MESSAGES, "udp", f"datagram {index}", 0, 0)

    def _transmission(self, key: int, direction: Direction) -> int:
        """How often this was seen, this time included. Two generations: what neither has is forgotten."""
        newer = self._newer[direction]
        seen = newer.get(key)
        if seen is None:
            seen = self._older[direction].get(key, 0)
            if len(newer) >= REMEMBERED:
                self._older[direction] = newer
                newer = self._newer[direction] = {}
        newer[key] = seen + 1
        return seen + 1

    def _note_goodbye(self, session: int, number: int) -> None:
        self._goodbyes.setdefault(session, number)
        if len(self._goodbyes) > GOODBYES:
            del self._goodbyes[next(iter(self._goodbyes))]

    def _confirms_goodbye(self, data: bytes, at: int, end: int, flags: int) -> bool:
        acknowledged = wire.peek_acknowledged(data, at, end, flags)
        if acknowledged is None:
            return False
        session, largest = acknowledged
        goodbye = self._goodbyes.get(session)
        return goodbye is not None and largest >= goodbye

    def _later_fragment(self, data: bytes, offset: int, protocol: int, direction: Direction) -> Content:
        """An IP fragment that is not the first: it belongs to what that one was."""
        first = self._datagrams.get(datagram_key(data))
        if first is None:
            transport = {17: "udp", 6: "tcp"}.get(protocol, "other")
            return self._count(DATA, direction, MESSAGES, transport, "IP fragment")
        whole = first.identity
        identity = Identity(direction, whole.kind, whole.index, whole.transmission, whole.part | offset)
        return first._replace(identity=identity, label=f"IP fragment of {first.label}")

    # TCP -----------------------------------------------------------------------------------------------------------------

    def _segment(self, data: bytes, at: int, end: int, direction: Direction) -> Content:
        number, acknowledged, offset, flags = TCP.unpack_from(data, at)
        begin = at + (offset >> 4) * 4
        if offset < 0x50 or begin > end:
            return self._not_understood(direction)
        key = data[26:38] if at == WITHOUT_OPTIONS else data[26:34] + data[at : at + 4]
        stream = self._streams.get(key)
        if stream is None or flags & SYN:
            stream = self._stream(key, number, flags)
        if flags & FIN:
            stream.closes_at = (number + end - begin + 1) % MODULUS
        if begin < end:
            return self._bytes(stream, (number + 1) % MODULUS if flags & SYN else number, data, begin, end, flags, direction)
        if flags & SYN:
            return self._count(CONTROL, direction, HANDSHAKE, "tcp", "SYN-ACK" if flags & 0x10 else "SYN")
        if flags & (RST | FIN):
            return self._count(CONTROL, direction, TEARDOWN, "tcp", "RST" if flags & RST else "FIN")
        other = stream.other
        phase = ACKNOWLEDGMENT
        if other is not None:
            if acknowledged == other.closes_at:
                phase = TEARDOWN
            elif stream.opening and acknowledged == other.base and not stream.end:
                phase = HANDSHAKE
        return self._count(ACK, direction, phase, "tcp", "ACK")

    def _bytes(self, stream: Stream, number: int, data: bytes, begin: int, end: int, flags: int, direction: Direction) -> Content:
        """A segment with bytes: new ones, old ones, or both."""
        portion, first, last, partial = stream.carry(number, data, begin, end)
        content = portion.content
        kind, phase = DATA, MESSAGES
        if content > NOT_OURS:
            index = content
            label = f"message {first or index}" if first == last else f"messages {first}–{last}"
            if partial:
                label = f"{label}, part {portion.part + 1}"
        else:
            kind, phase, label = CONTENTS.get(-content, (DATA, MESSAGES, "segment {}"))
            index = portion.index or self._next(kind, direction)
            portion.index = index
            label = label.format(index)
        if flags & FIN:
            label += ", FIN"
        return Content(Identity(direction, kind, index, portion.seen, portion.part), phase, "tcp", label, first, last)

    def _stream(self, key: bytes, number: int, flags: int) -> Stream:
        """The stream of a direction that is new, or begins again: the same addresses and ports with another SYN."""
        opposite = key[4:8] + key[:4] + key[10:12] + key[8:10]
        base = (number + 1) % MODULUS if flags & SYN else None
        stream = self._streams.get(key)
        if stream is not None and stream.base == base:
            return stream
        if flags & SYN and not flags & 0x10:
            self._streams.pop(opposite, None)
        stream = self._streams[key] = Stream(base)
        stream.opening = flags & (SYN | 0x10) == SYN
        other = self._streams.get(opposite)
        if other is not None:
            stream.other, other.other = other, stream
        return stream

    # ICMP and the rest ---------------------------------------------------------------------------------------------------

    def _icmp(self, data: bytes, at: int, end: int, direction: Direction) -> Content:
        kind, code = data[at], data[at + 1]
        if kind == 3:
            label = "ICMP too large" if code == TOO_LARGE else f"ICMP {UNREACHABLE.get(code, 'destination')} unreachable"
        else:
            label = {0: "ICMP echo reply", 8: "ICMP echo", 11: "ICMP time exceeded"}.get(kind, f"ICMP type {kind}")
        sequence = 0
        phase = ACKNOWLEDGMENT
        quoted = at + 8
        if kind in (3, 11) and quoted + 20 <= end and data[quoted + 9] == 17:
            payload = quoted + (data[quoted] & 15) * 4 + UDP_HEADER
            if payload + PEEK.size <= end:
                start, _, _, _, number = PEEK.unpack_from(data, payload)
                if start == OUR_MESSAGE:
                    sequence = number
                    label += f" (message {number})"
                elif start >> 8 == OUR_MARK and (content := CONTENTS.get(start & 0xFF)):
                    phase = content[1]
                    label += f" ({content[2]})"
        return self._count(CONTROL, direction, phase, "icmp", label)._replace(first_sequence=sequence, last_sequence=sequence)

    def _not_understood(self, direction: Direction) -> Content:
        return self._count(CONTROL, direction, ACKNOWLEDGMENT, "other", "not understood")

    def _count(self, kind: FrameKind, direction: Direction, phase: Phase, transport: str, label: str) -> Content:
        """A frame without a number of its own gets the next one."""
        return Content(Identity(direction, kind, self._next(kind, direction)), phase, transport, label, 0, 0)

    def _next(self, kind: FrameKind, direction: Direction) -> int:
        counts = self._counts[kind]
        counts[direction] += 1
        return counts[direction]


def datagram_key(data: bytes) -> bytes:
    """What the fragments of one IP datagram have in common (RFC 791, 3.2): id, protocol, source and destination."""
    return data[18:20] + data[23:24] + data[26:34]
