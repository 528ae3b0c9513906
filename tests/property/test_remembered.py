"""What outlives a receiver: a next life that is told of it answers every later datagram as the one before would have.

And the parts beside it, each against a naive model: allowances, the bucket, tombstones.
"""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tests.core.support import RemoteSender
from udpmsg.core.allowances import ANSWERS_KEPT, Allowances, Bucket
from udpmsg.core.events import Duplicate, Event, Message
from udpmsg.core.receiver import Receiver
from udpmsg.core.remembered import Remembered
from udpmsg.core.rtt import MAX_ACK_DELAY
from udpmsg.core.session import Session
from udpmsg.core.tombstones import Tombstones, kept_for
from udpmsg.core.wire import Kind, decode, decode_acknowledgment

SECOND = 1_000_000_000
PEERS = ["a", "b", "c"]


def told(events: Sequence[Event]) -> list[tuple[type, int | None]]:
    """What became of each message that came."""
    return [(type(event), event.sequence) for event in events if isinstance(event, Message | Duplicate)]


def claims(receiver: Receiver, now: int = SECOND) -> list[tuple[int, list[tuple[int, int]]]]:
    """What an acknowledgment says is delivered, now that everything is committed."""
    receiver.commit()
    receiver.flush(now=now)
    found = [decode(data) for data, _ in receiver.data_to_send(now=now)]
    bodies = [decode_acknowledgment(datagram.payload) for datagram in found if datagram.kind is Kind.ACK]
    assert all(body == bodies[0] for body in bodies), "several that are due at once are copies"
    return [(body.all_below, body.delivered) for body in bodies[:1]]


@given(
    before=st.lists(st.integers(1, 20), min_size=1, max_size=20),
    done=st.integers(0, 20),
    lowest=st.integers(1, 12),
    after=st.lists(st.tuples(st.integers(1, 24), st.integers(1, 24)), min_size=1, max_size=30),
    ordered=st.booleans(),
)
def test_a_next_life_goes_on_as_the_one_before_would_have(
    before: list[int], done: int, lowest: int, after: list[tuple[int, int]], ordered: bool
) -> None:
    """With some messages committed before, one by one, and the others in hand."""
    remote, receiver = RemoteSender(7, ordered=ordered), Receiver(session=1, now=0)
    for sequence in before:
        remote.lowest = min(lowest, sequence)
        receiver.receive([remote.message(sequence)], now=0, peer="p")
    store: dict[int, Remembered] = {}
    messages = [event for event in receiver.events() if isinstance(event, Message)]
    for message in messages[:done]:
        store.update(receiver.remembered())
        receiver.done(message)
    store.update(receiver.remembered())
    if not messages:  # all wait behind a gap: nothing of them is delivered, and a next life takes them anew
        assert store == {}
        return
    assert store[7].count == len(messages)
    assert claims(receiver) == [(store[7].all_below, store[7].delivered)]
    if receiver.held_bytes:
        return
    other = Receiver(session=2, now=0, restore=store.get)
    for turn, (sequence, below) in enumerate(after, 1):
        now = SECOND + turn * MAX_ACK_DELAY  # so that everything is told
        remote.lowest = min(max(below, remote.lowest), sequence)
        data = remote.message(sequence)
        for life in (receiver, other):
            life.receive([data], now=now, peer="p")
        here, there = told(receiver.events()), told(other.events())
        assert [each for each in there if each[0] is Message] == [each for each in here if each[0] is Message]
        assert set(here) <= set(there)  # what its sender gave up, and comes late, is a duplicate to the next life
        assert claims(receiver, now) == claims(other, now)
    assert receiver.totals().messages_delivered == other.totals().messages_delivered


steps = st.lists(
    st.tuples(st.sampled_from(["comes", "grant", "answer", "prove"]), st.sampled_from(PEERS), st.integers(0, 300)), max_size=60
)


@given(steps)
def test_no_address_is_sent_more_than_its_part_of_what_came(steps: list[tuple[str, str, int]]) -> None:
    allowances = Allowances()
    came, sent, proved = dict.fromkeys(PEERS, 0), dict.fromkeys(PEERS, 0), set()
    answers = dict.fromkeys(PEERS, 0)
    for what, peer, size in steps:
        if what == "comes":
            allowances.received(peer, size)
            came[peer] += size
            answers[peer] = min(answers[peer] + 1, ANSWERS_KEPT)
        elif what == "prove":
            if size < 30:
                allowances.prove(peer)
                proved.add(peer)
        elif what == "answer":
            assert allowances.grant_answer(peer) is (peer in proved or answers[peer] > 0)
            answers[peer] = max(answers[peer] - 1, 0)
        else:
            granted = allowances.grant(peer, size)
            assert granted is (peer in proved or sent[peer] + size <= came[peer])
            sent[peer] += size if granted and peer not in proved else 0
    assert {peer for peer in PEERS if allowances.proved(peer)} == proved


@given(
    size=st.integers(1, 10_000),
    rate=st.integers(1, 1_000_000),
    steps=st.lists(st.tuples(st.integers(0, 3 * SECOND), st.integers(0, 3000)), max_size=40),
)
def test_a_bucket_gives_no_more_than_it_held_and_what_flowed_in(size: int, rate: int, steps: list[tuple[int, int]]) -> None:
    bucket, now, took = Bucket(size, rate), 0, 0
    for pause, wanted in steps:
        now += pause
        if bucket.holds(wanted, now):
            bucket.take(wanted)
            took += wanted
        assert took <= size + now * rate // SECOND
    assert bucket.holds(size, now + size * SECOND // rate + SECOND)
    assert not bucket.holds(size + 1, now + 10**6 * SECOND)


@given(
    st.lists(
        st.tuples(st.sampled_from(["keep", "take"]), st.integers(1, 12), st.integers(0, 5 * SECOND), st.booleans()), max_size=60
    )
)
def test_tombstones_keep_all_that_is_young(steps: list[tuple[str, int, int, bool]]) -> None:
    forgotten: list[Session] = []
    tombstones, model, now = Tombstones(4, forgotten.append), {}, 0
    for what, identity, pause, ended in steps:
        now += pause
        if what == "take":
            if identity in model:
                tombstones.take(model.pop(identity))
        elif identity not in model and tombstones.make_room(now):
            for session in forgotten:
                assert session.last_seen_at + kept_for(session) <= now
                del model[session.identity]
            forgotten.clear()
            session = Session(identity, "p", 4, acknowledged=True)
            session.last_seen_at, session.ended, session.origin = now, ended, identity % 3
            model[identity] = session
            tombstones.keep(session)
        assert {session.identity: session for session in tombstones} == model
        assert [tombstones.find(identity) for identity in range(13)] == [model.get(identity) for identity in range(13)]
        assert len(model) <= 4
        for origin in range(3):
            assert tombstones.of(origin) == sum(session.origin == origin for session in model.values())
