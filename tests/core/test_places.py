"""Who has a place at a listener, who gets one, who gives way, and what is left of it."""

import pytest

from tests.core.support import (
    Receiver,
    RemoteSender,
    a_receiver,
    a_wary_receiver,
    acknowledgments,
    answers,
    at,
    payloads,
    proves,
    room_for,
)
from udpmsg.core.budget import FRAGMENT_COST, MESSAGE_COST, REASSEMBLY_COST
from udpmsg.core.events import Duplicate, Goodbye, LimitReached, Message
from udpmsg.core.framing import Run
from udpmsg.core.receiver import Receiver as CarefulReceiver
from udpmsg.core.sessions import AT_ONE_GO, TOMBSTONES_FOR_EACH_PLACE
from udpmsg.core.wire import NUMBER, Kind, encode

ACK, CHALLENGE, PROBE_REPLY = Kind.ACK, Kind.CHALLENGE, Kind.PROBE_REPLY
HERE = ("here", 1)


def arrives(receiver: CarefulReceiver, session: int, now: int, peer: tuple[str, int], *, proved: bool = False) -> RemoteSender:
    """One acknowledged message of a session of its own; its address may have proved itself before."""
    remote = RemoteSender(session)
    if proved:
        proves(receiver, remote, peer, now)
    receiver.receive([remote.message(1, b"%d" % session)], now=now, peer=peer)
    receiver.events()
    return remote


def plain(receiver: CarefulReceiver, session: int, now: int, peer: tuple[str, int]) -> None:
    receiver.receive([RemoteSender(session, acknowledged=False).message(1)], now=now, peer=peer)
    receiver.events()


def placed(receiver: CarefulReceiver) -> list[int]:
    return sorted(receiver._sessions._table)


def test_below_half_full_anyone_gets_a_place_and_above_who_proves_its_address() -> None:
    receiver = a_wary_receiver(sessions=5)
    for session in (1, 2, 3):
        arrives(receiver, session, at(0), (f"p{session}", 1))
    receiver.flush(now=at(0))
    receiver.data_to_send(now=at(0))
    remote = arrives(receiver, 4, at(1), HERE)
    assert answers(receiver, at(1)) == [(CHALLENGE, HERE)]
    assert placed(receiver) == [1, 2, 3]
    assert receiver.totals().over_limit == 0  # it was asked to come again, not turned away
    proves(receiver, remote, HERE, at(2))
    receiver.receive([remote.message(1, b"again")], now=at(2), peer=HERE)
    assert payloads(receiver.events()) == [b"again"]
    assert placed(receiver) == [1, 2, 3, 4]


def test_who_only_sends_takes_the_place_of_another_that_has_not_proved_itself() -> None:
    receiver = a_wary_receiver(sessions=4)
    plain(receiver, 1, at(0), ("p1", 1))
    plain(receiver, 2, at(1), ("p2", 1))
    plain(receiver, 3, at(2), ("p3", 1))
    assert placed(receiver) == [2, 3]
    plain(receiver, 1, at(3), ("p1", 1))  # a late copy
    assert (receiver.totals().duplicates, receiver.totals().messages_delivered) == (1, 3)
    for session in (2, 3, 1):
        remote = RemoteSender(session, acknowledged=False)
        remote.number = 1
        proves(receiver, remote, (f"p{session}", 1), at(4))
        receiver.receive([remote.message(2)], now=at(4), peer=(f"p{session}", 1))
    assert placed(receiver) == [1, 2, 3]
    plain(receiver, 4, at(4), ("p4", 1))  # however many have proved themselves: half of the places are for anyone
    assert placed(receiver) == [1, 2, 3, 4]
    remote = RemoteSender(4, acknowledged=False)
    proves(receiver, remote, ("p4", 1), at(4))
    receiver.data_to_send(now=at(4))
    receiver.events()
    receiver.receive([RemoteSender(9, acknowledged=False).message(1)], now=at(5), peer=HERE)
    assert receiver.events() == [LimitReached(HERE, 9, "sessions", 4)]
    assert answers(receiver, at(5)) == [(CHALLENGE, HERE)]  # nobody is left who has proved nothing: it may prove itself, too
    assert receiver.totals().messages_sent is None


