"""The virtual world: an event heap on an integer clock, two state machines, a link, an application, and what must hold.

Owns the order of things and the checks at every step. Knows the core only by its verbs, and reads what passes on the link
with its own unpacking, so that an error of the codec cannot hide itself. The drain of each side is always: receive,
events, data_to_send, next_timeout.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random
from struct import Struct
from zlib import crc32

from tests.simulation.addresses import Addresses
from tests.simulation.hostile import COOKIE_SIZE, Hostile
from tests.simulation.link import MILLISECOND, SECOND, Faults, Link
from udpmsg.core.budget import FRAGMENT_COST, MESSAGE_COST, REASSEMBLY_COST
from udpmsg.core.cookies import Cookies
from udpmsg.core.delivery import Batch
from udpmsg.core.events import Goodbye, Message, Outcome, PeerRestarted, State
from udpmsg.core.framing import each
from udpmsg.core.receiver import Limits, Receiver
from udpmsg.core.remembered import Remembered
from udpmsg.core.sender import Sender, SenderConfig

HEADER = Struct(">HBBHHQQQQ")
ACK_BLOCK = Struct(">QHH")
FRAGMENT_BLOCK = Struct(">HHHHI")
ACK_BODY = Struct(">QQIIIQBBH")
RANGE = Struct(">QQ")
MESSAGE, ACK, GOODBYE, PROBE, CHALLENGE, COOKIE = 1, 2, 3, 4, 6, 7
ACK_REQUESTED, FRAGMENT = 1, 2
NEVER = 1 << 62
SENDER_PEER = ("sender", 40_000)
RECEIVER_PEER = ("receiver", 5000)
HOSTILE_PEER = ("hostile", 6666)
GARBAGE_PEER = ("garbage", 6667)
INITIAL_RTO = SECOND
MAX_STEPS_PER_MESSAGE = 400
POOL = Random(1).randbytes(1 << 16)


class Broken(AssertionError):
    """An invariant does not hold."""


@dataclass(frozen=True)
class Scenario:
    """One sort of world; a seed makes it a run."""

    name: str
    about: str
    acknowledged: bool = True
    ordered: bool = False
    forward: Faults = field(default_factory=Faults)
    backward: Faults = field(default_factory=Faults)
    messages: int = 500
    seeds: int = 50
    """How many runs the suite makes."""
    sizes: str = "mixed"
    """`mixed` (0 to 1 datagram, a few larger), `small`, or `fragments` (3 to 20 kB)."""
    application: str = "at once"
    """`at once`, `slow`, `bursts` or `never`: how the receiving application takes its messages."""
    window: int | None = None
    deadline: int = 60 * SECOND
    max_transmissions: int = 8
    limits: Limits = field(default_factory=Limits)
    receiver_restarts: int = 0
    store: bool = False
    """What was committed outlives the receiver."""
    sender_restarts: int = 0
    moves: int = 0
    """How often the sender gets another address in mid-session."""
    cookies: bool | None = None
    """Addresses must prove themselves. None: in every second run; never in frames."""
    hostile: int = 0
    """How many bad datagrams are thrown in, at each side."""
    flood: bool = False
    """The hostile peer comes with more than any limit has room for."""
    framed: bool = False
    refused: float = 0.0
    """The share of datagrams that the system refuses to send, each told by `not_sent`."""
    delivered_at_least: float = 0.0
    """The share that must arrive, each run: safety alone would be kept by a sender that never sends."""
    delivered_on_average: float = 0.0
    """The same over all seeds, where one unlucky run proves nothing."""
    follows_path: bool = False
    """Datagrams are as large as the path takes."""
    no_retransmission: bool = False
    """Nothing is lost and nothing is late here: a retransmission would be a wrong guess."""
    cuts_anew: bool = False
    """The path becomes too narrow for what was sent: then nobody can tell from outside which fragment left how often."""
    within_limits: bool = False
    """The receiver's limits leave room for all that an honest sender sends: whoever keeps to the credit meets none."""
    span: int = 2 * SECOND
    """The application sends its messages over about this long."""


class Ledger:
    """What one sender was told to send, and how it ended: the harness's own account."""

    def __init__(self, session: int, messages: int) -> None:
        self.session = session
        self.payloads: list[bytes] = []
        self.accepted_at: list[int] = []
        self.reply_to: list[int] = []
        self.ended = bytearray(messages + 2)
        self.delivered_ever = bytearray(messages + 2)
        self.transmitted = bytearray(messages + 2)
        self.fragments: dict[tuple[int, int, int], int] = {}
        self.in_flight = 0
        self.unresolved = 0
        self.lowest_unresolved = 1
        self.outcomes = dict.fromkeys(State, 0)
        self.last_datagram_number = 0
        self.challengers: dict[bytes, int] = {}
        """Whose cookies its sender was sent: of each cookie the session."""
        self.last_cookie_at: dict[int, int] = {}
        """When a session's cookie was last returned."""
        self.sent_at = [0]
        self.first_flight = 0
        self.sent_all = False
        self.said_goodbye = False
        self.forgotten = False
        self.crashed = False
        self.refused = 0

    def sent(self) -> int:
        """How many messages left, at least in part."""
        count = len(self.payloads)
        return count - self.transmitted.count(0, 1, count + 1) - self.refused


