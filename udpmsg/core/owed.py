"""What a receiver owes: acknowledgments, each at once or by a certain time, reports, and answers to single datagrams.

Owns whom and until when, and how much of it an address may be sent that has not proved itself. Knows neither sockets nor what
came: `udpmsg.core.receiver` says who is owed something.
"""

from collections.abc import Iterable, Sequence

from udpmsg.base.durations import MILLISECOND
from udpmsg.core import wire
from udpmsg.core.allowances import Allowances
from udpmsg.core.cookies import Cookies
from udpmsg.core.encoder import Encoder
from udpmsg.core.events import Peer
from udpmsg.core.rtt import MAX_ACK_DELAY
from udpmsg.core.session import Session
from udpmsg.core.sessions import Sessions
from udpmsg.core.wire import Datagram, Kind

CHALLENGE_PAUSE = 100 * MILLISECOND
"""How long a challenge has to be answered before an acknowledgment asks for it again."""
BARE_RANGES = 1
"""Ranges of an acknowledgment that any datagram may be answered with: its 100 bytes are less than twice what asked for it."""
CHALLENGE_SIZE = wire.HEADER.size + wire.COOKIE_SIZE + wire.CHECKSUM_BLOCK.size
"""Bytes of a challenge: no more than any message has that asks for an acknowledgment."""
ACK_SIZE = wire.HEADER.size + wire.ACK_BODY.size + wire.CHECKSUM_BLOCK.size
"""Bytes of an acknowledgment without ranges."""


