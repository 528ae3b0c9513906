"""An address proves itself by the cookie that it was sent; before that it is sent no more than came from it.

RFC 9000, section 8.1."""

import pytest

from tests.core.support import (
    SENDER,
    START,
    Receiver,
    RemoteSender,
    a_receiver,
    a_wary_receiver,
    acknowledgments,
    answers,
    at,
    payloads,
    proves,
    read,
    reports,
)
from udpmsg.core.cookies import SLOT, Cookies
from udpmsg.core.framing import Run
from udpmsg.core.receiver import Receiver as CarefulReceiver
from udpmsg.core.wire import Kind, decode_acknowledgment

SECRETS = Cookies(b"a secret")
HERE, THERE, ELSEWHERE = ("here", 1), ("there", 1), ("elsewhere", 1)
ACK, CHALLENGE, PROBE_REPLY, REPORT = Kind.ACK, Kind.CHALLENGE, Kind.PROBE_REPLY, Kind.REPORT


def with_gaps(remote: RemoteSender, first: int, last: int, payload: bytes = b"") -> list[bytes]:
    """Every second datagram, so that each is a range of its own."""
    made = []
    for sequence in range(first, last + 1):
        remote.skip()
        made.append(remote.message(sequence, payload))
    return made


def ranges_of(batch: list[tuple[bytes, object]]) -> list[int]:
    """How many ranges of arrived datagrams each acknowledgment has."""
    return [len(told.arrived) for told in acknowledgments(batch)]


def test_an_acknowledgment_of_news_is_no_larger_than_what_came() -> None:
    remote, receiver = RemoteSender(), a_wary_receiver()
    receiver.receive(with_gaps(remote, 1, 10, bytes(100)), now=at(0), peer=HERE)
    receiver.events()
    assert ranges_of(receiver.data_to_send(now=at(0))) == [10]


@pytest.mark.parametrize("size", [0, 1, 100])
def test_copies_of_an_acknowledgment_are_paid_for_with_what_came(size: int) -> None:
    """One for every second datagram, and a bare answer is left for the next question."""
    remote, receiver = RemoteSender(), a_wary_receiver()
    came = [remote.message(sequence, bytes(size)) for sequence in range(1, 41)]
    receiver.receive(came, now=at(0), peer=HERE)
    receiver.events()
    batch = receiver.data_to_send(now=at(0))
    assert len(batch) == 15, "16 answers are kept"
    assert sum(len(data) for data, _ in batch) <= sum(map(len, came))
    receiver.receive([remote.probe()], now=at(0), peer=HERE)
    assert answers(receiver, at(0)) == [(ACK, HERE)]


def used_up(*, gaps: int = 30, payload: bytes = b"") -> tuple[RemoteSender, CarefulReceiver]:
    """A sender whose acknowledgments have as many ranges as there are gaps, and have used up what may be sent to it."""
    remote, receiver = RemoteSender(), a_wary_receiver()
    receiver.receive(with_gaps(remote, 1, gaps, payload), now=at(0), peer=HERE)
    receiver.events()
    while answers(receiver, at(0)) == [(ACK, HERE)]:
        receiver.receive([remote.probe()], now=at(0), peer=HERE)
    return remote, receiver


def test_one_that_would_be_larger_becomes_a_challenge_once_in_100_milliseconds() -> None:
    remote, receiver = used_up()  # the last answer was a challenge
    for milliseconds in (1, 50, 99.9):
        receiver.receive([remote.probe()], now=at(milliseconds), peer=HERE)
        assert ranges_of(receiver.data_to_send(now=at(milliseconds))) == [1]  # the newest; the rest is left out
    receiver.receive([remote.probe()], now=at(100), peer=HERE)
    assert answers(receiver, at(100)) == [(CHALLENGE, HERE)]
    receiver.receive([remote.probe()], now=at(101), peer=HERE)
    assert ranges_of(receiver.data_to_send(now=at(101))) == [1]


def test_who_returns_the_cookie_is_told_all_at_once() -> None:
    remote, receiver = used_up()
    proves(receiver, remote, HERE, at(5))
    assert ranges_of(receiver.data_to_send(now=at(5))) == [30]
    for _ in range(100):
        receiver.receive([remote.probe()], now=at(6), peer=HERE)
        assert len(receiver.data_to_send(now=at(6))) == 1


