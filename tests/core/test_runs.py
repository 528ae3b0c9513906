"""Runs: the same bytes and the same fields as one by one, and None as soon as one of them is out of the ordinary."""

import pytest

from udpmsg.core import runs, wire
from udpmsg.core.framing import LENGTH, Run, each, frames
from udpmsg.core.wire import HEADER, MAX_NUMBER, Kind


def encoded(*payloads: bytes, lowest: int = 0, framed: bool = False, number: int = 11, sequence: int = 5) -> list[bytes]:
    return each(runs.encode(payloads, session=7, number=number, sequence=sequence, sent_at=99, lowest=lowest, framed=framed))


def one_by_one(*payloads: bytes, lowest: int = 0, framed: bool = False, ordered: bool = False) -> list[bytes]:
    return [
        wire.encode(
            Kind.MESSAGE,
            session=7,
            number=number,
            sequence=number - 6,
            sent_at=99,
            payload=payload,
            lowest=lowest,
            transmission=1 if lowest else 0,
            ordered=ordered,
            framed=framed,
        )
        for number, payload in enumerate(payloads, 11)
    ]


def run_of(datagrams: list[bytes]) -> Run:
    return Run(b"".join(datagrams), len(datagrams[0]))


@pytest.mark.parametrize("framed", [False, True])
@pytest.mark.parametrize("lowest", [0, 3])
@pytest.mark.parametrize("payloads", [(b"one",), (b"one", b"two"), (b"", b""), (b"one", b"", b"three"), (b"x" * 1200,) * 52])
def test_a_run_is_encoded_as_each_of_it_would_be(payloads: tuple[bytes, ...], lowest: int, framed: bool) -> None:
    assert encoded(*payloads, lowest=lowest, framed=framed) == one_by_one(*payloads, lowest=lowest, framed=framed)


@pytest.mark.parametrize(("size", "lengths"), [(1, [64, 64, 22]), (1200, [52, 52, 46]), (20_000, [3] * 50), (40_000, [1] * 150)])
@pytest.mark.parametrize("lowest", [0, 3])
def test_a_run_is_no_longer_than_a_system_call_takes(size: int, lengths: list[int], lowest: int) -> None:
    """64 datagrams, and 65,507 bytes with their headers."""
    batch = runs.encode([bytes(size)] * 150, session=7, number=1, sequence=1, sent_at=0, lowest=lowest)
    assert [len(each([item])) for item in batch] == lengths


def test_ordered_messages_say_so() -> None:
    run = each(runs.encode([b"a", b"b"], session=7, number=11, sequence=5, sent_at=99, lowest=2, ordered=True))
    assert run == one_by_one(b"a", b"b", lowest=2, ordered=True)
    messages = runs.decode(run_of(run))
    assert messages is not None
    assert messages.ordered


@pytest.mark.parametrize("framed", [False, True])
@pytest.mark.parametrize("lowest", [0, 3])
def test_a_run_is_decoded_as_each_of_it_would_be(lowest: int, framed: bool) -> None:
    datagrams = encoded(b"one", b"two", b"six", lowest=lowest, framed=framed)
    run = Run(frames(datagrams), len(datagrams[0]), LENGTH.size) if framed else run_of(datagrams)
    messages = runs.decode(run)
    assert messages is not None
    assert list(messages.datagrams()) == [wire.decode(datagram, framed=framed) for datagram in datagrams]
    assert (messages.session, messages.acknowledged, messages.ordered) == (7, lowest > 0, False)
    assert messages.payloads == (b"one", b"two", b"six")
    assert messages.in_a_row
    assert each([run, b"last"]) == [*datagrams, b"last"]


@pytest.mark.parametrize("order", [(0, 2), (1, 0), (0, 0), (0, 2, 1)])
def test_what_is_missing_doubled_or_out_of_order_is_not_in_a_row(order: tuple[int, ...]) -> None:
    datagrams = encoded(b"one", b"two", b"six")
    messages = runs.decode(run_of([datagrams[place] for place in order]))
    assert messages is not None
    assert not messages.in_a_row


def test_numbers_that_run_apart_are_not_in_a_row() -> None:
    messages = runs.decode(run_of(encoded(b"a", number=1, sequence=1) + encoded(b"b", number=3, sequence=2)))
    assert messages is not None
    assert not messages.in_a_row


