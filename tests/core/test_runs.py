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
