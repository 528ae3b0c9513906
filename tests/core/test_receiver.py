"""Stories of one receiver and its many senders on a virtual clock: what it hands over, refuses, forgets and counts."""

import pytest

from tests.core.support import (
    MILLISECOND,
    RECEIVER,
    SENDER,
    Receiver,
    RemoteReceiver,
    RemoteSender,
    a_receiver,
    acknowledgments,
    at,
    payloads,
    read,
    room_for,
)
from udpmsg.core.budget import FRAGMENT_COST, MESSAGE_COST, REASSEMBLY_COST
from udpmsg.core.config import Limits
from udpmsg.core.events import Duplicate, Goodbye, LimitReached, Malformed, Message
from udpmsg.core.sessions import TOMBSTONES_FOR_EACH_PLACE
from udpmsg.core.totals import Totals
from udpmsg.core.wire import PROBE_REPLY_BODY, Kind

MS = MILLISECOND


def fire_and_forget(session: int = SENDER) -> RemoteSender:
    return RemoteSender(session, acknowledged=False)


# Handing over ------------------------------------------------------------------------------------------------------------


def test_a_message() -> None:
    remote, receiver = fire_and_forget(), a_receiver()
    receiver.receive([remote.message(1, b"hello")], now=at(3), peer="p")
    assert receiver.events() == [Message(b"hello", "p", session=SENDER, sequence=1, transmission=1, sent_at_us=0)]
    assert receiver.events() == []
    assert receiver.data_to_send(now=at(100)) == []
    assert receiver.totals().acknowledged is False
    assert receiver.totals() == Totals(
        sessions=1,
        messages_sent=None,
        messages_delivered=1,
        messages_lost=None,
        payload_bytes=5,
        first_arrival_ns=at(3),
        last_arrival_ns=at(3),
    )


def test_an_acknowledged_message_that_is_a_reply_and_a_retransmission() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    receiver.receive([remote.message(1, b"yes", transmission=2, reply_to=7)], now=at(0), peer="p")
    (message,) = receiver.events()
    assert message == Message(
        b"yes", "p", SENDER, 1, reply_to=7, acknowledged=True, reordered=False, transmission=2, sent_at_us=0
    )
    assert not message.raw
    assert receiver.totals().acknowledged


def test_only_what_was_handed_over_is_acknowledged_as_delivered() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    receiver.receive([remote.message(1), remote.message(2), remote.message(3)], now=at(0), peer="p")
    (said,) = acknowledgments(receiver.data_to_send(now=at(0)))
    assert (said.arrived, said.all_below, said.credit) == ([(1, 3)], 1, 253)
    assert receiver.totals().messages_delivered == 0
    assert len(receiver.events(limit=2)) == 2
    (said,) = acknowledgments(receiver.data_to_send(now=at(0)))
    assert (said.all_below, said.credit) == (3, 255)
    assert receiver.totals().messages_delivered == 2
    assert receiver.events(limit=0) == []
    assert len(receiver.events(limit=5)) == 1


def test_a_message_is_delivered_once() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    receiver.receive([remote.message(1, b"a")], now=at(0), peer="p")
    receiver.receive([remote.message(1, b"a", transmission=2)], now=at(1), peer="p")
    assert receiver.events() == [
        Message(b"a", "p", SENDER, 1, acknowledged=True, transmission=1, sent_at_us=0),
        Duplicate("p", SENDER, 1, 2),
    ]
    totals = receiver.totals()
    assert (totals.messages_delivered, totals.duplicates, totals.payload_bytes, totals.messages_missing) == (1, 1, 1, 0)


def test_a_fire_and_forget_duplicate_is_a_first_transmission() -> None:
    remote, receiver = fire_and_forget(), a_receiver()
    data = remote.message(1, b"a")
    receiver.receive([data, data, data], now=at(0), peer="p")
    assert receiver.events()[1:] == [Duplicate("p", SENDER, 1, 1)] * 2
    assert receiver.totals().duplicates == 2


def test_a_message_below_the_next_expected_is_reordered() -> None:
    """RFC 4737, section 3.3."""
    remote, receiver = fire_and_forget(), a_receiver()
    receiver.receive([remote.message(2), remote.message(1), remote.message(3)], now=at(0), peer="p")
    assert [event.reordered for event in receiver.events() if isinstance(event, Message)] == [False, True, False]
    assert receiver.totals().reordered == 1


def test_what_its_sender_gave_up_is_not_delivered_and_not_sent_again() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    late = remote.message(1, b"late")
    remote.lowest = 2
    receiver.receive([remote.message(2, b"b"), remote.message(3, b"c")], now=at(0), peer="p")
    receiver.data_to_send(now=at(0))
    assert payloads(receiver.events()) == [b"b", b"c"]
    receiver.data_to_send(now=at(0))
    receiver.receive([late], now=at(1), peer="p")
    assert receiver.events() == []
    (said,) = acknowledgments(receiver.data_to_send(now=at(1)))
    assert (said.arrived, said.all_below) == ([(1, 3)], 4)
    assert (receiver.totals().duplicates, receiver.totals().messages_missing) == (0, 1)


# Raw datagrams -----------------------------------------------------------------------------------------------------------


def test_a_datagram_without_our_header_is_raw() -> None:
    receiver = a_receiver()
    receiver.receive([b"hello from any program", b""], now=at(1), peer="p")
    events = receiver.events()
    assert events == [Message(b"hello from any program", "p"), Message(b"", "p")]
    assert [event.raw for event in events if isinstance(event, Message)] == [True, True]
    totals = receiver.totals()
    assert (totals.raw_messages, totals.messages_delivered, totals.payload_bytes, totals.sessions) == (2, 2, 22, 0)
    assert (totals.messages_sent, totals.first_arrival_ns, totals.last_arrival_ns) == (0, at(1), at(1))
    assert receiver.data_to_send(now=at(100)) == []


