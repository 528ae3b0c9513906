"""Strategies: any valid datagram of wire format 1, as the arguments that `encode` takes.

Owns what "valid" means to the tests. Does not test anything itself.
"""

from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from udpmsg.core.wire import (
    COOKIE_SIZE,
    MAX_NUMBER,
    MAX_RANGES,
    MAX_TITLE,
    Acknowledgment,
    Kind,
    Report,
    encode,
    encode_acknowledgment,
    encode_cookie,
    encode_query,
    encode_report,
)

numbers = st.one_of(st.integers(1, 300), st.integers(1, MAX_NUMBER))
payloads = st.one_of(st.binary(max_size=40), st.binary(max_size=1100))
titles = st.text(st.characters(codec="utf-8"), min_size=1, max_size=128).filter(lambda title: len(title.encode()) <= MAX_TITLE)


@st.composite
def ascending(draw: st.DrawFn, floor: int) -> list[tuple[int, int]]:
    """Ranges above `floor` that neither touch nor overlap, near to it or far away."""
    ranges = []
    for _ in range(draw(st.one_of(st.integers(0, 4), st.just(MAX_RANGES)))):
        first = floor + draw(st.integers(1, 50) | st.integers(1, 2**57))
        last = first + draw(st.integers(0, 50))
        if last > MAX_NUMBER:
            break
        ranges.append((first, last))
        floor = last + 1
    return ranges


@st.composite
def acknowledgments(draw: st.DrawFn) -> Acknowledgment:
    """What an ACK can say."""
    below = draw(st.integers(1, 300) | st.integers(1, MAX_NUMBER))
    return Acknowledgment(
        session=draw(numbers),
        largest=draw(st.integers(0, MAX_NUMBER)),
        delay_us=draw(st.integers(0, 2**32 - 1)),
        credit=draw(st.integers(0, 2**32 - 1)),
        credit_bytes=draw(st.integers(0, 2**32 - 1)),
        all_below=below,
        arrived=draw(ascending(0)),
        delivered=draw(ascending(below)),
    )


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """What a REPORT can say."""
    begins_at = draw(numbers)
    forgotten = draw(st.just(0) | st.integers(1, MAX_NUMBER))
    missing = draw(ascending(max(begins_at - 1, forgotten)))
    floor = missing[-1][1] + 1 if missing else max(forgotten, 1)
    assume(floor <= MAX_NUMBER - 2)
    goes_on = len(missing) == MAX_RANGES and draw(st.booleans())
    goes_on_at = draw(st.integers(floor + 1, MAX_NUMBER - 1)) if goes_on else 0
    highest = draw(st.integers(max(goes_on_at + 1, floor), MAX_NUMBER))
    arrived = draw(st.integers(0, highest))
    count = st.integers(0, 2**64 - 1)
    return Report(
        session=draw(numbers),
        question=draw(numbers),
        delivered=draw(st.integers(0, arrived)),
        arrived=arrived,
        duplicates=draw(count),
        reordered=draw(count),
        over_limit=draw(count),
        payload_bytes=draw(count),
        highest=highest,
        forgotten=forgotten,
        duration_us=draw(count),
        kernel_drops=draw(st.none() | st.integers(0, 2**64 - 2)),
        begins_at=begins_at,
        goes_on_at=goes_on_at,
        jitter_us=draw(st.none() | st.integers(0, 2**32 - 2)),
        missing=missing,
    )


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    """A MESSAGE with any blocks that go together."""
    sequence = draw(numbers)
    fields: dict[str, Any] = {
        "session": draw(numbers),
        "number": draw(numbers),
        "sent_at": draw(st.integers(0, MAX_NUMBER)),
        "sequence": sequence,
        "payload": draw(payloads),
    }
    if draw(st.booleans()):
        fields["lowest"] = draw(st.integers(1, sequence))
        fields["transmission"] = draw(st.integers(1, 65535))
        fields["ordered"] = draw(st.booleans())
    if draw(st.booleans()):
        fields["reply_to"] = draw(numbers)
    if draw(st.booleans()):
        size = draw(st.integers(1, 1100))
        count = draw(st.integers(2, 65535))
        total = draw(st.integers((count - 1) * size + 1, count * size))
        index = draw(st.sampled_from((0, count - 1)) | st.integers(0, count - 1))
        fields["fragment"] = (index, count, size, total)
        length = size if index < count - 1 else total - (count - 1) * size
        fields["payload"] = draw(st.binary(min_size=length, max_size=length)).ljust(size, b"\0")
    if fields.get("fragment", (0,))[0] == 0 and draw(st.booleans()):
        fields["title"] = draw(titles)
    return fields


@st.composite
def controls(draw: st.DrawFn) -> tuple[Kind, dict[str, Any]]:
    """Any kind but MESSAGE."""
    kind = draw(
        st.sampled_from(
            (Kind.ACK, Kind.GOODBYE, Kind.PROBE, Kind.PROBE_REPLY, Kind.CHALLENGE, Kind.COOKIE, Kind.QUERY, Kind.REPORT)
        )
    )
    if kind is Kind.ACK:
        payload = encode_acknowledgment(draw(acknowledgments()))
    elif kind is Kind.QUERY:
        payload = encode_query(draw(numbers))
    elif kind is Kind.REPORT:
        payload = encode_report(draw(reports()))
    elif kind is Kind.CHALLENGE:
        payload = draw(st.binary(min_size=COOKIE_SIZE, max_size=COOKIE_SIZE))
    elif kind is Kind.COOKIE:
        payload = encode_cookie(draw(st.binary(min_size=COOKIE_SIZE, max_size=COOKIE_SIZE)))
    elif kind is Kind.PROBE:
        payload = b""
    else:
        payload = draw(st.integers(0, MAX_NUMBER)).to_bytes(8, "big")
    return kind, {
        "session": draw(numbers),
        "number": draw(numbers),
        "sent_at": draw(st.integers(0, MAX_NUMBER)),
        "payload": payload,
    }


@st.composite
def encoded(draw: st.DrawFn, framed: bool = False) -> bytes:
    """The bytes of any valid datagram."""
    if draw(st.booleans()):
        return encode(Kind.MESSAGE, framed=framed, **draw(messages()))
    kind, fields = draw(controls())
    return encode(kind, framed=framed, **fields)
