"""The capture and the dissector, read by tshark: what was encoded is what it shows, and it complains about nothing.

Needs tshark (Debian, Ubuntu: apt install tshark). Where it is missing these tests are skipped, and in continuous integration
(CI=true) they fail.
"""

import io
import os
import random
import struct
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.link import wires
from tests.link.wires import FIN, PORT, SESSION, SYN, acknowledgment, control, goodbye, icmp, message, stream_of, tcp, udp
from udpmsg.core import wire
from udpmsg.core.wire import Kind
from udpmsg.link import packets, pcapng
from udpmsg.link.frames import Tracker
from udpmsg.link.pcapng import Recorded
from udpmsg.link.record import Captured, Direction, Drop, FrameKind, FrameRecord, Identity, Phase

DISSECTOR = Path(pcapng.__file__).with_name("dissector.lua")
EPOCH = 1_790_000_000_123_456_789
ROUTER = bytes([10, 0, 0, 254])

Rows = list[dict[str, str]]
Read = Callable[..., Rows]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Writes runs into a capture and has tshark show fields of each frame, every checksum and every complaint looked at."""
    tshark = wires.tshark()

    def call(runs: Iterable[Recorded], *fields: str, display: str = "", severity: int = WARNING, reorder: bool = False) -> Rows:
        path = tmp_path / "run.pcapng"
        with path.open("wb") as file:
            pcapng.write(file, runs, EPOCH)
        checks = [f"{name}.check_checksum:TRUE" for name in ("ip", "udp", "tcp")]
        checks.append(f"tcp.reassemble_out_of_order:{str(reorder).upper()}")
        fields = (*fields, "_ws.malformed", "_ws.expert.severity", *(f"{name}.checksum.status" for name in CHECKED))
        command = [tshark, "-r", str(path), "-X", f"lua_script:{DISSECTOR}", *(f"-o{check}" for check in checks),
                   *(["-Y", display] if display else []), "-Tfields", *(f"-e{field}" for field in fields), "-Eseparator=/t",
                   "-Eoccurrence=a", "-Eaggregator= "]  # fmt: skip
        home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}  # no settings of the user's
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | home)
        complaints = [line for line in done.stderr.splitlines() if "Running as user" not in line]
        assert not complaints
        rows = [dict(zip(fields, line.split("\t"), strict=True)) for line in done.stdout.splitlines()]
        for row in rows:
            assert not row["_ws.malformed"], row
            severities = [int(severity) for severity in row["_ws.expert.severity"].split()]
            assert max(severities, default=0) < severity, row
            for protocol in CHECKED:
                assert set(row[f"{protocol}.checksum.status"].split()) <= {"1", "2"}, row  # good, or not in an ICMP's quotation
        return rows

    return call


CHECKED = ("ip", "udp", "tcp", "icmp")
WARNING, ERROR = 0x600000, 0x800000
"""Wireshark's severities: comment 1, chat 2, note 4, warning 6, error 8, each << 20. Notes are on TCP's own doings."""


def run_of(name: str, seen: Iterable[tuple[bytes, Direction]], every_ns: int = 1_000_001) -> Recorded:
    """A run in which nothing is lost: each frame at its sender's interface, and a millisecond later at the other."""
    tracker = Tracker()
    captured, records = [], []
    for number, (data, direction) in enumerate(seen, 1):
        at = number * every_ns
        records.append(record_of(tracker, data, direction, number, at))
        captured.append(Captured(at, int(direction), number, data))
    return name, captured, records


def record_of(tracker: Tracker, data: bytes, direction: Direction, number: int, at: int) -> FrameRecord:
    reading = tracker.frame(data, direction)
    return FrameRecord(number, reading.identity, reading.phase, reading.transport, reading.label, len(data), at, left_at=())


def one_way(*datas: bytes) -> list[tuple[bytes, Direction]]:
    return [(data, Direction.FORWARD) for data in datas]


