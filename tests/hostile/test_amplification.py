"""What a listener sends to an address that has proved nothing, beside what came from there. Loopback proves nothing either.

A datagram of a forged source address looks like one from a socket of that address; so the victim here is a socket that sends
itself.
"""

import time
from collections.abc import Callable

import pytest

from tests.cli.conftest import Commands, Running
from tests.hostile import codec
from tests.hostile.support import Peer, Record, is_served

Listen = Callable[..., Running]
LARGE = 1000
"""Bytes of a reply: many times what asks for it."""
CONTROL = 3
"""Times the bytes received: the most that a bare control answer may have (RFC 9000, section 8.1)."""
BUCKET, BUCKET_RATE = 16 * 1024, 4 * 1024
"""Bytes at once, and a second, to one address of peers that can prove nothing."""
BUCKET_OF_ALL = 256 * 1024
SESSION = 0x1234_5678_9ABC_DEF1


def is_challenge(datagram: bytes) -> bool:
    """Whether this asks an address to prove itself."""
    read = codec.read(datagram)
    return read is not None and read.kind == codec.CHALLENGE


def assert_nothing_gained(victim: Peer, record_property: Record) -> None:
    """One bare control answer for each datagram, with three bytes for one at most; of all else, also of more such answers, one
    byte for one."""
    bare, other = [], []
    for each in sorted(victim.received, key=is_challenge):
        read = codec.read(each)
        answers = read is not None and codec.is_bare(read) and len(bare) < len(victim.sent)
        (bare if answers else other).append(len(each))
    seen = f"{sum(bare)} bytes in {len(bare)} bare answers, {sum(other)} in {len(other)} others, "
    seen += f"for {victim.bytes_sent} in {len(victim.sent)}"
    record_property("seen", seen)
    assert sum(other) <= victim.bytes_sent, seen
    assert sum(bare) <= CONTROL * victim.bytes_sent, seen


def test_a_probe_from_another_address(listen: Listen, record_property: Record) -> None:
    """A session leaves as many gaps as an acknowledgment lists, in datagram numbers and in sequence numbers. Then probes of that
    session come from another address, which has proved nothing.
    """
    listener = listen()
    with Peer(listener.port, "127.0.0.1") as owner, Peer(listener.port) as victim:
        for number in range(1, 81, 2):
            owner.send(codec.message(SESSION, number, b"x", ask=True))
        owner.drain(quiet=0.5)
        assert max(map(len, owner.received)) > 500  # the lists are there: whose address sent it all hears them
        for number in range(10):
            victim.send(codec.pack(codec.PROBE, SESSION, 101 + 2 * number, lowest=1))
            victim.drain(quiet=0.1)
        victim.drain()
        assert_nothing_gained(victim, record_property)


def test_a_message_of_a_session_from_another_address(listen: Listen, record_property: Record) -> None:
    """The session's next messages come from another address: neither its lists nor the replies to it follow there."""
    listener = listen("--reply", "r" * LARGE)
    with Peer(listener.port, "127.0.0.1") as owner, Peer(listener.port) as victim:
        for number in range(1, 81, 2):
            owner.send(codec.message(SESSION, number, b"x", ask=True))
        owner.drain(quiet=0.5)
        for number in range(81, 101, 2):
            victim.send(codec.message(SESSION, number, b"x", ask=True))
        victim.drain()
        assert_nothing_gained(victim, record_property)


def test_a_query(listen: Listen, record_property: Record) -> None:
    """A question is as long as its longest answer, also from another address than the session's."""
    listener = listen()
    with Peer(listener.port, "127.0.0.1") as owner, Peer(listener.port) as victim:
        owner.send(*(codec.message(SESSION, number, b"x") for number in range(1, 201, 2)))
        owner.drain(quiet=0.5)
        victim.send(*(codec.query(SESSION, 201 + number) for number in range(10)))
        victim.drain()
        assert victim.received
        assert_nothing_gained(victim, record_property)


REPLIES = {"reply": ("--reply", "r" * LARGE), "command": ("--exec", "head -c 100000 /dev/zero | tr '\\0' r")}


@pytest.mark.parametrize("ask", [True, False], ids=["acknowledged", "fire-and-forget"])
@pytest.mark.parametrize("options", REPLIES.values(), ids=REPLIES)
def test_a_large_reply_to_a_small_message(
    commands: Commands, listen: Listen, record_property: Record, options: tuple[str, str], ask: bool
) -> None:
    """Messages of one byte, of sessions that prove nothing, are answered at length: not there. A sender of ours has its
    answer.
    """
    listener = listen(*options)
    with Peer(listener.port) as victim:
        for session in range(1, 11):
            victim.send(codec.message(SESSION + session, 1, b"x", ask=ask))
        victim.drain(quiet=1.7)
        assert_nothing_gained(victim, record_property)
    sender = commands.send(listener.address, "x", "--wait", "10s", "--json", *(["--ack"] if ask else []))
    assert sender.wait() == 0
    assert len(sender.events("reply")[0]["text"]) >= LARGE


def test_a_large_reply_to_a_raw_byte(listen: Listen, record_property: Record) -> None:
    """A raw peer can prove nothing, and still gets its answer; how much more goes there than came from there, a bucket says."""
    listener = listen("--reply", "r" * LARGE)
    with Peer(listener.port) as client:
        begun = time.monotonic()
        client.send(b"x")
        assert client.receive(10.0) == b"r" * LARGE
        for _ in range(10):
            client.send(*[b"x"] * 20)
            client.drain(quiet=0.05, at_most=0.2)
        client.drain()
        allowed = client.bytes_sent + BUCKET + BUCKET_RATE * (time.monotonic() - begun) + LARGE
        record_property("seen", f"{client.bytes_received} bytes for {client.bytes_sent}")
        assert client.bytes_received <= allowed


def test_large_replies_to_raw_bytes_of_many_addresses(listen: Listen, record_property: Record) -> None:
    """All addresses together have a bucket too. An honest sender is served beside them."""
    listener = listen("--reply", "r" * LARGE)
    victims = [Peer(listener.port, f"127.3.0.{2 + number}") for number in range(100)]
    begun = time.monotonic()
    for _ in range(30):
        for victim in victims:
            victim.send(b"x")
    assert is_served(listener.port)
    for victim in victims:
        victim.drain(quiet=0.01)
    received, sent = (sum(getattr(victim, name) for victim in victims) for name in ("bytes_received", "bytes_sent"))
    for victim in victims:
        victim.close()
    allowed = sent + BUCKET_OF_ALL * (1 + time.monotonic() - begun)
    record_property("seen", f"{received} bytes for {sent}")
    assert received <= allowed


def test_a_reply_that_nobody_confirms(listen: Listen, record_property: Record) -> None:
    """A reply that nobody confirms is sent again and again; to an address that proved nothing all of it together gains
    nothing.
    """
    listener = listen("--echo")
    with Peer(listener.port) as victim:
        victim.send(codec.message(SESSION, 1, b"x" * 20, ask=True))
        victim.drain(quiet=2.0, at_most=6.0)
        assert_nothing_gained(victim, record_property)
