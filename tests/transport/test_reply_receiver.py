"""Whose word is a reply, and what becomes of everything else that comes to a sender."""

import socket
from collections.abc import Callable
from contextlib import ExitStack
from itertools import islice

import pytest

from tests.core.support import RemoteReceiver, RemoteSender, acknowledged_sender, at, payloads, plain_sender, read
from tests.transport.support import LOOPBACK, PATIENCE
from udpmsg import LimitReached, Malformed, Message, Sender, State
from udpmsg.core.events import NOTICES_KEPT, Disconnected, Duplicate, Event, Goodbye, Outcome, PeerRestarted, Unreachable
from udpmsg.core.sender import Sender as CoreSender
from udpmsg.core.wire import Kind, decode, reply_session
from udpmsg.messaging import queues as queues_module
from udpmsg.messaging.queues import MALFORMED_TOLD, EventQueues
from udpmsg.messaging.reply_receiver import STRAY, ReplyReceiver
from udpmsg.sockets.endpoint import Endpoint

LISTENER = Endpoint("udp", LOOPBACK, 5000)


def a_reply_receiver(*, one_to_many: bool = False, acknowledged: bool = False, sent: int = 3) -> tuple[CoreSender, ReplyReceiver]:
    """Of a sender that has sent so many messages."""
    sender = acknowledged_sender() if acknowledged else plain_sender()
    send(sender, sent)
    return sender, ReplyReceiver(sender, raw=False, framed=False, max_message=1 << 20, one_to_many=one_to_many)


def send(sender: CoreSender, messages: int = 1) -> None:
    sender.send([b"?"] * messages, now=at(0))
    sender.data_to_send(now=at(0))


def answerer(session: int) -> RemoteSender:
    """A session that answers, fire and forget."""
    return RemoteSender(session, acknowledged=False)


def given(replies: ReplyReceiver, data: bytes) -> list[Event]:
    """What the application has of this datagram."""
    return replies.receive(data, now=at(1), peer=LISTENER)


def stray(data: bytes) -> list[Event]:
    return [Malformed(LISTENER, STRAY, len(data))]


# Who may answer ----------------------------------------------------------------------------------------------------------


def test_the_first_session_that_answers_is_the_one_that_may() -> None:
    _, replies = a_reply_receiver()
    first, other = answerer(1), answerer(2)
    assert payloads(given(replies, first.message(1, b"yes", reply_to=2))) == [b"yes"]
    for number in (1, 2, 3):
        data = other.message(number, b"no", reply_to=number)
        assert given(replies, data) == stray(data)
    assert payloads(given(replies, first.message(2, b"and yes", reply_to=1))) == [b"and yes"]
    assert replies.malformed == 3


def test_what_is_malformed_as_a_frame_is_malformed_behind_others_too() -> None:
    """A datagram says how long its payload is, a frame does not."""
    sender, _ = a_reply_receiver()
    replies = ReplyReceiver(sender, raw=False, framed=True, max_message=1 << 20, one_to_many=False)
    answers = RemoteSender(1, acknowledged=False, framed=True)
    assert payloads(given(replies, answers.message(1, b"yes", reply_to=1))) == [b"yes"]
    answers.framed = False
    assert [type(event) for event in given(replies, answers.message(2, b"no", reply_to=2))] == [Malformed]


def test_a_restarted_listener_shows_that_it_saw_a_message_and_may_answer() -> None:
    """Its new session can't be known to anybody who did not; that of somebody else, which is made at random, could be guessed."""
    sender, replies = a_reply_receiver()
    old, other, new = answerer(1), answerer(2), answerer(reply_session(sender.session, 7))
    given(replies, old.message(1, reply_to=1))
    data = other.message(1, reply_to=2)
    assert given(replies, data) == stray(data)
    assert payloads(given(replies, new.message(1, b"new", reply_to=2))) == [b"new"]
    data = old.message(2, reply_to=3)
    assert given(replies, data) == stray(data)  # it is the new one's turn


def test_once_the_receiver_was_found_restarted_any_session_may_be_the_next() -> None:
    sender, replies = a_reply_receiver(acknowledged=True)
    given(replies, answerer(1).message(1, reply_to=1))
    sender.receive([RemoteReceiver(7).ack((1, 1), below=2)], now=at(1))
    data = answerer(2).message(1, reply_to=2)
    assert given(replies, data) == stray(data)
    sender.receive([RemoteReceiver(8).ack((2, 2))], now=at(2))
    assert PeerRestarted(8) in sender.events()
    assert payloads(given(replies, answerer(1).message(2, b"late", reply_to=3))) == [b"late"]
    assert payloads(given(replies, answerer(2).message(2, b"new", reply_to=2))) == [b"new"]
    data = answerer(3).message(1, reply_to=2)
    assert given(replies, data) == stray(data)  # one restart, one change