REPORT = wire.Report(SESSION, 104, 95, 96, 1, 2, 3, 9500, 100, 0, 1_980_000, 12, 1, 0, None, [(3, 4), (7, 7), (90, 90)])
COOKIE = bytes(range(1, wire.COOKIE_SIZE + 1))


def each_kind(framed: bool) -> dict[Kind, bytes]:
    """One of each, all fields different."""
    ack = wire.Acknowledgment(SESSION, 9, 180, 255, 65_536, 5, [(1, 3), (5, 9)], [(6, 7)])
    payloads = {
        Kind.ACK: wire.encode_acknowledgment(ack),
        Kind.GOODBYE: wire.NUMBER.pack(17),
        Kind.PROBE: b"",
        Kind.PROBE_REPLY: wire.PROBE_REPLY_BODY.pack(SESSION - 1, 44),
        Kind.CHALLENGE: COOKIE,
        Kind.COOKIE: wire.encode_cookie(COOKIE[::-1]),
        Kind.QUERY: wire.encode_query(33),
        Kind.REPORT: wire.encode_report(REPORT),
    }
    others = {kind: control(kind, payload, number=50 + kind, framed=framed) for kind, payload in payloads.items()}
    whole = wire.encode(
        Kind.MESSAGE,
        session=SESSION,
        number=77,
        sequence=4,
        sent_at=1_250_000,
        payload=b"hello",
        lowest=3,
        transmission=2,
        fragment=(1, 3, 5, 12),
        reply_to=6,
        ordered=True,
        framed=framed,
    )
    return {Kind.MESSAGE: whole} | others


def test_the_test_has_every_kind_that_is_accepted() -> None:
    assert set(each_kind(False)) == set(wire.ACCEPTED_KINDS.values())


SHOWN = {
    Kind.MESSAGE: {
        "magic": "UM",
        "version": "1",
        "kind": "1",
        "flags": "0x001f",
        "session": hex(SESSION).replace("0x", "0x0"),
        "number": "77",
        "sequence": "4",
        "sent_at": "1250000",
        "lowest": "3",
        "transmission": "2",
        "fragment.index": "1",
        "fragment.count": "3",
        "fragment.size": "5",
        "fragment.total": "12",
        "fragment.offset": "5",
        "reply_to": "6",
        "payload": b"hello".hex(),
        "checksum.status": "1",
    },
    Kind.ACK: {
        "kind": "2",
        "flags": "0x0010",
        "number": "52",
        "sequence": "0",
        "ack.session": hex(SESSION).replace("0x", "0x0"),
        "ack.largest": "9",
        "ack.delay": "180",
        "ack.credit": "255",
        "ack.credit_bytes": "65536",
        "ack.all_below": "5",
        "ack.datagram_ranges": "2",
        "ack.sequence_ranges": "1",
        "ack.arrived.first": "1 5",
        "ack.arrived.last": "3 9",
        "ack.delivered.first": "6",
        "ack.delivered.last": "7",
        "checksum.status": "1",
    },
    Kind.GOODBYE: {"kind": "3", "number": "53", "goodbye.messages": "17", "checksum.status": "1"},
    Kind.PROBE: {"kind": "4", "number": "54", "payload": "", "checksum.status": "1"},
    Kind.PROBE_REPLY: {
        "kind": "5",
        "probe_reply.session": hex(SESSION - 1).replace("0x", "0x0"),
        "probe_reply.question": "44",
        "checksum.status": "1",
    },
    Kind.CHALLENGE: {"kind": "6", "cookie": COOKIE.hex(), "checksum.status": "1"},
    Kind.COOKIE: {"kind": "7", "cookie": COOKIE[::-1].hex(), "cookie.padding": "00" * 52, "checksum.status": "1"},
    Kind.QUERY: {"kind": "8", "query.from": "33", "query.padding": "00" * 624, "checksum.status": "1"},
    Kind.REPORT: {
        "kind": "9",
        "report.session": hex(SESSION).replace("0x", "0x0"),
        "report.question": "104",
        "report.delivered": "95",
        "report.arrived": "96",
        "report.duplicates": "1",
        "report.reordered": "2",
        "report.over_limit": "3",
        "report.payload_bytes": "9500",
        "report.highest": "100",
        "report.forgotten": "0",
        "report.duration": "1980000",
        "report.kernel_drops": "12",
        "report.from": "1",
        "report.goes_on_at": "0",
        "report.jitter": str(2**32 - 1),
        "report.ranges": "3",
        "report.missing.first": "3 7 90",
        "report.missing.last": "4 7 90",
        "checksum.status": "1",
    },
}
INFO = {
    Kind.MESSAGE: "message 4, part 2 of 3, a reply to 6 (transmission 2)",
    Kind.ACK: "ACK of datagrams to 9, all below 5",
    Kind.GOODBYE: "goodbye (messages sent: 17)",
    Kind.PROBE: "probe",
    Kind.PROBE_REPLY: "probe reply: the session is not known",
    Kind.CHALLENGE: "challenge: return this cookie",
    Kind.COOKIE: "cookie: returned",
    Kind.QUERY: "query: what is missing from 33 on",
    Kind.REPORT: "report: 95 messages delivered",
}


