"""What a router does to a frame besides carrying it: cut an IP packet up, refuse one that is too large, flip a bit.

Pure functions over whole Ethernet frames; only IPv4 can be cut up or refused. Does not know who asks for it, or when.
"""

import struct
from collections.abc import Iterator

ETHERNET = 14
"""Bytes of an Ethernet header: two addresses and a type."""
IPV4 = b"\x08\x00"
DONT_FRAGMENT, MORE_FRAGMENTS, OFFSET = 0x4000, 0x2000, 0x1FFF
FRAGMENT_BIT = 0x80
"""Of an option's number: the option is in every fragment (RFC 791, 3.1)."""
END_OF_OPTIONS, NO_OPERATION = 0, 1

ICMP = 1
UNREACHABLE, FRAGMENTATION_NEEDED = 3, 4
ICMP_ERRORS = b"\3\4\5\13\14"
"""The types that tell of another packet, and the empty type of a packet without any (RFC 1122, 3.2.2)."""
LARGEST_ICMP = 576
"""Bytes of the IP packet that carries an ICMP error, at most (RFC 1812, 4.3.2.3)."""
TTL = 64


def ip_size(frame: bytes) -> int:
    """Bytes of the IP packet in a frame, as an MTU counts them; of anything else, what is behind the Ethernet header."""
    if _header_size(frame):
        return int.from_bytes(frame[16:18], "big")
    return max(0, len(frame) - ETHERNET)


def may_fragment(frame: bytes) -> bool:
    """Whether a router may cut it up: IPv4, and its sender does not forbid it."""
    return bool(_header_size(frame)) and not int.from_bytes(frame[20:22], "big") & DONT_FRAGMENT


def fragment(frame: bytes, mtu: int) -> list[bytes]:
    """The frame as fragments of at most `mtu` bytes of IP packet each (68 at least: RFC 791, 3.2); itself if it fits.

    Ask `may_fragment` first. A fragment can be cut up again.
    """
    header_size = _header_size(frame)
    size = ip_size(frame)
    if size <= mtu:
        return [frame]
    begin = ETHERNET + header_size
    first_header = frame[ETHERNET:begin]
    later_header = first_header[:20] + _copied_options(first_header[20:])
    flags = int.from_bytes(frame[20:22], "big")
    payload = frame[begin : ETHERNET + size]
    fragments = []
    at = 0
    while at < len(payload):
        header = later_header if at else first_header
        room = mtu - len(header)
        last = len(payload) - at <= room
        piece = payload[at:] if last else payload[at : at + room // 8 * 8]
        more = flags & MORE_FRAGMENTS if last else MORE_FRAGMENTS
        place = more | (flags & OFFSET) + at // 8
        fragments.append(frame[:ETHERNET] + _ip(header, len(piece), place) + piece)
        at += len(piece)
    return fragments


def too_large(frame: bytes, mtu: int, source: bytes) -> bytes:
    """The ICMP message "fragmentation needed" (RFC 792, RFC 1191) for a frame, from the router's address (4 bytes), as a frame.

    Empty where nobody may be told: about ICMP errors and later fragments (RFC 1122, 3.2.2), and what is not IPv4.
    """
    header_size = _header_size(frame)
    if not header_size or int.from_bytes(frame[20:22], "big") & OFFSET:
        return b""
    if frame[23] == ICMP and frame[ETHERNET + header_size :][:1] in ICMP_ERRORS:
        return b""
    quoted = frame[ETHERNET : ETHERNET + min(ip_size(frame), LARGEST_ICMP - 20 - 8)]
    message = struct.pack(">BBHHH", UNREACHABLE, FRAGMENTATION_NEEDED, 0, 0, mtu) + quoted
    message = message[:2] + checksum(message).to_bytes(2, "big") + message[4:]
    header = struct.pack(">BBHHHBBH", 0x45, 0, 0, 0, 0, TTL, ICMP, 0) + source + frame[26:30]
    return frame[6:12] + frame[:6] + IPV4 + _ip(header, len(message), DONT_FRAGMENT) + message


def flip(frame: bytes, bit: int) -> bytes:
    """The frame with one bit flipped behind its IP header, or behind Ethernet's without one: `bit` modulo their number."""
    return flip_between(frame, ETHERNET + _header_size(frame), ETHERNET + ip_size(frame), bit)


def flip_between(data: bytes, begin: int, end: int, bit: int) -> bytes:
    """The data with one bit flipped from byte `begin` to before `end`: `bit` modulo their number, a byte's highest bit first."""
    if begin >= end:
        return data
    byte, place = divmod(bit % ((end - begin) * 8), 8)
    flipped = bytearray(data)
    flipped[begin + byte] ^= 0x80 >> place
    return bytes(flipped)


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071) of data in which its own field is zero."""
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _header_size(frame: bytes) -> int:
    """Bytes of the IPv4 header; 0 where there is no whole IPv4 packet."""
    if frame[12:14] != IPV4 or len(frame) < ETHERNET + 20 or frame[ETHERNET] >> 4 != 4:
        return 0
    size = (frame[ETHERNET] & 15) * 4
    return size if 20 <= size <= int.from_bytes(frame[16:18], "big") <= len(frame) - ETHERNET else 0


def _ip(header: bytes, size: int, place: int) -> bytes:
    """An IPv4 header for `size` bytes of payload, with these flags and offset, and its checksum."""
    first = bytes([0x40 | len(header) // 4]) + header[1:2] + (len(header) + size).to_bytes(2, "big") + header[4:6]
    unchecked = first + place.to_bytes(2, "big") + header[8:10] + b"\0\0" + header[12:]
    return unchecked[:10] + checksum(unchecked).to_bytes(2, "big") + unchecked[12:]


def _copied_options(options: bytes) -> bytes:
    """The options that later fragments have too, filled up to whole words."""
    copied = b"".join(option for option in _each_option(options) if option[0] & FRAGMENT_BIT)
    return copied + b"\0" * (-len(copied) % 4)


def _each_option(options: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(options) and options[at] != END_OF_OPTIONS:
        length = 1 if options[at] == NO_OPERATION or at + 1 == len(options) else max(2, options[at + 1])
        yield options[at : at + length]
        at += length
