"""The router between the two hosts: reads every Ethernet frame, lets the link decide, and puts it out on the other side in time.

Owns the two packet sockets, what is on its way, and the record. Decides nothing about a frame (see `way`, `faults`) and reads
nothing in it (see `frames`). It runs in a child process of its own, inside the lab's namespaces.
"""

import errno
import gc
import select
import socket
from array import array
from heapq import heappop, heappush
from typing import Any, NamedTuple

from udpmsg.base import clock
from udpmsg.base.durations import SECOND
from udpmsg.lab.processes import Told, sharpen_timers
from udpmsg.link import packets
from udpmsg.link.changing import Beginning
from udpmsg.link.faults import Link, Path
from udpmsg.link.frames import Tracker
from udpmsg.link.record import Captured, Direction, Drop, FrameRecord
from udpmsg.link.way import Passage, Way

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_STATISTICS = 6
PACKET_IGNORE_OUTGOING = 23
"""Linux, if_packet.h; they have no name in Python 3.11."""
SOCKET_BUFFER = 8 << 20
"""Bytes to ask of the kernel for frames that came while we were at work; it may give less."""
LARGEST_FRAME = 65_535 + 14
BATCH = 64
"""Frames read from one host before the other one, and what is due, get their turn."""
UNPLUGGED = (errno.ENETDOWN, errno.ENXIO, errno.ENODEV)
"""What the kernel says of an interface whose cable is gone: the host at its other end has ended. Its program notices."""
UNREAD_LIMIT = 1 << 28
"""Bytes of frames whose reading is put off to the end, at most."""
ROUTER_ADDRESS = bytes((198, 18, 0, 254))
"""Where its ICMP messages come from."""


class RouterLog(NamedTuple):
    """What the router tells of a run."""

    frames: list[FrameRecord]
    captured: list[Captured] | None
    overflowed: int
    """Frames that the kernel had no room for, on the way to the router or from it: in no record, or never said to have left."""
    lateness: "array[int]"
    """Nanoseconds by which each frame left after it should have."""


def carry(told: Told, link: Link, seed: int, interfaces: tuple[str, str], capture: bool) -> RouterLog:
    """Carry frames until told to stop; for `Child.call`.

    Says "ready" when it sees every frame that comes. Told a number, it answers "settled" once nothing has been on the link for so
    many nanoseconds; told None, it stops.
    """
    sharpen_timers()
    gc.disable()  # a collection would make a frame late
    router = Router(link, seed=seed, interfaces=interfaces, capture=capture)
    try:
        told.send("ready")
        router.run(told)
        return router.carried()
    finally:
        router.close()