def test_who_spoke_again_gives_way_to_nobody_and_the_next_in_line_does() -> None:
    """Those that give way next are chosen a few at a time."""
    receiver = a_wary_receiver(sessions=2 * AT_ONE_GO)
    half = AT_ONE_GO
    for session in range(1, half + 2):
        plain(receiver, session, at(session), (f"p{session}", 1))
    assert placed(receiver) == list(range(2, half + 2))
    plain(receiver, 2, at(200), ("p2", 1))
    for session in (half + 2, half + 3):
        plain(receiver, session, at(201), (f"p{session}", 1))
    assert placed(receiver) == [2, *range(5, half + 4)]
    assert receiver.totals().messages_delivered == half + 3


def test_what_has_proved_nothing_gives_way_first_and_then_who_was_silent_longest() -> None:
    receiver = a_wary_receiver(sessions=4)
    arrives(receiver, 1, at(0), ("p1", 1), proved=True)
    arrives(receiver, 2, at(1), ("p2", 1))
    for session in (3, 4):
        arrives(receiver, session, at(session), (f"p{session}", 1), proved=True)
    assert placed(receiver) == [1, 2, 3, 4]
    arrives(receiver, 5, at(5), ("p5", 1), proved=True)
    assert placed(receiver) == [1, 3, 4, 5]
    arrives(receiver, 6, at(2000) - 1, ("p6", 1), proved=True)
    assert placed(receiver) == [1, 3, 4, 5]
    arrives(receiver, 6, at(2010), ("p6", 1), proved=True)
    assert placed(receiver) == [3, 4, 5, 6]


def test_an_address_keeps_an_eighth_of_the_places_while_others_ask() -> None:
    receiver = a_wary_receiver(sessions=16)
    for session in range(1, 18):
        arrives(receiver, session, at(session), ("one", session), proved=True)
    assert placed(receiver) == list(range(2, 18))  # nobody else asks; its own oldest gave way
    for session in range(101, 115):
        arrives(receiver, session, at(20), (f"p{session}", 1), proved=True)
    assert placed(receiver) == [16, 17, *range(101, 115)]
    arrives(receiver, 200, at(21), ("late", 1), proved=True)
    assert 200 not in placed(receiver)


def test_who_has_filled_an_eighth_of_the_tombstones_is_turned_away() -> None:
    """Else one address could fill them all, and then nobody could be made room for."""
    receiver = a_wary_receiver(sessions=8)
    most = TOMBSTONES_FOR_EACH_PLACE * 8
    for session in range(1, 2 * most):
        arrives(receiver, session, at(session / 1000), ("one", 1), proved=session == 1)
    assert receiver._sessions._tombstones.of("one") == most // 8
    assert receiver.totals().over_limit == 2 * most - 1 - most // 8 - 8
    for session in range(10_001, 10_008):
        arrives(receiver, session, at(20), (f"p{session}", 1), proved=True)
    assert placed(receiver)[-7:] == list(range(10_001, 10_008))


def test_where_all_tombstones_are_young_nobody_gives_way() -> None:
    receiver = a_receiver(sessions=1)
    for session in range(1, TOMBSTONES_FOR_EACH_PLACE + 1):
        remote = RemoteSender(session, acknowledged=False)
        receiver.receive([remote.message(1), remote.goodbye(1)], now=at(0), peer=session)
        receiver.events()
    receiver.receive([RemoteSender(100).message(1)], now=at(1), peer="p")
    receiver.receive([RemoteSender(100).message(1)], now=at(1999), peer="p")
    receiver.events()
    receiver.receive([RemoteSender(101).message(1)], now=at(1999), peer="q")
    assert [type(event) for event in receiver.events()] == [LimitReached]
    receiver.receive([RemoteSender(101).message(1)], now=at(4000), peer="q")
    assert [type(event) for event in receiver.events()] == [Message]


def test_a_late_copy_for_a_tombstone_is_a_duplicate_and_acknowledged() -> None:
    remote, receiver = RemoteSender(1), a_receiver(sessions=1)
    copy = remote.message(1, b"a")
    receiver.receive([copy], now=at(0), peer="p")
    receiver.events()
    receiver.receive([RemoteSender(2).message(1)], now=at(3000), peer="q")
    receiver.events()
    assert placed(receiver) == [2]
    receiver.data_to_send(now=at(3100))
    receiver.receive([copy], now=at(6000), peer="p")
    assert receiver.events() == [Duplicate("p", 1, 1, 1)]
    assert [told.all_below for told in acknowledgments(receiver.data_to_send(now=at(6000)))] == [2]
    assert placed(receiver) == [1]


