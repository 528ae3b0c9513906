"""Stories of a question and its answer: what a sender asks, what a receiver reports, and what neither claims."""

import pytest

from tests.core.support import (
    MILLISECOND,
    RECEIVER,
    SENDER,
    RemoteReceiver,
    RemoteSender,
    a_receiver,
    acknowledged_sender,
    acknowledgments,
    at,
    plain_sender,
    read,
    reports,
)
from udpmsg.core.asking import Query
from udpmsg.core.events import Malformed
from udpmsg.core.framing import each
from udpmsg.core.receiver import Receiver
from udpmsg.core.sender import Sender
from udpmsg.core.sessions import TOMBSTONES_FOR_EACH_PLACE
from udpmsg.core.wire import MAX_RANGES, QUERY_SIZE, Kind, Report, decode_query, decode_report

MS = MILLISECOND


def fire_and_forget(session: int = SENDER) -> RemoteSender:
    return RemoteSender(session, acknowledged=False)


def asked(receiver: Receiver, query: bytes, *, milliseconds: float = 1000, peer: str = "p") -> Report:
    """The one REPORT that a QUERY is answered with."""
    receiver.receive([query], now=at(milliseconds), peer=peer)
    batch = receiver.data_to_send(now=at(milliseconds))
    assert [to for _, to in batch] == [peer]
    (report,) = reports(batch)
    return report


# What a receiver reports -------------------------------------------------------------------------------------------------


def test_what_a_receiver_has_of_a_session() -> None:
    remote, receiver = fire_and_forget(), a_receiver()
    for milliseconds, sequence, sent_at_us in ((10, 1, 0), (30, 4, 19_000), (31, 2, 20_000), (40, 7, 30_000), (41, 4, 31_000)):
        receiver.receive([remote.message(sequence, b"hello", sent_at_us=sent_at_us)], now=at(milliseconds), peer="p")
    receiver.events()
    assert asked(receiver, remote.query()) == Report(
        session=SENDER,
        question=6,
        delivered=4,
        arrived=4,
        duplicates=1,
        reordered=1,
        over_limit=0,
        payload_bytes=20,
        highest=7,
        forgotten=0,
        duration_us=30_000,  # from the first that came to the last, and the duplicate is none of them
        kernel_drops=None,
        begins_at=1,
        goes_on_at=0,
        jitter_us=117,  # transit times that differ by 1 ms, 0 and 1 ms: RFC 3550, section 6.4.1
        missing=[(3, 3), (5, 6)],
    )


def test_what_the_application_has_not_taken_yet_has_arrived_and_is_not_delivered() -> None:
    remote, receiver = RemoteSender(ordered=True), a_receiver()
    receiver.receive([remote.message(1, b"a"), remote.message(2, b"b")], now=at(0), peer="p")
    receiver.events(limit=1)
    receiver.receive([remote.message(4, b"held"), *remote.fragments(5, b"half", 2)[:1]], now=at(0), peer="p")
    receiver.data_to_send(now=at(0))
    report = asked(receiver, remote.query())
    assert (report.delivered, report.arrived, report.payload_bytes, report.highest) == (1, 3, 1, 4)
    assert report.missing == [(3, 3)]
    assert report.jitter_us == 0


def test_one_message_has_no_jitter_and_no_duration() -> None:
    remote, receiver = fire_and_forget(), a_receiver()
    receiver.receive([remote.message(1)], now=at(0), peer="p")
    report = asked(receiver, remote.query())
    assert (report.duration_us, report.jitter_us) == (0, None)


def test_a_session_of_which_only_the_goodbye_came() -> None:
    remote, receiver = fire_and_forget(), a_receiver()
    receiver.receive([remote.goodbye(3)], now=at(0), peer="p")
    report = asked(receiver, remote.query())
    assert (report.arrived, report.highest, report.missing, report.duration_us) == (0, 0, [], 0)


def test_what_was_dropped_at_a_limit_is_told_and_is_missing() -> None:
    remote, receiver = fire_and_forget(), a_receiver(session_messages=2)
    receiver.receive([remote.message(sequence) for sequence in (1, 2, 3)], now=at(0), peer="p")
    receiver.events()
    receiver.receive([remote.message(4)], now=at(0), peer="p")
    report = asked(receiver, remote.query())
    assert (report.over_limit, report.arrived, report.delivered, report.missing) == (1, 3, 2, [(3, 3)])