def test_however_often_a_session_is_heard_of_its_address_is_sent_three_times_what_came_at_most() -> None:
    """Somebody opened it with a forged address, and goes on from another one: all acknowledgments would go to a third party."""
    remote, receiver = RemoteSender(), a_wary_receiver()
    first = remote.message(1)
    receiver.receive([first], now=at(0), peer=HERE)
    sent = 0
    for number in range(2, 200):
        receiver.receive([remote.message(number)], now=at(number), peer=THERE)
        receiver.events()
        sent += sum(len(data) for data, peer in receiver.data_to_send(now=at(number)) if peer == HERE)
    assert 0 < sent <= 3 * len(first)


@pytest.mark.parametrize("kind", ["probe", "message of no place"])
def test_bare_answers_too_are_three_times_what_came_at_most(kind: str) -> None:
    receiver = a_wary_receiver(sessions=1)
    receiver.receive([RemoteSender(7).message(1)], now=at(0), peer=ELSEWHERE)
    came = sent = 0
    for number in range(1, 20):
        remote = RemoteSender(100 + number)
        data = remote.probe() if kind == "probe" else remote.message(1)
        receiver.receive([data], now=at(0), peer=HERE)
        came += len(data)
        batch = [answer for answer, peer in receiver.data_to_send(now=at(0)) if peer == HERE]
        sent += sum(map(len, batch))
        assert [datagram.kind for datagram in read(batch)] == [PROBE_REPLY if kind == "probe" else CHALLENGE]
    assert sent <= 3 * came


def test_that_it_arrived_is_not_told_where_that_it_is_delivered_could_not_be_told_any_more() -> None:
    """A message of one byte, and an application that takes its time: two acknowledgments are more than three times as much."""
    remote, receiver = RemoteSender(), a_wary_receiver(receiver=CarefulReceiver)
    remote.skip()
    receiver.receive([remote.message(1, b"x")], now=at(0), peer=HERE)
    receiver.events()
    assert receiver.data_to_send(now=at(0)) == []
    receiver.commit()
    (told,) = acknowledgments(receiver.data_to_send(now=at(30)))
    assert told.all_below == 2


def test_a_report_is_not_sent_where_it_would_be_more_than_came() -> None:
    remote, receiver = RemoteSender(acknowledged=False), a_wary_receiver()
    receiver.receive([remote.message(number) for number in range(2, 130, 4)], now=at(0), peer=HERE)
    receiver.receive([remote.query()], now=at(0), peer=THERE)
    (report,) = reports((data, peer) for data, peer in receiver.data_to_send(now=at(0)) if peer == THERE)
    assert len(report.missing) == 32
    receiver.receive([remote.query(), remote.probe()], now=at(1), peer=THERE)
    receiver._allowances._accounts[THERE].left = 0  # all of it has been spent on something else
    assert REPORT not in [kind for kind, _ in answers(receiver, at(1))]


def test_a_new_address_is_challenged_and_followed_when_it_has_answered() -> None:
    remote, receiver = RemoteSender(), a_wary_receiver()
    receiver.receive([remote.message(1, bytes(100))], now=at(0), peer=HERE)
    receiver.receive([remote.message(2, bytes(100))], now=at(1), peer=THERE)
    receiver.events()
    assert answers(receiver, at(1)) == [(ACK, HERE), (CHALLENGE, THERE)]
    proves(receiver, remote, THERE, at(2))
    (told,) = receiver.data_to_send(now=at(2))
    assert told[1] == THERE
    receiver.receive([remote.message(3, bytes(100)), remote.message(4, bytes(100))], now=at(3), peer=THERE)
    assert [event.peer for event in receiver.events()] == [THERE, THERE]  # type: ignore[union-attr]
    assert answers(receiver, at(3)) == [(ACK, THERE)]


def test_an_older_datagram_from_a_proved_address_moves_nobody() -> None:
    remote, other, receiver = RemoteSender(), RemoteSender(7), a_wary_receiver()
    older = remote.message(1)
    receiver.receive([remote.message(2)], now=at(0), peer=HERE)
    proves(receiver, other, THERE, at(0))
    receiver.receive([older], now=at(1), peer=THERE)
    receiver.events()
    assert answers(receiver, at(1)) == [(ACK, HERE)]


def test_the_place_of_a_session_that_moved_counts_as_of_its_new_address() -> None:
    remote, receiver = RemoteSender(), a_wary_receiver()
    receiver.receive([remote.message(1)], now=at(0), peer=HERE)
    proves(receiver, remote, THERE, at(1))
    assert dict(receiver._sessions._of_origin) == {"there": 1}
    (session,) = receiver._sessions._table.values()
    assert (session.peer, session.origin, session.proved) == (THERE, "there", True)


