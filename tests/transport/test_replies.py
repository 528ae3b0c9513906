"""The senders behind a receiver's replies, on a virtual clock and without a socket: who is looked at, and who is forgotten."""

import random

import pytest

from tests.core.support import RemoteReceiver, read
from udpmsg.core.allowances import Allowances
from udpmsg.core.budget import Budget
from udpmsg.core.config import Limits
from udpmsg.core.events import LimitReached, Message, Outcome, State
from udpmsg.core.sender import Sender
from udpmsg.messaging.replies import ANSWERED_COST, REPLY_COST, Replies
from udpmsg.sockets.endpoint import Endpoint

SECOND = 1_000_000_000
START = 5 * SECOND


def some_replies(**limits: int) -> Replies:
    """Replies to peers that have proved their addresses."""
    known = Limits(**limits)
    return Replies(known, Budget(known.total_bytes), Allowances(of_everybody=True))


def peer(number: int) -> Endpoint:
    return Endpoint("udp", "127.0.0.1", 10_000 + number)


def ask(replies: Replies, session: int, *, sequence: int = 1, payload: bytes = b"!", acknowledged: bool = True, now: int) -> None:
    """One answer to the session's message."""
    question = Message(b"?", peer(session), session, sequence, acknowledged=acknowledged)
    replies.add(question, payload, framed=False, now=now)


def turn(replies: Replies, now: int) -> tuple[list[Outcome], list[tuple[bytes, Endpoint]]]:
    """What `udpmsg.messaging.receiver` does after every change: outcomes, and what leaves."""
    replies.handle_timeout(now=now)
    events = replies.events(now=now)
    return [event for event in events if isinstance(event, Outcome)], replies.data_to_send(now=now)


def confirm(replies: Replies, batch: list[tuple[bytes, Endpoint]], now: int) -> None:
    """The peers have them all."""
    for data, to in batch:
        datagram = read([data])[0]
        number = datagram.number
        said = RemoteReceiver().ack((number, number), of=datagram.session, below=datagram.sequence + 1)
        assert replies.receive(said, to, now=now)


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[Sender]:
    """The senders that were asked to do what is due."""
    asked: list[Sender] = []
    sound = Sender.handle_timeout

    def handle_timeout(sender: Sender, *, now: int) -> None:
        asked.append(sender)
        sound(sender, now=now)

    monkeypatch.setattr(Sender, "handle_timeout", handle_timeout)
    return asked


def test_a_turn_looks_only_at_those_that_something_happened_to(looked_at: list[Sender]) -> None:
    replies = some_replies()
    for session in range(1, 101):
        ask(replies, session, now=START)
    turn(replies, START)
    looked_at.clear()
    for sequence in range(1, 11):
        ask(replies, 999, sequence=sequence, acknowledged=False, now=START + sequence)
        assert [to for _, to in turn(replies, START + sequence)[1]] == [peer(999)]
        assert replies.next_timeout() is not None
    assert len(looked_at) == 10
    assert replies.unresolved == 100


def test_what_nobody_confirms_is_sent_again_in_time_and_ends() -> None:
    replies = some_replies()
    for session in (1, 2, 3):
        ask(replies, session, now=START + session)
        turn(replies, START + session)
    ended: list[Outcome] = []
    repeated = []
    while (now := replies.next_timeout()) is not None:
        outcomes, batch = turn(replies, now)
        ended += outcomes
        repeated += [to for _, to in batch]
    assert [outcome.state for outcome in ended] == [State.UNCONFIRMED] * 3
    assert {repeated.count(peer(session)) for session in (1, 2, 3)} <= set(range(1, 8))
    assert replies.unresolved == 0


def test_what_the_system_refuses_for_good_is_told_at_once() -> None:
    replies = some_replies()
    ask(replies, 1, now=START)
    (_, ((data, _),)) = turn(replies, START)
    replies.not_sent(data, "EMSGSIZE", permanent=True, now=START)
    assert replies.next_timeout() == 0
    ((outcome,), batch) = turn(replies, START)
    assert (outcome.state, outcome.reason, batch) == (State.REFUSED, "not sent (EMSGSIZE)", [])
    assert (replies.unresolved, replies.next_timeout()) == (0, None)