@pytest.mark.parametrize(("gaps", "parts"), [(32, [32]), (33, [32, 1]), (64, [32, 32]), (70, [32, 32, 6])])
def test_a_long_list_is_told_in_parts_of_32_ranges(gaps: int, parts: list[int]) -> None:
    remote, receiver = fire_and_forget(), a_receiver()
    for sequence in range(1, 3 * gaps + 2, 3):  # 1, 4, 7 ...: two are missing each time
        receiver.receive([remote.message(sequence)], now=at(0), peer="p")
        receiver.events()
    begins_at, told, lengths = 1, [], []
    for part, length in enumerate(parts, 1):
        report = asked(receiver, remote.query(begins_at))
        lengths.append(len(report.missing))
        told += report.missing
        assert (report.begins_at, report.highest, report.arrived) == (begins_at, 3 * gaps + 1, gaps + 1)
        assert report.goes_on_at == (0 if part == len(parts) else told[-1][1] + 2)
        begins_at = report.goes_on_at
        assert length == lengths[-1]
    assert lengths == parts
    assert told == [(first, first + 1) for first in range(2, 3 * gaps + 1, 3)]


def test_the_part_that_was_asked_for() -> None:
    remote, receiver = fire_and_forget(), a_receiver()
    receiver.receive([remote.message(1), remote.message(9), remote.message(11)], now=at(0), peer="p")
    for begins_at, missing in ((1, [(2, 8), (10, 10)]), (5, [(5, 8), (10, 10)]), (9, [(10, 10)]), (11, []), (999, [])):
        report = asked(receiver, remote.query(begins_at))
        assert (report.begins_at, report.missing, report.goes_on_at) == (begins_at, missing, 0)


@pytest.mark.parametrize("gaps", [5, 4096])
def test_gaps_that_are_forgotten_are_counted_and_not_told_one_by_one(gaps: int) -> None:
    """Nothing that nobody remembers is called delivered: the list is whole above `forgotten` alone."""
    remote, receiver = fire_and_forget(), a_receiver(gaps=gaps)
    for sequence in range(2, 2 * (gaps + 3) + 1, 2):  # 1, 3, 5 ... are missing: three more than are remembered
        receiver.receive([remote.message(sequence)], now=at(0), peer="p")
        receiver.events()
    told, begins_at = [], 1
    while begins_at:
        report = asked(receiver, remote.query(begins_at))
        told += report.missing
        begins_at = report.goes_on_at
    assert report.forgotten == 5
    assert told == [(sequence, sequence) for sequence in range(7, 2 * (gaps + 3), 2)]
    assert report.highest - report.arrived == gaps + 3 == len(told) + 3


def test_the_kernels_drops_since_the_session_began() -> None:
    receiver = a_receiver()
    receiver.kernel_drops = 7
    old, new = fire_and_forget(1), fire_and_forget(2)
    receiver.receive([old.message(1)], now=at(0), peer="p")
    receiver.kernel_drops = 9
    receiver.receive([new.message(1)], now=at(1), peer="q")
    receiver.kernel_drops = 12
    assert asked(receiver, old.query()).kernel_drops == 5
    assert asked(receiver, new.query()).kernel_drops == 3
    receiver.kernel_drops = None
    assert asked(receiver, new.query()).kernel_drops is None


def test_drops_that_were_unknown_when_the_session_began_stay_unknown() -> None:
    remote, receiver = fire_and_forget(), a_receiver()
    receiver.receive([remote.message(1)], now=at(0), peer="p")
    receiver.kernel_drops = 3
    assert asked(receiver, remote.query()).kernel_drops is None


# Who is answered ---------------------------------------------------------------------------------------------------------


def test_the_answer_goes_to_who_asked_and_moves_nobody() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    receiver.receive([remote.message(1)], now=at(0), peer="here")
    receiver.events()
    receiver.flush(now=at(0))
    receiver.data_to_send(now=at(0))
    assert asked(receiver, remote.query(), peer="elsewhere").arrived == 1
    receiver.receive([remote.probe()], now=at(1001), peer="here")
    (data, peer), *_ = receiver.data_to_send(now=at(1001))
    assert (acknowledgments([(data, peer)])[0].session, peer) == (SENDER, "here")


