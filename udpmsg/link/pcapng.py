"""The link's frames as a pcapng file: an interface for each host, nanoseconds, and a comment on what the link did to a frame.

Owns the file's form (draft-ietf-opsawg-pcapng) and the comments' words. Reads nothing in a frame but whether IP cut it up.
A frame that the link dropped is in the file once, at the interface of the host that sent it.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Protocol

from udpmsg.link.record import Captured, Drop, FrameRecord

SECTION, INTERFACE, ENHANCED_PACKET = 0x0A0D0D0A, 1, 6
BYTE_ORDER = 0x1A2B3C4D
UNKNOWN_LENGTH = -1
ETHERNET_LINK = 1
NO_LIMIT = 0
"""As an interface's snapshot length: every frame is whole."""

COMMENT = 1
APPLICATION = 4
NAME, RESOLUTION = 2, 9
NANOSECONDS = 9

HOSTS = ("sender", "receiver")

Recorded = tuple[str, Sequence[Captured], Sequence[FrameRecord]]
"""One run: its name ("udp", or ""), the frames that its two hosts' interfaces saw, and what became of each."""


class Sink(Protocol):
    """A file, as far as a capture needs one."""

    def write(self, content: bytes, /) -> object:
        """Take all of it."""


def write(file: Sink, runs: Iterable[Recorded], epoch_ns: int) -> None:
    """Write runs into one capture.

    Each run has two interfaces, "udp sender" and "udp receiver". `epoch_ns`, nanoseconds since 1970, is added to the times of the
    frames; frames of one run are put in their order.
    """
    _section(file)
    interface = 0
    for name, captured, records in runs:
        for host in HOSTS:
            _interface(file, f"{name} {host}".strip())
        said = _comments(captured, records)
        for frame in sorted(captured, key=lambda frame: frame.at):
            words = [said.get(frame.number, "") if frame.number else "made by the link", _fragment(frame.data)]
            _packet(file, interface + frame.host, frame.at + epoch_ns, frame.data, "; ".join(filter(None, words)))
        interface += len(HOSTS)


def comment_on(record: FrameRecord, *, cut_up: bool = False) -> str:
    """What the link did to a frame, in words; empty if it only carried it. `cut_up`: its IP packet left as fragments."""
    if record.dropped is Drop.SCRIPT:
        return f"dropped on the link: {record.script}"
    if record.dropped is not None:
        return f"dropped on the link: {record.dropped}"
    said = []
    if record.reordered:
        said.append("held back on the link, so that later frames overtake it")
    if len(record.left_at) > 1:
        said.append("duplicated on the link")
    if record.corrupted:
        said.append("corrupted on the link: one bit flipped")
    if cut_up:
        said.append("cut into fragments by the link")
    if said and record.script:
        said.append(f"as asked: {record.script}")
    return "; ".join(said)


def _comments(captured: Sequence[Captured], records: Sequence[FrameRecord]) -> dict[int, str]:
    """Frame number -> comment, for those that have one."""
    seen_at = {(frame.number, frame.host) for frame in captured}
    said = {}
    for record in records:
        arrives_at = 1 - record.identity.direction
        cut_up = record.left_at != () and (record.number, arrives_at) not in seen_at
        if comment := comment_on(record, cut_up=cut_up):
            said[record.number] = comment
    return said


def _fragment(data: bytes) -> str:
    """Words for an IP fragment; empty for anything else."""
    fragment = data[12:14] == b"\x08\x00" and int.from_bytes(data[20:22], "big") & 0x3FFF
    return "a fragment of an IP packet" if fragment else ""


def _section(file: Sink) -> None:
    body = struct.pack("<IHHq", BYTE_ORDER, 1, 0, UNKNOWN_LENGTH)
    _block(file, SECTION, body + _options((APPLICATION, b"udpmsg")))


def _interface(file: Sink, name: str) -> None:
    body = struct.pack("<HHI", ETHERNET_LINK, 0, NO_LIMIT)
    _block(file, INTERFACE, body + _options((NAME, name.encode()), (RESOLUTION, bytes([NANOSECONDS]))))


def _packet(file: Sink, interface: int, at: int, data: bytes, comment: str) -> None:
    body = struct.pack("<IIIII", interface, at >> 32, at & 0xFFFFFFFF, len(data), len(data)) + _padded(data)
    _block(file, ENHANCED_PACKET, body + (_options((COMMENT, comment.encode())) if comment else b""))


def _block(file: Sink, kind: int, body: bytes) -> None:
    """A block: its kind, its length before and behind, and a body of whole words."""
    length = struct.pack("<I", len(body) + 12)
    file.write(struct.pack("<I", kind) + length + body + length)


def _options(*options: tuple[int, bytes]) -> bytes:
    """Options, and the one that ends them."""
    return b"".join(struct.pack("<HH", code, len(value)) + _padded(value) for code, value in options) + bytes(4)


def _padded(data: bytes) -> bytes:
    """Filled up with zeros to whole words of four bytes."""
    return data + bytes(-len(data) % 4)
