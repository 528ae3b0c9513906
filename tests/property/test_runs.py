"""Whatever comes together is received as if it had come one by one, and whatever leaves together is what was given."""

from dataclasses import replace
from itertools import groupby
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.support import Receiver
from tests.property.datagrams import payloads as any_payloads
from udpmsg.core import runs, wire
from udpmsg.core.config import Limits
from udpmsg.core.cookies import Cookies
from udpmsg.core.events import Message
from udpmsg.core.fragments import Cutter, fragment_size
from udpmsg.core.framing import (
    LENGTH,
    MOST_BYTES,
    MOST_MESSAGES,
    FrameReader,
    Grid,
    Mixed,
    Run,
    each,
    frame,
    frames,
    kept,
    together,
)
from udpmsg.core.receiver import Receiver as CoreReceiver
from udpmsg.core.session import Session
from udpmsg.core.wire import Kind
from udpmsg.udp import offload

LIMITS = Limits(session_messages=12, session_bytes=300, total_bytes=500, max_message=60, gaps=3)
PEER = "p"


@st.composite
def traffic(draw: st.DrawFn) -> list[bytes]:
    """Datagrams of three sessions (plain, acknowledged, ordered), each sent in order and then disturbed on the way. Some of the
    messages are cut into fragments, and some of those are sent again in another cut, or whole."""
    datagrams = []
    numbers = {1: 0, 2: 0, 3: 0}
    sequences = {1: 0, 2: 0, 3: 0}
    for _ in range(draw(st.integers(1, 12))):
        session = draw(st.sampled_from([1, 2, 3]))
        count = draw(st.sampled_from([1, 1, 2, 3, 5]))
        size = draw(st.sampled_from([0, 5, 5, 5, 61] if count == 1 else [5, 30, 41, 60, 61]))
        cuts = [count] * draw(st.integers(1, 8))
        if size and draw(st.booleans()):
            cuts.insert(draw(st.integers(1, len(cuts))), -draw(st.sampled_from([1, 2, 3])))
        for count in cuts:
            again, count = count < 0, abs(count)
            sequences[session] += not again
            fragment = fragment_size(size, count)
            payload = bytes(range(size)).ljust(count * fragment, b"\0")
            for index in range(count):
                numbers[session] += 1
                datagrams.append(
                    wire.encode(
                        Kind.MESSAGE,
                        session=session,
                        number=numbers[session],
                        sequence=sequences[session],
                        sent_at=draw(st.sampled_from([1000, 1000, 1000, 2000])),
                        payload=payload[index * fragment : (index + 1) * fragment],
                        lowest=draw(st.sampled_from([1, 1, sequences[session]])) if session > 1 else 0,
                        transmission=draw(st.sampled_from([1, 1, 2] if count > 1 else [1])) if session > 1 else 0,
                        fragment=None if count == 1 else (index, count, fragment, size),
                        ordered=session == 3,
                    )
                )
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(datagrams) - 1))
        match draw(st.sampled_from(["drop", "duplicate", "swap", "flip"])):
            case "drop" if len(datagrams) > 1:
                del datagrams[place]
            case "duplicate":
                datagrams.insert(place, datagrams[place])
            case "swap":
                datagrams.insert(draw(st.integers(0, len(datagrams) - 1)), datagrams.pop(place))
            case _:
                bit = draw(st.integers(0, 8 * len(datagrams[place]) - 1))
                data = bytearray(datagrams[place])
                data[bit // 8] ^= 1 << bit % 8
                datagrams[place] = bytes(data)
    return datagrams


def coalesced(datagrams: list[bytes], cuts: set[int]) -> list[bytes | Run]:
    """Neighbours of one length together, but for some places."""
    groups: list[bytes | Run] = []
    for _, group in groupby(enumerate(datagrams), key=lambda entry: (len(entry[1]), sum(cut <= entry[0] for cut in cuts))):
        together = [datagram for _, datagram in group]
        groups.append(Run(memoryview(b"".join(together)), len(together[0])) if len(together) > 1 else together[0])
    return groups


@given(
    traffic(),
    st.sets(st.integers(0, 60), max_size=6),
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
    st.sampled_from([500, 1000, 1500, 2500, 8000]),
    st.sampled_from([1, 11_000]),
)
def test_runs_are_received_as_their_datagrams_would_be(
    datagrams: list[bytes], cuts: set[int], takes: list[int], total_bytes: int, pause: int
) -> None:
    """Events, counts, what stays missing, what is charged, and every acknowledgment."""
    together, single = (Receiver(session=9, now=0, limits=LIMITS._replace(total_bytes=total_bytes)) for _ in range(2))
    half = len(datagrams) // 2
    for now, part in ((10_000_000, datagrams[:half]), (10_000_000 + pause * 1_000_000, datagrams[half:])):
        together.receive(coalesced(part, cuts), now=now, peer=PEER)
        single.receive(part, now=now, peer=PEER)
        assert together.held_bytes == single.held_bytes
        for take in takes:
            assert together.events(take) == single.events(take)
        assert together.data_to_send(now=now) == single.data_to_send(now=now)
        assert together.next_timeout() == single.next_timeout()
    assert together.events() == single.events()
    assert together.held_bytes == single.held_bytes
    totals, expected = together.totals(), single.totals()
    assert isclose(totals.jitter_sum_us, expected.jitter_sum_us, rel_tol=1e-9, abs_tol=1e-6)
    totals.jitter_sum_us = expected.jitter_sum_us
    assert totals == expected


@given(st.lists(any_payloads, max_size=200), st.booleans(), st.booleans(), st.booleans())
def test_the_batcher_gives_what_it_was_given(payloads: list[bytes], acknowledged: bool, ordered: bool, framed: bool) -> None:
    """Any mix of lengths: the same datagrams in the same order as one by one, in runs that the kernel takes."""
    lowest = 3 if acknowledged else 0
    batch = runs.encode(
        payloads, session=7, number=5, sequence=4, sent_at=9, lowest=lowest, ordered=ordered and acknowledged, framed=framed
    )
    for item in batch:
        if isinstance(item, Run):
            assert (item.lead, len(item.data) % (item.size + item.lead)) == (4 * framed, 0)
            assert 1 < len(item.data) // (item.size + item.lead) <= MOST_MESSAGES
            assert framed or len(item.data) <= MOST_BYTES
    assert each(batch) == [
        wire.encode(
            Kind.MESSAGE,
            session=7,
            number=5 + place,
            sequence=4 + place,
            sent_at=9,
            payload=payload,
            lowest=lowest,
            transmission=int(acknowledged),
            ordered=ordered and acknowledged,
            framed=framed,
        )
        for place, payload in enumerate(payloads)
    ]
    mixed = list(together(batch))  # as the socket has it: what stood alone may have neighbours
    assert each(mixed) == each(batch)
    if framed:  # and the frames of a run are those of its messages
        stream = b"".join(bytes(item.data) if isinstance(item, Run) else frame(item) for item in batch)
        assert stream == frames(each(batch))


@given(st.lists(any_payloads, max_size=200))
def test_neighbours_of_one_length_are_put_together(datagrams: list[bytes]) -> None:
    """Within the kernel's limits, and none that could be: cutting at every `size` bytes, as the kernel does, gives them back."""
    batch = list(together(datagrams))
    assert each(batch) == datagrams
    for item, follower in zip(batch, [*batch[1:], None], strict=False):
        if isinstance(item, Run):
            assert 1 < len(item.data) // item.size <= MOST_MESSAGES
            assert len(item.data) <= MOST_BYTES
        else:
            assert not item or not isinstance(follower, bytes) or len(item) != len(follower)


@given(st.integers(1, 40), st.integers(1, 9), st.integers(0, 39))
def test_what_the_kernel_put_together_is_taken_apart(size: int, count: int, last: int) -> None:
    """Datagrams of one length, the last shorter or not there."""
    datagrams = [bytes([place]) * size for place in range(count)] + [b"z" * min(last, size - 1)] * (min(last, size - 1) > 0)
    gro = [(17, offload.UDP_GRO, offload.GRO_SIZE.pack(size))]
    assert each(offload.runs(b"".join(datagrams), gro if len(datagrams) > 1 else [])) == datagrams


@given(st.lists(st.integers(0, 3), max_size=40), st.booleans())
def test_frames_come_together_only_where_they_begin_alike(kinds: list[int], acknowledged: bool) -> None:
    """Of a stream too: each run is one session's messages of one length, and they are what was sent."""
    encoded = [
        runs.encode(
            [bytes(3 if kind < 2 else 4)],
            session=1 + kind % 2,
            number=number,
            sequence=number,
            sent_at=1,
            lowest=int(acknowledged),
            framed=True,
        )[0]
        for number, kind in enumerate(kinds, 1)
    ]
    messages = each(encoded)
    found = FrameReader(100).feed(frames(messages))
    assert each(found) == messages
    assert len(found) == len(list(groupby(kinds)))
    for run in found:
        assert run.lead == LENGTH.size
        assert runs.decode(run) is not None


@given(traffic(), st.sets(st.integers(0, 60), max_size=6))
def test_counting_alone_gives_the_same_counts_and_acknowledgments(datagrams: list[bytes], cuts: set[int]) -> None:
    """Who wants no messages gets every other event, and the sender learns the same."""
    counting = Receiver(session=9, now=0, counting_only=True)
    handing = Receiver(session=9, now=0)
    half = len(datagrams) // 2
    for now, part in ((10_000_000, datagrams[:half]), (11_000_000, [*datagrams[half:], b"raw"])):
        for item in coalesced(part, cuts):
            messages = runs.decode(item, payloads=False) if isinstance(item, Run) else None
            if messages is not None:
                assert messages.payloads == () or messages.shape is not None, "fragments are put together first"
                counting.receive_run(messages, now=now, peer=PEER)
            else:
                counting.receive(each([item]), now=now, peer=PEER)
        handing.receive(part, now=now, peer=PEER)
        assert counting.events() == [event for event in handing.events() if not isinstance(event, Message)]
        assert counting.data_to_send(now=now) == handing.data_to_send(now=now)
    assert counting.held_bytes == handing.held_bytes
    totals, expected = counting.totals(), handing.totals()
    assert isclose(totals.jitter_sum_us, expected.jitter_sum_us, rel_tol=1e-9, abs_tol=1e-6)
    totals.jitter_sum_us = expected.jitter_sum_us
    assert totals == expected


@given(
    st.integers(2, 70),
    st.integers(1, 5),
    st.integers(0, 69),
    st.integers(1, 300),
    st.integers(1, 1300),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_fragments_that_leave_together_are_encoded_as_each_would_be(
    fragments: int, messages: int, begin: int, count: int, room: int, acknowledged: bool, ordered: bool, reply: bool
) -> None:
    """From any of the first message's fragments on; a run ends where a message does, if it has room for one."""
    total = room * fragments - min(room, fragments) // 2
    size = fragment_size(total, fragments)
    payloads = [bytes([number]) * total for number in range(1, messages + 1)]
    begin %= fragments
    end = min(begin + count, messages * fragments)
    cutter = Cutter(datagram_size=1400, max_message=1 << 20, acknowledged=acknowledged)
    batch = runs.encode_cut(
        cutter.pieces(payloads, begin, end, fragments),
        range(begin, end),
        fragments=fragments,
        total=total,
        session=7,
        number=5,
        sequence=4,
        sent_at=9,
        lowest=3 * acknowledged,
        reply_to=8 * reply,
        ordered=ordered and acknowledged,
    )
    place = begin
    for item in batch:
        place += item.message_count if isinstance(item, Run) else 1
        if isinstance(item, Run):
            assert 1 < item.message_count <= MOST_MESSAGES
            assert len(item.data) <= MOST_BYTES
            longest = item.size + 16 * (not acknowledged)  # runs are made for what asks for acknowledgments
            assert place == end or place % fragments == 0 or fragments > min(MOST_BYTES // longest, MOST_MESSAGES)
            decoded = runs.decode(item)
            assert (decoded is None) is reply
            assert decoded is None or list(decoded.datagrams()) == list(map(wire.decode, item.datagrams()))
    assert each(batch) == [
        wire.encode(
            Kind.MESSAGE,
            session=7,
            number=5 + place - begin,
            sequence=4 + place // fragments,
            sent_at=9,
            payload=payloads[place // fragments][place % fragments * size :][:size].ljust(size, b"\0"),
            lowest=3 * acknowledged,
            transmission=int(acknowledged),
            fragment=(place % fragments, fragments, size, total),
            reply_to=8 * reply,
            ordered=ordered and acknowledged,
        )
        for place in range(begin, end)
    ]


def two_receivers(total_bytes: int, wary: bool) -> tuple[CoreReceiver, CoreReceiver]:
    """Two that are alike; `wary`: addresses have to prove themselves."""
    limits = LIMITS._replace(total_bytes=total_bytes)
    one, other = (CoreReceiver(session=9, now=0, limits=limits, cookies=Cookies(b"a secret") if wary else None) for _ in range(2))
    return one, other


@given(
    traffic(),
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
    st.lists(st.sampled_from("ppppq"), min_size=1, max_size=9),
    st.sampled_from([500, 1000, 2500, 8000]),
    st.booleans(),
)
def test_a_mixed_batch_is_received_as_its_datagrams_would_be(
    datagrams: list[bytes], takes: list[int], peers: list[str], total_bytes: int, wary: bool
) -> None:
    """Of any sessions, at any addresses, cut anywhere. Events, counts, what is charged, and every acknowledgment."""
    at_once, single = two_receivers(total_bytes, wary)
    origins = [peers[place % len(peers)] for place in range(len(datagrams))]
    half = len(datagrams) // 2
    for now, part in ((10_000_000, slice(half)), (21_000_000, slice(half, None))):
        mixed = Mixed(datagrams[part])
        mixed.peers += origins[part]
        for datagram, peer in at_once.receive_mixed(mixed, now):
            at_once.receive([datagram], now=now, peer=peer)
        for datagram, peer in zip(datagrams[part], origins[part], strict=True):
            single.receive([datagram], now=now, peer=peer)
        assert at_once.held_bytes == single.held_bytes
        for take in takes:
            assert at_once.events(take) == single.events(take)
            assert (at_once.undelivered, at_once.in_hand) == (single.undelivered, single.in_hand)
            assert at_once.remembered() == single.remembered()
            for receiver in (at_once, single):
                for message in receiver.in_hand[1:3]:
                    receiver.done(message)
                receiver.commit()
            assert at_once.held_bytes == single.held_bytes
        assert at_once.data_to_send(now=now) == single.data_to_send(now=now)
        assert at_once.next_timeout() == single.next_timeout()
    assert at_once.totals() == single.totals()


@given(traffic(), st.sampled_from([500, 8000]), st.booleans(), st.booleans(), st.booleans())
def test_acknowledgments_made_in_one_pass_say_what_each_would(
    datagrams: list[bytes], total_bytes: int, wary: bool, reads: bool, late: bool
) -> None:
    """Whose messages are read, or wait; at once or after the longest delay; to addresses that are proved or not."""
    in_one_pass, one_by_one = two_receivers(total_bytes, wary)
    third = max(len(datagrams) // 3, 1)
    for place in range(0, len(datagrams), third):
        now, left = 10_000_000 + place * 40_000_000, []
        for receiver in (in_one_pass, one_by_one):
            receiver.receive(datagrams[place : place + third], now=now, peer=PEER)
            if reads:
                receiver.events()
                receiver.commit()
            with pytest.MonkeyPatch.context() as patch:
                if receiver is one_by_one:
                    patch.setattr(Session, "bare", lambda *_: None)
                batch = receiver.data_to_send(now=now + 30_000_000 * late)
            left.append(sorted([wire.decode(data)._replace(number=0) for data, _ in batch], key=repr))
        assert left[0] == left[1]
        assert in_one_pass.next_timeout() == one_by_one.next_timeout()


@given(traffic())
def test_a_mixed_batch_is_counted_as_its_datagrams_would_be(datagrams: list[bytes]) -> None:
    """By a receiver that counts alone, and has room."""
    at_once, single = (CoreReceiver(session=9, now=0, counting_only=True) for _ in range(2))
    mixed = Mixed(datagrams)
    mixed.peers += [PEER] * len(datagrams)
    for datagram, peer in at_once.receive_mixed(mixed, 10_000_000):
        at_once.receive([datagram], now=10_000_000, peer=peer)
    single.receive(datagrams, now=10_000_000, peer=PEER)
    assert at_once.events() == single.events()
    assert at_once.totals() == single.totals()
    assert (at_once.held_bytes, at_once.undelivered) == (single.held_bytes, single.undelivered)


SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 5), st.sampled_from([0, 1, 40, 41]))
"""Runs, messages in each, bytes of each payload."""


@given(SHAPES, st.integers(0, 30), st.lists(st.tuples(st.integers(0, 29), st.integers(0, 8 * 40 - 1)), max_size=3), st.data())
def test_a_grid_is_read_as_its_datagrams_would_be(
    shape: tuple[int, int, int], lost: int, flips: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Runs are missing, repeated and flipped in the middle; some are of another time or of another session, or have gaps."""
    columns = pytest.importorskip("udpmsg.core.header_columns")
    rows, count, size = shape
    first = data.draw(st.sampled_from([1, 5, wire.MAX_NUMBER - 12]))
    length = size + wire.HEADER.size
    datagrams = [
        wire.encode(
            Kind.MESSAGE,
            session=1,
            number=min(first + place + (place > lost), wire.MAX_NUMBER),
            sequence=min(first + place + (place > lost), wire.MAX_NUMBER),
            sent_at=1000 * (place > lost + 2),
            payload=bytes(size),
        )
        for place in range(rows * count)
    ]
    for place, bit in flips:
        changed = bytearray(datagrams[place % len(datagrams)])
        changed[bit // 8] ^= 1 << bit % 8
        datagrams[place % len(datagrams)] = bytes(changed)
    stride = count * length + data.draw(st.integers(0, 9))
    buffer = b"".join(b"".join(datagrams[row * count : (row + 1) * count]).ljust(stride, b"?") for row in range(rows))
    runs_ = [Run(memoryview(buffer)[row * stride :][: count * length], length) for row in range(rows)]
    together, single = (CoreReceiver(session=9, now=0, counting_only=True) for _ in range(2))
    for part in columns.Columns().read(Grid(runs_, memoryview(buffer), stride)):
        if isinstance(part, Run):
            together.receive([part], now=10_000_000, peer=PEER)
        else:
            together.receive_run(part, now=10_000_000, peer=PEER)
    single.receive(datagrams, now=10_000_000, peer=PEER)
    assert together.events() == single.events()
    assert together.data_to_send(now=10_000_000) == single.data_to_send(now=10_000_000)
    assert isclose(together.totals().jitter_sum_us, single.totals().jitter_sum_us, rel_tol=1e-9, abs_tol=1e-6)
    assert replace(together.totals(), jitter_sum_us=0.0) == replace(single.totals(), jitter_sum_us=0.0)


@given(st.lists(st.tuples(st.integers(1, 70), st.sampled_from([0, 1, 40, 1100]), st.booleans()), min_size=1, max_size=4))
def test_columns_are_written_as_runs_are(batches: list[tuple[int, int, bool]]) -> None:
    """The same bytes in the same runs, whatever stood in the buffer before."""
    columns = pytest.importorskip("udpmsg.core.header_columns")
    import numpy as np

    writer, number = columns.Writer(7), 1
    for count, size, same in batches:
        payloads = [bytes([place % 7 * (not same)]) * size for place in range(count)]
        rows = np.array([list(payload) for payload in payloads], np.uint8).reshape(count, size)
        rows = np.broadcast_to(rows[0], (count, size)) if same else rows
        written = writer.write(rows, number=number, sequence=number + 3, sent_at=number)
        expected = runs.encode(payloads, session=7, number=number, sequence=number + 3, sent_at=number)
        assert each(list(map(kept, written))) == each(expected)
        assert all(run.message_count <= MOST_MESSAGES and len(run.data) <= MOST_BYTES for run in written)
        number += count