def changed(datagram: bytes, place: int, value: int, size: int = 1) -> bytes:
    return datagram[:place] + value.to_bytes(size, "big") + datagram[place + size :]


FIELDS = {
    "magic": (0, 0, 2),
    "version": (2, 2, 1),
    "a kind that is no message": (3, Kind.ACK, 1),
    "an unknown flag": (4, 0x8000, 2),
    "a fragment": (4, wire.FRAGMENT, 2),
    "a reply": (4, wire.REPLY, 2),
    "ordered without acknowledgments": (4, wire.ORDERED, 2),
    "payload length": (6, 4, 2),
    "no session": (8, 0, 8),
    "number 0": (16, 0, 8),
    "number too large": (16, MAX_NUMBER + 1, 8),
    "sequence 0": (24, 0, 8),
    "sequence too large": (24, MAX_NUMBER + 1, 8),
}


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("name", FIELDS)
def test_one_of_a_plain_run_out_of_the_ordinary(name: str, which: int) -> None:
    datagrams = encoded(b"one", b"two")
    datagrams[which] = changed(datagrams[which], *FIELDS[name])
    assert runs.decode(run_of(datagrams)) is None


BLOCK = {"lowest 0": (40, 0, 8), "lowest above the number": (40, 9, 8), "transmission 0": (48, 0, 2), "not zero": (50, 1, 2)}


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("name", BLOCK)
def test_one_of_a_checked_run_out_of_the_ordinary(name: str, which: int) -> None:
    datagrams = [datagram[:-4] for datagram in encoded(b"one", b"two", lowest=3)]
    datagrams[which] = changed(datagrams[which], *BLOCK[name])
    sealed = [datagram + wire.CHECKSUM_BLOCK.pack(wire.crc32(datagram)) for datagram in datagrams]
    assert runs.decode(run_of(sealed)) is None


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_flipped_bit_in_a_checked_run(which: int) -> None:
    datagrams = encoded(b"one", b"two", b"six", lowest=3)
    datagrams[which] = changed(datagrams[which], 53, datagrams[which][53] ^ 1)
    assert runs.decode(run_of(datagrams)) is None


def test_what_is_too_short_for_a_header_or_its_flags() -> None:
    assert runs.decode(Run(b"UM" * 15, HEADER.size - 1)) is None
    checked = encoded(b"", lowest=3)[0]
    assert runs.decode(Run(checked[:-1], len(checked) - 1)) is None