def test_of_many_receivers_each_may_answer() -> None:
    _, replies = a_reply_receiver(one_to_many=True)
    for session in (1, 2, 3):
        assert payloads(given(replies, answerer(session).message(1, b"here", reply_to=1))) == [b"here"]
    data = answerer(4).message(1, reply_to=4)
    assert given(replies, data) == stray(data)


@pytest.mark.parametrize("number", [0, 4, 2**63 - 1])
def test_nobody_answers_what_was_never_sent(number: int) -> None:
    """0: it has no REPLY at all."""
    _, replies = a_reply_receiver()
    data = answerer(1).message(1, b"no", reply_to=number)
    assert given(replies, data) == stray(data)
    assert payloads(given(replies, answerer(2).message(1, b"yes", reply_to=3))) == [b"yes"]  # so that one may still be the first


def test_a_forged_reply_with_a_wrong_checksum_binds_nobody() -> None:
    _, replies = a_reply_receiver(acknowledged=True)
    forged = bytearray(RemoteSender(1).message(1, b"no", reply_to=1))
    forged[-1] ^= 1
    assert given(replies, bytes(forged)) == [Malformed(LISTENER, "wrong checksum", len(forged))]
    assert payloads(given(replies, RemoteSender(2).message(1, b"yes", reply_to=1))) == [b"yes"]
    assert replies.malformed == 1


@pytest.mark.parametrize("data", [b"", b"plain text", b"UM\x01\x01", b"UM\x02\x01" + bytes(60)])
def test_what_is_not_ours_is_no_reply(data: bytes) -> None:
    _, replies = a_reply_receiver()
    assert given(replies, data) == stray(data)
    assert replies.data_to_send(now=at(1)) == []


def test_a_reply_in_fragments() -> None:
    _, replies = a_reply_receiver(acknowledged=True)
    remote = RemoteSender(1)
    parts = [remote.message(1, part, fragment=(index, 2, 2, 4), reply_to=3) for index, part in enumerate((b"ab", b"cd"))]
    assert [payloads(given(replies, part)) for part in parts] == [[], [b"abcd"]]


def test_a_stray_is_not_acknowledged_and_a_reply_is() -> None:
    _, replies = a_reply_receiver(acknowledged=True)
    given(replies, RemoteSender(1).message(1, reply_to=1))
    assert replies.data_to_send(now=at(1)) == []  # the application may be done with it before the acknowledgment is due
    replies.commit()
    (acknowledgment,) = read(replies.data_to_send(now=at(1)))
    assert acknowledgment.kind is Kind.ACK
    given(replies, RemoteSender(2).message(1, reply_to=1))
    given(replies, RemoteSender(3).message(1))
    assert replies.data_to_send(now=at(1)) == []


def test_of_raw_bytes_everything_is_a_reply_as_long_as_there_is_room() -> None:
    sender = plain_sender()
    replies = ReplyReceiver(sender, raw=True, framed=False, max_message=1 << 20, one_to_many=False)
    for data in (b"", b"text", answerer(1).message(1)):
        assert given(replies, data) == [Message(data, LISTENER)]
        assert replies.receive(data, now=at(1), peer=LISTENER, full=True) == [
            LimitReached(LISTENER, 0, "replies", queues_module.REPLY_BYTES)
        ]
    assert (replies.malformed, replies.dropped) == (0, 3)


@pytest.mark.parametrize("say", [RemoteSender.probe, lambda remote: remote.goodbye(1), RemoteSender.query])
def test_whatever_else_is_said_counts_from_the_session_that_answers(say: Callable[[RemoteSender], bytes]) -> None:
    _, replies = a_reply_receiver(acknowledged=True)
    bound, other = RemoteSender(1), RemoteSender(2)
    before = say(bound)
    assert given(replies, before) == stray(before)
    given(replies, bound.message(1, reply_to=1))
    replies.data_to_send(now=at(1))
    data = say(other)
    assert given(replies, data) == stray(data)
    assert replies.data_to_send(now=at(1)) == []
    assert all(isinstance(event, Goodbye) for event in given(replies, say(bound)))
    assert len(replies.data_to_send(now=at(1))) == 1


# What waits for the application ------------------------------------------------------------------------------------------