@pytest.mark.parametrize("port", [PORT, 41_414], ids=["our-port", "another-port"])
def test_every_field_of_every_kind_over_udp(read: Read, port: int) -> None:
    frames = [udp(data, ports=(40_000, port)) for data in each_kind(False).values()]
    wanted = sorted({name for shown in SHOWN.values() for name in shown} | {"payload_length"})
    rows = read([run_of("udp", one_way(*frames))], "_ws.col.Protocol", "_ws.col.Info", *(f"udpmsg.{name}" for name in wanted))
    for kind, row in zip(each_kind(False), rows, strict=True):
        assert (row["_ws.col.Protocol"], row["_ws.col.Info"]) == ("udpmsg", INFO[kind])
        assert {name: row[f"udpmsg.{name}"] for name in SHOWN[kind]} == SHOWN[kind]
        assert int(row["udpmsg.payload_length"]) == len(wire.decode(each_kind(False)[kind]).payload)


@pytest.mark.parametrize(
    ("port", "size"), [(PORT, 10_000), (PORT, 200), (41_414, 61)], ids=["all-in-one", "large-segments", "small-and-another-port"]
)
def test_every_field_of_every_kind_in_tcps_stream(read: Read, port: int, size: int) -> None:
    kinds = each_kind(True)
    stream = stream_of(*kinds.values())
    seen = connection(stream, [size] * (len(stream) // size + 1), port)
    wanted = sorted({name for shown in SHOWN.values() for name in shown} | {"payload_length", "frame_length"})
    rows = read([run_of("tcp", seen)], *(f"udpmsg.{name}" for name in wanted))
    for name in wanted:
        values = [value for row in rows for value in row[f"udpmsg.{name}"].split()]
        if name == "frame_length":
            assert values == [str(len(data)) for data in kinds.values()]
        elif name == "payload_length":
            assert values == ["0"] * len(kinds)
        elif name != "payload":
            assert values == [value for kind in kinds for value in SHOWN[kind].get(name, missing(name, kind)).split()], name


@pytest.mark.parametrize(("title", "shown"), [("n.txt", "n.txt"), ("ü" * 64, "ü" * 64)])
def test_what_a_message_is_called(read: Read, title: str, shown: str) -> None:
    whole = wire.encode(Kind.MESSAGE, session=SESSION, number=1, sequence=1, sent_at=0, payload=b"hello", title=title)
    first = wire.encode(
        Kind.MESSAGE, session=SESSION, number=2, sequence=2, sent_at=0, payload=b"hello", title=title, fragment=(0, 3, 5, 12)
    )
    fields = [f"udpmsg.{name}" for name in ("flags", "title.length", "title", "payload")]
    rows = read([run_of("udp", one_way(udp(whole), udp(first)))], *fields)
    size = str(len(title.encode()))
    assert [[row[field] for field in fields] for row in rows] == [
        ["0x0100", size, shown, b"hello".hex()],
        ["0x0102", size, shown, b"hello".hex()],
    ]


def missing(name: str, kind: Kind) -> str:
    """What fields of the header show that the table above does not repeat for each kind."""
    constant = {"magic": "UM", "version": "1", "flags": "0x0010", "session": hex(SESSION).replace("0x", "0x0"), "sequence": "0",
                "sent_at": "0", "number": str(50 + kind)}  # fmt: skip
    return constant.get(name, "")


def connection(
    stream: bytes, sizes: Iterable[int], port: int = PORT, repeated: Iterable[int] = ()
) -> list[tuple[bytes, Direction]]:
    """A whole connection that carries a stream in segments of these sizes; some of them are sent twice."""
    forward, back = 1000, 9000
    seen = [
        (tcp(forward, flags=SYN), Direction.FORWARD),
        (tcp(back, flags=SYN | wires.ACK, acknowledged=forward + 1, back=True), Direction.BACK),
        (tcp(forward + 1, acknowledged=back + 1), Direction.FORWARD),
    ]
    at = 0
    for place, size in enumerate(sizes):
        if piece := stream[at : at + size]:
            segment = tcp(forward + 1 + at, piece, flags=wires.ACK | wires.PUSH, acknowledged=back + 1)
            seen += [(segment, Direction.FORWARD)] * (1 + (place in repeated))
            at += len(piece)
    end = forward + 1 + len(stream)
    seen += [
        (tcp(end, flags=FIN | wires.ACK, acknowledged=back + 1), Direction.FORWARD),
        (tcp(back + 1, flags=FIN | wires.ACK, acknowledged=end + 1, back=True), Direction.BACK),
        (tcp(end + 1, acknowledged=back + 2), Direction.FORWARD),
    ]
    return [(at_port(data, port), direction) for data, direction in seen]


def at_port(data: bytes, port: int) -> bytes:
    """The same segment with another port for the receiver's, its checksum corrected (RFC 1624)."""
    place = 34 if data[26:30] == wires.RECEIVER else 36
    check = int.from_bytes(data[50:52], "big") ^ 0xFFFF
    total = check + (0xFFFF - PORT) + port
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    altered = bytearray(data)
    altered[place : place + 2] = port.to_bytes(2, "big")
    altered[50:52] = (total ^ 0xFFFF).to_bytes(2, "big")
    return bytes(altered)


@pytest.mark.parametrize("seed", range(3))
def test_numbers_come_out_of_any_stream_once_each_and_syns_are_counted(read: Read, seed: int) -> None:
    print(f"seed {seed}")
    lots = random.Random(seed)
    messages = [message(n, lots.randbytes(lots.randrange(300)), framed=True) for n in range(1, 60)]
    stream = stream_of(*messages, goodbye(59, number=60, framed=True))
    sizes = [lots.choice([1, 3, 40, 120, 500, 1400]) for _ in range(len(stream))]
    seen = connection(stream, sizes, repeated=lots.sample(range(30), 3))
    rows = read([run_of("tcp", seen)], "udpmsg.sequence", "tcp.flags.syn", "udpmsg.goodbye.messages")
    numbers = [int(number) for row in rows for number in row["udpmsg.sequence"].split()]
    assert numbers == [*range(1, 60), 0]
    assert sum(row["tcp.flags.syn"] in ("1", "True") for row in rows) == 2
    assert [row["udpmsg.goodbye.messages"] for row in rows if row["udpmsg.goodbye.messages"]] == ["59"]


def test_a_message_that_was_lost_and_came_later_is_shown_where_it_came(read: Read) -> None:
    """As the receiver's host sees it, and with TCP's preference to put segments in order, as the command's help says."""
    stream = stream_of(*(message(n, framed=True) for n in range(1, 7)))
    seen = connection(stream, [len(stream) // 6] * 6)
    seen.insert(7, seen.pop(4))
    rows = read([run_of("tcp", seen)], "udpmsg.sequence", severity=ERROR, reorder=True)
    assert [row["udpmsg.sequence"] for row in rows[3:-3]] == ["1", "", "", "", "2 3 4 5", "6"]


def test_several_messages_of_one_segment_are_all_in_the_info_column(read: Read) -> None:
    stream = stream_of(*(message(n, framed=True) for n in (1, 2, 3)))
    rows = read([run_of("tcp", connection(stream, [len(stream)]))], "_ws.col.Info", display="udpmsg")
    assert [row["_ws.col.Info"] for row in rows] == ["message 1; message 2; message 3"]


def test_what_is_not_ours_is_left_to_others(read: Read) -> None:
    frames = [udp(b"hello"), udp(b"UM"), udp(b""), udp(b"UM\x01\x63" + bytes(60)), icmp(3, 3, udp(b"hello"))]
    seen = one_way(*frames) + connection(b"GET / HTTP/1.0\r\n\r\n", [5, 100])
    rows = read([run_of("raw", seen)], "frame.protocols")
    assert not any("udpmsg" in row["frame.protocols"] for row in rows)


def test_a_quoted_datagram_is_shown_and_its_cut_end_is_no_fault(read: Read) -> None:
    large = udp(message(6, b"x" * 1100, lowest=1, transmission=1))
    refusals = [packets.too_large(large, 576, ROUTER), icmp(3, 3, large[:582]), icmp(3, 3, udp(message(7)))]
    rows = read([run_of("udp", [(data, Direction.BACK) for data in refusals])], "udpmsg.sequence", "_ws.col.Protocol")
    assert [(row["udpmsg.sequence"], row["_ws.col.Protocol"]) for row in rows] == [("6", "ICMP"), ("6", "ICMP"), ("7", "ICMP")]


def test_ip_fragments_are_put_together(read: Read) -> None:
    fragments = packets.fragment(udp(message(8, b"x" * 1100, lowest=1, transmission=1), place=0), 500)
    rows = read([run_of("udp", one_way(*fragments))], "udpmsg.sequence", "udpmsg.checksum.status", "frame.comment")
    assert [row["udpmsg.sequence"] for row in rows] == ["", "", "8"]
    assert rows[-1]["udpmsg.checksum.status"] == "1"
    assert {row["frame.comment"] for row in rows} == {"a fragment of an IP packet"}


def test_a_flipped_bit_is_seen(read: Read, tmp_path: Path) -> None:
    good = message(1, lowest=1, transmission=1)
    bad = bytearray(good)
    bad[45] ^= 4
    path = tmp_path / "bad.pcapng"
    with path.open("wb") as file:
        pcapng.write(file, [run_of("", one_way(udp(good), udp(bytes(bad))))], EPOCH)
    command = [
        "tshark",
        "-r",
        str(path),
        "-X",
        f"lua_script:{DISSECTOR}",
        "-Tfields",
        "-eudpmsg.checksum.status",
        "-e_ws.expert.message",
    ]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert shown.splitlines() == ["1\t", "0\tWrong checksum"]


# The file -------------------------------------------------------------------------------------------------------------------


def test_interfaces_are_named_for_run_and_host_and_times_are_nanoseconds(read: Read) -> None:
    first = run_of("udp", [(udp(message(1)), Direction.FORWARD), (udp(acknowledgment(1), back=True), Direction.BACK)], 1)
    second = run_of("tcp", connection(b"", []), 1_000_000_000)
    rows = read([first, second], "frame.interface_name", "frame.time_epoch")
    names = [row["frame.interface_name"] for row in rows]
    assert names[:2] == ["udp sender", "udp receiver"]
    assert names[2:] == ["tcp sender", "tcp receiver", "tcp sender", "tcp sender", "tcp receiver", "tcp sender"]
    assert [row["frame.time_epoch"] for row in rows[:3]] == [
        "1790000000.123456790",
        "1790000000.123456791",
        "1790000001.123456789",
    ]


def test_a_single_run_needs_no_name(read: Read) -> None:
    assert read([run_of("", one_way(udp(b"x")))], "frame.interface_name")[0]["frame.interface_name"] == "sender"


def test_frames_are_in_the_order_of_their_times_and_dropped_ones_are_at_their_senders(read: Read) -> None:
    data = udp(message(1))
    identity = Identity(Direction.FORWARD, FrameKind.DATA, 1)
    records = [FrameRecord(n, identity, Phase.DATA, "udp", "message 1", len(data), n) for n in (1, 2, 3)]
    records[0].left_at, records[1].dropped, records[2].left_at = (30,), Drop.LOSS, (20,)
    captured = [
        Captured(1, 0, 1, data),
        Captured(2, 0, 2, data),
        Captured(3, 0, 3, data),
        Captured(30, 1, 1, data),
        Captured(20, 1, 3, data),
    ]
    rows = read([("udp", captured, records)], "frame.interface_id", "frame.comment", "frame.time_epoch")
    assert [row["frame.interface_id"] for row in rows] == ["0", "0", "0", "1", "1"]
    assert [row["frame.comment"] for row in rows] == ["", "dropped on the link: loss", "", "", ""]
    assert [row["frame.time_epoch"][-3:] for row in rows] == ["790", "791", "792", "809", "819"]


def record(**fields: object) -> FrameRecord:
    identity = Identity(Direction.FORWARD, FrameKind.DATA, 4)
    return FrameRecord(1, identity, Phase.DATA, "udp", "message 4", 100, 0, **fields)  # type: ignore[arg-type]


HELD_BACK = "held back on the link, so that later frames overtake it"
COMMENTS = (
    (record(left_at=(5,)), ""),
    (record(dropped=Drop.LOSS), "dropped on the link: loss"),
    (record(dropped=Drop.BURST), "dropped on the link: burst"),
    (record(dropped=Drop.QUEUE_FULL), "dropped on the link: queue full"),
    (record(dropped=Drop.MTU), "dropped on the link: too large"),
    (record(dropped=Drop.SCRIPT, script="drop:data:4"), "dropped on the link: drop:data:4"),
    (record(left_at=(5, 5)), "duplicated on the link"),
    (record(left_at=(5,), corrupted=True), "corrupted on the link: one bit flipped"),
    (record(left_at=(5,), reordered=True), HELD_BACK),
    (record(left_at=(5,), reordered=True, script="delay:data:4:80ms"), f"{HELD_BACK}; as asked: delay:data:4:80ms"),
    (record(left_at=(5, 5), corrupted=True), "duplicated on the link; corrupted on the link: one bit flipped"),
)


def test_comments_say_what_the_link_did_wherever_the_frame_was_seen(read: Read) -> None:
    data = udp(message(4))
    runs, said = [], []
    for happened, comment in COMMENTS:
        seen = [Captured(0, 0, 1, data), *(Captured(at, 1, 1, data) for at in happened.left_at)]
        runs.append(("udp", seen, [happened]))
        said += [comment] * len(seen)
    assert [row["frame.comment"] for row in read(runs, "frame.comment")] == said


def test_what_the_link_made_itself_says_so(read: Read) -> None:
    large = udp(message(4, b"x" * 1000), place=0)
    captured = [Captured(0, 0, 1, large), *(Captured(9, 1, 0, piece) for piece in packets.fragment(large, 600))]
    captured.append(Captured(10, 0, 0, packets.too_large(large, 600, ROUTER)))
    rows = read([("udp", captured, [record(left_at=(9,))])], "frame.comment")
    assert [row["frame.comment"] for row in rows] == [
        "cut into fragments by the link",
        "made by the link; a fragment of an IP packet",
        "made by the link; a fragment of an IP packet",
        "made by the link",
    ]


def test_blocks_are_whole_words_with_their_length_at_both_ends() -> None:
    file = io.BytesIO()
    runs = [run_of("udp", one_way(*(udp(b"x" * size) for size in range(9))))]
    pcapng.write(file, runs, 0)
    data = file.getvalue()
    kinds = []
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert length % 4 == 0
        assert struct.unpack_from("<I", data, at + length - 4) == (length,)
        kinds.append(kind)
        at += length
    assert at == len(data)
    assert kinds == [0x0A0D0D0A, 1, 1, *[6] * 9]