def test_a_frame_without_our_header_is_malformed() -> None:
    receiver = a_receiver(framed=True)
    receiver.receive([b"GET / HTTP/1.1\r\n\r\n"], now=at(0), peer="p")
    assert receiver.events() == [Malformed("p", "18 bytes are less than a header", 18)]


def test_frames() -> None:
    remote, receiver = RemoteSender(framed=True), a_receiver(framed=True)
    receiver.receive([remote.message(1, bytes(100_000)), remote.message(2)], now=at(0), peer="p")
    assert [len(payload) for payload in payloads(receiver.events())] == [100_000, 0]
    ((data, _),) = receiver.data_to_send(now=at(0))
    assert read([data], framed=True)[0].kind is Kind.ACK
    assert data[6:8] == b"\0\0"


# Bad datagrams -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"UM\x01\x01", "4 bytes are less than a header"),
        (RemoteReceiver().ack(), "ACK means nothing to a receiver"),
        (RemoteReceiver().probe_reply(), "PROBE_REPLY means nothing to a receiver"),
        (fire_and_forget().message(1, b"hello")[:-1], "payload length 5 where 4 bytes follow"),
    ],
)
def test_a_malformed_datagram_is_counted_told_and_never_answered(data: bytes, reason: str) -> None:
    receiver = a_receiver()
    receiver.receive([data, fire_and_forget(9).message(1, b"fine")], now=at(0), peer="p")
    events = receiver.events()
    assert events[0] == Malformed("p", reason, len(data))
    assert payloads(events) == [b"fine"]
    assert receiver.data_to_send(now=at(100)) == []
    assert (receiver.totals().malformed, receiver.totals().sessions) == (1, 1)


def test_a_goodbye_with_a_wrong_payload_opens_no_session() -> None:
    receiver = a_receiver()
    goodbye = fire_and_forget().goodbye(3)
    receiver.receive([goodbye[:-1] + bytes([goodbye[-1] ^ 1])], now=at(0), peer="p")
    assert receiver.events() == [Malformed("p", "wrong checksum", len(goodbye))]
    assert receiver.sessions_open == 0


@pytest.mark.parametrize("acknowledged", [True, False])
def test_a_session_is_acknowledged_always_or_never(acknowledged: bool) -> None:
    """Three flipped bits turn a checked message into an unchecked one."""
    remote, receiver = RemoteSender(acknowledged=acknowledged), a_receiver()
    receiver.receive([remote.message(1, b"a")], now=at(0), peer="p")
    receiver.events()
    receiver.data_to_send(now=at(25))
    remote.acknowledged = not acknowledged
    others = [remote.message(2, b"b"), remote.message(1, b"a"), remote.goodbye(2), remote.probe()]
    receiver.receive(others, now=at(30), peer="elsewhere")
    reason = "a session asks for acknowledgments always or never"
    assert receiver.events() == [Malformed("elsewhere", reason, len(data)) for data in others]
    assert receiver.data_to_send(now=at(100)) == []
    remote.acknowledged = acknowledged
    receiver.receive([remote.message(2, b"c")], now=at(130), peer="p")
    assert payloads(receiver.events()) == [b"c"]


def test_1024_notices_wait_and_more_are_only_counted() -> None:
    receiver = a_receiver()
    receiver.receive([b"UM\x01\x01"] * 1025, now=at(0), peer="p")
    receiver.receive([fire_and_forget().message(1, b"a"), fire_and_forget().goodbye(1)], now=at(0), peer="p")
    events = receiver.events()
    assert len(events) == 1026
    assert [type(event) for event in events[1022:]] == [Malformed, Malformed, Message, Goodbye]
    assert receiver.totals().malformed == 1025
    receiver.receive([b"UM\x01\x01"] * 1025, now=at(1), peer="p")
    assert len(receiver.events()) == 1024


# Goodbyes and totals -----------------------------------------------------------------------------------------------------


def test_a_goodbye_tells_the_loss_at_the_tail_once() -> None:
    remote, receiver = fire_and_forget(), a_receiver()
    receiver.receive([remote.message(1), remote.message(3)], now=at(0), peer="p")
    assert len(receiver.events()) == 2
    receiver.receive([remote.goodbye(5), remote.goodbye(5), remote.goodbye(6)], now=at(1), peer="p")
    assert receiver.events() == [Goodbye("p", SENDER, 5, 3)]
    totals = receiver.totals()
    assert (totals.messages_sent, totals.messages_delivered, totals.messages_lost, totals.messages_missing) == (5, 2, 3, 1)
    receiver.receive([remote.message(5)], now=at(2), peer="p")  # overtaken by the goodbye
    assert len(receiver.events()) == 1
    totals = receiver.totals()
    assert (totals.messages_sent, totals.messages_delivered, totals.messages_lost, totals.messages_missing) == (5, 3, 2, 2)


def test_a_goodbye_is_acknowledged_at_once_if_its_sender_asks_for_acknowledgments() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    receiver.receive([remote.goodbye(0)], now=at(0), peer="p")
    assert [ack.arrived for ack in acknowledgments(receiver.data_to_send(now=at(0)))] == [[(1, 1)]]
    receiver.receive([fire_and_forget(9).goodbye(0)], now=at(0), peer="q")
    assert receiver.data_to_send(now=at(1)) == []
    framed, stream = RemoteSender(framed=True), a_receiver(framed=True)
    stream.receive([framed.goodbye(0)], now=at(0), peer="p")
    assert stream.data_to_send(now=at(0)) == []


def test_a_goodbye_may_be_all_that_arrives() -> None:
    remote, receiver = fire_and_forget(), a_receiver()
    receiver.receive([remote.goodbye(2)], now=at(1), peer="p")
    assert receiver.events() == [Goodbye("p", SENDER, 2, 2)]
    totals = receiver.totals()
    assert (totals.sessions, totals.messages_sent, totals.messages_lost, totals.first_arrival_ns) == (1, 2, 2, None)