class Router:
    """Two interfaces, sender's and receiver's, and the link between them."""

    def __init__(self, link: Link, *, seed: int, interfaces: tuple[str, str], capture: bool) -> None:
        self._sockets = [packet_socket(name) for name in interfaces]
        paths = (link.forward, link.back)
        beginning = Beginning()
        self._ways = [
            Way(path, direction=direction, seed=seed, script=link.script, beginning=beginning)
            for path, direction in zip(paths, Direction, strict=True)
        ]
        self._limits = [path.mtu for path in paths]
        self._silent = [path.silent for path in paths]
        self._tracker = Tracker()
        self._records: list[FrameRecord] = []
        self._unread: list[tuple[int, bytes, Direction]] = []
        """What was carried without a look at it: when it came and left, the frame, its way."""
        self._unread_bytes = 0
        self._look = capture or paths != (Path(), Path()) or bool(link.script)
        """Whether a frame must be looked at before it leaves."""
        self._captured: list[Captured] | None = [] if capture else None
        self._made: set[int] = set()
        """Numbers of the frames that no host sent: fragments and ICMP of the router's own."""
        self._under_way: list[tuple[int, int, Direction, bytes, FrameRecord]] = []
        """A heap: when it leaves, a running number, the way, the frame, its record."""
        self._count = 0
        self._last_at = 0
        """When anything was last on the link."""
        self._lateness = array("q")
        self._not_taken = 0
        """Frames that the kernel would not take from us."""

    def run(self, told: Told) -> None:
        """Carry frames until `told` says None, or is gone."""
        watched: list[Any] = [*self._sockets, told]
        take = self._receive if self._look else self._pass_on
        settled_after: int | None = None
        while True:
            now = clock.now()
            self._send_due(now)
            due = self._under_way[0][0] if self._under_way else None
            if settled_after is not None and due is None:
                due = self._last_at + settled_after
                if now >= due:
                    told.send("settled")
                    settled_after = due = None
            timeout = None if due is None else max(0, due - now) / SECOND
            ready = select.select(watched, (), (), timeout)[0]
            for direction in Direction:
                if self._sockets[direction] in ready:
                    take(direction)
            if told in ready:
                settled_after = told.recv()
                if settled_after is None:
                    return
                self._last_at = max(self._last_at, clock.now() - settled_after)

    def carried(self) -> RouterLog:
        """What was carried. What is still under way has not left."""
        self._read()
        overflowed = sum(overflow(interface) for interface in self._sockets) + self._not_taken
        return RouterLog(self._records, self._captured, overflowed, self._lateness)

    def close(self) -> None:
        """Give the sockets back."""
        for interface in self._sockets:
            interface.close()

    def _receive(self, direction: Direction) -> None:
        receive = self._sockets[direction].recv
        try:
            for _ in range(BATCH):
                frame = receive(LARGEST_FRAME)
                self._last_at = now = clock.now()
                self._arrive(frame, direction, now)
        except OSError as error:
            check_blocked(error)

    def _pass_on(self, direction: Direction) -> None:
        """There are no faults: send each frame on at once, and read it at the end."""
        receive, send = self._sockets[direction].recv, self._sockets[1 - direction].send
        now, keep = clock.now, self._unread.append
        size = 0
        try:
            for _ in range(BATCH):
                frame = receive(LARGEST_FRAME)
                self._last_at = at = now()
                try:
                    send(frame)
                except OSError as error:
                    check_blocked(error)
                    self._not_taken += 1
                    continue
                keep((at, frame, direction))
                size += len(frame)
        except OSError as error:
            check_blocked(error)
        self._unread_bytes += size
        if self._unread_bytes > UNREAD_LIMIT:
            self._read()

    def _read(self) -> None:
        for at, frame, direction in self._unread:
            self._record(frame, direction, at).left_at = (at,)
        self._unread.clear()
        self._unread_bytes = 0

    def _arrive(self, frame: bytes, direction: Direction, now: int) -> None:
        """A host put this on the link."""
        if self._captured is not None:
            self._captured.append(Captured(now, int(direction), len(self._records) + 1, frame))
        limit = self._limits[direction]
        if limit is None or packets.ip_size(frame) <= limit:
            self._enter(frame, direction, now)
        elif packets.may_fragment(frame) and not self._silent[direction]:
            for piece in packets.fragment(frame, limit):
                self._made.add(len(self._records) + 1)
                self._enter(piece, direction, now)
        else:
            self._record(frame, direction, now).dropped = Drop.MTU
            if not self._silent[direction] and (answer := packets.too_large(frame, limit, ROUTER_ADDRESS)):
                self._made.add(len(self._records) + 1)
                self._enter(answer, Direction(1 - direction), now)

    def _enter(self, frame: bytes, direction: Direction, now: int) -> None:
        record = self._record(frame, direction, now)
        passage = self._ways[direction].enter(
            record.identity,
            len(frame),
            now=now,
            first_sequence=record.first_sequence,
            last_sequence=record.last_sequence,
        )
        self._dispatch(frame, direction, record, passage)

    def _record(self, frame: bytes, direction: Direction, now: int) -> FrameRecord:
        identity, phase, transport, label, first, last = self._tracker.frame(frame, direction)
        number = len(self._records) + 1
        record = FrameRecord(number, identity, phase, transport, label, len(frame), now, first, last)
        self._records.append(record)
        return record

    def _dispatch(self, frame: bytes, direction: Direction, record: FrameRecord, passage: Passage) -> None:
        """Note what the link decided, and have the frame wait for its time."""
        record.dropped, record.script, record.reordered = passage.dropped, passage.script, passage.reordered
        if passage.corrupt_bit is not None:
            frame = packets.flip(frame, passage.corrupt_bit)
            record.corrupted = True
        for leaves_at in passage.leaves_at:
            self._count += 1
            heappush(self._under_way, (leaves_at, self._count, direction, frame, record))

    def _send_due(self, now: int) -> None:
        under_way = self._under_way
        while under_way and under_way[0][0] <= now:
            leaves_at, _, direction, frame, record = heappop(under_way)
            now = clock.now()  # before it is sent: nobody may have it before it left
            try:
                self._sockets[1 - direction].send(frame)
            except OSError as error:
                check_blocked(error)
                self._not_taken += 1
                continue
            self._lateness.append(now - leaves_at)
            record.left_at += (now,)
            self._last_at = now
            if self._captured is not None:
                number = 0 if record.number in self._made else record.number
                self._captured.append(Captured(now, 1 - direction, number, frame))


def check_blocked(error: OSError) -> None:
    """Raise what is neither that an interface has nothing now, or no room, nor that its cable is gone."""
    if not isinstance(error, BlockingIOError) and error.errno not in UNPLUGGED:
        raise error


def packet_socket(interface: str) -> socket.socket:
    """Every frame that comes in by this interface, and none that we put out there ourselves."""
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # no protocol yet: nothing comes before it is bound
    opened.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER)
    opened.bind((interface, ETH_P_ALL))
    opened.setblocking(False)
    return opened


def overflow(opened: socket.socket) -> int:
    """Frames that came while the socket's buffer was full (struct tpacket_stats: packets, drops)."""
    return int.from_bytes(opened.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)[4:], "little")
