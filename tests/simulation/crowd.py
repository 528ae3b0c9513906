"""A crowd at one small listener: honest senders, strangers that open sessions without end, newcomers, and late copies.

Owns the order of things and its own account of who was served. The link loses nothing and takes a moment; the senders are real
ones. A copy of anything that an honest sender sent may come again later, from wherever it came.
"""

from random import Random

from tests.simulation.addresses import Addresses
from tests.simulation.hostile import ACK_REQUESTED, CHALLENGE, CHECKSUM, GOODBYE, MESSAGE, forge
from tests.simulation.link import MILLISECOND, SECOND
from tests.simulation.world import Broken, check_budget
from udpmsg.core.config import Limits, SenderConfig
from udpmsg.core.cookies import Cookies
from udpmsg.core.events import Message, Outcome, State
from udpmsg.core.framing import each
from udpmsg.core.receiver import Receiver
from udpmsg.core.sender import Sender

PLACES = 32
LIMITS = Limits(sessions=PLACES, session_messages=64, total_bytes=256 << 10, gaps=16)
HONEST = 20
"""More than half of the places."""
PATIENCE = 10 * SECOND
"""A newcomer that answers cookies is served within so long."""
REAL = ("a real address", 6666)
"""Where the strangers return their cookies."""
COPIES_COME = 60 * SECOND
"""How late a copy may come."""


class Visitor:
    """An honest sender at an address of its own."""

    def __init__(self, number: int, session: int, now: int) -> None:
        self.peer = (f"visitor {number}", 40_000)
        self.session = session
        self.sender = Sender(SenderConfig(acknowledged=True, deadline=PATIENCE), session=session, now=now)
        self.accepted = self.delivered = 0

    def send(self, now: int) -> None:
        self.accepted += 1
        self.sender.send([b"%d of %d" % (self.accepted, self.session)], now=now)


class Crowd:
    """One run of so many turns, of 5 ms each. `run()` raises Broken."""

    def __init__(self, seed: int) -> None:
        self.random = Random(f"crowd:{seed}")
        self.now = self.random.randrange(1, 10**15)
        secret = self.random.randbytes(32)
        self.addresses = Addresses(secret)
        self.receiver = Receiver(session=1, now=self.now, limits=LIMITS, cookies=Cookies(secret), origin_of=lambda peer: peer[0])
        self.visitors = [Visitor(number, self._session(), self.now) for number in range(HONEST)]
        self.seen: set[tuple[int, int]] = set()
        self.copies: list[tuple[int, bytes, tuple[str, int]]] = []
        self.asked = b""

    def run(self, turns: int = 120) -> None:
        """Everybody comes; then all is quiet, and nothing is left."""
        for turn in range(turns):
            if turn < HONEST:
                self.visitors[turn].send(self.now)
            elif self.random.random() < 0.3:
                self.random.choice(self.visitors).send(self.now)
            if turn >= HONEST and turn % 8 == 0:
                self.visitors.append(Visitor(len(self.visitors), self._session(), self.now))
                self.visitors[-1].send(self.now)
            if turn >= HONEST // 2:
                self._strangers()
            self._copies()
            self._turn()
        for _ in range(int(PATIENCE / (5 * MILLISECOND))):
            self._turn()
            if not any(visitor.sender.unresolved for visitor in self.visitors):
                break
        for visitor in self.visitors:
            if visitor.delivered != visitor.accepted:
                raise Broken(f"{visitor.peer} had {visitor.delivered} of its {visitor.accepted} messages delivered")
        if self.receiver.held_bytes:
            raise Broken(f"{self.receiver.held_bytes} bytes are charged when all is quiet")

    def _turn(self) -> None:
        self.now += 5 * MILLISECOND
        for visitor in self.visitors:
            visitor.sender.handle_timeout(now=self.now)
            for datagram in each(visitor.sender.data_to_send(now=self.now)):
                self._arrive(datagram, visitor.peer)
                if self.random.random() < 0.3:
                    self.copies.append((self.now, datagram, visitor.peer))
        self.receiver.handle_timeout(now=self.now)
        self._settle()
        for visitor in self.visitors:
            for event in visitor.sender.events():
                if isinstance(event, Outcome):
                    if event.state is not State.DELIVERED:
                        raise Broken(f"{visitor.peer}: {event}")
                    visitor.delivered += 1

    def _arrive(self, datagram: bytes, peer: tuple[str, int]) -> None:
        self.addresses.received(datagram, peer, now=self.now)
        self.receiver.receive([datagram], now=self.now, peer=peer)
        self._settle()

    def _settle(self) -> None:
        receiver = self.receiver
        for event in receiver.events():
            if isinstance(event, Message):
                assert event.session is not None
                assert event.sequence is not None
                if (event.session, event.sequence) in self.seen:
                    raise Broken(f"message {event.sequence} of session {event.session} delivered twice")
                self.seen.add((event.session, event.sequence))
        receiver.commit()
        honest = {visitor.peer: visitor for visitor in self.visitors}
        for datagram, peer in receiver.data_to_send(now=self.now):
            self.addresses.sent(datagram, peer, now=self.now, honest=peer in honest)
            if peer in honest:
                honest[peer].sender.receive([datagram], now=self.now, peer=None)
            elif peer == REAL and datagram[3] == CHALLENGE:
                self.asked = datagram[40:52]
        if receiver.sessions_open > PLACES:
            raise Broken(f"{receiver.sessions_open} sessions in {PLACES} places")
        check_budget(receiver)

    def _strangers(self) -> None:
        """Some that only send, some that ask for acknowledgments, from addresses that are none; and some from a real one."""
        random = self.random
        for _ in range(random.randrange(6)):
            session, peer = self._session(), (f"forged {random.randrange(10**6)}", 7)
            kind = random.random()
            if kind < 0.1:
                self._arrive(asking(session), peer)  # somebody's, who never asked; and the rest comes from elsewhere
                for number in range(2, 10):
                    self._arrive(asking(session, number), REAL)
            elif kind < 0.4:
                self._arrive(forge(MESSAGE, flags=0, session=session, sequence=1, payload=b"x"), peer)
            elif kind < 0.5:
                self._arrive(forge(GOODBYE, session=session, payload=bytes(8)), peer)
            elif kind < 0.7:
                self._arrive(asking(session), peer)
            else:
                self.asked = b""
                self._arrive(asking(session), REAL)
                if self.asked:
                    self._arrive(forge(7, session=session, datagram=2, payload=self.asked.ljust(64, b"\0")), REAL)
                    self._arrive(asking(session, 3), REAL)

    def _copies(self) -> None:
        for _ in range(self.random.randrange(4)):
            if self.copies:
                came_at, datagram, peer = self.random.choice(self.copies)
                if self.now - came_at < COPIES_COME:
                    self._arrive(datagram, peer)

    def _session(self) -> int:
        return self.random.getrandbits(64) | 1


def asking(session: int, number: int = 1) -> bytes:
    """A stranger's message with this number, in a datagram with the same, that asks for an acknowledgment."""
    blocks = bytes([0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0])
    flags = ACK_REQUESTED | CHECKSUM
    return forge(MESSAGE, flags=flags, session=session, datagram=number, sequence=number, blocks=blocks, payload=b"y")
