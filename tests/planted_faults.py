"""Do the tests notice when udpmsg is wrong? Plants one fault at a time in a copy and expects the tests to fail.

    python tests/planted_faults.py              every fault
    python tests/planted_faults.py credit rto   those whose name contains one of the words

Owns the list of faults, a temporary copy for each, and the processes that test them. Prints which test caught each, and
exits with 1 if one survives, if its place in the sources is not found exactly once, or if the sound copy fails.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
TOGETHER = 2
"""Copies tested at the same time."""
PATIENCE = 240.0
"""Seconds for the tests of one copy. A fault that makes them hang is noticed by that, too."""
SUITE = ("tests/core", "tests/simulation")
"""What every copy is tested with, unless its fault says otherwise."""
PATH = ("tests/core/test_path_mtu.py", "tests/core/test_path_sessions.py", "tests/core/test_newreno.py")
"""What finds out how large datagrams may be, and lives with it."""
SCENARIOS = (
    "loss-10",
    "duplication-50",
    "flips",
    "receiver-restarts",
    "never-drains",
    "ordered",
    "window-7",
    "deadline-short",
    "moves",
    "store",
)
"""The simulations that are run; the whole of them takes longer and is not needed to notice these faults."""


@dataclass(frozen=True)
class Fault:
    """A mistake that somebody could make: in `file`, `sound` is replaced by `faulty`. `suite`: which tests must notice."""

    name: str
    file: str
    sound: str
    faulty: str
    suite: tuple[str, ...] = SUITE


FAULTS = (
    Fault(
        "acknowledged before it is delivered",
        "core/receiver.py",
        "        session.arrivals.record(datagram.sequence)\n",
        "        session.arrivals.record(datagram.sequence)\n        session.deliver(datagram.sequence, datagram.sequence)\n",
    ),
    Fault(
        "window off by one",
        "core/outbox.py",
        "min(room, self._window - under_way)",
        "min(room, self._window + 1 - under_way)",
    ),
    Fault(
        "credit ignored",
        "core/outbox.py",
        "room = min(credit - under_way + self._arrived.count(), messages)",
        "room = messages",
    ),
    Fault(
        "credit in bytes ignored",
        "core/outbox.py",
        "if room > 0 and credit_bytes is not None and self.waiting_bytes > credit_bytes:",
        "if room > 0 and credit_bytes is None:",
    ),
    Fault(
        "an old credit of nothing stops a sender for good",
        "core/outbox.py",
        "return max(room, min(messages, under_way == 0))",
        "return max(room, 0)",
    ),
    Fault(
        "memory: what the application has is forgotten",
        "core/sessions.py",
        "        slow = [each for each in slow if not (each.acknowledged and each.queued_messages)]\n",
        "",
    ),
    Fault(
        "memory: gaps of all sessions without a limit",
        "core/sessions.py",
        "        return self._gaps + more <= most\n",
        "        return True\n",
    ),
    Fault(
        "budget: a title costs nothing",
        "core/budget.py",
        "return title.__sizeof__() if title else 0",
        "return 0",
    ),
    Fault(
        "what has begun to come is taken off the credit twice",
        "core/session.py",
        "self.waiting_bytes + self.unfinished_bytes",
        "self.waiting_bytes",
    ),
    Fault(
        "an old acknowledgment brings back its credit",
        "core/sender.py",
        "if number > self._newest_acknowledgment",
        "if number > 0",
    ),
    Fault(
        "round-trip time guessed for a retransmission",
        "core/sender.py",
        "self.rtt.sample(now - flight.sent_at,",
        "self.rtt.sample(now - (self._outbox.deadline - self.config.deadline),",
    ),
    Fault(
        "timer not restarted by an acknowledgment",
        "core/sender.py",
        "            self._in_flight.restart(now)\n",
        "            pass\n",
    ),
    Fault(
        "deadline ignored",
        "core/sender.py",
        "while self._outbox.deadline <= now:",
        "while self._outbox.deadline <= 0:",
    ),
    Fault(
        "one transmission too many",
        "core/sender.py",
        "if flight.ordinal < self.config.max_transmissions:",
        "if flight.ordinal <= self.config.max_transmissions:",
    ),
    Fault(
        "lowest unresolved off by one",
        "core/transmitter.py",
        "now=now, lowest=self.lowest, ordered",
        "now=now, lowest=self.lowest + 1, ordered",
    ),
    Fault(
        "what a restarted receiver lost is not sent again",
        "core/sender.py",
        "            self._events.append(PeerRestarted(session))\n            self._send_arrived_again()\n",
        "            self._events.append(PeerRestarted(session))\n",
    ),
    Fault(
        "limit of messages never applied",
        "core/sessions.py",
        "if session.waiting_messages + messages > limits.session_messages and not awaited:",
        "if messages > limits.session_messages and not awaited:",
    ),
    Fault(
        "limit of bytes never applied",
        "core/sessions.py",
        'return None if self._affords(cost, now, session, unfinished=unfinished) else "total_bytes"',
        "return None",
    ),
    Fault(
        "young sessions forgotten",
        "core/sessions.py",
        "if expires <= now and not session.queued_messages:",
        "if not session.queued_messages:",
    ),
    Fault(
        "ended sessions forgotten too soon",
        "core/sessions.py",
        "expires = session.last_seen_at + (ENDED_KEPT if",
        "expires = session.last_seen_at + (0 if",
    ),
    Fault(
        "an ended session leaves with what waits",
        "core/sessions.py",
        "if session.waiting_messages or not session.placed:",
        "if not session.placed:",
    ),
    Fault(
        "a late message of an ended session needs no place",
        "core/sessions.py",
        "if session.ended and not self._may_come_back(session, now):",
        "if session.ended and now < 0:",
    ),
    Fault(
        "commit: acknowledged when it is handed over",
        "core/delivery.py",
        "                if hand_over:\n                    events += entry.messages\n",
        "                if hand_over:\n                    events += entry.messages\n"
        "                    for first, last in stretches(entry.messages) if entry.session else ():\n"
        "                        entry.session.deliver(first, last)\n",
    ),
    Fault(
        "commit: done with one is done with all",
        "core/delivery.py",
        "return self._finish([alone])",
        "return self._finish([alone]) + self.commit()",
    ),
    Fault(
        "commit: what is in hand is not remembered",
        "core/receiver.py",
        "(session.identity, session.remembered(also)) for",
        "(session.identity, session.remembered()) for",
    ),
    Fault(
        "commit: the next life forgets the ranges",
        "core/session.py",
        "self.arrivals = Arrivals.of(known.all_below, known.delivered, known.count,",
        "self.arrivals = Arrivals.of(known.all_below, [], known.count,",
    ),
    Fault(
        "budget: nothing charged for a message",
        "core/sessions.py",
        "self.budget.used += (size + MESSAGE_COST) * messages",
        "self.budget.used += 0",
    ),
    Fault(
        "budget: nothing charged for a fragment",
        "core/sessions.py",
        "if not (self._affords(cost, now, session, unfinished=True) and self.budget.charge(cost)):",
        "if not self._affords(cost, now, session, unfinished=True):",
    ),
    Fault(
        "budget: an unfinished message costs nothing",
        "core/receiver.py",
        "cost = REASSEMBLY_COST + piece_cost(min(size, total - index * size), title=datagram.title)",
        "cost = piece_cost(min(size, total - index * size), title=datagram.title)",
    ),
    Fault(
        "budget: an unfinished message of which more came at once costs nothing",
        "core/receiver.py",
        " + REASSEMBLY_COST * (reassembly is None)",
        "",
    ),
    Fault(
        "runs of fragments: less is asked of the memory than one by one",
        "core/receiver.py",
        "(messages - 1) + REASSEMBLY_COST + piece_cost(total, fragments)",
        "messages",
    ),
    Fault(
        "runs of fragments: one that came before is left behind",
        "core/receiver.py",
        "if session.reassemblies and not session.reassemblies.keys().isdisjoint(part.sequences):",
        "if not part.sequences:",
    ),
    Fault(
        "runs of fragments: what fills the last one up is delivered",
        "core/runs.py",
        "if total < count * self.size:",
        "if total < 0:",
    ),
    Fault(
        "runs of fragments: the order is not looked at",
        "core/runs.py",
        "places = tuple(map(add, map(mul, sequences, counts), indexes))",
        "places = tuple(range(count))",
    ),
    Fault(
        "runs of fragments: taken though its sender gave it up",
        "core/session.py",
        "            and first >= self.arrivals.lowest\n",
        "",
    ),
    Fault(
        "runs of fragments: a flight forgets which fragment it begins with",
        "core/retransmission.py",
        "messages, fragment = divmod(index + number - self.first, self.fragments)",
        "messages, fragment = divmod(number - self.first, self.fragments)",
    ),
    Fault(
        "runs of fragments: what is delivered takes others with it",
        "core/retransmission.py",
        "self.first + (sequence - self.sequence) * self.fragments - (self.fragment & 0xFFFF) - 1",
        "self.first + (sequence - self.sequence) * self.fragments",
    ),
    Fault(
        "runs of fragments: a flight forgets of which cut it is",
        "core/retransmission.py",
        "return self.sequence + messages, self.fragment - index + fragment",
        "return self.sequence + messages, fragment",
    ),
    Fault(
        "runs of fragments: those of another cut are taken at once",
        "core/fragments.py",
        "if self._covered is not None or (size, total) != (self._size, self.total):",
        "if total != self.total:",
    ),
    Fault(
        "runs of fragments: what fills the last one up is kept",
        "core/fragments.py",
        "        self._parts[last] = self._parts[last][: end - last]\n",
        "",
    ),
    Fault(
        "runs of fragments: what fits no more is not cut anew before it leaves",
        "core/transmitter.py",
        "if not [message for message in cut if self._cut_anew(message, message.next_fragment)]:",
        "if cut:",
        suite=PATH,
    ),
    Fault(
        "runs of fragments: of those that are cut alike one is cut anew alone",
        "core/transmitter.py",
        "if not [message for message in cut if self._cut_anew(message, message.next_fragment)]:",
        "if not self._cut_anew(cut[0], cut[0].next_fragment):",
        suite=PATH,
    ),
    Fault(
        "the path: it becomes narrower than all that is sent, and nobody notices",
        "core/path_mtu.py",
        "        elif self._vanished_below >= VANISHED:\n",
        "        elif self.vanished < 0:\n",
        suite=PATH,
    ),
    Fault(
        "runs of fragments: cut alike means of one length",
        "core/outbox.py",
        "            and not (self.reply_to or self.title or other.reply_to or other.title)\n",
        "",
    ),
    Fault(
        "fragments: anything may fill the last one up",
        "core/wire.py",
        "if index == count - 1 and payload.count(0, total - index * size) < count * size - total:",
        "if count < 0:",
    ),
    Fault(
        "fragments: the last one is short",
        "core/fragments.py",
        "return -(-size // count)",
        "return -(-size // (count - 1 or 1)) - 1",
    ),
    Fault(
        "budget: nothing given back",
        "core/sessions.py",
        "        self.budget.used -= size + MESSAGE_COST * messages + titles\n        if session.ended",
        "        if session.ended",
    ),
    Fault(
        "budget: what is dropped with a place stays charged",
        "core/sessions.py",
        "            self.budget.give_back(cost)\n",
        "",
    ),
    Fault(
        "proof: an unproved address followed",
        "core/receiver.py",
        "        if self._allowances.proved(peer):\n            if newest",
        "        if peer:\n            if newest",
    ),
    Fault(
        "proof: any cookie proves",
        "core/receiver.py",
        "if self._cookies is None or not self._cookies.proves(cookie, datagram.session, peer, now=now):",
        "if self._cookies is None:",
    ),
    Fault(
        "proof: a cookie for another session proves",
        "core/cookies.py",
        "repr((session, peer, slot))",
        "repr((peer, slot))",
    ),
    Fault(
        "proof: a cookie from another address proves",
        "core/cookies.py",
        "repr((session, peer, slot))",
        "repr((session, slot))",
    ),
    Fault(
        "proof: a moved session counts as of its old address",
        "core/sessions.py",
        "            if session.placed:\n                self._leave(session)\n                self._enter(session)\n",
        "            pass\n",
    ),
    Fault(
        "allowance: what is sent is not counted",
        "core/allowances.py",
        "        account.left -= size\n        return True",
        "        return True",
    ),
    Fault(
        "allowance: short answers without a bound",
        "core/allowances.py",
        "        account.answers -= 1\n",
        "",
    ),
    Fault(
        "allowance: an acknowledgment as long as one likes",
        "core/owed.py",
        "granted = granted or self._allowances.grant(peer, ACK_SIZE + wire.RANGE.size * ranges)",
        "granted = True",
    ),
    Fault(
        "allowance: copies of an acknowledgment for nothing",
        "core/owed.py",
        "while len(batch) <= repeats and self._allowances.grant_answer(peer, keep=True):",
        "while len(batch) <= repeats:",
        ("tests/core/test_proof.py",),
    ),
    Fault(
        "the first flight is acknowledged once",
        "core/session.py",
        " if self.largest <= YOUNG else 0",
        " if not self.largest else 0",
        ("tests/core/test_session.py",),
    ),
    Fault(
        "slow start: a train that came in no time",
        "core/congestion/trains.py",
        "if until - since >= SHORTEST_TRAIN:",
        "if until > since:",
        ("tests/core/test_trains.py",),
    ),
    Fault(
        "slow start: the fastest train is believed",
        "core/congestion/trains.py",
        "if self._doubts and second else fastest",
        "if False else fastest",
        ("tests/core/test_trains.py",),
    ),
    Fault(
        "slow start: what was believed stays believed",
        "core/congestion/trains.py",
        "            self.disprove()\n",
        "            pass\n",
        ("tests/core/test_trains.py",),
    ),
    Fault(
        "slow start: what the receiver held came as late as its acknowledgment",
        "core/sender.py",
        "min(held, MAX_ACK_DELAY)",
        "0",
        ("tests/simulation/test_narrow.py",),
    ),
    Fault(
        "slow start: the queue that stands when it is over stays",
        "core/congestion/newreno.py",
        "self.ssthresh = self.window = self._slow_start.left_with(self.window)",
        "self.ssthresh = self.window",
        ("tests/simulation/test_narrow.py", "tests/core/test_slow_start.py"),
    ),
    Fault(
        "what never left is unconfirmed when it was cut anew",
        "core/outbox.py",
        "        self.failures = sum(self.transmissions) if never_left else self.failures\n",
        "",
        ("tests/core/test_path_sessions.py",),
    ),
    Fault(
        "a round trip of hours",
        "core/rtt.py",
        "        rtt = min(rtt, MAX_RTO)\n",
        "",
        ("tests/core/test_rtt.py",),
    ),
    Fault(
        "every acknowledgment names everything",
        "core/session.py",
        "return min(everything, RANGES_EACH * max(self.unacknowledged, 1))",
        "return everything",
        ("tests/core/test_session.py",),
    ),
    Fault(
        "who asks is not told of all",
        "core/receiver.py",
        "            session.asked = True\n",
        "",
        ("tests/core/test_session.py",),
    ),
    Fault(
        "acknowledgments are copied for ever",
        "core/session.py",
        " if self.largest <= YOUNG else 0",
        " if self.largest else 0",
        ("tests/core/test_session.py",),
    ),
    Fault(
        "allowance: the bucket of an address never empty",
        "core/allowances.py",
        "        bucket.take(above)\n",
        "",
    ),
    Fault(
        "places: nobody challenged where half are taken",
        "core/receiver.py",
        "        if not proved:\n            self._owed.challenge(datagram.session, peer, now)\n            if",
        "        if not proved:\n            if",
    ),
    Fault(
        "places: who gave way leaves no tombstone",
        "core/sessions.py",
        "        session.arrivals.forget(GAPS_KEPT)\n        self._tombstones.keep(session)\n",
        "        session.arrivals.forget(GAPS_KEPT)\n        self.totals_ended.add(session)\n",
    ),
    Fault(
        "places: young tombstones forgotten",
        "core/tombstones.py",
        "if oldest is not None and oldest.last_seen_at + kept_for(oldest) <= now:",
        "if oldest is not None:",
    ),
    Fault(
        "places: an address may keep more than its eighth",
        "core/sessions.py",
        "        share = max(self.limits.sessions // SHARE, 1)\n",
        "        share = self.limits.sessions\n",
    ),
    Fault(
        "places: an address keeps nothing",
        "core/sessions.py",
        "        share = max(self.limits.sessions // SHARE, 1)\n",
        "        share = 0\n",
    ),
    Fault(
        "places: one address fills all tombstones",
        "core/sessions.py",
        "if self._tombstones.of(self._origin_of(peer)) >= self._tombstones.most // SHARE:",
        "if now < 0:",
    ),
    Fault(
        "places: the silent never give way",
        "core/sessions.py",
        "if s.last_seen_at + GIVES_WAY_AFTER <= now), now)",
        "if s.last_seen_at < 0), now)",
    ),
    Fault(
        "memory: what goes on slowly never makes room",
        "core/sessions.py",
        "now - each.unfinished_since >= UNFINISHED_FOR]",
        "now - each.last_seen_at >= UNFINISHED_FOR]",
    ),
    Fault(
        "memory: the fastest makes room first",
        "core/sessions.py",
        "(each.proved, each.unfinished_came / (now - each.unfinished_since))",
        "(each.proved, -each.unfinished_came / (now - each.unfinished_since))",
    ),
    Fault(
        "memory: nothing is kept for whole messages",
        "core/sessions.py",
        "UNFINISHED = 3 / 4\n",
        "UNFINISHED = 1\n",
    ),
    Fault(
        "memory: the unproved may fill what is for unfinished messages",
        "core/sessions.py",
        "UNPROVED = 1 / 2\n",
        "UNPROVED = 1\n",
    ),
    Fault(
        "memory: who proves an address stays among the unproved",
        "core/sessions.py",
        "            self._unfinished_unproved -= session.unfinished_cost\n",
        "",
    ),
    Fault(
        "memory: what waits over connections leaves nothing for others",
        "core/sessions.py",
        "STREAMS = 1 / 4\n",
        "STREAMS = 1\n",
    ),
    Fault(
        "memory: strangers drive out who has proved an address",
        "core/sessions.py",
        "strangers = unfinished and not session.proved",
        "strangers = False",
    ),
    Fault(
        "memory: of several that were dropped the last alone must come again",
        "core/session.py",
        "self._dropped = min(before or first, first), max(after, last)",
        "self._dropped = last, last",
    ),
    Fault(
        "memory: many senders' messages undo what is given back",
        "core/intake.py",
        "sessions.budget.used += begun_with - left",
        "sessions.budget.used = sessions.budget.limit - left",
    ),
    Fault(
        "memory: whole messages drive out all that is unfinished",
        "core/sessions.py",
        "KEPT = 1 / 4\n",
        "KEPT = 0\n",
    ),
    Fault(
        "memory: what others wait behind finds no place",
        "core/receiver.py",
        "awaited=bool(awaited))",
        "awaited=False)",
    ),
    Fault(
        "memory: what waits behind a gap is not unfinished",
        "core/sessions.py",
        "        self._count_unfinished(session, _cost(message))\n",
        "        self._count_unfinished(session, 0)\n",
    ),
    Fault(
        "memory: who finds no room is not asked for a proof",
        "core/receiver.py",
        'if limit == "total_bytes" and session.acknowledged and not session.proved:',
        "if now < 0:",
    ),
    Fault(
        "places: who must send again is not told",
        "core/receiver.py",
        "if session is None or session.reneged:",
        "if session is None:",
    ),
    Fault(
        "places: who comes back is forgotten to make room for it",
        "core/sessions.py",
        "        self._tombstones.take(session)  # so that it is not what has to go\n        if not",
        "        if not",
    ),
    Fault(
        "claims: an impossible goodbye believed",
        "core/receiver.py",
        "if messages_sent < datagram.number and messages_sent <=",
        "if messages_sent >= 0 or messages_sent <=",
    ),
    Fault(
        "claims: an impossible time believed",
        "core/session.py",
        "self.times_believed = self.times_believed and difference <= LONGEST_FLIGHT",
        "self.times_believed = True",
    ),
    Fault(
        "a closed receiver takes what comes with many others",
        "messaging/receiver.py",
        "others = zip(messages, messages.peers, strict=True) if self.closed else core.receive_mixed(messages, now)",
        "others = core.receive_mixed(messages, now)",
        suite=("tests/transport/test_vector.py",),
    ),
    Fault(
        "an unconfirmed reply has no timer",
        "messaging/replies.py",
        "elif answered.due is None or due < answered.due:",
        "elif answered.due is not None and due < answered.due:",
        suite=("tests/transport/test_replies.py",),
    ),
    Fault(
        "what replies take is never free again",
        "messaging/replies.py",
        "self._budget.give_back(answered.cost + ANSWERED_COST)",
        "self._budget.give_back(0)",
        suite=("tests/transport/test_replies.py",),
    ),
    Fault(
        "any session's reply accepted",
        "messaging/reply_receiver.py",
        "if self._bound and not saw and self._restarts == self._sender.restarts:",
        "if not session:",
        suite=("tests/transport/test_reply_receiver.py",),
    ),
    Fault(
        "a reply to what was never sent accepted",
        "messaging/reply_receiver.py",
        "if not 1 <= wire.answered_number(message) <= self._sender.last_sequence:",
        "if not wire.answered_number(message):",
        suite=("tests/transport/test_reply_receiver.py",),
    ),
    Fault(
        "any session's goodbye accepted by a sender",
        "messaging/reply_receiver.py",
        "return session == self._bound",
        "return True",
        suite=("tests/transport/test_reply_receiver.py",),
    ),
    Fault(
        "strays told one by one",
        "messaging/queues.py",
        "if self._malformed_told <= MALFORMED_TOLD:",
        "if self._malformed_told:",
        suite=("tests/transport/test_reply_receiver.py",),
    ),
    Fault(
        "replies that nobody takes without a bound",
        "messaging/queues.py",
        "return self._reply_bytes >= REPLY_BYTES",
        "return self._reply_bytes < 0",
        suite=("tests/transport/test_reply_receiver.py",),
    ),
    Fault(
        "every forged CHALLENGE followed",
        "core/sender.py",
        "if now < self._cookie_from.get(datagram.session, now):",
        "if now < 0:",
    ),
    Fault(
        "forged CHALLENGEs use up transmissions",
        "core/retransmission.py",
        "gone = [flight for flight in self._flights if flight.ordinal == 1]",
        "gone = self._flights",
    ),
    Fault(
        "a CHALLENGE taken for congestion",
        "core/sender.py",
        "self._lose(self._in_flight.recall(), now, give_up_at=now + self.rtt.rto)\n",
        "self._lose(self._in_flight.recall(), now, give_up_at=now + self.rtt.rto)\n"
        "            self.congestion.on_congestion(now, now)\n",
    ),
    Fault(
        "an impossible claim believed",
        "core/asking.py",
        "return None if claim is None or claim > bound else claim",
        "return claim",
    ),
    Fault(
        "strays at the core without a bound",
        "core/sender.py",
        "if len(self._events) < NOTICES_KEPT:",
        "if self._events is not None:",
    ),
    Fault(
        "duplicate not suppressed",
        "core/receiver.py",
        "if novelty is Novelty.DUPLICATE or novelty is Novelty.STALE:",
        "if novelty is Novelty.STALE:",
    ),
    Fault(
        "order not kept",
        "core/receiver.py",
        "        if ordered:\n            self._delivery.put(self._sessions.in_order(session, message, now), session)",
        "        if False:\n            self._delivery.put(self._sessions.in_order(session, message, now), session)",
    ),
    Fault(
        "an acknowledgment waits for as long as the application goes on asking",
        "core/owed.py",
        "return bool(self._later) and next(iter(self._later.values()))[0] <= now",
        "return False",
    ),
    Fault(
        "checksum not verified",
        "core/wire.py",
        "CHECKSUM_BLOCK.unpack_from(data, end)[0] != crc32(memoryview(data)[:end])",
        "CHECKSUM_BLOCK.unpack_from(data, end)[0] < 0",
    ),
    Fault(
        "checksum not required",
        "core/wire.py",
        "and not flags & CHECKSUM:",
        "and flags < 0:",
    ),
    Fault(
        "RTTVAR computed after SRTT",
        "core/rtt.py",
        "            self.rttvar = (3 * self.rttvar + abs(self.srtt - R)) // 4\n"
        "            self.srtt = (7 * self.srtt + R) // 8\n",
        "            self.srtt = (7 * self.srtt + R) // 8\n"
        "            self.rttvar = (3 * self.rttvar + abs(self.srtt - R)) // 4\n",
    ),
    Fault(
        "timeout not doubled",
        "core/rtt.py",
        "self.timeouts += 1",
        "self.timeouts += 0",
    ),
    Fault(
        "loss threshold 2 instead of 3",
        "core/reordering.py",
        "PACKET_THRESHOLD = 3",
        "PACKET_THRESHOLD = 2",
    ),
    Fault(
        "checksums of a run not looked at",
        "core/runs.py",
        "if tuple(map(crc32, carried, map(crc32, tails, repeat(start)))) != checksums:",
        "if len(tails) != len(checksums):",
        ("tests/core/test_runs.py",),
    ),
    Fault(
        "a run with a gap taken as a whole",
        "core/session.py",
        "            messages.in_a_row\n            and",
        "            True\n            and",
        ("tests/property/test_runs.py",),
    ),
    Fault(
        "a run counted without a look at its limits",
        "core/receiver.py",
        "            return self._sessions.limit_reached(session, part.size, now, messages=len(part.numbers)) is None",
        "            return True",
        ("tests/property/test_runs.py",),
    ),
    Fault(
        "empty datagrams joined to a run",
        "core/framing.py",
        "if len(stretch) > 1 and stretch[0] else",
        "if len(stretch) > 1 else",
        ("tests/property/test_runs.py",),
    ),
    Fault(
        "a refused run is not sent one by one",
        "udp/sender.py",
        "                self.offload = False\n",
        "                self.offload = False\n                self.waiting.popleft()\n",
        ("tests/transport/test_offload.py",),
    ),
    Fault(
        "a run longer than the kernel takes",
        "core/framing.py",
        "return max(min(MOST_MESSAGES, MOST_BYTES // max(size, 1)), 1)",
        "return max(MOST_BYTES // max(size, 1), 1)",
        ("tests/core/test_runs.py",),
    ),
    Fault(
        "a lost tail waits for the timeout",
        "core/sender.py",
        "        if self._outbox.in_flight <= self.credit:",
        "        if False:",
    ),
    Fault(
        "window not reduced after a loss",
        "core/congestion/cubic.py",
        "BETA_CUBIC = 0.7",
        "BETA_CUBIC = 1.0",
    ),
    Fault(
        "reordering teaches nothing",
        "core/reordering.py",
        "self._left = RECOVERIES",
        "self._left = 0",
        ("tests/core/test_reordering.py",),
    ),
    Fault(
        "what reordering taught is never forgotten",
        "core/reordering.py",
        "self._left = max(self._left - 1, 0)",
        "pass",
        ("tests/core/test_reordering.py",),
    ),
    Fault(
        "a timeout is taken for reordering",
        "core/retransmission.py",
        "            if flight.overtaken:",
        "            if flight.deemed_lost:",
        ("tests/core/test_reordering.py",),
    ),
    Fault(
        "a window cut for nothing stays cut",
        "core/congestion/newreno.py",
        "if not self._doubtful:",
        "if False:",
        ("tests/core/test_reordering.py",),
    ),
    Fault(
        "a window is given back while something is missing",
        "core/congestion/newreno.py",
        "if not self._doubtful:",
        "if True:",
        ("tests/core/test_reordering.py",),
    ),
    Fault(
        "what is delivered is waited for until a range names it",
        "core/retransmission.py",
        "flights[0].sequence < below:",
        "False:",
        ("tests/core/test_reordering.py",),
    ),
    Fault(
        "what was sent again is guessed to have arrived",
        "core/retransmission.py",
        "while flights and flights[0].ordinal == 1 and",
        "while flights and",
        ("tests/core/test_reordering.py",),
    ),
    Fault(
        "newreno halves again for each loss of a round trip",
        "core/congestion/newreno.py",
        "        if sent_at <= self._recovery_start:\n            return\n        self._begin",
        "        self._begin",
    ),
    Fault(
        "newreno's window grows by a window each round trip for ever",
        "core/congestion/newreno.py",
        "2 * self.datagram_size * acknowledged",
        "2 * self.window * acknowledged",
    ),
    Fault(
        "cubic without fast convergence",
        "core/congestion/cubic.py",
        "if window < self._W_max else float(window)",
        "if False else float(window)",
    ),
    Fault(
        "cubic slower than Reno where that is faster",
        "core/congestion/cubic.py",
        "if self._cubic(t) < self._W_est:",
        "if False:",
    ),
    Fault(
        "cubic counts the time in which the application was the limit",
        "core/congestion/cubic.py",
        "self._epoch_start += now - self._heard_at",
        "self._epoch_start += 0",
    ),
    Fault(
        "slow start goes on while the delay rises",
        "core/congestion/slow_start.py",
        "if current >= self._minimum + (self._threshold // 2 if self._trains.known else self._threshold):",
        "if False:",
    ),
    Fault(
        "slow start knows no train",
        "core/congestion/trains.py",
        "if self._told > self.rate:",
        "if False:",
    ),
    Fault(
        "slow start knows a rate and sends faster",
        "core/congestion/newreno.py",
        "pace = min(pace, known)",
        "pass",
    ),
    Fault(
        "the initial window leaves at once, however many datagrams it has",
        "core/congestion/controller.py",
        "allowed = self._pacer.admit(room, INITIAL_INTERVAL, now, INITIAL_BURST)",
        "allowed = room",
    ),
    Fault(
        "the pace lets a window go at once after a pause",
        "core/congestion/pacer.py",
        "max(self._next_send_at, now - max(burst * interval, QUANTUM))",
        "self._next_send_at",
    ),
    Fault(
        "BBR adds up bursts that have pauses between them",
        "core/congestion/path_model.py",
        "        self._extra_acked_interval_start = now\n        self._extra_acked_delivered = 0\n",
        "        self._extra_acked_interval_start = now\n",
    ),
    Fault(
        "BBR stays in Startup",
        "core/congestion/bbr.py",
        "self._full_bw_now = self._full_bw_count >= FULL_BW_ROUNDS",
        "self._full_bw_now = False",
    ),
    Fault(
        "BBR does not look for the smallest round trip",
        "core/congestion/bbr.py",
        "if expired and self.state is not BbrState.PROBE_RTT and not self._idle_restart:",
        "if False:",
    ),
    Fault(
        "BBR does not yield to losses while it probes",
        "core/congestion/bbr.py",
        "if lost > note.in_flight * LOSS_THRESH:",
        "if False:",
    ),
    Fault(
        "BBR drains nothing",
        "core/congestion/bbr.py",
        "State.DRAIN: DRAIN_PACING_GAIN",
        "State.DRAIN: 1.25",
    ),
    Fault(
        "a rate that the application limited lowers nothing, and is taken for the path's",
        "core/congestion/delivery_rate.py",
        "limited = self.app_limited > 0",
        "limited = False",
    ),
    Fault(
        "the rate of a flight that is cut up is reckoned from its whole",
        "core/retransmission.py",
        "in_flight=self.note.in_flight - sum(self.sizes[end:])",
        "in_flight=self.note.in_flight",
        ("tests/property/test_timing.py",),
    ),
    Fault(
        "what a sender knew grows without end",
        "compare/knowledge.py",
        "            del self.rows[1::2]\n",
        "",
        ("tests/compare/test_knowledge.py",),
    ),
    Fault(
        "a kept comparison's link may change backwards in time",
        "compare/plausible.py",
        "if any(later <= earlier for earlier, later in pairwise(times)):",
        "if any(later < 0 for later in times):",
        ("tests/compare/test_saved.py",),
    ),
    Fault(
        "a spreadsheet computes what a stranger sent",
        "show/csvlines.py",
        'FORMULA = ("=", "+", "-", "@", "\\t", "\\r")',
        'FORMULA = ("=", "-", "\\t", "\\r")',
        ("tests/cli/test_inbox.py",),
    ),
    Fault(
        "what arrived looks lost beside what was",
        "compare/page/labels.py",
        "if lost else safe(text) for text, lost in wording(group, slope)",
        "if any(it for _, it in wording(group, slope)) else safe(text) for text, lost in wording(group, slope)",
        ("tests/compare/test_html.py",),
    ),
    Fault(
        "a page keeps to itself that the logs disagree",
        "compare/story.py",
        "for text in texts + disagreements(one)]",
        "for text in texts]",
        ("tests/compare/test_html.py",),
    ),
    Fault(
        "a saved run may hold more of what a sender knew than is kept",
        "compare/plausible.py",
        "if len(run.known) > MOST_KNOWN:",
        "if len(run.known) > 2 * MOST_KNOWN:",
        ("tests/compare/test_saved.py",),
    ),
    Fault(
        "TCP's window is told in segments",
        "tcp/information.py",
        "window_bytes=snd_cwnd * snd_mss",
        "window_bytes=snd_cwnd",
        ("tests/transport/test_path.py",),
    ),
    Fault(
        "TCP's round trip is read one member too early",
        "tcp/information.py",
        "fields[15:19]",
        "fields[14:18]",
        ("tests/transport/test_path.py",),
    ),
    Fault(
        "conflicting totals of fragments accepted",
        "core/fragments.py",
        "        if total != self.total:\n",
        "        if count < 0:\n",
    ),
    Fault(
        "what came of another cut is kept twice",
        "core/fragments.py",
        "            begin = last + 1\n",
        "",
    ),
    Fault(
        "pieces of a message without a limit",
        "core/fragments.py",
        "if len(self._parts) + len(gaps) > MAX_FRAGMENTS:",
        "if len(self._parts) < 0:",
    ),
    Fault(
        "a message that came in part comes whole, and is there twice",
        "core/receiver.py",
        "if datagram.fragment is None and datagram.sequence in session.reassemblies:",
        "if datagram.fragment is None and datagram.sequence < 0:",
    ),
    Fault(
        "the path: a size is believed before its probe is answered",
        "core/path_mtu.py",
        "        self._awaited[number] = size, now\n",
        "        self._awaited[number] = size, now\n        self.size = max(size, self.size)\n",
        suite=PATH,
    ),
    Fault(
        "the path: one lost probe proves that a size is too large",
        "core/path_mtu.py",
        "if self._misses >= (1 if 0 < self._hint < missed else MAX_PROBES):",
        "if self._misses >= 1:",
        suite=PATH,
    ),
    Fault(
        "the path: ICMP is believed",
        "core/path_mtu.py",
        "        self._hint = size = max(size, FLOOR)\n",
        "        self._hint = size = max(size, FLOOR)\n        self.size = min(size, self.size)\n",
        suite=PATH,
    ),
    Fault(
        "the path: whoever forges ICMP has probes sent without end",
        "core/path_mtu.py",
        "            self._hint_at = now + HINT_INTERVAL\n",
        "",
        suite=PATH,
    ),
    Fault(
        "the path: black holes are not noticed",
        "core/path_mtu.py",
        "        if self.vanished >= VANISHED:\n",
        "        if self.vanished < 0:\n",
        suite=PATH,
    ),
    Fault(
        "the path: what the interface refuses is probed without end",
        "core/path_mtu.py",
        "            self._passes = self._lower = self.vanished = 0\n",
        "            self._passes = self._lower = 0\n",
        suite=PATH,
    ),
    Fault(
        "the path: who sends one message after the other never notices a black hole",
        "core/sender.py",
        "            if self._path is not None and state is State.DELIVERED:",
        "            if self._path is not None:",
        suite=PATH,
    ),
    Fault(
        "the path: it is down, and taken for narrow",
        "core/path_mtu.py",
        "        if not self._lower_passes:\n",
        "        if self._lower_passes is None:\n",
        suite=PATH,
    ),
    Fault(
        "the path: it is never tried again",
        "core/path_mtu.py",
        "                self._raise_at = now + PMTU_RAISE_TIMER\n",
        "                pass\n",
        suite=PATH,
    ),
    Fault(
        "the path: nobody may cut up what is not known to pass",
        "core/path_mtu.py",
        "return self._passes >= self.size",
        "return True",
        suite=PATH,
    ),
    Fault(
        "the path: what fits no more is sent as it was",
        "core/transmitter.py",
        "            if length <= (way.datagram_size or 0):\n",
        "            if length > 0:\n",
        suite=PATH,
    ),
    Fault(
        "the path: ordinary messages that fit no more are sent whole",
        "core/transmitter.py",
        "if run.start > self._recheck or",
        "if run.start > 0 or",
        suite=PATH,
    ),
    Fault(
        "the path: a fragment of an earlier cut counts as one of the present",
        "core/outbox.py",
        "return name & 0xFFFF if name >> 16 == self.cut else None",
        "return name & 0xFFFF",
        suite=PATH,
    ),
    Fault(
        "the path: the window stays below two datagrams",
        "core/congestion/controller.py",
        "else max(self.window, self.minimum_window)",
        "else self.window",
        suite=PATH,
    ),
    Fault(
        "runs of fragments: what was skipped behind the first is taken back",
        "core/outbox.py",
        "            if not begin:\n                self.sent_run(message.sequence)",
        "            self.sent_run(message.sequence)",
        ("tests/core", "tests/property/test_lives.py"),
    ),
    Fault(
        "over a stream nobody tells what an earlier life has ended",
        "core/sender.py",
        "lossless = self._framed and not self._has_lives",
        "lossless = self._framed",
    ),
    Fault(
        "nobody is asked before the first timeout",
        "core/retransmission.py",
        "if sum(len(flight.sizes) for flight in flights) > PROBES:",
        "if False:",
    ),
    Fault(
        "a few are asked about as many are",
        "core/retransmission.py",
        "if sum(len(flight.sizes) for flight in flights) > PROBES:",
        "if True:",
    ),
    Fault(
        "a receiver is asked once alone what it has",
        "core/retransmission.py",
        "if self._probes == PROBES:",
        "if (self._probes and self._rtt.srtt is not None) or self._probes == PROBES:",
    ),
    Fault(
        "a receiver is asked without end",
        "core/retransmission.py",
        "if self._probes == PROBES:",
        "if False:",
    ),
    Fault(
        "one loss too few counted",
        "core/arrivals.py",
        "return max(messages_sent - self.unique, 0)",
        "return max(messages_sent - self.unique - 1, 0)",
    ),
    Fault(
        "question: forgotten gaps called delivered",
        "core/session.py",
        "forgotten=arrivals.forgotten,",
        "forgotten=0,",
    ),
    Fault(
        "question: the list ends after one part",
        "core/session.py",
        "arrivals.missing_from(begins_at, MAX_RANGES + 1)",
        "arrivals.missing_from(begins_at, MAX_RANGES)",
    ),
    Fault(
        "question: a late answer taken for a new one",
        "core/asking.py",
        "if asked_at is None or report.begins_at != self.begins_at:",
        "if asked_at is None:",
    ),
    Fault(
        "question: answered to where the session was, not to who asked",
        "core/receiver.py",
        "self._owed.report(session, datagram.number, begins_at, peer)",
        "self._owed.report(session, datagram.number, begins_at, session.peer)",
    ),
    Fault(
        "a stranger takes a place before it is looked at",
        "tcp/door.py",
        "        if error is None or endpoint in self._connections:\n",
        "        if True:\n",
        suite=("tests/transport/test_beginning.py",),
    ),
    Fault(
        "a stranger ends the connection whose name it has",
        "tcp/door.py",
        "        if error is None or endpoint in self._connections:\n",
        "        if error is None:\n",
        suite=("tests/transport/test_beginning.py",),
    ),
    Fault(
        "a stranger that was silent at first has its turn",
        "tcp/receiver.py",
        "            if foreign is not None:\n",
        "            if False:\n",
        suite=("tests/transport/test_beginning.py",),
    ),
    Fault(
        "who is known waits behind strangers",
        "tcp/receiver.py",
        "self._newcomers[:NEWCOMERS_AT_ONCE]",
        "self._newcomers",
        suite=("tests/transport/test_beginning.py",),
    ),
    Fault(
        "a stranger turned away is not counted",
        "tcp/door.py",
        "        self._tell(Malformed(endpoint, str(error), len(begins)))\n",
        "",
        suite=("tests/transport/test_beginning.py",),
    ),
    Fault(
        "who waits to be accepted waits behind closings",
        "tcp/receiver.py",
        "        if not self._more_wait:\n            self._door",
        "        if True:\n            self._door",
        suite=("tests/transport/test_beginning.py",),
    ),
    Fault(
        "a place for who says nothing, while others wait",
        "tcp/receiver.py",
        "not (begins or has_waited)",
        "False",
        suite=("tests/transport/test_beginning.py",),
    ),
    Fault(
        "who is at the door waits as long as others come",
        "tcp/door.py",
        "bool(self._silent) and self._silent[0][0] + PATIENCE_AT_THE_DOOR <= now",
        "False",
        suite=("tests/transport/test_beginning.py",),
    ),
    Fault(
        "one that was reset at the door ends its successor",
        "tcp/door.py",
        "            if not self._came_again(accepted, endpoint):\n",
        "            if True:\n",
        suite=("tests/transport/test_beginning.py",),
    ),
    Fault(
        "who says nothing waits at the door for ever",
        "tcp/door.py",
        "        if not for_long and len(self._silent) < self._room:\n",
        "        if True:\n",
        suite=("tests/transport/test_beginning.py",),
    ),
    Fault(
        "an honest beginning that is cut short turned away",
        "tcp/beginning.py",
        "(len(begin) < TOLD_BY or ",
        "(",
        suite=("tests/transport/test_beginning.py",),
    ),
    Fault(
        "limit of frames off by one",
        "core/framing.py",
        "return 0 < length <= limit",
        "return 0 < length <= limit + 1",
    ),
    Fault(
        "asyncio: time that a task waits does not count for the peers",
        "aio/driver.py",
        "            if not worked:",
        "            if False:",
        suite=("tests/aio",),
    ),
    Fault(
        "asyncio: cancelled, and delivered all the same",
        "aio/receiver.py",
        "await self.close(commit=error is None)",
        "await self.close()",
        suite=("tests/aio",),
    ),
    Fault(
        "asyncio: two tasks ask one receiver",
        "aio/receiver.py",
        "        with self._asks:\n            until = None if timeout is None else after(timeout)\n",
        "        if True:\n            until = None if timeout is None else after(timeout)\n",
        suite=("tests/aio/test_tasks.py",),
    ),
    Fault(
        "asyncio: taken from the iterable before there is room",
        "aio/sender.py",
        "                await self._room()\n                numbers = next(steps, None)\n",
        "                numbers = next(steps, None)\n                await self._room()\n",
        suite=("tests/aio",),
    ),
    Fault(
        "asyncio: the messages of two tasks mixed",
        "aio/sender.py",
        "        first, last = 0, 0\n        async with self._in_turn:\n",
        "        first, last = 0, 0\n        if True:\n",
        suite=("tests/aio/test_tasks.py",),
    ),
    Fault(
        "asyncio: what is cancelled while it opens stays open",
        "aio/facade.py",
        "        future.add_done_callback(discard_result)\n",
        "",
        suite=("tests/aio/test_cancelled.py",),
    ),
    Fault(
        "asyncio: a sender rests while nobody waits for it",
        "aio/sender.py",
        "always=True",
        "always=False",
        suite=("tests/aio",),
    ),
    Fault(
        "asyncio: a task that never has to wait keeps the loop",
        "aio/driver.py",
        "            await asyncio.sleep(0)\n",
        "            pass\n",
        suite=("tests/aio/test_exchange.py",),
    ),
    Fault(
        "asyncio: what goes wrong in between is told to nobody",
        "aio/driver.py",
        "            self._error = error\n",
        "",
        suite=("tests/aio/test_tasks.py",),
    ),
    Fault(
        "many at once: what comes twice is new again",
        "core/intake.py",
        "or not session.arrivals.highest < sequence <= MAX_NUMBER",
        "or not sequence <= MAX_NUMBER",
    ),
    Fault(
        "many at once: from any address",
        "core/intake.py",
        "                or (session.peer is not peer and session.peer != peer)\n",
        "",
        suite=("tests/core/test_intake.py", "tests/property/test_runs.py"),
    ),
    Fault(
        "many at once: no limit of memory",
        "core/intake.py",
        "                or size + MESSAGE_COST > left\n",
        "",
        suite=("tests/core/test_intake.py",),
    ),
    Fault(
        "many at once: a wrong checksum is as good",
        "core/intake.py",
        "seal_of(data, end)[0] != checksum(data[:end])",
        "len(data) < 0",
        suite=("tests/core/test_intake.py",),
    ),
    Fault(
        "many at once: nobody is owed an acknowledgment",
        "core/intake.py",
        "                owed.append(session)\n",
        "",
        suite=("tests/core/test_intake.py",),
    ),
    Fault(
        "many answers in one call: all to the first one's address",
        "udp/addressed.py",
        "fill(self._names, names[:count])",
        "fill(self._names, names[:1] * count)",
        suite=("tests/transport/test_addressed.py",),
    ),
    Fault(
        "many answers in one call: one that was refused stays for ever",
        "udp/receiver.py",
        "error.errno == errno.EMSGSIZE))\n                sent = 1\n",
        "error.errno == errno.EMSGSIZE))\n                sent = 0\n",
        suite=("tests/transport/test_addressed.py",),
    ),
    Fault(
        "acknowledgments of one range leave for nothing",
        "core/owed.py",
        "if body is not None and may_be_sent(session.peer, keep=waits):",
        "if body is not None:",
        suite=("tests/core/test_proof.py",),
    ),
    Fault(
        "acknowledgments of one range never say that everything is told",
        "core/owed.py",
        "                session.note_told_all(now)\n",
        "",
    ),
    Fault(
        "an ACK of one range: a wrong checksum is as good",
        "core/bare.py",
        "        or checksum != crc32(data[: LAYOUT.size])\n",
        "",
        suite=("tests/core/test_bare.py",),
    ),
    Fault(
        "a lone datagram: what waits behind it is left",
        "udp/receiver.py",
        "isinstance(received, Mixed) and not self._look():",
        "isinstance(received, Mixed):",
        suite=("tests/transport/test_other_systems.py",),
    ),
    Fault(
        "columns: a gap within a run is not seen",
        "core/header_columns.py",
        "pattern[:, 2] = pattern[:, 3] = np.arange(count)",
        "pattern[:, 2] = np.arange(count)",
        suite=("tests/core/test_columns.py",),
    ),
    Fault(
        "columns: a gap between runs is not seen",
        "core/header_columns.py",
        "and firsts[end] == [common, session, number + messages, sequence + messages, sent_at]",
        "and firsts[end][:2] == [common, session]",
        suite=("tests/core/test_columns.py",),
    ),
    Fault(
        "columns: what waits for the kernel is written over",
        "udp/sender.py",
        "                self.waiting = deque(map(kept, self.waiting))\n",
        "",
        suite=("tests/transport/test_arrays.py",),
    ),
    Fault(
        "columns: what did not leave yet is written over",
        "core/sender.py",
        "self._ready = [kept(message) for message in self._ready]",
        "self._ready = [message for message in self._ready]",
        suite=("tests/core/test_columns.py",),
    ),
    Fault(
        "many at once: a round without an end",
        "udp/receiver.py",
        "most = min((ROUND_BYTES - size) // LARGEST_DATAGRAM, (MOST_OF_ROUND - datagrams) // MOST_SEGMENTS, CALLS - 1) + 1",
        "most = CALLS",
        suite=("tests/transport/test_vector.py",),
    ),
    Fault(
        "reply to a reply answered",
        "messaging/receiver.py",
        "if message.reply_to is not None:",
        "if message.reply_to == 0:",
        suite=("tests/transport/test_exchange.py",),
    ),
    Fault(
        "what is only counted waits with its acknowledgment",
        "messaging/receiver.py",
        "if self._slow or self._counting_only:",
        "if self._slow:",
        suite=("tests/transport/test_commit.py",),
    ),
    Fault(
        "pipes: of a line's end that comes in two pieces a CR stays",
        "cli/lines.py",
        'if b"\\r" in piece or b"\\r" in ended[0]:',
        'if b"\\r" in piece:',
        suite=("tests/cli/test_lines.py",),
    ),
    Fault(
        "pipes: of a batch that was cut short the rest is forgotten",
        "cli/dialogue.py",
        "del batch[: len(numbers)]",
        "batch.clear()",
        suite=("tests/cli/test_pipes.py",),
    ),
    Fault(
        "pipes: a line without its end counts as written",
        "show/stream.py",
        "sum(end <= written for end in",
        "sum(end <= written + 1 for end in",
        suite=("tests/show/test_stream.py",),
    ),
    Fault(
        "pipes: of a batch all is acknowledged, also what is not written",
        "cli/listen_run.py",
        "self._written(together[:written])",
        "self._written(together)",
        suite=("tests/hostile/test_output.py",),
    ),
    Fault(
        "pipes: a percent sign in a key of JSON lines",
        "show/jsonlines.py",
        'part.replace("%", "%%")',
        "part",
        suite=("tests/cli/test_pipes.py",),
    ),
    Fault(
        "what is typed at a prompt is wiped away",
        "show/stream.py",
        'make_room = f"{INDEX * rows}',
        'make_room = f"\\r\\x1b[K{INDEX * rows}',
        suite=("tests/cli/test_pipes.py",),
    ),
    Fault(
        "link: a queue one longer than it is",
        "link/way.py",
        "len(self._waiting) >= self.path.queue",
        "len(self._waiting) > self.path.queue",
        suite=("tests/link/test_way.py",),
    ),
    Fault(
        "link: jitter lets frames overtake each other",
        "link/way.py",
        "leaves_at = max(through_at + max(0, delay) + held_back, self._last_leaves_at)",
        "leaves_at = through_at + max(0, delay) + held_back",
        suite=("tests/link/test_way.py",),
    ),
    Fault(
        "link: a policed frame takes its bytes all the same",
        "link/way.py",
        "        if takes > self._holds:\n            return False\n        self._holds -= takes\n        return True",
        "        self._holds -= takes\n        return self._holds >= 0",
        suite=("tests/link/test_changing.py",),
    ),
    Fault(
        "link: a policer that counts bits as bytes",
        "link/way.py",
        "self._full = police.burst * 8 * SECOND",
        "self._full = police.burst * SECOND",
        suite=("tests/link/test_changing.py",),
    ),
    Fault(
        "link: the delay of when a frame came, not of when it leaves the bottleneck",
        "link/way.py",
        "self._delays.at(through_at)",
        "self._delays.at(now)",
        suite=("tests/link/test_changing.py",),
    ),
    Fault(
        "link: each direction's changes count from its own first frame",
        "link/way.py",
        "self._beginning = Beginning() if beginning is None else beginning",
        "self._beginning = Beginning()",
        suite=("tests/link/test_changing.py",),
    ),
    Fault(
        "link: a frame keeps the rate that it began with",
        "link/changing.py",
        "if until is None or begins_at + bits // rate <= until:",
        "if until is None or begins_at < until:",
        suite=("tests/link/test_changing.py",),
    ),
    Fault(
        "link: a change holds a nanosecond late",
        "link/changing.py",
        "return self._values[bisect_right(self._from, self._beginning.since(now)) - 1]",
        "return self._values[max(0, bisect_right(self._from, self._beginning.since(now) - 1) - 1)]",
        suite=("tests/link/test_changing.py",),
    ),
    Fault(
        "link: a retransmission hit by a fault for the first transmission",
        "link/way.py",
        "if fault.kind is not identity.kind or fault.transmission != identity.transmission:",
        "if fault.kind is not identity.kind:",
        suite=("tests/link/test_way.py",),
    ),
    Fault(
        "nothing but refusals end messages though the receiver has answered",
        "core/sender.py",
        "if self._outbox.unresolved and not self.heard and self._refusals",
        "if self._outbox.unresolved and self._refusals",
    ),
    Fault(
        "lives: what was given up is called gone",
        "core/transmitter.py",
        "return min(self._outbox.lowest, self.left) if",
        "return self._outbox.lowest if",
        suite=("tests/core/test_lives.py", "tests/property/test_lives.py"),
    ),
    Fault(
        "lives: datagram numbers are used twice",
        "messaging/spool.py",
        "Earlier(self._started, accepted, lives * LIFE)",
        "Earlier(self._started, accepted, 0)",
        suite=("tests/test_spool.py",),
    ),
    Fault(
        "spool: what nobody confirmed leaves it",
        "messaging/spool.py",
        "if isinstance(event, Outcome) and event.state is State.DELIVERED:",
        "if isinstance(event, Outcome):",
        suite=("tests/test_spool.py",),
    ),
    Fault(
        "spool: accepted without waiting for the disk",
        "messaging/spool.py",
        "        with self._database.transaction() as connection:\n            rows",
        "        with self._database.transaction(durable=False) as connection:\n            rows",
        suite=("tests/test_spool.py",),
    ),
    Fault(
        "link: both directions draw the same lots",
        "link/faults.py",
        "seed, identity.direction, KIND_NUMBERS",
        "seed, 0, KIND_NUMBERS",
        suite=("tests/link/test_faults.py",),
    ),
    Fault(
        "ledger: a reordered message counted as in order",
        "compare/ledger.py",
        "if sequence < highest:",
        "if sequence < highest - 1:",
        suite=("tests/compare/test_ledger.py",),
    ),
    Fault(
        "ledger: causes guessed from the kernel's count",
        "compare/ledger.py",
        "if not run.kernel_drops or run.over_limit:",
        "return bool(run.kernel_drops)\n        if not run.kernel_drops or run.over_limit:",
        suite=("tests/compare/test_ledger.py", "tests/compare/test_audit.py"),
    ),
    Fault(
        "audit: nothing is ever missing",
        "compare/audit.py",
        "if missing > discarded + over_limit:",
        "if missing > discarded + over_limit + 1:",
        suite=("tests/compare/test_audit.py",),
    ),
)


@dataclass(frozen=True)
class Verdict:
    """What the tests of one copy said: pytest's exit code (None: it hung), the first test that failed, and how long it took."""

    code: int | None
    test: str
    seconds: float
    output: str