def test_a_question_has_one_answer_and_no_acknowledgment() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    receiver.receive([remote.message(1)], now=at(0), peer="p")
    receiver.events()
    receiver.flush(now=at(0))
    assert len(acknowledgments(receiver.data_to_send(now=at(0)))) == 1
    receiver.receive([remote.query(), remote.query()], now=at(1), peer="p")
    assert receiver.next_timeout() == 0
    assert [report.question for report in reports(receiver.data_to_send(now=at(1)))] == [2, 3]
    assert receiver.next_timeout() is None
    assert receiver.data_to_send(now=at(999)) == []
    assert receiver.events() == []


def test_who_is_not_known_learns_that_and_takes_no_place() -> None:
    remote, receiver = fire_and_forget(), a_receiver()
    query = remote.query()
    receiver.receive([query], now=at(0), peer="stranger")
    ((data, peer),) = receiver.data_to_send(now=at(0))
    (answer,) = read([data])
    assert (answer.kind, answer.payload, peer) == (Kind.PROBE_REPLY, SENDER.to_bytes(8, "big") + bytes(7) + b"\x01", "stranger")
    assert len(data) < len(query)
    assert receiver.sessions_open == 0
    assert receiver.totals().sessions == 0


def test_no_answer_is_longer_than_its_question() -> None:
    remote, receiver = fire_and_forget(2**64 - 1), a_receiver()
    receiver.kernel_drops = 0
    longest = 0
    for sequence in range(1, 4 * MAX_RANGES, 2):
        receiver.receive([remote.message(sequence)], now=at(0), peer="p")
        receiver.events()
        query = remote.query()
        receiver.receive([query], now=at(0), peer="p")
        ((data, _),) = receiver.data_to_send(now=at(0))
        longest = max(longest, len(data))
        assert len(data) <= len(query)
    assert longest == len(query) == 40 + QUERY_SIZE + 4


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "a QUERY has a number and zeros, 632 bytes in all"),
        (bytes(7) + b"\1", "a QUERY has a number and zeros, 632 bytes in all"),
        (bytes(7) + b"\1" + bytes(QUERY_SIZE - 9), "a QUERY has a number and zeros, 632 bytes in all"),
        (bytes(7) + b"\1" + bytes(QUERY_SIZE - 7), "a QUERY has a number and zeros, 632 bytes in all"),
        (bytes(7) + b"\1" + bytes(QUERY_SIZE - 9) + b"\1", "a QUERY has a number and zeros, 632 bytes in all"),
        (bytes(QUERY_SIZE), "a QUERY for no sequence number"),
        (b"\x80" + bytes(QUERY_SIZE - 1), "a QUERY for no sequence number"),
    ],
)
def test_a_bad_question_is_counted_and_never_answered(payload: bytes, reason: str) -> None:
    remote, receiver = fire_and_forget(), a_receiver()
    receiver.receive([remote.message(1)], now=at(0), peer="p")
    receiver.events()
    query = remote.query(payload=payload)
    receiver.receive([query], now=at(0), peer="p")
    assert receiver.events() == [Malformed("p", reason, len(query))]
    assert receiver.data_to_send(now=at(0)) == []
    assert receiver.totals().malformed == 1


def test_a_report_means_nothing_to_a_receiver() -> None:
    receiver = a_receiver()
    data = RemoteReceiver().report(1, highest=1)
    receiver.receive([data], now=at(0), peer="p")
    assert receiver.events() == [Malformed("p", "REPORT means nothing to a receiver", len(data))]
    assert receiver.data_to_send(now=at(0)) == []


def test_over_a_stream_the_answer_is_the_same() -> None:
    remote, receiver = RemoteSender(acknowledged=False, framed=True), a_receiver(framed=True)
    receiver.receive([remote.message(1), remote.message(3), remote.query()], now=at(0), peer="p")
    ((data, _),) = receiver.data_to_send(now=at(0))
    (answer,) = read([data], framed=True)
    assert decode_report(answer.payload).missing == [(2, 2)]


# After the goodbye -------------------------------------------------------------------------------------------------------