def test_the_least_recently_answered_is_forgotten_unless_it_waits_and_has_confirmed_before() -> None:
    replies = some_replies(sessions=2)
    first = {}
    for session, now in ((1, START), (2, START + 1), (1, START + 2)):
        ask(replies, session, sequence=now, now=now)
        (_, batch) = turn(replies, now)
        first.setdefault(session, read([batch[0][0]])[0].session)
        confirm(replies, batch, now)
        turn(replies, now)
    ask(replies, 3, now=START + 3)
    turn(replies, START + 3)  # 2 made room
    ask(replies, 1, sequence=9, now=START + 4)
    (_, ((data, _),)) = turn(replies, START + 4)
    assert read([data])[0].session == first[1]
    ask(replies, 2, now=START + 5)  # 1 and 3 wait, and 3 has never confirmed anything
    (outcomes, ((data, _),)) = turn(replies, START + 5)
    assert [(outcome.state, outcome.reason) for outcome in outcomes] == [
        (State.UNCONFIRMED, "it confirmed nothing, and others wait for an answer")
    ]
    assert read([data])[0].session != first[2]
    assert replies.unresolved == 2
    assert not replies.receive(RemoteReceiver().ack((1, 1), of=first[2], below=2), peer(2), now=START + 6)


def test_one_peers_share_is_free_again_when_it_confirms() -> None:
    replies = some_replies(total_bytes=40_000)
    ask(replies, 1, payload=bytes(9000), now=START)
    ask(replies, 1, sequence=2, payload=bytes(1000), now=START)
    assert [type(event) for event in replies.events(now=START)] == [LimitReached]
    batch = turn(replies, START)[1]
    while batch:
        confirm(replies, batch, START + 1)
        batch = turn(replies, START + 1)[1]
    assert replies.unresolved == 0
    ask(replies, 1, sequence=3, payload=bytes(1000), now=START + 2)
    assert replies.unresolved == 1


@pytest.mark.parametrize("seed", range(20))
def test_the_sums_are_those_of_a_walk_over_all_and_no_timeout_is_missed(seed: int) -> None:
    """Replies to five peers, some confirmed and some lost, some refused by the system."""
    print(f"seed {seed}")
    lots = random.Random(seed)
    replies = some_replies(sessions=3)
    now, sent = START, []
    for step in range(200):
        now += lots.choice([0, 1, SECOND // 100, SECOND // 3])
        action = lots.randrange(4)
        if action == 0:
            ask(replies, lots.randint(1, 5), sequence=step + 1, acknowledged=True, now=now)
        elif action == 1 and sent:
            data, to = sent.pop(lots.randrange(len(sent)))
            datagram = read([data])[0]
            number, sequence = datagram.number, datagram.sequence
            delivered = [(sequence, sequence)] * lots.randrange(2)
            replies.receive(RemoteReceiver().ack((number, number), of=datagram.session, delivered=delivered), to, now=now)
        elif action == 2 and sent:
            replies.not_sent(sent.pop()[0], "EPERM", permanent=lots.random() < 0.5, now=now)
        sent += turn(replies, now)[1]
        senders = [answered.sender for answered in replies._by_own_session.values()]
        assert replies.unresolved == sum(sender.unresolved for sender in senders)
        cost = sum(sender.waiting_bytes + sender.unresolved * REPLY_COST + ANSWERED_COST for sender in senders)
        assert replies._budget.used == cost
        due = [sender.next_timeout() for sender in senders]
        first, next_timeout = min((time for time in due if time is not None), default=None), replies.next_timeout()
        assert (next_timeout is None) == (first is None)
        assert next_timeout is None or first is None or next_timeout <= first  # one that has become later wakes once in vain


def test_a_reply_that_waited_for_a_proof_keeps_nobody_busy_when_it_has_left() -> None:
    allowances = Allowances()
    replies = Replies(Limits(), Budget(Limits().total_bytes), allowances)
    ask(replies, 1, now=START)
    turn(replies, START)
    assert replies.take_challenges() == [(1, peer(1))]
    assert not replies.urgent(START + 1)  # it can only wait
    allowances.prove(peer(1))
    assert replies.urgent(START + 2)
    _, sent = turn(replies, START + 2)
    confirm(replies, sent, START + 3)
    (outcome,), _ = turn(replies, START + 3)
    assert outcome.state is State.DELIVERED
    assert not replies.urgent(START + 4)