def test_replies_that_nobody_takes_are_bounded_and_not_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues_module, "REPLY_BYTES", 3 * queues_module.REPLY_COST)
    _, replies = a_reply_receiver(acknowledged=True)
    waiting, remote = EventQueues(), RemoteSender(1)
    for sequence in range(1, 6):
        waiting.add(replies.receive(remote.message(sequence, b"", reply_to=1), now=at(1), peer=LISTENER, full=waiting.full))
    for below in (1, 4):  # nothing is delivered until the application is done with what it was given
        (acknowledgment,) = replies.data_to_send(now=at(1))
        assert decode(acknowledgment).payload[28:36] == below.to_bytes(8, "big")
        replies.commit()
    assert replies.dropped == 2
    (*replies, limit), in_hand = waiting.take()
    assert replies == in_hand
    assert len(payloads(replies)) == 3
    assert isinstance(limit, LimitReached)
    assert (limit.session, limit.limit, waiting.full) == (1, "replies", False)


def test_a_reply_that_is_taken_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues_module, "REPLY_BYTES", queues_module.REPLY_COST)
    waiting = EventQueues()
    waiting.add([Message(b"", LISTENER)])
    assert waiting.full
    assert waiting.take_reply() == Message(b"", LISTENER)
    assert (waiting.full, waiting.take_reply()) == (False, None)


def test_notices_are_told_once_while_they_wait_and_bounded_and_outcomes_never_lost() -> None:
    waiting = EventQueues()
    refused, ended = Unreachable(LISTENER, "Connection refused"), Disconnected(LISTENER, "end of stream")
    waiting.add([refused] * 1000)
    waiting.add([Duplicate(LISTENER, 1, sequence, 1) for sequence in range(5000)])
    waiting.add([Malformed(LISTENER, "odd", size) for size in range(5000)])
    waiting.add([Outcome(sequence, State.DELIVERED) for sequence in range(5000)])
    waiting.add([Outcome(5000, State.REFUSED), ended])
    events, _ = waiting.take()
    assert [event.sequence for event in events[:5001] if isinstance(event, Outcome)] == list(range(5001))
    assert events[5001] == refused
    assert sum(isinstance(event, Duplicate) for event in events) == NOTICES_KEPT - 1
    assert sum(isinstance(event, Malformed) for event in events) == MALFORMED_TOLD
    assert events[-1] == ended
    assert not waiting
    waiting.add([refused, Malformed(LISTENER, "odd", 1)])
    assert waiting.take() == ([refused], [])  # a refusal is told anew; of Malformed there were enough


@pytest.fixture
def peer(stack: ExitStack) -> socket.socket:
    """Whom a sender sends to; a test says what it answers."""
    opened = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    opened.bind((LOOPBACK, 0))
    opened.settimeout(PATIENCE)
    return opened


def test_an_honest_acknowledgment_among_strays(stack: ExitStack, peer: socket.socket) -> None:
    sender = stack.enter_context(Sender(LOOPBACK, peer.getsockname()[1], acknowledged=True))
    strays, rounds = 60, 20
    for number in range(1, rounds + 1):
        sender.send(b"hello")
        data, where = peer.recvfrom(2000)
        remote = RemoteReceiver()
        for stray_number in range(strays):
            peer.sendto(RemoteSender(stray_number + 1).message(1, bytes(stray_number)), where)
        session, said = decode(data).session, decode(data).number
        peer.sendto(remote.ack((said, said), below=number + 1, of=session, number=number), where)
        assert [(outcome.sequence, outcome.state) for outcome in sender.outcomes()] == [(number, State.DELIVERED)]
    assert sender.statistics().malformed == strays * rounds
    assert [type(event) for event in sender.poll()] == [Malformed] * MALFORMED_TOLD
    assert list(sender.replies(0)) == []


def test_a_fire_and_forget_sender_that_waits_proves_its_address(stack: ExitStack, peer: socket.socket) -> None:
    """What a listener asks before it sends an answer that is larger than what came."""
    sender = stack.enter_context(Sender(LOOPBACK, peer.getsockname()[1]))
    sender.send(b"hello")
    question, where = peer.recvfrom(2000)
    peer.sendto(RemoteReceiver().challenge(b"twelve bytes", of=decode(question).session), where)
    assert sender.poll(0) == []
    cookie = decode(peer.recv(2000))
    assert (cookie.kind, cookie.payload) == (Kind.COOKIE, b"twelve bytes".ljust(64, b"\0"))
    peer.sendto(answerer(9).message(1, b"the answer", reply_to=1), where)
    assert [reply.payload for reply in islice(sender.replies(PATIENCE), 1)] == [b"the answer"]