def test_a_session_that_said_goodbye_still_answers() -> None:
    remote, receiver = fire_and_forget(), a_receiver()
    receiver.receive([remote.message(1), remote.goodbye(2)], now=at(0), peer="p")
    receiver.events()
    report = asked(receiver, remote.query(), milliseconds=1)
    assert (report.delivered, report.highest) == (1, 1)


@pytest.mark.parametrize(("milliseconds", "gone"), [(2000, False), (3500 - 0.001, False), (3500, True)])
def test_who_asks_is_remembered_for_two_seconds_more(milliseconds: float, gone: bool) -> None:
    remote, receiver = fire_and_forget(1), a_receiver(sessions=1)
    receiver.receive([remote.message(1), remote.goodbye(1)], now=at(0), peer="p")
    receiver.events()
    asked(receiver, remote.query(), milliseconds=1500)
    for session in range(2, 3 + TOMBSTONES_FOR_EACH_PLACE):  # more than the receiver remembers besides this one
        receiver.receive([fire_and_forget(session).goodbye(0)], now=at(milliseconds), peer="newcomer")
    receiver.receive([remote.query()], now=at(milliseconds), peer="p")
    ((data, _),) = receiver.data_to_send(now=at(milliseconds))
    assert read([data])[0].kind is (Kind.PROBE_REPLY if gone else Kind.REPORT)


# What a sender asks ------------------------------------------------------------------------------------------------------


def sent(count: int = 10, *, datagram_size: int | None = 1200) -> Sender:
    """A fire-and-forget sender that has sent so many messages, as the datagrams 1 to `count`."""
    sender = plain_sender(jitter=0.0, datagram_size=datagram_size)
    sender.send([b"x"] * count, now=at(0))
    sender.data_to_send(now=at(0))
    return sender


def queries(sender: Sender, milliseconds: float, *, framed: bool = False) -> list[tuple[int, int]]:
    """The QUERYs that leave, as (datagram number, from which sequence number on); nothing else may."""
    sender.handle_timeout(now=at(milliseconds))
    batch = read(sender.data_to_send(now=at(milliseconds)), framed=framed)
    assert all(datagram.kind is Kind.QUERY and not datagram.acknowledged for datagram in batch)
    return [(datagram.number, decode_query(datagram.payload)) for datagram in batch]


def test_a_sender_asks_and_learns() -> None:
    sender, receiver = sent(), RemoteReceiver()
    question = sender.ask(now=at(100))
    assert queries(sender, 100) == [(11, 1)]
    assert sender.next_timeout() == at(1100)
    sender.receive([receiver.report(11, (3, 4), highest=9, arrived=7)], now=at(140))
    assert question.answered
    assert question.report is not None
    assert (question.report.missing, question.report.arrived, question.unknown) == ([(3, 4)], 7, False)
    assert sender.next_timeout() is None
    assert (queries(sender, 9999), sender.events()) == ([], [])
    assert sender.rtt.latest == 40 * MS


def test_a_question_is_asked_again_after_one_two_and_four_seconds() -> None:
    """RFC 8085, section 3.1.1; one nanosecond before the timeout, and at it."""
    sender, receiver = sent(), RemoteReceiver()
    question = sender.ask(now=at(0))
    assert queries(sender, 0) == [(11, 1)]
    for due, number in ((1000, 12), (3000, 13), (7000, 14)):
        assert sender.next_timeout() == at(due)
        sender.handle_timeout(now=at(due) - 1)
        assert sender.data_to_send(now=at(due) - 1) == []
        assert queries(sender, due) == [(number, 1)]
    sender.receive([receiver.report(13, highest=10, arrived=10)], now=at(7040))
    assert question.answered
    assert sender.rtt.latest == 4040 * MS  # of the one that was answered
    sender.receive([receiver.report(14, highest=10, arrived=10)], now=at(7080))
    assert (sender.rtt.latest, sender.malformed) == (4040 * MS, 0)


def test_after_a_round_trip_was_measured_it_is_asked_again_sooner() -> None:
    sender, receiver = sent(), RemoteReceiver()
    sender.ask(now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.report(11, highest=10, arrived=10)], now=at(40))
    sender.ask(now=at(1000))
    assert sender.next_timeout() == at(1200)  # the smallest RTO


