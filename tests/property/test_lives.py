"""A session whose sender dies at any moment, over a link that loses and overtakes: each message is delivered once, by its number.

The spool is a dictionary here: what was accepted and is not known to be delivered. A life begins with what it has.
"""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.core.support import Receiver
from udpmsg.core.config import Earlier, SenderConfig
from udpmsg.core.events import Malformed, Message, Outcome, State
from udpmsg.core.framing import each
from udpmsg.core.sender import Sender
from udpmsg.core.wire import Kind, decode

MILLISECOND = 1_000_000
LIFE = 1 << 40
SESSION = 7


class Session:
    """Lives of one sender, one after the other, and a receiver that outlives them."""

    def __init__(self, *, seed: int, ordered: bool, framed: bool, window: int | None, loss: float) -> None:
        self.random = Random(seed)
        self.config = SenderConfig(
            acknowledged=True,
            ordered=ordered,
            window=window,
            datagram_size=None if framed else 200,
            max_transmissions=4,
            deadline=400 * MILLISECOND,
        )
        self.framed = framed
        self.loss = 0.0 if framed else loss
        self.now = 10**9
        self.receivers = 0
        self.spool: dict[int, bytes] = {}
        self.accepted = 0
        self.delivered: set[int] = set()
        """In any receiver's life; `now_delivered` in that of the present one, in the order of delivery."""
        self.numbers: set[int] = set()
        self.latest = (0, 0)
        self.lives = 0
        self.begin()
        self.restart_receiver()

    def begin(self) -> None:
        """A life of the sender. What was on its way to the one before is lost: its socket is gone."""
        earlier = Earlier(10**9, self.accepted, self.lives * LIFE)
        self.sender = Sender(self.config, session=SESSION, now=self.now, earlier=earlier)
        self.lives += 1
        self.left = sorted(self.spool)

    def restart_receiver(self) -> None:
        """It has forgotten everything."""
        self.receivers += 1
        self.receiver = Receiver(session=self.receivers, now=self.now, framed=self.framed)
        self.now_delivered: list[int] = []

    def accept(self, sizes: list[int]) -> None:
        for size in sizes:
            self.accepted += 1
            self.spool[self.accepted] = self.accepted.to_bytes(4, "big") + bytes(size)
            self.left.append(self.accepted)

    def feed(self) -> bool:
        """The next message for the core, and the numbers of those before it that were delivered."""
        sequence = self.left[0] if self.left else self.accepted + 1
        if self.sender.accepted == self.accepted or self.sender.backlog > 3:
            return False
        if hole := sequence - self.sender.accepted - 1:
            if self.sender.backlog:
                return False
            self.sender.skip(hole)
        if self.left:
            assert self.sender.send([self.spool[self.left.pop(0)]], now=self.now) == range(sequence, sequence + 1)
        return True

    def turn(self, *, loss: float | None = None, forgetting: float = 0.0) -> None:
        """30 ms pass. `forgetting`: the share of delivered messages whose taking out is lost with the power."""
        loss = self.loss if loss is None else loss
        self.now += 30 * MILLISECOND
        self.sender.handle_timeout(now=self.now)
        self.receiver.handle_timeout(now=self.now)
        batch = each(self.sender.data_to_send(now=self.now))
        while self.feed():
            batch += each(self.sender.data_to_send(now=self.now))
        for data in batch:
            self.look_at(data)
        there = [data for data in batch if self.random.random() >= loss]
        if not self.framed:
            there.sort(key=lambda _: self.random.random() < 0.1)
        self.receiver.receive(there, now=self.now, peer=self.lives)
        self.now_delivered += [
            event.sequence for event in self.receiver.events() if isinstance(event, Message) and event.sequence
        ]
        self.receiver.commit()
        assert len(set(self.now_delivered)) == len(self.now_delivered), "delivered twice in one receiver's life"
        self.delivered |= set(self.now_delivered)
        back = [data for data, _ in self.receiver.data_to_send(now=self.now) if self.random.random() >= loss]
        self.sender.receive(back, now=self.now)
        for event in self.sender.events():
            assert not isinstance(event, Malformed), event
            if isinstance(event, Outcome) and event.state is State.DELIVERED:
                assert event.sequence in self.delivered
                if self.random.random() >= forgetting:
                    del self.spool[event.sequence]

    def look_at(self, data: bytes) -> None:
        datagram = decode(data, framed=self.framed)
        assert datagram.number not in self.numbers
        self.numbers.add(datagram.number)
        assert (datagram.number, datagram.sent_at) >= self.latest
        self.latest = (datagram.number, datagram.sent_at)
        if datagram.kind is Kind.MESSAGE and datagram.fragment is None:
            assert datagram.payload == self.spool[datagram.sequence]
        assert datagram.lowest <= min((sequence for sequence in self.spool if sequence not in self.delivered), default=2**64)


@given(
    seed=st.integers(0, 2**32),
    ordered=st.booleans(),
    framed=st.booleans(),
    window=st.none() | st.integers(2, 5),
    loss=st.sampled_from((0.0, 0.5, 0.8)),
    forgetting=st.sampled_from((0.0, 0.3)),
    lives=st.lists(
        st.tuples(st.lists(st.integers(0, 100) | st.integers(150, 500), max_size=12), st.integers(0, 30), st.booleans()),
        min_size=1,
        max_size=6,
    ),
    forgetful=st.booleans(),
)
def test_each_message_is_delivered_once_whenever_the_sender_dies(
    seed: int,
    ordered: bool,
    framed: bool,
    window: int | None,
    loss: float,
    forgetting: float,
    lives: list[tuple[list[int], int, bool]],
    forgetful: bool,
) -> None:
    """`forgetful`: the receiver restarts too, now and then: each message comes at least once, and once in each of its lives."""
    session = Session(seed=seed, ordered=ordered, framed=framed, window=window, loss=loss)
    for sizes, turns, restarts in lives:
        session.accept(sizes)
        for turn in range(turns):
            if forgetful and restarts and turn == turns // 2:
                session.restart_receiver()
                if framed:
                    session.begin()  # the connection ended with the receiver, and the sender's life with the connection
            session.turn(forgetting=forgetting)
        session.begin()
    for _ in range(4):  # a life may end with some unconfirmed, for which the next one is there
        for _ in range(400):
            session.turn(loss=0.0)
        session.begin()
    assert session.delivered == set(range(1, session.accepted + 1))
    assert session.spool == {}
    if ordered:
        assert session.now_delivered == sorted(session.now_delivered)