class Owed:
    """What one receiver owes to all senders."""

    def __init__(self, sessions: Sessions, encoder: Encoder, allowances: Allowances, cookies: Cookies | None) -> None:
        self._sessions = sessions
        self._encoder = encoder
        self._allowances = allowances
        self._cookies = cookies
        self._now: dict[int, Session] = {}
        """Whose acknowledgment leaves with what is sent next, by session."""
        self._later: dict[int, tuple[int, Session]] = {}
        """Until when each session that is owed an acknowledgment must have it. The delay is the same for all, so these stand in
        the order of time: the table of what is due when."""
        self._answers: list[tuple[bytes, Peer]] = []
        """Encoded already: each answers one datagram, and is hardly longer than that."""
        self._questions: list[tuple[Session, int, int, Peer]] = []
        """To be answered: about which session, the QUERY's datagram number, from which sequence number on, who asked."""

    # What is owed --------------------------------------------------------------------------------------------------------

    def acknowledgment(self, session: Session, now: int, *, at_once: bool) -> None:
        """An acknowledgment of what has just come: at once, or after the longest delay that is allowed."""
        self.acknowledgments((session,), now, at_once=(session,) if at_once else ())

    def acknowledgments(self, sessions: Sequence[Session], now: int, *, at_once: Sequence[Session]) -> None:
        """The same of several sessions: which of these are owed one at once."""
        due = now + MAX_ACK_DELAY
        for session in sessions:
            self._later.setdefault(session.identity, (due, session))
        for session in at_once:
            self._now[session.identity] = session

    def acknowledgment_now(self, session: Session) -> None:
        """An acknowledgment with what is sent next."""
        self._now[session.identity] = session

    def delivered(self, sessions: Sequence[Session]) -> None:
        """Messages of these sessions are delivered now: the senders that asked for it are told."""
        for session in sessions:
            if session.acknowledged and session.identity not in self._later:
                self._now[session.identity] = session  # it was acknowledged as arrived, not as delivered

    def report(self, session: Session, question: int, begins_at: int, peer: Peer) -> None:
        """The answer to the QUERY with this datagram number."""
        self._questions.append((session, question, begins_at, peer))

    def disclaimer(self, question: Datagram, now: int, peer: Peer) -> None:
        """Somebody asked about a session of before this receiver's life, or one that was forgotten: say so, keep nothing."""
        self._allowances.grant_answer(peer)  # there is one for each datagram
        payload = wire.PROBE_REPLY_BODY.pack(question.session, question.number)
        data = self._encoder.answer(Kind.PROBE_REPLY, now, payload)
        self._answers.append((data, peer))

    def challenge(self, session: int, peer: Peer, now: int) -> None:
        """Send this address a cookie: with bytes that it has left, or as the answer to its datagram."""
        if self._allowances.grant(peer, CHALLENGE_SIZE) or self._allowances.grant_answer(peer):
            assert self._cookies is not None
            cookie = self._cookies.make(session, peer, now=now)
            self._answers.append((self._encoder.challenge(session, cookie), peer))

    # What leaves, and when -----------------------------------------------------------------------------------------------

    def data_to_send(self, now: int, kernel_drops: int | None) -> list[tuple[bytes, Peer]]:
        """What is due now. `kernel_drops`: what a report says of the socket."""
        if not (self._later or self._now or self._answers or self._questions):
            return []
        self.handle_timeout(now)
        batch: list[tuple[bytes, Peer]] = []
        questions, self._questions = self._questions, []
        for session, question, begins_at, peer in questions:
            report = session.report(question, begins_at, kernel_drops=kernel_drops)
            data = self._encoder.answer(Kind.REPORT, now, wire.encode_report(report))
            if self._allowances.grant(peer, len(data)):
                batch.append((data, peer))
        if self._now:
            owed, self._now = self._now, {}
            for identity in owed:
                self._later.pop(identity, None)
            batch += self._acknowledgments(owed.values(), now)
        answers, self._answers = self._answers, []
        return batch + answers

    def flush(self, *, now: int) -> None:
        """Every acknowledgment that is owed is due now. One that is kept back becomes urgent after the longest delay that is
        allowed."""
        for identity, (_, session) in self._later.items():
            self._now[identity] = session
        if len(self._now) > len(self._later):  # most often every one of them was owed one before
            for identity, session in self._now.items():
                self._later.setdefault(identity, (now + MAX_ACK_DELAY, session))

    def next_timeout(self) -> int | None:
        """When something is due, in nanoseconds; None: not before something comes in."""
        if self._now or self._answers or self._questions:
            return 0
        return next(iter(self._later.values()))[0] if self._later else None

    def urgent(self, now: int) -> bool:
        """Whether something is due that can't wait until the application asks for more: an answer to a question, or an
        acknowledgment that is owed for as long as one may be. What has just come is acknowledged with its delivery."""
        if self._answers or self._questions:
            return True
        return bool(self._later) and next(iter(self._later.values()))[0] <= now

    def handle_timeout(self, now: int) -> None:
        """Acknowledgments whose delay is over become due."""
        for identity, (due, session) in self._later.items():
            if due > now:
                break
            self._now[identity] = session

    # Helpers -------------------------------------------------------------------------------------------------------------

    def _acknowledgments(self, sessions: Iterable[Session], now: int) -> list[tuple[bytes, Peer]]:
        """What these sessions' senders are told now. Most are told by one datagram of one range: these are encoded in one pass,
        and leave first."""
        memory, limits, may_be_sent = self._sessions.memory_left(now), self._sessions.limits, self._allowances.grant_answer
        bodies, peers = [], []
        batch: list[tuple[bytes, Peer]] = []
        messages, size = memory
        credit = min(messages, limits.session_messages), min(size, limits.session_bytes)  # of most, of which nothing waits
        for session in sessions:
            waits = session.waiting_messages > 0
            body = session.bare(now, *(session.credit(limits, messages, size) if waits else credit))
            if body is not None and may_be_sent(session.peer, keep=waits):
                session.note_told_all(now)
                bodies.append(body)
                peers.append(session.peer)
            else:
                batch += self._encoded(session, now, memory)
        return [*zip(self._encoder.bare(bodies, now), peers, strict=True), *batch] if bodies else batch

    def _encoded(self, session: Session, now: int, memory: tuple[int, int]) -> list[tuple[bytes, Peer]]:
        """What this session's sender is told now, where there is `memory` for so many messages and bytes. Where its address may
        not be sent as much as that, it is asked to prove itself, and meanwhile gets an answer as short as one to a single
        datagram."""
        peer, ranges = session.peer, session.ranges(now)
        repeats = 0 if self._encoder.framed or ranges > BARE_RANGES else session.repeats
        if not self._allowances.proved(peer):
            bare = min(ranges, BARE_RANGES)
            pauses = session.challenged_at is not None and now - session.challenged_at < CHALLENGE_PAUSE
            # that messages are delivered matters more than that they arrived, unless a proof is on its way
            keep = session.waiting_messages > 0 and not pauses
            granted = ranges == bare and self._allowances.grant_answer(peer, keep=keep)
            granted = granted or self._allowances.grant(peer, ACK_SIZE + wire.RANGE.size * ranges)
            if not (granted or pauses or (keep and ranges == bare)):
                session.challenged_at = now
                self.challenge(session.identity, peer, now)
                return []
            if not (granted or self._allowances.grant_answer(peer, keep=keep)):
                return []  # its next datagram, or its cookie, is answered
            ranges = ranges if granted else bare
        credit, credit_bytes = session.credit(self._sessions.limits, *memory)
        acknowledgment = session.acknowledgment(now, credit=credit, credit_bytes=credit_bytes, ranges=ranges)
        payload = wire.encode_acknowledgment(acknowledgment)
        batch = [(self._encoder.answer(Kind.ACK, now, payload), peer)]
        while len(batch) <= repeats and self._allowances.grant_answer(peer, keep=True):
            batch.append((self._encoder.answer(Kind.ACK, now, payload), peer))
        return batch