def test_questions_come_at_least_every_sixty_seconds() -> None:
    sender = sent()
    sender.ask(now=at(0))
    sender.data_to_send(now=at(0))
    waits, now = [], at(0)
    for _ in range(20):
        due = sender.next_timeout()
        assert due is not None
        waits.append((due - now) // (1000 * MS))
        now = due
        sender.handle_timeout(now=now)
    assert waits == [1, 2, 4, 8, 16, 32] + [60] * 14


def test_a_stream_brings_the_question_for_certain() -> None:
    sender, receiver = sent(datagram_size=None), RemoteReceiver(framed=True)
    question = sender.ask(now=at(0))
    assert queries(sender, 0, framed=True) == [(11, 1)]
    assert sender.next_timeout() is None
    sender.receive([receiver.report(11, highest=10, arrived=10)], now=at(20))
    assert question.answered


def test_every_part_of_a_long_list_is_asked_for() -> None:
    sender, receiver = sent(200), RemoteReceiver()
    question = sender.ask(now=at(0))
    assert queries(sender, 0) == [(201, 1)]
    first = [(low, low) for low in range(1, 64, 2)]
    sender.receive([receiver.report(201, *first, highest=150, arrived=100, goes_on_at=70)], now=at(40))
    assert not question.answered
    assert queries(sender, 40) == [(202, 70)]
    sender.receive([receiver.report(201, *first, highest=150, arrived=100, goes_on_at=70)], now=at(50))  # a duplicate
    assert queries(sender, 50) == []
    assert sender.next_timeout() == at(240)
    sender.receive([receiver.report(202, (1, 1), highest=150, arrived=101)], now=at(60))  # not what was asked
    assert not question.answered
    sender.receive([receiver.report(202, (70, 75), highest=151, arrived=102, begins_at=70)], now=at(80))
    assert question.report is not None
    assert question.report.missing == [*first, (70, 75)]
    assert (question.report.highest, question.report.arrived) == (151, 102)
    assert sender.next_timeout() is None


def test_a_receiver_that_was_restarted_between_two_parts_is_asked_from_the_start() -> None:
    sender, old, new = sent(200), RemoteReceiver(1), RemoteReceiver(2)
    question = sender.ask(now=at(0))
    sender.data_to_send(now=at(0))
    first = [(low, low) for low in range(1, 64, 2)]
    sender.receive([old.report(201, *first, highest=150, goes_on_at=70)], now=at(40))
    assert queries(sender, 40) == [(202, 70)]
    sender.receive([new.report(202, highest=180, begins_at=70)], now=at(80))
    assert not question.answered
    assert queries(sender, 80) == [(203, 1)]
    sender.receive([new.report(203, (1, 179), highest=180)], now=at(120))
    assert question.report is not None
    assert question.report.missing == [(1, 179)]


def test_a_receiver_that_knows_nothing_of_the_session() -> None:
    sender, receiver = sent(), RemoteReceiver()
    question = sender.ask(now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.probe_reply()], now=at(40))
    assert (question.answered, question.unknown, question.report) == (True, True, None)
    assert sender.next_timeout() is None
    sender.receive([receiver.report(11, highest=10, arrived=10)], now=at(50))  # old news
    assert (question.unknown, question.report) == (True, None)


def test_after_an_answer_nothing_is_unknown_any_more() -> None:
    sender, receiver = sent(), RemoteReceiver()
    question = sender.ask(now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.report(11, highest=10, arrived=10), receiver.probe_reply()], now=at(40))
    assert (question.unknown, question.report is not None) == (False, True)


def test_a_question_that_nobody_asks_any_more() -> None:
    sender, receiver = sent(), RemoteReceiver()
    question = sender.ask(now=at(0))
    sender.data_to_send(now=at(0))
    sender.ask_no_more()
    assert sender.next_timeout() is None
    sender.receive([receiver.report(11, highest=10, arrived=10)], now=at(40))
    assert not question.answered
    assert (sender.malformed, sender.rtt.latest) == (0, None)