def test_who_comes_back_to_a_full_table_is_turned_away_and_stays_known() -> None:
    remote, receiver = RemoteSender(1), a_receiver(sessions=1)
    copy = remote.message(1, b"a")
    for session, data, now in ((1, copy, 0), (2, RemoteSender(2).message(1), 3000)):
        receiver.receive([data], now=at(now), peer=session)
        assert [type(event) for event in receiver.events()] == [Message]
    receiver.receive([copy], now=at(3001), peer=1)
    assert receiver.events() == [LimitReached(1, 1, "sessions", 1)]
    assert (placed(receiver), receiver.totals().sessions) == ([2], 2)
    receiver.receive([copy], now=at(6000), peer=1)
    assert [type(event) for event in receiver.events()] == [Duplicate]


def test_the_oldest_tombstone_comes_back_at_the_very_moment_in_which_it_could_be_forgotten() -> None:
    """To make room for it another session must give way, and one tombstone must go for that: not the one that comes back."""
    receiver = a_receiver(sessions=1)
    first = RemoteSender(1)
    receiver.receive([first.message(1)], now=at(0), peer=1)
    receiver.events()
    for session in range(2, TOMBSTONES_FOR_EACH_PLACE + 2):
        receiver.receive([RemoteSender(session).message(1)], now=at(3000 * session), peer=session)
        receiver.events()
    assert len(list(receiver._sessions._tombstones)) == TOMBSTONES_FOR_EACH_PLACE
    receiver.receive([first.message(2, b"back")], now=at(120_000), peer=1)
    assert payloads(receiver.events()) == [b"back"]
    assert placed(receiver) == [1]


def test_a_run_of_a_silent_session_finds_it_where_memory_is_short() -> None:
    """To make room in the memory the sessions that are over are forgotten: not the one that the room is for."""
    receiver = a_receiver(total_bytes=4 * (50 + MESSAGE_COST))
    remote, other = RemoteSender(1), RemoteSender(2)
    receiver.receive([remote.message(1)], now=at(0), peer="p")
    receiver.events()
    receiver.receive([other.fragments(1, bytes(200), 100)[0]], now=at(1), peer="q")
    run = [remote.message(number, bytes(50)) for number in (2, 3, 4, 5)]
    receiver.receive([Run(b"".join(run), len(run[0]))], now=at(200_000), peer="p")
    assert len(payloads(receiver.events())) == 4
    assert placed(receiver) == [1]


def test_a_goodbye_for_a_tombstone_is_told_and_needs_no_place() -> None:
    remote, receiver = RemoteSender(1), a_wary_receiver(sessions=2)
    receiver.receive([remote.message(1)], now=at(0), peer=HERE)
    receiver.events()
    arrives(receiver, 2, at(1), ("q", 1), proved=True)
    arrives(receiver, 3, at(2), ("r", 1), proved=True)
    assert placed(receiver) == [2, 3]
    receiver.flush(now=at(2))
    receiver.data_to_send(now=at(2))
    for _ in range(2):
        receiver.receive([remote.goodbye(1)], now=at(3), peer=HERE)
    assert receiver.events() == [Goodbye(HERE, 1, 1, 0)]
    assert answers(receiver, at(3)) == [(ACK, HERE)]
    assert placed(receiver) == [2, 3]
    assert receiver._sessions._tombstones.find(1) in receiver._sessions._tombstones._short.values()


def dropped(*, ordered: bool) -> tuple[RemoteSender, CarefulReceiver]:
    """A session that lost its place with one message behind a gap, or one of which half came."""
    remote, receiver = RemoteSender(1, ordered=ordered), a_wary_receiver(sessions=2)
    receiver.receive([remote.message(1)], now=at(0), peer=HERE)
    unfinished = [remote.message(3, b"held")] if ordered else remote.fragments(3, bytes(200), 100)[:1]
    receiver.receive(unfinished, now=at(0), peer=HERE)
    receiver.events()
    receiver.data_to_send(now=at(0))
    assert receiver.held_bytes > 0
    arrives(receiver, 2, at(1), ("q", 1), proved=True)
    arrives(receiver, 3, at(2), ("r", 1), proved=True)
    assert (placed(receiver), receiver.held_bytes) == ([2, 3], 0)
    receiver.flush(now=at(2))
    receiver.data_to_send(now=at(2))
    return remote, receiver