def fragments_of(*payloads: bytes, count: int = 3, lowest: int = 0) -> list[bytes]:
    """Messages of one length, each cut into so many fragments, of which the last one is filled up."""
    size = -(-len(payloads[0]) // count)
    return [
        wire.encode(
            Kind.MESSAGE,
            session=7,
            number=11 + message * count + index,
            sequence=5 + message,
            sent_at=99,
            payload=payload[index * size : (index + 1) * size].ljust(size, b"\0"),
            lowest=lowest,
            transmission=1 if lowest else 0,
            fragment=(index, count, size, len(payload)),
        )
        for message, payload in enumerate(payloads)
        for index in range(count)
    ]


@pytest.mark.parametrize("lowest", [0, 3])
@pytest.mark.parametrize(("begin", "end", "parts"), [(0, 9, [9]), (1, 9, [2, 6]), (0, 8, [6, 2]), (2, 8, [1, 3, 2]), (1, 2, [1])])
def test_fragments_are_decoded_as_each_would_be(lowest: int, begin: int, end: int, parts: list[int]) -> None:
    """What one message has of which not everything is here, whole messages, and again the beginning of one."""
    datagrams = fragments_of(b"one thing", b"two things"[1:], b"something", lowest=lowest)[begin:end]
    messages = runs.decode(run_of(datagrams), payloads=False)
    assert messages is not None
    assert messages.in_a_row
    assert (messages.size, messages.shape, messages.acknowledged) == (3, (3, 3, 9), lowest > 0)
    assert list(messages.datagrams()) == list(map(wire.decode, datagrams))
    assert [len(part.numbers) for part in messages.parts()] == parts
    assert [part.whole for part in messages.parts()] == [count > 2 for count in parts]
    assert [each for part in messages.parts() for each in part.datagrams()] == list(messages.datagrams())


@pytest.mark.parametrize("text", [b"one thing", b"a thing", b"12345678"])
def test_whole_messages_are_put_together_without_what_their_last_fragment_is_filled_up_with(text: bytes) -> None:
    messages = runs.decode(run_of(fragments_of(text, text[::-1], lowest=3)))
    assert messages is not None
    joined = messages.joined()
    assert (joined.payloads, joined.size) == ((text, text[::-1]), len(text))
    assert (joined.sequences, joined.transmissions) == ((5, 6), (1, 1))
    assert joined.numbers == (11, 12, 13, 14, 15, 16)
    later = messages._replace(transmissions=(1, 2, 1, 1, 1, 3)).joined()
    assert later.transmissions == (2, 3)


@pytest.mark.parametrize("order", [(0, 2), (1, 0), (0, 0), (0, 1, 2, 4)])
def test_fragments_of_which_one_is_missing_doubled_or_out_of_order_are_not_in_a_row(order: tuple[int, ...]) -> None:
    datagrams = fragments_of(b"one thing", b"two thing")
    messages = runs.decode(run_of([datagrams[place] for place in order]))
    assert messages is not None
    assert not messages.in_a_row
    assert messages.parts() == [messages]


BLOCKS = {
    "another count": (42, 4, 2),
    "another size": (44, 4, 2),
    "not zero": (46, 1, 2),
    "another total": (48, 7, 4),
    "an index above the count": (40, 3, 2),
}


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("name", BLOCKS)
def test_one_of_the_fragments_out_of_the_ordinary(name: str, which: int) -> None:
    datagrams = fragments_of(b"12345678")
    datagrams[which] = changed(datagrams[which], *BLOCKS[name])
    assert runs.decode(run_of(datagrams)) is None


def test_fragments_that_wire_has_something_against() -> None:
    datagrams = fragments_of(b"12345678")
    assert runs.decode(run_of([*datagrams[:2], datagrams[2][:-1] + b"!"])) is None, "filled up with something"
    assert runs.decode(run_of([changed(data, 42, 1, 2) for data in datagrams])) is None, "each is of one"
    assert runs.decode(Run(datagrams[0][: HEADER.size + 11], HEADER.size + 11)) is None, "too short for the block"
    assert runs.decode(Run(frames(datagrams), len(datagrams[0]), LENGTH.size)) is None, "in frames nothing is cut"


def test_fragments_that_leave_go_on_where_they_stopped() -> None:
    """Of two messages in three fragments each: from the second fragment on, and up to the second one of the other."""
    sent = each(
        runs.encode_cut(
            [b"the", b"ng\0", b"oth", b"er "],
            range(1, 5),
            fragments=3,
            total=8,
            session=7,
            number=1,
            sequence=5,
            sent_at=99,
            lowest=2,
            reply_to=4,
        )
    )
    assert [(got.number, got.sequence, got.fragment, got.payload, got.reply_to) for got in map(wire.decode, sent)] == [
        (1, 5, (1, 3, 3, 8), b"the", 4),
        (2, 5, (2, 3, 3, 8), b"ng\0", 4),
        (3, 6, (0, 3, 3, 8), b"oth", 4),
        (4, 6, (1, 3, 3, 8), b"er ", 4),
    ]
    assert runs.encode_cut([], range(0), fragments=3, total=8, session=7, number=1, sequence=5, sent_at=99) == []


@pytest.mark.parametrize(("fragments", "lengths"), [(2, [64, 64, 2]), (3, [63, 63, 4]), (64, [64, 64, 2]), (65, [64, 64, 2])])
def test_a_run_of_fragments_ends_where_a_message_does(fragments: int, lengths: list[int]) -> None:
    pieces = [b"x"] * 130
    batch = runs.encode_cut(pieces, range(130), fragments=fragments, total=fragments, session=7, number=1, sequence=1, sent_at=0)
    assert [len(each([item])) for item in batch] == lengths


def test_fragments_whose_datagrams_are_in_a_row_and_which_are_not() -> None:
    """Their sender numbered them as it sent them, the second one first."""
    first, second, third = fragments_of(b"one thing")
    swapped = [changed(second, 16, 11, 8), changed(first, 16, 12, 8), third]
    messages = runs.decode(run_of(swapped))
    assert messages is not None
    assert messages.numbers == (11, 12, 13)
    assert not messages.in_a_row