def copy(place: Path) -> None:
    """The package, its tests and their settings, without anything compiled."""
    nothing_compiled = shutil.ignore_patterns("__pycache__", ".hypothesis")
    for part in ("udpmsg", "tests", "docs"):
        shutil.copytree(PROJECT / part, place / part, ignore=nothing_compiled)
    for part in ("pyproject.toml", "README.md"):
        shutil.copy(PROJECT / part, place / part)


def check_place(fault: Fault) -> None:
    """The sources have moved on where a mistake can't be made any more: then this list must follow."""
    found = (PROJECT / "udpmsg" / fault.file).read_text(encoding="utf-8").count(fault.sound)
    if found != 1:
        raise SystemExit(f"planted faults: {fault.name!r}: its place was found {found} times in {fault.file}, not once")


def plant(fault: Fault, place: Path) -> None:
    """Make the mistake."""
    source = place / "udpmsg" / fault.file
    source.write_text(source.read_text(encoding="utf-8").replace(fault.sound, fault.faulty), encoding="utf-8")


def test(place: Path, suite: tuple[str, ...]) -> Verdict:
    """Run the tests of a copy against that copy, up to the first failure."""
    unwanted = [f"--deselect=tests/simulation/test_simulation.py::test_every_promise_is_kept[{n}]" for n in others(place)]
    environment = {**os.environ, "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=no", "--timeout=60", "-p", "no:cacheprovider"]
    begun = time.monotonic()
    if not suite:
        return Verdict(0, "", 0.0, "")
    try:
        run = subprocess.run(
            [*command, *unwanted, *(part for part in suite if (place / part).exists())],
            check=False,
            cwd=place,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return Verdict(None, f"(hung for {PATIENCE:g} s)", time.monotonic() - begun, "")
    caught = re.search(r"^(?:FAILED|ERROR) (?:tests/)?(.+?)(?: - .*)?$", run.stdout, re.MULTILINE)
    return Verdict(run.returncode, caught[1] if caught else "", time.monotonic() - begun, run.stdout + run.stderr)


def others(place: Path) -> list[str]:
    """The scenarios that are not run here."""
    program = "import udpmsg, tests.simulation.scenarios as s; print(udpmsg.__file__, *s.SCENARIOS)"
    environment = {**os.environ, "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run([sys.executable, "-c", program], check=True, cwd=place, env=environment, capture_output=True, text=True)
    tested, *scenarios = run.stdout.split()
    assert Path(tested).is_relative_to(place), f"the tests would test {tested}"
    missing = set(SCENARIOS) - set(scenarios)
    assert not missing, f"no such scenarios: {', '.join(sorted(missing))}"
    return [name for name in scenarios if name not in SCENARIOS]


def examine(fault: Fault | None, suite: tuple[str, ...]) -> Verdict:
    """Test one copy, with the fault in it or, for None, as it is."""
    with tempfile.TemporaryDirectory(prefix="udpmsg-planted-") as directory:
        place = Path(directory).resolve()
        copy(place)
        if fault is not None:
            plant(fault, place)
            verdict = test(place, about(fault, place))
            if verdict.code == 1:
                return verdict
        return test(place, suite)


def about(fault: Fault, place: Path) -> tuple[str, ...]:
    """The tests that bear the name of the file with the fault: they go first, by themselves, as they mostly catch it."""
    name = Path(fault.file).stem
    return tuple(str(path.relative_to(place)) for path in sorted((place / "tests/core").glob(f"test_{name}*.py")))


def main() -> int:
    """Examine sound copies, one for each part of the suites, then every fault; print a table; 0 when all is as it must be."""
    words = sys.argv[1:]
    chosen = [fault for fault in FAULTS if not words or any(word in fault.name for word in words)]
    for fault in chosen:
        check_place(fault)
    width = max(len(fault.name) for fault in FAULTS)
    parts = dict.fromkeys(part for fault in chosen for part in fault.suite)
    with ThreadPoolExecutor(TOGETHER) as pool:
        seconds = 0.0
        for verdict in pool.map(lambda part: examine(None, (part,)), parts):
            if verdict.code != 0:  # then nothing that fails below would prove anything
                print(verdict.output, file=sys.stderr)
                print(f"planted faults: without any fault the tests fail: {verdict.test}", file=sys.stderr)
                return 1
            seconds += verdict.seconds
        print(f"{'planted fault':<{width}}  caught by")
        print(f"{'(none)':<{width}}  nobody, as it must be  ({seconds:.1f} s)", flush=True)
        survivors = 0
        for fault, verdict in zip(chosen, pool.map(lambda fault: examine(fault, fault.suite), chosen), strict=True):
            caught = verdict.code in (None, 1)  # 1: a test failed; anything else is not the tests' doing
            survivors += not caught
            said = verdict.test if caught else f"NOBODY (pytest ended with {verdict.code})"
            print(f"{fault.name:<{width}}  {said}  ({verdict.seconds:.1f} s)", flush=True)
    if survivors:
        print(f"planted faults: {survivors} of {len(chosen)} survived", file=sys.stderr)
        return 1
    print(f"planted faults: all {len(chosen)} caught")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
