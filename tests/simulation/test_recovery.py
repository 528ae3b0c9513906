"""A listener that was filled to its limits takes honest senders again, once whoever filled it has been silent for long enough.

The clock is a number that these tests move; the link loses nothing and takes no time.
"""

from struct import pack

import pytest

from tests.core.support import Receiver
from tests.simulation.hostile import ACK_REQUESTED, CHECKSUM, FRAGMENT, GOODBYE, MESSAGE, ORDERED, forge
from tests.simulation.link import MILLISECOND, SECOND
from udpmsg.core.config import Limits
from udpmsg.core.events import Duplicate, LimitReached, Message, Outcome, State
from udpmsg.core.sender import Sender, SenderConfig

PEER = ("honest", 40_000)
STRANGER = ("stranger", 40_001)
LONG_ENOUGH = 121 * SECOND
"""A little more than the two minutes after which a silent session may be forgotten."""


def asking(session: int, sequence: int, payload: bytes, *, flags: int = 0, more: bytes = b"", number: int = 1) -> bytes:
    """One acknowledged message, whole or a fragment."""
    return forge(
        MESSAGE,
        flags=ACK_REQUESTED | CHECKSUM | flags,
        session=session,
        datagram=number,
        sequence=sequence,
        blocks=pack(">QHH", 1, 1, 0) + more,
        payload=payload,
    )