@pytest.mark.parametrize("ordered", [True, False])
def test_who_lost_something_unfinished_is_told_to_send_it_again_until_it_does(ordered: bool) -> None:
    remote, receiver = dropped(ordered=ordered)
    for number in (3, 4):  # the first answer may be lost
        receiver.receive([remote.probe()], now=at(number), peer=HERE)
        assert answers(receiver, at(number)) == [(PROBE_REPLY, HERE)]
    proves(receiver, remote, HERE, at(5000))
    receiver.data_to_send(now=at(5000))
    again = [remote.message(2), remote.message(3, b"held", transmission=2)]
    receiver.receive(again, now=at(5000), peer=HERE)
    assert [event.sequence for event in receiver.events() if isinstance(event, Message)] == [2, 3]
    (told,) = acknowledgments(receiver.data_to_send(now=at(5000)))
    assert told.all_below == 4
    receiver.receive([remote.probe()], now=at(5001), peer=HERE)
    assert answers(receiver, at(5001)) == [(ACK, HERE)]


def test_who_has_given_up_what_it_lost_is_not_told_to_send_it_again() -> None:
    remote, receiver = dropped(ordered=True)
    proves(receiver, remote, HERE, at(5000))
    receiver.data_to_send(now=at(5000))
    remote.lowest = 4
    receiver.receive([remote.probe()], now=at(5000), peer=HERE)
    assert answers(receiver, at(5000)) == [(ACK, HERE)]


def test_who_has_something_unfinished_comes_last() -> None:
    receiver = a_wary_receiver(sessions=4)
    ordered = RemoteSender(1, ordered=True)
    receiver.receive([ordered.message(2, b"held")], now=at(0), peer=("p1", 1))
    arrives(receiver, 2, at(1), ("p2", 1))
    for session in (3, 4):
        arrives(receiver, session, at(session), (f"p{session}", 1), proved=True)
    arrives(receiver, 5, at(5), ("p5", 1), proved=True)
    assert placed(receiver) == [1, 3, 4, 5]
    arrives(receiver, 6, at(6), ("p6", 1), proved=True)
    assert placed(receiver) == [3, 4, 5, 6]


def test_what_the_application_holds_up_gives_no_place() -> None:
    receiver = a_wary_receiver(sessions=2, receiver=CarefulReceiver)
    receiver.receive([RemoteSender(1, acknowledged=False).message(1)], now=at(0), peer=HERE)
    receiver.receive([RemoteSender(2, acknowledged=False).message(1)], now=at(0), peer=("q", 1))
    assert placed(receiver) == [1]
    receiver.events()
    receiver.receive([RemoteSender(2, acknowledged=False).message(1)], now=at(1), peer=("q", 1))
    assert placed(receiver) == [1]  # it is in hand
    receiver.commit()
    receiver.receive([RemoteSender(2, acknowledged=False).message(1)], now=at(11), peer=("q", 1))  # it is looked for again
    assert placed(receiver) == [2]


def test_an_unfinished_fire_and_forget_message_is_lost_with_its_place() -> None:
    receiver = a_wary_receiver(sessions=2)
    remote = RemoteSender(1, acknowledged=False)
    receiver.receive(remote.fragments(1, bytes(200), 100)[:1], now=at(0), peer=HERE)
    plain(receiver, 2, at(1), ("q", 1))
    assert (placed(receiver), receiver.held_bytes) == ([2], 0)


