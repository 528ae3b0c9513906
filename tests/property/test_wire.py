"""The codec: what goes in comes out, and nothing else than MalformedDatagram ever comes of bad bytes."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.property.datagrams import acknowledgments, controls, encoded, messages, numbers, reports
from udpmsg.base.errors import MalformedDatagram
from udpmsg.core import bare
from udpmsg.core.wire import (
    MAX_NUMBER,
    Acknowledgment,
    Kind,
    Report,
    answered_number,
    decode,
    decode_acknowledgment,
    decode_number,
    decode_query,
    decode_report,
    encode,
    encode_acknowledgment,
    encode_query,
    encode_report,
    overhead,
)


def reads(read: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """What a reader makes of bytes; None for MalformedDatagram, the only exception allowed."""
    try:
        return read(*arguments, **options)
    except MalformedDatagram as error:
        return None if str(error) else pytest.fail("an error without a sentence")


PAYLOADS = (decode_acknowledgment, decode_number, decode_query, decode_report)


def never_another_error(data: bytes, framed: bool) -> None:
    """Decode everything there is to decode."""
    datagram = reads(decode, data, framed=framed)
    if datagram is not None:
        for read in PAYLOADS:
            reads(read, datagram.payload)


@given(messages(), st.booleans())
def test_a_message_comes_out_as_it_went_in(fields: dict[str, Any], framed: bool) -> None:
    data = encode(Kind.MESSAGE, framed=framed, **fields)
    back = decode(data, framed=framed)
    assert back.kind is Kind.MESSAGE
    for name in ("session", "number", "sent_at", "sequence", "payload"):
        assert getattr(back, name) == fields[name]
    assert back.lowest == fields.get("lowest", 0)
    assert back.transmission == fields.get("transmission", 0)
    assert back.fragment == fields.get("fragment")
    assert back.reply_to == answered_number(data) == fields.get("reply_to", 0)
    assert back.ordered == fields.get("ordered", False)
    assert back.acknowledged == ("lowest" in fields)
    assert back.title == fields.get("title", "")
    assert len(data) == len(fields["payload"]) + overhead(
        acknowledged="lowest" in fields,
        reply="reply_to" in fields,
        fragment="fragment" in fields,
        title=fields.get("title", ""),
    )


@given(controls(), st.booleans())
def test_every_other_kind_comes_out_as_it_went_in(control: tuple[Kind, dict[str, Any]], framed: bool) -> None:
    kind, fields = control
    back = decode(encode(kind, framed=framed, **fields), framed=framed)
    assert (back.kind, back.sequence, back.lowest, back.fragment) == (kind, 0, 0, None)
    for name, value in fields.items():
        assert getattr(back, name) == value


@given(acknowledgments())
def test_an_acknowledgment_comes_out_as_it_went_in(acknowledgment: Acknowledgment) -> None:
    payload = encode_acknowledgment(acknowledgment)
    assert len(payload) <= 1200 - overhead(acknowledged=False, reply=False, fragment=False) - 4
    assert decode_acknowledgment(payload) == acknowledgment


@given(
    st.lists(st.tuples(acknowledgments(), numbers, numbers), min_size=1, max_size=3),
    numbers,
    st.integers(1, MAX_NUMBER - 3),
    st.integers(0, MAX_NUMBER),
    st.booleans(),
)
def test_acknowledgments_of_one_range_are_the_same_in_one_pass(
    acks: list[tuple[Acknowledgment, int, int]], session: int, number: int, sent_at: int, framed: bool
) -> None:
    one_range = [ack._replace(arrived=[(min(ends), max(ends))], delivered=[]) for ack, *ends in acks]
    bodies = [(*ack[:6], bare.ONE_RANGE, *ack.arrived[0]) for ack in one_range]
    made = list(bare.encode(session, number, sent_at, bodies, framed=framed))
    if session:
        read = [bare.decode(data, framed=framed) for data in made]
        assert read == [(session, number + place, ack) for place, ack in enumerate(one_range) if ack.arrived[0][0]]
    assert made == [
        encode(
            Kind.ACK,
            session=session,
            number=number + place,
            sent_at=sent_at,
            payload=encode_acknowledgment(ack),
            framed=framed,
        )
        for place, ack in enumerate(one_range)
    ]


@given(reports())
def test_a_report_comes_out_as_it_went_in_and_is_no_longer_than_its_question(report: Report) -> None:
    payload = encode_report(report)
    assert len(payload) <= len(encode_query(report.begins_at))
    assert decode_report(payload) == report


@given(numbers)
def test_a_question_comes_out_as_it_went_in(begins_at: int) -> None:
    assert decode_query(encode_query(begins_at)) == begins_at


@given(st.binary(max_size=1300), st.booleans())
@example(b"", False)
@example(b"UM", True)
def test_arbitrary_bytes_only_ever_give_the_named_error(data: bytes, framed: bool) -> None:
    never_another_error(data, framed)


@given(st.binary(max_size=600), st.booleans(), st.sampled_from((1, 2, 3, 4, 5, 8, 9)), st.integers(0, 63))
def test_arbitrary_bytes_behind_our_magic(data: bytes, framed: bool, kind: int, flags: int) -> None:
    never_another_error(b"UM\x01" + bytes([kind, flags >> 5, flags & 31]) + data, framed)


@given(st.binary(max_size=1200))
def test_arbitrary_bytes_as_any_payload(payload: bytes) -> None:
    for read in PAYLOADS:
        reads(read, payload)


@given(st.data(), st.booleans())
def test_a_mutated_datagram_only_ever_gives_the_named_error(data: st.DataObject, framed: bool) -> None:
    mutated = bytearray(data.draw(encoded(framed)))
    for _ in range(data.draw(st.integers(1, 4))):
        what = data.draw(st.sampled_from(("set", "cut", "insert", "append")))
        place = data.draw(st.integers(0, max(0, len(mutated) - 1)))
        if what == "set" and mutated:
            mutated[place] = data.draw(st.integers(0, 255))
        elif what == "cut":
            del mutated[place:]
        else:
            more = data.draw(st.binary(max_size=30))
            mutated[place if what == "insert" else len(mutated) : place] = more
    never_another_error(bytes(mutated), framed)


@given(st.data())
def test_no_truncation_and_no_trailing_byte_is_accepted(data: st.DataObject) -> None:
    whole = data.draw(encoded())
    cut = data.draw(st.integers(0, len(whole) - 1))
    for wrong in (whole[:cut], whole + data.draw(st.binary(min_size=1, max_size=9))):
        with pytest.raises(MalformedDatagram):
            decode(wrong)


def is_counted_on(data: bytes) -> bool:
    """Whether the checksum guards it: everything but a fire-and-forget MESSAGE."""
    return bool(data[5] & 16)


@given(st.data())
def test_one_to_three_flipped_bits_never_pass_where_the_checksum_guards(data: st.DataObject) -> None:
    # CRC-32 (IEEE) finds any three flipped bits within 11 kB; the flags that switch it on are tested one by one below.
    whole = data.draw(encoded().filter(is_counted_on))
    bits = data.draw(st.sets(st.integers(48, len(whole) * 8 - 1), min_size=1, max_size=3))
    with pytest.raises(MalformedDatagram):
        decode(flipped(whole, bits))


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 1100])
def test_one_or_two_flipped_bits_of_the_fixed_fields_never_switch_the_checksum_off(size: int) -> None:
    whole = encode(Kind.MESSAGE, session=9, number=5, sent_at=1, sequence=3, payload=b"p" * size, lowest=2, transmission=1)
    for count in (1, 2):
        for bits in combinations(range(64), count):
            with pytest.raises(MalformedDatagram):
                decode(flipped(whole, bits))


def flipped(whole: bytes, bits: Any) -> bytes:
    """The bytes with these bits turned over."""
    damaged = bytearray(whole)
    for bit in bits:
        damaged[bit >> 3] ^= 0x80 >> (bit & 7)
    return bytes(damaged)