def test_one_session_without_a_goodbye_makes_the_total_unknown() -> None:
    first, second, receiver = fire_and_forget(1), fire_and_forget(2), a_receiver()
    assert (receiver.totals().messages_sent, receiver.totals().messages_lost) == (0, 0)
    receiver.receive([first.message(1), first.goodbye(2), second.message(1)], now=at(0), peer="p")
    assert (receiver.totals().messages_sent, receiver.totals().messages_lost) == (None, None)
    receiver.receive([second.goodbye(4)], now=at(0), peer="p")
    assert (receiver.totals().messages_sent, receiver.totals().messages_lost) == (6, 4)
    third = fire_and_forget(3)
    receiver.receive([third.message(1), fire_and_forget(4).goodbye(0)], now=at(0), peer="p")
    assert (receiver.totals().messages_sent, receiver.totals().messages_lost) == (None, None)


def test_a_goodbye_that_says_less_than_came_makes_nothing_negative() -> None:
    remote, receiver = fire_and_forget(), a_receiver()
    receiver.receive([remote.message(1), remote.message(2), remote.goodbye(1)], now=at(0), peer="p")
    assert receiver.events()[2] == Goodbye("p", SENDER, 1, 0)
    assert (receiver.totals().messages_sent, receiver.totals().messages_lost) == (2, 0)


def test_totals_over_several_sessions() -> None:
    receiver = a_receiver()
    for session in (1, 2):
        remote = RemoteSender(session, acknowledged=session == 1)
        receiver.receive(
            [remote.message(4, b"dd"), remote.message(1, b"a"), remote.message(1, b"a"), remote.goodbye(5)],
            now=at(session),
            peer=session,
        )
    receiver.receive([b"raw", b"UM\x01\x01"], now=at(3), peer="p")
    receiver.events()
    assert receiver.totals() == Totals(
        sessions=2,
        messages_sent=10,
        messages_delivered=5,
        messages_lost=6,
        messages_missing=4,
        duplicates=2,
        reordered=2,
        malformed=1,
        over_limit=0,
        raw_messages=1,
        acknowledged=True,
        payload_bytes=9,
        first_arrival_ns=at(1),
        last_arrival_ns=at(3),
        jitter_sum_us=0.0,
        jitter_weight=4,
    )


# Jitter ------------------------------------------------------------------------------------------------------------------


def test_jitter() -> None:
    """RFC 3550 section 6.4.1: J += (|D| - J) / 16, with D = 0, 2 ms, -2 ms: 125 and then 242.1875 µs."""
    remote, receiver = fire_and_forget(), a_receiver()
    receiver.receive([remote.message(1, sent_at_us=0)], now=at(5), peer="p")
    assert receiver.totals().jitter_ns is None
    receiver.receive([remote.message(2, sent_at_us=10_000)], now=at(15), peer="p")
    assert receiver.totals().jitter_ns == 0
    receiver.receive([remote.message(3, sent_at_us=20_000)], now=at(27), peer="p")
    assert receiver.totals().jitter_ns == 125_000
    receiver.receive([remote.message(4, sent_at_us=30_000)], now=at(35), peer="p")
    assert receiver.totals().jitter_ns == 242_187


def test_the_jitter_of_several_sessions_is_weighted_by_their_messages() -> None:
    receiver = a_receiver()
    for session, arrivals in ((1, (0, 16)), (2, (0, 0, 0, 0)), (3, (0,))):
        remote = fire_and_forget(session)
        for sequence, milliseconds in enumerate(arrivals, 1):
            receiver.receive([remote.message(sequence)], now=at(milliseconds), peer="p")
    assert receiver.totals().jitter_ns == 1_000_000 * 2 // 6


def test_only_first_transmissions_in_one_datagram_are_measured() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    receiver.receive([remote.message(1, sent_at_us=0)], now=at(0), peer="p")
    receiver.receive([remote.message(2, sent_at_us=0, transmission=2)], now=at(500), peer="p")
    receiver.receive(remote.fragments(3, b"abcd", 2), now=at(700), peer="p")
    receiver.receive([remote.message(4, sent_at_us=1000)], now=at(1), peer="p")
    assert receiver.totals().jitter_ns == 0


def test_jitter_that_was_never_measured_is_unknown() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    for sequence in (1, 2):
        receiver.receive(remote.fragments(sequence, b"abcd", 2), now=at(sequence), peer="p")
    assert receiver.totals().jitter_ns is None


# Limits: at each it is fine, one more is refused, not acknowledged, counted, and told once a run ---------------------------


def refused(receiver: Receiver, data: bytes, limit: str, value: int, *, session: int = SENDER) -> None:
    """Three times too much: no acknowledgment, three counts, one word."""
    receiver.data_to_send(now=at(1000))
    before, held = receiver.totals(), receiver.held_bytes
    receiver.receive([data], now=at(1001), peer="p")
    receiver.receive([data, data], now=at(1002), peer="p")
    assert receiver.next_timeout() is None
    assert receiver.data_to_send(now=at(2000)) == []
    events = [event for event in receiver.events() if not isinstance(event, Message)]
    assert events == [LimitReached("p", session, limit, value)]
    after = receiver.totals()
    assert after.over_limit == before.over_limit + 3
    assert receiver.held_bytes <= held


def test_the_limits_by_default() -> None:
    receiver = Receiver(session=RECEIVER, now=at(0))
    receiver.receive([b"raw"], now=at(0), peer="p")
    assert payloads(receiver.events()) == [b"raw"]  # and no frames
    limits = receiver.limits
    assert limits == Limits()
    assert (limits.sessions, limits.session_bytes, limits.session_messages) == (1024, 2 << 20, 2048)
    assert (limits.total_bytes, limits.max_message, limits.gaps) == (64 << 20, 1 << 20, 4096)