def test_a_fragment_at_the_end_of_the_memory_is_refused_and_comes_again() -> None:
    limit = room_for(REASSEMBLY_COST + 3 * (100 + FRAGMENT_COST) - 1)
    remote, receiver = RemoteSender(), a_receiver(total_bytes=limit, session_bytes=10_000)
    first, second, third = remote.fragments(1, bytes(300), 100)
    receiver.receive([first, second], now=at(0), peer="p")
    receiver.data_to_send(now=at(0))
    assert receiver.held_bytes == REASSEMBLY_COST + 2 * (100 + FRAGMENT_COST)
    receiver.receive([third], now=at(1), peer="p")
    assert receiver.events() == [LimitReached("p", remote.session, "total_bytes", limit)]
    assert (receiver.held_bytes, receiver.data_to_send(now=at(30))) == (REASSEMBLY_COST + 2 * (100 + FRAGMENT_COST), [])
    receiver.receive([second], now=at(31), peer="p")  # what came is not charged twice
    assert receiver.held_bytes == REASSEMBLY_COST + 2 * (100 + FRAGMENT_COST)


def test_raw_bytes_at_the_end_of_the_memory_are_dropped_and_told_once() -> None:
    receiver = CarefulReceiver(session=1, now=at(0), limits=a_receiver(total_bytes=2 * (10 + MESSAGE_COST)).limits)
    receiver.receive([b"x" * 10] * 4, now=at(0), peer="p")
    events = receiver.events()
    assert [type(event) for event in events] == [Message, Message, LimitReached]
    assert events[-1] == LimitReached("p", 0, "total_bytes", 2 * (10 + MESSAGE_COST))
    assert receiver.totals().over_limit == 2
    receiver.commit()
    receiver.receive([b"y"], now=at(1), peer="p")
    assert payloads(receiver.events()) == [b"y"]


@pytest.mark.parametrize(
    ("number", "messages_sent", "sent_at_us", "believed"),
    [
        (4, 3, 0, True),
        (3, 3, 0, False),
        (2**63 - 1, 100_000_000, 0, True),
        (2**63 - 1, 100_000_001, 0, False),
        (2**63 - 1, 100_000_100, 1, True),
        (2**63 - 1, 2**63 - 2, 3_600_000_000, False),
    ],
)
def test_a_goodbye_claims_no_more_than_is_possible(number: int, messages_sent: int, sent_at_us: int, believed: bool) -> None:
    """Each message took a datagram, and no sender sends more than a hundred in a microsecond."""
    receiver = a_receiver()
    assert isinstance(receiver, Receiver)
    payload = NUMBER.pack(messages_sent)
    data = encode(Kind.GOODBYE, session=1, number=number, sent_at=sent_at_us, payload=payload)
    receiver.receive([data], now=at(0), peer="p")
    said = messages_sent if believed else None
    assert receiver.events() == [Goodbye("p", 1, said, said)]
    assert receiver.totals().messages_sent == said


def test_a_message_from_an_impossible_time_makes_the_jitter_unknown() -> None:
    for jump, known in ((120_000_000, True), (120_000_001, False)):
        remote, receiver = RemoteSender(), a_receiver()
        for number, sent_at in ((1, 200_000_000), (2, 200_000_000 + jump), (3, 200_000_000)):
            receiver.receive([remote.message(number, sent_at_us=sent_at)], now=at(0), peer="p")
        assert (receiver.totals().jitter_ns is not None) is known


def test_a_probe_for_a_tombstone_that_gets_no_place_is_a_challenge() -> None:
    receiver = a_wary_receiver(sessions=2)
    remote = arrives(receiver, 1, at(0), HERE)
    for session in (2, 3):
        arrives(receiver, session, at(session), (f"p{session}", 1), proved=True)
    receiver.flush(now=at(4))
    receiver.data_to_send(now=at(4))
    receiver.receive([remote.probe()], now=at(4), peer=HERE)
    assert answers(receiver, at(4)) == [(CHALLENGE, HERE)]
    assert placed(receiver) == [2, 3]


def test_a_tombstone_whose_sender_moves_needs_no_place_for_that() -> None:
    receiver = a_wary_receiver(sessions=2)
    remote = arrives(receiver, 1, at(0), HERE)
    for session in (2, 3):
        arrives(receiver, session, at(session), (f"p{session}", 1), proved=True)
    receiver.flush(now=at(4))
    receiver.data_to_send(now=at(4))
    proves(receiver, remote, ("there", 1), at(5))
    assert answers(receiver, at(5)) == [(ACK, ("there", 1))]
    assert placed(receiver) == [2, 3]