def announces(session: int, total: int) -> bytes:
    """The first fragment of a message that never comes: 1000 bytes that reserve `total`."""
    return asking(session, 1, b"f" * 1000, flags=FRAGMENT, more=pack(">HHHHI", 0, -(-total // 1000), 1000, 0, total))


def waits_in_order(session: int, size: int) -> bytes:
    """The second of two ordered messages, of which the first never comes."""
    return asking(session, 2, b"o" * size, flags=ORDERED)


def honest_exchange(receiver: Receiver, session: int, now: int) -> tuple[list[State], list[bytes]]:
    """Twenty acknowledged messages: how they ended, and what the application has."""
    sender = Sender(SenderConfig(acknowledged=True, deadline=SECOND), session=session, now=now)
    payloads = [b"honest %d" % number for number in range(20)]
    sender.send(payloads, now=now)
    outcomes: list[State] = []
    delivered: list[bytes] = []
    for _ in range(1000):
        receiver.receive(sender.data_to_send(now=now), now=now, peer=PEER)
        delivered += [event.payload for event in receiver.events() if isinstance(event, Message) and event.session == session]
        answers = [data for data, peer in receiver.data_to_send(now=now) if peer == PEER]
        sender.receive(answers, now=now, peer=None)
        outcomes += [event.state for event in sender.events() if isinstance(event, Outcome)]
        times = [time for time in (sender.next_timeout(), receiver.next_timeout()) if time is not None]
        if not sender.unresolved or not times:
            break
        if not answers:
            now = max(now, min(times))
            receiver.handle_timeout(now=now)
            sender.handle_timeout(now=now)
    assert delivered == payloads[: len(delivered)]
    return outcomes, delivered


def everything_delivered(receiver: Receiver, session: int, now: int) -> bool:
    outcomes, delivered = honest_exchange(receiver, session, now)
    return outcomes == [State.DELIVERED] * 20 and len(delivered) == 20


@pytest.mark.parametrize(
    ("name", "fill"),
    [
        ("announced messages reserve all bytes", lambda session: announces(session, 1 << 20)),
        ("unfinished messages take every session", lambda session: announces(session, 2000)),
        ("ordered messages wait in every session", lambda session: waits_in_order(session, 10)),
        ("ordered messages hold all bytes", lambda session: waits_in_order(session, 1100)),
        ("whole messages take every session", lambda session: asking(session, 1, b"x")),
    ],
)
def test_who_filled_the_listener_and_fell_silent_does_not_shut_it_for_ever(name: str, fill: object) -> None:
    now = SECOND
    limits = Limits(total_bytes=1 << 20) if "ordered messages hold" in name else Limits()
    receiver = Receiver(session=1, now=now, limits=limits)
    for stranger in range(1100):
        receiver.receive([fill(1000 + stranger)], now=now, peer=STRANGER)  # type: ignore[operator]
        assert receiver.held_bytes <= limits.total_bytes
        assert receiver.sessions_open <= limits.sessions
        receiver.events()
        receiver.data_to_send(now=now)
    now += LONG_ENOUGH
    assert everything_delivered(receiver, 500_000, now), name
    assert receiver.held_bytes <= limits.total_bytes


def test_a_full_table_refuses_newcomers_and_keeps_what_suppresses_duplicates() -> None:
    now = SECOND
    receiver = Receiver(session=1, now=now, limits=Limits(sessions=8))
    assert everything_delivered(receiver, 7, now)
    for stranger in range(30):
        receiver.receive([asking(1000 + stranger, 1, b"x")], now=now, peer=STRANGER)
    assert receiver.sessions_open == 8
    assert any(isinstance(event, LimitReached) for event in receiver.events())
    now += 30 * SECOND
    receiver.receive([asking(7, 20, b"honest 19", number=500)], now=now, peer=PEER)
    events = receiver.events()
    assert [type(event) for event in events] == [Duplicate]


def test_a_message_in_the_queue_of_an_absent_application_outlives_its_session_in_the_table() -> None:
    now = SECOND
    receiver = Receiver(session=1, now=now, limits=Limits(sessions=2))
    receiver.receive([asking(7, 1, b"waits")], now=now, peer=PEER)
    now += 10 * LONG_ENOUGH
    for stranger in range(5):
        receiver.receive([asking(1000 + stranger, 1, b"x")], now=now, peer=STRANGER)
    assert receiver.sessions_open <= 2
    messages = [event for event in receiver.events() if isinstance(event, Message)]
    assert messages[0].payload == b"waits"


def test_many_short_sessions_one_after_the_other_never_fill_the_table() -> None:
    """A GOODBYE frees the place after a moment: 3000 runs of a command in half a minute, in a table of 1024."""
    now = SECOND
    receiver = Receiver(session=1, now=now)
    for run in range(3000):
        now += 10 * MILLISECOND
        sender = Sender(SenderConfig(), session=10_000 + run, now=now)
        sender.send([b"hello"], now=now)
        sender.goodbye(now=now)
        receiver.receive(sender.data_to_send(now=now), now=now, peer=("runs", run))
        assert any(isinstance(event, Message) for event in receiver.events())
    totals = receiver.totals()
    assert (totals.sessions, totals.messages_sent, totals.messages_delivered, totals.messages_lost) == (3000,) * 3 + (0,)
    assert totals.over_limit == 0


def test_goodbyes_free_a_full_table_soon_even_after_somebody_was_refused() -> None:
    now = SECOND
    receiver = Receiver(session=1, now=now, limits=Limits(sessions=8))
    for stranger in range(8):
        receiver.receive([asking(1000 + stranger, 1, b"x")], now=now, peer=STRANGER)
    receiver.receive([asking(7, 1, b"too early")], now=now, peer=PEER)
    assert receiver.totals().over_limit == 1
    now += SECOND
    for stranger in range(8):
        farewell = forge(
            GOODBYE,
            flags=ACK_REQUESTED | CHECKSUM,
            session=1000 + stranger,
            datagram=2,
            blocks=pack(">QHH", 2, 1, 0),
            payload=pack(">Q", 1),
        )
        receiver.receive([farewell], now=now, peer=STRANGER)
    receiver.events()
    now += 3 * SECOND
    assert everything_delivered(receiver, 8, now)


def test_huge_numbers_stop_nobody() -> None:
    """The largest numbers that the format has, in every place, from a peer that knows nothing."""
    for huge in (2**64 - 1, 2**64 - 2, 2**63, 2**63 - 1, 2**63 - 2):
        for below in (1, huge - 1, huge):
            now = SECOND
            receiver = Receiver(session=1, now=now)
            datagram = forge(
                MESSAGE,
                flags=ACK_REQUESTED | CHECKSUM,
                session=2**64 - 1,
                datagram=huge,
                sequence=huge,
                sent_at=2**64 - 1,
                blocks=pack(">QHH", below, 65535, 0),
                payload=b"x",
            )
            receiver.receive([datagram, datagram], now=now, peer=STRANGER)
            receiver.events()
            receiver.data_to_send(now=now)
            receiver.handle_timeout(now=now + SECOND)
            receiver.data_to_send(now=now + SECOND)
            assert receiver.totals().messages_missing >= 0
            assert everything_delivered(receiver, 7, now + SECOND)