def test_the_limit_of_1024_sessions() -> None:
    receiver = a_receiver()
    for session in range(1, 1025):
        receiver.receive([RemoteSender(session).message(1)], now=at(0), peer=session)
    assert (receiver.sessions_open, len(receiver.events())) == (1024, 1024)
    assert len(receiver.data_to_send(now=at(25))) == 1024
    refused(receiver, RemoteSender(1025).message(1), "sessions", 1024, session=1025)
    assert (receiver.sessions_open, receiver.totals().sessions) == (1024, 1024)
    receiver.receive([RemoteSender(1026).goodbye(0)], now=at(1999), peer="p")
    assert (receiver.events(), receiver.totals().over_limit) == ([], 4)


@pytest.mark.parametrize(("limit", "value"), [("session_messages", 4), ("session_bytes", 19)])
def test_unfinished_messages_are_messages_that_wait(limit: str, value: int) -> None:
    remote, receiver = RemoteSender(), a_receiver(**{limit: value})
    fragments = [remote.fragments(sequence, b"abcd", 2) for sequence in range(1, 6)]
    for first, _ in fragments[:4]:
        receiver.receive([first], now=at(0), peer="p")
    assert (receiver.events(), receiver.held_bytes) == ([], 4 * (2 + FRAGMENT_COST + REASSEMBLY_COST))
    refused(receiver, fragments[4][0], limit, value)
    receiver.receive([fragments[0][1]], now=at(3000), peer="p")
    assert len(receiver.events()) == 1
    receiver.receive([fragments[4][0]], now=at(3001), peer="p")  # there is room again
    assert (receiver.events(), receiver.held_bytes) == ([], 4 * (2 + FRAGMENT_COST + REASSEMBLY_COST))


def test_the_limit_of_a_mebibyte_a_session() -> None:
    remote, receiver = RemoteSender(framed=True), a_receiver(framed=True)
    receiver.receive([remote.message(1, bytes(1 << 19)), remote.message(2, bytes(1 << 19))], now=at(0), peer="p")
    assert receiver.held_bytes == (1 << 20) + 2 * MESSAGE_COST
    receiver.receive([remote.message(3)], now=at(0), peer="p")  # nothing more, but an empty message fits
    (said,) = acknowledge_framed(receiver)
    assert said == (253, 0)
    data = remote.message(4, b"x")
    receiver.receive([data, data], now=at(1), peer="p")
    events = receiver.events()
    assert [len(payload) for payload in payloads(events)] == [1 << 19, 1 << 19, 0]
    assert events[3:] == [LimitReached("p", SENDER, "session_bytes", 1 << 20)]
    assert (receiver.totals().over_limit, receiver.held_bytes) == (2, 0)
    receiver.receive([data], now=at(2), peer="p")
    assert payloads(receiver.events()) == [b"x"]


def acknowledge_framed(receiver: Receiver) -> list[tuple[int, int]]:
    """The credits told, in messages and bytes."""
    batch = read([data for data, _ in receiver.data_to_send(now=at(0))], framed=True)
    return [(int.from_bytes(each.payload[20:24], "big"), int.from_bytes(each.payload[24:28], "big")) for each in batch]


def test_the_limit_of_256_messages_a_session() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    receiver.receive([remote.message(sequence) for sequence in range(1, 257)], now=at(0), peer="p")
    assert [each.credit for each in acknowledgments(receiver.data_to_send(now=at(0)))] == [0]
    data = remote.message(257)
    receiver.receive([data], now=at(1), peer="p")
    assert receiver.data_to_send(now=at(100)) == []
    other = RemoteSender(2)
    receiver.receive([other.message(1, b"another")], now=at(101), peer="q")
    events = receiver.events()
    assert payloads(events) == [b""] * 256 + [b"another"]
    assert [event for event in events if not isinstance(event, Message)] == [LimitReached("p", SENDER, "session_messages", 256)]
    receiver.receive([data], now=at(102), peer="p")
    assert len(receiver.events()) == 1


def test_the_limit_of_64_mebibytes_in_all() -> None:
    """64 sessions send a message of almost a mebibyte each; only what is empty still fits."""
    receiver = a_receiver()
    for session in range(1, 65):
        remote = RemoteSender(session)
        receiver.receive([remote.message(sequence, bytes(61_424)) for sequence in range(1, 18)], now=at(0), peer="p")
    assert receiver.held_bytes == 64 * 17 * (61_424 + MESSAGE_COST) == (64 << 20) - 1024
    receiver.receive([RemoteSender(65).message(1)], now=at(0), peer="p")
    refused(receiver, RemoteSender(66).message(1, bytes(600)), "total_bytes", 64 << 20, session=66)
    assert receiver.held_bytes == 0
    receiver.receive([RemoteSender(66).message(1, bytes(600))], now=at(3000), peer="p")
    assert len(receiver.events()) == 1


def test_what_is_announced_and_does_not_come_takes_no_memory() -> None:
    """64 first fragments of a kilobyte that announce a mebibyte each: what came is charged, and others are served."""
    receiver = a_receiver()
    block = (0, 1024, 1024, 1 << 20)
    for session in range(1, 65):
        receiver.receive([RemoteSender(session).message(1, bytes(1024), fragment=block)], now=at(0), peer="p")
    assert receiver.held_bytes == 64 * (1024 + FRAGMENT_COST + REASSEMBLY_COST)
    receiver.receive(RemoteSender(65).fragments(1, bytes(1 << 20), 32 << 10), now=at(1), peer="q")
    assert [len(payload) for payload in payloads(receiver.events())] == [1 << 20]