def test_as_many_give_way_at_one_go_as_leave_an_address_its_eighth() -> None:
    """With 64 places four give way at once; of nine sessions of one address, which may keep eight, only one does."""
    receiver = a_receiver(sessions=64)
    for session in range(1, 65):
        receiver.receive([RemoteSender(session).message(1)], now=at(session), peer="one" if session < 10 else session)
    receiver.events()
    receiver.receive([RemoteSender(100).message(1)], now=at(100), peer="late")
    assert placed(receiver) == [*range(2, 65), 100]


def test_what_the_application_has_is_not_forgotten_when_memory_is_short() -> None:
    """Else it would be delivered twice: what is held behind a gap is dropped only where nothing else of its session waits."""
    receiver = CarefulReceiver(session=1, now=at(0), limits=a_receiver(total_bytes=900).limits)
    silent, young = RemoteSender(1, ordered=True), RemoteSender(2)
    receiver.receive([silent.message(1, b"once"), silent.message(3, b"held")], now=at(0), peer="p")
    receiver.receive([young.message(1, bytes(200))], now=at(1500), peer="q")
    assert [event.session for event in receiver.events() if isinstance(event, Message)] == [1]
    receiver.receive([silent.message(1, b"once", transmission=2)], now=at(1600), peer="p")
    assert [type(event) for event in receiver.events()] == [Duplicate]
    receiver.commit()
    receiver.receive([young.message(1, bytes(500), transmission=2)], now=at(2700), peer="q")
    assert [event.session for event in receiver.events() if isinstance(event, Message)] == [2], "now there is room"


def gaps_of_all(receiver: Receiver) -> int:
    return sum(session.arrivals.gaps_remembered for session in receiver._sessions._table.values())


def every_other(remote: RemoteSender, messages: int) -> list[bytes]:
    """So many messages, each behind a gap."""
    return [remote.message(2 * number) for number in range(1, messages + 1)]


@pytest.mark.parametrize("counting_only", [False, True])
def test_all_sessions_together_have_a_limit_of_gaps(counting_only: bool) -> None:
    """Without acknowledgments the oldest gaps are forgotten, as at the limit of one session, and each session keeps sixteen."""
    limits = a_receiver(gaps=20).limits
    receiver = CarefulReceiver(session=1, now=at(0), limits=limits, counting_only=counting_only)
    for session in range(1, 61):
        receiver.receive(every_other(RemoteSender(session, acknowledged=False), 20), now=at(session), peer=session)
        receiver.events()
        receiver.commit()
    kept = [session.arrivals.gaps_remembered for session in receiver._sessions._table.values()]
    assert kept[:32] == [20] * 32
    assert kept[32:] == [16] * 28
    late = RemoteSender(99, acknowledged=False)
    receiver.receive(every_other(late, 30), now=at(100), peer="late")
    assert receiver._sessions.find(99).arrivals.gaps_remembered == 16
    for session in range(1, 61):
        receiver.receive([RemoteSender(session, acknowledged=False).goodbye(20)], now=at(200), peer=session)
    receiver.receive(every_other(RemoteSender(101, acknowledged=False), 20), now=at(5001), peer="newer")
    assert receiver._sessions.find(101).arrivals.gaps_remembered == 20, "those that ended have given theirs back"


def test_with_acknowledgments_a_gap_too_many_of_all_is_refused_and_filling_one_is_welcome() -> None:
    receiver = a_receiver(gaps=20)
    for session in range(1, 33):
        receiver.receive(every_other(RemoteSender(session), 20), now=at(session), peer=session)
        receiver.events()
    assert gaps_of_all(receiver) == 640
    remote = RemoteSender(99)
    receiver.receive(every_other(remote, 30), now=at(50), peer="late")
    messages = [event for event in receiver.events() if isinstance(event, Message)]
    assert [message.sequence for message in messages] == [2 * number for number in range(1, 17)]
    receiver.receive([remote.message(3), remote.message(33)], now=at(51), peer="late")
    assert [event.sequence for event in receiver.events() if isinstance(event, Message)] == [3, 33]
    remote.lowest = 32  # it gave up what was missing below
    receiver.receive([remote.message(2 * number) for number in range(17, 40)], now=at(52), peer="late")
    assert gaps_of_all(receiver) <= 640 + 2 * 16