class Life:
    """One receiver's life: what its application was given, by session."""

    def __init__(self, session: int, receiver: Receiver, addresses: Addresses | None) -> None:
        self.session = session
        self.addresses = addresses
        """The world's account of them; None: none of them needs to prove itself."""
        self.receiver = receiver
        self.delivered: dict[int, bytearray] = {}
        """What the application was given."""
        self.committed: dict[int, bytearray] = {}
        """What the application is done with."""
        self.in_hand: list[Message] = []
        """What it was given, and is not done with."""
        self.strangers: set[tuple[int, int]] = set()
        self.strangers_gone: set[int] = set()
        """They said goodbye, and may be forgotten where the table is small."""
        self.last_in_order: dict[int, int] = {}
        self.verified_below: dict[int, int] = {}
        self.goodbyes: dict[int, list[Goodbye]] = {}
        self.delivered_count = 0
        self.raw = 0


class World:
    """One run. `run()` returns the trace hash, or raises Broken."""

    def __init__(self, scenario: Scenario, seed: int, *, tell: Callable[[str], None] | None = None) -> None:
        self.scenario = scenario
        self.random = Random(f"{scenario.name}:{seed}")
        self.tell = tell
        self.cookies = not scenario.framed and (seed % 2 == 0 if scenario.cookies is None else scenario.cookies)
        self.start = self.now = self.random.randrange(1, 10**15)
        self.trace = 0
        self.steps = 0
        self.heap: list[tuple[int, int, str, object, bytes]] = []
        self.order = 0
        random = self.random
        one_way = random.choice((20_000, 500_000, 5 * MILLISECOND, 20 * MILLISECOND, 70 * MILLISECOND))
        self.rtt_at_most = 0
        jitter = random.choice((0, one_way // 10))
        self.forward = Link(scenario.forward, Random(random.random()), start=self.start, delay=one_way, jitter=jitter)
        self.backward = Link(scenario.backward, Random(random.random()), start=self.start, delay=one_way, jitter=jitter)
        self.hostile = Hostile(Random(random.random()))
        self.ledgers: list[Ledger] = []
        self.by_session: dict[int, Ledger] = {}
        self.lives: list[Life] = []
        self.sender_timer = NEVER
        self.receiver_timer = NEVER
        self.acknowledgments_seen = 0
        self.garbage_sent = 0
        self.drain_at = NEVER
        """When the application of `slow` and `bursts` comes by next."""
        self.quiet = False
        self.delivered_share = 0.0
        """Of the messages accepted, how many are known to be delivered; known at the end."""
        self.remaining = scenario.messages
        self.sender_peer: tuple[str, int] = SENDER_PEER
        self.store: dict[int, Remembered] = {}
        self._new_sender()
        self._new_receiver()
        self._plan()

    # -- the plan ----------------------------------------------------------------------------------------------------

    def _plan(self) -> None:
        """When the application sends, drains, restarts; when the hostile peer strikes."""
        scenario, random = self.scenario, self.random
        left, at = scenario.messages, self.start
        chunks = []
        while left:
            count = min(left, random.choice((1, 1, 2, 5, 16, 64)))
            left -= count
            chunks.append(count)
        for count in chunks:
            self._at(at, "send", count)
            at += random.randrange(2 * scenario.span // len(chunks) + 1)
        for _ in range(scenario.receiver_restarts):
            self._at(self.start + random.randrange(2 * scenario.span), "restart receiver", None)
        for _ in range(scenario.moves):
            self._at(self.start + random.randrange(scenario.span), "move", None)
        for _ in range(scenario.sender_restarts):
            self._at(self.start + random.randrange(scenario.span), "restart sender", random.random() < 0.5)
        for _ in range(scenario.hostile):
            self._at(self.start + random.randrange(2 * scenario.span), "hostile", None)
        if scenario.application in ("slow", "bursts"):
            self.drain_at = self.start

    def _at(self, time: int, what: str, who: object, datagram: bytes = b"") -> None:
        self.order += 1
        heappush(self.heap, (time, self.order, what, who, datagram))

    def _new_sender(self) -> None:
        scenario = self.scenario
        session = self.random.getrandbits(64) | 1
        config = SenderConfig(
            acknowledged=scenario.acknowledged,
            ordered=scenario.ordered,
            datagram_size=None if scenario.framed else 1200,
            follows_path=scenario.follows_path,
            window=scenario.window,
            max_transmissions=scenario.max_transmissions,
            deadline=scenario.deadline,
        )
        self.sender = Sender(config, session=session, now=self.now)
        self.ledger = Ledger(session, scenario.messages)
        self.ledgers.append(self.ledger)
        self.by_session[session] = self.ledger
        self.sender_started = self.now
        self.peer_restarted = 0
        self.acknowledgments_seen = 0

    def _new_receiver(self) -> None:
        session = self.random.getrandbits(64) | 1
        scenario = self.scenario
        secret = self.random.randbytes(32)
        self.receiver = Receiver(
            session=session,
            now=self.now,
            framed=scenario.framed,
            limits=scenario.limits,
            cookies=Cookies(secret) if self.cookies else None,
            origin_of=lambda peer: peer[0],
            restore=self.store.get if scenario.store else None,
        )
        self.life = Life(session, self.receiver, Addresses(secret) if self.cookies else None)
        self.lives.append(self.life)
        self.receiver_timer = NEVER

    # -- the loop ----------------------------------------------------------------------------------------------------

    def run(self) -> int:
        """Until nothing more can happen; then the accounts are compared."""
        limit = MAX_STEPS_PER_MESSAGE * (self.scenario.messages + self.scenario.hostile + 100)
        heap = self.heap
        while True:
            at = min(heap[0][0] if heap else NEVER, self.sender_timer)
            if at == NEVER:
                if self._finish():
                    continue
                break
            at = min(at, self.receiver_timer, self.drain_at)
            if at < self.now:
                raise Broken(f"time runs backwards: {at - self.now} ns")
            self.now = at
            self.steps += 1
            if self.steps > limit:
                raise Broken(f"busy loop: {limit} steps and no end")
            if heap and heap[0][0] == at:
                self._happen(at)
            else:
                if self.sender_timer <= at:
                    self.sender.handle_timeout(now=at)
                    self._drain_sender(nothing_due=True)
                if self.receiver_timer <= at:
                    self.receiver.handle_timeout(now=at)
                    self._drain_receiver(nothing_due=True)
                if self.drain_at <= at:
                    self._application()
        self._final()
        return self.trace

    def _finish(self) -> bool:
        """Called when the heap is empty and the sender waits for nothing. True when that made something happen."""
        if self.quiet:
            return False
        ledger = self.ledger
        if self.remaining == 0 and not ledger.said_goodbye:
            if ledger.unresolved and self.scenario.acknowledged:
                raise Broken(f"{ledger.unresolved} messages unresolved, and the sender waits for nothing")
            ledger.said_goodbye = True
            self.sender.goodbye(now=self.now, confirm=True)
            self._drain_sender()
            return True
        # The last owed acknowledgments and timers of the receiver: two seconds more, then it is quiet.
        self.quiet = True
        self._at(self.now + 2 * SECOND, "quiet", None)
        return True

    def _happen(self, at: int) -> None:
        """Everything that happens at this instant, neighbours of one sort and one origin as a batch."""
        heap = self.heap
        while heap and heap[0][0] == at:
            _, _, what, who, datagram = heappop(heap)
            if what == "to receiver" or what == "to sender":
                batch = [datagram]
                while heap and heap[0][0] == at and heap[0][2] == what and heap[0][3] == who:
                    batch.append(heappop(heap)[4])
                if what == "to receiver":
                    self._give_receiver(batch, who)
                else:
                    self.acknowledgments_seen += 1
                    before = self.sender.rtt.latest
                    self._give_sender(batch, who)
                    if self.sender.rtt.latest != before:
                        self._check_sample(batch)
                    self._drain_sender()
            elif what == "send":
                self._send(who)
            elif what == "hostile":
                self._strike()
            elif what == "move":
                self.sender_peer = (f"sender {self.order}", 40_000)
                self._note(f"the sender is at {self.sender_peer}")
            elif what == "restart receiver":
                self._note(f"receiver restarts, {len(self.life.in_hand)} messages in hand")
                if self.scenario.store and self.random.random() < 0.5:
                    self._keep(self.life)  # it dies after the disk has it and before anybody hears of it
                self._new_receiver()
                self._drain_receiver()
            elif what == "restart sender":
                self._restart_sender(bool(who))

    def _note(self, what: str) -> None:
        if self.tell is not None:
            self.tell(f"{(self.now - self.start) / 1e9:12.6f}  {what}")

    def _give_receiver(self, batch: list[bytes], peer: tuple[str, int]) -> None:
        if self.life.addresses is not None:
            for datagram in batch:
                self.life.addresses.received(datagram, peer, now=self.now)
        self.receiver.receive(batch, now=self.now, peer=peer)
        self._drain_receiver()

    # -- the sending side --------------------------------------------------------------------------------------------

    def _payload(self) -> bytes:
        random, sizes = self.random, self.scenario.sizes
        dice = random.random()
        if sizes == "fragments":
            size = int(3000 + 17_000 * dice**8)
        elif sizes == "small":
            size = int(dice * 64)
        elif dice < 0.1:
            size = 0
        elif dice < 0.6:
            size = int(dice * 200)
        elif dice < 0.9:
            size = int(dice * 1000)
        elif dice < 0.98:
            size = random.choice((1136, 1143, 1144, 1145, 1156, 1160))
        else:
            size = random.randrange(1161, 5000)
        offset = random.randrange(len(POOL) - size)
        return POOL[offset : offset + size]

    def _send(self, count: int) -> None:
        ledger, now = self.ledger, self.now
        count = min(count, self.remaining)
        self.remaining -= count
        payloads = [self._payload() for _ in range(count)]
        first = len(ledger.payloads) + 1
        reply_to = self.random.choice((0, 0, 0, first, 2**40))
        given = self.sender.send(payloads, now=now, reply_to=reply_to)
        if given != range(first, first + count):
            raise Broken(f"send gave {given}, not {range(first, first + count)}")
        ledger.payloads += payloads
        ledger.accepted_at += [now] * count
        ledger.reply_to += [reply_to] * count
        ledger.unresolved += count
        self._note(f"send {given}")
        self._drain_sender()

    def _restart_sender(self, crash: bool) -> None:
        ledger = self.ledger
        self._note(f"sender restarts ({'crash' if crash else 'in order'})")
        if not crash:
            self.sender.abandon("the test restarts it", now=self.now)
            self._sender_events()
            if self.scenario.acknowledged and ledger.unresolved:
                raise Broken(f"{ledger.unresolved} messages unresolved after abandon")
            ledger.said_goodbye = True
            self.sender.goodbye(now=self.now)
            self._sender_data()
        else:
            ledger.crashed = True
        self._new_sender()
        self.sender_timer = NEVER

    def _drain_sender(self, *, nothing_due: bool = False) -> None:
        """`nothing_due`: after `handle_timeout` nothing may be due any more; else a timer may be due at this very instant."""
        sender = self.sender
        self._sender_events()
        self._sender_data()
        self._sender_events()
        timer = sender.next_timeout()
        if timer is None:
            self.sender_timer = NEVER
        else:
            if timer < self.now + nothing_due:
                raise Broken(f"busy loop: the sender's next timeout is {self.now - timer} ns ago after a drain")
            self.sender_timer = timer

    def _sender_events(self) -> None:
        ledger = self.ledger
        for event in self.sender.events():
            if type(event) is Outcome:
                sequence, state = event.sequence, event.state
                if not 0 < sequence <= len(ledger.payloads):
                    raise Broken(f"an outcome for message {sequence} that was never accepted")
                if ledger.ended[sequence]:
                    raise Broken(f"message {sequence} ended twice, now {state}")
                ledger.ended[sequence] = 1
                ledger.unresolved -= 1
                ledger.outcomes[state] += 1
                if ledger.transmitted[sequence]:
                    ledger.in_flight -= 1
                if self.now > ledger.accepted_at[sequence - 1] + self.scenario.deadline:
                    late = self.now - ledger.accepted_at[sequence - 1] - self.scenario.deadline
                    raise Broken(f"message {sequence} ended {state} {late} ns after its deadline")
                if state is State.DELIVERED:
                    if not ledger.delivered_ever[sequence]:
                        raise Broken(f"message {sequence} is DELIVERED and no application is done with it")
                elif not event.reason:
                    raise Broken(f"message {sequence} is {state} without a reason")
                if self.scenario.refused:
                    ledger.refused += state is State.REFUSED and ledger.transmitted[sequence] > 0
                elif (state is State.REFUSED) != (event.transmissions == 0):
                    raise Broken(f"message {sequence} is {state} after {event.transmissions} transmissions")
                elif event.transmissions != ledger.transmitted[sequence] and not self.scenario.cuts_anew:
                    count = ledger.transmitted[sequence]
                    raise Broken(f"message {sequence}: {event.transmissions} transmissions, the ledger says {count}")
                if event.rtt_ns is not None and not self._possible_rtt(event.rtt_ns):
                    raise Broken(f"message {sequence}: a round trip of {event.rtt_ns} ns is impossible")
                if self.tell is not None:
                    self._note(f"{event}")
            else:
                if type(event) is PeerRestarted:
                    self.peer_restarted += 1
                    if self.peer_restarted > self.scenario.receiver_restarts:
                        raise Broken(f"{self.peer_restarted} restarts of the receiver were noticed")
                if self.tell is not None:
                    self._note(f"sender: {event}")
        if ledger.unresolved != self.sender.unresolved and self.scenario.acknowledged:
            raise Broken(f"the sender says {self.sender.unresolved} unresolved, the ledger {ledger.unresolved}")

    def _possible_rtt(self, rtt: int) -> bool:
        # A hostile peer may be quicker than the link with what it overheard.
        return rtt >= self.forward.delay + self.backward.delay or self.scenario.hostile > 0

    def _check_sample(self, batch: list[bytes]) -> None:
        """A sample is the time since the very datagram that an acknowledgment of this batch names as the largest."""
        sent_at, latest = self.ledger.sent_at, self.sender.rtt.latest
        for datagram in batch:
            if len(datagram) >= 80 and datagram[3] == ACK:
                _, largest, delay, _, _, _, _, _, _ = ACK_BODY.unpack_from(datagram, 40)
                if largest < len(sent_at) and latest in (
                    self.now - sent_at[largest],
                    self.now - sent_at[largest] - delay * 1000,
                ):
                    return
        raise Broken(f"a round trip of {latest} ns was sampled, which no acknowledgment gives")

    def _give_sender(self, batch: list[bytes], peer: Hashable) -> None:
        for datagram in batch:
            if datagram[3:4] == bytes((CHALLENGE,)):
                session = HEADER.unpack_from(datagram)[5] if len(datagram) >= HEADER.size else 0
                self.ledger.challengers[datagram[HEADER.size : HEADER.size + COOKIE_SIZE]] = session
        self.sender.receive(batch, now=self.now, peer=peer)

    def _sender_data(self) -> None:
        sender, now, ledger = self.sender, self.now, self.ledger
        datagrams = each(sender.data_to_send(now=now))
        while (probe := sender.probe_to_send(now=now)) is not None:
            datagrams.append(probe)
        if not datagrams:
            return
        scenario = self.scenario
        acknowledged, framed, trace = scenario.acknowledged, scenario.framed, self.trace
        transmitted, carry = ledger.transmitted, self.forward.carry
        unpack = HEADER.unpack_from
        messages = began = 0
        for datagram in datagrams:
            trace = crc32(datagram, trace)
            _, _, kind, flags, _, session, number, sequence, _ = unpack(datagram)
            if session != ledger.session:
                raise Broken("a datagram of another session")
            if number != ledger.last_datagram_number + 1:
                raise Broken(f"datagram number {number} after {ledger.last_datagram_number}")
            ledger.last_datagram_number = number
            ledger.sent_at.append(now)
            if not framed and len(datagram) > (sender.datagram_size or 0) and not (scenario.follows_path and kind == PROBE):
                raise Broken(f"a datagram of {len(datagram)} bytes")
            if kind == COOKIE:
                challenger = ledger.challengers[datagram[HEADER.size : HEADER.size + COOKIE_SIZE]]
                since = now - ledger.last_cookie_at.get(challenger, -MILLISECOND)
                if since < MILLISECOND:
                    raise Broken(f"two COOKIEs within {since} ns: whoever forges CHALLENGEs makes us talk")
                ledger.last_cookie_at[challenger] = now
            if kind == MESSAGE:
                messages += 1
                if not 0 < sequence <= len(ledger.payloads):
                    raise Broken(f"message {sequence} sent, and never accepted")
                if ledger.ended[sequence]:
                    raise Broken(f"message {sequence} sent after it ended")
                first = not transmitted[sequence]
                if flags & FRAGMENT:
                    at = 52 if flags & ACK_REQUESTED else 40
                    index, _, cut, _, _ = FRAGMENT_BLOCK.unpack_from(datagram, at)
                    key = (sequence, index, cut)
                    count = ledger.fragments[key] = ledger.fragments.get(key, 0) + 1
                    transmitted[sequence] = max(transmitted[sequence], count)
                else:
                    count = transmitted[sequence] = transmitted[sequence] + 1
                if first:
                    began += 1
                    ledger.in_flight += 1
                if acknowledged:
                    if count > scenario.max_transmissions:
                        raise Broken(f"message {sequence}: transmission {count}")
                    below, said, _ = ACK_BLOCK.unpack_from(datagram, 40)
                    if said != count and not flags & FRAGMENT:
                        raise Broken(f"message {sequence}: transmission {count} says it is {said}")
                    self._check_lowest(ledger, below)
                elif count > 1:
                    raise Broken(f"message {sequence} sent again in fire-and-forget")
            if self.tell is not None:
                self._note(f"sender -> kind {kind} datagram {number} message {sequence} ({len(datagram)} bytes)")
            if scenario.refused and kind == MESSAGE and self.random.random() < scenario.refused:
                self._note("the system refuses it")
                sender.not_sent([datagram], "ENOBUFS", now=now)
                continue
            for at, arrived in carry(datagram, now=now):
                self._at(at, "to receiver", self.sender_peer, arrived)
        self.trace = hash((trace, now))
        if scenario.hostile and len(self.hostile.overheard) < 200:
            self.hostile.overheard += datagrams
        if acknowledged and messages and not framed:
            self._check_flight(
                ledger, sum(len(datagram) for datagram in datagrams if datagram[3] not in (COOKIE, PROBE)), began=began > 0
            )
        if scenario.window is not None and ledger.in_flight > scenario.window:
            raise Broken(f"{ledger.in_flight} messages in flight, the window is {scenario.window}")

    def _check_lowest(self, ledger: Ledger, below: int) -> None:
        """The lowest unresolved number may not pass a message that has not ended."""
        lowest = ledger.lowest_unresolved
        if below > lowest:
            lowest = ledger.ended.find(0, lowest)
            ledger.lowest_unresolved = lowest
            if below > lowest:
                raise Broken(f"lowest unresolved is said to be {below}, and {lowest} has not ended")

    def _check_flight(self, ledger: Ledger, size: int, *, began: bool) -> None:
        sender = self.sender
        congestion = sender.congestion
        if congestion.bytes_in_flight > congestion.window:
            raise Broken(f"{congestion.bytes_in_flight} bytes in flight, the congestion window is {congestion.window}")
        if not self.acknowledgments_seen and self.now < self.sender_started + INITIAL_RTO:
            # RFC 9002 section 7.2: ten datagrams at first. No acknowledgment came, and no timer has fired. A CHALLENGE says that
            # nothing of it was kept, so each of them leaves once more; anybody can forge one.
            ledger.first_flight += size
            if ledger.first_flight > 10 * 1200 * (2 if ledger.last_cookie_at else 1):
                raise Broken(f"{ledger.first_flight} bytes sent before any acknowledgment")
        if began and sender.credit is not None and sender.messages_in_flight > sender.credit:
            raise Broken(f"{sender.messages_in_flight} messages in flight, the credit is {sender.credit}")
        if began and sender.credit_bytes is not None and sender.messages_in_flight > 1:
            size = sender._outbox.bytes_in_flight
            if size > sender.credit_bytes:
                raise Broken(f"{size} bytes in flight, the credit is {sender.credit_bytes}")
        if self.scenario.window is not None and sender.messages_in_flight > self.scenario.window:
            raise Broken(f"{sender.messages_in_flight} messages in flight, the window is {self.scenario.window}")

    # -- the receiving side ------------------------------------------------------------------------------------------

    def _drain_receiver(self, *, nothing_due: bool = False) -> None:
        if self.scenario.application == "at once":
            self._take(None)
            if self.random.random() < 0.9:
                self._commit(self.life)
            elif self.drain_at == NEVER:
                self.drain_at = self.now + self.random.randrange(5 * MILLISECOND)
        self._receiver_data()
        receiver = self.receiver
        self._check_limits(receiver)
        timer = receiver.next_timeout()
        if timer is None:
            self.receiver_timer = NEVER
        else:
            if timer < self.now + nothing_due:
                raise Broken(f"busy loop: the receiver's next timeout is {self.now - timer} ns ago after a drain")
            self.receiver_timer = timer

    def _check_limits(self, receiver: Receiver) -> None:
        limits = self.scenario.limits
        if self.steps % 8 == 0:
            check_budget(receiver)
        if receiver.held_bytes < 0 or receiver.held_bytes > limits.total_bytes:
            raise Broken(f"{receiver.held_bytes} bytes held, the limit is {limits.total_bytes}")
        if receiver.sessions_open > limits.sessions:
            raise Broken(f"{receiver.sessions_open} sessions open, the limit is {limits.sessions}")

    def _application(self) -> None:
        """The application of `slow` and `bursts` comes by; that of `at once` where it did not say that it was done."""
        random = self.random
        if self.scenario.application == "at once":
            self.drain_at = NEVER
            self._commit(self.life)
            self._drain_receiver()
            return
        if self.scenario.application == "slow":
            took = self._take(random.randint(1, 3))
            pause = random.randrange(MILLISECOND, 10 * MILLISECOND) if took else 20 * MILLISECOND
        else:
            self._take(None)
            pause = random.randrange(20 * MILLISECOND, 800 * MILLISECOND)
        if random.random() < 0.3:
            self.receiver.flush(now=self.now)
        self._drain_receiver()
        self.drain_at = self.now + pause

    def _take(self, limit: int | None) -> int:
        life = self.life
        self._commit(life)
        took = size = 0
        waited: dict[int | None, list[int]] = {}
        for event in life.receiver.events(limit):
            if type(event) is Message:
                took += 1
                size += len(event.payload)
                if self.scenario.flood:
                    waited.setdefault(event.session, []).append(len(event.payload))
                self._deliver(life, event)
            else:
                if type(event) is Goodbye and event.session in self.by_session:
                    life.goodbyes.setdefault(event.session, []).append(event)
                    self._check_goodbye(life, event)
                elif type(event) is Goodbye:
                    life.strangers_gone.add(event.session)
                if self.tell is not None:
                    self._note(f"receiver: {event}")
        if limit is not None and took > limit:
            raise Broken(f"events({limit}) gave {took} messages")
        limits, sessions = self.scenario.limits, len(self.ledgers)
        most, most_bytes = limits.session_messages, limits.session_bytes
        if self.scenario.ordered:  # the one that others wait behind has a place beyond the limits
            most, most_bytes = most + 1, most_bytes + limits.max_message
        for session, sizes in waited.items():
            if len(sizes) > most:
                raise Broken(f"{len(sizes)} messages of session {session} waited for the application")
            if session is not None and sum(sizes) > most_bytes:
                raise Broken(f"{sum(sizes)} bytes of session {session} waited for the application")
        # What was handed over was held until now. Where nobody is hostile, no session is here but the honest ones.
        honest = not self.scenario.hostile and not self._may_be_corrupt()
        if honest and (took > most * sessions or size > most_bytes * sessions):
            raise Broken(f"{took} messages of {size} bytes waited, above the limits of {sessions} sessions")
        return took

    def _keep(self, life: Life) -> None:
        """The store has what the application has in its hands: nothing of it is handed over again, in any life."""
        for session, known in life.receiver.remembered():
            self.store[session] = known
        for message in life.in_hand:
            self._note_commit(life, message)

    def _commit(self, life: Life) -> None:
        """The application is done with what it has: now and then first with one of it."""
        if self.scenario.store:
            self._keep(life)
        if life.in_hand and self.random.random() < 0.2:
            message = life.in_hand.pop(self.random.randrange(len(life.in_hand)))
            life.receiver.done(message)
            self._note_commit(life, message)
        life.receiver.commit()
        for message in life.in_hand:
            self._note_commit(life, message)
        life.in_hand.clear()

    def _note_commit(self, life: Life, message: Message) -> None:
        session, sequence = message.session, message.sequence
        ledger = self.by_session.get(session)
        if ledger is None or not 0 < sequence <= len(ledger.payloads):
            return
        committed = life.committed.setdefault(session, bytearray(self.scenario.messages + 2))
        life.delivered_count += not committed[sequence]
        committed[sequence] = 1
        ledger.delivered_ever[sequence] = 1

    def _deliver(self, life: Life, message: Message) -> None:
        life.in_hand.append(message)
        if self.tell is not None:
            self._note(f"application has {message.session} {message.sequence} ({len(message.payload)} bytes)")
        session, sequence = message.session, message.sequence
        ledger = self.by_session.get(session)
        if ledger is None:
            if session is None and self.scenario.forward.flips:
                life.raw += 1
            elif not self.scenario.hostile and not self._may_be_corrupt():
                raise Broken(f"a message of session {session}, which nobody has")
            if session is not None:
                # A stranger who said goodbye and goes on may be forgotten in between, where the table is small.
                forgotten = self.scenario.flood or session in life.strangers_gone
                if (session, sequence) in life.strangers and not forgotten:
                    raise Broken(f"message {sequence} of stranger {session} delivered twice")
                life.strangers.add((session, sequence))
            return
        if not 0 < sequence <= len(ledger.payloads):
            if self._may_be_corrupt():
                if (session, sequence) in life.strangers:
                    raise Broken(f"message {sequence} delivered twice")
                life.strangers.add((session, sequence))
                return
            raise Broken(f"message {sequence} delivered, and never sent")
        delivered = life.delivered.get(session)
        if delivered is None:
            delivered = life.delivered[session] = bytearray(self.scenario.messages + 2)
        if delivered[sequence]:
            raise Broken(f"message {sequence} delivered twice in one receiver's life")
        if self.scenario.store and ledger.delivered_ever[sequence]:
            raise Broken(f"message {sequence} is in the store, and is delivered again")
        delivered[sequence] = 1
        if message.payload != ledger.payloads[sequence - 1] and not self._may_be_corrupt():
            raise Broken(f"message {sequence} delivered with other bytes")
        if (message.reply_to or 0) != ledger.reply_to[sequence - 1] and not self._may_be_corrupt():
            raise Broken(f"message {sequence} arrived as a reply to {message.reply_to}")
        if self.scenario.ordered:
            if sequence <= life.last_in_order.get(session, 0):
                raise Broken(f"message {sequence} delivered after {life.last_in_order[session]} in ordered mode")
            life.last_in_order[session] = sequence

    def _may_be_corrupt(self) -> bool:
        """Fire-and-forget has no checksum of its own: where bits flip, or somebody listens in, nothing is promised."""
        return not self.scenario.acknowledged and bool(self.scenario.forward.flips or self.scenario.hostile)

    def _check_goodbye(self, life: Life, event: Goodbye) -> None:
        if self._may_be_corrupt():
            return
        ledger = self.by_session[event.session]
        delivered = life.delivered.get(event.session, b"").count(1)
        if self.scenario.store:
            delivered = sum(map(max, life.delivered.get(event.session, bytes(len(ledger.ended))), ledger.delivered_ever))
        if event.messages_sent != ledger.sent():
            raise Broken(f"{event} says other than the {ledger.sent()} that were sent")
        if not 0 <= event.messages_lost <= event.messages_sent:
            raise Broken(f"{event}: lost is not within sent")
        if self.scenario.application == "at once" and event.messages_lost != event.messages_sent - delivered:
            raise Broken(f"{event}, and {delivered} are delivered")

    def _receiver_data(self) -> None:
        now, life = self.now, self.life
        out = life.receiver.data_to_send(now=now)
        if not out:
            return
        carry = self.backward.carry
        trace = self.trace
        for datagram, peer in out:
            trace = crc32(datagram, trace)
            if len(datagram) > 1200 and not self.scenario.framed:
                raise Broken(f"the receiver sends {len(datagram)} bytes")
            if peer == GARBAGE_PEER:
                raise Broken("a bad datagram was answered")
            if datagram[3] == ACK:
                self._check_acknowledgment(life, datagram)
            elif datagram[3] == MESSAGE:
                raise Broken("the receiver sends a message")
            if life.addresses is not None:
                life.addresses.sent(datagram, peer, now=now, honest=self._is_honest(datagram))
            if self.tell is not None:
                self._note(f"receiver -> {self._describe(datagram)} to {peer}")
            if peer == self.sender_peer:
                for at, arrived in carry(datagram, now=now):
                    self._at(at, "to sender", RECEIVER_PEER, arrived)
        self.trace = hash((trace, now))

    def _is_honest(self, datagram: bytes) -> bool:
        """Whether it acknowledges a session that did not end: after that it may be forgotten, and begin anew from anywhere."""
        ledger = self.by_session.get(ACK_BODY.unpack_from(datagram, 40)[0]) if datagram[3] == ACK else None
        return ledger is not None and not ledger.said_goodbye

    def _describe(self, datagram: bytes) -> str:
        _, _, kind, _, _, _, number, _, _ = HEADER.unpack_from(datagram)
        if kind != ACK:
            return f"kind {kind} datagram {number}"
        _, largest, delay, credit, size, below, arrived, delivered, _ = ACK_BODY.unpack_from(datagram, 40)
        ranges = [RANGE.unpack_from(datagram, 80 + 16 * index) for index in range(arrived + delivered)]
        return (
            f"ACK largest {largest} delay {delay} µs credit {credit} ({size} B) all below {below} "
            f"arrived {ranges[:arrived]} delivered {ranges[arrived:]}"
        )

    def _check_acknowledgment(self, life: Life, datagram: bytes) -> None:
        """It may claim only what this life's application has, or what the sender has given up already."""
        session, largest, _, _, _, below, arrived, delivered_ranges, _ = ACK_BODY.unpack_from(datagram, 40)
        ledger = self.by_session.get(session)
        if ledger is None:
            return
        if largest > ledger.last_datagram_number:
            raise Broken(f"datagram {largest} acknowledged, {ledger.last_datagram_number} was the last one sent")
        if not arrived and not delivered_ranges and below <= 1:
            return
        delivered = ledger.delivered_ever if self.scenario.store else life.committed.get(session)
        delivered = delivered or bytes(self.scenario.messages + 2)
        verified = life.verified_below.get(session, 1)
        while verified < below:
            verified = delivered.find(0, verified, below)
            if verified < 0:
                verified = below
            elif ledger.ended[verified]:
                verified += 1
            else:
                raise Broken(f"all below {below} acknowledged; the application is not done with {verified}")
        life.verified_below[session] = verified
        offset = 80
        before = 0
        for index in range(arrived + delivered_ranges):
            first, last = RANGE.unpack_from(datagram, offset)
            offset += 16
            if index == arrived:
                before = 0
            if not before < first <= last:
                raise Broken(f"ranges out of order: {first}-{last} after {before}")
            before = last
            if index < arrived:
                if last > ledger.last_datagram_number:
                    raise Broken(f"datagram {last} acknowledged, never sent")
                continue
            missing = delivered.find(0, first, last + 1) if last < len(delivered) else last
            while missing >= 0:
                if missing > len(ledger.payloads) or not ledger.ended[missing]:
                    raise Broken(f"message {missing} acknowledged; the application is not done with it")
                missing = delivered.find(0, missing + 1, last + 1)

    # -- the hostile peer --------------------------------------------------------------------------------------------

    def _strike(self) -> None:
        random, hostile = self.random, self.hostile
        dice = random.random()
        if dice < 0.25:
            self.garbage_sent += 1
            self._give_receiver([hostile.garbage()], GARBAGE_PEER)
        elif dice < 0.7:
            # Now and then from the honest peer's own address.
            peer = self.sender_peer if random.random() < 0.2 else HOSTILE_PEER
            if self.life.addresses is not None:
                hostile.cookies = self.life.addresses.cookies
            if self.scenario.flood and random.random() < 0.5:
                batch = hostile.flood()
            else:
                batch = [hostile.to_receiver() for _ in range(random.randint(1, 4))]
            self._give_receiver(batch, peer)
        else:
            peer = RECEIVER_PEER if random.random() < 0.5 else HOSTILE_PEER
            for datagram in [hostile.to_sender()] * random.choice((1, 1, 3)):
                self._give_sender([datagram], peer)
                self._drain_sender()

    # -- the end -----------------------------------------------------------------------------------------------------

    def _final(self) -> None:
        scenario = self.scenario
        if scenario.application != "never":
            while self._take(None):
                self._drain_receiver()
            self._commit(self.life)
        for ledger in self.ledgers:
            accepted = len(ledger.payloads)
            if scenario.acknowledged and not ledger.crashed and sum(ledger.outcomes.values()) != accepted:
                raise Broken(f"{accepted} accepted, and the outcomes are {ledger.outcomes}")
        check_budget(self.receiver)
        self._check_sender_counts()
        self._check_receiver_counts()
        accepted = sum(len(ledger.payloads) for ledger in self.ledgers)
        if scenario.acknowledged:
            delivered = sum(ledger.outcomes[State.DELIVERED] for ledger in self.ledgers)
        else:
            delivered = sum(ledger.delivered_ever.count(1) for ledger in self.ledgers)
        self.delivered_share = delivered / accepted
        if self.delivered_share < scenario.delivered_at_least:
            raise Broken(f"only {delivered} of {accepted} were delivered")
        self.trace = hash((self.trace, self.steps, delivered))

    def _check_sender_counts(self) -> None:
        sender, ledger, scenario = self.sender, self.ledger, self.scenario
        if sender.unresolved or sender.backlog:
            raise Broken(f"at the end {sender.unresolved} unresolved, backlog {sender.backlog}")
        first_time = ledger.sent()
        if sender.messages_sent != first_time:
            raise Broken(f"the sender counts {sender.messages_sent} messages sent, the ledger {first_time}")
        if scenario.acknowledged and not scenario.framed and sender.congestion.bytes_in_flight:
            raise Broken(f"{sender.congestion.bytes_in_flight} bytes in flight when everything has ended")
        again = sum(ledger.transmitted) - first_time - ledger.refused
        if not ledger.fragments and sender.retransmissions != again:
            raise Broken(f"the sender counts {sender.retransmissions} retransmissions, the ledger {again}")
        if scenario.no_retransmission and sender.retransmissions:
            raise Broken(f"{sender.retransmissions} retransmissions where nothing was lost or late")

    def _check_receiver_counts(self) -> None:
        scenario, life = self.scenario, self.life
        totals = life.receiver.totals()
        for name, value in vars_of(totals).items():
            if isinstance(value, int) and value < 0:
                raise Broken(f"totals.{name} is {value}")
        if scenario.hostile:
            if totals.malformed < self.garbage_sent:
                raise Broken(f"{self.garbage_sent} bad datagrams, {totals.malformed} counted")
            return
        if self._may_be_corrupt():
            return
        has = life.delivered_count
        if scenario.store:  # of each session that it knows, with what its earlier lives had
            known = [ledger for ledger in self.ledgers if life.receiver._sessions.find(ledger.session)]
            has = sum(ledger.delivered_ever.count(1) for ledger in known)
        if totals.messages_delivered != has + life.raw:
            raise Broken(f"{totals.messages_delivered} delivered in all, and the application has {has}")
        if scenario.within_limits and totals.over_limit:
            raise Broken(f"{totals.over_limit} over a limit, though the sender had credit for all that it sent")
        if scenario.no_retransmission and totals.duplicates + totals.reordered + totals.malformed:
            raise Broken(f"nothing goes wrong on this link, and the totals are {totals}")
        drained = scenario.application != "never"
        if totals.messages_sent is not None and totals.messages_lost is not None and drained:
            if totals.messages_sent != totals.messages_delivered - life.raw + totals.messages_lost:
                raise Broken(f"sent is not delivered + lost: {totals}")
            sent = sum(ledger.sent() for ledger in self.ledgers)
            if totals.sessions == len(self.ledgers) and totals.messages_sent != sent:
                raise Broken(f"{sent} were sent, and the totals are {totals}")
        ended = len(life.goodbyes) == len(self.ledgers) and scenario.acknowledged and drained
        if ended and life.receiver.held_bytes:
            raise Broken(f"{life.receiver.held_bytes} bytes held when everything has ended")


def check_budget(receiver: Receiver) -> None:
    """What is charged is what is there, counted anew."""
    delivery, sessions = receiver._delivery, receiver._sessions
    whole = [
        message for entry in [*delivery.waiting, *delivery.uncommitted] if isinstance(entry, Batch) for message in entry.messages
    ]
    parts, unfinished, unproved = 0, 0, 0
    for session in [*sessions._table.values(), *sessions._tombstones]:
        held = [len(message.payload) + MESSAGE_COST for message in session.held.values()]
        fragments = [part for reassembly in session.reassemblies.values() for part in reassembly._parts.values()]
        cost = REASSEMBLY_COST * len(session.reassemblies) + sum(len(part) + FRAGMENT_COST for part in fragments)
        whole += session.held.values()
        parts += cost
        unfinished += sum(held) + cost
        unproved += 0 if session.proved else sum(held) + cost
    there = sum(len(message.payload) + MESSAGE_COST for message in whole) + parts
    if receiver.held_bytes != there:
        raise Broken(f"{receiver.held_bytes} bytes are charged, and {there} are there")
    if (sessions._unfinished, sessions._unfinished_unproved) != (unfinished, unproved):
        raise Broken(f"{sessions._unfinished} bytes are unfinished, {unfinished} are there")
    if unfinished > receiver.limits.total_bytes * 3 // 4:
        raise Broken(f"{unfinished} bytes are unfinished")


def vars_of(totals: object) -> dict[str, object]:
    """The fields of a dataclass, with or without slots."""
    return {name: getattr(totals, name) for name in totals.__dataclass_fields__}  # type: ignore[attr-defined]