def test_the_limit_of_a_mebibyte_a_message() -> None:
    remote, receiver = RemoteSender(framed=True), a_receiver(framed=True, session_bytes=1 << 24)
    receiver.receive([remote.message(1, bytes(1 << 20))], now=at(0), peer="p")
    assert [len(payload) for payload in payloads(receiver.events())] == [1 << 20]
    refused(receiver, remote.message(2, bytes((1 << 20) + 1)), "max_message", 1 << 20)
    remote, receiver = RemoteSender(), a_receiver(session_bytes=1 << 24)
    too_large = remote.message(1, bytes(1025), fragment=(0, 1024, 1025, (1 << 20) + 1))
    refused(receiver, too_large, "max_message", 1 << 20)


def test_the_limit_of_4096_gaps() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    for number in range(1, 4097):
        receiver.receive([remote.message(2 * number)], now=at(0), peer="p")
        receiver.events()
    assert receiver.totals().over_limit == 0
    refused(receiver, remote.message(2 * 4097), "gaps", 4096)
    receiver.receive([remote.message(8193)], now=at(3000), peer="p")  # no new gap
    assert len(receiver.events()) == 1
    receiver.receive([remote.message(1)], now=at(3001), peer="p")  # one less
    receiver.receive([remote.message(8195)], now=at(3002), peer="p")
    assert len(receiver.events()) == 2
    assert receiver.totals().messages_missing == 4096


def test_fire_and_forget_forgets_its_oldest_gap_instead() -> None:
    remote, receiver = fire_and_forget(), a_receiver(gaps=2)
    receiver.receive([remote.message(2), remote.message(4), remote.message(6)], now=at(0), peer="p")
    assert len(receiver.events()) == 3
    receiver.receive([remote.message(1), remote.message(3)], now=at(1), peer="p")
    assert [event.sequence for event in receiver.events() if isinstance(event, Message)] == [3]
    assert (receiver.totals().over_limit, receiver.totals().duplicates) == (1, 0)


def test_a_gap_that_fragments_leave_is_not_forgotten_either() -> None:
    """An acknowledged message is never forgotten: what would need one gap too many is not acknowledged."""
    remote, receiver = RemoteSender(), a_receiver(gaps=1)
    first, last = remote.fragments(3, b"abcd", 2)
    receiver.receive([first], now=at(0), peer="p")
    receiver.receive([remote.message(5, b"five")], now=at(1), peer="p")
    receiver.receive([last], now=at(2), peer="p")
    receiver.receive([remote.message(number, b"%d" % number, transmission=2) for number in (1, 2)], now=at(3), peer="p")
    delivered = payloads(receiver.events())
    assert b"1" in delivered
    assert b"2" in delivered


def test_at_the_limit_of_gaps_a_fragmented_message_may_still_fill_one() -> None:
    """Else nothing that is sent again could ever close a gap, and the session would be stuck."""
    remote, receiver = RemoteSender(), a_receiver(gaps=1)
    receiver.receive([remote.message(2, b"two")], now=at(0), peer="p")
    receiver.receive(remote.fragments(1, b"abcd", 2, transmission=2), now=at(1), peer="p")
    assert payloads(receiver.events()) == [b"two", b"abcd"]
    assert receiver.totals().over_limit == 0


def test_unfinished_messages_count_as_the_gaps_that_they_may_leave() -> None:
    remote, receiver = RemoteSender(), a_receiver(gaps=3)
    first, last = remote.fragments(3, b"abcd", 2)
    receiver.receive([first, remote.message(6), remote.message(8)], now=at(0), peer="p")
    assert len(receiver.events()) == 2
    refused(receiver, remote.message(10), "gaps", 3)
    receiver.receive([last, remote.message(9)], now=at(3000), peer="p")
    assert [event.sequence for event in receiver.events() if isinstance(event, Message)] == [3, 9]
    assert receiver.totals().messages_missing == 5


def test_the_limit_of_256_raw_messages() -> None:
    receiver = a_receiver()
    receiver.receive([b"raw"] * 257, now=at(0), peer="p")
    receiver.receive([b"raw"], now=at(0), peer="q")
    events = receiver.events()
    assert payloads(events) == [b"raw"] * 256
    assert events[256:] == [LimitReached("p", 0, "session_messages", 256)]
    assert receiver.totals().over_limit == 2
    receiver.receive([b"raw"] * 257, now=at(1), peer="q")
    events = receiver.events()
    assert payloads(events) == [b"raw"] * 256
    assert events[256:] == [LimitReached("q", 0, "session_messages", 256)]
    assert receiver.totals().payload_bytes == 512 * 3


def test_a_run_of_drops_ends_with_the_next_message() -> None:
    remote, receiver = RemoteSender(), a_receiver(session_bytes=10)
    large = remote.message(1, bytes(11))
    fine = [remote.message(sequence) for sequence in (2, 3)]
    receiver.receive([large, large, fine[0], large, fine[1], large], now=at(0), peer="p")
    told = [event for event in receiver.events() if isinstance(event, LimitReached)]
    assert told == [LimitReached("p", SENDER, "session_bytes", 10)] * 3
    assert receiver.totals().over_limit == 4


# Unfinished fire-and-forget messages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [{"session_messages": 4}, {"session_bytes": 19}, {"total_bytes": room_for(5 * 706 - 1)}])
def test_at_a_limit_the_oldest_unfinished_message_is_dropped(limit: dict[str, int]) -> None:
    """Without acknowledgments a lost fragment never comes again."""
    remote, receiver = fire_and_forget(), a_receiver(**limit)
    fragments = [remote.fragments(sequence, b"abcd", 2) for sequence in range(1, 6)]
    for first, _ in fragments:
        receiver.receive([first], now=at(0), peer="p")
    kept = 4 * (2 + FRAGMENT_COST + REASSEMBLY_COST)
    assert (receiver.held_bytes, receiver.totals().over_limit, receiver.events()) == (kept, 1, [])
    for _, last in fragments[1:]:
        receiver.receive([last], now=at(1), peer="p")
    assert [event.sequence for event in receiver.events() if isinstance(event, Message)] == [2, 3, 4, 5]


