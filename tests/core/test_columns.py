"""Headers as columns: what is read and written is what `wire` and `runs` make of each message by itself."""

import numpy as np
import pytest

from tests.core.support import RECEIVER, SENDER, at, plain_sender, read
from udpmsg.core import runs
from udpmsg.core.framing import Grid, Run, each, kept
from udpmsg.core.header_columns import Columns, Writer, most
from udpmsg.core.receiver import Receiver
from udpmsg.core.runs import Messages

LENGTH = 41
"""Of a datagram whose payload is one byte."""


def grid(*rows: bytes, size: int = LENGTH) -> Grid:
    """Runs as the kernel puts them: each begins where a buffer does."""
    stride = len(rows[0]) + 7
    data = memoryview(b"".join(row.ljust(stride, b"?") for row in rows))
    return Grid([Run(data[stride * place :][: len(row)], size) for place, row in enumerate(rows)], data, stride)


def row(first: int, count: int = 4, *, session: int = SENDER, sent_at: int = 5) -> bytes:
    """A run of messages of one byte, with these numbers."""
    batch = runs.encode([b"x"] * count, session=session, number=first, sequence=first, sent_at=sent_at)
    return b"".join(each(batch))


def parts(*rows: bytes, size: int = LENGTH) -> list[tuple[int, int] | str]:
    """First sequence number and count of what was read as one; the others as what they are."""
    found: list[tuple[int, int] | str] = []
    for part in Columns().read(grid(*rows, size=size)):
        assert isinstance(part, Run) or part.in_a_row
        found.append("a run" if isinstance(part, Run) else (part.sequences[0], len(part.sequences)))
    return found


def test_what_follows_each_other_is_one() -> None:
    columns = Columns()
    (part,) = columns.read(grid(row(3), row(7), row(11)))
    assert isinstance(part, Messages)
    assert (part.session, part.size, part.acknowledged, part.ordered) == (SENDER, 1, False, False)
    assert (part.numbers, part.sequences, part.sent_at) == (range(3, 15), range(3, 15), (5,) * 12)
    assert next(iter(columns.read(grid(row(15)))))[4] == range(15, 19)


def test_a_gap_another_time_and_another_session_end_it() -> None:
    assert parts(row(1), row(9), row(13)) == [(1, 4), (9, 8)]
    assert parts(row(1), row(5, sent_at=6)) == [(1, 4), (5, 4)]
    assert parts(row(1), row(5, session=RECEIVER)) == [(1, 4), (5, 4)]


def test_what_is_not_ordinary_is_left_as_a_run() -> None:
    gap = row(5, 2) + row(8, 2)
    flipped = bytearray(row(9))
    flipped[4] ^= 1
    assert parts(row(1), gap, bytes(flipped), row(13)) == [(1, 4), "a run", "a run", (13, 4)]
    alike = b"".join(b"\x00" * 8 + each([Run(row(1), LENGTH)])[place][8:] for place in range(4))
    assert parts(alike, row(1, session=1)) == ["a run", (1, 4)]
    assert parts(row(2**63 - 4), row(2**63)) == [(2**63 - 4, 4), "a run"]
    assert parts(row(2**63 - 7), row(2**63 - 3)) == [(2**63 - 7, 4), "a run"]
    no_session = b"".join(data[:8] + bytes(8) + data[16:] for data in each([Run(row(1), LENGTH)]))
    assert parts(no_session) == ["a run"]
    assert parts(b"short" * 8, b"short" * 8, size=5) == ["a run", "a run"]


def test_a_receiver_that_counts_takes_them() -> None:
    receiver = Receiver(session=RECEIVER, now=at(0), counting_only=True)
    for part in Columns().read(grid(row(1), row(5), row(13), row(17))):
        assert isinstance(part, Messages)
        receiver.receive_run(part, now=at(0), peer="p")
    assert receiver.events() == []
    totals = receiver.totals()
    assert (totals.messages_delivered, totals.messages_missing, totals.payload_bytes) == (16, 4, 16)


def test_rows_leave_as_messages_do() -> None:
    sender, writer = plain_sender(), Writer(SENDER)
    assert (sender.takes_rows(1160), sender.takes_rows(1161)) == (True, False)
    rows = np.arange(200, dtype=np.uint8).reshape(100, 2)
    assert sender.send_rows(rows, writer, now=at(7)) == range(1, 101)
    first = sender.data_to_send(now=at(7))
    assert [run.message_count for run in first if isinstance(run, Run)] == [64, 36]
    assert [(data.number, data.sequence, data.sent_at, data.payload) for data in read(map(kept, first))] == [
        (place + 1, place + 1, 7000, bytes([2 * place, 2 * place + 1])) for place in range(100)
    ]
    assert (sender.messages_sent, sender.payload_bytes) == (100, 200)
    assert sender.send([b"x"], now=at(8)) == range(101, 102)


def test_what_did_not_leave_yet_is_copied_before_more_is_written() -> None:
    sender, writer = plain_sender(), Writer(SENDER)
    for payload in (b"a", b"b"):
        sender.send_rows(np.frombuffer(payload * 3, np.uint8).reshape(3, 1), writer, now=at(0))
    assert [data.payload for data in read(sender.data_to_send(now=at(0)))] == [b"a"] * 3 + [b"b"] * 3


def test_one_payload_for_all_is_written_once() -> None:
    writer, numbers = Writer(SENDER), []
    for payload in (b"a", b"a", b"b"):
        rows = np.broadcast_to(np.frombuffer(payload, np.uint8), (3, 1))
        (run,) = writer.write(rows, number=1, sequence=1, sent_at=0)
        numbers.append([data.payload for data in read([kept(run)])])
    assert numbers == [[b"a"] * 3, [b"a"] * 3, [b"b"] * 3]


@pytest.mark.parametrize(("size", "places"), [(0, 1024), (24, 1024), (1200, 832), (60_000, 17)])
def test_a_batch_is_whole_runs(size: int, places: int) -> None:
    assert most(size) == places


def test_a_single_datagram_stays_what_it_is() -> None:
    assert kept(b"x") == b"x"
    run = kept(Run(memoryview(bytearray(b"ab")), 1))
    assert isinstance(run, Run)
    assert run.data == b"ab"