def test_what_one_session_has_proved_holds_for_the_others_of_that_address() -> None:
    first, second, receiver = RemoteSender(1), RemoteSender(2), a_wary_receiver()
    receiver.receive([first.message(1), second.message(1)], now=at(0), peer=HERE)
    proves(receiver, first, HERE, at(1))
    assert [session.proved for session in receiver._sessions._table.values()] == [True, False]
    receiver.receive([second.message(2)], now=at(2), peer=HERE)
    assert [session.proved for session in receiver._sessions._table.values()] == [True, True]


def test_a_fire_and_forget_session_that_proves_itself_is_owed_nothing() -> None:
    remote, receiver = RemoteSender(acknowledged=False), a_wary_receiver()
    receiver.receive([remote.message(1)], now=at(0), peer=HERE)
    proves(receiver, remote, THERE, at(1))
    assert answers(receiver, at(1)) == []
    receiver.receive([remote.message(2)], now=at(2), peer=THERE)
    assert [event.peer for event in receiver.events()] == [HERE, THERE]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("session", "peer", "made_at"), [(SENDER, HERE, at(50)), (7, THERE, at(50)), (SENDER, THERE, at(50) - 2 * SLOT)]
)
def test_a_wrong_cookie_proves_nothing_and_is_never_answered(session: int, peer: tuple[str, int], made_at: int) -> None:
    """Of another address, of another session, and an old one."""
    remote, receiver = RemoteSender(), a_wary_receiver()
    receiver.receive([remote.message(1)], now=at(0), peer=HERE)
    receiver.events()
    assert answers(receiver, at(25)) == [(ACK, HERE)]
    right, wrong = SECRETS.make(SENDER, THERE, now=at(50)), SECRETS.make(session, peer, now=made_at)
    receiver.receive([remote.cookie(wrong)], now=at(50), peer=THERE)
    assert receiver.events() == []
    assert (answers(receiver, at(50)), receiver.totals().malformed) == ([], 1)
    receiver.receive([remote.cookie(right)], now=at(50), peer=THERE)
    assert answers(receiver, at(50)) == [(ACK, THERE)]


def test_a_cookie_to_a_receiver_that_gave_none_is_counted() -> None:
    receiver = a_receiver()
    receiver.receive([RemoteSender().cookie(bytes(12))], now=at(0), peer=HERE)
    assert (receiver.events(), receiver.totals().malformed) == ([], 1)
    assert receiver.data_to_send(now=at(0)) == []


def test_a_cookie_for_a_session_that_nobody_knows_proves_the_address_and_keeps_nothing() -> None:
    remote, receiver = RemoteSender(), a_wary_receiver()
    receiver.receive([remote.message(1)], now=at(0), peer=THERE)
    stranger = RemoteSender(7)
    receiver.receive([stranger.probe()], now=at(0), peer=HERE)
    assert answers(receiver, at(0)) == [(PROBE_REPLY, HERE)]
    proves(receiver, stranger, HERE, at(0))
    assert receiver.sessions_open == 1
    assert answers(receiver, at(0)) == []
    assert receiver._allowances.proved(HERE)


def test_a_run_from_an_unproved_address_counts_as_what_came() -> None:
    remote, receiver = RemoteSender(), a_wary_receiver()
    run = [remote.message(number, bytes(50)) for number in range(1, 9)]
    receiver.receive([Run(b"".join(run), len(run[0]))], now=START, peer=HERE)
    assert len(payloads(receiver.events())) == 8
    assert receiver._allowances.grant(HERE, len(run[0]) * 8)
    assert not receiver._allowances.grant(HERE, 1)


def test_what_a_challenge_costs_is_not_sent_for_nothing() -> None:
    """Nothing came from there: the replies' owner asks, but nobody is there who could be made to listen."""
    receiver = a_wary_receiver()
    receiver.challenge(7, ELSEWHERE, now=at(0))
    assert receiver.data_to_send(now=at(0)) == []


def test_where_there_are_no_cookies_every_address_may_be_answered() -> None:
    remote, receiver = RemoteSender(), a_receiver()
    assert type(receiver) is Receiver
    receiver.receive(with_gaps(remote, 1, 40), now=at(0), peer=HERE)
    receiver.events()
    ((data, _),) = receiver.data_to_send(now=at(0))
    assert len(decode_acknowledgment(read([data])[0].payload).arrived) == 32