def test_after_ten_seconds_an_unfinished_message_has_lost_a_fragment() -> None:
    remote, receiver = fire_and_forget(), a_receiver()
    first = remote.fragments(1, bytes(100), 50)[0]
    receiver.receive([first], now=at(0), peer="p")
    receiver.receive([remote.fragments(2, bytes(30), 20)[0]], now=at(10_000), peer="p")
    assert receiver.held_bytes == 70 + 2 * (FRAGMENT_COST + REASSEMBLY_COST)
    receiver.receive([remote.fragments(3, bytes(7), 5)[0]], now=at(10_000) + 1, peer="p")
    assert receiver.held_bytes == 25 + 2 * (FRAGMENT_COST + REASSEMBLY_COST)
    assert receiver.totals().over_limit == 0


def test_an_acknowledged_message_may_take_longer() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    first, last = remote.fragments(1, b"abcd", 2)
    receiver.receive([first], now=at(0), peer="p")
    receiver.receive([remote.fragments(2, b"abcd", 2)[0]], now=at(50_000), peer="p")
    receiver.receive([last], now=at(50_001), peer="p")
    assert payloads(receiver.events()) == [b"abcd"]


# Which sessions are forgotten --------------------------------------------------------------------------------------------


def accepts(receiver: Receiver, session: int, now: int) -> bool:
    receiver.receive([fire_and_forget(session).message(1, b"new")], now=now, peer="new")
    return b"new" in payloads(receiver.events())


def passes_by(receiver: Receiver, session: int, now: int, *, messages_sent: int = 1) -> None:
    """A session of one message and a goodbye, which the application takes at once."""
    remote = fire_and_forget(session)
    receiver.receive([remote.message(1, b"new"), remote.goodbye(messages_sent)], now=now, peer="new")
    assert b"new" in payloads(receiver.events())


def test_an_ended_session_takes_no_place_and_still_suppresses_its_duplicates() -> None:
    remote, receiver = RemoteSender(1), a_receiver(sessions=1)
    message, goodbye = remote.message(1, b"a"), remote.goodbye(3)
    receiver.receive([message, goodbye], now=at(0), peer="p")
    receiver.events()
    assert receiver.sessions_open == 0
    passes_by(receiver, 2, at(1))
    receiver.data_to_send(now=at(1))
    receiver.receive([message, goodbye], now=at(2), peer="p")
    assert receiver.events() == [Duplicate("p", 1, 1, 1)]
    (said,) = acknowledgments(receiver.data_to_send(now=at(2)))
    assert (said.session, said.arrived, said.all_below) == (1, [(1, 1), (4, 4)], 2)
    totals = receiver.totals()
    assert (totals.sessions, totals.messages_sent, totals.messages_lost, totals.duplicates) == (2, 4, 2, 1)


def test_an_ended_session_keeps_its_place_while_its_messages_wait() -> None:
    remote, receiver = fire_and_forget(1), a_receiver(sessions=1)
    receiver.receive([remote.message(1, b"a"), remote.message(2, b"b"), remote.goodbye(2)], now=at(0), peer="p")
    assert payloads(receiver.events(limit=1)) == [b"a"]
    receiver.receive([fire_and_forget(2).message(1, b"new")], now=at(1), peer="new")
    assert receiver.totals().over_limit == 1
    receiver.events()
    assert (receiver.sessions_open, accepts(receiver, 3, at(2))) == (0, True)


def test_what_the_goodbye_overtook_is_delivered_if_there_is_a_place() -> None:
    remote, receiver = fire_and_forget(1), a_receiver(sessions=1)
    late = [remote.message(1, b"a"), remote.message(2, b"b"), *remote.fragments(4, b"cd", 1)]
    receiver.receive([remote.message(3), remote.goodbye(4)], now=at(0), peer="p")
    receiver.events()
    receiver.receive(late[:1], now=at(1), peer="p")
    assert receiver.sessions_open == 1
    assert payloads(receiver.events()) == [b"a"]
    assert accepts(receiver, 2, at(2))
    refused(receiver, late[1], "sessions", 1, session=1)
    receiver.receive([fire_and_forget(2).goodbye(1)], now=at(3), peer="p")
    receiver.receive(late[2:], now=at(4), peer="p")
    assert (receiver.sessions_open, receiver.held_bytes) == (1, 2 + MESSAGE_COST)
    assert payloads(receiver.events()) == [b"cd"]
    assert (receiver.sessions_open, receiver.held_bytes) == (0, 0)
    assert receiver.totals().messages_lost == 1


@pytest.mark.parametrize(("milliseconds", "forgotten"), [(2000 - 0.001, False), (2000, True)])
def test_ended_sessions_are_remembered_for_two_seconds_at_least(milliseconds: float, forgotten: bool) -> None:
    """One more takes the memory of the oldest, or keeps its place where that one is too young to be forgotten."""
    receiver, most = a_receiver(sessions=1), TOMBSTONES_FOR_EACH_PLACE
    for session in range(1, most + 1):
        passes_by(receiver, session, at(session == most), messages_sent=2)
    passes_by(receiver, most + 1, at(milliseconds))
    assert receiver.sessions_open == (not forgotten)
    totals = receiver.totals()
    assert (totals.sessions, totals.messages_delivered) == (most + 1, most + 1)
    assert (totals.messages_sent, totals.messages_lost) == (2 * most + 1, most)
    receiver.receive([fire_and_forget(2).message(1, b"new")], now=at(milliseconds), peer="new")
    assert [type(event) for event in receiver.events()] == [Duplicate]
    assert accepts(receiver, 1, at(milliseconds)) is forgotten