def test_a_new_question_takes_the_place_of_the_old_one() -> None:
    sender, receiver = sent(), RemoteReceiver()
    old, new = sender.ask(now=at(0)), sender.ask(now=at(10))
    assert queries(sender, 10) == [(11, 1), (12, 1)]
    sender.receive([receiver.report(11, highest=9, arrived=9)], now=at(40))
    assert not old.answered
    assert not new.answered
    sender.receive([receiver.report(12, highest=10, arrived=10)], now=at(50))
    assert (old.report, new.answered) == (None, True)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (RemoteReceiver().report(11, highest=10, of=999), "a REPORT of another session"),
        (RemoteReceiver().report(11, highest=11), "a REPORT of messages that were never sent"),
        (RemoteReceiver().report(11, (5, 10), highest=10), "ranges of a REPORT out of order"),
    ],
)
def test_a_bad_answer_is_counted_and_answers_nothing(data: bytes, reason: str) -> None:
    sender = sent()
    question = sender.ask(now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([data], now=at(40), peer="p")
    assert sender.events() == [Malformed("p", reason, len(data))]
    assert (sender.malformed, question.answered) == (1, False)


@pytest.mark.parametrize(
    ("claim", "most"),
    [
        ("payload_bytes", 10),  # ten messages of one byte
        ("reordered", 7),  # not more than came
        ("duration_us", 1_001_000),  # a second since the session began, by a clock that is a thousandth too fast
        ("jitter_us", 1_001_000),
        ("duplicates", 1_000_000_000),  # one a nanosecond
        ("over_limit", 1_000_000_000),
        ("kernel_drops", 1_000_000_000),
    ],
)
def test_an_impossible_claim_is_unknown(claim: str, most: int) -> None:
    for value, taken in ((most, most), (most + 1, None)):
        sender, receiver = sent(), RemoteReceiver()
        question = sender.ask(now=at(900))
        sender.data_to_send(now=at(900))
        sender.receive([receiver.report(11, highest=9, arrived=7, **{claim: value})], now=at(1000))
        assert question.report is not None
        assert getattr(question.report, claim) == taken
        assert (question.report.arrived, question.report.highest) == (7, 9)


def test_an_acknowledged_sender_asks_about_what_has_left() -> None:
    sender, receiver = acknowledged_sender(window=2), RemoteReceiver()
    assert sender.last_sequence == 0
    sender.send([b"x"] * 5, now=at(0))
    assert len(each(sender.data_to_send(now=at(0)))) == 2
    assert sender.last_sequence == 2
    question = sender.ask(now=at(10))
    assert queries(sender, 10) == [(3, 1)]
    assert sender.next_timeout() == at(1000)  # of the messages: they left first
    sender.receive([receiver.report(3, highest=3)], now=at(40))
    assert (question.answered, sender.malformed) == (False, 1)
    sender.receive([receiver.report(3, highest=2)], now=at(40))
    assert question.answered


def test_a_receiver_that_lost_what_had_arrived_gets_it_again_also_when_it_says_so_to_a_question() -> None:
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b"x"], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack((1, 1))], now=at(40))
    question = sender.ask(now=at(50))
    sender.data_to_send(now=at(50))
    sender.receive([RemoteReceiver(77).probe_reply()], now=at(90))
    assert question.unknown
    assert [datagram.sequence for datagram in read(sender.data_to_send(now=at(90)))] == [1]


# Both together -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [set(), {1}, {10}, {3, 4, 9}, set(range(1, 300, 2)), set(range(1, 301))], ids=len)
def test_what_was_dropped_is_what_is_missing(lost: set[int]) -> None:
    """A real sender and a real receiver, and between them a link of which the story knows what it drops."""
    sender, receiver = plain_sender(jitter=0.0), a_receiver()
    sender.send([b"x"] * 300, now=at(0))
    for number, datagram in enumerate(each(sender.data_to_send(now=at(0))), 1):
        if number not in lost:
            receiver.receive([datagram], now=at(20), peer="p")
            receiver.events()
    question, now = sender.ask(now=at(50)), 50
    for _ in range(20):
        receiver.receive(sender.data_to_send(now=at(now)), now=at(now + 20), peer="p")
        sender.receive([data for data, _ in receiver.data_to_send(now=at(now + 20))], now=at(now + 40))
        now += 40
    assert question.answered
    assert question.unknown is (len(lost) == 300)
    assert what_is_missing(question, 300) == lost
    assert receiver.session == RECEIVER


def what_is_missing(question: Query, last: int) -> set[int]:
    """By the answer, and behind its highest number."""
    if question.report is None:
        return set(range(1, last + 1))
    ranges = [*question.report.missing, (question.report.highest + 1, last)]
    return {number for low, high in ranges for number in range(low, high + 1)}