@pytest.mark.parametrize(("milliseconds", "gone"), [(2000 - 0.001, False), (2000, True)])
def test_an_ended_session_with_many_gaps_keeps_its_place_for_two_seconds(milliseconds: float, gone: bool) -> None:
    remote, receiver = fire_and_forget(1), a_receiver(sessions=1)
    receiver.receive([remote.message(number) for number in range(2, 36, 2)], now=at(0), peer="p")
    receiver.receive([remote.goodbye(34)], now=at(0), peer="p")
    receiver.events()
    assert (receiver.sessions_open, receiver.totals().messages_missing) == (1, 17)
    assert accepts(receiver, 2, at(milliseconds)) is gone


def test_a_silent_session_keeps_its_place_for_2_seconds_after_its_last_word_and_is_known_for_longer() -> None:
    for now, gone in ((at(2500) - 1, False), (at(2500), True)):
        remote, receiver = RemoteSender(1), a_receiver(sessions=1)
        receiver.receive([remote.message(1, b"a")], now=at(0), peer="p")
        receiver.receive([remote.message(1, b"a")], now=at(500), peer="p")
        receiver.events()
        assert accepts(receiver, 2, now) is gone
        receiver.events()
        receiver.receive([remote.message(1, b"a")], now=at(100_000), peer="p")
        assert [type(event) for event in receiver.events()] == [Duplicate]


def test_what_waits_for_the_application_is_looked_at_again_after_10_milliseconds() -> None:
    """So that a newcomer who is refused again and again does not cost a walk through the table each time."""
    remote, receiver = fire_and_forget(1), a_receiver(sessions=1)
    receiver.receive([remote.message(1, b"a")], now=at(0), peer="p")
    assert not accepts(receiver, 2, at(120_000))  # this handed the message over, and too late for the newcomer
    assert not accepts(receiver, 2, at(120_010) - 1)
    assert accepts(receiver, 2, at(120_010))


def test_and_when_the_first_of_its_sessions_is_due() -> None:
    receiver = a_receiver(sessions=2)
    receiver.receive([fire_and_forget(1).message(1)], now=at(0), peer="p")
    receiver.receive([fire_and_forget(2).message(1)], now=at(700), peer="q")
    receiver.events()
    assert not accepts(receiver, 3, at(1000))
    assert not accepts(receiver, 3, at(2000) - 1)
    assert accepts(receiver, 3, at(2010))
    assert not accepts(receiver, 4, at(2690))
    assert accepts(receiver, 4, at(2700))


def test_a_young_session_is_never_forgotten() -> None:
    old, young, receiver = fire_and_forget(1), fire_and_forget(2), a_receiver(sessions=2)
    receiver.receive([old.message(1), old.goodbye(1)], now=at(0), peer="p")
    receiver.receive([young.message(1, b"young")], now=at(1), peer="p")
    receiver.events()
    assert accepts(receiver, 3, at(5000))
    receiver.receive([young.message(1, b"young")], now=at(5001), peer="p")
    assert [type(event) for event in receiver.events()] == [Duplicate]
    assert not accepts(receiver, 4, at(5002))


def test_a_session_whose_messages_wait_is_not_forgotten() -> None:
    remote, receiver = fire_and_forget(1), a_receiver(sessions=1)
    receiver.receive([remote.message(1, b"a"), remote.goodbye(1)], now=at(0), peer="p")
    receiver.receive([fire_and_forget(2).message(1, b"b")], now=at(10_000), peer="q")
    assert receiver.sessions_open == 1
    assert payloads(receiver.events()) == [b"a"]
    assert accepts(receiver, 3, at(11_000))


def test_held_messages_and_unfinished_ones_go_with_their_session() -> None:
    """Nobody can fill the gap of a sender that has been silent for two minutes."""
    remote, receiver = RemoteSender(1, ordered=True), a_receiver(sessions=1)
    receiver.receive([remote.message(2, b"held"), remote.fragments(3, bytes(100), 50)[0]], now=at(0), peer="p")
    receiver.data_to_send(now=at(0))
    assert receiver.held_bytes == 54 + MESSAGE_COST + FRAGMENT_COST + REASSEMBLY_COST
    assert accepts(receiver, 2, at(120_000))
    assert (receiver.held_bytes, receiver.totals().messages_delivered) == (0, 1)


def test_a_disconnected_peer_has_ended() -> None:
    first, second, receiver = fire_and_forget(1), fire_and_forget(2), a_receiver(sessions=2)
    receiver.receive([first.message(1)], now=at(0), peer="p")
    receiver.receive([second.message(1)], now=at(1000), peer="q")
    receiver.events()
    receiver.disconnected("p")
    assert accepts(receiver, 3, at(2000))
    assert not accepts(receiver, 4, at(2001))
    receiver.receive([second.message(1)], now=at(2002), peer="q")
    assert [type(event) for event in receiver.events()] == [Duplicate]


@pytest.mark.parametrize("how", ["goodbye", "disconnected"])
def test_a_full_table_opens_with_the_goodbye_that_came_later(how: str) -> None:
    """Whoever was refused before that must not have closed the table for the two minutes of a silent session."""
    remote, receiver = fire_and_forget(1), a_receiver(sessions=1)
    receiver.receive([remote.message(1)], now=at(0), peer="p")
    receiver.events()
    assert not accepts(receiver, 2, at(100))
    if how == "goodbye":
        receiver.receive([remote.goodbye(1)], now=at(1000), peer="p")
    else:
        receiver.disconnected("p")
    receiver.events()
    assert accepts(receiver, 3, at(1000))


def test_connections_that_end_without_a_goodbye_are_not_kept_in_mind_for_ever() -> None:
    receiver = a_receiver(sessions=2)
    receiver.receive([fire_and_forget(1).message(1)], now=at(0), peer=1)
    receiver.events()
    for peer in range(1, 4):
        receiver.disconnected(peer)
    assert receiver.sessions_open == 0


def test_a_new_connection_from_the_port_of_one_that_is_gone_does_not_end_with_it() -> None:
    receiver = a_receiver(sessions=1)
    receiver.disconnected("p")
    receiver.receive([fire_and_forget(1).message(1)], now=at(0), peer="p")
    receiver.events()
    assert not accepts(receiver, 2, at(1999))


def test_memory_that_unfinished_messages_keep_for_long_is_given_back() -> None:
    receiver = a_receiver(total_bytes=room_for(900))
    silent = RemoteSender(1)
    receiver.receive([silent.fragments(1, bytes(100), 60)[0]], now=at(0), peer="p")
    young = RemoteSender(2)
    fragments = young.fragments(1, b"xy", 1)
    receiver.receive(fragments, now=at(999), peer="q")
    assert receiver.events()[0] == LimitReached("q", 2, "total_bytes", room_for(900))
    receiver.receive(fragments, now=at(1100), peer="q")  # it is looked for ten times a second
    assert payloads(receiver.events()) == [b"xy"]
    assert (receiver.sessions_open, receiver.held_bytes) == (2, 0)
    receiver.data_to_send(now=at(1100))
    receiver.receive([silent.probe()], now=at(1101), peer="p")  # it must learn that its fragment has to be sent again
    assert [read([data])[0].kind for data, to in receiver.data_to_send(now=at(1101)) if to == "p"] == [Kind.PROBE_REPLY]


def test_a_table_that_had_a_place_again_tells_its_limit_again() -> None:
    receiver = a_receiver(sessions=1)
    receiver.receive([fire_and_forget(1).message(1), fire_and_forget(1).goodbye(1)], now=at(0), peer="p")
    receiver.receive([fire_and_forget(2).message(1)] * 2, now=at(1), peer="p")
    told = [event for event in receiver.events() if isinstance(event, LimitReached)]
    assert told == [LimitReached("p", 2, "sessions", 1)]
    assert accepts(receiver, 3, at(2000))
    receiver.receive([fire_and_forget(4).message(1)] * 2, now=at(2001), peer="p")
    assert receiver.events() == [LimitReached("p", 4, "sessions", 1)]


# Addresses and probes ----------------------------------------------------------------------------------------------------


def test_a_session_is_known_by_its_number_and_followed_to_a_new_address() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    receiver.receive([remote.message(1)], now=at(0), peer="here")
    older = remote.message(2)
    receiver.receive([remote.message(3)], now=at(1), peer="there")
    receiver.receive([older], now=at(2), peer="here")  # overtaken on the way: it does not bring the old address back
    assert [event.peer for event in receiver.events() if isinstance(event, Message)] == ["here", "there", "there"]
    assert receiver.sessions_open == 1
    assert [peer for _, peer in receiver.data_to_send(now=at(2))] == ["there"]


def test_fire_and_forget_sessions_move_as_well() -> None:
    remote, receiver = fire_and_forget(), a_receiver()
    older = remote.message(1)
    receiver.receive([remote.message(2)], now=at(0), peer="here")
    receiver.receive([remote.message(3)], now=at(1), peer="there")
    receiver.receive([older], now=at(2), peer="here")
    assert [event.peer for event in receiver.events() if isinstance(event, Message)] == ["here", "there", "there"]


@pytest.mark.parametrize("acknowledged", [True, False])
def test_a_copy_of_the_newest_datagram_moves_nobody(acknowledged: bool) -> None:
    """Whoever can read it could else have the acknowledgments and the replies sent elsewhere."""
    remote, receiver = RemoteSender(acknowledged=acknowledged), a_receiver()
    data = remote.message(1)
    receiver.receive([data], now=at(0), peer="here")
    receiver.receive([data], now=at(7), peer="elsewhere")
    assert receiver.events()[1] == Duplicate("elsewhere", SENDER, 1, 1)
    assert [peer for _, peer in receiver.data_to_send(now=at(7))] == ["here"] * acknowledged


def test_a_probe_of_an_unknown_session_is_answered_and_nothing_kept() -> None:
    remote, receiver = RemoteSender(0xDEAD), a_receiver()
    receiver.receive([remote.probe(), remote.probe()], now=at(5), peer="p")
    assert receiver.next_timeout() == 0
    batch = receiver.data_to_send(now=at(6))
    assert [peer for _, peer in batch] == ["p", "p"]
    replies = read(data for data, _ in batch)
    assert [(each.kind, each.session, each.number, each.sent_at, each.payload) for each in replies] == [
        (Kind.PROBE_REPLY, RECEIVER, number, 5000, PROBE_REPLY_BODY.pack(0xDEAD, number)) for number in (1, 2)
    ]
    assert (receiver.sessions_open, receiver.events(), receiver.next_timeout()) == (0, [], None)
    assert receiver.totals() == Totals()
    assert receiver.data_to_send(now=at(7)) == []


def test_a_probe_says_what_is_given_up_and_where_its_sender_is() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    receiver.receive([remote.fragments(1, bytes(100), 50)[0]], now=at(0), peer="here")
    remote.lowest = 2
    receiver.receive([remote.probe()], now=at(1), peer="there")
    assert receiver.held_bytes == 0
    ((data, peer),) = receiver.data_to_send(now=at(1))
    assert (peer, acknowledgments([(data, peer)])[0].all_below) == ("there", 2)


def test_who_was_turned_away_makes_the_total_unknown() -> None:
    receiver = a_receiver(sessions=1)
    first, second = fire_and_forget(1), fire_and_forget(2)
    receiver.receive([first.message(1, b"a"), first.goodbye(1)], now=at(0), peer="p")
    assert (receiver.totals().messages_sent, receiver.totals().messages_lost) == (1, 0)
    receiver.receive([second.message(1, b"b")], now=at(1), peer="q")
    assert (receiver.totals().messages_sent, receiver.totals().messages_lost) == (None, None)
